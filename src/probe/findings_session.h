/* Findings about reaching a server, its first words, and TLS. See findings.h. */
/* clang-format off */
FINDING(REACH_NO_CONNECTION, "reach-no-connection", PROBE_REACH, PROBE_ERROR, "Nobody answers",
        "RFC 8314 3.3: clients look for submission on port 465, and on 587. A refused connection means that nothing listens; none at all, that a firewall drops it.",
        [PROBE_GATEPOST] = "`gatepost status` says whether it serves; `listen` in gatepost.yml says where; then look at the firewall",
        [PROBE_POSTFIX] = "enable `submissions` and `submission` in master.cf; then look at the firewall",
        [PROBE_DOVECOT] = "`protocols = ... submission` and the inet_listeners of `service submission-login`",
        [PROBE_EXIM] = "daemon_smtp_ports = 25 : 465 : 587 and tls_on_connect_ports = 465",
        [PROBE_OPENSMTPD] = "`listen on ... smtps` and `listen on ... port submission` in smtpd.conf")
FINDING(REACH_NO_GREETING, "reach-no-greeting", PROBE_REACH, PROBE_ERROR, "What answers does not speak SMTP",
        "RFC 5321 3.1: a server opens with 220. Silence or noise is another service, TLS where clear text was expected, or a server that looks up the client for too long.",
        [PROBE_POSTFIX] = "smtpd_tls_wrappermode = yes for 465 alone; look for slow DNS in the log",
        [PROBE_EXIM] = "tls_on_connect_ports = 465; rfc1413_query_timeout = 0s",
        [PROBE_OPENSMTPD] = "`smtps` for 465, `tls` or `tls-require` for 587")
FINDING(REACH_NO_SUBMISSIONS, "reach-no-submissions", PROBE_REACH, PROBE_NOTE, "Port 465 (TLS from the start) does not answer",
        "RFC 8314 3.3: TLS from the first octet is what clients should prefer; STARTTLS alone leaves the first words to whoever is in between.",
        [PROBE_GATEPOST] = "`listen` with kind submissions in gatepost.yml",
        [PROBE_POSTFIX] = "uncomment `submissions` in master.cf, with smtpd_tls_wrappermode=yes",
        [PROBE_DOVECOT] = "inet_listener submissions { port = 465; ssl = yes } in service submission-login",
        [PROBE_EXIM] = "daemon_smtp_ports with 465, and tls_on_connect_ports = 465",
        [PROBE_OPENSMTPD] = "`listen on ... smtps pki ... auth`")
FINDING(REACH_NO_SUBMISSION, "reach-no-submission", PROBE_REACH, PROBE_NOTE, "Port 587 does not answer",
        "RFC 6409 3.1: 587 is the port that many clients and devices know and some can not change.",
        [PROBE_GATEPOST] = "`listen` with kind submission in gatepost.yml",
        [PROBE_POSTFIX] = "uncomment `submission` in master.cf, with smtpd_tls_security_level=encrypt",
        [PROBE_DOVECOT] = "inet_listener submission { port = 587 } in service submission-login",
        [PROBE_EXIM] = "daemon_smtp_ports with 587",
        [PROBE_OPENSMTPD] = "`listen on ... port submission tls-require pki ... auth`")

FINDING(REACH_TURNED_AWAY, "reach-turned-away", PROBE_REACH, PROBE_WARNING, "The server stopped answering on the way",
        "What came after that was not examined: limits of connections, or a guard, took the check for an attack. Run it from an address that is let be, or later.",
        [PROBE_GATEPOST] = "`gatepost guard` shows and lifts what is held against an address", [PROBE_POSTFIX] = "smtpd_client_event_limit_exceptions with the address", [PROBE_EXIM] = "smtp_accept_max_per_host, and the ACL's ratelimit",
        [PROBE_OPENSMTPD] = "`smtp limit`, and what filters do", [PROBE_DOVECOT] = "mail_max_userip_connections")
FINDING(HELLO_GREETING, "hello-greeting", PROBE_HELLO, PROBE_WARNING, "The greeting does not name the server",
        "RFC 5321 4.2: 220 and the server's own domain name. Clients and logs go by it.",
        [PROBE_GATEPOST] = "`hostname` in gatepost.yml", [PROBE_POSTFIX] = "smtpd_banner = $myhostname ESMTP; myhostname fully qualified",
        [PROBE_DOVECOT] = "hostname = mail.example.org", [PROBE_EXIM] = "primary_hostname; smtp_banner = $smtp_active_hostname ESMTP",
        [PROBE_OPENSMTPD] = "`hostname` on the listener, or /etc/mail/mailname")
