/* SipHash-2-4 against the values that its authors published with it. */
#include "policy/keyed.h"

#include "check.h"

TEST(keyed_hash_is_siphash)
{
    static const uint64_t wanted[] = { [0]  = 0x726fdb47dd0e0e31U,
                                       [1]  = 0x74f839c593dc67fdU,
                                       [7]  = 0xab0200f58b01d137U,
                                       [8]  = 0x93f5f5799a932462U,
                                       [15] = 0xa129ca6149be45e5U };
    uint8_t               key[KEYED_KEY];
    char                  data[16];
    for (unsigned i = 0; i < sizeof(key); i++) key[i] = (uint8_t)i;
    for (unsigned i = 0; i < sizeof(data); i++) data[i] = (char)i;
    for (size_t i = 0; i < GP_COUNT(wanted); i++)
        if (wanted[i]) CHECK(keyed_hash(key, (gp_str) { data, i }) == wanted[i]);
}
