/* Values that are rates: "100/hour burst 30, 500/day". */
#include "config/schema.h"

static bool read_rates(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    const char *wrong = "";
    if (rates_read(text, (struct rates *)((char *)config + key->offset), &wrong)) return true;
    config_quote(why, text);
    gp_put_z(why, ": ");
    gp_put_z(why, wrong);
    return false;
}

static bool show_rates(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    if (index) return false;
    rates_put(out, (const struct rates *)((const char *)config + key->offset));
    return true;
}

const struct config_type config_rates = {
    "rates such as 100/hour burst 30, 500/day, or none", read_rates, show_rates, NULL, { NULL }
};
