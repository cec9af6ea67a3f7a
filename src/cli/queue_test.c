/* The queue commands on a queue of their own: what they show, what they change, and how they fail. */
#include "cli/queue.h"

#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS_MOST = 12, OUTPUT_MOST = 64 * 1024, PATH_ROOM = 96, BUSY = 1000 };

static char dir[PATH_ROOM / 2];
static char output[OUTPUT_MOST];

static const char *in_dir(const char *name)
{
    static char path[PATH_ROOM];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static struct queue_store *open_queue(void)
{
    enum database_trouble trouble;
    struct queue_store   *s = queue_open(in_dir("queue"), BUSY, &trouble);
    CHECK(s != NULL);
    return s;
}

/* Two recipients, one of which has been tried. */
static gp_time held_back; /* until when, of what is added */

static void add(struct queue_store *s, const char *id, const char *sender)
{
    struct queue_message   m    = { .queue_id  = gp_from(id),
                                    .sender    = gp_from(sender),
                                    .user      = GP_LIT("ada"),
                                    .legacy    = gp_starts(gp_from(id), "device"),
                                    .size      = 5,
                                    .arrived   = 1800000000000,
                                    .release   = held_back,
                                    .peer      = GP_LIT("192.0.2.1"),
                                    .mechanism = GP_LIT("PLAIN") };
    struct queue_recipient to[] = {
        {.position    = 0,
         .address     = GP_LIT("bob@example.net"),
         .destination = GP_LIT("example.net"),
         .due         = 1800000000000},
        { .position    = 1,
         .address     = GP_LIT("eve@example.com"),
         .destination = GP_LIT("example.com"),
         .due         = 1800000000000},
    };
    struct gp_arena arena = { .most = 65536 };
    CHECK(queue_begin(s) == GP_OK && queue_add(s, &m, to, GP_COUNT(to), GP_LIT("Hello")) == GP_OK);
    CHECK(queue_load(s, m.queue_id, &arena, &m) == GP_OK);
    to[0].attempts = 3;
    to[0].last     = (struct queue_reply) { .code     = 451,
                                            .enhanced = GP_LIT("4.3.0"),
                                            .text     = GP_LIT("later\x1b[2J\xc2\x9b"),
                                            .remote   = GP_LIT("mx.example.net"),
                                            .when     = 1800000060000 };
    CHECK(queue_settle(s, m.row, &to[0]) == GP_OK && queue_commit(s) == GP_OK);
    gp_arena_reset(&arena);
}

static void make_place_with(const char *config)
{
    (void)snprintf(dir, sizeof dir, "/tmp/gatepost-cli-XXXXXX");
    CHECK(mkdtemp(dir) && mkdir(in_dir("queue"), 0700) == 0);
    int fd = open(in_dir("gatepost.yml"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, config, strlen(config)) == (ssize_t)strlen(config) && close(fd) == 0);
}

static void make_place(void)
{
    make_place_with("hostname: mail.example.org\ndomain: example.org\n");
}

static void remove_place(void)
{
    static const char *const files[] = { "gatepost.yml", "out", "queue/queue.db", "queue/queue.db-wal",
                                         "queue/queue.db-shm" };
    for (size_t i = 0; i < GP_COUNT(files); i++) (void)unlink(in_dir(files[i]));
    (void)rmdir(in_dir("queue/bodies"));
    CHECK(rmdir(in_dir("queue")) == 0 && rmdir(dir) == 0);
}

static int redirect(int to, int flags)
{
    int kept = dup(to), fd = open(in_dir("out"), flags | O_CLOEXEC, 0600);
    CHECK(kept >= 0 && fd >= 0 && dup2(fd, to) == to);
    (void)close(fd);
    return kept;
}

static void restore(int to, int kept)
{
    CHECK(dup2(kept, to) == to);
    (void)close(kept);
}

/* words: "abcd --json"; what it printed is in output. */
static int run(const struct cli_command *command, const char *words)
{
    char text[512], *argv[WORDS_MOST + 1] = { 0 }, *rest = text, *word;
    int  argc = 0;
    (void)snprintf(text, sizeof text, "%s --dir %s", words, dir);
    while ((word = strsep(&rest, " ")) && argc < WORDS_MOST)
        if (*word) argv[argc++] = word;
    (void)fflush(NULL);
    int out = redirect(STDOUT_FILENO, O_WRONLY | O_CREAT | O_TRUNC), err = redirect(STDERR_FILENO, O_WRONLY | O_APPEND);
    int done = command->run(command, argc, argv);
    (void)fflush(NULL);
    restore(STDOUT_FILENO, out);
    restore(STDERR_FILENO, err);
    int     fd  = open(in_dir("out"), O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, output, sizeof output - 1);
    (void)close(fd);
    CHECK(len >= 0);
    output[len] = '\0';
    return done;
}

static bool says(const char *text)
{
    return strstr(output, text) != NULL;
}

static enum recipient_state state_of(const char *id)
{
    CHECK(run(&cli_queue_show, id) == CLI_DONE);
    return says("held") ? RECIPIENT_HELD : RECIPIENT_QUEUED;
}

static void set_up(void)
{
    make_place();
    struct queue_store *s = open_queue();
    add(s, "abcd", "ada@example.org");
    add(s, "efgh", "");
    queue_close(s);
}

TEST(an_empty_queue_is_an_empty_list)
{
    make_place();
    CHECK(run(&cli_queue_list, "") == CLI_DONE);
    CHECK_IS(gp_from(output), "");
    CHECK(run(&cli_queue_list, "--json") == CLI_DONE);
    json_t *list = json_loads(output, 0, NULL);
    CHECK(json_is_array(list) && json_array_size(list) == 0);
    json_decref(list);
    remove_place();
}

TEST(what_waits_is_listed_with_the_reason)
{
    set_up();
    CHECK(run(&cli_queue_list, "") == CLI_DONE);
    CHECK(says("abcd  2027-01-15T08:00:00Z  5 octets  from ada@example.org by ada\n"));
    CHECK(says("efgh") && says("from <>") && says("eve@example.com  queued, 0 attempts, next"));
    CHECK(says("3 attempts, next 2027-01-15T08:00:00Z: 451 4.3.0 later?[2J") && says("(mx.example.net)"));
    CHECK(!strchr(output, '\x1b') && !says("\xc2\x9b")); /* a reply cannot steer the terminal */
    remove_place();
}

TEST(the_list_is_json_that_names_everything)
{
    set_up();
    CHECK(run(&cli_queue_list, "--json") == CLI_DONE);
    json_t *list = json_loads(output, 0, NULL), *first = json_array_get(list, 0);
    json_t *to = json_array_get(json_object_get(first, "recipients"), 0);
    CHECK(json_array_size(list) == 2);
    CHECK_IS(gp_from(json_string_value(json_object_get(first, "queue_id"))), "abcd");
    CHECK_IS(gp_from(json_string_value(json_object_get(to, "address"))), "bob@example.net");
    CHECK_IS(gp_from(json_string_value(json_object_get(to, "state"))), "queued");
    CHECK(json_integer_value(json_object_get(to, "code")) == 451);
    json_decref(list);
    remove_place();
}

TEST(mail_of_an_old_device_says_so)
{
    make_place();
    struct queue_store *s = open_queue();
    add(s, "device2", "ada@example.org");
    queue_close(s);
    CHECK(run(&cli_queue_list, "") == CLI_DONE && says("by ada, an old device\n"));
    CHECK(run(&cli_queue_list, "--json") == CLI_DONE && says("\"legacy\": true"));
    s = open_queue();
    add(s, "other2", "ada@example.org");
    queue_close(s);
    CHECK(run(&cli_queue_show, "other2") == CLI_DONE && says("by ada\n"));
    remove_place();
}

TEST(show_tells_the_whole_story)
{
    set_up();
    CHECK(run(&cli_queue_show, "abcd --json") == CLI_DONE);
    json_t *shown = json_loads(output, 0, NULL);
    CHECK_IS(gp_from(json_string_value(json_object_get(shown, "peer"))), "192.0.2.1");
    json_t *event = json_array_get(json_object_get(shown, "audit"), 0);
    CHECK_IS(gp_from(json_string_value(json_object_get(event, "event"))), "accepted");
    CHECK_IS(gp_from(json_string_value(json_object_get(event, "account"))), "ada");
    json_decref(shown);
    CHECK(run(&cli_queue_show, "abcd") == CLI_DONE && says("what happened") && says("accepted"));
    remove_place();
}

TEST(what_waits_for_the_turn_of_its_route_says_so)
{
    make_place_with("hostname: mail.example.org\ndomain: example.org\nroutes:\n"
                    "  - {name: slow, to: example.net, via: mx, messages_per_minute: 30, connections: 2}\n");
    struct queue_store *s = open_queue();
    add(s, "abcd", "ada@example.org");
    CHECK(database_script(queue_database(s), "UPDATE recipients SET destination = 'via:slow example.net', due = 1 "
                                             "WHERE position = 0") == GP_OK);
    queue_close(s);
    CHECK(run(&cli_queue_list, "") == CLI_DONE);
    CHECK(says(", route slow, waits for its turn: the route sends at most 30 messages a minute, 2 at a time: 451"));
    CHECK(run(&cli_queue_show, "abcd --json") == CLI_DONE && says("\"waits_for\": \"waits for its turn: "));
    remove_place();
}

TEST(what_is_due_and_may_not_be_under_way_says_so)
{
    set_up();
    struct queue_store *s = open_queue();
    CHECK(database_script(queue_database(s), "UPDATE recipients SET due = 4000000000000") == GP_OK);
    CHECK(run(&cli_queue_show, "abcd") == CLI_DONE && !says("waits for a free"));
    CHECK(database_script(queue_database(s), "UPDATE recipients SET due = 1 WHERE position = 0") == GP_OK);
    queue_close(s);
    CHECK(run(&cli_queue_show, "abcd") == CLI_DONE && says(", waits for a free connection, or is under way: 451"));
    CHECK(run(&cli_queue_list, "--json") == CLI_DONE &&
          says("\"waits_for\": \"waits for a free connection, or is under way\""));
    remove_place();
}

enum { BULK = 1200, BULK_PAGE = 256, BULK_PATIENCE = 30 };

static size_t count_held(struct queue_store *s)
{
    struct queue_filter held = { .state = QUEUE_ON_HOLD };
    struct queue_place  page[BULK];
    size_t              count = 0;
    return queue_filter_page(s, 0, &held, page, BULK, &count) == GP_OK ? count : 0;
}

/* As the server does meanwhile: one transaction after the other. How often it saw that the command was between two of its own. */
static int write_meanwhile(void)
{
    struct queue_store *s    = open_queue();
    const time_t        end  = time(NULL) + BULK_PATIENCE;
    size_t              seen = 0, held = 0;
    while (held < BULK && time(NULL) < end) {
        (void)usleep(20 * 1000);
        if (queue_begin(s) != GP_OK) continue;
        size_t before = held;
        held          = count_held(s);
        seen += held != before && held < BULK;
        if (queue_commit(s) != GP_OK) queue_abandon(s);
    }
    queue_close(s);
    return (int)seen;
}

TEST(who_writes_has_a_turn_between_the_steps_of_a_change_of_many)
{
    make_place();
    struct queue_store *s = open_queue();
    CHECK(queue_begin(s) == GP_OK);
    for (unsigned i = 0; i < BULK; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "m%u", i);
        struct queue_message   m  = { .queue_id = gp_from(id), .size = 1, .arrived = 1 };
        struct queue_recipient to = { .address = GP_LIT("bob@example.net"), .destination = GP_LIT("example.net") };
        CHECK(queue_add(s, &m, &to, 1, GP_LIT("x")) == GP_OK);
    }
    CHECK(queue_commit(s) == GP_OK);
    queue_close(s);
    pid_t child = fork();
    if (child == 0) _exit(write_meanwhile());
    int status = 0;
    CHECK(run(&cli_queue_hold, "--to example.net") == CLI_DONE && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) >= BULK / BULK_PAGE / 2);
    remove_place();
}

