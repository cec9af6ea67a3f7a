/* Transcripts on a terminal, and the table of what replies mean. */
#include "cli/shown_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- transcripts --------------------------------------------------------------------------------------------------------- */
static void put_line(const struct talk_line *l, bool colour)
{
    static const char *const marks[] = { [TALK_CLIENT] = "C:", [TALK_SERVER] = "S:", [TALK_NOTE] = "--" };
    enum { MILLI = 1000, SECOND = 1000000 };
    bool        bad   = l->side == TALK_SERVER && l->text.len && (l->text.ptr[0] == '4' || l->text.ptr[0] == '5');
    const char *begin = !colour                  ? ""
                        : bad                    ? "\033[31m"
                        : l->side == TALK_CLIENT ? "\033[36m"
                        : l->side == TALK_SERVER ? "\033[32m"
                                                 : "\033[2m";
    (void)fprintf(stderr, "%4lld.%03lld %s%s %.*s%s\n", (long long)(l->micros / SECOND),
                  (long long)(l->micros % SECOND / MILLI), begin, marks[l->side], (int)l->text.len,
                  l->text.ptr ? l->text.ptr : "", colour ? "\033[0m" : "");
}

static void plain(void *nothing, const struct talk_line *l)
{
    (void)nothing;
    put_line(l, false);
}

static void coloured(void *nothing, const struct talk_line *l)
{
    (void)nothing;
    put_line(l, true);
}

struct talk_transcript shown_transcript(bool colour)
{
    return (struct talk_transcript) { colour ? coloured : plain, NULL };
}

bool shown_colour(const char *when, bool *colour)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    bool        automatic = !when || strcmp(when, "auto") == 0;
    *colour               = automatic ? isatty(STDERR_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0
                                      : strcmp(when, "always") == 0;
    return automatic || *colour || strcmp(when, "never") == 0;
}

/* ---- meanings -------------------------------------------------------------------------------------------------------------- */
/* The first row that fits; code 0: any, enhanced NULL: any. RFC 3463, 4954, 5248, 5321. */
static const struct {
    int         code;
    const char *enhanced, *meaning;
} meanings[] = {
    {535,  NULL,
     "user name or password is not right, or this credential may not be used from here; servers do not say which"},
    { 534, NULL,     "the mechanism is too weak for this user: try a SCRAM one with --mechanism"                 },
    { 432, NULL,     "the server needs the password once by PLAIN or LOGIN before this mechanism works"          },
    { 454, "4.7.0",  "the server cannot check the sign-in just now, or there were too many: try again later"     },
    { 504, "5.5.4",  "the server does not know that mechanism or that value"                                     },
    { 525, NULL,     "the account is disabled"                                                                   },
    { 530, "5.7.0",  "the server wants TLS first, or a sign-in: add --starttls or --tls, and --user"             },
    { 538, NULL,     "this mechanism is for TLS only: add --starttls or --tls"                                   },
    { 0,   "5.1.1",  "there is no such mailbox"                                                                  },
    { 0,   "5.1.2",  "the recipient's domain is not right or cannot be reached"                                  },
    { 0,   "5.1.3",  "the recipient's address is not well formed"                                                },
    { 0,   "5.1.7",  "the sender's address is not well formed"                                                   },
    { 0,   "5.1.8",  "the sender's domain is not right"                                                          },
    { 0,   "5.2.1",  "the mailbox is closed"                                                                     },
    { 0,   "5.2.2",  "the mailbox is full"                                                                       },
    { 0,   "4.2.2",  "the mailbox is full: try again later"                                                      },
    { 0,   "5.3.4",  "the message is larger than the server takes"                                               },
    { 0,   "4.3.1",  "the server has no room just now: try again later"                                          },
    { 0,   "4.3.2",  "the server is closing or busy: try again later"                                            },
    { 0,   "5.4.6",  "the message goes in circles"                                                               },
    { 0,   "4.5.3",  "too many recipients for one message: send it in several"                                   },
    { 0,   "5.6.0",  "the message itself is not well formed"                                                     },
    { 0,   "5.6.3",  "a server on the way takes mail of 7 bits only, which this message cannot be made"          },
    { 0,   "5.6.7",  "an address needs SMTPUTF8, which one of the servers does not offer"                        },
    { 0,   "5.6.11", "the message has a CR or LF that stands alone"                                              },
    { 553, "5.7.1",  "this account may not send as that sender"                                                  },
    { 0,   "5.7.1",
     "the server does not let this account send that, or relay there: is the sender its own, is it signed in?"   },
    { 0,   "5.7.8",  "user name or password is not right"                                                        },
    { 0,   "4.7.1",  "greylisted, or a limit is reached: try again later"                                        },
    { 0,   "5.7.30", "the message asks for REQUIRETLS, and one of the servers cannot keep that"                  },
    { 421, NULL,     "the server closes the connection: try again later"                                         },
    { 450, NULL,     "the mailbox cannot be written to just now: try again later"                                },
    { 451, NULL,     "the server has a problem of its own: try again later"                                      },
    { 452, NULL,     "the server has no room just now, or takes no more recipients: try again later"             },
    { 500, NULL,     "the server does not know the command"                                                      },
    { 501, NULL,     "the server cannot read a parameter"                                                        },
    { 502, NULL,     "the server does not do that"                                                               },
    { 503, NULL,     "the server does not expect that now"                                                       },
    { 552, NULL,     "the message is larger than the server takes, or the mailbox is full"                       },
    { 555, NULL,     "the server does not know a parameter of MAIL or RCPT"                                      },
};

const char *shown_meaning(int code, gp_str enhanced)
{
    for (size_t i = 0; i < GP_COUNT(meanings); i++) {
        bool right = !meanings[i].code || meanings[i].code == code;
        if (right && (!meanings[i].enhanced || gp_same(enhanced, gp_from(meanings[i].enhanced))))
            return meanings[i].meaning;
    }
    if (code / 100 == 4) return "a temporary refusal: try again later";
    return NULL;
}

const char *shown_way_out(enum talk_fault fault)
{
    static const char *const ways[] = {
        [TALK_NO_HOST]       = "is the name spelt right, and does DNS work here?",
        [TALK_NO_CONNECTION] = "does the server run, on that port, and does no firewall stand between?",
        [TALK_LATE]          = "a firewall may drop packets on the way; --timeout SECONDS waits longer or shorter",
        [TALK_HUNG_UP]       = "--transcript shows how far it came; the server's log says why it left",
        [TALK_BAD_TLS] =
            "the right --server name, --ca-file FILE, or --tls in place of --starttls (465 speaks TLS at once) may mend it",
        [TALK_NOT_SMTP] = "does an SMTP server listen there? 465 speaks TLS at once: --tls; 587 does not: --starttls",
        [TALK_BAD_SETTINGS] = NULL,
    };
    return (size_t)fault < GP_COUNT(ways) ? ways[fault] : NULL;
}
