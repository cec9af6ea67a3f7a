"""Dialogues that no decent client would hold, and what TLS must do."""
import base64
import socket
import ssl
import time

import pytest

from house import HOSTNAME, until
from wire import Wire, signed_in, submit


def offered(lines):
    return {line.split()[0]: line.split()[1:] for line in lines[1:]}


def test_what_is_offered_before_and_under_tls(gatepost, context, account):
    with Wire(gatepost.port, context) as wire:
        assert wire.greeting[0] == 220 and wire.greeting[1][0].startswith(HOSTNAME)
        clear = offered(wire.say("EHLO client.example")[1])
        assert "STARTTLS" in clear and "AUTH" not in clear
        secure = offered(wire.starttls()[1])
        assert "STARTTLS" not in secure
        assert {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN"} <= set(secure["AUTH"])
        assert {"PIPELINING", "8BITMIME", "SIZE", "DSN", "ENHANCEDSTATUSCODES"} <= set(secure)


@pytest.mark.parametrize("line,code", [("AUTH PLAIN AGEAYg==", 530), ("MAIL FROM:<a@example.org>", 530), ("RCPT TO:<a@example.org>", 530),
                                       ("DATA", 530), ("NOOP", 250), ("RSET", 250), ("STARTTLS now", 501), ("QUIT", 221)])
def test_commands_in_clear(line, code, gatepost):
    with Wire(gatepost.port) as wire:
        wire.say("EHLO client.example")
        assert wire.say(line)[0] == code


@pytest.mark.parametrize("line,code", [("MAIL FROM:<a@example.org>", 530), ("DATA", 530), ("AUTH NTLM", 504), ("AUTH PLAIN !", 501),
                                       ("AUTH", 501), ("STARTTLS", 503), ("NOOP", 250), ("QUIT", 221)])
def test_commands_before_signing_in(line, code, gatepost, context):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert wire.say(line)[0] == code


def test_unknown_user_and_wrong_password_are_told_the_same(gatepost, context, account):
    said = []
    for name in (account.name, "nobody@example.org"):
        with Wire(gatepost.tls_port, context, implicit=True) as wire:
            wire.say("EHLO client.example")
            said.append(wire.say("AUTH PLAIN " + base64.b64encode(f"\0{name}\0wrong".encode()).decode()))
    assert said[0] == said[1] and said[0][0] == 535 and said[0][1][0].startswith("5.7.8")


def test_too_many_failures_end_the_session(gatepost, context, account):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        codes = [wire.auth_plain(account._replace(password="wrong"))[0] for _ in range(4)]
        assert codes[:2] == [535, 535] and codes[-1] in (421, 0) and 235 not in codes


@pytest.mark.parametrize("injected", [b"EHLO evil.example\r\n", b"NOOP\r\n", b"MAIL FROM:<evil@example.org>\r\n"])
def test_what_stands_behind_starttls_is_forgotten(injected, gatepost, context):
    with Wire(gatepost.port, context) as wire:
        wire.say("EHLO client.example")
        wire.send(b"STARTTLS\r\n" + injected)
        code, _ = wire.hear()
        if code != 220:                         # refusing the whole thing is as good
            assert code in (0, 501, 503, 554)
            return
        try:
            wire.handshake()
        except (ssl.SSLError, ConnectionError):
            return                              # the injected octets were no TLS record: the connection ends
        wire.socket.settimeout(0.5)
        with pytest.raises((TimeoutError, socket.timeout)):
            wire.socket.recv(1)                 # no answer to what came in clear


ENDS = [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\n\0.\r\n"]


@pytest.mark.parametrize("end", ENDS, ids=[repr(end) for end in ENDS])
def test_no_second_message_is_smuggled(end, gatepost, context, sink, account, recipient):
    inner = b"MAIL FROM:<%s>\r\nRCPT TO:<smuggled-%s>\r\nDATA\r\nFrom: <x@example.org>\r\n\r\nsmuggled\r\n" % (
        account.name.encode(), recipient.encode())
    outer = b"From: <%s>\r\nSubject: outer\r\n\r\nouter" % account.name.encode()
    with signed_in(gatepost, context, account) as wire:
        reply = submit(wire, account.name, [recipient], outer + end + inner + b".\r\n")
        if reply[0] in (0, 421):
            return                              # hanging up on it is fine
        assert wire.say("NOOP")[0] == 250       # in step: one message, one answer
        assert wire.say("QUIT")[0] == 221
    if reply[0] == 250:
        data = sink.wait(recipient).data
        assert b"\n" not in data.replace(b"\r\n", b"") and b"\r" not in data.replace(b"\r\n", b"")
    time.sleep(0.2)
    assert not sink.for_(f"smuggled-{recipient}")


def test_pipelined_as_a_whole(gatepost, context, sink, account, recipient):
    with signed_in(gatepost, context, account) as wire:
        wire.send(f"MAIL FROM:<{account.name}>\r\nRCPT TO:<{recipient}>\r\nRCPT TO:<not an address>\r\nDATA\r\n")
        assert [wire.hear()[0] for _ in range(4)] == [250, 250, 501, 354]
        wire.send(f"From: <{account.name}>\r\n\r\nx\r\n.\r\nNOOP\r\nQUIT\r\n")
        assert [wire.hear()[0] for _ in range(3)] == [250, 250, 221]
    assert sink.wait(recipient)


def test_octet_by_octet(gatepost, context, sink, account, recipient):
    with signed_in(gatepost, context, account) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in f"MAIL FROM:<{account.name}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode():
            wire.send(bytes([octet]))
        assert [wire.hear()[0] for _ in range(3)] == [250, 250, 354]
        for octet in f"From: <{account.name}>\r\n\r\n..x\r\n.\r\n".encode():
            wire.send(bytes([octet]))
        assert wire.hear()[0] == 250
    assert sink.wait(recipient).data.endswith(b"\r\n\r\n.x\r\n")


def test_bdat(gatepost, context, sink, account, recipient):
    with signed_in(gatepost, context, account) as wire:
        if "CHUNKING" not in offered(wire.say("EHLO client.example")[1]):
            pytest.skip("CHUNKING is not offered")
        wire.say(f"MAIL FROM:<{account.name}>")
        wire.say(f"RCPT TO:<{recipient}>")
        head, tail = f"From: <{account.name}>\r\n\r\n".encode(), b"one\r\n.\r\ntwo\r\n"
        wire.send(b"BDAT %d\r\n%s" % (len(head), head))
        assert wire.hear()[0] == 250
        wire.send(b"BDAT %d LAST\r\n%s" % (len(tail), tail))
        assert wire.hear()[0] == 250
    assert sink.wait(recipient).data.endswith(b"\r\n\r\none\r\n.\r\ntwo\r\n")


def test_old_versions_of_tls_are_refused(gatepost, ca):
    old = ssl.create_default_context(cafile=ca)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Wire(gatepost.tls_port, old, implicit=True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLSv1.2", "TLSv1.3"])
def test_a_tls_session_is_resumed(version, gatepost, ca):
    """By whichever process answers: the tickets' keys are shared."""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = context.maximum_version = version
    with Wire(gatepost.tls_port, context, implicit=True) as first:
        first.say("EHLO client.example")
        session = first.socket.session
    resumed = 0
    for _ in range(6):
        with socket.create_connection(("127.0.0.1", gatepost.tls_port), timeout=10) as raw:
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
                assert tls.recv(3) == b"220"
                resumed += tls.session_reused
    assert resumed == 6


def test_the_certificate_that_fits_the_name_asked_for(new_gatepost, authority, sink, ca):
    gatepost = new_gatepost(sink, start=False)
    other = authority.issue("other", "smtp.other.example")
    (gatepost.dir / "tls/other.pem").write_bytes(other[0].read_bytes())
    (gatepost.dir / "tls/other.key").write_bytes(other[1].read_bytes())
    config = gatepost.dir / "gatepost.yml"
    lines = config.read_text().splitlines()
    assert not any(line.startswith("tls:") for line in lines), "init wrote a tls section: this test must be taught to extend it"
    config.write_text("\n".join(lines + ["tls:", "  certificates:", "    - tls/cert.pem tls/key.pem", "    - tls/other.pem tls/other.key", ""]))
    gatepost.start()
    context = ssl.create_default_context(cafile=ca)
    for name in ("localhost", "smtp.other.example", HOSTNAME):
        with Wire(gatepost.tls_port, context, implicit=True, name=name) as wire:   # the context checks the name
            assert wire.say("EHLO client.example")[0] == 250
    context.check_hostname = False
    with Wire(gatepost.tls_port, context, implicit=True, name="nobody.example") as wire:
        names = {value for _, value in wire.socket.getpeercert()["subjectAltName"]}
        assert HOSTNAME in names


def test_a_silent_client_is_sent_away(new_gatepost, sink, context):
    gatepost = new_gatepost(sink, GATEPOST_LIMITS_SIGN_IN_TIMEOUT="1s", GATEPOST_LIMITS_COMMAND_TIMEOUT="1s")
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        began = time.monotonic()
        assert wire.hear()[0] in (421, 0)
        assert time.monotonic() - began < 5
    with socket.create_connection(("127.0.0.1", gatepost.tls_port), timeout=10) as raw:
        assert raw.recv(1) == b""               # never said hello in TLS


def shout(wire):
    """Commands without end, and no reply is read: until nothing goes in any more."""
    wire.socket.settimeout(1)
    with pytest.raises((TimeoutError, socket.timeout, ssl.SSLError)):
        while True:
            wire.send(b"HELP\r\n" * 1000)


@pytest.mark.parametrize("secure", [False, True], ids=["in clear", "signed in"])
def test_a_client_that_never_listens_is_sent_away(secure, new_gatepost, sink, context):
    gatepost = new_gatepost(sink, GATEPOST_LIMITS_SIGN_IN_TIMEOUT="1s", GATEPOST_LIMITS_COMMAND_TIMEOUT="1s",
                            GATEPOST_LIMITS_ERRORS_PER_SESSION="1000000")
    account = gatepost.account()
    with signed_in(gatepost, context, account, room=2048) if secure else Wire(gatepost.port, room=2048) as wire:
        shout(wire)
        until("the end of the session", lambda: "state=closed" in gatepost.log(), 8)


def test_a_client_that_never_listens_does_not_hold_up_a_stop(new_gatepost, sink, context):
    gatepost = new_gatepost(sink, GATEPOST_STOP_TIMEOUT="60s")
    with signed_in(gatepost, context, gatepost.account(), room=2048) as wire:
        shout(wire)
        gatepost.stop()                         # which waits for half of that


def test_a_flood_from_one_address_is_bounded(new_gatepost, sink, context):
    gatepost = new_gatepost(sink, GATEPOST_WORKERS="1", GATEPOST_LIMITS_SESSIONS_PER_ADDRESS="3")
    wires = [Wire(gatepost.port) for _ in range(5)]
    codes = [wire.greeting[0] for wire in wires]
    assert codes.count(220) == 3 and set(codes[3:]) <= {421, 0}
    assert gatepost.log().count("too many sessions from your address") == 1
    for wire in wires:
        wire.close()
    until("room for another session", lambda: Wire(gatepost.port).greeting[0] == 220)
