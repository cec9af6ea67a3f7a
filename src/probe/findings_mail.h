/* Findings about who may send what, and about lines and limits. See findings.h. */
/* clang-format off */
FINDING(RELAY_LATE, "relay-late", PROBE_RELAY, PROBE_NOTE, "MAIL is taken without a sign-in",
        "RFC 6409 4.3: a submission server refuses at MAIL with 530. Refusing at RCPT is as safe, but some clients explain it badly.",
        [PROBE_POSTFIX] = "smtpd_delay_reject = no, with smtpd_sender_restrictions = permit_sasl_authenticated, reject for submission", [PROBE_EXIM] = "acl_smtp_mail that denies !authenticated = *",
        [PROBE_OPENSMTPD] = "nothing to set: with `auth` it refuses at MAIL")
FINDING(RELAY_CODE, "relay-code", PROBE_RELAY, PROBE_NOTE, "Sending without a sign-in gets another code than 530",
        "RFC 4954 6: 530 makes a client sign in; 550 and 554 look like a refusal for good.", [PROBE_EXIM] = "message = 530 5.7.0 Authentication required in the ACL",
        [PROBE_POSTFIX] = "relay_domains_reject_code and the like stay at 554: nothing to set but smtpd_sender_restrictions with `reject` at MAIL")
FINDING(RELAY_OPEN, "relay-open", PROBE_RELAY, PROBE_CRITICAL, "Anybody may send to anybody: an open relay",
        "RFC 5068 3.1, RFC 6409 4.3: a recipient elsewhere is taken without a sign-in. Spammers find it within hours, and the address is blocked everywhere.",
        [PROBE_POSTFIX] = "smtpd_relay_restrictions = permit_sasl_authenticated, reject; no wide mynetworks", [PROBE_DOVECOT] = "submission always needs a sign-in: what answers here is the server behind it",
        [PROBE_EXIM] = "acl_smtp_rcpt: accept authenticated = *, then require domains = +local_domains", [PROBE_OPENSMTPD] = "`match auth from any for any action ...`, and none without auth")
FINDING(RELAY_FORMS, "relay-forms", PROBE_RELAY, PROBE_CRITICAL, "An address in disguise is taken without a sign-in",
        "RFC 5321 3.6.1, F.2: percent, bang, source routes, quoting and literals hide a recipient elsewhere in what looks like a local one.",
        [PROBE_POSTFIX] = "allow_percent_hack = no, swap_bangpath = no, allow_untrusted_routing = no", [PROBE_EXIM] = "deny local_parts = ^.*[@%!/|] in acl_smtp_rcpt")
FINDING(RELAY_SPOOF, "relay-spoofed-sender", PROBE_RELAY, PROBE_ERROR, "Who has signed in may send as another",
        "RFC 6409 6.1: one stolen password, or one curious user, is everybody in the house.", [PROBE_GATEPOST] = "policy.identity.mode: enforce; `gatepost user may-act`",
        [PROBE_POSTFIX] = "smtpd_sender_login_maps, and smtpd_sender_restrictions = reject_sender_login_mismatch", [PROBE_EXIM] = "acl_smtp_mail that compares $sender_address with $authenticated_id",
        [PROBE_OPENSMTPD] = "`senders <table>` on the listener")
FINDING(RELAY_SPOOF_FROM, "relay-spoofed-from", PROBE_RELAY, PROBE_WARNING, "Who has signed in may write another's address into From",
        "RFC 6409 6.1, 8.1: what people see is From. A message in the name of another was taken.", [PROBE_GATEPOST] = "policy.identity.mode: enforce",
        [PROBE_POSTFIX] = "a milter that compares From with the login", [PROBE_EXIM] = "acl_smtp_data with control = submission, or a comparison of ${address:$h_From:}",
        [PROBE_OPENSMTPD] = "`senders <table> masquerade`")
