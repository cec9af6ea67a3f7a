/* A browser that comes back (RFC 8252 7.3): the person is sent to the provider, whose redirect is taken on loopback, or typed in where the browser
 * runs on another host. The answer counts only with the state that was sent out with it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/provider.h"

enum { REQUEST_MOST = 8192, PATIENCE_MS = 10 * 60 * 1000, REQUEST_MS = 3000, URI_ROOM = 4096 };

struct landing {
    int  listener;
    bool typed; /* standard input may have it, too */
    char state[OAUTH_PKCE_ROOM];
    char error[OAUTH_WHY_ROOM];
};

static int listen_on(uint16_t *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t          len = sizeof at;
    int                fd  = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 4) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
        *port = ntohs(at.sin_port);
        return fd;
    }
    if (fd >= 0) close(fd);
    return -1;
}

/* http://127.0.0.1/path with the port behind the host. */
static bool put_redirect(const struct provider *p, uint16_t port, struct browser *b)
{
    struct gp_text out  = { .ptr = b->redirect_uri, .room = sizeof b->redirect_uri - 1 };
    const char    *form = p->plan->redirect_uri, *path = strchr(form + strlen("http://"), '/');
    gp_put(&out, (gp_str) { form, path ? (size_t)(path - form) : strlen(form) });
    gp_put_char(&out, ':');
    gp_put_number(&out, port);
    gp_put_z(&out, path ? path : "/");
    b->redirect_uri[out.len] = '\0';
    return !out.cut;
}

/* RFC 6749 4.1.1, RFC 7636 4.3 */
static bool put_uri(const struct provider *p, const struct browser *b, const char *challenge, const char *state,
                    struct gp_text *out)
{
    char           room[URI_ROOM];
    struct gp_text query = GP_TEXT(room);
    oauth_put_field(&query, "response_type", GP_LIT("code"));
    oauth_put_field(&query, "client_id", gp_from(p->plan->client_id));
    oauth_put_field(&query, "redirect_uri", gp_from(b->redirect_uri));
    oauth_put_field(&query, "scope", gp_from(p->plan->scope));
    oauth_put_field(&query, "state", gp_from(state));
    oauth_put_field(&query, "code_challenge", gp_from(challenge));
    oauth_put_field(&query, "code_challenge_method", GP_LIT("S256"));
    if (p->user[0]) oauth_put_field(&query, "login_hint", gp_from(p->user));
    gp_put_z(out, p->plan->authorize_uri);
    gp_put_char(out, strchr(p->plan->authorize_uri, '?') ? '&' : '?');
    gp_put(out, gp_said(&query));
    return !query.cut && !out->cut;
}

/* ---- what comes back -------------------------------------------------------------------------------------------------------------- */
/* OK: the code is there. PERMFAIL: it is the answer, and a no. WAIT: it is something else. */
static gp_status take_query(struct landing *l, gp_str query, struct browser *b)
{
    char           state[OAUTH_PKCE_ROOM];
    struct gp_text shown = { .ptr = l->error, .room = sizeof l->error - 1 };
    char           error[OAUTH_WHY_ROOM];
    if (!oauth_read_field(query, "state", state, sizeof state) || strcmp(state, l->state) != 0) return GP_WAIT;
    if (oauth_read_field(query, "code", b->code, sizeof b->code)) return GP_OK;
    if (!oauth_read_field(query, "error", error, sizeof error)) return GP_WAIT;
    gp_put_z(&shown, error);
    if (oauth_read_field(query, "error_description", error, sizeof error)) {
        gp_put_z(&shown, ": ");
        gp_put(&shown, gp_head(gp_from(error), shown.room - shown.len));
    }
    l->error[shown.len] = '\0';
    return GP_PERMFAIL;
}

static gp_status take_target(struct landing *l, gp_str target, struct browser *b)
{
    gp_str query = target;
    (void)gp_cut(&query, '?');
    return query.ptr ? take_query(l, gp_head(query, gp_find(query, '#')), b) : GP_WAIT;
}

static void answer(int fd, gp_status status)
{
    static const char form[] = "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
                               "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\r\n%s\n";
    char              page[512];
    const char       *text = status == GP_OK ? "Done. The rest is said where the command runs; this page may be closed."
                             : status == GP_PERMFAIL ? "The provider said no. The command says why; this page may be closed."
                                                     : "This is not the answer that is waited for.";
    int               len  = snprintf(page, sizeof page, form, status == GP_WAIT ? "404 Not Found" : "200 OK", text);
    if (len > 0 && (size_t)len < sizeof page) (void)!send(fd, page, (size_t)len, MSG_NOSIGNAL);
}

