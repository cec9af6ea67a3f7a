/* What a server keeps of a password for SCRAM (RFC 5802 3), and its text form (RFC 5803). */
#include "sasl/mechanism.h"

#include <string.h>

enum { SALT_BASE64 = GP_BASE64_ROOM(GP_SCRAM_SALT_MOST), ROUNDS_MOST = INT32_MAX };

static const char *const names[GP_HASHES] = { [GP_SHA1] = "SHA-1", [GP_SHA256] = "SHA-256", [GP_SHA512] = "SHA-512" };

const char *gp_scram_hash_name(enum gp_hash hash)
{
    return hash < GP_HASHES ? names[hash] : NULL;
}

bool gp_scram_derive(gp_secret password, struct gp_scram_keys *keys, uint8_t *client_key)
{
    uint8_t salted[GP_DIGEST_MOST];
    size_t  size    = gp_hash_size(keys->hash);
    gp_str  salt    = { (const char *)keys->salt, keys->salt_len };
    gp_str  by      = { (const char *)salted, size };
    bool    derived = gp_pbkdf2(keys->hash, password, salt, keys->iterations, salted) &&
                   gp_hmac(keys->hash, by, GP_LIT("Client Key"), client_key) &&
                   gp_digest(keys->hash, (gp_str) { (const char *)client_key, size }, keys->stored_key) &&
                   gp_hmac(keys->hash, by, GP_LIT("Server Key"), keys->server_key);
    gp_wipe(salted, sizeof salted);
    return derived;
}

static bool make(gp_secret password, struct gp_scram_keys *keys)
{
    char           room[GP_SASL_SECRET_MOST];
    struct gp_text text = GP_TEXT(room);
    uint8_t        client_key[GP_DIGEST_MOST];
    bool           made = gp_saslprep((gp_str) { password.ptr, password.len }, true, &text) && text.len > 0 &&
                gp_scram_derive((gp_secret) { room, text.len }, keys, client_key);
    gp_wipe(room, sizeof room);
    gp_wipe(client_key, sizeof client_key);
    return made;
}

bool gp_scram_keys_make(enum gp_hash hash, gp_secret password, gp_str salt, uint32_t iterations,
                        struct gp_scram_keys *keys)
{
    if (!gp_scram_hash_name(hash) || salt.len == 0 || salt.len > GP_SCRAM_SALT_MOST || iterations == 0) return false;
    *keys = (struct gp_scram_keys) { .hash = hash, .iterations = iterations, .salt_len = salt.len };
    memcpy(keys->salt, salt.ptr, salt.len);
    return make(password, keys);
}

bool gp_scram_keys_match(const struct gp_scram_keys *keys, gp_secret password)
{
    struct gp_scram_keys mine = *keys;
    uint8_t              client_key[GP_DIGEST_MOST];
    bool                 same = password.len > 0 && gp_scram_derive(password, &mine, client_key) &&
                gp_matches(mine.stored_key, keys->stored_key, gp_hash_size(keys->hash));
    gp_wipe(client_key, sizeof client_key);
    gp_wipe(&mine, sizeof mine);
    return same;
}

void gp_scram_keys_put(struct gp_text *out, const struct gp_scram_keys *keys)
{
    const char *name = gp_scram_hash_name(keys->hash);
    size_t      size = gp_hash_size(keys->hash);
    gp_put_z(out, "SCRAM-");
    gp_put_z(out, name ? name : "?");
    gp_put_char(out, '$');
    gp_put_number(out, keys->iterations);
    gp_put_char(out, ':');
    gp_put_base64(out, (gp_str) { (const char *)keys->salt, keys->salt_len });
    gp_put_char(out, '$');
    gp_put_base64(out, (gp_str) { (const char *)keys->stored_key, size });
    gp_put_char(out, ':');
    gp_put_base64(out, (gp_str) { (const char *)keys->server_key, size });
}

static bool read_hash(gp_str name, enum gp_hash *hash)
{
    if (!gp_starts(name, "SCRAM-")) return false;
    for (unsigned i = 0; i < GP_HASHES; i++) {
        if (!names[i] || !gp_is(gp_tail(name, strlen("SCRAM-")), names[i])) continue;
        *hash = (enum gp_hash)i;
        return true;
    }
    return false;
}

static bool read_key(gp_str text, enum gp_hash hash, uint8_t *key)
{
    size_t len;
    return gp_read_base64(text, key, GP_DIGEST_MOST, &len) && len == gp_hash_size(hash);
}

bool gp_scram_keys_read(gp_str text, struct gp_scram_keys *keys)
{
    uint64_t rounds;
    *keys       = (struct gp_scram_keys) { 0 };
    gp_str name = gp_cut(&text, '$'), count = gp_cut(&text, ':'), salt = gp_cut(&text, '$');
    gp_str stored = gp_cut(&text, ':');
    if (!read_hash(name, &keys->hash) || !gp_read_number(count, ROUNDS_MOST, &rounds) || rounds == 0) return false;
    keys->iterations = (uint32_t)rounds;
    return gp_read_base64(salt, keys->salt, sizeof keys->salt, &keys->salt_len) && keys->salt_len > 0 &&
           read_key(stored, keys->hash, keys->stored_key) && read_key(text, keys->hash, keys->server_key);
}
