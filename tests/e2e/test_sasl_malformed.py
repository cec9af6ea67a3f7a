"""What is malformed, in each mechanism at each step, over the wire: the client hears the exact reply, the session goes on and a right
sign-in works in it, and the log says the cause and nothing of what was sent.
"""
import base64
import collections
import hashlib
import hmac
import itertools

import pytest

from house import Gatepost, until
from wire import Wire

NAME, PASSWORD = "mallory@example.org", "k7zq3-gr\u00fcn-9x2pw"
FAILED = (535, "5.7.8 authentication failed")
CANCELLED = (501, "5.7.0 cancelled")
NOT_BASE64 = (501, "5.5.2 not base64")
NO_INITIAL = (501, "5.7.0 this mechanism takes no initial response")
NOT_OFFERED = (504, "5.5.4 mechanism not offered")
TOO_LONG = (500, "5.5.6 authentication exchange line is too long")
CAUSES = {CANCELLED: "the client cancelled", TOO_LONG: "line is too long", NOT_OFFERED: "mechanism not offered", NOT_BASE64: "the client's line is not base64",
          NO_INITIAL: "an initial response where the server speaks first"}
# The log says what exactly; each case is held to the kind of it.
MALFORMED = ("the client's message ", "the header of the client's message is too long", "the client's nonce is missing", "the user name is ",
             "an extension is not known, or malformed", "the name to act as is not one that can be", "the password is empty, too long, or has",
             "the client's last message is ", "the client's proof is missing", "the digest is not written")
WRONG = "wrong password"
BINDING = ("the client binds to the channel", "the client does not bind to the channel", "the client could bind to the channel and saw no -PLUS",
           "the client is bound to another channel, or its header was changed")
MADE = b"abcde-fghij-kmnpq-rstuv-wxyz23"             # as gatepost makes them
NONCE = "fyko+d2lbbFgONRv9qkxdawL"
turns = itertools.count(1)

# lines: what the client says, the initial response first (None: there is none); text is sent as it is, octets in base64, and a function
# is given the challenges so far. All but the last are answered 334.
Case = collections.namedtuple("Case", "mechanism what lines reply cause")


def case(mechanism, what, *lines, reply=FAILED, cause=None):
    causes = cause or CAUSES.get(reply, MALFORMED)
    return Case(mechanism, what, lines, reply, causes if isinstance(causes, tuple) else (causes,))


# ---- names and passwords, where a message holds them --------------------------------------------------------------
BAD_TEXTS = {"not UTF-8": b"\xff\xfe", "UTF-8 cut off": b"gr\xc3", "overlong UTF-8": b"\xc0\xafx", "a surrogate": b"\xed\xa0\x80x",
             "a control character": b"a\x07b", "private use": "a\ue000b".encode(), "both directions": "\u0627a1".encode(),
             "nothing left of it": "\u00ad".encode(), "empty": b""}
LONG = {"a name of 257 octets": b"n" * 257, "a password of 1025 octets": b"p" * 1025}


