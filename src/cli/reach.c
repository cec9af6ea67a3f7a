/* From the options to a plan and a login. */
#include "cli/reach.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/files.h"

static int wrong(const char *what, const char *reason, const char *hint)
{
    cli_problem(what, reason, hint);
    return CLI_WRONG_USE;
}

size_t reach_options(struct reach *r, struct cli_option *out)
{
    /* clang-format off */
    const struct cli_option rows[] = {
        { "server",         CLI_VALUE, &r->server,         "HOST[:PORT]", "the server; the set-up's own without it"                },
        { "starttls",       CLI_FLAG,  &r->starttls,       NULL,          "TLS by STARTTLS (port 587); the default on ports but 465" },
        { "tls",            CLI_FLAG,  &r->implicit,       NULL,          "TLS from the first octet (port 465)"                    },
        { "no-tls",         CLI_FLAG,  &r->clear,          NULL,          "no TLS; then no sign-in, but for --in-clear"            },
        { "tls-min",        CLI_VALUE, &r->oldest,         "VERSION",     "1.0, 1.1, 1.2 or 1.3; 1.2 without it"                   },
        { "tls-max",        CLI_VALUE, &r->newest,         "VERSION",     "the same"                                               },
        { "ca-file",        CLI_VALUE, &r->ca_file,        "FILE",        "PEM with the roots to trust; the system's without it"   },
        { "no-verify",      CLI_FLAG,  &r->no_verify,      NULL,          "whoever answers will do"                                },
        { "server-name",    CLI_VALUE, &r->server_name,    "NAME",        "what SNI says; '' for none"                             },
        { "certificate",    CLI_VALUE, &r->certificate,    "FILE",        "PEM with our own certificate, and its chain"            },
        { "key",            CLI_VALUE, &r->key,            "FILE",        "PEM with its key; in the same file without it"          },
        { "user",           CLI_VALUE, &r->user,           "NAME",        "signs in as NAME"                                       },
        { "password-stdin", CLI_FLAG,  &r->password_stdin, NULL,          "the password is the first line of standard input"       },
        { "password-file",  CLI_VALUE, &r->password_file,  "FILE",        "the password is the first line of FILE"                 },
        { "token-stdin",    CLI_FLAG,  &r->token_stdin,    NULL,          "an OAuth token is the first line of standard input"     },
        { "token-file",     CLI_VALUE, &r->token_file,     "FILE",        "an OAuth token is the first line of FILE"               },
        { "mechanism",      CLI_VALUE, &r->mechanism,      "NAME",        "PLAIN, SCRAM-SHA-256, ...; the strongest that is offered without it" },
        { "act-as",         CLI_VALUE, &r->authzid,        "NAME",        "sends as another account, for which NAME may act"       },
        { "in-clear",       CLI_FLAG,  &r->in_clear,       NULL,          "signs in without TLS: everybody on the way sees how"    },
        { "name",           CLI_VALUE, &r->name,           "NAME",        "what EHLO says; this host's name without it"            },
        { "source",         CLI_VALUE, &r->source,         "ADDRESS",     "the address of this host to come from"                  },
        { "ipv4",           CLI_FLAG,  &r->ipv4,           NULL,          "IPv4 only"                                              },
        { "ipv6",           CLI_FLAG,  &r->ipv6,           NULL,          "IPv6 only"                                              },
        { "timeout",        CLI_VALUE, &r->timeout,        "SECONDS",     "how long each step may take; as RFC 5321 says without it" },
    };
    /* clang-format on */
    _Static_assert(GP_COUNT(rows) < REACH_OPTIONS, "room for all");
    memcpy(out, rows, sizeof rows);
    return GP_COUNT(rows);
}

/* ---- where ---------------------------------------------------------------------------------------------------------------- */
/* "HOST", "HOST:PORT", "[::1]:PORT", "::1"; false: neither. *port stays as it is where none is said. */
static bool split(gp_str text, char *host, char *port)
{
    gp_str name = text, number = GP_NONE;
    size_t colon = gp_find(text, ':');
    if (text.len && text.ptr[0] == '[') {
        size_t end = gp_find(text, ']');
        if (end == text.len) return false;
        name   = gp_tail(gp_head(text, end), 1);
        number = gp_tail(text, end + 1);
        if (number.len && number.ptr[0] != ':') return false;
        number = gp_tail(number, 1);
    } else if (colon < text.len && gp_find(gp_tail(text, colon + 1), ':') == text.len - colon - 1) {
        name   = gp_head(text, colon);
        number = gp_tail(text, colon + 1);
    }
    uint64_t value = 0;
    bool     says  = number.len > 0;
    if (says && (!gp_read_number(number, UINT16_MAX, &value) || value == 0)) return false;
    if (says) (void)snprintf(port, 8, "%u", (unsigned)value);
    return name.len > 0 && gp_copy_z(name, host, REACH_HOST);
}

