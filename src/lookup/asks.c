/* From vault's question to the answer: the breaker, a seat or the line, the thread, the deadline.
 *
 *   an ask is     in             leaves when
 *   waiting       line           a seat is free: asked; its deadline passes, it is pushed out, or the breaker opens: TEMPFAIL
 *   asked         seat           the thread is done: answered; its deadline passes: TEMPFAIL, and the seat stays taken
 *   overdue       seat           the thread is done: nothing more is said
 *   parked        parked         what its type waits for has come: woken; its deadline passes: TEMPFAIL
 *   woken         woken          a seat is free: asked once more; its deadline passes: TEMPFAIL
 *
 * A process whose seats are all overdue for long ends itself: its threads hang in a library, and a fresh one has fresh threads. */
#include <stdlib.h>
#include <unistd.h>

#include "lookup/parts.h"

static const char left_alone[] = "the source is left alone after failures";

enum { HANGING = 3, EXIT_HANGING = 3, LOOK_MS = 100 }; /* HANGING: times the timeout, after the deadline */

/* ---- answers -------------------------------------------------------------------------------------------------------------- */
static void put_subject(struct gp_text *out, const struct lookup *l, const struct question *q)
{
    if (!q->subject[0]) return;
    gp_put_z(out, l->source.plan->issuer);
    gp_put_char(out, ' ');
    gp_put_z(out, q->subject);
}

static void answer(struct ask *a, const struct question *q)
{
    char           room[CONFIG_TEXT + LOOKUP_NAME];
    struct gp_text subject = GP_TEXT(room);
    struct lookup *l       = a->lookup;
    struct msg     m       = MSG(LOOKED);
    put_subject(&subject, l, q);
    a->answered = true;
    if (a->life != l->life) return; /* who asked is no more */
    m.looked = (struct msg_looked) {
        .status  = (uint64_t)q->status,
        .known   = q->known,
        .ends    = q->status == GP_OK ? (uint64_t)q->ends : 0,
        .user    = q->name[0] ? gp_from(q->name) : GP_NONE,
        .hash    = q->status == GP_WAIT ? gp_from(q->hash) : GP_NONE,
        .subject = q->status == GP_OK && subject.len ? gp_said(&subject) : GP_NONE,
        .why     = gp_from(q->why),
    };
    ipc_answer(l->vault, a->number, &m);
}

/* Not from the question itself: a thread may be writing there. */
static void put_off(struct ask *a, const char *why)
{
    struct question no = { .kind = a->q.kind };
    question_unclear(&no, why, NULL);
    answer(a, &no);
}

static void ask_free(struct ask *a)
{
    gp_wipe(a, sizeof *a);
    free(a);
}

static void put_off_all(struct lookup *l, const char *why)
{
    for (struct waiting *w = line_take(l->line); w; w = line_take(l->line)) {
        put_off((struct ask *)w, why);
        ask_free((struct ask *)w);
    }
}

/* ---- what it means for the breaker ------------------------------------------------------------------------------------------ */
static void note_change(struct lookup *l, enum breaker_change change, const char *why)
{
    if (change == BREAKER_MENDED)
        LOG(LOG_INFO, "source", LOG_Z("source", l->source.plan->name), LOG_Z("state", "answers again"));
    if (change != BREAKER_OPENED) return;
    LOG(LOG_ERROR, "source", LOG_Z("source", l->source.plan->name),
        LOG_Z("problem", "failed too often in a row: its users are told to try again later"), LOG_Z("reason", why),
        LOG_N("next_try_in_ms", l->breaker.pause));
    put_off_all(l, left_alone);
}

static void note_result(struct ask *a, bool good, const char *why)
{
    struct lookup *l = a->lookup;
    note_change(l, breaker_result(&l->breaker, good, a->probe, loop_now(l->loop)), why);
}

/* One that no thread has. A probe that comes to nothing is a failure, or the breaker would wait for it for ever. */
static void give_up(struct ask *a, const char *why)
{
    put_off(a, why);
    if (a->probe) note_result(a, false, why);
    ask_free(a);
}

/* ---- those that have been asked, and will be again ------------------------------------------------------------------------- */
static void push(struct ask_list *list, struct ask *a)
{
    a->waiting.next = NULL;
    if (list->last)
        list->last->waiting.next = &a->waiting;
    else
        list->first = a;
    list->last = a;
    list->count++;
}

