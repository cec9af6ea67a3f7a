/* LOGIN (draft-murchison-sasl-login, never an RFC): a name, then a password, each asked for. */
#include "sasl/mechanism.h"

/* What deployed clients look for; the draft's own wording ("User Name") is not. */
static enum gp_sasl_step ask_name(struct gp_sasl *x)
{
    return gp_sasl_say(x, GP_LIT("Username:"));
}

static enum gp_sasl_step read_name(struct gp_sasl *x, gp_str in)
{
    if (!gp_sasl_set_user(x, in)) return gp_sasl_malformed(x, GP_SASL_BAD_USER);
    return gp_sasl_say(x, GP_LIT("Password:"));
}

static enum gp_sasl_step read_password(struct gp_sasl *x, gp_str in)
{
    if (!gp_sasl_set_secret(x, in)) return gp_sasl_malformed(x, GP_SASL_BAD_SECRET);
    return gp_sasl_question(x, GP_SASL_IS_PASSWORD);
}

enum gp_sasl_step gp_sasl_login_step(struct gp_sasl *x, gp_str in)
{
    enum { NAME, PASSWORD, VERDICT };
    if (!in.ptr) return ask_name(x); /* an initial response is the name: many clients send it so */
    switch (x->turn++) {
    case NAME: return read_name(x, in);
    case PASSWORD: return read_password(x, in);
    case VERDICT: return GP_SASL_DONE;
    default: return gp_sasl_fail(x, GP_SASL_MALFORMED);
    }
}

/* The prompts' wording differs between servers, so only their order counts. */
enum gp_sasl_step gp_sasl_login_client(struct gp_sasl *x, gp_str in)
{
    enum { START, NAME, PASSWORD };
    (void)in;
    switch (x->turn++) {
    case START: return GP_SASL_CHALLENGE; /* no initial response: not every server takes one */
    case NAME: return gp_sasl_say(x, x->user);
    case PASSWORD: {
        enum gp_sasl_step step = gp_sasl_say(x, (gp_str) { x->secret.ptr, x->secret.len });
        gp_sasl_forget_secret(x);
        x->proven = true;
        return step;
    }
    default: return gp_sasl_fail(x, GP_SASL_MALFORMED);
    }
}
