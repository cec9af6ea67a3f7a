/* MAIL and RCPT: vault says who may send as whom, everybody may be written to; the envelope is kept until the message is. */
#include "submit/parts.h"

#include <limits.h>
#include <stdlib.h>

enum {
    ARENA_MOST = GP_SMTP_COMMAND_MOST + GP_SMTP_LOCAL_MOST + GP_SMTP_DOMAIN_MOST + 16
};                                               /* a sender, another in its place, parameters */
enum { PARAMS_ROOM = 2 * GP_SMTP_COMMAND_MOST }; /* of a recipient, with an ORCPT of ours */

static const struct gp_reply no_memory = { 452, "4.3.1", "no memory now, try again later" };

void mail_forget(struct session *s)
{
    struct mail *m = s->mail;
    s->mail        = NULL;
    s->paused      = false;
    if (m) intake_abandon(m);
}

static struct mail *open_mail(struct session *s, const struct gp_smtp_event *ev)
{
    char           sender[GP_SMTP_PATH_MOST + GP_SMTP_DOMAIN_MOST], room[GP_SMTP_COMMAND_MOST];
    struct gp_text instead = GP_TEXT(sender), params = GP_TEXT(room);
    struct mail   *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m         = (struct mail) { .session = s, .submit = s->submit, .draft_fd = -1, .arena = { .most = ARENA_MOST } };
    m->sender  = gp_arena_copy(&m->arena, rewrite_sender(s, ev->text, &instead));
    m->lowered = gp_lower_priority(ev->more, (int)s->submit->config->queue.priority_most, &params);
    m->params  = gp_arena_copy(&m->arena, gp_said(&params));
    if (m->sender.ptr && m->params.ptr) return m;
    intake_abandon(m);
    return NULL;
}

static void refused(struct session *s, struct gp_reply otherwise, const struct msg_permission *said)
{
    struct vault_no   heard = { said->code, said->enhanced, said->text };
    struct reply_room room;
    char              text[REFUSAL_ROOM];
    session_answer(s, refusal_by_vault(s, vault_reply(&heard, &room, otherwise), said->incident, said->why, text));
    mail_forget(s);
}

/* Where vault puts another in its place. false: no memory. */
static bool take_sender(struct mail *m, gp_str instead)
{
    gp_str kept = instead.len ? gp_arena_copy(&m->arena, instead) : m->sender;
    if (kept.ptr) m->sender = kept;
    return kept.ptr != NULL;
}

/* RFC 6710 4.1: who does not get what he asked for is told what he got. */
static void say_yes(struct session *s)
{
    static const struct gp_reply yes = { 250, "2.1.0", "sender ok" };
    char                         room[64];
    struct gp_text               text = GP_TEXT(room);
    gp_put_number(&text, gp_priority(s->mail->params));
    gp_put_z(&text, " is the highest priority here, sender ok");
    gp_put_char(&text, '\0');
    session_answer(s, s->mail->lowered ? (struct gp_reply) { 250, "2.3.6", room } : yes);
}

static void allowed(struct session *s, const struct msg_permission *said)
{
    gp_str asked = s->mail->sender;
    if (!take_sender(s->mail, said->instead)) {
        char room[REFUSAL_ROOM];
        session_answer(s, refusal_of(s, no_memory, gp_from(no_memory.text), room));
        mail_forget(s);
        return;
    }
    if (!gp_copy_z(gp_head(said->enough, ENOUGH_ROOM - 1), s->mail->enough, ENOUGH_ROOM)) s->mail->enough[0] = '\0';
    s->mail->may = said->recipients < UINT_MAX ? (unsigned)said->recipients : UINT_MAX;
    LOG(LOG_INFO, "mail", LOG_N("session", s->id), LOG_Z("account", s->user), LOG_S("sender", s->mail->sender),
        LOG_S("in_place_of", said->instead.len ? asked : GP_NONE));
    say_yes(s);
}

static void permission(void *owner, gp_status status, const struct msg *m)
{
    static const struct gp_reply       no      = { 550, "5.7.1", "this account may not send as that address" };
    static const struct gp_reply       wait    = { 451, "4.3.0", "cannot tell now who may send, try again later" };
    static const struct msg_permission silence = { .why = GP_LIT("vault does not answer") };
    struct session                    *s       = owner;
    bool                               known   = status == GP_OK && m->type == MSG_PERMISSION;
    const struct msg_permission       *said    = known ? &m->permission : &silence;
    gp_status                          verdict = known ? (gp_status)said->status : GP_TEMPFAIL;
    if (verdict == GP_OK)
        allowed(s, said);
    else
        refused(s, verdict == GP_PERMFAIL ? no : wait, said);
    session_pump(s);
}

/* RFC 1870 5: what SIZE= declares; the session has read it already, and let no larger one through than the server takes. */
static uint64_t declared_size(gp_str params)
{
    uint64_t size = 0;
    while (params.len > 0) {
        gp_str value = gp_word(&params), name = gp_cut(&value, '=');
        if (gp_is(name, "SIZE") && !gp_read_number(value, INT64_MAX, &size)) return 0;
    }
    return size;
}

