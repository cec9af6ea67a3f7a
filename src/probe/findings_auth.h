/* Findings about signing in. See findings.h. */
/* clang-format off */
FINDING(AUTH_NONE, "auth-none", PROBE_AUTH, PROBE_ERROR, "No sign-in is offered on a port for submission",
        "RFC 6409 4.3, RFC 4954 3: without AUTH nobody may send here, or everybody.",
        [PROBE_POSTFIX] = "smtpd_sasl_auth_enable = yes, with smtpd_sasl_type and smtpd_sasl_path", [PROBE_EXIM] = "authenticators, and auth_advertise_hosts = *",
        [PROBE_OPENSMTPD] = "`auth` on the listener", [PROBE_GATEPOST] = "`mechanisms` in gatepost.yml; `gatepost credential list`")
FINDING(AUTH_CLEAR, "auth-in-clear", PROBE_AUTH, PROBE_ERROR, "Passwords may be said in clear",
        "RFC 4954 4, 9 and RFC 8314 3: PLAIN or LOGIN is offered before TLS, and a client that takes it shows its password to all in between.",
        [PROBE_POSTFIX] = "smtpd_tls_auth_only = yes (or smtpd_tls_security_level = encrypt)", [PROBE_DOVECOT] = "disable_plaintext_auth = yes, ssl = required",
        [PROBE_EXIM] = "auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}", [PROBE_OPENSMTPD] = "`tls-require` on the listener")
FINDING(AUTH_UNADVERTISED, "auth-unadvertised", PROBE_AUTH, PROBE_ERROR, "AUTH PLAIN is taken in clear although it is not offered",
        "RFC 4954 4: a client set up to use PLAIN without asking shows its password, and nothing tells it to stop.",
        [PROBE_POSTFIX] = "smtpd_tls_auth_only = yes", [PROBE_DOVECOT] = "disable_plaintext_auth = yes",
        [PROBE_EXIM] = "server_condition or server_advertise_condition = ${if def:tls_in_cipher}", [PROBE_OPENSMTPD] = "`tls-require` on the listener")
FINDING(AUTH_NO_PLAIN, "auth-no-plain", PROBE_AUTH, PROBE_NOTE, "PLAIN is not offered under TLS",
        "RFC 4954 4: it must be implemented; many clients and devices know PLAIN and LOGIN alone.",
        [PROBE_GATEPOST] = "`mechanisms` in gatepost.yml", [PROBE_POSTFIX] = "the SASL plug-in's mech_list (Cyrus) or auth_mechanisms (Dovecot)",
        [PROBE_DOVECOT] = "auth_mechanisms = plain login", [PROBE_EXIM] = "an authenticator with driver = plaintext")
FINDING(AUTH_ANONYMOUS, "auth-anonymous", PROBE_AUTH, PROBE_CRITICAL, "ANONYMOUS is offered",
        "RFC 4505: it is a sign-in without a name: with it everybody may send.",
        [PROBE_POSTFIX] = "smtpd_sasl_security_options = noanonymous", [PROBE_DOVECOT] = "auth_mechanisms without anonymous")
FINDING(AUTH_OBSOLETE, "auth-obsolete", PROBE_AUTH, PROBE_NOTE, "Mechanisms that are given up are offered",
        "RFC 6331: DIGEST-MD5 is historic; NTLM was never a standard and is broken; CRAM-MD5 needs passwords that can be read back and proves nothing about the server.",
        [PROBE_GATEPOST] = "`mechanisms` without CRAM-MD5; per credential where a device needs it", [PROBE_POSTFIX] = "smtpd_sasl_mechanism_filter, or the plug-in's list",
        [PROBE_DOVECOT] = "auth_mechanisms = plain login scram-sha-256", [PROBE_EXIM] = "remove the authenticators")
FINDING(AUTH_NO_SCRAM, "auth-no-scram", PROBE_AUTH, PROBE_NOTE, "No mechanism hides the password from the server",
        "RFC 7677: with SCRAM the server never sees the password, and proves who it is; with PLAIN and LOGIN TLS is all there is.",
        [PROBE_GATEPOST] = "`mechanisms` with SCRAM-SHA-256", [PROBE_POSTFIX] = "Dovecot or gatepost as the SASL server", [PROBE_DOVECOT] = "auth_mechanisms = scram-sha-256 ..., and passwords stored so",
        [PROBE_EXIM] = "driver = dovecot, or gsasl with server_channelbinding")
FINDING(AUTH_NO_PLUS, "auth-no-plus", PROBE_AUTH, PROBE_NOTE, "SCRAM is not bound to TLS",
        "RFC 5802 6, RFC 9266: with -PLUS whoever sits in between with a certificate that is trusted by mistake is noticed.",
        [PROBE_GATEPOST] = "`mechanisms` with SCRAM-SHA-256-PLUS", [PROBE_DOVECOT] = "auth_mechanisms = scram-sha-256-plus (2.4)", [PROBE_EXIM] = "driver = gsasl, server_channelbinding = true")
