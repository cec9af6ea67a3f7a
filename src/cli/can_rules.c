/* The rules, in the order in which a client meets them. What decides is in store/ and policy/, where the vault asks it too; a rule here puts
 * the question and says the answer. A new rule is a row of the table at the end. */
#include <stdio.h>
#include <string.h>

#include "cli/can.h"
#include "sasl/sasl.h"
#include "store/judge.h"
#include "store/mechanisms.h"
#include "store/moment.h"

/* ---- what a rule says --------------------------------------------------------------------------------------------------- */
static void put(struct gp_text *out, gp_str text)
{
    gp_put(out, gp_head(text, out->room - out->len));
}

void can_say(struct can *c, enum can_word word, const char *rule, gp_str before, gp_str what)
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

bool can_refuse(struct can *c, unsigned code, const char *enhanced, gp_str text)
{
    if (c->code) return false;
    c->code     = (int)code;
    c->enhanced = enhanced;
    if (!gp_copy_z(text, c->reply, sizeof(c->reply))) c->reply[0] = '\0';
    return false;
}

bool can_store_failed(struct can *c)
{
    c->failed = true;
    (void)user_store_failed(c->store, c->wish->account);
    return false;
}

bool can_refuse_signin(struct can *c)
{
    return can_refuse(c, 535, "5.7.8", GP_LIT("authentication failed"));
}

/* ---- the sign-in --------------------------------------------------------------------------------------------------------- */
static bool ask_listener(struct can *c)
{
    const struct config_listen *l = &c->store->config.listen[c->listener];
    can_say(c, CAN_YES, "listener", gp_from(l->name), GP_LIT(""));
    return true;
}

static bool ask_tls(struct can *c)
{
    const struct config *config = &c->store->config;
    bool                 strict = config->policy.tls.mode == POLICY_ENFORCE;
    char                 room[CAN_TEXT];
    struct gp_text       less = GP_TEXT(room);
    if (config->listen[c->listener].kind == LISTEN_LEGACY) return true; /* can_lane.c has what holds for old devices */
    if (!policy_tls_is_less(config, c->tls_version)) {
        can_say(c, CAN_YES, "tls", c->tls_version, GP_LIT(" is enough"));
        return true;
    }
    policy_put_tls(&less, config, c->tls_version);
    can_say(c, strict ? CAN_NO : CAN_WOULD, "tls", gp_said(&less), GP_LIT(""));
    return !strict || can_refuse(c, 523, "5.7.10", gp_from(policy_tls_reply(config)));
}

static void say_offered(struct can *c)
{
    bool legacy  = c->store->config.listen[c->listener].kind == LISTEN_LEGACY;
    bool retires = !legacy && policy_is_retired(&c->store->config, c->mechanism);
    can_say(c, CAN_YES, "mechanism", c->mechanism,
            c->tls ? GP_LIT(" is offered there under TLS") : GP_LIT(" is offered there"));
    if (retires) can_say(c, CAN_WOULD, "mechanism", c->mechanism, GP_LIT(" is in policy.mechanisms.retire"));
}

/* What is there with TLS, and is not without: our own listeners let nobody sign in then (RFC 4954 4), other servers' clients not show a
 * password. */
static bool refuse_bare(struct can *c, const struct gp_sasl_mech *mech)
{
    bool reveals = mech->traits & GP_SASL_REVEALS_PASSWORD;
    can_say(c, CAN_NO, "mechanism", c->mechanism,
            reveals ? GP_LIT(" shows the password, and there is no TLS") : GP_LIT(" is offered under TLS alone"));
    return can_refuse(c, 530, "5.7.0", GP_LIT("Must issue a STARTTLS command first"));
}

static bool ask_mechanism(struct can *c)
{
    const struct config        *config = &c->store->config;
    const struct config_listen *l      = &config->listen[c->listener];
    struct policy_facts         facts  = policy_facts_of(config, &c->survey, c->listener);
    char                        room[CONFIG_TEXT];
    struct gp_text              offered = { .ptr = room, .room = sizeof(room) - 1 };
    gp_str                      all     = policy_configured(config, c->listener);
    bool                        bare    = !c->tls && l->kind != LISTEN_DOVECOT_AUTH && !config_listens_in_clear(l);
    const struct gp_sasl_mech  *mech    = policy_mechanism(all, &facts, c->mechanism, c->tls);
    const struct gp_sasl_mech  *secured = policy_mechanism(all, &facts, c->mechanism, true);
    if (mech && !bare) {
        say_offered(c);
        return true;
    }
    if (!c->tls && secured) return refuse_bare(c, secured);
    bool whole = policy_offer(all, &facts, &offered);
    can_say(c, CAN_NO, "mechanism", c->mechanism,
            policy_is_retired(config, c->mechanism) ? GP_LIT(" is no longer offered: policy.mechanisms.retire has it")
                                                    : GP_LIT(" is not offered there"));
    if (whole) can_say(c, CAN_SKIPPED, "mechanism", GP_LIT("offered there: "), gp_said(&offered));
    return can_refuse(c, 504, "5.5.4", GP_LIT("mechanism not offered"));
}

