/* The caretaker of tokens between a relay that wants to sign in and a process that fetches: one fetch for all that wait, and what its end means. */
#include "vault/test_bed.h"

static struct fetcher {
    unsigned    asked;
    gp_status   status;
    const char *access, *refresh;
    uint64_t    lifetime;            /* 0: an hour */
    void (*meanwhile)(struct bed *); /* what happens while it is under way; NULL: nothing */
    char form[OAUTH_FORM_ROOM];
} fetcher;

static void asked(void *owner, struct ipc *from, struct msg *m)
{
    struct msg a = MSG(TOKEN_FETCHED);
    CHECK(m->type == MSG_TOKEN_FETCH && gp_copy_z(m->token_fetch.form, fetcher.form, sizeof(fetcher.form)));
    fetcher.asked++;
    a.token_fetched = (struct msg_token_fetched) { .status           = (uint64_t)fetcher.status,
                                                   .lifetime         = fetcher.lifetime ? fetcher.lifetime : 3600,
                                                   .refresh_lifetime = fetcher.lifetime,
                                                   .access           = gp_from(fetcher.access),
                                                   .refresh          = gp_from(fetcher.refresh),
                                                   .error            = GP_LIT("invalid_grant"),
                                                   .why              = GP_LIT("invalid_grant: gone") };
    if (fetcher.meanwhile) fetcher.meanwhile(owner);
    ipc_answer(from, m->question, &a);
}

static void with_provider(struct config *c)
{
    c->provider_count = 1;
    (void)gp_copy_z(GP_LIT("office"), c->providers[0].name, sizeof(c->providers[0].name));
    (void)gp_copy_z(GP_LIT("app"), c->providers[0].client_id, sizeof(c->providers[0].client_id));
    (void)gp_copy_z(GP_LIT("office"), c->relay.provider, sizeof(c->relay.provider));
    (void)gp_copy_z(GP_LIT("OAUTHBEARER XOAUTH2"), c->relay.mechanisms, sizeof(c->relay.mechanisms));
    c->relay.password_file[0] = '\0';
}

static struct ipc *join_fetcher(struct bed *b)
{
    static const struct ipc_handler handler = { asked, NULL };
    int                             pair[2];
    CHECK(wire_pair(pair));
    vault_join(b->vault, ROLE_LOOKUP, 0, pair[0]);
    return ipc_open(b->loop, pair[1], &handler, b);
}

static unsigned told;       /* the queue: to try again */
static uint64_t told_login; /* that it is told of */

static void told_again(void *owner, struct ipc *from, struct msg *m)
{
    struct msg a = MSG(AGAIN_DUE);
    (void)owner;
    CHECK(m->type == MSG_AGAIN && m->again.login == told_login);
    a.again_due = (struct msg_again_due) { .status = GP_OK, .more = told++ == 0 };
    ipc_answer(from, m->question, &a);
}

static struct ipc *join_queue(struct bed *b)
{
    static const struct ipc_handler handler = { told_again, NULL };
    int                             pair[2];
    CHECK(wire_pair(pair));
    vault_join(b->vault, ROLE_QUEUE, 0, pair[0]);
    return ipc_open(b->loop, pair[1], &handler, b);
}

static void consent(struct bed *b, const char *refresh)
{
    struct accounts *a = bed_store(b);
    struct grant     g = { .provider = "office", .kind = "login", .refresh_len = strlen(refresh) };
    memcpy(g.refresh, refresh, g.refresh_len);
    CHECK(grant_put(a, &b->vault->keys, &g) == GP_OK);
    accounts_close(a);
    vault_look_anew(b->vault);
}

static gp_status start(struct bed *b)
{
    struct msg m  = MSG(LOGIN_START);
    m.login_start = (struct msg_login_start) { .login        = 9,
                                               .which        = told_login,
                                               .secure       = 1,
                                               .account      = GP_LIT(""),
                                               .binding_data = GP_LIT(""),
                                               .end_point    = GP_LIT(""),
                                               .offered      = GP_LIT("PLAIN XOAUTH2") };
    bed_ask(b, b->relay, &m);
    return (gp_status)b->answer.login_says.status;
}

