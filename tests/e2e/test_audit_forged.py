"""Who can write one of the databases, hashes and all, does not get a forged record past the other one and the key."""
import contextlib
import hashlib
import re
import shutil
import sqlite3

import pytest

from house import relay_to, serving, until
from test_operations import deliver


@pytest.fixture(scope="module")
def server(folder, certificate, sink, ca):
    with serving(folder / "gatepost-forged", certificate, **relay_to(sink, ca), GATEPOST_AUDIT_CHECKPOINT="1s") as made:
        yield made


@contextlib.contextmanager
def stopped(server):
    """For an attack on its files; what they were comes back."""
    server.stop()
    kept = server.dir.with_name("kept")
    shutil.copytree(server.dir, kept)
    yield server
    server.stop()
    shutil.rmtree(server.dir)
    kept.rename(server.dir)
    server.start()


def part(octets):
    octets = octets.encode() if isinstance(octets, str) else octets
    return str(len(octets)).encode() + b":" + octets


def make_anew(db):
    """The numbers and hashes of all rows, as the server would have made them."""
    name, ident = db.execute("SELECT name, id FROM audit_chain").fetchone()
    before, rows = hashlib.sha256(b"gatepost audit " + part(name) + part(ident)).digest(), db.execute("SELECT * FROM audit ORDER BY seq").fetchall()
    for seq, (old, moment, event, account, credential, queue_id, incident, who, data, salt, *_) in enumerate(rows, 1):
        digest = hashlib.sha256(part(salt) + part(who) + part(data)).digest()
        numbers = f"{seq} {moment} {account} {credential} ".encode()
        before = hashlib.sha256(before + numbers + part(event) + part(queue_id) + part(incident) + digest).digest()
        db.execute("UPDATE audit SET seq = ?, hash = ? WHERE seq = ?", (seq, before, old))
    db.execute("UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM audit) WHERE name = 'audit'")
    db.commit()


def opened(server, database):
    return contextlib.closing(sqlite3.connect(server.dir / database))


def signed(server, database, chain):
    with opened(server, database) as db:
        return db.execute("SELECT COALESCE(max(seq), 0) FROM audit_checkpoints WHERE chain = ?", (chain,)).fetchone()[0]


def send(server, context, account, sink, recipient):
    """A message, until a checkpoint has its outcome."""
    before = signed(server, "queue/queue.db", "queue")
    assert deliver(server, context, account, recipient)[0] == 250
    sink.wait(recipient)
    until("an outcome that is signed", lambda: signed(server, "queue/queue.db", "queue") > before + 1)


def verify(server):
    return server.command("audit", "verify")


def test_the_vault_does_not_sign_a_forged_chain_of_the_queue(server, context, sink, recipient):
    account = server.account()
    send(server, context, account, sink, recipient)
    first = signed(server, "queue/queue.db", "queue")
    send(server, context, account, sink, recipient)
    with stopped(server):
        newest = signed(server, "queue/queue.db", "queue")
        with opened(server, "queue/queue.db") as db:
            db.execute("UPDATE audit SET data = '{}' WHERE seq = ?", (first + 1,))
            db.execute("DELETE FROM audit_checkpoints WHERE seq > ?", (first,))
            make_anew(db)
        assert verify(server).returncode == 1
        server.start()
        until("a refusal", lambda: "not the one that was signed before" in server.log())
        assert verify(server).returncode == 1 and signed(server, "vault/accounts.db", "queue") == newest
        send(server, context, account, sink, recipient)
        found = verify(server)
        assert found.returncode == 1 and f"queue: row {newest}: " in found.stdout


def test_without_a_key_nothing_is_proved(server):
    public = server.run("audit", "key").strip()
    key = server.dir / "vault/audit.key"
    away = key.rename(server.dir / "audit.key.away")
    try:
        found = verify(server)
        assert found.returncode == 1 and "there is no audit key" in found.stderr
        assert server.json("audit", "verify", "--key", public)["signatures"]
    finally:
        away.rename(key)


def test_the_queue_bears_witness_against_a_forged_chain_of_the_vault(server, context, sink, recipient):
    send(server, context, server.account(), sink, recipient)
    until("the vault's word in queue.db", lambda: signed(server, "queue/queue.db", "vault"))
    with stopped(server):
        witness = signed(server, "queue/queue.db", "vault")
        with opened(server, "vault/accounts.db") as db:
            db.execute("DELETE FROM audit WHERE seq = 2")
            db.execute("DELETE FROM audit_checkpoints WHERE chain = 'vault'")
            make_anew(db)
        found = verify(server)
        assert found.returncode == 1 and re.search(r"^vault: row \d+: a checkpoint has this row", found.stdout, re.M), found.stdout
        server.start()
        server.stop()
        assert verify(server).returncode == 1 and signed(server, "queue/queue.db", "vault") >= witness


@pytest.mark.parametrize("hours", [0, 1])
def test_taking_the_checkpoints_from_both_shows_once_the_server_ran(server, context, sink, recipient, hours):
    send(server, context, server.account(), sink, recipient)
    with stopped(server):
        assert server.json("audit", "verify")["vault"]["signed"]["row"] > 0
        for database in ("vault/accounts.db", "queue/queue.db"):
            with opened(server, database) as db:
                db.execute("DELETE FROM audit_checkpoints")
                newest = "(SELECT max(seq) FROM audit WHERE event IN ('sign-in', 'delivered'))"
                db.execute(f"UPDATE audit SET moment = moment - ? WHERE seq < {newest}", (hours * 3600 * 1000,))
                make_anew(db)
        found = verify(server)
        assert found.returncode == (1 if hours else 0) and ("no checkpoint has this row" if hours else "nothing of it signed") in found.stdout
