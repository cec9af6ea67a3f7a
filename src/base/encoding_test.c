/* Base64, hexadecimal and UTF-8: the vectors, and what must hold for any octets. */
#include "base/base.h"

#include "check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static gp_str text_of(const json_t *entry, const char *name)
{
    const json_t *value = json_object_get(entry, name);
    return (gp_str) { json_string_value(value), json_string_length(value) };
}

static json_t *vectors(void)
{
    size_t  len  = 0;
    char   *file = kit_file("tests/vectors/base64.json", &len);
    json_t *root = json_loadb(file, len, JSON_ALLOW_NUL, NULL);
    free(file);
    CHECK(root);
    return root;
}

TEST(base64_takes_what_it_must)
{
    json_t *root = vectors(), *entry;
    size_t  i;
    json_array_foreach(json_object_get(root, "accept"), i, entry)
    {
        char           got[256], hex_room[512], back_room[512];
        size_t         len = 0;
        struct gp_text hex = GP_TEXT(hex_room), back = GP_TEXT(back_room);
        CHECK(gp_read_base64(text_of(entry, "text"), got, sizeof got, &len));
        gp_put_hex(&hex, (gp_str) { got, len });
        gp_put_base64(&back, (gp_str) { got, len });
        CHECK_SAME(gp_said(&hex), text_of(entry, "hex"));
        CHECK_SAME(gp_said(&back), text_of(entry, "text"));
    }
    CHECK(i > 0);
    json_decref(root);
}

TEST(base64_refuses_what_it_must)
{
    json_t *root = vectors(), *entry;
    size_t  i;
    json_array_foreach(json_object_get(root, "reject"), i, entry)
    {
        char   got[256];
        size_t len = 0;
        if (json_is_true(json_object_get(entry, "optional"))) continue;
        if (gp_read_base64(text_of(entry, "text"), got, sizeof got, &len))
            fail_msg("accepted: %s", json_string_value(json_object_get(entry, "why")));
    }
    CHECK(i > 0);
    json_decref(root);
}

/* "=" and "*" mean something in a dialogue (RFC 4954 4); to the reader of base64 they are none. */
TEST(base64_knows_no_special_words)
{
    json_t *root = vectors(), *entry;
    size_t  i;
    json_array_foreach(json_object_get(root, "special"), i, entry)
    {
        char   got[8];
        size_t len  = 99;
        gp_str text = text_of(entry, "text");
        CHECK(gp_read_base64(text, got, sizeof got, &len) == (text.len == 0) && len == (text.len == 0 ? 0 : 99));
    }
    CHECK(i >= 3);
    json_decref(root);
}

TEST(what_does_not_fit_is_not_half_written)
{
    char           room[7], small[2];
    size_t         len  = 99;
    struct gp_text text = GP_TEXT(room);
    gp_put_base64(&text, GP_LIT("abcd")); /* takes 8 */
    CHECK(text.cut && text.len == 0);
    text = GP_TEXT(room);
    gp_put_hex(&text, GP_LIT("abcd"));
    CHECK(text.cut && text.len == 0);
    CHECK(!gp_read_base64(GP_LIT("YWJj"), small, sizeof small, &len));
    CHECK(!gp_read_hex(GP_LIT("616263"), small, sizeof small, &len));
    CHECK(len == 99);
    CHECK(gp_read_base64(GP_LIT("YWI="), small, sizeof small, &len) && len == 2);
}

TEST(hex_reads_both_cases_and_nothing_else)
{
    char   got[4];
    size_t len = 0;
    CHECK(gp_read_hex(GP_LIT("00fFAb"), got, sizeof got, &len) && len == 3);
    CHECK(memcmp(got, "\x00\xff\xab", 3) == 0);
    CHECK(gp_read_hex(GP_LIT(""), got, sizeof got, &len) && len == 0);
    CHECK(!gp_read_hex(GP_LIT("0"), got, sizeof got, &len));
    CHECK(!gp_read_hex(GP_LIT("0g"), got, sizeof got, &len));
}

