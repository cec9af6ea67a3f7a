/* What a message itself says of TLS: TLS-Required: No (RFC 8689 5) asks that it be delivered rather than protected. */
#include <stdlib.h>

#include "relay/parts.h"

static bool says_no(gp_str header)
{
    struct gp_field field;
    bool            no = false;
    while (!no && gp_next_field(&header, &field))
        no = gp_is(field.name, "TLS-Required") && gp_is(gp_trim(field.value), "No");
    return no;
}

bool wish_waives(const struct delivery *d)
{
    unsigned seen = GP_HEADER_START;
    char    *room = d->fd >= 0 ? malloc(GP_MAIL_HEADER_MOST) : NULL;
    size_t   got  = 0;
    if (room && !stored_read(d, 0, room, GP_MAIL_HEADER_MOST, &got)) got = 0;
    gp_str text = d->fd >= 0 ? (gp_str) { room, got } : d->body;
    bool   no   = says_no(gp_head(text, gp_header_part(&seen, text)));
    free(room);
    return no;
}
