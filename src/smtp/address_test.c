/* Addresses, parameters and xtext against the vectors, and their readers against anything. */
#include "check.h"
#include "smtp/extensions.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *vectors(const char *path)
{
    size_t  length;
    char   *text = kit_file(path, &length);
    json_t *all  = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
    free(text);
    CHECK(all);
    return all;
}

static gp_str text_of(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    return (gp_str) { json_string_value(value), json_string_length(value) };
}

/* ---- addresses ------------------------------------------------------------------------------------------------------------ */
static void check_address(gp_str address, bool utf8, bool want)
{
    struct gp_address parts;
    bool              is = gp_read_address(address, utf8, &parts);
    if (is != want) fail_msg("%.*s: %s", (int)address.len, address.ptr, is ? "accepted" : "refused");
}

TEST(addresses_of_the_vectors)
{
    json_t *all = vectors("tests/vectors/addresses.json"), *row;
    size_t  i;
    json_array_foreach(json_object_get(all, "cases"), i, row)
    {
        check_address(text_of(row, "address"), false, json_is_true(json_object_get(row, "valid")));
    }
    CHECK(i > 60);
    json_array_foreach(json_object_get(all, "utf8"), i, row)
    {
        check_address(text_of(row, "address"), true, true);
        check_address(text_of(row, "address"), false, false);
    }
    json_array_foreach(json_object_get(all, "utf8_reject"), i, row)
    {
        char octets[256];
        check_address(kit_hex(json_string_value(json_object_get(row, "address_hex")), octets, sizeof octets), true,
                      false);
    }
    json_decref(all);
}

static size_t limit_of(const json_t *all, const char *name)
{
    const json_t *limit = json_object_get(json_object_get(all, "limits"), name);
    CHECK(json_is_integer(limit));
    return (size_t)json_integer_value(limit);
}

/* An address with parts of that size: "aaa@" and labels of "bb...b." up to a last one. */
static bool takes_parts_of(size_t local, size_t domain)
{
    char              room[1024];
    struct gp_text    text = GP_TEXT(room);
    struct gp_address parts;
    for (size_t i = 0; i < local; i++) gp_put_char(&text, 'a');
    gp_put_char(&text, '@');
    for (size_t i = 1; i <= domain; i++) gp_put_char(&text, i % 50 == 0 && i < domain ? '.' : 'b');
    return gp_read_address(gp_said(&text), false, &parts);
}

TEST(limits_of_the_vectors)
{
    json_t *all   = vectors("tests/vectors/addresses.json");
    size_t  local = limit_of(all, "local_part"), domain = limit_of(all, "domain"), path = limit_of(all, "path");
    CHECK(local == GP_SMTP_LOCAL_MOST && domain == GP_SMTP_DOMAIN_MOST && path == GP_SMTP_PATH_MOST);
    CHECK(limit_of(all, "reply_line") == GP_SMTP_REPLY_MOST && limit_of(all, "text_line") == GP_SMTP_TEXT_MOST);
    CHECK(limit_of(all, "command_line") <= GP_SMTP_COMMAND_MOST); /* and what extensions add */
    CHECK(takes_parts_of(local, 60) && !takes_parts_of(local + 1, 60));
    CHECK(takes_parts_of(1, domain) && !takes_parts_of(1, domain + 1));
    CHECK(takes_parts_of(local, path - local - 3)); /* a path counts its brackets and its @ */
    json_decref(all);
}

TEST(an_address_is_taken_apart)
{
    static const struct {
        const char *text, *local, *domain;
    } rows[] = {
        {"a@b.example",           "a",          "b.example"         },
        { "\"a@b\"@c.example",    "\"a@b\"",    "c.example"         },
        { "a@[IPv6:2001:db8::1]", "a",          "[IPv6:2001:db8::1]"},
        { "postMASTER",           "postMASTER", ""                  },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct gp_address a;
        CHECK(gp_read_address(gp_from(rows[i].text), false, &a));
        CHECK_IS(a.local, rows[i].local);
        CHECK_IS(a.domain, rows[i].domain);
    }
}

