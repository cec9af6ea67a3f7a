#!/usr/bin/env python3
"""gatepost beside Postfix + Dovecot on this machine, in one run: the same load, certificate, account and next hop for both, in turn,
several rounds, and the ratios of the medians. Needs root, because Postfix does. Everything is made in one temporary directory."""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from servers import Gatepost, Postfix, Sink, cpu_of, make_certificate, memory_of

# name, what is counted, options of the load generator
KINDS = [
    ("message", "messages/s, a TLS connection and a sign-in each", ["--kind", "message"]),
    ("sign-in", "sign-ins/s, a TLS connection each", ["--kind", "sign-in"]),
    ("pipelined", "messages/s, 100 over each connection", ["--kind", "pipelined", "--messages", "100"]),
    ("starttls", "messages/s, STARTTLS and a sign-in each", ["--kind", "message", "--starttls"]),
]
DRAIN_SECONDS = 120


def read_options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--gatepost", required=True, type=pathlib.Path, help="the program, in its build directory")
    p.add_argument("--load", type=pathlib.Path, help="the load generator (default: bench/load of the same build, built when needed)")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=6)
    p.add_argument("--connections", type=int, default=64)
    p.add_argument("--size", type=int, default=4096)
    p.add_argument("--idle", type=int, default=200, help="connections held open to measure memory")
    p.add_argument("--only", default="", help="kinds to run, with commas between: " + ",".join(k[0] for k in KINDS) + ",memory")
    p.add_argument("--peers", default="gatepost,postfix", help="whom to measure, with commas between")
    p.add_argument("--json", type=pathlib.Path, help="write every figure there")
    return p.parse_args()


def find_load(options):
    if options.load:
        return options.load.resolve()
    build = options.gatepost.resolve().parents[2]
    subprocess.run(["ninja", "-C", str(build), "--quiet", "bench/load"], check=True)
    return build / "bench/load"


def words(options, server, more):
    port = server.port if "--starttls" in more else server.tls_port
    return [str(options.load), "--port", str(port), "--user", server.user, "--password", server.password, "--connections",
            str(options.connections), "--size", str(options.size), "--seconds", str(options.seconds), "--warm-up", "1", *more]


def measure(options, server, more):
    """One figure; then the queue is let run empty, so that the next one is not paid for by this one's mail, and so that the
    processor time has all that the messages cost, their delivery to the sink included."""
    spent = cpu_of(server.roots())
    done = subprocess.run(words(options, server, more), capture_output=True, text=True, timeout=options.seconds + 60, check=False)
    if not done.stdout:
        raise SystemExit(f"bench: the load generator failed against {server.name}: {done.stderr.strip()}")
    figure = json.loads(done.stdout)
    began = time.monotonic()
    while server.waiting() and time.monotonic() - began < DRAIN_SECONDS:
        time.sleep(0.2)
    figure["drain_seconds"] = round(time.monotonic() - began, 2)
    figure["left_in_queue"] = server.waiting()
    figure["cpu_us"] = (cpu_of(server.roots()) - spent) * 1e6 / max(figure["all"], 1)
    return figure


def measure_memory(options, server):
    """KiB of proportional set size for each idle, signed-in connection."""
    before = memory_of(server.roots())
    with subprocess.Popen(words(options, server, ["--kind", "hold", "--connections", str(options.idle)]), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as load:
        said = json.loads(load.stdout.readline())
        time.sleep(2)
        after = memory_of(server.roots())
        load.stdin.close()
    held = max(said["held"], 1)
    return {"held": said["held"], "before_kib": before, "after_kib": after, "kib_each": round((after - before) / held, 1),
            "first_failure": said["first_failure"]}


def run_rounds(options, servers):
    only = set(options.only.split(",")) if options.only else None
    figures, memory = {}, {}
    if not only or "memory" in only:  # first: a server that was under load keeps memory for the next connections
        memory = {server.name: measure_memory(options, server) for server in servers}
    for name, _, more in KINDS:
        if only and name not in only:
            continue
        for turn in range(options.rounds):
            for server in servers if turn % 2 == 0 else servers[::-1]:
                figure = measure(options, server, more)
                figures.setdefault(name, {}).setdefault(server.name, []).append(figure)
                print(f"  {name:10} round {turn + 1} {server.name:18} {figure['rate']:9.1f}/s  p50 {figure['ms']['p50']:7.2f} ms  "
                      f"p99 {figure['ms']['p99']:8.2f} ms  cpu {figure['cpu_us']:6.0f} us each  failed {figure['failed']}"
                      + (f"  ({figure['first_failure']})" if figure["failed"] else ""), flush=True)
    return figures, memory


def median(rows, key):
    return statistics.median(key(row) for row in rows)


def print_summary(options, figures, memory):
    print(f"\nmedians of {options.rounds} rounds of {options.seconds:g} s, {options.connections} connections at a time, "
          f"messages of {options.size} octets, {os.cpu_count()} cores shared with the load generator")
    for name, what, _ in KINDS:
        if name not in figures:
            continue
        print(f"{name}: {what}")
        rates, costs = {}, {}
        for server, rows in figures[name].items():
            rates[server] = median(rows, lambda r: r["rate"])
            costs[server] = median(rows, lambda r: r["cpu_us"])
            print(f"  {server:18} {rates[server]:9.1f}/s   p50 {median(rows, lambda r: r['ms']['p50']):7.2f} ms   "
                  f"p99 {median(rows, lambda r: r['ms']['p99']):8.2f} ms   "
                  f"cpu {costs[server]:6.0f} us each   failed {sum(r['failed'] for r in rows)}   "
                  f"still queued {max(r['left_in_queue'] for r in rows)}")
        print_ratio("rate", rates)
        print_ratio("processor time", costs)
    if memory:
        print(f"memory: KiB for each of {options.idle} idle, signed-in TLS connections (proportional set size, all processes)")
        for server, row in memory.items():
            print(f"  {server:18} {row['kib_each']:9.1f} KiB   {row['held']} held   {row['before_kib']} KiB before")
        print_ratio("memory", {server: row["kib_each"] for server, row in memory.items()})


def print_ratio(what, figures):
    if len(figures) == 2 and all(figures.values()):
        first, second = figures
        ratio = figures[first] / figures[second]
        print(f"  {what}, {first} / {second}: {ratio:.3g}" + (f" (1 / {1 / ratio:.3g})" if ratio < 1 else ""))


def main():
    options = read_options()
    if os.geteuid() != 0:
        sys.exit("bench: run it as root: Postfix can't be started otherwise")
    if not shutil.which("postfix") or not shutil.which("dovecot"):
        sys.exit("bench: Postfix and Dovecot are not installed: scripts/install-deps bench")
    options.load = find_load(options)
    kinds = {"gatepost": lambda *a: Gatepost(options.gatepost.resolve(), *a), "postfix": Postfix}
    with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        certificate = make_certificate(folder)
        sink = stack.enter_context(Sink(folder))
        servers = [stack.enter_context(kinds[peer](folder / peer, certificate, sink, options)) for peer in options.peers.split(",")]
        print("measuring " + " and ".join(s.version() for s in servers), flush=True)
        figures, memory = run_rounds(options, servers)
        print_summary(options, figures, memory)
        if options.json:
            options.json.write_text(json.dumps({"figures": figures, "memory": memory}, indent=1))


if __name__ == "__main__":
    main()
