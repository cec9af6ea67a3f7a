/* Messages: how they are read, who their recipients are, what is added and taken away, and parts put together. */
#include "cli/letter.h"

#include "check.h"

#include <string.h>
#include <unistd.h>

#include "mail/mail.h"

static gp_str read_in(const char *text, bool dot_ends, struct gp_buffer *out)
{
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], text, strlen(text)) == (ssize_t)strlen(text));
    close(ends[1]);
    CHECK(letter_read(ends[0], dot_ends, out));
    close(ends[0]);
    return gp_buffer_all(out);
}

TEST(line_ends_become_cr_lf_and_a_dot_ends_only_where_it_should)
{
    static const struct {
        const char *text;
        bool        dot_ends;
        const char *read;
    } rows[] = {
        {"a\nb\r\nc",        false, "a\r\nb\r\nc"      },
        { "a\n.\nb\n",       false, "a\r\n.\r\nb\r\n"  },
        { "a\n.\nb\n",       true,  "a\r\n"            },
        { "a\r\n.\r\nb\r\n", true,  "a\r\n"            },
        { "a\n.b\n..\n",     true,  "a\r\n.b\r\n..\r\n"},
        { "a\n.\r.\n",       true,  "a\r\n.\r.\r\n"    },
        { "a\rb\n",          true,  "a\rb\r\n"         },
        { "",                true,  ""                 },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct gp_buffer b = { 0 };
        CHECK_IS(read_in(rows[i].text, rows[i].dot_ends, &b), rows[i].read);
        gp_buffer_free(&b);
    }
}

TEST(a_header_ends_before_what_is_no_field)
{
    static const struct {
        const char *message, *header;
    } rows[] = {
        {"A: b\r\n\r\nc",          "A: b\r\n"          },
        { "A: b\r\n c\r\nD: e",    "A: b\r\n c\r\nD: e"},
        { "just text\r\n\r\nA: b", ""                  },
        { "A: b\r\nno field\r\n",  "A: b\r\n"          },
        { "\r\nA: b\r\n",          ""                  },
        { "",                      ""                  },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) CHECK_IS(letter_header(gp_from(rows[i].message)), rows[i].header);
}

TEST(recipients_are_those_of_to_cc_and_bcc_or_of_the_resent_ones)
{
    static const struct {
        const char *message, *addresses, *field; /* field: the one that cannot be read */
    } rows[] = {
        {"To: a@x.org, B <b@x.org>\r\nCc: a@x.org\r\nBcc: c@x.org\r\n\r\nTo: d@x.org\r\n", "a@x.org b@x.org c@x.org ",
         NULL                                                                                                              },
        { "To: a@x.org\r\nResent-To: r@x.org\r\n\r\n",                                     "r@x.org ",                 NULL},
        { "To: staff: a@x.org, b@x.org;\r\nCc:\r\n\r\n",                                   "a@x.org b@x.org ",         NULL},
        { "To: a@x.org\r\nCc: a@b@c\r\n\r\n",                                              "",                         "Cc"},
        { "To: root, A <a@x.org>\r\n\r\n",                                                 "root a@x.org ",            NULL},
        { "Subject: x\r\n\r\n",                                                            "",                         NULL},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct addresses a     = { 0 };
        const char      *field = NULL;
        char             room[256];
        struct gp_text   text = GP_TEXT(room);
        bool             read = letter_recipients(gp_from(rows[i].message), &a, &field);
        CHECK(read == !rows[i].field && (!rows[i].field || strcmp(field, rows[i].field) == 0));
        for (size_t n = 0; read && n < a.count; n++) {
            gp_put(&text, a.list[n]);
            gp_put_char(&text, ' ');
        }
        CHECK_IS(gp_said(&text), rows[i].addresses);
        addresses_free(&a);
    }
}

