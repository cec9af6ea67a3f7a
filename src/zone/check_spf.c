/* SPF: does the domain's record let mail leave from where it does, and has the server's own name a record for mail without a sender? */
#include "zone/parts.h"

#include "mail/spf.h"

#include <stdlib.h>

/* RFC 5737: whom no term but all should match, so all are worked off. */
static const char nobody[4] = { (char)192, 0, 2, 0 };

/* true: `include` was among what had to be asked for ("": nothing is). */
static bool evaluate(const struct zone_checker *c, struct gp_spf *s, const char *of, gp_str octets, const char *include)
{
    struct gp_spf_mail mail  = { octets, gp_from(of), gp_from(c->plan->hostname) };
    bool               asked = false;
    gp_spf_start(s, &mail, gp_from(of));
    while (gp_spf_next(s)) {
        gp_str            records[ZONE_RECORDS_MOST];
        size_t            count = 0;
        struct dns_answer a     = zone_ask(c, s->name, (enum dns_type)s->type);
        asked |= s->type == GP_SPF_TXT && gp_is(s->name, include);
        while (a.status == GP_OK && count < a.count && count < GP_COUNT(records)) {
            records[count] = a.records[count].data;
            count++;
        }
        gp_spf_answer(s, a.status, records, count);
    }
    return asked;
}

static bool lets_all(gp_str record)
{
    while (record.len) {
        gp_str word = gp_word(&record);
        if (gp_is(word, "all") || gp_is(word, "+all")) return true;
    }
    return false;
}

/* An error ends the evaluation, but receivers get to it only with mail that no term before it matches (RFC 7208 4.6.2). So it is
 * `error` what the caller makes of it: wrong where mail that is sent meets it, weak where other mail may. true: it was told. */
static bool fails(const struct zone_checker *c, const struct gp_spf *s, const char *of, gp_str record,
                  enum zone_verdict error)
{
    bool        weak  = error == ZONE_WEAK;
    gp_str      owner = gp_from(of);
    const char *quote = s->term.len ? "'" : "";
    if (s->result == GP_SPF_TEMPERROR)
        zone_say(c, ZONE_SPF, ZONE_UNKNOWN, owner, record, "", "DNS does not answer for '%.*s'", (int)s->term.len,
                 s->term.ptr);
    if (s->result == GP_SPF_PERMERROR)
        zone_say(c, ZONE_SPF, error, owner, record,
                 weak ? "mend that term, or leave it out: as it is, receivers refuse what it was to let through"
                      : "mend that term, or leave it out: as it is, receivers ignore the record, or refuse the mail",
                 "%s%s%s%.*s%s", weak ? "for senders that no term before matches: " : "", s->why,
                 s->term.len ? " at '" : "", (int)s->term.len, s->term.ptr, quote);
    return s->result == GP_SPF_TEMPERROR || s->result == GP_SPF_PERMERROR;
}

/* true: it ran into an error. A provider's mail leaves from addresses that are not known, and they may match sooner. */
static bool judge_address(const struct zone_checker *c, struct gp_spf *s, const char *of, bool own, gp_str octets,
                          gp_str record)
{
    char           room[ZONE_NAME_ROOM];
    struct gp_text address = GP_TEXT(room);
    zone_put_address(&address, octets);
    (void)evaluate(c, s, of, octets, "");
    if (fails(c, s, of, record, own ? ZONE_WRONG : ZONE_WEAK)) return true;
    if (s->result == GP_SPF_PASS)
        zone_say(c, ZONE_SPF, ZONE_RIGHT, gp_from(of), record, "", "%.*s may send (%.*s)", (int)address.len,
                 address.ptr, (int)s->term.len, s->term.ptr);
    else
        zone_say(c, ZONE_SPF, own ? ZONE_WRONG : ZONE_WEAK, gp_from(of), record,
                 own ? "add a:HOSTNAME, or ip4: and ip6: with the address, before `all`"
                     : "add the include: that the provider's manual names",
                 "%.*s, which mail leaves from, gets '%s'", (int)address.len, address.ptr, gp_spf_word(s->result));
    return false;
}

/* ---- the domain's ------------------------------------------------------------------------------------------------------------ */
struct judged {
    size_t count; /* of addresses */
    bool   errs;  /* an error was told */
};

/* It is the include itself that errs: its name has no record, or a broken one. */
static bool ends_at(const struct gp_spf *s, gp_str include)
{
    return s->result == GP_SPF_PERMERROR && s->term.len > include.len &&
           gp_alike(gp_tail(s->term, s->term.len - include.len), include);
}

