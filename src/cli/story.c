/* Rows of the audit, told: a table of events, each with how it is told; what has no row is told by the names of its fields. */
#include "cli/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/queue.h"
#include "cli/user.h"

enum { LOOK_BACK = 12 /* entries: what was the same there is counted, not told again */ };

bool story_open(struct story *s)
{
    *s = (struct story) { .list = calloc(STORY_MOST, sizeof(*s->list)) };
    return s->list != NULL;
}

void story_close(struct story *s)
{
    free(s->list);
    *s = (struct story) { .list = NULL };
}

/* ---- putting words together ------------------------------------------------------------------------------------------ */
struct telling {
    const struct audit_row *row;
    json_t                 *data;
    struct happening       *h;
    struct gp_text          what, why, detail;
};

/* As much of it as there is room for: replies of other servers may be long. */
static void put_some(struct gp_text *out, gp_str text)
{
    gp_put(out, gp_head(text, out->room - out->len));
}

static gp_str text_of(const struct telling *t, const char *key)
{
    const json_t *value = json_object_get(t->data, key);
    return json_is_string(value) ? (gp_str) { json_string_value(value), json_string_length(value) } : GP_LIT("");
}

static int64_t number_of(const struct telling *t, const char *key)
{
    return json_integer_value(json_object_get(t->data, key));
}

/* ", from 192.0.2.1", where it is known. */
static void put_known(struct gp_text *out, const char *before, gp_str text)
{
    if (text.len == 0) return;
    if (out->len > 0) gp_put_z(out, ", ");
    gp_put_z(out, before);
    put_some(out, text);
}

