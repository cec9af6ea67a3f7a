/* The table of meters: found by hash, in the order of their last use, the changed ones in a list of their own. */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"

enum { AGE_EVERY_MS = 3600 * 1000, WRITE_MOST = 4096 };

static struct meter **bucket_of(struct meters *m, enum limit_scope scope, int64_t subject)
{
    enum { SHIFT = 40 };
    uint64_t mixed = ((uint64_t)subject * LIMIT_SCOPES + scope) * UINT64_C(0x9e3779b97f4a7c15);
    return &m->buckets[(mixed >> SHIFT) & (METER_BUCKETS - 1)];
}

/* ---- the order of their last use ------------------------------------------------------------------------------------------- */
static void leave_order(struct meters *all, struct meter *m)
{
    *(m->older ? &m->older->younger : &all->oldest)     = m->younger;
    *(m->younger ? &m->younger->older : &all->youngest) = m->older;
}

static void become_youngest(struct meters *all, struct meter *m)
{
    m->older                                                  = all->youngest;
    m->younger                                                = NULL;
    *(all->youngest ? &all->youngest->younger : &all->oldest) = m;
    all->youngest                                             = m;
}

static void meter_free(struct meter *m)
{
    free(m->brake);
    free(m->own);
    free(m);
}

static void drop(struct meters *all, struct meter *m)
{
    struct meter **at = bucket_of(all, m->scope, m->subject);
    while (*at != m) at = &(*at)->next;
    *at = m->next;
    leave_order(all, m);
    all->count--;
    meter_free(m);
}

/* What is changed or in use stays: it would be lost, or counted wrong. */
static bool make_room(struct vault *v)
{
    struct meters *all = &v->meters;
    if (all->count < METERS_MOST) return true;
    if (all->dirty) meters_write(v);
    struct meter *m = all->oldest;
    while (m && (m->dirty || m->sessions > 0)) m = m->younger;
    if (m) drop(all, m);
    return m != NULL;
}

/* ---- one of them --------------------------------------------------------------------------------------------------------------- */
static struct meter *add(struct vault *v, enum limit_scope scope, int64_t subject)
{
    struct meter *m = make_room(v) ? calloc(1, sizeof *m) : NULL;
    if (!m) return NULL;
    if (usage_load(v->accounts, scope, subject, &m->usage) != GP_OK) {
        vault_store_failed(v);
        free(m);
        return NULL;
    }
    m->scope            = scope;
    m->subject          = subject;
    struct meter **head = bucket_of(&v->meters, scope, subject);
    m->next             = *head;
    *head               = m;
    v->meters.count++;
    become_youngest(&v->meters, m);
    return m;
}

struct meter *meter_of(struct vault *v, enum limit_scope scope, int64_t subject)
{
    struct meter *m = *bucket_of(&v->meters, scope, subject);
    while (m && (m->scope != scope || m->subject != subject)) m = m->next;
    if (!m) return add(v, scope, subject);
    leave_order(&v->meters, m);
    become_youngest(&v->meters, m);
    return m;
}

static bool has_any(const struct own_limits *own)
{
    bool any = own->has_sessions;
    for (size_t i = 0; i < LIMIT_THINGS; i++) any |= own->has[i];
    return any;
}

bool meter_read_own(struct vault *v, struct meter *m, int64_t account, int64_t credential)
{
    struct own_limits fresh;
    if (m->rules_of == v->changes + 1) return true;
    if (own_limits_load(v->accounts, account, credential, &fresh) != GP_OK) {
        vault_store_failed(v);
        return false;
    }
    free(m->own);
    m->own = has_any(&fresh) ? malloc(sizeof *m->own) : NULL;
    if (m->own) *m->own = fresh;
    m->rules_of = v->changes + 1;
    return m->own || !has_any(&fresh);
}

void meter_touched(struct vault *v, struct meter *m)
{
    if (m->dirty) return;
    m->dirty        = true;
    m->dirty_next   = v->meters.dirty;
    v->meters.dirty = m;
}

/* ---- written behind ----------------------------------------------------------------------------------------------------------------- */
static gp_status put_meters(struct vault *v, gp_time now)
{
    gp_status status = GP_OK;
    for (struct meter *m = v->meters.dirty; m && status == GP_OK; m = m->dirty_next) {
        status = usage_put(v->accounts, m->scope, m->subject, &m->usage);
        if (status == GP_OK && m->brake) status = brake_write(v, m->brake, now);
    }
    return status;
}

