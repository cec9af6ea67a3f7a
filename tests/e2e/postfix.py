"""Debian's Postfix in folders of its own, as a client of gatepost and as the server behind it."""
import os
import pathlib
import pwd
import shutil
import subprocess

from house import free_port, until

MASTER = """127.0.0.1:{port} inet n - n - - smtpd
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
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
MAILBOX = """virtual_mailbox_domains = example.net
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{{{lena@example.net=lena/}}}}
virtual_uid_maps = static:{nobody.pw_uid}
virtual_gid_maps = static:{nobody.pw_gid}
virtual_minimum_uid = 1
"""
COMMON = """compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
minimal_backoff_time = 1s
queue_run_delay = 1s
"""


def missing():
    if os.geteuid() != 0:
        return "Postfix runs only when root starts it"
    return None if shutil.which("postfix") else "Postfix is not installed"


class Postfix:
    """more: {name: settings of its own}, each a port of its own, in self.ports."""

    def __init__(self, folder, settings, sasl="", more=None):
        self.folder, self.etc, self.port = folder, folder / "etc", free_port()
        self.ports = {name: free_port() for name in more or {}}
        owner = pwd.getpwnam("postfix")
        for made in (self.etc, folder / "spool", folder / "data", self.etc / "sasl", folder / "mail"):
            made.mkdir(parents=True)
        os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
        os.chown(folder / "mail", pwd.getpwnam("nobody").pw_uid, -1)
        (self.etc / "sasl/smtpd.conf").write_text(sasl)     # where Debian's Postfix looks
        others = "".join(f"127.0.0.1:{port} inet n - n - - smtpd\n" + "".join(f"  -o {{ {key} = {value} }}\n" for key, value in more[name].items())
                         for name, port in self.ports.items())
        (self.etc / "master.cf").write_text(MASTER.format(port=self.port) + others)
        (self.etc / "main.cf").write_text(COMMON.format(folder=folder) + settings)
        subprocess.run(["postfix", "-c", self.etc, "start"], check=True, capture_output=True)

    def stop(self):
        subprocess.run(["postfix", "-c", self.etc, "abort"], capture_output=True, check=False)

    def log(self):
        path = self.folder / "postfix.log"
        return path.read_text(errors="replace") if path.exists() else ""


def client(folder, gatepost, account, ca, mechanism, transport):
    """Everything that it is given goes to gatepost, signed in as the account. transport: "tls", "starttls" or "clear"."""
    port = gatepost.tls_port if transport == "tls" else gatepost.port
    folder.mkdir(parents=True)
    (folder / "password").write_text(f"[localhost]:{port} {account.name}:{account.password}\n")
    return Postfix(folder, f"""myhostname = client.example
relayhost = [localhost]:{port}
smtp_host_lookup = native
smtp_tls_security_level = {"none" if transport == "clear" else "secure"}
smtp_tls_wrappermode = {"yes" if transport == "tls" else "no"}
smtp_tls_CAfile = {ca}
smtp_tls_secure_cert_match = localhost
smtp_sasl_auth_enable = yes
smtp_sasl_type = cyrus
smtp_sasl_password_maps = texthash:{folder}/password
smtp_sasl_security_options = noanonymous
smtp_sasl_mechanism_filter = {mechanism.lower()}
smtpd_relay_restrictions = permit_mynetworks, reject
""")


def server(folder, certificate, mechanisms, name, password):
    """Takes mail for example.net over TLS from those that sign in, and keeps it in folder/mail."""
    folder.mkdir(parents=True)
    database, nobody, owner = folder / "sasldb2", pwd.getpwnam("nobody"), pwd.getpwnam("postfix")
    subprocess.run(["saslpasswd2", "-p", "-c", "-f", database, "-u", "mx.example.net", name], input=password, text=True, check=True, capture_output=True)
    os.chown(database, owner.pw_uid, owner.pw_gid)
    return Postfix(folder, f"""myhostname = mx.example.net
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = {certificate[1]}, {certificate[0]}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = mx.example.net
smtpd_sasl_security_options = noanonymous
smtpd_sasl_authenticated_header = yes
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
{MAILBOX.format(folder=folder, nobody=nobody)}""", sasl=f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\nmech_list: {mechanisms}\n")


def knowing(folder, certificate, ca, fingerprint):
    """Takes mail for example.net from who has the certificate of that fingerprint, and keeps it in folder/mail."""
    folder.mkdir(parents=True)
    return Postfix(folder, f"""myhostname = mx.example.net
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {certificate[1]}, {certificate[0]}
smtpd_tls_ask_ccert = yes
smtpd_tls_CAfile = {ca}
smtpd_tls_fingerprint_digest = sha256
smtpd_tls_received_header = yes
relay_clientcerts = inline:{{{{{fingerprint}=gatepost}}}}
smtpd_recipient_restrictions = permit_tls_clientcerts, reject
smtpd_relay_restrictions = permit_tls_clientcerts, reject
{MAILBOX.format(folder=folder, nobody=pwd.getpwnam("nobody"))}""")


def open_to_all(folder, certificate):
    """Takes mail for example.net from anybody, with or without TLS, and keeps it in folder/mail."""
    folder.mkdir(parents=True)
    return Postfix(folder, f"""myhostname = mx.example.net
smtpd_tls_security_level = may
smtpd_tls_chain_files = {certificate[1]}, {certificate[0]}
smtpd_relay_restrictions = permit_mynetworks, reject
{MAILBOX.format(folder=folder, nobody=pwd.getpwnam("nobody"))}""")


def asking(folder, certificate, socket):
    """Takes mail for example.net from those of whom the server behind the socket says that they may, and keeps it in folder/mail."""
    folder.mkdir(parents=True)
    nobody = pwd.getpwnam("nobody")
    return Postfix(folder, f"""myhostname = mx.example.net
smtpd_tls_security_level = may
smtpd_tls_chain_files = {certificate[1]}, {certificate[0]}
smtpd_tls_loglevel = 1
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {socket}
smtpd_sasl_security_options = noanonymous
smtpd_sasl_authenticated_header = yes
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_hard_error_limit = 1000
smtpd_error_sleep_time = 0
{MAILBOX.format(folder=folder, nobody=nobody)}""")


def mailbox(postfix):
    return list(pathlib.Path(postfix.folder / "mail").glob("lena/new/*"))


def kept(postfix, words):
    """The message in Postfix's mailbox that has these words."""
    def find():
        texts = [path.read_text(errors="replace") for path in mailbox(postfix)]
        return next((text for text in texts if words in text), None)
    return until(f"message with {words!r} in Postfix's mailbox", find, 20)
