/* Role vault: the only process that holds what is worth stealing: accounts, the server's TLS keys, DKIM keys, the smarthost's
 * password or token. It answers questions: steps sign-ins for smtpd, makes TLS and DKIM signatures, signs in upstream for the relay; keys and
 * verifiers never leave it. Slow hashes run on pool threads, bounded in number; all else on the loop. */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "proc/proc.h"

role_main vault_main;

#endif
