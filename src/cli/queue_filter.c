/* The options that say which messages of the queue are meant, for list, retry, hold, release and delete. */
#include "cli/queue.h"
#include "cli/user.h"
#include "cli/when.h"

static const struct {
    const char       *word;
    enum queue_states state;
} states[] = {
    {"queued",    QUEUE_WAITING },
    { "deferred", QUEUE_DEFERRED},
    { "held",     QUEUE_ON_HOLD },
};

bool queue_words_any(const struct queue_words *w)
{
    return w->to || w->from || w->state || w->older || w->route || w->envid;
}

static bool read_state(const char *word, struct queue_filter *out)
{
    for (size_t i = 0; i < GP_COUNT(states); i++)
        if (gp_is(gp_from(word), states[i].word)) out->state = states[i].state;
    if (out->state != QUEUE_ANY) return true;
    cli_problem("--state", "there is no such state", "it is queued, deferred (tried, and waits), or held");
    return false;
}

bool queue_filter_read(const struct queue_words *w, struct queue_filter *out)
{
    const char *why  = NULL;
    gp_time     span = 0;
    *out             = (struct queue_filter) {
                    .to = gp_from(w->to), .from = gp_from(w->from), .route = gp_from(w->route), .envid = gp_from(w->envid)
    };
    if (w->state && !read_state(w->state, out)) return false;
    if (w->older && !span_read(gp_from(w->older), &span, &why)) {
        cli_problem("--older", "that is no span of time", why);
        return false;
    }
    if (w->older) out->before = user_now() - span;
    return true;
}
