/* Hosts that gave no connection or no greeting, or greet and say no more: thousands of domains may have the same one, and only one of them has to
 * find out.
 *
 *   state     meaning                                            ends when
 *   unknown   it has no entry: a few connect, and nobody more while one waits for a second
 *                                                                it greets one of them: there; or a connection fails: waiting
 *   there     it greeted somebody or settled a message lately: as many connect as want, but for a share that is kept for others; until it settles
 *             one, a share is all it gets; and nobody more while several wait for a reply of it and none comes
 *                                                                a minute is over
 *   waiting   now < until: no delivery connects there            until, or a command asks for a retry: probed
 *   probed    the delivery that came next connects there; until is moved on first, so that the others go on waiting
 *             a greeting: there; no greeting: waiting, for twice as long
 *
 *   The queue hears of a greeting where a delivery was barred before, or has failed; and of a message that is settled, where one was barred until that.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "relay/parts.h"

enum {
    SECONDS    = 1000,
    STEP_MOST  = 10 * 60 * SECONDS, /* as queue/schedule.c leaves a destination alone at most */
    STEP_USUAL = 7 * 60 * SECONDS,
    FORGOTTEN =
        5 * 60 * 60 *
        SECONDS, /* after its time: later than the longest step of mail that waits for it, which it is told of when it answers */
    THERE        = 60 * SECONDS,
    SLOW         = 1 * SECONDS,  /* that an unknown one has not greeted             */
    SLOW_THERE   = 10 * SECONDS, /* that one has not greeted which was there lately, or has given no reply */
    SILENT_REST  = 30 * SECONDS, /* for one that has given none: it is heard of when it does */
    SOON         = 1 * SECONDS,
    JITTER_SHARE = 8,
    SHARES       = 4, /* of all connections, one is for a host that is not known, and one is kept from one that is */
    LEAST        = 4,
    SPREAD       = 4, /* times SOON: those who find no room there do not all come back at once */
    TIME_ROOM    = 32,
    MINUTES_AT   = 11, /* of RFC 3339: what is before the hours and minutes */
    MINUTES_LEN  = 5,
};

/* ---- keys ------------------------------------------------------------------------------------------------------------ */
static struct down_key key_of(const struct config_route *route, const struct sockaddr_storage *to)
{
    const struct sockaddr_in6 *v6  = (const struct sockaddr_in6 *)to;
    const struct sockaddr_in  *v4  = (const struct sockaddr_in *)to;
    struct down_key            key = { .family = to->ss_family, .route = route };
    if (to->ss_family == AF_INET6) {
        memcpy(key.address, &v6->sin6_addr, sizeof key.address);
        key.port = v6->sin6_port;
    } else {
        memcpy(key.address, &v4->sin_addr, sizeof v4->sin_addr);
        key.port = v4->sin_port;
    }
    return key;
}

