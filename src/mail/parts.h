/* What the rooms of mail/ lend each other and nobody else uses: reading the tokens of RFC 5322, folding of long lines,
 * canonical forms of DKIM, and the Received field. Same rules as mail.h: pure, slices borrowed from the input. */
#ifndef GP_MAIL_PARTS_H
#define GP_MAIL_PARTS_H

#include "mail/mail.h"

bool   gp_has_bare_line_end(gp_str);

/* ---- tokens of structured fields (RFC 5322 3.2) ---------------------------------------------------------- */
struct gp_lexer {
    const char *at, *end;
};
struct gp_lexer gp_lexer_of(gp_str);
bool   gp_is_any(char, const char *set);               /* NUL never is                                                 */
void   gp_lex_space(struct gp_lexer *);                /* CFWS; an open comment stays, and fits no grammar afterwards */
bool   gp_lex_is(struct gp_lexer *, char);             /* takes that octet if it is next                              */
gp_str gp_lex_atom(struct gp_lexer *);                 /* atext, and UTF-8 (RFC 6532 3.2); empty when there is none   */
gp_str gp_lex_quoted(struct gp_lexer *);               /* quoted-string with its quotes; empty when there is none     */
bool   gp_lex_number(struct gp_lexer *, unsigned least, unsigned most, unsigned *out); /* that many digits            */

/* ---- lines of 78 octets (RFC 5322 2.1.1) ----------------------------------------------------------------- */
enum { GP_LINE_GOOD = 77 };
struct gp_fold {
    struct gp_text *to;
    size_t          column, most; /* of the line; 0: opened by a fold, nothing on it yet. most: GP_LINE_GOOD  */
    const char     *with;         /* CR LF and white space; this and most may be changed after the start      */
};
void gp_fold_start(struct gp_fold *, struct gp_text *to, const char *opening); /* "Received:" */
void gp_fold_word(struct gp_fold *, gp_str);  /* a space or a fold before it       */
void gp_fold_piece(struct gp_fold *, gp_str); /* nothing or a fold before it       */
void gp_fold_break(struct gp_fold *);         /* the next word opens a line        */

/* ---- canonical forms (RFC 6376 3.4) ---------------------------------------------------------------------- */
/* With its line end, or without: the signature's own field is hashed without it (3.7). */
bool gp_canon_field(bool relaxed, bool line_end, const struct gp_field *, struct gp_sink) GP_MUST_USE;
struct gp_canon {
    struct gp_sink sink;
    bool           relaxed, bare, failed; /* bare: a CR or LF stood alone; failed: the sink had enough */
    bool           cr, space, wrote;      /* last octet was CR; white space is held back; anything came out */
    uint64_t       lines;                 /* line ends held back: those at the end count for nothing   */
    size_t         len;
    char           out[1024];
};
void gp_canon_init(struct gp_canon *, bool relaxed, struct gp_sink);
void gp_canon_add(struct gp_canon *, gp_str);
bool gp_canon_end(struct gp_canon *) GP_MUST_USE; /* false: the sink failed */

/* ---- addresses in place of others (rewrite.c) ------------------------------------------------------------------ */
bool gp_rewrite_header(gp_str header, const struct gp_rewriter *, struct gp_buffer *out) GP_MUST_USE; /* false: too long, or no memory */

/* ---- whose a message is (authors.c) ------------------------------------------------------------------------- */
struct gp_fixup;
bool gp_note_author(struct gp_fixup *, const struct gp_field *); /* adds its lines, if it is watched; false: too much */
void gp_put_shown(struct gp_text *, gp_str value); /* a From-like value as readers see it, in UTF-8, without <addresses> (shown.c) */

/* ---- what a reply means to who wrote the message (advice.c) --------------------------------------------------- */
struct gp_advice { const char *meaning, *next; }; /* sentences; NULL: nothing is known. next: what to do about a failure */
struct gp_advice gp_advice_on(gp_str status, gp_str reply, bool ours); /* ours: our own sign-in there is to blame        */

/* ---- trace ------------------------------------------------------------------------------------------------ */
enum { GP_RECEIVED_ROOM = 2048 };
bool gp_is_received_by(gp_str value, const char *hostname);      /* says a Received field that this host wrote it? */
void gp_put_received(struct gp_text *, const struct gp_trace *); /* the whole field with CR LF */
void gp_put_message_id(struct gp_text *, gp_str unique, const char *hostname);

#endif
