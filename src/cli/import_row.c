/* Entries turned into accounts: hashes looked over, SCRAM keys taken as they are, passwords in clear to be hashed later. */
#include "cli/import_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/leaked.h"
#include "cli/queue.h"
#include "cli/restrict.h"

enum {
    PROBLEMS_SHOWN = 200,
    ROWS_FIRST     = 64,
    WHAT_ROOM      = 512,
    REASON_ROOM    = 1536,
    SLOW_COUNT     = 20,
    ROUNDS_MOST    = 2000000
};

void import_problem(struct import_run *run, size_t line, const char *user, const char *reason)
{
    char           room[WHAT_ROOM];
    struct gp_text what = { .ptr = room, .room = sizeof(room) - 1 };
    run->problems++;
    if (run->problems == PROBLEMS_SHOWN + 1)
        cli_problem(run->file, "there are more problems, which are not shown", NULL);
    if (run->problems > PROBLEMS_SHOWN) return;
    gp_put(&what, gp_head(gp_from(run->file), WHAT_ROOM / 4));
    gp_put_char(&what, ':');
    gp_put_number(&what, (int64_t)line);
    if (user) gp_put_z(&what, ": ");
    if (user) gp_put(&what, gp_head(gp_from(user), ACCOUNT_NAME_MOST));
    room[what.len] = '\0';
    cli_problem(room, reason, NULL);
}

/* ---- taking ---------------------------------------------------------------------------------------------------------- */
struct taking {
    struct import_run         *run;
    const struct import_entry *entry;
};

static bool refuse(const struct taking *t, const char *reason)
{
    import_problem(t->run, t->entry->line, t->entry->fields[IMPORT_USER], reason);
    return false;
}

static void refuse_limit(void *owner, const char *option, gp_str value, const char *reason)
{
    char   room[REASON_ROOM];
    gp_str head = gp_head(value, 60);
    (void)snprintf(room, sizeof(room), "%s %.*s: %s", option, (int)head.len, head.ptr ? head.ptr : "", reason);
    (void)refuse(owner, room);
}

static void *take_memory(const struct taking *t, size_t octets)
{
    void *room = gp_arena_take(&t->run->arena, octets);
    if (room) return memset(room, 0, octets);
    (void)refuse(t, "there is not enough memory for so many");
    return NULL;
}

static bool read_yes(const char *text, bool *out)
{
    static const char *const yes[] = { "yes", "true", "1" }, *const no[] = { "no", "false", "0" };
    bool known = !text;
    for (size_t i = 0; text && i < GP_COUNT(yes); i++) {
        *out |= gp_is(gp_from(text), yes[i]);
        known |= *out || gp_is(gp_from(text), no[i]);
    }
    return known;
}

/* What was made for an old device stays so: elsewhere it must not begin to work. */
static bool take_legacy(const struct taking *t, bool *legacy)
{
    const char *text = t->entry->fields[IMPORT_LEGACY];
    *legacy          = false;
    return !text || !*text || read_yes(text, legacy) || refuse(t, "legacy is yes or no");
}

/* A device's network may guess much: nothing that a person chose, nor what is somebody's password elsewhere too, stands there. */
static bool is_for_device(const struct taking *t, const struct import_row *row)
{
    bool legacy = row->account.limits && row->account.limits->legacy;
    if (!legacy || !row->secret.len || row->generated) return true;
    return refuse(t, "the password of a device (legacy) is made by gatepost: leave it out, and give --generate");
}

