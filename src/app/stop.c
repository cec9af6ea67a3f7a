/* The orderly end: stage by stage, those first who take mail in, those last who keep it. */
#include "app/supervisor.h"

enum { MS = 1000, LATER_STAGE_MS = 5000, KILL_AFTER_MS = 1000 };

static const enum msg_role stages[] = { ROLE_SMTPD, ROLE_RELAY, ROLE_QUEUE, ROLE_VAULT, ROLE_LOOKUP };

static bool lives(const struct supervisor *s, enum msg_role role)
{
    for (size_t i = 0; i < s->child_count; i++)
        if (s->children[i].row->role == role && s->children[i].pid > 0) return true;
    return false;
}

bool stop_done(const struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++)
        if (s->children[i].pid > 0) return false;
    return s->state == SUPERVISOR_STOPPING;
}

static void begin_stage(struct supervisor *s, gp_time patience)
{
    struct msg m    = MSG(STOP);
    m.stop.deadline = (uint64_t)(wall_now() + patience);
    s->stage_due    = monotonic_now() + patience + KILL_AFTER_MS;
    for (size_t i = 0; i < s->child_count; i++) {
        struct child *c = &s->children[i];
        if (c->row->role != stages[s->stage] || c->pid <= 0) continue;
        c->state = CHILD_STOPPING;
        child_send(c, &m);
    }
}

void stop_begin(struct supervisor *s)
{
    if (s->state == SUPERVISOR_STOPPING) { /* asked twice: at once */
        for (size_t i = 0; i < s->child_count; i++) child_kill(&s->children[i]);
        return;
    }
    LOG(LOG_INFO, "stop", LOG_Z("state", "stopping"), LOG_N("patience", s->config->stop_timeout));
    control_notify("STOPPING=1");
    s->state = SUPERVISOR_STOPPING;
    s->stage = 0;
    listeners_shut(s); /* who comes now is refused, not left to wait for nobody */
    begin_stage(s, (gp_time)s->config->stop_timeout * MS);
}

static void lose_patience(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        struct child *c = &s->children[i];
        if (c->row->role != stages[s->stage] || c->pid <= 0) continue;
        LOG(LOG_WARN, "stop", LOG_Z("process", role_name(c->row->role)), LOG_N("index", c->index),
            LOG_Z("problem", "did not end in time; killed"));
        child_kill(c);
    }
    s->stage_due = monotonic_now() + KILL_AFTER_MS;
}

void stop_step(struct supervisor *s, gp_time now)
{
    if (s->state != SUPERVISOR_STOPPING) return;
    if (now >= s->stage_due) lose_patience(s);
    while (s->stage < GP_COUNT(stages) - 1 && !lives(s, stages[s->stage])) {
        s->stage++;
        begin_stage(s, LATER_STAGE_MS);
    }
}
