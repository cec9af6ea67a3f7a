/* Options that restrict a credential, read into what the store keeps. */
#include "cli/restrict.h"

#include <stdio.h>
#include <string.h>

#include "cli/when.h"
#include "sasl/sasl.h"
#include "store/accounts.h"
#include "store/within.h"

enum { WHAT_ROOM = 128, REASON_ROOM = 1024, DAY_MS = 24 * 3600 * 1000 };

struct taking {
    const struct config *config;
    limits_refuse       *refuse;
    void                *owner;
};

static bool refuse(const struct taking *t, const char *option, gp_str value, const char *reason)
{
    t->refuse(t->owner, option, value, reason);
    return false;
}

void limits_refuse_option(void *owner, const char *option, gp_str value, const char *reason)
{
    char   what[WHAT_ROOM];
    gp_str head = gp_head(value, WHAT_ROOM / 2);
    (void)owner;
    (void)snprintf(what, sizeof(what), "--%s %.*s", option, (int)head.len, head.ptr ? head.ptr : "");
    cli_problem(what, reason, NULL);
}

/* "there is none of that name; there are: A B C (did you mean 'A'?)" */
static bool refuse_word(const struct taking *t, const char *option, gp_str word, gp_str words)
{
    char           room[REASON_ROOM];
    struct gp_text reason = { .ptr = room, .room = sizeof(room) - 1 };
    gp_put_z(&reason, "there is none of that name; there are: ");
    gp_put(&reason, words);
    config_suggest(&reason, word, words);
    room[reason.len] = '\0';
    return refuse(t, option, word, room);
}

/* ---- lists --------------------------------------------------------------------------------------------------------- */
/* All that was given as words between single spaces; empty: it was lifted. */
static bool join(const struct taking *t, const char *option, const struct cli_many *given, const char *lifted,
                 struct gp_text *out)
{
    for (size_t i = 0; i < given->count; i++)
        for (const char *at = given->values[i]; *at;) {
            size_t len = strcspn(at, ", ");
            if (len > 0 && out->len > 0) gp_put_char(out, ' ');
            gp_put(out, (gp_str) { at, len });
            at += len + (at[len] != '\0');
        }
    if (gp_is(gp_said(out), lifted))
        out->len = 0;
    else if (out->len == 0)
        return refuse(t, option, GP_NONE, "there is no word in it; say `any` to lift the restriction");
    return !out->cut || refuse(t, option, gp_from(given->values[0]), "the list is too long");
}

static bool keep(const struct gp_text *text, char *out)
{
    memcpy(out, text->ptr, text->len);
    out[text->len] = '\0';
    return true;
}

static bool take_mechanisms(const struct taking *t, const struct cli_many *given, char *out)
{
    char           room[CREDENTIAL_WORDS - 1], names_room[REASON_ROOM];
    struct gp_text text = GP_TEXT(room), names = GP_TEXT(names_room);
    if (!join(t, "mechanisms", given, "any", &text)) return false;
    for (gp_str rest = gp_said(&text), word = gp_word(&rest); word.len > 0; word = gp_word(&rest)) {
        if (gp_sasl_find(word)) continue;
        gp_put_z(&names, t->config->mechanisms);
        return refuse_word(t, "mechanisms", word, gp_said(&names));
    }
    return keep(&text, out);
}

static bool is_listener(const struct config *c, gp_str name)
{
    for (size_t i = 0; i < c->listen_count; i++)
        if (gp_is(name, c->listen[i].name)) return true;
    return false;
}

static bool take_listeners(const struct taking *t, const struct cli_many *given, char *out)
{
    char           room[CREDENTIAL_WORDS - 1], names_room[REASON_ROOM];
    struct gp_text text = GP_TEXT(room), names = GP_TEXT(names_room);
    if (!join(t, "listeners", given, "any", &text)) return false;
    for (size_t i = 0; i < t->config->listen_count; i++) {
        if (i > 0) gp_put_char(&names, ' ');
        gp_put_z(&names, t->config->listen[i].name);
    }
    for (gp_str rest = gp_said(&text), word = gp_word(&rest); word.len > 0; word = gp_word(&rest))
        if (!is_listener(t->config, word)) return refuse_word(t, "listeners", word, gp_said(&names));
    return keep(&text, out);
}

