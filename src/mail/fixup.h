/* The inside of struct gp_fixup, so that a host can embed one; it touches none of the fields. */
#ifndef GP_MAIL_FIXUP_H
#define GP_MAIL_FIXUP_H

#include "mail/mail.h"

struct gp_fixup {
    const struct gp_trace *trace;
    struct gp_sink         sink;
    struct gp_buffer       header;
    unsigned               state, seen;  /* seen: of the end of the header section */
    unsigned               watched, left; /* bits: fields that the host asks about; rules of which something is left */
    bool                   shown, eight; /* eight: octets above 127 came out */
    struct gp_rewriter     rewriter; /* instead NULL: none */
    int                    author_count;
    gp_str                 rest, reply_to;
    struct gp_buffer       fields; /* lines */
    char                   last[2];      /* octets of the output */
    struct gp_reply        why;
    struct gp_buffer       authors; /* each with a NUL behind it */
    char                   message_id[512];
    size_t                 message_id_len;
};

#endif
