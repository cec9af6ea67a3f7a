/* The table of rewriting: how it is written, and what an address becomes by it. */
#include <string.h>

#include "config/test_bed.h"

static const char table[] = H "rewrite:\n"
                              "  - anna@old.example  anna.b@example.org\n"
                              "  - anna+*@old.example anna.b+*@example.org\n"
                              "  - team+x@old.example team@example.org\n"
                              "  - '@old.example @example.org'\n"
                              "  - '+*@tags.example @example.org'\n"
                              "  - '@all.example one@example.org in=sender+header'\n"
                              "  - '@all.example two@example.org in=recipient'\n";

TEST(an_address_becomes_what_the_first_item_that_fits_says)
{
    static const struct {
        enum config_in in;
        const char    *address, *becomes; /* NULL: it stays */
    } rows[] = {
        {CONFIG_IN_SENDER,     "anna@old.example",     "anna.b@example.org"    },
        { CONFIG_IN_HEADER,    "ANNA@Old.Example",     "anna.b@example.org"    },
        { CONFIG_IN_RECIPIENT, "anna+x+y@old.example", "anna.b+x+y@example.org"},
        { CONFIG_IN_RECIPIENT, "team+x@old.example",   "team@example.org"      },
        { CONFIG_IN_RECIPIENT, "team+y@old.example",   "team+y@example.org"    },
        { CONFIG_IN_SENDER,    "bert@old.example",     "bert@example.org"      },
        { CONFIG_IN_SENDER,    "\"a@b\"@old.example",  "\"a@b\"@example.org"   },
        { CONFIG_IN_SENDER,    "bert+x@tags.example",  "bert@example.org"      },
        { CONFIG_IN_SENDER,    "bert@tags.example",    NULL                    },
        { CONFIG_IN_RECIPIENT, "\"b+x\"@tags.example", NULL                    },
        { CONFIG_IN_RECIPIENT, "\"b+x\"@old.example",  "\"b+x\"@example.org"   },
        { CONFIG_IN_SENDER,    "x@all.example",        "one@example.org"       },
        { CONFIG_IN_HEADER,    "x+y@all.example",      "one@example.org"       },
        { CONFIG_IN_RECIPIENT, "x@all.example",        "two@example.org"       },
        { CONFIG_IN_SENDER,    "anna@example.org",     NULL                    },
        { CONFIG_IN_SENDER,    "anna@sub.old.example", NULL                    },
        { CONFIG_IN_SENDER,    "",                     NULL                    },
        { CONFIG_IN_SENDER,    "postmaster",           NULL                    },
        { CONFIG_IN_SENDER,    "@old.example",         NULL                    },
    };
    CHECK(read_set_up(table) && config.rewrite_count == 7);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[512];
        struct gp_text out = GP_TEXT(room);
        bool           any = config_rewrite(&config, rows[i].in, gp_from(rows[i].address), &out);
        if (any != (rows[i].becomes != NULL)) fail_msg("%s", rows[i].address);
        if (any) CHECK_IS(gp_said(&out), rows[i].becomes);
    }
    char           small[8];
    struct gp_text none = GP_TEXT(small);
    CHECK(!config_rewrite(&config, CONFIG_IN_SENDER, GP_LIT("anna@old.example"), &none));
}

TEST(what_is_no_item_is_refused_with_the_reason)
{
    static const struct {
        const char *item, *why;
    } rows[] = {
        {"anna@old.example",                         "'' is not local@domain"                                   },
        { "old.example @example.org",                "'old.example' is not local@domain"                        },
        { "'@localhost @example.org'",               "'@localhost' is not local@domain"                         },
        { "'@old.example j\xc3\xbc@example.org'",    "is not local@domain, @domain or local+*@domain, to be put"},
        { "'@old.example @example.org in=body'",     "'body' is not in=sender, recipient or header"             },
        { "'@old.example @example.org everywhere'",  "'everywhere' is not in=sender"                            },
        { "'@old.example @example.org in=header x'", "is more than"                                             },
        { "'@old.example a+*@example.org'",          "keeps a tag"                                              },
        { "'+*@old.example +*@example.org'",         "keeps a tag"                                              },
        { "'\"a b\"@old.example @example.org'",      "is not"                                                   },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, H "rewrite:\n  - %s\n", rows[i].item);
        if (read_set_up(yaml) || !strstr((said_room[said.len] = '\0', said_room), rows[i].why))
            fail_msg("%s: %.*s", rows[i].item, (int)said.len, said_room);
    }
}

/* What is shown is what would be read. */
TEST(the_table_is_shown_as_it_would_be_read)
{
    static char yaml[1 << 16];
    CHECK(read_set_up(table));
    said.len = 0;
    config_show(&config, put_line, &said);
    CHECK(memmem(said_room, said.len, "\"@all.example one@example.org in=sender+header\"", 46));
    CHECK(memmem(said_room, said.len, "\"@old.example @example.org\"", 27));
    CHECK(gp_copy_z(gp_said(&said), yaml, sizeof yaml));
    CHECK(read_set_up(yaml) && config.rewrite_count == 7);
    CHECK(config.rewrites[5].in == (CONFIG_IN_SENDER | CONFIG_IN_HEADER));
}
