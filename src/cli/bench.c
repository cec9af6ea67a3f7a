/* gatepost bench: load for a submission server, one's own. */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/files.h"

enum {
    SECONDS_MOST     = 24 * 3600,
    CONNECTIONS_MOST = 200000,
    RATE_MOST        = 1000000,
    MESSAGES_MOST    = 1000000,
    SIZE_MOST        = 64 * 1024 * 1024,
    WEIGHT_MOST      = 1000000,
    TIMEOUT          = 30,
    USERS_ROOM       = 4 * 1024 * 1024,
};

static int wrong(const char *what, const char *reason, const char *hint)
{
    cli_problem(what, reason, hint);
    return CLI_WRONG_USE;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------- */
static int read_number(const char *option, const char *text, uint64_t least, uint64_t most, unsigned *out)
{
    char     reason[80];
    uint64_t value = 0;
    if (!text) return CLI_DONE;
    if (gp_read_number(gp_from(text), most, &value) && value >= least) {
        *out = (unsigned)value;
        return CLI_DONE;
    }
    (void)snprintf(reason, sizeof reason, "not a number from %llu to %llu", (unsigned long long)least,
                   (unsigned long long)most);
    return wrong(option, reason, NULL);
}

static int read_numbers(struct bench *b)
{
    struct load_plan *p    = &b->plan;
    unsigned          rate = 0, seconds = 10, warm_up = 0;
    const struct {
        const char *option, *text;
        uint64_t    least, most;
        unsigned   *out;
    } rows[] = {
        {"--connections", b->connections,   1, CONNECTIONS_MOST, &p->connections},
        { "--rate",       b->rate,          1, RATE_MOST,        &rate          },
        { "--seconds",    b->seconds,       1, SECONDS_MOST,     &seconds       },
        { "--warm-up",    b->warm_up,       0, SECONDS_MOST,     &warm_up       },
        { "--messages",   b->messages,      1, MESSAGES_MOST,    &p->messages   },
        { "--resume",     b->resume,        0, 100,              &p->resume     },
        { "--idle",       b->idle,          1, CONNECTIONS_MOST, &p->idle       },
        { "--timeout",    b->reach.timeout, 1, SECONDS_MOST,     &p->timeout    },
    };
    p->connections = 16;
    p->timeout     = TIMEOUT;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        int stop = read_number(rows[i].option, rows[i].text, rows[i].least, rows[i].most, rows[i].out);
        if (stop != CLI_DONE) return stop;
    }
    p->rate    = rate;
    p->seconds = seconds;
    p->warm_up = warm_up;
    return CLI_DONE;
}

static int read_kind(struct bench *b)
{
    struct load_plan *p    = &b->plan;
    gp_str            kind = gp_from(b->kind ? b->kind : "message");
    if (gp_is(kind, "message")) {
        if (!p->messages) p->messages = 1;
        return CLI_DONE;
    }
    if (p->messages) return wrong("--messages", "are sent with --kind message alone", NULL);
    if (gp_is(kind, "idle")) {
        if (!p->idle)
            return wrong("--idle", "is missing", "--kind idle --idle 1000 opens a thousand connections and holds them");
        p->connections = 0;
        return CLI_DONE;
    }
    return gp_is(kind, "sign-in") || gp_is(kind, "connect")
               ? CLI_DONE
               : wrong("--kind", "is none of message, sign-in, connect, idle", NULL);
}

/* ---- mixes: "PLAIN:3,LOGIN", "4k:9,1m" ----------------------------------------------------------------------------------- */
/* The next item and its weight, 1 where it says none. false: none, or a weight that is none. */
static bool next_item(gp_str *rest, gp_str *item, unsigned *weight)
{
    uint64_t value = 1;
    gp_str   word  = gp_trim(gp_cut(rest, ','));
    size_t   colon = gp_find(word, ':');
    *item          = gp_head(word, colon);
    bool good = item->len > 0 && (colon == word.len || gp_read_number(gp_tail(word, colon + 1), WEIGHT_MOST, &value)) &&
                value > 0;
    *weight = (unsigned)value;
    return good;
}

