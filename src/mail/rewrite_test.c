/* Addresses in the header that are put in place of others; and nothing else is touched. */
#include "check.h"
#include "mail/gathered.h"
#include "mail/parts.h"

/* Everything at old.example is at new.example. */
static bool to_new(const void *owner, gp_str address, struct gp_text *out)
{
    (void)owner;
    size_t at = gp_find(address, '@');
    if (!gp_is(gp_tail(address, at), "@old.example")) return false;
    gp_put(out, gp_head(address, at));
    gp_put_z(out, "@new.example");
    return true;
}

static const struct gp_rewriter renamed = { to_new, NULL };

static gp_str rewritten(gp_str header, struct gp_buffer *out)
{
    gp_buffer_free(out);
    CHECK(gp_rewrite_header(header, &renamed, out));
    return gp_buffer_all(out);
}

TEST(addresses_are_replaced_and_the_rest_stays)
{
    static const struct {
        const char *field, *becomes; /* NULL: it stays */
    } rows[] = {
        {"From: a@old.example",                                                                    "From: a@new.example"                        },
        { "from : <a@OLD.example>",                                                                "from : <a@new.example>"                     },
        { "To: \"a@old.example\" <a@old.example>,\r\n b@x.example (c@old.example), d@old.example",
         "To: \"a@old.example\" <a@new.example>,\r\n b@x.example (c@old.example), d@new.example"                                                },
        { "Cc: Team: a@old.example, b@old.example;",                                               "Cc: Team: a@new.example, b@new.example;"    },
        { "Sender: \"a b\"@old.example",                                                           "Sender: \"a b\"@new.example"                },
        { "Resent-To: a.b+c@old.example",                                                          "Resent-To: a.b+c@new.example"               },
        { "Reply-To: J\xc3\xbc <j\xc3\xbc@old.example>",                                           "Reply-To: J\xc3\xbc <j\xc3\xbc@new.example>"},
        { "From: a@old.example.org",                                                               NULL                                         },
        { "From: a@b@old.example",                                                                 NULL                                         },
        { "From: a @old.example",                                                                  NULL                                         },
        { "From: (a@old.example",                                                                  NULL                                         },
        { "From: \"a@old.example",                                                                 NULL                                         },
        { "From: @old.example",                                                                    NULL                                         },
        { "Subject: a@old.example",                                                                NULL                                         },
        { "no field a@old.example",                                                                NULL                                         },
    };
    struct gp_buffer out = { 0 };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char header[256], want[256];
        snprintf(header, sizeof header, "%s\r\nX: y\r\n\r\n", rows[i].field);
        snprintf(want, sizeof want, "%s\r\nX: y\r\n\r\n", rows[i].becomes ? rows[i].becomes : rows[i].field);
        CHECK_IS(rewritten(gp_from(header), &out), want);
    }
    gp_buffer_free(&out);
}

TEST(a_line_that_would_be_too_long_is_folded)
{
    static char      field[1200];
    struct gp_buffer out = { 0 };
    memset(field, 'x', sizeof field);
    memcpy(field, "To: ", 4);
    memcpy(field + 980, ",aaa@old.example\r\n", 19);
    gp_str text = rewritten((gp_str) { field, 998 }, &out);
    CHECK(text.len == 998); /* as long as before: it fits */
    memcpy(field + 960, ",yyyyyyyyyyyyyyyyyyyyyyaaaaaaaaaaaa@old.example,z\r\n", 52);
    text = rewritten((gp_str) { field, 1012 }, &out);
    CHECK(mentions(text, ",\r\n yyyyyyyyyyyyyyyyyyyyyyaaaaaaaaaaaa@new.example,z\r\n"));
    gp_buffer_free(&out);
}

static bool to_longer(const void *owner, gp_str address, struct gp_text *out)
{
    (void)owner;
    if (!gp_is(address, "a@old.example")) return false;
    gp_put_z(out, "a@a-much-longer-name.example");
    return true;
}

/* What follows the address may be what is too much: the line ends behind it then. */
TEST(what_follows_a_longer_address_is_folded_too)
{
    static const struct gp_rewriter longer = { to_longer, NULL };
    static char                     field[1000];
    struct gp_buffer                out  = { 0 };
    size_t                          most = 0, column = 0;
    memset(field, 'x', sizeof field);
    memcpy(field, "To: a@old.example,b", 19);
    memcpy(field + 990, "@y.test\r\n", 9);
    CHECK(gp_rewrite_header((gp_str) { field, 999 }, &longer, &out));
    gp_str text = gp_buffer_all(&out);
    for (size_t i = 0; i < text.len; i++) {
        column = text.ptr[i] == '\n' ? 0 : column + 1;
        if (column > most) most = column;
    }
    CHECK(most <= 999 && mentions(text, "To: a@a-much-longer-name.example\r\n ,bxxx")); /* with its CR */
    gp_buffer_free(&out);
}

static bool nothing(const void *owner, gp_str address, struct gp_text *out)
{
    (void)owner, (void)out;
    CHECK(address.len >= 3 && gp_find(address, '@') < address.len);
    return false;
}

/* Who replaces nothing changes nothing; and an address that was replaced is not found again. */
PROPERTY(headers_are_rewritten_once, bytes)
{
    static const struct gp_rewriter none = { nothing, NULL };
    struct gp_buffer                same = { 0 }, first = { 0 }, second = { 0 };
    if (bytes.len > GP_MAIL_HEADER_MOST / 2) return;
    CHECK(gp_rewrite_header(bytes, &none, &same));
    CHECK_SAME(gp_buffer_all(&same), bytes);
    CHECK(gp_rewrite_header(bytes, &renamed, &first));
    CHECK(gp_rewrite_header(gp_buffer_all(&first), &renamed, &second));
    CHECK_SAME(gp_buffer_all(&first), gp_buffer_all(&second));
    gp_buffer_free(&same);
    gp_buffer_free(&first);
    gp_buffer_free(&second);
}
