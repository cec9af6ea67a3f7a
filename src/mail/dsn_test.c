/* Delivery reports: every part that RFC 3464 wants, nothing that a remote server could slip in. */
#include "check.h"
#include "mail/gathered.h"
#include "mail/parts.h"

static const char original[] = "From: alice@example.com\r\nSubject: x\r\n\r\nthe body\r\n";

static struct gp_dsn_recipient bob(void)
{
    return (struct gp_dsn_recipient) { .address    = GP_LIT("bob@example.net"),
                                       .params     = GP_LIT("NOTIFY=FAILURE ORCPT=rfc822;b+2Bob@example.net"),
                                       .action     = GP_DSN_FAILED,
                                       .status     = GP_LIT("5.1.1"),
                                       .diagnostic = GP_LIT("550 5.1.1 no such user"),
                                       .remote     = GP_LIT("mx.example.net") };
}

static struct gp_dsn report_of(const struct gp_dsn_recipient *recipients, size_t count)
{
    return (struct gp_dsn) { .hostname   = "mx.example.com",
                             .domain     = "example.com",
                             .to         = GP_LIT("alice@example.com"),
                             .params     = GP_LIT("RET=FULL ENVID=order+2B7"),
                             .queue_id   = GP_LIT("abcdefghij234567"),
                             .unique     = GP_LIT("k7zq3"),
                             .message_id = GP_LIT("<1@example.com>"),
                             .arrived    = 880106106000,
                             .now        = 880106107000,
                             .recipients = recipients,
                             .count      = count,
                             .original   = GP_LIT(original) };
}

static gp_str written(const struct gp_dsn *dsn)
{
    static struct gathered out;
    out.len = 0;
    CHECK(gp_dsn_write(dsn, (struct gp_sink) { gather, &out }) == GP_OK);
    return gathered(&out);
}

