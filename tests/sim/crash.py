#!/usr/bin/env python3
"""Kills roles, and everything, with SIGKILL at random moments under load; then compares what was answered 250 with what arrived.

Nothing that was answered 250 may be missing, and nothing may arrive that is not whole. A duplicate is allowed only where SMTP cannot
avoid it: the next hop took a message, and relay or queue died before that was on record; so such a kill must lie between its
arrivals. Duplicates are counted. Whatever dies, a right password never hears that it is wrong.

    GATEPOST_BIN=... tests/sim/crash.py --rounds 60 [--seed 1] [--clients 6]
"""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import signal
import smtplib
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

GATEPOST = os.environ.get("GATEPOST_BIN", "build/main/src/app/gatepost")
SIZES = (800, 4000, 30_000, 200_000)          # rows and, above 64 KiB, files
PAUSE = (0.05, 0.6)                           # seconds of load before a kill
TARGETS = ("smtpd", "vault", "queue", "relay", "queue", "relay", "everything")
# One account sends more in a minute than a person does in a day; what is counted is counted all the same.
NO_LIMITS = {f"GATEPOST_POLICY_LIMITS_{scope}_{what}": "1024G/minute" for scope in ("ACCOUNT", "ADDRESS", "SERVER")
             for what in ("MESSAGES", "RECIPIENTS", "NEW_RECIPIENTS", "OCTETS")}
