/* The report for what reads JUnit: a suite for each area, a case for each finding that was examined. */
#include "probe/probe.h"

/* XML 1.0 2.2, 2.4: the text was made printable before; what has a meaning in XML is written otherwise. */
void probe_put_escaped(FILE *to, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': (void)fputs("&amp;", to); break;
        case '<': (void)fputs("&lt;", to); break;
        case '>': (void)fputs("&gt;", to); break;
        case '"': (void)fputs("&quot;", to); break;
        case '\'': (void)fputs("&#39;", to); break;
        default: (void)fputc(*text, to);
        }
    }
}

/* A case fails once: all places of a finding are in one failure. */
static void put_failures(const struct probe_report *r, enum probe_id id, bool fails, FILE *to)
{
    const char *element = fails ? "failure" : "system-out";
    (void)fprintf(to, "      <%s", element);
    if (fails) (void)fprintf(to, " type=\"%s\" message=\"", probe_severities[probe_findings[id].severity]);
    if (fails) probe_put_escaped(to, probe_findings[id].title);
    (void)fputs(fails ? "\">" : ">", to);
    for (size_t i = 0; i < r->raised_count; i++) {
        const struct probe_raised *raised = &r->raised[i];
        if (raised->id != id) continue;
        probe_put_escaped(to, raised->where);
        (void)fputs(": ", to);
        probe_put_escaped(to, raised->seen);
        (void)fputc('\n', to);
        probe_put_escaped(to, raised->excerpt);
        (void)fputc('\n', to);
    }
    (void)fprintf(to, "</%s>\n", element);
}

static bool fails(const struct probe_report *r, enum probe_id id, int least)
{
    return r->states[id] == PROBE_RAISED && (int)probe_findings[id].severity >= least;
}

static void put_case(const struct probe_report *r, enum probe_id id, int least, FILE *to)
{
    const struct probe_finding *f = &probe_findings[id];
    (void)fprintf(to, "    <testcase classname=\"check.%s\" name=\"%s\">\n", probe_areas[f->area], f->name);
    if (r->states[id] == PROBE_RAISED) put_failures(r, id, fails(r, id, least), to);
    (void)fputs("    </testcase>\n", to);
}

static void put_suite(const struct probe_report *r, enum probe_area area, int least, FILE *to)
{
    size_t cases = 0, failures = 0;
    for (size_t i = 0; i < PROBE_FINDINGS; i++) {
        if (probe_findings[i].area != area) continue;
        cases += r->states[i] != PROBE_UNSEEN;
        failures += fails(r, (enum probe_id)i, least);
    }
    if (cases == 0) return;
    (void)fprintf(to, "  <testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\">\n", probe_areas[area], cases, failures);
    for (size_t i = 0; i < PROBE_FINDINGS; i++)
        if (probe_findings[i].area == area && r->states[i] != PROBE_UNSEEN) put_case(r, (enum probe_id)i, least, to);
    (void)fputs("  </testsuite>\n", to);
}

void probe_print_junit(const struct probe_report *r, int least, FILE *to)
{
    (void)fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"gatepost check ", to);
    probe_put_escaped(to, r->target);
    (void)fputs("\">\n", to);
    if (r->lost || r->partial)
        (void)fputs("  <properties><property name=\"complete\" value=\"false\"/></properties>\n", to);
    for (size_t i = 0; i < PROBE_AREAS; i++) put_suite(r, (enum probe_area)i, least, to);
    (void)fputs("</testsuites>\n", to);
}
