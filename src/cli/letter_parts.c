/* A message made of parts: header, text, attachments (RFC 2045, 2046, 2047, 2183, 2231). */
#include "cli/letter.h"

#include <string.h>

#include "crypto/crypto.h"

enum {
    LINE_MOST       = 998 /* RFC 5322 2.1.1 */,
    BASE64_LINE     = 57 /* octets that make a line of 76, RFC 2045 6.8 */,
    WORD_OCTETS     = 45 /* RFC 2047 2: 75 encoded */,
    BOUNDARY_CHANCE = 18
};

static bool add(struct gp_buffer *out, gp_str text)
{
    return gp_buffer_add(out, text, LETTER_MOST);
}

static bool add_z(struct gp_buffer *out, const char *text)
{
    return add(out, gp_from(text));
}

/* ---- words in the header ---------------------------------------------------------------------------------------------------- */
/* As many octets as one encoded word holds, and no character cut in two. */
static size_t word_length(gp_str text)
{
    enum { CONTINUES = 0x80, MASK = 0xc0 };
    size_t n = text.len < WORD_OCTETS ? text.len : WORD_OCTETS;
    while (n < text.len && n > 1 && ((unsigned char)text.ptr[n] & MASK) == CONTINUES) n--;
    return n;
}

static bool add_words(struct gp_buffer *out, gp_str text)
{
    bool first = true;
    if (gp_is_ascii(text)) return add(out, text);
    while (text.len > 0) {
        char           room[GP_BASE64_ROOM(WORD_OCTETS) + 32];
        struct gp_text word = GP_TEXT(room);
        gp_str         head = gp_head(text, word_length(text));
        gp_put_z(&word, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        gp_put_base64(&word, head);
        gp_put_z(&word, "?=");
        if (!add(out, gp_said(&word))) return false;
        text  = gp_tail(text, head.len);
        first = false;
    }
    return true;
}

/* RFC 2231 4: a name that is not plain ASCII goes percent-encoded. */
static bool add_file_name(struct gp_buffer *out, gp_str name)
{
    bool plain = true, fine;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        plain  = plain && c >= ' ' && c < 127 && c != '"' && c != '\\';
    }
    if (plain) return add_z(out, "\"") && add(out, name) && add_z(out, "\"");
    fine = add_z(out, "UTF-8''");
    for (size_t i = 0; fine && i < name.len; i++) {
        char           room[4];
        struct gp_text text = GP_TEXT(room);
        char           c    = name.ptr[i];
        bool           safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                    c == '-' || c == '_';
        if (!safe) gp_put_char(&text, '%');
        if (safe)
            gp_put_char(&text, c);
        else
            gp_put_hex(&text, (gp_str) { &c, 1 });
        fine = add(out, gp_said(&text));
    }
    return fine;
}

/* ---- bodies ------------------------------------------------------------------------------------------------------------------- */
static bool add_base64(struct gp_buffer *out, gp_str octets)
{
    bool fine = true;
    for (; fine && octets.len > 0; octets = gp_tail(octets, BASE64_LINE)) {
        char           room[GP_BASE64_ROOM(BASE64_LINE) + 2];
        struct gp_text line = GP_TEXT(room);
        gp_put_base64(&line, gp_head(octets, BASE64_LINE));
        gp_put_z(&line, "\r\n");
        fine = add(out, gp_said(&line));
    }
    return fine;
}

/* Text that every server passes on as it is; anything else goes as base64. */
static bool is_plain(gp_str text)
{
    size_t line = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c    = text.ptr[i];
        bool ends = c == '\n' && i > 0 && text.ptr[i - 1] == '\r',
             cr   = c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n';
        if ((unsigned char)c > 126 || (c < ' ' && c != '\t' && !ends && !cr)) return false;
        line = ends ? 0 : line + 1;
        if (line > LINE_MOST) return false;
    }
    return true;
}

