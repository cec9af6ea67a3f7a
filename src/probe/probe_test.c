/* Reports of what a hostile server says: printable, whole, and read back by who reads JSON and XML. Grades and counts. */
#include "probe/probe.h"

#include "check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "probe/clients.h"

enum { PRINTED_MOST = 4 << 20 };

static struct probe_report *new_report(void)
{
    struct probe_report *r = calloc(1, sizeof *r);
    CHECK(r);
    probe_report_open(r, "mail.example.org:587");
    return r;
}

static void end_report(struct probe_report *r)
{
    probe_report_close(r);
    free(r);
}

/* ---- what is not kept ------------------------------------------------------------------------------------------------------ */
static const char *kept(struct probe_report *r, const char *said)
{
    probe_learn(r, PROBE_AUTH, "mail.example.org:587", gp_from(said));
    return r->facts[r->fact_count - 1].what;
}

TEST(a_secret_is_not_kept)
{
    static const char    secret[] = "a right password";
    struct probe_report *r        = new_report();
    CHECK(gp_mask_set(&r->mask, (gp_secret) { secret, sizeof secret - 1 }));
    CHECK_IS(gp_from(kept(r, "not a right password, no")), "not (secret), no");
    CHECK_IS(gp_from(kept(r, "leak:AGxlbmFAZXhhbXBsZS5vcmcAYSByaWdodCBwYXNzd29yZA==;")), "leak:(secret);");
    end_report(r);
}

/* ---- what is printed ------------------------------------------------------------------------------------------------------ */
struct printed {
    char  *text;
    size_t len;
};

static struct printed print(const struct probe_report *r, int form)
{
    static const struct probe_look look = { .colour = false, .width = 100 };
    struct printed                 p    = { 0 };
    FILE                          *to   = open_memstream(&p.text, &p.len);
    CHECK(to);
    switch (form) {
    case 0: probe_print_text(r, &look, to); break;
    case 1: CHECK(probe_print_json(r, to)); break;
    case 2: probe_print_junit(r, PROBE_ERROR, to); break;
    default: probe_print_html(r, to);
    }
    CHECK(fclose(to) == 0);
    return p;
}

/* No octet that steers, well-formed UTF-8, and nothing that turns text around. */
static bool is_harmless(gp_str text)
{
    if (!gp_is_utf8(text)) return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < ' ' && c != '\n') || c == 0x7f) return false;
        if (i && (unsigned char)text.ptr[i - 1] == 0xc2 && c < 0xa0) return false;
        if (i > 1 && memcmp(text.ptr + i - 2, "\xe2\x80\xae", 3) == 0) return false;
        if (i > 1 && memcmp(text.ptr + i - 2, "\xef\xbf\xbf", 3) == 0) return false;
    }
    return true;
}

TEST(what_steers_is_replaced_and_the_rest_stays)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain text",                  "plain text"               },
        { "two\nlines",                 "two\nlines"               },
        { "\x1b[31mred",                "?[31mred"                 },
        { "gr\xc3\xbc\xc3\x9f",         "gr\xc3\xbc\xc3\x9f"       },
        { "latin gr\xfc",               "latin gr?"                },
        { "c1 \xc2\x9b"
          "2J",                "c1 ??2J"                  },
        { "turned \xe2\x80\xae"
          "cod.exe",           "turned ?cod.exe"          },
        { "isolate \xe2\x81\xa6x",      "isolate ?x"               },
        { "no character \xef\xbf\xbe.", "no character ?."          },
        { "a dash \xe2\x80\x94 stays",  "a dash \xe2\x80\x94 stays"},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char           room[64];
        struct gp_text out = GP_TEXT(room);
        probe_clean(&out, gp_from(cases[i].in));
        if (!gp_same(gp_said(&out), gp_from(cases[i].out))) fail_msg("%s: %.*s", cases[i].in, (int)out.len, out.ptr);
    }
}

PROPERTY(a_report_of_anything_is_printable, bytes)
{
    static struct probe_report r;
    gp_str                     half = gp_head(bytes, bytes.len / 2);
    if (bytes.len > 2000) return;
    probe_report_open(&r, "mail.example.org:587");
    probe_raise(&r, FOUND_RELAY_OPEN, "mail.example.org:587", bytes, gp_tail(bytes, half.len));
    probe_raise(&r, FOUND_HELLO_VERSION, "mail.example.org:587", half, bytes);
    probe_learn(&r, PROBE_REACH, "mail.example.org:587", bytes);
    for (int form = 0; form < 4; form++) {
        struct printed p = print(&r, form);
        CHECK(is_harmless((gp_str) { p.text, p.len }));
        json_t *read = form == 1 ? json_loadb(p.text, p.len, 0, NULL) : NULL;
        CHECK(form != 1 || read);
        json_decref(read);
        free(p.text);
    }
    probe_report_close(&r);
}

