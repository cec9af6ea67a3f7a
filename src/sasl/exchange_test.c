/* The frame: base64, the order of calls, the table of mechanisms, and both sides of each mechanism against each other. */
#include "sasl/test_talk.h"

static const char *const all =
    "SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 "
    "EXTERNAL OAUTHBEARER XOAUTH2 CRAM-MD5 PLAIN LOGIN";
/* As the seeds of the properties count them: new ones come last. */
static const char *const counted[] = { "SCRAM-SHA-512-PLUS",
                                       "SCRAM-SHA-256-PLUS",
                                       "SCRAM-SHA-1-PLUS",
                                       "SCRAM-SHA-512",
                                       "SCRAM-SHA-256",
                                       "SCRAM-SHA-1",
                                       "CRAM-MD5",
                                       "PLAIN",
                                       "LOGIN",
                                       "EXTERNAL",
                                       "OAUTHBEARER",
                                       "XOAUTH2" };
enum {
    SCRAMS      = 6,
    EVERY_TRAIT = GP_SASL_REVEALS_PASSWORD | GP_SASL_BINDS_CHANNEL | GP_SASL_NEEDS_SECRET | GP_SASL_NEEDS_TOKEN |
                  GP_SASL_NEEDS_PEER
};
#define BINDING GP_LIT("0123456789abcdef0123456789abcdef")

/* ---- the table ---------------------------------------------------------------------------------------- */
TEST(names_are_filtered_and_ordered)
{
    static const struct {
        const char *allowed;
        unsigned    traits;
        const char *want;
    } rows[] = {
        {"LOGIN PLAIN SCRAM-SHA-256",               EVERY_TRAIT,              "SCRAM-SHA-256 PLAIN LOGIN"       },
        { "login plain nonsense",                   EVERY_TRAIT,              "PLAIN LOGIN"                     },
        { "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", GP_SASL_BINDS_CHANNEL,    "SCRAM-SHA-256-PLUS SCRAM-SHA-256"},
        { "PLAIN SCRAM-SHA-256-PLUS",               GP_SASL_REVEALS_PASSWORD, "PLAIN"                           },
        { "CRAM-MD5",                               GP_SASL_NEEDS_SECRET,     "CRAM-MD5"                        },
        { "CRAM-MD5",                               GP_SASL_REVEALS_PASSWORD, ""                                },
        { "EXTERNAL PLAIN XOAUTH2",                 GP_SASL_REVEALS_PASSWORD, "PLAIN"                           },
        { "EXTERNAL PLAIN XOAUTH2",                 GP_SASL_NEEDS_PEER,       "EXTERNAL"                        },
        { "",                                       EVERY_TRAIT,              ""                                },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[256];
        struct gp_text out = GP_TEXT(room);
        CHECK(gp_sasl_names(gp_from(rows[i].allowed), rows[i].traits, &out));
        CHECK_IS(gp_said(&out), rows[i].want);
    }
    char           room[256], small[8];
    struct gp_text out = GP_TEXT(room), tight = GP_TEXT(small);
    CHECK(gp_sasl_names(gp_from(all), EVERY_TRAIT, &out));
    CHECK_IS(gp_said(&out), all);
    CHECK(!gp_sasl_names(gp_from(all), EVERY_TRAIT, &tight));
}

TEST(unknown_mechanisms_and_those_that_can_not_be_had)
{
    static const char *const names[] = { "", "GSSAPI", "SCRAM-SHA-256-PLUS", "PLAIN ", "SCRAM-SHA-256-PLU" };
    struct gp_sasl           x;
    for (size_t i = 0; i < GP_COUNT(names); i++) {
        talk_open(&x);
        CHECK(gp_sasl_start(&x, gp_from(names[i]), GP_LIT("biws")) == GP_SASL_FAILED && x.why == GP_SASL_UNKNOWN);
        talk_open(&x);
        CHECK(gp_sasl_client_start(&x, gp_from(names[i]), GP_LIT("u"), talk_secret(GP_LIT("p"))) == GP_SASL_FAILED);
    }
}

