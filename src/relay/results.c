/* The verdicts of one delivery as the queue reads them. */
#include "relay/parts.h"

static void put_clean(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        gp_put_char(out, c < ' ' || c == 0x7f ? ' ' : (char)c);
    }
}

gp_str result_enhanced(int code, gp_str said)
{
    if (said.len) return said;
    if (code >= 500) return GP_LIT("5.0.0");
    if (code >= 400) return GP_LIT("4.0.0");
    return code ? GP_LIT("2.0.0") : GP_LIT("4.4.0");
}

/* What it does that the queue has to know, in words of one field. */
static void put_words(struct gp_text *out, const struct result *r)
{
    const struct {
        const char *word;
        bool        is;
    } words[] = {
        {"ours", r->ours   },
        { "dsn", r->reports},
        { "by",  r->in_time}
    };
    char before = '\t';
    for (size_t i = 0; i < GP_COUNT(words); i++) {
        if (!words[i].is) continue;
        gp_put_char(out, before);
        gp_put_z(out, words[i].word);
        before = ' ';
    }
}

void results_put(struct gp_text *out, const struct recipient *recipients, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct result *r = &recipients[i].result;
        gp_put_number(out, r->status);
        gp_put_char(out, '\t');
        gp_put_number(out, r->code);
        const gp_str fields[] = { r->enhanced, r->remote, r->tls, r->text };
        for (size_t f = 0; f < GP_COUNT(fields); f++) {
            gp_put_char(out, '\t');
            put_clean(out, fields[f]);
        }
        put_words(out, r);
        gp_put_char(out, '\n');
    }
}
