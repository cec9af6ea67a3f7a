/* What a transcript sees: one line at a time, fit for a terminal, with every secret taken out. */
#include "talk/parts.h"

#include <stdio.h>
#include <string.h>

enum { HIDDEN_MOST = 64 * 1024, SECRET_LEAST = 4 /* shorter ones would take ordinary words with them */ };
static const char masked[] = "(secret)";

static void hide(struct talk *t, gp_str octets)
{
    if (octets.len < SECRET_LEAST || t->hidden_count == TALK_SECRETS_MOST) return;
    struct gp_buffer *b = &t->hidden[t->hidden_count];
    if (gp_buffer_add(b, octets, HIDDEN_MOST)) t->hidden_count++;
}

void talk_hide(struct talk *t, gp_secret secret)
{
    char           room[GP_BASE64_ROOM(4096)];
    struct gp_text base64 = GP_TEXT(room);
    gp_str         octets = { secret.ptr, secret.len };
    hide(t, octets);
    gp_put_base64(&base64, octets);
    if (!base64.cut) hide(t, gp_said(&base64));
    gp_wipe(room, sizeof room);
}

void talk_unhide(struct talk *t)
{
    for (size_t i = 0; i < t->hidden_count; i++) gp_buffer_free(&t->hidden[i]);
    t->hidden_count = 0;
}

/* How many octets of a secret begin here; 0: none. */
static size_t secret_at(const struct talk *t, gp_str text)
{
    for (size_t i = 0; i < t->hidden_count; i++) {
        gp_str secret = gp_buffer_all(&t->hidden[i]);
        if (gp_same(gp_head(text, secret.len), secret)) return secret.len;
    }
    return 0;
}

static void put_clean(const struct talk *t, struct gp_text *out, gp_str text)
{
    enum { DELETE_KEY = 0x7f, C1_LEAD = 0xc2, C1_LAST = 0x9f };
    bool utf8 = gp_is_utf8(text);
    for (size_t i = 0; i < text.len;) {
        size_t secret = secret_at(t, gp_tail(text, i));
        if (secret > 0) {
            gp_put_z(out, masked);
            i += secret;
            continue;
        }
        unsigned char c = (unsigned char)text.ptr[i], before = i ? (unsigned char)text.ptr[i - 1] : 0;
        bool          steers = c < ' ' || c == DELETE_KEY || (before == C1_LEAD && c <= C1_LAST);
        gp_put_char(out, steers || (c > DELETE_KEY && !utf8) ? '?' : (char)c);
        i++;
    }
}

void talk_shows(struct talk *t, enum talk_side side, gp_str line)
{
    char           room[TALK_SHOWN_MOST + 4];
    struct gp_text out = { .ptr = room, .room = TALK_SHOWN_MOST };
    if (!t->transcript.line) return;
    put_clean(t, &out, line);
    if (out.cut) {
        out.room = sizeof room;
        gp_put_z(&out, "...");
    }
    struct talk_line shown = { side, talk_micros(t), gp_said(&out) };
    t->transcript.line(t->transcript.owner, &shown);
}

void talk_notes(struct talk *t, const char *what, const char *detail)
{
    char room[TALK_WHY_ROOM + TALK_PEER_ROOM];
    int  len = snprintf(room, sizeof room, "%s%s%s", what, detail ? " " : "", detail ? detail : "");
    if (len > 0) talk_shows(t, TALK_NOTE, gp_head((gp_str) { room, (size_t)len }, sizeof room - 1));
}

static void shows_size(struct talk *t, size_t octets, const char *of)
{
    char room[64];
    int  len = snprintf(room, sizeof room, "(%zu octets%s)", octets, of);
    talk_shows(t, TALK_CLIENT, (gp_str) { room, (size_t)len });
}

void talk_shows_octets(struct talk *t, gp_str octets, enum talk_show how)
{
    if (!t->transcript.line) return;
    if (how == TALK_COUNT) shows_size(t, octets.len, " of message");
    if (how == TALK_MASK) shows_size(t, octets.len, ", not shown");
    while (how == TALK_SHOW && octets.len > 0) {
        gp_str line = gp_cut(&octets, '\n');
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
        talk_shows(t, TALK_CLIENT, line);
    }
}
