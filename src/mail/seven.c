/* 8 bits to 7 (RFC 6152 3): cuts a message into lines, and finds the parts of its multiparts and the messages within it.
 *
 *   in_header   lines of a header section, held until it ends       then the part is chosen: `as`
 *   else        lines of a body, written as the part is             until a boundary of an open multipart
 */
#include "mail/seven.h"

#include <stdlib.h>
#include <string.h>

#define NO_WAY "the next hop takes mail of 7 bits only (it offers no 8BITMIME), and this message can't be made so: "
static const char in_signed[]  = NO_WAY "it holds 8-bit text that is signed as it is (multipart/signed)";
static const char in_header[]  = NO_WAY "a header field holds octets that are not ASCII";
static const char in_unknown[] = NO_WAY "a part of it holds 8-bit text in an encoding that is not known";
static const char in_piece[]   = NO_WAY "it holds 8-bit text in a piece of another message (message/partial)";
static const char in_deep[]    = NO_WAY "its parts lie too deep within each other, or can't be told apart";
static const char in_broken[]  = NO_WAY "the header of one of its parts can't be read";
static const char in_many[]    = NO_WAY "it has too many parts";
static const char in_long[]    = NO_WAY "the header of one of its parts is too long";

struct gp_seven *gp_seven_open(bool lossy)
{
    struct gp_seven *s = calloc(1, sizeof *s);
    if (s) s->lossy = lossy;
    return s;
}

void gp_seven_close(struct gp_seven *s)
{
    if (s) gp_buffer_free(&s->header);
    free(s);
}

static void start_header(struct gp_seven *s, bool is_message, bool in_digest)
{
    gp_buffer_free(&s->header);
    s->in_header  = true;
    s->is_message = is_message;
    s->in_digest  = in_digest;
}

void gp_seven_start(struct gp_seven *s, struct gp_sink sink)
{
    s->sink   = sink;
    s->leaves = s->depth = s->len = s->out_len = s->column = s->triples = 0;
    s->failed = s->line_end = s->soft = false;
    s->at_start                       = true;
    s->as                             = GP_SEVEN_AS_IT_IS;
    start_header(s, true, false);
}

/* ---- leaves ------------------------------------------------------------------------------------------------------- */
static bool has(const uint8_t *set, size_t leaf)
{
    return leaf < SEVEN_LEAVES && (set[leaf / 8] >> leaf % 8 & 1);
}

static void add(uint8_t *set, size_t leaf)
{
    set[leaf / 8] = (uint8_t)(set[leaf / 8] | 1U << leaf % 8);
}

static void look_at(struct gp_seven *s, gp_str text)
{
    if (gp_is_ascii(text)) return;
    if (s->as == GP_SEVEN_MASKED) {
        if (s->depth) s->levels[s->depth - 1].unread = true;
        return;
    }
    size_t leaf = s->leaves - 1; /* no body of another kind is before the first leaf */
    if (s->as == GP_SEVEN_OPAQUE) s->why = s->opaque;
    if (s->why) return;
    add(s->eights, leaf);
    if (!gp_is_utf8(text)) add(s->foreign, leaf);
}

/* ---- which part is how -------------------------------------------------------------------------------------------- */
static bool is_identity(gp_str encoding)
{
    return !encoding.len || gp_is(encoding, "7bit") || gp_is(encoding, "8bit") || gp_is(encoding, "binary");
}

static enum gp_seven_as opaque(struct gp_seven *s, const char *why)
{
    s->opaque = why;
    return s->lossy ? GP_SEVEN_MASKED : GP_SEVEN_OPAQUE;
}

/* RFC 1847 2.1: what is signed is not touched on its way, not even to convert it. */
static enum gp_seven_as multipart(struct gp_seven *s, gp_str type)
{
    if (gp_seven_type_is(type, "multipart", "signed")) return opaque(s, in_signed);
    struct gp_seven_level level = { 0 };
    if (s->depth == SEVEN_DEPTH || !gp_seven_boundary(type, &level)) return opaque(s, in_deep);
    s->levels[s->depth++] = level;
    return GP_SEVEN_MASKED;
}

