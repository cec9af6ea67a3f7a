/* What the queue commands share: opening the queue, and messages as JSON. */
#include "cli/queue.h"

#include <stdio.h>

#include "cli/user.h"
#include "smtp/smtp.h"

enum { BUSY_MS = 5000 };

static struct config config; /* of the queue that is open */

struct queue_store *cli_queue_open(const char *dir)
{
    char                  folder[CONFIG_PATH];
    enum database_trouble trouble = DATABASE_ABSENT;
    if (!cli_config(dir, &config)) return NULL;
    struct queue_store *s = config_path(&config, "queue", folder) ? queue_open(folder, BUSY_MS, &trouble) : NULL;
    if (!s) cli_problem(folder, database_why(trouble), database_hint(trouble));
    if (s) cli_set_operator(queue_database(s));
    return s;
}

void cli_queue_close(struct queue_store **s)
{
    queue_close(*s);
    *s = NULL;
}

int cli_queue_failed(struct queue_store *s, const char *what)
{
    enum database_trouble trouble = database_trouble(queue_database(s));
    cli_problem(what, database_why(trouble), database_hint(trouble));
    return CLI_FAILED;
}

struct last {
    bool             any;
    struct audit_row row;
    char             event[32];
};

static void remember(void *owner, const struct audit_row *row)
{
    struct last *l = owner;
    l->any         = true;
    l->row         = *row;
    if (!gp_copy_z(row->event, l->event, sizeof l->event)) l->event[0] = '\0';
}

/* Mail that is done leaves only its audit: say what became of it. */
int cli_queue_unknown(struct queue_store *s, const char *queue_id)
{
    char           room[128], when[USER_TIME_ROOM];
    struct gp_text hint = { .ptr = room, .room = sizeof room - 1 };
    struct last    last = { 0 };
    if (audit_visit(queue_database(s), gp_from(queue_id), remember, &last) != GP_OK)
        return cli_queue_failed(s, queue_id);
    if (last.any) {
        gp_put_z(&hint, "it was, until ");
        gp_put_z(&hint, user_time(last.row.when, when));
        gp_put_z(&hint, ": ");
        gp_put_z(&hint, last.event);
    } else {
        gp_put_z(&hint, "`gatepost queue list` shows all that is");
    }
    room[hint.len] = '\0';
    cli_problem(queue_id, "no such message is in the queue", room);
    return CLI_FAILED;
}

/* ---- text from elsewhere ------------------------------------------------------------------------------------------------- */
void print_text(gp_str text)
{
    cli_print(stdout, text);
}

json_t *text_json(gp_str text)
{
    char           room[AUDIT_DATA_MOST];
    struct gp_text clean = GP_TEXT(room);
    json_t        *json  = json_stringn(text.ptr ? text.ptr : "", text.len);
    if (json || !text.ptr) return json;
    while (text.len > 0) gp_put(&clean, gp_next_shown(&text));
    return json_stringn(clean.ptr, clean.len);
}

json_t *moment_json(gp_time when)
{
    char text[USER_TIME_ROOM];
    return when ? json_string(user_time(when, text)) : json_null();
}

/* ---- its turn -------------------------------------------------------------------------------------------------------------- */
static void put_most(struct gp_text *out, const char *before, unsigned most, const char *what)
{
    if (!most) return;
    gp_put_z(out, before);
    gp_put_number(out, most);
    gp_put_char(out, ' ');
    gp_put_z(out, what);
}

/* The server alone knows what is under way at this moment; what has just come due begins at once, as a rule. */
gp_str queue_put_turn(struct gp_text *out, const struct queue_recipient *to)
{
    enum { AT_ONCE = 2000 };
    gp_str                     name  = config_route_in(to->destination);
    const struct config_route *route = name.ptr ? config_route_named(&config, name) : NULL;
    bool                       paced = route && (route->messages_per_minute || route->connections);
    if (to->state != RECIPIENT_QUEUED || to->due > user_now()) return GP_NONE;
    if (!paced && to->due > user_now() - AT_ONCE) return GP_NONE;
    if (!paced) return GP_LIT("waits for a free connection, or is under way");
    gp_put_z(out, "waits for its turn: the route sends at most");
    put_most(out, " ", route->messages_per_minute, "messages a minute");
    put_most(out, route->messages_per_minute ? ", " : " ", route->connections, "at a time");
    return gp_said(out);
}

