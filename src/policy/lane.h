/* What a listener for old devices lets through: who may connect, to whom may be written, how much. It is asked by smtpd, which says no
 * early, and by the vault, whose word counts. All of it is hard: it knows no shadow. Pure. */
#ifndef POLICY_LANE_H
#define POLICY_LANE_H

#include "policy/limits.h"

enum { LANE_TEXT = 512, LANE_OLDEST = 0x0301 /* TLS 1.0, as TLS counts them */, LANE_NEWEST = 0x0303 };
enum lane_tls { LANE_CLEAR, LANE_STARTTLS, LANE_IMPLICIT };

struct legacy_lane {
    enum lane_tls tls;
    int           oldest;               /* version of TLS: LANE_OLDEST to LANE_NEWEST                   */
    char          networks[LANE_TEXT];  /* words: addresses or CIDR; never "": nobody else may connect  */
    char          domains[LANE_TEXT];   /* words: domains, in lower case; never "": mail for no others  */
    uint64_t      message_size;         /* octets                                                       */
    unsigned      messages_per_hour;    /* of each credential                                           */
    unsigned      recipients_per_message;
};
/* A network that may be named: none so wide that it is nearly everybody. false: *why. */
bool lane_network_is_good(gp_str network, const char **why) GP_MUST_USE;
#define LANE_STRANGER "this port is for old devices in their own networks, and your address is in none" /* what others hear */
#define LANE_STRANGER_ENHANCED "5.7.1"
enum { LANE_STRANGER_CODE = 554 };
bool lane_admits(const struct legacy_lane *, gp_str address) GP_MUST_USE;
/* Its domain is listed, and its local part is nothing that another server could take for a way on. */
bool lane_takes(const struct legacy_lane *, gp_str recipient) GP_MUST_USE;
/* "this listener takes mail to example.org, example.net only"; of a local part: what is wrong with it. */
void lane_put_no(const struct legacy_lane *, gp_str recipient, struct gp_text *out);
/* Its rate, as a side of what is charged (limits.h). */
struct limit_rules lane_rules(const struct legacy_lane *);

#endif
