/* What the `gatepost queue` commands share: the queue opened beside the running server, and how messages are shown. */
#ifndef CLI_QUEUE_H
#define CLI_QUEUE_H

#include <jansson.h>

#include "cli/cli.h"
#include "store/queue.h"

/* NULL: the problem was printed. */
struct queue_store *cli_queue_open(const char *dir);
void                cli_queue_close(struct queue_store **);
#define auto_queue_store __attribute__((cleanup(cli_queue_close))) struct queue_store *
/* Prints what the database said; CLI_FAILED. */
int  cli_queue_failed(struct queue_store *, const char *what);
/* The same for a message that is not there. */
int  cli_queue_unknown(struct queue_store *, const char *queue_id);

/* Each part of what is shown of a message's time, as one line of words; "": there is none. */
gp_str queue_put_deadline(struct gp_text *, const struct queue_message *);

/* ---- queue_filter.c: which messages are meant ---- */
struct queue_words { const char *to, *from, *account, *state, *older, *route, *envid; }; /* as they were given; NULL: not */
#define QUEUE_FILTER_OPTIONS(w)                                                                                        \
    { "to",      CLI_VALUE, &(w).to,      "ADDRESS",  "for a recipient; or a domain: for any there" },                 \
    { "from",    CLI_VALUE, &(w).from,    "ADDRESS",  "of a sender; or a domain" },                                    \
    { "account", CLI_VALUE, &(w).account, "NAME",     "every message that this account sent" },                        \
    { "state",   CLI_VALUE, &(w).state,   "STATE",    "queued, deferred (tried, and waits) or held" },                 \
    { "older",   CLI_VALUE, &(w).older,   "SPAN",     "in the queue for longer than 12h, 3d, ..." },                   \
    { "route",   CLI_VALUE, &(w).route,   "NAME",     "that goes by this route" },                                     \
    { "envid",   CLI_VALUE, &(w).envid,   "ID",       "that its sender calls so (ENVID)" }
#define QUEUE_FILTER_USAGE "[--to ADDRESS] [--from ADDRESS] [--account NAME] [--state STATE] [--older SPAN] [--route NAME] [--envid ID]"
bool queue_words_any(const struct queue_words *); /* but for account */
bool queue_filter_read(const struct queue_words *, struct queue_filter *out) GP_MUST_USE; /* account is left to the caller; false: the problem was printed */

/* What came from elsewhere, for a terminal: no control characters, no broken UTF-8. */
void    print_text(gp_str);
json_t *text_json(gp_str);
json_t *moment_json(gp_time);
/* Why what is due is not sent yet, as far as the configuration tells: GP_NONE, or what is in the room. */
enum { QUEUE_TURN_ROOM = 128 };
gp_str  queue_put_turn(struct gp_text *, const struct queue_recipient *);
bool    queue_print_recipient(void *, const struct queue_recipient *); /* a line */
/* {"queue_id": ..., "recipients": [...]}; full: what `show` adds. NULL: the store or memory failed. */
json_t *message_json(struct queue_store *, const struct queue_message *, bool full);

#endif
