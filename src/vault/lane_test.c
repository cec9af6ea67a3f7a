/* Mail of old devices, asked as smtpd asks: to whom, how often, whatever the modes of policies are, and across a restart. */
#include "vault/test_bed.h"

static struct bed *open_with_lane(unsigned an_hour)
{
    struct bed           *b = bed_open();
    struct config_listen *l = &b->config.listen[1];
    bed_account(b, "anna", BED_GENERATED, false);
    b->config.policy.limits.mode = POLICY_OFF;
    b->config.policy.brake.mode  = POLICY_OFF;
    b->config.listen_count       = 2;
    *l                           = (struct config_listen) { .kind = LISTEN_LEGACY, .address = "127.0.0.1:2525" };
    l->lane =
        (struct legacy_lane) { .messages_per_hour = an_hour, .recipients_per_message = 2, .domains = "example.net" };
    return b;
}

static const struct msg_submitted *submit(struct bed *b, uint64_t listener, uint64_t credential, const char *recipients)
{
    struct msg m = MSG(SUBMIT);
    m.submit     = (struct msg_submit) { .session    = 1,
                                         .account    = 1,
                                         .credential = credential,
                                         .listener   = listener,
                                         .size       = 10,
                                         .sender     = GP_LIT("anna@example.org"),
                                         .peer       = GP_LIT("192.0.2.1"),
                                         .recipients = gp_from(recipients) };
    bed_ask(b, b->smtpd, &m);
    return &b->answer.submitted;
}

static const struct msg_permission *mail(struct bed *b, uint64_t listener)
{
    struct msg m = MSG(MAY_SEND);
    m.may_send   = (struct msg_may_send) { .session    = 1,
                                           .account    = 1,
                                           .credential = 1,
                                           .listener   = listener,
                                           .sender     = GP_LIT("anna@example.org"),
                                           .peer       = GP_LIT("192.0.2.1") };
    bed_ask(b, b->smtpd, &m);
    return &b->answer.permission;
}

TEST(a_device_writes_to_the_listeners_domains_alone)
{
    static const struct {
        const char *recipients;
        gp_status   status;
    } cases[] = {
        {"bob@example.net\t\n",                                         GP_OK      },
        { "bob@example.net\t\neve@example.net\tNOTIFY=NEVER\n",         GP_OK      },
        { "bob@example.net\t\neve@example.com\t\n",                     GP_PERMFAIL},
        { "victim%example.com@example.net\t\n",                         GP_PERMFAIL},
        { "bob@example.net\t\neve@example.net\t\nanna@example.net\t\n", GP_PERMFAIL},
    };
    struct bed *b = open_with_lane(100);
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        if (submit(b, 1, 1, cases[i].recipients)->status != cases[i].status) fail_msg("%s", cases[i].recipients);
        CHECK(cases[i].status == GP_OK || b->answer.submitted.code == 550);
        CHECK(submit(b, 0, 1, cases[i].recipients)->status == GP_OK); /* at other listeners nobody asks */
    }
    bed_close(b);
}

TEST(each_of_its_credentials_has_the_listeners_rate_even_where_limits_are_off)
{
    struct bed *b = open_with_lane(2);
    bed_account(b, "bert", BED_GENERATED, false);
    bed_may_act(b, 2, 1);
    CHECK(mail(b, 1)->status == GP_OK);
    CHECK(submit(b, 1, 1, "bob@example.net\t\n")->status == GP_OK &&
          submit(b, 1, 1, "bob@example.net\t\n")->status == GP_OK);
    CHECK(submit(b, 1, 1, "bob@example.net\t\n")->status == GP_TEMPFAIL && b->answer.submitted.code == 451);
    CHECK_IS(bed_text(b), "too many messages for this device, try again in 30 minutes");
    CHECK(mail(b, 1)->status == GP_TEMPFAIL && b->answer.permission.code == 451);
    CHECK_IS(bed_text(b), "over a limit: messages of the lane: 2/hour, 2 used, 1 asked for");
    CHECK(submit(b, 1, 2, "bob@example.net\t\n")->status == GP_OK);
    CHECK(mail(b, 0)->status == GP_OK && submit(b, 0, 1, "bob@example.com\t\n")->status == GP_OK);
    bed_close(b);
}

TEST(what_is_refused_is_not_counted_and_what_went_is_in_the_report)
{
    struct bed *b = open_with_lane(1);
    CHECK(submit(b, 1, 1, "eve@example.com\t\n")->status == GP_PERMFAIL && b->vault->tallies.count == 0);
    CHECK(submit(b, 1, 1, "bob@example.net\t\n")->status == GP_OK && b->vault->tallies.count == 1);
    CHECK_IS(gp_from(b->vault->tallies.list[0].name), "lane");
    CHECK_IS(gp_from(b->vault->tallies.list[0].example), "from 192.0.2.1, without TLS");
    bed_close(b);
}

TEST(what_a_device_has_used_is_kept)
{
    struct bed        *b = open_with_lane(1);
    struct limit_usage kept;
    CHECK(submit(b, 1, 1, "bob@example.net\t\n")->status == GP_OK);
    meters_write(b->vault);
    CHECK(usage_load(b->vault->accounts, LIMIT_LANE, 1, &kept) == GP_OK && kept.things[LIMIT_MESSAGES][0].until > 0);
    bed_close(b);
}