static bool add_text(struct gp_buffer *out, gp_str text)
{
    bool plain = is_plain(text);
    return add_z(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ") &&
           add_z(out, plain ? "7bit\r\n\r\n" : "base64\r\n\r\n") &&
           (plain ? add(out, text) && (gp_ends(text, "\r\n") || add_z(out, "\r\n")) : add_base64(out, text));
}

static const char *type_of(gp_str name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".txt",   "text/plain"      },
        { ".html", "text/html"       },
        { ".csv",  "text/csv"        },
        { ".json", "application/json"},
        { ".xml",  "application/xml" },
        { ".pdf",  "application/pdf" },
        { ".zip",  "application/zip" },
        { ".gz",   "application/gzip"},
        { ".png",  "image/png"       },
        { ".jpg",  "image/jpeg"      },
        { ".jpeg", "image/jpeg"      },
        { ".gif",  "image/gif"       },
        { ".svg",  "image/svg+xml"   },
    };
    for (size_t i = 0; i < GP_COUNT(types); i++)
        if (gp_ends(name, types[i].ending)) return types[i].type;
    return "application/octet-stream";
}

static bool add_attachment(struct gp_buffer *out, const char *path)
{
    struct gp_buffer octets = { 0 };
    const char      *slash  = strrchr(path, '/');
    gp_str           name   = gp_from(slash ? slash + 1 : path);
    if (!letter_octets(path, &octets)) return false;
    bool star = !gp_is_ascii(name) || gp_find(name, '"') < name.len || gp_find(name, '\\') < name.len;
    bool fine = add_z(out, "Content-Type: ") && add_z(out, type_of(name)) &&
                add_z(out, "\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename") &&
                add_z(out, star ? "*=" : "=") && add_file_name(out, name) && add_z(out, "\r\n\r\n") &&
                add_base64(out, gp_buffer_all(&octets));
    gp_buffer_free(&octets);
    if (!fine) cli_problem(path, "is too large for a message", NULL);
    return fine;
}

/* ---- all of it -------------------------------------------------------------------------------------------------------------------- */
/* No line of --header says it. */
static bool is_open(const struct letter_parts *p, const char *field)
{
    return !letter_field_is_given(p->headers->values, p->headers->count, field);
}

static bool add_to(const struct letter_parts *p, struct gp_buffer *out)
{
    bool fine = add_z(out, "To: ");
    for (size_t i = 0; fine && i < p->to_count; i++)
        fine = add_z(out, i ? ",\r\n <" : "<") && add_z(out, p->to[i]) && add_z(out, ">");
    return fine && add_z(out, "\r\n");
}

static bool add_header(const struct letter_parts *p, struct gp_buffer *out)
{
    bool fine = true;
    if (is_open(p, "From")) fine = add_z(out, "From: <") && add(out, p->from) && add_z(out, ">\r\n");
    if (fine && p->to_count && is_open(p, "To")) fine = add_to(p, out);
    if (fine && p->subject.ptr && is_open(p, "Subject"))
        fine = add_z(out, "Subject: ") && add_words(out, p->subject) && add_z(out, "\r\n");
    return fine && (!is_open(p, "MIME-Version") || add_z(out, "MIME-Version: 1.0\r\n"));
}

static bool add_parts(const struct letter_parts *p, struct gp_buffer *out)
{
    uint8_t        chance[BOUNDARY_CHANCE];
    char           room[2 * BOUNDARY_CHANCE + 16];
    struct gp_text boundary = GP_TEXT(room);
    gp_random(chance, sizeof chance);
    gp_put_z(&boundary, "\r\n--"); /* in hex: no line of base64 or of the text begins with it */
    gp_put_hex(&boundary, (gp_str) { (const char *)chance, sizeof chance });
    gp_str line = gp_said(&boundary), name = gp_tail(line, 4);
    bool   fine = add_z(out, "Content-Type: multipart/mixed; boundary=\"") && add(out, name) && add_z(out, "\"\r\n") &&
                add(out, line) && add_z(out, "\r\n") && add_text(out, p->body);
    for (size_t i = 0; fine && i < p->attachments->count; i++) {
        if (!add(out, line) || !add_z(out, "\r\n")) return false;
        if (!add_attachment(out, p->attachments->values[i])) return false;
    }
    return fine && add(out, line) && add_z(out, "--\r\n");
}

bool letter_compose(const struct letter_parts *p, struct gp_buffer *out)
{
    return add_header(p, out) && (p->attachments->count ? add_parts(p, out) : add_text(out, p->body));
}
