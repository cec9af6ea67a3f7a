/* DKIM keys for the commands: which there are, how one comes and goes. A key is one file, and what it does is the end of its name
 * (config.h), so each step is one rename. */
#ifndef CLI_DKIM_H
#define CLI_DKIM_H

#include "zone/zone.h"

enum { DKIM_KEEP_DAYS = 14, DKIM_KEEP_MOST = 365 };
struct dkim_keys {
    struct zone_key_file *list;
    size_t                count, room;
};
/* Of one domain, or of all (NULL). The memory stays for the next time. false: printed. */
bool dkim_keys_read(const struct config *, const char *domain, struct dkim_keys *out);
/* Makes a key that is to sign next; selector NULL: one is made up. NULL: printed; else what was made, until the next call. */
const struct zone_key_file *dkim_make(const struct config *, const char *domain, const char *selector, bool ed25519, unsigned bits);
void dkim_print_record(const struct zone_key_file *);       /* as a line of a zone file */
/* DNS's verdict on it; prints what is not right, unless it is to be quiet. */
enum zone_verdict dkim_look_up(struct dns_waiter *, const struct zone_key_file *, bool quiet);
struct dns_waiter *dkim_open_dns(const struct config *, const char *server); /* NULL: printed */
extern const char *const dkim_states[CONFIG_DKIM_STATES];   /* "signs", "next", "old" */

#endif