static bool take_limits(const struct taking *t, struct new_account *account)
{
    const char *const   *f = t->entry->fields;
    struct limit_options l = { .hours = f[IMPORT_HOURS], .expires = f[IMPORT_EXPIRES], .unused = f[IMPORT_UNUSED] };
    struct cli_many     *lists[] = { &l.mechanisms, &l.listeners, &l.networks, &l.senders };
    for (size_t i = 0; i < GP_COUNT(lists); i++)
        if (f[IMPORT_MECHANISMS + i]) lists[i]->values[lists[i]->count++] = f[IMPORT_MECHANISMS + i];
    bool legacy;
    if (!take_legacy(t, &legacy)) return false;
    if (!limits_given(&l) && !t->entry->expires_at && !legacy) return true;
    struct restrictions *limits = take_memory(t, sizeof(*limits));
    if (!limits) return false;
    limits->expires = t->entry->expires_at;
    limits->legacy  = legacy;
    account->limits = limits;
    return limits_take(&l, &t->run->store->config, t->run->now, refuse_limit, (void *)(uintptr_t)t, limits);
}

/* Of the account, whichever credential this is. */
static bool take_account_mechanisms(const struct taking *t, struct new_account *account)
{
    const char          *given = t->entry->fields[IMPORT_ACCOUNT_MECHANISMS];
    struct limit_options l     = {
            .mechanisms = {.values = { given }, .count = given ? 1 : 0}
    };
    struct restrictions read = { .mechanisms = "" };
    if (!limits_take(&l, &t->run->store->config, t->run->now, refuse_limit, (void *)(uintptr_t)t, &read)) return false;
    gp_str kept         = gp_from(read.mechanisms);
    account->mechanisms = kept.len ? gp_arena_copy(&t->run->arena, kept) : GP_NONE;
    return account->mechanisms.len == kept.len || refuse(t, "there is not enough memory for so many");
}

static bool take_send_as(const struct taking *t, struct new_account *account)
{
    static const char blanks[] = " ,;";
    const char       *text     = t->entry->fields[IMPORT_SEND_AS];
    if (!text) return true;
    gp_str       copy = gp_arena_copy(&t->run->arena, (gp_str) { text, strlen(text) + 1 });
    const char **list = take_memory(t, IDENTITIES_MOST * sizeof(*list));
    if (!copy.ptr || !list) return false;
    char *rest = (char *)(uintptr_t)copy.ptr, *word; /* the copy is ours */
    while ((word = strsep(&rest, blanks))) {
        if (!*word) continue;
        if (account->send_as_count == IDENTITIES_MOST) return refuse(t, "too many addresses to send as");
        list[account->send_as_count++] = word;
    }
    account->send_as = list;
    return true;
}

static bool take_disabled(const struct taking *t, struct new_account *account)
{
    return read_yes(t->entry->fields[IMPORT_DISABLED], &account->disabled) || refuse(t, "disabled is yes or no");
}

/* ---- what one signs in with -------------------------------------------------------------------------------------------- */
/* "{SCRAM-SHA-256}4096,SALT,STORED,SERVER" as RFC 5803 writes it; others as they are. */
static void put_5803(struct gp_text *out, gp_str hash)
{
    static const char marks[] = ":$:";
    if (hash.len == 0 || hash.ptr[0] != '{') {
        gp_put(out, hash);
        return;
    }
    gp_str rest = gp_tail(hash, 1), name = gp_cut(&rest, '}');
    gp_put(out, name);
    gp_put_char(out, '$');
    for (size_t i = 0; i < sizeof(marks) - 1; i++) {
        gp_put(out, gp_cut(&rest, ','));
        gp_put_char(out, marks[i]);
    }
    gp_put(out, rest);
}

/* SCRAM-SHA-256 keys in the form that is native here. false: they are not, or too cheap or too dear to stay. */
static bool take_scram(gp_str hash, struct import_row *row)
{
    struct gp_scram_keys keys;
    char                 room[GP_HASH_ROOM];
    struct gp_text       text = GP_TEXT(room), kept = { .ptr = row->verifier->scram_sha256, .room = GP_HASH_ROOM - 1 };
    put_5803(&text, hash);
    bool native = !text.cut && gp_scram_keys_read(gp_said(&text), &keys) && keys.hash == GP_SHA256 &&
                  keys.salt_len == VERIFIER_SALT && keys.iterations >= VERIFIER_FEW_ROUNDS &&
                  keys.iterations <= ROUNDS_MOST;
    if (native) gp_scram_keys_put(&kept, &keys);
    return native;
}

