/* From a record's octets on the wire to what net.h hands out. */
#ifndef NET_DNS_RECORDS_H
#define NET_DNS_RECORDS_H

#include "net/net.h"

enum { DNS_NAME_MOST = 255, DNS_RECORDS_MOST = 64 };

/* names: where text goes. false: the record is broken, or such as no host name can be. */
bool dns_read_record(enum dns_type, gp_str octets, struct gp_text *names, struct dns_record *out) GP_MUST_USE;

/* Does not log that this resolver gives no proofs. */
void dns_hush(struct dns *);

#endif
