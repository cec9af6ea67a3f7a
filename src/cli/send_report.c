/* What became of a submission: for people in words, for programs as JSON, and as exit status. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cli/send.h"
#include "tls/tls.h"

/* ---- what it was -------------------------------------------------------------------------------------------------------- */
static size_t refused(const struct send *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->recipients.count; i++) n += s->to_each[i].code / 100 != 2;
    return n;
}

/* All that was refused was refused for now. */
static bool is_temporary(const struct send *s)
{
    enum talk_fault fault = talk_fault(s->talk);
    if (fault != TALK_NO_FAULT)
        return fault == TALK_NO_CONNECTION || fault == TALK_LATE || fault == TALK_HUNG_UP || fault == TALK_NO_HOST;
    if (strcmp(s->failed, "RCPT") != 0) return s->reply.code / 100 == 4;
    for (size_t i = 0; i < s->recipients.count; i++)
        if (s->to_each[i].code / 100 == 5) return false;
    return true;
}

static int status_of(const struct send *s)
{
    if (!s->failed) return refused(s) ? SEND_PARTLY : CLI_DONE;
    if (is_temporary(s)) return SEND_LATER;
    return strcmp(s->failed, "sign-in") == 0 ? SEND_NO_SIGN_IN : CLI_FAILED;
}

static const char *outcome_of(int status)
{
    static const char *const names[] = { [CLI_DONE]        = "accepted",
                                         [CLI_FAILED]      = "refused",
                                         [SEND_PARTLY]     = "partly accepted",
                                         [SEND_LATER]      = "later",
                                         [SEND_NO_SIGN_IN] = "no sign-in" };
    return (size_t)status < GP_COUNT(names) && names[status] ? names[status] : "refused";
}

/* "queued as ID" (gatepost, Postfix), "OK id=ID" (Exim); else GP_NONE. */
static gp_str queue_id(gp_str text)
{
    static const char *const marks[] = { "queued as ", "id=" };
    for (size_t m = 0; m < GP_COUNT(marks); m++) {
        const char *at = text.len ? memmem(text.ptr, text.len, marks[m], strlen(marks[m])) : NULL;
        if (!at) continue;
        gp_str rest = gp_tail(text, (size_t)(at - text.ptr) + strlen(marks[m]));
        size_t end  = 0;
        while (end < rest.len && rest.ptr[end] > ' ' && rest.ptr[end] < 127 && rest.ptr[end] != ';' &&
               rest.ptr[end] != ',')
            end++;
        return gp_head(rest, end);
    }
    return GP_NONE;
}

static const char *why_of(const struct send *s)
{
    return strcmp(s->failed, "parameters") == 0 ? s->lacking : talk_why(s->talk);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------ */
static json_t *text_of(gp_str text)
{
    return text.ptr && gp_is_utf8(text) ? json_stringn(text.ptr, text.len)
           : text.ptr                   ? json_string("(not UTF-8)")
                                        : json_null();
}

static json_t *reply_json(int code, gp_str enhanced, gp_str text)
{
    return code ? json_pack("{s:i, s:o, s:o}", "code", code, "enhanced", text_of(enhanced), "text", text_of(text))
                : json_null();
}

static json_t *recipients_json(const struct send *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->recipients.count; i++) {
        const struct talk_recipient *r = &s->to_each[i];
        json_t                      *one =
            json_pack("{s:o, s:b, s:o}", "address", text_of(r->address), "accepted", !s->failed && r->code / 100 == 2,
                      "reply", reply_json(r->code, *r->enhanced ? gp_from(r->enhanced) : GP_NONE, gp_from(r->text)));
        (void)json_array_append_new(list, one);
    }
    return list;
}

static json_t *tls_json(const struct send *s)
{
    const struct gp_tls *tls = talk_session(s->talk);
    if (!tls || !gp_tls_shaken(tls)) return json_null();
    return json_pack("{s:s, s:s, s:b}", "version", gp_tls_version(tls), "cipher", gp_tls_cipher(tls), "verified",
                     !s->reach.no_verify);
}

