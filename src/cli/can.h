/* What `gatepost can` asks: a sign-in and a message as they might be, and what each rule says to them. The rules are those that the
 * server asks; here they are asked in its order. */
#ifndef CLI_CAN_H
#define CLI_CAN_H

#include "cli/user.h"

enum { CAN_RULINGS_MOST = 160, CAN_TEXT = 512 };

struct can_wish {
    const char     *dir, *account, *from, *header_from, *ip, *listener, *credential, *mechanism, *tls, *at, *size, *as, *helo, *header_name, *header_sender, *reply_to;
    struct cli_many to;
    bool            json;
};
enum can_word { CAN_YES, CAN_NO, CAN_WOULD /* be no, were it not in shadow */, CAN_HELD /* accepted, not sent */, CAN_SKIPPED, CAN_WORDS };
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
    struct account         account, acting; /* whose credential it is; as whom it sends: the same unless --as */
    int64_t                credential;  /* that it signs in with; 0: none may */
    gp_str                 tls_version, mechanism, from, header_from, ip;
    gp_time                now;
    uint64_t               size;
    char                   enough[CAN_TEXT]; /* of one recipient more than that; enough_len 0: nothing special */
    size_t                 enough_len;
    unsigned               recipients_may, fresh; /* fresh: recipients that it never wrote to */
    bool                   held;        /* what it sends is accepted and held */
    bool                   tls, failed; /* failed: the store; said already */
    char                   instead[ACCOUNT_ADDRESS_MOST]; /* that took the sender's place */
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

/* ---- for the rules: a sentence; the reply to a no (false: the first counts); the store failed (false) ---- */
void can_say(struct can *, enum can_word, const char *rule, gp_str before, gp_str what);
bool can_refuse(struct can *, unsigned code, const char *enhanced, gp_str text);
bool can_refuse_signin(struct can *); /* RFC 4954 6: whatever the reason */
bool can_store_failed(struct can *);
/* Rules; true: the next is asked. can_behaviour.c: */
bool can_ask_ban(struct can *);
bool can_ask_first_limits(struct can *); /* at MAIL */
bool can_ask_limits(struct can *);       /* of the whole message */
bool can_ask_brake(struct can *);
/* can_lane.c: */
const struct legacy_lane *can_lane(const struct can *); /* of the listener; NULL: it is not for old devices */
bool can_ask_lane(struct can *);
bool can_ask_lane_rate(struct can *);
bool can_ask_lane_recipient(struct can *, gp_str to);
/* can_message.c: */
unsigned can_fits(const struct can *, int64_t credential); /* of sender and author, how many it may use */
bool can_ask_sender(struct can *);
bool can_ask_size(struct can *);
bool can_ask_recipients(struct can *);
bool can_ask_authors(struct can *);
bool can_ask_ways(struct can *);

#endif
