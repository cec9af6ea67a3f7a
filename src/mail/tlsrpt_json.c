/* A report of TLS as JSON (RFC 8460 4.4), written row by row into room that may end: what is written is whole whatever had to be left out. */
#include <string.h>

#include "mail/mail.h"
#include "mail/tlsrpt.h"

/* ---- JSON ---------------------------------------------------------------------------------------------------------------- */
static void put_octet(struct gp_text *out, char c, bool utf8)
{
    if (c == '"' || c == '\\') {
        gp_put_char(out, '\\');
        gp_put_char(out, c);
    } else if ((unsigned char)c < ' ' || c == 0x7f) {
        gp_put_z(out, "\\u00");
        gp_put_hex(out, (gp_str) { &c, 1 });
    } else {
        gp_put_char(out, (unsigned char)c > 0x7f && !utf8 ? '?' : c);
    }
}

static void put_string(struct gp_text *out, gp_str text)
{
    bool utf8 = gp_is_utf8(text);
    gp_put_char(out, '"');
    for (size_t i = 0; i < text.len; i++) put_octet(out, text.ptr[i], utf8);
    gp_put_char(out, '"');
}

/* before: "{\"a\":", or ",\"b\":". */
static void put_text(struct gp_text *out, const char *before, gp_str text)
{
    gp_put_z(out, before);
    put_string(out, text);
}

static void put_known(struct gp_text *out, const char *before, gp_str text)
{
    if (text.len) put_text(out, before, text);
}

static void put_count(struct gp_text *out, const char *before, int64_t count)
{
    gp_put_z(out, before);
    gp_put_number(out, count);
}

/* All of it, with the room for the end left free, or nothing. */
static bool keep(struct gp_text *out, size_t mark)
{
    if (!out->cut && out->room - out->len >= GP_TLSRPT_TAIL) return true;
    out->len = mark;
    out->cut = false;
    return false;
}

/* ---- the report ------------------------------------------------------------------------------------------------------------- */
void gp_tlsrpt_put_id(struct gp_text *out, const struct gp_tlsrpt *r)
{
    gp_put_day(out, r->day);
    gp_put_char(out, '.');
    gp_put(out, r->domain);
    gp_put_char(out, '@');
    gp_put_z(out, r->hostname);
}

void gp_tlsrpt_begin(struct gp_tlsrpt_json *w, const struct gp_tlsrpt *r, struct gp_text *out)
{
    char           room[1024];
    struct gp_text id = GP_TEXT(room);
    *w                = (struct gp_tlsrpt_json) { .out = out, .domain = r->domain };
    gp_tlsrpt_put_id(&id, r);
    put_text(out, "{\"organization-name\":", gp_from(r->organization));
    gp_put_z(out, ",\"date-range\":{\"start-datetime\":\"");
    gp_put_day(out, r->day);
    gp_put_z(out, "T00:00:00Z\",\"end-datetime\":\"");
    gp_put_day(out, r->day);
    gp_put_z(out, "T23:59:59Z\"}");
    put_text(out, ",\"contact-info\":", gp_from(r->contact));
    put_text(out, ",\"report-id\":", gp_said(&id));
    gp_put_z(out, ",\"policies\":[");
}

/* ---- a policy ----------------------------------------------------------------------------------------------------------------- */
/* As strings of an array, of those lines that begin so, without what they begin with. */
static void put_lines(struct gp_text *out, const char *key, gp_str lines, const char *prefix)
{
    bool some = false;
    while (lines.len) {
        gp_str line = gp_cut(&lines, '\n');
        if (!gp_starts(line, prefix)) continue;
        put_text(out, some ? "," : key, gp_trim(gp_tail(line, strlen(prefix))));
        some = true;
    }
    if (some) gp_put_char(out, ']');
}

static void end_policy(struct gp_tlsrpt_json *w)
{
    if (!w->policy.ptr || w->left_out) return;
    if (w->details) gp_put_char(w->out, ']');
    put_count(w->out, ",\"summary\":{\"total-successful-session-count\":", w->good);
    put_count(w->out, ",\"total-failure-session-count\":", w->failed);
    gp_put_z(w->out, "}}");
}

static void begin_policy(struct gp_tlsrpt_json *w, const struct gp_tlsrpt_row *row)
{
    end_policy(w);
    size_t mark = w->out->len;
    w->details  = 0;
    w->good = w->failed = 0;
    put_text(w->out, w->policies ? ",{\"policy\":{\"policy-type\":" : "{\"policy\":{\"policy-type\":", row->policy);
    put_lines(w->out, ",\"policy-string\":[", row->text, "");
    put_text(w->out, ",\"policy-domain\":", w->domain);
    if (gp_is(row->policy, "sts")) put_lines(w->out, ",\"mx-host\":[", row->text, "mx:");
    gp_put_char(w->out, '}');
    w->left_out = !keep(w->out, mark);
    if (!w->left_out) w->policies++;
}

/* What 4.4 has besides, "additional-information", is a URI at which somebody serves more of it: here nobody does. */
static void add_failure(struct gp_tlsrpt_json *w, const struct gp_tlsrpt_row *row)
{
    size_t mark = w->out->len;
    gp_put_z(w->out, w->details ? "," : ",\"failure-details\":[");
    put_text(w->out, "{\"result-type\":", row->result);
    put_known(w->out, ",\"sending-mta-ip\":", row->from);
    put_known(w->out, ",\"receiving-mx-hostname\":", row->host);
    put_known(w->out, ",\"receiving-mx-helo\":", row->peer);
    put_known(w->out, ",\"receiving-ip\":", row->to);
    put_count(w->out, ",\"failed-session-count\":", row->count);
    put_known(w->out, ",\"failure-reason-code\":", row->reason);
    gp_put_char(w->out, '}');
    if (keep(w->out, mark)) w->details++;
}

void gp_tlsrpt_add(struct gp_tlsrpt_json *w, const struct gp_tlsrpt_row *row)
{
    if (!w->policy.ptr || !gp_same(w->policy, row->policy) || !gp_same(w->text, row->text)) begin_policy(w, row);
    w->policy = row->policy;
    w->text   = row->text;
    if (w->left_out) return;
    *(row->result.len ? &w->failed : &w->good) += row->count;
    if (row->result.len) add_failure(w, row);
}

void gp_tlsrpt_end(struct gp_tlsrpt_json *w)
{
    end_policy(w);
    gp_put_z(w->out, "]}");
}
