/* For the tests of accounts.db: a store in a folder of its own, and verifiers without the work of making them. */
#ifndef STORE_TEST_BED_H
#define STORE_TEST_BED_H

#include "store/accounts_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

enum { NOW = 5000 };

static char folder[] = "/tmp/gatepost-accounts-XXXXXX";
static char path[sizeof(folder) + 16];

static inline void remove_all(void)
{
    static const char *const names[] = { "a.db", "a.db-wal", "a.db-shm" };
    for (size_t i = 0; i < GP_COUNT(names); i++) {
        char file[sizeof(path)];
        (void)snprintf(file, sizeof(file), "%s/%s", folder, names[i]);
        (void)unlink(file);
    }
}

static inline void leave(void)
{
    remove_all();
    (void)rmdir(folder);
}

static inline struct accounts *open_again(void)
{
    enum database_trouble trouble;
    struct accounts_plan  plan = { .path = path, .domain = GP_LIT("example.org"), .busy_ms = 100, .create = true };
    struct accounts      *a    = accounts_open(&plan, &trouble);
    assert_non_null(a);
    return a;
}

static inline struct accounts *open_fresh(void)
{
    static bool made;
    if (!made) {
        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof(path), "%s/a.db", folder);
        (void)atexit(leave);
        made = true;
    }
    remove_all();
    return open_again();
}

static inline struct verifier verifier_of(const char *plain, const char *scram)
{
    struct verifier v = { 0 };
    CHECK(gp_copy_z(gp_from(plain), v.plain, sizeof(v.plain)) &&
          gp_copy_z(gp_from(scram), v.scram_sha256, sizeof(v.scram_sha256)));
    return v;
}

static inline struct verifier scram_of(uint32_t iterations)
{
    struct gp_scram_keys keys = { .hash = GP_SHA256, .iterations = iterations, .salt_len = VERIFIER_SALT };
    struct verifier      v    = { 0 };
    struct gp_text       text = { .ptr = v.scram_sha256, .room = sizeof(v.scram_sha256) - 1 };
    gp_scram_keys_put(&text, &keys);
    return v;
}

static inline struct account found(struct accounts *a, const char *login)
{
    struct account account = { 0 };
    if (accounts_find(a, gp_from(login), &account) != GP_OK) account.id = 0;
    return account;
}

/* SCRAM keys of all hashes that never fit any password, with salts all of one octet; with `plain`, as of a generated password. */
static inline struct verifier keys_of(const char *plain, uint32_t iterations, char salt)
{
    struct verifier v = { 0 };
    char *const     texts[GP_HASHES] = { [GP_SHA1] = v.scram_sha1, [GP_SHA256] = v.scram_sha256, [GP_SHA512] = v.scram_sha512 };
    for (unsigned hash = GP_SHA1; hash < GP_HASHES; hash++) {
        struct gp_scram_keys keys = { .hash = (enum gp_hash)hash, .iterations = iterations, .salt_len = VERIFIER_SALT };
        struct gp_text       text = { .ptr = texts[hash], .room = GP_HASH_ROOM - 1 };
        memset(keys.salt, salt, VERIFIER_SALT);
        gp_scram_keys_put(&text, &keys);
    }
    CHECK(gp_copy_z(gp_from(plain), v.plain, sizeof(v.plain)));
    return v;
}

/* Without a credential. */
static inline int64_t account_of(struct accounts *a, const char *name)
{
    const char        *why;
    struct new_account n = { .name = gp_from(name) };
    CHECK(accounts_add(a, &n, 1000, &why) == GP_OK);
    return found(a, name).id;
}

/* 0: refused, and it was said why. */
static inline int64_t try_credential(struct accounts *a, int64_t account, const struct new_credential *n)
{
    int64_t     id  = 0;
    const char *why = "";
    gp_status   status = credential_add(a, account, n, 1000, &id, &why);
    CHECK(status == GP_OK || (status == GP_PERMFAIL && why[0]));
    return status == GP_OK ? id : 0;
}

static inline int64_t password_of_account(struct accounts *a, int64_t account, const char *label, const struct verifier *v)
{
    struct new_credential n = { .kind     = v->plain[0] == '$' && v->plain[1] == 'k' ? CREDENTIAL_GENERATED : CREDENTIAL_CHOSEN,
                                .label    = gp_from(label),
                                .verifier = v };
    return try_credential(a, account, &n);
}

static inline int64_t subject_of_account(struct accounts *a, int64_t account, enum credential_kind kind, const char *subject)
{
    struct new_credential n = { .kind = kind, .subject = gp_from(subject) };
    return try_credential(a, account, &n);
}

static inline struct credential get(struct accounts *a, int64_t id)
{
    struct credential c = { 0 };
    CHECK(credential_get(a, id, &c) == GP_OK);
    return c;
}

static inline gp_status in_force(struct accounts *a, int64_t account, int64_t credential, gp_time now)
{
    const char *why = NULL;
    gp_status   got = accounts_in_force(a, account, credential, now, &why);
    CHECK(got != GP_PERMFAIL || why[0]);
    return got;
}

/* On a Monday at noon. */
static inline gp_status may_send(struct accounts *a, int64_t account, int64_t credential, gp_str sender, gp_time now)
{
    bool           ended;
    const char    *why = "";
    struct sending s   = { account, credential, sender, now, { 0, HOURS_DAY / 2 } };
    gp_status      got = accounts_may_send(a, &s, &ended, &why);
    CHECK(got != GP_PERMFAIL || why[0]);
    return got;
}

#define FAST "$keyed-sha256$x"
#define SLOW "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs"

#endif
