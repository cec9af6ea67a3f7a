/* The parts of lookup that need no server: breaker and line under a clock of their own, names in filters and DNs, lines of files,
 * queries, and what a service answers. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "lookup/json_text.h"
#include "lookup/parts.h"
#include "lookup/passwd_lines.h"
#include "lookup/sql.h"
#include "web/transfer.h"

/* ---- status of HTTP ---------------------------------------------------------------------------------------------------- */
TEST(which_status_may_be_the_fault_of_one_question)
{
    static const long questions[] = { 400, 403, 404, 405, 408, 413, 414, 422, 431, 451, 499 },
                      sources[]   = { 0, 100, 200, 204, 301, 302, 399, 401, 407, 429, 500, 502, 503, 504, 599 };
    for (size_t i = 0; i < GP_COUNT(questions); i++) CHECK(transfer_blames_question(questions[i]));
    for (size_t i = 0; i < GP_COUNT(sources); i++) CHECK(!transfer_blames_question(sources[i]));
}

/* ---- breaker -------------------------------------------------------------------------------------------------------------- */
static struct breaker new_breaker(void)
{
    return (struct breaker) { .failures_most = 3, .pause_least = 1000, .pause_most = 3000 };
}

TEST(a_breaker_opens_after_failures_in_a_row_only)
{
    struct breaker b = new_breaker();
    for (int i = 0; i < 10; i++) {
        CHECK(breaker_lets(&b, false, i) && breaker_result(&b, false, false, i) == BREAKER_SAME);
        CHECK(breaker_lets(&b, false, i) && breaker_result(&b, false, false, i) == BREAKER_SAME);
        CHECK(breaker_lets(&b, false, i) && breaker_result(&b, true, false, i) == BREAKER_SAME);
    }
    CHECK(breaker_result(&b, false, false, 10) == BREAKER_SAME);
    CHECK(breaker_result(&b, false, false, 10) == BREAKER_SAME);
    CHECK(breaker_result(&b, false, false, 10) == BREAKER_OPENED);
    CHECK(!breaker_lets(&b, true, 11));
}

static void open_it(struct breaker *b, gp_time now)
{
    for (unsigned i = 0; i < b->failures_most; i++) (void)breaker_result(b, false, false, now);
    CHECK(b->state == BREAKER_OPEN);
}

TEST(an_open_breaker_lets_one_probe_through_after_its_pause)
{
    struct breaker b = new_breaker();
    open_it(&b, 0);
    CHECK(!breaker_lets(&b, true, 999));
    CHECK(!breaker_lets(&b, false, 1000)); /* no worker is free: the probe would wait */
    CHECK(breaker_lets(&b, true, 1000) && b.state == BREAKER_PROBING);
    CHECK(!breaker_lets(&b, true, 1001) && !breaker_lets(&b, true, 100000));
    CHECK(breaker_result(&b, true, true, 1010) == BREAKER_MENDED);
    CHECK(breaker_lets(&b, false, 1011));
}

TEST(each_probe_that_fails_doubles_the_pause_up_to_the_most)
{
    struct breaker b   = new_breaker();
    gp_time        now = 0;
    open_it(&b, now);
    static const gp_time pauses[] = { 1000, 2000, 3000, 3000 };
    for (size_t i = 0; i < GP_COUNT(pauses); i++) {
        CHECK(!breaker_lets(&b, true, now + pauses[i] - 1));
        CHECK(breaker_lets(&b, true, now + pauses[i]));
        now += pauses[i];
        CHECK(breaker_result(&b, false, true, now) == BREAKER_SAME); /* said once */
    }
    CHECK(breaker_lets(&b, true, now + 3000) && breaker_result(&b, true, true, now + 3000) == BREAKER_MENDED);
    open_it(&b, now);
    CHECK(b.pause == 1000);
}

TEST(late_answers_from_before_close_it_and_late_failures_change_nothing)
{
    struct breaker b = new_breaker();
    open_it(&b, 0);
    CHECK(breaker_result(&b, false, false, 500) == BREAKER_SAME && b.until == 1000);
    CHECK(breaker_lets(&b, true, 1000) && breaker_result(&b, false, false, 1001) == BREAKER_SAME);
    CHECK(b.state == BREAKER_PROBING);
    CHECK(breaker_result(&b, true, false, 1002) == BREAKER_MENDED && b.state == BREAKER_CLOSED);
    CHECK(breaker_result(&b, false, true, 1003) == BREAKER_SAME &&
          b.state == BREAKER_CLOSED); /* one failure of three */
}

