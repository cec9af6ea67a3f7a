/* Two ends of a channel on one loop: order, back-pressure, death, descriptors, and a far end that lies. */
#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc/proc.h"
#include "proc/wire.h"

enum { PATIENCE_MS = 10000, BIG = 60 * 1024 };

struct end {
    struct ipc *ipc;
    unsigned    heard, gone, answered, failed;
    uint64_t    last; /* session of the last statement, to see the order */
    bool        in_order, hold, close_at_message;
    unsigned    stop_after; /* statements or answers */
    int         kept_fd;
};
static struct loop *loop;
static struct end   left, right;

static void count(struct end *e)
{
    if (e->heard + e->answered + e->failed == e->stop_after) loop_stop(loop);
}

static void on_message(void *owner, struct ipc *from, struct msg *m)
{
    struct end *e = owner;
    CHECK(from == e->ipc);
    if (m->fds[0] >= 0) {
        e->kept_fd = m->fds[0];
        m->fds[0]  = -1;
    }
    uint64_t now = m->type == MSG_SASL_LINE ? m->sasl_line.session : 0;
    if (e->heard && now != e->last + 1) e->in_order = false;
    e->last = now;
    e->heard++;
    if (e->close_at_message) {
        ipc_close(e->ipc);
        e->ipc = NULL;
    } else if (m->question && !e->hold) {
        struct msg answer           = MSG(TLS_SIGNED);
        answer.tls_signed.status    = now;
        answer.tls_signed.signature = GP_LIT("signature");
        ipc_answer(from, m->question, &answer);
    }
    count(e);
}

static void on_gone(void *owner, struct ipc *from)
{
    struct end *e = owner;
    CHECK(from == e->ipc && !ipc_attached(from));
    e->gone++;
}

static void on_answer(void *owner, gp_status status, const struct msg *answer)
{
    struct end *e = owner;
    CHECK((status == GP_OK) == (answer != NULL));
    if (answer) CHECK_IS(answer->tls_signed.signature, "signature");
    *(status == GP_OK ? &e->answered : &e->failed) += 1;
    count(e);
}

static void too_long(void *owner)
{
    (void)owner;
    loop_stop(loop);
    fail_msg("nothing happened for %d ms", PATIENCE_MS);
}

static void run_until(struct end *e, unsigned events)
{
    struct timer *patience = timer_open(loop, too_long, NULL);
    timer_set(patience, PATIENCE_MS);
    e->stop_after = events;
    loop_run(loop);
    timer_close(patience);
}

static const struct ipc_handler handler = { on_message, on_gone };

static void set_up(bool attached)
{
    int pair[2] = { -1, -1 };
    loop        = loop_open();
    CHECK(loop);
    if (attached) CHECK(wire_pair(pair));
    left      = (struct end) { .in_order = true, .kept_fd = -1 };
    right     = left;
    left.ipc  = ipc_open(loop, pair[0], &handler, &left);
    right.ipc = ipc_open(loop, pair[1], &handler, &right);
    CHECK(left.ipc && right.ipc);
}

static void tear_down(void)
{
    ipc_close(left.ipc);
    ipc_close(right.ipc);
    loop_close(loop);
}

static struct msg line(uint64_t number, gp_str text)
{
    struct msg m        = MSG(SASL_LINE);
    m.sasl_line.session = number;
    m.sasl_line.line    = text;
    return m;
}

TEST(a_question_gets_its_answer)
{
    set_up(true);
    for (uint64_t i = 0; i < 100; i++) {
        struct msg m = line(i, GP_LIT("text"));
        ipc_ask(left.ipc, &m, on_answer, &left);
    }
    CHECK(left.answered == 0);
    run_until(&left, 100);
    CHECK(left.answered == 100 && right.heard == 100 && right.in_order);
    tear_down();
}

TEST(a_descriptor_rides_along_and_stays_the_senders_too)
{
    set_up(true);
    int pipe_ends[2];
    CHECK(pipe(pipe_ends) == 0);
    struct msg m = line(0, GP_LIT(""));
    m.fds[0]     = pipe_ends[1];
    CHECK(ipc_tell(left.ipc, &m));
    close(pipe_ends[1]);
    run_until(&right, 1);
    CHECK(right.kept_fd >= 0 && write(right.kept_fd, "x", 1) == 1);
    CHECK(fcntl(right.kept_fd, F_GETFD) & FD_CLOEXEC);
    char octet;
    CHECK(read(pipe_ends[0], &octet, 1) == 1);
    close(right.kept_fd);
    CHECK(read(pipe_ends[0], &octet, 1) == 0); /* nobody else kept a copy */
    close(pipe_ends[0]);
    tear_down();
}

TEST(a_full_socket_delays_and_keeps_the_order_and_the_descriptors)
{
    set_up(true);
    static char text[BIG];
    int         null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (uint64_t i = 0; i < 300; i++) {
        struct msg m = line(i, (gp_str) { text, sizeof text });
        if (i == 299) m.fds[0] = null;
        CHECK(ipc_tell(left.ipc, &m));
    }
    close(null);
    run_until(&right, 300);
    CHECK(right.in_order && right.kept_fd >= 0);
    close(right.kept_fd);
    tear_down();
}

