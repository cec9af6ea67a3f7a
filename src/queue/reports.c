/* Reports of TLS, sent.
 *
 *   step    waits for                                       then
 *   FREE    a report that is due                            FINDS
 *   FINDS   where its domain wants it, from the relay       POSTS, or queued as mail, not wanted, or tried again later
 *   POSTS   each https: way in turn, over the relay         queued as mail besides, sent, or tried again later
 *
 * One way that takes it is enough (RFC 8460 3). What no way has taken is tried again for a day, at growing distances (5.5). */
#include "queue/reports.h"

#include <stdlib.h>
#include <string.h>

#include "queue/gzip.h"
#include "queue/parts.h"

enum {
    LOOKS_EVERY = 60 * SECOND,
    HOUR        = 3600 * SECOND,
    RETRY       = 5 * 60 * SECOND, /* twice as long after each failure */
    RETRY_MOST  = 4 * HOUR,
    GIVES_UP    = 24 * HOUR + 9 * HOUR / 2, /* after the end of its day: a day after it was due at the latest (5.5) */
};

static const char *contact_domain(const struct queue *q)
{
    const char *at = strchr(q->config->tls_reports.contact, '@'); /* the configuration was checked */
    return at ? at + 1 : q->config->domain;
}

/* ---- what became of it ------------------------------------------------------------------------------------------------------ */
static void free_job(struct report_job *job)
{
    gp_buffer_free(&job->json_gz);
    job->step = REPORT_FREE;
}

static void settle(struct report_job *job, enum tls_report_state state, gp_str told, gp_time now)
{
    static const enum log_level levels[] = { [TLS_REPORT_WAITS]    = LOG_INFO,
                                             [TLS_REPORT_SENT]     = LOG_INFO,
                                             [TLS_REPORT_UNWANTED] = LOG_DEBUG, /* the usual one */
                                             [TLS_REPORT_GIVEN_UP] = LOG_WARN };
    struct queue               *q        = job->queue;
    job->report.state                    = state;
    job->report.tries++;
    (void)gp_copy_z(gp_head(told, sizeof job->report.told - 1), job->report.told, sizeof job->report.told);
    LOG(levels[state], "tls-report", LOG_Z("domain", job->report.domain), LOG_N("tries", job->report.tries),
        LOG_Z("result", state == TLS_REPORT_WAITS ? "tried again later" : tls_report_state_name(state)),
        LOG_S("told", told));
    bool is_open = batch_open(q);
    if (!is_open) reports_rest(q, now);
    if (is_open && tls_reports_settle(queue_database(q->store), &job->report) != GP_OK) {
        store_trouble(q, "to note what became of a report of TLS");
        batch_fail(q, now);
    }
    free_job(job);
}

static void fail(struct report_job *job, gp_str why, gp_time now)
{
    gp_time wait = RETRY, last = (job->report.day + 1) * 24 * HOUR + GIVES_UP;
    for (int64_t i = 0; i < job->report.tries && wait < RETRY_MOST; i++) wait *= 2;
    job->report.due = now + (wait < RETRY_MOST ? wait : RETRY_MOST);
    settle(job, job->report.due > last ? TLS_REPORT_GIVEN_UP : TLS_REPORT_WAITS, why, now);
}

/* ---- what it says ------------------------------------------------------------------------------------------------------------- */
struct page {
    struct gp_tlsrpt_json writer;
    struct tls_result     rows[2]; /* what the writer has of the last one stays while the next one is added */
    size_t                count;
};

static bool add(void *owner, const struct tls_result *t)
{
    struct page       *p     = owner;
    struct tls_result *at    = &p->rows[p->count++ % GP_COUNT(p->rows)];
    *at                      = *t;
    struct gp_tlsrpt_row row = { gp_from(at->policy), gp_from(at->text),   gp_from(at->host),
                                 gp_from(at->from),   gp_from(at->to),     gp_from(at->peer),
                                 gp_from(at->result), gp_from(at->reason), at->count };
    gp_tlsrpt_add(&p->writer, &row);
    return true;
}

