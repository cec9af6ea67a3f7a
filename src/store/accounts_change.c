/* Changes to accounts.db: each is one transaction, so a command that is killed leaves no half of an account. */
#include "store/accounts_parts.h"

#include "sasl/sasl.h"
#include "store/accounts.h"
#include "store/brakes.h"

enum { FOLDED_MOST = 4 * ACCOUNT_NAME_MOST }; /* NFKC can make a name longer */

static const struct audit_field no_fields[] = { { NULL } };

gp_status run_on(struct accounts *a, struct rows *r, int64_t id)
{
    rows_bind_number(r, id);
    gp_status status = rows_run(r);
    if (status != GP_OK) return status;
    return database_touched(a->db) > 0 ? GP_OK : GP_PERMFAIL;
}

/* ---- what an account may --------------------------------------------------------------------------------------- */
static gp_status set_disabled(struct accounts *a, int64_t account, bool disabled)
{
    auto_rows r = rows_of(a->db, "UPDATE accounts SET disabled = ? WHERE id = ?");
    rows_bind_number(&r, disabled);
    gp_status status = run_on(a, &r, account);
    if (status != GP_OK) return status;
    return account_audit(a, disabled ? "account-disabled" : "account-enabled", account, 0, no_fields);
}

static gp_status set_mechanisms(struct accounts *a, int64_t account, gp_str mechanisms, const char **why)
{
    char           room[CREDENTIAL_WORDS - 1];
    struct gp_text text = GP_TEXT(room);
    if (!words_tidy(mechanisms, &text)) return refuse_because(why, "the mechanisms cannot be kept: 255 octets at most");
    *why        = "there is no such account";
    auto_rows r = rows_of(a->db, "UPDATE accounts SET mechanisms = ? WHERE id = ?");
    rows_bind_text(&r, gp_said(&text));
    gp_status status = run_on(a, &r, account);
    if (status != GP_OK) return status;
    return ACCOUNT_AUDIT(a, "account-mechanisms", account, 0, AUDIT_S("mechanisms", gp_said(&text)));
}

/* ---- adding ---------------------------------------------------------------------------------------------------- */
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
    if (status == GP_OK) return refuse_because(why, "an account with that name exists already");
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status insert_account(struct accounts *a, gp_str name, gp_str source, gp_time now, struct account *out)
{
    auto_rows r = rows_of(a->db, "INSERT INTO accounts (name, source, created) VALUES (?, ?, ?)");
    rows_bind_text(&r, name);
    rows_bind_text(&r, source.ptr ? source : GP_LIT(""));
    rows_bind_number(&r, now);
    gp_status status = rows_run(&r);
    return status == GP_OK ? accounts_get(a, database_last_id(a->db), out) : status;
}

static gp_status insert_own_identity(struct accounts *a, int64_t account, gp_str name, const char **why)
{
    char           room[ACCOUNT_ADDRESS_MOST];
    struct gp_text address = GP_TEXT(room);
    if (gp_find(name, '@') < name.len) return identity_insert(a, account, name, why);
    if (a->domain.len == 0)
        return refuse_because(why, "without a domain the name is no address: say --send-as ADDRESS");
    gp_put(&address, name);
    gp_put_char(&address, '@');
    gp_put(&address, a->domain);
    return identity_insert(a, account, gp_said(&address), why);
}

static gp_status insert_identities(struct accounts *a, int64_t account, gp_str name, const struct new_account *n,
                                   const char **why)
{
    if (n->send_as_count == 0) return insert_own_identity(a, account, name, why);
    if (n->send_as_count > IDENTITIES_MOST) return refuse_because(why, "too many addresses to send as");
    for (size_t i = 0; i < n->send_as_count; i++) {
        gp_status status = identity_insert(a, account, gp_from(n->send_as[i]), why);
        if (status != GP_OK) return status;
    }
    return GP_OK;
}

