/* May this be sent? Asked at MAIL, to refuse early, and once more when the whole message is there: that answer is what counts. Rules are
 * asked in turn; the first no is the answer. */
#include "vault/parts.h"

#include <limits.h>

enum { REPLY_MOST = 380 }; /* octets of a text that fit one line with its codes, and the incident */

/* ---- what every rule may say ------------------------------------------------------------------------------------------------ */
/* Of a text that a client sent: what is printable. */
static void put_printable(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) gp_put_char(out, text.ptr[i] < ' ' || text.ptr[i] > '~' ? '?' : text.ptr[i]);
}

static gp_status cannot_tell(struct vault *v, struct sent *s)
{
    vault_store_failed(v);
    s->no = (struct no) { 451, "4.3.0", "the accounts cannot be read now" };
    gp_put_z(&s->text, "cannot tell now who may send, try again later");
    return GP_TEMPFAIL;
}

/* ---- in whose name ------------------------------------------------------------------------------------------------------------ */
static struct sending asked_about(const struct sent *s, gp_str sender)
{
    return (struct sending) { .account    = s->account,
                              .credential = s->credential,
                              .sender     = sender,
                              .now        = s->now,
                              .local      = moment_local(s->now) };
}

/* PERMFAIL: what the client hears is not said yet. */
static gp_status may_send_as(struct vault *v, struct sent *s, gp_str address, bool *over)
{
    const char    *why    = "";
    struct sending ask    = asked_about(s, address);
    gp_status      status = accounts_may_send(v->accounts, &ask, over, &why);
    if (status == GP_TEMPFAIL) return cannot_tell(v, s);
    if (status != GP_PERMFAIL) return GP_OK;
    s->no = (struct no) { 550, "5.7.1", why };
    if (!*over) return GP_PERMFAIL;
    s->no = (struct no) { 421, "4.7.0", why }; /* the credential, the account or the right to act is no more */
    gp_put_z(&s->text, "your sign-in is no longer good, connect and sign in again");
    return GP_PERMFAIL;
}

static gp_status may_use_sender(struct vault *v, struct sent *s)
{
    bool      over   = false;
    gp_status status = may_send_as(v, s, s->sender, &over);
    if (status == GP_PERMFAIL && !over) gp_put_z(&s->text, "this account may not send as that address");
    return status;
}

static gp_status may_use_author(struct vault *v, struct sent *s, gp_str author)
{
    bool      over   = false;
    gp_status status = GP_PERMFAIL;
    if (author.len > 0)
        status = may_send_as(v, s, author, &over);
    else
        s->no = (struct no) { 550, "5.7.1", "the author is not an address" };
    if (status != GP_PERMFAIL || over) return status;
    gp_put_z(&s->text, "sender address not yours: ");
    put_printable(&s->text, author);
    return GP_PERMFAIL;
}

/* A signature of ours (DKIM) says that the author's domain vouches for the message, so every author must be somebody as whom the
 * account may send, not the envelope's sender alone. That one has been asked about with MAIL. */
static gp_status may_use_authors(struct vault *v, struct sent *s)
{
    gp_status status = GP_OK;
    for (gp_str fields = s->fields; status == GP_OK && fields.len > 0;) {
        gp_str line = gp_cut(&fields, '\n'), name = gp_cut(&line, '\t'), author = gp_cut(&line, '\t');
        if (!gp_is(name, "from") || (author.len > 0 && gp_same(author, s->sender))) continue;
        status = may_use_author(v, s, author);
    }
    return status;
}

/* ---- the two questions ----------------------------------------------------------------------------------------------------------- */
typedef gp_status  rule(struct vault *, struct sent *);
static rule *const at_mail[] = { may_use_sender, limits_at_mail };
static rule *const at_end[]  = { may_use_authors, limits_count_new,
                                 limits_at_end, /* charged: what comes after says no more no */
                                 brake_at_end, limits_remember };

static gp_status ask_all(struct vault *v, struct sent *s, rule *const *rules, size_t count)
{
    gp_status status = GP_OK;
    for (size_t i = 0; status == GP_OK && i < count; i++) status = rules[i](v, s);
    return status;
}

void sending_mail(struct peer *peer, struct msg *m)
{
    char                       room[REPLY_MOST];
    const struct msg_may_send *q      = &m->may_send;
    struct sent                s      = { .from           = peer,
                                          .session        = q->session,
                                          .account        = (int64_t)q->account,
                                          .credential     = (int64_t)q->credential,
                                          .listener       = q->listener,
                                          .sender         = q->sender,
                                          .peer           = q->peer,
                                          .now            = wall_now(),
                                          .recipients_may = UINT_MAX,
                                          .text           = GP_TEXT(room) };
    gp_status                  status = ask_all(peer->vault, &s, at_mail, GP_COUNT(at_mail));
    struct msg                 answer = MSG(PERMISSION);
    refused_name(peer->vault, &s, status);
    answer.permission = (struct msg_permission) { .status     = status,
                                                  .recipients = s.recipients_may,
                                                  .code       = s.no.code,
                                                  .enhanced   = gp_from(s.no.enhanced),
                                                  .text       = gp_said(&s.text),
                                                  .incident   = gp_from(s.incident),
                                                  .why        = gp_from(s.no.why) };
    ipc_answer(peer->channel, m->question, &answer);
}

void sending_submit(struct peer *peer, struct msg *m)
{
    char                     room[REPLY_MOST];
    const struct msg_submit *q      = &m->submit;
    struct sent              s      = { .from       = peer,
                                        .session    = q->session,
                                        .account    = (int64_t)q->account,
                                        .credential = (int64_t)q->credential,
                                        .listener   = q->listener,
                                        .size       = q->size,
                                        .likeness   = q->likeness,
                                        .sender     = q->sender,
                                        .peer       = q->peer,
                                        .queue_id   = q->queue_id,
                                        .helo       = q->helo,
                                        .mechanism  = q->mechanism,
                                        .tls        = q->tls,
                                        .fields     = q->fields,
                                        .recipients = q->recipients,
                                        .now        = wall_now(),
                                        .text       = GP_TEXT(room) };
    gp_status                status = ask_all(peer->vault, &s, at_end, GP_COUNT(at_end));
    struct msg               answer = MSG(SUBMITTED);
    refused_name(peer->vault, &s, status);
    brake_named(peer->vault, &s);
    answer.submitted = (struct msg_submitted) { .status   = status,
                                                .code     = s.no.code,
                                                .enhanced = gp_from(s.no.enhanced),
                                                .text     = gp_said(&s.text),
                                                .why      = gp_from(s.no.why),
                                                .hold     = s.hold_why[0] != '\0',
                                                .hold_why = gp_from(s.hold_why),
                                                .incident = gp_from(s.incident) };
    ipc_answer(peer->channel, m->question, &answer);
}
