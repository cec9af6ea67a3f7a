/* A credential's row, written and rewritten: what has to be so before, and the salts that it shares with its account's others. */
#include "store/accounts_parts.h"

#include <string.h>

#include "store/accounts.h"

gp_status refuse_because(const char **why, const char *what)
{
    *why = what;
    return GP_PERMFAIL;
}

/* ---- salts and counts ---------------------------------------------------------------------------------------------- */
static bool fits(const struct scram_group *account, const struct scram_group *made)
{
    if (account->iterations && account->iterations != made->iterations) return false;
    for (size_t hash = 0; hash < GP_HASHES && account->iterations; hash++)
        if (account->has_salt[hash] && made->has_salt[hash] &&
            memcmp(account->salt[hash], made->salt[hash], VERIFIER_SALT) != 0)
            return false;
    return true;
}

struct salt_text {
    char           room[GP_BASE64_ROOM(VERIFIER_SALT)];
    struct gp_text text;
};

/* As it is kept: base64, "" for none. */
static gp_str put_salt(const struct scram_group *group, enum gp_hash hash, struct salt_text *out)
{
    out->text = GP_TEXT(out->room);
    if (group->has_salt[hash]) gp_put_base64(&out->text, (gp_str) { (const char *)group->salt[hash], VERIFIER_SALT });
    return gp_said(&out->text);
}

static gp_status write_group(struct accounts *a, int64_t account, const struct scram_group *group)
{
    struct salt_text sha1, sha256, sha512;
    auto_rows        r = rows_of(a->db, "UPDATE accounts SET scram_iterations = ?, scram_salt_sha1 = ?,"
                                               " scram_salt_sha256 = ?, scram_salt_sha512 = ? WHERE id = ?");
    rows_bind_number(&r, group->iterations);
    rows_bind_text(&r, put_salt(group, GP_SHA1, &sha1));
    rows_bind_text(&r, put_salt(group, GP_SHA256, &sha256));
    rows_bind_text(&r, put_salt(group, GP_SHA512, &sha512));
    return run_on(a, &r, account);
}

gp_status account_join_scram(struct accounts *a, const struct account *account, const struct verifier *v,
                             const char **why)
{
    struct scram_group made;
    verifier_group(v, &made);
    if (made.iterations == 0) return GP_OK;
    if (!fits(&account->scram, &made))
        return refuse_because(why, "the account's other credentials were changed meanwhile; do it once more");
    for (size_t hash = 0; hash < GP_HASHES && account->scram.iterations; hash++) {
        if (!account->scram.has_salt[hash]) continue;
        made.has_salt[hash] = true;
        memcpy(made.salt[hash], account->scram.salt[hash], VERIFIER_SALT);
    }
    return write_group(a, account->id, &made);
}

gp_status account_leave_scram(struct accounts *a, int64_t account)
{
    auto_rows r =
        rows_of(a->db, "UPDATE accounts SET scram_iterations = 0, scram_salt_sha1 = '', scram_salt_sha256 = '',"
                       " scram_salt_sha512 = '' WHERE id = ?1 AND scram_iterations > 0 AND NOT EXISTS"
                       " (SELECT 1 FROM credentials WHERE account = ?1 AND iterations > 0)");
    rows_bind_number(&r, account);
    return rows_run(&r);
}

/* ---- may it be written? -------------------------------------------------------------------------------------------- */
/* slow: its password costs time at each sign-in, or will when it has got better forms: what is imported. */
static gp_status has_room(struct accounts *a, int64_t account, bool slow, const char **why)
{
    auto_rows r =
        rows_of(a->db, "SELECT COUNT(*), SUM(cost > 0 OR kind = 'imported') FROM credentials WHERE account = ?");
    rows_bind_number(&r, account);
    if (rows_next(&r) != GP_OK) return GP_TEMPFAIL;
    if (rows_number(&r, 0) >= CREDENTIALS_MOST)
        return refuse_because(why, "the account has 64 credentials, which is the most: revoke one first");
    if (slow && rows_number(&r, 1) >= CREDENTIALS_SLOW_MOST)
        return refuse_because(why,
                              "the account has 8 chosen or imported passwords, which is the most, since each costs time"
                              " at every sign-in: revoke one first, or have one generated");
    return GP_OK;
}

