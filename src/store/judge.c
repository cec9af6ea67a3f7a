/* A table of restrictions: each has what the credential allows, and whether that holds. */
#include "store/judge.h"

void judge_put_name(struct gp_text *out, int64_t id, const char *label)
{
    gp_put_z(out, "credential ");
    if (!label[0]) {
        gp_put_number(out, id);
        return;
    }
    gp_put_char(out, '\'');
    gp_put_z(out, label);
    gp_put_char(out, '\'');
}

/* The form that binds to the channel is the same mechanism, and stronger: who allows one allows the other. */
static bool mechanism_in(gp_str words, gp_str name)
{
    size_t plus = gp_ends(name, "-PLUS") ? sizeof("-PLUS") - 1 : 0;
    while (words.len > 0) {
        gp_str word = gp_word(&words);
        if (word.len > 0 && (gp_alike(word, name) || gp_alike(word, gp_head(name, name.len - plus)))) return true;
    }
    return false;
}

static bool word_in(gp_str words, gp_str name)
{
    while (words.len > 0) {
        gp_str word = gp_word(&words);
        if (word.len > 0 && gp_alike(word, name)) return true;
    }
    return false;
}

static bool mechanism(gp_str allowed, const struct circumstances *at)
{
    return mechanism_in(allowed, at->mechanism);
}

static bool listener(gp_str allowed, const struct circumstances *at)
{
    return word_in(allowed, at->listener);
}

static bool network(gp_str allowed, const struct circumstances *at)
{
    return networks_have(allowed, at->address);
}

static bool hours(gp_str allowed, const struct circumstances *at)
{
    return hours_have(allowed, at->local);
}

/* "credential 'printer-2f' may not be used from 192.0.2.9: allowed 10.0.0.0/8"; NULL: the account. */
static void say(struct gp_text *why, const struct credential *c, const char *how, gp_str what, gp_str allowed)
{
    if (c)
        judge_put_name(why, c->id, c->label);
    else
        gp_put_z(why, "the account");
    gp_put_z(why, " may not be used ");
    gp_put_z(why, how);
    gp_put(why, what);
    gp_put_z(why, ": allowed ");
    if (!why->cut && why->room - why->len < allowed.len) allowed = GP_LIT("are others");
    gp_put(why, allowed);
}

/* Both ways: who listens to the lane of old devices gains nothing elsewhere, and a person's password is not to be said there. */
static bool is_of_lane(const struct credential *c, const struct circumstances *at, struct gp_text *why)
{
    if (c->limits.legacy == at->lane) return true;
    judge_put_name(why, c->id, c->label);
    gp_put_z(why, at->lane ? " was not made for old devices (--legacy), and may not be used at the listener "
                           : " was made for old devices, and may not be used at the listener ");
    gp_put(why, at->listener);
    gp_put_z(why, at->lane ? ", which is for those" : ", which is of another kind than legacy");
    return false;
}

bool judge(const struct account *account, const struct credential *c, const struct circumstances *at,
           struct gp_text *why)
{
    const struct {
        const char *allowed, *how;
        gp_str      what;
        bool (*holds)(gp_str allowed, const struct circumstances *);
    } rules[] = {
        {account->mechanisms,   "with ",                    at->mechanism, mechanism},
        { c->limits.mechanisms, "with ",                    at->mechanism, mechanism},
        { c->limits.listeners,  "at the listener ",         at->listener,  listener },
        { c->limits.networks,   "from ",                    at->address,   network  },
        { c->limits.hours,      "at this time of the week", GP_LIT(""),    hours    },
    };
    enum credential_state state = credential_state(c, at->now);
    if (account->disabled) {
        gp_put_z(why, "the account is disabled");
        return false;
    }
    if (state != CREDENTIAL_LIVE) {
        judge_put_name(why, c->id, c->label);
        gp_put_z(why, " is ");
        gp_put_z(why, credential_state_text(state));
        return false;
    }
    if (!is_of_lane(c, at, why)) return false;
    for (size_t i = 0; i < GP_COUNT(rules); i++) {
        gp_str allowed = gp_from(rules[i].allowed);
        if (allowed.len == 0 || rules[i].holds(allowed, at)) continue;
        say(why, i == 0 ? NULL : c, rules[i].how, rules[i].what, allowed); /* the first is the account's */
        return false;
    }
    return true;
}
