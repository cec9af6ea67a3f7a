/* What a prefix leaves out is 0, so that equal networks are equal octets. */
#include "policy/place.h"

#include <arpa/inet.h>
#include <string.h>

#include "policy/brake.h"

enum { OCTET = 8, ALL = 0xff };

static const uint8_t mapped[PLACE_V4_AT / OCTET] = { [10] = ALL, [11] = ALL };

/* most: how many bits such an address has, as its kind counts them. */
static bool read_address(gp_str text, struct place *out, unsigned *most)
{
    char z[PLACE_TEXT];
    if (!gp_copy_z(text, z, sizeof(z))) return false;
    *most     = PLACE_BITS;
    out->bits = PLACE_BITS;
    if (inet_pton(AF_INET6, z, out->octets) == 1) return true;
    memcpy(out->octets, mapped, sizeof(mapped));
    *most = PLACE_BITS - PLACE_V4_AT;
    return inet_pton(AF_INET, z, out->octets + sizeof(mapped)) == 1;
}

bool place_read(gp_str text, struct place *out)
{
    gp_str   rest = text, address = gp_cut(&rest, '/');
    unsigned most   = 0;
    uint64_t prefix = 0;
    if (!read_address(address, out, &most)) return false;
    if (address.len == text.len) return true;
    if (!gp_read_number(rest, most, &prefix)) return false;
    *out = place_around(out, PLACE_BITS - most + (unsigned)prefix);
    return true;
}

bool place_is_v4(const struct place *p)
{
    return p->bits >= PLACE_V4_AT && memcmp(p->octets, mapped, sizeof(mapped)) == 0;
}

void place_put(struct gp_text *out, const struct place *p)
{
    char     z[PLACE_TEXT];
    bool     v4    = place_is_v4(p);
    unsigned above = v4 ? PLACE_V4_AT : 0;
    if (inet_ntop(v4 ? AF_INET : AF_INET6, p->octets + above / OCTET, z, sizeof(z))) gp_put_z(out, z);
    if (p->bits == PLACE_BITS) return;
    gp_put_char(out, '/');
    gp_put_number(out, p->bits - above);
}

struct place place_around(const struct place *p, unsigned bits)
{
    struct place n = { .bits = bits < p->bits ? bits : p->bits };
    memcpy(n.octets, p->octets, n.bits / OCTET);
    unsigned rest = n.bits % OCTET;
    if (rest) n.octets[n.bits / OCTET] = (uint8_t)(p->octets[n.bits / OCTET] & ~(ALL >> rest));
    return n;
}

bool place_same(const struct place *a, const struct place *b)
{
    return a->bits == b->bits && memcmp(a->octets, b->octets, PLACE_OCTETS) == 0;
}

bool place_covers(const struct place *network, const struct place *p)
{
    struct place around = place_around(p, network->bits);
    return place_same(network, &around);
}

uint64_t place_digest(gp_str address)
{
    enum { PREFIX = 64 / OCTET };
    struct place p;
    unsigned     most;
    if (!read_address(address, &p, &most)) return brake_digest(address);
    const char *octets = (const char *)p.octets;
    if (place_is_v4(&p)) return brake_digest((gp_str) { octets + sizeof(mapped), sizeof(p.octets) - sizeof(mapped) });
    return brake_digest((gp_str) { octets, PREFIX });
}

bool place_in(gp_str networks, const struct place *p)
{
    struct place network;
    for (gp_str word = gp_word(&networks); word.len > 0; word = gp_word(&networks))
        if (place_read(word, &network) && place_covers(&network, p)) return true;
    return false;
}
