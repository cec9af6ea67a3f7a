/* A growing buffer of bytes with a bound; taking from the front is cheap, and what is freed is wiped. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_LEAST = 256 };

void gp_buffer_free(struct gp_buffer *buffer)
{
    gp_wipe(buffer->ptr, buffer->room);
    free(buffer->ptr);
    *buffer = (struct gp_buffer) { 0 };
}

/* By copy, not realloc: what was there may be secret and is wiped. */
static bool grow(struct gp_buffer *buffer, size_t need)
{
    size_t room = buffer->room ? buffer->room : ROOM_LEAST;
    while (room < need)
        if (!gp_mul(room, (size_t)2, &room)) return false;
    char *bigger = malloc(room);
    if (!bigger) return false;
    size_t len = buffer->len;
    if (len) memcpy(bigger, buffer->ptr + buffer->start, len);
    gp_buffer_free(buffer);
    *buffer = (struct gp_buffer) { .ptr = bigger, .len = len, .room = room };
    return true;
}

static bool make_room(struct gp_buffer *buffer, size_t need)
{
    if (buffer->start + need <= buffer->room) return true;
    /* Moving no more octets than were taken since the last move keeps the cost per octet constant. */
    if (need > buffer->room || buffer->start < buffer->len) return grow(buffer, need);
    memmove(buffer->ptr, buffer->ptr + buffer->start, buffer->len);
    buffer->start = 0;
    return true;
}

bool gp_buffer_add(struct gp_buffer *buffer, gp_str bytes, size_t most)
{
    size_t need = 0;
    if (!gp_add(buffer->len, bytes.len, &need) || need > most) return false;
    if (bytes.len == 0) return true;
    if (!make_room(buffer, need)) return false;
    memcpy(buffer->ptr + buffer->start + buffer->len, bytes.ptr, bytes.len);
    buffer->len = need;
    return true;
}

gp_str gp_buffer_all(const struct gp_buffer *buffer)
{
    return buffer->ptr ? (gp_str) { buffer->ptr + buffer->start, buffer->len } : GP_LIT("");
}

void gp_buffer_took(struct gp_buffer *buffer, size_t count)
{
    if (count >= buffer->len) {
        gp_buffer_free(buffer);
        return;
    }
    buffer->start += count;
    buffer->len -= count;
}
