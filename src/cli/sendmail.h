/* What the rooms of `gatepost sendmail` share: where its mail goes, a parcel on its way, the spool, and how a hand-over ends.
 * Exit statuses are those of sysexits.h, as callers of sendmail expect. */
#ifndef CLI_SENDMAIL_H
#define CLI_SENDMAIL_H

#include <sysexits.h>

#include "cli/letter.h"
#include "cli/reach.h"

enum { SENDMAIL_REASON = 512 };

/* sendmail_conf.c: sendmail.conf, lines of "key: value" */
struct sendmail_conf {
    char         path[CONFIG_PATH]; /* where it was read from */
    char         text[8192];        /* the values stand in it */
    const char  *server, *tls, *user, *password_file, *ca_file, *from, *domain, *local_to, *spool, *timeout, *from_always;
    struct reach reach;
    char         home[CONFIG_PATH], login[64], full_name[128];
    char         spool_path[CONFIG_PATH], home_spool[CONFIG_PATH]; /* where mail is kept; where it may wait as well */
    bool         spool_taken;                                      /* the place in the common spool is somebody else's */
};
bool sendmail_conf_is_there(struct sendmail_conf *); /* in one of the usual places */
int  sendmail_conf_read(struct sendmail_conf *, const char *path /* NULL: the usual places */); /* EX_OK, or told why not */
bool sendmail_place_spool(struct sendmail_conf *, const char *common /* where `spool` names none; NULL: there is none */);
extern const char sendmail_usual_conf[], sendmail_usual_spool[];
/* A name without domain becomes an address: local_to, else with `domain`, else with this host's name. false: too long. */
bool sendmail_qualify(const struct sendmail_conf *, gp_str name, bool recipient, struct gp_text *out);
/* What From the message goes out with: wish->from is the sender, "" where there is none, or comes to stand in own. */
void sendmail_author(const struct sendmail_conf *, gp_str message, struct letter_wish *, struct gp_text *own);
bool sendmail_always(const struct sendmail_conf *); /* from_always: yes */

/* ---- a parcel: an envelope and a message ------------------------------------------------------------------------------ */
struct parcel {
    gp_str                 sender, params; /* of DSN: left out where that is not offered, like those of recipients */
    struct talk_recipient *to;
    size_t                 count;
    gp_str                 message;
    long long              since; /* seconds since 1970 */
};

/* sendmail_hand_over.c: one connection, any number of parcels */
struct hand_over {
    struct sendmail_conf  *conf;
    struct talk           *talk;
    struct talk_transcript transcript;
    bool                   verbose, settled;
    char                   reason[SENDMAIL_REASON], params[1024];
};
enum handed { HANDED_OVER, HANDED_PARTLY, HANDED_LATER, HANDED_REFUSED };
/* *status: EX_OK, or what some recipient was refused for good with; h->reason says why, also where it is only for now. */
enum handed hand_over(struct hand_over *, struct parcel *, int *status);
/* Connected and signed in, for who speaks for himself. */
enum handed hand_over_open(struct hand_over *, int *status);
bool        is_for_later(const struct talk_recipient *, enum handed); /* he is to be tried again */
void        hand_over_end(struct hand_over *);

/* sendmail_spool.c: a directory of this user's own, 0700, a file a parcel; see the top of that file for its states */
bool spool_keep(struct sendmail_conf *, const struct parcel *, enum handed); /* the recipients that are for later */
int  spool_flush(struct hand_over *, bool told);   /* told: somebody asked for it, and hears what happens */
void spool_flush_all(const char *conf_path);       /* root: every user's directory, as that user          */
int  spool_list(struct sendmail_conf *);

/* sendmail_smtp.c: -bs */
int sendmail_smtp(struct hand_over *);

/* sendmail.c */
int  sendmail_main(int argc, char **argv); /* argv[0]: sendmail, mailq or newaliases */
bool sendmail_is(const char *program);     /* is that one of its names? */

#endif
