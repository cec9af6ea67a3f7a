/* Who is at the gate: from where, for whom, and whether that account was ever here. What is new is written a second later, many in one
 * transaction, and a place that is used every day once a day. */
#include <string.h>

#include "vault/parts.h"

enum { GUESTS_LOOKED_FOR = GUARD_GUESTS_MOST };

/* ---- trusted networks -------------------------------------------------------------------------------------------------- */
bool gate_trusts(const struct vault *v, const struct place *address)
{
    return place_in(gp_from(v->config->policy.guard.trusted), address);
}

void gate_read_address(struct signin *s)
{
    s->gate.placed        = place_read(gp_from(s->address), &s->gate.address);
    bool trusted          = s->gate.placed && gate_trusts(s->peer->vault, &s->gate.address);
    s->gate.attempt.apart = !s->gate.placed || trusted || signin_in_lane(s);
    if (s->gate.placed) s->gate.attempt.place = guard_place(&s->gate.address);
}

/* ---- was it here before? ----------------------------------------------------------------------------------------------- */
/* What is not written yet counts as well. Who is nobody is looked for as well, so that it takes the same time. A store that cannot be read leaves it a stranger; the check will say that it cannot. */
static void look_up(struct signin *s, int64_t account)
{
    struct vault     *v      = s->peer->vault;
    struct place_ties ties   = { .place = s->gate.attempt.place };
    gp_status         status = GP_OK;
    for (size_t i = 0; i < v->places.count; i++)
        if (v->places.list[i].account == account) (void)place_tie(&ties, &v->places.list[i]);
    if (ties.tier != GUARD_KNOWN) status = places_of(v->accounts, account, wall_now(), place_tie, &ties);
    s->gate.attempt.tier = ties.tier;
    if (ties.last) s->gate.last = ties.last;
    if (status == GP_OK && ties.tier != GUARD_KNOWN && !s->gate.attempt.apart)
        status =
            places_guests(v->accounts, &s->gate.attempt.place, wall_now(), GUESTS_LOOKED_FOR, &s->gate.attempt.guests);
    if (status == GP_TEMPFAIL) vault_store_failed(v);
}

/* The lane of old devices is a door of its own: what is said there counts for nothing elsewhere, and nothing elsewhere counts there. Its
 * networks were named by the administrator, so all of them are places where the account may be. */
static void stand_apart(struct guard_try *t)
{
    const uint64_t another = UINT64_C(0x6c616e65); /* of the same name */
    t->account ^= another;
    t->tier = GUARD_KNOWN;
}

/* ---- who it is --------------------------------------------------------------------------------------------------------- */
static uint64_t name_key(const struct signin *s)
{
    const struct vault *v = s->peer->vault;
    char                room[2 * NAME_ROOM];
    struct gp_text      name = GP_TEXT(room);
    if (s->who.id) return guard_name(v->guard, gp_from(s->who.name));
    accounts_login_key(v->accounts, s->x.user, &name);
    return guard_name(v->guard, gp_said(&name));
}

/* A proof is another each time: what looks the same is the client. */
static void fill_secret(struct signin *s)
{
    struct guard_try *t = &s->gate.attempt;
    char              room[MECHANISM_TEXT + sizeof(s->helo)];
    struct gp_text    looks = GP_TEXT(room);
    t->vague                = s->x.ask == GP_SASL_IS_PROOF;
    if (!t->vague) {
        t->secret = guard_secret(s->peer->vault->guard, t, s->x.secret);
        return;
    }
    gp_put_z(&looks, s->mechanism);
    gp_put_z(&looks, s->helo);
    t->secret = guard_secret(s->peer->vault->guard, t, (gp_secret) { looks.ptr, looks.len });
}

/* Of a token it is not known yet whose it is. */
void gate_fill(struct signin *s)
{
    struct vault     *v = s->peer->vault;
    struct guard_try *t = &s->gate.attempt;
    if (s->x.ask == GP_SASL_IS_TOKEN && (!s->x.user.len || accounts_find(v->accounts, s->x.user, &s->who) != GP_OK))
        s->who.id = 0;
    t->nobody  = s->x.user.len == 0;
    t->account = name_key(s);
    if (signin_in_lane(s))
        stand_apart(t);
    else
        look_up(s, s->who.id);
    fill_secret(s);
}

/* ---- it is here now ---------------------------------------------------------------------------------------------------- */
static bool is_noted(const struct vault *v, const struct place_use *use)
{
    for (size_t i = 0; i < v->places.count; i++)
        if (v->places.list[i].account == use->account && place_same(&v->places.list[i].place, &use->place)) return true;
    return false;
}

/* A token or a certificate says late whose it is. */
void place_note(struct signin *s)
{
    struct vault    *v   = s->peer->vault;
    struct place_use use = { .account = s->account, .place = s->gate.attempt.place, .when = wall_now() };
    if (signin_in_lane(s)) return;
    if (s->who.id != s->account) look_up(s, s->account);
    if (s->gate.last && use.when - s->gate.last < PLACES_AGAIN_MS) return;
    if (is_noted(v, &use)) return;
    if (v->places.count == GP_COUNT(v->places.list)) places_write(v);
    if (v->places.count < GP_COUNT(v->places.list)) v->places.list[v->places.count++] = use;
}

void places_write(struct vault *v)
{
    if (v->places.count == 0) return;
    if (places_note(v->accounts, v->places.list, v->places.count) == GP_OK)
        v->places.count = 0;
    else
        vault_store_failed(v);
}
