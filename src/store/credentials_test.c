/* Credentials: what is kept of each, when one ends, whose a subject is, how many there may be, and what they share. */
#include "store/test_bed.h"

#define DAY  (24 * 3600 * 1000LL)
#define LATE (1000 * DAY)

/* ---- what is kept ---------------------------------------------------------------------------------------------------- */
static struct restrictions limits_for_all(void)
{
    return (struct restrictions) { .mechanisms = "PLAIN  SCRAM-SHA-256",
                                   .listeners  = " office",
                                   .networks   = "192.0.2.0/24 2001:db8::/32",
                                   .senders    = "Info@Example.ORG @b\xc3\xbc"
                                                 "cher.example",
                                   .hours      = "Mon-Fri  07:00-19:00",
                                   .expires    = LATE,
                                   .idle_days  = 90 };
}

TEST(a_credential_comes_back_as_it_was_kept)
{
    struct accounts      *a      = open_fresh();
    struct restrictions   limits = limits_for_all();
    struct verifier       v      = keys_of(FAST, 4096, 's');
    struct new_credential n      = { CREDENTIAL_GENERATED, GP_LIT("printer, 2nd floor"), GP_NONE, &v, &limits };
    v.cram_len                   = 40;
    memset(v.cram, 0xa5, v.cram_len);
    int64_t           account = account_of(a, "anna");
    struct credential c       = get(a, try_credential(a, account, &n));
    CHECK(c.account == account && c.kind == CREDENTIAL_GENERATED && c.created == 1000);
    CHECK_IS(gp_from(c.label), "printer, 2nd floor");
    CHECK_IS(gp_from(c.limits.mechanisms), "PLAIN SCRAM-SHA-256");
    CHECK_IS(gp_from(c.limits.listeners), "office");
    CHECK_IS(gp_from(c.limits.networks), "192.0.2.0/24 2001:db8::/32");
    CHECK_IS(gp_from(c.limits.senders), "info@example.org @xn--bcher-kva.example");
    CHECK_IS(gp_from(c.limits.hours), "Mon-Fri 07:00-19:00");
    CHECK(c.limits.expires == LATE && c.limits.idle_days == 90);
    CHECK_IS(gp_from(c.verifier.plain), v.plain);
    CHECK_IS(gp_from(c.verifier.scram_sha1), v.scram_sha1);
    CHECK_IS(gp_from(c.verifier.scram_sha256), v.scram_sha256);
    CHECK_IS(gp_from(c.verifier.scram_sha512), v.scram_sha512);
    CHECK(c.verifier.cram_len == v.cram_len && memcmp(c.verifier.cram, v.cram, v.cram_len) == 0);
    CHECK(c.last_used == 0 && c.use_count == 0 && c.replaced_by == 0 && c.retires == 0);
    accounts_close(a);
}

TEST(uses_add_up_and_the_last_is_remembered)
{
    struct accounts      *a      = open_fresh();
    struct verifier       v      = verifier_of(FAST, "");
    int64_t               id     = password_of_account(a, account_of(a, "anna"), "", &v);
    struct credential_use uses[] = {
        {id,      700, 2, "192.0.2.1", "PLAIN",         "",                               "old.example"    },
        { id,     777, 3, "192.0.2.2", "SCRAM-SHA-256", "TLSv1.3 TLS_AES_256_GCM_SHA384", "printer.example"},
        { id + 1, 800, 1, "192.0.2.3", "PLAIN",         "",                               ""               }, /* revoked meanwhile */
    };
    CHECK(accounts_used(a, uses, GP_COUNT(uses)) == GP_OK);
    struct credential c = get(a, id);
    CHECK(c.use_count == 5 && c.last_used == 777);
    CHECK_IS(gp_from(c.last_from), "192.0.2.2");
    CHECK_IS(gp_from(c.last_mechanism), "SCRAM-SHA-256");
    CHECK_IS(gp_from(c.last_tls), "TLSv1.3 TLS_AES_256_GCM_SHA384");
    CHECK_IS(gp_from(c.last_helo), "printer.example");
    accounts_close(a);
}

