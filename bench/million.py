#!/usr/bin/env python3
"""A queue with a million messages beside an empty one: the time to start, the memory of each role, the rate at which messages come in and go out
while the others wait, and what the commands take; a table. The waiting ones are written into queue.db by SQL, as `queue` would have written them."""
import argparse
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

from run import find_load, words
from servers import Gatepost, Sink, make_certificate

BATCH, HOUR = 10000, 3600 * 1000
DRAIN_SECONDS = 300


def read_options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--gatepost", required=True, type=pathlib.Path)
    p.add_argument("--load", type=pathlib.Path)
    p.add_argument("--messages", type=int, default=1_000_000)
    p.add_argument("--destinations", type=int, default=50_000, help="of the waiting mail, where it goes by MX")
    p.add_argument("--accounts", type=int, default=1000, help="that sent it")
    p.add_argument("--size", type=int, default=1024)
    p.add_argument("--seconds", type=float, default=6)
    p.add_argument("--connections", type=int, default=16)
    options = p.parse_args()
    options.idle, options.load = 0, find_load(options)
    return options


def columns(db, table):
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def insert(db, table, known):
    """The statement and its row maker: what is not known is 0 or ''."""
    kinds = {row[1]: row[2] for row in db.execute(f"PRAGMA table_info({table})")}
    names = list(kinds)
    usual = {name: 0 if kind == "INTEGER" else "" for name, kind in kinds.items()}
    sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    return sql, lambda *given: [{**usual, **dict(zip(known, given))}[name] for name in names]


