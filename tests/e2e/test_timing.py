"""Does the time of a no tell who exists? The method: the cases take turns, in a new random order each round, so that whatever else the
machine does falls on all alike. Each is compared with the unknown name by the Mann-Whitney statistic: how often a time of the one is
above a time of the other; one half where they cannot be told apart. It may be off by five standard deviations of what chance does
to so many rounds: a machine that is busy does not fail the test by that, and what a client could see does. That it sees
something is shown by a case that does take another time."""
import base64
import crypt
import json
import random
import sqlite3
import time

import pytest

from house import Account
from wire import Wire

CASES = ("unknown", "wrong", "disabled", "elsewhere", "mechanism")
SIGMAS = 5


def above(ones, others):
    """How often one of the first is above one of the second, ties half."""
    return sum((a > b) + (a == b) / 2 for a in ones for b in others) / (len(ones) * len(others))


def slack(rounds):
    return SIGMAS * ((2 * rounds + 1) / (12 * rounds * rounds)) ** 0.5


class Session:
    """A connection that is made anew before the server ends it for its failures."""
    def __init__(self, gatepost, context):
        self.gatepost, self.context, self.wire, self.left = gatepost, context, None, 0

    def ready(self):
        if self.left == 0:
            self.close()
            self.wire, self.left = Wire(self.gatepost.tls_port, self.context, implicit=True), 2
            self.wire.say("EHLO client.example")
        self.left -= 1
        return self.wire

    def close(self):
        if self.wire:
            self.wire.close()


def plain(wire, account):
    line = "AUTH PLAIN " + base64.b64encode(f"\0{account.name}\0{account.password}".encode()).decode()
    start = time.perf_counter()
    code, _ = wire.say(line)
    return code, [time.perf_counter() - start]


def scram(wire, account):
    """With a proof of nothing: both of the server's answers."""
    first = base64.b64encode(f"n,,n={account.name},r=fyko+d2lbbFgONRv9qkxdawL".encode()).decode()
    start = time.perf_counter()
    _, challenge = wire.say("AUTH SCRAM-SHA-256 " + first)
    between = time.perf_counter()
    nonce = base64.b64decode(challenge[0]).decode().split(",")[0]
    final = base64.b64encode(f"c=biws,{nonce},p={base64.b64encode(bytes(32)).decode()}".encode()).decode()
    then = time.perf_counter()
    code, _ = wire.say(final)
    return code, [between - start, time.perf_counter() - then]


def measure(gatepost, context, accounts, sign_in, rounds):
    times = {case: [] for case in accounts}
    session = Session(gatepost, context)
    for turn in range(-2, rounds):                       # the first ones warm everything up
        for case in random.sample(sorted(accounts), len(accounts)):
            code, seen = sign_in(session.ready(), accounts[case])
            assert code == 535, (case, code)
            if turn >= 0:
                times[case].append(seen)
    session.close()
    return times


def tell_apart(times, rounds):
    """The cases whose times are not those of the unknown name, and by how much."""
    found = {}
    for case in times.keys() - {"unknown"}:
        for part in range(len(times["unknown"][0])):
            share = above([t[part] for t in times[case]], [t[part] for t in times["unknown"]])
            if abs(share - 0.5) > slack(rounds):
                found[case, part] = round(share, 3)
    return found


SSHA = "{SSHA}SbTdRvivCMAa3Dg0+Qi3bohbFVFy0ChG"
BCRYPT_10 = "$2y$10$mh4WDe055hiyH/xagV74feGHsZgfkgWDtQJbFky1sO76R73vTTZgu"    # of some password that nobody here tries
IMPORTED = {"imported-cheap": [SSHA], "imported-dear": [BCRYPT_10], "imported-both": [SSHA, BCRYPT_10]}
STORES = {
    "generated": (None, {}, 150),
    "chosen": ("a rather long phrase", {"GATEPOST_PASSWORDS_SCRAM_ITERATIONS": "30000"}, 60),
    "argon2id": ("a rather long phrase", {"GATEPOST_PASSWORDS_SCRAM": "false"}, 60),
}


