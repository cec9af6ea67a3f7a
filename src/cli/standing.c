/* How things stand now: one function for each policy that remembers something, and a list of them for an account and for an address. */
#include "cli/standing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/limit.h"
#include "cli/queue.h"
#include "cli/story.h"
#include "store/brakes.h"
#include "store/places.h"
#include "store/usage.h"

enum { PLACES_SHOWN = 4, GUESTS_MOST = 1000 };

struct subject {
    struct user_store    *store;
    const struct account *account; /* NULL: it is an address */
    gp_str                address;
    struct place          place;
    gp_time               now;
    struct standing      *out;
};

/* ---- saying --------------------------------------------------------------------------------------------------------- */
static void put(char *out, size_t room, gp_str text)
{
    if (!gp_copy_z(gp_head(text, room - 1), out, room)) out[0] = '\0';
}

static void say(const struct subject *s, const char *what, gp_str text, const char *next)
{
    char           room[STANDING_TEXT];
    struct gp_text step = GP_TEXT(room);
    struct advice  a    = { .account = s->account ? gp_from(s->account->name) : GP_NONE, .address = s->address };
    if (s->out->count == STANDING_MOST) return;
    struct standing_fact *fact = &s->out->facts[s->out->count++];
    *fact                      = (struct standing_fact) { .what = what };
    advice_fill(&step, next, &a);
    put(fact->text, sizeof(fact->text), text);
    put(fact->next, sizeof(fact->next), gp_said(&step));
}

static void put_time(struct gp_text *out, gp_time when)
{
    char room[USER_TIME_ROOM];
    gp_put_z(out, user_time(when, room));
}

/* ---- the brake ------------------------------------------------------------------------------------------------------- */
static uint64_t latest(const struct brake_place *list, size_t count)
{
    const struct brake_place *last = &list[0];
    for (size_t i = 1; i < count; i++)
        if (list[i].last > last->last) last = &list[i];
    return last->what;
}

/* What one usual message would score: from where it was last, to one whom it knows. On a copy. */
static void put_score(struct gp_text *out, struct brake_state state, gp_time now)
{
    struct brake_score   score;
    struct brake_message usual = { .network    = latest(state.networks, BRAKE_NETWORKS),
                                   .client     = latest(state.clients, BRAKE_CLIENTS),
                                   .mechanism  = latest(state.mechanisms, BRAKE_MECHANISMS),
                                   .recipients = 1 };
    brake_message(&state, &usual, now, &score);
    brake_score_put(out, &score);
}

static void say_held(const struct subject *s, const struct brake_row *row)
{
    bool           shadow = s->store->config.policy.brake.mode != POLICY_ENFORCE;
    char           room[STANDING_TEXT];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, shadow ? "its mail would be held since " : "its mail is held since ");
    put_time(&text, row->state.held);
    gp_put_z(&text, ": ");
    gp_put(&text, gp_head(gp_from(row->why), text.room - text.len));
    say(s, "brake", gp_said(&text),
        shadow
            ? "look at what it sent; was it right: `gatepost queue release --account {account}`; was it stolen: `gatepost user lock {account}`"
            : "look at it: `gatepost queue list --held`; then `gatepost queue release --account {account}`, or `gatepost user lock {account}`");
}

static gp_status say_brake(const struct subject *s)
{
    char             room[STANDING_TEXT];
    struct gp_text   text = GP_TEXT(room);
    struct brake_row row;
    if (s->store->config.policy.brake.mode == POLICY_OFF) return GP_OK;
    if (brake_load(s->store->accounts, s->account->id, &row) != GP_OK) return GP_TEMPFAIL;
    bool released = brake_was_released(&row, s->now);
    if (brake_was_stolen(&row)) brake_stolen(&row.state, brake_suspected_since(&row));
    if (row.state.held && !released) {
        say_held(s, &row);
        return GP_OK;
    }
    if (!row.state.when) return GP_OK; /* it never sent */
    if (released) brake_release(&row.state, s->now);
    gp_put_z(&text, "holds nothing; one message as usual would score ");
    put_score(&text, row.state, s->now);
    if (row.released) gp_put_z(&text, "; released ");
    if (row.released) put_time(&text, row.released);
    say(s, "brake", gp_said(&text), "");
    return GP_OK;
}