FINDING(RELAY_MANY_FROM, "relay-several-from", PROBE_RELAY, PROBE_WARNING, "A message with two From fields is taken",
        "RFC 5322 3.6: there is one. With two, filters read one, people see the other, and DKIM vouches for either.", [PROBE_EXIM] = "verify = header_syntax, and deny condition = ${if match{$h_From:}{\\N\\n\\N}}",
        [PROBE_POSTFIX] = "a milter that counts them")
FINDING(RELAY_VRFY, "relay-vrfy", PROBE_RELAY, PROBE_WARNING, "VRFY or EXPN tells which names exist",
        "RFC 5321 3.5.3, 7.3: 252 for all tells nothing; other answers let names be collected.", [PROBE_POSTFIX] = "disable_vrfy_command = yes", [PROBE_EXIM] = "acl_smtp_vrfy and acl_smtp_expn unset")

FINDING(SMUGGLING_END, "smuggling-end-of-data", PROBE_SMUGGLING, PROBE_CRITICAL, "Something else than CR LF . CR LF ends a message",
        "CVE-2023-51764, -51765, -51766, RFC 5321 4.1.1.4: a sender hides a second message in a first, in anybody's name, and it passes SPF and DKIM of the house.",
        [PROBE_POSTFIX] = "smtpd_forbid_bare_newline = normalize (3.9; 3.8.5, 3.7.10 and earlier updates have it too); clients of $mynetworks are let off (smtpd_forbid_bare_newline_exclusions): ask from elsewhere", [PROBE_EXIM] = "update to 4.97.1 or later", [PROBE_OPENSMTPD] = "update",
        [PROBE_DOVECOT] = "update the server behind it")
FINDING(SMUGGLING_TAKES, "smuggling-takes-bare", PROBE_SMUGGLING, PROBE_NOTE, "A message with bare CR or LF is taken",
        "RFC 5321 2.3.8: they must not be sent. Passed on as they are, they may end the message in the eyes of the next server.",
        [PROBE_POSTFIX] = "smtpd_forbid_bare_newline = reject; with normalize bare LFs become line ends, and this stays", [PROBE_EXIM] = "look at a delivered one: Exim makes line ends of them", [PROBE_OPENSMTPD] = "update")
FINDING(SMUGGLING_LF, "smuggling-bare-lf", PROBE_SMUGGLING, PROBE_NOTE, "A bare LF ends a command",
        "RFC 5321 2.3.8: CR LF alone does. What one server takes for a line, the one before it did not.", [PROBE_POSTFIX] = "smtpd_forbid_bare_newline = reject", [PROBE_EXIM] = "update",
        [PROBE_OPENSMTPD] = NULL)
FINDING(SMUGGLING_CR, "smuggling-bare-cr", PROBE_SMUGGLING, PROBE_WARNING, "A bare CR ends a command",
        "RFC 5321 2.3.8: CR LF alone does. What one server takes for a line, the one before it did not.", [PROBE_EXIM] = "update")
FINDING(SMUGGLING_NUL, "smuggling-nul", PROBE_SMUGGLING, PROBE_NOTE, "A command with NUL in it is taken",
        "RFC 5321 2.3.1, 4.1.2: commands are printable ASCII. Programs in C read such a command up to the NUL alone, and others read all of it.", [PROBE_POSTFIX] = NULL)

FINDING(LIMITS_LONG_COMMAND, "limits-long-command", PROBE_LIMITS, PROBE_ERROR, "A long command is cut, and its tail read as another",
        "RFC 5321 4.5.3.1.9: 500 for the whole of it. Else what looks like an argument to one server is a command to this one.", [PROBE_POSTFIX] = "line_length_limit = 2048, as it was", [PROBE_GATEPOST] = NULL)
FINDING(LIMITS_NO_SIZE, "limits-no-size", PROBE_LIMITS, PROBE_NOTE, "The greatest size of a message is not told",
        "RFC 1870: with SIZE a client knows before it has sent 50 MB that it need not.", [PROBE_POSTFIX] = "message_size_limit; no `size` in smtpd_discard_ehlo_keywords", [PROBE_EXIM] = "message_size_limit",
        [PROBE_DOVECOT] = "submission_max_mail_size", [PROBE_OPENSMTPD] = "`smtp max-message-size`")
