/* In whose name: what vault says of a sender and of the fields of a header, to the client, to smtpd and to the report. */
#include "vault/test_bed.h"

#define WRONG "sender address not yours: "
#define OWN   "; yours: anna@example.org"

static struct bed *bed_of_anna(void)
{
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    bed_account(b, "ceo", BED_GENERATED, false);
    return b;
}

static void ask_fields(struct bed *b, uint64_t account, const char *fields)
{
    struct msg m = MSG(AUTHORS);
    m.authors    = (struct msg_authors) { .session    = 1,
                                          .account    = account,
                                          .credential = account,
                                          .sender     = GP_LIT("anna@example.org"),
                                          .peer       = GP_LIT("192.0.2.1"),
                                          .fields     = gp_from(fields) };
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.type == MSG_AUTHORED);
}

TEST(every_author_must_be_somebody_as_whom_the_account_may_send)
{
    static const struct {
        const char *fields, *text; /* text NULL: it may */
        unsigned    code;
    } cases[] = {
        {"",                                                      NULL,                                                     0  },
        { "from\tanna@example.org\t\n",                           NULL,                                                     0  },
        { "from\tANNA@example.org\t\n",                           NULL,                                                     0  },
        { "reply-to\tbert@example.org\t\n",                       NULL,                                                     0  },
        { "unheard-of\tbert@example.org\t\n",                     NULL,                                                     0  },
        { "from\tbert@example.org\t\n",                           WRONG "bert@example.org" OWN,                             550},
        { "from\tanna@example.org\t\nfrom\tbert@example.org\t\n", WRONG "bert@example.org" OWN,                             550},
        { "sender\tbert@example.org\t\n",                         "address in Sender not yours: bert@example.org" OWN,      550},
        { "resent-from\tbert@example.org\t\n",                    "address in Resent-From not yours: bert@example.org" OWN, 550},
        { "resent-sender\t\t\n",                                  "the Resent-Sender header field is not an address",       554},
        { "from\tb\xc3\xa9rt@example.org\t\n",                    WRONG "b??rt@example.org" OWN,                            550},
        { "from",                                                 "the From header field is not a list of addresses",       554},
    };
    struct bed *b = bed_of_anna();
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        ask_fields(b, 1, cases[i].fields);
        CHECK(b->answer.authored.status == (cases[i].text ? GP_PERMFAIL : GP_OK));
        CHECK(b->answer.authored.code == cases[i].code);
        CHECK_IS(bed_text(b), cases[i].text ? cases[i].text : "");
    }
    bed_close(b);
}

TEST(a_no_has_a_name_and_a_yes_has_none)
{
    struct bed *b = bed_of_anna();
    ask_fields(b, 1, "from\tanna@example.org\t\n");
    CHECK(b->answer.authored.incident.len == 0);
    ask_fields(b, 1, "from\tbert@example.org\t\n");
    CHECK(b->answer.authored.incident.len == GP_INCIDENT_ROOM - 1);
    struct msg mail = MSG(MAY_SEND);
    mail.may_send   = (struct msg_may_send) { .account = 1, .credential = 1, .sender = GP_LIT("bert@example.org") };
    bed_ask(b, b->smtpd, &mail);
    CHECK(b->answer.permission.status == GP_PERMFAIL && b->answer.permission.incident.len == GP_INCIDENT_ROOM - 1);
    bed_close(b);
}

TEST(a_credential_that_is_gone_sends_in_no_name)
{
    struct bed *b = bed_of_anna();
    struct msg  m = MSG(AUTHORS);
    m.authors     = (struct msg_authors) { .account    = 1,
                                           .credential = 77,
                                           .sender     = GP_LIT("anna@example.org"),
                                           .fields     = GP_LIT("from\tAnna@example.org\t\n") };
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.authored.status == GP_PERMFAIL && b->answer.authored.code == 421);
    bed_close(b);
}

