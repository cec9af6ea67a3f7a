/* Changes to credentials: each is one transaction, so that a command that is killed leaves the old one or the new one in force. */
#include "store/accounts_parts.h"

#include <string.h>

#include "store/accounts.h"

/* ---- adding and revoking ------------------------------------------------------------------------------------------- */
gp_status credential_add(struct accounts *a, int64_t account, const struct new_credential *n, gp_time now, int64_t *id,
                         const char **why)
{
    struct account   found;
    auto_transaction t = { 0 };
    *why               = "there is no such account";
    gp_status status   = transaction_begin(&t, a->db);
    if (status == GP_OK) status = accounts_get(a, account, &found);
    if (status == GP_OK) status = credential_insert(a, &found, n, now, id, why);
    return status == GP_OK ? transaction_commit(&t) : status;
}

static gp_status remove_one(struct accounts *a, int64_t id)
{
    auto_rows r = rows_of(a->db, "DELETE FROM credentials WHERE id = ?");
    return run_on(a, &r, id);
}

gp_status credential_revoke(struct accounts *a, int64_t id)
{
    struct credential gone;
    auto_transaction  t      = { 0 };
    gp_status         status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = credential_get(a, id, &gone);
    gp_wipe(&gone.verifier, sizeof(gone.verifier));
    if (status == GP_OK) status = remove_one(a, id);
    if (status == GP_OK) status = account_leave_scram(a, gone.account);
    if (status == GP_OK)
        status = ACCOUNT_AUDIT(a, "credential-revoked", gone.account, id, AUDIT_Z("label", gone.label),
                               AUDIT_Z("kind", credential_kind_name(gone.kind)));
    return status == GP_OK ? transaction_commit(&t) : status;
}

/* ---- rotation ------------------------------------------------------------------------------------------------------ */
enum { MARK_ROOM = 16 };

/* " (old)", " (old 2)", ... */
static void put_mark(struct gp_text *out, unsigned round)
{
    gp_put_z(out, " (old");
    if (round > 1) {
        gp_put_char(out, ' ');
        gp_put_number(out, round);
    }
    gp_put_char(out, ')');
}

/* As much of the label as leaves room for the mark, cut between characters. */
static gp_str cut_label(gp_str label, size_t room)
{
    gp_str head = gp_head(label, room);
    while (!gp_is_utf8(head)) head = gp_head(head, head.len - 1);
    return gp_trim(head);
}

static gp_status relabel(struct accounts *a, int64_t id, gp_str label)
{
    auto_rows r = rows_of(a->db, "UPDATE credentials SET label = ? WHERE id = ?");
    rows_bind_text(&r, label);
    return run_on(a, &r, id);
}

/* The first that is free: at least one is, since an account has no more credentials than there are rounds. */
static gp_status relabel_old(struct accounts *a, const struct credential *old)
{
    gp_status status = old->label[0] ? GP_PERMFAIL : GP_OK;
    for (unsigned round = 1; round <= CREDENTIALS_MOST && status == GP_PERMFAIL; round++) {
        char           mark_room[MARK_ROOM], room[CREDENTIAL_TEXT - 1];
        struct gp_text mark = GP_TEXT(mark_room), label = GP_TEXT(room);
        put_mark(&mark, round);
        gp_put(&label, cut_label(gp_from(old->label), sizeof(room) - mark.len));
        gp_put(&label, gp_said(&mark));
        status = relabel(a, old->id, gp_said(&label)); /* PERMFAIL: it is taken, the index says */
    }
    return status;
}

static gp_status set_successor(struct accounts *a, int64_t old, int64_t successor, gp_time retires)
{
    auto_rows r = rows_of(a->db, "UPDATE credentials SET replaced_by = ?, retires = ? WHERE id = ?");
    rows_bind_number(&r, successor);
    rows_bind_number(&r, retires);
    return run_on(a, &r, old);
}

/* One that was not used for too long may be rotated: its successor starts anew. */
static gp_status may_rotate(const struct credential *old, gp_time now, const char **why)
{
    enum credential_state state = credential_state(old, now);
    if (state == CREDENTIAL_EXPIRED)
        return refuse_because(why, "it has expired: add another, or give it a later expiry first");
    if (state == CREDENTIAL_RETIRED || old->replaced_by)
        return refuse_because(why, "it is replaced by another already: rotate that one, or revoke this");
    return GP_OK;
}

static gp_status replace(struct accounts *a, const struct credential *old, const struct new_credential *fresh,
                         gp_time now, int64_t *id, const char **why)
{
    struct account        account;
    struct new_credential successor = *fresh;
    successor.label                 = gp_from(old->label);
    successor.limits                = &old->limits;
    gp_status status                = accounts_get(a, old->account, &account);
    if (status == GP_OK) status = relabel_old(a, old);
    return status == GP_OK ? credential_insert(a, &account, &successor, now, id, why) : status;
}

gp_status credential_rotate(struct accounts *a, int64_t old, const struct new_credential *fresh, gp_time retires,
                            gp_time now, int64_t *id, const char **why)
{
    struct credential before;
    auto_transaction  t = { 0 };
    *why                = "there is no such credential";
    gp_status status    = transaction_begin(&t, a->db);
    if (status == GP_OK) status = credential_get(a, old, &before);
    if (status == GP_OK) status = may_rotate(&before, now, why);
    if (status == GP_OK) status = replace(a, &before, fresh, now, id, why);
    if (status == GP_OK) status = set_successor(a, old, *id, retires > now ? retires : now);
    if (status == GP_OK)
        status = ACCOUNT_AUDIT(a, "credential-rotated", before.account, old, AUDIT_Z("label", before.label),
                               AUDIT_N("successor", *id), AUDIT_N("retires", retires > now ? retires : now));
    gp_wipe(&before.verifier, sizeof(before.verifier));
    return status == GP_OK ? transaction_commit(&t) : status;
}

/* ---- uses ---------------------------------------------------------------------------------------------------------- */
gp_status accounts_used(struct accounts *a, const struct credential_use *uses, size_t count)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    auto_rows        r      = rows_of(a->db, "UPDATE credentials SET last_used = ?, last_from = ?, last_mechanism = ?,"
                                                         " last_tls = ?, last_helo = ?, use_count = use_count + ? WHERE id = ?");
    for (size_t i = 0; i < count && status == GP_OK; i++) {
        rows_again(&r);
        rows_bind_number(&r, uses[i].when);
        rows_bind_text(&r, gp_from(uses[i].from));
        rows_bind_text(&r, gp_from(uses[i].mechanism));
        rows_bind_text(&r, gp_from(uses[i].tls));
        rows_bind_text(&r, gp_from(uses[i].helo));
        rows_bind_number(&r, uses[i].count);
        rows_bind_number(&r, uses[i].credential);
        status = rows_run(&r);
    }
    return status == GP_OK ? transaction_commit(&t) : status;
}
