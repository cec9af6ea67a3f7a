/* The vault asks for a sender what became of his mail, or has him change what of it waits: one page of lines for the reply, each a JSON object
 * in ASCII, so that a program can read it and a line of SMTP can hold it (RFC 5321 4.5.3.1.5). What the server itself holds back is the
 * administrator's: it is shown as held, and its sender cannot change that. */
#include "store/mine.h"

#include "queue/parts.h"
#include "smtp/smtp.h"

enum { LINE_MOST = 480, TEXT_MOST = 160, MOMENT_ROOM = 32 };

struct page {
    struct queue  *q;
    struct msg     said; /* MINE_IS */
    struct gp_text lines;
    char           room[GP_SMTP_LINES_MOST];
    size_t         count;
    int64_t        row;  /* of the message that was found; 0: it is done */
    bool           held; /* by the server */
    gp_time        now, release;
    unsigned       next; /* position of the recipient to go on with */
};

/* ---- lines ------------------------------------------------------------------------------------------------------------------- */
/* As \uXXXX, and a pair of those beyond U+FFFF (RFC 8259 7). */
static void put_escape(struct gp_text *out, unsigned unit)
{
    static const char digits[] = "0123456789abcdef";
    enum { NIBBLE = 4, TOP = 12, MASK = 15 };
    gp_put_z(out, "\\u");
    for (int shift = TOP; shift >= 0; shift -= NIBBLE) gp_put_char(out, digits[unit >> shift & MASK]);
}

static void put_code(struct gp_text *out, unsigned code)
{
    enum { BEYOND = 0x10000, HIGH = 0xd800, LOW = 0xdc00, HALF = 10, HALF_MASK = 0x3ff };
    if (code < BEYOND) {
        put_escape(out, code);
        return;
    }
    put_escape(out, HIGH + ((code - BEYOND) >> HALF));
    put_escape(out, LOW + ((code - BEYOND) & HALF_MASK));
}

/* JSON that is UTF-8, as audit_put_data makes it. */
static void put_ascii(struct gp_text *out, gp_str json)
{
    enum { ASCII = 0x80, TWO = 0xe0, THREE = 0xf0, TAIL = 0xc0, TAIL_BITS = 6, TAIL_MASK = 0x3f };
    for (size_t i = 0; i < json.len;) {
        unsigned char lead = (unsigned char)json.ptr[i++];
        if (lead < ASCII) {
            gp_put_char(out, (char)lead);
            continue;
        }
        unsigned code = lead < TWO ? lead & 0x1fU : lead < THREE ? lead & 0x0fU : lead & 0x07U;
        while (i < json.len && ((unsigned char)json.ptr[i] & TAIL) == ASCII)
            code = code << TAIL_BITS | ((unsigned char)json.ptr[i++] & TAIL_MASK);
        put_code(out, code);
    }
}

/* No character is cut in two. */
static gp_str shortened(gp_str text)
{
    enum { TAIL = 0xc0, LEAD = 0x80 };
    size_t len = text.len < TEXT_MOST ? text.len : TEXT_MOST;
    if (len == 0) return GP_NONE; /* is left out */
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & TAIL) == LEAD) len--;
    return gp_head(text, len);
}

static gp_str moment(gp_time when, char room[static MOMENT_ROOM])
{
    struct gp_text text = { .ptr = room, .room = MOMENT_ROOM };
    if (when == 0) return GP_NONE;
    gp_put_moment(&text, when);
    return gp_said(&text);
}

/* What has no room in a line is left out, and said so ("cut"): first what takes most in ASCII. false: the page is full. */
static bool put_line(struct page *p, const struct audit_field *fields)
{
    static const size_t rooms[] = { LINE_MOST, LINE_MOST / 2, LINE_MOST / 6 };
    char                json_room[LINE_MOST], room[LINE_MOST];
    struct gp_text      line = { 0 };
    for (size_t i = 0; i < GP_COUNT(rooms); i++) {
        struct gp_text json = { .ptr = json_room, .room = rooms[i] };
        line                = (struct gp_text)GP_TEXT(room);
        audit_put_data(&json, fields);
        put_ascii(&line, gp_said(&json));
        if (!line.cut) break;
    }
    size_t takes = (p->count + 1) * GP_SMTP_LINE_OVERHEAD + p->lines.len + line.len + 1;
    if (takes > p->lines.room) return false;
    gp_put(&p->lines, gp_said(&line));
    gp_put_char(&p->lines, '\n');
    p->count++;
    return true;
}

