/* Many accounts in one transaction: all or none, and everything that is wrong is told. */
#include "store/test_bed.h"

struct heard {
    size_t count, which[4];
    char   why[4][128];
};

static void on_refused(void *owner, size_t which, const char *why)
{
    struct heard *h = owner;
    CHECK(h->count < GP_COUNT(h->which) && why[0]);
    (void)snprintf(h->why[h->count], sizeof(h->why[0]), "%s", why);
    h->which[h->count++] = which;
}

static gp_status import(struct accounts *a, const struct new_account *list, size_t count, bool rehearsal,
                        struct heard *h)
{
    struct accounts_import plan = {
        .list = list, .count = count, .rehearsal = rehearsal, .refused = on_refused, .owner = h
    };
    *h = (struct heard) { .count = 0 };
    return accounts_import(a, &plan, NOW);
}

static unsigned credentials_in(struct accounts *a, const char *login)
{
    unsigned          count = 0;
    struct credential c;
    auto_rows         r = credentials_of(a, found(a, login).id);
    while (credentials_next(&r, &c) == GP_OK) count++;
    return count;
}

TEST(all_are_made_at_once)
{
    struct accounts    *a = open_fresh();
    struct heard        h = { 0 };
    struct verifier     v = verifier_of("$6$x", ""), scram = scram_of(4096);
    struct restrictions limits    = { .networks = "192.0.2.0/24" };
    const char *const   senders[] = { "@example.net" };
    struct new_account  list[]    = {
            {.name = GP_LIT("anna"),              .kind = CREDENTIAL_IMPORTED, .verifier = &v,     .limits = &limits       },
            { .name = GP_LIT("bert"),             .send_as = senders,          .send_as_count = 1, .disabled = true        },
            { .name = GP_LIT("anna@example.org"), .kind = CREDENTIAL_CHOSEN,   .verifier = &scram, .label = GP_LIT("phone")},
    };
    CHECK(import(a, list, GP_COUNT(list), true, &h) == GP_OK && h.count == 0);
    CHECK(found(a, "anna").id == 0 && found(a, "bert").id == 0); /* that was a rehearsal */
    CHECK(import(a, list, GP_COUNT(list), false, &h) == GP_OK);
    CHECK(credentials_in(a, "anna") == 2 && found(a, "anna").scram.iterations == 4096);
    CHECK(credentials_in(a, "bert") == 0 && found(a, "bert").disabled);
    struct credential c = { 0 };
    CHECK(credential_named(a, found(a, "anna").id, GP_LIT("phone"), &c) == GP_OK && c.kind == CREDENTIAL_CHOSEN);
    accounts_close(a);
}

TEST(one_that_is_refused_keeps_all_out_and_all_that_is_wrong_is_told)
{
    struct accounts   *a        = open_fresh();
    struct heard       h        = { 0 };
    struct verifier    v        = verifier_of("$6$x", "");
    const char *const  nobody[] = { "nobody" };
    struct new_account list[]   = {
          {.name = GP_LIT("anna"),  .kind = CREDENTIAL_IMPORTED, .verifier = &v },
          { .name = GP_LIT("old"),         .kind = CREDENTIAL_IMPORTED, .verifier = &v },
          { .name = GP_LIT("bert"),  .send_as = nobody, .send_as_count = 1 },
          { .name = GP_LIT("-x")        },
          { .name = GP_LIT("anna"), .kind = CREDENTIAL_IMPORTED, .verifier = &v },
          { .name = GP_LIT("bert")    }, /* the first was taken back whole */
    };
    (void)account_of(a, "old");
    CHECK(import(a, list, GP_COUNT(list), false, &h) == GP_PERMFAIL && h.count == 4);
    CHECK(h.which[0] == 1 && h.which[1] == 2 && h.which[2] == 3 && h.which[3] == 4);
    CHECK(strstr(h.why[0], "exists already") && strstr(h.why[3], "label"));
    CHECK(found(a, "anna").id == 0 && found(a, "bert").id == 0);
    accounts_close(a);
}
