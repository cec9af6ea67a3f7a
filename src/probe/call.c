/* One connection of a run, paced, with its transcript kept for excerpts. */
#include "probe/parts.h"

#include "tls/tls.h"

#include <string.h>
#include <time.h>

enum {
    MILLI            = 1000,
    MILLION          = 1000000,
    REFUSED          = 400,
    ERRORS_MOST      = 4, /* Exim bears three of a kind as it comes, Postfix ten */
    CONNECTIONS_MOST = 12,
    TURNED_AWAY_MOST = 2
};

static void keep_line(void *owner, const struct talk_line *line)
{
    static const char sides[] = { [TALK_CLIENT] = 'C', [TALK_SERVER] = 'S', [TALK_NOTE] = '*' };
    struct probe_run *run     = owner;
    if (line->side == TALK_NOTE && gp_starts(line->text, "connected to")) run->connected = true;
    char          *room = run->lines[run->line_count++ % PROBE_EXCERPT_LINES];
    struct gp_text text = { .ptr = room, .room = PROBE_LINE_ROOM - 1 };
    gp_put_char(&text, sides[line->side]);
    gp_put_z(&text, ": ");
    if (run->hush && line->side == TALK_SERVER)
        gp_put(&text, gp_head(line->text, 3));
    else
        gp_put_masked(&text, &run->report->mask, line->text); /* before it is cut */
    room[text.len] = '\0';
}

/* A foreign server must not take us for a flood. */
static void pace(const struct probe_run *run)
{
    unsigned        ms   = run->report->connections && !run->local ? run->plan->pause_ms : 0;
    struct timespec wait = { ms / MILLI, (long)(ms % MILLI) * MILLION };
    if (ms) (void)nanosleep(&wait, NULL);
}

static void prepare(struct probe_call *c, const struct talk_plan *other)
{
    struct probe_run *run = c->run;
    if (other) c->plan = *other;
    c->plan.host       = run->plan->host;
    c->plan.port       = run->port;
    c->plan.tls        = run->tls;
    c->plan.connect_ms = PROBE_CONNECT_MS;
    c->plan.reply_ms   = run->plan->step_ms;
    c->plan.expect     = run->plan->expect;
    c->plan.ca_pem     = run->plan->ca_pem;
    if (other) return;
    c->plan.weak      = true; /* so that a server with a weak key can be looked at all the same */
    c->plan.no_verify = true; /* what is wrong with the certificate has a probe of its own */
}

/* It let us in before: limits, or guards against what we do. */
static void turn_away(struct probe_call *c)
{
    struct probe_run *run = c->run;
    run->report->partial  = true;
    run->had_enough       = ++run->turned_away >= TURNED_AWAY_MOST;
    probe_found(run, FOUND_REACH_TURNED_AWAY, "connection %u: %d %s", run->connections, c->reply.code,
                c->talk ? talk_why(c->talk) : "no memory");
}

bool call_open(struct probe_call *c, struct probe_run *run, const struct talk_plan *other)
{
    struct talk_transcript transcript = { keep_line, run };
    *c                                = (struct probe_call) { .run = run };
    prepare(c, other);
    pace(run);
    run->report->connections++;
    run->connections++;
    probe_mark(run);
    c->talk      = talk_open(&c->plan, &transcript);
    bool tls_no  = c->talk && talk_fault(c->talk) == TALK_BAD_TLS; /* that is an answer */
    bool greeted = c->talk && talk_works(c->talk) && talk_greeting(c->talk, &c->reply) && c->reply.code == 220;
    if (!greeted && !tls_no && run->works) turn_away(c);
    return greeted;
}

bool call_hello(struct probe_call *c)
{
    return c->talk && talk_hello(c->talk, c->hello ? c->hello : c->run->plan->hello, &c->reply) &&
           c->reply.code / 100 == 2;
}

bool call_secure(struct probe_call *c)
{
    if (!call_hello(c)) return false;
    if (talk_session(c->talk) || !talk_offers(c->talk, "STARTTLS", NULL)) return true;
    return talk_starttls(c->talk, &c->reply) && call_hello(c);
}

bool call_ready(struct probe_call *c, struct probe_run *run)
{
    return call_open(c, run, NULL) && call_secure(c);
}

bool call_trusted(struct probe_call *c, struct probe_run *run)
{
    struct talk_plan verified = { .pinned_pem = run->plan->ca_pem.ptr ? GP_NONE : run->plan->pinned_pem,
                                  .chain_pem  = run->plan->chain_pem,
                                  .key_pem    = run->plan->key_pem };
    bool             open = !run->untrusted && call_open(c, run, &verified) && call_secure(c) && talk_session(c->talk);
    if (open || run->untrusted || !c->talk || talk_fault(c->talk) != TALK_BAD_TLS) return open;
    run->untrusted = true;
    probe_fact(run, PROBE_AUTH,
               "not signed in: the certificate is not trusted (%s); --ca-file FILE and --name HOST help",
               talk_why(c->talk));
    return false;
}

int call_hear(struct probe_call *c)
{
    enum { CLOSING = 421 /* RFC 5321 3.8: says nothing about what was asked */ };
    if (!c->talk || !talk_reply(c->talk, &c->reply)) return 0;
    c->errors += c->reply.code >= REFUSED;
    return c->reply.code == CLOSING ? 0 : c->reply.code;
}

int call_ask(struct probe_call *c, const char *line)
{
    return c->talk && talk_say(c->talk, gp_from(line)) ? call_hear(c) : 0;
}

int call_raw(struct probe_call *c, gp_str octets)
{
    return c->talk && talk_send_raw(c->talk, octets, TALK_SHOW) ? call_hear(c) : 0;
}

void call_close(struct probe_call *c)
{
    if (!c->talk) return;
    talk_quit(c->talk);
    talk_close(c->talk);
    c->talk = NULL;
}

/* ---- the session that probes share ------------------------------------------------------------------------------------ */
void call_end_sharing(struct probe_run *run)
{
    struct gp_tls_session *kept = run->shared.talk ? talk_session_kept(run->shared.talk) : NULL;
    call_close(&run->shared);
    if (kept && run->ticket) gp_tls_session_close(run->ticket);
    if (kept) run->ticket = kept;
}

static bool is_usable(const struct probe_call *c, unsigned errors_most)
{
    return c->talk && talk_works(c->talk) && c->errors <= errors_most;
}

struct probe_call *call_shared(struct probe_run *run, unsigned errors_most)
{
    if (is_usable(&run->shared, errors_most)) return &run->shared;
    call_end_sharing(run);
    if (run->connections >= CONNECTIONS_MOST && !run->plan->thorough && !run->had_enough) {
        probe_fact(run, PROBE_REACH, "no more than %d connections: it hangs up at errors; --thorough goes on",
                   CONNECTIONS_MOST);
        run->had_enough = run->report->partial = true;
    }
    if (run->had_enough || !probe_next_way(run, &run->shared)) return NULL;
    return &run->shared;
}

void call_share(struct probe_run *run, probe_step *probe)
{
    struct probe_call *c     = call_shared(run, ERRORS_MOST - 1);
    bool               fresh = c && c->errors == 0;
    if (!c || probe(c) || fresh) return;
    c = call_shared(run, 0);
    if (c) (void)probe(c);
}
