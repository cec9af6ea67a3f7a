/* A message on its way out of a command: read from a file or made of parts (MIME), its header looked at and completed. Text is kept
 * with CR LF; all of it in memory, which is bounded. Problems are printed here. */
#ifndef CLI_LETTER_H
#define CLI_LETTER_H

#include "base/base.h"
#include "cli/cli.h"

enum { LETTER_MOST = 128 * 1024 * 1024, LETTER_ADDRESSES_MOST = 5000, LETTER_ADDRESSES_ROOM = 1024 * 1024 };

/* Addresses, each once. */
struct addresses {
    struct gp_arena arena;
    gp_str         *list;
    size_t          count, room;
};
bool addresses_add(struct addresses *, gp_str address) GP_MUST_USE; /* false: too many, or no memory */
void addresses_free(struct addresses *);

/* The whole of a descriptor, LF made CR LF. dot_ends: a line with a dot alone ends it, as for sendmail without -i. */
bool letter_read(int fd, bool dot_ends, struct gp_buffer *out);
bool letter_read_file(const char *path, struct gp_buffer *out); /* NULL or "-": standard input */
bool letter_octets(const char *path, struct gp_buffer *out);    /* as they are: an attachment */

/* ---- its header -------------------------------------------------------------------------------------------------- */
gp_str letter_header(gp_str message);                      /* with its last CR LF; all of it where there is no body */
bool   letter_has(gp_str message, const char *field);
/* The addresses of To, Cc and Bcc, names without domain among them, or of their Resent- forms where there are any (RFC 5322 3.6.6). false: one cannot be read, and
 * *field is its name; or too many, and it is NULL. */
bool   letter_recipients(gp_str message, struct addresses *, const char **field);
gp_str letter_author(gp_str message, char *room, size_t size); /* the first address of From, or GP_NONE */
/* Without Bcc, Resent-Bcc and Return-Path; with what is missing of From, Date and Message-ID. A field that has controls is not added. */
struct letter_wish {
    gp_str             from, full_name;
    const char *const *headers;
    size_t             header_count;
    bool               keep_bcc, other_from; /* other_from: what From there is goes, too */
    bool               only_from; /* who else is named in From or Sender gives way to `from`; From's author goes to Reply-To */
};
/* It is one of those lines, "Name: value". */
bool   letter_field_is_given(const char *const *headers, size_t count, const char *field);
bool   letter_mend(struct gp_buffer *message, const struct letter_wish *);

/* ---- made of parts ------------------------------------------------------------------------------------------------- */
struct letter_parts {
    gp_str                 from, subject, body; /* body: with CR LF                       */
    const char *const     *to;                  /* as they stand in To                    */
    size_t                 to_count;
    const struct cli_many *attachments;         /* paths                                  */
    const struct cli_many *headers;             /* lines that letter_mend() adds: what stands there is not written here */
};
bool letter_compose(const struct letter_parts *, struct gp_buffer *out);

#endif
