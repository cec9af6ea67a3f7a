/* What everybody's no costs: the slow verifiers of the account whose live credentials cost the most together. A check for a name that
 * does not exist tries those, so that its time is that of the real thing, whatever algorithm that is. Read after each change and held by
 * the checks that began since. */
#include <stdlib.h>

#include "vault/parts.h"

static bool is_wanted(const struct credential *c, gp_time now)
{
    return credential_kind_has_password(c->kind) && credential_state(c, now) == CREDENTIAL_LIVE &&
           verifier_cost(&c->verifier) > 0;
}

static void put_first(struct decoy *d, const struct verifier *v)
{
    if (d->count == CREDENTIALS_SLOW_MOST) return;
    for (size_t i = d->count++; i > 0; i--) d->verifiers[i] = d->verifiers[i - 1];
    d->verifiers[0] = *v;
}

/* They come with rising costs. */
static gp_status read_all(struct decoy *d, struct accounts *a, int64_t account, gp_time now)
{
    gp_status         status;
    struct credential one;
    auto_rows         r = credentials_of(a, account);
    while ((status = credentials_next(&r, &one)) == GP_OK)
        if (is_wanted(&one, now)) put_first(d, &one.verifier);
    gp_wipe(&one.verifier, sizeof(one.verifier));
    return status;
}

struct decoy *decoy_open(struct accounts *a, const struct survey *survey, gp_time now)
{
    struct decoy *d = calloc(1, sizeof(*d));
    if (!d) return NULL;
    d->holders = 1;
    d->cost    = survey->cost;
    if (!survey->dearest || read_all(d, a, survey->dearest, now) == GP_PERMFAIL) return d;
    decoy_leave(d);
    return NULL;
}

struct decoy *decoy_hold(struct decoy *d)
{
    if (d) d->holders++;
    return d;
}

void decoy_leave(struct decoy *d)
{
    if (!d || --d->holders > 0) return;
    gp_wipe(d, sizeof(*d));
    free(d);
}
