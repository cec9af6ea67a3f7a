/* An LDAP directory, in one of three ways: bind as the entry that user_dn names; search for the entry, then bind as it; search for
 * it and give its hash. A seat keeps two connections: one that searches, and one for the binds of users. */
#include <ldap.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "lookup/parts.h"

enum { ENTRIES_MOST = 2, FILTER_ROOM = 4 * CONFIG_TEXT, DN_ROOM = 2048, VALUES_MOST = 2 };

struct directory {
    LDAP *searches, *binds;
}; /* the seat; NULL: not connected */

static void shut(LDAP **ld)
{
    if (*ld) (void)ldap_unbind_ext_s(*ld, NULL, NULL);
    *ld = NULL;
}

static void leave(void *seat)
{
    struct directory *d = seat;
    shut(&d->searches);
    shut(&d->binds);
    free(d);
}

/* ---- what a result means ------------------------------------------------------------------------------------------------- */
static bool is_gone(int result)
{
    static const int gone[] = { LDAP_SERVER_DOWN, LDAP_CONNECT_ERROR, LDAP_TIMEOUT,           LDAP_UNAVAILABLE,
                                LDAP_BUSY,        LDAP_NO_MEMORY,     LDAP_TIMELIMIT_EXCEEDED };
    for (size_t i = 0; i < GP_COUNT(gone); i++)
        if (result == gone[i]) return true;
    return false;
}

static void cannot(struct question *q, const char *what, int result)
{
    const char *why = ldap_err2string(result);
    (is_gone(result) ? question_failed : question_unclear)(q, what, why);
}

/* Active Directory says the same for every no, and the cause in the text that goes with it: "... data 52e, v4563". */
const char *ldap_cause(gp_str diagnostic, bool *known)
{
    static const struct {
        const char *data, *cause;
    } rows[] = {
        {"52e",  "wrong password"                                   },
        { "525", NULL                                               }, /* no such user */
        { "530", "the directory does not let this user in now"      },
        { "531", "the directory does not let this user in from here"},
        { "532", "the password has expired"                         },
        { "533", "the account is disabled in the directory"         },
        { "701", "the account has expired in the directory"         },
        { "773", "the password must be changed first"               },
        { "775", "the account is locked in the directory"           },
    };
    static const gp_str mark = { "data ", 5 };
    while (diagnostic.len && !gp_starts(diagnostic, mark.ptr)) diagnostic = gp_tail(diagnostic, 1);
    gp_str rest = gp_tail(diagnostic, diagnostic.len ? mark.len : 0), data = gp_cut(&rest, ',');
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        if (!gp_is(data, rows[i].data)) continue;
        *known = rows[i].cause != NULL;
        return rows[i].cause ? rows[i].cause : "no such entry";
    }
    return NULL;
}

static void refuse_bind(LDAP *ld, struct question *q, bool found)
{
    char *text = NULL;
    (void)ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    const char *cause = text ? ldap_cause(gp_from(text), &found) : NULL;
    question_refuse(q, found, cause ? cause : found ? "wrong password" : "no such entry, or a wrong password");
    ldap_memfree(text);
}

static void judge_bind(LDAP *ld, struct question *q, int result, bool found)
{
    switch (result) {
    case LDAP_SUCCESS: question_right(q); break;
    case LDAP_INVALID_CREDENTIALS: refuse_bind(ld, q, found); break;
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INVALID_DN_SYNTAX: question_refuse(q, false, "no such entry"); break;
    case LDAP_INAPPROPRIATE_AUTH: question_refuse(q, found, "the entry has no password"); break;
    case LDAP_CONSTRAINT_VIOLATION:
    case LDAP_UNWILLING_TO_PERFORM: question_refuse(q, found, "the directory does not let this entry in"); break;
    default: cannot(q, "bind", result); break;
    }
}

/* ---- connections -------------------------------------------------------------------------------------------------------------- */
static int set_tls(LDAP *ld, const struct source *s)
{
    const int   demand = LDAP_OPT_X_TLS_DEMAND, least = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;
    int         done = ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
    const char *ca   = s->ca_file[0] ? s->ca_file : "/etc/ssl/certs/ca-certificates.crt";
    if (done == LDAP_OPT_SUCCESS) done = ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &least);
    if (done == LDAP_OPT_SUCCESS) done = ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ca);
    return done == LDAP_OPT_SUCCESS ? ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client) : done;
}

