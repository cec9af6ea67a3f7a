/* Which mechanism may be used, here and upstream: decisions that need nothing but their arguments. Asked by the vault for every sign-in and by
 * `gatepost can`. Pure. */
#ifndef STORE_MECHANISMS_H
#define STORE_MECHANISMS_H

#include "config/config.h"

struct gp_sasl_mech;
struct survey;

/* What there is to sign in with: a mechanism for which there is nothing is not offered, since many clients take the first
 * that they know, and would then fail with a right password. */
struct policy_facts {
    bool secrets; /* some credential can be used with CRAM-MD5          */
    bool scram;   /* some credential has keys for SCRAM, or a source may */
    bool sha512;  /* ... and all that have some can SCRAM-SHA-512       */
    bool tokens;  /* there is somebody who can check bearer tokens      */
    bool peers;   /* clients are asked for certificates at the listener */
    gp_str retired; /* words: what policy.mechanisms has taken away     */
    bool clear;   /* passwords may be shown to the network there: old devices */
};
gp_str              policy_configured(const struct config *, size_t listener); /* its own, or the server's */
struct policy_facts policy_facts_of(const struct config *, const struct survey *, size_t listener);
bool source_gives_hashes(const struct config_lookup *); /* an account source that does not check passwords itself */
bool sources_give_hashes(const struct config *);        /* any of them                                            */
bool source_checks_tokens(const struct config_lookup *);
/* May a client use this mechanism? It must be configured, usable, and one that reveals the password needs TLS,
 * but where facts say that it does not. NULL: no. */
const struct gp_sasl_mech *policy_mechanism(gp_str configured, const struct policy_facts *, gp_str name, bool tls);
/* What EHLO may list: the configured ones that somebody could use. */
bool policy_offer(gp_str configured, const struct policy_facts *, struct gp_text *out) GP_MUST_USE;
/* Does EHLO list a -PLUS form when there is channel binding? RFC 5802 6: what the downgrade check has to know. */
bool policy_lists_plus(gp_str configured);
/* The best that is allowed, offered, made for what there is to sign in with and safe on this connection, for signing in upstream. NULL: none. */
struct policy_upstream {
    gp_str           allowed, offered;
    enum relay_proof proof;
    bool             tls, binding; /* the server has proved its name; the connection can be bound to          */
    bool             presented;    /* it has asked for our certificate, and been given it: EXTERNAL comes first */
};
const struct gp_sasl_mech *policy_choose(const struct policy_upstream *);

/* ---- policies of sign-ins: true, where there is a no in mode enforce, and a note in shadow; off: false --------------------------- */
bool policy_is_retired(const struct config *, gp_str mechanism);
/* Is this version, as OpenSSL or another server writes it, known to be less than policy.tls.minimum? "": there is no TLS. */
bool policy_tls_is_less(const struct config *, gp_str version);
/* Of a version that is known to be older than 1.3, its name: "TLSv1.2", however it was written. NULL: it is not, or nobody says. */
const char *policy_tls_old(gp_str version);
/* What the client hears then, as 523 5.7.10: the same for everybody, so it says nothing of who asks. */
const char *policy_tls_reply(const struct config *);
/* "TLSv1.2 is less than policy.tls.minimum: 1.3": for the log, and for people. */
void policy_put_tls(struct gp_text *, const struct config *, gp_str version);

/* What the log may show of a name that signs in. Of one that no account has: not what has the shape of a password that gatepost made,
 * in whose place it was typed by mistake, and what is no address only as far as it is printable and short. */
gp_str policy_name_for_log(gp_str name, bool known);

#endif
