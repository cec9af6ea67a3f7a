/* gatepost init: a set-up that works, in one command. What is there already is kept; gatepost.yml is written last, so that
 * a run which was interrupted can be run again, and a set-up that is whole is never touched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "crypto/crypto.h"
#include "zone/zone.h"

enum {
    PUBLIC_MODE      = 0755,
    PRIVATE_MODE     = 0700,
    PUBLIC_FILE      = 0644,
    PRIVATE_FILE     = FILE_PRIVATE,
    VAULT_KEY        = 32,
    RSA_BITS         = 2048, /* RFC 8301 3.2 */
    CERTIFICATE_DAYS = 3650,
    PEM_ROOM         = 8192,
    RECORDS_ROOM     = 8192,
};

struct set_up {
    const char    *dir, *domain, *hostname;
    char           derived[256]; /* a hostname that was not given */
    struct gp_key *rsa, *ed25519;
};

/* ---- directories ---------------------------------------------------------------------------------------- */
static const struct {
    const char *name;
    unsigned    mode;
} dirs[] = {
    {"tls",           PRIVATE_MODE},
    { "vault",        PRIVATE_MODE},
    { "vault/dkim",   PRIVATE_MODE},
    { "queue",        PRIVATE_MODE},
    { "queue/bodies", PRIVATE_MODE},
    { "run",          PUBLIC_MODE },
    { "run/empty",    PUBLIC_MODE },
};

static bool make_dirs(const struct set_up *s)
{
    char path[CONFIG_PATH];
    if (!file_make_dir(s->dir, PUBLIC_MODE)) return false;
    for (size_t i = 0; i < GP_COUNT(dirs); i++)
        if (!file_path(s->dir, dirs[i].name, path) || !file_make_dir(path, dirs[i].mode)) return false;
    return true;
}

/* ---- keys ----------------------------------------------------------------------------------------------- */
static bool make_vault_key(const struct set_up *s)
{
    char path[CONFIG_PATH], key[VAULT_KEY];
    if (!file_path(s->dir, "vault/vault.key", path)) return false;
    if (file_exists(path)) return true;
    gp_random(key, sizeof key);
    bool done = file_write(path, PRIVATE_FILE, (gp_str) { key, sizeof key });
    gp_wipe(key, sizeof key);
    return done;
}

static struct gp_key *read_key(const char *path)
{
    char           room[FILE_MOST];
    struct gp_text pem = GP_TEXT(room);
    struct gp_key *key = file_read(path, &pem) ? gp_key_read(gp_said(&pem)) : NULL;
    if (!key && pem.len) cli_problem(path, "is not a private key", "restore it, or remove it to have a new one made");
    gp_wipe(room, pem.len);
    return key;
}

/* The key in that file, made first if there is none. NULL: printed. */
static struct gp_key *key_at(const char *path, enum gp_key_kind kind)
{
    if (file_exists(path)) return read_key(path);
    struct gp_key *key = gp_key_new(kind, RSA_BITS);
    if (!key) cli_problem(path, "no key could be made", NULL);
    if (key && file_write_key(path, key)) return key;
    gp_key_close(key);
    return NULL;
}

static struct gp_key *dkim_key(const struct set_up *s, const char *selector, enum gp_key_kind kind)
{
    char           name[CONFIG_PATH], path[CONFIG_PATH];
    struct gp_text text = GP_TEXT(name);
    gp_put_z(&text, "vault/dkim/");
    gp_put_z(&text, s->domain);
    gp_put_char(&text, '.');
    gp_put_z(&text, selector);
    gp_put(&text, (gp_str) { ".pem", sizeof ".pem" }); /* with its NUL */
    return !text.cut && file_path(s->dir, name, path) ? key_at(path, kind) : NULL;
}

static bool make_dkim_keys(struct set_up *s)
{
    s->rsa     = dkim_key(s, CONFIG_RSA_SELECTOR, GP_KEY_RSA);
    s->ed25519 = s->rsa ? dkim_key(s, CONFIG_ED25519_SELECTOR, GP_KEY_ED25519) : NULL;
    return s->ed25519 != NULL;
}

/* ---- the certificate ------------------------------------------------------------------------------------- */
static bool write_certificate(const struct set_up *s, const struct gp_key *key, const char *path)
{
    char              room[PEM_ROOM];
    struct gp_text    pem         = GP_TEXT(room);
    const char *const names[]     = { s->hostname, "localhost", NULL };
    const char *const addresses[] = { "127.0.0.1", "::1", NULL };
    if (gp_certificate_new(key, names, addresses, CERTIFICATE_DAYS, &pem))
        return file_write(path, PUBLIC_FILE, gp_said(&pem));
    cli_problem(path, "no certificate could be made", NULL);
    return false;
}

static bool make_certificate(const struct set_up *s)
{
    char path[CONFIG_PATH], key_path[CONFIG_PATH];
    if (!file_path(s->dir, "tls/cert.pem", path) || !file_path(s->dir, "tls/key.pem", key_path)) return false;
    if (file_exists(path)) return true;
    struct gp_key *key  = key_at(key_path, GP_KEY_EC);
    bool           done = key && write_certificate(s, key, path);
    gp_key_close(key);
    return done;
}

/* ---- gatepost.yml ---------------------------------------------------------------------------------------- */
static bool write_config(const struct set_up *s)
{
    char           path[CONFIG_PATH], room[2048];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(
        &text,
        "# The server's name, and the domain of its accounts. All else has a default: `gatepost config show`.\nhostname: ");
    gp_put_z(&text, s->hostname);
    gp_put_z(&text, "\ndomain: ");
    gp_put_z(&text, s->domain);
    gp_put_z(
        &text,
        "\n\n# Mail goes to the servers of each recipient's domain. To send all of it through a provider instead:\n"
        "#relay:\n#  via: smtp://smtp.example.net:587\n#  user: NAME\n#  password_file: relay.password\n");
    return !text.cut && file_path(s->dir, "gatepost.yml", path) && file_write(path, PUBLIC_FILE, gp_said(&text));
}

