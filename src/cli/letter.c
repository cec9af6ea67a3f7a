/* Messages as they come in, and what is read of and added to their header. */
#include "cli/letter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "mail/mail.h"

enum { PIECE = 64 * 1024, LINE_ROOM = 2048, BOXES_MOST = 1000 };

/* ---- addresses ----------------------------------------------------------------------------------------------------------- */
bool addresses_add(struct addresses *a, gp_str address)
{
    enum { FIRST = 16 };
    a->arena.most = LETTER_ADDRESSES_ROOM;
    for (size_t i = 0; i < a->count; i++)
        if (gp_same(a->list[i], address)) return true;
    if (a->count == a->room) {
        size_t  room = a->room ? a->room * 2 : FIRST;
        gp_str *more = a->count < LETTER_ADDRESSES_MOST ? realloc(a->list, room * sizeof *more) : NULL;
        if (!more) return false;
        a->list = more;
        a->room = room;
    }
    gp_str copy = gp_arena_copy(&a->arena, address);
    if (!copy.ptr) return false;
    a->list[a->count++] = copy;
    return true;
}

void addresses_free(struct addresses *a)
{
    gp_arena_reset(&a->arena);
    free(a->list);
    *a = (struct addresses) { 0 };
}

/* ---- reading --------------------------------------------------------------------------------------------------------------- */
struct intake {
    struct gp_buffer *out;
    bool              cr, dot_ends, ended;
    enum { LINE_START, IN_LINE, AFTER_DOT, AFTER_DOT_CR } at;
};

/* A line end is LF or CR LF; a CR alone stays as it is, and the server says what it thinks of that. */
static void put(struct intake *in, char c, struct gp_text *piece)
{
    if (c == '\n' && !in->cr) gp_put_char(piece, '\r');
    gp_put_char(piece, c);
    in->cr = c == '\r';
    in->at = c == '\n' ? LINE_START : IN_LINE;
}

/* A dot that begins a line is held back until it is known whether it ends the text. */
static void take(struct intake *in, char c, struct gp_text *piece)
{
    bool after_dot = in->at == AFTER_DOT || in->at == AFTER_DOT_CR;
    if (in->at == LINE_START && c == '.' && in->dot_ends) {
        in->at = AFTER_DOT;
    } else if (after_dot && c == '\n') {
        in->ended = true;
    } else if (in->at == AFTER_DOT && c == '\r') {
        in->at = AFTER_DOT_CR;
    } else {
        bool cr = in->at == AFTER_DOT_CR;
        if (after_dot) put(in, '.', piece);
        if (cr) put(in, '\r', piece);
        put(in, c, piece);
    }
}

static bool take_piece(struct intake *in, gp_str octets)
{
    static char    room[PIECE * 2 + 4];
    struct gp_text piece = GP_TEXT(room);
    for (size_t i = 0; i < octets.len && !in->ended; i++) take(in, octets.ptr[i], &piece);
    return gp_buffer_add(in->out, gp_said(&piece), LETTER_MOST);
}

bool letter_read(int fd, bool dot_ends, struct gp_buffer *out)
{
    static char   piece[PIECE];
    struct intake in  = { .out = out, .dot_ends = dot_ends };
    ssize_t       got = 1;
    while (got > 0 && !in.ended) {
        got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0 && !take_piece(&in, (gp_str) { piece, (size_t)got })) {
            cli_problem("message", "is larger than 128 MiB", NULL);
            return false;
        }
    }
    if (got < 0) cli_problem("message", strerror(errno), NULL);
    return got >= 0;
}

bool letter_octets(const char *path, struct gp_buffer *out)
{
    static char piece[PIECE];
    int         fd    = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t     got   = fd < 0 ? -1 : 1;
    bool        small = true;
    while (got > 0 && small) {
        got   = read(fd, piece, sizeof piece);
        small = got <= 0 || gp_buffer_add(out, (gp_str) { piece, (size_t)got }, LETTER_MOST);
    }
    if (got < 0) cli_problem(path, strerror(errno), NULL);
    if (!small) cli_problem(path, "is too large for a message", NULL);
    if (fd >= 0) close(fd);
    return got >= 0 && small;
}

bool letter_read_file(const char *path, struct gp_buffer *out)
{
    if (!path || strcmp(path, "-") == 0) return letter_read(STDIN_FILENO, false, out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) cli_problem(path, strerror(errno), NULL);
    bool read = fd >= 0 && letter_read(fd, false, out);
    if (fd >= 0) close(fd);
    return read;
}

/* ---- fields ------------------------------------------------------------------------------------------------------------------ */
/* It ends before the first line that is no field, be that empty or not: what cron pipes in has no header at all. */
gp_str letter_header(gp_str message)
{
    gp_str          rest = message, before = message;
    struct gp_field f;
    while (gp_next_field(&rest, &f) && f.name.ptr) before = rest;
    return gp_head(message, before.len ? (size_t)(before.ptr - message.ptr) : message.len);
}

