/* DNS over libunbound, which resolves and validates on a thread of its own and tells through a descriptor.
 *
 * Answers are validated where they can be. Many forwarders (home routers, container networks) drop DNSSEC's records, and then
 * everything would look forged; so until one answer was proven, a failure is asked again without validation, and its answer
 * is not secure. The root's SOA is asked for at once, so where validation works it is known before the first delivery, and
 * from then on a forged answer is a failure (RFC 7672 2.1.1). Who insists has it so from the start: then nobody on the way can be rid of proofs by
 * dropping all of them. States of a query: asked, asked again, late (put off). */
#include "net/dns_records.h"
#include "net/internal.h"
#include "ops/log.h"

#include <stdlib.h>
#include <unbound.h>
#include <unistd.h>

enum { ANCHOR_MOST = 4096, CLASS_IN = 1, RCODE_OK = 0, RCODE_NXDOMAIN = 3, PATIENCE_MS = 20000 };

static const char root_key[] = "/usr/share/dns/root.key"; /* Debian's dns-root-data */

struct resolver {
    struct ub_ctx *ub; /* NULL: not in use */
    struct watch  *watch;
};

struct dns {
    struct loop      *loop;
    struct resolver   validating, plain;
    bool              quiet; /* a command's: whether there are proofs is no news to who asked something else */
    bool              insists;
    bool              proven; /* an answer was validated: this network lets DNSSEC through */
    uint64_t          patience;
    struct dns_query *queries;
};

struct dns_query {
    struct dns       *dns;
    struct dns_query *next, **link;
    struct resolver  *asked;
    int               id; /* libunbound's */
    struct timer     *patience;
    struct later      failed; /* could not be asked at all */
    dns_done         *done;
    void             *owner;
    int               type;
    char              name[DNS_NAME_MOST + 2];
};

/* ---- resolvers -------------------------------------------------------------------------------------------------------- */
static void on_answers(void *owner, bool readable, bool writable)
{
    struct resolver *r = owner;
    (void)readable, (void)writable;
    ub_process(r->ub);
}

/* Comments and empty lines are none; what is no record makes every question fail. */
static bool add_anchors(struct ub_ctx *ub, gp_str text)
{
    bool added = false;
    while (text.len) {
        char   line[ANCHOR_MOST];
        gp_str record = gp_trim(gp_cut(&text, '\n'));
        if (!record.len || gp_starts(record, ";")) continue;
        if (!gp_copy_z(record, line, sizeof line) || ub_ctx_add_ta(ub, line) != 0) return false;
        added = true;
    }
    return added;
}

static bool set_options(struct ub_ctx *ub, bool validate, const char *anchors)
{
    static const char *const options[][2] = {
        {"do-not-query-localhost:", "no" }, /* a resolver on this host is the best there is */
        { "infra-host-ttl:",        "30" }, /* a forwarder that was away is tried again soon */
        { "unblock-lan-zones:",     "yes"}, /* names of private addresses are known to the network's own servers */
        { "insecure-lan-zones:",    "yes"},
    };
    ub_ctx_debugout(ub, NULL);
    for (size_t i = 0; i < GP_COUNT(options); i++)
        if (ub_ctx_set_option(ub, options[i][0], options[i][1]) != 0) return false;
    if (validate && anchors) return add_anchors(ub, gp_from(anchors));
    if (validate) return ub_ctx_add_ta_file(ub, root_key) == 0;
    return ub_ctx_set_option(ub, "module-config:", "iterator") == 0;
}

/* Without a server and without resolv.conf, libunbound asks the root servers itself. */
static bool set_server(struct ub_ctx *ub, const char *server)
{
    if (server) /* who names a server may mean one for trying out: libunbound's own answer for "test" is in its way */
        return ub_ctx_set_fwd(ub, server) == 0 && ub_ctx_zone_remove(ub, "test.") == 0;
    if (ub_ctx_resolvconf(ub, NULL) != 0)
        LOG(LOG_WARN, "dns", LOG_Z("reason", "no resolv.conf: asking the root servers"));
    return true;
}

static void resolver_close(struct resolver *r)
{
    watch_close(r->watch);
    if (r->ub) ub_ctx_delete(r->ub);
    *r = (struct resolver) { 0 };
}

