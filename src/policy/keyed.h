/* A short digest under a secret, for tables whose places strangers must not be able to choose: SipHash-2-4 (Aumasson and Bernstein,
 * 2012), some nanoseconds where an HMAC takes microseconds. Nothing is told to anybody by it and nothing secret goes in. Pure. */
#ifndef POLICY_KEYED_H
#define POLICY_KEYED_H

#include "base/base.h"

enum { KEYED_KEY = 16 };
uint64_t keyed_hash(const uint8_t key[static KEYED_KEY], gp_str data);

#endif
