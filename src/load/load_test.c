/* Histograms and mixes. What connections do is in run_test.c. */
#include "load/load.h"

#include "check.h"

TEST(a_histogram_is_exact_to_a_sixty_fourth)
{
    static struct histogram h;
    static const int64_t values[] = { 0, 1, 63, 64, 127, 128, 129, 1000, 4095, 65537, 1000000, 60000000, 3600000000 };
    for (size_t i = 0; i < GP_COUNT(values); i++) {
        h = (struct histogram) { 0 };
        histogram_add(&h, values[i]);
        histogram_add(&h, INT64_MAX / 1000000); /* so that the most does not bound it */
        int64_t got = histogram_at(&h, 0.5);
        CHECK(got >= values[i] && got - values[i] <= values[i] / HISTOGRAM_FINE + 1);
    }
}

TEST(percentiles_are_those_of_the_sorted_list)
{
    static struct histogram h;
    CHECK(histogram_at(&h, 0.99) == 0);
    for (int64_t i = 1; i <= 100; i++) histogram_add(&h, i);
    CHECK(histogram_at(&h, 0.5) == 50 && histogram_at(&h, 0.9) == 90 && histogram_at(&h, 0.99) == 99 &&
          histogram_at(&h, 1) == 100);
    CHECK(histogram_at(&h, 0) == 1 && h.most == 100 && h.count == 100);
    histogram_add(&h, -5); /* a clock that went backwards */
    CHECK(histogram_at(&h, 0) == 0);
}

TEST(a_mix_is_evenly_spread)
{
    struct load_mix m = {
        .items = {{ 3, 0 }, { 1, 0 }, { 0, 0 }},
          .count = 3
    };
    unsigned seen[3] = { 0 };
    for (unsigned i = 0; i < 40; i++) {
        seen[load_mix_next(&m)]++;
        CHECK(seen[0] + 1 >= (i + 1) * 3 / 4 && seen[1] <= (i + 1) / 4 + 1); /* at any time, not just in the end */
    }
    CHECK(seen[0] == 30 && seen[1] == 10 && seen[2] == 0);
}