FINDING(AUTH_EQUALS, "auth-equals", PROBE_AUTH, PROBE_NOTE, "The old form AUTH= is offered",
        "RFC 4954 3 knows AUTH and a space. The other form is for clients of the last century, which may take it in clear.",
        [PROBE_POSTFIX] = "broken_sasl_auth_clients = no", [PROBE_EXIM] = NULL)
FINDING(AUTH_BEFORE_HELLO, "auth-before-hello", PROBE_AUTH, PROBE_NOTE, "AUTH is taken before EHLO",
        "RFC 5321 4.1.4, RFC 4954 4: AUTH is an extension, and a client that has not said EHLO has none: 503.", [PROBE_GATEPOST] = NULL)
FINDING(AUTH_NO_MECHANISM, "auth-without-mechanism", PROBE_AUTH, PROBE_NOTE, "AUTH without a mechanism gets another code than 501",
        "RFC 5321 4.3.2, RFC 4954 4: 501 is for a command that lacks its argument.", [PROBE_GATEPOST] = NULL)
FINDING(AUTH_UNKNOWN, "auth-unknown-mechanism", PROBE_AUTH, PROBE_NOTE, "An unknown mechanism gets another code than 504",
        "RFC 4954 4: 504 tells a client to try another mechanism; after 535 it asks for another password instead.",
        [PROBE_POSTFIX] = "Postfix answers 535 here: nothing to set")
FINDING(AUTH_NOT_BASE64, "auth-not-base64", PROBE_AUTH, PROBE_NOTE, "A response that is not base64 gets another code than 501",
        "RFC 4954 4: 501 says that the client is broken; 535 would say that the password is wrong.", [PROBE_POSTFIX] = "Postfix answers 535 here: nothing to set")
FINDING(AUTH_CANCEL, "auth-cancel", PROBE_AUTH, PROBE_NOTE, "A cancelled sign-in gets another code than 501",
        "RFC 4954 4: the client's `*` is answered with 501.", [PROBE_GATEPOST] = NULL)
FINDING(AUTH_CASE, "auth-case", PROBE_AUTH, PROBE_WARNING, "The name of a mechanism is not taken in lower case",
        "RFC 4954 4, RFC 5321 2.4: keywords are compared without regard to case; some clients write them small.", [PROBE_EXIM] = "public_name in capitals")
FINDING(AUTH_EMPTY_CHALLENGE, "auth-empty-challenge", PROBE_AUTH, PROBE_WARNING, "AUTH PLAIN without an initial response is not asked for one",
        "RFC 4954 4: the server says 334 and nothing behind it. Clients that wait for that can not sign in.", [PROBE_EXIM] = "server_prompts = : for PLAIN")
FINDING(AUTH_LOGIN_PROMPT, "auth-login-prompt", PROBE_AUTH, PROBE_WARNING, "LOGIN does not ask with the words that clients know",
        "Clients of LOGIN (draft-murchison-sasl-login) look for VXNlcm5hbWU6 and UGFzc3dvcmQ6, \"Username:\" and \"Password:\"; some stop at others.",
        [PROBE_EXIM] = "server_prompts = Username:: : Password::", [PROBE_DOVECOT] = NULL)
FINDING(AUTH_CRAM_EARLY, "auth-cram-initial", PROBE_AUTH, PROBE_NOTE, "CRAM-MD5 takes an initial response",
        "RFC 4954 4: the server speaks first in CRAM-MD5, and refuses an initial response with 501.", [PROBE_GATEPOST] = NULL)
FINDING(AUTH_CRAM_REPEATS, "auth-cram-repeats", PROBE_AUTH, PROBE_ERROR, "CRAM-MD5's challenge is the same twice",
        "RFC 2195 2: the challenge is to be new each time; one that comes again lets a recorded answer be said again.", [PROBE_EXIM] = "server_secret and a challenge by Exim itself, no fixed one")
FINDING(AUTH_SHORT_LINES, "auth-short-lines", PROBE_AUTH, PROBE_WARNING, "Long responses are refused",
        "RFC 4954 4: lines of 12288 octets are to be taken: OAuth tokens and tickets are that long.", [PROBE_POSTFIX] = "line_length_limit = 12288", [PROBE_EXIM] = "update: it takes 16384 by itself")
FINDING(AUTH_LONG, "auth-out-of-step", PROBE_AUTH, PROBE_ERROR, "After a response that is too long the server reads its tail as commands",
        "RFC 4954 4: the rest of the line is to be swallowed first; else parts of a secret are commands, and stand in the log.", [PROBE_POSTFIX] = "update")
FINDING(AUTH_REFUSED, "auth-refused", PROBE_AUTH, PROBE_ERROR, "A mechanism that is offered does not work",
        "The name and password are right by another mechanism, or nowhere: clients that choose this one can not sign in.",
        [PROBE_GATEPOST] = "`gatepost credential list` says what a credential may be used with", [PROBE_POSTFIX] = "take it out of what is offered: smtpd_sasl_mechanism_filter",
        [PROBE_DOVECOT] = "auth_mechanisms without it, or passwords stored in a form that it can use", [PROBE_EXIM] = "remove the authenticator, or mend its server_ options")
