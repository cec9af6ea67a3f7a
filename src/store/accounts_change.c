/* Changes to accounts.db: each is one transaction, so a command that is killed leaves no half of an account. */
#include "store/accounts_parts.h"

#include "store/accounts.h"

/* ---- adding ---------------------------------------------------------------------------------------------------- */
static gp_status refuse(const char **why, const char *what)
{
    *why = what;
    return GP_PERMFAIL;
}

static bool is_name(gp_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == '\x7f') return false;
    return name.len > 0 && name.ptr[0] != '-'; /* "-x" would read as an option of the commands */
}

/* Neither the name nor the one that means the same may exist. */
static gp_status still_free(struct accounts *a, gp_str name, const char **why)
{
    struct account found;
    gp_status      status = accounts_find(a, name, &found);
    if (status == GP_OK) return refuse(why, "an account with that name exists already");
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status insert_account(struct accounts *a, gp_str name, gp_time now, int64_t *id)
{
    auto_rows r = rows_of(a->db, "INSERT INTO accounts (name, created) VALUES (?, ?)");
    rows_bind_text(&r, name);
    rows_bind_number(&r, now);
    gp_status status = rows_run(&r);
    *id              = database_last_id(a->db);
    return status;
}

static uint32_t iterations_of(const struct verifier *v)
{
    struct gp_scram_keys keys;
    return gp_scram_keys_read(gp_from(v->scram_sha256), &keys) ? keys.iterations : 0;
}

static gp_status insert_credential(struct accounts *a, int64_t account, const struct verifier *v, bool generated,
                                   gp_str label, gp_time now)
{
    auto_rows r = rows_of(
        a->db, "INSERT INTO credentials (account, label, generated, plain, scram_sha1, scram_sha256, cram, cost,"
               " as_hash, iterations, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    rows_bind_number(&r, account);
    rows_bind_text(&r, label.ptr ? gp_head(label, CREDENTIAL_TEXT - 1) : GP_LIT(""));
    rows_bind_number(&r, generated);
    rows_bind_text(&r, gp_from(v->plain));
    rows_bind_text(&r, gp_from(v->scram_sha1));
    rows_bind_text(&r, gp_from(v->scram_sha256));
    rows_bind_blob(&r, v->cram_len ? (gp_str) { (const char *)v->cram, v->cram_len } : GP_NONE);
    rows_bind_number(&r, verifier_cost(v));
    rows_bind_number(&r, verifier_is_hash(v));
    rows_bind_number(&r, iterations_of(v));
    rows_bind_number(&r, now);
    return rows_run(&r);
}

static gp_status insert_identity(struct accounts *a, int64_t account, gp_str address, const char **why)
{
    char           room[ACCOUNT_ADDRESS_MOST];
    struct gp_text key = GP_TEXT(room);
    if (!identity_key(address, true, &key)) return refuse(why, "that is not an address to send as");
    auto_rows r = rows_of(a->db, "INSERT OR IGNORE INTO identities (account, key, address) VALUES (?, ?, ?)");
    rows_bind_number(&r, account);
    rows_bind_text(&r, gp_said(&key));
    rows_bind_text(&r, address);
    return rows_run(&r);
}

static gp_status insert_own_identity(struct accounts *a, int64_t account, gp_str name, const char **why)
{
    char           room[ACCOUNT_ADDRESS_MOST];
    struct gp_text address = GP_TEXT(room);
    if (gp_find(name, '@') < name.len) return insert_identity(a, account, name, why);
    if (!account_other_name(a, name, &address))
        return refuse(why, "without a domain the name is no address: say --send-as ADDRESS");
    return insert_identity(a, account, gp_said(&address), why);
}

static gp_status insert_identities(struct accounts *a, int64_t account, gp_str name, const struct new_account *n,
                                   const char **why)
{
    if (n->send_as_count == 0) return insert_own_identity(a, account, name, why);
    if (n->send_as_count > IDENTITIES_MOST) return refuse(why, "too many addresses to send as");
    for (size_t i = 0; i < n->send_as_count; i++) {
        gp_status status = insert_identity(a, account, gp_from(n->send_as[i]), why);
        if (status != GP_OK) return status;
    }
    return GP_OK;
}

gp_status accounts_add(struct accounts *a, const struct new_account *n, gp_time now, const char **why)
{
    char           prepared[ACCOUNT_NAME_MOST];
    struct gp_text text    = GP_TEXT(prepared);
    int64_t        account = 0;
    *why                   = "the name was taken a moment ago";
    if (!gp_is_utf8(n->name) || !gp_saslprep(n->name, true, &text) || !is_name(gp_said(&text)))
        return refuse(
            why,
            "that cannot be the name of an account: 1 to 255 octets, no spaces or control characters, no '-' first");
    auto_transaction t;
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = still_free(a, gp_said(&text), why);
    if (status == GP_OK) status = insert_account(a, gp_said(&text), now, &account);
    if (status == GP_OK) status = insert_credential(a, account, n->verifier, n->generated, n->label, now);
    if (status == GP_OK) status = insert_identities(a, account, gp_said(&text), n, why);
    return status == GP_OK ? transaction_commit(&t) : status;
}

/* ---- changing -------------------------------------------------------------------------------------------------- */
/* One statement whose last parameter is the account's id; PERMFAIL: no such account. */
static gp_status run_on(struct accounts *a, struct rows *r, int64_t account)
{
    rows_bind_number(r, account);
    gp_status status = rows_run(r);
    if (status != GP_OK) return status;
    return database_touched(a->db) > 0 ? GP_OK : GP_PERMFAIL;
}

gp_status accounts_set_password(struct accounts *a, int64_t account, const struct verifier *v, bool generated,
                                gp_time now)
{
    struct account   found;
    auto_transaction t;
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = accounts_get(a, account, &found);
    if (status != GP_OK) return status;
    auto_rows remove = rows_of(a->db, "DELETE FROM credentials WHERE account = ?");
    rows_bind_number(&remove, account);
    status = rows_run(&remove);
    if (status == GP_OK) status = insert_credential(a, account, v, generated, GP_NONE, now);
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status accounts_set_disabled(struct accounts *a, int64_t account, bool disabled)
{
    auto_rows r = rows_of(a->db, "UPDATE accounts SET disabled = ? WHERE id = ?");
    rows_bind_number(&r, disabled);
    return run_on(a, &r, account);
}

gp_status accounts_delete(struct accounts *a, int64_t account)
{
    auto_rows r = rows_of(a->db, "DELETE FROM accounts WHERE id = ?");
    return run_on(a, &r, account);
}

gp_status accounts_used(struct accounts *a, const struct credential_use *uses, size_t count)
{
    auto_transaction t;
    gp_status        status = transaction_begin(&t, a->db);
    auto_rows        r =
        rows_of(a->db, "UPDATE credentials SET last_used = ?, last_from = ?, last_mechanism = ? WHERE id = ?");
    for (size_t i = 0; i < count && status == GP_OK; i++) {
        rows_again(&r);
        rows_bind_number(&r, uses[i].when);
        rows_bind_text(&r, gp_from(uses[i].from));
        rows_bind_text(&r, gp_from(uses[i].mechanism));
        rows_bind_number(&r, uses[i].credential);
        status = rows_run(&r);
    }
    return status == GP_OK ? transaction_commit(&t) : status;
}
