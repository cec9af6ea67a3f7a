/* DKIM: the hash of the message is made here, the signature by vault, which has the keys. A message whose From domain has no key, or
 * that cannot be signed, goes out unsigned and the log says so.
 *
 *   a signing   what it does                               goes on in
 *   is new      hashes the message, in portions            hash_some
 *   is hashed   waits for vault's keys and signatures      got_keys, got_signature
 *   is ready    serves all that wait for it                is_ready; is_known
 *
 * A large message is hashed and signed once for all its destinations, and for those that are tried within the next minutes: what goes to
 * a hundred domains, or to a hundred that cannot be reached, is not read a hundred times. What is in 7 bits is its delivery's alone. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/parts.h"

enum {
    KEPT_MOST = 32,
    KEPT_FOR  = 10 * 60 * 1000,
    PORTION   = 1024 * 1024, /* hashed in a turn: some milliseconds */
};

struct signing {
    struct relay    *relay;
    struct signing  *next;                       /* of those that others may use, the newest first */
    unsigned         refs;                       /* deliveries, and one where it is kept           */
    bool             listed, kept, ready, lacks; /* lacks: vault did not sign with each of the keys */
    char             queue_id[64];
    uint64_t         size, at; /* of the message, and of that hashed             */
    struct delivery *waiting;
    struct turn      turn;
    gp_time          made_at;
    struct gp_dkim  *dkim;                   /* until it is ready */
    char             from[256], domain[256]; /* From's, "": it cannot be signed; and that of the keys */
    char            *keys;                   /* vault's "selector TAB algorithm" lines */
    gp_str           keys_said, keys_left;
    unsigned         count;
    struct gp_text   text;
    char             room[SIGNATURES_MOST * SIGNATURE_ROOM];
};

bool stored_read(const struct delivery *d, uint64_t at, char *out, size_t room, size_t *got)
{
    uint64_t left = at < d->size ? d->size - at : 0;
    if (left < room) room = (size_t)left;
    if (d->fd < 0) {
        if (room) memcpy(out, d->body.ptr + at, room);
        *got = room;
        return true;
    }
    ssize_t n = room ? pread(d->fd, out, room, (off_t)at) : 0;
    *got      = n > 0 ? (size_t)n : 0;
    return n >= 0 && (*got > 0) == (room > 0);
}

static gp_str signatures(const struct delivery *d)
{
    return d->signing ? gp_said(&d->signing->text) : GP_NONE;
}

bool message_read(struct delivery *d, uint64_t at, char *out, size_t room, size_t *got)
{
    gp_str head = signatures(d);
    if (at < head.len) {
        gp_str piece = gp_head(gp_tail(head, (size_t)at), room);
        memcpy(out, piece.ptr, piece.len);
        *got = piece.len;
        return true;
    }
    at -= head.len;
    return d->seven.gp ? seven_read(d, at, out, room, got) : stored_read(d, at, out, room, got);
}

uint64_t message_size(const struct delivery *d)
{
    return signatures(d).len + (d->seven.gp ? d->seven.size : d->size);
}

/* ---- who uses which ------------------------------------------------------------------------------------------------------ */
static void unlist(struct signing *s)
{
    struct signing **at = &s->relay->signings;
    if (!s->listed) return;
    while (*at != s) at = &(*at)->next;
    *at       = s->next;
    s->listed = false;
}

static void release(struct signing *s)
{
    if (--s->refs) return;
    unlist(s);
    turns_drop(s->relay, &s->turn);
    ipc_forget(s->relay->vault, s);
    gp_dkim_close(s->dkim);
    free(s->keys);
    free(s);
}

static void keep_no_longer(struct signing *s)
{
    unlist(s);
    if (s->kept) release(s);
}

static bool is_large(const struct delivery *d)
{
    return d->size > READ_AT_ONCE && !d->seven.gp;
}

static struct signing *find(const struct delivery *d)
{
    gp_time now = loop_now(d->relay->loop);
    for (struct signing *s = is_large(d) ? d->relay->signings : NULL, *next; s; s = next) {
        next = s->next;
        if (s->kept && now - s->made_at >= KEPT_FOR)
            keep_no_longer(s);
        else if (s->size == d->size && gp_is(d->queue_id, s->queue_id))
            return s;
    }
    return NULL;
}

