/* Our own sign-in at the smarthost: the relay carries the lines, the password or token and the exchange stay here. What a line of the server
 * asks for is worked out on a thread: with SCRAM the server names the number of rounds, up to seconds of work.
 *   PARKED   the token that it needs is being fetched
 *   TALKING  our last line is on its way; LOGIN_LINE brings the server's next
 *   BUSY     its line waits for the thread, or the thread works on it
 *   GONE     LOGIN_END came, or the relay died: no answer is due; freed at once, or when the thread is done with it */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"
#include "store/mechanisms.h"

enum { PARKED_MOST_MS = 60 * 1000 };

/* ---- the password or token ----------------------------------------------------------------------------------------------- */
void upstream_received(struct peer *peer, struct msg *m)
{
    if (m->upstream.login >= config_logins(peer->vault->config)) return;
    struct upstream_secret *s     = &peer->vault->upstream->secrets[m->upstream.login];
    struct config_login     of    = config_login_of(peer->vault->config, (size_t)m->upstream.login);
    bool                    token = of.proof == RELAY_TOKEN;
    gp_wipe(s->text, sizeof(s->text));
    s->present = false;
    if (!m->upstream.present) return;
    gp_str text = descriptor_read(m->fds[0], token ? sizeof(s->text) : GP_PASSWORD_MOST);
    gp_str line = text.ptr ? file_first_line(text) : GP_NONE;
    if (token) line = gp_trim(line);
    s->present = line.len > 0;
    if (s->present) memcpy(s->text, line.ptr, line.len);
    s->len = line.len;
    file_free(text);
    if (!s->present)
        LOG(LOG_ERROR, "upstream", LOG_Z("host", of.host),
            LOG_Z("reason", token ? "the token_file is empty, over 9216 octets or cannot be read: mail waits"
                                  : "the password_file is empty, too long or cannot be read"));
}

/* ---- exchanges --------------------------------------------------------------------------------------------------------- */
static struct login **find(struct upstream *up, uint64_t id)
{
    for (size_t i = 0; i < UPSTREAM_LOGINS; i++)
        if (up->logins[i] && up->logins[i]->id == id) return &up->logins[i];
    return NULL;
}

static void login_free(struct login *l)
{
    gp_sasl_end(&l->x);
    gp_wipe(l, sizeof(*l));
    free(l);
}

static void leave_line(struct upstream *up, const struct login *l)
{
    struct login **at = &up->waiting;
    while (*at && *at != l) at = &(*at)->next;
    if (*at) *at = l->next;
}

/* One that a thread works on is freed when that comes back. */
static void give_back(struct upstream *up, struct login **place)
{
    struct login *l = *place;
    *place          = NULL;
    l->gone         = true;
    leave_line(up, l);
    if (up->stepping != l) login_free(l);
}

static struct login *take(struct upstream *up, struct peer *peer, uint64_t id)
{
    struct login **place = find(up, id);
    if (place) give_back(up, place);
    for (size_t i = 0; !place && i < UPSTREAM_LOGINS; i++)
        if (!up->logins[i]) place = &up->logins[i];
    struct login *l = place ? calloc(1, sizeof(*l)) : NULL;
    if (!l) return NULL;
    *place  = l;
    l->id   = id;
    l->peer = peer;
    return l;
}

static const char no_memory[] = "no memory";

static void refuse(struct peer *peer, uint32_t question, gp_status status, const char *why)
{
    struct msg m = MSG(LOGIN_SAYS);
    m.login_says = (struct msg_login_says) {
        .status = status, .step = GP_SASL_FAILED, .mechanism = GP_LIT(""), .text = GP_LIT(""), .why = gp_from(why)
    };
    ipc_answer(peer->channel, question, &m);
}

static struct config_login login_of(const struct login *l)
{
    return config_login_of(l->peer->vault->config, l->which);
}

static const char *whose(const struct login *l)
{
    return l->own.is ? l->own.name : NULL;
}

