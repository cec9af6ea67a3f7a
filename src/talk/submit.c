/* A whole submission (RFC 5321 3.3): sender, recipients, message; in groups where the server offers PIPELINING (RFC 2920). */
#include "talk/parts.h"

enum { GROUP_MOST = 50 };

struct submission {
    struct talk        *talk;
    struct talk_letter *letter;
    struct talk_reply  *reply;
    int                 mail; /* the code of its answer */
};

/* ---- commands: number 0 is MAIL, the others are RCPT ---------------------------------------------------------------------- */
/* RFC 5321 4.1.2: a local part that is a Quoted-string; its length with both quotes, 0: it is none. */
static size_t quoted_part(gp_str address)
{
    if (address.len == 0 || address.ptr[0] != '"') return 0;
    for (size_t i = 1; i + 1 < address.len; i++) {
        if (address.ptr[i] == '\\')
            i++;
        else if (address.ptr[i] == '"')
            return address.ptr[i + 1] == '@' ? i + 1 : 0;
    }
    return 0;
}

/* Whoever named an address with a line end in it must not add a command (RFC 5321 2.3.8), nor a parameter with a blank. */
static bool is_clean(gp_str address)
{
    size_t quoted = quoted_part(address);
    for (size_t i = 0; i < address.len; i++) {
        unsigned char c = (unsigned char)address.ptr[i];
        if (c < ' ' || c == 127 || (c == ' ' && i >= quoted)) return false;
    }
    return true;
}

/* RFC 1870 6.1: SIZE is said where it is offered, so that what is too large is refused before it is sent. */
static void put_params(const struct submission *s, size_t number, struct gp_text *line)
{
    const struct talk_letter *l      = s->letter;
    gp_str                    params = number ? l->recipients[number - 1].params : l->params;
    if (number && l->dsn_is_wish && !talk_offers(s->talk, "DSN", NULL)) params = GP_LIT("");
    bool sizes = !number && talk_offers(s->talk, "SIZE", NULL) && !gp_parameter(params, "SIZE").ptr;
    if (params.len) gp_put_char(line, ' ');
    gp_put(line, params);
    if (!sizes) return;
    gp_put_z(line, " SIZE=");
    gp_put_number(line, (int64_t)l->message.len);
}

static bool put_command(const struct submission *s, size_t number, struct gp_buffer *out)
{
    char           room[GP_SMTP_COMMAND_MOST];
    struct gp_text line    = GP_TEXT(room);
    gp_str         address = number ? s->letter->recipients[number - 1].address : s->letter->sender;
    if (!is_clean(address)) return talk_refuse(s->talk, "an address holds blanks or control octets");
    gp_put_z(&line, number ? "RCPT TO:<" : "MAIL FROM:<");
    gp_put(&line, address);
    gp_put_char(&line, '>');
    put_params(s, number, &line);
    gp_put_z(&line, "\r\n");
    if (line.cut) return talk_refuse(s->talk, "an address with its parameters is too long for SMTP");
    return gp_buffer_add(out, gp_said(&line), GROUP_MOST * sizeof room) || talk_refuse(s->talk, "no memory");
}

static void note(struct talk_recipient *r, const struct talk_reply *answer)
{
    struct gp_text text     = { .ptr = r->text, .room = sizeof r->text - 1 },
                   enhanced = { .ptr = r->enhanced, .room = sizeof r->enhanced - 1 };
    gp_put(&text, gp_head(answer->text, text.room));
    if (answer->enhanced.ptr) gp_put(&enhanced, answer->enhanced);
    for (size_t i = 0; i < text.len; i++)
        if (r->text[i] == '\n') r->text[i] = ' ';
    r->text[text.len]         = '\0';
    r->enhanced[enhanced.len] = '\0';
    r->code                   = answer->code;
}

/* The answers to recipients take the room of the answer to MAIL, which is what a refusal of the sender is reported with. */
static void keep(struct submission *s)
{
    struct gp_text text = GP_TEXT(s->talk->sender_text), enhanced = GP_TEXT(s->talk->sender_enhanced);
    gp_put(&text, gp_head(s->reply->text, text.room));
    if (s->reply->enhanced.ptr) gp_put(&enhanced, s->reply->enhanced);
    s->reply->text     = gp_said(&text);
    s->reply->enhanced = enhanced.len ? gp_said(&enhanced) : GP_NONE;
}

static bool hear(struct submission *s, size_t number)
{
    struct talk_reply answer;
    if (number == 0) {
        if (!talk_reply(s->talk, s->reply)) return false;
        s->mail = s->reply->code;
        keep(s);
        return true;
    }
    if (!talk_reply(s->talk, &answer)) return false;
    note(&s->letter->recipients[number - 1], &answer);
    return true;
}

static bool say_group(struct submission *s, size_t from, size_t until)
{
    struct gp_buffer out  = { 0 };
    bool             fine = true;
    for (size_t i = from; fine && i < until; i++) fine = put_command(s, i, &out);
    fine = fine && talk_send_raw(s->talk, gp_buffer_all(&out), TALK_SHOW);
    gp_buffer_free(&out);
    for (size_t i = from; fine && i < until; i++) fine = hear(s, i);
    return fine;
}

static bool envelope(struct submission *s)
{
    size_t step = talk_offers(s->talk, "PIPELINING", NULL) ? GROUP_MOST : 1, all = s->letter->count + 1, until;
    for (size_t at = 0; at < all; at = until) {
        until = all - at > step ? at + step : all;
        if (!say_group(s, at, until)) return false;
        if (s->mail / 100 != 2) return true;
    }
    return true;
}

static size_t taken(const struct talk_letter *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++) n += l->recipients[i].code / 100 == 2;
    return n;
}

/* ---- all of it ----------------------------------------------------------------------------------------------------------- */
static bool run(struct submission *s, const char **step)
{
    *step = "MAIL";
    if (!envelope(s)) return false;
    if (s->mail / 100 != 2) return talk_refuse(s->talk, "the server refuses the sender");
    *step = "RCPT";
    if (taken(s->letter) == 0) return talk_refuse(s->talk, "the server refuses every recipient");
    *step = "DATA";
    if (!talk_ask(s->talk, GP_LIT("DATA"), s->reply)) return false;
    if (s->reply->code != 354) return talk_refuse(s->talk, "the server does not want the message");
    *step = "message";
    if (!talk_message(s->talk, s->letter->message, s->reply)) return false;
    return s->reply->code / 100 == 2 || talk_refuse(s->talk, "the server refuses the message");
}

bool talk_submit(struct talk *t, struct talk_letter *letter, struct talk_reply *r, const char **step)
{
    struct submission s = { .talk = t, .letter = letter, .reply = r };
    *r                  = (struct talk_reply) { 0 };
    for (size_t i = 0; i < letter->count; i++) letter->recipients[i].code = 0;
    return run(&s, step);
}
