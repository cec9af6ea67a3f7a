"""Each account's mail goes through that account's own mailbox at the provider (login: account), with a token or a password of its own, and with nobody else's.

One server serves all; mail that is put off there waits an hour: what goes sooner goes because the server has seen a reason."""
import json
import re
import ssl
import subprocess
import urllib.request

import jwt
import pytest

from conftest import counter
from house import GATEPOST, Gatepost, relay_to, until
from identity import Identity
from sink import Sink
from test_acting import MESSAGE, as_another, session
from test_providers import item, keep, make_pair
from wire import signed_in, submit

US = "relay.example.org"
PEOPLE = {"ada": "ada@mail.example", "bert": "bert@mail.example"}


@pytest.fixture(scope="module")
def identity(sink_certificate):
    made = Identity(sink_certificate).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def hop(sink_certificate, identity, ca):
    """It would take our certificate for a sign-in of all, too."""
    made = Sink(sink_certificate, tokens={"": "nobody has one yet"}, client_ca=ca, papers=[US])
    identity.grants.accept = made.tokens.__setitem__
    yield made
    made.close()


@pytest.fixture(scope="module")
def corp(sink_certificate):
    made = Sink(sink_certificate, logins={"ada": "a-secret-of-ada", "b.ert": "a-secret-of-bert"})
    yield made
    made.close()


@pytest.fixture(scope="module")
def workspace(folder, identity, ca):
    """A service account, which may act for all of example.org."""
    private, _, public, _ = make_pair(folder)
    identity.grants.keys |= {f"{name}@example.org": public for name in PEOPLE}
    account = {"type": "service_account", "private_key": private.read_text(), "client_email": "robot@iam.example", "private_key_id": "k1"}
    return item(identity, ca, name="workspace", preset="google", grant="service-account", client_id="", device_uri="", key_file=keep(folder / "workspace.json", json.dumps(account)))


@pytest.fixture(scope="module")
def office(folder, certificate, sink_certificate, ca, hop, corp, identity, workspace, authority):
    """Mail to office.example and workspace.example goes by the provider's server, to corp.example by one that knows passwords; notices by one that asks nobody."""
    plain = Sink(sink_certificate)
    place, shown = folder / f"own-{next(counter)}", authority.issue("own-logins", US)
    place.mkdir()
    made = Gatepost(place, certificate, **relay_to(plain, ca), GATEPOST_QUEUE_RETRIES="1h", GATEPOST_RELAY_IDLE_TIMEOUT="2s")
    with open(made.dir / "gatepost.yml", "a") as out:
        out.write("routes:\n"
                  f"  - {{name: people, to: office.example, via: 'smtp://127.0.0.1:{hop.port}', provider: office, login: account}}\n"
                  f"  - {{name: corp, to: corp.example, via: 'smtp://127.0.0.1:{corp.port}', login: account}}\n"
                  f"  - {{name: workspace, to: workspace.example, via: 'smtp://127.0.0.1:{hop.port}', provider: workspace, login: account, "
                  f"certificate_file: {shown[0]}, key_file: {shown[1]}}}\n"
                  "providers:\n" + item(identity, ca) + workspace)
    try:
        made.start()
        yield made
        made.stop()
        made.secrets += identity.grants.everything() + list(corp.logins.values())
        made.check_log()
    finally:
        made.kill()
        plain.close()


@pytest.fixture(scope="module")
def people(office):
    return {name: office.account(name=name) for name in PEOPLE}


def send(office, context, account, recipient):
    sender = account.name + "@example.org"
    with signed_in(office, context, account) as wire:
        assert submit(wire, sender, [recipient], MESSAGE.format(sender=sender))[0] == 250


def login(office, grants, name, *options):
    grants.person = PEOPLE[name]
    said = office.run("provider", "login", "office", "--account", name, "--user", PEOPLE[name], *options)
    assert f"sign in as {PEOPLE[name]}" in said and f"Signed in at office for {name}" in said
    return said


def row(office, name):
    return next((row for row in office.json("provider", "list") if row["name"] == name), None)


