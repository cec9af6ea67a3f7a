/* EXTERNAL (RFC 4422 appendix A): who the client is was proved outside, by its TLS certificate; it says at most whom it wants to be. */
#include "sasl/mechanism.h"

static enum gp_sasl_step read_message(struct gp_sasl *x, gp_str in)
{
    x->user = GP_LIT("");
    if (in.len > 0 && !gp_sasl_set_user(x, in))
        return gp_sasl_malformed(x, "the name to act as is not one that can be");
    return gp_sasl_question(x, GP_SASL_IS_EXTERNAL);
}

enum gp_sasl_step gp_sasl_external_step(struct gp_sasl *x, gp_str in)
{
    return gp_sasl_one_message(x, in, read_message);
}

enum gp_sasl_step gp_sasl_external_client(struct gp_sasl *x, gp_str in)
{
    (void)in;
    if (x->turn++ > 0) return gp_sasl_fail(x, GP_SASL_MALFORMED);
    x->proven = true;
    return gp_sasl_say(x, x->authzid.len > 0 || !x->user.ptr ? x->authzid : x->user);
}
