/* The queue's database: opening, transactions, and the order of steps that makes a 250 a promise.
 *
 *   state   draft file   body file   rows    what it is                          after a crash
 *     0         -            -         -     nothing                             -
 *     1        yes           -         -     a large body being received         the sweep removes it
 *     2         -           yes        -     on disk, promised to nobody yet     the sweep removes it
 *     3         -          maybe      yes    QUEUED; 250 may be said             delivery picks it up
 *     4         -           yes        -     delivered, bounced or deleted       same as 2
 *
 *   1 -> 2  queue_draft_keep: fsync of the file, rename, fsync of the folder     2 -> 3  queue_commit
 *   0 -> 3  queue_commit, for a body that is a row                               3 -> 4 -> 0  queue_commit, then unlink
 *
 *   2 -> 0  queue_abandon; where queue_commit failed, the next one that does not, if no row names the file
 *
 *   A recipient is queued, held, delivered or failed; a message whose recipients are all delivered or failed has no rows. */
#include "store/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/events.h"
#include "store/mine.h"
#include "store/policies.h"
#include "store/queue_parts.h"
#include "store/lost.h"
#include "store/tls_results.h"

#define DATABASE_NAME "/" QUEUE_DATABASE

/* The due index holds only what waits, ordered as it is asked for: what is due longest for a destination. */
static const char queue_schema[] =
    "CREATE TABLE messages (message INTEGER PRIMARY KEY AUTOINCREMENT, queue_id TEXT NOT NULL UNIQUE, sender TEXT NOT NULL,"
    " params TEXT NOT NULL, user TEXT NOT NULL, account INTEGER NOT NULL, credential INTEGER NOT NULL, size INTEGER NOT NULL,"
    " in_file INTEGER NOT NULL, arrived INTEGER NOT NULL, message_id TEXT NOT NULL, author TEXT NOT NULL, peer TEXT NOT NULL,"
    " helo TEXT NOT NULL, mechanism TEXT NOT NULL, tls TEXT NOT NULL) STRICT;"
    "CREATE TABLE bodies (message INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE, body BLOB NOT NULL) STRICT;"
    "CREATE TABLE recipients (message INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE, position INTEGER NOT NULL,"
    " address TEXT NOT NULL, params TEXT NOT NULL, destination TEXT NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " due INTEGER NOT NULL, delay_noticed INTEGER NOT NULL, code INTEGER NOT NULL, enhanced TEXT NOT NULL, remote TEXT NOT NULL,"
    " tls TEXT NOT NULL, text TEXT NOT NULL, tried INTEGER NOT NULL, PRIMARY KEY (message, position)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX recipients_due ON recipients (destination, due, message, position) WHERE state = 0;";

/* Why a message is held, where it was not a command that held it; and the way to the messages of one account. */
static const char queue_holds[] = "ALTER TABLE messages ADD COLUMN hold_why TEXT NOT NULL DEFAULT '';"
                                  "CREATE INDEX messages_held ON messages (account) WHERE hold_why <> '';";

/* The way to all messages of one account, for whom its waiting mail is to be held. */
static const char queue_accounts[] = "DROP INDEX messages_held; CREATE INDEX messages_account ON messages (account);";

/* Who signed in, where he acted for the account. */
static const char queue_owners[] = "ALTER TABLE messages ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;"
                                   "CREATE INDEX messages_owner ON messages (owner) WHERE owner <> 0;";

/* An old device's, for who looks at the queue. */
static const char queue_devices[] = "ALTER TABLE messages ADD COLUMN legacy INTEGER NOT NULL DEFAULT 0;";

/* Until when a message's sender has it held back. */
static const char queue_releases[] = "ALTER TABLE messages ADD COLUMN release INTEGER NOT NULL DEFAULT 0;";

/* Whether its From is not its account's, so that it is not signed. */
static const char queue_strangers[] = "ALTER TABLE messages ADD COLUMN stranger INTEGER NOT NULL DEFAULT 0;";

/* Overwriting the pages of each body that was delivered would double what a body costs; those of files are not overwritten
 * either. The cache holds what is on its way for one attempt, and the log is copied into the database in fewer, larger parts. */
static const char queue_settings[] =
    "PRAGMA secure_delete=FAST; PRAGMA cache_size=-8192; PRAGMA wal_autocheckpoint=4000;"
    /* What a long look at it (a check, a backup) has made the log grow to is given back. */
    "PRAGMA journal_size_limit=67108864;";

const char *recipient_state_name(enum recipient_state state)
{
    static const char *const names[RECIPIENT_STATES] = { "queued", "delivered", "failed", "held", "discarded" };
    return state < RECIPIENT_STATES ? names[state] : "unknown";
}

