/* The server session: bytes in, events out, the host's answers, bytes to send.
 *
 *   phase     what it is                                       goes on with
 *   SILENT    the greeting is not due yet                      greet()
 *   START     greeted, or just secured                         EHLO, HELO: READY
 *   READY     said hello, no transaction                       MAIL: SENDER; AUTH: SIGN_IN or READY; STARTTLS: TLS
 *   SENDER    MAIL was accepted                                RCPT: RCPTS
 *   RCPTS     a recipient was accepted                         DATA: DATA; BDAT: CHUNK
 *   CHUNKS    between two BDAT commands of a message           BDAT: CHUNK
 *   SIGN_IN   a 334 was said; the next line is its response    READY
 *   TLS       220 was said to STARTTLS                         secured(): START
 *   DATA      message text up to the final dot                 the answer to END: READY
 *   CHUNK     counted octets of message text                   CHUNKS, or READY after the last
 *   DROP      counted octets of a refused chunk                READY, SENDER or RCPTS
 *   ENDED     say what is left and close                       -
 */
#include "smtp/server.h"

#include "smtp/extensions.h"

enum {
    OUT_RESERVE   = 5120, /* what one step may say at most: a SASL challenge, or the lines of EHLO */
    SASL_MOST     = OUT_RESERVE - 8,
    NOTICE_OCTETS = 64,
    BDAT_MOST     = 512, /* of a command line, RFC 5321 4.5.3.1.4: BDAT has no long arguments */
};

/* ---- saying ---------------------------------------------------------------------------------------------- */
static struct gp_text out_text(struct gp_smtp_server *s)
{
    return (struct gp_text) { .ptr = s->room->out + s->said, .room = GP_SMTP_OUT_ROOM - s->said };
}

/* A reply is one line whatever its text holds: no octet of it may look like the end of one (RFC 5321 2.3.8). */
static void put_clean(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char octet = (unsigned char)text.ptr[i];
        gp_put_char(out, octet < ' ' || octet == 127 ? '?' : text.ptr[i]);
    }
}

/* more: '-' where another line follows. */
static void put_reply(struct gp_smtp_server *s, struct gp_reply reply, char more)
{
    size_t         most = GP_SMTP_REPLY_MOST - GP_SMTP_LINE_OVERHEAD;
    struct gp_text out  = out_text(s);
    gp_str         text = gp_head(gp_from(reply.text), reply.code == 334 ? SASL_MOST : most);
    gp_put_number(&out, reply.code);
    gp_put_char(&out, more);
    if (reply.enhanced) {
        gp_put_z(&out, reply.enhanced);
        gp_put_char(&out, ' ');
    }
    put_clean(&out, text);
    gp_put_z(&out, "\r\n");
    s->said += out.len;
}

bool gp_server_say(struct gp_smtp_server *s, struct gp_reply reply)
{
    put_reply(s, reply, ' ');
    /* RFC 5321 3.8: 421 is always the last word. */
    if (reply.code == 421) s->phase = GP_PHASE_ENDED;
    return false;
}

/* Where there is nothing to say, the keyword stands alone. */
static void put_argument(const struct gp_smtp_server *s, const struct gp_extension *e, struct gp_text *out)
{
    size_t keyword = out->len;
    if (!gp_ends(gp_from(e->keyword), "=")) gp_put_char(out, ' ');
    size_t nothing = out->len;
    e->argument(s, out);
    if (out->len == nothing) out->len = keyword;
}

void gp_server_hello(struct gp_smtp_server *s)
{
    enum { HYPHEN = 3 };
    struct gp_text out  = out_text(s);
    size_t         last = 0;
    gp_put_z(&out, "250-");
    gp_put_z(&out, s->options->hostname);
    gp_put_z(&out, "\r\n");
    for (size_t i = 0; i < gp_extension_count; i++) {
        const struct gp_extension *e = &gp_extensions[i];
        if (!e->offered(s)) continue;
        last = out.len;
        gp_put_z(&out, "250-");
        gp_put_z(&out, e->keyword);
        if (e->argument) put_argument(s, e, &out);
        gp_put_z(&out, "\r\n");
    }
    out.ptr[last + HYPHEN] = ' ';
    s->said += out.len;
}

