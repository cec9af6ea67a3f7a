/* TLSA records: what each of the vectors makes of a handshake; and octets that are none. */
#include "tls/pair_kit.h"

#include "check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_ROOM = 4096, CHAIN_ROOM = 8192 };

static json_t *vectors(void)
{
    size_t  len;
    char   *text = kit_file("tests/vectors/dane_tlsa.json", &len);
    json_t *all  = json_loadb(text, len, 0, NULL);
    free(text);
    CHECK(all);
    return all;
}

static gp_str text_of(const json_t *object, const char *key)
{
    return gp_from(json_string_value(json_object_get(object, key)));
}

static gp_str record_of(const json_t *record, char room[static RECORD_ROOM])
{
    static const char *const fields[] = { "usage", "selector", "matching" };
    size_t                   len      = 0;
    for (size_t i = 0; i < GP_COUNT(fields); i++)
        room[i] = (char)json_integer_value(json_object_get(record, fields[i]));
    CHECK(gp_read_hex(text_of(record, "data_hex"), room + GP_COUNT(fields), RECORD_ROOM - GP_COUNT(fields), &len));
    return (gp_str) { room, GP_COUNT(fields) + len };
}

/* ---- the vectors ------------------------------------------------------------------------------------------------------------ */
static void put_chain(const json_t *chain, gp_str which, struct gp_text *pem)
{
    const char *leaf = gp_is(which, "expired") ? "leaf_expired_pem"
                       : gp_is(which, "wrong") ? "leaf_wrong_name_pem"
                                               : "leaf_good_pem";
    gp_put(pem, text_of(chain, leaf));
    if (!gp_is(which, "good-without-ca")) gp_put(pem, text_of(chain, "ca_pem"));
}

static void check_case(const json_t *chain, const json_t *one, struct identity *server)
{
    const json_t          *names    = json_object_get(one, "reference_names"), *record;
    gp_str                 expected = text_of(one, "expect");
    struct gp_tls_context *client   = client_of(identity_ec());
    struct gp_text         pem      = GP_TEXT(server->pem);
    const struct identity *who      = server;
    struct gp_tls_record   fitting;
    struct pair            p      = { 0 };
    size_t                 usable = 0, i;
    char                   room[RECORD_ROOM];
    put_chain(chain, text_of(one, "server_chain"), &pem);
    server->pem_len               = pem.len;
    struct gp_tls_context *serves = server_of(&who, 1);
    pair_open(&p, serves, client, json_string_value(json_array_get(names, 0)), &who, 1);
    CHECK(gp_tls_expect_dane(p.client, json_string_value(json_array_get(names, 0))));
    for (size_t n = 1; n < json_array_size(names); n++)
        CHECK(gp_tls_expect_name(p.client, json_string_value(json_array_get(names, n))));
    json_array_foreach(json_object_get(one, "records"), i, record) usable +=
        gp_tls_expect_record(p.client, record_of(record, room));
    pair_run(&p);
    bool fits = gp_tls_fitting_record(p.client, &fitting);
    CHECK(pair_shaken(&p) == fits); /* and none is shaken for another reason: nobody's authority signed these */
    CHECK((usable == 0) == gp_starts(expected, "TLS required"));
    if (!gp_is(expected, "implementation-dependent")) CHECK(fits == gp_is(expected, "authenticated"));
    if (usable > 0 && !fits) CHECK(gp_tls_doubt(p.client) != GP_TLS_NO_DOUBT);
    pair_close(&p);
    gp_tls_context_close(serves);
    gp_tls_context_close(client);
}

TEST(each_of_the_vectors_ends_as_it_says)
{
    static struct identity server;
    json_t                *all = vectors(), *chain = json_object_get(all, "chain"), *one;
    size_t                 i;
    server.key = gp_key_read(text_of(chain, "leaf_key_pem"));
    CHECK(server.key);
    json_array_foreach(json_object_get(all, "cases"), i, one) check_case(chain, one, &server);
    CHECK(i == 25);
    gp_key_close(server.key);
    json_decref(all);
}

TEST(records_of_the_rfc_can_be_used)
{
    json_t                *all = vectors(), *record;
    size_t                 i;
    char                   room[RECORD_ROOM];
    struct gp_tls_context *x = client_of(identity_ec());
    struct gp_tls         *t = gp_tls_connect(x, GP_LIT("mx.example.net"));
    CHECK(gp_tls_expect_dane(t, "mx.example.net"));
    json_array_foreach(json_object_get(json_object_get(all, "rfc6698_appendix_c"), "records"), i, record)
    {
        gp_str octets = record_of(record, room);
        CHECK(!gp_tls_expect_record(t, octets)); /* usage 0 is not for mail */
        room[0] = 3;
        CHECK(gp_tls_expect_record(t, octets));
        octets.len--;
        CHECK(!gp_tls_expect_record(t, octets));
    }
    CHECK(i == 6);
    gp_tls_close(t);
    gp_tls_context_close(x);
    json_decref(all);
}

/* ---- only looking ----------------------------------------------------------------------------------------------------------- */
TEST(who_only_looks_goes_on_and_knows)
{
    static const struct {
        const char       *name;
        bool              trusted;
        enum gp_tls_doubt doubt;
    } rows[] = {
        {"mail.example.org",   true,  GP_TLS_NO_DOUBT  },
        { "other.example.org", true,  GP_TLS_OTHER_NAME},
        { "mail.example.org",  false, GP_TLS_UNTRUSTED },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct pair            p      = { 0 };
        const struct identity *who    = identity_ec();
        struct gp_tls_context *client = client_of(rows[i].trusted ? who : identity_rsa()), *server = server_of(&who, 1);
        pair_open(&p, server, client, rows[i].name, &who, 1);
        gp_tls_only_look(p.client);
        pair_run(&p);
        CHECK(pair_shaken(&p) && gp_tls_doubt(p.client) == rows[i].doubt);
        CHECK((rows[i].doubt == GP_TLS_NO_DOUBT) == gp_is(gp_from(gp_tls_doubt_text(p.client)), "ok"));
        pair_close(&p);
        gp_tls_context_close(client);
        gp_tls_context_close(server);
    }
}

/* ---- what a stranger's zone may hold ------------------------------------------------------------------------------------------- */
PROPERTY(tlsa_record_is_used_or_not, bytes)
{
    static struct gp_tls_context *x;
    if (!x) x = client_of(NULL);
    struct gp_tls *t = gp_tls_connect(x, GP_LIT("mx.example.net"));
    CHECK(t && gp_tls_expect_dane(t, "mx.example.net"));
    bool usable = gp_tls_expect_record(t, bytes);
    CHECK(!usable || (bytes.len > 3 && (bytes.ptr[0] == 2 || bytes.ptr[0] == 3)));
    gp_tls_close(t);
}
