/* In whose name? The sender at MAIL, and at the end of a message's header the fields that name an author: before its body comes, so that an
 * address can still be replaced. A signature of ours (DKIM) says that the author's domain vouches for the message, so it is not the
 * envelope's sender alone that counts. What decides is in store/senders.c; this says it to the client, the log and the report. */
#include "policy/identity.h"

#include "store/senders.h"
#include "vault/parts.h"

enum { REWRITES_MOST = 4 * 1024, EXAMPLE_MOST = 240 };

static const struct field {
    const char       *name; /* in AUTHORS */
    enum sender_field field;
    const char       *not_his, *unreadable, *shown; /* to the client; to people in a report */
} fields[] = {
  /* clang-format off */
    { "mail",          SENDER_MAIL,     "this account may not send as that address",  "the sender is not an address",                    "MAIL FROM"     },
    { "from",          SENDER_FROM,     "sender address not yours: ",                 "the From header field is not a list of addresses", "From"          },
    { "sender",        SENDER_SENDER,   "address in Sender not yours: ",              "the Sender header field is not an address",        "Sender"        },
    { "reply-to",      SENDER_REPLY_TO, "address in Reply-To not yours: ",            "the Reply-To header field is not a list of addresses", "Reply-To"  },
    { "resent-from",   SENDER_RESENT,   "address in Resent-From not yours: ",         "the Resent-From header field is not a list of addresses", "Resent-From" },
    { "resent-sender", SENDER_RESENT,   "address in Resent-Sender not yours: ",       "the Resent-Sender header field is not an address", "Resent-Sender" },
  /* clang-format on */
};

static const struct field *field_of(gp_str name)
{
    for (size_t i = 0; i < GP_COUNT(fields); i++)
        if (gp_is(name, fields[i].name)) return &fields[i];
    return NULL;
}

/* Of a text that a client sent: what is printable. */
static void put_printable(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) gp_put_char(out, text.ptr[i] < ' ' || text.ptr[i] > '~' ? '?' : text.ptr[i]);
}

/* ---- a no ------------------------------------------------------------------------------------------------------------------- */
static gp_status sign_in_over(struct sent *s, const char *why)
{
    s->no = (struct no) { 421, "4.7.0", why }; /* the credential, the account or the right to act is no more */
    gp_put_z(&s->text, "your sign-in is no longer good, connect and sign in again");
    return GP_PERMFAIL;
}

/* It has signed in, so what it may use is no secret to it; what does not fit is left out whole. */
static void put_own(struct vault *v, const struct sent *s, struct gp_text *out)
{
    struct gp_text longer = *out;
    gp_put_z(&longer, "; yours: ");
    if (!longer.cut && sender_put_own(v->accounts, s->account, s->credential, &longer)) *out = longer;
}

static gp_status refuse(struct vault *v, struct sent *s, const struct field *f, gp_str address,
                        const struct sender_verdict *verdict)
{
    struct gp_text why = { .ptr = s->why, .room = sizeof(s->why) - 1 };
    s->no = (struct no) { verdict->unreadable ? 554 : 550, verdict->unreadable ? "5.6.0" : "5.7.1", s->why };
    gp_put_z(&s->text, verdict->unreadable ? f->unreadable : f->not_his);
    if (!verdict->unreadable && f->field != SENDER_MAIL) put_printable(&s->text, address);
    if (!verdict->unreadable) put_own(v, s, &s->text);
    gp_put_z(&why, verdict->why);
    gp_put_z(&why, ": ");
    put_printable(&why, address);
    gp_put_z(&why, " in ");
    gp_put_z(&why, f->shown);
    if (!verdict->unreadable) put_own(v, s, &why);
    s->why[why.len] = '\0';
    return GP_PERMFAIL;
}

