/* Plays tests/transcripts/: each dialogue whole, octet by octet, and cut at every offset, and it must be the same dialogue.
 * The format is on one page in tests/transcripts/README.md. */
#include "check.h"
#include "smtp/session.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MOST = 65536, PATH_MOST = 512, NUMBER_MOST = 1000000, ANSWERS_MOST = 8, WHOLE = 0, BYTEWISE = 1 };

/* ---- the host: answers what the session asks ---------------------------------------------------------------------------- */
static const struct kind {
    const char     *name;
    struct gp_reply usual; /* code 0: not a question */
} kinds[GP_SMTP_KINDS] = {
    [GP_SMTP_RESET]     = {"RESET"},
    [GP_SMTP_NOTICE]    = {          "NOTICE"     },
    [GP_SMTP_STARTTLS]  = { "STARTTLS",      { 220, "2.0.0", "go ahead" } },
    [GP_SMTP_AUTH]      = {         "AUTH",      { 235, "2.7.0", "signed in" } },
    [GP_SMTP_AUTH_MORE] = {    "AUTH_MORE",      { 235, "2.7.0", "signed in" } },
    [GP_SMTP_MAIL]      = {         "MAIL",      { 250, "2.1.0", "sender ok" } },
    [GP_SMTP_RCPT]      = {         "RCPT",      { 250, "2.1.5", "recipient ok" } },
    [GP_SMTP_DATA]      = {         "DATA",      { 354, NULL, "go ahead" } },
    [GP_SMTP_MINE]      = {         "MINE",      { 250, "2.0.0", "end" } },
    [GP_SMTP_END]       = {          "END",      { 250, "2.0.0", "queued" } },
};

struct answer {
    enum gp_smtp_kind kind;
    char              code[8], enhanced[16], text[256];
};

struct play {
    struct gp_smtp_options options;
    struct gp_smtp_server  server;
    struct gp_smtp_room    room;
    struct answer          answers[ANSWERS_MOST]; /* scripted: the first of its kind is used up first */
    size_t                 answer_count;
    struct gp_text         said, events, body, sending;
    char                   said_room[TEXT_MOST], events_room[TEXT_MOST], body_room[TEXT_MOST], sending_room[TEXT_MOST];
    char                   mechanisms[256], offer[256];
    const char            *file; /* where we are, for who has to mend it */
    size_t                 line, cut_at, fed;
    size_t                 piece; /* WHOLE, BYTEWISE, or the offset to cut at in cut_at */
    bool                   closed, want_events, want_body;
};

static void blame(const struct play *p, const char *what, gp_str got, gp_str want)
{
    print_error("%s:%zu: %s (%s, cut at %zu)\ngot:  %.*s\nwant: %.*s\n", p->file, p->line, what,
                p->piece == BYTEWISE ? "octet by octet" : "in pieces", p->cut_at, (int)got.len, got.ptr ? got.ptr : "",
                (int)want.len, want.ptr ? want.ptr : "");
    fail();
}

static void answer(struct play *p, enum gp_smtp_kind kind)
{
    struct gp_reply reply = kinds[kind].usual;
    if (reply.code == 0) return;
    for (size_t i = 0; i < p->answer_count; i++) {
        struct answer *a = &p->answers[i];
        if (a->kind != kind) continue;
        reply   = (struct gp_reply) { (int)strtol(a->code, NULL, 10), a->enhanced[0] ? a->enhanced : NULL, a->text };
        a->kind = GP_SMTP_NEED_INPUT; /* used up; its text must stay */
        break;
    }
    gp_smtp_server_answer(&p->server, reply);
}

static void note(struct play *p, const struct gp_smtp_event *ev)
{
    gp_put_z(&p->events, kinds[ev->kind].name);
    if (ev->text.ptr) gp_put_z(&p->events, " ");
    gp_put(&p->events, ev->text);
    if (ev->more.ptr && (ev->more.len > 0 || ev->kind == GP_SMTP_AUTH)) gp_put_z(&p->events, " | ");
    gp_put(&p->events, ev->more);
    gp_put_z(&p->events, "\n");
}

