/* From the true cause of a refusal to the command that settles it: a table of how causes read. */
#include <string.h>

#include "cli/story.h"

static const struct {
    const char *cause, *next; /* cause: words of it, in this order; the first row that fits counts */
} rows[] = {
    {"the password was right",      "unless its owner knows of it: `gatepost user password {account}` sets another"          },
    { "sessions of the credential",
     "`gatepost limit set {account} sessions NUMBER --credential {credential}` if it may have more at once"                  },
    { "over a limit: sessions",     "`gatepost limit set {account} sessions NUMBER` if it may have more at once"             },
    { "over a limit",
     "`gatepost limit show {account}` shows what is used; `gatepost limit set {account} WHAT RATES` gives more"              },
    { "too many recipients for",
     "`gatepost limit show {account}` shows what is used; `gatepost limit set {account} WHAT RATES` gives more"              },
    { "no more recipients for now",
     "`gatepost limit show {account}` shows what is used; `gatepost limit set {account} WHAT RATES` gives more"              },
    { "sends as if somebody else",
     "look at it; then `gatepost queue release --account {account}`, or `gatepost user lock {account}`"                      },
    { "protected name",             "`policy.identity.protected_names` in gatepost.yml has the accounts that may show it"    },
    { "not looked at: too many",    "none, if somebody guesses; an old device needs the new password"                        },
    { "the account is disabled",    "`gatepost user enable {account}` if it may sign in again"                               },
    { "no such account",            "`gatepost user list` shows all; `gatepost user add NAME` makes one"                     },
    { "may not act for",            "`gatepost user may-act {account} OTHER` if it may"                                      },
    { "was made for old devices",
     "it works at listeners of kind legacy only: give this client another, `gatepost credential add {account}`"              },
    { "was not made for old dev",
     "give the device its own: `gatepost credential add {account} --legacy --label NAME`"                                    },
    { "may not be used from",       "`gatepost credential alter {account} {credential} --networks LIST` if it may"           },
    { "may not be used with",       "`gatepost credential alter {account} {credential} --mechanisms NAMES` if it may"        },
    { "may not be used at the l",   "`gatepost credential alter {account} {credential} --listeners NAMES` if it may"         },
    { "at this time of the week",   "`gatepost credential alter {account} {credential} --hours HOURS` if it may"             },
    { "is expired",                 "`gatepost credential rotate {account} {credential}` makes a successor"                  },
    { "retired",                    "give the client the new one; `gatepost credential list {account}` shows which"          },
    { "not used for",               "`gatepost credential rotate {account} {credential}` makes a successor"                  },
    { "CRAM-MD5 is not allowed",
     "set the client to SCRAM-SHA-256 or PLAIN; `gatepost credential settings {account}` says how"                           },
    { "no SCRAM keys",              "`gatepost user password {account}` sets a password that has them"                       },
    { "wrong password",
     "`gatepost credential list {account}` shows who uses what; `gatepost credential add {account}` makes a new one"         },
    { "policy.tls.minimum",         "update the client, or switch TLS 1.3 on in it; `policy.tls` in gatepost.yml is the rule"},
    { "no longer offered",
     "set the client to SCRAM-SHA-256 or PLAIN; `policy.mechanisms.retire` in gatepost.yml is the rule"                      },
    { "mechanism",                  "set the client up anew: `gatepost credential settings {account}` prints what it needs"  },
    { "Must issue a STARTTLS",      "switch TLS on in the client: `gatepost credential settings {account}`"                  },
    { "Authentication required",    "switch sign-in on in the client: `gatepost credential settings {account}`"              },
    { "is banned",                  "`gatepost ban list` shows it, `gatepost ban remove {address}` ends it"                  },
    { "larger than the limit",      "`limits.message_size` in gatepost.yml is the limit"                                     },
    { "too many recipients",
     "`limits.recipients` in gatepost.yml is the limit; clients send the rest in another message"                            },
    { "your address is in none",
     "the `networks` of that listener in gatepost.yml, if a device of yours is at {address}"                                 },
    { "too many sessions from",     "`limits.sessions_per_address` in gatepost.yml is the limit"                             },
    { "too many sessions now",      "`limits.sessions_per_smtpd` in gatepost.yml is the limit"                               },
    { "address not",                "`gatepost identity add {account} {sender}` if it may send as that"                      },
    { "may not send as",            "`gatepost identity add {account} {sender}` if it may send as that"                      },
    { "held",                       "`gatepost queue show {queue_id}`, then `queue release` or `queue delete`"               },
    { "not enough space",           "make room where the queue is; `queue.free_space` in gatepost.yml is what must stay free"},
    { "does not answer",            "`gatepost status` shows whether all roles run"                                          },
    { "cannot be read",             "`gatepost status`, and the log's line with event=store, say what is wrong"              },
};

/* A command is there to be copied into a shell, and a client chose some of these words. */
static bool may_be_copied(gp_str word)
{
    static const char fine[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@._+:/-";
    for (size_t i = 0; i < word.len; i++)
        if (!memchr(fine, word.ptr[i], sizeof(fine) - 1)) return false;
    return word.len > 0 && word.ptr[0] != '-';
}

/* "{account}" and what stands for it. */
static gp_str value_of(gp_str name, const struct advice *a)
{
    const struct {
        const char *name;
        gp_str      value, otherwise;
    } values[] = {
        {"account",     a->account,    GP_LIT("NAME")   },
        { "credential", a->credential, GP_LIT("LABEL")  },
        { "address",    a->address,    GP_LIT("ADDRESS")},
        { "sender",     a->sender,     GP_LIT("ADDRESS")},
        { "queue_id",   a->queue_id,   GP_LIT("ID")     },
    };
    for (size_t i = 0; i < GP_COUNT(values); i++)
        if (gp_is(name, values[i].name)) return may_be_copied(values[i].value) ? values[i].value : values[i].otherwise;
    return GP_LIT("");
}

static bool has(gp_str text, const char *words)
{
    for (size_t i = 0; i < text.len; i++)
        if (gp_starts(gp_tail(text, i), words)) return true;
    return false;
}

void advice_fill(struct gp_text *out, const char *words, const struct advice *a)
{
    for (gp_str rest = gp_from(words); rest.len > 0;) {
        gp_put(out, gp_cut(&rest, '{'));
        if (rest.len > 0) gp_put(out, value_of(gp_cut(&rest, '}'), a));
    }
}

void advice_put(struct gp_text *out, gp_str why, const struct advice *a)
{
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        if (!has(why, rows[i].cause)) continue;
        advice_fill(out, rows[i].next, a);
        return;
    }
}
