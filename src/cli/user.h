/* What the `gatepost user` commands share: the store opened for one command, its passwords, and how accounts are shown. */
#ifndef CLI_USER_H
#define CLI_USER_H

#include <jansson.h>

#include "cli/cli.h"
#include "store/accounts.h"

struct user_store {
    struct config        config;
    struct accounts     *accounts;
    struct verifier_keys keys;
};
/* false: the problem was printed. */
bool user_store_open(const char *dir, struct user_store *);
void user_store_close(struct user_store *);
void cli_set_operator(struct database *); /* for the audit: "root, signed in as anna" */
#define auto_user_store __attribute__((cleanup(user_store_close))) struct user_store

/* The account, or a printed problem. */
bool user_find(struct user_store *, const char *name, struct account *);
/* Prints what the database said; CLI_FAILED. */
int  user_store_failed(struct user_store *, const char *what);

/* A password for an account: made, or read from standard input and looked over; and what is to be kept of it. */
struct user_password {
    bool                      from_stdin, allow_cram, for_device;
    const struct scram_group *group; /* the account's; NULL: decided anew */
    char                      text[GP_PASSWORD_MOST + 1]; /* NUL-terminated, after SASLprep */
    size_t                    len;
    struct verifier           verifier;
};
bool user_password_make(struct user_store *, gp_str account, struct user_password *); /* false: the problem was printed */
enum credential_kind user_password_kind(const struct user_password *);
void user_password_wipe(struct user_password *);
#define auto_user_password __attribute__((cleanup(user_password_wipe))) struct user_password
void user_password_notes(const struct user_password *); /* what people should know of it */
/* {"user": ..., "password": ...}, or the same for people; a password that was given is not repeated. */
int  user_password_print(const char *name, const struct user_password *, bool json, const char *done);

gp_time user_now(void);
json_t *user_json(struct user_store *, const struct account *); /* NULL: the store or memory failed */
int     user_print_json(json_t *);                              /* gives it up; CLI_DONE or CLI_FAILED */
json_t *user_words_json(const char *words);                     /* an array of them */
json_t *user_time_json(gp_time);                                 /* the text below, or null */
enum { USER_TIME_ROOM = 32 };
const char *user_time(gp_time, char out[static USER_TIME_ROOM]); /* "2026-11-24T00:12:39Z"; "never" for 0 */

#endif
