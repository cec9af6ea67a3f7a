"""Sources of accounts for the tests: the role lookup under a driver, and real servers in folders of their own."""
import contextlib
import http.server
import json
import os
import pathlib
import pwd
import queue
import signal
import socket
import ssl
import subprocess
import threading
import time

from house import free_port, until

ASK = os.environ.get("LOOKUP_ASK", str(pathlib.Path(os.environ.get("GATEPOST_BIN", "build/main/src/app/gatepost")).resolve().parents[1] / "lookup/lookup_ask"))
OTHER_USER = 64999 if os.geteuid() == 0 else None
WAIT = 20


class Asker:
    """One source's process, as the supervisor would start it; ask() waits for the answer, send() does not."""

    def __init__(self, folder, item, user=None):
        folder.mkdir(exist_ok=True)
        (folder / "gatepost.yml").write_text("hostname: mail.example.org\nsources:\n- " + json.dumps({"name": "source", **item}) + "\n")
        self.log = folder / "lookup.log"
        words = [ASK, str(folder), "0"] + ([str(user)] if user else [])
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.lines, self.answers, self.events, self.count = queue.Queue(), {}, [], 0
        threading.Thread(target=lambda: [self.lines.put(json.loads(line)) for line in self.process.stdout], daemon=True).start()
        self.event("ready")

    def _take(self, patience):
        try:
            line = self.lines.get(timeout=max(patience, 0.01))
        except queue.Empty:
            raise AssertionError(f"nothing within {patience:.0f} s\n{self.log.read_text()}") from None
        if "id" in line:
            self.answers[line["id"]] = line
        else:
            self.events.append(line)

    def event(self, name):
        end = time.monotonic() + WAIT
        while True:
            for event in self.events:
                if name in event:
                    self.events.remove(event)
                    return event[name]
            self._take(end - time.monotonic())

    def send(self, user, secret=None, kind="password", peer="192.0.2.1"):
        self.count += 1
        question = {"id": self.count, "kind": kind, "user": user, "peer": peer} | ({"secret": secret} if secret is not None else {})
        self.process.stdin.write((json.dumps(question) + "\n").encode())
        self.process.stdin.flush()
        return self.count

    def wait(self, number):
        end = time.monotonic() + WAIT
        while number not in self.answers:
            self._take(end - time.monotonic())
        return self.answers.pop(number)

    def ask(self, *words, **more):
        return self.wait(self.send(*words, **more))

    def says(self, *words, **more):
        answer = self.ask(*words, **more)
        return answer["status"], answer.get("known", False)

    def close(self):
        self.process.stdin.close()
        status = self.process.wait(WAIT)
        assert status == 0, f"{status}\n{self.log.read_text()}"

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Server:
    """A program that can be slow (stopped), gone and back; in a session of its own, because some end by ending their whole group."""
    process = None

    def start(self):
        self.process = subprocess.Popen(self.words(), stdout=subprocess.DEVNULL, stderr=open(self.folder / "server.log", "ab"), start_new_session=True, **self.how())  # noqa: SIM115
        until(f"answer of {self.words()[0]}", self.is_up)
        return self

    def how(self):
        return {}

    def stall(self):
        """With the processes that it has for connections; they are stopped when it returns."""
        pids = [self.process.pid, *children(self.process.pid)]
        signal_all(pids, signal.SIGSTOP)
        until("stop of the server", lambda: all(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TZ" for pid in pids))

    def resume(self):
        signal_all([self.process.pid, *children(self.process.pid)], signal.SIGCONT)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(self.ending)
            self.process.wait(WAIT)
    ending = signal.SIGTERM


def connects(port, address="127.0.0.1"):
    with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
        return True


LDIF = """dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=reader,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reading

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=ada,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ada
cn: Ada
sn: L
mail: ada@example.org
userPassword: correct horse

dn: uid=no password,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: no password
cn: N
sn: N
mail: nobody@example.org

dn: uid=twin1,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: twin1
uid: twin
cn: T
sn: T
userPassword: twin

dn: uid=twin2,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: twin2
uid: twin
cn: T
sn: T
userPassword: twin

dn: uid=a\\,b \\28x\\29*,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: a,b (x)*
cn: Odd
sn: Odd
userPassword: odd
"""


class Slapd(Server):
    def __init__(self, folder, certificate, ca):
        self.folder, self.port, self.tls_port = folder, free_port(), free_port()
        (folder / "data").mkdir(parents=True)
        chain, key = certificate
        (folder / "slapd.conf").write_text("\n".join([
            *(f"include /etc/ldap/schema/{name}.schema" for name in ("core", "cosine", "inetorgperson")),
            "modulepath /usr/lib/ldap", "moduleload back_mdb", f"TLSCACertificateFile {ca}", f"TLSCertificateFile {chain}", f"TLSCertificateKeyFile {key}",
            "database mdb", "suffix dc=example,dc=org", f"directory {folder}/data", "rootdn cn=root,dc=example,dc=org", "rootpw root",
            "access to attrs=userPassword by dn.exact=\"cn=reader,dc=example,dc=org\" read by anonymous auth",
            "access to * by dn.exact=\"cn=reader,dc=example,dc=org\" read by anonymous auth", ""]))
        (folder / "people.ldif").write_text(LDIF)
        subprocess.run(["slapadd", "-f", folder / "slapd.conf", "-l", folder / "people.ldif"], check=True, capture_output=True)

    def words(self):
        return ["slapd", "-d", "0", "-f", str(self.folder / "slapd.conf"), "-h", " ".join(f"ldap://{address}:{self.port} ldaps://{address}:{self.tls_port}" for address in ("127.0.0.1", "127.0.0.2"))]

    def is_up(self):
        return connects(self.port) and connects(self.tls_port)


class Postgres(Server):
    """Run as another user where we are root, because it refuses root."""
    ending = signal.SIGINT

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.folder.mkdir()
        if os.geteuid() == 0:
            who = pwd.getpwnam("postgres")
            os.chown(folder, who.pw_uid, who.pw_gid)
        self.bin = max(pathlib.Path("/usr/lib/postgresql").iterdir()) / "bin"
        (folder / "owner").write_text("postgres-owner\n")
        os.chmod(folder / "owner", 0o644)
        self.run("initdb", "-D", str(folder / "data"), "-U", "owner", "-A", "scram-sha-256", f"--pwfile={folder}/owner", "-N")

    def how(self):
        return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}

    def run(self, program, *words):
        subprocess.run([str(self.bin / program), *words], check=True, capture_output=True, cwd=self.folder, **self.how())

    def words(self):
        return [str(self.bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
                "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off"]

    def sql(self, text):
        return subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "owner", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAtc", text],
                              env=os.environ | {"PGPASSWORD": "postgres-owner"}, check=False, capture_output=True, text=True)

    def is_up(self):
        return self.sql("SELECT 1").returncode == 0


class Saslauthd(Server):
    """The real one; it asks an IMAP server (-a rimap), because that touches nothing of the system's. The IMAP server is ours."""

    def __init__(self, folder, people):
        self.folder, self.people = folder, people
        folder.mkdir()
        self.socket, self.imap = folder / "mux", socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.imap.accept()
                threading.Thread(target=self._login, args=(client,), daemon=True).start()

    def _login(self, client):
        with contextlib.suppress(OSError), client, client.makefile("rw", newline="\r\n") as talk:
            talk.write("* OK IMAP4rev1\r\n")
            talk.flush()
            for line in talk:
                tag, verb, *rest = line.rstrip("\r\n").split(" ", 2)
                right = verb.upper() == "LOGIN" and rest[0] in [f'"{name}" "{secret}"' for name, secret in self.people.items()]
                talk.write(f"{tag} {'OK' if right or verb.upper() == 'LOGOUT' else 'NO'} done\r\n")
                talk.flush()

    def words(self):
        return ["saslauthd", "-d", "-a", "rimap", "-O", f"127.0.0.1/{self.imap.getsockname()[1]}", "-n", "0", "-m", str(self.folder)]

    def is_up(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(self.socket))
            return True


class Dovecot(Server):
    """Its auth service alone, with a password file."""

    def __init__(self, folder, people, mechanisms="plain"):
        self.folder, self.socket = folder, folder / "auth-client"
        folder.mkdir()
        (folder / "people").write_text("".join(f"{name}:{{PLAIN}}{secret}\n" for name, secret in people.items()))
        who = pwd.getpwuid(os.geteuid()).pw_name
        (folder / "dovecot.conf").write_text(f"""protocols =
base_dir = {folder}/run
log_path = {folder}/log
ssl = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
default_internal_user = {who}
default_login_user = {who}
passdb {{
  driver = passwd-file
  args = {folder}/people
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {self.socket} {{
    mode = 0666
  }}
}}
""")

    def words(self):
        return ["dovecot", "-F", "-c", str(self.folder / "dovecot.conf")]

    def is_up(self):
        return self.socket.exists()


class WebServer:
    """HTTP over TLS on self.port, with self.certificate."""

    def serve(self, handler):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None


class Service(WebServer):
    """A call-out over TLS: `answer` makes (status, body) of what was asked."""

    def __init__(self, certificate, answer):
        self.port, self.certificate, self.answer, self.asked, self.server = free_port(), certificate, answer, [], None

    def start(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.asked.append((self.headers.get("Authorization"), asked))
                status, body = owner.answer(asked)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"https://127.0.0.1:{owner.port}/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        return self.serve(Handler)


def replace(path, text):
    """Whole and at once, as who cares for such a file does."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.chmod(new, 0o644)
    os.replace(new, path)


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def signal_all(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def running(word):
    """Processes with that word in their command line."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found
