"""Mail programs that people, scripts and servers of Debian send with, each a row of mailers.py: Cyrus SASL's and perl's clients, mail
readers, and the small senders that stand in for a mail server. What a program can't do stands with its row, in its own words.
"""
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import tempfile
import urllib.parse

from letters import BESIDE, BOTH, TEXT, Mailer, letter, port_of, program, unix_letter

HERE = pathlib.Path(__file__).resolve().parent
HELO = "client.example"


def in_clear(job):
    return job.transport == "clear"


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


@contextlib.contextmanager
def folder_of(name):
    """For a program that gives up root: a folder that this user owns, where it can walk to."""
    user = pwd.getpwnam(name)
    with tempfile.TemporaryDirectory(prefix="gatepost-e2e-") as made:
        os.chmod(made, 0o755)
        os.chown(made, user.pw_uid, user.pw_gid)
        yield pathlib.Path(made)


# ---- Cyrus SASL ------------------------------------------------------------------------------------------------
SMTPTEST = f"{BESIDE}/cyrus/usr/lib/cyrus/bin/smtptest"


def smtptest(job):
    """It verifies no certificate, says who it wants to act as (-u), and ends with 0 whatever happens."""
    tls = {"starttls": ["-t", ""], "tls": ["-s"], "clear": []}[job.transport]
    dialogue = f"MAIL FROM:<{job.name}>\r\nRCPT TO:<{job.recipient}>\r\nDATA\r\n{letter(job)}".replace("\r\n.", "\r\n..") + ".\r\nQUIT\r\n"
    _, said = program([SMTPTEST, "-p", port_of(job), *tls, "-m", job.mechanism, "-a", job.name, "-u", job.name, "-w", job.password, "localhost"],
                      stdin=dialogue, env=os.environ | {"LD_LIBRARY_PATH": f"{BESIDE}/cyrus/usr/lib/x86_64-linux-gnu"})
    return "\n250 " in said.partition("\n354 ")[2], said


# ---- perl -----------------------------------------------------------------------------------------------------------
def perl(library):
    def send(job):
        task = {"library": library, "port": port_of(job), "transport": job.transport, "ca": str(job.ca), "user": job.name, "pass": job.password,
                "mechanism": job.mechanism, "to": job.recipient, "raw": letter(job), "helo": HELO}
        return program(["perl", HERE / "net_smtp.pl"], stdin=json.dumps(task))
    return send


GIT_SEND_EMAIL = f"{BESIDE}/git-email/usr/lib/git-core/git-send-email"


def git(job):
    patch = job.folder / "0001.patch"
    patch.write_text(unix_letter(job))
    encryption = {"starttls": ["--smtp-encryption=tls"], "tls": ["--smtp-encryption=ssl"], "clear": []}[job.transport]
    return program([GIT_SEND_EMAIL, "--smtp-server=localhost", f"--smtp-server-port={port_of(job)}", *encryption, f"--smtp-ssl-cert-path={job.ca}",
                    f"--smtp-user={job.name}", f"--smtp-pass={job.password}", f"--smtp-auth={job.mechanism}", f"--smtp-domain={HELO}",
                    f"--from=<{job.name}>", f"--envelope-sender={job.name}", f"--to={job.recipient}", "--confirm=never", "--suppress-cc=all",
                    "--no-xmailer", patch], env=os.environ | {"HOME": str(job.folder), "GIT_CONFIG_NOSYSTEM": "1"})


def sendemail(job):
    """It adds an empty line, and does not double the dot that a line begins with."""
    message = job.folder / "sendemail.eml"
    message.write_text(unix_letter(job).removesuffix("\n").replace("\n.", "\n.."))
    return program(["sendemail", "-f", job.name, "-t", job.recipient, "-s", f"localhost:{port_of(job)}", "-xu", job.name, "-xp", job.password,
                    "-o", "tls=no" if in_clear(job) else "tls=yes", "-o", "message-format=raw", "-o", f"message-file={message}"],
                   env=os.environ | {"SSL_CERT_FILE": str(job.ca)})


