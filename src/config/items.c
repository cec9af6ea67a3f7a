/* Lists whose items are mappings with keys of their own (sources, routes, providers): one item read by its table of keys, and shown. */
#include "config/schema.h"

#include <string.h>

/* ---- one key of an item ------------------------------------------------------------------------------------------------- */
static size_t *count_of(const struct config_items *list, struct config *config)
{
    return (size_t *)(void *)((char *)config + list->count);
}

/* The types read and show fields of struct config: the row as it is for that item. */
static struct config_key row_of(const struct config_items *list, const struct config_key *key, size_t index)
{
    struct config_key row = *key;
    row.offset += list->offset + index * list->size;
    return row;
}

static unsigned type_of(const struct config_items *list, const struct config *config, size_t index)
{
    return list->type ? list->type(config, index) : 0;
}

static bool has(unsigned types, unsigned type)
{
    return types & 1U << type;
}

static bool goes_with(const struct config_key *key, unsigned type)
{
    return !key->types || has(key->types, type);
}

static const struct config_key *find_key(const struct config_items *list, gp_str name)
{
    for (size_t i = 0; i < list->key_count; i++)
        if (gp_same(name, gp_from(list->keys[i].name))) return &list->keys[i];
    return NULL;
}

static const struct config_pair *find_pair(const struct config_pair *pairs, size_t count, gp_str name)
{
    for (size_t i = 0; i < count; i++)
        if (gp_same(pairs[i].name, name)) return &pairs[i];
    return NULL;
}

const struct config_pair *config_item_find(const struct config_item *item, const char *name)
{
    return find_pair(item->pairs, item->count, gp_from(name));
}

/* ---- what is wrong with it ------------------------------------------------------------------------------------------------ */
void config_item_problem(const struct config_item *item, const struct config_place *place, gp_str what, gp_str problem)
{
    char           room[CONFIG_PROBLEM_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, item->list->name);
    gp_put_z(&text, ": ");
    gp_put(&text, what);
    if (what.len) gp_put_z(&text, ": ");
    gp_put(&text, problem);
    config_problem(item->reading, place, gp_said(&text));
}

static void complain_unknown(const struct config_item *item, const struct config_pair *pair)
{
    const struct config_items *list = item->list;
    char                       room[CONFIG_PROBLEM_ROOM], names[CONFIG_PROBLEM_ROOM];
    struct gp_text             text = GP_TEXT(room), words = GP_TEXT(names);
    gp_put_z(&text, "unknown key ");
    config_quote(&text, pair->name);
    for (size_t i = 0; i < list->key_count; i++) {
        gp_put_z(&words, list->keys[i].name);
        gp_put_char(&words, ' ');
    }
    config_suggest(&text, pair->name, gp_said(&words));
    config_item_problem(item, &pair->place, GP_NONE, gp_said(&text));
}

static void complain_of_type(const struct config_item *item, const struct config_pair *pair, unsigned type)
{
    char           room[CONFIG_PROBLEM_ROOM];
    struct gp_text text = GP_TEXT(room);
    config_quote(&text, pair->name);
    gp_put_z(&text, " does not go with type: ");
    gp_put_z(&text, find_key(item->list, GP_LIT("type"))->choices[type]);
    config_item_problem(item, &pair->place, GP_NONE, gp_said(&text));
}

/* ---- reading one ------------------------------------------------------------------------------------------------------------ */
static bool take(const struct config_item *item, const struct config_key *key, const struct config_place *place,
                 gp_str value)
{
    char              room[CONFIG_PROBLEM_ROOM];
    struct gp_text    why    = GP_TEXT(room);
    struct config    *config = item->reading->config;
    struct config_key row    = row_of(item->list, key, *count_of(item->list, config));
    if (row.type->read(config, &row, value, &why)) return true;
    config_item_problem(item, place, gp_from(row.name), gp_said(&why));
    return false;
}

bool config_item_key(const struct config_item *item, const struct config_pair *pair)
{
    return take(item, find_key(item->list, pair->name), &pair->place, pair->value);
}

static unsigned type_of_item(const struct config_item *item)
{
    struct config *config = item->reading->config;
    return type_of(item->list, config, *count_of(item->list, config));
}

bool config_item_usual(const struct config_item *item)
{
    bool     sound = true;
    unsigned type  = type_of_item(item);
    for (size_t i = 0; i < item->list->key_count; i++) {
        const struct config_key *key = &item->list->keys[i];
        if (!goes_with(key, type) || config_item_find(item, key->name)) continue;
        if (!key->usual || has(key->required, type)) {
            config_item_problem(item, item->place, gp_from(key->name), GP_LIT("is missing"));
            sound = false;
        } else if (key->usual[0]) {
            sound = take(item, key, item->place, gp_from(key->usual)) && sound;
        }
    }
    return sound;
}

static bool take_pair(const struct config_item *item, size_t at, unsigned type)
{
    const struct config_pair *pair = &item->pairs[at];
    const struct config_key  *key  = find_key(item->list, pair->name);
    if (!key)
        complain_unknown(item, pair);
    else if (!goes_with(key, type))
        complain_of_type(item, pair, type);
    else if (find_pair(item->pairs, at, pair->name))
        config_item_problem(item, &pair->place, pair->name, GP_LIT("is given twice"));
    else
        return take(item, key, &pair->place, pair->value);
    return false;
}

bool config_item_given(const struct config_item *item)
{
    bool     sound = true;
    unsigned type  = type_of_item(item);
    for (size_t i = 0; i < item->count; i++) sound = take_pair(item, i, type) && sound;
    return sound;
}

void config_take_item(const struct config_item *item)
{
    const struct config_items *list   = item->list;
    struct config             *config = item->reading->config;
    size_t                    *count  = count_of(list, config);
    if (*count == list->most) {
        config_item_problem(item, item->place, GP_NONE, gp_from(list->full));
        return;
    }
    memset((char *)config + list->offset + *count * list->size, 0, list->size);
    *count += list->take(item);
}

/* ---- the list ----------------------------------------------------------------------------------------------------------------- */
bool config_read_item(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    (void)config;
    return config_fail(why, text, key->type->items->no_word);
}

static bool is_empty(const struct config *config, const struct config_key *row)
{
    for (size_t i = 0; i < row->size; i++)
        if (((const char *)config)[row->offset + i]) return false;
    return true;
}

bool config_show_item(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    const struct config_items *list = key->type->items;
    if (index >= *(const size_t *)(const void *)((const char *)config + list->count)) return false;
    for (size_t i = 0; i < list->key_count; i++) {
        struct config_key row = row_of(list, &list->keys[i], index);
        if (!goes_with(&row, type_of(list, config, index))) continue;
        if (list->brief && is_empty(config, &row)) continue;
        gp_put_z(out, i ? ", " : "{");
        gp_put_z(out, row.name);
        gp_put_z(out, ": ");
        (void)row.type->show(config, &row, 0, out);
    }
    gp_put_char(out, '}');
    return true;
}