/* clang-format off */
static const struct { const char *label; bool good; } labels[] = {
    { "",                        true  },
    { "printer-2f",              true  },
    { "Anna's t\xc3\xa9l\xc3\xa9phone", true },
    { "2 printers",              true  },
    { "42",                      false }, /* that is an id */
    { " printer",                false },
    { "printer ",                false },
    { "prin\tter",               false },
    { "bell\x07",                false },
    { "\xc2\x9b" "31m",          false }, /* C1: a terminal may take it for an escape */
    { "not utf-8 \xff",          false },
    { "123456789012345678901234567890123456789012345678901234567890ab.",  true  },
    { "123456789012345678901234567890123456789012345678901234567890ab.c", false },
};
/* clang-format on */

TEST(a_label_is_one_printable_line_and_no_number)
{
    struct verifier v = verifier_of(FAST, "");
    for (size_t i = 0; i < GP_COUNT(labels); i++) {
        const char      *why = NULL;
        struct accounts *a   = open_fresh();
        print_message("%zu: %s\n", i, labels[i].label);
        CHECK(credential_label_is_good(gp_from(labels[i].label), &why) == labels[i].good && (labels[i].good || why));
        CHECK((password_of_account(a, account_of(a, "anna"), labels[i].label, &v) != 0) == labels[i].good);
        accounts_close(a);
    }
}

TEST(a_label_names_one_credential_of_an_account)
{
    struct accounts  *a    = open_fresh();
    struct verifier   v    = verifier_of(FAST, "");
    int64_t           anna = account_of(a, "anna"), bert = account_of(a, "bert");
    int64_t           id = password_of_account(a, anna, "phone", &v);
    struct credential c;
    char              number[24];
    struct gp_text    text = GP_TEXT(number);
    gp_put_number(&text, id);
    CHECK(id && password_of_account(a, bert, "phone", &v) && !password_of_account(a, anna, "phone", &v));
    CHECK(password_of_account(a, anna, "", &v) && password_of_account(a, anna, "", &v));
    CHECK(credential_named(a, anna, GP_LIT("phone"), &c) == GP_OK && c.id == id);
    CHECK(credential_named(a, anna, gp_said(&text), &c) == GP_OK && c.id == id);
    CHECK(credential_named(a, bert, gp_said(&text), &c) == GP_PERMFAIL);
    CHECK(credential_named(a, anna, GP_LIT(""), &c) == GP_PERMFAIL &&
          credential_named(a, anna, GP_LIT("x"), &c) == GP_PERMFAIL);
    accounts_close(a);
}

/* ---- subjects -------------------------------------------------------------------------------------------------------- */
#define HEX32 "0123456789abcdef0123456789abcdef"
/* clang-format off */
static const struct { enum credential_kind kind; const char *subject, *kept; } subjects[] = { /* kept NULL: refused */
    { CREDENTIAL_CERTIFICATE, "sha256:" HEX32 HEX32,       "sha256:" HEX32 HEX32 },
    { CREDENTIAL_CERTIFICATE, "sha256:0123456789ABCDEF0123456789ABCDEF" HEX32, "sha256:" HEX32 HEX32 },
    { CREDENTIAL_CERTIFICATE, "sha256:" HEX32,             NULL },
    { CREDENTIAL_CERTIFICATE, "sha256:" HEX32 HEX32 "00",  NULL },
    { CREDENTIAL_CERTIFICATE, "sha1:" HEX32,               NULL },
    { CREDENTIAL_CERTIFICATE, HEX32 HEX32,                 NULL },
    { CREDENTIAL_CERTIFICATE, "email:Anna@Example.org",    "email:anna@example.org" },
    { CREDENTIAL_CERTIFICATE, "email:@example.org",        NULL },
    { CREDENTIAL_CERTIFICATE, "email:anna",                NULL },
    { CREDENTIAL_CERTIFICATE, "subject:CN=Anna,O=Example", "subject:CN=Anna,O=Example" },
    { CREDENTIAL_CERTIFICATE, "subject:",                  NULL },
    { CREDENTIAL_CERTIFICATE, "",                          NULL },
    { CREDENTIAL_OAUTH,       "https://id.example 12-34",  "https://id.example 12-34" },
    { CREDENTIAL_OAUTH,       "https://id.example auth0|a b", "https://id.example auth0|a b" },
    { CREDENTIAL_OAUTH,       "https://id.example",        NULL },
    { CREDENTIAL_OAUTH,       "https://id.example ",       NULL },
    { CREDENTIAL_OAUTH,       " 12-34",                    NULL },
    { CREDENTIAL_OAUTH,       "https://id.example 1\n2",   NULL },
    { CREDENTIAL_SOURCE,      "ldap",                      "ldap" },
    { CREDENTIAL_SOURCE,      "two words",                 NULL },
    { CREDENTIAL_SOURCE,      "",                          NULL },
    { CREDENTIAL_GENERATED,   "",                          NULL }, /* a password without a verifier */
    { CREDENTIAL_IMPORTED,    "",                          NULL },
};
/* clang-format on */

