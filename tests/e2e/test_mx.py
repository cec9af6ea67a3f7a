"""Mail to the hosts that the DNS names: their order, who is left out, what is final and what waits, and TLS with strangers."""
import itertools
import socket
import ssl
import threading
import time

import pytest

from authority import Authority
from house import HOSTNAME, serving, until
from names import MX, NULL_MX, Names
from sink import DROP, Closed
from test_delivery import report_for, send
from world import shown, was_given_mail

counter = itertools.count(1)


@pytest.fixture(scope="module")
def self_signed(folder):
    """Of an authority that nobody trusts, and for a name that nobody asked for."""
    return Authority(folder / "strangers", "nobody's CA").issue("stranger", "stranger.example")


@pytest.fixture(scope="module")
def home(world, self_signed):
    world.names.mx("example.org", (10, "home.example.org"))
    return world.sink(self_signed, "home.example.org")


@pytest.fixture(scope="module")
def gatepost(folder, certificate, world, home):
    with serving(folder / "mx", certificate, **world.environment()) as made:
        yield made


@pytest.fixture
def domain():
    return f"d{next(counter)}.example"


@pytest.fixture
def new_host(world, self_signed):
    """new_host(name): a mail host for one test."""
    before = len(world.sinks)
    yield lambda name, **options: world.sink(self_signed, name, **options)
    for sink in world.sinks[before:]:
        sink.close()


# ---- which host --------------------------------------------------------------------------------------------------
def test_the_lowest_preference_comes_first(gatepost, world, new_host, domain, context, account):
    best, other = new_host(f"best.{domain}"), new_host(f"other.{domain}")
    world.names.mx(domain, (20, f"other.{domain}"), (10, f"best.{domain}"))
    send(gatepost, context, account, [f"lena@{domain}"])
    assert best.wait(f"lena@{domain}").sender == account.name
    assert not other.heard


def closed(sink):
    sink.close()


@pytest.mark.parametrize("trouble", [closed, ("CONNECT", "421 4.3.2 not now"), ("CONNECT", "554 5.3.2 no mail here"), ("CONNECT", DROP), ("EHLO", DROP),
                                     ("MAIL", DROP)], ids=["closed port", "421", "554", "drops at connect", "drops at EHLO", "drops at MAIL"])
def test_the_next_host_gets_its_turn(trouble, gatepost, world, new_host, domain, context, account):
    first, second = new_host(f"mx1.{domain}"), new_host(f"mx2.{domain}")
    if callable(trouble):
        trouble(first)
    else:
        first.script(*trouble)
    world.names.mx(domain, (10, f"mx1.{domain}"), (20, f"mx2.{domain}"))
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    assert second.wait(f"lena@{domain}")
    until("a delivery in the log", lambda: f"event=delivered queue_id={queue_id}" in gatepost.log())
    assert f"event=deferred queue_id={queue_id}" not in gatepost.log() and not first.arrived


def test_a_host_without_an_address_is_passed_over(gatepost, world, new_host, domain, context, account):
    second = new_host(f"mx2.{domain}")
    world.names.mx(domain, (10, f"nowhere.{domain}"), (20, f"mx2.{domain}"))
    send(gatepost, context, account, [f"lena@{domain}"])
    assert second.wait(f"lena@{domain}")


def test_a_dead_address_of_a_host_is_passed_over(gatepost, world, new_host, domain, context, account):
    world.names.host(f"mx.{domain}", "127.0.2.1", "::1")
    sink = new_host(f"mx.{domain}")
    world.names.mx(domain, (10, f"mx.{domain}"))
    send(gatepost, context, account, [f"lena@{domain}"])
    assert sink.wait(f"lena@{domain}")


@pytest.mark.parametrize("address", ["127.0.3.1", "::1"])
def test_a_domain_without_mx_is_its_own_host(address, gatepost, new_host, domain, context, account):
    sink = new_host(domain, address=address)
    send(gatepost, context, account, [f"lena@{domain}"])
    assert sink.wait(f"lena@{domain}")


