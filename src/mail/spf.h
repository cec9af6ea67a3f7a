/* What SPF (RFC 7208) says about an address that mail comes from. Pure: it asks for names and is told what DNS has; it
 * allocates nothing, and ends after a bounded number of questions whatever it is told (4.6.4: 10 terms, 2 void lookups).
 *
 *   gp_spf_start(&s, &mail, domain);
 *   while (gp_spf_next(&s)) { look up s.name, s.type; gp_spf_answer(&s, status, records, count); }
 *   s.result, s.why, s.term
 *
 * `exp=` is read and not followed: nobody here is told an explanation. The struct is large: keep it off small stacks. */
#ifndef GP_SPF_H
#define GP_SPF_H

#include "base/base.h"

enum gp_spf_result {
    GP_SPF_NONE, GP_SPF_NEUTRAL, GP_SPF_PASS, GP_SPF_FAIL, GP_SPF_SOFTFAIL, GP_SPF_TEMPERROR, GP_SPF_PERMERROR
};
const char *gp_spf_word(enum gp_spf_result); /* "softfail" */

enum gp_spf_type { GP_SPF_A = 1, GP_SPF_PTR = 12, GP_SPF_MX = 15, GP_SPF_TXT = 16, GP_SPF_AAAA = 28 }; /* DNS's own numbers */
enum {
    GP_SPF_NAME_ROOM = 254, GP_SPF_RECORD_MOST = 4096, GP_SPF_TERM_MOST = 128,
    GP_SPF_LOOKUPS_MOST = 10, GP_SPF_VOIDS_MOST = 2, GP_SPF_NAMES_MOST = 10, /* 4.6.4 */
    GP_SPF_DEPTH_MOST = GP_SPF_LOOKUPS_MOST + 1,
};
struct gp_spf_mail {
    gp_str address; /* 4 or 16 octets                                       */
    gp_str sender;  /* "local@domain"; without a local part, "postmaster@…" */
    gp_str helo;
};                  /* all borrowed until the end */
struct gp_spf_frame { /* a record that is being worked off: the first one, or one that is included */
    char   domain[GP_SPF_NAME_ROOM], record[GP_SPF_RECORD_MOST];
    size_t domain_len, record_len, at;
    char   qualifier; /* of the include that led here */
    bool   named;     /* by a term: that there is no record is an error then */
};
struct gp_spf {
    enum gp_spf_result result;
    const char        *why;  /* of NONE, TEMPERROR and PERMERROR; "" otherwise */
    gp_str             term; /* what decided, of the record it stands in; "" where nothing did */
    unsigned           lookups, voids;
    gp_str             name; /* the question: until the answer */
    enum gp_spf_type   type;

    /* ---- its own */
    struct gp_spf_mail  mail;
    unsigned            state;
    bool                asking, p_known, for_macro; /* what the names of the address are asked for */
    size_t              depth, names, turn;
    char                question[GP_SPF_NAME_ROOM], term_room[GP_SPF_TERM_MOST];
    char                target[GP_SPF_NAME_ROOM], p[GP_SPF_NAME_ROOM];
    size_t              target_len, p_len;
    char                found[GP_SPF_NAMES_MOST][GP_SPF_NAME_ROOM]; /* names of MX or PTR records */
    size_t              found_len[GP_SPF_NAMES_MOST];
    struct gp_spf_frame frames[GP_SPF_DEPTH_MOST];
};

void gp_spf_start(struct gp_spf *, const struct gp_spf_mail *, gp_str domain);
bool gp_spf_next(struct gp_spf *) GP_MUST_USE; /* true: a question is open; false: there is a result */
/* status as DNS gives it: OK, PERMFAIL (no such name, no such record), TEMPFAIL. Records: A and AAAA as octets, names as text without
 * their final dot, TXT with its strings joined. */
void gp_spf_answer(struct gp_spf *, gp_status, const gp_str *records, size_t count);

bool gp_spf_is_record(gp_str txt);                /* begins as one (4.5)                       */
const char *gp_spf_why_broken(gp_str record);     /* NULL: its syntax is right (4.6)           */

#endif
