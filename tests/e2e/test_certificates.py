"""Programs that sign in with the certificate of a TLS client (EXTERNAL), and are refused with one that is nobody's."""
import json
import os
import smtplib
import ssl
import subprocess

import pytest

import senders
from house import GATEPOST, Account, Gatepost, relay_to, until
from letters import Job, letter, port_of, program, unix_letter
from senders import HELO, folder_of, private
from test_clients import audited, the_text
from wire import Wire

ANNA = "anna@example.org"


class Paper:
    """A client's certificate and its key, and both in one file."""
    def __init__(self, authority, label):
        self.certificate, self.key = authority.issue(label, f"{label}.example.org")
        self.both = authority.folder / f"{label}.both.pem"
        private(self.both, self.certificate.read_text() + self.key.read_text())


@pytest.fixture(scope="module")
def anna(authority):
    return Paper(authority, "anna-of-external")


@pytest.fixture(scope="module")
def eve(authority):
    return Paper(authority, "eve-of-external")


@pytest.fixture(scope="module")
def server(folder, certificate, sink, ca, anna):
    """Both listeners ask for certificates; one of them is pinned to an account."""
    place = folder / "gatepost-certificates"
    place.mkdir()
    made = Gatepost(place, certificate, GATEPOST_TLS_CLIENT_CA_FILE=str(ca), **relay_to(sink, ca))
    for key in ("GATEPOST_SUBMISSION", "GATEPOST_SUBMISSIONS"):
        made.environment[key] += " client_certificates=ask"
    made.account(name=ANNA)
    made.run("credential", "add", ANNA, "--label", "laptop", "--certificate", str(anna.certificate))
    try:
        yield made.start()
        made.stop()
        made.check_log()
    finally:
        made.kill()


# ---- the programs: how each says EXTERNAL. job.name is whom it asks to act as --------------------------------------------
def curl(job, paper):
    (job.folder / "curl.eml").write_bytes(letter(job).encode())
    scheme = "smtps" if job.transport == "tls" else "smtp"
    return program(["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", job.ca, "--cert", paper.certificate, "--key", paper.key,
                    "--user", f"{job.name}:", "--login-options", "AUTH=EXTERNAL", "--mail-from", job.name, "--mail-rcpt", job.recipient,
                    "--upload-file", job.folder / "curl.eml", f"{scheme}://localhost:{port_of(job)}/{HELO}"])


def msmtp(job, paper):
    rc = private(job.folder / "msmtprc", f"account default\nhost localhost\nport {port_of(job)}\ntls on\ntls_starttls "
                 f"{'on' if job.transport == 'starttls' else 'off'}\ntls_trust_file {job.ca}\ntls_cert_file {paper.certificate}\n"
                 f"tls_key_file {paper.key}\nauth external\nuser {job.name}\nfrom {job.name}\ndomain {HELO}\ntimeout 20\n")
    return program(["msmtp", "--file", rc, job.recipient], stdin=unix_letter(job))


def mutt(job, paper):
    with_certificate = f'set ssl_client_cert="{paper.both}"\n'
    return senders.mutt(job, with_certificate)


def s_nail(job, paper):
    return senders.s_nail(job, f"set tls-config-pairs=Certificate={paper.certificate},PrivateKey={paper.key}\n")


def exim(job, paper):
    with folder_of("Debian-exim") as folder:
        both = private(folder / "client.pem", paper.both.read_text())
        os.chown(both, folder.stat().st_uid, -1)
        return senders.run_exim(job, folder, "external", f"client_send = {job.name}", f"tls_certificate = {both}\n  tls_privatekey = {both}")


def smtplib_external(job, paper):
    context = ssl.create_default_context(cafile=job.ca)
    context.load_cert_chain(paper.certificate, paper.key)
    try:
        tls = job.transport == "tls"
        kind, more = (smtplib.SMTP_SSL, {"context": context}) if tls else (smtplib.SMTP, {})
        with kind("localhost", port_of(job), local_hostname=HELO, timeout=20, **more) as connection:
            if not tls:
                connection.starttls(context=context)
            connection.ehlo()
            connection.auth("EXTERNAL", lambda challenge=None: job.name)
            connection.sendmail(job.name, [job.recipient], letter(job).encode())
        return True, "sent"
    except (smtplib.SMTPException, OSError) as problem:
        return False, repr(problem)


