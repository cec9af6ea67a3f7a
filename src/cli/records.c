/* The DNS records that a set-up wants: SPF, DKIM, DMARC, and SRV for clients that look for their server. */
#include "cli/records.h"

enum { STRING_MOST = 255, VALUE_ROOM = 1024, OWNER_WIDTH = 44 };

static void put_owner(struct gp_text *out, const char *prefix, const char *name, const char *type)
{
    size_t start = out->len;
    gp_put_z(out, prefix);
    gp_put_z(out, name);
    gp_put_char(out, '.');
    do gp_put_char(out, ' ');
    while (!out->cut && out->len - start < OWNER_WIDTH);
    gp_put_z(out, "IN ");
    gp_put_z(out, type);
    gp_put_char(out, ' ');
}

/* RFC 1035 3.3.14: a string has 255 octets at most; readers of DKIM join them (RFC 6376 3.6.2.2). */
static void put_txt(struct gp_text *out, const char *prefix, const char *name, gp_str value)
{
    put_owner(out, prefix, name, "TXT");
    bool several = value.len > STRING_MOST;
    gp_put_z(out, several ? "(" : "");
    while (value.len) {
        gp_put_z(out, several ? " \"" : "\"");
        gp_put(out, gp_head(value, STRING_MOST));
        gp_put_char(out, '"');
        value = gp_tail(value, STRING_MOST);
    }
    gp_put_z(out, several ? " )\n" : "\n");
}

static void put_dkim(struct gp_text *out, const struct records_plan *plan, const struct records_key *key)
{
    char           room[VALUE_ROOM], octets_room[VALUE_ROOM], owner_room[VALUE_ROOM];
    struct gp_text value = GP_TEXT(room), octets = GP_TEXT(octets_room), owner = GP_TEXT(owner_room);
    bool           ed25519 = gp_key_kind(key->key) == GP_KEY_ED25519;
    gp_put_z(&owner, key->selector);
    gp_put(&owner, (gp_str) { "._domainkey.", sizeof "._domainkey." }); /* with its NUL */
    gp_put_z(&value, ed25519 ? "v=DKIM1; k=ed25519; p=" : "v=DKIM1; k=rsa; p=");
    if (!gp_key_public(key->key, &octets)) out->cut = true;
    gp_put_base64(&value, gp_said(&octets));
    if (value.cut || owner.cut)
        out->cut = true;
    else
        put_txt(out, owner_room, plan->domain, gp_said(&value));
}

static void put_spf(struct gp_text *out, const struct records_plan *plan)
{
    char           room[VALUE_ROOM];
    struct gp_text value = GP_TEXT(room);
    gp_put_z(&value, "v=spf1 mx a:");
    gp_put_z(&value, plan->hostname);
    gp_put_z(&value, " ~all");
    put_txt(out, "", plan->domain, gp_said(&value));
}

/* RFC 6186, RFC 8314 5.1: TLS from the first octet is preferred, which the lower number says. */
static void put_services(struct gp_text *out, const struct records_plan *plan)
{
    static const struct {
        const char *prefix, *value;
    } services[] = {
        {"_submissions._tcp.", "0 1 465 " },
        { "_submission._tcp.", "10 1 587 "}
    };
    for (size_t i = 0; i < GP_COUNT(services); i++) {
        put_owner(out, services[i].prefix, plan->domain, "SRV");
        gp_put_z(out, services[i].value);
        gp_put_z(out, plan->hostname);
        gp_put_z(out, ".\n");
    }
}

void records_put(const struct records_plan *plan, struct gp_text *out)
{
    put_spf(out, plan);
    for (size_t i = 0; i < GP_COUNT(plan->keys); i++) put_dkim(out, plan, &plan->keys[i]);
    put_txt(out, "_dmarc.", plan->domain, GP_LIT("v=DMARC1; p=none"));
    put_services(out, plan);
}
