/* What a start leaves for later: a large queue.db that is damaged or not, found in front or beside, in any order with the end of the process; and
 * waiting mail that is to go another way. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/role_kit.h"

enum { PAGE_SIZE = 4096, MANY = 2500, NAME = 32 };
#define MARK "queue.db.damaged"

static void commit_one(struct kit *k, const char *queue_id, const char *to)
{
    struct msg m = kit_message(queue_id, "ada@example.org", to);
    kit_commit(k, 1, &m);
    kit_turn(k);
}

static gp_status answer_to(struct kit *k, const char *queue_id)
{
    commit_one(k, queue_id, "bob@example.net\t\n");
    return k->answers[k->answer_count - 1].status;
}

static bool is_marked(void)
{
    return access(MARK, F_OK) == 0;
}

/* A table that nothing reads but a look, of `pages` pages, and one message. */
static struct kit *kit_with_large(void)
{
    struct kit *k = kit_open();
    CHECK(answer_to(k, "first") == GP_OK);
    CHECK(database_script(queue_database(k->queue->store),
                          "CREATE TABLE ballast (a INTEGER PRIMARY KEY, b TEXT) STRICT; INSERT INTO ballast "
                          "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
                          "SELECT i, 'ballast ' || hex(zeroblob(500)) FROM n;") == GP_OK);
    k->front_most = 1;
    return k;
}

/* Beside the process, as a bad disk does it: the head of the last of the ballast's pages. */
static void spoil(struct kit *k)
{
    queue_end(k->queue);
    int  fd = open("queue.db", O_RDWR);
    char page[PAGE_SIZE];
    bool done = false;
    for (off_t at = lseek(fd, 0, SEEK_END) - PAGE_SIZE; at > 0 && !done; at -= PAGE_SIZE) {
        if (pread(fd, page, sizeof page, at) != PAGE_SIZE || page[0] != 0x0d ||
            !memmem(page, PAGE_SIZE, "ballast 00", 10))
            continue;
        memset(page, 0x5a, PAGE_SIZE / 2);
        done = pwrite(fd, page, sizeof page, at) == PAGE_SIZE;
    }
    CHECK(done && close(fd) == 0);
}

static void mend(struct kit *k)
{
    queue_end(k->queue);
    CHECK(rename("kept.db", "queue.db") == 0);
    (void)unlink("queue.db-wal");
    (void)unlink("queue.db-shm");
    kit_restart(k);
}

static void keep_copy(struct kit *k)
{
    queue_end(k->queue);
    CHECK(system("cp queue.db kept.db") == 0);
    kit_restart(k);
}

TEST(a_large_queue_serves_before_it_was_looked_through)
{
    struct kit *k = kit_with_large();
    kit_restart(k);
    CHECK(k->queue->behind.state == STORE_UNREAD && answer_to(k, "second") == GP_OK && k->look);
    kit_look(k);
    CHECK(k->queue->behind.state == STORE_WHOLE && answer_to(k, "third") == GP_OK && !k->look && !is_marked());
    kit_restart(k); /* each start looks anew */
    kit_turn(k);
    CHECK(k->queue->behind.state == STORE_UNREAD && k->look);
    kit_close(k);
}

TEST(a_small_queue_is_looked_through_in_front)
{
    struct kit *k = kit_with_large();
    k->front_most = 0;
    kit_restart(k);
    CHECK(k->queue->behind.state == STORE_WHOLE && answer_to(k, "second") == GP_OK && !k->look);
    kit_close(k);
}

TEST(damage_found_in_front_is_kept_and_told_as_well)
{
    struct kit *k = kit_with_large();
    keep_copy(k);
    k->front_most = 0;
    spoil(k);
    for (unsigned i = 0; i < 2; i++) {
        kit_restart(k);
        CHECK(k->queue->behind.state == STORE_DAMAGED && is_marked() && !k->look);
        CHECK(answer_to(k, "second") == GP_TEMPFAIL && kit_count(k, "messages", "queue_id = 'second'") == 0);
    }
    mend(k);
    CHECK(k->queue->behind.state == STORE_WHOLE && !is_marked() && answer_to(k, "third") == GP_OK);
    kit_close(k);
}

