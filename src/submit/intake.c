/* A message comes in: mended as it streams, held in memory while it is small, else written to a file that queue opened, and
 * committed at its end. The client hears 250 only after queue said that it is on stable storage.
 *
 *   OPEN        body_open; text goes through the fix-ups into `body` (in memory) or the draft
 *   NAMING      asked: the header has come, and vault is asked whose names may stand in it; the session is paused (authors.c)
 *   WAITING     asked: memory is full and queue was asked for a file; the session is paused
 *   FAILED      failed.code: the text is thrown away, the end is answered with why
 *   CHECKING    asked, ended: vault is asked whether the account may send it (submission.c)
 *   COMMITTING  asked, ended: queue has it, its answer becomes the client's
 *   ORPHAN      session is NULL: the client is gone; freed when the answer that is due has come
 */
#include "submit/parts.h"

#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <endian.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_MOST = 2 * GP_MAIL_HEADER_MOST + MSG_INLINE_BODY_MOST, ID_OCTETS = 10, TIME_OCTETS = 5 };

static const struct gp_reply try_later = { 451, "4.3.0", "the message cannot be queued now, try again later" };
static const struct gp_reply no_space  = { 452, "4.3.1", "not enough space now, try again later" };
static const struct gp_reply rejected  = { 554, "5.6.0", "the message was refused" };

/* ---- its end ----------------------------------------------------------------------------------------------------------- */
static void abort_draft(struct mail *m)
{
    struct msg say        = MSG(DRAFT_ABORT);
    say.draft_abort.draft = m->draft;
    if (m->draft_fd >= 0) (void)close(m->draft_fd);
    m->draft_fd = -1;
    if (m->draft != 0) (void)ipc_tell(m->submit->queue, &say);
    m->draft = 0;
}

static void free_mail(struct mail *m)
{
    if (m->body_open) gp_fixup_close(&m->fixup);
    abort_draft(m);
    gp_buffer_free(&m->body);
    gp_buffer_free(&m->rest);
    gp_buffer_free(&m->recipients);
    gp_arena_reset(&m->arena);
    free(m);
}

void intake_abandon(struct mail *m)
{
    m->session = NULL;
    if (!m->asked) free_mail(m);
}

/* ---- its text --------------------------------------------------------------------------------------------------------------- */
/* Named and noted once; the client is told at the end of its message. */
void intake_fail(struct mail *m, struct gp_reply why, gp_str reason)
{
    struct refusal r = { why.code, m->incident, gp_from(why.text), reason, GP_NONE };
    if (m->failed.code != 0) return;
    m->failed = why;
    gp_new_incident(m->incident);
    refusal_log(m->session, &r);
    refusal_tell(m->session, &r);
}

static void fail(struct mail *m, struct gp_reply why, const char *reason)
{
    intake_fail(m, why, gp_from(reason));
}

static bool write_all(int fd, gp_str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes = gp_tail(bytes, (size_t)n);
    }
    return true;
}

static bool write_draft(struct mail *m, gp_str bytes)
{
    if (write_all(m->draft_fd, bytes)) return true;
    bool space = errno == ENOSPC || errno == EDQUOT;
    fail(m, space ? no_space : try_later, space ? "no space for a large message" : "a large message cannot be written");
    return false;
}

static bool keep(void *owner, gp_str piece)
{
    struct mail *m = owner;
    m->size += piece.len;
    if (m->draft_fd >= 0) return write_draft(m, piece);
    if (gp_buffer_add(&m->body, piece, MEMORY_MOST)) return true;
    fail(m, no_space, "no memory for a message");
    return false;
}

static void drafted(void *owner, gp_status status, const struct msg *said)
{
    struct mail *m = owner;
    m->asked       = false;
    bool given     = status == GP_OK && said->type == MSG_DRAFTED && said->drafted.status == GP_OK && said->fds[0] >= 0;
    if (given) {
        m->draft    = said->drafted.draft;
        m->draft_fd = dup(said->fds[0]);
    }
    if (!m->session) {
        free_mail(m);
        return;
    }
    if (m->draft_fd < 0)
        fail(m, status == GP_OK ? no_space : try_later, "queue has no file for a large message");
    else
        (void)write_draft(m, gp_buffer_all(&m->body));
    gp_buffer_free(&m->body);
    m->session->paused = false;
    if (m->ended) intake_conclude(m->session);
    session_pump(m->session);
}

/* Beyond what fits a message between roles, the text goes to a file; the client waits until there is one. */
static void want_draft(struct session *s)
{
    struct mail *m   = s->mail;
    struct msg   ask = MSG(DRAFT);
    if (m->draft_fd >= 0 || m->failed.code != 0 || gp_buffer_all(&m->body).len <= MSG_INLINE_BODY_MOST) return;
    ask.draft.session = s->id;
    m->asked          = true;
    s->paused         = true;
    ipc_ask(s->submit->queue, &ask, drafted, m);
}