/* The oldest give way. */
static void keep(struct signing *s)
{
    unsigned kept = 0;
    s->made_at    = loop_now(s->relay->loop);
    s->kept       = true;
    s->refs++;
    for (struct signing *k = s->relay->signings, *next; k; k = next) {
        next = k->next;
        if (k->kept && ++kept > KEPT_MOST) keep_no_longer(k);
    }
}

static void use(struct signing *s, struct delivery *d)
{
    d->signing = s;
    s->refs++;
}

static void wait_for(struct signing *s, struct delivery *d)
{
    use(s, d);
    d->next_waiting = s->waiting;
    s->waiting      = d;
}

static struct delivery *next_of_those_who_wait(struct signing *s)
{
    struct delivery *d = s->waiting;
    if (d) s->waiting = d->next_waiting;
    return d;
}

void sign_forget(struct delivery *d)
{
    struct signing *s = d->signing;
    if (!s) return;
    for (struct delivery **at = &s->waiting; *at; at = &(*at)->next_waiting) {
        if (*at != d) continue;
        *at = d->next_waiting;
        break;
    }
    d->signing = NULL;
    release(s);
}

void sign_close(struct relay *r)
{
    for (struct signing *s = r->signings, *next; s; s = next) {
        next = s->next;
        keep_no_longer(s);
    }
}

/* ---- the ends -------------------------------------------------------------------------------------------------------------- */
static void is_ready(struct signing *s)
{
    gp_dkim_close(s->dkim);
    s->dkim  = NULL;
    s->ready = true;
    if (s->listed && !s->lacks)
        keep(s);
    else
        unlist(s);
    s->refs++; /* whoever is served may be the last */
    for (struct delivery *d; (d = next_of_those_who_wait(s));) delivery_signed(d);
    release(s);
}

/* Unsigned mail is thrown away by many a receiver: better late than unsigned. No host of the destination has to do with it. */
static void put_off(struct delivery *d, const char *why)
{
    d->spared = true;
    delivery_settle_rest(d,
                         (struct result) { .status = GP_TEMPFAIL, .enhanced = GP_LIT("4.3.0"), .text = gp_from(why) });
    struct hop *h = d->hop; /* it has one where its message was converted: that serves the next one */
    delivery_finish(d);
    if (h) hop_pump(h);
}

static void put_all_off(struct signing *s, const char *why)
{
    unlist(s);
    s->refs++;
    for (struct delivery *d; (d = next_of_those_who_wait(s));) put_off(d, why);
    release(s);
}

/* ---- keys and signatures --------------------------------------------------------------------------------------------------- */
static void next_key(struct signing *s);

static void got_signature(void *owner, gp_status status, const struct msg *answer)
{
    struct signing *s    = owner;
    bool            said = status == GP_OK && answer->type == MSG_DKIM_SIGNED;
    if (!said || answer->dkim_signed.status == GP_TEMPFAIL) {
        put_all_off(s, "the mail cannot be signed now");
        return;
    }
    if (answer->dkim_signed.status == GP_OK && gp_dkim_put(s->dkim, answer->dkim_signed.signature, &s->text)) {
        s->count++;
    } else {
        s->lacks = true;
        LOG(LOG_WARN, "dkim", LOG_Z("queue_id", s->queue_id), LOG_Z("domain", s->domain),
            LOG_Z("reason", "vault made no signature"));
    }
    next_key(s);
}

/* One line of the key list: "selector TAB rsa|ed25519". */
static bool ask_signature(struct signing *s, gp_str line)
{
    char    selector[64];
    uint8_t digest[32];
    gp_str  algorithm = line, name = gp_cut(&algorithm, '\t');
    if (!gp_copy_z(name, selector, sizeof selector)) return false;
    struct gp_dkim_key key = { s->domain, selector, gp_is(algorithm, "ed25519") };
    if (!gp_dkim_hash(s->dkim, &key, NULL, wall_now(), digest)) {
        LOG(LOG_WARN, "dkim", LOG_Z("queue_id", s->queue_id), LOG_Z("domain", s->domain), LOG_Z("selector", selector),
            LOG_Z("reason", "no signature could be made"));
        return false;
    }
    struct msg m         = MSG(DKIM_SIGN);
    m.dkim_sign.domain   = gp_from(s->domain);
    m.dkim_sign.selector = name;
    m.dkim_sign.digest   = (gp_str) { (const char *)digest, sizeof digest };
    ipc_ask(s->relay->vault, &m, got_signature, s);
    return true;
}

