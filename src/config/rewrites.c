/* The table of rewriting: the items of `rewrite`, and what an address becomes. The latter is pure. */
#include "config/schema.h"

#include <string.h>

static const struct {
    const char *word;
    unsigned    in;
} places[] = {
    {"sender",     CONFIG_IN_SENDER   },
    { "recipient", CONFIG_IN_RECIPIENT},
    { "header",    CONFIG_IN_HEADER   },
};
enum { EVERYWHERE = CONFIG_IN_SENDER | CONFIG_IN_RECIPIENT | CONFIG_IN_HEADER };

/* ---- addresses with blanks in them --------------------------------------------------------------------------------- */
struct parts {
    gp_str local, tag, domain;
}; /* tag: with its "+"; ptr NULL: none */

static struct parts parts_of(gp_str address)
{
    size_t at = address.len;
    while (at && address.ptr[at - 1] != '@') at--;
    gp_str local = gp_head(address, at ? at - 1 : address.len);
    size_t plus  = gp_starts(local, "\"") ? local.len : gp_find(local, '+'); /* half of what is quoted is no address */
    struct parts p = { gp_head(local, plus), GP_NONE, at ? gp_tail(address, at) : GP_NONE };
    if (plus < local.len) p.tag = gp_tail(local, plus);
    return p;
}

static bool any_tag(const struct parts *p)
{
    return gp_same(p->tag, GP_LIT("+*"));
}

/* from: "@domain" is any local part, "x@domain" that one, "x+*@domain" that one with any tag, "+*@domain" any with a tag. */
static bool fits(const struct parts *from, const struct parts *address)
{
    if (!gp_alike(from->domain, address->domain)) return false;
    if (from->local.len && !gp_alike(from->local, address->local)) return false;
    if (any_tag(from)) return address->tag.ptr != NULL;
    return from->tag.ptr ? gp_alike(from->tag, address->tag) : !from->local.len || !address->tag.ptr;
}

/* to: "@domain" keeps the local part, and of one that was found by its tag what stands before that; "x+*@domain" keeps the tag. */
static void put_instead(struct gp_text *out, const struct parts *from, const struct parts *to, const struct parts *was)
{
    bool keeps = any_tag(to) || (!to->local.len && !any_tag(from));
    gp_put(out, to->local.len ? to->local : was->local);
    gp_put(out, keeps ? was->tag : any_tag(to) ? GP_NONE : to->tag);
    gp_put_char(out, '@');
    gp_put(out, to->domain);
}

bool config_rewrite(const struct config *c, enum config_in in, gp_str address, struct gp_text *out)
{
    struct parts was = parts_of(address);
    if (!was.domain.ptr || !was.local.len) return false;
    for (size_t i = 0; i < c->rewrite_count; i++) {
        const struct config_rewrite *r    = &c->rewrites[i];
        struct parts                 from = parts_of(gp_from(r->from)), to = parts_of(gp_from(r->to));
        if (!(r->in & in) || !fits(&from, &was)) continue;
        put_instead(out, &from, &to, &was);
        return !out->cut;
    }
    return false;
}

/* ---- the list --------------------------------------------------------------------------------------------------------- */
static bool is_word(gp_str text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        char c      = text.ptr[i];
        bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!c || (!letter && !strchr(marks, c))) return false;
    }
    return true;
}

/* Plain ASCII alone, so that nothing becomes an address that its next hop may not know how to say. */
static bool is_good(gp_str text)
{
    struct parts p   = parts_of(text);
    bool         tag = !p.tag.ptr || any_tag(&p) || (p.local.len && is_word(gp_tail(p.tag, 1), "!#$%&'/=?^_`{|}~-."));
    bool         dot = gp_find(p.domain, '.') < p.domain.len && p.domain.ptr[0] != '.' && !gp_ends(p.domain, ".");
    return tag && dot && is_word(p.domain, "-.") && is_word(p.local, "!#$%&'/=?^_`{|}~-.");
}

static bool read_places(gp_str text, unsigned *in, struct gp_text *why)
{
    static const char form[] = "is not in=sender, recipient or header, with + between several";
    if (!text.len) return true;
    if (!gp_starts(text, "in=")) return config_fail(why, text, form);
    *in = 0;
    for (gp_str rest = gp_tail(text, sizeof "in=" - 1); rest.ptr;) {
        gp_str word = gp_cut(&rest, '+');
        size_t i    = 0;
        while (i < GP_COUNT(places) && !gp_is(word, places[i].word)) i++;
        if (i == GP_COUNT(places)) return config_fail(why, word, form);
        *in |= places[i].in;
    }
    return true;
}

static bool read_rewrite(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    gp_str                 rest = text, from = gp_word(&rest), to = gp_word(&rest), in = gp_word(&rest);
    struct config_rewrite *item = &config->rewrites[config->rewrite_count];
    (void)key;
    if (config->rewrite_count == CONFIG_REWRITES_MOST) return config_fail(why, text, "is one more than there may be");
    if (gp_word(&rest).len) return config_fail(why, text, "is more than ADDRESS ADDRESS in=PLACES");
    if (!is_good(from)) return config_fail(why, from, "is not local@domain, @domain, local+*@domain or +*@domain");
    if (!is_good(to)) return config_fail(why, to, "is not local@domain, @domain or local+*@domain, to be put in place");
    struct parts was = parts_of(from), is = parts_of(to);
    if (any_tag(&is) && (!any_tag(&was) || !is.local.len))
        return config_fail(why, to, "keeps a tag, which only local+*@domain and +*@domain have");
    item->in = EVERYWHERE;
    if (!read_places(in, &item->in, why)) return false;
    if (!gp_copy_z(from, item->from, sizeof item->from) || !gp_copy_z(to, item->to, sizeof item->to))
        return config_fail(why, text, "is too long");
    config->rewrite_count++;
    return true;
}

static bool show_rewrite(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    if (index >= config->rewrite_count) return false;
    const struct config_rewrite *r         = &config->rewrites[index];
    const char                  *separator = " in=";
    (void)key;
    gp_put_char(out, '"');
    gp_put_z(out, r->from);
    gp_put_char(out, ' ');
    gp_put_z(out, r->to);
    for (size_t i = 0; r->in != EVERYWHERE && i < GP_COUNT(places); i++) {
        if (!(r->in & places[i].in)) continue;
        gp_put_z(out, separator);
        gp_put_z(out, places[i].word);
        separator = "+";
    }
    gp_put_char(out, '"');
    return true;
}

static void clear_rewrites(struct config *config)
{
    config->rewrite_count = 0;
}

const struct config_type config_rewrites = {
    "a list of ADDRESS ADDRESS, and in=PLACES", read_rewrite, show_rewrite, clear_rewrites, { NULL }, NULL
};