TEST(a_subject_has_the_form_of_its_kind)
{
    for (size_t i = 0; i < GP_COUNT(subjects); i++) {
        struct accounts *a = open_fresh();
        print_message("%s: %s\n", credential_kind_name(subjects[i].kind), subjects[i].subject);
        int64_t id = subject_of_account(a, account_of(a, "anna"), subjects[i].kind, subjects[i].subject);
        CHECK((id != 0) == (subjects[i].kept != NULL));
        if (id) CHECK_IS(gp_from(get(a, id).subject), subjects[i].kept);
        accounts_close(a);
    }
}

TEST(a_subject_leads_to_one_account)
{
    struct accounts  *a    = open_fresh();
    int64_t           anna = account_of(a, "anna"), bert = account_of(a, "bert");
    struct account    whose;
    struct credential c;
    int64_t           id = subject_of_account(a, anna, CREDENTIAL_CERTIFICATE, "email:anna@example.org");
    CHECK(id && !subject_of_account(a, bert, CREDENTIAL_CERTIFICATE, "email:ANNA@example.org"));
    CHECK(subject_of_account(a, bert, CREDENTIAL_OAUTH,
                             "email:anna@example.org x")); /* another kind, another name space */
    CHECK(subject_of_account(a, anna, CREDENTIAL_SOURCE, "ldap") &&
          subject_of_account(a, bert, CREDENTIAL_SOURCE, "ldap"));
    CHECK(accounts_by_subject(a, CREDENTIAL_CERTIFICATE, GP_LIT("email:Anna@Example.org"), &whose, &c) == GP_OK);
    CHECK(whose.id == anna && c.id == id);
    CHECK(accounts_by_subject(a, CREDENTIAL_OAUTH, GP_LIT("email:anna@example.org x"), &whose, &c) == GP_OK &&
          whose.id == bert);
    CHECK(accounts_by_subject(a, CREDENTIAL_CERTIFICATE, GP_LIT("email:bert@example.org"), &whose, &c) == GP_PERMFAIL);
    CHECK(accounts_by_subject(a, CREDENTIAL_SOURCE, GP_LIT("ldap"), &whose, &c) == GP_PERMFAIL);
    CHECK(accounts_by_subject(a, CREDENTIAL_CHOSEN, GP_LIT(""), &whose, &c) == GP_PERMFAIL);
    CHECK(credential_revoke(a, id) == GP_OK && credential_revoke(a, id) == GP_PERMFAIL);
    CHECK(accounts_by_subject(a, CREDENTIAL_CERTIFICATE, GP_LIT("email:anna@example.org"), &whose, &c) == GP_PERMFAIL);
    accounts_close(a);
}

