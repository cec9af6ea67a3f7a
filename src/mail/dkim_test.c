/* DKIM against the RFCs' examples and vectors that dkimpy agreed to; the same octets or nothing. */
#include <jansson.h>
#include <stdlib.h>

#include "check.h"
#include "mail/gathered.h"
#include "mail/parts.h"

static json_t *vectors(const char *path)
{
    char   *text = kit_file(path, NULL);
    json_t *root = json_loads(text, JSON_ALLOW_NUL, NULL);
    free(text);
    assert_non_null(root);
    return root;
}

static const char *string_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static gp_str octets_of(const json_t *object, const char *key, char *room, size_t size)
{
    return kit_base64(string_of(object, key), room, size);
}

static bool is_relaxed(const json_t *vector, const char *key)
{
    const char *form = string_of(vector, key);
    return form && strcmp(form, "relaxed") == 0;
}

/* ---- canonical forms ---------------------------------------------------------------------------------------- */
static struct gathered *canonical_body(gp_str body, bool relaxed, size_t piece)
{
    static struct gathered results[2];
    static size_t          turn;
    struct gathered       *out = &results[turn++ % 2];
    struct gp_canon        canon;
    out->len = 0;
    gp_canon_init(&canon, relaxed, (struct gp_sink) { gather, out });
    for (; body.len; body = gp_tail(body, piece)) gp_canon_add(&canon, gp_head(body, piece));
    CHECK(gp_canon_end(&canon));
    return out;
}

static void check_body(const json_t *vector)
{
    static char room[8192], want_room[8192];
    uint8_t     hash[32];
    char        want_hash[32];
    gp_str      body    = octets_of(vector, "body_in_b64", room, sizeof room);
    gp_str      want    = octets_of(vector, "body_out_b64", want_room, sizeof want_room);
    bool        relaxed = is_relaxed(vector, "body_c");
    for (size_t piece = 1; piece <= 4096; piece *= 4) CHECK_SAME(gathered(canonical_body(body, relaxed, piece)), want);
    CHECK(gp_digest(GP_SHA256, want, hash));
    CHECK_SAME(((gp_str) { (const char *)hash, sizeof hash }),
               octets_of(vector, "bh_sha256", want_hash, sizeof want_hash));
}

static void check_header(const json_t *vector)
{
    static struct gathered out;
    char                   room[1024], want[1024];
    gp_str                 rest = octets_of(vector, "header_in_b64", room, sizeof room);
    struct gp_field        field;
    out.len = 0;
    CHECK(gp_next_field(&rest, &field));
    CHECK(gp_canon_field(is_relaxed(vector, "header_c"), true, &field, (struct gp_sink) { gather, &out }));
    CHECK_SAME(gathered(&out), octets_of(vector, "header_out_b64", want, sizeof want));
}

static void check_message(const json_t *vector)
{
    static struct gathered out;
    char                   room[1024];
    gp_str                 rest    = octets_of(vector, "message_b64", room, sizeof room);
    const json_t          *headers = json_object_get(vector, "headers_out");
    struct gp_field        field;
    for (size_t i = 0; i < json_array_size(headers); i++) {
        out.len = 0;
        CHECK(gp_next_field(&rest, &field));
        CHECK(gp_canon_field(is_relaxed(vector, "header_c"), true, &field, (struct gp_sink) { gather, &out }));
        CHECK_IS(gathered(&out), json_string_value(json_array_get(headers, i)));
    }
    CHECK(!gp_next_field(&rest, &field));
    CHECK_IS(gathered(canonical_body(gp_tail(rest, 2), is_relaxed(vector, "body_c"), SIZE_MAX)),
             string_of(vector, "body_out"));
}

TEST(canonical_forms_of_the_vectors)
{
    json_t *root = vectors("tests/vectors/dkim_canon.json"), *cases = json_object_get(root, "cases");
    CHECK(json_array_size(cases) == 47);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *vector = json_array_get(cases, i);
        if (string_of(vector, "body_in_b64"))
            check_body(vector);
        else if (string_of(vector, "header_in_b64"))
            check_header(vector);
        else
            check_message(vector);
    }
    json_decref(root);
}

