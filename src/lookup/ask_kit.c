/* For tests: starts the role for one source of a set-up as the supervisor does, again when it ends, and asks it what comes on
 * standard input, a JSON object a line: {"id": 1, "kind": "password", "user": ..., "secret": ..., "peer": ...}. Answers go to
 * standard output as they come: {"id": 1, "status": "OK", "known": true, "user": ..., "hash": ..., "why": ..., "ms": 12}; so do
 * {"ready": PID} and {"ended": STATUS}.
 *   lookup_ask DIR INDEX [UID] */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lookup/lookup.h"
#include "lookup/parts.h"
#include "proc/wire.h"

enum { LINE_ROOM = 1 << 16, STATUS_WRONG_USE = 2 };

static struct config config;
static struct asker {
    struct loop  *loop;
    struct ipc   *supervisor, *vault;
    struct watch *input;
    unsigned      index;
    uid_t         uid;
    pid_t         pid;
    size_t        open; /* questions */
    bool          ended;
    size_t        len;
    char          line[LINE_ROOM];
} a;

struct asked {
    json_int_t id;
    gp_time    when;
};

static void print(json_t *object)
{
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)puts("");
    (void)fflush(stdout);
    json_decref(object);
}

/* ---- the role --------------------------------------------------------------------------------------------------------------- */
static _Noreturn void live(int channel)
{
    static struct role_start    start;
    const struct config_lookup *l = &config.lookups[a.index];
    char                        path[CONFIG_PATH];
    const char                 *secret = l->token_file[0] ? l->token_file : l->password_file;
    start                              = (struct role_start) {
                                     .role = ROLE_LOOKUP, .index = a.index, .config = &config, .supervisor = channel, .secret = -1
    };
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (secret[0] && config_path(&config, secret, path)) start.secret = open(path, O_RDONLY | O_CLOEXEC);
    (void)close_range((unsigned)(channel > start.secret ? channel : start.secret) + 1, ~0U, 0);
    log_open("lookup", config.log_format, config.log_level);
    if (a.uid && (setresgid(a.uid, a.uid, a.uid) != 0 || setresuid(a.uid, a.uid, a.uid) != 0)) _exit(STATUS_WRONG_USE);
    _exit(lookup_main(&start));
}

static int spawn(void)
{
    int pair[2];
    if (!wire_pair(pair)) abort();
    a.pid = fork();
    if (a.pid == 0) live(pair[1]);
    (void)close(pair[1]);
    return pair[0];
}

static void from_role(void *owner, struct ipc *from, struct msg *m)
{
    int        pair[2];
    struct msg peer = MSG(PEER);
    (void)owner;
    if (m->type != MSG_READY || !wire_pair(pair)) return;
    ipc_attach(a.vault, pair[0]);
    peer.peer   = (struct msg_peer) { .role = ROLE_VAULT, .count = 1 };
    peer.fds[0] = pair[1];
    (void)ipc_tell(from, &peer);
    (void)close(pair[1]);
    print(json_pack("{s:I}", "ready", (json_int_t)a.pid));
}

static void role_gone(void *owner, struct ipc *channel)
{
    int status = 0;
    (void)owner;
    (void)waitpid(a.pid, &status, 0);
    print(json_pack("{s:i}", "ended", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) exit(1); /* it could not start */
    ipc_attach(channel, spawn());
}

static void from_nobody(void *owner, struct ipc *from, struct msg *m)
{
    (void)owner;
    (void)from;
    print(json_pack("{s:s}", "unexpected", msg_name(m->type)));
}

/* ---- questions ---------------------------------------------------------------------------------------------------------------- */
static json_t *text(gp_str s)
{
    return s.ptr ? json_stringn(s.ptr, s.len) : json_null();
}

static void answered(void *owner, gp_status status, const struct msg *m)
{
    static const char *const words[] = { "OK", "WAIT", "TEMPFAIL", "PERMFAIL" };
    struct asked            *q       = owner;
    json_int_t               ms      = octets_clock() - q->when;
    if (status == GP_OK && m->type == MSG_LOOKED && m->looked.status < GP_COUNT(words))
        print(json_pack("{s:I,s:s,s:b,s:I,s:o,s:o,s:o,s:o,s:I}", "id", q->id, "status", words[m->looked.status],
                        "known", (int)m->looked.known, "ends", (json_int_t)m->looked.ends, "user", text(m->looked.user),
                        "hash", text(m->looked.hash), "subject", text(m->looked.subject), "why", text(m->looked.why),
                        "ms", ms));
    else
        print(json_pack("{s:I,s:s,s:s,s:I}", "id", q->id, "status", "TEMPFAIL", "why", "the role is gone", "ms", ms));
    free(q);
    if (--a.open == 0 && a.ended) loop_stop(a.loop);
}

static gp_str given(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value ? (gp_str) { json_string_value(value), json_string_length(value) } : GP_NONE;
}

static void ask(gp_str line)
{
    json_t       *object = json_loadb(line.ptr, line.len, JSON_ALLOW_NUL, NULL);
    struct asked *q      = calloc(1, sizeof *q);
    struct msg    m      = MSG(LOOKUP);
    if (!object || !q) abort();
    gp_str kind        = given(object, "kind");
    q->id              = json_integer_value(json_object_get(object, "id"));
    q->when            = octets_clock();
    m.lookup.kind      = gp_is(kind, "hash") ? LOOKUP_HASH : gp_is(kind, "token") ? LOOKUP_TOKEN : LOOKUP_PASSWORD;
    m.lookup.user      = given(object, "user");
    m.lookup.secret    = given(object, "secret");
    m.lookup.peer      = given(object, "peer");
    m.lookup.mechanism = GP_LIT("PLAIN");
    a.open++;
    ipc_ask(a.vault, &m, answered, q);
    json_decref(object);
}

static void read_input(void *owner, bool readable, bool writable)
{
    (void)owner;
    (void)readable;
    (void)writable;
    ssize_t n = read(STDIN_FILENO, a.line + a.len, sizeof a.line - a.len);
    if (n <= 0) {
        a.ended = true;
        watch_for(a.input, false, false);
        if (!a.open) loop_stop(a.loop);
        return;
    }
    gp_str rest = { a.line, a.len + (size_t)n };
    while (gp_find(rest, '\n') < rest.len) ask(gp_cut(&rest, '\n'));
    a.len = rest.len;
    memmove(a.line, rest.ptr, rest.len);
}

static void report(void *owner, gp_str line)
{
    (void)owner;
    (void)fprintf(stderr, "%.*s\n", (int)line.len, line.ptr);
}

int main(int argc, char **argv)
{
    static const struct ipc_handler role = { from_role, role_gone }, vault = { from_nobody, NULL };
    uint64_t                        index = 0, uid = 0;
    if (argc < 3 || !gp_read_number(gp_from(argv[2]), CONFIG_LOOKUPS_MOST, &index) ||
        (argc > 3 && !gp_read_number(gp_from(argv[3]), UINT32_MAX, &uid)) ||
        !config_read(argv[1], &config, report, NULL))
        return STATUS_WRONG_USE;
    a.index = (unsigned)index;
    a.uid   = (uid_t)uid;
    a.loop  = loop_open();
    if (!a.loop) abort();
    a.vault      = ipc_open(a.loop, -1, &vault, NULL);
    a.supervisor = ipc_open(a.loop, spawn(), &role, NULL);
    a.input      = watch_open(a.loop, STDIN_FILENO, read_input, NULL);
    watch_for(a.input, true, false);
    loop_run(a.loop);
    return 0;
}
