/* gatepost.yml: one schema table makes the parser, the defaults, the environment overrides, `config show` and the man page.
 * Read once at start by the supervisor and the commands; roles inherit the struct and only read it. All problems are found
 * in one go, each with file:line, the key and what to write instead. libyaml is included here only. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/base.h"
#include "ops/log.h"
#include "policy/lane.h"
#include "policy/limits.h"

enum { CONFIG_TEXT = 512, CONFIG_LISTEN_MOST = 16, CONFIG_CERTIFICATES_MOST = 64, CONFIG_PATH = 1024, CONFIG_RETRIES_MOST = 32,
       CONFIG_KEYS_MOST = 192, CONFIG_LOOKUPS_MOST = 8, CONFIG_HELPERS_MOST = CONFIG_LOOKUPS_MOST + 4,
       CONFIG_PROVIDERS_MOST = 8,
       CONFIG_TOKEN_FETCHES = 2 * CONFIG_PROVIDERS_MOST, /* at a time: one of each provider, and as many for accounts that sign in as themselves */
       CONFIG_REWRITES_MOST = 128, CONFIG_TLS_POLICIES_MOST = 256, CONFIG_PROTECTED_MOST = 32, CONFIG_NAME = 128, CONFIG_ADDRESS = 324 };
enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_DERIVED, CONFIG_FROM_SOURCES, CONFIG_FROM_PROOF, CONFIG_FROM_PROVIDER }; /* where a value comes from */

/* 587 STARTTLS, 465 implicit TLS; a UNIX socket that answers other servers' questions about passwords; the lane of old devices */
enum listen_kind { LISTEN_SUBMISSION, LISTEN_SUBMISSIONS, LISTEN_DOVECOT_AUTH, LISTEN_LEGACY, LISTEN_KINDS };
enum { CONFIG_LISTEN_ADDRESS = 108 /* as much as a UNIX socket's path may have */, CONFIG_LISTEN_OWNER = 33 };
struct config_listen {
    enum listen_kind kind;
    char             address[CONFIG_LISTEN_ADDRESS]; /* "127.0.0.1:587", "[::]:465", "/var/spool/postfix/private/auth" */
    char             name[CONFIG_LISTEN_ADDRESS]; /* what it is called elsewhere; its address unless it was given one */
    bool             asks;        /* its clients for a certificate                                    */
    char             mechanisms[CONFIG_TEXT]; /* "": those of the server                              */
    char             user[CONFIG_LISTEN_OWNER], group[CONFIG_LISTEN_OWNER]; /* of a UNIX socket; "": who starts gatepost */
    unsigned         mode;                                                  /* of a UNIX socket */
    struct legacy_lane      lane;                                                  /* of LISTEN_LEGACY */
};
const char *listen_kind_name(enum listen_kind); /* as it is written: "submission" */
struct config_certificate { char certificate[CONFIG_PATH], key[CONFIG_PATH]; };
/* What becomes of what a policy would refuse or hold: it does not look; it lets it through and notes it; it refuses or holds it. */
enum policy_mode { POLICY_OFF, POLICY_SHADOW, POLICY_ENFORCE };
/* Where an address says whose a message is; RESENT is Resent-From and Resent-Sender. */
enum sender_field { SENDER_MAIL, SENDER_FROM, SENDER_SENDER, SENDER_REPLY_TO, SENDER_RESENT, SENDER_FIELDS };
enum sender_rule { SENDER_ENFORCE, SENDER_REWRITE, SENDER_ALLOW };
enum tls_minimum { TLS_MINIMUM_1_2, TLS_MINIMUM_1_3 };
struct config_protected { char name[CONFIG_NAME], accounts[CONFIG_TEXT]; }; /* accounts: words; "": nobody's */
enum preflight_action { PREFLIGHT_HOLD, PREFLIGHT_REFUSE };
enum dkim_form { DKIM_RELAXED, DKIM_SIMPLE };
enum relay_kind { RELAY_MX, RELAY_SMARTHOST, RELAY_DISCARD /* of a route: it ends here */, RELAY_HOLD /* it waits for somebody's word */ };
enum relay_dnssec { DNSSEC_AUTO, DNSSEC_REQUIRED };
enum relay_tls  { RELAY_TLS_REQUIRED, RELAY_TLS_OPPORTUNISTIC, RELAY_TLS_NONE, RELAY_TLS_ENCRYPTED, RELAY_TLS_DANE };
bool config_is_verified(enum relay_tls); /* nobody gets anything who is not known: passwords, too */
/* What mail by MX for a domain must have; an item of relay.tls_policy. domain: a name, or ".name" for all below that. */
struct config_tls_policy { char domain[256]; enum relay_tls tls; };
/* A next hop: mail servers of the recipient's domain, one server, or none. */
struct config_hop { bool set, implicit_tls, lmtp, tls_said /* tls= stands there, and is no default */; enum relay_kind kind; enum relay_tls tls; char host[256] /* with lmtp, "/..." is a UNIX socket */; uint16_t port, weight; };
/* Who signs in at the servers of a route: one for all its mail, or for each account's mail that account. */
enum config_whose { LOGIN_OF_ROUTE, LOGIN_OF_ACCOUNT };
/* Whose mail goes another way than relay.via; lists are words with blanks between them, "": all. */
enum { CONFIG_ROUTES_MOST = 32, CONFIG_HOPS_MOST = 4, CONFIG_WEIGHT_MOST = 100 };
struct config_route {
    char name[64], to[CONFIG_TEXT], from[CONFIG_TEXT], account[CONFIG_TEXT];
    struct config_hop via[CONFIG_HOPS_MOST];      /* several are servers that share the mail by their weights */
    struct config_hop fallback[CONFIG_HOPS_MOST]; /* servers for when none of those can be used               */
    char user[256], password_file[CONFIG_PATH], token_file[CONFIG_PATH], provider[64], mechanisms[CONFIG_TEXT]; /* as those of relay */
    char certificate_file[CONFIG_PATH], key_file[CONFIG_PATH]; /* likewise */
    enum config_whose login;
    unsigned messages_per_minute, connections, recipients; /* at most; 0: as many as there are */
    char from_address[96]; /* words: one of IPv4, one of IPv6 or both; "": as the system chooses */
};
/* An address in place of another; an item of `rewrite`. in: bits. */
enum config_in { CONFIG_IN_SENDER = 1, CONFIG_IN_RECIPIENT = 2, CONFIG_IN_HEADER = 4 };
struct config_rewrite { char from[CONFIG_ADDRESS], to[CONFIG_ADDRESS]; unsigned in; };
/* What the relay signs in with at the smarthost; CERTIFICATE: with nothing else, while the others may have one besides. */
enum relay_proof { RELAY_NO_PROOF, RELAY_PASSWORD, RELAY_TOKEN /* of a file */, RELAY_PROVIDER /* a token that vault fetches */, RELAY_CERTIFICATE };

