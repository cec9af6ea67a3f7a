/* gatepost can: what holds at a listener for old devices, with the code that smtpd and vault ask (policy/lane.h). */
#include "cli/can.h"
#include "store/usage.h"

enum { SENTENCE = CAN_TEXT - 1 };

const struct legacy_lane *can_lane(const struct can *c)
{
    const struct config_listen *l = &c->store->config.listen[c->listener];
    return l->kind == LISTEN_LEGACY ? &l->lane : NULL;
}

/* Before anything else: who is outside is not even greeted. */
bool can_ask_lane(struct can *c)
{
    const struct legacy_lane *lane = can_lane(c);
    if (!lane) return true;
    bool in = lane_admits(lane, c->ip);
    can_say(c, in ? CAN_YES : CAN_NO, "lane", c->ip,
            in ? GP_LIT(" is in its networks") : GP_LIT(" is in none of its networks"));
    return in || can_refuse(c, LANE_STRANGER_CODE, LANE_STRANGER_ENHANCED, GP_LIT(LANE_STRANGER));
}

bool can_ask_lane_rate(struct can *c)
{
    const struct legacy_lane *lane = can_lane(c);
    struct limit_usage        usage;
    struct limit_cost         one = { { [LIMIT_MESSAGES] = 1 } };
    struct limit_hit          hit;
    char                      room[SENTENCE], said[CAN_TEXT];
    struct gp_text            why = GP_TEXT(room), reply = GP_TEXT(said);
    if (!lane) return true;
    if (usage_load(c->store->accounts, LIMIT_LANE, c->credential, &usage) != GP_OK) return can_store_failed(c);
    struct limit_rules rules = lane_rules(lane);
    struct limit_sides sides = { { [LIMIT_LANE] = { &rules, &usage } } };
    if (limits_fit(&sides, &one, c->now, &hit)) return true;
    limit_hit_put(&why, &hit);
    can_say(c, CAN_NO, "lane", gp_said(&why), GP_LIT(""));
    struct limit_no no = limit_say(&reply, &hit);
    return can_refuse(c, no.code, no.enhanced, gp_said(&reply));
}

bool can_ask_lane_recipient(struct can *c, gp_str to)
{
    const struct legacy_lane *lane = can_lane(c);
    char                      room[SENTENCE];
    struct gp_text            text = GP_TEXT(room);
    if (!lane || lane_takes(lane, to)) return true;
    lane_put_no(lane, to, &text);
    can_say(c, CAN_NO, "lane", to, GP_LIT(" is not what the listener takes mail to"));
    return can_refuse(c, 550, "5.7.1", gp_said(&text));
}
