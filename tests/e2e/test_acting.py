"""Acting for another: only by an account's own credential, only where it was given the right, and no longer than it has it."""
import base64

from house import until
from test_signin import last_sign_in
from wire import Wire, open_message, signed_in, submit

MESSAGE = "From: <{sender}>\r\nSubject: acting\r\n\r\nA line.\r\n.\r\n"


def as_another(wire, account, other):
    return wire.say("AUTH PLAIN " + base64.b64encode(f"{other}\0{account.name}\0{account.password}".encode()).decode())


def session(gatepost, context):
    wire = Wire(gatepost.tls_port, context, implicit=True)
    wire.say("EHLO client.example")
    return wire


def test_who_may_act_for_another_sends_as_that_one_until_it_is_taken_back(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    anna, bert = gatepost.account(), gatepost.account()
    with session(gatepost, context) as wire:
        assert as_another(wire, anna, bert.name)[0] == 535
        assert f"account={anna.name}" in last_sign_in(gatepost, "may not act for the one that the client names")
    gatepost.run("user", "may-act", anna.name, bert.name)
    assert gatepost.json("user", "may-act", anna.name)["may_act_as"] == [bert.name]
    with session(gatepost, context) as wire:
        assert as_another(wire, anna, bert.name.upper().replace("USER", "user"))[0] == 235
        line = last_sign_in(gatepost, "result=ok")
        assert f"account={anna.name}" in line and f"acting_for={bert.name}" in line
        assert submit(wire, anna.name, [recipient], MESSAGE.format(sender=anna.name))[0] == 550
        assert submit(wire, bert.name, [recipient], MESSAGE.format(sender=bert.name))[0] == 250
        queued = until("the message in the log", lambda: [line for line in gatepost.log().splitlines() if "event=queued" in line])
        assert f"account={bert.name}" in queued[0] and f"signed_in_as={anna.name}" in queued[0]
        with session(gatepost, context) as early:
            assert as_another(early, anna, bert.name)[0] == 235
            open_message(early, bert, recipient)
            gatepost.run("user", "may-act", anna.name, bert.name, "--remove")
            early.send(MESSAGE.format(sender=bert.name))
            assert early.hear()[0] == 421
        assert submit(wire, bert.name, [recipient], MESSAGE.format(sender=bert.name))[0] == 421
    sink.wait(recipient)


def test_a_credential_takes_its_own_limits_along(new_gatepost, sink, context, recipient):
    """Whoever it acts for, and whatever was asked first."""
    gatepost = new_gatepost(sink)
    anna, bert = gatepost.account(), gatepost.account()
    gatepost.run("user", "may-act", anna.name, bert.name)
    credential = str(gatepost.json("credential", "list", anna.name)[0]["id"])
    gatepost.run("limit", "set", anna.name, "messages", "2/day", "--credential", credential)
    with session(gatepost, context) as wire:
        assert as_another(wire, anna, bert.name)[0] == 235
        codes = [submit(wire, bert.name, [recipient], MESSAGE.format(sender=bert.name))[0] for _ in range(3)]
        assert codes == [250, 250, 451]
    with signed_in(gatepost, context, anna) as wire:
        code, lines = submit(wire, anna.name, [recipient], MESSAGE.format(sender=anna.name))
        assert code == 451 and "too many messages for this credential" in lines[0]


def test_who_acts_for_many_sends_no_more_than_for_himself(new_gatepost, sink, context, recipient):
    gatepost = new_gatepost(sink)
    anna, bert, carl = (gatepost.account() for _ in range(3))
    for other in bert, carl:
        gatepost.run("user", "may-act", anna.name, other.name)
    gatepost.run("limit", "set", anna.name, "messages", "2/day")
    replies = []
    for other in bert, carl, bert:
        with session(gatepost, context) as wire:
            assert as_another(wire, anna, other.name)[0] == 235
            replies.append(submit(wire, other.name, [recipient], MESSAGE.format(sender=other.name)))
    assert [code for code, _ in replies] == [250, 250, 451]
    assert "too many messages for the account that you signed in with" in replies[2][1][0]
    record = lambda: gatepost.run("audit", "show", "--event", "refused", "--account", bert.name)
    until("the record", lambda: f'"signed_in_as": "{anna.name}"' in record())
    with signed_in(gatepost, context, bert) as wire:  # who owns the account is not kept from it
        assert submit(wire, bert.name, [recipient], MESSAGE.format(sender=bert.name))[0] == 250
