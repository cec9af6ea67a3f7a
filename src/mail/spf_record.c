/* The terms of an SPF record (RFC 7208 4.6.1, 5, 6, 12): each is read whole or is an error. */
#include "mail/spf_parts.h"

#include <arpa/inet.h>

enum { BITS4 = 32, BITS6 = 128, WORD_ROOM = 64 };

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- the length of a network ------------------------------------------------------------------------------------------ */
/* Cuts "/24" off the end. No leading zeros (12). */
static bool cut_bits(gp_str *text, const char *slashes, unsigned most, unsigned *out)
{
    size_t   start = text->len;
    uint64_t number;
    while (start > 0 && is_digit(text->ptr[start - 1])) start--;
    gp_str digits = gp_tail(*text, start), head = gp_head(*text, start);
    if (digits.len == 0 || !gp_ends(head, slashes)) return true; /* there is none */
    if ((digits.len > 1 && digits.ptr[0] == '0') || !gp_read_number(digits, most, &number)) return false;
    *out      = (unsigned)number;
    text->len = head.len - gp_from(slashes).len;
    return true;
}

/* ---- mechanisms ------------------------------------------------------------------------------------------------------- */
typedef bool read_argument(gp_str argument, struct gp_spf_term *);

static bool no_argument(gp_str argument, struct gp_spf_term *t)
{
    (void)t;
    return argument.len == 0;
}

static bool needs_spec(gp_str argument, struct gp_spf_term *t)
{
    if (argument.len == 0 || argument.ptr[0] != ':') return false;
    t->spec = gp_tail(argument, 1);
    return gp_spf_is_spec(t->spec);
}

static bool may_have_spec(gp_str argument, struct gp_spf_term *t)
{
    return argument.len == 0 || needs_spec(argument, t);
}

static bool spec_and_bits(gp_str argument, struct gp_spf_term *t)
{
    return cut_bits(&argument, "//", BITS6, &t->bits6) && cut_bits(&argument, "/", BITS4, &t->bits4) &&
           may_have_spec(argument, t);
}

static bool an_address(gp_str argument, int family, unsigned most, unsigned *bits, struct gp_spf_term *t)
{
    char word[WORD_ROOM];
    if (argument.len == 0 || argument.ptr[0] != ':' || !cut_bits(&argument, "/", most, bits)) return false;
    return gp_copy_z(gp_tail(argument, 1), word, sizeof word) && inet_pton(family, word, t->address) == 1;
}

static bool address4(gp_str argument, struct gp_spf_term *t)
{
    return an_address(argument, AF_INET, BITS4, &t->bits4, t);
}

static bool address6(gp_str argument, struct gp_spf_term *t)
{
    return an_address(argument, AF_INET6, BITS6, &t->bits6, t);
}

static const struct {
    const char      *name;
    enum gp_spf_kind kind;
    read_argument   *read;
} mechanisms[] = {
    {"all",      GP_SPF_ALL,     no_argument  },
    { "include", GP_SPF_INCLUDE, needs_spec   },
    { "a",       GP_SPF_IS_A,    spec_and_bits},
    { "mx",      GP_SPF_IS_MX,   spec_and_bits},
    { "ptr",     GP_SPF_IS_PTR,  may_have_spec},
    { "ip4",     GP_SPF_IP4,     address4     },
    { "ip6",     GP_SPF_IP6,     address6     },
    { "exists",  GP_SPF_EXISTS,  needs_spec   },
};

static const char *read_mechanism(gp_str text, struct gp_spf_term *t)
{
    size_t end   = 0;
    t->qualifier = '+';
    if (text.ptr[0] == '+' || text.ptr[0] == '-' || text.ptr[0] == '~' || text.ptr[0] == '?') {
        t->qualifier = text.ptr[0];
        text         = gp_tail(text, 1);
    }
    while (end < text.len && text.ptr[end] != ':' && text.ptr[end] != '/') end++;
    for (size_t i = 0; i < GP_COUNT(mechanisms); i++) {
        if (!gp_is(gp_head(text, end), mechanisms[i].name)) continue;
        t->kind = mechanisms[i].kind;
        return mechanisms[i].read(gp_tail(text, end), t) ? NULL : "the argument of a mechanism is wrong";
    }
    return "there is no such mechanism";
}

/* ---- modifiers -------------------------------------------------------------------------------------------------------- */
static bool is_modifier(gp_str text)
{
    size_t end = gp_find(text, '=');
    if (end == text.len || end == 0 || !is_alpha(text.ptr[0])) return false;
    for (size_t i = 1; i < end; i++) {
        char c = text.ptr[i];
        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '_' && c != '.') return false;
    }
    return true;
}

static const char *read_modifier(gp_str text, struct gp_spf_term *t)
{
    gp_str value = text;
    gp_str name  = gp_cut(&value, '=');
    t->kind      = gp_is(name, "redirect") ? GP_SPF_REDIRECT : GP_SPF_MODIFIER;
    t->spec      = value;
    bool known   = t->kind == GP_SPF_REDIRECT || gp_is(name, "exp");
    bool right   = known ? gp_spf_is_spec(value) : gp_spf_is_macro_string(value);
    return right ? NULL : "the value of a modifier is wrong";
}

bool gp_spf_next_term(gp_str *rest, struct gp_spf_term *t, const char **why)
{
    gp_str text = gp_word(rest);
    *t          = (struct gp_spf_term) { .text = text, .spec = GP_NONE, .bits4 = BITS4, .bits6 = BITS6 };
    *why        = NULL;
    if (text.len == 0) return false;
    *why = is_modifier(text) ? read_modifier(text, t) : read_mechanism(text, t);
    return *why == NULL;
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */
static const char version[] = "v=spf1";

bool gp_spf_is_record(gp_str txt)
{
    gp_str rest = gp_tail(txt, sizeof version - 1);
    return gp_starts(txt, version) && (rest.len == 0 || rest.ptr[0] == ' ');
}

gp_str gp_spf_terms(gp_str record)
{
    return gp_tail(record, sizeof version - 1);
}

const char *gp_spf_why_broken(gp_str record)
{
    struct gp_spf_term t;
    const char        *why;
    unsigned           redirects = 0, explanations = 0;
    if (!gp_spf_is_record(record)) return "it does not begin with v=spf1";
    if (record.len > GP_SPF_RECORD_MOST) return "it is longer than 4096 octets";
    for (gp_str rest = gp_spf_terms(record); gp_spf_next_term(&rest, &t, &why);) {
        redirects += t.kind == GP_SPF_REDIRECT;
        explanations += t.kind == GP_SPF_MODIFIER && gp_starts(t.text, "exp=");
        if (redirects > 1 || explanations > 1) return "a modifier stands there twice"; /* RFC 7208 6 */
    }
    return why;
}
