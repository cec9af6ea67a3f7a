/* Sends and receives one packed message with its descriptors on a SOCK_SEQPACKET socket, without ever waiting. */
#include "proc/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEND_BUFFER = 4 * 1024 * 1024, RIGHTS_ROOM_FDS = 8 };

/* Descriptors of more than we take are received too, so that they can be closed instead of leaking. */
union rights {
    struct cmsghdr align;
    char           room[CMSG_SPACE(RIGHTS_ROOM_FDS * sizeof(int))];
};

void wire_room(int fd)
{
    const int want = SEND_BUFFER; /* FORCE needs root and passes the system's bound; the other is cut to it */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof want) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof want);
}

bool wire_pair(int pair[static 2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) return false;
    wire_room(pair[0]);
    wire_room(pair[1]);
    return true;
}

void wire_mark_answer(char *packed)
{
    const uint32_t flags = htole32(WIRE_ANSWER);
    memcpy(packed + WIRE_AT_FLAGS, &flags, sizeof flags);
}

bool wire_is_answer(gp_str packed)
{
    uint32_t flags = 0;
    if (packed.len >= WIRE_HEAD) memcpy(&flags, packed.ptr + WIRE_AT_FLAGS, sizeof flags);
    return le32toh(flags) & WIRE_ANSWER;
}

static void attach_fds(struct msghdr *header, union rights *rights, const int fds[static MSG_FDS_MOST])
{
    int    given[MSG_FDS_MOST];
    size_t count = 0;
    while (count < MSG_FDS_MOST && fds[count] >= 0) {
        given[count] = fds[count];
        count++;
    }
    if (count == 0) return;
    header->msg_control    = rights->room;
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *c      = CMSG_FIRSTHDR(header);
    c->cmsg_level          = SOL_SOCKET;
    c->cmsg_type           = SCM_RIGHTS;
    c->cmsg_len            = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), given, count * sizeof(int));
}

static gp_status send_failed(int error)
{
    switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS: return GP_WAIT;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
    case EBADF: return GP_TEMPFAIL;
    default: return GP_PERMFAIL;
    }
}

gp_status wire_send(int fd, gp_str packed, const int fds[static MSG_FDS_MOST])
{
    union rights  rights = { 0 };
    struct iovec  octets = { (void *)(uintptr_t)packed.ptr, packed.len };
    struct msghdr header = { .msg_iov = &octets, .msg_iovlen = 1 };
    attach_fds(&header, &rights, fds);
    ssize_t sent;
    do sent = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? send_failed(errno) : GP_OK;
}

/* Keeps the first MSG_FDS_MOST descriptors in order and closes the others. */
static void collect_fds(struct msghdr *header, int fds[static MSG_FDS_MOST])
{
    size_t kept = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0)) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (kept < MSG_FDS_MOST) {
                fds[kept++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

void wire_close_fds(int fds[static MSG_FDS_MOST])
{
    for (size_t i = 0; i < MSG_FDS_MOST; i++) {
        if (fds[i] >= 0) close(fds[i]);
        fds[i] = -1;
    }
}

gp_status wire_receive(int fd, char *room, size_t size, gp_str *packed, int fds[static MSG_FDS_MOST])
{
    union rights  rights = { 0 };
    struct iovec  octets = { room, size };
    struct msghdr header = {
        .msg_iov = &octets, .msg_iovlen = 1, .msg_control = rights.room, .msg_controllen = sizeof rights.room
    };
    for (size_t i = 0; i < MSG_FDS_MOST; i++) fds[i] = -1;

    ssize_t got;
    do got = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EAGAIN ? GP_WAIT : GP_TEMPFAIL;
    if (got == 0) return GP_TEMPFAIL; /* a packet is never empty: this is the end */

    collect_fds(&header, fds);
    /* A set of descriptors that was cut (we are out of them) is none: half a key pair helps nobody. The message itself still
     * counts, since its asker waits for an answer. */
    if (header.msg_flags & MSG_CTRUNC) wire_close_fds(fds);
    if (header.msg_flags & MSG_TRUNC) {
        wire_close_fds(fds);
        return GP_PERMFAIL;
    }
    *packed = (gp_str) { room, (size_t)got };
    return GP_OK;
}
