/* As whom an account may send: the account and the credential first, whether they are still what they were; then the credential's own list
 * of senders; then the account's identities, by the rules of policy.identity. */
#include "store/senders.h"

#include "policy/identity.h"
#include "store/accounts_parts.h"

/* What a question about one credential has to know of it, and no verifier. */
struct standing {
    struct credential c;
    bool              account_off, acts, other_off; /* the other: as whom it acts, or itself */
};

static gp_status read_standing(struct accounts *a, int64_t account, int64_t credential, struct standing *out)
{
    auto_rows r = rows_of(a->db, "SELECT c.expires, c.retires, c.idle_days, c.created, c.last_used, c.senders, c.hours,"
                                 " a.disabled, a.id = ?2 OR EXISTS"
                                 " (SELECT 1 FROM delegations WHERE account = a.id AND may_act_as = ?2),"
                                 " COALESCE((SELECT disabled FROM accounts WHERE id = ?2), 1)"
                                 " FROM credentials c JOIN accounts a ON a.id = c.account WHERE c.id = ?1");
    rows_bind_number(&r, credential);
    rows_bind_number(&r, account);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    struct credential *c = &out->c;
    *out                 = (struct standing) { .account_off = rows_number(&r, 7) != 0,
                                               .acts        = rows_number(&r, 8) != 0,
                                               .other_off   = rows_number(&r, 9) != 0 };
    c->limits.expires    = rows_number(&r, 0);
    c->retires           = rows_number(&r, 1);
    c->limits.idle_days  = (uint32_t)rows_number(&r, 2);
    c->created           = rows_number(&r, 3);
    c->last_used         = rows_number(&r, 4);
    bool whole           = gp_copy_z(rows_text(&r, 5), c->limits.senders, sizeof(c->limits.senders)) &&
                 gp_copy_z(rows_text(&r, 6), c->limits.hours, sizeof(c->limits.hours));
    return whole ? GP_OK : GP_TEMPFAIL;
}

static gp_status say_gone(struct accounts *a, int64_t account, const char **why)
{
    struct account whose;
    gp_status      status = accounts_get(a, account, &whose);
    *why                  = status == GP_PERMFAIL ? "the account was deleted" : "the credential was revoked";
    return status == GP_TEMPFAIL ? status : GP_PERMFAIL;
}

static gp_status live(struct accounts *a, int64_t account, int64_t credential, gp_time now, struct standing *out,
                      const char **why)
{
    static const char *const ended[CREDENTIAL_STATES] = {
        [CREDENTIAL_EXPIRED] = "the credential is expired",
        [CREDENTIAL_RETIRED] = "the credential is replaced by another",
        [CREDENTIAL_IDLE]    = "the credential is off, since it was not used for too long",
    };
    gp_status status = read_standing(a, account, credential, out);
    if (status == GP_PERMFAIL) return say_gone(a, account, why);
    if (status != GP_OK) return status;
    if (out->account_off || (out->acts && out->other_off)) return refuse_because(why, "the account is disabled");
    if (!out->acts) return refuse_because(why, "who signed in may not act for this account any more");
    *why = ended[credential_state(&out->c, now)];
    return *why ? GP_PERMFAIL : GP_OK;
}

gp_status accounts_in_force(struct accounts *a, int64_t account, int64_t credential, gp_time now, const char **why)
{
    struct standing its = { .acts = false };
    return live(a, account, credential, now, &its, why);
}

/* At this moment, whatever is sent. */
static gp_status stands(struct accounts *a, const struct sending *s, struct standing *out, bool *ended,
                        const char **why)
{
    gp_status status = live(a, s->account, s->credential, s->now, out, why);
    *ended           = status == GP_PERMFAIL;
    if (status != GP_OK) return status;
    gp_str hours = gp_from(out->c.limits.hours);
    *ended       = hours.len > 0 && !hours_have(hours, s->local);
    return *ended ? refuse_because(why, "the credential may not be used at this time of the week") : GP_OK;
}