bool letter_has(gp_str message, const char *field)
{
    gp_str          rest = letter_header(message);
    struct gp_field f;
    while (gp_next_field(&rest, &f))
        if (gp_is(f.name, field)) return true;
    return false;
}

static bool is_among(gp_str name, const char *const *names)
{
    for (; *names; names++)
        if (gp_is(name, *names)) return true;
    return false;
}

/* ---- recipients ---------------------------------------------------------------------------------------------------------------- */
static bool add_parsed(gp_str value, struct addresses *a)
{
    size_t         size  = value.len + 1024;
    char          *bytes = malloc(size);
    gp_str        *boxes = calloc(BOXES_MOST, sizeof *boxes);
    struct gp_text room  = { .ptr = bytes, .room = bytes ? size : 0 };
    int            count = bytes && boxes ? gp_mailboxes(value, boxes, BOXES_MOST, &room) : -1;
    bool           fine  = count >= 0 && count <= BOXES_MOST;
    for (int i = 0; fine && i < count; i++) fine = addresses_add(a, boxes[i]);
    free(boxes);
    free(bytes);
    return fine;
}

/* "root": a user of this host, as programs on it say. */
static bool is_bare_name(gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-' || c == '+'))
            return false;
    }
    return text.len > 0;
}

static bool add_boxes(gp_str value, struct addresses *a)
{
    if (add_parsed(value, a)) return true;
    while (value.len > 0) {
        gp_str one = gp_trim(gp_cut(&value, ','));
        if (is_bare_name(one) ? !addresses_add(a, one) : !add_parsed(one, a)) return false;
    }
    return true;
}

bool letter_recipients(gp_str message, struct addresses *a, const char **field)
{
    static const char *const plain[] = { "To", "Cc", "Bcc", NULL }, *const resent[] = { "Resent-To", "Resent-Cc",
                                                                                        "Resent-Bcc", NULL };
    bool   again = letter_has(message, resent[0]) || letter_has(message, resent[1]) || letter_has(message, resent[2]);
    gp_str rest  = letter_header(message);
    struct gp_field f;
    *field = NULL;
    while (gp_next_field(&rest, &f)) {
        const char *const *names = again ? resent : plain;
        if (!is_among(f.name, names) || gp_trim(f.value).len == 0) continue;
        while (!gp_is(f.name, *names)) names++;
        *field = *names;
        if (!add_boxes(f.value, a)) return false;
    }
    *field = NULL;
    return true;
}

gp_str letter_author(gp_str message, char *room, size_t size)
{
    gp_str          rest = letter_header(message), first = GP_NONE;
    struct gp_field f;
    struct gp_text  text = { .ptr = room, .room = size };
    while (gp_next_field(&rest, &f))
        if (gp_is(f.name, "From")) return gp_mailboxes(f.value, &first, 1, &text) > 0 ? first : GP_NONE;
    return GP_NONE;
}

/* ---- mending --------------------------------------------------------------------------------------------------------------------- */
static bool is_printable(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127) return false;
    return true;
}

/* RFC 5322 3.4: a display name, quoted, for it may hold anything; RFC 2047 where it is not ASCII and short enough for one word. */
static void put_name(struct gp_text *out, gp_str name)
{
    enum { WORD_OCTETS = 45 };
    if (!gp_is_ascii(name) && name.len <= WORD_OCTETS && gp_is_utf8(name)) {
        gp_put_z(out, "=?UTF-8?B?");
        gp_put_base64(out, name);
        gp_put_z(out, "?= ");
    } else if (gp_is_ascii(name)) {
        gp_put_char(out, '"');
        for (size_t i = 0; i < name.len; i++) {
            if (name.ptr[i] == '"' || name.ptr[i] == '\\') gp_put_char(out, '\\');
            gp_put_char(out, name.ptr[i]);
        }
        gp_put_z(out, "\" ");
    }
}

static void put_from(struct gp_text *out, const struct letter_wish *w)
{
    gp_put_z(out, "From: ");
    if (w->full_name.len && is_printable(w->full_name)) put_name(out, w->full_name);
    gp_put_char(out, '<');
    gp_put(out, w->from);
    gp_put_z(out, ">\r\n");
}

static void put_message_id(struct gp_text *out, gp_str from)
{
    enum { CHANCE = 16 };
    uint8_t chance[CHANCE];
    size_t  at = gp_find(from, '@');
    gp_random(chance, sizeof chance);
    gp_put_z(out, "Message-ID: <");
    gp_put_hex(out, (gp_str) { (const char *)chance, sizeof chance });
    gp_put_char(out, '@');
    gp_put(out, at < from.len ? gp_tail(from, at + 1) : GP_LIT("localhost"));
    gp_put_z(out, ">\r\n");
}

