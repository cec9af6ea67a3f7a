/* Two old strings that are made of MD5: Apache's md5crypt, and the contexts that Dovecot keeps for CRAM-MD5. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the contexts are MD5's inner state, which EVP does not show */
#include "crypto/password.h"

#include <openssl/md5.h>
#include <string.h>

enum { OCTETS = MD5_DIGEST_LENGTH, CONTEXTS = 2 * OCTETS, APR1_SALT_MOST = 8, APR1_ROUNDS = 1000, APR1_TEXT = 22 };

/* ---- apr1 ---------------------------------------------------------------------------------------------- */
static gp_str apr1_salt(const struct password_scheme *s, gp_str text)
{
    gp_str rest = gp_tail(text, strlen(s->name));
    return gp_head(gp_cut(&rest, '$'), APR1_SALT_MOST);
}

/* "$apr1$SALT$DIGEST" */
const char *apr1_wrong(const struct password_scheme *s, gp_str text, uint64_t *units)
{
    gp_str rest = gp_tail(text, strlen(s->name)), salt = gp_cut(&rest, '$');
    (void)units;
    return salt.len <= APR1_SALT_MOST && rest.len == APR1_TEXT && password_is_crypt_text(rest) ? NULL
                                                                                               : password_garbled;
}

struct apr1 {
    gp_str              password, salt;
    struct gp_digester *md5;
    uint8_t             digest[OCTETS];
};

static bool add(struct apr1 *a, gp_str text)
{
    return gp_digester_add(a->md5, text);
}

static gp_str digest_of(const struct apr1 *a)
{
    return (gp_str) { (const char *)a->digest, OCTETS };
}

/* As much of the digest as the password is long, then an octet for each bit of its length: NUL, or the first of the password. */
static bool begin(struct apr1 *a, gp_str magic)
{
    bool good = add(a, a->password) && add(a, a->salt) && add(a, a->password) && gp_digester_end(a->md5, a->digest) &&
                add(a, a->password) && add(a, magic) && add(a, a->salt);
    for (size_t left = a->password.len; good && left > 0; left -= left < OCTETS ? left : OCTETS)
        good = add(a, gp_head(digest_of(a), left));
    for (size_t bits = a->password.len; good && bits > 0; bits >>= 1)
        good = add(a, bits & 1 ? GP_LIT("\0") : gp_head(a->password, 1));
    return good && gp_digester_end(a->md5, a->digest);
}

static bool stir(struct apr1 *a, unsigned round)
{
    bool   odd    = round & 1;
    gp_str before = digest_of(a);
    return add(a, odd ? a->password : before) && (round % 3 == 0 || add(a, a->salt)) &&
           (round % 7 == 0 || add(a, a->password)) && add(a, odd ? before : a->password) &&
           gp_digester_end(a->md5, a->digest);
}

static void put_crypt_digits(struct gp_text *out, uint32_t bits, unsigned digits)
{
    static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { SIX_BITS = 0x3f };
    for (; digits > 0; digits--, bits >>= 6) gp_put_char(out, alphabet[bits & SIX_BITS]);
}

static void put_digest(struct gp_text *out, const uint8_t *d)
{
    static const unsigned order[][3] = {
        {0,  6,  12},
        { 1, 7,  13},
        { 2, 8,  14},
        { 3, 9,  15},
        { 4, 10, 5 }
    };
    for (size_t i = 0; i < GP_COUNT(order); i++)
        put_crypt_digits(out, (uint32_t)d[order[i][0]] << 16 | (uint32_t)d[order[i][1]] << 8 | d[order[i][2]], 4);
    put_crypt_digits(out, d[11], 2);
}

gp_status apr1_check(const struct password_scheme *s, gp_secret password, gp_str text)
{
    char           room[APR1_TEXT];
    struct gp_text mine = GP_TEXT(room);
    struct apr1    a    = {
              .password = {password.ptr, password.len},
                .salt = apr1_salt(s, text)
    };
    a.md5     = gp_digester_open(GP_MD5);
    bool made = a.md5 && begin(&a, gp_from(s->name));
    for (unsigned round = 0; made && round < APR1_ROUNDS; round++) made = stir(&a, round);
    gp_digester_close(a.md5);
    put_digest(&mine, a.digest);
    gp_wipe(a.digest, sizeof a.digest);
    if (!made) return GP_TEMPFAIL;
    return gp_matches(text.ptr + text.len - APR1_TEXT, room, APR1_TEXT) ? GP_OK : GP_PERMFAIL;
}

/* ---- CRAM-MD5's contexts --------------------------------------------------------------------------------- */
const char *cram_wrong(const struct password_scheme *s, gp_str octets, uint64_t *units)
{
    (void)s;
    (void)units;
    return octets.len == CONTEXTS ? NULL : password_garbled;
}

/* MD5's state after one block of the key and a pad (RFC 2104 4), low octets first. */
static bool put_context(const uint8_t key[static MD5_CBLOCK], uint8_t pad, uint8_t *out)
{
    uint8_t block[MD5_CBLOCK];
    MD5_CTX md5;
    for (size_t i = 0; i < sizeof block; i++) block[i] = key[i] ^ pad;
    bool           made    = MD5_Init(&md5) == 1 && MD5_Update(&md5, block, sizeof block) == 1;
    const MD5_LONG words[] = { md5.A, md5.B, md5.C, md5.D };
    for (size_t i = 0; i < OCTETS; i++) out[i] = (uint8_t)(words[i / 4] >> 8 * (i % 4));
    gp_wipe(block, sizeof block);
    gp_wipe(&md5, sizeof md5);
    return made;
}

/* The outer context, then the inner one. */
gp_status cram_check(const struct password_scheme *s, gp_secret password, gp_str octets)
{
    enum { OUTER_PAD = 0x5c, INNER_PAD = 0x36 };
    uint8_t key[MD5_CBLOCK] = { 0 }, mine[CONTEXTS];
    bool    made            = true;
    (void)s;
    if (password.len <= sizeof key)
        memcpy(key, password.ptr, password.len);
    else
        made = gp_digest(GP_MD5, (gp_str) { password.ptr, password.len }, key);
    made = made && put_context(key, OUTER_PAD, mine) && put_context(key, INNER_PAD, mine + OCTETS);
    gp_wipe(key, sizeof key);
    if (!made) return GP_TEMPFAIL;
    gp_status verdict = gp_matches(mine, octets.ptr, sizeof mine) ? GP_OK : GP_PERMFAIL;
    gp_wipe(mine, sizeof mine);
    return verdict;
}
