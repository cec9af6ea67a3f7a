"""Our own sign-in at the next hop: who takes our mail must have proved that it knows the password."""
import base64
import re
import subprocess

import pytest

from house import until
from test_operations import deliver


def only_scram(sink, lie):
    """It offers SCRAM alone, and `lie` is how it gets around its proof."""
    for _ in range(9):
        sink.script("EHLO", "250-sink.example.net\r\n250 STARTTLS", "250-sink.example.net\r\n250 AUTH SCRAM-SHA-256")
        sink.script("AUTH", lie)


@pytest.mark.parametrize("lie", ["235 2.7.0 welcome, whoever you are", "334 dj1BQUFB", "334 ", "334 cj14LHM9QUFBQSxpPTE="],
                         ids=["no proof", "a proof too early", "nothing", "a nonce that is not ours"])
def test_a_next_hop_that_cannot_prove_itself_gets_no_mail(lie, new_gatepost, new_sink, folder, context, recipient):
    sink = new_sink()
    only_scram(sink, lie)
    secret = folder / f"secret-{base64.b32encode(lie.encode()).decode()[:9]}"
    secret.write_text("upstream-secret\n")
    secret.chmod(0o600)
    gatepost = new_gatepost(sink, GATEPOST_RELAY_USER="example-org", GATEPOST_RELAY_PASSWORD_FILE=str(secret))
    gatepost.secrets.append("upstream-secret")
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    until("a first attempt", lambda: "deferred" in gatepost.log())
    assert len(gatepost.queued()) == 1 and not sink.arrived
    assert not [line for line in sink.heard if re.match(rb"MAIL|RCPT|DATA", line)]
    assert "event=upstream" in gatepost.log()


# ---- its name ------------------------------------------------------------------------------------------------
def other_hosts(folder, text):
    """Words to run a command with another /etc/hosts; None where that may not be done."""
    hosts = folder / "hosts"
    hosts.write_text(text)
    words = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
    return words if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0 else None


def test_a_name_of_the_hosts_file_will_do(new_gatepost, new_sink, authority, tmp_path, context, recipient):
    words = other_hosts(tmp_path, "127.0.0.1 localhost\n127.0.0.1\tsmart-host another\n")
    if not words:
        pytest.skip("mounts may not be made here")
    sink = new_sink(authority.issue("smart", "smart-host"))
    gatepost = new_gatepost(start=False, GATEPOST_RELAY=f"smtp://smart-host:{sink.port}?tls=required",
                            GATEPOST_RELAY_CA_FILE=str(authority.ca), GATEPOST_RELAY_DNS_SERVER="127.0.0.1@1")
    gatepost.before = words
    gatepost.start()
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    assert sink.wait(recipient).tls
