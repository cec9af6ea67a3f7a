/* The fields of a server session, so that a host can embed one; it touches none of them. */
#ifndef GP_SMTP_SESSION_H
#define GP_SMTP_SESSION_H

#include "smtp/body.h"
#include "smtp/lines.h"
#include "smtp/smtp.h"

/* Where a session is; server.c has the list with what each means. */
enum gp_phase {
    GP_PHASE_SILENT  = 1,
    GP_PHASE_START   = 2,
    GP_PHASE_READY   = 4,
    GP_PHASE_SENDER  = 8,
    GP_PHASE_RCPTS   = 16,
    GP_PHASE_CHUNKS  = 32,
    GP_PHASE_SIGN_IN = 64,
    GP_PHASE_TLS     = 128,
    GP_PHASE_DATA    = 256,
    GP_PHASE_CHUNK   = 512,
    GP_PHASE_DROP    = 1024,
    GP_PHASE_ENDED   = 2048,
};

struct gp_smtp_server {
    const struct gp_smtp_options *options;
    const char                   *mechanisms; /* offered to this client                                    */
    struct gp_smtp_room          *room;
    struct gp_lines               in;
    size_t                        sent, said; /* output: room->out[sent .. said)                           */

    enum gp_phase     phase;
    enum gp_smtp_kind asked;                  /* the question that is open; GP_SMTP_NEED_INPUT: none       */
    bool              reset_due;              /* a RESET event goes before anything else                   */
    bool              line_over;              /* the SASL line was too long: the host hears "*"            */
    bool              secret_line;            /* what was last read is an AUTH line: wiped when answered   */
    struct gp_reply   ending;                 /* the host wants to end; code 0: it does not                */

    bool     secure, signed_in, esmtp, utf8;
    bool     overfull;                        /* a recipient too many was refused in this transaction      */
    unsigned recipients, mails, errors, auth_failures, auth_put_off;

    struct gp_smtp_refusal refusal;           /* the last one                                              */

    struct gp_body  body;
    bool            chunked, last;            /* the body comes by BDAT; this chunk is its last            */
    uint64_t        chunk, left;              /* octets of this chunk, and those still to come             */
    struct gp_reply owed;                     /* what a refused chunk is answered once it is dropped       */
    enum gp_phase   resume;                   /* the phase to go back to then                              */

    char helo[GP_SMTP_DOMAIN_MOST + 1];
};

#endif
