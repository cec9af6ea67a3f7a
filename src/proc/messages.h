/* What the roles say to each other: one row a message, and nothing else crosses between them. From a row come the struct,
 * its packing and its checked unpacking. U: a number; S: a slice (borrowed from the receive buffer, until the handler
 * returns). Descriptors ride along in msg.fds. A role never trusts a message: lengths are checked by the unpacking, what
 * numbers mean is checked by who uses them. */
#ifndef PROC_MESSAGES_H
#define PROC_MESSAGES_H

#include "base/base.h"

enum { MSG_MOST = 192 * 1024, MSG_INLINE_BODY_MOST = 64 * 1024, MSG_FDS_MOST = 2, HOLD_WHY_MOST = 240, TLS_POLICY_MOST = 1023 };

enum msg_role { ROLE_SUPERVISOR, ROLE_SMTPD, ROLE_VAULT, ROLE_QUEUE, ROLE_RELAY, ROLE_LOOKUP, ROLES };

/* What LOOKUP wants to know: is this the password, what is kept of the password, is this a good token. */
enum lookup_kind { LOOKUP_PASSWORD, LOOKUP_HASH, LOOKUP_TOKEN, LOOKUP_KINDS };

/* What the server said to our sign-in: nothing, that it is good, or that it is not. */
enum login_fate { LOGIN_UNTOLD, LOGIN_ACCEPTED, LOGIN_REFUSED, LOGIN_NOT_OFFERED /* none was begun: login is 0 */ };
/* Is queue.db whole? Not looked through yet; the same, and damage was found before: nothing is promised. */
enum store_state { STORE_UNREAD, STORE_WHOLE, STORE_DOUBTED, STORE_DAMAGED, STORE_STATES };
/* What a file of a provider's is. */
/* What a delivery says of its next hops, in DELIVERED. */
enum host_word { HOST_ANSWERED, HOST_DOWN, HOST_UNASKED /* nothing, good or bad: what is to blame lies here, or in the message */ };

enum provider_file { PROVIDER_FILE_SECRET, PROVIDER_FILE_KEY, PROVIDER_FILE_CERTIFICATE, PROVIDER_FILES };

enum { ATTEMPTS_MOST = 256 }; /* deliveries under way at a time, whatever the configuration says: bounds what relay and channel hold */