TEST(what_opens_a_credential_belongs_to_its_kind)
{
    struct accounts *a    = open_fresh();
    struct verifier  hash = verifier_of("$6$x", ""), scram = keys_of("", 4096, 's'), both = keys_of("$6$x", 4096, 's'),
                    empty = { 0 };
    int64_t anna          = account_of(a, "anna");
    const struct {
        struct new_credential n;
        bool                  good;
    } table[] = {
        {{ CREDENTIAL_IMPORTED, GP_NONE, GP_NONE, &hash, NULL },        true },
        { { CREDENTIAL_IMPORTED, GP_NONE, GP_NONE, &scram, NULL },      false},
        { { CREDENTIAL_IMPORTED, GP_NONE, GP_NONE, &both, NULL },       false},
        { { CREDENTIAL_CHOSEN, GP_NONE, GP_NONE, &scram, NULL },        true },
        { { CREDENTIAL_CHOSEN, GP_NONE, GP_NONE, &empty, NULL },        false},
        { { CREDENTIAL_CHOSEN, GP_NONE, GP_LIT("ldap"), &scram, NULL }, false},
        { { CREDENTIAL_SOURCE, GP_NONE, GP_LIT("ldap"), &hash, NULL },  false},
    };
    for (size_t i = 0; i < GP_COUNT(table); i++) CHECK((try_credential(a, anna, &table[i].n) != 0) == table[i].good);
    accounts_close(a);
}

/* ---- how many -------------------------------------------------------------------------------------------------------- */
TEST(an_account_has_so_many_credentials_and_fewer_that_are_slow)
{
    struct accounts *a    = open_fresh();
    struct verifier  slow = verifier_of(SLOW, ""), fast = verifier_of(FAST, "");
    int64_t          anna = account_of(a, "anna"), first = 0, last = 0;
    for (size_t i = 0; i < CREDENTIALS_SLOW_MOST; i++) {
        last  = password_of_account(a, anna, "", &slow);
        first = first ? first : last;
        CHECK(last);
    }
    CHECK(!password_of_account(a, anna, "", &slow));
    for (size_t i = CREDENTIALS_SLOW_MOST; i < CREDENTIALS_MOST; i++) CHECK(password_of_account(a, anna, "", &fast));
    CHECK(!password_of_account(a, anna, "", &fast) && !subject_of_account(a, anna, CREDENTIAL_SOURCE, "ldap"));
    CHECK(credential_revoke(a, first) == GP_OK && password_of_account(a, anna, "", &slow));
    CHECK(!password_of_account(a, anna, "", &fast));
    CHECK(password_of_account(a, account_of(a, "bert"), "", &slow));
    accounts_close(a);
}

/* ---- the end of one -------------------------------------------------------------------------------------------------- */
/* clang-format off */
static const struct { gp_time expires, retires; uint32_t idle_days; gp_time created, used, now; enum credential_state state; } ends[] = {
    { 0,    0,    0,  0,   0,       LATE,          CREDENTIAL_LIVE    },
    { 2000, 0,    0,  0,   0,       1999,          CREDENTIAL_LIVE    },
    { 2000, 0,    0,  0,   0,       2000,          CREDENTIAL_EXPIRED },
    { 0,    2000, 0,  0,   0,       1999,          CREDENTIAL_LIVE    },
    { 0,    2000, 0,  0,   0,       2000,          CREDENTIAL_RETIRED },
    { 0,    0,    30, 500, 0,       30 * DAY,       CREDENTIAL_LIVE    },
    { 0,    0,    30, 500, 0,       30 * DAY + 500, CREDENTIAL_IDLE    },
    { 0,    0,    30, 500, DAY,     30 * DAY + 500, CREDENTIAL_LIVE    },
    { 0,    0,    30, 500, DAY,     31 * DAY - 1,   CREDENTIAL_LIVE    },
    { 0,    0,    30, 500, DAY,     31 * DAY,       CREDENTIAL_IDLE    },
    { 0,    0,    30, 500, DAY,     0,             CREDENTIAL_LIVE    }, /* the clock was set back */
    { 2000, 1000, 1,  0,   0,       LATE,          CREDENTIAL_EXPIRED },
    { 0,    0,    CREDENTIAL_IDLE_MOST, 0, 0, LATE, CREDENTIAL_LIVE   },
};
/* clang-format on */

