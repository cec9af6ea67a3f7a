/* gatepost queue mine: a sender without rights on the server asks it, as himself, what became of his mail (XMINE, docs/mine.md). Where the
 * server is comes from the options of `send`, or from where `sendmail` takes it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/queue.h"
#include "cli/reach.h"
#include "cli/sendmail.h"
#include "cli/user.h"
#include "smtp/smtp.h"

enum { PAGES_MOST = 100000, COMMAND_ROOM = 256, SHOWN_MOST = 100, RATE_WAIT_S = 1, RATE_WAITS_MOST = 60 };

struct mine {
    struct reach     *reach; /* what the options or sendmail.conf say */
    const char       *id, *envid;
    bool              cancel, send, waiting, all, json;
    struct talk      *talk;
    struct talk_reply reply;
    json_t           *last; /* as JSON: the message whose recipients are still to come */
    size_t            count, printed;
};

static int failed(struct mine *m, const char *what)
{
    char why[COMMAND_ROOM * 2];
    if (talk_works(m->talk) && m->reply.code)
        (void)snprintf(why, sizeof why, "%d %.*s", m->reply.code, (int)gp_head(m->reply.text, COMMAND_ROOM).len,
                       m->reply.text.ptr ? m->reply.text.ptr : "");
    else
        (void)snprintf(why, sizeof why, "%s", talk_why(m->talk));
    cli_problem(what, why, NULL);
    return CLI_FAILED;
}

/* ---- what the server says ------------------------------------------------------------------------------------------------------ */
static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text ? text : "";
}

static void print_word(const char *before, const char *text, const char *after)
{
    if (!*text) return;
    (void)fputs(before, stdout);
    print_text(gp_from(text));
    (void)fputs(after, stdout);
}

static void print_message(const json_t *line)
{
    json_int_t count = json_integer_value(json_object_get(line, "recipients"));
    print_word("", text_of(line, "message"), "");
    print_word("  ", text_of(line, "state"), "");
    print_word("  ", text_of(line, "arrived"), "");
    (void)printf("  to %" JSON_INTEGER_FORMAT " recipient%s", count, count == 1 ? "" : "s");
    print_word("  from ", text_of(line, "sender"), "");
    print_word("  ENVID ", text_of(line, "envid"), "");
    print_word("  not before ", text_of(line, "until"), "");
    (void)putchar('\n');
}

static void print_recipient(const json_t *line)
{
    json_int_t code = json_integer_value(json_object_get(line, "code"));
    print_word("    ", *text_of(line, "to") ? text_of(line, "to") : "(all that waited)", "");
    print_word("  ", text_of(line, "state"), "");
    print_word(" ", text_of(line, "when"), "");
    print_word(", next attempt ", text_of(line, "next"), "");
    if (code) (void)printf(": %" JSON_INTEGER_FORMAT, code);
    print_word(code ? " " : ": ", text_of(line, "status"), "");
    print_word(" ", text_of(line, "reply"), "");
    print_word(" (", text_of(line, "remote"), "");
    print_word(*text_of(line, "remote") ? ", " : " (", text_of(line, "tls"), "");
    if (*text_of(line, "remote") || *text_of(line, "tls")) (void)putchar(')');
    (void)putchar('\n');
}

/* An array, a message a line, each once its recipients are known: who has ten thousand reads the first of them at once. */
static bool print_last(struct mine *m)
{
    if (!m->last) return true;
    bool fine = fputs(m->printed++ ? ",\n" : "[\n", stdout) >= 0 && json_dumpf(m->last, stdout, 0) == 0;
    json_decref(m->last);
    m->last = NULL;
    return fine && fflush(stdout) == 0;
}

static bool end_array(struct mine *m)
{
    return print_last(m) && puts(m->printed ? "\n]" : "[]") >= 0;
}

/* A recipient's line goes into the message before it. */
static bool keep(struct mine *m, json_t *line)
{
    json_t *to = m->last ? json_object_get(m->last, "fates") : NULL;
    if (json_object_get(line, "message")) {
        bool fine = print_last(m);
        m->last   = line;
        return fine;
    }
    if (m->last && !to) {
        to = json_array();
        if (json_object_set_new(m->last, "fates", to) != 0) to = NULL;
    }
    if (to) return json_array_append_new(to, line) == 0;
    json_decref(line);
    return false;
}