/* ---- the frame ---------------------------------------------------------------------------------------- */
TEST(foreign_octets_in_base64_are_told_apart_from_bad_messages) /* RFC 4954 4 */
{
    json_t        *root = talk_vectors("base64"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "reject"), i, row)
    {
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), GP_NONE) == GP_SASL_CHALLENGE);
        CHECK(gp_sasl_line(&x, talk_field(row, "text")) == GP_SASL_FAILED);
        CHECK(x.why == GP_SASL_NOT_BASE64);
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), talk_field(row, "text")) == GP_SASL_FAILED);
        CHECK(x.why == GP_SASL_NOT_BASE64);
    }
    json_array_foreach(json_object_get(root, "accept"), i, row)
    {
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), GP_NONE) == GP_SASL_CHALLENGE);
        gp_sasl_line(&x, talk_field(row, "text"));
        CHECK(x.why != GP_SASL_NOT_BASE64);
    }
    json_decref(root);
}

TEST(special_lines_mean_what_rfc_4954_says) /* RFC 4954 4 */
{
    static const struct {
        const char      *text;
        enum gp_sasl_why why;
    } rows[] = {
        {"=",  GP_SASL_NOT_BASE64}, /* present and empty as an initial response only, which the session reads */
        { "*", GP_SASL_CANCELLED },
        { "",  GP_SASL_MALFORMED }, /* an empty response, which PLAIN has no use for */
    };
    json_t        *root = talk_vectors("base64"), *row;
    struct gp_sasl x;
    size_t         i, found = 0;
    json_array_foreach(json_object_get(root, "special"), i, row) for (size_t j = 0; j < GP_COUNT(rows); j++)
    {
        if (!gp_is(talk_field(row, "text"), rows[j].text)) continue;
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), GP_NONE) == GP_SASL_CHALLENGE);
        CHECK(gp_sasl_line(&x, talk_field(row, "text")) == GP_SASL_FAILED && x.why == rows[j].why);
        found++;
    }
    CHECK(i == GP_COUNT(rows) && found == i);
    json_decref(root);
}

TEST(a_line_has_a_bound)
{
    static char    line[GP_SASL_LINE_MOST + 4];
    struct gp_sasl x;
    memset(line, 'A', sizeof line);
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), (gp_str) { line, sizeof line }) == GP_SASL_FAILED);
    CHECK(x.why == GP_SASL_NOT_BASE64);
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), (gp_str) { line, GP_SASL_LINE_MOST }) == GP_SASL_FAILED);
    CHECK(x.why == GP_SASL_MALFORMED); /* decoded, and three NULs too many */
}

TEST(calls_out_of_order_end_the_exchange)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_line(&x, GP_LIT("")) == GP_SASL_FAILED); /* before start */
    talk_open(&x);
    CHECK(gp_sasl_resume(&x) == GP_SASL_FAILED);
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), GP_LIT("AHRpbQBwdw==")) == GP_SASL_ASK);
    CHECK(gp_sasl_line(&x, GP_LIT("AHRpbQBwdw==")) == GP_SASL_FAILED); /* while the host is asked */
    x.answer = GP_OK;
    CHECK(gp_sasl_resume(&x) == GP_SASL_FAILED); /* too late */
    CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), GP_NONE) == GP_SASL_FAILED);
}

TEST(the_end_leaves_no_secret)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), GP_LIT("AHRpbQB0YW5zdGFhZnRhbnN0YWFm")) == GP_SASL_ASK);
    CHECK(memmem(&x, sizeof x, "tanstaaf", 8));
    gp_sasl_resume(&x);
    CHECK(!memmem(&x, sizeof x, "tanstaaf", 8));
    gp_sasl_end(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), GP_NONE) == GP_SASL_FAILED);
}

/* ---- both sides --------------------------------------------------------------------------------------- */
/* A host that knows one account; says whether it ever said yes. */
struct host {
    gp_str   user, password;
    unsigned yes;
};

static struct gp_scram_keys keys_for(const struct gp_sasl *x, gp_secret password)
{
    struct gp_scram_keys keys;
    CHECK(gp_scram_keys_make(x->mech->hash, password, GP_LIT("salt"), GP_SCRAM_ROUNDS_LEAST, &keys));
    return keys;
}

/* Tries the password, and two others around it. */
static bool fits(struct gp_sasl *x, gp_secret password)
{
    gp_secret list[] = {
        {"other", 5},
        password, { "more", 4}
    };
    bool one = false;
    for (size_t i = 0; i < GP_COUNT(list); i++) {
        struct gp_scram_keys keys;
        if (x->mech->traits & GP_SASL_NEEDS_SECRET) {
            one |= gp_sasl_fits_secret(x, list[i]);
            continue;
        }
        keys = keys_for(x, list[i]);
        one |= gp_sasl_fits_keys(x, &keys);
    }
    return one;
}

