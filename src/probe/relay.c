/* Who may send without a sign-in: MAIL, recipients elsewhere, and addresses that hide one. No message is ever begun: the last command is
 * RSET, never DATA. The addresses are of domains that exist for examples (RFC 2606). */
#include "probe/parts.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MOST = 512, NULL_MX = 556 /* RFC 7504 5, 7505 4.2 */ };

/* A recipient elsewhere; $ is where the server's own name goes. `local`: it looks like one of the server's own. */
static const struct {
    const char *form, *what;
    bool        local;
} forms[] = {
    {"RCPT TO:<gatepost-check%example.net@$>",      "percent",      true },
    { "RCPT TO:<example.net!gatepost-check@$>",     "bang",         true },
    { "RCPT TO:<\"gatepost-check@example.net\"@$>", "quoted",       true },
    { "RCPT TO:<@$:gatepost-check@example.net>",    "source route", false},
    { "RCPT TO:<gatepost-check@[192.0.2.1]>",       "literal",      false},
};

static int rcpt(struct probe_call *c, const char *form)
{
    char line[LINE_MOST];
    (void)snprintf(line, sizeof line, "RCPT TO:<gatepost-check@%s>", form);
    return call_ask(c, line);
}

static bool is_taken(int code)
{
    return code == 250 || code == 251;
}

/* The address itself is refused (RFC 7505: these domains take no mail), or not now: that says nothing of relaying. */
static bool is_about_address(const struct talk_reply *r)
{
    static const char *const codes[] = { "5.1.2", "5.1.8", "5.1.10", "5.7.27", "5.4.0", "5.4.1", "5.4.4" };
    for (size_t i = 0; i < GP_COUNT(codes); i++)
        if (gp_same(r->enhanced, gp_from(codes[i]))) return true;
    return r->code == NULL_MX || r->code / 100 == 4;
}

static int try_form(struct probe_call *c, const char *form)
{
    char           room[LINE_MOST];
    struct gp_text line = { .ptr = room, .room = sizeof room - 1 };
    for (const char *at = form; *at; at++) {
        if (*at == '$')
            gp_put_z(&line, c->run->plan->host);
        else
            gp_put_char(&line, *at);
    }
    room[line.len] = '\0';
    return line.cut ? 0 : call_ask(c, room);
}

static void try_forms(struct probe_call *c)
{
    struct probe_run *run       = c->run;
    bool              catch_all = is_taken(rcpt(c, run->plan->host)); /* then a local form says nothing */
    probe_look(run->report, FOUND_RELAY_FORMS);
    for (size_t i = 0; i < GP_COUNT(forms) && talk_works(c->talk); i++) {
        if (forms[i].local && catch_all && !run->submission) continue;
        probe_mark(run);
        if (is_taken(try_form(c, forms[i].form)))
            probe_found(run, FOUND_RELAY_FORMS, "the %s form is taken: %d", forms[i].what, c->reply.code);
    }
}

static void try_recipients(struct probe_call *c)
{
    struct probe_run *run  = c->run;
    int               code = rcpt(c, "example.net");
    if (code == 0) return;
    if (is_about_address(&c->reply)) {
        probe_fact(run, PROBE_RELAY, "whether it relays is not to be seen: it refuses example.net itself, with %d",
                   code);
        return;
    }
    probe_judge(run, FOUND_RELAY_OPEN, !is_taken(code), "a recipient of example.net is taken: %d", code);
    if (is_taken(code)) return; /* what it does with disguises is of no interest any more */
    if (run->submission) probe_judge(run, FOUND_RELAY_CODE, code == 530, "RCPT: %d", code);
    try_forms(c);
}

/* RFC 4954 4: not during a transaction. Without a password: 334 says enough. */
static void try_auth_in_transaction(struct probe_call *c)
{
    if (!probe_offered(gp_from(c->run->mechanisms), "PLAIN")) return;
    probe_mark(c->run);
    int code = call_ask(c, "AUTH PLAIN");
    if (code) probe_judge(c->run, FOUND_AUTH_TRANSACTION, code != 334, "AUTH PLAIN behind MAIL: %d", code);
    if (code == 334) (void)call_ask(c, "*");
}

static bool try_sending(struct probe_call *c)
{
    struct probe_run *run = c->run;
    probe_mark(run);
    int code = call_ask(c, "MAIL FROM:<gatepost-check@example.com>");
    if (code && is_about_address(&c->reply)) code = call_ask(c, "MAIL FROM:<>");
    if (code == 0) return false;
    if (is_about_address(&c->reply)) return true;
    if (code / 100 == 2) {
        if (run->submission) probe_judge(run, FOUND_RELAY_LATE, false, "MAIL: %d", code);
        try_auth_in_transaction(c);
        try_recipients(c);
        (void)call_ask(c, "RSET");
        return true;
    }
    probe_look(run->report, FOUND_RELAY_LATE);
    probe_look(run->report, FOUND_RELAY_OPEN);
    probe_look(run->report, FOUND_RELAY_FORMS);
    if (run->submission) probe_judge(run, FOUND_RELAY_CODE, code == 530, "MAIL: %d", code);
    return true;
}

/* ---- names ------------------------------------------------------------------------------------------------------------- */
static bool try_names(struct probe_call *c, const char *verb)
{
    char line[LINE_MOST];
    probe_mark(c->run);
    (void)snprintf(line, sizeof line, "%s postmaster@%s", verb, c->run->plan->host);
    int known = call_ask(c, line);
    (void)snprintf(line, sizeof line, "%s gatepost-check-nobody@%s", verb, c->run->plan->host);
    int unknown = call_ask(c, line);
    if (known && unknown)
        probe_judge(c->run, FOUND_RELAY_VRFY, known / 100 == unknown / 100, "%s: %d for postmaster, %d for nobody",
                    verb, known, unknown);
    return known && unknown;
}

static bool try_vrfy(struct probe_call *c)
{
    return try_names(c, "VRFY");
}

static bool try_expn(struct probe_call *c)
{
    return try_names(c, "EXPN");
}

void probe_relay(struct probe_run *run)
{
    call_share(run, try_sending);
    call_share(run, try_vrfy);
    call_share(run, try_expn);
}
