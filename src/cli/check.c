/* gatepost check: is an SMTP AUTH set-up right, ours or anybody's? Reads what is asked, has it probed, prints the report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "probe/probe.h"

enum { SECRET_ROOM = 8192, HOST_ROOM = 256, PORT_MOST = 65535, USUAL_WIDTH = 100, WIDTH_MOST = 120 };

struct wish {
    const char *dir, *domain, *dns_server, *user, *hello, *expect, *ca_file, *fail_on, *patience, *send_to, *other,
        *samples, *as, *idle, *backup, *backup_age, *certificate, *key;
    unsigned patience_ms, sample_count, idle_s, backup_days;
    bool     tls, starttls, password_stdin, token_stdin, thorough, json, junit, html, list, list_clients, files, quiet;
};

/* ---- the target ------------------------------------------------------------------------------------------------------ */
struct target {
    char host[HOST_ROOM], port[8];
};

/* HOST, HOST:PORT, [::1]:PORT, ::1 */
static bool read_target(const char *word, struct target *t)
{
    gp_str   all = gp_from(word), host = all, port = GP_NONE;
    uint64_t number;
    for (size_t i = 0; i < all.len; i++)
        if (all.ptr[i] <= ' ' || all.ptr[i] > '~') return false; /* a name beyond ASCII is asked for as its A-labels */
    if (all.len && all.ptr[0] == '[') {
        size_t end = gp_find(all, ']');
        if (end == all.len) return false;
        host = gp_head(gp_tail(all, 1), end ? end - 1 : 0);
        port = gp_tail(all, end + 1);
        if (port.len && port.ptr[0] != ':') return false;
        port = gp_tail(port, 1);
    } else if (gp_find(all, ':') < all.len && !memchr(strchr(word, ':') + 1, ':', strlen(strchr(word, ':') + 1))) {
        host = gp_cut(&all, ':');
        port = all;
        if (!port.len) return false;
    }
    if (port.len && (!gp_read_number(port, PORT_MOST, &number) || number == 0)) return false;
    return host.len && gp_copy_z(host, t->host, sizeof t->host) &&
           gp_copy_z(port.len ? port : GP_LIT(""), t->port, sizeof t->port);
}

/* ---- the report -------------------------------------------------------------------------------------------------------- */
static const char *const fail_words[] = { "note", "warn", "error", "never" }; /* index: the least severity that fails */
enum { FAIL_NEVER = 3 };

static int least_of(const char *word)
{
    if (!word) return PROBE_ERROR;
    for (size_t i = 0; i < GP_COUNT(fail_words); i++)
        if (strcmp(word, fail_words[i]) == 0) return (int)i;
    return -1;
}

static unsigned width_of_terminal(void)
{
    struct winsize size = { 0 };
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return USUAL_WIDTH;
    return size.ws_col < WIDTH_MOST ? size.ws_col : WIDTH_MOST;
}

