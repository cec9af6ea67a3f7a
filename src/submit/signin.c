/* AUTH: the client's lines go to vault, vault's challenges and verdict come back. What is in the lines is never looked at here. */
#include "submit/parts.h"

#include "sasl/sasl.h"

/* What the client is told about why it failed (RFC 4954 6): all that concerns who it is sounds the same. */
static const struct gp_reply failures[] = {
    [GP_SASL_NO_REASON]   = {535,  "5.7.8",  "authentication failed"                               },
    [GP_SASL_NOT_BASE64]  = { 501, "5.5.2",  "not base64"                                          },
    [GP_SASL_CANCELLED]   = { 501, "5.7.0",  "cancelled"                                           },
    [GP_SASL_TOO_EARLY]   = { 501, "5.7.0",  "this mechanism takes no initial response"            },
    [GP_SASL_UNKNOWN]     = { 504, "5.5.4",  "mechanism not offered"                               },
    [GP_SASL_MALFORMED]   = { 535, "5.7.8",  "authentication failed"                               },
    [GP_SASL_REFUSED]     = { 535, "5.7.8",  "authentication failed"                               },
    [GP_SASL_BAD_BINDING] = { 535, "5.7.8",  "authentication failed"                               },
    [GP_SASL_UNAVAILABLE] = { 454, "4.7.0",  "authentication is not available now, try again later"},
    [GP_SASL_WEAK_TLS]    = { 523, "5.7.10", "a newer TLS is needed to sign in"                    }, /* RFC 5248 2.4; vault says which */
};

const struct gp_reply signin_over = { 421, "4.7.0", "your sign-in is no longer good, connect and sign in again" };

/* vault says how a sign-in ended; this is for those it never hears of, or does not answer. */
static void log_end(const struct session *s, const char *result, gp_str incident, gp_str reason)
{
    LOG(LOG_WARN, "sign-in", LOG_N("session", s->id), LOG_Z("peer", s->peer),
        LOG_S("mechanism", s->exchanging ? gp_from(s->mechanism) : GP_NONE),
        LOG_S("helo", gp_smtp_server_helo(&s->smtp)), LOG_Z("result", result),
        LOG_S("incident", incident.len ? incident : GP_NONE), LOG_S("reason", reason));
}

void signin_refused(const struct session *s, gp_str incident, gp_str reason)
{
    log_end(s, "refused", incident, reason);
}

/* Once is enough: vault counts sessions, not lines. */
void signin_stray(struct session *s)
{
    struct msg m      = MSG(STRAY);
    bool       device = s->port->listen->kind == LISTEN_LEGACY; /* tries what it knows, one after the other */
    if (s->strayed || s->signed_in || device) return;
    s->strayed = true;
    m.stray    = (struct msg_stray) { .peer = gp_from(s->peer), .helo = gp_smtp_server_helo(&s->smtp) };
    (void)ipc_tell(s->submit->vault, &m);
}

static void put_off(struct session *s, const char *reason)
{
    const struct gp_reply later = failures[GP_SASL_UNAVAILABLE];
    char                  incident[GP_INCIDENT_ROOM], room[REFUSAL_ROOM];
    struct refusal        r = { later.code, incident, gp_from(later.text), gp_from(reason), GP_LIT("AUTH") };
    gp_new_incident(incident);
    log_end(s, "put off", gp_from(incident), gp_from(reason));
    refusal_tell(s, &r);
    session_answer(s, refusal_named(later, gp_from(incident), room));
}

/* vault says no, and has named and recorded it. */
static void refuse(struct session *s, const struct msg_sasl_result *r)
{
    char            room[REFUSAL_ROOM], text[REFUSAL_ROOM];
    struct gp_reply no = failures[r->why];
    if (r->text.len > 0 && gp_copy_z(r->text, text, sizeof text)) no.text = text;
    session_answer(s, refusal_named(no, r->incident, room));
}

static void challenge(struct session *s, gp_str text)
{
    char line[GP_SASL_OUT_ROOM + 1];
    if (gp_copy_z(text, line, sizeof line))
        session_answer(s, (struct gp_reply) { 334, NULL, line });
    else
        put_off(s, "vault's challenge does not fit into a line");
}

static void welcome(struct session *s, const struct msg_sasl_result *r)
{
    bool   same   = gp_same(r->user, r->signer);
    gp_str signer = same ? GP_LIT("") : r->signer;
    bool   kept   = gp_copy_z(r->user, s->user, sizeof s->user) && gp_copy_z(signer, s->signer, sizeof s->signer);
    if (!kept || r->account == 0) { /* a vault that does not say who it is has not said yes */
        put_off(s, "vault says yes and not to whom");
        return;
    }
    s->account    = r->account;
    s->credential = r->credential;
    s->ends       = (gp_time)r->ends;
    s->signed_in  = true;
    session_answer(s, (struct gp_reply) { 235, "2.7.0", "signed in" });
}

