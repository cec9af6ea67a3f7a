/* What `gatepost can` asks: a sign-in and a message as they might be, and what each rule says to them. The rules are those that the
 * server asks; here they are asked in its order. */
#ifndef CLI_CAN_H
#define CLI_CAN_H

#include "cli/user.h"

enum { CAN_RULINGS_MOST = 160, CAN_TEXT = 512 };

struct can_wish {
    const char     *dir, *account, *from, *header_from, *ip, *listener, *credential, *mechanism, *tls, *at, *size;
    struct cli_many to;
    bool            json;
};
enum can_word { CAN_YES, CAN_NO, CAN_WOULD /* be no, were it not in shadow */, CAN_SKIPPED, CAN_WORDS };
struct can_ruling {
    enum can_word word;
    const char   *rule; /* "mechanism" */
    char          text[CAN_TEXT];
};
struct can {
    const struct can_wish *wish;
    struct user_store     *store;
    struct survey          survey;
    size_t                 listener;    /* index in config           */
    struct account         account;
    int64_t                credential;  /* that it signs in with; 0: none may */
    gp_str                 mechanism, from, header_from, ip;
    gp_time                now;
    uint64_t               size;
    bool                   tls, failed; /* failed: the store; said already */
    char                   own[ACCOUNT_ADDRESS_MOST]; /* the address it sends as unless one is named */
    size_t                 count;
    struct can_ruling      rulings[CAN_RULINGS_MOST];
    /* the reply to the first no; code 0: none */
    int                    code;
    const char            *enhanced;
    char                   reply[CAN_TEXT];
};
/* All rules in turn; after a no of one that ends the session's way to the next, the others are not asked. */
void can_ask(struct can *);

#endif