/* ---- what is let through all the same ----------------------------------------------------------------------------------------- */
static void note_shadow(struct vault *v, const struct sent *s, const char *rule, gp_str text, const char *where)
{
    char           room[EXAMPLE_MOST];
    struct gp_text example = GP_TEXT(room);
    put_printable(&example, gp_head(text, EXAMPLE_MOST / 2));
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

static gp_status judge_address(struct vault *v, struct sent *s, const struct field *f, gp_str address,
                               struct sender_verdict *verdict)
{
    struct sender_question q      = { .account    = s->account,
                                      .credential = s->credential,
                                      .field      = f->field,
                                      .address    = address,
                                      .now        = s->now,
                                      .local      = moment_local(s->now) };
    gp_status              status = sender_judge(v->accounts, v->config, &q, verdict);
    if (status == GP_TEMPFAIL) return cannot_tell(v, s);
    if (status == GP_PERMFAIL && verdict->ended) return sign_in_over(s, verdict->why);
    if (status == GP_PERMFAIL) return refuse(v, s, f, address, verdict);
    if (verdict->shadowed) note_shadow(v, s, verdict->rule, address, f->shown);
    return GP_OK;
}

gp_status identity_at_mail(struct vault *v, struct sent *s)
{
    struct sender_verdict verdict;
    gp_status             status = judge_address(v, s, &fields[0], s->sender, &verdict);
    s->instead[0]                = '\0';
    if (status == GP_OK && verdict.rewritten) (void)gp_copy_z(gp_from(verdict.instead), s->instead, sizeof(s->instead));
    return status;
}

/* ---- names -------------------------------------------------------------------------------------------------------------------- */
static gp_status may_use_name(struct vault *v, const struct sent *s, const struct config_protected *name)
{
    gp_status status = GP_PERMFAIL;
    gp_str    words  = gp_from(name->accounts);
    for (gp_str word = gp_word(&words); word.len > 0 && status == GP_PERMFAIL; word = gp_word(&words)) {
        struct account account;
        status = accounts_find(v->accounts, word, &account);
        if (status == GP_OK && account.id != s->account) status = GP_PERMFAIL;
    }
    return status;
}

static gp_status refuse_name(struct sent *s, const struct config_protected *name)
{
    struct gp_text why = { .ptr = s->why, .room = sizeof(s->why) - 1 };
    s->no              = (struct no) { 550, "5.7.1", s->why };
    gp_put_z(&s->text, "the name in From is not for this account");
    gp_put_z(&why, "From shows a protected name that is not the account's: ");
    put_printable(&why, gp_from(name->name));
    s->why[why.len] = '\0';
    return GP_PERMFAIL;
}

static gp_status may_show(struct vault *v, struct sent *s, gp_str shown)
{
    enum policy_mode mode = v->config->policy.identity.names;
    for (size_t i = 0; mode != POLICY_OFF && i < v->config->policy.identity.protected_count; i++) {
        const struct config_protected *name = &v->config->policy.identity.protected_names[i];
        if (!policy_shows_name(shown, gp_from(name->name))) continue;
        gp_status status = may_use_name(v, s, name);
        if (status == GP_TEMPFAIL) return cannot_tell(v, s);
        if (status == GP_OK) continue;
        if (mode == POLICY_ENFORCE) return refuse_name(s, name);
        note_shadow(v, s, "identity.names", gp_from(name->name), "From");
    }
    return GP_OK;
}

/* ---- all fields --------------------------------------------------------------------------------------------------------------- */
static void put_rewrite(struct gp_text *out, const struct field *f, const char *instead)
{
    gp_put_z(out, f->name);
    gp_put_char(out, '\t');
    gp_put_z(out, instead);
    gp_put_char(out, '\n');
}

/* The sender itself has been asked about with MAIL, unless anything goes there. */
static bool is_judged(const struct vault *v, const struct sent *s, gp_str address)
{
    return v->config->policy.identity.rules[SENDER_MAIL] != SENDER_ALLOW && address.len > 0 &&
           gp_same(address, s->sender);
}

static gp_status take_line(struct vault *v, struct sent *s, gp_str line, struct gp_text *rewrites)
{
    struct sender_verdict verdict;
    gp_str                name = gp_cut(&line, '\t'), address = gp_cut(&line, '\t');
    const struct field   *f = field_of(name);
    if (gp_is(name, "shown")) return may_show(v, s, line);
    if (!f || f->field == SENDER_MAIL || is_judged(v, s, address)) return GP_OK;
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
