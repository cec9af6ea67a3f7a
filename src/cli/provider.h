/* What the `gatepost provider` commands share: one provider of the configuration, its files, and questions to it, which block. Secrets are in
 * the struct and on the stack, and wiped when the command ends. The grant itself is the store's (store/grants.h). */
#ifndef CLI_PROVIDER_H
#define CLI_PROVIDER_H

#include "cli/user.h"
#include "oauth/oauth.h"
#include "store/grants.h"
#include "web/transfer.h"

struct provider {
    struct user_store             s;
    const struct config_provider *plan;
    size_t                        login;    /* where its tokens sign in: the first of config_login_of()'s; config_logins(): nowhere */
    bool                          own;      /* it is about one account, who                           */
    struct account                who;
    char                          row[GRANT_NAME];   /* of its grant in the store                            */
    char                          user[GRANT_LOGIN]; /* whose tokens they are there; "": not known           */
    struct transfer              *transfer; /* NULL: nothing was asked yet */
    struct oauth_key_file         key;
    uint8_t                       thumbprint[GP_PEER_FINGERPRINT];
    bool                          has_thumbprint;
    size_t                        secret_len;
    char                          secret[1024];
    struct oauth_reply            reply;
    char                          form[OAUTH_FORM_ROOM];
};
/* account: which signs in as itself; NULL: the provider's own. user: its name there; NULL: what is kept, or its address. NULL: the problem was
 * printed. Close it. */
struct provider *cli_provider_open(const char *dir, const char *name, const char *account, const char *user);
void             cli_provider_close(struct provider *);
#define auto_provider __attribute__((cleanup(cli_provider_leave))) struct provider *
void cli_provider_leave(struct provider **);

/* All of an ask but its grant and its code. */
struct oauth_ask cli_provider_ask(const struct provider *);
/* Asks for a token; what came is in reply. false: the files are no good, which was printed. */
bool cli_provider_fetch(struct provider *, const struct oauth_ask *);
/* Posts the form that was written into `form`. The reply's text until the next one; *status 0: none came, and reply.why says why. */
gp_str cli_provider_post(struct provider *, const char *uri, size_t len, long *status);
/* What a provider says to people goes to the terminal and into the store: without a secret of ours that it repeats. */
void cli_provider_hide(struct oauth_reply *, gp_str secret);
int cli_provider_failed(const struct provider *, const char *what); /* prints what the provider said; CLI_FAILED */

/* Whom a person must be there, and what the rows of accounts say (provider_own.c). */
bool cli_provider_resolve(struct provider *, const char *account, const char *user); /* false: the problem was printed */
int  cli_provider_list_own(struct user_store *, json_t *); /* NULL: a table */
/* The password of one account for a route where each signs in as itself: kept, or forgotten. */
struct route_login { const char *dir, *route, *account, *user; };
int cli_route_login(const struct route_login *, bool from_stdin);
int cli_route_logout(const struct route_login *);

/* An array of what `provider list --json` prints; empty where there are none, or they may not be read. */
json_t *cli_provider_states(const char *dir);

/* Sends a person's browser there and waits for it to come back. CLI_DONE: the code, for an ask of OAUTH_CODE. */
struct browser {
    char code[2048], verifier[OAUTH_PKCE_ROOM], redirect_uri[CONFIG_TEXT + 16];
};
int browser_ask(struct provider *, uint16_t port, struct browser *);

#endif