/* id: of the credential that may have it; 0: none. */
static gp_status label_is_free(struct accounts *a, int64_t account, int64_t id, gp_str label, const char **why)
{
    if (!credential_label_is_good(label, why)) return GP_PERMFAIL;
    if (label.len == 0) return GP_OK;
    auto_rows r = rows_of(a->db, "SELECT 1 FROM credentials WHERE account = ? AND label = ? AND id <> ?");
    rows_bind_number(&r, account);
    rows_bind_text(&r, label);
    rows_bind_number(&r, id);
    gp_status status = rows_next(&r);
    if (status == GP_OK) return refuse_because(why, "the account has a credential with that label");
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status subject_is_free(struct accounts *a, enum credential_kind kind, gp_str subject, const char **why)
{
    if (kind != CREDENTIAL_CERTIFICATE && kind != CREDENTIAL_OAUTH) return GP_OK; /* a source serves many accounts */
    auto_rows r = rows_of(a->db, "SELECT 1 FROM credentials WHERE kind = ? AND subject = ?"
                                 " AND kind IN ('certificate', 'oauth')"); /* so that its index is used */
    rows_bind_text(&r, gp_from(credential_kind_name(kind)));
    rows_bind_text(&r, subject);
    gp_status status = rows_next(&r);
    if (status == GP_OK)
        return refuse_because(why, "another credential, of this account or of one more, has that subject");
    return status == GP_PERMFAIL ? GP_OK : status;
}

/* A verifier where the kind has one, and nowhere else. */
static bool is_whole(const struct new_credential *n)
{
    bool opens = n->verifier && (n->verifier->plain[0] || n->verifier->scram_sha256[0]);
    if (n->kind == CREDENTIAL_IMPORTED) return opens && n->verifier->plain[0] && !n->verifier->scram_sha256[0];
    return credential_kind_has_password(n->kind) == opens;
}

/* ---- the row ------------------------------------------------------------------------------------------------------- */
static void bind_verifier(struct rows *r, const struct verifier *v)
{
    struct scram_group group;
    verifier_group(v, &group);
    rows_bind_text(r, gp_from(v->plain));
    rows_bind_text(r, gp_from(v->scram_sha1));
    rows_bind_text(r, gp_from(v->scram_sha256));
    rows_bind_text(r, gp_from(v->scram_sha512));
    rows_bind_blob(r, v->cram_len ? (gp_str) { (const char *)v->cram, v->cram_len } : GP_NONE);
    rows_bind_number(r, verifier_cost(v));
    rows_bind_number(r, group.iterations);
}

static void bind_restrictions(struct rows *r, const struct restrictions *l)
{
    rows_bind_text(r, gp_from(l->mechanisms));
    rows_bind_text(r, gp_from(l->listeners));
    rows_bind_text(r, gp_from(l->networks));
    rows_bind_text(r, gp_from(l->senders));
    rows_bind_text(r, gp_from(l->hours));
    rows_bind_number(r, l->expires);
    rows_bind_number(r, l->idle_days);
    rows_bind_number(r, l->legacy);
}

static gp_status write_row(struct accounts *a, int64_t account, const struct new_credential *n, gp_time now,
                           int64_t *id)
{
    static const struct verifier nothing = { 0 };
    auto_rows                    r =
        rows_of(a->db, "INSERT INTO credentials (account, kind, label, subject, plain, scram_sha1, scram_sha256,"
                       " scram_sha512, cram, cost, iterations, mechanisms, listeners, networks, senders,"
                       " hours, expires, idle_days, legacy, created) VALUES"
                       " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    rows_bind_number(&r, account);
    rows_bind_text(&r, gp_from(credential_kind_name(n->kind)));
    rows_bind_text(&r, n->label.ptr ? n->label : GP_LIT(""));
    rows_bind_text(&r, n->subject);
    bind_verifier(&r, n->verifier ? n->verifier : &nothing);
    bind_restrictions(&r, n->limits);
    rows_bind_number(&r, now);
    gp_status status = rows_run(&r);
    *id              = database_last_id(a->db);
    return status;
}

gp_status credential_insert(struct accounts *a, const struct account *account, const struct new_credential *n,
                            gp_time now, int64_t *id, const char **why)
{
    static const struct restrictions none = { .expires = 0 };
    char                             room[CREDENTIAL_SUBJECT - 1];
    struct gp_text                   subject = GP_TEXT(room);
    struct restrictions              limits;
    struct new_credential            tidy = *n;
    if (!is_whole(n)) return refuse_because(why, "that is not what a credential of this kind is made of");
    if (!subject_tidy(n->kind, n->subject, &subject, why)) return GP_PERMFAIL;
    if (!restrictions_tidy(n->limits ? n->limits : &none, &limits, why)) return GP_PERMFAIL;
    tidy.subject     = gp_said(&subject);
    tidy.limits      = &limits;
    bool      slow   = n->kind == CREDENTIAL_IMPORTED || (n->verifier && verifier_cost(n->verifier) > 0);
    gp_status status = has_room(a, account->id, slow, why);
    if (status == GP_OK) status = label_is_free(a, account->id, 0, n->label, why);
    if (status == GP_OK) status = subject_is_free(a, n->kind, tidy.subject, why);
    if (status == GP_OK && n->verifier) status = account_join_scram(a, account, n->verifier, why);
    if (status == GP_OK) status = write_row(a, account->id, &tidy, now, id);
    return status == GP_OK ? credential_audit_added(a, account->id, *id, &tidy) : status;
}

/* ---- rewriting ----------------------------------------------------------------------------------------------------- */
static gp_status write_limits(struct accounts *a, int64_t id, gp_str label, const struct restrictions *limits)
{
    auto_rows r =
        rows_of(a->db, "UPDATE credentials SET label = ?, mechanisms = ?, listeners = ?, networks = ?, senders = ?,"
                       " hours = ?, expires = ?, idle_days = ?, legacy = ? WHERE id = ?");
    rows_bind_text(&r, label.ptr ? label : GP_LIT(""));
    bind_restrictions(&r, limits);
    return run_on(a, &r, id);
}

static gp_status account_of(struct accounts *a, int64_t id, struct account *out, const char **why)
{
    auto_rows r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM accounts a JOIN credentials c ON a.id = c.account"
                                 " WHERE c.id = ?");
    rows_bind_number(&r, id);
    gp_status status = account_next(&r, out);
    return status == GP_PERMFAIL ? refuse_because(why, "there is no such credential") : status;
}

gp_status credential_alter(struct accounts *a, int64_t id, gp_str label, const struct restrictions *wish,
                           const char **why)
{
    struct credential   before;
    struct restrictions limits;
    auto_transaction    t = { 0 };
    *why                  = "there is no such credential";
    gp_status status      = transaction_begin(&t, a->db);
    if (status == GP_OK) status = credential_get(a, id, &before);
    gp_wipe(&before.verifier, sizeof(before.verifier));
    if (status == GP_OK) status = label_is_free(a, before.account, id, label, why);
    if (status == GP_OK && !restrictions_tidy(wish, &limits, why)) status = GP_PERMFAIL;
    if (status == GP_OK) status = write_limits(a, id, label, &limits);
    if (status == GP_OK) status = credential_audit_altered(a, &before, label, &limits);
    return status == GP_OK ? transaction_commit(&t) : status;
}

static gp_status write_verifier(struct accounts *a, int64_t id, enum credential_kind from, const struct verifier *v)
{
    enum credential_kind to = from == CREDENTIAL_IMPORTED ? CREDENTIAL_CHOSEN : from;
    auto_rows r = rows_of(a->db, "UPDATE credentials SET plain = ?, scram_sha1 = ?, scram_sha256 = ?, scram_sha512 = ?,"
                                 " cram = COALESCE(?, cram), cost = ?, iterations = ?, kind = ?"
                                 " WHERE kind = ? AND id = ?");
    bind_verifier(&r, v);
    rows_bind_text(&r, gp_from(credential_kind_name(to)));
    rows_bind_text(&r, gp_from(credential_kind_name(from)));
    return run_on(a, &r, id);
}

gp_status credential_upgrade(struct accounts *a, int64_t id, enum credential_kind from, const struct verifier *v,
                             const char **why)
{
    struct account   account;
    auto_transaction t = { 0 };
    *why               = "the credential is not of that kind any more";
    gp_status status   = transaction_begin(&t, a->db);
    if (status == GP_OK) status = account_of(a, id, &account, why);
    if (status == GP_OK && !credential_kind_has_password(from)) status = GP_PERMFAIL;
    if (status == GP_OK) status = account_join_scram(a, &account, v, why);
    if (status == GP_OK) status = write_verifier(a, id, from, v);
    if (status == GP_OK) status = account_leave_scram(a, account.id);
    if (status == GP_OK)
        status = ACCOUNT_AUDIT(a, "credential-upgraded", account.id, id, AUDIT_Z("from", credential_kind_name(from)));
    return status == GP_OK ? transaction_commit(&t) : status;
}