/* clang-format off */
#define LINE(p, ...) put_line((p), (const struct audit_field[]) { __VA_ARGS__, { NULL, { NULL, 0 }, 0, AUDIT_TEXT } })
#define IF(number, name) { (name), (number) ? GP_LIT("") : GP_NONE, (int64_t)(number), (number) ? AUDIT_NUMBER : AUDIT_TEXT }
/* clang-format on */

static const char *state_of(const struct mine_message *m)
{
    if (m->row == 0) return "done";
    return m->held ? "held" : "waiting";
}

static bool put_message(void *owner, const struct mine_message *m)
{
    struct page *p = owner;
    char         rooms[2][MOMENT_ROOM];
    p->row     = m->row;
    p->held    = m->held != 0;
    p->release = m->release;
    return LINE(p, AUDIT_Z("message", m->queue_id), AUDIT_Z("state", state_of(m)),
                AUDIT_S("arrived", moment(m->arrived, rooms[0])), AUDIT_S("envid", m->envid.len ? m->envid : GP_NONE),
                AUDIT_N("recipients", m->recipients), IF(m->waiting, "waiting"), IF(m->held, "held"),
                AUDIT_S("until", moment(m->release > p->now ? m->release : 0, rooms[1])),
                AUDIT_S("sender", shortened(m->sender)));
}

/* ---- the recipients of a message ------------------------------------------------------------------------------------------------ */
static bool put_recipient(void *owner, const struct queue_recipient *to)
{
    static const char *const  states[RECIPIENT_STATES] = { "waiting", "delivered", "failed", "held", "discarded" };
    struct page              *p                        = owner;
    const struct queue_reply *last                     = &to->last;
    char                      rooms[2][MOMENT_ROOM];
    bool                      waits = to->state == RECIPIENT_QUEUED, known = to->state < RECIPIENT_STATES;
    p->next = to->position;
    if (!LINE(p, AUDIT_S("to", to->address), AUDIT_Z("state", known ? states[to->state] : "unknown"),
              AUDIT_N("attempts", to->attempts), AUDIT_S("next", moment(waits ? to->due : 0, rooms[0])),
              AUDIT_S("when", moment(last->when, rooms[1])), IF(last->code, "code"),
              AUDIT_S("status", shortened(last->enhanced)), AUDIT_S("tls", shortened(last->tls)),
              AUDIT_S("remote", shortened(last->remote)), AUDIT_S("reply", shortened(last->text))))
        return false;
    p->next = 0;
    return true;
}

static bool put_end(void *owner, const struct mine_end *e)
{
    char rooms[MOMENT_ROOM];
    return LINE(owner, AUDIT_S("to", e->to.len ? e->to : GP_NONE), AUDIT_S("state", e->event),
                IF(e->attempts, "attempts"), AUDIT_S("when", moment(e->when, rooms)), IF(e->code, "code"),
                AUDIT_S("status", shortened(e->status)), AUDIT_S("tls", shortened(e->tls)),
                AUDIT_S("remote", shortened(e->remote)), AUDIT_S("reply", shortened(e->reply)));
}

/* Two pages may tell of one message before and after it was done: then a recipient may be named twice, and none is left out. The place of
 * either is said with the kind that it is of in its lowest bit. */
enum { OF_AUDIT = 1, KINDS = 2 };

static gp_status show(struct page *p, const struct mine_scope *of, gp_str id, int64_t *after)
{
    int64_t   at     = *after / KINDS;
    bool      first  = *after == 0;
    gp_status status = mine_find(p->q->store, of, id, put_message, p);
    if (status != GP_OK) return status;
    if (!first) p->lines.len = p->count = 0; /* has been said with the first page */
    bool done = p->row == 0;
    if (done != (*after % KINDS == OF_AUDIT)) at = 0;
    if (done) {
        status = mine_ends(p->q->store, id, &at, put_end, p);
        *after = at ? at * KINDS + OF_AUDIT : 0;
        return status;
    }
    status = queue_visit_recipients(p->q->store, p->row, (unsigned)at, put_recipient, p);
    *after = (int64_t)p->next * KINDS;
    return status;
}