TEST(address_literals)
{
    static const struct {
        const char *literal;
        bool        valid;
    } rows[] = {
        {"[1.2.3.4]",                     true },
        { "[1.2.3.4.5]",                  false},
        { "[1.2.3.]",                     false},
        { "[0001.2.3.4]",                 false},
        { "[IPv6:::]",                    true },
        { "[IPv6:::1]",                   true },
        { "[IPv6:1::]",                   true },
        { "[ipv6:1:2:3:4:5:6:7:8]",       true },
        { "[IPv6:1:2:3:4:5:6:7]",         false},
        { "[IPv6:1:2:3:4:5:6:7:8:9]",     false},
        { "[IPv6:1:2:3:4:5:6:7::]",       true },
        { "[IPv6:1:2:3:4:5:6:7::8]",      false},
        { "[IPv6:1:2:3:4:5:6:192.0.2.1]", true },
        { "[IPv6:192.0.2.1::]",           false},
        { "[IPv6:12345::]",               false},
        { "[IPv6:g::]",                   false},
        { "[IPv6:]",                      false},
        { "[x]",                          false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           text[64];
        struct gp_text address = GP_TEXT(text);
        gp_put_z(&address, "a@");
        gp_put_z(&address, rows[i].literal);
        check_address(gp_said(&address), false, rows[i].valid);
    }
}

TEST(a_domain_has_two_labels_at_least)
{
    CHECK(gp_is_domain(GP_LIT("a.b"), false) && gp_is_domain(GP_LIT("1.2.3.example"), false));
    CHECK(!gp_is_domain(GP_LIT("localhost"), false) && !gp_is_domain(GP_LIT("a.b."), false));
    CHECK(!gp_is_domain(GP_LIT(""), false) && !gp_is_domain(GP_LIT("[192.0.2.1]"), false));
    CHECK(gp_is_domain(GP_LIT("b\xc3\xbc.example"), true) && !gp_is_domain(GP_LIT("b\xc3\xbc.example"), false));
}

PROPERTY(an_address_is_the_sum_of_its_parts, bytes)
{
    for (int utf8 = 0; utf8 < 2; utf8++) {
        struct gp_address a;
        if (!gp_read_address(bytes, utf8, &a)) continue;
        CHECK(a.local.ptr == bytes.ptr && a.local.len > 0 && a.local.len <= GP_SMTP_LOCAL_MOST);
        CHECK(a.domain.len == 0 || bytes.ptr[a.local.len] == '@');
        CHECK(a.local.len + (a.domain.len > 0) + a.domain.len == bytes.len);
        CHECK(utf8 || gp_is_ascii(bytes));
        for (size_t i = 0; i < bytes.len; i++) CHECK((unsigned char)bytes.ptr[i] >= ' ' && bytes.ptr[i] != 127);
    }
}

/* ---- xtext ---------------------------------------------------------------------------------------------------------------------- */
TEST(xtext_of_the_vectors)
{
    json_t *all = vectors("tests/vectors/xtext.json"), *row;
    char    octets[512], room[1024];
    size_t  i;
    json_array_foreach(json_object_get(all, "encode"), i, row)
    {
        struct gp_text encoded = GP_TEXT(room), decoded = GP_TEXT(octets);
        char           want[512];
        gp_str         plain = kit_hex(json_string_value(json_object_get(row, "decoded_hex")), want, sizeof want);
        gp_put_xtext(&encoded, plain);
        CHECK_SAME(gp_said(&encoded), text_of(row, "encoded"));
        CHECK(gp_read_xtext(text_of(row, "encoded"), &decoded));
        CHECK_SAME(gp_said(&decoded), plain);
    }
    json_array_foreach(json_object_get(all, "decode_reject"), i, row)
    {
        struct gp_text decoded = GP_TEXT(octets);
        CHECK(!gp_read_xtext(text_of(row, "encoded"), &decoded));
    }
    json_decref(all);
}

static bool is_one_word(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '=') return false;
    return true;
}

