/* How much may be sent: the limits of the account, the credential, the client's address and the server, as rules of sending.c. At MAIL
 * they are only looked at; the whole message is charged to all of them, or to none. */
#include <limits.h>

#include "vault/parts.h"

enum { FIGURES_ROOM = 160 };

/* ---- whose limits ----------------------------------------------------------------------------------------------------------- */
struct limited {
    struct limit_sides sides;
    struct limit_rules own[LIMIT_SCOPES]; /* what is not the configuration's */
    struct meter      *meters[LIMIT_SCOPES];
};

static bool put_side(struct vault *v, struct limited *l, enum limit_scope scope, enum limit_scope rules,
                     struct meter *m)
{
    if (!m) return false;
    l->meters[scope] = m;
    l->sides.scopes[scope] =
        (struct limit_side) { own_limits_over(m->own, &v->config->policy.limits.scopes[rules], &l->own[scope]),
                              &m->usage };
    return true;
}

static bool take_side(struct vault *v, struct limited *l, enum limit_scope scope, int64_t subject)
{
    return put_side(v, l, scope, scope, meter_of(v, scope, subject));
}

/* Who acts for others sends no more than for himself: all of it counts for his own account, too. */
static bool take_owner(struct vault *v, struct limited *l, const struct sent *s)
{
    if (s->owner == s->account) return true;
    struct meter *m = meter_of(v, LIMIT_ACCOUNT, s->owner);
    return m && meter_read_own(v, m, s->owner, 0) && put_side(v, l, LIMIT_OWNER, LIMIT_ACCOUNT, m);
}

static bool has_rules(const struct vault *v, enum limit_scope scope)
{
    const struct limit_rules *rules = &v->config->policy.limits.scopes[scope];
    size_t                    count = 0;
    for (size_t i = 0; i < LIMIT_THINGS; i++) count += rules->things[i].count;
    return count > 0;
}

/* An address, a network or a server without limits has no meter. */
static bool take_places(struct vault *v, const struct sent *s, struct limited *l)
{
    if (has_rules(v, LIMIT_ADDRESS) && !take_side(v, l, LIMIT_ADDRESS, (int64_t)place_digest(s->peer))) return false;
    if (has_rules(v, LIMIT_NETWORK) && !take_side(v, l, LIMIT_NETWORK, (int64_t)brake_network(s->peer))) return false;
    return !has_rules(v, LIMIT_SERVER) || take_side(v, l, LIMIT_SERVER, 0);
}

/* false: the store could not tell. */
static bool take_sides(struct vault *v, const struct sent *s, struct limited *l)
{
    struct meter *account = meter_of(v, LIMIT_ACCOUNT, s->account);
    if (!account || !meter_read_own(v, account, s->account, 0)) return false;
    struct meter *credential = meter_of(v, LIMIT_CREDENTIAL, s->credential);
    if (!credential || !meter_read_own(v, credential, s->account, s->credential)) return false;
    if (!take_places(v, s, l) || !take_owner(v, l, s)) return false;
    return take_side(v, l, LIMIT_ACCOUNT, s->account) && take_side(v, l, LIMIT_CREDENTIAL, s->credential);
}

/* ---- a no ----------------------------------------------------------------------------------------------------------------------- */
static gp_status cannot_tell(struct sent *s)
{
    s->no = (struct no) { 451, "4.3.0", "the limits cannot be read now" };
    gp_put_z(&s->text, "cannot tell now who may send, try again later");
    return GP_TEMPFAIL;
}

static const struct {
    const char *rule, *why, *text;
} session_limits[] = {
    [SESSION_ACCOUNT_FULL]    = {"limits.account.sessions",     "over a limit: sessions of the account",
                                 "too many sessions of this account at once, close others and try again"   },
    [SESSION_CREDENTIAL_FULL] = { "limits.credential.sessions", "over a limit: sessions of the credential",
                                 "too many sessions of this credential at once, close others and try again"},
};

static gp_status look_at_sessions(struct sent *s)
{
    enum session_room room = session_may_send(s->from, s->session);
    if (room == SESSION_FITS) return GP_OK;
    s->no = (struct no) { 451, "4.7.1", session_limits[room].why };
    gp_put_z(&s->text, session_limits[room].text);
    return GP_TEMPFAIL;
}

/* In shadow it is let through, and noted. */
static gp_status stop(struct vault *v, struct sent *s, const struct limit_hit *hit)
{
    char           rule[TALLY_NAME];
    struct gp_text name = GP_TEXT(rule), why = { .ptr = s->why, .room = sizeof s->why - 1 };
    gp_put_z(&why, "over a limit: ");
    limit_hit_put(&why, hit);
    s->why[why.len] = '\0';
    limit_put_rule(&name, hit);
    gp_put_char(&name, '\0');
    if (v->config->policy.limits.mode == POLICY_SHADOW) {
        shadow_note(v, rule, s->account, s->credential, gp_said(&why));
        return GP_OK;
    }
    struct limit_no no = limit_say(&s->text, hit);
    s->no              = (struct no) { no.code, no.enhanced, s->why };
    return no.later ? GP_TEMPFAIL : GP_PERMFAIL;
}

