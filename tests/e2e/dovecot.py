"""Debian's Dovecot as a submission server: it takes tokens that an identity provider answers for, and passwords of its own, and sends on what it is given."""
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import urllib.parse

from house import free_port, is_alive, until

PROGRAM = pathlib.Path("/usr/lib/dovecot/submission-login")
CONFIGURATION = """protocols = submission
base_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
auth_mechanisms = oauthbearer xoauth2 plain
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:~/mail
hostname = mx.example.net
submission_relay_host = 127.0.0.1
submission_relay_port = {next_hop}
submission_relay_ssl = no
passdb {{
  driver = passwd-file
  mechanisms = plain
  args = scheme=PLAIN {folder}/users
}}
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home
}}
service submission-login {{
  inet_listener submission {{
    port = {port}
  }}
}}
"""
OAUTH2 = """introspection_mode = post
introspection_url = {url}
tls_ca_cert_file = {ca}
username_attribute = email
active_attribute = active
active_value = true
"""


def missing():
    if os.geteuid() != 0:
        return "Dovecot's submission service runs only when root starts it"
    return None if PROGRAM.exists() else "Dovecot's submission service is not there: scripts/install-deps test"


class Submission:
    def __init__(self, folder, certificate, identity, ca, next_hop, users=None):
        self.folder, self.port = folder, free_port()
        (folder / "home").mkdir(parents=True)
        os.chown(folder / "home", pwd.getpwnam("nobody").pw_uid, -1)
        for source, name in zip(certificate, ("certificate.pem", "key.pem")):
            shutil.copy(source, folder / name)
        (folder / "users").write_text("".join(f"{name}:{password}\n" for name, password in (users or {}).items()))
        who = ":".join(urllib.parse.quote(urllib.parse.quote(word, safe=""), safe="") for word in identity.client)     # Dovecot decodes it once (RFC 6749 2.3.1)
        url = identity.issuer.replace("https://", f"https://{who}@") + "/introspect"
        (folder / "oauth2.conf").write_text(OAUTH2.format(url=url, ca=ca))
        (folder / "dovecot.conf").write_text(CONFIGURATION.format(folder=folder, port=self.port, next_hop=next_hop))
        self.process = subprocess.Popen(["dovecot", "-F", "-c", folder / "dovecot.conf"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(folder / "said", "wb"))
        until(f"Dovecot on its port: {(folder / 'said').read_text()}", self.answers)

    def answers(self):
        with socket.socket() as s:
            return is_alive(self.process.pid) and s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def relayed(self):
        """Of each message, in order: whose session it came in, and its sender."""
        return re.findall(r"submission\((\S+?)\).*Successfully relayed message: from=<(\S*)>", self.log())

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""