static void put_way(struct telling *t)
{
    put_known(&t->detail, "", text_of(t, "mechanism"));
    put_known(&t->detail, "at ", text_of(t, "listener"));
    put_known(&t->detail, "from ", text_of(t, "peer"));
    put_known(&t->detail, "calling itself ", text_of(t, "helo"));
    put_known(&t->detail, "", text_of(t, "tls"));
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */
static void tell_signin(struct telling *t)
{
    gp_put_z(&t->what, "sign-in ");
    put_some(&t->what, text_of(t, "result"));
    put_some(&t->why, text_of(t, "reason"));
    put_way(t);
    put_known(&t->detail, "for ", text_of(t, "acting_for"));
    put_known(&t->detail, "asked ", text_of(t, "source"));
}

static void tell_refused(struct telling *t)
{
    gp_str reply = text_of(t, "reply"), why = text_of(t, "reason");
    gp_put_z(&t->what, "refused");
    if (number_of(t, "code")) {
        gp_put_char(&t->what, ' ');
        gp_put_number(&t->what, number_of(t, "code"));
    }
    put_some(&t->why, why.len ? why : reply);
    if (why.len && !gp_same(why, reply)) put_known(&t->detail, "the client heard: ", reply);
    put_known(&t->detail, "sender ", text_of(t, "sender"));
    put_way(t);
}

static void tell_held(struct telling *t)
{
    gp_put_z(&t->what, "accepted and held");
    gp_put_z(&t->why, "held: ");
    put_some(&t->why, text_of(t, "reason"));
    put_known(&t->detail, "sender ", text_of(t, "sender"));
    put_way(t);
}

static void put_first(struct telling *t, const char *key, int64_t count)
{
    const json_t *list = json_object_get(t->data, key), *first = json_array_get(list, 0);
    if (!json_is_string(first)) return;
    put_known(&t->detail, "to ", (gp_str) { json_string_value(first), json_string_length(first) });
    if (count < 2) return;
    gp_put_z(&t->detail, " and ");
    gp_put_number(&t->detail, count - 1);
    gp_put_z(&t->detail, " more");
}

/* "2026-12-24T18:00:00Z;RT" */
static void put_deadline(struct telling *t, gp_str mode)
{
    gp_str moment = gp_cut(&mode, ';');
    if (!moment.len) return;
    put_known(&t->detail, "to be delivered by ", moment);
    gp_put_z(&t->detail, gp_starts(mode, "R") ? " or come back" : " or be told late");
}

static void tell_accepted(struct telling *t)
{
    gp_str held = text_of(t, "held");
    gp_put_z(&t->what, held.len ? "message accepted and held" : "message accepted");
    if (held.len) gp_put_z(&t->why, "held: ");
    put_some(&t->why, held);
    put_known(&t->detail, "sender ", text_of(t, "sender"));
    put_first(t, "to", number_of(t, "recipients"));
    put_known(&t->detail, "held back by its sender until ", text_of(t, "until"));
    if (text_of(t, "requiretls").len) put_known(&t->detail, "requires ", GP_LIT("TLS all the way (REQUIRETLS)"));
    put_deadline(t, text_of(t, "deliver_by"));
    put_known(&t->detail, "priority ", text_of(t, "priority"));
    put_way(t);
}

static void tell_outcome(struct telling *t)
{
    put_some(&t->what, t->row->event);
    gp_put_z(&t->what, " to ");
    put_some(&t->what, text_of(t, "to"));
    if (number_of(t, "code")) gp_put_number(&t->why, number_of(t, "code"));
    if (t->why.len && text_of(t, "status").len) gp_put_char(&t->why, ' ');
    put_some(&t->why, text_of(t, "status"));
    if (t->why.len) gp_put_char(&t->why, ' ');
    put_some(&t->why, text_of(t, "reply"));
    put_known(&t->detail, "said by ", text_of(t, "remote"));
    put_known(&t->detail, "", text_of(t, "tls"));
}

/* "credential revoked", and the fields: "label printer, by root" */
static void tell_other(struct telling *t)
{
    const char *key;
    json_t     *value;
    for (size_t i = 0; i < t->row->event.len; i++) {
        char c = t->row->event.ptr[i];
        gp_put_char(&t->what, c == '-' ? ' ' : c);
    }
    json_object_foreach(t->data, key, value)
    {
        char           room[64], shown[64], moment[USER_TIME_ROOM];
        struct gp_text name = { .ptr = room, .room = sizeof(room) - 1 }, number = GP_TEXT(shown);
        gp_str         text = GP_LIT("...");
        if (strcmp(key, "count") == 0 || strcmp(key, "last") == 0 || strcmp(key, "incidents") == 0) continue;
        for (const char *c = key; *c; c++) gp_put_char(&name, (char)(*c == '_' ? ' ' : *c));
        gp_put_char(&name, ' ');
        room[name.len] = '\0';
        if (json_is_integer(value)) gp_put_number(&number, json_integer_value(value));
        if (json_is_integer(value)) text = gp_said(&number);
        if (json_is_integer(value) && strcmp(key, "until") == 0)
            text = gp_from(user_time((gp_time)json_integer_value(value), moment));
        if (json_is_string(value)) text = text_of(t, key);
        put_known(&t->detail, room, text);
    }
}

static const struct {
    const char *event;
    void (*tell)(struct telling *);
} tellers[] = {
    {"sign-in",    tell_signin  },
    { "refused",   tell_refused },
    { "held",      tell_held    },
    { "accepted",  tell_accepted},
    { "delivered", tell_outcome },
    { "deferred",  tell_outcome },
    { "failed",    tell_outcome },
    { "discarded", tell_outcome },
};

/* ---- one row ------------------------------------------------------------------------------------------------------------- */
static void keep(char *out, size_t room, gp_str text)
{
    if (!gp_copy_z(gp_head(text, room - 1), out, room)) out[0] = '\0';
}

static void put_next(struct telling *t)
{
    struct gp_text next   = { .ptr = t->h->next, .room = sizeof(t->h->next) - 1 };
    gp_str         event  = t->row->event;
    bool           theirs = gp_is(event, "failed") || gp_is(event, "deferred"); /* another server said why */
    struct advice  a      = { .account  = t->row->name,
                              .address  = text_of(t, "peer"),
                              .sender   = text_of(t, "sender"),
                              .queue_id = t->row->queue_id };
    if (t->why.len > 0 && !theirs) advice_put(&next, gp_said(&t->why), &a);
    t->h->next[next.cut ? 0 : next.len] = '\0';
}

/* It stands in a row for many: it is the one that is asked about all the same. */
static bool is_among(const struct telling *t, const char *incident)
{
    size_t  i;
    json_t *one;
    json_array_foreach(json_object_get(t->data, "incidents"), i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), incident) == 0) return true;
    }
    return false;
}

static void tell(struct telling *t)
{
    void (*how)(struct telling *) = tell_other;
    for (size_t i = 0; i < GP_COUNT(tellers); i++)
        if (gp_is(t->row->event, tellers[i].event)) how = tellers[i].tell;
    if (t->row->erased)
        gp_put_z(&t->what, "erased: the person's data were removed");
    else
        how(t);
    put_next(t);
    keep(t->h->event, sizeof(t->h->event), t->row->event);
    keep(t->h->account, sizeof(t->h->account), t->row->name);
    keep(t->h->incident, sizeof(t->h->incident), t->row->incident);
    keep(t->h->queue_id, sizeof(t->h->queue_id), t->row->queue_id);
    t->h->what[t->what.len]     = '\0';
    t->h->why[t->why.len]       = '\0';
    t->h->detail[t->detail.len] = '\0';
}

static bool is_alike(const struct story *s, const struct happening *a, const struct happening *b)
{
    if (s->incident[0] && (strcmp(a->incident, s->incident) == 0 || strcmp(b->incident, s->incident) == 0))
        return false;
    return strcmp(a->what, b->what) == 0 && strcmp(a->why, b->why) == 0 && strcmp(a->account, b->account) == 0 &&
           strcmp(a->detail, b->detail) == 0;
}

