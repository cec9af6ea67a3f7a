/* Notices to people: what happened to an account or to the server, kept until they are on their way. Each cause is told once, for as long as
 * the store remembers it, also across restarts. Asked by the vault, on the thread that owns the store. */
#ifndef STORE_NOTICES_H
#define STORE_NOTICES_H

#include "store/accounts.h"

enum {
    NOTICE_KIND         = 32,
    NOTICE_CAUSE        = 256,
    NOTICE_SUBJECT      = 200,
    NOTICE_TEXT         = 4096,
    NOTICE_TO           = 2 * ACCOUNT_ADDRESS_MOST + 2, /* words: addresses                */
    NOTICES_REMEMBERED_DAYS = 400,
    NOTICES_POSTED_DAYS     = 7,  /* what the webhook has not taken by then it does not get */
};
struct notice {
    int64_t  id;                  /* out, when read                                        */
    int64_t  account;             /* whom it is about; 0: the server                       */
    gp_time  when;
    char     kind[NOTICE_KIND];   /* "stale-device"                                        */
    char     cause[NOTICE_CAUSE]; /* what is told once: "stale-device 7 192.0.2.1"         */
    char     subject[NOTICE_SUBJECT], text[NOTICE_TEXT];
    char     to[NOTICE_TO];       /* those who have still to be told                        */
    unsigned attempts;
    bool     posts;               /* the webhook is told, too                               */
};
/* OK: it is kept. PERMFAIL: that cause has been told, or so many were in the last 24 hours (*over: the latter, and it is not remembered). */
gp_status notice_add(struct accounts *, const struct notice *, unsigned a_day, bool *over) GP_MUST_USE;
/* The one that is due longest; PERMFAIL: none is. */
gp_status notice_next(struct accounts *, gp_time now, struct notice *) GP_MUST_USE;
/* One address was told, or none could be now. */
gp_status notice_told(struct accounts *, const struct notice *, gp_str address) GP_MUST_USE;
gp_status notice_later(struct accounts *, const struct notice *, gp_time due) GP_MUST_USE;

/* The oldest that the webhook has still to be told; PERMFAIL: there is none. posted: it was, or never will be. */
gp_status notice_to_post(struct accounts *, struct notice *) GP_MUST_USE;
gp_status notice_posted(struct accounts *, const struct notice *) GP_MUST_USE;

/* Credentials in force that end in that time, of which their owners have not been told. */
enum { CREDENTIAL_ENDS_MOST = 64 };
struct credential_end { int64_t credential, account; gp_time expires; char label[CREDENTIAL_TEXT]; };
gp_status credentials_ending(struct accounts *, gp_time after, gp_time until, unsigned most,
                             bool (*each)(void *owner, const struct credential_end *), void *owner) GP_MUST_USE;

#endif
