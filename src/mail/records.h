/* What the TXT records of mail say, SPF's apart (spf.h): DKIM keys (RFC 6376 3.6.1), DMARC (RFC 7489 6.3), MTA-STS (RFC 8461 3.1)
 * and TLSRPT (RFC 8460 3). Pure; slices point into the record, which is a stranger's. `why` texts are static. */
#ifndef GP_MAIL_RECORDS_H
#define GP_MAIL_RECORDS_H

#include "base/base.h"

/* "a=b; c=d": cuts the next tag off, without white space around its parts. false: the end, or what comes next is none. */
bool gp_next_tag(gp_str *rest, gp_str *name, gp_str *value);

enum { GP_DKIM_KEY_MOST = 1024 }; /* octets of a public key */
struct gp_dkim_record {
    gp_str key;      /* octets, in the room that was given; empty: revoked */
    bool   ed25519, testing;
};
/* NULL: it is a key that mail can be verified with, or a revoked one. */
const char *gp_dkim_record_read(gp_str txt, struct gp_dkim_record *, struct gp_text *room);

struct gp_dmarc { gp_str policy, subdomains, reports; bool strict_dkim; }; /* "none", "quarantine", "reject"; sp, or GP_NONE; rua, or GP_NONE; adkim=s */
bool        gp_is_dmarc(gp_str txt);
const char *gp_dmarc_read(gp_str txt, struct gp_dmarc *);

bool        gp_is_sts(gp_str txt);
bool        gp_sts_id(gp_str txt, gp_str *id); /* false: it is none, or broken */
const char *gp_sts_why_broken(gp_str txt);    /* NULL: right */
bool        gp_is_tlsrpt(gp_str txt);
bool        gp_tlsrpt_uris(gp_str txt, gp_str *uris); /* rua=, a list with commas, as it is written (tlsrpt.h reads them); false: none */
const char *gp_tlsrpt_why_broken(gp_str txt);

#endif