static int read_mechanisms(struct bench *b)
{
    struct gp_text names = { .ptr = b->mechanism_names, .room = sizeof b->mechanism_names };
    gp_str         rest  = gp_from(b->mechanisms ? b->mechanisms : b->reach.mechanism), item;
    for (unsigned weight; rest.len > 0;) {
        struct load_mix           *m     = &b->plan.mechanism_mix;
        bool                       good  = next_item(&rest, &item, &weight) && m->count < LOAD_MIX_MOST;
        const struct gp_sasl_mech *found = good ? gp_sasl_find(item) : NULL;
        if (!found)
            return wrong("--mechanisms", "holds what is no mechanism",
                         "as PLAIN:3,SCRAM-SHA-256:1, where numbers say how often");
        if (!(found->traits & GP_SASL_NEEDS_PEER) && b->plan.login_count && !b->logins[0].secret.len)
            return wrong("--mechanisms", "only EXTERNAL signs in without a secret",
                         "add --password-stdin, --password-file FILE or --token-file FILE");
        b->plan.mechanisms[m->count] = found->name;
        m->items[m->count++].weight  = weight;
    }
    return names.cut ? CLI_FAILED : CLI_DONE;
}

static bool read_size(gp_str text, uint64_t *out)
{
    uint64_t unit = gp_ends(text, "k") ? 1024 : gp_ends(text, "m") ? 1024 * 1024 : 1;
    if (unit > 1) text.len--;
    return gp_read_number(text, SIZE_MOST / unit, out) && gp_mul(*out, unit, out);
}

/* A header, and lines of 78 octets up to the size. */
static bool make_body(const struct bench *b, size_t size, struct gp_buffer *out)
{
    static const char line[] = "What a load is made of does not matter as long as it fills its lines well...\r\n";
    char              head[1024];
    int               len = snprintf(head, sizeof head,
                                     "From: <%s>\r\nTo: <%s>\r\nSubject: load\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n",
                                     b->plan.sender, b->plan.recipient);
    if (len < 0 || (size_t)len >= sizeof head ||
        !gp_buffer_add(out, (gp_str) { head, (size_t)len }, SIZE_MOST + sizeof head))
        return false;
    while (gp_buffer_all(out).len < size)
        if (!gp_buffer_add(out, GP_LIT(line), SIZE_MOST + sizeof head)) return false;
    return true;
}

static int read_sizes(struct bench *b)
{
    gp_str   rest = gp_from(b->sizes ? b->sizes : "4k"), item;
    uint64_t size = 0;
    for (unsigned weight; rest.len > 0;) {
        struct load_mix *m = &b->plan.body_mix;
        if (!next_item(&rest, &item, &weight) || !read_size(item, &size) || m->count == LOAD_MIX_MOST)
            return wrong("--sizes", "holds what is no size", "as 4k:9,1m:1, where numbers say how often");
        if (!make_body(b, size, &b->bodies[m->count])) return CLI_FAILED;
        b->plan.bodies[m->count]    = gp_buffer_all(&b->bodies[m->count]);
        m->items[m->count++].weight = weight;
    }
    return CLI_DONE;
}

/* ---- who signs in --------------------------------------------------------------------------------------------------------- */
/* Lines of "NAME SECRET". */
static int read_users(struct bench *b)
{
    struct gp_text text = { .room = USERS_ROOM };
    b->users_text = text.ptr = malloc(text.room);
    b->users_len             = text.room;
    if (!text.ptr || !file_read(b->users, &text)) return CLI_FAILED;
    text.ptr[text.len] = '\0';
    for (char *rest = text.ptr, *line; (line = strsep(&rest, "\n"));) {
        char *secret = strpbrk(line, " \t");
        if (!*line || *line == '#') continue;
        if (!secret || b->plan.login_count == BENCH_LOGINS_MOST)
            return wrong(b->users, "has a line that is not NAME SECRET, or more than 10,000 of them", NULL);
        *secret++                        = '\0';
        b->logins[b->plan.login_count++] = (struct load_login) {
            line, {secret, strcspn(secret, "\r")}
        };
    }
    return b->plan.login_count ? CLI_DONE : wrong(b->users, "names nobody", NULL);
}

