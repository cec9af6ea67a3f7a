/* A talk over TLS with a server of our own: whom it trusts, what STARTTLS forgets, and that nothing is said to who is not trusted. */
#include "talk/server_kit.h"
#include "tls/pair_kit.h"

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the server ------------------------------------------------------------------------------------------------------------ */
struct door {
    int            fd;
    struct gp_tls *tls; /* NULL: in clear */
};

static void push(struct door *d)
{
    struct gp_tls_sign ask;
    char               room[GP_SIGNATURE_MOST];
    struct gp_text     signature = GP_TEXT(room);
    if (gp_tls_asks(d->tls, &ask) && gp_key_sign(identity_ec()->key, ask.how, ask.data, &signature)) {
        gp_tls_answer(d->tls, gp_said(&signature));
        (void)!gp_tls_handshake(d->tls);
    }
    for (gp_str wire; (wire = gp_tls_wire(d->tls)).len > 0;) {
        ssize_t n = write(d->fd, wire.ptr, wire.len);
        if (n <= 0) _exit(0);
        gp_tls_sent(d->tls, (size_t)n);
    }
}

static void say(struct door *d, const char *text)
{
    if (!d->tls) {
        if (write(d->fd, text, strlen(text)) < 0) _exit(0);
    } else if (*text) {
        if (gp_tls_write(d->tls, gp_from(text)) != GP_OK) _exit(0);
        push(d);
    }
}

/* Some octets from the client, into TLS; false: he is gone, or TLS is broken. */
static bool take(struct door *d)
{
    char    piece[8192];
    ssize_t got = read(d->fd, piece, sizeof piece);
    for (gp_str rest = { piece, got > 0 ? (size_t)got : 0 }; rest.len > 0;) {
        size_t taken = 0;
        bool   broke = gp_tls_feed(d->tls, rest, &taken) == GP_PERMFAIL;
        push(d);
        if (broke || taken == 0) return false;
        rest = gp_tail(rest, taken);
    }
    return got > 0;
}

/* Some octets of plain text; 0: no more come. */
static size_t hear(struct door *d, char *out, size_t room)
{
    ssize_t got;
    if (!d->tls) return (got = read(d->fd, out, room)) > 0 ? (size_t)got : 0;
    while (gp_tls_plain(d->tls).len == 0)
        if (!take(d)) return 0;
    gp_str plain = gp_head(gp_tls_plain(d->tls), room);
    memcpy(out, plain.ptr, plain.len);
    gp_tls_took(d->tls, plain.len);
    return plain.len;
}

static void secure(struct door *d)
{
    const struct identity *id = identity_ec();
    d->tls                    = gp_tls_accept(server_of(&id, 1));
    (void)!gp_tls_handshake(d->tls);
    while (!gp_tls_shaken(d->tls))
        if (!take(d)) _exit(0);
}

/* As in server_kit.c; an answer of "220 go" begins TLS. What was heard goes to `out`. */
static void play(int listener, int out, const struct script *script, bool implicit)
{
    static char heard[64 * 1024];
    size_t      len = 0;
    struct door d   = { .fd = accept(listener, NULL, NULL) };
    if (implicit) secure(&d);
    for (bool more = true; more && script->says; script++) {
        size_t want = strlen(script->hears), from = len;
        while (more && (len - from < want || memcmp(heard + len - want, script->hears, want) != 0)) {
            size_t got = hear(&d, heard + len, sizeof heard - len);
            more       = got > 0;
            len += got;
        }
        if (more) say(&d, script->says);
        if (more && strcmp(script->says, "220 go\r\n") == 0) secure(&d);
    }
    (void)!write(out, heard, len);
    _exit(0);
}

/* ---- meetings ------------------------------------------------------------------------------------------------------------------ */
static char heard[64 * 1024];

struct visit {
    struct talk_plan plan;
    struct talk     *talk;
    struct kept      kept;
    char             port[8];
    int              pipe;
    pid_t            pid;
};

