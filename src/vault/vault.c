/* The role itself: opens the store and the keys, joins its peers, hands each message to the file that answers it, and keeps time. */
#include "vault/vault.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vault/parts.h"

enum { STORE_BUSY_MS = 500, EXIT_BROKEN = 1, THREADS_TEXT = 16, THREADS_MOST = 128 };

/* ---- the store ----------------------------------------------------------------------------------------------------------- */
/* What commands say would go to the other file: it is said, and what was true before goes on. */
static void look_for_the_file(struct vault *v)
{
    bool moved = database_moved(accounts_database(v->accounts));
    if (moved && !v->moved)
        LOG(LOG_ERROR, "store", LOG_Z("file", "accounts.db"), LOG_Z("reason", database_why(DATABASE_MOVED)),
            LOG_Z("hint", database_hint(DATABASE_MOVED)));
    v->moved = moved;
}

void vault_store_failed(struct vault *v)
{
    enum database_trouble trouble = database_trouble(accounts_database(v->accounts));
    if (v->failed) return;
    v->failed = true;
    if (trouble == DATABASE_MOVED) {
        look_for_the_file(v);
        return;
    }
    LOG(LOG_ERROR, "store", LOG_Z("file", "accounts.db"), LOG_Z("reason", database_why(trouble)),
        LOG_Z("hint", database_hint(trouble)));
}

/* Without memory for another the old one stays: the checks that come are no worse for it. */
static void take_decoy(struct vault *v)
{
    struct decoy *fresh = decoy_open(v->accounts, &v->survey, wall_now());
    if (!fresh) return;
    decoy_leave(v->decoy);
    v->decoy = fresh;
}

void vault_survey(struct vault *v)
{
    struct survey survey;
    if (accounts_survey(v->accounts, wall_now(), &survey) != GP_OK) {
        vault_store_failed(v);
        return;
    }
    v->survey = survey;
    take_decoy(v);
    offer_update(v);
    if (v->failed) LOG(LOG_INFO, "store", LOG_Z("file", "accounts.db"), LOG_Z("result", "works again"));
    v->failed = false;
}

void vault_refresh(struct vault *v)
{
    if (!database_changed(accounts_database(v->accounts)) && !v->failed) return;
    v->changes++;
    bans_reload(v);
    tokens_changed(v);
    recent_clear(v->recent); /* a password that was changed must not be recognised any more */
    vault_survey(v);
}

void vault_look_anew(struct vault *v)
{
    database_let_go(accounts_database(v->accounts));
    vault_refresh(v);
}

/* ---- messages ------------------------------------------------------------------------------------------------------------ */
static void join(struct peer *from, struct msg *m)
{
    if (m->fds[0] < 0 || m->peer.role >= ROLES) return;
    vault_join(from->vault, (enum msg_role)m->peer.role, (unsigned)m->peer.index, m->fds[0]);
    m->fds[0] = -1;
}

static void stop(struct peer *from, struct msg *m)
{
    (void)m;
    uses_write(from->vault);
    shadow_write(from->vault);
    meters_write(from->vault);
    trail_write(from->vault);
    seal_now(from->vault);
    places_write(from->vault);
    notices_write(from->vault);
    bans_write(from->vault);
    guesses_write(from->vault);
    loop_stop(from->vault->loop);
}

/* Who may say what: a role that was taken over can ask no more than its own questions. */
static const struct {
    enum msg_type type;
    enum msg_role from;
    void (*handle)(struct peer *, struct msg *);
} handlers[] = {
    {MSG_SASL_START,     ROLE_SMTPD,      exchange_start    },
    { MSG_SASL_LINE,     ROLE_SMTPD,      exchange_line     },
    { MSG_SASL_ABORT,    ROLE_SMTPD,      exchange_abort    },
    { MSG_SESSION_END,   ROLE_SMTPD,      session_ended     },
    { MSG_MAY_SEND,      ROLE_SMTPD,      sending_mail      },
    { MSG_MINE,          ROLE_SMTPD,      mine_asked        },
    { MSG_FATES,         ROLE_QUEUE,      brake_fates       },
    { MSG_HELD_LONG,     ROLE_QUEUE,      notice_held       },
    { MSG_REPORT_LOST,   ROLE_QUEUE,      notice_lost       },
    { MSG_STORE_STATE,   ROLE_QUEUE,      notice_store      },
    { MSG_AUTHORS,       ROLE_SMTPD,      identity_authors  },
    { MSG_SUBMIT,        ROLE_SMTPD,      sending_submit    },
    { MSG_REFUSED,       ROLE_SMTPD,      refused_take      },
    { MSG_STRAY,         ROLE_SMTPD,      gate_heard_stray  },
    { MSG_TLS_SIGN,      ROLE_SMTPD,      keys_sign         },
    { MSG_TLS_SIGN,      ROLE_RELAY,      presented_sign    },
    { MSG_DKIM_KEYS,     ROLE_RELAY,      dkim_keys         },
    { MSG_PREFLIGHT,     ROLE_RELAY,      preflight_told    },
    { MSG_DKIM_SIGN,     ROLE_RELAY,      dkim_sign         },
    { MSG_LOGIN_START,   ROLE_RELAY,      upstream_start    },
    { MSG_LOGIN_LINE,    ROLE_RELAY,      upstream_line     },
    { MSG_LOGIN_END,     ROLE_RELAY,      upstream_end      },
    { MSG_PEER,          ROLE_SUPERVISOR, join              },
    { MSG_KEYPAIR,       ROLE_SUPERVISOR, keys_pair         },
    { MSG_UPSTREAM,      ROLE_SUPERVISOR, upstream_received },
    { MSG_UPSTREAM_PAIR, ROLE_SUPERVISOR, presented_received},
    { MSG_PROVIDER_FILE, ROLE_SUPERVISOR, tokens_file       },
    { MSG_CLIENT_CA,     ROLE_SUPERVISOR, external_ca       },
    { MSG_SEAL,          ROLE_QUEUE,      seal_asked        },
    { MSG_AUDIT_EXPORT,  ROLE_SUPERVISOR, seal_export       },
    { MSG_STOP,          ROLE_SUPERVISOR, stop              },
};

