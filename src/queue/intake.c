/* Messages come in: a COMMIT goes into the open transaction and is answered when that is on stable storage; a large body is first
 * written by the smtpd into a draft that we opened. Nothing of what an smtpd says is trusted: it has read hostile bytes. */
#include <string.h>
#include <unistd.h>

#include "queue/parts.h"

enum {
    INTAKE_MOST      = 8 * 1024 * 1024, /* arena for the recipients of one message */
    DESTINATION_MOST = 384,
    CLOCK_TOLERANCE  = 24 * 60 * 60 * SECOND,
    ID_OCTETS        = 10, /* 80 bits in 16 letters */
};

/* ---- names ------------------------------------------------------------------------------------------------------------- */
void put_queue_id(struct gp_text *out)
{
    enum { BITS = 5, MASK = 31, OCTET = 8 };
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t           octets[ID_OCTETS];
    gp_random(octets, sizeof octets);
    unsigned held = 0, bits = 0;
    for (size_t i = 0; i < sizeof octets; i++) {
        held = (held << OCTET) | octets[i];
        for (bits += OCTET; bits >= BITS; bits -= BITS) gp_put_char(out, letters[(held >> (bits - BITS)) & MASK]);
    }
}

static gp_str domain_of(const struct queue *q, gp_str address)
{
    for (size_t i = address.len; i > 0; i--)
        if (address.ptr[i - 1] == '@') return gp_tail(address, i);
    return gp_from(q->config->domain); /* RFC 5321 4.5.1: <Postmaster> is ours */
}

gp_str destination_of(const struct queue *q, const struct queue_way *w, struct gp_text *room)
{
    gp_str domain = domain_of(q, w->address);
    config_put_destination(room, q->config, config_route_for(q->config, domain, w->sender, w->user), domain,
                           (struct config_account) { w->user, w->account });
    return gp_said(room);
}

const struct config_route *held_by(const struct queue *q, const struct queue_way *w)
{
    return config_hold_for(q->config, domain_of(q, w->address), w->sender, w->user);
}

gp_str put_held_by(struct gp_text *why, const struct config_route *route)
{
    if (!route) return GP_NONE;
    gp_put_z(why, "by the route ");
    gp_put_z(why, route->name);
    return gp_said(why);
}

/* ---- what a COMMIT must look like ---------------------------------------------------------------------------------------- */
static bool has_controls(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f) return true;
    return false;
}

static size_t count_lines(gp_str text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++) lines += text.ptr[i] == '\n';
    return lines;
}

static bool is_sound(const struct msg_commit *c)
{
    size_t recipients = count_lines(c->recipients);
    if (!queue_is_id(c->queue_id) || has_controls(c->sender) || has_controls(c->params) || has_controls(c->hold_why))
        return false;
    if (!recipients || recipients > QUEUE_RECIPIENTS_MOST || c->recipients.ptr[c->recipients.len - 1] != '\n')
        return false;
    return c->draft ? !c->body.len : c->body.len == c->size && c->size <= QUEUE_INLINE_MOST;
}

static bool read_recipient(struct queue *q, struct gp_arena *arena, const struct msg_commit *c, gp_str line,
                           struct queue_recipient *to, const struct config_route **holds)
{
    char           room[DESTINATION_MOST];
    struct gp_text text = GP_TEXT(room);
    to->address         = gp_cut(&line, '\t');
    to->params          = line;
    if (!to->address.len || has_controls(to->address) || has_controls(to->params)) return false;
    const struct queue_way     way = { to->address, c->sender, c->user, c->account, GP_NONE };
    const struct config_route *r   = held_by(q, &way);
    if (r) to->state = RECIPIENT_HELD;
    if (r) *holds = r;
    to->destination = gp_arena_copy(arena, destination_of(q, &way, &text));
    return to->destination.ptr && to->destination.len && !text.cut;
}

/* RFC 6710: what smtpd has let through is no higher. */
int priority_of(const struct queue *q, gp_str params)
{
    int most = (int)q->config->queue.priority_most, asked = gp_priority(params);
    return asked < most ? asked : most;
}

static struct queue_recipient *read_recipients(struct queue *q, struct gp_arena *arena, const struct msg_commit *c,
                                               gp_time due, size_t *count, const struct config_route **holds)
{
    gp_str               lines    = c->recipients;
    enum recipient_state state    = c->hold ? RECIPIENT_HELD : RECIPIENT_QUEUED;
    int                  priority = priority_of(q, c->params);
    *count                        = count_lines(lines);
    struct queue_recipient *to    = gp_arena_take(arena, *count * sizeof *to);
    for (size_t i = 0; to && i < *count; i++) {
        to[i] = (struct queue_recipient) { .position = (unsigned)i, .state = state, .due = due, .priority = priority };
        if (!read_recipient(q, arena, c, gp_cut(&lines, '\n'), &to[i], holds)) return NULL;
    }
    return to;
}

