/* The part of `gatepost report` about old devices: each credential that was made for one, what it sent, and how it was last used. All of
 * them, also those that were never used: what is let in by a door of its own is to be seen. */
#include "cli/report.h"
#include "store/tally.h"

#include <stdio.h>

enum { ID_ROOM = 24 };

struct sight {
    json_t *sent; /* messages in that time, by the credential's id */
    bool    failed;
};

static const char *key_of(int64_t credential, char room[static ID_ROOM])
{
    (void)snprintf(room, ID_ROOM, "%lld", (long long)credential);
    return room;
}

static bool note_sent(void *owner, const struct tally_sum *sum)
{
    struct sight *s = owner;
    char          room[ID_ROOM];
    if (sum->tally.kind != TALLY_USE || !gp_is(gp_from(sum->tally.name), REPORT_LANE_RULE)) return true;
    const char *key    = key_of(sum->tally.credential, room);
    json_int_t  before = json_integer_value(json_object_get(s->sent, key));
    s->failed          = json_object_set_new(s->sent, key, json_integer(before + sum->tally.count)) != 0;
    return !s->failed;
}

/* "from 10.0.0.7, by LOGIN, without TLS, which calls itself printer" */
static void put_example(struct gp_text *out, const struct credential *c)
{
    if (!c->last_used) {
        gp_put_z(out, "never used");
        return;
    }
    gp_put_z(out, "from ");
    gp_put_z(out, c->last_from);
    gp_put_z(out, ", by ");
    gp_put_z(out, c->last_mechanism);
    gp_put_z(out, c->last_tls[0] ? ", " : ", without TLS");
    gp_put_z(out, c->last_tls);
    gp_put_z(out, c->last_helo[0] ? ", which calls itself " : "");
    gp_put_z(out, c->last_helo);
}

static bool fill(const void *part, const struct account *account, const struct credential *c, struct report_row *row,
                 struct gp_text *example)
{
    const struct sight *s = part;
    char                key[ID_ROOM];
    (void)account;
    if (!c->limits.legacy) return false;
    row->kind  = REPORT_LANE;
    row->rule  = REPORT_LANE_RULE;
    row->count = json_integer_value(json_object_get(s->sent, key_of(c->id, key)));
    put_example(example, c);
    return true;
}

gp_status report_lane(struct user_store *store, gp_time since, bool (*take)(void *owner, const struct report_row *),
                      void *owner)
{
    struct sight       s      = { .sent = json_object() };
    struct report_walk walk   = { .store = store, .fill = fill, .part = &s, .take = take, .owner = owner };
    gp_status          status = s.sent ? tally_each(store->accounts, tally_day(since), note_sent, &s) : GP_TEMPFAIL;
    if (s.failed) status = GP_TEMPFAIL;
    if (status == GP_OK) status = report_credentials(&walk);
    json_decref(s.sent);
    return status;
}