static void message(void *owner, struct ipc *channel, struct msg *m)
{
    struct peer *from = owner;
    (void)channel;
    if (from->role == ROLE_SMTPD) database_hold(accounts_database(from->vault->accounts));
    for (size_t i = 0; i < GP_COUNT(handlers); i++)
        if (handlers[i].type == m->type && handlers[i].from == from->role) {
            handlers[i].handle(from, m);
            return;
        }
    LOG(LOG_ERROR, "role", LOG_Z("from", role_name(from->role)), LOG_Z("message", msg_name(m->type)),
        LOG_Z("reason", "that role has no business saying that"));
}

static void gone(void *owner, struct ipc *channel)
{
    struct peer *peer = owner;
    (void)channel;
    if (peer->role == ROLE_SMTPD) signin_drop_peer(peer);
    if (peer->role == ROLE_SMTPD) sessions_drop_peer(peer);
    if (peer->role == ROLE_RELAY) upstream_drop(peer->vault);
    if (peer->role == ROLE_SUPERVISOR) loop_stop(peer->vault->loop);
}

static struct peer *place_of(struct vault *v, enum msg_role role, unsigned index)
{
    if (role == ROLE_SMTPD && index < ROLE_SMTPD_MOST) return &v->smtpds[index];
    if (role == ROLE_RELAY && index == 0) return &v->relay;
    if (role == ROLE_QUEUE && index == 0) return &v->queue;
    if (role == ROLE_LOOKUP && index < config_lookup_processes(v->config)) return &v->lookups[index];
    return role == ROLE_SUPERVISOR ? &v->supervisor : NULL;
}

void vault_join(struct vault *v, enum msg_role role, unsigned index, int fd)
{
    static const struct ipc_handler handler = { message, gone };
    struct peer                    *peer    = place_of(v, role, index);
    if (!peer) {
        (void)close(fd);
        return;
    }
    if (peer->channel) {
        peer->life++;
        gone(peer, peer->channel); /* its questions died with it, if that was not noticed yet */
        ipc_attach(peer->channel, fd);
    } else {
        *peer         = (struct peer) { .vault = v, .role = role, .index = index };
        peer->channel = ipc_open(v->loop, fd, &handler, peer);
    }
    if (peer->channel && role == ROLE_RELAY) presented_announce(peer);
    if (!peer->channel || role != ROLE_SMTPD) return;
    offer_announce(peer);
    keys_announce(peer);
}

/* All that one turn asks of the store is answered as of one moment; what commands change is seen in the next turn. */
static void after_turn(void *owner)
{
    struct vault *v = owner;
    database_let_go(accounts_database(v->accounts));
}

/* ---- time ---------------------------------------------------------------------------------------------------------------- */
static void tick(void *owner)
{
    struct vault *v   = owner;
    gp_time       now = loop_now(v->loop);
    look_for_the_file(v);
    vault_look_anew(v);
    signin_expire(v, now);
    keys_tick(v, now);
    notices_tick(v, now);
    webhook_tick(v, now);
    tokens_tick(v, now);
    again_tick(v);
    shadow_write(v);
    meters_write(v);
    holds_tick(v);
    trail_write(v);
    seal_tick(v, now);
    places_write(v);
    bans_write(v);
    guesses_tick(v, now);
    if (now - v->uses.written >= USES_EVERY_MS) {
        uses_write(v);
        v->uses.written = now;
    }
    if (now - v->folder_seen >= FOLDER_EVERY_MS) {
        dkim_load(v);
        v->folder_seen = now;
    }
    timer_set(v->tick, TICK_MS);
}

