/* SCRAM against the vectors: server and client alone, each message of theirs spoilt in turn, and key texts. */
#include "sasl/test_talk.h"

static const char *const hash_names[GP_HASHES] = { "md5", "sha1", "sha256", "sha512" };

static enum gp_hash hash_of(const json_t *row)
{
    unsigned hash = 0;
    while (hash < GP_HASHES && !gp_is(talk_field(row, "hash"), hash_names[hash])) hash++;
    CHECK(hash < GP_HASHES);
    return (enum gp_hash)hash;
}

static enum gp_sasl_binding binding_of(const json_t *row)
{
    static const char *const names[] = { "", "tls-unique", "tls-exporter", "tls-server-end-point" };
    for (unsigned i = 1; i < GP_COUNT(names); i++)
        if (gp_is(talk_field(row, "cb_type"), names[i])) return (enum gp_sasl_binding)i;
    return GP_BIND_NONE;
}

static json_t *exchanges(json_t *root)
{
    return json_object_get(root, "exchanges");
}

static const json_t *exchange(json_t *root, const char *id)
{
    json_t *row;
    size_t  i;
    json_array_foreach(exchanges(root), i, row) if (gp_is(talk_field(row, "id"), id)) return row;
    fail_msg("no vector %s", id);
    return NULL;
}

static struct gp_scram_keys keys_of(const json_t *row)
{
    char                 room[GP_SCRAM_SALT_MOST];
    struct gp_scram_keys keys;
    gp_str               salt = kit_base64(talk_field(row, "salt_b64").ptr, room, sizeof room);
    CHECK(gp_scram_keys_make(hash_of(row), talk_secret(talk_field(row, "password")), salt,
                             (uint32_t)json_integer_value(json_object_get(row, "iterations")), &keys));
    return keys;
}

static void open_for(struct gp_sasl *x, const json_t *row, const char *nonce)
{
    char room[GP_SASL_BIND_MOST];
    gp_sasl_init(x, binding_of(row), talk_octets(row, "cb_data_hex", room, sizeof room), false);
    gp_sasl_seed(x, talk_field(row, nonce));
}

/* Up to the point where client-final is awaited. */
static void serve_first(struct gp_sasl *x, const json_t *row)
{
    open_for(x, row, "server_nonce");
    CHECK(gp_sasl_start(x, talk_field(row, "mechanism"), talk_field(row, "client_first_b64")) == GP_SASL_ASK);
    CHECK(x->ask == GP_SASL_GET_SCRAM);
    CHECK_SAME(x->user, talk_field(row, "username"));
    x->scram = keys_of(row);
    gp_wipe(x->scram.stored_key, sizeof x->scram.stored_key); /* salt and count are all that is needed so far */
    gp_wipe(x->scram.server_key, sizeof x->scram.server_key);
    x->answer = GP_OK;
    CHECK(gp_sasl_resume(x) == GP_SASL_CHALLENGE);
    CHECK_SAME(x->out, talk_field(row, "server_first_b64"));
}

/* The line that holds the proof, which is tried on the right keys and on others before and after. */
static enum gp_sasl_step prove(struct gp_sasl *x, const json_t *row, gp_str line)
{
    enum gp_sasl_step    step  = gp_sasl_line(x, line);
    struct gp_scram_keys right = keys_of(row), other = right;
    if (step != GP_SASL_ASK) return step;
    CHECK(x->ask == GP_SASL_IS_PROOF);
    other.stored_key[0] ^= 1;
    CHECK(!gp_sasl_fits_keys(x, &other));
    bool fits = gp_sasl_fits_keys(x, &right);
    CHECK(!gp_sasl_fits_keys(x, &other));
    x->answer = GP_OK; /* of a proof that did not fit, that is not believed */
    step      = gp_sasl_resume(x);
    CHECK(fits == (step != GP_SASL_FAILED));
    return step;
}