def test_an_answer_too_long_for_udp(gatepost, world, new_host, domain, context, account):
    sink = new_host(f"a.host.with.a.long.name.{domain}")
    world.names.mx(domain, (1, f"a.host.with.a.long.name.{domain}"), *[(10 + n, f"another{n}.host.with.a.long.name.{domain}") for n in range(15)])
    send(gatepost, context, account, [f"lena@{domain}"])
    assert sink.wait(f"lena@{domain}")
    assert (domain, MX, "tcp") in world.names.asked


# ---- what is final -----------------------------------------------------------------------------------------------
FINAL = {
    "null MX": (lambda names, domain: names.mx(domain, *NULL_MX), "5.1.10", "null MX"),
    "two null MX": (lambda names, domain: names.mx(domain, (0, "."), (10, ".")), "5.1.10", "null MX"),
    "no such domain": (lambda names, domain: None, "5.1.2", "does not exist"),
    "neither MX nor address": (lambda names, domain: names.mx(f"below.{domain}", (1, "x.example")), "5.1.2", "no mail host with an address"),
    "no MX host has an address": (lambda names, domain: names.mx(domain, (1, f"a.{domain}"), (2, f"b.{domain}")), "5.1.2", "no mail host with an address"),
    "we are the best host": (lambda names, domain: names.mx(domain, (1, HOSTNAME.upper()), (2, "home.example.org")), "5.4.6", "loop"),
}


@pytest.mark.parametrize("case", FINAL)
def test_what_the_dns_settles_comes_back_at_once(case, gatepost, world, home, domain, context):
    account = gatepost.account()
    prepare, status, text = FINAL[case]
    prepare(world.names, domain)
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    _, parts, blocks = report_for(home, account)
    assert blocks[1]["Status"] == status and blocks[1]["Final-Recipient"] == f"rfc822;lena@{domain}"
    assert text in parts[0].get_content()
    assert f"event=deferred queue_id={queue_id}" not in gatepost.log()


def test_of_many_hosts_the_best_are_tried_and_what_the_others_have_is_not_known(gatepost, world, domain, context):
    world.names.mx(domain, *[(n, f"n{n}.{domain}") for n in range(1, 12)])
    queue_id = send(gatepost, context, gatepost.account(), [f"lena@{domain}"])
    line = until("a deferral", lambda: next((line for line in gatepost.log().splitlines() if f"event=deferred queue_id={queue_id}" in line), None))
    assert "the others are not asked" in line


def test_a_domain_without_mx_that_is_ourselves_is_a_loop(gatepost, new_host, home, context):
    account = gatepost.account()
    sink = new_host(HOSTNAME)
    send(gatepost, context, account, [f"lena@{HOSTNAME}"])
    assert report_for(home, account)[2][1]["Status"] == "5.4.6"
    assert not sink.heard


def test_hosts_behind_ourselves_are_left_alone(gatepost, world, new_host, domain, context, account):
    first, behind = new_host(f"mx1.{domain}"), new_host(f"mx3.{domain}")
    world.names.mx(domain, (10, f"mx1.{domain}"), (20, HOSTNAME), (20, f"peer.{domain}"), (30, f"mx3.{domain}"))
    first.script("CONNECT", "421 4.3.2 not now")
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    assert "not now" in shown(gatepost, queue_id)
    assert first.wait(f"lena@{domain}") and not behind.heard


@pytest.mark.parametrize("literal", [False, True], ids=["by DNS", "by address"])
def test_nobody_can_send_us_to_what_listens_beside_us(literal, world, new_host, new_gatepost, domain, context):
    gatepost = new_gatepost(**world.environment(GATEPOST_RELAY_ALLOW_LOOPBACK="no"))
    sink = new_host(f"mx.{domain}")
    world.names.mx(domain, (10, f"mx.{domain}"))
    queue_id = send(gatepost, context, gatepost.account(), [f"lena@[{sink.address}]" if literal else f"lena@{domain}"])
    line = until("a final no", lambda: next((line for line in gatepost.log().splitlines() if f"event=failed queue_id={queue_id}" in line), None))
    assert "status=5.4.6" in line and "relay.allow_loopback" in line and not sink.heard


