/* Password strings that an account source keeps, in forms that are not our own. Pure; a check is slow: it is for a hashing thread. */
#include "vault/parts.h"

/* "{SCRAM-SHA-256}4096,SALT,STORED KEY,SERVER KEY", as Dovecot writes it, in the order of RFC 5803. */
static bool put_standard(struct gp_text *out, gp_str text)
{
    gp_str name = gp_cut(&text, '}'), count = gp_cut(&text, ','), salt = gp_cut(&text, ','),
           stored = gp_cut(&text, ',');
    if (!gp_starts(name, "{") || !text.ptr) return false;
    gp_put(out, gp_tail(name, 1));
    gp_put_char(out, '$');
    gp_put(out, count);
    gp_put_char(out, ':');
    gp_put(out, salt);
    gp_put_char(out, '$');
    gp_put(out, stored);
    gp_put_char(out, ':');
    gp_put(out, text);
    return !out->cut;
}

bool foreign_scram(gp_str text, struct gp_scram_keys *keys)
{
    char           room[FOREIGN_ROOM];
    struct gp_text standard = GP_TEXT(room);
    bool           read     = gp_scram_keys_read(text, keys) ||
                (put_standard(&standard, text) && gp_scram_keys_read(gp_said(&standard), keys));
    gp_wipe(room, sizeof(room));
    return read && keys->iterations <= GP_SCRAM_ROUNDS_MOST;
}

gp_status foreign_check(gp_str text, gp_secret password)
{
    struct gp_scram_keys keys;
    gp_status            status;
    if (foreign_scram(text, &keys))
        status = gp_scram_keys_match(&keys, password) ? GP_OK : GP_PERMFAIL;
    else
        status = gp_password_check(password, text);
    gp_wipe(&keys, sizeof(keys));
    return status;
}

void foreign_pretend(gp_str sample, gp_secret password)
{
    if (sample.len == 0)
        verifier_pretend(password, VERIFIER_HASH_COST, true);
    else
        (void)(foreign_check(sample, password) == GP_OK);
}
