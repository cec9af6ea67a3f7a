/* gatepost init in a directory of its own: what it makes, with which modes, and what it leaves alone. */
#include "cli/cli.h"
#include "cli/files.h"
#include "crypto/crypto.h"

#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char          dir[64];
static struct config config;

static void make_place(void)
{
    (void)gp_copy_z(GP_LIT("/tmp/gatepost-init-XXXXXX"), dir, sizeof dir);
    CHECK(mkdtemp(dir));
}

static int remove_one(const char *path, const struct stat *at, int kind, struct FTW *walk)
{
    (void)at, (void)kind, (void)walk;
    return remove(path);
}

static void remove_place(void)
{
    CHECK(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

/* The command with its output out of sight. */
static int run(const struct cli_command *command, const char *domain)
{
    char *argv[] = { "gatepost", "--dir", dir, domain ? "--domain" : NULL, (char *)(uintptr_t)domain, NULL };
    int   kept = dup(STDOUT_FILENO), kept_error = dup(STDERR_FILENO), away = open("/dev/null", O_WRONLY);
    fflush(stdout);
    CHECK(kept >= 0 && kept_error >= 0 && dup2(away, STDOUT_FILENO) >= 0 && dup2(away, STDERR_FILENO) >= 0);
    int status = command->run(command, domain ? 4 : 2, argv + 1);
    fflush(stdout);
    CHECK(dup2(kept, STDOUT_FILENO) >= 0 && dup2(kept_error, STDERR_FILENO) >= 0);
    close(kept);
    close(kept_error);
    close(away);
    return status;
}

static void in_place(const char *name, char out[static CONFIG_PATH])
{
    CHECK(file_path(dir, name, out));
}

static unsigned mode_of(const char *name)
{
    char        path[CONFIG_PATH];
    struct stat at;
    in_place(name, path);
    CHECK(stat(path, &at) == 0);
    return at.st_mode & 07777;
}

static gp_str content_of(const char *name)
{
    static char    room[FILE_MOST];
    struct gp_text text = GP_TEXT(room);
    char           path[CONFIG_PATH];
    in_place(name, path);
    CHECK(file_read(path, &text));
    return gp_said(&text);
}

static void keep_quiet(void *owner, gp_str line)
{
    (void)owner;
    print_error("%.*s\n", (int)line.len, line.ptr);
}

TEST(a_set_up_is_whole)
{
    static const struct {
        const char *name;
        unsigned    mode;
    } made[] = {
        {"gatepost.yml",                       0644},
        { "tls",                               0700},
        { "tls/cert.pem",                      0644},
        { "tls/key.pem",                       0600},
        { "vault",                             0700},
        { "vault/vault.key",                   0600},
        { "vault/dkim/example.org.gp-rsa.pem", 0600},
        { "vault/dkim/example.org.gp-ed.pem",  0600},
        { "queue",                             0700},
        { "queue/bodies",                      0700},
        { "run",                               0755},
        { "run/empty",                         0755},
    };
    make_place();
    mode_t before = umask(0077); /* whatever the user's is */
    assert_int_equal(run(&cli_init, "example.org"), CLI_DONE);
    umask(before);
    for (size_t i = 0; i < GP_COUNT(made); i++)
        if (mode_of(made[i].name) != made[i].mode) fail_msg("%s: mode %o", made[i].name, mode_of(made[i].name));
    CHECK(content_of("vault/vault.key").len == 32);
    CHECK(config_read(dir, &config, keep_quiet, NULL));
    CHECK_IS(gp_from(config.hostname), "mail.example.org");
    CHECK_IS(gp_from(config.domain), "example.org");
    assert_int_equal(run(&cli_config_check, NULL), CLI_DONE); /* certificate and key belong together */
    remove_place();
}

TEST(a_whole_set_up_is_never_touched)
{
    char key[32];
    make_place();
    assert_int_equal(run(&cli_init, "example.org"), CLI_DONE);
    memcpy(key, content_of("vault/vault.key").ptr, sizeof key);
    assert_int_equal(run(&cli_init, "example.com"), CLI_FAILED);
    CHECK(memcmp(key, content_of("vault/vault.key").ptr, sizeof key) == 0);
    CHECK(config_read(dir, &config, keep_quiet, NULL));
    CHECK_IS(gp_from(config.domain), "example.org");
    remove_place();
}

TEST(an_interrupted_run_is_finished_with_what_is_there)
{
    char key[32], path[CONFIG_PATH];
    make_place();
    assert_int_equal(run(&cli_init, "example.org"), CLI_DONE);
    memcpy(key, content_of("vault/vault.key").ptr, sizeof key);
    in_place("gatepost.yml", path);
    CHECK(unlink(path) == 0);
    in_place("tls/cert.pem", path);
    CHECK(unlink(path) == 0);
    assert_int_equal(run(&cli_init, "example.org"), CLI_DONE);
    CHECK(memcmp(key, content_of("vault/vault.key").ptr, sizeof key) == 0);
    assert_int_equal(run(&cli_config_check, NULL), CLI_DONE);
    remove_place();
}

TEST(a_key_of_another_certificate_is_found)
{
    char           path[CONFIG_PATH], room[4096];
    struct gp_text pem = GP_TEXT(room);
    struct gp_key *key = gp_key_new(GP_KEY_EC, 0);
    make_place();
    assert_int_equal(run(&cli_init, "example.org"), CLI_DONE);
    in_place("tls/key.pem", path);
    CHECK(key && gp_key_pem(key, &pem) && file_write(path, 0600, gp_said(&pem)));
    assert_int_equal(run(&cli_config_check, NULL), CLI_FAILED);
    CHECK(file_write(path, 0600, GP_LIT("nonsense")));
    assert_int_equal(run(&cli_config_check, NULL), CLI_FAILED);
    CHECK(unlink(path) == 0);
    assert_int_equal(run(&cli_config_check, NULL), CLI_FAILED);
    gp_key_close(key);
    remove_place();
}

TEST(names_are_looked_at_before_anything_is_made)
{
    char path[CONFIG_PATH];
    make_place();
    assert_int_equal(run(&cli_init, "no such domain"), CLI_WRONG_USE);
    assert_int_equal(run(&cli_init, "../../etc"), CLI_WRONG_USE);
    assert_int_equal(run(&cli_init, NULL), CLI_WRONG_USE);
    assert_int_equal(run(&cli_init, "foo"), CLI_WRONG_USE); /* no address of it could be a sender */
    assert_int_equal(run(&cli_init, "localhost"), CLI_WRONG_USE);
    in_place("vault", path);
    CHECK(!file_exists(path));
    remove_place();
}

TEST(private_directories_that_are_there_are_made_so)
{
    static const char *const there[] = { "vault", "vault/dkim", "queue", "queue/bodies", "tls" };
    char                     path[CONFIG_PATH];
    make_place();
    for (size_t i = 0; i < GP_COUNT(there); i++) {
        in_place(there[i], path);
        CHECK(mkdir(path, 0755) == 0 && chmod(path, 0755) == 0);
    }
    assert_int_equal(run(&cli_init, "example.org"), CLI_DONE);
    for (size_t i = 0; i < GP_COUNT(there); i++) assert_int_equal(mode_of(there[i]), 0700);
    remove_place();
}

TEST(a_directory_of_somebody_else_gets_no_keys)
{
    enum { SOMEBODY_ELSE = 65534 };
    char path[CONFIG_PATH];
    if (geteuid() != 0) skip(); /* only root can make it somebody else's */
    make_place();
    in_place("vault", path);
    CHECK(mkdir(path, 0755) == 0 && chown(path, SOMEBODY_ELSE, SOMEBODY_ELSE) == 0);
    assert_int_equal(run(&cli_init, "example.org"), CLI_FAILED);
    in_place("vault/vault.key", path);
    CHECK(!file_exists(path));
    remove_place();
}