static bool resolver_open(struct resolver *r, struct loop *l, const char *server, bool validate, const char *anchors)
{
    r->ub = ub_ctx_create();
    if (!r->ub) return false;
    bool set = ub_ctx_async(r->ub, 1) == 0 && set_options(r->ub, validate, anchors) && set_server(r->ub, server);
    r->watch = set ? watch_open(l, ub_fd(r->ub), on_answers, r) : NULL;
    if (!r->watch) return false;
    watch_for(r->watch, true, false);
    return true;
}

/* ---- answers ---------------------------------------------------------------------------------------------------------- */
static void query_free(struct dns_query *q)
{
    later_stop(&q->failed);
    timer_close(q->patience);
    *q->link = q->next;
    if (q->next) q->next->link = q->link;
    free(q);
}

static void finish(struct dns_query *q, const struct dns_answer *answer)
{
    dns_done *done  = q->done;
    void     *owner = q->owner;
    query_free(q);
    done(owner, answer);
}

static size_t read_records(enum dns_type type, const struct ub_result *r, struct gp_text *names, struct dns_record *out)
{
    size_t count = 0;
    for (size_t i = 0; r->data[i] && count < DNS_RECORDS_MOST; i++)
        if (r->len[i] >= 0 && dns_read_record(type, (gp_str) { r->data[i], (size_t)r->len[i] }, names, &out[count]))
            count++;
    return count;
}

static const char              no_proofs[] = "this resolver gives no proofs (DNSSEC), and they are required";
static const struct dns_answer not_a_name  = { .status = GP_PERMFAIL, .no_name = true, .why = "not a domain name" };

static struct dns_answer judge(const struct ub_result *r)
{
    struct dns_answer a = { .status = GP_TEMPFAIL, .secure = r->secure && !r->bogus };
    a.no_name           = !r->bogus && r->rcode == RCODE_NXDOMAIN;
    if (r->bogus)
        a.why = "the answer fails DNSSEC validation";
    else if (r->rcode == RCODE_OK && r->havedata)
        a.status = GP_OK, a.why = "";
    else if (r->rcode == RCODE_OK)
        a.status = GP_PERMFAIL, a.why = "no such record";
    else if (r->rcode == RCODE_NXDOMAIN)
        a.status = GP_PERMFAIL, a.why = "no such name";
    else
        a.why = "the name servers do not answer";
    return a;
}

static bool ask(struct dns_query *q, struct resolver *r);

/* Not for the root's SOA: it is only there to tell whether validation works. */
static bool asked_again(struct dns_query *q, const struct dns_answer *a)
{
    struct dns *d = q->dns;
    if (a->secure) d->proven = true;
    if (q->asked == &d->plain || d->proven || d->insists || a->status != GP_TEMPFAIL || q->type == DNS_SOA)
        return false;
    return ask(q, &d->plain);
}

static gp_str real_name(const struct dns_query *q, const char *canonical)
{
    gp_str name = gp_from(canonical);
    if (gp_ends(name, ".")) name.len--;
    return gp_is(name, q->name) ? GP_LIT("") : name;
}

static void on_answer(void *owner, int error, struct ub_result *r)
{
    struct dns_query *q = owner;
    struct dns_record records[DNS_RECORDS_MOST];
    char              room[DNS_RECORDS_MOST * DNS_NAME_MOST];
    struct gp_text    names = GP_TEXT(room);
    struct dns_answer a     = { .status = GP_TEMPFAIL, .why = error ? ub_strerror(error) : "" };
    if (error == UB_SYNTAX) a = not_a_name;
    if (!error) a = judge(r);
    if (a.status == GP_OK) {
        a.real_name = real_name(q, r->canonname);
        a.records   = records;
        a.count     = read_records((enum dns_type)q->type, r, &names, records);
        if (a.count == 0) a.status = GP_TEMPFAIL, a.why = "the records are broken";
    }
    if (!error && r->bogus && q->dns->insists && !q->dns->proven) a.why = no_proofs;
    if (!asked_again(q, &a)) finish(q, &a);
    ub_resolve_free(r);
}

