/* XOAUTH2 (Google's and Microsoft's, no RFC): what OAUTHBEARER became, without its GS2 header. */
#include "sasl/mechanism.h"

static enum gp_sasl_step read_message(struct gp_sasl *x, gp_str in)
{
    struct gp_bearer b;
    if (!gp_bearer_read(in, &b)) return gp_sasl_malformed(x, b.wrong);
    if (!b.user.ptr) return gp_sasl_malformed(x, "the client's message has no user=");
    if (!gp_sasl_set_user(x, b.user)) return gp_sasl_malformed(x, GP_SASL_BAD_USER);
    return gp_bearer_ask(x, b.token);
}

enum gp_sasl_step gp_sasl_xoauth2_step(struct gp_sasl *x, gp_str in)
{
    return gp_sasl_one_message(x, in, read_message);
}

static enum gp_sasl_step say_message(struct gp_sasl *x)
{
    char           room[GP_SASL_NAME_MOST + 8];
    struct gp_text head = GP_TEXT(room);
    gp_put_z(&head, "user=");
    gp_put(&head, x->user);
    gp_put_char(&head, '\1');
    return gp_bearer_say(x, gp_said(&head));
}

enum gp_sasl_step gp_sasl_xoauth2_client(struct gp_sasl *x, gp_str in)
{
    enum { MESSAGE, REFUSED };
    switch (x->turn++) {
    case MESSAGE: return say_message(x);
    case REFUSED: return gp_bearer_refused(x, in, GP_LIT(""));
    default: return gp_sasl_fail(x, GP_SASL_REFUSED);
    }
}
