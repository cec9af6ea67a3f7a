/* Receivers of events: what each has not been told yet is read from the audit, a page at a time, and only what is committed.
 *
 *   state     what it waits for                                   leaves when
 *   idle      rows (behind)                                       a page has been read: busy; or nothing was wanted: idle
 *   busy      the receiver's word on its page                     OK: idle; refused: a smaller page at once, or left out; else: waiting
 *   waiting   due, later after each failure                       that time */
#include "queue/events.h"

#include <stdlib.h>

#include "queue/parts.h"

enum {
    ROWS_MOST    = 512, /* looked at in one turn             */
    FIRST_WAIT   = 1 * SECOND,
    WAIT_MOST    = 10 * 60 * SECOND,
    SHIFTS_MOST  = 10,
    NOBODY_WAITS = 1 * SECOND,
};

static const struct form {
    const char *name, *open, *between, *close;
} forms[EVENTS_RECEIVERS] = {
    [EVENTS_FILE]    = {"file",     "",  "\n",  "\n"},
    [EVENTS_WEBHOOK] = { "webhook", "[", ",\n", "]" },
};

static const struct form *form_of(const struct receiver *r)
{
    return &forms[r - r->queue->events->receivers];
}

/* ---- coming and going ------------------------------------------------------------------------------------------------------ */
static bool open_receiver(struct queue *q, size_t which, bool wanted)
{
    struct receiver *r = &q->events->receivers[which];
    *r                 = (struct receiver) { .queue = q, .wanted = wanted, .behind = true, .most = EVENTS_PAGE_MOST };
    return !wanted || events_begin(queue_database(q->store), forms[which].name, &r->reached) == GP_OK;
}

bool events_open(struct queue *q)
{
    const struct config *c = q->config;
    if (!c->events.file[0] && !c->events.webhook[0]) return true;
    struct events *e = calloc(1, sizeof *e);
    q->events        = e;
    if (!e) return false;
    e->file = e->next_file = -1;
    e->house.host          = c->hostname;
    e->house.types         = c->events.types;
    if (events_chain(queue_database(q->store), e->house.chain) == GP_OK &&
        open_receiver(q, EVENTS_FILE, c->events.file[0] != '\0') &&
        open_receiver(q, EVENTS_WEBHOOK, c->events.webhook[0] != '\0'))
        return true;
    store_trouble(q, "to read how far events were told");
    return false;
}

void events_close(struct queue *q)
{
    if (!receivers_hang(q)) free(q->events);
    q->events = NULL;
}

void events_news(struct queue *q)
{
    for (size_t i = 0; q->events && i < EVENTS_RECEIVERS; i++) q->events->receivers[i].behind = true;
}

/* ---- how far they have got -------------------------------------------------------------------------------------------------- */
void events_keep(struct queue *q)
{
    for (size_t i = 0; q->events && i < EVENTS_RECEIVERS; i++) {
        const struct receiver *r = &q->events->receivers[i];
        if (r->dirty && events_reached(queue_database(q->store), forms[i].name, r->reached) != GP_OK)
            store_trouble(q, "to keep how far events were told"); /* then they are told once more */
    }
}

void events_kept(struct queue *q)
{
    for (size_t i = 0; q->events && i < EVENTS_RECEIVERS; i++) q->events->receivers[i].dirty = false;
}

void events_rest(struct queue *q)
{
    bool dirty = false;
    for (size_t i = 0; q->events && i < EVENTS_RECEIVERS; i++) dirty |= q->events->receivers[i].dirty;
    if (!dirty || queue_is_open(q->store) || queue_begin(q->store) != GP_OK) return;
    events_keep(q);
    if (queue_commit(q->store) == GP_OK) events_kept(q);
}

/* ---- a page ----------------------------------------------------------------------------------------------------------------- */
static void put_between(struct receiver *r)
{
    gp_put_z(&r->page, r->count ? form_of(r)->between : form_of(r)->open);
}

static bool add_missed(struct receiver *r, int64_t before, uint64_t missed, gp_time now)
{
    size_t start = r->page.len;
    put_between(r);
    if (event_put_missed(&r->page, &r->queue->events->house, before - 1, now, missed)) {
        r->tells_missed = missed;
        r->count++;
        return true;
    }
    r->page.len = start;
    return false;
}

/* All that the row tells, or nothing of it. */
static bool add_row(struct receiver *r, const struct audit_row *row, const char *const *types, size_t count)
{
    size_t start = r->page.len, before = r->count;
    if (r->count && r->count + count > r->most) return false;
    for (size_t i = 0; i < count; i++) {
        put_between(r);
        if (!event_put(&r->page, &r->queue->events->house, row, types[i])) {
            r->page.len = start;
            r->count    = before;
            return false;
        }
        r->count++;
    }
    return true;
}