/* Octets that would end a line, a text or a parameter come in as xtext, and go out as nothing but xtext. */
TEST(what_xtext_hides_stays_hidden)
{
    json_t *all = vectors("tests/vectors/xtext.json"), *row;
    char    octets[512], room[1024], want[512];
    size_t  i;
    json_array_foreach(json_object_get(all, "security"), i, row)
    {
        struct gp_text decoded = GP_TEXT(octets), encoded = GP_TEXT(room), again = GP_TEXT(want);
        gp_str         hostile = kit_hex(json_string_value(json_object_get(row, "decoded_hex")), want, sizeof want);
        CHECK(gp_read_xtext(text_of(row, "encoded"), &decoded));
        CHECK_SAME(gp_said(&decoded), hostile);
        gp_put_xtext(&encoded, gp_said(&decoded));
        CHECK(is_one_word(gp_said(&encoded)));
        CHECK(gp_read_xtext(gp_said(&encoded), &again));
        CHECK_SAME(gp_said(&again), gp_said(&decoded));
    }
    CHECK(i >= 3);
    /* Lenient readers take these; with ours one meaning has one form. */
    json_array_foreach(json_object_get(all, "decode_lenient_ok"), i, row)
    {
        struct gp_text decoded = GP_TEXT(octets);
        CHECK(!gp_read_xtext(gp_from(json_string_value(row)), &decoded));
    }
    CHECK(i > 0);
    json_decref(all);
}

/* RFC 3461 4.2, RFC 6533 3: what ORCPT says of an address, for a next hop that takes UTF-8 and for one that does not. */
TEST(an_address_is_said_in_orcpt)
{
    static const struct {
        const char *address, *utf8, *ascii;
    } rows[] = {
        {"lena@example.net",                     "rfc822;lena@example.net",                                    "rfc822;lena@example.net"     },
        { "a+b=c@example.net",                   "rfc822;a+2Bb+3Dc@example.net",                               "rfc822;a+2Bb+3Dc@example.net"},
        { "j\xc3\xbcrg@example.net",             "utf-8;j\xc3\xbcrg@example.net",                              "utf-8;j\\x{FC}rg@example.net"},
        { "\xe5\xa8\x83+x=\\@b\xc3\xbc.example", "utf-8;\xe5\xa8\x83\\x{2B}x\\x{3D}\\x{5C}@b\xc3\xbc.example",
         "utf-8;\\x{5A03}\\x{2B}x\\x{3D}\\x{5C}@b\\x{FC}.example"                                                                            },
        { "\xf0\x9f\x93\xae@example.net",        "utf-8;\xf0\x9f\x93\xae@example.net",                         "utf-8;\\x{1F4EE}@example.net"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           rooms[3][256];
        struct gp_text utf8 = GP_TEXT(rooms[0]), ascii = GP_TEXT(rooms[1]), back = GP_TEXT(rooms[2]);
        gp_put_orcpt(&utf8, gp_from(rows[i].address), true);
        gp_put_orcpt(&ascii, gp_from(rows[i].address), false);
        CHECK_IS(gp_said(&utf8), rows[i].utf8);
        CHECK_IS(gp_said(&ascii), rows[i].ascii);
        if (!gp_starts(gp_said(&ascii), "utf-8;")) continue;
        gp_read_utf8_address(gp_tail(gp_said(&ascii), 6), &back);
        CHECK_IS(gp_said(&back), rows[i].address);
    }
    char           room[64];
    struct gp_text none = GP_TEXT(room);
    gp_put_orcpt(&none, GP_LIT("\xff@example.net"), true);
    CHECK(none.cut);
}

TEST(what_is_no_escaped_character_stays_as_it_is)
{
    static const char *const rows[] = { "\\x{",    "\\x{}",        "\\x{D800}", "\\x{110000}", "\\x{A}",
                                        "\\x{fc}", "\\x{0000041}", "\\x{4",     "\\" };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[64];
        struct gp_text out = GP_TEXT(room);
        gp_read_utf8_address(gp_from(rows[i]), &out);
        CHECK_IS(gp_said(&out), rows[i]);
    }
}

PROPERTY(xtext_brings_back_any_octets, bytes)
{
    static char    room[16384], octets[16384];
    struct gp_text encoded = GP_TEXT(room), decoded = GP_TEXT(octets), other = GP_TEXT(octets);
    gp_put_xtext(&encoded, bytes);
    CHECK(gp_read_xtext(gp_said(&encoded), &decoded));
    CHECK_SAME(gp_said(&decoded), bytes);
    if (!gp_read_xtext(bytes, &other)) return;
    encoded.len = 0; /* what reads has one form only, but for what need not have been encoded */
    gp_put_xtext(&encoded, gp_said(&other));
    CHECK(encoded.len <= bytes.len);
}

