/* SPF against a zone in an array: the RFC's own examples (RFC 7208 A, 7.4), each rule of section 4 and 5, and its bounds. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "mail/spf_parts.h"

/* ---- a zone ----------------------------------------------------------------------------------------------------------- */
struct record {
    const char      *name;
    enum gp_spf_type type;
    const char      *data; /* "!": DNS does not answer */
};

static const struct record zone[] = {
  /* RFC 7208 A */
    {"example.com",                                                               GP_SPF_MX,   "mail-a.example.com"             },
    { "example.com",                                                              GP_SPF_MX,   "mail-b.example.com"             },
    { "example.com",                                                              GP_SPF_A,    "192.0.2.10"                     },
    { "example.com",                                                              GP_SPF_A,    "192.0.2.11"                     },
    { "amy.example.com",                                                          GP_SPF_A,    "192.0.2.65"                     },
    { "bob.example.com",                                                          GP_SPF_A,    "192.0.2.66"                     },
    { "mail-a.example.com",                                                       GP_SPF_A,    "192.0.2.129"                    },
    { "mail-b.example.com",                                                       GP_SPF_A,    "192.0.2.130"                    },
    { "www.example.com",                                                          GP_SPF_A,    "192.0.2.10"                     },
    { "example.org",                                                              GP_SPF_MX,   "mail-c.example.org"             },
    { "mail-c.example.org",                                                       GP_SPF_A,    "192.0.2.140"                    },
    { "10.2.0.192.in-addr.arpa",                                                  GP_SPF_PTR,  "example.com"                    },
    { "65.2.0.192.in-addr.arpa",                                                  GP_SPF_PTR,  "amy.example.com"                },
    { "140.2.0.192.in-addr.arpa",                                                 GP_SPF_PTR,  "mail-c.example.org"             },
    { "66.2.0.192.in-addr.arpa",                                                  GP_SPF_PTR,  "amy.example.com"                },
 /* names that records in the tests lead to */
    { "yes.test",                                                                 GP_SPF_TXT,  "v=spf1 ip4:192.0.2.0/24 -all"   },
    { "no.test",                                                                  GP_SPF_TXT,  "v=spf1 -all"                    },
    { "text.test",                                                                GP_SPF_TXT,  "something else"                 },
    { "two.test",                                                                 GP_SPF_TXT,  "v=spf1 -all"                    },
    { "two.test",                                                                 GP_SPF_TXT,  "v=spf1 +all"                    },
    { "beside.test",                                                              GP_SPF_TXT,  "v=spf10 -all"                   },
    { "beside.test",                                                              GP_SPF_TXT,  "v=spf1"                         },
    { "broken.test",                                                              GP_SPF_TXT,  "v=spf1 ip4:300.1.1.1"           },
    { "loop.test",                                                                GP_SPF_TXT,  "v=spf1 include:loop.test -all"  },
    { "round.test",                                                               GP_SPF_TXT,  "v=spf1 redirect=round.test"     },
    { "silent.test",                                                              GP_SPF_TXT,  "!"                              },
    { "silent.test",                                                              GP_SPF_A,    "!"                              },
    { "deep.test",                                                                GP_SPF_TXT,  "v=spf1 include:deeper.test ?all"},
    { "deeper.test",                                                              GP_SPF_TXT,  "v=spf1 ~include:yes.test -all"  },
    { "own.test",                                                                 GP_SPF_TXT,  "v=spf1 a:%{d} -all"             },
    { "own.test",                                                                 GP_SPF_A,    "192.0.2.77"                     },
    { "six.test",                                                                 GP_SPF_AAAA, "2001:db8::77"                   },
    { "six.test",                                                                 GP_SPF_TXT,  "v=spf1 a//64 -all"              },
    { "10.2.0.192.list.test",                                                     GP_SPF_A,    "127.0.0.2"                      },
    { "joe.list.test",                                                            GP_SPF_A,    "127.0.0.2"                      },
    { "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", GP_SPF_PTR,  "six.example.com"                },
    { "six.example.com",                                                          GP_SPF_AAAA, "2001:db8::1"                    },
    { "example.com.pointed.test",                                                 GP_SPF_A,    "127.0.0.2"                      },
    { "mx11.test",                                                                GP_SPF_MX,
     "m1.test m2.test m3.test m4.test m5.test m6.test m7.test m8.test m9.test m10.test m11.test"                                },
};

