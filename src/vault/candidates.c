/* The credentials that a sign-in may be with. What is read and tried for a name that does not exist, or that has few, is filled up with
 * those of the account that has most, for nothing: so that every no is the same work. */
#include "vault/parts.h"

struct candidates candidates_of(struct vault *v, int64_t account)
{
    return (struct candidates) { .vault = v, .rows = credentials_of(v->accounts, account) };
}

static void turn_to_others(struct candidates *c)
{
    rows_end(&c->rows);
    c->rows   = credentials_of(c->vault->accounts, c->vault->survey.crowded);
    c->others = true;
}

gp_status candidates_next(struct candidates *c, struct credential *out)
{
    gp_status status = GP_PERMFAIL;
    if (!c->others) {
        status = credentials_next(&c->rows, out);
        if (status == GP_PERMFAIL) turn_to_others(c);
    }
    if (c->others && c->seen < c->vault->survey.credentials) status = credentials_next(&c->rows, out);
    c->seen++;
    return status;
}

void candidates_end(struct candidates *c)
{
    rows_end(&c->rows);
}

static struct circumstances circumstances_of(const struct signin *s)
{
    gp_time now = wall_now();
    return (struct circumstances) { .mechanism = gp_from(s->mechanism),
                                    .listener  = gp_from(s->peer->vault->config->listen[s->listener].name),
                                    .lane      = signin_in_lane(s),
                                    .address   = gp_from(s->address),
                                    .now       = now,
                                    .local     = moment_local(now) };
}

struct found found_of(const struct signin *s, const struct account *account, const struct credential *c)
{
    struct found         found = { .id = c->id, .kind = c->kind, .retires = c->retires };
    struct circumstances here  = circumstances_of(s);
    struct gp_text       why   = { .ptr = found.refused, .room = sizeof(found.refused) - 1 };
    (void)gp_copy_z(gp_from(c->label), found.label, sizeof(found.label));
    if (judge(account, c, &here, &why)) why.len = 0;
    found.refused[why.len] = '\0';
    return found;
}
