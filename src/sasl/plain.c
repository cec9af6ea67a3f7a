/* PLAIN (RFC 4616): [authzid] NUL authcid NUL password, in one message. */
#include "sasl/mechanism.h"

static enum gp_sasl_why malformed(struct gp_sasl *x, const char *detail)
{
    return gp_sasl_because(x, GP_SASL_MALFORMED, detail);
}

static enum gp_sasl_why read_message(struct gp_sasl *x, gp_str in)
{
    gp_str authzid = gp_cut(&in, '\0'), both = in, authcid = gp_cut(&in, '\0');
    if (authcid.len == both.len) return malformed(x, "the client's message is not three fields with NULs between");
    if (!gp_sasl_set_authzid(x, authzid)) return malformed(x, "the name to act as is not one that can be");
    if (!gp_sasl_set_user(x, authcid)) return malformed(x, GP_SASL_BAD_USER);
    /* A third NUL would stand in the password, where SASLprep prohibits it. */
    if (!gp_sasl_set_secret(x, in)) return malformed(x, GP_SASL_BAD_SECRET);
    return GP_SASL_NO_REASON;
}

enum gp_sasl_step gp_sasl_plain_step(struct gp_sasl *x, gp_str in)
{
    enum { MESSAGE, VERDICT, MAY_ACT };
    enum gp_sasl_why why;
    if (!in.ptr) return gp_sasl_say(x, GP_LIT(""));
    switch (x->turn++) {
    case MESSAGE:
        why = read_message(x, in);
        return why == GP_SASL_NO_REASON ? gp_sasl_question(x, GP_SASL_IS_PASSWORD) : gp_sasl_fail(x, why);
    case VERDICT: return gp_sasl_acts_for_other(x) ? gp_sasl_question(x, GP_SASL_MAY_ACT) : GP_SASL_DONE;
    case MAY_ACT: return GP_SASL_DONE;
    default: return gp_sasl_fail(x, GP_SASL_MALFORMED);
    }
}

enum gp_sasl_step gp_sasl_plain_client(struct gp_sasl *x, gp_str in)
{
    char           room[2 * GP_SASL_NAME_MOST + GP_SASL_SECRET_MOST + 2];
    struct gp_text text = GP_TEXT(room);
    (void)in;
    if (x->turn++ > 0) return gp_sasl_fail(x, GP_SASL_MALFORMED);
    gp_put(&text, x->authzid);
    gp_put_char(&text, '\0');
    gp_put(&text, x->user);
    gp_put_char(&text, '\0');
    gp_put(&text, (gp_str) { x->secret.ptr, x->secret.len });
    gp_sasl_forget_secret(x);
    x->proven              = true;
    enum gp_sasl_step step = gp_sasl_say(x, gp_said(&text));
    gp_wipe(room, sizeof room);
    return step;
}