TEST(damage_found_beside_ends_all_promises_over_restarts)
{
    struct kit *k = kit_with_large();
    keep_copy(k);
    spoil(k);
    kit_restart(k);
    k->sent_count = 0;
    CHECK(answer_to(k, "second") == GP_OK && k->sent_count > 0);
    size_t sent = k->sent_count;
    kit_answer_all(k, KIT_DOWN, HOST_ANSWERED);
    kit_look(k);
    CHECK(k->queue->behind.state == STORE_DAMAGED && is_marked());
    CHECK(answer_to(k, "third") == GP_TEMPFAIL && kit_count(k, "messages", "queue_id = 'third'") == 0);
    CHECK_IS(gp_from(k->answers[k->answer_count - 1].why), "the database is damaged");
    CHECK(k->sent_count == sent);

    for (unsigned i = 0; i < 2; i++) { /* whatever becomes of the process, the next one promises nothing, nor sends */
        kit_restart(k);
        CHECK(answer_to(k, "fourth") == GP_TEMPFAIL && k->sent_count == sent && k->look);
        CHECK(k->queue->behind.state == STORE_DOUBTED && is_marked());
    }
    kit_look(k);
    CHECK(k->queue->behind.state == STORE_DAMAGED && answer_to(k, "fifth") == GP_TEMPFAIL && is_marked());

    mend(k);
    CHECK(answer_to(k, "sixth") == GP_TEMPFAIL);
    kit_look(k);
    CHECK(k->queue->behind.state == STORE_WHOLE && answer_to(k, "seventh") == GP_OK && !is_marked());
    CHECK(k->sent_count > sent);
    kit_restart(k);
    CHECK(answer_to(k, "eighth") == GP_OK);
    kit_close(k);
}

TEST(a_mark_on_a_small_queue_is_looked_into_in_front)
{
    struct kit *k = kit_with_large();
    k->front_most = 0;
    queue_end(k->queue);
    int fd = open(MARK, O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    kit_restart(k);
    CHECK(k->queue->behind.state == STORE_WHOLE && !is_marked() && answer_to(k, "second") == GP_OK);
    kit_close(k);
}

TEST(what_sqlite_itself_finds_damaged_counts_as_much)
{
    struct kit *k = kit_with_large();
    spoil(k);
    kit_restart(k);
    CHECK(answer_to(k, "second") == GP_OK);
    auto_rows r = rows_of(queue_database(k->queue->store), "SELECT sum(length(b)) FROM ballast");
    CHECK(rows_next(&r) == GP_TEMPFAIL);
    rows_end(&r);
    CHECK(answer_to(k, "third") == GP_TEMPFAIL && k->queue->behind.state == STORE_DAMAGED && is_marked());
    kit_look(k); /* the look that was under way says the same, or not: it stays */
    CHECK(k->queue->behind.state == STORE_DAMAGED);
    kit_close(k);
}

TEST(damage_that_is_found_in_the_middle_of_a_turn_counts_for_what_came_in_it)
{
    struct kit *k = kit_with_large();
    spoil(k);
    kit_restart(k);
    kit_turn(k);
    struct msg m = kit_message("second", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 2, &m);
    CHECK(queue_is_open(k->queue->store));
    kit_look(k);
    kit_turn(k);
    CHECK(k->answers[k->answer_count - 1].status == GP_TEMPFAIL &&
          kit_count(k, "messages", "queue_id = 'second'") == 0);
    kit_close(k);
}

TEST(who_ends_in_the_middle_of_a_look_finds_out_the_next_time)
{
    struct kit *k = kit_with_large();
    spoil(k);
    kit_restart(k);
    CHECK(answer_to(k, "second") == GP_OK && k->look && behind_hangs(k->queue));
    behind_close(k->queue); /* asks for the end of it */
    kit_look(k);
    CHECK(k->queue->behind.state != STORE_WHOLE);
    kit_restart(k);
    kit_turn(k);
    kit_look(k);
    CHECK(k->queue->behind.state == STORE_DAMAGED && is_marked());
    kit_close(k);
}

static void put_file(const char *name)
{
    int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0600);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
}

static bool is_there(const char *name)
{
    return access(name, F_OK) == 0;
}

TEST(nothing_is_swept_before_the_queue_is_known_to_be_whole)
{
    struct kit  *k   = kit_with_large();
    struct msg   m   = MSG(DRAFT);
    struct asker who = { NULL, 3 };
    char         draft[64];
    put_file("bodies/orphan");
    put_file("bodies/draft.1");
    kit_restart(k);
    kit_turn(k);
    CHECK(is_there("bodies/orphan") && is_there("bodies/draft.1"));
    intake_draft(k->queue, who, &m);
    (void)snprintf(draft, sizeof draft, "bodies/draft.%llu", (unsigned long long)k->last_draft);
    kit_look(k);
    kit_turn(k);
    CHECK(!is_there("bodies/orphan") && !is_there("bodies/draft.1") && is_there(draft));
    kit_close(k);
}

