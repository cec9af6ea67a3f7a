/* Password strings of other systems: both forms of SCRAM keys, and what may be kept of one. */
#include "vault/test_bed.h"

static const char standard[] = "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$";

static void make(struct gp_text *out, struct gp_scram_keys *keys)
{
    CHECK(gp_scram_keys_make(GP_SHA256, (gp_secret) { "right", 5 }, GP_LIT("saltsalt"), 4096, keys));
    gp_scram_keys_put(out, keys);
}

TEST(dovecots_form_of_scram_keys_is_read_like_the_standard_one)
{
    char                 room[GP_HASH_ROOM], other_room[GP_HASH_ROOM];
    struct gp_text       text = GP_TEXT(room), other = GP_TEXT(other_room);
    struct gp_scram_keys keys, read;
    make(&text, &keys);
    CHECK(gp_starts(gp_said(&text), standard));
    gp_str rest = gp_tail(gp_said(&text), sizeof(standard) - 1), stored = gp_cut(&rest, ':');
    gp_put_z(&other, "{SCRAM-SHA-256}4096,c2FsdHNhbHQ=,");
    gp_put(&other, stored);
    gp_put_char(&other, ',');
    gp_put(&other, rest);
    CHECK(foreign_scram(gp_said(&text), &read) && memcmp(&read, &keys, sizeof(keys)) == 0);
    CHECK(foreign_scram(gp_said(&other), &read) && memcmp(&read, &keys, sizeof(keys)) == 0);
}

TEST(what_is_no_hash_is_not_kept)
{
    CHECK(foreign_may_be_kept(GP_LIT("$5$rounds=1000$saltsalt$ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ")));
    CHECK(!foreign_may_be_kept(GP_LIT("correct horse")) && !foreign_may_be_kept(GP_LIT("{PLAIN}$5$x")) &&
          !foreign_may_be_kept(GP_LIT("")));
}

TEST(a_count_that_would_cost_too_much_is_none)
{
    struct gp_scram_keys keys;
    char                 room[GP_HASH_ROOM];
    struct gp_text       text = GP_TEXT(room);
    make(&text, &keys);
    keys.iterations = GP_SCRAM_ROUNDS_MOST + 1;
    text            = GP_TEXT(room);
    gp_scram_keys_put(&text, &keys);
    CHECK(!foreign_scram(gp_said(&text), &keys));
}

PROPERTY(keys_of_a_source_are_whole_or_none, bytes)
{
    struct gp_scram_keys keys, again;
    char                 room[GP_HASH_ROOM];
    struct gp_text       text = GP_TEXT(room);
    if (!foreign_scram(bytes, &keys)) return;
    CHECK(keys.iterations > 0 && keys.iterations <= GP_SCRAM_ROUNDS_MOST);
    CHECK(keys.salt_len > 0 && keys.salt_len <= sizeof(keys.salt));
    gp_scram_keys_put(&text, &keys);
    if (!text.cut) CHECK(foreign_scram(gp_said(&text), &again) && memcmp(&again, &keys, sizeof(keys)) == 0);
}
