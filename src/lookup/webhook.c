/* The webhook: a notice is posted as a JSON object of strings, {"id", "host", "kind", "account", "time", "subject", "text"}. A status of 2xx takes
 * it; 400, 413, 415 and 422 say that this one will never be taken; anything else is a matter of time. vault asks one at a time, and tries again.
 * Events are posted as queue has written them, signed: the secret is their key, and never sent (the fields are those of Standard Webhooks). */
#include <stdlib.h>
#include <string.h>

#include "lookup/json_text.h"
#include "lookup/parts.h"
#include "web/transfer.h"

enum {
    REPLY_MOST  = 16 * 1024,
    NOTICE_MOST = 32 * 1024,
    BODY_MOST   = 128 * 1024,
    ID_MOST     = 96,
    KEY_MOST    = 1024,
    SIGNED_ROOM = 80,
    WHY_ROOM    = 64
};

static struct posting {
    struct lookup   *lookup;
    struct transfer *transfer; /* NULL: not yet; it belongs to the thread while busy */
    bool             busy;
    uint64_t         life; /* of the vault that asked */
    uint32_t         number;
    size_t           len;
    char             id[ID_MOST];                              /* of events */
    char             signs[ID_MOST + SIGNED_ROOM + BODY_MOST]; /* id and time, and then the body: what is signed */
    char            *body;                                     /* there */
    gp_status        status;
    const char      *why; /* NULL, static, or: */
    char             status_said[WHY_ROOM];
} posting;

static bool open_library(const struct source *s)
{
    if (transfer_library()) return true;
    LOG(LOG_ERROR, "webhook", LOG_Z("uri", s->plan->uri), LOG_Z("problem", "libcurl cannot be used"));
    return false;
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    out->network  = true;
    out->reads[0] = s->ca_file[0] ? s->ca_file : NULL;
}

/* ---- on the thread ------------------------------------------------------------------------------------------------------- */
static struct transfer *open_transfer(const struct source *s)
{
    struct transfer *t = transfer_open(s->ca_file, REPLY_MOST);
    if (t && transfer_header(t, "Content-Type: ", "application/json") &&
        (!s->secret[0] || s->plan->type == LOOKUP_EVENTS || transfer_header(t, "Authorization: Bearer ", s->secret)))
        return t;
    transfer_close(t);
    return NULL;
}

/* The secret's octets, or what base64 behind "whsec_" stands for. */
static gp_str key_of(const struct source *s, char room[static KEY_MOST])
{
    static const char prefix[] = "whsec_";
    gp_str            text     = gp_from(s->secret);
    size_t            len      = 0;
    if (!gp_starts(text, prefix)) return text;
    return gp_read_base64(gp_tail(text, sizeof prefix - 1), room, KEY_MOST, &len) ? (gp_str) { room, len } : text;
}

/* "ID.SECONDS." and the body, which stands behind it already. */
static gp_str put_signed(struct posting *p, const char *seconds)
{
    char           room[ID_MOST + SIGNED_ROOM];
    struct gp_text before = GP_TEXT(room);
    gp_put_z(&before, p->id);
    gp_put_char(&before, '.');
    gp_put_z(&before, seconds);
    gp_put_char(&before, '.');
    char *start = p->body - before.len;
    memcpy(start, room, before.len);
    return (gp_str) { start, before.len + p->len };
}

static bool sign(struct posting *p, const struct source *s)
{
    char           key[KEY_MOST], time_room[SIGNED_ROOM], signature_room[SIGNED_ROOM];
    uint8_t        digest[GP_DIGEST_MOST];
    struct gp_text seconds   = { .ptr = time_room, .room = sizeof time_room - 1 };
    struct gp_text signature = { .ptr = signature_room, .room = sizeof signature_room - 1 };
    gp_put_number(&seconds, wall_now() / LOOKUP_MS);
    time_room[seconds.len] = '\0';
    bool done              = transfer_header_once(p->transfer, "Webhook-Id: ", p->id) &&
                transfer_header_once(p->transfer, "Webhook-Timestamp: ", time_room);
    if (!done || !s->secret[0]) return done;
    done = gp_hmac(GP_SHA256, key_of(s, key), put_signed(p, time_room), digest);
    gp_put_z(&signature, "v1,");
    gp_put_base64(&signature, (gp_str) { (const char *)digest, gp_hash_size(GP_SHA256) });
    signature_room[signature.len] = '\0';
    gp_wipe(key, sizeof key);
    return done && transfer_header_once(p->transfer, "Webhook-Signature: ", signature_room);
}

