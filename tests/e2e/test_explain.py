"""Why was this refused? Incidents are explained by what the client was told, and what `can` says beforehand is what the server says then."""
import json

import pytest

from house import DOMAIN
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
