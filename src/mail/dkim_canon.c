/* The canonical forms of DKIM (RFC 6376 3.4), streamed: any way of cutting the input gives the same output.
 *
 *   held back           until                              and then
 *   a CR                the next octet                     LF: a line end; else: bare, noted, passed on
 *   white space         an octet that is not               one space (relaxed); at a line end it is dropped
 *   line ends           an octet that is not a line end    all of them; at the end of the body they count for nothing */
#include "mail/parts.h"

#include <string.h>

/* ---- header fields (3.4.1, 3.4.2) ------------------------------------------------------------------------ */
struct writer {
    struct gp_sink sink;
    bool           ok;
    size_t         len;
    char           out[256];
};

static void flush_writer(struct writer *w)
{
    if (w->ok && w->len) w->ok = w->sink.put(w->sink.owner, (gp_str) { w->out, w->len });
    w->len = 0;
}

static void write_char(struct writer *w, char c)
{
    if (w->len == sizeof w->out) flush_writer(w);
    w->out[w->len++] = c;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static void write_relaxed_value(struct writer *w, gp_str value)
{
    bool space = false, wrote = false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\r' || c == '\n') continue; /* a fold: the white space after it stays */
        if (is_space(c)) {
            space = true;
            continue;
        }
        if (space && wrote) write_char(w, ' ');
        write_char(w, c);
        space = false;
        wrote = true;
    }
}

bool gp_canon_field(bool relaxed, bool line_end, const struct gp_field *field, struct gp_sink sink)
{
    if (!relaxed) return sink.put(sink.owner, field->raw);
    struct writer w = { .sink = sink, .ok = true };
    for (size_t i = 0; i < field->name.len; i++) {
        char c = field->name.ptr[i];
        write_char(&w, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
    write_char(&w, ':');
    write_relaxed_value(&w, field->value);
    if (line_end) {
        write_char(&w, '\r');
        write_char(&w, '\n');
    }
    flush_writer(&w);
    return w.ok;
}

/* ---- body (3.4.3, 3.4.4) --------------------------------------------------------------------------------- */
void gp_canon_init(struct gp_canon *c, bool relaxed, struct gp_sink sink)
{
    c->sink    = sink;
    c->relaxed = relaxed;
    c->bare = c->failed = c->cr = c->space = c->wrote = false;
    c->lines                                          = 0;
    c->len                                            = 0;
}

static void pass(struct gp_canon *c, gp_str piece)
{
    if (piece.len && !c->failed) c->failed = !c->sink.put(c->sink.owner, piece);
}

static void flush(struct gp_canon *c)
{
    pass(c, (gp_str) { c->out, c->len });
    c->len = 0;
}

static void emit(struct gp_canon *c, gp_str piece)
{
    if (piece.len > sizeof c->out - c->len) flush(c);
    if (piece.len > sizeof c->out) {
        pass(c, piece);
        return;
    }
    if (piece.len) memcpy(c->out + c->len, piece.ptr, piece.len);
    c->len += piece.len;
}

/* Something that is not the end of a line: what was held back is part of the body after all. */
static void emit_run(struct gp_canon *c, gp_str run)
{
    for (; c->lines > 0; c->lines--) emit(c, GP_LIT("\r\n"));
    if (c->space) emit(c, GP_LIT(" "));
    c->space = false;
    c->wrote = true;
    emit(c, run);
}

/* How much of the text is neither a line end nor, in the relaxed form, white space. */
static size_t run_length(const struct gp_canon *c, gp_str text)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] != '\r' && text.ptr[at] != '\n' && !(c->relaxed && is_space(text.ptr[at])))
        at++;
    return at;
}

static void take_bare(struct gp_canon *c, gp_str octet)
{
    c->bare = true;
    c->cr   = false;
    emit_run(c, octet);
}

static void take_special(struct gp_canon *c, char octet)
{
    if (octet == '\r') {
        c->cr = true;
    } else if (octet != '\n') {
        c->space = true;
    } else if (c->cr) {
        c->cr    = false;
        c->space = false; /* white space at the end of a line */
        c->lines++;
    } else {
        take_bare(c, GP_LIT("\n"));
    }
}

void gp_canon_add(struct gp_canon *c, gp_str piece)
{
    while (piece.len) {
        size_t run = c->cr ? 0 : run_length(c, piece);
        if (run) {
            emit_run(c, gp_head(piece, run));
        } else if (c->cr && *piece.ptr != '\n') { /* a bare CR, and then whatever this octet is */
            take_bare(c, GP_LIT("\r"));
        } else {
            take_special(c, *piece.ptr);
            run = 1;
        }
        piece = gp_tail(piece, run);
    }
}

/* 3.4.3: a body always ends in one line end; 3.4.4: but an empty one is empty in the relaxed form. */
bool gp_canon_end(struct gp_canon *c)
{
    if (c->cr) take_bare(c, GP_LIT("\r"));
    if (c->wrote || !c->relaxed) emit(c, GP_LIT("\r\n"));
    flush(c);
    return !c->failed;
}
