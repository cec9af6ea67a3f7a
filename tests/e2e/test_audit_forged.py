"""Who can write one of the databases, hashes and all, does not get a forged record past the other one and the key."""
import contextlib
import hashlib
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
