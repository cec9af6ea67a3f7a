"""Proofs of a name server that others wrote: zones signed by Knot DNS, from the key of the root down, with NSEC3."""
import pytest

import knot
import postfix
from house import free_port, serving
from sink import Sink
from test_dane import ENTITY, KEY, OTHER, SHA256, tlsa, went
from test_delivery import send
from world import shown, was_given_mail

# Who has mail: its host's address, and whether its TLSA record fits; None: has none.
DOMAINS = {"signed.example": ("127.0.2.1", True), "wrong.signed.example": ("127.0.2.2", False), "none.signed.example": ("127.0.2.3", None),
           "plain.example": ("127.0.2.4", False), "lost.example": ("127.0.2.5", True), "hidden.signed.example": ("127.0.2.6", True)}
GOES = {"signed.example": "dane: verified by TLSA 3 1 1", "none.signed.example": "opportunistic: not verified",
        "plain.example": "opportunistic: not verified"}
WAITS = {"wrong.signed.example": "TLS policy dane: no matching DANE TLSA records",
         "lost.example": "the DNS could not be asked for the domain's mail hosts: the answer fails DNSSEC validation",
         "hidden.signed.example": "TLSA records of mx.hidden.signed.example: the answer fails DNSSEC validation"}


@pytest.fixture(scope="module")
def self_signed(strangers):
    return strangers.issue("stranger", "stranger.example")


@pytest.fixture(scope="module")
def peer(folder, self_signed):
    """Postfix, at 127.0.0.1; None: it is not there."""
    made = None if postfix.missing() else postfix.open_to_all(folder / "knot-postfix", self_signed)
    yield made
    if made:
        made.stop()


@pytest.fixture(scope="module")
def port(peer):
    """All mail hosts share it."""
    return peer.port if peer else free_port()


@pytest.fixture(scope="module")
def hosts(sink_certificate, port):
    made = {domain: Sink(sink_certificate, port=port, address=address) for domain, (address, _) in DOMAINS.items()}
    yield made
    for sink in made.values():
        sink.close()


@pytest.fixture(scope="module")
def names(folder, sink_certificate, self_signed, port):
    """The root vouches for example., and that for signed.example, for a key that lost.example has not, and says that plain.example is not signed."""
    if why := knot.missing():
        pytest.skip(why)
    made = knot.Knot(folder / "knot")
    made.zone(".", algorithm="rsasha256", nsec3="off")
    made.zone("example.", algorithm="ecdsap256sha256", opt_out="on")
    made.zone("signed.example.", algorithm="ed25519")
    made.zone("lost.example.", algorithm="ecdsap256sha256")
    made.zone("example.net.", algorithm="ecdsap256sha256")
    made.zone("plain.example.")
    made.add("example.", f"ns {knot.TTL} A 127.0.0.1")
    made.delegate(".", "example.", "example.")
    made.delegate(".", "example.net.", "example.net.")
    made.delegate("example.", "signed.example.", "signed.example.")
    made.delegate("example.", "lost.example.", "signed.example.")
    made.delegate("example.", "plain.example.")
    made.zone("_tcp.mx.hidden.signed.example.")         # nobody delegated it: it says without proof that there is no TLSA record, as an attacker would
    fits = tlsa(sink_certificate[0], ENTITY, KEY, SHA256)
    for domain, (address, fit) in DOMAINS.items():
        zone = ".".join(domain.split(".")[-2:]) + "."
        made.add(zone, f"{domain}. {knot.TTL} MX 10 mx.{domain}.", f"mx.{domain}. {knot.TTL} A {address}")
        if fit is not None:
            made.add(zone, f"_{port}._tcp.mx.{domain}. {knot.TTL} TLSA {' '.join(map(str, fits if fit else (*fits[:3], OTHER)))}")
    own = tlsa(self_signed[0], ENTITY, KEY, SHA256)
    for domain, record in (("example.net", own), ("other.example.net", (*own[:3], OTHER))):         # both are Postfix
        made.add("example.net.", f"{domain}. {knot.TTL} MX 10 mx.{domain}.", f"mx.{domain}. {knot.TTL} A 127.0.0.1",
                 f"_{port}._tcp.mx.{domain}. {knot.TTL} TLSA {' '.join(map(str, record))}")
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="module")
def gatepost(folder, certificate, names, hosts, port):
    """It takes nothing without proof but what is proven to have none."""
    (folder / "knot-anchor").write_text(names.keymgr(".", "dnskey"))
    with serving(folder / "of-knot", certificate, GATEPOST_RELAY="mx?tls=opportunistic", GATEPOST_RELAY_MX_PORT=str(port), GATEPOST_RELAY_IDLE_TIMEOUT="0s",
                 GATEPOST_RELAY_ALLOW_LOOPBACK="yes", GATEPOST_RELAY_DNS_SERVER=f"127.0.0.1@{names.port}", GATEPOST_RELAY_DNSSEC="required",
                 GATEPOST_RELAY_TRUST_ANCHOR_FILE=str(folder / "knot-anchor")) as made:
        yield made


@pytest.mark.parametrize("domain", GOES)
def test_mail_goes(domain, gatepost, hosts, context, account):
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    assert hosts[domain].wait(f"lena@{domain}").tls and GOES[domain] in went(gatepost, queue_id)


@pytest.mark.parametrize("domain", WAITS)
def test_mail_waits_and_says_why(domain, gatepost, hosts, context, account):
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    assert WAITS[domain] in shown(gatepost, queue_id)
    assert not was_given_mail(hosts[domain])


def test_postfix_is_held_to_what_knot_says_of_its_certificate(gatepost, peer, context, account):
    if not peer:
        pytest.skip(postfix.missing())
    other = send(gatepost, context, account, ["lena@other.example.net"])
    fits = send(gatepost, context, account, ["lena@example.net"], extra="Subject: by way of Knot\r\n")
    assert "dane: verified by TLSA 3 1 1" in went(gatepost, fits)
    postfix.kept(peer, "Subject: by way of Knot")
    assert "TLS policy dane: no matching DANE TLSA records" in shown(gatepost, other) and "lena@other" not in peer.log()
