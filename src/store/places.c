/* Places are rows of their account and go with it; what is pruned is pruned where a row is added. */
#include "store/places.h"

#include "store/accounts_parts.h"

enum { NEAR_V4 = PLACE_V4_AT + 24, NEAR_V6 = 48 };

static const gp_time day = (gp_time)24 * 3600 * 1000;

struct place_text {
    char           room[PLACE_TEXT];
    struct gp_text text;
};

static gp_str text_of(const struct place *p, struct place_text *out)
{
    out->text = GP_TEXT(out->room);
    place_put(&out->text, p);
    return gp_said(&out->text);
}

/* ---- places --------------------------------------------------------------------------------------------------------- */
/* An account that is gone meanwhile has no places. */
static gp_status note_one(struct accounts *a, const struct place_use *use)
{
    struct place_text text;
    auto_rows         r = rows_of(
                a->db, "INSERT INTO places (account, place, first, last)"
                               " SELECT id, ?2, ?3, ?3 FROM accounts WHERE id = ?1"
                               " ON CONFLICT DO UPDATE SET last = max(last, excluded.last), first = min(first, excluded.first)");
    rows_bind_number(&r, use->account);
    rows_bind_text(&r, text_of(&use->place, &text));
    rows_bind_number(&r, use->when);
    return rows_run(&r);
}

static gp_status prune(struct accounts *a, const struct place_use *use)
{
    auto_rows r = rows_of(a->db, "DELETE FROM places WHERE account = ?1 AND (last < ?2 OR place NOT IN"
                                 " (SELECT place FROM places WHERE account = ?1 ORDER BY last DESC LIMIT ?3))");
    rows_bind_number(&r, use->account);
    rows_bind_number(&r, use->when - PLACES_DAYS * day);
    rows_bind_number(&r, PLACES_MOST);
    return rows_run(&r);
}

/* Used in a future that a wrong clock showed: it would drive out all others until then. */
static gp_status clamp(struct accounts *a, const struct place_use *use)
{
    auto_rows r =
        rows_of(a->db, "UPDATE places SET last = ?2, first = min(first, ?2) WHERE account = ?1 AND last > ?3");
    rows_bind_number(&r, use->account);
    rows_bind_number(&r, use->when);
    rows_bind_number(&r, use->when + day);
    return rows_run(&r);
}

