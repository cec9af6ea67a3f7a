/* Listeners: whom they let in, whom they let wait, and what they do without descriptors. */
#include "check.h"
#include "net/net.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct door {
    struct loop            *loop;
    struct listener        *listener;
    struct timer           *soon;
    struct sockaddr_storage address;
    int                     callers[8], in, rung; /* rung: who knocked */
    bool                    close_at_first;
};

static void on_accepted(void *owner, int fd)
{
    struct door *d = owner;
    d->in++;
    close(fd);
    if (!d->close_at_first) return;
    listener_close(d->listener, true);
    d->listener = NULL;
}

static void stop(void *owner)
{
    loop_stop(owner);
}

static void door_open(struct door *d)
{
    const char *why = NULL;
    socklen_t   len = sizeof d->address;
    *d              = (struct door) { .loop = loop_open() };
    CHECK(address_read(GP_LIT("127.0.0.1:0"), 1, &d->address));
    int fd = listen_on(&d->address, &why);
    CHECK(fd >= 0 && getsockname(fd, (struct sockaddr *)&d->address, &len) == 0);
    d->listener = listener_open(d->loop, fd, on_accepted, d);
    d->soon     = timer_open(d->loop, stop, d->loop);
}

static void knock(struct door *d)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&d->address, sizeof(struct sockaddr_in)) == 0);
    d->callers[d->rung++] = fd;
}

static void run_for(struct door *d, uint64_t ms)
{
    timer_set(d->soon, ms);
    loop_run(d->loop);
}

static void door_close(struct door *d)
{
    while (d->rung > 0) close(d->callers[--d->rung]);
    listener_close(d->listener, true);
    timer_close(d->soon);
    loop_close(d->loop);
}

TEST(all_who_wait_are_let_in)
{
    struct door d;
    door_open(&d);
    for (int i = 0; i < 8; i++) knock(&d);
    run_for(&d, 50);
    CHECK(d.in == 8);
    door_close(&d);
}

TEST(a_listener_may_be_closed_by_whom_it_calls)
{
    struct door d;
    door_open(&d);
    d.close_at_first = true;
    knock(&d);
    knock(&d);
    run_for(&d, 50);
    CHECK(d.in == 1);
    door_close(&d);
}

TEST(a_listener_without_descriptors_rests_and_goes_on)
{
    struct door   d;
    struct rlimit old, none;
    door_open(&d);
    knock(&d);
    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    none = (struct rlimit) { (rlim_t)d.callers[0], old.rlim_max };
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    clock_t work = clock();
    run_for(&d, 350);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(d.in == 0);
    CHECK((clock() - work) * 1000 / CLOCKS_PER_SEC < 150); /* it did not spin */
    run_for(&d, 350);
    CHECK(d.in == 1);
    door_close(&d);
}
