/* gatepost report --tls: how TLS went with other domains' mail hosts, by day; as JSON the reports of RFC 8460, one for each day and domain. */
#include <inttypes.h>
#include <string.h>

#include "cli/queue.h"
#include "cli/report.h"
#include "store/tls_results.h"

enum { DAY_MS = 24 * 3600 * 1000, MOMENT_ROOM = 32, ID_ROOM = 640 };

struct tls_report {
    const struct config *config;
    json_t              *all;      /* NULL: as text */
    json_t              *policies; /* of the report that the last row went to */
    json_t              *policy;   /* and in it */
    struct tls_result    last;
    size_t               rows;
};

static const char *moment(int64_t day, bool end, char room[static MOMENT_ROOM])
{
    struct gp_text text = { .ptr = room, .room = MOMENT_ROOM - 1 };
    log_put_time(&text, day * DAY_MS);
    text.len = text.len > 10 ? 10 : text.len; /* the date */
    gp_put_z(&text, end ? "T23:59:59Z" : "T00:00:00Z");
    room[text.len] = '\0';
    return room;
}

/* ---- as JSON (RFC 8460 4) ---------------------------------------------------------------------------------------------- */
static void begin_report(struct tls_report *r, const struct tls_result *t)
{
    char from[MOMENT_ROOM], to[MOMENT_ROOM], id[ID_ROOM];
    (void)snprintf(id, sizeof id, "%" PRId64 ".%s@%s", t->day, t->domain, r->config->hostname);
    r->policies = json_array();
    r->policy   = NULL;
    (void)json_array_append_new(r->all,
                                json_pack("{s:s, s:{s:s, s:s}, s:s, s:o}", "organization-name", r->config->domain,
                                          "date-range", "start-datetime", moment(t->day, false, from), "end-datetime",
                                          moment(t->day, true, to), "report-id", id, "policies", r->policies));
}

static void begin_policy(struct tls_report *r, const struct tls_result *t)
{
    r->policy = json_pack("{s:{s:s, s:s}, s:{s:i, s:i}}", "policy", "policy-type", t->policy, "policy-domain",
                          t->domain, "summary", "total-successful-session-count", 0, "total-failure-session-count", 0);
    (void)json_array_append_new(r->policies, r->policy);
}

static void add_to(json_t *summary, const char *key, int64_t count)
{
    (void)json_object_set_new(summary, key, json_integer(json_integer_value(json_object_get(summary, key)) + count));
}

static void add_failure(json_t *policy, const struct tls_result *t)
{
    if (!json_object_get(policy, "failure-details")) (void)json_object_set_new(policy, "failure-details", json_array());
    (void)json_array_append_new(json_object_get(policy, "failure-details"),
                                json_pack("{s:s, s:s, s:I, s:s}", "result-type", t->result, "receiving-mx-hostname",
                                          t->host, "failed-session-count", (json_int_t)t->count, "failure-reason-code",
                                          t->reason));
}

static void add_json(struct tls_report *r, const struct tls_result *t)
{
    bool same_report = r->policies && t->day == r->last.day && strcmp(t->domain, r->last.domain) == 0;
    if (!same_report) begin_report(r, t);
    if (!same_report || strcmp(t->policy, r->last.policy) != 0) begin_policy(r, t);
    add_to(json_object_get(r->policy, "summary"),
           t->result[0] ? "total-failure-session-count" : "total-successful-session-count", t->count);
    if (t->result[0]) add_failure(r->policy, t);
    r->last = *t;
}

/* ---- as text ------------------------------------------------------------------------------------------------------------- */
static void print(const struct tls_report *r, const struct tls_result *t)
{
    char room[MOMENT_ROOM];
    if (!r->rows)
        (void)printf("%-10s  %7s  %-26s  %-15s  %-32s  %s\n", "DAY", "COUNT", "RESULT", "POLICY", "DOMAIN", "HOST");
    (void)printf("%.10s  %7" PRId64 "  %-26s  %-15s  %-32s  %s\n", moment(t->day, false, room), t->count,
                 t->result[0] ? t->result : "good", t->policy, t->domain, t->host);
    if (!t->reason[0]) return;
    (void)fputs("  because: ", stdout);
    cli_print(stdout, gp_from(t->reason));
    (void)putchar('\n');
}

static bool take(void *owner, const struct tls_result *t)
{
    struct tls_report *r = owner;
    if (r->all)
        add_json(r, t);
    else
        print(r, t);
    r->rows++;
    return true;
}

int report_tls(const char *dir, gp_time since, bool json)
{
    static struct config config;
    if (!cli_config(dir, &config)) return CLI_FAILED;
    auto_queue_store q = cli_queue_open(dir);
    if (!q) return CLI_FAILED;
    struct tls_report r      = { .config = &config, .all = json ? json_array() : NULL };
    gp_status         status = tls_results_each(queue_database(q), tls_result_day(since), take, &r);
    if (status != GP_OK) {
        json_decref(r.all);
        return cli_queue_failed(q, "report");
    }
    if (json) return user_print_json(r.all);
    if (!r.rows)
        (void)puts("Nothing in that time: no connection to a mail host that MX named, or tls_reports.collect is no.");
    return CLI_DONE;
}