TEST(the_hash_of_an_empty_body_is_the_well_known_one) /* RFC 6376 3.4.3, 3.4.4 */
{
    static const char *const names[] = { "bh_empty_simple_sha256", "bh_empty_relaxed_sha256" };
    json_t                  *root    = vectors("tests/vectors/dkim_canon.json");
    for (size_t relaxed = 0; relaxed < GP_COUNT(names); relaxed++) {
        uint8_t hash[32];
        char    want[32];
        CHECK(gp_digest(GP_SHA256, gathered(canonical_body(GP_LIT(""), relaxed, 1)), hash));
        CHECK_SAME(((gp_str) { (const char *)hash, sizeof hash }),
                   octets_of(json_object_get(root, "well_known"), names[relaxed], want, sizeof want));
    }
    json_decref(root);
}

TEST(bare_line_ends_are_noticed)
{
    static const char *const bodies[] = { "a\rb\r\n", "a\nb\r\n", "\n", "\r", "\r\r\n", "a\r\n\n" };
    for (size_t i = 0; i < GP_COUNT(bodies); i++) {
        struct gathered out = { 0 };
        struct gp_canon canon;
        gp_canon_init(&canon, i % 2, (struct gp_sink) { gather, &out });
        gp_canon_add(&canon, gp_from(bodies[i]));
        CHECK(gp_canon_end(&canon));
        if (!canon.bare) fail_msg("body %zu", i);
    }
}

/* ---- signatures --------------------------------------------------------------------------------------------- */
/* An Ed25519 seed as PKCS#8 (RFC 8410 7): all but the seed is constant. */
static struct gp_key *ed25519_key(const char *seed_base64)
{
    static const char opening[] = "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    char              der[48], room[256];
    struct gp_text    pem = GP_TEXT(room);
    memcpy(der, opening, 16);
    CHECK(kit_base64(seed_base64, der + 16, 32).len == 32);
    gp_put_z(&pem, "-----BEGIN PRIVATE KEY-----\n");
    gp_put_base64(&pem, (gp_str) { der, sizeof der });
    gp_put_z(&pem, "\n-----END PRIVATE KEY-----\n");
    return gp_key_read(gp_said(&pem));
}

static struct gp_dkim *opened(gp_str message, const char *forms, size_t piece)
{
    struct gp_dkim *d = gp_dkim_open(gp_starts(gp_from(forms), "relaxed"), gp_ends(gp_from(forms), "relaxed"));
    assert_non_null(d);
    for (; message.len; message = gp_tail(message, piece)) CHECK(gp_dkim_add(d, gp_head(message, piece)) == GP_OK);
    return d;
}

static gp_str joined(const json_t *names, struct gp_text *list)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        if (i) gp_put_char(list, ':');
        gp_put_z(list, json_string_value(json_array_get(names, i)));
    }
    gp_put_char(list, '\0');
    return gp_said(list);
}

/* The signature field without white space in b=, as the vectors print it. */
static void check_field(gp_str field, const json_t *vector)
{
    char           room[4096];
    struct gp_text text  = GP_TEXT(room);
    const char    *start = memmem(field.ptr, field.len, " b=", 3);
    assert_non_null(start);
    gp_str value = gp_tail(field, (size_t)(start - field.ptr) + 3);
    for (size_t i = 0; i < value.len; i++)
        if (!memchr(" \r\n", value.ptr[i], 3)) gp_put_char(&text, value.ptr[i]);
    CHECK_IS(gp_said(&text), string_of(vector, "b"));
    CHECK(mentions(field, string_of(vector, "bh")));
    if (gp_starts(gp_from(string_of(vector, "c")), "simple"))
        CHECK_IS(gp_head(field, field.len - value.len), string_of(vector, "signature_header_without_b"));
    CHECK(gp_ends(field, "\r\n"));
}