gp_time queue_starts(const struct queue_message *m)
{
    return m->release > m->arrived ? m->release : m->arrived;
}

bool queue_is_id(gp_str id)
{
    if (!id.len || id.len > QUEUE_ID_MOST) return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) return false;
    }
    return true;
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */
static enum database_trouble open_folders(struct queue_store *s, const char *folder)
{
    enum { FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC };
    s->folder = open(folder, FLAGS);
    if (s->folder < 0) return DATABASE_ABSENT;
    if (mkdirat(s->folder, "bodies", S_IRWXU) != 0 && errno != EEXIST)
        return errno == ENOSPC || errno == EDQUOT ? DATABASE_FULL : DATABASE_ABSENT;
    s->bodies = openat(s->folder, "bodies", FLAGS | O_NOFOLLOW);
    return s->bodies < 0 ? DATABASE_ABSENT : DATABASE_FINE;
}

static enum database_trouble open_database(struct queue_store *s, const char *folder, unsigned busy_ms)
{
    const char    *scripts[] = { queue_schema,     audit_schema_first, audit_schema_again, queue_holds,
                                 queue_accounts,   queue_owners,       queue_devices,      queue_releases,
                                 events_schema,    queue_turns,        policies_schema,    tls_results_schema,
                                 queue_priorities, tls_reports_schema, policies_asked,     mine_schema,
                                 queue_ends,       queue_strangers,    tls_peers,          lost_schema,
                                 queue_routed };
    char           path[PATH_MAX];
    struct gp_text text = { .ptr = path, .room = sizeof(path) - 1 };
    gp_put_z(&text, folder);
    gp_put_z(&text, DATABASE_NAME);
    if (text.cut) return DATABASE_ABSENT;
    path[text.len] = '\0';

    struct database_plan  plan    = { .path     = path,
                                      .scripts  = scripts,
                                      .versions = GP_COUNT(scripts),
                                      .busy_ms  = busy_ms,
                                      .create   = true,
                                      .settings = queue_settings,
                                      .doubts   = true };
    enum database_trouble trouble = DATABASE_FINE;
    s->db                         = database_open(&plan, &trouble);
    return trouble;
}

/* The rows that an earlier version wrote. */
static enum database_trouble take_over(struct queue_store *s)
{
    gp_status status = audit_take_over(s->db, audit_now());
    return status == GP_OK ? DATABASE_FINE : database_trouble(s->db);
}

struct queue_store *queue_open(const char *folder, unsigned busy_ms, enum database_trouble *trouble)
{
    struct queue_store *s = calloc(1, sizeof *s);
    *trouble              = DATABASE_BROKEN;
    if (!s) return NULL;
    s->folder = s->bodies = -1;
    *trouble              = open_folders(s, folder);
    if (*trouble == DATABASE_FINE) *trouble = open_database(s, folder, busy_ms);
    if (*trouble == DATABASE_FINE) *trouble = take_over(s);
    if (*trouble == DATABASE_FINE) {
        database_doubt(s->db, queue_is_marked(s));
        return s;
    }
    queue_close(s);
    return NULL;
}

void queue_close(struct queue_store *s)
{
    if (!s) return;
    queue_abandon(s);
    queue_sweep_stop(s);
    database_close(s->db);
    if (s->bodies >= 0) (void)close(s->bodies);
    if (s->folder >= 0) (void)close(s->folder);
    free(s);
}

struct database *queue_database(const struct queue_store *s)
{
    return s->db;
}

gp_status queue_check(struct queue_store *s)
{
    return database_check(s->db);
}

/* ---- transactions ---------------------------------------------------------------------------------------------------- */
gp_status queue_begin(struct queue_store *s)
{
    s->drop_count = 0;
    return transaction_begin(&s->transaction, s->db);
}

gp_status queue_commit(struct queue_store *s)
{
    gp_status status = transaction_commit(&s->transaction);
    if (status == GP_OK)
        for (size_t i = 0; i < s->drop_count; i++) queue_body_drop(s, gp_from(s->to_drop[i]));
    s->drop_count = 0;
    if (status == GP_OK)
        queue_files_committed(s);
    else
        s->doubtful = s->kept_count;
    return status;
}

void queue_abandon(struct queue_store *s)
{
    bool undone   = queue_is_open(s);
    s->drop_count = 0;
    transaction_end(&s->transaction);
    if (undone) queue_files_abandoned(s);
}

bool queue_is_open(const struct queue_store *s)
{
    return s->transaction.db != NULL;
}
