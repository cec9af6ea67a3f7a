/* The files of the spool: what is written is read back, and what is no parcel is none. */
#include "cli/sendmail_spool.h"

#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/sendmail_users.h"

TEST(a_parcel_keeps_those_who_are_for_later)
{
    static const struct {
        enum handed how;
        int         codes[3];
        size_t      kept;
    } rows[] = {
        {HANDED_LATER,    { 0, 0, 0 },       3},
        { HANDED_LATER,   { 0, 550, 451 },   2},
        { HANDED_PARTLY,  { 250, 550, 451 }, 1},
        { HANDED_OVER,    { 250, 250, 250 }, 0},
        { HANDED_REFUSED, { 0, 0, 0 },       0},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct talk_recipient to[3] = {
            {.address = GP_LIT("a@x.org"),        .params = GP_LIT("")            },
            { .address = GP_LIT("\"b c\"@x.org"), .params = GP_LIT("NOTIFY=NEVER")},
            { .address = GP_LIT("d@x.org"),       .params = GP_LIT("NOTIFY=NEVER")}
        };
        struct parcel p    = { .sender = GP_LIT(""),
                               .params = GP_LIT("RET=HDRS ENVID=x"),
                               .to     = to,
                               .count  = 3,
                               .since  = 1234567 },
                      q    = { 0 };
        struct gp_buffer b = { 0 };
        for (size_t n = 0; n < 3; n++) to[n].code = rows[i].codes[n];
        CHECK(spool_put_envelope(&b, &p, rows[i].how) &&
              gp_buffer_add(&b, GP_LIT("A: b\r\n\r\nto e@x.org\r\n"), LETTER_MOST));
        CHECK(spool_take(gp_buffer_all(&b), &q) == (rows[i].kept > 0));
        CHECK(q.count == rows[i].kept);
        CHECK_IS(q.message, "A: b\r\n\r\nto e@x.org\r\n");
        CHECK_IS(q.params, "RET=HDRS ENVID=x");
        if (q.count) CHECK_IS(q.to[q.count - 1].params, "NOTIFY=NEVER");
        if (rows[i].kept == 3) CHECK(q.to[0].params.len == 0 && q.to[2].params.len > 0);
        CHECK(q.sender.ptr && q.sender.len == 0 && q.since == 1234567);
        if (rows[i].kept == 2) CHECK_IS(q.to[1].address, "d@x.org");
        if (rows[i].kept == 3) CHECK_IS(q.to[1].address, "\"b c\"@x.org");
        free(q.to);
        gp_buffer_free(&b);
    }
}

TEST(wishes_of_parcels_that_wait_since_before_are_those_of_every_recipient)
{
    struct parcel p = { 0 };
    CHECK(
        spool_take(GP_LIT("gatepost-sendmail 1\nsince 1\nsender a\nparams \neach NOTIFY=DELAY\nto b\nto c\n\nx"), &p));
    CHECK(p.count == 2);
    CHECK_IS(p.to[0].params, "NOTIFY=DELAY");
    CHECK_IS(p.to[1].params, "NOTIFY=DELAY");
    free(p.to);
}

TEST(what_is_no_parcel_is_none)
{
    static const char *const texts[] = {
        "",
        "gatepost-sendmail 2\nsender a\nto b\n\nx",
        "gatepost-sendmail 1\nsender a\n\nx",
        "gatepost-sendmail 1\nto b\n\nx",
        "gatepost-sendmail 1\nsender a\nto b\nwhat c\n\nx",
        "gatepost-sendmail 1\nsender a\nto b\nsince x\n\nx",
        "gatepost-sendmail 1\nsender a\nto b",
    };
    for (size_t i = 0; i < GP_COUNT(texts); i++) {
        struct parcel p = { 0 };
        CHECK(!spool_take(gp_from(texts[i]), &p));
        free(p.to);
    }
}

TEST(names_of_this_host_become_addresses)
{
    static const struct {
        const char *name, *as_recipient, *as_sender;
    } rows[] = {
        {"root",                        "admin@x.org",           "root@x.net"           },
        { "root@localhost",             "admin@x.org",           "root@x.net"           },
        { "root@LocalHost.localdomain", "admin@x.org",           "root@x.net"           },
        { "root@y.org",                 "root@y.org",            "root@y.org"           },
        { "a@b@localhost.example",      "a@b@localhost.example", "a@b@localhost.example"},
    };
    static struct sendmail_conf c = { .local_to = "admin@x.org", .domain = "x.net" };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[64], other[64];
        struct gp_text to = GP_TEXT(room), from = GP_TEXT(other);
        CHECK(sendmail_qualify(&c, gp_from(rows[i].name), true, &to));
        CHECK_IS(gp_said(&to), rows[i].as_recipient);
        CHECK(sendmail_qualify(&c, gp_from(rows[i].name), false, &from));
        CHECK_IS(gp_said(&from), rows[i].as_sender);
    }
}

