/* DNS against a small server in the test, and what strangers may put into records. */
#include "check.h"
#include "net/dns_records.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 12, NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3, SILENT = 99, GUARD_MS = 30000 };

/* ---- the server ------------------------------------------------------------------------------------------------------- */
#define WIRE(literal)                                                                                                  \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }
static const struct zone_row {
    const char *name; /* as on the wire, lower case */
    int         type, rcode;
    gp_str      data; /* none: an answer without records */
} zone[] = {
    {"\4host\7example\4test",    DNS_A,    NOERROR,  WIRE("\300\0\2\1")                              },
    { "\4host\7example\4test",   DNS_A,    NOERROR,  WIRE("\300\0\2\2")                              },
    { "\4host\7example\4test",   DNS_AAAA, NOERROR,  WIRE("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1")},
    { "\4mail\7example\4test",   DNS_MX,   NOERROR,  WIRE("\0\24\3mx2\7example\4test\0")             },
    { "\4mail\7example\4test",   DNS_MX,   NOERROR,  WIRE("\0\12\3mx1\7example\4test\0")             },
    { "\4null\7example\4test",   DNS_MX,   NOERROR,  WIRE("\0\0\0")                                  },
    { "\3odd\7example\4test",    DNS_MX,   NOERROR,  WIRE("\0\1\5a b.c\7example\4test\0")            },
    { "\3odd\7example\4test",    DNS_MX,   NOERROR,  WIRE("\0\2\2ok\7example\4test\0")               },
    { "\6broken\7example\4test", DNS_MX,   NOERROR,  WIRE("\0\1\3a\r\n\0")                           },
    { "\4none\7example\4test",   DNS_MX,   NOERROR,  { NULL, 0 }                                     },
    { "\2nx\7example\4test",     DNS_MX,   NXDOMAIN, { NULL, 0 }                                     },
    { "\4fail\7example\4test",   DNS_MX,   SERVFAIL, { NULL, 0 }                                     },
    { "\6silent\7example\4test", DNS_MX,   SILENT,   { NULL, 0 }                                     },
};

struct bench {
    struct loop      *loop;
    struct dns       *dns;
    struct watch     *watch;
    struct timer     *guard;
    int               fd;
    int               answers;
    struct dns_answer got;
    char              records_text[1024]; /* in the order in which they came */
    struct gp_text    records;
    char              why[128];
    struct dns_query *other; /* forgotten by the first answer */
};

static bool asks_for(const struct zone_row *row, const unsigned char *question, size_t len)
{
    size_t name = strlen(row->name) + 1;
    return len >= name + 4 && memcmp(question, row->name, name) == 0 && question[name] == 0 &&
           question[name + 1] == row->type;
}

static void put_answer(struct gp_text *out, const struct zone_row *row)
{
    char head[] = { '\300', HEADER, 0, (char)row->type, 0, 1, 0, 0, 0, 60, 0, (char)row->data.len };
    gp_put(out, (gp_str) { head, sizeof head });
    gp_put(out, row->data);
}

/* What is not in the zone does not exist: as a server that knows nothing of DNSSEC says it. */
static size_t reply(unsigned char *query, size_t len, char *out, size_t room)
{
    struct gp_text t     = { .ptr = out, .room = room };
    size_t         name  = strnlen((char *)query + HEADER, len - HEADER) + 1;
    int            rcode = NXDOMAIN, answers = 0;
    for (size_t i = HEADER; i < len; i++)
        if (query[i] >= 'A' && query[i] <= 'Z') query[i] |= 0x20;
    gp_put(&t, (gp_str) { (char *)query, HEADER + name + 4 });
    for (size_t i = 0; i < GP_COUNT(zone); i++) {
        if (!asks_for(&zone[i], query + HEADER, len - HEADER)) continue;
        rcode = zone[i].rcode;
        if (!zone[i].data.ptr) continue;
        put_answer(&t, &zone[i]);
        answers++;
    }
    memcpy(out + 2, "\201\200\0\1\0\0\0\0\0\0", 10);
    out[3] |= (char)rcode;
    out[7] = (char)answers;
    return rcode == SILENT ? 0 : t.len;
}

static void on_query(void *owner, bool readable, bool writable)
{
    struct bench           *b = owner;
    struct sockaddr_storage from;
    socklen_t               from_len = sizeof from;
    unsigned char           query[1024];
    char                    out[2048];
    (void)readable, (void)writable;
    ssize_t n = recvfrom(b->fd, query, sizeof query, 0, (struct sockaddr *)&from, &from_len);
    if (n <= HEADER) return;
    size_t len = reply(query, (size_t)n, out, sizeof out);
    if (len) CHECK(sendto(b->fd, out, len, 0, (struct sockaddr *)&from, from_len) == (ssize_t)len);
}

