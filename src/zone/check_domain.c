/* The domain's own records: who takes its mail, who may send it, what is to be done with what is not. */
#include "zone/parts.h"

#include "mail/records.h"
#include "mail/spf.h"

#include <stdlib.h>
#include <string.h>

/* ---- MX ------------------------------------------------------------------------------------------------------------------- */
static void judge_exchange(const struct zone_checker *c, gp_str domain, gp_str host)
{
    struct zone_addresses at;
    if (!host.len) {
        zone_say(c, ZONE_MX, ZONE_WRONG, domain, GP_LIT("0 ."), "name the server that takes the domain's mail",
                 "the domain takes no mail (RFC 7505): many receivers refuse mail from it, and no answer arrives");
        return;
    }
    zone_find_addresses(c, host, &at);
    if (at.count)
        zone_say(c, ZONE_MX, ZONE_RIGHT, domain, host, "", "%s", "");
    else if (at.status == GP_TEMPFAIL)
        zone_say(c, ZONE_MX, ZONE_UNKNOWN, domain, host, "", "DNS does not say that host's address");
    else
        zone_say(c, ZONE_MX, ZONE_WRONG, domain, host, "give that host an address, or name another",
                 "that host has no address");
}

void zone_check_mx(const struct zone_checker *c)
{
    enum { HOSTS_MOST = 10 };
    char              hosts[HOSTS_MOST][ZONE_NAME_ROOM];
    size_t            count  = 0;
    gp_str            domain = gp_from(c->plan->domain);
    struct dns_answer a      = zone_ask(c, domain, DNS_MX);
    for (size_t i = 0; a.status == GP_OK && i < a.count && count < HOSTS_MOST; i++)
        if (gp_copy_z(a.records[i].data, hosts[count], ZONE_NAME_ROOM)) count++;
    for (size_t i = 0; i < count; i++) judge_exchange(c, domain, gp_from(hosts[i]));
    if (count) return;
    if (a.status == GP_TEMPFAIL)
        zone_say(c, ZONE_MX, ZONE_UNKNOWN, domain, GP_LIT(""), "", "%s", a.why);
    else
        zone_say(c, ZONE_MX, ZONE_MISSING, domain, GP_LIT(""),
                 "add an MX that names the server which takes the domain's mail",
                 "nobody is said to take mail for it: answers and bounces do not arrive");
}

/* ---- SPF ------------------------------------------------------------------------------------------------------------------ */
static void evaluate(const struct zone_checker *c, struct gp_spf *s, gp_str octets)
{
    struct gp_spf_mail mail = { octets, gp_from(c->plan->domain), gp_from(c->plan->hostname) };
    gp_spf_start(s, &mail, gp_from(c->plan->domain));
    while (gp_spf_next(s)) {
        gp_str            records[ZONE_RECORDS_MOST];
        size_t            count = 0;
        struct dns_answer a     = zone_ask(c, s->name, (enum dns_type)s->type);
        while (a.status == GP_OK && count < a.count && count < GP_COUNT(records)) {
            records[count] = a.records[count].data;
            count++;
        }
        gp_spf_answer(s, a.status, records, count);
    }
}

static bool lets_all(gp_str record)
{
    while (record.len) {
        gp_str word = gp_word(&record);
        if (gp_is(word, "all") || gp_is(word, "+all")) return true;
    }
    return false;
}

/* true: nothing more is to be said of this record */
static bool fails(const struct zone_checker *c, const struct gp_spf *s, gp_str record)
{
    gp_str domain = gp_from(c->plan->domain);
    if (s->result == GP_SPF_TEMPERROR)
        zone_say(c, ZONE_SPF, ZONE_UNKNOWN, domain, record, "", "DNS does not answer for '%.*s'", (int)s->term.len,
                 s->term.ptr);
    if (s->result == GP_SPF_PERMERROR)
        zone_say(c, ZONE_SPF, ZONE_WRONG, domain, record,
                 "mend that term, or leave it out: as it is, receivers ignore the record, or refuse the mail",
                 "%s%s%.*s%s", s->why, s->term.len ? " at '" : "", (int)s->term.len, s->term.ptr,
                 s->term.len ? "'" : "");
    return s->result == GP_SPF_TEMPERROR || s->result == GP_SPF_PERMERROR;
}

