/* sendmail -bs: SMTP on standard input and output. Who speaks is who started us, so nobody signs in here; what he says goes on to the
 * server, and its answers come back to him. Where the server is away a message is kept and the answer says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/sendmail.h"
#include "cli/sendmail_log.h"
#include "smtp/session.h"

enum { LINE_ROOM = 2048, RECIPIENTS_MOST = 1000, PLENTY = 100000 };

struct dialogue {
    struct hand_over     *h;
    struct gp_smtp_server server;
    struct gp_smtp_room   room;
    bool                  away;   /* of the server: the parcel is kept here */
    bool                  opened; /* MAIL has gone on to the server         */
    struct addresses      to;
    gp_str                wishes[RECIPIENTS_MOST]; /* of DSN, of each of them */
    char                  sender[GP_SMTP_COMMAND_MOST], params[GP_SMTP_COMMAND_MOST], own[512];
    struct gp_buffer      message;
    char                  text[GP_SMTP_REPLY_MOST], enhanced[12]; /* of the last answer: it must outlive the call */
};

static struct gp_reply as_reply(struct dialogue *d, const struct talk_reply *r)
{
    struct gp_text text     = { .ptr = d->text, .room = sizeof d->text - 1 },
                   enhanced = { .ptr = d->enhanced, .room = sizeof d->enhanced - 1 };
    gp_put(&text, gp_head(r->text, text.room));
    if (r->enhanced.ptr) gp_put(&enhanced, r->enhanced);
    d->text[text.len]         = '\0';
    d->enhanced[enhanced.len] = '\0';
    for (char *c = d->text; *c; c++)
        if (*c == '\n') *c = ' ';
    return (struct gp_reply) { r->code, enhanced.len ? d->enhanced : NULL, d->text };
}

/* A talk that broke in mid-transaction: the client tries again, and the next transaction finds out whether the server is there. */
static struct gp_reply lost(struct dialogue *d)
{
    (void)snprintf(d->text, sizeof d->text, "the server was lost: %.400s", talk_why(d->h->talk));
    hand_over_end(d->h);
    d->opened = false;
    return (struct gp_reply) { 451, "4.4.2", d->text };
}

static bool is_of_dsn(gp_str parameter)
{
    static const char *const names[] = { "RET", "ENVID", "NOTIFY", "ORCPT" }; /* RFC 3461 4.1 to 4.4 */
    gp_str                   name    = gp_head(parameter, gp_find(parameter, '='));
    for (size_t i = 0; i < GP_COUNT(names); i++)
        if (gp_is(name, names[i])) return true;
    return false;
}

/* What of the parameters is still wanted when the server is back: the others go by the message itself. */
static void put_wishes(struct gp_text *out, gp_str params)
{
    while (params.len > 0) {
        gp_str word = gp_word(&params);
        if (!is_of_dsn(word)) continue;
        if (out->len) gp_put_char(out, ' ');
        gp_put(out, word);
    }
}

static struct gp_reply pass(struct dialogue *d, const char *command, gp_str address, gp_str params)
{
    char              room[LINE_ROOM * 2];
    struct gp_text    line = GP_TEXT(room);
    struct talk_reply r;
    gp_put_z(&line, command);
    gp_put(&line, address);
    gp_put_char(&line, '>');
    for (gp_str rest = params;
         rest.len > 0;) { /* what the server does not offer is left out, as everywhere in sendmail */
        gp_str word = gp_word(&rest), name = gp_head(word, gp_find(word, '='));
        char   z[64];
        if (word.len == 0 || !gp_copy_z(name, z, sizeof z)) continue;
        if (!talk_offers(d->h->talk, is_of_dsn(word) ? "DSN" : gp_is(name, "BODY") ? "8BITMIME" : z, NULL)) continue;
        gp_put_char(&line, ' ');
        gp_put(&line, word);
    }
    if (line.cut) return (struct gp_reply) { 501, "5.5.4", "too long" };
    return talk_ask(d->h->talk, gp_said(&line), &r) ? as_reply(d, &r)
           : talk_works(d->h->talk)                 ? (struct gp_reply) { 501, "5.5.4", "cannot be said" }
                                                    : lost(d);
}