/* ---- bounds ---------------------------------------------------------------------------------------------------------------- */
TEST(a_finding_is_kept_once_for_each_place)
{
    struct probe_report *r = new_report();
    for (int i = 0; i < 3; i++) probe_raise(r, FOUND_TLS_NONE, "a:587", GP_LIT("x"), GP_NONE);
    probe_raise(r, FOUND_TLS_NONE, "b:587", GP_LIT("x"), GP_NONE);
    CHECK(r->raised_count == 2 && probe_count(r, PROBE_ERROR) == 2 && !r->lost);
    end_report(r);
}

TEST(a_report_that_is_full_says_so)
{
    struct probe_report *r = new_report();
    char                 where[16];
    for (int i = 0; i <= PROBE_RAISED_MOST; i++) {
        (void)snprintf(where, sizeof where, "host:%d", i);
        probe_raise(r, FOUND_TLS_NONE, where, GP_LIT("x"), GP_NONE);
    }
    CHECK(r->raised_count == PROBE_RAISED_MOST && r->lost);
    struct printed p = print(r, 1);
    CHECK(strstr(p.text, "\"complete\": false"));
    free(p.text);
    end_report(r);
}

TEST(who_was_turned_away_has_no_whole_report)
{
    struct probe_report *r = new_report();
    r->partial             = true;
    for (int form = 0; form < 4; form++) {
        static const char *const words[] = { "not whole", "\"complete\": false", "name=\"complete\" value=\"false\"",
                                             "not whole" };
        struct printed           p       = print(r, form);
        CHECK(strstr(p.text, words[form]));
        free(p.text);
    }
    end_report(r);
}

TEST(all_places_of_a_finding_are_in_one_failure)
{
    struct probe_report *r = new_report();
    probe_raise(r, FOUND_TLS_NONE, "a:587", GP_LIT("none"), GP_NONE);
    probe_raise(r, FOUND_TLS_NONE, "b:587", GP_LIT("none"), GP_NONE);
    probe_raise(r, FOUND_HELLO_VERSION, "a:587", GP_LIT("1.2"), GP_NONE);
    struct printed p     = print(r, 2);
    char          *first = strstr(p.text, "<failure");
    CHECK(first && !strstr(first + 1, "<failure") && strstr(first, "a:587: none") && strstr(first, "b:587: none"));
    CHECK(strstr(p.text, "<system-out>a:587: 1.2")); /* a note is no failure where errors are */
    free(p.text);
    end_report(r);
}

/* ---- grades ---------------------------------------------------------------------------------------------------------------- */
TEST(grades_go_by_the_worst)
{
    static const struct {
        enum probe_id raised[4];
        size_t        count;
        char          grade;
    } cases[] = {
        {{ 0 },                                                     0, 'A'},
        { { FOUND_TLS_NO_13 },                                      1, 'A'},
        { { FOUND_TLS_EXPIRES },                                    1, 'B'},
        { { FOUND_TLS_EXPIRES, FOUND_TLS_STATIC, FOUND_TLS_AGAIN }, 3, 'C'},
        { { FOUND_TLS_EXPIRES, FOUND_TLS_NONE },                    2, 'D'},
        { { FOUND_TLS_NONE, FOUND_TLS_INJECTION },                  2, 'F'},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct probe_report *r = new_report();
        CHECK(probe_grade(r, PROBE_TLS) == '-' && probe_worst(r) == -1);
        probe_look(r, FOUND_TLS_OLD);
        for (size_t j = 0; j < cases[i].count; j++) probe_raise(r, cases[i].raised[j], "a:1", GP_LIT("x"), GP_NONE);
        if (probe_grade(r, PROBE_TLS) != cases[i].grade) fail_msg("row %zu: %c", i, probe_grade(r, PROBE_TLS));
        CHECK(probe_grade(r, PROBE_AUTH) == '-');
        end_report(r);
    }
}

TEST(what_was_raised_stays_raised_when_it_is_looked_at_again)
{
    struct probe_report *r = new_report();
    probe_raise(r, FOUND_TLS_NONE, "a:1", GP_LIT("x"), GP_NONE);
    probe_look(r, FOUND_TLS_NONE);
    CHECK(r->states[FOUND_TLS_NONE] == PROBE_RAISED);
    end_report(r);
}

/* ---- tables ---------------------------------------------------------------------------------------------------------------- */
TEST(each_finding_has_a_name_of_its_own_and_a_reason)
{
    for (size_t i = 0; i < PROBE_FINDINGS; i++) {
        const struct probe_finding *f = &probe_findings[i];
        CHECK(f->name[0] && f->title[0] && f->why[0] && f->area < PROBE_AREAS && f->severity < PROBE_SEVERITIES);
        for (size_t j = 0; j < i; j++) CHECK(strcmp(f->name, probe_findings[j].name) != 0);
    }
}

TEST(each_client_says_where_it_is_known_from)
{
    CHECK(probe_is_client("all") && probe_is_client("outlook") && !probe_is_client("nobody"));
    for (const struct client *k = probe_clients; k->name; k++)
        CHECK(k->what[0] && k->hello[0] && k->mechanisms[0] && k->source[0] && probe_is_client(k->name));
}
