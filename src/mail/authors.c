/* The header fields that say whose a message is: told to the host as lines, and replaced where it says so. */
#include "mail/fixup.h"
#include "mail/parts.h"

enum { ADDRESS_MOST = GP_SMTP_LOCAL_MOST + 1 + GP_SMTP_DOMAIN_MOST, PHRASE_SHORT = 40, PHRASE_MOST = 2048 };

static const char *const names[GP_MAIL_AUTHOR_FIELDS] = { [GP_MAIL_FROM]          = "from",
                                                          [GP_MAIL_SENDER]        = "sender",
                                                          [GP_MAIL_REPLY_TO]      = "reply-to",
                                                          [GP_MAIL_RESENT_FROM]   = "resent-from",
                                                          [GP_MAIL_RESENT_SENDER] = "resent-sender" };

const char *gp_mail_author_name(enum gp_mail_author which)
{
    return names[which];
}

static enum gp_mail_author author_of(gp_str name)
{
    unsigned i = 0;
    while (i < GP_MAIL_AUTHOR_FIELDS && !gp_is(name, names[i])) i++;
    return (enum gp_mail_author)i;
}

/* ---- told ---------------------------------------------------------------------------------------------------- */
static bool add(struct gp_fixup *f, gp_str piece)
{
    return gp_buffer_add(&f->fields, piece, GP_MAIL_FIELDS_MOST);
}

static bool add_line(struct gp_fixup *f, const char *name, gp_str address, gp_str shown)
{
    return add(f, gp_from(name)) && add(f, GP_LIT("\t")) && add(f, address) && add(f, GP_LIT("\t")) && add(f, shown) &&
           add(f, GP_LIT("\n"));
}

/* Sender and Resent-Sender have one address (RFC 5322 3.6.2), an author has one or more: a group without members (RFC 6854 allows it)
 * shows a name that nobody answers for. What has none that can be read is told as "". */
static bool add_addresses(struct gp_fixup *f, enum gp_mail_author which, gp_str value)
{
    char           room[GP_MAIL_AUTHORS_MOST * ADDRESS_MOST];
    struct gp_text text = GP_TEXT(room);
    gp_str         found[GP_MAIL_AUTHORS_MOST];
    bool           one   = which == GP_MAIL_SENDER || which == GP_MAIL_RESENT_SENDER;
    bool           some  = which == GP_MAIL_FROM || which == GP_MAIL_RESENT_FROM;
    int            count = gp_mailboxes(value, found, GP_COUNT(found), &text);
    if (count < 0 || count > GP_MAIL_AUTHORS_MOST || (one && count != 1) || (some && count == 0))
        return add_line(f, names[which], GP_LIT(""), GP_LIT(""));
    for (int i = 0; i < count; i++)
        if (found[i].len > ADDRESS_MOST || !add_line(f, names[which], found[i], GP_LIT(""))) return false;
    return true;
}

/* What is too long to be told is told as what nobody can read. */
static bool add_shown(struct gp_fixup *f, gp_str value)
{
    char           room[GP_MAIL_SHOWN_MOST];
    struct gp_text text = GP_TEXT(room);
    gp_put_shown(&text, value);
    return add_line(f, "shown", GP_LIT(""), text.cut ? GP_LIT("\xff") : gp_said(&text));
}

bool gp_note_author(struct gp_fixup *f, const struct gp_field *field)
{
    enum gp_mail_author which = author_of(field->name);
    if (which == GP_MAIL_AUTHOR_FIELDS || !(f->watched & 1U << which)) return true;
    if (which == GP_MAIL_FROM && f->shown && !add_shown(f, field->value)) return false;
    return add_addresses(f, which, field->value);
}

/* ---- replaced ------------------------------------------------------------------------------------------------ */
/* What stands before the one <address>, as it was written; "": there is nothing, or it is no plain phrase. */
static gp_str phrase_of(gp_str value)
{
    struct gp_lexer x = gp_lexer_of(value);
    gp_lex_space(&x);
    const char *start = x.at, *end = x.at;
    for (;;) {
        gp_str word = gp_lex_quoted(&x);
        if (word.len == 0) word = gp_lex_atom(&x);
        if (word.len == 0 && !gp_lex_is(&x, '.')) break;
        end = x.at;
        gp_lex_space(&x);
    }
    bool plain = gp_lex_is(&x, '<') && (size_t)(end - start) <= PHRASE_MOST;
    return plain ? (gp_str) { start, (size_t)(end - start) } : GP_LIT("");
}

bool gp_put_rewritten(struct gp_text *to, const struct gp_field *field, const struct gp_rewrites *rewrites)
{
    enum gp_mail_author which = author_of(field->name);
    if (which == GP_MAIL_AUTHOR_FIELDS || !rewrites->instead[which].ptr) return false;
    gp_str phrase = phrase_of(field->value);
    gp_put(to, field->name);
    gp_put_z(to, ": ");
    gp_put(to, phrase);
    if (phrase.len) gp_put_z(to, phrase.len > PHRASE_SHORT ? "\r\n <" : " <");
    gp_put(to, rewrites->instead[which]);
    gp_put_z(to, phrase.len ? ">\r\nX-Original-" : "\r\nX-Original-");
    return true;
}