static void next_key(struct signing *s)
{
    while (s->keys_left.len && s->count < SIGNATURES_MOST)
        if (ask_signature(s, gp_cut(&s->keys_left, '\n'))) return;
    is_ready(s);
}

static bool are_keys(gp_status status, const struct msg *answer)
{
    return status == GP_OK && answer->type == MSG_DKIM_KEYS_ARE && answer->dkim_keys_are.status != GP_TEMPFAIL;
}

/* d=: maybe a domain above that of From. */
static gp_str domain_of(const struct signing *s, const struct msg_dkim_keys_are *are)
{
    return are->keys.len && are->domain.len ? are->domain : gp_from(s->from);
}

static void got_keys(void *owner, gp_status status, const struct msg *answer)
{
    struct signing *s    = owner;
    gp_str          keys = are_keys(status, answer) ? answer->dkim_keys_are.keys : GP_NONE;
    if (are_keys(status, answer)) s->keys = malloc(keys.len + 1);
    if (!s->keys) {
        put_all_off(s, "the mail cannot be signed now");
        return;
    }
    if (keys.len) memcpy(s->keys, keys.ptr, keys.len);
    s->keys_said = s->keys_left = (gp_str) { s->keys, keys.len };
    (void)gp_copy_z(domain_of(s, &answer->dkim_keys_are), s->domain, sizeof s->domain);
    if (!keys.len)
        LOG(LOG_INFO, "dkim", LOG_Z("queue_id", s->queue_id), LOG_Z("domain", s->domain),
            LOG_Z("reason", "no key for the domain of From: sent unsigned"));
    next_key(s);
}

static void ask_keys(struct relay *r, const char *domain, ipc_done *done, void *owner)
{
    struct msg m       = MSG(DKIM_KEYS);
    m.dkim_keys.domain = gp_from(domain);
    ipc_ask(r->vault, &m, done, owner);
}

/* ---- the hash ---------------------------------------------------------------------------------------------------------------- */
/* d= is written in A-labels (RFC 6376 3.5), as the files of the keys are. */
static void is_hashed(struct signing *s, gp_status status)
{
    if (status == GP_TEMPFAIL) {
        LOG(LOG_ERROR, "dkim", LOG_Z("queue_id", s->queue_id),
            LOG_Z("reason", "the message is shorter than it was, or cannot be read: it waits unsigned"),
            LOG_Z("hint", "restore its file in queue/bodies from a backup, or delete it with `gatepost queue delete`"));
        put_all_off(s, "the message could not be read from the queue");
        return;
    }
    if (status != GP_OK || !route_dns_name(gp_dkim_from_domain(s->dkim), s->from)) {
        LOG(LOG_WARN, "dkim", LOG_Z("queue_id", s->queue_id), LOG_Z("reason", "the message cannot be signed"));
        s->from[0] = '\0';
        is_ready(s);
        return;
    }
    preflight_saw(s->relay, s->from, false);
    ask_keys(s->relay, s->from, got_keys, s);
}

/* A portion through the digest; any delivery's message is the same. PERMFAIL: no such message can be signed; TEMPFAIL: not now. */
static void hash_some(void *owner)
{
    char             piece[16384];
    struct signing  *s      = owner;
    struct delivery *d      = s->waiting;
    uint64_t         until  = s->at + (d->seven.gp ? READ_AT_ONCE : PORTION); /* which takes ten times as long */
    size_t           got    = 1;
    gp_status        status = GP_OK;
    while (status == GP_OK && got && s->at < until) {
        if (!message_read(d, s->at, piece, sizeof piece, &got)) got = 0;
        if (got) status = gp_dkim_add(s->dkim, (gp_str) { piece, got });
        s->at += got;
    }
    if (status == GP_OK && got)
        turns_add(s->relay, &s->turn);
    else if (status == GP_OK)
        is_hashed(s, s->at == message_size(d) ? gp_dkim_end(s->dkim) : GP_TEMPFAIL);
    else
        is_hashed(s, status);
}

