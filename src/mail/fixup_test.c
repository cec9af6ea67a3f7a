/* Submission fix-ups: what is refused, removed, added, and that the network's cuts do not matter. */
#include "mail/fixup.h"

#include <jansson.h>
#include <stdlib.h>

#include "check.h"
#include "mail/gathered.h"
#include "mail/parts.h"

static const gp_time now = 880106106000; /* Fri, 21 Nov 1997 09:55:06 +0000 */

static struct gp_trace trace_of(void)
{
    return (struct gp_trace) { .hostname  = "mx.example.com",
                               .helo      = GP_LIT("laptop.example.com"),
                               .peer      = GP_LIT("203.0.113.7"),
                               .queue_id  = GP_LIT("abcdefghij234567"),
                               .recipient = GP_LIT("bob@example.net"),
                               .protocol  = "ESMTPSA",
                               .tls       = GP_LIT("TLSv1.3 TLS_AES_256_GCM_SHA384"),
                               .unique    = GP_LIT("k7zq3"),
                               .sender    = GP_LIT("alice@example.com"),
                               .now       = now };
}

static const char received[] = "Received: from laptop.example.com ([203.0.113.7]) by mx.example.com with\r\n"
                               " ESMTPSA (TLSv1.3 TLS_AES_256_GCM_SHA384) id abcdefghij234567 for\r\n"
                               " <bob@example.net>; Fri, 21 Nov 1997 09:55:06 +0000\r\n";

struct result {
    gp_status       status;
    struct gp_reply why;
    struct gathered out;
    char            id[512], from[512], authors[1024]; /* authors: with | for their NULs */
};

static struct result *mend_in_pieces(gp_str message, const struct gp_trace *trace, size_t piece)
{
    static struct result results[2];
    static size_t        turn;
    struct result       *r = &results[turn++ % 2];
    struct gp_fixup      f;
    memset(r->id, 0, sizeof r->id);
    memset(r->from, 0, sizeof r->from);
    r->out.len = 0;
    gp_fixup_init(&f, trace, (struct gp_sink) { gather, &r->out });
    for (gp_str rest = message; rest.len; rest = gp_tail(rest, piece)) {
        gp_status status = gp_fixup_body(&f, gp_head(rest, piece));
        CHECK(status == GP_OK || status == GP_PERMFAIL);
    }
    r->status = gp_fixup_end(&f);
    r->why    = gp_fixup_why(&f);
    CHECK(gp_fixup_is_eight(&f) == !gp_is_ascii(gathered(&r->out)));
    CHECK(gp_copy_z(gp_fixup_message_id(&f), r->id, sizeof r->id));
    gp_str from = gp_fixup_from(&f);
    if (from.len) memcpy(r->from, from.ptr, from.len);
    gp_str authors = gp_fixup_authors(&f);
    CHECK(authors.len < sizeof r->authors);
    for (size_t i = 0; i < authors.len; i++) r->authors[i] = authors.ptr[i] ? authors.ptr[i] : '|';
    r->authors[authors.len] = '\0';
    gp_fixup_close(&f);
    return r;
}

static struct result *mend(const char *message)
{
    struct gp_trace trace = trace_of();
    return mend_in_pieces(gp_from(message), &trace, SIZE_MAX);
}

TEST(a_whole_message_gets_received_and_nothing_else)
{
    static const char rest[] = "From: A <a@example.com>\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
                               "Message-ID: <1@example.com>\r\nTo: b@example.com\r\nSubject: x\r\n\r\nbody\r\n.\r\n";
    char              want[1024];
    snprintf(want, sizeof want, "%s%s", received, rest);
    struct result *r = mend(rest);
    CHECK(r->status == GP_OK);
    CHECK_IS(gathered(&r->out), want);
    assert_string_equal(r->id, "<1@example.com>");
    assert_string_equal(r->from, "a@example.com");
}

TEST(what_is_missing_is_added)
{
    char want[1024];
    snprintf(
        want, sizeof want,
        "%sFrom: a@example.com, b@example.com\r\nDate: Fri, 21 Nov 1997 09:55:06 +0000\r\n"
        "Message-ID: <k7zq3@mx.example.com>\r\nSender: alice@example.com\r\nTo: undisclosed-recipients:;\r\n\r\nx\r\n",
        received);
    struct result *r = mend("From: a@example.com, b@example.com\r\n\r\nx");
    CHECK(r->status == GP_OK);
    CHECK_IS(gathered(&r->out), want);
    assert_string_equal(r->id, "<k7zq3@mx.example.com>");
}

