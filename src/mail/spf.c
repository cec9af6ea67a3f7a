/* Evaluating SPF (RFC 7208 4): a stack of records, each worked off term by term, and at most one open question.
 *
 *   state      waits for                                       goes on with
 *   RECORD     TXT of the domain on top                        TERMS
 *   TERMS      nothing: the next term of the record on top     what that term asks for, or DONE
 *   ADDRESSES  A or AAAA of the term's name (a, exists)        TERMS
 *   EXCHANGES  MX of the term's name                           EXCHANGE for each
 *   EXCHANGE   A or AAAA of found[turn]                        the next, then TERMS
 *   POINTERS   PTR of the address (ptr, and the macro p)       POINTER for each
 *   POINTER    A or AAAA of found[turn]                        the next, then TERMS
 *   DONE       -                                               -                                                        */
#include "mail/spf_parts.h"

#include <string.h>

enum { RECORD, TERMS, ADDRESSES, EXCHANGES, EXCHANGE, POINTERS, POINTER, DONE, STATES };
enum { LABEL_MOST = 63, IPV4_LEN = 4, IPV6_LEN = 16 };

static const char *const words[] = { "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror" };

const char *gp_spf_word(enum gp_spf_result result)
{
    return (size_t)result < GP_COUNT(words) ? words[result] : "";
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */
/* A backslash would be an escape to who looks the name up. */
static bool is_plain(gp_str label)
{
    for (size_t i = 0; i < label.len; i++)
        if (label.ptr[i] <= ' ' || label.ptr[i] >= 0x7F || label.ptr[i] == '\\') return false;
    return label.len > 0 && label.len <= LABEL_MOST;
}

/* 4.3: such as can be asked for, of two labels at least. */
static bool is_domain(gp_str name)
{
    size_t labels = 0;
    if (name.len == 0 || name.len >= GP_SPF_NAME_ROOM) return false;
    while (name.len) {
        bool   last  = gp_find(name, '.') == name.len;
        gp_str label = gp_cut(&name, '.');
        if (!is_plain(label) || (!last && name.len == 0)) return false;
        labels++;
    }
    return labels > 1;
}

static gp_str without_dot(gp_str name)
{
    return gp_head(name, name.len - gp_ends(name, "."));
}

static bool keep(gp_str name, char room[static GP_SPF_NAME_ROOM], size_t *len)
{
    name = without_dot(name);
    *len = 0;
    if (!gp_copy_z(name, room, GP_SPF_NAME_ROOM)) return false;
    *len = name.len;
    return true;
}

static gp_str domain_of(const struct gp_spf *s)
{
    return (gp_str) { s->frames[s->depth].domain, s->frames[s->depth].domain_len };
}

/* ---- results ---------------------------------------------------------------------------------------------------------- */
static void end(struct gp_spf *s, enum gp_spf_result result, const char *why)
{
    s->result = result;
    s->why    = why;
    s->state  = DONE;
}

static enum gp_spf_result meaning(char qualifier)
{
    switch (qualifier) {
    case '-': return GP_SPF_FAIL;
    case '~': return GP_SPF_SOFTFAIL;
    case '?': return GP_SPF_NEUTRAL;
    default: return GP_SPF_PASS;
    }
}

static void remember(struct gp_spf *s, gp_str term)
{
    gp_str fits = gp_head(term, GP_SPF_TERM_MOST);
    if (fits.len) memcpy(s->term_room, fits.ptr, fits.len);
    s->term = (gp_str) { s->term_room, fits.len };
}

static struct gp_spf_term current_term(struct gp_spf *s)
{
    struct gp_spf_frame *f = &s->frames[s->depth];
    struct gp_spf_term   t;
    const char          *why;
    gp_str               rest = gp_tail((gp_str) { f->record, f->record_len }, f->at);
    if (!gp_spf_next_term(&rest, &t, &why)) t = (struct gp_spf_term) { .kind = GP_SPF_MODIFIER };
    return t;
}

static void pass_over(struct gp_spf *s)
{
    struct gp_spf_frame *f = &s->frames[s->depth];
    struct gp_spf_term   t = current_term(s);
    f->at                  = t.text.len ? (size_t)(t.text.ptr + t.text.len - f->record) : f->record_len;
    s->state               = TERMS;
}

/* The record on top says so: that is the result, or whether the include below it matches (5.2). */
static void finish(struct gp_spf *s, enum gp_spf_result result)
{
    for (; s->depth > 0; remember(s, current_term(s).text)) {
        char qualifier = s->frames[s->depth].qualifier;
        s->p_known     = false;
        s->depth--;
        if (result != GP_SPF_PASS) return pass_over(s);
        result = meaning(qualifier);
    }
    end(s, result, "");
}

static void settle(struct gp_spf *s, bool matches)
{
    struct gp_spf_term t = current_term(s);
    if (!matches) return pass_over(s);
    finish(s, meaning(t.qualifier));
}

/* ---- questions -------------------------------------------------------------------------------------------------------- */
static void ask(struct gp_spf *s, unsigned state, gp_str name, enum gp_spf_type type)
{
    size_t len;
    if (!keep(name, s->question, &len)) len = 0;
    s->name   = (gp_str) { s->question, len };
    s->type   = type;
    s->state  = state;
    s->asking = true;
}

static void ask_addresses(struct gp_spf *s, unsigned state, gp_str name)
{
    ask(s, state, name, s->mail.address.len == IPV4_LEN ? GP_SPF_A : GP_SPF_AAAA);
}

static void ask_pointers(struct gp_spf *s, bool for_macro)
{
    char           room[GP_SPF_NAME_ROOM];
    struct gp_text name = GP_TEXT(room);
    gp_spf_put_address(&name, s->mail.address, true);
    gp_put_z(&name, s->mail.address.len == IPV4_LEN ? ".in-addr.arpa" : ".ip6.arpa");
    s->for_macro = for_macro;
    if (for_macro) s->p_len = 0;
    ask(s, POINTERS, gp_said(&name), GP_SPF_PTR);
}

/* 4.6.4. false: one too many. */
static bool may_look_up(struct gp_spf *s)
{
    if (++s->lookups <= GP_SPF_LOOKUPS_MOST) return true;
    end(s, GP_SPF_PERMERROR, "more than 10 terms that need DNS (RFC 7208 4.6.4)");
    return false;
}

/* ---- terms ------------------------------------------------------------------------------------------------------------ */
static bool in_network(gp_str a, const uint8_t *b, unsigned bits)
{
    size_t whole = bits / 8;
    if (memcmp(a.ptr, b, whole) != 0) return false;
    if (bits % 8 == 0) return true;
    unsigned mask = 0xFFU << (8 - bits % 8) & 0xFFU;
    return (((unsigned char)a.ptr[whole] ^ b[whole]) & mask) == 0;
}

static bool is_in(const struct gp_spf *s, const struct gp_spf_term *t, const uint8_t *address, size_t len)
{
    gp_str mine = s->mail.address;
    return mine.len == len && in_network(mine, address, len == IPV4_LEN ? t->bits4 : t->bits6);
}

static void open_frame(struct gp_spf *s, char qualifier)
{
    struct gp_spf_frame *f = &s->frames[s->depth];
    memcpy(f->domain, s->target, sizeof f->domain);
    f->domain_len = s->target_len;
    f->qualifier  = qualifier;
    f->named      = true;
    f->at = f->record_len = 0;
    s->p_known            = false;
    ask(s, RECORD, domain_of(s), GP_SPF_TXT);
}

static void include(struct gp_spf *s, const struct gp_spf_term *t)
{
    s->depth++; /* within the frames: each took one of the lookups */
    open_frame(s, t->qualifier);
}

/* Its name goes to target; false: it is none that could be asked for. */
static bool find_target(struct gp_spf *s, const struct gp_spf_term *t)
{
    char           room[GP_SPF_NAME_ROOM];
    struct gp_text name = GP_TEXT(room);
    if (!t->spec.ptr)
        gp_put(&name, domain_of(s));
    else if (!gp_spf_expand(s, t->spec, &name))
        return false;
    return keep(gp_said(&name), s->target, &s->target_len) && is_domain((gp_str) { s->target, s->target_len });
}

static void look_up(struct gp_spf *s, const struct gp_spf_term *t)
{
    if (!find_target(s, t)) {
        if (t->kind == GP_SPF_INCLUDE) return end(s, GP_SPF_PERMERROR, "an include's name is none");
        return pass_over(s);
    }
    gp_str target = { s->target, s->target_len };
    switch (t->kind) {
    case GP_SPF_INCLUDE: return include(s, t);
    case GP_SPF_IS_MX: return ask(s, EXCHANGES, target, GP_SPF_MX);
    case GP_SPF_IS_PTR: return ask_pointers(s, false);
    case GP_SPF_EXISTS: return ask(s, ADDRESSES, target, GP_SPF_A); /* 5.7: even for IPv6 */
    default: return ask_addresses(s, ADDRESSES, target);
    }
}

static void work_off(struct gp_spf *s, const struct gp_spf_term *t)
{
    switch (t->kind) {
    case GP_SPF_ALL: return settle(s, true);
    case GP_SPF_IP4: return settle(s, is_in(s, t, t->address, IPV4_LEN));
    case GP_SPF_IP6: return settle(s, is_in(s, t, t->address, IPV6_LEN));
    case GP_SPF_REDIRECT:
    case GP_SPF_MODIFIER: return pass_over(s);
    default: break;
    }
    if (t->spec.ptr && !s->p_known && gp_spf_uses_p(t->spec)) {
        if (may_look_up(s)) ask_pointers(s, true);
        return;
    }
    if (may_look_up(s)) look_up(s, t);
}

/* 6.1: no mechanism matched. */
static void redirect(struct gp_spf *s)
{
    struct gp_spf_frame *f = &s->frames[s->depth];
    struct gp_spf_term   t;
    const char          *why;
    gp_str               rest = gp_spf_terms((gp_str) { f->record, f->record_len });
    while (gp_spf_next_term(&rest, &t, &why)) {
        if (t.kind != GP_SPF_REDIRECT) continue;
        remember(s, t.text);
        if (!may_look_up(s)) return;
        if (!find_target(s, &t)) return end(s, GP_SPF_PERMERROR, "a redirect's name is none");
        return open_frame(s, f->qualifier);
    }
    remember(s, GP_NONE);
    finish(s, GP_SPF_NEUTRAL); /* 4.7 */
}

static void next_term(struct gp_spf *s)
{
    struct gp_spf_frame *f = &s->frames[s->depth];
    struct gp_spf_term   t = current_term(s);
    if (f->at >= f->record_len || t.text.len == 0) return redirect(s);
    remember(s, t.text);
    work_off(s, &t);
}

/* ---- answers ---------------------------------------------------------------------------------------------------------- */
struct answer {
    gp_status     status;
    const gp_str *records;
    size_t        count;
};
typedef void take(struct gp_spf *, const struct answer *);

static bool holds_address(const struct gp_spf *s, const struct answer *a, const struct gp_spf_term *t)
{
    for (size_t i = 0; i < a->count; i++)
        if (is_in(s, t, (const uint8_t *)a->records[i].ptr, a->records[i].len)) return true;
    return false;
}

static void take_record(struct gp_spf *s, const struct answer *a)
{
    struct gp_spf_frame *f     = &s->frames[s->depth];
    size_t               count = 0;
    gp_str               found = GP_NONE;
    for (size_t i = 0; i < a->count; i++) {
        if (!gp_spf_is_record(a->records[i])) continue;
        found = a->records[i];
        count++;
    }
    if (count > 1) return end(s, GP_SPF_PERMERROR, "two SPF records for one name (RFC 7208 4.5)");
    if (count == 0 && f->named)
        return end(s, GP_SPF_PERMERROR, "an include or a redirect leads to a name without an SPF record");
    if (count == 0) return end(s, GP_SPF_NONE, "no SPF record");
    const char *why = gp_spf_why_broken(found);
    if (why) return end(s, GP_SPF_PERMERROR, why);
    memcpy(f->record, found.ptr, found.len);
    f->record_len = found.len;
    f->at         = found.len - gp_spf_terms(found).len;
    s->state      = TERMS;
}

static void take_addresses(struct gp_spf *s, const struct answer *a)
{
    struct gp_spf_term t = current_term(s);
    settle(s, t.kind == GP_SPF_EXISTS ? a->count > 0 : holds_address(s, a, &t));
}

static void keep_names(struct gp_spf *s, const struct answer *a)
{
    s->names = s->turn = 0;
    for (size_t i = 0; i < a->count && s->names < GP_SPF_NAMES_MOST; i++)
        if (keep(a->records[i], s->found[s->names], &s->found_len[s->names]) && s->found_len[s->names]) s->names++;
}

static gp_str found(const struct gp_spf *s)
{
    return (gp_str) { s->found[s->turn], s->found_len[s->turn] };
}

static void take_exchanges(struct gp_spf *s, const struct answer *a)
{
    if (a->count > GP_SPF_NAMES_MOST) return end(s, GP_SPF_PERMERROR, "more than 10 MX for one mx (RFC 7208 4.6.4)");
    keep_names(s, a);
    if (s->names == 0) return pass_over(s);
    ask_addresses(s, EXCHANGE, found(s));
}

static void take_exchange(struct gp_spf *s, const struct answer *a)
{
    struct gp_spf_term t = current_term(s);
    if (holds_address(s, a, &t)) return settle(s, true);
    if (++s->turn < s->names) return ask_addresses(s, EXCHANGE, found(s));
    pass_over(s);
}

static bool is_under(gp_str name, gp_str domain)
{
    if (name.len < domain.len || !gp_alike(gp_tail(name, name.len - domain.len), domain)) return false;
    return name.len == domain.len || name.ptr[name.len - domain.len - 1] == '.';
}

/* All names were looked at: for the mechanism, or for the macro p of a term that is to be worked off now. */
static void end_pointers(struct gp_spf *s, bool matches)
{
    if (!s->for_macro) return settle(s, matches);
    s->p_known = true;
    s->state   = TERMS;
}

static void take_pointers(struct gp_spf *s, const struct answer *a)
{
    keep_names(s, a);
    if (s->names == 0) return end_pointers(s, false);
    ask_addresses(s, POINTER, found(s));
}

/* 7.3: the domain itself before a name below it, and that before any other. */
static void prefer(struct gp_spf *s, gp_str name)
{
    gp_str p = { s->p, s->p_len }, domain = domain_of(s);
    if (!p.len || gp_alike(name, domain) || (is_under(name, domain) && !is_under(p, domain)))
        (void)keep(name, s->p, &s->p_len);
}

/* 5.5: a name is valid when it leads back to the address. */
static void take_pointer(struct gp_spf *s, const struct answer *a)
{
    const struct gp_spf_term whole = { .bits4 = IPV4_LEN * 8, .bits6 = IPV6_LEN * 8 };
    bool                     valid = holds_address(s, a, &whole);
    if (valid && s->for_macro) prefer(s, found(s));
    if (valid && !s->for_macro && is_under(found(s), (gp_str) { s->target, s->target_len }))
        return end_pointers(s, true);
    if (++s->turn < s->names) return ask_addresses(s, POINTER, found(s));
    end_pointers(s, false);
}

static take *const takes[STATES] = {
    [RECORD] = take_record,     [ADDRESSES] = take_addresses, [EXCHANGES] = take_exchanges,
    [EXCHANGE] = take_exchange, [POINTERS] = take_pointers,   [POINTER] = take_pointer,
};

/* 5: what cannot be told now makes the whole so, but for names of an address (5.5). */
static bool is_temporary(struct gp_spf *s, gp_status status)
{
    if (status != GP_TEMPFAIL || s->state == POINTERS || s->state == POINTER) return false;
    end(s, GP_SPF_TEMPERROR, "DNS does not answer");
    return true;
}

static bool is_void(struct gp_spf *s, const struct answer *a)
{
    if (a->count || a->status != GP_PERMFAIL || s->state == RECORD || ++s->voids <= GP_SPF_VOIDS_MOST) return false;
    end(s, GP_SPF_PERMERROR, "more than 2 names that are not in DNS (RFC 7208 4.6.4)");
    return true;
}

void gp_spf_answer(struct gp_spf *s, gp_status status, const gp_str *records, size_t count)
{
    struct answer a = { status, records, status == GP_OK ? count : 0 };
    if (!s->asking) return;
    s->asking = false;
    if (is_temporary(s, status) || is_void(s, &a)) return;
    takes[s->state](s, &a);
}

bool gp_spf_next(struct gp_spf *s)
{
    while (!s->asking && s->state == TERMS) next_term(s);
    return s->asking;
}

void gp_spf_start(struct gp_spf *s, const struct gp_spf_mail *mail, gp_str domain)
{
    struct gp_spf_frame *f = &s->frames[0];
    memset(s, 0, sizeof *s);
    s->mail    = *mail;
    s->why     = "";
    s->term    = GP_LIT("");
    bool sound = keep(domain, f->domain, &f->domain_len) && is_domain(domain_of(s));
    if (!sound || (mail->address.len != IPV4_LEN && mail->address.len != IPV6_LEN))
        return end(s, GP_SPF_NONE, "not a domain name, or not an address");
    ask(s, RECORD, domain_of(s), GP_SPF_TXT);
}