static struct signing *begin(const struct delivery *d)
{
    const struct config *form = d->relay->config;
    struct signing      *s    = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->dkim = gp_dkim_open(form->dkim.header == DKIM_RELAXED, form->dkim.body == DKIM_RELAXED);
    if (!s->dkim || !gp_copy_z(d->queue_id, s->queue_id, sizeof s->queue_id)) {
        gp_dkim_close(s->dkim);
        free(s);
        return NULL;
    }
    s->relay  = d->relay;
    s->size   = d->size;
    s->text   = GP_TEXT(s->room);
    s->turn   = (struct turn) { .step = hash_some, .owner = s };
    s->listed = is_large(d);
    if (s->listed) {
        s->next            = s->relay->signings;
        s->relay->signings = s;
    }
    return s;
}

/* What is converted has a hop that waits in the middle of it: it never ends at once. */
static void sign_anew(struct delivery *d)
{
    struct signing *s = begin(d);
    if (!s) return put_off(d, "no memory to sign the mail");
    wait_for(s, d);
    if (d->size > READ_AT_ONCE || d->seven.gp)
        turns_add(s->relay, &s->turn);
    else
        hash_some(s);
}

/* ---- one that was made before ------------------------------------------------------------------------------------------------ */
static void serve(struct signing *s, struct delivery *d)
{
    use(s, d);
    delivery_signed(d);
}

/* It is as good as ever while vault has the same keys. */
static void got_keys_again(void *owner, gp_status status, const struct msg *answer)
{
    struct delivery *d = owner;
    struct signing  *s = find(d);
    if (!are_keys(status, answer)) return put_off(d, "the mail cannot be signed now");
    const struct msg_dkim_keys_are *are = &answer->dkim_keys_are;
    if (s && s->ready && gp_same(are->keys, s->keys_said) && gp_is(domain_of(s, are), s->domain)) return serve(s, d);
    if (s && !s->ready) return wait_for(s, d);
    if (s) keep_no_longer(s);
    sign_anew(d);
}

static void is_known(struct signing *s, struct delivery *d)
{
    if (!s->ready) return wait_for(s, d);
    if (!s->from[0]) return serve(s, d);
    preflight_saw(s->relay, s->from, false);
    ask_keys(s->relay, s->from, got_keys_again, d);
}

/* ---- pre-flight: whom mail is from ------------------------------------------------------------------------------------------- */
static void saw_sender(const struct delivery *d)
{
    char   domain[256];
    size_t at = d->sender.len;
    while (at > 0 && d->sender.ptr[at - 1] != '@') at--;
    if (at && route_dns_name(gp_tail(d->sender, at), domain)) preflight_saw(d->relay, domain, true);
}

/* Where a provider signs, nothing else looks into the header here. One that is longer is let be. */
static void saw_author(struct delivery *d)
{
    enum { HEADER_MOST = 32768 };
    static const char end[] = "\r\n\r\n";
    char              piece[HEADER_MOST], domain[256];
    size_t            got = 0;
    if (!d->relay->preflight || !message_read(d, 0, piece, sizeof piece, &got)) return;
    const char     *at   = memmem(piece, got, end, sizeof end - 1);
    struct gp_dkim *dkim = at ? gp_dkim_open(true, true) : NULL;
    gp_str          head = { piece, at ? (size_t)(at - piece) + sizeof end - 1 : 0 };
    if (dkim && gp_dkim_add(dkim, head) == GP_OK && gp_dkim_end(dkim) == GP_OK &&
        route_dns_name(gp_dkim_from_domain(dkim), domain))
        preflight_saw(d->relay, domain, false);
    gp_dkim_close(dkim);
}

void sign_start(struct delivery *d)
{
    sign_forget(d);
    saw_sender(d);
    if (d->foreign)
        LOG(LOG_INFO, "dkim", LOG_S("queue_id", d->queue_id), LOG_Z("reason", "not signed: From is not the account's"));
    if (!d->relay->config->dkim.sign || d->foreign) {
        saw_author(d);
        delivery_signed(d);
        return;
    }
    struct signing *s = find(d);
    if (s)
        is_known(s, d);
    else
        sign_anew(d);
}
