/* A look at a file: its metadata say whether it is the one whose text is kept; if not, all of it is read, and what cannot be is not kept. */
#include "lookup/file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lookup/parts.h"

void file_text_drop(struct file_text *f)
{
    if (f->text) gp_wipe(f->text, f->len);
    free(f->text);
    f->text = NULL;
}

/* Whoever changes it should put a new file in its place; one that is written over may be seen half done, until the next look. */
static bool is_the_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0 &&
           memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim) == 0;
}

static const char *read_all(struct file_text *f, int fd, const struct stat *is, size_t most)
{
    if (!S_ISREG(is->st_mode)) return "it is no file";
    if (is->st_size < 0 || (uint64_t)is->st_size > most) return "it is too large";
    file_text_drop(f);
    f->text = malloc((size_t)is->st_size + 1);
    if (!f->text) return "no memory";
    f->len = 0;
    while (f->len < (size_t)is->st_size) {
        ssize_t n = read(fd, f->text + f->len, (size_t)is->st_size - f->len);
        if (n == 0) break; /* cut meanwhile: the next look sees that */
        if (n < 0) return strerror(errno);
        f->len += (size_t)n;
    }
    f->seen = *is;
    return NULL;
}

const char *file_text_look(struct file_text *f, const char *path, size_t most, bool *changed)
{
    struct stat is    = { 0 };
    int         fd    = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *wrong = fd < 0 || fstat(fd, &is) != 0 ? strerror(errno) : NULL;
    bool        again = !wrong && (!f->text || !is_the_same(&is, &f->seen));
    if (again) wrong = read_all(f, fd, &is, most);
    if (wrong) file_text_drop(f);
    if (changed) *changed = again && !wrong;
    if (fd >= 0) (void)close(fd);
    return wrong;
}

const char *file_text_directory(const char *path)
{
    static char directory[CONFIG_PATH];
    const char *slash = strrchr(path, '/');
    (void)gp_copy_z(slash > path ? (gp_str) { path, (size_t)(slash - path) } : GP_LIT("/"), directory,
                    sizeof directory);
    return directory;
}
