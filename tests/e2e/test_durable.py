"""What 250 promises: the message is on stable storage before the queue says so. Seen from outside, in the queue's system calls."""
import os
import re
import shutil
import signal
import subprocess

import pytest

from house import until
from test_delivery import send

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="roles may be traced by root alone"),
              pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")]


class Trace:
    """The system calls of the queue, in their order, one a line, with the paths of descriptors."""

    def __init__(self, gatepost, folder):
        self.file, notes = folder / "calls", folder / "notes"
        [pid] = gatepost.pids("queue")
        with open(notes, "wb") as errors:
            self.process = subprocess.Popen(["strace", "-f", "-y", "-s", "65536", "-o", self.file, "-p", str(pid),
                                             "-e", "trace=fsync,fdatasync,write,pwrite64,sendmsg,sendto,rename,renameat,renameat2"], stderr=errors)
        until("strace at work", lambda: "attached" in notes.read_text() or self.process.poll() is not None)
        if self.process.poll() is not None:
            pytest.skip(f"processes cannot be traced here: {notes.read_text()}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        return self.file.read_text(errors="replace").splitlines()


def place(calls, pattern, start=0):
    return next((at for at, call in enumerate(calls) if at >= start and re.search(pattern, call)), None)


@pytest.mark.parametrize("body", ["x\r\n", "0123456789\r\n" * 20_000], ids=["small", "large"])
def test_250_comes_after_the_sync(body, new_gatepost, tmp_path, context, recipient):
    gatepost = new_gatepost(GATEPOST_RELAY="smtp://127.0.0.1:1?tls=none")
    account = gatepost.account()
    trace = Trace(gatepost, tmp_path)
    queue_id = send(gatepost, context, account, [recipient], body=body)
    calls = trace.stop()
    written = place(calls, rf"pwrite64\([^<]*<[^>]*queue\.db-wal>.*{queue_id}")
    synced = place(calls, r"(fsync|fdatasync)\([^<]*<[^>]*queue\.db-wal>\) += 0", written or 0)
    told = place(calls, rf"send(msg|to)\([^<]*<[^>]*socket[^>]*>.*{queue_id}")
    assert None not in (written, synced, told) and written < synced < told, [call[:200] for call in calls]
    if body != "x\r\n":   # the file, its name, and only then the row that points at it
        file = place(calls, r"fsync\([^<]*<[^>]*bodies/draft\.\d+>\) += 0")
        name = place(calls, rf'rename.*"{queue_id}".* = 0')
        folder = place(calls, r"fsync\([^<]*<[^>]*bodies>\) += 0")
        assert None not in (file, name, folder) and file < name < folder < synced, [call[:200] for call in calls]