TEST(what_waits_is_bounded)
{
    set_up(true);
    static char text[BIG];
    uint64_t    sent = 0;
    struct msg  m    = line(sent, (gp_str) { text, sizeof text });
    while (ipc_tell(left.ipc, &m) && sent < 10000) m.sasl_line.session = ++sent;
    CHECK(sent > 400 && sent < 1000);
    ipc_ask(left.ipc, &m, on_answer, &left);
    CHECK(left.failed == 0);
    run_until(&left, 1);
    CHECK(left.failed == 1);
    tear_down();
}

TEST(questions_to_nobody_fail_on_the_next_turn)
{
    set_up(false);
    struct msg m = line(0, GP_LIT(""));
    CHECK(!ipc_tell(left.ipc, &m) && !ipc_attached(left.ipc));
    ipc_ask(left.ipc, &m, on_answer, &left);
    CHECK(left.failed == 0);
    run_until(&left, 1);
    CHECK(left.failed == 1);
    tear_down();
}

TEST(death_fails_what_is_open_and_a_new_descriptor_revives)
{
    set_up(true);
    right.hold = true;
    for (uint64_t i = 0; i < 3; i++) {
        struct msg m = line(i, GP_LIT(""));
        ipc_ask(left.ipc, &m, on_answer, &left);
    }
    run_until(&right, 3);
    ipc_attach(right.ipc, -1); /* dies */
    run_until(&left, 3);
    CHECK(left.failed == 3 && left.gone == 1 && !ipc_attached(left.ipc));

    int pair[2];
    CHECK(wire_pair(pair));
    ipc_attach(left.ipc, pair[0]);
    ipc_attach(right.ipc, pair[1]);
    right.hold   = false;
    struct msg m = line(3, GP_LIT(""));
    ipc_ask(left.ipc, &m, on_answer, &left);
    run_until(&left, 4);
    CHECK(left.answered == 1);
    tear_down();
}

TEST(who_forgets_hears_nothing)
{
    set_up(true);
    struct end other = { .kept_fd = -1 };
    struct msg m     = line(0, GP_LIT(""));
    ipc_ask(left.ipc, &m, on_answer, &other);
    m.sasl_line.session = 1;
    ipc_ask(left.ipc, &m, on_answer, &left);
    ipc_forget(left.ipc, &other);
    run_until(&left, 1);
    CHECK(left.answered == 1 && other.answered == 0 && other.failed == 0);
    tear_down();
}

TEST(closing_from_a_handler_is_safe)
{
    set_up(true);
    right.close_at_message = true;
    for (uint64_t i = 0; i < 4; i++) {
        struct msg m = line(i, GP_LIT(""));
        ipc_ask(left.ipc, &m, on_answer, &left);
    }
    run_until(&left, 4);
    CHECK(right.heard == 1 && left.failed == 4);
    tear_down();
}

TEST(a_far_end_that_lies_is_not_believed)
{
    int pair[2];
    set_up(false);
    CHECK(wire_pair(pair));
    ipc_attach(left.ipc, pair[0]);
    static char junk[MSG_MOST + 100];
    CHECK(send(pair[1], "junk", 4, 0) == 4);
    CHECK(send(pair[1], junk, sizeof junk, 0) == sizeof junk);
    struct msg made_up = MSG(TLS_SIGNED);
    made_up.question   = 1U << 18;
    size_t len         = msg_pack(&made_up, junk, sizeof junk);
    wire_mark_answer(junk);
    CHECK(send(pair[1], junk, len, 0) == (ssize_t)len);
    struct msg honest = line(0, GP_LIT("still here"));
    len               = msg_pack(&honest, junk, sizeof junk);
    CHECK(send(pair[1], junk, len, 0) == (ssize_t)len);
    run_until(&left, 1);
    CHECK(left.heard == 1 && left.gone == 0 && left.answered == 0);
    close(pair[1]);
    tear_down();
}

TEST(an_answer_counts_once)
{
    int pair[2], fds[MSG_FDS_MOST];
    set_up(false);
    CHECK(wire_pair(pair));
    ipc_attach(left.ipc, pair[0]);
    struct msg m = line(0, GP_LIT(""));
    ipc_ask(left.ipc, &m, on_answer, &left);
    static char room[MSG_MOST];
    gp_str      packed;
    CHECK(wire_receive(pair[1], room, sizeof room, &packed, fds) == GP_OK);
    struct msg answer           = MSG(TLS_SIGNED);
    answer.question             = m.question;
    answer.tls_signed.signature = GP_LIT("signature");
    size_t len                  = msg_pack(&answer, room, sizeof room);
    wire_mark_answer(room);
    for (int i = 0; i < 2; i++) CHECK(send(pair[1], room, len, 0) == (ssize_t)len);
    struct msg after = line(0, GP_LIT(""));
    len              = msg_pack(&after, room, sizeof room);
    CHECK(send(pair[1], room, len, 0) == (ssize_t)len);
    run_until(&left, 2);
    CHECK(left.answered == 1 && left.heard == 1);
    close(pair[1]);
    tear_down();
}