static bool take_networks(const struct taking *t, const struct cli_many *given, char *out)
{
    char           room[CREDENTIAL_LIST - 1];
    const char    *why  = "";
    struct gp_text text = GP_TEXT(room);
    if (!join(t, "networks", given, "any", &text)) return false;
    for (gp_str rest = gp_said(&text), word = gp_word(&rest); word.len > 0; word = gp_word(&rest))
        if (!networks_are_good(word, &why)) return refuse(t, "networks", word, why);
    return keep(&text, out);
}

static bool take_senders(const struct taking *t, const struct cli_many *given, char *out)
{
    char           room[CREDENTIAL_LIST - 1];
    struct gp_text text = GP_TEXT(room);
    if (!join(t, "senders", given, "any", &text)) return false;
    for (gp_str rest = gp_said(&text), word = gp_word(&rest); word.len > 0; word = gp_word(&rest)) {
        const char *why = "";
        if (!identity_is_good(word, &why)) return refuse(t, "senders", word, why);
    }
    return keep(&text, out);
}

/* ---- single values ---------------------------------------------------------------------------------------------------- */
static bool take_hours(const struct taking *t, const char *given, char *out)
{
    const char *why = "";
    if (gp_is(gp_from(given), "any")) return out[0] = '\0', true;
    if (!*given || !hours_are_good(gp_from(given), &why))
        return refuse(t, "hours", gp_from(given),
                      *given ? why : "there is nothing in it; say `any` to lift the restriction");
    return gp_copy_z(gp_from(given), out, CREDENTIAL_WORDS) ||
           refuse(t, "hours", gp_from(given), "the list is too long");
}

static bool take_expiry(const struct taking *t, const char *given, gp_time now, gp_time *out)
{
    const char *why = "";
    *out            = 0;
    if (gp_is(gp_from(given), "never")) return true;
    if (!when_read(gp_from(given), now, out, &why)) return refuse(t, "expires", gp_from(given), why);
    return *out > now || refuse(t, "expires", gp_from(given), "that is over already");
}

static bool take_unused(const struct taking *t, const char *given, uint32_t *out)
{
    const char *why  = "";
    gp_time     span = 0;
    *out             = 0;
    if (gp_is(gp_from(given), "never")) return true;
    if (!span_read(gp_from(given), &span, &why)) return refuse(t, "unused", gp_from(given), why);
    *out = (uint32_t)(span / DAY_MS);
    return *out > 0 || refuse(t, "unused", gp_from(given), "it is counted in days: 1d at least");
}

/* ---- all of them ---------------------------------------------------------------------------------------------------- */
bool limits_given(const struct limit_options *l)
{
    return l->mechanisms.count || l->listeners.count || l->networks.count || l->senders.count || l->hours ||
           l->expires || l->unused;
}

bool limits_take(const struct limit_options *l, const struct config *config, gp_time now, limits_refuse *refuse_to,
                 void *owner, struct restrictions *out)
{
    const struct taking t = { config, refuse_to, owner };
    const struct {
        const struct cli_many *given;
        bool (*take)(const struct taking *, const struct cli_many *, char *);
        char *out;
    } lists[] = {
        {&l->mechanisms, take_mechanisms, out->mechanisms},
        { &l->listeners, take_listeners,  out->listeners },
        { &l->networks,  take_networks,   out->networks  },
        { &l->senders,   take_senders,    out->senders   },
    };
    for (size_t i = 0; i < GP_COUNT(lists); i++)
        if (lists[i].given->count && !lists[i].take(&t, lists[i].given, lists[i].out)) return false;
    return (!l->hours || take_hours(&t, l->hours, out->hours)) &&
           (!l->expires || take_expiry(&t, l->expires, now, &out->expires)) &&
           (!l->unused || take_unused(&t, l->unused, &out->idle_days));
}
