/* PLAIN (RFC 4616): [authzid] NUL authcid NUL password, in one message. */
#include "sasl/mechanism.h"

/* False: not exactly three fields, or one of them is not what it must be. */
static bool read_message(struct gp_sasl *x, gp_str in)
{
    if (gp_find(in, '\0') == in.len) return false;
    gp_str authzid = gp_cut(&in, '\0');
    if (gp_find(in, '\0') == in.len) return false;
    gp_str authcid = gp_cut(&in, '\0');
    /* A third NUL would stand in the password, where SASLprep prohibits it. */
    return gp_sasl_set_authzid(x, authzid) && gp_sasl_set_user(x, authcid) && gp_sasl_set_secret(x, in);
}

enum gp_sasl_step gp_sasl_plain_step(struct gp_sasl *x, gp_str in)
{
    enum { MESSAGE, VERDICT, MAY_ACT };
    if (!in.ptr) return gp_sasl_say(x, GP_LIT(""));
    switch (x->turn++) {
    case MESSAGE:
        return read_message(x, in) ? gp_sasl_question(x, GP_SASL_IS_PASSWORD) : gp_sasl_fail(x, GP_SASL_MALFORMED);
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
