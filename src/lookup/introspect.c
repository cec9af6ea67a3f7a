/* A token in the form that RFC 7662 2.1 asks for, the transfer that carries it, and what the members of the answer mean. */
#include "lookup/introspect.h"

#include "oauth/oauth.h"

enum {
    REPLY_MOST     = 64 * 1024,
    BODY_ROOM      = 3 * TOKEN_MOST + 64, /* an octet becomes three at the most */
    SIGN_IN_ROOM   = 3 * LOOKUP_SECRET,
    HTTP_OK        = 200,
    HTTP_WHO       = 401,
    HTTP_FORBIDDEN = 403
};

/* ---- the question ------------------------------------------------------------------------------------------------------------ */
/* RFC 6749 2.3.1: name and secret are written as in a form before HTTP's own encoding. */
static bool sign_in_as_client(struct transfer *t, const struct source *s)
{
    char           id_room[SIGN_IN_ROOM], secret_room[SIGN_IN_ROOM];
    struct gp_text id     = { .ptr = id_room, .room = sizeof id_room - 1 },
                   secret = { .ptr = secret_room, .room = sizeof secret_room - 1 };
    oauth_put_form(&id, gp_from(s->plan->client_id));
    oauth_put_form(&secret, gp_from(s->secret));
    id_room[id.len]         = '\0';
    secret_room[secret.len] = '\0';
    bool done               = !id.cut && !secret.cut && transfer_sign_in(t, id_room, secret_room);
    gp_wipe(secret_room, sizeof secret_room);
    return done;
}

static struct transfer *open_connection(const struct source *s)
{
    struct transfer *t = transfer_open(s->ca_file, REPLY_MOST);
    if (t && transfer_header(t, "Accept: ", "application/json") &&
        (s->plan->client_id[0] ? sign_in_as_client(t, s) : transfer_header(t, "Authorization: Bearer ", s->secret)))
        return t;
    transfer_close(t);
    return NULL;
}

static const char *send_token(struct transfer *t, const struct source *s, gp_str token, long *status)
{
    char           room[BODY_ROOM];
    struct gp_text body = GP_TEXT(room);
    gp_put_z(&body, "token=");
    oauth_put_form(&body, token);
    gp_put_z(&body, "&token_type_hint=access_token");
    const char *wrong = transfer_run(t, s->plan->introspection_uri, gp_said(&body), s->timeout_ms, status);
    gp_wipe(room, sizeof room);
    return wrong;
}

/* ---- the answer ---------------------------------------------------------------------------------------------------------------- */
bool introspection_read(gp_str reply, const struct config_lookup *rules, int64_t now, struct verdict *v)
{
    json_t       *object = json_loadb(reply.ptr ? reply.ptr : "", reply.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *active = json_object_get(object, "active");
    bool          clear  = json_is_boolean(active);
    *v                   = (struct verdict) { .status = GP_PERMFAIL };
    if (json_is_false(active)) verdict_no(v, "its issuer says that it is not active", GP_NONE, "");
    v->known = json_is_true(active);
    if (v->known) claims_judge(object, CLAIMS_OF_INTROSPECTION, rules, now, v);
    json_decref(object);
    return clear;
}

static bool judge(struct question *q, const struct transfer *t, const char *wrong, long status,
                  const struct config_lookup *rules, int64_t now, struct verdict *v)
{
    static const char refuses[] = "the issuer refuses to tell us: are client_id and its secret right?";
    if (status == HTTP_WHO)
        question_failed(q, refuses, NULL);
    else if (transfer_blames_question(status))
        question_unclear(
            q, status == HTTP_FORBIDDEN ? refuses : "the issuer does not take this question (a status of 4xx)", NULL);
    else if (wrong)
        question_failed(q, "the issuer does not answer", wrong);
    else if (status != HTTP_OK)
        question_failed(q, "the issuer answers with another status than 200", NULL);
    else if (!introspection_read(transfer_reply(t), rules, now, v))
        question_failed(q, "the issuer answers what is no introspection", NULL);
    else
        return true;
    return false;
}

bool introspection_judge(const struct source *s, struct transfer **connection, struct question *q, int64_t now,
                         struct verdict *v)
{
    long status = 0;
    if (!*connection) *connection = open_connection(s);
    if (!*connection) {
        question_failed(q, "no memory", NULL);
        return false;
    }
    const char *wrong = send_token(*connection, s, gp_from(q->secret), &status);
    bool        clear = judge(q, *connection, wrong, status, s->plan, now, v);
    transfer_forget(*connection);
    return clear;
}
