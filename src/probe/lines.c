/* What ends a line, and how long one may be: where two servers differ in that, what one takes for text is a command to the next. */
#include "probe/parts.h"

enum { LONG_COMMAND = 6000, ERRORS_TRIED = 30 };

/* How many of the two commands in it are answered with 250, if their separator ends a line. */
static void try_separator(struct probe_call *c, gp_str octets, enum probe_id id, const char *what)
{
    probe_mark(c->run);
    int first = call_raw(c, octets), second = 0;
    if (first == 0) return; /* hanging up is a refusal, but whether of this is not known */
    talk_patience(c->talk, PROBE_SHORT_MS);
    if (talk_pending(c->talk, probe_moment(c->run)).len) second = call_hear(c);
    talk_patience(c->talk, 0);
    probe_judge(c->run, id, !(first == 250 && second == 250), "NOOP, %s, NOOP: two answers", what);
}

static void try_nul(struct probe_call *c)
{
    probe_mark(c->run);
    int code = call_raw(c, GP_LIT("RSET\0GATEPOST\r\n"));
    if (code) probe_judge(c->run, FOUND_SMUGGLING_NUL, code / 100 != 2, "RSET, NUL, GATEPOST: %d", code);
}

static void try_long_command(struct probe_call *c)
{
    static char    room[LONG_COMMAND + 16];
    struct gp_text line = GP_TEXT(room);
    gp_put_z(&line, "NOOP ");
    while (line.len < LONG_COMMAND) gp_put_char(&line, 'x');
    gp_put_z(&line, "\r\n");
    probe_mark(c->run);
    int code = talk_send_raw(c->talk, gp_said(&line), TALK_COUNT) ? call_hear(c) : 0;
    if (code == 0) return;
    talk_patience(c->talk, PROBE_SHORT_MS);
    bool more = talk_works(c->talk) && talk_pending(c->talk, probe_moment(c->run)).len && call_hear(c);
    probe_judge(c->run, FOUND_LIMITS_LONG_COMMAND, !more, "NOOP of %d octets: %d, and then %d", LONG_COMMAND, code,
                c->reply.code);
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

void probe_lines(struct probe_run *run)
{
    auto_call c = { 0 };
    if (!call_ready(&c, run)) return;
    try_separator(&c, GP_LIT("NOOP\nNOOP\r\n"), FOUND_SMUGGLING_LF, "LF");
    if (talk_works(c.talk) || call_ready(&c, run))
        try_separator(&c, GP_LIT("NOOP\rNOOP\r\n"), FOUND_SMUGGLING_CR, "CR");
    if (talk_works(c.talk)) try_nul(&c);
    if (talk_works(c.talk)) try_long_command(&c);
    if (run->plan->thorough) try_errors(run);
}
