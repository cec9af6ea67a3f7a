/* What the relay says of a domain's DNS records, and what becomes of mail from it in each mode. */
#include "vault/test_bed.h"

static void tell(struct bed *b, const char *domain, const char *why)
{
    struct msg told = MSG(PREFLIGHT), ask = MSG(DKIM_KEYS);
    told.preflight       = (struct msg_preflight) { .domain = gp_from(domain), .why = gp_from(why) };
    ask.dkim_keys.domain = gp_from(domain);
    CHECK(ipc_tell(b->relay, &told));
    bed_ask(b, b->relay, &ask); /* answered in order: what was told before it is known */
    CHECK(b->answer.type == MSG_DKIM_KEYS_ARE);
}

static const struct msg_submitted *submit_by(struct bed *b, const char *sender, const char *fields)
{
    struct msg m = MSG(SUBMIT);
    m.submit     = (struct msg_submit) { .session    = 1,
                                         .account    = 1,
                                         .credential = 1,
                                         .size       = 100,
                                         .queue_id   = GP_LIT("q1"),
                                         .sender     = gp_from(sender),
                                         .peer       = GP_LIT("203.0.113.9"),
                                         .fields     = gp_from(fields),
                                         .recipients = GP_LIT("bob@example.net\t\n") };
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.type == MSG_SUBMITTED);
    return &b->answer.submitted;
}

static const struct msg_submitted *submit(struct bed *b, const char *fields)
{
    return submit_by(b, "anna@example.com", fields);
}

static struct bed *open_in(enum policy_mode mode, enum preflight_action action)
{
    struct bed *b                     = bed_open();
    b->config.policy.preflight.mode   = mode;
    b->config.policy.preflight.action = action;
    bed_account(b, "anna", BED_GENERATED, false);
    return b;
}

static const char from_org[] = "from\tanna@Example.ORG\t\n",
                  from_two[] = "sender\tx@example.com\t\nfrom\tx@example.com\t\nfrom\tanna@example.org\t\n";

TEST(mail_is_held_or_refused_or_let_be)
{
    static const struct {
        enum policy_mode      mode;
        enum preflight_action action;
        gp_status             status;
        bool                  held;
    } cases[] = {
        {POLICY_OFF,      PREFLIGHT_HOLD,   GP_OK,       false},
        { POLICY_SHADOW,  PREFLIGHT_REFUSE, GP_OK,       false},
        { POLICY_ENFORCE, PREFLIGHT_HOLD,   GP_OK,       true },
        { POLICY_ENFORCE, PREFLIGHT_REFUSE, GP_PERMFAIL, false},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct bed *b = open_in(cases[i].mode, cases[i].action);
        tell(b, "example.org", "spf: it says so");
        const struct msg_submitted *answer = submit(b, from_org);
        CHECK(answer->status == cases[i].status && (answer->hold != 0) == cases[i].held);
        CHECK(b->vault->tallies.count == (cases[i].mode == POLICY_SHADOW));
        if (answer->status == GP_PERMFAIL) CHECK(answer->code == 550);
        bed_close(b);
    }
}

TEST(only_the_first_authors_domain_counts_and_only_what_is_wrong_with_it)
{
    struct bed *b = open_in(POLICY_ENFORCE, PREFLIGHT_HOLD);
    CHECK(!submit(b, from_org)->hold); /* nobody has looked yet */
    tell(b, "example.org", "dkim: the key is not there");
    CHECK(submit(b, from_org)->hold);
    CHECK(!submit(b, from_two)->hold && !submit(b, "")->hold && !submit(b, "from\t\t\n")->hold);
    tell(b, "example.org", "");
    CHECK(!submit(b, from_org)->hold);
    bed_close(b);
}

