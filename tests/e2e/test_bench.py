"""gatepost bench: what it measures and how it counts; that it leaves other people's servers alone."""
import base64
import json
import os
import socket
import subprocess
import threading
import time

import pytest

from house import GATEPOST, free_port
from sink import DROP, Sink


def bench(*words, stdin=""):
    done = subprocess.run([GATEPOST, "bench", *words, "--json"], input=stdin, capture_output=True, text=True, timeout=90, check=False,
                          env={k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")})
    return done, json.loads(done.stdout) if done.stdout.startswith("{") else None


@pytest.fixture
def load(gatepost, account, ca):
    def load(*words, tls="--tls"):
        port = gatepost.tls_port if tls == "--tls" else gatepost.port
        done, said = bench("--server", f"localhost:{port}", tls, "--ca-file", ca, "--user", account.name, "--password-stdin", "--seconds", "1", *words, stdin=account.password + "\n")
        assert done.returncode == 0 and said["failures"] == 0, done.stdout + done.stderr
        assert account.password not in done.stdout + done.stderr
        return said
    return load


@pytest.mark.parametrize("tls", ["--tls", "--starttls"])
def test_messages_arrive_as_often_as_they_are_counted(load, sink, recipient, tls):
    said = load("--connections", "4", "--messages", "3", "--sizes", "1k:2,100k", "--to", recipient, "--mechanisms", "PLAIN:2,SCRAM-SHA-256,LOGIN", tls=tls)
    stages = said["stages"]
    assert said["messages"] == stages["message"]["count"] == 3 * stages["whole"]["count"] > 0
    assert stages["sign-in"]["count"] == stages["tls"]["count"] == stages["whole"]["count"]
    assert 1 <= said["open_most"] <= 4
    assert 25000 < said["octets"] / said["messages"] < 45000           # two of three are small
    for stage in stages.values():
        ms = stage["ms"]
        assert 0 < ms["p50"] <= ms["p90"] <= ms["p99"] <= ms["p99.9"] <= ms["max"]
    sink.wait(recipient, said["messages"])
    assert len(sink.for_(recipient)) == said["messages"]


def test_a_rate_is_kept(load):
    said = load("--kind", "sign-in", "--rate", "40", "--connections", "40")
    assert said["stages"]["whole"]["count"] == 40 and said["late"] == 0 and "message" not in said["stages"]


def test_sessions_are_resumed_as_often_as_wanted(load):
    said = load("--kind", "sign-in", "--resume", "50", "--connections", "2")
    assert abs(said["resumed"] - said["stages"]["tls"]["count"] / 2) <= 2, said


def test_idle_connections_are_held(load):
    said = load("--kind", "idle", "--idle", "100", "--seconds", "1")
    assert said["idle"] == 100 and said["open_most"] == 100


def test_connections_without_a_sign_in(gatepost, ca):
    done, said = bench("--server", f"localhost:{gatepost.tls_port}", "--tls", "--ca-file", ca, "--kind", "connect", "--seconds", "1", "--connections", "2")
    assert done.returncode == 0 and said["stages"]["tls"]["count"] > 0 and "sign-in" not in said["stages"], done.stdout + done.stderr


def test_many_accounts_in_turns_at_the_own_server(gatepost, sink, recipient, tmp_path):
    accounts = [gatepost.account() for _ in range(3)]
    users = tmp_path / "users"
    users.write_text("# who\n" + "".join(f"{account.name} {account.password}\n" for account in accounts))
    done = gatepost.command("bench", "--users", str(users), "--kind", "sign-in", "--seconds", "1", "--rate", "9")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sign-in" in done.stdout and "p99.9" in done.stdout
    used = [gatepost.json("credential", "list", account.name) for account in accounts]
    assert all("last_use" in json.dumps(one) for one in used)


def test_failures_are_counted_by_kind(gatepost, account, ca, sink_certificate):
    done, said = bench("--server", f"localhost:{gatepost.tls_port}", "--tls", "--ca-file", ca, "--user", "nobody@example.org", "--password-stdin", "--mechanism", "PLAIN", "--kind", "sign-in",
                       "--rate", "2", "--seconds", "1", stdin="wrong\n")
    assert done.returncode == 1 and said["failures"] == 2
    assert [(error["stage"], error["count"]) for error in said["errors"]] == [("sign-in", 2)] and "535 5.7.8" in said["errors"][0]["what"]
    done, said = bench("--server", f"127.0.0.1:{free_port()}", "--no-tls", "--from", "a@example.org", "--rate", "3", "--seconds", "1")
    assert done.returncode == 1 and said["errors"] == [{"stage": "connect", "what": "connect: Connection refused", "count": 3}]
    server = Sink(sink_certificate, tls="none")
    try:
        server.script("RCPT", "550 5.1.1 who?")
        server.script("MAIL", "250 2.1.0 ok", DROP)
        done, said = bench("--server", f"127.0.0.1:{server.port}", "--no-tls", "--from", "a@example.org", "--rate", "3", "--seconds", "1", "--connections", "1")
        assert done.returncode == 1 and said["messages"] == 1
        assert sorted(error["what"] for error in said["errors"]) == ["RCPT: 550 5.1.1 who?", "the server hung up"]
    finally:
        server.close()


def test_a_server_that_stops_does_not_hide_it(sink_certificate):
    """The start of each is due when the rate says, also while the server answers nobody: what waits is counted from then."""
    server = Sink(sink_certificate, tls="none")
    stalled = threading.Event()

    def stall():
        if not stalled.is_set():
            stalled.set()
            time.sleep(1)                                              # the thing that is measured, no proof by waiting
        return "220 sink.example.net ESMTP"
    try:
        server.script("CONNECT", *[stall] * 100)
        done, said = bench("--server", f"127.0.0.1:{server.port}", "--no-tls", "--from", "a@example.org", "--kind", "connect", "--rate", "20", "--seconds", "2", "--connections", "1")
        whole = said["stages"]["whole"]
        assert whole["count"] + said["late"] == 40, done.stdout
        assert whole["ms"]["p90"] > 400 and whole["ms"]["max"] > 950   # one was slow; those behind it waited
        assert said["stages"]["connect"]["ms"]["p50"] < 400
    finally:
        server.close()


def test_a_server_that_is_said_to_be_ones_own(sink_certificate):
    """0.0.0.0 leads here, and is no address of loopback."""
    server = Sink(sink_certificate, tls="none")
    words = ["--server", f"0.0.0.0:{server.port}", "--no-tls", "--kind", "connect", "--from", "a@example.org", "--rate", "3", "--seconds", "1"]
    try:
        done, _ = bench(*words)
        assert done.returncode == 2 and "--i-own-this-server" in done.stderr and not server.heard
        done, said = bench(*words, "--i-own-this-server")
        assert done.returncode == 0 and said["failures"] == 0 and said["stages"]["whole"]["count"] == 3, done.stdout + done.stderr
    finally:
        server.close()


def test_a_server_that_repeats_the_secret_is_not_quoted(account, ca, sink_certificate):
    server = Sink(sink_certificate, logins={account.name: account.password})
    whole = base64.b64encode(f"\0{account.name}\0{account.password}".encode()).decode()
    words = ["--server", f"localhost:{server.port}", "--starttls", "--ca-file", ca, "--user", account.name, "--password-stdin", "--mechanism", "PLAIN", "--rate", "1", "--seconds", "1"]
    try:
        for verb, what in (("AUTH", "sign-in: 535 5.7.8"), ("RCPT", "RCPT: 535 5.7.8")):
            server.script(verb, f"535 5.7.8 no {whole} = {account.password}")
            done, said = bench(*map(str, words), stdin=account.password + "\n")
            assert done.returncode == 1 and [error["what"] for error in said["errors"]] == [what], done.stdout + done.stderr
            assert account.password not in done.stdout + done.stderr and whole not in done.stdout + done.stderr
    finally:
        server.close()


@pytest.mark.parametrize("words, reason", [
    (["--server", "192.0.2.1"], "--i-own-this-server"),
    (["--server", "192.0.2.1", "--kind", "idle"], "--idle"),
    (["--server", "127.0.0.1:1", "--kind", "flood"], "--kind"),
    (["--server", "127.0.0.1:1", "--rate", "0"], "not a number from 1"),
    (["--server", "127.0.0.1:1", "--sizes", "big", "--from", "a@b.example"], "--sizes"),
    (["--server", "127.0.0.1:1", "--mechanisms", "NTLM", "--from", "a@b.example"], "--mechanisms"),
    (["--server", "127.0.0.1:1", "--kind", "sign-in"], "--user"),
    (["--server", "127.0.0.1:1"], "--from"),
])
def test_wrong_use(words, reason):
    done, _ = bench(*words)
    assert done.returncode == 2 and reason in done.stderr, done.stderr
