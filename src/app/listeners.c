/* The listening sockets, bound while still root: one per listener and smtpd with SO_REUSEPORT; a UNIX socket is one for all. */
#include "app/supervisor.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_SUBMISSION = 587, PORT_SUBMISSIONS = 465 }; /* RFC 6409, RFC 8314 */

static bool refuse(const struct config_listen *listen, const char *why)
{
    const char *hint = NULL;
    if (strcmp(why, strerror(EACCES)) == 0)
        hint =
            "a port below 1024 is for root: start it as root, or choose another port (GATEPOST_SUBMISSION=[::]:2587)";
    LOG(LOG_ERROR, "config", LOG_Z("key", "listen"), LOG_Z("address", listen->address), LOG_Z("problem", why),
        LOG_Z("hint", hint));
    return false;
}

static bool refuse_socket(const struct config_listen *listen, const char *why)
{
    LOG(LOG_ERROR, "config", LOG_Z("key", "listen"), LOG_Z("address", listen->address), LOG_Z("problem", why),
        LOG_Z("hint", "dovecot-auth makes a socket at a path whose folder is there: see docs/postfix-exim.md"));
    return false;
}

static bool open_unix(const struct config_listen *listen, struct bound *b, unsigned smtpds)
{
    const char *why;
    int         fd = unix_socket_open(listen, b, &why);
    if (fd < 0) return refuse_socket(listen, why);
    for (unsigned i = 0; i < smtpds; i++) b->fds[i] = fd;
    return gp_copy_z(gp_from(listen->address), b->address, sizeof b->address) || refuse_socket(listen, "too long");
}

/* Port 0 is chosen by the first socket; the others must join it there. */
static bool open_one(const struct config_listen *listen, struct bound *b, unsigned smtpds)
{
    struct sockaddr_storage at;
    struct gp_text          text         = { .ptr = b->address, .room = sizeof b->address - 1 };
    const uint16_t          default_port = listen->kind == LISTEN_SUBMISSIONS ? PORT_SUBMISSIONS : PORT_SUBMISSION;
    if (listen->kind == LISTEN_DOVECOT_AUTH) return open_unix(listen, b, smtpds);
    if (!address_read(gp_from(listen->address), default_port, &at)) return refuse(listen, "not an address");
    for (unsigned i = 0; i < smtpds; i++) {
        const char *why = NULL;
        socklen_t   len = sizeof at;
        b->fds[i]       = listen_on(&at, &why);
        if (b->fds[i] < 0) return refuse(listen, why);
        if (getsockname(b->fds[i], (struct sockaddr *)&at, &len) != 0) return refuse(listen, "no address");
    }
    address_put(&text, &at, true);
    b->address[text.len] = '\0';
    return true;
}

bool listeners_open(struct supervisor *s)
{
    for (size_t i = 0; i < s->config->listen_count; i++)
        if (!open_one(&s->config->listen[i], &s->bound[i], s->smtpds)) return false;
    return true;
}

void listeners_close(const struct supervisor *s)
{
    for (size_t i = 0; i < s->config->listen_count; i++) unix_socket_close(&s->config->listen[i], &s->bound[i]);
}

size_t listeners_of(const struct supervisor *s, unsigned smtpd, struct role_listener out[static ROLE_LISTENERS_MOST])
{
    _Static_assert((int)CONFIG_LISTEN_MOST <= ROLE_LISTENERS_MOST, "every listener fits");
    for (size_t i = 0; i < s->config->listen_count; i++)
        out[i] = (struct role_listener) { .fd = s->bound[i].fds[smtpd], .listen = &s->config->listen[i] };
    return s->config->listen_count;
}
