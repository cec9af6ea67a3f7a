/* gatepost.yml: a walk over the YAML document, through its mappings, that gives each value to its row. */
#include "config/schema.h"

#include <stdio.h>
#include <string.h>

#include <yaml.h>

enum { NAME_ROOM = 128, PAIRS_MOST = 64, WORDS_ROOM = 2048, ITEM_ROOM = 2 * CONFIG_PATH + 2 };

struct walk {
    struct config_reading *reading;
    yaml_document_t       *document;
    bool                   given[CONFIG_KEYS_MOST];
};

static struct config_place place_of(const yaml_node_t *node)
{
    return (struct config_place) { .line = (unsigned)node->start_mark.line + 1 };
}

static gp_str scalar(const yaml_node_t *node)
{
    return (gp_str) { (const char *)node->data.scalar.value, node->data.scalar.length };
}

static bool is_scalar(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE;
}

/* "key:" with nothing after it. */
static bool is_nothing(const yaml_node_t *node)
{
    return is_scalar(node) && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (scalar(node).len == 0 || gp_is(scalar(node), "null") || gp_is(scalar(node), "~"));
}

/* "KEY: 'NAME' PROBLEM"; key and name may be absent. */
static void complain_of(const struct walk *walk, const struct config_key *key, const yaml_node_t *node, gp_str name,
                        const char *problem)
{
    char                room[CONFIG_PROBLEM_ROOM];
    struct gp_text      text  = GP_TEXT(room);
    struct config_place place = place_of(node);
    if (key) gp_put_z(&text, key->name);
    if (key) gp_put_z(&text, ": ");
    if (name.ptr) config_quote(&text, name);
    gp_put_z(&text, problem);
    config_problem(walk->reading, &place, gp_said(&text));
}

static void complain(const struct walk *walk, const yaml_node_t *node, gp_str name, const char *problem)
{
    complain_of(walk, NULL, node, name, problem);
}

/* ---- names ---------------------------------------------------------------------------------------------- */
/* What may stand in that section ("" is the top), as words for a guess. */
static void put_siblings(struct gp_text *words, gp_str section)
{
    for (size_t i = 0; i < config_key_count; i++) {
        gp_str rest = gp_from(config_keys[i].name);
        if (section.len > 0) {
            bool inside =
                rest.len > section.len && rest.ptr[section.len] == '.' && gp_same(gp_head(rest, section.len), section);
            if (!inside) continue;
            rest = gp_tail(rest, section.len + 1);
        }
        gp_put_char(words, ' ');
        gp_put(words, gp_cut(&rest, '.'));
    }
}

/* Keys of that very name in any other section: right word, wrong place. */
static void put_namesakes(struct gp_text *words, gp_str name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        gp_str rest = gp_from(config_keys[i].name), last = gp_cut(&rest, '.');
        if (!rest.ptr) continue; /* in no section */
        while (rest.ptr && !gp_same(rest, name)) last = gp_cut(&rest, '.');
        if (!rest.ptr && !gp_same(last, name)) continue;
        gp_put_char(words, ' ');
        gp_put_z(words, config_keys[i].name);
    }
}

static void complain_unknown(const struct walk *walk, const yaml_node_t *node, gp_str section)
{
    char                room[CONFIG_PROBLEM_ROOM], list[WORDS_ROOM];
    struct gp_text      text = GP_TEXT(room), words = GP_TEXT(list);
    struct config_place place = place_of(node);
    gp_put_z(&text, "unknown key ");
    config_quote(&text, scalar(node));
    put_namesakes(&words, scalar(node));
    if (words.len) {
        gp_put_z(&text, " (it is");
        gp_put(&text, gp_said(&words));
        gp_put_char(&text, ')');
    } else {
        put_siblings(&words, section);
        config_suggest(&text, scalar(node), gp_said(&words));
    }
    config_problem(walk->reading, &place, gp_said(&text));
}