/* ---- the transaction ------------------------------------------------------------------------------------------------------ */
static void forget(struct dialogue *d)
{
    struct talk_reply r;
    if (d->opened && d->h->talk && talk_works(d->h->talk)) (void)talk_ask(d->h->talk, GP_LIT("RSET"), &r);
    d->opened = d->away = false;
    addresses_free(&d->to);
    gp_buffer_free(&d->message);
}

static struct gp_reply mail(struct dialogue *d, gp_str sender, gp_str params)
{
    int status = EX_OK;
    if (sendmail_always(d->h->conf)) sender = gp_from(d->h->conf->from);
    if (!gp_copy_z(sender, d->sender, sizeof d->sender) || !gp_copy_z(params, d->params, sizeof d->params))
        return (struct gp_reply) { 501, "5.1.7", "too long" };
    if (d->h->talk && !talk_works(d->h->talk)) hand_over_end(d->h);
    enum handed open = hand_over_open(d->h, &status);
    d->away          = open == HANDED_LATER;
    if (open == HANDED_REFUSED) {
        (void)snprintf(d->text, sizeof d->text, "%s", d->h->reason);
        hand_over_end(d->h);
        return (struct gp_reply) { 451, "4.7.0", d->text };
    }
    if (d->away) hand_over_end(d->h);
    if (d->away) return (struct gp_reply) { 250, "2.1.0", "sender ok; the server is away, so this is kept" };
    struct gp_reply r = pass(d, "MAIL FROM:<", gp_from(d->sender), gp_from(d->params));
    d->opened         = r.code / 100 == 2;
    return r;
}

static bool add_recipient(struct dialogue *d, gp_str address, gp_str params)
{
    char           room[GP_SMTP_COMMAND_MOST];
    struct gp_text wishes = GP_TEXT(room);
    size_t         at     = d->to.count;
    if (!addresses_add(&d->to, address)) return false;
    if (d->to.count == at) return true; /* was named before */
    put_wishes(&wishes, params);
    d->wishes[at] = gp_arena_copy(&d->to.arena, gp_said(&wishes));
    return d->wishes[at].ptr != NULL;
}

static struct gp_reply rcpt(struct dialogue *d, gp_str address, gp_str params)
{
    char           room[GP_SMTP_COMMAND_MOST];
    struct gp_text full = GP_TEXT(room);
    if (!sendmail_qualify(d->h->conf, address, true, &full)) return (struct gp_reply) { 501, "5.1.3", "too long" };
    struct gp_reply r = d->away     ? (struct gp_reply) { 250, "2.1.5", "recipient ok, for later" }
                        : d->opened ? pass(d, "RCPT TO:<", gp_said(&full), params)
                                    : (struct gp_reply) { 451, "4.4.2", "the server was lost" };
    if (r.code / 100 == 2 && !add_recipient(d, gp_said(&full), params))
        return (struct gp_reply) { 452, "4.5.3", "too many recipients" };
    return r;
}

static struct gp_reply keep(struct dialogue *d)
{
    char                   room[GP_SMTP_COMMAND_MOST];
    struct gp_text         params = GP_TEXT(room);
    struct talk_recipient *to     = calloc(d->to.count, sizeof *to);
    put_wishes(&params, gp_from(d->params));
    struct parcel p = { .sender  = gp_from(d->sender),
                        .params  = gp_said(&params),
                        .to      = to,
                        .count   = to ? d->to.count : 0,
                        .message = gp_buffer_all(&d->message) };
    for (size_t i = 0; i < p.count; i++)
        to[i] = (struct talk_recipient) { .address = d->to.list[i], .params = d->wishes[i] };
    bool kept = p.count > 0 && spool_keep(d->h->conf, &p, HANDED_LATER);
    if (kept) sendmail_log_kept(false, p.sender, p.count, d->h->reason);
    free(to);
    return kept ? (struct gp_reply) { 250, "2.0.0", "kept until the server takes it" }
                : (struct gp_reply) { 451, "4.3.0", "cannot be kept here" };
}

static struct gp_reply hand_on(struct dialogue *d)
{
    struct talk_reply r;
    if (!d->opened || !d->h->talk) return (struct gp_reply) { 451, "4.4.2", "the server was lost" };
    d->opened = false;
    if (!talk_ask(d->h->talk, GP_LIT("DATA"), &r)) return lost(d);
    if (r.code != 354) return as_reply(d, &r);
    return talk_message(d->h->talk, gp_buffer_all(&d->message), &r) ? as_reply(d, &r) : lost(d);
}

