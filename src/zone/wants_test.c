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

static void put_records(const char *sender)
{
    plan =
        (struct zone_plan) { .domain = "example.org", .hostname = "mail.example.org", .own = true, .has_spki = true };
    CHECK(gp_copy_z(gp_from(sender), plan.sender, sizeof plan.sender));
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
    put_records("mail.example.org");
    for (size_t i = 0; i < GP_COUNT(lines); i++) has(lines[i]);
}

TEST(mail_by_way_of_a_provider_leaves_from_there)
{
    put_records("smtp.example.net");
    has("\"v=spf1 mx a:smtp.example.net ~all\"");
    if (strstr(room, "PTR")) fail_msg("its addresses are not ours to name");
    put_records("192.0.2.9");
    has("\"v=spf1 mx ip4:192.0.2.9 ~all\"");
    put_records("2001:db8::9");
    has("\"v=spf1 mx ip6:2001:db8::9 ~all\"");
}

/* RFC 1035 3.3: a character-string has a length octet. */
TEST(no_string_is_longer_than_255)
{
    put_records("mail.example.org");
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
    put_records("mail.example.org");
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