/* ---- values --------------------------------------------------------------------------------------------- */
/* Finds the two fields of a list's item; what else stands there is a problem. */
static bool read_fields(const struct walk *walk, const struct config_key *key, const yaml_node_t *item, gp_str found[2])
{
    bool sound = true;
    for (yaml_node_pair_t *pair = item->data.mapping.pairs.start; pair < item->data.mapping.pairs.top; pair++) {
        yaml_node_t *name = yaml_document_get_node(walk->document, pair->key);
        yaml_node_t *node = yaml_document_get_node(walk->document, pair->value);
        size_t       i    = 0;
        while (i < 2 && !(is_scalar(name) && gp_same(scalar(name), gp_from(key->type->fields[i])))) i++;
        if (i < 2 && is_scalar(node) && !is_nothing(node)) {
            found[i] = scalar(node);
            continue;
        }
        complain_of(walk, key, name, is_scalar(name) ? scalar(name) : GP_LIT("?"),
                    i < 2 ? " must have one value" : " does not belong here");
        sound = false;
    }
    return sound;
}

static void take_mapping(const struct walk *walk, const struct config_key *key, const yaml_node_t *item)
{
    char                room[ITEM_ROOM];
    struct gp_text      text     = GP_TEXT(room);
    struct config_place place    = place_of(item);
    gp_str              found[2] = { GP_NONE, GP_NONE };
    if (!read_fields(walk, key, item, found)) return;
    gp_put(&text, found[0]);
    gp_put_char(&text, '\n');
    gp_put(&text, found[1]);
    if (text.cut)
        complain_of(walk, key, item, GP_NONE, "too long");
    else
        config_take(walk->reading, key, &place, gp_said(&text));
}

/* An item with keys of its own has a place for each. */
static void take_keys(const struct walk *walk, const struct config_key *key, const yaml_node_t *item)
{
    struct config_pair  pairs[PAIRS_MOST];
    struct config_place place = place_of(item);
    size_t              count = 0;
    for (yaml_node_pair_t *pair = item->data.mapping.pairs.start; pair < item->data.mapping.pairs.top; pair++) {
        yaml_node_t *name = yaml_document_get_node(walk->document, pair->key);
        yaml_node_t *node = yaml_document_get_node(walk->document, pair->value);
        if (!is_scalar(name) || !is_scalar(node) || is_nothing(node) || count == PAIRS_MOST) {
            complain_of(walk, key, name, is_scalar(name) ? scalar(name) : GP_LIT("?"), " must have one value");
            return;
        }
        pairs[count++] = (struct config_pair) { scalar(name), scalar(node), place_of(name) };
    }
    config_take_item(&(struct config_item) { walk->reading, key->type->items, &place, pairs, count });
}

static void take_item(const struct walk *walk, const struct config_key *key, const yaml_node_t *item)
{
    struct config_place place = place_of(item);
    if (item->type == YAML_MAPPING_NODE && key->type->items)
        take_keys(walk, key, item);
    else if (item->type == YAML_MAPPING_NODE && key->type->fields[0])
        take_mapping(walk, key, item);
    else if (is_scalar(item) && !is_nothing(item))
        config_take(walk->reading, key, &place, scalar(item));
    else
        complain_of(walk, key, item, GP_NONE, "an item of this list must be one value");
}

/* Mechanisms are one text; written as a list they are joined. */
static void take_joined(const struct walk *walk, const struct config_key *key, const yaml_node_t *list)
{
    char                room[CONFIG_TEXT];
    struct gp_text      text  = GP_TEXT(room);
    struct config_place place = place_of(list);
    for (yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++) {
        yaml_node_t *node = yaml_document_get_node(walk->document, *item);
        if (!is_scalar(node)) {
            complain(walk, node, gp_from(key->name), " must be a list of names");
            return;
        }
        if (text.len) gp_put_char(&text, ' ');
        gp_put(&text, scalar(node));
    }
    if (text.cut)
        complain(walk, list, gp_from(key->name), " is too long");
    else
        config_take(walk->reading, key, &place, gp_said(&text));
}

static void take_list(const struct walk *walk, const struct config_key *key, const yaml_node_t *list)
{
    if (key->type == &config_mechanisms || key->type == &config_networks) {
        take_joined(walk, key, list);
    } else if (!key->type->clear) {
        complain(walk, list, gp_from(key->name), " must have one value, not a list");
    } else {
        for (yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++)
            take_item(walk, key, yaml_document_get_node(walk->document, *item));
    }
}

