"""What clients are told, word for word: programs act on the codes, people read the text."""
import base64
import os
import shutil
import signal

import pytest

from house import DOMAIN, until
from wire import Wire, signed_in, submit

NOT_YOU = "535 5.7.8 authentication failed"
TOO_MANY = "452 4.5.3 too many recipients"


def said(reply):
    code, lines = reply
    return f"{code} {lines[0]}"


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def hello(gatepost, context):
    wire = Wire(gatepost.tls_port, context, implicit=True)
    assert wire.say("EHLO client.example")[0] == 250
    return wire


@pytest.fixture(scope="module")
def printer(gatepost):
    """An account that may use every mechanism."""
    return gatepost.account("--allow-cram-md5", name=f"printer@{DOMAIN}")


# ---- signing in ----------------------------------------------------------------------------------------------
def plain(text):
    return lambda who: ["AUTH PLAIN " + b64(text(who) if callable(text) else text)]


@pytest.mark.parametrize("lines", [
    plain(f"\0nobody@{DOMAIN}\0x"),
    plain(lambda who: f"\0{who.name}\0wrong"),
    plain(lambda who: f"\0{who.name}\0"),
    plain(lambda who: f"\0{who.name}\0{who.password} "),
    plain(lambda who: f"boss@{DOMAIN}\0{who.name}\0{who.password}"),
    plain("no NUL at all"),
    plain("\0a\0b\0c"),
    plain(b"\0\xff\xfe\0x"),
    lambda _: ["AUTH PLAIN ="],
    lambda who: ["AUTH LOGIN", b64(who.name), b64("wrong")],
    lambda _: ["AUTH LOGIN", b64("nobody"), b64("x")],
    lambda who: ["AUTH CRAM-MD5", b64(f"{who.name} {'0' * 32}")],
    lambda _: ["AUTH CRAM-MD5", b64(f"nobody {'0' * 32}")],
    lambda _: ["AUTH SCRAM-SHA-256 " + b64("rubbish")],
    lambda who: ["AUTH SCRAM-SHA-256 " + b64(f"n,,n={who.name},r=abc"), b64("c=biws,r=another,p=AAAA")],
], ids=["unknown", "wrong", "empty", "a space more", "for another", "malformed", "too many parts", "not UTF-8", "nothing", "LOGIN, wrong",
        "LOGIN, unknown", "CRAM-MD5, wrong", "CRAM-MD5, unknown", "SCRAM, malformed", "SCRAM, wrong"])
def test_who_is_not_believed_is_told_always_the_same(lines, gatepost, context, printer):
    with hello(gatepost, context) as wire:
        replies = [said(wire.say(line)) for line in lines(printer)]
    assert replies[-1] == NOT_YOU and all(reply.startswith("334 ") for reply in replies[:-1])


def test_a_disabled_account_is_told_no_more(gatepost, context):
    account = gatepost.account()
    gatepost.run("user", "disable", account.name)
    with hello(gatepost, context) as wire:
        assert said(wire.auth_plain(account)) == NOT_YOU


@pytest.mark.parametrize("lines,last", [
    (["AUTH PLAIN !"], "501 5.5.2 not base64"),
    (["AUTH PLAIN", "YQ=a"], "501 5.5.2 not base64"),
    (["AUTH PLAIN", "*"], "501 5.7.0 cancelled"),
    (["AUTH LOGIN", b64("ada"), "*"], "501 5.7.0 cancelled"),
    (["AUTH CRAM-MD5 " + b64("x")], "501 5.7.0 this mechanism takes no initial response"),
    (["AUTH NTLM"], "504 5.5.4 mechanism not offered"),
    (["AUTH PLAIN " + "A" * 13000], "500 5.5.6 authentication exchange line is too long"),
    (["AUTH PLAIN", "A" * 13000], "500 5.5.6 authentication exchange line is too long"),
])
@pytest.mark.usefixtures("printer")
def test_an_exchange_that_goes_wrong(lines, last, gatepost, context):
    with hello(gatepost, context) as wire:
        assert [said(wire.say(line)) for line in lines][-1] == last
        assert said(wire.say("NOOP")) == "250 2.0.0 ok"


def test_who_is_believed(gatepost, context, printer):
    with hello(gatepost, context) as wire:
        assert said(wire.auth_plain(printer)) == "235 2.7.0 signed in"
        assert said(wire.auth_plain(printer)) == "503 5.5.1 signed in already"


