/* The Received field (RFC 5321 4.4, RFC 3848) that says how the message came to us. */
#include "mail/parts.h"

/* What a client said about itself must not end the field, open a comment or look like another clause. */
static gp_str cleaned(gp_str text, bool (*fits)(char), struct gp_text *room)
{
    for (size_t i = 0; i < text.len && room->len < room->room; i++)
        gp_put_char(room, fits(text.ptr[i]) ? text.ptr[i] : '?');
    return gp_said(room);
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool fits_host(char c)
{
    return is_letter_or_digit(c) || (gp_is_any(c, ".-_:[]"));
}

static bool fits_comment(char c)
{
    return is_letter_or_digit(c) || (gp_is_any(c, ".-_: /"));
}

/* Plain addresses only: a quoted local part may hold anything, and `for` is not worth the risk; nor is it worth that a message which needs no
 * SMTPUTF8 but for the domain of a recipient cannot go on without (RFC 6531 3.7.1). */
static bool fits_for(gp_str address)
{
    for (size_t i = 0; i < address.len; i++)
        if ((unsigned char)address.ptr[i] <= ' ' || (unsigned char)address.ptr[i] >= 127 ||
            gp_is_any(address.ptr[i], "<>()\"\\;,"))
            return false;
    return address.len > 0 && address.len <= GP_SMTP_PATH_MOST;
}

static void put_from(struct gp_fold *fold, const struct gp_trace *trace)
{
    if (!trace->peer.ptr) return; /* who hides the client's address hides the name it calls itself by as well */
    char           helo_room[GP_SMTP_DOMAIN_MOST], peer_room[64], room[sizeof peer_room + 16];
    struct gp_text helo = GP_TEXT(helo_room), peer = GP_TEXT(peer_room), info = GP_TEXT(room);
    gp_fold_word(fold, GP_LIT("from"));
    gp_str name = cleaned(trace->helo, fits_host, &helo);
    gp_fold_word(fold, name.len ? name : GP_LIT("unknown"));
    gp_str address = cleaned(trace->peer, fits_host, &peer);
    gp_put_z(&info, gp_find(address, ':') < address.len ? "([IPv6:" : "(["); /* RFC 5321 4.1.3 */
    gp_put(&info, address);
    gp_put_z(&info, "])");
    gp_fold_word(fold, gp_said(&info));
}

static void put_wrapped(struct gp_fold *fold, const char *before, gp_str text, const char *after)
{
    char           room[GP_SMTP_PATH_MOST + 8];
    struct gp_text word = GP_TEXT(room);
    gp_put_z(&word, before);
    gp_put(&word, text);
    gp_put_z(&word, after);
    gp_fold_word(fold, gp_said(&word));
}

void gp_put_received(struct gp_text *to, const struct gp_trace *trace)
{
    struct gp_fold fold;
    char           tls_room[128], date_room[64];
    struct gp_text tls = GP_TEXT(tls_room), date = GP_TEXT(date_room);
    gp_fold_start(&fold, to, "Received:");
    put_from(&fold, trace);
    gp_fold_word(&fold, GP_LIT("by"));
    gp_fold_word(&fold, gp_from(trace->hostname));
    gp_fold_word(&fold, GP_LIT("with"));
    gp_fold_word(&fold, gp_from(trace->protocol));
    if (trace->tls.len) put_wrapped(&fold, "(", cleaned(trace->tls, fits_comment, &tls), ")");
    gp_fold_word(&fold, GP_LIT("id"));
    bool        is_for = trace->recipient.ptr && fits_for(trace->recipient);
    const char *end    = trace->priority.len ? "" : ";";
    put_wrapped(&fold, "", trace->queue_id, is_for ? "" : end);
    if (is_for) {
        gp_fold_word(&fold, GP_LIT("for"));
        put_wrapped(&fold, "<", trace->recipient, trace->priority.len ? ">" : ">;");
    }
    if (trace->priority.len) { /* RFC 6710 4.1 */
        gp_fold_word(&fold, GP_LIT("PRIORITY"));
        put_wrapped(&fold, "", trace->priority, ";");
    }
    gp_put_date(&date, trace->now);
    gp_fold_word(&fold, gp_said(&date));
    gp_put_z(to, "\r\n");
}

/* The word behind "by"; comments do not count (RFC 5321 4.4). */
bool gp_is_received_by(gp_str value, const char *hostname)
{
    struct gp_lexer x      = gp_lexer_of(value);
    bool            behind = false;
    for (gp_lex_space(&x); x.at < x.end && *x.at != ';' && *x.at != '('; gp_lex_space(&x)) {
        const char *start = x.at;
        while (x.at < x.end && !gp_is_any(*x.at, "; \t\r\n(")) x.at++;
        gp_str word = { start, (size_t)(x.at - start) };
        if (behind) return gp_is(word, hostname);
        behind = gp_is(word, "by");
    }
    return false;
}