/* Fields of a message whose header is From and the field under test: kept, dropped, or refused with a code. */
TEST(single_fields)
{
    /* clang-format off */
    enum verdict { KEPT, DROPPED, REFUSED };
    static const struct { const char *field; enum verdict verdict; const char *enhanced; } cases[] = {
        { "Bcc: secret@example.com",                                   DROPPED, NULL },
        { "bcc : secret@example.com,\r\n other@example.com",           DROPPED, NULL },
        { "Resent-Bcc: secret@example.com",                            DROPPED, NULL },
        { "Return-Path: <x@y.example>",                                DROPPED, NULL },
        { "Authentication-Results: mx.example.com; auth=pass",         DROPPED, NULL },
        { "Authentication-Results: (a) MX.example.com 1; auth=pass",   DROPPED, NULL },
        { "Authentication-Results: \"mx.example\\.com\"; auth=pass",   DROPPED, NULL },
        { "Authentication-Results: other.example; auth=pass",          KEPT,    NULL },
        { "DKIM-Signature: v=1; a=rsa-sha256; d=other.example",        KEPT,    NULL },
        { "To: (nobody)",                                              DROPPED, NULL },
        { "Cc:\r\n (nobody)",                                          DROPPED, NULL },
        { "Reply-To:",                                                 DROPPED, NULL },
        { "Reply-To: nobody:;",                                        KEPT,    NULL },
        { "TLS-Required: No",                                          KEPT,    NULL },
        { "TLS-Required: no",                                          KEPT,    NULL },
        { "TLS-Required: Yes",                                         DROPPED, NULL },
        { "Message-ID: 1234@x",                                        DROPPED, NULL },
        { "Date: yesterday",                                           DROPPED, NULL },
        { "Subject: gr\xc3\xbc\xc3\x9f" "e",                           KEPT,    NULL },
        { "Received: from x by y; Fri, 11 Jul 2003 21:00:37 -0700",    KEPT,    NULL },
        { "List-Unsubscribe-Post: List-Unsubscribe=One-Click",         KEPT,    NULL },
        { "From: b@evil.example",                                      REFUSED, "5.6.0" },
        { "Subject: a\r\nSubject: b",                                  REFUSED, "5.6.0" },
        { "To: a@example.com\r\nTO: b@example.com",                    REFUSED, "5.6.0" },
        { "X: \rFrom: b@evil.example",                                 REFUSED, "5.6.0" },
        { "X: \nFrom: b@evil.example",                                 REFUSED, "5.6.0" },
        { "not a field",                                               REFUSED, "5.6.0" },
        { "bad name: x",                                               REFUSED, "5.6.0" },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char message[1024];
        snprintf(message, sizeof message, "From: a@example.com\r\n%s\r\n\r\nbody\r\n", cases[i].field);
        struct result *r = mend(message);
        if ((r->status == GP_PERMFAIL) != (cases[i].verdict == REFUSED)) fail_msg("%s", cases[i].field);
        if (cases[i].verdict == REFUSED) {
            CHECK(r->why.code == 554 && r->out.len == 0);
            assert_string_equal(r->why.enhanced, cases[i].enhanced);
        } else if (mentions(gathered(&r->out), cases[i].field) != (cases[i].verdict == KEPT)) {
            fail_msg("%s", cases[i].field);
        }
    }
}

