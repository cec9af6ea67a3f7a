/* BDAT (RFC 3030): counted octets instead of lines. They are read before anything else is answered, also when the command
 * is refused, so that no octet of a message is ever taken for a command. */
#include "smtp/server.h"

static const struct gp_reply over_size = { 552, "5.3.4", "message is larger than the limit" };

/* Reads "COUNT" or "COUNT LAST". *counted: the count at least is good, so its octets can be dropped. */
static bool read_chunk_size(gp_str arguments, uint64_t *octets, bool *last, bool *counted)
{
    gp_str number = gp_word(&arguments), word = gp_word(&arguments);
    *counted = gp_read_number(number, UINT64_MAX, octets);
    *last    = gp_is(word, "LAST");
    return *counted && (*last || word.len == 0) && gp_trim(arguments).len == 0;
}

static bool has_digit(gp_str word)
{
    for (size_t i = 0; i < word.len; i++)
        if (word.ptr[i] >= '0' && word.ptr[i] <= '9') return true;
    return false;
}

/* RFC 3030 2: "accept and discard the associated message data before sending the appropriate 5XX or 4XX code". */
static bool drop(struct gp_smtp_server *s, uint64_t octets, struct gp_reply reply)
{
    s->owed   = reply;
    s->left   = octets;
    s->resume = s->phase;
    s->phase  = GP_PHASE_DROP;
    return false;
}

/* Octets may follow, and nobody knows how many: they must not be read as commands, so the session ends. */
bool gp_server_bdat_lost(struct gp_smtp_server *s, struct gp_smtp_event *ev, struct gp_reply reply)
{
    s->phase = GP_PHASE_ENDED;
    return gp_server_refuse(s, ev, reply, GP_LIT("BDAT"));
}

bool gp_server_bdat_refused(struct gp_smtp_server *s, struct gp_smtp_event *ev, struct gp_reply reply, gp_str arguments)
{
    uint64_t octets = 0;
    bool     last, counted;
    gp_str   rest = arguments;
    (void)read_chunk_size(arguments, &octets, &last, &counted);
    if (!counted && has_digit(gp_word(&rest))) return gp_server_bdat_lost(s, ev, reply);
    return counted ? drop(s, octets, reply) : gp_server_refuse(s, ev, reply, GP_LIT("BDAT"));
}

bool gp_server_bdat(struct gp_smtp_server *s, gp_str arguments, struct gp_smtp_event *ev)
{
    static const struct gp_reply syntax = { 501, "5.5.4", "say BDAT, a number of octets, and LAST at the end" };
    uint64_t                     octets;
    bool                         last, counted, first = s->phase == GP_PHASE_RCPTS;
    if (!read_chunk_size(arguments, &octets, &last, &counted)) return gp_server_bdat_refused(s, ev, syntax, arguments);
    if (first) gp_body_open(&s->body, false, s->options->size_limit);
    s->chunked = true;
    if (octets > s->body.most - s->body.size) return drop(s, octets, over_size);
    s->chunk = s->left = octets;
    s->last            = last;
    if (first) return gp_server_ask(s, ev, GP_SMTP_DATA, GP_NONE, GP_NONE);
    s->phase = GP_PHASE_CHUNK;
    return false;
}

void gp_server_chunk_answered(struct gp_smtp_server *s, struct gp_reply reply)
{
    if (reply.code == 354)
        s->phase = GP_PHASE_CHUNK;
    else
        drop(s, s->left, reply);
}

static bool chunk_ended(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    char           text[64];
    struct gp_text out = GP_TEXT(text);
    if (s->last || gp_body_fault(&s->body)) return gp_server_finish_body(s, ev);
    gp_put_number(&out, (int64_t)s->chunk);
    gp_put_z(&out, " octets received");
    gp_put_char(&out, '\0');
    s->phase = GP_PHASE_CHUNKS;
    return gp_server_say(s, (struct gp_reply) { 250, "2.0.0", text });
}

/* What is here of the octets that are still to come. */
static gp_str here(const struct gp_smtp_server *s)
{
    gp_str rest = gp_lines_rest(&s->in);
    return s->left < rest.len ? gp_head(rest, (size_t)s->left) : rest;
}

bool gp_server_read_chunk(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    gp_str in = here(s), piece;
    if (s->left == 0) {
        bool unfinished = s->last && s->body.at != GP_BODY_ENDED && gp_body_close(&s->body);
        return unfinished ? gp_server_piece(ev, GP_LIT("\r\n")) : chunk_ended(s, ev);
    }
    if (in.len == 0) return true;
    size_t taken = gp_body_read(&s->body, in, &piece);
    gp_lines_took(&s->in, taken);
    s->left -= taken;
    return gp_server_piece(ev, piece);
}

bool gp_server_drop_chunk(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    gp_str in = here(s);
    gp_lines_took(&s->in, in.len);
    s->left -= in.len;
    if (s->left > 0) return true;
    s->phase = s->resume;
    if (s->chunked) gp_server_forget(s); /* one chunk refused is the message refused */
    return gp_server_refuse(s, ev, s->owed, GP_LIT("BDAT"));
}
