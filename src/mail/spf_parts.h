/* Between the rooms of SPF: a record's terms, and the names that macros in them make. Pure; slices point into the record. */
#ifndef GP_SPF_PARTS_H
#define GP_SPF_PARTS_H

#include "mail/spf.h"

enum gp_spf_kind {
    GP_SPF_ALL, GP_SPF_INCLUDE, GP_SPF_IS_A, GP_SPF_IS_MX, GP_SPF_IS_PTR, GP_SPF_IP4, GP_SPF_IP6, GP_SPF_EXISTS,
    GP_SPF_REDIRECT, GP_SPF_MODIFIER /* exp, and those that nobody knows */
};
struct gp_spf_term {
    enum gp_spf_kind kind;
    char             qualifier; /* '+' unless another is given           */
    gp_str           text;      /* the whole term                        */
    gp_str           spec;      /* domain-spec; ptr NULL: there is none  */
    unsigned         bits4, bits6;
    uint8_t          address[16]; /* of ip4, ip6 */
};
/* Cuts the next term off; false: the end, or *why says what is wrong with it. */
bool gp_spf_next_term(gp_str *rest, struct gp_spf_term *, const char **why) GP_MUST_USE;
gp_str gp_spf_terms(gp_str record); /* what follows "v=spf1" */

bool gp_spf_is_spec(gp_str);        /* a domain-spec (7.1) whose macros are right */
bool gp_spf_is_macro_string(gp_str);
bool gp_spf_uses_p(gp_str spec);
/* false: longer than any name. What comes out has 253 octets at most, labels were dropped from the left (7.3). */
bool gp_spf_expand(const struct gp_spf *, gp_str spec, struct gp_text *) GP_MUST_USE;
void gp_spf_put_address(struct gp_text *, gp_str octets, bool backwards); /* 7.3: "192.0.2.1", or 32 digits with dots */

#endif
