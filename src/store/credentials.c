/* What accounts.db is asked about credentials: which an account has, whose a subject is, and what has ended. */
#include "store/accounts_parts.h"

#include <string.h>

#include "store/accounts.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* ---- kinds and states ---------------------------------------------------------------------------------------------- */
/* clang-format off */
static const struct { const char *name; bool has_password; } kinds[CREDENTIAL_KINDS] = { /* the names stand in the file */
    [CREDENTIAL_CHOSEN]      = { "chosen",      true  },
    [CREDENTIAL_GENERATED]   = { "generated",   true  },
    [CREDENTIAL_IMPORTED]    = { "imported",    true  },
    [CREDENTIAL_CERTIFICATE] = { "certificate", false },
    [CREDENTIAL_OAUTH]       = { "oauth",       false },
    [CREDENTIAL_SOURCE]      = { "source",      false },
};
/* clang-format on */

const char *credential_kind_name(enum credential_kind kind)
{
    return kinds[kind].name;
}

bool credential_kind_has_password(enum credential_kind kind)
{
    return kinds[kind].has_password;
}

static bool read_kind(gp_str name, enum credential_kind *out)
{
    for (unsigned i = 0; i < CREDENTIAL_KINDS; i++) {
        if (!gp_is(name, kinds[i].name)) continue;
        *out = (enum credential_kind)i;
        return true;
    }
    return false;
}

/* survey.c says the same in SQL. */
enum credential_state credential_state(const struct credential *c, gp_time now)
{
    gp_time used = c->last_used > c->created ? c->last_used : c->created;
    if (c->limits.expires && now >= c->limits.expires) return CREDENTIAL_EXPIRED;
    if (c->retires && now >= c->retires) return CREDENTIAL_RETIRED;
    if (c->limits.idle_days && now - used >= (gp_time)c->limits.idle_days * DAY_MS) return CREDENTIAL_IDLE;
    return CREDENTIAL_LIVE;
}

const char *credential_state_text(enum credential_state state)
{
    static const char *const texts[CREDENTIAL_STATES] = {
        [CREDENTIAL_LIVE]    = "in force",
        [CREDENTIAL_EXPIRED] = "expired",
        [CREDENTIAL_RETIRED] = "replaced by another",
        [CREDENTIAL_IDLE]    = "off, since it was not used for too long",
    };
    return texts[state];
}

