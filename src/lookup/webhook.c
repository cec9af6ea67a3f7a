/* The webhook: a notice is posted as a JSON object of strings, {"id", "host", "kind", "account", "time", "subject", "text"}. A status of 2xx takes
 * it; 400, 413, 415 and 422 say that this one will never be taken; anything else is a matter of time. vault asks one at a time, and tries again. */
#include <stdlib.h>

#include "lookup/json_text.h"
#include "lookup/parts.h"
#include "web/transfer.h"

enum { REPLY_MOST = 16 * 1024, BODY_MOST = 32 * 1024 };

static struct posting {
    struct lookup   *lookup;
    struct transfer *transfer; /* NULL: not yet; it belongs to the thread while busy */
    bool             busy;
    uint64_t         life; /* of the vault that asked */
    uint32_t         number;
    size_t           len;
    char             body[BODY_MOST];
    gp_status        status;
    const char      *why;
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
        (!s->secret[0] || transfer_header(t, "Authorization: Bearer ", s->secret)))
        return t;
    transfer_close(t);
    return NULL;
}

/* RFC 9110 15.5: of the statuses that blame who asks, those that blame what he sent. */
static gp_status judge(long status, const char **why)
{
    static const long never[] = { 400, 413, 415, 422 };
    enum { GOOD = 200, AFTER_GOOD = 300 };
    if (status >= GOOD && status < AFTER_GOOD) return GP_OK;
    *why = "it answers with another status than 2xx";
    for (size_t i = 0; i < GP_COUNT(never); i++)
        if (status == never[i]) {
            *why = "it does not take this one (400, 413, 415 or 422)";
            return GP_PERMFAIL;
        }
    return GP_TEMPFAIL;
}

static void on_thread(void *job)
{
    struct posting      *p      = job;
    const struct source *s      = &p->lookup->source;
    long                 status = 0;
    if (!p->transfer) p->transfer = open_transfer(s);
    p->status = GP_TEMPFAIL;
    p->why    = "no memory";
    if (!p->transfer) return;
    p->why = transfer_run(p->transfer, s->plan->uri, (gp_str) { p->body, p->len }, s->timeout_ms, &status);
    if (!p->why) p->status = judge(status, &p->why);
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
    struct gp_text         body    = { .ptr = p->body, .room = sizeof p->body };
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

/* A vault that has just started asks while the answer to the one before it is still waited for: it asks again. */
static void post(struct lookup *l, const struct msg *m)
{
    struct posting *p = &posting;
    if (p->busy) {
        answer(l, m->question, GP_TEMPFAIL, "another is still being posted");
    } else if (!put_body(p, &m->post)) {
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

const struct source_type source_webhook = { .open = open_library, .needs = needs, .post = post, .end = end };
