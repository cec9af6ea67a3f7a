/* A message that says SMTPUTF8, and a next hop that does not: where nothing but domains are other than ASCII, A-labels stand for those, and
 * the rest of it needs no change (RFC 6531 3.2, 3.7.1). Recipients for whom that does not do are left out, and get it back. */
#include <string.h>

#include "relay/parts.h"

/* ---- what it needs --------------------------------------------------------------------------------------------- */
static bool header_is_ascii(const struct delivery *d)
{
    char     piece[SEVEN_READ];
    size_t   got  = 0;
    unsigned seen = GP_HEADER_START;
    for (uint64_t at = 0; seen != GP_HEADER_DONE; at += got) {
        if (!stored_read(d, at, piece, sizeof piece, &got)) return false;
        if (!got) return true;
        gp_str part = { piece, got };
        if (!gp_is_ascii(gp_head(part, gp_header_part(&seen, part)))) return false;
    }
    return true;
}

static size_t last_at(gp_str address)
{
    size_t at = address.len;
    while (at && address.ptr[at - 1] != '@') at--;
    return at ? at - 1 : address.len;
}

/* false: its local part is other than ASCII, or there is no such domain. */
static bool plain_address(struct delivery *d, gp_str address, gp_str *out)
{
    char   domain[256];
    size_t at = last_at(address);
    *out      = address;
    if (gp_is_ascii(address)) return true;
    if (!gp_is_ascii(gp_head(address, at)) || !route_dns_name(gp_tail(address, at + 1), domain)) return false;
    char          *room = gp_arena_take(&d->arena, at + 1 + sizeof domain);
    struct gp_text text = { .ptr = room, .room = room ? at + 1 + sizeof domain : 0 };
    gp_put(&text, gp_head(address, at + 1));
    gp_put_z(&text, domain);
    *out = gp_said(&text);
    return room && !text.cut;
}

/* ---- what is said of a recipient --------------------------------------------------------------------------------- */
static void put_word(struct gp_text *out, gp_str word)
{
    if (out->len) gp_put_char(out, ' ');
    gp_put(out, word);
}

/* An original recipient in UTF-8 goes on as \x{HEX} (RFC 6533 3). */
static void put_plain_word(struct gp_text *out, gp_str word)
{
    gp_str address = gp_parameter(word, "ORCPT");
    if (!address.ptr || gp_is_ascii(word)) {
        put_word(out, word);
        return;
    }
    char           decoded[GP_SMTP_COMMAND_MOST];
    struct gp_text text = GP_TEXT(decoded);
    gp_read_utf8_address(gp_tail(address, gp_find(address, ';') + 1), &text);
    put_word(out, GP_LIT("ORCPT="));
    gp_put_orcpt(out, gp_said(&text), false);
}

static bool plain_recipient(struct delivery *d, struct recipient *r)
{
    char           room[GP_SMTP_COMMAND_MOST];
    struct gp_text text = GP_TEXT(room);
    gp_str         was = r->address, rest = r->params;
    if (!plain_address(d, was, &r->address)) return false;
    while (rest.len) put_plain_word(&text, gp_word(&rest));
    if (!gp_is_ascii(was) && !gp_parameter(r->params, "ORCPT").ptr) { /* what the client wrote */
        put_word(&text, GP_LIT("ORCPT="));
        gp_put_orcpt(&text, was, false);
    }
    r->params = gp_arena_copy(&d->arena, gp_said(&text));
    return r->params.ptr && !text.cut;
}

/* ---- all of it ----------------------------------------------------------------------------------------------------- */
/* Who is known by more than a domain that is other than ASCII cannot be named here; that holds nobody else's copy back. */
static void leave_out(struct delivery *d, struct recipient *r)
{
    r->left_out = r->settled = true;
    r->result                = (struct result) { .status   = GP_PERMFAIL,
                                                 .enhanced = GP_LIT("5.6.7"),
                                                 .remote   = d->hop ? delivery_keep(d, gp_from(d->hop->remote)) : GP_NONE,
                                                 .text = GP_LIT("the next hop does not offer SMTPUTF8, and this address needs it") };
}

bool plain_can(struct delivery *d)
{
    gp_str sender;
    bool   somebody = false;
    if (!d->sender.len || !plain_address(d, d->sender, &sender)) return false;
    for (size_t i = 0; i < d->count && !somebody; i++) {
        gp_str address;
        somebody = plain_address(d, d->recipients[i].address, &address);
    }
    return somebody && header_is_ascii(d);
}

bool plain_make(struct delivery *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct recipient *r = &d->recipients[i];
        gp_str            address;
        if (!plain_address(d, r->address, &address))
            leave_out(d, r);
        else if (!plain_recipient(d, r))
            return false;
    }
    return plain_address(d, d->sender, &d->sender);
}
