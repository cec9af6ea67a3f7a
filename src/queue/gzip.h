/* gzip (RFC 1952), for reports of TLS. No time is in it, so the same text gives the same octets. */
#ifndef QUEUE_GZIP_H
#define QUEUE_GZIP_H

#include "base/base.h"

bool gzip(gp_str text, struct gp_buffer *out, size_t most) GP_MUST_USE; /* false: no memory, or more than `most` octets */

#endif
