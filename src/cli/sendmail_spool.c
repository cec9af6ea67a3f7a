/* Mail that waits because the server was away. A directory of one user, 0700; a file a parcel, its envelope in lines and then the message.
 *
 *   name                what it is                                     after a crash
 *   .new-ID             being written: nobody was told that it is kept  removed by a later flush, once it is a day old
 *   ID                  kept; the caller was told so                    tried by the next flush
 *   ID.refused          refused for good, or for now and too old        stays, for its owner to look at; ID.why says why
 *
 * A flush holds the lock of the directory, so that no parcel is handed over twice at a time. One whose process dies between the server's
 * answer and the unlinking is sent again, as with any queue. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/sendmail.h"
#include "cli/sendmail_log.h"
#include "cli/sendmail_spool.h"
#include "cli/sendmail_users.h"
#include "crypto/crypto.h"

enum {
    DAY          = 24 * 60 * 60,
    KEPT_SECONDS = 5 * DAY /* RFC 5321 4.5.4.1 */,
    FLUSH_MOST   = 1000,
    FLUSH_BESIDE = 20 /* while somebody waits for his own message */,
    NAME_ROOM    = 80
};

static bool cannot(const struct sendmail_conf *c, const char *path, const char *what)
{
    cli_problem(path, what ? what : strerror(errno),
                c->spool_taken ? "the directory of this user's number in the common spool is somebody else's"
                               : "spool: DIR in sendmail.conf names another place");
    return false;
}

/* ---- the directory ------------------------------------------------------------------------------------------------------- */
static void make_directories(const char *path)
{
    char parent[CONFIG_PATH];
    (void)snprintf(parent, sizeof parent, "%s", path);
    for (char *slash = parent + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        (void)mkdir(parent, 0700); /* of a home: .local, .local/state */
        *slash = '/';
    }
}

/* Where all users have theirs in one, somebody else may have made ours: it must be our own, and closed to others. */
static int open_spool(const struct sendmail_conf *c, const char *path, bool make)
{
    struct stat at;
    if (make) make_directories(path);
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST) return cannot(c, path, NULL) - 1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return make ? cannot(c, path, NULL) - 1 : -1;
    bool own = fstat(fd, &at) == 0 && at.st_uid == geteuid() && (at.st_mode & (S_IRWXG | S_IRWXO)) == 0;
    if (own) return fd;
    close(fd);
    return cannot(c, path, "is not this user's alone") - 1;
}

/* Mail may wait where the common spool came later, or was somebody else's for a while. -1: there is no such place, or nothing in it. */
static int open_place(const struct sendmail_conf *c, size_t place)
{
    const char *const places[] = { c->spool_path, c->home_spool };
    bool              twice    = place > 0 && strcmp(c->spool_path, c->home_spool) == 0;
    return twice ? -1 : open_spool(c, places[place], false);
}
enum { PLACES = 2 };

/* ---- keeping ----------------------------------------------------------------------------------------------------------------- */
static bool write_all(int fd, gp_str octets)
{
    while (octets.len) {
        ssize_t n = write(fd, octets.ptr, octets.len);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) octets = gp_tail(octets, (size_t)n);
    }
    return true;
}