static size_t answers(const struct gp_spf *s, gp_str *out, char rooms[static 16][16], gp_status *status)
{
    size_t count = 0;
    *status      = GP_PERMFAIL;
    for (size_t i = 0; i < GP_COUNT(zone); i++) {
        if (!gp_is(s->name, zone[i].name) || s->type != zone[i].type) continue;
        gp_str data = gp_from(zone[i].data);
        if (gp_is(data, "!")) *status = GP_TEMPFAIL;
        if (gp_is(data, "!")) return 0;
        *status = GP_OK;
        if (s->type == GP_SPF_TXT || s->type == GP_SPF_PTR) out[count++] = data;
        while (s->type == GP_SPF_MX && data.len) out[count++] = gp_cut(&data, ' ');
        if (s->type != GP_SPF_A && s->type != GP_SPF_AAAA) continue;
        CHECK(inet_pton(s->type == GP_SPF_A ? AF_INET : AF_INET6, zone[i].data, rooms[count]) == 1);
        out[count] = (gp_str) { rooms[count], s->type == GP_SPF_A ? 4 : 16 };
        count++;
    }
    return count;
}

static struct gp_spf spf;

static void answer(gp_str record)
{
    char      rooms[16][16];
    gp_str    found[16] = { record };
    gp_status status    = GP_OK;
    bool      ours      = gp_is(spf.name, "asked.example.com") && spf.type == GP_SPF_TXT;
    size_t    count     = ours ? 1 : answers(&spf, found, rooms, &status);
    gp_spf_answer(&spf, status, found, count);
}

static void run(const char *address, const char *record, const char *domain)
{
    char   octets[16];
    gp_str ip = { octets, strchr(address, ':') ? 16 : 4 };
    CHECK(inet_pton(ip.len == 4 ? AF_INET : AF_INET6, address, octets) == 1);
    struct gp_spf_mail mail = { ip, GP_LIT("joe@example.com"), GP_LIT("mail.example.com") };
    gp_spf_start(&spf, &mail, gp_from(domain));
    while (gp_spf_next(&spf)) answer(gp_from(record));
}