static gp_str hold_why(const struct msg_commit *c)
{
    if (!c->hold) return GP_NONE;
    return c->hold_why.len > 0 ? gp_head(c->hold_why, HOLD_WHY_MOST) : GP_LIT("held by a rule");
}

/* RFC 4865: until when its sender has it held back; 0: it is to go now. */
static gp_time release_of(const struct queue *q, const struct msg_commit *c, gp_time arrived, gp_time now)
{
    gp_time last = now + (gp_time)q->config->queue.future_release * SECOND;
    gp_time when = gp_release_time(c->params, arrived);
    if (when <= now) return 0;
    return when < last ? when : last;
}

/* RFC 2852 4.1.3: of what is late already its sender is told at once. What is to come back then does with its first attempt. */
static gp_time deadline_of(const struct msg_commit *c, gp_time now)
{
    struct gp_deadline by = gp_deadline(c->params);
    return by.back && by.when <= now ? 0 : by.when;
}

static struct queue_message message_of(const struct queue *q, const struct msg_commit *c, gp_time now)
{
    gp_time arrived = (gp_time)c->arrived;
    if (arrived < now - CLOCK_TOLERANCE || arrived > now + CLOCK_TOLERANCE) arrived = now;
    return (struct queue_message) {
        .queue_id   = c->queue_id,
        .sender     = c->sender,
        .params     = c->params,
        .user       = c->user,
        .message_id = c->message_id,
        .from       = c->from,
        .peer       = c->peer,
        .helo       = c->helo,
        .mechanism  = c->mechanism,
        .tls        = c->tls,
        .hold_why   = hold_why(c),
        .account    = c->account,
        .owner      = c->owner,
        .credential = c->credential,
        .size       = c->size,
        .arrived    = arrived,
        .release    = release_of(q, c, arrived, now),
        .deadline   = deadline_of(c, now),
        .in_file    = c->draft != 0,
        .legacy     = c->legacy != 0,
        .foreign    = c->foreign != 0,
    };
}

/* ---- drafts ---------------------------------------------------------------------------------------------------------------- */
static struct draft *find_draft(struct queue *q, const struct ipc *from, uint64_t number)
{
    for (size_t i = 0; i < DRAFTS_MOST; i++)
        if (q->drafts[i].number == number && q->drafts[i].from == from) return &q->drafts[i];
    return NULL;
}

static struct draft *free_draft(struct queue *q)
{
    for (size_t i = 0; i < DRAFTS_MOST; i++)
        if (!q->drafts[i].number) return &q->drafts[i];
    return NULL;
}

static void drop_draft(struct queue *q, struct draft *d)
{
    queue_draft_drop(q->store, d->number); /* no file of that name once it has been kept */
    (void)close(d->fd);
    *d = (struct draft) { 0 };
}

static gp_status keep_draft(struct queue *q, const struct asker *asker, const struct msg_commit *c)
{
    if (!c->draft) return GP_OK;
    struct draft *d = find_draft(q, asker->from, c->draft);
    if (!d) return GP_PERMFAIL;
    gp_status status = queue_draft_keep(q->store, d->number, d->fd, c->size, c->queue_id);
    drop_draft(q, d);
    return status;
}

static bool is_space_short(struct queue *q)
{
    uint64_t octets = 0;
    bool     low    = queue_space(q->store, &octets) == GP_OK && octets < q->config->queue.free_space;
    if (low != q->space_was_short)
        LOG(low ? LOG_ERROR : LOG_INFO, "queue", LOG_Z("space", low ? "short: new mail is put off" : "enough again"),
            LOG_N("free", octets), LOG_N("wanted", q->config->queue.free_space));
    return q->space_was_short = low;
}

void intake_draft(struct queue *q, struct asker asker, const struct msg *m)
{
    struct draft *d     = is_space_short(q) ? NULL : free_draft(q);
    struct msg    said  = MSG(DRAFTED);
    said.drafted.status = GP_TEMPFAIL;
    if (d) {
        d->fd = queue_draft_open(q->store, q->last_draft + 1);
        if (d->fd >= 0) {
            d->number           = ++q->last_draft;
            d->from             = asker.from;
            said.drafted.status = GP_OK;
            said.drafted.draft  = d->number;
            said.fds[0]         = d->fd;
        } else {
            LOG(LOG_ERROR, "queue", LOG_Z("failed", "to make a file for a large message"),
                LOG_N("session", m->draft.session));
        }
    }
    q->exits->answer(q, asker, &said);
}

