/* A sign-in of another server's client: its lines go to vault as those of our own clients do, and a verdict comes back.
 *   CLIENT'S TURN  a challenge was passed on: inquiry_line, inquiry_give_up or inquiry_drop comes
 *   VAULT'S TURN   SASL_START or SASL_LINE is asked: stepped() comes
 */
#include "submit/asker.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "sasl/sasl.h"

/* ---- its end ----------------------------------------------------------------------------------------------------- */
static void forget(struct inquiry *e)
{
    struct asker *a = e->asker;
    ipc_forget(a->submit->vault, e);
    a->inquiries[e->slot] = NULL;
    a->open--;
    gp_wipe(e, sizeof *e);
    free(e);
}

static void abort_in_vault(const struct inquiry *e)
{
    struct msg m         = MSG(SASL_ABORT);
    m.sasl_abort.session = e->id;
    if (e->known) (void)ipc_tell(e->asker->submit->vault, &m);
}

void inquiry_drop(struct inquiry *e)
{
    abort_in_vault(e);
    forget(e);
}

static void say_no(struct inquiry *e, bool for_now)
{
    char           line[GP_DOVECOT_ANSWER_ROOM];
    struct gp_text text = GP_TEXT(line);
    struct asker  *a    = e->asker;
    bool           fits = gp_dovecot_server_fail(&a->dovecot, e->slot, for_now, &text);
    forget(e);
    asker_say(a, fits, &text);
}

void inquiry_give_up(struct inquiry *e)
{
    abort_in_vault(e);
    say_no(e, true);
}

static void say_yes(struct inquiry *e, gp_str user)
{
    char           line[GP_DOVECOT_ANSWER_ROOM];
    struct gp_text text = GP_TEXT(line);
    struct asker  *a    = e->asker;
    gp_str         last = e->finishing ? gp_from(e->last_word) : GP_NONE;
    bool           fits = gp_dovecot_server_ok(&a->dovecot, e->slot, user, last, &text);
    forget(e);
    asker_say(a, fits, &text);
}

/* ---- vault's answers --------------------------------------------------------------------------------------------- */
static void stepped(void *owner, gp_status status, const struct msg *m);

static void pass_on(struct inquiry *e, gp_str line)
{
    struct msg m = MSG(SASL_LINE);
    m.sasl_line  = (struct msg_sasl_line) { .session = e->id, .line = line };
    ipc_ask(e->asker->submit->vault, &m, stepped, e);
}

/* SCRAM's server-final-message (RFC 5802 7): after it the client has nothing more to say than that it heard it. */
static bool is_last_word(const struct inquiry *e, gp_str challenge)
{
    enum { FIRST_LETTERS = 4, FIRST_OCTETS = 3 };
    char   octets[FIRST_OCTETS];
    size_t len = 0;
    return gp_starts(gp_from(e->mechanism), "SCRAM-") &&
           gp_read_base64(gp_head(challenge, FIRST_LETTERS), octets, sizeof octets, &len) && len >= 2 &&
           octets[0] == 'v' && octets[1] == '=';
}

static void challenge(struct inquiry *e, gp_str base64)
{
    char           line[GP_DOVECOT_ANSWER_ROOM];
    struct gp_text text = GP_TEXT(line);
    e->finishing        = e->final_resp_ok && !e->finishing && is_last_word(e, base64) &&
                   gp_copy_z(base64, e->last_word, sizeof e->last_word);
    if (e->finishing)
        pass_on(e, GP_LIT(""));
    else
        asker_say(e->asker, gp_dovecot_server_more(&e->asker->dovecot, e->slot, base64, &text), &text);
}

static void stepped(void *owner, gp_status status, const struct msg *m)
{
    struct inquiry               *e = owner;
    const struct msg_sasl_result *r = status == GP_OK && m->type == MSG_SASL_RESULT ? &m->sasl_result : NULL;
    if (r && r->step == GP_SASL_CHALLENGE) {
        challenge(e, r->text);
        return;
    }
    e->known = false;
    if (r && r->step == GP_SASL_DONE && r->account != 0 && r->user.len > 0)
        say_yes(e, r->user);
    else /* a vault that does not say who it is has not said yes */
        say_no(e, !r || r->step != GP_SASL_FAILED || r->why == GP_SASL_UNAVAILABLE);
}