static struct gp_tlsrpt head_of(const struct report_job *job)
{
    const struct config *c = job->queue->config;
    return (struct gp_tlsrpt) { c->tls_reports.organization, c->tls_reports.contact, c->hostname,
                                gp_from(job->report.domain), job->report.day };
}

static bool make(struct report_job *job)
{
    struct page      p    = { .count = 0 };
    struct gp_text   json = { .ptr = malloc(REPORT_JSON_MOST), .room = REPORT_JSON_MOST };
    struct gp_tlsrpt head = head_of(job);
    if (!json.ptr) return false;
    gp_tlsrpt_begin(&p.writer, &head, &json);
    gp_status status =
        tls_results_of(queue_database(job->queue->store), job->report.day, gp_from(job->report.domain), add, &p);
    gp_tlsrpt_end(&p.writer);
    bool made = status == GP_OK && !json.cut && gzip(gp_said(&json), &job->json_gz, REPORT_GZIP_MOST);
    free(json.ptr);
    return made;
}

/* ---- as mail --------------------------------------------------------------------------------------------------------------------- */
static gp_status add_recipients(struct queue *q, const struct queue_message *m, struct queue_recipient *to,
                                size_t count, gp_str body)
{
    gp_status status = m->in_file ? queue_keep_body(q, m->queue_id, body) : GP_OK;
    if (status == GP_OK) status = queue_add(q->store, m, to, count, body);
    for (size_t i = 0; status == GP_OK && i < count; i++)
        if (to[i].state == RECIPIENT_QUEUED) (void)lanes_wake(&q->lanes, to[i].destination, to[i].due, to[i].due);
    return status;
}

/* From nobody, so that no report of a failure comes of it. */
static gp_status queue_mail(struct report_job *job, gp_str queue_id, gp_str body, gp_time now)
{
    enum { DESTINATION_ROOM = 384 };
    struct queue          *q = job->queue;
    char                   rooms[GP_TLSRPT_WAYS_MOST][DESTINATION_ROOM], why_room[HOLD_WHY_MOST];
    struct gp_text         why = GP_TEXT(why_room);
    struct queue_recipient to[GP_TLSRPT_WAYS_MOST];
    size_t                 count   = 0;
    struct queue_message   message = { .queue_id = queue_id,
                                       .size     = body.len,
                                       .arrived  = now,
                                       .from     = gp_from(q->config->tls_reports.contact),
                                       .in_file  = body.len > QUEUE_INLINE_MOST };
    for (gp_str rest = gp_said(&job->to); rest.len && count < GP_TLSRPT_WAYS_MOST; count++) {
        struct gp_text             destination = GP_TEXT(rooms[count]);
        const struct queue_way     way         = { .address = gp_cut(&rest, '\n') };
        const struct config_route *holds       = held_by(q, &way);
        to[count]                              = (struct queue_recipient) { .position    = (unsigned)count,
                                                                            .address     = way.address,
                                                                            .params      = GP_LIT("NOTIFY=NEVER"),
                                                                            .destination = destination_of(q, &way, &destination),
                                                                            .state       = holds ? RECIPIENT_HELD : RECIPIENT_QUEUED,
                                                                            .due         = now };
        if (holds && !message.hold_why.len) message.hold_why = put_held_by(&why, holds);
    }
    return add_recipients(q, &message, to, count, body);
}

