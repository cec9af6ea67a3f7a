/* Inside of the conversion from 8 bits to 7 (mail.h tells what it is for): the state that its three files share. seven.c reads lines
 * and knows in which part of which multipart they are, seven_fields.c reads and writes the fields of MIME, seven_write.c encodes.
 * A message is read twice or more by the same machine: the first reading finds which leaves hold octets above 127, so that what is
 * written before a leaf can say how the leaf is written. Pure; only the header section of one part is held. */
#ifndef GP_MAIL_SEVEN_H
#define GP_MAIL_SEVEN_H

#include "mail/parts.h"

enum {
    SEVEN_LINE     = 1024, /* octets of a line that are looked at together                   */
    SEVEN_DEPTH    = 16,   /* multiparts within each other                                   */
    SEVEN_BOUNDARY = 200,  /* RFC 2046 5.1.1 allows 70, and mail programs make longer ones   */
    SEVEN_LEAVES   = 2048, /* parts that can be converted                                    */
    SEVEN_OUT      = 4096,
};

/* How the lines of a part are written. */
enum gp_seven_as {
    GP_SEVEN_AS_IT_IS,
    GP_SEVEN_OPAQUE,   /* not to be changed: an octet above 127 in it is one too many            */
    GP_SEVEN_QUOTED,   /* text: quoted-printable (RFC 2045 6.7)                                  */
    GP_SEVEN_BASE64,   /* what is no text (RFC 2045 6.8)                                         */
    GP_SEVEN_REQUOTED, /* was quoted-printable already, and holds octets that it must not hold   */
    GP_SEVEN_SIFTED,   /* was base64 already: a reader passes over such octets (RFC 2045 6.8)    */
    GP_SEVEN_MASKED,   /* before the first part and behind the last: nobody reads it; lossy: opaque ones too */
};

struct gp_seven_level { /* a multipart that is open */
    char   boundary[SEVEN_BOUNDARY];
    size_t len;
    bool   digest; /* RFC 2046 5.1.5: a part without Content-Type is a message */
    bool   opened; /* it has a part */
    bool   unread; /* text of 8 bits came before: of the part there is, perhaps, whose boundary is another */
};

struct gp_seven {
    struct gp_sink        sink;  /* put NULL: this reading only looks */
    const char           *why;   /* it can not be converted           */
    bool                  lossy, eight, failed;
    size_t                leaves;
    uint8_t               eights[SEVEN_LEAVES / 8], foreign[SEVEN_LEAVES / 8]; /* leaves with such octets; that are no UTF-8 */
    struct gp_seven_level levels[SEVEN_DEPTH];
    size_t                depth;
    struct gp_buffer      header;    /* of the part or message whose header section is being read    */
    bool                  in_header; /* ... and it is                                                */
    bool                  is_message, in_digest; /* whose header that is                             */
    enum gp_seven_as      as;
    const char           *opaque;    /* why this part is that */
    bool                  at_start, line_end; /* of a line; one is held back: it may belong to a boundary (RFC 2046 5.1.1) */
    size_t                len, out_len, column;
    unsigned              triples;
    bool                  soft;      /* this line of quoted-printable goes on from the one before */
    char                  triple[3], line[SEVEN_LINE], out[SEVEN_OUT];
};

/* ---- fields (seven_fields.c) -------------------------------------------------------------------------------- */
struct gp_seven_fields {
    gp_str type;     /* the value of Content-Type; ptr NULL: there is none */
    gp_str encoding; /* one word, or nothing                              */
    bool   mime;     /* there is a MIME-Version                            */
    bool   broken;   /* a line of it is no field: where it ends, readers do not agree */
};
struct gp_seven_fields gp_seven_read_fields(gp_str header);
bool gp_seven_type_is(gp_str value, const char *type, const char *subtype); /* subtype NULL: any */
bool gp_seven_boundary(gp_str value, struct gp_seven_level *);               /* false: none that can be used */
/* The header section without its empty line; label NULL: as it is, else the new Content-Transfer-Encoding. */
void gp_seven_put_header(struct gp_seven *, const struct gp_seven_fields *, const char *label, const char *charset);

/* ---- what is written (seven_write.c) ------------------------------------------------------------------------ */
void gp_seven_put(struct gp_seven *, gp_str);
void gp_seven_put_masked(struct gp_seven *, gp_str);
void gp_seven_flush(struct gp_seven *);
void gp_seven_put_octets(struct gp_seven *, gp_str); /* of a body, as the part is written */
void gp_seven_put_line_end(struct gp_seven *);
void gp_seven_end_part(struct gp_seven *, bool message_ends);

#endif
