"""Accounts that live elsewhere: the role lookup asks real servers, which are then slowed, stopped and brought back."""
import itertools
import json
import os
import secrets
import sqlite3
import stat
import subprocess
import time

import pytest

import sources
from authority import Authority
from sources import OTHER_USER, Asker, Dovecot, Postgres, Saslauthd, Service, Slapd, replace
from test_secrets import found_in, may_read_memory

counter = itertools.count(1)
HASH = subprocess.run(["openssl", "passwd", "-6", "correct horse"], check=True, capture_output=True, text=True).stdout.strip()
QUICK = {"timeout": "1s", "failures": 3, "pause": "2s", "pause_most": "2s", "workers": 2}


@pytest.fixture
def asker(folder):
    """asker(KEY=VALUE...): the process of such a source; its log must not know any password that passed through."""
    made = []

    def make(user=None, **item):
        made.append(Asker(folder / f"source-{next(counter)}", item, user))
        return made[-1]
    yield make
    try:
        for one in made:
            one.close()
            log = one.log.read_text()
            assert "correct horse" not in log and "reading" not in log, log
    finally:
        for one in made:
            one.kill()


@pytest.fixture
def place(folder):
    made = folder / f"place-{next(counter)}"
    made.mkdir()
    os.chmod(made, 0o755)
    return made


@pytest.fixture(scope="module")
def slapd(folder, certificate, ca):
    made = Slapd(folder / "slapd", certificate, ca).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def postgres(folder):
    made = Postgres(folder / "postgres").start()
    made.sql("CREATE TABLE people (mail text, crypt text, account text, off boolean)")
    made.sql(f"INSERT INTO people VALUES ('ada', '{HASH}', 'ada@example.org', false), ('bob', '{HASH}', NULL, true), ('twin', 'a', 'x', false), ('twin', 'b', 'y', false)")
    yield made
    made.stop()


@pytest.fixture
def saslauthd(folder):
    made = Saslauthd(folder / f"saslauthd-{next(counter)}", {"ada": "correct horse"}).start()
    yield made
    made.stop()


@pytest.fixture
def dovecot(folder):
    made = Dovecot(folder / f"dovecot-{next(counter)}", {"ada": "correct horse"}).start()
    yield made
    made.stop()


# ---- files ------------------------------------------------------------------------------------------------------------------
def test_a_password_file_is_read_again_when_it_changes(asker, place):
    file = place / "people"
    replace(file, f"ada:{HASH}:1000\nbob:{{PLAIN}}x\n")
    a = asker(user=OTHER_USER, type="passwd-file", path=str(file))
    answer = a.ask("ada", "whatever")
    assert (answer["status"], answer["known"], answer["hash"]) == ("WAIT", True, HASH)
    assert a.ask("ada", kind="hash")["hash"] == HASH
    assert a.says("carol", "x") == ("PERMFAIL", False)
    replace(file, f"carol:{HASH}\n")
    assert a.says("carol", "x") == ("WAIT", True)
    assert a.says("ada", "x") == ("PERMFAIL", False)
    file.unlink()
    assert a.says("carol", "x") == ("TEMPFAIL", False)
    replace(file, f"carol:{HASH}\n")
    assert a.says("carol", "x") == ("WAIT", True)


def test_what_is_refused_before_anybody_is_asked(asker, place):
    a = asker(type="passwd-file", path=str(place / "nowhere"))   # whoever asked it would hear TEMPFAIL
    assert a.says("ada", "") == ("PERMFAIL", False)
    assert a.says("a\x00b", "x") == ("PERMFAIL", False)
    assert a.says("a\nb", "x") == ("PERMFAIL", False)
    assert a.says("ada", "a\x00b") == ("PERMFAIL", False)
    assert a.says("ada", "x", kind="token") == ("PERMFAIL", False)
    assert a.says("ada", "x") == ("TEMPFAIL", False)


