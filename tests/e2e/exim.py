"""Debian's Exim in folders of its own, as a server that asks gatepost who may send. It conflicts with Postfix's package, so
scripts/install-deps unpacks it instead of installing it."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess

from house import free_port, is_alive, until

PROGRAM = os.environ.get("EXIM", "/usr/local/lib/gatepost-test/exim/usr/sbin/exim4")
OWNER = "Debian-exim"
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
CONFIGURATION = """exim_path = {program}
primary_hostname = mx.example.net
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
keep_environment =
queue_only = true
host_lookup =
rfc1413_hosts =
tls_advertise_hosts = *
tls_certificate = {folder}/certificate.pem
tls_privatekey = {folder}/key.pem
auth_advertise_hosts = *
acl_smtp_rcpt = recipient
acl_smtp_data = accept

begin acl
recipient:
  accept authenticated = *
  deny message = sign in first

begin routers
everything:
  driver = accept
  transport = nowhere

begin transports
nowhere:
  driver = appendfile
  file = /dev/null
  user = nobody

begin authenticators
"""
AUTHENTICATOR = """
{name}:
  driver = dovecot
  public_name = {mechanism}
  server_socket = {socket}
  server_set_id = $auth1
"""

# What an administrator would set for submission on the open internet.
WELL_SET_UP = CONFIGURATION.replace("auth_advertise_hosts = *", """auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
tls_require_ciphers = SECURE256:SECURE192:SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:%SERVER_PRECEDENCE
smtp_banner = $smtp_active_hostname ESMTP Exim
message_size_limit = 10M
acl_smtp_mail = sender
acl_smtp_auth = secured""").replace("acl_smtp_data = accept", "acl_smtp_data = letter").replace("begin acl\n", """begin acl
secured:
  deny condition = ${{if eq{{$tls_in_cipher}}{{}}}}
       message = 5.7.0 Must issue a STARTTLS command first
  accept
sender:
  deny !authenticated = *
       message = 530 5.7.0 sign in first
  deny !condition = ${{if eqi{{$authenticated_id}}{{$sender_address}}}}
       message = 550 5.7.1 not your address
  accept
letter:
  deny condition = ${{if match{{$h_From:}}{{\\N\\n\\N}}}}
       message = 5.6.0 more than one From
  deny !condition = ${{if eqi{{$authenticated_id}}{{${{address:$h_From:}}}}}}
       message = 5.7.1 not your address in From
  accept
""")


def missing():
    if os.geteuid() != 0:
        return "Exim runs only when root starts it"
    return None if pathlib.Path(PROGRAM).exists() else "Exim is not there: scripts/install-deps test"


class Exim:
    def __init__(self, folder, certificate, path, configuration=CONFIGURATION, mechanisms=MECHANISMS, authenticators=""):
        self.folder, self.port = folder, free_port()
        owner = pwd.getpwnam(OWNER)
        for made in (folder, folder / "spool", folder / "log"):
            made.mkdir(parents=True, exist_ok=True)
        for source, name in zip(certificate, ("certificate.pem", "key.pem")):
            shutil.copy(source, folder / name)
        for owned in ("spool", "log", "certificate.pem", "key.pem"):
            os.chown(folder / owned, owner.pw_uid, owner.pw_gid)
        rows = [AUTHENTICATOR.format(name=m.lower().replace("-", "_"), mechanism=m, socket=path) for m in mechanisms]
        (folder / "exim.conf").write_text(configuration.format(program=PROGRAM, folder=folder, port=self.port) + "".join(rows) + authenticators)
        self.process = subprocess.Popen([PROGRAM, "-C", folder / "exim.conf", "-bdf"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(folder / "said", "wb"))
        until(f"Exim on its port: {(folder / 'said').read_text()}", self.answers)

    def answers(self):
        with socket.socket() as s:
            return is_alive(self.process.pid) and s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def log(self):
        path = self.folder / "log/mainlog"
        return path.read_text(errors="replace") if path.exists() else ""
