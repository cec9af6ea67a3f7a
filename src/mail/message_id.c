/* Message-ID (RFC 5322 3.6.4). */
#include "mail/parts.h"

#include <string.h>

/* Looser than the grammar on purpose: what is not refused here is kept, and threads hang on the odd ones too. */
bool gp_is_message_id(gp_str text)
{
    struct gp_lexer x = gp_lexer_of(text);
    gp_lex_space(&x);
    if (!gp_lex_is(&x, '<')) return false;
    const char *start = x.at;
    while (x.at < x.end && (unsigned char)*x.at > ' ' && *x.at != 127 && *x.at != '<' && *x.at != '>') x.at++;
    const char *at   = memchr(start, '@', (size_t)(x.at - start));
    bool        both = at && at > start && at + 1 < x.at;
    if (!both || !gp_lex_is(&x, '>')) return false;
    gp_lex_space(&x);
    return x.at == x.end;
}

void gp_put_message_id(struct gp_text *to, gp_str unique, const char *hostname)
{
    gp_put_char(to, '<');
    gp_put(to, unique);
    gp_put_char(to, '@');
    gp_put_z(to, hostname);
    gp_put_char(to, '>');
}
