/* Internet addresses in text, and sockets that listen on them. */
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static bool set_v4(const char *z, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    in->sin_family         = AF_INET;
    in->sin_port           = htons(port);
    return inet_pton(AF_INET, z, &in->sin_addr) == 1;
}

static bool set_v6(const char *z, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family         = AF_INET6;
    in6->sin6_port           = htons(port);
    return inet_pton(AF_INET6, z, &in6->sin6_addr) == 1;
}

static bool read_port(gp_str digits, uint16_t *port)
{
    uint64_t number;
    if (!gp_read_number(digits, UINT16_MAX, &number)) return false;
    *port = (uint16_t)number;
    return true;
}

static bool read_bracketed(gp_str text, uint16_t port, struct sockaddr_storage *out)
{
    char   z[NET_ADDRESS_ROOM];
    size_t end  = gp_find(text, ']');
    gp_str host = gp_tail(gp_head(text, end), 1), rest = gp_tail(text, end + 1);
    if (end == text.len) return false;
    if (rest.len && (rest.ptr[0] != ':' || !read_port(gp_tail(rest, 1), &port))) return false;
    return gp_copy_z(host, z, sizeof z) && set_v6(z, port, out);
}

/* "[::1]:25" and "127.0.0.1:25", with or without the port; "::1" has colons of its own and so never a port. */
bool address_read(gp_str text, uint16_t default_port, struct sockaddr_storage *out)
{
    char     z[NET_ADDRESS_ROOM];
    uint16_t port = default_port;
    gp_str   rest = text;
    memset(out, 0, sizeof *out);
    if (gp_starts(text, "[")) return read_bracketed(text, port, out);
    gp_str host = gp_cut(&rest, ':');
    if (gp_find(rest, ':') < rest.len) return gp_copy_z(text, z, sizeof z) && set_v6(z, port, out);
    if (host.len < text.len && !read_port(rest, &port)) return false;
    return gp_copy_z(host, z, sizeof z) && set_v4(z, port, out);
}

void address_unmap(struct sockaddr_storage *address)
{
    struct sockaddr_in6 in6;
    struct sockaddr_in  in = { .sin_family = AF_INET };
    memcpy(&in6, address, sizeof in6);
    if (in6.sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) return;
    in.sin_port = in6.sin6_port;
    memcpy(&in.sin_addr, in6.sin6_addr.s6_addr + sizeof in6.sin6_addr - sizeof in.sin_addr, sizeof in.sin_addr);
    memset(address, 0, sizeof *address);
    memcpy(address, &in, sizeof in);
}

void address_put(struct gp_text *out, const struct sockaddr_storage *address, bool with_port)
{
    char                       z[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in  *in                  = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6                 = (const struct sockaddr_in6 *)address;
    bool                       v6                  = address->ss_family == AF_INET6;
    if (v6)
        inet_ntop(AF_INET6, &in6->sin6_addr, z, sizeof z);
    else if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &in->sin_addr, z, sizeof z);
    else
        return gp_put_z(out, "unknown");
    if (v6 && with_port) gp_put_char(out, '[');
    gp_put_z(out, z);
    if (!with_port) return;
    gp_put_z(out, v6 ? "]:" : ":");
    gp_put_number(out, ntohs(v6 ? in6->sin6_port : in->sin_port));
}

static bool set_options(int fd, const struct sockaddr_storage *address, bool shared)
{
    static const int yes = 1;
    int              alone;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) return false;
    if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0) return false;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes,
                     sizeof yes); /* for those who are accepted: what leaves is whole already */
    if (address->ss_family != AF_INET6) return true;
    alone = !IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr); /* [::] takes IPv4 as well */
    return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone) == 0;
}

static int bound(const struct sockaddr_storage *address, bool shared, const char **why)
{
    socklen_t len = address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int       fd  = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && set_options(fd, address, shared) && bind(fd, (const struct sockaddr *)address, len) == 0) return fd;
    *why = strerrordesc_np(errno);
    if (fd >= 0) close(fd);
    return -1;
}

int listen_on(const struct sockaddr_storage *address, const char **why)
{
    int fd = bound(address, true, why);
    if (fd < 0 || listen(fd, BACKLOG) == 0) return fd;
    *why = strerrordesc_np(errno);
    close(fd);
    return -1;
}

bool listen_could(const struct sockaddr_storage *address, const char **why)
{
    int fd = bound(address, false, why);
    if (fd >= 0) close(fd);
    return fd >= 0;
}
