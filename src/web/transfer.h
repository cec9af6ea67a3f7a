/* A question to a web service with libcurl, for threads and commands that may block: bounded in time and in octets, the certificate and name of
 * the server always checked, no redirects (what is sent goes where it was sent, and nowhere else), no proxy of the environment. */
#ifndef WEB_TRANSFER_H
#define WEB_TRANSFER_H

#include "base/base.h"

struct transfer; /* with its connection, which is kept; one thread at a time */

bool             transfer_library(void) GP_MUST_USE; /* before the first thread */
struct transfer *transfer_open(const char *ca_file, size_t reply_most); /* ca_file "": the system's; NULL: no memory */
void             transfer_close(struct transfer *);
bool             transfer_header(struct transfer *, const char *name_and_colon, const char *value) GP_MUST_USE;
/* The same for the next run alone; behind at least one that stays. */
bool             transfer_header_once(struct transfer *, const char *name_and_colon, const char *value) GP_MUST_USE;
/* HTTP basic authentication (RFC 7617). */
bool             transfer_sign_in(struct transfer *, const char *user, const char *secret) GP_MUST_USE;
/* A POST of the body, or a GET if that is GP_NONE. NULL: it answered, with that status; else why it did not. The status is 0 if
 * not even that came. */
const char      *transfer_run(struct transfer *, const char *uri, gp_str body, int timeout_ms, long *status) GP_MUST_USE;
/* The host of the URI is at these addresses, "HOST:PORT:ADDRESS,ADDRESS", whatever the system's resolver says; before each run to another. */
bool             transfer_reach(struct transfer *, const char *where) GP_MUST_USE;
bool             transfer_distrusts(const struct transfer *); /* the last one ended because the server's certificate is not good for its name */
const char      *transfer_content_type(const struct transfer *); /* of the last reply; NULL: it does not say */
gp_str           transfer_reply(const struct transfer *); /* until the next one, or */
/* May a user have caused it by what he said, as who sends what a web firewall does not like, or is too long? Such a status must
 * not make a service look broken: its users would be turned away for a stranger's sake. */
bool             transfer_blames_question(long status);
void             transfer_forget(struct transfer *);      /* wiped */

#endif
