/* An issuer's keys: one fetch at a time on a thread, and the set that questions are lent; a new set takes the old one's place, which lives
 * until its last borrower has given it back.
 *
 *   set    fetching   what it is                                        goes on in
 *   NULL   yes        the first fetch, or another after it failed       fetched
 *   NULL   no         none: a question that lacks keys may fetch        provider_settle
 *   some   no         served; the timer fetches anew                    on_time, or provider_settle for a key that is not in the set
 *   some   yes        served meanwhile; those that lack a key wait      fetched, which wakes them
 */
#include "lookup/provider.h"

#include <stdlib.h>
#include <string.h>

#include "web/transfer.h"

enum { HTTP_OK = 200 };

struct key_set {
    struct jwks *jwks;
    unsigned     owners;
};
struct provider {
    struct lookup   *lookup;
    int              patience_ms; /* of a fetch: who waits for it hears of it before his own deadline */
    struct timer    *timer;
    struct key_clock clock;
    struct key_set  *set; /* NULL: none yet */
    const char      *why; /* the last fetch failed; static */
    bool             fetching;
};
struct fetch { /* the thread's, while it runs */
    struct provider *keys;
    struct jwks     *jwks;
    const char      *wrong;
};

/* ---- one fetch, on a thread ------------------------------------------------------------------------------------------------ */
static const char *get(struct transfer *t, const char *uri, gp_time until)
{
    gp_time left   = until - octets_clock();
    long    status = 0;
    if (left <= 0) return "no time is left for the keys";
    const char *wrong = transfer_run(t, uri, GP_NONE, (int)left, &status);
    if (wrong) return wrong;
    return status == HTTP_OK ? NULL : "another status than 200";
}

/* OpenID Connect Discovery 1.0, 4: the issuer that it names must be the very one that was asked for. */
static const char *read_configuration(gp_str reply, const char *issuer, char uri[static CONFIG_PATH])
{
    json_t     *object = json_loadb(reply.ptr, reply.len, JSON_REJECT_DUPLICATES, NULL);
    const char *named  = json_string_value(json_object_get(object, "issuer"));
    const char *found  = json_string_value(json_object_get(object, "jwks_uri"));
    const char *wrong  = NULL;
    if (!named || strcmp(named, issuer) != 0)
        wrong = "its openid-configuration is that of another issuer";
    else if (!found || !gp_starts(gp_from(found), "https://") || !gp_copy_z(gp_from(found), uri, CONFIG_PATH))
        wrong = "its openid-configuration has no jwks_uri with https";
    json_decref(object);
    return wrong;
}

static const char *discover(struct transfer *t, const char *issuer, gp_time until, char uri[static CONFIG_PATH])
{
    struct gp_text text = { .ptr = uri, .room = CONFIG_PATH - 1 };
    size_t         len  = strlen(issuer);
    gp_put(&text, gp_head(gp_from(issuer), len && issuer[len - 1] == '/' ? len - 1 : len));
    gp_put_z(&text, "/.well-known/openid-configuration");
    uri[text.len]     = '\0';
    const char *wrong = text.cut ? "the issuer's name is too long" : get(t, uri, until);
    return wrong ? wrong : read_configuration(transfer_reply(t), issuer, uri);
}

static void fetch(void *job)
{
    struct fetch               *f = job;
    const struct source        *s = &f->keys->lookup->source;
    const struct config_lookup *l = s->plan;
    char                        uri[CONFIG_PATH];
    const gp_time               until = octets_clock() + f->keys->patience_ms;
    struct transfer            *t     = transfer_open(s->ca_file, JWKS_TEXT_MOST);
    f->wrong                          = t ? NULL : "no memory";
    memcpy(uri, l->keys_uri, sizeof uri);
    if (!f->wrong && !uri[0]) f->wrong = discover(t, l->issuer, until, uri);
    if (!f->wrong) f->wrong = get(t, uri, until);
    if (!f->wrong) f->jwks = jwks_read(transfer_reply(t));
    if (!f->wrong && !f->jwks) f->wrong = "there is no key of use among them";
    transfer_close(t);
}

