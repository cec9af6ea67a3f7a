"""Reports of TLS (RFC 8460): made of what was seen, and sent to those who ask for them, as signed mail or over the web, once."""
import contextlib
import email
import email.policy
import gzip
import itertools
import json
import sqlite3
import threading

import pytest

from house import DOMAIN, HOSTNAME, serving, until
from policies import policy
from test_delivery import send
from test_dkim import publish, verify_dkimpy

counter = itertools.count(1)


@pytest.fixture(scope="module")
def web(policies):
    policies.serve("reports.example")
    return policies


@pytest.fixture(scope="module")
def gatepost(folder, certificate, world, web, ca):
    options = {"GATEPOST_RELAY_CA_FILE": str(ca), "GATEPOST_RELAY_POLICY_PORT": str(web.port), "GATEPOST_TLS_REPORTS_SEND": "yes",
               "GATEPOST_TLS_REPORTS_ORGANIZATION": "Größe & Söhne", "GATEPOST_TLS_REPORTS_CONTACT": f"tls@{DOMAIN}"}
    with serving(folder / "reports", certificate, **world.environment(**options)) as made:
        publish(world.names, made.run("dns", "--zone"))
        yield made


@pytest.fixture
def see(gatepost, world, web, strangers, context, account):
    """see(): a domain that tests a policy which its mail host does not keep; yesterday a message went there."""
    def make():
        domain = f"r{next(counter)}.example"
        web.publish(domain, policy("testing", f"mx.{domain}"))
        world.names.mx(domain, (10, f"mx.{domain}"))
        sink = world.sink(strangers.issue(f"mx.{domain}", f"mx.{domain}"), f"mx.{domain}")
        send(gatepost, context, account, [f"lena@{domain}"])
        sink.wait(f"lena@{domain}")
        until("a count", lambda: rows(gatepost, domain))
        return domain
    return make


@pytest.fixture
def seen(see):
    return see()


def database(gatepost):
    return contextlib.closing(sqlite3.connect(gatepost.dir / "queue/queue.db", timeout=10, isolation_level=None))


def rows(gatepost, domain):
    with database(gatepost) as db:
        return db.execute("SELECT state, told FROM tls_days WHERE domain = ?", [domain]).fetchall()


def night_falls(gatepost, domain):
    """What was seen of it today was seen yesterday."""
    with database(gatepost) as db:
        db.executescript(f"BEGIN IMMEDIATE; UPDATE tls_seen SET day = day - 1 WHERE domain = '{domain}'; UPDATE tls_days SET day = day - 1 WHERE domain = '{domain}'; COMMIT;")
    assert "due now" in gatepost.run("report", "--tls", "--send-now")


def shown(gatepost, domain, state, told):
    """What became of its report, once it is that."""
    until(f"a report that is {state}", lambda: [line for line in gatepost.run("report", "--tls").splitlines()
                                                if f" {state} " in line and f" {domain} " in line and told in line])


def report_of(gatepost, domain):
    return next(report for report in gatepost.json("report", "--tls") if f".{domain}@" in report["report-id"])


def test_a_report_goes_by_mail_signed_whatever_the_tls_there_is_like(gatepost, world, web, seen):
    world.names.txt(f"_smtp._tls.{seen}", "v=spf1 -all", f"v=TLSRPTv1; rua=mailto:tls%2Breports@to-{seen}?subject=x")
    web.publish(f"to-{seen}", policy("enforce", "nobody.example"))      # which holds back all mail but this
    world.names.mx(f"to-{seen}", (10, f"mx.to-{seen}"))
    sink = world.sink(web.authority.issue(f"to-{seen}", f"to-{seen}"), f"mx.to-{seen}", tls="none")
    night_falls(gatepost, seen)
    arrived = sink.wait(f"tls+reports@to-{seen}")
    message = email.message_from_bytes(arrived.data, policy=email.policy.default)
    text, report = message.iter_parts()
    assert arrived.sender == "" and message["From"] == f"tls@{DOMAIN}" and message["TLS-Required"] == "No"
    assert message.get_content_type() == "multipart/report" and message["Content-Type"].params["report-type"] == "tlsrpt"
    assert (message["TLS-Report-Domain"], message["TLS-Report-Submitter"]) == (seen, DOMAIN)
    assert report.get_content_type() == "application/tlsrpt+gzip" and seen in text.get_content()
    said = json.loads(gzip.decompress(report.get_content()))
    assert report.get_filename().startswith(f"{DOMAIN}!{seen}!") and report.get_filename().endswith(".json.gz")
    assert message["Subject"] == f"Report Domain: {seen} Submitter: {DOMAIN} Report-ID: <{said['report-id']}>"
    assert said == report_of(gatepost, seen) and said["organization-name"] == "Größe & Söhne" and said["contact-info"] == f"tls@{DOMAIN}"
    assert said["report-id"] == f"{said['date-range']['start-datetime'][:10]}.{seen}@{HOSTNAME}"
    failure = said["policies"][0]["failure-details"][0]
    assert failure["result-type"] == "certificate-not-trusted"
    assert (failure["receiving-mx-hostname"], failure["receiving-mx-helo"]) == (f"mx.{seen}", "sink.example.net")
    assert verify_dkimpy(world.names, arrived.data) and arrived.data.count(b"DKIM-Signature:") == 2
    shown(gatepost, seen, "sent", f"tls+reports@to-{seen}")
    assert not rows(gatepost, f"to-{seen}")                             # RFC 8460 5.3: that was no session to report