static int set_options(LDAP *ld, const struct source *s)
{
    const struct timeval patience = { .tv_sec = s->timeout_ms / LOOKUP_MS };
    const int            version = LDAP_VERSION3, seconds = s->timeout_ms / LOOKUP_MS, entries = ENTRIES_MOST;
    const struct {
        int         option;
        const void *value;
    } options[] = {
        {LDAP_OPT_PROTOCOL_VERSION, &version    },
        { LDAP_OPT_NETWORK_TIMEOUT, &patience   },
        { LDAP_OPT_TIMEOUT,         &patience   },
        { LDAP_OPT_TIMELIMIT,       &seconds    },
        { LDAP_OPT_SIZELIMIT,       &entries    },
        { LDAP_OPT_REFERRALS,       LDAP_OPT_OFF}, /* a password goes to the servers that are configured, to no other */
        { LDAP_OPT_RESTART,         LDAP_OPT_ON },
    };
    int done = LDAP_OPT_SUCCESS;
    for (size_t i = 0; i < GP_COUNT(options) && done == LDAP_OPT_SUCCESS; i++)
        done = ldap_set_option(ld, options[i].option, options[i].value);
    return done == LDAP_OPT_SUCCESS ? set_tls(ld, s) : done;
}

static int connect_to(LDAP **ld, const struct source *s)
{
    bool clear = gp_starts(gp_from(s->plan->uri), "ldap://") && s->plan->starttls;
    int  done  = ldap_initialize(ld, s->plan->uri);
    if (done == LDAP_SUCCESS && set_options(*ld, s) != LDAP_OPT_SUCCESS) done = LDAP_LOCAL_ERROR;
    if (done == LDAP_SUCCESS && clear) done = ldap_start_tls_s(*ld, NULL, NULL);
    if (done != LDAP_SUCCESS) shut(ld);
    return done;
}

