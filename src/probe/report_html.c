/* The report as one page that needs nothing else: no script, no picture, nothing from elsewhere. */
#include "probe/probe.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>gatepost check</title>\n<style>\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}\n"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}\n"
    ".grade{font-weight:bold}section{border-left:.4em solid #888;padding:.1em 1em;margin:1.5em 0}\n"
    ".note{border-color:#39c}.warning{border-color:#c90}.error{border-color:#c22}.critical{border-color:#800;background:#fee}\n"
    "h2{margin:.3em 0;font-size:1.1em}pre{background:#f4f4f4;padding:.6em;overflow-x:auto;font-size:.85em}code{color:#555}\n"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#262626}.critical{background:#400}td,th{border-color:#444}code{color:#aaa}}\n"
    "</style>\n";

static void put_element(FILE *to, const char *tag, const char *text)
{
    (void)fprintf(to, "<%s>", tag);
    probe_put_escaped(to, text);
    (void)fprintf(to, "</%s>", tag);
}

static void put_grades(const struct probe_report *r, FILE *to)
{
    (void)fputs("<table>\n<tr><th>area<th>grade<th>seen\n", to);
    for (size_t area = 0; area < PROBE_AREAS; area++) {
        char grade = probe_grade(r, (enum probe_area)area);
        if (grade == '-') continue;
        (void)fprintf(to, "<tr><td>%s<td class=\"grade\">%c<td>", probe_areas[area], grade);
        for (size_t i = 0; i < r->fact_count; i++) {
            if (r->facts[i].area != (enum probe_area)area) continue;
            put_element(to, "code", r->facts[i].where);
            (void)fputc(' ', to);
            probe_put_escaped(to, r->facts[i].what);
            (void)fputs("<br>", to);
        }
        (void)fputc('\n', to);
    }
    (void)fputs("</table>\n", to);
}

static void put_mends(const struct probe_finding *f, FILE *to)
{
    (void)fputs("<ul>\n", to);
    for (size_t i = 0; i < PROBE_SERVERS; i++) {
        if (!f->mend[i]) continue;
        (void)fprintf(to, "<li>%s: ", probe_servers[i]);
        probe_put_escaped(to, f->mend[i]);
        (void)fputc('\n', to);
    }
    (void)fputs("</ul>\n", to);
}

static void put_finding(const struct probe_raised *raised, FILE *to)
{
    const struct probe_finding *f = &probe_findings[raised->id];
    (void)fprintf(to, "<section class=\"%s\">\n", probe_severities[f->severity]);
    put_element(to, "h2", f->title);
    (void)fprintf(to, "\n<p>%s <code>%s</code> ", probe_severities[f->severity], f->name);
    put_element(to, "code", raised->where);
    (void)fputs("\n", to);
    put_element(to, "p", raised->seen);
    put_element(to, "p", f->why);
    (void)fputc('\n', to);
    put_mends(f, to);
    if (raised->excerpt[0]) put_element(to, "pre", raised->excerpt);
    (void)fputs("</section>\n", to);
}

void probe_print_html(const struct probe_report *r, FILE *to)
{
    (void)fputs(head, to);
    (void)fputs("<h1>gatepost check ", to);
    probe_put_escaped(to, r->target);
    (void)fputs("</h1>\n", to);
    put_grades(r, to);
    for (size_t severity = PROBE_SEVERITIES; severity-- > 0;)
        for (size_t i = 0; i < r->raised_count; i++)
            if (probe_findings[r->raised[i].id].severity == (enum probe_severity)severity)
                put_finding(&r->raised[i], to);
    (void)fprintf(to, "<p>%zu critical, %zu errors, %zu warnings, %zu notes; %u connections.%s\n</html>\n",
                  probe_count(r, PROBE_CRITICAL), probe_count(r, PROBE_ERROR), probe_count(r, PROBE_WARNING),
                  probe_count(r, PROBE_NOTE), r->connections,
                  r->lost      ? " The report is not whole: too much was found."
                  : r->partial ? " The report is not whole: the server ended it."
                               : "");
}
