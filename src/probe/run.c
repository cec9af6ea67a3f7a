/* A run: which ports, which probes, and what a probe says on the way. */
#include "probe/parts.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"

enum { EXCERPT_ROOM = PROBE_EXCERPT_LINES * PROBE_LINE_ROOM };

/* ---- what a probe says ------------------------------------------------------------------------------------------------- */
void probe_doing(struct probe_run *run, const char *what)
{
    if (run->plan->progress) run->plan->progress(run->plan->owner, run->where, what);
}

void probe_mark(struct probe_run *run)
{
    run->mark = run->line_count;
}

static gp_str excerpt(const struct probe_run *run, char room[static EXCERPT_ROOM])
{
    struct gp_text text  = { .ptr = room, .room = EXCERPT_ROOM };
    size_t         first = run->line_count > PROBE_EXCERPT_LINES ? run->line_count - PROBE_EXCERPT_LINES : 0;
    if (run->mark > first) first = run->mark;
    for (size_t i = first; i < run->line_count; i++) {
        if (text.len) gp_put_char(&text, '\n');
        gp_put_z(&text, run->lines[i % PROBE_EXCERPT_LINES]);
    }
    return gp_said(&text);
}

__attribute__((format(printf, 2, 0))) static gp_str print(char room[static PROBE_SEEN_MOST], const char *format,
                                                          va_list words)
{
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): not so, all begin it */
    int len = vsnprintf(room, PROBE_SEEN_MOST, format, words);
    return gp_head((gp_str) { room, len > 0 ? (size_t)len : 0 }, PROBE_SEEN_MOST - 1);
}

static void raise_with(struct probe_run *run, enum probe_id id, gp_str seen)
{
    char lines[EXCERPT_ROOM];
    probe_raise(run->report, id, run->where, seen, excerpt(run, lines));
}

void probe_found(struct probe_run *run, enum probe_id id, const char *format, ...)
{
    char    seen[PROBE_SEEN_MOST];
    va_list words;
    va_start(words, format);
    raise_with(run, id, print(seen, format, words));
    va_end(words);
}

void probe_judge(struct probe_run *run, enum probe_id id, bool fine, const char *format, ...)
{
    char    seen[PROBE_SEEN_MOST];
    va_list words;
    probe_look(run->report, id);
    if (fine) return;
    va_start(words, format);
    raise_with(run, id, print(seen, format, words));
    va_end(words);
}

void probe_fact(struct probe_run *run, enum probe_area area, const char *format, ...)
{
    char    what[PROBE_SEEN_MOST];
    va_list words;
    va_start(words, format);
    probe_learn(run->report, area, run->where, print(what, format, words));
    va_end(words);
}

unsigned probe_moment(const struct probe_run *run)
{
    return run->local ? PROBE_MOMENT_NEAR_MS : PROBE_MOMENT_MS;
}

bool probe_offered(gp_str mechanisms, const char *name)
{
    while (mechanisms.len > 0)
        if (gp_is(gp_word(&mechanisms), name)) return true;
    return false;
}

/* ---- reaching it ------------------------------------------------------------------------------------------------------- */
static bool is_port(const struct probe_run *run, const char *port)
{
    return strcmp(run->port, port) == 0;
}

/* The greeting that says nothing for a while may be TLS that waits for us. */
static bool reaches(struct probe_run *run)
{
    auto_call c = { 0 };
    if (call_open(&c, run, NULL)) {
        if (!run->plan->as) probe_first_lines(&c);
        return true;
    }
    enum talk_fault fault = c.talk ? talk_fault(c.talk) : TALK_NO_MEMORY;
    const char     *why   = c.talk ? talk_why(c.talk) : "no memory";
    bool reached = fault != TALK_NO_CONNECTION && fault != TALK_NO_HOST && !(fault == TALK_LATE && !*talk_peer(c.talk));
    if (!reached) {
        if (!run->may_be_absent) probe_found(run, FOUND_REACH_NO_CONNECTION, "%s", why);
    } else if (fault == TALK_BAD_TLS) {
        probe_found(run, FOUND_TLS_BROKEN, "%s", why);
    } else if (fault == TALK_NO_FAULT) {
        probe_found(run, FOUND_REACH_NO_GREETING, "the greeting is %d", c.reply.code);
    } else {
        probe_found(run, FOUND_REACH_NO_GREETING, "%s", why);
    }
    return false;
}