/* Accounts that live elsewhere; an item of `sources`. What does not go with the type is empty. */
enum lookup_type { LOOKUP_PASSWD_FILE, LOOKUP_SASLAUTHD, LOOKUP_PAM, LOOKUP_LDAP, LOOKUP_SQL, LOOKUP_HTTP, LOOKUP_DOVECOT, LOOKUP_OAUTH,
                   LOOKUP_WEBHOOK /* no source: where notices are posted */, LOOKUP_PROVIDERS /* none either: where tokens are fetched */,
                   LOOKUP_EVENTS /* nor this: where events are posted */,
                   LOOKUP_WEB /* nor that: what the relay asks the web */, LOOKUP_TYPES };
struct config_lookup {
    enum lookup_type type;
    char     name[64];
    unsigned timeout, workers, waiting, failures, pause, pause_most;
    bool     starttls;
    char     user[32];
    char     service[64], realm[256], socket[108];
    char     path[CONFIG_PATH], services[CONFIG_PATH], uri[CONFIG_PATH], query[CONFIG_PATH];
    char     ca_file[CONFIG_PATH], password_file[CONFIG_PATH], token_file[CONFIG_PATH];
    char     user_dn[CONFIG_TEXT], base[CONFIG_TEXT], filter[CONFIG_TEXT], bind_dn[CONFIG_TEXT];
    char     hash_attribute[64], name_attribute[64];
    /* of tokens; lists are words with blanks between them */
    char     issuer[CONFIG_TEXT], keys_uri[CONFIG_PATH], keys_file[CONFIG_PATH], introspection_uri[CONFIG_PATH], client_id[256];
    char     audience[CONFIG_TEXT], algorithms[128], scope[CONFIG_TEXT], require[CONFIG_TEXT];
    char     user_claim[64], strip_domain[256];
    enum lookup_email { LOOKUP_EMAIL_REQUIRED, LOOKUP_EMAIL_OPTIONAL } verified;
    unsigned leeway, refresh, cache;
    /* of all others */
    unsigned remember;
};

