/* The lines of a password file: NAME:HASH, and whatever other fields after a further colon. Pure. */
#ifndef LOOKUP_PASSWD_LINES_H
#define LOOKUP_PASSWD_LINES_H

#include "base/base.h"

/* The hash in the first line of that name; false: there is no such line. The slice points into the file. */
bool passwd_find(gp_str file, gp_str name, gp_str *hash) GP_MUST_USE;

#endif