static size_t count_lines(void)
{
    size_t lines = 0;
    for (const char *at = output; *at; at++) lines += *at == '\n';
    return lines;
}

/* Four messages, each with a recipient who was tried and waits, and one who was not tried. */
static void set_up_four(void)
{
    make_place();
    struct queue_store *s = open_queue();
    add(s, "one", "ada@example.org");
    add(s, "two", "ADA@Example.org");
    add(s, "three", "bert@other.example");
    add(s, "four", "");
    CHECK(
        database_script(
            queue_database(s),
            "UPDATE messages SET params = 'ENVID=x+2B7 RET=HDRS' WHERE queue_id = 'two';"
            "UPDATE messages SET arrived = 1 WHERE queue_id <> 'three';"
            "UPDATE messages SET user = 'bert' WHERE queue_id = 'three';"
            "UPDATE recipients SET destination = 'via:slow example.net', address = 'Carl@Sub.example.net' WHERE message = 3 AND position = 0;"
            "UPDATE recipients SET state = 3 WHERE message = 4 AND position = 1;"
            "UPDATE recipients SET attempts = 0 WHERE message = 1") == GP_OK);
    queue_close(s);
}

TEST(the_list_is_of_those_that_are_meant)
{
    static const struct {
        const char *words, *count;
    } rows[] = {
        {"--count",                                     "4\n"             },
        { "--count --to bob@example.net",               "3\n"             },
        { "--count --to BOB@EXAMPLE.NET",               "3\n"             },
        { "--count --to example.net",                   "3\n"             },
        { "--count --to sub.example.net",               "1\n"             },
        { "--count --to xample.net",                    "0\n"             },
        { "--count --to example.com",                   "4\n"             },
        { "--count --from ada@example.org",             "2\n"             },
        { "--count --from other.example",               "1\n"             },
        { "--count --account bert",                     "1\n"             },
        { "--count --account ada --from other.example", "0\n"             },
        { "--count --state held",                       "1\n"             },
        { "--count --held",                             "1\n"             },
        { "--count --state held --to bob@example.net",  "0\n"             },
        { "--count --state deferred",                   "3\n"             },
        { "--count --state queued",                     "4\n"             },
        { "--count --older 1h",                         "3\n"             },
        { "--count --route slow",                       "1\n"             },
        { "--count --route slo",                        "0\n"             },
        { "--count --envid x+2B7",                      "1\n"             },
        { "--count --envid x",                          "0\n"             },
        { "--count --json --route slow",                "{\"count\": 1}\n"},
    };
    set_up_four();
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(run(&cli_queue_list, rows[i].words) == CLI_DONE);
        if (strcmp(output, rows[i].count) != 0) fail_msg("%s: %s", rows[i].words, output);
    }
    CHECK(run(&cli_queue_list, "--json --from ada@example.org") == CLI_DONE && count_lines() == 2);
    CHECK(says("\"one\"") && says("\"two\"") && !says("\"three\""));
    CHECK(run(&cli_queue_list, "--state late") == CLI_WRONG_USE && run(&cli_queue_list, "--older 3x") == CLI_WRONG_USE);
    CHECK(run(&cli_queue_list, "--watch --route slow") == CLI_WRONG_USE);
    remove_place();
}

