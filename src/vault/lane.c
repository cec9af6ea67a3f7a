/* Mail of old devices: to whom, how large, how often, as rules of sending.c. smtpd says no early; here it is settled, and here is what
 * has been sent of it. It knows no mode: a policy in shadow leaves these in force. */
#include "vault/parts.h"

struct laned {
    struct limit_rules rules;
    struct limit_sides sides;
    struct meter      *meter;
};
static const struct limit_cost one = { { [LIMIT_MESSAGES] = 1 } };

/* NULL: it came another way. */
static const struct legacy_lane *lane_of(const struct vault *v, const struct sent *s)
{
    const struct config *c  = v->config;
    bool                 is = s->listener < c->listen_count && c->listen[s->listener].kind == LISTEN_LEGACY;
    return is ? &c->listen[s->listener].lane : NULL;
}

/* false: the store could not tell. */
static bool take_side(struct vault *v, const struct sent *s, const struct legacy_lane *lane, struct laned *l)
{
    l->meter = meter_of(v, LIMIT_LANE, s->credential);
    l->rules = lane_rules(lane);
    if (l->meter) l->sides.scopes[LIMIT_LANE] = (struct limit_side) { &l->rules, &l->meter->usage };
    return l->meter != NULL;
}

static gp_status cannot_tell(struct sent *s)
{
    s->no = (struct no) { 451, "4.3.0", "what the device has sent cannot be read now" };
    gp_put_z(&s->text, "cannot tell now what this device may send, try again later");
    return GP_TEMPFAIL;
}

static gp_status look_at_rate(struct vault *v, struct sent *s, const struct legacy_lane *lane)
{
    struct laned     l = { 0 };
    struct limit_hit hit;
    struct gp_text   why = { .ptr = s->why, .room = sizeof s->why - 1 };
    if (!take_side(v, s, lane, &l)) return cannot_tell(s);
    if (limits_fit(&l.sides, &one, s->now, &hit)) return GP_OK;
    gp_put_z(&why, "over a limit: ");
    limit_hit_put(&why, &hit);
    s->why[why.len]    = '\0';
    struct limit_no no = limit_say(&s->text, &hit);
    s->no              = (struct no) { no.code, no.enhanced, s->why };
    return GP_TEMPFAIL;
}

gp_status lane_at_mail(struct vault *v, struct sent *s)
{
    const struct legacy_lane *lane = lane_of(v, s);
    return lane ? look_at_rate(v, s, lane) : GP_OK;
}

/* ---- the whole message ------------------------------------------------------------------------------------------------------- */
/* smtpd has looked; it is asked again where no stranger's octets are read. */
static gp_status look_at_recipients(struct sent *s, const struct legacy_lane *lane)
{
    gp_str   lines = s->recipients;
    unsigned count = 0;
    for (gp_str line = gp_cut(&lines, '\n'); line.len > 0; line = gp_cut(&lines, '\n')) {
        gp_str address = gp_cut(&line, '\t');
        if (++count <= lane->recipients_per_message && lane_takes(lane, address)) continue;
        s->no = (struct no) { 550, "5.7.1", "the listener takes no mail to one of the recipients, or not to so many" };
        lane_put_no(lane, address, &s->text);
        return GP_PERMFAIL;
    }
    return GP_OK;
}

gp_status lane_at_end(struct vault *v, struct sent *s)
{
    const struct legacy_lane *lane = lane_of(v, s);
    if (!lane) return GP_OK;
    gp_status status = look_at_recipients(s, lane);
    return status == GP_OK ? look_at_rate(v, s, lane) : status;
}

gp_status lane_count(struct vault *v, struct sent *s)
{
    const struct legacy_lane *lane = lane_of(v, s);
    struct laned              l    = { 0 };
    char                      room[TALLY_EXAMPLE];
    struct gp_text            example = GP_TEXT(room);
    if (!lane || !take_side(v, s, lane, &l)) return GP_OK;
    limits_charge(&l.sides, &one, s->now);
    meter_touched(v, l.meter);
    gp_put_z(&example, "from ");
    gp_put(&example, s->peer);
    gp_put_z(&example, s->tls.len > 0 ? ", " : ", without TLS");
    gp_put(&example, s->tls);
    use_note(v, "lane", s->account, s->credential, gp_said(&example));
    return GP_OK;
}
