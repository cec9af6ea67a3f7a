/* Names that strangers typed, put into filters and distinguished names so that they stay names. */
#include "lookup/parts.h"

#include <string.h>

static void put_escaped(struct gp_text *out, char octet)
{
    gp_put_char(out, '\\');
    gp_put_hex(out, (gp_str) { &octet, 1 });
}

/* RFC 4515 3: NUL ( ) * \ must be escaped; every octet that is no ASCII letter, digit or harmless sign is here. */
void escape_filter(struct gp_text *out, gp_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char octet = (unsigned char)name.ptr[i];
        if (octet < ' ' || octet >= 0x7f || strchr("()*\\&|!=<>~", octet))
            put_escaped(out, name.ptr[i]);
        else
            gp_put_char(out, name.ptr[i]);
    }
}

/* RFC 4514 2.4: a space or # at the beginning, a space at the end, and " + , ; < > \ NUL; = as well, which may be. */
void escape_dn(struct gp_text *out, gp_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char octet = (unsigned char)name.ptr[i];
        bool          edge  = (octet == ' ' && (i == 0 || i == name.len - 1)) || (octet == '#' && i == 0);
        if (edge || octet < ' ' || octet == 0x7f || strchr("\"+,;<>\\=", octet))
            put_escaped(out, name.ptr[i]);
        else
            gp_put_char(out, name.ptr[i]);
    }
}

bool template_fill(struct gp_text *out, const char *form, gp_str user, template_escape *escape)
{
    gp_str domain = user, local = gp_cut(&domain, '@');
    const struct {
        const char *word;
        gp_str      value;
    } words[] = {
        {"$user",    user  },
        { "$local",  local },
        { "$domain", domain},
    };
    for (gp_str rest = gp_from(form); rest.len;) {
        size_t i = 0;
        while (i < GP_COUNT(words) && strncmp(rest.ptr, words[i].word, strlen(words[i].word)) != 0) i++;
        if (i < GP_COUNT(words))
            escape(out, words[i].value);
        else
            gp_put_char(out, rest.ptr[0]);
        rest = gp_tail(rest, i < GP_COUNT(words) ? strlen(words[i].word) : 1);
    }
    return !out->cut;
}