/* What the vectors' words "reject", "add", "strip", "remove" and "keep" come to. */
static const struct {
    const char *id, *enhanced, *gone, *present;
} message_cases[] = {
  /* clang-format off */
    { "two-from",                    "5.6.0", NULL,           NULL },
    { "no-from",                     "5.6.0", NULL,           NULL },
    { "no-date",                     NULL,    NULL,           "\r\nDate: Fri, 21 Nov 1997 09:55:06 +0000\r\n" },
    { "no-message-id",               NULL,    NULL,           "\r\nMessage-ID: <k7zq3@mx.example.com>\r\n" },
    { "bcc",                         NULL,    "secret",       "From: a@example.com\r\n" },
    { "return-path",                 NULL,    "Return-Path",  "From: a@example.com\r\n" },
    { "continuation-first",          "5.6.0", NULL,           NULL },
    { "nul",                         "5.6.0", NULL,           NULL },
    { "8bit-header-without-smtputf8", NULL,   NULL,           "Subject: gr\xc3\xbc\xc3\x9f" "e\r\n" },
    { "100-received",                "5.4.6", NULL,           NULL },
    { "x-injection",                 NULL,    "auth=pass",    "From: a@example.com\r\n" },
    { "dkim-present",                NULL,    NULL,           "DKIM-Signature: v=1; a=rsa-sha256; d=other.example\r\n" },
  /* clang-format on */
};

static void check_message_case(const json_t *vector, size_t i)
{
    static struct gathered message;
    const json_t          *headers = json_object_get(vector, "headers");
    struct gp_trace        trace   = trace_of();
    trace.hostname                 = i == 10 ? "mail.example.com" : trace.hostname; /* x-injection names itself so */
    message.len                    = 0;
    assert_string_equal(json_string_value(json_object_get(vector, "id")), message_cases[i].id);
    for (size_t n = 0; n < json_array_size(headers); n++) {
        const json_t *line = json_array_get(headers, n);
        CHECK(gather(&message, (gp_str) { json_string_value(line), json_string_length(line) }));
        CHECK(gather(&message, GP_LIT("\r\n")));
    }
    if (message_cases[i].present && json_array_size(headers) == 1 && !mentions(gathered(&message), "From:"))
        CHECK(gather(&message, GP_LIT("From: a@example.com\r\n"))); /* the vector shows the one field it is about */
    CHECK(gather(&message, GP_LIT("\r\nbody\r\n")));
    struct result *r = mend_in_pieces(gathered(&message), &trace, SIZE_MAX);
    if (r->status != (message_cases[i].enhanced ? GP_PERMFAIL : GP_OK)) fail_msg("%s", message_cases[i].id);
    if (message_cases[i].enhanced) assert_string_equal(r->why.enhanced, message_cases[i].enhanced);
    if (message_cases[i].gone) CHECK(!mentions(gathered(&r->out), message_cases[i].gone));
    if (message_cases[i].present) CHECK(mentions(gathered(&r->out), message_cases[i].present));
}

TEST(message_cases_of_the_vectors)
{
    char   *text = kit_file("tests/vectors/headers.json", NULL);
    json_t *root = json_loads(text, JSON_ALLOW_NUL, NULL), *cases = json_object_get(root, "message_cases");
    free(text);
    CHECK(json_array_size(cases) == GP_COUNT(message_cases));
    for (size_t i = 0; i < GP_COUNT(message_cases); i++) check_message_case(json_array_get(cases, i), i);
    json_decref(root);
}

TEST(one_hop_less_than_a_loop_passes)
{
    char message[8192];
    int  len = 0;
    for (int i = 0; i < GP_MAIL_RECEIVED_MOST - 1; i++)
        len += snprintf(message + len, sizeof message - (size_t)len, "Received: from a by b; 1 Jan 2024 10:00 Z\r\n");
    snprintf(message + len, sizeof message - (size_t)len, "From: a@example.com\r\n\r\n");
    CHECK(mend(message)->status == GP_OK);
}

