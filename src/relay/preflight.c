/* Pre-flight: would receivers take mail from this domain? Its SPF, DKIM and the names of our addresses are looked up when mail from it
 * passes for the first time, and again every few minutes, never for a message; vault is told what is wrong and judges by that.
 *
 * zone/ has the checks, and they ask as if answers came at once. Here they are run on the answers that there are; the first question
 * without one ends the run, is put to DNS, and with its answer the checks run again. So nothing blocks, and nothing is written twice. */
#include "relay/parts.h"
#include "zone/zone.h"

#include <stdlib.h>
#include <string.h>

enum {
    DOMAINS_MOST  = 64,
    ANSWERS_MOST  = 160, /* SPF may ask for 10 MX with 10 addresses; no domain that does is looked at further */
    ANSWERS_TEXT  = 128 * 1024,
    RECORDS_MOST  = 32,
    AGAIN_GOOD_MS = 10 * 60 * 1000,
    AGAIN_BAD_MS  = 2 * 60 * 1000, /* so that what was mended is seen soon */
    TURN_MS       = 5 * 1000,
};

struct known { /* one answer */
    gp_str            name;
    enum dns_type     type;
    struct dns_answer answer;
};
struct domain {
    char    name[256];
    gp_time due, seen;
    bool    sender; /* of envelopes alone, until now */
};
struct preflight {
    struct relay     *relay;
    struct timer     *turn;
    struct domain     domains[DOMAINS_MOST];
    size_t            count;
    struct domain    *now; /* the one that is looked at; NULL: none */
    struct zone_plan  plan;
    struct gp_arena   arena; /* of the answers */
    struct known      known[ANSWERS_MOST];
    size_t            known_count;
    struct dns_query *query;
    gp_str            question; /* the first that has no answer; empty: the run came to its end */
    enum dns_type     question_type;
    bool              unsure; /* DNS did not say all */
    char              why[160];
};

/* ---- the answers that there are ----------------------------------------------------------------------------------------------- */
static struct dns_answer recall(void *owner, gp_str name, enum dns_type type)
{
    static const struct dns_answer none = { .status = GP_TEMPFAIL, .why = "" };
    struct preflight              *p    = owner;
    for (size_t i = 0; i < p->known_count; i++)
        if (p->known[i].type == type && gp_alike(p->known[i].name, name)) return p->known[i].answer;
    if (p->question.len) return none;
    p->question      = gp_arena_copy(&p->arena, name);
    p->question_type = type;
    return none;
}

static void keep(struct preflight *p, const struct dns_answer *a)
{
    size_t             count   = a->count < RECORDS_MOST ? a->count : RECORDS_MOST;
    struct dns_record *records = gp_arena_take(&p->arena, (count + 1) * sizeof *records);
    struct known      *k       = &p->known[p->known_count];
    if (!records || p->known_count == ANSWERS_MOST) return;
    for (size_t i = 0; i < count; i++) {
        records[i]      = a->records[i];
        records[i].data = gp_arena_copy(&p->arena, a->records[i].data);
        if (!records[i].data.ptr) return;
    }
    *k = (struct known) {
        p->question,
        p->question_type,
        {.status  = a->status,
                         .no_name = a->no_name,
                         .secure  = a->secure,
                         .why     = "",
                         .records = records,
                         .count   = count}
    };
    p->known_count++;
}

/* ---- one domain ------------------------------------------------------------------------------------------------------------------ */
static void take(void *owner, const struct zone_found *f)
{
    struct preflight *p    = owner;
    struct gp_text    text = { .ptr = p->why, .room = sizeof p->why - 1 };
    if (f->verdict == ZONE_UNKNOWN) p->unsure = true;
    bool other_name = f->kind == ZONE_PTR && f->verdict == ZONE_WEAK; /* than EHLO says: receivers compare them */
    if ((f->verdict != ZONE_WRONG && f->verdict != ZONE_MISSING && !other_name) || p->why[0]) return;
    gp_put_z(&text, zone_kinds[f->kind]);
    gp_put_z(&text, ": ");
    gp_put(&text, gp_head(gp_from(f->why), sizeof p->why - 16));
    p->why[text.len] = '\0';
}

static void finish(struct preflight *p)
{
    bool       bad = p->why[0] != '\0';
    struct msg m   = MSG(PREFLIGHT);
    p->now->due    = loop_now(p->relay->loop) + (bad || p->unsure ? AGAIN_BAD_MS : AGAIN_GOOD_MS);
    if (bad || !p->unsure) { /* what DNS did not say is held against nobody */
        m.preflight = (struct msg_preflight) { .domain = gp_from(p->now->name), .why = gp_from(p->why) };
        if (!ipc_tell(p->relay->vault, &m))
            LOG(LOG_WARN, "ipc", LOG_Z("reason", "vault could not be told of DNS records"));
        LOG(bad ? LOG_WARN : LOG_INFO, "preflight", LOG_Z("domain", p->now->name),
            LOG_Z("reason", bad ? p->why : "nothing stands against it"));
    }
    gp_arena_reset(&p->arena);
    p->known_count = 0;
    p->now         = NULL;
}

static void look(struct preflight *p);

static void answered(void *owner, const struct dns_answer *a)
{
    struct preflight *p      = owner;
    size_t            before = p->known_count;
    p->query                 = NULL;
    keep(p, a);
    if (p->known_count > before) {
        look(p);
        return;
    }
    p->unsure = true; /* no room for it */
    p->why[0] = '\0';
    finish(p);
}