/* ---- asking and refusing --------------------------------------------------------------------------------- */
bool gp_server_ask(struct gp_smtp_server *s, struct gp_smtp_event *ev, enum gp_smtp_kind kind, gp_str text, gp_str more)
{
    s->asked = kind;
    *ev      = (struct gp_smtp_event) { kind, text, more };
    return true;
}

/* The first octets of a refused line, for a log. */
static gp_str excerpt(struct gp_smtp_server *s, gp_str line)
{
    struct gp_text out = GP_TEXT(s->room->scratch);
    put_clean(&out, gp_head(line, NOTICE_OCTETS));
    return gp_said(&out);
}

/* 500 to 503: of grammar and order, where the reply itself is the explanation. */
static bool is_decision(struct gp_reply reply)
{
    return reply.code < 500 || reply.code > 503;
}

bool gp_server_name_and_say(struct gp_smtp_server *s, struct gp_reply reply)
{
    char           room[GP_SMTP_REPLY_MOST];
    struct gp_text text = { .ptr = room, .room = sizeof room - 1 };
    gp_put_z(&text, reply.text);
    if (s->refusal.incident[0]) {
        gp_put_z(&text, " (incident ");
        gp_put_z(&text, s->refusal.incident);
        gp_put_char(&text, ')');
    }
    room[text.len] = '\0';
    return gp_server_say(s, (struct gp_reply) { reply.code, reply.enhanced, room });
}

bool gp_server_decide(struct gp_smtp_server *s, struct gp_smtp_event *ev, struct gp_reply reply, gp_str line)
{
    s->refusal = (struct gp_smtp_refusal) { .code = reply.code };
    if (is_decision(reply) && s->options->new_incident) s->options->new_incident(s->refusal.incident);
    (void)gp_server_name_and_say(s, reply);
    *ev = (struct gp_smtp_event) { GP_SMTP_NOTICE, gp_from(reply.text), excerpt(s, line) };
    return true;
}

bool gp_server_refuse(struct gp_smtp_server *s, struct gp_smtp_event *ev, struct gp_reply reply, gp_str line)
{
    static const struct gp_reply enough = { 421, "4.7.0", "too many errors, closing" };
    if (++s->errors >= s->options->errors_most) reply = enough;
    return gp_server_decide(s, ev, reply, line);
}

void gp_server_forget(struct gp_smtp_server *s)
{
    if (s->phase & (GP_PHASE_SENDER | GP_PHASE_RCPTS | GP_PHASE_CHUNKS | GP_PHASE_CHUNK | GP_PHASE_DATA)) {
        s->reset_due = true;
        s->phase     = GP_PHASE_READY;
    }
    s->recipients = 0;
    s->utf8 = s->chunked = s->last = s->overfull = false;
}

/* ---- answers ---------------------------------------------------------------------------------------------- */
/* The phase after a yes (2xx), a go on (3xx) and a no (4xx, 5xx). The reply is the transition: there is no other. */
enum { SAME = 0 };
static const struct {
    unsigned yes, go_on, no;
} after[GP_SMTP_KINDS] = {
  /* clang-format off */
    [GP_SMTP_STARTTLS]  = { GP_PHASE_TLS,    SAME,             SAME           },
    [GP_SMTP_AUTH]      = { GP_PHASE_READY,  GP_PHASE_SIGN_IN, GP_PHASE_READY },
    [GP_SMTP_AUTH_MORE] = { GP_PHASE_READY,  GP_PHASE_SIGN_IN, GP_PHASE_READY },
    [GP_SMTP_MAIL]      = { GP_PHASE_SENDER, SAME,             SAME           },
    [GP_SMTP_RCPT]      = { GP_PHASE_RCPTS,  SAME,             SAME           },
    [GP_SMTP_DATA]      = { SAME,            GP_PHASE_DATA,    SAME           },
    [GP_SMTP_END]       = { GP_PHASE_READY,  SAME,             GP_PHASE_READY },
    [GP_SMTP_MINE]      = { SAME,            SAME,             SAME           },
  /* clang-format on */
};