static void take_output(struct play *p)
{
    gp_str out = gp_smtp_server_output(&p->server);
    gp_put(&p->said, out);
    gp_smtp_server_sent(&p->server, out.len);
}

static void run(struct play *p)
{
    for (;;) {
        struct gp_smtp_event ev    = gp_smtp_server_next(&p->server);
        bool                 owing = gp_smtp_server_output(&p->server).len > 0;
        if (ev.kind == GP_SMTP_CLOSE) p->closed = true;
        if (ev.kind == GP_SMTP_BODY) gp_put(&p->body, ev.text);
        if (ev.kind == GP_SMTP_RESET) p->body.len = 0; /* what was not committed never was */
        if (kinds[ev.kind].name) {
            note(p, &ev);
            answer(p, ev.kind);
            continue;
        }
        take_output(p);
        if (ev.kind == GP_SMTP_BODY || (ev.kind == GP_SMTP_WAITING && owing)) continue;
        return;
    }
}

static void feed(struct play *p, gp_str bytes)
{
    while (bytes.len > 0) {
        size_t taken = gp_smtp_server_feed(&p->server, bytes);
        run(p);
        if (taken == 0 && gp_smtp_server_feed(&p->server, gp_head(bytes, 1)) == 0) break;
        bytes = gp_tail(bytes, taken ? taken : 1);
    }
    run(p);
    p->fed += bytes.len;
}

/* Sends what is collected, as this replay cuts it. */
static void send_all(struct play *p)
{
    gp_str all    = gp_said(&p->sending);
    size_t offset = p->fed;
    if (p->piece == BYTEWISE) {
        for (size_t i = 0; i < all.len; i++) feed(p, (gp_str) { all.ptr + i, 1 });
    } else if (p->cut_at > offset && p->cut_at < offset + all.len) {
        feed(p, gp_head(all, p->cut_at - offset));
        feed(p, gp_tail(all, p->cut_at - offset));
    } else {
        feed(p, all);
    }
    p->fed         = offset + all.len;
    p->sending.len = 0;
}

/* ---- the script ---------------------------------------------------------------------------------------------------------- */
/* \r \n \0 \\ \xHH, and {x*N}: x N times. */
static void put_escaped(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        gp_str rest  = gp_tail(text, i);
        size_t close = gp_find(rest, '}');
        if (rest.len > 3 && rest.ptr[0] == '{' && rest.ptr[2] == '*' && close < rest.len) {
            uint64_t times = 0;
            CHECK(gp_read_number(gp_head(gp_tail(rest, 3), close - 3), NUMBER_MOST, &times));
            for (; times > 0; times--) gp_put_char(out, rest.ptr[1]);
            i += close;
        } else if (rest.len > 3 && gp_starts(rest, "\\x")) {
            char   octet;
            size_t length;
            CHECK(gp_read_hex(gp_head(gp_tail(rest, 2), 2), &octet, 1, &length));
            gp_put_char(out, octet);
            i += 3;
        } else if (rest.len > 1 && rest.ptr[0] == '\\') {
            char c = rest.ptr[1];
            gp_put_char(out, (char)(c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c));
            i++;
        } else {
            gp_put_char(out, rest.ptr[0]);
        }
    }
    CHECK(!out->cut);
}

static bool fits(gp_str got, gp_str want)
{
    bool   open = gp_ends(want, "...");
    gp_str head = open ? gp_head(want, want.len - 3) : want;
    return open ? gp_same(gp_head(got, head.len), head) : gp_same(got, want);
}

static gp_str next_line(struct gp_text *text, const char *end)
{
    static char line[TEXT_MOST];
    size_t      length = 0;
    for (; length < text->len; length++)
        if (gp_starts((gp_str) { text->ptr + length, text->len - length }, end)) break;
    if (length == text->len) return GP_NONE;
    memcpy(line, text->ptr, length);
    size_t whole = length + strlen(end);
    memmove(text->ptr, text->ptr + whole, text->len - whole);
    text->len -= whole;
    return (gp_str) { line, length };
}