static int somewhere(struct reach *r)
{
    char port[8] = "";
    if (!split(gp_from(r->server), r->host, port))
        return wrong(r->server, "is no HOST or HOST:PORT", "an IPv6 address with a port is [ADDRESS]:PORT");
    bool implicit = r->implicit || strcmp(port, "465") == 0 || (!*port && !r->starttls && !r->clear);
    r->plan.tls   = r->clear ? TALK_CLEAR : implicit && !r->starttls ? TALK_IMPLICIT : TALK_STARTTLS;
    (void)snprintf(r->port, sizeof r->port, "%s", *port ? port : r->plan.tls == TALK_IMPLICIT ? "465" : "587");
    return CLI_DONE;
}

/* A certificate of our own is good as it is, also one that nobody else signed. Where it cannot be read the system's roots decide. */
static void pin(struct reach *r, const struct config *c)
{
    char           path[CONFIG_PATH];
    struct gp_text pem = GP_TEXT(r->ca);
    if (!config_path(c, c->certificate_count ? c->certificates[0].certificate : "tls/cert.pem", path)) return;
    if (access(path, R_OK) == 0 && file_read(path, &pem)) r->plan.pinned_pem = gp_said(&pem);
}

static const struct config_listen *listener(const struct reach *r, const struct config *c)
{
    enum listen_kind first = r->starttls || r->clear ? LISTEN_SUBMISSION : LISTEN_SUBMISSIONS;
    for (size_t i = 0; i < c->listen_count; i++)
        if (c->listen[i].kind == first) return &c->listen[i];
    for (size_t i = 0; i < c->listen_count && !r->implicit; i++)
        if (c->listen[i].kind == LISTEN_SUBMISSION) return &c->listen[i];
    return NULL;
}

static int own_server(struct reach *r, const char *dir)
{
    static struct config c;
    if (!cli_config(dir, &c)) {
        cli_problem(dir, "there is no server of this set-up to send to", "--server HOST names another");
        return CLI_FAILED;
    }
    const struct config_listen *l = listener(r, &c);
    if (!l || !split(gp_from(l->address), r->host, r->port)) {
        cli_problem(dir, "this set-up has no such listener", "--server HOST:PORT names one");
        return CLI_FAILED;
    }
    if (strcmp(r->host, "0.0.0.0") == 0) (void)snprintf(r->host, sizeof r->host, "127.0.0.1");
    if (strcmp(r->host, "::") == 0) (void)snprintf(r->host, sizeof r->host, "localhost");
    (void)snprintf(r->expect, sizeof r->expect, "%s", c.hostname);
    r->own         = true;
    r->plan.expect = r->expect;
    r->plan.tls    = r->clear ? TALK_CLEAR : l->kind == LISTEN_SUBMISSIONS ? TALK_IMPLICIT : TALK_STARTTLS;
    pin(r, &c);
    return CLI_DONE;
}

/* ---- TLS -------------------------------------------------------------------------------------------------------------------- */
static int version_of(const char *text)
{
    static const char *const names[] = { "1.0", "1.1", "1.2", "1.3" };
    enum { TLS_1_0 = 0x0301 };
    for (size_t i = 0; i < GP_COUNT(names); i++)
        if (strcmp(text, names[i]) == 0) return TLS_1_0 + (int)i;
    return 0;
}

static int read_versions(struct reach *r)
{
    enum { TLS_1_2 = 0x0303 };
    struct talk_plan *p = &r->plan;
    if (r->oldest && !(p->oldest = version_of(r->oldest)))
        return wrong("--tls-min", "is none of 1.0, 1.1, 1.2, 1.3", NULL);
    if (r->newest && !(p->newest = version_of(r->newest)))
        return wrong("--tls-max", "is none of 1.0, 1.1, 1.2, 1.3", NULL);
    if (p->newest && !p->oldest && p->newest < TLS_1_2) p->oldest = p->newest;
    if (p->newest && p->oldest > p->newest) return wrong("--tls-min", "is above --tls-max", NULL);
    p->weak = p->oldest && p->oldest < TLS_1_2; /* old versions have nothing better */
    return CLI_DONE;
}

static bool read_pem(const char *path, char *room, gp_str *out)
{
    struct gp_text text = { .ptr = room, .room = REACH_PEM };
    if (!file_read(path, &text)) return false;
    *out = gp_said(&text);
    return true;
}

