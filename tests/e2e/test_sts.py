"""Domains that say by MTA-STS how mail for them travels (RFC 8461): who gets it, who does not, and what attackers of DNS, web and mail host achieve."""
import itertools
import json

import pytest

from house import DOMAIN, Gatepost, until
from policies import ENDLESS, policy
from test_delivery import send
from world import shown, was_given_mail

counter = itertools.count(1)
LISTED = """
relay:
  tls_policy:
    - {domain: listed.example, tls: required}
    - {domain: .listed.example, tls: encrypted}
    - {domain: good.listed.example, tls: required}
    - {domain: bad.listed.example, tls: required}
    - {domain: xn--bcher-kva.example, tls: required}
"""


@pytest.fixture(scope="module")
def gatepost(folder, certificate, world, policies, ca):
    world.names.txt("nothing.example", "")
    (folder / "sts").mkdir()
    made = Gatepost(folder / "sts", certificate, **world.environment(GATEPOST_RELAY_CA_FILE=str(ca), GATEPOST_RELAY_POLICY_PORT=str(policies.port),
                                                                     GATEPOST_QUEUE_RETRIES="1h"))
    with open(made.dir / "gatepost.yml", "a", encoding="ascii") as file:
        file.write(LISTED)
    try:
        yield made.start()
        made.stop()
        made.check_log()
    finally:
        made.kill()


@pytest.fixture
def domain():
    return f"s{next(counter)}.example"


@pytest.fixture
def host(world, authority, domain):
    """host(): the one mail host of the domain, mx.DOMAIN, with a good certificate."""
    def make(certificate=None, **options):
        world.names.mx(domain, (10, f"mx.{domain}"))
        return world.sink(certificate or authority.issue(f"mx.{domain}", f"mx.{domain}"), f"mx.{domain}", **options)
    before = len(world.sinks)
    yield make
    for sink in world.sinks[before:]:
        sink.close()


@pytest.fixture
def mail(gatepost, context, account, domain):
    return lambda: send(gatepost, context, account, [f"lena@{domain}"])


def test_mail_goes_to_a_host_of_the_policy(gatepost, policies, domain, host, mail):
    policies.publish(domain, policy("enforce", f"*.{domain}"))
    sink = host()
    queue_id = mail()
    assert sink.wait(f"lena@{domain}").tls
    said = until("how it went", lambda: [line for line in gatepost.log().splitlines() if f"event=delivered queue_id={queue_id}" in line])[0]
    assert "mta-sts: verified by its authority" in said
    mail()
    until("a second one", lambda: len(sink.arrived) == 2)
    assert policies.asked.count((f"mta-sts.{domain}", "/.well-known/mta-sts.txt")) == 1


def other_host(policies, domain, _authority, _strangers):
    policies.publish(domain, policy("enforce", f"other.{domain}", f"*.mx.{domain}"))
    return {}


def other_name(_policies, domain, authority, _strangers):
    return {"certificate": authority.issue(f"other-{domain}", f"other.{domain}")}


def expired(_policies, domain, authority, _strangers):
    return {"certificate": authority.issue(f"old-{domain}", f"mx.{domain}", days=-1)}


def unknown_authority(_policies, domain, _authority, strangers):
    return {"certificate": strangers.issue(f"mx.{domain}", f"mx.{domain}")}


def stripped(*_others):
    return {"tls": "none"}


@pytest.mark.parametrize("attack, reason", [(other_host, "does not name this mail host"), (other_name, "mta-sts"), (expired, "expired"),
                                            (unknown_authority, "mta-sts"), (stripped, "4.7.4")])
def test_mail_waits_where_the_policy_is_not_kept(attack, reason, gatepost, world, policies, authority, strangers, domain, host, mail):
    policies.publish(domain, policy("enforce", f"mx.{domain}"))
    sink = host(**attack(policies, domain, authority, strangers))
    said = shown(gatepost, mail())
    assert reason in said and not was_given_mail(sink)


def test_a_forged_mx_leads_nowhere_where_we_demand_a_certificate_as_well(world, policies, authority, ca, domain, host, new_gatepost, context):
    gatepost = new_gatepost(**world.environment("required", GATEPOST_RELAY_CA_FILE=str(ca), GATEPOST_RELAY_POLICY_PORT=str(policies.port)))
    policies.publish(domain, policy("enforce", f"mx.{domain}"))
    sink = host(authority.issue(f"evil.{domain}", f"evil.{domain}"))
    world.names.mx(domain, (10, f"evil.{domain}"))
    world.names.host(f"evil.{domain}", sink.address)
    said = shown(gatepost, send(gatepost, context, gatepost.account(), [f"lena@{domain}"]))
    assert "does not name this mail host" in said and not was_given_mail(sink)