FINDING(HELLO_VERSION, "hello-version", PROBE_HELLO, PROBE_NOTE, "The greeting tells the software's version",
        "Whoever looks for servers with a known hole finds this one without a try.",
        [PROBE_POSTFIX] = "smtpd_banner = $myhostname ESMTP (no $mail_version)", [PROBE_EXIM] = "smtp_banner = $smtp_active_hostname ESMTP",
        [PROBE_DOVECOT] = "login_greeting without a version")
FINDING(HELLO_NO_EHLO, "hello-no-ehlo", PROBE_HELLO, PROBE_ERROR, "EHLO is refused",
        "RFC 5321 3.2, 4.1.1.1: without EHLO there is neither STARTTLS nor AUTH.",
        [PROBE_POSTFIX] = "smtpd_helo_restrictions that are too strict for submission: set them empty in master.cf for 587 and 465",
        [PROBE_EXIM] = "acl_smtp_helo must not refuse clients that sign in later; helo_allow_chars")
FINDING(HELLO_NAME, "hello-name", PROBE_HELLO, PROBE_NOTE, "The answer to EHLO does not begin with the server's domain",
        "RFC 5321 4.1.1.1: the first word of the answer is the domain of the server.",
        [PROBE_POSTFIX] = "myhostname fully qualified", [PROBE_EXIM] = "primary_hostname fully qualified", [PROBE_GATEPOST] = "`hostname` fully qualified")
FINDING(HELLO_LACKS, "hello-lacks", PROBE_HELLO, PROBE_NOTE, "Usual extensions are missing",
        "RFC 6409 7: a submission server should offer PIPELINING, 8BITMIME and ENHANCEDSTATUSCODES: without them clients are slower, or must re-encode messages.",
        [PROBE_POSTFIX] = "smtpd_discard_ehlo_keywords must not name them", [PROBE_EXIM] = "accept_8bitmime = true; pipelining_advertise_hosts = *",
        [PROBE_DOVECOT] = "submission_backend_capabilities names what the server behind can do")
FINDING(HELLO_PIPELINING, "hello-pipelining", PROBE_HELLO, PROBE_ERROR, "PIPELINING is offered, and does not work",
        "RFC 2920 3.2: a server that offers it must answer every command of a group, in order. Clients that believe it hang, or lose mail.",
        [PROBE_POSTFIX] = "what stands in front of it (a filter or a firewall that inspects SMTP) loses input: switch that off",
        [PROBE_EXIM] = "pipelining_advertise_hosts empty, until what loses input is found")
FINDING(HELLO_CODES, "hello-codes", PROBE_HELLO, PROBE_WARNING, "ENHANCEDSTATUSCODES is offered, and replies have none",
        "RFC 2034 4: every 2xx, 4xx and 5xx reply but greeting and EHLO's begins with one. Clients explain refusals by them.",
        [PROBE_EXIM] = "messages of ACLs begin with a code by themselves: message = 5.7.1 ...; or do not offer it",
        [PROBE_POSTFIX] = "texts in restriction maps begin with a code: 550 5.7.1 ...")
FINDING(HELLO_UNKNOWN, "hello-unknown-command", PROBE_HELLO, PROBE_NOTE, "An unknown command gets another code than 500",
        "RFC 5321 4.2.4: 500 for a command that is not recognized, 502 for one that is not implemented.", [PROBE_GATEPOST] = NULL)
FINDING(HELLO_EMPTY, "hello-empty-name", PROBE_HELLO, PROBE_NOTE, "EHLO without a name is taken",
        "RFC 5321 4.1.1.1: EHLO has a domain or an address literal behind it; 501 is the answer to one that has none.",
        [PROBE_EXIM] = "helo_accept_junk_hosts empty")
FINDING(HELLO_HELO, "hello-helo", PROBE_HELLO, PROBE_NOTE, "HELO is refused",
        "RFC 5321 3.2: servers must take HELO too. Old devices say nothing else.", [PROBE_POSTFIX] = "smtpd_helo_restrictions empty for submission")
FINDING(HELLO_OBSOLETE, "hello-obsolete", PROBE_HELLO, PROBE_NOTE, "ETRN or ATRN is offered for submission",
        "RFC 6409 7: they must not be offered on the submission port.",
        [PROBE_POSTFIX] = "-o smtpd_discard_ehlo_keywords=etrn for submission in master.cf", [PROBE_EXIM] = "acl_smtp_etrn unset")

