/* A file system layer between SQLite and its own: of the write-ahead log it joins writes that follow each other (a frame is a header of 24
 * octets and a page; a commit has many frames) into one. All other files go to SQLite's own layer as they are.
 *
 * What is gathered leaves before anything else is done with the file, and when a frame is whole whose header says that it ends a transaction:
 * so the log in the file is never behind what SQLite tells other processes of it (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). */
#include "store/wal.h"

#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "base/base.h"

enum { GATHER_MOST = 128 * 1024, FRAME_HEADER = 24, COMMIT_AT = 4, COMMIT_SIZE = 4 };

struct gathered {
    sqlite3_file  file; /* first: SQLite sees only this */
    sqlite3_int64 at;   /* where in the file what is gathered belongs */
    size_t        len;
    bool          commits; /* the frame that is being written ends a transaction */
    char         *room;    /* GATHER_MOST, from the first write on; NULL: none yet */
    sqlite3_file *below;   /* stands behind this struct */
};

static sqlite3_vfs *below; /* SQLite's own layer */
static sqlite3_vfs  layer; /* zName NULL: it could not be made */

static struct gathered *of(sqlite3_file *file)
{
    return (struct gathered *)file;
}

/* What could not be written is dropped: the transaction that it belongs to fails, and nobody asks for it again. */
static int flush(struct gathered *g)
{
    int len = (int)g->len;
    g->len  = 0;
    return len ? g->below->pMethods->xWrite(g->below, g->room, len, g->at) : SQLITE_OK;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */
static bool is_commit(const void *header, int len)
{
    static const char none[COMMIT_SIZE];
    return len == FRAME_HEADER && memcmp((const char *)header + COMMIT_AT, none, COMMIT_SIZE) != 0;
}

static bool have_room(struct gathered *g)
{
    if (!g->room) g->room = sqlite3_malloc(GATHER_MOST);
    return g->room != NULL;
}

static int write_past(struct gathered *g, const void *octets, int len, sqlite3_int64 at)
{
    int code = flush(g);
    return code == SQLITE_OK ? g->below->pMethods->xWrite(g->below, octets, len, at) : code;
}

static int wal_write(sqlite3_file *file, const void *octets, int len, sqlite3_int64 at)
{
    struct gathered *g     = of(file);
    bool             ended = g->commits && len != FRAME_HEADER;
    int              code  = SQLITE_OK;
    g->commits             = is_commit(octets, len);
    if (len < 0 || len > GATHER_MOST || !have_room(g)) return write_past(g, octets, len, at);
    if (g->len && (at != g->at + (sqlite3_int64)g->len || g->len + (size_t)len > GATHER_MOST)) code = flush(g);
    if (code != SQLITE_OK) return code;
    if (g->len == 0) g->at = at;
    memcpy(g->room + g->len, octets, (size_t)len);
    g->len += (size_t)len;
    return ended ? flush(g) : SQLITE_OK;
}

/* ---- all else sees the file as it was written ------------------------------------------------------------------------ */
static int wal_close(sqlite3_file *file)
{
    struct gathered *g     = of(file);
    int              first = flush(g), second = g->below->pMethods->xClose(g->below);
    sqlite3_free(g->room);
    g->room = NULL;
    return first == SQLITE_OK ? second : first;
}

static int wal_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    int code = flush(of(file));
    return code == SQLITE_OK ? of(file)->below->pMethods->xRead(of(file)->below, out, len, at) : code;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 len)
{
    int code = flush(of(file));
    return code == SQLITE_OK ? of(file)->below->pMethods->xTruncate(of(file)->below, len) : code;
}

static int wal_sync(sqlite3_file *file, int how)
{
    int code = flush(of(file));
    return code == SQLITE_OK ? of(file)->below->pMethods->xSync(of(file)->below, how) : code;
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *out)
{
    int code = flush(of(file));
    return code == SQLITE_OK ? of(file)->below->pMethods->xFileSize(of(file)->below, out) : code;
}

static int wal_control(sqlite3_file *file, int what, void *argument)
{
    int code = flush(of(file));
    return code == SQLITE_OK ? of(file)->below->pMethods->xFileControl(of(file)->below, what, argument) : code;
}

/* A log is never locked, but SQLite asks for these of every file. */
static int wal_lock(sqlite3_file *file, int how)
{
    return of(file)->below->pMethods->xLock(of(file)->below, how);
}

static int wal_unlock(sqlite3_file *file, int how)
{
    return of(file)->below->pMethods->xUnlock(of(file)->below, how);
}

static int wal_is_reserved(sqlite3_file *file, int *out)
{
    return of(file)->below->pMethods->xCheckReservedLock(of(file)->below, out);
}

static int wal_sector(sqlite3_file *file)
{
    return of(file)->below->pMethods->xSectorSize(of(file)->below);
}

static int wal_traits(sqlite3_file *file)
{
    return of(file)->below->pMethods->xDeviceCharacteristics(of(file)->below);
}

static const sqlite3_io_methods methods = {
    .iVersion               = 1, /* nothing of the later ones is used of a log */
    .xClose                 = wal_close,
    .xRead                  = wal_read,
    .xWrite                 = wal_write,
    .xTruncate              = wal_truncate,
    .xSync                  = wal_sync,
    .xFileSize              = wal_size,
    .xLock                  = wal_lock,
    .xUnlock                = wal_unlock,
    .xCheckReservedLock     = wal_is_reserved,
    .xFileControl           = wal_control,
    .xSectorSize            = wal_sector,
    .xDeviceCharacteristics = wal_traits,
};

/* ---- opening ----------------------------------------------------------------------------------------------------------- */
static int layer_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL)) return below->xOpen(below, path, file, flags, out_flags);
    struct gathered *g = of(file);
    *g                 = (struct gathered) { .below = (sqlite3_file *)(void *)(g + 1) };
    int code           = below->xOpen(below, path, g->below, flags, out_flags);
    if (code == SQLITE_OK) g->file.pMethods = &methods;
    return code;
}

static void add_layer(void)
{
    below = sqlite3_vfs_find(NULL);
    if (!below || below->szOsFile > INT_MAX - (int)sizeof(struct gathered)) return;
    layer          = *below;
    layer.pNext    = NULL;
    layer.szOsFile = (int)sizeof(struct gathered) + below->szOsFile;
    layer.xOpen    = layer_open;
    layer.zName    = "gatepost";
    if (sqlite3_vfs_register(&layer, false) != SQLITE_OK) layer.zName = NULL;
}

const char *wal_layer(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, add_layer);
    return layer.zName;
}
