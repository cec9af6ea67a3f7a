/* gatepost explain: why was this refused, what became of that message, what about this account? One word names what it is about; both
 * databases' records are told in order, with the cause and the next step, and how things stand now. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/credential.h"
#include "cli/queue.h"
#include "cli/standing.h"
#include "cli/story.h"
#include "cli/when.h"

enum {
    MESSAGE_MOST      = 64 * 1024,
    SCREEN            = 12, /* entries: with three or four lines each a screen and a bit */
    CREDENTIALS_SHOWN = 8,
    AROUND_MS         = 10 * 60 * 1000, /* of an incident: what came shortly before and after explains it */
};

enum kind { KIND_NONE, KIND_INCIDENT, KIND_ACCOUNT, KIND_ADDRESS, KIND_MESSAGE };
static const char *const kind_names[] = { "none", "incident", "account", "address", "message" };

struct wish {
    const char *dir, *about, *since;
    bool        json, all;
};
struct asked {
    const struct wish   *wish;
    struct user_store   *store;
    struct queue_store  *queue;
    enum kind            kind;
    struct account       account; /* id 0: none is concerned, or it is not there */
    char                 name[AUDIT_NAME_MOST], queue_id[QUEUE_ID_MOST + 1], address[AUDIT_NAME_MOST];
    gp_time              since, at; /* at: of the incident */
    struct story         story;
    struct standing      standing;
    struct gp_arena      arena;
    struct queue_message message; /* row 0: it is not in the queue */
};

static void copy(char *out, size_t room, gp_str text)
{
    if (!gp_copy_z(text, out, room)) out[0] = '\0';
}

/* ---- reading both records -------------------------------------------------------------------------------------------------- */
typedef void take_row(struct asked *, const struct audit_row *);