TEST(changes_are_made_to_those_that_are_meant_and_to_no_others)
{
    set_up_four();
    CHECK(run(&cli_queue_hold, "--from ada@example.org --to example.com") == CLI_DONE);
    CHECK(says("one: held") && says("two: held") && !says("three") && !says("four"));
    CHECK(run(&cli_queue_list, "--count --held") == CLI_DONE && says("3"));
    CHECK(run(&cli_queue_release, "--envid x+2B7 --json") == CLI_DONE);
    json_t *told = json_loads(output, 0, NULL);
    CHECK(json_array_size(json_object_get(told, "changed")) == 1);
    json_decref(told);
    CHECK(run(&cli_queue_list, "--count --held") == CLI_DONE && says("2"));
    CHECK(run(&cli_queue_delete, "--state held --quiet") == CLI_DONE && says("one: deleted\n") &&
          says("four: deleted\n"));
    CHECK(run(&cli_queue_delete, "--all --state held") == CLI_WRONG_USE &&
          run(&cli_queue_delete, "two --to example.net") == CLI_WRONG_USE);
    CHECK(run(&cli_queue_list, "--count") == CLI_DONE && says("2"));
    remove_place();
}

TEST(changes_are_made_and_told)
{
    set_up();
    CHECK(run(&cli_queue_hold, "abcd") == CLI_DONE && says("abcd: held") && state_of("abcd") == RECIPIENT_HELD);
    CHECK(run(&cli_queue_retry, "abcd") == CLI_DONE && says("nothing to try"));
    CHECK(run(&cli_queue_release, "abcd efgh") == CLI_DONE && says("abcd: released") &&
          says("efgh: nothing to release"));
    CHECK(run(&cli_queue_list, "--held") == CLI_DONE && !output[0]);
    CHECK(run(&cli_queue_hold, "abcd") == CLI_DONE && run(&cli_queue_list, "--held") == CLI_DONE && says("abcd") &&
          !says("efgh"));
    CHECK(run(&cli_queue_release, "abcd") == CLI_DONE && says("abcd: released"));
    CHECK(run(&cli_queue_hold, "--all --json") == CLI_DONE && says("abcd") && says("efgh"));
    CHECK(run(&cli_queue_hold, "abcd --quiet") == CLI_WRONG_USE);
    CHECK(run(&cli_queue_delete, "abcd") == CLI_DONE && says("abcd: deleted; its sender is told\n"));
    CHECK(run(&cli_queue_delete, "abcd") == CLI_DONE && says("abcd: nothing to delete"));
    CHECK(run(&cli_queue_show, "abcd") == CLI_DONE && says(": deleted; its sender is told\n"));
    CHECK(run(&cli_queue_delete, "abcd --quiet") == CLI_DONE && says("abcd: deleted\n"));
    CHECK(run(&cli_queue_show, "abcd") == CLI_FAILED && says("it was, until") && says("deleted"));
    CHECK(run(&cli_queue_delete, "--all --quiet") == CLI_DONE && run(&cli_queue_list, "") == CLI_DONE && !output[0]);
    remove_place();
}

