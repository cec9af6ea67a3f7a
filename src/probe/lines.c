/* What ends a line, and how long one may be: where two servers differ in that, what one takes for text is a command to the next. */
#include "probe/parts.h"

#include <stdio.h>

#include "smtp/smtp.h"

enum { LONG_COMMAND = 6000, ERRORS_TRIED = 30 };

/* How many of the two commands in it are answered with 250, if their separator ends a line. */
static bool try_separator(struct probe_call *c, gp_str octets, enum probe_id id, const char *what)
{
    probe_mark(c->run);
    int first = call_raw(c, octets), second = 0;
    if (first == 0) return false; /* hanging up is a refusal, but whether of this is not known */
    talk_patience(c->talk, PROBE_SHORT_MS);
    if (talk_pending(c->talk, probe_moment(c->run)).len) second = call_hear(c);
    talk_patience(c->talk, 0);
    probe_judge(c->run, id, !(first == 250 && second == 250), "NOOP, %s, NOOP: two answers", what);
    return true;
}

static bool try_nul(struct probe_call *c)
{
    probe_mark(c->run);
    int code = call_raw(c, GP_LIT("RSET\0GATEPOST\r\n"));
    if (code) probe_judge(c->run, FOUND_SMUGGLING_NUL, code / 100 != 2, "RSET, NUL, GATEPOST: %d", code);
    return code;
}

/* NOOP with so many octets in all. */
static int say_long(struct probe_call *c, size_t octets)
{
    static char    room[LONG_COMMAND + 16];
    struct gp_text line = GP_TEXT(room);
    gp_put_z(&line, "NOOP ");
    while (line.len + 2 < octets) gp_put_char(&line, 'x');
    gp_put_z(&line, "\r\n");
    probe_mark(c->run);
    return talk_send_raw(c->talk, gp_said(&line), TALK_COUNT) ? call_hear(c) : 0;
}

static bool try_short_command(struct probe_call *c)
{
    enum { TAKEN = 512 /* RFC 5321 4.5.3.1.4 */, SHORT = 32 };
    int code = say_long(c, SHORT);
    if (code != 250) return code; /* it takes no argument at all */
    code = say_long(c, TAKEN);
    if (code) probe_judge(c->run, FOUND_LIMITS_COMMAND, code == 250, "NOOP of %d octets in all: %d", TAKEN, code);
    return code;
}

static bool try_long_command(struct probe_call *c)
{
    int code = say_long(c, LONG_COMMAND);
    if (code == 0) return false;
    talk_patience(c->talk, PROBE_SHORT_MS);
    bool more = talk_works(c->talk) && talk_pending(c->talk, probe_moment(c->run)).len && call_hear(c);
    probe_judge(c->run, FOUND_LIMITS_LONG_COMMAND, !more, "NOOP of %d octets: %d, and then %d", LONG_COMMAND, code,
                c->reply.code);
    return true;
}

/* Many errors may be what a server's guards wait for: only when that is wanted. */
static void try_errors(struct probe_run *run)
{
    auto_call c    = { 0 };
    int       told = 0;
    if (!call_ready(&c, run)) return;
    probe_mark(run);
    while (told < ERRORS_TRIED && call_ask(&c, "XGATEPOSTCHECK") / 100 == 5) told++;
    probe_judge(run, FOUND_LIMITS_ERRORS, told < ERRORS_TRIED, "%d unknown commands, each answered as the first", told);
}

static bool try_bare_cr(struct probe_call *c)
{
    return try_separator(c, GP_LIT("NOOP\rNOOP\r\n"), FOUND_SMUGGLING_CR, "CR");
}

static void try_helo(struct probe_call *c)
{
    char line[GP_SMTP_DOMAIN_MOST + 16];
    (void)snprintf(line, sizeof line, "HELO %s", c->run->plan->hello);
    probe_mark(c->run);
    int code = call_ask(c, line);
    if (code) probe_judge(c->run, FOUND_HELLO_HELO, code == 250, "the answer is %d", code);
}

void probe_first_lines(struct probe_call *c)
{
    try_helo(c);
    if (talk_works(c->talk)) (void)try_separator(c, GP_LIT("NOOP\nNOOP\r\n"), FOUND_SMUGGLING_LF, "LF");
    if (talk_works(c->talk)) (void)try_bare_cr(c);
}

void probe_lines(struct probe_run *run)
{
    if (run->report->states[FOUND_SMUGGLING_CR] == PROBE_UNSEEN) call_share(run, try_bare_cr);
    call_share(run, try_short_command);
    call_share(run, try_nul);
    call_share(run, try_long_command);
    if (run->plan->thorough) try_errors(run);
}

/* ---- idleness ---------------------------------------------------------------------------------------------------------------- */
/* Silence for as long as the plan says: RFC 5321 4.5.3.2.7 wants a server to wait five minutes for a command. */
void probe_idle(struct probe_run *run)
{
    enum { WAITS = 300, MILLI = 1000 };
    unsigned  seconds = run->plan->idle_s;
    auto_call c       = { 0 };
    if (!seconds || !call_ready(&c, run)) return;
    probe_mark(run);
    int64_t began = talk_micros(c.talk);
    talk_patience(c.talk, seconds * MILLI);
    bool     hears  = talk_reply(c.talk, &c.reply) || talk_fault(c.talk) != TALK_LATE;
    unsigned waited = (unsigned)((talk_micros(c.talk) - began) / MILLI / MILLI);
    probe_judge(run, FOUND_LIMITS_IDLE, !hears || waited >= WAITS, "after %u seconds without a command: %s", waited,
                c.reply.code ? "a reply, and the end" : talk_why(c.talk));
    probe_fact(run, PROBE_LIMITS, hears ? "it hangs up after %u seconds of silence" : "it bears %u seconds of silence",
               hears ? waited : seconds);
}
