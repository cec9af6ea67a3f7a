/* Every change of an account is on record, in the transaction that makes it, with who did it, and without a secret. */
#include "store/test_bed.h"
#include "store/usage.h"

enum { SEEN_ROOM = 4096 };

struct seen {
    size_t         rows;
    char           room[SEEN_ROOM];
    struct gp_text text;
};

static void see(void *owner, const struct audit_row *row)
{
    struct seen *s = owner;
    s->rows++;
    gp_put(&s->text, row->event);
    gp_put_char(&s->text, ' ');
    gp_put(&s->text, row->name);
    gp_put_char(&s->text, ' ');
    gp_put(&s->text, row->data);
    gp_put_char(&s->text, '\n');
}

/* What is on record, a line a row, after what was there before. */
static gp_str seen_after(struct accounts *a, struct seen *s, size_t before)
{
    *s      = (struct seen) { 0 };
    s->text = GP_TEXT(s->room);
    CHECK(audit_visit(accounts_database(a), GP_NONE, see, s) == GP_OK);
    gp_str said = gp_said(&s->text);
    for (size_t i = 0; i < before; i++) (void)gp_cut(&said, '\n');
    return said;
}

static size_t rows_of_audit(struct accounts *a)
{
    struct seen s;
    (void)seen_after(a, &s, 0);
    return s.rows;
}

