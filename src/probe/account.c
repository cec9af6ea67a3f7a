/* What an account of ours shows: each mechanism with the right password, what a session may do then, and a few wrong sign-ins: two, and
 * one or two more where SCRAM is bound to TLS; more only where that was asked for. A server's lockout sees them: they are counted. */
#include "probe/parts.h"

#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "probe/account.h"
#include "sasl/sasl.h"
#include "tls/tls.h"

enum { LINE_MOST = 512 };

/* ---- one sign-in ------------------------------------------------------------------------------------------------------- */
bool account_fits(const struct probe_run *run, const struct gp_sasl_mech *m)
{
    return run->plan->secret.len && !(m->traits & GP_SASL_NEEDS_PEER) &&
           ((m->traits & GP_SASL_NEEDS_TOKEN) != 0) == run->plan->token;
}

static const char external[] = "EXTERNAL"; /* who we are the certificate says */

bool account_sign_in(struct probe_call *c, const char *mechanism, const char *user, gp_secret secret)
{
    bool              shows = strcmp(mechanism, external) == 0;
    struct talk_login login = {
        .mechanism = gp_from(mechanism),
        .user      = shows ? GP_LIT("") : gp_from(user),
        .secret    = shows ? (gp_secret) {NULL, 0}
                : secret,
        .token     = c->run->plan->token && !shows,
        .in_clear  = false
    };
    return talk_sign_in(c->talk, &login, &c->reply, NULL);
}

/* RFC 4954 4, 6 and RFC 5321 4.2.1: the mechanism or the command was refused, whatever the secret. Any other end may be that of a guess:
 * 535, but 454, 550, 421 and a hang-up as well, and who bans for guesses says those. */
bool account_said_no(const struct probe_call *c)
{
    static const int others[] = { 500, 502, 503, 504, 530, 534, 538 };
    if (!c->talk || talk_fault(c->talk) == TALK_BAD_TLS) return false; /* it said yes, without a proof */
    bool silent = c->reply.code == 0 || c->reply.code == 334;
    if (silent && talk_works(c->talk)) return false; /* it was we who gave up */
    for (size_t i = 0; i < GP_COUNT(others); i++)
        if (c->reply.code == others[i]) return false;
    return true;
}

void account_count(struct probe_call *c)
{
    if (!account_said_no(c)) return;
    c->run->report->failed_sign_ins++;
    c->run->report->refused++;
}

bool account_may_try(const struct probe_run *run)
{
    return run->report->refused < PROBE_REFUSED_MOST;
}

bool account_enter(struct probe_call *c, struct probe_run *run)
{
    if (!run->account.mechanism || !account_may_try(run) || !call_trusted(c, run)) return false;
    bool done = account_sign_in(c, run->account.mechanism, run->plan->user, run->plan->secret);
    if (!done) account_count(c);
    return done;
}

/* ---- a session that is signed in ------------------------------------------------------------------------------------------ */
static int say(struct probe_call *c, const char *before, const char *address, const char *behind)
{
    char line[LINE_MOST];
    (void)snprintf(line, sizeof line, "%s<%s>%s", before, address, behind);
    return call_ask(c, line);
}

static void try_parameters(struct probe_call *c)
{
    static const char *const forms[] = { " AUTH=<>", " AUTH=gatepost+2Dcheck@example.net" /* xtext, RFC 3461 4 */ };
    struct probe_run        *run     = c->run;
    gp_str                   limit   = GP_LIT("");
    uint64_t                 most    = 0;
    bool limited = talk_offers(c->talk, "SIZE", &limit) && gp_read_number(limit, INT64_MAX / 2, &most) && most > 0;
    char size[40];
    if (say(c, "MAIL FROM:", run->account.address, "") != 250 || call_ask(c, "RSET") != 250) return;
    int code = 0;
    for (size_t i = 0; i < GP_COUNT(forms); i++) {
        probe_mark(run);
        code = say(c, "MAIL FROM:", run->account.address, forms[i]);
        if (code) probe_judge(run, FOUND_AUTH_PARAMETER, code == 250, "MAIL with%s: %d", forms[i], code);
        if (call_ask(c, "RSET") != 250) return;
    }
    if (!limited) return;
    (void)snprintf(size, sizeof size, " SIZE=%llu", (unsigned long long)most + 1);
    probe_mark(run);
    code = say(c, "MAIL FROM:", run->account.address, size);
    if (code) probe_judge(run, FOUND_LIMITS_SIZE, code / 100 != 2, "MAIL with%s: %d", size, code);
    (void)call_ask(c, "RSET");
}