static gp_status read_rows(struct asked *a, const struct audit_filter *filter, take_row *take)
{
    struct database *const both[] = { accounts_database(a->store->accounts), queue_database(a->queue) };
    gp_status              status = GP_PERMFAIL;
    for (size_t i = 0; i < GP_COUNT(both) && status == GP_PERMFAIL; i++) {
        char             room[AUDIT_FILTER_ROOM];
        struct audit_row row;
        auto_rows        r = audit_rows(both[i], filter, room);
        while ((status = audit_next(&r, &row)) == GP_OK) take(a, &row);
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

static void tell(struct asked *a, const struct audit_row *row)
{
    story_tell(&a->story, row);
}

/* What an incident is about; its own words say more than those of a row behind it. */
static void note(struct asked *a, const struct audit_row *row)
{
    json_t     *data = json_loadb(row->data.ptr ? row->data.ptr : "", row->data.len, 0, NULL);
    const char *peer = json_string_value(json_object_get(data, "peer"));
    if (!a->at) a->at = row->when;
    if (!a->name[0]) copy(a->name, sizeof(a->name), row->name);
    if (!a->queue_id[0]) copy(a->queue_id, sizeof(a->queue_id), row->queue_id);
    if (!a->address[0] && peer) copy(a->address, sizeof(a->address), gp_from(peer));
    json_decref(data);
}

/* ---- what is it about? -------------------------------------------------------------------------------------------------------- */
static gp_status find_account(struct asked *a, gp_str name)
{
    gp_status status = accounts_find(a->store->accounts, name, &a->account);
    if (status != GP_OK) a->account.id = 0;
    if (status == GP_OK) copy(a->name, sizeof(a->name), gp_from(a->account.name));
    return status;
}

static gp_status find_incident(struct asked *a, gp_str word)
{
    char incident[GP_INCIDENT_ROOM];
    if (!gp_read_incident(word, incident)) return GP_PERMFAIL;
    struct audit_filter filter  = { .incident = gp_from(incident) };
    struct audit_filter counted = { .address =
                                        gp_from(incident) }; /* equal ones of a moment are one row, which lists them */
    gp_status           status  = read_rows(a, &filter, note);
    if (status == GP_OK && !a->at) status = read_rows(a, &counted, note);
    if (status == GP_OK && !a->at) return GP_PERMFAIL;
    copy(a->story.incident, sizeof(a->story.incident), gp_from(incident));
    if (status == GP_OK && a->name[0] && find_account(a, gp_from(a->name)) == GP_TEMPFAIL) return GP_TEMPFAIL;
    return status;
}

static gp_status find_message(struct asked *a, gp_str word)
{
    struct audit_filter filter = { .queue_id = word };
    if (!queue_is_id(word)) return GP_PERMFAIL;
    gp_status status = read_rows(a, &filter, note);
    if (status == GP_OK && !a->at) return GP_PERMFAIL;
    copy(a->queue_id, sizeof(a->queue_id), word);
    return status;
}

static gp_status find_address(struct asked *a, gp_str word)
{
    const char *why;
    bool        network = networks_are_good(word, &why) && gp_find(word, '/') == word.len;
    if (!network && gp_find(word, '@') == word.len) return GP_PERMFAIL;
    copy(a->address, sizeof(a->address), word);
    return GP_OK;
}

static gp_status find(struct asked *a)
{
    static const struct {
        enum kind kind;
        gp_status (*find)(struct asked *, gp_str);
    } ways[] = {
        {KIND_ACCOUNT,   find_account },
        { KIND_INCIDENT, find_incident},
        { KIND_MESSAGE,  find_message },
        { KIND_ADDRESS,  find_address },
    };
    gp_status status = GP_PERMFAIL;
    for (size_t i = 0; i < GP_COUNT(ways) && status == GP_PERMFAIL; i++) {
        status = ways[i].find(a, gp_from(a->wish->about));
        if (status == GP_OK) a->kind = ways[i].kind;
    }
    return status;
}

/* ---- what happened -------------------------------------------------------------------------------------------------------------- */
static gp_status tell_incident(struct asked *a)
{
    struct audit_filter filter = { .since = a->at - AROUND_MS, .until = a->at + AROUND_MS };
    if (a->queue_id[0])
        filter = (struct audit_filter) { .queue_id = gp_from(a->queue_id) };
    else if (a->name[0])
        filter.account = gp_from(a->name);
    else if (a->address[0])
        filter.address = gp_from(a->address);
    else
        filter = (struct audit_filter) { .since = a->at, .until = a->at + 1 };
    return read_rows(a, &filter, tell);
}

static gp_status tell_all(struct asked *a)
{
    struct audit_filter filter = { .since = a->since };
    if (a->kind == KIND_INCIDENT) return tell_incident(a);
    if (a->kind == KIND_ACCOUNT) filter.account = gp_from(a->account.name);
    if (a->kind == KIND_ADDRESS) filter.address = gp_from(a->address);
    if (a->kind == KIND_MESSAGE) filter = (struct audit_filter) { .queue_id = gp_from(a->queue_id) };
    return read_rows(a, &filter, tell);
}

/* ---- how things stand ---------------------------------------------------------------------------------------------------------------- */
struct waiting {
    gp_str   user;
    unsigned messages, held;
};

static void count_message(void *owner, const struct queue_message *m)
{
    struct waiting *w = owner;
    if (!gp_same(m->user, w->user)) return;
    w->messages++;
    w->held += m->hold_why.len > 0;
}

static gp_status load_message(struct asked *a)
{
    if (!a->queue_id[0]) return GP_OK;
    gp_status status = queue_load(a->queue, gp_from(a->queue_id), &a->arena, &a->message);
    if (status != GP_OK) a->message.row = 0;
    return status == GP_PERMFAIL ? GP_OK : status;
}

/* Of who is asked about; of an incident, of both that it names. */
static gp_status load_standing(struct asked *a)
{
    bool      shows_address = a->kind == KIND_ADDRESS || a->kind == KIND_INCIDENT;
    gp_status status        = GP_OK;
    if (a->account.id) status = standing_of_account(a->store, &a->account, &a->standing);
    if (status != GP_OK || !shows_address) return status;
    return standing_of_address(a->store, gp_from(a->address), &a->standing);
}

static void print_credential(const struct credential *c)
{
    char           room[96], when[USER_TIME_ROOM];
    struct gp_text state = { .ptr = room, .room = sizeof(room) - 1 };
    credential_put_state(&state, c, user_now());
    room[state.len] = '\0';
    (void)printf("  credential %" PRId64 " %s (%s): %s, last used %s ", c->id, c->label, credential_kind_name(c->kind),
                 room, user_time(c->last_used, when));
    print_text(gp_from(c->last_mechanism));
    if (c->last_from[0]) (void)fputs(" from ", stdout);
    print_text(gp_from(c->last_from));
    (void)putchar('\n');
}

static gp_status print_account(struct asked *a)
{
    struct credential c;
    gp_status         status;
    unsigned          seen = 0;
    struct waiting    w    = { .user = gp_from(a->account.name) };
    auto_rows         r    = credentials_of(a->store->accounts, a->account.id);
    (void)printf("account %s: %s\n", a->account.name,
                 a->account.disabled ? "disabled (`gatepost user enable` lets it in again)" : "in force");
    while ((status = credentials_next(&r, &c)) == GP_OK)
        if (seen++ < CREDENTIALS_SHOWN) print_credential(&c);
    gp_wipe(&c.verifier, sizeof(c.verifier));
    if (status != GP_PERMFAIL) return status;
    if (seen > CREDENTIALS_SHOWN) (void)printf("  and %u more: `gatepost credential list`\n", seen - CREDENTIALS_SHOWN);
    if (seen == 0) (void)puts("  it has no credential: nobody can sign in as it");
    status = queue_visit_messages(a->queue, count_message, &w);
    if (w.messages)
        (void)printf("  %u messages of it are in the queue, %u of them held by a rule\n", w.messages, w.held);
    return status;
}

static gp_status print_message(struct asked *a)
{
    (void)printf("message %s: %s\n", a->queue_id, a->message.row ? "in the queue" : "in the queue no more");
    if (!a->message.row) return GP_OK;
    if (a->message.hold_why.len) {
        (void)fputs("  held: ", stdout);
        print_text(a->message.hold_why);
        (void)printf("\n  next: `gatepost queue release %s` sends it, `gatepost queue delete %s` does not\n",
                     a->queue_id, a->queue_id);
    }
    return queue_visit_recipients(a->queue, a->message.row, 0, queue_print_recipient, NULL);
}

static gp_status print_state(struct asked *a)
{
    gp_status status = GP_OK;
    if (a->account.id) status = print_account(a);
    if (a->kind == KIND_ADDRESS) (void)printf("address %s\n", a->address);
    standing_print(&a->standing);
    if (status == GP_OK && a->queue_id[0]) status = print_message(a);
    return status;
}

/* ---- the answer ------------------------------------------------------------------------------------------------------------------------ */
static int print_json(struct asked *a)
{
    json_t *account = a->account.id ? user_json(a->store, &a->account) : json_null();
    json_t *message = a->message.row ? message_json(a->queue, &a->message, false) : json_null();
    json_t *events  = story_json(&a->story);
    return user_print_json(json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:I}", "about", a->wish->about, "kind",
                                     kind_names[a->kind], "account", account, "message", message, "state",
                                     standing_json(&a->standing), "events", events, "left_out",
                                     (json_int_t)a->story.left_out));
}