/* ---- questions -------------------------------------------------------------------------------------------------------- */
static bool ask(struct dns_query *q, struct resolver *r)
{
    q->asked = r;
    return r->ub && ub_resolve_async(r->ub, q->name, q->type, CLASS_IN, q, on_answer, &q->id) == 0;
}

static void give_up(void *owner)
{
    struct dns_query       *q    = owner;
    const struct dns_answer late = { .status = GP_TEMPFAIL, .why = "no answer in time" };
    ub_cancel(q->asked->ub, q->id);
    finish(q, &late);
}

static void could_not_ask(void *owner)
{
    struct dns_query       *q    = owner;
    const struct dns_answer none = { .status = GP_TEMPFAIL, .why = "the resolver takes no questions" };
    finish(q, q->asked ? &none : &not_a_name);
}

static struct dns_query *query_open(struct dns *d, int type, dns_done *done, void *owner)
{
    struct dns_query *q = calloc(1, sizeof *q);
    if (!q) return NULL;
    *q          = (struct dns_query) { .dns = d, .type = type, .done = done, .owner = owner, .next = d->queries };
    q->failed   = (struct later) { .fn = could_not_ask, .owner = q };
    q->patience = timer_open(d->loop, give_up, q);
    q->link     = &d->queries;
    if (q->next) q->next->link = &q->next;
    d->queries = q;
    if (q->patience) return q;
    query_free(q);
    return NULL;
}

static struct dns_query *query(struct dns *d, gp_str name, int type, dns_done *done, void *owner)
{
    struct dns_query *q = query_open(d, type, done, owner);
    if (!q) return NULL;
    bool fits = name.len > 0 && name.len <= DNS_NAME_MOST && gp_copy_z(name, q->name, sizeof q->name);
    if (fits && ask(q, d->validating.ub ? &d->validating : &d->plain))
        timer_set(q->patience, d->patience);
    else
        later_set(d->loop, &q->failed);
    return q;
}

struct dns_query *dns_ask(struct dns *d, gp_str name, enum dns_type type, dns_done *done, void *owner)
{
    return query(d, name, (int)type, done, owner);
}

void dns_forget(struct dns_query *q)
{
    if (!q) return;
    if (!q->failed.next) ub_cancel(q->asked->ub, q->id);
    query_free(q);
}

/* ---- opening ---------------------------------------------------------------------------------------------------------- */
static void root_asked(void *owner, const struct dns_answer *a)
{
    const struct dns *d = owner;
    if (a->secure || d->quiet) return;
    LOG(LOG_WARN, "dns",
        LOG_Z("reason", d->insists
                            ? "this resolver gives no proofs (DNSSEC), and they are required: mail waits"
                            : "this resolver gives no proofs (DNSSEC): its answers are taken without until it does"),
        LOG_Z("hint", "run a resolver on this host (unbound, knot-resolver), or name another: relay.dns_server"));
}

struct dns *dns_open_anchored(struct loop *l, const char *server, const char *anchors)
{
    struct dns *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->loop       = l;
    d->patience   = PATIENCE_MS;
    bool validate = anchors || access(root_key, R_OK) == 0;
    if (!resolver_open(&d->plain, l, server, false, NULL) ||
        (validate && !resolver_open(&d->validating, l, server, true, anchors))) {
        dns_close(d);
        return NULL;
    }
    struct dns_query *root = validate ? query(d, GP_LIT("."), DNS_SOA, root_asked, d) : NULL;
    if (!anchors || (root && root->asked == &d->validating)) return d;
    dns_close(d);
    return NULL;
}

struct dns *dns_open(struct loop *l, const char *server)
{
    return dns_open_anchored(l, server, NULL);
}

bool dns_validates(const struct dns *d)
{
    return d->validating.ub;
}

void dns_insist(struct dns *d)
{
    d->insists = true;
}

void dns_hush(struct dns *d)
{
    d->quiet = true;
}

void dns_set_patience(struct dns *d, uint64_t ms)
{
    d->patience = ms;
}

void dns_close(struct dns *d)
{
    if (!d) return;
    for (struct dns_query *q = d->queries, *next; q; q = next) {
        next = q->next;
        dns_forget(q);
    }
    resolver_close(&d->validating);
    resolver_close(&d->plain);
    free(d);
}
