"""What an operator does, and what must hold while it happens."""
import errno
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from house import DOMAIN, GATEPOST, ROLES, is_alive, until
from mailers import MAILERS, Job
from wire import Wire, open_message, signed_in, submit


def deliver(gatepost, context, account, recipient):
    with signed_in(gatepost, context, account) as wire:
        return submit(wire, account.name, [recipient], f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")


# ---- the process ---------------------------------------------------------------------------------------------
def test_status_names_every_role(gatepost):
    roles = gatepost.roles()
    assert {role["name"] for role in roles} == ROLES
    assert all(is_alive(role["pid"]) and role["state"] for role in roles)
    assert "vault" in gatepost.run("status")


@pytest.mark.skipif(os.geteuid() != 0, reason="roles change their user only when root starts them")
def test_roles_hold_no_more_than_they_need(gatepost):
    users = {}
    for role in gatepost.roles():
        for thread in pathlib.Path(f"/proc/{role['pid']}/task").glob("*/status"):   # a filter binds only threads made after it
            said = dict(line.split(":\t", 1) for line in thread.read_text().splitlines() if ":\t" in line)
            assert said["Seccomp"] == "2" and said["NoNewPrivs"] == "1" and int(said["CapEff"], 16) == 0, (role, thread)
            uid = said["Uid"].split()[1]
            assert uid != "0", role
            users.setdefault(role["name"], set()).add(uid)
    assert len({uid for found in users.values() for uid in found}) == len(ROLES), "roles share a user"


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_that_dies_comes_back(role, new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    before = gatepost.pids(role)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until("a new process", lambda: (now := gatepost.pids(role)) and len(now) == len(before) and not set(now) & set(before))

    def goes():
        try:
            return deliver(gatepost, context, account, recipient)[0] == 250
        except (AssertionError, OSError):
            return False
    until("a message taken again", goes)
    assert sink.wait(recipient)


def test_sessions_of_a_new_life_have_new_numbers(new_gatepost, sink):
    gatepost = new_gatepost(sink, GATEPOST_WORKERS="1")

    def numbers():
        return re.findall(r"event=session session=(\d+) .*state=open", gatepost.log())
    Wire(gatepost.port).close()
    before = gatepost.pids("smtpd")
    os.kill(before[0], signal.SIGKILL)
    until("a new process", lambda: (now := gatepost.pids("smtpd")) and now != before)
    Wire(gatepost.port).close()
    assert len(until("both sessions", lambda: (found := numbers()) and len(found) == 2 and found)) == len(set(numbers()))


def test_nothing_is_left_after_a_stop(new_gatepost, sink):
    gatepost = new_gatepost(sink)
    pids = gatepost.pids()
    assert len(pids) >= len(ROLES)
    gatepost.stop()
    assert not any(map(is_alive, pids))
    with pytest.raises(ConnectionRefusedError):
        Wire(gatepost.port)
    assert gatepost.command("status").returncode == 1


def test_a_stop_lets_an_open_message_finish(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        open_message(wire, account, recipient)
        gatepost.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        wire.send(f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")
        assert wire.hear()[0] == 250
        assert wire.hear()[0] in (421, 0)
    assert gatepost.process.wait(15) == 0


def test_who_comes_during_a_stop_is_refused_at_once(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        open_message(wire, account, recipient)
        gatepost.process.send_signal(signal.SIGTERM)

        def is_refused():
            with socket.socket() as caller:
                return caller.connect_ex(("127.0.0.1", gatepost.port)) == errno.ECONNREFUSED
        until("a refusal", is_refused, 3)
        wire.send(f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")
        assert wire.hear()[0] == 250
    assert gatepost.process.wait(15) == 0


def test_a_second_server_on_one_set_up_is_refused(gatepost):
    done = gatepost.command("serve")
    assert done.returncode == 1 and done.stderr.strip()


def test_init_never_overwrites(gatepost):
    before = {path: path.read_bytes() for path in (gatepost.dir / "gatepost.yml", gatepost.dir / "vault/vault.key")}
    assert gatepost.command("init", "--domain", "other.example").returncode == 1
    assert all(path.read_bytes() == octets for path, octets in before.items())


def test_secrets_are_nobody_elses(gatepost):
    for path in ("vault", "queue", "vault/vault.key", "vault/accounts.db", "queue/queue.db"):
        assert (gatepost.dir / path).stat().st_mode & 0o077 == 0, path


def test_logs_as_json(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink, GATEPOST_LOG_FORMAT="json")
    account = gatepost.account()
    assert deliver(gatepost, context, account, recipient)[0] == 250
    sink.wait(recipient)
    lines = until("delivery in the log", lambda: (found := [json.loads(line) for line in gatepost.log().splitlines()]) and
                  any(line.get("event") == "delivered" for line in found) and found)
    sessions = {line["session"] for line in lines if line["event"] in ("sign-in", "queued")}
    assert len(sessions) == 1, "lines of one session do not join up"


# ---- configuration -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("line,said", [("lisen: submission [::]:587", "did you mean 'listen'"), ("hostname: [", ""),
                                       ("limits:\n  message_size: much", "message_size"), ("queue:\n  lifetime: 5 fortnights", "lifetime"),
                                       ("domain: example.org\ndomain: example.net", "domain")])
def test_a_mistake_in_the_configuration_stops_the_start(line, said, new_gatepost, sink):
    gatepost = new_gatepost(sink, start=False)
    (gatepost.dir / "gatepost.yml").write_text("hostname: mail.example.org\n" + line + "\n")
    for words in (("serve",), ("config", "check")):
        done = gatepost.command(*words)
        assert done.returncode == 1 and "gatepost.yml:" in done.stderr + done.stdout and said in done.stderr + done.stdout


def test_every_mistake_is_told_at_once(new_gatepost, sink):
    gatepost = new_gatepost(sink, start=False)
    (gatepost.dir / "gatepost.yml").write_text("hostname: mail.example.org\nlisen: x\nworkers: many\nhide_client: perhaps\n")
    said = gatepost.command("config", "check")
    assert all(f"gatepost.yml:{number}:" in said.stderr + said.stdout for number in (2, 3, 4))


def test_config_show_reads_back(new_gatepost, sink):
    gatepost = new_gatepost(sink, start=False)
    shown = gatepost.run("config", "show")
    (gatepost.dir / "gatepost.yml").write_text(shown)
    assert gatepost.run("config", "show").count("\n") == shown.count("\n")
    assert gatepost.command("config", "check").returncode == 0


@pytest.mark.parametrize("words", [("user",), ("user", "frobnicate"), ("queue", "show"), ("user", "add"), ("serve", "--port", "1"), ("nonsense",)])
def test_wrong_use_is_told_from_failure(words, gatepost):
    done = gatepost.command(*words)
    assert done.returncode == 2 and done.stderr.strip()


def test_every_command_has_help(gatepost):
    """Every row that `gatepost help` prints, and every first word of two."""
    rows = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +\S", subprocess.run([GATEPOST, "help"], capture_output=True, text=True, check=True).stdout, re.M)
    assert len(rows) > 15 and "user add" in rows and "serve" in rows
    for row in rows:
        done = gatepost.command(*row.split(), "--help")
        assert done.returncode == 0 and f"gatepost {row}" in done.stdout and not done.stderr, row
        assert "--dir" in done.stdout or row == "sendmail", "whoever calls that has no directory"
    for word in {row.split()[0] for row in rows if " " in row}:
        for words in ([word, "--help"], ["help", word]):
            done = subprocess.run([GATEPOST, *words], capture_output=True, text=True, check=False)
            assert done.returncode == 0 and not done.stderr, words
            assert all(row in done.stdout for row in rows if row.startswith(word + " ")), words


# ---- accounts ------------------------------------------------------------------------------------------------
def tries(gatepost, context, account):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        return wire.auth_plain(account)[0]


def test_accounts_change_at_once(gatepost, context, recipient):
    account = gatepost.account()
    assert account.name in [user["user"] for user in gatepost.json("user", "list")]
    with signed_in(gatepost, context, account) as wire:
        gatepost.run("user", "disable", account.name)
        assert submit(wire, account.name, [recipient], "")[0] == 421, "may still send"
    assert tries(gatepost, context, account) in (525, 535)
    gatepost.run("user", "enable", account.name)
    assert tries(gatepost, context, account) == 235
    gatepost.run("user", "password", account.name, "--password-stdin", stdin="another one, quite long\n")
    assert tries(gatepost, context, account) == 535
    assert tries(gatepost, context, account._replace(password="another one, quite long")) == 235
    gatepost.run("user", "delete", account.name)
    assert tries(gatepost, context, account._replace(password="another one, quite long")) == 535
    assert gatepost.command("user", "show", account.name).returncode == 1


def test_an_account_is_added_once(gatepost):
    account = gatepost.account()
    assert gatepost.command("user", "add", account.name).returncode == 1
    shown = gatepost.json("user", "show", account.name)
    assert shown["user"] == account.name and account.password not in json.dumps(shown)


def test_what_an_account_may_send_as(gatepost, context, sink, recipient):
    account = gatepost.account("--send-as", f"info@{DOMAIN}", "--send-as", f"sales@{DOMAIN}")
    message = f"From: <info@{DOMAIN}>\r\n\r\nx\r\n.\r\n"
    with signed_in(gatepost, context, account) as wire:
        assert submit(wire, f"info@{DOMAIN}", [recipient], message)[0] == 250
        code, lines = submit(wire, f"boss@{DOMAIN}", [recipient], message)
        assert code in (550, 553) and lines[0].startswith("5.7.1")
        assert submit(wire, f"sales@{DOMAIN}", [recipient], message)[0] == 250
    assert {sink.wait(recipient, n).sender for n in (1, 2)} == {f"info@{DOMAIN}", f"sales@{DOMAIN}"}


# ---- the queue -----------------------------------------------------------------------------------------------
def message_id(entry):
    return entry.get("id") or entry["queue_id"]


def test_the_queue_is_listed_held_released_and_emptied(new_gatepost, new_sink, context, recipient):
    sink = new_sink()
    gatepost = new_gatepost(sink, GATEPOST_QUEUE_RETRIES="1h")
    account = gatepost.account()
    sink.close()
    for n in range(2):
        assert deliver(gatepost, context, account, f"{n}-{recipient}")[0] == 250
    until("first attempts", lambda: gatepost.log().count("deferred") >= 2)
    first, second = sorted(gatepost.queued(), key=lambda entry: json.dumps(entry).find(f"1-{recipient}"))
    shown = json.dumps(gatepost.json("queue", "show", message_id(first)))
    assert account.name in shown and f"0-{recipient}" in shown
    assert message_id(first) in gatepost.run("queue", "list")
    gatepost.run("queue", "hold", message_id(first))
    gatepost.run("queue", "delete", "--quiet", message_id(second))
    until("one message less", lambda: [message_id(entry) for entry in gatepost.queued()] == [message_id(first)])
    sink.open()
    gatepost.run("queue", "retry", "--all")
    time.sleep(1)
    assert not sink.arrived, "held mail was sent"
    gatepost.run("queue", "release", message_id(first))
    gatepost.run("queue", "retry", message_id(first))
    assert sink.wait(f"0-{recipient}") and not sink.for_(f"1-{recipient}")
    until("empty queue", gatepost.is_empty)
    assert gatepost.command("queue", "show", message_id(first)).returncode == 1


def test_mail_too_old_comes_back(new_gatepost, new_sink, context, recipient):
    sink = new_sink()
    sink.refusals[recipient] = "450 4.2.1 never now"
    gatepost = new_gatepost(sink, GATEPOST_QUEUE_LIFETIME="1m", GATEPOST_QUEUE_DELAY_NOTICE="1s")
    account = gatepost.account()
    assert deliver(gatepost, context, account, recipient)[0] == 250
    notice = sink.wait(account.name).data       # the delay notice; the bounce would take the whole minute
    assert b"Action: delayed" in notice and b"Will-Retry-Until:" in notice


# ---- certificates --------------------------------------------------------------------------------------------
def serial(gatepost, context):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        return wire.socket.getpeercert()["serialNumber"]


@pytest.mark.parametrize("signalled", [True, False], ids=["SIGHUP", "files changed"])
def test_certificates_are_read_again(signalled, new_gatepost, authority, sink, context, recipient):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    first = serial(gatepost, context)
    with signed_in(gatepost, context, account) as wire:
        gatepost.install(authority.issue(f"renewed-{signalled}", "localhost", "mail.example.org"))
        if signalled:
            gatepost.process.send_signal(signal.SIGHUP)
        until("the new certificate", lambda: serial(gatepost, context) != first)
        reply = submit(wire, account.name, [recipient], f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")
        assert reply[0] == 250, "an open session was lost"


def test_a_wrong_pair_does_not_replace_a_right_one(new_gatepost, authority, sink, context):
    gatepost = new_gatepost(sink)
    first = serial(gatepost, context)
    wrong = authority.issue("wrong-a", "localhost")[0], authority.issue("wrong-b", "localhost")[1]
    gatepost.install(wrong)
    gatepost.process.send_signal(signal.SIGHUP)
    until("a complaint in the log", lambda: "certificate" in gatepost.log() or "key" in gatepost.log())
    time.sleep(0.5)
    assert serial(gatepost, context) == first


def test_a_flood_of_clients_is_served(gatepost, context, sink, recipient, ca, tmp_path):
    """Many at once, over every smtpd, each with an account of its own."""
    from concurrent.futures import ThreadPoolExecutor
    accounts = [gatepost.account() for _ in range(8)]

    def one(n):
        return MAILERS["smtplib"].send(Job(gatepost, ca, *accounts[n % 8], "PLAIN", "tls", f"{n}-{recipient}", f"{n}", tmp_path))
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(one, range(64)))
    assert all(ok for ok, _ in results), [said for ok, said in results if not ok][:3]
    for n in range(64):
        assert sink.wait(f"{n}-{recipient}")


def test_only_tls_1_2_and_later_in_the_log(gatepost, context, account):
    with signed_in(gatepost, context, account) as wire:
        assert wire.socket.version() in ("TLSv1.2", "TLSv1.3") and isinstance(wire.socket, ssl.SSLSocket)
    line = until("the sign-in", lambda: [line for line in gatepost.log().splitlines() if account.name in line and "sign-in" in line])[0]
    assert "PLAIN" in line and "TLSv1." in line and "127.0.0.1" in line
