/* The role in a test: see role_kit.h. */
#include "queue/role_kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kit *current;

static void copy(gp_str text, char out[], size_t room)
{
    text = gp_head(text, room - 1);
    (void)gp_copy_z(gp_head(text, gp_find(text, '\0')), out, room);
}

/* ---- ways out ---------------------------------------------------------------------------------------------------------- */
static void take_delivery(struct attempt *a, struct msg *m)
{
    struct kit_sent *s = &current->sent[current->sent_count++];
    if (current->sent_count == KIT_SENT_MOST) fail_msg("too much was sent");
    s->attempt = a;
    s->when    = current->now;
    s->size    = m->deliver.size;
    s->has_fd  = m->fds[0] >= 0;
    copy(m->deliver.queue_id, s->queue_id, sizeof s->queue_id);
    copy(m->deliver.destination, s->destination, sizeof s->destination);
    copy(m->deliver.sender, s->sender, sizeof s->sender);
    copy(m->deliver.params, s->params, sizeof s->params);
    copy(m->deliver.recipients, s->recipients, sizeof s->recipients);
    copy(m->deliver.body, s->body, sizeof s->body);
}

static void take_answer(struct queue *q, struct asker asker, struct msg *m)
{
    (void)q;
    if (m->type == MSG_DRAFTED) {
        current->last_fd    = m->fds[0];
        current->last_draft = m->drafted.draft;
        return;
    }
    struct kit_answer *a = &current->answers[current->answer_count++];
    if (current->answer_count == KIT_ANSWERS_MOST) fail_msg("too many answers");
    a->question = asker.question;
    if (m->type == MSG_HELD) {
        a->status = (gp_status)m->held.status;
        a->row    = m->held.row;
        return;
    }
    if (m->type == MSG_MINE_IS) {
        a->status      = (gp_status)m->mine_is.status;
        current->after = m->mine_is.after;
        copy(m->mine_is.lines, current->lines, sizeof current->lines);
        copy(m->mine_is.text.ptr ? m->mine_is.text : GP_LIT(""), current->said, sizeof current->said);
        return;
    }
    if (m->type == MSG_AGAIN_DUE) {
        a->status = (gp_status)m->again_due.status;
        a->row    = m->again_due.more;
        return;
    }
    a->status = (gp_status)m->committed.status;
    copy(m->committed.queue_id, a->queue_id, sizeof a->queue_id);
    copy(m->committed.why, a->why, sizeof a->why);
}

static bool take_page(struct receiver *r)
{
    current->posted = r;
    current->post_count++;
    copy(gp_said(&r->page), current->page, sizeof current->page);
    return true;
}

/* What the message points to is the job's, which lives as long. */
static void take_report(struct report_job *job, struct msg *m)
{
    current->asked[current->asked_count]       = job;
    current->questions[current->asked_count++] = *m;
}

void kit_answer_report(struct kit *k, const struct msg *m)
{
    struct report_job *job = k->asked[0];
    k->asked_count--;
    for (size_t i = 0; i < k->asked_count; i++) k->asked[i] = k->asked[i + 1];
    memmove(k->questions, k->questions + 1, k->asked_count * sizeof k->questions[0]);
    reports_answer(job, m, k->now);
    kit_turn(k);
}

static bool take_look(struct look *look)
{
    current->look = look;
    return true;
}

void kit_look(struct kit *k)
{
    struct look *look = k->look;
    k->look           = NULL;
    if (!look) fail_msg("queue.db is not looked through");
    look_run(look);
    look_done(look);
}

static const struct queue_exits exits = { take_delivery, take_answer, take_page, take_report, take_look };

/* ---- life ---------------------------------------------------------------------------------------------------------------- */
static void start(struct kit *k)
{
    k->queue = calloc(1, sizeof *k->queue);
    if (!k->queue) abort();
    k->queue->behind.front_most = k->front_most;
    if (!queue_start(k->queue, &k->config, &exits, k->now)) abort();
    k->queue->relay_there = true;
}