static enum gp_seven_as leaf(struct gp_seven *s, const struct gp_seven_fields *f)
{
    bool is_text =
        !f->type.ptr || gp_seven_type_is(f->type, "text", NULL) || gp_seven_type_is(f->type, "message", NULL);
    if (gp_is(f->encoding, "quoted-printable")) return GP_SEVEN_REQUOTED;
    if (gp_is(f->encoding, "base64")) return GP_SEVEN_SIFTED;
    if (!is_identity(f->encoding)) return opaque(s, in_unknown);
    if (gp_seven_type_is(f->type, "message", "partial")) return opaque(s, in_piece); /* RFC 2046 5.2.2: never encoded */
    return is_text ? GP_SEVEN_QUOTED : GP_SEVEN_BASE64;
}

/* RFC 2045 6.4: multiparts and messages are not encoded, what is in them is. */
static bool is_nested_message(const struct gp_seven *s, const struct gp_seven_fields *f)
{
    bool is_message = f->type.ptr ? gp_seven_type_is(f->type, "message", "rfc822") : s->in_digest;
    return is_message && is_identity(f->encoding) && !f->broken;
}

static void choose(struct gp_seven *s, const struct gp_seven_fields *f)
{
    s->as = f->broken                                      ? opaque(s, in_broken)
            : gp_seven_type_is(f->type, "multipart", NULL) ? multipart(s, f->type)
                                                           : leaf(s, f);
    if (s->as == GP_SEVEN_MASKED) return;
    if (s->leaves++ >= SEVEN_LEAVES) s->as = opaque(s, in_many);
    if (s->sink.put && s->leaves <= SEVEN_LEAVES && !has(s->eights, s->leaves - 1)) s->as = GP_SEVEN_AS_IT_IS;
}

static const char *label_of(const struct gp_seven *s, const struct gp_seven_fields *f)
{
    if (s->as == GP_SEVEN_QUOTED) return "quoted-printable";
    if (s->as == GP_SEVEN_BASE64) return "base64";
    return gp_is(f->encoding, "8bit") || gp_is(f->encoding, "binary") ? "7bit" : NULL;
}

/* RFC 1428 3: text of which nobody says what it is; UTF-8 is told from all else. */
static const char *charset_of(const struct gp_seven *s)
{
    if (s->as != GP_SEVEN_QUOTED) return NULL;
    return has(s->foreign, s->leaves - 1) ? "unknown-8bit" : "utf-8";
}

static void end_header(struct gp_seven *s, bool empty_line)
{
    struct gp_seven_fields f      = gp_seven_read_fields(gp_buffer_all(&s->header));
    bool                   nested = is_nested_message(s, &f);
    s->in_header                  = false;
    if (nested)
        s->as = GP_SEVEN_MASKED;
    else
        choose(s, &f);
    gp_seven_put_header(s, &f, label_of(s, &f), charset_of(s));
    if (empty_line) gp_seven_put(s, GP_LIT("\r\n"));
    gp_buffer_free(&s->header);
    if (nested && empty_line) start_header(s, true, false);
}

static void header_line(struct gp_seven *s, gp_str text, bool start, bool line_end)
{
    if (start && !text.len && line_end) {
        end_header(s, true);
        return;
    }
    if (!s->lossy && !gp_is_ascii(text)) s->why = in_header;
    if (!gp_buffer_add(&s->header, text, GP_MAIL_HEADER_MOST)) s->why = in_long;
    if (line_end && !gp_buffer_add(&s->header, GP_LIT("\r\n"), GP_MAIL_HEADER_MOST)) s->why = in_long;
}

/* ---- boundaries (RFC 2046 5.1.1) ------------------------------------------------------------------------------ */
static bool is_boundary(const struct gp_seven_level *level, gp_str text, bool *closes)
{
    gp_str rest = gp_tail(text, 2);
    if (!gp_same(gp_head(rest, level->len), (gp_str) { level->boundary, level->len })) return false;
    rest    = gp_tail(rest, level->len);
    *closes = gp_starts(rest, "--");
    return !gp_trim(*closes ? gp_tail(rest, 2) : rest).len;
}

