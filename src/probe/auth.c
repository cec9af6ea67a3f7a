/* Signing in, as far as it can be looked at without a password. Nothing here is a try to sign in: every exchange is cancelled or broken
 * in its form, so no server counts a wrong password. */
#include "probe/parts.h"

#include <limits.h>
#include <string.h>

static void judge_list(struct probe_run *run)
{
    gp_str offered = gp_from(run->mechanisms);
    probe_mark(run);
    bool scram = probe_offered(offered, "SCRAM-SHA-256") || probe_offered(offered, "SCRAM-SHA-512") ||
                 probe_offered(offered, "SCRAM-SHA-1"),
         plus = probe_offered(offered, "SCRAM-SHA-256-PLUS") || probe_offered(offered, "SCRAM-SHA-512-PLUS") ||
                probe_offered(offered, "SCRAM-SHA-1-PLUS"),
         old = probe_offered(offered, "CRAM-MD5") || probe_offered(offered, "DIGEST-MD5") ||
               probe_offered(offered, "NTLM");
    if (run->submission) probe_judge(run, FOUND_AUTH_NONE, offered.len > 0, "EHLO's answer has no AUTH");
    if (!offered.len) return;
    probe_fact(run, PROBE_AUTH, "AUTH %s", run->mechanisms);
    probe_judge(run, FOUND_AUTH_NO_PLAIN, probe_offered(offered, "PLAIN"), "AUTH %s", run->mechanisms);
    probe_judge(run, FOUND_AUTH_ANONYMOUS, !probe_offered(offered, "ANONYMOUS"), "AUTH %s", run->mechanisms);
    probe_judge(run, FOUND_AUTH_OBSOLETE, !old, "AUTH %s", run->mechanisms);
    probe_judge(run, FOUND_AUTH_NO_SCRAM, scram || plus, "AUTH %s", run->mechanisms);
    if (scram) probe_judge(run, FOUND_AUTH_NO_PLUS, plus, "AUTH %s", run->mechanisms);
}

/* ---- in clear -------------------------------------------------------------------------------------------------------- */
/* 334 to PLAIN asks for the password; none is given. What refuses it must not look like a wrong password. */
void probe_clear(struct probe_call *c)
{
    struct probe_run *run     = c->run;
    gp_str            offered = GP_LIT("");
    (void)talk_offers(c->talk, "AUTH", &offered);
    if (probe_offered(offered, "PLAIN")) return; /* that is said already */
    probe_mark(run);
    int code = call_ask(c, "AUTH PLAIN");
    if (code) probe_judge(run, FOUND_AUTH_UNADVERTISED, code != 334, "AUTH PLAIN before STARTTLS: 334");
    if (code && code != 334)
        probe_judge(run, FOUND_AUTH_CLEAR_CODE, code != 535 && code / 100 == 5, "AUTH PLAIN before STARTTLS: %d", code);
    if (code == 334) (void)call_ask(c, "*");
}

/* TLS is up, and EHLO not said since: what was said before it is forgotten (RFC 3207 4.2). */
void probe_before_hello(struct probe_call *c)
{
    probe_mark(c->run);
    int code = call_ask(c, "AUTH PLAIN");
    if (code) probe_judge(c->run, FOUND_AUTH_BEFORE_HELLO, code != 334, "AUTH PLAIN with no EHLO under TLS: %d", code);
    if (code == 334) (void)call_ask(c, "*");
}

/* ---- forms ------------------------------------------------------------------------------------------------------------- */
static bool says(struct probe_call *c, const char *line, int wanted, enum probe_id otherwise)
{
    probe_mark(c->run);
    int code = call_ask(c, line);
    if (code == 334) {
        probe_found(c->run, otherwise, "%s: 334", line);
        return call_ask(c, "*");
    }
    if (code) probe_judge(c->run, otherwise, code == wanted, "%s: %d", line, code);
    return code;
}

static bool try_no_mechanism(struct probe_call *c)
{
    return says(c, "AUTH", 501, FOUND_AUTH_NO_MECHANISM);
}

static bool try_unknown(struct probe_call *c)
{
    return says(c, "AUTH XGATEPOSTCHECK", 504, FOUND_AUTH_UNKNOWN);
}

static bool try_cram_early(struct probe_call *c)
{
    return says(c, "AUTH CRAM-MD5 AAAA", 501, FOUND_AUTH_CRAM_EARLY);
}

static bool try_not_base64(struct probe_call *c)
{
    probe_mark(c->run);
    int code = call_ask(c, "AUTH PLAIN");
    if (code == 334) code = call_ask(c, "!!!!");
    if (code) probe_judge(c->run, FOUND_AUTH_NOT_BASE64, code == 501, "AUTH PLAIN, then !!!!: %d", code);
    return code;
}

/* RFC 4954 4: `=` is a response of no octets, which is none of PLAIN; asking for one means that it was not understood. */
static bool try_empty_response(struct probe_call *c)
{
    probe_mark(c->run);
    int code = call_ask(c, "AUTH PLAIN =");
    if (code) probe_judge(c->run, FOUND_AUTH_EMPTY_RESPONSE, code / 100 == 5, "AUTH PLAIN =: %d", code);
    return code == 334 ? call_ask(c, "*") : code;
}

/* ---- challenges ---------------------------------------------------------------------------------------------------------- */
static bool cancel(struct probe_call *c)
{
    int code = call_ask(c, "*");
    if (code) probe_judge(c->run, FOUND_AUTH_CANCEL, code == 501, "*: %d", code);
    return code;
}

