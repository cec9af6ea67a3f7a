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
    found = report(f"localhost:{port}", way, "--ca-file", ca, "--user", good.owner.name, "--password-stdin", stdin=good.owner.password, status=0)
    assert found["findings"] == [] and found["failed_sign_ins"] == 4        # wrong, nobody's, bound wrong, downgraded
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
# With an account: what is said then.
WITH_ACCOUNT = {
    "auth-refused": ["refuses-login"], "auth-any-password": ["any-password"], "auth-any-user": ["any-user"], "auth-failure-code": ["failure-code"],
    "auth-tells-users": ["tells"], "auth-time": ["time"], "auth-twice": ["twice"], "auth-parameter": ["auth-parameter"], "auth-scram-downgrade": ["downgrade"],
    "auth-wrong-binding": ["any-binding"], "auth-drops-early": ["drops"], "relay-spoofed-sender": ["spoof"], "relay-spoofed-from": ["spoof-from"],
    "relay-several-from": ["many-from"], "smuggling-end-of-data": ["end-of-data"], "smuggling-takes-bare": ["takes-bare"], "limits-size": ["size"],
    "limits-recipients": ["few-recipients"], "limits-errors": ["errors"],
}
OPTIONS = {"auth-time": ["--samples", 10], "limits-recipients": ["--thorough"], "limits-errors": ["--thorough"],
           **{name: ["--send-to", "lena@example.org"] for name in ("relay-spoofed-from", "relay-several-from", "smuggling-end-of-data", "smuggling-takes-bare")}}
OWNER, PASSWORD = "lena@example.org", "a right password"
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
    def look(name, faults, account):
        server = WrongServer(certificates(faults), *faults, account=(OWNER, PASSWORD))
        words = ["--user", OWNER, "--password-stdin", *OPTIONS.get(name, [])] if account else []
        try:
            return report(f"localhost:{server.port}", "--starttls", "--ca-file", ca, "--patience", 3, *words, stdin=PASSWORD + "\n" if account else None), server
        finally:
            server.close()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        rows = {"": pool.submit(look, "", [], True), **{name: pool.submit(look, name, faults, False) for name, faults in FINDINGS.items()},
                **{name: pool.submit(look, name, faults, True) for name, faults in WITH_ACCOUNT.items()}}
        return {name: row.result() for name, row in rows.items()}


def test_the_wrong_server_is_not_wrong_by_itself(wrong):
    assert raised(wrong[""][0]) == ALWAYS


@pytest.mark.parametrize("name", [*FINDINGS, *WITH_ACCOUNT])
def test_a_finding_is_raised(wrong, name):
    assert name in raised(wrong[name][0]), wrong[name][0]["findings"]


def test_no_password_is_tried_but_the_accounts_and_no_message_sent_unasked(wrong):
    """Two wrong sign-ins, one for the account; without an account none at all."""
    found, server = wrong[""]
    refused = [user for user, right in server.tried if not right]
    assert found["failed_sign_ins"] == len(refused) == 2 and refused.count(OWNER) == 1 and not server.messages
    for name in FINDINGS:
        found, server = wrong[name]
        assert found["failed_sign_ins"] == 0 and not server.tried and not server.messages, name
