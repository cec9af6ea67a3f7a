/* Questions to a provider, from a command: the same forms that the vault sends. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/provider.h"

enum { SECOND_MS = 1000 };

/* ---- its files ---------------------------------------------------------------------------------------------------------------- */
static bool read_file(const struct provider *p, const char *name, struct gp_text *out)
{
    char    path[CONFIG_PATH];
    ssize_t n  = 1;
    int     fd = config_path(&p->s.config, name, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
    while (fd >= 0 && n > 0 && out->len < out->room) {
        n = read(fd, out->ptr + out->len, out->room - out->len);
        if (n > 0) out->len += (size_t)n;
    }
    bool good = fd >= 0 && n == 0;
    if (!good)
        cli_problem(name, fd < 0 || n < 0 ? strerror(errno) : "is too long",
                    "it is named in providers of gatepost.yml");
    if (fd >= 0) close(fd);
    return good;
}

static bool take_secret(struct provider *p, gp_str text)
{
    gp_str line = gp_trim(gp_head(text, strcspn(text.ptr, "\r\n")));
    if (line.len == 0 || line.len > sizeof p->secret) {
        cli_problem(p->plan->client_secret_file, "its first line is empty or too long",
                    "that line is the application's secret");
        return false;
    }
    memcpy(p->secret, line.ptr, line.len);
    p->secret_len = line.len;
    return true;
}

static bool take_key(struct provider *p, gp_str text)
{
    if (oauth_read_key_file(text, &p->key)) return true;
    cli_problem(p->plan->key_file, "is no RSA key", "it is PEM without a password, or the JSON file that Google makes");
    return false;
}

static bool take_certificate(struct provider *p, gp_str text)
{
    gp_time ends      = 0;
    p->has_thumbprint = gp_certificate_fingerprint(text, p->thumbprint);
    if (p->has_thumbprint && p->key.key && gp_certificate_fits(text, p->key.key, &ends)) return true;
    cli_problem(p->plan->certificate_file, p->has_thumbprint ? "key_file is not its key" : "holds no certificate",
                NULL);
    return false;
}

static bool read_files(struct provider *p)
{
    const struct {
        const char *name;
        bool (*take)(struct provider *, gp_str);
    } files[] = {
        {p->plan->client_secret_file, take_secret     },
        { p->plan->key_file,          take_key        },
        { p->plan->certificate_file,  take_certificate},
    };
    bool good = true;
    for (size_t i = 0; good && i < GP_COUNT(files); i++) {
        struct gp_text text = { .ptr = p->form, .room = OAUTH_KEY_FILE_MOST - 1 };
        if (!files[i].name[0]) continue;
        good              = read_file(p, files[i].name, &text);
        p->form[text.len] = '\0';
        good              = good && files[i].take(p, gp_said(&text));
    }
    gp_wipe(p->form, sizeof p->form);
    return good;
}

/* ---- one of them ---------------------------------------------------------------------------------------------------------------- */
struct provider *cli_provider_open(const char *dir, const char *name, const char *account, const char *user)
{
    struct provider *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    if (!user_store_open(dir, &p->s)) {
        free(p);
        return NULL;
    }
    p->plan = config_find_provider(&p->s.config, gp_from(name));
    if (!p->plan)
        cli_problem(name, "is none of providers in gatepost.yml",
                    "`gatepost provider list` shows those; docs/providers.md says how to add one");
    if (p->plan && cli_provider_resolve(p, account, user) && read_files(p)) return p;
    cli_provider_close(p);
    return NULL;
}

void cli_provider_close(struct provider *p)
{
    if (!p) return;
    transfer_close(p->transfer);
    gp_key_close(p->key.key);
    user_store_close(&p->s);
    gp_wipe(p, sizeof *p);
    free(p);
}

void cli_provider_leave(struct provider **p)
{
    cli_provider_close(*p);
}

/* ---- asking ---------------------------------------------------------------------------------------------------------------------- */
static bool open_transfer(struct provider *p)
{
    char ca_file[CONFIG_PATH] = "";
    if (p->transfer) return true;
    if (p->plan->ca_file[0] && !config_path(&p->s.config, p->plan->ca_file, ca_file)) return false;
    p->transfer = transfer_library() ? transfer_open(ca_file, OAUTH_REPLY_MOST) : NULL;
    return p->transfer && transfer_header(p->transfer, "Accept: ", "application/json");
}

static void hide(const struct gp_mask *mask, char *text, size_t size)
{
    char           room[OAUTH_WHY_ROOM];
    struct gp_text shown = { .ptr = room, .room = size < sizeof room ? size - 1 : sizeof room - 1 };
    gp_put_masked(&shown, mask, gp_from(text));
    (void)gp_copy_z(gp_said(&shown), text, size);
}

void cli_provider_hide(struct oauth_reply *reply, gp_str secret)
{
    struct gp_mask mask = { 0 };
    (void)gp_mask_set(&mask, (gp_secret) { secret.ptr, secret.len }); /* else nothing of it is shown */
    hide(&mask, reply->why, sizeof reply->why);
    hide(&mask, reply->error, sizeof reply->error);
    gp_mask_end(&mask);
}

gp_str cli_provider_post(struct provider *p, const char *uri, size_t len, long *status)
{
    const char *wrong = "no memory";
    *status           = 0;
    if (open_transfer(p))
        wrong = transfer_run(p->transfer, uri, (gp_str) { p->form, len }, (int)p->plan->timeout * SECOND_MS, status);
    gp_wipe(p->form, sizeof p->form);
    if (!wrong) return transfer_reply(p->transfer);
    *status = 0;
    oauth_no_reply(&p->reply, wrong);
    return GP_NONE;
}

struct oauth_ask cli_provider_ask(const struct provider *p)
{
    const struct config_provider *plan    = p->plan;
    const bool                    service = plan->grant == PROVIDER_SERVICE_ACCOUNT;
    return (struct oauth_ask) {
        .client_id  = gp_from(service && !plan->client_id[0] ? p->key.email : plan->client_id),
        .token_uri  = gp_from(plan->token_uri),
        .scope      = gp_from(plan->scope),
        .secret     = plan->client_secret_file[0] ? (gp_str) {p->secret, p->secret_len}
                 : GP_NONE,
        .wants_key  = plan->key_file[0] && !service,
        .key        = p->key.key,
        .thumbprint = p->has_thumbprint ? p->thumbprint : NULL,
        .key_id     = gp_from(p->key.key_id),
        .subject    = gp_from(p->user),
        .now        = user_now() / SECOND_MS
    };
}

bool cli_provider_fetch(struct provider *p, const struct oauth_ask *ask)
{
    struct gp_text form   = GP_TEXT(p->form);
    long           status = 0;
    const char    *why    = oauth_put_ask(&form, ask);
    if (why) {
        cli_problem(p->plan->name, why, NULL);
        return false;
    }
    gp_str body = cli_provider_post(p, p->plan->token_uri, form.len, &status);
    if (status) oauth_read_reply(body, status, &p->reply);
    if (p->transfer) transfer_forget(p->transfer);
    cli_provider_hide(&p->reply, ask->code);
    cli_provider_hide(&p->reply, ask->secret);
    return true;
}

/* What the answers mean, for people (RFC 6749 5.2). */
static const char *hint_for(const char *error)
{
    static const struct {
        const char *error, *hint;
    } hints[] = {
        {"invalid_grant",        "what was consented to is no longer good: `gatepost provider login NAME` begins anew"},
        { "invalid_client",      "client_id, or its secret, key or certificate, is not what the provider has"         },
        { "unauthorized_client", "the application may not do that: look at its settings at the provider"              },
        { "invalid_scope",       "the application may not ask for that scope: look at its permissions"                },
        { "access_denied",       "the person said no, or an administrator has to agree first"                         },
        { "expired_token",       "nobody said yes in time: begin again"                                               },
    };
    for (size_t i = 0; i < GP_COUNT(hints); i++)
        if (strcmp(error, hints[i].error) == 0) return hints[i].hint;
    return "docs/providers.md says what the provider's answers mean";
}

int cli_provider_failed(const struct provider *p, const char *what)
{
    cli_problem(what, p->reply.why, hint_for(p->reply.error));
    return CLI_FAILED;
}