# ---- SQL ----------------------------------------------------------------------------------------------------------------------
def test_sqlite_binds_the_name_and_sees_changes(asker, place):
    file = place / "people.db"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE people (mail TEXT, crypt TEXT, off INTEGER)")
        db.executemany("INSERT INTO people VALUES (?, ?, ?)", [("ada", HASH, 0), ("bob", HASH, 1), ("twin", "a", 0), ("twin", "b", 0), ("none", None, 0)])
    os.chmod(file, 0o644)
    a = asker(user=OTHER_USER, type="sql", uri=f"sqlite:{file}", query="SELECT crypt AS hash, off AS disabled, mail || '@example.org' AS name FROM people WHERE mail = $user")
    answer = a.ask("ada", "x")
    assert (answer["status"], answer["hash"], answer["user"]) == ("WAIT", HASH, "ada@example.org")
    assert a.says("bob", "x") == ("PERMFAIL", True)
    assert a.says("none", "x") == ("PERMFAIL", True)
    assert a.says("twin", "x")[0] == "TEMPFAIL"
    for attack in ("' OR 1=1 --", "ada' --", "$user", "?1", "'; DROP TABLE people; --", '" OR ""="'):
        assert a.says(attack, "x") == ("PERMFAIL", False)
    with sqlite3.connect(file) as db:
        db.execute("INSERT INTO people VALUES ('carol', ?, 0)", [HASH])
    assert a.says("carol", "x") == ("WAIT", True)
    new = file.with_suffix(".new")
    with sqlite3.connect(new) as db:
        db.execute("CREATE TABLE people (mail TEXT, crypt TEXT, off INTEGER)")
    os.chmod(new, 0o644)
    os.replace(new, file)
    assert a.says("carol", "x") == ("PERMFAIL", False)


def people_in(postgres, place):
    (place / "owner").write_text("postgres-owner\n")
    os.chmod(place / "owner", 0o600)
    return {"type": "sql", "uri": f"postgresql://owner@127.0.0.1:{postgres.port}/postgres?sslmode=disable", "password_file": str(place / "owner"),
            "query": "SELECT crypt AS hash, account AS name, off AS disabled FROM people WHERE mail = $user"}


def test_postgresql_binds_the_name(asker, postgres, place):
    a = asker(**people_in(postgres, place))
    answer = a.ask("ada", "x")
    assert (answer["status"], answer["hash"], answer["user"]) == ("WAIT", HASH, "ada@example.org"), answer
    assert a.says("bob", "x") == ("PERMFAIL", True)
    assert a.says("twin", "x")[0] == "TEMPFAIL"
    for attack in ("' OR 1=1 --", "ada' --", "$1", "'; DROP TABLE people; --", "\\' OR 1=1 --", "a\u02bcb"):
        assert a.says(attack, "x") == ("PERMFAIL", False)
    assert postgres.sql("SELECT count(*) FROM people").stdout.strip() == "4"


def test_postgresql_wants_tls_unless_the_uri_says_otherwise(asker, postgres, place):
    a = asker(**people_in(postgres, place) | {"uri": f"postgresql://owner@127.0.0.1:{postgres.port}/postgres"})
    assert a.ask("ada", "x")["status"] == "TEMPFAIL"


# ---- saslauthd -----------------------------------------------------------------------------------------------------------------
def test_saslauthd(asker, saslauthd):
    a = asker(type="saslauthd", socket=str(saslauthd.socket), service="smtp")
    assert a.says("ada", "correct horse") == ("OK", True)
    assert a.says("ada", "wrong") == ("PERMFAIL", False)
    assert a.says("carol", "correct horse") == ("PERMFAIL", False)
    assert a.says("ada", kind="hash") == ("PERMFAIL", False)
    saslauthd.stop()
    assert a.says("ada", "correct horse") == ("TEMPFAIL", False)
    saslauthd.start()
    assert a.says("ada", "correct horse") == ("OK", True)


