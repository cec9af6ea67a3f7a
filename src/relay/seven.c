/* A message in 7 bits, for a next hop without 8BITMIME (RFC 6152 3). It is converted when it is read, as often as it is read: nothing of
 * it is kept. Once in 7 bits it stays so, since every other next hop takes it, too. What reads all of it does so in portions.
 *
 *   UNASKED    no next hop was without 8BITMIME yet
 *   LOOKS      whether it can be converted              it is 7 bits as it is: DONE; it can: STARTS; it can not: FAILED
 *   STARTS     in the next turn its signatures are made anew, over what is sent
 *   SIGNS      sign.c is asked                          delivery_signed: DONE where that has read all of it; else MEASURES
 *   MEASURES   its size is counted                      DONE
 *   DONE       as the next hop takes it
 *   FAILED     as `why` says
 */
#include <string.h>

#include "relay/parts.h"

static bool hold(void *owner, gp_str piece)
{
    struct delivery *d = owner;
    return gp_buffer_add(&d->seven.held, piece, SEVEN_HELD_MOST);
}

static void start(struct delivery *d)
{
    gp_buffer_free(&d->seven.held);
    d->seven.in_at = d->seven.at = 0;
    d->seven.ended               = false;
    gp_seven_start(d->seven.gp, (struct gp_sink) { hold, d });
}

/* The next piece of the message, converted, into `held`. */
static bool convert_some(struct delivery *d)
{
    char   piece[SEVEN_READ];
    size_t got = 0;
    if (!stored_read(d, d->seven.in_at, piece, sizeof piece, &got)) return false;
    d->seven.in_at += got;
    d->seven.ended   = !got;
    gp_status status = got ? gp_seven_add(d->seven.gp, (gp_str) { piece, got }) : gp_seven_end(d->seven.gp);
    return status == GP_OK;
}

bool seven_read(struct delivery *d, uint64_t at, char *out, size_t room, size_t *got)
{
    if (at == 0) start(d);
    if (at != d->seven.at) return false;
    while (!d->seven.held.len && !d->seven.ended)
        if (!convert_some(d)) return false;
    gp_str piece = gp_head(gp_buffer_all(&d->seven.held), room);
    *got         = piece.len;
    if (!piece.len) {
        d->seven.size = at;
        return true;
    }
    memcpy(out, piece.ptr, piece.len);
    gp_buffer_took(&d->seven.held, piece.len);
    d->seven.at += piece.len;
    return true;
}

/* ---- whether, and how large ------------------------------------------------------------------------------------- */
static void fail(struct delivery *d, struct gp_reply why)
{
    d->seven.state = SEVEN_FAILED;
    d->seven.why   = why;
    seven_close(d);
}

static void judge(struct delivery *d)
{
    const char      *hurdle = NULL;
    gp_status        status = gp_seven_end(d->seven.gp);
    enum gp_seven_is is     = gp_seven_is(d->seven.gp, &hurdle);
    (void)status; /* it says no more than this does */
    d->seven.state = is == GP_SEVEN_CAN ? SEVEN_STARTS : SEVEN_DONE;
    if (is == GP_SEVEN_ALREADY) seven_close(d);
    if (is == GP_SEVEN_CAN_NOT) fail(d, (struct gp_reply) { 554, "5.6.3", hurdle });
}

/* What cannot be read is told where the message is sent. */
static void look_some(struct delivery *d)
{
    char      piece[SEVEN_READ];
    size_t    got    = 1;
    gp_status status = GP_OK;
    for (size_t left = READ_AT_ONCE; left && got && status == GP_OK; left -= got) {
        if (!stored_read(d, d->seven.in_at, piece, sizeof piece, &got)) got = 0;
        if (got) status = gp_seven_add(d->seven.gp, (gp_str) { piece, got });
        d->seven.in_at += got;
    }
    if (!got || status != GP_OK) judge(d);
}

/* To its end, where seven_read sees the size. */
static void measure_some(struct delivery *d)
{
    char   piece[SEVEN_READ];
    size_t got = 1;
    for (size_t left = READ_AT_ONCE; left && got; left -= got)
        if (!seven_read(d, d->seven.at, piece, sizeof piece, &got))
            return fail(d, (struct gp_reply) { 451, "4.3.0", "the message could not be read from the queue" });
    if (!got) d->seven.state = SEVEN_DONE;
}