bool credential_scram(const struct credential *c, const struct scram_group *group, enum gp_hash hash,
                      struct gp_scram_keys *keys)
{
    return group->has_salt[hash] && gp_scram_keys_read(verifier_scram(&c->verifier, hash), keys) &&
           keys->hash == hash && keys->iterations == group->iterations && keys->salt_len == VERIFIER_SALT &&
           memcmp(keys->salt, group->salt[hash], VERIFIER_SALT) == 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */
#define COLUMNS                                                                                                        \
    "id, account, kind, label, subject, mechanisms, listeners, networks, senders, hours, expires, idle_days,"          \
    " replaced_by, retires, created, last_used, use_count, last_from, last_mechanism, last_tls, last_helo, plain,"     \
    " scram_sha1, scram_sha256, scram_sha512, cram, legacy"
enum column {
    ID,
    ACCOUNT,
    KIND,
    LABEL,
    SUBJECT,
    MECHANISMS,
    LISTENERS,
    NETWORKS,
    SENDERS,
    HOURS,
    EXPIRES,
    IDLE_DAYS,
    REPLACED_BY,
    RETIRES,
    CREATED,
    LAST_USED,
    USE_COUNT,
    LAST_FROM,
    LAST_MECHANISM,
    LAST_TLS,
    LAST_HELO,
    PLAIN,
    SCRAM_SHA1,
    SCRAM_SHA256,
    SCRAM_SHA512,
    CRAM,
    LEGACY
};

static void read_numbers(const struct rows *r, struct credential *c)
{
    *c                  = (struct credential) { .id          = rows_number(r, ID),
                                                .account     = rows_number(r, ACCOUNT),
                                                .replaced_by = rows_number(r, REPLACED_BY),
                                                .retires     = rows_number(r, RETIRES),
                                                .created     = rows_number(r, CREATED),
                                                .last_used   = rows_number(r, LAST_USED),
                                                .use_count   = rows_number(r, USE_COUNT) };
    c->limits.expires   = rows_number(r, EXPIRES);
    c->limits.idle_days = (uint32_t)rows_number(r, IDLE_DAYS);
    c->limits.legacy    = rows_number(r, LEGACY) != 0;
}

static bool read_texts(const struct rows *r, struct credential *c)
{
    struct restrictions *l = &c->limits;
    struct verifier     *v = &c->verifier;
    const struct {
        enum column column;
        char       *out;
        size_t      room;
    } texts[] = {
        {LABEL,           c->label,          sizeof(c->label)         },
        { SUBJECT,        c->subject,        sizeof(c->subject)       },
        { MECHANISMS,     l->mechanisms,     sizeof(l->mechanisms)    },
        { LISTENERS,      l->listeners,      sizeof(l->listeners)     },
        { NETWORKS,       l->networks,       sizeof(l->networks)      },
        { SENDERS,        l->senders,        sizeof(l->senders)       },
        { HOURS,          l->hours,          sizeof(l->hours)         },
        { LAST_FROM,      c->last_from,      sizeof(c->last_from)     },
        { LAST_MECHANISM, c->last_mechanism, sizeof(c->last_mechanism)},
        { LAST_TLS,       c->last_tls,       sizeof(c->last_tls)      },
        { LAST_HELO,      c->last_helo,      sizeof(c->last_helo)     },
        { PLAIN,          v->plain,          sizeof(v->plain)         },
        { SCRAM_SHA1,     v->scram_sha1,     sizeof(v->scram_sha1)    },
        { SCRAM_SHA256,   v->scram_sha256,   sizeof(v->scram_sha256)  },
        { SCRAM_SHA512,   v->scram_sha512,   sizeof(v->scram_sha512)  },
    };
    for (size_t i = 0; i < GP_COUNT(texts); i++)
        if (!gp_copy_z(rows_text(r, (int)texts[i].column), texts[i].out, texts[i].room)) return false;
    return true;
}

static bool read_credential(const struct rows *r, struct credential *c)
{
    read_numbers(r, c);
    gp_str cram = rows_blob(r, CRAM);
    if (cram.len > sizeof(c->verifier.cram)) return false;
    c->verifier.cram_len = cram.len;
    if (cram.len) memcpy(c->verifier.cram, cram.ptr, cram.len);
    return read_kind(rows_text(r, KIND), &c->kind) && read_texts(r, c);
}

struct rows credentials_of(struct accounts *a, int64_t account)
{
    struct rows r = rows_of(a->db, "SELECT " COLUMNS " FROM credentials WHERE account = ? ORDER BY cost, id");
    rows_bind_number(&r, account);
    return r;
}

gp_status credentials_next(struct rows *r, struct credential *out)
{
    gp_status status = rows_next(r);
    if (status != GP_OK) return status;
    return read_credential(r, out) ? GP_OK : GP_TEMPFAIL;
}

gp_status credential_owner(struct accounts *a, int64_t id, int64_t *account)
{
    auto_rows r = rows_of(a->db, "SELECT account FROM credentials WHERE id = ?");
    rows_bind_number(&r, id);
    gp_status status = rows_next(&r);
    if (status == GP_OK) *account = rows_number(&r, 0);
    return status;
}

gp_status credential_get(struct accounts *a, int64_t id, struct credential *out)
{
    auto_rows r = rows_of(a->db, "SELECT " COLUMNS " FROM credentials WHERE id = ?");
    rows_bind_number(&r, id);
    return credentials_next(&r, out);
}

gp_status credential_named(struct accounts *a, int64_t account, gp_str label_or_id, struct credential *out)
{
    uint64_t id = 0;
    if (label_or_id.len == 0) return GP_PERMFAIL;
    if (!gp_read_number(label_or_id, INT64_MAX, &id)) id = 0;
    auto_rows r = rows_of(a->db, "SELECT " COLUMNS " FROM credentials WHERE account = ? AND (id = ? OR label = ?)");
    rows_bind_number(&r, account);
    rows_bind_number(&r, (int64_t)id);
    rows_bind_text(&r, label_or_id);
    return credentials_next(&r, out);
}

static gp_status with_subject(struct accounts *a, enum credential_kind kind, gp_str subject, struct credential *out)
{
    auto_rows r = rows_of(a->db, "SELECT " COLUMNS " FROM credentials WHERE kind = ? AND subject = ?"
                                 " AND kind IN ('certificate', 'oauth')"); /* so that its index is used */
    rows_bind_text(&r, gp_from(kinds[kind].name));
    rows_bind_text(&r, subject);
    return credentials_next(&r, out);
}

gp_status accounts_by_subject(struct accounts *a, enum credential_kind kind, gp_str subject, struct account *account,
                              struct credential *out)
{
    char           room[CREDENTIAL_SUBJECT - 1];
    struct gp_text text = GP_TEXT(room);
    const char    *why;
    if (kinds[kind].has_password || !subject_tidy(kind, subject, &text, &why)) return GP_PERMFAIL;
    gp_status status = with_subject(a, kind, gp_said(&text), out);
    return status == GP_OK ? accounts_get(a, out->account, account) : status;
}
