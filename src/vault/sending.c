/* May this be sent? Asked at MAIL, to refuse early, and once more when the whole message is there: that answer is what counts. Rules are
 * asked in turn; the first no is the answer. */
#include "vault/parts.h"

#include <limits.h>

/* ---- the two questions ----------------------------------------------------------------------------------------------------------- */
typedef gp_status  rule(struct vault *, struct sent *);
static rule *const at_mail[] = { limits_find_owner, identity_at_mail, lane_at_mail, limits_at_mail };
static rule *const at_end[]  = { limits_find_owner, identity_at_end,  identity_signs_at_end,
                                 lane_at_end,       preflight_at_end, limits_count_new,
                                 limits_at_end, /* charged: no more no after it */
                                 brake_at_end,      limits_remember,  lane_count };

static gp_status ask_all(struct vault *v, struct sent *s, rule *const *rules, size_t count)
{
    gp_status status = GP_OK;
    for (size_t i = 0; status == GP_OK && i < count; i++) status = rules[i](v, s);
    return status;
}

void sending_mail(struct peer *peer, struct msg *m)
{
    char                       room[REPLY_MOST];
    const struct msg_may_send *q      = &m->may_send;
    struct sent                s      = { .from           = peer,
                                          .session        = q->session,
                                          .account        = (int64_t)q->account,
                                          .credential     = (int64_t)q->credential,
                                          .listener       = q->listener,
                                          .size           = q->size,
                                          .sender         = q->sender,
                                          .peer           = q->peer,
                                          .now            = wall_now(),
                                          .recipients_may = UINT_MAX,
                                          .text           = GP_TEXT(room) };
    gp_status                  status = ask_all(peer->vault, &s, at_mail, GP_COUNT(at_mail));
    struct msg                 answer = MSG(PERMISSION);
    refused_name(peer->vault, &s, status);
    answer.permission = (struct msg_permission) {
        .status     = status,
        .recipients = s.recipients_may,
        .code       = s.no.code,
        .enhanced   = gp_from(s.no.enhanced),
        .text       = gp_said(&s.text),
        .enough     = {s.enough, s.enough_len},
        .incident   = gp_from(s.incident),
        .why        = gp_from(s.no.why),
        .instead    = gp_from(s.instead)
    };
    ipc_answer(peer->channel, m->question, &answer);
}

void sending_submit(struct peer *peer, struct msg *m)
{
    char                     room[REPLY_MOST];
    const struct msg_submit *q      = &m->submit;
    struct sent              s      = { .from       = peer,
                                        .session    = q->session,
                                        .account    = (int64_t)q->account,
                                        .credential = (int64_t)q->credential,
                                        .listener   = q->listener,
                                        .size       = q->size,
                                        .likeness   = q->likeness,
                                        .sender     = q->sender,
                                        .peer       = q->peer,
                                        .queue_id   = q->queue_id,
                                        .helo       = q->helo,
                                        .mechanism  = q->mechanism,
                                        .tls        = q->tls,
                                        .fields     = q->fields,
                                        .recipients = q->recipients,
                                        .now        = wall_now(),
                                        .text       = GP_TEXT(room) };
    gp_status                status = ask_all(peer->vault, &s, at_end, GP_COUNT(at_end));
    struct msg               answer = MSG(SUBMITTED);
    refused_name(peer->vault, &s, status);
    brake_named(peer->vault, &s);
    answer.submitted = (struct msg_submitted) { .status   = status,
                                                .code     = s.no.code,
                                                .enhanced = gp_from(s.no.enhanced),
                                                .text     = gp_said(&s.text),
                                                .why      = gp_from(s.no.why),
                                                .hold     = s.hold_why[0] != '\0',
                                                .owner    = s.owner == s.account ? 0 : (uint64_t)s.owner,
                                                .foreign  = s.foreign,
                                                .hold_why = gp_from(s.hold_why),
                                                .incident = gp_from(s.incident) };
    ipc_answer(peer->channel, m->question, &answer);
    holds_begin(peer->vault, &s);
}
