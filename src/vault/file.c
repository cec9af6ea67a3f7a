/* Small files that hold keys: read whole, into memory that is wiped when it is given back. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/parts.h"

/* pread: another holder of the same descriptor may have moved its offset. */
static bool read_all(int fd, char *out, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = pread(fd, out + at, len - at, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += (size_t)got;
    }
    return true;
}

gp_str descriptor_read(int fd, size_t most)
{
    struct stat file;
    if (fd < 0 || fstat(fd, &file) != 0 || file.st_size <= 0 || (uint64_t)file.st_size > most) return GP_NONE;
    size_t len  = (size_t)file.st_size;
    char  *text = malloc(len);
    if (text && read_all(fd, text, len)) return (gp_str) { text, len };
    free(text);
    return GP_NONE;
}

gp_str file_first_line(gp_str text)
{
    gp_str line = gp_head(text, gp_find(text, '\n'));
    return line.len > 0 && line.ptr[line.len - 1] == '\r' ? gp_head(line, line.len - 1) : line;
}

void file_free(gp_str text)
{
    if (!text.ptr) return;
    gp_wipe((char *)text.ptr, text.len);
    free((char *)text.ptr);
}
