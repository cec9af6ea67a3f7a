/* What the parts of `gatepost report` share: a row of it, where rows go to, what is to be done about one, and what its rule would be
 * switched off or enforced with. Rows of one rule come one after the other. Slices and texts of a row live as long as the call. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/user.h"

enum report_kind { REPORT_SHADOW, REPORT_USE, REPORT_LANE, REPORT_CREDENTIAL, REPORT_KINDS };
#define REPORT_LANE_RULE "lane" /* as the vault counts messages of old devices */
struct report_row {
    enum report_kind kind;
    const char      *rule;           /* "tls.minimum", "mechanism LOGIN", "credential unused" */
    const char      *account, *label; /* "": none                                              */
    int64_t          account_id, credential, count; /* 0: none                                 */
    gp_time          first, last;    /* 0: never                                              */
    const char      *example;        /* a sentence, in part a client's words; "": none        */
};

/* ---- report_steps.c ---------------------------------------------------------------------------------------------- */
/* A command, or a sentence: what to do about that row. Nothing, where nothing is to be done. */
void report_put_next(struct gp_text *, const struct report_row *);
/* The text for gatepost.yml that enforces this rule, or that switches this use off: YAML on a line. Nothing: there is none, or it is
 * so already. */
void report_put_switch(struct gp_text *, const struct config *, const char *rule);

/* ---- report_credentials.c ---------------------------------------------------------------------------------------- */
/* One walk over the credentials of all accounts, that gives `take` a row of each for which fill says true: it adds kind, rule, count
 * and example to what is there. */
struct report_walk {
    struct user_store *store;
    bool (*fill)(const void *part, const struct account *, const struct credential *, struct report_row *, struct gp_text *example);
    const void *part;
    bool (*take)(void *owner, const struct report_row *); /* false: stop */
    void *owner;
    bool  stopped, failed;
};
gp_status report_credentials(struct report_walk *) GP_MUST_USE;

/* ---- report_old.c ------------------------------------------------------------------------------------------------ */
struct report_ages { gp_time now, unused_since, made_before; }; /* unused_since: for those that were never used, too */
/* Credentials in force that nobody uses, or that are old, rule by rule. `take` returns false to stop. */
gp_status report_old(struct user_store *, const struct report_ages *, bool (*take)(void *owner, const struct report_row *), void *owner) GP_MUST_USE;

/* ---- report_lane.c ----------------------------------------------------------------------------------------------- */
/* Each credential that was made for an old device: messages since then, and its last use. `take` returns false to stop. */
gp_status report_lane(struct user_store *, gp_time since, bool (*take)(void *owner, const struct report_row *), void *owner) GP_MUST_USE;

/* ---- report_tls.c ------------------------------------------------------------------------------------------------ */
/* How TLS went with other domains' mail hosts since then: prints it; the exit status. */
int report_tls(const char *dir, gp_time since, bool json);
/* Reports of it that wait, of days that are over, are due now; the exit status. */
int report_tls_hurry(const char *dir);

#endif