/* Whom it names is there, or somebody is said not to be named. */
TEST(somebody_is_written_to)
{
    static const struct {
        const char *fields;
        bool        added;
    } rows[] = {
        {"To: b@example.com\r\n",                        false},
        { "To:\r\n",                                     true },
        { "To:\r\nCc: \r\n",                             true },
        { "To:\r\nCc: b@example.com\r\n",                false},
        { "Cc: b@example.com\r\n",                       false},
        { "Bcc: b@example.com\r\n",                      true },
        { "",                                            true },
        { "Bcc: c@example.com\r\nCc: b@example.com\r\n", false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char message[256];
        snprintf(message, sizeof message, "From: a@example.com\r\n%s\r\nx\r\n", rows[i].fields);
        struct result *r = mend(message);
        if (mentions(gathered(&r->out), "\r\nTo: undisclosed-recipients:;\r\n") != rows[i].added)
            fail_msg("row %zu", i);
    }
}

/* What comes to us again and again goes in a circle, long before anybody has counted to a hundred. */
TEST(our_own_traces_are_counted)
{
    static const struct {
        const char *received;
        bool        passes;
    } rows[] = {
        {"from a by MX.example.com with ESMTPSA id 1; 1 Jan 2024 10:00 Z",     false},
        { "by mx.example.com\r\n with ESMTPSA id 1; 1 Jan 2024 10:00 Z",       false},
        { "from by (by x) by\r\n\t(y)\r\n mx.example.com; 1 Jan 2024 10:00 Z", true },
        { "from a (helo by mx.example.com) by b; 1 Jan 2024 10:00 Z",          true },
        { "from mx.example.com by b; 1 Jan 2024 10:00 Z",                      true },
        { "from a (open by mx.example.com",                                    true },
        { "by",                                                                true },
        { "x; by mx.example.com",                                              true },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char message[1024];
        int  len = 0;
        for (int n = 0; n < 5; n++)
            len += snprintf(message + len, sizeof message - (size_t)len, "Received: %s\r\n", rows[i].received);
        snprintf(message + len, sizeof message - (size_t)len, "From: a@example.com\r\n\r\n");
        struct result *r = mend(message);
        if ((r->status == GP_OK) != rows[i].passes) fail_msg("row %zu", i);
        if (!rows[i].passes) assert_string_equal(r->why.enhanced, "5.4.6");
    }
}

static bool renamed(const void *owner, gp_str address, struct gp_text *out)
{
    (void)owner;
    if (!gp_is(address, "a@old.example")) return false;
    gp_put_z(out, "alice@example.com");
    return true;
}

/* What is asked about a message, and told of it, is about what leaves. */
TEST(an_author_is_who_stands_there_after_rewriting)
{
    static const char header[] = "From: A <a@old.example>\r\nTo: a@old.example\r\nSubject: a@old.example\r\n\r\n";
    struct gp_trace   trace    = trace_of();
    struct gathered  *out      = calloc(1, sizeof *out);
    struct gp_fixup   f;
    CHECK(out);
    gp_fixup_init(&f, &trace, (struct gp_sink) { gather, out });
    gp_fixup_rewrite(&f, (struct gp_rewriter) { renamed, NULL });
    gp_fixup_watch(&f, 1U << GP_MAIL_FROM, false);
    CHECK(gp_fixup_body(&f, gp_from(header)) == GP_WAIT);
    CHECK_IS(gp_fixup_fields(&f), "from\talice@example.com\t\n");
    CHECK(gp_fixup_go_on(&f, NULL) == GP_OK && gp_fixup_end(&f) == GP_OK);
    CHECK(
        mentions(gathered(out), "From: A <alice@example.com>\r\nTo: alice@example.com\r\nSubject: a@old.example\r\n"));
    CHECK_IS(gp_fixup_from(&f), "alice@example.com");
    gp_fixup_close(&f);
    free(out);
}

TEST(messages_of_odd_shape)
{
    /* clang-format off */
    static const struct { const char *message; bool passes; } cases[] = {
        { "From: a@example.com\r\n\r\n", true },
        { "From: a@example.com\r\n", true },
        { "From: a@example.com", true },
        { "From: Team:;\r\n\r\nx\r\n", true },
        { "\r\nFrom: a@example.com\r\n\r\n", false },
        { "", false },
        { "just words\r\n", false },
        { "From: nobody\r\n\r\nx\r\n", false },
        { "From: a@example.com <b@example.com>\r\n\r\nx\r\n", false },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct result *r = mend(cases[i].message);
        if ((r->status == GP_OK) != cases[i].passes) fail_msg("%s", cases[i].message);
        if (cases[i].passes) CHECK(gp_ends(gathered(&r->out), "\r\n") && mentions(gathered(&r->out), "\r\n\r\n"));
    }
}

/* In the header, at its end and anywhere in the text, however the network cuts it. */
TEST(a_nul_is_refused_wherever_it_stands)
{
    static const char head[] = "From: a@example.com\r\nSubject: x\r\n\r\ntext\r\n.\r\n";
    struct gp_trace   trace  = trace_of();
    char              message[sizeof head];
    for (size_t at = 0; at < sizeof head; at++)
        for (size_t piece = 1; piece <= sizeof head; piece += 5) {
            size_t len = sizeof head - 1;
            memcpy(message, head, sizeof head);
            if (at == len) len++; /* behind the last line */
            message[at]      = '\0';
            struct result *r = mend_in_pieces((gp_str) { message, len }, &trace, piece);
            CHECK(r->status == GP_PERMFAIL && r->why.code == 554);
            assert_string_equal(r->why.enhanced, "5.6.0");
        }
}

TEST(a_header_section_has_a_bound)
{
    static char     line[1000];
    struct gp_trace trace = trace_of();
    struct gathered out   = { 0 };
    struct gp_fixup f;
    memset(line, 'x', sizeof line);
    memcpy(line, "X: ", 3);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    gp_fixup_init(&f, &trace, (struct gp_sink) { gather, &out });
    for (size_t n = sizeof line; n <= GP_MAIL_HEADER_MOST; n += sizeof line)
        CHECK(gp_fixup_body(&f, (gp_str) { line, sizeof line }) == GP_OK);
    CHECK(gp_fixup_body(&f, (gp_str) { line, sizeof line }) == GP_PERMFAIL);
    CHECK(gp_fixup_body(&f, GP_LIT("\r\n\r\n")) == GP_PERMFAIL);
    CHECK(gp_fixup_end(&f) == GP_PERMFAIL && gp_fixup_why(&f).code == 554 && out.len == 0);
    gp_fixup_close(&f);
}

TEST(octets_above_127_are_seen_in_the_header_and_in_the_body)
{
    struct gp_trace          trace      = trace_of();
    static const char *const messages[] = { "From: a@example.com\r\n\r\nx\r\n",
                                            "From: a@example.com\r\n\r\n\xc3\xa4\r\n",
                                            "From: a@example.com\r\nX: \xc3\xa4\r\n\r\nx\r\n" };
    for (size_t i = 0; i < GP_COUNT(messages); i++) {
        struct gp_fixup f;
        struct gathered out = { .len = 0 };
        gp_fixup_init(&f, &trace, (struct gp_sink) { gather, &out });
        CHECK(gp_fixup_body(&f, gp_from(messages[i])) == GP_OK && gp_fixup_end(&f) == GP_OK);
        CHECK(gp_fixup_is_eight(&f) == (i > 0));
        gp_fixup_close(&f);
    }
}

static bool full(void *owner, gp_str piece)
{
    (void)owner, (void)piece;
    return false;
}

TEST(a_sink_that_is_full_is_a_temporary_failure)
{
    struct gp_trace trace = trace_of();
    struct gp_fixup f;
    gp_fixup_init(&f, &trace, (struct gp_sink) { full, NULL });
    CHECK(gp_fixup_body(&f, GP_LIT("From: a@example.com\r\n\r\nx\r\n")) == GP_TEMPFAIL);
    CHECK(gp_fixup_end(&f) == GP_TEMPFAIL && gp_fixup_why(&f).code == 451);
    gp_fixup_close(&f);
}

TEST(received_hides_and_cleans)
{
    /* clang-format off */
    static const struct { const char *helo, *peer, *recipient, *has, *lacks, *priority; } cases[] = {
        { "a.example", "203.0.113.7",  "b@x.example", "<b@x.example>\r\n PRIORITY -3;",      ">;", "-3" },
        { "a.example", "203.0.113.7",  NULL,          "abcdefghij234567 PRIORITY 0;",      "34567;", "0" },
        { "a.example", "2001:db8::1",  NULL,          "from a.example ([IPv6:2001:db8::1])", " for " },
        { "a.example", NULL,           "b@x.example", "Received: by mx.example.com",         "a.example" },
        { "(x) by evil;\r\nX: y", "203.0.113.7", "b@x.example", "from ?x??by?evil???X:?y",   "evil;" },
        { "",          "203.0.113.7",  "b@x.example", "from unknown ([203.0.113.7])",        "from  " },
        { "a.example", "203.0.113.7",  "\"> \"@x.example", "id abcdefghij234567;",           " for " },
        { "a.example", "203.0.113.7",  "j\xc3\xbc@x.example", "id abcdefghij234567;",         " for " }, /* else it needs SMTPUTF8 */
        { "a.example", "203.0.113.7",  "b@b\xc3\xbc" "cher.example", "id abcdefghij234567;", " for " },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char            room[GP_RECEIVED_ROOM];
        struct gp_text  text  = GP_TEXT(room);
        struct gp_trace trace = trace_of();
        trace.helo            = gp_from(cases[i].helo);
        trace.peer            = gp_from(cases[i].peer);
        trace.recipient       = gp_from(cases[i].recipient);
        trace.priority        = gp_from(cases[i].priority);
        gp_put_received(&text, &trace);
        if (!mentions(gp_said(&text), cases[i].has)) fail_msg("%.*s", (int)text.len, text.ptr);
        if (mentions(gp_said(&text), cases[i].lacks)) fail_msg("%.*s", (int)text.len, text.ptr);
        CHECK(!text.cut);
    }
}

TEST(received_is_folded_and_bounded)
{
    static char     longest[255];
    char            room[GP_RECEIVED_ROOM];
    struct gp_text  text  = GP_TEXT(room);
    struct gp_trace trace = trace_of();
    memset(longest, 'a', sizeof longest);
    trace.helo      = (gp_str) { longest, sizeof longest };
    trace.recipient = trace.helo;
    gp_put_received(&text, &trace);
    CHECK(!text.cut);
    gp_str rest = gp_said(&text);
    while (rest.len) {
        gp_str line = gp_cut(&rest, '\n');
        CHECK(line.len <= GP_LINE_GOOD + 1 || mentions(line, "aaaa"));
    }
}

TEST(every_author_is_named_to_who_must_know)
{
    static const struct {
        const char *from, *authors;
    } rows[] = {
        {"From: Alice <alice@example.com>\r\n",                                      "alice@example.com|"          },
        { "From: a@example.com,\r\n \"B\" <b@example.com>, (who) c@example.net\r\n",
         "a@example.com|b@example.com|c@example.net|"                                                              },
        { "From: us: a@example.com, b@example.com;\r\n",                             "a@example.com|b@example.com|"},
        { "From: nobody:;\r\n",                                                      ""                            },
    };
    struct gp_trace trace = trace_of();
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        const struct result *r = mend_in_pieces(gp_from(rows[i].from), &trace, 7);
        CHECK(r->status == GP_OK);
        CHECK_IS(gp_from(r->authors), rows[i].authors);
    }
}

