/* The whole message has come: vault is asked once, before it goes to the queue, whether this account may send it, in these names, and
 * so much. A no is its reply to the end of the message; a yes may say that the queue is to hold it. */
#include "submit/parts.h"

enum {
    FIELDS_MOST = 48 * 1024, /* with the largest envelope it fits a SUBMIT */
    CODE_LEAST  = 400,
    CODE_MOST   = 599,
};

/* ---- what vault says, for the client -------------------------------------------------------------------------------------- */
struct gp_reply vault_reply(const struct vault_no *no, struct reply_room *room, struct gp_reply otherwise)
{
    bool whole = no->code >= CODE_LEAST && no->code <= CODE_MOST && no->text.len > 0 &&
                 gp_copy_z(no->enhanced, room->enhanced, sizeof room->enhanced) &&
                 gp_copy_z(no->text, room->text, sizeof room->text);
    return whole ? (struct gp_reply) { (int)no->code, room->enhanced, room->text } : otherwise;
}

/* ---- the question ----------------------------------------------------------------------------------------------------------- */
static void refuse(struct session *s, gp_status verdict, const struct msg_submitted *said)
{
    static const struct gp_reply no   = { 550, "5.7.1", "this message may not be sent" };
    static const struct gp_reply wait = { 451, "4.3.0", "cannot tell now who may send, try again later" };
    char                         text[REFUSAL_ROOM];
    struct reply_room            room;
    struct vault_no              heard = { said->code, said->enhanced, said->text };
    const struct gp_reply        reply = vault_reply(&heard, &room, verdict == GP_PERMFAIL ? no : wait);
    mail_refuse(s, refusal_by_vault(s, reply, said->incident, said->why, text));
}

static void allow(struct session *s, const struct msg_submitted *said)
{
    struct mail *m = s->mail;
    m->hold        = said->hold != 0;
    m->owner       = said->owner;
    m->foreign     = said->foreign != 0;
    if (m->hold && !gp_copy_z(gp_head(said->hold_why, HOLD_WHY_MOST), m->hold_why, sizeof m->hold_why))
        m->hold_why[0] = '\0';
    if (m->hold)
        LOG(LOG_WARN, "held", LOG_N("session", s->id), LOG_Z("queue_id", m->queue_id), LOG_Z("account", s->user),
            LOG_Z("reason", m->hold_why), LOG_S("incident", said->incident));
    if (m->foreign)
        LOG(LOG_WARN, "dkim", LOG_N("session", s->id), LOG_Z("queue_id", m->queue_id), LOG_Z("account", s->user),
            LOG_Z("reason", "not signed: From is not the account's"));
    mail_commit(s);
}

static void submitted(void *owner, gp_status status, const struct msg *said)
{
    static const struct msg_submitted silence = { .why = GP_LIT("vault does not answer") };
    struct mail                      *m       = owner;
    struct session                   *s       = m->session;
    m->asked                                  = false;
    if (!s) {
        intake_abandon(m);
        return;
    }
    bool                        known   = status == GP_OK && said->type == MSG_SUBMITTED;
    const struct msg_submitted *heard   = known ? &said->submitted : &silence;
    gp_status                   verdict = known ? (gp_status)heard->status : GP_TEMPFAIL;
    if (verdict == GP_OK)
        allow(s, heard);
    else
        refuse(s, verdict, heard);
    session_pump(s);
}

/* Lines "from TAB address TAB". An address in a header field holds neither tab nor line end. */
static bool put_fields(const struct mail *m, struct gp_buffer *out)
{
    gp_str authors = gp_fixup_authors(&m->fixup);
    while (authors.len) {
        gp_str author = gp_cut(&authors, '\0');
        if (!gp_buffer_add(out, GP_LIT("from\t"), FIELDS_MOST) || !gp_buffer_add(out, author, FIELDS_MOST) ||
            !gp_buffer_add(out, GP_LIT("\t\n"), FIELDS_MOST))
            return false;
    }
    return true;
}

static void ask(struct session *s, gp_str fields)
{
    struct mail *m = s->mail;
    struct msg   q = MSG(SUBMIT);
    q.submit       = (struct msg_submit) {
              .session    = s->id,
              .account    = s->account,
              .credential = s->credential,
              .listener   = s->port->index,
              .size       = m->size,
              .likeness   = gp_likeness_digest(&m->likeness),
              .queue_id   = gp_from(m->queue_id),
              .peer       = gp_from(s->peer),
              .helo       = gp_smtp_server_helo(&s->smtp),
              .mechanism  = gp_from(s->mechanism),
              .tls        = gp_from(m->tls),
              .sender     = m->sender,
              .fields     = fields,
              .recipients = gp_buffer_all(&m->recipients),
    };
    m->asked = true;
    ipc_ask(s->submit->vault, &q, submitted, m);
}

void submission_check(struct session *s)
{
    static const struct gp_reply no_room = { 451, "4.3.0", "the message could not be stored, try again later" };
    struct gp_buffer             fields  = { .len = 0 };
    char                         text[REFUSAL_ROOM];
    if (put_fields(s->mail, &fields))
        ask(s, gp_buffer_all(&fields));
    else
        mail_refuse(s, refusal_of(s, no_room, GP_LIT("the authors of a message need too much room"), text));
    gp_buffer_free(&fields);
}
