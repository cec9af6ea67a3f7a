/* The rules, in the order in which a client meets them. What decides is in store/ and policy/, where the vault asks it too; a rule here puts
 * the question and says the answer. A new rule is a row of the table at the end. */
#include <stdio.h>
#include <string.h>

#include "cli/can.h"
#include "sasl/sasl.h"
#include "smtp/smtp.h"
#include "store/senders.h"
#include "store/judge.h"
#include "store/mechanisms.h"
#include "store/moment.h"

/* ---- what a rule says --------------------------------------------------------------------------------------------------- */
static void put(struct gp_text *out, gp_str text)
{
    gp_put(out, gp_head(text, out->room - out->len));
}

static void say(struct can *c, enum can_word word, const char *rule, gp_str before, gp_str what)
{
    if (c->count == CAN_RULINGS_MOST) return;
    struct can_ruling *r    = &c->rulings[c->count++];
    struct gp_text     text = { .ptr = r->text, .room = sizeof(r->text) - 1 };
    r->word                 = word;
    r->rule                 = rule;
    put(&text, before);
    put(&text, what);
    r->text[text.len] = '\0';
}

/* As the client would hear it; the first no is what counts. */
static bool refuse(struct can *c, int code, const char *enhanced, const char *text)
{
    if (c->code) return false;
    c->code     = code;
    c->enhanced = enhanced;
    if (!gp_copy_z(gp_from(text), c->reply, sizeof(c->reply))) c->reply[0] = '\0';
    return false;
}

/* RFC 4954 6: whatever the reason. */
static bool refuse_signin(struct can *c)
{
    return refuse(c, 535, "5.7.8", "authentication failed");
}

static bool store_failed(struct can *c)
{
    c->failed = true;
    (void)user_store_failed(c->store, c->wish->account);
    return false;
}

/* ---- the sign-in --------------------------------------------------------------------------------------------------------- */
static bool ask_listener(struct can *c)
{
    const struct config_listen *l = &c->store->config.listen[c->listener];
    say(c, CAN_YES, "listener", gp_from(l->name), GP_LIT(""));
    return true;
}

static bool ask_mechanism(struct can *c)
{
    const struct config       *config = &c->store->config;
    struct policy_facts        facts  = policy_facts_of(config, &c->survey, c->listener);
    char                       room[CONFIG_TEXT];
    struct gp_text             offered = { .ptr = room, .room = sizeof(room) - 1 };
    const struct gp_sasl_mech *mech =
        policy_mechanism(policy_configured(config, c->listener), &facts, c->mechanism, c->tls);
    if (mech) {
        say(c, CAN_YES, "mechanism", c->mechanism,
            c->tls ? GP_LIT(" is offered there under TLS") : GP_LIT(" is offered there"));
        return true;
    }
    bool open  = !c->tls && policy_mechanism(policy_configured(config, c->listener), &facts, c->mechanism, true);
    bool whole = policy_offer(policy_configured(config, c->listener), &facts, &offered);
    say(c, CAN_NO, "mechanism", c->mechanism,
        open ? GP_LIT(" shows the password, and there is no TLS") : GP_LIT(" is not offered there"));
    if (!open && whole) say(c, CAN_SKIPPED, "mechanism", GP_LIT("offered there: "), gp_said(&offered));
    return open ? refuse(c, 530, "5.7.0", "Must issue a STARTTLS command first")
                : refuse(c, 504, "5.5.4", "mechanism not offered");
}

static bool ask_account(struct can *c)
{
    if (!c->account.disabled) {
        say(c, CAN_YES, "account", gp_from(c->account.name), GP_LIT(" is in force"));
        return true;
    }
    say(c, CAN_NO, "account", gp_from(c->account.name), GP_LIT(" is disabled"));
    return refuse_signin(c);
}

