/* The body reader.
 *
 *   state        what was read last           next octet
 *   LINE_START   CR LF, or nothing            a dot: DOT; else MIDDLE
 *   MIDDLE       part of a line               CR: CR; a bare LF is a fault
 *   CR           CR, passed on                LF: LINE_START; else a bare CR, a fault
 *   DOT          a first dot, left out        CR: DOT_CR; else MIDDLE
 *   DOT_CR       a first dot and CR           LF: ENDED; else a bare CR, a fault
 *   ENDED        CR LF . CR LF                -
 */
#include "smtp/body.h"

#include <string.h>

enum { LINE_MOST = GP_SMTP_TEXT_MOST - 2 };

static const struct gp_reply too_large = { 552, "5.3.4", "message is larger than the limit" };
static const struct gp_reply bare      = { 550, "5.6.11", "message has CR or LF that is not part of CR LF" };
static const struct gp_reply long_line = { 554, "5.6.0", "message has a line of more than 998 octets" };

void gp_body_open(struct gp_body *b, bool dots, uint64_t most)
{
    *b = (struct gp_body) { .at = GP_BODY_LINE_START, .dots = dots, .most = most };
}

const struct gp_reply *gp_body_fault(const struct gp_body *b)
{
    if (b->size > b->most) return &too_large;
    if (b->bare) return &bare;
    return b->long_line ? &long_line : NULL;
}

/* Where the run of plain text ends: at a CR, or at a LF while that would still be news. */
static const char *run_end(const struct gp_body *b, const char *p, const char *end)
{
    const char *cr   = memchr(p, '\r', (size_t)(end - p));
    const char *stop = cr ? cr : end;
    const char *lf   = b->bare ? NULL : memchr(p, '\n', (size_t)(stop - p));
    return lf ? lf : stop;
}

static const char *middle(struct gp_body *b, const char *p, const char *end)
{
    const char *stop = run_end(b, p, end);
    b->line += (size_t)(stop - p);
    if (b->line > LINE_MOST) b->long_line = true;
    if (stop == end) return stop;
    if (*stop == '\r')
        b->at = GP_BODY_CR;
    else
        b->bare = true;
    return stop + 1;
}

static void bare_cr(struct gp_body *b)
{
    b->bare = true;
    b->at   = GP_BODY_MIDDLE;
}

/* RFC 5321 2.3.8, 4.1.1.4: CR LF alone ends a line, and CR LF . CR LF alone ends the data. */
static const char *in_line(struct gp_body *b, const char *p, const char *end)
{
    if (b->at == GP_BODY_MIDDLE) return middle(b, p, end);
    if (b->at == GP_BODY_CR && *p == '\n') {
        b->at = GP_BODY_LINE_START;
        return p + 1;
    }
    if (b->at == GP_BODY_CR) bare_cr(b);
    if (b->at == GP_BODY_LINE_START) {
        b->at   = GP_BODY_MIDDLE;
        b->line = 0;
    }
    return p;
}

/* At a first dot, or behind one: octets that are not text. Returns how many, 0 when the next one is text. */
static size_t skip_dot(struct gp_body *b, char octet)
{
    if (b->at == GP_BODY_LINE_START && b->dots && octet == '.') {
        b->at = GP_BODY_DOT;
        return 1;
    }
    if (b->at == GP_BODY_DOT) {
        b->at   = octet == '\r' ? GP_BODY_DOT_CR : GP_BODY_MIDDLE;
        b->line = 0;
        return octet == '\r' ? 1 : 0;
    }
    if (b->at != GP_BODY_DOT_CR) return 0;
    if (octet != '\n') {
        bare_cr(b);
        return 0;
    }
    b->at = GP_BODY_ENDED;
    return 1;
}

size_t gp_body_read(struct gp_body *b, gp_str in, gp_str *piece)
{
    const char *p = in.ptr, *end = in.ptr + in.len;
    while (p < end && b->at != GP_BODY_ENDED && skip_dot(b, *p) == 1) p++;
    const char *from = p;
    while (p < end && b->at != GP_BODY_ENDED) {
        if (b->at == GP_BODY_LINE_START && b->dots && *p == '.') break;
        p = in_line(b, p, end);
    }
    *piece = (gp_str) { from, (size_t)(p - from) };
    b->size += piece->len;
    if (gp_body_fault(b)) piece->len = 0;
    return (size_t)(p - in.ptr);
}

bool gp_body_close(struct gp_body *b)
{
    if (b->at == GP_BODY_CR) bare_cr(b);
    bool open = b->at == GP_BODY_MIDDLE;
    b->at     = GP_BODY_ENDED;
    if (open) b->size += 2;
    return open && !gp_body_fault(b);
}
