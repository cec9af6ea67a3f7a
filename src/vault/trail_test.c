/* Sign-ins go on record within a second, many in a transaction; who floods the server fills no disk. */
#include "vault/test_bed.h"

static unsigned commits;

gp_status __real_transaction_commit(struct transaction *);
gp_status __wrap_transaction_commit(struct transaction *);
gp_status __wrap_transaction_commit(struct transaction *t)
{
    commits++;
    return __real_transaction_commit(t);
}

enum { SEEN_ROOM = 64 * 1024 };
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
    gp_put_number(&s->text, row->credential);
    gp_put_char(&s->text, ' ');
    gp_put(&s->text, row->data);
    gp_put_char(&s->text, '\n');
}

/* All rows of that event, as lines. */
static struct seen *seen(struct bed *b, const char *event)
{
    static struct seen  s;
    char                room[AUDIT_FILTER_ROOM];
    struct audit_filter filter = { .event = gp_from(event) };
    struct audit_row    row;
    auto_rows           r = audit_rows(accounts_database(b->vault->accounts), &filter, room);
    s.rows                = 0;
    s.text                = GP_TEXT(s.room);
    while (audit_next(&r, &row) == GP_OK) see(&s, &row);
    return &s;
}

static bool says(const struct seen *s, const char *part)
{
    return memmem(s->text.ptr, s->text.len, part, strlen(part)) != NULL;
}

static void sign_in(struct bed *b, const char *user, const char *password)
{
    char           octets[128], base64[256];
    struct gp_text plain = GP_TEXT(octets), text = GP_TEXT(base64);
    struct msg     m = MSG(SASL_START);
    gp_put_char(&plain, '\0');
    gp_put_z(&plain, user);
    gp_put_char(&plain, '\0');
    gp_put_z(&plain, password);
    gp_put_base64(&text, gp_said(&plain));
    m.sasl_start             = (struct msg_sasl_start) { .session = 5, .has_initial = true, .initial = gp_said(&text) };
    m.sasl_start.mechanism   = GP_LIT("PLAIN");
    m.sasl_start.peer        = GP_LIT("192.0.2.1");
    m.sasl_start.helo        = GP_LIT("laptop");
    m.sasl_start.tls_cipher  = GP_LIT("X");
    m.sasl_start.tls_version = GP_LIT("TLSv1.3");
    m.sasl_start.binding_data = m.sasl_start.end_point = m.sasl_start.chain = GP_LIT("");
    bed_ask(b, b->smtpd, &m);
}

#define FACTS                                                                                                          \
    "\"peer\":\"192.0.2.1\",\"listener\":\"submission\",\"mechanism\":\"PLAIN\",\"tls\":\"TLSv1.3 X\",\"helo\":\"laptop\""

TEST(sign_ins_are_on_record)
{
    struct bed        *b = bed_open();
    struct audit_fault fault;
    CHECK(gp_copy_z(GP_LIT("submission"), b->config.listen[0].name, sizeof b->config.listen[0].name));
    bed_account(b, "anna", BED_GENERATED, false);
    sign_in(b, "anna@example.org", BED_PASSWORD);
    for (int i = 0; i < 3; i++) sign_in(b, "anna", "wrong");
    sign_in(b, "nobody", "wrong");
    sign_in(b, "k7zq3-aaaaa-bbbbb-ccccc-dddddd", "wrong");
    CHECK(seen(b, "sign-in")->rows == 0);
    commits = 0;
    trail_write(b->vault);
    trail_write(b->vault);
    CHECK(commits == 1);
    const struct seen *s = seen(b, "sign-in");
    CHECK(s->rows == 4);
    CHECK(says(s, "sign-in anna 1 {\"result\":\"ok\"," FACTS "}\n"));
    CHECK(says(s,
               "sign-in anna 0 {\"result\":\"refused\",\"reason\":\"wrong password\"," FACTS ",\"count\":3,\"last\":"));
    CHECK(says(s, ",\"incidents\":[\""));
    CHECK(says(s, "sign-in nobody 0 {\"result\":\"refused\",\"reason\":\"no such account\"," FACTS "}\n"));
    CHECK(says(s, "sign-in (looks like a password) 0 {"));
    CHECK(!says(s, "k7zq3") && !says(s, BED_PASSWORD));
    CHECK(audit_verify(accounts_database(b->vault->accounts), NULL, &fault) == GP_OK);
    bed_close(b);
}

static void note_from(struct bed *b, enum trail_kind kind, int64_t account, const char *peer)
{
    struct audit_entry e = { .when = 7, .event = "tried", .account = account, .name = GP_LIT("anna") };
    TRAIL(b->vault, kind, &e, AUDIT_Z("peer", peer));
}