def test_dovecot(asker, folder):
    dovecot = Dovecot(folder / f"dovecot-{next(counter)}", {"ada": "correct horse"}).start()
    try:
        a = asker(type="dovecot", socket=str(dovecot.socket))
        answer = a.ask("ada", "correct horse")
        assert (answer["status"], answer["user"]) == ("OK", "ada"), answer
        assert a.says("ada", "wrong") == ("PERMFAIL", False)
        assert a.says("carol", "correct horse") == ("PERMFAIL", False)
        assert a.says("ada", kind="hash") == ("PERMFAIL", False)
        for n in range(6):                              # more than open the breaker: what a stranger can ask for is no failure
            answer = a.ask("n" * 255, str(n) + "p" * 1023)
            assert answer["status"] == "PERMFAIL" and answer["ms"] < 3000, answer
        assert a.says("ada", "correct horse")[0] == "OK"
        dovecot.stop()
        assert a.says("ada", "correct horse") == ("TEMPFAIL", False)
    finally:
        dovecot.stop()


# ---- PAM -----------------------------------------------------------------------------------------------------------------------
def test_pam_asks_the_stack_of_its_service(asker, place):
    """A module that reads a file, and one that runs a program: the latter shows that the sandbox lets modules work. pam_exec calls any
    no a system error, which is 'cannot tell'; so pam_deny has the last word."""
    (place / "people").write_text(f"ada:{HASH}\n")
    script = place / "accept"
    script.write_text("#!/bin/sh\nread -r secret\n[ \"$PAM_USER/$PAM_RHOST/$secret\" = 'carol/192.0.2.1/correct horse' ]\n")
    os.chmod(script, stat.S_IRWXU | 0o055)
    services = place / "pam.d"
    services.mkdir()
    (services / "mail").write_text(f"auth sufficient pam_pwdfile.so pwdfile={place}/people\nauth sufficient pam_exec.so quiet expose_authtok {script}\nauth required pam_deny.so\naccount required pam_permit.so\n")
    a = asker(user=OTHER_USER, type="pam", service="mail", services=str(services))
    assert a.says("ada", "correct horse") == ("OK", True)
    before = time.monotonic()
    assert a.says("ada", "wrong") == ("PERMFAIL", False)
    assert time.monotonic() - before < 1, "a worker slept after a wrong password"
    assert a.says("carol", "correct horse") == ("OK", True)
    assert a.says("carol", "correct horse", peer="192.0.2.2") == ("PERMFAIL", False)
    assert a.says("nobody", "x") == ("PERMFAIL", False)
    (services / "mail").write_text("auth required pam_permit.so\naccount required pam_deny.so\n")
    assert a.says("ada", "correct horse")[0] == "PERMFAIL"
    (services / "mail").write_text("auth required pam_no_such_module.so\naccount required pam_permit.so\n")
    assert a.says("ada", "correct horse")[0] != "OK"


# ---- LDAP ----------------------------------------------------------------------------------------------------------------------
def people_of(slapd, ca, place, **more):
    (place / "reader").write_text("reading\n")
    os.chmod(place / "reader", 0o600)
    return {"type": "ldap", "uri": f"ldaps://127.0.0.1:{slapd.tls_port}", "ca_file": str(ca), "base": "ou=people,dc=example,dc=org",
            "bind_dn": "cn=reader,dc=example,dc=org", "password_file": str(place / "reader")} | more


