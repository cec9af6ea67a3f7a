/* What a transcript sees: one line at a time, fit for a terminal, with every secret taken out. */
#include "talk/parts.h"

#include <stdio.h>

enum {
    HIDDEN_MOST   = 64 * 1024,
    SECRET_LEAST  = 4 /* shorter ones would take ordinary words with them */,
    MESSAGE_LEAST = 8 /* the same: six octets, which nobody signs in with */,
    PART_LEAST    = 12 /* of a secret that the server has cut */
};
static const char masked[] = "(secret)";

static bool is_hidden(const struct talk *t, gp_str octets)
{
    for (size_t i = 0; i < t->hidden_count; i++)
        if (gp_same(gp_buffer_all(&t->hidden[i]), octets)) return true;
    return false;
}

static void hide(struct talk *t, gp_str octets, size_t least)
{
    if (octets.len < least || is_hidden(t, octets)) return;
    size_t at = t->hidden_count < TALK_SECRETS_MOST
                    ? t->hidden_count++
                    : TALK_SECRETS_KEPT + t->hidden_turn++ % (TALK_SECRETS_MOST - TALK_SECRETS_KEPT);
    gp_buffer_free(&t->hidden[at]);
    if (!gp_buffer_add(&t->hidden[at], octets, HIDDEN_MOST))
        (void)talk_fail(t, TALK_NO_MEMORY, "no memory to keep a secret out of what is shown", NULL);
}

void talk_hide(struct talk *t, gp_secret secret)
{
    char           room[GP_BASE64_ROOM(4096)];
    struct gp_text base64 = GP_TEXT(room);
    gp_str         octets = { secret.ptr, secret.len };
    hide(t, octets, SECRET_LEAST);
    gp_put_base64(&base64, octets);
    if (!base64.cut) hide(t, gp_said(&base64), SECRET_LEAST);
    gp_wipe(room, sizeof room);
}

/* PLAIN's holds name and password, OAUTHBEARER's the token, and what SCRAM proves can be guessed at. */
void talk_hide_message(struct talk *t, gp_str base64)
{
    t->said_secret = true;
    hide(t, base64, MESSAGE_LEAST);
}

void talk_unhide(struct talk *t)
{
    for (size_t i = 0; i < t->hidden_count; i++) gp_buffer_free(&t->hidden[i]);
    t->hidden_count = 0;
}

static size_t same_octets(gp_str a, gp_str b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n]) n++;
    return n;
}

/* How many octets of a secret begin here; 0: none. */
static size_t secret_at(const struct talk *t, gp_str text)
{
    size_t longest = 0;
    for (size_t i = 0; i < t->hidden_count; i++) {
        gp_str secret = gp_buffer_all(&t->hidden[i]);
        size_t same   = same_octets(text, secret);
        if ((same == secret.len || same >= PART_LEAST) && same > longest) longest = same;
    }
    return longest;
}

void talk_mask(const struct talk *t, struct gp_text *out, gp_str text)
{
    while (text.len > 0 && !out->cut) {
        size_t secret = secret_at(t, text);
        if (secret > 0)
            gp_put_z(out, masked);
        else
            gp_put_char(out, text.ptr[0]);
        text = gp_tail(text, secret ? secret : 1);
    }
}

void talk_shows(struct talk *t, enum talk_side side, gp_str line)
{
    char           clear_room[TALK_SHOWN_MOST + 1], room[TALK_SHOWN_MOST + 4];
    struct gp_text clear = GP_TEXT(clear_room), out = { .ptr = room, .room = TALK_SHOWN_MOST };
    if (!t->transcript.line) return;
    talk_mask(t, &clear, line);
    for (gp_str rest = gp_said(&clear); rest.len > 0 && !out.cut;) gp_put(&out, gp_next_shown(&rest));
    if (out.cut || clear.cut) {
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

/* "AUTH PLAIN BASE64", or the message alone. */
static void hide_last_words(struct talk *t, gp_str octets)
{
    while (octets.len > 0) {
        gp_str line = gp_cut(&octets, '\n'), word = GP_LIT("");
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
        while (line.len > 0) word = gp_word(&line);
        talk_hide_message(t, word);
    }
}

void talk_shows_octets(struct talk *t, gp_str octets, enum talk_show how)
{
    if (how == TALK_MASK) hide_last_words(t, octets);
    if (!t->transcript.line) return;
    if (how == TALK_COUNT) shows_size(t, octets.len, " of message");
    if (how == TALK_MASK) shows_size(t, octets.len, ", not shown");
    while (how == TALK_SHOW && octets.len > 0) {
        gp_str line = gp_cut(&octets, '\n');
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
        talk_shows(t, TALK_CLIENT, line);
    }
}
