/* Random octets from the kernel, comparison in constant time, and passwords made of random letters. */
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>

void gp_random(void *out, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t got = getrandom((char *)out + done, len - done, 0);
        if (got > 0)
            done += (size_t)got;
        else if (got < 0 && errno != EINTR)
            abort(); /* going on with a guessable key would be worse */
    }
}

bool gp_matches(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

/* 26 letters of 5 bits make 130 bits, in groups of five and a last one of six. */
enum { LETTERS = 26, GROUP = 5, HYPHENS = 4 };
_Static_assert(LETTERS + HYPHENS + 1 <= GP_PASSWORD_ROOM, "a new password fits");

static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* none of 0 o 1 l: read aloud, typed on a printer */
_Static_assert(sizeof alphabet - 1 == 32, "five bits a letter");

void gp_new_password(char out[static GP_PASSWORD_ROOM])
{
    uint8_t octets[LETTERS];
    size_t  at = 0, hyphens = 0;
    gp_random(octets, sizeof octets);
    for (size_t i = 0; i < LETTERS; i++) {
        if (i && i % GROUP == 0 && hyphens++ < HYPHENS) out[at++] = '-';
        out[at++] = alphabet[octets[i] & 31];
    }
    out[at] = '\0';
    gp_wipe(octets, sizeof octets);
}

void gp_new_device_password(char out[static GP_DEVICE_PASSWORD_ROOM])
{
    uint8_t octets[GP_DEVICE_PASSWORD_ROOM - 1];
    gp_random(octets, sizeof octets);
    for (size_t i = 0; i < sizeof octets; i++) out[i] = alphabet[octets[i] & 31];
    out[sizeof octets] = '\0';
    gp_wipe(octets, sizeof octets);
}
