"""gatepost check and a domain's DNS records: each finding where it must be, and none where the records are right."""
import json
import os
import subprocess

import pytest

from house import GATEPOST, free_port
from names import Names
from zones import ADDRESS, DOMAIN, FAULTS, HOST, publish

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")}


def run(*words):
    return subprocess.run([GATEPOST, *map(str, words)], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def names():
    made = Names()
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(folder, names):
    """Nothing is served from it: what check says of listeners is of no matter here."""
    made = folder / "check-dns"
    assert run("init", "--dir", made, "--domain", DOMAIN).returncode == 0
    with open(made / "gatepost.yml", "a", encoding="ascii") as config:
        config.write(f"relay:\n  dns_server: 127.0.0.1@{names.port}\nlisten:\n  - submission 127.0.0.1:{free_port()}\n")
    return made


@pytest.fixture
def published(names, place):
    names.failing.clear()
    publish(names, run("dns", "--zone", "--dir", place).stdout)
    return names


def found(*words):
    """The report's findings about DNS, and what it says of them."""
    said = json.loads(run("check", *words, "--json").stdout)
    return {each["id"] for each in said["findings"] if each["area"] == "dns"}, said


def of_house(place, *words):
    return found("--dir", place, *words)


def test_right_records_raise_nothing(published, place):
    ids, said = of_house(place)
    assert ids == set() and said["grades"]["dns"] == "A"
    assert {"dns-address", "dns-ptr", "dns-mx", "dns-spf", "dns-dkim", "dns-dmarc", "dns-mta-sts", "dns-tlsrpt", "dns-tlsa", "dns-srv"} <= set(said["fine"])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_finding_is_raised_and_no_other(published, place, fault):
    change, kind, verdict, words = FAULTS[fault]
    change(published)
    ids, said = of_house(place)
    assert ids == {"dns-silent" if verdict == "unknown" else "dns-" + kind}
    (one,) = [each for each in said["findings"] if each["area"] == "dns"]
    assert words in one["seen"] and one["mend"]["gatepost"]


WEAK = {
    "dns-address": lambda names: (names.forget(HOST, 1), names.txt(DOMAIN, "v=spf1 mx ~all")),
    "dns-ptr-other": lambda names: (names.pointer(ADDRESS, "box.shop.example"), names.host("box.shop.example", ADDRESS)),
    "dns-spf-open": lambda names: names.txt(DOMAIN, "v=spf1 a:mail.shop.example +all"),
    "dns-dkim-testing": lambda names: names.txt("gp-ed._domainkey." + DOMAIN, *[  # the same key, with t=y
        record[1:].decode().replace("v=DKIM1;", "v=DKIM1; t=y;") for record in names.records["gp-ed._domainkey." + DOMAIN, 16]]),
}


@pytest.mark.parametrize("name", WEAK)
def test_what_works_and_could_be_better_is_said(published, place, name):
    WEAK[name](published)
    assert of_house(place)[0] == {name}


def test_a_host_elsewhere(published):
    server = ["--dns-server", f"127.0.0.1@{published.port}"]
    there = f"localhost:{free_port()}"
    assert found(there, "--domain", DOMAIN, *server)[0] == set()
    published.txt(DOMAIN, "v=spf1 include:nowhere.example -all")
    assert found(there, "--domain", DOMAIN, *server)[0] == {"dns-spf"}
    ids, said = found(there, *server)                              # a name without a domain: nothing is asked
    assert ids == set() and "dns" not in said["grades"]
    ids, said = found(f"{HOST}:{free_port()}", "--patience", 1, *server)
    assert ids == {"dns-spf"}                                      # the host's domain, because it takes mail
    ids, said = found(f"smtp.other.example:{free_port()}", "--patience", 1, *server)
    assert ids == set() and any("takes no mail" in fact["what"] for fact in said["facts"])


def test_domains_for_examples_are_not_looked_up(folder):
    made = folder / "check-dns-reserved"
    assert run("init", "--dir", made, "--domain", "example.org").returncode == 0
    ids, said = of_house(made)
    assert ids == set() and any("not looked up" in fact["what"] for fact in said["facts"])


def test_a_domain_that_is_none():
    assert run("check", "localhost", "--domain", "no domain").returncode == 2
