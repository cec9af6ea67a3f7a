/* Reports of TLS: where they go, and what is in them, whatever strangers say. */
#include "mail/tlsrpt.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mail/mail.h"

static gp_str ways_of(gp_str txt, char room[static GP_TLSRPT_WAYS_ROOM])
{
    struct gp_text out  = { .ptr = room, .room = GP_TLSRPT_WAYS_ROOM - 1 };
    bool           some = gp_tlsrpt_ways(txt, 8443, &out);
    CHECK(some == (out.len > 0) && !out.cut);
    room[out.len] = '\0';
    return gp_said(&out);
}

TEST(a_record_says_where_reports_go)
{
    static const struct {
        const char *txt, *ways;
    } cases[] = {
  /* clang-format off */
        { "v=TLSRPTv1;rua=mailto:reports@example.com",                       "mailto:reports@example.com\n"             }, /* RFC 8460 3.1.1 */
        { "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt",         "https://reporting.example.com/v1/tlsrpt\n" }, /* 3.1.2 */
        { "v=TLSRPTv1;rua=mailto:a@b.example , https://c.example:8443?d=e;", "mailto:a@b.example\nhttps://c.example:8443?d=e\n" },
        { "v=TLSRPTv1; rua=https://a.example:25/,https://a.example:8444/,https://a.example:443/,https://a.example:0443/", "https://a.example:443/\nhttps://a.example:0443/\n" },
        { "v=TLSRPTv1; x=y; rua=mailto:a%2Bb%40c@d.example?subject=x",       ""                                         },
        { "v=TLSRPTv1; rua=mailto:a%2Bb@d.example?subject=x%0D%0A",          "mailto:a+b@d.example\n"                   },
        { "v=TLSRPTv1; rua=mailto:a%0D%0ABcc:b@d.example",                   ""                                         },
        { "v=TLSRPTv1; rua=mailto:a@[127.0.0.1],mailto:,mailto:%",           ""                                         },
        { "v=TLSRPTv1; rua=data:text/plain\\,x,http://a.example/,ftp://a.b", ""                                         },
        { "v=TLSRPTv1; rua=https://127.0.0.1/,https://a.0x7f/,https://[::1]/,https://localhost/", ""                    },
        { "v=TLSRPTv1; rua=https://a@b.example/,https://b.example\\@c/,https://b.example:0/,https://b.example:99999/,"
          "https://b.example:/,https://b.example#c,https://.example/,https://b..example/,https://b.example./,https://b%2e.example/", "" },
        { "v=TLSRPTv1; rua=mailto:a@b.example!10m",                          ""                                         },
        { "v=TLSRPTv1; rua=",                                                ""                                         },
        { "v=TLSRPTv2; rua=mailto:a@b.example",                              ""                                         },
  /* clang-format on */
    };
    char room[GP_TLSRPT_WAYS_ROOM];
    for (size_t i = 0; i < GP_COUNT(cases); i++) CHECK_IS(ways_of(gp_from(cases[i].txt), room), cases[i].ways);
}

TEST(of_a_thousand_ways_the_first_four_are_taken)
{
    static char    record[64 * 1024];
    char           room[GP_TLSRPT_WAYS_ROOM];
    struct gp_text txt = GP_TEXT(record);
    gp_put_z(&txt, "v=TLSRPTv1; rua=");
    for (int i = 0; i < 1000; i++) {
        gp_put_z(&txt, i % 2 ? "data:," : ",mailto:r");
        gp_put_number(&txt, i);
        gp_put_z(&txt, "@a.example,");
    }
    CHECK_IS(ways_of(gp_said(&txt), room),
             "mailto:r0@a.example\nmailto:r2@a.example\nmailto:r4@a.example\nmailto:r6@a.example\n");
}

