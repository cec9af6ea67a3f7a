/* What people are told of what policies find: once for a cause, to whom it concerns, and without a word of a stranger's. */
#include "vault/test_bed.h"

#include "store/notices.h"

enum { A_DAY = 6 };
#define HERE "192.0.2.1"

static void told(struct config *c)
{
    c->notices.a_day  = A_DAY;
    c->notices.owners = true;
    CHECK(gp_copy_z(GP_LIT("admin@example.net"), c->notices.admin, sizeof(c->notices.admin)));
}

static struct bed *open_bed(void)
{
    struct bed *b = bed_open_with(told);
    bed_account(b, "anna", BED_GENERATED, false);
    return b;
}

/* The next that has to be told; false: there is none. */
static bool take(struct bed *b, struct notice *n)
{
    struct notice now;
    notices_write(b->vault);
    if (notice_next(b->vault->accounts, INT64_MAX, n) != GP_OK) return false;
    while (notice_next(b->vault->accounts, INT64_MAX, &now) == GP_OK && now.id == n->id) {
        gp_str to = gp_from(now.to);
        CHECK(notice_told(b->vault->accounts, &now, gp_word(&to)) == GP_OK);
    }
    return true;
}

static bool says(const struct notice *n, const char *text)
{
    return strstr(n->text, text) != NULL;
}

static void stale(struct bed *b)
{
    struct peer    smtpd = { .vault = b->vault, .role = ROLE_SMTPD };
    struct signin *s     = calloc(1, sizeof(*s));
    CHECK(s);
    s->peer   = &smtpd;
    s->who.id = 1;
    CHECK(gp_copy_z(GP_LIT(HERE), s->address, sizeof(s->address)));
    CHECK(gp_copy_z(GP_LIT("PLAIN"), s->mechanism, sizeof(s->mechanism)));
    CHECK(gp_copy_z(GP_LIT("buy.example"), s->helo, sizeof(s->helo)));
    tell_stale(s, false);
    free(s);
}

TEST(an_old_device_is_told_to_its_owner_once)
{
    struct notice n;
    struct bed   *b = open_bed();
    stale(b);
    stale(b);
    CHECK(take(b, &n) && says(&n, HERE) && says(&n, "PLAIN") && says(&n, "`gatepost explain anna`") &&
          !says(&n, "buy.example"));
    CHECK_IS(gp_from(n.to), "anna@example.org admin@example.net");
    CHECK(!take(b, &n));
    bed_close(b);
}

static struct ban ban_of(const char *network, gp_time made)
{
    struct ban ban = { .made = made, .until = made + 3600000, .offences = 1 };
    CHECK(place_read(gp_from(network), &ban.place));
    return ban;
}

TEST(a_network_that_is_banned_is_told_once_a_day_and_an_address_not_at_all)
{
    static const char *const everyday[] = { HERE, "2001:db8:1:2::/64" };
    const gp_time            day        = (gp_time)24 * 3600 * 1000;
    struct notice            n;
    struct bed              *b = open_bed();
    for (size_t i = 0; i < GP_COUNT(everyday); i++) {
        struct ban one = ban_of(everyday[i], day);
        tell_ban(b->vault, &one);
    }
    CHECK(!take(b, &n));
    struct ban first = ban_of("192.0.2.0/24", day), second = ban_of("2001:db8:1::/48", day + 1),
               later = ban_of("198.51.100.0/24", 2 * day);
    tell_ban(b->vault, &first);
    tell_ban(b->vault, &second);
    tell_ban(b->vault, &later);
    CHECK(take(b, &n) && says(&n, "`gatepost ban remove 192.0.2.0/24`"));
    CHECK_IS(gp_from(n.to), "admin@example.net");
    CHECK(take(b, &n) && says(&n, "198.51.100.0/24") && !take(b, &n));
    bed_close(b);
}

static struct sent message_at(gp_time now)
{
    return (struct sent) { .account = 1, .credential = 1, .now = now, .peer = GP_LIT(HERE), .queue_id = GP_LIT("Q") };
}

