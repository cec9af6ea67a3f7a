"""Tokens from a provider (OAuth 2.0): a printer's mail goes on when the smarthost takes no passwords; and whatever the provider does, it waits.

One server serves most of these tests, and mail that is put off there waits an hour: what goes sooner goes because the server has seen a reason."""
import base64
import contextlib
import hashlib
import json
import os
import pty
import re
import socket
import sqlite3
import ssl
import subprocess
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from conftest import counter
from house import GATEPOST, Gatepost, relay_to, until
from identity import Identity
from sink import Sink
from test_operations import deliver

USER, SHORT = "printer@example.org", "short@example.org"


@pytest.fixture(scope="module")
def identity(sink_certificate):
    made = Identity(sink_certificate).start()
    made.grants.clients["short"], made.grants.users["short"], made.grants.lifetimes["short"] = None, SHORT, 12
    yield made
    made.stop()


@pytest.fixture(scope="module")
def hop(sink_certificate, identity):
    """A smarthost that takes the newest token and no other."""
    made = Sink(sink_certificate, tokens={USER: "nobody has one yet"})
    identity.grants.accept = made.tokens.__setitem__
    yield made
    made.close()


def item(identity, ca, **keys):
    base = {"name": "office", "client_id": "app", "token_uri": f"{identity.issuer}/token", "device_uri": f"{identity.issuer}/device",
            "authorize_uri": f"{identity.issuer}/authorize", "revoke_uri": f"{identity.issuer}/revoke", "scope": "smtp offline_access",
            "ca_file": str(ca), "timeout": "1s"} | keys
    return "- {" + ", ".join(f"{name}: '{value}'" for name, value in base.items() if value) + "}\n"


@contextlib.contextmanager
def house(folder, certificate, ca, hop, identity, *items):
    """A gatepost that signs in at the hop with tokens of the provider office, not started; no secret may be in its log in the end."""
    place = folder / f"provider-{next(counter)}"
    place.mkdir()
    gatepost = Gatepost(place, certificate, **relay_to(hop, ca), GATEPOST_RELAY_USER=USER, GATEPOST_RELAY_PROVIDER="office",
                        GATEPOST_RELAY_IDLE_TIMEOUT="0s", GATEPOST_QUEUE_RETRIES="1h")
    with open(gatepost.dir / "gatepost.yml", "a") as out:
        out.write(f"routes:\n  - {{name: routed, to: routed.example, via: 'smtp://127.0.0.1:{hop.port}', user: {USER}, provider: office}}\n")
    write(gatepost, *items)
    try:
        yield gatepost
        gatepost.stop()
        gatepost.secrets += identity.grants.everything()
        gatepost.check_log()
    finally:
        gatepost.kill()


def write(gatepost, *items):
    """Providers in the place of those before."""
    path = gatepost.dir / "gatepost.yml"
    path.write_text(path.read_text().split("providers:\n")[0] + "providers:\n" + "".join(items))


@pytest.fixture(scope="module")
def office(folder, certificate, ca, hop, identity):
    """The one that is shared; each test leaves it signed in. Beside `office` it has a provider whose tokens are soon over."""
    with house(folder, certificate, ca, hop, identity, item(identity, ca), item(identity, ca, name="short", client_id="short")) as made:
        identity.grants.pending = 1
        login(made, identity.grants)
        login(made, identity.grants, "short")
        start(made, identity.grants)
        made.sender = made.account()
        yield made


@pytest.fixture
def grants(identity):
    """As it is in peace, before each test and after it; who has signed in still is."""
    identity.grants.calm()
    yield identity.grants
    identity.grants.calm()
    identity.free.set()


@pytest.fixture
def send(office, hop, context):
    """send(recipient): it is accepted, and arrives with our name."""
    def through(recipient):
        assert deliver(office, context, office.sender, recipient)[0] == 250
        assert hop.wait(recipient).login == USER
    return through


@pytest.fixture
def says(office):
    """What the log says from here on."""
    start = len(office.log())
    return lambda: office.log()[start:]


def login(gatepost, grants, name="office"):
    said = gatepost.run("provider", "login", name)
    assert "WDJB-MJHT" in said and f"Signed in at {name}" in said
    assert not [secret for secret in grants.everything() if secret in said]
    return said


def state(gatepost, name="office"):
    return next(row for row in gatepost.json("provider", "list") if row["name"] == name)


