/* Fields, addresses, dates and message ids, against the vectors and against anything. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mail/parts.h"

static json_t *vectors(void)
{
    char   *text = kit_file("tests/vectors/headers.json", NULL);
    json_t *root = json_loads(text, JSON_ALLOW_NUL, NULL);
    free(text);
    assert_non_null(root);
    return root;
}

static gp_str text_of(const json_t *value)
{
    return (gp_str) { json_string_value(value), json_string_length(value) };
}

TEST(the_fields_of_a_header_section)
{
    /* clang-format off */
    static const struct { const char *name, *value; } want[] = {
        { "Subject", " a\r\n\tb" }, { "X-Empty", "" }, { NULL, " no name: at all" }, { NULL, "no colon" },
        { NULL, "in valid: x" }, { "from", " y" },
    };
    /* clang-format on */
    gp_str          rest  = GP_LIT("Subject: a\r\n\tb\r\nX-Empty:\r\n"
                                             "\r\nbody");
    gp_str          rest2 = GP_LIT(" no name: at all\r\nno colon\r\nin valid: x\r\nfrom \t: y");
    struct gp_field field;
    for (size_t i = 0; i < GP_COUNT(want); i++) {
        CHECK(gp_next_field(i < 2 ? &rest : &rest2, &field));
        if (want[i].name)
            CHECK_IS(field.name, want[i].name);
        else
            CHECK(field.name.ptr == NULL);
        CHECK_IS(field.value, want[i].value);
    }
    CHECK(!gp_next_field(&rest, &field));
    CHECK_IS(rest, "\r\nbody");
    CHECK(!gp_next_field(&rest2, &field));
}

static void check_from_case(const json_t *vector)
{
    char            room[1024];
    struct gp_text  text = GP_TEXT(room);
    gp_str          rest = text_of(json_object_get(vector, "header")), out[4];
    struct gp_field field;
    CHECK(gp_next_field(&rest, &field));
    CHECK(gp_is(field.name, "From"));
    int           got  = gp_mailboxes(field.value, out, GP_COUNT(out), &text);
    const json_t *want = json_object_get(vector, "addresses");
    if (json_is_null(want)) {
        if (got != -1) fail_msg("was read: %s", json_string_value(json_object_get(vector, "header")));
        return;
    }
    if (got != (int)json_array_size(want))
        fail_msg("%d in: %s", got, json_string_value(json_object_get(vector, "header")));
    for (size_t i = 0; i < json_array_size(want); i++) CHECK_SAME(out[i], text_of(json_array_get(want, i)));
}

TEST(from_fields_of_the_vectors)
{
    json_t *root = vectors(), *cases = json_object_get(root, "from_cases");
    CHECK(json_array_size(cases) == 16);
    for (size_t i = 0; i < json_array_size(cases); i++) check_from_case(json_array_get(cases, i));
    json_decref(root);
}

TEST(mailboxes_that_the_vectors_leave_out)
{
    /* clang-format off */
    static const struct { const char *value; int count; const char *first; } cases[] = {
        { "a . b @ example . com",                   1, "a.b@example.com" },
        { "a(x)@(y)example.com (z (nested \\) ) )",  1, "a@example.com" },
        { "\"a b\"@example.com",                     1, "\"a b\"@example.com" },
        { "a@[192.0.2.1]",                           1, "a@[192.0.2.1]" },
        { "a@[IPv6:2001:db8::1]",                    1, "a@[IPv6:2001:db8::1]" },
        { "J\xc3\xbcrgen <j\xc3\xbc@example.com>",   1, "j\xc3\xbc@example.com" },
        { "J. R. Doe <j@example.com>",               1, "j@example.com" },
        { ",,a@example.com,,",                       1, "a@example.com" },
        { "G: a@example.com;, b@example.com",        2, "a@example.com" },
        { "<@x.example,@y.example:a@example.com>",   1, "a@example.com" },
        { "a@x.example b@y.example",                -1, NULL },
        { "a@x.example; b@y.example",               -1, NULL },
        { "<a@example.com> <b@example.com>",        -1, NULL },
        { "G: H: a@example.com;;",                  -1, NULL },
        { "G: a@example.com",                       -1, NULL },
        { "<a@example.com",                         -1, NULL },
        { "a@example.com (open",                    -1, NULL },
        { "\"open <a@example.com>",                 -1, NULL },
        { "a..b@example.com",                       -1, NULL },
        { ".a@example.com",                         -1, NULL },
        { "a.@example.com",                         -1, NULL },
        { "a@example.com.",                         -1, NULL },
        { "a@",                                     -1, NULL },
        { "@example.com",                           -1, NULL },
        { "a@[192.0.2.1",                           -1, NULL },
        { "a\xff@example.com",                      -1, NULL },
        { "<>",                                     -1, NULL },
        { ",",                                      -1, NULL },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char           room[256];
        struct gp_text text = GP_TEXT(room);
        gp_str         out;
        int            got = gp_mailboxes(gp_from(cases[i].value), &out, 1, &text);
        if (got != cases[i].count) fail_msg("%d in: %s", got, cases[i].value);
        if (cases[i].first) CHECK_IS(out, cases[i].first);
    }
}

