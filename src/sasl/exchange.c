/* The frame of an exchange: base64, order of calls, questions and verdicts, wiping. The mechanism does the rest.
 *   FRESH       init'ed: start or client_start may come
 *   CHALLENGED  a line of the peer is awaited
 *   ASKED       the host's answer is awaited: resume may come
 *   ENDED       DONE or FAILED: nothing may come but end and init */
#include "sasl/mechanism.h"

#include <string.h>

enum { FRESH, CHALLENGED, ASKED, ENDED };
enum { DECODED_MOST = GP_SASL_LINE_MOST / 4 * 3, RANDOM_NONCE = 18 };

void gp_sasl_init(struct gp_sasl *x, enum gp_sasl_binding binding, gp_str binding_data, bool also_plus)
{
    gp_wipe(x, sizeof *x);
    x->also_plus = also_plus;
    x->authzid   = GP_LIT("");
    gp_sasl_bind(x, binding, binding_data);
}

void gp_sasl_bind(struct gp_sasl *x, enum gp_sasl_binding binding, gp_str data)
{
    if (binding <= GP_BIND_NONE || binding > GP_BIND_TLS_SERVER_END_POINT) return;
    if (data.len == 0 || data.len > GP_SASL_BIND_MOST) return;
    memcpy(x->bindings[binding].data, data.ptr, data.len);
    x->bindings[binding].len = data.len;
}

void gp_sasl_lend(struct gp_sasl *x, char *room, size_t size)
{
    x->lent      = room;
    x->lent_size = room ? size : 0;
}

void gp_sasl_seed(struct gp_sasl *x, gp_str nonce)
{
    char           room[GP_SASL_SEED_MOST];
    struct gp_text text = GP_TEXT(room);
    if (gp_scram_is_nonce(nonce))
        gp_put(&text, nonce);
    else
        gp_put_base64(&text, gp_head(nonce, (size_t)GP_SASL_SEED_MOST / 4 * 3));
    memcpy(x->seed, room, text.len);
    x->seed_len = text.len;
}

static void seed_by_chance(struct gp_sasl *x)
{
    char octets[RANDOM_NONCE];
    gp_random(octets, sizeof octets);
    char           room[GP_BASE64_ROOM(RANDOM_NONCE)];
    struct gp_text text = GP_TEXT(room);
    gp_put_base64(&text, (gp_str) { octets, sizeof octets });
    gp_sasl_seed(x, gp_said(&text));
}

static bool has_binding(const struct gp_sasl *x)
{
    for (size_t i = 0; i < GP_COUNT(x->bindings); i++)
        if (x->bindings[i].len > 0) return true;
    return false;
}

static enum gp_sasl_step settle(struct gp_sasl *x, enum gp_sasl_step step)
{
    static const unsigned phases[] = {
        [GP_SASL_CHALLENGE] = CHALLENGED, [GP_SASL_ASK] = ASKED, [GP_SASL_DONE] = ENDED, [GP_SASL_FAILED] = ENDED
    };
    x->phase = phases[step];
    if (x->phase == ENDED) gp_sasl_forget_secret(x);
    return step;
}

/* The server's or the client's half of a mechanism gets the peer's octets; absent ones stay absent. */
static enum gp_sasl_step decode(struct gp_sasl *x, gp_str base64, enum gp_sasl_step (*half)(struct gp_sasl *, gp_str))
{
    if (!base64.ptr) return settle(x, half(x, GP_NONE));
    char   octets[DECODED_MOST];
    size_t len;
    if (base64.len > GP_SASL_LINE_MOST || !gp_read_base64(base64, octets, sizeof octets, &len))
        return settle(x, gp_sasl_fail(x, GP_SASL_NOT_BASE64));
    enum gp_sasl_step step = half(x, (gp_str) { octets, len });
    gp_wipe(octets, len);
    return settle(x, step);
}

/* False: the exchange has failed already, and why is set. */
static bool choose(struct gp_sasl *x, gp_str mechanism)
{
    bool fresh = x->phase == FRESH;
    x->mech    = fresh ? gp_sasl_find(mechanism) : NULL;
    bool known = x->mech && (has_binding(x) || !(x->mech->traits & GP_SASL_BINDS_CHANNEL));
    if (!known)
        settle(x, gp_sasl_fail(x, fresh ? GP_SASL_UNKNOWN : GP_SASL_MALFORMED));
    else if (x->seed_len == 0)
        seed_by_chance(x);
    return known;
}