/* SASLprep'd, and the domain as it will be looked for. */
static bool tidy_name(gp_str name, struct gp_text *out, const char **why)
{
    char           room[ACCOUNT_NAME_MOST];
    struct gp_text prepared = GP_TEXT(room);
    *why = "that cannot be the name of an account: 1 to 255 octets, no spaces or control characters, no '-' first";
    return gp_is_utf8(name) && gp_saslprep(name, true, &prepared) && is_name(gp_said(&prepared)) &&
           account_tidy_domain(gp_said(&prepared), out);
}

struct new_credential credential_of_new(const struct new_account *n)
{
    return (struct new_credential) {
        .kind = n->kind, .label = n->label, .subject = n->subject, .verifier = n->verifier, .limits = n->limits
    };
}

static gp_status insert_first_credential(struct accounts *a, const struct account *account, const struct new_account *n,
                                         gp_time now, const char **why)
{
    int64_t               id;
    struct new_credential first = credential_of_new(n);
    return n->verifier || n->subject.len ? credential_insert(a, account, &first, now, &id, why) : GP_OK;
}

gp_status account_insert(struct accounts *a, const struct new_account *n, gp_time now, const char **why)
{
    char           prepared[ACCOUNT_NAME_MOST];
    struct gp_text text = GP_TEXT(prepared);
    struct account account;
    if (!tidy_name(n->name, &text, why)) return GP_PERMFAIL;
    *why             = "the name was taken a moment ago";
    gp_status status = still_free(a, gp_said(&text), why);
    if (status == GP_OK) status = insert_account(a, gp_said(&text), GP_NONE, now, &account);
    if (status == GP_OK) status = account_audit_added(a, account.id, GP_NONE, n);
    if (status == GP_OK) status = insert_first_credential(a, &account, n, now, why);
    if (status == GP_OK) status = insert_identities(a, account.id, gp_said(&text), n, why);
    if (status == GP_OK && n->disabled) status = set_disabled(a, account.id, true);
    if (status == GP_OK && n->mechanisms.len) status = set_mechanisms(a, account.id, n->mechanisms, why);
    return status;
}

gp_status accounts_add(struct accounts *a, const struct new_account *n, gp_time now, const char **why)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = account_insert(a, n, now, why);
    return status == GP_OK ? transaction_commit(&t) : status;
}

/* ---- accounts that a source knows ---------------------------------------------------------------------------------- */
static gp_status source_credential(struct accounts *a, int64_t account, gp_str source, int64_t *id, const char **why)
{
    auto_rows r = rows_of(a->db, "SELECT id FROM credentials WHERE account = ? AND kind = 'source' AND subject = ?"
                                 " ORDER BY id DESC LIMIT 1");
    rows_bind_number(&r, account);
    rows_bind_text(&r, source);
    gp_status status = rows_next(&r);
    if (status == GP_OK) *id = rows_number(&r, 0);
    if (status != GP_PERMFAIL) return status;
    return refuse_because(why, "the account has no credential for that source, or it was revoked");
}

static bool same_but_for_case(gp_str one, gp_str other)
{
    char           rooms[2][FOLDED_MOST];
    struct gp_text folded[] = { GP_TEXT(rooms[0]), GP_TEXT(rooms[1]) };
    return gp_fold_case(one, &folded[0]) && gp_fold_case(other, &folded[1]) &&
           gp_same(gp_said(&folded[0]), gp_said(&folded[1]));
}

/* The account whose name is this one but for case; PERMFAIL: there is none. Names that are not ASCII are folded one by one: once for
 * each account that a source brings. */
static gp_status find_but_for_case(struct accounts *a, gp_str name, struct account *out)
{
    char           rooms[2][ACCOUNT_NAME_MOST + 1];
    struct gp_text wanted = GP_TEXT(rooms[0]);
    gp_status      status;
    auto_rows      r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.name GLOB '*[^ -~]*'"
                                           " OR a.name COLLATE NOCASE IN (?1, ?1 || '@' || ?2)");
    accounts_login_key(a, name, &wanted);
    rows_bind_text(&r, gp_said(&wanted));
    rows_bind_text(&r, a->domain);
    while ((status = account_next(&r, out)) == GP_OK) {
        struct gp_text key = GP_TEXT(rooms[1]);
        accounts_login_key(a, gp_from(out->name), &key);
        if (same_but_for_case(gp_said(&key), gp_said(&wanted))) return GP_OK;
    }
    return status;
}

