/* Reports of TLS (RFC 8460), for the queue, which makes them: where a domain wants them, and those that go over the web.
 *
 *   asked           waits for                                                   then
 *   REPORT_FIND     the record in DNS; vault's keys, where a way is mail         REPORT_WAYS
 *   REPORT_POST     the addresses of the host; the process that asks the web     POSTED */
#include <stdlib.h>

#include "mail/records.h"
#include "mail/tlsrpt.h"
#include "relay/parts.h"

enum { JOBS_MOST = 16, NAME_ROOM = 288, WHY_ROOM = 160 };

struct report_job {
    struct report_job *next;
    struct relay      *relay;
    uint32_t           question;
    struct dns_query  *txt;
    struct reach       reach;
    char               from[256]; /* the domain that mail would be from */
    char               ways_room[GP_TLSRPT_WAYS_ROOM];
    struct gp_text     ways;
    char               uri[GP_TLSRPT_WAY_MOST + 1];
    size_t             len;
    char               body[];
};

static void end(struct report_job *job, struct msg *said)
{
    struct report_job **at = &job->relay->reports;
    if (said) ipc_answer(job->relay->queue, job->question, said);
    while (*at != job) at = &(*at)->next;
    *at = job->next;
    dns_forget(job->txt);
    reach_forget(&job->reach);
    ipc_forget(job->relay->vault, job);
    ipc_forget(job->relay->web, job);
    free(job);
}

void reports_abandon(struct relay *r)
{
    while (r->reports) end(r->reports, NULL);
}

static struct report_job *begin(struct relay *r, uint32_t question, gp_str body)
{
    size_t count = 0;
    for (struct report_job *j = r->reports; j; j = j->next) count++;
    struct report_job *job = count < JOBS_MOST ? calloc(1, sizeof *job + body.len) : NULL; /* a message has its bound */
    if (!job) return NULL;
    struct gp_text copy = { .ptr = job->body, .room = body.len };
    gp_put(&copy, body);
    job->len      = copy.len;
    job->relay    = r;
    job->reach    = (struct reach) { .relay = r, .outside = true, .owner = job };
    job->question = question;
    job->ways     = GP_TEXT(job->ways_room);
    job->next     = r->reports;
    r->reports    = job;
    return job;
}

/* ---- where to ------------------------------------------------------------------------------------------------------------------- */
static void say_ways(struct report_job *job, gp_status status, bool is_signed, const char *why)
{
    struct msg m  = MSG(REPORT_WAYS);
    m.report_ways = (struct msg_report_ways) {
        .status = (uint64_t)status, .is_signed = is_signed, .ways = gp_said(&job->ways), .why = gp_from(why)
    };
    end(job, &m);
}

static void got_keys(void *owner, gp_status status, const struct msg *m)
{
    struct report_job *job = owner;
    if (status != GP_OK || m->type != MSG_DKIM_KEYS_ARE || m->dkim_keys_are.status == GP_TEMPFAIL)
        say_ways(job, GP_TEMPFAIL, false, "whether the report can be signed cannot be told now");
    else
        say_ways(job, GP_OK, m->dkim_keys_are.keys.len > 0, "");
}

static bool has_mail(gp_str ways)
{
    while (ways.len)
        if (gp_tlsrpt_is_mail(gp_cut(&ways, '\n'))) return true;
    return false;
}

static void ask_keys(struct report_job *job)
{
    struct msg m = MSG(DKIM_KEYS);
    if (!has_mail(gp_said(&job->ways)) || !job->relay->config->dkim.sign) {
        say_ways(job, GP_OK, false, "");
        return;
    }
    m.dkim_keys.domain = gp_from(job->from);
    ipc_ask(job->relay->vault, &m, got_keys, job);
}

/* RFC 8460 3: records that are none are passed over; of two, neither counts. */
static const char *read_record(struct report_job *job, const struct dns_answer *answer)
{
    const struct dns_record *record = NULL;
    size_t                   count  = 0;
    for (size_t i = 0; answer->status == GP_OK && i < answer->count; i++) {
        if (!gp_is_tlsrpt(answer->records[i].data)) continue;
        record = &answer->records[i];
        count++;
    }
    if (!count) return "its domain has no record _smtp._tls that asks for reports";
    if (count > 1) return "its domain has several records _smtp._tls, and so none that counts";
    return gp_tlsrpt_ways(record->data, job->relay->config->relay.policy_port, &job->ways)
               ? NULL
               : "its record _smtp._tls has no address that can be used";
}

