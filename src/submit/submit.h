/* Role smtpd: takes mail from clients. Owns their connections, TLS records and SMTP sessions; asks vault who they are and what
 * they may send, and hands each message to queue, whose word is what a client hears after its final dot. Reads what
 * strangers send, so it holds nothing worth stealing: no private key, no password file, no store. */
#ifndef SUBMIT_SUBMIT_H
#define SUBMIT_SUBMIT_H

#include "proc/proc.h"

role_main submit_main;

#endif