static void print_json(const struct send *s, int status)
{
    enum { MICROS = 1000000 };
    json_t *all = json_pack("{s:s, s:s, s:s, s:o, s:o?, s:o, s:o, s:o, s:o, s:I, s:f}", "outcome", outcome_of(status),
                            "server", s->reach.host, "peer", talk_peer(s->talk), "tls", tls_json(s), "mechanism",
                            s->mechanism ? json_string(s->mechanism) : json_null(), "queue_id",
                            s->failed ? json_null() : text_of(queue_id(s->reply.text)), "reply",
                            reply_json(s->reply.code, s->reply.enhanced, s->reply.text), "problem",
                            s->failed ? json_pack("{s:s, s:s}", "step", s->failed, "reason", why_of(s)) : json_null(),
                            "recipients", recipients_json(s), "size", (json_int_t)gp_buffer_all(&s->message).len,
                            "seconds", (double)talk_micros(s->talk) / MICROS);
    (void)json_dumpf(all, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(all);
}

/* ---- words ------------------------------------------------------------------------------------------------------------------ */
static void print_reply(int code, gp_str enhanced, gp_str text)
{
    const char *meaning = shown_meaning(code, enhanced);
    (void)fprintf(stderr, "  the server says: %d%s%.*s ", code, enhanced.len ? " " : "", (int)enhanced.len,
                  enhanced.ptr ? enhanced.ptr : "");
    cli_print(stderr, text);
    (void)putc('\n', stderr);
    if (meaning) (void)fprintf(stderr, "  that means: %s\n", meaning);
}

static void print_refused(const struct send *s)
{
    for (size_t i = 0; i < s->recipients.count; i++) {
        const struct talk_recipient *r = &s->to_each[i];
        if (r->code / 100 == 2 || !r->code) continue;
        (void)fputs("gatepost: ", stderr);
        cli_print(stderr, r->address);
        (void)fputs(": refused\n", stderr);
        print_reply(r->code, gp_from(r->enhanced), gp_from(r->text));
    }
}

static void print_failure(const struct send *s)
{
    const char *what = talk_peer(s->talk);
    cli_problem(*what ? what : s->reach.host, why_of(s), shown_way_out(talk_fault(s->talk)));
    if (strcmp(s->failed, "RCPT") == 0)
        print_refused(s);
    else if (talk_works(s->talk) && s->reply.code >= 400)
        print_reply(s->reply.code, s->reply.enhanced, s->reply.text);
}

/* RFC 3461 4.1: what --notify asked for, as the one who asked will see it. */
static void print_reports(const struct send *s)
{
    static const struct {
        const char *word, *when;
    } rows[] = {
        {"success",  "once it is delivered"     },
        { "failure", "if it cannot be delivered"},
        { "delay",   "if it is late"            },
    };
    bool first = true;
    if (!s->notify) return;
    if (gp_is(gp_from(s->notify), "never")) {
        (void)puts("nobody will be told if it is not delivered");
        return;
    }
    (void)fputs("a report goes to ", stdout);
    cli_print(stdout, gp_from(s->from));
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        for (gp_str words = gp_from(s->notify); words.len > 0;) {
            if (!gp_is(gp_cut(&words, ','), rows[i].word)) continue;
            (void)printf("%s %s", first ? "" : ",", rows[i].when);
            first = false;
        }
    (void)putchar('\n');
}

static void print_done(const struct send *s)
{
    gp_str id = queue_id(s->reply.text), text = s->reply.text;
    size_t taken = s->recipients.count - refused(s);
    (void)fputs(id.ptr ? "accepted, queued as " : "accepted: ", stdout);
    cli_print(stdout, id.ptr ? id : gp_head(text, gp_find(text, '\n')));
    (void)printf(", for %zu recipient%s\n", taken, taken == 1 ? "" : "s");
    print_reports(s);
    print_refused(s);
}

int send_report(struct send *s)
{
    int status = status_of(s);
    if (s->json) print_json(s, status);
    if (s->failed)
        print_failure(s);
    else if (!s->json)
        print_done(s);
    return status;
}
