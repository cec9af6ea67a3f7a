#!/usr/bin/env python3
"""What gatepost pays for one sign-in and for one message: processor time, octets to disk and system calls of each role. Two runs of each load,
because counting system calls slows them: one is timed, one is counted (strace). Divided by how many were done."""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from run import KINDS, find_load, words
from servers import Gatepost, Sink, cpu_of, make_certificate

FSYNCS = ("fsync", "fdatasync")
SHOWN = 0.05  # calls for each


def read_options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--gatepost", required=True, type=pathlib.Path)
    p.add_argument("--load", type=pathlib.Path)
    p.add_argument("--seconds", type=float, default=4)
    p.add_argument("--connections", type=int, default=16)
    p.add_argument("--size", type=int, default=4096)
    p.add_argument("--only", default=",".join(k[0] for k in KINDS))
    options = p.parse_args()
    options.idle, options.load = 0, find_load(options)
    return options


def run_load(options, server, more):
    """How many were done; returns when all their mail is delivered."""
    command = words(options, server, more + ["--warm-up", "0"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=options.seconds + 60, check=True)
    while server.waiting():
        time.sleep(0.2)
    return json.loads(done.stdout)["all"]


def to_disk(pid):
    """Octets that it has made the kernel write to storage."""
    lines = pathlib.Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))


def timed(options, server, more):
    """Microseconds of processor time of each role, and octets to disk of all."""
    roles = {name: pid for name, pid in server.roles().items() if pid != server.process.pid}
    before, written = {name: cpu_of([pid]) for name, pid in roles.items()}, sum(map(to_disk, roles.values()))
    done = run_load(options, server, more)
    return ({name: (cpu_of([pid]) - before[name]) * 1e6 / done for name, pid in roles.items()},
            (sum(map(to_disk, roles.values())) - written) / done)


def read_counts(path):
    """strace's table: share, seconds, microseconds a call, calls, errors if any, name."""
    counts = {}
    for line in path.read_text().splitlines():
        fields = line.split()
        if len(fields) >= 5 and fields[0][0].isdigit() and fields[-1] != "total":
            counts[fields[-1]] = int(fields[3])
    return counts


def counted(options, server, more, folder):
    """System calls of each role."""
    roles = {name: pid for name, pid in server.roles().items() if pid != server.process.pid}
    tracers = [subprocess.Popen(["strace", "-f", "-c", "-o", folder / name, "-p", str(pid)], stderr=subprocess.DEVNULL)
               for name, pid in roles.items()]
    time.sleep(1)
    done = run_load(options, server, more)
    for tracer in tracers:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
    return {name: {call: n / done for call, n in read_counts(folder / name).items()} for name in roles}


def print_costs(cpu, written, calls):
    for name, each in calls.items():
        rest = sorted(((n, call) for call, n in each.items() if n >= SHOWN), reverse=True)
        print(f"  {name:10} {cpu[name]:7.1f} us  {sum(each.values()):6.2f} calls: " + ", ".join(f"{call} {n:.2f}" for n, call in rest))
    fsyncs = sum(each.get(call, 0) for each in calls.values() for call in FSYNCS)
    print(f"  together   {sum(cpu.values()):7.1f} us  {sum(sum(each.values()) for each in calls.values()):6.2f} calls, {fsyncs:.3f} of them fsyncs; "
          f"{written / 1024:.1f} KiB to disk",
          flush=True)


def main():
    options = read_options()
    if os.geteuid() != 0:
        sys.exit("cost: run it as root, to trace the roles' processes")
    with tempfile.TemporaryDirectory(prefix="gatepost-cost-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        with Sink(folder) as sink, Gatepost(options.gatepost.resolve(), folder / "gatepost", make_certificate(folder), sink, options) as server:
            for kind, what, more in KINDS:
                if kind not in options.only.split(","):
                    continue
                print(f"{kind}: {what}; {options.connections} connections at a time; for each one")
                cpu, written = timed(options, server, more)
                print_costs(cpu, written, counted(options, server, more, folder))


if __name__ == "__main__":
    main()