def test_nobody_can_name_a_port_in_his_mx(gatepost, world, new_host, domain, context, account):
    """RFC 5321 5.1: what MX names is a name. With an address taken for one, whoever has a domain could look at ports behind our firewall."""
    sink = new_host(f"mx.{domain}")
    world.names.mx(domain, (10, f"{sink.address}:{sink.port}"))
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    until("an attempt", lambda: any(f"{event} queue_id={queue_id}" in gatepost.log() for event in ("event=failed", "event=deferred")))
    assert not sink.heard


# ---- what waits --------------------------------------------------------------------------------------------------
def test_a_name_server_that_fails_delays(gatepost, world, new_host, domain, context, account):
    sink = new_host(f"mx.{domain}")
    world.names.mx(domain, (10, f"mx.{domain}"))
    world.names.fails(domain)
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    said = shown(gatepost, queue_id)
    assert "4.4.3" in said and "name servers do not answer" in said and "domain's mail hosts" in said
    world.names.works(domain)
    assert sink.wait(f"lena@{domain}")


def test_a_host_whose_address_cannot_be_asked_delays(gatepost, world, new_host, domain, context, account):
    sink = new_host(f"mx.{domain}")
    world.names.mx(domain, (10, f"mx.{domain}"), (20, f"nowhere.{domain}"))
    world.names.fails(f"mx.{domain}")
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    assert "4.4.3" in (said := shown(gatepost, queue_id)) and "name servers do not answer" in said
    world.names.works(f"mx.{domain}")
    assert sink.wait(f"lena@{domain}")


def test_a_no_is_not_final_while_a_better_host_cannot_be_asked(gatepost, world, new_host, domain, context, account):
    sink, refuses = new_host(f"mx1.{domain}"), new_host(f"mx2.{domain}")
    refuses.script("CONNECT", *["554 5.3.2 no mail here"] * 9)
    world.names.mx(domain, (10, f"mx1.{domain}"), (20, f"mx2.{domain}"))
    world.names.fails(f"mx1.{domain}")
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    assert "no mail here" in shown(gatepost, queue_id)
    world.names.works(f"mx1.{domain}")
    assert sink.wait(f"lena@{domain}")


def test_a_dead_name_server_delays(new_gatepost, world, new_host, domain, context):
    names = Names()
    sink = new_host(f"mx.{domain}")
    gatepost = new_gatepost(**world.environment() | {"GATEPOST_RELAY_DNS_SERVER": f"127.0.0.1@{names.port}", "GATEPOST_RELAY_DNS_TIMEOUT": "1s"})
    names.close()
    queue_id = send(gatepost, context, gatepost.account(), [f"lena@{domain}"])
    said = shown(gatepost, queue_id)
    assert "4.4.3" in said and "no answer in time" in said
    names.records = world.names.records
    world.names.mx(domain, (10, f"mx.{domain}"))
    assert names.open(names.port)
    try:
        assert sink.wait(f"lena@{domain}")
    finally:
        names.close()


def test_a_stop_does_not_wait_for_the_dns(new_gatepost, world, domain, context):
    names = Names()
    gatepost = new_gatepost(**world.environment() | {"GATEPOST_RELAY_DNS_SERVER": f"127.0.0.1@{names.port}"})
    names.close()
    queue_id = send(gatepost, context, gatepost.account(), [f"lena@{domain}"])
    time.sleep(0.2)
    began = time.monotonic()
    gatepost.stop()
    assert time.monotonic() - began < 3         # the stop itself may take 5 s
    assert f"event=deferred queue_id={queue_id}" not in gatepost.log()
    assert queue_id in gatepost.run("queue", "show", queue_id)


# ---- TLS with strangers ------------------------------------------------------------------------------------------
class Alert:
    """A server that agrees on nothing: the handshake ends in an alert."""
    wrap_socket = staticmethod(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket)


class Hangup:
    @staticmethod
    def wrap_socket(_connection, **_):
        raise Closed


class Noise:
    @staticmethod
    def wrap_socket(connection, **_):
        connection.recv(1)                      # the handshake has begun
        connection.sendall(b"454 4.7.0 TLS is not available after all\r\n" * 3)
        raise Closed


BROKEN = [Alert, Hangup, Noise]


def breaks(sink, handshake):
    sink.context = handshake
    return sink


