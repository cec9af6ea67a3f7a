/* Decisions of the vault that need nothing but their arguments: which mechanism may be used, here and upstream. Pure. */
#ifndef VAULT_POLICY_H
#define VAULT_POLICY_H

#include "base/base.h"

struct gp_sasl_mech;

/* May a client use this mechanism? It must be configured, and one that reveals the password needs TLS. NULL: no. */
const struct gp_sasl_mech *policy_mechanism(gp_str configured, gp_str name, bool tls);
/* What EHLO lists: the configured ones; those that need a secret only when some credential has one, since many clients take the
 * first they know, and would then fail with a right password. */
bool policy_offer(gp_str configured, bool secrets, struct gp_text *out) GP_MUST_USE;
/* Does EHLO list a -PLUS form when there is channel binding? RFC 5802 6: what the downgrade check has to know. */
bool policy_lists_plus(gp_str configured);
/* The best that is allowed, offered and safe on this connection, for signing in upstream. NULL: none. */
const struct gp_sasl_mech *policy_choose(gp_str allowed, gp_str offered, bool tls, bool binding);
/* The name that stands for all names of an account: without the server's own domain. */
gp_str policy_plain_name(gp_str name, gp_str domain);

#endif