def test_testing_changes_nothing_and_is_told(gatepost, policies, strangers, domain, host, mail):
    policies.publish(domain, policy("testing", f"other.{domain}"))
    sink = host(strangers.issue(f"mx.{domain}", f"mx.{domain}"))
    mail()
    assert sink.wait(f"lena@{domain}").tls
    assert [line for line in gatepost.log().splitlines() if f"host=mx.{domain}" in line and "testing=yes" in line]


def told_of(gatepost, domain):
    return [line for line in gatepost.log().splitlines() if "event=tls" in line and f"host=mx.{domain}" in line]


def test_testing_tells_of_a_host_that_the_policy_does_not_name(gatepost, policies, domain, host, mail):
    policies.publish(domain, policy("testing", f"other.{domain}"))
    sink = host()
    mail()
    assert sink.wait(f"lena@{domain}").tls
    assert "testing=yes" in told_of(gatepost, domain)[0] and "does not name this mail host" in told_of(gatepost, domain)[0]


def counted(gatepost, domain):
    """The one policy of that domain in the report of today."""
    found = until("a count", lambda: [each for report in gatepost.json("report", "--tls") for each in report["policies"] if each["policy"]["policy-domain"] == domain])
    assert len(found) == 1
    return found[0]


def redirected(policies, domain, _authority):
    policies.publish(domain, "", status=302, Location=f"https://mta-sts.{domain}/elsewhere")


def expired_web(policies, domain, authority):
    policies.publish(domain, policy("enforce", "nobody.example"), certificate=authority.issue(f"old-web-{domain}", f"mta-sts.{domain}", days=-1))


def of_another_name(policies, domain, authority):
    policies.publish(domain, policy("enforce", "nobody.example"), certificate=authority.issue(f"web-{domain}", f"www.{domain}"))


def endless(policies, domain, _authority):
    policies.publish(domain, ENDLESS)


def a_page(policies, domain, _authority):
    policies.publish(domain, policy("enforce", "nobody.example"), Content_Type="text/html")


def broken(policies, domain, _authority):
    policies.publish(domain, "version: STSv1\r\nmode: enforce\r\n")


@pytest.mark.parametrize("trouble, result", [(redirected, "sts-policy-fetch-error"), (expired_web, "sts-webpki-invalid"), (of_another_name, "sts-webpki-invalid"),
                                             (endless, "sts-policy-fetch-error"), (a_page, "sts-policy-invalid"), (broken, "sts-policy-invalid")])
def test_what_is_no_policy_is_not_obeyed(trouble, result, gatepost, policies, authority, strangers, domain, host, mail):
    trouble(policies, domain, authority)
    sink = host(strangers.issue(f"mx.{domain}", f"mx.{domain}"))
    mail()
    assert sink.wait(f"lena@{domain}").tls          # as without one (RFC 8461 3.3)
    assert [line for line in gatepost.log().splitlines() if f"event=mta-sts domain={domain}" in line and result in line]
    failure = counted(gatepost, domain)["failure-details"][0]
    assert failure["result-type"] == result and failure["receiving-mx-hostname"] == f"mx.{domain}" and failure["failed-session-count"] == 1


def test_a_policy_outlives_dns_web_and_a_restart(gatepost, policies, domain, host, mail):
    policies.publish(domain, policy("enforce", f"mx.{domain}"))
    sink = host()
    mail()
    assert sink.wait(f"lena@{domain}")
    policies.withdraw(domain)
    sink.close()
    gatepost.stop()
    gatepost.start()
    stripped_host = host(tls="none", address=sink.address)
    assert "4.7.4" in shown(gatepost, mail()) and not was_given_mail(stripped_host)


def test_another_policy_counts_at_once(gatepost, policies, domain, host, mail):
    policies.publish(domain, policy("enforce", f"other.{domain}"))
    sink = host()
    queue_id = mail()
    assert "does not name this mail host" in shown(gatepost, queue_id)
    policies.publish(domain, policy("enforce", f"mx.{domain}"), name="2")
    gatepost.run("queue", "retry", queue_id)
    assert sink.wait(f"lena@{domain}").tls


