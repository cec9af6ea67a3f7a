/* A refusal costs the store the same whoever it is for: counted in questions, not by the clock. */
#include "vault/test_bed.h"

static unsigned finds, reads, rows; /* rows: credentials that were read */

struct rows __real_credentials_of(struct accounts *, int64_t);
struct rows __wrap_credentials_of(struct accounts *, int64_t);
struct rows __wrap_credentials_of(struct accounts *a, int64_t account)
{
    reads++;
    return __real_credentials_of(a, account);
}

gp_status __real_credentials_next(struct rows *, struct credential *);
gp_status __wrap_credentials_next(struct rows *, struct credential *);
gp_status __wrap_credentials_next(struct rows *r, struct credential *out)
{
    gp_status status = __real_credentials_next(r, out);
    rows += status == GP_OK;
    return status;
}

gp_status __real_accounts_find(struct accounts *, gp_str, struct account *);
gp_status __wrap_accounts_find(struct accounts *, gp_str, struct account *);
gp_status __wrap_accounts_find(struct accounts *a, gp_str login, struct account *out)
{
    finds++;
    return __real_accounts_find(a, login, out);
}

static const struct {
    const char *what, *initial;
} tries[] = {
    {"a wrong password",                          "AGFubmEAd3Jvbmc="                        },
    { "no such account",                          "AG5vYm9keQB3cm9uZw=="                    },
    { "no such account, and somebody's password", "AG5vYm9keQBjb3JyZWN0IGhvcnNlIGJhdHRlcnk="},
    { "a disabled account",                       "AG9mZgB3cm9uZw=="                        },
    { "a disabled account, right password",       "AG9mZgBjb3JyZWN0IGhvcnNlIGJhdHRlcnk="    },
};

TEST(every_no_asks_the_store_the_same)
{
    static const enum bed_kind kinds[] = { BED_GENERATED, BED_CHOSEN, BED_HASHED };
    for (size_t k = 0; k < GP_COUNT(kinds); k++) {
        struct bed *b = bed_open();
        bed_account(b, "anna", kinds[k], false);
        bed_account(b, "off", kinds[k], false);
        bed_disable(b, "off");
        vault_refresh(b->vault);
        for (size_t i = 0; i < GP_COUNT(tries); i++) {
            struct msg m           = MSG(SASL_START);
            m.sasl_start           = (struct msg_sasl_start) { .session = i, .has_initial = true };
            m.sasl_start.mechanism = GP_LIT("PLAIN");
            m.sasl_start.initial   = gp_from(tries[i].initial);
            m.sasl_start.peer = m.sasl_start.helo = m.sasl_start.tls_cipher = GP_LIT("x");
            m.sasl_start.tls_version                                        = GP_LIT("TLSv1.3");
            m.sasl_start.binding_data = m.sasl_start.end_point = m.sasl_start.chain = GP_LIT("");
            finds = reads = rows = 0;
            print_message("%s\n", tries[i].what);
            bed_ask(b, b->smtpd, &m);
            CHECK(b->answer.sasl_result.step == GP_SASL_FAILED && b->answer.sasl_result.why == GP_SASL_REFUSED);
            CHECK(finds == 1 && reads == 2 && rows == 1);
        }
        bed_close(b);
    }
}

/* Where there is nobody at all there is nobody to give away. */
TEST(an_empty_store_refuses_too)
{
    struct bed *b          = bed_open();
    struct msg  m          = MSG(SASL_START);
    m.sasl_start           = (struct msg_sasl_start) { .session = 1, .has_initial = true };
    m.sasl_start.mechanism = GP_LIT("PLAIN");
    m.sasl_start.initial   = gp_from(tries[0].initial);
    m.sasl_start.peer = m.sasl_start.helo = m.sasl_start.tls_cipher = GP_LIT("x");
    m.sasl_start.tls_version                                        = GP_LIT("TLSv1.3");
    m.sasl_start.binding_data = m.sasl_start.end_point = m.sasl_start.chain = GP_LIT("");
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.sasl_result.why == GP_SASL_REFUSED);
    bed_close(b);
}

