/* What people have to be told: the owner of an account and the administrator, each cause once. A notice is kept in the store first, then
 * given to the queue as mail, and tried again until the queue has it. */
#include <string.h>

#include "store/queue.h"
#include "vault/parts.h"

enum {
    RETRY_MS      = 60 * 1000,
    RETRY_SHIFTS  = 6, /* an hour at most between two tries */
    EXPIRING_MOST = 50,
    DAY_MS        = 24 * 3600 * 1000,
    HOUR_MS       = 3600 * 1000,
    PAGE          = 160,
};

/* ---- to whom ------------------------------------------------------------------------------------------------------------- */
struct owner {
    char address[ACCOUNT_ADDRESS_MOST];
};

/* His first address that is one, and not a whole domain or a pattern. */
static void take_address(void *owner, gp_str address)
{
    struct owner *o    = owner;
    bool          fits = gp_find(address, '*') == address.len && address.len > 0 && address.ptr[0] != '@';
    if (!o->address[0] && fits && !gp_copy_z(address, o->address, sizeof(o->address))) o->address[0] = '\0';
}

static void put_to(struct vault *v, const struct notice_wish *w, struct notice *n)
{
    struct owner   o     = { .address = "" };
    struct gp_text to    = { .ptr = n->to, .room = sizeof(n->to) - 1 };
    gp_str         admin = gp_from(v->config->notices.admin);
    if (w->account && v->config->notices.owners &&
        accounts_identities(v->accounts, w->account, take_address, &o) != GP_OK)
        o.address[0] = '\0';
    gp_put_z(&to, o.address);
    if (admin.len > 0 && !gp_alike(admin, gp_from(o.address))) {
        if (to.len > 0) gp_put_char(&to, ' ');
        gp_put(&to, admin);
    }
    n->to[to.len] = '\0';
}

/* ---- one more --------------------------------------------------------------------------------------------------------------- */
static void copy(char *out, size_t room, gp_str text)
{
    if (!gp_copy_z(gp_head(text, room - 1), out, room)) out[0] = '\0';
}

static void put_part(struct gp_text *out, const char *title, gp_str text)
{
    if (text.len == 0) return;
    gp_put_z(out, title);
    gp_put_char(out, '\n');
    gp_put(out, text);
    gp_put_z(out, "\n\n");
}

static void write_text(const struct vault *v, const struct notice_wish *w, const char *account, struct notice *n)
{
    struct gp_text text = { .ptr = n->text, .room = sizeof(n->text) - 1 };
    put_part(&text, "What happened", w->what);
    put_part(&text, "What it means", w->meaning);
    put_part(&text, "What to do", w->todo);
    gp_put_z(&text, "-- \ngatepost on ");
    gp_put_z(&text, v->config->hostname);
    if (account[0]) gp_put_z(&text, ", about the account ");
    gp_put_z(&text, account);
    gp_put_z(&text, ". Nobody reads answers to this mail.\n");
    n->text[text.len] = '\0';
}

/* ---- kept ------------------------------------------------------------------------------------------------------------------- */
static void log_notice(const struct untold *u)
{
    LOG(LOG_WARN, "notice", LOG_Z("kind", u->notice.kind),
        LOG_S("account", u->account[0] ? gp_from(u->account) : GP_NONE), LOG_Z("reason", u->what),
        LOG_Z("hint", u->todo));
}

static void say_kept(struct vault *v, const struct untold *u, bool over)
{
    log_notice(u);
    if (over)
        LOG(LOG_ERROR, "notice",
            LOG_Z("reason", "more notices in a day than notices.a_day: this one is in the log alone"));
    v->posting.due = 0;
    webhook_hurry(v);
}

/* false: the store cannot have it now. */
static bool keep(struct vault *v, const struct untold *u)
{
    bool      over   = false;
    unsigned  a_day  = v->config->notices.a_day;
    gp_status status = notice_add(v->accounts, &u->notice, u->stranger ? (a_day + 1) / 2 : a_day, &over);
    if (status == GP_TEMPFAIL) vault_store_failed(v);
    if (status == GP_OK || over) say_kept(v, u, over); /* else it was told */
    return status != GP_TEMPFAIL;
}

