/* When, from where and how a credential was last used: kept in memory and written a few seconds later, many in one transaction, so
 * that a sign-in costs no fsync. A crash loses some seconds of it and nothing else. */

#include "vault/parts.h"

static struct credential_use *place_for(struct uses *u, int64_t credential)
{
    for (size_t i = 0; i < u->count; i++)
        if (u->list[i].credential == credential) return &u->list[i];
    if (u->count == USES_MOST) return NULL;
    u->list[u->count] = (struct credential_use) { .credential = credential };
    return &u->list[u->count++];
}

/* As much as there is room for. */
static void put(gp_str text, char *out, size_t room)
{
    if (!gp_copy_z(gp_head(text, room - 1), out, room)) out[0] = '\0';
}

/* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
static void put_tls(const struct signin *s, char *out, size_t room)
{
    char           both[2 * SIGNIN_TEXT];
    struct gp_text text = GP_TEXT(both);
    gp_put_z(&text, s->tls_version);
    if (s->tls_cipher[0]) gp_put_char(&text, ' ');
    gp_put_z(&text, s->tls_cipher);
    put(gp_said(&text), out, room);
}

/* ---- what somebody may want to switch off one day -------------------------------------------------------------------------- */
static void note_old(struct vault *v, const struct signin *s, const char *kind, const char *which)
{
    char           name_room[TALLY_NAME], room[TALLY_EXAMPLE];
    struct gp_text name = { .ptr = name_room, .room = sizeof(name_room) - 1 }, example = GP_TEXT(room);
    gp_put_z(&name, kind);
    gp_put_z(&name, which);
    name_room[name.len] = '\0';
    gp_put_z(&example, "from ");
    gp_put_z(&example, s->address);
    gp_put_z(&example, s->helo[0] ? ", which calls itself " : "");
    gp_put_z(&example, s->helo);
    use_note(v, name_room, s->account, s->found.id, gp_said(&example));
}

/* Of a mechanism or a TLS version that is as good as there is, nothing is counted: it costs no row. */
static void note_all_old(struct vault *v, const struct signin *s)
{
    if (s->nameless) note_old(v, s, "tls ", "without SNI");
    static const char *const mechanisms[] = { "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS" };
    for (size_t i = 0; i < GP_COUNT(mechanisms); i++)
        if (gp_is(gp_from(s->mechanism), mechanisms[i])) note_old(v, s, "mechanism ", mechanisms[i]);
    const char *old = policy_tls_old(gp_from(s->tls_version));
    if (old) note_old(v, s, "tls ", old);
}

/* ---- what policies in shadow let in: in enforce it does not come so far ------------------------------------------------------ */
static void note_shadow(struct vault *v, const struct signin *s, const char *rule, gp_str what)
{
    char           room[TALLY_EXAMPLE];
    struct gp_text example = { .ptr = room, .room = sizeof(room) };
    gp_put(&example, what);
    gp_put_z(&example, ", from ");
    gp_put_z(&example, s->address);
    shadow_note(v, rule, s->account, s->found.id, gp_said(&example));
}

static void note_policies(struct vault *v, const struct signin *s)
{
    char                       room[JUDGE_TEXT], name[TALLY_NAME];
    struct gp_text             less = GP_TEXT(room), rule = { .ptr = name, .room = sizeof(name) - 1 };
    const struct gp_sasl_mech *mech = gp_sasl_find(gp_from(s->mechanism));
    if (policy_tls_is_less(v->config, gp_from(s->tls_version))) {
        policy_put_tls(&less, v->config, gp_from(s->tls_version));
        note_shadow(v, s, "tls.minimum", gp_said(&less));
    }
    if (!mech || !policy_is_retired(v->config, gp_from(mech->name))) return;
    gp_put_z(&rule, "mechanisms.retire ");
    gp_put_z(&rule, mech->name);
    name[rule.len] = '\0';
    note_shadow(v, s, name, gp_from(mech->name));
}

void uses_note(struct vault *v, const struct signin *s)
{
    struct credential_use *use = place_for(&v->uses, s->found.id);
    if (v->config->listen[s->listener].kind !=
        LISTEN_LEGACY) { /* old is what that is for: the report has a part of its own */
        note_all_old(v, s);
        note_policies(v, s);
    }
    if (!use) {
        uses_write(v);
        use = place_for(&v->uses, s->found.id);
    }
    if (!use) return; /* the store takes nothing now: the sign-in itself matters more */
    use->when = wall_now();
    use->count++;
    put(gp_from(s->address), use->from, sizeof(use->from));
    put(gp_from(s->mechanism), use->mechanism, sizeof(use->mechanism));
    put(gp_from(s->helo), use->helo, sizeof(use->helo));
    put_tls(s, use->tls, sizeof(use->tls));
}

void uses_write(struct vault *v)
{
    if (v->uses.count == 0) return;
    if (accounts_used(v->accounts, v->uses.list, v->uses.count) == GP_OK)
        v->uses.count = 0;
    else
        vault_store_failed(v);
}
