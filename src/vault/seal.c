/* The audit key at work: signs where the vault's chain ends and, asked by queue, where that one's does, on a schedule and at the end; says
 * so outside, where a file or syslog is configured; and signs how far rows have aged out, which it believes by its own records alone. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/audit_seal.h"
#include "vault/parts.h"

enum {
    SECOND_MS     = 1000,
    AGE_EVERY_MS  = 3600 * 1000,
    AGE_STEP      = 500, /* rows that one transaction removes     */
    SYSLOG_HEADER = 32,
};

/* ---- out of the machine -------------------------------------------------------------------------------------------------------- */
static void say_failed(struct vault *v, const char *where)
{
    const char *reason = strerror(errno);
    if (v->sealer.export_failed) return;
    v->sealer.export_failed = true;
    LOG(LOG_ERROR, "audit", LOG_Z("export", where), LOG_Z("reason", reason),
        LOG_Z("hint", "the checkpoint is kept beside the chain only"));
    tell_audit(v, "A checkpoint could not be written where audit.export says", reason,
               "See whether there is room, and whether it is still there; the next checkpoint tries again.");
}

static void export_to_file(struct vault *v, gp_str line)
{
    char           room[AUDIT_LINE_MOST + 1];
    struct gp_text text = GP_TEXT(room);
    gp_put(&text, line);
    gp_put_char(&text, '\n');
    if (v->sealer.file < 0) return;
    if (write(v->sealer.file, text.ptr, text.len) == (ssize_t)text.len && fdatasync(v->sealer.file) == 0)
        v->sealer.export_failed = false;
    else
        say_failed(v, "file");
}

/* RFC 5424 6.2.1: authpriv, notice. */
static void export_to_syslog(struct vault *v, gp_str line)
{
    char           room[AUDIT_LINE_MOST + SYSLOG_HEADER];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, "<85>gatepost: ");
    gp_put(&text, line);
    if (v->sealer.syslog >= 0 && write(v->sealer.syslog, text.ptr, text.len) < 0) say_failed(v, "syslog");
}

static void take_fd(int *kept, int *fd)
{
    if (*kept >= 0) (void)close(*kept);
    *kept = *fd;
    *fd   = -1;
}

void seal_export(struct peer *peer, struct msg *m)
{
    take_fd(&peer->vault->sealer.file, &m->fds[0]);
    take_fd(&peer->vault->sealer.syslog, &m->fds[1]);
}

/* ---- signing ------------------------------------------------------------------------------------------------------------------- */
static bool sign(struct vault *v, const struct audit_seal *s, struct gp_text *line)
{
    return v->sealer.key.key && audit_seal_put(s, &v->sealer.key, line);
}

/* Kept here whichever chain it is of: who alters one database leaves the other's word against him. Nothing that was said is said again
 * otherwise. */
static bool checkpoint(struct vault *v, const struct audit_seal *s, struct gp_text *line)
{
    if (!sign(v, s, line)) return false;
    if (audit_keep_checkpoint(accounts_database(v->accounts), s, gp_said(line)) != GP_OK) {
        vault_store_failed(v);
        return false;
    }
    export_to_file(v, gp_said(line));
    export_to_syslog(v, gp_said(line));
    return true;
}

void seal_now(struct vault *v)
{
    database_let_go(accounts_database(v->accounts));
    char              room[AUDIT_LINE_MOST];
    struct gp_text    line = GP_TEXT(room);
    struct audit_seal s;
    if (audit_head(accounts_database(v->accounts), &s) == GP_OK && checkpoint(v, &s, &line)) v->sealer.seq = s.seq;
    v->sealer.due = loop_now(v->loop) + (gp_time)v->config->audit.checkpoint * SECOND_MS;
}

static bool is_wanted(struct vault *v, gp_time now)
{
    struct audit_seal s;
    if (audit_head(accounts_database(v->accounts), &s) != GP_OK) return false;
    return now >= v->sealer.due || s.seq - v->sealer.seq >= AUDIT_CHECKPOINT_ROWS;
}