TEST(mailboxes_keep_to_their_room)
{
    char           room[16];
    struct gp_text text = GP_TEXT(room);
    gp_str         out;
    CHECK(gp_mailboxes(GP_LIT("aaaaaaaaaaaaaaaa@example.com"), &out, 1, &text) == -1);
    text = GP_TEXT(room);
    CHECK(gp_mailboxes(GP_LIT("a@b.c, d@e.f, g@h.i, j@k.l, m@n.o"), &out, 1, &text) == 5);
    CHECK_IS(out, "a@b.c");
}

static void check_all(const json_t *list, bool (*claim)(gp_str), bool want)
{
    CHECK(json_array_size(list) >= 3);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (claim(text_of(json_array_get(list, i))) != want) fail_msg("%s", json_string_value(json_array_get(list, i)));
}

TEST(dates_and_message_ids_of_the_vectors)
{
    json_t *root = vectors();
    check_all(json_object_get(root, "date_valid"), gp_is_date, true);
    check_all(json_object_get(root, "date_invalid"), gp_is_date, false);
    check_all(json_object_get(root, "msgid_valid"), gp_is_message_id, true);
    check_all(json_object_get(root, "msgid_invalid"), gp_is_message_id, false);
    json_decref(root);
}

TEST(dates_that_the_vectors_leave_out)
{
    /* clang-format off */
    static const struct { const char *date; bool good; } cases[] = {
        { "Thu, 29 Feb 2024 00:00:60 +1400", true },  { " 1 Jan 2024 1:02 Z", true },
        { "Thu, 1 Jan 2024 24:00:00 +0000", false },  { "Thu, 1 Jan 2024 10:60:00 +0000", false },
        { "Thu, 1 Jan 2024 10:00:61 +0000", false },  { "Thu, 0 Jan 2024 10:00:00 +0000", false },
        { "Thu, 31 Apr 2024 10:00:00 +0000", false }, { "Foo, 1 Jan 2024 10:00:00 +0000", false },
        { "Thu, 1 Jan 2024 10:00:00", false },        { "Thu, 1 Jan 2024 10:00:00 +000", false },
        { "Thu, 1 Jan 2024 10:00:00 +0060", false },  { "Thu, 1 Jan 2024 10:00:00 +0000 x", false },
        { "Thu, 1 Jan 2024 10:00:00 PST", true },     { "Thu, 1 Jan 2024 10:00:00 CEST", false },
        { "", false },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(cases); i++)
        if (gp_is_date(gp_from(cases[i].date)) != cases[i].good) fail_msg("%s", cases[i].date);
}

