/* Password strings: made as Argon2id, verified by the row of the table that they name. */
#include "crypto/password.h"

#include <string.h>

#include <argon2.h>

enum {
    ARGON2_MEMORY = 19456, /* KiB; OWASP password storage: 19 MiB, t=2, p=1 */
    ARGON2_PASSES = 2,
    ARGON2_LANES  = 1,
    SALT          = 16,
    DIGEST        = 32,
};

const char password_garbled[] = "it is not what its scheme looks like: cut short, perhaps";
const char password_dear[]    = "to check it would cost more time or memory than a sign-in may";

bool gp_password_hash(gp_secret password, char out[static GP_HASH_ROOM])
{
    uint8_t salt[SALT];
    if (password.len == 0 || password.len > GP_PASSWORD_MOST) return false;
    gp_random(salt, sizeof salt);
    return argon2id_hash_encoded(ARGON2_PASSES, ARGON2_MEMORY, ARGON2_LANES, password.ptr, password.len, salt,
                                 sizeof salt, DIGEST, out, GP_HASH_ROOM) == ARGON2_OK;
}

/* ---- the schemes --------------------------------------------------------------------------------------- */
/* clang-format off */
/* Prices were measured beside PBKDF2 on one machine and rounded up. */
#define OF(rounds) ((uint32_t)((rounds) * PASSWORD_PRICE_ONE))
#define OF_ARGON2  OF((double)GP_HASH_COST / (2 * ARGON2_MEMORY * ARGON2_PASSES)) /* so that our own cost exactly that */
static const struct password_scheme bare[] = { /* known by how they begin */
    { "$argon2id$",      PASSWORD_TEXT, 0,         OF_ARGON2, argon2_wrong,    argon2_check  },
    { "$argon2i$",       PASSWORD_TEXT, 0,         OF_ARGON2, argon2_wrong,    argon2_check  },
    { "$argon2d$",       PASSWORD_TEXT, 0,         OF_ARGON2, argon2_wrong,    argon2_check  },
    { "$2a$",            PASSWORD_TEXT, 0,         OF(215),   bcrypt_wrong,    crypt_check   },
    { "$2b$",            PASSWORD_TEXT, 0,         OF(215),   bcrypt_wrong,    crypt_check   },
    { "$2y$",            PASSWORD_TEXT, 0,         OF(215),   bcrypt_wrong,    crypt_check   },
    { "$5$",             PASSWORD_TEXT, GP_SHA256, OF(1.65),  sha_crypt_wrong, crypt_check   },
    { "$6$",             PASSWORD_TEXT, GP_SHA512, OF(1.3),   sha_crypt_wrong, crypt_check   },
    { "$y$",             PASSWORD_TEXT, 0,         OF(0.52),  yescrypt_wrong,  crypt_check   },
    { "$gy$",            PASSWORD_TEXT, 0,         OF(0.52),  yescrypt_wrong,  crypt_check   },
    { "$7$",             PASSWORD_TEXT, 0,         OF(0.97),  scrypt_wrong,    crypt_check   },
    { "$1$",             PASSWORD_TEXT, 0,         OF(440),   md5_crypt_wrong, crypt_check   }, /* from here on: old, to be replaced at the first use */
    { "$3$",             PASSWORD_TEXT, 0,         OF(4),     nt_wrong,        crypt_check   },
    { "$md5",            PASSWORD_TEXT, 0,         OF(5.5),   sun_md5_wrong,   crypt_check   },
    { "$apr1$",          PASSWORD_TEXT, 0,         OF(600),   apr1_wrong,      apr1_check    },
    { "_",               PASSWORD_TEXT, 0,         OF(0.53),  bsdi_wrong,      crypt_check   },
    { "$pbkdf2-sha512$", PASSWORD_TEXT, GP_SHA512, OF(2.45),  passlib_wrong,   passlib_check },
    { "$pbkdf2-sha256$", PASSWORD_TEXT, GP_SHA256, OF(1),     passlib_wrong,   passlib_check },
    { "$pbkdf2$",        PASSWORD_TEXT, GP_SHA1,   OF(1.02),  passlib_wrong,   passlib_check },
    { "pbkdf2_sha256$",  PASSWORD_TEXT, GP_SHA256, OF(1),     django_wrong,    django_check  },
    { "pbkdf2_sha1$",    PASSWORD_TEXT, GP_SHA1,   OF(1.02),  django_wrong,    django_check  },
    { "SCRAM-SHA-1$",    PASSWORD_TEXT, GP_SHA1,   OF(1.02),  scram_wrong,     scram_check   }, /* RFC 5803 */
    { "SCRAM-SHA-256$",  PASSWORD_TEXT, GP_SHA256, OF(1),     scram_wrong,     scram_check   },
    { "SCRAM-SHA-512$",  PASSWORD_TEXT, GP_SHA512, OF(2.45),  scram_wrong,     scram_check   },
};
static const struct password_scheme des = { "", PASSWORD_TEXT, 0, OF(20), des_wrong, crypt_check };

