/* What only a message can show: five at most, each to the one address that was named, and saying what it is. */
#include "probe/account.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MOST = 2048 };

static bool begin(struct probe_call *c, struct probe_run *run)
{
    char line[600];
    if (!account_enter(c, run)) return false;
    (void)snprintf(line, sizeof line, "MAIL FROM:<%s>%s", run->account.address,
                   talk_offers(c->talk, "8BITMIME", NULL) ? " BODY=8BITMIME" : "");
    if (call_ask(c, line) / 100 != 2) return false;
    (void)snprintf(line, sizeof line, "RCPT TO:<%s>", run->plan->send_to);
    if (call_ask(c, line) / 100 != 2) return false;
    probe_mark(run);
    return call_ask(c, "DATA") == 354;
}

/* Header and first line; more From fields as they are wanted. */
static gp_str letter(const struct probe_run *run, const char *from, const char *more, const char *subject,
                     char room[static TEXT_MOST])
{
    int len = snprintf(room, TEXT_MOST,
                       "From: <%s>\r\n%s%s%sTo: <%s>\r\nSubject: gatepost check: %s\r\n\r\n"
                       "Sent by `gatepost check` with --send-to, to see whether the server takes it.\r\n",
                       from, more ? "From: <" : "", more ? more : "", more ? ">\r\n" : "", run->plan->send_to, subject);
    return gp_head((gp_str) { room, len > 0 ? (size_t)len : 0 }, TEXT_MOST - 1);
}

static int end(struct probe_call *c)
{
    int code = call_raw(c, GP_LIT("\r\n.\r\n"));
    if (code / 100 == 2) c->run->report->messages++;
    return code;
}

static void try_from(struct probe_run *run, const char *from, const char *more, enum probe_id id, const char *subject)
{
    char      room[TEXT_MOST];
    auto_call c = { 0 };
    if (!begin(&c, run) || !talk_send_raw(c.talk, letter(run, from, more, subject, room), TALK_SHOW)) return;
    int code = end(&c);
    if (code) probe_judge(run, id, code / 100 != 2, "the message is answered with %d", code);
}

/* ---- smuggling ---------------------------------------------------------------------------------------------------------- */
/* All forms in one message: whichever is answered has ended it. */
static const char *answered(struct probe_call *c)
{
    static const struct {
        const char *octets, *name;
    } forms[] = {
        {"\r\n.\n",   "CR LF . LF"},
        { "a\n.\n",   "LF . LF"   },
        { "b\n.\r\n", "LF . CR LF"},
        { "c\r.\r\n", "CR . CR LF"},
        { "d\r.\r",   "CR . CR"   },
    };
    for (size_t i = 0; i < GP_COUNT(forms); i++) {
        if (!talk_send_raw(c->talk, gp_from(forms[i].octets), TALK_SHOW)) return NULL;
        if (talk_pending(c->talk, probe_moment(c->run)).len) return call_hear(c) / 100 == 2 ? forms[i].name : NULL;
    }
    return NULL;
}

static void try_smuggling(struct probe_run *run)
{
    char      room[TEXT_MOST];
    auto_call c = { 0 };
    if (!begin(&c, run) ||
        !talk_send_raw(c.talk, letter(run, run->account.address, NULL, "line ends", room), TALK_SHOW))
        return;
    probe_mark(run);
    const char *form = answered(&c);
    probe_judge(run, FOUND_SMUGGLING_END, !form, "%s is answered with %d: the message ends there", form ? form : "",
                c.reply.code);
    if (form) {
        run->report->messages++;
        talk_close(c.talk); /* what follows must not be read as commands */
        c.talk = NULL;
        return;
    }
    int code = talk_works(c.talk) && c.reply.code == 354 ? end(&c) : c.reply.code;
    if (code)
        probe_judge(run, FOUND_SMUGGLING_TAKES, code / 100 != 2, "a message with bare LF and CR is answered with %d",
                    code);
}

/* ---- what a text may hold ------------------------------------------------------------------------------------------------ */
/* A letter, and these octets behind it; `wide` in their place where 8-bit text may be said (RFC 6152 3). */
static int hand_over(struct probe_run *run, const char *subject, gp_str octets, gp_str wide)
{
    char      room[TEXT_MOST];
    auto_call c = { 0 };
    if (!begin(&c, run) || !talk_send_raw(c.talk, letter(run, run->account.address, NULL, subject, room), TALK_SHOW) ||
        !talk_send_raw(c.talk, wide.ptr && talk_offers(c.talk, "8BITMIME", NULL) ? wide : octets, TALK_COUNT))
        return 0;
    return end(&c);
}

static void try_text(struct probe_run *run)
{
    enum { LINE = 998 };
    char           room[LINE + 8], wide_room[LINE + 8];
    struct gp_text line = GP_TEXT(room), wide = GP_TEXT(wide_room);
    gp_put_z(&wide, "gr\xc3\xbc\xc3\x9f");
    while (line.len < LINE) gp_put_char(&line, 'x');
    while (wide.len < LINE) gp_put_char(&wide, 'x');
    int code = hand_over(run, "a long line", gp_said(&line), gp_said(&wide));
    if (code) probe_judge(run, FOUND_LIMITS_TEXT_LINE, code / 100 != 5, "the message is answered with %d", code);
    code = hand_over(run, "NUL", GP_LIT("a\0b"), GP_NONE);
    if (code) probe_judge(run, FOUND_SMUGGLING_NUL_TEXT, code / 100 != 2, "the message is answered with %d", code);
}

void account_messages(struct probe_run *run)
{
    if (!run->plan->send_to) return;
    try_smuggling(run);
    try_from(run, run->account.other, NULL, FOUND_RELAY_SPOOF_FROM, "another From");
    try_from(run, run->account.address, run->account.other, FOUND_RELAY_MANY_FROM, "two From fields");
    try_text(run);
}