/* ---- the bench -------------------------------------------------------------------------------------------------------- */
static void guard(void *owner)
{
    (void)owner;
    fail_msg("no answer at all");
}

static void bench_open(struct bench *b)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t          len     = sizeof address;
    char               server[64];
    memset(b, 0, sizeof *b);
    b->loop = loop_open();
    b->fd   = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    CHECK(bind(b->fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(b->fd, (struct sockaddr *)&address, &len) == 0);
    snprintf(server, sizeof server, "127.0.0.1@%u", ntohs(address.sin_port));
    b->watch = watch_open(b->loop, b->fd, on_query, b);
    watch_for(b->watch, true, false);
    b->guard = timer_open(b->loop, guard, NULL);
    b->dns   = dns_open(b->loop, server);
    assert_non_null(b->dns);
    timer_set(b->guard, GUARD_MS);
}

static void bench_close(struct bench *b)
{
    dns_close(b->dns);
    watch_close(b->watch);
    timer_close(b->guard);
    loop_close(b->loop);
    close(b->fd);
}

static void put_record(struct gp_text *out, const struct dns_record *r, enum dns_type type)
{
    if (out->len) gp_put_char(out, ' ');
    if (type != DNS_MX) return gp_put_hex(out, r->data);
    gp_put_number(out, r->preference);
    gp_put_char(out, ':');
    gp_put(out, r->data);
}

static enum dns_type asked_type;

static void on_answer(void *owner, const struct dns_answer *a)
{
    struct bench *b = owner;
    b->got          = *a;
    b->answers++;
    b->records = GP_TEXT(b->records_text);
    for (size_t i = 0; i < a->count; i++) put_record(&b->records, &a->records[i], asked_type);
    CHECK(gp_copy_z(gp_from(a->why), b->why, sizeof b->why));
    if (b->other) dns_forget(b->other);
    b->other = NULL;
    loop_stop(b->loop);
}

static void ask(struct bench *b, const char *name, enum dns_type type)
{
    asked_type = type;
    b->answers = 0;
    assert_non_null(dns_ask(b->dns, gp_from(name), type, on_answer, b));
    CHECK(b->answers == 0); /* never at once */
    loop_run(b->loop);
    CHECK(b->answers == 1);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------ */
TEST(answers_are_told_apart)
{
    static const struct {
        const char   *name;
        enum dns_type type;
        gp_status     status;
        bool          no_name;
        const char   *records; /* sorted by nobody: either order */
        const char   *other_order, *why;
    } cases[] = {
        {"host.example.test",    DNS_A,    GP_OK,       false, "c0000201 c0000202",                       "c0000202 c0000201", ""                              },
        { "host.example.test",   DNS_AAAA, GP_OK,       false, "20010db8000000000000000000000001",        NULL,                ""                              },
        { "HOST.example.test.",  DNS_AAAA, GP_OK,       false, "20010db8000000000000000000000001",        NULL,                ""                              },
        { "mail.example.test",   DNS_MX,   GP_OK,       false, "20:mx2.example.test 10:mx1.example.test",
         "10:mx1.example.test 20:mx2.example.test",                                                                            ""                              },
        { "null.example.test",   DNS_MX,   GP_OK,       false, "0:",                                      NULL,                ""                              },
        { "odd.example.test",    DNS_MX,   GP_OK,       false, "2:ok.example.test",                       NULL,                ""                              },
        { "broken.example.test", DNS_MX,   GP_TEMPFAIL, false, "",                                        NULL,                "the records are broken"        },
        { "none.example.test",   DNS_MX,   GP_PERMFAIL, false, "",                                        NULL,                "no such record"                },
        { "nx.example.test",     DNS_MX,   GP_PERMFAIL, true,  "",                                        NULL,                "no such name"                  },
        { "fail.example.test",   DNS_MX,   GP_TEMPFAIL, false, "",                                        NULL,                "the name servers do not answer"},
        { "a..b.example.test",   DNS_MX,   GP_PERMFAIL, true,  "",                                        NULL,                "not a domain name"             },
        { "",                    DNS_MX,   GP_PERMFAIL, true,  "",                                        NULL,                "not a domain name"             },
    };
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        ask(&b, cases[i].name, cases[i].type);
        CHECK_IS(gp_from(b.why), cases[i].why);
        bool other = cases[i].other_order && gp_is(gp_said(&b.records), cases[i].other_order);
        CHECK_IS(gp_said(&b.records), other ? cases[i].other_order : cases[i].records);
        CHECK(b.got.status == cases[i].status && b.got.no_name == cases[i].no_name && !b.got.secure);
    }
    bench_close(&b);
}