@pytest.mark.parametrize("scheme", ["ldaps", "ldap with StartTLS"])
def test_ldap_searches_and_binds(asker, slapd, ca, place, scheme):
    uri = f"ldaps://127.0.0.1:{slapd.tls_port}" if scheme == "ldaps" else f"ldap://127.0.0.1:{slapd.port}"
    a = asker(**people_of(slapd, ca, place, uri=uri, name_attribute="mail"))
    for name in ("ada", "ada@example.org"):
        answer = a.ask(name, "correct horse")
        assert (answer["status"], answer["known"], answer["user"]) == ("OK", True, "ada@example.org"), answer
        assert a.says(name, "wrong") == ("PERMFAIL", True)
    assert a.says("carol", "x") == ("PERMFAIL", False)
    assert a.says("twin", "twin")[0] == "TEMPFAIL"
    assert a.says("no password", "x") == ("PERMFAIL", True)
    assert a.says("a,b (x)*", "odd") == ("OK", True)
    assert a.says("ada", kind="hash") == ("PERMFAIL", True)
    for attack in ("*", "a*", "ada)(|(uid=*", "*)(uid=*))(|(uid=*", "ada)(objectClass=*", "\\61da", "ad\\2a", "a,b*"):
        assert a.says(attack, "correct horse") == ("PERMFAIL", False)


def test_ldap_binds_by_template(asker, slapd, ca):
    a = asker(type="ldap", uri=f"ldaps://127.0.0.1:{slapd.tls_port}", ca_file=str(ca), user_dn="uid=$user,ou=people,dc=example,dc=org")
    assert a.says("ada", "correct horse") == ("OK", True)
    assert a.says("ada", "wrong") == ("PERMFAIL", False)
    assert a.says("a,b (x)*", "odd") == ("OK", True)
    for attack in ("ada,ou=people,dc=example,dc=org", "ada+cn=Ada", "\\61da", "*"):
        assert a.says(attack, "correct horse") == ("PERMFAIL", False)


def test_ldap_gives_hashes(asker, slapd, ca, place):
    a = asker(**people_of(slapd, ca, place, hash_attribute="userPassword"))
    answer = a.ask("ada", "x")
    assert (answer["status"], answer["known"], answer["hash"]) == ("WAIT", True, "correct horse")   # slapd keeps it as it was given
    assert a.says("no password", "x") == ("PERMFAIL", True)
    assert a.says("ada", kind="hash") == ("WAIT", True)


def test_ldap_speaks_to_verified_servers_only(asker, slapd, ca, place):
    """It listens on 127.0.0.2 as well, and its certificate does not say so."""
    other = Authority(place / "other").ca
    assert sources.connects(slapd.port, "127.0.0.2") and sources.connects(slapd.tls_port, "127.0.0.2")
    for wrong in ({"ca_file": str(other)}, {"ca_file": ""}, {"uri": f"ldaps://127.0.0.2:{slapd.tls_port}"}, {"uri": f"ldap://127.0.0.2:{slapd.port}"}):
        assert asker(**people_of(slapd, ca, place) | wrong).says("ada", "correct horse")[0] == "TEMPFAIL", wrong


def test_ldap_that_does_not_let_us_search_is_a_failure(asker, slapd, ca, place):
    item = people_of(slapd, ca, place)
    (place / "reader").write_text("guessed\n")
    a = asker(**item | {"failures": 1, "pause": "1m"})
    assert "bind_dn" in a.ask("ada", "correct horse")["why"]
    assert "left alone" in a.ask("ada", "correct horse")["why"]


