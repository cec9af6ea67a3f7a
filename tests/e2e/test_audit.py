"""Who signed in, who sent what, and what became of it is on record; the record holds, and shows what was done to it."""
import contextlib
import csv
import io
import json
import smtplib
import socket
import sqlite3

import pytest

from house import relay_to, serving, until
from test_operations import deliver

WRONG = "battery staple correct"


@pytest.fixture(scope="module")
def syslog(folder):
    """Where a syslog daemon would listen. What came, each with the octets around it as the daemon would see them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(folder / "audit-syslog"))
        listener.settimeout(15)
        yield listener


@pytest.fixture(scope="module")
def server(folder, certificate, sink, ca, syslog):
    place = folder / "gatepost-audit"
    with serving(place, certificate, **relay_to(sink, ca), GATEPOST_AUDIT_CHECKPOINT="1s", GATEPOST_AUDIT_EXPORT_FILE="checkpoints.txt",
                 GATEPOST_AUDIT_EXPORT_SYSLOG="yes", GATEPOST_AUDIT_SYSLOG_SOCKET=syslog.getsockname()) as made:
        yield made


def rows(server, *filters):
    return [json.loads(line) for line in server.run("audit", "export", *filters).splitlines()]


def sign_in_wrongly(server, context, account):
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.starttls(context=context)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(account.name, WRONG)


def data_of(server, event, *filters):
    return [row["data"] for row in rows(server, "--event", event, *filters)]


def test_a_message_is_on_record_from_its_sign_in_to_its_delivery(server, context, sink, recipient):
    account = server.account()
    sign_in_wrongly(server, context, account)
    assert deliver(server, context, account, recipient)[0] == 250
    sink.wait(recipient)
    until("the outcome on record", lambda: data_of(server, "delivered", "--address", recipient))
    until("the sign-ins on record", lambda: "ok" in {data["result"] for data in data_of(server, "sign-in", "--account", account.name)})
    wrong, *_, right = rows(server, "--account", account.name, "--event", "sign-in")
    assert (wrong["data"]["result"], right["data"]["result"]) == ("refused", "ok") and right["credential"] > 0
    assert wrong["data"]["reason"] == "wrong password" and wrong["incident"]
    for fact in ("peer", "listener", "mechanism", "tls", "helo"):
        assert right["data"][fact], fact
    [accepted] = rows(server, "--event", "accepted", "--address", recipient)
    assert accepted["account"] == account.name and accepted["data"]["to"] == [recipient] and accepted["credential"] > 0
    for fact in ("sender", "size", "message_id", "tls", "mechanism", "peer", "recipients"):
        assert accepted["data"][fact], fact
    story = [row["event"] for row in rows(server, "--queue-id", accepted["queue_id"])]
    assert story == ["accepted", "delivered"]
    assert rows(server, "--incident", wrong["incident"])[0]["seq"] == wrong["seq"]
    assert WRONG not in server.run("audit", "show") and account.password not in server.run("audit", "show")


def test_checkpoints_of_both_chains_leave_the_machine(server):
    exported = server.dir / "checkpoints.txt"
    until("checkpoints", lambda: exported.exists() and {line.split()[2] for line in exported.read_text().splitlines()} == {"vault", "queue"})
    said = server.json("audit", "verify", "--checkpoints", str(exported), "--key", server.run("audit", "key").strip())
    assert said["whole"] and said["signatures"] and said["vault"]["checkpoints"] and said["queue"]["checkpoints"], said
    syslog = server.dir / "syslog.txt"
    syslog.write_text("Nov 26 host x: gatepost-audit told nobody\n" + exported.read_text())
    said = server.json("audit", "verify", "--checkpoints", str(syslog))
    assert said["whole"] and said["ignored"] == 1
    line = exported.read_text().splitlines()[0].split()
    syslog.write_text(" ".join([*line[:5], "7", *line[6:]]) + "\n")
    assert server.command("audit", "verify", "--checkpoints", str(syslog)).returncode == 1, "one that was altered is not ignored"


def test_what_syslog_got_proves_the_end_of_the_chain(server, syslog, tmp_path):
    said = syslog.recv(65536).decode()
    assert said.startswith("<85>") and "gatepost-audit checkpoint " in said, "authpriv.notice, RFC 3164 4.1.1"
    lines = tmp_path / "auth.log"
    lines.write_text(f"Nov 26 10:00:00 mail sshd[7]: of others\nNov 26 10:00:01 mail {said[4:]}\n")
    held = server.json("audit", "verify", "--checkpoints", str(lines))
    assert held["whole"] and held["ignored"] == 0 and held["vault"]["checkpoints"] > 1, held


def test_what_ages_out_leaves_a_chain_that_holds(folder, certificate, sink, ca, context, recipient):
    """Rows go up to a checkpoint that is old enough, at a start and each hour; and with one removed beyond it, it holds no more."""
    with serving(folder / "gatepost-aged", certificate, **relay_to(sink, ca), GATEPOST_AUDIT_CHECKPOINT="1s", GATEPOST_AUDIT_KEEP="1s") as aged:
        account = aged.account()
        assert deliver(aged, context, account, recipient)[0] == 250
        sink.wait(recipient)
        until("the outcome on record", lambda: data_of(aged, "delivered", "--address", recipient))
        first = {chain: [row["seq"] for row in rows(aged) if row["chain"] == chain][0] for chain in ("vault", "queue")}
        until("checkpoints of both", lambda: all(aged.json("audit", "verify")[chain]["signed"] for chain in first))
        gone = lambda: not [row for row in rows(aged) if row["seq"] == first[row["chain"]]]
        for _ in range(5):  # at a start, once a checkpoint is old enough
            aged.stop()
            aged.start()
            with contextlib.suppress(AssertionError):
                until("rows that age out", gone, 3)
                break
        assert gone()
        said = aged.json("audit", "verify")
        assert said["whole"] and said["vault"]["signed"]["row"] > 1 and said["queue"]["signed"]
        assert not data_of(aged, "account-added"), "it was older"
        aged.account()
        newest = rows(aged)[-1]["seq"]
        until("a checkpoint of what is new", lambda: aged.json("audit", "verify")["vault"]["signed"]["row"] >= newest)
        with contextlib.closing(sqlite3.connect(aged.dir / "vault/accounts.db")) as db:
            db.execute("DELETE FROM audit WHERE seq = ?", (newest,))
            db.commit()
        assert aged.command("audit", "verify").returncode == 1


def test_tables_take_no_formula_and_pseudonyms_are_no_names(server, context, recipient):
    account = server.account()
    assert deliver(server, context, account, recipient)[0] == 250
    table = list(csv.DictReader(io.StringIO(server.run("audit", "export", "--csv", "--account", account.name))))
    assert table and all(not value.startswith(("=", "+", "-", "@")) for row in table for value in row.values())
    hidden = server.run("audit", "export", "--pseudonyms", "--address", recipient)
    assert recipient not in hidden and account.name not in hidden
    assert {row["account"] for row in rows(server, "--pseudonyms", "--account", account.name)} == {json.loads(hidden.splitlines()[0])["account"]}


def test_one_person_is_erased_and_the_rest_holds(server, context, sink, recipient):
    account = server.account()
    assert deliver(server, context, account, recipient)[0] == 250
    sink.wait(recipient)
    until("the outcome on record", lambda: data_of(server, "delivered", "--address", recipient))
    erased = server.json("audit", "erase", "--address", recipient)
    assert erased["queue"] >= 2
    assert not rows(server, "--address", recipient) and rows(server, "--account", account.name)
    assert server.json("audit", "verify")["whole"]
    for file in ("queue.db", "queue.db-wal"):
        assert recipient.encode() not in (server.dir / "queue" / file).read_bytes() or not server.is_empty(), file


@pytest.mark.parametrize("database,chain", [("vault/accounts.db", "vault"), ("queue/queue.db", "queue")])
def test_what_is_altered_is_named(server, database, chain):
    with contextlib.closing(sqlite3.connect(server.dir / database)) as db:
        seq, when = db.execute("SELECT seq, moment FROM audit ORDER BY seq LIMIT 1").fetchone()
        db.execute("UPDATE audit SET moment = 5 WHERE seq = ?", (seq,))
        db.commit()
        found = server.command("audit", "verify")
        db.execute("UPDATE audit SET moment = ? WHERE seq = ?", (when, seq))
        db.commit()
    assert found.returncode == 1 and f"{chain}: row {seq}: " in found.stdout
    assert server.json("audit", "verify")["whole"]


def test_a_tail_that_was_cut_shows_by_what_left_the_machine(server, context, sink, recipient):
    exported = server.dir / "checkpoints.txt"
    assert deliver(server, context, server.account(), recipient)[0] == 250
    sink.wait(recipient)
    until("the outcome on record", lambda: data_of(server, "delivered", "--address", recipient))
    server.stop()
    with contextlib.closing(sqlite3.connect(server.dir / "queue/queue.db")) as db:
        newest = db.execute("SELECT max(seq) FROM audit").fetchone()[0]
        db.execute("DELETE FROM audit WHERE seq > ?", (newest - 2,))
        db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'", (newest - 2,))
        db.execute("DELETE FROM audit_checkpoints")
        db.commit()
    with contextlib.closing(sqlite3.connect(server.dir / "vault/accounts.db")) as db:
        db.execute("DELETE FROM audit_checkpoints WHERE chain = 'queue'")
        db.commit()
    assert server.json("audit", "verify")["queue"]["signed"] is None, "of what is new nobody can tell without what left the machine"
    found = server.command("audit", "verify", "--checkpoints", str(exported))
    assert found.returncode == 1 and any(f"queue: row {row}: " in found.stdout for row in (newest - 1, newest))