static gp_status send_mail(struct report_job *job, gp_time now)
{
    char                  id_room[QUEUE_ID_MOST], unique_room[QUEUE_ID_MOST];
    struct gp_text        id = GP_TEXT(id_room), unique = GP_TEXT(unique_room);
    gp_str                json_gz = gp_buffer_all(&job->json_gz);
    size_t                room    = GP_TLSRPT_MAIL_ROOM(json_gz.len);
    struct gp_text        text    = { .ptr = malloc(room), .room = room };
    struct gp_tlsrpt      head    = head_of(job);
    struct gp_tlsrpt_mail mail    = { .report = &head, .to = gp_said(&job->to), .json_gz = json_gz, .now = now };
    if (!text.ptr) return GP_TEMPFAIL;
    put_queue_id(&id);
    put_queue_id(&unique);
    mail.unique = gp_said(&unique);
    gp_tlsrpt_put_mail(&text, &mail);
    gp_status status = text.cut ? GP_PERMFAIL : queue_mail(job, gp_said(&id), gp_said(&text), now);
    free(text.ptr);
    return status;
}

/* ---- the ways ---------------------------------------------------------------------------------------------------------------------- */
static void note_taken(struct report_job *job, gp_str way)
{
    if (job->told.len) gp_put_z(&job->told, ", ");
    gp_put(&job->told, gp_head(way, sizeof job->told_room / 4));
}

static void end_ways(struct report_job *job, gp_time now)
{
    struct queue *q = job->queue;
    if (job->to.len) {
        gp_status status = batch_open(q) ? send_mail(job, now) : GP_TEMPFAIL;
        for (gp_str rest = gp_said(&job->to); status == GP_OK && rest.len;) note_taken(job, gp_cut(&rest, '\n'));
        if (status != GP_OK) {
            store_trouble(q, "to queue a report of TLS");
            batch_fail(q, now);
            free_job(job); /* its row says what it said: it is looked at again */
            return;
        }
    }
    if (job->told.len)
        settle(job, TLS_REPORT_SENT, gp_said(&job->told), now);
    else
        fail(job, gp_from(job->why), now);
}

/* RFC 8460 3: mail without a signature of the domain that it is from is worth nothing to who gets it. */
static void take_mail(struct report_job *job, gp_str address)
{
    struct gp_text why = { .ptr = job->why, .room = sizeof job->why - 1 };
    if (job->is_signed) {
        gp_put(&job->to, address);
        gp_put_char(&job->to, '\n');
        return;
    }
    gp_put_z(&why, "reports go by mail only where they are signed, and ");
    gp_put_z(&why, contact_domain(job->queue));
    gp_put_z(
        &why,
        " has no DKIM key here, or dkim.sign is no: make one with gatepost dkim new, or name another tls_reports.contact");
    job->why[why.len] = '\0';
}

static void next_way(struct report_job *job, gp_time now)
{
    while (job->left.len) {
        struct msg m   = MSG(REPORT_POST);
        gp_str     way = gp_head(job->left, gp_find(job->left, '\n'));
        if (!gp_tlsrpt_is_mail(way)) {
            m.report_post = (struct msg_report_post) { .uri = way, .body = gp_buffer_all(&job->json_gz) };
            job->step     = REPORT_POSTS;
            job->queue->exits->report(job, &m);
            return;
        }
        take_mail(job, gp_tail(way, sizeof "mailto:" - 1));
        (void)gp_cut(&job->left, '\n');
    }
    end_ways(job, now);
}

static void take_ways(struct report_job *job, const struct msg *m, gp_time now)
{
    const struct msg_report_ways *in   = &m->report_ways;
    struct gp_text                ways = GP_TEXT(job->ways);
    gp_put(&ways, in->ways);
    if (in->status == GP_PERMFAIL) {
        settle(job, TLS_REPORT_UNWANTED, in->why, now);
    } else if (in->status != GP_OK || ways.cut) {
        fail(job, in->why, now);
    } else if (!make(job)) {
        fail(job, GP_LIT("it could not be made: no memory, or the store cannot be read"), now);
    } else {
        job->left      = gp_said(&ways);
        job->is_signed = in->is_signed != 0;
        next_way(job, now);
    }
}

