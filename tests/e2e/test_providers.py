"""Tokens from a provider (OAuth 2.0): a printer's mail goes on when the smarthost takes no passwords; and whatever the provider does, it waits."""
import base64
import hashlib
import json
import re
import ssl
import subprocess
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from house import GATEPOST, until
from identity import Identity
from test_operations import deliver

USER = "printer@example.org"


@pytest.fixture(scope="module")
def identity(sink_certificate):
    made = Identity(sink_certificate).start()
    yield made
    made.stop()


@pytest.fixture
def grants(identity):
    identity.grants.__init__(identity)
    identity.free.set()
    return identity.grants


def item(identity, ca, **keys):
    base = {"name": "office", "client_id": "app", "token_uri": f"{identity.issuer}/token", "device_uri": f"{identity.issuer}/device",
            "authorize_uri": f"{identity.issuer}/authorize", "revoke_uri": f"{identity.issuer}/revoke", "scope": "smtp offline_access",
            "ca_file": str(ca), "timeout": "2s"} | keys
    return "providers:\n- {" + ", ".join(f"{name}: '{value}'" for name, value in base.items() if value) + "}\n"


@pytest.fixture
def house(new_gatepost, new_sink, identity, grants, ca):
    """house(KEYS of the provider): a gatepost that signs in with its tokens at a sink that takes no others."""
    def make(start=True, **keys):
        sink = new_sink(tokens={USER: "nobody has one yet"})
        grants.accept = lambda user, token: sink.tokens.__setitem__(user, token)
        gatepost = new_gatepost(sink, start=False, GATEPOST_RELAY_USER=USER, GATEPOST_RELAY_PROVIDER="office", GATEPOST_RELAY_IDLE_TIMEOUT="0s")
        with open(gatepost.dir / "gatepost.yml", "a") as file:
            file.write(item(identity, ca, **keys))
        if start:
            login(gatepost, grants)
            gatepost.start()
        return gatepost, sink
    made = []

    def kept(*words, **keys):
        made.append(make(*words, **keys))
        return made[-1]
    yield kept
    for gatepost, _ in made:
        gatepost.secrets += grants.everything()


def login(gatepost, grants):
    said = gatepost.run("provider", "login", "office")
    assert "WDJB-MJHT" in said and USER in said and "Signed in at office" in said
    assert not [secret for secret in grants.everything() if secret in said]


def state(gatepost):
    return gatepost.json("provider", "list")[0]


def fetches(grants):
    return len([form for path, form in grants.asked if path == "token" and form["grant_type"] == "refresh_token"])


# ---- it goes on --------------------------------------------------------------------------------------------------
def test_a_printer_with_a_password_sends_through_a_provider_that_takes_none(house, grants, context, recipient):
    grants.pending = 1
    gatepost, sink = house()
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    assert sink.wait(recipient).login == USER
    is_now = state(gatepost)
    assert is_now["state"] == "works" and is_now["token_ends"] and not is_now["reason"]
    assert "office" in gatepost.run("status")
    said = gatepost.run("provider", "test", "office")
    assert f"takes {USER} with" in said
    assert deliver(gatepost, context, gatepost.account(), "2" + recipient)[0] == 250    # with the refresh token that the test has left
    sink.wait("2" + recipient)
    kept = (gatepost.dir / "vault/accounts.db").read_bytes() + (gatepost.dir / "vault/accounts.db-wal").read_bytes()
    assert not [token for token in grants.everything() if token.encode() in kept]


def test_a_token_that_ends_is_replaced_before_anybody_waits(house, grants, context, recipient):
    grants.lifetime = 12
    gatepost, sink = house()
    first = until("a token", lambda: grants.given[1:] and grants.given[-1])
    until("another", lambda: grants.given[-1] != first, 20)
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    assert sink.wait(recipient).login == USER and "event=deferred" not in gatepost.log()
    assert len(grants.refresh) == 1                     # the others were given back as they were used


@pytest.mark.parametrize("rotates", [True, False])
def test_it_goes_on_after_a_restart(rotates, house, grants, context, recipient):
    grants.rotates = rotates
    gatepost, sink = house()
    account = gatepost.account()
    for count in range(2):
        assert deliver(gatepost, context, account, f"{count}{recipient}")[0] == 250
        assert sink.wait(f"{count}{recipient}").login == USER
        gatepost.stop()
        gatepost.start()