# ---- mail readers ---------------------------------------------------------------------------------------------------
def mutt(job, more=""):
    """Left to choose it takes SCRAM-SHA-256-PLUS, finds that it can't bind, cancels, and tries nothing else: "SASL authentication failed"."""
    scheme = "smtps" if job.transport == "tls" else "smtp"
    rc = private(job.folder / "muttrc", f'set smtp_url="{scheme}://{urllib.parse.quote(job.name)}@localhost:{port_of(job)}"\n'
                 f'set smtp_pass="{job.password}" smtp_authenticators="{job.mechanism.lower()}" from="{job.name}" certificate_file="{job.ca}"\n'
                 f'set hostname={HELO} copy=no record="" sleep_time=0 '
                 f"ssl_starttls={'no' if in_clear(job) else 'yes'} "
                 f"ssl_force_tls={'no' if in_clear(job) else 'yes'}\n{more}")
    return program(["mutt", "-n", "-F", rc, "-s", job.subject, job.recipient], stdin=TEXT.replace("\r\n", "\n"),
                   env=os.environ | {"HOME": str(job.folder)})


def s_nail(job, more=""):
    rc = private(job.folder / "mailrc", f"set v15-compat mta={'smtps' if job.transport == 'tls' else 'smtp'}://localhost:{port_of(job)}\n"
                 f"set {'no' * in_clear(job)}smtp-use-starttls smtp-auth={job.mechanism.lower()} user={job.name} password={job.password}\n"
                 f"set tls-ca-file={job.ca} tls-ca-no-defaults tls-verify=strict from={job.name} sendwait nosave\n{more}")
    return program(["s-nail", "-s", job.subject, job.recipient], stdin=TEXT.replace("\r\n", "\n"),
                   env=os.environ | {"HOME": str(job.folder), "MAILRC": str(rc), "DEAD": "/dev/null"})


# ---- small senders ----------------------------------------------------------------------------------------------------
NULLMAILER = f"{BESIDE}/nullmailer/usr/lib/nullmailer/smtp"


def nullmailer(job):
    """The program that nullmailer-send starts for each message: settings on stdin, envelope and message on descriptor 3."""
    queued = job.folder / "nullmailer.queued"
    queued.write_text(f"{job.name}\n{job.recipient}\n\n{unix_letter(job)}")
    tls = {"starttls": f"starttls\nx509cafile={job.ca}\n", "tls": f"tls\nx509cafile={job.ca}\n", "clear": ""}[job.transport]
    login = "auth-login\n" if job.mechanism == "LOGIN" else ""
    return program(["sh", "-c", 'exec "$0" 3<"$1"', NULLMAILER, queued], env=os.environ | {"HELOHOST": HELO},
                   stdin=f"host=localhost\nport={port_of(job)}\nuser={job.name}\npass={job.password}\n{login}{tls}\n")


SSMTP = f"{BESIDE}/ssmtp/usr/sbin/ssmtp"


def ssmtp(job):
    """It verifies no certificate."""
    rc = private(job.folder / "ssmtp.conf", f"mailhub=localhost:{port_of(job)}\nUseTLS={'NO' if in_clear(job) else 'YES'}\n"
                 f"UseSTARTTLS={'YES' if job.transport == 'starttls' else 'NO'}\nAuthUser={job.name}\nAuthPass={job.password}\n"
                 f"AuthMethod={job.mechanism}\nhostname={HELO}\nFromLineOverride=YES\n")
    return program([SSMTP, "-v", f"-C{rc}", job.recipient], stdin=unix_letter(job))


OPENSSL_OF_TLS_1_2 = """openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
MaxProtocol = TLSv1.2
"""


