/* Does the time of a refusal tell whether a name exists? Wrong password and unknown name by turns, on the same connections; the ranks of
 * all times are compared (Mann and Whitney's U, two-sided, p below 0.001), and the medians must differ by what could be seen at all. */
#include "probe/account.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES_LEAST = 8 /* fewer can not reach that p */, SAMPLES_MOST = 50, DIFFERENCE_LEAST_US = 1000 };
static const double z_most = 3.29;

static int64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median(const int64_t *times, size_t n)
{
    int64_t sorted[SAMPLES_MOST];
    memcpy(sorted, times, n * sizeof *times);
    qsort(sorted, n, sizeof *sorted, by_size);
    return sorted[n / 2];
}

/* How far U is from what chance gives, in its own deviations. */
static double deviation(const int64_t *a, const int64_t *b, size_t n)
{
    double u = 0, count = (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) u += a[i] > b[j] ? 1 : a[i] == b[j] ? 0.5 : 0;
    return (u - count * count / 2) / sqrt(count * count * (2 * count + 1) / 12);
}

static bool measure(struct probe_call *c, const char *user, int64_t *time)
{
    gp_secret wrong = { c->run->account.wrong, strlen(c->run->account.wrong) };
    int64_t   began = now_us();
    (void)account_sign_in(c, "PLAIN", user, wrong);
    *time = now_us() - began;
    c->run->report->failed_sign_ins++;
    return c->reply.code / 100 == 5;
}

/* By turns, so that what the machine does meanwhile meets both alike. */
static bool measure_pair(struct probe_run *run, size_t i, int64_t *known, int64_t *unknown)
{
    auto_call   c        = { 0 };
    bool        first    = i % 2 == 0;
    const char *users[2] = { run->plan->user, run->account.nobody };
    int64_t    *times[2] = { known, unknown };
    return call_ready(&c, run) && measure(&c, users[!first], times[!first]) && measure(&c, users[first], times[first]);
}

void account_times(struct probe_run *run)
{
    int64_t known[SAMPLES_MOST], unknown[SAMPLES_MOST];
    size_t  n = run->plan->samples < SAMPLES_MOST ? run->plan->samples : SAMPLES_MOST;
    if (n < SAMPLES_LEAST || run->plan->token || !probe_offered(gp_from(run->mechanisms), "PLAIN")) return;
    for (size_t i = 0; i < n; i++)
        if (!measure_pair(run, i, &known[i], &unknown[i])) return;
    double  z = deviation(known, unknown, n);
    int64_t a = median(known, n), b = median(unknown, n);
    probe_mark(run);
    probe_judge(run, FOUND_AUTH_TIME, fabs(z) < z_most || llabs(a - b) < DIFFERENCE_LEAST_US,
                "%zu each: wrong password %.1f ms, unknown name %.1f ms in the middle; U is %.1f deviations off", n,
                (double)a / 1000, (double)b / 1000, z);
}
