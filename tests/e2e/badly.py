"""Real servers that are set up badly, each in one way that administrators find by themselves. A row: what is set, and what must be found that
is not found where they are set up well."""
import exim
import postfix

# Postfix: one master, a port for each row. "certificate" names one of the certificates, "words" are more for the command.
POSTFIX = {
    "everybody may relay": ({"smtpd_sender_restrictions": "", "smtpd_recipient_restrictions": "check_sender_access static:OK, reject",
                             "smtpd_relay_restrictions": "check_sender_access static:OK, reject"}, {"relay-open", "relay-late"}),
    "this network may relay": ({"smtpd_sender_restrictions": "", "smtpd_recipient_restrictions": "permit_mynetworks, reject",
                                "smtpd_relay_restrictions": "permit_mynetworks, reject"}, {"relay-open"}),
    "passwords in clear": ({"smtpd_tls_security_level": "may", "smtpd_tls_auth_only": "no"}, {"auth-in-clear"}),
    "no sign-in": ({"smtpd_sasl_auth_enable": "no"}, {"auth-none"}),
    "no TLS": ({"smtpd_tls_security_level": "none"}, {"tls-none"}),
    "anybody's address": ({"smtpd_sender_restrictions": "permit_sasl_authenticated, reject"}, {"relay-spoofed-sender"}),
    "TLS 1.0": ({"smtpd_tls_mandatory_protocols": ">=TLSv1", "tls_medium_cipherlist": "ALL:@SECLEVEL=0"}, {"tls-old-versions"}),
    "no TLS 1.3": ({"smtpd_tls_mandatory_protocols": ">=TLSv1.2, <=TLSv1.2"}, {"tls-no-1.3"}),
    "static RSA": ({"smtpd_tls_mandatory_exclude_ciphers": "aNULL", "certificate": "rsa"}, {"tls-no-forward-secrecy"}),
    "no encryption": ({"smtpd_tls_mandatory_ciphers": "null", "tls_null_cipherlist": "ALL:eNULL:@SECLEVEL=0", "smtpd_tls_mandatory_exclude_ciphers": "kRSA"}, {"tls-weak-suites"}),
    "the version": ({"smtpd_banner": "$myhostname ESMTP $mail_name ($mail_version)"}, {"hello-version"}),
    "extensions away": ({"smtpd_discard_ehlo_keywords": "pipelining, size, etrn"}, {"hello-lacks", "limits-no-size"}),
    "AUTH=": ({"broken_sasl_auth_clients": "yes"}, {"auth-equals"}),
    "ETRN": ({"smtpd_discard_ehlo_keywords": ""}, {"hello-obsolete"}),
    "late": ({"smtpd_delay_reject": "yes"}, {"relay-late"}),
    "EHLO refused": ({"smtpd_helo_restrictions": "reject"}, {"hello-no-ehlo"}),
    "few recipients": ({"smtpd_recipient_limit": "20", "words": ["--thorough"]}, {"limits-recipients"}),
    "errors without end": ({"smtpd_hard_error_limit": "1000", "smtpd_soft_error_limit": "900", "words": ["--thorough"]}, {"limits-errors"}),
    "bare line ends": ({"smtpd_forbid_bare_newline": "no", "words": ["--send-to", "lena@example.net"]}, {"smuggling-end-of-data"}),
    "another name": ({"certificate": "other-name"}, {"tls-name"}),
    "expired": ({"certificate": "expired"}, {"tls-expired"}),
    "nobody's chain": ({"certificate": "untrusted"}, {"tls-untrusted"}),
    "a short key": ({"certificate": "short-key", "tls_medium_cipherlist": "ALL:@SECLEVEL=0"}, {"tls-short-key"}),
    "mechanisms of the last century": ({"smtpd_sasl_security_options": "", "sasl": "old"}, {"auth-anonymous", "auth-obsolete"}),
}

