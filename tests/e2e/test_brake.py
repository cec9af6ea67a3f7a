"""A stolen account: its mail is accepted and held, somebody is told, and a command settles it either way."""
import pytest

from conftest import counter
from house import relay_to, serving, until
from wire import signed_in, submit

TEXT = "Subject: Your parcel\r\n\r\nYour parcel could not be delivered, and waits for you at our depot: pay here.\r\n.\r\n"


@pytest.fixture(scope="module")
def braked(folder, certificate, sink, ca):
    with serving(folder / f"braked-{next(counter)}", certificate, **relay_to(sink, ca), GATEPOST_POLICY_BRAKE_MODE="enforce") as made:
        yield made


def send(wire, account):
    recipient = f"whoever{next(counter)}@example.net"
    assert submit(wire, account.name, [recipient], f"From: {account.name}\r\n{TEXT}")[0] == 250
    return recipient


def waiting(server, wire, account, sink):
    """A message that its next hop does not want now; its queue id."""
    address = f"whoever{next(counter) + 1}@example.net"
    sink.refusals[address] = "451 4.3.0 later"
    assert send(wire, account) == address
    message = lambda: [m for m in server.queued() if m["user"] == account.name and m["recipients"][0]["attempts"]]
    return until("its first attempt", message)[0]["queue_id"], address


def robbed(server, context, sink, first=None):
    """An account whose mail is held: much of it, alike, to whom nobody is at home."""
    account = server.account()
    with signed_in(server, context, account) as wire:
        before = first(server, wire, account, sink) if first else None
        for sent in range(20):
            address = f"whoever{next(counter) + 1}@example.net"
            sink.refusals[address] = "550 5.1.1 nobody here"
            assert send(wire, account) == address
        until("end of these", lambda: len([m for m in server.queued() if m["user"] == account.name]) == bool(before))
        for sent in range(20, 100):
            send(wire, account)
            if held(server, account):
                return (account, sent, *before) if before else (account, sent)
    raise AssertionError("never held")


def held(server, account):
    return [message for message in server.json("queue", "list", "--held") if message["user"] == account.name]


def test_a_release_sends_what_was_held_and_lets_on(braked, context, sink):
    account, sent = robbed(braked, context, sink)
    assert sent < 100
    with signed_in(braked, context, account) as wire:
        recipient = send(wire, account)
    message = next(m for m in held(braked, account) if m["recipients"][0]["address"] == recipient)
    assert message["held"].startswith("sends as if somebody else had the account: ")
    assert "refused by next hops" in message["held"]
    assert not sink.for_(recipient)
    until("notice", lambda: braked.log().count("kind=brake"))
    until("the owner's mail", lambda: [m for m in sink.for_(account.name) if b"Subject: The mail of an account is held" in m.data])
    assert braked.log().count("kind=brake") == 1
    braked.run("queue", "release", "--account", account.name)
    sink.wait(recipient)
    assert not held(braked, account)
    with signed_in(braked, context, account) as wire:
        sink.wait(send(wire, account))


def test_a_lock_ends_the_account_and_keeps_its_mail_held(braked, context, sink):
    account, _ = robbed(braked, context, sink)
    with signed_in(braked, context, account) as wire:
        recipient = send(wire, account)
        braked.run("user", "lock", account.name)
        assert wire.say(f"MAIL FROM:<{account.name}>")[0] == 421
    assert recipient in [message["recipients"][0]["address"] for message in held(braked, account)]
    assert not sink.for_(recipient)
    braked.run("user", "enable", account.name)
    assert "theft-settled" in braked.run("audit", "show", "--account", account.name)
    with signed_in(braked, context, account) as wire:
        sink.wait(send(wire, account))
    assert not sink.for_(recipient)


def ended_meanwhile(server, context, take_away):
    """Two transactions of one account, at RCPT and in the text: what their ends are told once it is locked out."""
    account = server.account()
    with signed_in(server, context, account) as early, signed_in(server, context, account) as late:
        for wire in early, late:
            assert wire.say(f"MAIL FROM:<{account.name}>")[0] == wire.say("RCPT TO:<nobody@example.net>")[0] == 250
        assert late.say("DATA")[0] == 354
        take_away(account)
        assert early.say("DATA")[0] == 354
        for wire in early, late:
            wire.send(f"From: {account.name}\r\n{TEXT}")
            yield wire.hear()
            assert wire.incident and wire.hear() == (0, [])
    assert not [m for m in server.queued() if m["user"] == account.name]


def test_a_message_that_began_before_a_lock_does_not_end_well(braked, context):
    lock = lambda account: braked.run("user", "lock", account.name)
    assert list(ended_meanwhile(braked, context, lock)) == [(421, ["4.7.0 your sign-in is no longer good, connect and sign in again"])] * 2


def test_a_message_of_a_credential_that_is_revoked_meanwhile_does_not_end_well(braked, context):
    revoke = lambda account: braked.run("credential", "revoke", account.name, str(braked.json("credential", "list", account.name)[0]["id"]))
    assert [code for code, _ in ended_meanwhile(braked, context, revoke)] == [421, 421]


def test_mail_that_waits_already_is_held_when_the_brake_begins(braked, context, sink):
    account, _, queue_id, address = robbed(braked, context, sink, waiting)
    message = until("hold", lambda: [m for m in held(braked, account) if m["queue_id"] == queue_id])[0]
    assert message["held"].startswith("sends as if somebody else had the account: ")
    del sink.refusals[address]
    braked.run("queue", "retry", "--all")
    braked.run("queue", "release", "--account", account.name)
    sink.wait(address)


def test_a_lock_holds_mail_that_waits_already(braked, context, sink):
    account = braked.account()
    with signed_in(braked, context, account) as wire:
        queue_id, address = waiting(braked, wire, account, sink)
    assert not held(braked, account)
    assert queue_id in braked.run("user", "lock", account.name)
    assert [(m["queue_id"], m["held"], m["recipients"][0]["state"]) for m in held(braked, account)] == [(queue_id, "the account is locked", "held")]
    del sink.refusals[address]
    braked.run("queue", "retry", "--account", account.name)
    other = braked.account()
    with signed_in(braked, context, other) as wire:
        sink.wait(send(wire, other))  # whoever is due has been tried by then
    assert not sink.for_(address)
    told = braked.run("user", "delete", account.name)
    assert "still in the queue: 1. " in told and "`gatepost queue list --held`" in told
    braked.run("queue", "delete", queue_id)
