/* Work for many users by root: each is one process that is that user and nobody else, several at a time, and none may hold up the others for
 * longer than it is given. One who is late is left behind, and goes on alone: he may be about to hear the server's last word. */
#ifndef CLI_SENDMAIL_USERS_H
#define CLI_SENDMAIL_USERS_H

#include <stdbool.h>
#include <sys/types.h>

enum { USERS_AT_ONCE = 8 };

struct users {
    unsigned most_seconds;                        /* for each                                  */
    void (*work)(const char *conf_path, uid_t);   /* in a process of its own, still as root    */
    const char *conf_path;
    struct users_slot { pid_t pid; long long until; } slots[USERS_AT_ONCE];
};
void users_begin(struct users *, uid_t);          /* waits until there is room for one more */
/* For each directory in DIR that is named by the number of who owns it, root's left out. */
void users_each(struct users *, const char *dir);
void users_wait(struct users *); /* until all are done or late */

#endif
