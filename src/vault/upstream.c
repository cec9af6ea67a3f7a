/* Our own sign-in at the smarthost: the relay carries the lines, the password and the exchange stay here.
 *   FREE     the place is not in use
 *   TALKING  our last line is on its way; LOGIN_LINE brings the server's next, LOGIN_END frees the place */
#include <string.h>

#include "vault/parts.h"
#include "vault/policy.h"

/* ---- the password ------------------------------------------------------------------------------------------------------ */
static gp_str first_line(gp_str text)
{
    gp_str line = gp_head(text, gp_find(text, '\n'));
    return line.len > 0 && line.ptr[line.len - 1] == '\r' ? gp_head(line, line.len - 1) : line;
}

void upstream_password(struct peer *peer, struct msg *m)
{
    struct upstream *up = peer->vault->upstream;
    gp_wipe(up->password, sizeof(up->password));
    up->present = false;
    if (!m->upstream.present) return;
    gp_str text = descriptor_read(m->fds[0], GP_PASSWORD_MOST);
    gp_str line = text.ptr ? first_line(text) : GP_NONE;
    up->present = line.len > 0;
    if (up->present) memcpy(up->password, line.ptr, line.len);
    up->password_len = line.len;
    file_free(text);
    if (!up->present)
        LOG(LOG_ERROR, "upstream", LOG_Z("reason", "relay.password_file is empty, too long or cannot be read"));
}

/* ---- exchanges --------------------------------------------------------------------------------------------------------- */
static struct login *find(struct upstream *up, uint64_t id)
{
    for (size_t i = 0; i < UPSTREAM_LOGINS; i++)
        if (up->logins[i].open && up->logins[i].id == id) return &up->logins[i];
    return NULL;
}

static struct login *take(struct upstream *up, uint64_t id)
{
    struct login *old = find(up, id);
    for (size_t i = 0; !old && i < UPSTREAM_LOGINS; i++)
        if (!up->logins[i].open) old = &up->logins[i];
    if (!old) return NULL;
    old->open = true;
    old->id   = id;
    return old;
}

static void give_back(struct login *l)
{
    gp_sasl_end(&l->x);
    l->open = false;
}

static void refuse(struct peer *peer, uint32_t question, gp_status status)
{
    struct msg m = MSG(LOGIN_SAYS);
    m.login_says = (struct msg_login_says) {
        .status = status, .step = GP_SASL_FAILED, .mechanism = GP_LIT(""), .text = GP_LIT("")
    };
    ipc_answer(peer->channel, question, &m);
}

static void say(struct peer *peer, uint32_t question, struct login *l, enum gp_sasl_step step, gp_str mechanism)
{
    if (step != GP_SASL_CHALLENGE && step != GP_SASL_DONE) {
        LOG(LOG_ERROR, "upstream", LOG_Z("host", peer->vault->config->relay.host), LOG_N("login", l->id),
            LOG_Z("reason",
                  "the server's side of the exchange is wrong, or it could not prove that it knows the password"));
        give_back(l);
        refuse(peer, question, GP_PERMFAIL);
        return;
    }
    struct msg m = MSG(LOGIN_SAYS);
    m.login_says = (struct msg_login_says) { .status      = GP_OK,
                                             .step        = step,
                                             .has_initial = l->x.out.ptr != NULL,
                                             .believed    = gp_sasl_client_believes(&l->x),
                                             .mechanism   = mechanism,
                                             .text        = l->x.out.ptr ? l->x.out : GP_LIT("") };
    ipc_answer(peer->channel, question, &m);
}

void upstream_start(struct peer *peer, struct msg *m)
{
    const struct msg_login_start *start  = &m->login_start;
    const struct config          *config = peer->vault->config;
    struct upstream              *up     = peer->vault->upstream;
    bool                       binds = start->binding > GP_BIND_NONE && start->binding <= GP_BIND_TLS_SERVER_END_POINT;
    bool                       binding = (binds && start->binding_data.len > 0) || start->end_point.len > 0;
    const struct gp_sasl_mech *mech =
        policy_choose(gp_from(config->relay.mechanisms), start->offered, start->secure != 0, binding);
    if (!up->present || !config->relay.user[0] || !mech) {
        LOG(LOG_ERROR, "upstream", LOG_Z("host", config->relay.host), LOG_S("offered", start->offered),
            LOG_Z("reason", mech ? "no user name or password to sign in with"
                                 : "no mechanism that both sides allow on this connection"));
        refuse(peer, m->question, GP_PERMFAIL);
        return;
    }
    struct login *l = take(up, start->login);
    if (!l) {
        refuse(peer, m->question, GP_TEMPFAIL);
        return;
    }
    gp_sasl_init(&l->x, binds ? (enum gp_sasl_binding)start->binding : GP_BIND_NONE, start->binding_data, false);
    gp_sasl_bind(&l->x, GP_BIND_TLS_SERVER_END_POINT, start->end_point);
    gp_secret password = { up->password, up->password_len };
    say(peer, m->question, l, gp_sasl_client_start(&l->x, gp_from(mech->name), gp_from(config->relay.user), password),
        gp_from(mech->name));
}

void upstream_line(struct peer *peer, struct msg *m)
{
    struct login *l = find(peer->vault->upstream, m->login_line.login);
    if (!l) {
        refuse(peer, m->question, GP_TEMPFAIL);
        return;
    }
    say(peer, m->question, l, gp_sasl_client_line(&l->x, m->login_line.line), GP_LIT(""));
}

void upstream_end(struct peer *peer, struct msg *m)
{
    struct login *l = find(peer->vault->upstream, m->login_end.login);
    if (l) give_back(l);
}

void upstream_drop(struct vault *v)
{
    for (size_t i = 0; i < UPSTREAM_LOGINS; i++)
        if (v->upstream->logins[i].open) give_back(&v->upstream->logins[i]);
}

void upstream_close(struct upstream *up)
{
    if (up) gp_wipe(up, sizeof(*up));
}