static bool has(gp_str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static struct accounts *with_anna(void)
{
    struct accounts *a = open_fresh();
    database_set_operator(accounts_database(a), GP_LIT("root, signed in as eve"));
    (void)account_of(a, "anna");
    (void)account_of(a, "bert");
    return a;
}

static void add_a_credential(struct accounts *a)
{
    struct verifier v = verifier_of(FAST, "");
    CHECK(password_of_account(a, found(a, "anna").id, "phone", &v) > 0);
}

static int64_t phone_of_anna(struct accounts *a)
{
    struct credential c;
    add_a_credential(a);
    CHECK(credential_named(a, found(a, "anna").id, GP_LIT("phone"), &c) == GP_OK);
    return c.id;
}

static void disable(struct accounts *a)
{
    CHECK(accounts_set_disabled(a, found(a, "anna").id, true) == GP_OK);
}
static void enable(struct accounts *a)
{
    CHECK(accounts_set_disabled(a, found(a, "anna").id, false) == GP_OK);
}
static void delete (struct accounts *a)
{
    CHECK(accounts_delete(a, found(a, "anna").id) == GP_OK);
}
static void revoke_it(struct accounts *a)
{
    CHECK(credential_revoke(a, phone_of_anna(a)) == GP_OK);
}

static void mechanisms(struct accounts *a)
{
    const char *why;
    CHECK(accounts_set_mechanisms(a, found(a, "anna").id, GP_LIT("PLAIN"), &why) == GP_OK);
}

static void alter(struct accounts *a)
{
    const char         *why;
    struct restrictions l = { .networks = "192.0.2.0/24", .expires = 9000 };
    CHECK(credential_alter(a, phone_of_anna(a), GP_LIT("fax"), &l, &why) == GP_OK);
}

static void rotate(struct accounts *a)
{
    int64_t               id;
    const char           *why;
    struct verifier       v     = verifier_of(FAST, "");
    struct new_credential fresh = { .kind = CREDENTIAL_GENERATED, .verifier = &v };
    CHECK(credential_rotate(a, phone_of_anna(a), &fresh, 9000, 5000, &id, &why) == GP_OK);
}

static void set_password(struct accounts *a)
{
    struct verifier v = verifier_of(FAST, "");
    CHECK(accounts_set_password(a, found(a, "anna").id, &v, CREDENTIAL_GENERATED, 5000) == GP_OK);
}

static void upgrade(struct accounts *a)
{
    const char     *why;
    struct verifier v = verifier_of(FAST, "");
    CHECK(credential_upgrade(a, phone_of_anna(a), CREDENTIAL_GENERATED, &v, &why) == GP_OK);
}

static void delegate(struct accounts *a)
{
    const char *why;
    for (int twice = 0; twice < 2; twice++)
        CHECK(accounts_delegate(a, found(a, "anna").id, found(a, "bert").id, true, &why) == GP_OK);
}

static void take_back(struct accounts *a)
{
    const char *why;
    delegate(a);
    CHECK(accounts_delegate(a, found(a, "anna").id, found(a, "bert").id, false, &why) == GP_OK);
}

static void provide(struct accounts *a)
{
    struct account out;
    int64_t        id;
    const char    *why;
    CHECK(accounts_provision(a, &(struct provided) { GP_LIT("carl"), GP_LIT("ldap"), false }, 5000, &out, &id, &why) ==
          GP_OK);
}

static void identify(struct accounts *a)
{
    const char *why;
    for (int twice = 0; twice < 2; twice++)
        CHECK(accounts_identity_add(a, found(a, "anna").id, GP_LIT("@example.net"), &why) == GP_OK);
}

static void unidentify(struct accounts *a)
{
    const char *why;
    identify(a);
    CHECK(accounts_identity_remove(a, found(a, "anna").id, GP_LIT("@example.net"), &why) == GP_OK);
    CHECK(accounts_identity_remove(a, found(a, "anna").id, GP_LIT("@example.net"), &why) == GP_PERMFAIL);
}

static void limit(struct accounts *a)
{
    const char *why;
    CHECK(own_limit_set(a, found(a, "anna").id, 0, GP_LIT("messages"), GP_LIT("20/hour"), &why) == GP_OK);
    CHECK(own_limit_set(a, found(a, "anna").id, 0, GP_LIT("messages"), GP_LIT("many"), &why) == GP_PERMFAIL);
}

static void unlimit(struct accounts *a)
{
    const char *why;
    limit(a);
    CHECK(own_limit_clear(a, found(a, "anna").id, 0, GP_LIT("messages"), &why) == GP_OK);
    CHECK(own_limit_clear(a, found(a, "anna").id, 0, GP_LIT("messages"), &why) == GP_PERMFAIL);
}

#define BY "\"by\":\"root, signed in as eve\""

TEST(every_change_is_on_record)
{
    /* clang-format off */
    static const struct { void (*change)(struct accounts *); size_t rows; const char *says[3]; } rows[] = {
        { add_a_credential, 1, { "credential-added anna {" BY ",\"kind\":\"generated\",\"label\":\"phone\"}\n" } },
        { disable,          1, { "account-disabled anna {" BY "}\n" } },
        { enable,           1, { "account-enabled anna {" BY "}\n" } },
        { delete,           1, { "account-deleted anna {" BY "}\n" } },
        { mechanisms,       1, { "account-mechanisms anna {" BY ",\"mechanisms\":\"PLAIN\"}\n" } },
        { revoke_it,        2, { "credential-revoked anna {" BY ",\"label\":\"phone\",\"kind\":\"generated\"}\n" } },
        { alter,            2, { "credential-altered anna {" BY ",\"label\":\"phone\",\"label_now\":\"fax\",",
                                 "\"networks\":\"192.0.2.0/24\",\"networks_before\":\"\"", "\"expires\":9000,\"expires_before\":0" } },
        { rotate,           3, { "credential-added anna", "credential-rotated anna {", "\"retires\":9000" } },
        { set_password,     2, { "password-set anna {" BY ",\"credentials_removed\":0}\n", "credential-added anna" } },
        { upgrade,          2, { "credential-upgraded anna {" BY ",\"from\":\"generated\"}\n" } },
        { delegate,         1, { "delegation-added anna {" BY ",\"acts_for\":\"bert\"}\n" } },
        { take_back,        2, { "delegation-removed anna {" BY ",\"acts_for\":\"bert\"}\n" } },
        { identify,         1, { "identity-added anna {" BY ",\"address\":\"@example.net\"}\n" } },
        { unidentify,       2, { "identity-removed anna {" BY ",\"address\":\"@example.net\"}\n" } },
        { limit,            1, { "limit-set anna {" BY ",\"what\":\"messages\",\"value\":\"20/hour\"}\n" } },
        { unlimit,          2, { "limit-cleared anna {" BY ",\"what\":\"messages\"}\n" } },
        { provide,          2, { "account-added carl {" BY ",\"source\":\"ldap\"}\n", "credential-added carl", "\"subject\":\"ldap\"" } },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct accounts   *a      = with_anna();
        size_t             before = rows_of_audit(a);
        struct seen        s;
        struct audit_fault fault;
        rows[i].change(a);
        gp_str text = seen_after(a, &s, before);
        if (s.rows - before != rows[i].rows)
            fail_msg("row %zu: %zu rows: %.*s", i, s.rows - before, (int)text.len, text.ptr);
        for (size_t n = 0; n < GP_COUNT(rows[i].says) && rows[i].says[n]; n++)
            if (!has(text, rows[i].says[n]))
                fail_msg("row %zu: no %s in %.*s", i, rows[i].says[n], (int)text.len, text.ptr);
        CHECK(!has(text, FAST) && audit_verify(accounts_database(a), NULL, &fault) == GP_OK);
        accounts_close(a);
    }
}

TEST(what_was_refused_is_not_on_record)
{
    struct accounts   *a      = with_anna();
    size_t             before = rows_of_audit(a);
    const char        *why;
    struct new_account taken = { .name = GP_LIT("anna") };
    CHECK(accounts_add(a, &taken, 5000, &why) == GP_PERMFAIL);
    CHECK(accounts_set_disabled(a, 999, true) == GP_PERMFAIL && accounts_delete(a, 999) == GP_PERMFAIL);
    CHECK(credential_revoke(a, 999) == GP_PERMFAIL);
    CHECK(rows_of_audit(a) == before);
    accounts_close(a);
}

static void refused(void *owner, size_t which, const char *why)
{
    size_t *count = owner;
    (void)which, (void)why;
    ++*count;
}

TEST(an_import_is_on_record_whole_or_not_at_all)
{
    struct accounts         *a      = with_anna();
    size_t                   before = rows_of_audit(a), count = 0;
    struct verifier          v      = verifier_of(FAST, "");
    const struct new_account list[] = {
        {.name = GP_LIT("carl"), .kind = CREDENTIAL_GENERATED, .verifier = &v, .disabled = true },
        { .name = GP_LIT("anna")       }
    };
    struct accounts_import import = { .list = list, .count = 2, .refused = refused, .owner = &count };
    struct seen            s;
    CHECK(accounts_import(a, &import, 5000) == GP_PERMFAIL && count == 1 && rows_of_audit(a) == before);
    import.count     = 1;
    import.rehearsal = true;
    CHECK(accounts_import(a, &import, 5000) == GP_OK && rows_of_audit(a) == before);
    import.rehearsal = false;
    CHECK(accounts_import(a, &import, 5000) == GP_OK);
    gp_str text = seen_after(a, &s, before);
    CHECK(s.rows == before + 3 && has(text, "account-added carl") && has(text, "credential-added carl") &&
          has(text, "account-disabled carl"));
    accounts_close(a);
}