TEST(a_trip_opens_at_once)
{
    struct breaker b = new_breaker();
    CHECK(breaker_trip(&b, 5) == BREAKER_OPENED && b.until == 1005);
    CHECK(breaker_trip(&b, 6) == BREAKER_SAME && b.until == 1005);
    CHECK(breaker_lets(&b, true, 1005) && breaker_trip(&b, 1005) == BREAKER_SAME && b.state == BREAKER_PROBING);
}

/* ---- line ------------------------------------------------------------------------------------------------------------------ */
enum { WAITING = 64 };
static struct waiting  who[WAITING];
static struct waiting *waits(int i, const char *peer, gp_time deadline)
{
    who[i] = (struct waiting) { .deadline = deadline };
    line_key(gp_from(peer), who[i].key);
    return &who[i];
}

TEST(lanes_take_turns_and_keep_their_order)
{
    struct line *l = line_open(8);
    CHECK(l && !line_take(l) && line_deadline(l) == 0);
    for (int i = 0; i < 4; i++) CHECK(!line_add(l, waits(i, "192.0.2.1", 10 + i)));
    CHECK(!line_add(l, waits(4, "192.0.2.2", 20)) && !line_add(l, waits(5, "192.0.2.3", 21)));
    static const int order[] = { 0, 4, 5, 1, 2, 3 };
    for (size_t i = 0; i < GP_COUNT(order); i++) CHECK(line_take(l) == &who[order[i]]);
    CHECK(!line_take(l));
    line_close(l);
}

TEST(a_full_line_costs_the_longest_lane_its_youngest)
{
    struct line *l = line_open(4);
    CHECK(l);
    for (int i = 0; i < 4; i++) CHECK(!line_add(l, waits(i, "192.0.2.1", 10 + i)));
    CHECK(line_add(l, waits(4, "192.0.2.1", 14)) == &who[4]); /* its own lane is the longest: itself */
    CHECK(line_add(l, waits(5, "192.0.2.2", 15)) == &who[3]);
    CHECK(line_add(l, waits(6, "192.0.2.3", 16)) == &who[2]);
    CHECK(line_add(l, waits(7, "192.0.2.2", 17)) == &who[7]); /* two and two would be no fairer */
    CHECK(line_add(l, waits(8, "192.0.2.4", 18)) == &who[1]);
    CHECK(line_add(l, waits(9, "192.0.2.5", 19)) == &who[9]); /* one each: who came first stays */
    CHECK(line_take(l) == &who[0] && line_take(l) == &who[5] && line_take(l) == &who[6] && line_take(l) == &who[8]);
    CHECK(!line_take(l));
    line_close(l);
}

TEST(clients_of_one_network_share_a_lane)
{
    char one[LOOKUP_PEER], two[LOOKUP_PEER], other[LOOKUP_PEER], four[LOOKUP_PEER], long_one[LOOKUP_PEER];
    line_key(GP_LIT("2001:db8:1:2::1"), one);
    line_key(GP_LIT("2001:db8:1:2:ffff::9"), two);
    line_key(GP_LIT("2001:db8:1:3::1"), other);
    line_key(GP_LIT("192.0.2.1"), four);
    CHECK(strcmp(one, two) == 0 && strcmp(one, other) != 0);
    CHECK_IS(gp_from(four), "192.0.2.1");
    line_key(GP_LIT("an address that is far too long to be one, and so has to share a lane with others like it"),
             long_one);
    CHECK_IS(gp_from(long_one), "");
}

TEST(who_is_late_leaves_from_any_lane)
{
    struct line *l = line_open(8);
    CHECK(l);
    CHECK(!line_add(l, waits(0, "192.0.2.1", 10)) && !line_add(l, waits(1, "192.0.2.2", 11)) &&
          !line_add(l, waits(2, "192.0.2.1", 12)));
    CHECK(line_deadline(l) == 10 && !line_take_late(l, 9));
    CHECK(line_take_late(l, 11) == &who[0] && line_take_late(l, 11) == &who[1] && !line_take_late(l, 11));
    CHECK(line_deadline(l) == 12 && line_take(l) == &who[2] && line_deadline(l) == 0);
    line_close(l);
}

