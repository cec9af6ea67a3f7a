/* Wiping of secrets. */
#include "base/base.h"

#include <string.h>

void gp_wipe(void *memory, size_t len)
{
    if (memory && len) explicit_bzero(memory, len);
}