TEST(dates_as_written)
{
    /* clang-format off */
    static const struct { gp_time when; const char *date; } cases[] = {
        { 0,                "Thu, 1 Jan 1970 00:00:00 +0000" },
        { 880106106999,     "Fri, 21 Nov 1997 09:55:06 +0000" },
        { 951782400000,     "Tue, 29 Feb 2000 00:00:00 +0000" },
        { 1709251199000,    "Thu, 29 Feb 2024 23:59:59 +0000" },
        { 4102444800000,    "Fri, 1 Jan 2100 00:00:00 +0000" },
        { 4107542400000,    "Mon, 1 Mar 2100 00:00:00 +0000" },
        { -1,               "Wed, 31 Dec 1969 23:59:59 +0000" },
        { 253402300799000,  "Fri, 31 Dec 9999 23:59:59 +0000" },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char           room[64];
        struct gp_text text = GP_TEXT(room);
        gp_put_date(&text, cases[i].when);
        CHECK_IS(gp_said(&text), cases[i].date);
        CHECK(gp_is_date(gp_said(&text)));
    }
}

/* Which of them it is, the session's host says; here it must stand in the field as the registry spells it. */
TEST(received_says_with_what_as_the_vectors_spell_it) /* RFC 3848, RFC 6531 4.3 */
{
    json_t *root = vectors(), *keywords = json_object_get(json_object_get(root, "received"), "with_keywords"), *value;
    const char *key;
    CHECK(json_object_size(keywords) >= 9);
    json_object_foreach(keywords, key, value)
    {
        char            room[GP_RECEIVED_ROOM], want[64];
        struct gp_text  text  = GP_TEXT(room);
        struct gp_trace trace = { .hostname = "mx.example",
                                  .helo     = GP_LIT("c with LMTP"),
                                  .peer     = GP_LIT("192.0.2.1"),
                                  .queue_id = GP_LIT("id1"),
                                  .protocol = json_string_value(value) };
        (void)snprintf(want, sizeof want, " with %s", json_string_value(value));
        gp_put_received(&text, &trace);
        gp_str rest = gp_said(&text), clauses = rest;
        size_t at = 0, withs = 0;
        while ((at = gp_find(clauses, 'w')) < clauses.len) { /* one `with` only, whatever the client called itself */
            clauses = gp_tail(clauses, at);
            withs += gp_starts(clauses, "with ");
            if (gp_starts(clauses, "with "))
                CHECK(gp_starts(clauses, want + 1) && gp_is_any(clauses.ptr[strlen(want) - 1], " \r"));
            clauses = gp_tail(clauses, 1);
        }
        CHECK(withs == 1);
        struct gp_field field;
        CHECK(gp_next_field(&rest, &field) && rest.len == 0 && gp_is(field.name, "Received"));
    }
    json_decref(root);
}

PROPERTY(header_fields_add_up_to_the_section, bytes)
{
    struct gp_field field;
    gp_str          rest = bytes;
    size_t          used = 0;
    while (gp_next_field(&rest, &field)) {
        CHECK(field.raw.len > 0 && field.raw.ptr == bytes.ptr + used);
        used += field.raw.len;
        CHECK(field.name.len + field.value.len <= field.raw.len);
    }
    CHECK(used + rest.len == bytes.len);
    CHECK(rest.len == 0 || gp_starts(rest, "\r\n"));
}

/* What comes out is one address with one domain, and reads back as itself: nobody downstream sees another author. */
PROPERTY(mailboxes_read_back_as_themselves, bytes)
{
    char           room[1024], again[1024];
    struct gp_text text = GP_TEXT(room);
    gp_str         out[4], same;
    int            count = gp_mailboxes(bytes, out, GP_COUNT(out), &text);
    CHECK(count >= -1 && text.len <= sizeof room);
    for (int i = 0; i < count && i < (int)GP_COUNT(out); i++) {
        struct gp_text second = GP_TEXT(again);
        CHECK(gp_mailboxes(out[i], &same, 1, &second) == 1);
        CHECK_SAME(same, out[i]);
    }
}

PROPERTY(dates_and_ids_end_where_the_text_ends, bytes)
{
    struct gp_lexer x = gp_lexer_of(bytes);
    gp_lex_space(&x);
    CHECK(x.at <= x.end);
    if (gp_is_message_id(bytes)) CHECK(gp_find(bytes, '@') < bytes.len);
    if (gp_is_date(bytes)) CHECK(gp_find(bytes, ':') < bytes.len);
}
