/* Clients as they are: how each says EHLO, which TLS it speaks, which mechanism it takes and in which form. What is known of them is
 * data, and says where it is from; a behaviour is no copy of a client, only of what decides whether it gets in. */
#include "probe/clients.h"

#include <jansson.h>
#include <string.h>

#include "probe/account.h"

enum { TLS_1_0 = 0x0301, TLS_1_2 = 0x0303 };

/* clang-format off */
const struct client probe_clients[] = {
    { .name = "thunderbird", .what = "Thunderbird", .hello = "[127.0.0.1]", .mechanisms = "PLAIN LOGIN",
      .source = "its source, mailnews/compose: SmtpClient; not recorded" },
    { .name = "outlook", .what = "Outlook for Windows, with a password", .hello = "DESKTOP-1A2B3C4", .mechanisms = "LOGIN", .no_initial = true,
      .source = "its documentation and reports of users, no capture" },
    { .name = "outlook-express", .what = "Outlook Express and what was made after it", .hello = "pc", .mechanisms = "LOGIN", .no_initial = true, .newest = TLS_1_0,
      .no_name = true, .equals = true, .source = "Postfix's documentation of broken_sasl_auth_clients, no capture" },
    { .name = "apple-mail", .what = "Apple Mail on macOS", .hello = "[192.0.2.7]", .mechanisms = "CRAM-MD5 PLAIN LOGIN",
      .source = "its documentation and reports of users, no capture" },
    { .name = "ios", .what = "Mail on iOS", .hello = "[192.0.2.8]", .mechanisms = "CRAM-MD5 PLAIN LOGIN",
      .source = "its documentation and reports of users, no capture" },
    { .name = "android", .what = "K-9 Mail, Thunderbird for Android", .hello = "[127.0.0.1]", .mechanisms = "PLAIN LOGIN CRAM-MD5", .pipelines = true,
      .source = "its source, SmtpTransport; not recorded" },
    { .name = "postfix", .what = "Postfix as a client, with Cyrus SASL", .hello = "mail.example.net", .mechanisms = "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN", .no_name = true, .pipelines = true,
      .source = "recorded: Debian 12's Postfix 3.7 and Cyrus SASL 2.1.28" },
    { .name = "php", .what = "PHPMailer", .hello = "web.example.net", .mechanisms = "CRAM-MD5 LOGIN PLAIN", .no_initial = true,
      .source = "recorded: Debian 12's PHPMailer 6.6; the order also from its source, SMTP.php" },
    { .name = "python", .what = "Python's smtplib", .hello = "[127.0.0.1]", .mechanisms = "CRAM-MD5 PLAIN LOGIN", .source = "recorded: Debian 12's Python 3.11; the order also from its source, smtplib.py" },
    { .name = "nodemailer", .what = "Nodemailer", .hello = "host.example.net", .mechanisms = "PLAIN LOGIN CRAM-MD5", .source = "recorded: Nodemailer as the tests install it" },
    { .name = "curl", .what = "curl", .hello = "host", .mechanisms = "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN", .no_initial = true,
      .source = "recorded: Debian 12's curl 7.88, which has no SCRAM; that from its source, curl_sasl.c" },
    { .name = "msmtp", .what = "msmtp with GNU SASL", .hello = "localhost", .mechanisms = "PLAIN SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 CRAM-MD5 LOGIN", .pipelines = true,
      .source = "recorded: Debian 12's msmtp 1.8.23, which takes PLAIN first under TLS and has no -PLUS; that from its manual" },
    { .name = "swaks", .what = "swaks", .hello = "host", .mechanisms = "CRAM-MD5 LOGIN PLAIN", .no_initial = true, .no_name = true,
      .source = "recorded: Debian 12's swaks 20201014" },
    { .name = "printer-tls10", .what = "a printer of 2012: TLS 1.0, no SNI, LOGIN", .hello = "PRINTER", .mechanisms = "LOGIN", .no_initial = true, .newest = TLS_1_0, .no_name = true,
      .source = "manuals of devices, no capture" },
    { .name = "printer-tls12", .what = "a printer of today: TLS 1.2, no SNI, LOGIN", .hello = "PRINTER", .mechanisms = "LOGIN", .no_initial = true, .newest = TLS_1_2, .no_name = true,
      .source = "manuals of devices, no capture" },
    { .name = "helo-only", .what = "a device that says HELO, and AUTH all the same", .hello = "device", .mechanisms = "LOGIN PLAIN", .no_initial = true, .helo = true, .source = "made up" },
    { .name = "no-tls", .what = "a device without TLS", .hello = "device", .mechanisms = "PLAIN LOGIN", .in_clear = true, .source = "made up" },
    { .name = "cram-only", .what = "a client that knows CRAM-MD5 alone", .hello = "host.example.net", .mechanisms = "CRAM-MD5", .source = "made up" },
    { .name = "login-only", .what = "a client that knows LOGIN alone", .hello = "host.example.net", .mechanisms = "LOGIN", .no_initial = true, .source = "made up" },
    { .name = "plain-only", .what = "a client that knows PLAIN alone", .hello = "host.example.net", .mechanisms = "PLAIN", .source = "made up" },
    { .name = NULL },
};
/* clang-format on */

