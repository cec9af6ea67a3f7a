"""Next hops without 8BITMIME: what arrives is 7 bits, says the same, and its signatures verify; what can't be so comes back."""
import email
import email.policy
import re

import dkim
import pytest

from house import relay_to, serving, until
from sink import Sink
from test_delivery import fields, public_keys, report_for, send

TEXT = "gr\u00fc\u00df dich, Stra\u00dfe = 5 \u20ac\r\n" + "\u00e4" * 200 + " trailing \t\r\n.\r\n\r\nFrom me\r\n"
OCTETS = "\u0080\u00ff\u20ac\r\n\t \x7f=\r\n" * 9
HUGE = "0123456789 \u00e4\u00f6\u00fc\r\n" * 50_000


@pytest.fixture(scope="module")
def old(sink_certificate):
    made = Sink(sink_certificate, eight=False)
    yield made
    made.close()


@pytest.fixture(scope="module")
def house(folder, certificate, old, ca):
    with serving(folder / "gatepost-seven", certificate, **relay_to(old, ca)) as made:
        yield made


@pytest.fixture
def ada(house):
    return house.account()


def eight(body, kind="text/plain; charset=utf-8"):
    return f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n", body


def parts():
    """Text, HTML, octets, a message with a message in it, and a part that is 7 bits already."""
    inner = f"Subject: inner\r\n{eight(TEXT)[0]}\r\n{TEXT}"
    bodies = [f"Content-Type: multipart/alternative; boundary=\"in ner\"\r\n\r\n--in ner\r\n{eight('')[0]}\r\n{TEXT}\r\n"
              f"--in ner\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>{TEXT}\r\n--in ner--\r\n",
              "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n" + OCTETS,
              f"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{inner}",
              "Content-Type: text/plain\r\n\r\nplain = as it was\r\n"]
    return eight("".join(f"--=_out\r\n{body}\r\n" for body in bodies) + "--=_out--\r\n", "multipart/mixed; boundary=\"=_out\"")


CASES = {"text": eight(TEXT), "no MIME": ("", TEXT), "parts": parts(), "large": eight(HUGE)}


def leaves(data):
    """What a reader sees: the type and the octets of each leaf."""
    return [(part.get_content_type(), part.get_payload(decode=True).replace(b"\r\n", b"\n"))
            for part in email.message_from_bytes(data).walk() if not part.is_multipart()]


def without_dots(text):
    return re.sub(r"(?m)^\.", "..", text)


@pytest.mark.parametrize("case", CASES)
def test_it_says_the_same_in_7_bits_and_is_signed(case, house, context, old, ada, recipient):
    extra, body = CASES[case]
    records = public_keys(house)
    send(house, context, ada, [recipient], extra=extra, body=without_dots(body), options="BODY=8BITMIME")
    arrived = old.wait(recipient)
    assert arrived.data.isascii() and "BODY" not in arrived.options
    assert f"SIZE={len(arrived.data)}" in arrived.options
    assert max(map(len, arrived.data.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76      # RFC 2045 6.7 (5), 6.8
    said = f"MIME-Version: 1.0\r\n{extra}\r\n{body}".encode()
    assert [octets for _, octets in leaves(arrived.data)] == [octets for _, octets in leaves(said)]
    assert case == "no MIME" or [kind for kind, _ in leaves(arrived.data)] == [kind for kind, _ in leaves(said)]
    assert not any(part.defects for part in email.message_from_bytes(arrived.data, policy=email.policy.default).walk())
    for number in range(len(records)):
        assert dkim.DKIM(arrived.data).verify(idx=number, dnsfunc=lambda name, **_: records.get(name))


def test_text_of_which_nobody_said_what_it_is(house, context, old, ada, recipient):
    send(house, context, ada, [recipient], body=TEXT)
    message = fields(old.wait(recipient).data)
    assert message.get_content_charset() == "utf-8" and message["MIME-Version"] == "1.0"
    assert message["Content-Transfer-Encoding"] == "quoted-printable"


def test_what_is_7_bits_is_not_touched(house, context, old, ada, recipient):
    send(house, context, ada, [recipient], body="= as it was \r\n", options="BODY=8BITMIME")
    data = old.wait(recipient).data
    assert data.endswith(b"\r\n\r\n= as it was \r\n") and fields(data)["MIME-Version"] is None


@pytest.mark.parametrize("extra,body,options,status,reason", [
    ("MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s\r\n", f"--s\r\n\r\n{TEXT}\r\n--s--\r\n", "", "5.6.3", "multipart/signed"),
    ("Subject: gr\u00fc\u00df\r\n", "x\r\n", "", "5.6.3", "header field"),
    ("Subject: gr\u00fc\u00df\r\n", "x\r\n", " SMTPUTF8", "5.6.7", "SMTPUTF8")], ids=["signed", "header", "SMTPUTF8"])
def test_what_cannot_be_converted_comes_back_with_a_reason(extra, body, options, status, reason, house, context, old, recipient):
    account = house.account()
    send(house, context, account, [recipient], extra=extra, body=without_dots(body), options="BODY=8BITMIME" + options)
    _, parts, _ = report_for(old, account)
    assert f"\nStatus: {status}\n" in parts[1].as_string() and reason in " ".join(parts[0].get_content().split())
    assert old.wait(account.name).data.isascii()
    until("an empty queue", house.is_empty)
    assert not old.for_(recipient)


def test_an_address_that_needs_utf8_holds_nobody_else_back(house, context, old, ada, recipient):
    """A hop without SMTPUTF8 is told A-labels; one recipient alone, whom Received would name, and several, of whom one has no such name."""
    local = recipient.partition("@")[0]
    send(house, context, ada, [f"1-{local}@b\u00fccher.example"], options="SMTPUTF8")
    assert old.wait(f"1-{local}@xn--bcher-kva.example").data.isascii()
    send(house, context, ada, [f"2-{local}@b\u00fccher.example", f"\u00fc-{recipient}", recipient], options="SMTPUTF8")
    arrived = old.wait(recipient)
    assert arrived is old.wait(f"2-{local}@xn--bcher-kva.example") and "SMTPUTF8" not in arrived.options
    _, parts, _ = report_for(old, ada)
    told = parts[1].as_string()
    assert re.findall("Final-Recipient: (.*)", told) == [f"utf-8;=C3=BC-{recipient}"] and "Action: failed" in told and "Status: 5.6.7" in told