# ---- call-outs -------------------------------------------------------------------------------------------------------------------
def test_a_call_out(asker, certificate, ca, place):
    def answer(asked):
        if asked["user"] == "moved":
            return 302, b""
        if asked["user"] == "broken":
            return 500, b'{"ok": true}'
        if asked["user"] == "long":
            return 200, b'{"ok": true, "x": "' + b"x" * 20000 + b'"}'
        if asked["kind"] == "hash":
            return 200, json.dumps({"hash": HASH}).encode()
        right = (asked["user"], asked["secret"]) == ("ada", 'correct "horse"\\')
        return 200, json.dumps({"ok": right, "user": "ada@example.org"} if right else {"ok": False, "known": True, "why": "wrong"}).encode()
    service = Service(certificate, answer).start()
    (place / "token").write_text("sesame\n")
    a = asker(type="http", uri=f"https://localhost:{service.port}/check", ca_file=str(ca), token_file=str(place / "token"), failures=100)
    said = a.ask("ada", 'correct "horse"\\')
    assert (said["status"], said["user"]) == ("OK", "ada@example.org"), said
    assert service.asked[0] == ("Bearer sesame", {"kind": "password", "user": "ada", "secret": 'correct "horse"\\', "peer": "192.0.2.1", "mechanism": "PLAIN"})
    assert a.says("ada", "wrong") == ("PERMFAIL", True)
    assert a.ask("ada", kind="hash")["hash"] == HASH
    assert a.says("moved", "x") == ("TEMPFAIL", False) and len(service.asked) == 4, "it followed"
    assert a.says("broken", "x") == ("TEMPFAIL", False)
    assert a.says("long", "x") == ("TEMPFAIL", False)
    service.stop()
    assert a.says("ada", "x") == ("TEMPFAIL", False)
    service.start()
    assert a.says("ada", 'correct "horse"\\') == ("OK", True)
    stranger = asker(type="http", uri=f"https://localhost:{service.port}/check")
    assert stranger.says("ada", 'correct "horse"\\') == ("TEMPFAIL", False), "a certificate that nobody vouches for"
    service.stop()


def test_only_the_services_own_trouble_opens_its_breaker(asker, certificate, ca):
    """A web firewall says 403, with a long page, to names that look like an attack: a stranger can send those."""
    service = Service(certificate, lambda asked: (int(asked["user"]) if asked["user"].isdigit() else 200, b"<html>" * 5000 if asked["user"] == "403" else b'{"ok": true}')).start()
    a = asker(type="http", uri=f"https://localhost:{service.port}/", ca_file=str(ca), failures=2, pause="1m")
    for status in ("400", "403", "404", "413", "422") * 2:
        answer = a.ask(status, "' OR 1=1 --")
        assert (answer["status"], answer["why"]) == ("TEMPFAIL", "the service does not take this question (a status of 4xx)"), answer
    assert a.says("ada", "x") == ("OK", True)
    assert [a.says(status, "x")[0] for status in ("401", "429")] == ["TEMPFAIL"] * 2
    assert "left alone" in a.ask("ada", "x")["why"]
    service.stop()


# ---- trouble -----------------------------------------------------------------------------------------------------------------------
def in_trouble(a, right, count=24):
    """A storm on a source that does not answer: each question has its answer soon after the timeout at the latest, and the breaker opens."""
    answers = [a.wait(n) for n in [a.send(*right, peer=f"192.0.2.{i % 4}") for i in range(count)]]
    assert {answer["status"] for answer in answers} == {"TEMPFAIL"}, answers
    assert max(answer["ms"] for answer in answers) < 2500, answers
    at_once = a.ask(*right)
    assert at_once["status"] == "TEMPFAIL" and at_once["ms"] < 500 and "left alone" in at_once["why"], at_once


def mended(a, right, want):
    end = time.monotonic() + 15
    while (said := a.ask(*right)["status"]) != want:
        assert time.monotonic() < end, f"still {said}\n{a.log.read_text()}"
        time.sleep(0.1)
    log = a.log.read_text()
    assert log.count("failed too often in a row") == 1 and log.count("answers again") == 1, log


@pytest.mark.parametrize("trouble", ["slow", "gone"])
@pytest.mark.parametrize("kind", ["ldap", "postgresql", "saslauthd", "dovecot"])
def test_a_server_in_trouble_costs_its_users_little_and_comes_back(asker, slapd, postgres, saslauthd, dovecot, ca, place, kind, trouble):
    server, item, right, want = {
        "ldap": (slapd, people_of(slapd, ca, place), ("ada", "correct horse"), "OK"),
        "postgresql": (postgres, people_in(postgres, place), ("ada", "x"), "WAIT"),
        "saslauthd": (saslauthd, {"type": "saslauthd", "socket": str(saslauthd.socket)}, ("ada", "correct horse"), "OK"),
        "dovecot": (dovecot, {"type": "dovecot", "socket": str(dovecot.socket)}, ("ada", "correct horse"), "OK")}[kind]
    a = asker(**QUICK, **item)
    assert a.ask(*right)["status"] == want
    begin, end = (server.stall, server.resume) if trouble == "slow" else (server.stop, server.start)
    begin()
    try:
        in_trouble(a, right)
    finally:
        end()
    mended(a, right, want)


