/* Tokens of structured header fields (RFC 5322 3.2 and 4.1; RFC 6532 for what is not ASCII). */
#include "mail/parts.h"

#include <string.h>

bool gp_is_any(char c, const char *set)
{
    return c && strchr(set, c);
}

struct gp_lexer gp_lexer_of(gp_str text)
{
    if (!text.ptr)
        text = GP_LIT(""); /* a field that is not there: of NULL nothing may be counted on from, not even 0 */
    return (struct gp_lexer) { text.ptr, text.ptr + text.len };
}

/* A comment may hold comments and quoted pairs; nesting is counted, so hostile depth costs no stack. */
static bool skip_comment(struct gp_lexer *x)
{
    size_t depth = 0;
    for (const char *at = x->at; at < x->end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == '(') {
            depth++;
        } else if (*at == ')' && --depth == 0) {
            x->at = at + 1;
            return true;
        }
    }
    return false;
}

void gp_lex_space(struct gp_lexer *x)
{
    while (x->at < x->end) {
        if (gp_is_any(*x->at, " \t\r\n"))
            x->at++;
        else if (*x->at != '(' || !skip_comment(x))
            return;
    }
}

bool gp_lex_is(struct gp_lexer *x, char c)
{
    if (x->at == x->end || *x->at != c) return false;
    x->at++;
    return true;
}

static bool is_atext(char c)
{
    unsigned char octet = (unsigned char)c;
    return octet > ' ' && octet != 127 && !gp_is_any(c, "()<>[]:;@\\,.\"");
}

gp_str gp_lex_atom(struct gp_lexer *x)
{
    const char *start = x->at;
    while (x->at < x->end && is_atext(*x->at)) x->at++;
    return (gp_str) { start, (size_t)(x->at - start) };
}

gp_str gp_lex_quoted(struct gp_lexer *x)
{
    const char *start = x->at;
    if (start == x->end || *start != '"') return (gp_str) { start, 0 };
    for (const char *at = start + 1; at < x->end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == '"') {
            x->at = at + 1;
            return (gp_str) { start, (size_t)(x->at - start) };
        }
    }
    return (gp_str) { start, 0 };
}

bool gp_lex_number(struct gp_lexer *x, unsigned least, unsigned most, unsigned *out)
{
    unsigned digits = 0;
    for (*out = 0; x->at < x->end && *x->at >= '0' && *x->at <= '9' && digits < most; digits++)
        *out = *out * 10 + (unsigned)(*x->at++ - '0');
    return digits >= least;
}