void notices_write(struct vault *v)
{
    struct untolds *all  = &v->untold;
    size_t          left = 0;
    for (size_t i = 0; i < all->count; i++)
        if (!keep(v, &all->list[i])) all->list[left++] = all->list[i];
    all->count = left;
}

/* Where there is no room, what a stranger causes is in the log alone: the time that writing takes would tell him that it was worth a notice. */
static struct untold *room_for(struct vault *v, const struct notice_wish *w)
{
    struct untolds *all = &v->untold;
    if (all->count == UNTOLD_MOST && !w->stranger) notices_write(v);
    if (all->count < UNTOLD_MOST) return &all->list[all->count++];
    LOG(LOG_WARN, "notice", LOG_Z("kind", w->kind), LOG_N("account_id", w->account), LOG_S("reason", w->what),
        LOG_Z("hint", "too many notices wait for the store: this one is in the log alone"));
    return NULL;
}

void notice_post(struct vault *v, const struct notice_wish *w)
{
    struct account account = { .name = "" };
    struct untold *u       = room_for(v, w);
    if (!u) return;
    *u = (struct untold) {
        .stranger = w->stranger, .notice = {.account = w->account, .when = wall_now()}
    };
    if (w->account && accounts_get(v->accounts, w->account, &account) != GP_OK) account.name[0] = '\0';
    copy(u->account, sizeof(u->account), gp_from(account.name));
    copy(u->what, sizeof(u->what), w->what);
    copy(u->todo, sizeof(u->todo), w->todo);
    copy(u->notice.kind, sizeof(u->notice.kind), gp_from(w->kind));
    copy(u->notice.cause, sizeof(u->notice.cause), w->cause);
    copy(u->notice.subject, sizeof(u->notice.subject), w->subject);
    u->notice.posts = v->config->notices.webhook[0] != '\0';
    if (!w->unmailed) put_to(v, w, &u->notice);
    write_text(v, w, account.name, &u->notice);
}

/* ---- on its way ------------------------------------------------------------------------------------------------------------------ */
static gp_str next_address(const struct notice *n)
{
    gp_str to = gp_from(n->to);
    return gp_word(&to);
}

static void queued(void *owner, gp_status status, const struct msg *m)
{
    struct vault   *v     = owner;
    struct posting *p     = &v->posting;
    bool            known = status == GP_OK && m->type == MSG_COMMITTED;
    gp_status       kept  = known ? (gp_status)m->committed.status : GP_TEMPFAIL;
    unsigned        shift = p->now.attempts < RETRY_SHIFTS ? p->now.attempts : RETRY_SHIFTS;
    gp_time         later = wall_now() + ((gp_time)RETRY_MS << shift);
    p->asked              = false;
    if (kept == GP_PERMFAIL)
        LOG(LOG_ERROR, "notice", LOG_S("to", next_address(&p->now)), LOG_Z("reason", "the queue does not take it"));
    gp_status noted = kept == GP_TEMPFAIL ? notice_later(v->accounts, &p->now, later)
                                          : notice_told(v->accounts, &p->now, next_address(&p->now));
    if (noted == GP_TEMPFAIL) vault_store_failed(v);
    p->due = 0;
}

static void send_one(struct vault *v)
{
    struct posting *p      = &v->posting;
    gp_status       status = notice_next(v->accounts, wall_now(), &p->now);
    struct msg      m      = MSG(NOTICE);
    if (status == GP_TEMPFAIL) vault_store_failed(v);
    if (status != GP_OK) {
        p->due = loop_now(v->loop) + RETRY_MS; /* one that was put off may be due then */
        return;
    }
    m.notice = (struct msg_notice) { .to      = next_address(&p->now),
                                     .subject = gp_from(p->now.subject),
                                     .text    = gp_from(p->now.text) };
    p->asked = true;
    ipc_ask(v->queue.channel, &m, queued, v);
}