/* Who names it wants it to go; among all the mail there is it keeps its time. */
TEST(what_its_sender_holds_back_is_told_and_sent_by_name)
{
    make_place();
    held_back             = 4102444800000; /* 2100 */
    struct queue_store *s = open_queue();
    add(s, "abcd", "ada@example.org");
    add(s, "efgh", "ada@example.org");
    queue_close(s);
    held_back = 0;
    CHECK(run(&cli_queue_list, "") == CLI_DONE && says("    waits until 2100-01-01T00:00:00Z, as its sender asked\n"));
    CHECK(run(&cli_queue_show, "abcd --json") == CLI_DONE && says("\"release\": \"2100-01-01T00:00:00"));
    CHECK(run(&cli_queue_retry, "--all") == CLI_DONE && !output[0]);
    CHECK(run(&cli_queue_release, "--all") == CLI_DONE && !output[0]);
    CHECK(run(&cli_queue_release, "abcd") == CLI_DONE && says("abcd: released"));
    CHECK(run(&cli_queue_retry, "efgh") == CLI_DONE && says("efgh: tried now"));
    CHECK(run(&cli_queue_list, "") == CLI_DONE && says("abcd") && !says("waits until"));
    CHECK(run(&cli_queue_show, "abcd") == CLI_DONE && says("\"until\":\"2100-01-01T00:00:00.000Z\"") &&
          says("released"));
    remove_place();
}

TEST(a_slip_in_one_id_changes_nothing)
{
    set_up();
    CHECK(run(&cli_queue_delete, "abcd nosuchid") == CLI_FAILED && says("nosuchid"));
    CHECK(run(&cli_queue_show, "abcd") == CLI_DONE);
    remove_place();
}

TEST(wrong_use_is_told_apart)
{
    set_up();
    CHECK(run(&cli_queue_retry, "") == CLI_WRONG_USE && run(&cli_queue_retry, "abcd --all") == CLI_WRONG_USE);
    CHECK(run(&cli_queue_show, "") == CLI_WRONG_USE && run(&cli_queue_hold, "--account ada --all") == CLI_WRONG_USE);
    remove_place();
}
