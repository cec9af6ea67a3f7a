/* Tokens from their providers (RFC 6749 4, 6): vault has made the form, secrets and all; here it is posted, and the answer read. Each fetch
 * has a transfer and a thread of its own: a provider that hangs holds up nobody else's. Forms and answers are wiped when done. */
#include <stdlib.h>

#include "lookup/parts.h"
#include "oauth/oauth.h"
#include "web/transfer.h"

enum { SECOND_MS = 1000 };

struct fetch { /* the thread's, while it runs */
    struct lookup                *lookup;
    const struct config_provider *plan;
    uint64_t                      life; /* of the vault that asked */
    uint32_t                      number;
    struct oauth_reply            reply;
    size_t                        len;
    char                          form[OAUTH_FORM_ROOM];
};

_Static_assert((int)SANDBOX_READS_MOST >= (int)CONFIG_PROVIDERS_MOST, "each may have a file of whom it trusts");
static char trusted[CONFIG_PROVIDERS_MOST][CONFIG_PATH]; /* their ca_file, absolute; "": the system's */

static bool open_library(const struct source *s)
{
    for (size_t i = 0; i < s->config->provider_count; i++) {
        const char *name = s->config->providers[i].ca_file;
        if (name[0] && !config_path(s->config, name, trusted[i])) return false;
    }
    if (transfer_library()) return true;
    LOG(LOG_ERROR, "provider", LOG_Z("problem", "libcurl cannot be used"));
    return false;
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    out->network = true;
    for (size_t i = 0; i < s->config->provider_count; i++) out->reads[i] = trusted[i][0] ? trusted[i] : NULL;
}

/* ---- on the thread ---------------------------------------------------------------------------------------------------------- */
static void run(struct fetch *f, struct transfer *t)
{
    long        status = 0;
    const char *wrong =
        transfer_run(t, f->plan->token_uri, (gp_str) { f->form, f->len }, (int)f->plan->timeout * SECOND_MS, &status);
    if (wrong)
        oauth_no_reply(&f->reply, wrong);
    else
        oauth_read_reply(transfer_reply(t), status, &f->reply);
}

static void on_thread(void *job)
{
    struct fetch    *f = job;
    struct transfer *t = transfer_open(trusted[f->plan - f->lookup->source.config->providers], OAUTH_REPLY_MOST);
    if (t && transfer_header(t, "Accept: ", "application/json"))
        run(f, t);
    else
        oauth_no_reply(&f->reply, "no memory");
    transfer_close(t);
    gp_wipe(f->form, sizeof f->form);
    asks_wipe_stack();
}

/* ---- on the loop -------------------------------------------------------------------------------------------------------------- */
static void answer(struct lookup *l, uint32_t number, const struct oauth_reply *r)
{
    struct msg m    = MSG(TOKEN_FETCHED);
    bool       good = r->status == GP_OK;
    m.token_fetched = (struct msg_token_fetched) {
        .status   = (uint64_t)(r->status == GP_WAIT ? GP_PERMFAIL : r->status), /* nobody is asked anything here */
        .lifetime = r->lifetime,
        .refresh_lifetime = r->refresh_lifetime,
        .access           = good ? (gp_str) {r->access,   r->access_len }
                       : GP_LIT(""),
        .refresh          = good ? (gp_str) { r->refresh, r->refresh_len}
                       : GP_LIT(""),
        .error            = gp_from(r->error),
        .why              = gp_from(r->why)
    };
    ipc_answer(l->vault, number, &m);
}

static void on_loop(void *job)
{
    struct fetch *f = job;
    f->lookup->jobs--;
    if (f->life == f->lookup->life) answer(f->lookup, f->number, &f->reply);
    gp_wipe(f, sizeof *f);
    free(f);
}

static void refuse(struct lookup *l, uint32_t number, const char *why)
{
    struct oauth_reply *none = calloc(1, sizeof *none);
    if (!none) return; /* vault's question ends with its channel, or with its own patience */
    oauth_no_reply(none, why);
    answer(l, number, none);
    free(none);
}

/* So many are under way by vault's rules; a vault that has just started may ask beside the one before it. */
static void take(struct lookup *l, const struct msg *m)
{
    const struct config *config = l->source.config;
    struct fetch        *f      = NULL;
    if (m->token_fetch.provider < config->provider_count && m->token_fetch.form.len <= sizeof f->form &&
        l->jobs < (size_t)2 * CONFIG_TOKEN_FETCHES)
        f = calloc(1, sizeof *f);
    if (!f) {
        refuse(l, m->question, "no room for another fetch");
        return;
    }
    struct gp_text form = GP_TEXT(f->form);
    gp_put(&form, m->token_fetch.form);
    f->len    = form.len;
    f->lookup = l;
    f->plan   = &config->providers[m->token_fetch.provider];
    f->life   = l->life;
    f->number = m->question;
    if (loop_work(l->loop, on_thread, on_loop, f)) {
        l->jobs++;
        return;
    }
    gp_wipe(f, sizeof *f);
    free(f);
    refuse(l, m->question, "no memory");
}

const struct source_type source_tokens = {
    .open = open_library, .needs = needs, .fetch = take, .jobs = CONFIG_TOKEN_FETCHES
};
