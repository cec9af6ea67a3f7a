/* What is said back to us does not give away what we said. */
#include "base/base.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

static gp_str masked(const struct gp_mask *mask, const char *said)
{
    static char    room[256];
    struct gp_text text = GP_TEXT(room);
    gp_put_masked(&text, mask, gp_from(said));
    return gp_said(&text);
}

TEST(a_secret_is_hidden_in_whatever_form_it_is_said)
{
    static const char secret[] =
        "a right password"; /* base64 by itself, behind NUL name NUL of three lengths, and cut */
    static const char *const rows[][2] = {
        {"",                                                        ""                },
        { "454 4.7.0 later",                                        "454 4.7.0 later" },
        { "not a right password, no",                               "not (secret), no"},
        { "YSByaWdodCBwYXNzd29yZA== again",                         "(secret) again"  },
        { "leak:AGxlbmFAZXhhbXBsZS5vcmcAYSByaWdodCBwYXNzd29yZA==;", "leak:(secret);"  },
        { "leak AGxlbmEyAGEgcmlnaHQgcGFzc3dvcmQ=",                  "leak (secret)"   },
        { "leak AGxlbmEAYSByaWdodCBwYXNzd29yZA==",                  "leak (secret)"   },
        { "leak AGxlbmExMgBhIHJpZ2h0IHBhc3N3b3Jk",                  "leak (secret)"   },
        { "cut: a right passw",                                     "cut: (secret)"   },
        { "cut: ght password.",                                     "cut: (secret)."  },
        { "cut: ZCBwYXNzd29yZA==",                                  "cut: (secret)"   },
        { "a right thing",                                          "a right thing"   },
        { "their password",                                         "their password"  },
    };
    struct gp_mask mask = { 0 };
    CHECK(gp_mask_set(&mask, (gp_secret) { secret, sizeof secret - 1 }));
    for (size_t i = 0; i < GP_COUNT(rows); i++) CHECK_IS(masked(&mask, rows[i][0]), rows[i][1]);
    CHECK(gp_mask_set(&mask, (gp_secret) { "p\xc3\xa4ssw\xc3\xb6rd", 10 }));
    CHECK_IS(masked(&mask, "no: p??ssw??rd, cMOkc3N3w7ZyZA=="), "no: (secret), (secret)");
    CHECK(gp_mask_set(&mask, (gp_secret) { "abc", 3 })); /* too short: what is said would be full of holes */
    CHECK_IS(masked(&mask, "abc a right password"), "abc a right password");
    gp_mask_end(&mask);
    CHECK_IS(masked(&mask, "abc"), "abc");
}

TEST(where_a_secret_cannot_be_hidden_nothing_is_shown)
{
    enum { TOO_LONG = 64 * 1024 + 1 };
    struct gp_mask mask = { 0 };
    char          *much = calloc(1, TOO_LONG);
    CHECK(much && !gp_mask_set(&mask, (gp_secret) { much, TOO_LONG }));
    CHECK_IS(masked(&mask, "anything"), "(secret)");
    CHECK_IS(masked(&mask, ""), "");
    free(much);
    gp_mask_end(&mask);
}