static bool is_yes(struct gp_reply reply)
{
    return reply.code / 100 == 2;
}

static void signed_in(struct gp_smtp_server *s, struct gp_reply reply)
{
    static const struct gp_reply too_long = { 500, "5.5.6", "authentication exchange line is too long" };
    if (s->line_over) reply = too_long;
    s->line_over = false;
    if (is_yes(reply)) s->signed_in = true;
    if (reply.code / 100 == 5) s->auth_failures++;
    if (reply.code / 100 == 4) s->auth_put_off++;
    unsigned phase = reply.code == 334 ? after[GP_SMTP_AUTH].go_on : after[GP_SMTP_AUTH].no;
    s->phase       = (enum gp_phase)phase;
    gp_server_say(s, reply);
}

static void count(struct gp_smtp_server *s, enum gp_smtp_kind kind, struct gp_reply reply)
{
    if (!is_yes(reply)) return;
    if (kind == GP_SMTP_MAIL) s->mails++;
    if (kind == GP_SMTP_RCPT) s->recipients++;
}

static void settle(struct gp_smtp_server *s, enum gp_smtp_kind kind, struct gp_reply reply)
{
    unsigned verdict = is_yes(reply) ? after[kind].yes : reply.code / 100 == 3 ? after[kind].go_on : after[kind].no;
    count(s, kind, reply);
    if (kind == GP_SMTP_END) {
        gp_server_forget(s);
        s->reset_due = false; /* it is committed or refused: the host knows */
    }
    if (kind == GP_SMTP_DATA && reply.code == 354) gp_body_open(&s->body, true, s->options->size_limit);
    if (verdict != SAME) s->phase = (enum gp_phase)verdict;
    gp_server_say(s, reply);
}

/* RFC 3207 4: what came in clear behind STARTTLS must never be acted upon. */
static void drop_what_came_in_clear(struct gp_smtp_server *s)
{
    if (s->phase == GP_PHASE_TLS) gp_lines_drop(&s->in);
}

static void wipe_secret(struct gp_smtp_server *s)
{
    if (s->secret_line) gp_wipe(s->room->in, s->in.start);
    s->secret_line = false;
}

/* The last line must fit behind them. */
bool gp_smtp_server_line(struct gp_smtp_server *s, struct gp_reply reply)
{
    size_t takes = GP_SMTP_LINE_OVERHEAD + gp_from(reply.text).len;
    if (s->asked == GP_SMTP_NEED_INPUT || !s->room || takes > GP_SMTP_REPLY_MOST) return false;
    if (s->said + takes + GP_SMTP_REPLY_MOST > GP_SMTP_OUT_ROOM) return false;
    put_reply(s, reply, '-');
    return true;
}

void gp_smtp_server_answer(struct gp_smtp_server *s, struct gp_reply reply)
{
    enum gp_smtp_kind kind = s->asked;
    if (kind == GP_SMTP_NEED_INPUT || !s->room) return;
    s->asked = GP_SMTP_NEED_INPUT;
    wipe_secret(s);
    if (kind == GP_SMTP_AUTH || kind == GP_SMTP_AUTH_MORE)
        signed_in(s, reply);
    else if (kind == GP_SMTP_DATA && s->chunked)
        gp_server_chunk_answered(s, reply);
    else
        settle(s, kind, reply);
    drop_what_came_in_clear(s);
}

/* ---- steps ------------------------------------------------------------------------------------------------ */
static bool read_command(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    static const struct gp_reply command_too_long = { 500, "5.5.2", "line is too long" };
    static const struct gp_reply auth_too_long    = { 500, "5.5.6", "authentication exchange line is too long" };
    gp_str                       line, rest   = gp_trim(gp_lines_rest(&s->in));
    size_t                       passed, most = GP_SMTP_COMMAND_MOST; /* the one that was passed says what it was */
    if (gp_starts(rest, "AUTH ")) most = GP_SMTP_AUTH_MOST;
    if (gp_starts(rest, "BDAT")) most = BDAT_MOST;
    gp_status status = gp_lines_next(&s->in, most, &line, &passed);
    if (status == GP_WAIT) return true;
    if (status == GP_OK) return gp_server_command(s, line, ev);
    if (passed == BDAT_MOST) return gp_server_bdat_lost(s, ev, command_too_long);
    bool was_auth = passed == GP_SMTP_AUTH_MOST;
    return was_auth ? gp_server_refuse(s, ev, auth_too_long, GP_LIT("AUTH"))
                    : gp_server_refuse(s, ev, command_too_long, GP_LIT("(over-long line)"));
}

