/* Stored forms of a password. A chosen password is as strong as the weakest form kept of it, so there is either SCRAM keys or an
 * Argon2id hash, never both; a generated one has 128 random bits, and a keyed digest and short SCRAM keys are as good as slow ones. */
#include "store/verifier.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PASSWORD_SALTED_MOST = VERIFIER_SALT + GP_PASSWORD_MOST };

static const char keyed_prefix[] = "$keyed-sha256$"; /* then base64 of salt and HMAC */

/* ---- keys ------------------------------------------------------------------------------------------------------ */
bool verifier_keys_from(gp_str vault_key, struct verifier_keys *keys)
{
    if (vault_key.len != VERIFIER_KEY) return false;
    return gp_hmac(GP_SHA256, vault_key, GP_LIT("gatepost 1 plain"), keys->plain) &&
           gp_hmac(GP_SHA256, vault_key, GP_LIT("gatepost 1 cram"), keys->cram) &&
           gp_hmac(GP_SHA256, vault_key, GP_LIT("gatepost 1 unknown user"), keys->unknown_user) &&
           gp_hmac(GP_SHA256, vault_key, GP_LIT("gatepost 1 unknown count"), keys->unknown_count) &&
           gp_hmac(GP_SHA256, vault_key, GP_LIT("gatepost 1 recipients"), keys->recipients) &&
           gp_hmac(GP_SHA256, vault_key, GP_LIT("gatepost 1 guard"), keys->guard) &&
           gp_hmac(GP_SHA256, vault_key, GP_LIT("gatepost 1 grants"), keys->grants);
}

bool verifier_keys_read(const char *path, struct verifier_keys *keys, const char **why)
{
    char key[VERIFIER_KEY + 1]; /* one more: a longer file is not a key */
    int  fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *why    = "vault.key cannot be opened";
    if (fd < 0) return false;
    ssize_t got = read(fd, key, sizeof(key));
    (void)close(fd);
    *why        = "vault.key is not 32 octets long";
    bool usable = got == VERIFIER_KEY && verifier_keys_from((gp_str) { key, VERIFIER_KEY }, keys);
    gp_wipe(key, sizeof(key));
    return usable;
}

/* ---- the keyed digest ------------------------------------------------------------------------------------------ */
static bool keyed_digest(const struct verifier_keys *keys, const uint8_t salt[static VERIFIER_SALT], gp_secret password,
                         uint8_t out[static GP_DIGEST_MOST])
{
    char salted[PASSWORD_SALTED_MOST];
    if (password.len > GP_PASSWORD_MOST) return false;
    memcpy(salted, salt, VERIFIER_SALT);
    memcpy(salted + VERIFIER_SALT, password.ptr, password.len);
    gp_str key  = { (const char *)keys->plain, sizeof(keys->plain) };
    bool   made = gp_hmac(GP_SHA256, key, (gp_str) { salted, VERIFIER_SALT + password.len }, out);
    gp_wipe(salted, sizeof(salted));
    return made;
}

static bool make_keyed(const struct verifier_keys *keys, gp_secret password, char out[static GP_HASH_ROOM])
{
    uint8_t octets[VERIFIER_SALT + GP_DIGEST_MOST];
    gp_random(octets, VERIFIER_SALT);
    if (!keyed_digest(keys, octets, password, octets + VERIFIER_SALT)) return false;
    struct gp_text text = { .ptr = out, .room = GP_HASH_ROOM - 1 };
    gp_put_z(&text, keyed_prefix);
    gp_put_base64(&text, (gp_str) { (const char *)octets, VERIFIER_SALT + gp_hash_size(GP_SHA256) });
    out[text.len] = '\0';
    return !text.cut;
}

static bool is_keyed(const struct verifier *v)
{
    return gp_starts(gp_from(v->plain), keyed_prefix);
}

static gp_status check_keyed(const struct verifier_keys *keys, const struct verifier *v, gp_secret password)
{
    uint8_t stored[VERIFIER_SALT + GP_DIGEST_MOST], made[GP_DIGEST_MOST];
    size_t  len = 0, digest = gp_hash_size(GP_SHA256);
    gp_str  text = gp_tail(gp_from(v->plain), sizeof(keyed_prefix) - 1);
    if (!gp_read_base64(text, stored, sizeof(stored), &len) || len != VERIFIER_SALT + digest) return GP_TEMPFAIL;
    if (!keyed_digest(keys, stored, password, made)) return GP_TEMPFAIL;
    return gp_matches(stored + VERIFIER_SALT, made, digest) ? GP_OK : GP_PERMFAIL;
}

