"""As whom an account may send: patterns, plus-addresses, every header field that names an author, what is rewritten, names that are
somebody's own; and what a policy in shadow would have refused."""
import email
import json

import pytest

from house import DOMAIN, relay_to, serving, until
from wire import signed_in, submit

NO = f"550 5.7.1 this account may not send as that address; yours: me@{DOMAIN}, *-noreply@{DOMAIN}, @sub.{DOMAIN}"


@pytest.fixture(scope="module")
def me(gatepost):
    account = gatepost.account(name=f"me@{DOMAIN}")
    gatepost.run("identity", "add", account.name, f"*-noreply@{DOMAIN}")
    gatepost.run("identity", "add", account.name, f"@sub.{DOMAIN}")
    return account


def said(reply):
    return f"{reply[0]} {reply[1][-1]}"


def letter(*fields):
    return "\r\n".join(fields) + "\r\nSubject: x\r\n\r\nbody\r\n.\r\n"


@pytest.mark.parametrize("sender,last", [
    (f"me+list@{DOMAIN}", "250 2.1.0 sender ok"), (f"shop-noreply@{DOMAIN}", "250 2.1.0 sender ok"), (f"who@sub.{DOMAIN}", "250 2.1.0 sender ok"),
    (f"noreply@{DOMAIN}", NO), (f"me@x.sub.{DOMAIN}", NO), ("me@example.net", NO)])
def test_who_may_be_the_sender(sender, last, gatepost, context, me):
    with signed_in(gatepost, context, me) as wire:
        assert said(wire.say(f"MAIL FROM:<{sender}>")) == last


def test_what_is_given_and_taken_is_so_at_once(gatepost, context, me):
    with signed_in(gatepost, context, me) as wire:
        assert wire.say("MAIL FROM:<later@example.com>")[0] == 550
        gatepost.run("identity", "add", me.name, "later@example.com")
        assert wire.say("MAIL FROM:<later@example.com>")[0] == 250
        wire.say("RSET")
        gatepost.run("identity", "remove", me.name, "later@example.com")
        assert wire.say("MAIL FROM:<later@example.com>")[0] == 550


@pytest.mark.parametrize("fields,wrong", [
    (["Sender: boss@{0}"], "550 5.7.1 address in Sender not yours: boss@{0}"), (["Sender: me@{0}, you@{0}"], "554 5.6.0 the Sender header field is not an address"),
    (["Sender: x-noreply@{0}"], None), (["Reply-To: boss@{0}"], None), (["Reply-To: nonsense <"], None),
    (["Resent-From: Big Boss:;"], "554 5.6.0 the Resent-From header field is not a list of addresses"),
    (["Resent-From: boss@{0}"], "550 5.7.1 address in Resent-From not yours: boss@{0}"),
    (["Resent-From: me@{0}", "Resent-Sender: boss@{0}"], "550 5.7.1 address in Resent-Sender not yours: boss@{0}")])
@pytest.mark.parametrize("body", ["small", "large"])
def test_every_field_that_names_an_author(fields, wrong, body, gatepost, context, me, sink, recipient):
    message = letter(f"From: me@{DOMAIN}", *[field.format(DOMAIN) for field in fields])
    if body == "large":
        message = message.replace("body\r\n", "line of a body\r\n" * 10000)
    with signed_in(gatepost, context, me) as wire:
        reply = submit(wire, me.name, [recipient], message)
        assert said(reply).startswith(wrong.format(DOMAIN) if wrong else "250 2.0.0 queued as ")
        assert wire.say("NOOP")[0] == 250
    if not wrong:
        assert f"{message.partition(chr(13))[2].partition('Subject')[0]}" in sink.wait(recipient).data.decode()