/* RFC 4954 4: a response. One that is too long ends the exchange: the host hears "*", the client is told why. */
static bool read_response(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    gp_str    line;
    size_t    passed;
    gp_status status = gp_lines_next(&s->in, GP_SMTP_AUTH_MOST, &line, &passed);
    if (status == GP_WAIT) return true;
    s->line_over   = status != GP_OK;
    s->secret_line = true;
    return gp_server_ask(s, ev, GP_SMTP_AUTH_MORE, s->line_over ? GP_LIT("*") : line, GP_NONE);
}

bool gp_server_piece(struct gp_smtp_event *ev, gp_str piece)
{
    *ev = (struct gp_smtp_event) { GP_SMTP_BODY, piece, GP_NONE };
    return piece.len > 0;
}

bool gp_server_finish_body(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    const struct gp_reply *fault = gp_body_fault(&s->body);
    if (!fault) return gp_server_ask(s, ev, GP_SMTP_END, GP_NONE, GP_NONE);
    gp_server_forget(s);
    return gp_server_refuse(s, ev, *fault, GP_LIT("(message text)"));
}

static bool read_data(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    gp_str in = gp_lines_rest(&s->in), piece;
    if (s->body.at == GP_BODY_ENDED) return gp_server_finish_body(s, ev);
    if (in.len == 0) return true;
    gp_lines_took(&s->in, gp_body_read(&s->body, in, &piece));
    return gp_server_piece(ev, piece);
}

static bool body_is_open(const struct gp_smtp_server *s)
{
    return s->phase & (GP_PHASE_DATA | GP_PHASE_CHUNK | GP_PHASE_CHUNKS | GP_PHASE_DROP);
}

/* What has to be said or told before more input is looked at. */
static bool due(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    *ev = (struct gp_smtp_event) { GP_SMTP_WAITING, GP_NONE, GP_NONE };
    if (s->asked != GP_SMTP_NEED_INPUT) return true;
    if (s->reset_due) {
        s->reset_due = false;
        ev->kind     = GP_SMTP_RESET;
        return true;
    }
    if (s->phase == GP_PHASE_ENDED) {
        ev->kind = GP_SMTP_CLOSE;
        return true;
    }
    if (s->phase & (GP_PHASE_SILENT | GP_PHASE_TLS)) return true;
    if (s->room && GP_SMTP_OUT_ROOM - s->said < OUT_RESERVE) return true;
    if (s->room && s->ending.code != 0 && !body_is_open(s)) {
        s->phase = GP_PHASE_ENDED;
        gp_server_say(s, s->ending);
        ev->kind = GP_SMTP_CLOSE;
        return true;
    }
    ev->kind = GP_SMTP_NEED_INPUT;
    return s->room == NULL;
}

static bool step(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    if (due(s, ev)) return true;
    switch (s->phase) {
    case GP_PHASE_SIGN_IN: return read_response(s, ev);
    case GP_PHASE_DATA: return read_data(s, ev);
    case GP_PHASE_CHUNK: return gp_server_read_chunk(s, ev);
    case GP_PHASE_DROP: return gp_server_drop_chunk(s, ev);
    default: return read_command(s, ev);
    }
}

/* ---- the calls of a host ---------------------------------------------------------------------------------- */
void gp_smtp_server_init(struct gp_smtp_server *s, const struct gp_smtp_options *options)
{
    *s = (struct gp_smtp_server) { .options = options, .mechanisms = options->mechanisms, .phase = GP_PHASE_SILENT };
}

