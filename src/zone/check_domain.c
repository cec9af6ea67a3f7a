/* The domain's own records: who takes its mail, who may send it, what is to be done with what is not. */
#include "zone/parts.h"

#include "mail/records.h"

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
    gp_put_z(&name, key->above ? c->plan->signer : c->plan->domain);
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
                 "run it as root, or as the vault's user; `gatepost dkim list` says which",
                 "keys in vault/dkim cannot be read, or are no RSA or Ed25519 keys");
    else
        zone_say(c, ZONE_DKIM, ZONE_MISSING, gp_from(c->plan->domain), GP_LIT(""),
                 "`gatepost dkim new DOMAIN` makes one", "there is no key to sign the domain's mail with");
}

void zone_check_key(const struct zone_plan *plan, const struct zone_key *key, const struct zone_dns *dns,
                    zone_tell *tell, void *owner)
{
    struct zone_checker c = { plan, dns, tell, owner, false };
    check_key(&c, key);
}

/* ---- DMARC ------------------------------------------------------------------------------------------------------------------- */
static bool is_signed_above(const struct zone_checker *c)
{
    return c->plan->signer[0] && !gp_is(gp_from(c->plan->signer), c->plan->domain);
}

static void say_strict(const struct zone_checker *c, gp_str name, gp_str txt)
{
    zone_say(c, ZONE_DMARC, ZONE_WRONG, name, txt, "take adkim=s out, or make the domain a key: `gatepost dkim new`",
             "adkim=s: what the keys of %s sign does not count for the domain below", c->plan->signer);
}

static void judge_dmarc(const struct zone_checker *c, gp_str name, gp_str txt)
{
    struct gp_dmarc d;
    const char     *why = gp_dmarc_read(txt, &d);
    if (!why && d.strict_dkim && is_signed_above(c))
        say_strict(c, name, txt);
    else if (why)
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
    if (a.status == GP_TEMPFAIL && c->sending) zone_say(c, ZONE_DMARC, ZONE_UNKNOWN, name, GP_LIT(""), "", "%s", a.why);
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

/* RFC 7489 3.1.1: the one thing in it that fails mail which DKIM passes. */
void zone_check_alignment(const struct zone_checker *c)
{
    char            own_room[ZONE_NAME_ROOM], above_room[ZONE_NAME_ROOM], room[ZONE_VALUE_ROOM];
    struct gp_text  txt = GP_TEXT(room);
    struct gp_dmarc d;
    gp_str          name = zone_name(own_room, "_dmarc.", c->plan->domain);
    if (!is_signed_above(c) || !name.len) return;
    if (!has_dmarc(c, name, &txt) && !has_above(c, gp_from(c->plan->domain), above_room, &txt, &name)) return;
    if (!gp_dmarc_read(gp_said(&txt), &d) && d.strict_dkim) say_strict(c, name, gp_said(&txt));
}