@pytest.mark.parametrize("hosts, verdict, why", [((f"mx.{DOMAIN}",), "right", ""), ((f"other.{DOMAIN}",), "wrong", f"does not name mx.{DOMAIN}"), ((), "wrong", "is no policy")])
def test_the_policy_of_our_own_domain_is_looked_at(hosts, verdict, why, gatepost, world, policies):
    world.names.mx(DOMAIN, (10, f"mx.{DOMAIN}"))
    policies.publish(DOMAIN, policy("enforce", *hosts))
    said = json.loads(gatepost.command("dns", DOMAIN, "--check", "--json").stdout)[0]["checks"]
    found = next(check for check in said if check["kind"] == "mta-sts")
    assert found["verdict"] == verdict and why in found["why"]


def test_how_it_went_is_counted(gatepost, policies, domain, host, mail, strangers):
    policies.publish(domain, policy("testing", f"mx.{domain}"))
    sink = host(strangers.issue(f"mx.{domain}", f"mx.{domain}"))
    mail()
    found = counted(gatepost, domain)
    assert found["policy"] == {"policy-type": "sts", "policy-domain": domain, "mx-host": [f"mx.{domain}"],
                               "policy-string": ["version: STSv1", "mode: testing", "max_age: 86400", f"mx: mx.{domain}"]}
    assert found["summary"] == {"total-successful-session-count": 0, "total-failure-session-count": 1}
    assert found["failure-details"][0] | {"failure-reason-code": ""} == {"result-type": "certificate-not-trusted", "receiving-mx-hostname": f"mx.{domain}",
                                                                         "receiving-mx-helo": "sink.example.net", "sending-mta-ip": "127.0.0.1", "receiving-ip": sink.address,
                                                                         "failed-session-count": 1, "failure-reason-code": ""}
    assert f"certificate-not-trusted     sts              {domain}" in gatepost.run("report", "--tls")


# ---- what we demand for some domains ourselves -------------------------------------------------------------------------
def test_who_strips_starttls_from_a_listed_domain_gets_nothing(gatepost, world, authority, context, account, domain, host):
    """relay.tls_policy: the domain itself must be verified, what is below it encrypted, another one as relay.via says."""
    sinks = {}
    for listed in ("listed.example", "sub.listed.example"):
        world.names.mx(listed, (10, f"mx-{listed}"))
        sinks[listed] = world.sink(authority.issue(f"mx-{listed}", f"mx-{listed}"), f"mx-{listed}", tls="none")
    other = host(tls="none")
    sent = {to: send(gatepost, context, account, [f"lena@{to}"]) for to in (*sinks, domain)}
    assert not other.wait(f"lena@{domain}").tls
    for listed, level, policy_name in (("listed.example", "required", "verified"), ("sub.listed.example", "encrypted", "encrypted")):
        assert f"relay.tls_policy asks for {level}: " in shown(gatepost, sent[listed]) and not was_given_mail(sinks[listed])
        line = next(line for line in gatepost.log().splitlines() if "event=tls " in line and f"host=mx-{listed} " in line)
        assert f'policy="{policy_name} (relay.tls_policy)"' in line and "result=starttls-not-supported" in line


def test_a_listed_domain_is_the_same_in_either_form_of_its_name(gatepost, world, authority, context, account):
    world.names.mx("xn--bcher-kva.example", (10, "mx-books.example"))
    sink = world.sink(authority.issue("mx-books", "mx-books.example"), "mx-books.example", tls="none")
    queue_id = send(gatepost, context, account, ["lena@b\u00fccher.example"], options="SMTPUTF8")
    assert "relay.tls_policy asks for required: " in shown(gatepost, queue_id) and not was_given_mail(sink)


def test_a_listed_domain_gets_mail_by_a_good_certificate_alone(gatepost, world, authority, strangers, context, account):
    """The name itself goes before .listed.example, which would have been content with any certificate."""
    sinks, sent = {}, {}
    for listed, issuer in (("good.listed.example", authority), ("bad.listed.example", strangers)):
        world.names.mx(listed, (10, f"mx.{listed}"))
        sinks[listed] = world.sink(issuer.issue(f"mx.{listed}", f"mx.{listed}"), f"mx.{listed}")
        sent[listed] = send(gatepost, context, account, [f"lena@{listed}"])
    assert sinks["good.listed.example"].wait("lena@good.listed.example").tls
    delivered = f"event=delivered queue_id={sent['good.listed.example']}"
    said = until("how it went", lambda: [line for line in gatepost.log().splitlines() if delivered in line])[0]
    assert "verified (relay.tls_policy): verified by its authority" in said
    assert "relay.tls_policy asks for required: " in shown(gatepost, sent["bad.listed.example"])
    assert not was_given_mail(sinks["bad.listed.example"])
