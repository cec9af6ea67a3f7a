"""Set-ups as containers and scripts make them: by root or by a user, with a file of five lines or none, and commands beside them."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from house import DOMAIN, GATEPOST, HOSTNAME, free_port
from test_operations import deliver
from wire import Wire, submit

AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def owners(folder):
    return {path.stat().st_uid for path in folder.rglob("*")}


def works(gatepost, context, sink, recipient):
    account = gatepost.account()
    assert deliver(gatepost, context, account, recipient)[0] == 250
    assert sink.wait(recipient)
    return account


# ---- whose files ---------------------------------------------------------------------------------------------
@only_root
def test_commands_of_root_before_beside_and_after_the_server(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink, start=False)
    first = gatepost.account()                  # makes accounts.db, as root
    gatepost.run("queue", "list")               # and queue.db
    gatepost.start()
    assert deliver(gatepost, context, first, recipient)[0] == 250
    second = gatepost.account()
    gatepost.run("queue", "list")
    assert deliver(gatepost, context, second, recipient)[0] == 250
    for part in ("vault", "queue"):
        assert len(owners(gatepost.dir / part)) == 1 and 0 not in owners(gatepost.dir / part)
    gatepost.stop()
    third = gatepost.account()
    gatepost.run("queue", "list")
    gatepost.start()
    for account in (first, second, third):
        assert deliver(gatepost, context, account, recipient)[0] == 250
    assert sink.wait(recipient, 5)


@only_root
def test_a_user_who_is_not_root_serves(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink, start=False)
    for path in (gatepost.dir, *gatepost.dir.rglob("*")):
        shutil.chown(path, 65534, 65534)
    gatepost.before = AS_NOBODY
    gatepost.start()
    works(gatepost, context, sink, recipient)
    assert gatepost.log().count("not started as root") == 1
    assert {os.stat(f"/proc/{pid}").st_uid for pid in gatepost.pids()} <= {0, 65534}     # 0: not dumpable, so root's to look at
    assert owners(gatepost.dir / "vault") == {65534}


@only_root
@pytest.mark.parametrize("words", [("serve",), ("status",), ("user", "list"), ("user", "add", "eve"), ("queue", "list")])
def test_somebody_elses_set_up_is_told_apart(words, new_gatepost, sink):
    gatepost = new_gatepost(sink)
    gatepost.before = AS_NOBODY
    done = gatepost.command(*words)
    gatepost.before = []
    assert done.returncode == 1 and not done.stdout
    assert "root" in done.stderr or "may read" in done.stderr, done.stderr


@only_root
def test_a_port_that_is_roots_is_told(new_gatepost):
    gatepost = new_gatepost(start=False, GATEPOST_SUBMISSION="127.0.0.1:1")
    for path in (gatepost.dir, *gatepost.dir.rglob("*")):
        shutil.chown(path, 65534, 65534)
    gatepost.before = AS_NOBODY
    said = gatepost.command("serve").stderr
    assert "127.0.0.1:1" in said and "below 1024" in said


def test_a_port_that_is_taken_is_told(new_gatepost, sink):
    first = new_gatepost(sink)
    second = new_gatepost(start=False, GATEPOST_SUBMISSION=f"127.0.0.1:{first.port}", GATEPOST_SUBMISSIONS=f"127.0.0.1:{first.tls_port}")
    done = second.command("serve")
    assert done.returncode == 1
    for port in (first.port, first.tls_port):   # both at once
        assert [line for line in done.stderr.splitlines() if f"127.0.0.1:{port}" in line and "another program listens there" in line]


def test_a_machine_without_ipv6_is_told(new_gatepost):
    gatepost = new_gatepost(start=False, GATEPOST_SUBMISSION="[::]:0")
    gatepost.before = [sys.executable, str(pathlib.Path(__file__).with_name("without_ipv6.py"))]
    done = gatepost.command("serve")
    assert done.returncode == 1 and "listen on 0.0.0.0" in done.stderr


@pytest.mark.parametrize("words", [("config", "check"), ("serve",)])
def test_a_certificate_of_no_use_stops_the_start(words, new_gatepost, authority):
    """With all problems at once, and nothing started."""
    gatepost = new_gatepost(start=False)
    weak = authority.issue("weak", "localhost", kind=["rsa:1024"])
    other = authority.issue("one", "localhost")[0], authority.issue("two", "localhost")[1]
    for name, pair in (("weak", weak), ("other", other)):
        shutil.copy(pair[0], gatepost.dir / f"tls/{name}.pem")
        shutil.copy(pair[1], gatepost.dir / f"tls/{name}.key")
    with open(gatepost.dir / "gatepost.yml", "a") as config:
        config.write("tls:\n  certificates: [tls/weak.pem tls/weak.key, tls/other.pem tls/other.key, tls/none.pem tls/none.key]\n")
    done = gatepost.command(*words)
    assert done.returncode == 1
    for file, said in (("tls/weak.pem", "too weak"), ("tls/other.pem", "is not the certificate of that key"), ("tls/none.pem", "No such file")):
        assert [line for line in done.stderr.splitlines() if file in line and said in line], done.stderr
    assert "role=vault" not in done.stderr


# ---- what says how -------------------------------------------------------------------------------------------
def test_no_file_at_all_but_the_environment(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink, start=False)
    (gatepost.dir / "gatepost.yml").unlink()
    gatepost.start()
    works(gatepost, context, sink, recipient)


def test_a_certificate_that_the_environment_names(new_gatepost, sink, context, certificate, recipient):
    """As containers mount it: outside the set-up, and nothing inside it."""
    chain, key = certificate
    gatepost = new_gatepost(sink, start=False, own_certificate=False, GATEPOST_TLS_CERTIFICATE=str(chain), GATEPOST_TLS_KEY=str(key))
    for name in ("cert.pem", "key.pem"):
        (gatepost.dir / "tls" / name).unlink()
    gatepost.start()
    works(gatepost, context, sink, recipient)   # the context trusts the one that issued it and nobody else


@pytest.mark.parametrize("name", ["GATEPOST_TLS_CERTIFICATE", "GATEPOST_TLS_KEY"])
def test_half_a_certificate_is_refused(name, new_gatepost, certificate):
    gatepost = new_gatepost(start=False)
    gatepost.environment[name] = str(certificate[0])
    for words in (("serve",), ("config", "check")):
        done = gatepost.command(*words)
        assert done.returncode == 1 and name in done.stderr and "without a" in done.stderr, done.stderr


def test_a_file_of_five_lines(new_gatepost, sink, ca, context, recipient):
    gatepost = new_gatepost(start=False)
    (gatepost.dir / "gatepost.yml").write_text(f"hostname: {HOSTNAME}\ndomain: example.org\nlisten: [submission 127.0.0.1:{gatepost.port}, "
                                               f"submissions 127.0.0.1:{gatepost.tls_port}]\nrelay:\n  via: smtp://127.0.0.1:{sink.port}\n")
    gatepost.environment = {name: value for name, value in gatepost.environment.items() if not name.startswith("GATEPOST_")}
    gatepost.environment["GATEPOST_RELAY_CA_FILE"] = str(ca)
    gatepost.start()
    works(gatepost, context, sink, recipient)


def test_listeners_of_both_kinds_on_ipv4_and_ipv6(new_gatepost, sink, ca, context, recipient):
    gatepost = new_gatepost(sink, start=False)
    places = [(kind, host, free_port()) for kind in ("submission", "submissions") for host in ("127.0.0.1", "::1")]
    for name in ("GATEPOST_SUBMISSION", "GATEPOST_SUBMISSIONS"):
        del gatepost.environment[name]
    listen = ", ".join(f"'{kind} {f'[{host}]' if ':' in host else host}:{port}'" for kind, host, port in places)
    (gatepost.dir / "gatepost.yml").write_text(f"hostname: {HOSTNAME}\ndomain: {DOMAIN}\nlisten: [{listen}]\n")
    account = gatepost.account()
    gatepost.start()
    for n, (kind, host, port) in enumerate(places):
        with Wire(port, context, implicit=kind == "submissions", host=host) as wire:
            if kind == "submission":
                wire.starttls()
            wire.say("EHLO client.example")
            assert wire.auth_plain(account)[0] == 235
            assert submit(wire, account.name, [f"{n}-{recipient}"], f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")[0] == 250
        assert sink.wait(f"{n}-{recipient}")
        assert f"state=open listener={'[::1]' if host == '::1' else host}:{port}" in gatepost.log()
        assert f"peer={host} state=open" in gatepost.log()


def test_init_in_an_empty_folder_is_runnable_at_once(folder, recipient):
    """The contract of containers: the folder is there already (a volume), and nothing else is."""
    home = folder / f"volume-{recipient}"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    environment |= {"GATEPOST_SUBMISSION": "127.0.0.1:0", "GATEPOST_SUBMISSIONS": "127.0.0.1:0"}

    def run(*words):
        return subprocess.run([GATEPOST, *words, "--dir", home], env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert run("init", "--domain", "example.org", "--hostname", HOSTNAME).returncode == 0
    names = subprocess.run(["openssl", "x509", "-in", home / "tls/cert.pem", "-noout", "-ext", "subjectAltName"], capture_output=True, text=True, check=True)
    for name in (f"DNS:{HOSTNAME}", "DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"):
        assert name in names.stdout
    with subprocess.Popen([GATEPOST, "serve", "--dir", home], env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            assert run("status", "--wait", "10").returncode == 0
        finally:
            server.terminate()
    assert server.returncode == 0 and run("status").returncode == 1