static void stepped(void *owner, gp_status status, const struct msg *m)
{
    struct session               *s     = owner;
    const struct msg_sasl_result *r     = status == GP_OK && m->type == MSG_SASL_RESULT ? &m->sasl_result : NULL;
    bool                          known = r && r->why < GP_COUNT(failures);
    if (r && r->step == GP_SASL_CHALLENGE)
        challenge(s, r->text);
    else if (r && r->step == GP_SASL_DONE)
        welcome(s, r);
    else if (known)
        refuse(s, r);
    else
        put_off(s, "vault does not answer");
    s->exchanging = r && r->step == GP_SASL_CHALLENGE;
    session_pump(s);
}

/* RFC 9266, RFC 5929: what SCRAM's -PLUS forms are bound to. */
static enum gp_sasl_binding binding_of(struct gp_tls *tls, uint8_t data[static 64], size_t *length)
{
    *length = 0;
    switch (gp_tls_binding(tls, data, length)) {
    case GP_TLS_UNIQUE: return GP_BIND_TLS_UNIQUE;
    case GP_TLS_EXPORTER: return GP_BIND_TLS_EXPORTER;
    default: return GP_BIND_NONE;
    }
}

/* What the client presented, for a mechanism that is about it; in `out` as long as the room lives. */
static gp_str chain_for(gp_str mechanism, const struct gp_tls *tls, struct gp_text *out)
{
    const struct gp_sasl_mech *mech = gp_sasl_find(mechanism);
    if (tls && mech && (mech->traits & GP_SASL_NEEDS_PEER)) gp_tls_peer_chain(tls, out);
    return gp_said(out);
}

/* PLAIN and LOGIN show the password itself and say nothing of a channel. */
static bool may_bind(gp_str mechanism)
{
    const struct gp_sasl_mech *mech = gp_sasl_find(mechanism);
    return mech && !(mech->traits & GP_SASL_REVEALS_PASSWORD);
}

void signin_start(struct session *s, const struct gp_smtp_event *ev)
{
    uint8_t        data[64], end_point[64];
    char           chain[GP_TLS_PEER_MOST];
    struct gp_text room   = GP_TEXT(chain);
    bool           binds  = may_bind(ev->text) && conn_tls(s->conn);
    size_t         length = 0;
    struct msg     m      = MSG(SASL_START);
    struct gp_tls *tls    = conn_tls(s->conn);
    if (!gp_copy_z(ev->text, s->mechanism, sizeof s->mechanism)) {
        signin_refused(s, GP_NONE, GP_LIT("the mechanism's name is too long"));
        session_answer(s, failures[GP_SASL_UNKNOWN]);
        return;
    }
    enum gp_sasl_binding binding = binds ? binding_of(tls, data, &length) : GP_BIND_NONE;
    m.sasl_start                 = (struct msg_sasl_start) {
                        .session      = s->id,
                        .has_initial  = ev->more.ptr != NULL,
                        .listener     = s->port->index,
                        .binding      = binding,
                        .binding_data = {(const char *)data,            length        },
                        .end_point    = { (const char *)end_point, binds ? gp_tls_end_point(tls, end_point) : 0 },
                        .mechanism    = ev->text,
                        .initial      = ev->more,
                        .peer         = gp_from(s->peer),
                        .helo         = gp_smtp_server_helo(&s->smtp),
                        .tls_version  = tls ? gp_from(gp_tls_version(tls)) : GP_LIT(""), /* old devices alone get here without */
                        .tls_cipher   = tls ? gp_from(gp_tls_cipher(tls)) : GP_LIT(""),
                        .chain        = chain_for(ev->text, tls, &room),
                        .nameless     = tls && gp_tls_is_nameless(tls),
    };
    s->exchanging = true;
    ipc_ask(s->submit->vault, &m, stepped, s);
    gp_wipe(data, sizeof data);
}

void signin_line(struct session *s, const struct gp_smtp_event *ev)
{
    struct msg m = MSG(SASL_LINE);
    m.sasl_line  = (struct msg_sasl_line) { s->id, gp_smtp_server_line_over(&s->smtp), ev->text };
    ipc_ask(s->submit->vault, &m, stepped, s);
}

void signin_abort(struct session *s)
{
    struct msg ends = MSG(SASL_ABORT), over = MSG(SESSION_END);
    ends.sasl_abort.session  = s->id;
    over.session_end.session = s->id;
    if (s->exchanging)
        (void)ipc_tell(s->submit->vault, &ends);
    else if (s->signed_in)
        (void)ipc_tell(s->submit->vault, &over);
    s->exchanging = false;
}
