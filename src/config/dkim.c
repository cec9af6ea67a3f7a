/* The names of DKIM key files: the vault, which signs with them, and the commands, which make and move them, read them alike. */
#include "config/config.h"

const char *const config_dkim_endings[CONFIG_DKIM_STATES] = { ".pem", ".next", ".old" };

/* "example.org.2024" with selector "2024" is for example.org. */
static bool cut_selector(gp_str stem, const char *selector, gp_str *domain)
{
    gp_str s = gp_from(selector);
    if (s.len == 0 || stem.len <= s.len + 1 || !gp_ends(stem, selector) || stem.ptr[stem.len - s.len - 1] != '.')
        return false;
    *domain = gp_head(stem, stem.len - s.len - 1);
    return true;
}

static gp_str cut_last_label(gp_str stem)
{
    size_t dot = stem.len;
    while (dot > 0 && stem.ptr[dot - 1] != '.') dot--;
    return gp_head(stem, dot ? dot - 1 : 0);
}

bool config_dkim_file(const struct config *c, gp_str name, enum config_dkim_state *state, char domain[static 256],
                      char selector[static 64])
{
    for (size_t i = 0; i < CONFIG_DKIM_STATES; i++) {
        if (!gp_ends(name, config_dkim_endings[i])) continue;
        gp_str stem = gp_head(name, name.len - gp_from(config_dkim_endings[i]).len), of;
        if (!cut_selector(stem, c->dkim.rsa_selector, &of) && !cut_selector(stem, c->dkim.ed25519_selector, &of))
            of = cut_last_label(stem);
        *state = (enum config_dkim_state)i;
        return config_is_hostname(of) && gp_copy_z(of, domain, 256) && stem.len > of.len + 1 &&
               config_is_hostname(gp_tail(stem, of.len + 1)) && gp_copy_z(gp_tail(stem, of.len + 1), selector, 64);
    }
    return false;
}