/* Each octet adds, takes or lets time pass; a plain list says what must be there. */
PROPERTY(nobody_in_line_is_lost_or_served_twice, bytes)
{
    static struct waiting all[256];
    static bool           in[256];
    struct line          *l     = line_open(16);
    size_t                count = 0;
    memset(in, 0, sizeof in);
    CHECK(l);
    for (size_t i = 0; i < bytes.len && i < GP_COUNT(all); i++) {
        unsigned char   octet = (unsigned char)bytes.ptr[i];
        struct waiting *w     = NULL;
        if (octet & 1) {
            all[i]        = (struct waiting) { .deadline = (gp_time)i + 20 };
            all[i].key[0] = (char)('a' + (octet >> 1) % 5);
            w             = line_add(l, &all[i]);
            in[i]         = true;
            count++;
        } else {
            w = octet & 2 ? line_take(l) : line_take_late(l, (gp_time)i);
            CHECK(w || !(octet & 2) || count == 0);
        }
        if (w) CHECK(in[w - all]);
        if (w) in[w - all] = false, count--;
        CHECK(count <= 16);
    }
    for (struct waiting *w = line_take(l); w; w = line_take(l)) {
        CHECK(in[w - all]);
        in[w - all] = false;
        count--;
    }
    CHECK(count == 0);
    line_close(l);
}

/* ---- names ------------------------------------------------------------------------------------------------------------------ */
static gp_str filled(const char *form, const char *user, template_escape *escape)
{
    static char    room[2048];
    struct gp_text text = GP_TEXT(room);
    CHECK(template_fill(&text, form, gp_from(user), escape));
    return gp_said(&text);
}

TEST(names_stay_names_in_filters)
{
    /* RFC 4515 4's examples of values, and what attackers write */
    static const struct {
        const char *user, *filter;
    } cases[] = {
        {"ada",                                             "(uid=ada)"                                                   },
        { "*",                                              "(uid=\\2a)"                                                  },
        { "Parens R Us (for all your parenthetical needs)",
         "(uid=Parens R Us \\28for all your parenthetical needs\\29)"                                                     },
        { "C:\\MyFile",                                     "(uid=C:\\5cMyFile)"                                          },
        { "Lu\xc4\x8di\xc4\x87",                            "(uid=Lu\\c4\\8di\\c4\\87)"                                   },
        { "ada)(|(uid=*",                                   "(uid=ada\\29\\28\\7c\\28uid\\3d\\2a)"                        },
        { "*)(uid=*))(|(uid=*",                             "(uid=\\2a\\29\\28uid\\3d\\2a\\29\\29\\28\\7c\\28uid\\3d\\2a)"},
        { "$user",                                          "(uid=$user)"                                                 }, /* filled once */
        { "a&b!c",                                          "(uid=a\\26b\\21c)"                                           },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++)
        CHECK_IS(filled("(uid=$user)", cases[i].user, escape_filter), cases[i].filter);
    CHECK_IS(filled("(&(uid=$local)(dc=$domain))", "a*@ex(am)ple.org", escape_filter),
             "(&(uid=a\\2a)(dc=ex\\28am\\29ple.org))");
    CHECK_IS(filled("(uid=$domain)", "ada", escape_filter), "(uid=)");
}

TEST(names_stay_names_in_distinguished_names)
{
    /* RFC 4514 2.4, 4 */
    static const struct {
        const char *user, *dn;
    } cases[] = {
        {"ada",                       "uid=ada,dc=x"                            },
        { "James \"Jim\" Smith, III", "uid=James \\22Jim\\22 Smith\\2c III,dc=x"},
        { "ada,ou=admins",            "uid=ada\\2cou\\3dadmins,dc=x"            },
        { "a+b<c>d;e\\f",             "uid=a\\2bb\\3cc\\3ed\\3be\\5cf,dc=x"     },
        { " ada ",                    "uid=\\20ada\\20,dc=x"                    },
        { "#ada#",                    "uid=\\23ada#,dc=x"                       },
        { "a  b",                     "uid=a  b,dc=x"                           },
        { "Lu\xc4\x8di\xc4\x87",      "uid=Lu\xc4\x8di\xc4\x87,dc=x"            },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++)
        CHECK_IS(filled("uid=$user,dc=x", cases[i].user, escape_dn), cases[i].dn);
}

