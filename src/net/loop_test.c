/* The loop: turns, calls put off, timers, watched descriptors, jobs on threads. */
#include "check.h"
#include "net/net.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct story { /* what happened, a letter each */
    char           text[64];
    struct gp_text said;
    struct loop   *loop;
};

static struct story story_open(void)
{
    return (struct story) { .loop = loop_open() };
}

static void say(struct story *s, char c)
{
    if (!s->said.room) s->said = (struct gp_text) { .ptr = s->text, .room = sizeof s->text };
    gp_put_char(&s->said, c);
}

static void say_a(void *owner)
{
    say(owner, 'a');
}

static void say_b(void *owner)
{
    say(owner, 'b');
}

static void say_c(void *owner)
{
    say(owner, 'c');
}

static void say_end(void *owner)
{
    struct story *s = owner;
    say(s, '.');
    loop_stop(s->loop);
}

static void story_is(struct story *s, const char *want)
{
    loop_run(s->loop);
    CHECK_IS(gp_said(&s->said), want);
    loop_close(s->loop);
}

TEST(timers_fire_in_the_order_of_their_times)
{
    struct story  s   = story_open();
    struct timer *c   = timer_open(s.loop, say_c, &s);
    struct timer *a   = timer_open(s.loop, say_a, &s);
    struct timer *b   = timer_open(s.loop, say_b, &s);
    struct timer *end = timer_open(s.loop, say_end, &s);
    timer_set(end, 30);
    timer_set(c, 20);
    timer_set(b, 10);
    timer_set(a, 1);
    gp_time before = loop_now(s.loop);
    loop_run(s.loop);
    CHECK(loop_now(s.loop) - before >= 30);
    CHECK_IS(gp_said(&s.said), "abc.");
    timer_close(a);
    timer_close(b);
    timer_close(c);
    timer_close(end);
    timer_close(NULL);
    loop_close(s.loop);
}

TEST(a_stopped_or_closed_timer_stays_silent)
{
    struct story  s   = story_open();
    struct timer *a   = timer_open(s.loop, say_a, &s);
    struct timer *b   = timer_open(s.loop, say_b, &s);
    struct timer *end = timer_open(s.loop, say_end, &s);
    timer_set(a, 1);
    timer_set(b, 1);
    timer_set(end, 10);
    timer_stop(a);
    timer_close(b);
    loop_run(s.loop);
    CHECK_IS(gp_said(&s.said), ".");
    timer_close(a);
    timer_close(end);
    loop_close(s.loop);
}

static void put_off_b_and_end(void *owner)
{
    struct story *s = owner;
    CHECK(loop_later(s->loop, say_b, s));
    CHECK(loop_later(s->loop, say_end, s));
    say(s, '1'); /* nothing ran inside the calls */
}

TEST(later_is_never_at_once_and_keeps_its_order)
{
    struct story s = story_open();
    CHECK(loop_later(s.loop, put_off_b_and_end, &s));
    CHECK(loop_later(s.loop, say_a, &s));
    CHECK(s.said.len == 0);
    story_is(&s, "1ab.");
}

TEST(after_turn_comes_after_what_the_turn_brought)
{
    struct story s = story_open();
    CHECK(loop_later(s.loop, say_a, &s));
    CHECK(loop_later(s.loop, say_b, &s));
    loop_after_turn(s.loop, say_end, &s);
    story_is(&s, "ab.");
}

TEST(closing_forgets_what_was_put_off)
{
    struct story s = story_open();
    CHECK(loop_later(s.loop, say_a, &s));
    loop_close(s.loop);
    CHECK(s.said.len == 0);
}

static pthread_t job_thread;

static void on_thread(void *job)
{
    job_thread = pthread_self();
    say(job, 't');
}

TEST(work_runs_on_a_thread_and_is_done_on_the_loop)
{
    struct story s = story_open();
    CHECK(loop_work(s.loop, on_thread, say_end, &s));
    CHECK(s.said.len == 0 || !pthread_equal(job_thread, pthread_self()));
    story_is(&s, "t.");
    CHECK(!pthread_equal(job_thread, pthread_self()));
}

TEST(closing_waits_for_work_and_tells_nobody)
{
    struct story s = story_open();
    CHECK(loop_work(s.loop, on_thread, say_end, &s));
    loop_close(s.loop);
    CHECK_IS(gp_said(&s.said), "t");
}

struct pair {
    struct story  s;
    struct watch *watch;
    int           fds[2];
};

static void ready(void *owner, bool readable, bool writable)
{
    struct pair *p = owner;
    char         c = '\0';
    if (writable) {
        say(&p->s, 'w');
        watch_for(p->watch, true, false);
        CHECK(write(p->fds[1], "x", 1) == 1);
    }
    if (!readable) return;
    ssize_t n = recv(p->fds[0], &c, 1, 0);
    say(&p->s, n > 0 ? c : '0');
    if (n > 0) {
        close(p->fds[1]);
        return;
    }
    watch_close(p->watch);
    loop_stop(p->s.loop);
}

TEST(a_watch_tells_readiness_and_the_end)
{
    struct pair p = { .s = story_open() };
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, p.fds) == 0);
    p.watch = watch_open(p.s.loop, p.fds[0], ready, &p);
    watch_for(p.watch, true, true);
    story_is(&p.s, "wx0");
    close(p.fds[0]);
}

TEST(wall_clock_is_in_this_century)
{
    CHECK(wall_now() > 1700000000000);
}
