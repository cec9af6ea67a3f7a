"""Signing in: what is offered to whom, bound channels, and what the log says about it."""
import subprocess

from house import DOMAIN
from mailers import letter
from test_clients import job_for
from wire import Wire


def offered(gatepost, context):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        _, lines = wire.say("EHLO client.example")
        return next(line for line in lines if line.startswith("AUTH ")).split()[1:]


# ---- what is offered -----------------------------------------------------------------------------------------
def curl_chooses(gatepost, ca, account, recipient, tmp_path):
    """curl takes what it likes best of what EHLO lists."""
    job = job_for(gatepost, ca, account, None, "tls", recipient, tmp_path)
    (tmp_path / "curl.eml").write_bytes(letter(job).encode())
    (tmp_path / "curl.conf").write_text(f'user = "{account.name}:{account.password}"\n')
    done = subprocess.run(["curl", "--silent", "--show-error", "--config", tmp_path / "curl.conf", "--cacert", ca, "--mail-from", account.name,
                           "--mail-rcpt", recipient, "--upload-file", tmp_path / "curl.eml", f"smtps://localhost:{gatepost.tls_port}"],
                          capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


def test_a_client_that_chooses_itself_signs_in(new_gatepost, ca, sink, recipient, tmp_path):
    gatepost = new_gatepost(sink)
    code, said = curl_chooses(gatepost, ca, gatepost.account(), recipient, tmp_path)
    assert code == 0, said
    assert sink.wait(recipient)


def test_cram_md5_is_offered_while_some_credential_allows_it(new_gatepost, sink, context):
    gatepost = new_gatepost(sink)
    gatepost.account()
    assert "PLAIN" in offered(gatepost, context) and "CRAM-MD5" not in offered(gatepost, context)
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert wire.say("AUTH CRAM-MD5")[0] == 504
    old = gatepost.account("--allow-cram-md5", name=f"printer@{DOMAIN}")
    assert "CRAM-MD5" in offered(gatepost, context)
    gatepost.run("user", "delete", old.name)
    assert "CRAM-MD5" not in offered(gatepost, context)