/* ---- limits ------------------------------------------------------------------------------------------------------------ */
static bool say_rate(void *owner, const struct limit_row *row)
{
    enum { ALMOST = 5 };
    const struct subject *s = owner;
    char                  room[STANDING_TEXT];
    struct gp_text        text = GP_TEXT(room);
    if (row->used == 0 || !row->rate) return true;
    gp_put_z(&text, row->what);
    if (row->whose[0]) gp_put_z(&text, " of credential ");
    gp_put_z(&text, row->whose);
    gp_put_z(&text, ": ");
    gp_put_number(&text, (int64_t)row->used);
    gp_put_z(&text, " used of ");
    rate_put(&text, row->rate);
    bool almost = row->used >= row->rate->burst - row->rate->burst / ALMOST;
    say(s, "limits", gp_said(&text), almost ? "`gatepost limit set {account} WHAT RATES` if it may send more" : "");
    return true;
}

static gp_status say_limits(const struct subject *s)
{
    struct subject own = *s;
    return s->store->config.policy.limits.mode == POLICY_OFF ? GP_OK
                                                             : limit_visit(s->store, s->account->id, say_rate, &own);
}

static gp_status say_address_limits(const struct subject *s)
{
    const struct limit_rules *rules = &s->store->config.policy.limits.scopes[LIMIT_ADDRESS];
    struct subject            own   = *s;
    struct limit_usage        usage;
    int64_t                   digest = (int64_t)place_digest(s->address);
    if (s->store->config.policy.limits.mode == POLICY_OFF) return GP_OK;
    if (usage_load(s->store->accounts, LIMIT_ADDRESS, digest, &usage) != GP_OK) return GP_TEMPFAIL;
    for (size_t t = 0; t < LIMIT_THINGS; t++)
        for (size_t i = 0; i < rules->things[t].count; i++) {
            const struct rate *rate = &rules->things[t].list[i];
            struct limit_row   row  = { .whose = "",
                                        .what  = limit_thing_name((enum limit_thing)t),
                                        .rate  = rate,
                                        .used  = rate_used(rate, &usage.things[t][i], s->now) };
            (void)say_rate(&own, &row);
        }
    return GP_OK;
}

/* ---- places and bans ------------------------------------------------------------------------------------------------------ */
struct been {
    size_t           count;
    struct place_use list[PLACES_MOST];
};

static bool take_place(void *owner, const struct place_use *use)
{
    struct been *b = owner;
    if (b->count < PLACES_MOST) b->list[b->count++] = *use;
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const struct place_use *x = a, *y = b;
    return (x->when < y->when) - (x->when > y->when);
}

struct matches {
    const struct subject *subject;
    const struct been    *been; /* NULL: those that cover the address */
};

static bool concerns(const struct matches *m, const struct ban *ban)
{
    if (!m->been) return place_covers(&ban->place, &m->subject->place);
    for (size_t i = 0; ban->manual && i < m->been->count; i++) /* places where it was are spared of the guard's own */
        if (place_covers(&ban->place, &m->been->list[i].place)) return true;
    return false;
}

static bool say_ban(void *owner, const struct kept_ban *kept)
{
    const struct matches *m   = owner;
    const struct ban     *ban = &kept->ban;
    char                  room[STANDING_TEXT], place_room[PLACE_TEXT];
    struct gp_text        text = GP_TEXT(room), network = { .ptr = place_room, .room = sizeof(place_room) - 1 };
    struct subject        at = *m->subject;
    if ((ban->until && ban->until <= m->subject->now) || !concerns(m, ban)) return true;
    place_put(&network, &ban->place);
    gp_put(&text, gp_said(&network));
    gp_put_z(&text, m->been ? ", where it signs in from, is banned by the administrator" : " is banned by the ");
    if (!m->been)
        gp_put_z(&text, ban->manual ? "administrator" : "guard, but for accounts that have signed in from there");
    gp_put_z(&text, ban->until ? " until " : " until it is taken back");
    if (ban->until) put_time(&text, ban->until);
    if (kept->reason[0]) gp_put_z(&text, ": ");
    gp_put(&text, gp_head(gp_from(kept->reason), text.room - text.len));
    at.address = gp_said(&network);
    say(&at, "ban", gp_said(&text), "`gatepost ban remove {address}` ends it");
    return true;
}

