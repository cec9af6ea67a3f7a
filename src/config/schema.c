/* The schema: one row is a key, with its type, field, bounds, default and the text of its manual. */
#include "config/schema.h"

#include <stddef.h>

#define FIELD(member) offsetof(struct config, member), sizeof(((struct config *)0)->member)
#define NO_FIELD      0, 0

enum {
    SECOND          = 1,
    MINUTE          = 60,
    HOUR            = 3600,
    WEEK            = 604800,
    MONTH           = 2592000,
    YEAR            = 31536000,
    AUDIT_KEEP_MOST = 315360000,
    PORT_MOST       = 65535,
    MANY            = 1000000
};
#define MEGABYTE (UINT64_C(1) << 20)
#define TERABYTE (UINT64_C(1) << 40)

static const char *const log_formats[] = { [LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json", NULL };
static const char *const log_levels[]  = {
     [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", NULL
};

static const char *const actions[]      = { "hold", "refuse", NULL };
static const char *const dnssec_words[] = { "auto", "required", NULL };
static const char *const forms[]        = { "relaxed", "simple", NULL };
static const char *const modes[]        = {
           [POLICY_OFF] = "off", [POLICY_SHADOW] = "shadow", [POLICY_ENFORCE] = "enforce", NULL
};
static const char *const rules[] = {
    [SENDER_ENFORCE] = "enforce", [SENDER_REWRITE] = "rewrite", [SENDER_ALLOW] = "allow", NULL
};
static const char *const tls_minimums[] = { [TLS_MINIMUM_1_2] = "1.2", [TLS_MINIMUM_1_3] = "1.3", NULL };
#define MODE_HELP                                                                                                      \
    " shadow lets through what enforce would have refused or held, and notes it for `gatepost report`; off does not look."

#define LIMIT(SCOPE, scope, THING, thing, usual, help)                                                                 \
    {                                                                                                                  \
        "policy.limits." #scope "." #thing, &config_rates,                                                             \
            FIELD(policy.limits.scopes[LIMIT_##SCOPE].things[LIMIT_##THING]), 0, 0, usual, help                        \
    }

const struct
    config_key
        config_keys
            [] = {
  /* clang-format off */
    { "hostname", &config_hostname, FIELD(hostname), 1, 253, NULL,
      "The name of this server, as clients and certificates know it: in the greeting, in Received, in EHLO to other servers. Required." },
    { "domain", &config_hostname, FIELD(domain), 1, 253, NULL,
      "The mail domain of the accounts: a user NAME may send as NAME@DOMAIN. Default: the hostname without its first label." },
    { "listen", &config_listens, NO_FIELD, 0, 0, "submission [::]:587, submissions [::]:465",
      "Where clients are answered. submission: STARTTLS before signing in (RFC 6409). submissions: TLS from the first octet (RFC 8314). "
      "Behind the address may stand, with blanks between them: mechanisms=NAME,NAME those that are offered there, in place of the key of that name; "
      "client_certificates=ask or no: whether clients are asked for a certificate, which EXTERNAL needs and nobody else has to have; "
      "name=WORD: what the listener is called where something is for it alone, by default its address. "
      "dovecot-auth PATH mode=0660 user=NAME group=NAME: a UNIX socket on which Postfix and Exim ask for sign-ins, as they ask Dovecot. "
      "mode is 0660 with a group and 0600 without. "
      "legacy ADDRESS:PORT networks=NETWORK,NETWORK recipients_domains=DOMAIN,DOMAIN: for old printers and scanners, which sign in with credentials made for them "
      "(credential add --legacy), and nobody else does. Who is in none of the networks is turned away, and mail goes to those domains only; both have to be said, and neither may be everybody. "
      "tls=starttls (the default), implicit, or none: then passwords are shown to the network. tls_minimum=1.2 (the default), 1.1 or 1.0, which bring the ciphers of their time with them. "
      "message_size=20M, messages_per_hour=60 (of each credential), recipients_per_message=10 are its defaults. docs/devices.md has the whole. "
      "In GATEPOST_LISTEN, where commas stand between listeners, a plus sign stands between mechanisms, networks and domains." },
    { "mechanisms", &config_mechanisms, FIELD(mechanisms), 1, CONFIG_TEXT - 1, CONFIG_SCRAM_MECHANISMS " " CONFIG_MECHANISMS_WITHOUT_SCRAM,
      "SASL mechanisms that are offered, under TLS only, and only where somebody could sign in with them: SCRAM-SHA-512 when credentials have "
      "keys for it, CRAM-MD5 when some credential was made for it, EXTERNAL to a client that has presented a certificate, "
      "OAUTHBEARER and XOAUTH2 when tokens can be checked. Where sources other than oauth are configured, SCRAM is not in the default: most of them "
      "cannot serve it, and clients that see it would fail with a right password." },
    { "rewrite", &config_rewrites, NO_FIELD, 0, 0, "",
      "Addresses that are put in place of others, each as ADDRESS ADDRESS, the first item that fits, and once: anna@old.example, @old.example for all of that domain (@example.org then keeps what stands "
      "before the @), anna+*@old.example for all tags of one, +*@old.example for all tags of all; what takes the place of a tagged one has no tag, unless it is written as anna+*@example.org. "
      "in=sender, recipient or header, or several with + between them, says where; without it everywhere: in MAIL, in RCPT, and in From, Sender, Reply-To, To, Cc, their Resent- kin and Disposition-Notification-To. "
      "It is done before policy.identity judges who may send as whom, so nobody can get by it what he may not; and before DKIM signs. docs/messages.md has more." },
    { "hide_client", &config_flag, FIELD(hide_client), 0, 1, "yes",
      "Leave the client's address, and the name it calls itself by, out of Received, so that recipients do not learn where a user was. "
      "The log and the audit have both, under the queue id that Received names. The login is never in a message." },
    { "workers", &config_number, FIELD(smtpds), 0, 256, "0",
      "How many smtpd processes answer clients. 0: one per core." },
    { "uid_base", &config_number, FIELD(uid_base), 1, 4000000000, "64500",
      "Started as root, each role runs under a uid of its own from here on." },
    { "stop_timeout", &config_duration, FIELD(stop_timeout), 1, HOUR, "30s",
      "How long a stop waits for mail that is being received or delivered." },

    { "tls.certificates", &config_certificates, NO_FIELD, 0, 0, "tls/cert.pem tls/key.pem",
      "The certificates, each with its chain, leaf first, and its private key. The first answers clients that name no server, or one that no certificate is for." },

    { "tls.client_ca_file", &config_path_type, FIELD(client_ca_file), 0, CONFIG_PATH - 1, "",
      "Certificates (PEM) of those who vouch for clients: a certificate that a client presents is good when its chain ends at one of these. "
      "For listeners with client_certificates=ask. Default: only certificates that are pinned to an account are good." },

    { "relay.via", &config_route, NO_FIELD, 0, 0, "mx",
      "How mail leaves. mx: to the mail servers of each recipient's domain. smtp://HOST:PORT or smtps://HOST:PORT: all of it to that server. "
      "?tls=required, dane, encrypted, opportunistic or none may follow; default: required to a server, opportunistic to MX." },
    { "relay.user", &config_text, FIELD(relay.user), 0, 255, "",
      "The name to sign in with at the server of relay.via; that needs tls=required or tls=dane there, or the password could go to whoever answers." },
    { "relay.password_file", &config_path_type, FIELD(relay.password_file), 0, CONFIG_PATH - 1, "",
      "The file whose first line is the password for it. It is read by the vault only, and again when it has changed." },
    { "relay.token_file", &config_path_type, FIELD(relay.token_file), 0, CONFIG_PATH - 1, "",
      "Instead of relay.password_file: the file whose first line is a bearer token (OAuth 2.0), which another program keeps fresh. "
      "A new content, or a new file in its place, counts within two seconds." },
    { "relay.provider", &config_text, FIELD(relay.provider), 0, 63, "",
      "Instead of both: the name of one of providers, whose tokens are fetched and kept fresh. Where relay.via is not given, it is what that one's preset says." },
    { "relay.certificate_file", &config_path_type, FIELD(relay.certificate_file), 0, CONFIG_PATH - 1, "",
      "A certificate of our own with its chain (PEM, leaf first), presented to the server of relay.via when it asks for one, and to no other; that needs "
      "tls=required there. We sign in with it (EXTERNAL) where that is offered; where it is not, the certificate alone has to do, or relay.user and its password. "
      "With relay.user and neither password nor token, mail waits unless EXTERNAL is offered, and that name is whom we ask to be. "
      "A new file in its place counts within two seconds." },
    { "relay.key_file", &config_path_type, FIELD(relay.key_file), 0, CONFIG_PATH - 1, "",
      "Its private key (PEM, RSA or EC, without a pass phrase). It is read by the vault only." },
    { "relay.mechanisms", &config_mechanisms, FIELD(relay.mechanisms), 1, CONFIG_TEXT - 1, CONFIG_MECHANISMS_FOR_PASSWORDS,
      "SASL mechanisms that may be used there: those that take a password, PLAIN and LOGIN under TLS only. With relay.token_file or relay.provider: "
      "OAUTHBEARER and XOAUTH2, which are the default then. With relay.certificate_file also EXTERNAL, which is in the default then and comes first." },
    { "relay.ca_file", &config_path_type, FIELD(relay.ca_file), 0, CONFIG_PATH - 1, "",
      "Certificates (PEM) to trust when the other server's is checked, and those of the web servers that have domains' policies (relay.mta_sts). Default: those of the system." },
    { "relay.dns_server", &config_resolver, FIELD(relay.dns_server), 0, 127, "",
      "The DNS server to ask, as ADDRESS or ADDRESS@PORT. Default: those of the system." },
    { "relay.trust_anchor_file", &config_path_type, FIELD(relay.trust_anchor_file), 0, CONFIG_PATH - 1, "",
      "DNSKEY or DS records, a line each, from which answers of the DNS are proven (DNSSEC). Default: those of the root in Debian's package dns-root-data; where neither is, "
      "nothing is proven, and there is no DANE." },
    { "relay.dnssec", &config_choice, FIELD(relay.dnssec), 0, 0, "auto",
      "auto: many networks drop the records of DNSSEC, so until one answer was proven, others are taken without; who drops them from the start gets mail that DANE would have held back. "
      "required: an answer that should have a proof and has none is not taken, and mail waits. That needs a resolver that lets DNSSEC through, as one on this host does; "
      "names that the network alone knows, below none that the root has, are not found then.", dnssec_words },
    { "relay.dns_timeout", &config_duration, FIELD(relay.dns_timeout), SECOND, HOUR, "20s",
      "How long the DNS may take for an answer before the mail waits for the next attempt." },
    { "relay.mx_port", &config_number, FIELD(relay.mx_port), 1, PORT_MOST, "25",
      "The port of the mail servers that MX names." },
    { "relay.mta_sts", &config_flag, FIELD(relay.mta_sts), 0, 1, "yes",
      "Look for the policy by which a domain says that mail for it travels by verified TLS alone, and to which hosts (MTA-STS, RFC 8461); keep it, and hold to it. "
      "It counts where mail goes by MX with tls=opportunistic, which is the default, tls=encrypted or tls=required; DANE goes before it. A process of its own fetches policies over HTTPS." },
    { "relay.tls_policy", &config_tls_policies, NO_FIELD, 0, 0, "",
      "What mail by MX for some domains must have, whatever relay.via says of others, each as {domain: NAME, tls: LEVEL}: NAME for that domain, .NAME for all below it, and LEVEL one of "
      "required, dane, encrypted, opportunistic and none, as ?tls= in relay.via has them. The name itself goes before the longest .NAME. DANE, MTA-STS and a message that requires TLS itself may "
      "demand more; with none the first two are not asked. A route's own ?tls= stands, and servers that are named are none of its matter. docs/transport.md has more." },
    { "relay.policy_port", &config_number, FIELD(relay.policy_port), 1, PORT_MOST, "443",
      "The port at which these policies are served; another one is for trying out." },
    { "relay.allow_loopback", &config_flag, FIELD(relay.allow_loopback), 0, 1, "no",
      "Deliver also where the DNS says that a domain's mail server is 127.0.0.1, ::1 or an address that gatepost listens on: for trying out with servers on this host. Reports of TLS over the web go to addresses of inner networks then, too. "
      "Otherwise such mail comes back, or anybody with a domain could have gatepost talk to what listens here." },
    { "relay.connections", &config_number, FIELD(relay.connections_most), 1, 10000, "100",
      "Messages that are on their way at a time to all other servers, each over a connection; 256 at most. One account has seven eighths of them at most, one mail host (MX) three quarters, however long they are kept waiting." },
    { "relay.connections_per_destination", &config_number, FIELD(relay.connections_per_destination), 1, 1000, "10",
      "Connections to one destination at a time, as long as it takes them: when it says it is too much it gets fewer for a while." },
    { "relay.connect_timeout", &config_duration, FIELD(relay.connect_timeout), SECOND, HOUR, "30s",
      "How long a connection may take to open, for each address." },
    { "relay.command_timeout", &config_duration, FIELD(relay.command_timeout), SECOND, HOUR, "5m",
      "How long the other server may take for a reply (RFC 5321 4.5.3.2)." },
    { "relay.data_timeout", &config_duration, FIELD(relay.data_timeout), SECOND, HOUR, "10m",
      "How long it may take for the reply after the message." },
    { "relay.idle_timeout", &config_duration, FIELD(relay.idle_timeout), 0, HOUR, "5s",
      "How long a connection is kept open for the next message." },

    { "routes", &config_routes, NO_FIELD, 0, 0, "",
      "Mail that goes another way than relay.via; see ROUTES. The first route that fits a recipient is taken." },

    { "tls_reports.collect", &config_flag, FIELD(tls_reports.collect), 0, 1, "yes",
      "Count how TLS goes with the mail hosts that MX names, by day and domain (RFC 8460), for `gatepost report --tls`. Counts are kept for 30 days." },
    { "tls_reports.send", &config_flag, FIELD(tls_reports.send), 0, 1, "no",
      "Send each domain that asks for it by a record _smtp._tls.DOMAIN what was counted of it, once a day; see docs/transport.md. Reports that go by mail need a DKIM key of tls_reports.contact's domain." },
    { "tls_reports.organization", &config_text, FIELD(tls_reports.organization), 0, CONFIG_NAME - 1, "",
      "Whose reports they are, in words. Default: the domain." },
    { "tls_reports.contact", &config_text, FIELD(tls_reports.contact), 0, 319, "",
      "The address of who answers questions about them, named in each report, and its From. Default: postmaster@ the domain." },

    { "limits.message_size", &config_size, FIELD(limits.message_size), 1024, TERABYTE, "50M",
      "The largest message; announced as SIZE (RFC 1870)." },
    { "limits.recipients", &config_number, FIELD(limits.recipients), 1, 1000, "100",
      "Recipients of one message." },
    { "limits.mails_per_session", &config_number, FIELD(limits.mails_per_session), 1, MANY, "1000",
      "Messages in one session." },
    { "limits.errors_per_session", &config_number, FIELD(limits.errors_per_session), 1, MANY, "20",
      "Refused commands after which the session is closed." },
    { "limits.auth_failures_per_session", &config_number, FIELD(limits.auth_failures_per_session), 3, 100, "3",
      "Failed sign-ins after which the session is closed. One that could not be decided (454) counts as a quarter." },
    { "limits.sessions_per_worker", &config_number, FIELD(limits.sessions_per_smtpd), 1, MANY, "5000",
      "Sessions that one smtpd process has open at a time." },
    { "limits.sessions_per_address", &config_number, FIELD(limits.sessions_per_address), 1, MANY, "100",
      "Sessions from one client address at a time, in each smtpd process." },
    { "limits.command_timeout", &config_duration, FIELD(limits.command_timeout), SECOND, HOUR, "5m",
      "How long a client may take for a command (RFC 5321 4.5.3.2.7)." },
    { "limits.data_timeout", &config_duration, FIELD(limits.data_timeout), SECOND, HOUR, "5m",
      "How long it may be silent within a message." },
    { "limits.sign_in_timeout", &config_duration, FIELD(limits.sign_in_timeout), SECOND, HOUR, "1m",
      "How long it may take until it has signed in." },

    { "queue.retries", &config_retries, NO_FIELD, SECOND, WEEK, "5m, 10m, 20m, 30m, 1h, 2h, 4h",
      "How long to wait after the first failed attempt, the second and so on; the last one repeats." },
    { "queue.lifetime", &config_duration, FIELD(queue.lifetime), MINUTE, MONTH, "5d",
      "How long delivery is tried before the message goes back to its sender." },
    { "queue.delay_notice", &config_duration, FIELD(queue.delay_notice), 0, MONTH, "4h",
      "After how long the sender is told that the message is late. 0: never." },
    { "queue.future_release", &config_duration, FIELD(queue.future_release), 0, YEAR, "30d",
      "How long a sender may have a message held back, until a moment that his program names (FUTURERELEASE, RFC 4865). 0: that is not offered." },
    { "queue.own_view", &config_flag, FIELD(queue.own_view), 0, 1, "yes",
      "Whether who has signed in may ask what became of his own mail, and cancel what of it waits (docs/mine.md)." },
    { "queue.deadlines", &config_flag, FIELD(queue.deadlines), 0, 1, "yes",
      "Whether senders may say by when a message is to be delivered, and whether it comes back then or they are told that it is late (DELIVERBY, RFC 2852)." },
    { "queue.deadline_least", &config_duration, FIELD(queue.deadline_least), 0, WEEK, "0",
      "The shortest time after which a sender may want a message back. 0: any." },
    { "queue.held_lifetime", &config_duration, FIELD(queue.held_lifetime), 0, YEAR, "30d",
      "How long a message may be held, by a policy, a route or a command, before it goes back to its sender. 0: for ever." },
    { "queue.priorities", &config_flag, FIELD(queue.priorities), 0, 1, "no",
      "Whether senders may say how urgent a message is (MT-PRIORITY, RFC 6710): what has a higher priority goes first to each destination." },
    { "queue.priority_most", &config_number, FIELD(queue.priority_most), 0, 9, "0",
      "The highest priority that a sender may ask for, from 0 to 9, where queue.priorities is yes. A lower one than 0 may be asked for by anybody." },
    { "queue.free_space", &config_size, FIELD(queue.free_space), 0, TERABYTE, "100M",
      "Free disk space below which new mail is refused for now." },

    { "passwords.scram", &config_flag, FIELD(passwords.scram), 0, 1, "yes",
      "Keep SCRAM keys for passwords that people chose. no: Argon2id alone, and such accounts can use PLAIN and LOGIN only." },
    { "passwords.scram_iterations", &config_number, FIELD(passwords.scram_iterations), 4096, 10000000, "600000",
      "PBKDF2 rounds of those keys; it is the client that computes them at each sign-in." },
    { "passwords.hashing_threads", &config_number, FIELD(passwords.hashing_threads), 1, 64, "2",
      "Threads that check passwords." },
    { "passwords.leaked_file", &config_path_type, FIELD(passwords.leaked_file), 0, CONFIG_PATH - 1, "",
      "Passwords that are known to guessers: a file of lines HASH:COUNT, sorted, each HASH the SHA-1 of a password in hexadecimal, or a directory "
      "of range files, each named after the first five digits. A password that somebody chooses and that is in it is refused. It is searched where it is, whatever its size." },

    { "dkim.sign", &config_flag, FIELD(dkim.sign), 0, 1, "yes",
      "Sign mail with each key in vault/dkim/DOMAIN.SELECTOR.pem whose domain is that of From, four at most. `gatepost dkim` makes and changes keys." },
    { "dkim.header", &config_choice, FIELD(dkim.header), 0, 0, "relaxed",
      "How much header fields may change on the way and the signature still hold (RFC 6376 3.4). relaxed: their white space and the case of names. simple: nothing.", forms },
    { "dkim.body", &config_choice, FIELD(dkim.body), 0, 0, "relaxed",
      "The same of the body. relaxed: white space in lines. simple: empty lines at the end alone.", forms },
    { "dkim.rsa_selector", &config_hostname, FIELD(dkim.rsa_selector), 1, 63, CONFIG_RSA_SELECTOR,
      "The selector of the RSA key that came with the set-up (RFC 6376). Other keys' selectors are the last label before .pem; this one may have several." },
    { "dkim.ed25519_selector", &config_hostname, FIELD(dkim.ed25519_selector), 1, 63, CONFIG_ED25519_SELECTOR,
      "The same of its Ed25519 key (RFC 8463)." },

    { "audit.keep", &config_duration, FIELD(audit.keep), 0, AUDIT_KEEP_MOST, "400d",
      "How long rows of the audit are kept; then they age out, and what is left is still verified as a whole. 0: for ever." },
    { "audit.checkpoint", &config_duration, FIELD(audit.checkpoint), SECOND, WEEK, "10m",
      "How often the vault signs where the audit ends, when it has grown; also after 10000 rows, and at an orderly end." },
    { "audit.export_file", &config_path_type, FIELD(audit.export_file), 0, CONFIG_PATH - 1, "",
      "A file to which these checkpoints are appended, too, a line each. One that is on another machine, or that can only be appended to, "
      "proves that the end of the audit was not cut off: `gatepost audit verify --checkpoints FILE`." },
    { "audit.export_syslog", &config_flag, FIELD(audit.export_syslog), 0, 1, "no",
      "Checkpoints go to syslog, too, which may pass them on to another machine." },
    { "audit.syslog_socket", &config_path_type, FIELD(audit.syslog_socket), 1, CONFIG_PATH - 1, "/dev/log",
      "The datagram socket where syslog listens; in a container it may be elsewhere." },

    { "policy.identity.mode", &config_choice, FIELD(policy.identity.mode), 0, 0, "enforce",
      "As whom an account may send: in MAIL, and in the header fields that name an author." MODE_HELP, modes },
    { "policy.identity.mail", &config_choice, FIELD(policy.identity.rules[SENDER_MAIL]), 0, 0, "enforce",
      "What becomes of a sender (MAIL FROM) that is not the account's. enforce: refused. rewrite: the account's first address takes its place. allow: let be.", rules },
    { "policy.identity.from", &config_choice, FIELD(policy.identity.rules[SENDER_FROM]), 0, 0, "enforce",
      "The same of From. What rewrite replaces is kept as X-Original-From, and as Reply-To where there was none.", rules },
    { "policy.identity.sender", &config_choice, FIELD(policy.identity.rules[SENDER_SENDER]), 0, 0, "enforce",
      "The same of Sender.", rules },
    { "policy.identity.reply_to", &config_choice, FIELD(policy.identity.rules[SENDER_REPLY_TO]), 0, 0, "allow",
      "The same of Reply-To.", rules },
    { "policy.identity.resent", &config_choice, FIELD(policy.identity.rules[SENDER_RESENT]), 0, 0, "enforce",
      "The same of Resent-From and Resent-Sender.", rules },
    { "policy.identity.plus", &config_flag, FIELD(policy.identity.plus), 0, 1, "yes",
      "Who may send as anna@example.org may also send as anna+anything@example.org, unless that is another account's address." },
    { "policy.identity.sign_in_shadow", &config_flag, FIELD(policy.identity.sign_in_shadow), 0, 1, "no",
      "Whether a message that policy.identity.mode: shadow lets through, though its From is not the account's, is signed (DKIM) all the same." },
    { "policy.identity.protected_names", &config_protected_names, NO_FIELD, 0, 0, "",
      "Names that From may show for these accounts only, each as {name: NAME, accounts: ACCOUNTS} with blanks between the accounts, or as NAME for nobody. "
      "A name counts as shown where its words stand in the text that a reader sees, whatever their case and width and whatever signs are between them." },
    { "policy.identity.names", &config_choice, FIELD(policy.identity.names), 0, 0, "enforce",
      "The mode of protected_names." MODE_HELP, modes },

    { "policy.guard.mode", &config_choice, FIELD(policy.guard.mode), 0, 0, "enforce",
      "Who has guessed too often is answered slowly, and then no password of his is looked at; what is counted, and what an owner notices of it, is in docs/abuse.md. "
      "Bans that `gatepost ban add` made are kept in every mode." MODE_HELP, modes },
    { "policy.guard.trusted", &config_networks, FIELD(policy.guard.trusted), 0, CONFIG_TEXT - 1, "127.0.0.0/8 ::1",
      "Networks that speak for many, such as a webmail's host: these addresses are not counted, made to wait or banned themselves. "
      "Wrong passwords from there still count for each account." },
    { "policy.guard.guesses_per_account", &config_number, FIELD(policy.guard.guesses_per_account), 10, 10000, "60",
      "Wrong passwords for one account from addresses that it never signed in from, before such addresses are not listened to. "
      "As many come back in twelve hours. Addresses that it did sign in from have 20 of their own each." },
    { "policy.guard.guesses_per_address", &config_number, FIELD(policy.guard.guesses_per_address), 10, 10000, "60",
      "Wrong passwords from one address (IPv6: /64), for whichever accounts that never signed in from there, before it is banned for a time. "
      "As many come back in twelve hours. The first of each name counts as three; each account that has signed in from there adds five." },
    { "policy.guard.slowest", &config_duration, FIELD(policy.guard.slowest), 0, 30, "5s",
      "How long an answer to an address with many failed sign-ins may take; it begins with half a second. 0: none waits." },
    { "policy.guard.ban", &config_duration, FIELD(policy.guard.ban), MINUTE, WEEK, "1h",
      "How long the first ban of an address lasts. Each that follows within 30 days is four times as long, up to a week." },

    { "policy.limits.mode", &config_choice, FIELD(policy.limits.mode), 0, 0, "enforce",
      "How much may be sent. What is over a limit is refused for now (451 or 452), with the time to try again." MODE_HELP, modes },
    { "policy.limits.sessions", &config_number, FIELD(policy.limits.sessions), 0, MANY, "200",
      "How many sessions one account may have signed in at once; mail in further ones is put off. 0: any number." },
    LIMIT(ACCOUNT, account, MESSAGES, messages, "2000/hour, 10000/day", "Messages of one account. As rates: so many in that time, and at once no more than the burst, "
      "by default the whole number. The server never forgets more than a second of what was sent. `gatepost limit set` gives one account or credential its own."),
    LIMIT(ACCOUNT, account, RECIPIENTS, recipients, "2000/hour, 10000/day", "Recipients of one account, counted by message."),
    LIMIT(ACCOUNT, account, NEW_RECIPIENTS, new_recipients, "2000/day", "Recipients to whom the account had not written in the last year."),
    LIMIT(ACCOUNT, account, OCTETS, octets, "5G/day", "Octets of one account's messages. K, M and G stand for powers of 1024."),
    LIMIT(CREDENTIAL, credential, MESSAGES, messages, "none", "Messages sent with one credential."),
    LIMIT(CREDENTIAL, credential, RECIPIENTS, recipients, "none", "Recipients written to with one credential."),
    LIMIT(CREDENTIAL, credential, NEW_RECIPIENTS, new_recipients, "none", "Recipients new to the account, written to with one credential."),
    LIMIT(CREDENTIAL, credential, OCTETS, octets, "none", "Octets sent with one credential."),
    LIMIT(ADDRESS, address, MESSAGES, messages, "none", "Messages from one client address; one IPv6 address is its whole /64. Many people may share one."),
    LIMIT(ADDRESS, address, RECIPIENTS, recipients, "none", "Recipients written to from one client address."),
    LIMIT(ADDRESS, address, OCTETS, octets, "none", "Octets from one client address."),
    LIMIT(NETWORK, network, MESSAGES, messages, "none", "Messages from one network: an IPv4 /24, an IPv6 /48. A provider's customers may share one."),
    LIMIT(NETWORK, network, RECIPIENTS, recipients, "none", "Recipients written to from one network."),
    LIMIT(NETWORK, network, OCTETS, octets, "none", "Octets from one network."),
    LIMIT(SERVER, server, MESSAGES, messages, "none", "Messages of all accounts together."),
    LIMIT(SERVER, server, RECIPIENTS, recipients, "none", "Recipients of all accounts together."),
    LIMIT(SERVER, server, OCTETS, octets, "none", "Octets of all accounts together."),

    { "policy.brake.mode", &config_choice, FIELD(policy.brake.mode), 0, 0, "shadow",
      "Mail of an account that sends as if somebody else had it (another network and client, more than ever, to new people, messages alike, refused by next hops) "
      "is accepted and held until somebody looks: `gatepost queue list --held`." MODE_HELP, modes },

    { "policy.preflight.mode", &config_choice, FIELD(policy.preflight.mode), 0, 0, "shadow",
      "Whether mail is judged by what receivers would find in DNS: is each key of its domain that signs there, does SPF let the addresses send that it leaves from, "
      "do those have the server's name. Looked up for each domain every few minutes, never for a message." MODE_HELP, modes },
    { "policy.preflight.action", &config_choice, FIELD(policy.preflight.action), 0, 0, "hold",
      "What becomes of mail from a domain whose records are wrong. hold: it is accepted and held: `gatepost queue list --held`. refuse: 550.", actions },

    { "policy.tls.mode", &config_choice, FIELD(policy.tls.mode), 0, 0, "shadow",
      "Which TLS a client needs in order to sign in. One that has less is told so (523 5.7.10) when it says AUTH, whoever it is; no password is looked at." MODE_HELP, modes },
    { "policy.tls.minimum", &config_choice, FIELD(policy.tls.minimum), 0, 0, "1.2",
      "The least version. gatepost's own listeners speak 1.2 and 1.3; servers that ask on a dovecot-auth socket may have clients with less, or without TLS. "
      "One whose version is not told is let be.", tls_minimums },
    { "policy.mechanisms.mode", &config_choice, FIELD(policy.mechanisms.mode), 0, 0, "shadow",
      "Whether the mechanisms below are taken away. enforce: as if they were not in `mechanisms`, at no listener: not offered, and 504 5.5.4 to who names one anyway. "
      "shadow: as before, and each account and credential that signs in with one is noted for `gatepost report`; off does not look.", modes },
    { "policy.mechanisms.retire", &config_mechanisms, FIELD(policy.mechanisms.retire), 0, CONFIG_TEXT - 1, "",
      "SASL mechanisms that are to go, such as LOGIN, CRAM-MD5 and SCRAM-SHA-1. A -PLUS form is one of its own." },

    { "notices.admin", &config_text, FIELD(notices.admin), 0, 319, "",
      "The address of who is told by mail of what needs somebody: certificates that end, accounts that are held, guessers. Default: only the log has it." },
    { "notices.owners", &config_flag, FIELD(notices.owners), 0, 1, "yes",
      "Whether owners of accounts are told, too, at their first address: of a credential that ends, an old password in some device, a limit." },
    { "notices.a_day", &config_number, FIELD(notices.a_day), 1, 100000, "200",
      "So many notices in 24 hours at most; others are in the log alone." },
    { "notices.credential_days", &config_number, FIELD(notices.credential_days), 0, 365, "14",
      "How many days before its end the owner is told of a credential. 0: not." },
    { "notices.webhook", &config_text, FIELD(notices.webhook), 0, CONFIG_PATH - 1, "",
      "An address that every notice is posted to as JSON: https://HOST/PATH, or http:// to this host; see docs/notices.md. Default: none." },
    { "notices.webhook_secret_file", &config_path_type, FIELD(notices.webhook_secret_file), 0, CONFIG_PATH - 1, "",
      "The file whose first line is sent along as 'Authorization: Bearer'." },
    { "notices.webhook_ca_file", &config_path_type, FIELD(notices.webhook_ca_file), 0, CONFIG_PATH - 1, "",
      "Certificates (PEM) to trust when that of the webhook is checked. Default: those of the system." },
    { "notices.webhook_timeout", &config_duration, FIELD(notices.webhook_timeout), 1, 60, "10s",
      "How long its answer may take. Then the notice is posted again later." },

    { "events.file", &config_path_type, FIELD(events.file), 0, CONFIG_PATH - 1, "",
      "A file to which what becomes of mail is appended, an event a line, as JSON; SIGHUP opens it anew. See docs/events.md. Default: none." },
    { "events.webhook", &config_text, FIELD(events.webhook), 0, CONFIG_PATH - 1, "",
      "An address that the same events are posted to, several at a time: https://HOST/PATH, or http:// to this host. Default: none." },
    { "events.webhook_secret_file", &config_path_type, FIELD(events.webhook_secret_file), 0, CONFIG_PATH - 1, "",
      "The file whose first line is the key that signs them (HMAC-SHA256, in the field Webhook-Signature); a line that begins with whsec_ is base64." },
    { "events.webhook_ca_file", &config_path_type, FIELD(events.webhook_ca_file), 0, CONFIG_PATH - 1, "",
      "Certificates (PEM) to trust when that of the webhook is checked. Default: those of the system." },
    { "events.webhook_timeout", &config_duration, FIELD(events.webhook_timeout), 1, 60, "10s",
      "How long its answer may take. Then the events are posted again later." },
    { "events.types", &config_text, FIELD(events.types), 0, CONFIG_TEXT - 1, CONFIG_EVENT_TYPES,
      "Which events are told." },
    { "events.keep", &config_duration, FIELD(events.keep), MINUTE, MONTH, "3d",
      "An event that a receiver has not taken for so long is left out; the next page says how many were." },

    { "sources", &config_sources_type, NO_FIELD, 0, 0, "store",
      "Where accounts live, in the order in which they are asked; see SOURCES. The store is what `gatepost user` writes; it comes first unless it is in the list." },

    { "providers", &config_providers_type, NO_FIELD, 0, 0, "",
      "Who gives the relay tokens to sign in with (OAuth 2.0): Microsoft 365, Google and others; see PROVIDERS." },

    { "log.format", &config_choice, FIELD(log_format), 0, 0, "logfmt",
      "How log lines on standard error are written.", log_formats },
    { "log.level", &config_choice, FIELD(log_level), 0, 0, "info",
      "The least level that is logged.", log_levels },
  /* clang-format on */
};
const size_t config_key_count = GP_COUNT(config_keys);
_Static_assert(GP_COUNT(config_keys) <= CONFIG_KEYS_MOST, "room for a source of each key");

const struct config_alias config_aliases[] = {
    {"GATEPOST_SUBMISSION",    "listen",    "submission "  },
    { "GATEPOST_SUBMISSIONS",  "listen",    "submissions " },
    { "GATEPOST_DOVECOT_AUTH", "listen",    "dovecot-auth "},
    { "GATEPOST_RELAY",        "relay.via", ""             },
};
const size_t config_alias_count = GP_COUNT(config_aliases);

const struct config_key *config_find(gp_str name)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (gp_same(name, gp_from(config_keys[i].name))) return &config_keys[i];
    return NULL;
}

bool config_is_section(gp_str name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        gp_str whole = gp_from(config_keys[i].name);
        if (whole.len > name.len && whole.ptr[name.len] == '.' && gp_same(gp_head(whole, name.len), name)) return true;
    }
    return false;
}

void config_variable(const struct config_key *key, struct gp_text *out)
{
    gp_put_z(out, "GATEPOST_");
    for (const char *c = key->name; *c; c++)
        gp_put_char(out, *c == '.' ? '_' : (char)(*c >= 'a' ? *c - 'a' + 'A' : *c));
}
