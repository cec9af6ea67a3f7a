/* What the relay asks the web: the policy of a domain, fetched; a report, posted. Strangers name the servers, so each question is bounded in time
 * and octets and has a transfer and a thread of its own; the addresses are those that the relay found, and no others. */
#include <stdlib.h>

#include "lookup/parts.h"
#include "web/transfer.h"

enum {
    REPLY_MOST   = 64 * 1024, /* RFC 8461 3.3 */
    REACH_ROOM   = 1024,
    TYPE_ROOM    = 128,
    WAITING_MOST = 64,        /* questions at a time */
    LINE_MS      = 20 * 1000, /* how long one may wait for a thread */
};

struct web_ask {
    struct lookup   *lookup;
    struct transfer *transfer;
    uint64_t         life; /* of the relay that asked */
    uint32_t         number;
    gp_time          since;
    long             code;
    gp_status        status;
    const char      *why;
    char             uri[CONFIG_PATH], reach[REACH_ROOM], type[TYPE_ROOM];
    size_t           len;
    char             body[]; /* of a POST */
};

static bool open_library(const struct source *s)
{
    if (transfer_library()) return true;
    LOG(LOG_ERROR, "web", LOG_Z("problem", "libcurl cannot be used"), LOG_Z("name", s->plan->name));
    return false;
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    out->network  = true;
    out->reads[0] = s->ca_file[0] ? s->ca_file : NULL;
}

/* ---- on the thread ------------------------------------------------------------------------------------------------------- */
static const char *run(struct web_ask *a)
{
    const struct source *s    = &a->lookup->source;
    const gp_str         body = a->type[0] ? (gp_str) { a->body, a->len } : GP_NONE;
    if (octets_clock() - a->since > LINE_MS) return "too many are asked for at the same time";
    a->transfer = transfer_open(s->ca_file, REPLY_MOST);
    if (!a->transfer || !transfer_reach(a->transfer, a->reach)) return "no memory";
    if (a->type[0] && !transfer_header(a->transfer, "Content-Type: ", a->type)) return "no memory";
    return transfer_run(a->transfer, a->uri, body, s->timeout_ms, &a->code);
}

static void on_thread(void *job)
{
    enum { GOOD = 200, AFTER_GOOD = 300 };
    struct web_ask *a = job;
    a->why            = run(a);
    a->status         = GP_TEMPFAIL;
    if (!a->why && a->code >= GOOD && a->code < AFTER_GOOD)
        a->status = GP_OK;
    else if (!a->why)
        a->why = "it answers with another status than 2xx";
    else if (a->transfer && transfer_distrusts(a->transfer))
        a->status = GP_PERMFAIL;
}

/* ---- on the loop --------------------------------------------------------------------------------------------------------- */
static void answer(struct lookup *l, uint32_t number, struct msg_web_said said)
{
    struct msg m = MSG(WEB_SAID);
    m.web_said   = said;
    ipc_answer(l->vault, number, &m); /* which is the relay here */
}

static void refuse(struct lookup *l, uint32_t number, const char *why)
{
    answer(
        l, number,
        (struct msg_web_said) { .status = GP_TEMPFAIL, .type = GP_LIT(""), .body = GP_LIT(""), .why = gp_from(why) });
}

static void on_loop(void *job)
{
    struct web_ask *a    = job;
    const char     *type = a->status == GP_OK ? transfer_content_type(a->transfer) : NULL;
    a->lookup->jobs--;
    if (a->life == a->lookup->life)
        answer(a->lookup, a->number,
               (struct msg_web_said) { .status = (uint64_t)a->status,
                                       .code   = (uint64_t)a->code,
                                       .type   = gp_head(gp_from(type ? type : ""), TYPE_ROOM),
                                       .body   = a->status == GP_OK ? transfer_reply(a->transfer) : GP_LIT(""),
                                       .why    = gp_from(a->why ? a->why : "") });
    transfer_close(a->transfer);
    free(a);
}

/* NULL: unsound, or no memory. */
static struct web_ask *read_ask(struct lookup *l, const struct msg *m)
{
    const struct msg_web_ask *in = &m->web_ask;
    struct web_ask           *a  = calloc(1, sizeof *a + in->body.len); /* a message has its bound */
    if (!a) return NULL;
    *a = (struct web_ask) { .lookup = l, .life = l->life, .number = m->question, .since = octets_clock() };
    struct gp_text body = { .ptr = a->body, .room = in->body.len };
    gp_put(&body, in->body);
    a->len = body.len;
    if (gp_copy_z(in->uri, a->uri, sizeof a->uri) && gp_copy_z(in->reach, a->reach, sizeof a->reach) &&
        gp_copy_z(in->type, a->type, sizeof a->type) && gp_starts(in->uri, "https://"))
        return a;
    free(a);
    return NULL;
}

static void take(struct lookup *l, const struct msg *m)
{
    struct web_ask *a = l->jobs < WAITING_MOST ? read_ask(l, m) : NULL;
    if (a && loop_work(l->loop, on_thread, on_loop, a)) {
        l->jobs++;
        return;
    }
    free(a);
    refuse(l, m->question, "no room for another question to a web server");
}

const struct source_type source_web = {
    .open = open_library, .needs = needs, .posts = MSG_WEB_ASK, .post = take, .jobs = 8
};