static struct ask *pop(struct ask_list *list)
{
    struct ask *a = list->first;
    if (!a) return NULL;
    list->first = (struct ask *)a->waiting.next;
    if (!list->first) list->last = NULL;
    list->count--;
    a->waiting.next = NULL;
    return a;
}

static void park(struct ask *a, struct ask_list *list)
{
    struct lookup *l = a->lookup;
    if (l->parked.count + l->woken.count < l->source.plan->waiting)
        push(list, a);
    else
        give_up(a, "too many questions wait for the source");
}

static void give_up_late(struct ask_list *list, gp_time now)
{
    for (size_t left = list->count; left; left--) {
        struct ask *a = pop(list);
        if (a->waiting.deadline <= now)
            give_up(a, "what it waited for did not come in time");
        else
            push(list, a);
    }
}

/* ---- seats -------------------------------------------------------------------------------------------------------------------- */
static struct seat *free_seat(struct lookup *l)
{
    for (size_t i = 0; i < l->source.seats; i++)
        if (!l->seats[i].ask) return &l->seats[i];
    return NULL;
}

/* Deciphering and signatures leave pieces of what they work on in the thread's stack, and the thread lives on. */
__attribute__((noinline)) void asks_wipe_stack(void)
{
    enum { STACK_WIPED = 256 * 1024 };
    char below[STACK_WIPED];
    gp_wipe(below, sizeof below);
}

static void on_thread(void *job)
{
    struct ask *a = job;
    a->lookup->source.type->ask(&a->lookup->source, &a->seat->state, &a->q);
    if (!a->lookup->source.type->settle) gp_wipe(a->q.secret, sizeof a->q.secret); /* else it may be asked again */
    asks_wipe_stack();
}

static void on_loop(void *job);
static void look_at_time(void *owner);

static enum settled settle(struct ask *a)
{
    const struct source_type *type = a->lookup->source.type;
    enum settled              said = type->settle ? type->settle(&a->q) : SETTLED;
    return a->answered ? SETTLED : said;
}

static bool sit_down(struct ask *a, struct seat *s)
{
    const struct source_type *type = a->lookup->source.type;
    a->seat                        = s;
    if (type->lend) type->lend(&a->q);
    if (!loop_work(a->lookup->loop, on_thread, on_loop, a)) {
        (void)settle(a);
        return false;
    }
    s->ask = a;
    return true;
}

static void fill_seats(struct lookup *l)
{
    for (struct seat *s = free_seat(l); s; s = free_seat(l)) {
        struct ask *a = pop(&l->woken);
        if (!a) a = (struct ask *)line_take(l->line);
        if (!a) return;
        if (!sit_down(a, s)) give_up(a, "no memory");
    }
}

static void finish(struct ask *a)
{
    if (!a->answered) {
        note_result(a, !a->q.failed, a->q.why);
        answer(a, &a->q);
    }
    ask_free(a);
}

static void on_loop(void *job)
{
    struct ask    *a = job;
    struct lookup *l = a->lookup;
    a->seat->ask     = NULL;
    switch (settle(a)) {
    case SETTLED: finish(a); break;
    case SETTLED_WAITS: park(a, &l->parked); break;
    case SETTLED_AGAIN: park(a, &l->woken); break;
    }
    fill_seats(l);
}

void asks_wake(struct lookup *l)
{
    for (struct ask *a = pop(&l->parked); a; a = pop(&l->parked)) push(&l->woken, a);
    fill_seats(l);
}

bool asks_running(const struct lookup *l)
{
    for (size_t i = 0; i < l->source.seats; i++)
        if (l->seats[i].ask) return true;
    return false;
}

/* ---- time ----------------------------------------------------------------------------------------------------------------------- */
/* Every seat is taken, by asks whose deadline passed that long ago. */
static bool all_overdue(const struct lookup *l, gp_time now, gp_time for_ms)
{
    for (size_t i = 0; i < l->source.seats; i++) {
        const struct ask *a = l->seats[i].ask;
        if (!a || now < a->waiting.deadline + for_ms) return false;
    }
    return true;
}

static void end_when_all_hang(const struct lookup *l, gp_time now)
{
    if (!all_overdue(l, now, (gp_time)HANGING * l->source.timeout_ms)) return;
    LOG(LOG_ERROR, "source", LOG_Z("source", l->source.plan->name),
        LOG_Z("problem", "all its workers hang: this process ends, and a fresh one begins"));
    helpers_end();
    _exit(EXIT_HANGING); /* no orderly end: threads would be waited for */
}