/* ---- what ends soon ---------------------------------------------------------------------------------------------------------------- */
static bool tell_expiring(void *owner, const struct credential_end *e)
{
    struct vault  *v = owner;
    char           what_room[2 * PAGE], cause_room[PAGE], subject_room[PAGE];
    struct gp_text what = GP_TEXT(what_room), cause = GP_TEXT(cause_room), subject = GP_TEXT(subject_room);
    gp_put_z(&cause, "credential-expiry ");
    gp_put_number(&cause, e->credential);
    gp_put_char(&cause, ' ');
    gp_put_number(&cause, e->expires);
    judge_put_name(&what, e->credential, e->label);
    gp_put_z(&what, " ends on ");
    moment_put(&what, e->expires);
    gp_put_char(&what, '.');
    gp_put_z(&subject, "A mail password ends soon: ");
    judge_put_name(&subject, e->credential, e->label);
    struct notice_wish w = {
        .kind    = "credential-expiry",
        .account = e->account,
        .cause   = gp_said(&cause),
        .subject = gp_said(&subject),
        .what    = gp_said(&what),
        .meaning = GP_LIT("From then on a device or program that signs in with it can send no mail."),
        .todo    = GP_LIT("Ask the administrator for a successor (`gatepost credential rotate`), and put it "
                             "into that device before then.")
    };
    notice_post(v, &w);
    return true;
}

static void look_for_ends(struct vault *v)
{
    gp_time now   = wall_now();
    gp_time until = now + (gp_time)v->config->notices.credential_days * DAY_MS;
    if (credentials_ending(v->accounts, now, until, EXPIRING_MOST, tell_expiring, v) != GP_OK) vault_store_failed(v);
}

static const struct {
    const char *subject[2], *meaning;
} certificates[] = {
    [PAIR_SERVER]   = {{ "The mail server's certificate ends soon", "The mail server's certificate has ended" },
                       "Clients refuse a server whose certificate has ended: nobody can send mail then."},
    [PAIR_UPSTREAM] = { { "The certificate that signs in at the smarthost ends soon",
                          "The certificate that signs in at the smarthost has ended" },
                       "It is presented to no server once it has ended: mail waits then."               },
};

void notice_certificate(struct vault *v, gp_str name, gp_time expires, enum pair_use use)
{
    char           what_room[2 * PAGE], cause_room[2 * PAGE];
    struct gp_text what = GP_TEXT(what_room), cause = GP_TEXT(cause_room);
    bool           over = expires <= wall_now();
    gp_put_z(&cause, over ? "certificate-expired " : "certificate-expiry ");
    gp_put(&cause, gp_head(name, PAGE));
    gp_put_char(&cause, ' ');
    gp_put_number(&cause, expires);
    gp_put_z(&what, "The certificate ");
    gp_put(&what, gp_head(name, PAGE));
    gp_put_z(&what, over ? " ended on " : " ends on ");
    moment_put(&what, expires);
    gp_put_char(&what, '.');
    struct notice_wish w = {
        .kind    = "certificate-expiry",
        .cause   = gp_said(&cause),
        .subject = gp_from(certificates[use].subject[over]),
        .what    = gp_said(&what),
        .meaning = gp_from(certificates[use].meaning),
        .todo    = GP_LIT("Put a new certificate in its place; the server takes it within seconds, without a restart.")
    };
    notice_post(v, &w);
}

