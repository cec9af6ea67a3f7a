/* Strings that hold a digest of the password and perhaps a salt, PBKDF2's in the spellings of those who write them, and SCRAM's. */
#include "crypto/password.h"

#include <string.h>

enum { ROUNDS_MOST = 2000000 };

static gp_status verdict(bool made, const void *stored, const void *mine, size_t len)
{
    if (!made) return GP_TEMPFAIL;
    return gp_matches(stored, mine, len) ? GP_OK : GP_PERMFAIL;
}

/* ---- digests ------------------------------------------------------------------------------------------- */
const char *digest_wrong(const struct password_scheme *s, gp_str octets, uint64_t *units)
{
    (void)units;
    return octets.len == gp_hash_size(s->hash) ? NULL : password_garbled;
}

const char *salted_wrong(const struct password_scheme *s, gp_str octets, uint64_t *units)
{
    (void)units;
    return octets.len > gp_hash_size(s->hash) ? NULL : password_garbled;
}

/* The digest of password and salt, then the salt. */
gp_status digest_check(const struct password_scheme *s, gp_secret password, gp_str octets)
{
    char    salted[GP_PASSWORD_MOST + GP_HASH_ROOM];
    uint8_t mine[GP_DIGEST_MOST];
    gp_str  salt = gp_tail(octets, gp_hash_size(s->hash));
    memcpy(salted, password.ptr, password.len);
    memcpy(salted + password.len, salt.ptr, salt.len);
    bool made = gp_digest(s->hash, (gp_str) { salted, password.len + salt.len }, mine);
    gp_wipe(salted, sizeof salted);
    return verdict(made, octets.ptr, mine, gp_hash_size(s->hash));
}

/* ---- PBKDF2 -------------------------------------------------------------------------------------------- */
struct derived {
    uint32_t rounds;
    size_t   salt_len, digest_len;
    char     salt[GP_HASH_ROOM], digest[GP_HASH_ROOM];
};
typedef const char *reader(const struct password_scheme *, gp_str text, struct derived *);

static const char *read_rounds(gp_str digits, struct derived *d)
{
    uint64_t rounds = 0;
    if (!gp_read_number(digits, UINT32_MAX, &rounds) || rounds == 0) return password_garbled;
    d->rounds = (uint32_t)rounds;
    return rounds <= ROUNDS_MOST ? NULL : password_dear;
}

static bool keep_salt(gp_str text, struct derived *d)
{
    if (text.len == 0 || text.len > sizeof d->salt) return false;
    memcpy(d->salt, text.ptr, d->salt_len = text.len);
    return true;
}

bool password_read_unpadded(gp_str text, char *out, size_t *len)
{
    char           room[GP_HASH_ROOM + 4];
    struct gp_text padded = GP_TEXT(room);
    for (size_t i = 0; i < text.len; i++) gp_put_char(&padded, text.ptr[i] == '.' ? '+' : text.ptr[i]);
    while (padded.len % 4 != 0 && !padded.cut) gp_put_char(&padded, '=');
    return !padded.cut && gp_read_base64(gp_said(&padded), out, GP_HASH_ROOM, len);
}

/* "29000$SALT$DIGEST" */
static const char *read_passlib(const struct password_scheme *s, gp_str text, struct derived *d)
{
    gp_str      rest = gp_starts(text, s->name) ? gp_tail(text, strlen(s->name)) : text;
    const char *why  = read_rounds(gp_cut(&rest, '$'), d);
    gp_str      salt = gp_cut(&rest, '$');
    if (why) return why;
    bool good =
        password_read_unpadded(salt, d->salt, &d->salt_len) && password_read_unpadded(rest, d->digest, &d->digest_len);
    return good && d->digest_len == gp_hash_size(s->hash) ? NULL : password_garbled;
}

/* "pbkdf2_sha256$29000$salt as text$DIGEST" */
static const char *read_django(const struct password_scheme *s, gp_str text, struct derived *d)
{
    gp_str      rest = gp_tail(text, strlen(s->name));
    const char *why  = read_rounds(gp_cut(&rest, '$'), d);
    gp_str      salt = gp_cut(&rest, '$');
    if (why) return why;
    bool good = keep_salt(salt, d) && gp_read_base64(rest, d->digest, sizeof d->digest, &d->digest_len);
    return good && d->digest_len == gp_hash_size(s->hash) ? NULL : password_garbled;
}

