"""DANE for mail hosts: a server whose DNS is proven is held to what its records say of its certificate, and gets no mail otherwise."""
import hashlib
import itertools
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import postfix
from house import serving, until
from names import A, MX, TLSA
from signed import CNAME, Signed
from test_delivery import send
from world import World, shown, was_given_mail

counter = itertools.count(1)
TRUST_ANCHOR, ENTITY, CERTIFICATE, KEY, SHA256, SHA512 = 2, 3, 0, 1, 1, 2   # RFC 7218
OTHER = "00" * 32


def tlsa(file, usage, selector, matching):
    """The record that fits the first certificate of a file."""
    made = x509.load_pem_x509_certificate(file.read_bytes())
    octets = made.public_bytes(Encoding.DER) if selector == CERTIFICATE else made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    data = {0: lambda: octets.hex(), SHA256: lambda: hashlib.sha256(octets).hexdigest(), SHA512: lambda: hashlib.sha512(octets).hexdigest()}[matching]()
    return usage, selector, matching, data


@pytest.fixture(scope="module")
def self_signed(strangers):
    return strangers.issue("stranger", "stranger.example")


@pytest.fixture(scope="module")
def peer(folder, self_signed):
    if why := postfix.missing():
        pytest.skip(why)
    made = postfix.open_to_all(folder / "dane-postfix", self_signed)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def world(peer):
    """Postfix has a port that all mail hosts share, at 127.0.0.1."""
    made = World(Signed, peer.port)
    yield made
    made.close()


@pytest.fixture(scope="module")
def gatepost(folder, certificate, world):
    (folder / "anchor").write_text(world.names.anchor())
    with serving(folder / "dane", certificate, **world.environment(), GATEPOST_RELAY_TRUST_ANCHOR_FILE=str(folder / "anchor")) as made:
        yield made


@pytest.fixture
def domain():
    return f"d{next(counter)}.example"


@pytest.fixture
def new_host(world):
    before = len(world.sinks)
    yield lambda certificate, name, **options: world.sink(certificate, name, **options)
    for sink in world.sinks[before:]:
        sink.close()


def went(gatepost, queue_id):
    """The log's line of the delivery."""
    return until("a delivery", lambda: next((line for line in gatepost.log().splitlines() if f"event=delivered queue_id={queue_id}" in line), None))


# ---- Postfix ----------------------------------------------------------------------------------------------------------
def test_postfix_with_the_certificate_that_its_records_name(gatepost, world, peer, self_signed, context, account):
    world.names.mx("example.net", (10, "mx.example.net"))
    world.names.host("mx.example.net", "127.0.0.1")
    world.names.tlsa("_%d._tcp.mx.example.net" % world.port, tlsa(self_signed[0], ENTITY, KEY, SHA256))
    queue_id = send(gatepost, context, account, ["lena@example.net"])
    assert "dane: verified by TLSA 3 1 1" in went(gatepost, queue_id)
    until("mail in a box", lambda: list((peer.folder / "mail/lena").rglob("new/*")))


def test_postfix_with_another_certificate(gatepost, world, peer, domain, context, account):
    world.names.mx(domain, (10, f"mx.{domain}"))
    world.names.host(f"mx.{domain}", "127.0.0.1")
    world.names.tlsa(f"_{world.port}._tcp.mx.{domain}", (ENTITY, KEY, SHA256, OTHER))
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    said = shown(gatepost, queue_id)
    assert "TLS policy dane" in said and "TLSA" in said
    assert f"lena@{domain}" not in peer.log()
    counted = until("a count", lambda: [each for report in gatepost.json("report", "--tls") for each in report["policies"] if each["policy"]["policy-domain"] == domain])[0]
    assert counted["policy"] == {"policy-type": "tlsa", "policy-domain": domain, "policy-string": [f"3 1 1 {OTHER}"]}     # RFC 8460 4.4
    failure = counted["failure-details"][0]
    assert (failure["result-type"], failure["receiving-ip"]) == ("validation-failure", "127.0.0.1") and counted["summary"]["total-successful-session-count"] == 0


# ---- what is held to, and how ------------------------------------------------------------------------------------------
def an_entity(t):
    t.record(*tlsa(t.certificate[0], ENTITY, CERTIFICATE, SHA512))
    return "dane: verified by TLSA 3 0 2"


