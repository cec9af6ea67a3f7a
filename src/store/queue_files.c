/* Bodies that are files: drafts while they come in, then one file named as the message. Drafts have a name from the start, because
 * what runs in a changed root has no /proc to give a nameless file one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/queue.h"
#include "store/queue_parts.h"

enum { NAME_ROOM = QUEUE_ID_MOST + 8 };

/* A dot keeps it apart from every queue id. */
static void draft_name(uint64_t draft, char name[static NAME_ROOM])
{
    struct gp_text text = { .ptr = name, .room = NAME_ROOM - 1 };
    gp_put_z(&text, "draft.");
    gp_put_number(&text, (int64_t)draft);
    name[text.len] = '\0';
}

static bool body_name(gp_str queue_id, char name[static NAME_ROOM])
{
    if (queue_is_id(queue_id)) return gp_copy_z(queue_id, name, NAME_ROOM);
    errno = EINVAL;
    return false;
}

int queue_draft_open(struct queue_store *s, uint64_t draft)
{
    char name[NAME_ROOM];
    draft_name(draft, name);
    return openat(s->bodies, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
}

gp_status queue_draft_keep(struct queue_store *s, uint64_t draft, int fd, uint64_t size, gp_str queue_id)
{
    char        from[NAME_ROOM], to[NAME_ROOM];
    struct stat is;
    draft_name(draft, from);
    if (!body_name(queue_id, to)) return GP_PERMFAIL;
    if (fstat(fd, &is) != 0) return GP_TEMPFAIL;
    if ((uint64_t)is.st_size != size) return GP_PERMFAIL;
    if (fsync(fd) != 0) return GP_TEMPFAIL;
    /* Never over a file that is there: it would be another message's. */
    if (renameat2(s->bodies, from, s->bodies, to, RENAME_NOREPLACE) != 0) return GP_TEMPFAIL;
    if (fsync(s->bodies) != 0) {
        (void)unlinkat(s->bodies, to, 0);
        return GP_TEMPFAIL;
    }
    if (s->kept_count < FILES_KEPT_MOST && gp_copy_z(queue_id, s->kept[s->kept_count], sizeof s->kept[0]))
        s->kept_count++;
    return GP_OK;
}

static bool write_all(int fd, gp_str text)
{
    while (text.len) {
        ssize_t wrote = write(fd, text.ptr, text.len);
        if (wrote < 0) return false;
        text = gp_tail(text, (size_t)wrote);
    }
    return true;
}

gp_status queue_draft_write(struct queue_store *s, uint64_t draft, gp_str body, gp_str queue_id)
{
    int fd = queue_draft_open(s, draft);
    if (fd < 0) return GP_TEMPFAIL;
    gp_status status = write_all(fd, body) ? queue_draft_keep(s, draft, fd, body.len, queue_id) : GP_TEMPFAIL;
    (void)close(fd);
    return status;
}

void queue_draft_drop(struct queue_store *s, uint64_t draft)
{
    char name[NAME_ROOM];
    draft_name(draft, name);
    (void)unlinkat(s->bodies, name, 0);
}

int queue_body_open(struct queue_store *s, gp_str queue_id)
{
    char name[NAME_ROOM];
    return body_name(queue_id, name) ? openat(s->bodies, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
}

void queue_body_drop(struct queue_store *s, gp_str queue_id)
{
    char name[NAME_ROOM];
    if (body_name(queue_id, name)) (void)unlinkat(s->bodies, name, 0);
}

/* ---- the sweep ------------------------------------------------------------------------------------------------------ */
/* When in doubt it is wanted. */
static bool is_wanted(struct queue_store *s, gp_str name)
{
    if (!queue_is_id(name)) return false;
    auto_rows r = rows_of(s->db, "SELECT 1 FROM messages WHERE queue_id = ?");
    rows_bind_text(&r, name);
    return rows_next(&r) != GP_PERMFAIL;
}

/* A COMMIT that failed may be found on disk after a crash, until another one is there in its place: then its rows are there, or never will be. */
void queue_files_committed(struct queue_store *s)
{
    for (size_t i = 0; i < s->doubtful; i++)
        if (!is_wanted(s, gp_from(s->kept[i]))) queue_body_drop(s, gp_from(s->kept[i]));
    s->kept_count = s->doubtful = 0;
}

void queue_files_abandoned(struct queue_store *s)
{
    for (size_t i = s->doubtful; i < s->kept_count; i++) queue_body_drop(s, gp_from(s->kept[i]));
    s->kept_count = s->doubtful;
}

/* A draft of this process, which may be open, or the body of a message whose COMMIT may be found on disk after a crash. */
static bool is_ours(const struct queue_store *s, const struct queue_sweep *sweep, gp_str name)
{
    static const char draft[] = "draft.";
    uint64_t          number  = 0;
    for (size_t i = 0; i < s->kept_count; i++)
        if (gp_is(name, s->kept[i])) return true;
    return gp_starts(name, draft) && gp_read_number(gp_tail(name, sizeof draft - 1), INT64_MAX, &number) &&
           number > sweep->first && number <= sweep->last;
}

static bool open_bodies(struct queue_store *s)
{
    int fd = openat(s->bodies, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    s->swept = fdopendir(fd);
    if (!s->swept) (void)close(fd);
    return s->swept;
}

bool queue_sweep_on(struct queue_store *s, struct queue_sweep *sweep, size_t most)
{
    if (!s->swept && !open_bodies(s)) return false;
    for (size_t looks = 0; looks < most; looks++) {
        struct dirent *entry = readdir(s->swept);
        if (!entry) {
            queue_sweep_stop(s);
            return false;
        }
        gp_str name = gp_from(entry->d_name);
        if (entry->d_name[0] == '.' || is_ours(s, sweep, name) || is_wanted(s, name)) continue;
        if (unlinkat(s->bodies, entry->d_name, 0) == 0) sweep->removed++;
    }
    return true;
}

void queue_sweep_stop(struct queue_store *s)
{
    if (s->swept) (void)closedir(s->swept);
    s->swept = NULL;
}

size_t queue_sweep(struct queue_store *s)
{
    struct queue_sweep all = { 0 };
    (void)queue_sweep_on(s, &all, SIZE_MAX);
    return all.removed;
}

/* ---- the mark ------------------------------------------------------------------------------------------------------- */
#define MARK QUEUE_DATABASE ".damaged"

bool queue_is_marked(const struct queue_store *s)
{
    return faccessat(s->folder, MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

gp_status queue_mark(struct queue_store *s, bool damaged)
{
    if (damaged) {
        int fd = openat(s->folder, MARK, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
        if (fd < 0) return GP_TEMPFAIL;
        (void)close(fd);
    } else if (unlinkat(s->folder, MARK, 0) != 0 && errno != ENOENT) {
        return GP_TEMPFAIL;
    }
    return fsync(s->folder) == 0 ? GP_OK : GP_TEMPFAIL;
}

gp_status queue_space(const struct queue_store *s, uint64_t *octets)
{
    struct statvfs is;
    if (fstatvfs(s->bodies, &is) != 0) return GP_TEMPFAIL;
    return gp_mul((uint64_t)is.f_bavail, (uint64_t)is.f_frsize, octets) ? GP_OK : GP_TEMPFAIL;
}