PROPERTY(any_record_leads_to_plain_ways_or_none, bytes)
{
    char   room[GP_TLSRPT_WAYS_ROOM];
    gp_str ways = ways_of(bytes, room);
    for (size_t count = 0; ways.len; count++) {
        struct gp_https   https;
        struct gp_address address;
        gp_str            way = gp_cut(&ways, '\n');
        CHECK(count < GP_TLSRPT_WAYS_MOST);
        for (size_t i = 0; i < way.len; i++) CHECK(way.ptr[i] > ' ' && way.ptr[i] <= '~');
        if (gp_tlsrpt_is_mail(way)) {
            CHECK(gp_read_address(gp_tail(way, 7), false, &address));
        } else {
            CHECK(gp_https_read(way, &https) && https.port > 0 && https.port < 65536);
            CHECK(https.host.ptr == way.ptr + 8 && gp_find(way, '@') >= 8 + https.host.len);
        }
    }
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------- */
static const struct gp_tlsrpt example = {
    .organization = "Company-X",
    .contact      = "sts-reporting@company-x.example",
    .hostname     = "mail.company-x.example",
    .domain       = {"company-y.example", 17},
    .day          = 16892
};

static const char peer[] = "mx\"1.mail.company-y.example";

static struct gp_tlsrpt_row row_of(const char *result, int64_t count, const char *from, const char *host,
                                   const char *to, const char *reason)
{
    return (struct gp_tlsrpt_row) {
        .policy = GP_LIT("sts"),
        .text   = GP_LIT("version: STSv1\nmode: testing\nmx: *.mail.company-y.example\nmax_age: 86400\n"),
        .host   = gp_from(host),
        .from   = gp_from(from),
        .to     = gp_from(to),
        .peer   = gp_from(*result ? peer : ""),
        .result = gp_from(result),
        .reason = gp_from(reason),
        .count  = count
    };
}

static json_t *read_json(const struct gp_text *text)
{
    json_error_t why;
    json_t      *root = json_loadb(text->ptr, text->len, 0, &why);
    if (!root) fail_msg("%s at %d", why.text, why.position);
    return root;
}

/* RFC 8460 appendix B, but for what an MTA need not say. */
TEST(a_report_is_that_of_the_rfc)
{
    static const char wanted[] =
        "{\"organization-name\": \"Company-X\","
        " \"date-range\": {\"start-datetime\": \"2016-04-01T00:00:00Z\", \"end-datetime\": \"2016-04-01T23:59:59Z\"},"
        " \"contact-info\": \"sts-reporting@company-x.example\","
        " \"report-id\": \"2016-04-01.company-y.example@mail.company-x.example\","
        " \"policies\": [{ \"policy\": { \"policy-type\": \"sts\", \"policy-string\": [\"version: STSv1\",\"mode: testing\","
        "   \"mx: *.mail.company-y.example\",\"max_age: 86400\"], \"policy-domain\": \"company-y.example\","
        "   \"mx-host\": [\"*.mail.company-y.example\"] },"
        "  \"summary\": { \"total-successful-session-count\": 5326, \"total-failure-session-count\": 303 },"
        "  \"failure-details\": [{ \"result-type\": \"certificate-expired\", \"sending-mta-ip\": \"2001:db8:abcd:0012::1\","
        "    \"receiving-mx-hostname\": \"mx1.mail.company-y.example\", \"receiving-mx-helo\": \"mx\\\"1.mail.company-y.example\", \"failed-session-count\": 100 },"
        "   { \"result-type\": \"starttls-not-supported\", \"sending-mta-ip\": \"2001:db8:abcd:0013::1\","
        "    \"receiving-mx-hostname\": \"mx2.mail.company-y.example\", \"receiving-mx-helo\": \"mx\\\"1.mail.company-y.example\", \"receiving-ip\": \"203.0.113.56\", \"failed-session-count\": 200 },"
        "   { \"result-type\": \"validation-failure\", \"sending-mta-ip\": \"198.51.100.62\", \"receiving-ip\": \"203.0.113.58\","
        "    \"receiving-mx-hostname\": \"mx-backup.mail.company-y.example\", \"receiving-mx-helo\": \"mx\\\"1.mail.company-y.example\", \"failed-session-count\": 3,"
        "    \"failure-reason-code\": \"X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED\" }] }]}";
    const struct gp_tlsrpt_row rows[] = {
        row_of("", 5326, "", "", "", ""),
        row_of("certificate-expired", 100, "2001:db8:abcd:0012::1", "mx1.mail.company-y.example", "", ""),
        row_of("starttls-not-supported", 200, "2001:db8:abcd:0013::1", "mx2.mail.company-y.example", "203.0.113.56",
               ""),
        row_of("validation-failure", 3, "198.51.100.62", "mx-backup.mail.company-y.example", "203.0.113.58",
               "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED"),
    };
    char                  room[4096];
    struct gp_text        out = GP_TEXT(room);
    struct gp_tlsrpt_json w;
    gp_tlsrpt_begin(&w, &example, &out);
    for (size_t i = 0; i < GP_COUNT(rows); i++) gp_tlsrpt_add(&w, &rows[i]);
    gp_tlsrpt_end(&w);
    CHECK(!out.cut);
    json_t *made = read_json(&out), *rfc = json_loads(wanted, 0, NULL);
    CHECK(rfc && json_equal(made, rfc));
    json_decref(made);
    json_decref(rfc);
}

/* Rows are made of the octets; however little room there is beyond what a report without policies takes, it is JSON, and what it counts is what
 * was said of the policies that are in it. */
PROPERTY(a_report_of_any_names_is_json, bytes)
{
    static const char    *types[] = { "tlsa", "sts", "no-policy-found" };
    static char           room[8192];
    struct gp_tlsrpt_json w;
    struct gp_text        out = { .ptr = room, .room = 1024 + (bytes.len ? (unsigned char)bytes.ptr[0] * 28U : 0) };
    gp_str                at  = bytes;
    gp_tlsrpt_begin(&w, &example, &out);
    for (size_t i = 0; at.len; i++) {
        gp_str               line = gp_cut(&at, '\n');
        struct gp_tlsrpt_row row  = row_of(i % 2 ? "tlsa-invalid" : "", 1, "", "", "", "");
        row.policy = gp_from(types[i / 4 % 3]), row.text = gp_head(line, 1), row.host = line, row.reason = line;
        gp_tlsrpt_add(&w, &row);
    }
    gp_tlsrpt_end(&w);
    CHECK(!out.cut);
    json_t *root = json_loadb(out.ptr, out.len, JSON_ALLOW_NUL, NULL);
    CHECK(root && json_array_size(json_object_get(root, "policies")) == w.policies);
    json_decref(root);
}

/* ---- the message ------------------------------------------------------------------------------------------------------------ */
TEST(the_message_is_that_of_the_rfc)
{
    static const char *parts[] = {
        "\r\nSubject: Report Domain: company-y.example\r\n Submitter: company-x.example\r\n Report-ID: <2016-04-01.company-y.example@mail.company-x.example>\r\n",
        "\r\nTLS-Report-Domain: company-y.example\r\nTLS-Report-Submitter: company-x.example\r\nTLS-Required: No\r\n",
        "\r\nFrom: <sts-reporting@company-x.example>\r\nTo: <a@b.example>,\r\n <c@d.example>\r\n",
        "\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"unique\"\r\n",
        "\r\n filename=\"company-x.example!company-y.example!1459468800!1459555199.json.gz\"\r\n\r\nH4sI\r\n--unique--\r\n"
    };
    static char           room[GP_TLSRPT_MAIL_ROOM(3) + 1];
    struct gp_text        out  = { .ptr = room, .room = sizeof room - 1 };
    struct gp_tlsrpt_mail mail = { .report  = &example,
                                   .to      = GP_LIT("a@b.example\nc@d.example\n"),
                                   .json_gz = GP_LIT("\x1f\x8b\x08"),
                                   .unique  = GP_LIT("unique") };
    gp_tlsrpt_put_mail(&out, &mail);
    room[out.len] = '\0';
    CHECK(!out.cut);
    for (size_t i = 0; i < GP_COUNT(parts); i++)
        if (!strstr(room, parts[i])) fail_msg("lacks %s in %s", parts[i], room);
}