def an_authority(t):
    t.certificate = t.chain
    t.record(*tlsa(t.ca, TRUST_ANCHOR, CERTIFICATE, SHA256))
    return "dane: verified by TLSA 2 0 1"


def an_alias(t):
    t.world.names.alias(t.host, f"real.{t.domain}")
    t.host = f"real.{t.domain}"
    t.record(*tlsa(t.certificate[0], ENTITY, KEY, SHA256))
    return "dane: verified by TLSA 3 1 1"


def an_alias_that_has_them_itself(t):
    t.record(*tlsa(t.certificate[0], ENTITY, KEY, SHA256))
    t.world.names.alias(t.host, f"real.{t.domain}")
    t.host = f"real.{t.domain}"
    return "dane: verified by TLSA 3 1 1"


def leads_out_of_what_is_proven(t):
    """The host becomes an alias whose own record is proven, of a name of which nothing is."""
    t.world.names.unsigned(f"plain.{t.domain}")
    t.world.names.alias(t.host, f"real.plain.{t.domain}")
    t.real = f"real.plain.{t.domain}"


def an_alias_into_a_zone_without_proof(t):
    t.record(*tlsa(t.certificate[0], ENTITY, KEY, SHA256))
    leads_out_of_what_is_proven(t)
    return "dane: verified by TLSA 3 1 1"


def an_alias_without_proof(t):
    t.world.names.unsigned(f"cut.{t.domain}")
    t.host = f"mx.cut.{t.domain}"
    t.world.names.mx(t.domain, (10, t.host))
    t.record(ENTITY, KEY, SHA256, OTHER)
    t.world.names.alias(t.host, f"real.{t.domain}")
    t.real = f"real.{t.domain}"
    return "opportunistic: not verified"


def records_that_nobody_can_use(t):
    t.record(1, KEY, SHA256, OTHER)
    return "dane: not verified"


def no_records(t):
    return "opportunistic: not verified"


def records_without_proof(t):
    t.world.names.unsigned(t.domain)
    t.record(ENTITY, KEY, SHA256, OTHER)
    return "opportunistic: not verified"


class Try:
    def __init__(self, world, domain, host, certificate, chain, ca):
        self.world, self.domain, self.host, self.certificate, self.chain, self.ca, self.options = world, domain, host, certificate, chain, ca, {}
        self.real = None        # where mail hosts' addresses are, if not at the name of the records

    def record(self, *values):
        self.world.names.tlsa(f"_{self.world.port}._tcp.{self.host}", values)


@pytest.fixture
def attempt(world, strangers, self_signed, domain):
    world.names.mx(domain, (10, f"mx.{domain}"))
    leaf, key = strangers.issue(domain, f"mx.{domain}")
    chain = leaf.with_suffix(".chain")
    chain.write_bytes(leaf.read_bytes() + (strangers.folder / strangers.ca).read_bytes())
    return Try(world, domain, f"mx.{domain}", self_signed, (chain, key), (strangers.folder / strangers.ca))


@pytest.mark.parametrize("prepare", [an_entity, an_authority, an_alias, an_alias_that_has_them_itself, an_alias_into_a_zone_without_proof,
                                     an_alias_without_proof, records_that_nobody_can_use, no_records, records_without_proof])
def test_mail_goes_and_it_is_told_how_sure_that_was(prepare, gatepost, attempt, new_host, context, account):
    told = prepare(attempt)
    sink = new_host(attempt.certificate, attempt.real or attempt.host)
    queue_id = send(gatepost, context, account, [f"lena@{attempt.domain}"])
    assert sink.wait(f"lena@{attempt.domain}").tls and told in went(gatepost, queue_id)


# ---- attacks --------------------------------------------------------------------------------------------------------------
def tls_taken_away(t):
    t.record(*tlsa(t.certificate[0], ENTITY, KEY, SHA256))
    t.options = {"tls": "none"}
    return "TLS policy dane: the server does not offer STARTTLS"


def tls_taken_away_from_records_that_nobody_can_use(t):
    t.record(0, KEY, SHA256, OTHER)
    t.options = {"tls": "none"}
    return "TLS policy dane: the server does not offer STARTTLS"


def another_certificate(t):
    t.record(ENTITY, KEY, SHA256, OTHER)
    return "TLS policy dane: no matching DANE TLSA records"