def test_a_module_that_hangs_for_ever_ends_with_its_process(asker, place):
    """No timeout of a library helps here: all workers hang, so the process ends and a fresh one answers."""
    script = place / "hang"
    script.write_text(f"#!/bin/sh\n[ -e {place}/mended ] && exit 0\nsleep 1000\n")
    os.chmod(script, 0o755)
    services = place / "pam.d"
    services.mkdir()
    (services / "mail").write_text(f"auth required pam_exec.so quiet {script}\naccount required pam_permit.so\n")
    a = asker(**QUICK, type="pam", service="mail", services=str(services))
    assert {a.wait(n)["status"] for n in [a.send("ada", "x") for _ in range(2)]} == {"TEMPFAIL"}
    assert a.event("ended") == 3
    a.event("ready")
    (place / "mended").touch()
    assert a.says("ada", "x") == ("OK", True)
    assert "all its workers hang" in a.log.read_text()
    assert not sources.running(str(script)), "a program of the module outlived it"


def test_a_storm_from_one_address_leaves_room_for_others(asker, certificate, ca):
    """Two workers, a tenth of a second each: who waits behind eighty questions of one address waits for his turn, not for them."""
    def answer(_):
        time.sleep(0.1)
        return 200, b'{"ok": true}'
    service = Service(certificate, answer).start()
    a = asker(type="http", uri=f"https://localhost:{service.port}/", ca_file=str(ca), workers=2, waiting=60, timeout="5s")
    storm = [a.send("ada", "x", peer="192.0.2.66") for _ in range(80)]
    other = a.ask("ada", "x", peer="192.0.2.1")
    assert other["status"] == "OK" and other["ms"] < 1500, other
    said = [a.wait(n)["status"] for n in storm]
    assert said.count("TEMPFAIL") >= 18 and said.count("OK") >= 55, said
    service.stop()


# ---- all together ------------------------------------------------------------------------------------------------------------------
def test_the_server_starts_and_restarts_a_process_for_each_source_with_no_other_s_secret(new_gatepost, place):
    replace(place / "people", f"ada:{HASH}\n")
    gatepost = new_gatepost(start=False)
    token = "sesame-" + secrets.token_hex(24)
    gatepost.secrets.append(token)
    (gatepost.dir / "token").write_text(token + "\n")
    os.chmod(gatepost.dir / "token", 0o600)     # for root alone, who opens it for the one process that needs it
    with open(gatepost.dir / "gatepost.yml", "a", encoding="ascii") as config:
        config.write(f"sources:\n- name: old\n  type: passwd-file\n  path: {place}/people\n- store\n- name: dead\n  type: saslauthd\n  socket: {place}/nowhere\n"
                     "- name: out\n  type: http\n  uri: http://127.0.0.1:9/\n  token_file: token\n")
    gatepost.start()
    pids = gatepost.pids("lookup")
    assert len(pids) == 4           # the last asks the web for the policies of domains that mail goes to
    if may_read_memory(gatepost.process.pid):
        assert [bool(list(found_in(pid, [token[16:].encode()]))) for pid in pids] == [False, False, True, False]
    os.kill(pids[0], 9)
    sources.until("another process", lambda: len(now := gatepost.pids("lookup")) == 4 and pids[0] not in now)
    assert set(pids[1:]) < set(gatepost.pids("lookup"))
