/* What looks at the own set-up shares. */
#ifndef PROBE_HOUSE_H
#define PROBE_HOUSE_H

#include "probe/parts.h"

enum { PROBE_BACKUP_DAYS = 2 };
void house_backup(struct probe_run *); /* backup.c */

#endif
