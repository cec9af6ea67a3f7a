/* What a client asks about its own mail (XMINE), on its way to the queue: who may ask, how often, and about whose mail. On vault's loop; parts.h
 * includes it. */
#ifndef VAULT_MINE_H
#define VAULT_MINE_H

#include "policy/rate.h"

enum { MINE_ASKED_MOST = 128 /* at the queue, at a time */, MINE_RATES = 1024 };
struct mine { struct rate_state rates[MINE_RATES] /* by account */; size_t asked; };

struct peer;
struct msg;
void mine_asked(struct peer *, struct msg *);
/* Whose is it? owner: who signed in, where he acts for the account; else 0. false: no such session is known to be his. (sessions.c) */
bool session_is_of(const struct peer *, uint64_t session, int64_t account, int64_t credential, int64_t *owner) GP_MUST_USE;

#endif
