/* Texts that people write about a credential, in the form that is kept: its label, its subject and its restrictions. */
#include <string.h>

#include "policy/identity.h"
#include "store/accounts_parts.h"

#include "store/accounts.h"
#include "store/within.h"

static bool refuse(const char **why, const char *what)
{
    *why = what;
    return false;
}

/* UTF-8 that a terminal shows as it is: no control characters, C1 among them. */
static bool is_printable(gp_str text)
{
    enum { C1_LEAD = 0xc2, C1_END = 0xa0 };
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i], next = i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0xff;
        if (c < ' ' || c == '\x7f' || (c == C1_LEAD && next < C1_END)) return false;
    }
    return gp_is_utf8(text);
}

static bool is_number(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    return text.len > 0;
}

bool credential_label_is_good(gp_str label, const char **why)
{
    if (label.len >= CREDENTIAL_TEXT) return refuse(why, "the label is longer than 63 octets");
    if (!is_printable(label)) return refuse(why, "the label has characters that cannot be printed");
    if (gp_trim(label).len != label.len) return refuse(why, "the label begins or ends with a space");
    if (is_number(label)) return refuse(why, "a label cannot be a number: that would be the id of a credential");
    return true;
}

bool words_tidy(gp_str text, struct gp_text *out)
{
    if (!is_printable(text)) return false;
    for (gp_str word = gp_word(&text); word.len > 0; word = gp_word(&text)) {
        if (out->len > 0) gp_put_char(out, ' ');
        gp_put(out, word);
    }
    return !out->cut;
}

/* ---- senders ------------------------------------------------------------------------------------------------------- */
bool senders_tidy(gp_str text, struct gp_text *out)
{
    for (gp_str word = gp_word(&text); word.len > 0; word = gp_word(&text)) {
        char           room[ACCOUNT_ADDRESS_MOST];
        struct gp_text key = GP_TEXT(room);
        if (!identity_key(word, true, &key) || !policy_stars_are_good(gp_said(&key))) return false;
        if (out->len > 0) gp_put_char(out, ' ');
        gp_put(out, gp_said(&key));
    }
    return !out->cut;
}

bool senders_have(gp_str senders, gp_str key)
{
    for (gp_str word = gp_word(&senders); word.len > 0; word = gp_word(&senders))
        if (policy_covers(word, key, false) == POLICY_COVERS) return true;
    return false;
}

/* ---- subjects ------------------------------------------------------------------------------------------------------ */
static bool tidy_fingerprint(gp_str hex, struct gp_text *out)
{
    uint8_t octets[GP_DIGEST_MOST];
    size_t  len = 0;
    if (!gp_read_hex(hex, octets, sizeof(octets), &len) || len != gp_hash_size(GP_SHA256)) return false;
    gp_put_hex(out, (gp_str) { (const char *)octets, len });
    return !out->cut;
}

static bool tidy_certificate(gp_str text, struct gp_text *out)
{
    gp_str rest = text, what = gp_cut(&rest, ':');
    if (what.len == text.len) return false;
    gp_put(out, what);
    gp_put_char(out, ':');
    if (gp_same(what, GP_LIT("sha256"))) return tidy_fingerprint(rest, out);
    if (gp_same(what, GP_LIT("email"))) return is_printable(rest) && identity_key(rest, false, out);
    gp_put(out, rest);
    return gp_same(what, GP_LIT("subject")) && rest.len > 0 && is_printable(rest) && gp_trim(rest).len == rest.len;
}

/* RFC 9068 names a subject by issuer and sub together; an issuer is a URL, which has no space. */
static bool tidy_oauth(gp_str text, struct gp_text *out)
{
    gp_str rest = text, issuer = gp_cut(&rest, ' ');
    gp_put(out, text);
    return is_printable(text) && issuer.len > 0 && rest.len > 0 && gp_trim(rest).len == rest.len;
}

static bool tidy_source(gp_str text, struct gp_text *out)
{
    gp_put(out, text);
    return is_printable(text) && text.len > 0 && text.len < CREDENTIAL_TEXT && gp_find(text, ' ') == text.len;
}

static bool tidy_none(gp_str text, struct gp_text *out)
{
    (void)out;
    return text.len == 0;
}

bool subject_tidy(enum credential_kind kind, gp_str text, struct gp_text *out, const char **why)
{
    static const struct {
        bool (*tidy)(gp_str text, struct gp_text *out);
        const char *otherwise;
    } rules[CREDENTIAL_KINDS] = {
        [CREDENTIAL_CHOSEN]      = {tidy_none,         "a password has no subject"                                  },
        [CREDENTIAL_GENERATED]   = { tidy_none,        "a password has no subject"                                  },
        [CREDENTIAL_IMPORTED]    = { tidy_none,        "a password has no subject"                                  },
        [CREDENTIAL_CERTIFICATE] = { tidy_certificate,
                                    "the subject of a certificate is sha256:FINGERPRINT (64 hex digits),"
                                     " email:ADDRESS or subject:NAME"                                               },
        [CREDENTIAL_OAUTH]       = { tidy_oauth,       "the subject of OAuth is ISSUER, a space and SUBJECT"        },
        [CREDENTIAL_SOURCE]      = { tidy_source,      "an account source is named by one word of at most 63 octets"},
    };
    if (rules[kind].tidy(text, out) && !out->cut) return true;
    return refuse(why, out->cut ? "the subject is too long" : rules[kind].otherwise);
}

/* ---- restrictions -------------------------------------------------------------------------------------------------- */
static bool tidy_words(const char *in, char *out, size_t room, const char *otherwise, const char **why)
{
    struct gp_text text = { .ptr = out, .room = room - 1 };
    if (!words_tidy(gp_from(in), &text)) return refuse(why, otherwise);
    out[text.len] = '\0';
    return true;
}

static bool tidy_senders(const char *in, char *out, size_t room, const char **why)
{
    struct gp_text text      = { .ptr = out, .room = room - 1 };
    bool           good      = senders_tidy(gp_from(in), &text);
    out[good ? text.len : 0] = '\0';
    if (text.cut) return refuse(why, "the list of senders is longer than 1023 octets");
    return good || refuse(why, "a sender is ADDRESS, @DOMAIN for all addresses there, or has stars before its @");
}

bool restrictions_tidy(const struct restrictions *in, struct restrictions *out, const char **why)
{
    *out = (struct restrictions) { .expires = in->expires, .idle_days = in->idle_days, .legacy = in->legacy };
    if (in->expires < 0) return refuse(why, "the time of expiry is before 1970");
    if (in->idle_days > CREDENTIAL_IDLE_MOST) return refuse(why, "unused for more than 36500 days is no restriction");
    if (!networks_are_good(gp_from(in->networks), why) || !hours_are_good(gp_from(in->hours), why)) return false;
    return tidy_words(in->mechanisms, out->mechanisms, sizeof(out->mechanisms), "the mechanisms cannot be kept", why) &&
           tidy_words(in->listeners, out->listeners, sizeof(out->listeners), "the listeners cannot be kept", why) &&
           tidy_words(in->networks, out->networks, sizeof(out->networks), "the networks cannot be kept", why) &&
           tidy_words(in->hours, out->hours, sizeof(out->hours), "the hours cannot be kept", why) &&
           tidy_senders(in->senders, out->senders, sizeof(out->senders), why);
}