static bool write_parcel(int dir, const char *draft, const char *name, gp_str envelope, gp_str message)
{
    int  fd   = openat(dir, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool done = fd >= 0 && write_all(fd, envelope) && write_all(fd, message) && fsync(fd) == 0;
    if (fd >= 0) done = close(fd) == 0 && done;
    done = done && renameat(dir, draft, dir, name) == 0 && fsync(dir) == 0;
    if (!done) (void)unlinkat(dir, draft, 0);
    return done;
}

bool spool_keep(struct sendmail_conf *c, const struct parcel *p, enum handed how)
{
    struct gp_buffer envelope = { 0 };
    uint8_t          chance[8];
    char             id_room[64], name[64], draft[80];
    struct gp_text   id = { .ptr = id_room, .room = sizeof id_room - 1 };
    gp_random(chance, sizeof chance);
    gp_put_number(&id, time(NULL)); /* so that they sort as they came */
    gp_put_char(&id, '-');
    gp_put_hex(&id, (gp_str) { (const char *)chance, sizeof chance });
    id_room[id.len] = '\0';
    (void)snprintf(name, sizeof name, "%s", id_room);
    (void)snprintf(draft, sizeof draft, ".new-%s", id_room);
    int  dir = open_spool(c, c->spool_path, true);
    bool kept =
        dir >= 0 && spool_put_envelope(&envelope, p, how) &&
        (write_parcel(dir, draft, name, gp_buffer_all(&envelope), p->message) || cannot(c, c->spool_path, NULL));
    if (dir >= 0) close(dir);
    gp_buffer_free(&envelope);
    return kept;
}

/* ---- what is there ------------------------------------------------------------------------------------------------------------- */
static bool is_parcel(const char *name)
{
    return name[0] >= '0' && name[0] <= '9' && !strchr(name, '.');
}

static void sweep(int dir, const char *name)
{
    struct stat at;
    bool        draft = strncmp(name, ".new-", strlen(".new-")) == 0;
    if (draft && fstatat(dir, name, &at, AT_SYMLINK_NOFOLLOW) == 0 && at.st_mtime < time(NULL) - DAY)
        (void)unlinkat(dir, name, 0);
}

/* ---- flushing -------------------------------------------------------------------------------------------------------------------- */
static void set_aside(int dir, const char *name, const char *why)
{
    char refused[80], reason[80];
    (void)snprintf(refused, sizeof refused, "%s.refused", name);
    (void)snprintf(reason, sizeof reason, "%s.why", name);
    int fd = openat(dir, reason, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)write_all(fd, gp_from(why));
        close(fd);
    }
    (void)renameat(dir, name, dir, refused);
    sendmail_log(true, name, GP_LIT(""), 0, why);
}

struct flush {
    struct hand_over *h;
    int               dir;
    bool              told, away; /* told: somebody asked for it, and hears what happens */
    bool              crowded;    /* more wait than one flush takes                     */
    int               lost;       /* parcels at which the server was lost               */
};
enum flushed { FLUSHED, FLUSHED_LATER, FLUSHED_LOST, FLUSHED_STOP /* nothing more can be done now */ };

/* Those who are for later stay, in a file of their own, and the old one goes. */
static enum flushed settle(const struct flush *f, const char *name, struct parcel *p, enum handed how)
{
    bool some = false, never = how == HANDED_REFUSED, old = p->since < (long long)time(NULL) - KEPT_SECONDS;
    for (size_t i = 0; i < p->count; i++) {
        some  = some || is_for_later(&p->to[i], how);
        never = never || p->to[i].code / 100 == 5;
    }
    if (how == HANDED_LATER && !old && !never) return talk_works(f->h->talk) ? FLUSHED_LATER : FLUSHED_LOST;
    if (some && !old && !spool_keep(f->h->conf, p, how)) return FLUSHED_STOP;
    if (!never && !(some && old)) {
        sendmail_log(false, name, p->sender, p->count, "handed over");
        return unlinkat(f->dir, name, 0) == 0 ? FLUSHED : FLUSHED_STOP;
    }
    set_aside(f->dir, name, f->h->reason);
    return FLUSHED;
}

static enum flushed flush_one(const struct flush *f, const char *name)
{
    struct gp_buffer text    = { 0 };
    struct parcel    p       = { 0 };
    int              status  = EX_OK;
    enum flushed     flushed = FLUSHED;
    if (!spool_read(f->dir, name, &text, &p)) {
        set_aside(f->dir, name, "is no parcel that can be read");
    } else {
        enum handed how = hand_over(f->h, &p, &status);
        flushed         = settle(f, name, &p, how);
        if (f->told && how != HANDED_OVER) cli_problem(name, f->h->reason, NULL);
    }
    free(p.to);
    gp_buffer_free(&text);
    return flushed;
}

/* To the back, by its name. */
static bool put_back(const struct flush *f, const char *name, char last[static NAME_ROOM])
{
    const char *chance = strchr(name, '-');
    (void)snprintf(last, NAME_ROOM, "%lld%s", (long long)time(NULL), chance ? chance : "");
    return chance && renameat2(f->dir, name, f->dir, last, RENAME_NOREPLACE) == 0; /* over no other parcel */
}