static bool is_same_key(const struct down_key *a, const struct down_key *b)
{
    return a->family == b->family && a->port == b->port && a->route == b->route &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

static void put_key(struct gp_text *out, const struct config_route *route, const struct sockaddr_storage *to)
{
    address_put(out, to, true);
    gp_put_char(out, ' ');
    if (route) gp_put_z(out, route->name);
}

/* With what comes of the delivery the queue hears which hosts it waits for. */
static void name_down(struct delivery *d, const struct config_route *route, const struct sockaddr_storage *to)
{
    if (d->down_count++ >= DOWN_NAMED_MOST) return;
    put_key(&d->down, route, to);
    gp_put_char(&d->down, '\n');
}

/* FNV-1a. Who fills a set pushes out what is forgotten soonest, and costs a connection. */
static struct down *set_of(struct relay *r, const struct down_key *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ key->port;
    for (size_t i = 0; i < sizeof key->address; i++) hash = (hash ^ key->address[i]) * UINT64_C(0x100000001b3);
    return &r->downs[hash % DOWN_SETS * DOWN_WAYS];
}

/* 0: it is no entry. */
static gp_time known_until(const struct down *e)
{
    return e->until && e->failures ? e->until + FORGOTTEN : e->until;
}

static struct down *find(struct relay *r, const struct down_key *key, gp_time now)
{
    struct down *set = set_of(r, key);
    for (size_t i = 0; i < DOWN_WAYS; i++)
        if (now < known_until(&set[i]) && is_same_key(&set[i].key, key)) return &set[i];
    return NULL;
}

static struct down *place_for(struct relay *r, const struct down_key *key, gp_time now)
{
    struct down *found = find(r, key, now), *set = set_of(r, key), *least = set;
    if (found) return found;
    for (size_t i = 1; i < DOWN_WAYS; i++)
        if (known_until(&set[i]) < known_until(least)) least = &set[i];
    *least = (struct down) { .key = *key };
    return least;
}

/* ---- time ------------------------------------------------------------------------------------------------------------ */
static gp_time step_of(const struct config *c, unsigned failures)
{
    gp_time step = c->queue.retry_count ? (gp_time)c->queue.retries[0] * SECONDS / 2 : STEP_USUAL;
    for (unsigned i = 1; i < failures && step < STEP_MOST; i++) step *= 2;
    return step < STEP_MOST ? step : STEP_MOST;
}

static void wait_on(struct relay *r, struct down *e, gp_time now)
{
    gp_time  step = step_of(r->config, e->failures);
    uint64_t draw = 0;
    gp_random(&draw, sizeof draw);
    e->until = now + step + (gp_time)(draw % (uint64_t)(step / JITTER_SHARE + 1));
}

/* ---- may a delivery connect there? ------------------------------------------------------------------------------------- */
struct unanswered {
    size_t  count; /* connections that wait for a greeting */
    gp_time since; /* when the first of those was opened that are not excused; NEVER: all are */
};
#define NEVER INT64_MAX

static bool is_at(const struct hop *h, const struct down_key *key)
{
    const struct down_key its = key_of(h->route, &h->at);
    return is_same_key(&its, key);
}

static struct unanswered count_unanswered(const struct relay *r, const struct down_key *key)
{
    struct unanswered u = { 0, NEVER };
    for (const struct hop *h = r->hops; h; h = h->next) {
        if (h->answered || !is_at(h, key)) continue;
        u.count++;
        if (!h->excused && h->since < u.since) u.since = h->since;
    }
    return u;
}

/* Connections that one address may hold: a share, or all shares but one. */
static size_t most_of(const struct relay *r, bool known)
{
    const unsigned all   = r->config->relay.connections_most;
    const unsigned share = (all < ATTEMPTS_MOST ? all : ATTEMPTS_MOST) / SHARES,
                   most  = known ? (SHARES - 1) * share : share;
    return most > LEAST ? most : LEAST;
}

static bool are_enough(const struct relay *r, const struct unanswered *u, bool there, gp_time now)
{
    bool slow = u->since != NEVER && now - u->since >= (there ? SLOW_THERE : SLOW);
    return u->count && (u->count >= most_of(r, there) || slow);
}

/* ---- and does it say anything then? ------------------------------------------------------------------------------------ */
struct busy {
    size_t  count;       /* connections with a message, or on their way to one    */
    gp_time since, last; /* by loop_now: for a reply it is waited since; a last sign of life */
};

static struct busy count_busy(const struct relay *r, const struct down_key *key, const struct down *e)
{
    struct busy b = { .since = NEVER, .last = e ? e->settled : 0 };
    for (const struct hop *h = r->hops; h; h = h->next) {
        if (h->via.kind != RELAY_MX || !is_at(h, key)) continue;
        if (h->moved > b.last && (!h->delivery || h->started)) b.last = h->moved;
        if (!h->delivery) continue;
        b.count++;
        if (h->moved < b.since) b.since = h->moved;
    }
    return b;
}

static bool is_silent(const struct busy *b, gp_time now)
{
    return b->count >= LEAST && now - b->since >= SLOW_THERE && now - b->last >= SLOW_THERE;
}

/* true: when it may be asked again. Who waits for the first word is told when that comes; others, in no order, when there may be room. */
static bool is_taken(const struct relay *r, const struct down_key *key, const struct down *e, gp_time *rest)
{
    const struct busy b       = count_busy(r, key, e);
    const bool        settles = e && e->settled, silent = is_silent(&b, loop_now(r->loop));
    uint64_t          draw = 0;
    if (!silent && b.count < most_of(r, settles)) return false;
    gp_random(&draw, sizeof draw);
    *rest = silent ? SILENT_REST : SOON + (gp_time)(draw % ((uint64_t)SPREAD * SOON));
    for (struct hop *h = r->hops; h && (silent || !settles); h = h->next)
        if (h->via.kind == RELAY_MX && is_at(h, key)) h->missed = true;
    return true;
}

static void bar(struct delivery *d, gp_time again, const struct sockaddr_storage *to, const char *host,
                const struct down *e)
{
    struct shut *s = &d->shut;
    name_down(d, d->way.route, to);
    if (s->again && s->again <= again) return;
    *s = (struct shut) { .again = again, .to = *to, .host = host };
    if (!e) return;
    s->failed_at = e->failed_at;
    memcpy(s->why, e->why, sizeof s->why);
}

/* Until those who wait there already know more. */
static void bar_for_now(struct delivery *d, const struct unanswered *u, const struct down_key *key,
                        const struct sockaddr_storage *to, const char *host, gp_time now)
{
    gp_time patience = (gp_time)d->relay->config->relay.connect_timeout * SECONDS, known = now + SOON;
    if (u->since == NEVER)
        known = now + SLOW_THERE; /* nobody says when one of those is given up */
    else if (now - u->since >= SLOW)
        known = u->since + patience < now + SOON ? now + patience : u->since + patience;
    for (struct hop *h = d->relay->hops; h; h = h->next)
        if (!h->answered && is_at(h, key)) h->awaited = true;
    bar(d, known, to, host, NULL);
}

bool down_bars(struct delivery *d, const struct sockaddr_storage *to, const char *host, gp_time now)
{
    struct relay *r = d->relay;
    if (d->way.hop.kind != RELAY_MX || d->in_clear) return false;
    const struct down_key key = key_of(d->way.route, to);
    struct down          *e   = find(r, &key, now);
    if (e && e->failures) {
        if (now < e->until && e->until <= now + 2 * (gp_time)STEP_MOST) { /* else: the clock was set back */
            bar(d, e->until, to, host, e);
            return true;
        }
        wait_on(r, e, now);
        return false;
    }
    struct unanswered u    = count_unanswered(r, &key);
    gp_time           rest = 0;
    if (are_enough(r, &u, e != NULL, now)) {
        bar_for_now(d, &u, &key, to, host, now);
        return true;
    }
    if (!is_taken(r, &key, e, &rest)) return false;
    bar(d, now + rest, to, host, NULL);
    return true;
}

/* ---- what came of it --------------------------------------------------------------------------------------------------- */
void down_begins(struct hop *h, const struct delivery *d, const struct sockaddr_storage *to, gp_time now)
{
    h->at       = *to;
    h->route    = d->way.route;
    h->since    = now;
    h->answered = d->way.hop.kind != RELAY_MX;
}

void down_failed(struct hop *h, gp_str why, gp_time now)
{
    if (h->answered || h->excused) return; /* excused: the host greets, and this connection was lost */
    const struct down_key key = key_of(h->route, &h->at);
    struct down          *e   = place_for(h->relay, &key, now);
    h->answered               = true;
    if (h->delivery) name_down(h->delivery, h->route, &h->at);
    if (h->since < e->failed_at) return; /* it was under way when that was found out */
    e->failures++;
    e->failed_at       = now;
    struct gp_text say = { .ptr = e->why, .room = sizeof e->why - 1 };
    gp_put(&say, gp_head(why, say.room));
    e->why[say.len] = '\0';
    wait_on(h->relay, e, now);
}

/* "Too many connections" to one of many, to which it goes on listening: that delivery alone backs off. */
void down_is_full(struct hop *h)
{
    const struct down_key key = key_of(h->route, &h->at);
    for (const struct hop *o = h->relay->hops; o && !h->answered; o = o->next)
        if (o != h && o->answered && !o->quitting && is_at(o, &key)) h->answered = true;
}

/* It is there: what others still wait for is a matter of their own connections. Was a delivery barred while they waited? */
static bool excuse_all(struct relay *r, const struct down_key *key)
{
    bool awaited = false;
    for (struct hop *h = r->hops; h; h = h->next) {
        if (h->answered || !is_at(h, key)) continue;
        awaited    = awaited || h->awaited;
        h->excused = true;
        h->awaited = false;
    }
    return awaited;
}

static void tell_queue(const struct hop *h)
{
    char           room[DOWN_NAME_ROOM];
    struct gp_text name = GP_TEXT(room);
    struct msg     m    = MSG(HOST_BACK);
    put_key(&name, h->route, &h->at);
    m.host_back.host = gp_said(&name);
    (void)ipc_tell(h->relay->queue, &m); /* else they are due at their own time */
}

void down_answered(struct hop *h, gp_time now)
{
    if (h->answered) return;
    const struct down_key key     = key_of(h->route, &h->at);
    struct down          *e       = place_for(h->relay, &key, now);
    bool                  awaited = excuse_all(h->relay, &key) || e->failures;
    gp_time               settled = e->failures ? 0 : e->settled;
    h->answered                   = true;
    *e                            = (struct down) { .key = key, .until = now + THERE, .settled = settled };
    if (awaited) tell_queue(h);
}

void down_settled(struct hop *h, gp_time now)
{
    if (h->via.kind != RELAY_MX) return;
    const struct down_key key = key_of(h->route, &h->at);
    struct down          *e   = place_for(h->relay, &key, now);
    if (!e->failures) {
        e->until   = now + THERE; /* over connections that are kept it may greet nobody for long */
        e->settled = loop_now(h->relay->loop);
    }
    if (!h->missed) return;
    for (struct hop *o = h->relay->hops; o; o = o->next)
        if (is_at(o, &key)) o->missed = false;
    tell_queue(h);
}

void down_try_all(struct relay *r)
{
    for (size_t i = 0; i < GP_COUNT(r->downs); i++)
        if (r->downs[i].failures) r->downs[i].until = r->downs[i].failed_at;
}

/* ---- in words ------------------------------------------------------------------------------------------------------------ */
static void put_minute(struct gp_text *out, gp_time when)
{
    char           room[TIME_ROOM];
    struct gp_text text = GP_TEXT(room);
    log_put_time(&text, when);
    gp_put(out, gp_head(gp_tail(gp_said(&text), MINUTES_AT), MINUTES_LEN));
}

struct result down_result(struct delivery *d)
{
    char               room[RESULT_TEXT_MOST], name[RESULT_TEXT_MOST];
    struct gp_text     text = GP_TEXT(room), remote = GP_TEXT(name);
    const struct shut *s = &d->shut;
    hop_put_remote(&remote, &s->to, s->host);
    gp_put_z(&text, "host ");
    gp_put(&text, gp_said(&remote));
    gp_put_z(&text, " did not answer at ");
    put_minute(&text, s->failed_at);
    gp_put_z(&text, " UTC; it is tried again at ");
    put_minute(&text, s->again);
    gp_put_z(&text, " UTC (");
    gp_put_z(&text, s->why);
    gp_put_char(&text, ')');
    return (struct result) { .status   = GP_TEMPFAIL,
                             .enhanced = GP_LIT("4.4.1"),
                             .remote   = delivery_keep(d, gp_said(&remote)),
                             .text     = delivery_keep(d, gp_said(&text)) };
}
