/* What TLS takes: each question is one handshake that a good server refuses, and one whose certificate is looked at. */
#include "probe/parts.h"

#include <string.h>
#include <time.h>

#include "tls/tls.h"

enum {
    TLS_1_0    = 0x0301,
    TLS_1_1    = 0x0302,
    TLS_1_2    = 0x0303,
    CHAIN_ROOM = 64 * 1024,
    DAY_MS     = 86400000,
    SOON_DAYS  = 14
};

/* A session with these settings: it is had, and TLS is up. */
static bool agrees(struct probe_run *run, const struct talk_plan *plan, struct probe_call *c)
{
    return call_open(c, run, plan) && call_secure(c) && talk_session(c->talk);
}

static void try_versions(struct probe_run *run)
{
    static const struct {
        int         version;
        const char *name;
    } old[] = {
        {TLS_1_0,  "TLS 1.0"},
        { TLS_1_1, "TLS 1.1"}
    };
    probe_look(run->report, FOUND_TLS_OLD);
    for (size_t i = 0; i < GP_COUNT(old); i++) {
        struct talk_plan plan = { .ciphers   = "ALL:!aNULL:!eNULL",
                                  .oldest    = old[i].version,
                                  .newest    = old[i].version,
                                  .weak      = true,
                                  .no_verify = true };
        auto_call        c    = { 0 };
        if (!agrees(run, &plan, &c)) continue;
        probe_found(run, FOUND_TLS_OLD, "%s is agreed on, with %s", old[i].name, gp_tls_cipher(talk_session(c.talk)));
        return;
    }
}

static void try_suites(struct probe_run *run)
{
    static const struct {
        const char   *ciphers;
        enum probe_id id;
    } suites[] = {
        {"eNULL:aNULL:EXPORT:RC4:DES", FOUND_TLS_WEAK  },
        { "kRSA",                      FOUND_TLS_STATIC},
    };
    for (size_t i = 0; i < GP_COUNT(suites); i++) {
        struct talk_plan plan = {
            .oldest = TLS_1_2, .newest = TLS_1_2, .weak = true, .no_verify = true, .ciphers = suites[i].ciphers
        };
        auto_call c     = { 0 };
        bool      taken = agrees(run, &plan, &c);
        probe_judge(run, suites[i].id, !taken, "%s is agreed on", taken ? gp_tls_cipher(talk_session(c.talk)) : "");
    }
}

static void try_no_name(struct probe_run *run)
{
    struct talk_plan plan = { .no_verify = true, .server_name = "" };
    auto_call        c    = { 0 };
    bool             up   = agrees(run, &plan, &c);
    probe_judge(run, FOUND_TLS_NO_SNI, up, "%s", c.talk ? talk_why(c.talk) : "no memory");
}

/* ---- STARTTLS ------------------------------------------------------------------------------------------------------------ */
/* It takes no argument. CVE-2011-0411: what was said in clear behind STARTTLS must not be answered under TLS. */
static void try_starttls(struct probe_run *run)
{
    auto_call c = { 0 };
    if (!call_open(&c, run, NULL) || !call_hello(&c)) return;
    probe_mark(run);
    int code = call_ask(&c, "STARTTLS now");
    if (code) probe_judge(run, FOUND_TLS_ARGUMENT, code != 220, "STARTTLS now: %d", code);
    if (code == 220 || code == 0) {
        call_close(&c);
        if (!call_open(&c, run, NULL) || !call_hello(&c)) return;
    }
    probe_mark(run);
    probe_look(run->report, FOUND_TLS_INJECTION);
    if (call_raw(&c, GP_LIT("STARTTLS\r\nNOOP\r\n")) != 220) return;
    if (talk_pending(c.talk, probe_moment(run)).len || !talk_handshake(c.talk)) return;
    talk_patience(c.talk, PROBE_SHORT_MS);
    if (talk_pending(c.talk, 3 * probe_moment(run)).len && call_hear(&c))
        probe_found(run, FOUND_TLS_INJECTION, "NOOP, said in clear, is answered under TLS with %d", c.reply.code);
}