FINDING(TLS_NONE, "tls-none", PROBE_TLS, PROBE_ERROR, "No TLS is offered",
        "RFC 8314 3: passwords and mail pass in clear, and whoever is in between reads them.",
        [PROBE_POSTFIX] = "smtpd_tls_security_level = encrypt and smtpd_tls_chain_files for submission",
        [PROBE_DOVECOT] = "ssl = required, ssl_cert, ssl_key", [PROBE_EXIM] = "tls_advertise_hosts = *, tls_certificate, tls_privatekey",
        [PROBE_OPENSMTPD] = "`pki NAME cert ...`, `pki NAME key ...`, `listen on ... tls-require pki NAME`")
FINDING(TLS_STRIPPED, "tls-stripped", PROBE_TLS, PROBE_CRITICAL, "Something in between rewrites EHLO's answer",
        "Keywords such as XXXXXXXA stand where STARTTLS stood: a firewall or an attacker takes TLS away, and reads what passes (RFC 3207 6).",
        [PROBE_GATEPOST] = "use port 465; on the firewall switch SMTP inspection off (Cisco: `no inspect esmtp`)",
        [PROBE_POSTFIX] = "use port 465; on the firewall switch SMTP inspection off (Cisco: `no inspect esmtp`)",
        [PROBE_EXIM] = "use port 465; on the firewall switch SMTP inspection off (Cisco: `no inspect esmtp`)")
FINDING(TLS_BROKEN, "tls-handshake", PROBE_TLS, PROBE_ERROR, "TLS fails with a client of today",
        "RFC 9325: TLS 1.2 or 1.3 with forward secrecy is what clients of today take. This server can not agree with them, or its certificate and key do not fit.",
        [PROBE_POSTFIX] = "smtpd_tls_chain_files with key and certificate; smtpd_tls_protocols = >=TLSv1.2; look at the log",
        [PROBE_DOVECOT] = "ssl_cert, ssl_key, ssl_min_protocol = TLSv1.2", [PROBE_EXIM] = "tls_certificate, tls_privatekey readable by Exim's user; tls_require_ciphers",
        [PROBE_OPENSMTPD] = "`pki` with the right files")
FINDING(TLS_OLD, "tls-old-versions", PROBE_TLS, PROBE_ERROR, "TLS 1.0 or 1.1 is taken",
        "RFC 8996: both must not be used: they rest on MD5 and SHA-1, and lack authenticated encryption.",
        [PROBE_POSTFIX] = "smtpd_tls_mandatory_protocols = >=TLSv1.2 and smtpd_tls_protocols = >=TLSv1.2", [PROBE_DOVECOT] = "ssl_min_protocol = TLSv1.2",
        [PROBE_EXIM] = "openssl_options = +no_sslv3 +no_tlsv1 +no_tlsv1_1; with GnuTLS tls_require_ciphers = NORMAL:-VERS-TLS1.0:-VERS-TLS1.1",
        [PROBE_OPENSMTPD] = "`smtp ciphers` of TLS 1.2, and a libssl that has nothing older")
FINDING(TLS_NO_13, "tls-no-1.3", PROBE_TLS, PROBE_NOTE, "TLS 1.3 is not offered",
        "RFC 9325 3.1.1: servers should support 1.3, which hides more and needs a round trip less.",
        [PROBE_POSTFIX] = "OpenSSL 1.1.1 or later; no `!TLSv1.3` in smtpd_tls_protocols", [PROBE_DOVECOT] = "OpenSSL 1.1.1 or later",
        [PROBE_EXIM] = "a TLS library that has it; no +no_tlsv1_3")
FINDING(TLS_WEAK, "tls-weak-suites", PROBE_TLS, PROBE_ERROR, "Suites without encryption or without authentication are taken",
        "RFC 9325 4.1: NULL, anonymous, export and RC4 suites must not be negotiated: anybody in between can read or answer.",
        [PROBE_POSTFIX] = "smtpd_tls_mandatory_exclude_ciphers = aNULL, eNULL, EXPORT, RC4; smtpd_tls_mandatory_ciphers = medium",
        [PROBE_DOVECOT] = "ssl_cipher_list with !aNULL:!eNULL", [PROBE_EXIM] = "tls_require_ciphers with !aNULL:!eNULL",
        [PROBE_OPENSMTPD] = "`smtp ciphers \"HIGH:!aNULL:!MD5\"`")
