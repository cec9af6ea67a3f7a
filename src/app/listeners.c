/* The listening sockets, bound while still root: one per listener and smtpd with SO_REUSEPORT; a UNIX socket is one for all. */
#include "app/supervisor.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT_SUBMISSION = 587, PORT_SUBMISSIONS = 465 }; /* RFC 6409, RFC 8314 */
enum { BUSY_TRIES = 10, BUSY_PAUSE_NS = 100 * 1000 * 1000 };

/* clang-format off */
static const struct { int error; const char *hint; } hints[] = {
    { EACCES,        "a port below 1024 is for root: start it as root, or choose another port (GATEPOST_SUBMISSION=[::]:2587)" },
    { EADDRINUSE,    "another program listens there (`ss -ltnp` names it): stop it, or choose another port"                    },
    { EADDRNOTAVAIL, "this machine does not have that address (`ip address` lists those it has)"                               },
    { EAFNOSUPPORT,  "this machine has no IPv6: listen on 0.0.0.0 instead (GATEPOST_SUBMISSION=0.0.0.0:587)"                   },
};
/* clang-format on */

static bool refuse(const struct config_listen *listen, const char *why)
{
    const char *hint = NULL;
    for (size_t i = 0; i < GP_COUNT(hints); i++)
        if (strcmp(why, strerrordesc_np(hints[i].error)) == 0) hint = hints[i].hint;
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

static bool read_address(const struct config_listen *listen, struct sockaddr_storage *at)
{
    const uint16_t default_port = config_listens_in_tls(listen) ? PORT_SUBMISSIONS : PORT_SUBMISSION;
    return address_read(gp_from(listen->address), default_port, at) || refuse(listen, "not an address");
}

/* SO_REUSEPORT would share the port with another gatepost of this user, and with it the clients by chance. Roles of one that
 * was just killed may still be on their way out. */
static bool is_free(const struct config_listen *listen)
{
    const struct timespec   pause = { .tv_nsec = BUSY_PAUSE_NS };
    struct sockaddr_storage at;
    const char             *why = NULL;
    if (listen->kind == LISTEN_DOVECOT_AUTH) return true; /* its socket knows by itself */
    if (!read_address(listen, &at)) return false;
    for (int i = 0; i < BUSY_TRIES; i++) {
        if (listen_could(&at, &why)) return true;
        if (strcmp(why, strerrordesc_np(EADDRINUSE)) != 0) break;
        (void)nanosleep(&pause, NULL);
    }
    return refuse(listen, why);
}

/* Port 0 is chosen by the first socket; the others must join it there. */
static bool open_one(const struct config_listen *listen, struct bound *b, unsigned smtpds)
{
    struct sockaddr_storage at;
    struct gp_text          text = { .ptr = b->address, .room = sizeof b->address - 1 };
    if (listen->kind == LISTEN_DOVECOT_AUTH) return open_unix(listen, b, smtpds);
    if (!read_address(listen, &at)) return false;
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
    bool all_free = true; /* every problem is said, not just the first; and no socket of our own is in the way yet */
    for (size_t i = 0; i < s->config->listen_count; i++) all_free &= is_free(&s->config->listen[i]);
    if (!all_free) return false;
    for (size_t i = 0; i < s->config->listen_count; i++)
        if (!open_one(&s->config->listen[i], &s->bound[i], s->smtpds)) return false;
    return true;
}

void listeners_close(const struct supervisor *s)
{
    for (size_t i = 0; i < s->config->listen_count; i++) unix_socket_close(&s->config->listen[i], &s->bound[i]);
}

/* The smtpds have theirs still, until they are told to stop. A UNIX socket is one for all. */
void listeners_shut(struct supervisor *s)
{
    for (size_t i = 0; i < s->config->listen_count; i++) {
        unsigned count = s->config->listen[i].kind == LISTEN_DOVECOT_AUTH ? 1 : s->smtpds;
        for (unsigned n = 0; n < count; n++) close(s->bound[i].fds[n]);
    }
}

size_t listeners_of(const struct supervisor *s, unsigned smtpd, struct role_listener out[static ROLE_LISTENERS_MOST])
{
    _Static_assert((int)CONFIG_LISTEN_MOST <= ROLE_LISTENERS_MOST, "every listener fits");
    for (size_t i = 0; i < s->config->listen_count; i++)
        out[i] = (struct role_listener) { .fd = s->bound[i].fds[smtpd], .listen = &s->config->listen[i] };
    return s->config->listen_count;
}