/* ---- what to do next ------------------------------------------------------------------------------------- */
/* What has to be there, and can be written down: addresses are the administrator's to know. */
static void put_needed(void *owner, const struct zone_want *w)
{
    if (!w->optional && w->value.len && w->kind != ZONE_PTR) zone_put_line(owner, w);
}

static bool plan_zone(const struct set_up *s, struct zone_plan *plan)
{
    static const struct zone_service services[] = {
        {"_submissions", 465, 0 },
        { "_submission", 587, 10}
    };
    gp_str domain = gp_from(s->domain), hostname = gp_from(s->hostname);
    memcpy(plan->services, services, sizeof services);
    plan->service_count = GP_COUNT(services);
    plan->key_count     = 2;
    zone_add_sender(plan, s->hostname, true, true);
    return gp_copy_z(domain, plan->domain, sizeof plan->domain) &&
           gp_copy_z(hostname, plan->hostname, sizeof plan->hostname) &&
           gp_copy_z(GP_LIT(CONFIG_RSA_SELECTOR), plan->keys[0].selector, sizeof plan->keys[0].selector) &&
           gp_copy_z(GP_LIT(CONFIG_ED25519_SELECTOR), plan->keys[1].selector, sizeof plan->keys[1].selector) &&
           zone_keep_key(&plan->keys[0], s->rsa) && zone_keep_key(&plan->keys[1], s->ed25519);
}

static void print_next(const struct set_up *s)
{
    static struct zone_plan plan;
    char                    room[RECORDS_ROOM];
    struct gp_text          records = GP_TEXT(room);
    if (plan_zone(s, &plan)) zone_wants(&plan, put_needed, &records);
    (void)printf("The set-up is in %s. Its certificate is self-signed, for trying out: put a real one into\n"
                 "%s/tls/cert.pem and key.pem, or name it in gatepost.yml.\n\n"
                 "DNS records to add, besides the address of %s\n"
                 "(if %s has an SPF record already, add a:%s to that one):\n\n%.*s\n"
                 "Next:\n  gatepost user add NAME --dir %s\n  gatepost serve --dir %s\n"
                 "  gatepost dns --check --dir %s   # once the records are in\n",
                 s->dir, s->dir, s->hostname, s->domain, s->hostname, (int)records.len, records.ptr, s->dir, s->dir,
                 s->dir);
}

/* ---- the command ----------------------------------------------------------------------------------------- */
static bool is_name(const char *option, const char *name)
{
    if (config_is_hostname(gp_from(name))) return true;
    cli_problem(option, "is not a host name",
                cli_domain_hint(name, "write it as in --domain example.org --hostname mail.example.org"));
    return false;
}

/* RFC 5321 2.3.5: addresses need a whole domain name; one label would make accounts that may send nothing. */
static bool is_mail_domain(const char *name)
{
    if (!is_name("--domain", name)) return false;
    if (gp_find(gp_from(name), '.') < strlen(name)) return true;
    cli_problem("--domain", "has one label, and mail addresses need two at least",
                "write it as in --domain example.org, or --domain home.test for trying out");
    return false;
}

/* Option, else environment; the hostname follows from the domain. */
static bool find_names(struct set_up *s)
{
    struct gp_text derived = GP_TEXT(s->derived);
    if (!s->domain) s->domain = getenv("GATEPOST_DOMAIN");
    if (!s->hostname) s->hostname = getenv("GATEPOST_HOSTNAME");
    if (!s->domain || !is_mail_domain(s->domain)) {
        if (!s->domain)
            cli_problem("init", "which domain?",
                        "say --domain example.org: the part after the @ of your users' addresses");
        return false;
    }
    gp_put_z(&derived, "mail.");
    gp_put_z(&derived, s->domain);
    gp_put_char(&derived, '\0');
    if (!s->hostname) s->hostname = derived.cut ? "" : s->derived;
    return is_name("--hostname", s->hostname);
}

static bool is_new(const struct set_up *s)
{
    char path[CONFIG_PATH];
    if (!file_path(s->dir, "gatepost.yml", path)) return false;
    if (!file_exists(path)) return true;
    cli_problem(path, "there is a set-up already", "change that file, or choose another place with --dir DIR");
    return false;
}

static bool make_all(struct set_up *s)
{
    return make_dirs(s) && make_vault_key(s) && make_dkim_keys(s) && make_certificate(s) && write_config(s);
}

static int run_init(const struct cli_command *command, int argc, char **argv)
{
    struct set_up           s         = { 0 };
    size_t                  count     = 0;
    const struct cli_option options[] = {
        {"domain",    CLI_VALUE, &s.domain,   "DOMAIN", "the mail domain of the accounts"               },
        { "hostname", CLI_VALUE, &s.hostname, "NAME",   "the name of this server (default: mail.DOMAIN)"},
        { NULL,       CLI_FLAG,  NULL,        NULL,     NULL                                            },
    };
    int stop = cli_parse(command, options, argc, argv, &s.dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!find_names(&s)) return CLI_WRONG_USE;
    bool done = is_new(&s) && make_all(&s);
    if (done) print_next(&s);
    gp_key_close(s.rsa);
    gp_key_close(s.ed25519);
    return done ? CLI_DONE : CLI_FAILED;
}

const struct cli_command cli_init = { "init", "--domain DOMAIN [--hostname NAME]",
                                      "make a set-up: config, keys, a certificate for trying out", run_init };