FINDING(TLS_STATIC, "tls-no-forward-secrecy", PROBE_TLS, PROBE_WARNING, "Suites without forward secrecy are taken",
        "RFC 9325 4.1: static RSA should not be used: who gets the key some day reads all that was recorded before.",
        [PROBE_POSTFIX] = "smtpd_tls_exclude_ciphers = aNULL, kRSA", [PROBE_DOVECOT] = "ssl_cipher_list = HIGH:!kRSA:!aNULL",
        [PROBE_EXIM] = "tls_require_ciphers = HIGH:!kRSA:!aNULL; with GnuTLS NORMAL:-RSA", [PROBE_OPENSMTPD] = "`smtp ciphers \"HIGH:!kRSA:!aNULL\"`")
FINDING(TLS_EXPIRED, "tls-expired", PROBE_TLS, PROBE_ERROR, "The certificate is not valid today",
        "RFC 5280 4.1.2.5: clients refuse it, or teach their users to click warnings away.",
        [PROBE_GATEPOST] = "renew it; the new files are taken without a restart", [PROBE_POSTFIX] = "renew it, then `postfix reload`",
        [PROBE_DOVECOT] = "renew it, then `doveadm reload`", [PROBE_EXIM] = "renew it; Exim reads it anew for each connection",
        [PROBE_OPENSMTPD] = "renew it, then restart smtpd")
FINDING(TLS_EXPIRES, "tls-expires-soon", PROBE_TLS, PROBE_WARNING, "The certificate ends within two weeks",
        "Whatever renews it should have done so by now: it is probably broken, or nobody reloads the server.",
        [PROBE_GATEPOST] = "look at what renews it; gatepost takes new files by itself", [PROBE_POSTFIX] = "look at what renews it, and at its hook: `postfix reload`",
        [PROBE_DOVECOT] = "look at what renews it, and at its hook: `doveadm reload`", [PROBE_EXIM] = "look at what renews it",
        [PROBE_OPENSMTPD] = "look at what renews it, and at its hook: restart smtpd")
FINDING(TLS_NAME, "tls-name", PROBE_TLS, PROBE_ERROR, "The certificate is for another name",
        "RFC 7817 3, RFC 9525: a client must compare the name that it was set up with; with another one it refuses, or can be lied to.",
        [PROBE_GATEPOST] = "a certificate with that name in subjectAltName", [PROBE_POSTFIX] = "a certificate with that name in subjectAltName, or tls_server_sni_maps",
        [PROBE_DOVECOT] = "a certificate with that name in subjectAltName, or local_name", [PROBE_EXIM] = "a certificate with that name in subjectAltName, or tls_certificate by $tls_in_sni",
        [PROBE_OPENSMTPD] = "a certificate with that name in subjectAltName, or several `pki` on the listener")
FINDING(TLS_UNTRUSTED, "tls-untrusted", PROBE_TLS, PROBE_ERROR, "The certificate's chain leads to nobody who is trusted",
        "RFC 8314 4.1, RFC 5280 6: self-signed, or the intermediate certificates are missing: clients refuse it, and some stop checking for good.",
        [PROBE_GATEPOST] = "the file of the certificate holds the leaf first, then the intermediates; --ca-file checks against a root of your own",
        [PROBE_POSTFIX] = "smtpd_tls_chain_files: key, leaf, then intermediates", [PROBE_DOVECOT] = "ssl_cert = </path/fullchain.pem",
        [PROBE_EXIM] = "tls_certificate = /path/fullchain.pem", [PROBE_OPENSMTPD] = "`pki NAME cert \"/path/fullchain.pem\"`")
FINDING(TLS_SHORT_KEY, "tls-short-key", PROBE_TLS, PROBE_ERROR, "The certificate's key is too short",
        "RFC 9325 4.5: RSA keys of 2048 bits at least, elliptic curves of 224 at least; shorter ones can be broken, and clients refuse them.",
        [PROBE_GATEPOST] = "a new key: P-256, or RSA of 2048 bits", [PROBE_POSTFIX] = "a new key: P-256, or RSA of 2048 bits", [PROBE_DOVECOT] = "a new key: P-256, or RSA of 2048 bits",
        [PROBE_EXIM] = "a new key: P-256, or RSA of 2048 bits", [PROBE_OPENSMTPD] = "a new key: P-256, or RSA of 2048 bits")
