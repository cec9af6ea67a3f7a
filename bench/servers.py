"""The servers that are measured, each with all it has in a folder of its own, and the next hop that both send to."""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

DOMAIN, HOST = "example.org", "mail.example.org"
PATIENCE = 30.0
PROCESSES = 1000


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until_it_listens(port, name):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"bench: {name} does not listen on port {port}")


def make_certificate(folder):
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


def family(root):
    """The process and all that descend from it."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[pid] = int(rest[1])
    found, fresh = set(), {root}
    while fresh:
        found |= fresh
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
    return found


def memory_of(roots):
    """KiB, each page counted once among those that share it."""
    total = 0
    for pid in set().union(*(family(root) for root in roots)):
        try:
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def cpu_of(roots):
    """Seconds of processor time, in user mode and in the kernel, of these and of all that descend from them, the dead included."""
    ticks = 0
    for pid in set().union(*(family(root) for root in roots)):
        try:
            ticks += sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def end(pid):
    """SIGTERM to this process; SIGKILL to it and to its children when it does not go."""
    mine = family(pid)
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and family(pid) & mine - {pid} | alive(pid):
        time.sleep(0.1)
    for left in alive(*mine):
        os.kill(left, signal.SIGKILL)


def alive(*pids):
    found = set()
    for pid in pids:
        try:
            if pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.add(pid)
        except OSError:
            pass
    return found


class Sink:
    """Postfix's smtp-sink: takes everything, keeps nothing."""

    def __init__(self, folder):
        self.port, self.log = free_port(), open(folder / "sink.log", "wb")

    def __enter__(self):
        self.process = subprocess.Popen(["smtp-sink", "-u", "nobody", f"127.0.0.1:{self.port}", "1000"], stdout=self.log, stderr=self.log)
        until_it_listens(self.port, "the sink")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()


