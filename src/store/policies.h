/* Policies of MTA-STS (RFC 8461) that domains have published, kept in queue.db until they expire, so that a restart forgets none: the relay's memory,
 * which it keeps through the queue. In the caller's transaction; slices as rows of database.h. Never logs. */
#ifndef STORE_POLICIES_H
#define STORE_POLICIES_H

#include "base/base.h"

struct database;

enum { POLICIES_MOST = 8192 }; /* in force at a time, of up to 8 KiB each */
struct kept_policy {
    char    id[33]; /* of the TXT record (RFC 8461 3.1) */
    int64_t mode;   /* mail/sts.h's */
    gp_time fetched, expires, asked; /* asked: for mail, last */
};
/* PERMFAIL: none that is in force. hosts: cut where it does not fit. */
gp_status policies_find(struct database *, gp_str domain, gp_time now, struct kept_policy *, struct gp_text *hosts) GP_MUST_USE;
/* In place of the one that was; those of other domains that have expired go with it, and
 * beyond POLICIES_MOST the first to expire. */
gp_status policies_keep(struct database *, gp_str domain, const struct kept_policy *, gp_str hosts, gp_time now) GP_MUST_USE;

/* RFC 8461 10.2: the next in the order of `fetched` and domain, behind those given, that is to be fetched again before mail asks for it: a day
 * old, or half of what it lasts, and of a domain that had mail within POLICIES_LATELY days. PERMFAIL: none. */
enum { POLICIES_LATELY = 30 };
gp_status policies_due(struct database *, gp_time now, gp_time *fetched, gp_str behind, struct gp_text *domain) GP_MUST_USE;

extern const char policies_schema[], policies_asked[]; /* scripts of queue.db */

#endif
