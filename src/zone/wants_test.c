/* The records, character by character: what an administrator pastes into a zone. */
#include <string.h>

#include "check.h"
#include "zone/zone.h"

static char             room[16384];
static struct gp_text   said;
static struct zone_plan plan;

static void put_line(void *owner, const struct zone_want *w)
{
    zone_put_line(owner, w);
}

static void add_key(const char *selector, enum gp_key_kind kind, enum config_dkim_state state)
{
    struct zone_key *key  = &plan.keys[plan.key_count++];
    struct gp_key   *made = gp_key_new(kind, 2048);
    key->state            = state;
    CHECK(made && zone_keep_key(key, made) && gp_copy_z(gp_from(selector), key->selector, sizeof key->selector));
    gp_key_close(made);
}

static void put_records(const char *sender, const char *further)
{
    plan =
        (struct zone_plan) { .domain = "example.org", .hostname = "mail.example.org", .own = true, .has_spki = true };
    zone_add_sender(&plan, sender, strcmp(sender, plan.hostname) == 0, true);
    if (further) zone_add_sender(&plan, further, further[0] >= '0' && further[0] <= '9', false);
    plan.services[plan.service_count++] = (struct zone_service) { "_submissions", 465, 0 };
    plan.services[plan.service_count++] = (struct zone_service) { "_submission", 587, 10 };
    add_key("one", GP_KEY_RSA, CONFIG_DKIM_SIGNS);
    add_key("two", GP_KEY_ED25519, CONFIG_DKIM_NEXT);
    said = GP_TEXT(room);
    zone_wants(&plan, put_line, &said);
    gp_put_char(&said, '\0');
    CHECK(!said.cut);
}

static void has(const char *line)
{
    if (!strstr(room, line)) fail_msg("missing: %s\nin %s", line, room);
}

TEST(each_record_is_there)
{
    static const char *const lines[] = {
        "; mail.example.org.                           IN A ...  ; the server's addresses",
        "; each of these addresses                     IN PTR mail.example.org.  ; ",
        "; example.org.                                IN MX ...  ; ",
        "example.org.                                IN TXT \"v=spf1 mx a:mail.example.org ~all\"\n",
        "one._domainkey.example.org.                 IN TXT ( \"v=DKIM1; k=rsa; p=MII",
        "two._domainkey.example.org.                 IN TXT \"v=DKIM1; k=ed25519; p=",
        "_dmarc.example.org.                         IN TXT \"v=DMARC1; p=none\"\n",
        "_submissions._tcp.example.org.              IN SRV 0 1 465 mail.example.org.\n",
        "_submission._tcp.example.org.               IN SRV 10 1 587 mail.example.org.\n",
        "_mta-sts.example.org.                       IN TXT \"v=STSv1; id=",
        "_smtp._tls.example.org.                     IN TXT \"v=TLSRPTv1; rua=mailto:postmaster@example.org\"\n",
        "_465._tcp.mail.example.org.                 IN TLSA 3 1 1 0000",
        "_587._tcp.mail.example.org.                 IN TLSA 3 1 1 0000",
    };
    put_records("mail.example.org", NULL);
    for (size_t i = 0; i < GP_COUNT(lines); i++) has(lines[i]);
}

TEST(mail_by_way_of_a_provider_leaves_from_there)
{
    put_records("smtp.example.net", NULL);
    has("\"v=spf1 mx a:smtp.example.net ~all\"");
    if (strstr(room, "PTR")) fail_msg("its addresses are not ours to name");
    put_records("192.0.2.9", NULL);
    has("\"v=spf1 mx ip4:192.0.2.9 ~all\"");
    put_records("2001:db8::9", NULL);
    has("\"v=spf1 mx ip6:2001:db8::9 ~all\"");
}

TEST(each_way_by_which_mail_leaves_stands_in_spf)
{
    put_records("smtp.example.net", "mail.example.com");
    has("\"v=spf1 mx a:smtp.example.net a:mail.example.com ~all\"");
    put_records("mail.example.org", "192.0.2.8");
    has("\"v=spf1 mx a:mail.example.org ip4:192.0.2.8 ~all\"");
    has("mail.example.org.                           IN TXT \"v=spf1 a ip4:192.0.2.8 -all\"\n");
    put_records("smtp.office365.com", NULL);
    has("\"v=spf1 mx include:spf.protection.outlook.com ~all\"");
    put_records("smtp.gmail.com", "smtp-relay.gmail.com");
    has("\"v=spf1 mx include:_spf.google.com ~all\"");
}

static size_t senders_that_are(bool main)
{
    size_t count = 0;
    for (size_t i = 0; i < plan.sender_count; i++) count += plan.senders[i].main == main;
    return count;
}

static struct config house = { .hostname = "mail.example.org" };

