/* Whose name stands in From? A signature of ours (DKIM) says that the author's domain vouches for the message, so every author must
 * be somebody as whom the account may send, not the envelope's sender alone. */
#include "submit/parts.h"

static void next_author(struct session *);

/* The address came from the client: in a reply it is printable ASCII. */
static void refuse(struct session *s, gp_str author)
{
    char           room[GP_SMTP_LOCAL_MOST + GP_SMTP_DOMAIN_MOST + 64];
    struct gp_text text = { .ptr = room, .room = sizeof room - 1 };
    gp_put_z(&text, "sender address not yours: ");
    for (size_t i = 0; i < author.len; i++)
        gp_put_char(&text, author.ptr[i] < ' ' || author.ptr[i] > '~' ? '?' : author.ptr[i]);
    room[text.len] = '\0';
    mail_refuse(s, (struct gp_reply) { 550, "5.7.1", room });
}

static void permission(void *owner, gp_status status, const struct msg *said)
{
    static const struct gp_reply wait = { 451, "4.3.0", "cannot tell now who may send, try again later" };
    struct mail                 *m    = owner;
    struct session              *s    = m->session;
    m->asked                          = false;
    if (!s) {
        intake_abandon(m);
        return;
    }
    bool      known   = status == GP_OK && said->type == MSG_PERMISSION;
    gp_status verdict = known ? (gp_status)said->permission.status : GP_TEMPFAIL;
    if (verdict != GP_OK)
        LOG(LOG_WARN, "refused", LOG_N("session", s->id), LOG_Z("queue_id", m->queue_id), LOG_Z("account", s->user),
            LOG_S("author", m->author),
            LOG_S("reason", known ? said->permission.why : GP_LIT("vault does not answer")));
    if (verdict == GP_OK)
        next_author(s);
    else if (verdict == GP_PERMFAIL && said->permission.ended)
        mail_refuse(s, signin_over);
    else if (verdict == GP_PERMFAIL)
        refuse(s, m->author);
    else
        mail_refuse(s, wait);
    session_pump(s);
}

static void ask(struct session *s)
{
    struct mail *m   = s->mail;
    struct msg   ask = MSG(MAY_SEND);
    ask.may_send     = (struct msg_may_send) {
            .session = s->id, .account = s->account, .credential = s->credential, .sender = m->author
    };
    m->asked = true;
    ipc_ask(s->submit->vault, &ask, permission, m);
}

/* The sender has been asked about already, with MAIL. */
static void next_author(struct session *s)
{
    struct mail *m = s->mail;
    while (m->authors.len) {
        m->author = gp_cut(&m->authors, '\0');
        if (gp_same(m->author, m->sender)) continue;
        ask(s);
        return;
    }
    mail_commit(s);
}

void authors_check(struct session *s)
{
    s->mail->authors = gp_fixup_authors(&s->mail->fixup);
    next_author(s);
}