static void expire(struct lookup *l, gp_time now)
{
    for (size_t i = 0; i < l->source.seats; i++) {
        struct ask *a = l->seats[i].ask;
        if (!a || a->answered || now < a->waiting.deadline) continue;
        put_off(a, "the source gave no answer in time");
        note_result(a, false, "no answer in time");
    }
    if (all_overdue(l, now, 0)) note_change(l, breaker_trip(&l->breaker, now), "all workers are overdue");
    give_up_late(&l->parked, now);
    give_up_late(&l->woken, now);
    for (struct waiting *w = line_take_late(l->line, now); w; w = line_take_late(l->line, now)) {
        put_off((struct ask *)w, "no worker was free in time");
        ask_free((struct ask *)w);
    }
}

static bool is_idle(const struct lookup *l)
{
    return !asks_running(l) && !line_deadline(l->line) && !l->parked.count && !l->woken.count;
}

/* While anything is under way, often enough for a timeout of a second. */
static void look_at_time(void *owner)
{
    struct lookup *l   = owner;
    gp_time        now = loop_now(l->loop);
    expire(l, now);
    end_when_all_hang(l, now);
    if (!is_idle(l)) timer_set(l->tick, LOOK_MS);
}

/* ---- questions --------------------------------------------------------------------------------------------------------------------- */
static bool start(struct ask *a)
{
    struct lookup *l    = a->lookup;
    struct seat   *s    = free_seat(l);
    bool           idle = is_idle(l);
    if (!breaker_lets(&l->breaker, s != NULL, loop_now(l->loop))) {
        put_off(a, left_alone);
        return false;
    }
    a->probe = l->breaker.state == BREAKER_PROBING;
    if (s && !sit_down(a, s)) {
        put_off(a, "no memory");
        note_result(a, false, "no memory");
        return false;
    }
    struct waiting *out = s ? NULL : line_add(l->line, &a->waiting);
    if (out) {
        put_off((struct ask *)out, "too many questions wait for the source");
        if (out == &a->waiting) return false;
        ask_free((struct ask *)out);
    }
    if (idle) timer_set(l->tick, LOOK_MS);
    return true;
}

void asks_take_question(struct lookup *l, const struct msg *m)
{
    struct ask *a = calloc(1, sizeof *a);
    if (!a) {
        struct msg no    = MSG(LOOKED);
        no.looked.status = GP_TEMPFAIL;
        ipc_answer(l->vault, m->question, &no);
        return;
    }
    a->lookup           = l;
    a->life             = l->life;
    a->number           = m->question;
    a->waiting.deadline = loop_now(l->loop) + l->source.timeout_ms;
    line_key(m->lookup.peer, a->waiting.key);
    bool on_its_way = question_read(&a->q, &m->lookup, l->source.type->tokens);
    if (!on_its_way)
        answer(a, &a->q);
    else
        on_its_way = start(a);
    if (!on_its_way) ask_free(a);
}

bool asks_start(struct lookup *l)
{
    const struct config_lookup *plan = l->source.plan;
    l->breaker                       = (struct breaker) { .failures_most = plan->failures,
                                                          .pause_least   = (gp_time)plan->pause * LOOKUP_MS,
                                                          .pause_most    = (gp_time)plan->pause_most * LOOKUP_MS };
    l->seats                         = calloc(l->source.seats, sizeof *l->seats);
    l->line                          = line_open(plan->waiting);
    l->tick                          = timer_open(l->loop, look_at_time, l);
    return l->seats && l->line && l->tick && (!l->source.type->begin || l->source.type->begin(l));
}

void asks_end(struct lookup *l)
{
    for (struct waiting *w = line_take(l->line); w; w = line_take(l->line)) ask_free((struct ask *)w);
    for (struct ask *a = pop(&l->parked); a; a = pop(&l->parked)) ask_free(a);
    for (struct ask *a = pop(&l->woken); a; a = pop(&l->woken)) ask_free(a);
    if (l->source.type->end) l->source.type->end();
    for (size_t i = 0; i < l->source.seats; i++)
        if (l->seats[i].state) l->source.type->leave(l->seats[i].state);
    free(l->seats);
    line_close(l->line);
    timer_close(l->tick);
}
