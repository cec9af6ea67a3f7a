/* The hosts file (hosts(5)): read anew for each question, so that a change needs no restart; what cannot be read knows no host. */
#include "net/net.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { HOSTS_LINE = 4096 };

static void blanks_and_comment(char *line)
{
    line[strcspn(line, "#\n")] = '\0';
    for (char *p = line; *p; p++)
        if (*p == '\t' || *p == '\r' || *p == '\v' || *p == '\f') *p = ' ';
}

/* address name name ... */
static bool is_of(gp_str line, gp_str name, uint16_t port, struct sockaddr_storage *out)
{
    gp_str address = gp_word(&line);
    if (!address_read(address, port, out)) return false;
    while (line.len > 0)
        if (gp_alike(gp_word(&line), name)) return true;
    return false;
}

size_t hosts_find(const char *path, gp_str name, uint16_t port, struct sockaddr_storage *out, size_t room)
{
    char   line[HOSTS_LINE];
    size_t count = 0;
    bool   begun = false; /* this is the rest of a line that is too long: it is no line of its own */
    FILE  *file  = name.len > 0 ? fopen(path, "re") : NULL;
    while (file && count < room && fgets(line, sizeof line, file)) {
        bool rest = begun;
        begun     = !strchr(line, '\n');
        blanks_and_comment(line);
        if (!rest && is_of(gp_from(line), name, port, &out[count])) count++;
    }
    if (file) (void)fclose(file);
    return count;
}
