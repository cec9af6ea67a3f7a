/* What shadow lets through is counted and written behind; a store that takes nothing loses counts and nothing else. */
#include "vault/test_bed.h"

struct sums {
    size_t  count;
    int64_t total;
};

static bool gather(void *owner, const struct tally_sum *sum)
{
    struct sums *s = owner;
    s->count++;
    s->total += sum->tally.count;
    return true;
}

static struct sums sums_of(struct bed *b)
{
    struct sums s = { 0 };
    CHECK(tally_each(b->vault->accounts, 0, gather, &s) == GP_OK);
    return s;
}

TEST(equal_notes_are_one_row_and_are_written_behind)
{
    struct bed *b = bed_open();
    shadow_note(b->vault, "identity.from", 1, 2, GP_LIT("a"));
    shadow_note(b->vault, "identity.from", 1, 2, GP_LIT("b"));
    use_note(b->vault, "identity.from", 1, 2, GP_LIT("not the same kind"));
    CHECK(sums_of(b).count == 0 && b->vault->tallies.count == 2);
    shadow_write(b->vault);
    CHECK(sums_of(b).count == 2 && sums_of(b).total == 3 && b->vault->tallies.count == 0);
    bed_close(b);
}

TEST(more_than_there_is_room_for_is_written_early)
{
    struct bed *b = bed_open();
    for (int64_t account = 1; account <= TALLIES_MOST + 1; account++)
        shadow_note(b->vault, "identity.from", account, 0, GP_LIT("a"));
    CHECK(sums_of(b).count == TALLIES_MOST && b->vault->tallies.count == 1);
    bed_close(b);
}

TEST(a_store_that_is_locked_keeps_the_counts_for_later)
{
    struct bed      *b = bed_open();
    struct accounts *a = bed_store(b);
    auto_transaction t = { 0 };
    CHECK(transaction_begin(&t, accounts_database(a)) == GP_OK);
    shadow_note(b->vault, "identity.from", 1, 2, GP_LIT("a"));
    shadow_write(b->vault);
    CHECK(b->vault->tallies.count == 1);
    transaction_end(&t);
    accounts_close(a);
    shadow_write(b->vault);
    CHECK(sums_of(b).total == 1);
    bed_close(b);
}

TEST(sign_ins_with_old_mechanisms_or_old_tls_are_counted)
{
    static const struct {
        const char *mechanism, *tls;
        size_t      counted;
    } rows[] = {
        {"SCRAM-SHA-256", "TLSv1.3", 0},
        { "PLAIN",        "",        0},
        { "LOGIN",        "TLSv1.3", 1},
        { "CRAM-MD5",     "TLSv1.2", 2},
        { "PLAIN",        "TLSv1.2", 1},
        { "PLAIN",        "TLS1.2",  1},
        { "PLAIN",        "TLS1.3",  0},
        { "PLAIN",        "secured", 0}, /* of another server, which does not say */
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bed   *b = bed_open();
        struct signin s = { .account = 1, .found = { .id = 2 }, .address = "192.0.2.1", .helo = "phone" };
        CHECK(gp_copy_z(gp_from(rows[i].mechanism), s.mechanism, sizeof(s.mechanism)) &&
              gp_copy_z(gp_from(rows[i].tls), s.tls_version, sizeof(s.tls_version)));
        uses_note(b->vault, &s);
        CHECK(b->vault->tallies.count == rows[i].counted);
        if (rows[i].counted)
            CHECK_IS(gp_from(b->vault->tallies.list[0].example), "from 192.0.2.1, which calls itself phone");
        b->vault->uses.count = 0; /* there is no such credential */
        bed_close(b);
    }
}

static void strict(struct config *c)
{
    c->policy.tls.minimum = TLS_MINIMUM_1_3;
    c->policy.tls.mode = c->policy.mechanisms.mode = POLICY_SHADOW;
    CHECK(gp_copy_z(GP_LIT("LOGIN CRAM-MD5"), c->policy.mechanisms.retire, sizeof(c->policy.mechanisms.retire)));
}

TEST(sign_ins_that_policies_in_shadow_would_refuse_are_counted)
{
    static const struct {
        const char *mechanism, *tls, *rule, *example; /* the last one; NULL: none */
    } rows[] = {
        {"PLAIN",  "TLSv1.3", NULL,                      NULL                                                          },
        { "PLAIN", "TLSv1.2", "tls.minimum",             "TLSv1.2 is less than policy.tls.minimum: 1.3, from 192.0.2.1"},
        { "login", "TLSv1.3", "mechanisms.retire LOGIN", "LOGIN, from 192.0.2.1"                                       },
        { "PLAIN", "secured", NULL,                      NULL                                                          },
        { "PLAIN", "",        "tls.minimum",             "no TLS is less than policy.tls.minimum: 1.3, from 192.0.2.1" },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bed         *b     = bed_open_with(strict);
        struct signin       s     = { .account = 1, .found = { .id = 2 }, .address = "192.0.2.1" };
        const struct tally *found = NULL;
        CHECK(gp_copy_z(gp_from(rows[i].mechanism), s.mechanism, sizeof(s.mechanism)) &&
              gp_copy_z(gp_from(rows[i].tls), s.tls_version, sizeof(s.tls_version)));
        uses_note(b->vault, &s);
        for (size_t j = 0; j < b->vault->tallies.count; j++)
            if (b->vault->tallies.list[j].kind == TALLY_SHADOW) found = &b->vault->tallies.list[j];
        CHECK((found != NULL) == (rows[i].rule != NULL));
        if (found) CHECK_IS(gp_from(found->name), rows[i].rule);
        if (found) CHECK_IS(gp_from(found->example), rows[i].example);
        if (found) CHECK(found->account == 1 && found->credential == 2);
        b->vault->uses.count = 0; /* there is no such credential */
        bed_close(b);
    }
}

TEST(a_client_that_names_no_server_is_counted)
{
    struct bed   *b = bed_open();
    struct signin s = { .account = 1, .found = { .id = 2 }, .address = "192.0.2.1", .nameless = true };
    uses_note(b->vault, &s);
    CHECK(b->vault->tallies.count == 1 && b->vault->tallies.list[0].kind == TALLY_USE);
    CHECK_IS(gp_from(b->vault->tallies.list[0].name), "tls without SNI");
    b->vault->uses.count = 0;
    bed_close(b);
}
