"""Mail programs that are not ours, behind one call: send(job) -> (did it go, what it said).

A row of MAILERS is a program with the mechanisms it speaks; every test goes over all rows.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import re
import shutil
import smtplib
import ssl
import subprocess

from letters import BOTH, Job, Mailer, letter, port_of, program
from senders import SENDERS

HERE = pathlib.Path(__file__).resolve().parent


def swaks(job):
    # swaks ends the last line itself.
    (job.folder / "swaks.eml").write_text(letter(job).replace("\r\n", "\n").removesuffix("\n"), newline="")
    tls = {"starttls": ["--tls"], "tls": ["--tls-on-connect"], "clear": []}[job.transport]
    return program(["swaks", "--server", "localhost", "--port", port_of(job), *tls, "--tls-verify", "--tls-ca-path", job.ca,
                    "--auth", job.mechanism, "--auth-user", job.name, "--auth-password", job.password, "--from", job.name,
                    "--to", job.recipient, "--data", f"@{job.folder}/swaks.eml", "--protocol", "ESMTP", "--timeout", "20"])


TOKEN_MECHANISMS = ("OAUTHBEARER", "XOAUTH2")


def curl(job):
    (job.folder / "curl.eml").write_bytes(letter(job).encode())
    config = job.folder / "curl.conf"
    config.write_text(f'user = "{job.name}:{job.password}"\n')
    if job.mechanism in TOKEN_MECHANISMS:
        config.write_text(f'user = "{job.name}"\noauth2-bearer = "{job.password}"\n')
    scheme, tls = {"starttls": ("smtp", ["--ssl-reqd"]), "tls": ("smtps", []), "clear": ("smtp", [])}[job.transport]
    return program(["curl", "--silent", "--show-error", "--verbose", "--config", config, "--cacert", job.ca, *tls,
                    "--login-options", f"AUTH={job.mechanism}", "--mail-from", job.name, "--mail-rcpt", job.recipient,
                    "--upload-file", job.folder / "curl.eml", f"{scheme}://localhost:{port_of(job)}/client.example"])


def msmtp(job):
    settings = {"starttls": "tls on\ntls_starttls on", "tls": "tls on\ntls_starttls off", "clear": "tls off"}[job.transport]
    rc = job.folder / "msmtprc"
    rc.write_text(f"account default\nhost localhost\nport {port_of(job)}\n{settings}\ntls_trust_file {job.ca}\nauth {job.mechanism.lower()}\n"
                  f"user {job.name}\npasswordeval cat {job.folder}/msmtp.password\nfrom {job.name}\ndomain client.example\ntimeout 20\n")
    if job.transport == "clear":
        rc.write_text(rc.read_text().replace(f"tls_trust_file {job.ca}\n", ""))
    (job.folder / "msmtp.password").write_text(job.password)
    rc.chmod(0o600)
    return program(["msmtp", "--file", rc, job.recipient], stdin=letter(job).replace("\r\n", "\n"))


def gsasl(job):
    """Signs in only: gsasl has no message to send. Without --no-cb it says that it could bind the channel but that the server
    did not offer to (RFC 5802 6), which is a downgrade and refused."""
    scram = ["--no-cb"] if job.mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256") else []
    tls = {"starttls": ["--starttls"], "clear": ["--no-starttls"]}[job.transport]
    ok, said = program(["gsasl", "--smtp", "--client", "--connect", f"localhost:{job.gatepost.port}", *tls, "--x509-ca-file", job.ca,
                        "--mechanism", job.mechanism, *scram, "--authentication-id", job.name, "--password", job.password,
                        "--no-client-first" if job.mechanism == "LOGIN" else "--verbose"], stdin="QUIT\r\n")
    return ok and "235 2.7.0" in said, said


def smtplib_scram(connection, job):
    """SCRAM with no library that knows gatepost: RFC 5802 3 from its text."""
    digest = job.mechanism.removeprefix("SCRAM-").replace("-", "").lower()
    first = f"n={job.name},r=fyko+d2lbbFgONRv9qkxdawL"
    _, challenge = connection.docmd("AUTH", f"{job.mechanism} " + base64.b64encode(b"n,," + first.encode()).decode())
    server_first = base64.b64decode(challenge).decode()
    said = dict(part.split("=", 1) for part in server_first.split(","))
    salted = hashlib.pbkdf2_hmac(digest, job.password.encode(), base64.b64decode(said["s"]), int(said["i"]))
    client_key = hmac.digest(salted, b"Client Key", digest)
    without = f"c=biws,r={said['r']}"
    signed = f"{first},{server_first},{without}".encode()
    proof = bytes(a ^ b for a, b in zip(client_key, hmac.digest(hashlib.new(digest, client_key).digest(), signed, digest)))
    code, final = connection.docmd(base64.b64encode(f"{without},p={base64.b64encode(proof).decode()}".encode()).decode())
    if code == 334:                             # RFC 4954 4: the server's proof as a challenge, and an empty line for it
        wanted = hmac.digest(hmac.digest(salted, b"Server Key", digest), signed, digest)
        assert base64.b64decode(final) == b"v=" + base64.b64encode(wanted)
        code, final = connection.docmd("")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, final)


def smtplib_utf8(connection, job):
    """PLAIN and LOGIN with a password that is not ASCII: smtplib's own would not encode it."""
    def coded(text):
        return base64.b64encode(text.encode()).decode()
    if job.mechanism == "PLAIN":
        code, said = connection.docmd("AUTH", "PLAIN " + coded(f"\0{job.name}\0{job.password}"))
    else:
        connection.docmd("AUTH", "LOGIN")
        connection.docmd(coded(job.name))
        code, said = connection.docmd(coded(job.password))
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, said)