/* Within `until`, however little comes at a time: nobody else is heard meanwhile. */
static size_t receive(int fd, char *room, size_t size, gp_time until)
{
    size_t len = 0;
    while (len < size && !memmem(room, len, "\r\n\r\n", 4)) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        gp_time       left  = until - user_now();
        if (left <= 0 || left > REQUEST_MS || poll(&ready, 1, (int)left) <= 0) break;
        ssize_t got = recv(fd, room + len, size - len, 0);
        if (got <= 0) break;
        len += (size_t)got;
    }
    return len;
}

/* One request of a browser; who does not say it in time is left. */
static gp_status take_request(struct landing *l, struct browser *b)
{
    char      room[REQUEST_MOST];
    gp_status status = GP_WAIT;
    int       fd     = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return GP_WAIT;
    size_t len  = receive(fd, room, sizeof room, user_now() + REQUEST_MS);
    gp_str line = gp_head((gp_str) { room, len }, gp_find((gp_str) { room, len }, '\r'));
    if (gp_starts(line, "GET ")) {
        (void)gp_word(&line);
        status = take_target(l, gp_word(&line), b);
    }
    answer(fd, status);
    close(fd);
    gp_wipe(room, sizeof room);
    return status;
}

static gp_status take_typed(struct landing *l, struct browser *b)
{
    char   room[REQUEST_MOST];
    size_t len = 0;
    if (!cli_line_from_stdin(room, sizeof room, &len)) {
        l->typed = false; /* nobody types here any more */
        return GP_WAIT;
    }
    if (len == 0) return GP_WAIT;
    gp_status status = take_target(l, gp_trim((gp_str) { room, len }), b);
    if (status == GP_WAIT) (void)puts("That is not the address that the browser ended at.");
    gp_wipe(room, sizeof room);
    return status;
}

static gp_status wait_for(struct landing *l, struct browser *b)
{
    gp_status status = GP_WAIT;
    gp_time   until  = user_now() + PATIENCE_MS;
    while (status == GP_WAIT) {
        struct pollfd ready[] = {
            {.fd = l->listener,                   .events = POLLIN},
            { .fd = l->typed ? STDIN_FILENO : -1, .events = POLLIN}
        };
        gp_time left = until - user_now();
        if (left <= 0 || left > PATIENCE_MS) break;
        int some = poll(ready, 2, (int)left);
        if (some < 0 && errno != EINTR) break;
        if (some > 0 && ready[0].revents) status = take_request(l, b);
        if (some > 0 && status == GP_WAIT && ready[1].revents) status = take_typed(l, b);
    }
    return status;
}

static int ask(struct provider *p, struct landing *l, uint16_t port, struct browser *b)
{
    char           room[2 * URI_ROOM], challenge[OAUTH_PKCE_ROOM], unused[OAUTH_PKCE_ROOM];
    struct gp_text uri = { .ptr = room, .room = sizeof room - 1 };
    if (!oauth_pkce(l->state, unused) || !oauth_pkce(b->verifier, challenge) || !put_redirect(p, port, b) ||
        !put_uri(p, b, challenge, l->state, &uri)) {
        cli_problem(p->plan->name, "its addresses are too long", NULL);
        return CLI_FAILED;
    }
    (void)printf("Open this in a browser on this host, and sign in as the mailbox that sends:\n\n  %.*s\n\n",
                 (int)uri.len, room);
    if (l->typed)
        (void)printf(
            "Where the browser runs elsewhere, it ends at an address that cannot be opened: type that here. Or let\n"
            "`ssh -L %u:127.0.0.1:%u` lead it here.\n",
            port, port);
    (void)puts("Waiting ...");
    (void)fflush(stdout);
    gp_status status = wait_for(l, b);
    if (status == GP_OK) return CLI_DONE;
    cli_problem(p->plan->name, status == GP_PERMFAIL ? l->error : "nobody came back in time",
                "begin again with `gatepost provider login NAME`");
    return CLI_FAILED;
}

int browser_ask(struct provider *p, uint16_t port, struct browser *b)
{
    struct landing l = { .listener = listen_on(&port), .typed = isatty(STDIN_FILENO) };
    if (l.listener < 0) {
        cli_problem("127.0.0.1", strerror(errno), "--port names another port");
        return CLI_FAILED;
    }
    int status = ask(p, &l, port, b);
    close(l.listener);
    return status;
}
