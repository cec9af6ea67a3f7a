/* The records, character by character: what an administrator pastes into a zone. */
#include "cli/records.h"

#include "check.h"

#include <string.h>

static char           room[8192];
static struct gp_text said;

static void put_records(void)
{
    struct gp_key      *rsa = gp_key_new(GP_KEY_RSA, 2048), *ed25519 = gp_key_new(GP_KEY_ED25519, 0);
    struct records_plan plan = {
        "mail.example.org", "example.org", {{ "one", rsa }, { "two", ed25519 }}
    };
    CHECK(rsa && ed25519);
    said = GP_TEXT(room);
    records_put(&plan, &said);
    CHECK(!said.cut);
    gp_put_char(&said, '\0');
    gp_key_close(rsa);
    gp_key_close(ed25519);
}

TEST(each_record_is_there)
{
    static const char *const lines[] = {
        "example.org.                                IN TXT \"v=spf1 mx a:mail.example.org ~all\"\n",
        "one._domainkey.example.org.                 IN TXT ( \"v=DKIM1; k=rsa; p=MII",
        "two._domainkey.example.org.                 IN TXT \"v=DKIM1; k=ed25519; p=",
        "_dmarc.example.org.                         IN TXT \"v=DMARC1; p=none\"\n",
        "_submissions._tcp.example.org.              IN SRV 0 1 465 mail.example.org.\n",
        "_submission._tcp.example.org.               IN SRV 10 1 587 mail.example.org.\n",
    };
    put_records();
    for (size_t i = 0; i < GP_COUNT(lines); i++)
        if (!strstr(room, lines[i])) fail_msg("missing: %s\nin %s", lines[i], room);
}

/* RFC 1035 3.3: a character-string has a length octet. */
TEST(no_string_is_longer_than_255)
{
    put_records();
    size_t run = 0, longest = 0;
    bool   inside = false;
    for (const char *c = room; *c; c++) {
        run     = *c == '"' ? 0 : run + 1;
        inside  = *c == '"' ? !inside : inside;
        longest = inside && run > longest ? run : longest;
    }
    CHECK(longest == 255);
}

TEST(a_name_too_long_cuts_the_whole_and_says_so)
{
    char           small[100];
    struct gp_key *key = gp_key_new(GP_KEY_ED25519, 0);
    struct gp_text out = GP_TEXT(small);
    CHECK(key);
    records_put(
        &(struct records_plan) {
            "mail.example.org", "example.org", {{ "a", key }, { "b", key }}
    },
        &out);
    CHECK(out.cut);
    gp_key_close(key);
}