static gp_str clear_text(gp_str hash)
{
    static const char *const schemes[] = { "{PLAIN}", "{CLEARTEXT}", "{CLEAR}" };
    for (size_t i = 0; i < GP_COUNT(schemes); i++)
        if (gp_starts(hash, schemes[i])) return gp_tail(hash, strlen(schemes[i]));
    return GP_NONE;
}

static bool take_clear(const struct taking *t, gp_str password, struct import_row *row)
{
    char           room[GP_PASSWORD_MOST];
    struct gp_text text = GP_TEXT(room);
    bool           good = gp_is_utf8(password) && gp_saslprep(password, true, &text) && text.len > 0;
    row->secret         = good ? gp_arena_copy(&t->run->arena, gp_said(&text)) : GP_NONE;
    gp_wipe(room, sizeof(room));
    row->account.kind = CREDENTIAL_CHOSEN;
    return row->secret.len > 0 || refuse(t, "the password is empty, or has characters that cannot be typed everywhere");
}

static bool take_hash(const struct taking *t, gp_str hash, struct import_row *row)
{
    if (clear_text(hash).ptr) return take_clear(t, clear_text(hash), row);
    row->hash = hash;
    if (take_scram(hash, row)) {
        bool made         = t->entry->fields[IMPORT_KIND] && gp_is(gp_from(t->entry->fields[IMPORT_KIND]), "generated");
        row->account.kind = made ? CREDENTIAL_GENERATED : CREDENTIAL_CHOSEN;
        return true;
    }
    const char *why   = gp_password_wrong(hash);
    row->account.kind = CREDENTIAL_IMPORTED;
    if (why) return refuse(t, why);
    return gp_copy_z(hash, row->verifier->plain, GP_HASH_ROOM) || refuse(t, "the hash is too long");
}

static bool take_generated(const struct taking *t, struct import_row *row)
{
    if (!t->run->generate)
        return refuse(t, "there is neither a password nor a hash; --generate makes a password for it");
    gp_new_password(row->password);
    row->generated    = true;
    row->secret       = gp_arena_copy(&t->run->arena, gp_from(row->password));
    row->account.kind = CREDENTIAL_GENERATED;
    return row->secret.len > 0 || refuse(t, "there is not enough memory for so many");
}

/* A certificate or a subject of OAuth. */
static bool take_subject(const struct taking *t, struct import_row *row)
{
    const char *kind = t->entry->fields[IMPORT_KIND], *subject = t->entry->fields[IMPORT_SUBJECT];
    row->account.kind = kind && gp_is(gp_from(kind), "oauth") ? CREDENTIAL_OAUTH : CREDENTIAL_CERTIFICATE;
    if (!kind || (row->account.kind == CREDENTIAL_CERTIFICATE && !gp_is(gp_from(kind), "certificate")))
        return refuse(t, "a subject goes with a kind that is certificate or oauth");
    row->account.subject = gp_from(subject);
    return true;
}

static bool take_secret(const struct taking *t, struct import_row *row)
{
    const char *const *f = t->entry->fields;
    if (f[IMPORT_SUBJECT]) return take_subject(t, row);
    if (f[IMPORT_PASSWORD] && f[IMPORT_HASH]) return refuse(t, "there are both a password and a hash");
    row->verifier         = take_memory(t, sizeof(*row->verifier));
    row->account.verifier = row->verifier;
    if (!row->verifier) return false;
    bool taken = f[IMPORT_PASSWORD] ? take_clear(t, gp_from(f[IMPORT_PASSWORD]), row)
                 : f[IMPORT_HASH]   ? take_hash(t, gp_from(f[IMPORT_HASH]), row)
                                    : take_generated(t, row);
    if (taken && row->secret.len)
        (void)gp_copy_z(GP_LIT("$argon2id$"), row->verifier->plain, GP_HASH_ROOM); /* until it is made */
    return taken;
}

