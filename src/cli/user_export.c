/* gatepost user export: all accounts, and the credentials that have not ended, in the forms that `user import` reads. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/credential.h"
#include "cli/import.h"

struct exporting {
    struct user_store *store;
    json_t            *json; /* NULL: CSV */
    bool               hashes, failed;
};

/* The form that opens without this server's key. "": there is none. */
static const char *hash_of(const struct credential *c)
{
    if (verifier_is_hash(&c->verifier)) return c->verifier.plain;
    return c->verifier.scram_sha256;
}

struct fields { /* of one credential, as text */
    const char *texts[IMPORT_FIELDS];
    char        expires[USER_TIME_ROOM], unused[16], label[CREDENTIAL_TEXT];
};

/* Elsewhere it has no successor, so what is left of an overlap is its expiry there. */
static gp_time end_of(const struct credential *c)
{
    gp_time expires = c->limits.expires;
    return c->retires && (!expires || c->retires < expires) ? c->retires : expires;
}

/* A further one of the account has to have a label. */
static const char *label_of(struct fields *f, const struct credential *c, bool further)
{
    if (c->label[0] || !further) return c->label;
    (void)snprintf(f->label, sizeof(f->label), "credential %" PRId64, c->id);
    return f->label;
}

static void put_fields(struct fields *f, const struct credential *c, bool hashes, bool further)
{
    gp_time end                 = end_of(c);
    *f                          = (struct fields) { .texts = { NULL } };
    f->texts[IMPORT_LABEL]      = label_of(f, c, further);
    f->texts[IMPORT_KIND]       = credential_kind_name(c->kind);
    f->texts[IMPORT_SUBJECT]    = c->subject;
    f->texts[IMPORT_MECHANISMS] = c->limits.mechanisms;
    f->texts[IMPORT_LISTENERS]  = c->limits.listeners;
    f->texts[IMPORT_NETWORKS]   = c->limits.networks;
    f->texts[IMPORT_SENDERS]    = c->limits.senders;
    f->texts[IMPORT_HOURS]      = c->limits.hours;
    f->texts[IMPORT_LEGACY]     = c->limits.legacy ? "yes" : "";
    if (hashes) f->texts[IMPORT_HASH] = hash_of(c);
    if (end) f->texts[IMPORT_EXPIRES] = user_time(end, f->expires);
    if (c->limits.idle_days) (void)snprintf(f->unused, sizeof(f->unused), "%ud", (unsigned)c->limits.idle_days);
    f->texts[IMPORT_UNUSED] = f->unused;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */
static json_t *credential_object(const struct credential *c, const struct fields *f)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < IMPORT_FIELDS; i++)
        if (f->texts[i] && f->texts[i][0])
            (void)json_object_set_new(object, import_field_name(i), json_string(f->texts[i]));
    (void)json_object_set_new(object, "created", user_time_json(c->created));
    (void)json_object_set_new(object, "last_used", user_time_json(c->last_used));
    return object;
}

static void add_address(void *owner, gp_str address)
{
    (void)json_array_append_new(owner, json_stringn(address.ptr, address.len));
}

/* ---- CSV --------------------------------------------------------------------------------------------------------------- */
static void put_cell(const char *text, bool last)
{
    text = text ? text : "";
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        (void)fputs(text, stdout);
    } else {
        (void)putchar('"');
        for (; *text; text++) {
            if (*text == '"') (void)putchar('"');
            (void)putchar(*text);
        }
        (void)putchar('"');
    }
    (void)fputs(last ? "\r\n" : ",", stdout);
}

/* All but passwords, which are not kept. */
static bool is_column(const struct exporting *e, unsigned field)
{
    return field != IMPORT_PASSWORD && (e->hashes || field != IMPORT_HASH);
}

static void put_header(const struct exporting *e)
{
    for (unsigned i = 0; i < IMPORT_FIELDS; i++)
        if (is_column(e, i)) put_cell(import_field_name(i), i == IMPORT_FIELDS - 1);
}

static void put_row(const struct exporting *e, const struct account *account, const char *send_as, struct fields *f)
{
    f->texts[IMPORT_USER]               = account->name;
    f->texts[IMPORT_SEND_AS]            = send_as;
    f->texts[IMPORT_DISABLED]           = account->disabled ? "yes" : "";
    f->texts[IMPORT_ACCOUNT_MECHANISMS] = account->mechanisms;
    for (unsigned i = 0; i < IMPORT_FIELDS; i++)
        if (is_column(e, i)) put_cell(f->texts[i], i == IMPORT_FIELDS - 1);
}

