/* The parameters of MAIL and RCPT that were asked for, and the extensions that they need: what a server does not offer is not said. */
#include <stdio.h>
#include <string.h>

#include "cli/send.h"
#include "smtp/smtp.h"

static void put_name(struct gp_text *out, const char *name)
{
    if (out->len) gp_put_char(out, ' ');
    gp_put_z(out, name);
}

static void put_value(struct gp_text *out, const char *name, const char *value)
{
    put_name(out, name);
    gp_put_char(out, '=');
    for (; *value; value++) gp_put_char(out, *value >= 'a' && *value <= 'z' ? (char)(*value - 'a' + 'A') : *value);
}

static int wrong(const char *what, const char *reason)
{
    cli_problem(what, reason, NULL);
    return CLI_WRONG_USE;
}

/* RFC 3461 4.1: never alone, or some of the three. */
static bool is_notify(gp_str text)
{
    bool any = text.len > 0;
    if (gp_is(text, "never")) return true;
    while (text.len > 0 && any) {
        gp_str word = gp_cut(&text, ',');
        any         = gp_is(word, "success") || gp_is(word, "failure") || gp_is(word, "delay");
    }
    return any;
}

static int put_dsn(struct send *s)
{
    if (s->notify && !is_notify(gp_from(s->notify)))
        return wrong("--notify", "is never, or some of success,failure,delay");
    if (s->ret && strcasecmp(s->ret, "full") != 0 && strcasecmp(s->ret, "hdrs") != 0)
        return wrong("--ret", "is full or hdrs");
    if (s->ret) put_value(&s->mail_params, "RET", s->ret);
    if (s->envid) {
        put_name(&s->mail_params, "ENVID=");
        gp_put_xtext(&s->mail_params, gp_from(s->envid));
    }
    if (s->notify) put_value(&s->rcpt_params, "NOTIFY", s->notify);
    if (s->orcpt) {
        put_name(&s->rcpt_params, gp_is_ascii(gp_from(s->orcpt)) ? "ORCPT=rfc822;" : "ORCPT=utf-8;");
        gp_put_xtext(&s->rcpt_params, gp_from(s->orcpt));
    }
    return CLI_DONE;
}

/* What anybody wrote is one word, or it would be a command of its own. */
static int put_given(struct gp_text *out, const struct cli_many *given)
{
    for (size_t i = 0; i < given->count; i++) {
        for (const char *c = given->values[i]; *c; c++)
            if (*c <= ' ' || *c == 127) return wrong(given->values[i], "is no NAME or NAME=VALUE");
        put_name(out, given->values[i]);
    }
    return CLI_DONE;
}

int send_parameters(struct send *s)
{
    s->mail_params = GP_TEXT(s->mail_room);
    s->rcpt_params = GP_TEXT(s->rcpt_room);
    for (size_t i = 0; i < s->recipients.count; i++) s->utf8 = s->utf8 || !gp_is_ascii(s->recipients.list[i]);
    s->utf8  = s->utf8 || !gp_is_ascii(gp_from(s->from)) || !gp_is_ascii(letter_header(gp_buffer_all(&s->message)));
    int stop = put_dsn(s);
    if (s->utf8) put_name(&s->mail_params, "SMTPUTF8");
    if (s->require_tls) put_name(&s->mail_params, "REQUIRETLS");
    if (stop == CLI_DONE) stop = put_given(&s->mail_params, &s->params);
    if (stop == CLI_DONE) stop = put_given(&s->rcpt_params, &s->each_params);
    if (s->mail_params.cut || s->rcpt_params.cut) return wrong("parameters", "are too many for one command");
    return stop;
}

/* ---- what the server offers --------------------------------------------------------------------------------------------- */
/* Parameters whose extension goes by another name; all others are named as their extension. */
static const struct {
    const char *parameter, *extension;
} owners[] = {
    {"RET",        "DSN"          },
    { "ENVID",     "DSN"          },
    { "NOTIFY",    "DSN"          },
    { "ORCPT",     "DSN"          },
    { "BODY",      "8BITMIME"     },
    { "HOLDFOR",   "FUTURERELEASE"},
    { "HOLDUNTIL", "FUTURERELEASE"},
    { "BY",        "DELIVERBY"    },
};

static const char *extension_of(gp_str parameter, char *room, size_t size)
{
    for (size_t i = 0; i < GP_COUNT(owners); i++)
        if (gp_is(parameter, owners[i].parameter)) return owners[i].extension;
    return gp_copy_z(gp_head(parameter, size - 1), room, size) ? room : "";
}

static bool offers_all(struct send *s, gp_str params)
{
    while (params.len > 0) {
        char        room[64];
        gp_str      word = gp_word(&params), name = gp_head(word, gp_find(word, '='));
        const char *extension = extension_of(name, room, sizeof room);
        if (word.len == 0 || talk_offers(s->talk, extension, NULL)) continue;
        (void)snprintf(s->lacking, sizeof s->lacking, "the server does not offer %s, which %.*s needs", extension,
                       (int)gp_head(name, 40).len, name.ptr);
        return false;
    }
    return true;
}

static bool is_too_large(struct send *s)
{
    gp_str   argument = GP_LIT("");
    uint64_t most     = 0;
    size_t   size     = gp_buffer_all(&s->message).len;
    if (!talk_offers(s->talk, "SIZE", &argument) || !gp_read_number(argument, UINT64_MAX, &most) || most == 0 ||
        size <= most)
        return false;
    (void)snprintf(s->lacking, sizeof s->lacking, "the message has %zu octets, and the server takes %llu", size,
                   (unsigned long long)most);
    return true;
}

bool send_offers(struct send *s)
{
    bool ascii = gp_is_ascii(gp_buffer_all(&s->message));
    if (s->eight_bit || (!ascii && talk_offers(s->talk, "8BITMIME", NULL))) put_name(&s->mail_params, "BODY=8BITMIME");
    return offers_all(s, gp_said(&s->mail_params)) && offers_all(s, gp_said(&s->rcpt_params)) && !is_too_large(s);
}