def python(job):
    context = ssl.create_default_context(cafile=job.ca)
    try:
        kind = smtplib.SMTP_SSL if job.transport == "tls" else smtplib.SMTP
        more = {"context": context} if job.transport == "tls" else {}
        with kind("localhost", port_of(job), local_hostname="client.example", timeout=20, **more) as connection:
            if job.transport == "starttls":
                connection.starttls(context=context)
            connection.ehlo()
            if job.mechanism.startswith("SCRAM"):
                smtplib_scram(connection, job)
            elif not job.password.isascii():
                smtplib_utf8(connection, job)
            else:
                connection.user, connection.password = job.name, job.password
                method = {"PLAIN": connection.auth_plain, "LOGIN": connection.auth_login, "CRAM-MD5": connection.auth_cram_md5}
                connection.auth(job.mechanism, method[job.mechanism])
            connection.sendmail(job.name, [job.recipient], letter(job).encode())
        return True, "sent"
    except (smtplib.SMTPException, ssl.SSLError, OSError) as problem:
        return False, repr(problem)


def nodemailer(job):
    task = {"host": "localhost", "port": port_of(job), "secure": job.transport == "tls", "requireTLS": job.transport == "starttls",
            "ignoreTLS": job.transport == "clear", "user": job.name, "pass": job.password, "method": job.mechanism, "ca": str(job.ca),
            "to": job.recipient, "raw": letter(job)}
    return program(["node", HERE / "nodemailer.js"], stdin=json.dumps(task))


def reports(program, pattern, *mechanisms):
    """Those mechanisms, where the program as it is installed says that it was built with what they need."""
    said = subprocess.run(program, capture_output=True, text=True, check=False).stdout if shutil.which(program[0]) else ""
    return tuple(mechanism for mechanism in mechanisms if re.search(pattern.format(mechanism.lower()), said, re.MULTILINE))


# A gap of Debian 12: its curl is built without gsasl and so without SCRAM, its msmtp knows no -PLUS. Rows for them appear by themselves where
# a program says that it has them; until then SCRAM is proved by msmtp, gsasl, smtplib, and -PLUS by gsasl alone.
CURL_MORE = reports(["curl", "-V"], r"^Features:.*\bgsasl\b", "SCRAM-SHA-1", "SCRAM-SHA-256")
MSMTP_MORE = reports(["msmtp", "--version"], r"(?:^| ){}(?: |$)", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS")
MAILERS = {
    "swaks": Mailer(swaks, "swaks", ("PLAIN", "LOGIN", "CRAM-MD5"), BOTH, ""),
    "curl": Mailer(curl, "curl", ("PLAIN", "LOGIN", "CRAM-MD5", *CURL_MORE), BOTH, ""),
    "msmtp": Mailer(msmtp, "msmtp", ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", *MSMTP_MORE), BOTH, ""),
    "gsasl": Mailer(gsasl, "gsasl", ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"),
                    ("starttls",), None),
    "smtplib": Mailer(python, "python3", ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"), BOTH, ""),
    "nodemailer": Mailer(nodemailer, "node", ("PLAIN", "LOGIN", "CRAM-MD5"), BOTH, ""),
    **SENDERS,
}
# Those that sign in with an OAuth token, which is their password. curl takes OAUTHBEARER where it is offered, whatever --login-options says.
TOKENS = {"curl": ("OAUTHBEARER",), "msmtp": TOKEN_MECHANISMS, "nodemailer": ("XOAUTH2",)}
# One of each implementation of SASL, for tests of what lies behind it: the others share these, or do PLAIN and LOGIN alone.
IMPLEMENTATIONS = {name: MAILERS[name] for name in ("swaks", "curl", "msmtp", "gsasl", "smtplib", "nodemailer", "smtptest", "perl", "perl-scram")}


def is_there(name):
    return shutil.which(MAILERS[name].program) and (name != "nodemailer" or (HERE / "node_modules/nodemailer").is_dir())

