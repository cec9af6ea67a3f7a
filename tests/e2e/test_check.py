"""gatepost check against servers set up well, where it must raise nothing, and a wrong one of ours, where it must raise each finding."""
import concurrent.futures
import json
import os
import subprocess
import xml.etree.ElementTree

import pytest

from house import GATEPOST, HOSTNAME, serving
from wrong_server import WrongServer

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")}


def check(*words, stdin=None, status=None):
    done = subprocess.run([GATEPOST, "check", *map(str, words)], env=ENVIRONMENT, input=stdin, capture_output=True, text=True, timeout=120, check=False)
    assert status is None or done.returncode == status, f"{done.returncode}\n{done.stdout}{done.stderr}"
    return done


def report(*words, **more):
    done = check(*words, "--json", **more)
    assert done.stdout, f"{words}: {done.returncode} {done.stderr}"
    return json.loads(done.stdout)


def raised(found):
    return {finding["id"] for finding in found["findings"]}


@pytest.fixture(scope="module")
def good(folder, authority):
    with serving(folder / "check-good", authority.issue("check", HOSTNAME, "localhost", days=60)) as made:
        made.owner = made.account()
        yield made


@pytest.mark.parametrize("way", ["--starttls", "--tls"])
def test_nothing_is_raised_on_a_good_gatepost(good, ca, way):
    port = good.port if way == "--starttls" else good.tls_port
    found = report(f"localhost:{port}", way, "--ca-file", ca, "--thorough", status=0)
    assert found["findings"] == []
    assert set(found["grades"].values()) == {"A"} and found["server"] == "gatepost"


# What must be raised: for which faults of the wrong server, asked in which way.
FINDINGS = {
    "reach-no-greeting": ["silent"], "hello-greeting": ["greeting"], "hello-version": ["version"], "hello-no-ehlo": ["no-ehlo"], "hello-name": ["name"],
    "hello-lacks": ["lacks"], "hello-pipelining": ["pipelining"], "hello-codes": ["no-codes"], "hello-unknown-command": ["unknown-command"],
    "hello-empty-name": ["empty-name"], "hello-helo": ["no-helo"], "hello-obsolete": ["obsolete"],
    "tls-none": ["no-tls"], "tls-stripped": ["stripped"], "tls-handshake": ["broken-tls"], "tls-old-versions": ["old-versions"], "tls-no-1.3": ["no-1.3"],
    "tls-weak-suites": ["weak-suites"], "tls-no-forward-secrecy": ["no-forward-secrecy", "rsa"], "tls-expired": ["expired"], "tls-expires-soon": ["expires"],
    "tls-name": ["other-name"], "tls-untrusted": ["untrusted"], "tls-short-key": ["short-key"], "tls-weak-signature": ["sha1"],
    "tls-starttls-injection": ["injection"], "tls-starttls-again": ["starttls-again"], "tls-starttls-argument": ["starttls-argument"], "tls-needs-sni": ["needs-sni"],
    "auth-none": ["no-auth"], "auth-in-clear": ["auth-in-clear"], "auth-unadvertised": ["unadvertised"], "auth-no-plain": ["no-plain"], "auth-anonymous": ["anonymous"],
    "auth-obsolete": ["old-mechanisms"], "auth-no-scram": ["no-scram"], "auth-equals": ["auth-equals"], "auth-before-hello": ["before-hello"],
    "auth-without-mechanism": ["no-mechanism"], "auth-unknown-mechanism": ["unknown-mechanism"], "auth-not-base64": ["not-base64"], "auth-cancel": ["cancel"],
    "auth-case": ["case"], "auth-empty-challenge": ["empty-challenge"], "auth-login-prompt": ["login-prompt"], "auth-cram-initial": ["cram-early"],
    "auth-cram-repeats": ["cram-repeats"], "auth-short-lines": ["short-lines"], "auth-out-of-step": ["out-of-step"], "auth-in-transaction": ["auth-in-transaction"],
    "relay-late": ["late"], "relay-code": ["relay-code"], "relay-open": ["open"], "relay-forms": ["forms"], "relay-vrfy": ["vrfy"],
    "smuggling-bare-lf": ["bare-lf"], "smuggling-bare-cr": ["bare-cr"], "smuggling-nul": ["nul"], "limits-long-command": ["long-command"],
    "limits-no-size": ["no-size"],
}
ALWAYS = {"auth-no-plus"}  # SCRAM bound to TLS is beyond the wrong server


@pytest.fixture(scope="module")
def certificates(authority, folder):
    good = authority.issue("wrong", "localhost", days=60)
    made = {
        "rsa": authority.issue("wrong-rsa", "localhost", days=60, kind=("rsa:2048",)),
        "expires": authority.issue("wrong-expires", "localhost", days=2),
        "expired": authority.issue("wrong-expired", "localhost", days=-1),
        "other-name": authority.issue("wrong-name", "elsewhere.example.net", days=60),
        "short-key": authority.issue("wrong-short", "localhost", days=60, kind=("rsa:1024",)),
        "sha1": authority.issue("wrong-sha1", "localhost", days=60, kind=("rsa:2048", "-sha1"), digest="-sha1"),
        "untrusted": type(authority)(folder / "other-ca").issue("wrong", "localhost", days=60),
    }
    return lambda faults: next((made[fault] for fault in faults if fault in made), good)


@pytest.fixture(scope="module")
def wrong(certificates, ca):
    """The report on the wrong server for each row, and for one without a fault (""); several at once, since most of it is waiting."""
    def look(faults):
        server = WrongServer(certificates(faults), *faults)
        try:
            return report(f"localhost:{server.port}", "--starttls", "--ca-file", ca, "--patience", 3, *(("--thorough",) if "errors" in faults else ()))
        finally:
            server.close()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        rows = {"": pool.submit(look, []), **{name: pool.submit(look, faults) for name, faults in FINDINGS.items()}}
        return {name: row.result() for name, row in rows.items()}


def test_the_wrong_server_is_not_wrong_by_itself(wrong):
    assert raised(wrong[""]) == ALWAYS


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_is_raised(wrong, name):
    assert name in raised(wrong[name]), wrong[name]["findings"]