static bool greets_in_clear(struct probe_run *run)
{
    struct probe_plan hasty = *run->plan;
    enum { GREETING_MS = 5000 };
    if (hasty.step_ms > GREETING_MS) hasty.step_ms = GREETING_MS;
    const struct probe_plan *plan = run->plan;
    /* cppcheck-suppress autoVariables ; it is put back before the end */
    run->plan                     = &hasty;
    auto_call c                   = { 0 };
    bool      greeted = call_open(&c, run, NULL) || !c.talk || talk_fault(c.talk) != TALK_LATE || !run->connected;
    call_close(&c);
    run->plan = plan;
    return greeted;
}

static enum talk_tls choose_tls(struct probe_run *run)
{
    if (run->plan->tls || (!run->plan->starttls && is_port(run, "465"))) return TALK_IMPLICIT;
    run->tls = TALK_CLEAR;
    if (run->plan->starttls || is_port(run, "587") || is_port(run, "25")) return TALK_CLEAR;
    return greets_in_clear(run) ? TALK_CLEAR : TALK_IMPLICIT;
}

/* ---- the probes ---------------------------------------------------------------------------------------------------------- */
static const struct {
    const char *doing;
    probe_one  *run;
    bool        needs_session;
} probes[] = {
    {"the first words",      probe_hello,       false},
    { "the certificate",     probe_certificate, true },
    { "versions and suites", probe_tls,         false},
    { "signing in",          probe_auth,        true },
    { "sending without it",  probe_relay,       true },
    { "lines",               probe_lines,       true },
    { "TLS in other ways",   probe_other_ways,  true },
    { "silence",             probe_idle,        true },
    { "the account",         probe_account,     true },
};

static bool probe_port(struct probe_run *run)
{
    run->tls = choose_tls(run);
    probe_doing(run, "connecting");
    probe_look(run->report, FOUND_REACH_NO_CONNECTION);
    probe_look(run->report, FOUND_REACH_NO_GREETING);
    if (!reaches(run)) return false;
    if (run->plan->as) {
        probe_as_clients(run);
        return true;
    }
    for (size_t i = 0; i < GP_COUNT(probes); i++) {
        if (probes[i].needs_session && !run->works) continue;
        probe_doing(run, probes[i].doing);
        probes[i].run(run);
    }
    call_end_sharing(run);
    if (run->ticket) gp_tls_session_close(run->ticket);
    return true;
}

static bool is_loopback(const char *host)
{
    gp_str name = gp_from(host);
    return gp_is(name, "localhost") || gp_starts(name, "127.") || gp_is(name, "::1");
}

static void begin(struct probe_run *run, const struct probe_plan *plan, struct probe_report *report, const char *port)
{
    bool brackets = strchr(plan->host, ':') != NULL;
    *run          = (struct probe_run) { .plan = plan, .report = report, .port = port };
    (void)snprintf(run->where, sizeof run->where, "%s%s%s:%s", brackets ? "[" : "", plan->host, brackets ? "]" : "",
                   port);
    run->local      = is_loopback(plan->host);
    run->submission = strcmp(port, "25") != 0;
}

/* No port named: those that clients know. One that does not answer is a note, unless none does. */
static bool probe_usual(const struct probe_plan *plan, struct probe_report *report, struct probe_run *run)
{
    static const struct {
        const char   *port;
        enum probe_id absent;
    } usual[] = {
        {"465",  FOUND_REACH_NO_SUBMISSIONS                                 },
        { "587", FOUND_REACH_NO_SUBMISSION                                  },
        { "25",  PROBE_FINDINGS /* a server for submission alone has none */},
    };
    size_t reached = 0;
    for (size_t i = 0; i < GP_COUNT(usual); i++) {
        begin(run, plan, report, usual[i].port);
        run->may_be_absent = true;
        bool there         = probe_port(run);
        reached += there;
        if (usual[i].absent == PROBE_FINDINGS) continue;
        probe_judge(run, usual[i].absent, there || run->connected, "no connection");
    }
    if (!reached) probe_found(run, FOUND_REACH_NO_CONNECTION, "neither 465, 587 nor 25 answers");
    return reached > 0;
}

bool probe_server(const struct probe_plan *plan, struct probe_report *report)
{
    struct probe_run *run = calloc(1, sizeof *run);
    report->lost          = report->lost || !run;
    if (!run) return false;
    if (plan->port) begin(run, plan, report, plan->port);
    bool there = plan->port ? probe_port(run) : probe_usual(plan, report, run);
    free(run);
    return there;
}