static void look(struct preflight *p)
{
    const struct zone_dns dns = { recall, p };
    p->question               = GP_NONE;
    p->unsure                 = false;
    p->why[0]                 = '\0';
    if (p->now->sender)
        zone_check_sender(&p->plan, &dns, take, p);
    else
        zone_check_sending(&p->plan, &dns, take, p);
    if (p->question.len) p->query = dns_ask(p->relay->dns, p->question, p->question_type, answered, p);
    if (!p->query) finish(p);
}

/* ---- its keys: what vault says, with their public halves ------------------------------------------------------------------------- */
static void add_key(struct zone_plan *plan, gp_str line)
{
    struct zone_key *k    = &plan->keys[plan->key_count];
    gp_str           name = gp_cut(&line, '\t'), kind = gp_cut(&line, '\t');
    *k = (struct zone_key) { .state   = CONFIG_DKIM_SIGNS,
                             .ed25519 = gp_is(kind, "ed25519"),
                             .above   = plan->signer[0] && !gp_is(gp_from(plan->signer), plan->domain) };
    plan->key_count += gp_copy_z(name, k->selector, sizeof k->selector) &&
                       gp_read_base64(line, k->octets, sizeof k->octets, &k->octets_len);
}

static void got_keys(void *owner, gp_status status, const struct msg *answer)
{
    struct preflight *p = owner;
    if (!p->now) return;
    if (status != GP_OK || answer->type != MSG_DKIM_KEYS_ARE || answer->dkim_keys_are.status != GP_OK) {
        p->now->due = loop_now(p->relay->loop) + TURN_MS; /* vault is not there yet */
        p->now      = NULL;
        return;
    }
    if (!gp_copy_z(answer->dkim_keys_are.domain, p->plan.signer, sizeof p->plan.signer)) p->plan.signer[0] = '\0';
    for (gp_str lines = answer->dkim_keys_are.keys; lines.len && p->plan.key_count < ZONE_KEYS_MOST;)
        add_key(&p->plan, gp_cut(&lines, '\n'));
    look(p);
}

static void begin(struct preflight *p, struct domain *d)
{
    const struct config *c = p->relay->config;
    struct msg           m = MSG(DKIM_KEYS);
    p->now                 = d;
    p->why[0]              = '\0';
    p->plan                = (struct zone_plan) { .own = c->dkim.sign };
    bool fits              = gp_copy_z(gp_from(d->name), p->plan.domain, sizeof p->plan.domain) &&
                gp_copy_z(gp_from(c->hostname), p->plan.hostname, sizeof p->plan.hostname);
    zone_add_senders(c, &p->plan);
    m.dkim_keys.domain = gp_from(d->name);
    m.dkim_keys.public = 1;
    if (fits) ipc_ask(p->relay->vault, &m, got_keys, p);
}

/* ---- turns ----------------------------------------------------------------------------------------------------------------------- */
static void next_turn(void *owner)
{
    struct preflight *p = owner;
    for (size_t i = 0; i < p->count && !p->now && !p->relay->stop; i++)
        if (p->domains[i].due <= loop_now(p->relay->loop)) begin(p, &p->domains[i]);
    timer_set(p->turn, TURN_MS);
}

/* A new one, or that of which mail passed longest ago. */
static struct domain *place_for(struct preflight *p)
{
    struct domain *d = NULL;
    if (p->count < DOMAINS_MOST) return &p->domains[p->count++];
    for (size_t i = 1; i < p->count; i++) /* the set-up's own is the first, and stays */
        if (&p->domains[i] != p->now && (!d || p->domains[i].seen < d->seen)) d = &p->domains[i];
    return d;
}

static struct domain *find(struct preflight *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->domains[i].name, name) == 0) return &p->domains[i];
    return NULL;
}

void preflight_saw(struct relay *r, const char *domain, bool sender)
{
    struct preflight *p = r->preflight;
    struct domain    *d = p ? find(p, domain) : NULL;
    if (!p) return;
    bool known = d != NULL && (sender || !d->sender);
    if (!d) {
        d  = place_for(p);
        *d = (struct domain) { .sender = true };
        if (!gp_copy_z(gp_from(domain), d->name, sizeof d->name)) return;
    }
    d->seen = loop_now(r->loop);
    if (known) return;
    d->sender = sender;
    d->due    = 0;
    if (!p->now) next_turn(p);
}

void preflight_again(struct relay *r)
{
    struct preflight *p = r->preflight;
    for (size_t i = 0; p && i < p->count; i++) p->domains[i].due = 0;
    if (p && !p->now) next_turn(p);
}

bool preflight_open(struct relay *r)
{
    if (r->config->policy.preflight.mode == POLICY_OFF) return true;
    struct preflight *p = calloc(1, sizeof *p);
    if (!p) return false;
    *p      = (struct preflight) { .relay = r, .arena = { .most = ANSWERS_TEXT } };
    p->turn = timer_open(r->loop, next_turn, p);
    if (!p->turn) {
        free(p);
        return false;
    }
    r->preflight = p;
    preflight_saw(r, r->config->domain, false);
    return true;
}

void preflight_close(struct relay *r)
{
    if (!r->preflight) return;
    dns_forget(r->preflight->query);
    timer_close(r->preflight->turn);
    gp_arena_reset(&r->preflight->arena);
    free(r->preflight);
    r->preflight = NULL;
}
