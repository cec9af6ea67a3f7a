/* Findings about the own server's files, and about clients. See findings.h. */
/* clang-format off */
FINDING(OWN_CONFIG, "own-config", PROBE_OWN, PROBE_ERROR, "The configuration has problems",
        "A server that is started with it does not start; one that runs has another configuration than the file.", [PROBE_GATEPOST] = "`gatepost config check` lists all of them")
FINDING(OWN_LISTENER, "own-listener", PROBE_OWN, PROBE_ERROR, "A listener of the configuration does not answer",
        "It does not run, or was started before the configuration changed: gatepost reads it at the start only.", [PROBE_GATEPOST] = "`gatepost status`; restart it after a change of gatepost.yml")
FINDING(OWN_MODE, "own-file-modes", PROBE_OWN, PROBE_CRITICAL, "Others on this machine can read secrets, or change what decides",
        "Keys, passwords and mail are read by the vault, the queue and root alone.", [PROBE_GATEPOST] = "chmod go-rwx on files and folders with secrets, chmod o-w on gatepost.yml")
FINDING(OWN_MISSING, "own-file-missing", PROBE_OWN, PROBE_ERROR, "A file that the configuration names cannot be read",
        "The server does not start, or goes on with what it read before.", [PROBE_GATEPOST] = "put it there, or change the path; run the check as root")
FINDING(OWN_STORE, "own-store", PROBE_OWN, PROBE_CRITICAL, "A database is damaged or cannot be read",
        "Accounts or mail may be lost. SQLite's quick_check reads all of it.", [PROBE_GATEPOST] = "stop the server, keep a copy of the file, restore a backup (docs/operations.md)")
FINDING(OWN_DISK, "own-disk", PROBE_OWN, PROBE_ERROR, "The disk of the queue is nearly full",
        "Below queue.free_space mail is refused with 452; a database that can not grow refuses sign-ins too.", [PROBE_GATEPOST] = "make room, or put the set-up on a larger disk")
FINDING(OWN_CLOCK, "own-clock", PROBE_OWN, PROBE_WARNING, "The clock is wrong",
        "Tokens, certificates, hours of credentials and retries go by it: files of the set-up are of a time to come.", [PROBE_GATEPOST] = "let systemd-timesyncd or chrony set it")
FINDING(OWN_CERTIFICATE, "own-certificate", PROBE_OWN, PROBE_ERROR, "Certificate and key do not fit, or the certificate has ended",
        "The server keeps the pair before until it is restarted, and then does not start.", [PROBE_GATEPOST] = "`tls` in gatepost.yml; renew it: new files are taken without a restart")
FINDING(OWN_RESTART, "own-restart", PROBE_OWN, PROBE_WARNING, "The configuration has changed since the server was started",
        "gatepost reads it at the start only: what is in force is what it said before, whatever this check made of the file.", [PROBE_GATEPOST] = "`gatepost config check`, then restart the server")
FINDING(OWN_RELOAD, "own-reload", PROBE_OWN, PROBE_WARNING, "The server shows another certificate than the file has",
        "A new certificate was put there and not taken: it could not be read, or its key does not fit.", [PROBE_GATEPOST] = "look for it in the log; send SIGHUP")
FINDING(OWN_BACKUP, "own-backup", PROBE_OWN, PROBE_ERROR, "The backup is too old, empty or not there",
        "Accounts, keys and mail that waits are on one disk. What is found on the day when it fails is the last copy that was made.",
        [PROBE_GATEPOST] = "docs/operations.md tells how to copy; look at what runs it; --backup-age if less often is enough")
FINDING(CLIENT_BREAKS, "client-breaks", PROBE_CLIENTS, PROBE_WARNING, "A kind of client can not sign in here",
        "What it needs is not offered, or is not answered as it expects. Whether it should work is for you to say: old printers need what is not safe.",
        [PROBE_GATEPOST] = "docs/clients.md; a restricted credential for a device, by `gatepost credential add`", [PROBE_POSTFIX] = "offer PLAIN and LOGIN under TLS; smtpd_tls_wrappermode on 465",
        [PROBE_DOVECOT] = "auth_mechanisms = plain login", [PROBE_EXIM] = "authenticators for PLAIN and LOGIN")