/* ---- age ------------------------------------------------------------------------------------------------------------------------- */
static gp_time keep_ms(const struct vault *v)
{
    return (gp_time)v->config->audit.keep * SECOND_MS;
}

static void set_horizon(struct vault *v)
{
    char              room[AUDIT_LINE_MOST];
    struct gp_text    line = GP_TEXT(room);
    struct audit_seal s;
    struct database  *db = accounts_database(v->accounts);
    if (keep_ms(v) == 0 || audit_horizon(db, wall_now() - keep_ms(v), &s) != GP_OK || !sign(v, &s, &line)) return;
    if (audit_set_horizon(db, &s, gp_said(&line)) == GP_OK)
        v->sealer.ageing = true;
    else
        vault_store_failed(v);
}

void seal_tick(struct vault *v, gp_time now)
{
    struct sealer *s = &v->sealer;
    database_let_go(accounts_database(v->accounts));
    if (is_wanted(v, now)) seal_now(v);
    if (now >= s->age_due) {
        set_horizon(v);
        s->age_due = now + AGE_EVERY_MS;
    }
    if (s->ageing && audit_age_out(accounts_database(v->accounts), AGE_STEP, &s->ageing) != GP_OK) s->ageing = false;
}

/* ---- for queue --------------------------------------------------------------------------------------------------------------------- */
/* What queue says of its age is believed only where a checkpoint that was signed long enough ago says the same. */
static bool is_old_enough(struct vault *v, const struct audit_seal *s)
{
    struct audit_seal kept;
    auto_rows         r = rows_of(accounts_database(v->accounts),
                                  "SELECT line FROM audit_checkpoints WHERE chain = 'queue' AND seq = ? AND moment <= ?");
    rows_bind_number(&r, s->seq);
    rows_bind_number(&r, wall_now() - keep_ms(v));
    return keep_ms(v) > 0 && rows_next(&r) == GP_OK && audit_seal_read(rows_text(&r, 0), &kept) &&
           memcmp(kept.id, s->id, AUDIT_ID) == 0 && memcmp(kept.hash, s->hash, AUDIT_HASH) == 0;
}

static void forget_before(struct vault *v, int64_t seq)
{
    auto_rows r =
        rows_of(accounts_database(v->accounts), "DELETE FROM audit_checkpoints WHERE chain = 'queue' AND seq < ?");
    rows_bind_number(&r, seq);
    if (rows_run(&r) != GP_OK) vault_store_failed(v);
}

static bool refuse_seal(struct vault *v, const struct audit_seal *s, const char *why)
{
    char               room[96];
    struct gp_text     cause = GP_TEXT(room);
    struct notice_wish w     = {
            .kind    = "audit-altered",
            .subject = GP_LIT("The mail server's record of messages was altered or replaced"),
            .what    = GP_LIT("The audit in queue.db is not the one whose end was signed before."),
            .meaning = GP_LIT("Somebody changed it, or put another file in its place. It gets no new checkpoints."),
            .todo = GP_LIT("Run `gatepost audit verify`: it names the row. docs/audit.md says what to do after a restore.")
    };
    gp_put_z(&cause, "audit-altered ");
    gp_put_hex(&cause, (gp_str) { (const char *)s->id, AUDIT_ID });
    w.cause = gp_said(&cause);
    LOG(LOG_ERROR, "audit", LOG_Z("chain", "queue"), LOG_N("row", s->seq), LOG_Z("reason", why),
        LOG_Z("hint", "queue.db was altered or replaced, and has no new checkpoint: run gatepost audit verify"));
    notice_post(v, &w);
    return false;
}

