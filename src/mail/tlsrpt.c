/* Where reports of TLS go: rua= of the record, a list of URIs that a stranger wrote (RFC 8460 3). */
#include "mail/tlsrpt.h"

#include "mail/records.h"
#include "smtp/smtp.h"

enum { ADDRESS_MOST = 254, PORT_MOST = 65535, HTTPS_PORT = 443, HOST_MOST = 253 };

/* ---- https: -------------------------------------------------------------------------------------------------------------- */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_of_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/* Labels between dots, two at least. Whose last one begins with a digit is taken for an IPv4 address by some (as 127.1, 0x7f.0.0.1):
 * it would lead past the addresses that the name has in DNS. */
static bool is_host(gp_str host)
{
    size_t labels = 0;
    gp_str last   = GP_NONE;
    if (!host.len || host.len > HOST_MOST || host.ptr[host.len - 1] == '.') return false;
    for (gp_str rest = host; rest.len; labels++) {
        last = gp_cut(&rest, '.');
        if (!last.len) return false;
        for (size_t i = 0; i < last.len; i++)
            if (!is_of_name(last.ptr[i])) return false;
    }
    return labels > 1 && !is_digit(last.ptr[0]);
}

/* What follows the host: printable, and no octet that readers of URIs differ about. RFC 8460 3: '!', ',' and ';' are encoded. */
static bool is_path(gp_str path)
{
    static const char not_there[] = "\"<>\\^`{|}#!,;";
    if (path.len && path.ptr[0] != '/' && path.ptr[0] != '?') return false;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= ' ' || path.ptr[i] > '~' || gp_find(gp_from(not_there), path.ptr[i]) < sizeof not_there - 1)
            return false;
    return true;
}

bool gp_https_read(gp_str uri, struct gp_https *out)
{
    static const char scheme[] = "https://";
    uint64_t          port     = HTTPS_PORT;
    size_t            end      = 0;
    if (!gp_starts(uri, scheme) || uri.len > GP_TLSRPT_WAY_MOST) return false;
    gp_str rest = gp_tail(uri, sizeof scheme - 1);
    while (end < rest.len && (is_of_name(rest.ptr[end]) || rest.ptr[end] == '.')) end++;
    out->host = gp_head(rest, end);
    rest      = gp_tail(rest, end);
    if (rest.len && rest.ptr[0] == ':') {
        for (end = 1; end < rest.len && is_digit(rest.ptr[end]);) end++;
        if (!gp_read_number(gp_tail(gp_head(rest, end), 1), PORT_MOST, &port) || !port) return false;
        rest = gp_tail(rest, end);
    }
    out->port = (unsigned)port;
    return is_host(out->host) && is_path(rest);
}

/* ---- mailto: --------------------------------------------------------------------------------------------------------------- */
static bool undo_percent(gp_str text, struct gp_text *out)
{
    while (text.len) {
        char   c = text.ptr[0];
        size_t n = 0;
        if (c == '%' && (text.len < 3 || !gp_read_hex(gp_head(gp_tail(text, 1), 2), &c, 1, &n))) return false;
        gp_put_char(out, c);
        text = gp_tail(text, n ? 3 : 1);
    }
    return !out->cut;
}

/* RFC 6068: one address; what it would have in the header is not asked for. */
static bool read_mail(gp_str uri, struct gp_text *address)
{
    static const char scheme[] = "mailto:";
    struct gp_address parts;
    gp_str            path = gp_tail(uri, sizeof scheme - 1);
    path                   = gp_head(path, gp_find(path, '?'));
    if (!undo_percent(path, address) || address->len > ADDRESS_MOST) return false;
    gp_str said = gp_said(address);
    for (size_t i = 0; i < said.len; i++)
        if (said.ptr[i] <= ' ' || said.ptr[i] > '~') return false;
    return gp_read_address(said, false, &parts) && parts.domain.len && parts.domain.ptr[0] != '[';
}

bool gp_tlsrpt_is_mail(gp_str way)
{
    return gp_starts(way, "mailto:");
}

/* ---- the record -------------------------------------------------------------------------------------------------------------- */
static bool put_way(gp_str uri, unsigned port, struct gp_text *out)
{
    char            room[GP_TLSRPT_WAY_MOST];
    struct gp_text  address = GP_TEXT(room);
    struct gp_https https;
    bool            mail = gp_tlsrpt_is_mail(uri) && read_mail(uri, &address);
    if (!mail && !(gp_https_read(uri, &https) && (https.port == HTTPS_PORT || https.port == port))) return false;
    if (out->room - out->len <= uri.len) return false;
    if (mail) gp_put_z(out, "mailto:");
    gp_put(out, mail ? gp_said(&address) : uri);
    gp_put_char(out, '\n');
    return true;
}

bool gp_tlsrpt_ways(gp_str txt, unsigned port, struct gp_text *out)
{
    size_t count = 0;
    gp_str uris;
    if (!gp_tlsrpt_uris(txt, &uris)) return false;
    while (uris.len && count < GP_TLSRPT_WAYS_MOST) count += put_way(gp_trim(gp_cut(&uris, ',')), port, out);
    return count > 0;
}