struct kit *kit_open(void)
{
    static const unsigned retries[] = { 300, 600, 1200, 1800, 3600, 7200, 14400 };
    struct kit           *k         = calloc(1, sizeof *k);
    if (!k || !gp_copy_z(GP_LIT("/tmp/gatepost-queue-XXXXXX"), k->folder, sizeof k->folder)) abort();
    if (!mkdtemp(k->folder) || chdir(k->folder) != 0) fail_msg("no temporary directory");
    log_open("queue", LOG_LOGFMT, LOG_LEVELS);
    (void)gp_copy_z(GP_LIT("mail.example.org"), k->config.hostname, sizeof k->config.hostname);
    (void)gp_copy_z(GP_LIT("example.org"), k->config.domain, sizeof k->config.domain);
    memcpy(k->config.queue.retries, retries, sizeof retries);
    k->config.queue.retry_count                 = GP_COUNT(retries);
    k->config.queue.lifetime                    = 5 * 24 * 60 * 60;
    k->config.queue.delay_notice                = 4 * 60 * 60;
    k->config.policy.identity.mode              = POLICY_ENFORCE;
    k->config.relay.connections_per_destination = 10;
    k->config.relay.connections_most            = 100;
    k->now                                      = KIT_START;
    current                                     = k;
    start(k);
    return k;
}

void kit_use(struct kit *k)
{
    current = k;
    if (chdir(k->folder) != 0) fail_msg("%s is gone", k->folder);
}

static void empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) return;
    for (struct dirent *e = readdir(folder); e; e = readdir(folder))
        if (e->d_name[0] != '.') (void)unlinkat(dirfd(folder), e->d_name, 0);
    (void)closedir(folder);
}

static void stop(struct kit *k)
{
    k->asked_count = 0;
    if (k->posted) k->posted->busy = false;
    k->posted = NULL;
    queue_end(k->queue);
    free(k->look);
    k->look = NULL;
    free(k->queue);
}

void kit_close(struct kit *k)
{
    if (chdir(k->folder) != 0) fail_msg("%s is gone", k->folder);
    stop(k);
    empty_folder("bodies");
    (void)rmdir("bodies");
    empty_folder(".");
    if (chdir("/") != 0 || rmdir(k->folder) != 0) fail_msg("%s cannot be removed", k->folder);
    for (size_t i = 0; i < k->statement_count; i++) free(k->statements[i]);
    free(k);
}

void kit_restart(struct kit *k)
{
    stop(k);
    start(k);
}

/* ---- messages -------------------------------------------------------------------------------------------------------------- */
struct msg kit_message(const char *queue_id, const char *sender, const char *recipients)
{
    struct msg m        = MSG(COMMIT);
    m.commit.queue_id   = gp_from(queue_id);
    m.commit.sender     = gp_from(sender);
    m.commit.recipients = gp_from(recipients);
    m.commit.body       = GP_LIT("From: ada@example.org\r\nSubject: one\r\n\r\nHello\r\n");
    m.commit.size       = m.commit.body.len;
    m.commit.user       = GP_LIT("ada");
    m.commit.account    = 7;
    m.commit.credential = 8;
    m.commit.arrived    = current ? (uint64_t)current->now : 0;
    m.commit.message_id = GP_LIT("<1@example.org>");
    m.commit.from       = GP_LIT("ada@example.org");
    m.commit.peer       = GP_LIT("192.0.2.1");
    m.commit.helo       = GP_LIT("laptop");
    m.commit.mechanism  = GP_LIT("PLAIN");
    m.commit.tls        = GP_LIT("TLSv1.3");
    return m;
}

void kit_commit(struct kit *k, uint32_t question, const struct msg *m)
{
    struct asker asker = { NULL, question };
    intake_commit(k->queue, asker, m, k->now);
}