gp_status places_note(struct accounts *a, const struct place_use *list, size_t count)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    for (size_t i = 0; i < count && status == GP_OK; i++) {
        status = note_one(a, &list[i]);
        if (status == GP_OK) status = clamp(a, &list[i]);
        if (status == GP_OK) status = prune(a, &list[i]);
    }
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status places_of(struct accounts *a, int64_t account, gp_time now,
                    bool (*each)(void *owner, const struct place_use *), void *owner)
{
    struct place_use use = { .account = account };
    gp_status        status;
    auto_rows r = rows_of(a->db, "SELECT place, last FROM places WHERE account = ? AND last >= ? ORDER BY last DESC");
    rows_bind_number(&r, account);
    rows_bind_number(&r, now - PLACES_DAYS * day);
    while ((status = rows_next(&r)) == GP_OK) {
        use.when = rows_number(&r, 1);
        if (place_read(rows_text(&r, 0), &use.place) && !each(owner, &use)) return GP_OK;
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

static bool is_near(const struct place *a, const struct place *b)
{
    struct place around = place_around(a, place_is_v4(a) ? NEAR_V4 : NEAR_V6);
    return place_covers(&around, b);
}

bool place_tie(void *owner, const struct place_use *use)
{
    struct place_ties *t = owner;
    if (place_same(&use->place, &t->place)) {
        t->tier = GUARD_KNOWN;
        t->last = use->when;
    } else if (t->tier == GUARD_STRANGE && is_near(&use->place, &t->place)) {
        t->tier = GUARD_NEAR_KNOWN;
    }
    return t->tier != GUARD_KNOWN;
}

gp_status places_guests(struct accounts *a, const struct place *p, gp_time now, unsigned most, unsigned *count)
{
    struct place_text text;
    auto_rows r = rows_of(a->db, "SELECT COUNT(*) FROM (SELECT 1 FROM places WHERE place = ? AND last >= ? LIMIT ?)");
    rows_bind_text(&r, text_of(p, &text));
    rows_bind_number(&r, now - PLACES_DAYS * day);
    rows_bind_number(&r, most);
    gp_status status = rows_next(&r);
    *count           = status == GP_OK ? (unsigned)rows_number(&r, 0) : 0;
    return status;
}

/* ---- bans ----------------------------------------------------------------------------------------------------------- */
static bool read_ban(const struct rows *r, struct kept_ban *out)
{
    *out = (struct kept_ban) {
        .ban = {.manual   = rows_number(r, 1) != 0,
                .made     = rows_number(r, 2),
                .until    = rows_number(r, 3),
                .offences = (unsigned)rows_number(r, 4)}
    };
    return place_read(rows_text(r, 0), &out->ban.place) && gp_copy_z(rows_text(r, 5), out->reason, sizeof(out->reason));
}

gp_status kept_bans(struct accounts *a, bool (*each)(void *owner, const struct kept_ban *), void *owner)
{
    struct kept_ban ban;
    gp_status       status;
    auto_rows       r = rows_of(a->db, "SELECT network, manual, made, until, offences, reason FROM bans"
                                             " ORDER BY until = 0, until, network");
    while ((status = rows_next(&r)) == GP_OK)
        if (read_ban(&r, &ban) && !each(owner, &ban)) return GP_OK;
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status put_ban(struct accounts *a, const struct kept_ban *b, gp_str network)
{
    auto_rows r = rows_of(a->db, "INSERT OR REPLACE INTO bans (network, manual, made, until, offences, reason)"
                                 " VALUES (?, ?, ?, ?, ?, ?)");
    rows_bind_text(&r, network);
    rows_bind_number(&r, b->ban.manual);
    rows_bind_number(&r, b->ban.made);
    rows_bind_number(&r, b->ban.until);
    rows_bind_number(&r, b->ban.offences);
    rows_bind_text(&r, gp_from(b->reason));
    return rows_run(&r);
}

static gp_status add_ban(struct accounts *a, const struct kept_ban *b, gp_time now)
{
    struct place_text  text;
    gp_str             network = text_of(&b->ban.place, &text);
    struct audit_entry e       = { .when = now, .event = "ban-added" };
    gp_status          status  = put_ban(a, b, network);
    if (status != GP_OK) return status;
    return AUDIT(a->db, &e, AUDIT_Z("by", b->ban.manual ? database_operator(a->db) : "guard"),
                 AUDIT_S("address", network), AUDIT_N("until", b->ban.until), AUDIT_Z("reason", b->reason));
}

static gp_status forget_old_bans(struct accounts *a, gp_time now)
{
    auto_rows r = rows_of(a->db, "DELETE FROM bans WHERE until > 0 AND until < ?");
    rows_bind_number(&r, now - BANS_REMEMBER_DAYS * day);
    return rows_run(&r);
}

gp_status kept_bans_add(struct accounts *a, const struct kept_ban *list, size_t count, gp_time now)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    for (size_t i = 0; i < count && status == GP_OK; i++) status = add_ban(a, &list[i], now);
    if (status == GP_OK) status = forget_old_bans(a, now);
    return status == GP_OK ? transaction_commit(&t) : status;
}

static gp_status delete_ban(struct accounts *a, gp_str network)
{
    auto_rows r = rows_of(a->db, "DELETE FROM bans WHERE network = ?");
    rows_bind_text(&r, network);
    gp_status status = rows_run(&r);
    if (status != GP_OK) return status;
    return database_touched(a->db) > 0 ? GP_OK : GP_PERMFAIL;
}

gp_status kept_ban_remove(struct accounts *a, const struct place *p, gp_time now)
{
    struct place_text  text;
    gp_str             network = text_of(p, &text);
    struct audit_entry e       = { .when = now, .event = "ban-removed" };
    auto_transaction   t       = { 0 };
    gp_status          status  = transaction_begin(&t, a->db);
    if (status == GP_OK) status = delete_ban(a, network);
    if (status == GP_OK)
        status = AUDIT(a->db, &e, AUDIT_Z("by", database_operator(a->db)), AUDIT_S("address", network));
    return status == GP_OK ? transaction_commit(&t) : status;
}