/* ---- another way ---------------------------------------------------------------------------------------------------------- */
static struct kit *kit_with_many(void)
{
    struct kit *k         = kit_open();
    k->config.relay.kind  = RELAY_SMARTHOST;
    k->queue->relay_there = false;
    kit_restart(k);
    k->queue->relay_there = false;
    for (unsigned i = 0; i < MANY; i++) {
        char       id[NAME];
        struct msg m;
        (void)snprintf(id, sizeof id, "m%u", i);
        m = kit_message(id, "ada@example.org", i % 2 ? "bob@example.net\t\n" : "eve@example.com\t\n");
        kit_commit(k, 0, &m);
    }
    kit_turn(k);
    k->config.relay.kind = RELAY_MX;
    return k;
}

static void restart_alone(struct kit *k)
{
    kit_restart(k);
    k->queue->relay_there = false;
}

TEST(a_change_of_ways_walks_in_portions_and_goes_on_after_a_death)
{
    struct kit *k = kit_with_many();
    restart_alone(k);
    CHECK(kit_count(k, "recipients", "destination = 'smarthost'") == MANY);
    CHECK(behind_turn(k->queue, k->now)); /* a portion, and there is more */
    size_t left = kit_count(k, "recipients", "destination = 'smarthost'");
    CHECK(left > 0 && left < MANY);
    restart_alone(k);
    CHECK(kit_count(k, "recipients", "destination = 'smarthost'") == left &&
          k->queue->behind.walk.upto == (int64_t)(MANY - left));
    while (behind_turn(k->queue, k->now)) continue;
    CHECK(kit_count(k, "recipients", "destination = 'smarthost'") == 0);
    CHECK(kit_count(k, "recipients", "destination = 'example.net'") == MANY / 2);
    CHECK(k->queue->behind.walk.moved == left);

    restart_alone(k); /* no change walks nothing */
    CHECK(!behind_turn(k->queue, k->now) && k->queue->behind.walk.upto == INT64_MAX);
    kit_close(k);
}

TEST(a_message_whose_turn_comes_before_the_walks_goes_the_new_way)
{
    struct kit *k = kit_with_many();
    kit_restart(k);
    dispatch(k->queue, k->now);
    dispatch(k->queue, k->now);
    CHECK(k->sent_count > 0 && k->queue->behind.walk.upto == 0);
    for (size_t i = 0; i < k->sent_count; i++) CHECK(strcmp(k->sent[i].destination, "smarthost") != 0);
    size_t sent = k->sent_count;
    kit_turn(k); /* what is under way is walked past, and sent once */
    for (size_t i = 0; i < k->sent_count; i++)
        for (size_t n = 0; n < i; n++) CHECK(strcmp(k->sent[i].queue_id, k->sent[n].queue_id) != 0);
    CHECK(k->sent_count >= sent && kit_count(k, "recipients", "destination = 'smarthost'") == 0);
    kit_close(k);
}

TEST(ways_that_change_back_before_the_walk_has_begun_are_walked_too)
{
    struct kit *k = kit_with_many();
    restart_alone(k);
    commit_one(k, "new", "bob@example.net\t\n"); /* by MX; kit_turn walks some of it, too */
    k->config.relay.kind = RELAY_SMARTHOST;
    restart_alone(k);
    while (behind_turn(k->queue, k->now)) continue;
    CHECK(kit_count(k, "recipients", "destination = 'smarthost'") == MANY + 1);
    kit_close(k);
}

TEST(routes_are_ways)
{
    struct kit          *k    = kit_with_many();
    uint64_t             ways = config_ways(&k->config);
    struct config_route *r    = &k->config.routes[0];
    CHECK(gp_copy_z(GP_LIT("one"), r->name, sizeof r->name) && gp_copy_z(GP_LIT("example.net"), r->to, sizeof r->to));
    r->via[0].set         = true;
    r->via[0].kind        = RELAY_SMARTHOST;
    k->config.route_count = 1;
    CHECK(config_ways(&k->config) != ways);
    ways           = config_ways(&k->config);
    r->connections = 7; /* how fast is no way */
    CHECK(config_ways(&k->config) == ways);
    CHECK(gp_copy_z(GP_LIT("example.nex"), r->to, sizeof r->to) && config_ways(&k->config) != ways);
    CHECK(gp_copy_z(GP_LIT("example.net"), r->to, sizeof r->to) && config_ways(&k->config) == ways);
    restart_alone(k);
    while (behind_turn(k->queue, k->now)) continue;
    CHECK(kit_count(k, "recipients", "destination = 'via:one'") == MANY / 2);
    CHECK(kit_count(k, "recipients", "destination = 'example.com'") == MANY / 2);
    kit_close(k);
}
