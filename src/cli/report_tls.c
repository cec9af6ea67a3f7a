/* gatepost report --tls: how TLS went with other domains' mail hosts, by day, and what became of the reports to them; as JSON the reports of RFC 8460, one for
 * each day and domain, as they are sent. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/queue.h"
#include "cli/report.h"
#include "mail/mail.h"
#include "mail/tlsrpt.h"
#include "store/tls_results.h"

enum { DAY_ROOM = 16, REPORT_ROOM = 256 * 1024 };

static const char *shown_day(int64_t day, char room[static DAY_ROOM])
{
    struct gp_text text = { .ptr = room, .room = DAY_ROOM - 1 };
    gp_put_day(&text, day);
    room[text.len] = '\0';
    return room;
}

/* ---- as JSON ------------------------------------------------------------------------------------------------------------- */
struct all {
    const struct config  *config;
    struct database      *db;
    json_t               *json;
    char                 *room;
    gp_status             status;
    struct tls_result     last[2]; /* what the writer has of the last one stays while the next one is added */
    size_t                turn;
    struct gp_tlsrpt_json writer;
};

static bool add_result(void *owner, const struct tls_result *t)
{
    struct all        *a     = owner;
    struct tls_result *k     = &a->last[a->turn++ % GP_COUNT(a->last)];
    *k                       = *t;
    struct gp_tlsrpt_row row = { gp_from(k->policy), gp_from(k->text),   gp_from(k->host),
                                 gp_from(k->from),   gp_from(k->to),     gp_from(k->peer),
                                 gp_from(k->result), gp_from(k->reason), k->count };
    gp_tlsrpt_add(&a->writer, &row);
    return true;
}

static bool add_report(void *owner, const struct tls_report *t)
{
    struct all            *a      = owner;
    const struct config   *c      = a->config;
    struct gp_text         out    = { .ptr = a->room, .room = REPORT_ROOM };
    const struct gp_tlsrpt report = { c->tls_reports.organization, c->tls_reports.contact, c->hostname,
                                      gp_from(t->domain), t->day };
    gp_tlsrpt_begin(&a->writer, &report, &out);
    a->status = tls_results_of(a->db, t->day, gp_from(t->domain), add_result, a);
    gp_tlsrpt_end(&a->writer);
    if (a->status == GP_OK) (void)json_array_append_new(a->json, json_loadb(out.ptr, out.len, 0, NULL));
    return a->status == GP_OK;
}

static int print_reports(struct queue_store *q, const struct config *config, int64_t since)
{
    static struct all a;
    a = (struct all) { .config = config, .db = queue_database(q), .json = json_array(), .room = malloc(REPORT_ROOM) };
    if (!a.room) return CLI_FAILED;
    gp_status status = tls_reports_each(a.db, since, add_report, &a);
    free(a.room);
    if (status == GP_OK && a.status == GP_OK) return user_print_json(a.json);
    json_decref(a.json);
    return cli_queue_failed(q, "report");
}

/* ---- as text ------------------------------------------------------------------------------------------------------------- */
static bool print_result(void *owner, const struct tls_result *t)
{
    size_t *rows = owner;
    char    room[DAY_ROOM];
    if (!*rows)
        (void)printf("%-10s  %7s  %-26s  %-15s  %-32s  %s\n", "DAY", "COUNT", "RESULT", "POLICY", "DOMAIN", "HOST");
    ++*rows;
    (void)printf("%.10s  %7" PRId64 "  %-26s  %-15s  %-32s  %s\n", shown_day(t->day, room), t->count,
                 t->result[0] ? t->result : "good", t->policy, t->domain, t->host);
    if (!t->reason[0]) return true;
    (void)fputs("  because: ", stdout);
    cli_print(stdout, gp_from(t->reason));
    (void)putchar('\n');
    return true;
}

static bool print_report(void *owner, const struct tls_report *t)
{
    size_t *rows = owner;
    char    room[DAY_ROOM], due[USER_TIME_ROOM];
    if (!*rows) (void)printf("\n%-10s  %-10s  %-32s  %s\n", "DAY", "REPORT", "DOMAIN", "DUE, OR WHAT BECAME OF IT");
    ++*rows;
    (void)printf("%.10s  %-10s  %-32s  ", shown_day(t->day, room), tls_report_state_name(t->state), t->domain);
    if (t->state == TLS_REPORT_WAITS) (void)printf("%s%s", user_time(t->due, due), t->told[0] ? "; " : "");
    cli_print(stdout, gp_from(t->told));
    (void)putchar('\n');
    return true;
}

static int show(struct queue_store *q, const struct config *config, int64_t since)
{
    size_t    results = 0, reports = 0;
    gp_status status = tls_results_each(queue_database(q), since, print_result, &results);
    if (status == GP_OK && results && config->tls_reports.send)
        status = tls_reports_each(queue_database(q), since, print_report, &reports);
    if (status != GP_OK) return cli_queue_failed(q, "report");
    if (!results)
        (void)puts("Nothing in that time: no connection to a mail host that MX named, or tls_reports.collect is no.");
    else if (!reports)
        (void)puts("\nNobody is sent a report of it: tls_reports.send is no.");
    return CLI_DONE;
}

int report_tls(const char *dir, gp_time since, bool json)
{
    static struct config config;
    if (!cli_config(dir, &config)) return CLI_FAILED;
    auto_queue_store q   = cli_queue_open(dir);
    int64_t          day = tls_result_day(since);
    if (!q) return CLI_FAILED;
    return json ? print_reports(q, &config, day) : show(q, &config, day);
}

/* The server looks at what a command has changed within a second. */
int report_tls_hurry(const char *dir)
{
    static struct config config;
    size_t               count = 0;
    if (!cli_config(dir, &config)) return CLI_FAILED;
    if (!config.tls_reports.send) {
        cli_problem("tls_reports.send", "is no: nobody is sent reports of TLS", "set it to yes in gatepost.yml");
        return CLI_FAILED;
    }
    auto_queue_store q = cli_queue_open(dir);
    if (!q) return CLI_FAILED;
    gp_status status = queue_begin(q);
    if (status == GP_OK) status = tls_reports_hurry(queue_database(q), user_now(), &count);
    if (status == GP_OK) status = queue_commit(q);
    if (status != GP_OK) return cli_queue_failed(q, "report");
    (void)printf("%zu report%s of TLS %s due now; gatepost report --tls says what becomes of them.\n", count,
                 count == 1 ? "" : "s", count == 1 ? "is" : "are");
    return CLI_DONE;
}