static bool take_line(struct mine *m, gp_str text)
{
    json_t *line = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    bool    fine = json_is_object(line);
    if (fine && json_object_get(line, "message")) m->count++;
    if (fine && m->json) return keep(m, line);
    if (fine && json_object_get(line, "message"))
        print_message(line);
    else if (fine)
        print_recipient(line);
    json_decref(line);
    return fine;
}

/* All lines but the last, which says where to go on; 0: that was all. */
static bool take_page(struct mine *m, uint64_t *after)
{
    gp_str rest = m->reply.text, line;
    *after      = 0;
    for (line = gp_cut(&rest, '\n'); gp_starts(line, "{"); line = gp_cut(&rest, '\n'))
        if (!take_line(m, line)) return false;
    if (gp_is(line, "end")) return true;
    return gp_starts(line, "more ") && gp_read_number(gp_tail(line, sizeof "more " - 1), INT64_MAX, after);
}

static bool is_enough(const struct mine *m)
{
    return !m->id && !m->envid && !m->waiting && !m->all && m->count >= SHOWN_MOST;
}

/* Who has much to read is told to read slower (450 4.7.1). */
static bool ask_patiently(struct mine *m, gp_str command)
{
    const struct timespec wait = { .tv_sec = RATE_WAIT_S };
    for (unsigned waits = 0; talk_ask(m->talk, command, &m->reply); waits++) {
        if (m->reply.code != 450 || waits == RATE_WAITS_MOST) return true;
        (void)nanosleep(&wait, NULL);
    }
    return false;
}

static int ask_pages(struct mine *m, const char *what, const char *name)
{
    uint64_t after = 0;
    for (unsigned page = 0; page < PAGES_MOST; page++) {
        char command[COMMAND_ROOM], from[24] = "";
        if (after) (void)snprintf(from, sizeof from, " %" PRIu64, after);
        (void)snprintf(command, sizeof command, "XMINE %s%s%s%s", what, *name ? " " : "", name, from);
        if (!ask_patiently(m, gp_from(command))) return failed(m, "the server");
        if (m->reply.code != 250) return failed(m, *name ? name : "the server");
        if (!take_page(m, &after)) {
            cli_problem("the server", "answers in another way than gatepost does", NULL);
            return CLI_FAILED;
        }
        if (!after || is_enough(m)) break;
    }
    return CLI_DONE;
}

/* As `queue delete` and `queue release` print it. */
static int print_changed(const struct mine *m)
{
    json_t *said = json_pack("{s:s, s:[s]}", "state", m->cancel ? "cancelled" : "goes now", "changed", m->id);
    bool    fine = said && json_dumpf(said, stdout, 0) == 0 && putchar('\n') != EOF;
    json_decref(said);
    if (!fine) cli_problem("output", "could not be made or written", "");
    return fine ? CLI_DONE : CLI_FAILED;
}

static int change(struct mine *m)
{
    char command[COMMAND_ROOM];
    (void)snprintf(command, sizeof command, "XMINE %s %s", m->cancel ? "CANCEL" : "SEND", m->id);
    if (!talk_ask(m->talk, gp_from(command), &m->reply) || m->reply.code != 250) return failed(m, m->id);
    if (m->json) return print_changed(m);
    print_text(gp_from(m->id));
    print_word(": ", m->cancel ? "cancelled" : "goes now", "\n");
    return CLI_DONE;
}

static int ask(struct mine *m)
{
    char           room[COMMAND_ROOM];
    struct gp_text name = { .ptr = room, .room = sizeof room - 1 };
    if (m->cancel || m->send) return change(m);
    if (m->id) return ask_pages(m, "SHOW", m->id);
    if (!m->envid) return ask_pages(m, m->waiting ? "LIST" : "RECENT", "");
    gp_put_xtext(&name, gp_from(m->envid));
    room[name.len] = '\0';
    return ask_pages(m, "ENVID", room);
}

static int ask_and_print(struct mine *m)
{
    bool changes = m->cancel || m->send;
    int  done    = ask(m);
    if (done == CLI_DONE && m->json && !changes && !end_array(m)) {
        cli_problem("output", "could not be made or written", "");
        done = CLI_FAILED;
    }
    if (done == CLI_DONE && !m->json && !changes && m->count == 0) (void)puts("none");
    json_decref(m->last);
    m->last = NULL;
    return done;
}

