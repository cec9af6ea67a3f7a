/* What the relay says became of an attempt, turned into rows: delivered, put off, or failed; and into the notifications that the
 * sender is owed. Everything here is one part of an open transaction and may run again when that cannot be committed. */
#include <string.h>

#include "queue/parts.h"
#include "store/lost.h"

enum { DIAGNOSTIC_ROOM = 1024, CODE_MOST = 999, TOO_MANY_RECIPIENTS = 452 };

struct outcome {
    struct queue          *q;
    const struct attempt  *attempt;
    struct gp_arena        arena;
    struct queue_message   message;
    struct queue_recipient to[QUEUE_DUE_MOST];
    size_t                 count;
    bool                   taken; /* for one of them at least */
    struct report          failed, delayed, relayed, handed_on;
};

/* ---- result lines ---------------------------------------------------------------------------------------------------- */
static bool is_one_of_ours(uint64_t status)
{
    return status == GP_OK || status == GP_TEMPFAIL || status == GP_PERMFAIL;
}

/* "status TAB code TAB enhanced TAB remote TAB tls TAB text", and perhaps TAB and words: "dsn", the next hop reports deliveries itself; "by", it
 * keeps to the sender's deadline; "ours", our own sign-in there is to blame. What is not such a line is no verdict: try again. */
static struct result read_result(gp_str line)
{
    uint64_t      status = 0, code = 0;
    struct result r = {
        .status = GP_TEMPFAIL, .reply = {.enhanced = GP_LIT("4.3.0"), .text = GP_LIT("the relay gave no result")}
    };
    gp_str status_text = gp_cut(&line, '\t'), code_text = gp_cut(&line, '\t');
    if (!gp_read_number(status_text, GP_PERMFAIL, &status) || !gp_read_number(code_text, CODE_MOST, &code)) return r;
    if (!is_one_of_ours(status)) return r;
    r.status         = (gp_status)status;
    r.reply.code     = (int)code;
    r.reply.enhanced = gp_cut(&line, '\t');
    r.reply.remote   = gp_cut(&line, '\t');
    r.reply.tls      = gp_cut(&line, '\t');
    r.reply.text     = gp_cut(&line, '\t');
    while (line.len) {
        gp_str word = gp_word(&line);
        r.passed_on |= gp_is(word, "dsn");
        r.in_time |= gp_is(word, "by");
        r.ours |= gp_is(word, "ours");
    }
    return r;
}

/* ---- notifications ------------------------------------------------------------------------------------------------------ */
/* RFC 3463 3.1: X.0.0 says nothing more than the reply's first digit, and stands for what a server did not say: it is not put into its mouth. */
static bool says_more(gp_str enhanced)
{
    return enhanced.len && !gp_is(gp_tail(enhanced, 1), ".0.0");
}

static gp_str diagnostic_of(struct gp_arena *arena, const struct queue_reply *reply)
{
    char           room[DIAGNOSTIC_ROOM];
    struct gp_text text = GP_TEXT(room);
    if (!reply->code) return reply->text;
    gp_put_number(&text, reply->code);
    gp_put_char(&text, ' ');
    if (says_more(reply->enhanced)) {
        gp_put(&text, reply->enhanced);
        gp_put_char(&text, ' ');
    }
    gp_put(&text, gp_head(reply->text, text.room - text.len));
    gp_str copy = gp_arena_copy(arena, gp_said(&text));
    return copy.ptr ? copy : reply->text;
}

static void add_report(struct outcome *o, struct report *into, const struct queue_recipient *to, gp_str status,
                       bool ours)
{
    gp_time until                   = queue_starts(&o->message) + (gp_time)o->q->config->queue.lifetime * SECOND;
    into->recipients[into->count++] = (struct gp_dsn_recipient) {
        .address     = to->address,
        .params      = to->params,
        .action      = into->action,
        .status      = status,
        .remote      = to->last.remote,
        .diagnostic  = diagnostic_of(&o->arena, &to->last),
        .retry_until = until,
        .ours        = ours,
    };
}

static void report(struct outcome *o, struct report *into, const struct queue_recipient *to, gp_str status, bool ours)
{
    if (bounce_wanted(&o->message, to->params, into->action)) add_report(o, into, to, status, ours);
}

static gp_str status_or(gp_str said, const char *otherwise)
{
    return said.len && said.ptr[0] == otherwise[0] ? said : gp_from(otherwise);
}