/* Is it one that this mechanism goes by? What the exchange finds out by trying. */
static bool goes_by(const struct can *c, const struct credential *one)
{
    const struct gp_sasl_mech *mech = gp_sasl_find(c->mechanism);
    struct gp_scram_keys       keys;
    if (!mech) return false;
    if (mech->traits & GP_SASL_NEEDS_PEER) return one->kind == CREDENTIAL_CERTIFICATE;
    if (mech->traits & GP_SASL_NEEDS_TOKEN) return one->kind == CREDENTIAL_OAUTH || one->kind == CREDENTIAL_SOURCE;
    if (mech->traits & GP_SASL_NEEDS_SECRET) return one->verifier.cram_len > 0;
    if (one->kind == CREDENTIAL_SOURCE)
        return (mech->traits & GP_SASL_REVEALS_PASSWORD) || sources_give_hashes(&c->store->config);
    if (mech->traits & GP_SASL_REVEALS_PASSWORD) return credential_kind_has_password(one->kind);
    bool has = credential_scram(one, &c->account.scram, mech->hash, &keys);
    gp_wipe(&keys, sizeof(keys));
    return has;
}

static struct circumstances circumstances_of(const struct can *c)
{
    return (struct circumstances) { .mechanism = c->mechanism,
                                    .listener  = gp_from(c->store->config.listen[c->listener].name),
                                    .address   = c->ip,
                                    .now       = c->now,
                                    .local     = moment_local(c->now) };
}

static void ask_one(struct can *c, const struct credential *one)
{
    char                 room[JUDGE_TEXT], name_room[CREDENTIAL_TEXT * 2];
    struct gp_text       why = GP_TEXT(room), name = GP_TEXT(name_room);
    struct circumstances here = circumstances_of(c);
    judge_put_name(&name, one->id, one->label);
    if (!judge(&c->account, one, &here, &why))
        say(c, CAN_NO, "credential", gp_said(&why), GP_LIT(""));
    else if (!goes_by(c, one))
        say(c, CAN_NO, "credential", gp_said(&name), GP_LIT(" has nothing that this mechanism goes by"));
    else {
        say(c, CAN_YES, "credential", gp_said(&name), GP_LIT(" may be used"));
        if (!c->credential) c->credential = one->id;
    }
}

static bool is_named(const struct can *c, const struct credential *one)
{
    const char *wanted = c->wish->credential;
    uint64_t    id     = 0;
    if (!wanted || strcmp(wanted, one->label) == 0) return true;
    return gp_read_number(gp_from(wanted), INT64_MAX, &id) && (int64_t)id == one->id;
}

/* One that may be used is enough: which one it is comes out when the client shows it. */
static bool ask_credentials(struct can *c)
{
    struct credential one;
    gp_status         status;
    bool              any = false;
    auto_rows         r   = credentials_of(c->store->accounts, c->account.id);
    while ((status = credentials_next(&r, &one)) == GP_OK) {
        if (!is_named(c, &one)) continue;
        any = true;
        ask_one(c, &one);
    }
    gp_wipe(&one.verifier, sizeof(one.verifier));
    if (status != GP_PERMFAIL) return store_failed(c);
    if (!any)
        say(c, CAN_NO, "credential", GP_LIT("the account has none"),
            c->wish->credential ? GP_LIT(" of that label or id") : GP_LIT(""));
    return c->credential || refuse_signin(c);
}

/* ---- the message ------------------------------------------------------------------------------------------------------------ */
static void put_more(struct can *c, const char *text)
{
    struct can_ruling *r    = &c->rulings[c->count - 1];
    struct gp_text     more = { .ptr = r->text, .room = sizeof(r->text) - 1, .len = strlen(r->text) };
    put(&more, gp_from(text));
    r->text[more.len] = '\0';
}

