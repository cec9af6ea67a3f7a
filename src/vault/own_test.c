/* Accounts that sign in as themselves at a next hop: each with what it has and with nobody else's, in bounded room. */
#include "vault/test_bed.h"

static struct fetcher {
    unsigned    asked, waiting, answer_from; /* waiting: unanswered since answer_from is not reached */
    bool        fails;
    unsigned    zoe; /* asked with this one's refresh token */
    struct ipc *far;
    uint32_t    open[64];
} fetcher;

/* The access token tells whose refresh token it was given for. */
static void give(uint32_t question, gp_str refresh)
{
    char           room[128];
    struct gp_text access = GP_TEXT(room);
    struct msg     a      = MSG(TOKEN_FETCHED);
    gp_put_z(&access, "access-for-");
    gp_put(&access, refresh);
    a.token_fetched = (struct msg_token_fetched) { .status   = fetcher.fails ? GP_PERMFAIL : GP_OK,
                                                   .lifetime = 3600,
                                                   .access   = fetcher.fails ? GP_LIT("") : gp_said(&access),
                                                   .refresh  = GP_LIT(""),
                                                   .error    = GP_LIT("invalid_grant"),
                                                   .why      = GP_LIT("gone") };
    ipc_answer(fetcher.far, question, &a);
}

static void asked(void *owner, struct ipc *from, struct msg *m)
{
    char   refresh[64];
    gp_str form = m->token_fetch.form;
    (void)owner;
    CHECK(m->type == MSG_TOKEN_FETCH);
    if (!oauth_read_field(form, "refresh_token", refresh, sizeof refresh)) /* the application's own */
        CHECK(gp_copy_z(GP_LIT("all"), refresh, sizeof refresh));
    fetcher.far = from;
    fetcher.zoe += strcmp(refresh, "refresh-zoe") == 0;
    fetcher.asked++;
    if (fetcher.asked <= fetcher.answer_from)
        fetcher.open[fetcher.waiting++] = m->question;
    else
        give(m->question, gp_from(refresh));
}

static struct {
    unsigned count;
    uint64_t login;
    char     account[64];
} told;

static void told_again(void *owner, struct ipc *from, struct msg *m)
{
    struct msg a = MSG(AGAIN_DUE);
    (void)owner;
    CHECK(m->type == MSG_AGAIN && gp_copy_z(m->again.account, told.account, sizeof told.account));
    told.count++;
    told.login  = m->again.login;
    a.again_due = (struct msg_again_due) { .status = GP_OK };
    ipc_answer(from, m->question, &a);
}

static struct ipc *join(struct bed *b, enum msg_role role, const struct ipc_handler *handler)
{
    int pair[2];
    CHECK(wire_pair(pair));
    vault_join(b->vault, role, 0, pair[0]);
    return ipc_open(b->loop, pair[1], handler, b);
}

/* Route 1 has tokens, route 2 passwords. */
static void with_routes(struct config *c)
{
    struct config_hop hop     = { .set = true, .kind = RELAY_SMARTHOST };
    c->relay.password_file[0] = '\0';
    c->provider_count         = 1;
    c->route_count            = 2;
    (void)gp_copy_z(GP_LIT("office"), c->providers[0].name, sizeof c->providers[0].name);
    (void)gp_copy_z(GP_LIT("app"), c->providers[0].client_id, sizeof c->providers[0].client_id);
    c->routes[0] = (struct config_route) {
        .name = "people", .provider = "office", .mechanisms = "XOAUTH2", .login = LOGIN_OF_ACCOUNT, .via = { hop }
    };
    c->routes[1] =
        (struct config_route) { .name = "corp", .mechanisms = "PLAIN", .login = LOGIN_OF_ACCOUNT, .via = { hop } };
}

struct house {
    struct bed *b;
    struct ipc *fetcher, *queue;
};

static struct house open_house(void)
{
    static const struct ipc_handler fetches = { asked, NULL }, queues = { told_again, NULL };
    struct house                    h = { .b = bed_open_with(with_routes) };
    h.fetcher                         = join(h.b, ROLE_LOOKUP, &fetches);
    h.queue                           = join(h.b, ROLE_QUEUE, &queues);
    memset(&told, 0, sizeof told);
    fetcher = (struct fetcher) { 0 };
    bed_account(h.b, "ada", BED_GENERATED, false);
    bed_account(h.b, "bert", BED_GENERATED, false);
    return h;
}