def test_a_browser_that_comes_back(house, grants, identity, ca):
    gatepost, _ = house(start=False, device_uri="")
    command = subprocess.Popen([GATEPOST, "provider", "login", "office", "--dir", str(gatepost.dir)], env=gatepost.environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    lines = iter(command.stdout.readline, "")
    uri = next(line.strip() for line in lines if line.startswith("  https://"))
    assert "code_challenge_method=S256" in uri and "login_hint=printer%40example.org" in uri
    redirect = re.search(r"redirect_uri=([^&]*)", uri)[1].replace("%3A", ":").replace("%2F", "/")
    with pytest.raises(urllib.error.HTTPError):          # somebody else's answer is none
        urllib.request.urlopen(redirect + "?code=evil&state=guessed", timeout=5)
    page = urllib.request.urlopen(uri, timeout=5, context=ssl.create_default_context(cafile=ca)).read()
    assert b"may be closed" in page
    assert "Signed in at office" in command.stdout.read() and command.wait(10) == 0
    assert state(gatepost)["state"] == "works"


def test_an_application_needs_nobody(house, grants, folder, context, recipient):
    secret = folder / "client-secret"
    secret.write_text("s/cr:t+secret\n")
    secret.chmod(0o600)
    grants.clients["app"] = "s/cr:t+secret"
    gatepost, sink = house(start=False, grant="client", client_secret_file=str(secret))
    gatepost.start()
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    assert sink.wait(recipient).login == USER and state(gatepost)["state"] == "works"
    assert gatepost.command("provider", "login", "office").returncode == 1


def make_pair(folder):
    """A key and its certificate, as an administrator makes them: paths, and what the provider has of them."""
    rsa, certificate = folder / "office.key", folder / "office.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gatepost", "-keyout", rsa, "-out", certificate],
                   check=True, capture_output=True)
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    digest = hashlib.sha256(read.public_bytes(serialization.Encoding.DER)).digest()
    return rsa, certificate, read.public_key(), base64.urlsafe_b64encode(digest).decode().strip("=")


def test_keys_sign_and_stay(house, grants, folder, context, recipient):
    rsa, certificate, public, thumbprint = make_pair(folder)
    grants.keys["app"] = (public, thumbprint)
    gatepost, sink = house(start=False, grant="client", key_file=str(rsa), certificate_file=str(certificate))
    gatepost.start()
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    assert sink.wait(recipient).login == USER
    until("a notice", lambda: "certificate of its application ends" in gatepost.log())      # in two days
    assert "takes" in gatepost.run("provider", "test", "office")
    gatepost.stop()

    account = folder / "service.json"
    account.write_text(json.dumps({"type": "service_account", "private_key": rsa.read_text(), "client_email": "robot@iam.example", "private_key_id": "k1"}))
    grants.keys[USER] = public
    gatepost, sink = house(start=False, grant="service-account", key_file=str(account), client_id="")
    gatepost.start()
    assert deliver(gatepost, context, gatepost.account(), "2" + recipient)[0] == 250
    assert sink.wait("2" + recipient).login == USER


# ---- it waits ----------------------------------------------------------------------------------------------------
def waits(gatepost, context, account, recipient, reason):
    assert deliver(gatepost, context, account, recipient)[0] == 250
    until(f"a reason: {reason}", lambda: reason in gatepost.run("queue", "list"))


