/* The gate in front of the checks, as clients meet it: who is denied, what that looks like, and who is not. */
#include "vault/test_bed.h"

enum { SESSION = 77, MANY = 61, FAST_MS = 400 };
#define WRONG   "not it"
#define HERE    "192.0.2.1"
#define SHELTER "198.51.100.9"

static void enforced(struct config *c)
{
    c->policy.guard.mode                = POLICY_ENFORCE;
    c->policy.guard.guesses_per_account = 60;
    c->policy.guard.guesses_per_address = 60;
    c->policy.guard.ban                 = 3600;
    CHECK(gp_copy_z(GP_LIT("203.0.113.0/24"), c->policy.guard.trusted, sizeof(c->policy.guard.trusted)));
}

static void shadowed(struct config *c)
{
    enforced(c);
    c->policy.guard.mode = POLICY_SHADOW;
}

static void slow(struct config *c)
{
    enforced(c);
    c->policy.guard.slowest = 1;
}

static struct bed *open_bed(void (*settings)(struct config *))
{
    struct bed *b = bed_open_with(settings);
    bed_account(b, "lena", BED_GENERATED, false);
    return b;
}

static void put_plain(struct gp_text *out, const char *act_as, const char *name, const char *password)
{
    char           room[128];
    struct gp_text message = GP_TEXT(room);
    gp_put_z(&message, act_as);
    gp_put_char(&message, '\0');
    gp_put_z(&message, name);
    gp_put_char(&message, '\0');
    gp_put_z(&message, password);
    gp_put_base64(out, gp_said(&message));
}

static struct msg start_from(const char *peer, const char *mechanism)
{
    struct msg m             = MSG(SASL_START);
    m.sasl_start.session     = SESSION;
    m.sasl_start.mechanism   = gp_from(mechanism);
    m.sasl_start.peer        = gp_from(peer);
    m.sasl_start.helo        = GP_LIT("phone");
    m.sasl_start.tls_version = GP_LIT("TLSv1.3");
    return m;
}

static bool sign_in_as(struct bed *b, const char *peer, const char *act_as, const char *name, const char *password)
{
    char           room[256];
    struct gp_text initial = GP_TEXT(room);
    struct msg     m       = start_from(peer, "PLAIN");
    put_plain(&initial, act_as, name, password);
    m.sasl_start.has_initial = true;
    m.sasl_start.initial     = gp_said(&initial);
    bed_ask(b, b->smtpd, &m);
    CHECK(b->status == GP_OK && b->answer.type == MSG_SASL_RESULT);
    const struct msg_sasl_result *r = &b->answer.sasl_result;
    CHECK(r->step == GP_SASL_DONE || (r->step == GP_SASL_FAILED && r->why == GP_SASL_REFUSED && b->text_len == 0));
    return r->step == GP_SASL_DONE;
}

static bool sign_in(struct bed *b, const char *peer, const char *name, const char *password)
{
    return sign_in_as(b, peer, "", name, password);
}

static bool right(struct bed *b, const char *peer)
{
    return sign_in(b, peer, "lena", BED_PASSWORD);
}

static void guess(struct bed *b, const char *peer, const char *name, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char password[32];
        (void)snprintf(password, sizeof(password), "guess %u", i);
        CHECK(!sign_in(b, peer, name, password));
    }
}

/* Each from an address of its own. */
static void guess_from_everywhere(struct bed *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char peer[PLACE_TEXT];
        (void)snprintf(peer, sizeof(peer), "10.%u.0.1", i);
        CHECK(!sign_in(b, peer, "lena", WRONG));
    }
}

TEST(a_guesser_does_not_get_in_with_the_right_password_either)
{
    struct bed *b = open_bed(enforced);
    guess(b, HERE, "lena", GUARD_PAIR);
    CHECK(!right(b, HERE) && right(b, SHELTER));
    guess(b, HERE, "lena", 5);
    CHECK(!right(b, HERE) && right(b, SHELTER));
    bed_close(b);
}

