/* What a server's certificate says, for somebody who judges it. */
#include "crypto/crypto.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

enum { MILLISECONDS = 1000 };

static X509 *leaf_of(gp_str der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    return der.len > 0 && der.len <= INT32_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
}

static gp_time time_of(const ASN1_TIME *t)
{
    struct tm when = { 0 };
    return ASN1_TIME_to_tm(t, &when) == 1 ? (gp_time)timegm(&when) * MILLISECONDS : 0;
}

static bool is_weak(int digest)
{
    return digest == NID_md5 || digest == NID_sha1 || digest == NID_md4 || digest == NID_md2;
}

static void read_names(X509 *leaf, struct gp_certificate_facts *out)
{
    struct gp_text text  = { .ptr = out->names, .room = sizeof out->names - 1 };
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS) continue;
        if (text.len) gp_put_char(&text, ' ');
        gp_put(&text, (gp_str) { (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                                 (size_t)ASN1_STRING_length(name->d.dNSName) });
    }
    out->names_len = text.len;
    GENERAL_NAMES_free(names);
}

bool gp_certificate_read(gp_str der, struct gp_certificate_facts *out)
{
    X509 *leaf   = leaf_of(der);
    int   digest = NID_undef;
    *out         = (struct gp_certificate_facts) { 0 };
    if (leaf) {
        EVP_PKEY *key = X509_get0_pubkey(leaf);
        out->from     = time_of(X509_get0_notBefore(leaf));
        out->until    = time_of(X509_get0_notAfter(leaf));
        out->bits     = key ? (unsigned)EVP_PKEY_get_bits(key) : 0;
        out->is_rsa   = key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
        out->own      = X509_self_signed(leaf, 0) == 1;
        if (X509_get_signature_info(leaf, &digest, NULL, NULL, NULL) == 1) out->weak = is_weak(digest);
        read_names(leaf, out);
    }
    X509_free(leaf);
    ERR_clear_error();
    return leaf != NULL;
}

bool gp_certificate_is_for(gp_str der, gp_str name)
{
    char  z[256];
    X509 *leaf = gp_copy_z(name, z, sizeof z) ? leaf_of(der) : NULL;
    bool  fits = leaf && (X509_check_host(leaf, z, 0, 0, NULL) == 1 || X509_check_ip_asc(leaf, z, 0) == 1);
    X509_free(leaf);
    ERR_clear_error();
    return fits;
}

bool gp_certificate_first(gp_str der, uint8_t *fingerprint)
{
    unsigned size = 0;
    X509    *leaf = leaf_of(der);
    bool     read = leaf && X509_digest(leaf, EVP_sha256(), fingerprint, &size) == 1 && size == GP_PEER_FINGERPRINT;
    X509_free(leaf);
    ERR_clear_error();
    return read;
}
