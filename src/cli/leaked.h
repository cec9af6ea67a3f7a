/* Is a password one that guessers have? Looked for in a file that lists the SHA-1 of leaked passwords, in the form in which such lists
 * are public: lines "HASH:COUNT", sorted, or a directory of files named after a hash's first five digits, whose lines have the other 35.
 * The file may be larger than memory: it is searched by halves, some dozen short reads. Nothing of the password leaves the process. */
#ifndef CLI_LEAKED_H
#define CLI_LEAKED_H

#include "base/base.h"
#include "config/config.h"

/* OK: it is not in there, or nothing is configured. PERMFAIL: it is. TEMPFAIL: *why, the file cannot be searched. */
gp_status leaked_look(const struct config *, gp_secret password, const char **why) GP_MUST_USE;
/* A line that the search can come to, for tests: OK found, PERMFAIL not, TEMPFAIL no such file or not of this form. */
gp_status leaked_find(int fd, gp_str digits) GP_MUST_USE;

/* What somebody chose for this account: long enough, not its name, not leaked. false: the problem was printed. */
bool password_is_strong(const struct config *, gp_str account, gp_secret password) GP_MUST_USE;
/* The same, for a warning: NULL is fine. */
const char *password_weakness(const struct config *, gp_str account, gp_secret password);

#endif