@pytest.fixture(scope="module")
def strict(folder, certificate, ca, world, home):
    with serving(folder / "strict-mx", certificate, **world.environment("required", GATEPOST_RELAY_CA_FILE=str(ca))) as made:
        yield made


def test_any_certificate_is_better_than_none(gatepost, new_host, domain, context, account):
    sink = new_host(domain)
    send(gatepost, context, account, [f"lena@{domain}"])
    assert sink.wait(f"lena@{domain}").tls.startswith("TLSv1.")


def test_a_host_without_tls_gets_mail_in_the_clear(gatepost, new_host, domain, context, account):
    sink = new_host(domain, tls="none")
    send(gatepost, context, account, [f"lena@{domain}"])
    assert sink.wait(f"lena@{domain}").tls is None


def test_a_refused_starttls_is_no_reason_to_wait(gatepost, new_host, domain, context, account):
    sink = new_host(domain)
    sink.script("STARTTLS", "454 4.7.0 TLS is not available")
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    assert sink.wait(f"lena@{domain}").tls is None
    assert f"event=deferred queue_id={queue_id}" not in gatepost.log()


@pytest.mark.parametrize("handshake", BROKEN)
def test_broken_tls_falls_back_to_the_same_host_in_the_clear(handshake, gatepost, world, new_host, domain, context, account):
    sink, other = breaks(new_host(f"mx1.{domain}"), handshake), new_host(f"mx2.{domain}")
    world.names.mx(domain, (10, f"mx1.{domain}"), (20, f"mx2.{domain}"))
    queue_id = send(gatepost, context, account, [f"lena@{domain}"])
    assert sink.wait(f"lena@{domain}").tls is None and not other.heard
    assert f"event=deferred queue_id={queue_id}" not in gatepost.log()


def test_what_is_slipped_in_behind_starttls_is_not_answered_in_the_clear(gatepost, world, new_host, domain, context, account):
    forged, honest = new_host(f"mx1.{domain}"), new_host(f"mx2.{domain}")
    forged.script("STARTTLS", "220 2.0.0 go ahead\r\n250 2.0.0 forged")
    world.names.mx(domain, (10, f"mx1.{domain}"), (20, f"mx2.{domain}"))
    send(gatepost, context, account, [f"lena@{domain}"])
    assert honest.wait(f"lena@{domain}").tls and not was_given_mail(forged)


def test_the_next_host_is_asked_for_tls_again(gatepost, world, new_host, domain, context, account):
    first, second = breaks(new_host(f"mx1.{domain}"), Alert), new_host(f"mx2.{domain}")
    first.script("CONNECT", "220 the first time", "421 4.3.2 not again")
    world.names.mx(domain, (10, f"mx1.{domain}"), (20, f"mx2.{domain}"))
    send(gatepost, context, account, [f"lena@{domain}"])
    assert second.wait(f"lena@{domain}").tls


@pytest.mark.parametrize("handshake", BROKEN)
def test_broken_tls_is_never_replaced_by_none_where_it_is_required(handshake, strict, new_host, domain, context):
    sink = breaks(new_host(domain), handshake)
    queue_id = send(strict, context, strict.account(), [f"lena@{domain}"])
    assert "4.7.5" in shown(strict, queue_id)
    assert not was_given_mail(sink)


@pytest.mark.parametrize("tls,answer", [("none", None), ("starttls", "454 4.7.0 not now"), ("starttls", "502 5.5.1 what?")])
def test_no_tls_is_waited_out_where_it_is_required(tls, answer, strict, new_host, domain, context):
    sink = new_host(domain, tls=tls)
    if answer:
        sink.script("STARTTLS", *[answer] * 99)
    queue_id = send(strict, context, strict.account(), [f"lena@{domain}"])
    assert "4.7." in shown(strict, queue_id)
    assert not was_given_mail(sink)


def test_a_strangers_certificate_is_not_enough_where_tls_is_required(strict, new_host, domain, context):
    sink = new_host(domain)
    queue_id = send(strict, context, strict.account(), [f"lena@{domain}"])
    assert "4.7.5" in (said := shown(strict, queue_id)) and "certificate" in said
    assert not was_given_mail(sink)


