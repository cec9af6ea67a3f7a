/* Reading the octets of A, AAAA, SOA (as they are), CNAME, MX, PTR, TXT, SRV and TLSA records (RFC 1035 3.3, 3.4; RFC 2782; RFC 6698 2.1). libunbound has undone the
 * compression of names; everything else in them is still what a stranger sent. */
#include "net/dns_records.h"

enum { A_LEN = 4, AAAA_LEN = 16, PREFERENCE_LEN = 2, SRV_HEAD = 6, LABEL_MOST = 63 };

/* A label may hold any octet (RFC 2181 11); the names of mail servers hold none that would change what the text means. */
static bool is_label(gp_str label)
{
    for (size_t i = 0; i < label.len; i++)
        if (label.ptr[i] <= ' ' || label.ptr[i] >= 0x7F || label.ptr[i] == '.') return false;
    return true;
}

static bool put_name(gp_str wire, struct gp_text *out)
{
    bool first = true;
    while (wire.len) {
        size_t len   = (unsigned char)wire.ptr[0];
        gp_str label = gp_head(gp_tail(wire, 1), len);
        if (len == 0) return wire.len == 1 && !out->cut;
        if (len > LABEL_MOST || label.len < len || !is_label(label)) return false;
        if (!first) gp_put_char(out, '.');
        gp_put(out, label);
        first = false;
        wire  = gp_tail(wire, 1 + len);
    }
    return false;
}

static bool read_name(gp_str octets, struct gp_text *names, struct dns_record *out)
{
    size_t start = names->len;
    if (octets.len == 0 || octets.len > DNS_NAME_MOST || !put_name(octets, names)) return false;
    out->data = (gp_str) { names->ptr + start, names->len - start };
    return true;
}

static uint16_t number_at(gp_str octets, size_t at)
{
    const unsigned char *two = (const unsigned char *)octets.ptr + at;
    return (uint16_t)(two[0] << 8 | two[1]);
}

static bool read_mx(gp_str octets, struct gp_text *names, struct dns_record *out)
{
    if (octets.len <= PREFERENCE_LEN) return false;
    out->preference = number_at(octets, 0);
    return read_name(gp_tail(octets, PREFERENCE_LEN), names, out);
}

static bool read_srv(gp_str octets, struct gp_text *names, struct dns_record *out)
{
    if (octets.len <= SRV_HEAD) return false;
    out->preference = number_at(octets, 0);
    out->weight     = number_at(octets, 2);
    out->port       = number_at(octets, 4);
    return read_name(gp_tail(octets, SRV_HEAD), names, out);
}

/* Strings with a length octet each; those who use them join them (RFC 7208 3.3, RFC 6376 3.6.2.2). */
static bool read_txt(gp_str octets, struct gp_text *names, struct dns_record *out)
{
    size_t start = names->len;
    while (octets.len) {
        size_t len    = (unsigned char)octets.ptr[0];
        gp_str string = gp_head(gp_tail(octets, 1), len);
        if (string.len < len) return false;
        gp_put(names, string);
        octets = gp_tail(octets, 1 + len);
    }
    out->data = (gp_str) { names->ptr + start, names->len - start };
    return !names->cut;
}

bool dns_read_record(enum dns_type type, gp_str octets, struct gp_text *names, struct dns_record *out)
{
    *out = (struct dns_record) { .data = octets };
    switch (type) {
    case DNS_A: return octets.len == A_LEN;
    case DNS_SOA: return true;
    case DNS_AAAA: return octets.len == AAAA_LEN;
    case DNS_TLSA: return true; /* those of no use are proof that there are some (RFC 7672 2.2) */
    case DNS_MX: return read_mx(octets, names, out);
    case DNS_SRV: return read_srv(octets, names, out);
    case DNS_CNAME:
    case DNS_PTR: return read_name(octets, names, out);
    case DNS_TXT: return read_txt(octets, names, out);
    default: return false;
    }
}
