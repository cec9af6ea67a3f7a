/* The first words: greeting, EHLO's answers in clear and under TLS, and whether what they promise is kept. */
#include "probe/parts.h"

#include <string.h>

#include "smtp/smtp.h"

static bool is_domain(gp_str word)
{
    return gp_find(word, '.') < word.len || gp_starts(word, "[") || gp_is(word, "localhost");
}

/* "Postfix 3.7.10", "Exim 4.96 #2": digits, a dot, digits. */
static bool has_version(gp_str text)
{
    (void)gp_word(&text); /* the name of the server may be an address */
    for (size_t i = 1; i + 1 < text.len; i++) {
        bool before = text.ptr[i - 1] >= '0' && text.ptr[i - 1] <= '9',
             behind = text.ptr[i + 1] >= '0' && text.ptr[i + 1] <= '9';
        if (text.ptr[i] == '.' && before && behind) return true;
    }
    return false;
}

static bool contains(gp_str text, const char *word)
{
    for (size_t i = 0; i < text.len; i++)
        if (gp_starts(gp_tail(text, i), word)) return true;
    return false;
}

static void name_server(struct probe_run *run, gp_str greeting)
{
    for (size_t i = 0; i < PROBE_SERVERS; i++)
        if (contains(greeting, probe_servers[i])) run->report->server = (enum probe_server)i;
}

static void look_at_greeting(struct probe_run *run, gp_str text)
{
    gp_str rest = text, first = gp_word(&rest);
    name_server(run, text);
    probe_fact(run, PROBE_REACH, "220 %.*s", (int)gp_head(text, 200).len, text.ptr);
    probe_judge(run, FOUND_HELLO_GREETING, is_domain(first), "it begins with \"%.*s\"", (int)gp_head(first, 80).len,
                first.ptr);
    probe_judge(run, FOUND_HELLO_VERSION, !has_version(text), "%.*s", (int)gp_head(text, 200).len, text.ptr);
}

/* ---- what EHLO says -------------------------------------------------------------------------------------------------- */
static void look_at_extensions(struct probe_call *c)
{
    static const char *const usual[] = { "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES" };
    char                     room[128];
    struct gp_text           lacks = GP_TEXT(room);
    for (size_t i = 0; i < GP_COUNT(usual); i++) {
        if (talk_offers(c->talk, usual[i], NULL)) continue;
        if (lacks.len) gp_put_z(&lacks, ", ");
        gp_put_z(&lacks, usual[i]);
    }
    probe_judge(c->run, FOUND_HELLO_LACKS, lacks.len == 0, "not offered: %.*s", (int)lacks.len, lacks.ptr);
    probe_judge(c->run, FOUND_LIMITS_NO_SIZE, talk_offers(c->talk, "SIZE", NULL), "SIZE is not offered");
    if (c->run->submission)
        probe_judge(c->run, FOUND_HELLO_OBSOLETE,
                    !talk_offers(c->talk, "ETRN", NULL) && !talk_offers(c->talk, "ATRN", NULL), "EHLO's answer has it");
    c->run->enhanced = talk_offers(c->talk, "ENHANCEDSTATUSCODES", NULL);
}

/* Octets replaced in passing: "XXXXXXXA", "STARTTLX". */
static bool is_rewritten(gp_str offers)
{
    while (offers.len > 0) {
        gp_str line = gp_cut(&offers, '\n'), word = gp_word(&line);
        if (gp_starts(word, "XXXX") || (gp_starts(word, "STARTTL") && !gp_is(word, "STARTTLS"))) return true;
    }
    return false;
}

/* All that EHLO's answer offers, on one line. */
static void tell_offers(struct probe_call *c, const char *when)
{
    char           room[PROBE_SEEN_MOST];
    struct gp_text all   = GP_TEXT(room);
    gp_str         lines = talk_offered(c->talk);
    while (lines.len > 0) {
        if (all.len) gp_put_z(&all, ", ");
        gp_put(&all, gp_trim(gp_cut(&lines, '\n')));
    }
    probe_fact(c->run, PROBE_HELLO, "EHLO %s: %.*s", when, (int)all.len, all.ptr);
}

static void look_at_clear(struct probe_call *c)
{
    struct probe_run *run  = c->run;
    gp_str            auth = GP_LIT("");
    bool              tls = talk_offers(c->talk, "STARTTLS", NULL), stripped = is_rewritten(talk_offered(c->talk));
    tell_offers(c, "in clear");
    (void)talk_offers(c->talk, "AUTH", &auth);
    probe_judge(run, FOUND_TLS_STRIPPED, !stripped, "STARTTLS is not offered, but something in its place");
    if (run->submission || auth.len) probe_judge(run, FOUND_TLS_NONE, tls || stripped, "STARTTLS is not offered");
    probe_judge(run, FOUND_AUTH_CLEAR, !probe_offered(auth, "PLAIN") && !probe_offered(auth, "LOGIN"),
                "AUTH %.*s before STARTTLS", (int)gp_head(auth, 200).len, auth.ptr);
    run->has_tls = tls;
}