def test_the_certificate_must_name_the_mx_host(strict, world, authority, domain, context):
    sink = world.sink(authority.issue(f"mx.{domain}", f"mx.{domain}"), f"mx.{domain}")
    world.names.mx(domain, (10, f"mx.{domain}"))
    world.names.mx(f"other.{domain}", (10, f"alias.{domain}"))
    world.names.host(f"alias.{domain}", sink.address)
    account = strict.account()
    assert send(strict, context, account, [f"lena@{domain}"]) and sink.wait(f"lena@{domain}").tls
    queue_id = send(strict, context, account, [f"lena@other.{domain}"])
    assert "4.7.5" in shown(strict, queue_id) and not sink.for_(f"lena@other.{domain}")


# ---- hosts that many domains have ------------------------------------------------------------------------------
def test_many_domains_with_one_dead_host_cost_few_connections_and_hold_up_nobody(gatepost, world, new_host, domain, self_signed, context):
    """It takes connections and says nothing; then it is gone; then it is back."""
    live, dead = new_host(f"live.{domain}"), world.address()
    world.names.host(f"dead.{domain}", dead)
    many, account = [f"d{i}.{domain}" for i in range(200)], gatepost.account()
    for name in many:
        world.names.mx(name, (10, f"dead.{domain}"))
    host = socket.create_server((dead, world.port), backlog=300)
    host.setblocking(False)
    ids = [send(gatepost, context, account, [f"lena@{name}" for name in many[at:at + 50]]) for at in range(0, 200, 50)]
    assert send(gatepost, context, account, [f"lena@live.{domain}"]) and live.wait(f"lena@live.{domain}")
    callers = []
    try:
        while True:
            callers.append(host.accept())
    except BlockingIOError:
        assert 1 <= len(callers) <= 25
    host.close()
    for caller, _ in callers:
        caller.close()
    until("their outcomes on disk", lambda: sum(gatepost.run("queue", "show", one).count(" 1 attempt") for one in ids) == len(callers))
    back = world.sink(self_signed, f"dead.{domain}", address=dead)
    try:
        gatepost.run("queue", "retry", ids[0])  # who looks for its domains, finds out for all of them, those too that had looked themselves
        for name in many:
            assert back.wait(f"lena@{name}")
    finally:
        back.close()


def test_a_host_that_greets_and_then_says_nothing_holds_up_nobody(gatepost, world, new_host, domain, context):
    live, silent, speaks = new_host(f"live.{domain}"), new_host(f"silent.{domain}"), threading.Event()

    def in_a_while():
        speaks.wait(120)
        return "250 2.1.0 ok"
    silent.script("MAIL", *[in_a_while] * 110)
    many, account, other = [f"d{i}.{domain}" for i in range(110)], gatepost.account(), gatepost.account()
    for name in many:
        world.names.mx(name, (10, f"silent.{domain}"))
    try:
        ids = [send(gatepost, context, account, [f"lena@{name}" for name in many[at:at + 55]]) for at in (0, 55)]
        until("sessions that wait", lambda: len([line for line in silent.heard if line.startswith(b"MAIL")]) > 3)
        assert send(gatepost, context, other, [f"lena@live.{domain}"]) and live.wait(f"lena@live.{domain}")
        until("a reason", lambda: "queued, 0 attempts, " in (said := gatepost.run("queue", "show", ids[1])) and "waits for a free connection" in said)
        assert len([line for line in silent.heard if line.startswith(b"MAIL")]) <= 25 and not silent.arrived
    finally:
        speaks.set()
    for name in many:
        assert silent.wait(f"lena@{name}")


def test_who_was_not_tried_is_shown_why_and_when(gatepost, world, domain, context):
    world.names.host(f"mx.{domain}", gone := world.address())
    account = gatepost.account()
    for name in (domain, f"other.{domain}"):
        world.names.mx(name, (10, f"mx.{domain}"))
        kept = send(gatepost, context, account, [f"lena@{name}"])
        until("an outcome", lambda: f"event=deferred queue_id={kept}" in gatepost.log())
    said = until("the outcome on disk", lambda: "did not answer" in gatepost.run("queue", "show", kept) and gatepost.run("queue", "show", kept))
    assert f"host mx.{domain} [{gone}:{world.port}] did not answer at " in said and " 0 attempts" in said
