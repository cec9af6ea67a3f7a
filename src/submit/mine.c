/* XMINE: the question goes to vault, which knows whose session this is, and from there to the queue; a page of lines comes back. */
#include "submit/parts.h"

static const struct gp_reply unknown = { 550, "5.0.0", "no such message of yours" };
static const struct gp_reply later   = { 451, "4.3.0", "cannot tell now, try again later" };

/* Lines that are not as they should be are left out; a role that was taken over can do no more. */
static void say_lines(struct session *s, gp_str lines)
{
    char room[GP_SMTP_REPLY_MOST];
    while (lines.len > 0) {
        gp_str line = gp_cut(&lines, '\n');
        if (!gp_copy_z(line, room, sizeof room)) continue;
        if (!gp_smtp_server_line(&s->smtp, (struct gp_reply) { 250, "2.0.0", room })) return;
    }
}

/* "end", or where to go on. */
static void say_end(struct session *s, uint64_t after)
{
    char           room[32];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, after ? "more " : "end");
    if (after) gp_put_number(&text, (int64_t)(after & INT64_MAX));
    gp_put_char(&text, '\0');
    session_answer(s, (struct gp_reply) { 250, "2.0.0", room });
}

static void say_yes(struct session *s, const struct msg_mine_is *said)
{
    char room[REPLY_ROOM];
    if (said->text.len && gp_copy_z(said->text, room, sizeof room)) {
        session_answer(s, (struct gp_reply) { 250, "2.0.0", room });
        return;
    }
    say_lines(s, said->lines);
    say_end(s, said->after);
}

/* What is asked of one's own mail is no decision that anybody would look up: a name it has where vault gave one. */
static void say_no(struct session *s, const struct msg_mine_is *said, struct gp_reply otherwise)
{
    struct vault_no       heard = { said->code, said->enhanced, said->text };
    struct reply_room     room;
    char                  text[REFUSAL_ROOM];
    const struct gp_reply no = vault_reply(&heard, &room, otherwise);
    session_answer(s, said->incident.len ? refusal_by_vault(s, no, said->incident, said->why, text) : no);
}

static void heard(void *owner, gp_status status, const struct msg *m)
{
    static const struct msg_mine_is silence = { .why = GP_LIT("vault does not answer") };
    struct session                 *s       = owner;
    bool                            known   = status == GP_OK && m->type == MSG_MINE_IS;
    const struct msg_mine_is       *said    = known ? &m->mine_is : &silence;
    gp_status                       verdict = known ? (gp_status)said->status : GP_TEMPFAIL;
    if (verdict == GP_OK)
        say_yes(s, said);
    else
        say_no(s, said, verdict == GP_PERMFAIL ? unknown : later);
    session_pump(s);
}

void mine_ask(struct session *s, const struct gp_smtp_event *ev)
{
    struct gp_mine mine;
    struct msg     m = MSG(MINE);
    if (!gp_read_mine(ev->text, &mine)) return session_answer(s, unknown);
    if (s->ends && wall_now() >= s->ends) return session_answer(s, signin_over);
    LOG(LOG_INFO, "mine", LOG_N("session", s->id), LOG_Z("account", s->user), LOG_S("asks", ev->text));
    m.mine = (struct msg_mine) { .session    = s->id,
                                 .account    = s->account,
                                 .credential = s->credential,
                                 .verb       = (uint64_t)mine.verb,
                                 .after      = mine.after,
                                 .name       = mine.name,
                                 .peer       = gp_from(s->peer) };
    ipc_ask(s->submit->vault, &m, heard, s);
}