/* Set in the file as they are, past what the calls would take. */
static void set_ends(struct accounts *a, int64_t id, size_t i)
{
    auto_rows r =
        rows_of(accounts_database(a), "UPDATE credentials SET expires = ?, retires = ?, idle_days = ?, created = ?,"
                                      " last_used = ? WHERE id = ?");
    rows_bind_number(&r, ends[i].expires);
    rows_bind_number(&r, ends[i].retires);
    rows_bind_number(&r, ends[i].idle_days);
    rows_bind_number(&r, ends[i].created);
    rows_bind_number(&r, ends[i].used);
    rows_bind_number(&r, id);
    CHECK(rows_run(&r) == GP_OK);
}

/* It becomes slow at its first use, and then nobody is there to refuse it. */
TEST(an_imported_password_counts_as_slow_however_cheap_it_is)
{
    struct accounts      *a     = open_fresh();
    struct verifier       cheap = verifier_of("{SSHA}SbTdRvivCMAa3Dg0+Qi3bohbFVFy0ChG", "");
    struct new_credential fresh = { .kind = CREDENTIAL_IMPORTED, .verifier = &cheap };
    int64_t               anna  = account_of(a, "anna"), id;
    const char           *why;
    CHECK(verifier_cost(&cheap) == 0);
    for (size_t i = 0; i < CREDENTIALS_SLOW_MOST; i++) CHECK(credential_add(a, anna, &fresh, NOW, &id, &why) == GP_OK);
    CHECK(credential_add(a, anna, &fresh, NOW, &id, &why) == GP_PERMFAIL);
    accounts_close(a);
}

TEST(a_credential_ends_and_every_question_agrees_when)
{
    for (size_t i = 0; i < GP_COUNT(ends); i++) {
        struct survey    s;
        struct accounts *a    = open_fresh();
        struct verifier  slow = verifier_of(SLOW, "");
        int64_t          anna = account_of(a, "anna"), id = password_of_account(a, anna, "", &slow);
        gp_status        want = ends[i].state == CREDENTIAL_LIVE ? GP_OK : GP_PERMFAIL;
        set_ends(a, id, i);
        struct credential c = get(a, id);
        print_message("%zu: %s\n", i, credential_state_text(ends[i].state));
        CHECK(credential_state(&c, ends[i].now) == ends[i].state);
        CHECK(in_force(a, anna, id, ends[i].now) == want);
        CHECK(may_send(a, anna, id, GP_LIT("anna@example.org"), ends[i].now) == want);
        CHECK(accounts_survey(a, ends[i].now, &s) == GP_OK && (s.cost > 0) == (want == GP_OK));
        accounts_close(a);
    }
}

TEST(one_that_is_revoked_or_of_another_is_not_in_force)
{
    struct accounts *a    = open_fresh();
    struct verifier  v    = verifier_of(FAST, "");
    int64_t          anna = account_of(a, "anna"), bert = account_of(a, "bert");
    int64_t          one = password_of_account(a, anna, "one", &v), two = password_of_account(a, anna, "two", &v);
    CHECK(in_force(a, anna, one, NOW) == GP_OK && in_force(a, bert, one, NOW) == GP_PERMFAIL);
    CHECK(credential_revoke(a, one) == GP_OK && in_force(a, anna, one, NOW) == GP_PERMFAIL);
    CHECK(in_force(a, anna, two, NOW) == GP_OK);
    CHECK(accounts_set_disabled(a, anna, true) == GP_OK && in_force(a, anna, two, NOW) == GP_PERMFAIL);
    accounts_close(a);
}