/* Queue's word is signed only where ours from before does not speak against it: else it would launder a chain that was made anew. */
static bool seal_queue(struct vault *v, const struct audit_seal *s, struct gp_text *line)
{
    struct audit_seal kept;
    gp_status         status = audit_last_checkpoint(accounts_database(v->accounts), AUDIT_QUEUE, &kept, line);
    if (status == GP_TEMPFAIL) return refuse_seal(v, s, "the checkpoint from before, in accounts.db, cannot be read");
    const char *why = status == GP_OK ? audit_against(&kept, s) : NULL;
    if (why) return refuse_seal(v, s, why);
    if (status == GP_OK && kept.seq == s->seq) return true; /* it asks again: the line that it was not given */
    line->len = 0;
    return checkpoint(v, s, line);
}

static bool answer_seal(struct vault *v, struct audit_seal *s, struct gp_text *line)
{
    if (s->says == AUDIT_CHECKPOINT) return seal_queue(v, s, line);
    if (!is_old_enough(v, s) || !sign(v, s, line)) return false;
    forget_before(v, s->seq);
    return true;
}

/* Queue keeps our chain's newest checkpoint as we keep its: to make either anew, both databases have to be written. */
static gp_str newest_of_ours(struct vault *v, struct gp_text *line)
{
    struct audit_seal s;
    seal_now(v);
    gp_status status = audit_last_checkpoint(accounts_database(v->accounts), AUDIT_VAULT, &s, line);
    return status == GP_OK ? gp_said(line) : GP_LIT("");
}

void seal_asked(struct peer *peer, struct msg *m)
{
    const struct msg_seal *asked = &m->seal;
    char                   room[AUDIT_LINE_MOST], vault_room[AUDIT_LINE_MOST];
    struct gp_text         line = GP_TEXT(room), ours = GP_TEXT(vault_room);
    struct msg             answer = MSG(SEALED);
    struct audit_seal      s = { .chain = AUDIT_QUEUE, .moment = wall_now(), .seq = (int64_t)(asked->seq & INT64_MAX) };
    bool                   sound = asked->id.len == AUDIT_ID && asked->hash.len == AUDIT_HASH &&
                 (asked->says == AUDIT_CHECKPOINT || asked->says == AUDIT_HORIZON);
    if (sound) {
        s.says = (enum audit_saying)asked->says;
        memcpy(s.id, asked->id.ptr, AUDIT_ID);
        memcpy(s.hash, asked->hash.ptr, AUDIT_HASH);
    }
    database_let_go(accounts_database(peer->vault->accounts));
    bool done = sound && answer_seal(peer->vault, &s, &line);
    answer.sealed =
        (struct msg_sealed) { .status = done ? GP_OK : GP_TEMPFAIL, .line = done ? gp_said(&line) : GP_LIT("") };
    answer.sealed.vault = s.says == AUDIT_CHECKPOINT ? newest_of_ours(peer->vault, &ours) : GP_LIT("");
    ipc_answer(peer->channel, m->question, &answer);
}

/* ---- opening and closing -------------------------------------------------------------------------------------------------------------- */
void seal_open(struct vault *v)
{
    const char *why;
    v->sealer     = (struct sealer) { .file = -1, .syslog = -1 };
    v->sealer.due = loop_now(v->loop) + (gp_time)v->config->audit.checkpoint * SECOND_MS;
    if (audit_key_open("audit.key", true, &v->sealer.key, &why)) return;
    LOG(LOG_ERROR, "audit", LOG_Z("file", "vault/audit.key"), LOG_Z("reason", why),
        LOG_Z("hint", "restore it from a backup; until then the audit has no new checkpoints"));
    tell_audit(v, "The key of the audit cannot be used (vault/audit.key)", why,
               "Restore that file from a backup, then restart the server.");
}

void seal_close(struct vault *v)
{
    audit_key_close(&v->sealer.key);
    if (v->sealer.file >= 0) (void)close(v->sealer.file);
    if (v->sealer.syslog >= 0) (void)close(v->sealer.syslog);
    v->sealer.file = v->sealer.syslog = -1;
}
