/* gatepost queue list, gatepost queue show: what waits, for whom, and why. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/queue.h"
#include "cli/user.h"

enum { MESSAGE_MOST = 64 * 1024, PAGE = 256 };

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

static void print_hold(const struct queue_message *m)
{
    char when[USER_TIME_ROOM];
    if (!m->hold_why.len && !m->held) return;
    (void)fputs("    held", stdout);
    if (m->held) (void)printf(" since %s", user_time(m->held, when));
    if (m->hold_why.len) (void)fputs(": ", stdout);
    print_text(m->hold_why);
    (void)putchar('\n');
}

static void print_heading(const struct queue_message *m)
{
    char           when[USER_TIME_ROOM], room[QUEUE_TURN_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_str         by   = queue_put_deadline(&text, m);
    print_text(m->queue_id);
    (void)printf("  %s  %" PRIu64 " octets  from ", user_time(m->arrived, when), m->size);
    print_text(m->sender.len ? m->sender : GP_LIT("<>"));
    if (m->user.len) (void)fputs(" by ", stdout);
    print_text(m->user);
    if (m->legacy) (void)fputs(", an old device", stdout);
    if (m->foreign) (void)fputs(", not signed: From is not the account's", stdout);
    (void)putchar('\n');
    if (m->release > user_now()) (void)printf("    waits until %s, as its sender asked\n", user_time(m->release, when));
    if (by.len) (void)printf("    %.*s\n", (int)by.len, by.ptr);
    print_hold(m);
}

/* ---- list --------------------------------------------------------------------------------------------------------------- */
struct listing {
    struct queue_store *store;
    struct queue_filter filter;
    bool                json, counts; /* counts: how many, and none of them */
    size_t              count;
};

/* However many there are: each is printed before the next is read. */
static gp_status list_one(struct listing *l, const char *queue_id)
{
    struct queue_message m;
    struct gp_arena      arena  = { .most = MESSAGE_MOST };
    gp_status            status = queue_load(l->store, gp_from(queue_id), &arena, &m);
    if (status == GP_OK && l->json) {
        json_t *json = message_json(l->store, &m, false);
        if (l->count) (void)fputs(",\n", stdout);
        if (!json || json_dumpf(json, stdout, 0) != 0) status = GP_TEMPFAIL;
        json_decref(json);
    } else if (status == GP_OK) {
        print_heading(&m);
        status = queue_visit_recipients(l->store, m.row, 0, queue_print_recipient, NULL);
    }
    if (status == GP_OK) l->count++;
    gp_arena_reset(&arena);
    return status == GP_PERMFAIL ? GP_OK : status; /* delivered meanwhile */
}

static gp_status list_pages(struct listing *l)
{
    struct queue_place page[PAGE];
    size_t             count  = 0;
    int64_t            after  = 0;
    gp_status          status = GP_OK;
    do {
        status = queue_filter_page(l->store, after, &l->filter, page, PAGE, &count);
        for (size_t i = 0; status == GP_OK && i < count && !l->counts; i++) status = list_one(l, page[i].queue_id);
        if (l->counts) l->count += count;
        if (count) after = page[count - 1].row;
    } while (status == GP_OK && count == PAGE);
    return status;
}

static int list_all(struct listing *l)
{
    bool array = l->json && !l->counts;
    if (array) (void)putchar('[');
    if (list_pages(l) != GP_OK) return cli_queue_failed(l->store, "queue list");
    if (array) (void)puts("]");
    if (l->counts) (void)printf(l->json ? "{\"count\": %zu}\n" : "%zu\n", l->count);
    return CLI_DONE;
}

/* ---- list --watch: the audit as it grows -------------------------------------------------------------------------------------- */
static void watch_one(const struct audit_row *row, bool json)
{
    char when[USER_TIME_ROOM];
    if (json) {
        json_t *data = json_loadb(row->data.ptr, row->data.len, 0, NULL);
        json_t *line = json_pack("{s:o, s:o, s:o, s:o, s:o}", "when", moment_json(row->when), "queue_id",
                                 text_json(row->queue_id), "event", text_json(row->event), "account",
                                 text_json(row->name), "data", data ? data : text_json(row->data));
        (void)json_dumpf(line, stdout, 0);
        json_decref(line);
    } else {
        (void)printf("%s  ", user_time(row->when, when));
        print_text(row->queue_id);
        (void)fputs("  ", stdout);
        print_text(row->event);
        (void)fputs("  ", stdout);
        print_text(row->data);
    }
    (void)putchar('\n');
}

