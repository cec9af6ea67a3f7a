/* A sender's own mail: pages of a bounded number of rows, whatever an account has in the queue or on record. */
#include "store/mine.h"

#include "store/queue_parts.h"

enum { PAGE = 10, LOOKED_AT = 256, ROWS_LOOKED_AT = 1024 }; /* messages in an answer; rows that a page may cost */

/* The way to what was accepted from an account, done or not. */
const char mine_schema[] = "CREATE INDEX audit_accepted ON audit (account, seq) WHERE event = 'accepted';";

static bool is_his(const struct mine_scope *of, int64_t account, int64_t credential)
{
    return account == of->account && account != 0 && (of->credential == 0 || credential == of->credential);
}

/* ---- one message ------------------------------------------------------------------------------------------------------------ */
static gp_status count_recipients(struct database *db, struct mine_message *m)
{
    auto_rows r = rows_of(db, "SELECT count(*), COALESCE(sum(state = 0), 0), COALESCE(sum(state = 3), 0)"
                              " FROM recipients WHERE message = ?");
    rows_bind_number(&r, m->row);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return GP_TEMPFAIL;
    m->recipients = rows_number(&r, 0);
    m->waiting    = rows_number(&r, 1);
    m->held       = rows_number(&r, 2);
    return GP_OK;
}

static gp_str envid_of(gp_str params)
{
    const struct queue_message m     = { .params = params };
    gp_str                     envid = queue_envid(&m);
    return envid.ptr ? envid : GP_LIT("");
}

#define QUEUED "SELECT message, queue_id, account, credential, arrived, release, sender, params FROM messages WHERE "

static gp_status take_queued(struct database *db, const struct rows *r, struct mine_message *m)
{
    *m = (struct mine_message) { .row     = rows_number(r, 0),
                                 .place   = rows_number(r, 0),
                                 .arrived = rows_number(r, 4),
                                 .release = rows_number(r, 5),
                                 .sender  = rows_text(r, 6),
                                 .envid   = envid_of(rows_text(r, 7)) };
    if (!gp_copy_z(rows_text(r, 1), m->queue_id, sizeof m->queue_id)) return GP_TEMPFAIL;
    return count_recipients(db, m);
}

/* In the queue, and his. */
static gp_status find_queued(struct queue_store *s, const struct mine_scope *of, gp_str queue_id, mine_visit *each,
                             void *owner)
{
    struct mine_message m;
    auto_rows           r = rows_of(s->db, QUEUED "queue_id = ?");
    rows_bind_text(&r, queue_id);
    gp_status status = rows_next(&r);
    if (status == GP_OK && !is_his(of, rows_number(&r, 2), rows_number(&r, 3))) return GP_PERMFAIL;
    if (status == GP_OK) status = take_queued(s->db, &r, &m);
    if (status == GP_OK) (void)each(owner, &m);
    return status;
}

/* What has aged out, and is on its way to be removed, nobody sees any more. */
#define ACCEPTED                                                                                                       \
    "SELECT seq, queue_id, account, credential, moment, json_extract(data, '$.sender'),"                               \
    " json_extract(data, '$.envid'), json_extract(data, '$.recipients') FROM audit WHERE event = 'accepted'"           \
    " AND seq > (SELECT max(horizon_seq) FROM audit_chain) AND "

static gp_status take_accepted(const struct rows *r, struct mine_message *m)
{
    *m = (struct mine_message) { .place      = rows_number(r, 0),
                                 .arrived    = rows_number(r, 4),
                                 .sender     = rows_text(r, 5),
                                 .envid      = rows_text(r, 6),
                                 .recipients = rows_number(r, 7) };
    if (!m->sender.ptr) m->sender = GP_LIT("");
    if (!m->envid.ptr) m->envid = GP_LIT("");
    return gp_copy_z(rows_text(r, 1), m->queue_id, sizeof m->queue_id) ? GP_OK : GP_TEMPFAIL;
}

static gp_status find_done(struct queue_store *s, const struct mine_scope *of, gp_str queue_id, mine_visit *each,
                           void *owner)
{
    struct mine_message m;
    auto_rows           r = rows_of(s->db, ACCEPTED "queue_id = ? AND queue_id <> '' ORDER BY seq LIMIT 1");
    rows_bind_text(&r, queue_id);
    gp_status status = rows_next(&r);
    if (status == GP_OK && !is_his(of, rows_number(&r, 2), rows_number(&r, 3))) return GP_PERMFAIL;
    if (status == GP_OK) status = take_accepted(&r, &m);
    if (status == GP_OK) (void)each(owner, &m);
    return status;
}

/* Both are asked about whatever is not there, so that the mail of others takes as long as none. */
gp_status mine_find(struct queue_store *s, const struct mine_scope *of, gp_str queue_id, mine_visit *each, void *owner)
{
    gp_status status = find_queued(s, of, queue_id, each, owner);
    return status == GP_PERMFAIL ? find_done(s, of, queue_id, each, owner) : status;
}