void mail_from(struct session *s, const struct gp_smtp_event *ev)
{
    mail_forget(s);
    s->mail = open_mail(s, ev);
    if (!s->mail) {
        char room[REFUSAL_ROOM];
        session_answer(s, refusal_of(s, no_memory, gp_from(no_memory.text), room));
        return;
    }
    if (s->ends && wall_now() >= s->ends) {
        static const struct msg_permission over = { .why = GP_LIT("the token that it signed in with has expired") };
        refused(s, signin_over, &over);
        return;
    }
    struct msg m = MSG(MAY_SEND);
    m.may_send   = (struct msg_may_send) {
          .session    = s->id,
          .account    = s->account,
          .credential = s->credential,
          .listener   = s->port->index,
          .size       = declared_size(s->mail->params),
          .sender     = s->mail->sender,
          .peer       = gp_from(s->peer),
    };
    ipc_ask(s->submit->vault, &m, permission, s);
}

/* One line "address TAB params". Neither can hold a tab or a line end: the session refuses control octets. */
static bool put_recipient(struct mail *m, gp_str address, gp_str params)
{
    char           room[GP_SMTP_PATH_MOST + PARAMS_ROOM + GP_SMTP_DOMAIN_MOST];
    struct gp_text line = GP_TEXT(room);
    gp_put(&line, address);
    if (m->count == 0) m->first_length = line.len;
    gp_put_char(&line, '\t');
    gp_put(&line, params);
    gp_put_char(&line, '\n');
    if (line.cut || !gp_buffer_add(&m->recipients, gp_said(&line), ENVELOPE_MOST - GP_SMTP_COMMAND_MOST)) return false;
    m->count++;
    return true;
}

/* However many are too many: they are one refusal, of one name. */
static void refuse_more(struct session *s, struct gp_reply no)
{
    struct mail   *m = s->mail;
    char           room[REFUSAL_ROOM];
    struct refusal r = { no.code, m->too_many, gp_from(no.text), gp_from(no.text), GP_LIT("RCPT") };
    if (!m->too_many[0]) {
        gp_new_incident(m->too_many);
        refusal_log(s, &r);
        refusal_tell(s, &r);
    }
    session_answer(s, refusal_named(no, gp_from(m->too_many), room));
}

/* Old devices write to the listener's domains alone. */
static bool is_beyond_lane(const struct session *s, gp_str address)
{
    const struct config_listen *l = s->port->listen;
    return l->kind == LISTEN_LEGACY && !lane_takes(&l->lane, address);
}

/* RFC 5321 4.5.1: the one recipient without a domain is the postmaster of ours. */
static gp_str with_domain(const struct session *s, gp_str address, struct gp_text *room)
{
    if (gp_find(address, '@') < address.len) return address;
    gp_put(room, address);
    gp_put_char(room, '@');
    gp_put_z(room, s->submit->config->domain);
    return gp_said(room);
}

static void refuse_beyond(struct session *s, gp_str address)
{
    char           room[REFUSAL_ROOM], text_room[REPLY_ROOM], why_room[REPLY_ROOM];
    struct gp_text text = { .ptr = text_room, .room = sizeof text_room - 1 }, why = GP_TEXT(why_room);
    lane_put_no(&s->port->listen->lane, address, &text);
    text_room[text.len] = '\0';
    gp_put_z(&why, "the listener takes no mail to ");
    gp_put(&why, gp_head(address, GP_SMTP_PATH_MOST));
    session_answer(s, refusal_of(s, (struct gp_reply) { 550, "5.7.1", text_room }, gp_said(&why), room));
}

void mail_to(struct session *s, const struct gp_smtp_event *ev)
{
    static const struct gp_reply yes    = { 250, "2.1.5", "recipient ok" };
    static const struct gp_reply full   = { 452, "4.5.3", "too many recipients" };
    static const struct gp_reply others = { 452, "4.5.3", "no more recipients for now, send to the others later" };
    struct gp_reply limit = { 452, "4.7.1", s->mail->enough }; /* RFC 3463 3.8: the policy, not the session */
    char            rooms[2][GP_SMTP_PATH_MOST + GP_SMTP_DOMAIN_MOST], params_room[PARAMS_ROOM];
    struct gp_text  whole = GP_TEXT(rooms[0]), instead = GP_TEXT(rooms[1]), params = GP_TEXT(params_room);
    gp_put(&params, ev->more);
    gp_str address = rewrite_recipient(s, with_domain(s, ev->text, &whole), &instead, &params);
    if (is_beyond_lane(s, address)) {
        refuse_beyond(s, ev->text);
        return;
    }
    bool may  = s->mail->count < s->mail->may;
    bool room = may && put_recipient(s->mail, address, gp_said(&params));
    if (room)
        session_answer(s, yes);
    else
        refuse_more(s, may ? full : s->mail->enough[0] ? limit : others);
}