/* ---- opening and closing --------------------------------------------------------------------------------------------------- */
static bool open_store(struct vault *v)
{
    const char           *why;
    enum database_trouble trouble;
    struct accounts_plan  plan = {
         .path = "accounts.db", .domain = gp_from(v->config->domain), .busy_ms = STORE_BUSY_MS, .create = true
    };
    if (!verifier_keys_read("vault.key", &v->keys, &why)) {
        LOG(LOG_ERROR, "store", LOG_Z("reason", why),
            LOG_Z("hint", "restore vault/vault.key from a backup, or run `gatepost init`"));
        return false;
    }
    v->accounts = accounts_open(&plan, &trouble);
    if (v->accounts && database_check(accounts_database(v->accounts)) == GP_OK) return true;
    if (v->accounts) trouble = database_trouble(accounts_database(v->accounts));
    LOG(LOG_ERROR, "store", LOG_Z("file", "vault/accounts.db"), LOG_Z("reason", database_why(trouble)),
        LOG_Z("hint", database_hint(trouble)));
    return false;
}

static bool open_memory(struct vault *v)
{
    bool locked = false;
    v->recent   = recent_open(&locked);
    v->upstream = calloc(1, sizeof(*v->upstream));
    v->tick     = timer_open(v->loop, tick, v);
    if (!locked)
        LOG(LOG_DEBUG, "role",
            LOG_Z("reason", "memory cannot be locked: raise LimitMEMLOCK if this host swaps to disk"));
    return v->upstream && v->tick;
}

static unsigned hashing_threads(const struct config *config)
{
    unsigned wished = config->passwords.hashing_threads;
    if (wished > THREADS_MOST) return THREADS_MOST;
    return wished ? wished : 1;
}

static void line_open(struct vault *v)
{
    uint64_t seed;
    gp_random(&seed, sizeof(seed));
    line_init(&v->line, CHECKS_PER_THREAD * v->hashing_most, seed);
}

struct vault *vault_open(struct loop *loop, const struct config *config)
{
    struct vault *v = calloc(1, sizeof(*v));
    if (!v) return NULL;
    v->loop         = loop;
    v->notices      = -1;
    v->config       = config;
    v->hashing_most = hashing_threads(config);
    line_open(v);
    v->survey = (struct survey) { .iterations = VERIFIER_FEW_ROUNDS };
    if (!open_store(v) || !open_memory(v) || !tokens_open(v) || !gate_open(v)) {
        vault_close(v);
        return NULL;
    }
    v->holding.due = true;
    seal_open(v);
    trail_start(v);
    (void)database_changed(accounts_database(v->accounts));
    sources_open(v);
    vault_survey(v);
    dkim_load(v);
    notice_open(v);
    loop_after_turn(loop, after_turn, v);
    timer_set(v->tick, TICK_MS);
    return v;
}

static void leave_peer(struct peer *peer)
{
    if (peer->channel) ipc_close(peer->channel);
    peer->channel = NULL;
}

void vault_close(struct vault *v)
{
    loop_after_turn(v->loop, NULL, NULL);
    for (size_t i = 0; i < ROLE_SMTPD_MOST; i++) {
        if (v->smtpds[i].channel) signin_drop_peer(&v->smtpds[i]);
        if (v->smtpds[i].channel) sessions_drop_peer(&v->smtpds[i]);
        leave_peer(&v->smtpds[i]);
    }
    leave_peer(&v->relay);
    leave_peer(&v->queue);
    for (size_t i = 0; i < GP_COUNT(v->lookups); i++) leave_peer(&v->lookups[i]);
    leave_peer(&v->supervisor);
    timer_close(v->tick);
    gate_close(v);
    notice_close(v);
    keys_close(&v->keyring);
    dkim_close(&v->dkim);
    checks_close(v);
    decoy_leave(v->decoy);
    gp_trust_close(v->client_trust);
    upstream_close(v->upstream);
    tokens_close(v);
    free(v->upstream);
    recent_close(v->recent);
    meters_close(v);
    seal_close(v);
    accounts_close(v->accounts);
    gp_wipe(v, sizeof(*v));
    free(v);
}

/* libuv reads it when the first job comes. Two more than passwords may take: for signatures, and for our sign-in upstream. */
static void set_threads(const struct config *config)
{
    char           room[THREADS_TEXT];
    struct gp_text text = GP_TEXT(room);
    gp_put_number(&text, hashing_threads(config) + 2);
    gp_put(&text, (gp_str) { "", 1 }); /* the NUL */
    (void)setenv("UV_THREADPOOL_SIZE", room, 1);
}

static bool tell_ready(struct vault *v)
{
    struct msg m = MSG(READY);
    m.ready.pid  = (uint64_t)getpid();
    return v->supervisor.channel && ipc_tell(v->supervisor.channel, &m);
}

int vault_main(const struct role_start *start)
{
    memory_wipes();
    log_open("vault", start->config->log_format, start->config->log_level);
    set_threads(start->config);
    struct loop  *loop = loop_open();
    struct vault *v    = loop ? vault_open(loop, start->config) : NULL;
    if (!v) return EXIT_BROKEN;
    vault_join(v, ROLE_SUPERVISOR, 0, start->supervisor);
    tzset(); /* hours of credentials are local time, and its file cannot be read later */
    bool ready = sandbox_enter(ROLE_VAULT, true) && tell_ready(v);
    if (ready) loop_run(loop);
    vault_close(v);
    loop_close(loop);
    return ready ? 0 : EXIT_BROKEN;
}
