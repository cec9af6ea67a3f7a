"""Why was this refused? Incidents are explained by what the client was told, and what `can` says beforehand is what the server says then."""
import base64
import json

import pytest

from house import DOMAIN, until
from wire import Wire, signed_in


@pytest.fixture(scope="module")
def anna(gatepost):
    return gatepost.account()


@pytest.fixture(scope="module")
def off(gatepost):
    account = gatepost.account()
    gatepost.run("user", "disable", account.name)
    return account


def can(gatepost, account, *words):
    """Its reply as (code, "5.7.1 text"), None: it can."""
    said = json.loads(gatepost.command("can", account.name, "--listener", str(gatepost.tls_port), "--json", *words).stdout)
    reply = said["reply"]
    assert said["can"] == (reply is None)
    return reply and (reply["code"], f"{reply['enhanced']} {reply['text']}")


def hello(gatepost, context):
    wire = Wire(gatepost.tls_port, context, implicit=True)
    assert wire.say("EHLO client.example")[0] == 250
    return wire


# ---- can -----------------------------------------------------------------------------------------------------
def test_a_disabled_account(gatepost, context, off):
    with hello(gatepost, context) as wire:
        code, lines = wire.auth_plain(off)
        assert (code, lines[0]) == can(gatepost, off)


def test_a_mechanism_that_is_not_offered(gatepost, context, anna):
    with hello(gatepost, context) as wire:
        code, lines = wire.say("AUTH NTLM")
        assert (code, lines[0]) == can(gatepost, anna, "--mechanism", "NTLM")


@pytest.mark.parametrize("sender", ["{me}", f"boss@{DOMAIN}", "boss@elsewhere.example", ""])
def test_the_sender(sender, gatepost, context, anna):
    sender = sender.replace("{me}", anna.name)
    with signed_in(gatepost, context, anna) as wire:
        code, lines = wire.say(f"MAIL FROM:<{sender}>")
        said = can(gatepost, anna, "--from", sender)
        assert said is None if code == 250 else said == (code, lines[0])


@pytest.mark.parametrize("size", [1000, 99999999999])
def test_the_size(size, gatepost, context, anna):
    with signed_in(gatepost, context, anna) as wire:
        code, lines = wire.say(f"MAIL FROM:<{anna.name}> SIZE={size}")
        said = can(gatepost, anna, "--size", str(size))
        assert said is None if code == 250 else said == (code, lines[0])


def test_the_author(gatepost, context, anna):
    with signed_in(gatepost, context, anna) as wire:
        for line in (f"MAIL FROM:<{anna.name}>", "RCPT TO:<bob@example.net>", "DATA"):
            wire.say(line)
        code, lines = wire.say(f"From: <boss@{DOMAIN}>\r\n\r\nx\r\n.")
        assert (code, lines[0]) == can(gatepost, anna, "--header-from", f"boss@{DOMAIN}")


# ---- explain -------------------------------------------------------------------------------------------------
def explained(gatepost, incident):
    """The entry about it; it is on record within a second."""
    def known():
        done = gatepost.command("explain", incident, "--json")
        return done.returncode == 0 and [e for e in json.loads(done.stdout)["events"] if e["incident"] == incident]
    return until("the incident on record", known)[0]


@pytest.mark.parametrize("lines,what,why", [
    (["AUTH PLAIN {wrong}"], "sign-in refused", "wrong password"),
    (["AUTH PLAIN {broken}"], "sign-in refused", "the password is empty, too long, or has characters that none may have"),
    (["AUTH SCRAM-SHA-256 {no nonce}"], "sign-in refused", "the client's nonce is missing"),
    (["AUTH NTLM"], "refused 504", "mechanism not offered"),
    (["MAIL FROM:<a@example.org>"], "refused 530", "Authentication required"),
    (["{sign in}", f"MAIL FROM:<boss@{DOMAIN}>"], "refused 550", "may not send as"),
    (["{sign in}", "MAIL FROM:<{me}> SIZE=99999999999"], "refused 552", "larger than the limit"),
    (["{sign in}", "MAIL FROM:<{me}>", "RCPT TO:<a@example.net>", "DATA", f"From: <boss@{DOMAIN}>\r\n\r\nx\r\n."], "refused 550", "may not send as"),
    (["{sign in}", "MAIL FROM:<{me}>", "RCPT TO:<a@example.net>", "DATA", "no header\r\n."], "refused 554", "header"),
], ids=["password", "no password", "no nonce", "mechanism", "not signed in", "sender", "size", "author", "header"])
def test_an_incident_is_explained_by_its_true_cause(lines, what, why, gatepost, context, anna):
    octets = {"{wrong}": f"\0{anna.name}\0no, that is wrong".encode(), "{broken}": f"\0{anna.name}\0".encode() + b"\xff\xfe",
              "{no nonce}": f"n,,n={anna.name},r=".encode()}
    with hello(gatepost, context) as wire:
        for line in lines:
            for name, what_it_is in octets.items():
                line = line.replace(name, base64.b64encode(what_it_is).decode())
            wire.auth_plain(anna) if line == "{sign in}" else wire.say(line.replace("{me}", anna.name))
        entry = explained(gatepost, wire.incident)
    assert entry["what"] == what and why in entry["why"] and "127.0.0.1" in entry["detail"]
    assert entry["account"] == (anna.name if "{sign in}" in lines or any(name in lines[0] for name in octets) else "")
    assert "> " in gatepost.run("explain", wire.incident.lower())


@pytest.mark.parametrize("lines,why", [(["AUTH PLAIN =!"], "the client's line is not base64"), (["AUTH LOGIN", "*"], "the client cancelled"),
                                       (["AUTH PLAIN", "A" * 13000], "the client's line is too long")], ids=["base64", "cancelled", "length"])
def test_a_broken_exchange_is_explained_by_the_address(lines, why, gatepost, context):
    """501 names no incident."""
    with hello(gatepost, context) as wire:
        codes = [wire.say(line)[0] for line in lines]
    assert codes[-1] in (500, 501)
    until("the cause on record", lambda: why in gatepost.run("explain", "127.0.0.1"))


def test_an_incident_that_nobody_knows(gatepost):
    done = gatepost.command("explain", "0123456789")
    assert done.returncode == 1 and "incident=0123456789" in done.stderr