static void fixed(struct mail *m, gp_status status)
{
    if (status == GP_PERMFAIL) {
        struct gp_reply why = gp_fixup_why(&m->fixup);
        fail(m, why, why.text);
    } else if (status != GP_OK) {
        fail(m, try_later, "the message could not be kept");
    }
}

void intake_piece(struct session *s, const struct gp_smtp_event *ev)
{
    struct mail *m = s->mail;
    if (m->failed.code != 0) return;
    gp_likeness_add(&m->likeness, ev->text);
    gp_status status = gp_fixup_body(&m->fixup, ev->text);
    if (status == GP_WAIT) {
        authors_check(s);
    } else {
        fixed(m, status);
        want_draft(s);
    }
}

void intake_go_on(struct session *s, const struct gp_rewrites *rewrites, gp_str rest)
{
    struct mail *m = s->mail;
    fixed(m, gp_fixup_go_on(&m->fixup, rewrites));
    if (m->failed.code == 0) fixed(m, m->ended ? gp_fixup_end(&m->fixup) : gp_fixup_body(&m->fixup, rest));
    want_draft(s);
}

/* ---- its beginning ----------------------------------------------------------------------------------------------------------- */
/* 80 bits as 16 digits and letters that sort as the bits do. */
static void put_id(struct gp_text *out, const uint8_t octets[static ID_OCTETS])
{
    enum { BITS = 5, MASK = 31, OCTET = 8 };
    static const char letters[] = "234567abcdefghijklmnopqrstuvwxyz";
    unsigned          held = 0, bits = 0;
    for (size_t i = 0; i < ID_OCTETS; i++) {
        held = held << OCTET | octets[i];
        for (bits += OCTET; bits >= BITS; bits -= BITS) gp_put_char(out, letters[held >> (bits - BITS) & MASK]);
    }
}

/* A queue id begins with the time (40 bits of milliseconds) and ends at random, so that what comes together stands together in the
 * indexes of queue and audit, which would otherwise be read and written at a place of its own for each message. */
static void put_time(uint8_t octets[static ID_OCTETS])
{
    const uint64_t now = htobe64((uint64_t)wall_now() << (64 - TIME_OCTETS * 8));
    memcpy(octets, &now, TIME_OCTETS);
}

static void make_names(struct mail *m)
{
    struct gp_text id = GP_TEXT(m->queue_id), unique = GP_TEXT(m->unique), tls = GP_TEXT(m->tls);
    struct gp_tls *session = conn_tls(m->session->conn);
    uint8_t        octets[3][ID_OCTETS];
    gp_random(octets, sizeof octets);
    put_time(octets[0]);
    put_id(&id, octets[0]);
    gp_put_char(&id, '\0');
    put_id(&unique, octets[1]);
    put_id(&unique, octets[2]);
    gp_put_char(&unique, '\0');
    if (session) gp_put_z(&tls, gp_tls_version(session));
    if (session) gp_put_char(&tls, ' ');
    if (session) gp_put_z(&tls, gp_tls_cipher(session));
    if (!tls.cut) gp_put_char(&tls, '\0');
    if (tls.cut) m->tls[0] = '\0';
}

/* RFC 3848, RFC 6531 4.3. Who may send has signed in, and has TLS, but for old devices where they may do without. */
static const char *protocol_of(const struct session *s)
{
    if (gp_parameter(s->mail->params, "SMTPUTF8").ptr) return s->secured ? "UTF8SMTPSA" : "UTF8SMTPA";
    if (!gp_smtp_server_said_ehlo(&s->smtp)) return "SMTP";
    return s->secured ? "ESMTPSA" : "ESMTPA";
}

void intake_open(struct session *s, const struct gp_smtp_event *ev)
{
    struct mail *m = s->mail;
    (void)ev;
    make_names(m);
    gp_str first = gp_head(gp_buffer_all(&m->recipients), m->first_length);
    m->trace     = (struct gp_trace) {
            .hostname  = s->submit->config->hostname,
            .helo      = gp_smtp_server_helo(&s->smtp),
            .peer      = s->submit->config->hide_client ? GP_NONE : gp_from(s->peer),
            .queue_id  = gp_from(m->queue_id),
            .recipient = m->count == 1 ? first : GP_NONE,
            .protocol  = protocol_of(s),
            .priority  = gp_parameter(m->params, "MT-PRIORITY"),
            .tls       = m->tls[0] ? gp_from(m->tls) : GP_NONE,
            .unique    = gp_from(m->unique),
            .sender    = m->sender,
            .now       = wall_now(),
    };
    gp_fixup_init(&m->fixup, &m->trace, (struct gp_sink) { keep, m });
    gp_likeness_init(&m->likeness);
    rewrite_header(s->submit->config, &m->fixup);
    authors_watch(s->submit->config, &m->fixup);
    m->body_open = true;
    session_answer(s, (struct gp_reply) { 354, NULL, "go ahead, end with a dot alone on a line" });
}

/* ---- to the queue -------------------------------------------------------------------------------------------------------------- */
static void finish(struct session *s, struct gp_reply reply)
{
    session_answer(s, reply);
    mail_forget(s);
}