def gsasl(job, paper):
    """Signs in only; it asks to act as nobody in particular."""
    ok, said = program(["gsasl", "--smtp", "--client", "--connect", f"localhost:{job.gatepost.port}", "--starttls", "--x509-ca-file", job.ca,
                        "--x509-cert-file", paper.certificate, "--x509-key-file", paper.key, "--mechanism", "EXTERNAL",
                        "--authorization-id", job.name, "--verbose"], stdin="QUIT\r\n")
    return ok and "235 2.7.0" in said, said


def gatepost_send(job, paper):
    return program([GATEPOST, "send", "--server", f"localhost:{port_of(job)}", f"--{job.transport}", "--ca-file", job.ca, "--certificate", paper.certificate, "--key", paper.key,
                    "--user", job.name, "--from", job.name, "--to", job.recipient, "--name", HELO], stdin=letter(job))


# swaks presents a certificate, but says "EXTERNAL is not a recognized auth type, skipping"; nullmailer, nodemailer and perl's Net::SMTP
# present one and have no EXTERNAL; the others of mailers.py present none.
PROGRAMS = {"curl": curl, "msmtp": msmtp, "mutt": mutt, "s-nail": s_nail, "smtplib": smtplib_external, "gsasl": gsasl, "gatepost": gatepost_send}
if os.geteuid() == 0:
    PROGRAMS["exim"] = exim
SENDING = [(name, transport) for name in PROGRAMS for transport in ("starttls", "tls") if (name, transport) != ("gsasl", "tls")]


def job_for(server, ca, transport, recipient, folder, name=ANNA):
    return Job(server, ca, name, "no-password", "EXTERNAL", transport, recipient, recipient.partition("@")[0], folder)


@pytest.mark.parametrize("name,transport", SENDING)
def test_signs_in_with_a_certificate(name, transport, server, ca, anna, sink, recipient, tmp_path):
    job = job_for(server, ca, transport, recipient, tmp_path)
    before = server.log().count("mechanism=EXTERNAL")
    ok, said = PROGRAMS[name](job, anna)
    assert ok, said
    line = until("sign-in in the log", lambda: server.log().count("mechanism=EXTERNAL") > before and
                 [line for line in server.log().splitlines() if "mechanism=EXTERNAL" in line][-1])
    assert f"account={ANNA} " in line and "result=ok" in line
    if name != "gsasl":
        arrived = sink.wait(recipient)
        assert the_text(arrived.data) == the_text(letter(job).encode())
        written = audited(server, arrived)
        assert (written["account"], written["mechanism"]) == (ANNA, "EXTERNAL")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_certificate_of_nobody_is_refused(name, server, ca, eve, sink, recipient, tmp_path):
    before = server.log().count("no credential has the certificate")
    ok, said = PROGRAMS[name](job_for(server, ca, "starttls", recipient, tmp_path), eve)
    assert not ok, said
    until("the cause in the log", lambda: server.log().count("no credential has the certificate") > before)
    assert not sink.for_(recipient)


@pytest.mark.parametrize("name", PROGRAMS)
def test_nobody_acts_for_whom_he_may_not(name, server, ca, anna, sink, recipient, tmp_path):
    other = server.account()
    ok, said = PROGRAMS[name](job_for(server, ca, "starttls", recipient, tmp_path, other.name), anna)
    assert not ok, said
    assert not sink.for_(recipient)


def test_a_load_signs_in_with_a_certificate(server, ca, anna, eve, sink, recipient):
    """By EXTERNAL where nothing else is given; whose certificate it is decides, and --user says whom to act as."""
    def bench(paper, *words):
        return subprocess.run([GATEPOST, "bench", "--server", f"localhost:{server.tls_port}", "--tls", "--ca-file", ca, "--certificate", paper.both, "--rate", "3", "--seconds", "1", "--json", *words],
                              capture_output=True, text=True, timeout=60, check=False)
    done = bench(anna, "--from", ANNA, "--to", recipient)
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["messages"] == said["stages"]["sign-in"]["count"] == 3, done.stdout + done.stderr
    assert sink.wait(recipient, 3) and audited(server, sink.for_(recipient)[0])["mechanism"] == "EXTERNAL"
    assert bench(anna, "--kind", "sign-in", "--user", ANNA).returncode == 0
    done = bench(eve, "--kind", "sign-in")
    assert done.returncode == 1 and "535 5.7.8" in json.loads(done.stdout)["errors"][0]["what"], done.stdout
    done = bench(anna, "--kind", "message")
    assert done.returncode == 2 and "--from" in done.stderr
    done = bench(anna, "--kind", "sign-in", "--mechanisms", "PLAIN")
    assert done.returncode == 2 and "only EXTERNAL signs in without a secret" in done.stderr, done.stderr