TEST(sendmail_knows_its_names)
{
    CHECK(sendmail_is("/usr/sbin/sendmail") && sendmail_is("mailq") && sendmail_is("./newaliases"));
    CHECK(!sendmail_is("gatepost") && !sendmail_is("/usr/sendmail/gatepost") && !sendmail_is(""));
}

/* ---- the common spool ------------------------------------------------------------------------------------------------------ */
static int        ends[2];
static const char hangs = 'h';

/* Users of even number never end. */
static void work(const char *conf_path, uid_t uid)
{
    struct {
        pid_t pid;
        uid_t uid;
        char  how;
    } said = { getpid(), uid, *conf_path };
    if (write(ends[1], &said, sizeof said) != sizeof said) _exit(1);
    while (uid % 2 == 0) (void)pause();
}

TEST(users_who_take_for_ever_hold_up_nobody_for_longer_than_they_may)
{
    struct users u = { .most_seconds = 1, .work = work, .conf_path = &hangs };
    struct {
        pid_t pid;
        uid_t uid;
        char  how;
    } said;
    size_t quick = 0, slow = 0;
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    for (uid_t i = 0; i < USERS_AT_ONCE; i++) users_begin(&u, i * 2);
    for (uid_t i = 0; i < USERS_AT_ONCE + 3; i++) users_begin(&u, i * 2 + 1);
    users_wait(&u);
    close(ends[1]);
    for (size_t i = 0; i < 2 * USERS_AT_ONCE + 3; i++) {
        CHECK(read(ends[0], &said, sizeof said) == sizeof said && said.how == hangs);
        quick += said.uid % 2 == 1;
        slow += said.uid % 2 == 0 && kill(said.pid, SIGKILL) == 0; /* left behind, and running */
    }
    CHECK(quick == USERS_AT_ONCE + 3 && slow == USERS_AT_ONCE);
    close(ends[0]);
}

TEST(each_user_has_one_directory_in_the_common_spool)
{
    static const char *const names[] = { "4711", "04711", "4712", "more", ".4711", "0" };
    char                     dir[]   = "/tmp/gatepost-users-XXXXXX", path[64];
    struct users             u       = { .most_seconds = 10, .work = work, .conf_path = &hangs };
    struct {
        pid_t pid;
        uid_t uid;
        char  how;
    } said;
    if (geteuid() != 0) skip();
    CHECK(mkdtemp(dir) && pipe2(ends, O_CLOEXEC) == 0);
    for (size_t i = 0; i < GP_COUNT(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        CHECK(mkdir(path, 0700) == 0 && (strcmp(names[i], "0") == 0 || chown(path, 4711, 4711) == 0));
    }
    users_each(&u, dir);
    users_each(&u, "/tmp/no/such/directory");
    users_wait(&u);
    close(ends[1]);
    CHECK(read(ends[0], &said, sizeof said) == sizeof said && said.uid == 4711);
    CHECK(read(ends[0], &said, sizeof said) == 0);
    close(ends[0]);
    for (size_t i = 0; i < GP_COUNT(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        CHECK(rmdir(path) == 0);
    }
    CHECK(rmdir(dir) == 0);
}

TEST(a_place_in_the_common_spool_that_is_somebody_elses_is_not_used)
{
    static struct sendmail_conf c;
    char                        common[] = "/tmp/gatepost-spool-XXXXXX", own[64];
    CHECK(mkdtemp(common));
    (void)snprintf(own, sizeof own, "%s/%u", common, (unsigned)geteuid());
    (void)snprintf(c.home, sizeof c.home, "/home/anna");
    CHECK(sendmail_place_spool(&c, NULL) && !c.spool_taken);
    CHECK(strcmp(c.spool_path, "/home/anna/.local/state/gatepost-sendmail") == 0);
    CHECK(sendmail_place_spool(&c, common) && !c.spool_taken && strcmp(c.spool_path, own) == 0);
    CHECK(mkdir(own, 0700) == 0 && sendmail_place_spool(&c, common) && !c.spool_taken &&
          strcmp(c.spool_path, own) == 0);
    CHECK(rmdir(own) == 0 && symlink("/tmp", own) == 0); /* whoever was first made what he liked */
    c.spool = common;
    CHECK(sendmail_place_spool(&c, "/nowhere") && c.spool_taken);
    CHECK(strcmp(c.spool_path, "/home/anna/.local/state/gatepost-sendmail") == 0 &&
          strcmp(c.spool_path, c.home_spool) == 0);
    CHECK(unlink(own) == 0 && rmdir(common) == 0);
}