static void check_signature(const json_t *vector, const struct gp_key *key, size_t piece)
{
    char               message[4096], list[512], octets[GP_SIGNATURE_MOST], out[4096], digest[32];
    struct gp_text     names = GP_TEXT(list), signature = GP_TEXT(octets), field = GP_TEXT(out);
    uint8_t            hash[32];
    struct gp_dkim_key who = { string_of(vector, "domain"), string_of(vector, "selector"),
                               gp_starts(gp_from(string_of(vector, "alg")), "ed25519") };
    struct gp_dkim    *d =
        opened(octets_of(vector, "message_b64", message, sizeof message), string_of(vector, "c"), piece);
    CHECK(gp_dkim_end(d) == GP_OK);
    CHECK_IS(gp_dkim_from_domain(d), "football.example.com");
    gp_time signed_at = json_integer_value(json_object_get(vector, "t")) * 1000;
    CHECK(gp_dkim_hash(d, &who, joined(json_object_get(vector, "h"), &names).ptr, signed_at, hash));
    gp_str hashed = { (const char *)hash, sizeof hash };
    CHECK_SAME(hashed, kit_hex(string_of(vector, "signed_data_sha256_hex"), digest, sizeof digest));
    CHECK(gp_key_sign(key, GP_SIGN_DIGEST_SHA256, hashed, &signature));
    CHECK(gp_dkim_put(d, gp_said(&signature), &field));
    check_field(gp_said(&field), vector);
    gp_dkim_close(d);
}

TEST(signatures_of_the_vectors)
{
    json_t        *root = vectors("tests/vectors/dkim_sign.json"), *cases = json_object_get(root, "signing");
    const json_t  *keys = json_object_get(root, "keys");
    struct gp_key *rsa  = gp_key_read(gp_from(string_of(keys, "rsa_pem")));
    struct gp_key *ed   = ed25519_key(string_of(keys, "ed25519_seed_b64"));
    assert_non_null(rsa);
    assert_non_null(ed);
    CHECK(json_array_size(cases) == 48);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *vector = json_array_get(cases, i);
        bool          is_rsa = gp_starts(gp_from(string_of(vector, "alg")), "rsa");
        check_signature(vector, is_rsa ? rsa : ed, i % 2 ? 1 : SIZE_MAX);
    }
    gp_key_close(rsa);
    gp_key_close(ed);
    json_decref(root);
}

/* ---- signatures that the RFCs print: made again from the printed field, octet by octet ---------------------------- */
struct printed {
    gp_str          message, body, value; /* value: of the signature's field */
    struct gp_field field;
    bool            relaxed_header, relaxed_body;
};

/* The value of a tag without white space. */
static gp_str tag_of(gp_str list, const char *name, struct gp_text *room)
{
    room->len = 0;
    while (list.ptr) {
        gp_str one = gp_cut(&list, ';'), key = gp_trim(gp_cut(&one, '='));
        while (key.len && gp_is_any(key.ptr[0], "\r\n \t")) key = gp_tail(key, 1);
        if (!gp_is(key, name)) continue;
        for (size_t i = 0; i < one.len; i++)
            if (!gp_is_any(one.ptr[i], "\r\n \t")) gp_put_char(room, one.ptr[i]);
        break;
    }
    CHECK(room->len > 0);
    return gp_said(room);
}

/* RFC 6376 5.4.2: of several fields of a name the last that was not taken yet. */
static bool find_field(const struct printed *p, gp_str name, size_t taken, struct gp_field *found)
{
    struct gp_field field, all[32];
    gp_str          rest  = p->message;
    size_t          count = 0;
    while (count < GP_COUNT(all) && gp_next_field(&rest, &field))
        if (gp_alike(field.name, name)) all[count++] = field;
    if (taken >= count) return false;
    *found = all[count - 1 - taken];
    return true;
}

static void put_signed_fields(const struct printed *p, struct gathered *out)
{
    char            room[512];
    struct gp_text  text = GP_TEXT(room);
    gp_str          list = tag_of(p->value, "h", &text), before = list;
    struct gp_field field;
    while (list.ptr) {
        gp_str name  = gp_cut(&list, ':');
        size_t taken = 0;
        for (gp_str rest = gp_head(before, (size_t)(name.ptr - before.ptr)); rest.len;)
            taken += gp_alike(gp_cut(&rest, ':'), name);
        if (find_field(p, name, taken, &field))
            CHECK(gp_canon_field(p->relaxed_header, true, &field, (struct gp_sink) { gather, out }));
    }
}

