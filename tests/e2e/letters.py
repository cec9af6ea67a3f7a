"""What every row of the table of mail programs is made of: the job, the message, and how a program is run."""
import collections
import subprocess

Job = collections.namedtuple("Job", "gatepost ca name password mechanism transport recipient subject folder")
# transport: "starttls" (587), "tls" (465), "clear" (587 without TLS)
# adds: what it puts at the end of every message; None: it signs in and has no message to send.
Mailer = collections.namedtuple("Mailer", "send program mechanisms transports adds")
BOTH = ("starttls", "tls")
TEXT = "A line.\r\n.A dot first.\r\n\r\nLast line.\r\n"
# Debian's packages that exclude each other are unpacked here by scripts/install-deps.
BESIDE = "/usr/local/lib/gatepost-test"


def letter(job):
    return (f"From: <{job.name}>\r\nTo: <{job.recipient}>\r\nSubject: {job.subject}\r\nMessage-ID: <{job.subject}@client.example>\r\n"
            "\r\n" + TEXT)


def unix_letter(job):
    return letter(job).replace("\r\n", "\n")


def port_of(job):
    return job.gatepost.tls_port if job.transport == "tls" else job.gatepost.port


def program(words, stdin=None, env=None):
    done = subprocess.run([str(word) for word in words], input=stdin, capture_output=True, text=True, timeout=60, env=env, check=False)
    return done.returncode == 0, done.stdout + done.stderr