static void end(struct bed *b, enum login_fate fate)
{
    struct msg m = MSG(LOGIN_END);
    m.login_end  = (struct msg_login_end) { .login = 9, .fate = fate };
    CHECK(ipc_tell(b->relay, &m));
    bed_settle(b);
}

TEST(a_sign_in_waits_for_the_fetch_and_the_next_uses_its_token)
{
    struct bed *b   = bed_open_with(with_provider);
    struct ipc *far = join_fetcher(b);
    fetcher         = (struct fetcher) { .status = GP_OK, .access = "access-1", .refresh = "refresh-2" };
    consent(b, "refresh-1");
    CHECK(start(b) == GP_OK && fetcher.asked == 1);
    CHECK_IS(gp_from(b->mechanism), "XOAUTH2");
    CHECK_IS(gp_from(fetcher.form), "grant_type=refresh_token&refresh_token=refresh-1&client_id=app");
    end(b, LOGIN_ACCEPTED);
    CHECK(start(b) == GP_OK && fetcher.asked == 1);
    end(b, LOGIN_REFUSED); /* it was good before: another, at once, with the refresh token that came with it */
    CHECK(start(b) == GP_OK && fetcher.asked == 2);
    CHECK_IS(gp_from(fetcher.form), "grant_type=refresh_token&refresh_token=refresh-2&client_id=app");
    ipc_close(far);
    bed_close(b);
}

TEST(a_no_is_not_asked_again_at_once_and_a_new_consent_is)
{
    struct bed *b   = bed_open_with(with_provider);
    struct ipc *far = join_fetcher(b);
    fetcher         = (struct fetcher) { .status = GP_PERMFAIL, .access = "", .refresh = "" };
    CHECK(start(b) == GP_TEMPFAIL && fetcher.asked == 0); /* nobody has signed in yet */
    consent(b, "refresh-1");
    CHECK(start(b) == GP_TEMPFAIL && fetcher.asked == 1);
    CHECK(start(b) == GP_TEMPFAIL && fetcher.asked == 1);
    fetcher.status = GP_OK;
    fetcher.access = "access-1";
    consent(b, "refresh-2");
    CHECK(start(b) == GP_OK && fetcher.asked == 2);
    ipc_close(far);
    bed_close(b);
}

/* A person signs in anew just then: the no that comes is to what he had consented to before. */
static void signs_in_anew(struct bed *b)
{
    struct accounts *a = bed_store(b);
    struct grant     g = { .provider = "office", .kind = "login", .refresh_len = 9 };
    memcpy(g.refresh, "refresh-2", g.refresh_len);
    CHECK(grant_put(a, &b->vault->keys, &g) == GP_OK);
    accounts_close(a);
    fetcher = (struct fetcher) { .asked = fetcher.asked, .status = GP_OK, .access = "access-1", .refresh = "" };
}

TEST(a_no_to_the_consent_before_is_none_to_the_one_after)
{
    struct bed *b   = bed_open_with(with_provider);
    struct ipc *far = join_fetcher(b);
    fetcher = (struct fetcher) { .status = GP_PERMFAIL, .access = "", .refresh = "", .meanwhile = signs_in_anew };
    consent(b, "refresh-1");
    CHECK(start(b) == GP_OK && fetcher.asked == 2 && !b->vault->untold.count);
    CHECK_IS(gp_from(fetcher.form), "grant_type=refresh_token&refresh_token=refresh-2&client_id=app");
    ipc_close(far);
    bed_close(b);
}

