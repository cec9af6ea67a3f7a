/* The report for people: a grade for each area, the findings from the worst on, and one line at the end. */
#include "probe/probe.h"

#include <string.h>

enum { LABEL = 9, LEAST_WIDTH = 60 };

static const char *const colours[PROBE_SEVERITIES] = { "\033[36m", "\033[33m", "\033[31m", "\033[1;97;41m" };
static const char        plain[] = "\033[0m", bold[] = "\033[1m", dim[] = "\033[2m", green[] = "\033[32m";

struct page {
    const struct probe_report *report;
    const struct probe_look   *look;
    FILE                      *to;
};

static void paint(const struct page *p, const char *colour)
{
    if (p->look->colour) (void)fputs(colour, p->to);
}

/* How far it reaches on a terminal: characters, not octets. */
static size_t columns(gp_str text)
{
    enum { CONTINUES = 0x80, CONTINUED = 0xc0 };
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) n += ((unsigned char)text.ptr[i] & CONTINUED) != CONTINUES;
    return n;
}

/* Words behind a label, folded, each further line as far in as the first. */
static void put_words(const struct page *p, const char *label, gp_str text)
{
    size_t width = p->look->width > LEAST_WIDTH ? p->look->width : LEAST_WIDTH, at = LABEL + 2;
    (void)fprintf(p->to, "  %-*s", LABEL, label);
    bool first = true;
    while (text.len > 0) {
        gp_str word = gp_word(&text);
        if (!first && at + 1 + columns(word) > width) {
            (void)fprintf(p->to, "\n  %-*s", LABEL, "");
            at    = LABEL + 2;
            first = true;
        }
        (void)fprintf(p->to, "%s%.*s", first ? "" : " ", (int)word.len, word.ptr);
        at += columns(word) + !first;
        first = false;
    }
    (void)fputc('\n', p->to);
}

static void put_excerpt(const struct page *p, const char *excerpt)
{
    gp_str lines = gp_from(excerpt);
    paint(p, dim);
    while (lines.len > 0) {
        gp_str line = gp_cut(&lines, '\n');
        (void)fprintf(p->to, "  %-*s%.*s\n", LABEL, "", (int)line.len, line.ptr);
    }
    paint(p, plain);
}

/* For the server that it is, or for all where that is not known. */
static void put_mends(const struct page *p, const struct probe_finding *f)
{
    char room[1024];
    for (size_t i = 0; i < PROBE_SERVERS; i++) {
        if (!f->mend[i] || (p->report->server != PROBE_SERVERS && p->report->server != (enum probe_server)i)) continue;
        (void)snprintf(room, sizeof room, "%s: %s", probe_servers[i], f->mend[i]);
        put_words(p, "mend", gp_from(room));
    }
}

static void put_finding(const struct page *p, const struct probe_raised *raised)
{
    const struct probe_finding *f = &probe_findings[raised->id];
    paint(p, colours[f->severity]);
    (void)fprintf(p->to, "%-*s", LABEL + 1, probe_severities[f->severity]);
    paint(p, plain);
    (void)fputc(' ', p->to);
    paint(p, bold);
    (void)fputs(f->title, p->to);
    paint(p, plain);
    (void)fprintf(p->to, "  [%s]  %s\n", f->name, raised->where);
    put_words(p, "seen", gp_from(raised->seen));
    put_words(p, "why", gp_from(f->why));
    put_mends(p, f);
    put_excerpt(p, raised->excerpt);
    (void)fputc('\n', p->to);
}

static void put_grades(const struct page *p)
{
    for (size_t area = 0; area < PROBE_AREAS; area++) {
        char grade = probe_grade(p->report, (enum probe_area)area);
        if (grade == '-') continue;
        (void)fprintf(p->to, "  %-*s", LABEL, probe_areas[area]);
        paint(p, grade == 'A' ? green : grade == 'B' ? colours[PROBE_WARNING] : colours[PROBE_ERROR]);
        (void)fprintf(p->to, " %c", grade);
        paint(p, plain);
        bool first = true;
        for (size_t i = 0; i < p->report->fact_count; i++) {
            const struct probe_fact *fact = &p->report->facts[i];
            if (fact->area != (enum probe_area)area) continue;
            (void)fprintf(p->to, "%*s%s  %s\n", first ? 2 : LABEL + 6, "", fact->where, fact->what);
            first = false;
        }
        if (first) (void)fputc('\n', p->to);
    }
    (void)fputc('\n', p->to);
}

void probe_print_line(const struct probe_report *r, FILE *to)
{
    size_t examined = 0;
    for (size_t i = 0; i < PROBE_FINDINGS; i++) examined += r->states[i] != PROBE_UNSEEN;
    (void)fprintf(to, "%s: ", r->target);
    for (size_t i = PROBE_SEVERITIES; i-- > 0;) {
        size_t count = probe_count(r, (enum probe_severity)i);
        (void)fprintf(to, "%zu %s%s, ", count, probe_severities[i], count == 1 || i == PROBE_CRITICAL ? "" : "s");
    }
    (void)fprintf(to, "%zu of %d examined, %u connections", examined, (int)PROBE_FINDINGS, r->connections);
    if (r->failed_sign_ins) (void)fprintf(to, ", %u wrong sign-ins", r->failed_sign_ins);
    if (r->messages) (void)fprintf(to, ", %u messages handed over", r->messages);
    (void)fprintf(to, "%s\n",
                  r->lost      ? "; the report is not whole: too much was found"
                  : r->partial ? "; the report is not whole: the server ended it"
                               : "");
}

void probe_print_text(const struct probe_report *r, const struct probe_look *look, FILE *to)
{
    const struct page p = { r, look, to };
    (void)fprintf(to, "gatepost check %s\n\n", r->target);
    put_grades(&p);
    for (size_t severity = PROBE_SEVERITIES; severity-- > 0;)
        for (size_t i = 0; i < r->raised_count; i++)
            if (probe_findings[r->raised[i].id].severity == (enum probe_severity)severity)
                put_finding(&p, &r->raised[i]);
    probe_print_line(r, to);
}