static void answer(struct host *h, struct gp_sasl *x)
{
    bool known = gp_same(x->user, h->user);
    if (x->ask == GP_SASL_IS_EXTERNAL) x->answer = known ? GP_OK : GP_PERMFAIL;
    if (x->ask == GP_SASL_IS_PASSWORD || x->ask == GP_SASL_IS_TOKEN)
        x->answer = known && gp_same((gp_str) { x->secret.ptr, x->secret.len }, h->password) ? GP_OK : GP_PERMFAIL;
    bool proved = x->ask == GP_SASL_IS_PROOF && fits(x, talk_secret(h->password)) && known;
    if (x->ask == GP_SASL_GET_SCRAM || proved) x->answer = GP_OK;
    if (x->ask == GP_SASL_GET_SCRAM) x->scram = keys_for(x, talk_secret(GP_LIT("nobody's")));
    h->yes += x->answer == GP_OK;
}

static enum gp_sasl_step settled(struct host *h, struct gp_sasl *x, enum gp_sasl_step step)
{
    while (step == GP_SASL_ASK) {
        answer(h, x);
        step = gp_sasl_resume(x);
    }
    return step;
}

/* True: both sides believe the other. */
static bool converse(gp_str mechanism, gp_str user, gp_str password)
{
    struct host    h = { GP_LIT("tim=a,b"), GP_LIT("tanstaaf"), 0 };
    struct gp_sasl server, client;
    gp_sasl_init(&server, GP_BIND_TLS_EXPORTER, BINDING, true);
    gp_sasl_init(&client, GP_BIND_TLS_EXPORTER, BINDING, true);
    CHECK(gp_sasl_client_start(&client, mechanism, user, talk_secret(password)) == GP_SASL_CHALLENGE);
    enum gp_sasl_step step = settled(&h, &server, gp_sasl_start(&server, mechanism, client.out));
    while (step == GP_SASL_CHALLENGE) {
        CHECK(gp_sasl_client_line(&client, server.out) != GP_SASL_FAILED);
        CHECK((client.says.len > 0) == server.told);
        step = settled(&h, &server, gp_sasl_line(&server, client.out));
    }
    CHECK(step != GP_SASL_DONE || h.yes > 0);
    return step == GP_SASL_DONE && gp_sasl_client_believes(&client);
}

TEST(client_and_server_agree_for_every_mechanism)
{
    for (gp_str rest = gp_from(all); rest.len > 0;) {
        gp_str mechanism = gp_word(&rest);
        CHECK(converse(mechanism, GP_LIT("tim=a,b"), GP_LIT("tanstaaf")));
        bool by_password = !gp_is(mechanism, "EXTERNAL");
        CHECK(!by_password || !converse(mechanism, GP_LIT("tim=a,b"), GP_LIT("wrong")));
        CHECK(!converse(mechanism, GP_LIT("tom"), GP_LIT("tanstaaf")));
    }
}

/* ---- any bytes ---------------------------------------------------------------------------------------- */
/* The first octet picks the mechanism, the second whether lines come as they are or as base64; then one line per LF. A host that
 * says no, or yes to a proof that fitted nothing, must never see DONE. */
PROPERTY(no_lines_sign_in_without_the_hosts_yes, bytes)
{
    if (bytes.len < 2) return;
    gp_str         mechanism = gp_from(counted[(unsigned char)bytes.ptr[0] % GP_COUNT(counted)]);
    bool           encode    = bytes.ptr[1] & 1;
    gp_str         rest      = gp_tail(bytes, 2);
    struct gp_sasl x;
    gp_sasl_init(&x, GP_BIND_TLS_EXPORTER, BINDING, bytes.ptr[1] & 2);
    gp_sasl_seed(&x, GP_LIT("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"));
    enum gp_sasl_step step = gp_sasl_start(&x, mechanism, GP_NONE);
    while (step == GP_SASL_CHALLENGE && rest.len > 0) {
        char   room[GP_SASL_LINE_MOST];
        gp_str line = gp_cut(&rest, '\n');
        step        = gp_sasl_line(&x, encode ? talk_base64(line, room) : line);
        if (step != GP_SASL_ASK) continue;
        bool nameless = x.ask == GP_SASL_IS_TOKEN || x.ask == GP_SASL_IS_EXTERNAL;
        CHECK(gp_is_utf8(x.user) && (x.user.len > 0 || nameless) && x.user.len <= GP_SASL_NAME_MOST);
        struct gp_scram_keys keys = {
            x.mech->hash, 4096, 4, "salt", {1,  2, 3},
                { 4, 5, 6}
        };
        if (x.ask == GP_SASL_GET_SCRAM) x.scram = keys;
        if (x.ask == GP_SASL_IS_PROOF)
            CHECK(!gp_sasl_fits_keys(&x, &keys) && !gp_sasl_fits_secret(&x, talk_secret(GP_LIT("nobody's"))));
        if (x.ask == GP_SASL_GET_SCRAM || x.ask == GP_SASL_IS_PROOF) x.answer = GP_OK;
        step = gp_sasl_resume(&x);
    }
    CHECK(step != GP_SASL_DONE);
    gp_sasl_end(&x);
}

