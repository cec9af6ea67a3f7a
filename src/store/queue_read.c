/* Questions to the queue: what is due for a destination, and what is known of a message. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store/queue.h"
#include "store/queue_parts.h"

#define MESSAGE_COLUMNS                                                                                                     \
    "message, account, credential, size, in_file, arrived, queue_id, sender, params, user, message_id, author, peer, helo," \
    " mechanism, tls, hold_why, owner, legacy, release, deadline, held, removed, stranger"
enum { FIRST_TEXT = 6, OWNER = 17, LEGACY, RELEASE, DEADLINE, HELD, REMOVED, STRANGER };

/* PERMFAIL from the last rows_next means that all went well. */
static gp_status all_seen(gp_status last)
{
    return last == GP_PERMFAIL ? GP_OK : last;
}

/* ---- messages ------------------------------------------------------------------------------------------------------- */
static void read_message(const struct rows *r, struct queue_message *m)
{
    *m              = (struct queue_message) { 0 };
    m->row          = rows_number(r, 0);
    m->account      = (uint64_t)rows_number(r, 1);
    m->credential   = (uint64_t)rows_number(r, 2);
    m->size         = (uint64_t)rows_number(r, 3);
    m->in_file      = rows_number(r, 4) != 0;
    m->arrived      = rows_number(r, 5);
    m->owner        = (uint64_t)rows_number(r, OWNER);
    m->legacy       = rows_number(r, LEGACY) != 0;
    m->release      = rows_number(r, RELEASE);
    m->deadline     = rows_number(r, DEADLINE);
    m->held         = rows_number(r, HELD);
    m->removed      = rows_number(r, REMOVED);
    m->foreign      = rows_number(r, STRANGER) != 0;
    gp_str *texts[] = { &m->queue_id, &m->sender, &m->params,    &m->user, &m->message_id, &m->from,
                        &m->peer,     &m->helo,   &m->mechanism, &m->tls,  &m->hold_why };
    for (size_t i = 0; i < GP_COUNT(texts); i++) *texts[i] = rows_text(r, FIRST_TEXT + (int)i);
}

static bool copy_texts(struct queue_message *m, struct gp_arena *arena)
{
    gp_str *texts[] = { &m->queue_id, &m->sender, &m->params,    &m->user, &m->message_id, &m->from,
                        &m->peer,     &m->helo,   &m->mechanism, &m->tls,  &m->hold_why };
    for (size_t i = 0; i < GP_COUNT(texts); i++) {
        *texts[i] = gp_arena_copy(arena, *texts[i]);
        if (!texts[i]->ptr) return false;
    }
    return true;
}

gp_status queue_load(struct queue_store *s, gp_str queue_id, struct gp_arena *arena, struct queue_message *out)
{
    auto_rows r = rows_of(s->db, "SELECT " MESSAGE_COLUMNS " FROM messages WHERE queue_id = ?");
    rows_bind_text(&r, queue_id);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    read_message(&r, out);
    return copy_texts(out, arena) ? GP_OK : GP_TEMPFAIL;
}

gp_status queue_page(struct queue_store *s, int64_t row, int64_t account, struct queue_place *out, size_t room,
                     size_t *count)
{
    static const char all[] = "SELECT message, queue_id FROM messages WHERE message > ?1 ORDER BY message LIMIT ?2";
    static const char of_one[] =
        "SELECT message, queue_id FROM messages WHERE message > ?1 AND (account = ?3 OR (owner = ?3 AND owner <> 0)) ORDER BY message LIMIT ?2";
    auto_rows r      = rows_of(s->db, account ? of_one : all);
    gp_status status = GP_OK;
    rows_bind_number(&r, row);
    rows_bind_number(&r, (int64_t)room);
    if (account) rows_bind_number(&r, account);
    *count = 0;
    while (*count < room && (status = rows_next(&r)) == GP_OK) {
        out[*count].row = rows_number(&r, 0);
        if (!gp_copy_z(rows_text(&r, 1), out[*count].queue_id, sizeof out->queue_id)) return GP_TEMPFAIL;
        ++*count;
    }
    return all_seen(status);
}

gp_status queue_visit_messages(struct queue_store *s, void (*each)(void *, const struct queue_message *), void *owner)
{
    auto_rows r = rows_of(s->db, "SELECT " MESSAGE_COLUMNS " FROM messages ORDER BY message");
    gp_status status;
    while ((status = rows_next(&r)) == GP_OK) {
        struct queue_message m;
        read_message(&r, &m);
        each(owner, &m);
    }
    return all_seen(status);
}

/* ---- recipients ----------------------------------------------------------------------------------------------------- */
static void read_recipient(const struct rows *r, struct queue_recipient *to)
{
    *to = (struct queue_recipient) {
        .position      = (unsigned)rows_number(r, 0),
        .address       = rows_text(r, 1),
        .params        = rows_text(r, 2),
        .destination   = rows_text(r, 3),
        .state         = (enum recipient_state)rows_number(r, 4),
        .attempts      = (unsigned)rows_number(r, 5),
        .due           = rows_number(r, 6),
        .delay_noticed = rows_number(r, 7) != 0,
        .last          = {.code     = (int)rows_number(r, 8),
                          .enhanced = rows_text(r, 9),
                          .remote   = rows_text(r, 10),
                          .tls      = rows_text(r, 11),
                          .text     = rows_text(r, 12),
                          .when     = rows_number(r, 13)},
    };
}

