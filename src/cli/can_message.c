/* gatepost can: the rules about a message itself, as vault and smtpd ask them: sender and authors, size, recipients, and the way it would take. */
#include "cli/can.h"
#include "smtp/smtp.h"
#include "store/moment.h"
#include "store/senders.h"

enum { SENTENCE = CAN_TEXT - 1 };

/* ---- as whom -------------------------------------------------------------------------------------------------------------- */
static void say_sender(struct can *c, enum can_word word, const char *rule, gp_str address, const char *more)
{
    char           room[SENTENCE];
    struct gp_text text = GP_TEXT(room);
    if (address.len) sender_put_printable(&text, gp_head(address, ACCOUNT_ADDRESS_MOST));
    if (!address.len) gp_put_z(&text, "<>");
    can_say(c, word, rule, gp_said(&text), gp_from(more));
}

static bool refuse_sender(struct can *c, const char *rule, const struct sender_place *place,
                          const struct sender_question *q, const struct sender_verdict *v)
{
    char             room[CAN_TEXT], why[SENTENCE];
    struct gp_text   reply = { .ptr = room, .room = CAN_TEXT - 1 }, more = { .ptr = why, .room = SENTENCE - 1 };
    struct sender_no no = sender_say(c->store->accounts, place, q, v, &reply);
    gp_put_z(&more, ": ");
    gp_put_z(&more, v->why);
    why[more.len] = '\0';
    say_sender(c, CAN_NO, rule, q->address, why);
    return can_refuse(c, no.code, no.enhanced, gp_said(&reply));
}

static struct sender_question question_of(const struct can *c, int64_t credential, const struct sender_place *place,
                                          gp_str address)
{
    return (struct sender_question) { .account    = c->acting.id,
                                      .credential = credential,
                                      .field      = place->field,
                                      .address    = address,
                                      .now        = c->now,
                                      .local      = moment_local(c->now) };
}

unsigned can_fits(const struct can *c, int64_t credential)
{
    struct sender_verdict        v;
    const struct sender_question mail = question_of(c, credential, sender_place_of(GP_LIT("mail")), c->from);
    const struct sender_question from = question_of(c, credential, sender_place_of(GP_LIT("from")), c->header_from);
    unsigned                     fits =
        sender_judge(c->store->accounts, &c->store->config, &mail, &v) == GP_OK && !v.shadowed && !v.rewritten;
    return fits +
           (sender_judge(c->store->accounts, &c->store->config, &from, &v) == GP_OK && !v.shadowed && !v.rewritten);
}

static bool judge_sender(struct can *c, const char *rule, gp_str where, gp_str address, struct sender_verdict *v)
{
    const struct sender_place *place  = sender_place_of(where);
    struct sender_question     q      = question_of(c, c->credential, place, address);
    gp_status                  status = sender_judge(c->store->accounts, &c->store->config, &q, v);
    if (status == GP_TEMPFAIL) return can_store_failed(c);
    if (status == GP_PERMFAIL) return refuse_sender(c, rule, place, &q, v);
    if (v->shadowed)
        say_sender(c, CAN_WOULD, rule, address, ": it is not the account's, and policy.identity is in shadow");
    if (v->rewritten) {
        say_sender(c, CAN_YES, rule, address, ": it is not the account's, and is replaced");
        can_say(c, CAN_SKIPPED, rule, GP_LIT("by "), gp_from(v->instead));
    }
    if (!v->shadowed && !v->rewritten) say_sender(c, CAN_YES, rule, address, "");
    return true;
}

bool can_ask_sender(struct can *c)
{
    struct sender_verdict v;
    if (!judge_sender(c, "sender", GP_LIT("mail"), c->from, &v)) return false;
    if (v.rewritten && gp_copy_z(gp_from(v.instead), c->instead, sizeof(c->instead))) c->from = gp_from(c->instead);
    return true;
}

static bool ask_name(struct can *c)
{
    const struct config *config = &c->store->config;
    enum policy_mode     mode   = config->policy.identity.names;
    gp_status            status = GP_OK;
    for (size_t at = 0; c->wish->header_name && mode != POLICY_OFF; at++) {
        status = sender_judge_name(c->store->accounts, config, c->acting.id, gp_from(c->wish->header_name), &at);
        if (status != GP_PERMFAIL) break;
        gp_str name = gp_from(config->policy.identity.protected_names[at].name);
        can_say(c, mode == POLICY_ENFORCE ? CAN_NO : CAN_WOULD, "name", GP_LIT("protected, and not the account's: "),
                name);
        if (mode == POLICY_ENFORCE) return can_refuse(c, 550, "5.7.1", GP_LIT(SENDER_NAME_NOT_HIS));
    }
    return status != GP_TEMPFAIL || can_store_failed(c);
}

/* As the vault asks it: DKIM vouches for no author whom shadow alone lets through. */
static void say_unsigned(struct can *c)
{
    const struct config   *config = &c->store->config;
    struct sender_question q      = question_of(c, c->credential, sender_place_of(GP_LIT("from")), c->header_from);
    struct sender_verdict  v;
    if (config->policy.identity.mode != POLICY_SHADOW || config->policy.identity.sign_in_shadow || !config->dkim.sign)
        return;
    if (sender_judge(c->store->accounts, config, &q, &v) != GP_OK || v.shadowed)
        can_say(c, CAN_SKIPPED, "signature", GP_LIT("unsigned: "),
                GP_LIT("DKIM does not sign for an author whom policy.identity lets through in shadow alone"));
}