class Gatepost:
    name, patience = "gatepost", 10

    def __init__(self, program, folder, certificate, sink, options):
        self.program, self.dir, self.process = str(program), folder / "home", None
        self.port, self.tls_port, self.user = free_port(), free_port(), f"bench@{DOMAIN}"
        folder.mkdir()
        most = str(max(options.idle, options.connections) * 2 + 1000)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")} | {
            "GATEPOST_HOSTNAME": HOST, "GATEPOST_SUBMISSION": f"127.0.0.1:{self.port}",
            "GATEPOST_SUBMISSIONS": f"127.0.0.1:{self.tls_port}", "GATEPOST_RELAY": f"smtp://127.0.0.1:{sink.port}?tls=none",
            "GATEPOST_LIMITS_SESSIONS_PER_ADDRESS": most, "GATEPOST_LIMITS_SESSIONS_PER_SMTPD": most,
            "GATEPOST_LIMITS_MAILS_PER_SESSION": "1000", "GATEPOST_DKIM_SIGN": "false", "GATEPOST_STOP_TIMEOUT": "5s",
            "GATEPOST_POLICY_LIMITS_SESSIONS": most} | {  # kept and counted as ever, and out of reach
            f"GATEPOST_POLICY_LIMITS_ACCOUNT_{what}": "1024G/minute" for what in ("MESSAGES", "RECIPIENTS", "NEW_RECIPIENTS", "OCTETS")}
        self.run("init", "--domain", DOMAIN, "--hostname", HOST)
        for source, name in zip(certificate, ("cert.pem", "key.pem")):
            shutil.copyfile(source, self.dir / "tls" / name)
        self.password = json.loads(self.run("user", "add", self.user, "--json"))["password"]
        self.log = open(folder / "gatepost.log", "wb")

    def run(self, *words):
        done = subprocess.run([self.program, *words, "--dir", str(self.dir)], env=self.environment, capture_output=True, text=True,
                              timeout=50 + self.patience, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench: gatepost {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def __enter__(self):
        self.process = subprocess.Popen([self.program, "serve", "--dir", str(self.dir)], env=self.environment, stdout=self.log,
                                        stderr=self.log)
        self.run("status", "--wait", str(self.patience))
        return self

    def __exit__(self, *_):
        end(self.process.pid)
        self.process.wait()
        self.log.close()

    def version(self):
        return subprocess.run([self.program, "--version"], capture_output=True, text=True, check=False).stdout.strip() or "gatepost"

    def waiting(self):
        return len(json.loads(self.run("queue", "list", "--json") or "[]"))

    def roots(self):
        return [self.process.pid]

    def roles(self):
        """The name and the number of each process."""
        return {pathlib.Path(f"/proc/{pid}/comm").read_text().strip(): pid for pid in sorted(family(self.process.pid))}


MASTER = """127.0.0.1:{tls_port} inet n - n - {processes} smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{port} inet n - n - {processes} smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
# Tuned for speed where Debian's defaults hold it back: no look-up of the client's name, no rate limits, processes kept, no delay
# when mail comes in faster than it goes out. Dovecot caches its look-ups but hashes the password at each sign-in; so it is given a
# fast salted hash, which is as safe as a slow one for a password with 128 random bits, and is what gatepost does by itself.
MAIN = """compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = {host}
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
relayhost = [127.0.0.1]:{sink}
smtp_tls_security_level = none
smtp_host_lookup = native
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {key}, {cert}
smtpd_tls_loglevel = 0
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
default_process_limit = {processes}
default_destination_concurrency_limit = 50
initial_destination_concurrency = 50
smtpd_delay_reject = no
max_use = 10000
in_flow_delay = 0
"""
DOVECOT = """base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_cache_size = 10M
auth_cache_ttl = 1 hour
default_client_limit = 5000
default_process_limit = 100
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
service auth {{
  client_limit = 5000
  unix_listener {folder}/spool/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
"""


class Postfix:
    name = "Postfix + Dovecot"

    def __init__(self, folder, certificate, sink, options):
        self.folder, self.port, self.tls_port = folder, free_port(), free_port()
        self.user, self.password = f"bench@{DOMAIN}", "k7zq3-dwm2x-r5fhy-jq6nc-aey4t"
        owner = pwd.getpwnam("postfix")
        for name in ("etc", "spool", "spool/private", "data", "run", "state"):
            (folder / name).mkdir(parents=True)
        for name in ("data", "spool/private"):
            os.chown(folder / name, owner.pw_uid, -1)
        names = {"folder": folder, "host": HOST, "sink": sink.port, "cert": certificate[0], "key": certificate[1], "port": self.port,
                 "tls_port": self.tls_port, "processes": max(PROCESSES, options.idle + 100)}
        (folder / "etc/main.cf").write_text(MAIN.format(**names))
        (folder / "etc/master.cf").write_text(MASTER.format(**names))
        (folder / "dovecot.conf").write_text(DOVECOT.format(**names))
        hashed = subprocess.run(["doveadm", "pw", "-s", "SSHA256", "-p", self.password], capture_output=True, text=True, check=True)
        (folder / "users").write_text(f"{self.user}:{hashed.stdout.strip()}\n")

    def __enter__(self):
        subprocess.run(["dovecot", "-c", self.folder / "dovecot.conf"], check=True)
        subprocess.run(["postfix", "-c", self.folder / "etc", "start"], check=True, capture_output=True)
        until_it_listens(self.tls_port, "Postfix")
        return self

    def __exit__(self, *_):
        subprocess.run(["postfix", "-c", self.folder / "etc", "abort"], check=False, capture_output=True)
        end(self.dovecot_pid())

    def dovecot_pid(self):
        return int((self.folder / "run/master.pid").read_text())

    def version(self):
        postfix = subprocess.run(["postconf", "-c", self.folder / "etc", "-h", "mail_version"], capture_output=True, text=True, check=True)
        dovecot = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True)
        return f"Postfix {postfix.stdout.strip()} + Dovecot {dovecot.stdout.split()[0]}"

    def waiting(self):
        queues = ("maildrop", "incoming", "active", "deferred")
        return sum(len(files) for queue in queues for _, _, files in os.walk(self.folder / "spool" / queue))

    def roots(self):
        return [int((self.folder / "spool/pid/master.pid").read_text()), self.dovecot_pid()]
