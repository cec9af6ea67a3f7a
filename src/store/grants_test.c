/* What providers have given: sealed, one fetch at a time, and never without the refresh token that is good. */
#include "store/test_bed.h"

#include "store/grants.h"

#include <string.h>

static struct verifier_keys sealing(const char *key)
{
    struct verifier_keys keys;
    CHECK(verifier_keys_from((gp_str) { key, VERIFIER_KEY }, &keys));
    return keys;
}

#define KEY   "a key for tests, of 32 octets..."
#define OTHER "another key for tests, 32 octets"

static struct grant login(const char *refresh)
{
    struct grant g = { .provider = "office", .kind = "login", .made = 1000, .ends = 9000 };
    g.refresh_len  = strlen(refresh);
    memcpy(g.refresh, refresh, g.refresh_len);
    return g;
}

static void check_refresh(struct accounts *a, const struct verifier_keys *keys, const char *want)
{
    struct grant g;
    CHECK(grant_get(a, keys, GP_LIT("office"), &g) == GP_OK);
    CHECK_IS(((gp_str) { g.refresh, g.refresh_len }), want);
}

TEST(a_refresh_token_opens_under_its_key_alone)
{
    struct accounts     *a    = open_fresh();
    struct verifier_keys keys = sealing(KEY), other = sealing(OTHER);
    struct grant         g = login("refresh-1"), read;
    CHECK(grant_get(a, &keys, GP_LIT("office"), &read) == GP_PERMFAIL);
    CHECK(grant_put(a, &keys, &g) == GP_OK);
    check_refresh(a, &keys, "refresh-1");
    CHECK(grant_get(a, &other, GP_LIT("office"), &read) == GP_OK && read.sealed && read.refresh_len == 0);
    CHECK(grant_get(a, NULL, GP_LIT("office"), &read) == GP_OK && read.sealed && read.serial == g.serial &&
          read.ends == 9000);
    accounts_close(a);
}

TEST(a_new_refresh_token_takes_the_place_of_the_old_one)
{
    struct accounts     *a    = open_fresh();
    struct verifier_keys keys = sealing(KEY);
    struct grant         g    = login("refresh-1"), read;
    CHECK(grant_put(a, &keys, &g) == GP_OK);
    CHECK(grant_failed(a, &g, GP_LIT("no"), 1500) == GP_OK && grant_failed(a, &g, GP_LIT("no, again"), 1600) == GP_OK);
    CHECK(grant_get(a, NULL, GP_LIT("office"), &read) == GP_OK && read.failures == 2 && read.failing == 1500);
    CHECK_IS(gp_from(read.why), "no, again");
    g.renewed     = 2000;
    g.refresh_len = 0; /* there was no other: the one before stays */
    CHECK(grant_renewed(a, &keys, &g) == GP_OK);
    check_refresh(a, &keys, "refresh-1");
    struct grant next = login("refresh-2");
    next.serial       = g.serial;
    CHECK(grant_renewed(a, &keys, &next) == GP_OK);
    check_refresh(a, &keys, "refresh-2");
    CHECK(grant_get(a, NULL, GP_LIT("office"), &read) == GP_OK && read.failures == 0 && !read.failing && !read.why[0]);
    accounts_close(a);
}

TEST(what_belonged_to_the_one_before_is_not_taken)
{
    struct accounts     *a    = open_fresh();
    struct verifier_keys keys = sealing(KEY);
    struct grant         g = login("refresh-1"), fresh = login("refresh-2");
    CHECK(grant_put(a, &keys, &g) == GP_OK && grant_put(a, &keys, &fresh) == GP_OK && g.serial != fresh.serial);
    CHECK(grant_renewed(a, &keys, &g) == GP_PERMFAIL && grant_failed(a, &g, GP_LIT("x"), 1) == GP_PERMFAIL);
    CHECK(grant_claim(a, &g, 1000) == GP_PERMFAIL);
    check_refresh(a, &keys, "refresh-2");
    CHECK(grant_forget(a, GP_LIT("office")) == GP_OK && grant_forget(a, GP_LIT("office")) == GP_PERMFAIL);
    CHECK(grant_renewed(a, &keys, &fresh) == GP_PERMFAIL);
    accounts_close(a);
}

