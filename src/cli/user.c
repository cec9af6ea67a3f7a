/* What the user commands share: opening the store and showing accounts. */
#include "cli/credential.h"

#include <stdio.h>
#include <time.h>

enum { STORE_BUSY_MS = 5000, SECOND_MS = 1000, NANOSECONDS_A_MS = 1000000 };

bool user_store_open(const char *dir, struct user_store *s)
{
    char                  file[CONFIG_PATH] = "vault/vault.key";
    const char           *why               = "the path of the directory is too long";
    enum database_trouble trouble           = DATABASE_ABSENT;
    s->accounts                             = NULL;
    if (!cli_config(dir, &s->config)) return false;
    if (!config_path(&s->config, "vault/vault.key", file) || !verifier_keys_read(file, &s->keys, &why)) {
        cli_problem(file, why, "run it as root or as the user of the vault; `gatepost init` makes a new set-up");
        return false;
    }
    struct accounts_plan plan = {
        .path = file, .domain = gp_from(s->config.domain), .busy_ms = STORE_BUSY_MS, .create = true
    };
    if (config_path(&s->config, "vault/accounts.db", file)) s->accounts = accounts_open(&plan, &trouble);
    if (!s->accounts) cli_problem(file, database_why(trouble), database_hint(trouble));
    if (s->accounts) cli_set_operator(accounts_database(s->accounts));
    return s->accounts != NULL;
}

void user_store_close(struct user_store *s)
{
    accounts_close(s->accounts);
    gp_wipe(&s->keys, sizeof(s->keys));
    s->accounts = NULL;
}

int user_store_failed(struct user_store *s, const char *what)
{
    enum database_trouble trouble = database_trouble(accounts_database(s->accounts));
    cli_problem(what, database_why(trouble), database_hint(trouble));
    return CLI_FAILED;
}

bool user_find(struct user_store *s, const char *name, struct account *out)
{
    gp_status status = accounts_find(s->accounts, gp_from(name), out);
    if (status == GP_PERMFAIL) cli_problem(name, "there is no such account", "`gatepost user list` shows all");
    if (status == GP_TEMPFAIL) (void)user_store_failed(s, name);
    return status == GP_OK;
}

gp_time user_now(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (gp_time)now.tv_sec * SECOND_MS + now.tv_nsec / NANOSECONDS_A_MS;
}

const char *user_time(gp_time when, char out[static USER_TIME_ROOM])
{
    struct tm utc;
    time_t    seconds = (time_t)(when / SECOND_MS);
    if (when == 0 || !gmtime_r(&seconds, &utc) || strftime(out, USER_TIME_ROOM, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return "never";
    return out;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */
json_t *user_time_json(gp_time when)
{
    char text[USER_TIME_ROOM];
    return when ? json_string(user_time(when, text)) : json_null();
}

json_t *user_words_json(const char *words)
{
    json_t *list = json_array();
    for (gp_str rest = gp_from(words), word = gp_word(&rest); word.len > 0; word = gp_word(&rest))
        (void)json_array_append_new(list, json_stringn(word.ptr, word.len));
    return list;
}

static void add_address(void *owner, gp_str address)
{
    (void)json_array_append_new(owner, json_stringn(address.ptr, address.len));
}

static bool add_credentials(struct user_store *s, const struct account *account, json_t *list)
{
    struct credential c;
    gp_status         status;
    auto_rows         r = credentials_of(s->accounts, account->id);
    while ((status = credentials_next(&r, &c)) == GP_OK)
        (void)json_array_append_new(list, credential_json(account->name, &c, user_now()));
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return status == GP_PERMFAIL;
}

json_t *user_json(struct user_store *s, const struct account *account)
{
    json_t *addresses = json_array(), *credentials = json_array();
    json_t *user =
        json_pack("{s:s, s:I, s:b, s:o, s:o, s:o, s:o}", "user", account->name, "id", (json_int_t)account->id,
                  "disabled", account->disabled, "created", user_time_json(account->created), "mechanisms",
                  user_words_json(account->mechanisms), "send_as", addresses, "credentials", credentials);
    if (user && json_object_set_new(user, "source", json_string(account->source)) == 0 &&
        accounts_identities(s->accounts, account->id, add_address, addresses) == GP_OK &&
        add_credentials(s, account, credentials))
        return user;
    json_decref(user);
    return NULL;
}

int user_print_json(json_t *value)
{
    int failed = value ? json_dumpf(value, stdout, JSON_INDENT(2)) : -1;
    json_decref(value);
    if (failed) {
        cli_problem("output", "could not be made or written", "");
        return CLI_FAILED;
    }
    return puts("") < 0 ? CLI_FAILED : CLI_DONE;
}