def restrict(gatepost, account, what, words):
    with sqlite3.connect(gatepost.dir / "vault" / "accounts.db") as db:
        db.execute(f"UPDATE credentials SET {what} = ? WHERE account = (SELECT id FROM accounts WHERE name = ?)", (words, account.name))
    db.close()


def people(gatepost, password):
    """One for each case; the last three have the right password, and may not use it."""
    known, disabled, elsewhere, mechanism = (gatepost.account(password=password) for _ in range(4))
    gatepost.run("user", "disable", disabled.name)
    restrict(gatepost, elsewhere, "networks", "192.0.2.0/24")
    restrict(gatepost, mechanism, "mechanisms", "EXTERNAL")
    return dict(zip(CASES, (Account("nobody@example.org", "k7zq3-wrong"), Account(known.name, "k7zq3-wrong"), disabled, elsewhere, mechanism)))


@pytest.mark.parametrize("store", STORES)
def test_a_no_takes_as_long_for_everybody(store, new_gatepost, sink, context):
    password, settings, rounds = STORES[store]
    gatepost = new_gatepost(sink, **settings)
    accounts = people(gatepost, password)
    assert not tell_apart(measure(gatepost, context, accounts, plain, rounds), rounds)
    for cause in ("may not be used from 127.0.0.1: allowed 192.0.2.0/24", "may not be used with PLAIN: allowed EXTERNAL", "the account is disabled"):
        assert cause in gatepost.log()
    if store != "argon2id":
        assert not tell_apart(measure(gatepost, context, accounts, scram, rounds), rounds)


@pytest.mark.parametrize("store", IMPORTED)
def test_a_no_tells_nobody_who_came_with_which_hash(store, new_gatepost, sink, context, tmp_path):
    gatepost, path, rounds = new_gatepost(sink), tmp_path / "users.json", 40
    names = {f"hash{number}": f"hash{number}@example.org" for number in range(len(IMPORTED[store]))}
    path.write_text(json.dumps([{"user": name, "hash": stored} for name, stored in zip(names.values(), IMPORTED[store])]))
    gatepost.run("user", "import", str(path), "--format", "json")
    accounts = {case: Account(name, "k7zq3-wrong") for case, name in {"unknown": "nobody@example.org", **names}.items()}
    assert not tell_apart(measure(gatepost, context, accounts, plain, rounds), rounds)


def test_a_no_takes_as_long_whichever_source_keeps_the_hash(new_gatepost, sink, context, folder):
    """Two that keep hashes: one's name costs one check, and so does nobody's, though both say no to it."""
    gatepost, rounds = new_gatepost(sink, start=False), 30
    place = folder / "timing-sources"
    place.mkdir()
    with open(gatepost.dir / "gatepost.yml", "a", encoding="ascii") as config:
        config.write("sources:\n")
        for name in ("first", "second"):
            (place / name).write_text(f"{name}:{crypt.crypt('right', '$6$rounds=60000$timing')}\n")
            config.write(f'- {{name: {name}, type: passwd-file, path: "{place / name}"}}\n')
    gatepost.start()
    accounts = {name: Account(name, "k7zq3-wrong") for name in ("unknown", "first", "second")}
    assert not tell_apart(measure(gatepost, context, accounts, plain, rounds), rounds)


def test_the_method_sees_a_difference_where_there_is_one(new_gatepost, sink, context):
    """A no of a set-up with slow passwords, and one that is reached without them."""
    gatepost = new_gatepost(sink, GATEPOST_PASSWORDS_SCRAM_ITERATIONS="30000")
    accounts = people(gatepost, "a rather long phrase")
    fast = {"unknown": accounts["unknown"], "malformed": Account("nobody@example.org", "\x07")}
    found = tell_apart(measure(gatepost, context, fast, plain, 40), 40)
    assert found["malformed", 0] < 0.1
