/* The fields of an account that comes from elsewhere: their names. */
#include "cli/import.h"

static const char *const names[IMPORT_FIELDS] = {
    [IMPORT_USER]               = "user",
    [IMPORT_PASSWORD]           = "password",
    [IMPORT_HASH]               = "hash",
    [IMPORT_LABEL]              = "label",
    [IMPORT_KIND]               = "kind",
    [IMPORT_SUBJECT]            = "subject",
    [IMPORT_SEND_AS]            = "send_as",
    [IMPORT_DISABLED]           = "disabled",
    [IMPORT_MECHANISMS]         = "mechanisms",
    [IMPORT_ACCOUNT_MECHANISMS] = "account_mechanisms",
    [IMPORT_LISTENERS]          = "listeners",
    [IMPORT_NETWORKS]           = "networks",
    [IMPORT_SENDERS]            = "senders",
    [IMPORT_HOURS]              = "hours",
    [IMPORT_EXPIRES]            = "expires",
    [IMPORT_UNUSED]             = "unused",
    [IMPORT_LEGACY]             = "legacy",
};
static const char *const ignored[] = { "created", "last_used" }; /* an export has them; they begin anew here */

unsigned import_field_of(gp_str name)
{
    for (unsigned i = 0; i < IMPORT_FIELDS; i++)
        if (gp_is(name, names[i])) return i;
    for (size_t i = 0; i < GP_COUNT(ignored); i++)
        if (gp_is(name, ignored[i])) return IMPORT_IGNORED;
    return IMPORT_UNKNOWN;
}

const char *import_field_name(unsigned field)
{
    return field < IMPORT_FIELDS ? names[field] : "";
}

void import_source_free(struct import_source *s)
{
    json_decref(s->kept);
    s->kept = s->object = NULL;
}
