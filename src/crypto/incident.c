/* Names of incidents: what a person reads off a bounce or a screen, says on the telephone, and types into `gatepost explain`. */
#include "crypto/crypto.h"

enum { LETTERS = GP_INCIDENT_ROOM - 1, BITS = 5, MASK = 31 };

/* Crockford's base32: no I, L, O or U, so that none is read as another, and no word comes out. */
static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void gp_new_incident(char out[static GP_INCIDENT_ROOM])
{
    uint8_t octets[LETTERS];
    gp_random(octets, sizeof octets);
    for (size_t i = 0; i < LETTERS; i++) out[i] = letters[octets[i] & MASK];
    out[LETTERS] = '\0';
}

/* What was meant by a letter that somebody wrote down; NUL: none of ours. */
static char meant_by(char c)
{
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    if (c == 'O') return '0';
    if (c == 'I' || c == 'L') return '1';
    for (const char *at = letters; *at; at++)
        if (*at == c) return c;
    return '\0';
}

bool gp_read_incident(gp_str text, char out[static GP_INCIDENT_ROOM])
{
    out[0] = '\0';
    if (text.len != LETTERS) return false;
    for (size_t i = 0; i < LETTERS; i++) {
        out[i] = meant_by(text.ptr[i]);
        if (!out[i]) return false;
    }
    out[LETTERS] = '\0';
    return true;
}

void gp_put_incident(struct gp_text *text, gp_str incident)
{
    if (incident.len == 0) return;
    gp_put_z(text, " (incident ");
    gp_put(text, incident);
    gp_put_char(text, ')');
}
