/* The walls of the sandbox, one file each; sandbox.c calls them in the order in which they can still be put up. */
#ifndef PROC_SANDBOX_H
#define PROC_SANDBOX_H

#include "proc/messages.h"
#include "proc/proc.h"

enum { SANDBOX_VIOLATION = 159 }; /* exit status of a role that made a system call it may not make: 128 + SIGSYS */

/* Landlock: which files, and no TCP but for relay. true also when the kernel has none: said once in the log. */
/* needs: of lookup; NULL for the others. */
bool sandbox_files(enum msg_role, bool may_open_files, const struct sandbox_needs *) GP_MUST_USE;
/* seccomp: which system calls. true also in sanitised builds, which need more than the list allows: said in the log. */
bool sandbox_calls(enum msg_role, const struct sandbox_needs *) GP_MUST_USE;
bool sandbox_calls_built_in(void);

#endif