static bool ask_account(struct can *c)
{
    if (!c->account.disabled) {
        can_say(c, CAN_YES, "account", gp_from(c->account.name), GP_LIT(" is in force"));
        return true;
    }
    can_say(c, CAN_NO, "account", gp_from(c->account.name), GP_LIT(" is disabled"));
    return can_refuse_signin(c);
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
    const struct config_listen *l = &c->store->config.listen[c->listener];
    return (struct circumstances) { .mechanism = c->mechanism,
                                    .listener  = gp_from(l->name),
                                    .lane      = l->kind == LISTEN_LEGACY,
                                    .address   = c->ip,
                                    .now       = c->now,
                                    .local     = moment_local(c->now) };
}

/* Those that may be used, and of them the one that what follows is asked with. */
struct usable {
    size_t   count;
    unsigned fits; /* of the chosen one: see can_fits() */
    char     name[CREDENTIAL_TEXT * 2 + 1];
};

static void choose(struct can *c, struct usable *u, const struct credential *one, gp_str name)
{
    unsigned fits = can_fits(c, one->id);
    if (u->count++ && fits <= u->fits) return;
    u->fits       = fits;
    c->credential = one->id;
    (void)gp_copy_z(name, u->name, sizeof(u->name));
}

static void ask_one(struct can *c, struct usable *u, const struct credential *one)
{
    char                 room[JUDGE_TEXT], name_room[CREDENTIAL_TEXT * 2];
    struct gp_text       why = GP_TEXT(room), name = GP_TEXT(name_room);
    struct circumstances here = circumstances_of(c);
    judge_put_name(&name, one->id, one->label);
    if (!judge(&c->account, one, &here, &why))
        can_say(c, CAN_NO, "credential", gp_said(&why), GP_LIT(""));
    else if (!goes_by(c, one))
        can_say(c, CAN_NO, "credential", gp_said(&name), GP_LIT(" has nothing that this mechanism goes by"));
    else {
        can_say(c, CAN_YES, "credential", gp_said(&name), GP_LIT(" may be used"));
        choose(c, u, one, gp_said(&name));
    }
}

static bool is_named(const struct can *c, const struct credential *one)
{
    const char *wanted = c->wish->credential;
    uint64_t    id     = 0;
    if (!wanted || strcmp(wanted, one->label) == 0) return true;
    return gp_read_number(gp_from(wanted), INT64_MAX, &id) && (int64_t)id == one->id;
}

/* One that may be used is enough: which one it is comes out when the client shows it. Where they differ in what they may send, one that
 * may send this is the answer to whether the account can. */
static bool ask_credentials(struct can *c)
{
    struct usable     usable = { 0 };
    struct credential one;
    gp_status         status;
    bool              any = false;
    auto_rows         r   = credentials_of(c->store->accounts, c->account.id);
    while ((status = credentials_next(&r, &one)) == GP_OK) {
        if (!is_named(c, &one)) continue;
        any = true;
        ask_one(c, &usable, &one);
    }
    gp_wipe(&one.verifier, sizeof(one.verifier));
    if (status != GP_PERMFAIL) return can_store_failed(c);
    if (!any)
        can_say(c, CAN_NO, "credential", GP_LIT("the account has none"),
                c->wish->credential ? GP_LIT(" of that label or id") : GP_LIT(""));
    if (usable.count > 1)
        can_say(c, CAN_SKIPPED, "credential", GP_LIT("what follows is asked with "), gp_from(usable.name));
    return c->credential || can_refuse_signin(c);
}

/* RFC 4616 2: the authorization identity. */
static bool ask_acting(struct can *c)
{
    if (!c->wish->as) return true;
    gp_status status = accounts_may_act(c->store->accounts, c->account.id, c->acting.id);
    if (status == GP_TEMPFAIL) return can_store_failed(c);
    can_say(c, status == GP_OK ? CAN_YES : CAN_NO, "acting",
            status == GP_OK ? GP_LIT("the account may act for ") : GP_LIT("the account may not act for "),
            gp_from(c->acting.name));
    return status == GP_OK || can_refuse_signin(c);
}

/* ---- all of them -------------------------------------------------------------------------------------------------------------- */
static bool (*const rules[])(struct can *) = {
    ask_listener,       can_ask_lane,    ask_mechanism,  ask_tls,           can_ask_ban,          ask_account,
    ask_credentials,    ask_acting,      can_ask_sender, can_ask_lane_rate, can_ask_first_limits, can_ask_size,
    can_ask_recipients, can_ask_authors, can_ask_limits, can_ask_brake,     can_ask_ways,
};

void can_ask(struct can *c)
{
    bool on = true;
    for (size_t i = 0; on && !c->failed && i < GP_COUNT(rules); i++) on = rules[i](c);
}
