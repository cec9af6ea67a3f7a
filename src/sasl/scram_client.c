/* SCRAM (RFC 5802) as a client. The server proves itself too: believed only once v= has been checked. */
#include "sasl/mechanism.h"

/* The one to use of what the connection can give: the exporter is the one made for TLS 1.3 (RFC 9266 2). */
static enum gp_sasl_binding best_binding(const struct gp_sasl *x)
{
    static const enum gp_sasl_binding order[] = { GP_BIND_TLS_EXPORTER, GP_BIND_TLS_UNIQUE,
                                                  GP_BIND_TLS_SERVER_END_POINT };
    for (size_t i = 0; i < GP_COUNT(order); i++)
        if (x->bindings[order[i]].len > 0) return order[i];
    return GP_BIND_NONE;
}

static void put_header(const struct gp_sasl *x, struct gp_scram_talk *t)
{
    enum gp_sasl_binding best = best_binding(x);
    t->bound                  = x->mech->plus ? best : GP_BIND_NONE;
    if (x->mech->plus) {
        gp_put_z(&t->header, "p=");
        gp_put_z(&t->header, gp_scram_bindings[best]);
    } else { /* y: "I could bind, but you do not offer it" (RFC 5802 6) */
        gp_put_z(&t->header, best != GP_BIND_NONE && !x->also_plus ? "y" : "n");
    }
    gp_put_z(&t->header, x->authzid.len > 0 ? ",a=" : ",");
    gp_gs2_put_name(&t->header, x->authzid);
    gp_put_char(&t->header, ',');
}

static enum gp_sasl_step say_first(struct gp_sasl *x, gp_str in)
{
    struct gp_scram_talk *t = &x->talk.scram;
    char                  room[GP_SCRAM_HEADER_ROOM + 3 * GP_SASL_NAME_MOST + GP_SASL_SEED_MOST];
    struct gp_text        text = GP_TEXT(room);
    (void)in;
    gp_scram_open(t);
    put_header(x, t);
    gp_put_z(&t->message, "n=");
    gp_gs2_put_name(&t->message, x->user);
    gp_put_z(&t->message, ",r=");
    gp_put(&t->message, (gp_str) { x->seed, x->seed_len });
    gp_put(&text, gp_said(&t->header));
    gp_put(&text, gp_said(&t->message));
    x->turn++;
    return text.cut || t->header.cut ? gp_sasl_fail(x, GP_SASL_MALFORMED) : gp_sasl_say(x, gp_said(&text));
}

/* r= must go on where ours ended and add something; s= and i= are bounded: a hostile server must not make us hash for ever,
 * nor hand out a hash that is cheap to guess at. */
static bool read_server_first(struct gp_sasl *x, gp_str in)
{
    struct gp_scram_talk *t     = &x->talk.scram;
    gp_str                whole = in, nonce = gp_scram_attribute(&in, 'r'), salt = gp_scram_attribute(&in, 's');
    gp_str                count = gp_scram_attribute(&in, 'i'), seed = { x->seed, x->seed_len };
    uint64_t              rounds;
    if (!gp_scram_is_nonce(nonce) || nonce.len <= seed.len || !gp_same(gp_head(nonce, seed.len), seed)) return false;
    if (!gp_read_base64(salt, x->scram.salt, sizeof x->scram.salt, &x->scram.salt_len) || x->scram.salt_len == 0)
        return false;
    if (!gp_read_number(count, GP_SCRAM_ROUNDS_MOST, &rounds) || rounds < GP_SCRAM_ROUNDS_LEAST) return false;
    x->scram.iterations = (uint32_t)rounds;
    x->scram.hash       = x->mech->hash;

    gp_put_char(&t->message, ',');
    t->nonce = (gp_str) { t->message.ptr + t->message.len + (nonce.ptr - whole.ptr), nonce.len };
    gp_put(&t->message, whole);
    return gp_scram_extensions(in) && !t->message.cut;
}

/* ClientProof into `key`, and what the server must answer into t->signature. */
static bool prove(struct gp_sasl *x, uint8_t *key)
{
    uint8_t signature[GP_DIGEST_MOST];
    bool    made = gp_scram_derive(x->secret, &x->scram, key) && gp_scram_sign(x, x->scram.stored_key, signature) &&
                gp_scram_sign(x, x->scram.server_key, x->talk.scram.signature);
    for (size_t i = 0; made && i < gp_hash_size(x->mech->hash); i++) key[i] ^= signature[i];
    gp_sasl_forget_secret(x);
    gp_wipe(&x->scram, sizeof x->scram);
    return made;
}

static enum gp_sasl_step say_final(struct gp_sasl *x, gp_str in)
{
    struct gp_scram_talk *t = &x->talk.scram;
    char                  room[GP_SCRAM_MESSAGE_ROOM];
    struct gp_text        text = GP_TEXT(room);
    uint8_t               proof[GP_DIGEST_MOST];
    if (!read_server_first(x, in)) return gp_sasl_fail(x, GP_SASL_MALFORMED);

    gp_put_z(&text, "c=");
    gp_scram_put_channel(x, &text);
    gp_put_z(&text, ",r=");
    gp_put(&text, t->nonce);
    gp_put_char(&t->message, ',');
    gp_put(&t->message, gp_said(&text));
    if (t->message.cut || !prove(x, proof)) return gp_sasl_fail(x, GP_SASL_UNAVAILABLE);
    gp_put_z(&text, ",p=");
    gp_put_base64(&text, (gp_str) { (const char *)proof, gp_hash_size(x->mech->hash) });
    gp_wipe(proof, sizeof proof);
    x->turn++;
    return text.cut ? gp_sasl_fail(x, GP_SASL_MALFORMED) : gp_sasl_say(x, gp_said(&text));
}

static enum gp_sasl_step check_server(struct gp_sasl *x, gp_str in)
{
    uint8_t signature[GP_DIGEST_MOST];
    size_t  len, size = gp_hash_size(x->mech->hash);
    gp_str  base64 = gp_scram_attribute(&in, 'v');
    if (!base64.ptr || !gp_read_base64(base64, signature, sizeof signature, &len) || len != size ||
        !gp_scram_extensions(in) || !gp_matches(signature, x->talk.scram.signature, size))
        return gp_sasl_fail(x, GP_SASL_REFUSED);
    x->turn++;
    x->proven = true;
    x->out    = GP_LIT("");
    return GP_SASL_DONE;
}

enum gp_sasl_step gp_sasl_scram_client(struct gp_sasl *x, gp_str in)
{
    static enum gp_sasl_step (*const turns[])(struct gp_sasl *, gp_str) = { say_first, say_final, check_server };
    return x->turn < GP_COUNT(turns) ? turns[x->turn](x, in) : gp_sasl_fail(x, GP_SASL_MALFORMED);
}