/* RFC 4513 5.1.2: a bind with a name and no password succeeds as nobody; so an empty one never comes here. */
static int bind_as(LDAP *ld, const char *dn, const char *password)
{
    struct berval secret = { .bv_len = strlen(password), .bv_val = (char *)password };
    if (secret.bv_len == 0 && dn[0]) return LDAP_INAPPROPRIATE_AUTH;
    return ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

static int connect_searcher(LDAP **ld, const struct source *s)
{
    int done = connect_to(ld, s);
    if (done == LDAP_SUCCESS && s->plan->bind_dn[0]) done = bind_as(*ld, s->plan->bind_dn, s->secret);
    if (done != LDAP_SUCCESS) shut(ld);
    return done;
}

/* ---- searching ------------------------------------------------------------------------------------------------------------------ */
static int search_once(LDAP *ld, const struct source *s, const char *filter, LDAPMessage **found)
{
    struct timeval patience                = { .tv_sec = s->timeout_ms / LOOKUP_MS };
    char           none[]                  = LDAP_NO_ATTRS;
    char          *wanted[VALUES_MOST + 1] = { 0 };
    size_t         count                   = 0;
    if (s->plan->hash_attribute[0]) wanted[count++] = (char *)s->plan->hash_attribute;
    if (s->plan->name_attribute[0]) wanted[count++] = (char *)s->plan->name_attribute;
    if (count == 0) wanted[0] = none;
    return ldap_search_ext_s(ld, s->plan->base, LDAP_SCOPE_SUBTREE, filter, wanted, 0, NULL, NULL, &patience,
                             ENTRIES_MOST, found);
}

/* A connection that the server has closed while it was idle shows at its first use: once more, with a new one. */
static int search(struct directory *d, const struct source *s, const char *filter, LDAPMessage **found)
{
    bool kept = d->searches != NULL;
    int  done = kept ? LDAP_SUCCESS : connect_searcher(&d->searches, s);
    if (done == LDAP_SUCCESS) done = search_once(d->searches, s, filter, found);
    if (kept && done == LDAP_SERVER_DOWN) {
        ldap_msgfree(*found);
        *found = NULL;
        shut(&d->searches);
        done = connect_searcher(&d->searches, s);
        if (done == LDAP_SUCCESS) done = search_once(d->searches, s, filter, found);
    }
    if (is_gone(done)) shut(&d->searches);
    return done;
}

/* The first value. GP_NONE: there is none; what is given is freed with ldap_value_free_len(*values). */
static gp_str value_of(LDAP *ld, LDAPMessage *entry, const char *attribute, struct berval ***values)
{
    *values = attribute[0] ? ldap_get_values_len(ld, entry, attribute) : NULL;
    if (!*values || !(*values)[0]) return GP_NONE;
    return (gp_str) { (*values)[0]->bv_val, (*values)[0]->bv_len };
}

/* ---- binding as the user ---------------------------------------------------------------------------------------------------------- */
static int bind_user(struct directory *d, const struct source *s, const char *dn, const char *password)
{
    bool kept = d->binds != NULL;
    int  done = kept ? LDAP_SUCCESS : connect_to(&d->binds, s);
    if (done == LDAP_SUCCESS) done = bind_as(d->binds, dn, password);
    if (kept && done == LDAP_SERVER_DOWN) {
        shut(&d->binds);
        done = connect_to(&d->binds, s);
        if (done == LDAP_SUCCESS) done = bind_as(d->binds, dn, password);
    }
    if (is_gone(done)) shut(&d->binds);
    return done;
}

static void judge_user(struct directory *d, const struct source *s, const char *dn, struct question *q, bool found)
{
    int result = bind_user(d, s, dn, q->secret);
    judge_bind(d->binds, q, result, found);
}

static void by_template(struct directory *d, const struct source *s, struct question *q)
{
    char           dn[DN_ROOM];
    struct gp_text text = { .ptr = dn, .room = sizeof dn - 1 };
    if (q->kind != LOOKUP_PASSWORD)
        question_refuse(q, false, "this directory gives no hashes");
    else if (!template_fill(&text, s->plan->user_dn, gp_from(q->user), escape_dn))
        question_refuse(q, false, "the name makes too long a DN");
    else {
        dn[text.len] = '\0';
        judge_user(d, s, dn, q, false);
    }
}

/* ---- by search ---------------------------------------------------------------------------------------------------------------------- */
static void take_name(struct directory *d, const struct source *s, LDAPMessage *entry, struct question *q)
{
    struct berval **values;
    gp_str          name = value_of(d->searches, entry, s->plan->name_attribute, &values);
    if (name.ptr) question_name(q, name);
    ldap_value_free_len(values);
}

static void take_entry(struct directory *d, const struct source *s, LDAPMessage *entry, struct question *q)
{
    struct berval **values = NULL;
    char           *dn     = ldap_get_dn(d->searches, entry);
    if (s->plan->hash_attribute[0])
        question_hash(q, value_of(d->searches, entry, s->plan->hash_attribute, &values));
    else if (q->kind != LOOKUP_PASSWORD)
        question_refuse(q, true, "this directory gives no hashes");
    else if (!dn || !dn[0])
        question_unclear(q, "the entry has no DN", NULL);
    else
        judge_user(d, s, dn, q, true);
    if (values && values[0]) gp_wipe(values[0]->bv_val, values[0]->bv_len);
    ldap_value_free_len(values);
    ldap_memfree(dn);
    if (q->status == GP_OK || q->status == GP_WAIT) take_name(d, s, entry, q);
}

static void by_search(struct directory *d, const struct source *s, struct question *q)
{
    char           filter[FILTER_ROOM];
    struct gp_text text  = { .ptr = filter, .room = sizeof filter - 1 };
    LDAPMessage   *found = NULL;
    if (!template_fill(&text, s->plan->filter, gp_from(q->user), escape_filter)) {
        question_refuse(q, false, "the name makes too long a filter");
        return;
    }
    filter[text.len] = '\0';
    int done         = search(d, s, filter, &found);
    int count        = found ? ldap_count_entries(d->searches, found) : 0;
    if (done == LDAP_SIZELIMIT_EXCEEDED || (done == LDAP_SUCCESS && count > 1))
        question_unclear(q, "more than one entry has this name", NULL);
    else if (done == LDAP_INVALID_CREDENTIALS || done == LDAP_INSUFFICIENT_ACCESS)
        question_failed(q, "the directory does not let bind_dn search", NULL);
    else if (done == LDAP_NO_SUCH_OBJECT)
        question_failed(q, "there is no such base", s->plan->base);
    else if (done != LDAP_SUCCESS)
        cannot(q, "search", done);
    else if (count == 0)
        question_refuse(q, false, "no such entry");
    else
        take_entry(d, s, ldap_first_entry(d->searches, found), q);
    ldap_msgfree(found);
}

static void ask(const struct source *s, void **seat, struct question *q)
{
    struct directory *d = *seat ? *seat : calloc(1, sizeof *d);
    *seat               = d;
    if (!d)
        question_failed(q, "no memory", NULL);
    else if (s->plan->user_dn[0])
        by_template(d, s, q);
    else
        by_search(d, s, q);
}

/* ---- the process's settings ----------------------------------------------------------------------------------------------------------- */
/* ldap.conf and LDAP... variables are of this host's commands, and could change who is trusted. The first handle makes libldap
 * read them, and must be made before there are threads. */
static bool open_library(const struct source *s)
{
    LDAP *ld = NULL;
    (void)setenv("LDAPNOINIT", "1", 1);
    bool done = ldap_initialize(&ld, s->plan->uri) == LDAP_SUCCESS;
    shut(&ld);
    if (!done)
        LOG(LOG_ERROR, "source", LOG_Z("source", s->plan->name), LOG_Z("problem", "libldap does not take the uri"));
    return done;
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    out->network  = true;
    out->reads[0] = s->ca_file[0] ? s->ca_file : NULL;
}

const struct source_type source_ldap = { .open = open_library, .needs = needs, .ask = ask, .leave = leave };
