/* Who a TLS client's certificates say it is, and whether somebody who is trusted says so. */
#include "crypto/crypto.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/key.h"

enum { MILLISECOND = 1000, STRONG_BITS = 112, STRONG_LEVEL = 2 };

/* ---- reading ------------------------------------------------------------------------------------------ */
/* NULL: not one certificate after the other, or too many. */
static STACK_OF(X509) * read_chain(gp_str der)
{
    STACK_OF(X509) *chain   = sk_X509_new_null();
    const unsigned char *at = (const unsigned char *)der.ptr, *end = at + der.len;
    bool                 whole = chain && der.len > 0 && der.len <= GP_PEER_CHAIN_MOST;
    while (whole && at < end) {
        X509 *next = sk_X509_num(chain) < GP_PEER_CERTIFICATES_MOST ? d2i_X509(NULL, &at, end - at) : NULL;
        whole      = next && sk_X509_push(chain, next) > 0;
        if (next && !whole) X509_free(next);
    }
    if (whole) return chain;
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

static size_t add_trusted(X509_STORE *store, gp_str pem)
{
    X509  *next;
    size_t added = 0;
    BIO   *in    = pem.len > 0 && pem.len <= GP_PEER_TRUSTED_MOST ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    while (in && (next = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL))) {
        if (X509_STORE_add_cert(store, next) == 1) added++;
        X509_free(next);
    }
    BIO_free(in);
    ERR_clear_error(); /* the end of the text is an error to OpenSSL */
    return added;
}

struct gp_trust {
    X509_STORE *store;
};

struct gp_trust *gp_trust_open(gp_str pem)
{
    struct gp_trust *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->store = X509_STORE_new();
    if (t->store && add_trusted(t->store, pem) > 0) return t;
    gp_trust_close(t);
    return NULL;
}

void gp_trust_close(struct gp_trust *t)
{
    if (t) X509_STORE_free(t->store);
    free(t);
}

static X509 *first_of(gp_str pem)
{
    BIO  *in   = pem.len > 0 && pem.len <= GP_PEER_TRUSTED_MOST ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    X509 *leaf = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    BIO_free(in);
    return leaf;
}

bool gp_certificate_fingerprint(gp_str pem, uint8_t *out)
{
    unsigned size = 0;
    X509    *leaf = first_of(pem);
    bool     read = leaf && X509_digest(leaf, EVP_sha256(), out, &size) == 1 && size == GP_PEER_FINGERPRINT;
    X509_free(leaf);
    ERR_clear_error();
    return read;
}

bool gp_certificate_key(gp_str pem, uint8_t *out)
{
    unsigned char *der  = NULL;
    X509          *leaf = first_of(pem);
    int            len  = leaf ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der) : 0;
    bool           read = len > 0 && gp_digest(GP_SHA256, (gp_str) { (const char *)der, (size_t)len }, out);
    OPENSSL_free(der);
    X509_free(leaf);
    ERR_clear_error();
    return read;
}

/* ---- what it says -------------------------------------------------------------------------------------- */
/* An address with a NUL or a control in it is somebody who wants it to be read as another. */
static bool is_plain(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f) return false;
    return text.len > 0;
}

static void take_emails(X509 *leaf, struct gp_certificate_peer *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && out->email_count < GP_PEER_EMAILS_MOST; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_EMAIL) continue;
        gp_str text = { (const char *)ASN1_STRING_get0_data(name->d.rfc822Name),
                        (size_t)ASN1_STRING_length(name->d.rfc822Name) };
        char  *room = out->emails[out->email_count];
        if (is_plain(text) && gp_copy_z(text, room, sizeof out->emails[0])) out->email_count++;
    }
    GENERAL_NAMES_free(names);
}

/* Half a name is no name. */
static void take_subject(const X509 *leaf, struct gp_certificate_peer *out)
{
    static const unsigned long form =
        (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) | ASN1_STRFLGS_UTF8_CONVERT;
    struct gp_text text = { .ptr = out->subject, .room = sizeof out->subject - 1 };
    BIO           *bio  = BIO_new(BIO_s_mem());
    bool           said = bio && X509_NAME_print_ex(bio, X509_get_subject_name(leaf), 0, form) >= 0;
    if (bio) said = gp_bio_into(bio, said, &text);
    out->subject[said ? text.len : 0] = '\0';
    if (!said || !gp_is_utf8(gp_said(&text))) out->subject[0] = '\0';
}

/* ---- whether it may say so -------------------------------------------------------------------------------- */
static const char *why_unusable(X509 *leaf, time_t now)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    if (X509_cmp_time(X509_get0_notBefore(leaf), &now) >= 0) return "the certificate is not valid yet";
    if (X509_cmp_time(X509_get0_notAfter(leaf), &now) <= 0) return "the certificate has expired";
    if (X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0) != 1) return "the certificate is not for TLS clients";
    return key && EVP_PKEY_get_security_bits(key) >= STRONG_BITS ? NULL : "its key is too weak";
}

static bool prepare(X509_STORE_CTX *context, X509_STORE *store, STACK_OF(X509) * chain, time_t now)
{
    if (X509_STORE_CTX_init(context, store, sk_X509_value(chain, 0), chain) != 1) return false;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(param, now);
    X509_VERIFY_PARAM_set_auth_level(param, STRONG_LEVEL);
    X509_VERIFY_PARAM_set_depth(param, GP_PEER_CERTIFICATES_MOST);
    /* Whatever stands in the file is trusted, also where it was signed by somebody else. */
    return X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
           X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) == 1;
}

/* NULL: it is verified. */
static const char *why_unverified(STACK_OF(X509) * chain, const struct gp_trust *trust, time_t now)
{
    if (!trust) return "nobody is trusted to vouch for it";
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    const char     *why     = "no memory";
    if (context && prepare(context, trust->store, chain, now)) {
        bool good = X509_verify_cert(context) == 1;
        why       = good ? NULL : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    }
    X509_STORE_CTX_free(context);
    return why;
}

bool gp_certificate_peer(gp_str der, const struct gp_trust *trust, gp_time now, struct gp_certificate_peer *out)
{
    *out                  = (struct gp_certificate_peer) { 0 };
    time_t   when         = (time_t)(now / MILLISECOND);
    unsigned size         = 0;
    STACK_OF(X509) *chain = read_chain(der);
    X509 *leaf            = chain ? sk_X509_value(chain, 0) : NULL;
    bool  read            = leaf && X509_digest(leaf, EVP_sha256(), out->fingerprint, &size) == 1;
    if (read) {
        take_emails(leaf, out);
        take_subject(leaf, out);
        out->why    = why_unusable(leaf, when);
        out->usable = !out->why;
        if (out->usable) out->why = why_unverified(chain, trust, when);
        out->verified = !out->why;
    }
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return read;
}