static void look_under_tls(struct probe_call *c)
{
    struct probe_run *run  = c->run;
    gp_str            auth = GP_LIT("");
    (void)talk_offers(c->talk, "AUTH", &auth);
    (void)gp_copy_z(gp_head(auth, PROBE_MECHANISMS_ROOM - 1), run->mechanisms, sizeof run->mechanisms);
    if (talk_session(c->talk)) tell_offers(c, "under TLS");
    if (talk_session(c->talk))
        probe_judge(run, FOUND_TLS_AGAIN, !talk_offers(c->talk, "STARTTLS", NULL),
                    "EHLO's answer under TLS has STARTTLS");
    gp_str lines = c->reply.text, first = gp_cut(&lines, '\n'), name = gp_word(&first);
    probe_judge(run, FOUND_HELLO_NAME, is_domain(name), "it begins with \"%.*s\"", (int)gp_head(name, 80).len,
                name.ptr);
}

/* ---- replies ------------------------------------------------------------------------------------------------------------ */
static bool try_codes(struct probe_call *c)
{
    probe_mark(c->run);
    int code = call_ask(c, "RSET");
    if (c->run->enhanced && code == 250)
        probe_judge(c->run, FOUND_HELLO_CODES, c->reply.enhanced.len > 0,
                    "RSET is answered with 250 and no code behind it");
    return code;
}

static bool try_unknown(struct probe_call *c)
{
    probe_mark(c->run);
    int code = call_ask(c, "XGATEPOSTCHECK");
    if (code) probe_judge(c->run, FOUND_HELLO_UNKNOWN, code == 500 || code == 502, "the answer is %d", code);
    return code;
}

/* A server may have forgotten the name that it had: it is told again. */
static bool try_empty_name(struct probe_call *c)
{
    probe_mark(c->run);
    int code = call_ask(c, "EHLO");
    if (code) probe_judge(c->run, FOUND_HELLO_EMPTY, code / 100 == 5, "the answer is %d", code);
    return code && call_hello(c);
}

/* RFC 2920 3.1: these may stand in the middle of a group, NOOP at its end. */
static bool try_pipelining(struct probe_call *c)
{
    enum { COMMANDS = 4 };
    size_t heard = 0;
    if (!talk_offers(c->talk, "PIPELINING", NULL)) return true;
    probe_mark(c->run);
    if (!talk_send_raw(c->talk, GP_LIT("RSET\r\nRSET\r\nRSET\r\nNOOP\r\n"), TALK_SHOW)) return false;
    while (heard < COMMANDS && call_hear(c) == 250) heard++;
    probe_judge(c->run, FOUND_HELLO_PIPELINING, heard == COMMANDS, "four commands at once, %zu answered with 250",
                heard);
    return true;
}

/* ---- a session ------------------------------------------------------------------------------------------------------------ */
/* What was taken may have been the HELO that follows on a refusal. */
static bool takes_ehlo(struct probe_call *c)
{
    char line[GP_SMTP_DOMAIN_MOST + 16];
    (void)snprintf(line, sizeof line, "EHLO %s", c->run->plan->hello);
    return call_ask(c, line) / 100 == 2;
}

/* After bad manners the server may have hung up: then once more, with good ones. */
static bool gets_secure(struct probe_call *c)
{
    struct probe_run *run = c->run;
    if (talk_session(c->talk)) return true;
    probe_clear(c);
    if (probe_starttls(c)) return true;
    call_close(c);
    bool up = call_open(c, run, NULL) && call_hello(c) && talk_starttls(c->talk, &c->reply);
    if (!up) probe_found(run, FOUND_TLS_BROKEN, "%s", c->talk ? talk_why(c->talk) : "no memory");
    return up;
}

static bool greets(struct probe_run *run, struct probe_call *c)
{
    probe_look(run->report, FOUND_HELLO_NO_EHLO);
    probe_look(run->report, FOUND_TLS_BROKEN);
    if (!call_open(c, run, NULL)) return false;
    look_at_greeting(run, c->reply.text);
    bool implicit = talk_session(c->talk);
    if (implicit) probe_before_hello(c);
    if (implicit && !talk_works(c->talk) && !call_open(c, run, NULL)) return false;
    if (call_hello(c) && (talk_offered(c->talk).len || takes_ehlo(c))) return true;
    probe_found(run, FOUND_HELLO_NO_EHLO, "the answer is %d %s", c->reply.code, talk_why(c->talk));
    return false;
}

static bool enters(struct probe_run *run, struct probe_call *c)
{
    if (!greets(run, c)) return false;
    if (talk_session(c->talk))
        run->has_tls = true;
    else
        look_at_clear(c);
    if (talk_session(c->talk) || !run->has_tls) return true;
    if (!gets_secure(c)) return false;
    probe_before_hello(c);
    return (talk_works(c->talk) && call_hello(c)) || call_ready(c, run);
}

void probe_hello(struct probe_run *run)
{
    if (!enters(run, &run->shared)) {
        call_close(&run->shared);
        return;
    }
    run->works = true;
    look_under_tls(&run->shared);
    look_at_extensions(&run->shared);
    call_share(run, try_pipelining);
    call_share(run, try_codes);
    call_share(run, try_unknown);
    call_share(run, try_empty_name);
}