/* ---- one recipient -------------------------------------------------------------------------------------------------------- */
static gp_status note(struct outcome *o, const char *event, enum log_level level, const struct queue_recipient *to)
{
    const struct queue_reply *last = &to->last;
    gp_str                    id   = o->message.queue_id;
    LOG(level, event, LOG_S("queue_id", id), LOG_S("to", to->address), LOG_N("code", last->code),
        LOG_S("status", last->enhanced), LOG_S("remote", last->remote), LOG_S("tls", last->tls),
        LOG_S("reply", last->text), LOG_N("attempts", to->attempts),
        LOG_N("delay", o->attempt->when - queue_starts(&o->message)),
        LOG_N("tried", !o->attempt->repeats && !o->attempt->again));
    struct audit_entry e = queue_entry(&o->message, o->attempt->when, event);
    return AUDIT(queue_database(o->q->store), &e, AUDIT_S("to", to->address), AUDIT_N("code", last->code),
                 AUDIT_S("status", last->enhanced), AUDIT_S("remote", last->remote), AUDIT_S("tls", last->tls),
                 AUDIT_S("reply", last->text), AUDIT_N("attempts", to->attempts), AUDIT_N("due", to->due),
                 AUDIT_S("envid", queue_envid(&o->message)));
}

/* Beyond so many accounts between two messages to the vault it has to do with less: a score needs no exact figures. */
static void count_for(struct queue *q, uint64_t account, bool failed)
{
    size_t i = 0;
    while (i < q->fate_count && q->fates[i].account != account) i++;
    if (i == FATES_MOST || account == 0) return; /* 0: a notification of our own, or nobody acts for another */
    if (i == q->fate_count) q->fates[q->fate_count++] = (struct fate) { .account = account };
    q->fates[i].failed += failed;
    q->fates[i].delivered += !failed;
}

static void count_fate(struct outcome *o, bool failed)
{
    count_for(o->q, o->message.account, failed);
    count_for(o->q, o->message.owner, failed);
}

/* RFC 2852 4.1.4: each step is told where the sender wants that, and one to a server that does not know the deadline before it is over. A mail
 * store is no step. */
static bool is_step_told(const struct outcome *o, const struct queue_recipient *to, bool in_time)
{
    struct gp_deadline by   = gp_deadline(o->message.params);
    bool               lost = !by.back && !in_time && o->attempt->when < by.when;
    if (!by.when || o->relayed.action != GP_DSN_RELAYED) return false;
    return (by.trace || lost) && bounce_wanted(&o->message, to->params, GP_DSN_HANDED_ON);
}