static gp_status make_provided(struct accounts *a, gp_str name, gp_str source, gp_time now, struct account *out,
                               int64_t *credential, const char **why)
{
    struct new_credential n = { .kind = CREDENTIAL_SOURCE, .subject = source };
    auto_transaction      t = { 0 };
    *why                    = "the name was taken a moment ago";
    gp_status status        = transaction_begin(&t, a->db);
    if (status == GP_OK) status = still_free(a, name, why);
    if (status == GP_OK) status = insert_account(a, name, source, now, out);
    if (status == GP_OK) status = account_audit_added(a, out->id, source, NULL);
    if (status == GP_OK) status = credential_insert(a, out, &n, now, credential, why);
    if (status == GP_OK) status = insert_own_identity(a, out->id, name, why);
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status accounts_provision(struct accounts *a, const struct provided *p, gp_time now, struct account *out,
                             int64_t *credential, const char **why)
{
    char           prepared[ACCOUNT_NAME_MOST];
    struct gp_text text = GP_TEXT(prepared);
    if (!tidy_name(p->name, &text, why)) return GP_PERMFAIL;
    gp_status status = accounts_find(a, gp_said(&text), out); /* nothing is written at a sign-in but the first */
    if (status == GP_OK) return source_credential(a, out->id, p->source, credential, why);
    if (status == GP_PERMFAIL) status = find_but_for_case(a, gp_said(&text), out);
    if (status == GP_OK && p->folds_case) return source_credential(a, out->id, p->source, credential, why);
    if (status == GP_OK)
        return refuse_because(why, "the name differs from an account's in case alone: sign in by that one's");
    return status == GP_PERMFAIL ? make_provided(a, gp_said(&text), p->source, now, out, credential, why) : status;
}

/* ---- changing ------------------------------------------------------------------------------------------------------ */
static gp_status remove_all(struct accounts *a, int64_t account)
{
    auto_rows r = rows_of(a->db, "DELETE FROM credentials WHERE account = ?");
    rows_bind_number(&r, account);
    gp_status status  = rows_run(&r);
    int64_t   removed = database_touched(a->db);
    if (status == GP_OK) status = account_leave_scram(a, account);
    if (status != GP_OK) return status;
    return ACCOUNT_AUDIT(a, "password-set", account, 0, AUDIT_N("credentials_removed", removed));
}

gp_status accounts_set_password(struct accounts *a, int64_t account, const struct verifier *v,
                                enum credential_kind kind, gp_time now)
{
    int64_t               id;
    const char           *why;
    struct account        found;
    struct new_credential n      = { .kind = kind, .verifier = v };
    auto_transaction      t      = { 0 };
    gp_status             status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = remove_all(a, account);
    if (status == GP_OK) status = accounts_get(a, account, &found);
    if (status == GP_OK) status = credential_insert(a, &found, &n, now, &id, &why);
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status accounts_set_disabled(struct accounts *a, int64_t account, bool disabled)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = set_disabled(a, account, disabled);
    if (status == GP_OK && !disabled) status = brake_put_stolen(a, account, audit_now());
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status accounts_lock(struct accounts *a, int64_t account)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = set_disabled(a, account, true);
    if (status == GP_OK) status = brake_put_suspected(a, account, audit_now());
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status accounts_set_mechanisms(struct accounts *a, int64_t account, gp_str mechanisms, const char **why)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = set_mechanisms(a, account, mechanisms, why);
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status accounts_delete(struct accounts *a, int64_t account)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = grants_leave(a, account);
    if (status == GP_OK) status = account_audit(a, "account-deleted", account, 0, no_fields);
    auto_rows r = rows_of(a->db, "DELETE FROM accounts WHERE id = ?");
    if (status == GP_OK) status = run_on(a, &r, account);
    return status == GP_OK ? transaction_commit(&t) : status;
}