static const struct password_scheme braced[] = { /* RFC 2307's {SCHEME}, as LDAP servers and Dovecot write it */
    { "CRYPT",         PASSWORD_INNER,  0,         0,         NULL,          NULL          },
    { "DES-CRYPT",     PASSWORD_INNER,  0,         0,         NULL,          NULL          },
    { "MD5-CRYPT",     PASSWORD_INNER,  0,         0,         NULL,          NULL          },
    { "SHA256-CRYPT",  PASSWORD_INNER,  0,         0,         NULL,          NULL          },
    { "SHA512-CRYPT",  PASSWORD_INNER,  0,         0,         NULL,          NULL          },
    { "BLF-CRYPT",     PASSWORD_INNER,  0,         0,         NULL,          NULL          },
    { "ARGON2I",       PASSWORD_INNER,  0,         0,         NULL,          NULL          },
    { "ARGON2ID",      PASSWORD_INNER,  0,         0,         NULL,          NULL          },
    { "ARGON2",        PASSWORD_INNER,  0,         0,         NULL,          NULL          }, /* OpenLDAP's */
    { "SHA",           PASSWORD_BASE64, GP_SHA1,   OF(3.2),   digest_wrong,  digest_check  },
    { "SHA1",          PASSWORD_BASE64, GP_SHA1,   OF(3.2),   digest_wrong,  digest_check  },
    { "SHA256",        PASSWORD_BASE64, GP_SHA256, OF(3.2),   digest_wrong,  digest_check  },
    { "SHA512",        PASSWORD_BASE64, GP_SHA512, OF(3.2),   digest_wrong,  digest_check  },
    { "MD5",           PASSWORD_BASE64, GP_MD5,    OF(3.2),   digest_wrong,  digest_check  },
    { "LDAP-MD5",      PASSWORD_BASE64, GP_MD5,    OF(3.2),   digest_wrong,  digest_check  },
    { "PLAIN-MD5",     PASSWORD_HEX,    GP_MD5,    OF(3.2),   digest_wrong,  digest_check  },
    { "SSHA",          PASSWORD_BASE64, GP_SHA1,   OF(3.2),   salted_wrong,  digest_check  },
    { "SSHA256",       PASSWORD_BASE64, GP_SHA256, OF(3.2),   salted_wrong,  digest_check  },
    { "SSHA512",       PASSWORD_BASE64, GP_SHA512, OF(3.2),   salted_wrong,  digest_check  },
    { "SMD5",          PASSWORD_BASE64, GP_MD5,    OF(3.2),   salted_wrong,  digest_check  },
    { "PBKDF2",        PASSWORD_TEXT,   GP_SHA1,   OF(1.02),  dovecot_pbkdf2_wrong, dovecot_pbkdf2_check },
    { "PBKDF2-SHA1",   PASSWORD_TEXT,   GP_SHA1,   OF(1.02),  passlib_wrong, passlib_check },
    { "PBKDF2-SHA256", PASSWORD_TEXT,   GP_SHA256, OF(1),     passlib_wrong, passlib_check },
    { "PBKDF2-SHA512", PASSWORD_TEXT,   GP_SHA512, OF(2.45),  passlib_wrong, passlib_check },
    { "SCRAM-SHA-1",   PASSWORD_TEXT,   GP_SHA1,   OF(1.02),  scram_wrong,   scram_check   },
    { "SCRAM-SHA-256", PASSWORD_TEXT,   GP_SHA256, OF(1),     scram_wrong,   scram_check   },
    { "SCRAM-SHA-512", PASSWORD_TEXT,   GP_SHA512, OF(2.45),  scram_wrong,   scram_check   },
    { "CRAM-MD5",      PASSWORD_HEX,    GP_MD5,    OF(3.2),   cram_wrong,    cram_check    },
    { "HMAC-MD5",      PASSWORD_HEX,    GP_MD5,    OF(3.2),   cram_wrong,    cram_check    },
};
/* clang-format on */

/* ---- which one it is ------------------------------------------------------------------------------------ */
struct opened {
    const struct password_scheme *scheme;
    size_t                        len;
    uint64_t                      units;
    char                          text[GP_HASH_ROOM];
};

static bool is_locked(gp_str stored)
{
    return stored.len == 0 || stored.ptr[0] == '!' || stored.ptr[0] == '*';
}