/* ---- its deadline ---------------------------------------------------------------------------------------------------------- */
gp_str queue_put_deadline(struct gp_text *out, const struct queue_message *m)
{
    char               when[USER_TIME_ROOM];
    struct gp_deadline by = gp_deadline(m->params);
    if (!by.when) return GP_NONE;
    gp_put_z(out, by.back ? "comes back unless it is delivered by " : "its sender is told if it is not delivered by ");
    gp_put_z(out, user_time(by.when, when));
    return gp_said(out);
}

static json_t *deadline_json(const struct queue_message *m)
{
    struct gp_deadline by = gp_deadline(m->params);
    if (!by.when) return json_null();
    return json_pack("{s:o, s:s, s:b}", "by", moment_json(by.when), "else", by.back ? "return" : "notify", "trace",
                     by.trace);
}

/* ---- a message ------------------------------------------------------------------------------------------------------------ */
static bool add_recipient(void *owner, const struct queue_recipient *to)
{
    char           room[QUEUE_TURN_ROOM];
    struct gp_text turn  = GP_TEXT(room);
    gp_str         why   = queue_put_turn(&turn, to);
    bool           waits = to->state == RECIPIENT_QUEUED;
    gp_str         route = config_route_in(to->destination);
    json_t        *json  = json_pack(
                "{s:o, s:o, s:s, s:o, s:o, s:i, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o}", "address", text_json(to->address),
                "params", text_json(to->params), "state", recipient_state_name(to->state), "destination",
                text_json(to->destination), "route", route.ptr ? text_json(route) : json_null(), "attempts", (int)to->attempts,
                "next_attempt", waits ? moment_json(to->due) : json_null(), "waits_for", why.ptr ? text_json(why) : json_null(),
                "last_attempt", moment_json(to->last.when), "code", to->last.code, "status", text_json(to->last.enhanced),
                "reply", text_json(to->last.text), "remote", text_json(to->last.remote), "tls", text_json(to->last.tls));
    return json_array_append_new(owner, json) == 0;
}

static void add_details(json_t *json, const struct queue_message *m)
{
    const struct {
        const char *key;
        gp_str      text;
    } texts[] = {
        {"params",      m->params    },
        { "message_id", m->message_id},
        { "from",       m->from      },
        { "peer",       m->peer      },
        { "helo",       m->helo      },
        { "tls",        m->tls       },
        { "mechanism",  m->mechanism },
    };
    for (size_t i = 0; i < GP_COUNT(texts); i++)
        (void)json_object_set_new(json, texts[i].key, text_json(texts[i].text));
    (void)json_object_set_new(json, "requires_tls", json_boolean(queue_requires_tls(m)));
    (void)json_object_set_new(json, "account", json_integer((json_int_t)m->account));
    if (m->owner) (void)json_object_set_new(json, "signed_in_as", json_integer((json_int_t)m->owner));
    (void)json_object_set_new(json, "credential", json_integer((json_int_t)m->credential));
}

static void add_event(void *owner, const struct audit_row *row)
{
    json_t *data = json_loadb(row->data.ptr, row->data.len, 0, NULL);
    json_t *json =
        json_pack("{s:I, s:o, s:o, s:o, s:o}", "seq", (json_int_t)row->seq, "when", moment_json(row->when), "event",
                  text_json(row->event), "account", text_json(row->name), "data", data ? data : text_json(row->data));
    (void)json_array_append_new(owner, json);
}

json_t *message_json(struct queue_store *s, const struct queue_message *m, bool full)
{
    json_t *recipients = json_array(), *events = full ? json_array() : NULL;
    json_t *json =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:b, s:b, s:o}", "queue_id", text_json(m->queue_id),
                  "sender", text_json(m->sender), "user", text_json(m->user), "arrived", moment_json(m->arrived),
                  "release", moment_json(m->release), "deliver", deadline_json(m), "size", (json_int_t)m->size, "held",
                  text_json(m->hold_why), "held_since", moment_json(m->held), "legacy", m->legacy, "foreign",
                  m->foreign, "recipients", recipients);
    gp_status status = json ? queue_visit_recipients(s, m->row, 0, add_recipient, recipients) : GP_TEMPFAIL;
    if (status == GP_OK && full) {
        add_details(json, m);
        status = audit_visit(queue_database(s), m->queue_id, add_event, events);
        if (json_object_set(json, "audit", events) != 0) status = GP_TEMPFAIL;
    }
    json_decref(events);
    if (status == GP_OK) return json;
    json_decref(json);
    return NULL;
}
