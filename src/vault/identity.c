/* In whose name? The sender at MAIL, and at the end of a message's header the fields that name an author: before its body comes, so that an
 * address can still be replaced. A signature of ours (DKIM) says that the author's domain vouches for the message, so it is not the
 * envelope's sender alone that counts. What decides is in store/senders.c; this says it to the client, the log and the report. */
#include "store/senders.h"
#include "vault/parts.h"

enum { REWRITES_MOST = 4 * 1024, EXAMPLE_MOST = 240 };

/* ---- a no ------------------------------------------------------------------------------------------------------------------- */
static gp_status refuse(struct vault *v, struct sent *s, const struct sender_place *place,
                        const struct sender_question *q, const struct sender_verdict *verdict)
{
    struct gp_text   why = { .ptr = s->why, .room = sizeof(s->why) - 1 };
    struct sender_no no  = sender_say(v->accounts, place, q, verdict, &s->text);
    s->no                = (struct no) { no.code, no.enhanced, verdict->ended ? verdict->why : s->why };
    if (verdict->ended) return GP_PERMFAIL;
    gp_put_z(&why, verdict->why);
    gp_put_z(&why, ": ");
    sender_put_printable(&why, q->address);
    gp_put_z(&why, " in ");
    gp_put_z(&why, place->shown);
    struct gp_text own = why;
    gp_put_z(&own, "; yours: ");
    if (!verdict->unreadable && sender_put_own(v->accounts, s->account, s->credential, &own)) why = own;
    s->why[why.len] = '\0';
    return GP_PERMFAIL;
}

/* ---- what is let through all the same ----------------------------------------------------------------------------------------- */
static void note_shadow(struct vault *v, const struct sent *s, const char *rule, gp_str text, const char *where)
{
    char           room[EXAMPLE_MOST];
    struct gp_text example = GP_TEXT(room);
    sender_put_printable(&example, gp_head(text, EXAMPLE_MOST / 2));
    gp_put_z(&example, " in ");
    gp_put_z(&example, where);
    if (s->peer.len) gp_put_z(&example, ", from ");
    gp_put(&example, s->peer);
    shadow_note(v, rule, s->account, s->credential, gp_said(&example));
}

/* ---- one address -------------------------------------------------------------------------------------------------------------- */
static gp_status cannot_tell(struct vault *v, struct sent *s)
{
    vault_store_failed(v);
    s->no = (struct no) { 451, "4.3.0", "the accounts cannot be read now" };
    gp_put_z(&s->text, "cannot tell now who may send, try again later");
    return GP_TEMPFAIL;
}

static gp_status judge_address(struct vault *v, struct sent *s, const struct sender_place *place, gp_str address,
                               struct sender_verdict *verdict)
{
    struct sender_question q      = { .account    = s->account,
                                      .credential = s->credential,
                                      .field      = place->field,
                                      .address    = address,
                                      .now        = s->now,
                                      .local      = moment_local(s->now) };
    gp_status              status = sender_judge(v->accounts, v->config, &q, verdict);
    if (status == GP_TEMPFAIL) return cannot_tell(v, s);
    if (status == GP_PERMFAIL) return refuse(v, s, place, &q, verdict);
    if (verdict->shadowed) note_shadow(v, s, verdict->rule, address, place->shown);
    return GP_OK;
}

gp_status identity_at_mail(struct vault *v, struct sent *s)
{
    struct sender_verdict verdict;
    gp_status             status = judge_address(v, s, sender_place_of(GP_LIT("mail")), s->sender, &verdict);
    s->instead[0]                = '\0';
    if (status == GP_OK && verdict.rewritten) (void)gp_copy_z(gp_from(verdict.instead), s->instead, sizeof(s->instead));
    return status;
}

/* A locked account's transactions that are open must not end well: none of its mail would be held. Its sender was judged at MAIL. */
gp_status identity_at_end(struct vault *v, struct sent *s)
{
    struct sender_verdict verdict;
    return judge_address(v, s, sender_place_of(GP_LIT("mail")), GP_NONE, &verdict);
}

/* DKIM says that the author's domain vouches for the message: not where it is let through only because the policy watches. Asked once more, with
 * the header as it is sent; in shadow alone, so it costs others nothing. */