static void expect_line(struct play *p, struct gp_text *said, const char *end, gp_str want, const char *what)
{
    static bool skipping;
    if (gp_same(want, GP_LIT("..."))) {
        skipping = true;
        return;
    }
    gp_str got = next_line(said, end);
    while (skipping && got.ptr && !fits(got, want)) got = next_line(said, end);
    skipping = false;
    if (!got.ptr || !fits(got, want)) blame(p, what, got, want);
}

/* What was said and not asked for is as wrong as what is missing. */
static void nothing_left(struct play *p)
{
    if (p->said.len > 0) blame(p, "more was said", gp_said(&p->said), GP_LIT("nothing"));
    if (p->want_events && p->events.len > 0) blame(p, "more events", gp_said(&p->events), GP_LIT("none"));
    p->want_events = p->want_body = false;
    p->events.len                 = 0;
}

static enum gp_smtp_kind kind_of(struct play *p, gp_str name)
{
    for (size_t i = 0; i < GP_COUNT(kinds); i++)
        if (kinds[i].name && gp_is(name, kinds[i].name)) return (enum gp_smtp_kind)i;
    blame(p, "no such event", name, GP_NONE);
    return GP_SMTP_NEED_INPUT;
}

static struct gp_reply reply_of(struct answer *a, gp_str text)
{
    gp_str code = gp_word(&text), rest = text, word = gp_word(&rest);
    bool   enhanced = word.len >= 5 && gp_find(word, '.') == 1;
    CHECK(gp_copy_z(code, a->code, sizeof a->code));
    CHECK(gp_copy_z(enhanced ? word : GP_LIT(""), a->enhanced, sizeof a->enhanced));
    CHECK(gp_copy_z(enhanced ? rest : text, a->text, sizeof a->text) || text.len == 0);
    return (struct gp_reply) { (int)strtol(a->code, NULL, 10), enhanced ? a->enhanced : NULL, a->text };
}

/* ---- options --------------------------------------------------------------------------------------------------------------- */
static void say(struct play *p, const char *line)
{
    gp_put_z(&p->sending, line);
    gp_put_z(&p->sending, "\r\n");
    feed(p, gp_said(&p->sending));
    p->sending.len = p->said.len = p->events.len = 0;
}

/* How far the dialogue is when its first line is said: each needs those before it. */
enum { FRESH, GREETED, HELLO, AUTHED, MAIL, RCPT };
static const struct {
    const char *name;
    int         level;
    const char *line;
} levels[] = {
    {"fresh",    FRESH,   NULL                       },
    { "greeted", GREETED, NULL                       },
    { "hello",   HELLO,   "EHLO client.example"      },
    { "authed",  AUTHED,  "AUTH PLAIN AGEAYg=="      },
    { "mail",    MAIL,    "MAIL FROM:<a@example.org>"},
    { "rcpt",    RCPT,    "RCPT TO:<b@example.net>"  },
};

static void name_incident(char out[static GP_SMTP_INCIDENT_ROOM])
{
    CHECK(gp_copy_z(GP_LIT("0123456789"), out, GP_SMTP_INCIDENT_ROOM));
}

/* 2026-12-24T18:00:00Z */
static gp_time christmas_eve(void)
{
    return 1798135200000;
}

