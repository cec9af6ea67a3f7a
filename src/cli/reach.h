/* How `send` and `bench` get to a server: the options that say where it is, how TLS is spoken and who signs in; made into a plan
 * and a login of talk/. Without --server it is the set-up's own. What is read of secrets is wiped by reach_close. */
#ifndef CLI_REACH_H
#define CLI_REACH_H

#include "cli/cli.h"
#include "sasl/sasl.h"
#include "talk/talk.h"

enum { REACH_OPTIONS = 28, REACH_HOST = 256, REACH_PEM = 256 * 1024 };

struct reach {
    /* what was said */
    const char *server, *user, *authzid, *mechanism, *password_file, *token_file, *ca_file, *certificate, *key, *name, *source;
    const char *newest, *oldest, *server_name, *timeout;
    bool        starttls, implicit, clear, password_stdin, token_stdin, no_verify, in_clear, ipv4, ipv6;
    /* what it means */
    char              host[REACH_HOST], port[8], expect[REACH_HOST];
    char              ca[REACH_PEM], chain[REACH_PEM], private_key[REACH_PEM];
    char              secret[GP_SASL_TOKEN_MOST + 2];
    bool              own; /* the set-up's own server */
    struct talk_plan  plan;
    struct talk_login login;
};
/* Adds its rows to a table that has room for REACH_OPTIONS more; returns how many. */
size_t      reach_options(struct reach *, struct cli_option *);
/* CLI_DONE, or what to exit with: the problem has been told. */
int         reach_settle(struct reach *, const char *dir);
const char *reach_name(const struct reach *); /* for EHLO: what was said, else this host's, where it is one */
void        reach_close(struct reach *);

#endif