static bool judge_include(const struct zone_checker *c, struct gp_spf *s, const char *include, gp_str record)
{
    gp_str domain  = gp_from(c->plan->domain);
    bool   there   = evaluate(c, s, c->plan->domain, (gp_str) { nobody, sizeof nobody }, include);
    bool   reached = there && !ends_at(s, gp_from(include));
    bool   errs    = fails(c, s, c->plan->domain, record, reached ? ZONE_WEAK : ZONE_WRONG);
    if (reached)
        zone_say(c, ZONE_SPF, ZONE_RIGHT, domain, record, "", "the provider's servers may send (include:%s)", include);
    else if (!errs)
        zone_say(c, ZONE_SPF, ZONE_WEAK, domain, record, "add the include: that `gatepost dns` prints",
                 "mail leaves from the provider's servers, and include:%s is not there", include);
    return errs;
}

static void judge_sender(const struct zone_checker *c, struct gp_spf *s, const struct zone_sender *sender,
                         gp_str record, struct judged *j)
{
    struct zone_addresses from = { .count = 0 };
    if (sender->include[0]) {
        j->errs |= judge_include(c, s, sender->include, record);
        j->count++;
        return;
    }
    zone_find_addresses(c, gp_from(sender->host), &from);
    for (size_t i = 0; i < from.count; i++)
        j->errs |= judge_address(c, s, c->plan->domain, sender->own, (gp_str) { from.list[i].octets, from.list[i].len },
                                 record);
    j->count += from.count;
}

/* What mail from elsewhere would meet, as that of a second provider. */
static void judge_rest(const struct zone_checker *c, struct gp_spf *s, gp_str record, size_t judged)
{
    gp_str domain = gp_from(c->plan->domain);
    (void)evaluate(c, s, c->plan->domain, (gp_str) { nobody, sizeof nobody }, "");
    if (fails(c, s, c->plan->domain, record, judged ? ZONE_WEAK : ZONE_WRONG)) return;
    if (lets_all(record))
        zone_say(c, ZONE_SPF, ZONE_WEAK, domain, record, "end the record with ~all or -all",
                 "it lets all the world send for the domain");
    if (!judged) zone_say(c, ZONE_SPF, ZONE_RIGHT, domain, record, "", "%u of 10 questions to DNS", s->lookups);
}

static void judge_spf(const struct zone_checker *c, struct gp_spf *s, gp_str record)
{
    struct judged j      = { 0 };
    bool          broken = gp_spf_why_broken(record) != NULL; /* to all mail alike (RFC 7208 4.6) */
    for (size_t i = 0; i < c->plan->sender_count && !broken; i++)
        if (zone_counts(c, &c->plan->senders[i])) judge_sender(c, s, &c->plan->senders[i], record, &j);
    /* Receivers of mail that is judged ask no further. */
    if (!j.errs && !(c->sending && j.count)) judge_rest(c, s, record, j.count);
}

void zone_check_spf(const struct zone_checker *c)
{
    char           room[GP_SPF_RECORD_MOST];
    struct gp_text record = GP_TEXT(room);
    struct gp_spf *s      = calloc(1, sizeof *s);
    if (s && zone_one_txt(c, ZONE_SPF, gp_from(c->plan->domain), gp_spf_is_record, ZONE_MISSING,
                          "add the record that `gatepost dns` prints", &record))
        judge_spf(c, s, gp_said(&record));
    free(s);
}

/* ---- the server's name --------------------------------------------------------------------------------------------------------- */
static void judge_helo(const struct zone_checker *c, struct gp_spf *s, gp_str record)
{
    for (size_t i = 0; i < c->plan->sender_count; i++) {
        struct zone_addresses from = { .count = 0 };
        if (!c->plan->senders[i].own) continue;
        zone_find_addresses(c, gp_from(c->plan->senders[i].host), &from);
        for (size_t k = 0; k < from.count; k++)
            (void)judge_address(c, s, c->plan->hostname, true, (gp_str) { from.list[k].octets, from.list[k].len },
                                record);
    }
}

/* RFC 7208 2.4: what has no sender, as our reports of mail that did not arrive, is judged by the name of EHLO. */
void zone_check_helo(const struct zone_checker *c)
{
    char           room[GP_SPF_RECORD_MOST];
    struct gp_text record = GP_TEXT(room);
    if (!zone_sends_itself(c->plan) || gp_is(gp_from(c->plan->hostname), c->plan->domain)) return;
    struct gp_spf *s = calloc(1, sizeof *s);
    if (s && zone_one_txt(c, ZONE_SPF, gp_from(c->plan->hostname), gp_spf_is_record, ZONE_WEAK,
                          "add the record that `gatepost dns` prints: reports to senders are judged by it", &record))
        judge_helo(c, s, gp_said(&record));
    free(s);
}