/* Which multipart it is of, the innermost first; SEVEN_DEPTH: it is none. */
static size_t find_boundary(const struct gp_seven *s, gp_str text, bool *closes)
{
    if (!gp_starts(text, "--")) return SEVEN_DEPTH;
    for (size_t level = s->depth; level-- > 0;)
        if (is_boundary(&s->levels[level], text, closes)) return level;
    return SEVEN_DEPTH;
}

/* Readers show a multipart without a part as they like, most of them as text: what it holds is not to be lost. */
static void end_levels(struct gp_seven *s, size_t from)
{
    for (size_t i = from; i < s->depth && !s->lossy; i++)
        if (s->levels[i].unread && !s->levels[i].opened) s->why = in_deep;
}

static void boundary(struct gp_seven *s, gp_str text, size_t level, bool closes, bool line_end)
{
    if (s->in_header) end_header(s, false);
    gp_seven_end_part(s, false);
    gp_seven_put(s, text);
    if (line_end) gp_seven_put(s, GP_LIT("\r\n"));
    s->levels[level].opened |= !closes;
    end_levels(s, level);
    s->as    = GP_SEVEN_MASKED;
    s->depth = closes ? level : level + 1;
    if (!closes) start_header(s, false, s->levels[level].digest);
}

/* ---- lines ---------------------------------------------------------------------------------------------------------- */
static void body_line(struct gp_seven *s, gp_str text, bool line_end)
{
    if (s->line_end) gp_seven_put_line_end(s);
    if (!s->sink.put) look_at(s, text);
    gp_seven_put_octets(s, text);
    s->line_end = line_end;
}

/* A line without its end, or what comes of a very long one. */
static void take(struct gp_seven *s, gp_str text, bool line_end)
{
    bool   start = s->at_start, closes = false;
    size_t level = start ? find_boundary(s, text, &closes) : SEVEN_DEPTH;
    s->at_start  = line_end;
    if (level < SEVEN_DEPTH)
        boundary(s, text, level, closes, line_end);
    else if (s->in_header)
        header_line(s, text, start, line_end);
    else
        body_line(s, text, line_end);
}

static void take_some(struct gp_seven *s, bool line_end)
{
    size_t kept = !line_end && s->line[s->len - 1] == '\r'; /* its line feed may come yet */
    take(s, (gp_str) { s->line, line_end ? s->len - 2 : s->len - kept }, line_end);
    s->line[0] = '\r';
    s->len     = kept;
}

gp_status gp_seven_add(struct gp_seven *s, gp_str piece)
{
    if (!gp_is_ascii(piece)) s->eight = true;
    while (piece.len && !s->why && !s->failed) {
        gp_str part = gp_head(gp_head(piece, gp_find(piece, '\n') + 1), sizeof s->line - s->len);
        memcpy(s->line + s->len, part.ptr, part.len);
        s->len += part.len;
        piece         = gp_tail(piece, part.len);
        bool line_end = s->len >= 2 && memcmp(s->line + s->len - 2, "\r\n", 2) == 0;
        if (line_end || s->len == sizeof s->line) take_some(s, line_end);
    }
    gp_seven_flush(s);
    return s->failed ? GP_TEMPFAIL : s->why ? GP_PERMFAIL : GP_OK;
}

gp_status gp_seven_end(struct gp_seven *s)
{
    if (!s->why && s->len) take(s, (gp_str) { s->line, s->len }, false);
    s->len = 0;
    if (s->in_header) end_header(s, false);
    if (!s->why) end_levels(s, 0);
    gp_seven_end_part(s, true);
    gp_seven_flush(s);
    return s->failed ? GP_TEMPFAIL : s->why ? GP_PERMFAIL : GP_OK;
}

enum gp_seven_is gp_seven_is(const struct gp_seven *s, const char **why)
{
    *why = s->why;
    if (!s->eight) return GP_SEVEN_ALREADY;
    return s->why ? GP_SEVEN_CAN_NOT : GP_SEVEN_CAN;
}