/* Django puts the name of its hasher before strings of other makers. */
static gp_str without_hasher(gp_str text)
{
    if (gp_starts(text, "argon2$argon2")) return gp_tail(text, sizeof "argon2" - 1);
    return gp_starts(text, "bcrypt$$2") ? gp_tail(text, sizeof "bcrypt$" - 1) : text;
}

static const struct password_scheme *find_bare(gp_str text)
{
    enum { DES_WHOLE = 13 };
    for (size_t i = 0; i < GP_COUNT(bare); i++)
        if (gp_starts(text, bare[i].name)) return &bare[i];
    return text.len == DES_WHOLE && password_is_crypt_text(text) ? &des : NULL;
}

static const char *open_bare(gp_str text, struct opened *o)
{
    text      = without_hasher(text);
    o->scheme = find_bare(text);
    o->len    = text.len;
    if (!o->scheme) return "its scheme is not one that is known here";
    memmove(o->text, text.ptr, text.len);
    o->text[text.len] = '\0';
    return o->scheme->wrong(o->scheme, (gp_str) { o->text, o->len }, &o->units);
}

static bool decode(gp_str text, enum password_form form, struct opened *o)
{
    size_t room = sizeof o->text - 1;
    bool   read =
        form == PASSWORD_HEX ? gp_read_hex(text, o->text, room, &o->len) : gp_read_base64(text, o->text, room, &o->len);
    if (read) o->text[o->len] = '\0';
    return read;
}

/* What the suffix says, or else the row; a digest without salt is also known as hex by its length, as Dovecot has it. */
static enum password_form form_of(const struct password_scheme *scheme, gp_str suffix, gp_str text)
{
    if (gp_is(suffix, "HEX")) return PASSWORD_HEX;
    if (gp_is(suffix, "B64") || gp_is(suffix, "BASE64")) return PASSWORD_BASE64;
    bool is_hex = scheme->wrong == digest_wrong && text.len == 2 * gp_hash_size(scheme->hash);
    return is_hex ? PASSWORD_HEX : scheme->form;
}

static const struct password_scheme *find_braced(gp_str name)
{
    for (size_t i = 0; i < GP_COUNT(braced); i++)
        if (gp_is(name, braced[i].name)) return &braced[i];
    return NULL;
}

static const char *open_braced(gp_str stored, struct opened *o)
{
    gp_str text = gp_tail(stored, 1), suffix = gp_cut(&text, '}'), name = gp_cut(&suffix, '.');
    o->scheme = find_braced(name);
    if (!o->scheme) return "its scheme is not one that is known here";
    enum password_form form = form_of(o->scheme, suffix, text);
    if (text.len > 0 && text.ptr[0] == '$' && o->scheme->form != PASSWORD_TEXT) return open_bare(text, o);
    if (form == PASSWORD_INNER) return open_bare(text, o);
    if (form == PASSWORD_TEXT) {
        memcpy(o->text, text.ptr, text.len);
        o->text[o->len = text.len] = '\0';
    } else if (!decode(text, form, o)) {
        return password_garbled;
    }
    gp_str inside = { o->text, o->len };
    return o->scheme->form == PASSWORD_INNER ? open_bare(inside, o) : o->scheme->wrong(o->scheme, inside, &o->units);
}

static const char *open_string(gp_str stored, struct opened *o)
{
    if (is_locked(stored)) return "there is no password, or the account is locked";
    if (stored.len >= sizeof o->text || memchr(stored.ptr, '\0', stored.len)) return "it is too long, or has a NUL";
    return stored.ptr[0] == '{' ? open_braced(stored, o) : open_bare(stored, o);
}

/* ---- what others ask ------------------------------------------------------------------------------------- */
const char *gp_password_wrong(gp_str stored)
{
    struct opened o   = { .units = 1 };
    const char   *why = open_string(stored, &o);
    gp_wipe(&o, sizeof o);
    return why;
}

uint32_t gp_password_cost(gp_str stored)
{
    struct opened o      = { .units = 1 };
    bool          good   = !open_string(stored, &o);
    uint64_t      rounds = good ? (o.units * o.scheme->price + PASSWORD_PRICE_ONE - 1) / PASSWORD_PRICE_ONE : 0;
    gp_wipe(&o, sizeof o);
    if (good && rounds == 0) return 1;
    return rounds < UINT32_MAX ? (uint32_t)rounds : UINT32_MAX;
}

gp_status gp_password_check(gp_secret password, gp_str stored)
{
    struct opened o = { .units = 1 };
    if (password.len == 0 || password.len > GP_PASSWORD_MOST) return GP_PERMFAIL;
    if (open_string(stored, &o)) return GP_TEMPFAIL;
    gp_status verdict = o.scheme->check(o.scheme, password, (gp_str) { o.text, o.len });
    gp_wipe(&o, sizeof o);
    return verdict;
}
