/* Inside crypto only: what certificate.c needs of key.c. */
#ifndef GP_CRYPTO_KEY_H
#define GP_CRYPTO_KEY_H

#include <openssl/evp.h>

#include "crypto/crypto.h"

EVP_PKEY *gp_key_of(const struct gp_key *);                        /* still owned by the gp_key */
bool      gp_bio_into(BIO *, bool written, struct gp_text *out);   /* its content; frees it     */

#endif