/* status fields carry a gp_status. Times are gp_time (ms). Lists in a slice are lines that end in '\n'. */
#define MSG_ROWS(ROW)                                                                                                     \
    /* supervisor -> roles */                                                                                             \
    ROW(PEER, peer, U(role) U(index) U(count))            /* fds[0]: a new channel to that role (also after a restart) */ \
    ROW(KEYPAIR, keypair, U(index) U(count) U(generation) S(name)) /* to vault; fds[0] chain, fds[1] private key       */ \
    ROW(UPSTREAM, upstream, U(login) U(present))          /* to vault; fds[0]: the password or token; login: config.h's */ \
    ROW(UPSTREAM_PAIR, upstream_pair, U(login) S(name))   /* to vault; fds[0] chain, fds[1] key: ours, for the smarthost */ \
    ROW(PROVIDER_FILE, provider_file, U(provider) U(what) U(present)) /* to vault; fds[0]: one of that provider's files */ \
    ROW(CLIENT_CA, client_ca, U(present))                 /* to vault; fds[0]: who vouches for clients' certificates      */ \
    ROW(EVENTS_FILE, events_file, U(present))             /* to queue; fds[0]: events are appended there               */ \
    ROW(STOP, stop, U(deadline))                          /* orderly: finish what is open, then exit                   */ \
    ROW(READY, ready, U(pid))                             /* role -> supervisor: serves from now on                    */ \
    ROW(STORE_STATE, store_state, U(state))               /* queue -> supervisor, and vault where it is damaged: enum store_state */ \
    /* vault -> smtpd: all `count` certificates of a generation make a new TLS context */                                 \
    ROW(CERTIFICATE, certificate, U(index) U(count) U(generation) S(chain))                                               \
    ROW(MECHANISMS, mechanisms, U(listener) S(names))     /* what EHLO may list there; before the first CERTIFICATE     */ \
    ROW(TICKETS, tickets, S(keys))                                                                                        \
    /* smtpd -> vault; relay -> vault, with the login and what OUR_CERTIFICATE said                                              */ \
    ROW(TLS_SIGN, tls_sign, U(certificate) U(generation) U(how) S(data))                                                  \
    ROW(TLS_SIGNED, tls_signed, U(status) S(signature))                                                                   \
    /* listener: index in config. binding: sasl.h's, tls-unique or tls-exporter; end_point: tls-server-end-point, both at most  \
     * 64 octets. chain: what the client presented, DER after DER, for mechanisms that need it. */                        \
    ROW(SASL_START, sasl_start, U(session) U(has_initial) U(listener) U(binding) S(binding_data) S(end_point) S(mechanism) \
            S(initial) S(peer) S(helo) S(tls_version) S(tls_cipher) S(chain) U(nameless)) /* no server was named (SNI)      */ \
    ROW(SASL_LINE, sasl_line, U(session) U(over) S(line)) /* over: it was too long, and is not there                   */ \
    /* step, why: sasl.h's; text: challenge, or what the client hears of a no. account, user: whose session it is; signer: whose the credential is, who may act for  \
     * it. ends: when what was shown (a token) is good no more; 0: the store alone says. incident: of a no that the client is told \
     * as a decision, else "".                                                                                            */ \
    ROW(SASL_RESULT, sasl_result, U(step) U(why) U(account) U(credential) U(ends) S(text) S(user) S(signer) S(incident))  \
    ROW(SASL_ABORT, sasl_abort, U(session))               /* one way: the client is gone                               */ \
    ROW(SESSION_END, session_end, U(session))             /* one way: a client that was signed in is gone              */ \
    ROW(STRAY, stray, S(peer) S(helo))                    /* one way: AUTH where it is not offered, once for a session  */ \
    /* size: as the client declares it (RFC 1870); 0: it does not                                                          */ \
    ROW(MAY_SEND, may_send, U(session) U(account) U(credential) U(listener) U(size) S(sender) S(peer))                    \
    /* status: OK; PERMFAIL, TEMPFAIL: no. code, enhanced, text: what the client hears then; why: the true reason, for the log.  \
     * recipients: how many this message may have now. incident: names a refusal, in reply and log; or absent. instead: is the  \
     * sender in place of the one that was asked about; "": none.                                                          */ \
    ROW(PERMISSION, permission, U(status) U(recipients) U(code) S(enhanced) S(text) S(why) S(incident) S(instead) \
            S(enough)) /* what the client hears of one recipient more; "": smtpd finds words                               */ \
    /* The header is there, and its body waits. fields: lines "from|sender|reply-to|resent-from|resent-sender TAB address \
     * TAB", an address that is "" could not be read; and "shown TAB TAB what readers see of From", where names are protected */ \
    ROW(AUTHORS, authors, U(session) U(account) U(credential) U(listener) S(queue_id) S(sender) S(peer) S(fields))        \
    /* As PERMISSION. rewrites: lines "from|... TAB address" that stands in that field from now on.                        */ \
    ROW(AUTHORED, authored, U(status) U(code) S(enhanced) S(text) S(why) S(incident) S(rewrites))                         \
    /* The whole message is there, and not committed: may it be sent? fields: "from TAB address TAB" for each author, as \
     * they are sent; recipients as in COMMIT; size: octets as stored; likeness: alike messages have it in common */ \
    ROW(SUBMIT, submit, U(session) U(account) U(credential) U(listener) U(size) U(likeness) S(queue_id) S(peer) S(helo)   \
            S(mechanism) S(tls) S(sender) S(fields) S(recipients))                                                        \
    /* As PERMISSION. hold: accepted, and kept back; hold_why: for the administrator, HOLD_WHY_MOST octets at most. owner: whose   \
     * account signed in, where it acts for another; else 0. foreign: its From is another's, and policy.identity only watches: not to be signed */ \
    ROW(SUBMITTED, submitted, U(status) U(code) U(hold) U(owner) U(foreign) S(enhanced) S(text) S(why) S(hold_why) S(incident))               \
    /* one way: smtpd itself said no, for the record. missed: how many before this one were not told, in a flood. text: the reply's, \
     * without the incident; why: the true reason. What is not known is "" or 0.                                           */ \
    ROW(REFUSED, refused, U(session) U(account) U(credential) U(listener) U(code) U(missed) S(incident) S(user) S(peer) \
            S(helo) S(sender) S(queue_id) S(text) S(why))                                                                 \
    /* smtpd -> queue */                                                                                                  \
    ROW(DRAFT, draft, U(session))                         /* a file for a large body                                   */ \
    ROW(DRAFTED, drafted, U(status) U(draft))             /* fds[0]: write here; give it up with DRAFT_ABORT           */ \
    ROW(DRAFT_ABORT, draft_abort, U(draft))                                                                               \
    /* body: inline when draft == 0. recipients: lines "address TAB params". size: octets of the body as stored. hold: all    \
     * recipients are held until somebody releases them, because of hold_why. owner, foreign: as in SUBMITTED. legacy: an old device's. */ \
    ROW(COMMIT, commit, U(session) U(draft) U(size) U(account) U(owner) U(credential) U(arrived) U(hold) U(legacy) U(foreign) S(queue_id) S(user) S(sender) \
            S(params) S(recipients) S(message_id) S(from) S(peer) S(helo) S(mechanism) S(tls) S(hold_why) S(body))        \
    ROW(COMMITTED, committed, U(status) S(queue_id) S(why))                                                               \
    /* smtpd -> vault: a client asks about its own mail. verb, name, after: smtp.h's gp_mine                               */ \
    ROW(MINE, mine, U(session) U(account) U(credential) U(verb) U(after) S(name) S(peer))                                 \
    /* status: OK; PERMFAIL: as PERMISSION, or with code 0 there is no such message of his; TEMPFAIL. lines: JSON, one a line of the reply, \
     * in ASCII; after: where to go on, 0: that was all. text: of a yes without lines.                                     */ \
    ROW(MINE_IS, mine_is, U(status) U(code) U(after) S(enhanced) S(text) S(why) S(incident) S(lines))                     \
    /* vault -> queue, which answers MINE_IS: vault has found out whose mail that is. credential: only what that one sent; 0: all of the account's */ \
    ROW(MINE_OF, mine_of, U(account) U(credential) U(verb) U(after) S(name))                                              \
    ROW(FATES, fates, S(lines))                           /* queue -> vault, one way: "account TAB delivered TAB failed" */ \
    ROW(HELD_LONG, held_long, U(count) U(since))         /* queue -> vault, one way: messages that nobody has released for a day; ms since 1970 */ \
    ROW(REPORT_LOST, report_lost, S(queue_id))           /* queue -> vault, one way: a report or notice of ours failed for good */ \
    /* vault -> queue: mail of ours to one address, which the queue writes; the answer is a COMMITTED. text: lines.       */ \
    ROW(NOTICE, notice, S(to) S(subject) S(text))                                                                         \
    /* vault -> queue: hold what waits of that account, or was sent by it for others, HOLD_PAGE messages behind `row` (0: from the first) at a time. row, in the \
     * answer: where to go on; 0: that was all.                                                                            */ \
    ROW(HOLD, hold, U(account) U(row) S(why))                                                                              \
    ROW(HELD, held, U(status) U(row))                                                                                      \
    /* vault -> queue: our sign-in may work again: what waits for it is due now. login: config.h's; account, and its number: of one that signs in as itself, \
     * "": of all; more, in the answer: ask once more                                                                       */ \
    ROW(AGAIN, again, U(login) U(number) S(account))                                                                                  \
    ROW(AGAIN_DUE, again_due, U(status) U(more))                                                                           \
    /* queue -> relay; fds[0]: body when not inline. attempt names it in the results. foreign: as in SUBMITTED. */                                  \
    ROW(DELIVER, deliver, U(attempt) U(size) U(foreign) S(queue_id) S(destination) S(sender) S(params) S(recipients) S(body))        \
    /* relay -> queue, as the answer to DELIVER. results: a line a recipient, in order: "status TAB code TAB enhanced TAB   \
     * remote TAB tls TAB text", and "TAB dsn" where the next hop itself reports deliveries, or "TAB ours" where our sign-in there is to blame. status: gp_status. host_down: host_word; HOST_DOWN: \
     * nothing could be tried: back off the whole destination; with no results: due again after a moment, as when the relay stops. again: it was not tried, \
     * since no host of it answers; the first of them is tried again then; else 0. host: those that do not answer, a line each; some of many. */ \
    ROW(DELIVERED, delivered, U(attempt) U(host_down) U(again) S(results) S(host))                                        \
    ROW(HOST_BACK, host_back, S(host)) /* one way: it answers again                                                        */ \
    ROW(HOSTS_AGAIN, hosts_again, NOTHING) /* queue -> relay, one way: somebody wants a retry now: what is known of hosts that do not answer counts no more */ \
    /* relay -> queue: is a policy of MTA-STS kept of that domain? mode, id, hosts: mail/sts.h's; times: gp_time; asked: for mail, last */ \
    ROW(STS_FIND, sts_find, S(domain))                                                                                     \
    ROW(STS_FOUND, sts_found, U(status) U(mode) U(fetched) U(expires) U(asked) S(id) S(hosts))                             \
    ROW(STS_DUE, sts_due, U(fetched) S(domain))            /* the next behind that one that wants to be fetched again     */ \
    ROW(STS_DUE_IS, sts_due_is, U(status) U(fetched) S(domain))                                                            \
    /* one way: how TLS went; store/tls_results.h's. text: the policy; from, to: addresses of a connection that failed, peer: what \
     * the server called itself there                                                                                     */ \
    ROW(TLS_SEEN, tls_seen, S(domain) S(policy) S(text) S(host) S(from) S(to) S(peer) S(result) S(reason))                 \
    ROW(STS_KEEP, sts_keep, U(mode) U(fetched) U(expires) U(asked) S(domain) S(id) S(hosts)) /* one way: it was fetched             */                                                         \
    /* queue -> relay: where does that domain want reports of TLS? from: the domain that mail would be from. ways: mail/tlsrpt.h's; status: PERMFAIL: it \
     * wants none; is_signed: mail from that domain is. why: of a no                                                        */ \
    ROW(REPORT_FIND, report_find, S(domain) S(from))                                                                       \
    ROW(REPORT_WAYS, report_ways, U(status) U(is_signed) S(ways) S(why))                                                   \
    ROW(REPORT_POST, report_post, S(uri) S(body))         /* queue -> relay: one that goes over the web; it answers POSTED */ \
    /* relay -> vault */                                                                                                  \
    ROW(DKIM_KEYS, dkim_keys, U(public) S(domain))        /* public: the lines have "TAB base64", their public halves    */ \
    ROW(DKIM_KEYS_ARE, dkim_keys_are, U(status) S(keys) S(domain)) /* lines "selector TAB rsa|ed25519", and whose they are: the   */ \
    /* domain's, or those of one above it; none: do not sign                                                               */ \
    ROW(PREFLIGHT, preflight, S(domain) S(why))           /* one way: what DNS has wrong of it; "": nothing             */ \
    ROW(DKIM_SIGN, dkim_sign, S(domain) S(selector) S(digest))                                                            \
    ROW(DKIM_SIGNED, dkim_signed, U(status) S(signature))                                                                 \
    /* vault -> relay: what we present to the servers of a login (config.h's); chain "": there is none that can be used. expires: gp_time        */ \
    ROW(OUR_CERTIFICATE, our_certificate, U(login) U(generation) U(expires) S(chain))                                              \
    /* our sign-in at the smarthost. presented: it has asked for that certificate, and been given it; which: config.h's; account, and its number: whose mail it is, where each signs in as itself */ \
    ROW(LOGIN_START, login_start, U(login) U(which) U(secure) U(presented) U(binding) U(number) S(account) S(binding_data) S(end_point) S(offered)) \
    ROW(LOGIN_LINE, login_line, U(login) S(line))                                                                         \
    /* text: base64 to send. believed: the server may say 235 from here on; before SCRAM's proof it may not              */ \
    /* why: of a status that is not OK, for whoever asks why mail waits; no secret                                        */ \
    ROW(LOGIN_SAYS, login_says, U(status) U(step) U(has_initial) U(believed) S(mechanism) S(text) S(why))                  \
    ROW(LOGIN_END, login_end, U(login) U(which) U(fate))  /* one way; fate: enum login_fate                            */ \
    /* queue -> vault: sign where my chain of the audit ends, or has aged out to (says: store/audit_seal.h); the line that says so, and vault: its own newest */ \
    ROW(SEAL, seal, U(says) U(seq) S(id) S(hash))                                                                         \
    ROW(SEALED, sealed, U(status) S(line) S(vault))                                                                        \
    /* supervisor -> vault: fds[0] the file, fds[1] the syslog socket where checkpoints go besides, where they are wanted  */ \
    ROW(AUDIT_EXPORT, audit_export, U(present))                                                                           \
    /* vault -> lookup, which is one source of accounts. kind: enum lookup_kind; peer: lines are kept fair by it          */ \
    ROW(LOOKUP, lookup, U(kind) U(session) S(user) S(secret) S(peer) S(helo) S(mechanism))                                \
    /* status: OK it is right; WAIT: the source only keeps `hash`: check the secret against that (or, kind HASH: here it is);   \
     * PERMFAIL: no; TEMPFAIL: cannot tell now. known: there is such a user there, else ask the next source. user: the       \
     * name there; hash: a password string; subject: a token's, as ISSUER, a blank and SUBJECT; ends: when the token does, or 0;  \
     * why: the true reason, for the log. */                                                                              \
    ROW(LOOKED, looked, U(status) U(known) U(ends) S(user) S(hash) S(subject) S(why))                                     \
    /* vault -> lookup that is the webhook: a notice. status: TEMPFAIL: not now; PERMFAIL: it will never take this one       */ \
    ROW(POST, post, S(id) S(host) S(kind) S(account) S(time) S(subject) S(text))                                          \
    ROW(POSTED, posted, U(status) S(why))                                                                                 \
    /* queue -> lookup that posts events, which answers POSTED. body: JSON; id: the same when it is tried again              */ \
    ROW(EVENTS, events, S(id) S(body))                                                                                    \
    /* vault -> lookup that fetches tokens. provider: index in the configuration; form: the body, with secrets in it         */ \
    ROW(TOKEN_FETCH, token_fetch, U(provider) S(form))                                                                    \
    /* status: OK: access and, where it is another now, refresh; PERMFAIL: the provider says no; TEMPFAIL. lifetimes in seconds, 0: it \
     * does not say. error: its word for it, "invalid_grant"; why: for people                                               */ \
    ROW(TOKEN_FETCHED, token_fetched, U(status) U(lifetime) U(refresh_lifetime) S(access) S(refresh) S(error) S(why))     \
    /* relay -> lookup that asks the web: a POST of the body, or (type "") a GET. reach: where the URI's host is, transfer.h's  */ \
    ROW(WEB_ASK, web_ask, S(uri) S(reach) S(type) S(body))                                                                \
    /* status: OK: it answered 2xx; PERMFAIL: its certificate is not good; TEMPFAIL: anything else. code: of HTTP, or 0       */ \
    ROW(WEB_SAID, web_said, U(status) U(code) S(type) S(body) S(why))

