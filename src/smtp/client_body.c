/* The message on its way out: dots doubled (RFC 5321 4.5.2), and no bare CR or LF ever, so that no server behind can see an
 * end of data where we see none. */
#include "smtp/client_parts.h"

enum { GROWTH_MOST = 4 /* CR LF of a lone CR, and a doubled dot */ };

static void end_line(struct gp_smtp_client *c, struct gp_text *out)
{
    gp_put(out, GP_LIT("\r\n"));
    c->stuff = GP_STUFF_LINE_START;
}

/* One octet that may need more than itself. */
static void put_special(struct gp_smtp_client *c, struct gp_text *out, char octet)
{
    if (c->stuff == GP_STUFF_CR) {
        end_line(c, out);
        if (octet == '\n') return;
    }
    if (octet == '\n') {
        end_line(c, out);
    } else if (octet == '\r') {
        c->stuff = GP_STUFF_CR;
    } else {
        if (octet == '.' && c->stuff == GP_STUFF_LINE_START) gp_put_char(out, '.');
        gp_put_char(out, octet);
        c->stuff = GP_STUFF_MIDDLE;
    }
}

static size_t plain_run(gp_str piece)
{
    size_t n = 0;
    while (n < piece.len && piece.ptr[n] != '\r' && piece.ptr[n] != '\n') n++;
    return n;
}

size_t gp_smtp_client_body(struct gp_smtp_client *c, gp_str piece)
{
    if (c->phase != GP_CLIENT_AT_BODY) return piece.len; /* the session is over; nobody is to wait for room */
    struct gp_text out = gp_client_room(c, GP_CLIENT_LINE_MOST);
    gp_str         in  = piece;
    while (in.len > 0 && out.room - out.len >= GROWTH_MOST) {
        size_t run = 1;
        if (c->stuff == GP_STUFF_MIDDLE && (run = plain_run(gp_head(in, out.room - out.len))) > 0) {
            gp_put(&out, gp_head(in, run));
        } else {
            put_special(c, &out, in.ptr[0]);
            run = 1;
        }
        in = gp_tail(in, run);
    }
    gp_client_wrote(c, &out);
    return piece.len - in.len;
}

bool gp_smtp_client_done(struct gp_smtp_client *c)
{
    static const char *const ends[] = {
        [GP_STUFF_LINE_START] = ".", [GP_STUFF_MIDDLE] = "\r\n.", [GP_STUFF_CR] = "\r\n."
    };
    if (c->phase != GP_CLIENT_AT_BODY) return true;
    c->phase = GP_CLIENT_AT_AFTER;
    return gp_client_command(c, ends[c->stuff], GP_AWAITS_DOT);
}