/* ---- server ------------------------------------------------------------------------------------------- */
TEST(serves_the_vectors)
{
    json_t        *root = talk_vectors("scram"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(exchanges(root), i, row)
    {
        serve_first(&x, row);
        enum gp_sasl_step step = prove(&x, row, talk_field(row, "client_final_b64"));
        if (talk_field(row, "authzid").len > 0) {
            CHECK(step == GP_SASL_ASK && x.ask == GP_SASL_MAY_ACT);
            CHECK_SAME(x.authzid, talk_field(row, "authzid"));
            x.answer = GP_OK;
            step     = gp_sasl_resume(&x);
        }
        CHECK(step == GP_SASL_CHALLENGE);
        CHECK_SAME(x.out, talk_field(row, "server_final_b64"));
        CHECK(gp_sasl_line(&x, GP_LIT("")) == GP_SASL_DONE);
    }
    json_decref(root);
}

TEST(server_final_is_not_yet_a_sign_in) /* RFC 4954 4 */
{
    static const struct {
        const char      *line;
        enum gp_sasl_why why;
    } rows[] = {
        {"*",     GP_SASL_CANCELLED },
        { "eA==", GP_SASL_MALFORMED },
        { "=",    GP_SASL_NOT_BASE64}
    };
    json_t        *root = talk_vectors("scram");
    const json_t  *row  = exchange(root, "rfc7677-3");
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        serve_first(&x, row);
        CHECK(prove(&x, row, talk_field(row, "client_final_b64")) == GP_SASL_CHALLENGE);
        CHECK(gp_sasl_line(&x, gp_from(rows[i].line)) == GP_SASL_FAILED);
        CHECK(x.why == rows[i].why);
        CHECK(gp_sasl_line(&x, GP_LIT("")) == GP_SASL_FAILED);
    }
    json_decref(root);
}

static enum gp_sasl_step first_of(struct gp_sasl *x, gp_str mechanism, gp_str octets)
{
    gp_sasl_init(x, GP_BIND_TLS_EXPORTER, GP_LIT("0123456789abcdef0123456789abcdef"), true);
    return gp_sasl_start(x, mechanism, TALK_LINE(octets));
}

TEST(refuses_malformed_first_messages)
{
    json_t        *root = talk_vectors("scram"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "reject_client_first"), i, row)
    {
        char   room[256];
        gp_str message = talk_field(row, "client_first"), mechanism = talk_field(row, "mechanism");
        if (!message.ptr) message = kit_base64(talk_field(row, "client_first_b64").ptr, room, sizeof room);
        if (first_of(&x, mechanism.ptr ? mechanism : GP_LIT("SCRAM-SHA-256"), message) != GP_SASL_FAILED)
            fail_msg("%s", talk_field(row, "id").ptr);
        CHECK(x.why == GP_SASL_MALFORMED || x.why == GP_SASL_BAD_BINDING);
    }
    json_array_foreach(json_object_get(root, "either_way"), i, row)
    {
        CHECK(first_of(&x, GP_LIT("SCRAM-SHA-256"), talk_field(row, "client_first")) == GP_SASL_ASK);
        CHECK_IS(x.user, "a=b,c");
    }
    json_decref(root);
}

TEST(first_messages_and_what_becomes_of_them)
{
    static const struct {
        const char       *mechanism, *message;
        enum gp_sasl_step step;
        enum gp_sasl_why  why;
    } rows[] = {
        {"SCRAM-SHA-256",       "n,,n=u,r=abc",                      GP_SASL_ASK,    GP_SASL_NO_REASON  },
        { "SCRAM-SHA-256",      "n,,n=u,r=abc,x=ignored,Y=too",      GP_SASL_ASK,    GP_SASL_NO_REASON  },
        { "SCRAM-SHA-256",      "n,,n=u,r=abc,m=ext",                GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "n,,n=u,r=abc,nonsense",             GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "n,,n=u,r=abc,n=v",                  GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "n,,n=u,r=abc,r=abd",                GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "n,a=,n=u,r=abc",                    GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "n,b=x,n=u,r=abc",                   GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "n,,n=u,r=a\tb",                     GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "n",                                 GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "n,",                                GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "n,,",                               GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "",                                  GP_SASL_FAILED, GP_SASL_MALFORMED  },
        { "SCRAM-SHA-256",      "y,,n=u,r=abc",                      GP_SASL_FAILED, GP_SASL_BAD_BINDING},
        { "SCRAM-SHA-256-PLUS", "y,,n=u,r=abc",                      GP_SASL_FAILED, GP_SASL_BAD_BINDING},
        { "SCRAM-SHA-256-PLUS", "p=tls-unique,,n=u,r=abc",           GP_SASL_FAILED, GP_SASL_BAD_BINDING},
        { "SCRAM-SHA-256-PLUS", "p=tls-exporter,,n=u,r=abc",         GP_SASL_ASK,    GP_SASL_NO_REASON  },
        { "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=u,r=abc", GP_SASL_FAILED, GP_SASL_BAD_BINDING},
    };
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(first_of(&x, gp_from(rows[i].mechanism), gp_from(rows[i].message)) == rows[i].step);
        CHECK(x.why == rows[i].why);
    }
}

