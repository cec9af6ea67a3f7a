/* As whom an account may send, in MAIL and in the header fields that name an author: what policy.identity, the account's identities and the
 * credential's list of senders say together. Asked by the vault for every message and by `gatepost can`, so that both say the same.
 * Belongs to the thread that opened the store; texts in a verdict are static or in it. */
#ifndef STORE_SENDERS_H
#define STORE_SENDERS_H

#include "config/config.h"
#include "store/accounts.h"

struct sender_question {
    int64_t             account, credential;
    enum sender_field   field;
    gp_str              address; /* "": MAIL FROM:<>, or what could not be read as one */
    gp_time             now;
    struct hours_moment local;   /* the same moment, where the host is                 */
};
struct sender_verdict {
    bool        ended;      /* PERMFAIL: the credential or the account is out, whatever is sent              */
    bool        unreadable; /* it is no address                                                              */
    bool        shadowed;   /* OK, and would have been refused or rewritten: policy.identity is in shadow     */
    bool        rewritten;  /* OK, when `instead` takes its place                                            */
    const char *rule;       /* "identity.from", of what is not simply OK; NULL: it was no matter of the policy */
    const char *why;        /* for the log                                                                   */
    char        instead[ACCOUNT_ADDRESS_MOST];
};
gp_status sender_judge(struct accounts *, const struct config *, const struct sender_question *, struct sender_verdict *) GP_MUST_USE;
/* Where an address stands, and how it is called: "mail" is the sender at MAIL, the others are header fields. */
struct sender_place { const char *name; enum sender_field field; const char *not_his, *unreadable, *shown; };
const struct sender_place *sender_place_of(gp_str name); /* NULL: none that names an author */
/* The sender itself has been asked about with MAIL, unless anything goes there: the same address in a header field is not asked about again. */
bool sender_is_judged(const struct config *, gp_str sender, gp_str address);
/* Of a PERMFAIL: what the client hears, with what the account may use where there is room for it. */
#define SENDER_NAME_NOT_HIS "the name in From is not for this account"
struct sender_no { unsigned code; const char *enhanced; };
struct sender_no sender_say(struct accounts *, const struct sender_place *, const struct sender_question *, const struct sender_verdict *,
                            struct gp_text *);
/* The next protected name, from *at on, that what a reader is shown of the author has in it and that is not the account's. OK: there is
 * none; PERMFAIL: *at is its index in policy.identity. */
gp_status sender_judge_name(struct accounts *, const struct config *, int64_t account, gp_str shown, size_t *at) GP_MUST_USE;
void      sender_put_printable(struct gp_text *, gp_str); /* of a text that a client sent */
/* "anna@example.org, @example.net and 4 more": what it may use, in printable ASCII. false: nothing, or there is no room. */
bool      sender_put_own(struct accounts *, int64_t account, int64_t credential, struct gp_text *);

#endif