/* ---- SCRAM: the proof is tried on as many keys for everybody ----------------------------------------------------------- */
static unsigned attempts;

bool __real_gp_sasl_fits_keys(struct gp_sasl *, const struct gp_scram_keys *);
bool __wrap_gp_sasl_fits_keys(struct gp_sasl *, const struct gp_scram_keys *);
bool __wrap_gp_sasl_fits_keys(struct gp_sasl *x, const struct gp_scram_keys *keys)
{
    attempts++;
    return __real_gp_sasl_fits_keys(x, keys);
}

static void say(struct bed *b, bool first, gp_str line)
{
    struct msg start = MSG(SASL_START), more = MSG(SASL_LINE);
    start.sasl_start = (struct msg_sasl_start) { .session      = 9,
                                                 .has_initial  = true,
                                                 .binding_data = GP_LIT(""),
                                                 .end_point    = GP_LIT(""),
                                                 .mechanism    = GP_LIT("SCRAM-SHA-256"),
                                                 .initial      = line,
                                                 .peer         = GP_LIT("x"),
                                                 .helo         = GP_LIT("x"),
                                                 .tls_version  = GP_LIT("TLSv1.3"),
                                                 .tls_cipher   = GP_LIT("x"),
                                                 .chain        = GP_LIT("") };
    more.sasl_line   = (struct msg_sasl_line) { .session = 9, .line = line };
    bed_ask(b, b->smtpd, first ? &start : &more);
}

static gp_str base64_of(struct gp_text *room, const char *text)
{
    gp_put_base64(room, gp_from(text));
    return gp_said(room);
}

/* With a proof of nothing. */
static void fail_by_scram(struct bed *b, const char *user)
{
    char           text[512], room[1024], nonce[128];
    struct gp_text first = GP_TEXT(room);
    size_t         len   = 0;
    (void)snprintf(text, sizeof(text), "n,,n=%s,r=abcdef", user);
    say(b, true, base64_of(&first, text));
    CHECK(b->answer.sasl_result.step == GP_SASL_CHALLENGE && gp_read_base64(bed_text(b), text, sizeof(text), &len));
    gp_str rest = { text, len };
    CHECK(gp_copy_z(gp_cut(&rest, ','), nonce, sizeof(nonce)));
    struct gp_text final = GP_TEXT(room);
    (void)snprintf(text, sizeof(text), "c=biws,%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", nonce);
    say(b, false, base64_of(&final, text));
    CHECK(b->answer.sasl_result.step == GP_SASL_FAILED && b->answer.sasl_result.why == GP_SASL_REFUSED);
}

TEST(every_proof_is_tried_as_often)
{
    static const char *const names[] = { "anna", "hashed", "none", "off", "nobody", "nobody@far.example" };
    const char              *why     = "";
    int64_t                  id;
    struct bed              *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    bed_account(b, "hashed", BED_HASHED, false);
    bed_account(b, "off", BED_GENERATED, false);
    bed_disable(b, "off");
    struct accounts   *a    = bed_store(b);
    struct new_account none = { .name = GP_LIT("none") };
    CHECK(accounts_add(a, &none, 1000, &why) == GP_OK);
    for (int i = 0; i < 4; i++) { /* two kinds without keys beside the one with: all count */
        struct verifier       v = bed_verifier(b, "anna", BED_HASHED, false);
        struct new_credential n = { .kind = CREDENTIAL_CHOSEN, .verifier = &v };
        CHECK(credential_add(a, 1, &n, 1000, &id, &why) == GP_OK);
    }
    accounts_close(a);
    vault_refresh(b->vault);
    for (size_t i = 0; i < GP_COUNT(names); i++) {
        finds = reads = rows = attempts = 0;
        print_message("%s\n", names[i]);
        fail_by_scram(b, names[i]);
        CHECK(finds == 2 && reads == 2 && rows == 5 && attempts == 5);
    }
    bed_close(b);
}
