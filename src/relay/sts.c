/* Policies of domains: a table of those that were asked for lately.
 *
 *   state      waits for                                          then
 *   IDLE       nothing: an answer was given                       LOADING, or RECORD when the queue was asked before
 *   LOADING    the queue: is a policy kept?                       RECORD
 *   RECORD     _mta-sts.DOMAIN in DNS                             IDLE, or ADDRESS: a record, and another policy than is at hand, or an old one
 *   ADDRESS    the addresses of mta-sts.DOMAIN                    FETCHING, or IDLE
 *   FETCHING   the file                                           IDLE
 *
 * Who waits is called when it is IDLE again, and earlier where a policy is at hand that is only to be refreshed. Where the queue could not say
 * whether one is kept, only a policy that is fetched anew tells what holds.
 *
 * Policies are fetched again without mail, too: the queue names those that are due, one after the other. */
#include "relay/sts.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "mail/records.h"
#include "relay/parts.h"

enum {
    ENTRIES_MOST = 1024, /* far more than deliveries may be under way */
    DOMAIN_ROOM  = 256,
    NAME_ROOM    = 288,
    WHY_ROOM     = 160,
    MS           = 1000,
    HTTP_OK      = 200,
    AGE_LEAST    = 300, /* seconds */
};
static const gp_time retry_ms   = (gp_time)300 * MS;       /* RFC 8461 3.3: after a failed fetch */
static const gp_time refresh_ms = (gp_time)24 * 3600 * MS; /* or half of what the policy lasts   */

/* Of refreshes without mail: the first after a start, the next one, and the next look where none was due; each by half more or less, so that those
 * who have started together do not ask together. At this pace all that the queue may keep have their turn within a day. */
enum { FIRST_MS = 60 * MS, NEXT_MS = 10 * MS, ROUND_MS = 3600 * MS };

enum sts_state { STS_IDLE, STS_LOADING, STS_RECORD, STS_ADDRESS, STS_FETCHING };
struct sts_entry {
    struct sts_entry *next;
    struct relay     *relay;
    struct sts_query *waiting;
    enum sts_state    state;
    bool              loaded;     /* it is known whether there is a policy: the queue has said, or it was fetched */
    bool              unasked;    /* it is fetched again without mail */
    bool              unsure;     /* DNS could not say whether there is a record */
    bool              refreshing; /* the policy that is in force is fetched once more: nobody waits for that */
    char              domain[DOMAIN_ROOM];
    char              id[GP_STS_ID_MOST + 1], seen[GP_STS_ID_MOST + 1]; /* of the policy; that DNS has now */
    enum gp_sts_mode  mode;
    char             *hosts; /* NULL: there is no policy */
    size_t            hosts_len;
    gp_time           fetched, expires, failed, asked; /* asked: for mail, last */
    enum tls_failure  failure;                         /* of the last fetch */
    char              why[WHY_ROOM];
    uint64_t          used;
    struct dns_query *txt;
    struct reach      reach;
};
struct sts {
    struct relay     *relay;
    struct sts_entry *entries;
    struct timer     *refresh;                 /* for the next refresh without mail */
    gp_time           round, due_fetched;      /* when the round began; when the one of due_domain was fetched */
    char              due_domain[DOMAIN_ROOM]; /* the last one in the queue's order; "": a round begins */
    struct timer     *soon;                    /* tells those who asked while a policy in force is refreshed */
    size_t            count;
    uint64_t          turn;
};

/* ---- who waits -------------------------------------------------------------------------------------------------------------- */
static bool in_force(const struct sts_entry *e)
{
    return e->hosts && wall_now() < e->expires;
}

static void tell_waiting(struct sts_entry *e)
{
    bool              good   = in_force(e);
    struct sts_policy policy = { .mode    = good ? e->mode : GP_STS_NONE,
                                 .unknown = !good && !e->loaded,
                                 .unsure  = !good && e->unsure,
                                 .failure = e->failure,
                                 .why     = e->why };
    if (good) {
        policy.hosts   = (gp_str) { e->hosts, e->hosts_len };
        policy.max_age = (uint64_t)((e->expires - e->fetched) / MS);
    }
    for (struct sts_query *q = e->waiting; q; q = e->waiting) {
        e->waiting = q->next;
        q->entry   = NULL;
        q->done(q->owner, &policy);
    }
}