def test_mail_of_who_is_not_signed_in_waits_and_goes_when_he_is(office, people, hop, identity, context):
    for name in people:
        send(office, context, people[name], f"first-{name}@office.example")
        until("a reason", lambda: f"{name} has nothing to sign in with there: run `gatepost provider login office --account {name}`" in office.run("queue", "list"))
    until("notices", lambda: office.log().count("Mail of the account ") >= 2)
    login(office, identity.grants, "ada")
    assert hop.wait("first-ada@office.example").login == PEOPLE["ada"]
    until("his alone", lambda: len(office.queued()) == 1)
    assert not hop.for_("first-bert@office.example")                                     # nobody else's was tried
    login(office, identity.grants, "bert")
    assert hop.wait("first-bert@office.example").login == PEOPLE["bert"]
    until("an empty queue", office.is_empty)
    assert row(office, "office")["state"] == "by account" and row(office, "office/ada")["user"] == PEOPLE["ada"]
    assert "event=failed" not in office.log()


def test_nobodys_mail_goes_in_anothers_session(office, people, hop, context):
    """Connections are kept and used again meanwhile, each for its account."""
    connections = sum(line.upper().startswith(b"EHLO") for line in hop.heard)
    names = [name for _ in range(12) for name in people]
    for count, name in enumerate(names):
        send(office, context, people[name], f"mixed-{count}@office.example")
    for count, name in enumerate(names):
        arrived = hop.wait(f"mixed-{count}@office.example")
        assert arrived.login == PEOPLE[name] and arrived.sender == people[name].name + "@example.org"
    assert sum(line.upper().startswith(b"EHLO") for line in hop.heard) - connections < 2 * len(names)


def test_who_acts_for_another_sends_through_that_ones_mailbox(office, people, hop, context):
    office.run("user", "may-act", "bert", "ada")
    with session(office, context) as wire:
        assert as_another(wire, people["bert"], "ada")[0] == 235
        assert submit(wire, "ada@example.org", ["acting@office.example"], MESSAGE.format(sender="ada@example.org"))[0] == 250
    assert hop.wait("acting@office.example").login == PEOPLE["ada"]


def test_a_password_of_each(office, people, corp, context):
    send(office, context, people["bert"], "bert@corp.example")
    until("a reason", lambda: "run `gatepost provider login --route corp --account bert --user NAME --password-stdin`" in office.run("queue", "list"))
    keep = ["provider", "login", "--route", "corp", "--account", "bert", "--user", "b.ert", "--password-stdin"]
    office.run(*keep, stdin="not-his-password\n")
    until("a no", lambda: "534" in office.run("queue", "list"))
    until("a notice", lambda: "for the account bert, and was refused there" in office.log())
    assert "bert signs in at 127.0.0.1 as b.ert" in office.run(*keep, stdin="a-secret-of-bert\n")
    assert corp.wait("bert@corp.example").login == "b.ert"
    office.run("provider", "login", "--route", "corp", "--account", "ada", "--user", "ada", "--password-stdin", stdin="a-secret-of-ada\n")
    for count in range(6):
        for name in people:
            send(office, context, people[name], f"{name}-{count}@corp.example")
    for count in range(6):
        assert corp.wait(f"ada-{count}@corp.example").login == "ada" and corp.wait(f"bert-{count}@corp.example").login == "b.ert"
    assert row(office, "route:corp/bert")["state"] == "kept"
    kept = (office.dir / "vault/accounts.db").read_bytes() + (office.dir / "vault/accounts.db-wal").read_bytes()
    assert b"a-secret-of" not in kept and b"not-his-password" not in kept
    assert office.command("provider", "login", "--route", "people", "--account", "ada", "--password-stdin", stdin="x\n").returncode == 1


