/* Tokens that their issuer has called active a moment ago, so that not every sign-in asks it again. A token is known by its digest
 * under a key of this process; bounded in number, and in time by the plan and by the token's own end. Pure; no lock of its own. */
#ifndef LOOKUP_TOKEN_CACHE_H
#define LOOKUP_TOKEN_CACHE_H

#include "lookup/parts.h"

enum { TOKEN_CACHE_MOST = 2048 };
struct token_cache;
struct token_cache *token_cache_open(void); /* NULL: no memory */
void                token_cache_close(struct token_cache *);
/* until: monotonic; expires: seconds since 1970, 0: the token does not say. */
void token_cache_keep(struct token_cache *, gp_str token, const struct token_owner *, gp_time until, int64_t expires);
/* Its owner and expires. false: not remembered, or no longer. */
bool token_cache_find(const struct token_cache *, gp_str token, gp_time now, int64_t date, struct lent *) GP_MUST_USE;

#endif