void probe_tls(struct probe_run *run)
{
    if (!run->has_tls) return;
    try_versions(run);
    try_suites(run);
    try_no_name(run);
    if (run->tls == TALK_IMPLICIT) return;
    try_starttls(run);
}

/* ---- the certificate --------------------------------------------------------------------------------------------------- */
static const char *day_of(gp_time when, char room[static 16])
{
    time_t    seconds = (time_t)(when / 1000);
    struct tm day;
    if (!gmtime_r(&seconds, &day) || strftime(room, 16, "%Y-%m-%d", &day) == 0) room[0] = '\0';
    return room;
}

static gp_time now_ms(void)
{
    return (gp_time)time(NULL) * 1000;
}

static void judge_times(struct probe_run *run, const struct gp_certificate_facts *f)
{
    char    from[16], until[16];
    gp_time now   = now_ms();
    bool    valid = f->from <= now && now < f->until;
    probe_judge(run, FOUND_TLS_EXPIRED, valid, "valid from %s to %s", day_of(f->from, from), day_of(f->until, until));
    if (valid)
        probe_judge(run, FOUND_TLS_EXPIRES, f->until - now > (gp_time)SOON_DAYS * DAY_MS, "it ends on %s",
                    day_of(f->until, until));
}

static void judge_key(struct probe_run *run, const struct gp_certificate_facts *f)
{
    enum { RSA_LEAST = 2048, EC_LEAST = 224 };
    const char *kind = f->is_rsa ? "RSA" : "elliptic curve";
    probe_judge(run, FOUND_TLS_SHORT_KEY, f->bits >= (f->is_rsa ? RSA_LEAST : EC_LEAST), "%s, %u bits", kind, f->bits);
    probe_judge(run, FOUND_TLS_WEAK_SIGNATURE, !f->weak || f->own, "signed with MD5 or SHA-1");
}

/* Verified as a client does; what the name and the times are blamed for is not blamed on the chain. */
static void judge_chain(struct probe_run *run, bool timely, bool named)
{
    struct talk_plan plan = { .no_verify = false };
    auto_call        c    = { 0 };
    bool             good = agrees(run, &plan, &c);
    probe_look(run->report, FOUND_TLS_UNTRUSTED);
    if (good || !c.talk || talk_fault(c.talk) != TALK_BAD_TLS) return;
    const char *why        = talk_why(c.talk);
    bool        about_name = strstr(why, "mismatch") != NULL,
         about_time        = strstr(why, "expired") || strstr(why, "not yet valid");
    if ((about_name && !named) || (about_time && !timely)) return;
    probe_found(run, FOUND_TLS_UNTRUSTED, "%s", why);
}

void probe_certificate(struct probe_run *run)
{
    static char                 room[CHAIN_ROOM];
    struct gp_text              chain = GP_TEXT(room);
    struct gp_certificate_facts f;
    char                        until[16];
    auto_call                   c = { 0 };
    if (!run->has_tls || !call_ready(&c, run)) return;
    const struct gp_tls *session = talk_session(c.talk);
    gp_tls_server_chain(session, &chain);
    if (!gp_certificate_read(gp_said(&chain), &f)) return;
    gp_str name  = gp_from(run->plan->expect ? run->plan->expect : run->plan->host);
    bool   named = gp_certificate_is_for(gp_said(&chain), name), timely = f.from <= now_ms() && now_ms() < f.until;
    probe_fact(run, PROBE_TLS, "%s %s; certificate until %s, for %.*s", gp_tls_version(session), gp_tls_cipher(session),
               day_of(f.until, until), (int)gp_head((gp_str) { f.names, f.names_len }, 120).len, f.names);
    probe_judge(run, FOUND_TLS_NO_13, strcmp(gp_tls_version(session), "TLSv1.3") == 0, "%s is the best that it takes",
                gp_tls_version(session));
    judge_times(run, &f);
    judge_key(run, &f);
    probe_judge(run, FOUND_TLS_NAME, named, "it is for %.*s, not for %.*s",
                (int)gp_head((gp_str) { f.names, f.names_len }, 200).len, f.names, (int)name.len, name.ptr);
    call_close(&c);
    judge_chain(run, timely, named);
}
