/* For the tests of talk/: a server of one connection in a process of its own, which plays a script. */
#ifndef TALK_SERVER_KIT_H
#define TALK_SERVER_KIT_H

#include "talk/talk.h"

struct script { const char *hears, *says; }; /* once what came ends in `hears`, says it; hears "": at once. says NULL ends it */
struct played {
    char port[8];
    int  pid, pipe;
    char heard_room[256 * 1024];
    gp_str heard; /* all that the client sent, after played_end */
};
void played_begin(struct played *, const struct script *);
void played_end(struct played *); /* after the talk was closed */

/* A transcript into memory: "C: ...", "S: ...", "*: ..." lines. */
struct kept { struct gp_text text; char room[32 * 1024]; };
struct talk_transcript kept_transcript(struct kept *);

/* Both, and a client that has connected to the server. */
enum { SOON_MS = 5000 };
struct meeting {
    struct played    server;
    struct kept      kept;
    struct talk_plan plan;
    struct talk     *talk;
};
void played_meet(struct meeting *, const struct script *);
void played_part(struct meeting *);
bool played_in(gp_str text, const char *part); /* does it stand there? */

#endif