static void close_house(struct house h)
{
    ipc_close(h.queue);
    ipc_close(h.fetcher);
    bed_close(h.b);
}

static void give_grant(struct bed *b, const char *name, const char *account, const char *kind, const char *user,
                       const char *secret)
{
    struct accounts *a = bed_store(b);
    struct account   who;
    struct grant     g = { .made = wall_now(), .refresh_len = strlen(secret) };
    CHECK(accounts_find(a, gp_from(account), &who) == GP_OK);
    g.account = who.id;
    (void)gp_copy_z(gp_from(name), g.provider, sizeof g.provider);
    (void)gp_copy_z(gp_from(kind), g.kind, sizeof g.kind);
    (void)gp_copy_z(gp_from(user), g.login, sizeof g.login);
    memcpy(g.refresh, secret, g.refresh_len);
    CHECK(grant_put(a, &b->vault->keys, &g) == GP_OK);
    accounts_close(a);
    vault_look_anew(b->vault);
}

/* 0: nobody has that name. */
static uint64_t number_of(struct bed *b, const char *account)
{
    struct accounts *a = bed_store(b);
    struct account   found;
    gp_status        status = accounts_find(a, gp_from(account), &found);
    accounts_close(a);
    return status == GP_OK ? (uint64_t)found.id : 0;
}

static struct msg sign_in(uint64_t login, uint64_t which, uint64_t number, const char *account)
{
    struct msg m  = MSG(LOGIN_START);
    m.login_start = (struct msg_login_start) { .login        = login,
                                               .which        = which,
                                               .secure       = 1,
                                               .number       = number,
                                               .account      = gp_from(account),
                                               .binding_data = GP_LIT(""),
                                               .end_point    = GP_LIT(""),
                                               .offered      = GP_LIT("PLAIN XOAUTH2") };
    return m;
}

static gp_status start(struct bed *b, uint64_t which, const char *account)
{
    struct msg m = sign_in(9, which, number_of(b, account), account);
    bed_ask(b, b->relay, &m);
    return (gp_status)b->answer.login_says.status;
}

static void says(struct bed *b, const char *want, size_t len)
{
    char   room[512];
    size_t got = 0;
    CHECK(gp_read_base64(bed_text(b), room, sizeof room, &got));
    CHECK(gp_same((gp_str) { room, got }, (gp_str) { want, len }));
}
#define SAYS(b, text) says(b, text, sizeof text - 1)

TEST(each_signs_in_with_a_token_of_its_own)
{
    struct house h = open_house();
    CHECK(start(h.b, 1, "ada") == GP_TEMPFAIL && h.b->vault->untold.count == 1);
    CHECK(start(h.b, 1, "ada") == GP_TEMPFAIL && fetcher.asked == 0);
    give_grant(h.b, "office/ada", "ada", "login", "", "refresh-ada");
    bed_settle(h.b);
    CHECK(told.count > 0 && told.login == 1); /* what waits for it alone */
    CHECK_IS(gp_from(told.account), "ada");
    CHECK(start(h.b, 1, "ada") == GP_OK && fetcher.asked == 1);
    SAYS(h.b, "user=ada@example.org\1auth=Bearer access-for-refresh-ada\1\1");
    CHECK(start(h.b, 1, "bert") == GP_TEMPFAIL && fetcher.asked == 1);
    give_grant(h.b, "office/bert", "bert", "login", "b@mail.example", "refresh-bert");
    CHECK(start(h.b, 1, "bert") == GP_OK && fetcher.asked == 2);
    SAYS(h.b, "user=b@mail.example\1auth=Bearer access-for-refresh-bert\1\1");
    CHECK(start(h.b, 1, "ada@example.org") == GP_OK && fetcher.asked == 2); /* the same one, by its other name */
    SAYS(h.b, "user=ada@example.org\1auth=Bearer access-for-refresh-ada\1\1");
    close_house(h);
}