TEST(utf8_is_what_rfc_3629_says)
{
    static const struct {
        const char *text;
        bool        is_utf8;
    } cases[] = {
  /* clang-format off */
        { "", true }, { "plain", true }, { "\xc3\xa4", true }, { "\xe2\x82\xac", true }, { "\xf0\x9f\x98\x80", true },
        { "\xf4\x8f\xbf\xbf", true }, { "\xef\xbf\xbf", true }, { "\xed\x9f\xbf", true }, { "\xee\x80\x80", true },
        { "\x80", false }, { "\xc3", false }, { "\xc0\xaf", false }, { "\xc1\xbf", false }, { "\xe0\x9f\xbf", false },
        { "\xe2\x82", false }, { "\xed\xa0\x80", false }, { "\xf0\x8f\xbf\xbf", false }, { "\xf4\x90\x80\x80", false },
        { "\xf5\x80\x80\x80", false }, { "\xff", false }, { "a\xe4z", false }, { "\xe2\x28\xa1", false },
  /* clang-format on */
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) CHECK(gp_is_utf8(gp_from(cases[i].text)) == cases[i].is_utf8);
    CHECK(gp_is_ascii(GP_LIT("\x7f\x01")) && !gp_is_ascii(GP_LIT("\x80")));
    for (size_t i = 0; i < 19; i++) { /* in each place of the words that are looked at together, and behind them */
        char text[19] = "0123456789abcdefgh";
        text[i]       = '\x80';
        CHECK(!gp_is_ascii((gp_str) { text, sizeof text }) && gp_is_ascii((gp_str) { text, i }));
    }
}

TEST(what_steers_a_terminal_is_not_shown)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"plain ~",                               "plain ~"           },
        { "Gr\xc3\xbc\xc3\x9f"
          "e \xf0\x9f\x98\x80",          "Gr\xc3\xbc\xc3\x9f"
          "e \xf0\x9f\x98\x80"},
        { "a\r\n\x1b[2J\x7f",                     "a???[2J?"          },
        { "\xc2\x9b"
          "2J\xc2\xa0",                  "?2J\xc2\xa0"       }, /* C1 is one character, and one '?' */
        { "\xe2\x80\xae"
          "gpj\xe2\x81\xa6",             "?gpj?"             },
        { "\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd", "??\xef\xbf\xbd"    },
        { "\xe4 \xc3\xa4 \xc3",                   "? \xc3\xa4 ?"      }, /* what is broken takes nothing whole with it */
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[64];
        struct gp_text shown = GP_TEXT(room);
        for (gp_str rest = gp_from(rows[i].text); rest.len > 0;) gp_put(&shown, gp_next_shown(&rest));
        CHECK_IS(gp_said(&shown), rows[i].shown);
    }
    gp_str none = GP_LIT("");
    CHECK(gp_next_shown(&none).len == 0);
}

/* Octets survive the way there and back; a text that is accepted is the only text for its octets. */
PROPERTY(base64_round_trips, bytes)
{
    static char    coded_room[GP_BASE64_ROOM(4096)], plain[4096];
    struct gp_text coded = GP_TEXT(coded_room), again = GP_TEXT(coded_room);
    size_t         len = 0;
    gp_put_base64(&coded, bytes);
    CHECK(!coded.cut && coded.len == GP_BASE64_ROOM(bytes.len));
    CHECK(gp_read_base64(gp_said(&coded), plain, sizeof plain, &len));
    CHECK_SAME(((gp_str) { plain, len }), bytes);
    if (!gp_read_base64(bytes, plain, sizeof plain, &len)) return;
    gp_put_base64(&again, (gp_str) { plain, len });
    CHECK_SAME(gp_said(&again), bytes);
}

PROPERTY(hex_round_trips, bytes)
{
    static char    coded_room[2 * 4096], plain[4096];
    struct gp_text coded = GP_TEXT(coded_room);
    size_t         len   = 0;
    gp_put_hex(&coded, bytes);
    CHECK(gp_read_hex(gp_said(&coded), plain, sizeof plain, &len));
    CHECK_SAME(((gp_str) { plain, len }), bytes);
}

/* Decodes one code point the plain way: a second opinion on which octets are UTF-8. */
static size_t second_opinion(gp_str text)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint8_t               first   = (uint8_t)text.ptr[0];
    size_t size = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (size == 0 || size > text.len) return 0;
    uint32_t point = size == 1 ? first : first & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if (((uint8_t)text.ptr[i] & 0xc0) != 0x80) return 0;
        point = point << 6 | ((uint8_t)text.ptr[i] & 0x3f);
    }
    bool sound = (size == 1 || point >= least[size]) && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
    return sound ? size : 0;
}

PROPERTY(utf8_agrees_with_a_second_opinion, bytes)
{
    gp_str rest = bytes;
    size_t size = 1;
    while (rest.len && (size = second_opinion(rest)) > 0) rest = gp_tail(rest, size);
    CHECK(gp_is_utf8(bytes) == (rest.len == 0));
    for (rest = bytes; rest.len > 0;) {
        gp_str before = rest, one = gp_next_shown(&rest);
        CHECK(rest.len < before.len && one.len > 0 && gp_is_utf8(one) && (uint8_t)one.ptr[0] >= ' ');
    }
}