/* RFC 7208 2.4: SPF is about the envelope's sender. */
TEST(the_senders_domain_counts_by_all_but_dkim)
{
    struct bed *b = open_in(POLICY_ENFORCE, PREFLIGHT_HOLD);
    tell(b, "env.example", "spf: it says so");
    CHECK(submit_by(b, "a@Env.example", from_org)->hold && !submit(b, from_org)->hold);
    CHECK(!submit_by(b, "", from_org)->hold);
    tell(b, "env.example", "dkim: the key is not there");
    CHECK(!submit_by(b, "a@env.example", from_org)->hold);
    bed_close(b);
}

/* RFC 6531 3.2, RFC 5890: both forms name one domain, and the relay tells of it in the form that DNS has. */
TEST(a_domain_in_either_form_is_the_same)
{
    struct bed *b = open_in(POLICY_ENFORCE, PREFLIGHT_HOLD);
    tell(b, "xn--bcher-kva.example", "spf: it says so");
    CHECK(submit(b, "from\ta@xn--bcher-kva.example\t\n")->hold && submit(b, "from\ta@b\u00fccher.example\t\n")->hold);
    CHECK(submit_by(b, "a@B\u00fccher.example", from_org)->hold);
    bed_close(b);
}

TEST(what_was_told_long_ago_counts_no_more)
{
    struct bed *b = open_in(POLICY_ENFORCE, PREFLIGHT_HOLD);
    tell(b, "example.org", "ptr: none");
    b->vault->preflights.list[0].until = wall_now() - 1;
    CHECK(!submit(b, from_org)->hold);
    bed_close(b);
}

TEST(no_more_domains_are_kept_than_there_is_room_for)
{
    struct bed *b = open_in(POLICY_ENFORCE, PREFLIGHT_HOLD);
    tell(b, "example.org", "ptr: none");
    b->vault->preflights.list[0].until--; /* the oldest */
    for (int i = 0; i < PREFLIGHTS_MOST; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "d%d.example", i);
        tell(b, name, "ptr: none");
    }
    CHECK(b->vault->preflights.count == PREFLIGHTS_MOST && !submit(b, from_org)->hold);
    CHECK(submit(b, "from\ta@d0.example\t\n")->hold);
    bed_close(b);
}

/* In shadow a message in another's name goes out, and is not signed; that is what pre-flight finds, too. */
TEST(what_is_from_another_is_not_signed_while_the_policy_only_watches)
{
    static const struct {
        enum policy_mode identity;
        bool             signs_in_shadow;
        const char      *fields;
        bool             foreign;
    } cases[] = {
        {POLICY_SHADOW,  false, "from\tboss@example.com\t\n",                           true },
        { POLICY_SHADOW, false, "from\tanna@example.org\t\nfrom\tboss@example.com\t\n", true },
        { POLICY_SHADOW, false, "from\tanna@example.org\t\n",                           false},
        { POLICY_SHADOW, true,  "from\tboss@example.com\t\n",                           false},
        { POLICY_OFF,    false, "from\tboss@example.com\t\n",                           false},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct bed *b                            = open_in(POLICY_SHADOW, PREFLIGHT_HOLD);
        b->config.policy.identity.mode           = cases[i].identity;
        b->config.policy.identity.sign_in_shadow = cases[i].signs_in_shadow;
        const struct msg_submitted *said         = submit_by(b, "anna@example.org", cases[i].fields);
        CHECK(said->status == GP_OK && said->foreign == cases[i].foreign && !said->hold);
        CHECK(b->vault->tallies.count == cases[i].foreign);
        bed_close(b);
    }
}

TEST(what_is_not_signed_is_held_where_pre_flight_is_enforced)
{
    struct bed *b                  = open_in(POLICY_ENFORCE, PREFLIGHT_HOLD);
    b->config.policy.identity.mode = POLICY_SHADOW;
    CHECK(submit_by(b, "anna@example.org", "from\tboss@example.com\t\n")->hold);
    CHECK(b->answer.submitted.foreign);
    bed_close(b);
}
