/* What the rooms of `gatepost send` share: what was asked for, the talk, and what came of it. */
#ifndef CLI_SEND_H
#define CLI_SEND_H

#include "cli/cli.h"
#include "cli/letter.h"
#include "cli/reach.h"
#include "cli/shown_talk.h"

/* Beyond CLI_FAILED: what scripts have to tell apart. Documented in docs/send.md. */
enum { SEND_PARTLY = 3 /* some recipients were refused */, SEND_LATER = 4 /* a temporary refusal, or no answer */, SEND_NO_SIGN_IN = 5 };

struct send {
    struct reach    reach;
    const char     *file, *from, *subject, *body, *body_file, *notify, *ret, *envid, *orcpt, *color;
    struct cli_many to, attachments, headers, params, each_params;
    bool            eight_bit, utf8, require_tls, transcript, json, colour;

    struct gp_buffer       message;
    struct addresses       recipients;
    struct talk_recipient *to_each;
    char                   author[512];
    struct gp_text         mail_params, rcpt_params;
    char                   mail_room[1024], rcpt_room[1024], lacking[160];

    struct talk      *talk;
    struct talk_reply reply;
    const char       *mechanism, *failed; /* failed: the step where it ended, or NULL */
};

/* send_params.c */
int  send_parameters(struct send *);  /* CLI_DONE, or the problem has been told */
bool send_offers(struct send *);      /* false: the server does not offer what is needed; s->lacking says what */

/* send_report.c: prints it, and gives the exit status */
int send_report(struct send *);

#endif