/* Whatever the name: outside of it the filter is as it was, and inside of it nothing is a filter's own sign. */
PROPERTY(no_name_gets_out_of_its_filter, bytes)
{
    char           room[4096];
    struct gp_text text = GP_TEXT(room);
    gp_str         name = gp_head(bytes, 1000);
    if (!template_fill(&text, "(uid=$user)", name, escape_filter)) return;
    gp_str said = gp_said(&text), inside = gp_tail(gp_head(said, said.len - 1), 5);
    CHECK(gp_starts(said, "(uid=") && gp_ends(said, ")"));
    size_t octets = 0;
    for (size_t i = 0; i < inside.len; octets++) {
        CHECK(!memchr("()*", inside.ptr[i], 3) && inside.ptr[i] != '\0');
        i += inside.ptr[i] == '\\' ? 3 : 1;
    }
    CHECK(octets == name.len);
}

PROPERTY(no_name_gets_out_of_its_rdn, bytes)
{
    char           room[4096];
    struct gp_text text = GP_TEXT(room);
    gp_str         name = gp_head(bytes, 1000);
    if (!template_fill(&text, "uid=$user,dc=x", name, escape_dn)) return;
    gp_str said = gp_said(&text), inside = gp_tail(gp_head(said, said.len - 5), 4);
    size_t octets = 0;
    for (size_t i = 0; i < inside.len; octets++) {
        CHECK(!memchr("\"+,;<>=", inside.ptr[i], 7) && inside.ptr[i] != '\0');
        i += inside.ptr[i] == '\\' ? 3 : 1;
    }
    CHECK(octets == name.len);
}

/* ---- lines of a password file ------------------------------------------------------------------------------------------------ */
static const char passwd[] =
    "# people\nada:$6$salt$digest:1000:1000::/home/ada::\r\nbob:{PLAIN}x\nbob:second\nempty:\n:nobody\ncarol@example.org:$2y$10$x\r\n"
    "adam:other\nbroken line\nlast:hash";

TEST(lines_of_a_password_file)
{
    static const struct {
        const char *name, *hash;
    } cases[] = {
        {"ada",                "$6$salt$digest"},
        { "bob",               "{PLAIN}x"      },
        { "empty",             ""              },
        { "carol@example.org", "$2y$10$x"      },
        { "adam",              "other"         },
        { "last",              "hash"          },
        { "ad",                NULL            },
        { "ADA",               NULL            },
        { "",                  NULL            },
        { "# people",          NULL            },
        { "bob:{PLAIN}x",      NULL            },
        { "broken line",       NULL            },
        { "b\nbob",            NULL            },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        gp_str hash;
        bool   found = passwd_find(gp_from(passwd), gp_from(cases[i].name), &hash);
        CHECK(found == (cases[i].hash != NULL));
        if (found) CHECK_IS(hash, cases[i].hash);
    }
}

PROPERTY(a_password_file_may_be_anything, bytes)
{
    gp_str rest = bytes, name = gp_cut(&rest, '\n'), hash;
    if (!passwd_find(rest, name, &hash)) return;
    CHECK(name.len && gp_find(name, ':') == name.len);
    CHECK(hash.ptr >= rest.ptr && hash.ptr + hash.len <= rest.ptr + rest.len);
    CHECK(gp_find(hash, ':') == hash.len && gp_find(hash, '\n') == hash.len);
}

