/* What a talk with a server was, for people: the transcript in colour, and in words what a reply means and what to do. */
#ifndef CLI_SHOWN_TALK_H
#define CLI_SHOWN_TALK_H

#include "talk/talk.h"

/* To standard error; "auto" colours a terminal, where NO_COLOR is not set. */
struct talk_transcript shown_transcript(bool colour);
bool                   shown_colour(const char *when, bool *colour); /* "auto", "always", "never"; false: none of these */
/* One sentence, or NULL where the reply says it all. enhanced: "5.7.8" or GP_NONE. */
const char *shown_meaning(int code, gp_str enhanced);
const char *shown_way_out(enum talk_fault); /* NULL: none is known */

#endif
