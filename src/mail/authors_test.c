/* Whose a message is: what the host is told of it, what it has replaced, and what readers see of an author. */
#include "check.h"
#include "mail/fixup.h"
#include "mail/gathered.h"
#include "mail/parts.h"

enum { ALL = (1U << GP_MAIL_AUTHOR_FIELDS) - 1, PIECE_SMALL = 3 };

static const struct gp_trace trace = { .hostname = "mx.example.com",
                                       .queue_id = GP_LIT("abc"),
                                       .protocol = "ESMTPSA",
                                       .unique   = GP_LIT("u"),
                                       .sender   = GP_LIT("alice@example.com") };

struct held {
    struct gathered out;
    char            fields[4096], from[512];
    gp_status       status;
};

/* Feeds the whole, goes on where it is asked to, and feeds what was left of that piece. */
static struct held *hold(gp_str message, const struct gp_rewrites *rewrites, unsigned watched, size_t piece)
{
    static struct held h;
    struct gp_fixup    f;
    unsigned           waits = 0;
    h.out.len                = 0;
    gp_fixup_init(&f, &trace, (struct gp_sink) { gather, &h.out });
    gp_fixup_watch(&f, watched, true);
    h.status = GP_OK;
    for (gp_str rest = message; rest.len && h.status == GP_OK; rest = gp_tail(rest, piece)) {
        h.status = gp_fixup_body(&f, gp_head(rest, piece));
        if (h.status != GP_WAIT) continue;
        gp_str behind = gp_fixup_rest(&f);
        waits++;
        h.status = gp_fixup_go_on(&f, rewrites);
        if (h.status == GP_OK) h.status = gp_fixup_body(&f, behind);
    }
    if (h.status == GP_OK) h.status = gp_fixup_end(&f);
    if (h.status == GP_WAIT) {
        waits++;
        h.status = gp_fixup_go_on(&f, rewrites);
        if (h.status == GP_OK) h.status = gp_fixup_end(&f);
    }
    CHECK(waits == (watched && h.status == GP_OK ? 1U : waits));
    gp_str fields = gp_fixup_fields(&f), from = gp_fixup_from(&f);
    CHECK(gp_copy_z(gp_head(fields, sizeof h.fields - 1), h.fields, sizeof h.fields));
    h.from[0] = '\0';
    if (from.len) CHECK(gp_copy_z(from, h.from, sizeof h.from));
    gp_fixup_close(&f);
    return &h;
}

TEST(the_host_is_told_of_all_who_are_named)
{
    static const char message[] =
        "From: \"Chief\" =?utf-8?Q?Ex=65cutive?= <a@example.com>, b@example.com\r\nSender: c@example.com\r\n"
        "Reply-To: d@example.com, group: e@example.com;\r\nResent-From: f@example.com\r\nresent-sender: no one\r\n"
        "Resent-From: g@example.com\r\nTo: x@example.com\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\n\r\nbody\r\n";
    struct held *h = hold(GP_LIT(message), NULL, ALL, SIZE_MAX);
    CHECK(h->status == GP_OK && mentions(gathered(&h->out), "\r\nbody\r\n"));
    CHECK_IS(gp_from(h->fields),
             "shown\t\t Chief Executive  , b@example.com\nfrom\ta@example.com\t\nfrom\tb@example.com\t\n"
             "sender\tc@example.com\t\nreply-to\td@example.com\t\nreply-to\te@example.com\t\n"
             "resent-from\tf@example.com\t\nresent-sender\t\t\nresent-from\tg@example.com\t\n");
    h = hold(GP_LIT(message), NULL, 1U << GP_MAIL_SENDER, SIZE_MAX);
    CHECK_IS(gp_from(h->fields), "sender\tc@example.com\t\n");
}

