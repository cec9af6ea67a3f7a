"""Dovecot as a mail store: LMTP (RFC 2033) on a UNIX socket and on a port with TLS, and the messages that it has delivered."""
import os
import pwd

from house import free_port, until
from sources import Server


class MailStore(Server):
    """people: name to the octets that each may keep; nobody else is known."""

    def __init__(self, folder, certificate, people):
        self.folder, self.socket, self.port = folder, folder / "lmtp", free_port()
        folder.mkdir()
        owner = pwd.getpwnam("nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
        (folder / "mail").mkdir(mode=0o700)
        os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
        who = pwd.getpwuid(os.geteuid()).pw_name
        (folder / "people").write_text("".join(f"{name}:::::{folder}/mail/{name}::userdb_quota_rule=*:storage={most}B\n" for name, most in people.items()))
        (folder / "dovecot.conf").write_text(f"""protocols = lmtp
base_dir = {folder}/run
log_path = {folder}/log
ssl = yes
ssl_cert = <{certificate[0]}
ssl_key = <{certificate[1]}
auth_username_format = %n
auth_mechanisms = plain
mail_location = maildir:~/Maildir
mail_uid = {owner.pw_uid}
mail_gid = {owner.pw_gid}
first_valid_uid = 1
first_valid_gid = 1
mail_plugins = quota
quota_full_tempfail = no
default_internal_user = {who}
default_login_user = {who}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_grace = 0
}}
passdb {{
  driver = passwd-file
  args = {folder}/people
}}
userdb {{
  driver = passwd-file
  args = {folder}/people
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service lmtp {{
  unix_listener {self.socket} {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {self.port}
  }}
}}
""")

    def words(self):
        return ["dovecot", "-F", "-c", str(self.folder / "dovecot.conf")]

    def is_up(self):
        return self.socket.exists()

    def mail(self, name):
        return [path.read_bytes() for path in sorted((self.folder / "mail" / name / "Maildir" / "new").glob("*"))]

    def wait(self, name, count=1):
        return until(f"mail of {name}", lambda: len(self.mail(name)) >= count and self.mail(name))