/* Who gives the relay tokens (OAuth 2.0); an item of `providers`. What its preset says and the item does not is filled in. */
enum provider_preset { PROVIDER_OTHER, PROVIDER_MICROSOFT, PROVIDER_OUTLOOK, PROVIDER_GOOGLE, PROVIDER_YAHOO, PROVIDER_AOL,
                       PROVIDER_MICROSOFT_US, PROVIDER_MICROSOFT_CN, PROVIDER_MICROSOFT_HVE, PROVIDER_FASTMAIL, PROVIDER_PRESETS };
/* What there is to show for a token: a person's consent, the application's own secret or key, or a service account's key. */
enum provider_grant { PROVIDER_LOGIN, PROVIDER_CLIENT, PROVIDER_SERVICE_ACCOUNT };
struct config_provider {
    char                 name[64];
    enum provider_preset preset;
    enum provider_grant  grant;
    unsigned             timeout;
    char client_id[256], tenant[128], scope[CONFIG_TEXT], redirect_uri[CONFIG_TEXT];
    char client_secret_file[CONFIG_PATH], key_file[CONFIG_PATH], certificate_file[CONFIG_PATH], ca_file[CONFIG_PATH];
    char token_uri[CONFIG_PATH], device_uri[CONFIG_PATH], authorize_uri[CONFIG_PATH], revoke_uri[CONFIG_PATH];
};

/* Every field is a row of the schema; durations are seconds, sizes octets. Relative paths are relative to `dir`. */
struct config {
    char dir[CONFIG_PATH];                   /* absolute; --dir DIR                          */
    char hostname[256], domain[256];
    struct config_listen      listen[CONFIG_LISTEN_MOST];           size_t listen_count;
    struct config_certificate certificates[CONFIG_CERTIFICATES_MOST]; size_t certificate_count;
    char client_ca_file[CONFIG_PATH];        /* "": no client certificate is good for its issuer's sake  */
    char mechanisms[CONFIG_TEXT];            /* "SCRAM-SHA-256-PLUS ... PLAIN LOGIN": offered under TLS */

    struct {
        enum relay_kind kind;
        enum relay_tls  tls;
        bool     implicit_tls;
        char     host[256];
        uint16_t port;                       /* of the smarthost                             */
        uint16_t mx_port;                    /* 25                                           */
        bool     allow_loopback;             /* MX may lead to this host's own addresses     */
        char     user[256], password_file[CONFIG_PATH], token_file[CONFIG_PATH], ca_file[CONFIG_PATH];
        char     certificate_file[CONFIG_PATH], key_file[CONFIG_PATH]; /* our own, for a smarthost that asks */
        char     provider[64];               /* of `providers`; "": none                     */
        char     dns_server[128];            /* "127.0.0.1@5353"; "": the system's           */
        char     trust_anchor_file[CONFIG_PATH]; /* of DNSSEC; "": the system's              */
        enum relay_dnssec dnssec;            /* what is taken without proof                  */
        char     mechanisms[CONFIG_TEXT];    /* allowed when we sign in upstream             */
        struct config_tls_policy tls_policies[CONFIG_TLS_POLICIES_MOST]; size_t tls_policy_count;
        bool     mta_sts;                    /* policies of domains are looked for and kept (RFC 8461) */
        uint16_t policy_port;                /* 443: where they are served */
        unsigned connections_per_destination, connections_most;
        unsigned dns_timeout, connect_timeout, command_timeout, data_timeout, idle_timeout;
    } relay;

    struct config_route routes[CONFIG_ROUTES_MOST]; size_t route_count; /* the first that fits */

    struct {
        uint64_t message_size;
        unsigned recipients, mails_per_session, errors_per_session, auth_failures_per_session;
        unsigned sessions_per_smtpd, sessions_per_address;
        unsigned command_timeout, data_timeout, sign_in_timeout; /* RFC 5321 4.5.3.2: 300 */
    } limits;

