/* Policies of domains: what is asked of queue, DNS and web, and what becomes of the answers, in every order and under a clock of our own. The exits
 * of sts.c lead here: no network, no process, no time. */
#include "check.h"
#include "relay/parts.h"

#include <stdlib.h>
#include <string.h>

enum { ASKED_MOST = 4096, SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/* ---- the exits --------------------------------------------------------------------------------------------------------- */
struct dns_query {
    bool          open;
    enum dns_type type;
    char          name[300];
    dns_done     *done;
    void         *owner;
};
struct question { /* to queue or web */
    bool          open;
    enum msg_type type;
    char          text[300]; /* domain or uri */
    ipc_done     *done;
    void         *owner;
};
struct timer {
    gp_time due; /* 0: it is stopped */
    void (*fn)(void *owner);
    void *owner;
};
static struct {
    gp_time             now;
    struct timer        timers[4];
    struct dns_query    names[ASKED_MOST];
    struct question     questions[ASKED_MOST];
    size_t              timer_count, name_count, question_count;
    unsigned            kept, counted; /* what the queue was told */
    struct msg_sts_keep told;
    struct config       config;
    struct relay        relay;
} world;

gp_time wall_now(void)
{
    return world.now;
}

struct timer *timer_open(struct loop *l, void (*fn)(void *owner), void *owner)
{
    (void)l;
    struct timer *t = &world.timers[world.timer_count++];
    *t              = (struct timer) { .fn = fn, .owner = owner };
    return t;
}

void timer_set(struct timer *t, uint64_t ms)
{
    t->due = world.now + (gp_time)ms;
}

void timer_close(struct timer *t)
{
    if (t) t->due = 0;
}

struct dns_query *dns_ask(struct dns *d, gp_str name, enum dns_type type, dns_done *done, void *owner)
{
    (void)d;
    assert_true(world.name_count < ASKED_MOST);
    struct dns_query *q = &world.names[world.name_count++];
    *q                  = (struct dns_query) { .open = true, .type = type, .done = done, .owner = owner };
    CHECK(gp_copy_z(name, q->name, sizeof q->name));
    return q;
}

void dns_forget(struct dns_query *q)
{
    if (q) q->open = false;
}

void ipc_ask(struct ipc *to, struct msg *m, ipc_done *done, void *owner)
{
    (void)to;
    assert_true(world.question_count < ASKED_MOST);
    struct question *q = &world.questions[world.question_count++];
    *q                 = (struct question) { .open = true, .type = m->type, .done = done, .owner = owner };
    gp_str text        = m->type == MSG_WEB_ASK   ? m->web_ask.uri
                         : m->type == MSG_STS_DUE ? m->sts_due.domain
                                                  : m->sts_find.domain;
    CHECK(gp_copy_z(text, q->text, sizeof q->text));
}

void ipc_forget(struct ipc *to, void *owner)
{
    (void)to;
    for (size_t i = 0; i < world.question_count; i++)
        if (world.questions[i].owner == owner) world.questions[i].open = false;
}

bool ipc_tell(struct ipc *to, struct msg *m)
{
    (void)to;
    if (m->type == MSG_TLS_SEEN) {
        CHECK_IS(m->tls_seen.policy, "sts");
        CHECK(gp_starts(m->tls_seen.text, "version: STSv1\nmode: enforce\nmax_age: ") &&
              gp_ends(m->tls_seen.text, "\nmx: mx.a.example\n"));
        CHECK(m->tls_seen.host.len == 0 && gp_starts(m->tls_seen.result, "sts-"));
        world.counted++;
        return true;
    }
    CHECK(m->type == MSG_STS_KEEP);
    world.kept++;
    world.told = m->sts_keep;
    return true;
}

bool address_read(gp_str text, uint16_t port, struct sockaddr_storage *out)
{
    (void)port;
    *out = (struct sockaddr_storage) { .ss_family = 1 };
    return text.len > 0;
}

void address_unmap(struct sockaddr_storage *a)
{
    (void)a;
}

bool route_is_home(const struct config *c, const struct sockaddr_storage *a)
{
    (void)c, (void)a;
    return false;
}

/* ---- answers ------------------------------------------------------------------------------------------------------------- */
#define HOSTS  "mx.a.example\n"
#define POLICY "version: STSv1\r\nmode: enforce\r\nmx: mx.a.example\r\nmax_age: 864000\r\n"

static struct question *question(enum msg_type type)
{
    for (size_t i = 0; i < world.question_count; i++)
        if (world.questions[i].open && world.questions[i].type == type) return &world.questions[i];
    return NULL;
}

static void answer(enum msg_type type, gp_status status, const struct msg *m)
{
    struct question *q = question(type);
    assert_non_null(q);
    q->open = false;
    q->done(q->owner, status, m);
}

static struct dns_query *lookup(enum dns_type type)
{
    for (size_t i = 0; i < world.name_count; i++)
        if (world.names[i].open && world.names[i].type == type) return &world.names[i];
    return NULL;
}

static void dns_says(enum dns_type type, gp_status status, gp_str data)
{
    struct dns_query       *q      = lookup(type);
    const struct dns_record record = { .data = data };
    const struct dns_answer said   = {
          .status = status, .why = "", .records = &record, .count = status == GP_OK ? 1 : 0
    };
    assert_non_null(q);
    q->open = false;
    q->done(q->owner, &said);
}

static void record_is(const char *text)
{
    dns_says(DNS_TXT, text ? GP_OK : GP_PERMFAIL, gp_from(text ? text : ""));
}

static void kept_is(gp_status status, const char *id, gp_time fetched, gp_time expires)
{
    struct msg m = MSG(STS_FOUND);
    m.sts_found  = (struct msg_sts_found) { .status  = (uint64_t)status,
                                            .mode    = GP_STS_ENFORCE,
                                            .fetched = (uint64_t)fetched,
                                            .expires = (uint64_t)expires,
                                            .asked   = (uint64_t)(world.now - HOUR),
                                            .id      = gp_from(id),
                                            .hosts   = GP_LIT(HOSTS) };
    answer(MSG_STS_FIND, GP_OK, &m);
}

static void due_was_fetched(gp_time fetched, const char *domain)
{
    struct msg m = MSG(STS_DUE_IS);
    m.sts_due_is = (struct msg_sts_due_is) { .fetched = (uint64_t)fetched, .domain = gp_from(domain) };
    answer(MSG_STS_DUE, GP_OK, &m);
}

static void due_is(gp_status status, const char *domain)
{
    struct msg m = MSG(STS_DUE_IS);
    m.sts_due_is = (struct msg_sts_due_is) { .status = (uint64_t)status, .fetched = 1, .domain = gp_from(domain) };
    answer(MSG_STS_DUE, GP_OK, &m);
}

static void none_is_kept(void)
{
    kept_is(GP_PERMFAIL, "", 0, 0);
}

static void host_is_there(void)
{
    dns_says(DNS_A, GP_OK, GP_LIT("\300\0\2\1"));
    dns_says(DNS_AAAA, GP_PERMFAIL, GP_LIT(""));
}

static void web_says(gp_status status, uint64_t code, const char *file)
{
    struct msg m = MSG(WEB_SAID);
    m.web_said   = (struct msg_web_said) { .status = (uint64_t)status,
                                           .code   = code,
                                           .type   = GP_LIT("text/plain"),
                                           .body   = gp_from(file),
                                           .why    = GP_LIT("it is not there") };
    answer(MSG_WEB_ASK, GP_OK, &m);
}

static void let(gp_time ms)
{
    world.now += ms;
    for (size_t i = 0; i < world.timer_count; i++) {
        struct timer *t = &world.timers[i];
        if (!t->due || t->due > world.now) continue;
        t->due = 0;
        t->fn(t->owner);
    }
}

/* ---- who asks ---------------------------------------------------------------------------------------------------------------- */
struct asker {
    struct sts_query query;
    unsigned         told;
    enum gp_sts_mode mode;
    bool             unknown;
    enum tls_failure failure;
};

static void told(void *owner, const struct sts_policy *p)
{
    struct asker *a = owner;
    a->told++;
    a->mode    = p->mode;
    a->unknown = p->unknown;
    a->failure = p->failure;
    if (p->mode == GP_STS_ENFORCE) CHECK_IS(p->hosts, HOSTS);
}

static void ask(struct asker *a)
{
    *a = (struct asker) { 0 };
    CHECK(sts_ask(&world.relay, GP_LIT("a.example"), &a->query, told, a));
    CHECK(a->told == 0); /* never at once */
}

static void is_told(const struct asker *a, enum gp_sts_mode mode)
{
    CHECK(a->told == 1 && a->mode == mode && !a->unknown);
}

static void start(void)
{
    memset(&world, 0, sizeof world);
    world.now                        = (gp_time)1000 * DAY;
    world.config.relay.policy_port   = 443;
    world.config.relay.mta_sts       = true;
    world.relay.config               = &world.config;
    world.relay.queue                = (struct ipc *)&world; /* which nobody looks into */
    world.config.tls_reports.collect = true;
    CHECK(sts_open(&world.relay) && world.relay.sts);
}

static void end(void)
{
    sts_close(&world.relay);
    CHECK(!question(MSG_STS_FIND) && !question(MSG_WEB_ASK) && !lookup(DNS_TXT));
}

/* Its policy is in force, and its id is 1. */
static void learn(struct asker *a)
{
    ask(a);
    none_is_kept();
    record_is("v=STSv1; id=1;");
    host_is_there();
    web_says(GP_OK, 200, POLICY);
    is_told(a, GP_STS_ENFORCE);
}

/* ---- tests ---------------------------------------------------------------------------------------------------------------------- */
TEST(a_policy_is_fetched_where_there_is_a_record_and_kept)
{
    struct asker a, b;
    start();
    ask(&a);
    ask(&b);
    CHECK_IS(gp_from(question(MSG_STS_FIND)->text), "a.example");
    none_is_kept();
    CHECK_IS(gp_from(lookup(DNS_TXT)->name), "_mta-sts.a.example");
    record_is("v=STSv1; id=1;");
    host_is_there();
    CHECK_IS(gp_from(question(MSG_WEB_ASK)->text), "https://mta-sts.a.example/.well-known/mta-sts.txt");
    sts_forget(&b.query);
    web_says(GP_OK, 200, POLICY);
    is_told(&a, GP_STS_ENFORCE);
    CHECK(b.told == 0 && world.kept == 1 && world.told.expires == (uint64_t)(world.now + 10 * (gp_time)DAY));
    end();
}

TEST(without_record_there_is_none)
{
    static const char *const records[] = { NULL, "v=spf1 -all", "v=STSv1; id=;" };
    for (size_t i = 0; i < GP_COUNT(records); i++) {
        struct asker a;
        start();
        ask(&a);
        none_is_kept();
        record_is(records[i]);
        is_told(&a, GP_STS_NONE);
        CHECK(!question(MSG_WEB_ASK) && a.failure == TLS_FINE);
        end();
    }
}

/* RFC 8461 5.1: what is in force stays so, whatever DNS and web say, or do not. */
TEST(what_is_in_force_stays_so)
{
    static const struct {
        const char *record;
        gp_status   web;
        uint64_t    code;
        const char *file;
    } rows[] = {
        {NULL,              GP_OK,       0,   NULL     },
        { "v=STSv1; id=2;", GP_TEMPFAIL, 0,   ""       },
        { "v=STSv1; id=2;", GP_PERMFAIL, 0,   ""       },
        { "v=STSv1; id=2;", GP_OK,       404, POLICY   },
        { "v=STSv1; id=2;", GP_OK,       200, "nothing"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct asker a;
        start();
        ask(&a);
        kept_is(GP_OK, "1", world.now - HOUR, world.now + DAY);
        record_is(rows[i].record);
        if (rows[i].file) host_is_there();
        if (rows[i].file) web_says(rows[i].web, rows[i].code, rows[i].file);
        CHECK(world.counted == (rows[i].file != NULL)); /* RFC 8460 4.3.2.2: it will have expired one day */
        is_told(&a, GP_STS_ENFORCE);
        let(DAY);
        ask(&a);
        record_is(NULL);
        is_told(&a, GP_STS_NONE);
        end();
    }
}

TEST(another_id_is_another_policy)
{
    struct asker a;
    start();
    learn(&a);
    ask(&a);
    record_is("v=STSv1; id=2;");
    host_is_there();
    CHECK(a.told == 0);
    web_says(GP_OK, 200, "version: STSv1\nmode: testing\nmx: mx.b.example\nmax_age: 86400\n");
    is_told(&a, GP_STS_TESTING);
    ask(&a);
    record_is("v=STSv1; id=3;");
    host_is_there();
    web_says(GP_OK, 200, "version: STSv1\nmode: none\nmax_age: 86400\n");
    is_told(&a, GP_STS_NONE);
    CHECK(world.kept == 3);
    end();
}

TEST(a_failed_fetch_is_not_repeated_at_once)
{
    struct asker a;
    start();
    ask(&a);
    none_is_kept();
    record_is("v=STSv1; id=1;");
    host_is_there();
    web_says(GP_PERMFAIL, 0, "");
    is_told(&a, GP_STS_NONE);
    CHECK(a.failure == TLS_STS_WEB_INVALID);
    let(5 * MINUTE - 1);
    ask(&a);
    record_is("v=STSv1; id=1;");
    is_told(&a, GP_STS_NONE);
    CHECK(a.failure == TLS_STS_WEB_INVALID);
    let(1);
    ask(&a);
    record_is("v=STSv1; id=1;");
    host_is_there();
    web_says(GP_OK, 200, POLICY);
    is_told(&a, GP_STS_ENFORCE);
    end();
}

TEST(nobody_waits_for_a_refresh)
{
    struct asker a, b;
    start();
    learn(&a);
    let(DAY);
    ask(&a);
    CHECK(!question(MSG_WEB_ASK) && lookup(DNS_TXT));
    record_is("v=STSv1; id=1;");
    is_told(&a, GP_STS_ENFORCE);
    ask(&b);
    let(0);
    is_told(&b, GP_STS_ENFORCE);
    host_is_there();
    ask(&b);
    let(0);
    is_told(&b, GP_STS_ENFORCE);
    web_says(GP_OK, 200, POLICY);
    CHECK(world.kept == 2 && b.told == 1);
    end();
}

/* That it cannot be read is not that there is none: who goes on then has no protection where there was some. */
TEST(a_policy_that_cannot_be_read_is_not_taken_for_none)
{
    static const struct {
        gp_status   ipc, kept;
        const char *id, *record;
        gp_status   web;
        bool        unknown;
    } rows[] = {
        {GP_TEMPFAIL, GP_OK,       "",                                      NULL,             GP_OK,       true },
        { GP_OK,      GP_TEMPFAIL, "",                                      NULL,             GP_OK,       true },
        { GP_OK,      GP_TEMPFAIL, "",                                      "v=STSv1; id=1;", GP_TEMPFAIL, true },
        { GP_OK,      GP_TEMPFAIL, "",                                      "v=STSv1; id=1;", GP_OK,       false},
        { GP_OK,      GP_OK,       "an id longer than any policy may have", NULL,             GP_OK,       true },
        { GP_OK,      GP_PERMFAIL, "",                                      NULL,             GP_OK,       false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct asker a;
        start();
        ask(&a);
        if (rows[i].ipc == GP_OK)
            kept_is(rows[i].kept, rows[i].id, world.now, world.now + DAY);
        else
            answer(MSG_STS_FIND, rows[i].ipc, NULL);
        record_is(rows[i].record);
        if (rows[i].record) host_is_there();
        if (rows[i].record) web_says(rows[i].web, 200, POLICY);
        CHECK(a.told == 1 && a.unknown == rows[i].unknown);
        CHECK((a.mode == GP_STS_ENFORCE) == (rows[i].record && !rows[i].unknown));
        ask(&a);
        CHECK((question(MSG_STS_FIND) != NULL) == rows[i].unknown); /* the next one asks again */
        end();
    }
}

TEST(a_full_table_says_no_and_one_that_is_done_gives_way)
{
    enum { ENTRIES_MOST = 1024 };
    static struct asker many[ENTRIES_MOST];
    struct asker        late = { 0 };
    start();
    for (size_t i = 0; i < ENTRIES_MOST; i++) {
        char           room[32];
        struct gp_text name = GP_TEXT(room);
        gp_put_char(&name, 'd');
        gp_put_number(&name, (int64_t)i);
        CHECK(sts_ask(&world.relay, gp_said(&name), &many[i].query, told, &many[i]));
    }
    CHECK(!sts_ask(&world.relay, GP_LIT("late.example"), &late.query, told, &late));
    none_is_kept();
    record_is(NULL);
    CHECK(sts_ask(&world.relay, GP_LIT("late.example"), &late.query, told, &late));
    end();
}

/* RFC 8461 10.2: who can withhold DNS and web from us only now and then cannot wait until a policy has expired. */
TEST(what_was_wanted_lately_is_fetched_again_without_mail)
{
    static const char *const records[] = { "v=STSv1; id=1;", "v=STSv1; id=2;", NULL };
    for (size_t i = 0; i < GP_COUNT(records); i++) {
        start();
        let(29 * SECOND);
        CHECK(!question(MSG_STS_DUE));
        let(MINUTE + 30 * SECOND);
        CHECK_IS(gp_from(question(MSG_STS_DUE)->text), "");
        due_is(GP_OK, "a.example");
        kept_is(GP_OK, "1", world.now - DAY, world.now + DAY);
        record_is(records[i]);
        host_is_there();
        CHECK(!question(MSG_STS_DUE));
        web_says(GP_OK, 200, POLICY);
        CHECK(world.kept == 1 && world.told.asked == (uint64_t)(world.now - HOUR)); /* not for mail */
        CHECK_IS(world.told.id, records[i] && strchr(records[i], '2') ? "2" : "1");
        let(15 * SECOND);
        CHECK_IS(gp_from(question(MSG_STS_DUE)->text), "a.example"); /* the next one */
        due_is(GP_PERMFAIL, "");
        let(HOUR / 2 - 1);
        CHECK(!question(MSG_STS_DUE));
        let(HOUR);
        CHECK_IS(gp_from(question(MSG_STS_DUE)->text), ""); /* from the start */
        end();
    }
}

TEST(a_round_ends_where_what_was_fetched_since_it_began_comes_again)
{
    start();
    let(2 * MINUTE);
    gp_time began = world.now;
    due_is(GP_OK, "a.example");
    kept_is(GP_OK, "1", world.now - DAY, world.now + DAY);
    record_is(NULL);
    host_is_there();
    web_says(GP_OK, 200, POLICY);
    let(15 * SECOND);
    CHECK_IS(gp_from(question(MSG_STS_DUE)->text), "a.example");
    due_was_fetched(began + 5 * SECOND, "a.example"); /* it lasts a moment only, and the round hours */
    let(HOUR / 2 - 1);
    CHECK(!question(MSG_STS_FIND) && !question(MSG_STS_DUE));
    let(HOUR);
    CHECK_IS(gp_from(question(MSG_STS_DUE)->text), "");
    end();
}

TEST(one_that_fails_stays_in_force_and_the_next_has_its_turn)
{
    struct asker a;
    start();
    let(2 * MINUTE);
    due_is(GP_OK, "a.example");
    kept_is(GP_OK, "1", world.now - DAY, world.now + DAY);
    record_is(NULL);
    host_is_there();
    web_says(GP_TEMPFAIL, 0, "");
    let(15 * SECOND);
    CHECK_IS(gp_from(question(MSG_STS_DUE)->text), "a.example");
    ask(&a);
    due_is(GP_OK, "a.example"); /* mail asks for it just now */
    record_is(NULL);
    is_told(&a, GP_STS_ENFORCE);
    let(15 * SECOND);
    answer(MSG_STS_DUE, GP_TEMPFAIL, NULL);
    let(HOUR + HOUR / 2);
    CHECK(question(MSG_STS_DUE));
    end();
}

TEST(mail_does_not_wait_for_a_refresh_without_it)
{
    struct asker a;
    start();
    let(2 * MINUTE);
    due_is(GP_OK, "a.example");
    kept_is(GP_OK, "1", world.now - DAY, world.now + DAY);
    ask(&a);
    record_is(NULL);
    is_told(&a, GP_STS_ENFORCE);
    host_is_there();
    web_says(GP_OK, 200, POLICY);
    CHECK(world.told.asked == (uint64_t)world.now);
    end();
}