/* ---- senders --------------------------------------------------------------------------------------------------------- */
/* clang-format off */
static const struct { const char *senders, *sender; gp_status verdict; } narrowed[] = { /* of anna, info and @example.net */
    { "",                                  "anna@example.org", GP_OK       },
    { "info@example.org",                  "info@example.org", GP_OK       },
    { "info@example.org",                  "INFO@Example.org", GP_OK       },
    { "info@example.org",                  "anna@example.org", GP_PERMFAIL },
    { "info@example.org",                  "",                 GP_OK       }, /* RFC 6409 4.3: bounces have no sender */
    { "@example.org",                      "anna@example.org", GP_OK       },
    { "@example.org",                      "bert@example.org", GP_PERMFAIL }, /* narrows, never widens */
    { "@example.org",                      "x@example.net",    GP_PERMFAIL },
    { "a@example.net",                     "a@example.net",    GP_OK       },
    { "a@example.net",                     "b@example.net",    GP_PERMFAIL },
    { "b@example.com info@example.org",    "info@example.org", GP_OK       },
    { "b@example.com info@example.org",    "b@example.com",    GP_PERMFAIL },
};
/* clang-format on */

TEST(the_senders_of_a_credential_narrow_those_of_its_account)
{
    static const char *const send_as[] = { "anna@example.org", "info@example.org", "@example.net" };
    for (size_t i = 0; i < GP_COUNT(narrowed); i++) {
        const char           *why;
        struct accounts      *a      = open_fresh();
        struct verifier       v      = verifier_of(FAST, "");
        struct restrictions   limits = { .expires = 0 };
        struct new_account    n = { .name = GP_LIT("anna"), .send_as = send_as, .send_as_count = GP_COUNT(send_as) };
        struct new_credential c = { CREDENTIAL_GENERATED, GP_NONE, GP_NONE, &v, &limits };
        print_message("%s: %s\n", narrowed[i].senders, narrowed[i].sender);
        CHECK(gp_copy_z(gp_from(narrowed[i].senders), limits.senders, sizeof(limits.senders)));
        CHECK(accounts_add(a, &n, 1000, &why) == GP_OK);
        int64_t id = found(a, "anna").id;
        CHECK(may_send(a, id, try_credential(a, id, &c), gp_from(narrowed[i].sender), NOW) == narrowed[i].verdict);
        accounts_close(a);
    }
}

/* ---- why not ----------------------------------------------------------------------------------------------------- */
/* clang-format off */
static const struct { struct restrictions limits; const char *sender; struct hours_moment at; gp_time now; bool disabled, gone, deleted, other, over; const char *why; }
refusals[] = {
    { .sender = "anna@example.org", .now = NOW, .why = "" },
    { .limits = { .hours = "Mon 07:00-19:00" }, .sender = "anna@example.org", .at = { 0, 18 * 60 + 59 }, .now = NOW, .why = "" },
    { .limits = { .hours = "Mon 07:00-19:00" }, .sender = "anna@example.org", .at = { 0, 19 * 60 },      .now = NOW, .over = true, .why = "the credential may not be used at this time of the week" },
    { .limits = { .hours = "Mon 07:00-19:00" }, .sender = "",                 .at = { 1, 12 * 60 },      .now = NOW, .over = true, .why = "the credential may not be used at this time of the week" },
    { .limits = { .expires = NOW + 5 }, .sender = "anna@example.org", .now = NOW + 5, .over = true, .why = "the credential is expired" },
    { .limits = { .senders = "info@example.org" }, .sender = "anna@example.org", .now = NOW, .why = "this credential may not send as that address" },
    { .sender = "bert@example.org", .now = NOW, .why = "this account may not send as that address" },
    { .sender = "no address",       .now = NOW, .why = "the sender is not an address" },
    { .sender = "anna@example.org", .now = NOW, .disabled = true, .over = true, .why = "the account is disabled" },
    { .sender = "anna@example.org", .now = NOW, .gone = true,     .over = true, .why = "the credential was revoked" },
    { .sender = "anna@example.org", .now = NOW, .deleted = true,  .over = true, .why = "the account was deleted" },
    { .sender = "bert@example.org", .now = NOW, .other = true,    .over = true, .why = "who signed in may not act for this account any more" },
};
/* clang-format on */

