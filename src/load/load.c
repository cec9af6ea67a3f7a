/* The run: when clients start, the loop over all of them, and what is counted.
 *
 * Open loop: start number n is due at n / rate, whatever became of those before; one that has to wait for a free place keeps its due time, and
 * all that it goes through is measured from there. Closed loop: a start is due when a place is free. */
#include "load/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MICROS = 1000000, TENTH_NS = 100000000, NANOS = 1000, EVENTS_MOST = 256, OPENING_MOST = 64, FILES_BESIDE = 16 };

const char *const load_stages[LOAD_STAGES] = { "connect", "tls", "sign-in", "message", "whole", "idle" };

int64_t load_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * MICROS + t.tv_nsec / NANOS;
}

/* ---- counting ------------------------------------------------------------------------------------------------------------ */
void load_timed(struct client *c, enum load_stage stage)
{
    if (c->counts) histogram_add(&c->load->result->stages[stage], load_now() - c->marks[stage]);
}

static void put_printable(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) gp_put_char(out, text.ptr[i] >= ' ' && text.ptr[i] < 127 ? text.ptr[i] : '?');
}

/* The row of that kind, the last one where there is no row left; NULL: there is none yet. */
static struct load_error *find_error(struct load_result *r, enum load_stage stage, gp_str kind)
{
    for (size_t i = 0; i < r->error_count; i++) {
        gp_str what = gp_from(r->errors[i].what);
        if (r->errors[i].stage == stage && gp_same(gp_head(what, kind.len), kind)) return &r->errors[i];
    }
    return r->error_count == LOAD_ERRORS_MOST ? &r->errors[LOAD_ERRORS_MOST - 1] : NULL;
}

void load_failed_as(struct client *c, const char *what, gp_str detail, size_t kind)
{
    struct load_result *r = c->load->result;
    struct load_error new = { .stage = c->stage };
    struct gp_text text   = { .ptr = new.what, .room = sizeof new.what - 1 };
    if (!c->counts && !c->idle) return;
    gp_put_z(&text, what);
    if (detail.len) gp_put_z(&text, ": ");
    kind += text.len;
    put_printable(&text, detail);
    r->failures++;
    struct load_error *row = find_error(r, c->stage, gp_head(gp_said(&text), kind));
    if (!row) {
        row  = &r->errors[r->error_count++];
        *row = new;
        if (r->error_count == LOAD_ERRORS_MOST) *row = (struct load_error) { .stage = c->stage, .what = "(others)" };
    }
    row->count++;
}

void load_failed(struct client *c, const char *what, gp_str detail)
{
    load_failed_as(c, what, detail, detail.len);
}

void load_gone(struct client *c)
{
    struct load *l = c->load;
    if (c->before) c->before->next = c->next;
    if (c->next) c->next->before = c->before;
    if (l->first == c) l->first = c->next;
    l->open--;
    if (c->idle) l->idle_open--;
    if (c->held) l->held--;
    client_free(c);
}

/* ---- starts ---------------------------------------------------------------------------------------------------------------- */
static bool is_open_loop(const struct load *l)
{
    return l->plan->rate > 0;
}

static unsigned busy(const struct load *l)
{
    return l->open - l->idle_open;
}

/* -1: none is due any more. */
static int64_t next_start(const struct load *l, int64_t now)
{
    int64_t due = is_open_loop(l) ? l->next_due : now < l->rest_until ? l->rest_until : now;
    return due < l->until ? due : -1;
}

