/* Options, the dialogue that they ask for, the loop over all connections, and the figures as JSON.
 *
 *   --kind message    a fresh connection, a sign-in and one message each        (timed from connect to the answer to QUIT)
 *   --kind sign-in    a fresh connection and a sign-in each                     (the same)
 *   --kind pipelined  --messages N over each connection, envelopes in one group (timed from MAIL to the answer to the dot)
 *   --kind hold       opens --connections and keeps them, signed in, until its standard input ends
 */
#include "load.h"

#include <getopt.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MOST = 256, MICROS = 1000000, SAMPLES_FIRST = 1 << 16, SAMPLES_MOST = 1 << 24, OPENING_MOST = 64 };

enum kind { KIND_MESSAGE, KIND_SIGN_IN, KIND_PIPELINED, KIND_HOLD, KINDS };
static const char *const kind_names[KINDS] = { "message", "sign-in", "pipelined", "hold" };

struct options {
    const char *host, *port, *user, *password, *sender, *recipient;
    enum kind   kind;
    bool        starttls;
    unsigned    connections, messages, size;
    double      seconds, warm_up;
};

/* The texts of the dialogue. */
struct texts {
    char  *envelope, *message, *auth;
    size_t message_len;
};

int64_t now_micros(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * MICROS + t.tv_nsec / 1000;
}

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "load: %s %s\n", what, detail);
    exit(2);
}

/* ---- figures ------------------------------------------------------------------------------------------- */
bool tally_sample(struct tally *t, int64_t micros)
{
    if (t->samples == t->room) {
        size_t    room = t->room ? t->room * 2 : SAMPLES_FIRST;
        uint32_t *more = room > SAMPLES_MOST ? NULL : realloc(t->micros, room * sizeof *more);
        if (!more) return false;
        t->micros = more;
        t->room   = room;
    }
    t->micros[t->samples++] = micros < UINT32_MAX ? (uint32_t)micros : UINT32_MAX;
    return true;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile(const struct tally *t, double share)
{
    if (t->samples == 0) return 0;
    size_t at = (size_t)((double)(t->samples - 1) * share);
    return t->micros[at] / 1000.0;
}

static void put_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        bool plain = *text >= ' ' && *text != '"' && *text != '\\' && *text != 127;
        putchar(plain ? *text : '?');
    }
    putchar('"');
}

static uint64_t done_of(const struct options *o, const struct tally *t)
{
    return o->kind == KIND_MESSAGE || o->kind == KIND_PIPELINED ? t->messages : t->connections;
}

static void report(const struct options *o, struct tally *t, uint64_t warmed, double seconds)
{
    uint64_t done = done_of(o, t);
    if (t->samples > 0) qsort(t->micros, t->samples, sizeof *t->micros, by_size);
    printf(
        "{\"kind\": \"%s\", \"seconds\": %.3f, \"done\": %llu, \"all\": %llu, \"connections\": %llu, \"failed\": %llu, \"rate\": %.1f, ",
        kind_names[o->kind], seconds, (unsigned long long)done, (unsigned long long)(warmed + done),
        (unsigned long long)t->connections, (unsigned long long)t->failures, (double)done / seconds);
    printf("\"ms\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"max\": %.2f}, \"first_failure\": ",
           percentile(t, 0.5), percentile(t, 0.9), percentile(t, 0.99), percentile(t, 1));
    put_quoted(t->first_failure);
    puts("}");
    fflush(stdout);
}

/* ---- the dialogue -------------------------------------------------------------------------------------- */
static void add_step(struct plan *p, const char *text, size_t len, const char *classes)
{
    struct step *step = &p->steps[p->count++];
    step->text        = text;
    step->len         = len;
    step->replies     = (unsigned)strlen(classes);
    snprintf(step->classes, sizeof step->classes, "%s", classes);
}

static void add_command(struct plan *p, const char *text, const char *classes)
{
    add_step(p, text, strlen(text), classes);
}

static void add_message(struct plan *p, const struct texts *t)
{
    p->again = p->count;
    add_command(p, t->envelope, "223");
    p->steps[p->count - 1].starts_message = true;
    add_step(p, t->message, t->message_len, "2");
    p->steps[p->count - 1].ends_message = true;
}