TEST(a_connection_may_have_two_bindings)
{
    struct gp_sasl x;
    gp_sasl_init(&x, GP_BIND_TLS_EXPORTER, GP_LIT("0123456789abcdef0123456789abcdef"), true);
    gp_sasl_bind(&x, GP_BIND_TLS_SERVER_END_POINT, GP_LIT("fedcba98765432100123456789abcdef"));
    CHECK(gp_sasl_start(&x, GP_LIT("SCRAM-SHA-256-PLUS"), TALK_LINE(GP_LIT("p=tls-server-end-point,,n=u,r=abc"))) ==
          GP_SASL_ASK);
}

#define NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

/* '@' in the pattern stands for the nonce. */
static enum gp_sasl_step final_of(struct gp_sasl *x, const json_t *row, gp_str pattern, const char *nonce)
{
    char           room[512];
    struct gp_text line = GP_TEXT(room);
    size_t         at   = gp_find(pattern, '@');
    gp_put(&line, gp_head(pattern, at));
    if (at < pattern.len) gp_put_z(&line, nonce);
    gp_put(&line, gp_tail(pattern, at + 1));
    serve_first(x, row);
    return prove(x, row, TALK_LINE(gp_said(&line)));
}

TEST(refuses_spoilt_final_messages)
{
    static const struct {
        const char      *pattern, *nonce; /* NULL: the right one */
        enum gp_sasl_why why;
    } rows[] = {
        {"c=biws,r=@,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",         "rOprNGfwEbeRWgbNEkqO%changed",
         GP_SASL_MALFORMED                                                                                                       },
        { "c=biws,r=@,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",        "rOprNGfwEbeRWgbNEkqO",         GP_SASL_MALFORMED  },
        { "c=eSws,r=@,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",        NULL,                           GP_SASL_BAD_BINDING},
        { "c=,r=@,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",            NULL,                           GP_SASL_BAD_BINDING},
        { "c=biws,r=@,p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",        NULL,                           GP_SASL_REFUSED    },
        { "c=biws,r=@,x=y,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",    NULL,                           GP_SASL_REFUSED    },
        { "c=biws,r=@,p=!!!!",                                                NULL,                           GP_SASL_MALFORMED  },
        { "c=biws,r=@,p=dHzbZQ==",                                            NULL,                           GP_SASL_MALFORMED  },
        { "c=biws,r=@,p=",                                                    NULL,                           GP_SASL_MALFORMED  },
        { "c=biws,r=@",                                                       NULL,                           GP_SASL_MALFORMED  },
        { "r=@,c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",        NULL,                           GP_SASL_MALFORMED  },
        { "c=biws,r=@,r=@,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",    NULL,                           GP_SASL_MALFORMED  },
        { "c=biws,r=@,c=eSws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", NULL,                           GP_SASL_MALFORMED  },
        { "c=biws,r=@,m=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",    NULL,                           GP_SASL_MALFORMED  },
        { "c=biws,r=@,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=,x=y",    NULL,                           GP_SASL_MALFORMED  },
        { "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",                   NULL,                           GP_SASL_MALFORMED  },
        { "",                                                                 NULL,                           GP_SASL_MALFORMED  },
    };
    json_t        *root = talk_vectors("scram");
    const json_t  *row  = exchange(root, "rfc7677-3");
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(final_of(&x, row, gp_from(rows[i].pattern), rows[i].nonce ? rows[i].nonce : NONCE) == GP_SASL_FAILED);
        CHECK(x.why == rows[i].why);
    }
    json_decref(root);
}

TEST(a_recorded_exchange_can_not_be_replayed)
{
    json_t        *root = talk_vectors("scram");
    const json_t  *row  = exchange(root, "rfc7677-3");
    struct gp_sasl x;
    talk_open(&x); /* not seeded: the nonce is random */
    CHECK(gp_sasl_start(&x, talk_field(row, "mechanism"), talk_field(row, "client_first_b64")) == GP_SASL_ASK);
    x.scram  = keys_of(row);
    x.answer = GP_OK;
    CHECK(gp_sasl_resume(&x) == GP_SASL_CHALLENGE);
    CHECK(prove(&x, row, talk_field(row, "client_final_b64")) == GP_SASL_FAILED && x.why == GP_SASL_MALFORMED);
    json_decref(root);
}

#define PROOF "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