static bool is_marked(const struct story *s, const struct happening *h)
{
    return s->incident[0] && strcmp(h->incident, s->incident) == 0;
}

/* The oldest gives way, but never what was asked about. */
static void make_room(struct story *s)
{
    size_t gone = is_marked(s, &s->list[0]);
    memmove(&s->list[gone], &s->list[gone + 1], (STORY_MOST - 1 - gone) * sizeof(*s->list));
    s->count--;
    s->left_out++;
}

static void add(struct story *s, const struct happening *fresh)
{
    size_t from = s->count > LOOK_BACK ? s->count - LOOK_BACK : 0;
    for (size_t i = s->count; i-- > from;) {
        struct happening *h = &s->list[i];
        if (!is_alike(s, h, fresh)) continue;
        h->count += fresh->count;
        if (fresh->last > h->last) h->last = fresh->last;
        keep(h->incident, sizeof(h->incident),
             gp_from(fresh->incident)); /* the latest can be found, the others by it */
        keep(h->queue_id, sizeof(h->queue_id), gp_from(fresh->queue_id));
        return;
    }
    if (s->count == STORY_MOST) make_room(s);
    s->list[s->count++] = *fresh;
}

void story_tell(struct story *s, const struct audit_row *row)
{
    struct happening h = { .first = row->when, .last = row->when, .count = 1, .seq = row->seq };
    struct telling   t = {
          .row    = row,
          .data   = json_loadb(row->data.ptr ? row->data.ptr : "", row->data.len, 0, NULL),
          .h      = &h,
          .what   = {.ptr = h.what,    .room = sizeof(h.what) - 1  },
          .why    = { .ptr = h.why,    .room = sizeof(h.why) - 1   },
          .detail = { .ptr = h.detail, .room = sizeof(h.detail) - 1}
    };
    if (number_of(&t, "count") > 1) h.count = (uint64_t)number_of(&t, "count");
    if (number_of(&t, "last") > h.last) h.last = number_of(&t, "last");
    tell(&t);
    if (s->incident[0] && is_among(&t, s->incident)) keep(h.incident, sizeof(h.incident), gp_from(s->incident));
    json_decref(t.data);
    add(s, &h);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------ */
static int by_time(const void *a, const void *b)
{
    const struct happening *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

void story_sort(struct story *s)
{
    qsort(s->list, s->count, sizeof(*s->list), by_time);
}

static json_t *happening_json(const struct happening *h)
{
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "first", moment_json(h->first), "last",
                     moment_json(h->last), "count", (json_int_t)h->count, "event", text_json(gp_from(h->event)),
                     "account", text_json(gp_from(h->account)), "what", text_json(gp_from(h->what)), "why",
                     text_json(gp_from(h->why)), "detail", text_json(gp_from(h->detail)), "incident",
                     text_json(gp_from(h->incident)), "queue_id", text_json(gp_from(h->queue_id)), "next",
                     text_json(gp_from(h->next)));
}

json_t *story_json(const struct story *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->count; i++)
        if (json_array_append_new(list, happening_json(&s->list[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static void print_line(const char *before, const char *text)
{
    if (!text[0]) return;
    (void)fputs(before, stdout);
    print_text(gp_from(text));
    (void)putchar('\n');
}

static void print_one(const struct happening *h, bool marked)
{
    char when[USER_TIME_ROOM];
    (void)printf("%s%s  ", marked ? "> " : "  ", user_time(h->first, when));
    print_text(gp_from(h->what));
    if (h->why[0]) (void)fputs(": ", stdout);
    print_text(gp_from(h->why));
    if (h->count > 1) (void)printf("  (%llu times until %s)", (unsigned long long)h->count, user_time(h->last, when));
    (void)putchar('\n');
    print_line("      account   ", h->account);
    print_line("      how       ", h->detail);
    print_line("      message   ", h->queue_id);
    print_line("      incident  ", h->incident);
    print_line("      next      ", h->next);
}

size_t story_from(const struct story *s, size_t most)
{
    size_t from = s->count > most ? s->count - most : 0;
    for (size_t i = 0; i < from; i++)
        if (is_marked(s, &s->list[i])) return i > most / 2 ? i - most / 2 : 0;
    return from;
}

void story_print(const struct story *s, size_t most)
{
    size_t   from = story_from(s, most), end = s->count - from > most ? from + most : s->count;
    uint64_t before = s->left_out + from, after = s->count - end;
    if (before) (void)printf("  (%llu earlier entries are not shown: --all)\n", (unsigned long long)before);
    for (size_t i = from; i < end; i++) print_one(&s->list[i], is_marked(s, &s->list[i]));
    if (after) (void)printf("  (%llu later entries are not shown: --all)\n", (unsigned long long)after);
}
