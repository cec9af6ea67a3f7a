/* What both sides share: lines, escapes, and which ids are open. For the files of this folder only. */
#ifndef GP_DOVECOT_PARTS_H
#define GP_DOVECOT_PARTS_H

#include "dovecot/dovecot.h"

/* 1.2 is what Dovecot 2.3 speaks; the minor number may differ (auth-protocol.txt). */
#define GP_DOVECOT_VERSION "1\t2"
enum { GP_DOVECOT_MAJOR = 1 };

/* The next whole line without its LF. WAIT: there is none yet; PERMFAIL: it is over-long. */
gp_status gp_dovecot_line(gp_str input, size_t *searched, gp_str *line) GP_MUST_USE;
void      gp_dovecot_took_line(gp_str *input, size_t *searched, gp_str line);
/* "1 TAB anything" */
bool      gp_dovecot_version_fits(gp_str words);
bool      gp_dovecot_read_id(gp_str word, uint32_t *id) GP_MUST_USE;
bool      gp_dovecot_is(gp_str word, const char *name); /* words of the protocol: case counts */
/* "NAME" or "NAME=value": value GP_NONE without '='. */
gp_str    gp_dovecot_name(gp_str word, gp_str *value);

/* \001 stands for what cannot be in a word: 0, 1, t, r, n after it say what. */
void   gp_dovecot_put_escaped(struct gp_text *, gp_str);
gp_str gp_dovecot_unescape(gp_str word, struct gp_text *room); /* borrowed from word, or from room; room->cut: did not fit */

struct gp_dovecot_open *gp_dovecot_find(struct gp_dovecot_open *table, uint32_t id); /* NULL: not open */
struct gp_dovecot_open *gp_dovecot_free_slot(struct gp_dovecot_open *table);         /* NULL: all are taken */

/* request.c: what follows "AUTH TAB id TAB". NULL: read; else what is wrong with it. */
const char *gp_dovecot_read_request(gp_str words, struct gp_text *room, struct gp_dovecot_request *out) GP_MUST_USE;

#endif
