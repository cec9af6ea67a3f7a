/* Finds a name in a password file. A comment begins with #, a line may end in CR LF. */
#include "lookup/passwd_lines.h"

#include <string.h>

bool passwd_find(gp_str file, gp_str name, gp_str *hash)
{
    *hash = GP_NONE;
    if (name.len == 0 || name.ptr[0] == '#' || gp_find(name, ':') < name.len) return false;
    while (file.len) {
        gp_str line = gp_cut(&file, '\n');
        if (line.len <= name.len || line.ptr[name.len] != ':' || memcmp(line.ptr, name.ptr, name.len) != 0) continue;
        gp_str rest = gp_tail(line, name.len + 1);
        if (gp_ends(rest, "\r")) rest = gp_head(rest, rest.len - 1);
        *hash = gp_cut(&rest, ':');
        return true;
    }
    return false;
}