/* ---- rows --------------------------------------------------------------------------------------------------------------- */
/* The rows hold generated passwords: those that are left behind are wiped. */
static struct import_row *next_row(struct import_run *run)
{
    if (run->count == run->room) {
        size_t             room  = run->room ? 2 * run->room : ROWS_FIRST;
        struct import_row *wider = run->count < IMPORT_ENTRIES_MOST ? calloc(room, sizeof(*wider)) : NULL;
        if (!wider) return NULL;
        if (run->count) memcpy(wider, run->rows, run->count * sizeof(*wider));
        if (run->rows) gp_wipe(run->rows, run->room * sizeof(*wider));
        free(run->rows);
        run->rows = wider;
        run->room = room;
    }
    return &run->rows[run->count];
}

static bool is_there(struct import_run *run, const char *user)
{
    struct account account;
    return run->skip_existing && accounts_find(run->store->accounts, gp_from(user), &account) == GP_OK;
}

static bool is_of_a_source(const struct import_entry *e)
{
    return e->fields[IMPORT_KIND] && gp_is(gp_from(e->fields[IMPORT_KIND]), "source");
}

void import_take(struct import_run *run, const struct import_entry *e)
{
    struct taking t    = { run, e };
    const char   *user = e->fields[IMPORT_USER];
    if (!user || !*user) {
        (void)refuse(&t, "there is no user name");
        return;
    }
    if (is_there(run, user) || is_of_a_source(e)) {
        run->skipped++;
        return;
    }
    struct import_row *row = next_row(run);
    if (!row) {
        (void)refuse(&t, "there are too many at once: import them in parts of at most 50000");
        return;
    }
    *row = (struct import_row) { .line = e->line, .account.name = gp_from(user) };
    if (e->fields[IMPORT_LABEL]) row->account.label = gp_from(e->fields[IMPORT_LABEL]);
    bool good = take_secret(&t, row);
    good      = take_limits(&t, &row->account) && good; /* all that is wrong with it is said at once */
    good      = good && is_for_device(&t, row);
    good      = take_send_as(&t, &row->account) && take_disabled(&t, &row->account) && good;
    good      = take_account_mechanisms(&t, &row->account) && good;
    if (good)
        run->count++;
    else
        gp_wipe(row, sizeof(*row));
}

/* ---- salts ------------------------------------------------------------------------------------------------------------------ */
/* The name that stands for all of an account's, as accounts.h has it. */
static gp_str plain_name(gp_str name, const char *domain)
{
    size_t at = gp_find(name, '@');
    return at < name.len && gp_is(gp_tail(name, at + 1), domain) ? gp_head(name, at) : name;
}

static int compare(const void *a, const void *b, void *owner)
{
    const struct import_run *run = owner;
    size_t                   x = *(const size_t *)a, y = *(const size_t *)b;
    gp_str                   left  = plain_name(run->rows[x].account.name, run->store->config.domain);
    gp_str                   right = plain_name(run->rows[y].account.name, run->store->config.domain);
    int                      by    = memcmp(left.ptr, right.ptr, left.len < right.len ? left.len : right.len);
    if (by == 0) by = (left.len > right.len) - (left.len < right.len);
    return by ? by : (x > y) - (x < y);
}

static bool is_same_account(const struct import_run *run, size_t a, size_t b)
{
    const char *domain = run->store->config.domain;
    return gp_same(plain_name(run->rows[run->order[a]].account.name, domain),
                   plain_name(run->rows[run->order[b]].account.name, domain));
}

/* Its keys stay in the string that they came in, which PLAIN and LOGIN can be checked by. */
static bool keep_as_hash(struct import_run *run, struct import_row *row)
{
    gp_wipe(row->verifier, sizeof(*row->verifier));
    row->account.kind = CREDENTIAL_IMPORTED;
    const char *why   = gp_password_wrong(row->hash);
    if (!why && gp_copy_z(row->hash, row->verifier->plain, GP_HASH_ROOM)) return true;
    import_problem(run, row->line, NULL, why ? why : "the hash is too long");
    return false;
}

