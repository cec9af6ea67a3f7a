/* The header of a message has come, and its body waits: vault is asked whether the account may write in the names that stand there, where
 * they are others than the sender's, who was asked about with MAIL. What it has replaced is replaced before anything is kept. */
#include "submit/parts.h"

enum { REST_MOST = 256 * 1024, AUTHOR_MOST = GP_SMTP_LOCAL_MOST + GP_SMTP_DOMAIN_MOST + 2 };

/* ---- what is asked about at all ---------------------------------------------------------------------------------------------- */
static const enum sender_field places[GP_MAIL_AUTHOR_FIELDS] = {
    [GP_MAIL_FROM]          = SENDER_FROM,
    [GP_MAIL_SENDER]        = SENDER_SENDER,
    [GP_MAIL_REPLY_TO]      = SENDER_REPLY_TO,
    [GP_MAIL_RESENT_FROM]   = SENDER_RESENT,
    [GP_MAIL_RESENT_SENDER] = SENDER_RESENT,
};

/* From in any case: the credential may have a list of senders of its own. */
void authors_watch(const struct config *c, struct gp_fixup *f)
{
    unsigned fields = 1U << GP_MAIL_FROM;
    for (unsigned i = 0; c->policy.identity.mode != POLICY_OFF && i < GP_MAIL_AUTHOR_FIELDS; i++)
        if (c->policy.identity.rules[places[i]] != SENDER_ALLOW) fields |= 1U << i;
    gp_fixup_watch(f, fields, c->policy.identity.names != POLICY_OFF && c->policy.identity.protected_count > 0);
}

static bool is_sender(const struct mail *m, gp_str line)
{
    (void)gp_cut(&line, '\t');
    gp_str address = gp_cut(&line, '\t');
    bool   judged  = m->submit->config->policy.identity.rules[SENDER_MAIL] != SENDER_ALLOW;
    return judged && address.len > 0 && line.len == 0 && gp_same(address, m->sender);
}

static bool is_all_his(const struct mail *m)
{
    for (gp_str rest = gp_fixup_fields(&m->fixup); rest.len > 0;)
        if (!is_sender(m, gp_cut(&rest, '\n'))) return false;
    return true;
}

/* ---- what vault says --------------------------------------------------------------------------------------------------------- */
static unsigned field_named(gp_str name)
{
    unsigned i = 0;
    while (i < GP_MAIL_AUTHOR_FIELDS && !gp_is(name, gp_mail_author_name((enum gp_mail_author)i))) i++;
    return i;
}

static void read_rewrites(const struct mail *m, gp_str lines, struct gp_rewrites *out)
{
    while (lines.len > 0) {
        gp_str   line = gp_cut(&lines, '\n'), name = gp_cut(&line, '\t');
        unsigned which = field_named(name);
        if (which == GP_MAIL_AUTHOR_FIELDS || line.len == 0) continue;
        out->instead[which] = line;
        LOG(LOG_INFO, "rewritten", LOG_N("session", m->session->id), LOG_Z("queue_id", m->queue_id),
            LOG_Z("account", m->session->user), LOG_S("field", name), LOG_S("now", line));
    }
}

/* Answers still go to who wrote, unless he may not be named there either. */
static void allow(struct session *s, const struct msg_authored *said)
{
    struct mail       *m        = s->mail;
    struct gp_rewrites rewrites = { .reply_to = GP_NONE };
    char               room[AUTHOR_MOST];
    read_rewrites(m, said->rewrites, &rewrites);
    bool replaced = rewrites.instead[GP_MAIL_FROM].ptr != NULL;
    bool may      = m->submit->config->policy.identity.rules[SENDER_REPLY_TO] == SENDER_ALLOW;
    if (replaced && may && gp_copy_z(gp_fixup_from(&m->fixup), room, sizeof room)) rewrites.reply_to = gp_from(room);
    intake_go_on(s, &rewrites, gp_buffer_all(&m->rest));
    gp_buffer_free(&m->rest);
}

/* What vault has named keeps its name, and is on record there. */
static void refuse(struct session *s, gp_status verdict, const struct msg_authored *said)
{
    static const struct gp_reply no    = { 550, "5.7.1", "sender address not yours" };
    static const struct gp_reply wait  = { 451, "4.3.0", "cannot tell now who may send, try again later" };
    struct vault_no              heard = { said->code, said->enhanced, said->text };
    struct mail                 *m     = s->mail;
    struct gp_reply              reply = vault_reply(&heard, &m->said, verdict == GP_PERMFAIL ? no : wait);
    gp_buffer_free(&m->rest);
    if (said->incident.len == 0 || !gp_copy_z(said->incident, m->incident, sizeof m->incident)) {
        intake_fail(m, reply, said->why);
        return;
    }
    m->failed = reply;
    refusal_log(s, &(struct refusal) { reply.code, m->incident, gp_from(reply.text), said->why, GP_NONE });
}

static void authored(void *owner, gp_status status, const struct msg *said)
{
    static const struct msg_authored silence = { .why = GP_LIT("vault does not answer") };
    struct mail                     *m       = owner;
    struct session                  *s       = m->session;
    m->asked                                 = false;
    if (!s) {
        intake_abandon(m);
        return;
    }
    bool                       known   = status == GP_OK && said->type == MSG_AUTHORED;
    const struct msg_authored *heard   = known ? &said->authored : &silence;
    gp_status                  verdict = known ? (gp_status)heard->status : GP_TEMPFAIL;
    s->paused                          = false;
    if (verdict == GP_OK)
        allow(s, heard);
    else
        refuse(s, verdict, heard);
    if (m->ended) intake_conclude(s);
    session_pump(s);
}

/* ---- the question ------------------------------------------------------------------------------------------------------------ */
static void ask(struct session *s)
{
    struct mail *m = s->mail;
    struct msg   q = MSG(AUTHORS);
    q.authors      = (struct msg_authors) {
             .session    = s->id,
             .account    = s->account,
             .credential = s->credential,
             .listener   = s->port->index,
             .queue_id   = gp_from(m->queue_id),
             .sender     = m->sender,
             .peer       = gp_from(s->peer),
             .fields     = gp_fixup_fields(&m->fixup),
    };
    m->asked  = true;
    s->paused = true;
    ipc_ask(s->submit->vault, &q, authored, m);
}

void authors_check(struct session *s)
{
    static const struct gp_reply no_room = { 451, "4.3.0", "the message could not be stored, try again later" };
    struct mail                 *m       = s->mail;
    gp_str                       rest    = gp_fixup_rest(&m->fixup);
    if (is_all_his(m))
        intake_go_on(s, NULL, rest);
    else if (gp_buffer_add(&m->rest, rest, REST_MOST))
        ask(s);
    else
        intake_fail(m, no_room, GP_LIT("no memory for a message"));
}