/* No message is begun: a server may take the sender at MAIL and refuse it at RCPT, so both are said. */
static void try_other_sender(struct probe_call *c)
{
    struct probe_run *run = c->run;
    probe_mark(run);
    int mail = say(c, "MAIL FROM:", run->account.other, ""),
        rcpt = mail / 100 == 2 ? say(c, "RCPT TO:", run->account.address, "") : 0;
    if (mail)
        probe_judge(run, FOUND_RELAY_SPOOF, rcpt / 100 != 2, "MAIL FROM:<%s>: %d, RCPT: %d", run->account.other, mail,
                    rcpt);
    (void)call_ask(c, "RSET");
}

static void try_recipients(struct probe_call *c)
{
    enum { RECIPIENTS = 100 /* RFC 5321 4.5.3.1.8 */ };
    int taken = 0;
    if (say(c, "MAIL FROM:", c->run->account.address, "") != 250) return;
    probe_mark(c->run);
    while (taken < RECIPIENTS && say(c, "RCPT TO:", c->run->account.address, "") / 100 == 2) taken++;
    probe_judge(c->run, FOUND_LIMITS_RECIPIENTS, taken == RECIPIENTS, "after %d: %d", taken, c->reply.code);
    (void)call_ask(c, "RSET");
}

/* RFC 5321 2.4, RFC 6531 3.7.1: only who has said SMTPUTF8 may say more than ASCII, and never what is no UTF-8. */
static void try_8bit(struct probe_call *c)
{
    if (say(c, "MAIL FROM:", c->run->account.address, "") != 250) return;
    probe_mark(c->run);
    int code = call_raw(c, GP_LIT("RCPT TO:<gr\xfc\xdf"
                                  "e@example.net>\r\n"));
    if (code)
        probe_judge(c->run, FOUND_SMUGGLING_8BIT, code / 100 != 2, "RCPT with octets that are no UTF-8: %d", code);
    (void)call_ask(c, "RSET");
}

/* RFC 5321 4.1.4: EHLO clears what RSET does, and no more. */
static void try_hello_again(struct probe_call *c)
{
    if (say(c, "MAIL FROM:", c->run->account.address, "") != 250) return; /* then a no behind EHLO would tell nothing */
    (void)call_ask(c, "RSET");
    probe_mark(c->run);
    bool taken = call_hello(c);
    int  code  = taken ? say(c, "MAIL FROM:", c->run->account.address, "") : c->reply.code;
    if (code)
        probe_judge(c->run, FOUND_HELLO_SIGNED_IN, taken && code == 250, "%s: %d",
                    taken ? "MAIL after EHLO in a session that is signed in" : "EHLO in it", code);
    (void)call_ask(c, "RSET");
}

/* A ticket of a session that is signed in: what is resumed by it must not be. Only where MAIL alone tells. */
static void try_ticket(struct probe_run *run, struct gp_tls_session *kept)
{
    struct talk_plan plan = { .weak = true, .no_verify = true, .resume = kept };
    auto_call        c    = { 0 };
    if (run->report->states[FOUND_RELAY_LATE] != PROBE_FINE || !call_open(&c, run, &plan) || !call_secure(&c)) return;
    if (!talk_session(c.talk) || !gp_tls_resumed(talk_session(c.talk))) return;
    probe_mark(run);
    int code = say(&c, "MAIL FROM:", run->account.address, "");
    if (code) probe_judge(run, FOUND_TLS_RESUMPTION_AUTH, code / 100 != 2, "MAIL in a resumed session: %d", code);
}

static void try_session(struct probe_call *c)
{
    struct probe_run *run = c->run;
    probe_mark(run);
    int code = call_ask(c, "AUTH PLAIN");
    if (code) probe_judge(run, FOUND_AUTH_TWICE, code != 334, "AUTH PLAIN in a session that is signed in: %d", code);
    if (code == 334) (void)call_ask(c, "*");
    try_parameters(c);
    try_other_sender(c);
    try_8bit(c);
    try_hello_again(c);
    struct gp_tls_session *kept = talk_session_kept(c->talk);
    if (run->plan->thorough) try_recipients(c);
    call_close(c);
    if (kept) try_ticket(run, kept);
    if (kept) gp_tls_session_close(kept);
}