    struct {
        unsigned retries[CONFIG_RETRIES_MOST]; size_t retry_count; /* seconds after the 1st, 2nd ... failure; the last repeats */
        unsigned lifetime, delay_notice;     /* 5 days; 4 hours, 0: none                     */
        unsigned future_release;             /* seconds that a sender may hold mail back: 30 days; 0: not offered */
        bool     deadlines;                  /* DELIVERBY is offered: yes                    */
        unsigned deadline_least;             /* seconds: the shortest after which a message may be wanted back; 0: any */
        unsigned held_lifetime;              /* seconds that a message may be held: 30 days; 0: for ever */
        bool     priorities;                 /* MT-PRIORITY is offered: no                   */
        bool     own_view;                   /* senders may ask for their own mail: yes      */
        unsigned priority_most;              /* the highest that a sender may ask for: 0     */
        uint64_t free_space;                 /* octets below which mail is refused with 452  */
    } queue;

    struct {
        unsigned scram_iterations;           /* for passwords that people chose: 600000      */
        unsigned hashing_threads;
        bool     scram;                      /* keep SCRAM keys for chosen passwords         */
        char     leaked_file[CONFIG_PATH];   /* passwords that are known elsewhere; "": none */
    } passwords;

    struct {
        bool sign;
        enum dkim_form header, body;
        char rsa_selector[64], ed25519_selector[64]; /* of the keys that init makes: DIR/vault/dkim/DOMAIN.SELECTOR.pem */
    } dkim;

    struct {
        unsigned keep, checkpoint;           /* seconds; keep 0: for ever                    */
        char     export_file[CONFIG_PATH];
        bool     export_syslog;
        char     syslog_socket[CONFIG_PATH];
    } audit;

    struct {
        struct {
            enum policy_mode mode, names;
            enum sender_rule rules[SENDER_FIELDS];
            bool             plus; /* anna+anything@ is anna@ */
            bool             sign_in_shadow; /* DKIM, what shadow lets through in others' names: no */
            struct config_protected protected_names[CONFIG_PROTECTED_MOST]; size_t protected_count;
        } identity;
        struct {
            enum policy_mode   mode;
            struct limit_rules scopes[LIMIT_SCOPES];
            unsigned           sessions; /* of an account at once; 0: any number */
        } limits;
        struct {
            enum policy_mode mode;
            char     trusted[CONFIG_TEXT];   /* "127.0.0.0/8 ::1": those who speak for others */
            unsigned guesses_per_account, guesses_per_address;
            unsigned slowest, ban;
        } guard;
        struct { enum policy_mode mode; } brake;
        struct { enum policy_mode mode; enum preflight_action action; } preflight;
        struct { enum policy_mode mode; enum tls_minimum minimum; } tls; /* of who signs in */
        struct { enum policy_mode mode; char retire[CONFIG_TEXT]; } mechanisms; /* retire: words */
    } policy;

    struct {
        char     admin[320];                 /* who is told by mail; "": only the log       */
        bool     owners;                     /* of accounts are told, too                   */
        unsigned a_day, credential_days;
        char     webhook[CONFIG_PATH];       /* "": they are posted nowhere                 */
        char     webhook_secret_file[CONFIG_PATH], webhook_ca_file[CONFIG_PATH];
        unsigned webhook_timeout;
    } notices;

    struct { /* how TLS goes with others' mail hosts (RFC 8460) */
        bool collect, send;
        char organization[CONFIG_NAME], contact[320]; /* contact: an address, once `send` is on */
    } tls_reports;

    struct { /* what becomes of mail, for programs */
        char     file[CONFIG_PATH], webhook[CONFIG_PATH]; /* "": none */
        char     webhook_secret_file[CONFIG_PATH], webhook_ca_file[CONFIG_PATH];
        char     types[CONFIG_TEXT];         /* words of CONFIG_EVENT_TYPES */
        unsigned webhook_timeout, keep;
    } events;