def test_a_report_goes_over_the_web_and_again_where_it_was_not_taken(gatepost, world, web, seen):
    path = f"/v1/{seen}"
    world.names.txt(f"_smtp._tls.{seen}", f"v=TLSRPTv1;rua=https://reports.example:{web.port}{path}")
    web.says[path] = [500, 302]
    night_falls(gatepost, seen)
    shown(gatepost, seen, "waits", ": 500")
    gatepost.run("report", "--tls", "--send-now")
    shown(gatepost, seen, "waits", ": 302")         # which is not followed
    gatepost.stop()
    gatepost.start()
    gatepost.run("report", "--tls", "--send-now")
    shown(gatepost, seen, "sent", f"https://reports.example:{web.port}{path}")
    posted = [(kind, body) for where, kind, body in web.posted if where in (path, "/elsewhere")]
    assert len(posted) == 3 and len(set(posted)) == 1 and posted[0][0] == "application/tlsrpt+gzip"
    assert json.loads(gzip.decompress(posted[0][1])) == report_of(gatepost, seen)


def test_nobody_else_is_asked_to_take_one(gatepost, world, web, seen):
    many = ",".join(f"data:,{n}" for n in range(300))
    world.names.txt(f"_smtp._tls.{seen}", f"v=TLSRPTv1; rua={many},http://reports.example/,https://127.0.4.1:{web.port}/,https://x@reports.example:{web.port}/")
    web.posted.clear()
    night_falls(gatepost, seen)
    shown(gatepost, seen, "not wanted", "no address that can be used")
    assert not web.posted


def report_in(octets):
    return json.loads(gzip.decompress(octets))


def test_who_is_killed_in_the_midst_of_it_loses_no_report_and_says_none_twice(gatepost, world, web, see):
    """One report is on its way over the web, one as well, and is to go by mail besides, and one waits as mail in the queue."""
    posted, both, mailed = see(), see(), see()
    hangs, paths = threading.Event(), {domain: f"/v1/{domain}" for domain in (posted, both)}
    to = {domain: f"tls@to-{domain}" for domain in (both, mailed)}
    sinks = {domain: world.sink(web.authority.issue(f"mx.{address}", f"to-{domain}"), f"mx.to-{domain}", tls="none") for domain, address in to.items()}
    for domain in (posted, both, mailed):
        ways = [f"https://reports.example:{web.port}{paths.get(domain)}"] * (domain in paths) + [f"mailto:{to.get(domain)}"] * (domain in to)
        world.names.txt(f"_smtp._tls.{domain}", "v=TLSRPTv1; rua=" + ",".join(ways))
        world.names.mx(f"to-{domain}", (10, f"mx.to-{domain}"))
    web.says |= {path: [hangs] for path in paths.values()}
    sinks[mailed].script("RCPT", "450 4.2.0 not now")
    night_falls(gatepost, mailed)
    shown(gatepost, mailed, "sent", to[mailed])
    until("a mail that waits", lambda: any(b"RCPT" in line for line in sinks[mailed].heard))
    for domain in (posted, both):               # last: who hangs for long is given up
        night_falls(gatepost, domain)
    until("reports that are on their way", lambda: {path for path, _, _ in web.posted} >= set(paths.values()))
    gatepost.kill()
    hangs.set()
    gatepost.start()
    gatepost.run("report", "--tls", "--send-now")
    gatepost.run("queue", "retry", "--all")
    for domain in (posted, both):
        shown(gatepost, domain, "sent", paths[domain])
    arrived = {domain: sink.wait(to[domain]) for domain, sink in sinks.items()}
    gatepost.run("report", "--tls", "--send-now")
    until("an empty queue", lambda: not gatepost.json("queue", "list"))
    for domain, path in paths.items():          # what was not answered is said again: the same report, octet for octet
        bodies = [body for where, _, body in web.posted if where == path]
        assert len(bodies) == 2 and len(set(bodies)) == 1 and report_in(bodies[0]) == report_of(gatepost, domain)
    for domain, one in arrived.items():
        _, report = email.message_from_bytes(one.data, policy=email.policy.default).iter_parts()
        assert len(sinks[domain].arrived) == 1 and report_in(report.get_content()) == report_of(gatepost, domain)