/* ---- the right password, or certificate ----------------------------------------------------------------------------------------------- */
/* The first that works has what else is to be seen of a session in the same connection. */
static void try_with(struct probe_call *c, const char *mechanism, const char *what)
{
    struct probe_run *run = c->run;
    probe_mark(run);
    bool   done = account_sign_in(c, mechanism, run->plan->user, run->plan->secret);
    gp_str text = gp_head(c->reply.text, 120);
    probe_judge(run, FOUND_AUTH_REFUSED, done, "%s with the %s that was given: %d %.*s (%s)", mechanism, what,
                c->reply.code, (int)text.len, text.ptr, talk_why(c->talk));
    if (!done) account_count(c);
    if (!done || run->account.mechanism) return;
    run->account.mechanism = mechanism;
    try_session(c);
}

static void try_mechanism(struct probe_run *run, const struct gp_sasl_mech *m)
{
    auto_call c = { 0 };
    if (call_trusted(&c, run)) try_with(&c, m->name, "password");
}

/* Servers offer EXTERNAL to who shows a certificate that they know: what others are offered says nothing of it. */
static void try_certificate(struct probe_run *run)
{
    auto_call c       = { 0 };
    gp_str    offered = GP_LIT("");
    if (!run->plan->chain_pem.ptr || !call_trusted(&c, run)) return;
    probe_mark(run);
    if (talk_offers(c.talk, "AUTH", &offered) && probe_offered(offered, external))
        try_with(&c, external, "certificate");
    else
        probe_judge(run, FOUND_AUTH_REFUSED, false,
                    "EXTERNAL is not offered to who shows the certificate that was given");
}

static void try_mechanisms(struct probe_run *run)
{
    gp_str offered = gp_from(run->mechanisms);
    while (offered.len > 0 && account_may_try(run)) {
        const struct gp_sasl_mech *m = gp_sasl_find(gp_word(&offered));
        if (m && account_fits(run, m)) try_mechanism(run, m);
    }
    try_certificate(run);
    if (run->account.mechanism) probe_fact(run, PROBE_AUTH, "signed in as %s", run->plan->user);
}

/* ---- wrong ones ---------------------------------------------------------------------------------------------------------- */
void account_names(struct probe_run *run)
{
    uint8_t        octets[8];
    gp_str         user    = gp_from(run->plan->user), local, domain;
    size_t         at      = gp_find(user, '@');
    struct gp_text nobody  = { .ptr = run->account.nobody, .room = sizeof run->account.nobody - 1 },
                   address = { .ptr = run->account.address, .room = sizeof run->account.address - 1 },
                   other   = { .ptr = run->account.other, .room = sizeof run->account.other - 1 },
                   wrong   = { .ptr = run->account.wrong, .room = sizeof run->account.wrong - 1 };
    local                  = gp_head(user, at);
    domain                 = at < user.len ? gp_tail(user, at + 1) : gp_from(run->plan->host);
    gp_random(octets, sizeof octets);
    gp_put_z(&nobody, "nobody-");
    gp_put_hex(&nobody, (gp_str) { (const char *)octets, sizeof octets });
    if (at < user.len) gp_put(&nobody, gp_tail(user, at));
    gp_random(octets, sizeof octets);
    gp_put_z(&wrong, "not-it-");
    gp_put_hex(&wrong, (gp_str) { (const char *)octets, sizeof octets });
    gp_put(&address, local);
    gp_put_char(&address, '@');
    gp_put(&address, domain);
    gp_put_z(&other, "gatepost-check@");
    gp_put(&other, domain);
    if (run->plan->other_sender)
        (void)gp_copy_z(gp_from(run->plan->other_sender), run->account.other, sizeof run->account.other);
}

/* Copied: the reply that follows takes its place. */
static bool refuse(struct probe_call *c, const char *mechanism, const char *user, struct account_no *no)
{
    gp_secret wrong     = { c->run->account.wrong, strlen(c->run->account.wrong) };
    bool      in        = account_sign_in(c, mechanism, user, wrong);
    *no                 = (struct account_no) { .code = c->reply.code };
    struct gp_text text = { .ptr = no->text, .room = sizeof no->text - 1 };
    gp_put_masked(&text, &c->run->report->mask, c->reply.text); /* before it is cut */
    c->run->report->failed_sign_ins += !in;
    c->errors += !in && no->code / 100 == 5;
    return !in;
}

