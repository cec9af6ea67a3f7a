/* A sender's own mail, as the vault asks for him: what waits and why, what became of it, and nothing of anybody else's. */
#include "queue/role_kit.h"
#include "smtp/smtp.h"

#include <string.h>

#define LATER "2\t451\t4.3.0\tmx.example.net [192.0.2.7]:25\tTLSv1.3\tcome back"
#define TAKEN "0\t250\t2.0.0\tmx.example.net [192.0.2.7]:25\tTLSv1.3 DANE\tok"
#define NEVER "3\t550\t5.1.1\tmx.example.net [192.0.2.7]:25\tTLSv1.3\tno such user"

enum { ANNA = 7, LAPTOP = 8, PHONE = 9, BEN = 70 };

static void commit(struct kit *k, const char *id, uint64_t account, uint64_t credential, const char *params,
                   const char *to)
{
    struct msg m        = kit_message(id, "ada@example.org", to);
    m.commit.account    = account;
    m.commit.credential = credential;
    m.commit.params     = gp_from(params);
    kit_commit(k, 1, &m);
    kit_turn(k);
}

static gp_status ask_of(struct kit *k, uint64_t account, uint64_t credential, enum gp_mine_verb verb, const char *name,
                        uint64_t after)
{
    struct msg   m     = MSG(MINE_OF);
    struct asker asker = { NULL, 1 };
    m.mine_of          = (struct msg_mine_of) {
                 .account = account, .credential = credential, .verb = (uint64_t)verb, .after = after, .name = gp_from(name)
    };
    mine_take(k->queue, asker, &m, k->now);
    kit_turn(k);
    return k->answers[k->answer_count - 1].status;
}

static gp_status ask(struct kit *k, enum gp_mine_verb verb, const char *name)
{
    return ask_of(k, ANNA, 0, verb, name, 0);
}

static size_t lines_of(const struct kit *k)
{
    size_t count = 0;
    for (const char *c = k->lines; *c; c++) count += *c == '\n';
    return count;
}

static bool says(const struct kit *k, const char *text)
{
    return strstr(k->lines, text) != NULL;
}

TEST(what_waits_is_shown_with_its_reason)
{
    struct kit *k = kit_open();
    commit(k, "one", ANNA, LAPTOP, "ENVID=order+2B7", "bob@example.net\t\n");
    kit_answer_all(k, LATER, HOST_ANSWERED);
    kit_turn(k);
    CHECK(ask(k, GP_MINE_SHOW, "one") == GP_OK && k->after == 0 && lines_of(k) == 2);
    CHECK(says(
        k, "{\"message\":\"one\",\"state\":\"waiting\",\"arrived\":\"2027-01-15T08:00:00Z\",\"envid\":\"order+2B7\","
           "\"recipients\":1,\"waiting\":1,\"sender\":\"ada@example.org\"}"));
    CHECK(says(k, "{\"to\":\"bob@example.net\",\"state\":\"waiting\",\"attempts\":1,\"next\":\"2027-01-15T08:0"));
    CHECK(says(k, "\"code\":451,\"status\":\"4.3.0\",\"tls\":\"TLSv1.3\",\"remote\":\"mx.example.net [192.0.2.7]:25\","
                  "\"reply\":\"come back\"}"));
    CHECK(ask(k, GP_MINE_LIST, "") == GP_OK && lines_of(k) == 1 && says(k, "\"message\":\"one\""));
    CHECK(ask(k, GP_MINE_ENVID, "order+2B7") == GP_OK && lines_of(k) == 1 && says(k, "\"message\":\"one\""));
    CHECK(ask(k, GP_MINE_ENVID, "order") == GP_OK && lines_of(k) == 0);
    kit_close(k);
}

TEST(what_is_done_is_shown_from_the_record)
{
    struct kit *k = kit_open();
    commit(k, "one", ANNA, LAPTOP, "ENVID=a NOTIFY=NEVER",
           "bob@example.net\tNOTIFY=NEVER\neve@example.net\tNOTIFY=NEVER\n");
    kit_answer_one(k, 0, TAKEN "\n" NEVER, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "queue_id = 'one'") == 0);
    CHECK(ask(k, GP_MINE_SHOW, "one") == GP_OK && k->after == 0 && lines_of(k) == 3);
    CHECK(says(k, "\"message\":\"one\",\"state\":\"done\""));
    CHECK(says(k, "{\"to\":\"bob@example.net\",\"state\":\"delivered\""));
    CHECK(says(k, "\"tls\":\"TLSv1.3 DANE\""));
    CHECK(says(k, "{\"to\":\"eve@example.net\",\"state\":\"failed\"") && says(k, "\"reply\":\"no such user\""));
    CHECK(ask(k, GP_MINE_ENVID, "a") == GP_OK && says(k, "\"state\":\"done\""));
    CHECK(ask(k, GP_MINE_LIST, "") == GP_OK && lines_of(k) == 0);
    commit(k, "two", ANNA, LAPTOP, "", "bob@example.net\t\n");
    CHECK(ask(k, GP_MINE_RECENT, "") == GP_OK && lines_of(k) == 2);
    CHECK(strstr(k->lines, "\"two\"") < strstr(k->lines, "\"one\""));
    kit_close(k);
}

