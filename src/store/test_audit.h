/* For the tests of the audit: a database with either chain, with rows in it. */
#ifndef STORE_TEST_AUDIT_H
#define STORE_TEST_AUDIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "store/audit_parts.h"

enum { ROWS = 20 };

static char path[64];

static inline struct database *open_chain(enum audit_chain chain, size_t versions)
{
    const char           *vault[] = { audit_schema_vault }, *queue[] = { audit_schema_first, audit_schema_again };
    enum database_trouble trouble;
    bool                  is_vault = chain == AUDIT_VAULT;
    struct database_plan  plan     = {
             .path = path, .scripts = is_vault ? vault : queue, .versions = is_vault ? 1 : versions, .create = true
    };
    struct database *db = database_open(&plan, &trouble);
    CHECK(db != NULL);
    return db;
}

static inline struct database *fresh(enum audit_chain chain)
{
    (void)snprintf(path, sizeof path, "/tmp/gatepost-audit-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    struct database *db = open_chain(chain, 2);
    CHECK(chain == AUDIT_VAULT || audit_take_over(db, 1) == GP_OK);
    return db;
}

static inline void give_back(struct database *db)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    database_close(db);
    for (size_t i = 0; i < GP_COUNT(ends); i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

static inline struct audit_entry entry_of(int i)
{
    return (struct audit_entry) { .when       = 1000 + i,
                                  .event      = i % 2 ? "accepted" : "delivered",
                                  .account    = 3,
                                  .credential = 7,
                                  .name       = i % 5 ? GP_LIT("anna") : GP_LIT("bert"),
                                  .queue_id   = i % 4 ? GP_LIT("aaaa") : GP_LIT("bbbb"),
                                  .incident   = i == 8 ? GP_LIT("ABCDEFGHJK") : GP_NONE };
}

static inline void add_rows(struct database *db, int from, int to)
{
    for (int i = from; i < to; i++) {
        struct audit_entry e = entry_of(i);
        CHECK(AUDIT(db, &e, AUDIT_N("n", i), AUDIT_Z("to", i % 3 ? "bob@example.net" : "Carol@example.net")) == GP_OK);
    }
}

static inline struct database *filled(enum audit_chain chain)
{
    struct database *db = fresh(chain);
    add_rows(db, 0, ROWS);
    return db;
}

#endif
