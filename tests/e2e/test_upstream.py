"""Our own sign-in at the next hop: who takes our mail must have proved that it knows the password."""
import base64
import re

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