/* Another account's id answers as one that does not exist, whatever is asked, before it is done and after. */
TEST(the_mail_of_others_is_not_there)
{
    static const enum gp_mine_verb named[] = { GP_MINE_SHOW, GP_MINE_CANCEL, GP_MINE_SEND };
    struct kit                    *k       = kit_open();
    commit(k, "his", BEN, LAPTOP, "ENVID=a", "bob@example.net\t\n");
    for (int done = 0; done < 2; done++) {
        for (size_t i = 0; i < GP_COUNT(named); i++) {
            CHECK(ask(k, named[i], "his") == GP_PERMFAIL && !k->said[0] && !k->lines[0]);
            CHECK(ask(k, named[i], "none") == GP_PERMFAIL && !k->said[0] && !k->lines[0]);
            CHECK(ask_of(k, 0, 0, named[i], "his", 0) == GP_PERMFAIL);
        }
        CHECK(ask(k, GP_MINE_LIST, "") == GP_OK && lines_of(k) == 0);
        CHECK(ask(k, GP_MINE_ENVID, "a") == GP_OK && lines_of(k) == 0);
        CHECK(ask(k, GP_MINE_RECENT, "") == GP_OK && lines_of(k) == 0);
        CHECK(kit_count(k, "messages", "queue_id = 'his'") == (done ? 0 : 1));
        kit_answer_all(k, TAKEN, HOST_ANSWERED);
        kit_turn(k);
    }
    CHECK(kit_audited(k, "deleted") == 0);
    kit_close(k);
}

/* The server's own mail has no account: it is nobody's. */
TEST(a_credential_may_be_let_see_its_own_mail_alone)
{
    struct kit *k = kit_open();
    commit(k, "laptops", ANNA, LAPTOP, "ENVID=a", "bob@example.net\t\n");
    commit(k, "phones", ANNA, PHONE, "ENVID=a", "bob@host2.example\t\n");
    CHECK(ask(k, GP_MINE_LIST, "") == GP_OK && lines_of(k) == 2);
    CHECK(ask_of(k, ANNA, PHONE, GP_MINE_LIST, "", 0) == GP_OK && lines_of(k) == 1 && says(k, "phones"));
    CHECK(ask_of(k, ANNA, PHONE, GP_MINE_ENVID, "a", 0) == GP_OK && lines_of(k) == 1 && says(k, "phones"));
    CHECK(ask_of(k, ANNA, PHONE, GP_MINE_SHOW, "laptops", 0) == GP_PERMFAIL);
    CHECK(ask_of(k, ANNA, PHONE, GP_MINE_CANCEL, "laptops", 0) == GP_PERMFAIL);
    kit_answer_all(k, TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(ask_of(k, ANNA, PHONE, GP_MINE_SHOW, "laptops", 0) == GP_PERMFAIL);
    CHECK(ask_of(k, ANNA, PHONE, GP_MINE_SHOW, "phones", 0) == GP_OK && says(k, "\"delivered\""));
    kit_close(k);
}

/* Page by page: each names what the others do not, however long the addresses are. */
TEST(many_recipients_come_in_pages)
{
    enum { MANY = 90 };
    struct kit    *k = kit_open();
    char           room[MANY * 80];
    struct gp_text to   = GP_TEXT(room);
    size_t         seen = 0, pages = 0;
    for (unsigned i = 0; i < MANY; i++) {
        gp_put_z(&to, "a-rather-long-local-part-of-an-address-");
        gp_put_number(&to, i);
        gp_put_z(&to, "@example.net\t\n");
    }
    gp_put_char(&to, '\0');
    commit(k, "one", ANNA, LAPTOP, "", room);
    for (int done = 0; done < 2; done++, seen = pages = 0) {
        do {
            CHECK(ask_of(k, ANNA, 0, GP_MINE_SHOW, "one", pages ? k->after : 0) == GP_OK && lines_of(k) > 0);
            CHECK(strlen(k->lines) + lines_of(k) * GP_SMTP_LINE_OVERHEAD <= GP_SMTP_LINES_MOST);
            seen += lines_of(k) - (pages++ == 0);
        } while (k->after && pages < MANY);
        CHECK(seen == MANY && pages > 1);
        kit_answer_all(k, TAKEN, HOST_ANSWERED);
        kit_turn(k);
    }
    kit_close(k);
}

TEST(many_messages_come_in_pages)
{
    enum { MANY = 25 };
    struct kit *k    = kit_open();
    size_t      seen = 0, pages = 0;
    for (unsigned i = 0; i < MANY; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "id%u", i);
        commit(k, id, ANNA, LAPTOP, "ENVID=a", "bob@example.net\t\n");
    }
    do {
        CHECK(ask_of(k, ANNA, 0, GP_MINE_LIST, "", k->after) == GP_OK);
        seen += lines_of(k);
    } while (k->after && ++pages < MANY);
    CHECK(seen == MANY && pages == 2);
    for (seen = pages = 0, k->after = 0;;) {
        CHECK(ask_of(k, ANNA, 0, GP_MINE_ENVID, "a", k->after) == GP_OK);
        seen += lines_of(k);
        if (!k->after || ++pages == MANY) break;
    }
    CHECK(seen == MANY && pages == 2);
    kit_close(k);
}