TEST(no_lifetime_is_longer_than_can_be)
{
    struct bed    *b    = bed_open_with(with_provider);
    struct ipc    *far  = join_fetcher(b);
    struct keeper *k    = &b->vault->tokens_kept.keepers[0];
    gp_time        most = (gp_time)OAUTH_LIFETIME_MOST * 1000;
    fetcher =
        (struct fetcher) { .status = GP_OK, .access = "access-1", .refresh = "refresh-2", .lifetime = UINT64_MAX };
    consent(b, "refresh-1");
    CHECK(start(b) == GP_OK);
    CHECK(k->ends > loop_now(b->loop) && k->ends <= loop_now(b->loop) + most && k->due < k->ends);
    CHECK(k->grant.ends > wall_now() && k->grant.ends <= wall_now() + most);
    ipc_close(far);
    bed_close(b);
}

static void with_another(struct config *c)
{
    with_provider(c);
    (void)gp_copy_z(GP_LIT("password"), c->relay.password_file, sizeof(c->relay.password_file));
    c->relay.provider[0] = '\0';
}

TEST(nobody_is_told_of_a_provider_that_no_mail_waits_for)
{
    for (int relay_uses_it = 0; relay_uses_it <= 1; relay_uses_it++) {
        struct bed *b   = bed_open_with(relay_uses_it ? with_provider : with_another);
        struct ipc *far = join_fetcher(b);
        fetcher         = (struct fetcher) { .status = GP_PERMFAIL, .access = "", .refresh = "" };
        consent(b, "refresh-1");
        tokens_tick(b->vault, loop_now(b->loop));
        bed_settle(b);
        CHECK(fetcher.asked == 1 && b->vault->untold.count == (size_t)relay_uses_it);
        ipc_close(far);
        bed_close(b);
    }
}

TEST(the_queue_hears_of_each_sign_in_that_may_work_again_and_of_no_other)
{
    struct bed *b   = bed_open_with(with_provider);
    struct ipc *far = join_fetcher(b), *queue = join_queue(b);
    told    = 0;
    fetcher = (struct fetcher) { .status = GP_PERMFAIL, .access = "", .refresh = "" };
    consent(b, "refresh-1");
    CHECK(start(b) == GP_TEMPFAIL && told == 0);
    fetcher.status = GP_OK;
    fetcher.access = "access-1";
    consent(b, "refresh-2");
    CHECK(start(b) == GP_OK);
    bed_settle(b);
    CHECK(told == 2); /* a page, and the rest */
    again_tick(b->vault);
    again_tick(b->vault);
    bed_settle(b);
    CHECK(told == 3); /* what came back meanwhile */
    end(b, LOGIN_ACCEPTED);
    CHECK(start(b) == GP_OK);
    again_tick(b->vault);
    bed_settle(b);
    CHECK(told == 3);
    end(b, LOGIN_REFUSED); /* it was good before */
    CHECK(start(b) == GP_OK);
    bed_settle(b);
    CHECK(told == 4);
    ipc_close(queue);
    ipc_close(far);
    bed_close(b);
}

static void with_provider_of_a_route(struct config *c)
{
    struct config_route *r = &c->routes[c->route_count++];
    with_provider(c);
    c->relay.provider[0] = '\0';
    *r        = (struct config_route) { .name = "r", .user = "u", .provider = "office", .mechanisms = "XOAUTH2" };
    r->via[0] = (struct config_hop) { .set = true, .kind = RELAY_SMARTHOST };
}

TEST(a_route_has_tokens_too_and_what_waits_there_is_tried_again)
{
    struct bed *b   = bed_open_with(with_provider_of_a_route);
    struct ipc *far = join_fetcher(b), *queue = join_queue(b);
    fetcher    = (struct fetcher) { .status = GP_OK, .access = "access-1", .refresh = "" };
    told       = 0;
    told_login = 1;
    CHECK(start(b) == GP_TEMPFAIL && fetcher.asked == 0);
    consent(b, "refresh-1");
    CHECK(start(b) == GP_OK && fetcher.asked == 1);
    bed_settle(b);
    CHECK(told > 0);
    told_login = 0;
    ipc_close(queue);
    ipc_close(far);
    bed_close(b);
}