static void begin(struct visit *v, const struct script *script, struct talk_plan plan)
{
    int                ends[2], listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at  = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          len = sizeof at;
    CHECK(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0 && pipe(ends) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    (void)snprintf(v->port, sizeof v->port, "%u", ntohs(at.sin_port));
    (void)identity_ec(); /* before the fork: one key for both sides */
    if ((v->pid = fork()) == 0) {
        (void)signal(SIGPIPE, SIG_IGN);
        play(listener, ends[1], script, plan.tls == TALK_IMPLICIT);
    }
    close(listener);
    close(ends[1]);
    v->pipe          = ends[0];
    v->plan          = plan;
    v->plan.host     = "127.0.0.1";
    v->plan.port     = v->port;
    v->plan.reply_ms = v->plan.connect_ms = SOON_MS;
    struct talk_transcript t              = kept_transcript(&v->kept);
    v->talk                               = talk_open(&v->plan, &t);
    CHECK(v->talk);
}

/* What the server heard. */
static gp_str end(struct visit *v)
{
    size_t len = 0;
    talk_close(v->talk);
    for (ssize_t got; (got = read(v->pipe, heard + len, sizeof heard - len)) > 0;) len += (size_t)got;
    close(v->pipe);
    CHECK(waitpid(v->pid, NULL, 0) == v->pid);
    return (gp_str) { heard, len };
}

static const struct talk_login anna = {
    .user = {"anna",         4 },
      .secret = { "s3cret-word", 11}
};
static const struct script implicit[] = {
    {"",       "220 a\r\n"                  },
    { "c\r\n", "250-a\r\n250 AUTH PLAIN\r\n"},
    { "\r\n",  "235 2.7.0 hello\r\n"        },
    { NULL,    NULL                         },
};

TEST(a_secret_is_said_to_who_is_trusted_and_to_nobody_else)
{
    gp_str own = identity_pem(identity_ec()), other = identity_pem(identity_wildcard());
    const struct {
        struct talk_plan plan;
        const char      *why; /* NULL: all goes well */
    } rows[] = {
        {{ .ca_pem = own, .expect = "mail.example.org" },                       NULL                     },
        { { .pinned_pem = own, .expect = "mail.example.org" },                  NULL                     },
        { { .ca_pem = other, .pinned_pem = own, .expect = "mail.example.org" }, NULL                     },
        { { .ca_pem = other, .no_verify = true },                               NULL                     },
        { { .ca_pem = own, .expect = "mail.example.org", .newest = 0x0303 },    NULL                     },
        { { .ca_pem = other, .expect = "mail.example.org" },                    "self-signed certificate"},
        { { .ca_pem = own, .expect = "mail.example.net" },                      "name"                   },
        { { .ca_pem = own },                                                    "mismatch"               }, /* its address is not in it */
        { { .expect = "mail.example.org" },                                     "self-signed certificate"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        static struct visit v;
        struct talk_plan    plan = rows[i].plan;
        struct talk_reply   r;
        plan.tls = TALK_IMPLICIT;
        begin(&v, implicit, plan);
        bool in = talk_enter(v.talk, "c", &r) && talk_sign_in(v.talk, &anna, &r, NULL);
        if (in != !rows[i].why || talk_works(v.talk) != in) fail_msg("row %zu: %s", i, talk_why(v.talk));
        if (!in) CHECK(talk_fault(v.talk) == TALK_BAD_TLS);
        if (!in && !strcasestr(talk_why(v.talk), rows[i].why)) fail_msg("%zu: %s", i, talk_why(v.talk));
        gp_str said = end(&v);
        CHECK(played_in(said, "AGFubmEAczNjcmV0LXdvcmQ=") == in && (in || said.len == 0));
    }
}

TEST(what_was_offered_in_clear_is_forgotten)
{
    static const struct script starttls[] = {
        {"",              "220 a\r\n"                                           },
        { "c\r\n",        "250-a\r\n250-STARTTLS\r\n250-AUTH LOGIN\r\n250 X\r\n"},
        { "STARTTLS\r\n", "220 go\r\n"                                          },
        { "c\r\n",        "250-a\r\n250 AUTH PLAIN\r\n"                         },
        { "\r\n",         "235 2.7.0 hello\r\n"                                 },
        { NULL,           NULL                                                  },
    };
    static struct visit v;
    struct talk_reply   r;
    const char         *mechanism = "";
    begin(&v, starttls,
          (struct talk_plan) {
              .tls = TALK_STARTTLS, .ca_pem = identity_pem(identity_ec()), .expect = "mail.example.org" });
    CHECK(talk_enter(v.talk, "c", &r) && talk_session(v.talk));
    CHECK(!talk_offers(v.talk, "X", NULL) && !talk_offers(v.talk, "STARTTLS", NULL));
    CHECK(talk_sign_in(v.talk, &anna, &r, &mechanism) && strcmp(mechanism, "PLAIN") == 0);
    gp_str said = end(&v);
    CHECK_IS(said, "EHLO c\r\nSTARTTLS\r\nEHLO c\r\nAUTH PLAIN AGFubmEAczNjcmV0LXdvcmQ=\r\n");
    CHECK(played_in(gp_said(&v.kept.text), ", the certificate is good\n"));
}

TEST(a_server_that_speaks_no_tls_is_told_as_such)
{
    static const struct script clear[] = {
        {"",              "220 a\r\n"                },
        { "c\r\n",        "250-a\r\n250 STARTTLS\r\n"},
        { "STARTTLS\r\n", "220 begin\r\n"            },
        { "",             "250 not TLS at all\r\n"   },
        { NULL,           NULL                       },
    };
    static const struct script none[] = {
        {"",       "220 a\r\n"},
        { "c\r\n", "250 a\r\n"},
        { NULL,    NULL       },
    };
    static struct visit v;
    struct talk_reply   r;
    struct talk_plan    plan = { .tls = TALK_STARTTLS, .no_verify = true };
    begin(&v, clear, plan);
    CHECK(!talk_enter(v.talk, "c", &r) && talk_fault(v.talk) == TALK_BAD_TLS);
    (void)end(&v);
    begin(&v, none, plan); /* stripped on the way, or never there: nothing is said in clear */
    CHECK(!talk_enter(v.talk, "c", &r) && talk_works(v.talk) && strstr(talk_why(v.talk), "does not offer STARTTLS"));
    CHECK_IS(end(&v), "EHLO c\r\n");
}