static void make_dialogue(const struct options *o, const struct texts *t, struct plan *p)
{
    if (!o->starttls) add_step(p, NULL, 0, "");
    add_command(p, "", "2");
    add_command(p, "EHLO load.example\r\n", "2");
    if (o->starttls) {
        add_command(p, "STARTTLS\r\n", "2");
        add_step(p, NULL, 0, "");
        add_command(p, "EHLO load.example\r\n", "2");
    }
    add_command(p, t->auth, "2");
    p->messages = o->kind == KIND_PIPELINED ? o->messages : o->kind == KIND_MESSAGE;
    p->hold     = o->kind == KIND_HOLD ? o->connections : 0;
    if (p->messages > 0) add_message(p, t);
    if (!p->hold) add_command(p, "QUIT\r\n", "2");
}

static char *text_of(size_t room)
{
    char *text = calloc(1, room);
    if (!text) die("memory", "");
    return text;
}

/* A header, and lines of 76 characters up to the size that was asked for. */
static void make_message(const struct options *o, struct texts *t)
{
    static const char line[] = "What a load is made of does not matter, as long as it fills its lines well.\r\n";
    size_t            room   = o->size + 1024;
    t->message               = text_of(room);
    int    header            = snprintf(t->message, room,
                                        "From: <%s>\r\nTo: <%s>\r\nSubject: load\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
                                                      "Message-ID: <load@load.example>\r\n\r\n",
                                        o->sender, o->recipient);
    size_t len               = (size_t)header;
    for (; len < o->size; len += sizeof line - 1) memcpy(t->message + len, line, sizeof line - 1);
    memcpy(t->message + len, ".\r\n", 3);
    t->message_len = len + 3;
}

static void make_texts(const struct options *o, struct texts *t)
{
    char           plain[ADDRESS_MOST * 2 + 2];
    struct gp_text login = GP_TEXT(plain), auth;
    gp_put_char(&login, '\0');
    gp_put_z(&login, o->user);
    gp_put_char(&login, '\0');
    gp_put_z(&login, o->password);
    t->auth = text_of(STEP_TEXT);
    auth    = (struct gp_text) { .ptr = t->auth, .room = STEP_TEXT - 1 };
    gp_put_z(&auth, "AUTH PLAIN ");
    gp_put_base64(&auth, gp_said(&login));
    gp_put_z(&auth, "\r\n");
    if (login.cut || auth.cut) die("too long:", "--user, --password");
    t->envelope = text_of(STEP_TEXT);
    snprintf(t->envelope, STEP_TEXT, "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n", o->sender, o->recipient);
    make_message(o, t);
}

static void find_host(const struct options *o, struct plan *p)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    int             code = getaddrinfo(o->host, o->port, &hints, &found);
    if (code != 0) die(o->host, gai_strerror(code));
    memcpy(&p->to, found->ai_addr, found->ai_addrlen);
    p->to_len = found->ai_addrlen;
    freeaddrinfo(found);
}

/* Every handshake is a full one: no tickets are kept, and the certificate is not checked, so that the client costs little. */
static SSL_CTX *make_tls(void)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (!tls || !SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) || !SSL_CTX_set1_groups_list(tls, "X25519:P-256"))
        die("TLS", "is not to be had");
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
    return tls;
}

/* ---- the loop ------------------------------------------------------------------------------------------ */
struct load {
    const struct options *options;
    const struct plan    *plan;
    struct tally          tally;
    int                   epoll;
    unsigned              open, held;
    int64_t               until;
};

static bool wants_more(const struct load *l)
{
    if (l->tally.failures > 1000 + l->tally.connections)
        return false; /* there is no server, or it wants none of this */
    if (l->plan->hold) return l->held + l->open < l->plan->hold && l->open < OPENING_MOST;
    return l->open < l->options->connections && now_micros() < l->until;
}

static void settle(struct load *l, struct session *s, enum session_state state)
{
    if (state == SESSION_RUNS) return;
    l->open--;
    if (state == SESSION_FAILED)
        l->tally.failures++;
    else
        l->tally.connections++;
    if (state == SESSION_HELD) {
        session_rest(s, l->epoll); /* what still comes, such as TLS tickets, must not count it again */
        l->held++;
    } else {
        session_close(s);
    }
}

static void open_more(struct load *l)
{
    while (wants_more(l)) {
        struct session *s = session_open(l->plan, l->epoll, &l->tally);
        if (s)
            l->open++;
        else
            l->tally.failures++;
    }
}

static void run_events(struct load *l, int timeout)
{
    struct epoll_event events[EVENTS_MOST];
    int                count = epoll_wait(l->epoll, events, EVENTS_MOST, timeout);
    for (int i = 0; i < count; i++) settle(l, events[i].data.ptr, session_run(events[i].data.ptr));
}