/* The field with nothing behind "b=" (3.7). */
static void put_own_field(const struct printed *p, struct gathered *out)
{
    char            room[2048];
    struct gp_text  text = GP_TEXT(room);
    struct gp_field bare;
    const char     *b = memmem(p->field.raw.ptr, p->field.raw.len, " b=", 3);
    assert_non_null(b);
    gp_str before = gp_head(p->field.raw, (size_t)(b - p->field.raw.ptr) + 3);
    gp_str after  = gp_tail(p->field.raw, before.len);
    size_t end    = gp_find(after, ';');
    gp_put(&text, before);
    gp_put(&text, end < after.len ? gp_tail(after, end) : GP_LIT("\r\n"));
    gp_str rest = gp_said(&text);
    CHECK(gp_next_field(&rest, &bare) && gp_ends(bare.raw, "\r\n"));
    bare.raw = gp_head(bare.raw, bare.raw.len - 2); /* the simple form takes it as it is */
    CHECK(gp_canon_field(p->relaxed_header, false, &bare, (struct gp_sink) { gather, out }));
}

static void check_printed(const struct printed *p, const struct gp_key *key)
{
    static struct gathered header;
    char                   room[1024], octets[GP_SIGNATURE_MOST], coded[2 * GP_SIGNATURE_MOST];
    struct gp_text         text = GP_TEXT(room), signature = GP_TEXT(octets), base64 = GP_TEXT(coded);
    uint8_t                hash[32];
    gp_str                 hashed = { (const char *)hash, sizeof hash };
    CHECK(gp_digest(GP_SHA256, gathered(canonical_body(p->body, p->relaxed_body, 7)), hash));
    gp_put_base64(&base64, hashed);
    CHECK_SAME(gp_said(&base64), tag_of(p->value, "bh", &text));
    header.len = base64.len = 0;
    put_signed_fields(p, &header);
    put_own_field(p, &header);
    CHECK(gp_digest(GP_SHA256, gathered(&header), hash));
    CHECK(gp_key_sign(key, GP_SIGN_DIGEST_SHA256, hashed, &signature));
    gp_put_base64(&base64, gp_said(&signature));
    CHECK_SAME(gp_said(&base64), tag_of(p->value, "b", &text));
}

/* How many signatures the message has; each is checked with the key of its algorithm. */
static size_t check_all_printed(const json_t *vector, const struct gp_key *rsa, const struct gp_key *ed25519)
{
    struct printed p     = { .message = gp_from(string_of(vector, "message")) };
    const char    *blank = memmem(p.message.ptr, p.message.len, "\r\n\r\n", 4);
    size_t         count = 0;
    gp_str         rest  = p.message;
    assert_non_null(blank);
    p.body = gp_tail(p.message, (size_t)(blank - p.message.ptr) + 4);
    while (gp_next_field(&rest, &p.field)) {
        char           room[64];
        struct gp_text text = GP_TEXT(room);
        if (!gp_is(p.field.name, "DKIM-Signature")) continue;
        p.value          = p.field.value;
        gp_str forms     = tag_of(p.value, "c", &text);
        p.relaxed_header = gp_starts(forms, "relaxed");
        p.relaxed_body   = gp_ends(forms, "relaxed");
        check_printed(&p, gp_starts(tag_of(p.value, "a", &text), "rsa") ? rsa : ed25519);
        count++;
    }
    return count;
}

TEST(signatures_that_the_rfcs_print)
{
    json_t        *root = vectors("tests/vectors/dkim_sign.json"), *keys = json_object_get(root, "keys");
    const json_t  *a2 = json_object_get(root, "rfc6376_A2"), *a3 = json_object_get(root, "rfc8463_A3");
    struct gp_key *rsa = gp_key_read(gp_from(string_of(keys, "rsa_pem")));
    struct gp_key *ed = ed25519_key(string_of(keys, "ed25519_seed_b64")), *other = NULL;
    CHECK(rsa && ed && (other = gp_key_read(gp_from(string_of(a2, "private_key_pem")))) != NULL);
    assert_int_equal(check_all_printed(a3, rsa, ed), json_integer_value(json_object_get(a3, "signatures")));
    assert_int_equal(check_all_printed(a2, other, NULL), 1);
    gp_key_close(rsa);
    gp_key_close(ed);
    gp_key_close(other);
    json_decref(root);
}