static const char *why_given_up(const struct login *l)
{
    enum relay_proof proof = login_of(l).proof;
    if (l->spoken)
        return "the server's side of the exchange is wrong, or it could not prove that it knows the password";
    if (proof == RELAY_CERTIFICATE) return "relay.user has characters that no name may have";
    if (proof == RELAY_PROVIDER) return "user is no name, or the provider's token has characters that none has";
    return proof == RELAY_TOKEN ? "user is no name, or the first line of token_file no token: that has no blanks in it"
                                : "user or the password has characters that none may have";
}

/* What a server says may be anything, the token itself or a piece of it among it; it is one that knows the token. */
void upstream_put_status(struct gp_text *out, gp_secret token, gp_str status)
{
    enum { STATUS_SHOWN = 40 };
    struct gp_mask mask = { 0 };
    char           room[GP_SASL_SAYS_MOST];
    struct gp_text shown = GP_TEXT(room);
    (void)gp_mask_set(&mask, token); /* else nothing is shown */
    gp_put_masked(&shown, &mask, status);
    gp_put(out, gp_head(gp_said(&shown), STATUS_SHOWN));
    gp_mask_end(&mask);
}

/* RFC 7628 3.2.2: the server has said why, and the exchange ends with the reply to what we say to that. */
static void log_refused_token(const struct login *l)
{
    char           room[64];
    struct gp_text shown = GP_TEXT(room);
    upstream_put_status(&shown, (gp_secret) { l->said, l->said_len }, l->x.status.ptr ? l->x.status : GP_LIT("(none)"));
    LOG(LOG_ERROR, "upstream", LOG_Z("host", login_of(l).host), LOG_N("login", l->id), LOG_Z("account", whose(l)),
        LOG_S("status", gp_said(&shown)),
        LOG_Z("reason", l->token ? "the next hop refuses the provider's token: mail waits for a fresh one"
                                 : "the next hop refuses the token in relay.token_file: mail waits for a fresh one"));
}

static void say(struct login *l, uint32_t question, enum gp_sasl_step step, gp_str mechanism)
{
    struct vault *v = l->peer->vault;
    if (step == GP_SASL_CHALLENGE && l->x.why == GP_SASL_REFUSED) log_refused_token(l);
    if (step != GP_SASL_CHALLENGE && step != GP_SASL_DONE) {
        LOG(LOG_ERROR, "upstream", LOG_Z("host", login_of(l).host), LOG_N("login", l->id), LOG_Z("account", whose(l)),
            LOG_Z("reason", why_given_up(l)));
        refuse(l->peer, question, GP_PERMFAIL, why_given_up(l));
        give_back(v->upstream, find(v->upstream, l->id));
        return;
    }
    struct msg m = MSG(LOGIN_SAYS);
    m.login_says = (struct msg_login_says) { .status      = GP_OK,
                                             .step        = step,
                                             .has_initial = l->x.out.ptr != NULL,
                                             .believed    = gp_sasl_client_believes(&l->x),
                                             .mechanism   = mechanism,
                                             .text        = l->x.out.ptr ? l->x.out : GP_LIT(""),
                                             .why         = GP_LIT("") };
    ipc_answer(l->peer->channel, question, &m);
}

static const struct gp_sasl_mech *choose(const struct vault *v, const struct msg_login_start *start, bool binds)
{
    struct config_login of    = config_login_of(v->config, (size_t)start->which);
    bool                shown = start->presented && start->secure && config_presents(v->config, (size_t)start->which);
    const struct policy_upstream u = {
        .allowed   = gp_from(of.mechanisms),
        .offered   = start->offered,
        .proof     = of.proof,
        .tls       = start->secure,
        .binding   = (binds && start->binding_data.len > 0) || start->end_point.len > 0,
        .presented = shown && v->upstream->presented[start->which].generation,
    };
    return policy_choose(&u);
}

