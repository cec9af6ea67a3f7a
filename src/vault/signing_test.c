/* Signatures with RSA keys are made beside the loop: other questions are answered meanwhile, a key may go while it signs, and what
 * a process asked is never told to the one that took its place. */
#include <sys/stat.h>

#include "vault/test_bed.h"

enum { PEM_ROOM = 8192, QUESTIONS = 32 };

static void rsa_key_of(unsigned bits)
{
    char           pem[PEM_ROOM];
    struct gp_text text = GP_TEXT(pem);
    struct gp_key *key  = gp_key_new(GP_KEY_RSA, bits);
    CHECK(key && gp_key_pem(key, &text) && mkdir("dkim", 0700) == 0);
    bed_write("dkim/example.org.gp-rsa.pem", pem, text.len);
    gp_key_close(key);
}

static void rsa_key(void)
{
    rsa_key_of(2048);
}

struct outcomes {
    unsigned signatures, refusals, put_offs, gone, keys, signatures_before_keys;
};

static void count_signature(void *owner, gp_status status, const struct msg *m)
{
    struct outcomes *t = owner;
    if (status != GP_OK)
        t->gone++;
    else if (m->dkim_signed.status == GP_OK)
        t->signatures++;
    else if (m->dkim_signed.status == GP_TEMPFAIL)
        t->put_offs++;
    else
        t->refusals++;
}

static void count_keys(void *owner, gp_status status, const struct msg *m)
{
    struct outcomes *t = owner;
    CHECK(status == GP_OK && m->type == MSG_DKIM_KEYS_ARE);
    t->keys++;
    t->signatures_before_keys = t->signatures;
}

static void ask_signatures(struct bed *b, struct outcomes *t, unsigned count)
{
    static const char digest[32] = { 0 };
    struct msg        m          = MSG(DKIM_SIGN);
    m.dkim_sign                  = (struct msg_dkim_sign) {
                         GP_LIT("example.org"), GP_LIT("gp-rsa"), {digest, sizeof(digest)}
    };
    for (unsigned i = 0; i < count; i++) ipc_ask(b->relay, &m, count_signature, t);
}

/* Under way, or already made where threads are faster than this one. */
static void until_they_are_under_way(struct bed *b, const struct outcomes *t)
{
    while (!b->vault->signings && t->signatures == 0) bed_turns(b, 1);
}

static void until_all_are_made(struct bed *b)
{
    do bed_settle(b);
    while (b->vault->signings);
    bed_settle(b);
}

TEST(another_question_does_not_wait_for_signatures_with_rsa)
{
    struct outcomes t = { 0 };
    struct bed     *b = bed_open();
    struct msg      m = MSG(DKIM_KEYS);
    rsa_key();
    dkim_load(b->vault);
    m.dkim_keys.domain = GP_LIT("example.org");
    ask_signatures(b, &t, QUESTIONS);
    ipc_ask(b->relay, &m, count_keys, &t);
    until_all_are_made(b);
    CHECK(t.keys == 1 && t.signatures == QUESTIONS && t.signatures_before_keys < QUESTIONS);
    bed_close(b);
}

TEST(a_key_that_goes_while_it_signs_is_kept_to_the_end)
{
    struct outcomes t = { 0 };
    struct bed     *b = bed_open();
    rsa_key();
    dkim_load(b->vault);
    ask_signatures(b, &t, QUESTIONS);
    until_they_are_under_way(b, &t);
    CHECK(unlink("dkim/example.org.gp-rsa.pem") == 0);
    dkim_load(b->vault);
    CHECK(b->vault->dkim.count == 0);
    until_all_are_made(b);
    CHECK(t.signatures == QUESTIONS);
    ask_signatures(b, &t, 1);
    until_all_are_made(b);
    CHECK(t.refusals == 1);
    bed_close(b);
}

TEST(an_answer_does_not_reach_the_process_that_took_the_askers_place)
{
    struct outcomes before = { 0 }, after = { 0 };
    struct bed     *b = bed_open();
    rsa_key();
    dkim_load(b->vault);
    ask_signatures(b, &before, QUESTIONS);
    until_they_are_under_way(b, &before);
    struct ipc *old = b->relay;
    b->relay        = bed_join(b, ROLE_RELAY);
    unsigned heard  = before.signatures;
    ask_signatures(b, &after, 1);
    until_all_are_made(b);
    CHECK(after.signatures == 1 && before.signatures == heard);
    ipc_close(old);
    bed_close(b);
}

TEST(more_than_the_bound_are_put_off_at_once)
{
    struct outcomes t = { 0 };
    struct bed     *b = bed_open();
    rsa_key();
    dkim_load(b->vault);
    b->vault->signings = SIGNINGS_MOST;
    ask_signatures(b, &t, 1);
    bed_settle(b);
    CHECK(t.put_offs == 1 && t.refusals == 0 && b->vault->signings == SIGNINGS_MOST);
    b->vault->signings = 0;
    bed_close(b);
}

/* RFC 8301 3.2: nobody is to believe them. */
TEST(rsa_keys_that_can_be_broken_do_not_sign)
{
    static const struct {
        unsigned bits, keys;
    } rows[] = {
        {768,   0},
        { 1024, 1},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bed *b = bed_open();
        rsa_key_of(rows[i].bits);
        dkim_load(b->vault);
        CHECK(b->vault->dkim.count == rows[i].keys);
        bed_close(b);
    }
}