static bool judge_challenge(struct probe_call *c)
{
    gp_str challenge = gp_trim(c->reply.text);
    probe_judge(c->run, FOUND_AUTH_EMPTY_CHALLENGE, challenge.len == 0, "334 %.*s", (int)gp_head(challenge, 80).len,
                challenge.ptr);
    return cancel(c);
}

/* RFC 4954 4: an empty challenge, whatever the case of the name. */
static bool try_prompts(struct probe_call *c)
{
    probe_mark(c->run);
    int code = call_ask(c, "auth plain");
    if (code == 334) probe_look(c->run->report, FOUND_AUTH_CASE);
    if (code == 334) return judge_challenge(c);
    if (code == 0) return false;
    int again = call_ask(c, "AUTH PLAIN");
    probe_judge(c->run, FOUND_AUTH_CASE, again != 334, "auth plain: %d", code);
    if (again == 334) return judge_challenge(c);
    probe_judge(c->run, FOUND_AUTH_EMPTY_CHALLENGE, false, "AUTH PLAIN: %d", again);
    return again;
}

static bool try_login(struct probe_call *c)
{
    static const char username[] = "VXNlcm5hbWU6",
                      with_nul[] = "VXNlciBOYW1lAA==" /* "User Name": the draft's, RFC-less */;
    probe_mark(c->run);
    int code = call_ask(c, "AUTH LOGIN");
    if (code != 334) {
        if (code) probe_judge(c->run, FOUND_AUTH_LOGIN_PROMPT, false, "AUTH LOGIN: %d", code);
        return code;
    }
    gp_str challenge = gp_trim(c->reply.text);
    probe_judge(c->run, FOUND_AUTH_LOGIN_PROMPT,
                gp_same(challenge, gp_from(username)) || gp_same(challenge, gp_from(with_nul)), "334 %.*s",
                (int)gp_head(challenge, 80).len, challenge.ptr);
    return call_ask(c, "*");
}

static bool try_cram(struct probe_call *c)
{
    char first[512] = "";
    probe_mark(c->run);
    int code = call_ask(c, "AUTH CRAM-MD5");
    if (code != 334 || !gp_copy_z(gp_head(c->reply.text, sizeof first - 1), first, sizeof first)) return code;
    if (call_ask(c, "*") == 0 || call_ask(c, "AUTH CRAM-MD5") != 334) return false;
    probe_judge(c->run, FOUND_AUTH_CRAM_REPEATS, !gp_same(c->reply.text, gp_from(first)), "334 %.80s, twice", first);
    return call_ask(c, "*");
}

static void judge_equals(struct probe_run *run)
{
    struct probe_call *c     = call_shared(run, UINT_MAX);
    gp_str             lines = c ? talk_offered(c->talk) : GP_NONE;
    bool               any   = false;
    while (lines.len > 0) any = gp_starts(gp_cut(&lines, '\n'), "AUTH=") || any;
    if (c) probe_judge(run, FOUND_AUTH_EQUALS, !any, "EHLO's answer has AUTH=");
}

/* ---- long responses ------------------------------------------------------------------------------------------------------ */
/* A's, and a foreign octet at the end: nothing that could be a password. Then NOOP, which must be answered as what it is. */
static int say_long(struct probe_call *c, size_t octets)
{
    static char    room[20 * 1024];
    struct gp_text line = GP_TEXT(room);
    for (size_t i = 0; i + 3 < octets && i + 3 < sizeof room; i++) gp_put_char(&line, 'A');
    gp_put_z(&line, "!\r\n");
    if (call_ask(c, "AUTH PLAIN") != 334) return 0;
    return talk_send_raw(c->talk, gp_said(&line), TALK_COUNT) ? call_hear(c) : 0;
}

/* false: the session is of no more use. Hanging up is in step. */
static bool try_length(struct probe_call *c, size_t octets, bool must_be_taken)
{
    struct probe_run *run = c->run;
    probe_mark(run);
    int code = say_long(c, octets);
    if (code && must_be_taken)
        probe_judge(run, FOUND_AUTH_SHORT_LINES, code != 500, "a response of %zu octets: %d", octets, code);
    if (!code) return false;
    int noop = call_ask(c, "NOOP");
    if (!noop) return false;
    bool more = talk_works(c->talk) && talk_pending(c->talk, probe_moment(run)).len > 0;
    probe_judge(run, FOUND_AUTH_LONG, noop == 250 && !more, "a response of %zu octets: %d; NOOP behind it: %d%s",
                octets, code, noop, more ? ", and more than was asked for" : "");
    return noop == 250 && !more;
}

static bool try_long(struct probe_call *c)
{
    enum { TAKEN = 12288 /* RFC 4954 4 */, TOO_LONG = 18000 };
    if (try_length(c, TAKEN, true)) (void)try_length(c, TOO_LONG, false);
    return c->run->report->states[FOUND_AUTH_SHORT_LINES] != PROBE_UNSEEN;
}

void probe_auth(struct probe_run *run)
{
    static const struct {
        const char *needs; /* a mechanism; NULL: none */
        probe_step *step;
    } steps[] = {
        {NULL,        try_no_mechanism  },
        { NULL,       try_unknown       },
        { "PLAIN",    try_prompts       },
        { "PLAIN",    try_not_base64    },
        { "PLAIN",    try_empty_response},
        { "LOGIN",    try_login         },
        { "CRAM-MD5", try_cram_early    },
        { "CRAM-MD5", try_cram          },
        { "PLAIN",    try_long          },
    };
    judge_list(run);
    if (!run->mechanisms[0]) return;
    judge_equals(run);
    for (size_t i = 0; i < GP_COUNT(steps); i++)
        if (!steps[i].needs || probe_offered(gp_from(run->mechanisms), steps[i].needs)) call_share(run, steps[i].step);
}
