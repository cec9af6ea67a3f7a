/* A call-out: POST of {"kind", "user", "secret", "peer", "mechanism"} as JSON; the answer is 200 with
 *   {"ok": true, "user": "NAME"}            right; the name, if it is another one here
 *   {"ok": false, "known": true, "why": ""} no; whether there is such a user, and a reason for the log
 *   {"hash": "$argon2id$...", "user": ""}   check against that
 * Anything else is a failure of the service. */
#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lookup/json_text.h"
#include "lookup/parts.h"

enum {
    REPLY_MOST  = 16 * 1024,
    BODY_ROOM   = 8 * (GP_PASSWORD_MOST + LOOKUP_NAME),
    HEADER_ROOM = LOOKUP_SECRET + 32,
    HTTP_OK     = 200
};

struct callout { /* the seat */
    CURL              *curl;
    struct curl_slist *headers;
    size_t             len;
    char               reply[REPLY_MOST];
};

static void leave(void *seat)
{
    struct callout *x = seat;
    curl_easy_cleanup(x->curl);
    curl_slist_free_all(x->headers);
    gp_wipe(x, sizeof *x);
    free(x);
}

static size_t take_reply(char *octets, size_t size, size_t count, void *owner)
{
    struct callout *x   = owner;
    size_t          len = size * count;           /* curl: size is 1 */
    if (len > sizeof x->reply - x->len) return 0; /* which ends the transfer */
    memcpy(x->reply + x->len, octets, len);
    x->len += len;
    return len;
}

static bool add_header(struct callout *x, const char *header)
{
    struct curl_slist *more = curl_slist_append(x->headers, header);
    if (more) x->headers = more;
    return more != NULL;
}

static bool add_headers(struct callout *x, const struct source *s)
{
    char           room[HEADER_ROOM];
    struct gp_text text = { .ptr = room, .room = sizeof room - 1 };
    gp_put_z(&text, "Authorization: Bearer ");
    gp_put_z(&text, s->secret);
    room[text.len] = '\0';
    bool done      = add_header(x, "Content-Type: application/json") && add_header(x, "Accept: application/json") &&
                (!s->secret[0] || add_header(x, room));
    gp_wipe(room, sizeof room);
    return done;
}

static bool set_options(CURL *c, const struct source *s)
{
    const bool https = gp_starts(gp_from(s->plan->uri), "https:");
    CURLcode   done  = curl_easy_setopt(c, CURLOPT_URL, s->plan->uri);
    const struct {
        CURLoption option;
        long       value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL,        1L                     },
        { CURLOPT_TIMEOUT_MS,     s->timeout_ms          },
        { CURLOPT_FOLLOWLOCATION, 0L                     }, /* a password goes where it was sent, and nowhere else */
        { CURLOPT_SSL_VERIFYPEER, 1L                     },
        { CURLOPT_SSL_VERIFYHOST, 2L                     },
        { CURLOPT_SSLVERSION,     CURL_SSLVERSION_TLSv1_2},
        { CURLOPT_MAXFILESIZE,    REPLY_MOST             },
    };
    for (size_t i = 0; done == CURLE_OK && i < GP_COUNT(numbers); i++)
        done = curl_easy_setopt(c, numbers[i].option, numbers[i].value);
    if (done == CURLE_OK) done = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, https ? "https" : "http");
    if (done == CURLE_OK) done = curl_easy_setopt(c, CURLOPT_PROXY, ""); /* whatever the environment says */
    if (done == CURLE_OK && s->ca_file[0]) done = curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_file);
    if (done == CURLE_OK && s->ca_file[0]) done = curl_easy_setopt(c, CURLOPT_CAPATH, NULL); /* that and no other */
    return done == CURLE_OK;
}

static struct callout *open_callout(const struct source *s)
{
    struct callout *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    x->curl = curl_easy_init();
    if (x->curl && add_headers(x, s) && set_options(x->curl, s) &&
        curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK &&
        curl_easy_setopt(x->curl, CURLOPT_WRITEFUNCTION, take_reply) == CURLE_OK &&
        curl_easy_setopt(x->curl, CURLOPT_WRITEDATA, x) == CURLE_OK)
        return x;
    leave(x);
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

static void judge(struct question *q, struct callout *x, CURLcode done)
{
    long status = 0;
    (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (done != CURLE_OK)
        question_failed(q, "the service does not answer", curl_easy_strerror(done));
    else if (status != HTTP_OK)
        question_failed(q, "the service answers with another status than 200", NULL);
    else
        http_judge(q, (gp_str) { x->reply, x->len });
    gp_wipe(x->reply, sizeof x->reply);
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
    struct callout *x = *seat ? *seat : open_callout(s);
    char            room[BODY_ROOM];
    struct gp_text  body = GP_TEXT(room);
    *seat                = x;
    if (!x) {
        question_failed(q, "no memory", NULL);
    } else if (!put_body(&body, q)) {
        question_refuse(q, false, "a password that is not UTF-8");
    } else {
        x->len = 0;
        (void)curl_easy_setopt(x->curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
        (void)curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, room);
        judge(q, x, curl_easy_perform(x->curl));
    }
    gp_wipe(room, sizeof room);
}

static bool open_library(const struct source *s)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_take, memory_free, memory_again, memory_copy,
                             memory_take_zeroed) == CURLE_OK)
        return true;
    LOG(LOG_ERROR, "source", LOG_Z("source", s->plan->name), LOG_Z("problem", "libcurl cannot be used"));
    return false;
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    out->network  = true;
    out->reads[0] = s->ca_file[0] ? s->ca_file : NULL;
}

const struct source_type source_http = { .open = open_library, .needs = needs, .ask = ask, .leave = leave };
