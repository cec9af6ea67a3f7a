"""gatepost sendmail, as programs call it: cron's pipe, PHP's mail(), smtplib over -bs, mailx; and the spool while the server is away."""
import email
import email.policy
import os
import pwd
import smtplib
import socket
import subprocess
import threading
import time

import pytest

from house import DOMAIN, GATEPOST, serving, until
from senders import GIT_SEND_EMAIL
from sink import DROP, Sink

EX_OK, EX_USAGE, EX_DATAERR, EX_UNAVAILABLE, EX_NOPERM, EX_CONFIG = 0, 64, 65, 69, 77, 78


class Host:
    """A host with sendmail: the name on its path, and a sendmail.conf of its own."""
    def __init__(self, place, port, account, ca, **keys):
        self.place, self.spool = place, place / "spool"
        place.mkdir(exist_ok=True)
        self.program = place / "sendmail"
        if not self.program.exists():
            self.program.symlink_to(GATEPOST)
            (place / "mailq").symlink_to(GATEPOST)
        (place / "password").write_text(account.password + "\n")
        self.conf = place / "sendmail.conf"
        self.configure(port, account, ca, **keys)

    def configure(self, port, account, ca, **keys):
        self.local = f"local-{account.name.partition('@')[0]}@example.net"
        said = {"server": f"localhost:{port}", "tls": "implicit", "user": account.name, "password_file": self.place / "password", "ca_file": ca,
                "from": account.name, "domain": DOMAIN, "local_to": self.local, "spool": self.spool, "timeout": "5"} | keys
        self.conf.write_text("# where this host's mail goes\n" + "".join(f"{key}: {value}\n" for key, value in said.items() if value))

    def sendmail(self, *words, stdin="", program="sendmail"):
        return subprocess.run([self.place / program, "-C", str(self.conf), *words], input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def waiting(self):
        return self.sendmail(program="mailq").stdout


@pytest.fixture
def host(folder, gatepost, account, ca, request):
    return Host(folder / f"host-{request.node.name[:40].replace('[', '-').replace(']', '')}", gatepost.tls_port, account, ca)


def arrived(sink, recipient):
    found = sink.wait(recipient)
    return found, email.message_from_bytes(found.data, policy=email.policy.default)


def test_as_cron_calls_it(host, sink, account):
    """Debian's cron: a header without Message-ID, recipients without domain (or localhost), a text with a dot alone on a line."""
    done = host.sendmail("-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root@localhost",
                         stdin="From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> job\nAuto-Submitted: auto-generated\n\nline\n.\nmore\n")
    assert (done.returncode, done.stdout, done.stderr) == (EX_OK, "", "")
    _, message = arrived(sink, host.local)
    assert message["From"] == f"CronDaemon <{account.name}>" and message["To"] == "root" and message.get_content().replace("\r", "") == "line\n.\nmore\n"


def test_nobody_to_report_to_has_an_author_all_the_same(host, sink, account, recipient):
    """-f '' with cron's From, and with none: the message goes out in the name of this host's account."""
    for stdin in (f"From: root (Cron Daemon)\nTo: {recipient}\nSubject: cron\n\nx\n", f"To: {recipient}\nSubject: none\n\nx\n"):
        done = host.sendmail("-t", "-f", "", "-F", "Cron Daemon", stdin=stdin)
        assert done.returncode == EX_OK, done.stderr
    found = [sink.wait(recipient, count) for count in (1, 2)]
    assert [one.data.count(f'From: "Cron Daemon" <{account.name}>\r\n'.encode()) for one in found] == [1, 1]
    assert [one.data.count(b"\r\nFrom: ") for one in found] == [1, 1]


def test_an_account_that_may_send_as_nobody_else(host, gatepost, sink, account, ca):
    """anacron and others write a From of their own, and an envelope to match; `from_always` is for those."""
    mail = "From: Anacron <root@web1.example.com>\nTo: root\nSubject: Anacron job\n\nx\n"
    assert host.sendmail("-FAnacron", "-odi", "-f", "root@web1.example.com", "root", stdin=mail).returncode == EX_NOPERM
    host.configure(gatepost.tls_port, account, ca, from_always="yes")
    done = host.sendmail("-FAnacron", "-odi", "-f", "root@web1.example.com", "root", stdin=mail)
    assert done.returncode == EX_OK, done.stderr
    found, message = arrived(sink, host.local)
    assert found.sender == account.name and message["From"] == f"Anacron <{account.name}>"


def test_a_recipient_with_a_blank_in_quotes(host, sink, account, recipient):
    """RFC 5321 4.1.2; the others are not lost with him."""
    quoted = f'"a b"@{recipient.partition("@")[2]}'
    done = host.sendmail("-t", stdin=f"From: {account.name}\nTo: {quoted}, {recipient}\nSubject: quoted\n\nx\n")
    assert done.returncode == EX_OK, done.stderr
    assert sink.wait(recipient) and sink.wait(quoted)


def test_a_user_of_this_host_in_the_header(host, sink, account):
    assert host.sendmail("-t", stdin=f"From: {account.name}\nTo: root\nSubject: local\n\nx\n").returncode == EX_OK
    assert arrived(sink, host.local)[1]["Subject"] == "local"


def test_a_plain_pipe_without_header(host, sink, account, recipient):
    done = host.sendmail(recipient, stdin="no header here\n.\nnever sent\n")
    assert done.returncode == EX_OK, done.stderr
    found, message = arrived(sink, recipient)
    assert found.sender == account.name and account.name in message["From"] and message["Date"] and message["Message-ID"]
    assert message.get_content().strip() == "no header here"


def test_recipients_of_the_header(host, sink, account, recipient):
    done = host.sendmail("-t", "-oi", "-f", account.name,
                         stdin=f"From: {account.name}\nTo: L <{recipient}>\nCc: cc-{recipient}\nBcc: bcc-{recipient}\nSubject: all\n\n.\ntext\n")
    assert done.returncode == EX_OK, done.stderr
    for name in (recipient, "cc-" + recipient, "bcc-" + recipient):
        _, message = arrived(sink, name)
        assert message["Bcc"] is None and message["Subject"] == "all" and message.get_content().replace("\r", "") == ".\ntext\n"


def test_a_header_that_nobody_encoded(host, sink, account, recipient):
    """Scripts write UTF-8 into subjects; it arrives as it was, and asks nothing of servers on the way."""
    done = host.sendmail("-t", "-i", stdin=f"From: {account.name}\nTo: {recipient}\nSubject: Grüße\n\nx\n")
    assert done.returncode == EX_OK, done.stderr
    found = sink.wait(recipient)
    assert "Subject: Grüße\r\n".encode() in found.data and "SMTPUTF8" not in found.options


def test_php(host, sink, account, recipient):
    script = f"exit(mail('{recipient}', 'from php', \"text\\n.dot\", 'From: {account.name}') ? 0 : 1);"
    done = subprocess.run(["php", "-d", f"sendmail_path={host.program} -C {host.conf} -t -i", "-r", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    _, message = arrived(sink, recipient)
    assert message["Subject"] == "from php" and message.get_content().replace("\r", "") == "text\n.dot\n"


PROGRAMS = {
    "mutt": lambda wrap, sender, to: ["mutt", "-n", "-e", f"set sendmail='{wrap} -oem -oi' use_envelope_from=yes from={sender} copy=no record=''", "-s", "called", "--", to],
    "s-nail": lambda wrap, sender, to: ["s-nail", "-n", f"-Smta={wrap}", "-Sv15-compat", "-Ssendwait", "-r", sender, "-s", "called", to],
    "git": lambda wrap, sender, to: [GIT_SEND_EMAIL, "--quiet", "--confirm=never", "--suppress-cc=all", f"--sendmail-cmd={wrap}", "--envelope-sender=auto", "--from", sender, "--to", to, "patch"],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_call_it(host, sink, account, recipient, name):
    wrap = host.place / "wrap"
    wrap.write_text(f'#!/bin/sh\nexec {host.program} -C {host.conf} "$@"\n')
    wrap.chmod(0o755)
    (host.place / "patch").write_text("From: a@example.org\nSubject: called\n\ntext\n.\nmore\n")
    done = subprocess.run(PROGRAMS[name](wrap, account.name, recipient), input="text\n.\nmore\n", capture_output=True, text=True, timeout=60, check=False, cwd=host.place,
                          env=os.environ | {"HOME": str(host.place), "DEAD": "/dev/null", "PATH": os.environ["PATH"] + ":/usr/lib/git-core"})
    assert done.returncode == 0, done.stdout + done.stderr
    found, message = arrived(sink, recipient)
    assert found.sender == account.name and message["Subject"] == "called" and "text\n.\nmore" in message.get_content().replace("\r", "")


class Piped(smtplib.SMTP):
    """smtplib on the two ends of a program's standard input and output."""
    def __init__(self, *words):
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
        theirs.close()
        self.ours = ours
        super().__init__("pipe", 1, local_hostname="host.example")

    def _get_socket(self, host, port, timeout):
        self.ours.settimeout(30)
        return self.ours


def test_smtplib_over_bs(host, sink, account, recipient):
    with Piped(host.program, "-C", host.conf, "-bs") as smtp:
        smtp.ehlo()
        assert "auth" not in smtp.esmtp_features and "starttls" not in smtp.esmtp_features
        refused = smtp.sendmail(account.name, [recipient, "nobody@unqualified"], f"From: {account.name}\r\nSubject: bs\r\n\r\n.text\r\n")
        assert list(refused) == ["nobody@unqualified"]
        with pytest.raises(smtplib.SMTPSenderRefused) as no:           # the server's own word
            smtp.sendmail("other@example.org", [recipient], "x")
        assert no.value.smtp_code in (550, 553)
        smtp.rset()
        smtp.sendmail(account.name, ["second-" + recipient], f"From: {account.name}\r\nSubject: bs 2\r\n\r\ntext\r\n")
    assert smtp.process.wait(10) == EX_OK
    _, message = arrived(sink, recipient)
    assert message["Subject"] == "bs" and message.get_content().strip() == ".text"
    assert arrived(sink, "second-" + recipient)[1]["Subject"] == "bs 2"


# ---- the spool
def test_what_waits_goes_with_the_next_call(folder, host, gatepost, account, ca, sink, recipient):
    away = socket.socket()
    away.bind(("127.0.0.1", 0))                                        # nobody listens there
    host.configure(away.getsockname()[1], account, ca)
    done = host.sendmail("-t", stdin=f"From: {account.name}\nTo: {recipient}\nBcc: b-{recipient}\nSubject: late\n\nSchöne Grüße\n")
    assert done.returncode == EX_OK, done.stderr
    with Piped(host.program, "-C", host.conf, "-bs") as smtp:
        smtp.sendmail(account.name, ["bs-" + recipient], f"From: {account.name}\r\nSubject: late too\r\n\r\ntext\r\n")
    smtp.process.wait(10)
    assert recipient in host.waiting() and "bs-" + recipient in host.waiting()
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in host.spool.rglob("*")}
    assert set(modes.values()) == {"0o700", "0o600"}, modes
    assert host.sendmail("-q").returncode == 75 and recipient in host.waiting()
    assert not sink.for_(recipient)
    host.configure(gatepost.tls_port, account, ca)
    away.close()
    assert host.sendmail("now-" + recipient, stdin="x\n").returncode == EX_OK
    for name in (recipient, "b-" + recipient, "bs-" + recipient, "now-" + recipient):
        assert arrived(sink, name)
    assert "Bcc" not in sink.wait(recipient).data.decode()
    assert host.waiting() == "Mail queue is empty\n"


def test_a_flush_by_hand_and_what_is_refused_in_it(host, gatepost, account, ca, sink, recipient):
    away = socket.socket()
    away.bind(("127.0.0.1", 0))
    host.configure(away.getsockname()[1], account, ca)
    assert host.sendmail("-f", "stranger@example.org", recipient, stdin="x\n").returncode == EX_OK
    assert host.sendmail("b-" + recipient, stdin="x\n").returncode == EX_OK
    host.configure(gatepost.tls_port, account, ca)
    away.close()
    done = host.sendmail("-q")
    assert "refuses the sender" in done.stderr
    assert arrived(sink, "b-" + recipient) and not sink.for_(recipient)
    assert "(refused" in host.waiting() and "stranger@example.org" in host.waiting()
    why, = host.spool.rglob("*.why")
    assert "refuses the sender" in why.read_text()


def test_a_wrong_password_sets_nothing_aside(host, gatepost, account, ca, sink, recipient):
    away = socket.socket()
    away.bind(("127.0.0.1", 0))
    host.configure(away.getsockname()[1], account, ca)
    assert host.sendmail(recipient, stdin="x\n").returncode == EX_OK
    host.configure(gatepost.tls_port, account, ca)
    away.close()
    (host.place / "password").write_text("wrong\n")
    assert host.sendmail("-q").returncode == 75
    done = host.sendmail("b-" + recipient, stdin="x\n")
    assert done.returncode == EX_NOPERM and "535" in done.stderr and "wrong" not in done.stderr
    assert recipient in host.waiting() and "refused" not in host.waiting()
    (host.place / "password").write_text(account.password + "\n")
    assert host.sendmail("-q").returncode == EX_OK
    assert arrived(sink, recipient)


def test_a_temporary_refusal_of_one_recipient_keeps_that_one(folder, sink_certificate, ca, account, recipient):
    server = Sink(sink_certificate, logins={account.name: account.password})
    try:
        host = Host(folder / "host-temporary", server.port, account, ca, tls="starttls")
        server.script("RCPT", "250 2.1.5 ok", "451 4.7.1 greylisted")
        assert host.sendmail("a-" + recipient, "b-" + recipient, stdin="x\n").returncode == EX_OK
        assert server.wait("a-" + recipient) and not server.for_("b-" + recipient)
        assert "b-" + recipient in host.waiting() and "a-" + recipient not in host.waiting()
        assert host.sendmail("-q").returncode == EX_OK
        assert server.wait("b-" + recipient) and host.waiting() == "Mail queue is empty\n"
    finally:
        server.close()


def test_one_at_which_the_server_hangs_up_holds_nobody_else(folder, sink_certificate, ca, account, recipient):
    server = Sink(sink_certificate, logins={account.name: account.password})
    try:
        host = Host(folder / "host-poison", server.port, account, ca, tls="starttls", server="127.0.0.1:1")
        for name in ("poison-", "a-", "b-"):
            assert host.sendmail(name + recipient, stdin="x\n").returncode == EX_OK
        server.refusals["poison-" + recipient] = DROP
        host.configure(server.port, account, ca, tls="starttls")
        done = host.sendmail("-q")
        assert done.returncode == 75 and "closed the connection" in done.stderr, done.stderr
        assert server.wait("a-" + recipient) and server.wait("b-" + recipient)
        assert host.waiting().count("@") == 2 and "poison-" + recipient in host.waiting()      # with its sender
        del server.refusals["poison-" + recipient]
        server.script("DOT", "250 2.0.0 kept", DROP)                      # a server that has had enough of this connection
        assert host.sendmail("c-" + recipient, stdin="x\n").returncode == EX_OK
        assert server.wait("poison-" + recipient) and host.waiting() == "Mail queue is empty\n"
    finally:
        server.close()


def test_wishes_of_bs_are_kept_with_the_message(folder, sink_certificate, ca, account, recipient):
    server = Sink(sink_certificate, logins={account.name: account.password})
    try:
        host = Host(folder / "host-wishes", server.port, account, ca, tls="starttls", server="127.0.0.1:1")
        with Piped(host.program, "-C", host.conf, "-bs") as smtp:
            smtp.ehlo()
            smtp.mail(account.name, ["RET=HDRS", "ENVID=x+20y", "BODY=8BITMIME"])
            smtp.rcpt("a-" + recipient, ["NOTIFY=NEVER"])
            smtp.rcpt("b-" + recipient)
            smtp.rcpt("c-" + recipient, ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;old@example.net"])
            code, said = smtp.data("Subject: wishes\r\n\r\nx\r\n")
            assert code == 250 and b"kept until the server takes it" in said
        host.configure(server.port, account, ca, tls="starttls")
        assert host.sendmail("-q").returncode == EX_OK
        found = server.wait("a-" + recipient)
        assert "RET=HDRS ENVID=x+20y" in found.options and "BODY" not in found.options
        assert dict(found.recipients) == {"a-" + recipient: "NOTIFY=NEVER", "b-" + recipient: "", "c-" + recipient: "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old@example.net"}
    finally:
        server.close()


def test_wishes_of_the_command_line(folder, sink_certificate, ca, account, recipient):
    """-N, -R and -V; without DSN on the other side they are left out."""
    for offers, options, each in ((("DSN",), "RET=HDRS ENVID=job+20+2B7", "NOTIFY=SUCCESS,DELAY"), ((), "", "")):
        server = Sink(sink_certificate, logins={account.name: account.password}, offers=offers)
        try:
            host = Host(folder / f"host-command-line-{len(offers)}", server.port, account, ca, tls="starttls")
            done = host.sendmail("-N", "success,delay", "-R", "hdrs", "-V", "job +7", recipient, stdin="x\n")
            assert done.returncode == EX_OK, done.stderr
            found = server.wait(recipient)
            said = " ".join(word for word in found.options.split() if not word.startswith("SIZE="))
            assert (said, dict(found.recipients)) == (options, {recipient: each})
        finally:
            server.close()


def parcel(host, name, sender, recipient, since):
    """What another call of some time ago has kept."""
    place = host.spool / str(os.geteuid())
    place.mkdir(parents=True, exist_ok=True)
    for path in (host.spool, place):
        path.chmod(0o700)
    (place / name).write_text(f"gatepost-sendmail 1\nsince {since}\nsender {sender}\nparams \nto {recipient}\n\nFrom: {sender}\r\nSubject: {name}\r\n\r\nx\r\n")
    (place / name).chmod(0o600)
    return place


def test_as_many_as_are_tried_beside_a_message_hold_nobody_else_when_they_are_refused_for_now(folder, sink_certificate, ca, account, recipient):
    server = Sink(sink_certificate, logins={account.name: account.password})
    try:
        host = Host(folder / "host-crowd", server.port, account, ca, tls="starttls")
        for number in range(20):
            parcel(host, f"17000000{number:02}-{number:02x}", account.name, "full-" + recipient, int(time.time()))
        parcel(host, "1700000099-99", account.name, "behind-" + recipient, int(time.time()))
        server.refusals["full-" + recipient] = "452 4.2.2 full"
        for name in ("a-", "b-"):
            assert host.sendmail(name + recipient, stdin="x\n").returncode == EX_OK
        assert server.wait("behind-" + recipient) and host.waiting().count("full-") == 20
    finally:
        server.close()


def test_what_is_old_is_given_up_when_it_is_refused_for_now_and_not_while_the_server_is_away(folder, sink_certificate, ca, account, recipient):
    server = Sink(sink_certificate, logins={account.name: account.password})
    try:
        host = Host(folder / "host-old", server.port, account, ca, tls="starttls", server="127.0.0.1:1")
        place = parcel(host, "1700000000-00", account.name, "old-" + recipient, 1700000000)
        parcel(host, "1700000001-00", account.name, "full-" + recipient, 1700000000)
        assert host.sendmail("-q").returncode == 75 and sorted(os.listdir(place)) == ["1700000000-00", "1700000001-00"]
        server.refusals["full-" + recipient] = "452 4.2.2 full \x1b[31mno\x1b[0m"
        host.configure(server.port, account, ca, tls="starttls")
        assert host.sendmail("-q").returncode == EX_OK
        assert server.wait("old-" + recipient) and sorted(os.listdir(place)) == ["1700000001-00.refused", "1700000001-00.why"]
        assert (place / "1700000001-00.why").read_text() == f"full-{recipient}: 452 4.2.2 full ?[31mno?[0m"
    finally:
        server.close()


def test_what_a_server_says_of_a_parcel_steers_no_terminal(folder, sink_certificate, ca, account, recipient):
    """ID.why is there to be looked at, and a reply may have several lines."""
    server = Sink(sink_certificate, logins={account.name: account.password})
    try:
        host = Host(folder / "host-escapes", server.port, account, ca, tls="starttls", server="127.0.0.1:1")
        assert host.sendmail(recipient, stdin="x\n").returncode == EX_OK
        server.script("DOT", "550-5.7.1 \x1b[31mno\r\n550 5.7.1 never")
        host.configure(server.port, account, ca, tls="starttls")
        done = host.sendmail("-q")
        why, = host.spool.rglob("*.why")
        assert why.read_text().endswith(": 550 5.7.1 ?[31mno never") and "\x1b" not in done.stderr
    finally:
        server.close()


def test_a_server_that_is_not_trusted_is_told_of(host, account, gatepost, recipient):
    """Kept, for it may be mended; but whoever looks at the output of the program that sent must hear of it."""
    host.configure(gatepost.tls_port, account, None)
    done = host.sendmail(recipient, stdin="x\n")
    assert done.returncode == EX_OK and "certificate" in done.stderr and "the mail is kept" in done.stderr
    assert recipient in host.waiting()


def test_an_unknown_recipient_beside_a_known_one(folder, sink_certificate, ca, account, recipient):
    server = Sink(sink_certificate, logins={account.name: account.password})
    try:
        host = Host(folder / "host-unknown", server.port, account, ca, tls="starttls")
        server.script("RCPT", "550 5.1.1 who?", "250 2.1.5 ok")
        done = host.sendmail("a-" + recipient, "b-" + recipient, stdin="x\n")
        assert done.returncode == 67 and f"a-{recipient}: 550 5.1.1 who?" in done.stderr, done.stderr
        assert server.wait("b-" + recipient) and host.waiting() == "Mail queue is empty\n"
    finally:
        server.close()


def test_a_spool_that_somebody_else_made_is_not_used(host, account, ca, recipient):
    host.configure(1, account, ca, server="127.0.0.1:1")
    place = host.spool / str(os.geteuid())
    place.mkdir(parents=True)
    place.chmod(0o755)
    done = host.sendmail(recipient, stdin="x\n")
    assert done.returncode == 75 and "is not this user's alone" in done.stderr


# ---- use
@pytest.mark.parametrize("words, stdin, status, said", [
    ([], "x", EX_USAGE, "there are none"),
    (["-t"], "Subject: x\n\nx", EX_USAGE, "there are none"),
    (["-t"], "To: a@b@c\n\nx", EX_DATAERR, "To: its addresses cannot be read"),
    (["a@b@c"], "x", EX_USAGE, "is no address"),
    (["-f", "a@b@c", "a@example.net"], "x", EX_USAGE, "is no address"),
    (["-N", "maybe", "a@example.net"], "x", EX_USAGE, "-N"),
    (["-bd"], "", EX_USAGE, "only -bm, -bs, -bp"),
    (["-Y"], "", EX_USAGE, "not known"),
    (["-bi"], "", EX_OK, ""),
    (["-I"], "", EX_OK, ""),
    (["-f", "other@example.org", "a@example.net"], "x", EX_NOPERM, "refuses the sender"),
    (["nobody@unqualified"], "x", EX_UNAVAILABLE - 1, "5.1.2"),
])
def test_exit_statuses(host, words, stdin, status, said):
    done = host.sendmail(*words, stdin=stdin)
    assert done.returncode == status and said in done.stderr, done.stderr


@pytest.mark.parametrize("text, said", [
    ("serer: x\n", "sendmail.conf:1: there is no such key (did you mean 'server'?)"),
    ("server: x\nserver: y\n", "sendmail.conf:2: says that key again"),
    ("user: x\n", "names no server"),
    ("server: x\nuser: y\n", "names a user and no password_file"),
    ("server: x\ntls: maybe\n", "tls is implicit, starttls or none"),
    ("server: x\nspool: here\n", "names a path that does not begin with /"),
    ("nothing\n", 'is no line of "key: value"'),
    (None, "is not there"),
])
def test_a_bad_configuration(host, text, said):
    host.conf.unlink() if text is None else host.conf.write_text(text)
    done = host.sendmail("a@example.net", stdin="x")
    assert done.returncode == EX_CONFIG and said in done.stderr, done.stderr


def test_as_a_sub_command(host, recipient, sink):
    done = subprocess.run([GATEPOST, "sendmail", "-C", host.conf, "--", recipient], input="x\n", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == EX_OK, done.stderr
    assert arrived(sink, recipient)
    assert "Usage: sendmail" in subprocess.run([GATEPOST, "help", "sendmail"], capture_output=True, text=True, timeout=60, check=False).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_root_hands_over_what_waits_in_a_spool_of_the_configuration(folder, sink_certificate, ca, account, recipient):
    """Also while the server answers one user's process not at all: the other's mail is there before that one is let go."""
    users = [pwd.getpwnam(name) for name in ("www-data", "games")]
    server = Sink(sink_certificate, logins={account.name: account.password})
    stop = threading.Event()
    try:
        host = Host(folder / "host-common", server.port, account, ca, tls="starttls", server="127.0.0.1:1", timeout="60")
        for path in (host.conf, host.place / "password"):
            path.chmod(0o644)
        host.spool.mkdir()
        host.spool.chmod(0o1777)
        for who in users:
            done = subprocess.run([host.program, "-C", host.conf, f"{who.pw_name}-{recipient}"], input="x\n", capture_output=True, text=True, timeout=60, check=False,
                                  user=who.pw_uid, group=who.pw_gid, extra_groups=[])
            assert done.returncode == EX_OK, done.stderr
        host.configure(server.port, account, ca, tls="starttls", timeout="60")
        server.script("CONNECT", lambda: stop.wait(60) and "220 at last")
        flush = subprocess.Popen([host.program, "-C", host.conf, "-q"], stderr=subprocess.PIPE, text=True)
        first = until("the other's mail", lambda: server.arrived and server.arrived[0])
        assert flush.poll() is None and len(server.arrived) == 1, first
        stop.set()
        assert flush.wait(60) == EX_OK, flush.stderr.read()
        assert all(server.wait(f"{who.pw_name}-{recipient}") for who in users)
    finally:
        stop.set()
        server.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_root_hands_over_for_every_user(host, gatepost, account, ca, sink, recipient, monkeypatch):
    """Under another user's own rights: what he keeps is his, and his configuration decides."""
    who = pwd.getpwnam("www-data")
    away = socket.socket()
    away.bind(("127.0.0.1", 0))
    host.configure(away.getsockname()[1], account, ca, spool=None)
    for path in (host.conf, host.place / "password"):
        path.chmod(0o644)
    common = "/var/spool/gatepost-sendmail"
    if os.path.exists(common):
        pytest.skip("this machine has a spool of its own")
    os.mkdir(common)
    try:
        os.chmod(common, 0o1777)
        done = subprocess.run([host.program, "-C", host.conf, recipient], input="x\n", capture_output=True, text=True, timeout=60, check=False, user=who.pw_uid, group=who.pw_gid, extra_groups=[])
        assert done.returncode == EX_OK, done.stderr
        assert os.stat(f"{common}/{who.pw_uid}").st_uid == who.pw_uid
        host.configure(gatepost.tls_port, account, ca, spool=None)
        away.close()
        assert host.sendmail("-q").returncode == EX_OK
        assert arrived(sink, recipient) and os.listdir(f"{common}/{who.pw_uid}") == []
    finally:
        subprocess.run(["rm", "-r", common], check=True)