/* ---- SCRAM keys ------------------------------------------------------------------------------------------------ */
static const enum gp_hash scram_hashes[] = { GP_SHA1, GP_SHA256, GP_SHA512 };

/* Where the text for that hash is kept; NULL: no SCRAM with it. */
static char *scram_place(struct verifier *v, enum gp_hash hash)
{
    if (hash == GP_SHA1) return v->scram_sha1;
    if (hash == GP_SHA256) return v->scram_sha256;
    return hash == GP_SHA512 ? v->scram_sha512 : NULL;
}

gp_str verifier_scram(const struct verifier *v, enum gp_hash hash)
{
    if (hash == GP_SHA1) return gp_from(v->scram_sha1);
    if (hash == GP_SHA256) return gp_from(v->scram_sha256);
    return hash == GP_SHA512 ? gp_from(v->scram_sha512) : GP_LIT("");
}

void verifier_group(const struct verifier *v, struct scram_group *out)
{
    struct gp_scram_keys keys;
    *out = (struct scram_group) { 0 };
    for (size_t i = 0; i < GP_COUNT(scram_hashes); i++) {
        enum gp_hash hash = scram_hashes[i];
        if (!gp_scram_keys_read(verifier_scram(v, hash), &keys) || keys.salt_len != VERIFIER_SALT) continue;
        out->iterations     = keys.iterations;
        out->has_salt[hash] = true;
        memcpy(out->salt[hash], keys.salt, VERIFIER_SALT);
    }
    gp_wipe(&keys, sizeof(keys));
}

static bool make_scram(enum gp_hash hash, gp_secret password, const struct scram_group *group, char *out)
{
    struct gp_scram_keys made;
    gp_str               salt = { (const char *)group->salt[hash], VERIFIER_SALT };
    if (!gp_scram_keys_make(hash, password, salt, group->iterations, &made)) return false;
    struct gp_text text = { .ptr = out, .room = GP_HASH_ROOM - 1 };
    gp_scram_keys_put(&text, &made);
    out[text.len] = '\0';
    gp_wipe(&made, sizeof(made));
    return !text.cut;
}

/* The wish's group, with random salts and the usual count where it leaves them open. */
static struct scram_group whole_group(const struct verifier_wish *wish)
{
    struct scram_group group = { 0 };
    if (wish->group && wish->group->iterations) group = *wish->group;
    if (group.iterations == 0) group.iterations = wish->generated ? VERIFIER_FEW_ROUNDS : wish->iterations;
    for (size_t i = 0; i < GP_COUNT(scram_hashes); i++)
        if (!group.has_salt[scram_hashes[i]]) gp_random(group.salt[scram_hashes[i]], VERIFIER_SALT);
    return group;
}

static bool make_all_scram(gp_secret password, const struct verifier_wish *wish, struct verifier *v)
{
    struct scram_group group = whole_group(wish);
    for (size_t i = 0; i < GP_COUNT(scram_hashes); i++)
        if (!make_scram(scram_hashes[i], password, &group, scram_place(v, scram_hashes[i]))) return false;
    return true;
}

static gp_status check_scram(const struct verifier *v, gp_secret password)
{
    struct gp_scram_keys keys;
    if (!gp_scram_keys_read(gp_from(v->scram_sha256), &keys)) return GP_TEMPFAIL;
    return gp_scram_keys_match(&keys, password) ? GP_OK : GP_PERMFAIL;
}

bool verifier_unknown_user(const struct verifier_keys *keys, enum gp_hash hash, gp_str name, uint32_t iterations,
                           struct gp_scram_keys *out)
{
    uint8_t key[GP_DIGEST_MOST], salt[GP_DIGEST_MOST];
    char    which  = (char)hash; /* as with real keys, the salts for two hashes have nothing in common */
    gp_str  secret = { (const char *)keys->unknown_user, VERIFIER_KEY };
    if (!gp_hmac(GP_SHA256, secret, (gp_str) { &which, sizeof(which) }, key)) return false;
    if (!gp_hmac(GP_SHA256, (gp_str) { (const char *)key, VERIFIER_KEY }, name, salt)) return false;
    *out = (struct gp_scram_keys) { .hash = hash, .iterations = iterations, .salt_len = VERIFIER_SALT };
    memcpy(out->salt, salt, VERIFIER_SALT);
    gp_random(out->stored_key, sizeof(out->stored_key));
    gp_random(out->server_key, sizeof(out->server_key));
    return true;
}