# ---- malformed ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("line,reply,cause", [
    ("!", (501, "5.5.2 not base64"), "the client's line is not base64"), ("*", (501, "5.7.0 cancelled"), "the client cancelled"),
    ("/w==", (535, "5.7.8 authentication failed"), "the name to act as is not one that can be"),   # not UTF-8
    ("AGE=", (535, "5.7.8 authentication failed"), "the name to act as is not one that can be"),   # a NUL
    ("YQdi", (535, "5.7.8 authentication failed"), "the name to act as is not one that can be"),   # a control character
    ("bm9ib2R5QGV4YW1wbGUub3Jn", (535, "5.7.8 authentication failed"), "may not act")], ids=lambda word: str(word)[:12])
def test_a_malformed_identity(line, reply, cause, server, ca, anna):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(anna.certificate, anna.key)
    before = server.log().count(cause)
    with Wire(server.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert wire.say("AUTH EXTERNAL")[0] == 334
        code, said = wire.say(line)
        assert (code, said[0]) == reply
        assert wire.say("AUTH EXTERNAL =") == (235, ["2.7.0 signed in"])
    until("the cause in the log", lambda: server.log().count(cause) > before)


def test_a_revoked_certificate_is_out_at_once(server, authority, ca):
    paper = Paper(authority, "lost-phone")
    server.run("credential", "add", ANNA, "--label", "phone", "--certificate", str(paper.certificate))
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(paper.certificate, paper.key)
    for code in (235, 535):
        with Wire(server.tls_port, context, implicit=True) as wire:
            wire.say("EHLO client.example")
            assert wire.say("AUTH EXTERNAL =")[0] == code
            assert wire.say(f"MAIL FROM:<{ANNA}>")[0] == (250 if code == 235 else 530)
            server.command("credential", "revoke", ANNA, "phone")


# ---- gatepost check ----------------------------------------------------------------------------------------------------------
def checked(server, ca, paper, *words, user=ANNA, **more):
    done = subprocess.run([GATEPOST, "check", f"localhost:{server.tls_port}", "--tls", "--ca-file", ca, "--user", user, "--certificate", paper, "--json", *words],
                          capture_output=True, text=True, timeout=120, check=False, **more)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def signed_in_by(server, name):
    return [line for line in server.log().splitlines() if "mechanism=EXTERNAL" in line and "result=ok" in line and f"account={name} " in line + " "]


@pytest.mark.parametrize("form", ["two files", "one file"])
def test_check_signs_in_with_a_certificate_alone(form, server, ca, anna):
    code, found = checked(server, ca, *([anna.both] if form == "one file" else [anna.certificate, "--key", anna.key]))
    assert code == 0 and "auth-refused" not in {finding["id"] for finding in found["findings"]} and found["failed_sign_ins"] == 0
    assert f"signed in as {ANNA}" in json.dumps(found)
    until("the sign-in in the log", lambda: signed_in_by(server, ANNA))


def test_check_tells_that_a_certificate_does_not_do(server, ca, eve):
    code, found = checked(server, ca, eve.both)
    [refused] = [finding for finding in found["findings"] if finding["id"] == "auth-refused"]
    assert code == 1 and "EXTERNAL" in json.dumps(refused) and "certificate that was given" in json.dumps(refused)


def test_check_tries_a_password_and_a_certificate(server, ca, authority):
    account, paper = server.account(), Paper(authority, "both-of-external")
    server.run("credential", "add", account.name, "--label", "laptop", "--certificate", str(paper.certificate))
    code, found = checked(server, ca, paper.both, "--password-stdin", user=account.name, input=account.password)
    assert code == 0 and found["failed_sign_ins"] == 4, found["findings"]      # wrong, nobody's, bound wrong, downgraded: no more than without
    until("the sign-in in the log", lambda: signed_in_by(server, account.name))
