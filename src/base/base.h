/* The words every other folder speaks: slices, verdicts, bounded text, buffers, numbers, base64, hex, UTF-8.
 * Depends on the C library alone. Slices are borrowed, by value, without NUL; who hands one out says how long
 * it lives. Nothing here logs or blocks; only gp_buffer and gp_arena allocate, and both have a stated bound. */
#ifndef GP_BASE_H
#define GP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GP_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GP_MUST_USE     __attribute__((warn_unused_result))

/* What the caller should do, not what went wrong. */
typedef enum gp_status {
    GP_OK,
    GP_WAIT,     /* not yet: more bytes, or an answer  */
    GP_TEMPFAIL, /* not now: reply 4xx, retry later    */
    GP_PERMFAIL, /* never: reply 5xx, bounce           */
} gp_status;

/* ---- slices ------------------------------------------------------------------------------------------- */
typedef struct gp_str {
    const char *ptr;
    size_t      len;
} gp_str;

#define GP_LIT(literal) ((gp_str){ (literal), sizeof(literal) - 1 }) /* of a string literal        */
#define GP_NONE         ((gp_str){ NULL, 0 })                        /* absent; "" is present, empty */

gp_str gp_from(const char *z);                    /* of a NUL-terminated string; NULL gives GP_NONE       */
bool   gp_same(gp_str a, gp_str b);               /* the same octets                                      */
bool   gp_alike(gp_str a, gp_str b);              /* the same but for ASCII case                          */
bool   gp_is(gp_str a, const char *word);         /* gp_alike with a NUL-terminated word                  */
bool   gp_starts(gp_str a, const char *prefix);   /* begins with it, but for ASCII case                   */
bool   gp_ends(gp_str a, const char *suffix);     /* ends with it, but for ASCII case                     */
gp_str gp_head(gp_str a, size_t n);               /* the first n octets, or all                           */
gp_str gp_tail(gp_str a, size_t n);               /* without the first n octets                           */
size_t gp_find(gp_str a, char c);                 /* where c first stands, or a.len                       */
gp_str gp_cut(gp_str *rest, char separator);      /* what stands before the separator; rest: what follows */
gp_str gp_word(gp_str *rest);                     /* next word between spaces; rest: what follows         */
gp_str gp_trim(gp_str a);                         /* without spaces and tabs at both ends                 */
bool   gp_copy_z(gp_str a, char *out, size_t room); /* NUL-terminated copy; false: does not fit or has NUL */

/* ---- secrets: a type of their own, so that nothing that takes a gp_str takes one by mistake ------------ */
typedef struct gp_secret {
    const char *ptr;
    size_t      len;
} gp_secret;

void gp_wipe(void *memory, size_t len);           /* never optimised away                                 */

/* ---- numbers ------------------------------------------------------------------------------------------ */
/* Decimal digits only, one at least, leading zeros allowed; false when there is anything else or it is over `most`. */
bool gp_read_number(gp_str digits, uint64_t most, uint64_t *out) GP_MUST_USE;
#define gp_add(a, b, out) (!__builtin_add_overflow((a), (b), (out)))   /* false: overflow */
#define gp_mul(a, b, out) (!__builtin_mul_overflow((a), (b), (out)))

/* Milliseconds since 1970 in UTC; a value: who needs the time is given it. */
typedef int64_t gp_time;

/* ---- bounded text: a writer into room that the caller owns --------------------------------------------- */
struct gp_text {
    char  *ptr;
    size_t room, len;
    bool   cut; /* something did not fit and was left out; len never exceeds room */
};
#define GP_TEXT(array) ((struct gp_text){ .ptr = (array), .room = sizeof(array) })

void   gp_put(struct gp_text *, gp_str);          /* all or nothing: what does not fit sets cut           */
void   gp_put_z(struct gp_text *, const char *z);
void   gp_put_char(struct gp_text *, char);
void   gp_put_number(struct gp_text *, int64_t);
void   gp_put_digits(struct gp_text *, uint64_t number, unsigned digits); /* zero-padded to that many     */
gp_str gp_said(const struct gp_text *);           /* what has been written                                */

/* ---- encodings ---------------------------------------------------------------------------------------- */
#define GP_BASE64_ROOM(octets) (((octets) + 2) / 3 * 4)
void gp_put_base64(struct gp_text *, gp_str octets);
/* Strict (RFC 4648 4): pad where it must be, no foreign octet, no stray bits. len: how many octets came out. */
bool gp_read_base64(gp_str text, void *out, size_t room, size_t *len) GP_MUST_USE;
void gp_put_hex(struct gp_text *, gp_str octets); /* lower case                                           */
bool gp_read_hex(gp_str text, void *out, size_t room, size_t *len) GP_MUST_USE;
bool gp_is_utf8(gp_str);                          /* RFC 3629: no surrogates, no overlong forms           */
bool gp_is_ascii(gp_str);                         /* every octet below 128                                */
/* Text from elsewhere, for a terminal or a report: the character at its front, or "?" where that steers a terminal (line
 * ends too), turns text around, or is no UTF-8; rest: what follows. */
gp_str gp_next_shown(gp_str *rest);

/* ---- a growing buffer of bytes with a bound; holds no memory while empty -------------------------------- */
struct gp_buffer {
    char  *ptr;
    size_t start, len, room; /* content is ptr[start .. start + len) */
};
/* false: it would pass `most` octets, or no memory; the content is then as before. */
bool   gp_buffer_add(struct gp_buffer *, gp_str bytes, size_t most) GP_MUST_USE;
gp_str gp_buffer_all(const struct gp_buffer *);   /* until the next add, took or free                     */
void   gp_buffer_took(struct gp_buffer *, size_t);/* drop that many from the front; frees when empty      */
void   gp_buffer_free(struct gp_buffer *);        /* wipes before it frees                                */

/* ---- what others say, without a secret of ours that they repeat ----------------------------------------- */
enum { GP_MASK_FORMS = 5 }; /* as it is, in base64 behind any octets, and with "?" for what is not ASCII */
struct gp_mask {
    struct gp_buffer forms[GP_MASK_FORMS];
    bool             all; /* no memory for them: nothing of what is said may be kept */
};
bool gp_mask_set(struct gp_mask *, gp_secret);    /* instead of the one before; false: nothing is shown   */
void gp_put_masked(struct gp_text *, const struct gp_mask *, gp_str); /* "(secret)" for it, or a piece of it */
void gp_mask_end(struct gp_mask *);               /* wipes                                                */

/* ---- an arena: many small copies, one reset ------------------------------------------------------------ */
struct gp_arena {
    struct gp_arena_block *blocks;
    size_t                 used, most; /* octets handed out, and the bound; most == 0 refuses all */
};
void  *gp_arena_take(struct gp_arena *, size_t octets) GP_MUST_USE;         /* aligned; NULL: over the bound */
gp_str gp_arena_copy(struct gp_arena *, gp_str) GP_MUST_USE;                /* ptr NULL: over the bound      */
void   gp_arena_reset(struct gp_arena *);                                   /* frees all that was handed out */

#endif
