/* The scripted server and the transcript in memory. */
#include "talk/server_kit.h"

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void put_all(int fd, const char *octets, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, octets, len);
        if (n <= 0) return;
        octets += n;
        len -= (size_t)n;
    }
}

static void play(int listener, int out, const struct script *script)
{
    static char heard[256 * 1024];
    size_t      len = 0, from = 0;
    int         fd = accept(listener, NULL, NULL);
    for (; fd >= 0 && script->says; script++) {
        size_t want = strlen(script->hears);
        while (len - from < want || memcmp(heard + len - want, script->hears, want) != 0) {
            ssize_t got = read(fd, heard + len, sizeof heard - len);
            if (got <= 0) break;
            len += (size_t)got;
        }
        from = len;
        put_all(fd, script->says, strlen(script->says));
    }
    (void)shutdown(fd, SHUT_WR);
    for (ssize_t got; len < sizeof heard && (got = read(fd, heard + len, sizeof heard - len)) > 0;) len += (size_t)got;
    put_all(out, heard, len);
    _exit(0);
}

void played_begin(struct played *p, const struct script *script)
{
    int                ends[2], listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at  = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          len = sizeof at;
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(p->port, sizeof p->port, "%u", ntohs(at.sin_port));
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        close(ends[0]);
        (void)signal(SIGPIPE, SIG_IGN); /* a client that leaves early */
        play(listener, ends[1], script);
    }
    close(listener);
    close(ends[1]);
    p->pipe = ends[0];
}

void played_end(struct played *p)
{
    size_t len = 0;
    for (ssize_t got;
         len < sizeof p->heard_room && (got = read(p->pipe, p->heard_room + len, sizeof p->heard_room - len)) > 0;)
        len += (size_t)got;
    p->heard = (gp_str) { p->heard_room, len };
    close(p->pipe);
    (void)waitpid(p->pid, NULL, 0);
}

static void keep(void *owner, const struct talk_line *line)
{
    struct kept *k = owner;
    gp_put_char(&k->text, "CS*"[line->side]);
    gp_put_z(&k->text, ": ");
    gp_put(&k->text, line->text);
    gp_put_char(&k->text, '\n');
}

struct talk_transcript kept_transcript(struct kept *k)
{
    k->text = GP_TEXT(k->room);
    return (struct talk_transcript) { keep, k };
}

void played_meet(struct meeting *m, const struct script *script)
{
    played_begin(&m->server, script);
    m->plan = (struct talk_plan) {
        .host = "127.0.0.1", .port = m->server.port, .connect_ms = SOON_MS, .reply_ms = SOON_MS, .dot_ms = SOON_MS
    };
    struct talk_transcript t = kept_transcript(&m->kept);
    m->talk                  = talk_open(&m->plan, &t);
    CHECK(m->talk);
}

void played_part(struct meeting *m)
{
    talk_close(m->talk);
    played_end(&m->server);
}

bool played_in(gp_str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}
