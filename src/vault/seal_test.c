/* The audit key signs what is so: ends of chains when asked, how far queue's has aged out only as the vault itself saw it. */
#include "vault/test_bed.h"

static const uint8_t id[AUDIT_ID] = { 7 }, hash[AUDIT_HASH] = { 8 }, other[AUDIT_HASH] = { 9 };

static struct ipc *queue_of(struct bed *b)
{
    return bed_join(b, ROLE_QUEUE);
}

struct asked {
    enum audit_saying says;
    int64_t           seq;
    const uint8_t    *hash;
    size_t            id_len;
    const uint8_t    *id; /* NULL: the usual one */
};

static bool signs(struct bed *b, struct ipc *queue, const struct asked *a)
{
    struct msg        m = MSG(SEAL);
    struct audit_seal s;
    m.seal = (struct msg_seal) {
        .says = a->says,
        .seq  = (uint64_t)a->seq,
        .id   = {(const char *)(a->id ? a->id : id), a->id_len },
        .hash = { (const char *)a->hash,             AUDIT_HASH}
    };
    bed_ask(b, queue, &m);
    CHECK(b->status == GP_OK && b->answer.type == MSG_SEALED);
    if (b->answer.sealed.status != GP_OK) return false;
    gp_str line = bed_text(b);
    CHECK(audit_seal_read(line, &s) && audit_seal_holds(line, &b->vault->sealer.key));
    CHECK(s.says == a->says && s.chain == AUDIT_QUEUE && s.seq == a->seq && memcmp(s.hash, a->hash, AUDIT_HASH) == 0);
    return true;
}

TEST(a_horizon_is_signed_only_where_a_checkpoint_is_old_enough)
{
    enum { KEEP = 1000 };
    /* clang-format off */
    static const struct { unsigned keep; gp_time age; struct asked asked; bool signs; } rows[] = {
        { KEEP, (KEEP + 60) * 1000L, { AUDIT_HORIZON, 5, hash, AUDIT_ID },     true  },
        { KEEP, (KEEP - 60) * 1000L, { AUDIT_HORIZON, 5, hash, AUDIT_ID },     false }, /* not yet         */
        { 0,    (KEEP + 60) * 1000L, { AUDIT_HORIZON, 5, hash, AUDIT_ID },     false }, /* kept for ever   */
        { KEEP, (KEEP + 60) * 1000L, { AUDIT_HORIZON, 6, hash, AUDIT_ID },     false }, /* another row     */
        { KEEP, (KEEP + 60) * 1000L, { AUDIT_HORIZON, 5, other, AUDIT_ID },    false }, /* another hash    */
        { KEEP, (KEEP + 60) * 1000L, { AUDIT_HORIZON, 5, hash, AUDIT_ID - 1 }, false }, /* no chain's id   */
        { KEEP, (KEEP + 60) * 1000L, { AUDIT_TOMBSTONE, 5, hash, AUDIT_ID },   false }, /* not to be asked */
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bed        *b     = bed_open();
        struct ipc        *queue = queue_of(b);
        const struct asked first = { AUDIT_CHECKPOINT, 5, hash, AUDIT_ID };
        b->config.audit.keep     = rows[i].keep;
        CHECK(signs(b, queue, &first));
        auto_rows r =
            rows_of(accounts_database(b->vault->accounts), "UPDATE audit_checkpoints SET moment = moment - ?");
        rows_bind_number(&r, rows[i].age);
        CHECK(rows_run(&r) == GP_OK);
        rows_end(&r);
        print_message("row %zu\n", i);
        CHECK(signs(b, queue, &rows[i].asked) == rows[i].signs);
        ipc_close(queue);
        bed_close(b);
    }
}

