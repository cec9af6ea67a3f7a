/* A message in 7 bits, for a next hop without 8BITMIME (RFC 6152 3). It is converted when it is read, as often as it is read: nothing of
 * it is kept. Once in 7 bits it stays so, since every other next hop takes it, too.
 *
 *   UNASKED   no next hop was without 8BITMIME yet
 *   LOOKED    it is 7 bits as it is
 *   STARTS    its signatures are made anew, over what is sent          they are: DONE; they are asked for: SIGNS
 *   SIGNS     vault has been asked                                     delivery_signed: DONE, and the hop is pumped
 *   DONE      converted and signed
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
static enum gp_seven_is look(struct delivery *d, const char **why)
{
    char      piece[SEVEN_READ];
    size_t    got    = 0;
    gp_status status = GP_OK;
    gp_seven_start(d->seven.gp, (struct gp_sink) { 0 });
    for (uint64_t at = 0; at < d->size; at += got) {
        if (!stored_read(d, at, piece, sizeof piece, &got)) break; /* it is told where the message is sent */
        status = gp_seven_add(d->seven.gp, (gp_str) { piece, got });
    }
    if (status == GP_OK) status = gp_seven_end(d->seven.gp);
    (void)status; /* it says no more than this does */
    return gp_seven_is(d->seven.gp, why);
}

/* To its end, where seven_read sees the size. */
static bool measure(struct delivery *d)
{
    char     piece[SEVEN_READ];
    uint64_t at = 0;
    for (size_t got = 1; got; at += got)
        if (!seven_read(d, at, piece, sizeof piece, &got)) return false;
    return true;
}

static gp_status no(struct gp_reply *why, gp_status status, struct gp_reply is)
{
    *why = is;
    return status;
}

/* The next hop waits for MAIL meanwhile; vault answers in milliseconds, and the hop's time limit holds. Hashing has read all of it; without
 * that the signatures, or their lack, are known at once, and it is read to be measured. */
static gp_status sign_anew(struct delivery *d, struct gp_reply *why)
{
    d->seven.state = SEVEN_STARTS;
    sign_start(d);
    if (d->seven.state == SEVEN_STARTS) {
        d->seven.state = SEVEN_SIGNS;
        return GP_WAIT;
    }
    if (d->seven.size || measure(d)) return GP_OK;
    return no(why, GP_TEMPFAIL, (struct gp_reply) { 451, "4.3.0", "the message could not be read from the queue" });
}

static gp_status convert(struct delivery *d, struct gp_reply *why)
{
    const char *hurdle = NULL;
    /* A report that quotes such a message must arrive, and may quote it with gaps. */
    d->seven.gp        = gp_seven_open(!d->sender.len);
    if (!d->seven.gp)
        return no(why, GP_TEMPFAIL, (struct gp_reply) { 451, "4.3.1", "no memory to convert the message" });
    enum gp_seven_is is = look(d, &hurdle);
    if (is == GP_SEVEN_CAN) return sign_anew(d, why);
    seven_close(d);
    if (is == GP_SEVEN_CAN_NOT) return no(why, GP_PERMFAIL, (struct gp_reply) { 554, "5.6.3", hurdle });
    d->seven.state = SEVEN_LOOKED;
    return GP_OK;
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

/* SMTPUTF8 stands for 8BITMIME, too (RFC 6531 3.1), and a message that needs it is never sent otherwise. */
gp_status seven_fit(struct delivery *d, unsigned offers, struct gp_reply *why)
{
    bool utf8 = gp_parameter(d->params, "SMTPUTF8").ptr != NULL;
    if (d->seven.state == SEVEN_SIGNS) return GP_WAIT;
    if (d->seven.state != SEVEN_UNASKED) return GP_OK;
    if (utf8 && !(offers & GP_OFFERS_SMTPUTF8) && may_drop_utf8(d) && drop_utf8(d)) return convert(d, why);
    if (utf8 && !(offers & GP_OFFERS_SMTPUTF8) && plain_can(d) && plain_make(d)) utf8 = !drop_utf8(d);
    return utf8 || (offers & GP_OFFERS_8BITMIME) ? GP_OK : convert(d, why);
}

bool seven_signed(struct delivery *d)
{
    enum seven_state was = d->seven.state;
    if (was != SEVEN_STARTS && was != SEVEN_SIGNS) return false;
    d->seven.state = SEVEN_DONE;
    if (was == SEVEN_SIGNS && d->hop) hop_pump(d->hop);
    return true;
}

void seven_close(struct delivery *d)
{
    gp_seven_close(d->seven.gp);
    gp_buffer_free(&d->seven.held);
    d->seven.gp = NULL;
}