def an_alias_into_a_zone_without_proof_and_another_certificate(t):
    t.record(ENTITY, KEY, SHA256, OTHER)
    leads_out_of_what_is_proven(t)
    return "TLS policy dane: no matching DANE TLSA records"


def forged_alias(t):
    t.record(ENTITY, KEY, SHA256, OTHER)
    leads_out_of_what_is_proven(t)
    t.world.names.forge(t.host, CNAME)
    return "fails DNSSEC validation"


def another_name(t):
    leaf, key = t.strangers.issue(f"other.{t.domain}", f"other.{t.domain}")
    t.certificate = leaf.with_suffix(".chain"), key
    t.certificate[0].write_bytes(leaf.read_bytes() + t.ca.read_bytes())
    t.record(*tlsa(t.ca, TRUST_ANCHOR, CERTIFICATE, SHA256))
    return "hostname mismatch"


def forged_records(t):
    t.record(*tlsa(t.certificate[0], ENTITY, KEY, SHA256))
    t.world.names.forge(f"_{t.world.port}._tcp.{t.host}", TLSA)
    return "TLSA records of " + t.host + ": the answer fails DNSSEC validation"


def records_withheld(t):
    t.world.names.fails(f"_{t.world.port}._tcp.{t.host}")
    return "TLSA records of " + t.host + ": the name servers do not answer"


def forged_mx(t):
    t.world.names.forge(t.domain, MX)
    return "fails DNSSEC validation"


def forged_address(t):
    t.world.names.forge(t.host, A)
    return "fails DNSSEC validation"


@pytest.mark.parametrize("prepare", [tls_taken_away, tls_taken_away_from_records_that_nobody_can_use, another_certificate,
                                     an_alias_into_a_zone_without_proof_and_another_certificate, forged_alias, another_name, forged_records,
                                     records_withheld, forged_mx, forged_address])
def test_mail_waits_and_says_why(prepare, gatepost, attempt, strangers, new_host, context, account):
    attempt.strangers = strangers
    told = prepare(attempt)
    sink = new_host(attempt.certificate, attempt.real or attempt.host, **attempt.options)
    queue_id = send(gatepost, context, account, [f"lena@{attempt.domain}"])
    assert told in shown(gatepost, queue_id)
    assert not was_given_mail(sink)


def test_who_says_that_tls_is_not_required_is_believed(gatepost, attempt, new_host, context, account):
    forged_records(attempt)
    sink = new_host(attempt.certificate, attempt.host)
    queue_id = send(gatepost, context, account, [f"lena@{attempt.domain}"], extra="TLS-Required: No\r\n")
    assert sink.wait(f"lena@{attempt.domain}") and "opportunistic: not verified" in went(gatepost, queue_id)


def test_mail_that_a_policy_holds_up_holds_nobody_up_who_is_free_of_it(gatepost, attempt, new_host, context, account):
    another_certificate(attempt)
    sink = new_host(attempt.certificate, attempt.host)
    for _ in range(2):
        assert shown(gatepost, send(gatepost, context, account, [f"lena@{attempt.domain}"]))
    send(gatepost, context, account, [f"emil@{attempt.domain}"], extra="TLS-Required: No\r\n")
    assert sink.wait(f"emil@{attempt.domain}")


def test_another_host_that_is_as_it_should_be_gets_it(gatepost, world, self_signed, domain, new_host, context, account):
    first, second = new_host(self_signed, f"mx1.{domain}"), new_host(self_signed, f"mx2.{domain}")
    world.names.mx(domain, (10, f"mx1.{domain}"), (20, f"mx2.{domain}"))
    world.names.fails(f"_{world.port}._tcp.mx1.{domain}")
    world.names.tlsa(f"_{world.port}._tcp.mx2.{domain}", tlsa(self_signed[0], ENTITY, KEY, SHA256))
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    assert "mx2" in went(gatepost, queue_id) and second.wait(f"lena@{domain}") and not first.heard


