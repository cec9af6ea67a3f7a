/* What is said to a provider: which grant, and who asks; and the files that say who we are. */
#include <string.h>

#include "vault/parts.h"

enum { SECOND_MS = 1000 };

/* ---- the form ----------------------------------------------------------------------------------------------------------------- */
const struct keeper *tokens_files(const struct keeper *k)
{
    return k->of ? k->of : k;
}

const char *tokens_form(const struct keeper *k, const struct grant *g, gp_time wall, struct gp_text *form)
{
    static const enum oauth_grant grants[] = { [PROVIDER_LOGIN]           = OAUTH_REFRESH,
                                               [PROVIDER_CLIENT]          = OAUTH_CLIENT,
                                               [PROVIDER_SERVICE_ACCOUNT] = OAUTH_SERVICE_ACCOUNT };
    const struct config_provider *p        = k->plan;
    const struct config          *c        = k->vault->config;
    const struct keeper          *f        = tokens_files(k);
    const size_t                  login    = config_login_by(c, p); /* one that nobody uses speaks as relay.user does */
    const bool             whose = p->grant == PROVIDER_SERVICE_ACCOUNT && !p->client_id[0]; /* its file says it */
    const struct oauth_ask ask   = {
          .grant      = grants[p->grant],
          .client_id  = gp_from(whose ? f->key_file.email : p->client_id),
          .token_uri  = gp_from(p->token_uri),
          .scope      = gp_from(p->scope),
          .secret     = p->client_secret_file[0] ? (gp_str) {f->secret,   f->secret_len }
                   : GP_NONE,
          .wants_key  = p->key_file[0] && p->grant != PROVIDER_SERVICE_ACCOUNT,
          .key        = f->key_file.key,
          .thumbprint = f->has_thumbprint ? f->thumbprint : NULL,
          .key_id     = gp_from(f->key_file.key_id),
          .subject    = gp_from(k->of ? k->login : config_login_of(c, login < config_logins(c) ? login : 0).user),
          .code       = { g->refresh, g->refresh_len},
          .now        = wall / SECOND_MS
    };
    return oauth_put_ask(form, &ask);
}

static bool has(gp_str text, const char *secret, size_t len)
{
    enum { TOO_SHORT = 6 }; /* what is shorter stands in words */
    return len >= TOO_SHORT && text.len && memmem(text.ptr, text.len, secret, len);
}

bool tokens_tells(const struct keeper *k, const struct grant *g, gp_str text)
{
    const struct keeper *f = tokens_files(k);
    return has(text, f->secret, f->secret_len) || has(text, g->refresh, g->refresh_len) ||
           has(text, k->access, k->access_len);
}

/* ---- files ---------------------------------------------------------------------------------------------------------------------- */
static void complain(const struct keeper *k, const char *file, const char *reason)
{
    LOG(LOG_ERROR, "provider", LOG_Z("provider", k->plan->name), LOG_Z("file", file), LOG_Z("reason", reason));
}

static void take_secret(struct keeper *k, gp_str text)
{
    gp_str line = gp_trim(file_first_line(text));
    bool   fits = line.len > 0 && line.len <= sizeof k->secret;
    gp_wipe(k->secret, sizeof k->secret);
    k->secret_len = fits ? line.len : 0;
    if (fits) memcpy(k->secret, line.ptr, line.len);
    if (!fits) complain(k, k->plan->client_secret_file, "its first line is empty, too long or cannot be read");
}

static void take_key(struct keeper *k, gp_str text)
{
    gp_key_close(k->key_file.key);
    if (!oauth_read_key_file(text, &k->key_file))
        complain(k, k->plan->key_file, "it is no RSA key (PEM, or Google's JSON)");
}

static void take_certificate(struct keeper *k, gp_str pem)
{
    k->has_thumbprint   = gp_certificate_fingerprint(pem, k->thumbprint);
    k->certificate_ends = 0;
    if (!k->has_thumbprint) complain(k, k->plan->certificate_file, "it holds no certificate (PEM)");
    if (k->has_thumbprint && k->key_file.key && !gp_certificate_fits(pem, k->key_file.key, &k->certificate_ends))
        complain(k, k->plan->certificate_file, "key_file is not its key");
}

void tokens_take_file(struct keeper *k, enum provider_file what, gp_str content)
{
    switch (what) {
    case PROVIDER_FILE_SECRET: take_secret(k, content); break;
    case PROVIDER_FILE_KEY: take_key(k, content); break;
    default: take_certificate(k, content); /* after the key: it is held against that */
    }
}
