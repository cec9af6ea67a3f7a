/* What was found: kept within bounds, printable, each finding once for each place. */
#include "probe/probe.h"

#include <string.h>

enum { REPORT_MOST = 1 << 20, EXCERPT_MOST = 4096 };

void probe_report_open(struct probe_report *r, const char *target)
{
    *r            = (struct probe_report) { .target = target, .server = PROBE_SERVERS };
    r->arena.most = REPORT_MOST;
}

void probe_report_close(struct probe_report *r)
{
    gp_arena_reset(&r->arena);
    gp_mask_end(&r->mask);
}

/* Three octets of what turns the direction of text around or ends a line (U+2028 to 202E, U+2066 to 2069), or is no character of XML. */
static bool is_sly(const char *c)
{
    const unsigned char *at = (const unsigned char *)c;
    return (at[0] == 0xe2 && at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) ||
           (at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9) ||
           (at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe);
}

/* C0, DEL and C1 steer terminals; line ends stay. */
void probe_clean(struct gp_text *out, gp_str text)
{
    enum { DELETE_KEY = 0x7f, C1_LEAD = 0xc2, C1_LAST = 0x9f };
    bool utf8 = gp_is_utf8(text);
    for (size_t i = 0; i < text.len; i++) {
        if (utf8 && i + 2 < text.len && is_sly(text.ptr + i)) {
            gp_put_char(out, '?');
            i += 2;
            continue;
        }
        unsigned char c = (unsigned char)text.ptr[i], before = i ? (unsigned char)text.ptr[i - 1] : 0;
        bool          steers = (c < ' ' && c != '\n') || c == DELETE_KEY || (utf8 && before == C1_LEAD && c <= C1_LAST);
        gp_put_char(out, c > DELETE_KEY && !utf8 ? '?' : !steers ? (char)c : '?');
        /* The lead of a two-octet character that was taken out must not stand alone. */
        if (steers && c > DELETE_KEY && out->len > 1) out->ptr[out->len - 2] = '?';
    }
}

/* A cut must not go through a character. */
static gp_str head_of(gp_str text, size_t most)
{
    enum { CONTINUES = 0x80, CONTINUED = 0xc0 };
    if (text.len <= most) return text;
    while (most > 0 && ((unsigned char)text.ptr[most] & CONTINUED) == CONTINUES) most--;
    return gp_head(text, most);
}

static const char *keep(struct probe_report *r, gp_str text, size_t most)
{
    char           masked_room[EXCERPT_MOST + 4 /* of a character */], room[EXCERPT_MOST + 1];
    struct gp_text masked = GP_TEXT(masked_room), clean = GP_TEXT(room);
    gp_put_masked(&masked, &r->mask, text);
    probe_clean(&clean, head_of(gp_said(&masked), most < EXCERPT_MOST ? most : EXCERPT_MOST));
    gp_put_char(&clean, '\0');
    gp_str kept = gp_arena_copy(&r->arena, gp_said(&clean));
    if (!kept.ptr) r->lost = true;
    return kept.ptr ? kept.ptr : "";
}

static bool is_there(const struct probe_report *r, enum probe_id id, const char *where)
{
    for (size_t i = 0; i < r->raised_count; i++)
        if (r->raised[i].id == id && strcmp(r->raised[i].where, where) == 0) return true;
    return false;
}

void probe_raise(struct probe_report *r, enum probe_id id, const char *where, gp_str seen, gp_str excerpt)
{
    r->states[id] = PROBE_RAISED;
    if (is_there(r, id, where)) return;
    if (r->raised_count == PROBE_RAISED_MOST) {
        r->lost = true;
        return;
    }
    r->raised[r->raised_count++] = (struct probe_raised) { .id      = id,
                                                           .where   = keep(r, gp_from(where), PROBE_WHERE_ROOM),
                                                           .seen    = keep(r, seen, PROBE_SEEN_MOST),
                                                           .excerpt = keep(r, excerpt, EXCERPT_MOST) };
}

void probe_look(struct probe_report *r, enum probe_id id)
{
    if (r->states[id] == PROBE_UNSEEN) r->states[id] = PROBE_FINE;
}

void probe_learn(struct probe_report *r, enum probe_area area, const char *where, gp_str what)
{
    if (r->fact_count == PROBE_FACTS_MOST) return;
    r->facts[r->fact_count++] =
        (struct probe_fact) { area, keep(r, gp_from(where), PROBE_WHERE_ROOM), keep(r, what, PROBE_SEEN_MOST) };
}

size_t probe_count(const struct probe_report *r, enum probe_severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < r->raised_count; i++) count += probe_findings[r->raised[i].id].severity == severity;
    return count;
}

int probe_worst(const struct probe_report *r)
{
    int worst = -1;
    for (size_t i = 0; i < r->raised_count; i++) {
        int severity = (int)probe_findings[r->raised[i].id].severity;
        if (severity > worst) worst = severity;
    }
    return worst;
}

/* F: critical. D: an error. C: three warnings and more. B: a warning. A: notes at most. */
char probe_grade(const struct probe_report *r, enum probe_area area)
{
    enum { MANY = 3 };
    size_t counts[PROBE_SEVERITIES] = { 0 };
    bool   any                      = false;
    for (size_t i = 0; i < r->raised_count; i++)
        if (probe_findings[r->raised[i].id].area == area) counts[probe_findings[r->raised[i].id].severity]++;
    for (size_t i = 0; i < PROBE_FINDINGS; i++)
        any = any || (probe_findings[i].area == area && r->states[i] != PROBE_UNSEEN);
    if (!any) return '-';
    if (counts[PROBE_CRITICAL]) return 'F';
    if (counts[PROBE_ERROR]) return 'D';
    return counts[PROBE_WARNING] >= MANY ? 'C' : counts[PROBE_WARNING] ? 'B' : 'A';
}
