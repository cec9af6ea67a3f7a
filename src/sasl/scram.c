/* SCRAM (RFC 5802, RFC 7677) as a server, and what its two sides share. The text of the three messages is kept as it was
 * received: the proof is over those octets. */
#include "sasl/mechanism.h"

#include <string.h>

const char *const gp_scram_bindings[] = {
    [GP_BIND_TLS_UNIQUE]           = "tls-unique",
    [GP_BIND_TLS_EXPORTER]         = "tls-exporter",
    [GP_BIND_TLS_SERVER_END_POINT] = "tls-server-end-point",
};

/* ---- shared by both sides ----------------------------------------------------------------------------- */
void gp_scram_open(struct gp_scram_talk *t)
{
    t->header  = GP_TEXT(t->header_room);
    t->message = GP_TEXT(t->message_room);
}

bool gp_scram_is_nonce(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '!' || text.ptr[i] > '~' || text.ptr[i] == ',') return false;
    return text.len > 0 && text.len <= GP_SCRAM_NONCE_MOST;
}

gp_str gp_scram_attribute(gp_str *rest, char name)
{
    if (rest->len < 2 || rest->ptr[0] != name || rest->ptr[1] != '=') return GP_NONE;
    return gp_tail(gp_cut(rest, ','), 2);
}

/* RFC 5802 5.1: unknown attributes are ignored, but m= says that what follows must be understood. One that has a place of its own
 * is no extension: of two, one reader would take the first and another the last. */
bool gp_scram_extensions(gp_str rest)
{
    static const char placed[] = "acimnprsv";
    while (rest.len > 0) {
        gp_str one    = gp_cut(&rest, ',');
        bool   letter = one.len > 2 && ((one.ptr[0] | ' ') >= 'a') && ((one.ptr[0] | ' ') <= 'z');
        if (!letter || one.ptr[1] != '=' || memchr(placed, one.ptr[0], sizeof placed - 1)) return false;
    }
    return true;
}

void gp_scram_put_channel(const struct gp_sasl *x, struct gp_text *out)
{
    const struct gp_scram_talk *t = &x->talk.scram;
    char                        room[GP_SCRAM_HEADER_ROOM + GP_SASL_BIND_MOST];
    struct gp_text              text = GP_TEXT(room);
    gp_put(&text, gp_said(&t->header));
    gp_put(&text, (gp_str) { (const char *)x->bindings[t->bound].data, x->bindings[t->bound].len });
    gp_put_base64(out, gp_said(&text));
}

bool gp_scram_sign(const struct gp_sasl *x, const uint8_t *key, uint8_t *signature)
{
    gp_str by = { (const char *)key, gp_hash_size(x->mech->hash) };
    return gp_hmac(x->mech->hash, by, gp_said(&x->talk.scram.message), signature);
}

/* ---- the server --------------------------------------------------------------------------------------- */
static bool read_name(struct gp_sasl *x, gp_str escaped, bool (*set)(struct gp_sasl *, gp_str))
{
    char           room[3 * GP_SASL_NAME_MOST];
    struct gp_text text = GP_TEXT(room);
    return escaped.len > 0 && gp_gs2_read_name(escaped, &text) && set(x, gp_said(&text));
}

static enum gp_sasl_why malformed(struct gp_sasl *x, const char *detail)
{
    return gp_sasl_because(x, GP_SASL_MALFORMED, detail);
}

static enum gp_sasl_why unbound(struct gp_sasl *x, const char *detail)
{
    return gp_sasl_because(x, GP_SASL_BAD_BINDING, detail);
}

static enum gp_sasl_why read_binding(struct gp_sasl *x, gp_str name)
{
    for (unsigned i = GP_BIND_NONE + 1; i < GP_COUNT(gp_scram_bindings); i++) {
        if (!gp_same(name, gp_from(gp_scram_bindings[i])) || x->bindings[i].len == 0) continue;
        x->talk.scram.bound = (enum gp_sasl_binding)i;
        return GP_SASL_NO_REASON;
    }
    return unbound(x,
                   "the client binds to the channel in a way that cannot be had on this connection"); /* RFC 5802 6 */
}

/* gs2-cbind-flag */
static enum gp_sasl_why read_flag(struct gp_sasl *x, gp_str flag)
{
    if (gp_head(flag, 2).len == 2 && gp_same(gp_head(flag, 2), GP_LIT("p=")))
        return x->mech->plus ? read_binding(x, gp_tail(flag, 2))
                             : unbound(x, "the client binds to the channel, with a mechanism that does not");
    bool able = gp_same(flag, GP_LIT("y"));
    if (!able && !gp_same(flag, GP_LIT("n")))
        return malformed(x, "the client's message does not begin with n, y or p=");
    if (x->mech->plus) return unbound(x, "the client does not bind to the channel, with a mechanism that does");
    /* RFC 5802 6: a client that could bind did not see our -PLUS offer: somebody took it out. */
    return able && x->also_plus ? unbound(x, "the client could bind to the channel and saw no -PLUS mechanism, though"
                                             " there are some: somebody may sit in between")
                                : GP_SASL_NO_REASON;
}