/* ---- questions --------------------------------------------------------------------------------------------------------------- */
TEST(what_never_reaches_a_source)
{
    static char long_text[2000];
    memset(long_text, 'x', sizeof long_text);
    const struct {
        gp_str      user, secret;
        const char *why;
    } cases[] = {
        {GP_LIT("ada"),               GP_LIT(""),                          "an empty password"              },
        { GP_LIT("ada"),              GP_NONE,                             "an empty password"              },
        { GP_LIT("ada"),              GP_LIT("a\0b"),                      "a NUL in the password"          },
        { GP_LIT("ada"),              { long_text, GP_PASSWORD_MOST + 1 }, "a password that is too long"    },
        { GP_LIT(""),                 GP_LIT("x"),                         "an empty name"                  },
        { GP_LIT("a\0b"),             GP_LIT("x"),                         "a control character in the name"},
        { GP_LIT("a\nb"),             GP_LIT("x"),                         "a control character in the name"},
        { GP_LIT("a\x7f"),            GP_LIT("x"),                         "a control character in the name"},
        { GP_LIT("a\xff"),            GP_LIT("x"),                         "a name that is not UTF-8"       },
        { { long_text, LOOKUP_NAME }, GP_LIT("x"),                         "a name that is too long"        },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct question   q;
        struct msg_lookup m = { .kind = LOOKUP_PASSWORD, .user = cases[i].user, .secret = cases[i].secret };
        CHECK(!question_read(&q, &m, false) && q.status == GP_PERMFAIL && !q.known);
        CHECK_IS(gp_from(q.why), cases[i].why);
    }
    struct question   q;
    struct msg_lookup fine = {
        .kind = LOOKUP_PASSWORD, .user = {long_text,  LOOKUP_NAME - 1 },
             .secret = { long_text, GP_PASSWORD_MOST}
    };
    CHECK(question_read(&q, &fine, false) && q.status == GP_TEMPFAIL);
    struct msg_lookup hash = { .kind = LOOKUP_HASH, .user = GP_LIT("ada") };
    CHECK(question_read(&q, &hash, false));
    hash.kind = LOOKUP_KINDS;
    CHECK(!question_read(&q, &hash, false) && q.status == GP_PERMFAIL);
}

/* ---- queries ------------------------------------------------------------------------------------------------------------------- */
TEST(names_never_become_text_of_a_query)
{
    char text[SQL_ROOM];
    CHECK(sql_text("SELECT hash FROM t WHERE u = $user OR m = $user", "$1", text));
    CHECK_IS(gp_from(text), "SELECT hash FROM t WHERE u = $1 OR m = $1");
    CHECK(sql_text("SELECT '$user'", "?1", text));
    CHECK_IS(gp_from(text), "SELECT '?1'");
}

TEST(what_a_row_means)
{
    static const struct {
        struct sql_row row;
        gp_status      status;
        bool           known, failed;
    } cases[] = {
        {{ .count = 0 },                                                                GP_PERMFAIL, false, false},
        { { .count = 2, .has_hash = true, .hash = { "h", 1 } },                         GP_TEMPFAIL, false, false},
        { { .count = 1 },                                                               GP_TEMPFAIL, false, true },
        { { .count = 1, .has_hash = true, .hash = { "h", 1 } },                         GP_WAIT,     true,  false},
        { { .count = 1, .has_hash = true },                                             GP_PERMFAIL, true,  false}, /* NULL */
        { { .count = 1, .has_hash = true, .hash = { "h", 1 }, .disabled = { "t", 1 } }, GP_PERMFAIL, true,  false},
        { { .count = 1, .has_hash = true, .hash = { "h", 1 }, .disabled = { "1", 1 } }, GP_PERMFAIL, true,  false},
        { { .count = 1, .has_hash = true, .hash = { "h", 1 }, .disabled = { "f", 1 } }, GP_WAIT,     true,  false},
        { { .count = 1, .has_hash = true, .hash = { "h", 1 }, .disabled = { "0", 1 } }, GP_WAIT,     true,  false},
        { { .count = 1, .has_hash = true, .hash = { "h", 1 }, .name = { "a\nb", 3 } },  GP_TEMPFAIL, true,  false},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct question q = { .status = GP_TEMPFAIL };
        sql_judge(&q, &cases[i].row);
        CHECK(q.status == cases[i].status && q.known == cases[i].known && q.failed == cases[i].failed);
    }
}