void kit_turn(struct kit *k)
{
    enum { TURNS_MOST = 100 };
    for (int i = 0; i < TURNS_MOST; i++) {
        clock_turn(k->queue, k->now);
        ends_turn(k->queue, k->now);
        hosts_turn(k->queue, k->now);
        batch_flush(k->queue, k->now + batch_wait(k->queue, k->now));
        dispatch(k->queue, k->now);
        while (events_turn(k->queue, k->now)) continue;
        while (behind_turn(k->queue, k->now)) continue;
        if (!k->queue->batch.done || k->queue->batch.rest_until) return;
    }
    fail_msg("turns without end");
}

void kit_answer_page(struct kit *k, gp_status status)
{
    struct receiver *r = k->posted;
    k->posted          = NULL;
    if (!r) fail_msg("no page is out there");
    events_answer(r, status, GP_LIT("as the test says"), k->now);
    while (events_turn(k->queue, k->now)) continue;
}

void kit_answer_one(struct kit *k, size_t sent, const char *lines, enum host_word hosts)
{
    struct attempt *a     = k->sent[sent].attempt;
    k->sent[sent].attempt = NULL;
    attempt_done(a, gp_from(lines), hosts, k->now);
}

void kit_answer_down(struct kit *k, size_t sent, const char *line, const char *host, gp_time again)
{
    struct msg m      = MSG(DELIVERED);
    m.delivered.again = (uint64_t)again;
    m.delivered.host  = gp_from(host);
    hosts_name(k->sent[sent].attempt, &m, k->now);
    kit_answer_one(k, sent, line ? line : "", HOST_DOWN);
}

void kit_answer_all(struct kit *k, const char *line, enum host_word hosts)
{
    for (size_t i = 0; i < k->sent_count; i++) {
        char           room[QUEUE_DUE_MOST * KIT_TEXT];
        struct gp_text lines = GP_TEXT(room);
        if (!k->sent[i].attempt) continue;
        for (size_t n = 0; n < k->sent[i].attempt->due.count; n++) {
            gp_put_z(&lines, line);
            gp_put_char(&lines, '\n');
        }
        gp_put_char(&lines, '\0');
        kit_answer_one(k, i, room, hosts);
    }
}

/* ---- what is kept ------------------------------------------------------------------------------------------------------------ */
/* The database keeps prepared statements under the address of their text. */
static const char *keep_statement(struct kit *k, const char *table, const char *where)
{
    char           sql[KIT_TEXT];
    struct gp_text text = { .ptr = sql, .room = sizeof sql - 1 };
    gp_put_z(&text, "SELECT count(*) FROM ");
    gp_put_z(&text, table);
    gp_put_z(&text, " WHERE ");
    gp_put_z(&text, where);
    sql[text.len] = '\0';
    for (size_t i = 0; i < k->statement_count; i++)
        if (strcmp(k->statements[i], sql) == 0) return k->statements[i];
    if (k->statement_count == KIT_STATEMENTS_MOST) fail_msg("too many statements");
    return k->statements[k->statement_count++] = strdup(sql);
}

size_t kit_count(struct kit *k, const char *table, const char *where)
{
    const char *sql = keep_statement(k, table, where);
    auto_rows   r   = rows_of(queue_database(k->queue->store), sql);
    if (rows_next(&r) != GP_OK) fail_msg("%s", sql);
    return (size_t)rows_number(&r, 0);
}

size_t kit_audited(struct kit *k, const char *event)
{
    char           room[KIT_TEXT];
    struct gp_text where = { .ptr = room, .room = sizeof room - 1 };
    gp_put_z(&where, "event = '");
    gp_put_z(&where, event);
    gp_put_z(&where, "'");
    room[where.len] = '\0';
    return kit_count(k, "audit", room);
}

size_t kit_told(const struct kit *k, const char *words)
{
    size_t count = 0;
    for (size_t i = 0; i < k->sent_count; i++)
        count += strcmp(k->sent[i].destination, "example.org") == 0 && strstr(k->sent[i].body, words) != NULL;
    return count;
}

void kit_limit_files(rlim_t octets)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = octets;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
}
