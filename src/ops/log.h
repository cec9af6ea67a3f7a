/* One line per event to stderr, logfmt or JSON. Program floors only: the library never logs. Fields are typed
 * and there is no format string, so a secret (gp_secret) cannot reach a line. Values are escaped: a hostile
 * client cannot forge a line or a field. A role calls log_open once; until then lines go out as logfmt. */
#ifndef OPS_LOG_H
#define OPS_LOG_H

#include "base/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVELS };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
    const char *key; /* NULL ends the list */
    gp_str      text; /* ptr NULL and len LOG_IS_NUMBER: it is the number */
    int64_t     number;
};
enum { LOG_IS_NUMBER = 1 };
#define LOG_S(name, slice) { (name), (slice), 0 }
#define LOG_Z(name, z)     { (name), gp_from(z), 0 }
#define LOG_N(name, value) { (name), { NULL, LOG_IS_NUMBER }, (int64_t)(value) }

void log_open(const char *role, enum log_format, enum log_level least);
void log_event(enum log_level, const char *event, const struct log_field *fields);

void log_put_time(struct gp_text *, int64_t ms_since_1970); /* RFC 3339, UTC, milliseconds: as a line has it */

/* LOG(LOG_INFO, "sign-in", LOG_S("account", name), LOG_N("port", port)); a LOG_S of GP_NONE is left out. */
#define LOG(level, event, ...) log_event((level), (event), (const struct log_field[]){ __VA_ARGS__, { NULL, { NULL, 0 }, 0 } })

#endif