TEST(a_limit_is_told_to_whom_it_is_of)
{
    struct notice    n;
    struct bed      *b           = open_bed();
    struct sent      s           = message_at(1000);
    struct limit_hit hit         = { .scope = LIMIT_ACCOUNT, .thing = LIMIT_MESSAGES, .used = 8 };
    b->config.policy.limits.mode = POLICY_ENFORCE;
    tell_limit(b->vault, &s, &hit);
    tell_limit(b->vault, &s, &hit);
    CHECK(take(b, &n) && says(&n, "8 used") && says(&n, "`gatepost limit show anna`"));
    CHECK_IS(gp_from(n.to), "anna@example.org admin@example.net");
    hit.scope = LIMIT_SERVER;
    tell_limit(b->vault, &s, &hit);
    CHECK(take(b, &n) && says(&n, "policy.limits.server.messages"));
    CHECK_IS(gp_from(n.to), "admin@example.net");
    b->config.policy.limits.mode = POLICY_SHADOW;
    hit.scope                    = LIMIT_CREDENTIAL;
    tell_limit(b->vault, &s, &hit);
    CHECK(take(b, &n) && says(&n, "is shadow"));
    CHECK_IS(gp_from(n.to), "admin@example.net");
    CHECK(!take(b, &n));
    bed_close(b);
}

TEST(an_account_that_is_held_is_told_once_and_strangers_leave_room_for_it)
{
    struct notice     n;
    struct bed       *b         = open_bed();
    struct sent       s         = message_at(5000);
    struct brake_kept brake     = { .account = 1, .why = "sends as if somebody else had the account: x" };
    b->config.policy.brake.mode = POLICY_ENFORCE;
    for (int day = 0; day < A_DAY; day++) {
        struct ban one = ban_of("192.0.2.0/24", (gp_time)day * 24 * 3600 * 1000);
        tell_ban(b->vault, &one);
    }
    for (int i = 0; i < A_DAY / 2; i++) CHECK(take(b, &n));
    CHECK(!take(b, &n));
    tell_brake(b->vault, &s, &brake);
    tell_brake(b->vault, &s, &brake);
    CHECK(take(b, &n) && says(&n, "The account anna sends as if") &&
          says(&n, "`gatepost queue release --account anna`") && says(&n, "`gatepost user lock anna`") &&
          says(&n, HERE));
    CHECK_IS(gp_from(n.to), "anna@example.org admin@example.net");
    s.now++; /* it was released, and is held again */
    tell_brake(b->vault, &s, &brake);
    CHECK(take(b, &n) && !take(b, &n));
    bed_close(b);
}

/* Nobody is to wait for the store before he hears no. */
TEST(what_a_stranger_causes_writes_nothing_at_once)
{
    struct notice n;
    struct bed   *b = open_bed();
    for (int day = 0; day < 2 * UNTOLD_MOST; day++) {
        struct ban one = ban_of("192.0.2.0/24", (gp_time)day * 24 * 3600 * 1000);
        tell_ban(b->vault, &one);
    }
    CHECK(b->vault->untold.count == UNTOLD_MOST && notice_next(b->vault->accounts, INT64_MAX, &n) == GP_PERMFAIL);
    tell_audit(b->vault, "It", "no such file", "Restore it."); /* that makes room for itself */
    CHECK(b->vault->untold.count == 1 && take(b, &n));
    bed_close(b);
}

TEST(no_command_holds_what_a_shell_would_follow)
{
    struct notice n;
    struct bed   *b = bed_open_with(told);
    bed_account(b, "anna;reboot", BED_GENERATED, false);
    stale(b);
    CHECK(take(b, &n) && says(&n, "`gatepost explain NAME`") && !says(&n, "explain anna"));
    bed_close(b);
}

TEST(an_audit_without_a_key_is_told)
{
    struct notice n;
    struct bed   *b = open_bed();
    tell_audit(b->vault, "The key of the audit cannot be used (vault/audit.key)", "no such file", "Restore it.");
    tell_audit(b->vault, "The key of the audit cannot be used (vault/audit.key)", "no such file", "Restore it.");
    CHECK(take(b, &n) && says(&n, "no such file") && !take(b, &n));
    bed_close(b);
}

