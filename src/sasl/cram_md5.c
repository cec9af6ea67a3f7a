/* CRAM-MD5 (RFC 2195): the server sends a msg-id, the client its name and an HMAC-MD5 of it. Historic; for old devices. */
#include "sasl/mechanism.h"

#include <string.h>

enum { MD5_SIZE = 16, MD5_HEX = 2 * MD5_SIZE, CHALLENGE_ROOM = GP_SASL_SEED_MOST + 16 };

/* The same text for the same seed: it is made again when the response is checked. */
static gp_str challenge(const struct gp_sasl *x, struct gp_text *room)
{
    gp_str seed = { x->seed, x->seed_len };
    if (gp_starts(seed, "<") && gp_ends(seed, ">")) return seed;
    gp_put_z(room, "<");
    gp_put(room, seed);
    gp_put_z(room, "@gatepost>");
    return gp_said(room);
}

/* Upper-case hex is refused: RFC 2195 2 wants lower case, and one spelling per digest is easier to reason about. */
static bool read_digest(gp_str hex, uint8_t *digest)
{
    size_t len;
    for (size_t i = 0; i < hex.len; i++)
        if (hex.ptr[i] >= 'A' && hex.ptr[i] <= 'F') return false;
    return hex.len == MD5_HEX && gp_read_hex(hex, digest, MD5_SIZE, &len) && len == MD5_SIZE;
}

static enum gp_sasl_step read_response(struct gp_sasl *x, gp_str in)
{
    /* The last space: a name may hold spaces itself, a digest can't. */
    if (in.len < MD5_HEX + 2 || in.ptr[in.len - MD5_HEX - 1] != ' ')
        return gp_sasl_malformed(x, "the client's message is not a name, a space and a digest of 32 digits");
    gp_str name = gp_head(in, in.len - MD5_HEX - 1);
    if (!read_digest(gp_tail(in, in.len - MD5_HEX), x->talk.cram_digest))
        return gp_sasl_malformed(x, "the digest is not written in lower-case hex");
    if (!gp_sasl_set_user(x, name)) return gp_sasl_malformed(x, GP_SASL_BAD_USER);
    return gp_sasl_question(x, GP_SASL_IS_PROOF);
}

bool gp_sasl_fits_secret(struct gp_sasl *x, gp_secret secret)
{
    char           room[CHALLENGE_ROOM];
    struct gp_text text = GP_TEXT(room);
    uint8_t        want[GP_DIGEST_MOST];
    if (x->ask != GP_SASL_IS_PROOF || !(x->mech->traits & GP_SASL_NEEDS_SECRET)) return false;
    bool fits = gp_hmac(GP_MD5, (gp_str) { secret.ptr, secret.len }, challenge(x, &text), want) &&
                gp_matches(want, x->talk.cram_digest, MD5_SIZE);
    gp_wipe(want, sizeof want);
    x->fitted |= fits;
    return fits;
}

enum gp_sasl_step gp_sasl_cram_md5_step(struct gp_sasl *x, gp_str in)
{
    enum { START, RESPONSE, VERDICT };
    char           room[CHALLENGE_ROOM];
    struct gp_text text = GP_TEXT(room);
    switch (x->turn++) {
    case START: return gp_sasl_say(x, challenge(x, &text));
    case RESPONSE: return read_response(x, in);
    case VERDICT: return x->fitted ? GP_SASL_DONE : gp_sasl_fail(x, GP_SASL_REFUSED);
    default: return gp_sasl_fail(x, GP_SASL_MALFORMED);
    }
}

static enum gp_sasl_step respond(struct gp_sasl *x, gp_str in)
{
    char           room[GP_SASL_NAME_MOST + 1 + MD5_HEX];
    struct gp_text text = GP_TEXT(room);
    uint8_t        digest[GP_DIGEST_MOST];
    bool           made = gp_hmac(GP_MD5, (gp_str) { x->secret.ptr, x->secret.len }, in, digest);
    gp_sasl_forget_secret(x);
    if (!made) return gp_sasl_fail(x, GP_SASL_UNAVAILABLE);
    gp_put(&text, x->user);
    gp_put_char(&text, ' ');
    gp_put_hex(&text, (gp_str) { (const char *)digest, MD5_SIZE });
    x->proven = true;
    return gp_sasl_say(x, gp_said(&text));
}

enum gp_sasl_step gp_sasl_cram_md5_client(struct gp_sasl *x, gp_str in)
{
    enum { START, RESPOND };
    switch (x->turn++) {
    case START: return GP_SASL_CHALLENGE;
    case RESPOND: return respond(x, in);
    default: return gp_sasl_fail(x, GP_SASL_MALFORMED);
    }
}
