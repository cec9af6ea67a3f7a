"""Postfix and Exim ask gatepost who may send, over Dovecot's protocol; so does Dovecot's own tool, and so do clients that mean ill."""
import base64
import collections
import grp
import itertools
import json
import os
import signal
import socket
import stat
import subprocess

import pytest

import exim
import postfix
from house import until
from mailers import IMPLEMENTATIONS, Job, is_there
from test_signin import scram
from wire import Wire, submit

Server = collections.namedtuple("Server", "port")
CLIENT = "127.0.0.1"
HANDS = "VERSION\t1\t2\nCPID\t4711\n"
needs_postfix = pytest.mark.skipif(bool(postfix.missing()), reason=str(postfix.missing()))
needs_exim = pytest.mark.skipif(bool(exim.missing()), reason=str(exim.missing()))


@pytest.fixture(scope="module")
def place(folder):
    made = folder / "asked"
    made.mkdir(mode=0o755)
    return made


@pytest.fixture
def asked(new_gatepost, place):
    """A gatepost with a socket that everybody may ask on."""
    def make(**options):
        made = new_gatepost(GATEPOST_DOVECOT_AUTH=f"{place}/auth mode=0666", **options)
        made.socket = place / "auth"
        return made
    return make


class Asker:
    """The protocol by hand."""
    def __init__(self, path, greet=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")
        self.greeting = []
        while not self.greeting or self.greeting[-1] != "DONE":
            self.greeting.append(self.line())
        if greet:
            self.send(HANDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def line(self):
        """The next line; "" when the connection is closed."""
        try:
            return self.file.readline().decode().rstrip("\n")
        except ConnectionError:
            return ""

    def say(self, text):
        self.send(text + "\n")
        return self.line()


def plain(account):
    return base64.b64encode(f"\0{account.name}\0{account.password}".encode()).decode()


def sign_ins(gatepost, *words):
    return [line for line in gatepost.log().splitlines() if "event=sign-in" in line and all(word in line for word in words)]


def closed_by_it(asker):
    while asker.line():
        pass
    return True


# ---- Postfix ------------------------------------------------------------------------------------------------------------
@needs_postfix
def test_clients_of_postfix_sign_in(asked, running, sink_certificate, ca, folder, tmp_path, context):
    gatepost = asked()
    server = postfix.asking(folder / "postfix-asking", sink_certificate, gatepost.socket)
    running.append(server)
    for name, mailer in ((name, row) for name, row in IMPLEMENTATIONS.items() if is_there(name)):
        for mechanism in (m for m in mailer.mechanisms if not m.endswith("-PLUS") and m != "CRAM-MD5"):
            account, subject = gatepost.account(), f"{name}-{mechanism}"
            job = Job(Server(server.port), ca, account.name, account.password, mechanism, "starttls", "lena@example.net", subject, tmp_path)
            ok, said = mailer.send(job)
            assert ok or "235 2.7.0" in said, said               # gsasl does not like how Postfix ends TLS
            line = until("sign-in in gatepost's log", lambda: sign_ins(gatepost, account.name))[0]
            assert f"mechanism={mechanism}" in line and f"peer={CLIENT}" in line and "result=ok" in line
            assert f"sasl_username={account.name}" in server.log() or mailer.adds is None
            if mailer.adds is not None:
                kept = postfix.kept(server, f"Subject: {subject}\n")
                assert f"(Authenticated sender: {account.name})" in kept
            ok, said = mailer.send(job._replace(password="k7zq3-wrong"))
            assert not ok and "235 2.7.0" not in said, said
            until("refusal in gatepost's log", lambda: sign_ins(gatepost, account.name, "result=refused"))
    with Wire(server.port, context) as wire:     # what it offers, to whom
        _, lines = wire.say("EHLO client.example")
        assert "AUTH SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN" in lines
        wire.starttls()
        account = gatepost.account()
        assert scram(wire, account, "SCRAM-SHA-256", b"y,,", b"") == 235  # it could bind a channel, and nobody here could


@needs_postfix
def test_what_postfix_does_not_secure_is_not_asked_about(asked, running, sink_certificate, folder):
    gatepost = asked()
    account  = gatepost.account()
    server   = postfix.asking(folder / "postfix-clear", sink_certificate, gatepost.socket)
    running.append(server)
    with Wire(server.port) as wire:
        wire.say("EHLO client.example")
        code, said = wire.auth_plain(account)
        assert code == 535 and "authentication failed" in said[0]
        assert scram(wire, account, "SCRAM-SHA-256", b"n,,", b"") == 235  # it reveals nothing
    assert not sign_ins(gatepost, "mechanism=PLAIN")
    assert [line for line in gatepost.log().splitlines() if "event=refused" in line and "a password in clear" in line and f"peer={CLIENT}" in line]


@needs_postfix
def test_a_disabled_account_is_out_at_once_and_clients_that_go_away_leave_room(asked, running, sink_certificate, context, folder):
    gatepost = asked()
    account, other = gatepost.account(), gatepost.account()
    server = postfix.asking(folder / "postfix-disabled", sink_certificate, gatepost.socket)
    running.append(server)
    with Wire(server.port, context) as wire:
        wire.say("EHLO client.example")
        wire.starttls()
        for _ in range(200):                   # Postfix does not say that they were cancelled
            assert wire.say("AUTH LOGIN")[0] == 334
            assert wire.say("*")[0] == 501
        assert wire.auth_plain(account)[0] == 235
        assert submit(wire, account.name, ["lena@example.net"], "Subject: before\r\n\r\nx\r\n.\r\n")[0] == 250
    gatepost.run("user", "disable", account.name)
    with Wire(server.port, context) as wire:
        wire.say("EHLO client.example")
        wire.starttls()
        assert wire.auth_plain(account)[0] == 535
        assert wire.auth_plain(other)[0] == 235
    until("reason in the log", lambda: sign_ins(gatepost, account.name, 'reason="the account is disabled"'))


@needs_postfix
def test_postfix_asks_again_after_a_restart(asked, running, sink_certificate, context, folder):
    gatepost = asked()
    account  = gatepost.account()
    server   = postfix.asking(folder / "postfix-restart", sink_certificate, gatepost.socket)
    running.append(server)
    for _ in range(2):
        with Wire(server.port, context) as wire:
            wire.say("EHLO client.example")
            wire.starttls()
            assert wire.auth_plain(account)[0] == 235
        gatepost.stop()
        assert not gatepost.socket.exists()
        gatepost.start()


@needs_postfix
def test_who_guesses_at_postfix_is_counted_and_on_record(asked, running, sink_certificate, context, folder):
    """Under the address that Postfix sees; the owner gets in from elsewhere."""
    gatepost = asked(GATEPOST_POLICY_GUARD_TRUSTED="192.0.2.0/24", GATEPOST_POLICY_GUARD_SLOWEST="0s")
    account, number = gatepost.account(), itertools.count()
    server = postfix.asking(folder / "postfix-guessed-at", sink_certificate, gatepost.socket)
    running.append(server)

    def locked():
        with Wire(server.port, context) as wire:
            wire.say("EHLO client.example")
            wire.starttls()
            assert [wire.auth_plain(account._replace(password=f"guess-{next(number)}"))[0] for _ in range(4)] == [535] * 4
        return sign_ins(gatepost, f"account={account.name}", f"peer={CLIENT}", "not looked at: too many wrong passwords for this account from this address")
    assert next(turn for turn in range(8) if locked()) > 0
    with Wire(server.port, context) as wire:
        wire.say("EHLO client.example")
        wire.starttls()
        assert wire.auth_plain(account)[0] == 535
    with Asker(gatepost.socket) as asker:
        assert asker.say(f"AUTH\t1\tPLAIN\tservice=smtp\tsecured\trip=198.51.100.7\tresp={plain(account)}") == f"OK\t1\tuser={account.name}"

    def recorded():
        rows = [json.loads(line) for line in gatepost.run("audit", "export", "--account", account.name).splitlines()]
        said = [row["data"] for row in rows if row["event"] == "sign-in" and row["data"]["listener"] == str(gatepost.socket)]
        return said if said and said[-1]["result"] == "ok" else None
    said = until("the sign-in on record", recorded)
    assert (said[-1]["peer"], said[-1]["mechanism"], said[-1]["tls"]) == ("198.51.100.7", "PLAIN", "secured")
    assert {row["peer"] for row in said[:-1]} == {CLIENT} and {row["result"] for row in said[:-1]} == {"refused"}
    assert "wrong password" in said[0]["reason"] and "not looked at" in said[-2]["reason"]
    explained = gatepost.run("explain", account.name)
    assert f"at {gatepost.socket}, from {CLIENT}, secured" in explained and "not looked at: too many wrong passwords" in explained


# ---- Exim ---------------------------------------------------------------------------------------------------------------
@needs_exim
def test_clients_of_exim_sign_in(asked, running, sink_certificate, ca, folder, tmp_path):
    gatepost = asked()
    server = exim.Exim(folder / "exim-asking", sink_certificate, gatepost.socket)
    running.append(server)
    for name, mailer in ((name, row) for name, row in IMPLEMENTATIONS.items() if is_there(name)):
        for mechanism in (m for m in mailer.mechanisms if not m.endswith("-PLUS") and mailer.adds is not None):
            account = gatepost.account(*(["--allow-cram-md5"] if mechanism == "CRAM-MD5" else []))
            job = Job(Server(server.port), ca, account.name, account.password, mechanism, "starttls", "lena@example.net", f"{name}-{mechanism}", tmp_path)
            ok, said = mailer.send(job)
            assert ok, said + server.log()
            line = until("sign-in in gatepost's log", lambda: sign_ins(gatepost, account.name))[0]
            assert f"mechanism={mechanism}" in line and f"peer={CLIENT}" in line and "result=ok" in line
            until("the account in Exim's log", lambda: f"A={mechanism.lower().replace('-', '_')}:{account.name}" in server.log())
            ok, said = mailer.send(job._replace(password="k7zq3-wrong"))
            assert not ok, said


# ---- Dovecot's own tool -------------------------------------------------------------------------------------------------------
def test_doveadm_asks(asked):
    gatepost = asked()
    account  = gatepost.account()

    def ask(password):
        return subprocess.run(["doveadm", "-c", "/dev/null", "auth", "test", "-a", gatepost.socket, account.name, password], capture_output=True,
                              text=True, timeout=30, check=False)
    right = ask(account.password)
    assert right.returncode == 0 and f"user={account.name}" in right.stdout, right
    wrong = ask("k7zq3-wrong")
    assert wrong.returncode != 0 and "auth failed" in wrong.stdout, wrong
    until("both in the log", lambda: sign_ins(gatepost, account.name, "peer=local", "result=ok") and sign_ins(gatepost, account.name, "result=refused"))


# ---- the protocol by hand --------------------------------------------------------------------------------------------------------
def test_the_last_word_comes_with_the_yes_where_it_may(asked):
    gatepost = asked()
    account  = gatepost.account()

    class Talk:                                # what scram() wants of a wire
        def __init__(self, asker):
            self.asker = asker

        def say(self, text):
            words = text.split(" ")
            if words[0] == "AUTH":
                said = self.asker.say(f"AUTH\t9\t{words[1]}\tservice=smtp\tfinal-resp-ok\trip=2001:db8::7\tresp={words[2]}")
            else:
                said = self.asker.say(f"CONT\t9\t{text}")
            verb, number, *rest = said.split("\t")
            assert number == "9"
            if verb == "OK":
                assert rest[0] == f"user={account.name}" and base64.b64decode(rest[1].removeprefix("resp=")).startswith(b"v=")
            return {"CONT": 334, "OK": 235, "FAIL": 535}[verb], rest
    with Asker(gatepost.socket) as asker:
        assert scram(Talk(asker), account, "SCRAM-SHA-256", b"n,,", b"") == 235
        assert scram(Talk(asker), account._replace(password="k7zq3-wrong"), "SCRAM-SHA-256", b"n,,", b"") == 535
    until("sign-in in the log", lambda: sign_ins(gatepost, account.name, "peer=2001:db8::7", "result=ok"))


def test_what_is_offered_and_refused(asked):
    gatepost = asked()
    account  = gatepost.account()
    with Asker(gatepost.socket) as asker:
        assert asker.greeting[0] == "VERSION\t1\t2" and "MECH\tPLAIN\tplaintext" in asker.greeting
        assert not [line for line in asker.greeting if "-PLUS" in line]
        cookie = next(line for line in asker.greeting if line.startswith("COOKIE\t"))
        assert len(bytes.fromhex(cookie.split("\t")[1])) == 16
        for text in (f"AUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.1\tresp={plain(account)}",
                     f"AUTH\t2\tSCRAM-SHA-256-PLUS\tservice=smtp\tsecured\tresp={plain(account)}",
                     f"AUTH\t3\tEXTERNAL\tservice=smtp\tsecured\tvalid-client-cert\tcert_username={account.name}\tresp==",
                     "AUTH\t4\tNONSENSE\tservice=smtp\tsecured", "AUTH\t5\tPLAIN\tservice=smtp\tsecured\tresp=!!!!",
                     f"AUTH\t6\tPLAIN\tservice=smtp\tsecured\trip=192.0.2.1\tresp={plain(account)[:-8]}AAAAAAA="):
            assert asker.say(text) == f"FAIL\t{text.split()[1]}\treason=authentication failed"
        assert asker.say("CONT\t77\tAAAA") == "FAIL\t77\ttemp\treason=not available now, try again later"
        assert asker.say(f"AUTH\t7\tPLAIN\tservice=smtp\tsecured\trip=nonsense\tresp={plain(account)}") == f"OK\t7\tuser={account.name}"
    until("sign-in in the log", lambda: sign_ins(gatepost, "peer=unknown", "result=ok"))
    with Asker(gatepost.socket) as one, Asker(gatepost.socket) as two:
        assert one.greeting[-2] != two.greeting[-2]             # cookies


def test_many_questions_at_once_are_answered_each(asked):
    gatepost = asked()
    account  = gatepost.account()
    with Asker(gatepost.socket) as asker:
        lines = [f"AUTH\t{i}\tPLAIN\tservice=smtp\tsecured\trip=192.0.2.{i % 3}\tresp={plain(account)}\n" for i in range(60)]
        asker.send("".join(lines))
        answers = sorted(int(asker.line().removeprefix("OK\t").split("\t")[0]) for _ in lines)
    assert answers == list(range(60))


def still_serves(gatepost, account, asker):
    assert asker.say(f"AUTH\t1\tPLAIN\tservice=smtp\tsecured\trip=192.0.2.9\tresp={plain(account)}") == f"OK\t1\tuser={account.name}"
    assert not [role for role in gatepost.roles() if role["restarts"]]


def test_hostile_clients_disturb_nobody(asked):
    gatepost = asked()
    account  = gatepost.account()
    with Asker(gatepost.socket) as decent:
        for garbage in (b"\0" * 100000 + b"\n", b"x" * 300000, b"GET / HTTP/1.1\r\n\r\n", b"VERSION\t1\t2\nREQUEST\t1\t2\t3\tcookie\n",
                        HANDS.encode() + b"AUTH\t1\tPLAIN\tservice=smtp\tresp=" + b"A" * 200000,
                        HANDS.encode() + b"AUTH\t1\tLOGIN\tservice=smtp\nAUTH\t1\tLOGIN\tservice=smtp\n", os.urandom(5000)):
            with Asker(gatepost.socket, greet=False) as bad:
                try:
                    bad.send(garbage)
                except ConnectionError:
                    pass                       # it did not wait for all of it
                assert closed_by_it(bad)
        with Asker(gatepost.socket) as many:   # thousands of ids: the oldest make room
            count = 3000
            many.send("".join(f"AUTH\t{i}\tLOGIN\tservice=smtp\tsecured\n" for i in range(count)))
            verdicts = collections.Counter()
            asked_back, refused = set(), set()
            while len(asked_back | refused) < count:
                verb, number = many.line().split("\t")[:2]
                (asked_back if verb == "CONT" else refused).add(int(number))
                verdicts[verb] += 1
            assert verdicts["OK"] == 0 and verdicts["FAIL"] >= count - 64
        half = [Asker(gatepost.socket, greet=False) for _ in range(50)]
        for one in half:
            one.send("VERSION\t1\t2\nCPID\t1\nAUTH\t1\tPLA")
        for one in half[:25]:
            one.__exit__()
        still_serves(gatepost, account, decent)
        for one in half[25:]:
            one.__exit__()

    def connections(state):
        return sum("event=asker" in line and f"state={state}" in line for line in gatepost.log().splitlines())
    until("end of every connection", lambda: connections("open") == connections("closed") >= 59)


def test_a_smtpd_that_dies_takes_only_its_own_connections_along(asked):
    gatepost = asked(GATEPOST_WORKERS="2")
    account  = gatepost.account()
    askers   = [Asker(gatepost.socket) for _ in range(20)]
    spid     = [next(line for line in asker.greeting if line.startswith("SPID")) for asker in askers]
    victim   = int(spid[0].split("\t")[1])
    os.kill(victim, signal.SIGKILL)
    for asker, said in zip(askers, spid):
        if said == spid[0]:
            assert closed_by_it(asker)
        else:
            assert asker.say(f"AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp={plain(account)}") == f"OK\t1\tuser={account.name}"
        asker.__exit__()
    until("restart", lambda: len([pid for pid in gatepost.pids("smtpd") if pid != victim]) == 2)
    for _ in range(20):
        with Asker(gatepost.socket) as asker:
            assert asker.say(f"AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp={plain(account)}") == f"OK\t1\tuser={account.name}"


def test_who_does_not_greet_is_sent_home(asked):
    gatepost = asked(GATEPOST_LIMITS_SIGN_IN_TIMEOUT="5s")
    account  = gatepost.account()
    with Asker(gatepost.socket, greet=False) as silent, Asker(gatepost.socket) as slow:
        assert slow.say("AUTH\t1\tLOGIN\tservice=smtp\tsecured").startswith("CONT\t1\t")
        assert closed_by_it(silent)
        assert slow.line() == "FAIL\t1\ttemp\treason=not available now, try again later"
        assert slow.say(f"AUTH\t2\tPLAIN\tservice=smtp\tsecured\tresp={plain(account)}") == f"OK\t2\tuser={account.name}"


# ---- the socket itself --------------------------------------------------------------------------------------------------------
def test_the_socket_is_given_to_whom_it_is_for(new_gatepost, folder):
    path = folder / "given-socket"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()                              # nobody answers on it
    root  = os.geteuid() == 0
    group = "mail" if root else grp.getgrgid(os.getegid()).gr_name
    gatepost = new_gatepost(GATEPOST_DOVECOT_AUTH=f"{path} group={group}")
    is_now = path.stat()
    assert stat.S_ISSOCK(is_now.st_mode) and stat.S_IMODE(is_now.st_mode) == 0o660 and is_now.st_gid == grp.getgrnam(group).gr_gid
    gatepost.stop()
    assert not path.exists()


@pytest.mark.parametrize("what", ["file", "answered", "no folder", "no group"])
def test_a_socket_that_cannot_be_made_stops_the_start(what, new_gatepost, folder):
    path  = folder / f"refused-{what.replace(' ', '-')}" / "auth"
    group = " group=nobody-of-that-name" if what == "no group" else ""
    if what != "no folder":
        path.parent.mkdir()
    if what == "file":
        path.write_text("precious")
    server = socket.socket(socket.AF_UNIX)
    if what == "answered":
        server.bind(str(path))
        server.listen()
    gatepost = new_gatepost(start=False, GATEPOST_DOVECOT_AUTH=f"{path}{group}")
    done = gatepost.command("serve")
    why = {"file": "something else is there that is no socket", "answered": "somebody answers there already", "no folder": "No such file",
           "no group": "there is no such group"}[what]
    assert done.returncode == 1 and why in done.stderr, done
    assert path.exists() == (what in ("file", "answered"))
    server.close()
