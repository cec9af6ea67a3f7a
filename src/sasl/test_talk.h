/* For the tests of this folder: rows of the vector files, base64 in a line, and a host that knows one account. */
#ifndef GP_SASL_TALK_H
#define GP_SASL_TALK_H

#include "check.h"
#include "sasl/exchange.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static inline json_t *talk_vectors(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "tests/vectors/%s.json", name);
    size_t  len;
    char   *text = kit_file(path, &len);
    json_t *root = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    free(text);
    CHECK(root);
    return root;
}

static inline gp_str talk_field(const json_t *row, const char *name) /* GP_NONE when absent or null */
{
    const json_t *value = json_object_get(row, name);
    return json_is_string(value) ? (gp_str){ json_string_value(value), json_string_length(value) } : GP_NONE;
}

static inline gp_str talk_octets(const json_t *row, const char *name, char *room, size_t size)
{
    return kit_hex(talk_field(row, name).ptr, room, size);
}

#define TALK_LINE(octets) talk_base64((octets), (char[GP_SASL_LINE_MOST + 1]){ 0 })
static inline gp_str talk_base64(gp_str octets, char room[static GP_SASL_LINE_MOST])
{
    struct gp_text text = { .ptr = room, .room = GP_SASL_LINE_MOST };
    gp_put_base64(&text, octets);
    return gp_said(&text);
}

/* out is a slice of the exchange, so its octets are read before the next call. */
static inline gp_str talk_said(const struct gp_sasl *x, char room[static GP_SASL_OUT_ROOM])
{
    size_t len = 0;
    CHECK(x->out.ptr && gp_read_base64(x->out, room, GP_SASL_OUT_ROOM, &len));
    return (gp_str){ room, len };
}
#define TALK_SAID(x) talk_said((x), (char[GP_SASL_OUT_ROOM]){ 0 })

static inline void talk_open(struct gp_sasl *x)
{
    gp_sasl_init(x, GP_BIND_NONE, GP_NONE, false);
}

static inline gp_secret talk_secret(gp_str text)
{
    return (gp_secret){ text.ptr, text.len };
}

#endif
