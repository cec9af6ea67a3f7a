"""gatepost dns: what it prints, put into a DNS server, is what it then finds right; and each thing that differs is told."""
import json
import os
import re
import subprocess

import pytest

from house import GATEPOST
from names import A, SRV, TXT, Names
from policies import Policies, policy
from zones import DOMAIN, FAULTS, publish

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")}


def gatepost(*words, status=0):
    done = subprocess.run([GATEPOST, *map(str, words)], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def names():
    made = Names()
    yield made
    made.close()


@pytest.fixture(scope="module")
def policies(authority, names):
    made = Policies(authority, names, address="127.0.4.2")
    made.publish(DOMAIN, policy("enforce", f"mx.{DOMAIN}"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(folder, names, policies, ca):
    made = folder / "dns"
    gatepost("init", "--dir", made, "--domain", DOMAIN)
    with open(made / "gatepost.yml", "a", encoding="ascii") as config:
        config.write(f"relay:\n  dns_server: 127.0.0.1@{names.port}\n  policy_port: {policies.port}\n  ca_file: {ca}\n")
    return made


@pytest.fixture
def published(names, place, policies):
    publish(names, gatepost("dns", "--zone", "--dir", place))
    names.forget("mta-sts." + DOMAIN, A)
    names.host("mta-sts." + DOMAIN, policies.address)
    return names


def checks(place, *words, status=0):
    (found,) = json.loads(gatepost("dns", "--check", "--json", "--dir", place, *words, status=status))
    assert found["domain"] == DOMAIN
    return {(check["kind"], check["verdict"]) for check in found["checks"]}, found["checks"]


def test_what_it_prints_is_what_it_finds_right(published, place):
    verdicts, told = checks(place)
    assert {kind for kind, _ in verdicts} == {"address", "ptr", "mx", "spf", "dkim", "dmarc", "mta-sts", "tlsrpt", "tlsa", "srv", "autoconfig", "dnssec"}
    assert {verdict for _, verdict in verdicts if verdict != "absent"} == {"right", "weak"} and ("autoconfig", "absent") in verdicts
    assert {kind for kind, verdict in verdicts if verdict == "weak"} == {"tlsa", "dnssec"}, told
    assert len([check for check in told if check["kind"] == "dkim"]) == 2
    text = gatepost("dns", "--check", "--dir", place)
    assert re.search(r"^spf\s+right\s+shop\.example$", text, re.M) and "do: sign the zone" in text


@pytest.mark.parametrize("fault", FAULTS)
def test_what_differs_is_told_with_the_way_out(published, place, fault):
    change, kind, verdict, words = FAULTS[fault]
    change(published)
    try:
        verdicts, told = checks(place, status=1)
    finally:
        published.failing.clear()
    assert {each for each in verdicts if each[1] in ("missing", "wrong", "unknown")} == {(kind, verdict)}, told
    one, *_ = [check for check in told if check["verdict"] == verdict]
    assert words in one["why"] and (one["mend"] or verdict == "unknown")


def test_what_may_be_left_out_is_no_fault(published, place):
    for name in ("_mta-sts." + DOMAIN, "_smtp._tls." + DOMAIN):
        published.forget(name, TXT)
    for name in ("_submission._tcp." + DOMAIN, "_submissions._tcp." + DOMAIN):
        published.forget(name, SRV)
    verdicts, _ = checks(place)
    assert {("mta-sts", "absent"), ("tlsrpt", "absent"), ("srv", "absent")} <= verdicts


def test_large_and_hostile_records_are_shown_and_harm_nothing(published, place):
    published.txt("_dmarc." + DOMAIN, "v=DMARC1; p=none; x=\x1b[2J" + "y" * 900)
    text = gatepost("dns", "--check", "--dir", place)
    assert "\x1b" not in text
    published.txt(DOMAIN, "v=spf1 " + "ip4:198.18.1.1 " * 300 + "-all")     # beyond 4,096 octets
    verdicts, _ = checks(place, status=1)
    assert ("spf", "wrong") in verdicts


def test_dns_server_may_be_named(place):
    other = Names()
    try:
        verdicts, _ = checks(place, "--dns-server", f"127.0.0.1@{other.port}", status=1)
        assert ("spf", "missing") in verdicts and ("address", "missing") in verdicts
    finally:
        other.close()
    assert "no such resolver" in subprocess.run([GATEPOST, "dns", "--check", "--dns-server", "nowhere", "--dir", place], env=ENVIRONMENT,
                                                capture_output=True, text=True, timeout=60, check=False).stderr


def test_a_domain_can_be_any(place):
    text = gatepost("dns", "other.example", "--dir", place)
    assert "_dmarc.other.example" in text and "mail.shop.example" in text and "_domainkey" not in text
    gatepost("dns", "no domain", "--dir", place, status=2)


def test_a_domain_below_is_signed_for_by_the_keys_above(published, place):
    (found,) = json.loads(gatepost("dns", f"news.{DOMAIN}", "--json", "--dir", place))
    keys = [record for record in found["records"] if record["kind"] == "dkim"]
    assert keys and all(key["name"].endswith(f"._domainkey.{DOMAIN}") and "for the domain below" in key["note"] for key in keys)
    found = json.loads(gatepost("dns", f"news.{DOMAIN}", "--check", "--json", "--dir", place, status=1))[0]["checks"]
    assert {check["verdict"] for check in found if check["kind"] == "dkim"} == {"right"}
