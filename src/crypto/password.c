/* Password strings: made as Argon2id, verified by the row of the table whose prefix they carry. */
#include "crypto/crypto.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include <argon2.h>

enum {
    ARGON2_MEMORY = 19456, /* KiB; OWASP password storage: 19 MiB, t=2, p=1 */
    ARGON2_PASSES = 2,
    ARGON2_LANES  = 1,
    SALT          = 16,
    DIGEST        = 32,
};

/* What a stored string may make us spend: an imported one is somebody else's choice. */
enum {
    ARGON2_MEMORY_MOST = 256 * 1024,
    ARGON2_PASSES_MOST = 16,
    ARGON2_LANES_MOST  = 8,
    BCRYPT_COST_MOST   = 16,
    SHA_ROUNDS_MOST    = 1000000,
};

bool gp_password_hash(gp_secret password, char out[static GP_HASH_ROOM])
{
    uint8_t salt[SALT];
    if (password.len == 0 || password.len > GP_PASSWORD_MOST) return false;
    gp_random(salt, sizeof salt);
    return argon2id_hash_encoded(ARGON2_PASSES, ARGON2_MEMORY, ARGON2_LANES, password.ptr, password.len, salt,
                                 sizeof salt, DIGEST, out, GP_HASH_ROOM) == ARGON2_OK;
}

/* ---- Argon2 -------------------------------------------------------------------------------------------- */
static bool take_parameter(gp_str *list, const char *name, uint64_t most)
{
    gp_str   one   = gp_cut(list, ',');
    uint64_t value = 0;
    return gp_starts(one, name) && gp_read_number(gp_tail(one, gp_from(name).len), most, &value) && value > 0;
}

/* "$argon2id$v=19$m=19456,t=2,p=1$SALT$DIGEST"; without v= it would be the older Argon2 1.0. */
static bool argon2_is_affordable(gp_str stored)
{
    gp_str rest = gp_tail(stored, 1);
    (void)gp_cut(&rest, '$');
    gp_str version    = gp_cut(&rest, '$');
    gp_str parameters = gp_cut(&rest, '$');
    return gp_same(version, GP_LIT("v=19")) && take_parameter(&parameters, "m=", ARGON2_MEMORY_MOST) &&
           take_parameter(&parameters, "t=", ARGON2_PASSES_MOST) &&
           take_parameter(&parameters, "p=", ARGON2_LANES_MOST) && parameters.len == 0;
}

static gp_status argon2_check(gp_secret password, const char *stored, argon2_type type)
{
    switch (argon2_verify(stored, password.ptr, password.len, type)) {
    case ARGON2_OK: return GP_OK;
    case ARGON2_VERIFY_MISMATCH: return GP_PERMFAIL;
    default: return GP_TEMPFAIL;
    }
}

static gp_status argon2id_check(gp_secret password, const char *stored)
{
    return argon2_check(password, stored, Argon2_id);
}

static gp_status argon2i_check(gp_secret password, const char *stored)
{
    return argon2_check(password, stored, Argon2_i);
}

/* ---- crypt(3) ------------------------------------------------------------------------------------------ */
/* "$2y$10$SALT-AND-DIGEST" */
static bool bcrypt_is_affordable(gp_str stored)
{
    enum { WHOLE = 60, COST_AT = 4, COST_DIGITS = 2 };
    uint64_t cost = 0;
    return stored.len == WHOLE &&
           gp_read_number(gp_head(gp_tail(stored, COST_AT), COST_DIGITS), BCRYPT_COST_MOST, &cost);
}

/* "$6$SALT$DIGEST" or "$6$rounds=5000$SALT$DIGEST" */
static bool sha_is_affordable(gp_str stored)
{
    gp_str   rest   = gp_tail(stored, 3);
    gp_str   first  = gp_cut(&rest, '$');
    uint64_t rounds = 0;
    if (rest.len == 0) return false;
    return !gp_starts(first, "rounds=") ||
           gp_read_number(gp_tail(first, sizeof "rounds=" - 1), SHA_ROUNDS_MOST, &rounds);
}

/* "$y$j9T$SALT$DIGEST": flavour j, log2 of N as a letter up to 'B' (2^14), block size as a letter up to 'T' (32 times
 * 128 octets), so at most 64 MiB; further parameters would multiply that and no tool writes them by default. */
static bool yescrypt_is_affordable(gp_str stored)
{
    gp_str rest = gp_tail(stored, 1);
    (void)gp_cut(&rest, '$');
    gp_str cost = gp_cut(&rest, '$');
    return cost.len == 3 && cost.ptr[0] == 'j' && cost.ptr[1] <= 'B' && cost.ptr[2] <= 'T' && rest.len > 0;
}

static gp_status crypt_check(gp_secret password, const char *stored)
{
    char               typed[GP_PASSWORD_MOST + 1];
    struct crypt_data *work = calloc(1, sizeof *work);
    if (!work) return GP_TEMPFAIL;
    gp_status verdict = GP_PERMFAIL; /* a NUL inside: crypt would look at half of it */
    if (gp_copy_z((gp_str) { password.ptr, password.len }, typed, sizeof typed)) {
        const char *made = crypt_rn(typed, stored, work, (int)sizeof *work);
        size_t      len  = gp_from(stored).len;
        if (!made)
            verdict = GP_TEMPFAIL;
        else if (gp_from(made).len == len && gp_matches(made, stored, len))
            verdict = GP_OK;
    }
    gp_wipe(typed, sizeof typed);
    gp_wipe(work, sizeof *work);
    free(work);
    return verdict;
}

/* ---- the schemes --------------------------------------------------------------------------------------- */
static const struct scheme {
    const char *prefix;
    bool (*is_affordable)(gp_str stored);
    gp_status (*check)(gp_secret password, const char *stored);
} schemes[] = {
  /* clang-format off */
    { "$argon2id$", argon2_is_affordable,   argon2id_check },
    { "$argon2i$",  argon2_is_affordable,   argon2i_check  },
    { "$2a$",       bcrypt_is_affordable,   crypt_check    },
    { "$2b$",       bcrypt_is_affordable,   crypt_check    },
    { "$2y$",       bcrypt_is_affordable,   crypt_check    },
    { "$5$",        sha_is_affordable,      crypt_check    },
    { "$6$",        sha_is_affordable,      crypt_check    },
    { "$y$",        yescrypt_is_affordable, crypt_check    },
    { "$gy$",       yescrypt_is_affordable, crypt_check    },
  /* clang-format on */
};

/* NULL: of no scheme, or too costly. */
static const struct scheme *scheme_of(gp_str stored)
{
    for (size_t i = 0; i < GP_COUNT(schemes); i++)
        if (gp_starts(stored, schemes[i].prefix)) return schemes[i].is_affordable(stored) ? &schemes[i] : NULL;
    return NULL;
}

bool gp_password_is_affordable(gp_str stored)
{
    return scheme_of(stored) != NULL;
}

gp_status gp_password_check(gp_secret password, gp_str stored)
{
    char text[GP_HASH_ROOM];
    if (password.len == 0 || password.len > GP_PASSWORD_MOST) return GP_PERMFAIL;
    if (!gp_copy_z(stored, text, sizeof text)) return GP_TEMPFAIL;
    const struct scheme *scheme = scheme_of(stored);
    return scheme ? scheme->check(password, text) : GP_TEMPFAIL;
}