/* ---- call-outs ------------------------------------------------------------------------------------------------------------------- */
TEST(what_a_service_answers)
{
    static const struct {
        const char *body;
        gp_status   status;
        bool        known, failed;
        const char *name;
    } cases[] = {
        {"{\"ok\": true}",                                          GP_OK,       true,  false, ""               },
        { "{\"ok\": true, \"user\": \"ada@example.org\"}",          GP_OK,       true,  false, "ada@example.org"},
        { "{\"ok\": true, \"user\": \"a\\nb\"}",                    GP_TEMPFAIL, true,  false, ""               },
        { "{\"ok\": false}",                                        GP_PERMFAIL, false, false, ""               },
        { "{\"ok\": false, \"known\": true, \"why\": \"expired\"}", GP_PERMFAIL, true,  false, ""               },
        { "{\"hash\": \"$6$x\", \"user\": \"ada\"}",                GP_WAIT,     true,  false, "ada"            },
        { "{\"ok\": true, \"ok\": false}",                          GP_TEMPFAIL, false, true,  ""               },
        { "{\"ok\": 1}",                                            GP_TEMPFAIL, false, true,  ""               },
        { "{\"ok\": \"true\"}",                                     GP_TEMPFAIL, false, true,  ""               },
        { "[true]",                                                 GP_TEMPFAIL, false, true,  ""               },
        { "true",                                                   GP_TEMPFAIL, false, true,  ""               },
        { "",                                                       GP_TEMPFAIL, false, true,  ""               },
        { "{\"ok\": true} {\"ok\": true}",                          GP_TEMPFAIL, false, true,  ""               },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct question q = { .kind = LOOKUP_PASSWORD, .status = GP_TEMPFAIL };
        http_judge(&q, gp_from(cases[i].body));
        CHECK(q.status == cases[i].status && q.known == cases[i].known && q.failed == cases[i].failed);
        CHECK_IS(gp_from(q.name), cases[i].name);
    }
    struct question hash = { .kind = LOOKUP_HASH, .status = GP_TEMPFAIL };
    http_judge(&hash, GP_LIT("{\"ok\": true}")); /* nobody asked whether a password is right */
    CHECK(hash.status == GP_TEMPFAIL);
}

PROPERTY(only_a_plain_true_is_a_yes, bytes)
{
    struct question q = { .kind = LOOKUP_PASSWORD, .status = GP_TEMPFAIL };
    http_judge(&q, bytes);
    if (q.status == GP_OK) CHECK(memmem(bytes.ptr, bytes.len, "true", 4));
    if (q.status == GP_WAIT) CHECK(q.hash[0]);
}

TEST(passwords_are_strings_in_json)
{
    char                   room[256];
    struct gp_text         text    = GP_TEXT(room);
    const struct json_pair pairs[] = {
        {"user",    GP_LIT("ad\"a")                         },
        { "secret", GP_LIT("\\\",\"ok\":true\n\x01\xc3\xa9")}
    };
    CHECK(json_put_object(&text, pairs, GP_COUNT(pairs)));
    CHECK_IS(gp_said(&text), "{\"user\":\"ad\\\"a\",\"secret\":\"\\\\\\\",\\\"ok\\\":true\\u000a\\u0001\xc3\xa9\"}");
    text.len                      = 0;
    const struct json_pair bad[1] = {
        {"secret", GP_LIT("\xff")}
    };
    CHECK(!json_put_object(&text, bad, 1));
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------------- */

/* ---- what a directory says of a no ------------------------------------------------------------------------------------------ */
TEST(active_directory_tells_the_cause_of_a_no)
{
    static const struct {
        const char *text, *cause;
        bool        known;
    } cases[] = {
  /* clang-format off */
        { "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v2580", "wrong password", true },
        { "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 525, v2580", "no such entry", false },
        { "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 775, v4563", "the account is locked in the directory", true },
        { "data 533,", "the account is disabled in the directory", true },
        { "data 532", "the password has expired", true },
        { "data 52ex, v2580", NULL, true },
        { "data ", NULL, true },
        { "data", NULL, true },
        { "", NULL, true },
        { "invalid credentials", NULL, true },
  /* clang-format on */
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        bool        known = true;
        const char *cause = ldap_cause(gp_from(cases[i].text), &known);
        print_message("%s\n", cases[i].text);
        CHECK(known == cases[i].known && !cause == !cases[i].cause);
        if (cause) CHECK_IS(gp_from(cause), cases[i].cause);
    }
}
