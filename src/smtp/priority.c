/* MT-PRIORITY (RFC 6710): how urgent a message is to its sender, from -9 to 9. */
#include "smtp/smtp.h"

bool gp_read_priority(gp_str value, int *priority)
{
    bool   below = gp_starts(value, "-");
    gp_str digit = gp_tail(value, below);
    if (digit.len != 1 || digit.ptr[0] < (below ? '1' : '0') || digit.ptr[0] > '9') return false;
    *priority = digit.ptr[0] - '0';
    if (below) *priority = -*priority;
    return true;
}

int gp_priority(gp_str params)
{
    int priority = 0;
    return gp_read_priority(gp_parameter(params, "MT-PRIORITY"), &priority) ? priority : 0;
}

bool gp_lower_priority(gp_str params, int most, struct gp_text *out)
{
    bool lowered = gp_priority(params) > most;
    while (params.len > 0) {
        gp_str word = gp_word(&params);
        if (out->len > 0) gp_put_char(out, ' ');
        if (lowered && gp_starts(word, "MT-PRIORITY=")) {
            gp_put_z(out, "MT-PRIORITY=");
            gp_put_number(out, most);
        } else {
            gp_put(out, word);
        }
    }
    return lowered;
}