/* ---- results ---------------------------------------------------------------------------------------------------------- */
static const struct {
    const char *address, *record, *result, *term;
} judged[] = {
  /* RFC 7208 A.1, with example.com's names asked for by name */
    {"192.0.2.1",        "v=spf1 +all",                                     "pass",      "+all"                    },
    { "192.0.2.10",      "v=spf1 a:example.com -all",                       "pass",      "a:example.com"           },
    { "192.0.2.12",      "v=spf1 a:example.com -all",                       "fail",      "-all"                    },
    { "192.0.2.10",      "v=spf1 a:example.org -all",                       "fail",      "-all"                    },
    { "192.0.2.129",     "v=spf1 mx:example.com -all",                      "pass",      "mx:example.com"          },
    { "192.0.2.130",     "v=spf1 mx:example.com -all",                      "pass",      "mx:example.com"          },
    { "192.0.2.140",     "v=spf1 mx:example.com mx:example.org -all",       "pass",      "mx:example.org"          },
    { "192.0.2.131",     "v=spf1 mx:example.com/30 mx:example.org/30 -all", "pass",      "mx:example.com/30"       },
    { "192.0.2.143",     "v=spf1 mx:example.com/30 mx:example.org/30 -all", "pass",      "mx:example.org/30"       },
    { "192.0.2.65",      "v=spf1 ptr:example.com -all",                     "pass",      "ptr:example.com"         },
    { "192.0.2.140",     "v=spf1 ptr:example.com -all",                     "fail",      "-all"                    },
    { "192.0.2.66",      "v=spf1 ptr:example.com -all",                     "fail",      "-all"                    }, /* a lie */
    { "192.0.2.129",     "v=spf1 ip4:192.0.2.128/28 -all",                  "pass",      "ip4:192.0.2.128/28"      },
    { "192.0.2.65",      "v=spf1 ip4:192.0.2.128/28 -all",                  "fail",      "-all"                    },
 /* qualifiers, and nothing at all (4.7) */
    { "192.0.2.1",       "v=spf1 ~all",                                     "softfail",  "~all"                    },
    { "192.0.2.1",       "v=spf1 ?all",                                     "neutral",   "?all"                    },
    { "192.0.2.1",       "v=spf1",                                          "neutral",   ""                        },
    { "192.0.2.1",       "V=SPF1  A:example.org  -ALL ",                    "fail",      "-ALL"                    },
 /* include (5.2): only a pass matches */
    { "192.0.2.1",       "v=spf1 include:yes.test -all",                    "pass",      "include:yes.test"        },
    { "192.0.2.1",       "v=spf1 -include:yes.test +all",                   "fail",      "-include:yes.test"       },
    { "192.0.2.1",       "v=spf1 include:no.test ?all",                     "neutral",   "?all"                    },
    { "192.0.2.1",       "v=spf1 include:text.test -all",                   "permerror", "include:text.test"       },
    { "192.0.2.1",       "v=spf1 include:broken.test -all",                 "permerror", "include:broken.test"     },
    { "192.0.2.1",       "v=spf1 include:silent.test -all",                 "temperror", "include:silent.test"     },
    { "192.0.2.1",       "v=spf1 include:deep.test ~all",                   "softfail",  "~all"                    },
    { "192.0.2.77",      "v=spf1 include:own.test -all",                    "pass",      "include:own.test"        },
    { "192.0.2.77",      "v=spf1 include:%{d} -all",                        "permerror", "include:%{d}"            },
 /* redirect (6.1) */
    { "192.0.2.1",       "v=spf1 redirect=yes.test",                        "pass",      "ip4:192.0.2.0/24"        },
    { "192.0.2.77",      "v=spf1 redirect=own.test",                        "pass",      "a:%{d}"                  },
    { "192.0.2.1",       "v=spf1 redirect=no.test ?all",                    "neutral",   "?all"                    },
    { "192.0.2.1",       "v=spf1 redirect=text.test",                       "permerror", "redirect=text.test"      },
 /* IPv6 */
    { "2001:db8::1",     "v=spf1 ip6:2001:db8::/32 -all",                   "pass",      "ip6:2001:db8::/32"       },
    { "2001:db9::1",     "v=spf1 ip6:2001:db8::/32 ip4:0.0.0.0/0 ~all",     "softfail",  "~all"                    },
    { "192.0.2.1",       "v=spf1 ip6:::/0 -all",                            "fail",      "-all"                    },
    { "2001:db8::8",     "v=spf1 redirect=six.test",                        "pass",      "a//64"                   },
    { "2001:db8:0:1::1", "v=spf1 redirect=six.test",                        "fail",      "-all"                    },
    { "2001:db8::1",     "v=spf1 ptr:example.com -all",                     "pass",      "ptr:example.com"         },
    { "192.0.2.10",      "v=spf1 a:six.test/0 -all",                        "fail",      "-all"                    },
 /* exists and macros (5.7, 7) */
    { "192.0.2.10",      "v=spf1 exists:%{ir}.list.test -all",              "pass",      "exists:%{ir}.list.test"  },
    { "192.0.2.11",      "v=spf1 exists:%{ir}.list.test -all",              "fail",      "-all"                    },
    { "2001:db8::1",     "v=spf1 exists:%{l}.list.test -all",               "pass",      "exists:%{l}.list.test"   },
    { "192.0.2.10",      "v=spf1 exists:%{p}.pointed.test -all",            "pass",      "exists:%{p}.pointed.test"},
    { "192.0.2.66",      "v=spf1 exists:%{p}.pointed.test -all",            "fail",      "-all"                    },
 /* what DNS does not tell, and names that are none */
    { "192.0.2.1",       "v=spf1 a:silent.test -all",                       "temperror", "a:silent.test"           },
    { "192.0.2.1",       "v=spf1 a:%{s} -all",                              "fail",      "-all"                    }, /* no such name */
    { "192.0.2.1",       "v=spf1 a:a..example.com -all",                    "fail",      "-all"                    },
 /* bounds (4.6.4) */
    { "192.0.2.1",       "v=spf1 a:n1.test a:n2.test -all",                 "fail",      "-all"                    },
    { "192.0.2.1",       "v=spf1 a:n1.test a:n2.test a:n3.test -all",       "permerror", "a:n3.test"               },
    { "192.0.2.1",       "v=spf1 include:loop.test",                        "permerror", "include:loop.test"       },
    { "192.0.2.1",       "v=spf1 redirect=round.test",                      "permerror", "redirect=round.test"     },
    { "192.0.2.1",       "v=spf1 mx:mx11.test -all",                        "permerror", "mx:mx11.test"            },
};

TEST(records_say_what_they_say)
{
    for (size_t i = 0; i < GP_COUNT(judged); i++) {
        run(judged[i].address, judged[i].record, "asked.example.com");
        bool error = spf.result == GP_SPF_PERMERROR || spf.result == GP_SPF_TEMPERROR;
        if (!gp_is(gp_from(gp_spf_word(spf.result)), judged[i].result) || !gp_is(spf.term, judged[i].term))
            print_error("%s %s\n", judged[i].address, judged[i].record);
        CHECK_IS(gp_from(gp_spf_word(spf.result)), judged[i].result);
        CHECK_IS(spf.term, judged[i].term);
        CHECK(error == (spf.why[0] != '\0'));
    }
}