def plain_cases():
    name, password = NAME.encode(), PASSWORD.encode()
    good = b"\0" + name + b"\0" + password
    yield case("PLAIN", "no base64", "!!!!", reply=NOT_BASE64)
    yield case("PLAIN", "base64 without its padding", "AGEAYg", reply=NOT_BASE64)
    yield case("PLAIN", "base64 with more after its padding", "AGEAYg==AGEA", reply=NOT_BASE64)
    yield case("PLAIN", "base64 with bits that mean nothing", "AGEAYh==", reply=NOT_BASE64)
    yield case("PLAIN", "no base64 after the challenge", None, "AGEA-g==", reply=NOT_BASE64)
    yield case("PLAIN", "a star as the initial response", "*", reply=NOT_BASE64)
    yield case("PLAIN", "cancelled", None, "*", reply=CANCELLED)
    yield case("PLAIN", "a star and more", None, "**", reply=NOT_BASE64)
    yield case("PLAIN", "an empty initial response", "=")
    yield case("PLAIN", "an empty line", None, "")
    yield case("PLAIN", "a command in place of a response", None, "MAIL FROM:<a@example.org>", reply=NOT_BASE64)
    yield case("PLAIN", "another AUTH in place of a response", None, "AUTH LOGIN", reply=NOT_BASE64)
    yield case("PLAIN", "QUIT, which is base64, in place of a response", None, "QUIT")
    yield case("PLAIN", "no NUL", name)
    yield case("PLAIN", "one NUL", name + b"\0" + password)
    yield case("PLAIN", "three NULs", good + b"\0")
    yield case("PLAIN", "a NUL in the password", good + b"\0x")
    yield case("PLAIN", "NULs alone", b"\0\0")
    yield case("PLAIN", "LOGIN's message", None, name)
    yield case("PLAIN", "CRAM-MD5's message", name + b" " + b"0" * 32)
    yield case("PLAIN", "SCRAM's message", f"n,,n={NAME},r={NONCE}".encode())
    for what, text in BAD_TEXTS.items():
        yield case("PLAIN", f"name: {what}", b"\0" + text + b"\0" + password)
        yield case("PLAIN", f"password: {what}", b"\0" + name + b"\0" + text)
        if text:
            yield case("PLAIN", f"authorization identity: {what}", text + good)
    yield case("PLAIN", "a name of 257 octets", b"\0" + LONG["a name of 257 octets"] + b"\0" + password)
    yield case("PLAIN", "a password of 1025 octets", b"\0" + name + b"\0" + LONG["a password of 1025 octets"])
    yield case("PLAIN", "a line of 12289 octets", "A" * 12276, reply=TOO_LONG)
    yield case("PLAIN", "a response of 20000 octets", None, "A" * 20000, reply=TOO_LONG)
    yield case("PLAIN", "somebody else's identity", b"postmaster@example.org" + good, cause="the account may not act for")


def login_cases():
    name = NAME.encode()
    for what, before in (("name", (None,)), ("password", (None, name)), ("password after an initial name", (name,))):
        yield case("LOGIN", f"{what}: no base64", *before, "b@d!", reply=NOT_BASE64)
        yield case("LOGIN", f"{what}: cancelled", *before, "*", reply=CANCELLED)
        yield case("LOGIN", f"{what}: an empty line", *before, "")
        yield case("LOGIN", f"{what}: with a NUL", *before, b"a\0b")
        yield case("LOGIN", f"{what}: a line of 20000 octets", *before, "A" * 20000, reply=TOO_LONG)
        for bad, text in BAD_TEXTS.items():
            if text:
                yield case("LOGIN", f"{what}: {bad}", *before, text)
    yield case("LOGIN", "an initial response that is no base64", "b@d!", reply=NOT_BASE64)
    yield case("LOGIN", "an empty initial response", "=")
    yield case("LOGIN", "an initial response that is PLAIN's", b"\0" + name + b"\0" + PASSWORD.encode())
    yield case("LOGIN", "a name of 257 octets", None, LONG["a name of 257 octets"])
    yield case("LOGIN", "a password of 1025 octets", None, name, LONG["a password of 1025 octets"])
    yield case("LOGIN", "password before name", None, MADE, name, cause='account="(looks like a password)"')


def digest(challenge, secret=PASSWORD):
    return hmac.digest(secret.encode(), base64.b64decode(challenge), "md5").hex()


