/* What a server repeats of the secret is not kept, in whichever session it does: a server that has heard it once can say it in the next.
 * Base64 shows three octets in four characters, so what holds the secret behind one, two or three others has one of three forms. */
#include "probe/probe.h"

enum {
    SECRET_LEAST = 4, /* shorter ones would take ordinary words with them */
    BASE64_LEAST = 6,
    PART_LEAST   = 12, /* of a secret that the server has cut */
    SECRET_MOST  = 64 * 1024,
    HEAD_MOST    = 4096,
    GROUP        = 3 /* RFC 4648 4: octets that share their characters */
};

static bool hide(struct probe_report *r, size_t form, gp_str octets, size_t least)
{
    gp_buffer_free(&r->hidden[form]);
    return octets.len < least || gp_buffer_add(&r->hidden[form], octets, SECRET_MOST);
}

/* Without the characters at either end that have bits of something else. */
static bool hide_base64(struct probe_report *r, size_t before, gp_secret secret)
{
    static const size_t shared[GROUP] = { 0, 2, 3 };
    char                octets_room[HEAD_MOST + GROUP], room[GP_BASE64_ROOM(sizeof octets_room)];
    struct gp_text      octets = GP_TEXT(octets_room), base64 = GP_TEXT(room);
    for (size_t i = 0; i < before; i++) gp_put_char(&octets, '\0');
    gp_put(&octets, gp_head((gp_str) { secret.ptr, secret.len }, HEAD_MOST)); /* what follows is of the same word */
    gp_put_base64(&base64, gp_said(&octets));
    size_t whole = octets.len * 4 / GROUP;
    gp_str form  = gp_tail(gp_head(gp_said(&base64), whole), shared[before]);
    bool   done  = octets.cut || base64.cut || hide(r, before + 1, form, BASE64_LEAST);
    gp_wipe(octets_room, sizeof octets_room);
    gp_wipe(room, sizeof room);
    return done;
}

bool probe_hide(struct probe_report *r, gp_secret secret)
{
    if (!secret.len) return true;
    bool done = hide(r, 0, (gp_str) { secret.ptr, secret.len }, SECRET_LEAST);
    for (size_t before = 0; before < GROUP; before++) done = hide_base64(r, before, secret) && done;
    return done;
}

static size_t same_octets(gp_str a, gp_str b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n]) n++;
    return n;
}

/* How many octets of a form begin here; 0: none. */
static size_t secret_at(const struct probe_report *r, gp_str text, bool *base64)
{
    size_t longest = 0;
    for (size_t i = 0; i < PROBE_FORMS; i++) {
        gp_str form = gp_buffer_all(&r->hidden[i]);
        size_t same = same_octets(text, form);
        if (!same || (same < form.len && same < PART_LEAST) || same <= longest) continue;
        longest = same;
        *base64 = i > 0;
    }
    return longest;
}

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '=';
}

void probe_mask(const struct probe_report *r, struct gp_text *out, gp_str text)
{
    while (text.len > 0 && !out->cut) {
        bool   base64 = false;
        size_t secret = secret_at(r, text, &base64);
        while (base64 && secret < text.len && is_base64(text.ptr[secret])) secret++;
        while (base64 && out->len > 0 && is_base64(out->ptr[out->len - 1])) out->len--;
        if (secret > 0)
            gp_put_z(out, "(secret)");
        else
            gp_put_char(out, text.ptr[0]);
        text = gp_tail(text, secret ? secret : 1);
    }
}