/* EXTERNAL: whom we ask to be is said only where relay.user is for nothing else. */
static gp_str name_for(const struct config_login *of, bool external)
{
    return external && of->proof != RELAY_CERTIFICATE ? GP_LIT("") : gp_from(of->user);
}

static bool is_external(const struct gp_sasl_mech *mech)
{
    return mech->traits & GP_SASL_NEEDS_PEER;
}

static const char *why_not(const struct vault *v, const struct msg_login_start *start, const struct gp_sasl_mech *mech)
{
    struct config_login of  = config_login_of(v->config, (size_t)start->which);
    bool                has = of.proof == RELAY_PROVIDER || v->upstream->secrets[start->which].present;
    if (!mech) return "no mechanism that both sides allow on this connection";
    if (of.own) return start->account.len ? NULL : "each account signs in there as itself, and this mail is nobody's";
    return is_external(mech) || (has && of.user[0])
               ? NULL
               : "nothing to sign in with: see user, password_file, token_file and provider of relay, or of the route";
}

/* Mail waits for as long as that takes, so somebody has to be told. A provider's tokens are told of by their caretaker. */
static void tell_trouble(struct vault *v, size_t which, const struct own *own, const char *trouble)
{
    enum { ROOM = 512, DAY_MS = 24 * 3600 * 1000 };
    char                cause_room[ROOM], what_room[2 * ROOM], todo_room[2 * ROOM];
    struct gp_text      cause = GP_TEXT(cause_room), what = GP_TEXT(what_room), todo = GP_TEXT(todo_room);
    struct config_login of = config_login_of(v->config, which);
    gp_put_z(&cause, "upstream-sign-in ");
    gp_put_z(&cause, of.host);
    gp_put_char(&cause, ' ');
    gp_put_number(&cause, wall_now() / DAY_MS);
    if (own) gp_put_char(&cause, ' ');
    if (own) gp_put_number(&cause, own->account);
    gp_put_z(&what, "The mail server signs in at ");
    gp_put_z(&what, of.host);
    gp_put_z(&what, own ? " for the account " : of.own ? "" : of.user[0] ? " as " : " with its certificate");
    gp_put_z(&what, own ? own->name : of.user);
    gp_put_z(&what, trouble);
    gp_put_z(&todo, "The log (event=upstream) has what it said. ");
    if (own) own_put_command(&todo, v->config, which, own->name);
    gp_put_z(&todo, own ? " gives it another password; what waits is sent at once then."
                        : "Put the right password, token or certificate into its file, or its mechanisms into `relay` "
                          "or the route in gatepost.yml; a file is read within seconds, and `gatepost queue retry` "
                          "sends what waits.");
    struct notice_wish w = {
        .kind    = "upstream-sign-in",
        .account = own ? own->account : 0,
        .cause   = gp_said(&cause),
        .subject = GP_LIT("We cannot sign in at the server that our mail goes through"),
        .what    = gp_said(&what),
        .meaning = GP_LIT("Mail that goes that way is accepted and waits; nothing is returned to its senders for this "
                          "reason, however long it takes."),
        .todo    = gp_said(&todo)
    };
    notice_post(v, &w);
}

/* NULL: none, which is said. */
static const struct gp_sasl_mech *mechanism(struct vault *v, const struct msg_login_start *start, bool binds,
                                            const char **why)
{
    const struct gp_sasl_mech *mech = choose(v, start, binds);
    *why                            = why_not(v, start, mech);
    if (!*why) return mech;
    LOG(LOG_ERROR, "upstream", LOG_Z("host", config_login_of(v->config, (size_t)start->which).host),
        LOG_S("offered", start->offered), LOG_Z("reason", *why));
    tell_trouble(v, (size_t)start->which, NULL,
                 mech ? ", and has no password, token or name to do so."
                      : ", and it offers no way to do so that is allowed here on this connection.");
    return NULL;
}