# ---- incidents -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lines", [
    ["AUTH PLAIN " + b64("\0nobody\0x")], ["AUTH NTLM"], ["MAIL FROM:<a@example.org>"],
    ["{sign in}", "MAIL FROM:<{me}> SIZE=99999999999"], ["{sign in}", "MAIL FROM:<boss@example.org>"],
    ["{sign in}", "MAIL FROM:<{me}>", "RCPT TO:<a@example.net>", "DATA", "From: <boss@example.org>\r\n\r\nx\r\n."],
    ["{sign in}", "MAIL FROM:<{me}>", "RCPT TO:<a@example.net>", "DATA", "no header\r\n."],
], ids=["sign-in", "mechanism", "not signed in", "size", "sender", "author", "header"])
def test_a_decision_has_a_name_that_the_log_has_too(lines, gatepost, context, account):
    with hello(gatepost, context) as wire:
        for line in lines:
            wire.auth_plain(account) if line == "{sign in}" else wire.say(line.replace("{me}", account.name))
        assert wire.incident
        until("the incident in the log", lambda: f"incident={wire.incident}" in gatepost.log())


def test_a_flood_of_refusals_costs_nobody_his_mail(gatepost, context, account):
    with hello(gatepost, context) as wire:
        assert wire.say("NONSENSE")[0] == 500 and not wire.incident
    named = set()
    for _ in range(12):
        with hello(gatepost, context) as wire:
            wire.send("MAIL FROM:<a@example.org>\r\n" * 19)
            for _ in range(19):
                assert wire.hear()[0] == 530
                named.add(wire.incident)
    assert len(named) == 12 * 19
    with signed_in(gatepost, context, account) as wire:
        assert said(submit(wire, account.name, ["a@example.net"], letter(f"From: <{account.name}>"))).startswith("250 2.0.0 queued as ")


# ---- mail ----------------------------------------------------------------------------------------------------
def letter(header, end="\r\n"):
    return f"{header}\r\n\r\nx{end}.\r\n"


@pytest.mark.parametrize("message,last", [
    (letter("To: <a@example.net>"), "554 5.6.0 the message has no From header field"),
    (letter("From: nonsense <"), "554 5.6.0 the From header field is not a list of addresses"),
    (letter("From: <{me}>\r\nno field"), "554 5.6.0 the message header has a line that is not a header field"),
    (letter("From: <{me}>", "\n\r\n"), "550 5.6.11 message has CR or LF that is not part of CR LF"),
    (letter("From: <{me}>\r\nX: a\0b"), "554 5.6.0 the message header has a bare CR, a bare LF or a NUL"),
    (letter("From: <{me}>\r\n\r\na\0b"), "554 5.6.0 the message text has a NUL"),
    (letter("From: <{me}>\r\n\r\n" + "x" * 999), "554 5.6.0 message has a line of more than 998 octets"),
    (letter("From: <{me}>\r\nX: " + "\r\n ".join(["x" * 900] * 80)), "554 5.6.0 the message header is over 64 KiB"),
])
def test_a_message_that_is_refused(message, last, gatepost, context, account):
    with signed_in(gatepost, context, account) as wire:
        assert said(submit(wire, account.name, ["a@example.net"], message.replace("{me}", account.name))) == last
        assert said(wire.say("NOOP")) == "250 2.0.0 ok"


def test_a_sender_that_is_somebody_else(gatepost, context, account):
    with signed_in(gatepost, context, account) as wire:
        assert said(wire.say(f"MAIL FROM:<boss@{DOMAIN}>")) == (
            f"550 5.7.1 this account may not send as that address; yours: {account.name}")
        assert said(wire.say(f"MAIL FROM:<{account.name}>")) == "250 2.1.0 sender ok"


def test_more_recipients_than_allowed_or_than_there_is_room_for(new_gatepost, sink, context):
    gatepost = new_gatepost(sink, GATEPOST_LIMITS_RECIPIENTS="1000")
    with signed_in(gatepost, context, account := gatepost.account()) as wire:
        for length, fewest, most in ((0, 1000, 1000), (400, 155, 999)):
            wire.say(f"MAIL FROM:<{account.name}>")
            orcpt = " ORCPT=rfc822;" + "x" * length if length else ""
            replies = [said(wire.say(f"RCPT TO:<r{n}@example.net>{orcpt}")) for n in range(1001)]
            kept = replies.count("250 2.1.5 recipient ok")
            assert fewest <= kept <= most and replies[kept:] == [TOO_MANY] * (1001 - kept)
            wire.say("RSET")