enum gp_sasl_step gp_sasl_start(struct gp_sasl *x, gp_str mechanism, gp_str initial)
{
    if (!choose(x, mechanism)) return GP_SASL_FAILED;
    if (initial.ptr && (x->mech->traits & GP_SASL_SERVER_FIRST)) return settle(x, gp_sasl_fail(x, GP_SASL_TOO_EARLY));
    return decode(x, initial, x->mech->step);
}

enum gp_sasl_step gp_sasl_line(struct gp_sasl *x, gp_str line)
{
    if (x->phase != CHALLENGED) return settle(x, gp_sasl_fail(x, GP_SASL_MALFORMED));
    /* RFC 7628 3.2.3: ^A is due, or "*"; XOAUTH2 has clients that send an empty line. The verdict is reached all the same. */
    if (x->told) return settle(x, gp_sasl_fail(x, GP_SASL_REFUSED));
    if (gp_same(line, GP_LIT("*"))) return settle(x, gp_sasl_fail(x, GP_SASL_CANCELLED));
    return decode(x, line.ptr ? line : GP_LIT(""), x->mech->step);
}

enum gp_sasl_step gp_sasl_resume(struct gp_sasl *x)
{
    if (x->phase != ASKED) return settle(x, gp_sasl_fail(x, GP_SASL_MALFORMED));
    gp_sasl_forget_secret(x);
    if (x->answer == GP_OK) return settle(x, x->mech->step(x, GP_LIT("")));
    bool tells = x->answer == GP_PERMFAIL && (x->mech->traits & GP_SASL_NEEDS_TOKEN);
    return settle(x, tells ? gp_bearer_refuse(x) : gp_sasl_refused(x));
}

/* What a client signs in with. A token is said at once, so it is borrowed; a certificate stands in the place of a password. */
static bool take_login(struct gp_sasl *x, gp_str user, gp_secret secret)
{
    unsigned traits = x->mech->traits;
    if (!gp_sasl_set_authzid(x, x->authzid)) return false;
    if (user.len == 0 && (traits & GP_SASL_NEEDS_PEER)) return true;
    if (!gp_sasl_set_user(x, user)) return false;
    if (traits & GP_SASL_NEEDS_TOKEN) x->secret = secret;
    if (traits & (GP_SASL_NEEDS_TOKEN | GP_SASL_NEEDS_PEER)) return true;
    return gp_sasl_set_secret(x, (gp_str) { secret.ptr, secret.len });
}

enum gp_sasl_step gp_sasl_client_start(struct gp_sasl *x, gp_str mechanism, gp_str user, gp_secret password)
{
    if (!choose(x, mechanism)) return GP_SASL_FAILED;
    if (!take_login(x, user, password)) return settle(x, gp_sasl_fail(x, GP_SASL_MALFORMED));
    return decode(x, GP_NONE, x->mech->client_step);
}

enum gp_sasl_step gp_sasl_client_line(struct gp_sasl *x, gp_str line)
{
    if (x->phase != CHALLENGED) return settle(x, gp_sasl_fail(x, GP_SASL_MALFORMED));
    /* RFC 4954 4: an initial response too long for the AUTH line waits for an empty challenge. */
    bool again = line.len == 0 && x->turn == 1 && x->out.ptr && !x->repeated;
    if (again) {
        x->repeated = true;
        return GP_SASL_CHALLENGE;
    }
    return decode(x, line.ptr ? line : GP_LIT(""), x->mech->client_step);
}

bool gp_sasl_client_believes(const struct gp_sasl *x)
{
    return x->proven && x->why == GP_SASL_NO_REASON;
}

void gp_sasl_end(struct gp_sasl *x)
{
    if (x->lent) gp_wipe(x->lent, x->lent_size);
    gp_wipe(x, sizeof *x);
    x->phase = ENDED;
}

