/* The words of notices about what policies find: what happened, what it means, what to do; and the cause by which each is told once. No word
 * of a client's own is in them but its address: a stranger shall not write to owners through the server. */
#include <string.h>

#include "vault/parts.h"

enum { DAY_MS = 24 * 3600 * 1000, STALE_DAYS = 30, TELL_LINE = 512 };

struct words { /* of one notice, while it is put together */
    char cause_room[NOTICE_CAUSE], subject_room[NOTICE_SUBJECT], what_room[2 * TELL_LINE], todo_room[2 * TELL_LINE];
    struct gp_text cause, subject, what, todo;
    char           account[NAME_ROOM]; /* "": it is about none, or it cannot be read now */
};

static void begin(struct words *w, struct vault *v, int64_t account)
{
    struct account found = { .name = "" };
    w->cause             = (struct gp_text)GP_TEXT(w->cause_room);
    w->subject           = (struct gp_text)GP_TEXT(w->subject_room);
    w->what              = (struct gp_text)GP_TEXT(w->what_room);
    w->todo              = (struct gp_text)GP_TEXT(w->todo_room);
    bool known           = account && accounts_get(v->accounts, account, &found) == GP_OK;
    if (!known || !gp_copy_z(gp_from(found.name), w->account, sizeof(w->account))) w->account[0] = '\0';
}

static void put_cause(struct words *w, const char *kind, int64_t number, int64_t other)
{
    gp_put_z(&w->cause, kind);
    gp_put_char(&w->cause, ' ');
    gp_put_number(&w->cause, number);
    gp_put_char(&w->cause, ' ');
    gp_put_number(&w->cause, other);
}

