"""Debian's OpenSMTPD as a server to look at. Its package conflicts with Postfix's, so scripts/install-deps unpacks it instead of installing
it; its paths are fixed and its users not known here, so it runs in a mount namespace that has both."""
import os
import pathlib
import shlex
import shutil
import socket
import subprocess

from house import free_port, is_alive, until

PROGRAM = os.environ.get("OPENSMTPD", "/usr/local/lib/gatepost-test/opensmtpd/usr/sbin/smtpd")
USERS = {"opensmtpd": 64990, "opensmtpq": 64991}
NAMESPACE = """mount --make-rprivate /
for place in /run /var/spool /var/lib; do mount -t tmpfs -o mode=755 tmpfs $place; done
mkdir -m 711 /var/spool/smtpd && mkdir -p /var/lib/opensmtpd/empty
mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/group /etc/group
exec {program} -dF -f {folder}/smtpd.conf
"""
CONFIGURATION = """pki site cert "{folder}/certificate.pem"
pki site key "{folder}/key.pem"
table people {{ "{user}" = "{hashed}" }}
table addresses {{ "{user}" = "{user}" }}
queue ttl 1h
{settings}
"""


def missing():
    if os.geteuid() != 0:
        return "OpenSMTPD runs only when root starts it"
    return None if pathlib.Path(PROGRAM).exists() else "OpenSMTPD is not there: scripts/install-deps test"


class Opensmtpd:
    """settings: the rest of smtpd.conf, with {port} and {ports[NAME]}, which are free ones."""

    def __init__(self, folder, certificate, settings, user, password, ports=()):
        folder.mkdir(parents=True)
        self.folder, self.port, self.ports = folder, free_port(), {name: free_port() for name in ports}
        for source, name, mode in zip(certificate, ("certificate.pem", "key.pem"), (0o644, 0o600)):
            shutil.copy(source, folder / name)
            (folder / name).chmod(mode)
            os.chown(folder / name, 0, 0)
        hashed = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, text=True, capture_output=True, check=True).stdout.strip()
        (folder / "smtpd.conf").write_text(CONFIGURATION.format(folder=folder, user=user, hashed=hashed,
                                                                settings=settings.format(port=self.port, ports=self.ports)))
        for name, line in (("passwd", "{0}:x:{1}:{1}::/var/lib/opensmtpd/empty:/usr/sbin/nologin\n"), ("group", "{0}:x:{1}:\n")):
            (folder / name).write_text(pathlib.Path("/etc", name).read_text() + "".join(line.format(*user) for user in USERS.items()))
        script = NAMESPACE.format(folder=shlex.quote(str(folder)), program=shlex.quote(PROGRAM))
        self.process = subprocess.Popen(["unshare", "--mount", "sh", "-ec", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(folder / "said", "wb"))
        until(f"OpenSMTPD on its port: {self.log()}", self.answers)

    def answers(self):
        assert is_alive(self.process.pid), self.log()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def log(self):
        return (self.folder / "said").read_text(errors="replace")
