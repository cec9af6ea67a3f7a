/* The role as a process: its own loop, channels, store and sandbox, with the test as supervisor, smtpd and relay. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/wire.h"
#include "queue/role_kit.h"
#include "queue/queue.h"

enum { PATIENCE_MS = 20000, BODY_OCTETS = 100000 };

struct house {
    struct kit *kit; /* its directory and config; its own role is stopped */
    pid_t       role;
    int         supervisor, smtpd, relay;
};
static char received[MSG_MOST];

/* ---- the far ends ------------------------------------------------------------------------------------------------------- */
static void say(int fd, struct msg *m, uint32_t question, bool answer)
{
    static char packed[MSG_MOST];
    m->question = question;
    size_t len  = msg_pack(m, packed, sizeof packed);
    CHECK(len > 0);
    if (answer) wire_mark_answer(packed);
    CHECK(wire_send(fd, (gp_str) { packed, len }, m->fds) == GP_OK);
}

/* false: the far end is gone. */
static bool hear(int fd, struct msg *m)
{
    int           fds[MSG_FDS_MOST];
    gp_str        packed;
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    *m                 = (struct msg) {
                        .type = MSG_NONE, .fds = {-1, -1}
    };
    CHECK(poll(&wait, 1, PATIENCE_MS) == 1);
    gp_status status = wire_receive(fd, received, sizeof received, &packed, fds);
    if (status == GP_TEMPFAIL) return false;
    CHECK(status == GP_OK && msg_unpack(packed, m));
    memcpy(m->fds, fds, sizeof fds);
    return true;
}

static int give_peer(struct house *h, enum msg_role role)
{
    int        pair[2];
    struct msg m = MSG(PEER);
    CHECK(wire_pair(pair));
    m.peer.role  = role;
    m.peer.count = 1;
    m.fds[0]     = pair[1];
    say(h->supervisor, &m, 0, false);
    (void)close(pair[1]);
    return pair[0];
}

/* ---- the role ------------------------------------------------------------------------------------------------------------ */
static void start_role(struct house *h)
{
    int        pair[2];
    struct msg store, ready;
    CHECK(wire_pair(pair));
    h->role = fork();
    if (h->role == 0) {
        struct role_start start = { .role = ROLE_QUEUE, .config = &h->kit->config, .supervisor = pair[1] };
        (void)close(pair[0]);
        _exit(queue_main(&start));
    }
    (void)close(pair[1]);
    h->supervisor = pair[0];
    CHECK(hear(h->supervisor, &store) && store.type == MSG_STORE_STATE && store.store_state.state == STORE_WHOLE);
    CHECK(hear(h->supervisor, &ready) && ready.type == MSG_READY && ready.ready.pid == (uint64_t)h->role);
    h->smtpd = give_peer(h, ROLE_SMTPD);
    h->relay = give_peer(h, ROLE_RELAY);
}

static struct house house_open(void)
{
    struct house h             = { .kit = kit_open() };
    h.kit->config.log_level    = LOG_LEVELS;
    h.kit->config.stop_timeout = 1;
    start_role(&h);
    return h;
}

static void leave(struct house *h)
{
    (void)close(h->supervisor);
    (void)close(h->smtpd);
    (void)close(h->relay);
}

static void kill_role(struct house *h)
{
    CHECK(kill(h->role, SIGKILL) == 0 && waitpid(h->role, NULL, 0) == h->role);
    leave(h);
}