void gp_smtp_server_offer(struct gp_smtp_server *s, const char *mechanisms)
{
    s->mechanisms = mechanisms;
}

void gp_smtp_server_lend(struct gp_smtp_server *s, struct gp_smtp_room *room)
{
    s->room = room;
    s->sent = s->said = 0;
    gp_lines_lend(&s->in, room->in);
}

struct gp_smtp_room *gp_smtp_server_take_back(struct gp_smtp_server *s)
{
    struct gp_smtp_room *room = s->room;
    if (!room || s->asked != GP_SMTP_NEED_INPUT || s->sent < s->said || gp_lines_rest(&s->in).len > 0) return NULL;
    gp_lines_take_back(&s->in);
    s->room = NULL;
    return room;
}

void gp_smtp_server_trust(struct gp_smtp_server *s)
{
    s->secure = s->signed_in = true;
}

void gp_smtp_server_greet(struct gp_smtp_server *s)
{
    if (s->phase != GP_PHASE_SILENT || !s->room) return;
    s->phase           = GP_PHASE_START;
    struct gp_text out = out_text(s);
    gp_put_z(&out, "220 ");
    gp_put_z(&out, s->options->hostname);
    gp_put_z(&out, " ESMTP gatepost\r\n");
    s->said += out.len;
}

size_t gp_smtp_server_feed(struct gp_smtp_server *s, gp_str bytes)
{
    bool deaf = s->phase == GP_PHASE_ENDED || s->phase == GP_PHASE_TLS;
    return deaf ? bytes.len : gp_lines_add(&s->in, bytes);
}

struct gp_smtp_event gp_smtp_server_next(struct gp_smtp_server *s)
{
    struct gp_smtp_event ev;
    while (!step(s, &ev)) {}
    return ev;
}

/* RFC 3207 4.2: both sides are in the initial state again. */
void gp_smtp_server_secured(struct gp_smtp_server *s)
{
    gp_server_forget(s);
    gp_lines_drop(&s->in);
    if (s->phase & ~(unsigned)(GP_PHASE_SILENT | GP_PHASE_ENDED)) s->phase = GP_PHASE_START;
    s->secure    = true;
    s->signed_in = s->esmtp = false;
    s->helo[0]              = '\0';
}

gp_str gp_smtp_server_output(const struct gp_smtp_server *s)
{
    return s->room ? (gp_str) { s->room->out + s->sent, s->said - s->sent } : GP_LIT("");
}

void gp_smtp_server_sent(struct gp_smtp_server *s, size_t n)
{
    s->sent += n;
    if (s->sent >= s->said) s->sent = s->said = 0;
}

void gp_smtp_server_end(struct gp_smtp_server *s, struct gp_reply reply, bool now)
{
    if (s->phase == GP_PHASE_ENDED || (s->ending.code != 0 && !now)) return;
    s->ending = reply;
    if (!now) return;
    s->asked = GP_SMTP_NEED_INPUT;
    s->phase = GP_PHASE_ENDED;
    if (s->room && GP_SMTP_OUT_ROOM - s->said >= GP_SMTP_REPLY_MOST) gp_server_say(s, reply);
}

enum gp_smtp_state gp_smtp_server_state(const struct gp_smtp_server *s)
{
    if (s->phase == GP_PHASE_ENDED) return GP_SMTP_ENDED;
    if (s->asked != GP_SMTP_NEED_INPUT) return GP_SMTP_ANSWERING;
    if (s->phase == GP_PHASE_SIGN_IN) return GP_SMTP_SIGNING_IN;
    return body_is_open(s) ? GP_SMTP_IN_BODY : GP_SMTP_COMMANDS;
}

bool gp_smtp_server_line_over(const struct gp_smtp_server *s)
{
    return s->line_over;
}

const struct gp_smtp_refusal *gp_smtp_server_refusal(const struct gp_smtp_server *s)
{
    return &s->refusal;
}

gp_str gp_smtp_server_helo(const struct gp_smtp_server *s)
{
    return gp_from(s->helo);
}

bool gp_smtp_server_said_ehlo(const struct gp_smtp_server *s)
{
    return s->esmtp;
}