/* Each account from an address of its own. */
static void note(struct bed *b, enum trail_kind kind, int64_t account)
{
    char peer[PLACE_TEXT];
    (void)snprintf(peer, sizeof peer, "10.%d.%d.%d", (int)(account >> 16) & 255, (int)(account >> 8) & 255,
                   (int)account & 255);
    note_from(b, kind, account, peer);
}

TEST(one_place_does_not_keep_others_off_the_record)
{
    static const char *const peers[] = { "192.0.2.1", "2001:db8::1", "2001:db8::2:2" }; /* the last two: one place */
    struct bed              *b       = bed_open();
    for (int64_t i = 1; i <= 100; i++)
        for (size_t p = 0; p < GP_COUNT(peers); p++) note_from(b, TRAIL_REFUSAL, i, peers[p]);
    CHECK(b->vault->trail.count == 2 * TRAIL_PLACE_MOST);
    note_from(b, TRAIL_REFUSAL, 1, "192.0.2.2");
    note_from(b, TRAIL_REFUSAL, 1, "192.0.2.1"); /* equal to one that is listed */
    CHECK(b->vault->trail.count == 2 * TRAIL_PLACE_MOST + 1 && b->vault->trail.unlisted == 300 - 2 * TRAIL_PLACE_MOST);
    trail_write(b->vault);
    note_from(b, TRAIL_REFUSAL, 9, "192.0.2.1");
    CHECK(b->vault->trail.count == 1);
    bed_close(b);
}

TEST(a_flood_that_lasts_has_the_rows_of_its_budget)
{
    struct bed   *b = bed_open();
    struct trail *t = &b->vault->trail;
    note(b, TRAIL_REFUSAL, 1);
    t->spent = TRAIL_BUDGET - 1;
    note(b, TRAIL_REFUSAL, 2);
    note(b, TRAIL_REFUSAL, 3);
    note(b, TRAIL_EVENT, 4);
    CHECK(t->count == 3 && t->unlisted == 1 && t->spent == TRAIL_BUDGET);
    t->regained -= 3 * TRAIL_REGAIN_MS; /* so much time later */
    for (int64_t i = 5; i <= 9; i++) note(b, TRAIL_REFUSAL, i);
    CHECK(t->count == 6 && t->unlisted == 3);
    bed_close(b);
}

TEST(a_flood_of_different_refusals_has_a_bounded_number_of_rows)
{
    struct bed *b = bed_open();
    for (int64_t i = 1; i <= 100000; i++) note(b, TRAIL_REFUSAL, i);
    note(b, TRAIL_EVENT, 1);
    trail_write(b->vault);
    CHECK(seen(b, "tried")->rows == TRAIL_REFUSALS_MOST + 0U);
    CHECK(says(seen(b, "tried"), "\"count\":2")); /* the event was equal to the first */
    const struct seen *s = seen(b, "not-listed");
    CHECK(s->rows == 1 && says(s, "\"count\":99936,"));
    note(b, TRAIL_REFUSAL, 100001);
    trail_write(b->vault);
    CHECK(seen(b, "tried")->rows == TRAIL_REFUSALS_MOST + 1U);
    bed_close(b);
}

TEST(more_events_than_there_is_room_for_are_written_early)
{
    struct bed *b = bed_open();
    commits       = 0;
    for (int64_t i = 0; i <= TRAIL_MOST; i++) note(b, TRAIL_EVENT, i);
    CHECK(seen(b, "tried")->rows == TRAIL_MOST && b->vault->trail.count == 1 && commits == 1);
    bed_close(b);
}

TEST(a_store_that_is_locked_keeps_them_for_later)
{
    struct bed      *b = bed_open();
    struct accounts *a = bed_store(b);
    auto_transaction t = { 0 };
    CHECK(transaction_begin(&t, accounts_database(a)) == GP_OK);
    note(b, TRAIL_EVENT, 1);
    trail_write(b->vault);
    CHECK(b->vault->trail.count == 1);
    transaction_end(&t);
    accounts_close(a);
    trail_write(b->vault);
    CHECK(b->vault->trail.count == 0 && seen(b, "tried")->rows == 1);
    bed_close(b);
}

TEST(the_start_and_what_has_changed_since_the_last_are_on_record)
{
    struct bed *b = bed_open();
    CHECK(seen(b, "start")->rows == 1 && says(seen(b, "start"), "\"config\":\"") &&
          seen(b, "config-changed")->rows == 0);
    trail_start(b->vault);
    CHECK(seen(b, "start")->rows == 2 && seen(b, "config-changed")->rows == 0);
    b->config.limits.recipients = 7;
    (void)gp_copy_z(GP_LIT("example.net"), b->config.domain, sizeof b->config.domain);
    trail_start(b->vault);
    const struct seen *s = seen(b, "config-changed");
    CHECK(s->rows == 1 && says(s, "\"limits.recipients: 0 -> 7\"") &&
          says(s, "\"domain: \\\"example.org\\\" -> \\\"example.net\\\"\""));
    bed_close(b);
}
