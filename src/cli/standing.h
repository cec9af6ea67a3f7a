/* How things stand now with an account or an address of the network: what the policies that remember hold against it. From what the
 * server has written, within a second; what it has in memory alone (wrong passwords that make no ban yet, open sessions) is not known. */
#ifndef CLI_STANDING_H
#define CLI_STANDING_H

#include "cli/user.h"

enum { STANDING_MOST = 32, STANDING_TEXT = 384 };
struct standing_fact {
    const char *what; /* "brake" */
    char        text[STANDING_TEXT], next[STANDING_TEXT]; /* next: what to do; "": nothing */
};
struct standing { size_t count; struct standing_fact facts[STANDING_MOST]; };
/* Both add to it. address: 192.0.2.7 or 2001:db8::1; of anything else nothing is said. */
gp_status standing_of_account(struct user_store *, const struct account *, struct standing *) GP_MUST_USE;
gp_status standing_of_address(struct user_store *, gp_str address, struct standing *) GP_MUST_USE;
void      standing_print(const struct standing *);
json_t   *standing_json(const struct standing *); /* an array of {what, text, next} */

#endif