TEST(a_crowd_of_authors_is_refused)
{
    char            room[4096];
    struct gp_text  text  = GP_TEXT(room);
    struct gp_trace trace = trace_of();
    gp_put_z(&text, "From: a@example.com");
    for (size_t i = 1; i < GP_MAIL_AUTHORS_MOST; i++) gp_put_z(&text, ",\r\n a@example.com");
    CHECK(mend_in_pieces(gp_said(&text), &trace, 100)->status == GP_OK);
    gp_put_z(&text, ",\r\n a@example.com");
    const struct result *r = mend_in_pieces(gp_said(&text), &trace, 100);
    CHECK(r->status == GP_PERMFAIL && r->why.code == 554);
    CHECK_IS(gp_from(r->why.text), "the From header field names too many authors");
}

PROPERTY(fixups_do_not_depend_on_the_cuts, bytes)
{
    struct gp_trace      trace = trace_of();
    const struct result *whole = mend_in_pieces(bytes, &trace, SIZE_MAX);
    for (size_t piece = 1; piece < 8; piece += 2) {
        const struct result *cut = mend_in_pieces(bytes, &trace, piece);
        CHECK(cut->status == whole->status && cut->why.code == whole->why.code);
        if (whole->status == GP_OK)
            CHECK_SAME(gathered(&cut->out), gathered(&whole->out)); /* what is refused is thrown away */
        whole = cut;
    }
    if (whole->status != GP_OK) return;
    CHECK(!memchr(gathered(&whole->out).ptr, '\0', gathered(&whole->out).len));
    CHECK(gp_starts(gathered(&whole->out), "Received: from laptop") && gp_ends(gathered(&whole->out), "\r\n"));
}
