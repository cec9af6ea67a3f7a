/* For tests of commands: a set-up in a folder of its own, commands run in it, and what they said. */
#ifndef CLI_TEST_BED_H
#define CLI_TEST_BED_H

#include "cli/user.h"

#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MOST = 24, OUTPUT_MOST = 64 * 1024, PATH_ROOM = 96 };

static char dir[PATH_ROOM / 2];
static char output[OUTPUT_MOST];

static inline const char *in_dir(const char *name)
{
    static char path[PATH_ROOM];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static inline void put_file(const char *name, const char *content)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    (void)close(fd);
}

static inline void make_place(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/gatepost-user-XXXXXX");
    CHECK(mkdtemp(dir) && mkdir(in_dir("vault"), 0700) == 0);
    put_file("gatepost.yml", "hostname: mail.example.org\ndomain: example.org\npasswords:\n  scram_iterations: 5000\n");
    put_file("vault/vault.key", "0123456789abcdef0123456789abcdef");
    put_file("in", "");
}

static inline void remove_place(void)
{
    static const char *const files[] = {
        "gatepost.yml",         "in", "out", "vault/vault.key", "vault/accounts.db", "vault/accounts.db-wal",
        "vault/accounts.db-shm"
    };
    for (size_t i = 0; i < GP_COUNT(files); i++) (void)unlink(in_dir(files[i]));
    CHECK(rmdir(in_dir("vault")) == 0 && rmdir(dir) == 0);
}

static inline int redirect(int to, const char *name, int flags)
{
    int kept = dup(to), fd = open(in_dir(name), flags | O_CLOEXEC, 0600);
    CHECK(kept >= 0 && fd >= 0 && dup2(fd, to) == to);
    (void)close(fd);
    return kept;
}

static inline void restore(int to, int kept)
{
    CHECK(dup2(kept, to) == to);
    (void)close(kept);
}

static inline void read_output(void)
{
    int     fd  = open(in_dir("out"), O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, output, sizeof(output) - 1);
    (void)close(fd);
    CHECK(len >= 0);
    output[len] = '\0';
}

/* words: "NAME --json"; what it printed is in output. */
static inline int run(const struct cli_command *command, const char *words)
{
    char text[1024], *argv[WORDS_MOST + 1] = { 0 }, *rest = text, *word;
    int  argc = 0;
    (void)snprintf(text, sizeof(text), "%s --dir %s", words, dir);
    while ((word = strsep(&rest, " ")) && argc < WORDS_MOST)
        if (*word) argv[argc++] = word;
    (void)fflush(stdout);
    (void)fflush(stderr);
    clearerr(stdin);
    int in = redirect(STDIN_FILENO, "in", O_RDONLY), out = redirect(STDOUT_FILENO, "out", O_WRONLY | O_CREAT | O_TRUNC);
    int err  = redirect(STDERR_FILENO, "out", O_WRONLY | O_APPEND);
    int done = command->run(command, argc, argv);
    (void)fflush(stdout);
    (void)fflush(stderr);
    restore(STDIN_FILENO, in);
    restore(STDOUT_FILENO, out);
    restore(STDERR_FILENO, err);
    read_output();
    return done;
}

static inline json_t *json_of_output(void)
{
    json_t *value = json_loads(output, 0, NULL);
    if (!value) fail_msg("not JSON: %s", output);
    return value;
}

static inline const char *field(const json_t *value, const char *name)
{
    const char *text = json_string_value(json_object_get(value, name));
    return text ? text : "";
}

/* It is that credential's password. */
static inline bool opens(const struct credential *c, const char *password)
{
    struct user_store store;
    CHECK(user_store_open(dir, &store));
    bool right = verifier_check(&store.keys, &c->verifier, (gp_secret) { password, strlen(password) }) == GP_OK;
    user_store_close(&store);
    return right;
}

#endif
