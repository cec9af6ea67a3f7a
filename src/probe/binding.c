/* SCRAM with the right password and something wrong about TLS: a binding that is not this connection's must fail, and so must a client
 * that could bind and was told that it need not (RFC 5802 6). */
#include "probe/account.h"

#include <string.h>

#include "sasl/exchange.h"
#include "tls/tls.h"

enum { BINDING_OCTETS = 32 };

static bool say(struct probe_call *c, const char *head, gp_str message)
{
    char           room[GP_SASL_OUT_ROOM + 64];
    struct gp_text line = GP_TEXT(room);
    gp_put_z(&line, head);
    gp_put(&line, message);
    gp_put_z(&line, "\r\n");
    return !line.cut && talk_send_raw(c->talk, gp_said(&line), TALK_MASK);
}

/* The code that ends it; 0: none came. */
static int converse(struct probe_call *c, struct gp_sasl *x, const char *head)
{
    if (!say(c, head, x->out)) return 0;
    int code = call_hear(c);
    while (code == 334) {
        enum gp_sasl_step step = gp_sasl_client_line(x, gp_trim(c->reply.text));
        if (!say(c, "", step == GP_SASL_FAILED ? GP_LIT("*") : x->out)) return 0;
        code = call_hear(c);
    }
    return code;
}

static int sign_in_with(struct probe_call *c, const char *mechanism, gp_str binding)
{
    static struct gp_sasl x;
    char                  head[64];
    (void)snprintf(head, sizeof head, "AUTH %s ", mechanism);
    gp_sasl_init(&x, GP_BIND_TLS_EXPORTER, binding, false);
    x.authzid  = GP_LIT("");
    bool begun = gp_sasl_client_start(&x, gp_from(mechanism), gp_from(c->run->plan->user), c->run->plan->secret) !=
                 GP_SASL_FAILED;
    c->run->hush = true; /* a salt is nobody's business */
    int code     = begun ? converse(c, &x, head) : 0;
    c->run->hush = false;
    gp_sasl_end(&x);
    if (begun && code / 100 != 2 && account_said_no(c)) c->run->report->failed_sign_ins++;
    return code;
}

static void try_one(struct probe_run *run, const char *mechanism, enum probe_id id, const char *what)
{
    char      wrong[BINDING_OCTETS];
    bool      offered = probe_offered(gp_from(run->mechanisms), mechanism);
    auto_call c       = { 0 };
    if (!offered || !call_trusted(&c, run)) return; /* a proof lets a stranger guess */
    gp_random(wrong, sizeof wrong);
    probe_mark(run);
    int code = sign_in_with(&c, mechanism, (gp_str) { wrong, sizeof wrong });
    if (code) probe_judge(run, id, code / 100 != 2, "%s, %s: %d", mechanism, what, code);
}

void account_bindings(struct probe_run *run)
{
    static const char *const hashes[][2] = {
        {"SCRAM-SHA-512-PLUS",  "SCRAM-SHA-512"},
        { "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"},
        { "SCRAM-SHA-1-PLUS",   "SCRAM-SHA-1"  }
    };
    for (size_t i = 0; i < GP_COUNT(hashes) && !run->plan->token; i++) {
        if (!probe_offered(gp_from(run->mechanisms), hashes[i][0])) continue;
        try_one(run, hashes[i][0], FOUND_AUTH_BINDING, "bound to another connection");
        try_one(run, hashes[i][1], FOUND_AUTH_DOWNGRADE, "by a client that was not shown -PLUS");
        return; /* one will do: each is a wrong sign-in for this account */
    }
}
