/* The message itself (RFC 5321 4.1.1.4, 4.5.2): CR LF at every line's end, leading dots doubled, the dot that ends it. */
#include "talk/parts.h"

enum { ROOM = 16 * 1024, QUIT_MS = 2000 };

/* One line with its end goes into the room, or what of it fits. `at_start`: of a line. */
static gp_str stuff_some(struct gp_text *out, gp_str message, bool *at_start)
{
    while (message.len > 0 && out->room - out->len > 4) {
        char c = message.ptr[0];
        if (*at_start && c == '.') gp_put_char(out, '.');
        *at_start = c == '\n';
        bool crlf = c == '\r' && message.len > 1 && message.ptr[1] == '\n';
        if (c == '\n') gp_put_char(out, '\r');
        if (!crlf) gp_put_char(out, c);
        message = gp_tail(message, 1);
    }
    return message;
}

static bool send_body(struct talk *t, gp_str message)
{
    char room[ROOM];
    bool at_start = true;
    talk_shows_octets(t, message, TALK_COUNT);
    while (message.len > 0) {
        struct gp_text out = GP_TEXT(room);
        message            = stuff_some(&out, message, &at_start);
        if (!talk_put(t, gp_said(&out))) return false;
    }
    return (at_start || talk_put(t, GP_LIT("\r\n"))) && talk_send_raw(t, GP_LIT(".\r\n"), TALK_SHOW);
}

bool talk_message(struct talk *t, gp_str message, struct talk_reply *r)
{
    unsigned before = t->patience;
    *r              = (struct talk_reply) { 0 };
    if (!send_body(t, message)) return false;
    if (!before) t->patience = t->plan->dot_ms ? t->plan->dot_ms : TALK_DOT_MS;
    bool heard  = talk_reply(t, r);
    t->patience = before;
    return heard;
}

void talk_quit(struct talk *t)
{
    struct talk_reply r;
    if (!talk_works(t)) return;
    t->patience = QUIT_MS;
    (void)talk_ask(t, GP_LIT("QUIT"), &r);
}
