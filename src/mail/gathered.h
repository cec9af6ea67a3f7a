/* For tests: a sink that keeps what it is given. */
#ifndef GP_MAIL_GATHERED_H
#define GP_MAIL_GATHERED_H

#include <string.h>

#include "mail/mail.h"

struct gathered {
    size_t len;
    char   text[256 * 1024];
};

static inline bool gather(void *owner, gp_str piece)
{
    struct gathered *g = owner;
    if (piece.len > sizeof g->text - g->len) return false;
    if (piece.len) memcpy(g->text + g->len, piece.ptr, piece.len);
    g->len += piece.len;
    return true;
}

static inline gp_str gathered(const struct gathered *g)
{
    return (gp_str){ g->text, g->len };
}

static inline bool mentions(gp_str text, const char *words)
{
    return text.len && memmem(text.ptr, text.len, words, strlen(words)) != NULL;
}

#endif
