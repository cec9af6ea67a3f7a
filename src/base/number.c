/* Decimal numbers out of text. */
#include "base/base.h"

bool gp_read_number(gp_str digits, uint64_t most, uint64_t *out)
{
    uint64_t number = 0;
    if (digits.len == 0) return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9') return false;
        if (!gp_mul(number, UINT64_C(10), &number)) return false;
        if (!gp_add(number, (uint64_t)(digits.ptr[i] - '0'), &number)) return false;
    }
    if (number > most) return false;
    *out = number;
    return true;
}
