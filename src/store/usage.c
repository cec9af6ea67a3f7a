/* Usage as a row for each subject, its moments in a blob of little-endian numbers. Limits are kept as they were written, and read with
 * the reader of the configuration. */
#include "store/usage.h"

#include <endian.h>
#include <string.h>

#include "store/accounts_parts.h"

enum { NUMBERS = LIMIT_THINGS * RATES_MOST * 2, SESSIONS_MOST = 1000000, DAY_MS = 24 * 3600 * 1000, STALE_DAYS = 30 };

/* ---- usage --------------------------------------------------------------------------------------------------------------------- */
static struct rate_state *state_at(struct limit_usage *u, size_t i)
{
    return &u->things[i / RATES_MOST][i % RATES_MOST];
}

static void unpack(gp_str blob, struct limit_usage *out)
{
    uint64_t numbers[NUMBERS] = { 0 };
    if (blob.len <= sizeof numbers && blob.len > 0) memcpy(numbers, blob.ptr, blob.len);
    for (size_t i = 0; i < NUMBERS / 2; i++)
        *state_at(out, i) =
            (struct rate_state) { (int64_t)le64toh(numbers[2 * i]), (int64_t)le64toh(numbers[2 * i + 1]) };
}

gp_status usage_load(struct accounts *a, enum limit_scope scope, int64_t subject, struct limit_usage *out)
{
    *out        = (struct limit_usage) { 0 };
    auto_rows r = rows_of(a->db, "SELECT states FROM limit_usage WHERE scope = ? AND subject = ?");
    rows_bind_number(&r, scope);
    rows_bind_number(&r, subject);
    gp_status status = rows_next(&r);
    if (status == GP_OK) unpack(rows_blob(&r, 0), out);
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status usage_put(struct accounts *a, enum limit_scope scope, int64_t subject, const struct limit_usage *u)
{
    uint64_t           numbers[NUMBERS];
    struct limit_usage copy = *u;
    for (size_t i = 0; i < NUMBERS / 2; i++) {
        numbers[2 * i]     = htole64((uint64_t)state_at(&copy, i)->until);
        numbers[2 * i + 1] = htole64((uint64_t)state_at(&copy, i)->warned);
    }
    auto_rows r = rows_of(a->db, "INSERT INTO limit_usage (scope, subject, ends, states) VALUES (?, ?, ?, ?)"
                                 " ON CONFLICT DO UPDATE SET ends = excluded.ends, states = excluded.states");
    rows_bind_number(&r, scope);
    rows_bind_number(&r, subject);
    rows_bind_number(&r, limit_usage_ends(u));
    rows_bind_blob(&r, (gp_str) { (const char *)numbers, sizeof numbers });
    return rows_run(&r);
}

static gp_status age_one(struct accounts *a, const char *sql, int64_t number)
{
    auto_rows r = rows_of(a->db, sql);
    rows_bind_number(&r, number);
    return rows_run(&r);
}

gp_status usage_age(struct accounts *a, gp_time now)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = age_one(a, "DELETE FROM limit_usage WHERE ends < ?", now);
    if (status == GP_OK)
        status = age_one(a, "DELETE FROM recipients_known WHERE seen < ?", now / DAY_MS - USAGE_KNOWN_DAYS);
    if (status == GP_OK)
        status =
            age_one(a,
                    "DELETE FROM recipients_known WHERE (account, digest) IN (SELECT account, digest FROM"
                    " (SELECT account, digest, ROW_NUMBER() OVER (PARTITION BY account ORDER BY seen DESC) AS place"
                    " FROM recipients_known) WHERE place > ?)",
                    USAGE_KNOWN_MOST);
    return status == GP_OK ? transaction_commit(&t) : status;
}

/* ---- whom an account has written to ----------------------------------------------------------------------------------------- */
gp_status usage_knows(struct accounts *a, int64_t account, int64_t digest, gp_time now, bool *stale)
{
    auto_rows r = rows_of(a->db, "SELECT seen FROM recipients_known WHERE account = ? AND digest = ?");
    rows_bind_number(&r, account);
    rows_bind_number(&r, digest);
    gp_status status = rows_next(&r);
    *stale           = status == GP_PERMFAIL || (status == GP_OK && rows_number(&r, 0) < now / DAY_MS - STALE_DAYS);
    return status;
}

gp_status usage_meet(struct accounts *a, int64_t account, int64_t digest, gp_time now)
{
    auto_rows r = rows_of(a->db, "INSERT INTO recipients_known (account, digest, seen) SELECT id, ?2, ?3 FROM accounts"
                                 " WHERE id = ?1 ON CONFLICT DO UPDATE SET seen = excluded.seen");
    rows_bind_number(&r, account);
    rows_bind_number(&r, digest);
    rows_bind_number(&r, now / DAY_MS);
    return rows_run(&r);
}