TEST(authors_of_whom_nobody_can_be_read_are_told_as_nobody)
{
    static const struct {
        const char *field, *told;
    } rows[] = {
        {"From: \"Big Boss <ceo@example.org>\":;\r\n",          "shown\t\t Big Boss <ceo@example.org>:;\nfrom\t\t\n"},
        { "From: x@example.org\r\nResent-From: Big Boss:;\r\n",
         "shown\t\t x@example.org\nfrom\tx@example.org\t\nresent-from\t\t\n"                                        },
        { "From: x@example.org\r\nReply-To: undisclosed:;\r\n", "shown\t\t x@example.org\nfrom\tx@example.org\t\n"  },
        { "From: x@example.org\r\nSender: nobody:;\r\n",
         "shown\t\t x@example.org\nfrom\tx@example.org\t\nsender\t\t\n"                                             },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char message[256];
        (void)snprintf(message, sizeof message, "%sSubject: x\r\n\r\nbody\r\n", rows[i].field);
        struct held *h = hold(gp_from(message), NULL, ALL, SIZE_MAX);
        CHECK(h->status == GP_OK);
        CHECK_IS(gp_from(h->fields), rows[i].told);
    }
}

TEST(who_says_nothing_is_not_waited_for)
{
    struct held *h = hold(GP_LIT("From: a@example.com\r\n\r\nx\r\n"), NULL, 0, SIZE_MAX);
    CHECK(h->status == GP_OK && h->fields[0] == '\0');
    CHECK(hold(GP_LIT("From: a@example.com\r\n"), NULL, ALL, SIZE_MAX)->status == GP_OK); /* all header */
    CHECK(hold(GP_LIT("From: nobody\r\n\r\nx\r\n"), NULL, ALL, SIZE_MAX)->status == GP_PERMFAIL);
    CHECK(hold(GP_LIT("From: a@example.com\r\nFrom: b@example.com\r\n\r\nx\r\n"), NULL, ALL, SIZE_MAX)->status ==
          GP_PERMFAIL);
}

TEST(what_is_rewritten_keeps_its_name_and_its_original)
{
    static const struct {
        const char *from, *becomes;
    } rows[] = {
        {"From: Boss <boss@example.net>\r\n",
         "From: Boss <anna@example.com>\r\nX-Original-From: Boss <boss@example.net>\r\n"                                              },
        { "FROM:boss@example.net\r\n",                         "FROM: anna@example.com\r\nX-Original-FROM:boss@example.net\r\n"       },
        { "From: \"B, oss\"\r\n <boss@example.net>\r\n",
         "From: \"B, oss\" <anna@example.com>\r\nX-Original-From: \"B, oss\"\r\n <boss@example.net>\r\n"                              },
        { "From: A <boss@example.net>, B <b@example.net>\r\n",
         "From: A <anna@example.com>\r\nX-Original-From: A <boss@example.net>, B <b@example.net>\r\n"                                 },
        { "From: (c) boss@example.net (Boss)\r\n",
         "From: anna@example.com\r\nX-Original-From: (c) boss@example.net (Boss)\r\n"                                                 },
        { "From: One: boss@example.net;\r\n",                  "From: anna@example.com\r\nX-Original-From: One: boss@example.net;\r\n"},
    };
    struct gp_rewrites rewrites = { .instead  = { [GP_MAIL_FROM] = GP_LIT("anna@example.com") },
                                    .reply_to = GP_LIT("boss@example.net") };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char message[512];
        (void)snprintf(message, sizeof message, "%sSubject: x\r\n\r\nbody\r\n", rows[i].from);
        struct held *h = hold(gp_from(message), &rewrites, ALL, SIZE_MAX);
        CHECK(h->status == GP_OK && mentions(gathered(&h->out), rows[i].becomes));
        CHECK(mentions(gathered(&h->out), "\r\nReply-To: boss@example.net\r\n"));
        CHECK_IS(gp_from(h->from), "anna@example.com");
        CHECK(!mentions(gathered(&h->out), "\r\nSender:")); /* one author, whoever there were */
    }
    struct held *h =
        hold(GP_LIT("From: boss@example.net\r\nReply-To: r@example.net\r\n\r\nbody\r\n"), &rewrites, ALL, SIZE_MAX);
    CHECK(h->status == GP_OK && !mentions(gathered(&h->out), "Reply-To: boss"));
}

