/* What is known of a credential, for people and as JSON: never its secret. */
#include "cli/credential.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/queue.h"

enum { STATE_ROOM = 96 };

bool credential_find(struct user_store *s, const char *user, const char *label_or_id, struct account *account,
                     struct credential *out)
{
    if (!user_find(s, user, account)) return false;
    gp_status status = credential_named(s->accounts, account->id, gp_from(label_or_id), out);
    if (status == GP_PERMFAIL)
        cli_problem(label_or_id, "the account has no credential with that label or id",
                    "`gatepost credential list USER` shows them");
    if (status == GP_TEMPFAIL) (void)user_store_failed(s, user);
    return status == GP_OK;
}

int credential_refused(struct user_store *s, const char *what, gp_status status, const char *why)
{
    if (status == GP_TEMPFAIL) return user_store_failed(s, what);
    cli_problem(what, why, NULL);
    return CLI_FAILED;
}

/* ---- state ---------------------------------------------------------------------------------------------------------- */
static const char *state_word(const struct credential *c, gp_time now)
{
    static const char *const words[CREDENTIAL_STATES] = {
        [CREDENTIAL_LIVE]    = "live",
        [CREDENTIAL_EXPIRED] = "expired",
        [CREDENTIAL_RETIRED] = "retired",
        [CREDENTIAL_IDLE]    = "idle",
    };
    return words[credential_state(c, now)];
}

void credential_put_state(struct gp_text *out, const struct credential *c, gp_time now)
{
    char                  when[USER_TIME_ROOM];
    enum credential_state state = credential_state(c, now);
    if (state == CREDENTIAL_LIVE && c->replaced_by) {
        gp_put_z(out, "old, until ");
        gp_put_z(out, user_time(c->retires, when));
        return;
    }
    gp_put_z(out, credential_state_text(state));
    if (state != CREDENTIAL_LIVE || !c->limits.expires) return;
    gp_put_z(out, ", until ");
    gp_put_z(out, user_time(c->limits.expires, when));
}

/* ---- text ------------------------------------------------------------------------------------------------------------ */
static void print_field(const char *name, const char *text)
{
    if (!text[0]) return;
    (void)printf("  %-12s ", name);
    print_text(gp_from(text));
    (void)putchar('\n');
}

static void print_use(const struct credential *c)
{
    char when[USER_TIME_ROOM];
    (void)printf("  %-12s %s", "last used", user_time(c->last_used, when));
    if (c->last_used) (void)printf(", %" PRId64 " time%s in all", c->use_count, c->use_count == 1 ? "" : "s");
    (void)putchar('\n');
    print_field("  from", c->last_from);
    print_field("  by", c->last_mechanism);
    print_field("  under", c->last_tls);
    print_field("  as", c->last_helo);
}

static void print_limits(const struct restrictions *l)
{
    char when[USER_TIME_ROOM];
    if (l->legacy) print_field("for", "old devices: works at listeners of kind legacy only");
    print_field("mechanisms", l->mechanisms);
    print_field("listeners", l->listeners);
    print_field("networks", l->networks);
    print_field("senders", l->senders);
    print_field("hours", l->hours);
    if (l->expires) print_field("expires", user_time(l->expires, when));
    if (l->idle_days) (void)printf("  %-12s off after %" PRIu32 " days\n", "unused", l->idle_days);
}

void credential_print(const struct credential *c, gp_time now)
{
    char           when[USER_TIME_ROOM], room[STATE_ROOM];
    struct gp_text state = { .ptr = room, .room = sizeof(room) - 1 };
    credential_put_state(&state, c, now);
    room[state.len] = '\0';
    (void)printf("credential   %" PRId64 "%s%s\n", c->id, c->label[0] ? "  " : "", c->label);
    (void)printf("  %-12s %s", "kind", credential_kind_name(c->kind));
    if (credential_kind_has_password(c->kind))
        (void)printf(": %s%s", c->verifier.scram_sha256[0] ? "SCRAM PLAIN LOGIN" : "PLAIN LOGIN",
                     c->verifier.cram_len ? " CRAM-MD5" : "");
    (void)putchar('\n');
    print_field("state", room);
    print_field("subject", c->subject);
    print_limits(&c->limits);
    print_field("made", user_time(c->created, when));
    print_use(c);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------------- */
static json_t *text_or_null(const char *text)
{
    return text[0] ? text_json(gp_from(text)) : json_null();
}

static json_t *number_or_null(int64_t number)
{
    return number ? json_integer(number) : json_null();
}

static bool add_limits(json_t *to, const struct restrictions *l)
{
    json_t *limits =
        json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "legacy", l->legacy, "mechanisms",
                  user_words_json(l->mechanisms), "listeners", user_words_json(l->listeners), "networks",
                  user_words_json(l->networks), "senders", user_words_json(l->senders), "hours", text_or_null(l->hours),
                  "expires", user_time_json(l->expires), "unused_days", number_or_null(l->idle_days));
    bool added = limits && json_object_update(to, limits) == 0;
    json_decref(limits);
    return added;
}

static bool add_use(json_t *to, const struct credential *c)
{
    json_t *use   = json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "last_used", user_time_json(c->last_used), "use_count",
                              (json_int_t)c->use_count, "last_from", text_json(gp_from(c->last_from)), "last_mechanism",
                              text_json(gp_from(c->last_mechanism)), "last_tls", text_json(gp_from(c->last_tls)),
                              "last_helo", text_json(gp_from(c->last_helo)));
    bool    added = use && json_object_update(to, use) == 0;
    json_decref(use);
    return added;
}

json_t *credential_json(const char *user, const struct credential *c, gp_time now)
{
    json_t *value = json_pack("{s:s, s:I, s:s, s:s, s:o, s:s, s:b, s:b, s:b, s:o, s:o, s:o}", "user", user, "id",
                              (json_int_t)c->id, "label", c->label, "kind", credential_kind_name(c->kind), "subject",
                              text_or_null(c->subject), "state", state_word(c, now), "generated",
                              c->kind == CREDENTIAL_GENERATED, "scram", c->verifier.scram_sha256[0] != '\0', "cram_md5",
                              c->verifier.cram_len > 0, "replaced_by", number_or_null(c->replaced_by), "retires",
                              user_time_json(c->retires), "created", user_time_json(c->created));
    if (value && add_limits(value, &c->limits) && add_use(value, c)) return value;
    json_decref(value);
    return NULL;
}
