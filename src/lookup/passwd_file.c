/* A file with a line NAME:HASH[:...] for each user, as htpasswd and Dovecot write them. It is read again when it has changed, and
 * asked by one seat, so that it is kept once. It only gives hashes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lookup/parts.h"
#include "lookup/passwd_lines.h"

enum { FILE_MOST = 64 * 1024 * 1024 };

struct file { /* the seat */
    struct stat seen;
    size_t      len;
    char       *text; /* NULL: not read yet */
};

static void drop(struct file *f)
{
    if (f->text) gp_wipe(f->text, f->len);
    free(f->text);
    f->text = NULL;
}

static void leave(void *seat)
{
    drop(seat);
    free(seat);
}

/* Whoever changes it should put a new file in its place; one that is written over may be seen half done, until the next look. */
static bool is_the_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0 &&
           memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim) == 0;
}

static const char *read_all(struct file *f, int fd, const struct stat *is)
{
    if (!S_ISREG(is->st_mode)) return "it is no file";
    if (is->st_size > FILE_MOST) return "it is too large";
    drop(f);
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

static const char *refresh(struct file *f, const char *path)
{
    struct stat is;
    int         fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return strerror(errno);
    const char *wrong = fstat(fd, &is) != 0 ? strerror(errno) : NULL;
    if (!wrong && (!f->text || !is_the_same(&is, &f->seen))) wrong = read_all(f, fd, &is);
    if (wrong) drop(f);
    (void)close(fd);
    return wrong;
}

static void ask(const struct source *s, void **seat, struct question *q)
{
    struct file *f = *seat ? *seat : calloc(1, sizeof *f);
    gp_str       hash;
    *seat             = f;
    const char *wrong = f ? refresh(f, s->path) : "no memory";
    if (wrong)
        question_failed(q, "the file cannot be read", wrong);
    else if (passwd_find((gp_str) { f->text, f->len }, gp_from(q->user), &hash))
        question_hash(q, hash);
    else
        question_refuse(q, false, "no such user in the file");
}

/* Its directory: a new file may take the place of the old one. */
static void needs(const struct source *s, struct sandbox_needs *out)
{
    static char directory[CONFIG_PATH];
    const char *slash = strrchr(s->path, '/');
    (void)gp_copy_z(slash > s->path ? (gp_str) { s->path, (size_t)(slash - s->path) } : GP_LIT("/"), directory,
                    sizeof directory);
    out->reads[0] = directory;
}

const struct source_type source_passwd_file = { .one_seat = true, .needs = needs, .ask = ask, .leave = leave };
