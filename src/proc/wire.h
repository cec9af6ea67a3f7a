/* One packed message on one SOCK_SEQPACKET socket: what ipc (a role's loop) and the supervisor (poll) share. Nothing here waits.
 *
 *   octet 0   u32 type       all numbers little-endian
 *         4   u32 question   0: a statement; else the number that the asker gave
 *         8   u32 flags      WIRE_ANSWER: answers `question`
 *        12   u32 length     octets that follow
 *        16   the fields in the order of messages.h: a number is a u64, a slice a u32 length and its octets
 */
#ifndef PROC_WIRE_H
#define PROC_WIRE_H

#include "proc/messages.h"

enum { WIRE_HEAD = 16, WIRE_AT_FLAGS = 8, WIRE_ANSWER = 1 };

bool wire_pair(int pair[static 2]) GP_MUST_USE;  /* close-on-exec, non-blocking, room for MSG_MOST   */
void wire_room(int fd);                          /* the send buffer of one end raised, as far as may */
void wire_mark_answer(char *packed);
bool wire_is_answer(gp_str packed);              /* of a packet that msg_unpack accepted             */

/* OK; WAIT: the socket is full; TEMPFAIL: the far end is gone; PERMFAIL: this message cannot be sent at all. */
gp_status wire_send(int fd, gp_str packed, const int fds[static MSG_FDS_MOST]) GP_MUST_USE;
/* OK: *packed is in room and fds are the caller's to close (-1: none); WAIT: nothing there; TEMPFAIL: the far end is gone;
 * PERMFAIL: something that is no message came and was thrown away. */
gp_status wire_receive(int fd, char *room, size_t size, gp_str *packed, int fds[static MSG_FDS_MOST]) GP_MUST_USE;
void      wire_close_fds(int fds[static MSG_FDS_MOST]);

#endif