/* Servers number what they refuse: "(incident 6Q9FK9R8EX)", "[42]". */
static bool is_number(gp_str word)
{
    enum { LONG = 6 };
    bool digit = false, small = false;
    for (size_t i = 0; i < word.len; i++) {
        digit = digit || (word.ptr[i] >= '0' && word.ptr[i] <= '9');
        small = small || (word.ptr[i] >= 'a' && word.ptr[i] <= 'z');
    }
    return digit || (!small && word.len >= LONG);
}

static bool are_alike(gp_str a, gp_str b)
{
    while (a.len > 0 || b.len > 0) {
        gp_str x = gp_word(&a), y = gp_word(&b);
        if (!(x.len == y.len && is_number(x) && is_number(y)) && !gp_same(x, y)) return false;
    }
    return true;
}

static void judge_refusals(struct probe_run *run, const char *mechanism, const struct account_no *known,
                           const struct account_no *unknown)
{
    probe_judge(run, FOUND_AUTH_FAILURE_CODE, known->code == 535, "%s with a wrong password: %d %s", mechanism,
                known->code, known->text);
    if (unknown->code)
        probe_judge(run, FOUND_AUTH_TELLS,
                    known->code == unknown->code && are_alike(gp_from(known->text), gp_from(unknown->text)),
                    "wrong password: %d %s; unknown name: %d %s", known->code, known->text, unknown->code,
                    unknown->text);
}

static void try_wrong(struct probe_run *run, const char *mechanism)
{
    struct account_no  known, unknown = { 0 };
    struct probe_call *c = call_shared(run, 0); /* how many errors it bears is looked at, too */
    if (!c) return;
    probe_mark(run);
    bool no = refuse(c, mechanism, run->plan->user, &known);
    probe_judge(run, FOUND_AUTH_ANY_PASSWORD, no, "%s with a wrong password is taken", mechanism);
    if (!no || !known.code) {
        call_end_sharing(run); /* it may be signed in */
        return;
    }
    bool dropped = !talk_works(c->talk);
    if (!dropped) {
        bool none = refuse(c, mechanism, run->account.nobody, &unknown);
        probe_judge(run, FOUND_AUTH_ANY_USER, none, "%s with a name that nobody has is taken", mechanism);
        if (!none) call_end_sharing(run);
        dropped = unknown.code == 0;
    }
    probe_judge(run, FOUND_AUTH_DROPS, !dropped, "hung up after %d", unknown.code ? 2 : 1);
    judge_refusals(run, mechanism, &known, &unknown);
}

static void try_wrong_ones(struct probe_run *run)
{
    gp_str      offered = gp_from(run->mechanisms);
    bool        plain   = probe_offered(offered, "PLAIN") && !run->plan->token;
    const char *first   = plain ? "PLAIN" : run->account.mechanism;
    size_t      others  = 0;
    if (strcmp(first, external) == 0) return; /* no password is taken or refused by it */
    if (!run->plan->thorough) try_wrong(run, first);
    while (offered.len > 0) {
        const struct gp_sasl_mech *m = gp_sasl_find(gp_word(&offered));
        if (!m || !account_fits(run, m)) continue;
        if (run->plan->thorough) try_wrong(run, m->name);
        others += strcmp(m->name, first) != 0;
    }
    if (others && !run->plan->thorough)
        probe_fact(run, PROBE_AUTH, "a wrong password was tried by %s alone; --thorough tries each mechanism", first);
}

void probe_account(struct probe_run *run)
{
    bool may = run->mechanisms[0] || run->plan->chain_pem.ptr;
    if (!run->plan->user || !may || !run->has_tls) return;
    account_names(run);
    run->connections = 0; /* it has a count of its own */
    try_mechanisms(run);
    if (!run->account.mechanism) return;
    if (!run->report->signed_in_wrong && run->plan->secret.len && account_may_try(run)) {
        run->report->signed_in_wrong = true;
        try_wrong_ones(run);
        account_bindings(run);
        account_times(run);
    }
    account_messages(run);
    call_end_sharing(run);
}