TEST(what_is_denied_is_not_looked_at_and_takes_as_long_as_it_would)
{
    struct bed *b = bed_open_with(enforced);
    bed_account(b, "lena", BED_HASHED, false);
    guess(b, HERE, "lena", GUARD_PAIR);
    uint64_t      checks = b->vault->checks;
    gp_time       began  = loop_now(b->loop);
    struct usual *usual  = &b->vault->gates.usual[GP_SASL_IS_PASSWORD];
    uint32_t      least  = usual->ms[0];
    for (unsigned i = 0; i < usual->count; i++) least = usual->ms[i] < least ? usual->ms[i] : least;
    CHECK(usual->count == GUARD_PAIR && least > 0);
    CHECK(!right(b, HERE) && b->vault->checks == checks);
    CHECK(loop_now(b->loop) - began >= (gp_time)least);
    bed_close(b);
}

TEST(an_owner_is_not_locked_out_where_he_was_before)
{
    struct bed *b = open_bed(enforced);
    CHECK(right(b, SHELTER));
    guess_from_everywhere(b, MANY);
    CHECK(!right(b, HERE) && right(b, SHELTER) && right(b, "198.51.100.10"));
    places_write(b->vault);
    CHECK(b->vault->places.count == 0 && right(b, SHELTER) && !right(b, HERE));
    bed_close(b);
}

TEST(an_address_that_guesses_is_banned_and_the_ban_is_kept)
{
    struct bed *b = open_bed(enforced);
    char        name[16];
    for (unsigned i = 0; i < 25; i++) {
        (void)snprintf(name, sizeof(name), "nobody%u", i);
        CHECK(!sign_in(b, HERE, name, WRONG));
    }
    CHECK(b->vault->bans->count == 1 && b->vault->new_bans.count == 1 && !right(b, HERE) && right(b, SHELTER));
    bans_write(b->vault);
    bans_reload(b->vault);
    CHECK(b->vault->bans->count == 1 && !right(b, HERE));
    bed_close(b);
}

/* How many names get a guess before the address is banned. */
static unsigned names_until_ban(struct bed *b, const char *peer, const char *names)
{
    size_t   bans = b->vault->bans->count;
    unsigned i    = 0;
    for (char name[16]; i < MANY && b->vault->bans->count == bans; i++) {
        (void)snprintf(name, sizeof(name), "%s%u", names, i);
        CHECK(!sign_in(b, peer, name, WRONG));
    }
    return i;
}

TEST(the_number_of_tries_does_not_tell_which_names_exist)
{
    enum { ENOUGH = 21 };
    struct bed *b = open_bed(enforced);
    for (unsigned i = 0; i < ENOUGH; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "user%u", i);
        bed_account(b, name, BED_GENERATED, false);
    }
    CHECK(names_until_ban(b, HERE, "user") == ENOUGH && names_until_ban(b, SHELTER, "nobody") == ENOUGH);
    bed_close(b);
}

TEST(who_is_trusted_is_not_banned_and_his_guesses_count_for_the_account)
{
    struct bed *b = open_bed(enforced);
    char        name[16];
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "nobody%u", i);
        CHECK(!sign_in(b, "203.0.113.5", name, WRONG));
    }
    CHECK(b->vault->bans->count == 0 && right(b, "203.0.113.5") && right(b, "local"));
    guess(b, "203.0.113.6", "lena", GUARD_PAIR);
    CHECK(!right(b, "203.0.113.6"));
    bed_close(b);
}

static void ban_by_guard(struct bed *b, const char *network)
{
    struct ban ban = { .made = 1, .until = INT64_MAX, .offences = 1 };
    CHECK(place_read(gp_from(network), &ban.place) && bans_put(b->vault->bans, &ban));
}

TEST(a_ban_of_a_network_by_the_guard_spares_those_near_a_known_place)
{
    struct bed *b = open_bed(enforced);
    bed_account(b, "otto", BED_GENERATED, false);
    CHECK(right(b, SHELTER));
    ban_by_guard(b, "198.51.100.0/24");
    CHECK(!sign_in(b, "198.51.100.10", "otto", BED_PASSWORD));
    CHECK(right(b, SHELTER) && right(b, "198.51.100.10"));
    ban_by_guard(b, "198.51.100.11");
    CHECK(!right(b, "198.51.100.11"));
    bed_close(b);
}

