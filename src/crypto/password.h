/* Inside of password strings: a scheme is a row of the table in password.c. A row never sees a string that it called wrong. */
#ifndef GP_PASSWORD_H
#define GP_PASSWORD_H

#include "crypto/crypto.h"

enum password_form { /* how a scheme in braces is written, unless "{SCHEME.HEX}" or "{SCHEME.B64}" says otherwise */
    PASSWORD_TEXT,
    PASSWORD_BASE64,
    PASSWORD_HEX,
    PASSWORD_INNER, /* what follows the braces is a string without braces */
};
struct password_scheme {
    const char        *name; /* "$6$": what the string begins with; "SSHA": {SSHA} stands before it */
    enum password_form form;
    enum gp_hash       hash;
    uint32_t           price; /* of a unit of work, in millionths of a round of PBKDF2-SHA-256 */
    /* text: the whole string, or what follows the braces, decoded; a NUL behind it. NULL, or what is wrong with it: static.
     * *units: how much work a check is; 1 unless it says so. */
    const char *(*wrong)(const struct password_scheme *, gp_str text, uint64_t *units);
    gp_status (*check)(const struct password_scheme *, gp_secret, gp_str text);
};
enum { PASSWORD_PRICE_ONE = 1000000 }; /* of one round */
extern const char password_garbled[], password_dear[]; /* usual answers of wrong() */

typedef const char *password_wrong(const struct password_scheme *, gp_str text, uint64_t *units);
typedef gp_status   password_check(const struct password_scheme *, gp_secret, gp_str text);

bool password_is_crypt_text(gp_str); /* ./0-9A-Za-z */
/* Base64 with no '=' at the end, as Argon2 writes it, and passlib with '.' for '+'. out: GP_HASH_ROOM octets. */
bool password_read_unpadded(gp_str text, char *out, size_t *len) GP_MUST_USE;

/* ---- password_crypt.c: Argon2 and crypt(3) ---- */
password_wrong argon2_wrong, bcrypt_wrong, sha_crypt_wrong, yescrypt_wrong, scrypt_wrong, md5_crypt_wrong, sun_md5_wrong, nt_wrong,
    bsdi_wrong, des_wrong;
password_check argon2_check, crypt_check;
/* ---- password_digest.c: a digest of the password and perhaps a salt; PBKDF2 in its many spellings; SCRAM's stored key ---- */
password_wrong digest_wrong, salted_wrong, passlib_wrong, django_wrong, dovecot_pbkdf2_wrong, scram_wrong;
password_check digest_check, passlib_check, django_check, dovecot_pbkdf2_check, scram_check;
/* ---- password_md5.c: Apache's md5crypt, and CRAM-MD5's contexts ---- */
password_wrong apr1_wrong, cram_wrong;
password_check apr1_check, cram_check;

#endif