/* ---- identities ------------------------------------------------------------------------------------------------------ */
/* anna+x@ may be somebody's own address, where names have such signs in them. */
static gp_status is_nobody_elses(struct accounts *a, int64_t account, gp_str key)
{
    auto_rows r = rows_of(a->db, "SELECT 1 FROM identities WHERE key = ? AND account <> ? LIMIT 1");
    rows_bind_text(&r, key);
    rows_bind_number(&r, account);
    gp_status status = rows_next(&r);
    if (status == GP_TEMPFAIL) return status;
    return status == GP_OK ? GP_PERMFAIL : GP_OK;
}

static gp_status covers(struct accounts *a, int64_t account, gp_str key, bool plus)
{
    gp_status status;
    bool      by_plus = false;
    auto_rows r       = identities_of(a, account);
    while ((status = rows_next(&r)) == GP_OK) {
        enum policy_cover cover = policy_covers(rows_text(&r, 1), key, plus);
        if (cover == POLICY_COVERS) return GP_OK;
        by_plus = by_plus || cover == POLICY_COVERS_BY_PLUS;
    }
    return status == GP_PERMFAIL && by_plus ? is_nobody_elses(a, account, key) : status;
}

static bool credential_has(const struct restrictions *limits, gp_str key)
{
    return !limits->senders[0] || senders_have(gp_from(limits->senders), key);
}

gp_status accounts_may_send(struct accounts *a, const struct sending *s, bool *ended, const char **why)
{
    char            room[ACCOUNT_ADDRESS_MOST];
    struct gp_text  key    = GP_TEXT(room);
    struct standing its    = { .acts = false };
    gp_status       status = stands(a, s, &its, ended, why);
    if (status != GP_OK || s->sender.len == 0) return status;
    if (!identity_key(s->sender, false, &key)) return refuse_because(why, "the sender is not an address");
    if (!credential_has(&its.c.limits, gp_said(&key)))
        return refuse_because(why, "this credential may not send as that address");
    *why = "this account may not send as that address";
    return covers(a, s->account, gp_said(&key), s->plus);
}

/* ---- what stands in the place of an address that is not its own ------------------------------------------------------- */
static bool take_address(gp_str key, gp_str address, const struct restrictions *limits, struct sender_verdict *v)
{
    return policy_is_address(key) && credential_has(limits, key) && gp_copy_z(address, v->instead, sizeof(v->instead));
}

static gp_status first_identity(struct accounts *a, int64_t account, const struct restrictions *limits,
                                struct sender_verdict *v)
{
    gp_status status;
    auto_rows r = identities_of(a, account);
    while ((status = rows_next(&r)) == GP_OK)
        if (take_address(rows_text(&r, 1), rows_text(&r, 0), limits, v)) return GP_OK;
    return status;
}

/* The first that both the account and the credential have, of those that are one address. */
static gp_status first_of(struct accounts *a, int64_t account, const struct restrictions *limits, bool plus,
                          struct sender_verdict *v)
{
    gp_status status = first_identity(a, account, limits, v);
    gp_str    words  = gp_from(limits->senders);
    for (gp_str word = gp_word(&words); status == GP_PERMFAIL && word.len > 0; word = gp_word(&words)) {
        if (!policy_is_address(word)) continue;
        status = covers(a, account, word, plus);
        if (status == GP_OK && !take_address(word, word, limits, v)) status = GP_PERMFAIL;
    }
    return status;
}

/* ---- one address in one place ---------------------------------------------------------------------------------------- */
static const char *const rule_names[SENDER_FIELDS] = { [SENDER_MAIL]     = "identity.mail",
                                                       [SENDER_FROM]     = "identity.from",
                                                       [SENDER_SENDER]   = "identity.sender",
                                                       [SENDER_REPLY_TO] = "identity.reply_to",
                                                       [SENDER_RESENT]   = "identity.resent" };

struct judging {
    struct accounts              *store;
    const struct config          *config;
    const struct sender_question *asked;
    struct sender_verdict        *v;
    struct standing               its;
    bool                          hard; /* the credential's own list says no: that is no matter of modes */
};

/* Is it looked at in this place at all? A credential's list holds for the sender and for From in any case. */
static bool is_strict(const struct judging *j)
{
    return j->config->policy.identity.mode != POLICY_OFF &&
           j->config->policy.identity.rules[j->asked->field] != SENDER_ALLOW;
}