/* RFC 9110 15.5: of the statuses that blame who asks, those that blame what he sent. */
static gp_status judge(long status)
{
    static const long never[] = { 400, 413, 415, 422 };
    enum { GOOD = 200, AFTER_GOOD = 300 };
    if (status >= GOOD && status < AFTER_GOOD) return GP_OK;
    for (size_t i = 0; i < GP_COUNT(never); i++)
        if (status == never[i]) return GP_PERMFAIL;
    return GP_TEMPFAIL;
}

static const char *why_not(struct posting *p, gp_status said, long status)
{
    struct gp_text text = { .ptr = p->status_said, .room = sizeof p->status_said - 1 };
    if (said == GP_OK) return NULL;
    gp_put_z(&text,
             said == GP_PERMFAIL ? "it does not take this one: it answers with status " : "it answers with status ");
    gp_put_number(&text, status);
    gp_put_z(&text, ", not 2xx");
    p->status_said[text.len] = '\0';
    return p->status_said;
}

static void on_thread(void *job)
{
    struct posting      *p      = job;
    const struct source *s      = &p->lookup->source;
    long                 status = 0;
    if (!p->transfer) p->transfer = open_transfer(s);
    p->status = GP_TEMPFAIL;
    p->why    = "no memory";
    if (!p->transfer || (s->plan->type == LOOKUP_EVENTS && !sign(p, s))) return;
    const char *trouble = transfer_run(p->transfer, s->plan->uri, (gp_str) { p->body, p->len }, s->timeout_ms, &status);
    gp_status   said    = judge(status);
    bool        heard   = !trouble || said == GP_OK; /* a yes is one however long what follows it is */
    p->status           = heard ? said : GP_TEMPFAIL;
    p->why              = heard ? why_not(p, said, status) : trouble;
    transfer_forget(p->transfer);
}

/* ---- on the loop --------------------------------------------------------------------------------------------------------- */
static void answer(struct lookup *l, uint32_t number, gp_status status, const char *why)
{
    struct msg m = MSG(POSTED);
    m.posted     = (struct msg_posted) { .status = (uint64_t)status, .why = gp_from(why ? why : "") };
    ipc_answer(l->vault, number, &m);
}

static void on_loop(void *job)
{
    struct posting *p = job;
    p->busy           = false;
    p->lookup->jobs--;
    if (p->life == p->lookup->life) answer(p->lookup, p->number, p->status, p->why);
}

static bool put_body(struct posting *p, const struct msg_post *m)
{
    struct gp_text         body    = { .ptr = p->body, .room = NOTICE_MOST };
    const struct json_pair pairs[] = {
        {"id",       m->id     },
        { "host",    m->host   },
        { "kind",    m->kind   },
        { "account", m->account},
        { "time",    m->time   },
        { "subject", m->subject},
        { "text",    m->text   },
    };
    bool whole = json_put_object(&body, pairs, GP_COUNT(pairs));
    p->len     = body.len;
    return whole;
}

static bool put_events(struct posting *p, const struct msg_events *m)
{
    if (m->body.len > BODY_MOST || !gp_copy_z(m->id, p->id, sizeof p->id)) return false;
    if (m->body.len) memcpy(p->body, m->body.ptr, m->body.len);
    p->len = m->body.len;
    return true;
}

/* Who has just started asks while the answer to the one before it is still waited for: it asks again. */
static void post(struct lookup *l, const struct msg *m)
{
    struct posting *p = &posting;
    p->body           = p->signs + ID_MOST + SIGNED_ROOM;
    if (p->busy) {
        answer(l, m->question, GP_TEMPFAIL, "another is still being posted");
    } else if (m->type == MSG_EVENTS ? !put_events(p, &m->events) : !put_body(p, &m->post)) {
        answer(l, m->question, GP_PERMFAIL, "it is not UTF-8, or too long");
    } else {
        p->lookup = l;
        p->life   = l->life;
        p->number = m->question;
        p->busy   = loop_work(l->loop, on_thread, on_loop, p);
        l->jobs += p->busy;
        if (!p->busy) answer(l, m->question, GP_TEMPFAIL, "no memory");
    }
}

static void end(void)
{
    transfer_close(posting.transfer);
    posting.transfer = NULL;
}

const struct source_type source_webhook = {
    .open = open_library, .needs = needs, .posts = MSG_POST, .post = post, .end = end
};
const struct source_type source_events = {
    .open = open_library, .needs = needs, .posts = MSG_EVENTS, .post = post, .end = end
};