FINDING(AUTH_ANY_PASSWORD, "auth-any-password", PROBE_AUTH, PROBE_CRITICAL, "A wrong password signs in",
        "Anybody may send as this account, and most probably as all others.", [PROBE_GATEPOST] = NULL, [PROBE_EXIM] = "server_condition that compares", [PROBE_DOVECOT] = "no `nopassword` in the passdb",
        [PROBE_POSTFIX] = "look at what it asks: smtpd_sasl_type, smtpd_sasl_path")
FINDING(AUTH_ANY_USER, "auth-any-user", PROBE_AUTH, PROBE_CRITICAL, "A name that nobody has signs in",
        "Anybody may send.", [PROBE_EXIM] = "server_condition that looks the name up", [PROBE_DOVECOT] = "no static passdb without a password")
FINDING(AUTH_FAILURE_CODE, "auth-failure-code", PROBE_AUTH, PROBE_WARNING, "A wrong password gets another code than 535",
        "RFC 4954 6: 535 makes a client ask for another password; a 4xx makes it try the wrong one for ever.", [PROBE_EXIM] = "server_condition that fails instead of deferring",
        [PROBE_POSTFIX] = "the SASL server answers a wrong password with a temporary failure: look at its log")
FINDING(AUTH_TELLS, "auth-tells-users", PROBE_AUTH, PROBE_ERROR, "The reply tells whether a name exists",
        "RFC 4954 9, RFC 4422 6: unknown name and wrong password must look the same, or names can be collected and their passwords guessed.",
        [PROBE_POSTFIX] = "smtpd_reject_unlisted_sender does not matter here: the SASL server's texts differ", [PROBE_EXIM] = "the same server_condition and text for both",
        [PROBE_DOVECOT] = "auth_verbose leaves replies alone; look at a passdb's deny or reason fields")
FINDING(AUTH_TIME, "auth-time", PROBE_AUTH, PROBE_WARNING, "The time of a refusal tells whether a name exists",
        "An unknown name is refused faster or slower than a wrong password, so names can be collected.", [PROBE_DOVECOT] = "auth_failure_delay = 2 secs hides most of it",
        [PROBE_EXIM] = "a delay in acl_smtp_auth, or a password check for unknown names too")
FINDING(AUTH_TWICE, "auth-twice", PROBE_AUTH, PROBE_WARNING, "A second sign-in in one session is taken",
        "RFC 4954 4: after a success AUTH is answered with 503.", [PROBE_GATEPOST] = NULL)
FINDING(AUTH_TRANSACTION, "auth-in-transaction", PROBE_AUTH, PROBE_WARNING, "AUTH is taken between MAIL and the end of the message",
        "RFC 4954 4: it is not permitted during a transaction: 503.", [PROBE_GATEPOST] = NULL)
FINDING(AUTH_PARAMETER, "auth-parameter", PROBE_AUTH, PROBE_WARNING, "MAIL with AUTH=<> is refused",
        "RFC 4954 5: who offers AUTH takes the parameter; servers that pass mail on send it.", [PROBE_EXIM] = "acl_smtp_mailauth = accept", [PROBE_POSTFIX] = NULL)
FINDING(AUTH_DOWNGRADE, "auth-scram-downgrade", PROBE_AUTH, PROBE_ERROR, "SCRAM does not notice that -PLUS was taken away",
        "RFC 5802 6: a client that says `y` believes that no -PLUS is offered; a server that offers it must refuse, since somebody in between has changed the list.", [PROBE_DOVECOT] = "update")
FINDING(AUTH_BINDING, "auth-wrong-binding", PROBE_AUTH, PROBE_CRITICAL, "SCRAM-PLUS takes a wrong channel binding",
        "RFC 5802 5.1: the binding is not compared, so whoever sits in between is not noticed.", [PROBE_DOVECOT] = "update", [PROBE_EXIM] = "update gsasl")
FINDING(AUTH_DROPS, "auth-drops-early", PROBE_AUTH, PROBE_NOTE, "The connection is dropped before the third wrong sign-in",
        "RFC 4954 9: at least three tries before the connection is dropped; clients try several mechanisms.", [PROBE_GATEPOST] = "limits.auth_failures_per_session")
FINDING(AUTH_CLEAR_CODE, "auth-clear-code", PROBE_AUTH, PROBE_NOTE, "AUTH in clear is refused as a wrong password is",
        "RFC 4954 6, RFC 3207 4: 538, 530 or 503 say that TLS comes first; after 535 people are asked for another password.", [PROBE_EXIM] = "message = 538 5.7.11 ... in acl_smtp_auth",
        [PROBE_POSTFIX] = "smtpd_tls_security_level = encrypt: 530")
FINDING(AUTH_EMPTY_RESPONSE, "auth-empty-response", PROBE_AUTH, PROBE_NOTE, "`=` is not taken for an empty response",
        "RFC 4954 4: AUTH PLAIN and `=` is a response of no octets, which is wrong. A server that asks for another one does not know the form, and EXTERNAL needs it.",
        [PROBE_GATEPOST] = NULL)