void intake_abort(struct queue *q, const struct ipc *from, const struct msg *m)
{
    struct draft *d = m->draft_abort.draft ? find_draft(q, from, m->draft_abort.draft) : NULL;
    if (d) drop_draft(q, d);
}

void intake_gone(struct queue *q, const struct ipc *from)
{
    for (size_t i = 0; i < DRAFTS_MOST; i++)
        if (q->drafts[i].number && q->drafts[i].from == from) drop_draft(q, &q->drafts[i]);
    for (size_t i = 0; i < q->batch.ask_count; i++)
        if (q->batch.asks[i].asker.from == from) q->batch.asks[i].asker.question = 0; /* nobody is there to be told */
}

/* ---- COMMIT ---------------------------------------------------------------------------------------------------------------- */
static void refuse(struct queue *q, struct asker asker, const struct msg *m, gp_status status, const char *why)
{
    struct msg said         = MSG(COMMITTED);
    said.committed.status   = status;
    said.committed.queue_id = m->commit.queue_id;
    said.committed.why      = gp_from(why);
    LOG(LOG_WARN, "refused", LOG_N("session", m->commit.session), LOG_S("queue_id", m->commit.queue_id),
        LOG_Z("reason", why));
    q->exits->answer(q, asker, &said);
}

static void wake_lanes(struct queue *q, const struct queue_recipient *to, size_t count, gp_time due, gp_time now)
{
    for (size_t i = 0; i < count; i++)
        if (!i || !gp_same(to[i].destination, to[i - 1].destination))
            (void)lanes_wake(&q->lanes, to[i].destination, due, now);
}

/* The answer follows with the batch. */
static void remember_to_answer(struct queue *q, struct asker asker, const struct queue_message *message)
{
    struct ask *ask = &q->batch.asks[q->batch.ask_count++];
    ask->asker      = asker;
    if (!gp_copy_z(message->queue_id, ask->queue_id, sizeof ask->queue_id)) ask->queue_id[0] = '\0';
}

static void add(struct queue *q, struct asker asker, const struct msg *m, struct gp_arena *arena, gp_time now)
{
    char                       room[HOLD_WHY_MOST];
    struct gp_text             why     = GP_TEXT(room);
    size_t                     count   = 0;
    const struct config_route *holds   = NULL;
    struct queue_message       message = message_of(q, &m->commit, now);
    gp_time                    due     = message.release ? message.release : now;
    struct queue_recipient    *to      = read_recipients(q, arena, &m->commit, due, &count, &holds);
    if (holds && !m->commit.hold) message.hold_why = put_held_by(&why, holds);
    if (!to) return refuse(q, asker, m, GP_PERMFAIL, "malformed recipients");
    gp_status kept = keep_draft(q, &asker, &m->commit);
    if (kept != GP_OK) return refuse(q, asker, m, GP_TEMPFAIL, "the file of the message could not be kept");
    bool      open   = batch_open(q);
    gp_status status = open ? queue_add(q->store, &message, to, count, m->commit.body) : GP_PERMFAIL;
    if (status == GP_PERMFAIL) {
        if (message.in_file) queue_body_drop(q->store, message.queue_id);
        return refuse(q, asker, m, GP_TEMPFAIL, open ? "the queue id is taken" : store_why(q));
    }
    remember_to_answer(q, asker, &message);
    if (status != GP_OK) {
        store_trouble(q, "to add a message");
        batch_fail(q, now);
        return;
    }
    if (!m->commit.hold) wake_lanes(q, to, count, due, now);
}

void intake_commit(struct queue *q, struct asker asker, const struct msg *m, gp_time now)
{
    struct gp_arena arena = { .most = INTAKE_MOST };
    if (q->batch.ask_count == BATCH_ASKS_MOST) batch_flush(q, now);
    if (!is_sound(&m->commit))
        refuse(q, asker, m, GP_PERMFAIL, "malformed message from smtpd");
    else if (is_space_short(q))
        refuse(q, asker, m, GP_TEMPFAIL, "space");
    else
        add(q, asker, m, &arena, now);
    gp_arena_reset(&arena);
}
