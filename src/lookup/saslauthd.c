/* saslauthd of Cyrus SASL, over its socket: four strings out, each after two octets of length; one back, "OK ..." or "NO ...".
 * It does not say whether it knows the user. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lookup/parts.h"

enum {
    LENGTH       = 2,
    OCTET        = 256,
    REPLY_MOST   = 1024,
    REQUEST_ROOM = 4 * LENGTH + LOOKUP_NAME + GP_PASSWORD_MOST + 64 + 256
};

static void put_counted(struct gp_text *out, const char *z)
{
    gp_str s = gp_from(z);
    gp_put_char(out, (char)(s.len / OCTET));
    gp_put_char(out, (char)(s.len % OCTET));
    gp_put(out, s);
}

static bool send_request(const struct source *s, const struct question *q, int fd, gp_time until)
{
    char           room[REQUEST_ROOM];
    struct gp_text text = GP_TEXT(room);
    put_counted(&text, q->user);
    put_counted(&text, q->secret);
    put_counted(&text, s->plan->service);
    put_counted(&text, s->plan->realm);
    errno     = EMSGSIZE;
    bool sent = !text.cut && octets_write(fd, room, text.len, until);
    gp_wipe(room, sizeof room);
    return sent;
}

static bool read_reply(int fd, char out[static REPLY_MOST + 1], gp_time until)
{
    uint8_t length[LENGTH];
    if (!octets_read(fd, length, sizeof length, until)) return false;
    size_t len = (size_t)length[0] * OCTET + length[1];
    errno      = EMSGSIZE;
    if (len > REPLY_MOST || !octets_read(fd, out, len, until)) return false;
    out[len] = '\0';
    return true;
}

static void ask(const struct source *s, void **seat, struct question *q)
{
    char    reply[REPLY_MOST + 1];
    gp_time until = octets_clock() + s->timeout_ms;
    (void)seat;
    if (q->kind != LOOKUP_PASSWORD) {
        question_refuse(q, false, "saslauthd keeps no hashes for others");
        return;
    }
    int  fd   = octets_connect(s->path, until);
    bool done = fd >= 0 && send_request(s, q, fd, until) && read_reply(fd, reply, until);
    if (!done)
        question_failed(q, "saslauthd does not answer", strerror(errno));
    else if (gp_starts(gp_from(reply), "OK"))
        question_right(q);
    else if (gp_starts(gp_from(reply), "NO"))
        question_refuse(q, false, "saslauthd says no");
    else
        question_failed(q, "saslauthd answers what nobody understands", NULL);
    if (fd >= 0) (void)close(fd);
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    (void)s;
    out->sockets = true;
}

const struct source_type source_saslauthd = { .needs = needs, .ask = ask };
