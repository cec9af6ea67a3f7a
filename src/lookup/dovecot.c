/* The auth service of a Dovecot that is there already, over its auth-client socket: PLAIN, for each question on a connection of its
 * own. It does not say whether it knows the user. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dovecot/dovecot.h"
#include "lookup/parts.h"

_Static_assert(1 + (LOOKUP_NAME - 1) + 1 + GP_PASSWORD_MOST <= GP_DOVECOT_PLAIN_MOST, "every question can be asked");
enum { INPUT_ROOM = GP_DOVECOT_LINE_MOST + 1 };

struct talk {
    int                      fd;
    gp_time                  until;
    struct gp_dovecot_client client;
    size_t                   len;
    char                     input[INPUT_ROOM];
};

/* Whatever is there, one octet at least. */
static bool read_more(struct talk *t)
{
    if (t->len == sizeof t->input || !octets_wait(t->fd, POLLIN, t->until)) return false;
    ssize_t n = recv(t->fd, t->input + t->len, sizeof t->input - t->len, 0);
    if (n == 0) errno = ECONNRESET;
    if (n > 0) t->len += (size_t)n;
    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* The next event that is not a wish for more; LISTEN: none comes, errno says why. The name in it lives until the next call. */
static struct gp_dovecot_client_event listen_for(struct talk *t, char name[static LOOKUP_NAME])
{
    for (;;) {
        gp_str                         rest  = { t->input, t->len };
        struct gp_dovecot_client_event event = gp_dovecot_client_next(&t->client, &rest);
        name[0]                              = '\0';
        bool fits                            = !event.user.ptr || gp_copy_z(event.user, name, LOOKUP_NAME);
        t->len                               = rest.len;
        memmove(t->input, rest.ptr, rest.len);
        if (!fits) event.kind = GP_DOVECOT_UNKNOWN;
        if (event.kind != GP_DOVECOT_LISTEN || !read_more(t)) return event;
    }
}

static bool send_hello(struct talk *t)
{
    char           room[GP_DOVECOT_HELLO_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_dovecot_client_init(&t->client);
    return gp_dovecot_client_hello((uint32_t)getpid(), &text) && octets_write(t->fd, room, text.len, t->until);
}

/* What a client can choose is no failure of the source. */
static bool send_question(struct talk *t, const struct source *s, struct question *q)
{
    char                          room[GP_DOVECOT_AUTH_ROOM];
    struct gp_text                text  = GP_TEXT(room);
    uint32_t                      id    = 0;
    const struct gp_dovecot_plain plain = {
        .user       = gp_from(q->user),
        .service    = gp_from(s->plan->service),
        .remote_ip  = q->peer[0] ? gp_from(q->peer) : GP_NONE,
        .password   = {q->secret, strlen(q->secret)},
        .secured    = true,
        .no_penalty = true  /* its delays grow beyond any timeout, and would look like trouble of the source */
    };
    bool fits = gp_dovecot_client_plain(&t->client, &plain, &id, &text);
    bool sent = fits && octets_write(t->fd, room, text.len, t->until);
    if (!fits)
        question_refuse(q, false, "a name or a password that is too long for Dovecot");
    else if (!sent)
        question_failed(q, "Dovecot does not take the question", strerror(errno));
    gp_wipe(room, sizeof room);
    return sent;
}

static void judge(struct question *q, const struct gp_dovecot_client_event *event, const char *name)
{
    switch (event->kind) {
    case GP_DOVECOT_RIGHT:
        question_right(q);
        if (name[0]) question_name(q, gp_from(name));
        break;
    case GP_DOVECOT_WRONG: question_refuse(q, false, "Dovecot says no"); break;
    case GP_DOVECOT_UNKNOWN: question_unclear(q, "Dovecot cannot tell now", NULL); break;
    case GP_DOVECOT_LISTEN: question_failed(q, "Dovecot does not answer", strerror(errno)); break;
    default: question_failed(q, "Dovecot answers what nobody understands", event->why); break;
    }
}

static void converse(struct talk *t, const struct source *s, struct question *q)
{
    char name[LOOKUP_NAME];
    if (!send_hello(t)) {
        question_failed(q, "Dovecot does not answer", strerror(errno));
        return;
    }
    struct gp_dovecot_client_event event = listen_for(t, name);
    if (event.kind == GP_DOVECOT_MAY_ASK) {
        if (!send_question(t, s, q)) return;
        event = listen_for(t, name);
    }
    judge(q, &event, name);
}

static void ask(const struct source *s, void **seat, struct question *q)
{
    struct talk t = { .until = octets_clock() + s->timeout_ms };
    (void)seat;
    if (q->kind != LOOKUP_PASSWORD) {
        question_refuse(q, false, "Dovecot keeps no hashes for others");
        return;
    }
    t.fd = octets_connect(s->path, t.until);
    if (t.fd < 0) {
        question_failed(q, "Dovecot does not answer", strerror(errno));
        return;
    }
    converse(&t, s, q);
    (void)close(t.fd);
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    (void)s;
    out->sockets = true;
}

const struct source_type source_dovecot = { .needs = needs, .ask = ask };
