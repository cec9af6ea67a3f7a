/* What a client wants of the server's certificate beyond an authority and a name: one of some TLSA records, or only to know. */
#include "tls/internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* ---- TLSA ---------------------------------------------------------------------------------------------------------------- */
bool gp_tls_expect_dane(struct gp_tls *t, const char *base)
{
    bool on = SSL_CTX_dane_enable(t->context->ssl) == 1 && SSL_dane_enable(t->ssl, base) == 1;
    /* RFC 7672 3.1.1: DANE-EE(3) says which key it is; whatever else the certificate says is not looked at. */
    if (on) (void)SSL_dane_set_flags(t->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    if (on) SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
    ERR_clear_error();
    t->expects = on;
    return on;
}

bool gp_tls_expect_name(struct gp_tls *t, const char *name)
{
    bool on = SSL_add1_host(t->ssl, name) == 1;
    ERR_clear_error();
    return on;
}

/* RFC 7672 3.1.3: usages 0 and 1 are not for SMTP. OpenSSL knows the lengths of digests, and reads certificates and keys. */
bool gp_tls_expect_record(struct gp_tls *t, gp_str octets)
{
    enum { HEAD = 3, USAGE_TA = 2, USAGE_EE = 3 };
    const uint8_t *o = (const uint8_t *)octets.ptr;
    if (octets.len <= HEAD || (o[0] != USAGE_TA && o[0] != USAGE_EE)) return false;
    bool fit = SSL_dane_tlsa_add(t->ssl, o[0], o[1], o[2], o + HEAD, octets.len - HEAD) == 1;
    ERR_clear_error();
    return fit;
}

bool gp_tls_fitting_record(const struct gp_tls *t, struct gp_tls_record *out)
{
    if (t->state != TLS_SHAKEN || !t->expects) return false;
    return SSL_get0_dane_tlsa(t->ssl, &out->usage, &out->selector, &out->matching, NULL, NULL) >= 0;
}

/* ---- verdicts -------------------------------------------------------------------------------------------------------------- */
void gp_tls_only_look(struct gp_tls *t)
{
    SSL_set_verify(t->ssl, SSL_VERIFY_NONE, NULL);
}

enum gp_tls_doubt gp_tls_doubt(const struct gp_tls *t)
{
    switch (SSL_get_verify_result(t->ssl)) {
    case X509_V_OK: return GP_TLS_NO_DOUBT;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return GP_TLS_OTHER_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return GP_TLS_OUT_OF_DATE;
    case X509_V_ERR_DANE_NO_MATCH: return GP_TLS_FITS_NO_RECORD;
    default: return GP_TLS_UNTRUSTED;
    }
}

const char *gp_tls_doubt_text(const struct gp_tls *t)
{
    return X509_verify_cert_error_string(SSL_get_verify_result(t->ssl));
}
