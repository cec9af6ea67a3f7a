/* Replies of a server (RFC 5321 4.2): bounded, of one code, cleaned. What is not a reply ends the session. */
#include "smtp/client_parts.h"

enum {
    REPLY_LINES_MOST = 128,
    REPLY_LINE_MOST  = 2048, /* RFC 5321 4.5.3.1.5 says 512; servers exceed it in rejections */
    CODE_DIGITS      = 3,
    DETAIL_DIGITS    = 3,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Three digits of a reply that ends a command; 1xx does not exist in SMTP. */
static int read_code(gp_str line)
{
    if (line.len < CODE_DIGITS) return 0;
    const char *p = line.ptr;
    if (p[0] < '2' || p[0] > '5' || !is_digit(p[1]) || !is_digit(p[2])) return 0;
    return (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
}

static size_t read_detail(gp_str text) /* how many digits: 1 to 3, or 0 */
{
    size_t n = 0;
    while (n < text.len && is_digit(text.ptr[n])) n++;
    return n <= DETAIL_DIGITS ? n : 0;
}

/* RFC 2034 3: class "." subject "." detail, then a space or the end; its class must be that of the code. 0: none. */
static size_t read_enhanced(gp_str text, int code)
{
    if (text.len < 2 || text.ptr[0] - '0' != code / 100 || text.ptr[1] != '.') return 0;
    size_t subject = read_detail(gp_tail(text, 2)), dot = 2 + subject;
    if (subject == 0 || dot >= text.len || text.ptr[dot] != '.') return 0;
    size_t detail = read_detail(gp_tail(text, dot + 1)), end = dot + 1 + detail;
    return detail > 0 && (end == text.len || text.ptr[end] == ' ') ? end : 0;
}

/* The text goes into logs and bounces: printable ASCII only. */
static void put_clean(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= ' ' && c != 127) gp_put_char(out, c < 128 ? (char)c : '?');
    }
}

static void add_text(struct gp_client_reply *r, gp_str text)
{
    size_t enhanced = read_enhanced(text, r->code);
    if (r->lines == 1) {
        r->enhanced_len      = 0;
        struct gp_text first = GP_TEXT(r->enhanced);
        gp_put(&first, gp_head(text, enhanced));
        r->enhanced_len = first.len;
    }
    text = gp_trim(gp_tail(text, enhanced));
    if (r->text.len > 0 && text.len > 0) gp_put_char(&r->text, ' ');
    put_clean(&r->text, text);
}

/* code [ ("-" / " ") text ] */
static const char *read_line(struct gp_smtp_client *c, enum gp_client_awaits awaits, gp_str line)
{
    struct gp_client_reply *r = &c->reply;
    if (r->whole) {
        *r      = (struct gp_client_reply) { 0 };
        r->text = GP_TEXT(r->text_room);
    }
    int code = read_code(line);
    if (code == 0 || (line.len > CODE_DIGITS && line.ptr[CODE_DIGITS] != ' ' && line.ptr[CODE_DIGITS] != '-'))
        return "the server does not speak SMTP";
    if (r->lines > 0 && code != r->code) return "the server mixed two codes in one reply";
    if (++r->lines > REPLY_LINES_MOST) return "the server's reply has no end";
    r->code  = code;
    r->whole = line.len == CODE_DIGITS || line.ptr[CODE_DIGITS] == ' ';
    r->raw   = gp_tail(line, CODE_DIGITS + 1);
    add_text(r, r->raw);
    if (awaits == GP_AWAITS_EHLO && r->lines > 1 && code == 250) gp_client_note_extension(c, r->raw);
    return NULL;
}

gp_status gp_client_read_reply(struct gp_smtp_client *c, enum gp_client_awaits awaits)
{
    size_t most = awaits == GP_AWAITS_AUTH ? GP_SMTP_AUTH_MOST : REPLY_LINE_MOST, passed;
    gp_str line;
    do {
        gp_status status = gp_lines_next(&c->in, most, &line, &passed);
        if (status == GP_WAIT && c->in.over == 0) return GP_WAIT;
        const char *wrong = status == GP_OK ? read_line(c, awaits, line) : "the server's reply line is too long";
        if (wrong) {
            gp_client_fail(c, wrong);
            return GP_PERMFAIL;
        }
    } while (!c->reply.whole);
    return GP_OK;
}

struct gp_smtp_client_event gp_client_heard(const struct gp_smtp_client *c, enum gp_smtp_client_kind kind)
{
    const struct gp_client_reply *r = &c->reply;
    return (struct gp_smtp_client_event) {
        .kind      = kind,
        .code      = r->code,
        .enhanced  = r->enhanced_len ? (gp_str) {r->enhanced, r->enhanced_len}
              : GP_NONE,
        .text      = gp_said(&r->text),
        .temporary = r->code / 100 == 4,
    };
}