def test_what_one_host_refuses_is_not_final_while_another_may_not_be_used(gatepost, world, self_signed, domain, new_host, context, account):
    first, second = new_host(self_signed, f"mx1.{domain}"), new_host(self_signed, f"mx2.{domain}")
    world.names.mx(domain, (10, f"mx1.{domain}"), (20, f"mx2.{domain}"))
    world.names.tlsa(f"_{world.port}._tcp.mx1.{domain}", (ENTITY, KEY, SHA256, OTHER))
    second.script("CONNECT", "554 5.3.2 no mail here")
    assert shown(gatepost, send(gatepost, context, account, [f"lena@{domain}"]))
    assert not was_given_mail(first)


def test_who_drops_all_proofs_from_the_start_gets_nothing_where_they_are_required(folder, world, attempt, new_host, new_gatepost, context):
    (folder / "anchor").write_text(world.names.anchor())
    attempt.record(ENTITY, KEY, SHA256, OTHER)
    evil = new_host(attempt.certificate, f"evil.{attempt.domain}", tls="none")
    world.names.mx(attempt.domain, (10, f"evil.{attempt.domain}"))
    world.names.stripped = True
    try:
        gatepost = new_gatepost(**world.environment(), GATEPOST_RELAY_TRUST_ANCHOR_FILE=str(folder / "anchor"), GATEPOST_RELAY_DNSSEC="required")
        queue_id = send(gatepost, context, gatepost.account(), [f"lena@{attempt.domain}"])
        assert "gives no proofs (DNSSEC), and they are required" in shown(gatepost, queue_id)
        (told,) = json.loads(gatepost.command("dns", "example.org", "--check", "--json").stdout)
        assert ("dnssec", "wrong") in {(check["kind"], check["verdict"]) for check in told["checks"]}
    finally:
        world.names.stripped = False
    gatepost.stop()
    gatepost.start()
    new_host(attempt.certificate, attempt.host)
    world.names.mx(attempt.domain, (10, attempt.host))
    gatepost.run("queue", "retry", queue_id)
    until("it is held to DANE", lambda: "TLS policy dane" in gatepost.run("queue", "show", queue_id))
    (told,) = json.loads(gatepost.command("dns", "example.org", "--check", "--json").stdout)
    assert ("dnssec", "right") in {(check["kind"], check["verdict"]) for check in told["checks"]}
    assert not was_given_mail(evil)


def test_where_dane_is_demanded_a_host_without_records_gets_nothing(folder, world, attempt, new_host, new_gatepost, context):
    gatepost = new_gatepost(**world.environment("dane"), GATEPOST_RELAY_TRUST_ANCHOR_FILE=str(folder / "anchor"))
    (folder / "anchor").write_text(world.names.anchor())
    sink = new_host(attempt.certificate, attempt.host)
    queue_id = send(gatepost, context, gatepost.account(), [f"lena@{attempt.domain}"])
    assert "tls=dane demands them" in shown(gatepost, queue_id)
    assert "result=dane-required" in gatepost.log() and not sink.heard


# ---- a server that the configuration names -----------------------------------------------------------------------------------
def its_certificate(t):
    t.record(*tlsa(t.certificate[0], ENTITY, KEY, SHA256))
    return "dane", "dane: verified by TLSA 3 1 1"


def its_authority(t):
    return "encrypted", an_authority(t)


def not_its_certificate(t):
    return "opportunistic", another_certificate(t)


def its_records_forged(t):
    return "encrypted", forged_records(t)


def no_records_of_it(t):
    return "dane", "tls=dane demands them"


@pytest.mark.parametrize("prepare, goes", [(its_certificate, True), (its_authority, True), (not_its_certificate, False), (its_records_forged, False), (no_records_of_it, False)])
def test_a_server_that_is_named_is_held_to_its_records(prepare, goes, folder, world, attempt, strangers, new_host, new_gatepost, context):
    attempt.strangers = strangers
    tls, told = prepare(attempt)
    (folder / "anchor").write_text(world.names.anchor())
    sink = new_host(attempt.certificate, attempt.host)
    gatepost = new_gatepost(**world.environment(GATEPOST_RELAY=f"smtp://{attempt.host}:{world.port}?tls={tls}"), GATEPOST_RELAY_TRUST_ANCHOR_FILE=str(folder / "anchor"))
    queue_id = send(gatepost, context, gatepost.account(), ["lena@example.com"])
    if goes:
        assert sink.wait("lena@example.com").tls and told in went(gatepost, queue_id)
    else:
        assert told in shown(gatepost, queue_id) and not was_given_mail(sink)