/* "$1$salt as text$5000$HEX"; without "$1$" it is passlib's for LDAP. */
static const char *read_dovecot(const struct password_scheme *s, gp_str text, struct derived *d)
{
    if (!gp_starts(text, "$1$")) return read_passlib(s, text, d);
    gp_str      rest = gp_tail(text, strlen("$1$")), salt = gp_cut(&rest, '$');
    const char *why = read_rounds(gp_cut(&rest, '$'), d);
    if (why) return why;
    bool good = keep_salt(salt, d) && gp_read_hex(rest, d->digest, sizeof d->digest, &d->digest_len);
    return good && d->digest_len == gp_hash_size(s->hash) ? NULL : password_garbled;
}

static const char *wrong(reader *read, const struct password_scheme *s, gp_str text, uint64_t *units)
{
    struct derived d   = { .rounds = 0 };
    const char    *why = read(s, text, &d);
    *units             = d.rounds;
    return why; /* cppcheck-suppress returnDanglingLifetime; what it returns is static */
}

static gp_status check(reader *read, const struct password_scheme *s, gp_secret password, gp_str text)
{
    struct derived d = { .rounds = 0 };
    uint8_t        mine[GP_DIGEST_MOST];
    if (read(s, text, &d)) return GP_TEMPFAIL;
    bool made = gp_pbkdf2(s->hash, password, (gp_str) { d.salt, d.salt_len }, d.rounds, mine);
    return verdict(made, d.digest, mine, d.digest_len);
}

const char *passlib_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    return wrong(read_passlib, s, text, units);
}

gp_status passlib_check(const struct password_scheme *s, gp_secret password, gp_str text)
{
    return check(read_passlib, s, password, text);
}

const char *django_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    return wrong(read_django, s, text, units);
}

gp_status django_check(const struct password_scheme *s, gp_secret password, gp_str text)
{
    return check(read_django, s, password, text);
}

const char *dovecot_pbkdf2_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    return wrong(read_dovecot, s, text, units);
}

gp_status dovecot_pbkdf2_check(const struct password_scheme *s, gp_secret password, gp_str text)
{
    return check(read_dovecot, s, password, text);
}

/* ---- SCRAM --------------------------------------------------------------------------------------------- */
/* "4096,SALT,STORED-KEY,SERVER-KEY", or RFC 5803's "SCRAM-SHA-1$4096:SALT$STORED-KEY:SERVER-KEY"; digest: the stored key. */
static const char *read_scram(const struct password_scheme *s, gp_str text, struct derived *d)
{
    char        server_key[GP_DIGEST_MOST];
    size_t      len     = 0;
    bool        is_5803 = gp_starts(text, s->name);
    char        first = is_5803 ? ':' : ',', second = is_5803 ? '$' : ',';
    gp_str      rest   = is_5803 ? gp_tail(text, strlen(s->name)) : text;
    const char *why    = read_rounds(gp_cut(&rest, first), d);
    gp_str      salt   = gp_cut(&rest, second);
    gp_str      stored = gp_cut(&rest, first);
    if (why) return why;
    bool good = gp_read_base64(salt, d->salt, sizeof d->salt, &d->salt_len) && d->salt_len > 0 &&
                gp_read_base64(stored, d->digest, sizeof d->digest, &d->digest_len) &&
                d->digest_len == gp_hash_size(s->hash) && gp_read_base64(rest, server_key, sizeof server_key, &len) &&
                len == d->digest_len;
    return good ? NULL : password_garbled;
}

const char *scram_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    return wrong(read_scram, s, text, units);
}

/* RFC 5802 3: StoredKey is the digest of the HMAC of "Client Key" under the salted password. */
gp_status scram_check(const struct password_scheme *s, gp_secret password, gp_str text)
{
    struct derived d = { .rounds = 0 };
    uint8_t        salted[GP_DIGEST_MOST], client_key[GP_DIGEST_MOST], mine[GP_DIGEST_MOST];
    size_t         size = gp_hash_size(s->hash);
    if (read_scram(s, text, &d)) return GP_TEMPFAIL;
    bool made = gp_pbkdf2(s->hash, password, (gp_str) { d.salt, d.salt_len }, d.rounds, salted) &&
                gp_hmac(s->hash, (gp_str) { (const char *)salted, size }, GP_LIT("Client Key"), client_key) &&
                gp_digest(s->hash, (gp_str) { (const char *)client_key, size }, mine);
    gp_wipe(salted, sizeof salted);
    gp_wipe(client_key, sizeof client_key);
    return verdict(made, d.digest, mine, size);
}
