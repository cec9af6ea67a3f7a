"""REQUIRETLS (RFC 8689): what has to be kept from everybody on its way goes where that is sure, or comes back without its body."""
import itertools
import re

import pytest

from house import DOMAIN, serving, until
from policies import policy
from signed import Signed
from test_dane import ENTITY, KEY, OTHER, SHA256, tlsa
from test_delivery import fields, send
from world import shown, was_given_mail
from wire import signed_in

counter = itertools.count(1)
NAMES = Signed
OFFERS = ("DSN", "REQUIRETLS")


@pytest.fixture(scope="module")
def home(world, authority):
    """Where reports go."""
    world.names.mx(DOMAIN, (10, f"home.{DOMAIN}"))
    return world.sink(authority.issue(f"home.{DOMAIN}", f"home.{DOMAIN}"), f"home.{DOMAIN}", offers=OFFERS)


@pytest.fixture(scope="module")
def gatepost(folder, certificate, world, policies, ca, home):
    (folder / "requiretls-anchor").write_text(world.names.anchor())
    with serving(folder / "requiretls", certificate,
                 **world.environment(GATEPOST_RELAY_CA_FILE=str(ca), GATEPOST_RELAY_POLICY_PORT=str(policies.port), GATEPOST_RELAY_IDLE_TIMEOUT="30s",
                                     GATEPOST_RELAY_TRUST_ANCHOR_FILE=str(folder / "requiretls-anchor"), GATEPOST_QUEUE_RETRIES="1h")) as made:
        yield made


@pytest.fixture
def domain():
    return f"r{next(counter)}.example"


@pytest.fixture
def host(world, authority, domain):
    """host(): a mail host of the domain, with a good certificate."""
    def make(name="mx", certificate=None, **options):
        name = f"{name}.{domain}"
        return world.sink(certificate or authority.issue(name, name), name, **{"offers": OFFERS} | options)
    before = len(world.sinks)
    world.names.mx(domain, (10, f"mx.{domain}"))
    yield make
    for sink in world.sinks[before:]:
        sink.close()


@pytest.fixture
def mail(gatepost, context, account, domain):
    return lambda options="REQUIRETLS", **more: send(gatepost, context, account, [f"lena@{domain}"], options=options, **more)


# ---- where it is sure ------------------------------------------------------------------------------------------------
def dnssec(_world, _policies, _domain, _certificate):
    return "requiretls: verified by its authority"


def dane(world, _policies, domain, certificate):
    world.names.tlsa(f"_{world.port}._tcp.mx.{domain}", tlsa(certificate[0], ENTITY, KEY, SHA256))
    return "dane: verified by TLSA 3 1 1"


def mta_sts(world, policies, domain, _certificate):
    world.names.unsigned(domain)
    policies.publish(domain, policy("enforce", f"mx.{domain}"))
    return "mta-sts: verified by its authority"


def a_tested_policy(world, policies, domain, _certificate):
    world.names.unsigned(domain)
    policies.publish(domain, policy("testing", f"*.{domain}"))
    return "requiretls: verified by its authority"


@pytest.mark.parametrize("way", [dnssec, dane, mta_sts, a_tested_policy])
def test_it_goes_with_it_to_who_is_proven_and_verified(way, gatepost, world, policies, authority, domain, host, mail):
    certificate = authority.issue(f"mx.{domain}", f"mx.{domain}")
    told = way(world, policies, domain, certificate)
    sink = host(certificate=certificate)
    queue_id = mail(extra="TLS-Required: No\r\n")
    arrived = sink.wait(f"lena@{domain}")
    assert "REQUIRETLS" in arrived.options and arrived.tls
    assert until("how it went", lambda: [line for line in gatepost.log().splitlines() if f"event=delivered queue_id={queue_id}" in line and told in line])
    assert "requires TLS all the way (REQUIRETLS)" in gatepost.run("explain", queue_id)


def test_it_is_offered_under_tls_alone(gatepost, context, account):
    with signed_in(gatepost, context, account) as wire:
        assert "REQUIRETLS" in wire.say("EHLO client.example")[1]
        assert wire.say(f"MAIL FROM:<{account.name}> REQUIRETLS=1")[0] == 501


# ---- where it is not ---------------------------------------------------------------------------------------------------
def not_offered(*_others):
    return {"offers": ("DSN",)}, "5.7.30", "does not offer REQUIRETLS"


def no_tls(*_others):
    return {"tls": "none"}, "5.7.10", "does not offer STARTTLS"


def another_name(_world, _policies, authority, _strangers, domain):
    return {"certificate": authority.issue(f"www.{domain}", f"www.{domain}")}, "5.7.10", "hostname mismatch"


def a_strangers_certificate(world, policies, _authority, strangers, domain):
    mta_sts(world, policies, domain, None)
    return {"certificate": strangers.issue(f"mx.{domain}", f"mx.{domain}")}, "5.7.10", "policy mta-sts"


def other_records(world, _policies, _authority, _strangers, domain):
    world.names.tlsa(f"_{world.port}._tcp.mx.{domain}", (ENTITY, KEY, SHA256, OTHER))
    return {}, "5.7.10", "policy dane"


def nothing_is_proven(world, _policies, _authority, _strangers, domain):
    world.names.unsigned(domain)
    return {}, "5.7.10", "neither DNSSEC nor MTA-STS proves"


