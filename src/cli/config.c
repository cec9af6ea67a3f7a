/* gatepost config check, show and manual. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "crypto/crypto.h"
#include "net/net.h"
#include "tls/tls.h"

static void print_line(void *owner, gp_str line)
{
    (void)owner;
    (void)printf("%.*s\n", (int)line.len, line.ptr);
}

/* ---- check ---------------------------------------------------------------------------------------------- */
/* Reads the file that the config names into room. false: printed. */
static bool read_named(const struct config *config, const char *name, struct gp_text *text)
{
    char path[CONFIG_PATH];
    if (!config_path(config, name, path)) {
        cli_problem(name, "the path is too long", NULL);
        return false;
    }
    return file_read(path, text);
}

static bool check_pair(const struct config *config, const struct config_certificate *pair, gp_time *ends)
{
    static char    chain_room[FILE_MOST], key_room[FILE_MOST];
    struct gp_text chain = GP_TEXT(chain_room), pem = GP_TEXT(key_room);
    gp_time        expires   = 0;
    bool           has_chain = read_named(config, pair->certificate, &chain);
    bool           has_pem   = read_named(config, pair->key, &pem);
    struct gp_key *key       = has_pem ? gp_key_read(gp_said(&pem)) : NULL;
    bool           fits      = has_chain && key && gp_certificate_fits(gp_said(&chain), key, &expires);
    const char    *fault     = fits ? gp_tls_certificate_fault(gp_said(&chain)) : NULL;
    if (has_pem && !key)
        cli_problem(pair->key, "is not a private key", "it must be PEM, not encrypted: RSA or EC");
    else if (has_chain && key && !fits)
        cli_problem(pair->certificate, "is not the certificate of that key", "name the two files that belong together");
    else if (fault)
        cli_problem(pair->certificate, fault, "have one issued for an EC key (P-256), or RSA with 2048 bits");
    gp_wipe(key_room, sizeof key_room);
    gp_key_close(key);
    *ends = expires;
    return fits && !fault;
}

/* What we present to a server that is named. ends: 0 where that is nothing. */
static bool check_presented(const struct config *config, size_t login, gp_time *ends)
{
    struct config_certificate pair = { 0 };
    struct config_login       of   = config_login_of(config, login);
    *ends                          = 0;
    if (!config_presents(config, login)) return true;
    (void)gp_copy_z(gp_from(of.certificate_file), pair.certificate, sizeof pair.certificate);
    (void)gp_copy_z(gp_from(of.key_file), pair.key, sizeof pair.key);
    return check_pair(config, &pair, ends);
}

/* No reason not to start: mail is taken, and waits. */
static bool check_expiry(const struct config *config)
{
    bool good = true;
    for (size_t i = 0; i < config_logins(config); i++) {
        gp_time ends    = 0;
        bool    sound   = check_presented(config, i, &ends);
        bool    expired = sound && ends > 0 && ends <= wall_now();
        if (expired)
            cli_problem(config_login_of(config, i).certificate_file, "has expired: mail waits",
                        i ? "have a new one issued by who runs the servers of that route"
                          : "have a new one issued by who runs the server of relay.via");
        good = good && !expired;
    }
    return good;
}

/* A file that need not be named, but must be there if it is. */
static bool check_named(const struct config *config, const char *name)
{
    static char    room[FILE_MOST * 16]; /* a bundle of all the world's roots is a quarter of a megabyte */
    struct gp_text text = GP_TEXT(room);
    bool           done = !name[0] || read_named(config, name, &text);
    gp_wipe(room, text.len);
    return done;
}

static bool check_authorities(const struct config *config)
{
    static char    room[GP_PEER_TRUSTED_MOST];
    struct gp_text text = GP_TEXT(room);
    const char    *name = config->client_ca_file;
    if (!name[0]) return true;
    if (!read_named(config, name, &text)) return false;
    struct gp_trust *trust = gp_trust_open(gp_said(&text));
    gp_trust_close(trust);
    if (trust) return true;
    cli_problem(name, "holds no certificate", "it must be PEM: the certificates of those who vouch for clients");
    return false;
}

/* ---- of sources: the server runs without one that lacks its files, so these are looked at here only ---- */
static bool check_secret(const struct config *config, const char *name)
{
    static char    room[FILE_MOST];
    struct gp_text text = GP_TEXT(room);
    if (!name[0]) return true;
    bool read  = read_named(config, name, &text);
    bool empty = read && (text.len == 0 || room[0] == '\n' || room[0] == '\r');
    if (empty) cli_problem(name, "its first line is empty", "that line is the password, or the token");
    gp_wipe(room, text.len);
    return read && !empty;
}

/* One that may be of any size. */
static bool check_opens(const struct config *config, const char *name)
{
    char path[CONFIG_PATH];
    if (!name[0]) return true;
    if (!config_path(config, name, path)) {
        cli_problem(name, "the path is too long", NULL);
        return false;
    }
    return file_opens(path);
}

static const char *database_of(const struct config_lookup *l)
{
    static const char scheme[] = "sqlite:";
    bool              has      = l->type == LOOKUP_SQL && gp_starts(gp_from(l->uri), scheme);
    return has ? l->uri + sizeof scheme - 1 : "";
}

