"""gatepost send: any server, any mechanism, MIME, DSN, what is not offered, and what it says about what happened."""
import base64
import email
import email.policy
import json
import os
import subprocess

import pytest

from house import GATEPOST, until
from sink import Sink

MECHANISMS = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS"]


def send(*words, stdin="", cwd=None):
    return subprocess.run([GATEPOST, "send", *words], input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=cwd,
                          env={k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")} | {"TERM": "xterm"})


@pytest.fixture
def submit(gatepost, account, ca):
    """send to the shared server as a fresh account; its password is the first line of standard input."""
    def submit(*words, stdin="", server=True, status=0):
        where = ["--server", f"localhost:{gatepost.tls_port}", "--tls", "--ca-file", ca] if server else []
        done = send(*where, "--user", account.name, "--password-stdin", *words, stdin=f"{account.password}\n{stdin}")
        assert done.returncode == status, f"{done.returncode}\n{done.stdout}{done.stderr}"
        assert account.password not in done.stdout + done.stderr
        return done
    return submit


def arrived(sink, recipient):
    return email.message_from_bytes(sink.wait(recipient).data, policy=email.policy.default)


def test_a_message_from_standard_input(submit, account, sink, recipient):
    done = submit(stdin=f"From: {account.name}\nTo: Lena <{recipient}>\nBcc: someone@example.net\nSubject: hello\n\n.dots\n..\nend")
    assert done.stdout.startswith("accepted, queued as ") and "for 2 recipients" in done.stdout
    message = arrived(sink, recipient)
    assert message["Subject"] == "hello" and message["Bcc"] is None and message["Message-ID"] and message["Date"]
    assert message.get_content().replace("\r", "") == ".dots\n..\nend\n"


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("how", ["--tls", "--starttls"])
def test_mechanisms(gatepost, account, ca, sink, recipient, mechanism, how):
    port = gatepost.tls_port if how == "--tls" else gatepost.port
    done = send("--server", f"localhost:{port}", how, "--ca-file", ca, "--user", account.name, "--password-stdin", "--mechanism", mechanism, "--from", account.name,
                "--to", recipient, "--subject", mechanism, "--body", "x", "--json", "--transcript", stdin=account.password + "\n")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["mechanism"] == mechanism and said["outcome"] == "accepted" and said["queue_id"] and said["tls"]["verified"]
    assert f"C: AUTH {mechanism}" in done.stderr and account.password not in done.stderr + done.stdout
    assert arrived(sink, recipient)["Subject"] == mechanism


def test_the_strongest_is_taken(submit, account, recipient):
    said = json.loads(submit("--from", account.name, "--to", recipient, "--body", "x", "--json").stdout)
    assert said["mechanism"] == "SCRAM-SHA-512-PLUS"


def test_the_own_server_needs_no_server_option(gatepost, account, sink, recipient):
    """Its certificate is trusted as it is: no other authority than the set-up's own files is asked."""
    done = gatepost.command("send", "--user", account.name, "--password-stdin", "--from", account.name, "--to", recipient, "--body", "x", stdin=account.password + "\n")
    assert done.returncode == 0, done.stderr
    assert arrived(sink, recipient)


def test_mime(submit, account, sink, recipient, tmp_path):
    (tmp_path / "größe.pdf").write_bytes(bytes(range(256)) * 300)
    (tmp_path / "data.csv").write_text("a,b\n")
    submit("--from", account.name, "--to", recipient, "--subject", "Grüße aus dem Süden, und noch viel mehr als in ein Wort paßt", "--attach", str(tmp_path / "größe.pdf"),
           "--attach", str(tmp_path / "data.csv"), "--header", "X-Colour: blue", stdin="Schöne Grüße\n")
    message = arrived(sink, recipient)
    assert message["Subject"] == "Grüße aus dem Süden, und noch viel mehr als in ein Wort paßt" and message["X-Colour"] == "blue"
    text, pdf, csv = message.iter_parts()
    assert text.get_content().replace("\r", "") == "Schöne Grüße\n"
    assert pdf.get_filename() == "größe.pdf" and pdf.get_content_type() == "application/pdf" and pdf.get_content() == bytes(range(256)) * 300
    assert csv.get_filename() == "data.csv" and csv.get_content() == "a,b\n"


def test_dsn(submit, account, gatepost, recipient, sink):
    done = submit("--from", account.name, "--to", recipient, "--body", "x", "--notify", "success,delay", "--ret", "hdrs", "--envid", "a b=c", "--orcpt", "old@example.net", "--transcript")
    assert f"C: MAIL FROM:<{account.name}> RET=HDRS ENVID=a+20b+3Dc SIZE=" in done.stderr
    assert f"a report goes to {account.name} once it is delivered, if it is late\n" in done.stdout
    assert f"C: RCPT TO:<{recipient}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old@example.net" in done.stderr


@pytest.mark.parametrize("words, reason", [
    (["--requiretls"], "the server does not offer REQUIRETLS, which REQUIRETLS needs"),
    (["--param", "HOLDFOR=60"], "the server does not offer FUTURERELEASE, which HOLDFOR needs"),
    (["--rcpt-param", "RRVS=2020-01-01T00:00:00Z"], "the server does not offer RRVS, which RRVS needs"),
])
def test_what_is_not_offered_is_not_said(account, sink, sink_certificate, words, reason):
    other = Sink(sink_certificate, tls="none")
    try:
        done = send("--server", f"127.0.0.1:{other.port}", "--no-tls", "--from", account.name, "--to", "a@example.net", "--body", "x", *words)
        assert done.returncode == 1 and reason in done.stderr, done.stderr
        assert not [line for line in other.heard if line.startswith(b"MAIL")]
    finally:
        other.close()


def test_parameters_that_have_no_option_of_their_own(account, sink_certificate):
    other = Sink(sink_certificate, tls="none", offers=("FUTURERELEASE 3600 2030-01-01T00:00:00Z", "RRVS", "X-OWN"))
    try:
        done = send("--server", f"127.0.0.1:{other.port}", "--no-tls", "--from", account.name, "--to", "a@example.net", "--body", "x", "--param", "HOLDFOR=60", "--param", "X-OWN",
                    "--rcpt-param", "RRVS=2020-01-01T00:00:00Z")
        assert done.returncode == 0, done.stderr
        found = other.wait("a@example.net")
        assert {"HOLDFOR=60", "X-OWN"} <= set(found.options.split()) and dict(found.recipients) == {"a@example.net": "RRVS=2020-01-01T00:00:00Z"}
    finally:
        other.close()


def test_a_wrong_password(submit, gatepost, account, ca, recipient):
    done = send("--server", f"localhost:{gatepost.tls_port}", "--ca-file", ca, "--tls", "--user", account.name, "--password-stdin", "--mechanism", "PLAIN", "--from", account.name, "--to", recipient,
                "--body", "x", "--json", stdin="not the password\n")
    assert done.returncode == 5
    said = json.loads(done.stdout)
    assert said["outcome"] == "no sign-in" and said["problem"]["step"] == "sign-in" and said["reply"]["code"] == 535
    assert "user name or password is not right" in done.stderr and "not the password" not in done.stderr + done.stdout


def test_a_server_that_repeats_the_sign_in_is_not_quoted(account, ca, sink_certificate):
    """Reports and transcripts are passed on to whoever helps."""
    other = Sink(sink_certificate, logins={account.name: "another"})
    message = base64.b64encode(f"\0{account.name}\0{account.password}".encode()).decode()
    other.script("AUTH", f"535 5.7.8 no: {message} is {account.password}")
    try:
        done = send("--server", f"localhost:{other.port}", "--starttls", "--ca-file", ca, "--user", account.name, "--password-stdin", "--mechanism", "PLAIN", "--from", account.name,
                    "--to", "a@example.net", "--body", "x", "--json", "--transcript", stdin=account.password + "\n")
    finally:
        other.close()
    assert done.returncode == 5 and json.loads(done.stdout)["reply"]["text"] == "no: (secret) is (secret)"
    assert "the server says: 535 5.7.8 no: (secret) is (secret)" in done.stderr and "S: 535 5.7.8 no: (secret) is (secret)" in done.stderr
    assert message[:12] not in done.stdout + done.stderr and account.password not in done.stdout + done.stderr


def test_a_sender_that_is_not_ones_own(submit, recipient):
    done = submit("--from", "other@example.org", "--to", recipient, "--body", "x", status=1)
    assert "refuses the sender" in done.stderr and "that means:" in done.stderr


def test_some_recipients_are_refused(submit, account, recipient, sink):
    done = submit("--from", account.name, "--to", recipient, "--to", "nobody@unqualified", "--body", "x", "--json", status=3)
    said = {one["address"]: one for one in json.loads(done.stdout)["recipients"]}
    assert said[recipient]["accepted"] and not said["nobody@unqualified"]["accepted"] and said["nobody@unqualified"]["reply"]["code"] == 554
    assert arrived(sink, recipient)


def test_nobody_answers():
    from house import free_port
    done = send("--server", f"127.0.0.1:{free_port()}", "--no-tls", "--from", "a@example.org", "--to", "b@example.net", "--body", "x")
    assert done.returncode == 4 and "Connection refused" in done.stderr and "does the server run" in done.stderr


def test_another_certificate_is_not_trusted(gatepost, account, recipient):
    done = send("--server", f"localhost:{gatepost.tls_port}", "--tls", "--user", account.name, "--password-stdin", "--from", account.name, "--to", recipient, "--body", "x",
                stdin=account.password + "\n")
    assert done.returncode == 1 and "certificate" in done.stderr, done.stderr


@pytest.mark.parametrize("words, reason", [
    (["--user", "a"], "there is no secret to sign in with"),
    (["--notify", "maybe"], "--notify"),
    (["--header", "no colon"], "is no header field"),
    (["--param", "A=1 B"], "is no NAME or NAME=VALUE"),
    (["--tls-max", "1.4"], "--tls-max"),
    (["--tls", "--starttls"], "exclude each other"),
    (["--to", "nobody"], "is no address"),
    (["--colour"], "did you mean 'color'?"),
])
def test_wrong_use(words, reason):
    done = send("--server", "127.0.0.1:1", "--from", "a@example.org", "--to", "b@example.net", "--body", "x", *words)
    assert done.returncode in (1, 2) and reason in done.stderr, done.stderr


def test_colour_and_its_absence(gatepost, ca):
    words = ["--server", f"localhost:{gatepost.tls_port}", "--tls", "--ca-file", ca, "--from", "a@example.org", "--to", "b@example.net", "--body", "x", "--transcript"]
    assert "\033[32mS: 220" in send(*words, "--color", "always").stderr
    assert "\033[" not in send(*words).stderr