static void ban_by_hand(struct bed *b, const char *network, bool remove)
{
    struct kept_ban ban = {
        .ban = {.manual = true, .made = 1},
          .reason = "by hand"
    };
    struct accounts *a = bed_store(b);
    CHECK(place_read(gp_from(network), &ban.ban.place));
    CHECK((remove ? kept_ban_remove(a, &ban.ban.place, 2) : kept_bans_add(a, &ban, 1, 2)) == GP_OK);
    accounts_close(a);
}

TEST(a_ban_by_hand_holds_at_once_for_all_and_in_every_mode)
{
    struct bed *b = open_bed(NULL);
    CHECK(right(b, HERE));
    ban_by_hand(b, "192.0.2.0/24", false);
    CHECK(!right(b, HERE) && right(b, SHELTER));
    ban_by_hand(b, "192.0.2.0/24", true);
    CHECK(right(b, HERE));
    bed_close(b);
}

TEST(who_is_forgiven_begins_anew)
{
    struct bed *b = open_bed(enforced);
    char        name[16];
    for (unsigned i = 0; i < 25; i++) {
        (void)snprintf(name, sizeof(name), "nobody%u", i);
        CHECK(!sign_in(b, HERE, name, WRONG));
    }
    bans_write(b->vault);
    CHECK(!right(b, HERE));
    ban_by_hand(b, HERE, true);
    CHECK(right(b, HERE));
    bed_close(b);
}

TEST(an_old_phone_shuts_nobody_out)
{
    struct bed *b = open_bed(enforced);
    for (unsigned i = 0; i < 4 * MANY; i++) CHECK(!sign_in(b, HERE, "lena", "the password of last year"));
    CHECK(right(b, HERE));
    bed_close(b);
}

/* stops: when it has heard the server's proof, and so knows. */
static struct msg_sasl_result scram_until(struct bed *b, const char *peer, const char *helo, const char *password,
                                          bool stops)
{
    struct gp_sasl client;
    struct msg     m = start_from(peer, "SCRAM-SHA-256"), line = MSG(SASL_LINE);
    m.sasl_start.helo = gp_from(helo);
    gp_sasl_init(&client, GP_BIND_NONE, GP_NONE, false);
    CHECK(gp_sasl_client_start(&client, GP_LIT("SCRAM-SHA-256"), GP_LIT("lena"),
                               (gp_secret) { password, strlen(password) }) == GP_SASL_CHALLENGE);
    m.sasl_start.has_initial = true;
    m.sasl_start.initial     = client.out;
    bed_ask(b, b->smtpd, &m);
    while (b->answer.sasl_result.step == GP_SASL_CHALLENGE) {
        bool failed            = gp_sasl_client_line(&client, bed_text(b)) == GP_SASL_FAILED;
        line.sasl_line.session = SESSION;
        bool stop              = stops && client.out.len == 0;
        line.sasl_line.line    = failed || stop ? GP_LIT("*") : client.out;
        bed_ask(b, b->smtpd, &line);
    }
    gp_sasl_end(&client);
    return b->answer.sasl_result;
}

static struct msg_sasl_result scram(struct bed *b, const char *peer, const char *helo, const char *password)
{
    return scram_until(b, peer, helo, password, false);
}

TEST(an_old_phone_with_proofs_shuts_nobody_out)
{
    struct bed *b = open_bed(enforced);
    CHECK(right(b, HERE));
    for (unsigned i = 0; i < 2 * GUARD_KNOWN_PAIR; i++) CHECK(scram(b, HERE, "phone", WRONG).step == GP_SASL_FAILED);
    CHECK(scram(b, HERE, "laptop", BED_PASSWORD).step == GP_SASL_DONE && right(b, HERE));
    CHECK(scram(b, HERE, "phone", BED_PASSWORD).step == GP_SASL_FAILED);
    bed_close(b);
}

static int64_t shadow_count(struct bed *b)
{
    int64_t count = 0;
    for (size_t i = 0; i < b->vault->tallies.count; i++) count += b->vault->tallies.list[i].count;
    return count;
}

