/* A call-out: POST of {"kind", "user", "secret", "peer", "mechanism"} as JSON; the answer is 200 with
 *   {"ok": true, "user": "NAME"}            right; the name, if it is another one here
 *   {"ok": false, "known": true, "why": ""} no; whether there is such a user, and a reason for the log
 *   {"hash": "$argon2id$...", "user": ""}   check against that
 * A status of 4xx may be the fault of this question; anything else is a failure of the service. */
#include <jansson.h>
#include <string.h>

#include "lookup/json_text.h"
#include "lookup/parts.h"
#include "web/transfer.h"

enum { REPLY_MOST = 16 * 1024, BODY_ROOM = 8 * (GP_PASSWORD_MOST + LOOKUP_NAME), HTTP_OK = 200 };

static void leave(void *seat)
{
    transfer_close(seat);
}

static struct transfer *open_callout(const struct source *s)
{
    struct transfer *t = transfer_open(s->ca_file, REPLY_MOST);
    if (t && transfer_header(t, "Content-Type: ", "application/json") &&
        transfer_header(t, "Accept: ", "application/json") &&
        (!s->secret[0] || transfer_header(t, "Authorization: Bearer ", s->secret)))
        return t;
    transfer_close(t);
    return NULL;
}

/* ---- the answer ------------------------------------------------------------------------------------------------------------- */
static gp_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? (gp_str) { json_string_value(value), json_string_length(value) } : GP_NONE;
}

static void refuse(struct question *q, const json_t *object)
{
    char why[LOOKUP_WHY];
    bool said = gp_copy_z(gp_head(text_of(object, "why"), sizeof why - 1), why, sizeof why) && why[0];
    question_refuse(q, json_is_true(json_object_get(object, "known")), said ? why : "the service says no");
}

void http_judge(struct question *q, gp_str body)
{
    json_t       *object = json_loadb(body.ptr ? body.ptr : "", body.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *ok     = json_object_get(object, "ok");
    gp_str        hash = text_of(object, "hash"), user = text_of(object, "user");
    if (json_is_false(ok))
        refuse(q, object);
    else if (json_is_true(ok) && q->kind == LOOKUP_PASSWORD)
        question_right(q);
    else if (hash.len && !ok)
        question_hash(q, hash);
    else
        question_failed(q, "the service answers what nobody understands", NULL);
    if ((q->status == GP_OK || q->status == GP_WAIT) && user.len) question_name(q, user);
    json_decref(object);
}

static void judge(struct question *q, struct transfer *t, const char *wrong, long status)
{
    if (transfer_blames_question(status))
        question_unclear(q, "the service does not take this question (a status of 4xx)", NULL);
    else if (wrong)
        question_failed(q, "the service does not answer", wrong);
    else if (status != HTTP_OK)
        question_failed(q, "the service answers with another status than 200", NULL);
    else
        http_judge(q, transfer_reply(t));
    transfer_forget(t);
}

static bool put_body(struct gp_text *out, const struct question *q)
{
    const struct json_pair pairs[] = {
        {"kind",       gp_from(q->kind == LOOKUP_HASH ? "hash" : "password")},
        { "user",      gp_from(q->user)                                     },
        { "secret",    gp_from(q->secret)                                   },
        { "peer",      gp_from(q->peer)                                     },
        { "mechanism", gp_from(q->mechanism)                                },
    };
    return json_put_object(out, pairs, GP_COUNT(pairs));
}

static void ask(const struct source *s, void **seat, struct question *q)
{
    struct transfer *t = *seat ? *seat : open_callout(s);
    char             room[BODY_ROOM];
    struct gp_text   body   = GP_TEXT(room);
    long             status = 0;
    *seat                   = t;
    if (!t) {
        question_failed(q, "no memory", NULL);
    } else if (!put_body(&body, q)) {
        question_refuse(q, false, "a password that is not UTF-8");
    } else {
        const char *wrong = transfer_run(t, s->plan->uri, gp_said(&body), s->timeout_ms, &status);
        judge(q, t, wrong, status);
    }
    gp_wipe(room, sizeof room);
}

static bool open_library(const struct source *s)
{
    if (transfer_library()) return true;
    LOG(LOG_ERROR, "source", LOG_Z("source", s->plan->name), LOG_Z("problem", "libcurl cannot be used"));
    return false;
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    out->network  = true;
    out->reads[0] = s->ca_file[0] ? s->ca_file : NULL;
}

const struct source_type source_http = { .open = open_library, .needs = needs, .ask = ask, .leave = leave };