/* ---- what mechanisms do ------------------------------------------------------------------------------- */
enum gp_sasl_step gp_sasl_say(struct gp_sasl *x, gp_str octets)
{
    struct gp_text out = GP_TEXT(x->out_room);
    if (GP_BASE64_ROOM(octets.len) > out.room && x->lent)
        out = (struct gp_text) { .ptr = x->lent, .room = x->lent_size };
    gp_put_base64(&out, octets);
    if (out.cut) return gp_sasl_fail(x, GP_SASL_MALFORMED);
    x->out = gp_said(&out);
    return GP_SASL_CHALLENGE;
}

enum gp_sasl_step gp_sasl_question(struct gp_sasl *x, enum gp_sasl_ask ask)
{
    x->ask    = ask;
    x->answer = GP_PERMFAIL; /* a host that forgets to answer has said no */
    return GP_SASL_ASK;
}

enum gp_sasl_why gp_sasl_because(struct gp_sasl *x, enum gp_sasl_why why, const char *detail)
{
    x->detail = detail;
    return why;
}

enum gp_sasl_step gp_sasl_fail(struct gp_sasl *x, enum gp_sasl_why why)
{
    x->why    = why;
    x->proven = false;
    x->out    = GP_NONE;
    return GP_SASL_FAILED;
}

enum gp_sasl_step gp_sasl_malformed(struct gp_sasl *x, const char *detail)
{
    return gp_sasl_fail(x, gp_sasl_because(x, GP_SASL_MALFORMED, detail));
}

enum gp_sasl_step gp_sasl_refused(struct gp_sasl *x)
{
    return gp_sasl_fail(x, x->answer == GP_PERMFAIL ? GP_SASL_REFUSED : GP_SASL_UNAVAILABLE);
}

enum gp_sasl_step gp_sasl_one_message(struct gp_sasl *x, gp_str in,
                                      enum gp_sasl_step (*read)(struct gp_sasl *, gp_str message))
{
    enum { MESSAGE, VERDICT };
    if (!in.ptr) return gp_sasl_say(x, GP_LIT("")); /* RFC 4954 4: an empty challenge asks for it */
    switch (x->turn++) {
    case MESSAGE: return read(x, in);
    case VERDICT: return GP_SASL_DONE;
    default: return gp_sasl_fail(x, GP_SASL_MALFORMED);
    }
}

static bool prepare(gp_str raw, char *room, size_t size, gp_str *out)
{
    struct gp_text text = { .ptr = room, .room = size };
    if (!gp_saslprep(raw, false, &text)) return false;
    *out = gp_said(&text);
    return out->len > 0;
}

bool gp_sasl_set_user(struct gp_sasl *x, gp_str raw)
{
    return prepare(raw, x->user_room, sizeof x->user_room, &x->user);
}

bool gp_sasl_set_authzid(struct gp_sasl *x, gp_str raw)
{
    if (raw.len > 0) return prepare(raw, x->authzid_room, sizeof x->authzid_room, &x->authzid);
    x->authzid = GP_LIT("");
    return true;
}

bool gp_sasl_set_secret(struct gp_sasl *x, gp_str raw)
{
    gp_str prepared = GP_NONE;
    bool   fit      = prepare(raw, x->secret_room, sizeof x->secret_room, &prepared);
    x->secret       = (gp_secret) { prepared.ptr, prepared.len };
    return fit;
}

bool gp_sasl_set_token(struct gp_sasl *x, gp_str raw)
{
    bool  fits = raw.len <= sizeof x->secret_room;
    char *room = fits ? x->secret_room : x->lent;
    if (raw.len == 0 || (!fits && raw.len > x->lent_size)) return false;
    memcpy(room, raw.ptr, raw.len);
    x->secret = (gp_secret) { room, raw.len };
    return true;
}

void gp_sasl_forget_secret(struct gp_sasl *x)
{
    bool lent = x->lent && x->secret.ptr == x->lent;
    if (lent) gp_wipe(x->lent, x->secret.len);
    gp_wipe(x->secret_room, sizeof x->secret_room);
    x->secret = (gp_secret) { NULL, 0 };
}

bool gp_sasl_acts_for_other(const struct gp_sasl *x)
{
    return x->authzid.len > 0 && !gp_same(x->authzid, x->user);
}
