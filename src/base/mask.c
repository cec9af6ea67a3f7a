/* What a server repeats of a secret is not kept: as it is, or in base64 behind anything. Base64 shows three octets in four characters,
 * so what holds the secret behind none, one or two others of a group has one of three forms. */
#include "base/base.h"

#include <string.h>

enum {
    SECRET_LEAST = 4, /* shorter ones would take ordinary words with them */
    BASE64_LEAST = 6,
    PART_LEAST   = 12, /* of a secret that the server has cut, or of its middle */
    SECRET_MOST  = 64 * 1024,
    HEAD_MOST    = 12 * 1024,
    GROUP        = 3,        /* RFC 4648 4: octets that share their characters */
    AS_ASCII     = GROUP + 1 /* its form, behind those of base64 */
};

static bool hide(struct gp_mask *mask, size_t form, gp_str octets, size_t least)
{
    return octets.len < least || gp_buffer_add(&mask->forms[form], octets, SECRET_MOST);
}

/* Without the characters at either end that have bits of something else. */
static bool hide_base64(struct gp_mask *mask, size_t before, gp_secret secret)
{
    static const size_t shared[GROUP] = { 0, 2, 3 };
    char                octets_room[HEAD_MOST + GROUP], room[GP_BASE64_ROOM(sizeof octets_room)];
    struct gp_text      octets = GP_TEXT(octets_room), base64 = GP_TEXT(room);
    for (size_t i = 0; i < before; i++) gp_put_char(&octets, '\0');
    gp_put(&octets, gp_head((gp_str) { secret.ptr, secret.len }, HEAD_MOST)); /* what follows is of the same word */
    gp_put_base64(&base64, gp_said(&octets));
    size_t whole = octets.len * 4 / GROUP;
    gp_str form  = gp_tail(gp_head(gp_said(&base64), whole), shared[before]);
    bool   done  = !octets.cut && !base64.cut && hide(mask, before + 1, form, BASE64_LEAST);
    gp_wipe(octets_room, sizeof octets_room);
    gp_wipe(room, sizeof room);
    return done;
}

/* As a reply says it that was made printable. */
static bool hide_ascii(struct gp_mask *mask, gp_secret secret)
{
    bool done = true;
    if (gp_is_ascii((gp_str) { secret.ptr, secret.len }) || secret.len < SECRET_LEAST) return done;
    for (size_t i = 0; done && i < secret.len; i++) {
        bool ascii = gp_is_ascii((gp_str) { secret.ptr + i, 1 });
        done = gp_buffer_add(&mask->forms[AS_ASCII], ascii ? (gp_str) { secret.ptr + i, 1 } : GP_LIT("?"), SECRET_MOST);
    }
    return done;
}

bool gp_mask_set(struct gp_mask *mask, gp_secret secret)
{
    gp_mask_end(mask);
    if (!secret.len) return true;
    mask->all = !hide(mask, 0, (gp_str) { secret.ptr, secret.len }, SECRET_LEAST);
    for (size_t before = 0; before < GROUP; before++) mask->all |= !hide_base64(mask, before, secret);
    mask->all |= !hide_ascii(mask, secret);
    return !mask->all;
}

void gp_mask_end(struct gp_mask *mask)
{
    for (size_t i = 0; i < GP_COUNT(mask->forms); i++) gp_buffer_free(&mask->forms[i]);
    mask->all = false;
}

static size_t same_octets(gp_str a, gp_str b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n]) n++;
    return n;
}

/* How many octets at the front of the text are of this form: all of it, or a piece from anywhere in it. */
static size_t piece_at(gp_str text, gp_str form)
{
    size_t      least = form.len < PART_LEAST ? form.len : PART_LEAST;
    const char *at    = least > 0 && text.len >= least ? memmem(form.ptr, form.len, text.ptr, least) : NULL;
    return at ? same_octets(text, gp_tail(form, (size_t)(at - form.ptr))) : 0;
}

/* The same for all forms; 0: none begins here. */
static size_t secret_at(const struct gp_mask *mask, gp_str text, bool *base64)
{
    size_t longest = 0;
    for (size_t i = 0; i < GP_COUNT(mask->forms); i++) {
        size_t same = piece_at(text, gp_buffer_all(&mask->forms[i]));
        if (same <= longest) continue;
        longest = same;
        *base64 = i > 0 && i < AS_ASCII;
    }
    return longest;
}

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '=';
}

static const char hidden[] = "(secret)";

void gp_put_masked(struct gp_text *out, const struct gp_mask *mask, gp_str text)
{
    size_t from = out->len;
    if (mask->all && text.len) {
        gp_put_z(out, hidden);
        return;
    }
    while (text.len > 0 && !out->cut) {
        bool   base64 = false;
        size_t secret = secret_at(mask, text, &base64);
        while (base64 && secret < text.len && is_base64(text.ptr[secret])) secret++;
        while (base64 && out->len > from && is_base64(out->ptr[out->len - 1])) out->len--;
        if (secret > 0)
            gp_put_z(out, hidden);
        else
            gp_put_char(out, text.ptr[0]);
        text = gp_tail(text, secret ? secret : 1);
    }
}