RECORDERS = ("queue", "relay", "everything")  # whose death may leave a delivery without its record
CLOCK_SLACK = 1.0                             # seconds between what happens and when it is noted here
DRAIN_SECONDS, START_SECONDS = 120, 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Sink(socketserver.StreamRequestHandler):
    """The next hop: takes everything, checks that it is whole."""
    arrived, broken, lock = collections.defaultdict(list), [], threading.Lock()    # token -> times of its arrivals

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        try:
            self.say("220 sink ESMTP")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    self.say("250-sink\r\n250-PIPELINING\r\n250 8BITMIME")
                elif verb == b"DATA":
                    self.say("354 go on")
                    if self.message():
                        self.say("250 2.0.0 kept")
                elif verb == b"QUIT":
                    self.say("221 2.0.0 bye")
                    return
                else:
                    self.say("250 2.1.0 ok")
        except OSError:
            pass

    def message(self):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line.endswith(b"\r\n"):
                return False                  # cut off before the final dot: not a message
            lines.append(line[1:] if line.startswith(b".") else line)
        head, _, body = b"".join(lines).partition(b"\r\n\r\n")
        fields = dict(f.split(b": ", 1) for f in head.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ").split(b"\r\n") if b": " in f)
        token = fields.get(b"X-Token", b"?").decode()
        whole = hashlib.sha256(body).hexdigest() == fields.get(b"X-Body", b"").decode()
        with self.lock:
            self.arrived[token].append(time.monotonic())
            if not whole:
                self.broken.append(token)
        return True


class Server:
    def __init__(self, home, sink_port):
        self.home, self.port, self.process = home, free_port(), None
        self.environment = dict(os.environ, GATEPOST_HOSTNAME="mail.example.org", GATEPOST_SUBMISSIONS=f"127.0.0.1:{self.port}",
                                GATEPOST_RELAY=f"smtp://127.0.0.1:{sink_port}?tls=none", GATEPOST_QUEUE_RETRIES="1s",
                                GATEPOST_LOG_LEVEL="warn", **NO_LIMITS)
        self.log = open(home.parent / "log", "ab")

    def start(self):
        self.process = subprocess.Popen([GATEPOST, "serve", "--dir", str(self.home)], env=self.environment, stderr=self.log)
        subprocess.run([GATEPOST, "status", "--dir", str(self.home), "--wait", str(START_SECONDS)], check=True, stdout=subprocess.DEVNULL)

    def roles(self):
        got = subprocess.run([GATEPOST, "status", "--dir", str(self.home), "--json"], capture_output=True, text=True, check=False)
        try:
            return [r for r in json.loads(got.stdout)["roles"] if r.get("pid")]
        except (ValueError, KeyError):
            return []

    def kill(self, target, dice):
        """When it was; None: there was nobody to kill."""
        killed = None
        if target == "everything":
            victims = [self.process.pid] + [r["pid"] for r in self.roles()]
            dice.shuffle(victims)
        else:
            victims = [r["pid"] for r in self.roles() if r["name"] == target][:1]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
                killed = time.monotonic()
            except ProcessLookupError:
                pass
        if target == "everything":
            self.process.wait()
            self.start()
        return killed

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def queued(self):
        got = subprocess.run([GATEPOST, "queue", "list", "--dir", str(self.home), "--json"], capture_output=True, text=True, check=False)
        try:
            found = json.loads(got.stdout)
            return len(found if isinstance(found, list) else found.get("messages", []))
        except ValueError:
            return -1


class Client(threading.Thread):
    """Signs in and sends until told to stop; notes each message that got its 250."""

    def __init__(self, number, server, account, seed):
        super().__init__(daemon=True)
        self.number, self.server, self.account, self.dice = number, server, account, random.Random(seed * 1000 + number)
        self.stop, self.answered, self.failures, self.count = threading.Event(), [], collections.Counter(), 0
        self.denied = []                       # what a right password was told at 535
        self.tls = ssl._create_unverified_context()

    def run(self):
        while not self.stop.is_set():
            try:
                with smtplib.SMTP_SSL("127.0.0.1", self.server.port, context=self.tls, timeout=20) as smtp:
                    self.sign_in(smtp)
                    for _ in range(self.dice.randint(1, 8)):
                        if not self.stop.is_set():
                            self.send(smtp)
            except (OSError, smtplib.SMTPException) as problem:
                self.failures[type(problem).__name__] += 1
                time.sleep(0.05)

    def sign_in(self, smtp):
        """Not by smtp.login, which tells only of the last mechanism that it tried."""
        smtp.user, smtp.password = self.account["user"], self.account["password"]
        smtp.ehlo()
        mechanism = self.dice.choice(("plain", "login"))
        try:
            smtp.auth(mechanism.upper(), getattr(smtp, f"auth_{mechanism}"))
        except smtplib.SMTPAuthenticationError as problem:
            if problem.smtp_code == 535:
                self.denied.append(problem.smtp_error)
            raise

    def send(self, smtp):
        self.count += 1
        token = f"{self.number}-{self.count}"
        line = hashlib.sha256(token.encode()).hexdigest()
        body = "".join(f"{line}\r\n" for _ in range(self.dice.choice(SIZES) // 66 + 1)) + ".\r\nend\r\n"
        digest = hashlib.sha256(body.encode()).hexdigest()
        smtp.sendmail("ada@example.org", ["lena@example.net"],
                      f"From: ada@example.org\r\nTo: lena@example.net\r\nX-Token: {token}\r\nX-Body: {digest}\r\n\r\n{body}")
        self.answered.append(token)            # sendmail returns only after the 250


def make_set_up(folder):
    home = folder / "home"
    quiet = {"check": True, "capture_output": True, "text": True}
    subprocess.run([GATEPOST, "init", "--dir", str(home), "--domain", "example.org"], **quiet)
    added = subprocess.run([GATEPOST, "user", "add", "ada@example.org", "--dir", str(home), "--json"], **quiet)
    return home, json.loads(added.stdout)


def drain(server, expected):
    end = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < end and (server.queued() != 0 or not expected <= set(Sink.arrived)):
        time.sleep(0.25)


def campaign(options, folder):
    dice = random.Random(options.seed)
    home, account = make_set_up(folder)
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    sink = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink)
    sink.daemon_threads = True
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    server = Server(home, sink.server_address[1])
    server.start()
    clients = [Client(n, server, account, options.seed) for n in range(options.clients)]
    for client in clients:
        client.start()
    kills = collections.defaultdict(list)       # target -> when
    while sum(map(len, kills.values())) < options.rounds:
        time.sleep(dice.uniform(*PAUSE))
        target = dice.choice(TARGETS)
        killed = server.kill(target, dice)
        if killed:
            kills[target].append(killed)
    time.sleep(1)
    for client in clients:
        client.stop.set()
    for client in clients:
        client.join(60)
    answered = {token for client in clients for token in client.answered}
    drain(server, answered)
    left, status = server.queued(), server.stop()
    sink.shutdown()
    return kills, clients, answered, left, status


def without_cause(kills):
    """Duplicates that no death explains: arrivals with no kill of who keeps the record between them."""
    times = [kill for target in RECORDERS for kill in kills[target]]
    return [token for token, arrivals in Sink.arrived.items() for one, next_one in zip(arrivals, arrivals[1:])
            if not any(one - CLOCK_SLACK <= kill <= next_one + CLOCK_SLACK for kill in times)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gatepost-crash-") as made:
        folder = pathlib.Path(made)
        kills, clients, answered, left, status = campaign(options, folder)
        log = (folder / "log").read_text(errors="replace")
    arrived = Sink.arrived
    lost = sorted(answered - set(arrived))
    duplicates, uncaused = sum(len(times) - 1 for times in arrived.values()), without_cause(kills)
    denied = [said for client in clients for said in client.denied]
    print(f"{sum(map(len, kills.values()))} rounds of SIGKILL: { {target: len(times) for target, times in kills.items()} }")
    print(f"{len(answered)} answered 250, {len(arrived)} arrived, {duplicates} duplicates, {left} left in the queue, "
          f"client failures {dict(sum((c.failures for c in clients), collections.Counter()))}")
    claims = {
        "nothing that was answered 250 is lost": not lost,
        "nothing arrived that is not whole": not Sink.broken,
        "there was load": len(answered) >= 5 * options.rounds,
        "the queue is empty at the end": left == 0,
        "each duplicate has a kill of relay, queue or everything between its arrivals": not uncaused,
        "a right password is never told that it is wrong": not denied,
        "an orderly stop at the end": status == 0,
    }
    for claim, holds in claims.items():
        print(("ok   " if holds else "FAIL ") + claim)
    if not all(claims.values()):
        print(f"lost: {lost[:20]} broken: {Sink.broken[:20]} duplicates without a cause: {uncaused[:20]} denied: {denied[:20]}\n{log[-8000:]}")
    print(f"{sum(claims.values())} passed, {len(claims) - sum(claims.values())} failed")
    return not all(claims.values())


if __name__ == "__main__":
    sys.exit(main())
