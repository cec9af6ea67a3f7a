/* `config show`: every key with its value in force and where it comes from, as YAML that reads back. */
#include "config/schema.h"

enum {
    LINE_ROOM = 2 * (int)(sizeof(struct config_lookup) + sizeof(struct config_provider))
}; /* a quote or backslash takes two */

static const char *const sources[] = {
    [CONFIG_DEFAULT]       = "default",
    [CONFIG_FILE]          = CONFIG_FILE_NAME,
    [CONFIG_ENVIRONMENT]   = "environment",
    [CONFIG_DERIVED]       = "from hostname",
    [CONFIG_FROM_SOURCES]  = "default beside sources",
    [CONFIG_FROM_PROOF]    = "default for what signs in",
    [CONFIG_FROM_PROVIDER] = "default for relay.provider",
};

struct page {
    const struct config *config;
    void (*line)(void *owner, gp_str);
    void  *owner;
    gp_str section;
};

static void put_source(struct gp_text *text, const struct page *page, const struct config_key *key)
{
    gp_put_z(text, "  # ");
    gp_put_z(text, sources[page->config->sources[key - config_keys]]);
}

static void show_items(const struct page *page, const struct config_key *key, const char *indent)
{
    for (size_t i = 0;; i++) {
        char           room[LINE_ROOM];
        struct gp_text text = GP_TEXT(room);
        gp_put_z(&text, indent);
        gp_put_z(&text, "  - ");
        if (!key->type->show(page->config, key, i, &text)) return;
        page->line(page->owner, gp_said(&text));
    }
}

static bool is_empty_list(const struct page *page, const struct config_key *key)
{
    char           room[LINE_ROOM];
    struct gp_text text = GP_TEXT(room);
    return key->type->clear && !key->type->show(page->config, key, 0, &text);
}

static void show_key(const struct page *page, const struct config_key *key, gp_str name, const char *indent)
{
    char           room[LINE_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, indent);
    gp_put(&text, name);
    gp_put_char(&text, ':');
    if (!key->type->clear) {
        gp_put_char(&text, ' ');
        (void)key->type->show(page->config, key, 0, &text);
    }
    if (is_empty_list(page, key)) gp_put_z(&text, " []"); /* "KEY:" alone would be no value */
    put_source(&text, page, key);
    page->line(page->owner, gp_said(&text));
    if (key->type->clear) show_items(page, key, indent);
}

static size_t depth_of(gp_str name)
{
    size_t depth = 0;
    for (size_t i = 0; i < name.len; i++) depth += name.ptr[i] == '.';
    return depth;
}

static const char *indent_of(size_t depth)
{
    static const char *const indents[] = { "", "  ", "    ", "      " };
    return indents[depth < GP_COUNT(indents) ? depth : GP_COUNT(indents) - 1];
}

/* The lines that open a section, but those of the sections around it that are open. */
static void show_section(struct page *page, gp_str section)
{
    if (gp_same(section, page->section)) return;
    gp_str rest = section, open = page->section;
    bool   same = true;
    for (size_t depth = 0; rest.len > 0; depth++) {
        char           room[LINE_ROOM];
        struct gp_text text = GP_TEXT(room);
        gp_str         word = gp_cut(&rest, '.');
        same                = same && gp_same(word, open.ptr ? gp_cut(&open, '.') : GP_NONE);
        if (same) continue;
        gp_put_z(&text, indent_of(depth));
        gp_put(&text, word);
        gp_put_char(&text, ':');
        page->line(page->owner, gp_said(&text));
    }
    page->section = section;
}

static gp_str last_word(gp_str name)
{
    gp_str word = gp_cut(&name, '.');
    while (name.ptr) word = gp_cut(&name, '.');
    return word;
}

void config_show(const struct config *config, void (*line)(void *owner, gp_str), void *owner)
{
    struct page page = { config, line, owner, GP_NONE };
    for (size_t i = 0; i < config_key_count; i++) {
        gp_str whole = gp_from(config_keys[i].name), name = last_word(whole);
        size_t depth = depth_of(whole);
        if (depth) show_section(&page, gp_head(whole, whole.len - name.len - 1));
        show_key(&page, &config_keys[i], name, indent_of(depth));
    }
}

void config_each(const struct config *config, void (*each)(void *owner, gp_str key, gp_str value), void *owner)
{
    for (const struct config_key *key = config_keys; key < config_keys + config_key_count; key++) {
        char           room[LINE_ROOM];
        struct gp_text text = GP_TEXT(room);
        for (size_t i = 0; i == 0 || key->type->clear; i++) {
            size_t before = text.len;
            if (i > 0) gp_put_z(&text, ", ");
            if (key->type->show(config, key, i, &text)) continue;
            text.len = before;
            break;
        }
        each(owner, gp_from(key->name), gp_said(&text));
    }
}