struct
try {
    const struct client *client;
    struct probe_run    *run;
    char                 where[PROBE_WHERE_ROOM];
    char                 offered[PROBE_MECHANISMS_ROOM];
    bool                 with_password; /* it signs in; else it goes as far as the server's first question */
};

static void breaks(struct try *t, const char *why, const char *detail)
{
    char           room[PROBE_SEEN_MOST], from[PROBE_SEEN_MOST];
    struct gp_text seen   = GP_TEXT(room);
    struct gp_text source = GP_TEXT(from);
    gp_put_z(&source, "known from: ");
    gp_put_z(&source, t->client->source);
    gp_put_z(&seen, t->client->what);
    gp_put_z(&seen, ": ");
    gp_put_z(&seen, why);
    if (detail[0]) gp_put_z(&seen, ": ");
    gp_put(&seen, gp_head(gp_from(detail), 200));
    probe_raise(t->run->report, FOUND_CLIENT_BREAKS, t->where, gp_said(&seen), gp_said(&source));
}

static const char *words_of(const struct probe_call *c)
{
    if (!c->talk) return "no memory";
    return talk_works(c->talk) || !talk_why(c->talk)[0] ? "it is refused" : talk_why(c->talk);
}

/* ---- as far as the offer -------------------------------------------------------------------------------------------------- */
static bool greets(struct try *t, struct probe_call *c)
{
    const struct client     *k    = t->client;
    const struct probe_plan *base = t->run->plan;
    struct talk_plan         plan = { .newest      = k->newest,
                                      .oldest      = k->newest,
                                      .weak        = k->newest == TLS_1_0,
                                      .no_verify   = !t->with_password,
                                      .pinned_pem  = base->ca_pem.ptr ? GP_NONE : base->pinned_pem,
                                      .ciphers     = k->newest == TLS_1_0 ? "ALL:!aNULL:!eNULL" : NULL,
                                      .server_name = k->no_name ? "" : NULL };
    if (k->in_clear && t->run->tls == TALK_IMPLICIT) {
        breaks(t, "it speaks no TLS, and this port nothing else", "");
        return false;
    }
    unsigned turned_away = t->run->turned_away;
    if (!call_open(c, t->run, &plan)) {
        if (t->run->turned_away > turned_away) return false; /* as any other would be now */
        breaks(t, "it gets no greeting", words_of(c));
        return false;
    }
    c->hello = k->hello;
    return true;
}

static bool says_hello(struct try *t, struct probe_call *c)
{
    char line[300];
    (void)snprintf(line, sizeof line, "HELO %s", t->client->hello);
    bool taken = t->client->helo ? call_ask(c, line) == 250 : t->client->in_clear ? call_hello(c) : call_secure(c);
    if (!taken)
        breaks(t, talk_fault(c->talk) == TALK_BAD_TLS ? "TLS" : "its first words are refused", words_of(c));
    else if (!t->client->in_clear && !t->client->helo && !talk_session(c->talk))
        breaks(t, "it wants TLS, and none is offered", "");
    else
        return true;
    return false;
}

static void read_offer(struct try *t, struct probe_call *c)
{
    gp_str lines = talk_offered(c->talk), auth = GP_LIT("");
    (void)talk_offers(c->talk, "AUTH", &auth);
    while (t->client->equals && !auth.len && lines.len > 0) {
        gp_str line = gp_cut(&lines, '\n');
        if (gp_starts(line, "AUTH=")) auth = gp_tail(line, sizeof "AUTH=" - 1);
    }
    (void)gp_copy_z(gp_head(auth, sizeof t->offered - 1), t->offered, sizeof t->offered);
    if (t->client->helo)
        (void)snprintf(t->offered, sizeof t->offered, "%s", t->client->mechanisms); /* it does not ask */
}

static bool choose(struct try *t, char room[static 32])
{
    for (gp_str words = gp_from(t->client->mechanisms); words.len > 0;) {
        gp_str word = gp_word(&words);
        if (!gp_copy_z(word, room, 32)) continue;
        if (probe_offered(gp_from(t->offered), room)) return true;
    }
    breaks(t, t->offered[0] ? "none of what it knows is offered" : "no sign-in is offered to it",
           t->offered[0] ? t->offered : t->client->mechanisms);
    return false;
}

