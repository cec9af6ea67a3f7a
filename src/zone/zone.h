/* The DNS records that a mail domain and its submission server want, as text, and how they differ from what DNS has. Called by
 * commands; blocks only in the question that its caller lends it. What DNS says is a stranger's: bounded, and shown through
 * cli_print or probe_clean alone. Slices that are handed out live until the function that got them returns. */
#ifndef ZONE_ZONE_H
#define ZONE_ZONE_H

#include "config/config.h"
#include "crypto/crypto.h"
#include "net/net.h"

enum zone_kind {
    ZONE_ADDRESS, ZONE_PTR, ZONE_MX, ZONE_SPF, ZONE_DKIM, ZONE_DMARC, ZONE_STS, ZONE_TLSRPT, ZONE_TLSA, ZONE_SRV, ZONE_AUTOCONFIG, ZONE_DNSSEC /* no record: do proofs get here? */, ZONE_KINDS
};
extern const char *const zone_kinds[ZONE_KINDS]; /* "mta-sts" */

/* ---- a plan: what is known of a domain ---------------------------------------------------------------------- */
enum { ZONE_KEYS_MOST = 16, ZONE_SERVICES_MOST = 8, ZONE_SENDERS_MOST = 16, ZONE_NAME_ROOM = 256, ZONE_PUBLIC_MOST = 1024, ZONE_SPKI_LEN = 32 };
struct zone_key {
    char                  selector[64];
    enum config_dkim_state state;
    bool                  ed25519, above; /* above: it is the signer's, not the domain's own */
    unsigned              bits;
    gp_time               changed; /* when it got into that state */
    size_t                octets_len;
    char                  octets[ZONE_PUBLIC_MOST]; /* of its public half, as p= has them */
};
struct zone_service { const char *name; uint16_t port; unsigned preference; }; /* "_submission" */
struct zone_sender {  /* whose addresses mail leaves from */
    char        host[ZONE_NAME_ROOM]; /* or the address */
    const char *include; /* what SPF includes in its stead; "": nothing */
    bool        own;     /* this host, and no provider's                */
    bool        main;    /* by it goes what no route of a part takes    */
};
enum zone_proofs { ZONE_PROOFS_OF_NO_MATTER, ZONE_PROOFS_WANTED, ZONE_PROOFS_REQUIRED };
struct zone_plan {
    enum zone_proofs    proofs;                   /* whether mail that we send may have DANE (relay.dnssec)   */
    char                domain[ZONE_NAME_ROOM];
    char                hostname[ZONE_NAME_ROOM]; /* "": not known                                              */
    struct zone_sender  senders[ZONE_SENDERS_MOST]; /* none: not known                                        */
    size_t              sender_count;
    bool                own;                      /* a set-up of ours: its keys and services are all that is wanted */
    char                signer[ZONE_NAME_ROOM];   /* a domain above, whose keys sign where it has none that does; "": none */
    struct zone_key     keys[ZONE_KEYS_MOST];
    size_t              key_count;
    bool                keys_hidden;              /* there may be some, and this user may not read them         */
    struct zone_service services[ZONE_SERVICES_MOST];
    size_t              service_count;
    bool                has_spki;                 /* of the certificate that clients are shown first            */
    uint8_t             spki[ZONE_SPKI_LEN], certificate[GP_PEER_FINGERPRINT]; /* SHA-256 */
};
bool zone_keep_key(struct zone_key *, const struct gp_key *) GP_MUST_USE; /* its public half; false: no key for DKIM */
/* Of a set-up: reads the folder of DKIM keys and the certificate. */
void zone_of_house(const struct config *, const char *domain, struct zone_plan *out);
/* Where mail from plan.domain may leave, by relay.via and the routes; without an answer for what has no room. */
void zone_add_senders(const struct config *, struct zone_plan *);
void zone_add_sender(struct zone_plan *, const char *host, bool own, bool main);
/* Who is asked for them: that server, or else the set-up's or the system's, with the set-up's key for DNSSEC. NULL: no such resolver. */
struct dns_waiter *zone_waiter(const struct config *, const char *server);
/* The domains of a set-up, its own first, then those that there are DKIM keys for: for free(). NULL: no memory. */
enum { ZONE_KEY_FILES_MOST = 4096 }; /* what is behind is not read */
char (*zone_domains(const struct config *, size_t *count))[ZONE_NAME_ROOM];
/* All keys of a domain (NULL: of all), by domain and selector. false: the folder cannot be read. */
struct zone_key_file { char domain[ZONE_NAME_ROOM], path[CONFIG_PATH]; struct zone_key key; bool readable; };
bool zone_each_key(const struct config *, const char *domain, void (*take)(void *owner, const struct zone_key_file *), void *owner);

/* ---- what is wanted ------------------------------------------------------------------------------------------- */
struct zone_want {
    enum zone_kind kind;
    bool           optional;
    gp_str         owner, type, value; /* value: of TXT without quotes; "": for the administrator to find, see note */
    const char    *note;               /* "" or one line */
};
typedef void zone_take(void *owner, const struct zone_want *);
void zone_wants(const struct zone_plan *, zone_take *, void *owner);
void zone_put_key(struct gp_text *, const struct zone_key *);        /* "v=DKIM1; k=rsa; p=..." */
void zone_put_line(struct gp_text *, const struct zone_want *);      /* of a zone file, with its line end */
void zone_put_policy(struct gp_text *, const struct zone_plan *);    /* the file of MTA-STS (RFC 8461 3.2), to be filled in */

/* ---- what is there -------------------------------------------------------------------------------------------- */
/* ABSENT: need not be there, and is not; WEAK: works, and could be better; UNKNOWN: DNS did not say. */
enum zone_verdict { ZONE_RIGHT, ZONE_ABSENT, ZONE_WEAK, ZONE_MISSING, ZONE_WRONG, ZONE_UNKNOWN, ZONE_VERDICTS };
extern const char *const zone_verdicts[ZONE_VERDICTS];
struct zone_found {
    enum zone_kind    kind;
    enum zone_verdict verdict;
    gp_str            owner, has; /* has: the record, or "" */
    const char       *why, *mend; /* one line each, or ""   */
};
enum zone_file { ZONE_FILE_STS /* RFC 8461 3.3 */, ZONE_FILE_AUTOCONFIG /* of Mozilla, for mail programs */, ZONE_FILES };
extern const char *const zone_file_paths[ZONE_FILES];
struct zone_dns {
    struct dns_answer (*ask)(void *owner, gp_str name, enum dns_type); /* good until the next */
    void *owner;
    /* The file that https://HOST serves, at these addresses ("192.0.2.1,2001:db8::1"): NULL, or why there is none. Where this is NULL no
     * file is looked at. */
    const char *(*fetch)(void *owner, enum zone_file, gp_str host, gp_str addresses, gp_str *file);
};
typedef void zone_tell(void *owner, const struct zone_found *);
void zone_check(const struct zone_plan *, const struct zone_dns *, zone_tell *, void *owner);
/* What receivers look at alone, of mail that goes the main way: the names of a host that sends itself, SPF, DKIM and whether
 * it aligns (DMARC). */
void zone_check_sending(const struct zone_plan *, const struct zone_dns *, zone_tell *, void *owner);
/* And of a domain that mail has in its envelope alone: SPF. */
void zone_check_sender(const struct zone_plan *, const struct zone_dns *, zone_tell *, void *owner);
/* One key's record alone, for `dkim publish-check`. */
void zone_check_key(const struct zone_plan *, const struct zone_key *, const struct zone_dns *, zone_tell *, void *owner);

#endif
