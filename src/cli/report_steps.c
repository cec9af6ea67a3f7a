/* From a row of the report to what can be done about it: a table of how rules begin, and the configuration that each stands for. */
#include "cli/report.h"

#include <stdio.h>

#include "cli/story.h"
#include "sasl/sasl.h"

enum { NUMBER_ROOM = 24 };

/* ---- about one row ------------------------------------------------------------------------------------------------- */
/* The first one that fits counts. */
static const struct {
    const char *rule, *next;
} steps[] = {
    {"identity.names",              "`policy.identity.protected_names` in gatepost.yml has the accounts that may show that name"     },
    { "identity",                   "`gatepost identity add {account} ADDRESS` if it may send as that"                               },
    { "limits.account.sessions",    "`gatepost limit set {account} sessions NUMBER` if it may have more at once"                     },
    { "limits.account",
     "`gatepost limit set {account} WHAT RATES` if it may send more; `gatepost limit show {account}` has what is used"               },
    { "limits.credential.sessions",
     "`gatepost limit set {account} sessions NUMBER --credential {credential}` if it may have more at once"                          },
    { "limits.credential",          "`gatepost limit set {account} WHAT RATES --credential {credential}` if it may send more"        },
    { "limits",                     "`policy.limits` in gatepost.yml has the rates; the log's lines with event=shadow say from where"},
    { "guard",
     "none, if these are guessers; an old device needs the new password: `gatepost explain {account}` says from where"               },
    { "brake",
     "look at what it sent: `gatepost explain {account}`; was it somebody else: `gatepost user lock {account}`"                      },
    { "preflight",                  "`gatepost dns --check` says what to do"                                                         },
    { "tls without SNI",
     "none, while the first of `tls.certificates` is for the name that it connects to: others it never sees"                         },
    { "tls",
     "update the client, or switch newer TLS on in it: `gatepost credential show {account} {credential}` says which"                 },
    { "mechanism",
     "set the client to SCRAM-SHA-256 or PLAIN: `gatepost credential settings {account}` prints what it needs"                       },
    { "lane",
     "a device that speaks TLS 1.2 needs no listener of its own: give it a credential without --legacy, and revoke {credential}"     },
    { "credential never",           "`gatepost credential revoke {account} {credential}` if nobody is about to use it"               },
    { "credential unused",          "`gatepost credential revoke {account} {credential}` if what used it is gone"                    },
    { "credential old",
     "`gatepost credential rotate {account} {credential}` makes a successor, and both work for a while"                              },
};

/* By its id, which every command takes: a label may have blanks. */
void report_put_next(struct gp_text *out, const struct report_row *row)
{
    char           room[NUMBER_ROOM];
    struct gp_text id = GP_TEXT(room);
    if (row->credential) gp_put_number(&id, row->credential);
    struct advice a = { .account = gp_from(row->account), .credential = gp_said(&id) };
    for (size_t i = 0; i < GP_COUNT(steps); i++) {
        if (!gp_starts(gp_from(row->rule), steps[i].rule)) continue;
        advice_fill(out, steps[i].next, &a);
        return;
    }
}

/* ---- about all of a rule -------------------------------------------------------------------------------------------- */
static void put_policy(struct gp_text *out, gp_str name, const char *more)
{
    gp_put_z(out, "policy: {");
    gp_put(out, name);
    gp_put_z(out, ": {mode: enforce");
    gp_put_z(out, more);
    gp_put_z(out, "}}");
}

/* "identity.from" is policy.identity's. */
static void put_enforce(struct gp_text *out, const struct config *c, const char *rule)
{
    const struct {
        const char      *name;
        enum policy_mode mode;
    } policies[] = {
        {"identity",    c->policy.identity.mode  },
        { "limits",     c->policy.limits.mode    },
        { "guard",      c->policy.guard.mode     },
        { "brake",      c->policy.brake.mode     },
        { "preflight",  c->policy.preflight.mode },
        { "tls",        c->policy.tls.mode       },
        { "mechanisms", c->policy.mechanisms.mode},
    };
    gp_str rest = gp_from(rule), name = gp_cut(&rest, '.');
    for (size_t i = 0; i < GP_COUNT(policies); i++)
        if (gp_is(name, policies[i].name) && policies[i].mode != POLICY_ENFORCE) put_policy(out, name, "");
}

static void put_names(struct gp_text *out, const struct config *c)
{
    if (c->policy.identity.names != POLICY_ENFORCE) gp_put_z(out, "policy: {identity: {names: enforce}}");
}

static bool has_word(gp_str words, gp_str one)
{
    while (words.len > 0)
        if (gp_alike(gp_word(&words), one)) return true;
    return false;
}

/* With those that are to go already. */
static void put_retire(struct gp_text *out, const struct config *c, gp_str mechanism)
{
    char           room[CONFIG_TEXT];
    struct gp_text more    = { .ptr = room, .room = sizeof(room) - 1 };
    gp_str         already = gp_from(c->policy.mechanisms.retire);
    bool           listed  = has_word(already, mechanism);
    if (listed && c->policy.mechanisms.mode == POLICY_ENFORCE) return;
    gp_put_z(&more, ", retire: ");
    gp_put(&more, already);
    if (!listed && already.len > 0) gp_put_char(&more, ' ');
    if (!listed) gp_put(&more, mechanism);
    room[more.len] = '\0';
    put_policy(out, GP_LIT("mechanisms"), room);
}

static void put_minimum(struct gp_text *out, const struct config *c, gp_str version)
{
    enum tls_minimum wanted = gp_is(version, "TLSv1.2") ? TLS_MINIMUM_1_3 : TLS_MINIMUM_1_2;
    if (c->policy.tls.mode == POLICY_ENFORCE && c->policy.tls.minimum >= wanted) return;
    put_policy(out, GP_LIT("tls"), wanted == TLS_MINIMUM_1_3 ? ", minimum: 1.3" : ", minimum: 1.2");
}

void report_put_switch(struct gp_text *out, const struct config *c, const char *rule)
{
    gp_str what = gp_from(rule), kind = gp_word(&what);
    if (gp_is(kind, "identity.names"))
        put_names(out, c);
    else if (gp_is(kind, "mechanism"))
        put_retire(out, c, what);
    else if (gp_is(kind, "tls") && gp_starts(what, "TLS"))
        put_minimum(out, c, what);
    else if (!gp_is(kind, "credential") && !gp_is(kind, "tls"))
        put_enforce(out, c, rule);
}