HUGE = b'{"access_token": "' + b"x" * 200000 + b'"}'
FAILURES = {
    "revoked": ((400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}), "invalid_grant: Token has been expired or revoked."),
    "garbage": ((200, b"<html>welcome</html>"), "no JSON with a token"),
    "huge": ((200, HUGE), "size"),
    "down": ((503, b""), "it answers with an error"),
    "echo": ((400, lambda form: {"error": "invalid_grant", "error_description": "no: " + form["refresh_token"]}), "it says one of our secrets"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_mail_waits_with_a_reason_and_goes_when_it_is_mended(what, house, grants, identity, context, recipient):
    answer, reason = FAILURES[what]
    gatepost, sink = house(start=False)
    login(gatepost, grants)
    grants.answers = [answer] * 50
    gatepost.start()
    account = gatepost.account()
    waits(gatepost, context, account, recipient, reason)
    until("several attempts", lambda: gatepost.log().count("event=deferred") > 3)
    assert len(gatepost.queued()) == 1 and "event=failed" not in gatepost.log()
    assert state(gatepost)["state"] == "fails" and state(gatepost)["failures"] >= 1
    if what == "revoked":
        assert "event=notice" in gatepost.log() and "provider login office" in gatepost.log()
    assert fetches(grants) < 10                         # not once for each attempt
    grants.answers = []
    login(gatepost, grants)
    assert sink.wait(recipient).login == USER
    until("an empty queue", gatepost.is_empty)
    assert state(gatepost)["state"] == "works"


def test_nobody_has_signed_in_yet(house, grants, context, recipient):
    gatepost, sink = house(start=False)
    gatepost.start()
    waits(gatepost, context, gatepost.account(), recipient, "nobody has signed in there yet")
    assert state(gatepost)["state"] == "nobody signed in"
    login(gatepost, grants)
    assert sink.wait(recipient).login == USER


def test_a_slow_provider_holds_up_nobody_and_mail_waits_for_it(house, grants, identity, context, recipient):
    grants.rotates = False                              # what it hears late it does all the same
    gatepost, sink = house(start=False)
    login(gatepost, grants)
    identity.free.clear()
    gatepost.start()
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    until("a timeout", lambda: "Timeout was reached" in gatepost.log())
    identity.free.set()
    assert sink.wait(recipient).login == USER


def test_a_token_that_was_good_is_refused_and_a_fresh_one_takes_its_place(house, grants, context, recipient):
    gatepost, sink = house()
    account = gatepost.account()
    assert deliver(gatepost, context, account, recipient)[0] == 250
    sink.wait(recipient)
    before = len(grants.given)
    sink.tokens[USER] = "all of them were taken back"
    assert deliver(gatepost, context, account, "2" + recipient)[0] == 250
    assert sink.wait("2" + recipient).login == USER and len(grants.given) == before + 1


def test_fresh_tokens_that_are_refused_are_not_asked_for_all_the_time(house, grants, context, recipient):
    gatepost, sink = house()
    grants.accept = lambda user, token: None
    sink.tokens[USER], sink.repeats = "none is good", True
    waits(gatepost, context, gatepost.account(), recipient, "refuses its tokens")
    until("several attempts", lambda: gatepost.log().count("event=deferred") > 4)
    assert len(gatepost.queued()) == 1 and fetches(grants) < 6
    assert "event=notice" in gatepost.log() and "off by default at Microsoft 365" in gatepost.log()
    assert 'status="(not shown)"' in gatepost.log() and not [token for token in grants.given if token[:12] in gatepost.log()]


def test_logout_gives_back_and_forgets(house, grants, context, recipient):
    gatepost, _ = house()
    until("a token", lambda: state(gatepost)["token_ends"])
    [refresh] = grants.refresh
    assert "revoked there" in gatepost.run("provider", "logout", "office")
    assert grants.revoked[-1] == refresh and state(gatepost)["state"] == "nobody signed in"
    waits(gatepost, context, gatepost.account(), recipient, "nobody has signed in there yet")
    assert gatepost.command("provider", "logout", "office").returncode == 1


def test_a_consent_that_ends_soon_is_told(house, grants):
    grants.ends = 7 * 24 * 3600
    gatepost, _ = house()
    until("a notice", lambda: "event=notice" in gatepost.log() and "consented" in gatepost.log())
    assert state(gatepost)["ends"]


def test_tokens_stay_where_they_belong(house, grants, context, recipient):
    """After use, no process but vault has a token; vault has no refresh token."""
    gatepost, sink = house()
    account = gatepost.account()
    for count in range(10):
        assert deliver(gatepost, context, account, f"{count}{recipient}")[0] == 250
        sink.wait(f"{count}{recipient}")
    until("an empty queue", gatepost.is_empty)
    found = {}
    for role in gatepost.roles():
        memory = memory_of(role["pid"])
        found[role["name"]] = [word for word in grants.everything() if word.encode() in memory]
    assert not [name for name in found if found[name] and name != "vault"], found
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