static void judge_sender(const struct zone_checker *c, struct gp_spf *s, gp_str octets, gp_str record)
{
    char           room[ZONE_NAME_ROOM];
    struct gp_text address = GP_TEXT(room);
    bool           own     = gp_is(gp_from(c->plan->sender), c->plan->hostname);
    gp_str         domain  = gp_from(c->plan->domain);
    zone_put_address(&address, octets);
    evaluate(c, s, octets);
    if (fails(c, s, record)) return;
    if (s->result == GP_SPF_PASS)
        zone_say(c, ZONE_SPF, ZONE_RIGHT, domain, record, "", "%.*s may send (%.*s)", (int)address.len, address.ptr,
                 (int)s->term.len, s->term.ptr);
    else
        zone_say(c, ZONE_SPF, own ? ZONE_WRONG : ZONE_WEAK, domain, record,
                 own ? "add a:HOSTNAME, or ip4: and ip6: with the address, before `all`"
                     : "add the include: that the provider's manual names",
                 "%.*s, which mail leaves from, gets '%s'", (int)address.len, address.ptr, gp_spf_word(s->result));
}

static void judge_spf(const struct zone_checker *c, struct gp_spf *s, gp_str record)
{
    static const char     nobody[4] = { (char)192, 0, 2,
                                        0 }; /* RFC 5737: whom no term but all should match, so all are worked off */
    struct zone_addresses from      = { .count = 0 };
    gp_str                domain    = gp_from(c->plan->domain);
    if (c->plan->sender[0]) zone_find_addresses(c, gp_from(c->plan->sender), &from);
    evaluate(c, s, (gp_str) { nobody, sizeof nobody });
    if (fails(c, s, record)) return;
    if (lets_all(record))
        zone_say(c, ZONE_SPF, ZONE_WEAK, domain, record, "end the record with ~all or -all",
                 "it lets all the world send for the domain");
    for (size_t i = 0; i < from.count; i++)
        judge_sender(c, s, (gp_str) { from.list[i].octets, from.list[i].len }, record);
    if (!from.count) zone_say(c, ZONE_SPF, ZONE_RIGHT, domain, record, "", "%u of 10 questions to DNS", s->lookups);
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

/* ---- DKIM ------------------------------------------------------------------------------------------------------------------ */
static bool is_any(gp_str txt)
{
    return txt.len > 0;
}

static void judge_key(const struct zone_checker *c, const struct zone_key *key, gp_str name, gp_str txt)
{
    static const char     mend[] = "put in the record that `gatepost dns` prints";
    char                  room[GP_DKIM_KEY_MOST];
    struct gp_text        octets = GP_TEXT(room);
    struct gp_dkim_record there;
    const char           *why = gp_dkim_record_read(txt, &there, &octets);
    if (why)
        zone_say(c, ZONE_DKIM, ZONE_WRONG, name, txt, mend, "%s", why);
    else if (!there.key.len)
        zone_say(c, ZONE_DKIM, ZONE_WRONG, name, txt, mend, "the key is revoked there (p= is empty)");
    else if (there.ed25519 != key->ed25519 || !gp_same(there.key, (gp_str) { key->octets, key->octets_len }))
        zone_say(c, ZONE_DKIM, ZONE_WRONG, name, txt, mend, "another key is there: signatures with ours fail");
    else if (there.testing)
        zone_say(c, ZONE_DKIM, ZONE_WEAK, name, txt, "take t=y out when you are sure",
                 "t=y: receivers may treat mail as unsigned");
    else
        zone_say(c, ZONE_DKIM, ZONE_RIGHT, name, txt, "", "%s", "");
}

static void check_key(const struct zone_checker *c, const struct zone_key *key)
{
    char              room[ZONE_NAME_ROOM], txt_room[ZONE_VALUE_ROOM];
    struct gp_text    name = GP_TEXT(room), txt = GP_TEXT(txt_room);
    enum zone_verdict absent = key->state == CONFIG_DKIM_SIGNS ? ZONE_MISSING : ZONE_ABSENT;
    gp_put_z(&name, key->selector);
    gp_put_z(&name, "._domainkey.");
    gp_put_z(&name, c->plan->domain);
    if (!name.cut &&
        zone_one_txt(c, ZONE_DKIM, gp_said(&name), is_any, absent, "add the record that `gatepost dns` prints", &txt))
        judge_key(c, key, gp_said(&name), gp_said(&txt));
}

void zone_check_dkim(const struct zone_checker *c)
{
    bool signs = false;
    for (size_t i = 0; i < c->plan->key_count; i++) {
        check_key(c, &c->plan->keys[i]);
        signs |= c->plan->keys[i].state == CONFIG_DKIM_SIGNS;
    }
    if (!c->plan->own || signs) return;
    if (c->plan->keys_hidden)
        zone_say(c, ZONE_DKIM, ZONE_UNKNOWN, gp_from(c->plan->domain), GP_LIT(""),
                 "run it as root, or as the vault's user", "the keys in vault/dkim cannot be read");
    else
        zone_say(c, ZONE_DKIM, ZONE_MISSING, gp_from(c->plan->domain), GP_LIT(""),
                 "`gatepost dkim new DOMAIN` makes one", "there is no key to sign the domain's mail with");
}

void zone_check_key(const struct zone_plan *plan, const struct zone_key *key, const struct zone_dns *dns,
                    zone_tell *tell, void *owner)
{
    struct zone_checker c = { plan, dns, tell, owner };
    check_key(&c, key);
}

/* ---- DMARC ------------------------------------------------------------------------------------------------------------------- */
static void judge_dmarc(const struct zone_checker *c, gp_str name, gp_str txt)
{
    struct gp_dmarc d;
    const char     *why = gp_dmarc_read(txt, &d);
    if (why)
        zone_say(c, ZONE_DMARC, ZONE_WRONG, name, txt, "mend it: as it is, there is none to receivers", "%s", why);
    else if (gp_is(d.policy, "none") && !d.reports.len)
        zone_say(c, ZONE_DMARC, ZONE_RIGHT, name, txt,
                 "add rua=mailto:ADDRESS, and once the reports look well p=quarantine",
                 "p=none without rua=: nothing is stopped, and nobody is told");
    else
        zone_say(c, ZONE_DMARC, ZONE_RIGHT, name, txt, "", "%s", "");
}

static bool has_dmarc(const struct zone_checker *c, gp_str name, struct gp_text *txt)
{
    struct dns_answer a = zone_ask(c, name, DNS_TXT);
    for (size_t i = 0; a.status == GP_OK && i < a.count; i++)
        if (gp_is_dmarc(a.records[i].data)) gp_put(txt, a.records[i].data);
    return txt->len > 0;
}

/* RFC 7489 6.6.3 has the organisational domain's record stand in. Which that is takes a list of suffixes; the next one above that has
 * a record and two labels is taken for it. */
static bool has_above(const struct zone_checker *c, gp_str domain, char room[static ZONE_NAME_ROOM],
                      struct gp_text *txt, gp_str *name)
{
    for (gp_str above = domain; gp_find(above, '.') < above.len;) {
        (void)gp_cut(&above, '.');
        struct gp_text text = { .ptr = room, .room = ZONE_NAME_ROOM };
        gp_put_z(&text, "_dmarc.");
        gp_put(&text, above);
        *name = gp_said(&text);
        if (gp_find(above, '.') < above.len && !text.cut && has_dmarc(c, *name, txt)) return true;
    }
    return false;
}

void zone_check_dmarc(const struct zone_checker *c)
{
    char           own_room[ZONE_NAME_ROOM], above_room[ZONE_NAME_ROOM], room[ZONE_VALUE_ROOM];
    struct gp_text txt  = GP_TEXT(room);
    gp_str         name = zone_name(own_room, "_dmarc.", c->plan->domain), above;
    if (!name.len) return;
    if (!has_dmarc(c, name, &txt) && has_above(c, gp_from(c->plan->domain), above_room, &txt, &above)) {
        judge_dmarc(c, above, gp_said(&txt));
        return;
    }
    txt = GP_TEXT(room);
    if (zone_one_txt(c, ZONE_DMARC, name, gp_is_dmarc, ZONE_MISSING, "add the record that `gatepost dns` prints", &txt))
        judge_dmarc(c, name, gp_said(&txt));
}
