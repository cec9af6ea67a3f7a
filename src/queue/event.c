/* An event is a row of the audit as JSON: {"id", "type", "time", "host", "queue_id", "account", "data"}, data being what the row says (docs/events.md). */
#include "queue/events.h"

#include <string.h>

enum { ID_ROOM = 64, TIME_ROOM = 40 };

static const struct {
    const char *row, *type;
    const char *with; /* the type that wants it, where that is another */
} kinds[] = {
  /* clang-format off */
    { "accepted",   "accepted",   "accepted"  },
    { "recipients", "recipients", "accepted"  },
    { "deferred",   "deferred",   "deferred"  },
    { "delivered",  "delivered",  "delivered" },
    { "failed",     "bounced",    "bounced"   },
    { "held",       "held",       "held"      },
    { "released",   "released",   "held"      },
    { "deleted",    "deleted",    "deleted"   },
    { "discarded",  "discarded",  "discarded" },
  /* clang-format on */
};

static bool has_word(gp_str words, const char *word)
{
    if (!words.len) return true;
    while (words.len) {
        gp_str next = gp_word(&words);
        if (next.len && gp_is(next, word)) return true;
    }
    return false;
}

/* Kept back when it came: the same row says both. Text within the data has its quotes escaped, so that only a key looks so. */
static bool is_held(const struct audit_row *row)
{
    static const char key[] = ",\"held\":\"";
    const char       *at    = row->data.len ? memmem(row->data.ptr, row->data.len, key, sizeof key - 1) : NULL;
    return at && at + sizeof key - 1 < row->data.ptr + row->data.len && at[sizeof key - 1] != '"';
}

size_t event_types(const struct event_house *h, const struct audit_row *row, const char *types[static EVENT_OF_ROW])
{
    gp_str wanted = gp_from(h->types);
    size_t count  = 0;
    for (size_t i = 0; i < GP_COUNT(kinds); i++) {
        if (!gp_is(row->event, kinds[i].row)) continue;
        if (has_word(wanted, kinds[i].with)) types[count++] = kinds[i].type;
        if (i == 0 && has_word(wanted, "held") && is_held(row)) types[count++] = "held";
    }
    return count;
}

static void put_id(struct gp_text *out, const struct event_house *h, int64_t seq, const char *more)
{
    gp_put_z(out, h->chain);
    gp_put_char(out, '-');
    gp_put_number(out, seq);
    gp_put_z(out, more);
}

static bool put(struct gp_text *out, const struct event_house *h, gp_str id, const char *type,
                const struct audit_row *row)
{
    char           time_room[TIME_ROOM];
    struct gp_text when = GP_TEXT(time_room);
    if (out->room - out->len < EVENT_MOST) return false;
    log_put_time(&when, row->when);
    const struct audit_field fields[] = {
        AUDIT_S("id", id),
        AUDIT_Z("type", type),
        AUDIT_S("time", gp_said(&when)),
        AUDIT_Z("host", h->host),
        AUDIT_S("queue_id", row->queue_id),
        AUDIT_S("account", row->name),
        {NULL, GP_NONE, 0, AUDIT_TEXT}
    };
    audit_put_data(out, fields);
    out->len--; /* its '}' comes behind the data */
    gp_put_z(out, ",\"data\":");
    gp_put(out, row->data.len ? row->data : GP_LIT("{}")); /* erased, or none */
    gp_put_char(out, '}');
    return true;
}

bool event_put(struct gp_text *out, const struct event_house *h, const struct audit_row *row, const char *type)
{
    char           room[ID_ROOM];
    struct gp_text id     = GP_TEXT(room);
    bool           second = gp_is(row->event, "accepted") && gp_is(gp_from(type), "held");
    put_id(&id, h, row->seq, second ? "-held" : "");
    return put(out, h, gp_said(&id), type, row);
}

bool event_put_missed(struct gp_text *out, const struct event_house *h, int64_t seq, gp_time now, uint64_t count)
{
    char             id_room[ID_ROOM], data_room[ID_ROOM];
    struct gp_text   id = GP_TEXT(id_room), data = GP_TEXT(data_room);
    struct audit_row row = { .when = now, .queue_id = GP_LIT(""), .name = GP_LIT("") };
    put_id(&id, h, seq, "-missed");
    audit_put_data(&data, (const struct audit_field[]) {
                              AUDIT_N("events", count), {NULL, GP_NONE, 0, AUDIT_TEXT}
    });
    row.data = gp_said(&data);
    return put(out, h, gp_said(&id), "missed", &row);
}
