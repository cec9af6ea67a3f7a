/* Where and when a credential may be used, as people write it: networks and hours. Commands ask what is wrong with a text, the vault
 * whether an address or a moment is in it. Pure: no clock, no name look-ups; the moment is told, in the local time of the host. */
#ifndef STORE_WITHIN_H
#define STORE_WITHIN_H

#include "base/base.h"

/* Words between spaces or commas: an address, or one with a prefix length ("10.0.0.0/8", "2001:db8::/32"). An IPv4 address that is
 * written as IPv6 ("::ffff:192.0.2.1") is IPv4. */
bool networks_are_good(gp_str networks, const char **why);
bool networks_have(gp_str networks, gp_str address); /* "" has none */

/* "Mon-Fri 07:00-19:00, Sat 08:00-12:00": days and then the times on them; several of either may follow each other, and what stands
 * first may be left out (every day) and what stands last (all day). "22:00-06:00" ends on the next day. */
enum { HOURS_DAY = 24 * 60 };
struct hours_moment { unsigned weekday, minute; }; /* 0: Monday; since midnight */
bool hours_are_good(gp_str hours, const char **why);
bool hours_have(gp_str hours, struct hours_moment); /* "" has none */

#endif