/* ---- what has come of it ------------------------------------------------------------------------------------------------------ */
static void drop(struct key_set *set)
{
    if (!set || --set->owners > 0) return;
    jwks_free(set->jwks);
    free(set);
}

/* Said when it begins and when it ends. */
static void note(struct provider *k, const char *wrong)
{
    const char *name = k->lookup->source.plan->name;
    if (wrong && !k->why)
        LOG(LOG_WARN, "source", LOG_Z("source", name),
            LOG_Z("problem", k->set ? "the issuer's keys cannot be read anew: those at hand go on"
                                    : "the issuer's keys cannot be read"),
            LOG_Z("reason", wrong));
    if (!wrong && k->why)
        LOG(LOG_INFO, "source", LOG_Z("source", name), LOG_Z("state", "the issuer's keys are read again"));
    k->why = wrong;
}

static const char *take_set(struct provider *k, struct jwks *jwks)
{
    struct key_set *set = malloc(sizeof *set);
    if (!set) {
        jwks_free(jwks);
        return "no memory";
    }
    *set = (struct key_set) { .jwks = jwks, .owners = 1 };
    drop(k->set);
    k->set = set;
    return NULL;
}

static void fetched(void *job)
{
    struct fetch    *f   = job;
    struct provider *k   = f->keys;
    const gp_time    now = loop_now(k->lookup->loop);
    if (!f->wrong) f->wrong = take_set(k, f->jwks);
    note(k, f->wrong);
    key_clock_fetched(&k->clock, !f->wrong, now);
    free(f);
    k->fetching = false;
    k->lookup->jobs--;
    const gp_time next = key_clock_next(&k->clock);
    if (next >= 0) timer_set(k->timer, (uint64_t)(next > now ? next - now : 0));
    asks_wake(k->lookup);
}

static bool start_fetch(struct provider *k)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (!f) return false;
    f->keys = k;
    if (!loop_work(k->lookup->loop, fetch, fetched, f)) {
        free(f);
        return false;
    }
    k->fetching = true;
    k->lookup->jobs++;
    return true;
}

static void on_time(void *owner)
{
    struct provider *k = owner;
    if (!k->fetching && !start_fetch(k)) note(k, "no memory");
}

/* ---- for questions --------------------------------------------------------------------------------------------------------------- */
struct provider *provider_open(struct lookup *l)
{
    enum { A_QUARTER = 4 };
    struct provider *k = calloc(1, sizeof *k);
    if (!k) return NULL;
    k->lookup        = l;
    k->patience_ms   = l->source.timeout_ms - l->source.timeout_ms / A_QUARTER;
    k->clock.refresh = (gp_time)l->source.plan->refresh * LOOKUP_MS;
    k->timer         = timer_open(l->loop, on_time, k);
    if (!k->timer) {
        free(k);
        return NULL;
    }
    timer_set(k->timer, 0); /* not at once: a thread that begins before the sandbox is up would stand outside */
    return k;
}

void provider_close(struct provider *k)
{
    if (!k) return;
    timer_close(k->timer);
    drop(k->set);
    free(k);
}

struct key_set *provider_lend(struct provider *k)
{
    if (k->set) k->set->owners++;
    return k->set;
}

const struct jwks *provider_of(const struct key_set *set)
{
    return set->jwks;
}

enum settled provider_settle(struct provider *k, struct key_set *set, bool lacking, bool waited, bool *unsure)
{
    const bool newer = k->set != set;
    drop(set);
    *unsure = false;
    if (!lacking || waited) return SETTLED;
    if (newer) return SETTLED_AGAIN;
    if (k->fetching) return SETTLED_WAITS;
    *unsure = !key_clock_demand(&k->clock, loop_now(k->lookup->loop)) || !start_fetch(k);
    return *unsure ? SETTLED : SETTLED_WAITS;
}

const char *provider_trouble(const struct provider *k)
{
    return k->why;
}
