/* SASLprep (RFC 4013) and the folding of Nameprep (RFC 3491), by libidn's stringprep. */
#include "sasl/sasl.h"

#include <stringprep.h>
#include <string.h>

enum { PREP_ROOM = 4096 }; /* NFKC can make a string longer; what passes this is nobody's name or password */

/* Printable ASCII is its own SASLprep: nearly every name and password. */
static bool is_plain_ascii(gp_str in)
{
    for (size_t i = 0; i < in.len; i++)
        if (in.ptr[i] < ' ' || in.ptr[i] > '~') return false;
    return true;
}

bool gp_saslprep(gp_str in, bool stored, struct gp_text *out)
{
    if (is_plain_ascii(in)) {
        gp_put(out, in);
        return !out->cut;
    }
    char room[PREP_ROOM];
    if (!gp_is_utf8(in) || !gp_copy_z(in, room, sizeof room)) return false; /* a NUL is prohibited too */
    int result = stringprep(room, sizeof room, stored ? STRINGPREP_NO_UNASSIGNED : 0, stringprep_saslprep);
    if (result == STRINGPREP_OK) gp_put_z(out, room);
    gp_wipe(room, sizeof room);
    return result == STRINGPREP_OK && !out->cut;
}

bool gp_fold_case(gp_str in, struct gp_text *out)
{
    char room[PREP_ROOM];
    if (!gp_is_utf8(in) || !gp_copy_z(in, room, sizeof room)) return false;
    if (stringprep(room, sizeof room, 0, stringprep_nameprep) != STRINGPREP_OK) return false;
    gp_put_z(out, room);
    return !out->cut;
}