@pytest.mark.parametrize("sender", [f"me@{DOMAIN}", ""])
def test_a_group_without_members_is_nobody(sender, gatepost, context, me, recipient):
    with signed_in(gatepost, context, me) as wire:
        reply = submit(wire, sender, [recipient], letter(f'From: "Big Boss <boss@{DOMAIN}>":;'))
        assert said(reply).startswith("554 5.6.0 the From header field is not a list of addresses")


# ---- rewriting, names, shadow: one server ------------------------------------------------------------------------
RULES = """
policy:
  identity:
    mail: rewrite
    from: rewrite
    sender: rewrite
    protected_names:
      - {name: Chief Executive, accounts: ceo}
"""


@pytest.fixture(scope="module")
def strict(folder, certificate, sink, ca):
    with serving(folder / "identity-rules", certificate, **relay_to(sink, ca)) as made:
        made.stop()
        with open(made.dir / "gatepost.yml", "a", encoding="ascii") as file:
            file.write(RULES)
        yield made.start()


def test_what_is_not_his_is_rewritten(strict, context, sink, recipient):
    account = strict.account()
    with signed_in(strict, context, account) as wire:
        assert said(submit(wire, f"app@{DOMAIN}", [recipient], letter("From: App <app@internal.example>", "Sender: cron@host.example"))).startswith("250 2.0.0")
    got = sink.wait(recipient)
    message = email.message_from_bytes(got.data)
    assert got.sender == account.name
    assert message["From"] == f"App <{account.name}>" and message["X-Original-From"] == "App <app@internal.example>"
    assert message["Sender"] == account.name and message["Reply-To"] == "app@internal.example"
    until("the log", lambda: "rewritten" in strict.log())


@pytest.mark.parametrize("shown", ["Chief Executive", "=?utf-8?B?Q2hpZWY=?= =?utf-8?Q?_EXECUTIVE?=", '"chief\\ executive"', '"[Chief.Executive]"', '"ACME/Chief-Executive:"'])
def test_a_protected_name_is_for_its_accounts(shown, strict, context, recipient):
    account = strict.account()
    with signed_in(strict, context, account) as wire:
        reply = submit(wire, account.name, [recipient], letter(f"From: {shown} <{account.name}>"))
        assert said(reply) == "550 5.7.1 the name in From is not for this account"


def test_the_account_of_a_protected_name_may_show_it(strict, context, sink, recipient):
    account = strict.account(name="ceo")
    with signed_in(strict, context, account) as wire:
        assert said(submit(wire, f"ceo@{DOMAIN}", [recipient], letter(f"From: Chief Executive <ceo@{DOMAIN}>"))).startswith("250")
    assert sink.wait(recipient)


def test_shadow_lets_through_and_reports(new_gatepost, context, sink, recipient):
    gatepost = new_gatepost(sink, GATEPOST_POLICY_IDENTITY_MODE="shadow")
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        for _ in range(2):
            assert said(submit(wire, "boss@example.com", [recipient], letter("From: boss@example.com", "Sender: x@example.com"))).startswith("250")
        hers = said(submit(wire, account.name, ["own." + recipient], letter(f"From: {account.name}")))
    assert sink.wait(recipient, 2) and not [one for one in sink.for_(recipient) if b"DKIM-Signature" in one.data]   # in another's name
    assert hers.startswith("250") and b"DKIM-Signature" in sink.wait("own." + recipient).data
    rows = [json.loads(line) for line in gatepost.run("audit", "show", "--event", "accepted", "--json").splitlines() if '"signed"' in line]
    assert len(rows) == 2 and rows[0]["data"]["signed"] == "no: From is not the account's"
    report = until("a report", lambda: [row for row in json.loads(gatepost.run("report", "--json")) if row["rule"] == "identity.sender" and row["count"] == 2])
    assert report[0]["account"] == account.name and report[0]["kind"] == "shadow" and "x@example.com in Sender, from 127.0.0.1" in report[0]["example"]
    assert "identity.mail" in gatepost.run("report", "--rule", "identity", "--account", account.name)
