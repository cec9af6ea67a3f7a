/* Connections. */
#include "net/internal.h"

void conn_drop_lingering(struct loop *l)
{
    l->lingering = NULL;
}