/* false: the page is full, and the row belongs to the next. */
static bool take_row(struct receiver *r, const struct audit_row *row, uint64_t *missed, gp_time now)
{
    const char *types[EVENT_OF_ROW];
    gp_time     oldest = now - (gp_time)r->queue->config->events.keep * SECOND;
    size_t      count  = event_types(&r->queue->events->house, row, types);
    *missed += (uint64_t)(row->seq - r->last - 1); /* aged out of the audit before it was told */
    if (row->when < oldest) {
        *missed += count;
    } else if (count) {
        if (*missed && !r->tells_missed && !add_missed(r, row->seq, *missed, now)) return false;
        if (r->count >= r->most || !add_row(r, row, types, count)) return false;
        if (r->first == 0) r->first = row->seq;
    }
    r->last = row->seq;
    return true;
}

static gp_status read_page(struct receiver *r, gp_time now)
{
    char                      room[AUDIT_FILTER_ROOM];
    const struct audit_filter filter = { .after = r->reached };
    struct audit_row          row;
    uint64_t                  missed = r->missed;
    gp_status                 status = GP_OK;
    size_t                    rows   = 0;
    r->page                          = (struct gp_text)GP_TEXT(r->room);
    r->page.room -= 2; /* for what closes it */
    r->count        = 0;
    r->first        = 0;
    r->last         = r->reached;
    r->tells_missed = 0;
    auto_rows found = audit_rows(queue_database(r->queue->store), &filter, room);
    while (rows < ROWS_MOST && (status = audit_next(&found, &row)) == GP_OK && take_row(r, &row, &missed, now)) rows++;
    r->behind = status == GP_OK;
    if (!r->tells_missed) r->missed = missed;
    r->page.room += 2;
    if (r->count) gp_put_z(&r->page, form_of(r)->close);
    return status == GP_PERMFAIL ? GP_OK : status;
}

static void reach(struct receiver *r, int64_t seq)
{
    r->dirty |= seq != r->reached;
    r->reached = seq;
}

static void serve(struct receiver *r, gp_time now)
{
    if (read_page(r, now) != GP_OK) {
        store_trouble(r->queue, "to read what receivers of events are to be told");
        r->due    = now + REST_AFTER_TROUBLE;
        r->behind = true;
        return;
    }
    if (!r->count) return reach(r, r->last); /* nothing that it wants */
    r->busy = r->queue->exits->post(r);
    if (r->busy) return;
    r->due    = now + NOBODY_WAITS;
    r->behind = true;
}

static bool may_serve(const struct receiver *r, gp_time now)
{
    return r->wanted && r->behind && !r->busy && !schedule_rests(r->due, WAIT_MOST, now);
}

bool events_turn(struct queue *q, gp_time now)
{
    bool more = false;
    if (!q->events || queue_is_open(q->store)) return false; /* what is not committed has not happened */
    for (size_t i = 0; i < EVENTS_RECEIVERS; i++) {
        struct receiver *r = &q->events->receivers[i];
        if (may_serve(r, now)) serve(r, now);
        more |= may_serve(r, now);
    }
    return more;
}

/* ---- its word ----------------------------------------------------------------------------------------------------------------- */
static void taken(struct receiver *r)
{
    if (r->failures) LOG(LOG_INFO, "events", LOG_Z("receiver", form_of(r)->name), LOG_Z("state", "takes them again"));
    if (r->tells_missed)
        LOG(LOG_WARN, "events", LOG_Z("receiver", form_of(r)->name), LOG_N("missed", r->tells_missed),
            LOG_Z("reason", "it did not take them for as long as events.keep"));
    if (r->tells_missed) r->missed = 0;
    r->failures = 0;
    r->most     = 2 * r->most < EVENTS_PAGE_MOST ? 2 * r->most : EVENTS_PAGE_MOST;
    reach(r, r->last);
}

/* Among many, the one that is meant has to be found. */
static void refused(struct receiver *r, gp_str why)
{
    if (r->count > 1 && r->most > 1) {
        r->most = r->count / 2;
        return;
    }
    LOG(LOG_ERROR, "events", LOG_Z("receiver", form_of(r)->name), LOG_N("row", r->last), LOG_S("reason", why),
        LOG_Z("hint", "this event is not told again"));
    if (r->tells_missed) r->missed = 0;
    reach(r, r->last);
}

static void failed(struct receiver *r, gp_str why, gp_time now)
{
    unsigned shift = r->failures < SHIFTS_MOST ? r->failures : SHIFTS_MOST;
    gp_time  wait  = (gp_time)FIRST_WAIT << shift;
    r->due         = now + (wait < WAIT_MOST ? wait : WAIT_MOST);
    LOG(r->failures ? LOG_INFO : LOG_ERROR, "events", LOG_Z("receiver", form_of(r)->name), LOG_S("reason", why),
        LOG_N("next_try_in_ms", r->due - now), LOG_Z("hint", "they are kept, and told later; mail does not wait"));
    r->failures++;
}

void events_answer(struct receiver *r, gp_status status, gp_str why, gp_time now)
{
    r->busy   = false;
    r->behind = true;
    if (status == GP_OK)
        taken(r);
    else if (status == GP_PERMFAIL)
        refused(r, why);
    else
        failed(r, why, now);
}