TEST(refuses_the_final_messages_of_the_vectors)
{
    static const struct {
        const char      *id, *pattern, *nonce;
        enum gp_sasl_why why;
    } rows[] = {
        {"nonce-changed",  "c=biws,r=@," PROOF,        "%changed", GP_SASL_MALFORMED  },
        { "cbind-changed", "c=eSws,r=@," PROOF,        "",         GP_SASL_BAD_BINDING},
        { "proof-bad-b64", "c=biws,r=@,p=!!!!",        "",         GP_SASL_MALFORMED  },
        { "proof-short",   "c=biws,r=@,p=dHzbZQ==",    "",         GP_SASL_MALFORMED  },
        { "missing-proof", "c=biws,r=@",               "",         GP_SASL_MALFORMED  },
        { "after-proof",   "c=biws,r=@," PROOF ",x=y", "",         GP_SASL_MALFORMED  },
        { "replay",        "c=biws,r=@," PROOF,        "%replay",  GP_SASL_MALFORMED  }, /* of a nonce of before */
    };
    json_t        *root = talk_vectors("scram"), *vector;
    const json_t  *row  = exchange(root, "rfc7677-3");
    struct gp_sasl x;
    size_t         i, found = 0;
    CHECK(final_of(&x, row, GP_LIT("c=biws,r=@," PROOF), NONCE) == GP_SASL_CHALLENGE); /* unspoilt it is a good one */
    json_array_foreach(json_object_get(root, "reject_client_final"), i, vector) for (size_t j = 0; j < GP_COUNT(rows);
                                                                                     j++)
    {
        char nonce[128];
        if (!gp_is(talk_field(vector, "id"), rows[j].id)) continue;
        (void)snprintf(nonce, sizeof nonce, "%.*s%s", (int)(rows[j].nonce[0] ? 20 : 64), NONCE, rows[j].nonce);
        CHECK(final_of(&x, row, gp_from(rows[j].pattern), nonce) == GP_SASL_FAILED && x.why == rows[j].why);
        found++;
    }
    CHECK(i == GP_COUNT(rows) && found == i);
    json_decref(root);
}

TEST(another_channel_is_found_out)
{
    json_t        *root = talk_vectors("scram");
    const json_t  *row  = exchange(root, "sha256-plus-exporter");
    struct gp_sasl x;
    serve_first(&x, row);
    x.bindings[GP_BIND_TLS_EXPORTER].data[31] ^= 1;
    CHECK(gp_sasl_line(&x, talk_field(row, "client_final_b64")) == GP_SASL_FAILED && x.why == GP_SASL_BAD_BINDING);
    json_decref(root);
}

TEST(the_hosts_keys_must_be_of_this_mechanism)
{
    json_t        *root = talk_vectors("scram");
    const json_t  *row  = exchange(root, "rfc7677-3");
    struct gp_sasl x;
    open_for(&x, row, "server_nonce");
    CHECK(gp_sasl_start(&x, talk_field(row, "mechanism"), talk_field(row, "client_first_b64")) == GP_SASL_ASK);
    x.scram  = keys_of(exchange(root, "rfc5802-5"));
    x.answer = GP_OK;
    CHECK(gp_sasl_resume(&x) == GP_SASL_FAILED && x.why == GP_SASL_UNAVAILABLE);
    json_decref(root);
}

/* ---- client ------------------------------------------------------------------------------------------- */
static void client_first(struct gp_sasl *x, const json_t *row)
{
    open_for(x, row, "client_nonce");
    if (gp_starts(talk_field(row, "gs2_header"), "y")) gp_sasl_bind(x, GP_BIND_TLS_EXPORTER, GP_LIT("any"));
    x->authzid = talk_field(row, "authzid");
    CHECK(gp_sasl_client_start(x, talk_field(row, "mechanism"), talk_field(row, "username"),
                               talk_secret(talk_field(row, "password"))) == GP_SASL_CHALLENGE);
    CHECK_SAME(x->out, talk_field(row, "client_first_b64"));
}

