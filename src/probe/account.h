/* What the probes of an account share; all of them need a plan with a user. */
#ifndef PROBE_ACCOUNT_H
#define PROBE_ACCOUNT_H

#include "probe/parts.h"

struct gp_sasl_mech;
struct account_no { int code; char text[200]; }; /* a refusal: what is compared */

/* account.c */
bool account_fits(const struct probe_run *, const struct gp_sasl_mech *); /* the plan's secret is of its kind  */
bool account_sign_in(struct probe_call *, const char *mechanism, const char *user, gp_secret secret);
/* Of a sign-in that failed: it may count as a wrong password there. count: with the right one, so not to be said for ever. */
bool account_said_no(const struct probe_call *);
void account_count(struct probe_call *);
bool account_may_try(const struct probe_run *);                           /* it was not refused too often      */
bool account_enter(struct probe_call *, struct probe_run *);              /* a session, signed in as the user  */
void account_names(struct probe_run *);

void account_bindings(struct probe_run *); /* binding.c: SCRAM, bound wrong on purpose, and downgraded */
void account_times(struct probe_run *);    /* times.c: does the time of a refusal tell?                */
void account_messages(struct probe_run *); /* messages.c: only with send_to                            */

#endif