/* ---- a warning ---------------------------------------------------------------------------------------------------------------------- */
static void warn(struct vault *v, const struct sent *s, const struct limited *l)
{
    struct limit_hit hit;
    while (limits_warn(&l->sides, s->now, &hit)) tell_limit(v, s, &hit);
}

/* ---- who signed in ----------------------------------------------------------------------------------------------------------- */
/* A credential stays its account's, so this is read once. One that is gone meanwhile is nobody's: identity.c says no to it. */
gp_status limits_find_owner(struct vault *v, struct sent *s)
{
    s->owner = s->account;
    if (s->credential == 0) return GP_OK;
    struct meter *m = meter_of(v, LIMIT_CREDENTIAL, s->credential);
    if (m && m->owner == 0 && credential_owner(v->accounts, s->credential, &m->owner) == GP_TEMPFAIL) m = NULL;
    if (!m) return cannot_tell(s);
    if (m->owner) s->owner = m->owner;
    return GP_OK;
}

/* ---- the two rules ------------------------------------------------------------------------------------------------------------------- */
gp_status limits_at_mail(struct vault *v, struct sent *s)
{
    struct limited    l    = { 0 };
    struct limit_cost cost = {
        {[LIMIT_MESSAGES] = 1, [LIMIT_RECIPIENTS] = 1, [LIMIT_OCTETS] = s->size ? s->size : 1}
    };
    struct limit_hit hit;
    if (v->config->policy.limits.mode != POLICY_ENFORCE)
        return GP_OK; /* what is let through is noted once, at the end */
    if (!take_sides(v, s, &l)) return cannot_tell(s);
    if (!limits_fit(&l.sides, &cost, s->now, &hit)) return stop(v, s, &hit);
    if (look_at_sessions(s) != GP_OK) return GP_TEMPFAIL;
    uint64_t left         = limits_left(&l.sides, LIMIT_RECIPIENTS, s->now);
    s->recipients_may     = left < UINT_MAX ? (unsigned)left : UINT_MAX;
    struct gp_text enough = GP_TEXT(s->enough);
    if (left < UINT_MAX) limits_say_enough(&enough, &l.sides, s->now);
    s->enough_len = enough.len;
    return GP_OK;
}

static unsigned count_lines(gp_str text)
{
    unsigned count = 0;
    for (size_t i = 0; i < text.len; i++) count += text.ptr[i] == '\n';
    return count;
}

static bool is_wanted(const struct vault *v)
{
    return v->config->policy.limits.mode != POLICY_OFF || v->config->policy.brake.mode != POLICY_OFF;
}

gp_status limits_count_new(struct vault *v, struct sent *s)
{
    if (!is_wanted(v)) return GP_OK;
    int64_t fresh = meetings_new(v, s->account, s->recipients, s->now);
    if (fresh < 0) return cannot_tell(s);
    s->fresh           = (unsigned)fresh;
    s->recipient_count = count_lines(s->recipients);
    return GP_OK;
}

gp_status limits_remember(struct vault *v, struct sent *s)
{
    if (is_wanted(v)) meetings_keep(v, s->account, s->recipients, s->now);
    return GP_OK;
}

/* At MAIL it would have been put off. */
static void note_session(struct vault *v, const struct sent *s)
{
    if (v->config->policy.limits.mode != POLICY_SHADOW) return;
    enum session_room room = session_may_send(s->from, s->session);
    if (room == SESSION_FITS) return;
    shadow_note(v, session_limits[room].rule, s->account, s->credential, gp_from(session_limits[room].why));
}

gp_status limits_at_end(struct vault *v, struct sent *s)
{
    struct limited   l = { 0 };
    struct limit_hit hit;
    if (v->config->policy.limits.mode == POLICY_OFF) return GP_OK;
    if (!take_sides(v, s, &l)) return cannot_tell(s);
    struct limit_cost cost = {
        {[LIMIT_MESSAGES]       = 1,
         [LIMIT_RECIPIENTS]     = s->recipient_count,
         [LIMIT_NEW_RECIPIENTS] = s->fresh,
         [LIMIT_OCTETS]         = s->size}
    };
    note_session(v, s);
    gp_status status = limits_fit(&l.sides, &cost, s->now, &hit) ? GP_OK : stop(v, s, &hit);
    if (status != GP_OK) return status;
    limits_charge(&l.sides, &cost, s->now);
    for (size_t i = 0; i < LIMIT_SCOPES; i++)
        if (l.meters[i]) meter_touched(v, l.meters[i]);
    warn(v, s, &l);
    return GP_OK;
}