    struct config_provider providers[CONFIG_PROVIDERS_MOST]; size_t provider_count;
    /* In the order in which they are asked. Behind them, and never asked, the webhook of notices, if there is one, who fetches tokens, if there
     * are providers, who posts events, if they are posted, and who asks the web for the relay, if that wants it: these have processes as they have. */
    struct config_lookup lookups[CONFIG_HELPERS_MOST]; size_t lookup_count;
    size_t          store_at;                /* the store is asked before this one of them; first, unless it is listed */
    bool            store_listed;

    struct config_rewrite rewrites[CONFIG_REWRITES_MOST]; size_t rewrite_count; /* the first that fits */
    bool            hide_client;             /* leave the client's address out of Received   */
    unsigned        smtpds;                  /* 0: one per core                              */
    unsigned        uid_base;                /* as root: roles without a user of their own   */
    unsigned        stop_timeout;
    enum log_format log_format;
    enum log_level  log_level;
    unsigned char   sources[CONFIG_KEYS_MOST]; /* enum config_source by row of the schema; for config_show */
};

/* Problems go to `report`, a line each: "gatepost.yml:12: unknown key 'lisen' (did you mean 'listen'?)". false: there were any;
 * *out then holds what could be read, and its dir is "" when that was nothing. */
bool config_read(const char *dir, struct config *out, void (*report)(void *owner, gp_str line), void *owner) GP_MUST_USE;
/* Every key with its value in force, where it comes from, as YAML that reads back. */
void config_show(const struct config *, void (*line)(void *owner, gp_str), void *owner);
/* The same for who compares: each key once, the items of a list with ", " between them. */
void config_each(const struct config *, void (*each)(void *owner, gp_str key, gp_str value), void *owner);
/* Does TLS begin with the first octet there? Is a password shown to the network? */
bool config_listens_in_tls(const struct config_listen *);
bool config_listens_in_clear(const struct config_listen *);
/* gatepost.yml(5) as roff from the schema. */
void config_manual(void (*line)(void *owner, gp_str), void *owner);
#define CONFIG_RSA_SELECTOR     "gp-rsa" /* the defaults, for who makes the keys */
#define CONFIG_ED25519_SELECTOR "gp-ed"
bool config_is_hostname(gp_str);             /* RFC 1123 2.1; "localhost" is one, an address is not asked for here */
/* Adds " (did you mean 'x'?)" for the nearest of the words (between spaces) to what was given, if any is near. */
void config_suggest(struct gp_text *, gp_str given, gp_str words);
/* The route for mail to a domain, of a sender ("": nobody) and an account; NULL: relay.via. Pure, as are the following. A route that
 * holds is no way: mail that is released goes by the next one that fits. */
const struct config_route *config_route_for(const struct config *, gp_str domain, gp_str sender, gp_str account);
/* The first that fits, where that one holds; else NULL. */
const struct config_route *config_hold_for(const struct config *, gp_str domain, gp_str sender, gp_str account);
/* Of the mail from a domain, what the route takes; ALL: what is behind it in the list gets none. */
enum config_share { ROUTE_TAKES_NONE, ROUTE_TAKES_SOME, ROUTE_TAKES_ALL };
enum config_share config_route_share(const struct config_route *, gp_str from_domain);
bool config_rewrite(const struct config *, enum config_in, gp_str address, struct gp_text *out) GP_MUST_USE; /* false: it stays */
const struct config_route *config_route_named(const struct config *, gp_str name); /* NULL: there is none */
/* A destination is what the queue and the relay call mail that goes the same way: "example.net" by MX, "smarthost", and with a route
 * "via:NAME", or by MX "via:NAME example.net", or where each account signs in by itself "via:NAME NUMBER ACCOUNT": the number is never another's, the
 * name may be, once the account is deleted. */
#define CONFIG_VIA "via:"
struct config_account { gp_str name; uint64_t number; }; /* an account; the name "": nobody */
void   config_put_destination(struct gp_text *, const struct config *, const struct config_route *, gp_str domain, struct config_account);
uint64_t config_ways(const struct config *); /* the same where all mail has the same destinations; not secret, and stored */
gp_str config_route_in(gp_str destination); /* its name; GP_NONE: relay.via */
struct config_way { struct config_hop hop; gp_str domain /* for MX; or "" */; struct config_account account /* who signs in */; const struct config_route *route; }; /* slices: in the destination */
bool   config_read_destination(const struct config *, gp_str destination, struct config_way *) GP_MUST_USE; /* false: no such route */
struct config_hop config_default_hop(const struct config *);
void config_put_hop(struct gp_text *, const struct config_hop *); /* as it is written */
const char *config_tls_word(enum relay_tls);                      /* as it is written: "required" */
/* What relay.tls_policy says of mail of this route (NULL: relay.via) for a domain (A-labels); NULL: nothing, it goes to a server, or the route's own
 * tls= stands. The name itself goes before the longest .name that it is below. Pure. */
