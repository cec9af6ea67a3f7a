/* Ways to open a session. Probes need some anyway: so one resumes TLS, one verifies the certificate, one names no server. */
#include "probe/parts.h"

#include <string.h>

#include "tls/tls.h"

static bool opens(struct probe_run *run, const struct talk_plan *plan, struct probe_call *c)
{
    return call_open(c, run, plan) && call_secure(c);
}

/* RFC 8446 2.2, RFC 5077. A ticket is a promise that may be broken, as where many servers share a name; it is a note. */
static bool resumed(struct probe_run *run, struct probe_call *c)
{
    struct talk_plan plan = { .weak = true, .no_verify = true, .resume = run->ticket };
    bool             up   = opens(run, &plan, c);
    if (up && talk_session(c->talk))
        probe_judge(run, FOUND_TLS_RESUMPTION, run->ticket && gp_tls_resumed(talk_session(c->talk)), "%s",
                    run->ticket ? "the session could be resumed, and was not" : "no ticket was given");
    return up;
}

/* As a client does; what the name and the times are blamed for is not blamed on the chain. */
static bool verified(struct probe_run *run, struct probe_call *c)
{
    struct talk_plan plan = { .no_verify = false };
    bool             up   = opens(run, &plan, c);
    probe_look(run->report, FOUND_TLS_UNTRUSTED);
    if (up || !c->talk || talk_fault(c->talk) != TALK_BAD_TLS) return up;
    const char *why        = talk_why(c->talk);
    bool        about_name = strstr(why, "mismatch") != NULL,
         about_time        = strstr(why, "expired") || strstr(why, "not yet valid");
    if (!(about_name && !run->named) && !(about_time && !run->timely)) probe_found(run, FOUND_TLS_UNTRUSTED, "%s", why);
    return false;
}

static bool nameless(struct probe_run *run, struct probe_call *c)
{
    struct talk_plan plan = { .weak = true, .no_verify = true, .server_name = "" };
    bool             up   = opens(run, &plan, c) && talk_session(c->talk);
    if (up || (c->talk && talk_fault(c->talk) == TALK_BAD_TLS))
        probe_judge(run, FOUND_TLS_NO_SNI, up, "%s", talk_why(c->talk));
    return up;
}

static bool (*const ways[PROBE_WAYS])(struct probe_run *, struct probe_call *) = { resumed, verified, nameless };

bool probe_next_way(struct probe_run *run, struct probe_call *c)
{
    while (run->has_tls && run->works && run->ways < PROBE_WAYS && !run->had_enough) {
        if (ways[run->ways++](run, c)) return true;
        call_close(c);
    }
    return !run->had_enough && call_ready(c, run);
}

/* Those that no probe had a need for. */
void probe_other_ways(struct probe_run *run)
{
    while (run->has_tls && run->works && run->ways < PROBE_WAYS && !run->had_enough) {
        call_end_sharing(run);
        (void)call_shared(run, 0);
    }
}