/* The reply ends in what the account may use, as the server's does. */
static bool refuse_sender(struct can *c, const char *text)
{
    char           room[CAN_TEXT];
    struct gp_text all = { .ptr = room, .room = sizeof(room) - 1 }, longer;
    gp_put_z(&all, text);
    longer = all;
    gp_put_z(&longer, "; yours: ");
    if (!longer.cut && sender_put_own(c->store->accounts, c->account.id, c->credential, &longer)) all = longer;
    room[all.len] = '\0';
    return refuse(c, 550, "5.7.1", room);
}

static bool may_send_as(struct can *c, enum sender_field field, gp_str address, const char *text)
{
    struct sender_verdict  v;
    const char            *rule   = field == SENDER_MAIL ? "sender" : "author";
    struct sender_question ask    = { .account    = c->account.id,
                                      .credential = c->credential,
                                      .field      = field,
                                      .address    = address,
                                      .now        = c->now,
                                      .local      = moment_local(c->now) };
    gp_status              status = sender_judge(c->store->accounts, &c->store->config, &ask, &v);
    if (status == GP_TEMPFAIL) return store_failed(c);
    bool told = status != GP_OK || v.shadowed || v.rewritten;
    say(c,
        status != GP_OK ? CAN_NO
        : v.shadowed    ? CAN_WOULD
                        : CAN_YES,
        rule, address.len ? address : GP_LIT("<>"), told ? GP_LIT(": ") : GP_LIT(""));
    if (v.rewritten) put_more(c, "is replaced by ");
    if (told) put_more(c, v.rewritten ? v.instead : v.why);
    if (status == GP_OK) return true;
    return v.ended ? refuse(c, 421, "4.7.0", "your sign-in is no longer good, connect and sign in again")
                   : refuse_sender(c, text);
}

static bool ask_sender(struct can *c)
{
    return may_send_as(c, SENDER_MAIL, c->from, "this account may not send as that address");
}

static bool ask_author(struct can *c)
{
    char room[CAN_TEXT];
    if (gp_same(c->header_from, c->from)) return true; /* the same question */
    (void)snprintf(room, sizeof(room), "sender address not yours: %.*s", (int)c->header_from.len, c->header_from.ptr);
    return may_send_as(c, SENDER_FROM, c->header_from, room);
}

static bool ask_size(struct can *c)
{
    char           room[64];
    struct gp_text text = GP_TEXT(room);
    uint64_t       most = c->store->config.limits.message_size;
    if (!c->wish->size) return true;
    gp_put_number(&text, (int64_t)c->size);
    gp_put_z(&text, " octets; the limit is ");
    gp_put_number(&text, (int64_t)most);
    say(c, c->size <= most ? CAN_YES : CAN_NO, "size", gp_said(&text), GP_LIT(""));
    return c->size <= most || refuse(c, 552, "5.3.4", "message is larger than the limit");
}

static bool ask_recipients(struct can *c)
{
    unsigned most = c->store->config.limits.recipients;
    for (size_t i = 0; i < c->wish->to.count; i++) {
        struct gp_address address;
        gp_str            to = gp_from(c->wish->to.values[i]);
        bool              is = gp_read_address(to, true, &address) && address.domain.len > 0;
        say(c, is ? CAN_YES : CAN_NO, "recipient", to, is ? GP_LIT("") : GP_LIT(" is not an address"));
        if (!is) return refuse(c, 501, "5.1.3", "bad recipient address");
        if (i < most) continue;
        say(c, CAN_NO, "recipients", GP_LIT("more than `limits.recipients` allows"), GP_LIT(""));
        return refuse(c, 452, "4.5.3", "too many recipients");
    }
    return true;
}

/* ---- all of them -------------------------------------------------------------------------------------------------------------- */
static bool (*const rules[])(struct can *) = {
    ask_listener, ask_mechanism, ask_account, ask_credentials, ask_sender, ask_size, ask_recipients, ask_author,
};

void can_ask(struct can *c)
{
    bool on = true;
    for (size_t i = 0; on && !c->failed && i < GP_COUNT(rules); i++) on = rules[i](c);
}