def fetches(grants, client="app"):
    return len([form for path, form in grants.asked if path == "token" and form["grant_type"] == "refresh_token" and form["client_id"] == client])


def start(gatepost, grants):
    """The first token of the short ones has come when it is up."""
    before = fetches(grants, "short")
    gatepost.start()
    gatepost.begun_with = until("a short token", lambda: fetches(grants, "short") > before and fetches(grants, "short"))


# ---- it goes on --------------------------------------------------------------------------------------------------
def test_a_printer_with_a_password_sends_through_a_provider_that_takes_none(office, grants, send, recipient):
    send(recipient)
    is_now = state(office)
    assert is_now["state"] == "works" and is_now["token_ends"] and not is_now["reason"]
    assert "office" in office.run("status")
    assert f"takes {USER} with" in office.run("provider", "test", "office")
    send("2" + recipient)                               # with the refresh token that the test has left
    kept = (office.dir / "vault/accounts.db").read_bytes() + (office.dir / "vault/accounts.db-wal").read_bytes()
    assert not [token for token in grants.everything() if token.encode() in kept]


def test_a_route_signs_in_with_tokens_too(office, hop, context):
    assert deliver(office, context, office.sender, "a@routed.example")[0] == 250
    assert hop.wait("a@routed.example").login == USER


def test_it_goes_on_after_a_restart(office, grants, send, recipient):
    for count, rotates in enumerate([True, False, False]):
        grants.rotates = rotates
        before = fetches(grants)
        office.stop()
        start(office, grants)
        send(f"{count}{recipient}")
        assert fetches(grants) > before


def test_a_browser_that_comes_back(office, grants, send, says, recipient, ca):
    grants.codes.clear()
    command = subprocess.Popen([GATEPOST, "provider", "login", "office", "--browser", "--dir", str(office.dir)], env=office.environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    lines = iter(command.stdout.readline, "")
    uri = next(line.strip() for line in lines if line.startswith("  https://"))
    assert "code_challenge_method=S256" in uri and "login_hint=printer%40example.org" in uri
    redirect = re.search(r"redirect_uri=([^&]*)", uri)[1].replace("%3A", ":").replace("%2F", "/")
    with pytest.raises(urllib.error.HTTPError):          # somebody else's answer is none
        urllib.request.urlopen(redirect + "?code=evil&state=guessed", timeout=5)
    page = urllib.request.urlopen(uri, timeout=5, context=ssl.create_default_context(cafile=ca)).read()
    assert b"may be closed" in page
    assert "Signed in at office" in command.stdout.read() and command.wait(10) == 0
    assert state(office)["state"] == "works"
    fetched(office, grants)
    send(recipient)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def test_a_browser_elsewhere(office, grants, send, recipient, ca):
    """Where it ends is typed in: after a return for nothing, and with somebody at the port who says little at a time."""
    mine, its = pty.openpty()
    command = subprocess.Popen([GATEPOST, "provider", "login", "office", "--browser", "--dir", str(office.dir)], env=office.environment,
                               stdin=its, stdout=subprocess.PIPE, text=True)
    lines = iter(command.stdout.readline, "")
    uri = next(line.strip() for line in lines if line.startswith("  https://"))
    with socket.create_connection(("127.0.0.1", int(re.search(r"127.0.0.1%3A(\d+)", uri)[1])), 0.2) as little:
        for _ in range(100):
            little.send(b"G")
            try:
                assert b"404" in little.recv(1000)
                break
            except TimeoutError:
                pass
        else:
            raise AssertionError("it is listened to for ever")
    opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
    with pytest.raises(urllib.error.HTTPError) as away:
        opener.open(uri, timeout=5)
    os.write(mine, b"\n" + away.value.headers["Location"].encode() + b"\n")
    assert "Signed in at office" in command.stdout.read() and command.wait(10) == 0
    os.close(mine)
    os.close(its)
    fetched(office, grants)
    send(recipient)


def fetched(gatepost, grants):
    """After a sign-in: the server has seen it, and has a token that came of it."""
    until("a token", lambda: state(gatepost)["token_ends"] and state(gatepost)["state"] == "works")


def make_pair(folder):
    """A key and its certificate, as an administrator makes them: paths, and what the provider has of them."""
    rsa, certificate = folder / "office.key", folder / "office.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gatepost", "-keyout", rsa, "-out", certificate],
                   check=True, capture_output=True)
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    digest = hashlib.sha256(read.public_bytes(serialization.Encoding.DER)).digest()
    return rsa, certificate, read.public_key(), base64.urlsafe_b64encode(digest).decode().strip("=")