TEST(a_domains_record_is_found_or_not)
{
    static const struct {
        const char *domain, *result;
    } cases[] = {
        {"yes.test",     "pass"     },
        { "yes.test.",   "pass"     },
        { "none.test",   "none"     },
        { "text.test",   "none"     },
        { "two.test",    "permerror"},
        { "beside.test", "neutral"  },
        { "silent.test", "temperror"},
        { "localhost",   "none"     },
        { "",            "none"     },
        { ".yes.test",   "none"     },
        { "a b.test",    "none"     },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        run("192.0.2.1", "", cases[i].domain);
        CHECK_IS(gp_from(gp_spf_word(spf.result)), cases[i].result);
    }
}

TEST(ten_terms_that_need_dns_are_the_most)
{
    static const struct {
        size_t      terms;
        const char *result;
    } cases[] = {
        {10,  "fail"     },
        { 11, "permerror"}
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char           room[1024];
        struct gp_text record = GP_TEXT(room);
        gp_put_z(&record, "v=spf1");
        for (size_t n = 0; n < cases[i].terms; n++) gp_put_z(&record, " a:amy.example.com");
        gp_put(&record, (gp_str) { " -all", sizeof " -all" });
        run("192.0.2.1", room, "asked.example.com");
        CHECK_IS(gp_from(gp_spf_word(spf.result)), cases[i].result);
        CHECK(spf.lookups == cases[i].terms);
    }
}