enum msg_type {
    MSG_NONE,
#define ROW(NAME, name, fields) MSG_##NAME,
    MSG_ROWS(ROW)
#undef ROW
    MSG_TYPES
};

#define U(field) uint64_t field;
#define S(field) gp_str field;
#define NOTHING  char nothing; /* a struct has something */
#define ROW(NAME, name, fields) struct msg_##name { fields };
MSG_ROWS(ROW)
#undef ROW
#undef NOTHING
#undef S
#undef U

struct msg {
    enum msg_type type;
    uint32_t      question; /* set by ipc: what ipc_answer needs; 0: no answer is wanted    */
    int           fds[MSG_FDS_MOST]; /* -1: none. Sending: the caller keeps its own, and may close them at once. Receiving: */
                                     /* the handler owns them and sets -1 those it keeps; ipc closes the rest    */
    union {
#define ROW(NAME, name, fields) struct msg_##name name;
        MSG_ROWS(ROW)
#undef ROW
    };
};
#define MSG(TYPE) ((struct msg){ .type = MSG_##TYPE, .fds = { -1, -1 } })

/* Octets written, 0: does not fit. */
size_t msg_pack(const struct msg *, char *out, size_t room);
bool   msg_unpack(gp_str packed, struct msg *out) GP_MUST_USE; /* false: not a message; all of it must be used up */
const char *msg_name(enum msg_type);
const char *role_name(enum msg_role);

#endif