/* Who writes queue.db alone and lets the vault sign that anew would have it replace the evidence. */
TEST(what_was_signed_of_queue_is_never_signed_otherwise)
{
    static const uint8_t stranger[AUDIT_ID] = { 77 };
    /* clang-format off */
    static const struct { int64_t seq; const uint8_t *id, *hash; bool signs; } rows[] = {
        { 9,  id,       hash,  true  }, /* the same again: its answer was lost */
        { 9,  id,       other, false },
        { 8,  id,       hash,  false },
        { 9,  stranger, hash,  false },
        { 20, stranger, hash,  false },
        { 10, id,       other, true  }, /* it has grown                         */
    };
    /* clang-format on */
    struct bed          *b                  = bed_open();
    struct ipc          *queue              = queue_of(b);
    struct asked         first              = { AUDIT_CHECKPOINT, 9, hash, AUDIT_ID };
    char                 room[AUDIT_LINE_MOST], again[AUDIT_LINE_MOST];
    CHECK(signs(b, queue, &first));
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct gp_text    before = GP_TEXT(room), after = GP_TEXT(again);
        struct audit_seal s;
        struct asked      a  = { AUDIT_CHECKPOINT, rows[i].seq, rows[i].hash, AUDIT_ID, rows[i].id };
        struct database  *db = accounts_database(b->vault->accounts);
        CHECK(audit_last_checkpoint(db, AUDIT_QUEUE, &s, &before) == GP_OK);
        if (signs(b, queue, &a) != rows[i].signs) fail_msg("row %zu", i);
        CHECK(audit_last_checkpoint(db, AUDIT_QUEUE, &s, &after) == GP_OK);
        CHECK(gp_same(gp_said(&before), gp_said(&after)) == (rows[i].seq != 10));
    }
    CHECK(database_script(accounts_database(b->vault->accounts), "UPDATE audit_checkpoints SET line = 'x'") == GP_OK);
    first.seq = 11;
    CHECK(!signs(b, queue, &first));
    ipc_close(queue);
    bed_close(b);
}

/* Queue keeps our chain's end as we keep its; also where its own is not signed. */
TEST(queue_is_given_what_the_vault_has_signed_of_its_own)
{
    struct bed        *b     = bed_open();
    struct ipc        *queue = queue_of(b);
    struct msg         m     = MSG(SEAL);
    struct audit_seal  s;
    struct audit_fault fault;
    struct audit_entry e = { .when = 5, .event = "tried" };
    for (int64_t seq = 9; seq >= 8; seq--) {
        CHECK(AUDIT(accounts_database(b->vault->accounts), &e, AUDIT_N("n", seq)) == GP_OK);
        m.seal = (struct msg_seal) {
            .seq = (uint64_t)seq, .id = {(const char *)id,    AUDIT_ID  },
                 .hash = { (const char *)hash, AUDIT_HASH}
        };
        bed_ask(b, queue, &m);
        gp_str line = { b->signer, strlen(b->signer) };
        CHECK(b->answer.sealed.status == (seq == 9 ? GP_OK : GP_TEMPFAIL));
        CHECK(audit_seal_read(line, &s) && audit_seal_holds(line, &b->vault->sealer.key) && s.chain == AUDIT_VAULT);
        CHECK(audit_compare(accounts_database(b->vault->accounts), &s, &fault) == GP_OK);
        CHECK(audit_head(accounts_database(b->vault->accounts), &s) == GP_PERMFAIL);
    }
    ipc_close(queue);
    bed_close(b);
}

TEST(the_vaults_own_end_is_signed_when_it_has_grown_and_goes_to_the_file)
{
    struct bed        *b = bed_open();
    struct msg         m = MSG(AUDIT_EXPORT);
    struct audit_fault fault;
    char               room[AUDIT_LINE_MOST + 1] = "";
    int                pair[2];
    CHECK(pipe(pair) == 0);
    m.fds[0] = pair[1];
    CHECK(ipc_tell(b->supervisor, &m));
    bed_settle(b);
    seal_now(b->vault);
    seal_now(b->vault);
    ssize_t got = read(pair[0], room, sizeof room - 1);
    CHECK(got > 0 && room[got - 1] == '\n' && gp_find((gp_str) { room, (size_t)got }, '\n') == (size_t)got - 1);
    CHECK(audit_seal_holds((gp_str) { room, (size_t)got }, &b->vault->sealer.key));
    CHECK(audit_verify(accounts_database(b->vault->accounts), &b->vault->sealer.key, &fault) == GP_OK);
    (void)close(pair[0]);
    (void)close(pair[1]);
    bed_close(b);
}