/* RFC 7208 7.4, to the letter. */
TEST(macros_expand_as_in_the_rfc)
{
    static const struct {
        const char *address, *spec, *name;
    } cases[] = {
        {"192.0.2.3",       "%{s}",                              "strong-bad@email.example.com"                    },
        { "192.0.2.3",      "%{o}",                              "email.example.com"                               },
        { "192.0.2.3",      "%{d}",                              "email.example.com"                               },
        { "192.0.2.3",      "%{d4}",                             "email.example.com"                               },
        { "192.0.2.3",      "%{d3}",                             "email.example.com"                               },
        { "192.0.2.3",      "%{d2}",                             "example.com"                                     },
        { "192.0.2.3",      "%{d1}",                             "com"                                             },
        { "192.0.2.3",      "%{dr}",                             "com.example.email"                               },
        { "192.0.2.3",      "%{d2r}",                            "example.email"                                   },
        { "192.0.2.3",      "%{l}",                              "strong-bad"                                      },
        { "192.0.2.3",      "%{l-}",                             "strong.bad"                                      },
        { "192.0.2.3",      "%{lr}",                             "strong-bad"                                      },
        { "192.0.2.3",      "%{lr-}",                            "bad.strong"                                      },
        { "192.0.2.3",      "%{l1r-}",                           "strong"                                          },
        { "192.0.2.3",      "%{ir}.%{v}._spf.%{d2}",             "3.2.0.192.in-addr._spf.example.com"              },
        { "192.0.2.3",      "%{lr-}.lp._spf.%{d2}",              "bad.strong.lp._spf.example.com"                  },
        { "192.0.2.3",      "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",   "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
        { "192.0.2.3",      "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",  "3.2.0.192.in-addr.strong.lp._spf.example.com"    },
        { "192.0.2.3",      "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"         },
        { "2001:db8::cb01", "%{ir}.%{v}._spf.%{d2}",
         "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"                    },
        { "192.0.2.3",      "%{S}%%%-%_",                        "strong-bad%40email.example.com%%20 "             },
        { "192.0.2.3",      "%{p}.%{h}",                         "unknown.mx.example.org"                          },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char               octets[16], room[GP_SPF_NAME_ROOM];
        struct gp_text     name = GP_TEXT(room);
        gp_str             ip   = { octets, strchr(cases[i].address, ':') ? 16 : 4 };
        struct gp_spf_mail mail = { ip, GP_LIT("strong-bad@email.example.com"), GP_LIT("mx.example.org") };
        CHECK(inet_pton(ip.len == 4 ? AF_INET : AF_INET6, cases[i].address, octets) == 1);
        gp_spf_start(&spf, &mail, GP_LIT("email.example.com"));
        CHECK(gp_spf_is_macro_string(gp_from(cases[i].spec)));
        CHECK(gp_spf_expand(&spf, gp_from(cases[i].spec), &name));
        CHECK_IS(gp_said(&name), cases[i].name);
    }
}

TEST(a_name_too_long_loses_labels_from_the_left)
{
    char           spec_room[512], room[GP_SPF_NAME_ROOM];
    struct gp_text spec = GP_TEXT(spec_room), name = GP_TEXT(room);
    for (size_t i = 0; i < 60; i++) gp_put_z(&spec, "label.");
    gp_put_z(&spec, "example.com");
    run("192.0.2.1", "v=spf1", "asked.example.com");
    CHECK(gp_spf_expand(&spf, gp_said(&spec), &name));
    CHECK(name.len <= 253 && name.len > 253 - 6 && gp_starts(gp_said(&name), "label.") &&
          gp_ends(gp_said(&name), ".example.com"));
}

TEST(syntax_is_right_or_wrong_as_a_whole)
{
    static const struct {
        const char *record;
        bool        right;
    } cases[] = {
        {"v=spf1 mx a:mail.example.org ~all",       true },
        { "v=spf1 a mx/24//64 a:x.example/0 -all",  true },
        { "v=spf1 exp=explain.example.org -all",    true },
        { "v=spf1 unknown=anything%{d} -all",       true },
        { "v=spf1 ip6:2001:db8::1/64 ptr -all",     true },
        { "v=spf1 include:%{d}",                    true },
        { "v=spf1 a:x.example.",                    true },
        { "v=spf2 -all",                            false},
        { "v=spf1 -all all: ",                      false},
        { "v=spf1 a:",                              false},
        { "v=spf1 include",                         false},
        { "v=spf1 include:localhost",               false},
        { "v=spf1 a:example.org/33",                false},
        { "v=spf1 a/024",                           false},
        { "v=spf1 a//129",                          false},
        { "v=spf1 a:example.org:25",                false},
        { "v=spf1 ip4:192.0.2.1/",                  false},
        { "v=spf1 ip4:192.0.2",                     false},
        { "v=spf1 ip4",                             false},
        { "v=spf1 ip6:192.0.2.1",                   false},
        { "v=spf1 mech:x.example",                  false},
        { "v=spf1 -all redirect=",                  false},
        { "v=spf1 redirect=a.test redirect=b.test", false},
        { "v=spf1 exp=a.test exp=b.test",           false},
        { "v=spf1 a:%{x}.test",                     false},
        { "v=spf1 a:%{d0}.test",                    false},
        { "v=spf1 a:%{d.test",                      false},
        { "v=spf1 a:%{c}.test",                     false},
        { "v=spf1 a:%",                             false},
        { "v=spf1\tall",                            false},
        { "v=spf1 a:ex\xC3\xA4mple.org",            false},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        if ((gp_spf_why_broken(gp_from(cases[i].record)) == NULL) != cases[i].right) fail_msg("%s", cases[i].record);
    }
}

/* The first line is the record; the rest answers the questions that come, a line each: "!" none, "?" no answer, else records
 * between blanks. Whatever they say, it ends, asks for names that can be asked for, and keeps to its bounds. */
PROPERTY(spf_ends_whatever_dns_says, bytes)
{
    gp_str             rest = bytes, record = gp_cut(&rest, '\n'), script = rest;
    struct gp_spf_mail mail = {
        {"\xC0\0\2\1", 4},
        GP_LIT("joe@example.com"), GP_LIT("h.example.com")
    };
    size_t questions = 0;
    gp_spf_start(&spf, &mail, GP_LIT("example.com"));
    for (; gp_spf_next(&spf); questions++) {
        gp_str records[16], line = questions ? gp_cut(&script, '\n') : record;
        size_t count = 0;
        CHECK(spf.name.len > 0 && spf.name.len < GP_SPF_NAME_ROOM && gp_find(spf.name, '\\') == spf.name.len);
        if (questions == 0) records[count++] = line;
        while (questions && line.len && count < GP_COUNT(records)) records[count++] = gp_cut(&line, '\t');
        if (!script.len) script = rest;
        gp_spf_answer(&spf, gp_is(records[0], "?") ? GP_TEMPFAIL : count ? GP_OK : GP_PERMFAIL, records, count);
        CHECK(questions < 256);
    }
    CHECK(spf.lookups <= GP_SPF_LOOKUPS_MOST + 1 && spf.voids <= GP_SPF_VOIDS_MOST + 1 &&
          spf.depth < GP_SPF_DEPTH_MOST);
    CHECK(gp_spf_word(spf.result)[0] != '\0');
}