def keep(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def test_an_application_and_keys_need_nobody(folder, certificate, ca, hop, identity, grants, context, recipient):
    """Each in its turn at one server: a secret, a certificate's key, a service account's."""
    rsa, pem, public, thumbprint = make_pair(folder)
    grants.clients["robot"], grants.clients["paper"] = "s/cr:t+secret", None
    grants.keys["paper"], grants.keys[USER] = (public, thumbprint), public
    account = {"type": "service_account", "private_key": rsa.read_text(), "client_email": "robot@iam.example", "private_key_id": "k1"}
    ways = [{"grant": "client", "client_id": "robot", "client_secret_file": keep(folder / "client-secret", "s/cr:t+secret\n")},
            {"grant": "client", "client_id": "paper", "key_file": str(rsa), "certificate_file": str(pem)},
            {"grant": "service-account", "client_id": "", "key_file": keep(folder / "service.json", json.dumps(account))}]
    with house(folder, certificate, ca, hop, identity, item(identity, ca)) as gatepost:
        sender = gatepost.account()
        for count, way in enumerate(ways):
            write(gatepost, item(identity, ca, **way))
            gatepost.start()
            assert deliver(gatepost, context, sender, f"{count}{recipient}")[0] == 250
            assert hop.wait(f"{count}{recipient}").login == USER and state(gatepost)["state"] == "works"
            assert gatepost.command("provider", "login", "office").returncode == 1
            assert "takes" in gatepost.run("provider", "test", "office")
            gatepost.stop()
        assert gatepost.log().count("certificate of its application ends") == 1     # in two days


# ---- it waits ----------------------------------------------------------------------------------------------------
def reasons(gatepost):
    return gatepost.run("queue", "list")


def waits(gatepost, context, recipient, reason):
    """It is accepted, and stays for this reason however often it is tried."""
    assert deliver(gatepost, context, gatepost.sender, recipient)[0] == 250
    until("an attempt", lambda: "event=deferred" in gatepost.log())
    until(f"a reason: {reason}", lambda: gatepost.run("queue", "retry", "--all") and reason in reasons(gatepost))
    for _ in range(2):
        count = gatepost.log().count("event=deferred")
        gatepost.run("queue", "retry", "--all")
        until("another attempt", lambda: gatepost.log().count("event=deferred") > count)
    assert len(gatepost.queued()) == 1 and "event=failed" not in gatepost.log()


HUGE = b'{"access_token": "' + b"x" * 200000 + b'"}'
FAILURES = {
    "revoked": ((400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}), "invalid_grant: Token has been expired or revoked."),
    "garbage": ((200, b"<html>welcome</html>"), "no JSON with a token"),
    "huge": ((200, HUGE), "its answer is too long"),
    "down": ((503, b""), "it answers with an error"),
    "echo": ((400, lambda form: {"error": "invalid_grant", "error_description": "no: " + form["refresh_token"]}), "it says one of our secrets"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_mail_waits_with_a_reason_and_goes_when_it_is_mended(what, office, hop, grants, says, context, recipient):
    grants.broken, reason = FAILURES[what]
    hop.tokens[USER] = "all of them were taken back"
    before = fetches(grants)
    waits(office, context, recipient, reason)
    is_now = state(office)
    assert is_now["state"] == "fails" and is_now["failures"] >= 1
    if what == "revoked":
        assert "event=notice" in says() and "provider login office" in says()
    assert fetches(grants) - before < 10                # not once for each attempt
    if what == "echo":                                  # nor do the commands tell it, or keep it
        tried = office.command("provider", "test", "office")
        assert tried.returncode == 1 and "invalid_grant: no: (secret)" in tried.stdout + tried.stderr
        shown = tried.stdout + tried.stderr + office.run("provider", "list") + office.run("status", "--json")
        kept = (office.dir / "vault/accounts.db").read_bytes() + (office.dir / "vault/accounts.db-wal").read_bytes()
        assert not [token for token in grants.everything() if token in shown or token.encode() in kept]
    mended(office, hop, grants, recipient)


def mended(gatepost, hop, grants, recipient):
    """A person signs in, and what waits goes."""
    grants.calm()
    assert USER in login(gatepost, grants)
    assert hop.wait(recipient).login == USER
    until("an empty queue", gatepost.is_empty)
    assert state(gatepost)["state"] == "works"


def test_a_token_that_has_ended_and_no_newer_one_on_record_is_no_sign_that_it_works(office, hop, grants, recipient):
    """As if the vault could not write down what came after it."""
    office.stop()
    with contextlib.closing(sqlite3.connect(office.dir / "vault/accounts.db")) as db, db:
        db.execute("UPDATE grants SET access_ends = access_ends - 86400000 WHERE provider = 'office'")
    assert state(office)["state"] == "overdue" and "overdue" in office.run("provider", "list")
    start(office, grants)
    until("a token of now", lambda: state(office)["state"] == "works")


def test_logout_gives_back_and_forgets(office, hop, grants, context, recipient):
    refresh = set(grants.refresh)
    assert "revoked there" in office.run("provider", "logout", "office")
    assert grants.revoked[-1] in refresh and state(office)["state"] == "nobody signed in"
    waits(office, context, recipient, "nobody has signed in there yet")
    assert office.command("provider", "logout", "office").returncode == 1
    mended(office, hop, grants, recipient)


def test_a_slow_provider_holds_up_nobody_and_mail_waits_for_it(office, hop, grants, identity, says, context, recipient):
    grants.rotates = False                              # what it hears late it does all the same
    identity.free.clear()
    hop.tokens[USER] = "all of them were taken back"
    assert deliver(office, context, office.sender, recipient)[0] == 250
    until("a timeout", lambda: "Timeout was reached" in says())
    identity.free.set()
    assert hop.wait(recipient).login == USER


def test_a_token_that_was_good_is_refused_and_a_fresh_one_takes_its_place(office, hop, grants, send, context, recipient):
    send(recipient)
    before = fetches(grants)
    hop.tokens[USER] = "all of them were taken back"
    assert deliver(office, context, office.sender, "2" + recipient)[0] == 250
    assert hop.wait("2" + recipient).login == USER and fetches(grants) == before + 1


def test_fresh_tokens_that_are_refused_are_not_asked_for_all_the_time(office, hop, grants, says, context, recipient):
    grants.closed.add(USER)
    hop.tokens[USER], hop.repeats = "none is good", True
    before = fetches(grants)
    waits(office, context, recipient, "refuses its tokens")
    until("a notice", lambda: "event=notice" in says() and "off by default at Microsoft 365" in says())
    assert fetches(grants) - before < 6
    assert "status=(secret)" in says() and 'reply="no (secret) in (secret)"' in says() and not [token for token in grants.given if token[:12] in says()]
    hop.repeats = False
    mended(office, hop, grants, recipient)


def test_a_consent_that_ends_soon_is_told(office, grants, says):
    grants.ends = 7 * 24 * 3600
    login(office, grants)
    until("a notice", lambda: "event=notice" in says() and "consented" in says())
    assert state(office)["ends"]


def test_a_token_that_ends_is_replaced_before_anybody_waits(office, grants):
    """The short ones, which nobody has asked for."""
    until("another token", lambda: fetches(grants, "short") > office.begun_with)
    assert state(office, "short")["state"] == "works"
    assert len([token for token in grants.refresh if grants.owner[token] == "short"]) == 1     # the others were given back as they were used


def test_tokens_stay_where_they_belong(office, grants, send, recipient):
    """After use, no process but vault has a token; vault has no refresh token."""
    for count in range(10):
        send(f"{count}{recipient}")
    until("an empty queue", office.is_empty)
    found = {}
    for role in office.roles():
        memory, ours = memory_of(role["pid"]), set(grants.everything())
        words = re.findall(rb"access-[0-9]+-[\w-]{43}", memory) + re.findall(rb"refresh-[0-9]+-[\w-]{43}", memory)
        found.setdefault(role["name"], []).extend(ours & {word.decode() for word in words})
    assert found["vault"] and not [name for name in found if found[name] and name != "vault"], found
    assert not [word for word in found["vault"] if word.startswith("refresh")], found


def memory_of(pid):
    pieces = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            if "rw" in rights:
                first, last = (int(end, 16) for end in place.split("-"))
                memory.seek(first)
                try:
                    pieces.append(memory.read(last - first))
                except OSError:
                    continue
    return b"".join(pieces)
