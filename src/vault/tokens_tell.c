/* What people have to be told of providers of tokens, in words: while there is time, where that can be known. */
#include "vault/parts.h"

enum { ROOM = 1024, CAUSE = 512, DAY_MS = 24 * 3600 * 1000, ENDS_DAYS = 14 };

struct words {
    char           cause_room[CAUSE], what_room[ROOM], todo_room[ROOM];
    struct gp_text cause, what, todo;
};

/* The first login with its tokens; others may have them, too. */
static struct config_login login_with(const struct keeper *k)
{
    const struct config *c     = k->vault->config;
    size_t               login = k->of ? config_own_login_by(c, k->plan) : config_login_by(c, k->plan);
    return config_login_of(c, login < config_logins(c) ? login : 0);
}

static void begin(struct words *w, const struct keeper *k, const char *of)
{
    w->cause = GP_TEXT(w->cause_room);
    w->what  = GP_TEXT(w->what_room);
    w->todo  = GP_TEXT(w->todo_room);
    gp_put_z(&w->cause, "provider ");
    gp_put_z(&w->cause, k->key);
    gp_put_char(&w->cause, ' ');
    gp_put_z(&w->cause, of);
    gp_put_char(&w->cause, ' ');
    gp_put_z(&w->what, "The mail server signs in at ");
    gp_put_z(&w->what, login_with(k).host);
    gp_put_z(&w->what, " with tokens of ");
    gp_put_z(&w->what, k->plan->name);
    if (!k->of) return;
    gp_put_z(&w->what, ", for the account ");
    gp_put_z(&w->what, own_account(k));
}

static void post(struct keeper *k, struct words *w, const char *subject, const char *meaning)
{
    struct notice_wish wish = { .kind    = "provider",
                                .account = k->account,
                                .cause   = gp_said(&w->cause),
                                .subject = gp_from(subject),
                                .what    = gp_said(&w->what),
                                .meaning = gp_from(meaning),
                                .todo    = gp_said(&w->todo) };
    notice_post(k->vault, &wish);
}

static void put_command(struct words *w, const struct keeper *k, const char *verb)
{
    gp_put_z(&w->todo, "`gatepost provider ");
    gp_put_z(&w->todo, verb);
    gp_put_char(&w->todo, ' ');
    gp_put_z(&w->todo, k->plan->name);
    if (k->of) gp_put_z(&w->todo, " --account ");
    if (k->of) gp_put_z(&w->todo, own_account(k));
    gp_put_z(&w->todo, "`");
}

static const char waits[] =
    "Mail that goes that way is accepted and waits; nothing is returned to its senders for this reason, however long it takes.";

/* Once while it fails, whatever it says meanwhile. */
void tokens_tell_failure(struct keeper *k, bool final)
{
    struct words w;
    if (k->told) return;
    k->told = true;
    begin(&w, k, final ? "no" : "down");
    gp_put_number(&w.cause, wall_now() / DAY_MS);
    gp_put_z(&w.what, final ? ". It gets none any more: " : ". It has not got one for a while: ");
    gp_put_z(&w.what, k->why);
    gp_put_char(&w.what, '.');
    gp_put_z(&w.todo, final && k->plan->grant == PROVIDER_LOGIN ? "Sign in again with " : "See what is wrong with ");
    if (final && k->plan->grant == PROVIDER_LOGIN) {
        put_command(&w, k, "login");
        gp_put_z(&w.todo, "; docs/providers.md says what each answer means.");
    } else {
        put_command(&w, k, "test");
        gp_put_z(&w.todo, "; it goes on by itself as soon as a token comes.");
    }
    post(k, &w,
         final ? "The mail server may not send through its provider any more"
               : "The mail server gets no token from its provider",
         waits);
}

/* Who was never signed in there: said once, not each day. */
void tokens_tell_missing(struct vault *v, size_t login, const struct own *own)
{
    struct words        w  = { .cause = { 0 } };
    struct config_login of = config_login_of(v->config, login);
    w.cause = GP_TEXT(w.cause_room), w.what = GP_TEXT(w.what_room), w.todo = GP_TEXT(w.todo_room);
    gp_put_z(&w.cause, "own-login ");
    gp_put_z(&w.cause, v->config->routes[login - 1].name);
    gp_put_char(&w.cause, ' ');
    gp_put_number(&w.cause, own->account);
    gp_put_z(&w.what, "Mail of the account ");
    gp_put_z(&w.what, own->name);
    gp_put_z(&w.what, " goes by ");
    gp_put_z(&w.what, of.host);
    gp_put_z(&w.what, ", where each account signs in as itself, and it has nothing to do that with.");
    own_say_missing(&w.todo, v->config, login, own->name);
    gp_put_z(&w.todo, "; what waits goes at once then.");
    struct notice_wish wish = { .kind    = "provider",
                                .account = own->account,
                                .cause   = gp_said(&w.cause),
                                .subject = GP_LIT("Mail of an account waits until it is signed in at its provider"),
                                .what    = gp_said(&w.what),
                                .meaning = gp_from(waits),
                                .todo    = gp_said(&w.todo) };
    notice_post(v, &wish);
}

void tokens_tell_refusal(struct keeper *k)
{
    struct words w;
    begin(&w, k, "refused");
    gp_put_number(&w.cause, wall_now() / DAY_MS);
    gp_put_z(&w.what, ", and that server refuses fresh ones for ");
    gp_put_z(&w.what, k->of ? k->login : login_with(k).user);
    gp_put_char(&w.what, '.');
    gp_put_z(
        &w.todo,
        "Look whether that mailbox may send by SMTP (authenticated SMTP is off by default at Microsoft 365), whether "
        "user is right, and whether it was that mailbox's person who signed in. ");
    put_command(&w, k, "test");
    gp_put_z(&w.todo, " shows what it says.");
    post(k, &w, "The mail server's provider refuses its tokens", waits);
}

static void tell_end(struct keeper *k, const char *of, const char *what, gp_time ends, const char *todo)
{
    struct words w;
    if (!ends || ends > wall_now() + (gp_time)ENDS_DAYS * DAY_MS) return;
    begin(&w, k, of);
    gp_put_number(&w.cause, ends / DAY_MS);
    gp_put_z(&w.what, ". ");
    gp_put_z(&w.what, what);
    moment_put(&w.what, ends);
    gp_put_char(&w.what, '.');
    gp_put_z(&w.todo, todo);
    if (k->plan->grant == PROVIDER_LOGIN) put_command(&w, k, "login");
    gp_put_z(&w.todo, " before then; nothing has to be restarted.");
    post(k, &w, "What the mail server signs in with at its provider ends soon",
         "After that no mail goes that way: it is accepted and waits, until somebody mends it.");
}

void tokens_tell_ends(struct keeper *k, gp_time grant_ends)
{
    if (k->plan->grant == PROVIDER_LOGIN)
        tell_end(k, "ends", "What a person has consented to there ends on ", grant_ends, "Sign in again with ");
    tell_end(
        k, "certificate", "The certificate of its application ends on ", k->certificate_ends,
        "Give the application a new certificate, and put it with its key in the place of certificate_file and key_file,");
}
