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

TEST(a_no_is_on_record_by_its_name_with_the_true_reason)
{
    char                room[AUDIT_FILTER_ROOM];
    struct audit_row    row;
    struct bed         *b      = bed_open();
    struct msg          m      = message_of(1, 1, "from\tbert@example.org\t\n");
    struct audit_filter filter = { .event = GP_LIT("refused") };
    bed_account(b, "anna", BED_GENERATED, false);
    m.submit.queue_id = GP_LIT("2abc");
    bed_ask(b, b->smtpd, &m);
    trail_write(b->vault);
    auto_rows r = audit_rows(accounts_database(b->vault->accounts), &filter, room);
    CHECK(audit_next(&r, &row) == GP_OK && row.account == 1 && row.credential == 1);
    CHECK(row.incident.len == GP_INCIDENT_ROOM - 1);
    CHECK_IS(row.name, "anna");
    CHECK_IS(row.queue_id, "2abc");
    CHECK(memmem(row.data.ptr, row.data.len, "\"code\":550", 10) && audit_next(&r, &row) == GP_PERMFAIL);
    rows_end(&r);
    bed_close(b);
}

TEST(what_smtpd_refused_is_on_record_if_it_can_be_true)
{
    static const struct {
        const char *incident;
        uint64_t    listener;
        bool        kept;
    } cases[] = {
        {"K7ZQ3ABCDE",  0,  true },
        { "nonsense",   0,  false},
        { "K7ZQ3ABCDF", 77, false},
    };
    char                room[AUDIT_FILTER_ROOM];
    struct audit_row    row;
    size_t              count  = 0;
    struct audit_filter filter = { .event = GP_LIT("refused") };
    struct bed         *b      = bed_open();
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct msg m = MSG(REFUSED);
        m.refused    = (struct msg_refused) { .listener = cases[i].listener,
                                              .code     = 552,
                                              .incident = gp_from(cases[i].incident),
                                              .text     = GP_LIT("message is larger than the limit"),
                                              .why      = GP_LIT("too large"),
                                              .user     = GP_LIT(""),
                                              .peer     = GP_LIT("192.0.2.1"),
                                              .helo     = GP_LIT(""),
                                              .sender   = GP_LIT(""),
                                              .queue_id = GP_LIT("") };
        CHECK(ipc_tell(b->smtpd, &m));
    }
    bed_settle(b);
    trail_write(b->vault);
    auto_rows r = audit_rows(accounts_database(b->vault->accounts), &filter, room);
    for (; audit_next(&r, &row) == GP_OK; count++) CHECK_IS(row.incident, "K7ZQ3ABCDE");
    CHECK(count == 1);
    rows_end(&r);
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
