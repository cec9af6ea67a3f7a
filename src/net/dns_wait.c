/* Questions for who may block: a loop of its own that runs until the answer is there, which is copied and kept. */
#include "net/dns_records.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_ROOM = 20 * 1024, WHY_ROOM = 80, SILENT_MOST = 2 };

struct dns_waiter {
    struct loop *loop;
    struct dns  *dns;
    uint64_t     patience;
    unsigned     silent; /* questions in a row that nobody answered: then no more are asked, each would take as long */
    struct dns_answer answer;
    struct dns_record records[DNS_RECORDS_MOST];
    char              why[WHY_ROOM], room[TEXT_ROOM];
};

struct dns_waiter *dns_waiter_open_anchored(const char *server, const char *anchors, uint64_t patience_ms)
{
    struct dns_waiter *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->loop = loop_open();
    w->dns  = w->loop ? dns_open_anchored(w->loop, server, anchors) : NULL;
    if (!w->dns) {
        dns_waiter_close(w);
        return NULL;
    }
    dns_hush(w->dns);
    dns_set_patience(w->dns, patience_ms);
    w->patience = patience_ms;
    return w;
}

struct dns_waiter *dns_waiter_open(const char *server, uint64_t patience_ms)
{
    return dns_waiter_open_anchored(server, NULL, patience_ms);
}

static void keep(void *owner, const struct dns_answer *a)
{
    struct dns_waiter *w    = owner;
    struct gp_text     text = GP_TEXT(w->room);
    w->answer               = *a;
    w->answer.records       = w->records;
    w->answer.count         = 0;
    for (size_t i = 0; i < a->count; i++) {
        struct dns_record r = a->records[i];
        gp_put(&text, r.data);
        if (text.cut) break; /* they came out of as much room, so they fit */
        r.data.ptr                    = text.ptr + text.len - r.data.len;
        w->records[w->answer.count++] = r;
    }
    if (!gp_copy_z(gp_head(gp_from(a->why), WHY_ROOM - 1), w->why, WHY_ROOM)) w->why[0] = '\0';
    w->answer.why = w->why;
    loop_stop(w->loop);
}

struct dns_answer dns_wait(struct dns_waiter *w, gp_str name, enum dns_type type)
{
    gp_time since = wall_now();
    w->answer     = (struct dns_answer) { .status = GP_TEMPFAIL, .why = "nobody answers there" };
    if (w->silent < SILENT_MOST && dns_ask(w->dns, name, type, keep, w)) loop_run(w->loop);
    bool late = w->answer.status == GP_TEMPFAIL && wall_now() - since >= (gp_time)w->patience;
    w->silent = late ? w->silent + 1 : w->silent >= SILENT_MOST ? w->silent : 0;
    return w->answer;
}

void dns_waiter_close(struct dns_waiter *w)
{
    if (!w) return;
    dns_close(w->dns);
    if (w->loop) loop_close(w->loop);
    free(w);
}