TEST(one_fetches_at_a_time)
{
    struct accounts     *a    = open_fresh();
    struct verifier_keys keys = sealing(KEY);
    struct grant         g    = login("refresh-1");
    CHECK(grant_put(a, &keys, &g) == GP_OK);
    CHECK(grant_claim(a, &g, 1000) == GP_OK && grant_claim(a, &g, 1001) == GP_PERMFAIL);
    CHECK(grant_renewed(a, &keys, &g) == GP_OK && grant_claim(a, &g, 1002) == GP_OK);
    CHECK(grant_failed(a, &g, GP_LIT("no"), 1003) == GP_OK && grant_claim(a, &g, 1004) == GP_OK);
    CHECK(grant_claim(a, &g, 1005 + GRANT_CLAIM_MS) == GP_OK); /* who had claimed it is no more */
    CHECK(grant_claim(a, &g, 5) == GP_OK);                     /* the clock was set back          */
    accounts_close(a);
}

TEST(what_needs_nobody_has_a_row_too)
{
    struct accounts     *a    = open_fresh();
    struct verifier_keys keys = sealing(KEY);
    struct grant         g    = login("refresh-1");
    CHECK(grant_begin(a, GP_LIT("app"), GP_LIT("client"), 0, 7) == GP_OK && grant_put(a, &keys, &g) == GP_OK);
    CHECK(grant_begin(a, GP_LIT("app"), GP_LIT("client"), 0, 8) == GP_OK);
    CHECK(grant_get(a, &keys, GP_LIT("app"), &g) == GP_OK && g.made == 7 && g.serial == 0 && !g.sealed);
    CHECK(grant_begin(a, GP_LIT("office"), GP_LIT("client"), 0, 9) == GP_OK); /* the configuration has changed */
    CHECK(grant_get(a, &keys, GP_LIT("office"), &g) == GP_OK && g.serial == 0 && g.refresh_len == 0 && !g.sealed);
    accounts_close(a);
}

/* ---- of accounts ------------------------------------------------------------------------------------------------------------ */
struct seen {
    char           room[256];
    struct gp_text names;
};

static bool see(void *owner, const struct grant *g)
{
    struct seen *s = owner;
    CHECK(!g->refresh_len && g->account && g->sealed);
    gp_put_z(&s->names, g->provider);
    gp_put_char(&s->names, ' ');
    return true;
}

static void check_wish(struct accounts *a, const struct grants_wish *w, const char *want)
{
    struct seen s = { .room = "" };
    s.names       = GP_TEXT(s.room);
    CHECK(grants_each(a, w, see, &s) == GP_OK);
    CHECK_IS(gp_said(&s.names), want);
}

static void check_those(struct accounts *a, enum grants_which which, int64_t number, gp_time ends_by, const char *want)
{
    const struct grants_wish w = { .which = which, .number = number, .ends_by = ends_by };
    check_wish(a, &w, want);
}

static void put_of(struct accounts *a, const struct verifier_keys *keys, int64_t account, const char *name,
                   const char *kind, gp_time made, gp_time ends)
{
    struct grant g = {
        .made = made, .renewed = made, .ends = ends, .account = account, .refresh_len = 1, .refresh = "r"
    };
    (void)gp_copy_z(gp_from(name), g.provider, sizeof g.provider);
    (void)gp_copy_z(gp_from(kind), g.kind, sizeof g.kind);
    CHECK(grant_put(a, keys, &g) == GP_OK);
}

TEST(what_accounts_have_is_found_by_what_is_to_be_done_with_it_and_goes_with_them)
{
    struct accounts     *a    = open_fresh();
    struct verifier_keys keys = sealing(KEY);
    struct grant         ours = login("refresh-1"), g;
    int64_t              ada = account_of(a, "ada"), bert = account_of(a, "bert");
    CHECK(grant_put(a, &keys, &ours) == GP_OK);
    put_of(a, &keys, ada, "office/ada", "login", 1000, 0);
    put_of(a, &keys, ada, "route:corp/ada", GRANT_PASSWORD, 1000, 0);
    put_of(a, &keys, bert, "office/bert", "login", 3000, 9000);
    check_those(a, GRANTS_OF_ACCOUNTS, 0, 0, "office/ada office/bert route:corp/ada ");
    const struct grants_wish behind = { .which = GRANTS_OF_ACCOUNTS, .after = "office/ada" };
    check_wish(a, &behind, "office/bert route:corp/ada ");
    check_those(a, GRANTS_OF_ACCOUNT, ada, 0, "office/ada route:corp/ada ");
    check_those(a, GRANTS_MADE_SINCE, 2000, 0, "office/bert ");
    check_those(a, GRANTS_TO_BE_USED, 2000, 0, "office/ada ");
    check_those(a, GRANTS_TO_BE_USED, 0, 9000, "office/bert ");
    CHECK(accounts_delete(a, ada) == GP_OK);
    check_those(a, GRANTS_OF_ACCOUNTS, 0, 0, "office/bert ");
    CHECK(grant_get(a, &keys, GP_LIT("office"), &g) == GP_OK && g.account == 0);
    accounts_close(a);
}
