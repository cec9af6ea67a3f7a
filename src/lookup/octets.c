/* Reading and writing that ends: sockets that do not block, and poll up to a point in time. For the pool's threads. */
#include "lookup/parts.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

gp_time octets_clock(void)
{
    enum { NS_PER_MS = 1000000 };
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (gp_time)now.tv_sec * LOOKUP_MS + now.tv_nsec / NS_PER_MS;
}

bool octets_wait(int fd, short events, gp_time until)
{
    for (;;) {
        gp_time       left  = until - octets_clock();
        struct pollfd ready = { .fd = fd, .events = events };
        int           got   = left > 0 ? poll(&ready, 1, (int)left) : 0;
        if (got > 0) return true;
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = ETIMEDOUT;
        return false;
    }
}

/* A Unix socket whose backlog is full says EAGAIN at once and is never ready: wait a little, up to the end. */
static bool connect_by(int fd, const struct sockaddr_un *to, gp_time until)
{
    enum { AGAIN_MS = 10 };
    while (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0) {
        if (errno != EAGAIN && errno != EINTR) return false;
        if (octets_clock() >= until) {
            errno = ETIMEDOUT;
            return false;
        }
        (void)poll(NULL, 0, AGAIN_MS);
    }
    return true;
}

int octets_connect(const char *socket_path, gp_time until)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (!gp_copy_z(gp_from(socket_path), to.sun_path, sizeof to.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect_by(fd, &to, until)) return fd;
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

bool octets_write(int fd, const void *octets, size_t len, gp_time until)
{
    const char *at = octets;
    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno != EAGAIN || !octets_wait(fd, POLLOUT, until)) {
            return false;
        }
    }
    return true;
}

bool octets_read(int fd, void *octets, size_t len, gp_time until)
{
    char *at = octets;
    while (len) {
        ssize_t n = recv(fd, at, len, 0);
        if (n == 0) errno = ECONNRESET;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (n == 0 || errno != EAGAIN || !octets_wait(fd, POLLIN, until)) {
            return false;
        }
    }
    return true;
}