TEST(a_protected_name_is_shown_by_those_alone_who_are_listed)
{
    struct bed *b                             = bed_of_anna();
    b->config.policy.identity.protected_count = 1;
    (void)gp_copy_z(GP_LIT("Chief Executive"), b->config.policy.identity.protected_names[0].name, CONFIG_NAME);
    (void)gp_copy_z(GP_LIT("nobody ceo@example.org"), b->config.policy.identity.protected_names[0].accounts,
                    CONFIG_TEXT);
    ask_fields(b, 1, "shown\t\tAnna\nfrom\tanna@example.org\t\n");
    CHECK(b->answer.authored.status == GP_OK);
    ask_fields(b, 1, "shown\t\tthe CHIEF executive\nfrom\tanna@example.org\t\n");
    CHECK(b->answer.authored.status == GP_PERMFAIL && b->answer.authored.code == 550);
    CHECK_IS(bed_text(b), "the name in From is not for this account");
    ask_fields(b, 2, "shown\t\tChief Executive\nfrom\tceo@example.org\t\n");
    CHECK(b->answer.authored.status == GP_OK);
    b->config.policy.identity.names = POLICY_SHADOW;
    ask_fields(b, 1, "shown\t\tChief Executive\nfrom\tanna@example.org\t\n");
    CHECK(b->answer.authored.status == GP_OK && b->vault->tallies.count == 1);
    CHECK_IS(gp_from(b->vault->tallies.list[0].name), "identity.names");
    bed_close(b);
}

TEST(what_is_rewritten_is_told_by_field)
{
    struct bed *b                                  = bed_of_anna();
    b->config.policy.identity.rules[SENDER_FROM]   = SENDER_REWRITE;
    b->config.policy.identity.rules[SENDER_RESENT] = SENDER_REWRITE;
    ask_fields(b, 1, "from\tbert@example.org\t\nsender\tanna@example.org\t\nresent-sender\t\t\n");
    CHECK(b->answer.authored.status == GP_OK);
    CHECK_IS(bed_text(b), "from\tanna@example.org\nresent-sender\tanna@example.org\n");
    bed_close(b);
}

static void ask_mail(struct bed *b, const char *sender)
{
    struct msg m = MSG(MAY_SEND);
    m.may_send   = (struct msg_may_send) {
          .session = 1, .account = 1, .credential = 1, .sender = gp_from(sender), .peer = GP_LIT("192.0.2.1")
    };
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.type == MSG_PERMISSION);
}

TEST(mail_is_refused_rewritten_or_noted)
{
    struct bed *b = bed_of_anna();
    ask_mail(b, "bert@example.org");
    CHECK(b->answer.permission.status == GP_PERMFAIL && b->answer.permission.code == 550);
    CHECK_IS(bed_text(b),
             "this account may not send as that address: bert@example.org in MAIL FROM; yours: anna@example.org");
    b->config.policy.identity.rules[SENDER_MAIL] = SENDER_REWRITE;
    ask_mail(b, "bert@example.org");
    CHECK(b->answer.permission.status == GP_OK && b->answer.permission.instead.len > 0);
    b->config.policy.identity.mode = POLICY_SHADOW;
    ask_mail(b, "bert@example.org");
    CHECK(b->answer.permission.status == GP_OK && b->answer.permission.instead.len == 0);
    CHECK(b->vault->tallies.count == 1);
    CHECK_IS(gp_from(b->vault->tallies.list[0].name), "identity.mail");
    CHECK_IS(gp_from(b->vault->tallies.list[0].example), "bert@example.org in MAIL FROM, from 192.0.2.1");
    bed_close(b);
}

TEST(who_is_locked_out_meanwhile_ends_no_message)
{
    struct bed *b = bed_of_anna();
    struct msg  m = MSG(SUBMIT);
    m.submit      = (struct msg_submit) { .session    = 1,
                                          .account    = 1,
                                          .credential = 1,
                                          .size       = 100,
                                          .sender     = GP_LIT("anna@example.org"),
                                          .peer       = GP_LIT("192.0.2.1"),
                                          .recipients = GP_LIT("x@example.net\t\n") };
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.submitted.status == GP_OK);
    bed_disable(b, "anna");
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.submitted.status == GP_PERMFAIL && b->answer.submitted.code == 421);
    CHECK(b->answer.submitted.incident.len == GP_INCIDENT_ROOM - 1);
    m.submit.account = m.submit.credential = 2;
    m.submit.sender                        = GP_NONE; /* a bounce's */
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.submitted.status == GP_OK);
    m.submit.credential = 77;
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.submitted.status == GP_PERMFAIL && b->answer.submitted.code == 421);
    bed_close(b);
}

TEST(a_no_is_on_record_by_its_name_with_the_true_reason)
{
    char                room[AUDIT_FILTER_ROOM];
    struct audit_row    row;
    struct bed         *b      = bed_open();
    struct msg          m      = MSG(AUTHORS);
    struct audit_filter filter = { .event = GP_LIT("refused") };
    bed_account(b, "anna", BED_GENERATED, false);
    m.authors = (struct msg_authors) { .account    = 1,
                                       .credential = 1,
                                       .queue_id   = GP_LIT("2abc"),
                                       .sender     = GP_LIT("anna@example.org"),
                                       .fields     = GP_LIT("from\tbert@example.org\t\n") };
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