/* ---- an account that may send as nobody else ---- */
static bool names_only(gp_str value, gp_str own)
{
    char           room[4096];
    gp_str         first = GP_NONE;
    struct gp_text text  = GP_TEXT(room);
    return gp_mailboxes(value, &first, 1, &text) == 1 && gp_alike(first, own);
}

/* Who answers means the author, as he wrote himself. */
static void put_reply_to(gp_str message, const struct letter_wish *w, struct gp_text *out)
{
    char   room[4096];
    gp_str author = w->only_from ? letter_author(message, room, sizeof room) : GP_NONE;
    if (!author.len || gp_alike(author, w->from) || !is_printable(author) || letter_has(message, "Reply-To")) return;
    gp_put_z(out, "Reply-To: <");
    gp_put(out, author);
    gp_put_z(out, ">\r\n");
}

static bool copy_field(const struct letter_wish *w, const struct gp_field *f, struct gp_buffer *out)
{
    char               room[GP_REWRITTEN_ROOM];
    struct gp_text     text  = GP_TEXT(room);
    struct gp_rewrites other = {
        .instead = {[GP_MAIL_FROM] = w->from, [GP_MAIL_SENDER] = w->from}
    };
    bool author = gp_is(f->name, "From") || gp_is(f->name, "Sender");
    if (w->only_from && w->from.len && author && !names_only(f->value, w->from) && gp_put_rewritten(&text, f, &other) &&
        (text.cut || !gp_buffer_add(out, gp_said(&text), LETTER_MOST)))
        return false;
    return gp_buffer_add(out, f->raw, LETTER_MOST);
}

bool letter_field_is_given(const char *const *headers, size_t count, const char *field)
{
    for (size_t i = 0; i < count; i++) {
        gp_str line = gp_from(headers[i]);
        if (gp_is(gp_trim(gp_head(line, gp_find(line, ':'))), field)) return true;
    }
    return false;
}

static bool lacks(gp_str message, const struct letter_wish *w, const char *field)
{
    return !letter_has(message, field) && !letter_field_is_given(w->headers, w->header_count, field);
}

static bool put_given(const struct letter_wish *w, struct gp_text *out)
{
    for (size_t i = 0; i < w->header_count; i++) {
        gp_str line  = gp_from(w->headers[i]);
        size_t colon = gp_find(line, ':');
        if (colon == 0 || colon == line.len || !is_printable(line)) {
            cli_problem(w->headers[i], "is no header field", "--header 'Name: value', in one line");
            return false;
        }
        gp_put(out, line);
        gp_put_z(out, "\r\n");
    }
    return true;
}

static bool put_missing(gp_str message, const struct letter_wish *w, struct gp_text *out)
{
    enum { MILLI = 1000 };
    if (!put_given(w, out)) return false;
    if (w->from.len && (w->other_from || lacks(message, w, "From"))) put_from(out, w);
    put_reply_to(message, w, out);
    if (lacks(message, w, "Date")) {
        gp_put_z(out, "Date: ");
        gp_put_date(out, (gp_time)time(NULL) * MILLI);
        gp_put_z(out, "\r\n");
    }
    if (lacks(message, w, "Message-ID")) put_message_id(out, w->from);
    return !out->cut;
}

bool letter_mend(struct gp_buffer *message, const struct letter_wish *w)
{
    static const char *const secret[] = { "Bcc", "Resent-Bcc", "Return-Path", NULL };
    static char              room[64 * 1024];
    struct gp_buffer         out   = { 0 };
    struct gp_text           added = GP_TEXT(room);
    gp_str                   all = gp_buffer_all(message), header = letter_header(all), body = gp_tail(all, header.len);
    struct gp_field          f;
    if (!put_missing(all, w, &added) || !gp_buffer_add(&out, gp_said(&added), LETTER_MOST)) return false;
    bool fine = true;
    while (fine && gp_next_field(&header, &f))
        if ((w->keep_bcc || !is_among(f.name, secret)) && !(w->other_from && gp_is(f.name, "From")))
            fine = copy_field(w, &f, &out);
    if (fine && !gp_ends(gp_buffer_all(&out), "\r\n")) fine = gp_buffer_add(&out, GP_LIT("\r\n"), LETTER_MOST);
    if (fine && !gp_same(gp_head(body, 2), GP_LIT("\r\n"))) fine = gp_buffer_add(&out, GP_LIT("\r\n"), LETTER_MOST);
    fine = fine && gp_buffer_add(&out, body, LETTER_MOST);
    if (!fine) cli_problem("message", "is too large", NULL);
    gp_buffer_free(message);
    *message = out;
    return fine;
}