static gp_status look(struct judging *j, bool strict)
{
    const struct restrictions *limits = &j->its.c.limits;
    char                       room[ACCOUNT_ADDRESS_MOST];
    struct gp_text             key    = GP_TEXT(room);
    bool                       always = j->asked->field == SENDER_MAIL || j->asked->field == SENDER_FROM;
    if (!identity_key(j->asked->address, false, &key)) {
        j->v->unreadable = true;
        j->hard          = always;
        return strict || always
                   ? refuse_because(&j->v->why, j->asked->field == SENDER_MAIL ? "the sender is not an address"
                                                                               : "that is not an address")
                   : GP_OK;
    }
    j->hard = (strict || always) && !credential_has(limits, gp_said(&key));
    if (j->hard) return refuse_because(&j->v->why, "this credential may not send as that address");
    if (!strict) return GP_OK;
    j->v->why = "this account may not send as that address";
    return covers(j->store, j->asked->account, gp_said(&key), j->config->policy.identity.plus);
}

/* A no, by the rule of that place and the mode of the policy. */
static gp_status settle(struct judging *j)
{
    bool rewrites = is_strict(j) && j->config->policy.identity.rules[j->asked->field] == SENDER_REWRITE;
    bool shadow   = j->config->policy.identity.mode == POLICY_SHADOW;
    j->v->rule    = rule_names[j->asked->field];
    if (shadow && !j->hard) {
        j->v->shadowed = true;
        return GP_OK;
    }
    if (shadow || !rewrites) return GP_PERMFAIL;
    gp_status status = first_of(j->store, j->asked->account, &j->its.c.limits, j->config->policy.identity.plus, j->v);
    j->v->rewritten  = status == GP_OK;
    return status;
}

gp_status sender_judge(struct accounts *a, const struct config *config, const struct sender_question *q,
                       struct sender_verdict *v)
{
    struct judging j = { .store = a, .config = config, .asked = q, .v = v };
    struct sending s = { .account = q->account, .credential = q->credential, .now = q->now, .local = q->local };
    *v               = (struct sender_verdict) { .why = "" };
    gp_status status = stands(a, &s, &j.its, &v->ended, &v->why);
    if (status != GP_OK || (q->field == SENDER_MAIL && q->address.len == 0)) return status;
    status = look(&j, is_strict(&j));
    return status == GP_PERMFAIL ? settle(&j) : status;
}

/* ---- what it may use --------------------------------------------------------------------------------------------------- */
enum { SHOWN_MOST = 3 };

static void put_shown(struct gp_text *out, gp_str address, size_t at)
{
    if (at >= SHOWN_MOST) return;
    if (at > 0) gp_put_z(out, ", ");
    sender_put_printable(out, address);
}

static void put_more(struct gp_text *out, size_t count)
{
    if (count <= SHOWN_MOST) return;
    gp_put_z(out, " and ");
    gp_put_number(out, (int64_t)(count - SHOWN_MOST));
    gp_put_z(out, " more");
}

static size_t put_words(struct gp_text *out, gp_str words)
{
    size_t count = 0;
    for (gp_str word = gp_word(&words); word.len > 0; word = gp_word(&words)) put_shown(out, word, count++);
    return count;
}

static size_t put_identities(struct accounts *a, int64_t account, struct gp_text *out)
{
    size_t    count = 0;
    auto_rows r     = identities_of(a, account);
    while (rows_next(&r) == GP_OK) put_shown(out, rows_text(&r, 0), count++);
    return count;
}

bool sender_put_own(struct accounts *a, int64_t account, int64_t credential, struct gp_text *out)
{
    struct standing its   = { .acts = false };
    struct gp_text  start = *out;
    if (read_standing(a, account, credential, &its) != GP_OK) return false;
    gp_str words = gp_from(its.c.limits.senders);
    size_t count = words.len ? put_words(out, words) : put_identities(a, account, out);
    put_more(out, count);
    if (out->cut) *out = start; /* rather none than half of one */
    return out->len > start.len;
}