/* One at which the server hangs up, each time, must not hold those behind it; nor must as many as one flush takes that are refused for now. */
static void leave(struct flush *f, const char *name, enum flushed flushed)
{
    char last[NAME_ROOM];
    bool lost = flushed == FLUSHED_LOST;
    f->lost += lost;
    if (!lost && !(flushed == FLUSHED_LATER && f->crowded)) return;
    if (put_back(f, name, last) && lost) sendmail_log(true, last, GP_LIT(""), 0, f->h->reason);
}

/* false: nothing more can be done now. The server is asked for first: what it says of us is no word about a parcel. */
static bool flush_name(struct flush *f, const char *name)
{
    enum { LOST_MOST = 3 };
    struct hand_over *h       = f->h;
    int               status  = EX_OK;
    enum flushed      flushed = FLUSHED_LOST;
    for (bool again = true; again && flushed == FLUSHED_LOST;) {
        again   = h->talk != NULL; /* a connection that has served before may have had its time: no fault of this one */
        f->away = hand_over_open(h, &status) != HANDED_OVER;
        if (f->away) return false;
        flushed = flush_one(f, name);
        if (!talk_works(h->talk)) hand_over_end(h);
    }
    leave(f, name, flushed);
    return flushed != FLUSHED_STOP && f->lost < (f->told ? LOST_MOST : 1);
}

static void flush_names(struct flush *f)
{
    struct dirent **names = NULL;
    int             count = spool_names(f->dir, &names), most = f->told ? FLUSH_MOST : FLUSH_BESIDE, done = 0;
    bool            more = true;
    f->crowded           = count > most;
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        if (is_parcel(name) && more && done++ < most) more = flush_name(f, name);
        sweep(f->dir, name);
        free(names[i]);
    }
    free(names);
}

int spool_flush(struct hand_over *h, bool told)
{
    struct flush f = { .h = h, .told = told };
    for (size_t i = 0; i < PLACES && !f.away; i++) {
        f.dir = open_place(h->conf, i);
        if (f.dir >= 0 && flock(f.dir, LOCK_EX | LOCK_NB) == 0) flush_names(&f);
        if (f.dir >= 0) close(f.dir);
    }
    if (told && f.away) cli_problem(h->conf->server, h->reason, "the mail stays until the server takes it");
    return f.away || f.lost ? EX_TEMPFAIL : EX_OK;
}

/* ---- root: for everybody ------------------------------------------------------------------------------------------------------------- */
/* In a process that is that user and nobody else: his files, his configuration, his password. */
static void flush_as(const char *conf_path, uid_t uid)
{
    static struct sendmail_conf c;
    const struct passwd        *who  = getpwuid(uid);
    bool                        self = who && initgroups(who->pw_name, who->pw_gid) == 0 &&
                setresgid(who->pw_gid, who->pw_gid, who->pw_gid) == 0 && setresuid(uid, uid, uid) == 0;
    struct hand_over h = { .conf = &c };
    if (!self || sendmail_conf_read(&c, conf_path) != EX_OK) _exit(EX_CONFIG);
    int status = spool_flush(&h, true);
    hand_over_end(&h);
    _exit(status);
}

/* All who have a directory in the usual spool, and in that of the host's own configuration. */
void spool_flush_all(const char *conf_path)
{
    enum { MINUTES_10 = 600 };
    static struct sendmail_conf c;
    struct users                u    = { .most_seconds = MINUTES_10, .work = flush_as, .conf_path = conf_path };
    const char                 *host = conf_path ? conf_path : sendmail_usual_conf;
    users_each(&u, sendmail_usual_spool);
    if (access(host, R_OK) == 0 && sendmail_conf_read(&c, host) == EX_OK && c.spool &&
        strcmp(c.spool, sendmail_usual_spool) != 0)
        users_each(&u, c.spool);
    users_wait(&u);
}

/* ---- the list ---------------------------------------------------------------------------------------------------------------------------- */
static int list_place(int dir)
{
    struct dirent **names = NULL;
    int             count = spool_names(dir, &names), shown = 0;
    for (int i = 0; i < count; i++) {
        shown += spool_show(dir, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    close(dir);
    return shown;
}

int spool_list(struct sendmail_conf *c)
{
    int shown = 0;
    for (size_t i = 0; i < PLACES; i++) {
        int dir = open_place(c, i);
        if (dir >= 0) shown += list_place(dir);
    }
    if (!shown) (void)puts("Mail queue is empty");
    return EX_OK;
}
