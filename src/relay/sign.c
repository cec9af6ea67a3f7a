/* DKIM: the hash of the message is made here, the signature by vault, which has the keys. A message whose From domain has no key, or
 * that cannot be signed, goes out unsigned and the log says so. */
#include <string.h>
#include <unistd.h>

#include "relay/parts.h"

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

bool message_read(struct delivery *d, uint64_t at, char *out, size_t room, size_t *got)
{
    gp_str head = gp_said(&d->signed_text);
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
    return d->signed_text.len + (d->seven.gp ? d->seven.size : d->size);
}

static void done(struct delivery *d)
{
    gp_dkim_close(d->dkim);
    d->dkim = NULL;
    delivery_signed(d);
}

static void next_key(struct delivery *d);

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

static void got_signature(void *owner, gp_status status, const struct msg *answer)
{
    struct delivery *d    = owner;
    bool             said = status == GP_OK && answer->type == MSG_DKIM_SIGNED;
    if (!said || answer->dkim_signed.status == GP_TEMPFAIL) {
        put_off(d, "the mail cannot be signed now");
        return;
    }
    if (answer->dkim_signed.status == GP_OK && gp_dkim_put(d->dkim, answer->dkim_signed.signature, &d->signed_text))
        d->signature_count++;
    else
        LOG(LOG_WARN, "dkim", LOG_S("queue_id", d->queue_id), LOG_Z("domain", d->domain),
            LOG_Z("reason", "vault made no signature"));
    next_key(d);
}

/* One line of the key list: "selector TAB rsa|ed25519". */
static bool ask_signature(struct delivery *d, gp_str line)
{
    char    selector[64];
    uint8_t digest[32];
    gp_str  algorithm = line, name = gp_cut(&algorithm, '\t');
    if (!gp_copy_z(name, selector, sizeof selector)) return false;
    struct gp_dkim_key key = { d->domain, selector, gp_is(algorithm, "ed25519") };
    if (!gp_dkim_hash(d->dkim, &key, NULL, wall_now(), digest)) {
        LOG(LOG_WARN, "dkim", LOG_S("queue_id", d->queue_id), LOG_Z("domain", d->domain), LOG_Z("selector", selector),
            LOG_Z("reason", "no signature could be made"));
        return false;
    }
    struct msg m         = MSG(DKIM_SIGN);
    m.dkim_sign.domain   = gp_from(d->domain);
    m.dkim_sign.selector = name;
    m.dkim_sign.digest   = (gp_str) { (const char *)digest, sizeof digest };
    ipc_ask(d->relay->vault, &m, got_signature, d);
    return true;
}

static void next_key(struct delivery *d)
{
    while (d->key_list.len && d->signature_count < SIGNATURES_MOST)
        if (ask_signature(d, gp_cut(&d->key_list, '\n'))) return;
    done(d);
}

static void got_keys(void *owner, gp_status status, const struct msg *answer)
{
    struct delivery *d = owner;
    if (status != GP_OK || answer->type != MSG_DKIM_KEYS_ARE || answer->dkim_keys_are.status == GP_TEMPFAIL) {
        put_off(d, "the mail cannot be signed now");
        return;
    }
    d->key_list = gp_arena_copy(&d->arena, answer->dkim_keys_are.keys);
    if (d->key_list.len && answer->dkim_keys_are.domain.len) /* d=: maybe a domain above that of From */
        (void)gp_copy_z(answer->dkim_keys_are.domain, d->domain, sizeof d->domain);
    if (!d->key_list.len)
        LOG(LOG_INFO, "dkim", LOG_S("queue_id", d->queue_id), LOG_Z("domain", d->domain),
            LOG_Z("reason", "no key for the domain of From: sent unsigned"));
    next_key(d);
}

/* The whole message through the digest. PERMFAIL: no such message can be signed; TEMPFAIL: not now. */
static gp_status digest(struct delivery *d)
{
    char                 piece[16384];
    const struct config *form   = d->relay->config;
    uint64_t             at     = 0;
    size_t               got    = 0;
    gp_status            status = GP_OK;
    d->dkim                     = gp_dkim_open(form->dkim.header == DKIM_RELAXED, form->dkim.body == DKIM_RELAXED);
    if (!d->dkim) return GP_TEMPFAIL;
    while (status == GP_OK && message_read(d, at, piece, sizeof piece, &got) && got > 0) {
        status = gp_dkim_add(d->dkim, (gp_str) { piece, got });
        at += got;
    }
    if (status != GP_OK) return status;
    return at == message_size(d) ? gp_dkim_end(d->dkim) : GP_TEMPFAIL;
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
    d->signed_text.len = 0;
    d->signature_count = 0;
    saw_sender(d);
    if (d->foreign)
        LOG(LOG_INFO, "dkim", LOG_S("queue_id", d->queue_id), LOG_Z("reason", "not signed: From is not the account's"));
    if (!d->relay->config->dkim.sign || d->foreign) {
        saw_author(d);
        delivery_signed(d);
        return;
    }
    gp_status status = digest(d);
    if (status == GP_TEMPFAIL) {
        LOG(LOG_ERROR, "dkim", LOG_S("queue_id", d->queue_id),
            LOG_Z("reason", "the message is shorter than it was, or cannot be read: it waits unsigned"),
            LOG_Z("hint", "restore its file in queue/bodies from a backup, or delete it with `gatepost queue delete`"));
        put_off(d, "the message could not be read from the queue");
        return;
    }
    /* d= is written in A-labels (RFC 6376 3.5), as the files of the keys are. */
    if (status != GP_OK || !route_dns_name(gp_dkim_from_domain(d->dkim), d->domain)) {
        LOG(LOG_WARN, "dkim", LOG_S("queue_id", d->queue_id), LOG_Z("reason", "the message cannot be signed"));
        done(d);
        return;
    }
    preflight_saw(d->relay, d->domain, false);
    struct msg m       = MSG(DKIM_KEYS);
    m.dkim_keys.domain = gp_from(d->domain);
    ipc_ask(d->relay->vault, &m, got_keys, d);
}
