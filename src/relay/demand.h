/* What a connection to a next hop must have (its TLS policy), and what came of it. Pure: route.c gathers the facts of a host when its
 * turn comes, demand_make() decides, secure.c holds the connection to it and fills the outcome. Nobody else decides about TLS.
 *
 * MTA-STS plugs in at three places: route.c asks for the policy of the recipient's domain beside MX (route_next says WAIT meanwhile), puts
 * what it found into facts.sts and, for each host, whether the policy's mx patterns take it into facts.sts_takes_host; the rest follows
 * (RFC 8461 5: enforce bars the host or verifies its name; testing changes nothing but is told; DANE outweighs it, 2).
 * What a message requires itself (REQUIRETLS) comes last, on top of the policies: it makes them stricter, never weaker.
 * What is counted for TLSRPT has one place: secure_tell() sees the demand and the outcome of every connection once, as soon as it is known, and of every
 * host that was barred before there was one; outcome_word() is the result type of RFC 8460 4.3. Slices in both live as long as the delivery. */
#ifndef RELAY_DEMAND_H
#define RELAY_DEMAND_H

#include "config/config.h"

enum demand_level {
    DEMAND_CLEAR,         /* no TLS                                                        */
    DEMAND_OPPORTUNISTIC, /* TLS with whoever it is, in clear where there is none (RFC 7435) */
    DEMAND_ENCRYPTED,     /* TLS with whoever it is                                        */
    DEMAND_VERIFIED,      /* TLS, a certificate of a known authority for one of the names  */
    DEMAND_DANE,          /* TLS, a certificate that one of the TLSA records fits (RFC 7672) */
};
enum demand_source { DEMAND_BY_CONFIG, DEMAND_BY_DANE, DEMAND_BY_STS, DEMAND_BY_MESSAGE /* REQUIRETLS, or TLS-Required: No */ };

/* Result types of RFC 8460 4.3, in its order. */
enum tls_failure {
    TLS_FINE,
    TLS_NOT_OFFERED,
    TLS_OTHER_HOST,
    TLS_EXPIRED,
    TLS_NOT_TRUSTED,
    TLS_FAILED,
    TLS_TLSA_INVALID,
    TLS_DNSSEC_INVALID,
    TLS_DANE_REQUIRED,
    TLS_STS_NOT_FETCHED,
    TLS_STS_INVALID,
    TLS_STS_WEB_INVALID,
    TLS_FAILURES
};
const char *outcome_word(enum tls_failure); /* "starttls-not-supported"; "" for TLS_FINE */

/* ---- what is known of a host ------------------------------------------------------------------------------------------- */
enum dane_found {
    DANE_NONE,     /* no TLSA records, or none that DNSSEC proves: MX, addresses or records are insecure */
    DANE_RECORDS,  /* proven ones, at least one of which can be used                                    */
    DANE_UNUSABLE, /* proven ones, none of which can be used                                            */
    DANE_FAILED,   /* forged, or the DNS does not answer for them                                       */
};
enum sts_found { STS_NONE, STS_TESTING, STS_ENFORCE };
/* What the message says itself (RFC 8689). */
enum demand_wish {
    WISH_NOTHING,
    WISH_WAIVES,   /* TLS-Required: No: policies of those that it goes to are left aside                                     */
    WISH_REQUIRES, /* REQUIRETLS: a host that is proven to be the domain's, a certificate that is verified, and REQUIRETLS again */
    WISH_PREFERS,  /* a report with REQUIRETLS: the same where it can be had, and it arrives all the same                        */
};
#define TLSA_ROOM 16384 /* octets of a host's records that are kept, digests first; what is beyond fits no certificate */
struct demand_facts {
    enum relay_tls  configured;
    bool            listed;    /* by relay.tls_policy, and by neither relay.via nor the route */
    const char     *host;      /* its name, as MX or the configuration says it */
    const char     *domain;    /* the recipient's, where MX led to the host; else NULL */
    const char     *alias_of_domain; /* what that is an alias of, where DNSSEC proves it; else NULL */
    enum dane_found dane;
    const char     *base;      /* where the records are, without port: host, or what it is an alias of (RFC 7672 2.2.3) */
    gp_str          tlsa;      /* the records that can be used, each behind two octets of length */
    const char     *dane_why;  /* of DANE_FAILED */
    enum sts_found  sts;
    bool            sts_takes_host;
    bool            sts_unfetched; /* there is a policy, or may be one, and it could not be had                 */
    bool            mx_proven;     /* DNSSEC covers the domain's MX                              */
    bool            local;         /* a mail store on this very host: nothing goes over a network */
    enum demand_wish wish;
};

void demand_put_record(struct gp_text *, gp_str octets); /* behind its length; whole or not at all */
bool demand_next_record(gp_str *records, gp_str *octets);

/* ---- what it must have --------------------------------------------------------------------------------------------------- */
enum { DEMAND_NAMES_MOST = 3 };
struct demand {
    enum demand_level  level;
    enum demand_source source;
    const char        *names[DEMAND_NAMES_MOST]; /* that the certificate may be for; the first is said (SNI) */
    size_t             name_count;
    gp_str             tlsa;
    bool               testing;  /* MTA-STS would have it VERIFIED, or barred: only noted  */
    bool               looks;    /* the certificate is looked at, whatever comes of that   */
    bool               listed;   /* what the configuration demands comes from relay.tls_policy */
    bool               proven;   /* the host is whom the mail is for: configured, or what leads there is proven (RFC 8689 2) */
    bool               local;
    enum tls_failure   failure;  /* why the host is barred, or under `testing` would be */
    const char        *why;      /* the same in words                                      */
};
/* The host must not be used: see why. TEMPFAIL: for now; PERMFAIL: it lacks what the message requires (RFC 8689 4.2.1). */
gp_status   demand_make(const struct demand_facts *, struct demand *) GP_MUST_USE;
/* Other mail to that destination may be free of it (TLS-Required: No), or is: what fails it says nothing of that. */
bool        demand_is_lifted(const struct demand *, enum relay_tls configured);
const char *demand_name(const struct demand *); /* for log and reports: "opportunistic", "verified", "dane", "mta-sts", "requiretls" ...;
                                                 * "verified (relay.tls_policy)", where that is who demands it */

/* ---- what came of it ----------------------------------------------------------------------------------------------------------- */
enum verified_by { VERIFIED_BY_NOBODY, VERIFIED_BY_AUTHORITY, VERIFIED_BY_TLSA };
struct outcome {
    const char      *version, *cipher; /* NULL: no TLS */
    enum verified_by verified;
    int              usage, selector, matching; /* of the TLSA record that fits */
    enum tls_failure failure;
    gp_str           why; /* of failure; good while the connection is */
    gp_str           from, to; /* addresses of a connection that failed; or GP_NONE */
    gp_str           peer; /* what the server called itself there; "" or GP_NONE: it did not */
};
/* "TLSv1.3 TLS_AES_256_GCM_SHA384, dane: verified by TLSA 3 1 1". */
void outcome_put(struct gp_text *, const struct demand *, const struct outcome *);

#endif
