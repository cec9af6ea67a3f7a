/* The report's credentials that nobody uses or that are old: as they are now, whatever was counted. Each is in one row at most. */
#include <stdio.h>

#include "cli/queue.h"
#include "cli/report.h"

enum rule { RULE_NEVER, RULE_UNUSED, RULE_OLD, RULES };
static const char *const rule_names[RULES] = {
    [RULE_NEVER] = "credential never used", [RULE_UNUSED] = "credential unused", [RULE_OLD] = "credential old"
};

struct search {
    struct user_store        *store;
    const struct report_ages *ages;
    enum rule                 rule;
    bool (*take)(void *owner, const struct report_row *);
    void *owner;
    bool  stopped, failed;
};

/* Of the password behind a source its age says nothing. RULES: nothing is wrong with it. */
static enum rule rule_of(const struct credential *c, const struct report_ages *ages)
{
    if (credential_state(c, ages->now) != CREDENTIAL_LIVE || c->replaced_by) return RULES;
    if (!c->last_used) return c->created < ages->unused_since ? RULE_NEVER : RULES;
    if (c->last_used < ages->unused_since) return RULE_UNUSED;
    return c->created < ages->made_before && c->kind != CREDENTIAL_SOURCE ? RULE_OLD : RULES;
}

static void put_example(struct gp_text *out, const struct credential *c)
{
    char when[USER_TIME_ROOM];
    gp_put_z(out, credential_kind_name(c->kind));
    gp_put_z(out, ", made ");
    gp_put_z(out, user_time(c->created, when));
    if (c->last_from[0]) gp_put_z(out, ", last used from ");
    gp_put_z(out, c->last_from);
}

static bool give(struct search *s, const struct account *account, const struct credential *c)
{
    char              room[4 * CREDENTIAL_TEXT];
    struct gp_text    example = { .ptr = room, .room = sizeof(room) - 1 };
    struct report_row row     = { .kind       = REPORT_CREDENTIAL,
                                  .rule       = rule_names[s->rule],
                                  .account    = account->name,
                                  .label      = c->label,
                                  .account_id = account->id,
                                  .credential = c->id,
                                  .count      = c->use_count,
                                  .first      = c->created,
                                  .last       = c->last_used,
                                  .example    = room };
    put_example(&example, c);
    room[example.len] = '\0';
    return s->take(s->owner, &row);
}

static bool look_at(void *owner, const struct account *account)
{
    struct search    *s = owner;
    struct credential c;
    gp_status         status = GP_PERMFAIL;
    if (account->disabled) return true;
    auto_rows r = credentials_of(s->store->accounts, account->id);
    while (!s->stopped && (status = credentials_next(&r, &c)) == GP_OK)
        if (rule_of(&c, s->ages) == s->rule) s->stopped = !give(s, account, &c);
    gp_wipe(&c.verifier, sizeof(c.verifier));
    s->failed = status == GP_TEMPFAIL;
    return !s->failed && !s->stopped;
}

gp_status report_old(struct user_store *store, const struct report_ages         *ages,
                     bool (*take)(void *owner, const struct report_row *), void *owner)
{
    struct search s = { .store = store, .ages = ages, .take = take, .owner = owner };
    for (; s.rule < RULES && !s.failed && !s.stopped; s.rule++)
        if (accounts_each(store->accounts, look_at, &s) != GP_OK) return GP_TEMPFAIL;
    return s.failed ? GP_TEMPFAIL : GP_OK;
}
