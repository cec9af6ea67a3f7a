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
    (["AUTH NTLM"], "refused 504", "mechanism not offered"),
    (["MAIL FROM:<a@example.org>"], "refused 530", "Authentication required"),
    (["{sign in}", f"MAIL FROM:<boss@{DOMAIN}>"], "refused 550", "may not send as"),
    (["{sign in}", "MAIL FROM:<{me}> SIZE=99999999999"], "refused 552", "larger than the limit"),
    (["{sign in}", "MAIL FROM:<{me}>", "RCPT TO:<a@example.net>", "DATA", f"From: <boss@{DOMAIN}>\r\n\r\nx\r\n."], "refused 550", "may not send as"),
    (["{sign in}", "MAIL FROM:<{me}>", "RCPT TO:<a@example.net>", "DATA", "no header\r\n."], "refused 554", "header"),
], ids=["password", "mechanism", "not signed in", "sender", "size", "author", "header"])
def test_an_incident_is_explained_by_its_true_cause(lines, what, why, gatepost, context, anna):
    wrong = base64.b64encode(f"\0{anna.name}\0no, that is wrong".encode()).decode()
    with hello(gatepost, context) as wire:
        for line in lines:
            wire.auth_plain(anna) if line == "{sign in}" else wire.say(line.replace("{me}", anna.name).replace("{wrong}", wrong))
        entry = explained(gatepost, wire.incident)
    assert entry["what"] == what and why in entry["why"] and "127.0.0.1" in entry["detail"]
    assert entry["account"] == (anna.name if "{sign in}" in lines or "{wrong}" in lines[0] else "")
    assert "> " in gatepost.run("explain", wire.incident.lower())


def test_an_incident_that_nobody_knows(gatepost):
    done = gatepost.command("explain", "0123456789")
    assert done.returncode == 1 and "incident=0123456789" in done.stderr