static void take_value(struct walk *walk, const struct config_key *key, const yaml_node_t *name,
                       const yaml_node_t *value)
{
    size_t              row   = (size_t)(key - config_keys);
    struct config_place place = place_of(name);
    if (walk->given[row]) {
        complain(walk, name, gp_from(key->name), " is given twice");
        return;
    }
    walk->given[row]           = true;
    walk->reading->places[row] = place;
    if (is_nothing(value)) {
        complain(walk, name, gp_from(key->name), " has no value: write one, or leave the key out");
        return;
    }
    config_begin(walk->reading, key, &place, CONFIG_FILE);
    place = place_of(value);
    if (is_scalar(value))
        config_take_all(walk->reading, key, &place, scalar(value));
    else if (value->type == YAML_SEQUENCE_NODE)
        take_list(walk, key, value);
    else
        complain(walk, value, gp_from(key->name), " must have a value, not keys of its own");
}

/* ---- mappings ------------------------------------------------------------------------------------------- */
static void walk_section(struct walk *, gp_str section, const yaml_node_t *mapping);

/* What stands under one name: a value, or a section that holds more. The schema is two or three deep, so this ends. */
static void take_pair(struct walk *walk, gp_str section, const yaml_node_t *name, const yaml_node_t *value)
{
    char           room[NAME_ROOM];
    struct gp_text whole = GP_TEXT(room);
    gp_put(&whole, section);
    if (section.len) gp_put_char(&whole, '.');
    gp_put(&whole, scalar(name));
    const struct config_key *key = whole.cut ? NULL : config_find(gp_said(&whole));
    if (key)
        take_value(walk, key, name, value);
    else if (whole.cut || !config_is_section(gp_said(&whole)))
        complain_unknown(walk, name, section);
    else if (value->type == YAML_MAPPING_NODE)
        walk_section(walk, gp_said(&whole), value);
    else if (!is_nothing(value))
        complain(walk, value, gp_said(&whole), " must have keys of its own, indented below it");
}

static void walk_section(struct walk *walk, gp_str section, const yaml_node_t *mapping)
{
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
        yaml_node_t *name  = yaml_document_get_node(walk->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(walk->document, pair->value);
        if (is_scalar(name))
            take_pair(walk, section, name, value);
        else
            complain(walk, name, GP_NONE, "a key must be a word");
    }
}

static void complain_syntax(const struct walk *walk, const yaml_parser_t *parser)
{
    char                room[CONFIG_PROBLEM_ROOM];
    struct gp_text      text  = GP_TEXT(room);
    struct config_place place = { .line = (unsigned)parser->problem_mark.line + 1 };
    gp_put_z(&text, "not YAML: ");
    gp_put_z(&text, parser->problem ? parser->problem : "no memory");
    config_problem(walk->reading, &place, gp_said(&text));
}

static bool walk_document(struct walk *walk)
{
    yaml_node_t *root = yaml_document_get_root_node(walk->document);
    if (!root || is_nothing(root)) return true; /* empty, or comments alone */
    if (root->type == YAML_MAPPING_NODE)
        walk_section(walk, GP_LIT(""), root);
    else
        complain(walk, root, GP_NONE, "must be keys with values, such as 'hostname: mail.example.org'");
    return root->type == YAML_MAPPING_NODE;
}

/* A file of two documents would have its second one ignored, and nobody would notice. */
static void refuse_more(const struct walk *walk, yaml_parser_t *parser)
{
    yaml_document_t second;
    if (!yaml_parser_load(parser, &second)) {
        complain_syntax(walk, parser);
        return;
    }
    yaml_node_t *root = yaml_document_get_root_node(&second);
    if (root)
        complain(walk, root, GP_NONE,
                 "a second document begins here: write all keys into one, without '---' between them");
    yaml_document_delete(&second);
}

bool config_read_document(struct config_reading *reading, gp_str text)
{
    yaml_parser_t   parser;
    yaml_document_t document;
    struct walk     walk = { .reading = reading, .document = &document };
    if (!yaml_parser_initialize(&parser)) {
        config_problem(reading, &(struct config_place) { 0 }, GP_LIT("cannot be read: no memory"));
        return false;
    }
    bool is_document = false;
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len ? text.ptr : ""), text.len);
    if (yaml_parser_load(&parser, &document)) {
        is_document = walk_document(&walk);
        yaml_document_delete(&document);
        if (is_document) refuse_more(&walk, &parser);
    } else {
        complain_syntax(&walk, &parser);
    }
    yaml_parser_delete(&parser);
    return is_document;
}
