/* Verdicts over DNS in an array: each kind right, and each way in which it is not. */
#include <arpa/inet.h>
#include <string.h>

#include "check.h"
#include "mail/spf.h"
#include "zone/zone.h"

/* ---- DNS ------------------------------------------------------------------------------------------------------------------- */
struct record {
    const char   *name;
    enum dns_type type;
    const char   *data; /* "!": it does not answer; "192.0.2.1"; "10 mx.example"; of SRV "0 1 465 host" */
};
enum { RECORDS_MOST = 64 };
static struct record zone[RECORDS_MOST];
static size_t        zone_count;
static bool          secure;

static const struct record whole[] = {
    {"mail.example.org",                                                          DNS_A,    "192.0.2.1"                             },
    { "mail.example.org",                                                         DNS_AAAA, "2001:db8::1"                           },
    { "1.2.0.192.in-addr.arpa",                                                   DNS_PTR,  "mail.example.org"                      },
    { "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_PTR,  "mail.example.org"                      },
    { "example.org",                                                              DNS_MX,   "10 mx.example.org"                     },
    { "mx.example.org",                                                           DNS_A,    "192.0.2.2"                             },
    { "mail.example.org",                                                         DNS_TXT,  "v=spf1 a -all"                         },
    { "example.org",                                                              DNS_TXT,  "v=spf1 mx a:mail.example.org ~all"     },
    { "s1._domainkey.example.org",                                                DNS_TXT,  "v=DKIM1; k=ed25519; p=a2V5"            },
    { "_dmarc.example.org",                                                       DNS_TXT,  "v=DMARC1; p=reject"                    },
    { "_mta-sts.example.org",                                                     DNS_TXT,  "v=STSv1; id=1"                         },
    { "mta-sts.example.org",                                                      DNS_A,    "192.0.2.3"                             },
    { "autoconfig.example.org",                                                   DNS_A,    "192.0.2.3"                             },
    { "_smtp._tls.example.org",                                                   DNS_TXT,  "v=TLSRPTv1; rua=mailto:a@example.org"  },
    { "_submissions._tcp.example.org",                                            DNS_SRV,  "0 1 465 mail.example.org"              },
    { "_465._tcp.mail.example.org",                                               DNS_TLSA, "\3\1\1................................"},
};

static void read_data(struct dns_record *out, enum dns_type type, const char *data, char *room)
{
    gp_str   text    = gp_from(data);
    uint64_t n[3]    = { 0 };
    size_t   numbers = type == DNS_SRV ? 3 : type == DNS_MX ? 1 : 0;
    for (size_t i = 0; i < numbers; i++) CHECK(gp_read_number(gp_word(&text), UINT16_MAX, &n[i]));
    *out = (struct dns_record) { text, (uint16_t)n[0], (uint16_t)n[1], (uint16_t)n[2] };
    if (type != DNS_A && type != DNS_AAAA) return;
    CHECK(inet_pton(type == DNS_A ? AF_INET : AF_INET6, data, room) == 1);
    out->data = (gp_str) { room, type == DNS_A ? 4 : 16 };
}

static struct dns_answer ask(void *owner, gp_str name, enum dns_type type)
{
    static struct dns_record records[16];
    static char              rooms[16][16];
    struct dns_answer a = { .status = GP_PERMFAIL, .why = "no such record", .records = records, .secure = secure };
    (void)owner;
    for (size_t i = 0; i < zone_count; i++) {
        if (!gp_is(name, zone[i].name) || zone[i].type != type) continue;
        if (strcmp(zone[i].data, "!") == 0)
            return (struct dns_answer) { .status = GP_TEMPFAIL, .why = "no answer in time" };
        a.status = GP_OK;
        read_data(&records[a.count], type, zone[i].data, rooms[a.count]);
        a.count++;
    }
    return a;
}

/* ---- one check --------------------------------------------------------------------------------------------------------------- */
struct heard {
    enum zone_kind    kind;
    enum zone_verdict worst;
    size_t            count;
    char              why[512], mend[512];
};

static void hear(void *owner, const struct zone_found *f)
{
    struct heard *h = owner;
    CHECK((f->verdict == ZONE_MISSING || f->verdict == ZONE_WRONG) <= (f->mend[0] != '\0')); /* says what to do */
    CHECK(f->verdict == ZONE_RIGHT || f->why[0] != '\0');
    if (f->kind != h->kind || (h->count++ && f->verdict <= h->worst)) return;
    h->worst = f->verdict;
    CHECK(gp_copy_z(gp_from(f->why), h->why, sizeof h->why) && gp_copy_z(gp_from(f->mend), h->mend, sizeof h->mend));
}

static struct zone_plan plan;

static void plan_it(void)
{
    plan = (struct zone_plan) { .domain = "example.org", .hostname = "mail.example.org", .own = true };
    zone_add_sender(&plan, "mail.example.org", true, true);
    plan.services[plan.service_count++] = (struct zone_service) { "_submissions", 465, 0 };
    plan.keys[plan.key_count++] =
        (struct zone_key) { .selector = "s1", .ed25519 = true, .octets_len = 3, .octets = "key" };
    plan.has_spki = true;
    plan.proofs   = ZONE_PROOFS_WANTED;
    memset(plan.spki, '.', sizeof plan.spki);
    memcpy(zone, whole, sizeof whole);
    zone_count = GP_COUNT(whole);
    secure     = true;
}

static void leave_out(const char *name, enum dns_type type)
{
    for (size_t i = zone_count; i-- > 0;)
        if (strcmp(zone[i].name, name) == 0 && zone[i].type == type) zone[i] = zone[--zone_count];
}

static const char *served; /* the policy of MTA-STS; NULL: none is looked at */

static const char *configured; /* the file of autoconfiguration */

static const char *fetch(void *owner, enum zone_file which, gp_str host, gp_str addresses, gp_str *file)
{
    (void)owner;
    if (which == ZONE_FILE_AUTOCONFIG) {
        CHECK_IS(host, "autoconfig.example.org");
        *file = gp_from(configured ? configured : "");
        return configured ? NULL : "nobody answers";
    }
    CHECK_IS(host, "mta-sts.example.org");
    CHECK_IS(addresses, "192.0.2.3");
    *file = gp_from(served);
    return served[0] ? NULL : "nobody answers";
}

static struct heard check_it(enum zone_kind kind)
{
    struct heard          h   = { .kind = kind };
    const struct zone_dns dns = { ask, NULL, served ? fetch : NULL };
    zone_check(&plan, &dns, hear, &h);
    return h;
}

TEST(all_is_right_where_all_is_there)
{
    for (size_t kind = 0; kind < ZONE_KINDS; kind++) {
        plan_it();
        struct heard h = check_it((enum zone_kind)kind);
        if (!h.count || h.worst != ZONE_RIGHT) fail_msg("%s: %s", zone_kinds[kind], h.why);
    }
}

static const struct {
    enum zone_kind    kind;
    const char       *name; /* what is taken out, or put in the place of */
    enum dns_type     type;
    const char       *data; /* NULL: nothing; with a '&' before it, beside the one there is */
    enum zone_verdict verdict;
    const char       *why; /* part of it */
} faults[] = {
    {ZONE_ADDRESS, "mail.example.org",              DNS_A,    "!",                                                                     ZONE_RIGHT,   ""                                              }, /* the other family has one */
    { ZONE_PTR,    "1.2.0.192.in-addr.arpa",        DNS_PTR,  NULL,                                                                    ZONE_MISSING, "has no name"                                   },
    { ZONE_PTR,    "1.2.0.192.in-addr.arpa",        DNS_PTR,  "nowhere.example.net",                                                   ZONE_WRONG,   "does not lead back"                            },
    { ZONE_PTR,    "1.2.0.192.in-addr.arpa",        DNS_PTR,  "!",                                                                     ZONE_UNKNOWN, "no answer"                                     },
    { ZONE_PTR,    "1.2.0.192.in-addr.arpa",        DNS_PTR,  "&other.example.net",                                                    ZONE_RIGHT,   ""                                              },
    { ZONE_MX,     "example.org",                   DNS_MX,   NULL,                                                                    ZONE_MISSING, "nobody"                                        },
    { ZONE_MX,     "example.org",                   DNS_MX,   "0 ",                                                                    ZONE_WRONG,   "takes no mail"                                 },
    { ZONE_MX,     "example.org",                   DNS_MX,   "10 nowhere.example.net",                                                ZONE_WRONG,   "no address"                                    },
    { ZONE_MX,     "example.org",                   DNS_MX,   "!",                                                                     ZONE_UNKNOWN, "no answer"                                     },
    { ZONE_SPF,    "example.org",                   DNS_TXT,  NULL,                                                                    ZONE_MISSING, "no such record"                                },
    { ZONE_SPF,    "example.org",                   DNS_TXT,  "v=spf1 -all",                                                           ZONE_WRONG,   "192.0.2.1, which mail leaves from, gets 'fail'"},
    { ZONE_SPF,    "example.org",                   DNS_TXT,  "v=spf1 ip4:192.0.2.1 -all",                                             ZONE_WRONG,
     "2001:db8::1, which mail leaves from, gets 'fail'"                                                                                                                                              },
    { ZONE_SPF,    "example.org",                   DNS_TXT,  "v=spf1 a:mail.example.org +all",                                        ZONE_WEAK,    "all the world"                                 },
    { ZONE_SPF,    "example.org",                   DNS_TXT,  "v=spf1 ip4:300.0.2.1 -all",                                             ZONE_WRONG,   "argument of a mechanism"                       },
    { ZONE_SPF,    "example.org",                   DNS_TXT,  "v=spf1 a:mail.example.org a:n1.example a:n2.example a:n3.example -all",
     ZONE_WEAK,                                                                                                                                      "at 'a:n3.example'"                             },
    { ZONE_SPF,    "example.org",                   DNS_TXT,  "&v=spf1 -all",                                                          ZONE_WRONG,   "2 records"                                     },
    { ZONE_SPF,    "example.org",                   DNS_TXT,  "!",                                                                     ZONE_UNKNOWN, "no answer"                                     },
    { ZONE_SPF,    "mail.example.org",              DNS_TXT,  NULL,                                                                    ZONE_WEAK,    "no such record"                                },
    { ZONE_SPF,    "mail.example.org",              DNS_TXT,  "v=spf1 ip6:::/0 -all",                                                  ZONE_WRONG,
     "192.0.2.1, which mail leaves from, gets 'fail'"                                                                                                                                                },
    { ZONE_SPF,    "mail.example.org",              DNS_TXT,  "v=spf1 b -all",                                                         ZONE_WRONG,   "no such mechanism"                             },
    { ZONE_DKIM,   "s1._domainkey.example.org",     DNS_TXT,  NULL,                                                                    ZONE_MISSING, "no such record"                                },
    { ZONE_DKIM,   "s1._domainkey.example.org",     DNS_TXT,  "v=DKIM1; k=ed25519; p=b3Ro",                                            ZONE_WRONG,   "another key"                                   },
    { ZONE_DKIM,   "s1._domainkey.example.org",     DNS_TXT,  "v=DKIM1; p=a2V5",                                                       ZONE_WRONG,   "another key"                                   }, /* as RSA */
    { ZONE_DKIM,   "s1._domainkey.example.org",     DNS_TXT,  "v=DKIM1; k=ed25519; p=",                                                ZONE_WRONG,   "revoked"                                       },
    { ZONE_DKIM,   "s1._domainkey.example.org",     DNS_TXT,  "v=DKIM1; k=ed25519; t=y; p=a2V5",                                       ZONE_WEAK,    "t=y"                                           },
    { ZONE_DKIM,   "s1._domainkey.example.org",     DNS_TXT,  "v=DKIM1; k=ed25519; p=a2V",                                             ZONE_WRONG,   "base64"                                        },
    { ZONE_DMARC,  "_dmarc.example.org",            DNS_TXT,  NULL,                                                                    ZONE_MISSING, "no such record"                                },
    { ZONE_DMARC,  "_dmarc.example.org",            DNS_TXT,  "v=DMARC1; p=block",                                                     ZONE_WRONG,   "p= is not"                                     },
    { ZONE_DMARC,  "_dmarc.example.org",            DNS_TXT,  "&v=DMARC1; p=none",                                                     ZONE_WRONG,   "2 records"                                     },
    { ZONE_STS,    "_mta-sts.example.org",          DNS_TXT,  NULL,                                                                    ZONE_ABSENT,  ""                                              },
    { ZONE_STS,    "_mta-sts.example.org",          DNS_TXT,  "v=STSv1;",                                                              ZONE_WRONG,   "id="                                           },
    { ZONE_STS,    "mta-sts.example.org",           DNS_A,    NULL,                                                                    ZONE_WRONG,   "mta-sts.example.org has no address"            },
    { ZONE_TLSRPT, "_smtp._tls.example.org",        DNS_TXT,  NULL,                                                                    ZONE_ABSENT,  ""                                              },
    { ZONE_TLSRPT, "_smtp._tls.example.org",        DNS_TXT,  "v=TLSRPTv1; rua=x",                                                     ZONE_WRONG,   "rua="                                          },
    { ZONE_SRV,    "_submissions._tcp.example.org", DNS_SRV,  NULL,                                                                    ZONE_ABSENT,  ""                                              },
    { ZONE_SRV,    "_submissions._tcp.example.org", DNS_SRV,  "0 1 465 other.example.org",                                             ZONE_WRONG,   "another server"                                },
    { ZONE_SRV,    "_submissions._tcp.example.org", DNS_SRV,  "0 1 587 mail.example.org",                                              ZONE_WRONG,
     "another server or port"                                                                                                                                                                        },
    { ZONE_TLSA,   "_465._tcp.mail.example.org",    DNS_TLSA, NULL,                                                                    ZONE_ABSENT,  ""                                              },
    { ZONE_TLSA,   "_465._tcp.mail.example.org",    DNS_TLSA, "\3\1\1!...............................",                                ZONE_WRONG,
     "none of the records"                                                                                                                                                                           },
    { ZONE_TLSA,   "_465._tcp.mail.example.org",    DNS_TLSA, "\3\1\2................................",                                ZONE_UNKNOWN,
     "other forms"                                                                                                                                                                                   },
    { ZONE_TLSA,   "_465._tcp.mail.example.org",    DNS_TLSA, "&\3\1\1!...............................",                               ZONE_RIGHT,
     ""                                                                                                                                                                                              }, /* the next key's */
};

TEST(each_fault_is_told)
{
    for (size_t i = 0; i < GP_COUNT(faults); i++) {
        const char *data = faults[i].data;
        plan_it();
        bool beside = data && data[0] == '&';
        if (!beside) leave_out(faults[i].name, faults[i].type);
        if (data) zone[zone_count++] = (struct record) { faults[i].name, faults[i].type, data + beside };
        struct heard h = check_it(faults[i].kind);
        if (h.worst != faults[i].verdict || !strstr(h.why, faults[i].why))
            fail_msg("%zu %s %s: %s %s", i, faults[i].name, data ? data : "-", zone_verdicts[h.worst], h.why);
    }
}

TEST(a_name_without_address_and_one_that_is_not_the_servers)
{
    plan_it();
    leave_out("mail.example.org", DNS_A);
    leave_out("mail.example.org", DNS_AAAA);
    CHECK(check_it(ZONE_ADDRESS).worst == ZONE_MISSING);
    plan_it();
    leave_out("1.2.0.192.in-addr.arpa", DNS_PTR);
    zone[zone_count++] = (struct record) { "1.2.0.192.in-addr.arpa", DNS_PTR, "box.example.net" };
    zone[zone_count++] = (struct record) { "box.example.net", DNS_A, "192.0.2.1" };
    struct heard h     = check_it(ZONE_PTR);
    CHECK(h.worst == ZONE_WEAK && strstr(h.why, "mail.example.org"));
}

static void only(const char *sender, bool own)
{
    plan_it();
    plan.sender_count = 0;
    zone_add_sender(&plan, sender, own, true);
}

TEST(who_sends_may_be_an_address)
{
    only("192.0.2.1", false);
    CHECK(check_it(ZONE_SPF).worst == ZONE_RIGHT && check_it(ZONE_PTR).count == 0);
    only("192.0.2.99", false);
    struct heard h = check_it(ZONE_SPF);
    CHECK(h.worst == ZONE_WEAK && strstr(h.why, "192.0.2.99")); /* a provider's, whose others are not known */
    only("192.0.2.99", true);                                   /* a second one of ours */
    h = check_it(ZONE_SPF);
    CHECK(h.worst == ZONE_WRONG && strstr(h.why, "192.0.2.99"));
    CHECK(check_it(ZONE_PTR).worst == ZONE_MISSING);
}

static void says(const char *txt)
{
    leave_out("example.org", DNS_TXT);
    zone[zone_count++] = (struct record) { "example.org", DNS_TXT, txt };
}

TEST(a_providers_servers_are_let_send_by_what_it_asks_to_be_included)
{
    only("smtp.office365.com", false);
    zone[zone_count++] = (struct record) { "smtp.office365.com", DNS_A, "203.0.113.1" };
    zone[zone_count++] = (struct record) { "spf.protection.outlook.com", DNS_TXT, "v=spf1 ip4:203.0.113.9 -all" };
    zone[zone_count++] =
        (struct record) { "_spf.example.org", DNS_TXT, "v=spf1 include:spf.protection.outlook.com ?all" };
    says("v=spf1 a:smtp.office365.com ~all");
    struct heard h = check_it(ZONE_SPF);
    CHECK(h.worst == ZONE_WEAK && strstr(h.why, "include:spf.protection.outlook.com"));
    says("v=spf1 include:SPF.protection.outlook.com -all");
    CHECK(check_it(ZONE_SPF).worst == ZONE_RIGHT);
    says("v=spf1 redirect=_spf.example.org");
    CHECK(check_it(ZONE_SPF).worst == ZONE_RIGHT);
}

static const char *const elevens[] = {
    "v=spf1 ip4:192.0.2.1 a:n1.example a:n2.example a:n3.example -all",
    "v=spf1 ip4:192.0.2.1 exists:%{i}.a.example exists:%{i}.b.example exists:%{i}.c.example -all",
    "v=spf1 ip4:192.0.2.1 include:n.example -all",
    "v=spf1 ip4:192.0.2.1 mx mx mx mx mx mx mx mx mx mx mx -all",
};

static struct heard look_as_receivers(enum zone_kind kind);

/* RFC 7208 4.6.2: receivers stop at the first term that matches, and come to no limit behind it. */
TEST(what_stands_behind_the_term_that_matches_fails_no_mail)
{
    for (size_t i = 0; i < GP_COUNT(elevens); i++) {
        only("192.0.2.1", true);
        says(elevens[i]);
        CHECK(look_as_receivers(ZONE_SPF).worst == ZONE_RIGHT);
        struct heard h = check_it(ZONE_SPF);
        CHECK(h.worst == ZONE_WEAK && strstr(h.why, "that no term before matches") && h.mend[0]);
        only("192.0.2.9", true); /* it comes to it */
        says(elevens[i]);
        CHECK(look_as_receivers(ZONE_SPF).worst == ZONE_WRONG && check_it(ZONE_SPF).worst == ZONE_WRONG);
        only("192.0.2.9", false); /* a provider takes the mail there, and sends it from elsewhere */
        says(elevens[i]);
        CHECK(look_as_receivers(ZONE_SPF).worst == ZONE_WEAK);
        plan.sender_count = 0; /* nothing is known that could match sooner */
        CHECK(check_it(ZONE_SPF).worst == ZONE_WRONG);
    }
}

TEST(a_record_that_cannot_be_read_fails_all_mail)
{
    for (int own = 0; own < 2; own++) {
        only("192.0.2.1", own);
        says("v=spf1 ip4:192.0.2.1 ip4:300.0.2.1 -all");
        CHECK(look_as_receivers(ZONE_SPF).worst == ZONE_WRONG);
    }
}

TEST(an_include_that_mail_comes_to_counts_whatever_is_behind_it)
{
    static const struct {
        const char       *txt;
        enum zone_verdict verdict;
    } cases[] = {
        {"v=spf1 include:spf.protection.outlook.com include:n.example -all",  ZONE_WEAK },
        { "v=spf1 include:n.example include:spf.protection.outlook.com -all", ZONE_WRONG},
        { "v=spf1 include:spf.protection.outlook.com -all",                   ZONE_WRONG}, /* has no record now */
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        only("smtp.office365.com", false);
        says(cases[i].txt);
        if (i < 2)
            zone[zone_count++] =
                (struct record) { "spf.protection.outlook.com", DNS_TXT, "v=spf1 ip4:203.0.113.9 -all" };
        struct heard h = look_as_receivers(ZONE_SPF);
        if (h.worst != cases[i].verdict) fail_msg("%zu: %s %s", i, zone_verdicts[h.worst], h.why);
    }
}

static struct heard look_as_receivers(enum zone_kind kind)
{
    struct heard          h   = { .kind = kind };
    const struct zone_dns dns = { ask, NULL };
    zone_check_sending(&plan, &dns, hear, &h);
    return h;
}

TEST(receivers_see_the_names_of_a_host_that_sends_itself)
{
    plan_it();
    leave_out("mail.example.org", DNS_A);
    leave_out("mail.example.org", DNS_AAAA);
    CHECK(look_as_receivers(ZONE_ADDRESS).worst == ZONE_MISSING);
    only("192.0.2.2", false); /* behind a provider nobody does */
    leave_out("mail.example.org", DNS_A);
    leave_out("mail.example.org", DNS_AAAA);
    CHECK(look_as_receivers(ZONE_ADDRESS).count == 0 && look_as_receivers(ZONE_SPF).worst == ZONE_RIGHT);
    CHECK(check_it(ZONE_ADDRESS).worst == ZONE_MISSING);
    only("192.0.2.1", true); /* from another address of it: EHLO says the name all the same */
    leave_out("mail.example.org", DNS_A);
    leave_out("mail.example.org", DNS_AAAA);
    CHECK(look_as_receivers(ZONE_ADDRESS).worst == ZONE_MISSING);
}

TEST(receivers_judge_by_the_main_way_and_the_check_by_each)
{
    plan_it();
    zone_add_sender(&plan, "192.0.2.77", true, false); /* of a route for a part of the mail */
    CHECK(look_as_receivers(ZONE_SPF).worst == ZONE_RIGHT && look_as_receivers(ZONE_PTR).worst == ZONE_RIGHT);
    struct heard h = check_it(ZONE_SPF);
    CHECK(h.worst == ZONE_WRONG && strstr(h.why, "192.0.2.77"));
}

TEST(the_domain_above_stands_in_for_dmarc)
{
    plan_it();
    CHECK(gp_copy_z(GP_LIT("sub.example.org"), plan.domain, sizeof plan.domain));
    CHECK(check_it(ZONE_DMARC).worst == ZONE_RIGHT);
}

/* Keys of the domain above sign; that counts for DMARC, unless it says that they do not. */
TEST(keys_of_the_domain_above_are_looked_for_there)
{
    plan_it();
    CHECK(gp_copy_z(GP_LIT("sub.example.org"), plan.domain, sizeof plan.domain));
    CHECK(check_it(ZONE_DKIM).worst == ZONE_MISSING);
    CHECK(gp_copy_z(GP_LIT("example.org"), plan.signer, sizeof plan.signer));
    plan.keys[0].above = true;
    CHECK(check_it(ZONE_DKIM).worst == ZONE_RIGHT && check_it(ZONE_DMARC).worst == ZONE_RIGHT);
    leave_out("_dmarc.example.org", DNS_TXT);
    zone[zone_count++] =
        (struct record) { "_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject; rua=mailto:a@example.org; adkim=s" };
    struct heard h = check_it(ZONE_DMARC);
    CHECK(h.worst == ZONE_WRONG && strstr(h.why, "adkim=s"));
    plan.signer[0] = '\0';
    CHECK(check_it(ZONE_DMARC).worst == ZONE_RIGHT);
}

TEST(receivers_let_a_signature_of_the_domain_above_count_unless_told_not_to)
{
    static const struct {
        const char       *at, *dmarc, *signer;
        enum zone_verdict verdict; /* RIGHT: nothing is said */
    } cases[] = {
        {"_dmarc.example.org",      "v=DMARC1; p=reject; adkim=s", "example.org",     ZONE_WRONG  },
        { "_dmarc.sub.example.org", "v=DMARC1; p=reject; adkim=s", "example.org",     ZONE_WRONG  },
        { "_dmarc.example.org",     "v=DMARC1; p=reject; adkim=s", "sub.example.org", ZONE_RIGHT  },
        { "_dmarc.example.org",     "v=DMARC1; p=reject; adkim=s", "",                ZONE_RIGHT  },
        { "_dmarc.example.org",     "v=DMARC1; p=reject; adkim=r", "example.org",     ZONE_RIGHT  },
        { "_dmarc.example.org",     "v=DMARC1; p=block; adkim=s",  "example.org",     ZONE_RIGHT  }, /* is none */
        { "_dmarc.example.org",     "!",                           "example.org",     ZONE_UNKNOWN},
        { "_dmarc.sub.example.org", "v=DMARC1; p=none",            "example.org",     ZONE_RIGHT  },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        plan_it();
        CHECK(gp_copy_z(GP_LIT("sub.example.org"), plan.domain, sizeof plan.domain));
        CHECK(gp_copy_z(gp_from(cases[i].signer), plan.signer, sizeof plan.signer));
        plan.keys[0].above = true;
        leave_out("_dmarc.example.org", DNS_TXT);
        zone[zone_count++] = (struct record) { cases[i].at, DNS_TXT, cases[i].dmarc };
        struct heard h     = look_as_receivers(ZONE_DMARC);
        if (h.worst != cases[i].verdict) fail_msg("%zu: %s %s", i, zone_verdicts[h.worst], h.why);
    }
}

TEST(a_file_of_autoconfiguration_names_this_server)
{
    static const char
        ours[] = "<incomingServer><hostname>imap.example.org</hostname></incomingServer><outgoingServer type=\"smtp\">"
                 "<hostname>mail.example.org</hostname><port>465</port></outgoingServer>",
        theirs[] =
            "<incomingServer><hostname>mail.example.org</hostname></incomingServer><outgoingServer type=\"smtp\">"
            "<hostname>smtp.example.com</hostname></outgoingServer><hostname>mail.example.org</hostname>";
    plan_it();
    served     = "";
    configured = ours;
    CHECK(check_it(ZONE_AUTOCONFIG).worst == ZONE_RIGHT);
    configured = theirs;
    CHECK(check_it(ZONE_AUTOCONFIG).worst == ZONE_WRONG);
    configured = "<outgoingServer";
    CHECK(check_it(ZONE_AUTOCONFIG).worst == ZONE_WRONG);
    configured = NULL;
    CHECK(check_it(ZONE_AUTOCONFIG).worst == ZONE_WEAK);
    leave_out("autoconfig.example.org", DNS_A);
    CHECK(check_it(ZONE_AUTOCONFIG).worst == ZONE_ABSENT);
    served = NULL;
}

TEST(without_a_proof_tlsa_counts_for_nothing)
{
    plan_it();
    secure = false;
    CHECK(check_it(ZONE_TLSA).worst == ZONE_WEAK);
    CHECK(check_it(ZONE_DNSSEC).worst == ZONE_WEAK);
    plan.proofs = ZONE_PROOFS_REQUIRED;
    CHECK(check_it(ZONE_DNSSEC).worst == ZONE_WRONG);
    plan.proofs = ZONE_PROOFS_OF_NO_MATTER;
    CHECK(check_it(ZONE_DNSSEC).count == 0);
}

TEST(keys_that_do_not_sign_need_not_be_there)
{
    plan_it();
    leave_out("s1._domainkey.example.org", DNS_TXT);
    plan.keys[0].state = CONFIG_DKIM_NEXT;
    struct heard h     = check_it(ZONE_DKIM);
    CHECK(h.worst == ZONE_MISSING && strstr(h.why, "no key to sign")); /* but some key has to sign */
    plan.keys_hidden = true;
    CHECK(check_it(ZONE_DKIM).worst == ZONE_UNKNOWN);
    plan.own = false;
    CHECK(check_it(ZONE_DKIM).worst == ZONE_ABSENT);
}

TEST(of_a_foreign_domain_less_is_known)
{
    plan_it();
    plan.own       = false;
    plan.key_count = plan.service_count = 0;
    plan.has_spki                       = false;
    plan.hostname[0]                    = '\0';
    plan.sender_count                   = 0;
    CHECK(check_it(ZONE_DKIM).count == 0 && check_it(ZONE_TLSA).count == 0 && check_it(ZONE_PTR).count == 0);
    CHECK(check_it(ZONE_SPF).worst == ZONE_RIGHT && check_it(ZONE_SRV).worst == ZONE_ABSENT); /* no _submission */
    leave_out("_submissions._tcp.example.org", DNS_SRV);
    zone[zone_count++] = (struct record) { "_submissions._tcp.example.org", DNS_SRV, "0 0 465 nowhere.example.org" };
    CHECK(check_it(ZONE_SRV).worst == ZONE_WRONG);
    leave_out("_submissions._tcp.example.org", DNS_SRV);
    zone[zone_count++] = (struct record) { "_submissions._tcp.example.org", DNS_SRV, "0 0 0 " };
    CHECK(check_it(ZONE_SRV).worst == ZONE_ABSENT);
}

TEST(a_policy_is_served_and_names_where_mx_leads)
{
    static const struct {
        const char       *file;
        enum zone_verdict verdict;
        const char       *why;
    } cases[] = {
        {"version: STSv1\nmode: enforce\nmx: *.example.org\nmax_age: 9\n", ZONE_RIGHT, ""                              },
        { "version: STSv1\nmode: none\nmax_age: 9\n",                      ZONE_RIGHT, ""                              },
        { "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9\n",    ZONE_WRONG, "does not name mx.example.org"  },
        { "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 9\n",    ZONE_WEAK,  "once its mode is enforce"      },
        { "version: STSv1\nmode: enforce\nmax_age: 9\n",                   ZONE_WRONG, "is no policy: it names no mail"},
        { "",                                                              ZONE_WRONG, "is no policy: nobody answers"  },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        plan_it();
        served         = cases[i].file;
        struct heard h = check_it(ZONE_STS);
        served         = NULL;
        if (h.worst != cases[i].verdict || !strstr(h.why, cases[i].why)) fail_msg("%s: %s", cases[i].file, h.why);
    }
}