FINDING(TLS_WEAK_SIGNATURE, "tls-weak-signature", PROBE_TLS, PROBE_ERROR, "The certificate is signed with MD5 or SHA-1",
        "RFC 9325 4.5, RFC 9155: such signatures can be forged; clients refuse them.",
        [PROBE_GATEPOST] = "a new certificate, signed with SHA-256", [PROBE_POSTFIX] = "a new certificate, signed with SHA-256", [PROBE_DOVECOT] = "a new certificate, signed with SHA-256",
        [PROBE_EXIM] = "a new certificate, signed with SHA-256", [PROBE_OPENSMTPD] = "a new certificate, signed with SHA-256")
FINDING(TLS_INJECTION, "tls-starttls-injection", PROBE_TLS, PROBE_CRITICAL, "Commands said in clear behind STARTTLS are obeyed under TLS",
        "CVE-2011-0411, RFC 3207 6: whoever is in between puts commands into the victim's session, and has passwords mailed to himself.",
        [PROBE_POSTFIX] = "update: mended in 2.5.12, 2.6.9, 2.7.3 and later", [PROBE_DOVECOT] = "update: mended in 2.3.15 (CVE-2021-33515)",
        [PROBE_EXIM] = "update to 4.92.2 or later", [PROBE_OPENSMTPD] = "update")
FINDING(TLS_AGAIN, "tls-starttls-again", PROBE_TLS, PROBE_WARNING, "STARTTLS is offered inside TLS",
        "RFC 3207 4.2: it must not be; clients that believe it fail.", [PROBE_GATEPOST] = NULL)
FINDING(TLS_ARGUMENT, "tls-starttls-argument", PROBE_TLS, PROBE_NOTE, "STARTTLS with an argument is taken",
        "RFC 3207 4: it has none; 501 is the answer to one that has.", [PROBE_GATEPOST] = NULL)
FINDING(TLS_NO_SNI, "tls-needs-sni", PROBE_TLS, PROBE_WARNING, "A client that names no server gets no TLS",
        "Old clients and devices send no server name (RFC 6066 3); they need a certificate to be there without.",
        [PROBE_POSTFIX] = "smtpd_tls_chain_files beside tls_server_sni_maps", [PROBE_EXIM] = "tls_certificate with a value for an empty $tls_in_sni",
        [PROBE_DOVECOT] = "ssl_cert outside of local_name", [PROBE_OPENSMTPD] = "a first `pki` on the listener")
FINDING(TLS_RESUMPTION, "tls-resumption", PROBE_TLS, PROBE_NOTE, "TLS sessions are not resumed",
        "RFC 8446 2.2, RFC 5077: a phone that looks for a moment needs a full handshake each time; it costs the server more than the rest of the session.",
        [PROBE_POSTFIX] = "tlsmgr in master.cf; no smtpd_tls_session_cache_timeout = 0", [PROBE_EXIM] = "tls_resumption_hosts = * (4.95)",
        [PROBE_DOVECOT] = "ssl_options without no_ticket", [PROBE_OPENSMTPD] = "it keeps no sessions: nothing to set")
FINDING(TLS_RESUMPTION_AUTH, "tls-resumption-signed-in", PROBE_TLS, PROBE_CRITICAL, "A resumed TLS session is signed in by itself",
        "RFC 4954 4: a sign-in is of one session of SMTP. Who resumes TLS has proved nothing anew, and a client that lends its cache lends its account.",
        [PROBE_GATEPOST] = NULL)
FINDING(TLS_RESUMPTION_NAME, "tls-resumption-any-name", PROBE_TLS, PROBE_NOTE, "A TLS session is resumed under another server name",
        "RFC 6066 3: with TLS 1.2 it must not be: where one address serves several names, a session of one is taken for the other's.",
        [PROBE_DOVECOT] = "one name for each address, or TLS 1.3 alone", [PROBE_EXIM] = "tls_resumption_hosts empty, or one name for each address")
FINDING(HELLO_SIGNED_IN, "hello-signed-in", PROBE_HELLO, PROBE_WARNING, "EHLO after a sign-in is refused, or ends it",
        "RFC 5321 4.1.4: EHLO may come again at any time, and clears what RSET clears: not the sign-in. Clients say it after AUTH to see what is offered then.",
        [PROBE_GATEPOST] = NULL, [PROBE_POSTFIX] = NULL)