@pytest.mark.skipif(shutil.disk_usage("/tmp").free >= 1 << 40, reason="more space is free than can be asked for")
def test_no_space(new_gatepost, sink, context):
    gatepost = new_gatepost(sink, GATEPOST_QUEUE_FREE_SPACE="1T")
    with signed_in(gatepost, context, account := gatepost.account()) as wire:
        reply = submit(wire, account.name, ["a@example.net"], letter(f"From: <{account.name}>"))
        assert said(reply) == "452 4.3.1 not enough space now, try again later"


# ---- a role that dies with the question unanswered -----------------------------------------------------------
def ask_one_that_dies(gatepost, wire, role, line):
    """Stopped first, so that it cannot answer before it dies."""
    (pid,) = gatepost.pids(role)
    os.kill(pid, signal.SIGSTOP)
    wire.send(line)
    wire.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        wire.socket.recv(1)
    wire.socket.settimeout(20)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("role,so_far,line,last", [
    ("vault", [], "{sign in}\r\n", "454 4.7.0 authentication is not available now, try again later"),
    ("vault", ["{sign in}"], "MAIL FROM:<{me}>\r\n", "451 4.3.0 cannot tell now who may send, try again later"),
    ("vault", ["{sign in}", "MAIL FROM:<{me}>", "RCPT TO:<a@example.net>", "DATA"], f"From: <boss@{DOMAIN}>\r\n\r\nx\r\n.\r\n",
     "451 4.3.0 cannot tell now who may send, try again later"),
    ("queue", ["{sign in}", "MAIL FROM:<{me}>", "RCPT TO:<a@example.net>", "DATA"], "From: <{me}>\r\n\r\nx\r\n.\r\n",
     "451 4.3.0 the message cannot be queued now, try again later"),
], ids=["sign in", "MAIL", "the question about an author", "the final dot"])
def test_a_role_that_dies(role, so_far, line, last, new_gatepost, sink, context):
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    sign_in = "AUTH PLAIN " + b64(f"\0{account.name}\0{account.password}")

    def words(text):
        return text.replace("{sign in}", sign_in).replace("{me}", account.name)
    with hello(gatepost, context) as wire:
        for text in so_far:
            assert wire.say(words(text))[0] < 400
        ask_one_that_dies(gatepost, wire, role, words(line))
        assert said(wire.hear()) == last
        assert said(wire.say("NOOP")) == "250 2.0.0 ok"


# ---- the last word -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("setting,last", [("SESSIONS_PER_WORKER", "421 4.3.2 too many sessions now, try again later"),
                                          ("SESSIONS_PER_ADDRESS", "421 4.7.0 too many sessions from your address")])
def test_one_too_many(setting, last, new_gatepost, sink):
    gatepost = new_gatepost(sink, GATEPOST_WORKERS="1", **{f"GATEPOST_LIMITS_{setting}": "1"})
    with Wire(gatepost.port) as first, Wire(gatepost.port) as second:
        assert first.greeting[0] == 220 and said(second.greeting) == last
        assert second.hear()[0] == 0


@pytest.mark.parametrize("setting,so_far,last", [
    ("SIGN_IN_TIMEOUT", None, "421 4.4.2 it took too long to sign in"),
    ("COMMAND_TIMEOUT", [], "421 4.4.2 silent for too long"),
    ("DATA_TIMEOUT", ["MAIL FROM:<{me}>", "RCPT TO:<a@example.net>", "DATA"], "421 4.4.2 silent for too long"),
])
def test_too_slow(setting, so_far, last, new_gatepost, sink, context):
    gatepost = new_gatepost(sink, **{f"GATEPOST_LIMITS_{setting}": "1s"})
    account = gatepost.account()
    with signed_in(gatepost, context, account) if so_far is not None else hello(gatepost, context) as wire:
        for text in so_far or []:
            assert wire.say(text.replace("{me}", account.name))[0] < 400
        assert said(wire.hear()) == last
        assert wire.hear()[0] == 0


def test_too_many_errors(gatepost, context):
    with hello(gatepost, context) as wire:
        replies = [said(wire.say("FOO")) for _ in range(20)]
    assert replies == ["500 5.5.2 command not recognized"] * 19 + ["421 4.7.0 too many errors, closing"]


def test_the_server_goes_down(new_gatepost, sink, context):
    gatepost = new_gatepost(sink)
    with signed_in(gatepost, context, gatepost.account()) as wire:
        gatepost.process.send_signal(signal.SIGTERM)
        assert said(wire.hear()) == "421 4.3.2 the server is going down, try again later"
        assert wire.hear()[0] == 0
    until("the end", lambda: gatepost.process.poll() == 0)
