/* The brake on stolen accounts, as the last rule of sending.c: an account whose score passes the threshold has its mail accepted and held,
 * from then on, until somebody releases it. In shadow it goes out, and is noted. Owner and administrator are told once. */
#include <stdlib.h>

#include "vault/parts.h"

/* ---- what is known of an account ------------------------------------------------------------------------------------------- */
static bool first_seen(struct meter *m, const struct brake_row *row)
{
    m->brake = calloc(1, sizeof *m->brake);
    if (!m->brake) return false;
    m->brake->account  = m->subject;
    m->brake->state    = row->state;
    m->brake->released = brake_was_released(row, wall_now()) ? 0 : row->released; /* while we were not there */
    m->brake->stolen   = brake_was_stolen(row) ? 0 : row->stolen;
    return gp_copy_z(gp_from(row->why), m->brake->why, sizeof m->brake->why);
}

static void settle(struct vault *v, struct meter *m, const struct brake_row *row)
{
    struct brake_kept *b   = m->brake;
    gp_time            now = wall_now();
    /* Each change is a command's. One since the hold; or the clock was ahead when that began. */
    bool released          = row->released != b->released && (row->released >= b->state.held || b->state.held > now);
    bool stolen            = row->stolen != b->stolen && (row->stolen >= b->state.held || b->state.held > now);
    if (stolen) brake_stolen(&b->state, b->state.held ? b->state.held : row->suspected);
    if (released) brake_release(&b->state, now);
    if (released || stolen) meter_touched(v, m);
    b->released = row->released;
    b->stolen   = row->stolen;
}

/* What we have is newer than the store, but for what a command said there. */
static bool load(struct vault *v, struct meter *m)
{
    struct brake_row row;
    if (m->brake && m->brake->seen == v->changes + 1) return true;
    if (brake_load(v->accounts, m->subject, &row) != GP_OK) {
        vault_store_failed(v);
        return false;
    }
    if (!m->brake && !first_seen(m, &row)) return false;
    settle(v, m, &row);
    m->brake->seen = v->changes + 1;
    return true;
}

/* ---- held ------------------------------------------------------------------------------------------------------------------------ */
static void put_name(struct vault *v, struct gp_text *out, const char *how, int64_t account)
{
    struct account found;
    gp_put_z(out, how);
    gp_put_z(out, accounts_get(v->accounts, account, &found) == GP_OK ? found.name : "?");
}

static void put_why(struct vault *v, const struct sent *s, struct brake_kept *b, const struct brake_score *score)
{
    struct gp_text why = { .ptr = b->why, .room = sizeof b->why - 1 };
    gp_put_z(&why, "sends as if somebody else had the account: ");
    brake_score_put(&why, score);
    if (b->account != s->account) put_name(v, &why, ", in the name of ", s->account);
    if (b->account != s->owner) put_name(v, &why, ", signed in as ", s->owner);
    b->why[why.len] = '\0';
}

static void begin(struct vault *v, struct sent *s, struct brake_kept *b, const struct brake_score *score)
{
    bool shadow = v->config->policy.brake.mode == POLICY_SHADOW;
    put_why(v, s, b, score);
    if (shadow) shadow_note(v, "brake", b->account, s->credential, gp_from(b->why));
    if (!shadow || s->now - b->told > BRAKE_TOLD_AGAIN_MS) tell_brake(v, s, b);
    b->told = s->now;
    if (shadow) return;
    b->state.held = s->now;
    b->credential = s->credential;
    b->begins     = true;
}

/* Counted for one account; its mail may be held from now on. false: the store could not tell. */
static bool weigh(struct vault *v, struct sent *s, int64_t account, const struct brake_message *one)
{
    struct brake_score score;
    struct meter      *m = meter_of(v, LIMIT_ACCOUNT, account);
    if (!m || !load(v, m)) return false;
    struct brake_kept *b = m->brake;
    brake_message(&b->state, one, s->now, &score);
    if (!b->state.held && brake_holds(&score)) begin(v, s, b, &score);
    meter_touched(v, m);
    if (b->state.held && v->config->policy.brake.mode == POLICY_ENFORCE && !s->hold_why[0])
        (void)gp_copy_z(gp_head(gp_from(b->why), HOLD_WHY_MOST), s->hold_why, sizeof s->hold_why);
    return true;
}

/* Who acts for others is judged by all that he sends; and each of them by what is sent in its name. */
gp_status brake_at_end(struct vault *v, struct sent *s)
{
    if (v->config->policy.brake.mode == POLICY_OFF) return GP_OK;
    struct brake_message one = { .network    = brake_network(s->peer),
                                 .client     = brake_client(s->helo),
                                 .mechanism  = brake_digest(s->mechanism),
                                 .likeness   = s->likeness,
                                 .recipients = s->recipient_count,
                                 .fresh      = s->fresh };
    if (weigh(v, s, s->account, &one) && (s->owner == s->account || weigh(v, s, s->owner, &one))) return GP_OK;
    s->no = (struct no) { 451, "4.3.0", "the accounts cannot be read now" };
    gp_put_z(&s->text, "cannot tell now who may send, try again later");
    return GP_TEMPFAIL;
}

/* Of those whose mail is held since this message. */
static struct brake_kept *begun(struct vault *v, const struct sent *s, int64_t account)
{
    struct meter *m = s->hold_why[0] ? meter_of(v, LIMIT_ACCOUNT, account) : NULL;
    return m && m->brake && m->brake->begins ? m->brake : NULL;
}

bool brake_begins(struct vault *v, const struct sent *s)
{
    return begun(v, s, s->account) || begun(v, s, s->owner);
}

/* For the row that says since when, so that one finds the other. */
void brake_named(struct vault *v, const struct sent *s)
{
    const int64_t accounts[] = { s->account, s->owner };
    for (size_t i = 0; i < GP_COUNT(accounts); i++) {
        struct brake_kept *b = begun(v, s, accounts[i]);
        if (b) (void)gp_copy_z(gp_from(s->incident), b->incident, sizeof b->incident);
    }
}

/* ---- what became of its mail ---------------------------------------------------------------------------------------------------- */
/* Lines "account TAB delivered TAB failed". */
void brake_fates(struct peer *peer, struct msg *m)
{
    enum { MOST = 1000000 };
    struct vault *v = peer->vault;
    for (gp_str lines = m->fates.lines; lines.len > 0;) {
        gp_str   line = gp_cut(&lines, '\n'), account = gp_cut(&line, '\t'), delivered = gp_cut(&line, '\t');
        uint64_t id, good, bad;
        if (!gp_read_number(account, INT64_MAX, &id) || !gp_read_number(delivered, MOST, &good) ||
            !gp_read_number(line, MOST, &bad))
            continue;
        struct meter *of = v->config->policy.brake.mode == POLICY_OFF ? NULL : meter_of(v, LIMIT_ACCOUNT, (int64_t)id);
        if (!of || !load(v, of)) continue;
        brake_outcomes(&of->brake->state, (unsigned)good, (unsigned)bad, wall_now());
        meter_touched(v, of);
    }
}

gp_status brake_write(struct vault *v, struct brake_kept *b, gp_time now)
{
    struct brake_entry e = { .account    = b->account,
                             .credential = b->credential,
                             .state      = &b->state,
                             .why        = b->why,
                             .incident   = b->incident,
                             .begins     = b->begins };
    return brake_put(v->accounts, &e, now);
}
