/* JSON: an array of objects with the names of the fields, each of one password, or with a list "credentials" of such objects, as
 * `user export` writes it. Elements are read one at a time, so that a problem has a line. */
#include <string.h>

#include "cli/import.h"

static void skip_blanks(struct import_source *s)
{
    while (s->at < s->len && strchr(" \t\r\n", s->text[s->at])) s->line += s->text[s->at++] == '\n';
}

static enum import_step stop(struct import_source *s, const char *problem, const char **why)
{
    s->ended  = true;
    s->object = NULL;
    *why      = problem;
    return IMPORT_BAD;
}

/* The '[', or what stands between elements. OK: an element follows. */
static enum import_step before_element(struct import_source *s, const char **why)
{
    static const char shape[] = "it is not an array of objects: [{\"user\": ..., \"hash\": ...}, ...]";
    bool              first   = !s->begun;
    if (first) {
        s->begun = true;
        s->line  = 1;
        s->kept  = json_array();
    }
    if (s->ended) return IMPORT_END;
    skip_blanks(s);
    char c = s->text[s->at];
    if (!s->kept || c != (first ? '[' : c == ']' ? ']' : ',')) return stop(s, shape, why);
    s->at++;
    skip_blanks(s);
    if (c != ']' && !(first && s->text[s->at] == ']')) return IMPORT_ENTRY;
    s->at += c != ']';
    s->ended = true;
    skip_blanks(s);
    if (s->at < s->len) return stop(s, "something follows the array", why);
    return IMPORT_END;
}

static enum import_step read_element(struct import_source *s, const char **why)
{
    json_error_t     error;
    enum import_step step = before_element(s, why);
    if (step != IMPORT_ENTRY) return step;
    json_t *element =
        json_loadb(s->text + s->at, s->len - s->at, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
    if (!element && error.line > 0) s->line += (size_t)error.line - 1;
    if (!element) return stop(s, "from here on it is not JSON, or a name stands twice in an object", why);
    s->next = 0;
    if (json_array_append_new(s->kept, element) != 0) return stop(s, "there is not enough memory", why);
    s->object     = element;
    s->entry_line = s->line;
    for (size_t end = s->at + (size_t)error.position; s->at < end; s->at++) s->line += s->text[s->at] == '\n';
    return json_is_object(element) ? IMPORT_ENTRY : stop(s, "an element of the array is not an object", why);
}

/* ---- fields ------------------------------------------------------------------------------------------------------------ */
/* Words between spaces, kept with the source. NULL: not only texts, or no memory. */
static const char *joined(struct import_source *s, const json_t *list)
{
    char           room[4096];
    struct gp_text text = { .ptr = room, .room = sizeof room };
    size_t         i;
    const json_t  *word;
    json_array_foreach(list, i, word)
    {
        if (!json_is_string(word)) return NULL;
        if (text.len > 0) gp_put_char(&text, ' ');
        gp_put(&text, (gp_str) { json_string_value(word), json_string_length(word) });
    }
    json_t *made = text.cut ? NULL : json_stringn(room, text.len);
    return made && json_array_append_new(s->kept, made) == 0 ? json_string_value(made) : NULL;
}

static bool take_value(struct import_source *s, const json_t *value, const char **out)
{
    if (json_is_null(value) || json_is_false(value)) return true;
    if (json_is_true(value)) return *out = "yes", true;
    *out = json_is_array(value) ? joined(s, value) : json_string_value(value);
    if (*out && !**out) *out = NULL;
    return *out || json_array_size(value) == 0;
}

static bool take_fields(struct import_source *s, json_t *object, struct import_entry *e, const char **why)
{
    const char *name;
    json_t     *value;
    json_object_foreach(object, name, value)
    {
        unsigned field = import_field_of(gp_from(name));
        if (field == IMPORT_IGNORED || strcmp(name, "credentials") == 0) continue;
        *why = "a name in the object is none that is known";
        if (field == IMPORT_UNKNOWN) return false;
        *why = "a value is neither a text nor a list of texts";
        if ((!json_is_string(value) && !json_is_array(value) && !json_is_null(value) && !json_is_boolean(value)) ||
            !take_value(s, value, &e->fields[field]))
            return false;
    }
    return true;
}

/* An object with credentials is an entry for each, with what they have in common; without any it is one. */
static enum import_step next_entry(struct import_source *s, struct import_entry *e, const char **why)
{
    json_t *list = json_object_get(s->object, "credentials"), *one = json_array_get(list, s->next), *object = s->object;
    e->line = s->entry_line;
    if (++s->next >= json_array_size(list)) s->object = NULL;
    if (!take_fields(s, object, e, why)) return IMPORT_BAD;
    *why = "an element of `credentials` is not an object";
    if (one && !json_is_object(one)) return IMPORT_BAD;
    return !one || take_fields(s, one, e, why) ? IMPORT_ENTRY : IMPORT_BAD;
}

enum import_step import_json(struct import_source *s, struct import_entry *e, const char **why)
{
    *e = (struct import_entry) { .line = s->line };
    if (!s->object) {
        enum import_step step = read_element(s, why);
        e->line               = s->line;
        if (step != IMPORT_ENTRY) return step;
    }
    return next_entry(s, e, why);
}