/* A command is there to be copied into a shell, and names may come from elsewhere. */
static bool may_be_copied(gp_str name)
{
    static const char fine[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@._+-";
    for (size_t i = 0; i < name.len; i++)
        if (!memchr(fine, name.ptr[i], sizeof(fine) - 1)) return false;
    return name.len > 0 && name.ptr[0] != '-';
}

/* "COMMAND NAME", as it is to be typed. */
static void put_command(struct words *w, const char *before, const char *command, const char *after)
{
    gp_put_z(&w->todo, before);
    gp_put_z(&w->todo, "`gatepost ");
    gp_put_z(&w->todo, command);
    gp_put_z(&w->todo, may_be_copied(gp_from(w->account)) ? w->account : "NAME");
    gp_put_char(&w->todo, '`');
    gp_put_z(&w->todo, after);
}

static void post(struct vault *v, struct words *w, struct notice_wish *wish)
{
    wish->cause   = gp_said(&w->cause);
    wish->subject = gp_said(&w->subject);
    wish->what    = gp_said(&w->what);
    wish->todo    = gp_said(&w->todo);
    notice_post(v, wish);
}

/* ---- an old device ------------------------------------------------------------------------------------------------------- */
void tell_stale(const struct signin *s, bool vague)
{
    struct words  w;
    struct vault *v = s->peer->vault;
    begin(&w, v, s->who.id);
    put_cause(&w, "stale-device", s->who.id, wall_now() / ((gp_time)STALE_DAYS * DAY_MS));
    gp_put_z(&w.subject, "A device has an old mail password");
    gp_put_z(&w.what, "A device at ");
    gp_put_z(&w.what, s->address[0] ? s->address : "an address that is not known");
    gp_put_z(&w.what, " that signs in with ");
    gp_put_z(&w.what, s->mechanism);
    gp_put_z(&w.what, vague ? " says wrong passwords, and looks the same each time."
                            : " says the same wrong password again and again.");
    put_command(
        &w,
        "Give that device the new password, or remove the account from it. The administrator sees its sign-ins with ",
        "explain ", ".");
    struct notice_wish wish = {
        .kind     = "stale-device",
        .account  = s->who.id,
        .stranger = true,
        .meaning  = GP_LIT(
             "It is most likely an old phone, printer or program that still has a former password: it cannot send mail. "
              "The other devices are not affected. If nobody knows it, somebody may be guessing; he has not got in."),
    };
    post(v, &w, &wish);
}

/* ---- a ban --------------------------------------------------------------------------------------------------------------- */
/* One of a single address, or of a customer's own IPv6 network, is everyday. */
static bool is_of_many(const struct place *network)
{
    enum { V6_ADDRESS = 64 };
    return network->bits < (place_is_v4(network) ? (unsigned)PLACE_BITS : (unsigned)V6_ADDRESS);
}

void tell_ban(struct vault *v, const struct ban *ban)
{
    struct words w;
    if (!is_of_many(&ban->place)) return;
    begin(&w, v, 0);
    put_cause(&w, "ban", ban->made / DAY_MS, 0);
    gp_put_z(&w.subject, "A whole network is banned: ");
    place_put(&w.subject, &ban->place);
    gp_put_z(&w.what, "Too many wrong passwords or unknown names came from ");
    place_put(&w.what, &ban->place);
    gp_put_z(&w.what, "; it is banned until ");
    moment_put(&w.what, ban->until);
    gp_put_z(&w.what, ". Others of this day are in the log alone.");
    gp_put_z(&w.todo, "Nothing, if nobody is known to be there. `gatepost ban list` shows all; `gatepost ban remove ");
    place_put(&w.todo, &ban->place);
    gp_put_z(&w.todo, "` takes this one back.");
    struct notice_wish wish = {
        .kind     = "ban",
        .stranger = true,
        .meaning  = GP_LIT(
             "Nobody is believed from there until then, but for accounts at addresses where they signed in before."),
    };
    post(v, &w, &wish);
}

/* ---- a limit ------------------------------------------------------------------------------------------------------------- */
/* 0: nobody's. A credential's owner is told of it, whomever it acted for. */
static int64_t whose_limit(const struct sent *s, const struct limit_hit *hit)
{
    if (hit->scope == LIMIT_OWNER || hit->scope == LIMIT_CREDENTIAL) return s->owner;
    return hit->scope == LIMIT_ACCOUNT ? s->account : 0;
}

static bool is_of_place(const struct limit_hit *hit)
{
    return hit->scope == LIMIT_ADDRESS || hit->scope == LIMIT_NETWORK;
}

static void put_limit_cause(struct words *w, const struct sent *s, const struct limit_hit *hit)
{
    put_cause(w, "limit", whose_limit(s, hit), hit->scope == LIMIT_CREDENTIAL ? s->credential : 0);
    gp_put_char(&w->cause, ' ');
    gp_put_z(&w->cause, limit_scope_name(hit->scope));
    gp_put_char(&w->cause, ' ');
    gp_put_z(&w->cause, limit_thing_name(hit->thing));
    gp_put_char(&w->cause, ' ');
    gp_put_number(&w->cause, s->now / DAY_MS);
    if (!is_of_place(hit)) return;
    gp_put_char(&w->cause, ' ');
    gp_put(&w->cause, s->peer);
}

static void put_limit_todo(struct words *w, const struct limit_hit *hit, bool of_account)
{
    if (of_account) {
        put_command(
            w,
            "If that is not what you sent, change the password. If so much is meant to be sent, the administrator sees it with ",
            "limit show ", "");
        put_command(w, " and allows more with ", "limit set ", ", WHAT and RATE as they stand there.");
        return;
    }
    gp_put_z(&w->todo, "If so much is meant to be sent, allow more with policy.limits.");
    gp_put_z(&w->todo, limit_scope_name(hit->scope));
    gp_put_char(&w->todo, '.');
    gp_put_z(&w->todo, limit_thing_name(hit->thing));
    gp_put_z(&w->todo, " in gatepost.yml. The log and `gatepost audit show --event accepted` say whose mail it is.");
}

/* Whoever the limit is of: his account, or the administrator alone. */
void tell_limit(struct vault *v, const struct sent *s, const struct limit_hit *hit)
{
    struct words w;
    int64_t      whose  = whose_limit(s, hit);
    bool         shadow = v->config->policy.limits.mode == POLICY_SHADOW;
    begin(&w, v, whose);
    put_limit_cause(&w, s, hit);
    gp_put_z(&w.subject, "Four fifths of a limit for mail are used");
    gp_put_z(&w.what, "Four fifths are used of a limit: ");
    limit_hit_put(&w.what, hit);
    gp_put_z(&w.what, is_of_place(hit) ? ", from " : "");
    gp_put(&w.what, is_of_place(hit) ? s->peer : GP_LIT(""));
    gp_put_char(&w.what, '.');
    put_limit_todo(&w, hit, whose != 0);
    struct notice_wish wish = {
        .kind     = "limit",
        .stranger = true,
        .account  = shadow ? 0 : whose,
        .meaning =
            shadow
                ? GP_LIT("Nothing is refused: policy.limits.mode is shadow.")
                : GP_LIT(
                      "When all of it is used, the server answers 'try again later', and mail programs do. It comes back by "
                      "itself, bit by bit."),
    };
    post(v, &w, &wish);
}

/* ---- the brake --------------------------------------------------------------------------------------------------------------- */
void tell_brake(struct vault *v, const struct sent *s, const struct brake_kept *b)
{
    struct words w;
    bool         shadow = v->config->policy.brake.mode == POLICY_SHADOW;
    begin(&w, v, b->account);
    put_cause(&w, shadow ? "brake-shadow" : "brake", b->account, shadow ? s->now / DAY_MS : s->now);
    gp_put_z(&w.subject, shadow ? "An account sends unusual mail" : "The mail of an account is held");
    gp_put_z(&w.what, "The account ");
    gp_put_z(&w.what, w.account);
    gp_put_char(&w.what, ' ');
    gp_put_z(&w.what, b->why);
    gp_put_z(&w.what, ". Its last message came from ");
    gp_put(&w.what, s->peer);
    gp_put_char(&w.what, '.');
    if (shadow)
        put_command(&w, "See what it sent with ", "explain ",
                    "; policy.brake.mode: enforce in gatepost.yml would hold such mail.");
    if (!shadow) {
        put_command(&w,
                    "If you did not send that, change the password, and tell the administrator. Administrator: "
                    "`gatepost queue list --held` shows what waits, and ",
                    "explain ", " what happened; then ");
        put_command(&w, "either ", "queue release --account ", " sends it,");
        put_command(&w, " or ", "user lock ", " ends the account's sessions, and what is held stays held.");
    }
    struct notice_wish wish = {
        .kind    = "brake",
        .account = shadow ? 0 : b->account,
        .meaning =
            shadow
                ? GP_LIT("Somebody may have its password. The mail goes out: policy.brake.mode is shadow.")
                : GP_LIT(
                      "Somebody may have its password. What it sends is accepted and waits; nothing is lost, and nothing goes "
                      "out until somebody has looked."),
    };
    post(v, &w, &wish);
}

/* ---- pre-flight -------------------------------------------------------------------------------------------------------------- */
static const char release_it[] =
    " What is held until then stays held: `gatepost queue list --held` shows it, and `gatepost queue "
    "release ID` sends it.";
static const struct fate {
    const char *subject, *todo, *meaning;
} fates[] = {
    {"Mail from a domain is held: its DNS records",        release_it,
     "Mail from there is accepted and waits, until somebody releases it."         },
    { "Mail from a domain is refused: its DNS records",    "",
     "Clients that send mail from there are told no, until the records are right."},
    { "Mail from a domain would be held: its DNS records", "",
     "It goes out all the same: policy.preflight.mode is shadow."                 },
};

static const struct fate *fate_of(const struct config *c)
{
    if (c->policy.preflight.mode == POLICY_SHADOW) return &fates[2];
    return &fates[c->policy.preflight.action == PREFLIGHT_REFUSE];
}

void tell_preflight(struct vault *v, const struct preflight *p)
{
    struct words       w;
    const struct fate *fate = fate_of(v->config);
    begin(&w, v, 0);
    gp_put_z(&w.cause, "preflight ");
    gp_put_number(&w.cause, wall_now() / DAY_MS);
    gp_put_char(&w.cause, ' ');
    gp_put_z(&w.cause, p->domain);
    gp_put_z(&w.subject, fate->subject);
    gp_put_z(&w.what, "Receivers may refuse mail from ");
    gp_put_z(&w.what, p->domain);
    gp_put_z(&w.what, ": ");
    gp_put_z(&w.what, p->why);
    gp_put_char(&w.what, '.');
    gp_put_z(&w.todo, "`gatepost dns ");
    gp_put_z(&w.todo, may_be_copied(gp_from(p->domain)) ? p->domain : "DOMAIN");
    gp_put_z(&w.todo, " --check` says what to mend.");
    gp_put_z(&w.todo, fate->todo);
    struct notice_wish wish = { .kind = "preflight", .meaning = gp_from(fate->meaning) };
    post(v, &w, &wish);
}

/* ---- the audit --------------------------------------------------------------------------------------------------------------- */
void tell_audit(struct vault *v, const char *what, const char *reason, const char *todo)
{
    struct words w;
    begin(&w, v, 0);
    gp_put_z(&w.cause, "audit ");
    gp_put_z(&w.cause, what);
    gp_put_char(&w.cause, ' ');
    gp_put_number(&w.cause, wall_now() / DAY_MS);
    gp_put_z(&w.subject, "The audit of the mail server lacks checkpoints");
    gp_put_z(&w.what, what);
    gp_put_z(&w.what, ": ");
    gp_put_z(&w.what, reason);
    gp_put_char(&w.what, '.');
    gp_put_z(&w.todo, todo);
    struct notice_wish wish = {
        .kind    = "audit",
        .meaning = GP_LIT(
            "The server goes on and keeps its record. But whoever can write to its files could alter what is recorded since "
            "the last checkpoint outside of it, and nobody would see."),
    };
    post(v, &w, &wish);
}