/* ---- pages ----------------------------------------------------------------------------------------------------------------------- */
gp_status mine_list(struct queue_store *s, const struct mine_scope *of, int64_t *after, mine_visit *each, void *owner)
{
    struct mine_message m;
    size_t              looked = 0, found = 0;
    gp_status           status = GP_OK;
    bool                full   = false;
    auto_rows           r      = rows_of(s->db, QUEUED "message > ? AND account = ? ORDER BY message");
    rows_bind_number(&r, *after);
    rows_bind_number(&r, of->account);
    while (!full && (status = rows_next(&r)) == GP_OK) {
        full = looked++ == LOOKED_AT || found == PAGE;
        if (full) break;
        if (is_his(of, rows_number(&r, 2), rows_number(&r, 3))) {
            if (take_queued(s->db, &r, &m) != GP_OK) return GP_TEMPFAIL;
            full = !each(owner, &m);
            found += !full;
        }
        if (!full) *after = rows_number(&r, 0);
    }
    if (status == GP_TEMPFAIL) return status;
    if (!full) *after = 0;
    return GP_OK;
}

struct named {
    mine_visit *each;
    void       *owner;
    int64_t     place; /* of the row of the audit */
    size_t      found;
    bool        full;
};

static bool pass_on(void *owner, const struct mine_message *m)
{
    struct named       *n    = owner;
    struct mine_message here = *m;
    here.place               = n->place;
    n->full                  = !n->each(n->owner, &here);
    return !n->full;
}

/* One row of them. */
static gp_status take_named(struct queue_store *s, const struct mine_scope *of, gp_str envid, const struct rows *r,
                            struct named *n)
{
    char   id[QUEUE_ID_MOST + 1];
    gp_str said = rows_text(r, 6);
    n->place    = rows_number(r, 0);
    if (envid.ptr && !gp_same(said.ptr ? said : GP_LIT(""), envid)) return GP_OK;
    if (!gp_copy_z(rows_text(r, 1), id, sizeof id)) return GP_TEMPFAIL;
    n->found++;
    gp_status status = mine_find(s, of, gp_from(id), pass_on, n);
    return status == GP_PERMFAIL ? GP_OK : status; /* what another credential sent */
}

gp_status mine_recent(struct queue_store *s, const struct mine_scope *of, gp_str envid, int64_t *after,
                      mine_visit *each, void *owner)
{
    struct named n      = { .each = each, .owner = owner };
    size_t       looked = 0;
    gp_status    status = GP_OK;
    auto_rows    r      = rows_of(s->db, ACCEPTED "account = ? AND seq < ? ORDER BY seq DESC");
    rows_bind_number(&r, of->account);
    rows_bind_number(&r, *after ? *after : INT64_MAX);
    while (!n.full && (status = rows_next(&r)) == GP_OK) {
        n.full = looked++ == ROWS_LOOKED_AT || n.found == PAGE;
        if (n.full) break;
        if (take_named(s, of, envid, &r, &n) != GP_OK) return GP_TEMPFAIL;
        if (!n.full) *after = n.place;
    }
    if (status == GP_TEMPFAIL) return status;
    if (!n.full) *after = 0;
    return GP_OK;
}

/* ---- what became of one that is done ------------------------------------------------------------------------------------------------ */
#define TEXT(name) "COALESCE(json_extract(data, '$." name "'), '')"
static const char ends[] =
    "SELECT seq, moment, event, COALESCE(json_extract(data, '$.code'), 0), COALESCE(json_extract(data, '$.attempts'), 0)," TEXT(
        "to") "," TEXT("status") "," TEXT("remote") "," TEXT("tls") "," TEXT("reply") " FROM audit WHERE queue_id = ?1 AND queue_id <> '' AND seq > max(?2, (SELECT max(horizon_seq) FROM audit_chain))"
                                                                                      " ORDER BY seq";

static bool is_end(gp_str event)
{
    static const char *const names[] = { "delivered", "failed", "discarded", "deleted" };
    for (size_t i = 0; i < GP_COUNT(names); i++)
        if (gp_is(event, names[i])) return true;
    return false;
}

static struct mine_end read_end(const struct rows *r)
{
    return (struct mine_end) { .when     = rows_number(r, 1),
                               .event    = rows_text(r, 2),
                               .code     = rows_number(r, 3),
                               .attempts = rows_number(r, 4),
                               .to       = rows_text(r, 5),
                               .status   = rows_text(r, 6),
                               .remote   = rows_text(r, 7),
                               .tls      = rows_text(r, 8),
                               .reply    = rows_text(r, 9) };
}

gp_status mine_ends(struct queue_store *s, gp_str queue_id, int64_t *after,
                    bool (*each)(void *, const struct mine_end *), void *owner)
{
    size_t    looked = 0;
    gp_status status = GP_OK;
    bool      full   = false;
    auto_rows r      = rows_of(s->db, ends);
    rows_bind_text(&r, queue_id);
    rows_bind_number(&r, *after);
    while (!full && (status = rows_next(&r)) == GP_OK) {
        const struct mine_end e = read_end(&r);
        full                    = looked++ == ROWS_LOOKED_AT || (is_end(e.event) && !each(owner, &e));
        if (!full) *after = rows_number(&r, 0);
    }
    if (status == GP_TEMPFAIL) return status;
    if (!full) *after = 0;
    return GP_OK;
}
