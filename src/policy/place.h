/* Addresses and networks as policies count them: 128 bits, an IPv4 address as its mapped form, and how many of them matter. So one
 * comparison does for both, and "::ffff:192.0.2.1" is 192.0.2.1. Pure. */
#ifndef POLICY_PLACE_H
#define POLICY_PLACE_H

#include "base/base.h"

enum { PLACE_OCTETS = 16, PLACE_BITS = 128, PLACE_V4_AT = 96, PLACE_TEXT = 64 };

struct place { /* what is beyond `bits` is 0 */
    uint8_t  octets[PLACE_OCTETS];
    unsigned bits;
};
/* "192.0.2.7", "10.0.0.0/8", "2001:db8::/32"; bits after the prefix are dropped. */
bool place_read(gp_str text, struct place *) GP_MUST_USE;
void place_put(struct gp_text *, const struct place *); /* as it would be read; no prefix length where it is a whole address */
bool place_is_v4(const struct place *);
/* The network of so many bits around it, counted from the start of all 128. */
struct place place_around(const struct place *, unsigned bits);
bool place_covers(const struct place *network, const struct place *);
bool place_same(const struct place *, const struct place *);
/* A number for it, to be found by: of "192.0.2.1" or "2001:db8::1"; who has one IPv6 address has its whole /64. Kept in the store. */
uint64_t place_digest(gp_str address);
/* Is it in one of these, which have blanks between them? */
bool place_in(gp_str networks, const struct place *) GP_MUST_USE;

#endif
