/* libcurl as far as it is let: one handle with its connection, its allocations through ours, a reply that ends the transfer when it is too long. */
#include "web/transfer.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_ROOM = 1024 + 64 }; /* a secret, and the name before it */

struct transfer {
    CURL              *curl;
    struct curl_slist *headers, *reach, *last; /* last: of those that stay, where others stand behind it; else NULL */
    CURLcode           ended;
    bool               too_long;
    size_t             len, most;
    char               reply[];
};

bool transfer_library(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static size_t take_reply(char *octets, size_t size, size_t count, void *owner)
{
    struct transfer *t   = owner;
    size_t           len = size * count; /* curl: size is 1 */
    t->too_long          = len > t->most - t->len;
    if (t->too_long) return 0; /* which ends the transfer */
    memcpy(t->reply + t->len, octets, len);
    t->len += len;
    return len;
}

static bool set_options(CURL *c, const char *ca_file, size_t reply_most)
{
    CURLcode done = CURLE_OK;
    const struct {
        CURLoption option;
        long       value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL,        1L                     },
        { CURLOPT_FOLLOWLOCATION, 0L                     },
        { CURLOPT_SSL_VERIFYPEER, 1L                     },
        { CURLOPT_SSL_VERIFYHOST, 2L                     },
        { CURLOPT_SSLVERSION,     CURL_SSLVERSION_TLSv1_2},
        { CURLOPT_MAXFILESIZE,    (long)reply_most       },
    };
    for (size_t i = 0; done == CURLE_OK && i < GP_COUNT(numbers); i++)
        done = curl_easy_setopt(c, numbers[i].option, numbers[i].value);
    if (done == CURLE_OK) done = curl_easy_setopt(c, CURLOPT_PROXY, ""); /* whatever the environment says */
    if (done == CURLE_OK && ca_file[0]) done = curl_easy_setopt(c, CURLOPT_CAINFO, ca_file);
    if (done == CURLE_OK && ca_file[0]) done = curl_easy_setopt(c, CURLOPT_CAPATH, NULL); /* that and no other */
    return done == CURLE_OK;
}

struct transfer *transfer_open(const char *ca_file, size_t reply_most)
{
    struct transfer *t = calloc(1, sizeof *t + reply_most); /* reply_most: a constant of the caller's */
    if (!t) return NULL;
    t->most = reply_most;
    t->curl = curl_easy_init();
    if (t->curl && set_options(t->curl, ca_file, reply_most) &&
        curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, take_reply) == CURLE_OK &&
        curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t) == CURLE_OK)
        return t;
    transfer_close(t);
    return NULL;
}

void transfer_close(struct transfer *t)
{
    if (!t) return;
    curl_easy_cleanup(t->curl);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->reach);
    gp_wipe(t, sizeof *t + t->most);
    free(t);
}

bool transfer_header(struct transfer *t, const char *name_and_colon, const char *value)
{
    char           room[HEADER_ROOM];
    struct gp_text text = { .ptr = room, .room = sizeof room - 1 };
    gp_put_z(&text, name_and_colon);
    gp_put_z(&text, value);
    room[text.len]          = '\0';
    struct curl_slist *more = text.cut ? NULL : curl_slist_append(t->headers, room);
    gp_wipe(room, sizeof room);
    if (!more) return false;
    t->headers = more;
    return curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, more) == CURLE_OK;
}

bool transfer_header_once(struct transfer *t, const char *name_and_colon, const char *value)
{
    struct curl_slist *last = t->headers;
    while (last && last->next) last = last->next;
    if (!t->last) t->last = last;
    return t->last && transfer_header(t, name_and_colon, value);
}

static void drop_headers(struct transfer *t)
{
    if (!t->last) return;
    curl_slist_free_all(t->last->next);
    t->last->next = NULL;
    t->last       = NULL;
}

bool transfer_sign_in(struct transfer *t, const char *user, const char *secret)
{
    return curl_easy_setopt(t->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
           curl_easy_setopt(t->curl, CURLOPT_USERNAME, user) == CURLE_OK &&
           curl_easy_setopt(t->curl, CURLOPT_PASSWORD, secret) == CURLE_OK;
}

bool transfer_reach(struct transfer *t, const char *where)
{
    struct curl_slist *only = curl_slist_append(NULL, where);
    if (!only || curl_easy_setopt(t->curl, CURLOPT_RESOLVE, only) != CURLE_OK) {
        curl_slist_free_all(only);
        return false;
    }
    curl_slist_free_all(t->reach);
    t->reach = only;
    return true;
}

bool transfer_distrusts(const struct transfer *t)
{
    return t->ended == CURLE_PEER_FAILED_VERIFICATION;
}

const char *transfer_content_type(const struct transfer *t)
{
    const char *type = NULL;
    return curl_easy_getinfo(t->curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK ? type : NULL;
}

static CURLcode set_body(CURL *c, gp_str body)
{
    if (!body.ptr) return curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    CURLcode done = curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.len);
    return done == CURLE_OK ? curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.ptr) : done; /* which makes it a POST */
}

const char *transfer_run(struct transfer *t, const char *uri, gp_str body, int timeout_ms, long *status)
{
    const bool https = gp_starts(gp_from(uri), "https:");
    CURLcode   done  = curl_easy_setopt(t->curl, CURLOPT_URL, uri);
    t->len           = 0;
    t->too_long      = false;
    *status          = 0;
    if (done == CURLE_OK) done = curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, https ? "https" : "http");
    if (done == CURLE_OK) done = curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    if (done == CURLE_OK) done = set_body(t->curl, body);
    if (done == CURLE_OK) {
        done           = curl_easy_perform(t->curl);
        CURLcode known = curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, status);
        if (done == CURLE_OK) done = known;
    }
    drop_headers(t);
    t->ended = done;
    if (t->too_long || done == CURLE_FILESIZE_EXCEEDED) return "its answer is too long";
    return done == CURLE_OK ? NULL : curl_easy_strerror(done);
}

/* RFC 9110 15.5: the client's fault. Who we are, and that we ask too often (RFC 6585 4), is the same for all questions. */
bool transfer_blames_question(long status)
{
    enum { CLIENT_FIRST = 400, CLIENT_LAST = 499, UNAUTHORIZED = 401, PROXY_UNAUTHORIZED = 407, TOO_MANY = 429 };
    return status >= CLIENT_FIRST && status <= CLIENT_LAST && status != UNAUTHORIZED && status != PROXY_UNAUTHORIZED &&
           status != TOO_MANY;
}

gp_str transfer_reply(const struct transfer *t)
{
    return (gp_str) { t->reply, t->len };
}

void transfer_forget(struct transfer *t)
{
    gp_wipe(t->reply, t->most);
    t->len = 0;
}