/* `why`, and what came of it last. */
static gp_str with_last_word(struct outcome *o, gp_str why, const struct queue_reply *last)
{
    char           room[DIAGNOSTIC_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_str         word = diagnostic_of(&o->arena, last);
    gp_put(&text, why);
    if (word.len) gp_put_z(&text, "; so far: ");
    gp_put(&text, gp_head(word, text.room - text.len));
    gp_str copy = gp_arena_copy(&o->arena, gp_said(&text));
    return copy.ptr ? copy : why;
}

static gp_str put_due_by(struct gp_text *out, gp_time deadline)
{
    gp_put_z(out, "it was to be delivered by ");
    gp_put_moment(out, deadline);
    return gp_said(out);
}

/* RFC 2852 4.1.3. Also of what is late when it arrives, as nobody has said so before. */
static gp_status tell_late(struct outcome *o, struct queue_recipient *to, gp_time deadline)
{
    char                   room[DIAGNOSTIC_ROOM];
    struct gp_text         text = GP_TEXT(room);
    struct queue_recipient told = *to;
    gp_str                 why  = gp_arena_copy(&o->arena, put_due_by(&text, deadline));
    to->delay_noticed           = true;
    bool there                  = to->state == RECIPIENT_DELIVERED;
    told.last                   = (struct queue_reply) { .text = there ? why : with_last_word(o, why, &to->last) };
    report(o, &o->delayed, &told, GP_LIT("4.4.7"), false);
    return GP_OK;
}

static bool is_late(const struct outcome *o, const struct queue_recipient *to)
{
    struct gp_deadline by = gp_deadline(o->message.params);
    return by.when && !by.back && o->attempt->when >= by.when && !to->delay_noticed;
}

static gp_status deliver(struct outcome *o, struct queue_recipient *to, const struct result *r)
{
    gp_str status = status_or(to->last.enhanced, "2.0.0");
    to->state     = RECIPIENT_DELIVERED;
    count_fate(o, false);
    if (is_late(o, to) && tell_late(o, to, gp_deadline(o->message.params).when) != GP_OK) return GP_TEMPFAIL;
    /* RFC 3461 5.2.2: a next hop that takes no DSN parameters leaves it to us to say how far it came. */
    if (is_step_told(o, to, r->in_time))
        add_report(o, r->passed_on ? &o->handed_on : &o->relayed, to, status, false);
    else if (!r->passed_on)
        report(o, &o->relayed, to, status, false);
    return note(o, "delivered", LOG_INFO, to);
}

/* Our own report or notice: nobody hears of its end, as nothing answers the null sender (RFC 5321 4.5.5), unless the administrator does. */
static gp_status tell_lost(struct outcome *o, const struct queue_recipient *to)
{
    if (o->message.sender.len || o->message.account) return GP_OK;
    LOG(LOG_ERROR, "queue", LOG_S("queue_id", o->message.queue_id), LOG_Z("failed", "to deliver a report or notice"),
        LOG_Z("hint",
              "it is from <>, which some next hops refuse: a route for its recipients' domain takes it another way"));
    if (!gp_copy_z(o->message.queue_id, o->q->lost, sizeof o->q->lost)) o->q->lost[0] = '\0';
    return lost_add(queue_database(o->q->store), o->attempt->when, o->message.queue_id,
                    diagnostic_of(&o->arena, &to->last));
}

static gp_status fail(struct outcome *o, struct queue_recipient *to, gp_str status)
{
    to->state = RECIPIENT_FAILED;
    report(o, &o->failed, to, status, false);
    if (tell_lost(o, to) != GP_OK) return GP_TEMPFAIL;
    return note(o, "failed", LOG_WARN, to);
}

/* When the sender hears that it takes long: when he wanted to, or else when we choose. 0: he has heard, or never does. */
static gp_time notice_time(const struct outcome *o, const struct queue_recipient *to, struct gp_deadline by)
{
    unsigned after = o->q->config->queue.delay_notice;
    if (to->delay_noticed) return 0;
    if (by.when) return by.back ? 0 : by.when;
    return after ? queue_starts(&o->message) + (gp_time)after * SECOND : 0;
}

/* Nobody's message is returned because our sign-in at the next hop fails: it waits beyond its lifetime, for whoever mends that. But what its
 * sender wants back rather than late (RFC 2852) goes back whatever the reason. */
static gp_status put_off(struct outcome *o, struct queue_recipient *to, bool ours)
{
    const struct attempt *a      = o->attempt;
    const struct config  *c      = o->q->config;
    struct gp_deadline    by     = gp_deadline(o->message.params);
    gp_time               starts = queue_starts(&o->message), now = a->when, notice_at = notice_time(o, to, by);
    uint64_t              seed = (uint64_t)o->message.row;
    struct schedule_step  next = a->again ? schedule_shared(c, starts, now, a->again, a->repeats, notice_at, seed)
                                          : schedule_next(c, to->attempts, starts, now, notice_at, seed);
    to->due                    = next.due;
    if (by.back && now >= by.when) return fail(o, to, GP_LIT("5.4.7"));
    if (next.give_up && ours) to->due = schedule_waits(c, to->attempts, now, seed);
    if (next.give_up && !ours) return fail(o, to, GP_LIT("4.4.7")); /* RFC 3463 3.5: delivery time expired */
    if (next.notice && by.when && tell_late(o, to, by.when) != GP_OK) return GP_TEMPFAIL;
    if (next.notice && !by.when) {
        to->delay_noticed = true;
        report(o, &o->delayed, to, status_or(to->last.enhanced, "4.0.0"), ours);
    }
    return note(o, "deferred", LOG_INFO, to);
}

/* RFC 5321 4.5.3.1.10: it takes no more recipients at once. The others have it, so the next transaction gets further than this one. */
static gp_status go_on(struct outcome *o, struct queue_recipient *to)
{
    to->attempts--;
    to->due = o->attempt->when;
    return note(o, "deferred", LOG_INFO, to);
}

/* Its route's word, and no other server's: nobody is told that it came anywhere, or that it did not. */
static gp_status discard(struct outcome *o, struct queue_recipient *to)
{
    to->state = RECIPIENT_DISCARDED;
    return note(o, "discarded", LOG_INFO, to);
}

/* Not by an attempt: what came of those is kept in the words. */
static gp_status end(struct outcome *o, struct queue_recipient *to, const struct ending *e)
{
    if (e->late) return tell_late(o, to, gp_deadline(o->message.params).when);
    char           room[DIAGNOSTIC_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_str         why  = e->why ? gp_from(e->why) : put_due_by(&text, gp_deadline(o->message.params).when);
    to->last      = (struct queue_reply) { .enhanced = gp_from(e->status), .text = with_last_word(o, why, &to->last) };
    to->last.when = o->attempt->when;
    to->state     = RECIPIENT_FAILED;
    report(o, &o->failed, to, to->last.enhanced, false);
    return note(o, "failed", LOG_WARN, to);
}

static gp_status judge(struct outcome *o, struct queue_recipient *to, const struct result *r)
{
    if (o->attempt->ending) return end(o, to, o->attempt->ending);
    to->last      = r->reply;
    to->last.when = o->attempt->when;
    if (o->attempt->discards) return discard(o, to);
    if (!o->attempt->again) to->attempts++;
    switch (r->status) {
    case GP_OK: return deliver(o, to, r);
    case GP_PERMFAIL:
        count_fate(o, true); /* what is given up for its age counts against nobody: that may be an outage of ours */
        return fail(o, to, status_or(r->reply.enhanced, "5.0.0"));
    default: return o->taken && r->reply.code == TOO_MANY_RECIPIENTS ? go_on(o, to) : put_off(o, to, r->ours);
    }
}

/* ---- the attempt ------------------------------------------------------------------------------------------------------------ */
static bool is_taken_by_one(const struct attempt *a)
{
    gp_str lines = { a->results, a->results_len };
    while (lines.len)
        if (read_result(gp_cut(&lines, '\n')).status == GP_OK) return true;
    return false;
}

static gp_status settle_all(struct outcome *o)
{
    const struct attempt *a      = o->attempt;
    gp_str                lines  = { a->results, a->results_len };
    gp_status             status = GP_OK;
    o->taken                     = is_taken_by_one(a);
    for (size_t i = 0, at = 0; status == GP_OK && at < o->count && i < a->due.count; i++) {
        struct result           r  = read_result(gp_cut(&lines, '\n'));
        struct queue_recipient *to = &o->to[at];
        if (to->position != a->due.positions[i]) continue; /* its row is gone, its line is not */
        at++;
        if (to->state != RECIPIENT_QUEUED && to->state != RECIPIENT_HELD) continue;
        status = judge(o, to, &r);
        if (status == GP_OK) status = queue_settle(o->q->store, o->message.row, to);
    }
    return status;
}

static gp_status send_reports(struct outcome *o)
{
    const struct report *reports[] = { &o->failed, &o->delayed, &o->relayed, &o->handed_on };
    gp_status            status    = GP_OK;
    for (size_t i = 0; status == GP_OK && i < GP_COUNT(reports); i++)
        if (reports[i]->count) status = bounce_send(o->q, reports[i]);
    return status;
}

static gp_status record(struct outcome *o)
{
    bool      gone   = false;
    gp_status status = queue_load(o->q->store, gp_from(o->attempt->due.queue_id), &o->arena, &o->message);
    if (status == GP_PERMFAIL) {
        LOG(LOG_WARN, "queue", LOG_Z("queue_id", o->attempt->due.queue_id),
            LOG_Z("reason", "deleted while it was under way"),
            LOG_S("results", ((gp_str) { o->attempt->results, o->attempt->results_len })));
        return GP_OK;
    }
    if (status == GP_OK) status = attempt_recipients(o->q, o->attempt, &o->arena, o->to, &o->count);
    if (status == GP_OK) status = settle_all(o);
    if (status == GP_OK) status = send_reports(o);
    if (status == GP_OK) status = queue_finish(o->q->store, o->message.row, o->message.queue_id, &gone);
    if (status == GP_OK && gone)
        LOG(LOG_DEBUG, "queue", LOG_S("queue_id", o->message.queue_id), LOG_Z("state", "done"));
    return status;
}

/* A mail store that took it (LMTP) has delivered it; any other next hop hands it on (RFC 3464 2.3.3). */
static enum gp_dsn_action success(const struct queue *q, const struct attempt *a)
{
    struct config_way way;
    if (!a->lane) return GP_DSN_RELAYED;
    return config_read_destination(q->config, lane_name(a->lane), &way) && way.hop.lmtp ? GP_DSN_DELIVERED
                                                                                        : GP_DSN_RELAYED;
}

static void report_open(struct report *r, const struct outcome *o, enum gp_dsn_action action)
{
    r->message = &o->message;
    r->action  = action;
    r->now     = o->attempt->when;
    r->count   = 0;
}

/* Its tables have 100 KiB, of which a message with one recipient uses one row: what `count` does not reach is not cleared. */
gp_status outcome_record(struct queue *q, const struct attempt *a)
{
    struct outcome o;
    o.q       = q;
    o.attempt = a;
    o.arena   = (struct gp_arena) { .most = ENVELOPE_MOST };
    o.message = (struct queue_message) { 0 };
    o.count   = 0;
    o.taken   = false;
    report_open(&o.failed, &o, GP_DSN_FAILED);
    report_open(&o.delayed, &o, GP_DSN_DELAYED);
    report_open(&o.relayed, &o, success(q, a));
    report_open(&o.handed_on, &o, GP_DSN_HANDED_ON);
    gp_status status = record(&o);
    gp_arena_reset(&o.arena);
    return status == GP_OK ? GP_OK : GP_TEMPFAIL;
}