void mail_refuse(struct session *s, struct gp_reply why)
{
    finish(s, why);
}

static struct gp_reply reply_of(gp_status verdict, gp_str why)
{
    if (verdict == GP_PERMFAIL) return rejected;
    return gp_same(why, GP_LIT("space")) ? no_space : try_later;
}

static void queued(struct session *s)
{
    char           line[64];
    struct gp_text text = GP_TEXT(line);
    struct mail   *m    = s->mail;
    gp_put_z(&text, "queued as ");
    gp_put_z(&text, m->queue_id);
    gp_put_char(&text, '\0');
    LOG(LOG_INFO, "queued", LOG_N("session", s->id), LOG_Z("queue_id", m->queue_id), LOG_Z("account", s->user),
        LOG_S("signed_in_as", s->signer[0] ? gp_from(s->signer) : GP_NONE), LOG_S("sender", m->sender),
        LOG_N("recipients", m->count), LOG_N("size", m->size), LOG_S("hold_for", gp_parameter(m->params, "HOLDFOR")),
        LOG_S("hold_until", gp_parameter(m->params, "HOLDUNTIL")),
        LOG_Z("requiretls", gp_parameter(m->params, "REQUIRETLS").ptr ? "yes" : NULL),
        LOG_S("message_id", gp_fixup_message_id(&m->fixup)));
    s->accepted++;
    finish(s, (struct gp_reply) { 250, "2.0.0", line });
}

static void committed(void *owner, gp_status status, const struct msg *said)
{
    struct mail    *m = owner;
    struct session *s = m->session;
    m->asked          = false;
    m->draft          = 0; /* it is the queue's now, or dropped by it */
    if (!s) {
        free_mail(m);
        return;
    }
    bool      known   = status == GP_OK && said->type == MSG_COMMITTED;
    gp_status verdict = known ? (gp_status)said->committed.status : GP_TEMPFAIL;
    if (verdict == GP_OK) {
        queued(s);
    } else {
        char   room[REFUSAL_ROOM];
        gp_str why = known ? said->committed.why : GP_LIT("queue does not answer");
        finish(s, refusal_of(s, reply_of(verdict, why), why, room));
    }
    session_pump(s);
}

/* RFC 6152 3: who hands text of 8 bits on has to say so, whatever was said to us. */
static gp_str true_params(const struct mail *m, struct gp_text *out)
{
    gp_str rest = m->params;
    if (!gp_fixup_is_eight(&m->fixup)) return rest;
    gp_put_z(out, "BODY=8BITMIME");
    while (rest.len) {
        gp_str word = gp_word(&rest);
        if (gp_starts(word, "BODY=")) continue;
        gp_put_char(out, ' ');
        gp_put(out, word);
    }
    return gp_said(out);
}

void mail_commit(struct session *s)
{
    char           room[GP_SMTP_COMMAND_MOST + sizeof "BODY=8BITMIME"];
    struct gp_text params = GP_TEXT(room);
    struct mail   *m      = s->mail;
    struct msg     ask    = MSG(COMMIT);
    ask.commit            = (struct msg_commit) {
                   .session    = s->id,
                   .draft      = m->draft,
                   .size       = m->size,
                   .account    = s->account,
                   .owner      = m->owner,
                   .credential = s->credential,
                   .arrived    = (uint64_t)m->trace.now,
                   .hold       = m->hold,
                   .legacy     = s->port->listen->kind == LISTEN_LEGACY,
                   .foreign    = m->foreign,
                   .queue_id   = gp_from(m->queue_id),
                   .user       = gp_from(s->user),
                   .sender     = m->sender,
                   .params     = true_params(m, &params),
                   .recipients = gp_buffer_all(&m->recipients),
                   .message_id = gp_fixup_message_id(&m->fixup),
                   .from       = gp_fixup_from(&m->fixup),
                   .peer       = gp_from(s->peer),
                   .helo       = gp_smtp_server_helo(&s->smtp),
                   .mechanism  = gp_from(s->mechanism),
                   .tls        = gp_from(m->tls),
                   .hold_why   = gp_from(m->hold_why),
                   .body       = gp_buffer_all(&m->body),
    };
    m->asked = true;
    ipc_ask(s->submit->queue, &ask, committed, m);
    gp_buffer_free(&m->body);
}

void intake_conclude(struct session *s)
{
    want_draft(s); /* a message that is all header came out at once */
    char room[REFUSAL_ROOM];
    if (s->mail->failed.code != 0)
        finish(s, refusal_named(s->mail->failed, gp_from(s->mail->incident), room));
    else if (!s->mail->asked)
        submission_check(s);
}

void intake_end(struct session *s, const struct gp_smtp_event *ev)
{
    struct mail *m = s->mail;
    (void)ev;
    m->ended         = true;
    gp_status status = m->failed.code == 0 ? gp_fixup_end(&m->fixup) : GP_OK;
    if (status == GP_WAIT)
        authors_check(s);
    else
        fixed(m, status);
    intake_conclude(s);
}
