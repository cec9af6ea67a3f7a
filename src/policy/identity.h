/* As whom may be written: which addresses an identity stands for, and which display names are somebody's own. Pure: texts in, a yes or
 * a no out; nothing is kept, nothing is looked up. Addresses are in the form in which the store compares them (identity_key). */
#ifndef POLICY_IDENTITY_H
#define POLICY_IDENTITY_H

#include "base/base.h"

enum { POLICY_STARS_MOST = 4, POLICY_NAME_MOST = 4096 };

/* An identity is an address, "@example.org" for all of a domain, or has a star in its local part for any octets: "*-noreply@example.org".
 * An address covers what stands behind a plus too, where `plus` is so: "anna@example.org" is "anna+list@example.org". */
enum policy_cover { POLICY_COVERS_NOT, POLICY_COVERS, POLICY_COVERS_BY_PLUS };
enum policy_cover policy_covers(gp_str identity, gp_str address, bool plus);
/* It stands for one address alone. */
bool policy_is_address(gp_str identity);
/* Could it be an identity? At most POLICY_STARS_MOST stars, none in the domain, and more than stars before it. */
bool policy_stars_are_good(gp_str identity);

/* Does what a reader is shown of an author (decoded, UTF-8) have the name in it, as whole words? Case, width, ligatures, blanks,
 * invisible characters and all of ASCII that is no letter or digit make no difference (NFKC, case folding, RFC 3454 B.1); letters of
 * other scripts that look alike do. What is longer than POLICY_NAME_MOST has every name in it. */
bool policy_shows_name(gp_str shown, gp_str name);
/* Can it be looked for? It has a letter or digit, and is text. */
bool policy_name_is_good(gp_str name);

#endif