static struct config_route *add_route(const char *from, const char *to, enum relay_kind kind, const char *host)
{
    struct config_route *r = &house.routes[house.route_count++];
    *r                     = (struct config_route) { .via = { { .set = true, .kind = kind } } };
    CHECK(gp_copy_z(gp_from(from), r->from, sizeof r->from) && gp_copy_z(gp_from(to), r->to, sizeof r->to) &&
          gp_copy_z(gp_from(host), r->via[0].host, sizeof r->via[0].host));
    return r;
}

static void list_senders(void)
{
    plan = (struct zone_plan) { .domain = "example.org", .hostname = "mail.example.org" };
    zone_add_senders(&house, &plan);
}

TEST(where_mail_leaves_is_told_by_the_routes)
{
    list_senders();
    CHECK(plan.sender_count == 1 && plan.senders[0].own && plan.senders[0].main);
    add_route("example.com", "", RELAY_SMARTHOST, "theirs.example"); /* of another domain */
    list_senders();
    CHECK(plan.sender_count == 1);
    add_route("", "*.example.net", RELAY_SMARTHOST, "partner.example"); /* a part of it */
    add_route("boss@example.org", "", RELAY_SMARTHOST, "boss.example");
    list_senders();
    CHECK(plan.sender_count == 3 && !plan.senders[0].main && !plan.senders[1].main && plan.senders[2].main);
    add_route("", "example.edu", RELAY_DISCARD, "");    /* leaves nowhere */
    add_route("*.net example.org", "", RELAY_HOLD, ""); /* goes by the next one then */
    add_route("*.net example.org", "*", RELAY_SMARTHOST, "smtp.gmail.com")->via[1] =
        (struct config_hop) { .set = true, .kind = RELAY_SMARTHOST, .host = "smtp-relay.gmail.com" };
    add_route("", "", RELAY_SMARTHOST, "never.example"); /* nothing is left for it, nor for relay.via */
    list_senders();
    CHECK(plan.sender_count == 4 && senders_that_are(true) == 2);
    CHECK_IS(gp_from(plan.senders[2].include), "_spf.google.com");
    house.route_count = 0;
    CHECK(gp_copy_z(GP_LIT("192.0.2.5 2001:db8::5"), add_route("", "a.example", RELAY_MX, "")->from_address, 64));
    list_senders();
    CHECK(plan.sender_count == 3 && plan.senders[1].own && !plan.senders[1].main && plan.senders[2].main);
    CHECK_IS(gp_from(plan.senders[1].host), "2001:db8::5");
}

/* RFC 1035 3.3: a character-string has a length octet. */
TEST(no_string_is_longer_than_255)
{
    put_records("mail.example.org", NULL);
    size_t run = 0, longest = 0;
    bool   inside = false;
    for (const char *c = room; *c; c++) {
        run     = *c == '"' ? 0 : run + 1;
        inside  = *c == '"' ? !inside : inside;
        longest = inside && run > longest ? run : longest;
    }
    CHECK(longest == 255);
}

TEST(a_line_too_long_cuts_the_whole_and_says_so)
{
    char           small[100];
    struct gp_text out = GP_TEXT(small);
    put_records("mail.example.org", NULL);
    zone_wants(&plan, put_line, &out);
    CHECK(out.cut);
}

TEST(names_of_key_files_say_what_the_key_does)
{
    static const struct {
        const char *file, *domain, *selector;
        int         state; /* -1: none */
    } cases[] = {
        {"example.org.gp-rsa.pem",       "example.org",       "gp-rsa",    CONFIG_DKIM_SIGNS},
        { "example.org.2026-11.next",    "example.org",       "2026-11",   CONFIG_DKIM_NEXT },
        { "sub.example.org.s1.old",      "sub.example.org",   "s1",        CONFIG_DKIM_OLD  },
        { "example.org.two.parts.pem",   "example.org",       "two.parts", CONFIG_DKIM_SIGNS}, /* by the configuration */
        { "example.org.other.parts.pem", "example.org.other", "parts",     CONFIG_DKIM_SIGNS},
        { "example.org.gp-rsa.pem.bak",  "",                  "",          -1               },
        { "s1.pem",                      "",                  "",          -1               },
        { ".s1.pem",                     "",                  "",          -1               },
        { "example.org..pem",            "",                  "",          -1               },
        { "exa mple.org.s1.pem",         "",                  "",          -1               },
        { ".pem",                        "",                  "",          -1               },
        { "",                            "",                  "",          -1               },
    };
    static struct config config = {
        .dkim = {.rsa_selector = "gp-rsa", .ed25519_selector = "two.parts"}
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char                   domain[256], selector[64];
        enum config_dkim_state does;
        bool                   is = config_dkim_file(&config, gp_from(cases[i].file), &does, domain, selector);
        CHECK(is == (cases[i].state >= 0));
        if (!is) continue;
        CHECK_IS(gp_from(domain), cases[i].domain);
        CHECK_IS(gp_from(selector), cases[i].selector);
        CHECK((int)does == cases[i].state);
    }
}
