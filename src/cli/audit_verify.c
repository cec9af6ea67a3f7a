/* gatepost audit verify, key and erase: does the record hold, by which key, and without one person. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "store/tally.h"

enum { LINE_ROOM = 4096 };

struct verifying {
    struct audit_place_of  *audit;
    const struct audit_key *key; /* NULL: none */
    struct audit_fault      faults[AUDIT_CHAINS];
    bool                    bad[AUDIT_CHAINS];
    size_t                  compared[AUDIT_CHAINS];
    struct audit_seal       newest[AUDIT_CHAINS]; /* of what the key has signed; seq 0: nothing */
    gp_status               status;
    const char             *stray;     /* what is wrong with a line that is of no chain */
    bool                    elsewhere; /* lines are from a file now, where others may write, too */
    size_t                  ignored;   /* lines there that nobody can tell from chance            */
};

/* ---- checkpoints, from the other database and from elsewhere --------------------------------------------------------------------- */
static void compare(void *owner, gp_str line)
{
    struct verifying  *v = owner;
    struct audit_seal  s;
    struct audit_fault fault = { 0 };
    if (!memmem(line.ptr, line.len, "gatepost-audit ", sizeof "gatepost-audit " - 1)) return;
    bool sound = audit_seal_read(line, &s);
    if (!sound && v->elsewhere) {
        v->ignored++;
        return;
    }
    if (!sound || (v->key && !audit_seal_holds(line, v->key))) {
        v->stray = "a checkpoint was altered: the audit key has not signed it";
        return;
    }
    if (s.says != AUDIT_CHECKPOINT || v->bad[s.chain]) return;
    gp_status status = audit_compare(audit_database(v->audit, s.chain), &s, &fault);
    if (status == GP_TEMPFAIL) v->status = status;
    v->compared[s.chain]++;
    if (v->key && status == GP_OK && s.seq > v->newest[s.chain].seq) v->newest[s.chain] = s;
    v->bad[s.chain] = status == GP_PERMFAIL;
    if (v->bad[s.chain]) v->faults[s.chain] = fault;
}

static bool compare_file(struct verifying *v, const char *path)
{
    char  line[LINE_ROOM];
    FILE *f = fopen(path, "re");
    if (!f) {
        cli_problem(path, strerror(errno), "--checkpoints names a file to which the server's checkpoints went");
        return false;
    }
    v->elsewhere = true;
    while (fgets(line, sizeof line, f)) compare(v, gp_from(line));
    (void)fclose(f);
    return true;
}

/* ---- what should have been signed ------------------------------------------------------------------------------------------------- */
static gp_status look_for_unsigned(struct verifying *v)
{
    enum { SECOND_MS = 1000 };
    struct audit_signing g      = { .period = (gp_time)v->audit->users.config.audit.checkpoint * SECOND_MS };
    gp_status            status = audit_started(audit_database(v->audit, AUDIT_VAULT), &g.started);
    for (unsigned chain = 0; chain < AUDIT_CHAINS && status != GP_TEMPFAIL; chain++) {
        if (v->bad[chain]) continue;
        g.seq         = v->newest[chain].seq;
        status        = audit_unsigned(audit_database(v->audit, chain), &g, &v->faults[chain]);
        v->bad[chain] = status == GP_PERMFAIL;
    }
    return status == GP_TEMPFAIL ? status : GP_OK;
}

/* ---- saying it -------------------------------------------------------------------------------------------------------------------- */
static json_t *chain_json(const struct verifying *v, enum audit_chain chain)
{
    const struct audit_fault *f      = &v->faults[chain];
    bool                      bad    = v->bad[chain];
    const struct audit_seal  *newest = &v->newest[chain];
    json_t                   *signed_to =
        newest->seq ? json_pack("{s:I, s:o}", "row", (json_int_t)newest->seq, "time", user_time_json(newest->moment))
                                      : json_null();
    return json_pack("{s:b, s:I, s:I, s:o, s:o, s:o}", "whole", (int)!bad, "rows", (json_int_t)f->rows, "checkpoints",
                     (json_int_t)v->compared[chain], "signed", signed_to, "row",
                     bad ? json_integer((json_int_t)f->seq) : json_null(), "fault",
                     bad ? json_string(f->what) : json_null());
}

