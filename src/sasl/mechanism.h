/* What a mechanism may do to its exchange. For the files of this folder only. Every call returns the step to return. */
#ifndef GP_SASL_MECHANISM_H
#define GP_SASL_MECHANISM_H

#include "sasl/exchange.h"

enum gp_sasl_step gp_sasl_say(struct gp_sasl *, gp_str octets);            /* a challenge, or a client's response */
enum gp_sasl_step gp_sasl_question(struct gp_sasl *, enum gp_sasl_ask);
enum gp_sasl_step gp_sasl_fail(struct gp_sasl *, enum gp_sasl_why);
enum gp_sasl_why  gp_sasl_because(struct gp_sasl *, enum gp_sasl_why, const char *detail); /* why; detail: static, for the log */
enum gp_sasl_step gp_sasl_malformed(struct gp_sasl *, const char *detail);
enum gp_sasl_step gp_sasl_refused(struct gp_sasl *);                       /* why by the host's answer            */
/* The step of a mechanism whose client sends one message, about which the host is asked once. */
enum gp_sasl_step gp_sasl_one_message(struct gp_sasl *, gp_str in, enum gp_sasl_step (*read)(struct gp_sasl *, gp_str message));

/* SASLprep as a query into the exchange's own room; false: prohibited, empty or too long (RFC 4616 2, RFC 4954 4). */
bool gp_sasl_set_user(struct gp_sasl *, gp_str raw) GP_MUST_USE;
bool gp_sasl_set_authzid(struct gp_sasl *, gp_str raw) GP_MUST_USE;        /* absent or "": none                  */
bool gp_sasl_set_secret(struct gp_sasl *, gp_str raw) GP_MUST_USE;
bool gp_sasl_set_token(struct gp_sasl *, gp_str raw) GP_MUST_USE;          /* as it is, into lent room where it must */
#define GP_SASL_BAD_USER "the user name is not one that can be"
#define GP_SASL_BAD_SECRET "the password is empty, too long, or has characters that none may have"
void gp_sasl_forget_secret(struct gp_sasl *);
bool gp_sasl_acts_for_other(const struct gp_sasl *);                       /* authzid is there and not user       */

/* Salted password to keys (RFC 5802 3); client_key holds GP_DIGEST_MOST octets. The password is prepared already. */
bool gp_scram_derive(gp_secret password, struct gp_scram_keys *, uint8_t *client_key) GP_MUST_USE;

/* The hash's name as in SCRAM-NAME, and back. */
const char *gp_scram_hash_name(enum gp_hash);

/* A name in a GS2 header (RFC 5801 4): "=2C" and "=3D" stand for a comma and an equals sign. */
bool gp_gs2_read_name(gp_str escaped, struct gp_text *out) GP_MUST_USE;
void gp_gs2_put_name(struct gp_text *, gp_str name);

/* What OAUTHBEARER and XOAUTH2 share (bearer.c): KEY=VALUE pairs, each with ^A behind it, and one more ^A. */
struct gp_bearer { gp_str user, token, host, port; const char *wrong; }; /* ptr NULL: absent; token "": auth= was empty */
bool gp_bearer_read(gp_str pairs, struct gp_bearer *) GP_MUST_USE;        /* false: wrong says how                */
enum gp_sasl_step gp_bearer_ask(struct gp_sasl *, gp_str token);          /* "": there is none, and the no is said */
enum gp_sasl_step gp_bearer_refuse(struct gp_sasl *);                     /* says why, to a client that will fail */
enum gp_sasl_step gp_bearer_say(struct gp_sasl *, gp_str head);           /* client: head, the token, the end    */
enum gp_sasl_step gp_bearer_refused(struct gp_sasl *, gp_str json, gp_str reply); /* client: the server said why */

/* What both sides of SCRAM share (scram.c). */
extern const char *const gp_scram_bindings[GP_BIND_TLS_SERVER_END_POINT + 1]; /* RFC 5929, RFC 9266 names; [NONE] is NULL */
void   gp_scram_open(struct gp_scram_talk *);
bool   gp_scram_is_nonce(gp_str);
gp_str gp_scram_attribute(gp_str *rest, char name);                        /* its value, up to a comma; GP_NONE: not next */
bool   gp_scram_extensions(gp_str rest) GP_MUST_USE;                       /* well formed, none mandatory         */
void   gp_scram_put_channel(const struct gp_sasl *, struct gp_text *);     /* what c= must hold, base64           */
bool   gp_scram_sign(const struct gp_sasl *, const uint8_t *key, uint8_t *signature) GP_MUST_USE;

/* Mechanisms' two sides, for the table. */
enum gp_sasl_step gp_sasl_plain_step(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_plain_client(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_login_step(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_login_client(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_cram_md5_step(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_cram_md5_client(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_scram_step(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_scram_client(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_external_step(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_external_client(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_oauthbearer_step(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_oauthbearer_client(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_xoauth2_step(struct gp_sasl *, gp_str in);
enum gp_sasl_step gp_sasl_xoauth2_client(struct gp_sasl *, gp_str in);

#endif
