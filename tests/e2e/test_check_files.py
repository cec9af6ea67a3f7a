"""gatepost check: modes of files and a certificate that has ended, port 25, and what it does for terminals alone."""
import concurrent.futures
import json
import os
import pty
import subprocess

import pytest

from house import GATEPOST, HOSTNAME
from wrong_server import WrongServer

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("GATEPOST_", "NO_COLOR"))}


@pytest.fixture
def own(new_gatepost):
    made = new_gatepost(start=False)
    made.account()
    return made


MODES = ["vault", "vault/vault.key", "vault/accounts.db", "queue", "gatepost.yml", "tls/key.pem"]


@pytest.mark.parametrize("name", MODES)
def test_a_file_that_others_may_read_or_write(own, ca, name):
    path = own.dir / name
    mode = path.stat().st_mode
    path.chmod(mode | 0o006)
    found = own.command("check", "--json", "--files", "--ca-file", str(ca))
    path.chmod(mode)
    assert [(one["id"], name in one["seen"]) for one in json.loads(found.stdout)["findings"]] == [("own-file-modes", True)] and found.returncode == 1


def test_a_certificate_that_has_ended(own, ca, authority):
    shown, key = own.dir / "tls/cert.pem", own.dir / "tls/key.pem"
    kept = shown.read_bytes(), key.read_bytes()
    for path, ended in zip((shown, key), authority.issue("check-ended", HOSTNAME, "localhost", days=-1)):
        path.write_bytes(ended.read_bytes())
    found = own.command("check", "--json", "--files", "--ca-file", str(ca))
    for path, octets in zip((shown, key), kept):
        path.write_bytes(octets)
    assert [(one["id"], "has ended" in one["seen"]) for one in json.loads(found.stdout)["findings"]] == [("own-certificate", True)]


def test_port_25_is_asked_too(certificate, ca):
    """An address of this machine that has that port alone: nobody has to sign in there, but it must not relay."""
    address = f"127.{os.getpid() % 250 + 1}.8.{os.getpid() // 250 % 250 + 1}"
    try:
        server = WrongServer(certificate, "open", at=(address, 25))
    except PermissionError:
        pytest.skip("only root may listen on port 25")
    done = subprocess.run([GATEPOST, "check", address, "--ca-file", ca, "--name", "localhost", "--json"], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    server.close()
    found = {finding["id"]: finding["where"] for finding in json.loads(done.stdout)["findings"]}
    assert {"reach-no-submissions", "reach-no-submission", "relay-open"} <= set(found) and found["relay-open"].startswith(f"{address}:25"), found


def on_terminals(*words):
    """(standard output, standard error), each a terminal of its own."""
    (out, its_out), (err, its_err) = pty.openpty(), pty.openpty()
    process = subprocess.Popen([GATEPOST, "check", *map(str, words)], env=ENVIRONMENT | {"TERM": "xterm"}, stdout=its_out, stderr=its_err)
    os.close(its_out)
    os.close(its_err)

    def read(end):
        said = b""
        try:
            while piece := os.read(end, 65536):
                said += piece
        except OSError:                          # Linux's end of a terminal that nobody holds
            pass
        os.close(end)
        return said.decode()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        said = [row.result() for row in (pool.submit(read, out), pool.submit(read, err))]
    return process.wait(60), *said


def test_progress_and_colour_are_for_terminals(certificate, ca):
    server = WrongServer(certificate, "no-tls")
    words = [f"localhost:{server.port}", "--starttls", "--ca-file", ca]
    status, said, progress = on_terminals(*words)
    quiet = on_terminals(*words, "--quiet")[2]
    plain = subprocess.run([GATEPOST, "check", *map(str, words)], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    server.close()
    assert status == plain.returncode == 1 and "\x1b[31m" in said and "tls-none" in said
    lines = progress.split("\r\x1b[K")
    assert len(lines) > 3 and all(line.startswith(f"localhost:{server.port}") for line in lines[1:-1]) and lines[0] == lines[-1] == "", lines
    assert quiet == "" and "\x1b" not in plain.stdout and plain.stderr == ""
