/* What the rooms of talk/ share. */
#ifndef TALK_PARTS_H
#define TALK_PARTS_H

#include "smtp/lines.h"
#include "talk/talk.h"
#include "tls/tls.h"

enum { TALK_WHY_ROOM = 512, TALK_PEER_ROOM = 80, TALK_ENHANCED_ROOM = 12, TALK_OFFERS_ROOM = 8192,
       TALK_SECRETS_KEPT = 4 /* the first so many, to the end */, TALK_SECRETS_MOST = 24 /* then the last so many */ };

struct talk {
    const struct talk_plan *plan;
    struct talk_transcript  transcript;
    int                     fd;
    struct gp_tls_context  *context;
    struct gp_tls          *tls; /* NULL: in clear */
    struct gp_lines         in;
    char                    in_room[GP_SMTP_IN_ROOM];
    int64_t                 began;
    unsigned                patience; /* milliseconds; 0: the plan's */
    bool                    challenged; /* a sign-in is under way: what the server says in it is not shown */
    bool                    said_secret; /* a sign-in has begun: the server may repeat what was said in it */
    bool                    ended;    /* the server has closed its side */

    enum talk_fault fault;
    char            why[TALK_WHY_ROOM], peer[TALK_PEER_ROOM], enhanced[TALK_ENHANCED_ROOM];

    char           reply_room[TALK_REPLY_ROOM], offers_room[TALK_OFFERS_ROOM];
    struct gp_text reply, offers;
    char           sender_text[512], sender_enhanced[TALK_ENHANCED_ROOM]; /* submit.c: the answer to MAIL */

    struct gp_buffer hidden[TALK_SECRETS_MOST]; /* secrets, as base64 too, and messages of sign-ins */
    size_t           hidden_count, hidden_turn;
};

/* talk.c: always false. The first failure is the one that is told. */
bool talk_fail(struct talk *, enum talk_fault, const char *what, const char *detail);
bool talk_refuse(struct talk *, const char *why); /* ours, about a step: the connection works on */

/* connect.c */
bool talk_reach(struct talk *);
int  talk_wait(struct talk *, short events, int64_t until); /* what poll said; 0: too late */
int64_t talk_now(void);                                      /* microseconds, monotonic     */

/* wire.c */
bool talk_put(struct talk *, gp_str octets);          /* all of it, within the patience                   */
bool talk_take(struct talk *, int64_t until);         /* some octets more into t->in; false: none came    */

/* transcript.c */
void talk_shows(struct talk *, enum talk_side, gp_str line);
void talk_shows_octets(struct talk *, gp_str octets, enum talk_show);
void talk_notes(struct talk *, const char *what, const char *detail);
void talk_hide_message(struct talk *, gp_str base64); /* of a sign-in, as it goes out now */
/* The text with "(secret)" where one stands, or begins and is cut; without secrets, as it is. */
void talk_mask(const struct talk *, struct gp_text *out, gp_str text);
void talk_unhide(struct talk *);

#endif
