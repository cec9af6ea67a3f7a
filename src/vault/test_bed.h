/* For the tests of this folder: a vault in a folder of its own, on one loop with the far ends of its channels. */
#ifndef VAULT_TEST_BED_H
#define VAULT_TEST_BED_H

#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc/wire.h"
#include "vault/parts.h"

enum { BED_PATIENCE_MS = 20000, BED_TEXT = 16 * 1024, BED_CHOSEN_ROUNDS = 20000 };
#define BED_PASSWORD "correct horse battery"

struct bed {
    unsigned turns; /* still to go in bed_settle */
    char          folder[64];
    struct loop  *loop;
    struct config config;
    struct vault *vault;
    struct ipc   *smtpd, *relay, *supervisor;
    /* what the smtpd heard unasked */
    unsigned      certificates, tickets, offers;
    unsigned      ours; /* heard by the relay: OUR_CERTIFICATE */
    uint64_t      our_generation;
    uint64_t      offer_of; /* listener of the last offer */
    char          offered[CONFIG_TEXT];
    uint64_t      generation;
    char          ticket_keys[TICKETS_MOST * GP_TLS_TICKET_KEY];
    size_t        ticket_len;
    /* the last answer */
    bool          answered;
    gp_status     status;
    bool          believed; /* of the last LOGIN_SAYS */
    struct msg    answer;
    char          text[BED_TEXT], user[NAME_ROOM], signer[NAME_ROOM], mechanism[MECHANISM_TEXT]; /* its slices, copied */
    size_t        text_len;
};

static inline gp_str bed_text(const struct bed *b)
{
    return (gp_str){ b->text, b->text_len };
}

static inline void bed_heard(void *owner, struct ipc *from, struct msg *m)
{
    struct bed *b = owner;
    (void)from;
    if (m->type == MSG_CERTIFICATE) {
        b->certificates++;
        b->generation = m->certificate.generation;
    }
    if (m->type == MSG_OUR_CERTIFICATE) {
        b->ours++;
        b->our_generation = m->our_certificate.generation;
        CHECK(m->our_certificate.chain.len > 0 && (gp_time)m->our_certificate.expires > wall_now());
    }
    if (m->type == MSG_MECHANISMS) {
        b->offers++;
        b->offer_of = m->mechanisms.listener;
        CHECK(gp_copy_z(m->mechanisms.names, b->offered, sizeof(b->offered)));
    }
    if (m->type != MSG_TICKETS) return;
    b->tickets++;
    CHECK(m->tickets.keys.len <= sizeof(b->ticket_keys));
    b->ticket_len = m->tickets.keys.len;
    memcpy(b->ticket_keys, m->tickets.keys.ptr, b->ticket_len);
}

static inline struct ipc *bed_join(struct bed *b, enum msg_role role)
{
    static const struct ipc_handler handler = { bed_heard, NULL };
    int                             pair[2];
    CHECK(wire_pair(pair));
    vault_join(b->vault, role, 0, pair[0]);
    return ipc_open(b->loop, pair[1], &handler, b);
}

static inline void bed_write(const char *path, const void *octets, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, octets, len) == (ssize_t)len);
    (void)close(fd);
}

static inline void bed_settings(struct config *c)
{
    *c = (struct config){ .domain = "example.org", .mechanisms = "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN CRAM-MD5" };
    c->listen_count              = 1;
    c->limits.sign_in_timeout    = 60;
    c->passwords.hashing_threads = 2;
    c->dkim.sign                 = true;
    c->policy.identity.mode      = POLICY_ENFORCE;
    c->policy.identity.names     = POLICY_ENFORCE;
    c->policy.identity.rules[SENDER_REPLY_TO] = SENDER_ALLOW;
    (void)gp_copy_z(GP_LIT("gp-rsa"), c->dkim.rsa_selector, sizeof(c->dkim.rsa_selector));
    (void)gp_copy_z(GP_LIT("gp-ed"), c->dkim.ed25519_selector, sizeof(c->dkim.ed25519_selector));
    c->relay.kind                = RELAY_SMARTHOST;
    (void)gp_copy_z(GP_LIT("upstream"), c->relay.user, sizeof(c->relay.user));
    (void)gp_copy_z(GP_LIT("password"), c->relay.password_file, sizeof(c->relay.password_file));
    (void)gp_copy_z(GP_LIT("SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5"), c->relay.mechanisms, sizeof(c->relay.mechanisms));
}

