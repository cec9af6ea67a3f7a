/* Bearer tokens of one issuer (OAUTHBEARER, XOAUTH2). A JWT is checked here, with the issuer's keys; a token of another form, or
 * every one if there is nothing else, is shown to the issuer. Then its user must be the one that the client named, if it named one.
 *
 *   keys_uri, keys_file, or neither of them (discovery)   JWTs are checked here
 *   introspection_uri                                     the issuer is asked; beside keys_uri or keys_file: about what is no JWT */
#include <cjose/cjose.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lookup/file_text.h"
#include "lookup/introspect.h"
#include "lookup/provider.h"
#include "lookup/token_cache.h"

/* The loop's. A process has one source. */
static struct {
    const struct source *source;
    struct provider     *keys;
    struct token_cache  *cache;
} issuer;

struct bench { /* the seat */
    struct transfer *connection;
    struct file_text file;
    struct jwks     *keys; /* of the file; the last ones that were good */
    bool             failed;
};

static bool asks_issuer(const struct source *s)
{
    return s->plan->introspection_uri[0] != '\0';
}

static bool reads_tokens(const struct source *s)
{
    return s->plan->keys_uri[0] || s->path[0] || !asks_issuer(s);
}

static void leave(void *seat)
{
    struct bench *b = seat;
    transfer_close(b->connection);
    file_text_drop(&b->file);
    jwks_free(b->keys);
    free(b);
}

/* ---- on a thread ------------------------------------------------------------------------------------------------------------ */
static void note_file(const struct source *s, struct bench *b, const char *wrong)
{
    if (wrong && !b->failed)
        LOG(LOG_WARN, "source", LOG_Z("source", s->plan->name), LOG_Z("problem", "the file of keys cannot be read"),
            LOG_Z("reason", wrong), LOG_Z("keys", b->keys ? "those at hand go on" : "there are none"));
    if (!wrong && b->failed)
        LOG(LOG_INFO, "source", LOG_Z("source", s->plan->name), LOG_Z("state", "the file of keys is read again"));
    b->failed = wrong != NULL;
}

static const struct jwks *keys_of_file(const struct source *s, struct bench *b)
{
    bool         changed = false;
    const char  *wrong   = file_text_look(&b->file, s->path, JWKS_TEXT_MOST, &changed);
    struct jwks *read    = changed ? jwks_read((gp_str) { b->file.text, b->file.len }) : NULL;
    if (changed && !read) wrong = "there is no key of use in it";
    if (wrong || changed) note_file(s, b, wrong);
    if (!read) return b->keys;
    jwks_free(b->keys);
    b->keys = read;
    return read;
}

static bool judge_by_keys(const struct source *s, struct bench *b, struct question *q, int64_t now, struct verdict *v)
{
    const struct jwks *keys = s->path[0] ? keys_of_file(s, b) : q->lent.keys ? provider_of(q->lent.keys) : NULL;
    if (keys) jwt_judge(gp_from(q->secret), keys, s->plan, now, v);
    q->lent.lacks_key = !s->path[0] && (!keys || v->no_key);
    if (!keys)
        question_failed(q, s->path[0] ? "there are no keys in the file" : "the issuer's keys are not there", NULL);
    return keys != NULL;
}

static bool judge_by_issuer(const struct source *s, struct bench *b, struct question *q, int64_t now, struct verdict *v)
{
    if (q->lent.remembered) {
        *v       = (struct verdict) { .status = GP_OK, .known = true, .expires = q->lent.expires };
        v->owner = q->lent.owner;
        return true;
    }
    if (!introspection_judge(s, &b->connection, q, now, v)) return false;
    q->lent.fresh   = v->status == GP_OK;
    q->lent.expires = v->expires;
    return true;
}

static void refuse_other(struct question *q, const struct verdict *v)
{
    struct verdict no = { 0 };
    verdict_no(&no, "it is the token of ", gp_from(v->owner.user), ", whom the client did not name");
    question_refuse(q, true, no.why);
}

/* A client may name its user in full where strip_domain has made the account's name short. */
static bool is_named(gp_str said, const char *user, const char *domain)
{
    gp_str rest = said, local = gp_cut(&rest, '@');
    return gp_is(said, user) || (domain[0] && rest.ptr && gp_is(local, user) && gp_is(rest, domain));
}