static int read_certificates(struct reach *r)
{
    struct talk_plan *p = &r->plan;
    if (r->key && !r->certificate)
        return wrong("--key", "stands alone", "--certificate FILE names what it is the key of");
    if (r->ca_file) p->pinned_pem = GP_NONE;
    if (r->ca_file && !read_pem(r->ca_file, r->ca, &p->ca_pem)) return CLI_FAILED;
    if (!r->certificate) return CLI_DONE;
    const char *key = r->key ? r->key : r->certificate;
    return read_pem(r->certificate, r->chain, &p->chain_pem) && read_pem(key, r->private_key, &p->key_pem) ? CLI_DONE
                                                                                                           : CLI_FAILED;
}

/* ---- who -------------------------------------------------------------------------------------------------------------------- */
static bool from_file(const char *path, char *out, size_t room, size_t *len)
{
    struct gp_text text = { .ptr = out, .room = room };
    if (!file_read(path, &text)) return false;
    gp_str line = gp_head(gp_said(&text), gp_find(gp_said(&text), '\n'));
    *len        = line.len && line.ptr[line.len - 1] == '\r' ? line.len - 1 : line.len;
    if (*len == 0) cli_problem(path, "its first line is empty", "the secret is the first line of the file");
    return *len > 0;
}

static bool read_secret(struct reach *r)
{
    size_t      len  = 0;
    const char *file = r->password_file ? r->password_file : r->token_file;
    bool        read = file ? from_file(file, r->secret, sizeof r->secret, &len)
                            : cli_secret_from_stdin(r->secret, sizeof r->secret, &len);
    if (!read && !file)
        cli_problem("standard input", "its first line is no password or token", "give it as the first line");
    r->login.secret = (gp_secret) { r->secret, len };
    r->login.token  = r->token_stdin || r->token_file;
    return read;
}

static int read_login(struct reach *r)
{
    int secrets = r->password_stdin + r->token_stdin + (r->password_file != NULL) + (r->token_file != NULL);
    r->login    = (struct talk_login) { .mechanism = gp_from(r->mechanism),
                                        .user      = gp_from(r->user),
                                        .authzid   = gp_from(r->authzid),
                                        .in_clear  = r->in_clear };
    if (secrets > 1) return wrong("--password-...", "more than one secret is named", "give one");
    if (secrets && !r->user) return wrong("--user", "is missing", "whose secret is it?");
    if (!secrets && r->user && !r->certificate)
        return wrong("--user", "there is no secret to sign in with",
                     "add --password-stdin, --password-file FILE or --token-file FILE");
    if (!r->user) r->login.user = GP_LIT("");
    return !secrets || read_secret(r) ? CLI_DONE : CLI_FAILED;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------------- */
static int read_rest(struct reach *r)
{
    enum { SECONDS_MOST = 3600, MILLI = 1000 };
    uint64_t seconds = 0;
    if (r->timeout && (!gp_read_number(gp_from(r->timeout), SECONDS_MOST, &seconds) || !seconds))
        return wrong("--timeout", "not a number of seconds (3600 at most)", NULL);
    if (r->ipv4 && r->ipv6) return wrong("--ipv4", "and --ipv6 exclude each other", NULL);
    r->plan.connect_ms = r->plan.reply_ms = r->plan.dot_ms = (unsigned)seconds * MILLI;
    r->plan.family                                         = r->ipv4 ? AF_INET : r->ipv6 ? AF_INET6 : 0;
    r->plan.host                                           = r->host;
    r->plan.port                                           = r->port;
    r->plan.source                                         = r->source;
    r->plan.no_verify                                      = r->no_verify;
    r->plan.server_name                                    = r->server_name;
    return CLI_DONE;
}

int reach_settle(struct reach *r, const char *dir)
{
    if (r->starttls + r->implicit + r->clear > 1)
        return wrong("--tls", "--starttls, --tls and --no-tls exclude each other", NULL);
    int stop = r->server ? somewhere(r) : own_server(r, dir);
    if (stop == CLI_DONE) stop = read_versions(r);
    if (stop == CLI_DONE) stop = read_certificates(r);
    if (stop == CLI_DONE) stop = read_rest(r);
    return stop == CLI_DONE ? read_login(r) : stop;
}

/* RFC 5321 4.1.1.1: an address literal where this host has no name that others could look up. */
const char *reach_name(const struct reach *r)
{
    static char name[REACH_HOST];
    if (r->name) return r->name;
    bool named = gethostname(name, sizeof name - 1) == 0 && gp_find(gp_from(name), '.') < strlen(name) &&
                 config_is_hostname(gp_from(name));
    return named ? name : "[127.0.0.1]";
}

void reach_close(struct reach *r)
{
    gp_wipe(r, sizeof *r);
}