FINDING(LIMITS_SIZE, "limits-size", PROBE_LIMITS, PROBE_WARNING, "A message declared as too large is taken at MAIL",
        "RFC 1870 6.1: 552 at once, instead of after the whole of it.", [PROBE_GATEPOST] = NULL)
FINDING(LIMITS_RECIPIENTS, "limits-recipients", PROBE_LIMITS, PROBE_WARNING, "Fewer than 100 recipients are taken",
        "RFC 5321 4.5.3.1.8: 100 at least.", [PROBE_GATEPOST] = "limits.recipients", [PROBE_POSTFIX] = "smtpd_recipient_limit", [PROBE_EXIM] = "recipients_max",
        [PROBE_DOVECOT] = "submission_max_recipients", [PROBE_OPENSMTPD] = "`smtp limit max-rcpt`")
FINDING(LIMITS_ERRORS, "limits-errors", PROBE_LIMITS, PROBE_NOTE, "Errors without end have no consequence",
        "A client that says nonsense for hours holds a connection that others need.", [PROBE_GATEPOST] = "limits.errors_per_session", [PROBE_POSTFIX] = "smtpd_hard_error_limit",
        [PROBE_EXIM] = "smtp_max_unknown_commands, smtp_max_synprot_errors")
FINDING(SMUGGLING_8BIT, "smuggling-8bit", PROBE_SMUGGLING, PROBE_NOTE, "An address with octets that are no UTF-8 is taken",
        "RFC 5321 2.4, RFC 6531 3.7.1: commands are ASCII, and UTF-8 only where SMTPUTF8 was said. What is neither is read differently by each program that sees it.",
        [PROBE_EXIM] = "deny local_parts = \\N[\\x80-\\xff]\\N in acl_smtp_rcpt", [PROBE_POSTFIX] = "smtputf8_enable = yes with strict_smtputf8 = yes")
FINDING(SMUGGLING_NUL_TEXT, "smuggling-nul-text", PROBE_SMUGGLING, PROBE_NOTE, "A message with NUL in it is taken",
        "RFC 5322 4, RFC 5321 4.5.2: NUL must not be sent. Filters written in C read such a line up to it, and readers all of it.",
        [PROBE_POSTFIX] = "message_reject_characters = \\0", [PROBE_EXIM] = "deny condition = ${if > {$body_zerocount}{0}} in acl_smtp_data")
FINDING(LIMITS_COMMAND, "limits-short-command", PROBE_LIMITS, PROBE_WARNING, "A command of 512 octets is refused",
        "RFC 5321 4.5.3.1.4: 512 octets with CR LF must be taken, and more where extensions add parameters.", [PROBE_POSTFIX] = "line_length_limit = 2048, as it was", [PROBE_GATEPOST] = NULL)
FINDING(LIMITS_TEXT_LINE, "limits-text-line", PROBE_LIMITS, PROBE_WARNING, "A message with a line of 998 octets is refused, or with 8-bit text where 8BITMIME is offered",
        "RFC 5321 4.5.3.1.6: lines of 1000 octets with CR LF must be taken; RFC 6152 3: who offers 8BITMIME takes octets above 127.", [PROBE_GATEPOST] = NULL)
FINDING(LIMITS_IDLE, "limits-idle", PROBE_LIMITS, PROBE_NOTE, "It hangs up after less than five minutes of silence",
        "RFC 5321 4.5.3.2.7: a server waits five minutes for a command. Where nobody has signed in less may be wanted: then say so to those who type by hand.",
        [PROBE_GATEPOST] = "limits.sign_in_timeout, limits.command_timeout", [PROBE_POSTFIX] = "smtpd_timeout = 300s", [PROBE_EXIM] = "smtp_receive_timeout = 5m",
        [PROBE_OPENSMTPD] = "it is fixed: nothing to set", [PROBE_DOVECOT] = "it is fixed: nothing to set")