static bool holds_password(gp_str base64, gp_str password)
{
    char   octets[GP_SASL_OUT_ROOM];
    size_t len = 0;
    CHECK(gp_read_base64(base64, octets, sizeof octets, &len));
    return len && memmem(octets, len, password.ptr, password.len);
}

/* Whatever the server says, PLAIN and LOGIN tell it the password once at most, CRAM-MD5 never, and it is wiped then. The first octet
 * picks the mechanism and whether lines come as they are or as base64. */
PROPERTY(a_client_tells_its_password_once_at_most, bytes)
{
    static const struct {
        const char *name;
        unsigned    most;
    } mechanisms[] = {
        {"PLAIN",     1},
        { "LOGIN",    1},
        { "CRAM-MD5", 0}
    };
    gp_str         password = GP_LIT("tanstaaftanstaaf"), rest = gp_tail(bytes, 1);
    unsigned char  pick = bytes.len ? (unsigned char)bytes.ptr[0] : 0;
    size_t         row = pick % GP_COUNT(mechanisms), told = 0;
    struct gp_sasl x;
    talk_open(&x);
    enum gp_sasl_step step =
        gp_sasl_client_start(&x, gp_from(mechanisms[row].name), GP_LIT("tim"), talk_secret(password));
    for (unsigned lines = 0; step == GP_SASL_CHALLENGE; lines++) {
        char   room[GP_SASL_LINE_MOST];
        gp_str before = x.out;
        if (x.out.ptr && !x.repeated) told += holds_password(x.out, password);
        if (!rest.ptr) break;
        gp_str line = gp_cut(&rest, '\n');
        step        = gp_sasl_client_line(&x, pick & 128 ? talk_base64(line, room) : line);
        CHECK(lines < 4);
        CHECK(step != GP_SASL_ASK && step != GP_SASL_DONE); /* the server's 235 decides */
        CHECK(step == GP_SASL_CHALLENGE || (!x.out.ptr && !gp_sasl_client_believes(&x)));
        CHECK(!x.repeated || before.ptr);
    }
    CHECK(told <= mechanisms[row].most);
    CHECK(!gp_sasl_client_believes(&x) || !memmem(x.secret_room, sizeof x.secret_room, password.ptr, password.len));
    gp_sasl_end(&x);
}

/* The password is not that of the RFC's examples, whose signatures the seeds hold: nothing here can know it. */
PROPERTY(a_hostile_server_can_not_be_believed, bytes)
{
    if (bytes.len < 1) return;
    gp_str         mechanism = gp_from(counted[(unsigned char)bytes.ptr[0] % SCRAMS]);
    gp_str         rest      = gp_tail(bytes, 1);
    struct gp_sasl x;
    gp_sasl_init(&x, GP_BIND_TLS_EXPORTER, BINDING, true);
    gp_sasl_seed(&x, GP_LIT("rOprNGfwEbeRWgbNEkqO"));
    enum gp_sasl_step step =
        gp_sasl_client_start(&x, mechanism, GP_LIT("user"), talk_secret(GP_LIT("a pencil of its own")));
    for (int lines = 0; step == GP_SASL_CHALLENGE && rest.len > 0 && lines < 4; lines++) {
        char room[GP_SASL_LINE_MOST];
        step = gp_sasl_client_line(&x, talk_base64(gp_cut(&rest, '\n'), room));
    }
    CHECK(!gp_sasl_client_believes(&x));
    gp_sasl_end(&x);
}