def cram_cases():
    def with_digest(change):
        return lambda said: change(digest(said[0]))
    name = NAME.encode()
    yield case("CRAM-MD5", "an initial response", name + b" " + b"0" * 32, reply=NO_INITIAL)
    yield case("CRAM-MD5", "an empty initial response", "=", reply=NO_INITIAL)
    yield case("CRAM-MD5", "no base64", None, "b@d!", reply=NOT_BASE64)
    yield case("CRAM-MD5", "cancelled", None, "*", reply=CANCELLED)
    yield case("CRAM-MD5", "an empty line", None, "")
    yield case("CRAM-MD5", "no digest", None, name)
    yield case("CRAM-MD5", "no name", None, with_digest(lambda d: f" {d}".encode()))
    yield case("CRAM-MD5", "a digest in upper case", None, with_digest(lambda d: f"{NAME} {d.upper()}".encode()))
    yield case("CRAM-MD5", "a digest that is too short", None, with_digest(lambda d: f"{NAME} {d[:-1]}".encode()))
    yield case("CRAM-MD5", "a digest that is too long", None, with_digest(lambda d: f"{NAME} {d}0".encode()))
    yield case("CRAM-MD5", "a digest that is not hexadecimal", None, with_digest(lambda d: f"{NAME} {d[:-1]}g".encode()))
    yield case("CRAM-MD5", "a blank after the digest", None, with_digest(lambda d: f"{NAME} {d} ".encode()))
    yield case("CRAM-MD5", "a tab before the digest", None, with_digest(lambda d: f"{NAME}\t{d}".encode()))
    yield case("CRAM-MD5", "a NUL in the name", None, with_digest(lambda d: f"mallory\0@example.org {d}".encode()))
    yield case("CRAM-MD5", "the password itself", None, PASSWORD.encode())
    for what, text in BAD_TEXTS.items():
        yield case("CRAM-MD5", f"name: {what}", None, text + b" " + b"0" * 32)
    yield case("CRAM-MD5", "a name of 257 octets", None, LONG["a name of 257 octets"] + b" " + b"0" * 32)
    yield case("CRAM-MD5", "the digest of another challenge", None, f"{NAME} {digest(base64.b64encode(b'<1@gatepost>'))}".encode(), cause=WRONG)


# ---- SCRAM ----------------------------------------------------------------------------------------------------------
def first(gs2="n,,", bare=f"n={NAME},r={NONCE}"):
    return (gs2 + bare).encode()


def proof(said, gs2, channel, bare=f"n={NAME},r={NONCE}", nonce=None):
    """client-final, right in everything that is not said otherwise: without the proof, and the proof (RFC 5802 3)."""
    server_first = base64.b64decode(said[-1]).decode()
    parts = dict(part.split("=", 1) for part in server_first.split(","))
    without = f"c={base64.b64encode(gs2.encode() + channel).decode()},r={nonce or parts['r']}"
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), f"{bare},{server_first},{without}".encode(), "sha256")
    return without, base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()


def final(change=lambda without, p: f"{without},p={p}", gs2="n,,", channel=b"", nonce=None):
    return lambda said: change(*proof(said, gs2, channel, nonce=nonce)).encode()


FIRSTS = {"the header alone": b"n,,", "a header cut off": b"n", "a header of one comma": b"n,", "no header": f"n={NAME},r={NONCE}".encode(),
          "a flag that there is not": first("x,,"), "an upper-case flag": first("N,,"), "a flag and more": first("nn,,"),
          "an identity that is not a=": first("n,b=x,"), "an empty identity": first("n,a=,"), "no nonce": first(bare=f"n={NAME}"),
          "an empty nonce": first(bare=f"n={NAME},r="), "a nonce with a blank": first(bare=f"n={NAME},r=a b"),
          "a nonce with a NUL": first(bare=f"n={NAME},r=a\0b"), "a nonce that is not ASCII": first(bare=f"n={NAME},r=gr\u00fcn"),
          "a nonce of 1000 octets": first(bare=f"n={NAME},r={'x' * 1000}"), "the nonce first": first(bare=f"r={NONCE},n={NAME}"),
          "two names": first(bare=f"n={NAME},n={NAME},r={NONCE}"), "two nonces": first(bare=f"n={NAME},r={NONCE},r=x"),
          "a second name at the end": first(bare=f"n={NAME},r={NONCE},n=postmaster@example.org"),
          "m= before the name": first(bare=f"m=x,n={NAME},r={NONCE}"), "m= at the end": first(bare=f"n={NAME},r={NONCE},m=x"),
          "an extension without a name": first(bare=f"n={NAME},r={NONCE},x"), "an escape that there is not": first(bare=f"n=a=2Gb,r={NONCE}"),
          "an escape cut off": first(bare=f"n=a=2,r={NONCE}"), "a bare equals sign": first(bare=f"n=a=b,r={NONCE}"),
          "a name of 257 octets": first(bare=f"n={'n' * 257},r={NONCE}"), "a message of 9000 octets": first(bare=f"n={NAME},r={NONCE},x={'y' * 8900}"),
          "PLAIN's message": b"\0mallory@example.org\0" + PASSWORD.encode()}
