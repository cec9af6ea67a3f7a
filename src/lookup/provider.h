/* The keys of a token's issuer, as the loop has them: fetched by a job beside the seats, so that nobody whose token the keys at
 * hand can check waits for the network, and keys that were there go on when the issuer does not answer. A question is lent the set
 * of the moment, and keeps it until it is given back. For the loop's thread. */
#ifndef LOOKUP_PROVIDER_H
#define LOOKUP_PROVIDER_H

#include "lookup/jwt.h"

/* When to fetch. Pure; times are monotonic. */
struct key_clock {
    gp_time refresh;         /* how long keys may be without a look for newer ones     */
    gp_time tried, demanded; /* the last fetch's end; when one was last asked for      */
    bool    have, failed;    /* there are keys; the last fetch failed                  */
    bool    asked;           /* demanded means something                               */
};
gp_time key_clock_next(const struct key_clock *); /* when the next fetch is due by itself; -1: never, somebody must ask */
/* Somebody needs keys that are not here. true: fetch now. A stranger's made-up token can have that once a minute at the most. */
bool    key_clock_demand(struct key_clock *, gp_time now) GP_MUST_USE;
void    key_clock_fetched(struct key_clock *, bool good, gp_time now);

struct provider;
struct provider       *provider_open(struct lookup *);  /* and fetches, once the loop runs. NULL: no memory */
void               provider_close(struct provider *);   /* NULL is fine; no fetch may be under way          */
struct key_set    *provider_lend(struct provider *);    /* NULL: there are none                             */
const struct jwks *provider_of(const struct key_set *);
/* Back from a thread; lacking: its token might be told with other keys than these. waited: it has had its second try. *unsure: newer
 * keys may be there, and it is too early to look for them again. */
enum settled       provider_settle(struct provider *, struct key_set *, bool lacking, bool waited, bool *unsure);
const char        *provider_trouble(const struct provider *); /* why the last fetch failed; NULL: it did not */

#endif
