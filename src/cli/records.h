/* The DNS records that a set-up wants, as lines of a zone file. */
#ifndef CLI_RECORDS_H
#define CLI_RECORDS_H

#include "crypto/crypto.h"

struct records_key { const char *selector; const struct gp_key *key; };
struct records_plan {
    const char        *hostname, *domain;
    struct records_key keys[2];
};
/* Pure: writes text, several lines. */
void records_put(const struct records_plan *, struct gp_text *);

#endif
