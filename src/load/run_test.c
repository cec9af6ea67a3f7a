/* Whole runs against a server of few words in processes of its own: what is counted, as what, and how often is tried. */
#include "load/load.h"

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the server ------------------------------------------------------------------------------------------------------------ */
/* What it says at each step; NULL: the usual. "" hangs up. */
struct manners {
    const char *greeting, *offers, *auth, *rcpt, *dot;
};
struct server {
    struct load_plan plan;
    pid_t            pid;
    int              tells; /* a letter for each AUTH (its mechanism's first) and each message ('m') */
    int              listener;
};

static bool says(FILE *to, const char *reply, const char *usual)
{
    const char *text = reply ? reply : usual;
    return *text && fputs(text, to) >= 0 && fflush(to) == 0;
}

/* false: it hangs up. */
static bool answer(const struct manners *m, const char *line, FILE *to, FILE *from, int tells)
{
    char text[256];
    if (strncmp(line, "EHLO", 4) == 0) return says(to, m->offers, "250-x\r\n250 AUTH PLAIN LOGIN EXTERNAL\r\n");
    if (strncmp(line, "AUTH ", 5) == 0) (void)!write(tells, line + 5, 1);
    if (strcmp(line, "AUTH LOGIN\r\n") == 0) {
        if (!says(to, NULL, "334 VXNlcm5hbWU6\r\n") || !fgets(text, sizeof text, from)) return false;
        if (!says(to, NULL, "334 UGFzc3dvcmQ6\r\n") || !fgets(text, sizeof text, from)) return false;
    }
    if (strncmp(line, "AUTH ", 5) == 0) return says(to, m->auth, "235 2.7.0 welcome\r\n");
    if (strncmp(line, "RCPT", 4) == 0) return says(to, m->rcpt, "250 ok\r\n");
    if (strncmp(line, "QUIT", 4) == 0) return says(to, NULL, "221 bye\r\n") && false;
    if (strncmp(line, "DATA", 4) != 0) return says(to, NULL, "250 ok\r\n");
    if (!says(to, NULL, "354 go\r\n")) return false;
    while (fgets(text, sizeof text, from) && strcmp(text, ".\r\n") != 0) {}
    (void)!write(tells, "m", 1);
    return says(to, m->dot, "250 queued\r\n");
}

static void serve(const struct manners *m, int fd, int tells)
{
    char  line[1024];
    FILE *from = fdopen(fd, "r"), *to = fdopen(dup(fd), "w");
    bool  more = from && to && says(to, m->greeting, "220 x\r\n");
    while (more && fgets(line, sizeof line, from)) more = answer(m, line, to, from, tells);
    _exit(0);
}

/* A process for each connection, until it is killed. */
static void accept_all(const struct manners *m, int listener, int tells)
{
    (void)signal(SIGCHLD, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd))
        if (fork() == 0) {
            close(listener);
            serve(m, fd, tells);
        }
    _exit(0);
}

static const char body[] = "Subject: x\r\n\r\n.text\r\n";
static const struct load_login  anna        = { "anna", { "s3cret", 6 } }, by_certificate = { "", { NULL, 0 } };

