"""Mail programs that are not ours sign in and send, and are refused when they must be."""
import contextlib
import json
import re
import sqlite3
import ssl
import subprocess

import pytest

from house import Account, until
from mailers import MAILERS, Job, is_there, letter
from wire import Wire

SENDING = [(name, mechanism, transport) for name, row in MAILERS.items() for mechanism in row.mechanisms for transport in row.transports]


def account_for(gatepost, mechanism, *options):
    return gatepost.account(*options, *(["--allow-cram-md5"] if mechanism == "CRAM-MD5" else []))


def sign_ins(gatepost, name):
    return [line for line in gatepost.log().splitlines() if name in line and "event=sign-in" in line]


def job_for(gatepost, ca, account, mechanism, transport, recipient, tmp_path):
    return Job(gatepost, ca, account.name, account.password, mechanism, transport, recipient, recipient.partition("@")[0], tmp_path)


def audited(gatepost, arrived):
    """What the audit says of the message whose id our Received names."""
    received = re.search(rb"^Received: by \S+\s+with\s+(\S+)\s.*?\sid\s+(\S+)", arrived.data, re.DOTALL | re.MULTILINE)
    assert received and received[1] == b"ESMTPSA", arrived.data
    with contextlib.closing(sqlite3.connect(gatepost.dir / "queue/queue.db")) as queue:
        row = queue.execute("SELECT data, name FROM audit WHERE event = 'accepted' AND queue_id = ?", (received[2].decode(),)).fetchone()
    return json.loads(row[0]) | {"account": row[1]}


def the_text(data):
    return data.partition(b"\r\n\r\n")[2]


def test_every_program_is_installed():
    missing = [name for name in MAILERS if not is_there(name)]
    assert not missing, f"not installed: {missing} (scripts/install-deps test; npm install in tests/e2e)"


@pytest.mark.parametrize("name,mechanism,transport", SENDING)
def test_signs_in_and_sends(name, mechanism, transport, gatepost, ca, sink, recipient, tmp_path):
    account = account_for(gatepost, mechanism)
    job = job_for(gatepost, ca, account, mechanism, transport, recipient, tmp_path)
    ok, said = MAILERS[name].send(job)
    assert ok, said
    signed_in = until("sign-in in the log", lambda: sign_ins(gatepost, account.name))
    assert mechanism in signed_in[0]
    if MAILERS[name].adds is not None:
        arrived = sink.wait(recipient)
        assert arrived.sender == account.name and arrived.tls
        assert the_text(arrived.data) == the_text((letter(job) + MAILERS[name].adds).encode())
        written = audited(gatepost, arrived)
        assert (written["account"], written["mechanism"]) == (account.name, mechanism)


@pytest.mark.parametrize("wrong", ["password", "name"])
@pytest.mark.parametrize("name", MAILERS)
def test_a_wrong_sign_in_is_refused(name, wrong, gatepost, ca, sink, recipient, tmp_path):
    for mechanism in MAILERS[name].mechanisms:
        account = account_for(gatepost, mechanism)      # so that the digest is what is wrong, not that there is none
        claimed = Account(account.name, "k7zq3-wrong") if wrong == "password" else Account("nobody@example.org", account.password)
        job = job_for(gatepost, ca, claimed, mechanism, MAILERS[name].transports[0], recipient, tmp_path)
        ok, said = MAILERS[name].send(job)
        assert not ok, said
        if wrong == "password":
            tried = until("sign-in in the log", lambda: sign_ins(gatepost, account.name))
            assert f"mechanism={mechanism} " in tried[0] and "wrong password" in tried[0], tried
    assert not sink.for_(recipient)


@pytest.mark.parametrize("name", MAILERS)
def test_no_password_goes_without_tls(name, gatepost, ca, sink, account, recipient, tmp_path):
    job = job_for(gatepost, ca, account, MAILERS[name].mechanisms[0], "clear", recipient, tmp_path)
    ok, said = MAILERS[name].send(job)
    assert not ok, said
    assert not sink.for_(recipient)


@pytest.mark.parametrize("name", [name for name, row in MAILERS.items() if row.adds is not None])
def test_a_sender_of_somebody_else_is_refused(name, gatepost, ca, sink, recipient, tmp_path):
    # The programs take envelope and sign-in name from the same place: an account that may send as another only says the same.
    mechanism, other = MAILERS[name].mechanisms[0], gatepost.account()
    limited = account_for(gatepost, mechanism, "--send-as", other.name)
    ok, said = MAILERS[name].send(job_for(gatepost, ca, limited, mechanism, MAILERS[name].transports[0], recipient, tmp_path))
    assert not ok and "this account may not send as that address" in said, said
    assert not sink.for_(recipient)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1"])
def test_a_password_that_a_person_chose(mechanism, gatepost, ca, sink, recipient, tmp_path):
    account = gatepost.account(name=f"person-{mechanism.lower()}@example.org", password="gr\u00fc\u00dfe aus K\u00f6ln 17")
    ok, said = MAILERS["smtplib"].send(job_for(gatepost, ca, account, mechanism, "tls", recipient, tmp_path))
    assert ok, said
    assert sink.wait(recipient).sender == account.name


def test_cram_md5_is_for_those_that_asked_for_it(gatepost, ca, account, recipient, tmp_path):
    gatepost.account("--allow-cram-md5")        # it is offered, but not for everybody
    ok, said = MAILERS["swaks"].send(job_for(gatepost, ca, account, "CRAM-MD5", "starttls", recipient, tmp_path))
    assert not ok and "535" in said


@pytest.mark.skipif("dma" not in MAILERS, reason="dma gets an /etc of its own, which takes root")
def test_dma_takes_login_where_cram_md5_is_not_offered(new_gatepost, sink, ca, recipient, tmp_path):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    ok, said = MAILERS["dma"].send(job_for(gatepost, ca, account, None, "starttls", recipient, tmp_path))
    assert ok, said
    assert audited(gatepost, sink.wait(recipient))["mechanism"] == "LOGIN"


def test_the_certificate_of_init_will_do_for_trying_out(new_gatepost, sink, recipient, tmp_path):
    gatepost = new_gatepost(sink, own_certificate=False)
    account = gatepost.account()
    ok, said = MAILERS["curl"].send(job_for(gatepost, gatepost.dir / "tls/cert.pem", account, "PLAIN", "starttls", recipient, tmp_path))
    assert ok, said
    assert sink.wait(recipient)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls_can_bind_the_channel(version, gatepost, ca):
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = context.maximum_version = version
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        _, lines = wire.say("EHLO client.example")
        assert wire.socket.version() == version.name.replace("_", ".")
        assert any("SCRAM-SHA-256-PLUS" in line for line in lines if line.startswith("AUTH "))


def test_openssl_verifies_the_certificate(gatepost, ca):
    done = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{gatepost.port}", "-servername", "localhost",
                           "-CAfile", ca, "-verify_return_error", "-brief"], input="QUIT\r\n", capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0 and "Verification: OK" in done.stderr, done.stderr
