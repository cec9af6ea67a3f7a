/* Weak and leaked passwords: lists in each form, searched by halves, and what is said of those that are in them. */
#include "cli/leaked.h"

#include <sys/mman.h>

#include "cli/test_bed.h"

enum { MANY = 3000, DIGITS = 40 };
/* Of "password1". */
#define LEAKED "E38AD214943DAAD1D64C102FAEC29DE4AFE9DA3D"

static int file_of(gp_str text)
{
    int fd = memfd_create("leaked", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len);
    return fd;
}

static void number_line(unsigned number, const char *end, struct gp_text *out)
{
    char line[64];
    (void)snprintf(line, sizeof(line), "%08X%032X:%u%s", number * 7919, number, number, end);
    gp_put_z(out, line);
}

/* Every line is found, and nothing between two of them. */
static void search_all(const char *end)
{
    char          *room = malloc((size_t)MANY * 64);
    struct gp_text text = { .ptr = room, .room = (size_t)MANY * 64 };
    assert_non_null(room);
    for (unsigned i = 1; i <= MANY; i++) number_line(i, end, &text);
    int fd = file_of(gp_said(&text));
    for (unsigned i = 1; i <= MANY; i++) {
        char           one[64];
        struct gp_text line = GP_TEXT(one);
        number_line(i, "", &line);
        CHECK(leaked_find(fd, gp_head(gp_said(&line), DIGITS)) == GP_OK);
        one[DIGITS / 2] = 'F';
        CHECK(leaked_find(fd, gp_head(gp_said(&line), DIGITS)) == GP_PERMFAIL);
    }
    CHECK(leaked_find(fd, GP_LIT("0000000000000000000000000000000000000000")) == GP_PERMFAIL);
    CHECK(leaked_find(fd, GP_LIT("ffffffffffffffffffffffffffffffffffffffff")) == GP_PERMFAIL);
    (void)close(fd);
    free(room);
}

TEST(each_line_is_found_and_nothing_else)
{
    search_all("\n");
    search_all("\r\n");
}

TEST(what_is_no_such_list_is_said_so)
{
    int fd = file_of(GP_LIT("password1\npassword2\n"));
    CHECK(leaked_find(fd, GP_LIT(LEAKED)) == GP_TEMPFAIL);
    (void)close(fd);
    fd = file_of(GP_LIT(""));
    CHECK(leaked_find(fd, GP_LIT(LEAKED)) == GP_PERMFAIL);
    (void)close(fd);
}

static int choose(const char *password)
{
    put_file("in", password);
    return run(&cli_user_add, "anna --password-stdin");
}

TEST(weak_passwords_are_refused)
{
    make_place();
    CHECK(choose("short\n") == CLI_FAILED && strstr(output, "shorter than 8 characters"));
    CHECK(choose("gr\303\274\303\237e12\n") == CLI_FAILED); /* 7 characters in 9 octets */
    CHECK(run(&cli_user_list, "") == CLI_DONE && !strstr(output, "anna"));
    put_file("in", "annabella\n");
    CHECK(run(&cli_user_add, "annabella@example.org --password-stdin") == CLI_FAILED &&
          strstr(output, "account's name"));
    CHECK(choose("eight888\n") == CLI_DONE);
    remove_place();
}

TEST(leaked_passwords_are_refused_by_file_and_by_range)
{
    make_place();
    put_file("vault/list", LEAKED ":3\nFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF:1\n");
    put_file("gatepost.yml",
             "hostname: mail.example.org\npasswords: {leaked_file: vault/list, scram_iterations: 5000}\n");
    CHECK(choose("password1\n") == CLI_FAILED && strstr(output, "guessers have"));
    CHECK(unlink(in_dir("vault/list")) == 0);
    CHECK(choose("password1\n") == CLI_FAILED && strstr(output, "cannot be opened"));
    CHECK(mkdir(in_dir("ranges"), 0700) == 0);
    put_file("ranges/E38AD.txt", "214943DAAD1D64C102FAEC29DE4AFE9DA3D:2413945\r\n");
    put_file("gatepost.yml", "hostname: mail.example.org\npasswords: {leaked_file: ranges, scram_iterations: 5000}\n");
    CHECK(choose("password1\n") == CLI_FAILED && strstr(output, "guessers have"));
    CHECK(unlink(in_dir("ranges/E38AD.txt")) == 0 && rmdir(in_dir("ranges")) == 0);
    remove_place();
}

static bool has_digits(gp_str bytes)
{
    for (; bytes.len >= DIGITS; bytes = gp_tail(bytes, 1))
        if (gp_is(gp_head(bytes, DIGITS), LEAKED)) return true;
    return false;
}

PROPERTY(any_list_can_be_searched, bytes)
{
    int fd = file_of(bytes);
    CHECK(leaked_find(fd, GP_LIT(LEAKED)) != GP_OK || has_digits(bytes));
    (void)close(fd);
}
