/* The service extensions: one row each, read by four places. EHLO offers it, MAIL and RCPT take its parameters, the
 * envelope keeps them in canonical text, and the client side knows what to do when the next hop does not offer it. */
#ifndef GP_SMTP_EXTENSIONS_H
#define GP_SMTP_EXTENSIONS_H

#include "smtp/session.h"

enum gp_on { GP_ON_MAIL = 1, GP_ON_RCPT = 2 };
enum gp_lacking { GP_LACKING_DROP, GP_LACKING_BOUNCE };

struct gp_parameter_row {
    const char *name; /* NULL ends the list */
    unsigned    on;   /* enum gp_on, bits   */
    /* Writes the value in canonical form, or nothing where it has none or is not kept. NULL: good, else the refusal. */
    const struct gp_reply *(*check)(const struct gp_smtp_server *, gp_str value, struct gp_text *canonical);
    bool kept;        /* stays with the envelope */
    bool alone;       /* not with another of its extension that is */
};

struct gp_extension {
    const char *keyword;
    enum gp_smtp_offer offer; /* the client's bit, 0: the client does not care */
    bool (*offered)(const struct gp_smtp_server *);
    void (*argument)(const struct gp_smtp_server *, struct gp_text *); /* NULL: none */
    const struct gp_parameter_row *parameters;                         /* NULL: none */
    enum gp_lacking lacking;  /* what becomes of a message that uses it when the next hop lacks it */
};

extern const struct gp_extension gp_extensions[];
extern const size_t              gp_extension_count;

/* The row of a parameter, and the extension it belongs to; NULL: unknown on that command. */
const struct gp_parameter_row *gp_find_parameter(gp_str name, enum gp_on, const struct gp_extension **extension);
/* Takes "SIZE=1 BODY=8BITMIME" apart, checks each and writes the canonical text. NULL: all good, else the refusal. */
const struct gp_reply *gp_read_parameters(const struct gp_smtp_server *, gp_str text, enum gp_on, struct gp_text *canonical);

#endif
