/* The policies of domains, MTA-STS (RFC 8461), as the relay knows them: asked for beside MX, fetched by a process of its own, kept by the queue over
 * restarts. A policy that is in force stays so until it expires, whatever DNS and HTTPS say meanwhile or do not; who asks waits for a fetch only
 * where there is a record in DNS and no policy for it at hand. On the loop; domains are A-labels. */
#ifndef RELAY_STS_H
#define RELAY_STS_H

#include "mail/sts.h"
#include "relay/demand.h"

struct relay;
struct sts_policy {
    enum gp_sts_mode mode;
    bool             unknown; /* whether one is kept could not be told, and none was fetched: mode is none, but nobody may go by that */
    bool             unsure;  /* DNS could not say whether there is one */
    gp_str           hosts;   /* mail/sts.h's, until the callback returns */
    uint64_t         max_age; /* seconds */
    enum tls_failure failure; /* there is none, or an older one, because of this; TLS_FINE: as it should be */
    const char      *why;     /* of that, as long as hosts */
};
typedef void sts_done(void *owner, const struct sts_policy *);
struct sts_entry;
struct sts_query { /* the asker's; he forgets it, or is called */
    struct sts_query *next;
    struct sts_entry *entry; /* NULL: not under way */
    sts_done         *done;
    void             *owner;
};
bool sts_open(struct relay *) GP_MUST_USE;
void sts_close(struct relay *);
/* false: nothing will come: policies are not wanted, or there is no memory. done is never called from within. */
bool sts_ask(struct relay *, gp_str domain, struct sts_query *, sts_done *, void *owner) GP_MUST_USE;
void sts_forget(struct sts_query *); /* also where it is not under way */

#endif