static int print(const struct wish *w, const struct probe_report *r)
{
    struct probe_look look  = { .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"), .width = width_of_terminal() };
    int               least = least_of(w->fail_on);
    if (w->junit) probe_print_junit(r, least == FAIL_NEVER ? PROBE_SEVERITIES : least, stdout);
    if (w->json && !probe_print_json(r, stdout)) {
        cli_problem("check", "no memory for the report", NULL);
        return CLI_FAILED;
    }
    if (w->html) probe_print_html(r, stdout);
    if (!w->json && !w->junit && !w->html) probe_print_text(r, &look, stdout);
    return least != FAIL_NEVER && probe_worst(r) >= least ? CLI_FAILED : CLI_DONE;
}

/* On one line, which the next one writes over. */
static void show_progress(void *owner, const char *where, const char *doing)
{
    (void)owner;
    (void)fprintf(stderr, "\r\033[K%s: %s", where, doing);
    (void)fflush(stderr);
}

static void end_progress(const struct probe_plan *plan)
{
    if (plan->progress) (void)fputs("\r\033[K", stderr);
}

/* ---- the list of findings ------------------------------------------------------------------------------------------------ */
static int list_findings(void)
{
    for (size_t i = 0; i < PROBE_FINDINGS; i++) {
        const struct probe_finding *f = &probe_findings[i];
        (void)printf("%-24s  %-9s  %-9s  %s\n", f->name, probe_areas[f->area], probe_severities[f->severity], f->title);
    }
    return CLI_DONE;
}

/* ---- one run --------------------------------------------------------------------------------------------------------------- */
static int probe(const struct wish *w, struct probe_plan *plan, const char *target)
{
    struct probe_report *r = calloc(1, sizeof *r);
    if (!r) {
        cli_problem("check", strerror(errno), NULL);
        return CLI_FAILED;
    }
    probe_report_open(r, target);
    if (!gp_mask_set(&r->mask, plan->secret)) r->lost = true;
    if (isatty(STDERR_FILENO) && !w->quiet) plan->progress = show_progress;
    if (plan->host)
        (void)probe_server(plan, r);
    else
        probe_house(w->dir, plan, r);
    probe_dns(w->dir, plan, r);
    end_progress(plan);
    int done = print(w, r);
    probe_report_close(r);
    free(r);
    return done;
}

static int with_secret(const struct wish *w, struct probe_plan *plan, const char *target)
{
    char   secret[SECRET_ROOM];
    size_t len = 0;
    if (!w->password_stdin && !w->token_stdin) return probe(w, plan, target);
    if (!cli_secret_from_stdin(secret, sizeof secret, &len)) {
        cli_problem("stdin", "no password there, or one that is too long", NULL);
        return CLI_FAILED;
    }
    plan->secret = (gp_secret) { secret, len };
    plan->token  = w->token_stdin;
    int done     = probe(w, plan, target);
    gp_wipe(secret, sizeof secret);
    return done;
}

static int with_certificate(const struct wish *w, struct probe_plan *plan, const char *target)
{
    static char    chain_room[FILE_MOST], key_room[FILE_MOST];
    struct gp_text chain = GP_TEXT(chain_room), key = GP_TEXT(key_room);
    if (!w->certificate) return with_secret(w, plan, target);
    bool read       = file_read(w->certificate, &chain) && file_read(w->key ? w->key : w->certificate, &key);
    plan->chain_pem = gp_said(&chain);
    plan->key_pem   = gp_said(&key);
    int done        = read ? with_secret(w, plan, target) : CLI_FAILED;
    gp_wipe(chain_room, sizeof chain_room);
    gp_wipe(key_room, sizeof key_room);
    return done;
}

static int with_roots(const struct wish *w, struct probe_plan *plan, const char *target)
{
    static char    room[FILE_MOST];
    struct gp_text roots = GP_TEXT(room);
    if (w->ca_file && !file_read(w->ca_file, &roots)) return CLI_FAILED;
    if (w->ca_file) plan->ca_pem = gp_said(&roots);
    return with_certificate(w, plan, target);
}

static unsigned read_patience(const char *word)
{
    enum { MOST = 600, MILLI = 1000 };
    uint64_t seconds = 0;
    return word && gp_read_number(gp_from(word), MOST, &seconds) ? (unsigned)seconds * MILLI : 0;
}

static unsigned read_samples(const char *word)
{
    enum { LEAST = 8, MOST = 50 };
    uint64_t n = 0;
    return word && gp_read_number(gp_from(word), MOST, &n) && n >= LEAST ? (unsigned)n : 0;
}

static unsigned read_idle(const char *word)
{
    enum { MOST = 1800 };
    uint64_t seconds = 0;
    return word && gp_read_number(gp_from(word), MOST, &seconds) ? (unsigned)seconds : 0;
}

static unsigned read_days(const char *word)
{
    enum { MOST = 3650 };
    uint64_t days = 0;
    return word && gp_read_number(gp_from(word), MOST, &days) ? (unsigned)days : 0;
}

/* They go into commands and headers. */
static bool has_control(const char *word)
{
    while (word && *word && (unsigned char)*word >= ' ' && *word != '<' && *word != '>') word++;
    return word && *word;
}

static const char *fault_of(const struct wish *w)
{
    if (w->tls && w->starttls) return "--tls or --starttls, not both";
    if (w->user && !w->password_stdin && !w->token_stdin && !w->certificate)
        return "--user needs --password-stdin, --token-stdin or --certificate";
    if (!w->user && (w->password_stdin || w->token_stdin || w->certificate))
        return "a password or certificate needs --user";
    if (w->key && !w->certificate) return "--key needs --certificate";
    if (w->as && !probe_is_client(w->as)) return "--as names no client that is known; --list-clients does";
    if (w->samples && !w->sample_count) return "--samples is a number from 8 to 50";
    if ((w->send_to || w->samples || w->other) && !w->user)
        return "--send-to, --other-sender and --samples need --user";
    if (has_control(w->send_to) || has_control(w->other) || has_control(w->user))
        return "a name or address with control characters";
    if (w->json + w->junit + w->html > 1) return "--json, --junit or --html, one of them";
    if (w->patience && !w->patience_ms) return "--patience is a number of seconds, 600 at most";
    if (w->backup_age && (!w->backup || !w->backup_days)) return "--backup-age is a number of days, with --backup";
    if (w->idle && !w->idle_s) return "--idle is a number of seconds, 1800 at most";
    if (w->domain && !config_is_hostname(gp_from(w->domain))) return "--domain is no domain name";
    if (least_of(w->fail_on) < 0) return "--fail-on is one of: note, warn, error, never";
    return NULL;
}

static int act(const struct wish *w, const char *word)
{
    static char   name[HOST_ROOM];
    struct target t     = { .host = "" };
    const char   *fault = fault_of(w);
    if (!fault && word && !read_target(word, &t)) fault = "it is no HOST, HOST:PORT or [ADDRESS]:PORT";
    if (!fault && word && w->backup) fault = "--backup is for the own set-up, without a host";
    if (fault) {
        cli_problem(word ? word : "check", fault, "`gatepost check --help` shows how");
        return CLI_WRONG_USE;
    }
    if (gethostname(name, sizeof name - 1) != 0 || !name[0]) (void)snprintf(name, sizeof name, "localhost");
    struct probe_plan plan = { .host         = word ? t.host : NULL,
                               .port         = t.port[0] ? t.port : NULL,
                               .tls          = w->tls,
                               .starttls     = w->starttls,
                               .user         = w->user,
                               .hello        = w->hello ? w->hello : name,
                               .expect       = w->expect,
                               .thorough     = w->thorough,
                               .idle_s       = w->idle_s,
                               .backup       = w->backup,
                               .backup_days  = w->backup_days,
                               .files_only   = w->files,
                               .domain       = w->domain,
                               .dns_server   = w->dns_server,
                               .as           = w->as,
                               .send_to      = w->send_to,
                               .other_sender = w->other,
                               .samples      = w->sample_count,
                               .step_ms      = w->patience_ms ? w->patience_ms : PROBE_STEP_MS,
                               .pause_ms     = PROBE_PAUSE_MS };
    return with_roots(w, &plan, word ? word : w->dir);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct wish       w         = { .dir = NULL };
    const char       *words[1]  = { NULL };
    size_t            count     = 0;
    struct cli_option options[] = {
        {"tls",             CLI_FLAG,  &w.tls,            NULL,      "TLS from the first octet, as on port 465"                              },
        { "starttls",       CLI_FLAG,  &w.starttls,       NULL,      "clear text first, then STARTTLS"                                       },
        { "user",           CLI_VALUE, &w.user,           "NAME",
         "an account of yours there: sign-ins are tried with it, right and wrong"                                                            },
        { "password-stdin", CLI_FLAG,  &w.password_stdin, NULL,      "its password, one line"                                                },
        { "token-stdin",    CLI_FLAG,  &w.token_stdin,    NULL,      "its OAuth token, one line"                                             },
        { "certificate",    CLI_VALUE, &w.certificate,    "FILE",
         "PEM with its certificate and chain: EXTERNAL is tried, too"                                                                        },
        { "key",            CLI_VALUE, &w.key,            "FILE",    "PEM with the key of that; in the same file without it"                 },
        { "name",           CLI_VALUE, &w.expect,         "HOST",    "what the certificate must be for, when it is not the HOST"             },
        { "ca-file",        CLI_VALUE, &w.ca_file,        "FILE",    "trust these roots instead of the system's"                             },
        { "hello",          CLI_VALUE, &w.hello,          "NAME",    "what to say EHLO with; without it this machine's name"                 },
        { "fail-on",        CLI_VALUE, &w.fail_on,        "WHAT",
         "exit status 1 from there on: note, warn, error, never; without it error"                                                           },
        { "json",           CLI_FLAG,  &w.json,           NULL,      "print JSON"                                                            },
        { "junit",          CLI_FLAG,  &w.junit,          NULL,      "print JUnit's XML"                                                     },
        { "html",           CLI_FLAG,  &w.html,           NULL,      "print one HTML page"                                                   },
        { "thorough",       CLI_FLAG,  &w.thorough,       NULL,      "also what a server's guards may take for an attack: for your own"      },
        { "patience",       CLI_VALUE, &w.patience,       "SECONDS", "for each answer; without it 20"                                        },
        { "backup",         CLI_VALUE, &w.backup,         "PATH",    "of the own set-up: the file or folder that holds its backup"           },
        { "backup-age",     CLI_VALUE, &w.backup_age,     "DAYS",    "so old may the newest file there be; without it 2"                     },
        { "idle",           CLI_VALUE, &w.idle,           "SECONDS",
         "also be silent that long, once for each port: when does it hang up?"                                                               },
        { "send-to",        CLI_VALUE, &w.send_to,        "ADDRESS",
         "hand over up to five messages for this address, to see what is taken"                                                              },
        { "other-sender",   CLI_VALUE, &w.other,          "ADDRESS",
         "another's address, to be refused; without it gatepost-check@ your domain"                                                          },
        { "samples",        CLI_VALUE, &w.samples,        "N",
         "8 to 50 wrong sign-ins each, with that name and one that nobody has: does the time tell?"                                          },
        { "domain",         CLI_VALUE, &w.domain,         "DOMAIN",
         "whose DNS records; without it the host's, or those of the own set-up"                                                              },
        { "dns-server",     CLI_VALUE, &w.dns_server,     "ADDRESS",
         "ask there for DNS records; without it relay.dns_server, or the system's"                                                           },
        { "as",             CLI_VALUE, &w.as,             "CLIENT",  "only: would this kind of client get in? `all` tries each that is known"},
        { "list-clients",   CLI_FLAG,  &w.list_clients,   NULL,      "print the clients that are known, and where that is from"              },
        { "files",          CLI_FLAG,  &w.files,          NULL,      "of the own set-up its files alone, not what listens"                   },
        { "quiet",          CLI_FLAG,  &w.quiet,          NULL,      "no progress on a terminal"                                             },
        { "list-findings",  CLI_FLAG,  &w.list,           NULL,      "print what can be found, and check nothing"                            },
        { NULL,             CLI_FLAG,  NULL,              NULL,      NULL                                                                    },
    };
    int stop = cli_parse(command, options, argc, argv, &w.dir, words, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (w.list) return list_findings();
    if (w.list_clients && w.json) return probe_print_clients(stdout) ? CLI_DONE : CLI_FAILED;
    if (w.list_clients) probe_list_clients(stdout);
    if (w.list_clients) return CLI_DONE;
    w.sample_count = read_samples(w.samples);
    w.patience_ms  = read_patience(w.patience);
    w.idle_s       = read_idle(w.idle);
    w.backup_days  = read_days(w.backup_age);
    return act(&w, words[0]);
}

const struct cli_command cli_check = { "check",
                                       "[HOST[:PORT]] [--tls|--starttls] [--user NAME --password-stdin] [--json]",
                                       "tests a server's sign-in, TLS and rules, and says how to mend what is wrong",
                                       run };
