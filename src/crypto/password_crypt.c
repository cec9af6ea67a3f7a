/* Strings of Argon2 and of crypt(3). What one may make us spend is bounded: an imported string is somebody else's choice. */
#include "crypto/password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include <argon2.h>

enum {
    ARGON2_MEMORY_MOST  = 256 * 1024,
    ARGON2_PASSES_MOST  = 16,
    ARGON2_LANES_MOST   = 8,
    ARGON2_LANE_LEAST   = 8, /* KiB: RFC 9106 3.1 */
    ARGON2_SALT_LEAST   = 8,
    ARGON2_DIGEST_LEAST = 4,
    BCRYPT_COST_LEAST   = 4,
    BCRYPT_COST_MOST    = 16,
    SHA_ROUNDS_USUAL    = 5000,
    SHA_ROUNDS_MOST     = 1000000,
    SUN_ROUNDS_LEAST    = 4096, /* which those that it names are added to */
    SUN_ROUNDS_MOST     = 250000,
    BSDI_ROUNDS_MOST    = 100000,
    ALPHABET            = 64,
};
static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static unsigned value_of(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (unsigned)(at - alphabet) : ALPHABET;
}

bool password_is_crypt_text(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (value_of(text.ptr[i]) == ALPHABET) return false;
    return true;
}

/* Low digits first. */
static uint32_t read_crypt_number(gp_str text)
{
    uint32_t number = 0;
    for (size_t i = text.len; i > 0; i--) number = number << 6 | value_of(text.ptr[i - 1]);
    return number;
}

/* What stands behind the last '$'. */
static gp_str last_part(gp_str text)
{
    const char *last = memrchr(text.ptr, '$', text.len);
    return last ? gp_tail(text, (size_t)(last + 1 - text.ptr)) : text;
}

/* Its digest is whole. */
static bool ends_in(gp_str text, size_t len)
{
    gp_str last = last_part(text);
    return last.len == len && password_is_crypt_text(last);
}

/* ---- Argon2 -------------------------------------------------------------------------------------------- */
static bool take_parameter(gp_str *list, const char *name, uint64_t most, uint32_t *out)
{
    gp_str   one   = gp_cut(list, ',');
    uint64_t value = 0;
    bool     fair  = gp_starts(one, name) && gp_read_number(gp_tail(one, gp_from(name).len), most, &value);
    *out           = (uint32_t)value;
    return fair && value > 0;
}

struct argon2_parts { /* of a string, decoded */
    uint32_t memory, passes, lanes;
    size_t   salt_len, digest_len;
    char     salt[GP_HASH_ROOM], digest[GP_HASH_ROOM];
};

static const char *read_parameters(gp_str text, struct argon2_parts *parts)
{
    bool fair = take_parameter(&text, "m=", ARGON2_MEMORY_MOST, &parts->memory) &&
                take_parameter(&text, "t=", ARGON2_PASSES_MOST, &parts->passes) &&
                take_parameter(&text, "p=", ARGON2_LANES_MOST, &parts->lanes) && text.len == 0;
    if (!fair) return password_dear;
    return parts->memory < parts->lanes * ARGON2_LANE_LEAST ? password_garbled : NULL;
}

/* "$argon2id$v=19$m=19456,t=2,p=1$SALT$DIGEST"; without v= it would be the older Argon2 1.0. */
static const char *read_argon2(const struct password_scheme *s, gp_str text, struct argon2_parts *parts)
{
    gp_str      rest       = gp_tail(text, strlen(s->name));
    gp_str      version    = gp_cut(&rest, '$');
    gp_str      parameters = gp_cut(&rest, '$');
    gp_str      salt       = gp_cut(&rest, '$');
    const char *why        = read_parameters(parameters, parts);
    if (!gp_same(version, GP_LIT("v=19"))) return "it is not of version 19 of Argon2";
    if (!password_read_unpadded(salt, parts->salt, &parts->salt_len) || parts->salt_len < ARGON2_SALT_LEAST ||
        !password_read_unpadded(rest, parts->digest, &parts->digest_len) || parts->digest_len < ARGON2_DIGEST_LEAST)
        return password_garbled;
    return why;
}