static void take_option(struct play *p, gp_str option, bool *secure, int *level)
{
    gp_str   rest = option, name = gp_word(&rest);
    uint64_t number = 0;
    bool     counts = gp_read_number(gp_trim(rest), UINT64_MAX, &number);
    for (size_t i = 0; i < GP_COUNT(levels); i++)
        if (gp_is(name, levels[i].name)) *level = levels[i].level;
    if (gp_is(name, "secure") || *level > HELLO) *secure = true;
    if (gp_is(name, "limit") && counts) p->options.size_limit = number;
    if (gp_is(name, "recipients") && counts) p->options.recipients_most = (unsigned)number;
    if (gp_is(name, "hold") && counts) p->options.hold_most = (unsigned)number;
    if (gp_is(name, "deadlines")) {
        p->options.deadlines      = true;
        p->options.deadline_least = (unsigned)number;
    }
    if (gp_is(name, "priorities")) p->options.priorities = true;
    if (gp_is(name, "requiretls")) p->options.require_tls = true;
    if (gp_is(name, "mine")) p->options.mine = true;
    if (gp_is(name, "mails") && counts) p->options.mails_most = (unsigned)number;
    if (gp_is(name, "errors") && counts) p->options.errors_most = (unsigned)number;
    if (gp_is(name, "failures") && counts) p->options.auth_failures_most = (unsigned)number;
    if (gp_is(name, "without_tls")) p->options.without_tls = true;
    if (gp_is(name, "old_devices")) p->options.old_devices = true;
    if (gp_is(name, "incidents")) p->options.new_incident = name_incident;
    if (gp_is(name, "offer")) CHECK(gp_copy_z(rest, p->offer, sizeof p->offer));
    if (gp_is(name, "mechanisms")) CHECK(gp_copy_z(rest, p->mechanisms, sizeof p->mechanisms));
}

static void start(struct play *p, gp_str options)
{
    bool secure    = false;
    int  level     = GREETED;
    p->options.now = christmas_eve;
    while (options.len > 0) take_option(p, gp_trim(gp_cut(&options, ',')), &secure, &level);
    gp_smtp_server_init(&p->server, &p->options);
    gp_smtp_server_lend(&p->server, &p->room);
    if (p->offer[0]) gp_smtp_server_offer(&p->server, p->offer);
    if (secure) gp_smtp_server_secured(&p->server);
    gp_smtp_server_greet(&p->server);
    run(p);
    if (level > FRESH) p->said.len = 0;
    for (int i = HELLO; i <= level; i++) say(p, levels[i].line);
    p->fed = 0;
}

/* ---- playing ------------------------------------------------------------------------------------------------------------------ */
static void end_session(struct play *p, gp_str text, bool now)
{
    static struct answer a;
    gp_smtp_server_end(&p->server, reply_of(&a, text), now);
    run(p);
}

static void play_line(struct play *p, gp_str line)
{
    gp_str mark = gp_head(line, 2), text = gp_tail(line, 3);
    bool   sends = gp_is(mark, "C:") || gp_is(mark, "C|");
    if (!sends && p->sending.len > 0) send_all(p);
    if (sends && p->sending.len == 0) nothing_left(p);
    if (sends) put_escaped(&p->sending, text);
    if (gp_is(mark, "C:"))
        gp_put_z(&p->sending, "\r\n");
    else if (gp_is(mark, "S:"))
        expect_line(p, &p->said, "\r\n", text, "reply");
    else if (gp_is(mark, "E:")) {
        p->want_events = true;
        expect_line(p, &p->events, "\n", text, "event");
    } else if (gp_is(mark, "B:"))
        expect_line(p, &p->body, "\r\n", text, "message text");
    else if (gp_is(line, "B.") && p->body.len > 0)
        blame(p, "more text", gp_said(&p->body), GP_NONE);
    else if (gp_is(mark, "H:")) {
        CHECK(p->answer_count < ANSWERS_MOST);
        struct answer *a = &p->answers[p->answer_count++];
        a->kind          = kind_of(p, gp_word(&text));
        (void)reply_of(a, text);
    } else if (gp_is(line, "TLS")) {
        gp_smtp_server_secured(&p->server);
        run(p);
    } else if (gp_starts(line, "end! "))
        end_session(p, gp_tail(line, 5), true);
    else if (gp_starts(line, "end "))
        end_session(p, gp_tail(line, 4), false);
    else if (gp_is(line, "closed") != p->closed && gp_is(line, "closed"))
        blame(p, "still open", GP_NONE, line);
    else if (gp_is(line, "open") && p->closed)
        blame(p, "closed", GP_NONE, line);
}