/* ---- CRAM-MD5's secret ------------------------------------------------------------------------------------------- */
static bool make_cram(const struct verifier_keys *keys, gp_secret password, gp_str account, struct verifier *v)
{
    if (password.len == 0 || password.len > GP_PASSWORD_MOST) return false;
    v->cram_len = password.len + GP_SEAL_EXTRA;
    return gp_seal(keys->cram, account, (gp_str) { password.ptr, password.len }, v->cram);
}

bool verifier_cram_secret(const struct verifier_keys *keys, const struct verifier *v, gp_str account,
                          char out[static GP_PASSWORD_MOST], size_t *len)
{
    if (v->cram_len <= GP_SEAL_EXTRA || v->cram_len > VERIFIER_CRAM_MOST) return false;
    *len = v->cram_len - GP_SEAL_EXTRA;
    return gp_unseal(keys->cram, account, (gp_str) { (const char *)v->cram, v->cram_len }, (uint8_t *)out);
}

/* ---- all forms together ------------------------------------------------------------------------------------------ */
static bool is_too_low(const struct scram_group *group, uint32_t iterations)
{
    return group && group->iterations && group->iterations < iterations;
}

static bool make_forms(const struct verifier_keys *keys, gp_secret password, const struct verifier_wish *wish,
                       struct verifier *v)
{
    if (wish->generated) return make_keyed(keys, password, v->plain) && make_all_scram(password, wish, v);
    v->scram_left_out = wish->scram && is_too_low(wish->group, wish->iterations);
    if (wish->scram && !v->scram_left_out) return make_all_scram(password, wish, v);
    return gp_password_hash(password, v->plain);
}

bool verifier_make(const struct verifier_keys *keys, gp_secret password, const struct verifier_wish *wish,
                   struct verifier *v)
{
    *v = (struct verifier) { 0 };
    bool made =
        make_forms(keys, password, wish, v) && (!wish->allow_cram || make_cram(keys, password, wish->account, v));
    if (!made) gp_wipe(v, sizeof(*v));
    return made;
}

bool verifier_is_hash(const struct verifier *v)
{
    return v->plain[0] && !is_keyed(v);
}

gp_status verifier_check(const struct verifier_keys *keys, const struct verifier *v, gp_secret password)
{
    if (password.len > GP_PASSWORD_MOST) return GP_PERMFAIL;
    if (is_keyed(v)) return check_keyed(keys, v, password);
    return v->plain[0] ? gp_password_check(password, gp_from(v->plain)) : check_scram(v, password);
}

uint32_t verifier_cost(const struct verifier *v)
{
    struct gp_scram_keys keys;
    if (!v->plain[0]) return gp_scram_keys_read(gp_from(v->scram_sha256), &keys) ? keys.iterations : 0;
    uint32_t cost = is_keyed(v) ? 0 : gp_password_cost(gp_from(v->plain));
    return cost < VERIFIER_LOOP_MOST ? 0 : cost;
}

void verifier_pretend(gp_secret password, uint32_t rounds)
{
    uint8_t spent[GP_DIGEST_MOST];
    if (rounds == 0) return;
    bool done = gp_pbkdf2(GP_SHA256, password, GP_LIT("nobody's salt..."), rounds, spent);
    (void)done; /* nothing hangs on it but the time it took */
}

/* ---- what a person may choose ------------------------------------------------------------------------------------ */
static size_t code_points(gp_str utf8)
{
    enum { CONTINUATION_MASK = 0xc0, CONTINUATION = 0x80 };
    size_t count = 0;
    for (size_t i = 0; i < utf8.len; i++) count += ((unsigned char)utf8.ptr[i] & CONTINUATION_MASK) != CONTINUATION;
    return count;
}

static bool refuse(const char **why, const char **hint, const char *what, const char *way_out)
{
    *why  = what;
    *hint = way_out;
    return false;
}

/* NIST SP 800-63B: length counts, composition rules do not. */
bool verifier_accepts(gp_str chosen, struct gp_text *out, const char **why, const char **hint)
{
    if (chosen.len > GP_PASSWORD_MOST)
        return refuse(why, hint, "the password is longer than 1024 octets", "choose a shorter one");
    if (!gp_is_utf8(chosen) || !gp_saslprep(chosen, true, out))
        return refuse(why, hint, "the password has characters that cannot be typed everywhere",
                      "leave out control characters and anything that is not valid UTF-8");
    if (code_points(gp_said(out)) < VERIFIER_LEAST_CHOSEN)
        return refuse(why, hint, "the password is shorter than 8 characters",
                      "choose 15 or more, or leave --password-stdin out to have one made");
    return true;
}