static int print(struct asked *a)
{
    size_t most = a->wish->all || a->kind == KIND_MESSAGE ? STORY_MOST : SCREEN;
    if (a->wish->json) return print_json(a);
    if (print_state(a) != GP_OK) return CLI_FAILED;
    (void)puts(a->story.count ? "what happened" : "nothing is on record in that time: --since looks further back");
    story_print(&a->story, most);
    return CLI_DONE;
}

static int unknown(const struct asked *a)
{
    char        incident[GP_INCIDENT_ROOM], room[160];
    const char *about = a->wish->about;
    if (gp_read_incident(gp_from(about), incident)) {
        (void)snprintf(
            room, sizeof(room),
            "the server's log may have it: look for incident=%s; of a flood, and of what is old, the record has no rows",
            incident);
        cli_problem(about, "no incident of that name is on record, and no account, message or address has it", room);
    } else {
        cli_problem(about, "it is no incident, account, address or message that is known here",
                    "`gatepost user list` and `gatepost queue list` show what there is");
    }
    return CLI_FAILED;
}

static int explain(struct asked *a)
{
    gp_status status = find(a);
    if (status == GP_PERMFAIL) return unknown(a);
    if (status == GP_OK) status = tell_all(a);
    if (status == GP_OK) status = load_message(a);
    if (status == GP_OK) status = load_standing(a);
    story_sort(&a->story);
    if (status == GP_OK) return print(a);
    cli_problem("explain", "the record could not be read", "`gatepost status`, and the log, say what is wrong");
    return CLI_FAILED;
}

static int act(const struct wish *w)
{
    struct asked a   = { .wish = w, .arena = { .most = MESSAGE_MOST } };
    const char  *why = "";
    if (!since_read(gp_from(w->since ? w->since : "30d"), user_now(), &a.since, &why)) {
        cli_problem("--since", why, NULL);
        return CLI_WRONG_USE;
    }
    auto_user_store s = { 0 };
    if (!user_store_open(w->dir, &s)) return CLI_FAILED;
    auto_queue_store q = cli_queue_open(w->dir);
    if (!q || !story_open(&a.story)) return CLI_FAILED;
    a.store  = &s;
    a.queue  = q;
    int done = explain(&a);
    story_close(&a.story);
    gp_arena_reset(&a.arena);
    return done;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct wish       w         = { .dir = NULL };
    size_t            count     = 0;
    struct cli_option options[] = {
        {"since", CLI_VALUE, &w.since, "DATE",
         "of an account or address: from then on, a date, or 7d ago; without it 30d"},
        { "all",  CLI_FLAG,  &w.all,   NULL,   "all entries, not the last dozen"    },
        { "json", CLI_FLAG,  &w.json,  NULL,   "print JSON"                         },
        { NULL,   CLI_FLAG,  NULL,     NULL,   NULL                                 },
    };
    int stop = cli_parse(command, options, argc, argv, &w.dir, &w.about, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    return act(&w);
}

const struct cli_command cli_explain = { "explain", "INCIDENT|ACCOUNT|ADDRESS|QUEUE-ID [--since DATE] [--all] [--json]",
                                         "tell what happened, why, and what to do about it", run };