UNBOUND = {"a binding under a plain name": first("p=tls-exporter,,"), "a binding that there is not": first("p=tls-nonsense,,"),
           "a binding without a name": first("p=,,"), "could bind and was offered it (y)": first("y,,")}
UNBOUND_PLUS = {"no binding (n)": first("n,,"), "could bind (y)": first("y,,"), "a binding that there is not": first("p=tls-nonsense,,"),
                "TLS 1.2's binding in TLS 1.3": first("p=tls-unique,,"), "a binding without a name": first("p=,,")}
FINALS = {"no proof": lambda w, p: w, "an empty proof": lambda w, p: f"{w},p=", "a proof that is no base64": lambda w, p: f"{w},p=!!!!",
          "a proof that is too short": lambda w, p: f"{w},p={p[:-8]}", "a proof that is too long": lambda w, p: f"{w},p={p[:-4]}AAAAAAAA",
          "the proof first": lambda w, p: f"p={p},{w}", "more after the proof": lambda w, p: f"{w},p={p},x=y",
          "two proofs": lambda w, p: f"{w},p={p},p={p}", "a proof before the proof": lambda w, p: f"{w},p=AAAA,p={p}",
          "no channel": lambda w, p: f"{w.partition(',')[2]},p={p}", "the nonce first": lambda w, p: ",".join(reversed(w.split(","))) + f",p={p}",
          "two channels": lambda w, p: f"c=biws,{w},p={p}", "two nonces": lambda w, p: f"{w},{w.partition(',')[2]},p={p}",
          "m=": lambda w, p: f"{w},m=x,p={p}", "no nonce": lambda w, p: f"{w.partition(',')[0]},p={p}",
          "an extension without a name": lambda w, p: f"{w},x,p={p}", "the client's nonce alone": lambda w, p: f"c=biws,r={NONCE},p={p}",
          "the first message again": lambda w, p: f"n,,n={NAME},r={NONCE}", "a NUL alone": lambda w, p: "\0"}


def scram_cases(mechanism="SCRAM-SHA-256"):
    yield case(mechanism, "first: no base64", "b@d!", reply=NOT_BASE64)
    yield case(mechanism, "first: empty", "=")
    yield case(mechanism, "first: an empty line", None, "")
    yield case(mechanism, "first: cancelled", None, "*", reply=CANCELLED)
    for what, message in FIRSTS.items():
        yield case(mechanism, f"first: {what}", message)
    for what, text in BAD_TEXTS.items():
        yield case(mechanism, f"first: name: {what}", b"n,,n=" + text + b",r=" + NONCE.encode())
        if text:
            yield case(mechanism, f"first: identity: {what}", b"n,a=" + text + f",n={NAME},r={NONCE}".encode())
    for what, message in UNBOUND.items():
        yield case(mechanism, f"first: {what}", message, cause=BINDING)
    for what, message in UNBOUND_PLUS.items():
        yield case(mechanism + "-PLUS", f"first: {what}", message, cause=BINDING)
    yield case(mechanism, "final: no base64", first(), "b@d!", reply=NOT_BASE64)
    yield case(mechanism, "final: an empty line", first(), "")
    yield case(mechanism, "final: cancelled", first(), "*", reply=CANCELLED)
    yield case(mechanism, "final: a line of 20000 octets", first(), "A" * 20000, reply=TOO_LONG)
    for what, change in FINALS.items():
        yield case(mechanism, f"final: {what}", first(), final(change))
    yield case(mechanism, "final: the nonce of another exchange", first(), final(nonce=NONCE + "reused"))
    yield case(mechanism, "final: another header than at first", first(), final(gs2="y,,"), cause=BINDING)
    yield case(mechanism, "final: data of a channel that nobody named", first(), final(channel=b"\0" * 32), cause=BINDING)
    yield case(mechanism + "-PLUS", "final: the data of another channel", first("p=tls-exporter,,"),
               final(gs2="p=tls-exporter,,", channel=b"\0" * 32), cause=BINDING)
    yield case(mechanism + "-PLUS", "final: no data of the channel", first("p=tls-exporter,,"), final(gs2="p=tls-exporter,,"), cause=BINDING)
    yield case(mechanism, "final: a wrong proof", first(), final(lambda w, p: f"{w},p={'A' * (len(p) - 1)}="), cause=WRONG)
    yield case(mechanism, "final: an extension that the proof does not cover", first(), final(lambda w, p: f"{w},x=y,p={p}"), cause=WRONG)
    yield case(mechanism, "the end: cancelled after the proof", first(), final(), "*", reply=CANCELLED)
    yield case(mechanism, "the end: more in place of the empty line", first(), final(), b"x")
    yield case(mechanism, "the end: the proof again", first(), final(), final_again)
    yield case(mechanism, "the end: no base64", first(), final(), "b@d!", reply=NOT_BASE64)