TEST(a_client_says_the_vectors)
{
    json_t        *root = talk_vectors("scram"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(exchanges(root), i, row)
    {
        client_first(&x, row);
        CHECK(gp_sasl_client_line(&x, talk_field(row, "server_first_b64")) == GP_SASL_CHALLENGE);
        CHECK_SAME(x.out, talk_field(row, "client_final_b64"));
        CHECK(!gp_sasl_client_believes(&x)); /* a 235 now would be that of a server without the keys */
        CHECK(gp_sasl_client_line(&x, talk_field(row, "server_final_b64")) == GP_SASL_DONE);
        CHECK_IS(x.out, "");
        CHECK(gp_sasl_client_believes(&x));
    }
    json_decref(root);
}

TEST(a_client_refuses_spoilt_server_messages)
{
    static const char *const firsts[] = {
        "",
        "e=other-error",
        "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "r=ROprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=!!,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4095",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=5000001",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=-1",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=",
        "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096,m=x",
        "r=rOprNGfwEbeRWgbNEkqO\t,s=W22Z,i=4096",
    };
    static const char *const finals[] = { "",
                                          "e=invalid-proof",
                                          "v=",
                                          "v=!!",
                                          "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
                                          "v=6rriTRBi23U=",
                                          "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,m=x" };
    json_t                  *root     = talk_vectors("scram");
    const json_t            *row      = exchange(root, "rfc7677-3");
    struct gp_sasl           x;
    for (size_t i = 0; i < GP_COUNT(firsts); i++) {
        client_first(&x, row);
        if (i == 0) CHECK(gp_sasl_client_line(&x, GP_LIT("")) == GP_SASL_CHALLENGE); /* "" once: say it again */
        CHECK(gp_sasl_client_line(&x, TALK_LINE(gp_from(firsts[i]))) == GP_SASL_FAILED);
    }
    for (size_t i = 0; i < GP_COUNT(finals); i++) {
        client_first(&x, row);
        CHECK(gp_sasl_client_line(&x, talk_field(row, "server_first_b64")) == GP_SASL_CHALLENGE);
        CHECK(gp_sasl_client_line(&x, TALK_LINE(gp_from(finals[i]))) == GP_SASL_FAILED);
        CHECK(!gp_sasl_client_believes(&x));
    }
    json_decref(root);
}

/* ---- keys --------------------------------------------------------------------------------------------- */
TEST(keys_are_those_of_the_vectors)
{
    json_t *root = talk_vectors("scram"), *row;
    size_t  i;
    json_array_foreach(exchanges(root), i, row)
    {
        char                 room[GP_DIGEST_MOST], text_room[512], password_room[GP_SASL_SECRET_MOST];
        struct gp_scram_keys keys = keys_of(row), again;
        struct gp_text       text = GP_TEXT(text_room);
        size_t               size = gp_hash_size(keys.hash);
        CHECK_SAME(((gp_str) { (char *)keys.stored_key, size }), talk_octets(row, "stored_key_hex", room, sizeof room));
        CHECK_SAME(((gp_str) { (char *)keys.server_key, size }), talk_octets(row, "server_key_hex", room, sizeof room));
        gp_scram_keys_put(&text, &keys);
        CHECK(!text.cut && gp_scram_keys_read(gp_said(&text), &again));
        CHECK(memcmp(&keys, &again, sizeof keys) == 0);
        struct gp_text prepared = GP_TEXT(password_room);
        CHECK(gp_saslprep(talk_field(row, "password"), false, &prepared));
        CHECK(gp_scram_keys_match(&again, talk_secret(gp_said(&prepared))));
        CHECK(!gp_scram_keys_match(&again, talk_secret(GP_LIT("pencil "))));
    }
    json_decref(root);
}

TEST(key_texts_are_read_strictly)
{
    static const char *const bad[] = {
        "",
        "SCRAM-SHA-1",
        "SCRAM-SHA-1$",
        "SCRAM-MD5$4096:c2FsdA==$x:y",
        "SCRAM-SHA-1$0:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-1$99999999999:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-1$4096:$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-256$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE= ",
        "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=:x",
    };
    struct gp_scram_keys keys;
    for (size_t i = 0; i < GP_COUNT(bad); i++) CHECK(!gp_scram_keys_read(gp_from(bad[i]), &keys));
    CHECK(gp_scram_keys_read(
        GP_LIT("SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE="), &keys));
    CHECK(keys.hash == GP_SHA1 && keys.iterations == 4096 && keys.salt_len == 12);
    CHECK(!gp_scram_keys_make(GP_MD5, talk_secret(GP_LIT("x")), GP_LIT("salt"), 1, &keys));
    CHECK(!gp_scram_keys_make(GP_SHA256, talk_secret(GP_LIT("")), GP_LIT("salt"), 1, &keys));
    CHECK(!gp_scram_keys_make(GP_SHA256, talk_secret(GP_LIT("x")), GP_LIT("salt"), 0, &keys));
}

PROPERTY(scram_keys_read_is_the_inverse_of_put, bytes)
{
    struct gp_scram_keys keys, again;
    char                 room[512];
    struct gp_text       text = GP_TEXT(room);
    if (!gp_scram_keys_read(bytes, &keys)) return;
    gp_scram_keys_put(&text, &keys);
    CHECK(gp_scram_keys_read(gp_said(&text), &again));
    CHECK(memcmp(&keys, &again, sizeof keys) == 0);
}
