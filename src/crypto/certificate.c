/* A self-signed certificate for trying out: good for the names and addresses it is given, and for nothing else. */
#include "crypto/crypto.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/key.h"

enum { VERSION_3 = 2, SERIAL_BITS = 127, NAMES_ROOM = 4096, COMMON_NAME_MOST = 64, SECONDS_A_DAY = 86400 };

static void put_names(struct gp_text *out, const char *kind, const char *const *names)
{
    for (; names && *names; names++) {
        if (out->len) gp_put_char(out, ',');
        gp_put_z(out, kind);
        gp_put_z(out, *names);
    }
}

static bool add_extension(X509 *certificate, int id, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    bool            done      = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static bool add_extensions(X509 *certificate, const char *const *dns_names, const char *const *addresses)
{
    char           room[NAMES_ROOM];
    struct gp_text names = GP_TEXT(room);
    put_names(&names, "DNS:", dns_names);
    put_names(&names, "IP:", addresses);
    gp_put_char(&names, '\0');
    return !names.cut && add_extension(certificate, NID_subject_alt_name, room) &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, NID_subject_key_identifier, "hash");
}

/* RFC 5280 4.1.2.2: positive, and no two alike. */
static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool    done   = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return done;
}

static bool set_name(X509 *certificate, const char *name)
{
    X509_NAME  *subject = X509_get_subject_name(certificate);
    const char *common  = name && gp_from(name).len <= COMMON_NAME_MOST ? name : "gatepost";
    return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC, (const unsigned char *)common, -1, -1,
                                      0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

static bool set_validity(X509 *certificate, unsigned days)
{
    /* From yesterday: clocks differ. */
    return X509_gmtime_adj(X509_getm_notBefore(certificate), -SECONDS_A_DAY) &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL);
}

bool gp_certificate_new(const struct gp_key *key, const char *const *dns_names, const char *const *addresses,
                        unsigned days, struct gp_text *pem)
{
    EVP_PKEY     *pkey        = gp_key_of(key);
    const EVP_MD *digest      = gp_key_kind(key) == GP_KEY_ED25519 ? NULL : EVP_sha256();
    X509         *certificate = X509_new();
    BIO          *out         = BIO_new(BIO_s_mem());
    bool done = certificate && out && X509_set_version(certificate, VERSION_3) == 1 && set_serial(certificate) &&
                set_name(certificate, dns_names ? dns_names[0] : NULL) && set_validity(certificate, days) &&
                X509_set_pubkey(certificate, pkey) == 1 && add_extensions(certificate, dns_names, addresses) &&
                X509_sign(certificate, pkey, digest) > 0 && PEM_write_bio_X509(out, certificate) == 1;
    X509_free(certificate);
    ERR_clear_error();
    return out && gp_bio_into(out, done, pem);
}
