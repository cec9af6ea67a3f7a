/* Lines out, replies in (RFC 5321 4.2). What a server says is bounded, and is a reply or ends the talk. */
#include "talk/parts.h"

enum { LINE_MOST = GP_SMTP_AUTH_MOST /* a challenge, RFC 4954 4 */, MILLI = 1000, CODE = 3 };

bool talk_send_raw(struct talk *t, gp_str octets, enum talk_show how)
{
    if (!talk_works(t)) return false;
    talk_shows_octets(t, octets, how);
    return talk_put(t, octets);
}

bool talk_say(struct talk *t, gp_str line)
{
    char           room[GP_SMTP_COMMAND_MOST * 2];
    struct gp_text text = GP_TEXT(room);
    for (size_t i = 0; i < line.len;
         i++) /* RFC 5321 2.3.8: whoever named an address with a line end in it must not add a command */
        if ((unsigned char)line.ptr[i] < ' ' || line.ptr[i] == 127)
            return talk_refuse(t, "a command cannot hold control octets");
    gp_put(&text, line);
    gp_put_z(&text, "\r\n");
    if (text.cut) return talk_refuse(t, "the command is too long");
    return talk_send_raw(t, gp_said(&text), TALK_SHOW);
}

/* ---- one line ------------------------------------------------------------------------------------------------------------ */
static bool next_line(struct talk *t, gp_str *line, int64_t until)
{
    size_t passed;
    for (;;) {
        gp_status status = gp_lines_next(&t->in, LINE_MOST, line, &passed);
        if (status == GP_OK) return true;
        if (status != GP_WAIT) return talk_fail(t, TALK_NOT_SMTP, "a line of the server is too long", NULL);
        if (!talk_works(t)) return false;
        size_t before = t->in.end - t->in.start;
        (void)talk_take(t, until);
        if (!talk_works(t)) return false;
        if (t->in.end - t->in.start > before) continue;
        if (t->ended) return talk_fail(t, TALK_HUNG_UP, "the server closed the connection", NULL);
        if (talk_now() >= until) return talk_fail(t, TALK_LATE, "no answer came in time", NULL);
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "250-text", "250 text", "250": RFC 5321 4.2. */
static int code_of(gp_str line)
{
    if (line.len < CODE || !is_digit(line.ptr[0]) || !is_digit(line.ptr[1]) || !is_digit(line.ptr[2])) return 0;
    if (line.len > CODE && line.ptr[CODE] != ' ' && line.ptr[CODE] != '-') return 0;
    int code = (line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + (line.ptr[2] - '0');
    return code >= 200 && code <= 599 ? code : 0;
}

/* RFC 2034: class.subject.detail, of the same class as the code. */
static gp_str enhanced_of(gp_str text, int code)
{
    size_t end = gp_find(text, ' '), dots = 0;
    if (end < 5 || end > 9 || text.ptr[0] - '0' != code / 100 || text.ptr[1] != '.') return GP_NONE;
    for (size_t i = 0; i < end; i++) {
        dots += text.ptr[i] == '.';
        if (text.ptr[i] != '.' && !is_digit(text.ptr[i])) return GP_NONE;
    }
    return dots == 2 && is_digit(text.ptr[end - 1]) ? gp_head(text, end) : GP_NONE;
}

static gp_str without(gp_str text, gp_str enhanced)
{
    bool there = enhanced.ptr && gp_same(gp_head(text, enhanced.len), enhanced);
    return there ? gp_trim(gp_tail(text, enhanced.len)) : text;
}

/* ---- a whole reply --------------------------------------------------------------------------------------------------------- */
static const char *const prompts[] = { "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "334 ", "334" };

/* RFC 4954 4: a challenge may hold what helps to guess a password; LOGIN's two questions do not. */
static void show(struct talk *t, gp_str line)
{
    bool plain = !t->challenged || line.len < CODE || !gp_starts(line, "334");
    for (size_t i = 0; !plain && i < GP_COUNT(prompts); i++) plain = gp_same(line, gp_from(prompts[i]));
    talk_shows(t, TALK_SERVER, plain ? line : GP_LIT("334 (a challenge, not shown)"));
}

/* What is reported of a reply is passed on to others: what the server repeats of a sign-in must not be in it. Challenges are answered. */
static void put_text(struct talk *t, gp_str text, int code)
{
    if (t->said_secret && code != 334)
        talk_mask(t, &t->reply, text);
    else
        gp_put(&t->reply, text);
}

/* The enhanced code stands in each line (RFC 2034 4), and is told once. */
static bool add_line(struct talk *t, struct talk_reply *r, gp_str line)
{
    int    code = code_of(line);
    gp_str text = gp_tail(line, CODE + 1);
    if (code == 0 || (r->lines > 0 && code != r->code))
        return talk_fail(t, TALK_NOT_SMTP, "what the server says is no reply of SMTP", NULL);
    if (r->lines == TALK_LINES_MOST) return talk_fail(t, TALK_NOT_SMTP, "a reply of the server does not end", NULL);
    if (r->lines++ == 0) {
        struct gp_text kept = GP_TEXT(t->enhanced);
        gp_put(&kept, enhanced_of(text, code));
        r->code     = code;
        r->enhanced = kept.len ? gp_said(&kept) : GP_NONE;
    } else {
        gp_put_char(&t->reply, '\n');
    }
    put_text(t, without(text, r->enhanced), code);
    return !t->reply.cut || talk_fail(t, TALK_NOT_SMTP, "a reply of the server is too long", NULL);
}

bool talk_reply(struct talk *t, struct talk_reply *r)
{
    unsigned most  = t->patience ? t->patience : t->plan->reply_ms ? t->plan->reply_ms : TALK_REPLY_MS;
    int64_t  until = talk_now() + (int64_t)most * MILLI;
    gp_str   line  = GP_LIT("");
    *r             = (struct talk_reply) { 0 };
    t->reply       = GP_TEXT(t->reply_room);
    do {
        if (!next_line(t, &line, until)) return false;
        show(t, line);
        if (!add_line(t, r, line)) return false;
    } while (line.len > CODE && line.ptr[CODE] == '-');
    r->text = gp_said(&t->reply);
    return true;
}

bool talk_ask(struct talk *t, gp_str line, struct talk_reply *r)
{
    *r = (struct talk_reply) { 0 };
    return talk_say(t, line) && talk_reply(t, r);
}