static void conclude(const struct source *s, struct question *q, const struct verdict *v)
{
    if (v->status != GP_OK) {
        question_refuse(q, v->known, v->why);
    } else if (q->user[0] && !is_named(gp_from(q->user), v->owner.user, s->plan->strip_domain)) {
        refuse_other(q, v);
    } else {
        question_right(q);
        question_name(q, gp_from(v->owner.user));
        memcpy(q->subject, v->owner.subject, sizeof q->subject);
        q->ends = v->expires ? (v->expires + s->plan->leeway) * LOOKUP_MS : 0; /* as long as it would be taken */
    }
}

static void ask(const struct source *s, void **seat, struct question *q)
{
    struct verdict v    = { .status = GP_PERMFAIL };
    const int64_t  now  = (int64_t)time(NULL);
    const bool     here = reads_tokens(s) && (!asks_issuer(s) || jwt_has_form(gp_from(q->secret)));
    struct bench  *b    = *seat ? *seat : calloc(1, sizeof *b);
    *seat               = b;
    q->failed           = false; /* it may be the second time */
    if (!b)
        question_failed(q, "no memory", NULL);
    else if (here ? judge_by_keys(s, b, q, now, &v) : judge_by_issuer(s, b, q, now, &v))
        conclude(s, q, &v);
}

/* ---- on the loop --------------------------------------------------------------------------------------------------------------- */
static void lend(struct question *q)
{
    const bool waited = q->lent.waited;
    q->lent           = (struct lent) { .waited = waited, .keys = issuer.keys ? provider_lend(issuer.keys) : NULL };
    if (issuer.cache)
        q->lent.remembered =
            token_cache_find(issuer.cache, gp_from(q->secret), octets_clock(), (int64_t)time(NULL), &q->lent);
}

/* That newer keys cannot be had must not look like a failure of the source: anybody can make up such a token. Nor must it be a no:
 * that somebody did is no reason to turn away the first token after a change of keys. */
static void settle_without_key(struct question *q, bool unsure)
{
    const char *trouble = provider_trouble(issuer.keys);
    char        was[LOOKUP_WHY];
    memcpy(was, q->why, sizeof was);
    if (trouble && q->failed)
        question_failed(q, was, trouble);
    else if (trouble)
        question_unclear(q, was, "and its newest ones cannot be had now");
    else if (unsure && !q->failed)
        question_unclear(q, was, "and newer ones are looked for once a minute at the most");
}

static enum settled settle(struct question *q)
{
    const gp_time      until = octets_clock() + (gp_time)issuer.source->plan->cache * LOOKUP_MS;
    struct token_owner owner;
    memcpy(owner.user, q->name, sizeof owner.user);
    memcpy(owner.subject, q->subject, sizeof owner.subject);
    if (issuer.cache && q->lent.fresh && q->status == GP_OK)
        token_cache_keep(issuer.cache, gp_from(q->secret), &owner, until, q->lent.expires);
    bool unsure = false;
    if (!issuer.keys) return SETTLED;
    enum settled said = provider_settle(issuer.keys, q->lent.keys, q->lent.lacks_key, q->lent.waited, &unsure);
    if (said == SETTLED && q->lent.lacks_key) settle_without_key(q, unsure);
    q->lent.keys   = NULL;
    q->lent.waited = said != SETTLED;
    return said;
}

static bool begin(struct lookup *l)
{
    const struct source *s     = &l->source;
    const bool           fetch = reads_tokens(s) && !s->path[0], keep = asks_issuer(s) && s->plan->cache;
    issuer.source = s;
    issuer.keys   = fetch ? provider_open(l) : NULL;
    issuer.cache  = keep ? token_cache_open() : NULL;
    return !fetch == !issuer.keys && !keep == !issuer.cache;
}

static void end(void)
{
    provider_close(issuer.keys);
    token_cache_close(issuer.cache);
}

static bool open_libraries(const struct source *s)
{
    if (transfer_library()) return true;
    LOG(LOG_ERROR, "source", LOG_Z("source", s->plan->name), LOG_Z("problem", "libcurl cannot be used"));
    return false;
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    out->network  = !s->path[0] || asks_issuer(s);
    out->reads[0] = s->ca_file[0] ? s->ca_file : NULL;
    out->reads[1] = s->path[0] ? file_text_directory(s->path) : NULL;
}

const struct source_type source_oauth = {
    .tokens = true,
    .open   = open_libraries,
    .needs  = needs,
    .ask    = ask,
    .leave  = leave,
    .begin  = begin,
    .lend   = lend,
    .settle = settle,
    .end    = end,
    .jobs   = 1,
};
