/* What changes an account is on record in the transaction that changes it: who did it and what it was, never a secret. */
#include <string.h>

#include "store/accounts_parts.h"

enum { FIELDS_MOST = 24, RESTRICTIONS = 5 };

static gp_str some(const char *z)
{
    return z[0] ? gp_from(z) : GP_NONE;
}

/* Before it is gone, where it goes. */
static gp_status name_of(struct accounts *a, int64_t account, char out[static ACCOUNT_NAME_MOST + 1])
{
    auto_rows r = rows_of(a->db, "SELECT name FROM accounts WHERE id = ?");
    rows_bind_number(&r, account);
    gp_status status = rows_next(&r);
    out[0]           = '\0';
    if (status == GP_OK && !gp_copy_z(rows_text(&r, 0), out, ACCOUNT_NAME_MOST + 1)) return GP_TEMPFAIL;
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status account_audit(struct accounts *a, const char *event, int64_t account, int64_t credential,
                        const struct audit_field *fields)
{
    char               name[ACCOUNT_NAME_MOST + 1];
    struct audit_field all[FIELDS_MOST + 1] = { AUDIT_Z("by", database_operator(a->db)) };
    size_t             count                = 1;
    gp_status          status               = name_of(a, account, name);
    if (status != GP_OK) return status;
    for (; fields->key && count < FIELDS_MOST; fields++) all[count++] = *fields;
    struct audit_entry e = {
        .when = audit_now(), .event = event, .account = account, .credential = credential, .name = gp_from(name)
    };
    return audit_add(a->db, &e, all);
}

gp_status account_audit_added(struct accounts *a, int64_t account, gp_str source, const struct new_account *n)
{
    char           room[AUDIT_DATA_MOST / 2];
    struct gp_text send_as = GP_TEXT(room);
    for (size_t i = 0; n && i < n->send_as_count; i++) {
        gp_put_z(&send_as, n->send_as[i]);
        gp_put_char(&send_as, '\n');
    }
    const struct audit_field fields[] = { AUDIT_S("source", source.len ? source : GP_NONE),
                                          AUDIT_L("send_as", send_as.len ? gp_said(&send_as) : GP_NONE),
                                          { NULL } };
    return account_audit(a, "account-added", account, 0, fields);
}

/* ---- credentials ------------------------------------------------------------------------------------------------------- */
struct restriction {
    const char *key, *before_key, *text;
};

static void list_restrictions(const struct restrictions *l, struct restriction out[static RESTRICTIONS])
{
    const struct restriction all[RESTRICTIONS] = {
        {"mechanisms", "mechanisms_before", l->mechanisms},
        { "listeners", "listeners_before",  l->listeners },
        { "networks",  "networks_before",   l->networks  },
        { "senders",   "senders_before",    l->senders   },
        { "hours",     "hours_before",      l->hours     },
    };
    memcpy(out, all, sizeof all);
}

static void add(struct audit_field *fields, size_t *count, struct audit_field f)
{
    fields[(*count)++] = f;
}

gp_status credential_audit_added(struct accounts *a, int64_t account, int64_t id, const struct new_credential *n)
{
    struct restriction limits[RESTRICTIONS];
    struct audit_field fields[FIELDS_MOST] = { AUDIT_Z("kind", credential_kind_name(n->kind)),
                                               AUDIT_S("label", n->label.len ? n->label : GP_NONE),
                                               AUDIT_S("subject", n->subject.len ? n->subject : GP_NONE) };
    size_t             count               = 3;
    list_restrictions(n->limits, limits);
    for (size_t i = 0; i < RESTRICTIONS; i++)
        add(fields, &count, (struct audit_field)AUDIT_S(limits[i].key, some(limits[i].text)));
    if (n->limits->legacy) add(fields, &count, (struct audit_field)AUDIT_Z("lane", "legacy"));
    if (n->limits->expires) add(fields, &count, (struct audit_field)AUDIT_N("expires", n->limits->expires));
    if (n->limits->idle_days) add(fields, &count, (struct audit_field)AUDIT_N("idle_days", n->limits->idle_days));
    return account_audit(a, "credential-added", account, id, fields);
}

static void add_number(struct audit_field *fields, size_t *count, const char *key, const char *before_key,
                       int64_t number, int64_t before)
{
    if (number == before) return;
    add(fields, count, (struct audit_field)AUDIT_N(key, number));
    add(fields, count, (struct audit_field)AUDIT_N(before_key, before));
}

/* What is other now, and what it was. */
gp_status credential_audit_altered(struct accounts *a, const struct credential *before, gp_str label,
                                   const struct restrictions *now)
{
    struct restriction was[RESTRICTIONS], is[RESTRICTIONS];
    struct audit_field fields[FIELDS_MOST] = { AUDIT_Z("label", before->label) };
    size_t             count               = 1;
    if (!gp_same(label, gp_from(before->label)))
        add(fields, &count, (struct audit_field)AUDIT_S("label_now", label.ptr ? label : GP_LIT("")));
    list_restrictions(&before->limits, was);
    list_restrictions(now, is);
    for (size_t i = 0; i < RESTRICTIONS; i++) {
        if (strcmp(was[i].text, is[i].text) == 0) continue;
        add(fields, &count, (struct audit_field)AUDIT_Z(is[i].key, is[i].text));
        add(fields, &count, (struct audit_field)AUDIT_Z(was[i].before_key, was[i].text));
    }
    add_number(fields, &count, "expires", "expires_before", now->expires, before->limits.expires);
    add_number(fields, &count, "idle_days", "idle_days_before", now->idle_days, before->limits.idle_days);
    return account_audit(a, "credential-altered", before->account, before->id, fields);
}