TEST(messages_that_no_signature_could_protect)
{
    json_t *root = vectors("tests/vectors/dkim_sign.json"), *cases = json_object_get(root, "reject_to_sign");
    CHECK(json_array_size(cases) == 3);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        char               message[256];
        uint8_t            hash[32];
        struct gp_dkim_key key = { "b.example", "s", false };
        struct gp_dkim    *d   = opened(octets_of(json_array_get(cases, i), "message_b64", message, sizeof message),
                                        "relaxed/relaxed", SIZE_MAX);
        CHECK(gp_dkim_end(d) == GP_PERMFAIL);
        CHECK(!gp_dkim_hash(d, &key, NULL, 0, hash));
        gp_dkim_close(d);
    }
    json_decref(root);
}

TEST(one_body_hash_serves_several_keys)
{
    static const struct gp_dkim_key keys[] = {
        {"example.com",  "rsa", false},
        { "example.com", "ed",  true }
    };
    struct gp_dkim *d = opened(GP_LIT("From: a@Example.COM\r\n\r\nx\r\n"), "relaxed/relaxed", 3);
    uint8_t         first[32], second[32], again[32];
    CHECK(gp_dkim_end(d) == GP_OK);
    CHECK_IS(gp_dkim_from_domain(d), "example.com");
    CHECK(gp_dkim_hash(d, &keys[0], NULL, 1000, first) && gp_dkim_hash(d, &keys[1], NULL, 1000, second));
    CHECK(gp_dkim_hash(d, &keys[0], NULL, 1000, again));
    CHECK(memcmp(first, second, 32) != 0 && memcmp(first, again, 32) == 0);
    gp_dkim_close(d);
}

TEST(our_list_covers_what_is_there_and_guards_what_is_not)
{
    static const char  want[] = "h=From:From:Subject:Date:To:Cc:Reply-To:MIME-Version:Content-Type:";
    char               out[4096], octets[256] = { 0 };
    struct gp_text     field = GP_TEXT(out), bare = GP_TEXT(octets);
    struct gp_dkim_key key = { "example.com", "s", false };
    uint8_t            hash[32];
    struct gp_dkim    *d = opened(GP_LIT("From: a@example.com\r\nList-Unsubscribe: <https://x.example>\r\n"
                                            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nX-Other: y\r\n\r\nx\r\n"),
                                  "relaxed/relaxed", SIZE_MAX);
    CHECK(gp_dkim_end(d) == GP_OK && gp_dkim_hash(d, &key, NULL, 0, hash));
    CHECK(gp_dkim_put(d, (gp_str) { octets, sizeof octets }, &field));
    CHECK(mentions(gp_said(&field), want) && mentions(gp_said(&field), "List-Unsubscribe:"));
    CHECK(mentions(gp_said(&field), "Content-Transfer-Encoding:"));
    CHECK(mentions(gp_said(&field), "List-Unsubscribe-Post;") && !mentions(gp_said(&field), "X-Other"));
    for (gp_str rest = gp_said(&field); rest.len;) CHECK(gp_cut(&rest, '\n').len <= GP_LINE_GOOD + 1);
    bare.room = 16;
    CHECK(!gp_dkim_put(d, (gp_str) { octets, sizeof octets }, &bare));
    gp_dkim_close(d);
}

static bool hash_in_pieces(gp_str message, size_t piece, uint8_t out[static 32])
{
    static const struct gp_dkim_key key      = { "example.com", "s", false };
    struct gp_dkim                 *d        = opened(message, "relaxed/relaxed", piece);
    bool                            signable = gp_dkim_end(d) == GP_OK;
    if (signable) CHECK(gp_dkim_hash(d, &key, NULL, 0, out));
    gp_dkim_close(d);
    return signable;
}

PROPERTY(signatures_do_not_depend_on_the_cuts, bytes)
{
    uint8_t whole[32], cut[32];
    bool    signable = hash_in_pieces(bytes, SIZE_MAX, whole);
    for (size_t piece = 1; piece < 8; piece += 3) {
        CHECK(hash_in_pieces(bytes, piece, cut) == signable);
        CHECK(!signable || memcmp(whole, cut, sizeof whole) == 0);
    }
    CHECK_SAME(gathered(canonical_body(bytes, true, 1)), gathered(canonical_body(bytes, true, SIZE_MAX)));
    CHECK_SAME(gathered(canonical_body(bytes, false, 3)), gathered(canonical_body(bytes, false, SIZE_MAX)));
}
