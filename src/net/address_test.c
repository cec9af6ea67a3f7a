/* Addresses in text. */
#include "check.h"
#include "net/net.h"

#include <sys/socket.h>
#include <unistd.h>

TEST(addresses_are_read_strictly)
{
    static const struct {
        const char *text, *with_port; /* NULL: not an address */
    } cases[] = {
        {"127.0.0.1:25",     "127.0.0.1:25"        },
        { "127.0.0.1",       "127.0.0.1:587"       },
        { "[::1]:465",       "[::1]:465"           },
        { "[::1]",           "[::1]:587"           },
        { "::1",             "[::1]:587"           },
        { "[::]:25",         "[::]:25"             },
        { "2001:DB8::1:25",  "[2001:db8::1:25]:587"},
        { "0.0.0.0:0",       "0.0.0.0:0"           },
        { "127.0.0.1:65535", "127.0.0.1:65535"     },
        { "127.0.0.1:65536", NULL                  },
        { "127.0.0.1:",      NULL                  },
        { "127.0.0.1: 25",   NULL                  },
        { "127.0.0:25",      NULL                  },
        { "127.0.0.1:25 ",   NULL                  },
        { "localhost:25",    NULL                  },
        { "[127.0.0.1]:25",  NULL                  },
        { "[::1",            NULL                  },
        { "[::1]25",         NULL                  },
        { "[::1]:",          NULL                  },
        { "",                NULL                  },
        { ":25",             NULL                  },
        { "[]:25",           NULL                  },
        { "::1::",           NULL                  },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct sockaddr_storage address;
        char                    room[NET_ADDRESS_ROOM];
        struct gp_text          out = GP_TEXT(room);
        bool                    ok  = address_read(gp_from(cases[i].text), 587, &address);
        if (ok != (cases[i].with_port != NULL)) fail_msg("%s", cases[i].text);
        if (ok) address_put(&out, &address, true);
        CHECK_IS(gp_said(&out), cases[i].with_port ? cases[i].with_port : "");
    }
}

TEST(an_ipv4_client_of_a_socket_for_both_has_its_own_address)
{
    static const struct {
        const char *said, *is;
    } rows[] = {
        {"[::ffff:192.0.2.1]:25", "192.0.2.1:25"    },
        { "192.0.2.1:25",         "192.0.2.1:25"    },
        { "[2001:db8::1]:25",     "[2001:db8::1]:25"},
        { "[::192.0.2.1]:25",     "[::192.0.2.1]:25"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char                    room[NET_ADDRESS_ROOM];
        struct gp_text          text = GP_TEXT(room);
        struct sockaddr_storage a;
        CHECK(address_read(gp_from(rows[i].said), 0, &a));
        address_unmap(&a);
        address_put(&text, &a, true);
        CHECK_IS(gp_said(&text), rows[i].is);
    }
}

TEST(an_address_in_use_by_others_says_why)
{
    struct sockaddr_storage address;
    const char             *why = NULL;
    CHECK(address_read(GP_LIT("192.0.2.1:25"), 25, &address));
    CHECK(listen_on(&address, &why) == -1);
    CHECK_IS(gp_from(why), "Cannot assign requested address");
}

TEST(two_may_listen_on_one_port)
{
    struct sockaddr_storage address;
    const char             *why = NULL;
    socklen_t               len = sizeof address;
    CHECK(address_read(GP_LIT("127.0.0.1:0"), 25, &address));
    int one = listen_on(&address, &why);
    CHECK(one >= 0 && getsockname(one, (struct sockaddr *)&address, &len) == 0);
    int two = listen_on(&address, &why);
    CHECK(two >= 0);
    CHECK(!listen_could(&address, &why)); /* without sharing */
    CHECK_IS(gp_from(why), "Address already in use");
    close(one);
    CHECK(!listen_could(&address, &why));
    close(two);
    CHECK(listen_could(&address, &why));
}

/* What is read is written so that it reads as the same. */
PROPERTY(addresses_read_as_they_are_written, bytes)
{
    struct sockaddr_storage address, again;
    char                    room[NET_ADDRESS_ROOM], other[NET_ADDRESS_ROOM];
    struct gp_text          out = GP_TEXT(room), second = GP_TEXT(other);
    if (!address_read(bytes, 25, &address)) return;
    address_put(&out, &address, true);
    CHECK(!out.cut && address_read(gp_said(&out), 1, &again));
    address_put(&second, &again, true);
    CHECK_SAME(gp_said(&second), gp_said(&out));
}
