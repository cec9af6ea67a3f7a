/* By zlib, in one go. */
#include "queue/gzip.h"

#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

static bool run(z_stream *z, gp_str text, struct gp_buffer *out, size_t most)
{
    size_t         room = deflateBound(z, text.len);
    unsigned char *made = malloc(room);
    if (!made) return false;
    z->next_in   = (const Bytef *)text.ptr;
    z->avail_in  = (uInt)text.len;
    z->next_out  = made;
    z->avail_out = (uInt)room;
    bool done    = deflate(z, Z_FINISH) == Z_STREAM_END &&
                gp_buffer_add(out, (gp_str) { (const char *)made, room - z->avail_out }, most);
    free(made);
    return done;
}

bool gzip(gp_str text, struct gp_buffer *out, size_t most)
{
    enum { MEMORY = 8, AS_GZIP = 16 };
    z_stream z = { 0 };
    if (text.len > INT32_MAX) return false;
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + AS_GZIP, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    bool done = run(&z, text, out, most);
    (void)deflateEnd(&z);
    return done;
}