const struct config_tls_policy *config_tls_policy_for(const struct config *, const struct config_route *, gp_str domain);
/* What mail of this route leaves from, to an address of that family; false: the system chooses, or (config_leaves_by) it does not leave. */
struct sockaddr_storage;
bool config_source(const struct config_route *, int family, struct sockaddr_storage *out) GP_MUST_USE;
bool config_leaves_by(const struct config_route *, int family); /* NULL: relay.via */
/* What signs in at a smarthost. 0 is that of relay.via, 1 that of the first route, and so on: config_logins() there may be. */
struct config_login { const char *user, *password_file, *token_file, *certificate_file, *key_file, *provider, *mechanisms, *host; enum relay_proof proof; bool own /* each account as itself: vault knows with what */; };
size_t              config_logins(const struct config *);
struct config_login config_login_of(const struct config *, size_t index);
size_t              config_login_for(const struct config *, const struct config_route *); /* NULL: relay.via */
bool                config_signs_in(const struct config *, size_t login); /* under a name */
enum relay_proof config_relay_proof(const struct config *);
bool config_presents(const struct config *, size_t login); /* a certificate of ours, to a server of that login */
bool config_relay_presents(const struct config *);         /* the same, of relay.via                           */
bool config_proof_is_token(enum relay_proof);
size_t config_lookup_processes(const struct config *); /* of the role lookup: one per source, one for the webhook, one for providers, one for events, one for the relay */
size_t config_token_process(const struct config *);    /* index of that for providers, if there are any */
size_t config_events_process(const struct config *);   /* of that for events, if they are posted */
bool   config_goes_by_mx(const struct config *);       /* some mail does */
bool   config_follows_sts(const struct config *);      /* policies of domains to which mail goes by MX are fetched */
bool   config_asks_web(const struct config *);         /* the relay does, for those, or to post reports of TLS */
size_t config_web_process(const struct config *);      /* index of who does it for it, if it does */
#define CONFIG_EVENT_TYPES "accepted deferred delivered bounced held deleted discarded"
/* The one that relay.provider names, or that the login of this index has its tokens from; NULL: none. */
const struct config_provider *config_relay_provider(const struct config *);
const struct config_provider *config_login_provider(const struct config *, size_t login);
/* The first login that has its tokens from it; config_logins(): none has. Where each account has a token of its own that is none of these, ... */
size_t config_login_by(const struct config *, const struct config_provider *);
/* ... but one of those. */
size_t config_own_login_by(const struct config *, const struct config_provider *);
bool   config_has_own_token(const struct config *, size_t login); /* each account of that login */
const struct config_provider *config_find_provider(const struct config *, gp_str name); /* NULL: no such */
/* The name that a provider asks to be included in SPF by, of one whose mail leaves from elsewhere than its server; "": none is known. */
const char *config_spf_include(gp_str host);
const char *config_provider_grant(enum provider_grant); /* "login", "client", "service-account" */
/* A file of DIR/vault/dkim is DOMAIN.SELECTOR and, for what the key does: .pem signs, .next is published before it signs, .old has signed
 * and its record stays for a while. The selector is the last label, or what dkim.*_selector says. false: no such file. */
enum config_dkim_state { CONFIG_DKIM_SIGNS, CONFIG_DKIM_NEXT, CONFIG_DKIM_OLD, CONFIG_DKIM_STATES };
extern const char *const config_dkim_endings[CONFIG_DKIM_STATES]; /* ".pem" */
bool config_dkim_file(const struct config *, gp_str name, enum config_dkim_state *, char domain[static 256], char selector[static 64]) GP_MUST_USE;
/* DIR-relative path made absolute into out. */
bool config_path(const struct config *, const char *path, char out[static CONFIG_PATH]) GP_MUST_USE;

#endif
