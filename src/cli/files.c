/* Files and directories as commands make and read them. */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

static bool failed(const char *path, const char *hint)
{
    cli_problem(path, strerror(errno), hint);
    return false;
}

bool file_path(const char *dir, const char *name, char out[static CONFIG_PATH])
{
    struct gp_text text = { .ptr = out, .room = CONFIG_PATH };
    gp_put_z(&text, dir);
    gp_put_char(&text, '/');
    gp_put_z(&text, name);
    gp_put_char(&text, '\0');
    if (text.cut) cli_problem(name, "the path is too long", "choose a shorter --dir");
    return !text.cut;
}

bool file_exists(const char *path)
{
    struct stat at;
    return lstat(path, &at) == 0;
}

/* One that was there: what others could read or own must not receive keys and mail. */
static bool take_dir(const char *path, int fd, unsigned mode)
{
    struct stat at;
    bool        is_private = (mode & (S_IRWXG | S_IRWXO)) == 0;
    if (fstat(fd, &at) != 0) return failed(path, NULL);
    if (!is_private) return true;
    if (at.st_uid != geteuid()) {
        cli_problem(path, "belongs to another user, who could read what is put there",
                    "move it away, or give it to yourself with chown if you trust what is in it");
        return false;
    }
    return fchmod(fd, (mode_t)mode) == 0 || failed(path, NULL);
}

bool file_make_dir(const char *path, unsigned mode)
{
    if (mkdir(path, (mode_t)mode) == 0)
        return chmod(path, (mode_t)mode) == 0 || failed(path, NULL); /* whatever the umask */
    int fd = errno == EEXIST ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) return failed(path, "choose another --dir, or make the directory above it first");
    bool taken = take_dir(path, fd, mode);
    (void)close(fd);
    return taken;
}

static bool write_all(int fd, gp_str content)
{
    while (content.len) {
        ssize_t written = write(fd, content.ptr, content.len);
        if (written < 0 && errno != EINTR) return false;
        if (written > 0) content = gp_tail(content, (size_t)written);
    }
    return fsync(fd) == 0;
}

bool file_write(const char *path, unsigned mode, gp_str content)
{
    char           room[CONFIG_PATH];
    struct gp_text draft = GP_TEXT(room);
    gp_put_z(&draft, path);
    gp_put(&draft, (gp_str) { ".new", sizeof ".new" }); /* with its NUL */
    if (draft.cut) {
        cli_problem(path, "the path is too long", NULL);
        return false;
    }
    (void)unlink(room); /* of a run that was interrupted */
    int fd = open(room, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) return failed(room, "is the directory yours to write to?");
    bool written = fchmod(fd, (mode_t)mode) == 0 && write_all(fd, content); /* whatever the umask */
    bool closed  = close(fd) == 0;
    if (written && closed && rename(room, path) == 0) return true;
    (void)failed(path, "is the disk full?");
    (void)unlink(room);
    return false;
}

bool file_write_key(const char *path, const struct gp_key *key)
{
    enum { PEM_ROOM = 8192 };
    char           room[PEM_ROOM];
    struct gp_text pem  = GP_TEXT(room);
    bool           made = gp_key_pem(key, &pem);
    if (!made) cli_problem(path, "the key could not be written", NULL);
    bool done = made && file_write(path, FILE_PRIVATE, gp_said(&pem));
    gp_wipe(room, sizeof room);
    return done;
}

static int open_to_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) (void)failed(path, errno == EACCES ? "be root, or the user that the set-up belongs to" : NULL);
    return fd;
}

bool file_opens(const char *path)
{
    int fd = open_to_read(path);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

bool file_read(const char *path, struct gp_text *text)
{
    int fd = open_to_read(path);
    if (fd < 0) return false;
    ssize_t got = 1;
    while (got > 0 && text->len < text->room) {
        got = read(fd, text->ptr + text->len, text->room - text->len);
        if (got > 0) text->len += (size_t)got;
    }
    close(fd);
    if (got < 0) return failed(path, NULL);
    if (text->len == text->room) cli_problem(path, "is too large", NULL);
    return text->len < text->room;
}
