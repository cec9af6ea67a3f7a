/* An object of strings as JSON (RFC 8259), into room that the caller owns and wipes. Pure. */
#ifndef LOOKUP_JSON_TEXT_H
#define LOOKUP_JSON_TEXT_H

#include "base/base.h"

struct json_pair {
    const char *name;
    gp_str      value;
};
bool json_put_object(struct gp_text *, const struct json_pair *,
                 size_t count) GP_MUST_USE; /* false: not UTF-8, or does not fit */

#endif
