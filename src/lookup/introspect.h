/* Tokens that only their issuer can read: it is asked (RFC 7662). For a thread; what is remembered of it is the loop's affair. */
#ifndef LOOKUP_INTROSPECT_H
#define LOOKUP_INTROSPECT_H

#include "lookup/jwt.h"
#include "web/transfer.h"

/* connection: of the seat, NULL at first. false: cannot tell, and the question says why. */
bool introspection_judge(const struct source *, struct transfer **connection, struct question *, int64_t now,
                         struct verdict *) GP_MUST_USE;
/* What the issuer answered with status 200. false: nothing that can be understood. */
bool introspection_read(gp_str reply, const struct config_lookup *rules, int64_t now, struct verdict *) GP_MUST_USE;

#endif
