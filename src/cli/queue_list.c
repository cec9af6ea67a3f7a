/* gatepost queue list, gatepost queue show: what waits, for whom, and why. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/queue.h"
#include "cli/user.h"

enum { MESSAGE_MOST = 64 * 1024 };

static void print_reply(const struct queue_reply *last)
{
    if (!last->when) return;
    (void)fputs(": ", stdout);
    if (last->code) (void)printf("%d ", last->code);
    print_text(last->enhanced);
    (void)putchar(' ');
    print_text(last->text);
    if (!last->remote.len) return;
    (void)fputs(" (", stdout);
    print_text(last->remote);
    (void)putchar(')');
}

bool queue_print_recipient(void *owner, const struct queue_recipient *to)
{
    char           when[USER_TIME_ROOM], room[QUEUE_TURN_ROOM];
    struct gp_text text  = GP_TEXT(room);
    gp_str         route = config_route_in(to->destination), turn = queue_put_turn(&text, to);
    (void)owner;
    (void)fputs("    ", stdout);
    print_text(to->address);
    (void)printf("  %s, %u attempt%s", recipient_state_name(to->state), to->attempts, to->attempts == 1 ? "" : "s");
    if (to->state == RECIPIENT_QUEUED) (void)printf(", next %s", user_time(to->due, when));
    if (route.len) (void)fputs(", route ", stdout);
    print_text(route);
    if (turn.len) (void)fputs(", ", stdout);
    print_text(turn);
    print_reply(&to->last);
    (void)putchar('\n');
    return true;
}

static void print_heading(const struct queue_message *m)
{
    char when[USER_TIME_ROOM];
    print_text(m->queue_id);
    (void)printf("  %s  %" PRIu64 " octets  from ", user_time(m->arrived, when), m->size);
    print_text(m->sender.len ? m->sender : GP_LIT("<>"));
    if (m->user.len) (void)fputs(" by ", stdout);
    print_text(m->user);
    if (m->legacy) (void)fputs(", an old device", stdout);
    (void)putchar('\n');
    if (m->release > user_now()) (void)printf("    waits until %s, as its sender asked\n", user_time(m->release, when));
    if (!m->hold_why.len) return;
    (void)fputs("    held: ", stdout);
    print_text(m->hold_why);
    (void)putchar('\n');
}

/* ---- list --------------------------------------------------------------------------------------------------------------- */
struct listing {
    struct queue_store *store;
    json_t             *json; /* NULL: as text */
    bool                held; /* those alone that have a recipient who is held */
    bool                failed;
};

static bool is_held(void *owner, const struct queue_recipient *to)
{
    bool *held = owner;
    *held      = *held || to->state == RECIPIENT_HELD;
    return !*held;
}

static bool is_wanted(struct listing *l, const struct queue_message *m)
{
    bool held = false;
    if (!l->held) return true;
    l->failed = queue_visit_recipients(l->store, m->row, 0, is_held, &held) != GP_OK;
    return held;
}

static void list_one(void *owner, const struct queue_message *m)
{
    struct listing *l = owner;
    if (l->failed || !is_wanted(l, m)) return;
    if (l->json) {
        l->failed = json_array_append_new(l->json, message_json(l->store, m, false)) != 0;
        return;
    }
    print_heading(m);
    l->failed = queue_visit_recipients(l->store, m->row, 0, queue_print_recipient, NULL) != GP_OK;
}

static int list_all(struct queue_store *s, bool json, bool held)
{
    struct listing l = { .store = s, .json = json ? json_array() : NULL, .held = held };
    if (queue_visit_messages(s, list_one, &l) == GP_OK && !l.failed) return json ? user_print_json(l.json) : CLI_DONE;
    json_decref(l.json);
    return cli_queue_failed(s, "queue list");
}

static int run_list(const struct cli_command *command, int argc, char **argv)
{
    bool              json = false, held = false;
    const char       *dir       = NULL;
    size_t            count     = 0;
    struct cli_option options[] = {
        {"held",  CLI_FLAG, &held, NULL, "only what is held, and why"},
        { "json", CLI_FLAG, &json, NULL, "print JSON"                },
        { NULL,   CLI_FLAG, NULL,  NULL, NULL                        }
    };
    int stop = cli_parse(command, options, argc, argv, &dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_queue_store s = cli_queue_open(dir);
    return s ? list_all(s, json, held) : CLI_FAILED;
}

const struct cli_command cli_queue_list = { "queue list", "[--held] [--json]", "list the mail that waits, and why",
                                            run_list };

/* ---- show ----------------------------------------------------------------------------------------------------------------- */
static void print_event(void *owner, const struct audit_row *row)
{
    char when[USER_TIME_ROOM];
    (void)owner;
    (void)printf("    %s  ", user_time(row->when, when));
    print_text(row->event);
    (void)fputs("  ", stdout);
    print_text(row->data);
    (void)putchar('\n');
}

static void print_line(const char *name, gp_str text)
{
    if (!text.len) return;
    (void)printf("  %-10s ", name);
    print_text(text);
    (void)putchar('\n');
}

static int show_text(struct queue_store *s, const struct queue_message *m)
{
    print_heading(m);
    print_line("params", m->params);
    print_line("message-id", m->message_id);
    print_line("from", m->from);
    print_line("client", m->peer);
    print_line("helo", m->helo);
    print_line("sign-in", m->mechanism);
    print_line("tls", m->tls);
    (void)puts("  recipients");
    if (queue_visit_recipients(s, m->row, 0, queue_print_recipient, NULL) != GP_OK)
        return cli_queue_failed(s, "queue show");
    (void)puts("  what happened");
    if (audit_visit(queue_database(s), m->queue_id, print_event, NULL) != GP_OK)
        return cli_queue_failed(s, "queue show");
    return CLI_DONE;
}

static int show(struct queue_store *s, const char *queue_id, bool json, struct gp_arena *arena)
{
    struct queue_message m;
    gp_status            status = queue_load(s, gp_from(queue_id), arena, &m);
    if (status == GP_PERMFAIL) return cli_queue_unknown(s, queue_id);
    if (status != GP_OK) return cli_queue_failed(s, queue_id);
    return json ? user_print_json(message_json(s, &m, true)) : show_text(s, &m);
}

static int run_show(const struct cli_command *command, int argc, char **argv)
{
    bool              json      = false;
    const char       *dir       = NULL, *queue_id;
    size_t            count     = 0;
    struct cli_option options[] = {
        {"json", CLI_FLAG, &json, NULL, "print JSON"},
        { NULL,  CLI_FLAG, NULL,  NULL, NULL        }
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &queue_id, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_queue_store s = cli_queue_open(dir);
    if (!s) return CLI_FAILED;
    struct gp_arena arena = { .most = MESSAGE_MOST };
    int             done  = show(s, queue_id, json, &arena);
    gp_arena_reset(&arena);
    return done;
}

const struct cli_command cli_queue_show = { "queue show", "ID [--json]",
                                            "show one message: envelope, replies, what happened", run_show };
