/* The brake, asked as smtpd asks: what is held and said, across a restart and a release; in shadow it goes out. */
#include "vault/test_bed.h"

#include "store/audit.h"

enum { MESSAGES = 100 };
#define DAY ((gp_time)24 * 3600 * 1000)

/* A vault with an account that has been here for a month, and writes to somebody new from elsewhere, each time. */
static struct bed *open_stolen(enum policy_mode mode)
{
    struct bed   *b = bed_open();
    struct meter *m;
    b->config.policy.brake.mode = mode;
    bed_account(b, "anna", BED_GENERATED, false);
    m = meter_of(b->vault, LIMIT_ACCOUNT, 1);
    CHECK(m);
    m->brake = calloc(1, sizeof *m->brake);
    CHECK(m->brake);
    m->brake->account    = 1;
    m->brake->seen       = b->vault->changes + 1;
    m->brake->state.born = wall_now() - 30 * DAY;
    m->brake->state.when = wall_now() - DAY;
    return b;
}

static const struct msg_submitted *submit_from(struct bed *b, uint64_t account, gp_str sender, unsigned number)
{
    char       to[64];
    struct msg m = MSG(SUBMIT);
    (void)snprintf(to, sizeof to, "r%u@example.net\t\n", number);
    m.submit = (struct msg_submit) { .session    = 1,
                                     .account    = account,
                                     .credential = 1,
                                     .size       = 100,
                                     .likeness   = 77,
                                     .sender     = sender,
                                     .peer       = GP_LIT("203.0.113.9"),
                                     .helo       = GP_LIT("bot"),
                                     .mechanism  = GP_LIT("LOGIN"),
                                     .recipients = gp_from(to) };
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.submitted.status == GP_OK);
    return &b->answer.submitted;
}

static uint64_t submit(struct bed *b, unsigned number)
{
    return submit_from(b, 1, GP_LIT("anna@example.org"), number)->hold;
}

/* How many go out before one is held. */
static unsigned until_held(struct bed *b, unsigned first)
{
    unsigned n = 0;
    while (n < MESSAGES && !submit(b, first + n)) n++;
    return n;
}

static size_t audited(struct bed *b, const char *event)
{
    char                room[AUDIT_FILTER_ROOM];
    struct audit_filter f = { .event = gp_from(event) };
    struct audit_row    row;
    struct accounts    *a     = bed_store(b);
    size_t              count = 0;
    {
        auto_rows r = audit_rows(accounts_database(a), &f, room);
        while (audit_next(&r, &row) == GP_OK) count++;
    }
    accounts_close(a);
    return count;
}

TEST(what_a_thief_sends_is_held_until_somebody_releases_it)
{
    struct bed *b = open_stolen(POLICY_ENFORCE);
    CHECK(until_held(b, 0) < MESSAGES && submit(b, 500));
    meters_write(b->vault);
    CHECK(submit(b, 501));
    meters_write(b->vault);
    CHECK(audited(b, "mail-held") == 1);
    meters_close(b->vault); /* another life */
    CHECK(submit(b, 502));
    struct accounts *a = bed_store(b);
    CHECK(brake_set_released(a, 1, wall_now()) == GP_OK);
    accounts_close(a);
    vault_look_anew(b->vault);
    CHECK(!submit(b, 503) && audited(b, "mail-released") == 1);
    meters_write(b->vault);
    meters_close(b->vault);
    CHECK(!submit(b, 504));
    bed_close(b);
}

/* As after a release of ours that keeps its states in another form. */
TEST(what_is_held_stays_so_where_the_state_cannot_be_read)
{
    struct bed *b = open_stolen(POLICY_ENFORCE);
    CHECK(until_held(b, 0) < MESSAGES);
    meters_write(b->vault);
    meters_close(b->vault);
    struct accounts *a = bed_store(b);
    {
        auto_rows r = rows_of(accounts_database(a), "UPDATE brakes SET state = x'00'");
        CHECK(rows_run(&r) == GP_OK);
    }
    CHECK(submit(b, 500));
    meters_write(b->vault);
    CHECK(brake_set_released(a, 1, wall_now()) == GP_OK);
    accounts_close(a);
    vault_look_anew(b->vault);
    CHECK(!submit(b, 501));
    bed_close(b);
}