static bool check_source(const struct config *config, const struct config_lookup *l)
{
    bool sound = check_secret(config, l->password_file);
    sound      = check_secret(config, l->token_file) && sound;
    sound      = check_opens(config, l->ca_file) && sound;
    sound      = check_opens(config, l->path) && sound;
    sound      = check_opens(config, l->keys_file) && sound;
    sound      = check_opens(config, database_of(l)) && sound;
    if (!sound) cli_problem(l->name, "that source of accounts lacks what it needs", NULL);
    return sound;
}

static bool check_sources(const struct config *config)
{
    bool sound = true;
    for (size_t i = 0; i < config->lookup_count; i++) sound = check_source(config, &config->lookups[i]) && sound;
    return sound;
}

static bool check_providers(const struct config *config)
{
    bool sound = true;
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *p = &config->providers[i];
        sound                           = check_secret(config, p->client_secret_file) && sound;
        sound                           = check_named(config, p->key_file) && sound;
        sound                           = check_named(config, p->certificate_file) && sound;
        sound                           = check_opens(config, p->ca_file) && sound;
    }
    return sound;
}

bool cli_check_files(const struct config *config)
{
    bool sound = true;
    for (size_t i = 0; i < config_logins(config); i++) {
        struct config_login of = config_login_of(config, i);
        sound                  = check_named(config, of.password_file) && check_named(config, of.token_file) && sound;
    }
    sound = check_named(config, config->relay.ca_file) && sound;
    sound = check_named(config, config->notices.webhook_secret_file) && sound;
    sound = check_opens(config, config->notices.webhook_ca_file) && sound;
    sound = check_named(config, config->events.webhook_secret_file) && sound;
    sound = check_opens(config, config->events.webhook_ca_file) && sound;
    sound = check_authorities(config) && sound;
    sound = check_providers(config) && sound;
    gp_time ends;
    for (size_t i = 0; i < config_logins(config); i++) sound = check_presented(config, i, &ends) && sound;
    for (size_t i = 0; i < config->certificate_count; i++)
        sound = check_pair(config, &config->certificates[i], &ends) && sound;
    return sound;
}

static int parse(const struct cli_command *command, int argc, char **argv, const char **dir)
{
    size_t                  count     = 0;
    const struct cli_option options[] = {
        {NULL, CLI_FLAG, NULL, NULL, NULL}
    };
    return cli_parse(command, options, argc, argv, dir, NULL, 0, 0, &count);
}

/* What is allowed, and should be known. */
static void warn_of_lanes(const struct config *config)
{
    for (size_t i = 0; i < config->listen_count; i++) {
        const struct config_listen *l = &config->listen[i];
        if (config_listens_in_clear(l))
            (void)printf(
                "Warning: listen: legacy %s has no TLS: whoever is in the same network reads the passwords and the mail of its devices.\n"
                "  Give them a network (VLAN) that nobody else is in, name that alone in networks=, and have them sign in by CRAM-MD5 where they can.\n",
                l->address);
        else if (l->kind == LISTEN_LEGACY && l->lane.oldest < LANE_NEWEST)
            (void)printf(
                "Warning: listen: legacy %s takes TLS older than 1.2, which can be broken into: tls_minimum=1.2 once its devices can.\n",
                l->address);
    }
}

static int run_check(const struct cli_command *command, int argc, char **argv)
{
    static struct config config;
    const char          *dir  = NULL;
    int                  stop = parse(command, argc, argv, &dir);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    bool sound = cli_config(dir, &config);
    if (config.dir[0]) sound = cli_check_files(&config) && sound; /* all at once: its keys may have problems besides */
    if (config.dir[0]) sound = check_sources(&config) && sound;
    warn_of_lanes(&config);
    if (sound) sound = check_expiry(&config);
    if (sound) (void)printf("%s/gatepost.yml: no problems\n", config.dir);
    return sound ? CLI_DONE : CLI_FAILED;
}

const struct cli_command cli_config_check = { "config check", "",
                                              "look for problems in gatepost.yml and the files it names", run_check };

/* ---- show ----------------------------------------------------------------------------------------------- */
static int run_show(const struct cli_command *command, int argc, char **argv)
{
    static struct config config;
    const char          *dir  = NULL;
    int                  stop = parse(command, argc, argv, &dir);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!cli_config(dir, &config)) return CLI_FAILED;
    config_show(&config, print_line, NULL);
    return CLI_DONE;
}

const struct cli_command cli_config_show = { "config show", "",
                                             "print every key, its value in force and where it comes from", run_show };

/* ---- manual --------------------------------------------------------------------------------------------- */
static int run_manual(const struct cli_command *command, int argc, char **argv)
{
    const char *dir  = NULL;
    int         stop = parse(command, argc, argv, &dir);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    config_manual(print_line, NULL);
    return CLI_DONE;
}

const struct cli_command cli_config_manual = { "config manual", "",
                                               "print gatepost.yml(5), the manual page of the config", run_manual };
