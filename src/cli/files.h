/* Files that a command makes or reads whole. Problems are printed here, with the path. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "config/config.h"
#include "crypto/crypto.h"

enum { FILE_MOST = 64 * 1024, FILE_PRIVATE = 0600 };

/* Made with that mode if it is not there; one that is there and should be private is made so, and must be the user's own. */
bool file_make_dir(const char *path, unsigned mode);
/* The whole of it at once: other processes see the old state or the new one. */
bool file_write(const char *path, unsigned mode, gp_str content);
bool file_write_key(const char *path, const struct gp_key *); /* as PEM, private */
bool file_exists(const char *path);
/* Wipe the text after use where it is secret. */
bool file_read(const char *path, struct gp_text *text);
bool file_opens(const char *path); /* to be read, whatever its size */
/* DIR/NAME; false: too long, and said so. */
bool file_path(const char *dir, const char *name, char out[static CONFIG_PATH]);

#endif