TEST(in_shadow_it_goes_out_and_is_noted)
{
    struct bed *b = open_stolen(POLICY_SHADOW);
    CHECK(until_held(b, 0) == MESSAGES);
    CHECK(b->vault->tallies.count == 1);
    CHECK_IS(gp_from(b->vault->tallies.list[0].name), "brake");
    bed_close(b);
}

TEST(mail_that_fails_counts)
{
    struct bed *b     = open_stolen(POLICY_ENFORCE);
    struct peer queue = { .vault = b->vault, .role = ROLE_QUEUE };
    struct msg  m     = MSG(FATES);
    m.fates.lines     = GP_LIT("1\t5\t5\n2\t1\t1\nrubbish\n1\t99999999999999\t1\n\n");
    brake_fates(&queue, &m);
    const struct brake_state *now = &meter_of(b->vault, LIMIT_ACCOUNT, 1)->brake->state;
    CHECK(now->delivered > 4.9 && now->failed > 4.9 && now->failed < 5.1);
    CHECK(until_held(b, 0) < 10);
    bed_close(b);
}

/* ---- settled ----------------------------------------------------------------------------------------------------------------- */
static size_t places_of_anna(struct bed *b, const char *where)
{
    size_t           count = 0;
    struct accounts *a     = bed_store(b);
    {
        auto_rows r = rows_of(accounts_database(a), "SELECT count(*) FROM places WHERE account = 1 AND place = ?");
        rows_bind_text(&r, gp_from(where));
        CHECK(rows_next(&r) == GP_OK);
        count = (size_t)rows_number(&r, 0);
    }
    accounts_close(a);
    return count;
}

static void was_at(struct bed *b, const char *where, gp_time when)
{
    struct place_use use = { .account = 1, .when = when };
    struct accounts *a   = bed_store(b);
    CHECK(place_read(gp_from(where), &use.place) && places_note(a, &use, 1) == GP_OK);
    accounts_close(a);
}

/* What a command does, and then the next message. */
enum settling { ENABLED, LOCKED_ENABLED, RELEASED, LOCKED_RELEASED_ENABLED };

static void settle(struct bed *b, enum settling how)
{
    struct accounts *a = bed_store(b);
    if (how == LOCKED_ENABLED || how == LOCKED_RELEASED_ENABLED) CHECK(accounts_lock(a, 1) == GP_OK);
    if (how == RELEASED || how == LOCKED_RELEASED_ENABLED) CHECK(brake_set_released(a, 1, audit_now()) == GP_OK);
    if (how != RELEASED) CHECK(accounts_set_disabled(a, 1, false) == GP_OK);
    accounts_close(a);
    vault_look_anew(b->vault);
}

TEST(a_theft_blesses_nothing_and_a_release_does)
{
    static const struct {
        enum settling how;
        bool          in_memory, stolen;
    } cases[] = {
        {ENABLED,                  true,  true },
        { ENABLED,                 false, true },
        { LOCKED_ENABLED,          true,  true },
        { LOCKED_ENABLED,          false, true },
        { RELEASED,                true,  false},
        { RELEASED,                false, false},
        { LOCKED_RELEASED_ENABLED, true,  false},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct bed *b = open_stolen(POLICY_ENFORCE);
        was_at(b, "192.0.2.1", wall_now() - 20 * DAY);
        was_at(b, "192.0.2.1", wall_now());
        was_at(b, "203.0.113.9", wall_now() - DAY);
        CHECK(until_held(b, 0) < MESSAGES);
        meters_write(b->vault);
        if (!cases[i].in_memory) meters_close(b->vault);
        settle(b, cases[i].how);
        CHECK(!submit(b, 500));
        const struct brake_state *s     = &meter_of(b->vault, LIMIT_ACCOUNT, 1)->brake->state;
        uint64_t                  thief = brake_network(GP_LIT("203.0.113.9"));
        for (size_t n = 0; n < BRAKE_NETWORKS; n++)
            if (s->networks[n].what == thief) CHECK((s->networks[n].days > 1) == !cases[i].stolen);
        CHECK(places_of_anna(b, "192.0.2.1") == 1);
        CHECK(places_of_anna(b, "203.0.113.9") == !cases[i].stolen);
        CHECK(audited(b, "theft-settled") == cases[i].stolen);
        bed_close(b);
    }
}

