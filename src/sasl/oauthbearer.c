/* OAUTHBEARER (RFC 7628): a GS2 header with the name, then pairs with the token. No channel binding is defined for it. */
#include "sasl/mechanism.h"

enum { PORT_MOST = 65535, HEAD_ROOM = 4 * GP_SASL_NAME_MOST, HOST_ROOM = 320 };

static const char bad_header[] = "the client's message does not begin with n,, or n,a=NAME,";

/* "n,a=NAME," or "y,,"; rest: the pairs. NULL: it is well formed. */
static const char *wrong_header(struct gp_sasl *x, gp_str *rest)
{
    char           room[3 * GP_SASL_NAME_MOST];
    struct gp_text name  = GP_TEXT(room);
    gp_str         whole = gp_head(*rest, gp_find(*rest, '\1')), header = whole;
    gp_str         flag = gp_cut(&header, ','), authzid = gp_cut(&header, ',');
    bool           ends = header.ptr && header.len == 0 && whole.len < rest->len;
    if (gp_starts(flag, "p=")) return "channel binding is asked for, which this mechanism has not";
    if (!ends || (!gp_same(flag, GP_LIT("n")) && !gp_same(flag, GP_LIT("y")))) return bad_header;
    *rest   = gp_tail(*rest, whole.len + 1);
    x->user = GP_LIT("");
    if (authzid.len == 0) return NULL;
    gp_str escaped = gp_scram_attribute(&authzid, 'a');
    if (escaped.len == 0) return bad_header;
    return gp_gs2_read_name(escaped, &name) && gp_sasl_set_user(x, gp_said(&name)) ? NULL : GP_SASL_BAD_USER;
}

/* RFC 7628 3.1: where the client believes to be; it is held against what the host knows, if it does. */
static bool is_meant_for_us(const struct gp_sasl *x, const struct gp_bearer *b)
{
    uint64_t port = x->port;
    if (b->port.ptr && (!gp_read_number(b->port, PORT_MOST, &port) || port == 0)) return false;
    if (x->port && port != x->port) return false;
    return !b->host.ptr || (b->host.len > 0 && (!x->host.ptr || gp_alike(b->host, x->host)));
}

static enum gp_sasl_step read_message(struct gp_sasl *x, gp_str in)
{
    struct gp_bearer b;
    const char      *wrong = wrong_header(x, &in);
    if (!wrong && !gp_bearer_read(in, &b)) wrong = b.wrong;
    if (!wrong && !is_meant_for_us(x, &b)) wrong = "host= or port= is of another server";
    if (wrong) return gp_sasl_malformed(x, wrong);
    return gp_bearer_ask(x, b.token);
}

enum gp_sasl_step gp_sasl_oauthbearer_step(struct gp_sasl *x, gp_str in)
{
    return gp_sasl_one_message(x, in, read_message);
}

static enum gp_sasl_step say_message(struct gp_sasl *x)
{
    char           room[HEAD_ROOM + HOST_ROOM];
    struct gp_text head = GP_TEXT(room);
    gp_put_z(&head, "n,a=");
    gp_gs2_put_name(&head, x->user);
    gp_put_z(&head, ",\1");
    if (x->host.len > 0) {
        gp_put_z(&head, "host=");
        gp_put(&head, x->host);
        gp_put_char(&head, '\1');
    }
    if (x->port) {
        gp_put_z(&head, "port=");
        gp_put_number(&head, x->port);
        gp_put_char(&head, '\1');
    }
    return head.cut ? gp_sasl_fail(x, GP_SASL_MALFORMED) : gp_bearer_say(x, gp_said(&head));
}

enum gp_sasl_step gp_sasl_oauthbearer_client(struct gp_sasl *x, gp_str in)
{
    enum { MESSAGE, REFUSED };
    switch (x->turn++) {
    case MESSAGE: return say_message(x);
    case REFUSED: return gp_bearer_refused(x, in, GP_LIT("\1"));
    default: return gp_sasl_fail(x, GP_SASL_REFUSED);
    }
}