/* ---- the sign-in ------------------------------------------------------------------------------------------------------------ */
/* Without a password: as far as the server's first question. */
static bool begins(struct try *t, struct probe_call *c, const char *mechanism)
{
    char line[64];
    bool asked = t->client->no_initial || strcmp(mechanism, "LOGIN") == 0 || strcmp(mechanism, "CRAM-MD5") == 0;
    if (!asked) return true;
    (void)snprintf(line, sizeof line, "AUTH %s", mechanism);
    if (call_ask(c, line) == 334) {
        (void)call_ask(c, "*");
        return true;
    }
    breaks(t, line, words_of(c));
    return false;
}

static bool signs_in(struct try *t, struct probe_call *c, const char *mechanism)
{
    const struct probe_plan *plan  = t->run->plan;
    struct talk_login        login = { .mechanism  = gp_from(mechanism),
                                       .user       = gp_from(plan->user),
                                       .secret     = plan->secret,
                                       .in_clear   = false,
                                       .unoffered  = true,
                                       .no_initial = t->client->no_initial };
    char                     said[40];
    if (talk_sign_in(c->talk, &login, &c->reply, NULL)) return true;
    (void)snprintf(said, sizeof said, "%s: %d", mechanism, c->reply.code);
    breaks(t, said, words_of(c));
    account_count(c);
    return false;
}

/* RFC 2920 3.1: where no password is said MAIL may be refused; that each is answered is what counts. */
static bool pipelines(struct try *t, struct probe_call *c)
{
    char octets[400];
    if (!t->client->pipelines || !talk_offers(c->talk, "PIPELINING", NULL)) return true;
    (void)snprintf(octets, sizeof octets, "MAIL FROM:<%s>\r\nRSET\r\n",
                   t->with_password ? t->run->account.address : "");
    if (call_raw(c, gp_from(octets)) && call_hear(c)) return true;
    breaks(t, "it says MAIL and what follows at once, and not each is answered", words_of(c));
    return false;
}

static void try_client(struct try *t)
{
    auto_call c = { 0 };
    char      mechanism[32];
    probe_look(t->run->report, FOUND_CLIENT_BREAKS);
    if (!greets(t, &c) || !says_hello(t, &c)) return;
    read_offer(t, &c);
    if (!choose(t, mechanism)) return;
    bool with_password = t->with_password;
    if (!(with_password ? signs_in(t, &c, mechanism) : begins(t, &c, mechanism))) return;
    if (!pipelines(t, &c)) return;
    probe_fact(t->run, PROBE_CLIENTS, "%-16s %s by %s  (%s)", t->client->name, with_password ? "signs in" : "can begin",
               mechanism, t->client->what);
}

bool probe_is_client(const char *name)
{
    if (strcmp(name, "all") == 0) return true;
    for (const struct client *k = probe_clients; k->name; k++)
        if (strcmp(k->name, name) == 0) return true;
    return false;
}

/* A real password is said to nobody whose certificate is not the right one, nor in clear, nor by TLS that is given up, nor again and
 * again when it is refused. */
static bool may_sign_in(const struct probe_run *run, const struct client *k)
{
    return run->plan->user && run->plan->secret.len && !run->plan->token && !run->untrusted && account_may_try(run) &&
           !k->in_clear && k->newest != TLS_1_0;
}

void probe_as_clients(struct probe_run *run)
{
    auto_call c = { 0 };
    run->works  = true; /* it has greeted us */
    if (run->plan->user) account_names(run);
    if (run->plan->user && !call_trusted(&c, run)) run->untrusted = true;
    call_close(&c);
    for (const struct client *k = probe_clients; k->name && !run->had_enough; k++) {
        struct try t = { .client = k, .run = run, .with_password = may_sign_in(run, k) };
        if (strcmp(run->plan->as, "all") != 0 && strcmp(run->plan->as, k->name) != 0) continue;
        (void)snprintf(t.where, sizeof t.where, "%s at %.*s", k->name, 280, run->where);
        probe_doing(run, k->name);
        try_client(&t);
    }
}

bool probe_print_clients(FILE *to)
{
    json_t *all = json_array();
    for (const struct client *k = probe_clients; k->name; k++)
        (void)json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:s}", "name", k->name,
                                                   "what", k->what, "hello", k->hello, "mechanisms", k->mechanisms,
                                                   "initial_response", !k->no_initial, "pipelining", k->pipelines,
                                                   "server_name", !k->no_name, "tls", !k->in_clear && !k->helo,
                                                   "source", k->source));
    bool done = all && json_dumpf(all, to, JSON_INDENT(2)) == 0 && fputc('\n', to) != EOF;
    json_decref(all);
    return done;
}

void probe_list_clients(FILE *to)
{
    for (const struct client *k = probe_clients; k->name; k++)
        (void)fprintf(to, "%-16s  %-48s  %s\n", k->name, k->what, k->source);
}