def fill(path, options, by_mx):
    """Messages that were tried once and wait for up to four hours from now, spread over accounts and destinations."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    account = ["account"] if "account" in columns(db, "recipients") else []
    message_sql, message = insert(db, "messages", ["message", "queue_id", "sender", "user", "account", "size", "arrived", "message_id"])
    body_sql, _ = insert(db, "bodies", [])
    to_sql, to = insert(db, "recipients", ["message", "address", "destination", "attempts", "due", "code", "enhanced", "text", "tried", *account])
    first = db.execute("SELECT coalesce(max(message), 0) + 1 FROM messages").fetchone()[0]
    now, body = int(time.time() * 1000), b"x" * (options.size - 2) + b"\r\n"
    for start in range(first, first + options.messages, BATCH):
        rows = range(start, min(start + BATCH, first + options.messages))
        db.execute("BEGIN")
        db.executemany(message_sql, (message(n, f"m{n:012d}", f"user{n % options.accounts}@bench.example", f"user{n % options.accounts}",
                                             1000 + n % options.accounts, options.size, now - HOUR, f"<{n}@bench.example>") for n in rows))
        db.executemany(body_sql, ((n, body) for n in rows))
        db.executemany(to_sql, (to(n, f"to{n}@d{n % options.destinations}.example",
                                   f"d{n % options.destinations}.example" if by_mx else "smarthost", 1, now + HOUR + n * 7919 % (3 * HOUR), 451,
                                   "4.3.0", "try again later", now, *([1000 + n % options.accounts] if account else [])) for n in rows))
        db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def pss_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")) / 1024


def timed(call):
    began = time.monotonic()
    value = call()
    return value, time.monotonic() - began


def start(server):
    _, seconds = timed(server.__enter__)
    return seconds


def came_in(path, before):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute("SELECT count(*) FROM messages WHERE message > ?", (before,)).fetchone()[0]
    finally:
        db.close()


def newest(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchone() or (0,)
    finally:
        db.close()


def rates(options, server, path):
    """What comes in while it goes out, and how fast the rest of it goes out then."""
    before = newest(path)[0]
    done = subprocess.run(words(options, server, ["--kind", "pipelined", "--messages", "100"]), capture_output=True, text=True,
                          timeout=options.seconds + 60, check=True)
    figure, began = json.loads(done.stdout), time.monotonic()
    while came_in(path, before) and time.monotonic() - began < DRAIN_SECONDS:
        time.sleep(0.2)
    whole = options.seconds + 1 + time.monotonic() - began
    return {"messages that come in meanwhile, 100 over each connection": f"{figure['rate']:.0f}/s",
            "half of them have their `250` within": f"{figure['ms']['p50']:.1f} ms",
            "99 of 100 within": f"{figure['ms']['p99']:.1f} ms",
            "all of them gone out at the end, from the first on": f"{figure['all'] / whole:.0f}/s"}


def status(server):
    done = subprocess.run([server.program, "status", "--json", "--dir", str(server.dir)], env=server.environment, capture_output=True, text=True,
                          check=False)
    return json.loads(done.stdout)


def looked_through(server, began):
    """Seconds from the start until all of queue.db was found whole."""
    while time.monotonic() - began < DRAIN_SECONDS:
        if any(role.get("store") == "whole" for role in status(server)["roles"]):
            return f"{time.monotonic() - began:.1f} s"
        time.sleep(0.1)
    return "not in time"


def command(server, *what):
    done, seconds = timed(lambda: subprocess.run([server.program, *what, "--dir", str(server.dir)], env=server.environment, capture_output=True,
                                                 text=True, check=False))
    return f"{seconds:.2f} s" + ("" if done.returncode == 0 else f" (exit {done.returncode})")


def measure(options, server, path, mails):
    """One column of the table."""
    figures, began = {"`queue.db`": f"{path.stat().st_size / 1e6:.0f} MB"}, time.monotonic()
    figures["from the start to serving"] = f"{start(server):.2f} s"
    try:
        figures["to all of `queue.db` looked through"] = looked_through(server, began)
        if mails:
            figures |= rates(options, server, path)
        anon = {name: f"{pss_of(pid):.1f}" for name, pid in sorted(server.roles().items())}
        for name, mib in anon.items():
            figures[f"memory of `{name}` (of its own)"] = f"{mib} MiB"
        for what in (["--to", "to7@d7.example"], ["--account", "user7"], ["--count"]):
            figures[f"`gatepost queue list {' '.join(what)}`"] = command(server, "queue", "list", *what)
    finally:
        _, seconds = timed(lambda: server.__exit__(None, None, None))
        figures["the orderly end"] = f"{seconds:.2f} s"
    figures["a start right after it"] = again(server)
    return figures


def again(server):
    server.log = open(server.dir.parent / "again.log", "ab")
    seconds = start(server)
    server.__exit__(None, None, None)
    return f"{seconds:.2f} s"


def show(columns_of):
    """As docs/performance.md has it."""
    names = list(dict.fromkeys(name for figures in columns_of.values() for name in figures))
    print("| | " + " | ".join(columns_of) + " |")
    print("| --- " * (len(columns_of) + 1) + "|")
    for name in names:
        print(f"| {name} | " + " | ".join(figures.get(name, "") for figures in columns_of.values()) + " |")


def main():
    options, table = read_options(), {}
    with tempfile.TemporaryDirectory(prefix="gatepost-million-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        certificate = make_certificate(folder)
        with Sink(folder) as sink:
            for by_mx in (False, True):
                server = Gatepost(options.gatepost.resolve(), folder / f"gatepost{by_mx}", certificate, sink, options)
                if by_mx:
                    server.environment["GATEPOST_RELAY"] = "mx"
                server.patience, path = 300, server.dir / "queue" / "queue.db"
                way = f"by MX to {options.destinations} domains" if by_mx else "to one smarthost"
                start(server)  # makes queue.db
                server.__exit__(None, None, None)
                server.log = open(folder / "again.log", "ab")
                if not by_mx:
                    table["empty"] = measure(options, server, path, True)
                    server.log = open(folder / "again.log", "ab")
                _, seconds = timed(lambda: fill(path, options, by_mx))
                print(f"{options.messages} messages written in {seconds:.0f} s", file=sys.stderr, flush=True)
                table[f"{options.messages:,} wait, {way}"] = measure(options, server, path, not by_mx)
    show(table)


if __name__ == "__main__":
    main()
