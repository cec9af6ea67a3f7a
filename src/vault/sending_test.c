/* May this be sent? The two questions, and whose rules answer them. */
#include "vault/test_bed.h"

#define WRONG "sender address not yours: "

static struct msg message_of(uint64_t account, uint64_t credential, const char *fields)
{
    struct msg m = MSG(SUBMIT);
    m.submit     = (struct msg_submit) { .session    = 1,
                                         .account    = account,
                                         .credential = credential,
                                         .size       = 1000,
                                         .sender     = GP_LIT("anna@example.org"),
                                         .fields     = gp_from(fields),
                                         .recipients = GP_LIT("bob@example.net\t\n") };
    return m;
}

TEST(every_author_must_be_somebody_as_whom_the_account_may_send)
{
    static const struct {
        const char *fields, *text; /* text NULL: it may */
    } cases[] = {
        {"",                                                          NULL                     },
        { "from\tanna@example.org\t\n",                               NULL                     },
        { "from\tANNA@example.org\tAnna\n",                           NULL                     },
        { "reply-to\tbert@example.org\t\n",                           NULL                     },
        { "from\tbert@example.org\t\n",                               WRONG "bert@example.org" },
        { "from\tanna@example.org\t\nfrom\tbert@example.org\tBert\n", WRONG "bert@example.org" },
        { "from\tb\xc3\xa9rt@example.org\t\n",                        WRONG "b??rt@example.org"},
        { "from",                                                     WRONG                    },
    };
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct msg m = message_of(1, 1, cases[i].fields);
        bed_ask(b, b->smtpd, &m);
        CHECK(b->answer.type == MSG_SUBMITTED && b->answer.submitted.hold == 0);
        CHECK(b->answer.submitted.status == (cases[i].text ? GP_PERMFAIL : GP_OK));
        CHECK(b->answer.submitted.code == (cases[i].text ? 550 : 0));
        CHECK_IS(bed_text(b), cases[i].text ? cases[i].text : "");
    }
    bed_close(b);
}

TEST(a_no_has_a_name_and_a_yes_has_none)
{
    static const struct {
        const char *fields;
        size_t      length; /* of the incident */
    } cases[] = {
        {"from\tanna@example.org\t\n",  0                   },
        { "from\tbert@example.org\t\n", GP_INCIDENT_ROOM - 1},
    };
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct msg m = message_of(1, 1, cases[i].fields);
        bed_ask(b, b->smtpd, &m);
        CHECK(b->answer.submitted.incident.len == cases[i].length);
    }
    struct msg mail = MSG(MAY_SEND);
    mail.may_send   = (struct msg_may_send) { .account = 1, .credential = 1, .sender = GP_LIT("bert@example.org") };
    bed_ask(b, b->smtpd, &mail);
    CHECK(b->answer.permission.status == GP_PERMFAIL && b->answer.permission.incident.len == GP_INCIDENT_ROOM - 1);
    bed_close(b);
}

TEST(a_credential_that_is_gone_sends_in_no_other_name)
{
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    struct msg m = message_of(1, 77, "from\tAnna@example.org\t\n");
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.submitted.status == GP_PERMFAIL && b->answer.submitted.code == 421);
    bed_close(b);
}