/* ---- changes --------------------------------------------------------------------------------------------------------------------- */
static bool wake(void *owner, const struct queue_recipient *to)
{
    struct page *p = owner;
    if (to->state == RECIPIENT_QUEUED) (void)lanes_wake(&p->q->lanes, to->destination, p->now, p->now);
    return true;
}

static gp_status commit(struct page *p, enum queue_change change, gp_str id, bool *changed)
{
    struct queue *q = p->q;
    batch_flush(q, p->now); /* so that all of the transaction is ours */
    if (queue_is_open(q->store)) return GP_TEMPFAIL;
    gp_status status = queue_begin(q->store);
    if (status == GP_OK) status = queue_alter_by(q->store, GP_LIT("its sender"), change, id, p->now, changed);
    if (status == GP_OK && *changed) return queue_commit(q->store);
    queue_abandon(q->store);
    return status;
}

static void say(struct page *p, const char *text)
{
    p->said.mine_is.text = gp_from(text);
}

static gp_status no(struct page *p, const char *text)
{
    p->said.mine_is.code     = 550;
    p->said.mine_is.enhanced = GP_LIT("5.0.0");
    p->said.mine_is.text = p->said.mine_is.why = gp_from(text);
    return GP_PERMFAIL;
}

static gp_status change(struct page *p, const struct mine_scope *of, gp_str id, bool cancels)
{
    bool      changed = false;
    gp_status status  = mine_find(p->q->store, of, id, put_message, p);
    p->lines.len = p->count = 0;
    if (status != GP_OK) return status;
    if (p->row == 0) return no(p, "nothing of it waits any more");
    if (p->held) return no(p, "the server holds it, its administrator decides");
    if (!cancels && p->release <= p->now) return no(p, "its sender does not hold it back, it goes as soon as it can");
    status = commit(p, cancels ? QUEUE_DELETE : QUEUE_SEND, id, &changed);
    if (status != GP_OK) return status;
    LOG(LOG_INFO, "queue", LOG_S("queue_id", id), LOG_Z("result", cancels ? "cancelled" : "released"),
        LOG_Z("reason", "its sender asked for it"));
    if (!cancels) status = queue_visit_recipients(p->q->store, p->row, 0, wake, p);
    say(p, cancels ? "cancelled" : "it goes now");
    return status;
}

/* ---- the question ------------------------------------------------------------------------------------------------------------------ */
static gp_status answer(struct page *p, const struct msg_mine_of *m, int64_t *after)
{
    struct mine_scope of = { (int64_t)m->account, (int64_t)m->credential };
    switch (m->verb) {
    case GP_MINE_LIST: return mine_list(p->q->store, &of, after, put_message, p);
    case GP_MINE_RECENT: return mine_recent(p->q->store, &of, GP_NONE, after, put_message, p);
    case GP_MINE_ENVID: return mine_recent(p->q->store, &of, m->name, after, put_message, p);
    case GP_MINE_SHOW: return queue_is_id(m->name) ? show(p, &of, m->name, after) : GP_PERMFAIL;
    case GP_MINE_CANCEL:
    case GP_MINE_SEND:
        *after = 0;
        return queue_is_id(m->name) ? change(p, &of, m->name, m->verb == GP_MINE_CANCEL) : GP_PERMFAIL;
    default: return GP_PERMFAIL;
    }
}

void mine_take(struct queue *q, struct asker asker, const struct msg *m, gp_time now)
{
    struct page p     = { .q = q, .said = MSG(MINE_IS), .now = now };
    int64_t     after = (int64_t)m->mine_of.after;
    bool        sound = m->mine_of.after <= INT64_MAX && m->mine_of.account <= INT64_MAX && m->mine_of.account > 0 &&
                 m->mine_of.credential <= INT64_MAX;
    p.lines          = (struct gp_text)GP_TEXT(p.room);
    gp_status status = sound ? answer(&p, &m->mine_of, &after) : GP_PERMFAIL;
    if (status == GP_TEMPFAIL) store_trouble(q, "to tell a sender of his mail");
    p.said.mine_is.status = (uint64_t)status;
    p.said.mine_is.lines  = status == GP_OK ? gp_said(&p.lines) : GP_LIT("");
    p.said.mine_is.after  = status == GP_OK ? (uint64_t)after : 0;
    q->exits->answer(q, asker, &p.said);
}