/* ---- DNS ---------------------------------------------------------------------------------------------------------------------- */
static void found(struct bed *b, const char *domain, const char *why)
{
    struct msg  m     = MSG(PREFLIGHT);
    struct peer relay = { .vault = b->vault, .role = ROLE_RELAY };
    m.preflight       = (struct msg_preflight) { .domain = gp_from(domain), .why = gp_from(why) };
    preflight_told(&relay, &m);
}

TEST(a_domain_whose_mail_is_held_is_told_of_when_that_begins)
{
    struct notice n;
    struct bed   *b                   = open_bed();
    b->config.policy.preflight.mode   = POLICY_SHADOW;
    b->config.policy.preflight.action = PREFLIGHT_HOLD;
    found(b, "example.net", "spf: it says so");
    CHECK(take(b, &n) && says(&n, "goes out all the same") && !says(&n, "release"));
    b->config.policy.preflight.mode = POLICY_OFF;
    found(b, "off.example", "spf: it says so");
    CHECK(!take(b, &n));
    b->config.policy.preflight.mode = POLICY_ENFORCE;
    found(b, "example.org", "");
    CHECK(!take(b, &n));
    found(b, "example.org", "spf: it says so");
    CHECK(take(b, &n) && says(&n, "example.org: spf: it says so.") && says(&n, "`gatepost dns example.org --check`") &&
          says(&n, "`gatepost queue release ID`"));
    CHECK_IS(gp_from(n.to), "admin@example.net");
    found(b, "example.org", "dkim: and this");
    found(b, "example.org", "");
    found(b, "example.org", "spf: it says so"); /* the same day */
    CHECK(!take(b, &n));
    b->config.policy.preflight.action = PREFLIGHT_REFUSE;
    found(b, "x.example", "spf: it says so");
    CHECK(take(b, &n) && !says(&n, "release"));
    bed_close(b);
}

static void with_webhook(struct config *c)
{
    told(c);
    CHECK(gp_copy_z(GP_LIT("https://alerts.example.org/"), c->notices.webhook, sizeof(c->notices.webhook)));
}

TEST(a_damaged_queue_is_told_once_a_day_and_not_by_mail)
{
    struct bed   *b     = bed_open_with(with_webhook);
    struct peer   queue = { .vault = b->vault, .role = ROLE_QUEUE };
    struct msg    m     = MSG(STORE_STATE);
    struct notice n;
    for (unsigned i = 0; i <= STORE_STATES; i++) {
        m.store_state.state = i;
        notice_store(&queue, &m);
        notices_write(b->vault);
        CHECK((notice_to_post(b->vault->accounts, &n) == GP_OK) == (i >= STORE_DAMAGED));
    }
    CHECK(strcmp(n.kind, "queue-damaged") == 0 && !n.to[0]);
    CHECK(notice_posted(b->vault->accounts, &n) == GP_OK);
    CHECK(notice_to_post(b->vault->accounts, &n) == GP_PERMFAIL);
    CHECK(notice_next(b->vault->accounts, INT64_MAX, &n) == GP_PERMFAIL);
    bed_close(b);
}

/* By webhook and in the log: mail would go the way on which it was lost. */
TEST(a_report_that_was_lost_is_told_once_a_day_and_not_by_mail)
{
    struct bed   *b     = bed_open_with(with_webhook);
    struct peer   queue = { .vault = b->vault, .role = ROLE_QUEUE };
    struct msg    m     = MSG(REPORT_LOST);
    struct notice n;
    for (unsigned i = 0; i < 3; i++) {
        static const char *const ids[] = { "", "a b\r\n", "abcd" };
        m.report_lost.queue_id         = gp_from(ids[i]);
        notice_lost(&queue, &m);
        notices_write(b->vault);
        CHECK((notice_to_post(b->vault->accounts, &n) == GP_OK) == (i == 2));
    }
    CHECK(strcmp(n.kind, "report-lost") == 0 && says(&n, "is gone: abcd.\n") && !n.to[0]);
    CHECK(notice_posted(b->vault->accounts, &n) == GP_OK);
    notice_lost(&queue, &m);
    notices_write(b->vault);
    CHECK(notice_to_post(b->vault->accounts, &n) == GP_PERMFAIL);
    CHECK(notice_next(b->vault->accounts, INT64_MAX, &n) == GP_PERMFAIL);
    bed_close(b);
}
