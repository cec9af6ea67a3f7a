/* The ways out of events: a page is appended to the file on a thread, for a disk may hang; or handed to the process that posts. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/events.h"
#include "queue/parts.h"

enum { ID_ROOM = 80 };

/* ---- the file, on the thread ------------------------------------------------------------------------------------------------- */
static bool write_all(int fd, gp_str octets)
{
    while (octets.len > 0) {
        ssize_t n = write(fd, octets.ptr, octets.len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        octets = gp_tail(octets, (size_t)n);
    }
    return true;
}

/* A crash may have cut the last line off: what is whole stays apart from it. */
static bool end_line(int fd, off_t size)
{
    char last = '\n';
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1) return false;
    return last == '\n' || write_all(fd, GP_LIT("\n"));
}

static void on_thread(void *job)
{
    struct receiver *r = job;
    struct events   *e = r->queue->events;
    struct stat      is;
    bool             sized = fstat(e->file, &is) == 0;
    bool             done =
        sized && end_line(e->file, is.st_size) && write_all(e->file, gp_said(&r->page)) && fdatasync(e->file) == 0;
    e->error = done ? 0 : errno;
    if (!done && sized && ftruncate(e->file, is.st_size) != 0)
        e->error = errno; /* no half lines while the disk is full */
    e->written = done ? GP_OK : GP_TEMPFAIL;
}

/* ---- the file, on the loop ---------------------------------------------------------------------------------------------------- */
static void take_next(struct events *e)
{
    if (e->next_file < 0) return;
    if (e->file >= 0) (void)close(e->file);
    e->file      = e->next_file;
    e->next_file = -1;
}

static void on_loop(void *job)
{
    struct receiver *r = job;
    struct events   *e = r->queue->events;
    take_next(e);
    events_answer(r, e->written, gp_from(e->error ? strerror(e->error) : ""), wall_now());
}

static bool post_to_file(struct receiver *r)
{
    return r->queue->events->file >= 0 && loop_work(r->queue->loop, on_thread, on_loop, r);
}

void receivers_take_file(struct queue *q, struct msg *m)
{
    struct events *e = q->events;
    if (!e || m->fds[0] < 0) return;
    if (e->next_file >= 0) (void)close(e->next_file);
    e->next_file = m->fds[0];
    m->fds[0]    = -1;
    if (!e->receivers[EVENTS_FILE].busy) take_next(e);
}

/* ---- the webhook ---------------------------------------------------------------------------------------------------------------- */
static void posted(void *owner, gp_status status, const struct msg *m)
{
    bool known = status == GP_OK && m->type == MSG_POSTED;
    events_answer(owner, known ? (gp_status)m->posted.status : GP_TEMPFAIL,
                  known ? m->posted.why : GP_LIT("its process has ended"), wall_now());
}

/* The same page, tried again, has the same name. */
static bool post_to_webhook(struct receiver *r)
{
    const struct events *e = r->queue->events;
    char                 room[ID_ROOM];
    struct gp_text       id = GP_TEXT(room);
    struct msg           m  = MSG(EVENTS);
    if (!e->webhook || !ipc_attached(e->webhook)) return false;
    gp_put_z(&id, e->house.chain);
    gp_put_char(&id, '-');
    gp_put_number(&id, r->first);
    gp_put_char(&id, '-');
    gp_put_number(&id, r->last);
    m.events = (struct msg_events) { .id = gp_said(&id), .body = gp_said(&r->page) };
    ipc_ask(e->webhook, &m, posted, r);
    return true;
}

static void unasked(void *owner, struct ipc *from, struct msg *m)
{
    (void)owner;
    (void)from;
    LOG(LOG_WARN, "ipc", LOG_Z("from", "lookup"), LOG_Z("unexpected", msg_name(m->type)));
}

static const struct ipc_handler handler = { unasked, NULL };

void receivers_take_webhook(struct queue *q, struct msg *m)
{
    struct events *e = q->events;
    if (!e || !q->config->events.webhook[0]) return;
    if (e->webhook)
        ipc_attach(e->webhook, m->fds[0]);
    else
        e->webhook = ipc_open(q->loop, m->fds[0], &handler, q);
    if (e->webhook) m->fds[0] = -1;
}

/* ---- both --------------------------------------------------------------------------------------------------------------------------- */
bool receivers_post(struct receiver *r)
{
    return r == &r->queue->events->receivers[EVENTS_FILE] ? post_to_file(r) : post_to_webhook(r);
}

void receivers_close(struct queue *q)
{
    if (!q->events) return;
    if (q->events->webhook) ipc_close(q->events->webhook);
    if (q->events->file >= 0 && !receivers_hang(q)) (void)close(q->events->file);
}

bool receivers_hang(const struct queue *q)
{
    return q->events && q->events->receivers[EVENTS_FILE].busy;
}
