/* gatepost status: asks the running supervisor over DIR/run/control.sock and shows what it says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/provider.h"
#include "cli/user.h"
#include "store/database.h"
#include "store/lost.h"

enum {
    DOCUMENT_ROOM    = 64 * 1024,
    WAIT_MOST        = 3600,
    LOOKS_PER_SECOND = 10,
    LOST_SHOWN       = 30 * 24 * 3600,
    LOOK_NS          = 1000000000 / LOOKS_PER_SECOND
};

/* ---- asking ------------------------------------------------------------------------------------------------------------------- */
/* A socket's path has 107 octets and DIR may be longer: the way leads through the open directory. */
static int reach(const char *dir)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char               run[CONFIG_PATH];
    int                len = snprintf(run, sizeof run, "%s/run", dir);
    if (len < 0 || (size_t)len >= sizeof run) return -1;
    int where = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (where < 0) return -1;
    (void)snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/control.sock", where);
    int  fd      = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool reached = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    int  error   = errno;
    close(where);
    if (!reached && fd >= 0) close(fd);
    errno = error;
    return reached ? fd : -1;
}

/* NULL: nobody answers there, errno says why. */
static json_t *ask(const char *dir)
{
    static char document[DOCUMENT_ROOM];
    size_t      len = 0;
    ssize_t     got;
    int         fd = reach(dir);
    if (fd < 0) return NULL;
    while ((got = read(fd, document + len, sizeof document - len)) > 0) len += (size_t)got;
    close(fd);
    return json_loadb(document, len, 0, NULL);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool serves(const json_t *state)
{
    return strcmp(text_of(state, "state"), "serving") == 0;
}

/* The state when it serves, or what there is once the patience is over. */
static json_t *ask_until(const char *dir, uint64_t seconds)
{
    const struct timespec pause = { .tv_nsec = LOOK_NS };
    json_t               *state = ask(dir);
    for (uint64_t looks = seconds * LOOKS_PER_SECOND; looks && !serves(state); looks--) {
        json_decref(state);
        (void)nanosleep(&pause, NULL);
        state = ask(dir);
    }
    return state;
}

/* ---- what became of our own mail ------------------------------------------------------------------------------------------------ */
static void ignore(void *owner, gp_str problem)
{
    (void)owner, (void)problem;
}

/* A health check leaves alone what is damaged, or may be; and where the role is down, we would be the last to close the file. */
static bool is_whole(const json_t *state)
{
    bool    whole = false;
    size_t  i;
    json_t *each;
    json_array_foreach(json_object_get(state, "roles"), i, each) whole |= strcmp(text_of(each, "store"), "whole") == 0;
    return whole;
}

/* Reports and notices that failed for good, where the last did so lately; null: none, or they may not be read. */
static json_t *lost_reports(const char *dir, const json_t *state)
{
    enum { BUSY_MS = 500 };
    if (!is_whole(state)) return json_null();
    static struct config  config;
    char                  folder[CONFIG_PATH];
    enum database_trouble trouble;
    struct lost_reports   lost = { 0 };
    bool                  ours = config_read(dir, &config, ignore, NULL) && config_path(&config, "queue", folder);
    struct queue_store   *q    = ours ? queue_open(folder, BUSY_MS, &trouble) : NULL;
    bool                  some = q && lost_get(queue_database(q), &lost) == GP_OK;
    queue_close(q);
    if (!some || time(NULL) - lost.last / 1000 > LOST_SHOWN) return json_null();
    return json_pack("{s:I, s:o, s:s, s:s}", "count", (json_int_t)lost.count, "last", user_time_json(lost.last),
                     "queue_id", lost.queue_id, "reason", lost.reason);
}

static void show_lost(const json_t *lost)
{
    if (!json_is_object(lost)) return;
    (void)printf("reports   %lld of ours failed for good, the last %s (gatepost explain %s): ",
                 (long long)json_integer_value(json_object_get(lost, "count")), text_of(lost, "last"),
                 text_of(lost, "queue_id"));
    cli_print(stdout, gp_from(text_of(lost, "reason")));
    (void)putchar('\n');
}

/* ---- showing ------------------------------------------------------------------------------------------------------------------ */
/* clang-format off */
static const struct { const char *state, *words; } stores[] = {
    { "unread",  "queue.db is being looked through for damage; mail is taken meanwhile" },
    { "doubted", "queue.db was found damaged before, and is being looked through: no mail is taken or sent until that has ended well" },
    { "damaged", "queue.db is damaged: no mail is taken or sent. Stop gatepost and restore it (docs/operations.md, A damaged queue.db)" },
};
/* clang-format on */

static void show_store(const char *state)
{
    for (size_t i = 0; i < GP_COUNT(stores); i++)
        if (strcmp(stores[i].state, state) == 0) (void)printf("store     %s\n", stores[i].words);
}

static void show_text(const json_t *state)
{
    size_t  i;
    json_t *each;
    (void)printf("%s, pid %lld\n\n", text_of(state, "state"),
                 (long long)json_integer_value(json_object_get(state, "pid")));
    json_array_foreach(json_object_get(state, "listeners"), i, each)(void)
        printf("listens   %-12s %s\n", text_of(each, "kind"), text_of(each, "address"));
    json_array_foreach(json_object_get(state, "roles"), i, each)(void)
        printf("role      %-6s %3lld  %-9s pid %-8lld restarts %lld\n", text_of(each, "name"),
               (long long)json_integer_value(json_object_get(each, "index")), text_of(each, "state"),
               (long long)json_integer_value(json_object_get(each, "pid")),
               (long long)json_integer_value(json_object_get(each, "restarts")));
    json_array_foreach(json_object_get(state, "roles"), i, each)
    {
        show_store(text_of(each, "store"));
    }
    json_array_foreach(json_object_get(state, "providers"), i, each)
    {
        (void)printf("provider  %-12s %s  ", text_of(each, "name"), text_of(each, "state"));
        cli_print(stdout, gp_from(text_of(each, "reason")));
        (void)putchar('\n');
    }
    show_lost(json_object_get(state, "reports_lost"));
}

static int show(const char *dir, json_t *state, bool json)
{
    if (!state) {
        if (json) (void)printf("{\"state\": \"down\", \"listeners\": [], \"roles\": []}\n");
        cli_problem(dir,
                    errno == EACCES ? "its control socket is not yours to read" : "no gatepost runs on this directory",
                    errno == EACCES ? "ask as root, or as the user that runs it"
                                    : "`gatepost serve` starts one; --dir DIR names another");
        return CLI_FAILED;
    }
    (void)json_object_set_new(state, "providers", cli_provider_states(dir));
    (void)json_object_set_new(state, "reports_lost", lost_reports(dir, state));
    if (json) {
        (void)json_dumpf(state, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    } else {
        show_text(state);
    }
    int status = serves(state) ? CLI_DONE : CLI_FAILED;
    json_decref(state);
    return status;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    bool                    json      = false;
    const char             *wait      = NULL, *dir;
    uint64_t                seconds   = 0;
    const struct cli_option options[] = {
        {"wait",  CLI_VALUE, &wait, "SECONDS", "wait that long for it to serve"},
        { "json", CLI_FLAG,  &json, NULL,      "print JSON"                    },
        { NULL,   CLI_FLAG,  NULL,  NULL,      NULL                            },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, NULL, 0, 0, NULL);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (wait && !gp_read_number(gp_from(wait), WAIT_MOST, &seconds)) {
        cli_problem("--wait", "not a number of seconds (3600 at most)", NULL);
        return CLI_WRONG_USE;
    }
    return show(dir, ask_until(dir, seconds), json);
}

const struct cli_command cli_status = { "status", "[--wait SECONDS] [--json]",
                                        "tell whether it serves: exit status 0 only then", run };
