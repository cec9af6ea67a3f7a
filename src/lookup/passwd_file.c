/* A file with a line NAME:HASH[:...] for each user, as htpasswd and Dovecot write them. It is read again when it has changed, and
 * asked by one seat, so that it is kept once. It only gives hashes. */
#include <stdlib.h>
#include <string.h>

#include "lookup/file_text.h"
#include "lookup/parts.h"
#include "lookup/passwd_lines.h"

enum { FILE_MOST = 64 * 1024 * 1024 };

static void leave(void *seat)
{
    file_text_drop(seat);
    free(seat);
}

static void ask(const struct source *s, void **seat, struct question *q)
{
    struct file_text *f = *seat ? *seat : calloc(1, sizeof *f);
    gp_str            hash;
    *seat             = f;
    const char *wrong = f ? file_text_look(f, s->path, FILE_MOST, NULL) : "no memory";
    if (wrong)
        question_failed(q, "the file cannot be read", wrong);
    else if (passwd_find((gp_str) { f->text, f->len }, gp_from(q->user), &hash))
        question_hash(q, hash);
    else
        question_refuse(q, false, "no such user in the file");
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    out->reads[0] = file_text_directory(s->path);
}

const struct source_type source_passwd_file = { .one_seat = true, .needs = needs, .ask = ask, .leave = leave };