static void refresh_in(struct sts *s, uint32_t ms)
{
    uint32_t random;
    gp_random(&random, sizeof random);
    timer_set(s->refresh, ms / 2 + random % ms);
}

static void settle(struct sts_entry *e)
{
    if (e->unasked) refresh_in(e->relay->sts, NEXT_MS);
    e->state   = STS_IDLE;
    e->unasked = e->refreshing = false;
    tell_waiting(e);
}

/* The record was seen, and what is fetched now changes nothing of what holds meanwhile. */
static bool only_refreshes(const struct sts_entry *e)
{
    return e->refreshing && in_force(e);
}

static void tell_soon(void *owner)
{
    struct sts *s = owner;
    for (struct sts_entry *e = s->entries; e; e = e->next)
        if (e->waiting && only_refreshes(e)) tell_waiting(e);
}

void sts_forget(struct sts_query *q)
{
    if (!q->entry) return;
    struct sts_query **at = &q->entry->waiting;
    while (*at && *at != q) at = &(*at)->next;
    if (*at) *at = q->next;
    q->entry = NULL;
}

/* ---- what is at hand ----------------------------------------------------------------------------------------------------------- */
static bool keep(struct sts_entry *e, gp_str hosts)
{
    char          *fresh = malloc(hosts.len + 1); /* GP_STS_HOSTS_ROOM at most */
    struct gp_text text  = { .ptr = fresh, .room = fresh ? hosts.len : 0 };
    if (!fresh) return false;
    gp_put(&text, hosts);
    free(e->hosts);
    e->hosts     = fresh;
    e->hosts_len = text.len;
    return true;
}

static void found(void *owner, gp_status status, const struct msg *m);
static void ask_record(struct sts_entry *e);

static void load(struct sts_entry *e)
{
    struct msg m      = MSG(STS_FIND);
    m.sts_find.domain = gp_from(e->domain);
    e->state          = STS_LOADING;
    ipc_ask(e->relay->queue, &m, found, e);
}

static bool take_kept(struct sts_entry *e, const struct msg_sts_found *f)
{
    bool sound =
        f->mode <= GP_STS_ENFORCE && f->hosts.len <= GP_STS_HOSTS_ROOM && gp_copy_z(f->id, e->id, sizeof e->id);
    if (!sound || !keep(e, f->hosts)) return false;
    e->mode    = (enum gp_sts_mode)f->mode;
    e->fetched = (gp_time)f->fetched;
    e->expires = (gp_time)f->expires;
    if (e->asked < (gp_time)f->asked) e->asked = (gp_time)f->asked;
    return true;
}

/* RFC 8461 5.1: a policy that is kept must be applied. So where that cannot be told, nobody may go on as if there were none. */
static void found(void *owner, gp_status status, const struct msg *m)
{
    struct sts_entry *e    = owner;
    bool              said = status == GP_OK && m->type == MSG_STS_FOUND;
    if (said && m->sts_found.status == GP_OK)
        e->loaded = take_kept(e, &m->sts_found);
    else
        e->loaded = said && m->sts_found.status == GP_PERMFAIL;
    ask_record(e);
}

static void tell_queue(const struct sts_entry *e)
{
    struct msg m = MSG(STS_KEEP);
    m.sts_keep   = (struct msg_sts_keep) {
          .mode    = (uint64_t)e->mode,
          .fetched = (uint64_t)e->fetched,
          .expires = (uint64_t)e->expires,
          .asked   = (uint64_t)e->asked,
          .domain  = gp_from(e->domain),
          .id      = gp_from(e->id),
          .hosts   = {e->hosts, e->hosts_len}
    };
    (void)ipc_tell(e->relay->queue, &m); /* else it is fetched anew after a restart */
}