static void start_those_due(struct load *l)
{
    int64_t now = load_now(), due = next_start(l, now);
    for (unsigned n = 0; n < OPENING_MOST && due >= 0 && due <= now && busy(l) < l->plan->connections; n++) {
        if (is_open_loop(l)) l->next_due = l->began + (int64_t)((double)++l->starts * MICROS / l->plan->rate);
        (void)client_open(l, due, false); /* where that fails it is counted */
        now = load_now();
        due = next_start(l, now);
    }
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------------- */
/* Until the next start, and not longer than a tenth of a second. */
static struct timespec patience(const struct load *l)
{
    enum { MOST = MICROS / 10 };
    int64_t now = load_now(), due = next_start(l, now), left = MOST;
    if (due >= 0 && busy(l) < l->plan->connections) left = due - now;
    if (left < 0) left = 0;
    if (left > MOST) left = MOST;
    return (struct timespec) { .tv_nsec = (long)left * NANOS };
}

static void turn(struct load *l, bool starts)
{
    struct epoll_event events[EVENTS_MOST];
    struct timespec    wait  = starts ? patience(l) : (struct timespec) { .tv_nsec = TENTH_NS };
    int                count = epoll_pwait2(l->epoll, events, EVENTS_MOST, &wait, NULL);
    for (int i = 0; i < count; i++) (void)client_ready(events[i].data.ptr, events[i].events);
    if (starts) start_those_due(l);
}

static void give_up_on_those_who_stand_still(struct load *l)
{
    int64_t oldest = load_now() - (int64_t)l->plan->timeout * MICROS;
    for (struct client *c = l->first, *next; c; c = next) {
        next = c->next;
        if (c->held || c->moved > oldest) continue;
        load_failed(c, "no answer in time", GP_LIT(""));
        load_gone(c);
    }
}

static void each_second(struct load *l, int64_t *next)
{
    int64_t now = load_now();
    if (now < *next) return;
    *next = now + MICROS;
    give_up_on_those_who_stand_still(l);
    if (l->plan->progress) l->plan->progress(l->plan->owner, (double)(now - l->began) / MICROS, l->result);
}

/* ---- the parts of a run -------------------------------------------------------------------------------------------------------- */
static void open_idle(struct load *l)
{
    int64_t next = load_now() + MICROS;
    l->until     = INT64_MAX;
    while (l->idle_begun < l->plan->idle || l->held < l->idle_open) {
        while (l->idle_begun < l->plan->idle && l->idle_open - l->held < OPENING_MOST) {
            l->idle_begun++;
            (void)client_open(l, load_now(), true);
        }
        turn(l, false);
        each_second(l, &next);
    }
}

static void measure(struct load *l)
{
    const struct load_plan *p    = l->plan;
    int64_t                 next = load_now() + MICROS;
    l->began = l->next_due = load_now();
    l->counted_from        = l->began + (int64_t)(p->warm_up * MICROS);
    l->until               = l->counted_from + (int64_t)(p->seconds * MICROS);
    while (load_now() < l->until) {
        if (p->connections) start_those_due(l);
        turn(l, p->connections > 0);
        each_second(l, &next);
    }
    while (is_open_loop(l) && next_start(l, l->until) >= 0 && busy(l) < p->connections)
        start_those_due(l); /* a long turn may have kept them */
    l->result->seconds = p->seconds;
    if (is_open_loop(l) && l->next_due < l->until)
        l->result->late = (uint64_t)((double)(l->until - l->next_due) / MICROS * p->rate);
    while (busy(l) > 0) { /* those who are under way count, however long they take */
        turn(l, false);
        each_second(l, &next);
    }
    l->result->idle = l->held;
}

static bool raise_limit(const struct load_plan *p, const char **why)
{
    struct rlimit files;
    uint64_t      needs = (uint64_t)p->connections + p->idle + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return true;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max != RLIM_INFINITY && needs > files.rlim_max) {
        *why = "so many connections need more open files than this process may have (ulimit -Hn)";
        return false;
    }
    return true;
}

bool load_run(struct load_plan *p, struct load_result *r, const char **why)
{
    struct load l = { .plan = p, .result = r, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    l.smtp_plan   = (struct gp_smtp_plan) { .helo         = p->helo,
                                            .use_tls      = p->starttls,
                                            .must_tls     = p->starttls,
                                            .implicit_tls = p->tls && !p->starttls,
                                            .may_auth     = p->login_count > 0,
                                            .must_auth    = p->login_count > 0 };
    *r            = (struct load_result) { 0 };
    if (l.epoll < 0) *why = "no epoll";
    if (l.epoll < 0 || !raise_limit(p, why)) return false;
    open_idle(&l);
    measure(&l);
    while (l.first) load_gone(l.first);
    if (l.session) gp_tls_session_close(l.session);
    close(l.epoll);
    return true;
}