/* ---- the way there ---------------------------------------------------------------------------------------------------------------- */
/* EHLO once more: what is for those who have signed in is listed then. */
static int converse(struct mine *m)
{
    const char *name = reach_name(m->reach);
    m->talk          = talk_open(&m->reach->plan, NULL);
    if (!m->talk) {
        cli_problem("memory", "there is not enough", NULL);
        return CLI_FAILED;
    }
    talk_hide(m->talk, m->reach->login.secret);
    if (!talk_works(m->talk) || !talk_enter(m->talk, name, &m->reply)) return failed(m, "the server");
    if (!talk_sign_in(m->talk, &m->reach->login, &m->reply, NULL)) return failed(m, "the sign-in");
    if (!talk_hello(m->talk, name, &m->reply)) return failed(m, "the server");
    int done = CLI_FAILED;
    if (talk_offers(m->talk, "XMINE", NULL))
        done = ask_and_print(m);
    else
        cli_problem("the server", "does not tell senders of their mail",
                    "it is no gatepost, or an older one, or queue.own_view is off there");
    if (talk_works(m->talk)) talk_quit(m->talk);
    return done;
}

static int settle(struct mine *m, struct reach *own, const char *dir)
{
    static struct sendmail_conf conf;
    m->reach = own;
    if (!own->server && !own->user && !dir && sendmail_conf_is_there(&conf)) {
        if (sendmail_conf_read(&conf, NULL) != EX_OK) return CLI_FAILED;
        m->reach = &conf.reach;
    }
    int stop = reach_settle(m->reach, dir);
    if (stop != CLI_DONE || m->reach->user || m->reach->certificate) return stop;
    cli_problem("--user", "whose mail?",
                "--user NAME with --password-stdin, --password-file FILE or --token-file FILE");
    return CLI_WRONG_USE;
}

static bool is_sound(const struct mine *m)
{
    if (m->cancel + m->send + m->waiting + m->all + (m->envid != NULL) > 1 ||
        (m->id && (m->envid || m->waiting || m->all)))
        cli_problem("queue mine", "asks one thing at a time", "an ID, --envid, --waiting or --all");
    else if ((m->cancel || m->send) && !m->id)
        cli_problem("--cancel", "which message?", "`gatepost queue mine --waiting` lists them");
    else
        return true;
    return false;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    enum { OWN_OPTIONS = 8 };
    static struct reach own;
    struct mine         m                                        = { .id = NULL };
    bool                here                                     = false;
    /* clang-format off */
    const struct cli_option rows[OWN_OPTIONS] = {
        { "envid",   CLI_VALUE, &m.envid,   "NAME", "what was sent under that name (ENVID)"              },
        { "waiting", CLI_FLAG,  &m.waiting, NULL,   "what waits, the oldest first"                       },
        { "all",     CLI_FLAG,  &m.all,     NULL,   "all that was sent and is on record; without it the last 100" },
        { "cancel",  CLI_FLAG,  &m.cancel,  NULL,   "what of ID still waits does not go"                 },
        { "send",    CLI_FLAG,  &m.send,    NULL,   "ID goes now, though it was to be held back"         },
        { "mine",    CLI_FLAG,  &here,      NULL,   "as in `gatepost queue show --mine`"                 },
        { "json",    CLI_FLAG,  &m.json,    NULL,   "prints JSON, a message a line"                      },
    };
    /* clang-format on */
    struct cli_option   options[REACH_OPTIONS + OWN_OPTIONS + 1] = { 0 };
    const char         *dir                                      = NULL;
    size_t              count                                    = 0;
    memcpy(options, rows, sizeof rows);
    (void)reach_options(&own, options + OWN_OPTIONS - 1);
    int stop = cli_parse(command, options, argc, argv, &dir, &m.id, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!is_sound(&m)) return CLI_WRONG_USE;
    stop = settle(&m, &own, dir);
    if (stop == CLI_DONE) stop = converse(&m);
    talk_close(m.talk);
    reach_close(m.reach);
    return stop;
}

const struct cli_command cli_queue_mine = {
    "queue mine", "[ID | --envid NAME | --waiting | --all] [--cancel] [--server HOST[:PORT]] [--user NAME]",
    "ask a server, as its user, what became of one's own mail", run
};