static void got_record(void *owner, const struct dns_answer *answer)
{
    struct report_job *job = owner;
    job->txt               = NULL;
    if (answer->status == GP_TEMPFAIL) {
        say_ways(job, GP_TEMPFAIL, false, "the DNS does not answer for its record _smtp._tls");
        return;
    }
    const char *why = read_record(job, answer);
    if (why)
        say_ways(job, GP_PERMFAIL, false, why);
    else
        ask_keys(job);
}

void reports_find(struct relay *r, const struct msg *m)
{
    char               room[NAME_ROOM];
    struct gp_text     name = GP_TEXT(room);
    struct report_job *job  = begin(r, m->question, GP_LIT(""));
    struct msg         no   = MSG(REPORT_WAYS);
    gp_put_z(&name, "_smtp._tls.");
    gp_put(&name, m->report_find.domain);
    bool fits = job && gp_copy_z(m->report_find.from, job->from, sizeof job->from) && !name.cut;
    if (fits) job->txt = dns_ask(r->dns, gp_said(&name), DNS_TXT, got_record, job);
    if (fits && job->txt) return;
    no.report_ways = (struct msg_report_ways) { .status = GP_TEMPFAIL,
                                                .ways   = GP_LIT(""),
                                                .why    = GP_LIT("no room for another question") };
    if (job)
        end(job, &no);
    else
        ipc_answer(r->queue, m->question, &no);
}

/* ---- over the web --------------------------------------------------------------------------------------------------------------- */
static void say_posted(struct report_job *job, gp_status status, gp_str why)
{
    struct msg m = MSG(POSTED);
    m.posted     = (struct msg_posted) { .status = (uint64_t)status, .why = why };
    end(job, &m);
}

static void posted(void *owner, gp_status status, const struct msg *m)
{
    struct report_job *job = owner;
    char               room[WHY_ROOM];
    struct gp_text     why  = GP_TEXT(room);
    bool               said = status == GP_OK && m->type == MSG_WEB_SAID;
    if (!said)
        gp_put_z(&why, "the process that asks the web is not there");
    else
        gp_put(&why, gp_head(m->web_said.why, WHY_ROOM / 2));
    if (said && m->web_said.code) {
        gp_put_z(&why, ": ");
        gp_put_number(&why, (int64_t)m->web_said.code);
    }
    say_posted(job, said && m->web_said.status == GP_OK ? GP_OK : GP_TEMPFAIL, gp_said(&why));
}

static void reached(void *owner, gp_str reach)
{
    struct report_job *job = owner;
    struct msg         m   = MSG(WEB_ASK);
    if (!reach.ptr) {
        say_posted(job, GP_TEMPFAIL, GP_LIT("its host has no address outside of this network"));
        return;
    }
    m.web_ask = (struct msg_web_ask) {
        .uri   = gp_from(job->uri),
        .reach = reach,
        .type  = GP_LIT("application/tlsrpt+gzip"), /* RFC 8460 5.4 */
        .body  = {job->body, job->len}
    };
    ipc_ask(job->relay->web, &m, posted, job);
}

void reports_post(struct relay *r, const struct msg *m)
{
    struct gp_https    https;
    struct report_job *job  = begin(r, m->question, m->report_post.body);
    struct msg         no   = MSG(POSTED);
    bool               fits = job && gp_copy_z(m->report_post.uri, job->uri, sizeof job->uri);
    if (fits && gp_https_read(gp_from(job->uri), &https)) {
        job->reach.done = reached;
        if (reach_find(&job->reach, https.host, https.port)) return;
    }
    no.posted = (struct msg_posted) { .status = GP_TEMPFAIL, .why = GP_LIT("no room for another question") };
    if (job)
        end(job, &no);
    else
        ipc_answer(r->queue, m->question, &no);
}