static int read_logins(struct bench *b)
{
    bool wanted = !b->kind || strcmp(b->kind, "connect") != 0;
    b->logins   = calloc(BENCH_LOGINS_MOST, sizeof *b->logins);
    if (!b->logins) return CLI_FAILED;
    b->plan.logins = b->logins;
    b->plan.token  = b->reach.login.token;
    if (b->users && b->reach.user) return wrong("--users", "and --user exclude each other", NULL);
    if (!wanted) return CLI_DONE;
    if (b->users) return read_users(b);
    b->plan.act_as = b->reach.login.authzid;
    if (b->reach.user || b->reach.certificate) /* as with `send`: a certificate alone signs in by EXTERNAL */
        b->logins[b->plan.login_count++] =
            (struct load_login) { b->reach.user ? b->reach.user : "", b->reach.login.secret };
    bool signs_in = b->kind && strcmp(b->kind, "sign-in") == 0;
    if (signs_in && !b->plan.login_count)
        return wrong("--user", "is missing",
                     "--user NAME with --password-file FILE, --users FILE, or --certificate FILE for EXTERNAL");
    if (b->plan.login_count && !b->plan.tls && !b->reach.in_clear)
        return wrong("--no-tls", "and a sign-in: the password would be seen on the way", "--in-clear if it may");
    return CLI_DONE;
}