TEST(each_signs_in_with_a_password_of_its_own)
{
    struct house h = open_house();
    CHECK(start(h.b, 2, "ada") == GP_TEMPFAIL && h.b->vault->untold.count == 1);
    give_grant(h.b, "route:corp/ada", "ada", GRANT_PASSWORD, "a.da", "secret of ada");
    CHECK(start(h.b, 2, "ada") == GP_OK);
    SAYS(h.b, "\0a.da\0secret of ada");
    CHECK(start(h.b, 2, "bert") == GP_TEMPFAIL);
    bed_settle(h.b);
    CHECK(told.login == 2);
    close_house(h);
}

TEST(who_is_nobody_or_no_more_signs_in_with_nothing)
{
    struct house     h = open_house();
    struct accounts *a = bed_store(h.b);
    struct account   ada;
    CHECK(start(h.b, 1, "") == GP_PERMFAIL && start(h.b, 2, "") == GP_PERMFAIL);
    CHECK(start(h.b, 1, "eve") == GP_TEMPFAIL && start(h.b, 2, "eve") == GP_TEMPFAIL);
    give_grant(h.b, "office/ada", "ada", "login", "", "refresh-ada");
    give_grant(h.b, "route:corp/ada", "ada", GRANT_PASSWORD, "", "secret");
    CHECK(start(h.b, 1, "ada") == GP_OK && start(h.b, 2, "ada") == GP_OK);
    CHECK(accounts_find(a, GP_LIT("ada"), &ada) == GP_OK && accounts_delete(a, ada.id) == GP_OK);
    accounts_close(a);
    vault_look_anew(h.b->vault);
    CHECK(start(h.b, 1, "ada") == GP_TEMPFAIL && start(h.b, 2, "ada") == GP_TEMPFAIL);
    bed_account(h.b, "ada", BED_GENERATED, false); /* another of that name */
    vault_look_anew(h.b->vault);
    CHECK(start(h.b, 1, "ada") == GP_TEMPFAIL && start(h.b, 2, "ada") == GP_TEMPFAIL && fetcher.asked == 1);
    close_house(h);
}

static gp_status start_old(struct bed *b, uint64_t which, uint64_t number)
{
    struct msg m = sign_in(9, which, number, "ada");
    bed_ask(b, b->relay, &m);
    return (gp_status)b->answer.login_says.status;
}

/* An attack, or an accident: the name is free, and whoever gets it has a grant there, and a session's token in memory. */
TEST(mail_of_a_deleted_account_goes_by_nobody_elses_sign_in)
{
    struct house     h   = open_house();
    uint64_t         old = number_of(h.b, "ada");
    struct accounts *a   = bed_store(h.b);
    give_grant(h.b, "office/ada", "ada", "login", "", "refresh-ada");
    CHECK(start(h.b, 1, "ada") == GP_OK && fetcher.asked == 1);
    CHECK(accounts_delete(a, (int64_t)old) == GP_OK);
    accounts_close(a);
    bed_account(h.b, "ada", BED_GENERATED, false);
    give_grant(h.b, "office/ada", "ada", "login", "", "refresh-of-another");
    give_grant(h.b, "route:corp/ada", "ada", GRANT_PASSWORD, "", "secret-of-another");
    CHECK(start_old(h.b, 1, old) == GP_TEMPFAIL && start_old(h.b, 2, old) == GP_TEMPFAIL && fetcher.asked == 1);
    CHECK(gp_starts(bed_text(h.b), "the account ada that sent it was deleted, "));
    CHECK(start(h.b, 1, "ada") == GP_OK && start(h.b, 2, "ada") == GP_OK && number_of(h.b, "ada") != old);
    CHECK(start_old(h.b, 1, old) == GP_TEMPFAIL && start_old(h.b, 2, old) == GP_TEMPFAIL);
    h.b->config.providers[0].grant = PROVIDER_CLIENT; /* one that may act for everybody */
    CHECK(start_old(h.b, 1, old) == GP_TEMPFAIL);
    close_house(h);
}

static void ignore(void *owner, gp_status status, const struct msg *m)
{
    unsigned *answers = owner;
    (void)status, (void)m;
    ++*answers;
}

static void many(struct bed *b, unsigned count, bool tokens)
{
    for (unsigned i = 0; i < count; i++) {
        char name[32], row[48];
        (void)snprintf(name, sizeof name, "many%u", i);
        (void)snprintf(row, sizeof row, "office/many%u", i);
        bed_account(b, name, BED_GENERATED, false);
        if (tokens) give_grant(b, row, name, "login", "", name);
    }
}