/* ---- parameters -------------------------------------------------------------------------------------------------------------------- */
static const struct gp_smtp_options options = { .hostname = "mx.example", .mechanisms = "PLAIN", .size_limit = 1000 };

TEST(auth_parameters_of_the_vectors)
{
    json_t               *all = vectors("tests/vectors/xtext.json"), *row;
    struct gp_smtp_server s   = { .options = &options };
    size_t                i;
    json_array_foreach(json_object_get(all, "auth_param"), i, row)
    {
        char           room[256];
        struct gp_text canonical = GP_TEXT(room);
        bool           good      = gp_read_parameters(&s, text_of(row, "param"), GP_ON_MAIL, &canonical) == NULL;
        CHECK(good == json_is_true(json_object_get(row, "valid")) && canonical.len == 0);
    }
    CHECK(i > 5);
    json_decref(all);
}

/* The same octets in each parameter that carries xtext: refused, or passed on as one word. */
TEST(no_parameter_carries_what_xtext_hides)
{
    static const struct {
        const char *before;
        enum gp_on  on;
    } parameters[] = {
        {"ENVID=",         GP_ON_MAIL},
        { "AUTH=",         GP_ON_MAIL},
        { "ORCPT=rfc822;", GP_ON_RCPT}
    };
    json_t               *all = vectors("tests/vectors/xtext.json"), *row;
    struct gp_smtp_server s   = { .options = &options };
    size_t                i;
    json_array_foreach(json_object_get(all, "security"), i, row) for (size_t j = 0; j < GP_COUNT(parameters); j++)
    {
        char           room[512], out[512];
        struct gp_text given = GP_TEXT(room), canonical = GP_TEXT(out);
        gp_put_z(&given, parameters[j].before);
        gp_put(&given, text_of(row, "encoded"));
        if (gp_read_parameters(&s, gp_said(&given), parameters[j].on, &canonical)) continue;
        gp_str value = gp_said(&canonical), name = gp_cut(&value, '=');
        CHECK(is_one_word(name) && is_one_word(value));
    }
    CHECK(i >= 3);
    json_decref(all);
}

TEST(a_parameter_is_found_by_name)
{
    gp_str p = GP_LIT("SIZE=1 SMTPUTF8 ENVID=SIZE=2");
    CHECK_IS(gp_parameter(p, "SIZE"), "1");
    CHECK(gp_parameter(p, "SMTPUTF8").ptr && gp_parameter(p, "SMTPUTF8").len == 0);
    CHECK(!gp_parameter(p, "BODY").ptr && !gp_parameter(GP_LIT(""), "SIZE").ptr && !gp_parameter(p, "SIZ").ptr);
}

static void canonical_is_a_fixed_point(gp_str bytes, enum gp_on on, bool utf8)
{
    char                  once[GP_SMTP_COMMAND_MOST], twice[GP_SMTP_COMMAND_MOST];
    struct gp_text        first = GP_TEXT(once), second = GP_TEXT(twice);
    struct gp_smtp_server s = { .options = &options, .utf8 = utf8 };
    if (gp_read_parameters(&s, bytes, on, &first)) return;
    CHECK(gp_read_parameters(&s, gp_said(&first), on, &second) == NULL);
    CHECK_SAME(gp_said(&second), gp_said(&first));
    CHECK(gp_find(gp_said(&first), '\n') == first.len && gp_find(gp_said(&first), '\t') == first.len);
}

PROPERTY(canonical_parameters_read_back_as_themselves, bytes)
{
    if (bytes.len > GP_SMTP_COMMAND_MOST) return;
    canonical_is_a_fixed_point(bytes, GP_ON_MAIL, false);
    canonical_is_a_fixed_point(bytes, GP_ON_RCPT, true);
}

TEST(every_extension_with_parameters_says_what_becomes_of_them)
{
    for (size_t i = 0; i < gp_extension_count; i++) {
        const struct gp_parameter_row *row = gp_extensions[i].parameters;
        for (; row && row->name; row++) {
            const struct gp_extension *found = NULL;
            CHECK(row->check && (row->on & (GP_ON_MAIL | GP_ON_RCPT)));
            CHECK(gp_find_parameter(gp_from(row->name), (enum gp_on)row->on, &found) == row &&
                  found == &gp_extensions[i]);
        }
    }
}
