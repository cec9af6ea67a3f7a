/* Both databases of a set-up, and their chains as one. */
#include "cli/audit.h"

#include <stdio.h>

#include "cli/queue.h"
#include "cli/when.h"

/* ---- opening --------------------------------------------------------------------------------------------------------------- */
bool cli_audit_open(const char *dir, struct audit_place_of *a)
{
    char file[CONFIG_PATH];
    *a = (struct audit_place_of) { .queue = NULL };
    if (!user_store_open(dir, &a->users)) return false;
    a->queue = cli_queue_open(dir);
    if (!a->queue) return false;
    a->no_key = "the path of the directory is too long";
    a->has_key =
        config_path(&a->users.config, "vault/audit.key", file) && audit_key_open(file, false, &a->key, &a->no_key);
    return true;
}

void cli_audit_close(struct audit_place_of *a)
{
    audit_key_close(&a->key);
    queue_close(a->queue);
    user_store_close(&a->users);
    a->queue = NULL;
}

struct database *audit_database(const struct audit_place_of *a, enum audit_chain chain)
{
    return chain == AUDIT_VAULT ? accounts_database(a->users.accounts) : queue_database(a->queue);
}

int audit_failed(const struct audit_place_of *a, enum audit_chain chain)
{
    enum database_trouble trouble = database_trouble(audit_database(a, chain));
    cli_problem(audit_chain_name(chain), database_why(trouble), database_hint(trouble));
    return CLI_FAILED;
}

/* ---- what is wanted ---------------------------------------------------------------------------------------------------------- */
static gp_str text_of(const char *z)
{
    return z ? gp_from(z) : GP_NONE;
}

static bool read_time(const char *option, const char *text, gp_time *out)
{
    const char *why = "";
    if (!text || since_read(gp_from(text), user_now(), out, &why)) return true;
    cli_problem(option, why, "write it as in 2026-11-26, 2026-11-26T18:30 or 30d");
    return false;
}

bool audit_read_wish(const struct audit_wish *w, struct audit_filter *out)
{
    *out = (struct audit_filter) { .event    = text_of(w->event),
                                   .account  = text_of(w->account),
                                   .address  = text_of(w->address),
                                   .queue_id = text_of(w->queue_id),
                                   .incident = text_of(w->incident) };
    return read_time("--since", w->since, &out->since) && read_time("--until", w->until, &out->until);
}

/* ---- both as one --------------------------------------------------------------------------------------------------------------- */
struct cursor {
    struct rows      rows;
    struct audit_row row;
    gp_status        status;
    char             room[AUDIT_FILTER_ROOM];
};

static void step(struct cursor *c)
{
    c->status = audit_next(&c->rows, &c->row);
}

static void open_cursors(const struct audit_place_of *a, const struct audit_filter *f,
                         struct cursor c[static AUDIT_CHAINS])
{
    for (unsigned i = 0; i < AUDIT_CHAINS; i++) {
        c[i].rows = audit_rows(audit_database(a, i), f, c[i].room);
        step(&c[i]);
    }
}

/* The chain whose next row is the older one; AUDIT_CHAINS: there is none. */
static unsigned oldest(const struct cursor c[static AUDIT_CHAINS])
{
    bool vault = c[AUDIT_VAULT].status == GP_OK, queue = c[AUDIT_QUEUE].status == GP_OK;
    if (vault && queue) return c[AUDIT_QUEUE].row.when < c[AUDIT_VAULT].row.when ? AUDIT_QUEUE : AUDIT_VAULT;
    if (vault) return AUDIT_VAULT;
    return queue ? AUDIT_QUEUE : AUDIT_CHAINS;
}

int audit_each(struct audit_place_of *a, const struct audit_wish                      *w,
               void (*each)(void *, enum audit_chain, const struct audit_row *), void *owner)
{
    static struct cursor cursors[AUDIT_CHAINS];
    struct audit_filter  filter;
    int                  done = CLI_DONE;
    if (!audit_read_wish(w, &filter)) return CLI_WRONG_USE;
    open_cursors(a, &filter, cursors);
    for (unsigned i; (i = oldest(cursors)) < AUDIT_CHAINS; step(&cursors[i])) each(owner, i, &cursors[i].row);
    for (unsigned i = 0; i < AUDIT_CHAINS; i++) {
        rows_end(&cursors[i].rows);
        if (cursors[i].status == GP_TEMPFAIL) done = audit_failed(a, i);
    }
    return done;
}