/* Of a client that is refused before its name is due: for the log. */
static void peek_name(struct gp_sasl *x, gp_str bare)
{
    bool read = read_name(x, gp_scram_attribute(&bare, 'n'), gp_sasl_set_user);
    (void)read;
}

/* GS2 header: flag "," [a=authzid] ","; rest: client-first-bare. */
static enum gp_sasl_why read_header(struct gp_sasl *x, gp_str *rest)
{
    gp_str           all = *rest, flag = gp_cut(rest, ','), authzid = gp_cut(rest, ',');
    size_t           len  = flag.len + authzid.len + 2;
    enum gp_sasl_why why  = read_flag(x, flag);
    struct gp_text  *kept = &x->talk.scram.header;
    if (why != GP_SASL_NO_REASON) peek_name(x, *rest);
    if (why != GP_SASL_NO_REASON) return why;
    if (len > all.len) return malformed(x, "the client's message ends within its header");
    gp_put(kept, gp_head(all, len));
    if (authzid.len > 0 && !read_name(x, gp_scram_attribute(&authzid, 'a'), gp_sasl_set_authzid))
        return malformed(x, "the name to act as is not one that can be");
    return kept->cut ? malformed(x, "the header of the client's message is too long") : GP_SASL_NO_REASON;
}

/* client-first-bare: n= "," r= ["," extensions] */
static enum gp_sasl_why read_bare(struct gp_sasl *x, gp_str in)
{
    struct gp_scram_talk *t    = &x->talk.scram;
    gp_str                bare = in, name = gp_scram_attribute(&in, 'n'), nonce = gp_scram_attribute(&in, 'r');
    gp_put(&t->message, bare);
    if (t->message.cut) return malformed(x, "the client's message is too long");
    if (!read_name(x, name, gp_sasl_set_user)) return malformed(x, "the user name is missing, or not one that can be");
    if (!gp_scram_is_nonce(nonce)) return malformed(x, "the client's nonce is missing, or not one that can be");
    if (!gp_scram_extensions(in)) return malformed(x, "an extension is not known, or malformed");
    t->nonce = (gp_str) { t->message.ptr + (nonce.ptr - bare.ptr), nonce.len };
    return GP_SASL_NO_REASON;
}

static enum gp_sasl_step client_first(struct gp_sasl *x, gp_str in)
{
    if (!in.ptr) return gp_sasl_say(x, GP_LIT(""));
    gp_scram_open(&x->talk.scram);
    enum gp_sasl_why why = read_header(x, &in);
    if (why == GP_SASL_NO_REASON) why = read_bare(x, in);
    if (why != GP_SASL_NO_REASON) return gp_sasl_fail(x, why);
    x->turn++;
    return gp_sasl_question(x, GP_SASL_GET_SCRAM);
}

static enum gp_sasl_step server_first(struct gp_sasl *x, gp_str in)
{
    struct gp_scram_talk       *t    = &x->talk.scram;
    const struct gp_scram_keys *keys = &x->scram;
    (void)in;
    if (keys->hash != x->mech->hash || keys->salt_len == 0 || keys->salt_len > sizeof keys->salt)
        return gp_sasl_fail(x, GP_SASL_UNAVAILABLE);

    gp_put_char(&t->message, ',');
    size_t start = t->message.len, skip = strlen("r=");
    gp_put_z(&t->message, "r=");
    gp_put(&t->message, t->nonce);
    gp_put(&t->message, (gp_str) { x->seed, x->seed_len });
    t->nonce = gp_tail(gp_said(&t->message), start + skip);
    gp_put_z(&t->message, ",s=");
    gp_put_base64(&t->message, (gp_str) { (const char *)keys->salt, keys->salt_len });
    gp_put_z(&t->message, ",i=");
    gp_put_number(&t->message, keys->iterations);
    if (t->message.cut) return gp_sasl_fail(x, GP_SASL_MALFORMED);
    x->turn++;
    return gp_sasl_say(x, gp_tail(gp_said(&t->message), start));
}

/* c= is the GS2 header as it was sent, and the channel's data: whoever changed either in between is found out here. */
static bool channel_is_ours(const struct gp_sasl *x, gp_str base64)
{
    char           room[GP_BASE64_ROOM(GP_SCRAM_HEADER_ROOM + GP_SASL_BIND_MOST)];
    struct gp_text want = GP_TEXT(room);
    gp_scram_put_channel(x, &want);
    return gp_same(base64, gp_said(&want));
}

