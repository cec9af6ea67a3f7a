/* TEST and PROPERTY over cmocka. A *_test.c file is a program: its tests register themselves and run in the order in which
 * they stand. A property takes bytes: on every test run it gets its corpus (tests/fuzz/NAME/, where there is one) and 20,000 seeded
 * mutations; in a sanitised build (-DGP_FUZZ) PROPERTY=name in the environment makes the program libFuzzer's, with that one as its target. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/base.h"

struct kit_entry {
    const char *name;
    void (*test)(void **state);
    void (*property)(gp_str bytes);
    struct kit_entry *next;
};
void kit_register(struct kit_entry *);

#define TEST(id)                                                                                                \
    static void id(void **state);                                                                               \
    __attribute__((constructor)) static void register_##id(void)                                                \
    {                                                                                                           \
        static struct kit_entry entry = { #id, id, NULL, NULL };                                                \
        kit_register(&entry);                                                                                   \
    }                                                                                                           \
    static void id(__attribute__((unused)) void **state)

#define PROPERTY(id, bytes)                                                                                     \
    static void id(gp_str bytes);                                                                               \
    __attribute__((constructor)) static void register_##id(void)                                                \
    {                                                                                                           \
        static struct kit_entry entry = { #id, NULL, id, NULL };                                                \
        kit_register(&entry);                                                                                   \
    }                                                                                                           \
    static void id(gp_str bytes)

#define CHECK(claim)         assert_true(claim)
#define CHECK_IS(got, want)  kit_check_is((got), gp_from(want), __FILE__, __LINE__)   /* gp_str against "text" */
#define CHECK_SAME(got, want) kit_check_is((got), (want), __FILE__, __LINE__)         /* gp_str against gp_str */

void kit_check_is(gp_str got, gp_str want, const char *file, int line);

/* tests/vectors/NAME.json, and the like: the whole file, NUL-terminated; the test fails when it can't be read. free() it. */
char *kit_file(const char *path_in_repo, size_t *len);
/* Octets of a hex or base64 text of a vector into room; fails the test when it is neither. */
gp_str kit_hex(const char *hex, char *out, size_t room);
gp_str kit_base64(const char *text, char *out, size_t room);

#endif