/* Words from elsewhere: each line is one line of ASCII, and short enough for SMTP. */
TEST(what_others_said_stays_in_its_line)
{
    char           room[KIT_BODY / 4];
    struct gp_text line = GP_TEXT(room);
    struct kit    *k    = kit_open();
    commit(k, "one", ANNA, LAPTOP, "SMTPUTF8", "j\xc3\xb6rg\xf0\x9f\x93\xa8@example.net\t\n");
    gp_put_z(&line, "2\t451\t4.3.0\tmx\t\t");
    while (line.len + 8 < line.room) gp_put_z(&line, "\"\\\xc3\xb6\x01\xff");
    gp_put_char(&line, '\0');
    kit_answer_all(k, room, HOST_ANSWERED);
    kit_turn(k);
    CHECK(ask(k, GP_MINE_SHOW, "one") == GP_OK && lines_of(k) == 2);
    CHECK(says(k, "{\"to\":\"j\\u00f6rg\\ud83d\\udce8@example.net\""));
    CHECK(gp_is_ascii(gp_from(k->lines)));
    for (gp_str rest = gp_from(k->lines); rest.len;) CHECK(gp_cut(&rest, '\n').len <= 480);
    kit_close(k);
}

TEST(what_waits_can_be_cancelled_once)
{
    struct kit *k = kit_open();
    commit(k, "one", ANNA, LAPTOP, "", "bob@example.net\t\n");
    CHECK(ask(k, GP_MINE_CANCEL, "one") == GP_OK && kit_count(k, "messages", "queue_id = 'one'") == 0);
    CHECK_IS(gp_from(k->said), "cancelled");
    CHECK(kit_count(k, "audit", "event = 'deleted' AND json_extract(data, '$.by') = 'its sender'") == 1);
    CHECK(ask(k, GP_MINE_CANCEL, "one") == GP_PERMFAIL && strstr(k->said, "nothing of it waits"));
    CHECK(ask(k, GP_MINE_SHOW, "one") == GP_OK && says(k, "\"state\":\"deleted\""));
    kit_answer_all(k, TAKEN, HOST_ANSWERED); /* what was under way may end as it likes */
    kit_turn(k);
    kit_close(k);
}

TEST(what_the_server_holds_is_not_its_senders_to_change)
{
    struct kit *k     = kit_open();
    struct msg  m     = kit_message("one", "ada@example.org", "bob@example.net\t\n");
    m.commit.hold     = true;
    m.commit.hold_why = GP_LIT("sends as if stolen");
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(ask(k, GP_MINE_SHOW, "one") == GP_OK && says(k, "\"state\":\"held\"") && !says(k, "stolen"));
    CHECK(ask(k, GP_MINE_CANCEL, "one") == GP_PERMFAIL && strstr(k->said, "administrator"));
    CHECK(ask(k, GP_MINE_SEND, "one") == GP_PERMFAIL && strstr(k->said, "administrator"));
    CHECK(kit_count(k, "recipients", "state = 3") == 1);
    kit_close(k);
}

TEST(what_its_sender_holds_back_he_can_send)
{
    struct kit *k                  = kit_open();
    k->config.queue.future_release = 30 * 86400;
    commit(k, "one", ANNA, LAPTOP, "HOLDFOR=3600", "bob@example.net\t\n");
    commit(k, "two", ANNA, LAPTOP, "", "bob@host2.example\t\n");
    CHECK(k->sent_count == 1);
    CHECK(ask(k, GP_MINE_SHOW, "one") == GP_OK && says(k, "\"until\":\"2027-01-15T09:00:00Z\""));
    CHECK(ask(k, GP_MINE_SEND, "two") == GP_PERMFAIL && strstr(k->said, "does not hold it back"));
    CHECK(ask(k, GP_MINE_SEND, "one") == GP_OK && k->sent_count == 2);
    kit_close(k);
}

PROPERTY(any_question_about_ones_mail_is_answered_once, bytes)
{
    static struct kit *k;
    struct msg         m     = MSG(MINE_OF);
    struct asker       asker = { NULL, 1 };
    if (!k) {
        k = kit_open();
        commit(k, "one", ANNA, LAPTOP, "ENVID=a", "bob@example.net\t\n");
        k->config.queue.lifetime = UINT32_MAX;
    }
    kit_use(k);
    k->answer_count = 0;
    m.mine_of       = (struct msg_mine_of) { .account = ANNA, .verb = bytes.len ? (uint8_t)bytes.ptr[0] % 8U : 0 };
    m.mine_of.after = bytes.len > 1 ? (uint8_t)bytes.ptr[1] : 0;
    m.mine_of.name  = gp_tail(bytes, 2);
    if (m.mine_of.verb == GP_MINE_CANCEL) m.mine_of.verb = GP_MINE_SHOW; /* it shall stay */
    mine_take(k->queue, asker, &m, k->now);
    CHECK(k->answer_count == 1);
}
