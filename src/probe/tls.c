/* What TLS takes: each question is one handshake that a good server refuses, and one whose certificate is looked at. */
#include "probe/parts.h"

#include <limits.h>
#include <stdio.h>
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

/* Whoever is turned away before TLS has not been told no to TLS. */
static bool is_refused(const struct probe_call *c)
{
    return c->talk && talk_fault(c->talk) == TALK_BAD_TLS;
}

/* One question for both: a server takes the newer of those that it has. */
static void try_versions(struct probe_run *run)
{
    struct talk_plan plan = {
        .ciphers = "ALL:!aNULL:!eNULL", .oldest = TLS_1_0, .newest = TLS_1_1, .weak = true, .no_verify = true
    };
    auto_call c  = { 0 };
    bool      up = agrees(run, &plan, &c);
    if (!up && !is_refused(&c)) return;
    probe_judge(run, FOUND_TLS_OLD, !up, "%s is agreed on, with %s", up ? gp_tls_version(talk_session(c.talk)) : "",
                up ? gp_tls_cipher(talk_session(c.talk)) : "");
}

/* RFC 9325 4.1: static RSA only is the lesser evil; its suites have no key exchange in their names. */
static bool is_static(const char *cipher)
{
    static const char *const worse[] = { "NULL", "ADH", "AECDH", "EXP", "RC4", "DES-CBC-", "PSK" };
    for (size_t i = 0; i < GP_COUNT(worse); i++)
        if (strstr(cipher, worse[i])) return false;
    return strncmp(cipher, "ECDHE", 5) != 0 && strncmp(cipher, "DHE", 3) != 0;
}

/* What is agreed on of these; "" is what it should be. false: it was not told. */
static bool agreed(struct probe_run *run, const char *ciphers, char room[static 64])
{
    struct talk_plan plan = {
        .oldest = TLS_1_2, .newest = TLS_1_2, .weak = true, .no_verify = true, .ciphers = ciphers
    };
    auto_call c  = { 0 };
    bool      up = agrees(run, &plan, &c);
    (void)snprintf(room, 64, "%s", up ? gp_tls_cipher(talk_session(c.talk)) : "");
    return up || is_refused(&c);
}

/* All that is bad at once; only where something of it is taken there is a second question. */
static void try_suites(struct probe_run *run)
{
    static const char weak[] = "eNULL:aNULL:EXPORT:RC4:DES", fixed[] = "kRSA";
    char              any[64], other[64]                             = "";
    if (!agreed(run, "eNULL:aNULL:EXPORT:RC4:DES:kRSA", any)) return;
    bool is_fixed = any[0] && is_static(any);
    if (any[0]) (void)agreed(run, is_fixed ? weak : fixed, other);
    const char *worst = is_fixed ? other : any, *lesser = is_fixed ? any : other;
    probe_judge(run, FOUND_TLS_WEAK, !worst[0], "%s is agreed on", worst);
    probe_judge(run, FOUND_TLS_STATIC, !lesser[0] || !is_static(lesser), "%s is agreed on", lesser);
}

/* ---- STARTTLS ------------------------------------------------------------------------------------------------------------ */
/* It takes no argument. CVE-2011-0411: what was said in clear behind STARTTLS must not be answered under TLS. */
bool probe_starttls(struct probe_call *c)
{
    struct probe_run *run = c->run;
    probe_mark(run);
    int code = call_ask(c, "STARTTLS now");
    if (code) probe_judge(run, FOUND_TLS_ARGUMENT, code != 220, "STARTTLS now: %d", code);
    if (code == 220 || code == 0) {
        call_close(c);
        if (!call_open(c, run, NULL) || !call_hello(c)) return false;
    }
    probe_mark(run);
    probe_look(run->report, FOUND_TLS_INJECTION);
    if (call_raw(c, GP_LIT("STARTTLS\r\nNOOP\r\n")) != 220) return false;
    if (talk_pending(c->talk, probe_moment(run)).len || !talk_handshake(c->talk)) return false;
    talk_patience(c->talk, PROBE_SHORT_MS);
    if (talk_pending(c->talk, 3 * probe_moment(run)).len && call_hear(c))
        probe_found(run, FOUND_TLS_INJECTION, "NOOP, said in clear, is answered under TLS with %d", c->reply.code);
    talk_patience(c->talk, 0);
    return true;
}