static void take_posted(struct report_job *job, const struct msg *m, gp_time now)
{
    gp_str way = gp_cut(&job->left, '\n');
    if (m->posted.status == GP_OK)
        note_taken(job, way);
    else
        (void)gp_copy_z(gp_head(m->posted.why, sizeof job->why - 1), job->why, sizeof job->why);
    next_way(job, now);
}

void reports_answer(struct report_job *job, const struct msg *m, gp_time now)
{
    if (m && job->step == REPORT_FINDS && m->type == MSG_REPORT_WAYS)
        take_ways(job, m, now);
    else if (m && job->step == REPORT_POSTS && m->type == MSG_POSTED)
        take_posted(job, m, now);
    else
        free_job(job); /* the relay died: no try of ours */
}

/* ---- what is due ------------------------------------------------------------------------------------------------------------------------ */
static void start(struct queue *q, struct report_job *job, const struct tls_report *t)
{
    struct msg m = MSG(REPORT_FIND);
    *job         = (struct report_job) { .queue = q, .step = REPORT_FINDS, .report = *t };
    job->to      = GP_TEXT(job->room);
    job->told    = GP_TEXT(job->told_room);
    m.report_find =
        (struct msg_report_find) { .domain = gp_from(job->report.domain), .from = gp_from(contact_domain(q)) };
    q->exits->report(job, &m);
}

static bool see_due(void *owner, const struct tls_report *t)
{
    struct queue      *q    = owner;
    struct report_job *idle = NULL;
    for (size_t i = 0; i < REPORTS_AT_A_TIME; i++) {
        struct report_job *job = &q->reports->jobs[i];
        if (job->step == REPORT_FREE)
            idle = job;
        else if (job->report.day == t->day && strcmp(job->report.domain, t->domain) == 0)
            return true;
    }
    if (!idle) return false;
    start(q, idle, t);
    return true;
}

static void expire(struct queue *q, gp_time now)
{
    enum { DAYS = 2 };
    int64_t today = tls_result_day(now);
    size_t  count = 0;
    if (q->reports->expired == today || !batch_open(q)) return;
    if (tls_reports_expire(queue_database(q->store), today - DAYS, &count) != GP_OK) {
        store_trouble(q, "to give up reports of TLS that are too old");
        batch_fail(q, now);
        return;
    }
    q->reports->expired = today;
    if (count) LOG(LOG_WARN, "tls-report", LOG_N("given_up", count), LOG_Z("reason", "too old to be sent"));
}

static size_t under_way(const struct reports *r)
{
    size_t count = 0;
    for (size_t i = 0; i < REPORTS_AT_A_TIME; i++) count += r->jobs[i].step != REPORT_FREE;
    return count;
}

void reports_look(struct queue *q, gp_time now)
{
    struct reports *r = q->reports;
    if (!r || q->stopping || !q->relay_there || under_way(r) == REPORTS_AT_A_TIME) return;
    if (now < r->look_at && r->look_at <= now + LOOKS_EVERY) return;
    expire(q, now);
    r->look_at = now + LOOKS_EVERY;
    if (tls_reports_due(queue_database(q->store), now, see_due, q) != GP_OK)
        store_trouble(q, "to look for reports of TLS");
    if (under_way(r) == REPORTS_AT_A_TIME) r->look_at = now; /* there may be more */
}

void reports_rest(struct queue *q, gp_time now)
{
    if (q->reports) q->reports->look_at = now + LOOKS_EVERY;
}

void reports_news(struct queue *q)
{
    if (q->reports) q->reports->look_at = 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------------- */
bool reports_open(struct queue *q)
{
    if (!q->config->tls_reports.send) return true;
    q->reports = calloc(1, sizeof *q->reports);
    return q->reports != NULL;
}

void reports_close(struct queue *q)
{
    for (size_t i = 0; q->reports && i < REPORTS_AT_A_TIME; i++) free_job(&q->reports->jobs[i]);
    free(q->reports);
    q->reports = NULL;
}