def test_a_browser_and_a_try(office, people, hop, identity, context, ca):
    identity.grants.person = PEOPLE["ada"]
    command = subprocess.Popen([GATEPOST, "provider", "login", "office", "--account", "ada", "--browser", "--dir", str(office.dir)], env=office.environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    uri = next(line.strip() for line in iter(command.stdout.readline, "") if line.startswith("  https://"))
    assert "login_hint=ada%40mail.example" in uri                                       # as it was given before
    urllib.request.urlopen(uri, timeout=5, context=ssl.create_default_context(cafile=ca)).read()
    assert "Signed in at office for ada" in command.stdout.read() and command.wait(10) == 0
    tried = office.run("provider", "test", "office", "--account", "ada")
    assert re.search(rf"takes {PEOPLE['ada']} with", tried), tried
    send(office, context, people["ada"], "browser@office.example")
    assert hop.wait("browser@office.example").login == PEOPLE["ada"]


def jwt_of(form):
    return jwt.decode(form["assertion"], options={"verify_signature": False})


def test_a_service_account_acts_for_each_and_our_certificate_is_shown(office, people, hop, identity, context):
    names = list(people) * 3
    for count, name in enumerate(names):
        send(office, context, people[name], f"robot-{count}@workspace.example")
    for count, name in enumerate(names):
        arrived = hop.wait(f"robot-{count}@workspace.example")
        assert (arrived.login, arrived.paper) == (f"{name}@example.org", US)            # each as itself, though EXTERNAL is offered
    assert not any(b"EXTERNAL" in line for line in hop.heard)
    fetched = [jwt_of(form)["sub"] for _, form in identity.grants.asked if "assertion" in form]
    assert sorted(fetched) == sorted(f"{name}@example.org" for name in people)   # one token for each, and none for nobody
    assert row(office, "workspace/bert")["state"] == "works" and row(office, "workspace")["state"] == "by account"
    assert "takes bert@example.org with" in office.run("provider", "test", "workspace", "--account", "bert")
    assert "none is named" in office.command("provider", "test", "workspace").stderr
    asked = office.command("provider", "login", "workspace", "--account", "bert")
    assert asked.returncode == 1 and "its grant is not login" in asked.stdout + asked.stderr
    send(office, context, office.account(name="cleo"), "cleo@workspace.example")         # for whom it may not act
    until("a reason", lambda: "unauthorized_client" in office.run("queue", "list") and row(office, "workspace/cleo")["state"] == "fails")
    office.run("queue", "delete", office.queued()[0]["queue_id"])


def is_left(port):
    """No connection there is open, so the next message needs a sign-in."""
    with open("/proc/net/tcp") as table:
        fields = [line.split() for line in table][1:]
    return not [row for row in fields if row[2].endswith(f":{port:04X}") and row[3] == "01"]


def test_logout_and_delete(office, people, hop, identity, context):
    assert "revoked there" in office.run("provider", "logout", "office", "--account", "bert")
    assert not row(office, "office/bert") and row(office, "office/ada")
    until("the end of idle connections", lambda: is_left(hop.port))
    send(office, context, people["bert"], "out@office.example")
    until("a reason", lambda: "bert has nothing to sign in with there" in office.run("queue", "list"))
    office.run("provider", "logout", "--route", "corp", "--account", "ada")
    office.run("user", "delete", "bert")
    assert not row(office, "route:corp/bert")
    events = office.run("audit", "show", "--account", "bert")
    assert events.count("provider-login") >= 3 and events.count("provider-logout") == 3, events
    office.run("queue", "retry", "--all")
    until("a reason", lambda: "the account bert that sent it was deleted" in office.run("queue", "list"))
    another = office.account(name="bert")                                               # who gets the name does not get the mail
    login(office, identity.grants, "bert")
    send(office, context, another, "another@office.example")
    assert hop.wait("another@office.example").login == PEOPLE["bert"]
    attempts = office.queued()[0]["recipients"][0]["attempts"]
    office.run("queue", "retry", "--all")
    until("one more try", lambda: office.queued()[0]["recipients"][0]["attempts"] > attempts)
    assert "the account bert that sent it was deleted" in office.run("queue", "list") and not hop.for_("out@office.example")
    office.run("queue", "delete", office.queued()[0]["queue_id"])
    until("an empty queue", office.is_empty)
