/* The hosts file: which lines name a host, and what broken ones do. */
#include "check.h"
#include "net/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char path[64];

static void write_hosts(const char *text)
{
    (void)snprintf(path, sizeof path, "/tmp/gatepost-hosts-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

/* "192.0.2.1:25 [::1]:25" */
static const char *found(const char *name, size_t most)
{
    static char             room[256];
    struct sockaddr_storage list[4];
    struct gp_text          text  = { .ptr = room, .room = sizeof room - 1 };
    size_t                  count = hosts_find(path, gp_from(name), 25, list, most);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) gp_put_char(&text, ' ');
        address_put(&text, &list[i], true);
    }
    room[text.len] = '\0';
    return room;
}

TEST(names_are_found_where_they_stand)
{
    static const struct {
        const char *name, *addresses;
    } cases[] = {
        {"localhost",      "127.0.0.1:25 [::1]:25"},
        { "LOCALHOST",     "127.0.0.1:25 [::1]:25"},
        { "smart",         "192.0.2.1:25"         },
        { "smart.example", "192.0.2.1:25"         },
        { "last",          "192.0.2.7:25"         },
        { "commented",     ""                     },
        { "192.0.2.1",     ""                     },
        { "smar",          ""                     },
        { "broken",        ""                     },
        { "",              ""                     },
    };
    write_hosts(
        "127.0.0.1\tlocalhost\n::1 localhost ip6-localhost\r\n# 192.0.2.3 commented\n  192.0.2.1\tsmart.example   smart # commented\n"
        "\n999.0.2.1 broken\nbroken\n192.0.2.7 last");
    for (size_t i = 0; i < GP_COUNT(cases); i++) CHECK_IS(gp_from(found(cases[i].name, 4)), cases[i].addresses);
    CHECK_IS(gp_from(found("localhost", 1)), "127.0.0.1:25");
    (void)unlink(path);
    CHECK_IS(gp_from(found("localhost", 4)), "");
}

TEST(the_rest_of_a_line_without_end_is_no_line)
{
    enum { LONG = 4095 }; /* what one reading takes */
    static char text[3 * LONG];
    size_t      len = LONG;
    memset(text, 'x', len);
    memcpy(text + len, "192.0.2.1 smart\n192.0.2.2 smart\n", sizeof "192.0.2.1 smart\n192.0.2.2 smart\n");
    write_hosts(text);
    CHECK_IS(gp_from(found("smart", 4)), "192.0.2.2:25");
    (void)unlink(path);
}