/* ---- limits of its own --------------------------------------------------------------------------------------------------------- */
static bool read_sessions(gp_str text, unsigned *out)
{
    uint64_t number = 0;
    bool     any    = gp_is(text, "none");
    if (!any && (!gp_read_number(text, SESSIONS_MOST, &number) || number == 0)) return false;
    *out = (unsigned)number;
    return true;
}

/* false: *why. */
static bool read_one(gp_str what, gp_str value, struct own_limits *out, const char **why)
{
    enum limit_thing thing;
    if (gp_is(what, "sessions")) {
        *why              = "sessions are a number, or none for any number";
        out->has_sessions = true;
        return read_sessions(value, &out->sessions);
    }
    *why = "a limit is of messages, recipients, new_recipients, octets or sessions";
    if (!limit_thing_read(what, &thing)) return false;
    out->has[thing] = true;
    return rates_read(value, &out->rules.things[thing], why);
}

gp_status own_limits_load(struct accounts *a, int64_t account, int64_t credential, struct own_limits *out)
{
    gp_status   status;
    const char *why;
    *out        = (struct own_limits) { .sessions = 0 };
    auto_rows r = rows_of(a->db, "SELECT what, value FROM limits WHERE account = CASE ?2 WHEN 0 THEN ?1 ELSE"
                                 " (SELECT account FROM credentials WHERE id = ?2) END AND credential = ?2");
    rows_bind_number(&r, account);
    rows_bind_number(&r, credential);
    while ((status = rows_next(&r)) == GP_OK)
        if (!read_one(rows_text(&r, 0), rows_text(&r, 1), out, &why)) return GP_TEMPFAIL;
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status put_limit(struct accounts *a, int64_t account, int64_t credential, gp_str what, gp_str value)
{
    auto_rows r = rows_of(a->db, "INSERT INTO limits (account, credential, what, value) VALUES (?, ?, ?, ?)"
                                 " ON CONFLICT DO UPDATE SET value = excluded.value");
    rows_bind_number(&r, account);
    rows_bind_number(&r, credential);
    rows_bind_text(&r, what);
    rows_bind_text(&r, value);
    return rows_run(&r);
}

gp_status own_limit_set(struct accounts *a, int64_t account, int64_t credential, gp_str what, gp_str value,
                        const char **why)
{
    struct own_limits parsed = { .sessions = 0 };
    char              room[RATES_MOST * RATE_TEXT];
    struct gp_text    text = GP_TEXT(room);
    if (!read_one(what, value, &parsed, why)) return GP_PERMFAIL;
    if (parsed.has_sessions) gp_put(&text, value);
    for (size_t i = 0; i < LIMIT_THINGS; i++)
        if (parsed.has[i]) rates_put(&text, &parsed.rules.things[i]); /* in one form */
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = put_limit(a, account, credential, what, gp_said(&text));
    if (status == GP_OK)
        status =
            ACCOUNT_AUDIT(a, "limit-set", account, credential, AUDIT_S("what", what), AUDIT_S("value", gp_said(&text)));
    return status == GP_OK ? transaction_commit(&t) : GP_TEMPFAIL;
}

gp_status own_limit_clear(struct accounts *a, int64_t account, int64_t credential, gp_str what, const char **why)
{
    auto_transaction t = { 0 };
    *why               = "there is no such limit";
    gp_status status   = transaction_begin(&t, a->db);
    if (status != GP_OK) return status;
    auto_rows r = rows_of(a->db, "DELETE FROM limits WHERE account = ?1 AND credential = ?2 AND ?3 IN (what, '')");
    rows_bind_number(&r, account);
    rows_bind_number(&r, credential);
    rows_bind_text(&r, what);
    if (rows_run(&r) != GP_OK) return GP_TEMPFAIL;
    if (database_touched(a->db) == 0) return GP_PERMFAIL;
    status = ACCOUNT_AUDIT(a, "limit-cleared", account, credential, AUDIT_S("what", what.len ? what : GP_LIT("all")));
    return status == GP_OK ? transaction_commit(&t) : GP_TEMPFAIL;
}

const struct limit_rules *own_limits_over(const struct own_limits *own, const struct limit_rules *usual,
                                          struct limit_rules *room)
{
    if (!own) return usual;
    *room = *usual;
    for (size_t i = 0; i < LIMIT_THINGS; i++)
        if (own->has[i]) room->things[i] = own->rules.things[i];
    return room;
}

int64_t usage_digest(gp_str key, gp_str address)
{
    uint8_t        mac[GP_DIGEST_MOST];
    char           room[ACCOUNT_ADDRESS_MOST * 2];
    struct gp_text lower = GP_TEXT(room);
    int64_t        digest;
    for (size_t i = 0; i < address.len; i++) {
        char c = address.ptr[i];
        gp_put_char(&lower, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
    if (!gp_hmac(GP_SHA256, key, gp_said(&lower), mac)) return 0;
    memcpy(&digest, mac, sizeof digest);
    return digest;
}