TEST(silence_ends_when_patience_does)
{
    struct bench b;
    bench_open(&b);
    dns_set_patience(b.dns, 150);
    ask(&b, "silent.example.test", DNS_MX);
    CHECK(b.got.status == GP_TEMPFAIL);
    CHECK_IS(gp_from(b.why), "no answer in time");
    bench_close(&b);
}

TEST(a_forgotten_question_is_not_answered)
{
    struct bench b;
    bench_open(&b);
    struct dns_query *never = dns_ask(b.dns, GP_LIT("silent.example.test"), DNS_MX, on_answer, &b);
    struct dns_query *bad   = dns_ask(b.dns, GP_LIT(""), DNS_MX, on_answer, &b);
    dns_forget(never);
    dns_forget(bad);
    dns_forget(NULL);
    b.other = dns_ask(b.dns, GP_LIT("silent.example.test"), DNS_MX, on_answer, &b);
    ask(&b, "host.example.test", DNS_A);
    CHECK(b.answers == 1 && b.got.status == GP_OK);
    assert_non_null(dns_ask(b.dns, GP_LIT("silent.example.test"), DNS_MX, on_answer, &b)); /* closing forgets it */
    bench_close(&b);
}

/* What the wire says of other types; the hostile ones are the property's. */
TEST(records_of_each_type_are_read)
{
    static const struct {
        enum dns_type type;
        const char   *hex, *data;
        unsigned      preference, weight, port;
        bool          good;
    } cases[] = {
        {DNS_TXT,    "0361626302646500",   "abcde", 0,  0, 0,   true },
        { DNS_TXT,   "",                   "",      0,  0, 0,   true },
        { DNS_TXT,   "0461",               "",      0,  0, 0,   false},
        { DNS_PTR,
         "01610162"
          "00",                            "a.b",   0,  0, 0,   true },
        { DNS_CNAME, "016100",             "a",     0,  0, 0,   true },
        { DNS_PTR,   "01610162",           "",      0,  0, 0,   false},
        { DNS_SRV,   "0001000201d1016100", "a",     1,  2, 465, true },
        { DNS_SRV,   "00010002000000",     "",      1,  2, 0,   true },
        { DNS_SRV,   "000100020000",       "",      0,  0, 0,   false},
        { DNS_MX,    "000a016100",         "a",     10, 0, 0,   true },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char              octets[64], room[DNS_NAME_MOST];
        struct gp_text    names = GP_TEXT(room);
        struct dns_record r;
        gp_str            wire = kit_hex(cases[i].hex, octets, sizeof octets);
        CHECK(dns_read_record(cases[i].type, wire, &names, &r) == cases[i].good);
        if (!cases[i].good) continue;
        CHECK_IS(r.data, cases[i].data);
        CHECK(r.preference == cases[i].preference && r.weight == cases[i].weight && r.port == cases[i].port);
    }
}

/* Names that come out can be put into a command or a log line as they are. */
PROPERTY(mx_records_give_plain_names, bytes)
{
    static const enum dns_type types[] = { DNS_MX, DNS_PTR, DNS_SRV, DNS_CNAME };
    for (size_t t = 0; t < GP_COUNT(types); t++) {
        char              room[DNS_NAME_MOST];
        struct gp_text    names = GP_TEXT(room);
        struct dns_record r;
        if (!dns_read_record(types[t], bytes, &names, &r)) continue;
        CHECK(r.data.len <= DNS_NAME_MOST - 2 && !names.cut);
        for (size_t i = 0; i < r.data.len; i++) CHECK(r.data.ptr[i] > ' ' && r.data.ptr[i] < 0x7F);
        CHECK(r.data.len == 0 || (r.data.ptr[0] != '.' && r.data.ptr[r.data.len - 1] != '.'));
    }
}

PROPERTY(strings_of_a_record_add_up, bytes)
{
    char              room[4096];
    struct gp_text    names = GP_TEXT(room);
    struct dns_record r;
    if (dns_read_record(DNS_TXT, bytes, &names, &r)) CHECK(r.data.len <= bytes.len && r.data.len == names.len);
}