static int print_json(const struct verifying *v, bool whole)
{
    return user_print_json(json_pack("{s:b, s:b, s:I, s:o, s:o, s:o}", "whole", (int)whole, "signatures",
                                     (int)(v->key != NULL), "ignored", (json_int_t)v->ignored, "vault",
                                     chain_json(v, AUDIT_VAULT), "queue", chain_json(v, AUDIT_QUEUE), "checkpoints",
                                     v->stray ? json_string(v->stray) : json_null()));
}

static void print_signed(const struct audit_seal *newest)
{
    char room[USER_TIME_ROOM];
    if (newest->seq)
        (void)printf("signed up to row %lld (%s), ", (long long)newest->seq, user_time(newest->moment, room));
    else
        (void)printf("nothing of it signed, ");
}

static void print_chain(const struct verifying *v, enum audit_chain chain)
{
    const struct audit_fault *f = &v->faults[chain];
    if (v->bad[chain]) {
        (void)printf("%s: row %lld: %s\n", audit_chain_name(chain), (long long)f->seq, f->what);
        return;
    }
    (void)printf("%s: whole, %lld rows, ", audit_chain_name(chain), (long long)f->rows);
    if (v->key) print_signed(&v->newest[chain]);
    (void)printf("held against %zu checkpoints\n", v->compared[chain]);
}

static void print_people(const struct verifying *v)
{
    for (unsigned chain = 0; chain < AUDIT_CHAINS; chain++) print_chain(v, chain);
    if (v->stray) (void)puts(v->stray);
    if (v->ignored) (void)printf("%zu lines of the file are no checkpoints, and were ignored\n", v->ignored);
    if (!v->key)
        cli_problem("audit verify", "signatures were not looked at, so nothing is proved: there is no audit key",
                    "name its public half with --key, as `gatepost audit key` printed it");
}

/* ---- verify -------------------------------------------------------------------------------------------------------------------------- */
static int verify_all(struct verifying *v, const char *file, bool json)
{
    for (unsigned chain = 0; chain < AUDIT_CHAINS; chain++) {
        gp_status status = audit_verify(audit_database(v->audit, chain), v->key, &v->faults[chain]);
        if (status == GP_TEMPFAIL) return audit_failed(v->audit, chain);
        v->bad[chain] = status == GP_PERMFAIL;
    }
    for (unsigned chain = 0; chain < AUDIT_CHAINS; chain++)
        if (audit_visit_checkpoints(audit_database(v->audit, chain), compare, v) != GP_OK)
            return audit_failed(v->audit, chain);
    if (file && !compare_file(v, file)) return CLI_FAILED;
    if (v->status != GP_OK || (v->key && look_for_unsigned(v) != GP_OK)) return audit_failed(v->audit, AUDIT_VAULT);
    bool whole = v->key && !v->bad[AUDIT_VAULT] && !v->bad[AUDIT_QUEUE] && !v->stray;
    if (json && print_json(v, whole) != CLI_DONE) return CLI_FAILED;
    if (!json) print_people(v);
    return whole ? CLI_DONE : CLI_FAILED;
}

