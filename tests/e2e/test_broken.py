"""What must hold when the world is broken: no space, databases locked or damaged, processes killed at the worst moment, certificates spoilt.

The rules everywhere: the client gets an answer and keeps its message, nothing that was answered 250 is lost, nothing refused arrives,
and the log says what is wrong and what to do about it.
"""
import base64
import concurrent.futures
import contextlib
import os
import pathlib
import re
import select
import signal
import socket
import sqlite3
import threading
import time

import pytest

from house import DOMAIN, PATIENCE, is_alive, until
from sink import DROP
from test_operations import serial
from wire import Wire, open_message, signed_in, submit

SMALL, LARGE = 100, 200_000                     # a row of queue.db; a file beside it
sizes = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


def letter(account, size=SMALL):
    return f"From: <{account.name}>\r\n\r\n" + ("x" * 78 + "\r\n") * (size // 80) + ".\r\n"


def send(gatepost, context, account, recipient, size=SMALL):
    with signed_in(gatepost, context, account) as wire:
        return submit(wire, account.name, [recipient], letter(account, size))


def complaints(gatepost, *words):
    """The error lines of the log with all these words in them."""
    return [line for line in gatepost.log().splitlines() if "level=error" in line and all(word in line for word in words)]


def complained(gatepost, *words):
    return until(f"error line with {words}", lambda: complaints(gatepost, *words))


def kill(gatepost, role):
    """The processes that were killed; back() waits for those that follow them."""
    pids = gatepost.pids(role)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return pids


def back(gatepost, role, before):
    until(f"new {role}", lambda: [r for r in gatepost.roles() if r["name"] == role and r["state"] == "ready" and r.get("pid") not in before])


@contextlib.contextmanager
def frozen(gatepost, role):
    """The role does nothing, as on a machine that hangs; it goes on afterwards unless it was killed meanwhile."""
    pids = gatepost.pids(role)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def writing(path):
    """Another process that has the database's write lock and does not let go."""
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


# ---- no space ------------------------------------------------------------------------------------------------
@sizes
def test_too_little_space_is_told_before_it_is_too_late(size, new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink, GATEPOST_QUEUE_FREE_SPACE="1T")
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        for _ in range(2):                      # the session goes on
            code, lines = submit(wire, account.name, [recipient], letter(account, size))
            assert code == 452 and lines[0].startswith("4.3.1")
    complained(gatepost, "event=queue", "space", "wanted=1099511627776")
    assert gatepost.is_empty() and not sink.for_(recipient)


MOUNT = 'mount -t tmpfs -o size=2m,mode=700 none "$1" && shift && exec "$@"'


@only_root
@sizes
def test_a_disk_that_is_full_all_the_same(size, new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink, start=False, GATEPOST_QUEUE_FREE_SPACE="0")
    gatepost.before = ["unshare", "--mount", "sh", "-c", MOUNT, "sh", str(gatepost.dir / "queue")]
    account = gatepost.account()
    gatepost.start()
    gatepost.before = []
    filler = pathlib.Path(f"/proc/{gatepost.process.pid}/root{gatepost.dir}/queue/filler")
    with pytest.raises(OSError, match="No space"), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with signed_in(gatepost, context, account) as wire:
        code, lines = submit(wire, account.name, [recipient], letter(account, size))
        assert code == 452 and lines[0].startswith("4.3.1")
        filler.unlink()
        assert submit(wire, account.name, [recipient], letter(account, size))[0] == 250
    sink.wait(recipient)
    assert len(sink.for_(recipient)) == 1


# ---- databases that are locked -------------------------------------------------------------------------------
def test_a_locked_queue_puts_every_client_off_in_time(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    accounts = [gatepost.account() for _ in range(6)]
    with writing(gatepost.dir / "queue/queue.db"), concurrent.futures.ThreadPoolExecutor(6) as pool:
        begun = time.monotonic()
        replies = pool.map(lambda account, size: send(gatepost, context, account, recipient, size), accounts, [SMALL, LARGE] * 3)
        codes = [code for code, _ in replies]
        took = time.monotonic() - begun
        assert not list((gatepost.dir / "queue/bodies").iterdir()), "what was put off takes space"
    assert codes == [451] * 6 and took < 5, took
    complained(gatepost, "event=queue", "locked by another process", "hint=")
    until("mail taken again", lambda: send(gatepost, context, accounts[0], recipient)[0] == 250)
    sink.wait(recipient)
    assert len(sink.for_(recipient)) == 1, "what was put off was sent all the same"


def test_a_queue_locked_while_mail_goes_out_sends_it_once(new_gatepost, new_sink, context, recipient):
    sink, let_go = new_sink(), threading.Event()
    sink.script("DOT", lambda: let_go.wait(PATIENCE) and "250 2.0.0 kept")
    gatepost = new_gatepost(sink)
    assert send(gatepost, context, gatepost.account(), recipient)[0] == 250
    until("its body at the next hop", lambda: sink.heard and sink.heard[-1].startswith(b"DATA"))
    with writing(gatepost.dir / "queue/queue.db"):
        let_go.set()
        complained(gatepost, "event=queue", "locked by another process")
    until("an empty queue", gatepost.is_empty)
    assert len(sink.for_(recipient)) == 1


def test_locked_accounts_keep_nobody_out(new_gatepost, sink, context, recipient):
    """A backup or a long command holds the write lock; signing in only reads."""
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    with writing(gatepost.dir / "vault/accounts.db"):
        begun = time.monotonic()
        assert send(gatepost, context, account, recipient)[0] == 250
        assert time.monotonic() - begun < 3


# ---- databases that are damaged ------------------------------------------------------------------------------
PAGE = 4096
wheres = pytest.mark.parametrize("where", [slice(0, 100), slice(PAGE, None)], ids=["header", "middle"])


class Database:
    """A database of a running gatepost: backed up, then spoilt as a bad disk does it."""
    def __init__(self, path):
        self.path = path
        self.beside = sqlite3.connect(path, isolation_level=None)
        self.beside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.backup = path.read_bytes()
        self.version = self.beside.execute("PRAGMA user_version").fetchone()[0]

    def spoil(self, where):
        octets = bytearray(self.backup)
        octets[where] = b"\xa5" * len(octets[where])
        with open(self.path, "r+b") as file:
            file.write(octets)

    def touch(self):
        """A commit from elsewhere: what gatepost has in memory of the file no longer counts."""
        self.beside.execute(f"PRAGMA user_version={self.version}")

    def restore(self):
        """As the hint says: gatepost is stopped."""
        self.beside.close()
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        with open(self.path, "r+b") as file:
            file.write(self.backup)
            file.truncate()


@pytest.fixture
def waiting(new_gatepost, new_sink, context, recipient):
    """A gatepost with a small and a large message that wait for a next hop that is not there."""
    sink = new_sink()
    sink.close()
    gatepost = new_gatepost(sink, GATEPOST_QUEUE_RETRIES="1h")
    account = gatepost.account()
    for size in (SMALL, LARGE):
        assert send(gatepost, context, account, recipient, size)[0] == 250
    until("first attempts", lambda: gatepost.log().count("event=deferred") >= 2)
    return gatepost, sink, account


def arrive_after_all(gatepost, sink, recipient):
    sink.open()
    gatepost.start()
    gatepost.run("queue", "retry", "--all")
    sink.wait(recipient, 2)
    until("an empty queue", gatepost.is_empty)
    assert sorted(len(message.data) > LARGE // 2 for message in sink.for_(recipient)) == [False, True]


def test_a_queue_damaged_while_it_serves(waiting, context, recipient):
    gatepost, sink, account = waiting
    database = Database(gatepost.dir / "queue/queue.db")
    with signed_in(gatepost, context, account) as wire:
        database.spoil(slice(PAGE, None))
        database.touch()
        for size in (SMALL, LARGE):
            assert submit(wire, account.name, [recipient], letter(account, size))[0] == 451
    complained(gatepost, "event=queue", "the database is damaged", "hint=", "backup")
    gatepost.stop()
    database.restore()
    arrive_after_all(gatepost, sink, recipient)


@wheres
def test_a_queue_found_damaged_by_a_new_process(where, waiting, context, recipient):
    gatepost, sink, account = waiting
    database = Database(gatepost.dir / "queue/queue.db")
    with signed_in(gatepost, context, account) as wire:
        database.spoil(where)
        kill(gatepost, "queue")
        complained(gatepost, "to open queue.db", "hint=", "backup")
        for size in (SMALL, LARGE):
            assert submit(wire, account.name, [recipient], letter(account, size))[0] == 451
    until("a status that says so", lambda: "queue.db is damaged" in gatepost.command("status").stdout)
    assert "degraded" in gatepost.command("status").stdout
    done = gatepost.command("queue", "list")
    assert done.returncode == 1 and "backup" in done.stderr and not done.stdout
    gatepost.stop()
    database.restore()
    arrive_after_all(gatepost, sink, recipient)


BALLAST = 70 << 20                             # more than is looked through before it serves


def add_ballast(path):
    """Rows that nothing reads but the look for damage; gatepost is stopped."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE ballast (a INTEGER PRIMARY KEY, b BLOB)")
    db.execute("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
               " INSERT INTO ballast SELECT i, CAST(printf('%0900d', i) AS BLOB) FROM n", (BALLAST // 900,))
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def test_a_large_queue_found_damaged_beside_the_serving(waiting, context, recipient):
    gatepost, sink, account = waiting
    queue = gatepost.dir / "queue"

    def store():
        return next(role["store"] for role in gatepost.roles() if role["name"] == "queue")

    def refused():
        return send(gatepost, context, account, recipient)[0] == 451

    def begin():
        served = gatepost.log().count("event=serving")
        gatepost.begin()
        until("serving", lambda: gatepost.log().count("event=serving") > served)

    gatepost.stop()
    add_ballast(queue / "queue.db")
    gatepost.start()
    gatepost.stop()                             # in the middle of the look, or not
    gatepost.start()
    until("a queue.db that is whole", lambda: store() == "whole")
    assert gatepost.run("status").startswith("serving")
    gatepost.stop()
    database = Database(queue / "queue.db")
    database.beside.close()
    database.spoil(slice(len(database.backup) - 10 * PAGE, len(database.backup) - 9 * PAGE))
    begin()
    until("451", refused)
    complained(gatepost, "to find queue.db whole", "queue/queue.db", "the database is damaged", "hint=", "backup")
    status = gatepost.command("status")
    assert status.returncode == 1 and "degraded" in status.stdout and "queue.db is damaged" in status.stdout
    until("a notice", lambda: [line for line in gatepost.log().splitlines() if "event=notice" in line and "queue-damaged" in line])
    assert (queue / "queue.db.damaged").exists()
    kill(gatepost, "queue")                     # nothing is promised by another process either
    assert refused()
    until("damage found anew", lambda: gatepost.log().count("to find queue.db whole") == 2)
    gatepost.stop()
    begin()
    assert refused()
    gatepost.stop()
    database.restore()
    begin()
    until("a queue.db that is whole", lambda: store() == "whole" and gatepost.command("status").returncode == 0)
    assert not (queue / "queue.db.damaged").exists()
    gatepost.stop()
    arrive_after_all(gatepost, sink, recipient)


def test_accounts_damaged_while_they_serve(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    database = Database(gatepost.dir / "vault/accounts.db")
    with signed_in(gatepost, context, account) as before, Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        database.spoil(slice(PAGE, None))
        database.touch()
        for _ in range(2):                      # the session goes on
            code, lines = wire.auth_plain(account)
            assert code == 454 and lines[0].startswith("4.7.0")
        assert before.say(f"MAIL FROM:<{account.name}>")[0] == 451
    complained(gatepost, "event=store", "accounts.db", "the database is damaged", "hint=", "backup")
    gatepost.stop()
    database.restore()
    gatepost.start()
    assert send(gatepost, context, account, recipient)[0] == 250


@wheres
def test_accounts_found_damaged_by_a_new_process(where, new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    database = Database(gatepost.dir / "vault/accounts.db")
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        database.spoil(where)
        kill(gatepost, "vault")
        complained(gatepost, "event=store", "accounts.db", "hint=", "backup")
        assert wire.auth_plain(account)[0] == 454
    done = gatepost.command("user", "list")
    assert done.returncode == 1 and "backup" in done.stderr
    gatepost.stop()
    database.restore()
    gatepost.start()
    assert send(gatepost, context, account, recipient)[0] == 250


# ---- processes killed at the worst moment --------------------------------------------------------------------
def test_vault_killed_while_it_checks_a_password(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        with frozen(gatepost, "vault"):
            wire.send("AUTH PLAIN " + base64.b64encode(f"\0{account.name}\0{account.password}".encode()).decode() + "\r\n")
            before = kill(gatepost, "vault")
            code, lines = wire.hear()
            assert code == 454 and lines[0].startswith("4.7.0")
        until("the reason", lambda: re.search('result="put off" (incident=[0-9A-Z]+ )?reason="vault does not answer"', gatepost.log()))
        back(gatepost, "vault", before)
        assert wire.auth_plain(account)[0] == 235
        assert submit(wire, account.name, [recipient], letter(account))[0] == 250


def test_vault_killed_between_two_lines_of_an_exchange(new_gatepost, sink, context):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert wire.say("AUTH LOGIN " + base64.b64encode(account.name.encode()).decode())[0] == 334
        back(gatepost, "vault", kill(gatepost, "vault"))
        assert wire.say(base64.b64encode(account.password.encode()).decode())[0] == 454
        until("the reason", lambda: "the client speaks when its exchange has ended" in gatepost.log())
        assert wire.auth_plain(account)[0] == 235


def test_a_client_gone_while_vault_is_asked_about_the_message_leaves_nothing(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    text = letter(account, LARGE)
    bodies, before = gatepost.dir / "queue/bodies", gatepost.pids("smtpd")
    with signed_in(gatepost, context, account) as wire:
        open_message(wire, account, recipient)
        with frozen(gatepost, "vault"):
            wire.send(text)
            until("the whole message", lambda: sum(body.stat().st_size for body in bodies.iterdir()) > len(text))
            wire.close()
            until("the end of the session", lambda: "state=closed" in gatepost.log())
            assert list(bodies.iterdir()), "it was not asked about"
    until("a queue without bodies", lambda: not list(bodies.iterdir()))
    assert send(gatepost, context, account, recipient)[0] == 250
    assert gatepost.pids("smtpd") == before and len(sink.wait(recipient)) >= 1


def test_a_client_gone_while_vault_is_asked_about_an_author_leaves_nothing(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    text = letter(account, LARGE).replace("\r\n", f", <boss@{DOMAIN}>\r\nSender: <{account.name}>\r\n", 1)
    bodies, before = gatepost.dir / "queue/bodies", gatepost.pids("smtpd")
    with signed_in(gatepost, context, account) as wire:
        open_message(wire, account, recipient)
        with frozen(gatepost, "vault"):
            wire.send(text)              # the body waits behind its header section
            wire.close()
    until("the end of the session", lambda: "state=closed" in gatepost.log())
    until("a queue without bodies", lambda: not list(bodies.iterdir()))
    assert send(gatepost, context, account, recipient)[0] == 250
    assert gatepost.pids("smtpd") == before and len(sink.wait(recipient)) >= 1


@sizes
def test_relay_killed_in_the_middle_of_a_delivery(size, new_gatepost, new_sink, context, recipient):
    sink, done = new_sink(), threading.Event()
    sink.script("DATA", lambda: done.wait(PATIENCE) and DROP)
    gatepost = new_gatepost(sink)
    assert send(gatepost, context, gatepost.account(), recipient, size)[0] == 250
    until("the delivery", lambda: any(line.startswith(b"DATA") for line in sink.heard))
    kill(gatepost, "relay")
    done.set()
    sink.wait(recipient)
    until("an empty queue", gatepost.is_empty)
    assert len(sink.for_(recipient)) == 1


@sizes
def test_queue_killed_between_the_end_of_a_message_and_its_answer(size, new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        open_message(wire, account, recipient)
        if size == LARGE:                       # so far that it has its file
            head, tail = letter(account, size)[:-SMALL], letter(account, size)[-SMALL:]
            wire.send(head)
            until("the file", lambda: list((gatepost.dir / "queue/bodies").iterdir()))
        else:
            head, tail = "", letter(account, size)
        with frozen(gatepost, "queue"):
            wire.send(tail)
            before = kill(gatepost, "queue")
            assert wire.hear()[0] == 451
        back(gatepost, "queue", before)
        assert gatepost.is_empty() and not list((gatepost.dir / "queue/bodies").iterdir())
        assert submit(wire, account.name, [recipient], letter(account, size))[0] == 250
    sink.wait(recipient)
    assert len(sink.for_(recipient)) == 1


def test_queue_killed_in_the_middle_of_a_large_message(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    text = letter(account, LARGE)
    with signed_in(gatepost, context, account) as wire:
        open_message(wire, account, recipient)
        wire.send(text[:-SMALL])
        until("the file", lambda: list((gatepost.dir / "queue/bodies").iterdir()))
        back(gatepost, "queue", kill(gatepost, "queue"))
        wire.send(text[-SMALL:])                # its file went with the process that made it
        assert wire.hear()[0] == 451
        assert submit(wire, account.name, [recipient], text)[0] == 250
    sink.wait(recipient)
    assert len(sink.for_(recipient)) == 1


# ---- the end, at a bad moment --------------------------------------------------------------------------------
def test_a_stop_while_the_queue_writes_still_answers(new_gatepost, new_sink, context, recipient):
    sink = new_sink()
    sink.close()
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        open_message(wire, account, recipient)
        with frozen(gatepost, "queue"):
            wire.send(letter(account))
            gatepost.process.send_signal(signal.SIGTERM)
            until("the stop", lambda: "state=stopping" in gatepost.log())
            time.sleep(0.2)
        assert wire.hear()[0] == 250
    assert gatepost.process.wait(PATIENCE) == 0
    sink.open()
    gatepost.start()
    assert sink.wait(recipient)


def test_a_stop_tells_who_never_ends_his_message(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink, GATEPOST_STOP_TIMEOUT="1s")
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        open_message(wire, account, recipient)
        wire.send("Subject: no end\r\n")
        gatepost.process.send_signal(signal.SIGTERM)
        assert wire.hear()[0] == 421
    assert gatepost.process.wait(PATIENCE) == 0
    assert not sink.for_(recipient)


# ---- certificates --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name,spoil,said", [("cert.pem", lambda path: path.write_text("rubbish\n"), "the key does not belong"),
                                             ("key.pem", lambda path: path.write_text("rubbish\n"), "no private key"),
                                             ("cert.pem", lambda path: path.write_text(""), "cannot be read, is empty"),
                                             ("cert.pem", lambda path: path.unlink(), "cannot be opened")],
                         ids=["rubbish", "rubbish for a key", "empty", "gone"])
def test_a_spoilt_certificate_leaves_the_one_before_in_force(name, spoil, said, new_gatepost, authority, sink, context):
    gatepost = new_gatepost(sink)
    first = serial(gatepost, context)
    spoil(gatepost.dir / "tls" / name)          # noticed without a signal
    complained(gatepost, "tls/cert.pem", said)
    complained(gatepost, "stay in force")
    assert serial(gatepost, context) == first
    gatepost.install(authority.issue("mended", "localhost"))
    until("the mended certificate", lambda: serial(gatepost, context) != first)


@pytest.mark.parametrize("kind,said", [("rsa:1024", "too weak"), ("ed25519", "neither RSA nor EC")])
def test_a_certificate_of_no_use_is_refused_as_often_as_it_is_offered(kind, said, new_gatepost, authority, sink, context):
    gatepost = new_gatepost(sink)
    first = serial(gatepost, context)
    gatepost.install(authority.issue(f"useless-{kind}", "localhost", kind=[kind]))
    for times in (1, 2, 3):
        gatepost.process.send_signal(signal.SIGHUP)
        until("a complaint each time", lambda: gatepost.log().count("stay in force") >= times)
        assert serial(gatepost, context) == first
    complained(gatepost, "tls/cert.pem", said)


@pytest.mark.parametrize("signalled", [True, False], ids=["SIGHUP", "files changed"])
def test_certificates_change_under_load_and_nobody_notices(signalled, new_gatepost, authority, new_sink, context, recipient):
    sink = new_sink()
    gatepost = new_gatepost(sink)
    accounts = [gatepost.account() for _ in range(4)]
    over, pairs = threading.Event(), [authority.issue(f"load-{signalled}-{n}", "localhost") for n in range(4 if signalled else 1)]

    def client(n):
        count = 0
        while not over.is_set():                # a lost connection or a failed handshake raises
            assert send(gatepost, context, accounts[n], f"{n}-{count}-{recipient}")[0] == 250
            count += 1
        return count
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client, n) for n in range(4)]
        try:
            for pair in pairs:
                now = serial(gatepost, context)
                gatepost.install(pair)
                if signalled:
                    gatepost.process.send_signal(signal.SIGHUP)
                until("the new certificate", lambda now=now: serial(gatepost, context) != now)
        finally:
            over.set()
        counts = [done.result() for done in clients]
    assert all(counts)
    until("all mail", lambda: len(sink.arrived) == sum(counts))


# ---- files that are not what they were -----------------------------------------------------------------------
@pytest.mark.parametrize("cut", [lambda path: os.truncate(path, LARGE // 2), os.unlink], ids=["cut", "gone"])
def test_a_body_that_is_not_whole_is_never_sent(cut, waiting, context, recipient):
    gatepost, sink, account = waiting
    body, = (gatepost.dir / "queue/bodies").iterdir()
    cut(body)
    sink.open()
    gatepost.run("queue", "retry", "--all")
    sink.wait(recipient)                        # the small one
    complained(gatepost, body.name)
    until("the end of the small one", lambda: len(gatepost.queued()) == 1)
    assert len(sink.for_(recipient)) == 1, "half a message was sent"
    shown = gatepost.run("queue", "show", body.name)
    assert "read from the queue" in shown
    assert send(gatepost, context, account, recipient)[0] == 250
    sink.wait(recipient, 2)                     # its destination does not rest for that


def test_a_queue_moved_away_takes_nothing_that_would_be_lost(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    path, aside = gatepost.dir / "queue/queue.db", gatepost.dir / "queue/aside.db"
    path.rename(aside)
    assert send(gatepost, context, account, recipient)[0] == 451
    complained(gatepost, "event=queue", "moved", "hint=")
    aside.rename(path)
    assert send(gatepost, context, account, recipient)[0] == 250
    sink.wait(recipient)


def test_accounts_moved_away_are_said_and_still_serve(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    path, aside = gatepost.dir / "vault/accounts.db", gatepost.dir / "vault/aside.db"
    path.rename(aside)
    complained(gatepost, "event=store", "moved", "hint=")
    assert send(gatepost, context, account, recipient)[0] == 250
    aside.rename(path)
    time.sleep(1.2)
    assert len(complaints(gatepost, "event=store")) == 1, "said once"


# ---- no descriptors, no supervisor ---------------------------------------------------------------------------
def test_clients_beyond_the_descriptors_harm_nobody(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink, start=False, GATEPOST_WORKERS="1", GATEPOST_LIMITS_SESSIONS_PER_ADDRESS="1000")
    gatepost.before = ["sh", "-c", 'ulimit -n 40 && exec "$@"', "sh"]
    gatepost.start()
    account = gatepost.account()
    with signed_in(gatepost, context, account) as first, contextlib.ExitStack() as crowd:
        waiting = [crowd.enter_context(socket.create_connection(("127.0.0.1", gatepost.port), timeout=5)) for _ in range(40)]
        served = [client.recv(4) for client in waiting[:10]]
        assert served == [b"220 "] * 10
        assert not select.select(waiting[-1:], [], [], 0.3)[0], "the limit was not reached"
        assert submit(first, account.name, [recipient], letter(account))[0] == 250
    assert send(gatepost, context, account, recipient)[0] == 250
    sink.wait(recipient, 2)


def test_nothing_outlives_its_supervisor(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    pids = gatepost.pids()
    with signed_in(gatepost, context, account) as wire:
        open_message(wire, account, recipient)
        gatepost.process.kill()
        gatepost.process.wait()
        until("the end of every role", lambda: not any(map(is_alive, pids)), 3)
        assert wire.hear()[0] == 0
    gatepost.start()
    assert send(gatepost, context, account, recipient)[0] == 250
    sink.wait(recipient)
