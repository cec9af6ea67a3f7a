/* Changes to the queue: a message comes in, a recipient is settled, a message is done, and what commands do. */
#include <string.h>

#include "config/config.h"
#include "ops/log.h"
#include "store/queue.h"
#include "store/queue_parts.h"

enum { ADDRESS_ROOM = 1024, LINES_ROOM = 2048, AUDIT_TIME_ROOM = 32 };

/* A column that is NOT NULL. */
static void bind(struct rows *r, gp_str text)
{
    rows_bind_text(r, text.ptr ? text : GP_LIT(""));
}

/* ---- a message comes in ------------------------------------------------------------------------------------------------ */
static gp_status insert_message(struct database *db, const struct queue_message *m)
{
    auto_rows r = rows_of(
        db,
        "INSERT INTO messages (queue_id, sender, params, user, account, credential, size, in_file, arrived,"
        " message_id, author, peer, helo, mechanism, tls, hold_why, owner, legacy, release, deadline, held, stranger)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    bind(&r, m->queue_id);
    bind(&r, m->sender);
    bind(&r, m->params);
    bind(&r, m->user);
    rows_bind_number(&r, (int64_t)m->account);
    rows_bind_number(&r, (int64_t)m->credential);
    rows_bind_number(&r, (int64_t)m->size);
    rows_bind_number(&r, m->in_file);
    rows_bind_number(&r, m->arrived);
    const gp_str texts[] = { m->message_id, m->from, m->peer, m->helo, m->mechanism, m->tls, m->hold_why };
    for (size_t i = 0; i < GP_COUNT(texts); i++) bind(&r, texts[i]);
    rows_bind_number(&r, (int64_t)m->owner);
    rows_bind_number(&r, m->legacy);
    rows_bind_number(&r, m->release);
    rows_bind_number(&r, m->deadline);
    rows_bind_number(&r, m->held);
    rows_bind_number(&r, m->foreign);
    return rows_run(&r);
}

static gp_status insert_body(struct database *db, int64_t message, gp_str body)
{
    auto_rows r = rows_of(db, "INSERT INTO bodies (message, body) VALUES (?, ?)");
    rows_bind_number(&r, message);
    rows_bind_blob(&r, body.ptr ? body : GP_LIT(""));
    return rows_run(&r);
}

static gp_status insert_recipient(struct database *db, int64_t message, uint64_t account,
                                  const struct queue_recipient *to)
{
    auto_rows r = rows_of(
        db,
        "INSERT INTO recipients (message, position, address, params, destination, state, attempts, due,"
        " delay_noticed, code, enhanced, remote, tls, text, tried, account, priority) VALUES (?,?,?,?,?,?,0,?,0,0,'','','','',0,?,?)");
    rows_bind_number(&r, message);
    rows_bind_number(&r, to->position);
    bind(&r, to->address);
    bind(&r, to->params);
    bind(&r, to->destination);
    rows_bind_number(&r, to->state);
    rows_bind_number(&r, to->due);
    rows_bind_number(&r, (int64_t)account);
    rows_bind_number(&r, to->priority);
    return rows_run(&r);
}

struct audit_entry queue_entry(const struct queue_message *m, gp_time when, const char *event)
{
    return (struct audit_entry) { .when       = when,
                                  .event      = event,
                                  .account    = (int64_t)m->account,
                                  .credential = (int64_t)m->credential,
                                  .name       = m->user,
                                  .queue_id   = m->queue_id };
}

/* What a parameter of MAIL says, in canonical text; GP_NONE: nothing. */
static gp_str said(const struct queue_message *m, const char *name)
{
    for (gp_str rest = m->params; rest.len;) {
        gp_str value = gp_word(&rest), word = gp_cut(&value, '=');
        if (gp_is(word, name)) return value.len ? value : GP_NONE;
    }
    return GP_NONE;
}

/* RFC 3461 4.4 */
gp_str queue_envid(const struct queue_message *m)
{
    return said(m, "ENVID");
}

bool queue_requires_tls(const struct queue_message *m)
{
    for (gp_str rest = m->params; rest.len;)
        if (gp_is(gp_word(&rest), "REQUIRETLS")) return true;
    return false;
}

static gp_status audit_accepted(struct database *db, const struct queue_message *m, size_t recipients, gp_str to)
{
    char               room[AUDIT_TIME_ROOM];
    struct gp_text     until = GP_TEXT(room);
    struct audit_entry e     = queue_entry(m, m->arrived, "accepted");
    if (m->release) log_put_time(&until, m->release);
    /* What does not fit is left out: last is what the sender writes at will, and the recipients do not hang on it. */
    return AUDIT(db, &e, AUDIT_S("sender", m->sender), AUDIT_N("recipients", recipients), AUDIT_N("size", m->size),
                 AUDIT_S("peer", m->peer), AUDIT_S("helo", m->helo), AUDIT_S("mechanism", m->mechanism),
                 AUDIT_S("tls", m->tls), AUDIT_Z("lane", m->legacy ? "legacy" : NULL), AUDIT_S("held", m->hold_why),
                 AUDIT_Z("signed", m->foreign ? "no: From is not the account's" : NULL),
                 AUDIT_S("until", gp_said(&until)), AUDIT_S("deliver_by", said(m, "BY")),
                 AUDIT_S("priority", said(m, "MT-PRIORITY")),
                 AUDIT_Z("requiretls", queue_requires_tls(m) ? "yes" : NULL), AUDIT_S("envid", queue_envid(m)),
                 AUDIT_L("to", to), AUDIT_S("message_id", m->message_id), AUDIT_S("from", m->from));
}

/* As many as fit into one row, as long as they are there; the place of the next one. */
static size_t put_recipients(const struct queue_recipient *to, size_t at, size_t count, struct gp_text *lines)
{
    size_t start = at, len = 0;
    for (; at < count; at++) {
        len += audit_text_len(to[at].address);
        if (len > LINES_ROOM || lines->room - lines->len <= to[at].address.len) break;
        gp_put(lines, to[at].address);
        gp_put_char(lines, '\n');
    }
    return at > start ? at : start + 1; /* one that is longer than an address can be is not waited for */
}

/* All recipients are on record: those that the first row has no room for stand in rows of their own behind it. */
static gp_status audit_message(struct database *db, const struct queue_message *m, const struct queue_recipient *to,
                               size_t count)
{
    struct audit_entry e      = queue_entry(m, m->arrived, "recipients");
    gp_status          status = GP_OK;
    for (size_t at = 0; status == GP_OK && at < count;) {
        char           room[LINES_ROOM];
        struct gp_text lines = GP_TEXT(room);
        bool           first = at == 0;
        at                   = put_recipients(to, at, count, &lines);
        status = first ? audit_accepted(db, m, count, gp_said(&lines)) : AUDIT(db, &e, AUDIT_L("to", gp_said(&lines)));
    }
    return status;
}

gp_status queue_add(struct queue_store *s, const struct queue_message *m, const struct queue_recipient *to,
                    size_t count, gp_str body)
{
    struct queue_message in = *m;
    for (size_t i = 0; i < count; i++)
        if (to[i].state == RECIPIENT_HELD) in.held = m->arrived;
    gp_status status = insert_message(s->db, &in);
    if (status != GP_OK) return status;
    int64_t message = database_last_id(s->db);
    if (!m->in_file) status = insert_body(s->db, message, body);
    for (size_t i = 0; status == GP_OK && i < count; i++) status = insert_recipient(s->db, message, m->account, &to[i]);
    if (status == GP_OK) status = audit_message(s->db, m, to, count);
    /* Past the first insert a refusal would leave half a message: the whole transaction has to go. */
    return status == GP_OK ? GP_OK : GP_TEMPFAIL;
}

/* ---- outcomes ------------------------------------------------------------------------------------------------------------ */
gp_status queue_settle(struct queue_store *s, int64_t message, const struct queue_recipient *to)
{
    auto_rows r = rows_of(
        s->db, "UPDATE recipients SET state = ?, attempts = ?, due = ?, delay_noticed = ?, code = ?, enhanced = ?,"
               " remote = ?, tls = ?, text = ?, tried = ? WHERE message = ? AND position = ?");
    rows_bind_number(&r, to->state);
    rows_bind_number(&r, to->attempts);
    rows_bind_number(&r, to->due);
    rows_bind_number(&r, to->delay_noticed);
    rows_bind_number(&r, to->last.code);
    const gp_str texts[] = { to->last.enhanced, to->last.remote, to->last.tls, to->last.text };
    for (size_t i = 0; i < GP_COUNT(texts); i++) bind(&r, texts[i]);
    rows_bind_number(&r, to->last.when);
    rows_bind_number(&r, message);
    rows_bind_number(&r, to->position);
    return rows_run(&r);
}

static gp_status has_open_recipients(struct database *db, int64_t message)
{
    auto_rows r = rows_of(db, "SELECT 1 FROM recipients WHERE message = ? AND state IN (0, 3) LIMIT 1");
    rows_bind_number(&r, message);
    return rows_next(&r);
}

static gp_status is_in_file(struct database *db, int64_t message, bool *in_file)
{
    auto_rows r = rows_of(db, "SELECT in_file FROM messages WHERE message = ?");
    rows_bind_number(&r, message);
    gp_status status = rows_next(&r);
    if (status == GP_OK) *in_file = rows_number(&r, 0) != 0;
    return status == GP_OK ? GP_OK : GP_TEMPFAIL;
}

/* The cascade takes recipients and body. (RETURNING would make SQLite build a table to return one number.) */
static gp_status remove_message(struct queue_store *s, int64_t message, gp_str queue_id)
{
    bool in_file = false;
    if (is_in_file(s->db, message, &in_file) != GP_OK) return GP_TEMPFAIL;
    auto_rows r = rows_of(s->db, "DELETE FROM messages WHERE message = ?");
    rows_bind_number(&r, message);
    if (rows_run(&r) != GP_OK) return GP_TEMPFAIL;
    if (in_file && s->drop_count < FILES_TO_DROP_MOST &&
        gp_copy_z(queue_id, s->to_drop[s->drop_count], QUEUE_ID_MOST + 1))
        s->drop_count++;
    return GP_OK;
}

gp_status queue_finish(struct queue_store *s, int64_t message, gp_str queue_id, bool *gone)
{
    gp_status open = has_open_recipients(s->db, message);
    *gone          = open == GP_PERMFAIL;
    if (!*gone) return open;
    return remove_message(s, message, queue_id);
}

/* ---- commands -------------------------------------------------------------------------------------------------------------- */
struct altered {
    int64_t message;
    char    user[AUDIT_NAME_MOST + 1];
    int64_t account, credential;
};

static gp_status find_message(struct database *db, gp_str queue_id, struct altered *out)
{
    auto_rows r = rows_of(db, "SELECT message, user, account, credential FROM messages WHERE queue_id = ?");
    rows_bind_text(&r, queue_id);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    *out = (struct altered) { .message    = rows_number(&r, 0),
                              .account    = rows_number(&r, 2),
                              .credential = rows_number(&r, 3) };
    return gp_copy_z(gp_head(rows_text(&r, 1), AUDIT_NAME_MOST), out->user, sizeof out->user) ? GP_OK : GP_TEMPFAIL;
}

#define RELEASE_OF_IT "(SELECT release FROM messages WHERE message = ?2)"
/* clang-format off */
static const struct {
    const char *event, *sql; /* ?1 now, ?2 message; states are enum recipient_state */
} changes[] = {
    [QUEUE_RETRY]   = { "retry",    "UPDATE recipients SET due = ?1 WHERE message = ?2 AND state = 0 AND " RELEASE_OF_IT " <= ?1" },
    [QUEUE_HOLD]    = { "held",     "UPDATE recipients SET state = 3 WHERE message = ?2 AND state = 0" },
    [QUEUE_RELEASE] = { "released", "UPDATE recipients SET state = 0, due = max(?1, " RELEASE_OF_IT ") WHERE message = ?2 AND state = 3" },
    [QUEUE_DELETE]  = { "deleted",  NULL },
    [QUEUE_RETURN]  = { "deleted",  "UPDATE recipients SET state = 3 WHERE message = ?2 AND state IN (0, 3)"
                                   " AND (SELECT removed FROM messages WHERE message = ?2) = 0 AND ?1" },
    [QUEUE_SEND]    = { "released", "UPDATE recipients SET due = ?1 WHERE message = ?2 AND state = 0 AND " RELEASE_OF_IT " > ?1" },
};
/* clang-format on */

static gp_status alter_recipients(struct database *db, const char *sql, int64_t message, gp_time now, bool *changed)
{
    auto_rows r = rows_of(db, sql);
    rows_bind_number(&r, now);
    rows_bind_number(&r, message);
    gp_status status = rows_run(&r);
    *changed         = status == GP_OK && database_touched(db) > 0;
    return status;
}

/* None: the rule that held it has been overruled. */
static gp_status put_why(struct database *db, int64_t message, gp_str why)
{
    auto_rows r = rows_of(db, "UPDATE messages SET hold_why = ?2 WHERE message = ?1 AND hold_why <> ?2");
    rows_bind_number(&r, message);
    bind(&r, why);
    return rows_run(&r);
}

/* What stands in the message's own row. */
static gp_status put_time(struct database *db, const char *sql, int64_t message, gp_time when)
{
    auto_rows r = rows_of(db, sql);
    rows_bind_number(&r, message);
    rows_bind_number(&r, when);
    return rows_run(&r);
}

/* clang-format off */
static const char *const times[] = { /* ?1 message, ?2 now; what is let go begins its life */
    [QUEUE_RETRY]   = NULL,
    [QUEUE_HOLD]    = "UPDATE messages SET held = ?2 WHERE message = ?1",
    [QUEUE_RELEASE] = "UPDATE messages SET held = 0, removed = 0, release = max(release, ?2) WHERE message = ?1",
    [QUEUE_DELETE]  = NULL,
    [QUEUE_SEND]    = "UPDATE messages SET release = ?2 WHERE message = ?1",
    [QUEUE_RETURN]  = "UPDATE messages SET removed = ?2 WHERE message = ?1",
};
/* clang-format on */

/* why: of a hold, or none. */
static gp_status alter(struct queue_store *s, enum queue_change change, const struct altered *m, gp_str why,
                       gp_time now, bool *changed)
{
    gp_status status = alter_recipients(s->db, changes[change].sql, m->message, now, changed);
    if (status == GP_OK && *changed && times[change]) status = put_time(s->db, times[change], m->message, now);
    bool word = change == QUEUE_RELEASE || ((change == QUEUE_HOLD || change == QUEUE_RETURN) && *changed);
    return status == GP_OK && word ? put_why(s->db, m->message, why) : status;
}

static gp_status change_one(struct queue_store *s, enum queue_change change, gp_str queue_id, gp_str by, gp_str why,
                            gp_time now, bool *changed)
{
    struct altered m;
    gp_status      status = find_message(s->db, queue_id, &m);
    *changed              = false;
    if (status != GP_OK) return status;
    if (changes[change].sql) {
        status = alter(s, change, &m, why, now, changed);
    } else {
        status   = remove_message(s, m.message, queue_id);
        *changed = true;
    }
    if (status != GP_OK || !*changed) return status;
    struct audit_entry e = { .when       = now,
                             .event      = changes[change].event,
                             .account    = m.account,
                             .credential = m.credential,
                             .name       = gp_from(m.user),
                             .queue_id   = queue_id };
    return AUDIT(s->db, &e, AUDIT_S("by", by), AUDIT_S("why", why));
}

gp_status queue_alter_by(struct queue_store *s, gp_str by, enum queue_change change, gp_str queue_id, gp_time now,
                         bool *changed)
{
    gp_str why = change == QUEUE_RETURN ? GP_LIT("deleted; its sender is told") : GP_NONE;
    return change_one(s, change, queue_id, by, why, now, changed);
}

gp_status queue_alter(struct queue_store *s, enum queue_change change, gp_str queue_id, gp_time now, bool *changed)
{
    return queue_alter_by(s, gp_from(database_operator(s->db)), change, queue_id, now, changed);
}

gp_status queue_hold(struct queue_store *s, gp_str queue_id, gp_str why, gp_time now, bool *changed)
{
    return change_one(s, QUEUE_HOLD, queue_id, gp_from(database_operator(s->db)), why, now, changed);
}

#define NOT_DUE                                                                                                        \
    "SELECT message, position FROM recipients JOIN messages USING (message)"                                           \
    " WHERE state = 0 AND destination = ?2 AND due > ?1 AND release <= ?1 AND priority "

gp_status queue_make_due(struct queue_store *s, gp_str destination, gp_time now, size_t most, size_t *changed)
{
    auto_rows r = rows_of(
        s->db, "UPDATE recipients AS r SET due = ?1 FROM (" NOT_DUE "= 0 UNION ALL " NOT_DUE "<> 0 LIMIT ?3) AS late"
               " WHERE r.message = late.message AND r.position = late.position"); /* an index for each */
    rows_bind_number(&r, now);
    rows_bind_text(&r, destination);
    rows_bind_number(&r, (int64_t)most);
    gp_status status = rows_run(&r);
    *changed         = status == GP_OK ? (size_t)database_touched(s->db) : 0;
    return status;
}

#define UNANSWERED                                                                                                     \
    "SELECT message, position FROM (SELECT message, position, code FROM recipients JOIN messages USING (message)"      \
    " WHERE state = 0 AND destination = ?2 AND due > ?1 AND release <= ?1 AND priority "
#define OF_THE_FIRST " LIMIT ?4) WHERE code IN (0, 421)"

gp_status queue_make_unanswered_due(struct queue_store *s, gp_str destination, gp_time now, size_t looks, size_t most,
                                    size_t *changed)
{
    auto_rows r = rows_of(s->db, "UPDATE recipients AS r SET due = ?1 FROM (" UNANSWERED "= 0" OF_THE_FIRST
                                 " UNION ALL " UNANSWERED "<> 0" OF_THE_FIRST " LIMIT ?3) AS late"
                                 " WHERE r.message = late.message AND r.position = late.position");
    rows_bind_number(&r, now);
    rows_bind_text(&r, destination);
    rows_bind_number(&r, (int64_t)most);
    rows_bind_number(&r, (int64_t)looks);
    gp_status status = rows_run(&r);
    *changed         = status == GP_OK ? (size_t)database_touched(s->db) : 0;
    return status;
}
