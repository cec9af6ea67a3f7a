/* What is known of clients that people use: a row for each. */
#ifndef PROBE_CLIENTS_H
#define PROBE_CLIENTS_H

#include "probe/parts.h"

struct client {
    const char *name, *what, *hello, *mechanisms; /* in the order in which it prefers them */
    const char *source;                           /* where that is from                    */
    int         newest;                           /* the only version of TLS that it speaks; 0: those of today */
    bool        no_name;    /* no SNI                                      */
    bool        no_initial; /* never says anything behind AUTH's mechanism */
    bool        equals;     /* reads AUTH= too                             */
    bool        pipelines;  /* says MAIL and what follows at once, where it may */
    bool        helo, in_clear;
};
extern const struct client probe_clients[]; /* a NULL name ends them */

#endif