TEST(who_was_only_disabled_has_nothing_to_settle)
{
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    was_at(b, "203.0.113.9", wall_now());
    bed_disable(b, "anna");
    settle(b, ENABLED);
    CHECK(places_of_anna(b, "203.0.113.9") == 1 && audited(b, "theft-settled") == 0);
    settle(b, LOCKED_ENABLED); /* without a message ever */
    CHECK(places_of_anna(b, "203.0.113.9") == 0 && audited(b, "theft-settled") == 1);
    settle(b, ENABLED);
    CHECK(audited(b, "theft-settled") == 1);
    bed_close(b);
}

/* ---- acting for others ----------------------------------------------------------------------------------------------------- */
static const struct msg_submitted *submit_for(struct bed *b, uint64_t account, unsigned number)
{
    return submit_from(b, account, GP_LIT("bert@example.org"), number);
}

TEST(who_acts_for_many_is_judged_by_all_that_he_sends)
{
    enum { OTHERS = 20, FIRST = 2 };
    struct bed *b    = open_stolen(POLICY_ENFORCE);
    unsigned    sent = 0;
    for (int i = 0; i < OTHERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "other%d", i);
        bed_account(b, name, BED_GENERATED, false);
        bed_may_act(b, 1, FIRST + i);
    }
    while (sent < MESSAGES && !submit_for(b, FIRST + sent % OTHERS, sent)->hold) sent++;
    CHECK(sent < MESSAGES && b->answer.submitted.owner == 1);
    const struct brake_kept *owner = meter_of(b->vault, LIMIT_ACCOUNT, 1)->brake;
    const struct brake_kept *other = meter_of(b->vault, LIMIT_ACCOUNT, FIRST)->brake;
    CHECK(owner->state.held && !other->state.held);
    gp_str why = gp_from(owner->why);
    CHECK(gp_find(why, ',') < why.len && strstr(owner->why, ", in the name of other"));
    CHECK(submit_for(b, FIRST + 1, 500)->hold && submit(b, 501));
    meters_write(b->vault);
    CHECK(audited(b, "mail-held") == 1);
    bed_close(b);
}

TEST(whose_mail_is_held_is_told_who_signed_in)
{
    struct bed *b = open_stolen(POLICY_ENFORCE);
    bed_account(b, "bert", BED_GENERATED, false);
    bed_may_act(b, 1, 2);
    struct meter *m = meter_of(b->vault, LIMIT_ACCOUNT, 2);
    m->brake        = calloc(1, sizeof *m->brake);
    CHECK(m->brake);
    *m->brake            = *meter_of(b->vault, LIMIT_ACCOUNT, 1)->brake;
    m->brake->account    = 2;
    m->brake->state.born = wall_now() - 60 * DAY;
    unsigned sent        = 0;
    while (sent < MESSAGES && !submit_for(b, 2, sent)->hold) sent++;
    CHECK(sent < MESSAGES && strstr(m->brake->why, ", signed in as anna"));
    bed_close(b);
}

/* ---- what waits in the queue ----------------------------------------------------------------------------------------------- */
struct far_queue {                 /* the queue's end of the channel */
    unsigned         asked, pages; /* pages: still to say that there are more */
    uint64_t         account, row;
    gp_status        says;
    char             why[HOLD_WHY_MOST + 1];
    struct ipc      *channel;
    struct accounts *releases; /* not NULL: anna's mail is released in this store before the answer */
};

