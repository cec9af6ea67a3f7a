/* Role relay: takes one message for one destination at a time from the queue, finds the next hop (a smarthost, or MX by DNS), has
 * it signed (DKIM, keys in vault), sends it over SMTP with the transport security that the config demands, and answers with
 * one verdict per recipient. Holds nothing durable: what it has not answered, the queue still has. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "proc/proc.h"

role_main relay_main;

#endif
