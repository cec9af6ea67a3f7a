/* The figures of a load, for people and as JSON. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cli/bench.h"

enum { MILLI = 1000 };
static const double      shares[]      = { 0.5, 0.9, 0.99, 0.999 };
static const char *const share_names[] = { "p50", "p90", "p99", "p99.9" };

void bench_progress(void *owner, double second, const struct load_result *r)
{
    (void)owner;
    (void)fprintf(stderr, "%6.0f s  connections %llu  messages %llu  failures %llu\n", second,
                  (unsigned long long)r->stages[LOAD_WHOLE].count, (unsigned long long)r->messages,
                  (unsigned long long)r->failures);
}

static const char *kind_of(const struct bench *b)
{
    return b->kind ? b->kind : "message";
}

static double rate_of(const struct load_result *r, uint64_t count)
{
    return r->seconds > 0 ? (double)count / r->seconds : 0;
}

/* ---- text ------------------------------------------------------------------------------------------------------------------ */
static void print_stage(const struct load_result *r, size_t stage)
{
    const struct histogram *h = &r->stages[stage];
    if (h->count == 0) return;
    (void)printf("%-9s %9llu %9.1f", load_stages[stage], (unsigned long long)h->count, rate_of(r, h->count));
    for (size_t i = 0; i < GP_COUNT(shares); i++) (void)printf(" %9.2f", (double)histogram_at(h, shares[i]) / MILLI);
    (void)printf(" %9.2f\n", (double)h->most / MILLI);
}

static void print_errors(const struct load_result *r)
{
    if (r->error_count) (void)puts("\nfailures");
    for (size_t i = 0; i < r->error_count; i++)
        (void)printf("%9llu  at %s: %s\n", (unsigned long long)r->errors[i].count, load_stages[r->errors[i].stage],
                     r->errors[i].what);
}

static void print_text(const struct bench *b, const struct load_result *r)
{
    char rate[64] = "as fast as it goes";
    if (b->plan.rate > 0) (void)snprintf(rate, sizeof rate, "%.0f starts a second", b->plan.rate);
    (void)printf("%s port %s: %s, %u connections at most, %s, %.0f s\n\n", b->reach.host, b->reach.port, kind_of(b),
                 b->plan.connections, rate, r->seconds);
    (void)printf("%-9s %9s %9s", "ms", "count", "a second");
    for (size_t i = 0; i < GP_COUNT(shares); i++) (void)printf(" %9s", share_names[i]);
    (void)printf(" %9s\n", "most");
    for (size_t i = 0; i < LOAD_STAGES; i++) print_stage(r, i);
    (void)printf("\n%u open at once at most", r->open_most);
    if (r->messages) (void)printf(", %.2f MB a second of messages", rate_of(r, r->octets) / 1e6);
    if (r->resumed) (void)printf(", %llu TLS sessions resumed", (unsigned long long)r->resumed);
    if (b->plan.idle) (void)printf(", %llu of %u idle ones held to the end", (unsigned long long)r->idle, b->plan.idle);
    (void)putchar('\n');
    if (r->late)
        (void)printf(
            "%llu starts were due and never came about: --connections is too small for that rate, or the server too slow\n",
            (unsigned long long)r->late);
    print_errors(r);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------- */
static json_t *stages_json(const struct load_result *r)
{
    json_t *all = json_object();
    for (size_t s = 0; s < LOAD_STAGES; s++) {
        const struct histogram *h = &r->stages[s];
        if (h->count == 0) continue;
        json_t *ms = json_object();
        for (size_t i = 0; i < GP_COUNT(shares); i++)
            (void)json_object_set_new(ms, share_names[i], json_real((double)histogram_at(h, shares[i]) / MILLI));
        (void)json_object_set_new(ms, "max", json_real((double)h->most / MILLI));
        (void)json_object_set_new(
            all, load_stages[s],
            json_pack("{s:I, s:f, s:o}", "count", (json_int_t)h->count, "rate", rate_of(r, h->count), "ms", ms));
    }
    return all;
}

static json_t *errors_json(const struct load_result *r)
{
    json_t *all = json_array();
    for (size_t i = 0; i < r->error_count; i++)
        (void)json_array_append_new(all, json_pack("{s:s, s:s, s:I}", "stage", load_stages[r->errors[i].stage], "what",
                                                   r->errors[i].what, "count", (json_int_t)r->errors[i].count));
    return all;
}

static void print_json(const struct bench *b, const struct load_result *r)
{
    json_t *all = json_pack(
        "{s:s, s:s, s:s, s:i, s:f, s:f, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:o}", "kind", kind_of(b), "server",
        b->reach.host, "port", b->reach.port, "connections", (int)b->plan.connections, "rate", b->plan.rate, "seconds",
        r->seconds, "stages", stages_json(r), "messages", (json_int_t)r->messages, "octets", (json_int_t)r->octets,
        "resumed", (json_int_t)r->resumed, "failures", (json_int_t)r->failures, "late", (json_int_t)r->late, "idle",
        (json_int_t)r->idle, "open_most", (int)r->open_most, "errors", errors_json(r));
    (void)json_dumpf(all, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(all);
}

int bench_report(const struct bench *b, const struct load_result *r)
{
    if (b->json)
        print_json(b, r);
    else
        print_text(b, r);
    return r->failures || r->late ? CLI_FAILED : CLI_DONE;
}
