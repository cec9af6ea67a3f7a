/* Password strings that an account source keeps, and what they have to do with those of others. Pure. */
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

bool foreign_may_be_kept(gp_str text)
{
    return text.len < FOREIGN_ROOM && !gp_password_wrong(text);
}

void foreign_pretend(gp_str sample, gp_secret password)
{
    char hash[GP_HASH_ROOM];
    if (sample.len == 0)
        (void)(gp_password_hash(password, hash) == true);
    else
        (void)(gp_password_check(password, sample) == GP_OK);
}
