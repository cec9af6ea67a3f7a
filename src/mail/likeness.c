/* What alike messages have in common: the letters of Subject and of the beginning of the text. Greetings, numbers, boundaries and part
 * headers differ from copy to copy, and are left out. */
#include "mail/likeness.h"

enum { LETTERS_MOST = 200, GREETING_MOST = 40 };

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

/* FNV-1a */
static void add(struct gp_likeness *l, gp_str text)
{
    for (size_t i = 0; i < text.len && l->letters < LETTERS_MOST; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (!is_letter(c)) continue;
        l->digest = (l->digest ^ (c < 0x80 ? c | 0x20 : c)) * UINT64_C(0x100000001b3);
        l->letters++;
    }
}

static void header_line(struct gp_likeness *l, gp_str line)
{
    bool goes_on = line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
    if (line.len == 0) l->in_body = true;
    if (!goes_on) l->in_subject = gp_starts(line, "Subject:");
    if (l->in_subject) add(l, goes_on ? line : gp_tail(line, sizeof("Subject:") - 1));
}

static void body_line(struct gp_likeness *l, gp_str line)
{
    if (line.len == 0 || gp_starts(line, "--") || gp_starts(line, "Content-")) return;
    bool greeting = !l->greeted && line.len < GREETING_MOST;
    l->greeted    = true;
    if (!greeting) add(l, line);
}

static void end_line(struct gp_likeness *l)
{
    gp_str line = { l->line, l->len };
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
    if (l->in_body)
        body_line(l, line);
    else
        header_line(l, line);
    l->len = 0;
}

void gp_likeness_init(struct gp_likeness *l)
{
    *l = (struct gp_likeness) { .digest = UINT64_C(0xcbf29ce484222325) };
}

void gp_likeness_add(struct gp_likeness *l, gp_str piece)
{
    for (size_t i = 0; i < piece.len && l->letters < LETTERS_MOST; i++) {
        if (piece.ptr[i] == '\n')
            end_line(l);
        else if (l->len < sizeof l->line)
            l->line[l->len++] = piece.ptr[i];
    }
}

uint64_t gp_likeness_digest(struct gp_likeness *l)
{
    enum { FEW = 8 };
    if (l->len > 0) end_line(l);
    return l->letters < FEW ? 0 : l->digest;
}