static void listen_somewhere(struct server *s)
{
    struct sockaddr_in at  = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          len = sizeof at;
    s->listener            = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(s->listener >= 0 && bind(s->listener, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(getsockname(s->listener, (struct sockaddr *)&at, &len) == 0);
    s->plan = (struct load_plan) {
        .to_len      = len,
        .helo        = "c",
        .sender      = "s@example.org",
        .recipient   = "r@example.net",
        .logins      = &anna,
        .login_count = 1,
        .bodies      = {{ body, sizeof body - 1 }},
        .body_mix    = { .items = { { 1, 0 } },               .count = 1 },
        .connections = 2,
        .messages    = 1,
        .seconds     = 0.2,
        .timeout     = 10
    };
    memcpy(&s->plan.to, &at, len);
}

static void begin(struct server *s, const struct manners *m)
{
    int ends[2];
    listen_somewhere(s);
    CHECK(listen(s->listener, 64) == 0 && pipe(ends) == 0);
    s->pid = fork();
    CHECK(s->pid >= 0);
    if (s->pid == 0) accept_all(m, s->listener, ends[1]);
    close(s->listener);
    close(ends[1]);
    s->tells = ends[0];
}

static struct load_result *run(struct server *s)
{
    static struct load_result r;
    const char               *why = "";
    CHECK(load_run(&s->plan, &r, &why));
    return &r;
}

/* How often it told each letter. */
static void end(struct server *s, uint64_t told[static 128])
{
    char piece[1024];
    memset(told, 0, 128 * sizeof *told);
    CHECK(kill(s->pid, SIGKILL) == 0 && waitpid(s->pid, NULL, 0) == s->pid);
    for (ssize_t got; (got = read(s->tells, piece, sizeof piece)) > 0;)
        for (ssize_t i = 0; i < got; i++) told[piece[i] & 127]++;
    close(s->tells);
}

/* ---- what is counted -------------------------------------------------------------------------------------------------------- */
TEST(what_is_counted_has_happened)
{
    struct server s;
    uint64_t      told[128];
    begin(&s, &(struct manners) { 0 });
    s.plan.messages      = 2;
    s.plan.mechanisms[0] = "PLAIN";
    s.plan.mechanisms[1] = "LOGIN";
    s.plan.mechanism_mix = (struct load_mix) {
        .items = {{ 3, 0 }, { 1, 0 }},
          .count = 2
    };
    struct load_result *r = run(&s);
    end(&s, told);
    uint64_t whole = r->stages[LOAD_WHOLE].count;
    CHECK(whole > 0 && r->failures == 0 && r->late == 0 && r->error_count == 0);
    CHECK(r->stages[LOAD_CONNECT].count == whole && r->stages[LOAD_SIGN_IN].count == whole);
    CHECK(r->messages == 2 * whole && r->stages[LOAD_MESSAGE].count == r->messages && told['m'] == r->messages);
    CHECK(r->octets == r->messages * (sizeof body - 1) && r->open_most >= 1 && r->open_most <= 2);
    CHECK(r->stages[LOAD_TLS].count == 0 && told['P'] + told['L'] == whole && told['L'] <= whole / 4 + 1);
}

TEST(a_warm_up_does_not_count)
{
    struct server s;
    uint64_t      told[128];
    begin(&s, &(struct manners) { 0 });
    s.plan.rate           = 50;
    s.plan.warm_up        = 0.2;
    struct load_result *r = run(&s);
    end(&s, told);
    CHECK(r->stages[LOAD_WHOLE].count == 10 && r->messages == 10 && r->late == 0 && told['m'] == 20);
}

/* An open loop of four starts: each fails once, at its stage, as its kind. */
TEST(failures_are_counted_where_they_happen)
{
    static const struct {
        struct manners  manners;
        enum load_stage stage;
        const char     *what;
    } rows[] = {
        {{ .greeting = "554 5.3.2 not today\r\n" },                 LOAD_SIGN_IN, "sign-in: 554 5.3.2 not today"                     },
        { { .greeting = "" },                                       LOAD_SIGN_IN, "the server hung up"                               },
        { { .offers = "250 x\r\n" },                                LOAD_SIGN_IN, NULL                                               },
        { { .offers = "250-x\r\n250 AUTH XOAUTH2\r\n" },
         LOAD_SIGN_IN,                                                            "sign-in: the server offers no mechanism that fits"},
        { { .auth = "535 5.7.8 no AGFubmEAczNjcmV0 = s3cret\r\n" }, LOAD_SIGN_IN, "sign-in: 535 5.7.8"                               },
        { { .auth = "535 5.7.8 czNjcmV0\r\n" },                     LOAD_SIGN_IN, "sign-in: 535 5.7.8"                               },
        { { .rcpt = "550 5.1.1 it was s3cret\r\n" },                LOAD_MESSAGE, "RCPT: 550 5.1.1"                                  },
        { { .rcpt = "550 you are AGFubmEAczNjcmV0\r\n" },           LOAD_MESSAGE, "RCPT: 550"                                        },
        { { .dot = "452 4.3.1 czNjcmV0 is full\r\n" },              LOAD_MESSAGE, "message: 452 4.3.1"                               },
        { { .dot = "452 full\r\n" },                                LOAD_MESSAGE, "message: 452 full"                                },
        { { .auth = "334 !\r\n" },                                  LOAD_SIGN_IN, NULL                                               },
        { { .rcpt = "550 5.1.1 who?\r\n" },                         LOAD_MESSAGE, "RCPT: 550 5.1.1 who?"                             },
        { { .dot = "452 4.3.1 full\r\n" },                          LOAD_MESSAGE, "message: 452 4.3.1 full"                          },
        { { .dot = "" },                                            LOAD_MESSAGE, "the server hung up"                               },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct server s;
        uint64_t      told[128];
        begin(&s, &rows[i].manners);
        s.plan.rate           = 20;
        s.plan.connections    = 10;
        struct load_result *r = run(&s);
        end(&s, told);
        CHECK(r->failures == 4 && r->messages == 0 && r->error_count == 1);
        CHECK(r->errors[0].stage == rows[i].stage && r->errors[0].count == 4);
        if (rows[i].what) CHECK_IS(gp_from(r->errors[0].what), rows[i].what);
    }
}

TEST(a_server_that_is_not_there_is_asked_a_hundred_times_a_second_and_no_more)
{
    struct server s;
    listen_somewhere(&s); /* nobody listens */
    struct load_result *r = run(&s);
    close(s.listener);
    CHECK(r->error_count == 1 && r->errors[0].stage == LOAD_CONNECT && r->failures == r->errors[0].count);
    CHECK_IS(gp_from(r->errors[0].what), "connect: Connection refused");
    CHECK(r->failures >= 2 && r->failures <= 2 * (20 + 2)); /* two places for a fifth of a second */
}

TEST(who_stands_still_is_given_up_and_those_behind_him_are_late)
{
    struct server s;
    listen_somewhere(&s);
    CHECK(listen(s.listener, 8) == 0); /* and never accepts */
    s.plan.connections    = 1;
    s.plan.rate           = 10;
    s.plan.seconds        = 0.5;
    s.plan.timeout        = 1;
    struct load_result *r = run(&s);
    close(s.listener);
    CHECK(r->failures == 1 && r->late == 4 && r->stages[LOAD_WHOLE].count == 0);
    CHECK_IS(gp_from(r->errors[0].what), "no answer in time");
}

TEST(idle_connections_are_signed_in_and_held)
{
    struct server s;
    uint64_t      told[128];
    begin(&s, &(struct manners) { 0 });
    s.plan.idle           = 7;
    s.plan.connections    = 0;
    struct load_result *r = run(&s);
    end(&s, told);
    CHECK(r->idle == 7 && r->open_most == 7 && r->failures == 0 && told['P'] == 7 && told['m'] == 0);
}

/* ---- who signs in ------------------------------------------------------------------------------------------------------------ */
TEST(a_secret_or_a_certificate_alone_decides_the_mechanism)
{
    static const struct {
        const struct load_login *login;
        char                     mechanism;
    } rows[] = {
        {&anna,            'P'},
        { &by_certificate, 'E'},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct server s;
        uint64_t      told[128];
        begin(&s, &(struct manners) { 0 });
        s.plan.logins         = rows[i].login;
        s.plan.messages       = 0;
        struct load_result *r = run(&s);
        end(&s, told);
        CHECK(r->failures == 0 && r->stages[LOAD_SIGN_IN].count > 0);
        CHECK(told[(unsigned char)rows[i].mechanism] == r->stages[LOAD_SIGN_IN].count);
    }
}