static void put_places(struct gp_text *text, const struct been *b)
{
    gp_put_z(text, "known at ");
    gp_put_number(text, (int64_t)b->count);
    gp_put_z(text, b->count == 1 ? " place: " : " places, lately: ");
    for (size_t i = 0; i < b->count && i < PLACES_SHOWN; i++) {
        if (i > 0) gp_put_z(text, ", ");
        place_put(text, &b->list[i].place);
        gp_put_z(text, " (");
        put_time(text, b->list[i].when);
        gp_put_char(text, ')');
    }
}

static gp_status say_places(const struct subject *s)
{
    char           room[STANDING_TEXT];
    struct gp_text text = GP_TEXT(room);
    struct been    b    = { .count = 0 };
    struct matches m    = { s, &b };
    if (places_of(s->store->accounts, s->account->id, s->now, take_place, &b) != GP_OK) return GP_TEMPFAIL;
    qsort(b.list, b.count, sizeof(b.list[0]), newest_first);
    if (b.count > 0) put_places(&text, &b);
    if (b.count > 0) say(s, "guard", gp_said(&text), "");
    return kept_bans(s->store->accounts, say_ban, &m);
}

static gp_status say_guests(const struct subject *s)
{
    char           room[STANDING_TEXT];
    struct gp_text text    = GP_TEXT(room);
    unsigned       guests  = 0;
    struct place   counted = guard_place(&s->place);
    if (places_guests(s->store->accounts, &counted, s->now, GUESTS_MOST, &guests) != GP_OK) return GP_TEMPFAIL;
    gp_put_number(&text, guests);
    gp_put_z(&text, guests == 1 ? " account has signed in from there" : " accounts have signed in from there");
    if (place_in(gp_from(s->store->config.policy.guard.trusted), &s->place))
        gp_put_z(&text, "; it is in policy.guard.trusted: not counted or banned for guesses");
    say(s, "guard", gp_said(&text), "");
    return GP_OK;
}

static gp_status say_bans(const struct subject *s)
{
    struct matches m      = { s, NULL };
    size_t         before = s->out->count;
    gp_status      status = kept_bans(s->store->accounts, say_ban, &m);
    if (status == GP_OK && s->out->count == before) say(s, "ban", GP_LIT("it is not banned"), "");
    return status;
}

/* ---- all together ---------------------------------------------------------------------------------------------------------- */
typedef gp_status  tell(const struct subject *);
static tell *const of_account[] = { say_brake, say_places, say_limits };
static tell *const of_address[] = { say_bans, say_guests, say_address_limits };

gp_status standing_of_account(struct user_store *store, const struct account *account, struct standing *out)
{
    struct subject s      = { .store = store, .account = account, .now = user_now(), .out = out };
    gp_status      status = GP_OK;
    for (size_t i = 0; i < GP_COUNT(of_account) && status == GP_OK; i++) status = of_account[i](&s);
    return status;
}

gp_status standing_of_address(struct user_store *store, gp_str address, struct standing *out)
{
    struct subject s      = { .store = store, .address = address, .now = user_now(), .out = out };
    gp_status      status = GP_OK;
    if (!place_read(address, &s.place)) return GP_OK;
    for (size_t i = 0; i < GP_COUNT(of_address) && status == GP_OK; i++) status = of_address[i](&s);
    return status;
}

void standing_print(const struct standing *s)
{
    for (size_t i = 0; i < s->count; i++) {
        (void)printf("  %-7s ", s->facts[i].what);
        print_text(gp_from(s->facts[i].text));
        if (s->facts[i].next[0]) (void)printf("\n    next  %s", s->facts[i].next);
        (void)putchar('\n');
    }
}

json_t *standing_json(const struct standing *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->count; i++) {
        const struct standing_fact *f = &s->facts[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "what", f->what, "text",
                                                    text_json(gp_from(f->text)), "next", text_json(gp_from(f->next))));
    }
    return list;
}
