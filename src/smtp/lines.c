/* The line reader: only CR LF ends a line (RFC 5321 2.3.8). */
#include "smtp/lines.h"

#include <string.h>

/* The longest line fits behind this much that was read, so only beyond it is there need to move bytes. */
enum { MOVE_FROM = GP_SMTP_IN_ROOM - GP_SMTP_AUTH_MOST };

void gp_lines_lend(struct gp_lines *l, char *bytes)
{
    *l = (struct gp_lines) { .bytes = bytes, .over = l->over };
}

void gp_lines_take_back(struct gp_lines *l)
{
    if (l->bytes) gp_wipe(l->bytes, l->touched);
    gp_lines_lend(l, NULL);
}

static void move_down(struct gp_lines *l)
{
    size_t unread = l->end - l->start;
    if (unread > 0) memmove(l->bytes, l->bytes + l->start, unread);
    l->searched -= l->start;
    l->start = 0;
    l->end   = unread;
}

size_t gp_lines_add(struct gp_lines *l, gp_str bytes)
{
    if (!l->bytes || bytes.len == 0) return 0;
    if (l->start == l->end || l->start > MOVE_FROM) move_down(l);
    gp_str fits = gp_head(bytes, GP_SMTP_IN_ROOM - l->end);
    memcpy(l->bytes + l->end, fits.ptr, fits.len);
    l->end += fits.len;
    if (l->end > l->touched) l->touched = l->end;
    return fits.len;
}

gp_str gp_lines_rest(const struct gp_lines *l)
{
    return (gp_str) { l->bytes ? l->bytes + l->start : "", l->end - l->start };
}

void gp_lines_took(struct gp_lines *l, size_t n)
{
    l->start += n;
    if (l->searched < l->start) l->searched = l->start;
}

void gp_lines_drop(struct gp_lines *l)
{
    gp_lines_took(l, l->end - l->start);
    l->over = 0;
}

/* Index of the LF of the next CR LF, or end; remembers how far it looked. */
static size_t find_line_end(struct gp_lines *l)
{
    while (l->searched < l->end) {
        const char *lf = memchr(l->bytes + l->searched, '\n', l->end - l->searched);
        if (!lf) break;
        size_t at   = (size_t)(lf - l->bytes);
        l->searched = at + 1;
        if (at > l->start && l->bytes[at - 1] == '\r') return at;
    }
    l->searched = l->end;
    return l->end;
}

/* Swallows what is here of a line that is too long, but for a CR that may be half of its end. */
static void swallow(struct gp_lines *l, size_t most)
{
    bool cr = l->end > l->start && l->bytes[l->end - 1] == '\r';
    if (l->over == 0) l->over = most;
    l->start = l->end - (cr ? 1 : 0);
}

gp_status gp_lines_next(struct gp_lines *l, size_t most, gp_str *line, size_t *passed)
{
    size_t lf = find_line_end(l);
    *line     = GP_LIT("");
    if (lf == l->end) {
        if (l->over != 0 || l->end - l->start >= most) swallow(l, most);
        return GP_WAIT;
    }
    size_t length = lf + 1 - l->start;
    *passed       = l->over != 0 ? l->over : most;
    bool fits     = l->over == 0 && length <= most;
    if (fits) *line = (gp_str) { l->bytes + l->start, length - 2 };
    l->over = 0;
    gp_lines_took(l, length);
    return fits ? GP_OK : GP_PERMFAIL;
}