TEST(who_may_not_send_is_told_why)
{
    for (size_t i = 0; i < GP_COUNT(refusals); i++) {
        const char           *why  = "";
        bool                  over = false;
        struct accounts      *a    = open_fresh();
        struct verifier       v    = verifier_of(FAST, "");
        int64_t               anna = account_of(a, "anna"), bert = account_of(a, "bert");
        struct new_credential n   = { .kind = CREDENTIAL_CHOSEN, .verifier = &v, .limits = &refusals[i].limits };
        int64_t               id  = try_credential(a, anna, &n);
        struct sending        ask = { refusals[i].other ? bert : anna, id, gp_from(refusals[i].sender), refusals[i].now,
                               refusals[i].at };
        CHECK(id);
        if (refusals[i].disabled) CHECK(accounts_set_disabled(a, anna, true) == GP_OK);
        if (refusals[i].gone) CHECK(credential_revoke(a, id) == GP_OK);
        if (refusals[i].deleted) CHECK(accounts_delete(a, anna) == GP_OK);
        CHECK(accounts_may_send(a, &ask, &over, &why) == (refusals[i].why[0] ? GP_PERMFAIL : GP_OK));
        CHECK(over == refusals[i].over);
        if (refusals[i].why[0]) CHECK_IS(gp_from(why), refusals[i].why);
        accounts_close(a);
    }
}

TEST(a_restriction_that_cannot_be_kept_is_refused)
{
    struct accounts    *a     = open_fresh();
    struct verifier     v     = verifier_of(FAST, "");
    int64_t             anna  = account_of(a, "anna");
    struct restrictions bad[] = { { .senders = "nobody" },
                                  { .senders = "a@example.org,b@example.org c" },
                                  { .mechanisms = "PLAIN\n" },
                                  { .listeners = "\x1b[31m" },
                                  { .networks = "\xff" },
                                  { .hours = "\x7f" },
                                  { .expires = -1 },
                                  { .idle_days = CREDENTIAL_IDLE_MOST + 1 },
                                  { .expires = 0 } };
    for (size_t at = 0; at + 8 < sizeof(bad[8].senders); at += 8) /* fits, until its domains become A-labels */
        memcpy(bad[8].senders + at, "a@\xc3\xbc.de ", 8);
    for (size_t i = 0; i < GP_COUNT(bad); i++) {
        struct new_credential n = { CREDENTIAL_GENERATED, GP_NONE, GP_NONE, &v, &bad[i] };
        CHECK(!try_credential(a, anna, &n));
    }
    accounts_close(a);
}

PROPERTY(senders_read_back_as_themselves, bytes)
{
    char           room[CREDENTIAL_LIST - 1], again[CREDENTIAL_LIST - 1];
    struct gp_text kept = GP_TEXT(room), twice = GP_TEXT(again);
    if (!senders_tidy(bytes, &kept)) return;
    CHECK(senders_tidy(gp_said(&kept), &twice));
    CHECK_SAME(gp_said(&twice), gp_said(&kept));
    for (gp_str rest = gp_said(&kept), word = gp_word(&rest); word.len > 0; word = gp_word(&rest))
        CHECK(senders_have(gp_said(&kept), word));
}

PROPERTY(subjects_and_words_read_back_as_themselves, bytes)
{
    for (unsigned kind = 0; kind < CREDENTIAL_KINDS; kind++) {
        char           room[CREDENTIAL_SUBJECT - 1], again[CREDENTIAL_SUBJECT - 1];
        struct gp_text kept = GP_TEXT(room), twice = GP_TEXT(again);
        const char    *why = NULL;
        if (!subject_tidy((enum credential_kind)kind, bytes, &kept, &why)) {
            CHECK(why);
            continue;
        }
        CHECK(subject_tidy((enum credential_kind)kind, gp_said(&kept), &twice, &why));
        CHECK_SAME(gp_said(&twice), gp_said(&kept));
    }
    char           room[CREDENTIAL_WORDS - 1], again[CREDENTIAL_WORDS - 1];
    struct gp_text kept = GP_TEXT(room), twice = GP_TEXT(again);
    if (!words_tidy(bytes, &kept)) return;
    CHECK(words_tidy(gp_said(&kept), &twice));
    CHECK_SAME(gp_said(&twice), gp_said(&kept));
}
