/* The report for programs. The schema is documented in docs/check.md and does not change but by new members. */
#include "probe/probe.h"

#include <jansson.h>

static json_t *mends_of(const struct probe_finding *f)
{
    json_t *mends = json_object();
    for (size_t i = 0; i < PROBE_SERVERS; i++)
        if (f->mend[i]) (void)json_object_set_new(mends, probe_servers[i], json_string(f->mend[i]));
    return mends;
}

static json_t *finding_of(const struct probe_raised *raised)
{
    const struct probe_finding *f = &probe_findings[raised->id];
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "id", f->name, "area", probe_areas[f->area],
                     "severity", probe_severities[f->severity], "title", f->title, "where", raised->where, "seen",
                     raised->seen, "why", f->why, "transcript", raised->excerpt, "mend", mends_of(f));
}

static json_t *findings_of(const struct probe_report *r)
{
    json_t *all = json_array();
    for (size_t i = 0; i < r->raised_count; i++) (void)json_array_append_new(all, finding_of(&r->raised[i]));
    return all;
}

static json_t *grades_of(const struct probe_report *r)
{
    json_t *grades = json_object();
    for (size_t i = 0; i < PROBE_AREAS; i++) {
        char grade[2] = { probe_grade(r, (enum probe_area)i), '\0' };
        if (grade[0] != '-') (void)json_object_set_new(grades, probe_areas[i], json_string(grade));
    }
    return grades;
}

static json_t *counts_of(const struct probe_report *r)
{
    json_t *counts = json_object();
    for (size_t i = 0; i < PROBE_SEVERITIES; i++)
        (void)json_object_set_new(counts, probe_severities[i],
                                  json_integer((json_int_t)probe_count(r, (enum probe_severity)i)));
    return counts;
}

static json_t *facts_of(const struct probe_report *r)
{
    json_t *facts = json_array();
    for (size_t i = 0; i < r->fact_count; i++)
        (void)json_array_append_new(facts, json_pack("{s:s, s:s, s:s}", "area", probe_areas[r->facts[i].area], "where",
                                                     r->facts[i].where, "what", r->facts[i].what));
    return facts;
}

static json_t *fine_ones_of(const struct probe_report *r)
{
    json_t *fine = json_array();
    for (size_t i = 0; i < PROBE_FINDINGS; i++)
        if (r->states[i] == PROBE_FINE) (void)json_array_append_new(fine, json_string(probe_findings[i].name));
    return fine;
}

bool probe_print_json(const struct probe_report *r, FILE *to)
{
    enum { SCHEMA = 1 };
    json_t *all  = json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:i, s:b}", "schema", SCHEMA, "target",
                             r->target, "server", r->server == PROBE_SERVERS ? "" : probe_servers[r->server], "grades",
                             grades_of(r), "counts", counts_of(r), "findings", findings_of(r), "fine", fine_ones_of(r),
                             "facts", facts_of(r), "connections", (int)r->connections, "failed_sign_ins",
                             (int)r->failed_sign_ins, "messages", (int)r->messages, "complete", !r->lost && !r->partial);
    bool    done = all && json_dumpf(all, to, JSON_INDENT(2)) == 0 && fputc('\n', to) != EOF;
    json_decref(all);
    return done;
}
