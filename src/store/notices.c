/* A row a cause: with a text while somebody has still to be told, then as the memory that it was. */
#include "store/notices.h"

#include "store/accounts_parts.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* ---- adding ---------------------------------------------------------------------------------------------------------- */
static gp_status is_known(struct accounts *a, gp_str cause)
{
    auto_rows r = rows_of(a->db, "SELECT 1 FROM notices WHERE cause = ?");
    rows_bind_text(&r, cause);
    return rows_next(&r);
}

static gp_status count_since(struct accounts *a, gp_time since, int64_t *count)
{
    auto_rows r = rows_of(a->db, "SELECT count(*) FROM notices WHERE moment > ?");
    rows_bind_number(&r, since);
    gp_status status = rows_next(&r);
    *count           = status == GP_OK ? rows_number(&r, 0) : 0;
    return status;
}

static gp_status insert(struct accounts *a, const struct notice *n)
{
    auto_rows r =
        rows_of(a->db, "INSERT INTO notices (cause, kind, account, moment, subject, body, recipients, due, unposted)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    rows_bind_text(&r, gp_from(n->cause));
    rows_bind_text(&r, gp_from(n->kind));
    rows_bind_number(&r, n->account);
    rows_bind_number(&r, n->when);
    rows_bind_text(&r, gp_from(n->subject));
    rows_bind_text(&r, gp_from(n->text));
    rows_bind_text(&r, gp_from(n->to));
    rows_bind_number(&r, n->when);
    rows_bind_number(&r, n->posts);
    return rows_run(&r);
}

static gp_status give_up_posting(struct accounts *a, gp_time now)
{
    auto_rows r = rows_of(a->db, "UPDATE notices SET unposted = 0, body = CASE recipients WHEN '' THEN '' ELSE body END"
                                 " WHERE unposted AND moment < ?");
    rows_bind_number(&r, now - (gp_time)NOTICES_POSTED_DAYS * DAY_MS);
    return rows_run(&r);
}

static gp_status forget_old(struct accounts *a, gp_time now)
{
    auto_rows r = rows_of(a->db, "DELETE FROM notices WHERE recipients = '' AND moment < ?");
    rows_bind_number(&r, now - (gp_time)NOTICES_REMEMBERED_DAYS * DAY_MS);
    return rows_run(&r);
}

gp_status notice_add(struct accounts *a, const struct notice *n, unsigned a_day, bool *over)
{
    int64_t          count;
    auto_transaction t = { 0 };
    *over              = false;
    gp_status status   = transaction_begin(&t, a->db);
    if (status == GP_OK) status = is_known(a, gp_from(n->cause));
    if (status != GP_PERMFAIL) return status == GP_OK ? GP_PERMFAIL : status;
    status = count_since(a, n->when - DAY_MS, &count);
    *over  = status == GP_OK && count >= a_day;
    if (*over) return GP_PERMFAIL;
    if (status == GP_OK) status = insert(a, n);
    if (status == GP_OK) status = give_up_posting(a, n->when);
    if (status == GP_OK) status = forget_old(a, n->when);
    return status == GP_OK ? transaction_commit(&t) : status;
}

/* ---- telling ------------------------------------------------------------------------------------------------------------ */
#define COLUMNS "SELECT id, account, moment, kind, cause, subject, body, recipients, attempts FROM notices"

static gp_status read_one(struct rows *r, struct notice *n)
{
    gp_status status = rows_next(r);
    if (status != GP_OK) return status;
    n->id       = rows_number(r, 0);
    n->account  = rows_number(r, 1);
    n->when     = rows_number(r, 2);
    n->attempts = (unsigned)rows_number(r, 8);
    bool whole  = gp_copy_z(rows_text(r, 3), n->kind, sizeof(n->kind)) &&
                 gp_copy_z(rows_text(r, 4), n->cause, sizeof(n->cause)) &&
                 gp_copy_z(rows_text(r, 5), n->subject, sizeof(n->subject)) &&
                 gp_copy_z(rows_text(r, 6), n->text, sizeof(n->text)) &&
                 gp_copy_z(rows_text(r, 7), n->to, sizeof(n->to));
    return whole ? GP_OK : GP_TEMPFAIL;
}

gp_status notice_next(struct accounts *a, gp_time now, struct notice *n)
{
    auto_rows r = rows_of(a->db, COLUMNS " WHERE recipients <> '' AND due <= ? ORDER BY due LIMIT 1");
    rows_bind_number(&r, now);
    return read_one(&r, n);
}

gp_status notice_to_post(struct accounts *a, struct notice *n)
{
    auto_rows r = rows_of(a->db, COLUMNS " WHERE unposted ORDER BY id LIMIT 1");
    return read_one(&r, n);
}

/* When nobody is left, the text is no longer needed. */
gp_status notice_told(struct accounts *a, const struct notice *n, gp_str address)
{
    char           room[NOTICE_TO];
    struct gp_text left = GP_TEXT(room);
    for (gp_str rest = gp_from(n->to), word = gp_word(&rest); word.len > 0; word = gp_word(&rest)) {
        if (gp_same(word, address)) continue;
        if (left.len > 0) gp_put_char(&left, ' ');
        gp_put(&left, word);
    }
    auto_rows r = rows_of(
        a->db, "UPDATE notices SET recipients = ?1, body = CASE WHEN ?1 = '' AND NOT unposted THEN '' ELSE body END"
               " WHERE id = ?2");
    rows_bind_text(&r, left.len ? gp_said(&left) : GP_LIT(""));
    return run_on(a, &r, n->id);
}

gp_status notice_posted(struct accounts *a, const struct notice *n)
{
    auto_rows r = rows_of(
        a->db, "UPDATE notices SET unposted = 0, body = CASE recipients WHEN '' THEN '' ELSE body END WHERE id = ?");
    return run_on(a, &r, n->id);
}

gp_status notice_later(struct accounts *a, const struct notice *n, gp_time due)
{
    auto_rows r = rows_of(a->db, "UPDATE notices SET attempts = attempts + 1, due = ? WHERE id = ?");
    rows_bind_number(&r, due);
    return run_on(a, &r, n->id);
}

/* ---- what ends soon ------------------------------------------------------------------------------------------------------- */
gp_status credentials_ending(struct accounts *a, gp_time after, gp_time until, unsigned most,
                             bool (*each)(void *owner, const struct credential_end *), void *owner)
{
    struct credential_end list[CREDENTIAL_ENDS_MOST];
    size_t                count = 0;
    gp_status             status;
    auto_rows             r = rows_of(
                    a->db, "SELECT c.id, c.account, c.label, c.expires FROM credentials c JOIN accounts o ON o.id = c.account"
                                       " WHERE c.expires > ?1 AND c.expires <= ?2 AND NOT o.disabled AND c.replaced_by = 0 AND NOT EXISTS"
                                       " (SELECT 1 FROM notices WHERE cause = 'credential-expiry ' || c.id || ' ' || c.expires) LIMIT ?3");
    rows_bind_number(&r, after);
    rows_bind_number(&r, until);
    rows_bind_number(&r, most < CREDENTIAL_ENDS_MOST ? most : CREDENTIAL_ENDS_MOST);
    while ((status = rows_next(&r)) == GP_OK && count < CREDENTIAL_ENDS_MOST) {
        struct credential_end *e = &list[count++];
        *e                       = (struct credential_end) { .credential = rows_number(&r, 0),
                                                             .account    = rows_number(&r, 1),
                                                             .expires    = rows_number(&r, 3) };
        if (!gp_copy_z(rows_text(&r, 2), e->label, sizeof(e->label))) e->label[0] = '\0';
    }
    rows_end(&r); /* telling writes */
    for (size_t i = 0; i < count; i++)
        if (!each(owner, &list[i])) break;
    return status == GP_TEMPFAIL ? status : GP_OK;
}