static void join_address(void *owner, gp_str address)
{
    struct gp_text *list = owner;
    if (list->len > 0) gp_put_char(list, ' ');
    gp_put(list, address);
}

/* ---- accounts ----------------------------------------------------------------------------------------------------------- */
struct listing { /* of one account's credentials */
    struct exporting     *exporting;
    const struct account *account;
    json_t               *list; /* NULL: rows */
    const char           *send_as;
    size_t                count;
};

static void put_credential(struct listing *l, const struct credential *c)
{
    struct fields f;
    put_fields(&f, c, l->exporting->hashes, l->count > 0);
    l->count++;
    if (l->list)
        (void)json_array_append_new(l->list, credential_object(c, &f));
    else
        put_row(l->exporting, l->account, l->send_as, &f);
}

/* What has ended stays here: elsewhere nothing would hold it to its end. */
static bool put_those(struct listing *l, bool labelled)
{
    struct credential c;
    gp_status         status;
    gp_time           now = user_now();
    auto_rows         r   = credentials_of(l->exporting->store->accounts, l->account->id);
    while ((status = credentials_next(&r, &c)) == GP_OK)
        if ((c.label[0] != '\0') == labelled && credential_state(&c, now) == CREDENTIAL_LIVE) put_credential(l, &c);
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return status == GP_PERMFAIL;
}

/* Those without a label first, since the import takes such a one only as an account's first. */
static bool put_credentials(struct exporting *e, const struct account *account, json_t *list, const char *send_as)
{
    struct listing l    = { .exporting = e, .account = account, .list = list, .send_as = send_as };
    struct fields  none = { .texts = { NULL } };
    if (!put_those(&l, false) || !put_those(&l, true)) return false;
    if (!list && l.count == 0) put_row(e, account, send_as, &none);
    return true;
}

static bool put_object(struct exporting *e, const struct account *account)
{
    json_t *addresses = json_array(), *list = json_array();
    json_t *object = json_pack("{s:s, s:b, s:o, s:o, s:o}", "user", account->name, "disabled", account->disabled,
                               import_field_name(IMPORT_ACCOUNT_MECHANISMS), user_words_json(account->mechanisms),
                               "send_as", addresses, "credentials", list);
    return json_array_append_new(e->json, object) == 0 &&
           accounts_identities(e->store->accounts, account->id, add_address, addresses) == GP_OK &&
           put_credentials(e, account, list, NULL);
}

static bool put_rows(struct exporting *e, const struct account *account)
{
    static char    room[IDENTITIES_MOST * (ACCOUNT_ADDRESS_MOST + 1) + 1];
    struct gp_text list = { .ptr = room, .room = sizeof(room) - 1 };
    if (accounts_identities(e->store->accounts, account->id, join_address, &list) != GP_OK) return false;
    room[list.len] = '\0';
    return put_credentials(e, account, NULL, room);
}

static bool put_account(void *owner, const struct account *account)
{
    struct exporting *e = owner;
    e->failed           = !(e->json ? put_object(e, account) : put_rows(e, account));
    return !e->failed;
}

static int export(struct exporting *e)
{
    if (!e->json) put_header(e);
    gp_status status = accounts_each(e->store->accounts, put_account, e);
    if (status == GP_OK && !e->failed) return e->json ? user_print_json(e->json) : CLI_DONE;
    json_decref(e->json);
    return user_store_failed(e->store, "user export");
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct exporting  e   = { .hashes = false };
    bool              csv = false, json = false;
    const char       *dir = NULL;
    size_t            count;
    struct cli_option options[] = {
        {"json",         CLI_FLAG, &json,     NULL, "as JSON, which is the default"                                 },
        { "csv",         CLI_FLAG, &csv,      NULL, "as CSV, a line for each credential"                            },
        { "with-hashes", CLI_FLAG, &e.hashes, NULL, "with what is kept of passwords: treat the output as a password"},
        { NULL,          CLI_FLAG, NULL,      NULL, NULL                                                            },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (csv && json) {
        cli_problem("--csv", "it is one of the two: --csv or --json", NULL);
        return CLI_WRONG_USE;
    }
    auto_user_store s = { 0 };
    if (!user_store_open(dir, &s)) return CLI_FAILED;
    e.store = &s;
    e.json  = csv ? NULL : json_array();
    return export(&e);
}

const struct cli_command cli_user_export = { "user export", "[--json|--csv] [--with-hashes]",
                                             "print all accounts in a form that `user import` reads", run };