static bool is_same_group(const struct scram_group *a, const struct scram_group *b)
{
    return a->iterations == b->iterations && memcmp(a->salt[GP_SHA256], b->salt[GP_SHA256], VERIFIER_SALT) == 0;
}

/* The rows of one account: keys that came stay if all have the same salt, and none has to be made for a password in clear. */
static void settle_account(struct import_run *run, size_t from, size_t to)
{
    struct scram_group first = { .iterations = 0 }, group;
    bool               clear = false;
    for (size_t i = from; i < to; i++) clear |= run->rows[run->order[i]].secret.len > 0;
    for (size_t i = from; i < to; i++) {
        struct import_row *row = &run->rows[run->order[i]];
        if (!row->verifier) continue;
        verifier_group(row->verifier, &group);
        if (!group.iterations) continue;
        if (!first.iterations) first = group;
        if (clear || !is_same_group(&first, &group)) (void)keep_as_hash(run, row);
    }
}

bool import_settle(struct import_run *run)
{
    run->order = calloc(run->count + 1, sizeof(*run->order));
    if (!run->order) {
        cli_problem(run->file, "there is not enough memory for so many", NULL);
        return false;
    }
    for (size_t i = 0; i < run->count; i++) run->order[i] = i;
    qsort_r(run->order, run->count, sizeof(*run->order), compare, run);
    for (size_t from = 0, to; from < run->count; from = to) {
        for (to = from + 1; to < run->count && is_same_account(run, from, to); to++) continue;
        settle_account(run, from, to);
    }
    return true;
}

/* ---- hashing -------------------------------------------------------------------------------------------------------------- */
/* They work where they come from, so they are taken. */
static void warn_of_weak(const struct import_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct import_row *row  = &run->rows[i];
        gp_secret                said = { row->secret.ptr, row->secret.len };
        const char              *weak =
            said.len && !row->generated ? password_weakness(&run->store->config, row->account.name, said) : NULL;
        if (weak)
            (void)fprintf(stderr,
                          "gatepost: warning: the password of %.*s %s: give it another with `gatepost user password`\n",
                          (int)row->account.name.len, row->account.name.ptr, weak);
    }
}

/* group: what the account's rows before this one have decided; and this one, if it is the first that does. */
static bool hash_one(struct import_run *run, struct import_row *row, struct scram_group *group)
{
    struct verifier_wish wish = { .account    = row->account.name,
                                  .generated  = row->generated,
                                  .scram      = run->store->config.passwords.scram,
                                  .iterations = run->store->config.passwords.scram_iterations,
                                  .group      = group };
    if (!verifier_make(&run->store->keys, (gp_secret) { row->secret.ptr, row->secret.len }, &wish, row->verifier))
        return false;
    if (!group->iterations) verifier_group(row->verifier, group);
    return true;
}

bool import_hash(struct import_run *run)
{
    struct scram_group group = { .iterations = 0 };
    size_t             clear = 0;
    warn_of_weak(run);
    for (size_t i = 0; i < run->count; i++) clear += run->rows[i].secret.len > 0 && !run->rows[i].generated;
    if (clear > SLOW_COUNT)
        (void)fprintf(stderr, "gatepost: %zu passwords came in clear; hashing them takes about a second each\n", clear);
    for (size_t i = 0; i < run->count; i++) {
        struct import_row *row = &run->rows[run->order[i]];
        if (i == 0 || !is_same_account(run, i - 1, i)) group = (struct scram_group) { .iterations = 0 };
        if (!row->secret.len || hash_one(run, row, &group)) continue;
        cli_problem(run->file, "a password could not be hashed", "see that memory is free, then try again");
        return false;
    }
    return true;
}

void import_run_free(struct import_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (run->rows[i].secret.ptr) gp_wipe((char *)(uintptr_t)run->rows[i].secret.ptr, run->rows[i].secret.len);
    if (run->rows) gp_wipe(run->rows, run->room * sizeof(*run->rows));
    free(run->rows);
    free(run->order);
    gp_arena_reset(&run->arena);
}