/* A policy that cannot be fetched anew will have expired one day: its domain wants to know before. */
static void count_failure(const struct sts_entry *e)
{
    const struct route r = {
        .sts_mode  = e->mode,
        .sts_hosts = {e->hosts, e->hosts_len},
        .sts_age   = (uint64_t)((e->expires - e->fetched) / MS)
    };
    tally_tls(e->relay, &(struct tally) { .domain  = gp_from(e->domain),
                                          .policy  = "sts",
                                          .route   = &r,
                                          .failure = e->failure,
                                          .reason  = gp_from(e->why) });
}

/* ---- the fetch ------------------------------------------------------------------------------------------------------------------ */
static void fail(struct sts_entry *e, enum tls_failure failure, gp_str why)
{
    LOG(LOG_WARN, "mta-sts", LOG_Z("domain", e->domain), LOG_Z("problem", outcome_word(failure)), LOG_S("reason", why),
        LOG_Z("result", in_force(e) ? "the policy that was fetched before stays in force"
                        : e->loaded ? "as if it had no policy"
                                    : "mail waits: whether a policy is kept could not be read"));
    e->failed  = wall_now();
    e->failure = failure;
    (void)gp_copy_z(gp_head(why, sizeof e->why - 1), e->why, sizeof e->why);
    if (in_force(e)) count_failure(e); /* else with the connections that go without it */
    settle(e);
}

static void take_file(struct sts_entry *e, gp_str file)
{
    char                 room[GP_STS_HOSTS_ROOM];
    struct gp_text       hosts = GP_TEXT(room);
    struct gp_sts_policy policy;
    const char          *why = gp_sts_read(file, &policy, &hosts);
    if (!why && !keep(e, gp_said(&hosts))) why = "no memory";
    if (why) {
        fail(e, TLS_STS_INVALID, gp_from(why));
        return;
    }
    /* RFC 8461 3.2 allows 0: such a policy is good for those who asked for it, and a moment longer. */
    if (policy.max_age < AGE_LEAST) policy.max_age = AGE_LEAST;
    e->mode    = policy.mode;
    e->fetched = wall_now();
    e->expires = e->fetched + (gp_time)policy.max_age * MS;
    e->failure = TLS_FINE;
    e->failed  = 0;
    e->loaded  = true;
    memcpy(e->id, e->seen, sizeof e->id);
    LOG(LOG_INFO, "mta-sts", LOG_Z("domain", e->domain), LOG_Z("mode", gp_sts_mode_name(e->mode)), LOG_Z("id", e->id),
        LOG_N("max_age", policy.max_age));
    tell_queue(e);
    settle(e);
}

static void fetched(void *owner, gp_status status, const struct msg *m)
{
    struct sts_entry *e = owner;
    if (status != GP_OK || m->type != MSG_WEB_SAID)
        fail(e, TLS_STS_NOT_FETCHED, GP_LIT("the process that fetches policies is not there"));
    else if (m->web_said.status == GP_PERMFAIL)
        fail(e, TLS_STS_WEB_INVALID, m->web_said.why);
    else if (m->web_said.status != GP_OK)
        fail(e, TLS_STS_NOT_FETCHED, m->web_said.why);
    else if (m->web_said.code != HTTP_OK)
        fail(e, TLS_STS_NOT_FETCHED, GP_LIT("it answers with another status than 200"));
    else if (!gp_sts_is_plain_text(m->web_said.type))
        fail(e, TLS_STS_INVALID, GP_LIT("it is not served as text/plain"));
    else
        take_file(e, m->web_said.body);
}

static void fetch(struct sts_entry *e, gp_str reach)
{
    char           room[NAME_ROOM + sizeof "https://:65535/.well-known/mta-sts.txt"];
    struct gp_text uri  = GP_TEXT(room);
    const unsigned port = e->relay->config->relay.policy_port;
    struct msg     m    = MSG(WEB_ASK);
    gp_put_z(&uri, "https://mta-sts.");
    gp_put_z(&uri, e->domain);
    if (port != 443) { /* RFC 9110 4.2.2 */
        gp_put_char(&uri, ':');
        gp_put_number(&uri, port);
    }
    gp_put_z(&uri, "/.well-known/mta-sts.txt"); /* RFC 8461 3.3 */
    m.web_ask = (struct msg_web_ask) { .uri = gp_said(&uri), .reach = reach, .type = GP_LIT(""), .body = GP_LIT("") };
    e->state  = STS_FETCHING;
    ipc_ask(e->relay->web, &m, fetched, e);
}

