/* Role queue: owns the durable queue (store/queue), its schedule and its audit. Takes messages from the smtpds and answers once they
 * are on stable storage, hands what is due to the relay, and turns outcomes into deliveries, retries, delay notices and bounces. All
 * that arrived in one turn of the loop is one transaction. Faces no network, holds no credential. */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "proc/proc.h"

role_main queue_main;

#endif