def esmtp(job):
    """Over TLS 1.3 it waits for ever when a session ticket comes before it has said EHLO: libesmtp polls for more instead of writing."""
    tls_1_2 = private(job.folder / "openssl.cnf", OPENSSL_OF_TLS_1_2)
    private(job.folder / ".esmtprc", f'hostname = localhost:{port_of(job)}\nusername = "{job.name}"\npassword = "{job.password}"\n'
            f"starttls = {'disabled' if in_clear(job) else 'required'}\nhelo = {HELO}\n")
    ok, said = program(["esmtp", "-v", "-f", job.name, job.recipient], stdin=unix_letter(job),
                       env=os.environ | {"HOME": str(job.folder), "SSL_CERT_FILE": str(job.ca), "OPENSSL_CONF": str(tls_1_2)})
    return ok and "Message sent: 250" in said, said


OPENSMTPD = f"{BESIDE}/opensmtpd/usr/bin/smtp"


def opensmtpd(job):
    """It knows the system's certificates alone, so that it verifies ours where they can be put in their place."""
    scheme = {"starttls": "smtp+tls", "tls": "smtps", "clear": "smtp+notls"}[job.transport]
    words = ["-F", job.name, "-H", HELO, "-s", f"{scheme}://{job.name}:{job.password}@localhost:{port_of(job)}", job.recipient]
    mounted = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"', job.ca]
    how = [*mounted, OPENSMTPD] if os.geteuid() == 0 else [OPENSMTPD, "-C"]
    _, said = program([*how, *words], stdin=unix_letter(job))
    return "EOM: 250 " in said, said                            # it ends with 0 when a recipient was refused


DMA = f"{BESIDE}/dma/usr/sbin/dma"


def dma(job):
    """Its configuration is in /etc/dma and nowhere else: it gets an /etc of its own. What it can't send stays in its spool; it verifies no
    certificate."""
    tls = {"starttls": "SECURETRANSFER\nSTARTTLS\n", "tls": "SECURETRANSFER\n", "clear": "INSECURE\n"}[job.transport]
    with folder_of("mail") as spool, tempfile.TemporaryDirectory(prefix="gatepost-e2e-") as etc:
        os.chmod(etc, 0o755)
        settings = pathlib.Path(etc, "dma")
        settings.mkdir()
        for name in ("passwd", "group", "hosts", "nsswitch.conf"):
            shutil.copy(f"/etc/{name}", etc)
        (settings / "dma.conf").write_text(f"SMARTHOST localhost\nPORT {port_of(job)}\nAUTHPATH /etc/dma/auth.conf\nSPOOLDIR {spool}\n"
                                           f"MAILNAME {HELO}\n{tls}")
        shutil.chown(private(settings / "auth.conf", f"{job.name}|localhost:{job.password}\n"), "mail")
        ok, said = program(["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', etc, DMA, "-D", "-f", job.name,
                            job.recipient], stdin=unix_letter(job))
        kept = "".join(path.read_text() for path in spool.iterdir())
    return ok and not kept, said + kept


# ---- Exim as a client --------------------------------------------------------------------------------------------------
EXIM = os.environ.get("EXIM", f"{BESIDE}/exim/usr/sbin/exim4")
EXIM_CONFIGURATION = """exim_path = {program}
primary_hostname = client.example
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
keep_environment =

begin routers
gatepost:
  driver = manualroute
  route_list = * localhost byname
  self = send
  transport = gatepost

begin transports
gatepost:
  driver = smtp
  port = {port}
  protocol = {protocol}
  {login}
  {tls}
  tls_verify_certificates = {ca}
  tls_verify_hosts = *
  {paper}

begin retry
* * F,1s,1s

begin authenticators
login:
  driver = {driver}
  public_name = {mechanism}
  {how}
"""


