"""Signing in with accounts that live elsewhere: each type of source behind a whole server, with its own server slowed, stopped and brought back."""
import base64
import hashlib
import hmac
import itertools
import json
import os
import secrets
import sqlite3
import subprocess
import time

import pytest

from house import DOMAIN, Account, until
from sources import Dovecot, Postgres, Saslauthd, Service, Slapd, replace
from test_dovecot_socket import Asker as SocketClient
from test_dovecot_socket import plain
from test_secrets import all_forms, found_in, may_read_memory
from test_signin import scram
from wire import Wire, signed_in, submit

counter = itertools.count(1)
RIGHT, WRONG = "correct horse", "wrong horse"
HASH = subprocess.run(["openssl", "passwd", "-6", RIGHT], check=True, capture_output=True, text=True).stdout.strip()
QUICK = {"timeout": "1s", "failures": 3, "pause": "1s", "pause_most": "1s", "workers": 2}
BOTH = "mechanisms: SCRAM-SHA-256 PLAIN LOGIN\n"


def scram_keys(password, dovecot=False, salt=b"a salt of sixteen", rounds=4096):
    """What other servers keep for SCRAM-SHA-256: RFC 5803's form, or Dovecot's."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    a, b, c = (base64.b64encode(x).decode() for x in (salt, stored, hmac.digest(salted, b"Server Key", "sha256")))
    return f"{{SCRAM-SHA-256}}{rounds},{a},{b},{c}" if dovecot else f"SCRAM-SHA-256${rounds}:{a}${b}:{c}"


@pytest.fixture
def place(folder):
    made = folder / f"signins-{next(counter)}"
    made.mkdir()
    os.chmod(made, 0o755)
    return made


@pytest.fixture
def running():
    made = []
    yield made
    for one in made:
        one.stop()


# ---- one of each type: what the configuration says, and its server if it has one ---------------------------------------------------
def a_password_file(place, *_):
    replace(place / "people", f"ada:{HASH}\n")
    return {"type": "passwd-file", "path": str(place / "people")}, None


def a_pam_service(place, *_):
    (place / "people").write_text(f"ada:{HASH}\n")
    (place / "pam.d").mkdir()
    (place / "pam.d/mail").write_text(f"auth required pam_pwdfile.so pwdfile={place}/people\naccount required pam_permit.so\n")
    return {"type": "pam", "service": "mail", "services": str(place / "pam.d")}, None


def a_directory(place, certificate, ca):
    server = Slapd(place / "slapd", certificate, ca).start()
    (place / "reader").write_text("reading\n")
    return {"type": "ldap", "uri": f"ldaps://127.0.0.1:{server.tls_port}", "ca_file": str(ca), "base": "ou=people,dc=example,dc=org",
            "bind_dn": "cn=reader,dc=example,dc=org", "password_file": str(place / "reader"), "name_attribute": "mail"}, server


def a_sqlite_file(place, *_):
    with sqlite3.connect(place / "people.db") as db:
        db.execute("CREATE TABLE people (name TEXT, crypt TEXT)")
        db.execute("INSERT INTO people VALUES ('ada', ?)", [HASH])
    os.chmod(place / "people.db", 0o644)
    return {"type": "sql", "uri": f"sqlite:{place}/people.db", "query": "SELECT crypt AS hash FROM people WHERE name = $user"}, None


def a_database(place, *_):
    server = Postgres(place / "postgres").start()
    server.sql(f"CREATE TABLE people (name text, crypt text); INSERT INTO people VALUES ('ada', '{HASH}')")
    (place / "owner").write_text("postgres-owner\n")
    return {"type": "sql", "uri": f"postgresql://owner@127.0.0.1:{server.port}/postgres?sslmode=disable", "password_file": str(place / "owner"),
            "query": "SELECT crypt AS hash FROM people WHERE name = $user"}, server


def a_service(place, certificate, ca):
    def answer(asked):
        if asked["user"] != "ada":
            return 200, b'{"ok": false, "known": false}'
        return 200, json.dumps({"ok": asked.get("secret") == RIGHT, "known": True}).encode()
    server = Service(certificate, answer).start()
    return {"type": "http", "uri": f"https://localhost:{server.port}/", "ca_file": str(ca)}, server


def a_saslauthd(place, *_):
    server = Saslauthd(place / "saslauthd", {"ada": RIGHT}).start()
    return {"type": "saslauthd", "socket": str(server.socket)}, server


def a_dovecot(place, *_):
    server = Dovecot(place / "dovecot", {"ada": RIGHT}).start()
    return {"type": "dovecot", "socket": str(server.socket)}, server


TYPES = {"passwd-file": a_password_file, "pam": a_pam_service, "ldap": a_directory, "sqlite": a_sqlite_file, "postgresql": a_database,
         "http": a_service, "saslauthd": a_saslauthd, "dovecot": a_dovecot}


# ---- a server with sources ------------------------------------------------------------------------------------------------------
@pytest.fixture
def with_sources(new_gatepost, sink):
    """with_sources(ITEM...): a server that asks those; "store" may be one."""
    def make(*items, more="", before=None, **environment):
        gatepost = new_gatepost(sink, start=False, **environment)
        gatepost.secrets += [RIGHT, WRONG, "reading", "postgres-owner"]
        if before:
            before(gatepost)
        lines = [f"- {json.dumps(item if item == 'store' else {'name': f'source{i}', **item})}\n" for i, item in enumerate(items)]
        with open(gatepost.dir / "gatepost.yml", "a", encoding="ascii") as config:
            config.write(more + "sources:\n" + "".join(lines))
        return gatepost.start()
    return make


def try_plain(gatepost, context, name, password):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        return wire.auth_plain(Account(name, password))


def try_scram(gatepost, context, name, password):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        return scram(wire, Account(name, password), "SCRAM-SHA-256", b"n,,", b"")


def says(gatepost, context, name, password):
    return try_plain(gatepost, context, name, password)[0]


def logged(gatepost, *words):
    """Written just after the client has its answer."""
    return until(f"line with {words}", lambda: [line for line in gatepost.log().splitlines() if "event=sign-in" in line and all(word in line for word in words)])


def sources_of(gatepost):
    return {user["user"]: user["source"] for user in gatepost.json("user", "list")}


# ---- every type ---------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", TYPES)
def test_who_is_known_elsewhere_signs_in_and_sends(with_sources, running, place, certificate, ca, context, sink, recipient, kind):
    item, server = TYPES[kind](place, certificate, ca)
    running += [server] if server else []
    gatepost = with_sources(item)
    wrong, unknown = try_plain(gatepost, context, "ada", WRONG), try_plain(gatepost, context, "eve", RIGHT)
    assert wrong[0] == 535 and wrong == unknown
    assert sources_of(gatepost) == {}
    name = "ada@example.org" if kind == "ldap" else "ada"
    with signed_in(gatepost, context, Account("ada", RIGHT)) as wire:
        assert sources_of(gatepost) == {name: "source0"}
        assert submit(wire, "ada@example.org", [recipient], f"From: ada@example.org\r\nTo: {recipient}\r\n\r\nx\r\n.\r\n")[0] == 250
        assert sink.wait(recipient)
        assert submit(wire, f"eve@{DOMAIN}", [recipient], "")[0] == 550, "another's address"
        assert logged(gatepost, "result=ok", "source=source0", f"account={name}") and logged(gatepost, "result=refused", "source=source0")
        assert says(gatepost, context, "ada", WRONG) == 535 and says(gatepost, context, "ada", RIGHT) == 235
        gatepost.run("user", "disable", name)
        assert wire.say("MAIL FROM:<ada@example.org>") == (421, ["4.7.0 your sign-in is no longer good, connect and sign in again"])
    assert try_plain(gatepost, context, "ada", RIGHT) == wrong, "it was remembered as right a moment ago"
    assert logged(gatepost, "result=refused", "the account is disabled")
    gatepost.run("user", "enable", name)
    assert says(gatepost, context, "ada", RIGHT) == 235


# A stopped Dovecot is the same to us as a stopped saslauthd.
@pytest.mark.parametrize("kind, trouble", [("ldap", "slow"), ("ldap", "gone"), ("postgresql", "slow"), ("postgresql", "gone"),
                                           ("saslauthd", "slow"), ("saslauthd", "gone"), ("dovecot", "gone")])
def test_a_source_in_trouble_puts_off_its_own_users_alone(with_sources, running, place, certificate, ca, context, kind, trouble):
    item, server = TYPES[kind](place, certificate, ca)
    running.append(server)
    (place / "others").mkdir()  # beside the server's keys it may not lie
    replace(place / "others/people", f"bob:{HASH}\n")
    gatepost = with_sources("store", item | QUICK | {"remember": "0s"}, {"type": "passwd-file", "path": str(place / "others/people")})
    here = gatepost.account()
    assert says(gatepost, context, "ada", RIGHT) == 235 and says(gatepost, context, "bob", RIGHT) == 235
    begin, end = (server.stall, server.resume) if trouble == "slow" else (server.stop, server.start)
    begin()
    try:
        for _ in range(4):
            started = time.monotonic()
            assert says(gatepost, context, "ada", RIGHT) == 454
            assert time.monotonic() - started < 3
            started = time.monotonic()
            assert says(gatepost, context, here.name, here.password) == 235
            assert says(gatepost, context, "bob", RIGHT) == 235, "his account is of another source"
            assert time.monotonic() - started < 1
        assert says(gatepost, context, "ada", WRONG) == 454
        assert says(gatepost, context, "carol", RIGHT) == 454, "nobody knows whose name that is"
        assert logged(gatepost, "put off", "source=source1")
    finally:
        end()
    until("sign-in after the trouble", lambda: says(gatepost, context, "ada", RIGHT) == 235)
    assert says(gatepost, context, "carol", RIGHT) == 535


# ---- whose a name is ------------------------------------------------------------------------------------------------------------------
def test_a_name_stays_with_whom_it_has(with_sources, place, context):
    """The store's stay the store's, one source's are no other's, wherever the store stands in the order."""
    replace(place / "one", f"ada:{HASH}\nanna:{HASH}\n")
    replace(place / "two", f"bob:{HASH}\nanna:{HASH}\n")
    people = [{"type": "passwd-file", "path": str(place / name), "remember": "0s"} for name in ("one", "two")]
    gatepost = with_sources(people[0], "store", people[1])
    anna = gatepost.account(name=f"anna@{DOMAIN}")
    assert says(gatepost, context, "anna", RIGHT) == 535 and says(gatepost, context, "anna", anna.password) == 235
    assert says(gatepost, context, "ada", RIGHT) == 235 and says(gatepost, context, "bob", RIGHT) == 235
    assert sources_of(gatepost) == {f"anna@{DOMAIN}": "", "ada": "source0", "bob": "source2"}
    replace(place / "one", f"bob:{HASH}\n")         # moved from one to the other
    replace(place / "two", f"ada:{HASH}\n")
    assert says(gatepost, context, "ada", RIGHT) == 535 and says(gatepost, context, "bob", RIGHT) == 535
    gatepost.run("user", "delete", "ada")
    assert says(gatepost, context, "ada", RIGHT) == 235 and sources_of(gatepost)["ada"] == "source2"
    app = gatepost.json("credential", "add", "ada", "--label", "printer")["password"]
    gatepost.secrets.append(app)
    assert says(gatepost, context, "ada", app) == 235 and says(gatepost, context, "ada", RIGHT) == 235 and says(gatepost, context, "ada", WRONG) == 535


def test_a_source_is_given_a_say_about_an_account_of_the_store(with_sources, place, context):
    gatepost = with_sources("store", a_password_file(place)[0])
    gatepost.account(name="ada")
    assert says(gatepost, context, "ada", RIGHT) == 535
    gatepost.run("credential", "add", "ada", "--source", "source1", "--label", "staff")
    assert [(c["label"], c["kind"], c["subject"]) for c in gatepost.json("credential", "list", "ada")][1:] == [("staff", "source", "source1")]
    assert says(gatepost, context, "ada", RIGHT) == 235 and says(gatepost, context, "ada", WRONG) == 535
    gatepost.run("credential", "revoke", "ada", "staff")
    assert says(gatepost, context, "ada", RIGHT) == 535


def test_a_credential_of_a_source_has_restrictions_like_any_other(with_sources, place, context):
    replace(place / "one", f"ada:{HASH}\n")
    gatepost = with_sources({"type": "passwd-file", "path": str(place / "one")})
    assert says(gatepost, context, "ada", RIGHT) == 235
    number = str(gatepost.json("user", "show", "ada")["credentials"][0]["id"])
    gatepost.run("credential", "alter", "ada", number, "--networks", "192.0.2.0/24")
    assert says(gatepost, context, "ada", RIGHT) == 535
    assert logged(gatepost, "may not be used from 127.0.0.1", "source=source0")
    gatepost.run("credential", "revoke", "ada", number)
    assert says(gatepost, context, "ada", RIGHT) == 535


def test_a_right_password_is_remembered_for_a_while(with_sources, running, place, certificate, ca, context):
    item, server = a_service(place, certificate, ca)
    running.append(server)
    gatepost = with_sources(item | QUICK)
    assert says(gatepost, context, "ada", RIGHT) == 235 and len(server.asked) == 1
    assert says(gatepost, context, "ada", RIGHT) == 235 and len(server.asked) == 1
    assert says(gatepost, context, "ada", WRONG) == 535 and len(server.asked) == 2
    server.answer = lambda asked: (500, b"")
    assert says(gatepost, context, "ada", RIGHT) == 235 and says(gatepost, context, "ada", WRONG) == 454
    gatepost.account()                               # any change forgets all
    assert says(gatepost, context, "ada", RIGHT) == 454


def test_no_role_keeps_a_password_that_went_to_a_source(with_sources, running, place, certificate, ca, context):
    item, server = a_service(place, certificate, ca)
    running.append(server)
    people = [Account(f"user{i}", secrets.token_hex(24)) for i in range(8)]
    kept = {one.name: subprocess.run(["openssl", "passwd", "-5", one.password], check=True, capture_output=True, text=True).stdout.strip() for one in people[4:]}
    replace(place / "people", "".join(f"{name}:{text}\n" for name, text in kept.items()))
    gatepost = with_sources(item, {"type": "passwd-file", "path": str(place / "people")})
    if not may_read_memory(gatepost.process.pid):
        pytest.skip("reading other processes' memory takes root")
    right = {one.name: one.password for one in people[:4]}
    server.answer = lambda asked: (200, json.dumps({"ok": right.get(asked["user"]) == asked["secret"], "known": asked["user"] in right}).encode())
    wrong = [Account(one.name, secrets.token_hex(24)) for one in people] + [Account("eve", secrets.token_hex(24))]
    for _ in range(5):
        assert [says(gatepost, context, *one) for one in people] == [235] * len(people)
        assert [says(gatepost, context, *one) for one in wrong] == [535] * len(wrong)
    wanted = all_forms(people + wrong)
    holding = [(pid, where) for pid in [gatepost.process.pid, *gatepost.pids()] for where in found_in(pid, wanted)]
    assert not holding, holding[:10]
    assert not [one for one in people + wrong if one.password in gatepost.log()]


@pytest.mark.parametrize("kind", ["ldap", "pam", "postgresql", "saslauthd", "dovecot"])
def test_no_role_keeps_a_password_whatever_checks_it(kind, with_sources, running, place, certificate, ca, context):
    item, server = TYPES[kind](place, certificate, ca)
    running.extend([server] if server else [])
    gatepost = with_sources(item | {"remember": "0s"})
    if not may_read_memory(gatepost.process.pid):
        pytest.skip("reading other processes' memory takes root")
    wrong = [Account("ada", secrets.token_hex(24)) for _ in range(3)]
    for _ in range(4):
        assert says(gatepost, context, "ada", RIGHT) == 235
        assert [says(gatepost, context, *one) for one in wrong] == [535] * len(wrong)
    wanted = all_forms(wrong) | {RIGHT.encode()}
    holding = [(pid, where) for pid in [gatepost.process.pid, *gatepost.pids()] for where in found_in(pid, wanted)]
    assert not holding, holding[:10]


# ---- SCRAM -----------------------------------------------------------------------------------------------------------------------------
def challenge_to(gatepost, context, name):
    """Salt and count."""
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        code, said = wire.say("AUTH SCRAM-SHA-256 " + base64.b64encode(f"n,,n={name},r=abc".encode()).decode())
        assert code == 334
        return base64.b64decode(said[0]).decode().split(",")[1:]


def test_scram_with_keys_that_a_source_keeps(with_sources, place, context):
    item, _ = a_sqlite_file(place)
    with sqlite3.connect(place / "people.db") as db:
        db.execute("DELETE FROM people")
        db.executemany("INSERT INTO people VALUES (?, ?)", [("ada", scram_keys(RIGHT)), ("carl", scram_keys(RIGHT, dovecot=True)), ("old", HASH)])
    gatepost = with_sources(item, more=BOTH)
    for name in ("ada", "carl"):
        assert try_scram(gatepost, context, name, WRONG) == 535
        assert sources_of(gatepost).get(name) is None
        assert try_scram(gatepost, context, name, RIGHT) == 235 and sources_of(gatepost)[name] == "source0"
        assert logged(gatepost, "mechanism=SCRAM-SHA-256", "result=ok", "source=source0", f"account={name}")
        assert says(gatepost, context, name, RIGHT) == 235 and says(gatepost, context, name, WRONG) == 535
    assert try_scram(gatepost, context, "old", RIGHT) == 535 and says(gatepost, context, "old", RIGHT) == 235
    assert logged(gatepost, "keeps no SCRAM keys")
    assert try_scram(gatepost, context, "eve", RIGHT) == 535
    seen = challenge_to(gatepost, context, "ada")
    for other in ("eve", "old"):                      # they look like somebody
        salt, count = challenge_to(gatepost, context, other)
        assert len(salt) == len(seen[0]) and count == seen[1] and [salt, count] == challenge_to(gatepost, context, other) and salt != seen[0]
    (place / "people.db").unlink()
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert wire.say("AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=ada,r=abc").decode())[0] == 454


def test_scram_is_offered_beside_sources_only_where_it_is_asked_for(with_sources, place, context):
    replace(place / "one", f"ada:{HASH}\n")
    item = {"type": "passwd-file", "path": str(place / "one")}
    for more, there in (("", False), (BOTH, True)):
        gatepost = with_sources(item, more=more)
        gatepost.account()
        with Wire(gatepost.tls_port, context, implicit=True) as wire:
            auth = next(line for line in wire.say("EHLO client.example")[1] if line.startswith("AUTH "))
            assert ("SCRAM-SHA-256" in auth.split()) == there and "PLAIN" in auth.split()


# ---- the other door ----------------------------------------------------------------------------------------------------------------------
def test_other_servers_ask_about_accounts_of_sources_too(with_sources, place):
    replace(place / "one", f"ada:{HASH}\n")
    gatepost = with_sources({"type": "passwd-file", "path": str(place / "one")}, GATEPOST_DOVECOT_AUTH=f"{place}/auth mode=0666")
    with SocketClient(place / "auth") as asker:
        for number, (password, verdict) in enumerate(((WRONG, "FAIL"), (RIGHT, "OK"), (RIGHT, "OK")), 1):
            said = asker.say(f"AUTH\t{number}\tPLAIN\tservice=smtp\tsecured\trip=192.0.2.7\tresp={plain(Account('ada', password))}")
            assert said.split("\t")[:2] == [verdict, str(number)], said
    assert sources_of(gatepost) == {"ada": "source0"}
    assert logged(gatepost, "peer=192.0.2.7", "source=source0", "result=ok")