TEST(what_is_missing_is_added_and_what_is_secret_taken_away)
{
    struct gp_buffer         b         = { 0 };
    static const char *const headers[] = { "X-A: b" };
    struct letter_wish       w         = {
                      .from = GP_LIT("a@x.org"), .full_name = GP_LIT("A \"B\""), .headers = headers, .header_count = 1
    };
    CHECK(gp_buffer_add(&b, GP_LIT("bcc: s@x.org,\r\n t@x.org\r\nTo: u@x.org\r\n\r\nBcc: text\r\n"), LETTER_MOST));
    CHECK(letter_mend(&b, &w));
    gp_str all = gp_buffer_all(&b);
    CHECK(gp_starts(all, "X-A: b\r\nFrom: \"A \\\"B\\\"\" <a@x.org>\r\nDate: "));
    CHECK(!letter_has(all, "Bcc") && letter_has(all, "To") && letter_has(all, "Message-ID"));
    CHECK(gp_ends(all, "\r\n\r\nBcc: text\r\n"));
    gp_buffer_free(&b);

    CHECK(gp_buffer_add(&b, GP_LIT("no header\r\n"), LETTER_MOST) && letter_mend(&b, &w));
    CHECK(gp_ends(gp_buffer_all(&b), ">\r\n\r\nno header\r\n"));
    gp_buffer_free(&b);

    w.full_name = GP_LIT("J\303\266rg");
    CHECK(gp_buffer_add(&b, GP_LIT("A: b\r\n"), LETTER_MOST) && letter_mend(&b, &w));
    CHECK(gp_starts(gp_buffer_all(&b), "X-A: b\r\nFrom: =?UTF-8?B?SsO2cmc=?= <a@x.org>\r\n"));
    gp_buffer_free(&b);

    static const char *const bad[] = { "no colon", ": x", "A: b\nBcc: c" };
    for (size_t i = 0; i < GP_COUNT(bad); i++) {
        w.headers = &bad[i];
        CHECK(gp_buffer_add(&b, GP_LIT("A: b\r\n"), LETTER_MOST) && !letter_mend(&b, &w));
        gp_buffer_free(&b);
    }
}