/* A hop of another host may have come meanwhile, which asks itself once it is ready. */
static void go_on(struct delivery *d)
{
    bool over = d->seven.state == SEVEN_DONE || d->seven.state == SEVEN_FAILED;
    if (!over)
        turns_add(d->relay, &d->seven.turn);
    else if (d->hop && d->hop->phase == HOP_MESSAGE)
        hop_pump(d->hop);
}

static void step(void *owner)
{
    struct delivery *d = owner;
    if (d->seven.state == SEVEN_STARTS) {
        d->seven.state = SEVEN_SIGNS;
        sign_start(d); /* the delivery may be over then */
        return;
    }
    if (d->seven.state == SEVEN_LOOKS)
        look_some(d);
    else
        measure_some(d);
    go_on(d);
}

/* The next hop waits for MAIL meanwhile, and its time limit holds. A small message is looked at before it is sent on as it is. */
static void convert(struct delivery *d)
{
    /* A report that quotes such a message must arrive, and may quote it with gaps. */
    d->seven.gp    = gp_seven_open(!d->sender.len);
    d->seven.state = SEVEN_LOOKS;
    d->seven.turn  = (struct turn) { .step = step, .owner = d };
    d->seven.in_at = 0;
    if (!d->seven.gp) return fail(d, (struct gp_reply) { 451, "4.3.1", "no memory to convert the message" });
    gp_seven_start(d->seven.gp, (struct gp_sink) { 0 });
    if (d->size < READ_AT_ONCE) look_some(d);
    if (d->seven.state == SEVEN_LOOKS || d->seven.state == SEVEN_STARTS) turns_add(d->relay, &d->seven.turn);
}

/* A report is between addresses that need no SMTPUTF8, though what it tells of did: it may go without (RFC 6533 3), and then arrives. */
static bool may_drop_utf8(const struct delivery *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (!gp_is_ascii(d->recipients[i].address)) return false;
    return !d->sender.len;
}

static bool drop_utf8(struct delivery *d)
{
    char          *room = gp_arena_take(&d->arena, d->params.len + 1);
    struct gp_text kept = { .ptr = room, .room = room ? d->params.len + 1 : 0 };
    for (gp_str rest = d->params; rest.len;) {
        gp_str word = gp_word(&rest);
        if (gp_is(word, "SMTPUTF8")) continue;
        if (kept.len) gp_put_char(&kept, ' ');
        gp_put(&kept, word);
    }
    if (room) d->params = gp_said(&kept);
    return room != NULL;
}

static gp_status said(const struct delivery *d, struct gp_reply *why)
{
    if (d->seven.state == SEVEN_UNASKED || d->seven.state == SEVEN_DONE) return GP_OK;
    if (d->seven.state != SEVEN_FAILED) return GP_WAIT;
    *why = d->seven.why;
    return why->code / 100 == 4 ? GP_TEMPFAIL : GP_PERMFAIL;
}

/* SMTPUTF8 stands for 8BITMIME, too (RFC 6531 3.1), and a message that needs it is never sent otherwise. */
gp_status seven_fit(struct delivery *d, unsigned offers, struct gp_reply *why)
{
    bool utf8 = gp_parameter(d->params, "SMTPUTF8").ptr != NULL, lacks = utf8 && !(offers & GP_OFFERS_SMTPUTF8);
    if (d->seven.state != SEVEN_UNASKED) return said(d, why);
    bool dropped = lacks && may_drop_utf8(d) && drop_utf8(d);
    if (lacks && !dropped && plain_can(d) && plain_make(d)) utf8 = !drop_utf8(d);
    if (dropped || !(utf8 || offers & GP_OFFERS_8BITMIME)) convert(d);
    return said(d, why);
}

bool seven_signed(struct delivery *d)
{
    if (d->seven.state != SEVEN_SIGNS) return false;
    d->seven.state = d->seven.size ? SEVEN_DONE : SEVEN_MEASURES;
    if (d->seven.state == SEVEN_MEASURES) start(d);
    go_on(d);
    return true;
}

void seven_forget(struct delivery *d)
{
    bool stays = d->seven.state == SEVEN_DONE && d->seven.gp;
    if (!stays) d->seven.state = SEVEN_UNASKED;
}

void seven_close(struct delivery *d)
{
    turns_drop(d->relay, &d->seven.turn);
    gp_seven_close(d->seven.gp);
    gp_buffer_free(&d->seven.held);
    d->seven.gp = NULL;
}
