/* How senders are spoken of: where an address stands, what the client hears of a no, and whose a protected name is. */
#include "policy/identity.h"

#include "store/senders.h"

static const struct sender_place places[] = {
  /* clang-format off */
    { "mail",          SENDER_MAIL,     "this account may not send as that address",  "the sender is not an address",                    "MAIL FROM"     },
    { "from",          SENDER_FROM,     "sender address not yours: ",                 "the From header field is not a list of addresses", "From"          },
    { "sender",        SENDER_SENDER,   "address in Sender not yours: ",              "the Sender header field is not an address",        "Sender"        },
    { "reply-to",      SENDER_REPLY_TO, "address in Reply-To not yours: ",            "the Reply-To header field is not a list of addresses", "Reply-To"  },
    { "resent-from",   SENDER_RESENT,   "address in Resent-From not yours: ",         "the Resent-From header field is not a list of addresses", "Resent-From" },
    { "resent-sender", SENDER_RESENT,   "address in Resent-Sender not yours: ",       "the Resent-Sender header field is not an address", "Resent-Sender" },
  /* clang-format on */
};

const struct sender_place *sender_place_of(gp_str name)
{
    for (size_t i = 0; i < GP_COUNT(places); i++)
        if (gp_is(name, places[i].name)) return &places[i];
    return NULL;
}

bool sender_is_judged(const struct config *config, gp_str sender, gp_str address)
{
    return config->policy.identity.rules[SENDER_MAIL] != SENDER_ALLOW && address.len > 0 && gp_same(address, sender);
}

void sender_put_printable(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) gp_put_char(out, text.ptr[i] < ' ' || text.ptr[i] > '~' ? '?' : text.ptr[i]);
}

/* ---- a no ------------------------------------------------------------------------------------------------------------- */
/* It has signed in, so what it may use is no secret to it; what does not fit is left out whole. */
static void put_own(struct accounts *a, const struct sender_question *q, struct gp_text *out)
{
    struct gp_text longer = *out;
    gp_put_z(&longer, "; yours: ");
    if (!longer.cut && sender_put_own(a, q->account, q->credential, &longer)) *out = longer;
}

struct sender_no sender_say(struct accounts *a, const struct sender_place *place, const struct sender_question *q,
                            const struct sender_verdict *v, struct gp_text *out)
{
    if (v->ended) { /* the credential, the account or the right to act is no more */
        gp_put_z(out, "your sign-in is no longer good, connect and sign in again");
        return (struct sender_no) { 421, "4.7.0" };
    }
    gp_put_z(out, v->unreadable ? place->unreadable : place->not_his);
    if (v->unreadable) return (struct sender_no) { 554, "5.6.0" };
    if (place->field != SENDER_MAIL) sender_put_printable(out, q->address);
    put_own(a, q, out);
    return (struct sender_no) { 550, "5.7.1" };
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */
static gp_status may_use_name(struct accounts *a, int64_t account, const struct config_protected *name)
{
    gp_status status = GP_PERMFAIL;
    gp_str    words  = gp_from(name->accounts);
    for (gp_str word = gp_word(&words); word.len > 0 && status == GP_PERMFAIL; word = gp_word(&words)) {
        struct account one;
        status = accounts_find(a, word, &one);
        if (status == GP_OK && one.id != account) status = GP_PERMFAIL;
    }
    return status;
}

gp_status sender_judge_name(struct accounts *a, const struct config *config, int64_t account, gp_str shown, size_t *at)
{
    for (; *at < config->policy.identity.protected_count; (*at)++) {
        const struct config_protected *name = &config->policy.identity.protected_names[*at];
        gp_status status = policy_shows_name(shown, gp_from(name->name)) ? may_use_name(a, account, name) : GP_OK;
        if (status != GP_OK) return status;
    }
    return GP_OK;
}