/* Ends when nobody reads it any more. */
static int watch(struct listing *l)
{
    struct database    *db     = queue_database(l->store);
    struct audit_filter filter = { .account = l->filter.user, .address = l->filter.to };
    gp_status           status = audit_newest(db, &filter.after);
    while (status == GP_OK && fflush(stdout) == 0 && !ferror(stdout)) {
        char             room[AUDIT_FILTER_ROOM];
        struct audit_row row;
        auto_rows        r = audit_rows(db, &filter, room);
        while ((status = audit_next(&r, &row)) == GP_OK) {
            if (row.queue_id.len) watch_one(&row, l->json);
            filter.after = row.seq;
        }
        rows_end(&r);
        if (status == GP_PERMFAIL) status = GP_OK;
        (void)sleep(1);
    }
    return status == GP_OK ? CLI_DONE : cli_queue_failed(l->store, "queue list");
}

static bool read_list(const struct queue_words *w, bool held, bool watches, struct listing *l)
{
    if (!queue_filter_read(w, &l->filter)) return false;
    l->filter.user = gp_from(w->account);
    if (held) l->filter.state = QUEUE_ON_HOLD;
    if (!watches || !(held || w->from || w->state || w->older || w->route || w->envid || l->counts)) return true;
    cli_problem("--watch", "it shows what happens from now on", "it goes with --to, --account and --json");
    return false;
}

static int run_list(const struct cli_command *command, int argc, char **argv)
{
    struct listing     l    = { .store = NULL };
    struct queue_words w    = { NULL };
    bool               held = false, watches = false;
    const char        *dir       = NULL;
    size_t             count     = 0;
    struct cli_option  options[] = {
         QUEUE_FILTER_OPTIONS(w),
         {"held",   CLI_FLAG, &held,     NULL, "only what is held, and why: --state held"},
         { "count", CLI_FLAG, &l.counts, NULL, "print how many there are"                },
         { "watch", CLI_FLAG, &watches,  NULL, "print what happens from now on"          },
         { "json",  CLI_FLAG, &l.json,   NULL, "print JSON, a message a line"            },
         { NULL,    CLI_FLAG, NULL,      NULL, NULL                                      }
    };
    int stop = cli_parse(command, options, argc, argv, &dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!read_list(&w, held, watches, &l)) return CLI_WRONG_USE;
    auto_queue_store s = cli_queue_open(dir);
    l.store            = s;
    if (!s) return CLI_FAILED;
    return watches ? watch(&l) : list_all(&l);
}

const struct cli_command cli_queue_list = { "queue list",
                                            "[--held] " QUEUE_FILTER_USAGE " [--count] [--watch] [--json]",
                                            "list the mail that waits, and why", run_list };

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
    if (queue_requires_tls(m)) print_line("requires", GP_LIT("TLS all the way (REQUIRETLS), or it comes back"));
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

/* Who has no rights here asks the server itself. */
static bool is_of_senders_own(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (gp_is(gp_from(argv[i]), "--mine")) return true;
    return false;
}

static int run_show(const struct cli_command *command, int argc, char **argv)
{
    bool              json = false, mine = false;
    const char       *dir       = NULL, *queue_id;
    size_t            count     = 0;
    struct cli_option options[] = {
        {"json",  CLI_FLAG, &json, NULL, "print JSON"                                                               },
        { "mine", CLI_FLAG, &mine, NULL, "ask the server as one of its users, about one's own mail: as `queue mine`"},
        { NULL,   CLI_FLAG, NULL,  NULL, NULL                                                                       }
    };
    if (is_of_senders_own(argc, argv)) return cli_queue_mine.run(&cli_queue_mine, argc, argv);
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
