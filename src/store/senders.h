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
/* "anna@example.org, @example.net and 4 more": what it may use, in printable ASCII. false: nothing, or there is no room. */
bool      sender_put_own(struct accounts *, int64_t account, int64_t credential, struct gp_text *);

#endif
