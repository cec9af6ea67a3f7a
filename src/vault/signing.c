/* Signatures for TLS handshakes and DKIM. With an EC or Ed25519 key one takes some 20 µs and is made on the loop; with RSA it takes
 * a millisecond, in which the loop could step a hundred sign-ins, so a thread makes it. The pool has one thread more than passwords
 * (check.c) and sign-ins upstream (upstream.c) may take: a signature never waits for an Argon2id to end. */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"

struct signing { /* lent to the thread while it runs */
    struct peer   *peer;
    uint64_t       life; /* the peer's: an answer must not reach the process that took its place */
    uint32_t       question;
    enum msg_type  answer;
    struct gp_key *key; /* an owner of it: the keys may be read anew meanwhile */
    enum gp_sign   how;
    size_t         data_len, signature_len; /* signature_len 0: could not be made */
    char           data[GP_SIGNATURE_MOST], signature[GP_SIGNATURE_MOST];
};

static void sign(struct signing *s)
{
    struct gp_text signature = GP_TEXT(s->signature);
    bool           made      = gp_key_sign(s->key, s->how, (gp_str) { s->data, s->data_len }, &signature);
    s->signature_len         = made ? gp_said(&signature).len : 0;
}

static void tell(struct peer *peer, uint32_t question, enum msg_type type, gp_status status, gp_str signature)
{
    struct msg tls = MSG(TLS_SIGNED), dkim = MSG(DKIM_SIGNED);
    tls.tls_signed   = (struct msg_tls_signed) { status, signature };
    dkim.dkim_signed = (struct msg_dkim_signed) { status, signature };
    ipc_answer(peer->channel, question, type == MSG_TLS_SIGNED ? &tls : &dkim);
}

static void finish(struct signing *s)
{
    gp_status status = s->signature_len ? GP_OK : GP_PERMFAIL;
    if (s->peer->channel && s->peer->life == s->life)
        tell(s->peer, s->question, s->answer, status, (gp_str) { s->signature, s->signature_len });
    gp_key_close(s->key);
    free(s);
}

static void on_thread(void *job)
{
    sign(job);
}

static void on_loop(void *job)
{
    struct signing *s = job;
    s->peer->vault->signings--;
    finish(s);
}

static struct signing *signing_new(struct peer *peer, const struct signing_wish *w)
{
    struct signing *s = calloc(1, sizeof(*s));
    if (!s) return NULL;
    *s = (struct signing) { peer,   peer->life,  w->question, w->answer, gp_key_share(w->key),
                            w->how, w->data.len, 0,           { 0 },     { 0 } };
    if (w->data.len) memcpy(s->data, w->data.ptr, w->data.len);
    if (s->key) return s;
    free(s);
    return NULL;
}

void signing_start(struct peer *peer, const struct signing_wish *wish)
{
    struct vault   *v   = peer->vault;
    bool            can = wish->key && wish->data.len <= GP_SIGNATURE_MOST;
    struct signing *s   = can && v->signings < SIGNINGS_MOST ? signing_new(peer, wish) : NULL;
    if (!s) { /* too many at once: mail waits, rather than go out unsigned */
        tell(peer, wish->question, wish->answer, can ? GP_TEMPFAIL : GP_PERMFAIL, GP_LIT(""));
        return;
    }
    if (gp_key_kind(s->key) == GP_KEY_RSA && loop_work(v->loop, on_thread, on_loop, s)) {
        v->signings++;
        return;
    }
    sign(s);
    finish(s);
}
