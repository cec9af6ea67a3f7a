/* A digest that messages alike have in common, taken as they stream by: for the brake on stolen accounts, not for anything that an
 * adversary must not reach. Pure, constant memory; of a message of any length its first lines. */
#ifndef GP_MAIL_LIKENESS_H
#define GP_MAIL_LIKENESS_H

#include "base/base.h"

struct gp_likeness {
    uint64_t digest;
    unsigned letters;
    bool     in_body, in_subject, greeted;
    size_t   len;
    char     line[120]; /* what there is of the one that comes in; the rest of a longer one is not looked at */
};
void     gp_likeness_init(struct gp_likeness *);
void     gp_likeness_add(struct gp_likeness *, gp_str piece); /* in pieces of any size */
uint64_t gp_likeness_digest(struct gp_likeness *);            /* at the end; 0: too little to say */

#endif
