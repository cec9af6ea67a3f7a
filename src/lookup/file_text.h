/* A file's text, kept and read again when the file has changed. One thread at a time. */
#ifndef LOOKUP_FILE_TEXT_H
#define LOOKUP_FILE_TEXT_H

#include <sys/stat.h>

#include "base/base.h"

struct file_text {
    struct stat seen;
    size_t      len;
    char       *text; /* NULL: not read yet, or it could not be */
};
/* NULL: the text is that of the file; else why it cannot be. changed: it was read again; may be NULL. */
const char *file_text_look(struct file_text *, const char *path, size_t most, bool *changed) GP_MUST_USE;
void        file_text_drop(struct file_text *);
/* What the sandbox must let be read: its directory, since a new file may take the place of the old one. Static: for one path. */
const char *file_text_directory(const char *path);

#endif