gp_status identity_signs_at_end(struct vault *v, struct sent *s)
{
    const struct config *c = v->config;
    if (c->policy.identity.mode != POLICY_SHADOW || c->policy.identity.sign_in_shadow || !c->dkim.sign) return GP_OK;
    for (gp_str rest = s->fields; rest.len > 0 && !s->foreign;) {
        struct sender_verdict  verdict;
        gp_str                 line = gp_cut(&rest, '\n'), name = gp_cut(&line, '\t');
        struct sender_question q = { .account    = s->account,
                                     .credential = s->credential,
                                     .field      = SENDER_FROM,
                                     .address    = gp_cut(&line, '\t'),
                                     .now        = s->now,
                                     .local      = moment_local(s->now) };
        if (!gp_is(name, "from")) continue;
        gp_status status = sender_judge(v->accounts, c, &q, &verdict);
        if (status == GP_TEMPFAIL) return cannot_tell(v, s);
        s->foreign = status != GP_OK || verdict.shadowed;
    }
    return GP_OK;
}

/* ---- names -------------------------------------------------------------------------------------------------------------------- */
static gp_status refuse_name(struct sent *s, const struct config_protected *name)
{
    struct gp_text why = { .ptr = s->why, .room = sizeof(s->why) - 1 };
    s->no              = (struct no) { 550, "5.7.1", s->why };
    gp_put_z(&s->text, SENDER_NAME_NOT_HIS);
    gp_put_z(&why, "From shows a protected name that is not the account's: ");
    sender_put_printable(&why, gp_from(name->name));
    s->why[why.len] = '\0';
    return GP_PERMFAIL;
}

static gp_status may_show(struct vault *v, struct sent *s, gp_str shown)
{
    enum policy_mode mode   = v->config->policy.identity.names;
    gp_status        status = GP_OK;
    for (size_t at = 0; mode != POLICY_OFF; at++) {
        status = sender_judge_name(v->accounts, v->config, s->account, shown, &at);
        if (status != GP_PERMFAIL) break;
        const struct config_protected *name = &v->config->policy.identity.protected_names[at];
        if (mode == POLICY_ENFORCE) return refuse_name(s, name);
        note_shadow(v, s, "identity.names", gp_from(name->name), "From");
    }
    return status == GP_TEMPFAIL ? cannot_tell(v, s) : GP_OK;
}

/* ---- all fields --------------------------------------------------------------------------------------------------------------- */
static void put_rewrite(struct gp_text *out, const struct sender_place *f, const char *instead)
{
    gp_put_z(out, f->name);
    gp_put_char(out, '\t');
    gp_put_z(out, instead);
    gp_put_char(out, '\n');
}

static gp_status take_line(struct vault *v, struct sent *s, gp_str line, struct gp_text *rewrites)
{
    struct sender_verdict      verdict;
    gp_str                     name = gp_cut(&line, '\t'), address = gp_cut(&line, '\t');
    const struct sender_place *f = sender_place_of(name);
    if (gp_is(name, "shown")) return may_show(v, s, line);
    if (!f || f->field == SENDER_MAIL || sender_is_judged(v->config, s->sender, address)) return GP_OK;
    gp_status status = judge_address(v, s, f, address, &verdict);
    if (status == GP_OK && verdict.rewritten) put_rewrite(rewrites, f, verdict.instead);
    return status;
}

void identity_authors(struct peer *peer, struct msg *m)
{
    char                      room[REPLY_MOST], lines[REWRITES_MOST];
    const struct msg_authors *q        = &m->authors;
    struct gp_text            rewrites = GP_TEXT(lines);
    gp_status                 status   = GP_OK;
    struct sent               s        = { .account    = (int64_t)q->account,
                                           .credential = (int64_t)q->credential,
                                           .listener   = q->listener,
                                           .sender     = q->sender,
                                           .queue_id   = q->queue_id,
                                           .peer       = q->peer,
                                           .now        = wall_now(),
                                           .text       = GP_TEXT(room) };
    for (gp_str rest = q->fields; status == GP_OK && rest.len > 0;)
        status = take_line(peer->vault, &s, gp_cut(&rest, '\n'), &rewrites);
    if (rewrites.cut) status = GP_TEMPFAIL;
    refused_name(peer->vault, &s, status);
    struct msg answer = MSG(AUTHORED);
    answer.authored   = (struct msg_authored) { .status   = status,
                                                .code     = s.no.code,
                                                .enhanced = gp_from(s.no.enhanced),
                                                .text     = gp_said(&s.text),
                                                .why      = gp_from(s.no.why),
                                                .incident = gp_from(s.incident),
                                                .rewrites = gp_said(&rewrites) };
    ipc_answer(peer->channel, m->question, &answer);
}