/* Until the time is up and the last session has ended. */
static void run_until(struct load *l, double seconds)
{
    enum { PATIENCE = 10 * MICROS };
    l->until = now_micros() + (int64_t)(seconds * MICROS);
    for (open_more(l); l->open > 0 && now_micros() < l->until + PATIENCE; open_more(l)) run_events(l, 1000);
}

static void hold(struct load *l)
{
    char    nothing[64];
    int64_t began = now_micros();
    for (open_more(l); l->open > 0; open_more(l)) run_events(l, 1000);
    printf("{\"held\": %u, \"failed\": %llu, \"seconds\": %.3f, \"first_failure\": ", l->held,
           (unsigned long long)l->tally.failures, (double)(now_micros() - began) / MICROS);
    put_quoted(l->tally.first_failure);
    puts("}");
    fflush(stdout);
    while (read(STDIN_FILENO, nothing, sizeof nothing) > 0) {}
}

static void measure(struct load *l)
{
    if (l->options->warm_up > 0) run_until(l, l->options->warm_up);
    uint64_t warmed = done_of(l->options, &l->tally);
    free(l->tally.micros);
    l->tally      = (struct tally) { 0 };
    int64_t began = now_micros();
    run_until(l, l->options->seconds);
    report(l->options, &l->tally, warmed, (double)(now_micros() - began) / MICROS);
}

/* ---- options ------------------------------------------------------------------------------------------- */
/* clang-format off */
static const struct option long_options[] = {
    { "host", 1, NULL, 'h' },        { "port", 1, NULL, 'p' },     { "user", 1, NULL, 'u' },   { "password", 1, NULL, 'w' },
    { "sender", 1, NULL, 'f' },      { "recipient", 1, NULL, 't' },{ "kind", 1, NULL, 'k' },   { "starttls", 0, NULL, 's' },
    { "connections", 1, NULL, 'c' }, { "messages", 1, NULL, 'm' }, { "size", 1, NULL, 'z' },   { "seconds", 1, NULL, 'd' },
    { "warm-up", 1, NULL, 'W' },     { NULL, 0, NULL, 0 },
};
/* clang-format on */

static unsigned number(const char *text, unsigned most)
{
    uint64_t value;
    if (!gp_read_number(gp_from(text), most, &value)) die("not a number, or too large:", text);
    return (unsigned)value;
}

static enum kind kind_of(const char *text)
{
    for (unsigned i = 0; i < KINDS; i++)
        if (strcmp(text, kind_names[i]) == 0) return (enum kind)i;
    die("no such kind:", text);
    return KINDS;
}

static void read_option(struct options *o, int letter)
{
    enum { CONNECTIONS_MOST = 100000, MESSAGES_MOST = 1000000, SIZE_MOST = 1 << 24 };
    switch (letter) {
    case 'h': o->host = optarg; break;
    case 'p': o->port = optarg; break;
    case 'u': o->user = optarg; break;
    case 'w': o->password = optarg; break;
    case 'f': o->sender = optarg; break;
    case 't': o->recipient = optarg; break;
    case 'k': o->kind = kind_of(optarg); break;
    case 's': o->starttls = true; break;
    case 'c': o->connections = number(optarg, CONNECTIONS_MOST); break;
    case 'm': o->messages = number(optarg, MESSAGES_MOST); break;
    case 'z': o->size = number(optarg, SIZE_MOST); break;
    case 'd': o->seconds = strtod(optarg, NULL); break;
    case 'W': o->warm_up = strtod(optarg, NULL); break;
    default:
        die("usage:", "load --port P --user U --password W [--kind message|sign-in|pipelined|hold] [--starttls] ...");
    }
}

int main(int argc, char **argv)
{
    struct options o = { .host        = "127.0.0.1",
                         .port        = "465",
                         .user        = "",
                         .password    = "",
                         .recipient   = "sink@example.net",
                         .connections = 32,
                         .messages    = 100,
                         .size        = 4096,
                         .seconds     = 5,
                         .warm_up     = 0 };
    struct texts   texts;
    struct plan    plan  = { 0 };
    struct rlimit  files = { 0 };
    for (int letter; (letter = getopt_long(argc, argv, "", long_options, NULL)) != -1;) read_option(&o, letter);
    if (!o.sender) o.sender = o.user;
    if (o.messages == 0 || o.connections == 0) die("--messages and --connections", "are 1 at least");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    make_texts(&o, &texts);
    make_dialogue(&o, &texts, &plan);
    find_host(&o, &plan);
    plan.tls      = make_tls();
    struct load l = { .options = &o, .plan = &plan, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    if (plan.hold)
        hold(&l);
    else
        measure(&l);
    return l.tally.failures > 0 && l.tally.connections == 0;
}
