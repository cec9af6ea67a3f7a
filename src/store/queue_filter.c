/* Which messages are meant: pages of a queue of any size, in order of arrival. */
#include "config/config.h"
#include "store/queue_parts.h"

/* An address, or all of a domain: both but for ASCII case. */
#define IS_ADDRESS(column, n)                                                                                          \
    "(?" n " IS NULL OR lower(" column ") = lower(?" n ") OR lower(substr(" column ", -length(?" n                     \
    ") - 1)) = '@' || lower(?" n "))"

static const char page[] =
    "SELECT message, queue_id FROM messages AS m WHERE message > ?1"
    " AND (?3 = 0 OR account = ?3 OR (owner = ?3 AND owner <> 0)) AND (?4 IS NULL OR user = ?4)"
    " AND " IS_ADDRESS(
        "sender",
        "5") " AND (?6 = 0 OR arrived < ?6)"
             " AND (?7 IS NULL OR instr(' ' || params || ' ', ' ENVID=' || ?7 || ' ') > 0)"
             " AND (?8 = 0 OR EXISTS (SELECT 1 FROM recipients AS r WHERE r.message = m.message AND " IS_ADDRESS(
                 "address", "9") " AND (?10 IS NULL OR destination = '" CONFIG_VIA
                                 "' || ?10 OR substr(destination, 1, length(?10) + 5) = '" CONFIG_VIA "' || ?10 || ' ')"
                                 " AND (?11 < 0 OR (state = ?11 AND attempts >= ?12))))"
                                 " ORDER BY message LIMIT ?2";

static void bind(struct rows *r, int64_t row, const struct queue_filter *f, size_t room)
{
    enum { ANY = -1 };
    bool tried = f->state == QUEUE_DEFERRED, held = f->state == QUEUE_ON_HOLD;
    rows_bind_number(r, row);
    rows_bind_number(r, (int64_t)room);
    rows_bind_number(r, f->account);
    rows_bind_text(r, f->user);
    rows_bind_text(r, f->from);
    rows_bind_number(r, f->before);
    rows_bind_text(r, f->envid);
    rows_bind_number(r, f->to.ptr || f->route.ptr || f->state != QUEUE_ANY);
    rows_bind_text(r, f->to);
    rows_bind_text(r, f->route);
    rows_bind_number(r, f->state == QUEUE_ANY ? ANY : held ? RECIPIENT_HELD : RECIPIENT_QUEUED);
    rows_bind_number(r, tried);
}

gp_status queue_filter_page(struct queue_store *s, int64_t row, const struct queue_filter *f, struct queue_place *out,
                            size_t room, size_t *count)
{
    auto_rows r      = rows_of(s->db, page);
    gp_status status = GP_OK;
    bind(&r, row, f, room);
    *count = 0;
    while (*count < room && (status = rows_next(&r)) == GP_OK) {
        out[*count].row = rows_number(&r, 0);
        if (!gp_copy_z(rows_text(&r, 1), out[*count].queue_id, sizeof out->queue_id)) return GP_TEMPFAIL;
        ++*count;
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}
