/* Does a private key belong to a certificate chain's first certificate, and until when is that good? */
#include "crypto/crypto.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

#include "crypto/key.h"

enum { MILLISECONDS = 1000, CHAIN_MOST = 1 << 20 };

static gp_time expiry_of(const X509 *certificate)
{
    struct tm when = { 0 };
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1) return 0;
    return (gp_time)timegm(&when) * MILLISECONDS;
}

static X509 *first_certificate(gp_str pem)
{
    if (pem.len == 0 || pem.len > CHAIN_MOST) return NULL;
    BIO  *in    = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *first = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    BIO_free(in);
    return first;
}

bool gp_certificate_fits(gp_str chain_pem, const struct gp_key *key, gp_time *expires)
{
    X509 *leaf = first_certificate(chain_pem);
    bool  fits = leaf && X509_check_private_key(leaf, gp_key_of(key)) == 1;
    if (fits) *expires = expiry_of(leaf);
    X509_free(leaf);
    ERR_clear_error();
    return fits;
}