/* In the order of a header as most clients write it. */
bool can_ask_authors(struct can *c)
{
    const struct {
        const char *rule, *where, *address;
    } fields[] = {
        {"author",       "from",     c->wish->header_from  },
        { "in Sender",   "sender",   c->wish->header_sender},
        { "in Reply-To", "reply-to", c->wish->reply_to     },
    };
    for (size_t i = 0; i < GP_COUNT(fields); i++) {
        struct sender_verdict v;
        gp_str                address = i == 0 ? c->header_from : gp_from(fields[i].address ? fields[i].address : "");
        if (!fields[i].address && i > 0) continue;
        if (sender_is_judged(&c->store->config, c->from, address)) continue;
        if (!judge_sender(c, fields[i].rule, gp_from(fields[i].where), address, &v)) return false;
    }
    say_unsigned(c);
    return ask_name(c);
}

/* ---- how much, to whom ----------------------------------------------------------------------------------------------------- */
bool can_ask_size(struct can *c)
{
    char                      room[64];
    struct gp_text            text = GP_TEXT(room);
    const struct legacy_lane *lane = can_lane(c);
    uint64_t                  most = c->store->config.limits.message_size;
    if (lane && lane->message_size < most) most = lane->message_size;
    if (!c->wish->size) return true;
    gp_put_number(&text, (int64_t)c->size);
    gp_put_z(&text, " octets; the limit is ");
    gp_put_number(&text, (int64_t)most);
    can_say(c, c->size <= most ? CAN_YES : CAN_NO, "size", gp_said(&text), GP_LIT(""));
    return c->size <= most || can_refuse(c, 552, "5.3.4", GP_LIT("message is larger than the limit"));
}

static unsigned recipients_most(const struct can *c)
{
    const struct legacy_lane *lane = can_lane(c);
    unsigned                  most = c->store->config.limits.recipients;
    return lane && lane->recipients_per_message < most ? lane->recipients_per_message : most;
}

static bool ask_recipient(struct can *c, size_t i)
{
    struct gp_address address;
    gp_str            to = gp_from(c->wish->to.values[i]);
    bool              is = gp_read_address(to, true, &address) && address.domain.len > 0;
    can_say(c, is ? CAN_YES : CAN_NO, "recipient", to, is ? GP_LIT("") : GP_LIT(" is not an address"));
    if (!is) return can_refuse(c, 501, "5.1.3", GP_LIT("bad recipient address"));
    if (i >= recipients_most(c)) {
        can_say(c, CAN_NO, "recipients", GP_LIT("more than `limits.recipients`, or the listener, allows"), GP_LIT(""));
        return can_refuse(c, 452, "4.5.3", GP_LIT("too many recipients"));
    }
    if (!can_ask_lane_recipient(c, to)) return false;
    if (i < c->recipients_may) return true;
    can_say(c, CAN_NO, "recipients", GP_LIT("more than policy.limits has left now"), GP_LIT(""));
    if (c->enough_len) return can_refuse(c, 452, "4.7.1", (gp_str) { c->enough, c->enough_len });
    return can_refuse(c, 452, "4.5.3", GP_LIT("no more recipients for now, send to the others later"));
}

bool can_ask_recipients(struct can *c)
{
    bool on = true;
    for (size_t i = 0; on && i < c->wish->to.count; i++) on = ask_recipient(c, i);
    return on;
}

/* ---- which way ------------------------------------------------------------------------------------------------------------- */
static void put_way(struct gp_text *out, const struct config_route *route, const struct config_hop *hop)
{
    gp_put_z(out, route ? " by the route " : " by ");
    gp_put_z(out, route ? route->name : "relay.via");
    gp_put_z(out, ": ");
    config_put_hop(out, hop);
    for (size_t i = 1; route && i < CONFIG_HOPS_MOST && route->via[i].set; i++) {
        gp_put_char(out, ' ');
        config_put_hop(out, &route->via[i]);
    }
    for (size_t i = 0; route && i < CONFIG_HOPS_MOST && route->fallback[i].set; i++) {
        gp_put_z(out, i ? " " : ", else ");
        config_put_hop(out, &route->fallback[i]);
    }
}

static gp_str domain_of(gp_str address)
{
    size_t at = address.len;
    while (at > 0 && address.ptr[at - 1] != '@') at--;
    return gp_tail(address, at);
}

/* As the relay finds it, by the name that the DNS has. */
static void put_policy(struct gp_text *out, const struct config *config, const struct config_route *route, gp_str to)
{
    char                            room[ACCOUNT_ADDRESS_MOST];
    struct gp_text                  tidy = GP_TEXT(room);
    bool                            good = account_tidy_domain(to, &tidy);
    const struct config_tls_policy *item =
        good ? config_tls_policy_for(config, route, domain_of(gp_said(&tidy))) : NULL;
    if (!item) return;
    gp_put_z(out, ", for ");
    gp_put_z(out, item->domain);
    gp_put_z(out, " with tls=");
    gp_put_z(out, config_tls_word(item->tls));
    gp_put_z(out, " (relay.tls_policy)");
}

static bool say_way(struct can *c, gp_str to)
{
    char                       room[SENTENCE];
    struct gp_text             text   = GP_TEXT(room);
    const struct config       *config = &c->store->config;
    gp_str                     domain = domain_of(to), user = gp_from(c->acting.name);
    const struct config_route *holds = config_hold_for(config, domain, c->from, user);
    const struct config_route *route = holds ? holds : config_route_for(config, domain, c->from, user);
    struct config_hop          hop   = route ? route->via[0] : config_default_hop(config);
    put_way(&text, route, &hop);
    put_policy(&text, config, route, to);
    c->held |= holds != NULL;
    can_say(c, holds ? CAN_HELD : CAN_YES, "way", to, gp_said(&text));
    return true;
}

bool can_ask_ways(struct can *c)
{
    for (size_t i = 0; i < c->wish->to.count; i++) (void)say_way(c, gp_from(c->wish->to.values[i]));
    return true;
}