def final_again(said):
    return final()(said[:-1])


def strange_cases():
    for name in ("EXTERNAL", "OAUTHBEARER", "XOAUTH2", "GSSAPI", "ANONYMOUS", "DIGEST-MD5", "PLAIN-PLUS", "SCRAM-SHA-256-PLUS-PLUS", "SCRAM-MD5"):
        yield case(name, "nobody could use it", "=", reply=NOT_OFFERED)


CASES = [*plain_cases(), *login_cases(), *cram_cases(), *scram_cases(), *strange_cases()]


@pytest.fixture(scope="module")
def server(folder, certificate):
    """One for all: the account's secret is made for every mechanism, and the log says all it ever says."""
    place = folder / "gatepost-malformed"
    place.mkdir()
    made = Gatepost(place, certificate, GATEPOST_LOG_LEVEL="debug")
    made.account("--allow-cram-md5", name=NAME, password=PASSWORD)
    try:
        yield made.start()
        made.stop()
        made.check_log()
    finally:
        made.kill()


def encoded(line, said):
    line = line(said) if callable(line) else line
    return base64.b64encode(line).decode() if isinstance(line, bytes) else line


def talk(wire, mechanism, lines):
    """The last reply, and the lines as they were sent."""
    said, sent = [], []
    for number, line in enumerate(lines):
        text = "" if line is None else encoded(line, said)
        code, reply = wire.say(text if number else f"AUTH {mechanism} {text}".rstrip(" "))
        sent.append(text)
        if number + 1 < len(lines):
            assert code == 334, (number, code, reply)
            said.append(reply[0])
    return (code, " ".join(reply)), sent


def right_sign_in(wire):
    return wire.say("AUTH PLAIN " + base64.b64encode(f"\0{NAME}\0{PASSWORD}".encode()).decode())


def said_of(server, helo):
    """The lines of the log that are about the session of this client; the last sign-in is the right one."""
    lines = server.log().splitlines()
    sessions = {word for line in lines if f"helo={helo} " in line for word in line.split() if word.startswith("session=")}
    return [line for line in lines if any(f" {session} " in f"{line} " for session in sessions)]


@pytest.mark.parametrize("wrong", CASES, ids=lambda wrong: f"{wrong.mechanism}: {wrong.what}")
def test_malformed(wrong, server, context):
    helo = f"client{next(turns)}.example"
    with Wire(server.tls_port, context, implicit=True) as wire:
        wire.say(f"EHLO {helo}")
        reply, sent = talk(wire, wrong.mechanism, wrong.lines)
        assert reply == wrong.reply
        assert wire.say("MAIL FROM:<mallory@example.org>")[0] == 530        # nobody is signed in
        assert right_sign_in(wire)[0] == 235
        assert wire.say("MAIL FROM:<mallory@example.org>")[0] == 250
    lines = until("the right sign-in in the log", lambda: [line for line in said_of(server, helo) if "event=sign-in" in line and "result=ok" in line]
                  and said_of(server, helo))
    judged = [line for line in lines if "event=sign-in" in line and "result=refused" in line]
    assert len(judged) == 1 and any(cause in judged[0] for cause in wrong.cause), lines
    assert f"mechanism={wrong.mechanism} " in judged[0] or "role=smtpd" in judged[0]        # who refuses before a mechanism begins
    secrets = [text for text in sent if len(text) > 8] + [NONCE, PASSWORD, MADE.decode()]
    assert not [secret for secret in secrets for line in lines if secret in line]
