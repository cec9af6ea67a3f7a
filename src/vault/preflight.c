/* Would receivers take this? The relay looks at the DNS records of domains that mail is from, and tells what is wrong with them; here
 * that is held against each message, at its end. Nothing is asked for a message: a domain that was not looked at yet is let pass. */
#include <string.h>

#include "vault/parts.h"

/* ---- what the relay says ------------------------------------------------------------------------------------------------------ */
static struct preflight *find(struct preflights *all, gp_str domain)
{
    for (size_t i = 0; i < all->count; i++)
        if (gp_is(domain, all->list[i].domain)) return &all->list[i];
    return NULL;
}

/* Its own, a new one, or that of the domain which was told of longest ago. */
static struct preflight *place_for(struct preflights *all, gp_str domain)
{
    struct preflight *p = find(all, domain);
    if (p) return p;
    if (all->count < PREFLIGHTS_MOST) return &all->list[all->count++];
    p = &all->list[0];
    for (size_t i = 1; i < all->count; i++)
        if (all->list[i].until < p->until) p = &all->list[i];
    return p;
}

void preflight_told(struct peer *peer, struct msg *m)
{
    const struct msg_preflight *told = &m->preflight;
    struct preflight           *p    = place_for(&peer->vault->preflights, told->domain);
    bool                        fine = !gp_is(told->domain, p->domain) || !p->why[0];
    bool                        kept = gp_copy_z(told->domain, p->domain, sizeof p->domain);
    gp_str                      why  = gp_head(told->why, sizeof p->why - 1);
    if (!gp_copy_z(why, p->why, sizeof p->why)) p->why[0] = '\0';
    p->until = kept ? wall_now() + PREFLIGHT_GOOD_MS : 0;
    if (kept && fine && p->why[0] && peer->vault->config->policy.preflight.mode != POLICY_OFF)
        tell_preflight(peer->vault, p);
}

/* ---- one message ---------------------------------------------------------------------------------------------------------------- */
/* Of the first author: DKIM signs for that one (relay/sign.c). */
static gp_str author_of(gp_str fields)
{
    while (fields.len) {
        gp_str line = gp_cut(&fields, '\n');
        if (gp_is(gp_cut(&line, '\t'), "from")) return gp_cut(&line, '\t');
    }
    return GP_NONE;
}

/* What is known of an address's domain, which the relay tells of in A-labels; NULL: nothing. */
static const struct preflight *known_of(struct preflights *all, gp_str address)
{
    char           room[ACCOUNT_ADDRESS_MOST];
    struct gp_text tidy = GP_TEXT(room);
    if (!account_tidy_domain(address, &tidy)) return NULL;
    size_t at = tidy.len;
    while (at > 0 && room[at - 1] != '@') at--;
    return find(all, gp_tail(gp_said(&tidy), at));
}

static bool is_against(const struct preflight *p, gp_time now)
{
    return p && p->why[0] && p->until >= now;
}

/* What is wrong, of the author's domain, or of that which SPF asks for: the envelope's, whose DKIM is no matter. NULL: nothing. */
static const struct preflight *against(struct preflights *all, const struct sent *s)
{
    const struct preflight *author = known_of(all, author_of(s->fields)), *sender = known_of(all, s->sender);
    if (is_against(author, s->now)) return author;
    return is_against(sender, s->now) && !gp_starts(gp_from(sender->why), "dkim: ") ? sender : NULL;
}

static void put_why(struct gp_text *out, const struct preflight *p)
{
    gp_put_z(out, "receivers may refuse mail from ");
    gp_put_z(out, p->domain);
    gp_put_z(out, ": ");
    gp_put_z(out, p->why);
}

static gp_status refuse(struct sent *s, const struct preflight *p)
{
    s->no = (struct no) { 550, "5.7.1", "policy.preflight: the domain's DNS records are wrong" };
    put_why(&s->text, p);
    return GP_PERMFAIL;
}

/* What is not signed, for its author is not its account's, no receiver can find to be from him. */
static const struct preflight *against_signature(const struct vault *v, const struct sent *s, struct preflight *room)
{
    gp_str author = author_of(s->fields);
    *room         = (struct preflight) { .why = "dkim: not signed, From is not the account's" };
    gp_str domain = gp_tail(author, gp_find(author, '@') + 1);
    if (!s->foreign || !v->config->dkim.sign) return NULL;
    if (!gp_copy_z(domain, room->domain, sizeof room->domain)) room->domain[0] = '\0';
    return room;
}

gp_status preflight_at_end(struct vault *v, struct sent *s)
{
    char                    room[HOLD_WHY_MOST + 1];
    struct gp_text          why = { .ptr = room, .room = HOLD_WHY_MOST };
    const struct preflight *p   = NULL;
    struct preflight        unsigned_one;
    if (v->config->policy.preflight.mode == POLICY_OFF) return GP_OK;
    p = against(&v->preflights, s);
    if (!p) p = against_signature(v, s, &unsigned_one);
    if (!p) return GP_OK;
    put_why(&why, p);
    if (v->config->policy.preflight.mode == POLICY_SHADOW) {
        shadow_note(v, "preflight", s->account, s->credential, gp_said(&why));
        return GP_OK;
    }
    if (v->config->policy.preflight.action == PREFLIGHT_REFUSE) return refuse(s, p);
    if (!s->hold_why[0]) (void)gp_copy_z(gp_said(&why), s->hold_why, sizeof s->hold_why);
    return GP_OK;
}
