/* The role lookup: one process asks one source of accounts outside the store (a file, a directory, a database, a service) for
 * vault. Asking blocks, so it happens on threads of the loop's pool; the loop keeps every promise about time: each question is
 * answered once, by its deadline at the latest, whatever the thread still does. It holds no secret but its own source's. */
#ifndef LOOKUP_LOOKUP_H
#define LOOKUP_LOOKUP_H

#include "proc/proc.h"

int lookup_main(const struct role_start *);

#endif