TEST(other_fields_are_rewritten_too)
{
    static const char message[] =
        "From: a@example.com\r\nSender: S <boss@example.net>\r\nResent-From: x@example.net\r\n"
        "Resent-From: y@example.net\r\n\r\nbody\r\n";
    struct gp_rewrites rewrites = {
        .instead = {[GP_MAIL_SENDER] = GP_LIT("anna@example.com"), [GP_MAIL_RESENT_FROM] = GP_LIT("anna@example.com")}
    };
    struct held *h = hold(GP_LIT(message), &rewrites, ALL, SIZE_MAX);
    CHECK(h->status == GP_OK &&
          mentions(gathered(&h->out), "Sender: S <anna@example.com>\r\nX-Original-Sender: S <boss@example.net>\r\n"));
    CHECK(mentions(gathered(&h->out), "Resent-From: anna@example.com\r\nX-Original-Resent-From: x@example.net\r\n"
                                      "Resent-From: anna@example.com\r\nX-Original-Resent-From: y@example.net\r\n"));
    CHECK_IS(gp_from(h->from), "a@example.com");
}

TEST(readers_see_words_and_comments)
{
    static const struct {
        const char *value, *shown;
    } rows[] = {
        {" Chief Executive <a@b>",                             " Chief Executive  "   },
        { "\"Chief\\ \\\"Executive\" <a@b>",                   "Chief \"Executive  "  },
        { "a@b (Chief Executive)",                             "a@b  Chief Executive "},
        { "(<) \"Chief Executive\" <a@b>",                     " <  Chief Executive  "},
        { "=?utf-8?B?Q2hpZWY=?= =?UTF-8?q?_Executive?= <a@b>", "Chief Executive  "    },
        { "\"=?utf-8?Q?Chief?=\" <a@b>",                       "Chief  "              },
        { "=?iso-8859-1*fr?Q?Ren=e9?= <a@b>",                  "Ren\xc3\xa9  "        },
        { "=?iso-2022-jp?Q?Chief?= <a@b>",                     "Chief  "              },
        { "=?utf-7?Q?Chief?= <a@b>",                           "\xff  "               },
        { "=?utf-8?B?Q2h$?= <a@b>",                            "\xff  "               },
        { "=?utf-8?X?Chief?= <a@b>",                           "  "                   },
        { "=?utf-8?Q?a",                                       "=?utf-8?Q?a"          },
        { "Ren\xe9 <a@b>",                                     "Ren?  "               },
        { "Ren\xc3\xa9\r\n <a@b>",                             "Ren\xc3\xa9    "      },
        { "Chief Executive <a@b",                              "Chief Executive  "    },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[128];
        struct gp_text text = GP_TEXT(room);
        gp_put_shown(&text, gp_from(rows[i].value));
        CHECK_IS(gp_said(&text), rows[i].shown);
    }
}

/* Whatever comes: one wait at most, cuts make no difference, and lines stay lines. */
PROPERTY(authors_of_anything, bytes)
{
    static char        whole[sizeof(struct held)];
    struct gp_rewrites rewrites = { .instead  = { [GP_MAIL_FROM] = GP_LIT("anna@example.com") },
                                    .reply_to = GP_LIT("b@example.net") };
    struct held       *h        = hold(bytes, &rewrites, ALL, SIZE_MAX);
    gp_status          status   = h->status;
    size_t             len      = h->out.len;
    CHECK(status == GP_OK || status == GP_PERMFAIL);
    if (status != GP_OK) return;
    CHECK(mentions(gathered(&h->out), ": anna@example.com\r\n") ||
          mentions(gathered(&h->out), "<anna@example.com>\r\n"));
    for (gp_str rest = gp_from(h->fields), line = gp_cut(&rest, '\n'); rest.ptr; line = gp_cut(&rest, '\n')) {
        (void)gp_cut(&line, '\t');
        (void)gp_cut(&line, '\t');
        CHECK(line.ptr && gp_find(line, '\t') == line.len);
    }
    memcpy(whole, h->out.text, len < sizeof whole ? len : sizeof whole);
    h = hold(bytes, &rewrites, ALL, PIECE_SMALL);
    CHECK(h->status == status && h->out.len == len &&
          memcmp(whole, h->out.text, len < sizeof whole ? len : sizeof whole) == 0);
}