TEST(who_may_send_as_nobody_else_is_the_author)
{
    static const struct {
        const char *message, *mended; /* without Date and Message-ID, which stand before it */
    } rows[] = {
        {"From: Anna <A@x.org>\r\n\r\n",                "From: Anna <A@x.org>\r\n\r\n"                              },
        { "From: \"B, C\" <b@y.org>\r\n\r\n",
         "Reply-To: <b@y.org>\r\n|From: \"B, C\" <a@x.org>\r\nX-Original-From: \"B, C\" <b@y.org>\r\n\r\n"          },
        { "Reply-To: c@z.org\r\nFrom: b@y.org\r\n\r\n",
         "Reply-To: c@z.org\r\nFrom: a@x.org\r\nX-Original-From: b@y.org\r\n\r\n"                                   },
        { "Sender: b@y.org\r\nFrom: a@x.org\r\n\r\n",
         "Sender: a@x.org\r\nX-Original-Sender: b@y.org\r\nFrom: a@x.org\r\n\r\n"                                   },
        { "From: a@x.org, b@y.org\r\n\r\n",             "From: a@x.org\r\nX-Original-From: a@x.org, b@y.org\r\n\r\n"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct gp_buffer   b    = { 0 };
        struct letter_wish w    = { .from = GP_LIT("a@x.org"), .only_from = true };
        gp_str             want = gp_from(rows[i].mended), added = GP_LIT("");
        if (gp_find(want, '|') < want.len) added = gp_cut(&want, '|');
        CHECK(gp_buffer_add(&b, gp_from(rows[i].message), LETTER_MOST) && letter_mend(&b, &w));
        gp_str all = gp_buffer_all(&b);
        CHECK(gp_same(gp_head(all, added.len), added) && gp_starts(gp_tail(all, added.len), "Date: "));
        CHECK(all.len > want.len);
        CHECK_SAME(gp_tail(all, all.len - want.len), want);
        gp_buffer_free(&b);
    }
}

TEST(long_words_of_a_subject_are_cut_between_characters)
{
    struct gp_buffer      b     = { 0 };
    static const char    *to[]  = { "a@x.org", "b@x.org" };
    const struct cli_many none  = { 0 };
    struct letter_parts   parts = { .from        = GP_LIT("a@x.org"),
                                    .subject     = GP_LIT("ääääääääääääääääääääääääääää"),
                                    .body        = GP_LIT("x"),
                                    .to          = to,
                                    .to_count    = 2,
                                    .attachments = &none,
                                    .headers     = &none };
    CHECK(letter_compose(&parts, &b));
    CHECK(gp_starts(
        gp_buffer_all(&b),
        "From: <a@x.org>\r\nTo: <a@x.org>,\r\n <b@x.org>\r\nSubject: =?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6Q=?=\r\n =?UTF-8?B?w6TDpMOkw6TDpMOk?=\r\n"));
    CHECK(gp_ends(gp_buffer_all(&b), "7bit\r\n\r\nx\r\n"));
    gp_buffer_free(&b);
}

static size_t count_fields(gp_str message, const char *name)
{
    size_t          count = 0;
    gp_str          rest  = letter_header(message);
    struct gp_field f;
    while (gp_next_field(&rest, &f)) count += gp_is(f.name, name);
    return count;
}

TEST(a_field_that_is_given_is_not_made_a_second_time)
{
    static const char *const names[] = { "From", "To", "Subject", "Date", "Message-ID", "MIME-Version" };
    static const char       *to[]    = { "a@x.org" };
    struct gp_buffer         b       = { 0 };
    const struct cli_many    none    = { 0 };
    const struct cli_many    given   = {
             .values = {"from: \"A\" <a@x.org>", "To: Us <a@x.org>", "Subject: s", "DATE: Fri, 27 Nov 2026 00:00:00 +0000",
                        "Message-ID: <1@x.org>", "MIME-Version: 1.0"},
             .count = 6
    };
    struct letter_parts parts = { .from        = GP_LIT("a@x.org"),
                                  .subject     = GP_LIT("other"),
                                  .body        = GP_LIT("x"),
                                  .to          = to,
                                  .to_count    = 1,
                                  .attachments = &none,
                                  .headers     = &given };
    struct letter_wish  w     = { .from = parts.from, .headers = given.values, .header_count = given.count };
    CHECK(letter_compose(&parts, &b) && letter_mend(&b, &w));
    for (size_t i = 0; i < GP_COUNT(names); i++) CHECK(count_fields(gp_buffer_all(&b), names[i]) == 1);
    gp_buffer_free(&b);
    CHECK(gp_buffer_add(&b, GP_LIT("Subject: whole\r\n\r\nx\r\n"), LETTER_MOST));
    w.header_count = 1;
    CHECK(letter_mend(&b, &w) && count_fields(gp_buffer_all(&b), "From") == 1);
    CHECK(count_fields(gp_buffer_all(&b), "Date") == 1 && count_fields(gp_buffer_all(&b), "Message-ID") == 1);
    gp_buffer_free(&b);
}

/* Whatever is piped in: no Bcc leaves, what is there stays, and mending twice adds nothing. */
PROPERTY(letter_mending, bytes)
{
    struct gp_buffer   b = { 0 };
    struct letter_wish w = { .from = GP_LIT("a@x.org") };
    struct addresses   a = { 0 };
    const char        *field;
    int                ends[2];
    if (bytes.len > 32 * 1024) return;
    CHECK(pipe(ends) == 0 && write(ends[1], bytes.ptr, bytes.len) == (ssize_t)bytes.len);
    close(ends[1]);
    CHECK(letter_read(ends[0], false, &b));
    close(ends[0]);
    (void)letter_recipients(gp_buffer_all(&b), &a, &field);
    for (size_t i = 0; i < a.count; i++) CHECK(a.list[i].len > 0 && gp_find(a.list[i], '\n') == a.list[i].len);
    addresses_free(&a);
    size_t before = gp_buffer_all(&b).len;
    bool   secret = letter_has(gp_buffer_all(&b), "Bcc") || letter_has(gp_buffer_all(&b), "Resent-Bcc") ||
                  letter_has(gp_buffer_all(&b), "Return-Path");
    CHECK(letter_mend(&b, &w));
    gp_str once = gp_buffer_all(&b);
    CHECK(!letter_has(once, "Bcc") && letter_has(once, "From") && letter_has(once, "Date") &&
          letter_has(once, "Message-ID"));
    CHECK(secret || once.len >= before);
    size_t len = once.len;
    CHECK(letter_mend(&b, &w) && gp_buffer_all(&b).len == len);
    w.only_from = true;
    if (letter_mend(&b, &w)) { /* else a field is beyond all measure */
        char   room[4096];
        gp_str author = letter_author(gp_buffer_all(&b), room, sizeof room);
        CHECK(!author.ptr || gp_alike(author, w.from));
        len = gp_buffer_all(&b).len;
        CHECK(letter_mend(&b, &w) && gp_buffer_all(&b).len == len);
    }
    gp_buffer_free(&b);
}