/* ---- where the file is ------------------------------------------------------------------------------------------------------------ */
static void reached(void *owner, gp_str reach)
{
    if (reach.ptr)
        fetch(owner, reach);
    else
        fail(owner, TLS_STS_NOT_FETCHED, GP_LIT("the host of its policy, mta-sts.DOMAIN, has no address"));
}

static gp_str name_under(const struct sts_entry *e, const char *label, struct gp_text *room)
{
    gp_put_z(room, label);
    gp_put_z(room, e->domain);
    return gp_said(room);
}

static void ask_addresses(struct sts_entry *e)
{
    char           room[NAME_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_str         name = name_under(e, "mta-sts.", &text);
    e->state            = STS_ADDRESS;
    e->reach            = (struct reach) { .relay = e->relay, .done = reached, .owner = e };
    if (!reach_find(&e->reach, name, e->relay->config->relay.policy_port))
        fail(e, TLS_STS_NOT_FETCHED, GP_LIT("no memory"));
}

/* ---- the record --------------------------------------------------------------------------------------------------------------------- */
/* RFC 8461 3.1: records that are none are passed over; of two, neither counts. */
static bool take_id(struct sts_entry *e, const struct dns_answer *answer)
{
    size_t count = 0;
    gp_str id    = GP_NONE;
    for (size_t i = 0; answer->status == GP_OK && i < answer->count; i++) {
        if (!gp_is_sts(answer->records[i].data)) continue;
        count++;
        if (!gp_sts_id(answer->records[i].data, &id)) return false;
    }
    return count == 1 && gp_copy_z(id, e->seen, sizeof e->seen);
}

static bool wants_refresh(const struct sts_entry *e)
{
    gp_time half = (e->expires - e->fetched) / 2;
    return wall_now() - e->fetched >= (half < refresh_ms ? half : refresh_ms);
}

/* RFC 8461 10.2: a refresh without mail fetches the file whatever the record says, or who withholds it could wait until the policy expires. */
static void got_record(void *owner, const struct dns_answer *answer)
{
    struct sts_entry *e = owner;
    e->txt              = NULL;
    bool there = take_id(e, answer), good = in_force(e), anyway = e->unasked && good && !there;
    bool rests = e->failed && wall_now() - e->failed < retry_ms;
    if (anyway) memcpy(e->seen, e->id, sizeof e->seen);
    bool same = good && (anyway || (there && strcmp(e->id, e->seen) == 0));
    if (!there) e->failure = TLS_FINE;
    e->unsure = answer->status == GP_TEMPFAIL;
    if ((!there && !anyway) || rests || (same && !wants_refresh(e))) {
        settle(e);
        return;
    }
    e->refreshing = same;
    if (same) tell_waiting(e);
    ask_addresses(e);
}

static void ask_record(struct sts_entry *e)
{
    char           room[NAME_ROOM];
    struct gp_text text = GP_TEXT(room);
    e->state            = STS_RECORD;
    e->txt              = dns_ask(e->relay->dns, name_under(e, "_mta-sts.", &text), DNS_TXT, got_record, e);
    if (!e->txt) settle(e);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------------- */
static void free_entry(struct sts_entry *e)
{
    dns_forget(e->txt);
    reach_forget(&e->reach);
    ipc_forget(e->relay->queue, e);
    ipc_forget(e->relay->web, e);
    free(e->hosts);
    free(e);
}

/* Of those that do nothing, the one that was not asked for longest. */
static void make_room(struct sts *s)
{
    struct sts_entry **oldest = NULL;
    for (struct sts_entry **at = &s->entries; *at; at = &(*at)->next)
        if ((*at)->state == STS_IDLE && (!oldest || (*at)->used < (*oldest)->used)) oldest = at;
    if (!oldest) return;
    struct sts_entry *gone = *oldest;
    *oldest                = gone->next;
    s->count--;
    free_entry(gone);
}

static struct sts_entry *entry_of(struct relay *r, gp_str domain)
{
    struct sts *s = r->sts;
    for (struct sts_entry *e = s->entries; e; e = e->next)
        if (gp_alike(gp_from(e->domain), domain)) return e;
    if (s->count >= ENTRIES_MOST) make_room(s);
    struct sts_entry *e = s->count < ENTRIES_MOST ? calloc(1, sizeof *e) : NULL;
    if (!e) return NULL;
    if (!gp_copy_z(domain, e->domain, sizeof e->domain)) {
        free(e);
        return NULL;
    }
    e->relay   = r;
    e->next    = s->entries;
    s->entries = e;
    s->count++;
    return e;
}

bool sts_ask(struct relay *r, gp_str domain, struct sts_query *q, sts_done *done, void *owner)
{
    struct sts_entry *e = r->sts ? entry_of(r, domain) : NULL;
    if (!e) return false;
    *q         = (struct sts_query) { .next = e->waiting, .entry = e, .done = done, .owner = owner };
    e->waiting = q;
    e->used    = ++r->sts->turn;
    e->asked   = wall_now();
    if (only_refreshes(e)) timer_set(r->sts->soon, 0);
    if (e->state != STS_IDLE) return true;
    if (e->loaded)
        ask_record(e);
    else
        load(e);
    return true;
}

/* ---- without mail ------------------------------------------------------------------------------------------------------------------ */
static void got_due(void *owner, gp_status status, const struct msg *m)
{
    struct sts *s   = owner;
    bool        due = status == GP_OK && m->type == MSG_STS_DUE_IS && m->sts_due_is.status == GP_OK &&
               m->sts_due_is.fetched < (uint64_t)s->round && /* it has had its turn in this round */
               gp_copy_z(m->sts_due_is.domain, s->due_domain, sizeof s->due_domain) && s->due_domain[0];
    s->due_fetched = due ? (gp_time)m->sts_due_is.fetched : 0;
    if (!due) s->due_domain[0] = '\0';
    struct sts_entry *e = due ? entry_of(s->relay, gp_from(s->due_domain)) : NULL;
    if (!e || e->state != STS_IDLE) { /* it is asked for anyway, or the table is full of those that are */
        refresh_in(s, due ? NEXT_MS : ROUND_MS);
        return;
    }
    e->unasked = true;
    if (e->loaded)
        ask_record(e);
    else
        load(e);
}

static void ask_due(void *owner)
{
    struct sts *s = owner;
    struct msg  m = MSG(STS_DUE);
    if (!s->due_domain[0]) s->round = wall_now();
    m.sts_due = (struct msg_sts_due) { .fetched = (uint64_t)s->due_fetched, .domain = gp_from(s->due_domain) };
    ipc_ask(s->relay->queue, &m, got_due, s);
}

bool sts_open(struct relay *r)
{
    if (!config_follows_sts(r->config)) return true;
    r->sts = calloc(1, sizeof *r->sts);
    if (!r->sts) return false;
    r->sts->relay   = r;
    r->sts->soon    = timer_open(r->loop, tell_soon, r->sts);
    r->sts->refresh = timer_open(r->loop, ask_due, r->sts);
    if (!r->sts->soon || !r->sts->refresh) return false;
    refresh_in(r->sts, FIRST_MS);
    return true;
}

void sts_close(struct relay *r)
{
    if (!r->sts) return;
    for (struct sts_entry *e = r->sts->entries, *next; e; e = next) {
        next = e->next;
        free_entry(e);
    }
    ipc_forget(r->queue, r->sts);
    timer_close(r->sts->refresh);
    timer_close(r->sts->soon);
    free(r->sts);
    r->sts = NULL;
}
