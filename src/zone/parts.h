/* What the rooms of zone/ share: a check under way, and names put together. */
#ifndef ZONE_PARTS_H
#define ZONE_PARTS_H

#include "zone/zone.h"

enum { ZONE_VALUE_ROOM = 2048, ZONE_SAID_ROOM = 512, ZONE_RECORDS_MOST = 64 };

struct zone_checker {
    const struct zone_plan *plan;
    const struct zone_dns  *dns;
    zone_tell              *tell;
    void                   *owner;
    bool                    sending; /* judged by what receivers see, and by the main senders alone */
};
bool zone_counts(const struct zone_checker *, const struct zone_sender *);
bool zone_sends_itself(const struct zone_plan *);
/* "_dmarc." + "example.org"; GP_NONE: does not fit. */
gp_str zone_name(char room[static ZONE_NAME_ROOM], const char *prefix, const char *name);
struct dns_answer zone_ask(const struct zone_checker *, gp_str name, enum dns_type);
/* has, mend: may be empty; why: as printf has it. */
void zone_say(const struct zone_checker *, enum zone_kind, enum zone_verdict, gp_str owner, gp_str has, const char *mend,
              const char *why, ...) __attribute__((format(printf, 7, 8)));

/* Copies of a name's addresses, of both families. */
enum { ZONE_ADDRESSES_MOST = 16 };
struct zone_addresses {
    struct { size_t len; char octets[16]; } list[ZONE_ADDRESSES_MOST];
    size_t      count;
    gp_status   status; /* OK: there are some; PERMFAIL: none; TEMPFAIL: DNS did not say */
};
void zone_find_addresses(const struct zone_checker *, gp_str name, struct zone_addresses *out);
size_t zone_read_address(gp_str, char octets[static 16]); /* how many octets; 0: it is none */
void zone_put_address(struct gp_text *, gp_str octets); /* as text */

typedef void zone_one(const struct zone_checker *);
zone_one zone_check_host, zone_check_mx, zone_check_spf, zone_check_helo, zone_check_dkim, zone_check_dmarc, zone_check_alignment, zone_check_sts, zone_check_tlsrpt,
    zone_check_tlsa, zone_check_srv, zone_check_autoconfig;
/* The one TXT record of a name for which is_one holds. false: there is not just one; then it was told, with `absent` where there is none.
 * room: where it is copied to. */
bool zone_one_txt(const struct zone_checker *, enum zone_kind, gp_str name, bool (*is_one)(gp_str), enum zone_verdict absent,
                  const char *mend, struct gp_text *room);

#endif