/* more: settings of its own, or NULL. */
static inline struct bed *bed_open_with(void (*more)(struct config *))
{
    static const char key[VERIFIER_KEY] = "a key for tests, of 32 octets..";
    struct bed       *b                 = calloc(1, sizeof(*b));
    assert_non_null(b);
    log_open("test", LOG_LOGFMT, LOG_LEVELS); /* refusals are what these tests provoke: no lines */
    (void)snprintf(b->folder, sizeof(b->folder), "/tmp/gatepost-vault-XXXXXX");
    CHECK(mkdtemp(b->folder) && chdir(b->folder) == 0);
    bed_write("vault.key", key, sizeof(key));
    bed_settings(&b->config);
    if (more) more(&b->config);
    b->loop  = loop_open();
    b->vault = vault_open(b->loop, &b->config);
    assert_non_null(b->vault);
    b->smtpd      = bed_join(b, ROLE_SMTPD);
    b->relay      = bed_join(b, ROLE_RELAY);
    b->supervisor = bed_join(b, ROLE_SUPERVISOR);
    return b;
}

static inline struct bed *bed_open(void)
{
    return bed_open_with(NULL);
}

static inline void bed_close(struct bed *b)
{
    static const char *const files[] = { "accounts.db", "accounts.db-wal", "accounts.db-shm", "vault.key", "audit.key", "pem", "key",
                                         "dkim/example.org.gp-rsa.pem", "dkim/example.org.gp-ed.pem", "dkim/example.org.before.old",
                                         "dkim/example.org.later.next", "dkim/example.com.s1.pem", "dkim/not a key.pem" };
    ipc_close(b->smtpd);
    ipc_close(b->relay);
    ipc_close(b->supervisor);
    vault_close(b->vault);
    loop_close(b->loop);
    for (size_t i = 0; i < GP_COUNT(files); i++) (void)unlink(files[i]);
    (void)rmdir("dkim");
    CHECK(chdir("/") == 0);
    CHECK(rmdir(b->folder) == 0);
    free(b);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */
static inline void bed_too_long(void *owner)
{
    (void)owner;
    fail_msg("nothing happened for %d ms", BED_PATIENCE_MS);
}

static inline void bed_run(struct bed *b)
{
    struct timer *patience = timer_open(b->loop, bed_too_long, b);
    timer_set(patience, BED_PATIENCE_MS);
    loop_run(b->loop);
    timer_close(patience);
}

static inline void bed_turn(void *owner)
{
    struct bed *b = owner;
    if (b->turns-- == 0 || !loop_later(b->loop, bed_turn, b)) loop_stop(b->loop);
}

static inline void bed_turns(struct bed *b, unsigned turns)
{
    b->turns = turns;
    bed_turn(b);
    bed_run(b);
}

/* For what is not answered: both ends of every channel are on this loop, so what was said has arrived after some turns of it,
 * however slow the machine is. */
static inline void bed_settle(struct bed *b)
{
    enum { SETTLE_TURNS = 64 };
    bed_turns(b, SETTLE_TURNS);
}

static inline void bed_copy(struct bed *b, gp_str text)
{
    CHECK(text.len < sizeof(b->text));
    b->text_len = text.len;
    if (text.len) memcpy(b->text, text.ptr, text.len);
}

static inline void bed_answered(void *owner, gp_status status, const struct msg *m)
{
    struct bed *b = owner;
    b->answered   = true;
    b->status     = status;
    b->text_len   = 0;
    loop_stop(b->loop);
    if (status != GP_OK) return;
    b->answer = *m;
    if (m->type == MSG_SASL_RESULT) {
        bed_copy(b, m->sasl_result.text);
        (void)gp_copy_z(m->sasl_result.user, b->user, sizeof(b->user));
        (void)gp_copy_z(m->sasl_result.signer, b->signer, sizeof(b->signer));
    }
    if (m->type == MSG_LOGIN_SAYS) {
        b->believed = m->login_says.believed != 0;
        bed_copy(b, m->login_says.status == GP_OK ? m->login_says.text : m->login_says.why);
        (void)gp_copy_z(m->login_says.mechanism, b->mechanism, sizeof(b->mechanism));
    }
    if (m->type == MSG_TLS_SIGNED) bed_copy(b, m->tls_signed.signature);
    if (m->type == MSG_DKIM_SIGNED) bed_copy(b, m->dkim_signed.signature);
    if (m->type == MSG_DKIM_KEYS_ARE) {
        bed_copy(b, m->dkim_keys_are.keys);
        (void)gp_copy_z(m->dkim_keys_are.domain, b->user, sizeof(b->user));
    }
    if (m->type == MSG_SEALED) {
        bed_copy(b, m->sealed.line);
        (void)gp_copy_z(m->sealed.vault, b->signer, sizeof(b->signer));
    }
    if (m->type == MSG_PERMISSION) bed_copy(b, m->permission.why);
    if (m->type == MSG_SUBMITTED) bed_copy(b, m->submitted.text);
    if (m->type == MSG_AUTHORED) bed_copy(b, m->authored.status == GP_OK ? m->authored.rewrites : m->authored.text);
}

static inline void bed_ask(struct bed *b, struct ipc *channel, struct msg *m)
{
    b->answered = false;
    ipc_ask(channel, m, bed_answered, b);
    bed_run(b);
    CHECK(b->answered);
}

/* ---- accounts ---------------------------------------------------------------------------------------------------- */
enum bed_kind { BED_GENERATED, BED_CHOSEN, BED_HASHED };

static inline struct accounts *bed_store(const struct bed *b)
{
    enum database_trouble trouble;
    struct accounts_plan  plan = { .path = "accounts.db", .domain = gp_from(b->config.domain), .busy_ms = 100 };
    struct accounts      *a    = accounts_open(&plan, &trouble);
    assert_non_null(a);
    return a;
}

static inline struct verifier bed_verifier(struct bed *b, const char *name, enum bed_kind kind, bool cram)
{
    struct verifier      v;
    struct verifier_wish wish = { gp_from(name), kind == BED_GENERATED, kind != BED_HASHED, cram, BED_CHOSEN_ROUNDS, NULL };
    CHECK(verifier_make(&b->vault->keys, (gp_secret){ BED_PASSWORD, strlen(BED_PASSWORD) }, &wish, &v));
    return v;
}

/* As a command would, beside the running vault. */
static inline void bed_account(struct bed *b, const char *name, enum bed_kind kind, bool cram)
{
    const char        *why;
    struct verifier    v = bed_verifier(b, name, kind, cram);
    struct new_account n = { .name = gp_from(name), .verifier = &v, .kind = kind == BED_GENERATED ? CREDENTIAL_GENERATED : CREDENTIAL_CHOSEN };
    struct accounts   *a = bed_store(b);
    CHECK(accounts_add(a, &n, 1000, &why) == GP_OK);
    accounts_close(a);
}

static inline void bed_disable(struct bed *b, const char *name)
{
    struct account   account;
    struct accounts *a = bed_store(b);
    CHECK(accounts_find(a, gp_from(name), &account) == GP_OK && accounts_set_disabled(a, account.id, true) == GP_OK);
    accounts_close(a);
}

static inline void bed_may_act(struct bed *b, int64_t account, int64_t other)
{
    const char      *why;
    struct accounts *a = bed_store(b);
    CHECK(accounts_delegate(a, account, other, true, &why) == GP_OK);
    accounts_close(a);
}

static inline void bed_subject(struct bed *b, enum credential_kind kind, const char *user, gp_str subject)
{
    int64_t               id = 0;
    const char           *why;
    struct account        account;
    struct accounts      *a = bed_store(b);
    struct new_credential n = { .kind = kind, .subject = subject };
    CHECK(accounts_find(a, gp_from(user), &account) == GP_OK && credential_add(a, account.id, &n, 1000, &id, &why) == GP_OK);
    accounts_close(a);
}

#endif