static void begin(struct login *l, const struct msg_login_start *start, bool binds)
{
    gp_sasl_init(&l->x, binds ? (enum gp_sasl_binding)start->binding : GP_BIND_NONE, start->binding_data,
                 policy_lists_plus(start->offered));
    gp_sasl_bind(&l->x, GP_BIND_TLS_SERVER_END_POINT, start->end_point);
    gp_sasl_lend(&l->x, l->lent, sizeof(l->lent));
    l->x.host = gp_from(login_of(l).host);
}

static void say_first(struct login *l, gp_secret secret)
{
    struct config_login of   = login_of(l);
    gp_str              name = gp_from(l->mech->name);
    if (l->own.is) of.user = l->own.user;
    l->said_len = (l->mech->traits & GP_SASL_NEEDS_TOKEN) && secret.len <= sizeof(l->said) ? secret.len : 0;
    if (l->said_len) memcpy(l->said, secret.ptr, l->said_len);
    l->step = gp_sasl_client_start(&l->x, name, name_for(&of, is_external(l->mech)), secret);
    say(l, l->question, l->step, name);
}

static void cannot(struct login *l, const char *why)
{
    struct vault *v = l->peer->vault;
    LOG(LOG_ERROR, "upstream", LOG_Z("host", login_of(l).host), LOG_Z("provider", login_of(l).provider),
        LOG_Z("account", whose(l)), LOG_Z("reason", why));
    refuse(l->peer, l->question, GP_TEMPFAIL, why);
    give_back(v->upstream, find(v->upstream, l->id));
}

/* With a token of a provider, now or when it has come. */
static void go_on(struct login *l)
{
    struct vault *v      = l->peer->vault;
    gp_secret     token  = { NULL, 0 };
    const char   *why    = "";
    gp_status     status = tokens_get(v, l->which, &l->own, l->parked, &token, &l->token, &why);
    if (status == GP_WAIT && loop_now(v->loop) - l->since > PARKED_MOST_MS) status = GP_TEMPFAIL;
    l->parked = status == GP_WAIT;
    if (status == GP_OK) say_first(l, token);
    if (status == GP_OK || status == GP_WAIT) return;
    tokens_put_off(v, l->which, &l->own);
    cannot(l, why);
}

static void with_own_password(struct login *l)
{
    auto_grant g      = { 0 };
    gp_status  status = own_password(l->peer->vault, l->which, &l->own, &g);
    if (status == GP_OK)
        say_first(l, (gp_secret) { g.refresh, g.refresh_len });
    else
        cannot(l, l->own.why);
}

void upstream_token_came(struct vault *v)
{
    for (size_t i = 0; i < UPSTREAM_LOGINS; i++)
        if (v->upstream->logins[i] && v->upstream->logins[i]->parked) go_on(v->upstream->logins[i]);
}

void upstream_start(struct peer *peer, struct msg *m)
{
    const struct msg_login_start *start = &m->login_start;
    struct vault                 *v     = peer->vault;
    const char                   *why   = "no such route";
    bool                       binds = start->binding > GP_BIND_NONE && start->binding <= GP_BIND_TLS_SERVER_END_POINT;
    bool                       known = start->which < config_logins(v->config);
    const struct gp_sasl_mech *mech  = known ? mechanism(v, start, binds, &why) : NULL;
    struct login              *l     = mech ? take(v->upstream, peer, start->login) : NULL;
    if (!l) {
        refuse(peer, m->question, mech ? GP_TEMPFAIL : GP_PERMFAIL, mech ? no_memory : why);
        return;
    }
    l->which    = (size_t)start->which;
    l->mech     = mech;
    l->question = m->question;
    l->since    = loop_now(v->loop);
    begin(l, start, binds);
    const struct upstream_secret *s = &v->upstream->secrets[l->which];
    if (login_of(l).own && own_find(v, (int64_t)start->number, start->account, &l->own) != GP_OK)
        cannot(l, l->own.why);
    else if (login_of(l).own && login_of(l).proof != RELAY_PROVIDER)
        with_own_password(l);
    else if (login_of(l).proof == RELAY_PROVIDER && !is_external(mech))
        go_on(l);
    else
        say_first(l, (gp_secret) { s->text, is_external(mech) ? 0 : s->len });
}

