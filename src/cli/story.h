/* What happened, told from rows of the audit for people: one entry for what was the same again and again, each with its cause and the
 * command that is the next step. Rows go in by time (of both databases, in any order); story_sort puts them in order. No I/O. */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include <jansson.h>

#include "crypto/crypto.h"
#include "store/audit.h"

enum {
    STORY_MOST  = 400, /* entries kept; of more, the oldest are counted and let go */
    STORY_TEXT  = 320,
    STORY_NEXT  = 240,
};

struct happening {
    gp_time  first, last;
    uint64_t count;
    int64_t  seq; /* of its first row, for those of one moment */
    char     event[32], account[AUDIT_NAME_MOST], incident[16], queue_id[40];
    char     what[STORY_TEXT], why[STORY_TEXT], detail[STORY_TEXT], next[STORY_NEXT];
};
struct story {
    struct happening *list; /* STORY_MOST of them */
    size_t            count;
    uint64_t          left_out;
    char              incident[GP_INCIDENT_ROOM]; /* the one that was asked about: told by itself, and marked; "": none */
};
bool story_open(struct story *) GP_MUST_USE; /* false: no memory */
void story_close(struct story *);
#define auto_story __attribute__((cleanup(story_close))) struct story

void    story_tell(struct story *, const struct audit_row *);
void    story_sort(struct story *);
json_t *story_json(const struct story *); /* NULL: no memory */
/* The first of the `most` entries that are shown: the latest ones, or those around what was asked about. */
size_t story_from(const struct story *, size_t most);
void    story_print(const struct story *, size_t most); /* the last ones, as text */

/* ---- advice.c: what to do about a cause ---------------------------------------------------------------------------------- */
struct advice { gp_str account, credential, address, sender, queue_id; }; /* what stands in for {account} and so on; "": "NAME" */
void advice_fill(struct gp_text *, const char *words, const struct advice *); /* words with such names in them */
void advice_put(struct gp_text *, gp_str why, const struct advice *); /* nothing, where nothing is to be done */

#endif