TEST(few_fetch_at_a_time_and_all_get_their_turn)
{
    enum { MANY = 12, AT_A_TIME = 4 };
    struct house h       = open_house();
    unsigned     answers = 0;
    many(h.b, MANY, true);
    fetcher.answer_from = AT_A_TIME;
    for (unsigned i = 0; i < MANY; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "many%u", i);
        struct msg m = sign_in(100 + i, 1, number_of(h.b, name), name);
        ipc_ask(h.b->relay, &m, ignore, &answers);
    }
    bed_settle(h.b);
    CHECK(fetcher.asked == AT_A_TIME && answers == 0);
    for (unsigned i = 0; i < AT_A_TIME; i++) give(fetcher.open[i], GP_LIT("late"));
    bed_settle(h.b);
    CHECK(fetcher.asked == MANY && answers == MANY);
    close_house(h);
}

TEST(keepers_are_bounded_and_the_one_that_rested_longest_gives_way)
{
    struct house h   = open_house();
    struct own   own = { .is = true };
    give_grant(h.b, "office/ada", "ada", "login", "", "refresh-ada");
    CHECK(start(h.b, 1, "ada") == GP_OK);
    for (int i = 0; i < OWN_KEEPERS_MOST + 5; i++) {
        own.account = 1000 + i;
        (void)snprintf(own.name, sizeof own.name, "x%d", i);
        struct keeper *k = own_keeper(h.b->vault, 1, &own, true);
        CHECK(k && h.b->vault->tokens_kept.own_count <= OWN_KEEPERS_MOST);
        k->used = loop_now(h.b->loop) + i; /* ada's has rested longest */
        k->due  = INT64_MAX;               /* and it waits for nothing */
    }
    CHECK(start(h.b, 1, "ada") == GP_OK && fetcher.asked == 2);
    close_house(h);
}

TEST(what_has_not_been_used_for_long_is_used_and_what_ends_is_told)
{
    struct house h = open_house();
    give_grant(h.b, "office/ada", "ada", "login", "", "refresh-ada"); /* never renewed */
    own_tick(h.b->vault, loop_now(h.b->loop));
    bed_settle(h.b);
    CHECK(fetcher.asked == 1);
    own_tick(h.b->vault, loop_now(h.b->loop) + 7200 * 1000);
    CHECK(h.b->vault->tokens_kept.own_count == 0); /* nobody wants it: it is let go */
    close_house(h);
}

/* They stand before all others, and fail for ever. */
TEST(many_that_fail_do_not_keep_others_from_being_used)
{
    enum { MANY = 70, MINUTE_MS = 60 * 1000 };
    struct house h   = open_house();
    gp_time      now = loop_now(h.b->loop);
    fetcher.fails    = true;
    many(h.b, MANY, true);
    bed_account(h.b, "zoe", BED_GENERATED, false);
    give_grant(h.b, "office/zoe", "zoe", "login", "", "refresh-zoe");
    own_tick(h.b->vault, now);
    bed_settle(h.b);
    CHECK(fetcher.asked > 0 && fetcher.zoe == 0);
    own_tick(h.b->vault, now + 11 * MINUTE_MS);
    bed_settle(h.b);
    CHECK(fetcher.zoe > 0);
    close_house(h);
}

/* It may send for every mailbox: one token, and who it is for is said beside it. */
TEST(an_application_that_acts_for_all_needs_nobodys_yes)
{
    struct house h                 = open_house();
    h.b->config.providers[0].grant = PROVIDER_CLIENT;
    CHECK(start(h.b, 1, "ada") == GP_OK && fetcher.asked == 1);
    SAYS(h.b, "user=ada@example.org\1auth=Bearer access-for-all\1\1");
    CHECK(start(h.b, 1, "bert") == GP_OK && fetcher.asked == 1);
    SAYS(h.b, "user=bert@example.org\1auth=Bearer access-for-all\1\1");
    CHECK(start(h.b, 1, "eve") == GP_TEMPFAIL && h.b->vault->tokens_kept.own_count == 0);
    close_house(h);
}