/* Once a day, as long as there is any: it goes back in the end. */
void notice_held(struct peer *from, struct msg *m)
{
    struct vault  *v    = from->vault;
    unsigned       life = v->config->queue.held_lifetime;
    char           what_room[2 * PAGE], cause_room[PAGE];
    struct gp_text what = GP_TEXT(what_room), cause = GP_TEXT(cause_room);
    if (!m->held_long.count || m->held_long.count > INT64_MAX || m->held_long.since > (uint64_t)wall_now()) return;
    gp_put_z(&cause, "held-mail ");
    gp_put_number(&cause, wall_now() / DAY_MS);
    gp_put_z(&what, "Messages held in the queue for more than a day: ");
    gp_put_number(&what, (int64_t)m->held_long.count);
    gp_put_z(&what, ". The first of them has been held since ");
    moment_put(&what, (gp_time)m->held_long.since);
    gp_put_char(&what, '.');
    struct notice_wish w = {
        .kind    = "held-mail",
        .cause   = gp_said(&cause),
        .subject = GP_LIT("Mail is held, and waits for somebody"),
        .what    = gp_said(&what),
        .meaning =
            life
                ? GP_LIT(
                      "It is not sent until it is released. What nobody releases goes back to its sender after queue.held_lifetime.")
                : GP_LIT("It is not sent until it is released."),
        .todo = GP_LIT(
            "Look at it (`gatepost queue list --held`), then let it go (`gatepost queue release`) or take it out "
            "(`gatepost queue delete`).")
    };
    notice_post(v, &w);
}

/* Not by mail: it would go through the door that has just been shut. */
void notice_lost(struct peer *from, struct msg *m)
{
    struct vault  *v  = from->vault;
    gp_str         id = m->report_lost.queue_id;
    char           what_room[2 * PAGE], cause_room[PAGE];
    struct gp_text what = GP_TEXT(what_room), cause = GP_TEXT(cause_room);
    if (!queue_is_id(id)) return;
    gp_put_z(&cause, "report-lost ");
    gp_put_number(&cause, wall_now() / DAY_MS);
    gp_put_z(&what, "A report or notice of gatepost's own could not be delivered, and is gone: ");
    gp_put(&what, id);
    gp_put_char(&what, '.');
    struct notice_wish w = {
        .kind     = "report-lost",
        .unmailed = true,
        .cause    = gp_said(&cause),
        .subject  = GP_LIT("A report could not be delivered"),
        .what     = gp_said(&what),
        .meaning =
            GP_LIT("Somebody does not hear that his mail came back, or that something needs him. Reports are from the "
                   "empty sender, <>, which some next hops refuse."),
        .todo =
            GP_LIT("`gatepost explain` with that queue id says what was answered. Where the next hop refuses the empty "
                   "sender, let a route take mail for your own domain another way (docs/providers.md).")
    };
    notice_post(v, &w);
}

/* Not by mail: the queue takes none. */
void notice_store(struct peer *from, struct msg *m)
{
    struct vault  *v = from->vault;
    char           cause_room[PAGE];
    struct gp_text cause = GP_TEXT(cause_room);
    if (m->store_state.state != STORE_DAMAGED) return;
    gp_put_z(&cause, "queue-damaged ");
    gp_put_number(&cause, wall_now() / DAY_MS);
    struct notice_wish w = {
        .kind     = "queue-damaged",
        .unmailed = true,
        .cause    = gp_said(&cause),
        .subject  = GP_LIT("The queue's database is damaged"),
        .what     = GP_LIT("queue/queue.db is damaged."),
        .meaning =
            GP_LIT("No mail is taken (clients hear 451 and keep theirs), and none is sent, until it is restored."),
        .todo = GP_LIT(
            "Stop gatepost, keep a copy of DIR/queue, restore queue.db (docs/operations.md, A damaged queue.db), "
            "and start gatepost: it looks through the file before it takes mail. Look for disk errors, too.")
    };
    notice_post(v, &w);
}

void notices_tick(struct vault *v, gp_time now)
{
    struct posting *p = &v->posting;
    if (now >= p->looks_at) {
        p->looks_at = now + HOUR_MS;
        look_for_ends(v);
        keys_tell_expiry(v);
    }
    notices_write(v);
    if (!p->asked && now >= p->due && v->queue.channel && ipc_attached(v->queue.channel)) send_one(v);
}