/* One change to a plain report, and what it must and must not say then. */
static const struct {
    const char        *params, *recipient_params;
    enum gp_dsn_action action;
    const char        *has[4], *lacks;
} reports[] = {
  /* clang-format off */
    { "RET=FULL ENVID=order+2B7", "ORCPT=rfc822;b+2Bob@example.net", GP_DSN_FAILED,
      { "Original-Envelope-Id: order+7\r\n", "Original-Recipient: rfc822;b+ob@example.net\r\n",
        "Content-Type: message/rfc822\r\n\r\nFrom: alice", "the body\r\n\r\n--=_k7zq3--\r\n" }, "8bit" },
    { "RET=HDRS", "", GP_DSN_FAILED,
      { "Content-Type: text/rfc822-headers\r\n\r\nFrom: alice", "Action: failed\r\n", "Status: 5.1.1\r\n",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n" }, "the body" },
    { "REQUIRETLS", "", GP_DSN_FAILED, { "text/rfc822-headers" }, "the body" },
    { "RET=FULL REQUIRETLS", "", GP_DSN_FAILED, { "text/rfc822-headers" }, "the body" },
    { "", "", GP_DSN_DELAYED,
      { "Action: delayed\r\n", "Will-Retry-Until: Fri, 21 Nov 1997 13:55:06 +0000\r\n", "Subject: Your message is delayed\r\n",
        "text/rfc822-headers" }, "the body" },
    { "", "", GP_DSN_RELAYED, { "Action: relayed\r\n", "text/rfc822-headers" }, "There is no such mailbox" },
    { "", "", GP_DSN_DELIVERED, { "Action: delivered\r\n", "Subject: Your message was delivered\r\n" }, "the body" },
    { "SMTPUTF8", "ORCPT=utf-8;j\\x{FC}@example.net", GP_DSN_FAILED,
      { "report-type=global-delivery-status", "Content-Type: message/global-delivery-status\r\n",
        "Content-Type: message/global\r\n", "Original-Recipient: utf-8;j\xc3\xbc@example.net\r\n" }, "message/rfc822" },
    { "", "ORCPT=utf-8;j\\x{FC}@example.net", GP_DSN_FAILED,
      { "report-type=delivery-status", "Original-Recipient: utf-8;j\\x{FC}@example.net\r\n" }, "8bit" },
    { "", "ORCPT=x400;c+3Dus", GP_DSN_FAILED, { "Original-Recipient: x400;c=us\r\n" }, "8bit" },
    { "SMTPUTF8 RET=HDRS", "", GP_DSN_FAILED, { "Content-Type: message/global-headers\r\n" }, "the body" },
  /* clang-format on */
};

/* RFC 3464 2.3.6: "smtp" is what a server said. */
TEST(what_no_server_said_is_not_put_into_its_mouth)
{
    struct gp_dsn_recipient recipient = bob();
    struct gp_dsn           dsn       = report_of(&recipient, 1);
    recipient.diagnostic              = GP_LIT("Connection refused");
    gp_str text                       = written(&dsn);
    CHECK(mentions(text, "Diagnostic-Code: X-Gatepost; Connection refused\r\n"));
    CHECK(mentions(text, "mx.example.net:\r\n") && !mentions(text, "said"));
    recipient.diagnostic = GP_LIT("550 no");
    CHECK(mentions(written(&dsn), "mx.example.net said:\r\n"));
}

TEST(reports_by_what_was_asked_for)
{
    for (size_t i = 0; i < GP_COUNT(reports); i++) {
        struct gp_dsn_recipient recipient = bob();
        recipient.params                  = gp_from(reports[i].recipient_params);
        recipient.action                  = reports[i].action;
        recipient.retry_until             = 880120506000;
        struct gp_dsn dsn                 = report_of(&recipient, 1);
        dsn.params                        = gp_from(reports[i].params);
        gp_str text                       = written(&dsn);
        for (size_t n = 0; n < GP_COUNT(reports[i].has) && reports[i].has[n]; n++)
            if (!mentions(text, reports[i].has[n])) fail_msg("report %zu lacks \"%s\"", i, reports[i].has[n]);
        if (mentions(text, reports[i].lacks)) fail_msg("report %zu has \"%s\"", i, reports[i].lacks);
    }
}

TEST(what_every_report_says)
{
    static const char *const wanted[] = {
        "From: Mail delivery <MAILER-DAEMON@example.com>\r\n",
        "To: <alice@example.com>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Message-ID: <k7zq3@mx.example.com>\r\nIn-Reply-To: <1@example.com>\r\nReferences: <1@example.com>\r\n",
        "Date: Fri, 21 Nov 1997 09:55:07 +0000\r\n",
        "MIME-Version: 1.0\r\n",
        "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"=_k7zq3\"\r\n",
        "Reporting-MTA: dns;mx.example.com\r\n",
        "Arrival-Date: Fri, 21 Nov 1997 09:55:06 +0000\r\n",
        "Final-Recipient: rfc822;bob@example.net\r\n",
        "Remote-MTA: dns;mx.example.net\r\n",
        "    There is no such mailbox.\r\n    Check the address for typing errors, or ask the recipient for the right\r\n    one.\r\n",
        "    mx.example.net said:\r\n    550 5.1.1 no such user\r\n"
    };
    struct gp_dsn_recipient recipient = bob();
    struct gp_dsn           dsn       = report_of(&recipient, 1);
    gp_str                  text      = written(&dsn);
    for (size_t i = 0; i < GP_COUNT(wanted); i++)
        if (!mentions(text, wanted[i])) fail_msg("no \"%s\" in\n%.*s", wanted[i], (int)text.len, text.ptr);
}

/* RFC 3464 2.1.2: a domain or an address literal, whatever else the log has. */
TEST(the_remote_server_has_one_name)
{
    static const struct {
        const char *remote, *field;
    } rows[] = {
        {"mx.example.net [192.0.2.1:25]",          "\r\nRemote-MTA: dns;mx.example.net\r\n"    },
        { "127.0.0.1 [127.0.0.1:27251]",           "\r\nRemote-MTA: dns;[127.0.0.1]\r\n"       },
        { "[192.0.2.1] [192.0.2.1:25]",            "\r\nRemote-MTA: dns;[192.0.2.1]\r\n"       },
        { "2001:db8::1 [[2001:db8::1]:25]",        "\r\nRemote-MTA: dns;[IPv6:2001:db8::1]\r\n"},
        { "[IPv6:2001:db8::1] [[2001:db8::1]:25]", "\r\nRemote-MTA: dns;[IPv6:2001:db8::1]\r\n"},
        { "4.example.net",                         "\r\nRemote-MTA: dns;4.example.net\r\n"     },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct gp_dsn_recipient recipient = bob();
        struct gp_dsn           dsn       = report_of(&recipient, 1);
        recipient.remote                  = gp_from(rows[i].remote);
        if (!mentions(written(&dsn), rows[i].field)) fail_msg("row %zu lacks %s", i, rows[i].field);
    }
}

TEST(what_a_status_means_is_not_more_than_it_says)
{
    static const struct {
        const char        *status;
        enum gp_dsn_action action;
        const char        *has, *lacks;
    } rows[] = {
        {"5.2.1",  GP_DSN_FAILED,  "The mailbox is switched off",    "too long"       },
        { "4.2.1", GP_DSN_DELAYED, "Final-Recipient",                "switched off"   },
        { "4.1.1", GP_DSN_DELAYED, "Final-Recipient",                "no such mailbox"},
        { "4.1.2", GP_DSN_DELAYED, "Final-Recipient",                "does not exist" },
        { "4.2.2", GP_DSN_DELAYED, "The mailbox is full",            "switched off"   },
        { "4.4.7", GP_DSN_FAILED,  "tried for as long as it may be", "reached"        },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct gp_dsn_recipient recipient = bob();
        struct gp_dsn           dsn       = report_of(&recipient, 1);
        recipient.status                  = gp_from(rows[i].status);
        recipient.action                  = rows[i].action;
        recipient.diagnostic              = GP_LIT("no");
        gp_str text                       = written(&dsn);
        if (!mentions(text, rows[i].has) || mentions(text, rows[i].lacks)) fail_msg("row %zu", i);
    }
}

/* RFC 2045 6.4: what a part needs, the whole must own up to. */
TEST(eight_bits_within_are_declared_without)
{
    static const char outer[] =
        "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: multipart/report";
    static const struct {
        const char *params, *original;
        bool        declared;
    } rows[] = {
        {"RET=FULL",  "Subject: x\r\n\r\nsch\xc3\xb6n\r\n", true },
        { "RET=HDRS", "Subject: x\r\n\r\nsch\xc3\xb6n\r\n", false},
        { "RET=HDRS", "Subject: \xc3\xb6\r\n\r\nx\r\n",     true },
        { "RET=FULL", "Subject: x\r\n\r\nx\r\n",            false},
        { "SMTPUTF8", "Subject: x\r\n\r\nx\r\n",            true },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct gp_dsn_recipient recipient = bob();
        struct gp_dsn           dsn       = report_of(&recipient, 1);
        dsn.params                        = gp_from(rows[i].params);
        dsn.original                      = gp_from(rows[i].original);
        if (mentions(written(&dsn), outer) != rows[i].declared) fail_msg("row %zu", i);
    }
}

/* It is no message's fault, and it does not end with the lifetime. */
TEST(our_own_sign_in_is_said_to_be_ours)
{
    struct gp_dsn_recipient recipient = bob();
    recipient.action                  = GP_DSN_DELAYED;
    recipient.status                  = GP_LIT("4.7.8");
    recipient.diagnostic              = GP_LIT("535 5.7.8 wrong password");
    recipient.retry_until             = 880120506000;
    recipient.ours                    = true;
    struct gp_dsn dsn                 = report_of(&recipient, 1);
    gp_str        text                = written(&dsn);
    CHECK(mentions(text, "Our server's own sign-in at the next server does not work.") && mentions(text, "is kept"));
    CHECK(!mentions(text, "Delivery will be tried until") && mentions(text, "\r\nAction: delayed\r\n"));
}

TEST(an_id_that_is_none_is_not_referred_to)
{
    static const char *const ids[] = { "", "x", "<1@a>\r\nX-Evil: 1", "<\xc3\xbc@a>" };
    for (size_t i = 0; i < GP_COUNT(ids); i++) {
        struct gp_dsn_recipient recipient = bob();
        struct gp_dsn           dsn       = report_of(&recipient, 1);
        dsn.message_id                    = gp_from(ids[i]);
        CHECK(!mentions(written(&dsn), "References"));
    }
}

TEST(recipients_are_told_apart_by_what_happened)
{
    struct gp_dsn_recipient both[] = { bob(), bob() };
    both[1].address                = GP_LIT("carol@example.org");
    both[1].action                 = GP_DSN_DELAYED;
    struct gp_dsn dsn              = report_of(both, 2);
    gp_str        text             = written(&dsn);
    CHECK(mentions(text, "Subject: Your message could not be delivered\r\n"));
    CHECK(mentions(text, "no further") && mentions(text, "delivery will be tried again"));
    CHECK(mentions(text, "Final-Recipient: rfc822;carol@example.org\r\nAction: delayed\r\n"));
}

TEST(a_remote_reply_cannot_write_fields)
{
    struct gp_dsn_recipient recipient = bob();
    recipient.diagnostic              = GP_LIT("550 no\r\nX-Evil: 1\r\n\r\n--=_k7zq3\r\n\x1b[2J\xff\x00!");
    recipient.remote                  = GP_LIT("mx\r\nX-Evil: 2");
    recipient.status                  = GP_LIT("5.1.1\r\nX-Evil: 3");
    struct gp_dsn dsn                 = report_of(&recipient, 1);
    gp_str        text                = written(&dsn);
    CHECK(!mentions(text, "\nX-Evil") && !mentions(text, "\x1b") && gp_is_ascii(text));
    CHECK(memchr(text.ptr, '\0', text.len) == NULL);
    CHECK(mentions(text, "Diagnostic-Code: smtp; 550 no X-Evil: 1 --=_k7zq3 [2J?"));
}

TEST(never_a_bounce_of_a_bounce)
{
    struct gp_dsn_recipient recipient = bob();
    struct gp_dsn           dsn       = report_of(&recipient, 1);
    struct gathered         out       = { 0 };
    dsn.to                            = GP_LIT("");
    CHECK(gp_dsn_write(&dsn, (struct gp_sink) { gather, &out }) == GP_PERMFAIL && out.len == 0);
}

TEST(a_large_message_goes_back_as_its_header)
{
    static char large[70000];
    memset(large, 'x', sizeof large);
    memcpy(large, original, sizeof original - 1);
    struct gp_dsn_recipient recipient = bob();
    struct gp_dsn           dsn       = report_of(&recipient, 1);
    dsn.original                      = (gp_str) { large, sizeof large };
    gp_str text                       = written(&dsn);
    CHECK(mentions(text, "text/rfc822-headers") && !mentions(text, "xxxx"));
}

/* Whatever a remote says: ASCII, lines that fit, and no more boundaries than the report has parts. */
PROPERTY(reports_hold_together, bytes)
{
    struct gp_dsn_recipient recipient = bob();
    recipient.diagnostic              = bytes;
    recipient.remote                  = gp_head(bytes, 100);
    struct gp_dsn dsn                 = report_of(&recipient, 1);
    gp_str        text                = written(&dsn);
    size_t        boundaries          = 0;
    CHECK(gp_is_ascii(text) && !gp_has_bare_line_end(text));
    for (gp_str rest = text; rest.len;) {
        gp_str line = gp_cut(&rest, '\n');
        boundaries += gp_starts(line, "--=_k7zq3");
        CHECK(line.len <= 200);
    }
    CHECK(boundaries == 4);
}
