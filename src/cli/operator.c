/* Who runs a command, for the audit: the user of the process and, where the kernel remembers another (sudo, su), who signed in. */
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/user.h"

enum { NUMBER_ROOM = 16, OPERATOR_ROOM = 80 };

static void put_user(struct gp_text *out, uid_t uid)
{
    const struct passwd *user = getpwuid(uid);
    if (user)
        gp_put_z(out, user->pw_name);
    else
        gp_put_z(out, "uid ");
    if (!user) gp_put_number(out, uid);
}

/* Set once at sign-in, and not to be changed without privilege; false: there is none. */
static bool signed_in_as(uid_t *uid)
{
    enum { UNSET = 0xffffffff };
    char     room[NUMBER_ROOM];
    uint64_t number;
    int      fd  = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
    ssize_t  got = fd < 0 ? -1 : read(fd, room, sizeof room);
    if (fd >= 0) (void)close(fd);
    if (got <= 0 || !gp_read_number(gp_trim((gp_str) { room, (size_t)got }), UNSET, &number) || number == UNSET)
        return false;
    *uid = (uid_t)number;
    return true;
}

void cli_set_operator(struct database *db)
{
    char           room[OPERATOR_ROOM];
    struct gp_text text = GP_TEXT(room);
    uid_t          other;
    put_user(&text, geteuid());
    if (signed_in_as(&other) && other != geteuid()) {
        gp_put_z(&text, ", signed in as ");
        put_user(&text, other);
    }
    database_set_operator(db, gp_said(&text));
}