/* ---- where ------------------------------------------------------------------------------------------------------------------ */
static bool is_loopback(const struct sockaddr *a)
{
    enum { LOOPBACK_NET = 127, SHIFT = 24 };
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> SHIFT == LOOPBACK_NET;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static int find_server(struct bench *b)
{
    struct addrinfo hints = { .ai_family = b->reach.plan.family, .ai_socktype = SOCK_STREAM }, *found = NULL;
    int             code = getaddrinfo(b->reach.host, b->reach.port, &hints, &found);
    if (code != 0) {
        cli_problem(b->reach.host, gai_strerror(code), NULL);
        return CLI_FAILED;
    }
    memcpy(&b->plan.to, found->ai_addr, found->ai_addrlen);
    b->plan.to_len = found->ai_addrlen;
    bool ours      = b->reach.own || is_loopback(found->ai_addr) || b->mine;
    freeaddrinfo(found);
    if (ours) return CLI_DONE;
    return wrong(b->reach.host, "is neither this host nor the server of this set-up",
                 "a load on somebody else's server is an attack; if it is yours, say --i-own-this-server");
}

static int find_tls(struct bench *b)
{
    const struct talk_plan *p   = &b->reach.plan;
    const char             *why = "";
    b->plan.expect              = p->expect ? p->expect : p->host;
    b->plan.starttls            = p->tls == TALK_STARTTLS;
    b->plan.helo                = reach_name(&b->reach);
    if (p->tls == TALK_CLEAR) return CLI_DONE;
    b->plan.tls = talk_tls_context(p, &why);
    if (!b->plan.tls) cli_problem("TLS", why, NULL);
    return b->plan.tls ? CLI_DONE : CLI_FAILED;
}

static int settle(struct bench *b, const char *dir)
{
    int stop = read_numbers(b);
    if (stop == CLI_DONE) stop = read_kind(b);
    if (stop == CLI_DONE) stop = reach_settle(&b->reach, dir);
    if (stop == CLI_DONE) stop = find_server(b);
    if (stop == CLI_DONE) stop = find_tls(b);
    if (stop == CLI_DONE) stop = read_logins(b);
    if (stop == CLI_DONE) stop = read_mechanisms(b);
    const char *first = b->plan.login_count ? b->logins[0].user : NULL;
    b->plan.sender    = b->from ? b->from : first && *first ? first : NULL;
    b->plan.recipient = b->to ? b->to : "load@example.net";
    if (stop == CLI_DONE && b->plan.messages && !b->plan.sender) stop = wrong("--from", "is missing", "who sends it?");
    return stop == CLI_DONE && b->plan.messages ? read_sizes(b) : stop;
}

/* ---- the command --------------------------------------------------------------------------------------------------------------- */
static size_t load_options(struct bench *b, struct cli_option *out)
{
    /* clang-format off */
    const struct cli_option rows[] = {
        { "kind",        CLI_VALUE, &b->kind,        "KIND",   "message (the default), sign-in, connect, or idle"                         },
        { "connections", CLI_VALUE, &b->connections, "N",      "at once, at most; 16"                                                     },
        { "rate",        CLI_VALUE, &b->rate,        "N",      "starts a second, whatever the server does; without it as fast as it goes" },
        { "seconds",     CLI_VALUE, &b->seconds,     "N",      "how long; 10"                                                             },
        { "warm-up",     CLI_VALUE, &b->warm_up,     "N",      "seconds before that which do not count"                                   },
        { "messages",    CLI_VALUE, &b->messages,    "N",      "over each connection; 1"                                                  },
        { "sizes",       CLI_VALUE, &b->sizes,       "LIST",   "octets of a message, as 4k or 4k:9,1m:1"                                  },
        { "mechanisms",  CLI_VALUE, &b->mechanisms,  "LIST",   "as PLAIN:3,SCRAM-SHA-256:1; the strongest that is offered without it"     },
        { "users",       CLI_VALUE, &b->users,       "FILE",   "accounts in turns, a line each: NAME SECRET"                              },
        { "resume",      CLI_VALUE, &b->resume,      "N",      "of 100 connections N resume a TLS session; 0"                             },
        { "idle",        CLI_VALUE, &b->idle,        "N",      "so many connections are open besides, signed in and silent"               },
        { "from",        CLI_VALUE, &b->from,        "ADDRESS", "the sender; who signs in without it"                                     },
        { "to",          CLI_VALUE, &b->to,          "ADDRESS", "the recipient; load@example.net without it"                              },
        { "json",        CLI_FLAG,  &b->json,        NULL,     "prints the figures as JSON"                                               },
        { "i-own-this-server", CLI_FLAG, &b->mine,   NULL,     "allows a server that is not on this host"                                 },
    };
    /* clang-format on */
    memcpy(out, rows, sizeof rows);
    return GP_COUNT(rows);
}

static void release(struct bench *b)
{
    if (b->plan.tls) gp_tls_context_close(b->plan.tls);
    for (size_t i = 0; i < GP_COUNT(b->bodies); i++) gp_buffer_free(&b->bodies[i]);
    if (b->users_text) gp_wipe(b->users_text, b->users_len);
    free(b->users_text);
    free(b->logins);
    reach_close(&b->reach);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    enum { MORE_OPTIONS = 20 };
    static struct bench       b;
    static struct load_result result;
    struct cli_option         options[REACH_OPTIONS + MORE_OPTIONS] = { 0 };
    const char               *dir = NULL, *why = "";
    size_t                    made = load_options(&b, options);
    (void)reach_options(&b.reach, options + made);
    int stop = cli_parse(command, options, argc, argv, &dir, NULL, 0, 0, NULL);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    stop = settle(&b, dir);
    if (stop == CLI_DONE) {
        if (isatty(STDERR_FILENO)) b.plan.progress = bench_progress;
        b.plan.owner = &b;
        bool ran     = load_run(&b.plan, &result, &why);
        if (!ran) cli_problem("bench", why, NULL);
        stop = ran ? bench_report(&b, &result) : CLI_FAILED;
    }
    release(&b);
    return stop;
}

const struct cli_command cli_bench = {
    "bench", "[--server HOST[:PORT]] [--user NAME] [--kind KIND] [--connections N] [--rate N]",
    "measure a submission server of one's own under load", run
};
