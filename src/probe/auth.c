/* Signing in, as far as it can be looked at without a password. Nothing here is a try to sign in: every exchange is cancelled or broken
 * in its form, so no server counts a wrong password. */
#include "probe/parts.h"

#include <string.h>

static void judge_list(struct probe_run *run)
{
    gp_str offered = gp_from(run->mechanisms);
    bool   scram   = probe_offered(offered, "SCRAM-SHA-256") || probe_offered(offered, "SCRAM-SHA-512") ||
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

static void judge_equals(struct probe_call *c)
{
    gp_str lines = talk_offered(c->talk);
    bool   any   = false;
    while (lines.len > 0) any = gp_starts(gp_cut(&lines, '\n'), "AUTH=") || any;
    probe_judge(c->run, FOUND_AUTH_EQUALS, !any, "EHLO's answer has AUTH=");
}

/* ---- in clear -------------------------------------------------------------------------------------------------------- */
/* 334 to PLAIN asks for the password; none is given. */
static void try_in_clear(struct probe_run *run)
{
    gp_str    offered = GP_LIT("");
    auto_call c       = { 0 };
    if (run->tls == TALK_IMPLICIT || !run->has_tls || !call_open(&c, run, NULL) || !call_hello(&c)) return;
    (void)talk_offers(c.talk, "AUTH", &offered);
    if (probe_offered(offered, "PLAIN")) return; /* that is said already */
    probe_mark(run);
    int code = call_ask(&c, "AUTH PLAIN");
    if (code) probe_judge(run, FOUND_AUTH_UNADVERTISED, code != 334, "AUTH PLAIN before STARTTLS: 334");
    if (code == 334) (void)call_ask(&c, "*");
}

/* ---- forms ------------------------------------------------------------------------------------------------------------- */
/* What is said first; where 334 comes, what is said then; the code that must end it. */
struct form {
    const char   *mechanism, *say, *then;
    int           code, also;
    enum probe_id otherwise;
};
static const struct form forms[] = {
    {NULL,        "AUTH",                NULL,   501, 501, FOUND_AUTH_NO_MECHANISM},
    { NULL,       "AUTH XGATEPOSTCHECK", NULL,   504, 504, FOUND_AUTH_UNKNOWN     },
    { "PLAIN",    "AUTH PLAIN",          "*",    501, 501, FOUND_AUTH_CANCEL      },
    { "PLAIN",    "AUTH PLAIN",          "!!!!", 501, 501, FOUND_AUTH_NOT_BASE64  },
    { "CRAM-MD5", "AUTH CRAM-MD5 AAAA",  "*",    501, 501, FOUND_AUTH_CRAM_EARLY  },
};

static bool try_form(struct probe_call *c, const struct form *f)
{
    probe_mark(c->run);
    int  code  = call_ask(c, f->say);
    bool early = code == 334 && f->otherwise == FOUND_AUTH_CRAM_EARLY;
    if (code == 334 && f->then) code = call_ask(c, f->then);
    if (code == 0) return false;
    probe_judge(c->run, f->otherwise, !early && (code == f->code || code == f->also), "%s%s%s: %d", f->say,
                f->then ? ", then " : "", f->then ? f->then : "", code);
    return true;
}

/* ---- challenges ---------------------------------------------------------------------------------------------------------- */
static void try_prompts(struct probe_call *c)
{
    struct probe_run *run = c->run;
    probe_mark(run);
    int code = call_ask(c, "auth plain"); /* RFC 4954 4: an empty challenge, whatever the case of the name */
    if (code == 334) {
        gp_str challenge = gp_trim(c->reply.text);
        probe_judge(run, FOUND_AUTH_EMPTY_CHALLENGE, challenge.len == 0, "334 %.*s", (int)gp_head(challenge, 80).len,
                    challenge.ptr);
        (void)call_ask(c, "*");
    }
    if (code)
        probe_judge(run, FOUND_AUTH_CASE, code == 334 || call_ask(c, "AUTH PLAIN") != 334, "auth plain: %d", code);
    if (code && code != 334) {
        probe_judge(run, FOUND_AUTH_EMPTY_CHALLENGE, c->reply.code == 334, "AUTH PLAIN: %d", c->reply.code);
        if (c->reply.code == 334) (void)call_ask(c, "*");
    }
}

static void try_login(struct probe_call *c)
{
    static const char username[] = "VXNlcm5hbWU6",
                      with_nul[] = "VXNlciBOYW1lAA==" /* "User Name": the draft's, RFC-less */;
    if (!probe_offered(gp_from(c->run->mechanisms), "LOGIN")) return;
    probe_mark(c->run);
    int code = call_ask(c, "AUTH LOGIN");
    if (code != 334) {
        if (code) probe_judge(c->run, FOUND_AUTH_LOGIN_PROMPT, false, "AUTH LOGIN: %d", code);
        return;
    }
    gp_str challenge = gp_trim(c->reply.text);
    probe_judge(c->run, FOUND_AUTH_LOGIN_PROMPT,
                gp_same(challenge, gp_from(username)) || gp_same(challenge, gp_from(with_nul)), "334 %.*s",
                (int)gp_head(challenge, 80).len, challenge.ptr);
    (void)call_ask(c, "*");
}

static void try_cram(struct probe_call *c)
{
    char first[512] = "";
    if (!probe_offered(gp_from(c->run->mechanisms), "CRAM-MD5")) return;
    probe_mark(c->run);
    if (call_ask(c, "AUTH CRAM-MD5") != 334 ||
        !gp_copy_z(gp_head(c->reply.text, sizeof first - 1), first, sizeof first))
        return;
    if (call_ask(c, "*") == 0 || call_ask(c, "AUTH CRAM-MD5") != 334) return;
    probe_judge(c->run, FOUND_AUTH_CRAM_REPEATS, !gp_same(c->reply.text, gp_from(first)), "334 %.80s, twice", first);
    (void)call_ask(c, "*");
}

static void try_exchanges(struct probe_run *run)
{
    auto_call c = { 0 };
    if (!call_ready(&c, run)) return;
    judge_equals(&c);
    for (size_t i = 0; i < GP_COUNT(forms); i++) {
        if (forms[i].mechanism && !probe_offered(gp_from(run->mechanisms), forms[i].mechanism)) continue;
        if (!try_form(&c, &forms[i])) return;
    }
}

/* On a connection of its own: each cancelled exchange may count as an error there. */
static void try_challenges(struct probe_run *run)
{
    auto_call c = { 0 };
    if (!call_ready(&c, run)) return;
    if (probe_offered(gp_from(run->mechanisms), "PLAIN")) try_prompts(&c);
    try_login(&c);
    try_cram(&c);
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

static void try_long(struct probe_run *run)
{
    enum { TAKEN = 12288 /* RFC 4954 4 */, TOO_LONG = 18000 };
    auto_call c = { 0 };
    if (!probe_offered(gp_from(run->mechanisms), "PLAIN") || !call_ready(&c, run)) return;
    if (try_length(&c, TAKEN, true)) (void)try_length(&c, TOO_LONG, false);
}

/* TLS is up, and EHLO not said since: what was said before it is forgotten (RFC 3207 4.2). */
static void try_before_hello(struct probe_run *run)
{
    auto_call c = { 0 };
    if (!run->has_tls || !probe_offered(gp_from(run->mechanisms), "PLAIN") || !call_open(&c, run, NULL)) return;
    if (!talk_session(c.talk) && !(call_hello(&c) && talk_starttls(c.talk, &c.reply))) return;
    probe_mark(run);
    int code = call_ask(&c, "AUTH PLAIN");
    if (code) probe_judge(run, FOUND_AUTH_BEFORE_HELLO, code != 334, "AUTH PLAIN with no EHLO under TLS: %d", code);
    if (code == 334) (void)call_ask(&c, "*");
}

void probe_auth(struct probe_run *run)
{
    judge_list(run);
    try_in_clear(run);
    if (!run->mechanisms[0]) return;
    try_exchanges(run);
    try_challenges(run);
    try_long(run);
    try_before_hello(run);
}