TEST(shadow_notes_and_lets_through)
{
    struct bed *b = open_bed(shadowed);
    guess(b, HERE, "lena", GUARD_PAIR);
    CHECK(shadow_count(b) == 0 && right(b, HERE) && shadow_count(b) == 1);
    CHECK_IS(gp_from(b->vault->tallies.list[0].name), "guard.pair");
    char name[16];
    for (unsigned i = 0; i < 25; i++) {
        (void)snprintf(name, sizeof(name), "nobody%u", i);
        CHECK(!sign_in(b, SHELTER, name, WRONG));
    }
    CHECK(b->vault->bans->count == 0 && right(b, SHELTER));
    bed_close(b);
}

TEST(answers_get_slow_and_others_do_not_wait_for_them)
{
    struct bed *b = open_bed(slow);
    guess(b, HERE, "lena", GUARD_FREE_TRIES);
    gp_time began = loop_now(b->loop);
    CHECK(right(b, SHELTER) && loop_now(b->loop) - began < FAST_MS);
    began = loop_now(b->loop);
    CHECK(right(b, HERE) && loop_now(b->loop) - began >= 500);
    CHECK(b->vault->signin_count == 0);
    bed_close(b);
}

TEST(auth_where_it_is_not_offered_is_a_signal_that_counts_once_a_client)
{
    struct bed *b = open_bed(enforced);
    for (unsigned i = 0; i < 2 * MANY; i++) {
        char       helo[32];
        struct msg m = MSG(STRAY);
        (void)snprintf(helo, sizeof(helo), "client%u", i % MANY);
        m.stray = (struct msg_stray) { .peer = GP_LIT(HERE), .helo = gp_from(i < MANY ? "printer" : helo) };
        if (i == MANY) {
            bed_settle(b);
            CHECK(right(b, HERE));
        }
        CHECK(ipc_tell(b->smtpd, &m));
        bed_settle(b);
    }
    CHECK(!sign_in(b, HERE, "otto", WRONG) && b->vault->bans->count == 1);
    bed_close(b);
}

TEST(proofs_are_counted_like_passwords)
{
    struct bed *b = open_bed(enforced);
    for (unsigned i = 0; i < GUARD_PAIR; i++) {
        struct msg_sasl_result r = scram(b, HERE, "phone", WRONG);
        CHECK(r.step == GP_SASL_FAILED && r.why == GP_SASL_REFUSED);
    }
    struct msg_sasl_result r = scram(b, HERE, "phone", BED_PASSWORD);
    CHECK(r.step == GP_SASL_FAILED && r.why == GP_SASL_REFUSED);
    CHECK(scram(b, SHELTER, "phone", BED_PASSWORD).step == GP_SASL_DONE);
    bed_close(b);
}

TEST(who_stops_when_he_knows_has_guessed)
{
    struct bed *b = open_bed(enforced);
    for (unsigned i = 0; i < GUARD_PAIR; i++) {
        struct msg_sasl_result r = scram_until(b, HERE, "phone", BED_PASSWORD, true);
        CHECK(r.step == GP_SASL_FAILED && r.why == GP_SASL_CANCELLED);
    }
    CHECK(scram(b, HERE, "phone", BED_PASSWORD).step == GP_SASL_FAILED);
    CHECK(scram(b, SHELTER, "phone", BED_PASSWORD).step == GP_SASL_DONE);
    bed_close(b);
}

TEST(who_asks_to_act_as_another_has_guessed)
{
    struct bed *b = open_bed(enforced);
    guess(b, HERE, "lena", GUARD_PAIR - 1);
    CHECK(!sign_in_as(b, HERE, "boss", "lena", BED_PASSWORD));
    CHECK(!right(b, HERE) && right(b, SHELTER));
    bed_close(b);
}

TEST(counts_that_have_not_changed_need_no_lock)
{
    auto_transaction t = { NULL };
    struct bed      *b = open_bed(enforced);
    struct accounts *a = bed_store(b);
    guess(b, HERE, "lena", 1);
    guesses_write(b->vault);
    CHECK(!b->vault->failed && transaction_begin(&t, accounts_database(a)) == GP_OK); /* a long command */
    guesses_write(b->vault);
    CHECK(!b->vault->failed);
    transaction_end(&t);
    accounts_close(a);
    bed_close(b);
}