static void stop_role(struct house *h)
{
    int        status = 0;
    struct msg m      = MSG(STOP);
    say(h->supervisor, &m, 0, false);
    CHECK(waitpid(h->role, &status, 0) == h->role && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    leave(h);
}

/* ---- dialogues -------------------------------------------------------------------------------------------------------------- */
static void send_mail(struct house *h, const char *id, uint64_t draft)
{
    struct msg m     = kit_message(id, "ada@example.org", "bob@example.net\t\n"), said;
    m.commit.arrived = 0;
    if (draft) {
        m.commit.draft = draft;
        m.commit.body  = GP_NONE;
        m.commit.size  = BODY_OCTETS;
    }
    say(h->smtpd, &m, 77, false);
    CHECK(hear(h->smtpd, &said) && said.type == MSG_COMMITTED && said.question == 77 && said.committed.status == GP_OK);
    CHECK_IS(said.committed.queue_id, id);
}

static uint32_t expect_delivery(struct house *h, const char *id, struct msg *m)
{
    CHECK(hear(h->relay, m) && m->type == MSG_DELIVER && m->question);
    CHECK_IS(m->deliver.queue_id, id);
    return m->question;
}

static void deliver(struct house *h, const char *id)
{
    struct msg m, done = MSG(DELIVERED);
    uint32_t   question    = expect_delivery(h, id, &m);
    done.delivered.attempt = m.deliver.attempt;
    done.delivered.results = GP_LIT("0\t250\t2.0.0\tmx\tTLSv1.3\tok\n");
    say(h->relay, &done, question, true);
}

TEST(a_message_passes_through_the_process)
{
    struct house h = house_open();
    send_mail(&h, "abcd", 0);
    deliver(&h, "abcd");
    stop_role(&h);
    kit_restart(h.kit);
    CHECK(kit_count(h.kit, "messages", "1") == 0 && kit_audited(h.kit, "delivered") == 1);
    kit_close(h.kit);
}

TEST(what_was_answered_survives_kill_9_and_goes_out_again)
{
    struct house h = house_open();
    struct msg   m;
    send_mail(&h, "abcd", 0);
    (void)expect_delivery(&h, "abcd", &m); /* and no answer */
    kill_role(&h);
    start_role(&h);
    deliver(&h, "abcd");
    stop_role(&h);
    kit_close(h.kit);
}

TEST(a_large_body_goes_through_a_file)
{
    static char  body[BODY_OCTETS], back[BODY_OCTETS];
    struct house h   = house_open();
    struct msg   ask = MSG(DRAFT), said, m;
    memset(body, 'x', sizeof body);
    say(h.smtpd, &ask, 5, false);
    CHECK(hear(h.smtpd, &said) && said.type == MSG_DRAFTED && said.drafted.status == GP_OK && said.fds[0] >= 0);
    CHECK(write(said.fds[0], body, sizeof body) == (ssize_t)sizeof body && close(said.fds[0]) == 0);
    send_mail(&h, "large", said.drafted.draft);
    (void)expect_delivery(&h, "large", &m);
    CHECK(m.deliver.size == BODY_OCTETS && m.fds[0] >= 0);
    CHECK(read(m.fds[0], back, sizeof back) == (ssize_t)sizeof back && memcmp(body, back, sizeof back) == 0);
    (void)close(m.fds[0]);
    stop_role(&h);
    kit_close(h.kit);
}

TEST(a_relay_that_dies_leaves_its_mail_to_the_next)
{
    struct house h = house_open();
    struct msg   m;
    send_mail(&h, "abcd", 0);
    (void)expect_delivery(&h, "abcd", &m);
    (void)close(h.relay);
    h.relay = give_peer(&h, ROLE_RELAY);
    deliver(&h, "abcd"); /* after a moment */
    stop_role(&h);
    kit_close(h.kit);
}

TEST(a_client_that_dies_leaves_no_draft)
{
    struct house h   = house_open();
    struct msg   ask = MSG(DRAFT), said;
    char         path[64];
    say(h.smtpd, &ask, 5, false);
    CHECK(hear(h.smtpd, &said) && said.fds[0] >= 0 && close(said.fds[0]) == 0);
    (void)snprintf(path, sizeof path, "bodies/draft.%" PRIu64, said.drafted.draft);
    CHECK(access(path, F_OK) == 0);
    (void)close(h.smtpd);
    h.smtpd = give_peer(&h, ROLE_SMTPD);
    send_mail(&h, "abcd", 0); /* by then it has seen that */
    CHECK(access(path, F_OK) != 0);
    stop_role(&h);
    kit_close(h.kit);
}

TEST(the_role_ends_with_its_supervisor)
{
    struct house h      = house_open();
    int          status = 0;
    (void)close(h.supervisor);
    CHECK(waitpid(h.role, &status, 0) == h.role && WIFEXITED(status));
    (void)close(h.smtpd);
    (void)close(h.relay);
    kit_close(h.kit);
}