def run_exim(job, folder, driver, how, paper=""):
    clear, rc = in_clear(job), folder / "exim.conf"
    rc.write_text(EXIM_CONFIGURATION.format(program=EXIM, folder=folder, port=port_of(job), ca=job.ca, driver=driver, mechanism=job.mechanism,
                                            how=how, paper=paper, protocol="smtps" if job.transport == "tls" else "smtp",
                                            login="hosts_try_auth = *" if clear else "hosts_require_auth = *",
                                            tls="hosts_avoid_tls = *" if clear else "hosts_require_tls = *"))
    ok, said = program([EXIM, "-C", rc, "-odi", "-f", job.name, job.recipient], stdin=unix_letter(job))
    log = (folder / "mainlog").read_text() if (folder / "mainlog").exists() else ""
    return ok and " => " in log and 'C="250' in log, said + log


def exim(job):
    driver, how = {"PLAIN": ("plaintext", f"client_send = ^{job.name}^{job.password}"),
                   "LOGIN": ("plaintext", f"client_send = : {job.name} : {job.password}"),
                   "CRAM-MD5": ("cram_md5", f"client_name = {job.name}\n  client_secret = {job.password}")}[job.mechanism]
    with folder_of("Debian-exim") as folder:
        return run_exim(job, folder, driver, how)


# What these can't do, and what they say to it:
#   smtptest     names SCRAM-SHA-256-PLUS, and left to choose too, it says AUTH SCRAM-SHA-256 with p=tls-unique, which RFC 5802 6 has refused;
#   Authen::SASL on Cyrus SASL: LOGIN and CRAM-MD5 end before AUTH is said, because Net::SMTP takes "no initial response" for a failure;
#   mutt         "SASL authentication failed" for SCRAM-...-PLUS over TLS 1.2 as over 1.3,
#                "No authenticators available" for SCRAM-SHA-512;
#   s-nail       "Unsupported smtp authentication method: scram-sha-1";
#   sendemail    chooses itself: LOGIN before PLAIN; TLS by STARTTLS alone, as esmtp, which chooses PLAIN;
#   opensmtpd    chooses itself: PLAIN before LOGIN; nullmailer: PLAIN before LOGIN unless it is told;
#   dma          chooses itself: CRAM-MD5 where it is offered, and nothing else when that fails; LOGIN otherwise;
#   exim         Debian's has no gsasl driver, "cannot find authenticator driver", and its cyrus_sasl driver is a server's alone.
SENDERS = {
    "smtptest": Mailer(smtptest, SMTPTEST, ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"), BOTH, ""),
    "perl": Mailer(perl("Perl"), "perl", ("PLAIN", "LOGIN", "CRAM-MD5"), BOTH, ""),
    "perl-cyrus": Mailer(perl("Cyrus"), "perl", ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"), BOTH, ""),
    "perl-scram": Mailer(perl("SCRAM"), "perl", ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"), BOTH, ""),
    "git": Mailer(git, GIT_SEND_EMAIL, ("PLAIN", "LOGIN", "CRAM-MD5"), BOTH, ""),
    "sendemail": Mailer(sendemail, "sendemail", ("LOGIN",), ("starttls",), "\r\n"),
    "mutt": Mailer(mutt, "mutt", ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"), BOTH, ""),
    "s-nail": Mailer(s_nail, "s-nail", ("PLAIN", "LOGIN", "CRAM-MD5"), BOTH, ""),
    "nullmailer": Mailer(nullmailer, NULLMAILER, ("PLAIN", "LOGIN"), BOTH, ""),
    "ssmtp": Mailer(ssmtp, SSMTP, ("LOGIN", "CRAM-MD5"), BOTH, ""),
    "esmtp": Mailer(esmtp, "esmtp", ("PLAIN",), ("starttls",), ""),
    "opensmtpd": Mailer(opensmtpd, OPENSMTPD, ("PLAIN",), BOTH, ""),
}
if os.geteuid() == 0:                                           # others can give neither a spool to its owner nor a process its own /etc
    SENDERS |= {"dma": Mailer(dma, DMA, ("CRAM-MD5",), BOTH, ""),
                "exim": Mailer(exim, EXIM, ("PLAIN", "LOGIN", "CRAM-MD5"), BOTH, "")}