static void asked_to_hold(void *owner, struct ipc *from, struct msg *m)
{
    struct far_queue *q      = owner;
    struct msg        answer = MSG(HELD);
    if (m->type != MSG_HOLD) return;
    q->asked++;
    q->account = m->hold.account;
    q->row     = m->hold.row;
    CHECK(gp_copy_z(m->hold.why, q->why, sizeof q->why));
    if (q->releases) CHECK(brake_set_released(q->releases, 1, wall_now()) == GP_OK);
    answer.held.status = q->says;
    answer.held.row    = q->says == GP_OK && q->pages > 0 ? m->hold.row + 10 : 0;
    q->pages -= answer.held.row > 0;
    ipc_answer(from, m->question, &answer);
}

static void join_queue(struct bed *b, struct far_queue *q)
{
    static const struct ipc_handler handler = { asked_to_hold, NULL };
    int                             pair[2];
    CHECK(wire_pair(pair));
    vault_join(b->vault, ROLE_QUEUE, 0, pair[0]);
    q->channel = ipc_open(b->loop, pair[1], &handler, q);
    CHECK(q->channel);
}

static void close_both(struct bed *b, struct far_queue *q)
{
    ipc_close(q->channel);
    bed_close(b);
}

static void tick(struct bed *b)
{
    holds_tick(b->vault);
    bed_settle(b);
}

TEST(the_queue_is_told_to_hold_what_waits_until_it_has_said_yes_to_all)
{
    struct bed      *b = open_stolen(POLICY_ENFORCE);
    struct far_queue q = { .says = GP_TEMPFAIL, .pages = 2 };
    join_queue(b, &q);
    CHECK(until_held(b, 0) < MESSAGES);
    bed_settle(b);
    CHECK(q.asked == 1 && q.account == 1 && q.row == 0);
    CHECK(gp_starts(gp_from(q.why), "sends as if somebody else had the account: "));
    tick(b); /* it could not: again */
    CHECK(q.asked == 2);
    q.says = GP_OK;
    tick(b);
    CHECK(q.asked == 5 && q.row == 20);
    CHECK(submit(b, 500));
    tick(b);
    CHECK(q.asked == 5);
    close_both(b, &q);
}

TEST(a_restart_forgets_nobody_whose_waiting_mail_is_to_be_held)
{
    struct bed      *b = open_stolen(POLICY_ENFORCE);
    struct far_queue q = { .says = GP_OK };
    CHECK(until_held(b, 0) < MESSAGES); /* the queue is not there */
    meters_write(b->vault);
    meters_close(b->vault);
    b->vault->holding = (struct holding) { .due = true }; /* as at the start */
    join_queue(b, &q);
    tick(b);
    CHECK(q.asked == 1 && q.account == 1);
    b->vault->holding.due = true;
    tick(b);
    CHECK(q.asked == 1); /* it knows */
    close_both(b, &q);
}

TEST(whose_mail_was_released_meanwhile_is_let_be)
{
    struct bed      *b = open_stolen(POLICY_ENFORCE);
    struct far_queue q = { .says = GP_OK };
    CHECK(until_held(b, 0) < MESSAGES);
    meters_write(b->vault);
    struct accounts *a = bed_store(b);
    CHECK(brake_set_released(a, 1, wall_now() + 1) == GP_OK);
    accounts_close(a);
    join_queue(b, &q);
    tick(b);
    CHECK(q.asked == 0);
    close_both(b, &q);
}

TEST(a_release_between_two_pages_stops_the_holding)
{
    struct bed      *b = open_stolen(POLICY_ENFORCE);
    struct far_queue q = { .says = GP_OK, .pages = 3, .releases = bed_store(b) };
    join_queue(b, &q);
    CHECK(until_held(b, 0) < MESSAGES);
    bed_settle(b);
    tick(b);
    CHECK(q.asked == 1 && !b->vault->holding.due);
    accounts_close(q.releases);
    close_both(b, &q);
}