const char *argon2_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    enum { CACHE = 19456, CACHED = 2, UNCACHED = 3 }; /* a KiB of more memory than that is so much slower */
    struct argon2_parts parts = { .memory = 0 };
    const char         *why   = read_argon2(s, text, &parts);
    *units                    = (uint64_t)parts.memory * parts.passes * (parts.memory > CACHE ? UNCACHED : CACHED);
    return why; /* cppcheck-suppress returnDanglingLifetime; what it returns is static */
}

static argon2_type type_of(const struct password_scheme *s)
{
    if (gp_is(gp_from(s->name), "$argon2d$")) return Argon2_d;
    return gp_is(gp_from(s->name), "$argon2id$") ? Argon2_id : Argon2_i;
}

/* All lanes on this thread: argon2_verify would start one for each, which the vault's sandbox ends the process for, and which
 * would make passwords.hashing_threads no bound. */
gp_status argon2_check(const struct password_scheme *s, gp_secret password, gp_str text)
{
    struct argon2_parts parts = { .memory = 0 };
    uint8_t             mine[GP_HASH_ROOM];
    char                typed[GP_PASSWORD_MOST];
    if (read_argon2(s, text, &parts)) return GP_TEMPFAIL;
    memcpy(typed, password.ptr, password.len); /* the library's pointers are to what may be changed */
    argon2_context work = {
        .out     = mine,
        .outlen  = (uint32_t)parts.digest_len,
        .pwd     = (uint8_t *)typed,
        .pwdlen  = (uint32_t)password.len,
        .salt    = (uint8_t *)parts.salt,
        .saltlen = (uint32_t)parts.salt_len,
        .t_cost  = parts.passes,
        .m_cost  = parts.memory,
        .lanes   = parts.lanes,
        .threads = 1,
        .version = ARGON2_VERSION_13,
    };
    int made = argon2_ctx(&work, type_of(s));
    gp_wipe(typed, sizeof typed);
    if (made != ARGON2_OK) return GP_TEMPFAIL;
    return gp_matches(mine, parts.digest, parts.digest_len) ? GP_OK : GP_PERMFAIL;
}

/* ---- crypt(3) ------------------------------------------------------------------------------------------ */
/* "$2y$10$SALT-AND-DIGEST" */
const char *bcrypt_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    enum { WHOLE = 60, COST_DIGITS = 2, REST = 53, COST_ANY = 99 };
    uint64_t cost = 0;
    if (text.len != WHOLE || !ends_in(text, REST) ||
        !gp_read_number(gp_head(gp_tail(text, strlen(s->name)), COST_DIGITS), COST_ANY, &cost))
        return password_garbled;
    if (cost < BCRYPT_COST_LEAST) return password_garbled;
    if (cost > BCRYPT_COST_MOST) return password_dear;
    *units = (uint64_t)1 << cost;
    return NULL;
}

/* "$6$SALT$DIGEST" or "$6$rounds=5000$SALT$DIGEST" */
const char *sha_crypt_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    enum { DIGEST_256 = 43, DIGEST_512 = 86 };
    gp_str rest  = gp_tail(text, strlen(s->name));
    gp_str first = gp_cut(&rest, '$');
    *units       = SHA_ROUNDS_USUAL;
    if (rest.len == 0 || !ends_in(text, s->hash == GP_SHA256 ? DIGEST_256 : DIGEST_512)) return password_garbled;
    if (!gp_starts(first, "rounds=")) return NULL;
    return gp_read_number(gp_tail(first, sizeof "rounds=" - 1), SHA_ROUNDS_MOST, units) ? NULL : password_dear;
}

enum { YESCRYPT_DIGEST = 43 };

/* "$y$j9T$SALT$DIGEST": flavour j, log2 of N as a letter up to 'B' (2^14), block size as a letter up to 'T' (32 times
 * 128 octets), so at most 64 MiB; further parameters would multiply that and no tool writes them by default. */
const char *yescrypt_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    enum { LOG_MOST = 13, BLOCKS_MOST = 31 }; /* 'B' and 'T' */
    gp_str rest = gp_tail(text, strlen(s->name));
    gp_str cost = gp_cut(&rest, '$');
    if (gp_find(rest, '$') == rest.len || !ends_in(text, YESCRYPT_DIGEST)) return password_garbled;
    if (cost.len != 3 || cost.ptr[0] != 'j') return password_dear;
    unsigned log = value_of(cost.ptr[1]), blocks = value_of(cost.ptr[2]);
    if (log > LOG_MOST || blocks > BLOCKS_MOST) return password_dear;
    *units = (uint64_t)(blocks + 1) << (log + 1);
    return NULL;
}