@pytest.mark.parametrize("lack", [not_offered, no_tls, another_name, a_strangers_certificate, other_records, nothing_is_proven])
def test_it_comes_back_without_its_body_and_as_it_went(lack, world, policies, authority, strangers, home, domain, host, account, mail):
    options, status, why = lack(world, policies, authority, strangers, domain)
    sink = host(**options)
    mail(options="RET=FULL REQUIRETLS", body="the secret\r\n", extra=f"Subject: to {domain}\r\n")
    report = home.wait(account.name)
    text = " ".join(report.data.decode().split())
    assert f"Status: {status}" in text and why in text
    assert "text/rfc822-headers" in text and f"Subject: to {domain}" in text and "the secret" not in text
    assert not report.sender and "REQUIRETLS" in report.options and fields(report.data)["Auto-Submitted"]
    assert not was_given_mail(sink)


@pytest.mark.parametrize("options", [{"offers": ("DSN",)}, {"stranger": True}])
def test_a_report_arrives_where_nobody_keeps_to_it(options, gatepost, world, authority, strangers, domain, host, context):
    host(tls="none")
    author, name = gatepost.account(name=f"ada@back.{domain}"), f"mx.back.{domain}"
    world.names.mx(f"back.{domain}", (10, name))
    issuer = strangers if options.pop("stranger", False) else authority
    back = world.sink(issuer.issue(name, name), name, **{"offers": OFFERS} | options)
    send(gatepost, context, author, [f"lena@{domain}"], options="REQUIRETLS")
    report = back.wait(author.name)
    assert "REQUIRETLS" not in report.options and report.tls and b"5.7.10" in report.data


def test_a_report_never_goes_in_clear(gatepost, world, domain, host, sink_certificate, context):
    host(tls="none")
    author, name = gatepost.account(name=f"ada@back.{domain}"), f"mx.back.{domain}"
    world.names.mx(f"back.{domain}", (10, name))
    back = world.sink(sink_certificate, name, tls="none")
    queue_id = send(gatepost, context, author, [f"lena@{domain}"], options="REQUIRETLS")
    [notice] = until("a report", lambda: re.findall(f"event=bounced queue_id={queue_id} notice=(\\w+)", gatepost.log()))
    assert "4.7.4" in shown(gatepost, notice) and not was_given_mail(back)


def test_another_host_of_the_domain_may_do_better(world, domain, host, mail):
    world.names.mx(domain, (10, f"mx.{domain}"), (20, f"mx2.{domain}"))
    first, second = host(offers=("DSN",)), host("mx2")
    mail()
    assert "REQUIRETLS" in second.wait(f"lena@{domain}").options and not was_given_mail(first)


def test_it_waits_for_who_is_away_over_a_restart(gatepost, domain, host, mail):
    sink = host()
    sink.close()
    queue_id = mail()
    assert "requires   TLS all the way (REQUIRETLS)" in shown(gatepost, queue_id) and gatepost.json("queue", "show", queue_id)["requires_tls"] is True
    gatepost.stop()
    gatepost.start()
    sink.open()
    gatepost.run("queue", "retry", queue_id)
    assert "REQUIRETLS" in sink.wait(f"lena@{domain}").options


def test_it_waits_for_a_policy_that_cannot_be_had(gatepost, world, policies, domain, host, mail):
    world.names.unsigned(domain)
    policies.publish(domain, "", status=500)
    sink = host()
    assert "cannot be had just now" in shown(gatepost, mail()) and not was_given_mail(sink)


# ---- connections that are open already ---------------------------------------------------------------------------------
def test_what_was_opened_before_a_policy_was_known_carries_nothing_more(gatepost, world, policies, strangers, home, domain, host, account, mail):
    world.names.unsigned(domain)
    sink = host(certificate=strangers.issue(f"mx.{domain}", f"mx.{domain}"))
    mail(options="")
    assert sink.wait(f"lena@{domain}")
    policies.publish(domain, policy("enforce", f"mx.{domain}"))
    mail()                                          # takes no such connection, so it asks
    assert "policy mta-sts" in " ".join(home.wait(account.name).data.decode().split())
    assert "TLS policy mta-sts" in shown(gatepost, mail(options=""))
    assert len(sink.arrived) == 1


# ---- from house to house ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("offers", [OFFERS, ("DSN",)])
def test_a_second_gatepost_keeps_to_it_and_so_does_what_follows(offers, new_sink, new_gatepost, ca, folder, context, recipient):
    last = new_sink(offers=offers)
    second = new_gatepost(last)
    account = second.account("--send-as", f"@{DOMAIN}")
    secret = folder / f"requiretls-{len(offers)}"
    secret.write_text(account.password + "\n")
    secret.chmod(0o600)
    first = new_gatepost(GATEPOST_RELAY=f"smtp://127.0.0.1:{second.port}?tls=required", GATEPOST_RELAY_CA_FILE=str(ca), GATEPOST_RELAY_USER=account.name,
                         GATEPOST_RELAY_PASSWORD_FILE=str(secret))
    author = first.account()
    send(first, context, author, [recipient], options="REQUIRETLS")
    if offers == OFFERS:
        assert "REQUIRETLS" in last.wait(recipient).options and "requiretls=yes" in second.log()
    else:
        report = last.wait(author.name)
        assert b"5.7.30" in report.data and not report.options.count("REQUIRETLS") and not last.for_(recipient)