static int run_verify(const struct cli_command *command, int argc, char **argv)
{
    const char             *dir = NULL, *file = NULL, *key_text = NULL;
    bool                    json      = false;
    size_t                  count     = 0;
    struct audit_key        key       = { 0 };
    const struct cli_option options[] = {
        {"checkpoints", CLI_VALUE, &file,     "FILE",
         "checkpoints that were kept elsewhere: shows whether the end was cut off"                                         },
        { "key",        CLI_VALUE, &key_text, "KEY",  "the public half of the audit key, as `gatepost audit key` prints it"},
        { "json",       CLI_FLAG,  &json,     NULL,   "JSON"                                                               },
        { NULL,         CLI_FLAG,  NULL,      NULL,   NULL                                                                 },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (key_text && !audit_key_read(gp_from(key_text), &key)) {
        cli_problem("--key", "is not the public half of an audit key", "write it as `gatepost audit key` prints it");
        return CLI_WRONG_USE;
    }
    auto_audit       a = { .queue = NULL };
    struct verifying v = { .audit = &a };
    if (!cli_audit_open(dir, &a)) return CLI_FAILED;
    v.key = key_text ? &key : a.has_key ? &a.key : NULL;
    return verify_all(&v, file, json);
}

const struct cli_command cli_audit_verify = { "audit verify", "[--checkpoints FILE] [--key KEY] [--json]",
                                              "check that nothing in the audit was altered", run_verify };

/* ---- key --------------------------------------------------------------------------------------------------------------------------------- */
static bool needs_key(const struct audit_place_of *a)
{
    if (a->has_key) return true;
    cli_problem("vault/audit.key", a->no_key,
                "start the server once, and run this as root or as the user of the vault");
    return false;
}

static int run_key(const struct cli_command *command, int argc, char **argv)
{
    const char    *dir  = NULL;
    bool           json = false;
    char           room[AUDIT_PUBLIC_ROOM];
    struct gp_text text = GP_TEXT(room);
    int            stop = cli_parse_json(command, argc, argv, &dir, NULL, 0, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_audit a = { .queue = NULL };
    if (!cli_audit_open(dir, &a) || !needs_key(&a)) return CLI_FAILED;
    audit_put_public(&a.key, &text);
    if (json)
        return user_print_json(json_pack("{s:s, s:s#}", "algorithm", "Ed25519", "public_key", text.ptr, (int)text.len));
    (void)printf("%.*s\n", (int)text.len, text.ptr);
    return CLI_DONE;
}

const struct cli_command cli_audit_key = { "audit key", "[--json]",
                                           "print the public half of the key that signs the audit", run_key };

/* ---- erase --------------------------------------------------------------------------------------------------------------------------------- */
static int erase_from(struct audit_place_of *a, const struct audit_filter *who, size_t count[static AUDIT_CHAINS])
{
    gp_str name = who->account.ptr ? who->account : who->address;
    if (tally_erase(a->users.accounts, name, who->until) != GP_OK) return audit_failed(a, AUDIT_VAULT);
    for (unsigned chain = 0; chain < AUDIT_CHAINS; chain++)
        if (audit_erase(audit_database(a, chain), who, &a->key, &count[chain]) != GP_OK) return audit_failed(a, chain);
    return CLI_DONE;
}

static int run_erase(const struct cli_command *command, int argc, char **argv)
{
    struct audit_wish       w                   = { 0 };
    size_t                  count[AUDIT_CHAINS] = { 0 }, words = 0;
    struct audit_filter     who;
    const struct cli_option options[] = {
        {"account",  CLI_VALUE, &w.account, "NAME",    "all rows about this account"           },
        { "address", CLI_VALUE, &w.address, "ADDRESS", "all rows that name this address"       },
        { "until",   CLI_VALUE, &w.until,   "WHEN",    "those from before alone (default: all)"},
        { "json",    CLI_FLAG,  &w.json,    NULL,      "JSON"                                  },
        { NULL,      CLI_FLAG,  NULL,       NULL,      NULL                                    },
    };
    int stop = cli_parse(command, options, argc, argv, &w.dir, NULL, 0, 0, &words);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!w.account == !w.address) {
        cli_problem("audit erase", "whose data?", "say --account NAME or --address ADDRESS, one of them");
        return CLI_WRONG_USE;
    }
    if (!audit_read_wish(&w, &who)) return CLI_WRONG_USE;
    auto_audit a = { .queue = NULL };
    if (!cli_audit_open(w.dir, &a) || !needs_key(&a)) return CLI_FAILED;
    int done = erase_from(&a, &who, count);
    if (done != CLI_DONE) return done;
    if (w.json)
        return user_print_json(
            json_pack("{s:I, s:I}", "vault", (json_int_t)count[AUDIT_VAULT], "queue", (json_int_t)count[AUDIT_QUEUE]));
    (void)printf("Erased: %zu rows of the vault, %zu of the queue. A tombstone in the chain says which.\n",
                 count[AUDIT_VAULT], count[AUDIT_QUEUE]);
    return CLI_DONE;
}

const struct cli_command cli_audit_erase = { "audit erase", "--account NAME|--address ADDRESS [--until WHEN] [--json]",
                                             "remove one person's data from the audit, for good", run_erase };