/* "$7$CU..../....SALT$DIGEST": log2 of N, then r and p with five digits each; 128 r N octets of memory, p times. */
const char *scrypt_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    enum { PARAMETERS = 11, DIGITS = 5, LOG_MOST = 14, BLOCKS_MOST = 32, LANES_MOST = 4 };
    gp_str rest = gp_tail(text, strlen(s->name));
    if (rest.len <= PARAMETERS || !password_is_crypt_text(gp_head(rest, PARAMETERS)) || !ends_in(text, YESCRYPT_DIGEST))
        return password_garbled;
    uint32_t blocks = read_crypt_number(gp_head(gp_tail(rest, 1), DIGITS));
    uint32_t lanes  = read_crypt_number(gp_head(gp_tail(rest, 1 + DIGITS), DIGITS));
    unsigned log    = value_of(rest.ptr[0]);
    if (log > LOG_MOST || blocks > BLOCKS_MOST || lanes > LANES_MOST) return password_dear;
    *units = ((uint64_t)blocks * lanes) << log;
    return NULL;
}

enum { MD5_DIGEST = 22 };

/* "$1$SALT$DIGEST" */
const char *md5_crypt_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    gp_str rest = gp_tail(text, strlen(s->name));
    (void)units;
    return gp_find(rest, '$') < rest.len && ends_in(text, MD5_DIGEST) ? NULL : password_garbled;
}

/* "$md5,rounds=4000$SALT$$DIGEST" or "$md5$SALT$DIGEST" */
const char *sun_md5_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    gp_str   rest   = gp_tail(text, strlen(s->name));
    gp_str   first  = gp_cut(&rest, '$');
    uint64_t rounds = 0;
    if (!ends_in(text, MD5_DIGEST) || (first.len > 0 && !gp_starts(first, ",rounds="))) return password_garbled;
    bool cheap = first.len == 0 || gp_read_number(gp_tail(first, sizeof ",rounds=" - 1), SUN_ROUNDS_MOST, &rounds);
    *units     = SUN_ROUNDS_LEAST + rounds;
    return cheap ? NULL : password_dear;
}

/* "$3$$" and 32 hex digits: MD4 of the password in UTF-16, as Windows keeps it. */
const char *nt_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    enum { WHOLE = 36 };
    (void)s;
    (void)units;
    return text.len == WHOLE && gp_starts(text, "$3$$") ? NULL : password_garbled;
}

/* "_", four digits of rounds, four of salt, eleven of digest. */
const char *bsdi_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    enum { WHOLE = 20, DIGITS = 4 };
    gp_str rest = gp_tail(text, strlen(s->name));
    if (text.len != WHOLE || !password_is_crypt_text(rest)) return password_garbled;
    *units = read_crypt_number(gp_head(rest, DIGITS));
    return *units <= BSDI_ROUNDS_MOST ? NULL : password_dear;
}

const char *des_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    (void)s; /* it was found by its whole form */
    (void)text;
    (void)units;
    return NULL;
}

gp_status crypt_check(const struct password_scheme *s, gp_secret password, gp_str text)
{
    char               typed[GP_PASSWORD_MOST + 1];
    struct crypt_data *work    = calloc(1, sizeof *work);
    gp_status          verdict = GP_PERMFAIL;
    (void)s;
    if (!work) return GP_TEMPFAIL;
    /* crypt(3) reads up to a NUL: a password with one would be cut short. */
    if (gp_copy_z((gp_str) { password.ptr, password.len }, typed, sizeof typed)) {
        const char *made = crypt_rn(typed, text.ptr, work, (int)sizeof *work);
        if (!made)
            verdict = GP_TEMPFAIL;
        else if (gp_from(made).len == text.len && gp_matches(made, text.ptr, text.len))
            verdict = GP_OK;
    }
    gp_wipe(typed, sizeof typed);
    gp_wipe(work, sizeof *work);
    free(work);
    return verdict;
}
