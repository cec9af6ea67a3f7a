/* What replies that mail servers give mean in plain words. The replies are such as Postfix, Exim, Exchange, Google and others write. */
#include <string.h>

#include "check.h"
#include "mail/parts.h"

static const struct {
    const char *status, *reply, *meaning, *next; /* words of them; NULL: nothing is said */
} replies[] = {
  /* clang-format off */
    { "5.1.1",  "550 5.1.1 <b@example.net>: Recipient address rejected: User unknown in virtual mailbox table", "no such mailbox", "typing errors" },
    { "5.0.0",  "550 No such user here",                                                     "no such mailbox",     "typing errors" },
    { "5.1.10", "556 5.1.10 no mail here",                                                   "takes no mail at all", "typing errors" },
    { "5.2.2",  "552 5.2.2 The email account that you tried to reach is over quota",         "mailbox is full",     "some hours" },
    { "4.2.2",  "452 4.2.2 later",                                                           "mailbox is full",     "" },
    { "5.7.1",  "550 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org", "bad name",     "not to blame" },
    { "5.7.1",  "550 5.7.1 [192.0.2.1] Our system has detected that this message is likely suspicious due to the very low reputation of the sending IP", "bad name", "not to blame" },
    { "5.7.25", "550 5.7.25 The IP address sending this message does not have a record",     "bad name",            "not to blame" },
    { "5.7.26", "550-5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy", "really from your domain", "dns --check" },
    { "5.7.23", "550 5.7.23 SPF validation error",                                           "really from your domain", "dns --check" },
    { "5.7.1",  "554 5.7.1 Message rejected as spam",                                        "unwanted mail",       "fewer links" },
    { "5.3.4",  "552 5.3.4 Message size exceeds fixed limit",                                "larger than",         "link to the file" },
    { "5.0.0",  "552 Message too large",                                                     "larger than",         "link to the file" },
    { "5.7.0",  "530 5.7.0 Authentication required",                                         "sign-in first",       "postmaster" },
    { "5.7.0",  "530 5.7.0 Must issue a STARTTLS command first",                             "over TLS only",       "postmaster" },
    { "5.7.1",  "554 5.7.1 <b@example.net>: Relay access denied",                            "not take mail for that domain", "typing errors" },
    { "4.7.1",  "450 4.7.1 <b@example.net>: Greylisted, see http://postgrey.example/",       "sent a second time",  "" },
    { "4.2.0",  "451 4.2.0 Greylisting in action",                                           "sent a second time",  "" },
    { "4.7.28", "421 4.7.28 unusual rate of mail",                                           "no more mail from us", "" },
    { "4.2.1",  "452 4.2.1 Daily sending quota exceeded",                                    "own limit at the next", "some hours" },
    { "5.4.5",  "550 5.4.5 Daily user sending limit exceeded",                               "own limit at the next", "some hours" },
    { "5.1.90", "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", "own limit at the next", "some hours" },
    { "5.7.30", "550 5.7.30 REQUIRETLS support required",                                    "TLS all the way",     "without that wish" },
    { "5.7.10", "TLS policy requiretls: the server does not offer STARTTLS",                 "TLS all the way",     "without that wish" },
    { "5.7.10", "550 5.7.10 TLS is missing",                                                 "safe connection",     "postmaster" },
    { "5.7.2",  "550 5.7.2 not a member",                                                    "list or group",       "let you write" },
    { "5.7.1",  "550 5.7.1 no",                                                              "its rules",           "postmaster" },
    { "5.2.252", "554 5.2.252 SendAsDenied; a@example.org not allowed to send as b@example.org; STOREDRV.Submission.Exception:SendAsDeniedException", "may not send as the address in From", "mailbox's own address" },
    { "5.7.1",  "550 5.7.1 a@example.org is not allowed to send as b@example.org",             "may not send as the address in From", "mailbox's own address" },
    { "5.7.60", "550 5.7.60 SMTP; Client does not have permissions to send as this sender",  "may not send as the address in From", "mailbox's own address" },
    { "5.2.2",  "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException", "own mailbox", "postmaster" },
    { "5.2.252", "550 5.2.252 Sender throttled due to continuous invalid recipients errors",  "own mailbox",         "postmaster" },
    { "4.2.1",  "450 4.2.1 no such user now",                                                NULL,                  NULL },
    { "5.0.0",  "550 no",                                                                    NULL,                  NULL },
    { "",       "",                                                                          NULL,                  NULL },
  /* clang-format on */
};

static void is(size_t row, const char *said, const char *wanted)
{
    if (!wanted != !said || (wanted && !strstr(said, wanted))) fail_msg("row %zu: %s", row, said ? said : "nothing");
}

TEST(a_reply_is_told_in_plain_words)
{
    for (size_t i = 0; i < GP_COUNT(replies); i++) {
        struct gp_advice advice = gp_advice_on(gp_from(replies[i].status), gp_from(replies[i].reply), false);
        is(i, advice.meaning, replies[i].meaning);
        is(i, advice.next, replies[i].next);
    }
}

TEST(what_is_ours_is_never_blamed_on_another)
{
    struct gp_advice advice = gp_advice_on(GP_LIT("4.7.8"), GP_LIT("535 5.7.8 user unknown"), true);
    is(0, advice.meaning, "own sign-in");
    is(0, advice.next, "kept");
    advice = gp_advice_on(GP_LIT("5.2.252"), GP_LIT("550 5.2.252 Sender throttled due to continuous errors"), true);
    is(1, advice.meaning, "own mailbox");
    is(1, advice.next, "kept");
}