/* ClientProof XOR ClientSignature is ClientKey, whose hash is StoredKey (RFC 5802 3). */
bool gp_sasl_fits_keys(struct gp_sasl *x, const struct gp_scram_keys *keys)
{
    size_t  size = gp_hash_size(x->mech->hash);
    uint8_t key[GP_DIGEST_MOST], stored[GP_DIGEST_MOST];
    if (x->ask != GP_SASL_IS_PROOF || keys->hash != x->mech->hash || keys->hash != x->scram.hash) return false;
    if (!gp_scram_sign(x, keys->stored_key, key)) return false;
    for (size_t i = 0; i < size; i++) key[i] ^= x->talk.scram.proof[i];
    bool fits = gp_digest(x->mech->hash, (gp_str) { (const char *)key, size }, stored) &&
                gp_matches(stored, keys->stored_key, size);
    gp_wipe(key, sizeof key);
    x->fitted |= fits;
    if (fits) memcpy(x->scram.server_key, keys->server_key, size);
    return fits;
}

/* c= "," r= ["," extensions]; the proof has been taken off. */
static enum gp_sasl_why read_final(struct gp_sasl *x, gp_str in)
{
    struct gp_text *message = &x->talk.scram.message;
    gp_str          all = in, channel = gp_scram_attribute(&in, 'c'), nonce = gp_scram_attribute(&in, 'r');
    if (!channel.ptr || !nonce.ptr || !gp_scram_extensions(in))
        return malformed(x, "the client's last message is not c=, r= and p=");
    if (!channel_is_ours(x, channel))
        return unbound(
            x, "the client is bound to another channel, or its header was changed: somebody may sit in between");
    if (!gp_same(nonce, x->talk.scram.nonce))
        return malformed(x, "the client's last message is of another exchange: its nonce differs");
    gp_put_char(message, ',');
    gp_put(message, all);
    return message->cut ? GP_SASL_MALFORMED : GP_SASL_NO_REASON;
}

static enum gp_sasl_step say_server_final(struct gp_sasl *x)
{
    enum { FINAL_ROOM = 2 + GP_BASE64_ROOM(GP_DIGEST_MOST) };
    char           room[FINAL_ROOM];
    struct gp_text text = GP_TEXT(room);
    uint8_t        signature[GP_DIGEST_MOST];
    if (!gp_scram_sign(x, x->scram.server_key, signature)) return gp_sasl_fail(x, GP_SASL_UNAVAILABLE);
    gp_put_z(&text, "v=");
    gp_put_base64(&text, (gp_str) { (const char *)signature, gp_hash_size(x->mech->hash) });
    gp_wipe(&x->scram, sizeof x->scram);
    gp_wipe(x->talk.scram.proof, sizeof x->talk.scram.proof);
    return gp_sasl_say(x, gp_said(&text));
}

static enum gp_sasl_step client_final(struct gp_sasl *x, gp_str in)
{
    struct gp_scram_talk *t   = &x->talk.scram;
    size_t                len = 0, last = in.len;
    while (last > 0 && in.ptr[last - 1] != ',') last--; /* the proof is the last attribute, and base64 has no comma */
    gp_str tail = gp_tail(in, last), base64 = gp_scram_attribute(&tail, 'p');
    if (last == 0 || !base64.ptr || !gp_read_base64(base64, t->proof, sizeof t->proof, &len) ||
        len != gp_hash_size(x->mech->hash))
        return gp_sasl_fail(x, malformed(x, "the client's proof is missing, or not of the hash's length"));

    enum gp_sasl_why why = read_final(x, gp_head(in, last - 1));
    if (why != GP_SASL_NO_REASON) return gp_sasl_fail(x, why);
    x->turn++;
    return gp_sasl_question(x, GP_SASL_IS_PROOF);
}

static enum gp_sasl_step proof_judged(struct gp_sasl *x, gp_str in)
{
    (void)in;
    if (!x->fitted) return gp_sasl_fail(x, GP_SASL_REFUSED);
    x->turn++;
    if (gp_sasl_acts_for_other(x)) return gp_sasl_question(x, GP_SASL_MAY_ACT);
    x->turn++;
    return say_server_final(x);
}

static enum gp_sasl_step may_act(struct gp_sasl *x, gp_str in)
{
    (void)in;
    x->turn++;
    return say_server_final(x);
}

/* RFC 4954 4: SMTP can't carry data with a success, so the client answers server-final with an empty line. */
static enum gp_sasl_step empty_line(struct gp_sasl *x, gp_str in)
{
    return in.len == 0 ? GP_SASL_DONE : gp_sasl_fail(x, GP_SASL_MALFORMED);
}

enum gp_sasl_step gp_sasl_scram_step(struct gp_sasl *x, gp_str in)
{
    static enum gp_sasl_step (*const turns[])(struct gp_sasl *, gp_str) = { client_first, server_first, client_final,
                                                                            proof_judged, may_act,      empty_line };
    return x->turn < GP_COUNT(turns) ? turns[x->turn](x, in) : gp_sasl_fail(x, GP_SASL_MALFORMED);
}
