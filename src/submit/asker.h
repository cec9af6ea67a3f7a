/* Another server (Postfix, Exim) that asks us about its clients' passwords, on a UNIX socket. For the files of this folder only. */
#ifndef SUBMIT_ASKER_H
#define SUBMIT_ASKER_H

#include "dovecot/dovecot.h"
#include "submit/parts.h"

enum {
    ASKERS_MOST    = 1024, /* connections of one smtpd: Postfix has one for each of its own processes */
    LAST_WORD_ROOM = 256,  /* base64 of "v=" and a SHA-512 proof                                      */
};

struct inquiry { /* one sign-in; its slot in the protocol is its place in asker.inquiries */
    struct asker *asker;
    unsigned      slot;
    uint64_t      id;      /* how vault and the log know it                           */
    gp_time       began;
    bool          known;   /* vault has it open                                       */
    bool          final_resp_ok;
    bool          finishing; /* the mechanism's last word is kept for the OK          */
    char          mechanism[MECHANISM_ROOM], last_word[LAST_WORD_ROOM];
};
struct asker {
    struct submit           *submit;
    struct asker            *next, *previous;
    const struct port       *port;
    struct conn             *conn;
    struct gp_dovecot_server dovecot;
    struct gp_buffer         in; /* what is no whole line yet */
    struct inquiry         *inquiries[GP_DOVECOT_OPEN_MOST];
    size_t                   open; /* how many of them there are */
    uint64_t                 id;
    gp_time                  opened;
    bool                     ready; /* hands are shaken */
    bool                     gone;  /* cannot be told any more: the sweep closes it, if the connection's end does not */
};

/* ---- asker.c ------------------------------------------------------------------------------------------------- */
void asker_say(struct asker *, bool fits, const struct gp_text *); /* closes nothing at once, so the caller may go on */

/* ---- inquiry.c ---------------------------------------------------------------------------------------------- */
void inquiry_start(struct asker *, const struct gp_dovecot_event *);
void inquiry_line(struct asker *, const struct gp_dovecot_event *);
void inquiry_give_up(struct inquiry *);             /* answered: not now                          */
void inquiry_drop(struct inquiry *);                /* nobody wants to know any more              */

#endif