# Exim: a process for each. What is replaced in the good configuration, and its authenticators where they are others.
PLAINTEXT = """
anyone:
  driver = plaintext
  public_name = {mechanism}
  server_prompts = {prompts}
  server_condition = {condition}
  server_set_id = $auth{user}
"""
EXIM = {
    "everybody may relay": ([("  accept authenticated = *\n  deny message = sign in first", "  accept"), ("  deny !authenticated = *\n       message = 530 5.7.0 sign in first\n", ""),
                             ("  deny !condition = ${{if eqi{{$authenticated_id}}{{$sender_address}}}}\n       message = 550 5.7.1 not your address\n", "")], None, {"relay-open", "relay-late"}),
    "disguised recipients": ([("  deny message = sign in first", "  accept domains = localhost\n  deny message = sign in first"),
                              ("  deny !authenticated = *\n       message = 530 5.7.0 sign in first\n", ""),
                              ("  deny !condition = ${{if eqi{{$authenticated_id}}{{$sender_address}}}}\n       message = 550 5.7.1 not your address\n", "")], None, {"relay-forms"}),
    "passwords in clear": ([("auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}", "auth_advertise_hosts = *")], None, {"auth-in-clear"}),
    "no TLS": ([("tls_advertise_hosts = *", "tls_advertise_hosts =")], None, {"tls-none"}),
    "anybody's address": ([("${{if eqi{{$authenticated_id}}{{$sender_address}}}}", "true")], None, {"relay-spoofed-sender"}),
    "few recipients": ([("queue_only = true", "queue_only = true\nrecipients_max = 20\nrecipients_max_reject = false")], None, {"limits-recipients"}),
    "TLS 1.0": ([("SECURE256:SECURE192:SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:%SERVER_PRECEDENCE", "NORMAL:+VERS-TLS1.0:+VERS-TLS1.1:-RSA:%VERIFY_ALLOW_SIGN_WITH_SHA1")],
                None, {"tls-old-versions"}),
    "any password": ([], PLAINTEXT.format(mechanism="PLAIN", prompts=":", condition="true", user="2"), {"auth-any-password"}),
    "LOGIN's words": ([], PLAINTEXT.format(mechanism="LOGIN", prompts="Who? : How?", condition="${if eq{$auth2}{a long enough password}}", user="1"), {"auth-login-prompt"}),
}

# OpenSMTPD: a port for each row.
OPENSMTPD_WELL = "listen on 127.0.0.1 port {port} hostname mx.example.net tls-require pki site auth <people> senders <addresses>\n"
OPENSMTPD = {
    "everybody may relay": ("listen on 127.0.0.1 port {} hostname mx.example.net tag OPEN", {"relay-open", "tls-none", "auth-none"}),
    "no domain": ("listen on 127.0.0.1 port {} hostname myhost", {"hello-greeting", "hello-name"}),
}
OPENSMTPD_RULES = 'action "out" relay\nmatch auth from any for any action "out"\nmatch tag OPEN from any for any action "out"\n'


def bad_postfix(folder, settings, certificates, sockets):
    """One Postfix with a port for each row: (server, {row: port}). settings is the good configuration."""
    services = {}
    for name, (changes, _) in POSTFIX.items():
        values = {key: value for key, value in changes.items() if key.startswith(("smtpd", "tls", "broken"))}
        if "certificate" in changes:
            values["smtpd_tls_chain_files"] = "{1}, {0}".format(*certificates([changes["certificate"]]))
        if "sasl" in changes:
            values["smtpd_sasl_path"] = str(sockets[changes["sasl"]])
        services[name] = values
    made = postfix.Postfix(folder, settings, more=services)
    return made, made.ports


def bad_exim(folder, certificate, socket):
    """{row: server}"""
    made = {}
    for number, (name, (changes, authenticators, _)) in enumerate(EXIM.items()):
        configuration = exim.WELL_SET_UP
        for old, new in changes:
            assert old in configuration, (name, old)
            configuration = configuration.replace(old, new)
        mechanisms = ("PLAIN", "LOGIN") if authenticators is None else ()
        made[name] = exim.Exim(folder / f"exim-{number}", certificate, socket, configuration, mechanisms, authenticators or "")
    return made