/* ---- the asker's lines ------------------------------------------------------------------------------------------- */
/* Whatever it says is told in our own words: an address, or that it is none. */
static void put_peer(struct gp_text *out, gp_str remote_ip)
{
    enum { NO_PORT };
    struct sockaddr_storage address;
    if (!remote_ip.ptr)
        gp_put_z(out, "local");
    else if (gp_find(remote_ip, '[') == remote_ip.len && address_read(remote_ip, NO_PORT, &address))
        address_put(out, &address, false);
    else
        gp_put_z(out, "unknown");
}

/* Who names no client at all asks for itself, on this machine: no network has seen the password. */
static bool is_secured(const struct gp_dovecot_request *r)
{
    return r->secured || !r->remote_ip.ptr;
}

static const char *objection(const struct gp_dovecot_request *r)
{
    const struct gp_sasl_mech *mech = gp_sasl_find(r->mechanism);
    if (!gp_dovecot_offers(r->mechanism)) return "this mechanism is bound to a connection that is not ours";
    if (mech && (mech->traits & GP_SASL_REVEALS_PASSWORD) && !is_secured(r))
        return "a password in clear: the server that asks does not say that its client has TLS";
    return NULL;
}

static struct inquiry *open_inquiry(struct asker *a, const struct gp_dovecot_event *ev)
{
    struct submit  *role = a->submit;
    struct inquiry *e    = calloc(1, sizeof *e);
    if (!e) return NULL;
    *e = (struct inquiry) {
        .asker = a, .slot = ev->slot, .began = loop_now(role->loop), .final_resp_ok = ev->request.final_resp_ok
    };
    e->id                  = submit_next_session(role);
    a->inquiries[ev->slot] = e;
    a->open++;
    (void)gp_copy_z(gp_head(ev->request.mechanism, sizeof e->mechanism - 1), e->mechanism, sizeof e->mechanism);
    return e;
}

static void ask(struct inquiry *e, const struct gp_dovecot_request *r, gp_str peer)
{
    struct msg m   = MSG(SASL_START);
    bool       tls = is_secured(r);
    m.sasl_start   = (struct msg_sasl_start) {
          .session      = e->id,
          .has_initial  = r->initial.ptr != NULL,
          .binding      = GP_BIND_NONE,
          .binding_data = GP_LIT(""),
          .mechanism    = r->mechanism,
          .initial      = r->initial.ptr ? r->initial : GP_LIT(""),
          .peer         = peer,
          .helo         = GP_LIT(""),
          .tls_version  = !tls                     ? GP_LIT("")
                          : r->tls_version.len > 0 ? r->tls_version
                                                   : GP_LIT("secured"),
          .tls_cipher   = tls && r->tls_cipher.ptr ? r->tls_cipher : GP_LIT(""),
          .listener     = e->asker->port->index,
          .end_point    = GP_LIT(""),
          .chain        = GP_LIT(""),
    };
    e->known = true;
    ipc_ask(e->asker->submit->vault, &m, stepped, e);
}

static void refuse_at_once(struct asker *a, unsigned slot)
{
    char           line[GP_DOVECOT_ANSWER_ROOM];
    struct gp_text text = GP_TEXT(line);
    asker_say(a, gp_dovecot_server_fail(&a->dovecot, slot, true, &text), &text);
}

void inquiry_start(struct asker *a, const struct gp_dovecot_event *ev)
{
    char            room[NET_ADDRESS_ROOM];
    struct gp_text  peer = GP_TEXT(room);
    struct inquiry *e    = a->submit->stopping ? NULL : open_inquiry(a, ev);
    if (!e) {
        refuse_at_once(a, ev->slot);
        return;
    }
    const char *no = objection(&ev->request);
    put_peer(&peer, ev->request.remote_ip);
    LOG(no ? LOG_WARN : LOG_INFO, no ? "refused" : "asked", LOG_N("session", e->id), LOG_N("connection", a->id),
        LOG_S("peer", gp_said(&peer)), LOG_S("service", ev->request.service), LOG_S("mechanism", ev->request.mechanism),
        LOG_Z("reason", no));
    if (no)
        say_no(e, false);
    else
        ask(e, &ev->request, gp_said(&peer));
}

void inquiry_line(struct asker *a, const struct gp_dovecot_event *ev)
{
    pass_on(a->inquiries[ev->slot], ev->data);
}
