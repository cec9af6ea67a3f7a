"""What mail programs of Debian do when nobody tells them how to sign in: each is run as its manual shows, against a server of ours that writes
down what it hears."""
import collections
import json
import pathlib
import re
import shutil
import smtplib
import ssl
import subprocess
import tempfile

import postfix
from house import until
from wrong_server import WrongServer

HERE = pathlib.Path(__file__).resolve().parent
USER, PASSWORD = "lena@example.org", "a right password"
PHPMAILER = pathlib.Path("/usr/share/php/libphp-phpmailer/autoload.php")
LETTER = f"From: <{USER}>\nTo: <{USER}>\nSubject: recorded\n\nwords\n"
Heard = collections.namedtuple("Heard", "hello mechanism initial names pipelined")


def run(*words, stdin=None, **more):
    subprocess.run([*map(str, words)], input=stdin, text=True, capture_output=True, timeout=30, check=False, **more)


def curl(port, ca, folder):
    (folder / "letter").write_text(LETTER)
    run("curl", "--silent", "--ssl-reqd", "--cacert", ca, "--user", f"{USER}:{PASSWORD}", "--mail-from", USER, "--mail-rcpt", USER,
        "--upload-file", folder / "letter", f"smtp://localhost:{port}")


def msmtp(port, ca, folder):
    run("msmtp", "--file=/dev/null", "--host=localhost", f"--port={port}", "--tls=on", f"--tls-trust-file={ca}", "--auth=on", f"--user={USER}",
        f"--passwordeval=echo {PASSWORD}", f"--from={USER}", USER, stdin=LETTER)


def python(port, ca, folder):
    with smtplib.SMTP("localhost", port, timeout=20) as session:
        session.starttls(context=ssl.create_default_context(cafile=ca))
        session.login(USER, PASSWORD)
        session.sendmail(USER, [USER], LETTER)


def swaks(port, ca, folder):
    run("swaks", "--server", "localhost", "--port", port, "--tls", "--auth", "--auth-user", USER, "--auth-password", PASSWORD, "--from", USER, "--to", USER)


def nodemailer(port, ca, folder):
    run("node", HERE / "nodemailer.js", stdin=json.dumps({"host": "localhost", "port": port, "secure": False, "requireTLS": True, "user": USER, "pass": PASSWORD,
                                                          "ca": str(ca), "to": USER, "raw": LETTER}))


def php(port, ca, folder):
    """PHPMailer."""
    (folder / "send.php").write_text(f"""<?php require '{PHPMAILER}'; $m = new PHPMailer\\PHPMailer\\PHPMailer(true); $m->isSMTP();
        $m->Host = 'localhost'; $m->Port = {port}; $m->SMTPAuth = true; $m->SMTPSecure = 'tls'; $m->Username = '{USER}'; $m->Password = '{PASSWORD}';
        $m->SMTPOptions = ['ssl' => ['cafile' => '{ca}']]; $m->setFrom('{USER}'); $m->addAddress('{USER}'); $m->Body = 'words'; $m->send();""")
    run("php", folder / "send.php")


def from_postfix(port, ca, folder):
    (folder / "password").write_text(f"[localhost]:{port} {USER}:{PASSWORD}\n")
    made = postfix.Postfix(folder / "postfix", f"""myhostname = mail.example.net
relayhost = [localhost]:{port}
smtp_host_lookup = native
smtp_tls_security_level = secure
smtp_tls_CAfile = {ca}
smtp_tls_secure_cert_match = localhost
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:{folder}/password
smtp_sasl_security_options = noanonymous
smtpd_relay_restrictions = permit_mynetworks, reject
""")
    try:
        with smtplib.SMTP("127.0.0.1", made.port, timeout=20) as session:
            session.sendmail(USER, [USER], LETTER)
        until("sign-in of Postfix", lambda: "status=" in made.log())
    finally:
        made.stop()


PROGRAMS = {"curl": curl, "msmtp": msmtp, "python": python, "swaks": swaks, "nodemailer": nodemailer, "php": php, "postfix": from_postfix}


def missing(name):
    if name == "postfix":
        return postfix.missing()
    if name == "php":
        return None if PHPMAILER.exists() and shutil.which("php") else "PHPMailer is not there: scripts/install-deps test"
    if name == "nodemailer":
        return None if (HERE / "node_modules/nodemailer").is_dir() else "nodemailer is not there"
    return None if name == "python" or shutil.which(name) else f"{name} is not there"


def record(name, certificate, ca, *faults):
    """What the program said first: the name in EHLO, the mechanism, whether something stood behind it, the names of servers that it asked for, and of a server that "waits" whether more
    came behind MAIL before the answer."""
    server = WrongServer(certificate, *faults)
    try:
        with tempfile.TemporaryDirectory(prefix="gatepost-e2e-") as folder:
            pathlib.Path(folder).chmod(0o755)
            PROGRAMS[name](server.port, ca, pathlib.Path(folder))
    finally:
        server.close()
    hello = next(line.split(None, 1)[1] for line in server.said if line.upper().startswith("EHLO "))
    auth = next(re.split(r"\s+", line.strip()) for line in server.said if line.upper().startswith("AUTH "))
    return Heard(hello, auth[1].upper(), len(auth) > 2, server.names, server.pipelined)