/* ---- sessions ------------------------------------------------------------------------------------------------------------ */
static bool shows(struct probe_run *run, const struct talk_plan *plan, struct probe_call *c,
                  uint8_t leaf[static GP_PEER_FINGERPRINT])
{
    static char    room[CHAIN_ROOM];
    struct gp_text chain = GP_TEXT(room);
    if (!agrees(run, plan, c)) return false;
    gp_tls_server_chain(talk_session(c->talk), &chain);
    return gp_certificate_first(gp_said(&chain), leaf);
}

/* RFC 6066 3: with TLS 1.2 a session is of the name that it was made for, which matters where another name shows another certificate. */
static void try_session_of_another_name(struct probe_run *run)
{
    uint8_t          leaf[GP_PEER_FINGERPRINT], other[GP_PEER_FINGERPRINT];
    struct talk_plan first = { .oldest = TLS_1_2, .newest = TLS_1_2, .weak = true, .no_verify = true }, named = first,
                     again;
    auto_call c = { 0 }, d = { 0 }, e = { 0 };
    named.server_name = "gatepost-check.example.net";
    if (!shows(run, &first, &c, leaf) || !shows(run, &named, &d, other)) return;
    probe_look(run->report, FOUND_TLS_RESUMPTION_NAME);
    again        = named;
    again.resume = memcmp(leaf, other, sizeof leaf) != 0 ? talk_session_kept(c.talk) : NULL;
    if (!again.resume) return;
    if (agrees(run, &again, &e) && gp_tls_resumed(talk_session(e.talk)))
        probe_found(run, FOUND_TLS_RESUMPTION_NAME, "a session of %s is resumed as one of %s", run->plan->host,
                    again.server_name);
    call_close(&e);
    gp_tls_session_close(again.resume);
}

void probe_tls(struct probe_run *run)
{
    if (!run->has_tls) return;
    try_versions(run);
    try_suites(run);
    if (run->plan->thorough) try_session_of_another_name(run);
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

void probe_certificate(struct probe_run *run)
{
    static char                 room[CHAIN_ROOM];
    struct gp_text              chain = GP_TEXT(room);
    struct gp_certificate_facts f;
    char                        until[16];
    struct probe_call          *c = run->has_tls ? call_shared(run, UINT_MAX) : NULL;
    if (!c || !talk_session(c->talk)) return;
    const struct gp_tls *session = talk_session(c->talk);
    gp_tls_server_chain(session, &chain);
    if (!gp_certificate_read(gp_said(&chain), &f)) return;
    gp_str name = gp_from(run->plan->expect ? run->plan->expect : run->plan->host);
    run->named  = gp_certificate_is_for(gp_said(&chain), name);
    run->timely = f.from <= now_ms() && now_ms() < f.until;
    probe_fact(run, PROBE_TLS, "%s %s; certificate until %s, for %.*s", gp_tls_version(session), gp_tls_cipher(session),
               day_of(f.until, until), (int)gp_head((gp_str) { f.names, f.names_len }, 120).len, f.names);
    probe_judge(run, FOUND_TLS_NO_13, strcmp(gp_tls_version(session), "TLSv1.3") == 0, "%s is the best that it takes",
                gp_tls_version(session));
    judge_times(run, &f);
    judge_key(run, &f);
    probe_judge(run, FOUND_TLS_NAME, run->named, "it is for %.*s, not for %.*s",
                (int)gp_head((gp_str) { f.names, f.names_len }, 200).len, f.names, (int)name.len, name.ptr);
}