gp_status queue_visit_recipients(struct queue_store *s, int64_t message, unsigned first,
                                 bool (*each)(void *, const struct queue_recipient *), void *owner)
{
    auto_rows r = rows_of(
        s->db, "SELECT position, address, params, destination, state, attempts, due, delay_noticed, code, enhanced,"
               " remote, tls, text, tried FROM recipients WHERE message = ? AND position >= ? ORDER BY position");
    rows_bind_number(&r, message);
    rows_bind_number(&r, first);
    gp_status status;
    while ((status = rows_next(&r)) == GP_OK) {
        struct queue_recipient to;
        read_recipient(&r, &to);
        if (!each(owner, &to)) return GP_OK;
    }
    return all_seen(status);
}

/* ---- what is due ------------------------------------------------------------------------------------------------------ */
/* Hops from one destination to the next in the index instead of reading every row of it. */
gp_status queue_visit_destinations(struct queue_store *s, void (*each)(void *, gp_str, gp_time), void *owner)
{
    auto_rows r = rows_of(
        s->db,
        "WITH RECURSIVE place (name) AS (SELECT min(destination) FROM recipients INDEXED BY recipients_due WHERE state = 0 AND priority = 0 UNION ALL"
        " SELECT (SELECT min(destination) FROM recipients INDEXED BY recipients_due WHERE state = 0 AND priority = 0 AND destination > name) FROM place"
        " WHERE name IS NOT NULL)"
        " SELECT name, (SELECT min(due) FROM recipients INDEXED BY recipients_due WHERE state = 0 AND priority = 0 AND destination = name) FROM place"
        " WHERE name IS NOT NULL");
    gp_status status;
    while ((status = rows_next(&r)) == GP_OK) each(owner, rows_text(&r, 0), rows_number(&r, 1));
    status = all_seen(status);
    return status == GP_OK ? queue_visit_apart(s, each, owner) : status;
}

static gp_status read_queue_id(struct database *db, struct queue_due *out)
{
    auto_rows r = rows_of(db, "SELECT queue_id, account FROM messages WHERE message = ?");
    rows_bind_number(&r, out->message);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    out->account = rows_number(&r, 1);
    return gp_copy_z(rows_text(&r, 0), out->queue_id, sizeof out->queue_id) ? GP_OK : GP_TEMPFAIL;
}

/* Recipients of a message that are due at different moments come in another order than theirs. */
static void sort_positions(unsigned *positions, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && positions[k] < positions[k - 1]; k--) {
            unsigned swap    = positions[k];
            positions[k]     = positions[k - 1];
            positions[k - 1] = swap;
        }
}

gp_status queue_take_due(struct queue_store *s, struct rows *r, queue_skip *skip, void *owner, struct queue_due *out)
{
    gp_status status = GP_OK;
    out->count       = 0;
    while (out->count < QUEUE_DUE_MOST && (status = rows_next(r)) == GP_OK) {
        int64_t  message  = rows_number(r, 0);
        unsigned position = (unsigned)rows_number(r, 1);
        if (out->count && message != out->message) break;
        if (skip(owner, message, position)) continue;
        out->message                 = message;
        out->positions[out->count++] = position;
    }
    if (status == GP_TEMPFAIL || !out->count) return status;
    sort_positions(out->positions, out->count);
    return read_queue_id(s->db, out);
}

gp_status queue_next_due(struct queue_store *s, gp_str destination, gp_time now, queue_skip *skip, void *owner,
                         struct queue_due *out)
{
    auto_rows r = rows_of(
        s->db, "SELECT message, position FROM recipients INDEXED BY recipients_due WHERE state = 0 AND priority = 0 AND"
               " destination = ? AND due <= ? ORDER BY due, message, position");
    rows_bind_text(&r, destination);
    rows_bind_number(&r, now);
    return queue_take_due(s, &r, skip, owner, out);
}

gp_status queue_next_time(struct queue_store *s, gp_str destination, gp_time now, gp_time *due)
{
    auto_rows r = rows_of(
        s->db,
        "SELECT due FROM recipients INDEXED BY recipients_due WHERE state = 0 AND priority = 0 AND destination = ? AND due > ? ORDER BY due LIMIT 1");
    rows_bind_text(&r, destination);
    rows_bind_number(&r, now);
    gp_status status = rows_next(&r);
    if (status == GP_TEMPFAIL) return status;
    *due = status == GP_OK ? rows_number(&r, 0) : INT64_MAX;
    return queue_time_apart(s, destination, now, due);
}

/* ---- bodies ------------------------------------------------------------------------------------------------------------- */
static gp_status head_of_file(struct queue_store *s, gp_str queue_id, struct gp_buffer *out, size_t most)
{
    char piece[4096];
    int  fd = queue_body_open(s, queue_id);
    if (fd < 0) return GP_TEMPFAIL;
    gp_status status = GP_OK;
    ssize_t   got    = 0;
    while (status == GP_OK && most && (got = read(fd, piece, most < sizeof piece ? most : sizeof piece)) > 0) {
        most -= (size_t)got;
        if (!gp_buffer_add(out, (gp_str) { piece, (size_t)got }, SIZE_MAX)) status = GP_TEMPFAIL;
    }
    (void)close(fd);
    return got < 0 ? GP_TEMPFAIL : status;
}

gp_status queue_body_head(struct queue_store *s, const struct queue_message *m, struct gp_buffer *out, size_t most)
{
    if (m->in_file) return head_of_file(s, m->queue_id, out, most);
    auto_rows r = rows_of(s->db, "SELECT body FROM bodies WHERE message = ?");
    rows_bind_number(&r, m->row);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return GP_TEMPFAIL;
    return gp_buffer_add(out, gp_head(rows_blob(&r, 0), most), most) ? GP_OK : GP_TEMPFAIL;
}