static gp_status put_meetings(struct vault *v, gp_time now)
{
    gp_status status = GP_OK;
    if (v->meters.meeting_count == 0) return GP_OK;
    for (size_t i = 0; i < MEETINGS_MOST && status == GP_OK; i++) {
        const struct meeting *one = &v->meters.meetings[i];
        if (one->account == 0) continue;
        status = usage_meet(v->accounts, one->account, one->digest, now);
        if (status == GP_PERMFAIL) status = GP_OK; /* the account is gone */
    }
    return status;
}

static void all_written(struct meters *all)
{
    while (all->dirty) {
        struct meter *m = all->dirty;
        all->dirty      = m->dirty_next;
        m->dirty        = false;
        if (m->brake) m->brake->begins = false;
    }
    if (all->meeting_count == 0) return;
    for (size_t i = 0; i < MEETINGS_MOST; i++) all->meetings[i].account = 0;
    all->meeting_count = 0;
}

static void age(struct vault *v, gp_time now)
{
    if (now - v->meters.aged < AGE_EVERY_MS) return;
    v->meters.aged = now;
    if (usage_age(v->accounts, now) != GP_OK) vault_store_failed(v);
}

void meters_write(struct vault *v)
{
    auto_transaction t   = { NULL };
    gp_time          now = wall_now();
    age(v, now);
    if (!v->meters.dirty && v->meters.meeting_count == 0) return;
    gp_status status = transaction_begin(&t, accounts_database(v->accounts));
    if (status == GP_OK) status = put_meters(v, now);
    if (status == GP_OK) status = put_meetings(v, now);
    if (status == GP_OK) status = transaction_commit(&t);
    if (status == GP_OK)
        all_written(&v->meters);
    else
        vault_store_failed(v);
}

void meters_close(struct vault *v)
{
    for (struct meter *m = v->meters.oldest, *younger; m; m = younger) {
        younger = m->younger;
        meter_free(m);
    }
    v->meters = (struct meters) { 0 };
}

/* ---- whom an account has written to -------------------------------------------------------------------------------------------------- */
static int64_t digest_of(const struct vault *v, gp_str address)
{
    return usage_digest((gp_str) { (const char *)v->keys.recipients, sizeof v->keys.recipients }, address);
}

/* Where it is, or where it would be; NULL: there is no place. */
static struct meeting *meeting_at(struct meters *all, int64_t account, int64_t digest)
{
    uint64_t at = (uint64_t)digest ^ ((uint64_t)account * UINT64_C(0x9e3779b97f4a7c15));
    for (size_t i = 0; i < MEETINGS_MOST; i++) {
        struct meeting *one = &all->meetings[(at + i) & (MEETINGS_MOST - 1)];
        if (one->account == 0 || (one->account == account && one->digest == digest)) return one;
    }
    return NULL;
}

static gp_str next_address(gp_str *lines)
{
    gp_str line = gp_cut(lines, '\n');
    return gp_cut(&line, '\t');
}

int64_t meetings_new(struct vault *v, int64_t account, gp_str recipients, gp_time now)
{
    int64_t count = 0;
    while (recipients.len > 0) {
        bool                  stale;
        int64_t               digest = digest_of(v, next_address(&recipients));
        const struct meeting *one    = meeting_at(&v->meters, account, digest);
        if (one && one->account != 0) continue;
        gp_status status = usage_knows(v->accounts, account, digest, now, &stale);
        if (status == GP_TEMPFAIL) {
            vault_store_failed(v);
            return -1;
        }
        count += status == GP_PERMFAIL;
    }
    return count;
}

/* A half of the places is kept free, so that looking stays short. Who does not fit even then will be new once more. */
void meetings_keep(struct vault *v, int64_t account, gp_str recipients, gp_time now)
{
    while (recipients.len > 0) {
        bool    stale  = true;
        int64_t digest = digest_of(v, next_address(&recipients));
        if (v->meters.meeting_count >= MEETINGS_MOST / 2) meters_write(v);
        struct meeting *one = meeting_at(&v->meters, account, digest);
        if (!one || one->account != 0 || v->meters.meeting_count >= MEETINGS_MOST / 2) continue;
        if (usage_knows(v->accounts, account, digest, now, &stale) == GP_OK && !stale) continue;
        *one = (struct meeting) { account, digest };
        v->meters.meeting_count++;
    }
}
