"""A gatepost of its own: set-up directory, ports, process, commands; and what must hold when it stops."""
import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

GATEPOST = os.environ.get("GATEPOST_BIN", str(pathlib.Path(__file__).resolve().parents[2] / "build/main/src/app/gatepost"))
PATIENCE = 15.0
DOMAIN, HOSTNAME = "example.org", "mail.example.org"
ROLES = {"smtpd", "vault", "queue", "relay"}
Account = collections.namedtuple("Account", "name password")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, claim, patience=PATIENCE):
    """The first true value of claim(), or a failed test that names what never came."""
    end = time.monotonic() + patience
    while True:
        found = claim()
        if found:
            return found
        assert time.monotonic() < end, f"no {what} within {patience:.0f} s"
        time.sleep(0.03)


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def relay_to(sink, ca, tls="required"):
    scheme = "smtps" if sink.tls == "implicit" else "smtp"
    return {"GATEPOST_RELAY": f"{scheme}://127.0.0.1:{sink.port}?tls={tls}", "GATEPOST_RELAY_CA_FILE": str(ca)}


class Gatepost:
    def __init__(self, folder, certificate, **environment):
        self.dir, self.log_file = folder / "home", folder / "gatepost.log"
        self.port, self.tls_port = free_port(), free_port()
        self.process, self.secrets, self.count = None, [], 0
        self.before = []                        # words before the command: another user, other mounts
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")}
        self.environment |= {"GATEPOST_HOSTNAME": HOSTNAME, "GATEPOST_SUBMISSION": f"127.0.0.1:{self.port}",
                             "GATEPOST_SUBMISSIONS": f"127.0.0.1:{self.tls_port}", "GATEPOST_QUEUE_RETRIES": "1s",
                             "GATEPOST_STOP_TIMEOUT": "5s", "GATEPOST_POLICY_PREFLIGHT_MODE": "off", "GATEPOST_RELAY_IDLE_TIMEOUT": "1s"} | environment
        self.run("init", "--domain", DOMAIN, "--hostname", HOSTNAME)
        if certificate:
            self.install(certificate)

    # ---- commands
    def command(self, *words, stdin=None):
        return subprocess.run([*self.before, GATEPOST, *words, "--dir", str(self.dir)], env=self.environment, input=stdin, capture_output=True,
                              text=True, timeout=60, check=False)

    def run(self, *words, stdin=None):
        done = self.command(*words, stdin=stdin)
        assert done.returncode == 0, f"gatepost {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *words):
        return json.loads(self.run(*words, "--json"))

    def account(self, *options, name=None, password=None):
        """A new account: its name and its password."""
        self.count += 1
        name = name or f"user{self.count}@{DOMAIN}"
        if password is None:
            said = self.json("user", "add", name, *options)
            name, password = said["user"], said["password"]
        else:
            self.run("user", "add", name, "--password-stdin", *options, stdin=password + "\n")
        self.secrets.append(password)
        return Account(name, password)

    def install(self, certificate):
        """Another certificate and key in place of the first; each file changes at once and whole."""
        for source, name in zip(certificate, ("cert.pem", "key.pem")):
            target = self.dir / "tls" / name
            shutil.copy(source, target.with_suffix(".new"))
            os.replace(target.with_suffix(".new"), target)

    # ---- the process
    def begin(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([*self.before, GATEPOST, "serve", "--dir", str(self.dir)], env=self.environment, stderr=log)

    def start(self):
        self.begin()
        done = self.command("status", "--wait", "10")
        assert done.returncode == 0, f"does not serve: {done.stderr}\n{self.log()}"
        return self

    def roles(self):
        done = self.command("status", "--json")
        return json.loads(done.stdout)["roles"] if done.stdout.startswith("{") else []

    def pids(self, name=None):
        return [role["pid"] for role in self.roles() if role.get("pid") and name in (None, role["name"])]

    def stop(self):
        """An orderly end: exit status 0, no role that crashed on its way out, and nothing that was started is left."""
        if not self.process or self.process.poll() is not None:
            return
        pids, before = self.pids(), len(self.log())
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        assert status == 0, f"stopped with {status}\n{self.log()}"
        until("end of every role", lambda: not any(map(is_alive, pids)), 3)
        crashes = [line for line in self.log()[before:].splitlines() if 'ended="killed by a signal"' in line and "signal=KILL" not in line]
        assert not crashes, crashes

    def kill(self):
        if self.process and self.process.poll() is None:
            for pid in [self.process.pid, *self.pids()]:
                os.kill(pid, signal.SIGKILL)
            self.process.wait(10)

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def check_log(self):
        said = self.log()
        assert not [secret for secret in self.secrets if secret in said], "a password is in the log"

    # ---- the queue
    def queued(self):
        listed = self.json("queue", "list")
        return listed if isinstance(listed, list) else listed["messages"]

    def is_empty(self):
        return not self.queued()


@contextlib.contextmanager
def serving(place, certificate, **environment):
    """One that runs in a new folder; it must end in order, with no password in its log."""
    place.mkdir()
    made = Gatepost(place, certificate, **environment)
    try:
        yield made.start()
        made.stop()
        made.check_log()
    finally:
        made.kill()