struct dialogue {
    const char *file;
    gp_str      text; /* from its title to the next */
    size_t      line;
};

/* Returns how many octets the client sent in all. */
static size_t play(const struct dialogue *d, size_t piece, size_t cut_at)
{
    struct play *p = calloc(1, sizeof *p);
    CHECK(p);
    p->options = (struct gp_smtp_options) { "mx.example", p->mechanisms, 10000, 100, 100, 20, 3, false };
    CHECK(gp_copy_z(GP_LIT("PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256"), p->mechanisms, sizeof p->mechanisms));
    p->said        = GP_TEXT(p->said_room);
    p->events      = GP_TEXT(p->events_room);
    p->body        = GP_TEXT(p->body_room);
    p->sending     = GP_TEXT(p->sending_room);
    p->file        = d->file;
    p->line        = d->line;
    p->piece       = piece;
    p->cut_at      = cut_at;
    bool   started = false;
    gp_str rest    = d->text;
    for (; rest.len > 0; p->line++) {
        gp_str line = gp_cut(&rest, '\n');
        if (line.len == 0 || line.ptr[0] == '#') continue;
        bool options = gp_starts(line, "options: ");
        if (!started) start(p, options ? gp_tail(line, 9) : GP_NONE);
        if (!options) play_line(p, line);
        started = true;
    }
    if (p->sending.len > 0) send_all(p);
    nothing_left(p);
    CHECK(!p->said.cut && !p->events.cut && !p->body.cut);
    size_t sent = p->fed;
    free(p);
    return sent;
}

static void play_every_way(const struct dialogue *d)
{
    size_t octets = play(d, WHOLE, 0);
    (void)play(d, BYTEWISE, 0);
    size_t step = octets > 2048 ? octets / 512 : 1; /* long lines are all the same in the middle */
    for (size_t cut = 1; cut < octets; cut += step) (void)play(d, WHOLE, cut);
}

static size_t play_file(const char *name)
{
    char           path[PATH_MOST];
    struct gp_text text = GP_TEXT(path);
    size_t         length, count = 0;
    gp_put_z(&text, "tests/transcripts/");
    gp_put_z(&text, name);
    gp_put_char(&text, '\0');
    char  *all  = kit_file(path, &length);
    gp_str rest = { all, length };
    size_t line = 1;
    while (rest.len > 0) {
        struct dialogue d   = { path, rest, line };
        const char     *end = memmem(rest.ptr, rest.len, "\n\n#", 3);
        if (end) d.text = gp_head(rest, (size_t)(end - rest.ptr) + 2);
        rest = gp_tail(rest, d.text.len);
        for (size_t i = 0; i < d.text.len; i++) line += d.text.ptr[i] == '\n';
        play_every_way(&d);
        count++;
    }
    free(all);
    return count;
}

static int is_transcript(const struct dirent *entry)
{
    return gp_ends(gp_from(entry->d_name), ".txt");
}

TEST(every_transcript_is_the_same_dialogue_however_it_is_cut)
{
    enum { DIALOGUES_LEAST = 90 };
    char            folder[PATH_MOST];
    struct dirent **files;
    struct gp_text  text = GP_TEXT(folder);
    const char     *root = getenv("GP_SOURCE_ROOT");
    gp_put_z(&text, root ? root : ".");
    gp_put_z(&text, "/tests/transcripts");
    gp_put_char(&text, '\0');
    int    count     = scandir(folder, &files, is_transcript, alphasort);
    size_t dialogues = 0;
    CHECK(count > 0);
    for (int i = 0; i < count; i++) {
        dialogues += play_file(files[i]->d_name);
        free(files[i]);
    }
    free(files);
    print_message("%zu dialogues\n", dialogues);
    CHECK(dialogues >= DIALOGUES_LEAST);
}
