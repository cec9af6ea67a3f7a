/* The report's credentials that nobody uses or that are old: as they are now, whatever was counted. Each is in one row at most. */
#include <stdio.h>

#include "cli/queue.h"
#include "cli/report.h"

enum rule { RULE_NEVER, RULE_UNUSED, RULE_OLD, RULES };
static const char *const rule_names[RULES] = {
    [RULE_NEVER] = "credential never used", [RULE_UNUSED] = "credential unused", [RULE_OLD] = "credential old"
};

struct search {
    const struct report_ages *ages;
    enum rule                 rule;
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

static bool fill(const void *part, const struct account *account, const struct credential *c, struct report_row *row,
                 struct gp_text *example)
{
    const struct search *s    = part;
    enum rule            rule = rule_of(c, s->ages);
    if (account->disabled || rule == RULES || rule != s->rule) return false;
    row->kind  = REPORT_CREDENTIAL;
    row->rule  = rule_names[rule];
    row->count = c->use_count;
    put_example(example, c);
    return true;
}

gp_status report_old(struct user_store *store, const struct report_ages         *ages,
                     bool (*take)(void *owner, const struct report_row *), void *owner)
{
    struct search      s      = { .ages = ages };
    struct report_walk walk   = { .store = store, .fill = fill, .part = &s, .take = take, .owner = owner };
    gp_status          status = GP_OK;
    for (; s.rule < RULES && status == GP_OK && !walk.stopped; s.rule++) status = report_credentials(&walk);
    return status;
}