/* ---- the server's lines -------------------------------------------------------------------------------------------------- */
static void on_thread(void *job)
{
    struct login *l = job;
    l->step         = gp_sasl_client_line(&l->x, (gp_str) { l->line, l->line_len });
}

static void step_next(struct vault *v);

static void on_loop(void *job)
{
    struct login *l       = job;
    struct vault *v       = l->peer->vault;
    v->upstream->stepping = NULL;
    if (l->gone) {
        login_free(l);
    } else {
        l->busy = false;
        say(l, l->question, l->step, GP_LIT(""));
    }
    step_next(v);
}

/* One at a time: so the pool needs one thread for them, and a server that wants much work done delays nobody but itself. */
static void step_next(struct vault *v)
{
    struct upstream *up = v->upstream;
    while (up->waiting && !up->stepping) {
        struct login *l = up->waiting;
        up->waiting     = l->next;
        l->next         = NULL;
        if (loop_work(v->loop, on_thread, on_loop, l)) {
            up->stepping = l;
            return;
        }
        refuse(l->peer, l->question, GP_TEMPFAIL, no_memory);
        give_back(up, find(up, l->id));
    }
}

static void join_line(struct upstream *up, struct login *l)
{
    struct login **at = &up->waiting;
    while (*at) at = &(*at)->next;
    *at = l;
}

void upstream_line(struct peer *peer, struct msg *m)
{
    struct upstream *up    = peer->vault->upstream;
    struct login   **place = find(up, m->login_line.login);
    struct login    *l     = place && !(*place)->busy && !(*place)->parked ? *place : NULL;
    if (!l || m->login_line.line.len > sizeof(l->line)) {
        refuse(peer, m->question, l ? GP_PERMFAIL : GP_TEMPFAIL, l ? "the server's line is too long" : "");
        return;
    }
    l->busy     = true;
    l->spoken   = true;
    l->question = m->question;
    l->line_len = m->login_line.line.len;
    if (l->line_len) memcpy(l->line, m->login_line.line.ptr, l->line_len);
    join_line(up, l);
    step_next(peer->vault);
}

void upstream_end(struct peer *peer, struct msg *m)
{
    struct vault  *v     = peer->vault;
    struct login **place = find(v->upstream, m->login_end.login);
    uint64_t       token = place ? (*place)->token : 0;
    size_t         which = place ? (*place)->which : 0;
    struct own     own   = place ? (*place)->own : (struct own) { 0 };
    if (place && !token && m->login_end.fate == LOGIN_REFUSED)
        tell_trouble(v, which, own.is ? &own : NULL, ", and was refused there.");
    if (m->login_end.fate == LOGIN_NOT_OFFERED && m->login_end.which < config_logins(v->config))
        tell_trouble(v, (size_t)m->login_end.which, NULL, ", and that offers no sign-in (AUTH) any more.");
    if (place) give_back(v->upstream, place);
    if (token && m->login_end.fate != LOGIN_UNTOLD)
        tokens_verdict(v, which, &own, token, m->login_end.fate == LOGIN_ACCEPTED);
}

static void drop_all(struct upstream *up)
{
    for (size_t i = 0; i < UPSTREAM_LOGINS; i++)
        if (up->logins[i]) give_back(up, &up->logins[i]);
}

void upstream_drop(struct vault *v)
{
    drop_all(v->upstream);
}

void upstream_close(struct upstream *up)
{
    if (!up) return;
    drop_all(up);
    presented_close(up);
    gp_wipe(up, sizeof(*up));
}
