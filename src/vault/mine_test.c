/* Who may ask about whose mail: the session must be the account's, the account must stand, and what the queue is asked is of that account alone. */
#include "vault/test_bed.h"

struct far { /* the queue */
    struct ipc        *channel;
    unsigned           asked;
    struct msg_mine_of last;
};

static void heard(void *owner, struct ipc *from, struct msg *m)
{
    struct far *q    = owner;
    struct msg  said = MSG(MINE_IS);
    if (m->type != MSG_MINE_OF) return;
    q->asked++;
    q->last      = m->mine_of;
    said.mine_is = (struct msg_mine_is) { .status = GP_OK, .lines = GP_LIT("{\"message\":\"one\"}\n") };
    ipc_answer(from, m->question, &said);
}

static void join_queue(struct bed *b, struct far *q)
{
    static const struct ipc_handler handler = { heard, NULL };
    int                             pair[2];
    CHECK(wire_pair(pair));
    vault_join(b->vault, ROLE_QUEUE, 0, pair[0]);
    q->channel = ipc_open(b->loop, pair[1], &handler, q);
}

static struct bed *open_with_anna(struct far *q)
{
    struct bed *b = bed_open();
    *q            = (struct far) { .channel = NULL };
    bed_account(b, "anna", BED_GENERATED, false);
    bed_account(b, "ben", BED_GENERATED, false);
    join_queue(b, q);
    return b;
}

static void sign_in(struct bed *b, uint64_t session, int64_t account, int64_t signer, int64_t credential)
{
    struct signin s = { .peer    = &b->vault->smtpds[0],
                        .session = session,
                        .acting  = account,
                        .account = signer,
                        .found   = { .id = credential } };
    session_opened(&s);
}

static const struct msg_mine_is *ask(struct bed *b, uint64_t session, uint64_t account, uint64_t credential)
{
    struct msg m = MSG(MINE);
    m.mine       = (struct msg_mine) { .session    = session,
                                       .account    = account,
                                       .credential = credential,
                                       .name       = GP_LIT("one"),
                                       .peer       = GP_LIT("192.0.2.1") };
    bed_ask(b, b->smtpd, &m);
    return &b->answer.mine_is;
}

static void end(struct bed *b, struct far *q)
{
    ipc_close(q->channel);
    bed_close(b);
}

TEST(whose_session_it_is_is_told_of_his_own_mail)
{
    struct far  q;
    struct bed *b = open_with_anna(&q);
    sign_in(b, 5, 1, 1, 1);
    CHECK(ask(b, 5, 1, 1)->status == GP_OK && q.asked == 1 && q.last.account == 1 && q.last.credential == 0);
    end(b, &q);
}

/* smtpd is not believed: an account that this session has not signed in as is not asked about. */
TEST(a_session_that_is_another_accounts_is_told_nothing)
{
    struct far  q;
    struct bed *b = open_with_anna(&q);
    CHECK(ask(b, 5, 1, 1)->status == GP_TEMPFAIL);
    sign_in(b, 5, 1, 1, 1);
    CHECK(ask(b, 5, 2, 2)->status == GP_TEMPFAIL && ask(b, 5, 2, 1)->status == GP_TEMPFAIL);
    CHECK(ask(b, 5, 1, 2)->status == GP_TEMPFAIL && ask(b, 6, 1, 1)->status == GP_TEMPFAIL);
    CHECK(ask(b, 5, 0, 0)->status == GP_TEMPFAIL);
    session_forget(&b->vault->smtpds[0], 5);
    CHECK(ask(b, 5, 1, 1)->status == GP_TEMPFAIL && q.asked == 0);
    end(b, &q);
}

TEST(an_account_that_is_disabled_is_told_nothing_any_more)
{
    struct far  q;
    struct bed *b = open_with_anna(&q);
    sign_in(b, 5, 1, 1, 1);
    bed_disable(b, "anna");
    CHECK(ask(b, 5, 1, 1)->status == GP_PERMFAIL && b->answer.mine_is.code == 421 && q.asked == 0);
    end(b, &q);
}

static void restrict_to(struct bed *b, int64_t credential, const char *senders)
{
    const char         *why    = "";
    struct restrictions limits = { .expires = 0 };
    struct accounts    *a      = bed_store(b);
    CHECK(gp_copy_z(gp_from(senders), limits.senders, sizeof(limits.senders)));
    CHECK(credential_alter(a, credential, GP_LIT("printer"), &limits, &why) == GP_OK);
    accounts_close(a);
}

TEST(a_credential_for_some_senders_and_who_acts_for_another_see_what_they_sent)
{
    struct far  q;
    struct bed *b = open_with_anna(&q);
    sign_in(b, 5, 1, 1, 1);
    restrict_to(b, 1, "printer@example.org");
    CHECK(ask(b, 5, 1, 1)->status == GP_OK && q.last.account == 1 && q.last.credential == 1);
    bed_may_act(b, 2, 1);
    sign_in(b, 6, 1, 2, 2);
    CHECK(ask(b, 6, 1, 2)->status == GP_OK && q.last.account == 1 && q.last.credential == 2);
    end(b, &q);
}

TEST(who_asks_too_often_has_to_wait)
{
    struct far  q;
    struct bed *b = open_with_anna(&q);
    sign_in(b, 5, 1, 1, 1);
    sign_in(b, 6, 1, 1, 1);
    sign_in(b, 7, 2, 2, 2);
    while (ask(b, 5 + q.asked % 2, 1, 1)->status == GP_OK && q.asked < 1000) {}
    CHECK(q.asked >= 60 && q.asked < 80 && b->answer.mine_is.code == 450);
    CHECK(ask(b, 7, 2, 2)->status == GP_OK);
    end(b, &q);
}

TEST(without_a_queue_nothing_is_told)
{
    struct far  q;
    struct bed *b = open_with_anna(&q);
    sign_in(b, 5, 1, 1, 1);
    ipc_close(q.channel);
    bed_settle(b);
    CHECK(ask(b, 5, 1, 1)->status == GP_TEMPFAIL && b->vault->mine.asked == 0);
    bed_close(b);
}