static struct gp_reply finish(struct dialogue *d)
{
    struct gp_text     own  = GP_TEXT(d->own);
    struct letter_wish wish = { .from = gp_from(d->sender), .keep_bcc = true };
    sendmail_author(d->h->conf, gp_buffer_all(&d->message), &wish, &own);
    if (!letter_mend(&d->message, &wish)) return (struct gp_reply) { 552, "5.3.4", "the message is too large" };
    if (d->away) return keep(d);
    struct gp_reply r     = hand_on(d);
    bool            taken = r.code / 100 == 2;
    sendmail_log(!taken, "", gp_from(d->sender), d->to.count, taken ? "handed over" : r.text);
    return r;
}

/* ---- the pump ----------------------------------------------------------------------------------------------------------------- */
static void body(struct dialogue *d, gp_str piece)
{
    (void)!gp_buffer_add(&d->message, piece, LETTER_MOST); /* the session's size limit is the same, and says no first */
}

/* false: it waits for input, or is over. */
static bool step(struct dialogue *d, bool *over)
{
    struct gp_smtp_event ev = gp_smtp_server_next(&d->server);
    switch (ev.kind) {
    case GP_SMTP_MAIL: gp_smtp_server_answer(&d->server, mail(d, ev.text, ev.more)); return true;
    case GP_SMTP_RCPT: gp_smtp_server_answer(&d->server, rcpt(d, ev.text, ev.more)); return true;
    case GP_SMTP_DATA:
        gp_smtp_server_answer(&d->server, (struct gp_reply) { 354, NULL, "go ahead, end with a dot alone on a line" });
        return true;
    case GP_SMTP_BODY: body(d, ev.text); return true;
    case GP_SMTP_END:
        gp_smtp_server_answer(&d->server, finish(d));
        forget(d);
        return true;
    case GP_SMTP_RESET: forget(d); return true;
    case GP_SMTP_NOTICE: return true;
    case GP_SMTP_CLOSE: *over = true; return false;
    case GP_SMTP_STARTTLS:
    case GP_SMTP_AUTH:
    case GP_SMTP_AUTH_MORE:
        gp_smtp_server_answer(&d->server, (struct gp_reply) { 503, "5.5.1", "not here" });
        return true;
    default: return false;
    }
}

static bool say(struct dialogue *d)
{
    for (gp_str out = gp_smtp_server_output(&d->server); out.len > 0; out = gp_smtp_server_output(&d->server)) {
        ssize_t n = write(STDOUT_FILENO, out.ptr, out.len);
        if (n <= 0) return false;
        gp_smtp_server_sent(&d->server, (size_t)n);
    }
    return true;
}

/* All that can be done with what has come. false: over. */
static bool pump(struct dialogue *d)
{
    bool over = false, said = true;
    while (said && !over) {
        bool more = step(d, &over), owes = gp_smtp_server_output(&d->server).len > 0;
        said = say(d);
        if (!more && !owes) break;
    }
    return said && !over;
}

static void converse(struct dialogue *d)
{
    char piece[GP_SMTP_IN_ROOM / 2];
    while (pump(d)) {
        ssize_t got = read(STDIN_FILENO, piece, sizeof piece);
        if (got <= 0) return;
        for (gp_str rest = { piece, (size_t)got }; rest.len > 0;) {
            rest = gp_tail(rest, gp_smtp_server_feed(&d->server, rest));
            if (!pump(d)) return;
        }
    }
}

int sendmail_smtp(struct hand_over *h)
{
    static struct dialogue        d;
    static struct gp_smtp_options options = { .size_limit         = LETTER_MOST,
                                              .recipients_most    = RECIPIENTS_MOST,
                                              .mails_most         = PLENTY,
                                              .errors_most        = PLENTY,
                                              .auth_failures_most = 3,
                                              .mechanisms         = "" };
    options.hostname                      = reach_name(&h->conf->reach);
    d.h                                   = h;
    gp_smtp_server_init(&d.server, &options);
    gp_smtp_server_lend(&d.server, &d.room);
    gp_smtp_server_trust(&d.server);
    gp_smtp_server_greet(&d.server);
    converse(&d);
    forget(&d);
    return EX_OK;
}
