/* The policy by which a domain says that mail for it travels by TLS alone, MTA-STS (RFC 8461): the file that is fetched over HTTPS, and whether a
 * mail host is one of those that it names. Pure; the file is a stranger's. `why` texts are static. The TXT record is records.h's. */
#ifndef GP_MAIL_STS_H
#define GP_MAIL_STS_H

#include "base/base.h"

enum {
    GP_STS_FILE_MOST = 64 * 1024, /* RFC 8461 3.3: a suggested limit */
    GP_STS_AGE_MOST  = 31557600,  /* seconds (RFC 8461 3.2)          */
    GP_STS_ID_MOST   = 32,        /* RFC 8461 3.1 */
    GP_STS_HOSTS_ROOM = 8 * 1024, /* octets of names that are kept   */
};
enum gp_sts_mode { GP_STS_NONE, GP_STS_TESTING, GP_STS_ENFORCE };
struct gp_sts_policy {
    enum gp_sts_mode mode;
    uint64_t         max_age; /* seconds, GP_STS_AGE_MOST at most */
};
/* NULL: a policy; the names of its mail hosts go to `hosts`, each with '\n' behind it, in its order. */
const char *gp_sts_read(gp_str file, struct gp_sts_policy *, struct gp_text *hosts);
const char *gp_sts_mode_name(enum gp_sts_mode); /* "enforce" */
/* One of the names is that of the host, or stands for it: "*.example.net" is any one label before that (RFC 8461 4.1). */
bool gp_sts_takes(gp_str hosts, gp_str host);
/* May what is served as this be a policy? Parameters may follow, as "; charset=utf-8" (RFC 8461 3.2). */
bool gp_sts_is_plain_text(gp_str content_type);

#endif
