"""How much may be sent: what clients are told, what is counted, and that a restart forgets nothing."""
import pytest

from conftest import counter
from house import relay_to, serving, until
from wire import signed_in, submit

MESSAGE = "From: {0}\r\n\r\nx\r\n.\r\n"


@pytest.fixture(scope="module")
def limited(folder, certificate, sink, ca):
    """Three messages and five recipients a day, and two sessions at once."""
    with serving(folder / f"limited-{next(counter)}", certificate, **relay_to(sink, ca), GATEPOST_POLICY_LIMITS_ACCOUNT_MESSAGES="3/day",
                 GATEPOST_POLICY_LIMITS_ACCOUNT_RECIPIENTS="5/day", GATEPOST_POLICY_LIMITS_SESSIONS="2") as made:
        yield made


def send(wire, account, *recipients):
    code, lines = submit(wire, account.name, recipients, MESSAGE.format(account.name))
    return code, lines[0]


def to(count):
    return [f"r{next(counter)}@example.net" for _ in range(count)]


def test_who_has_sent_enough_is_told_when_to_come_back(limited, context):
    account = limited.account()
    with signed_in(limited, context, account) as wire:
        assert [send(wire, account, *to(1))[0] for _ in range(3)] == [250] * 3
        later = (451, "4.7.1 too many messages for this account, try again in 8 hours")
        assert send(wire, account, *to(1)) == later
        assert "over a limit: messages of the account: 3/day, 3 used, 1 asked for" in limited.log()
        limited.run("limit", "set", account.name, "messages", "none")
        assert send(wire, account, *to(1))[0] == 250
        limited.run("limit", "clear", account.name)
        assert send(wire, account, *to(1)) == later
    until("figure of what is used", lambda: {"messages": 3} in [{row["what"]: row["used"]} for row in limited.json("limit", "show", account.name)])


def test_recipients_beyond_the_limit_are_put_off_and_the_others_go(limited, context):
    account = limited.account()
    with signed_in(limited, context, account) as wire:
        assert wire.say(f"MAIL FROM:<{account.name}>")[0] == 250
        replies = [wire.say(f"RCPT TO:<{address}>") for address in to(7)]
        assert [code for code, _ in replies] == [250] * 5 + [452] * 2
        assert replies[5][1][0].startswith("4.7.1 too many recipients for this account, try again in 5 hours")
        assert wire.say("DATA")[0] == 354
        wire.send(MESSAGE.format(account.name))
        assert wire.hear()[0] == 250
        assert send(wire, account, *to(1)) == (452, "4.7.1 too many recipients for this account, try again in 5 hours")


def test_a_restart_forgets_nothing(limited, context):
    account = limited.account()
    with signed_in(limited, context, account) as wire:
        assert send(wire, account, *to(5))[0] == 250
    limited.stop()
    limited.start()
    with signed_in(limited, context, account) as wire:
        assert send(wire, account, *to(1))[0] == 452


def test_a_session_too_many_waits_for_another_to_end(limited, context):
    account = limited.account()
    first, second, third = (signed_in(limited, context, account) for _ in range(3))
    assert third.say(f"MAIL FROM:<{account.name}>") == (
        451, ["4.7.1 too many sessions of this account at once, close others and try again"])
    assert first.say("QUIT")[0] == 221 and first.hear() == (0, [])
    until("place", lambda: third.say(f"MAIL FROM:<{account.name}>")[0] == 250)  # another smtpd may tell of the end
    for wire in (first, second, third):
        wire.close()


def test_a_credential_may_have_fewer_sessions_than_its_account(limited, context):
    account = limited.account()
    credential = str(limited.json("credential", "list", account.name)[0]["id"])
    limited.run("limit", "set", account.name, "sessions", "1", "--credential", credential)
    shown = [(row["credential"] != "", row["rate"], row["from"]) for row in limited.json("limit", "show", account.name) if row["what"] == "sessions"]
    assert sorted(shown) == [(False, "2", "configuration"), (True, "1", "own")]
    with signed_in(limited, context, account) as first, signed_in(limited, context, account) as second:
        assert second.say(f"MAIL FROM:<{account.name}>") == (
            451, ["4.7.1 too many sessions of this credential at once, close others and try again"])
        assert first.say(f"MAIL FROM:<{account.name}>")[0] == 250


def test_a_size_that_cannot_be_sent_is_refused_before_the_message(limited, context):
    account = limited.account()
    limited.run("limit", "set", account.name, "octets", "10K/day")
    with signed_in(limited, context, account) as wire:
        assert send(wire, account, *to(1))[0] == 250
        assert wire.say(f"MAIL FROM:<{account.name}> SIZE=20000")[0] == 552
        code, lines = wire.say(f"MAIL FROM:<{account.name}> SIZE=10240")
        assert code == 452 and lines[0].startswith("4.7.1 too much mail for this account, try again in ")
        assert wire.say(f"MAIL FROM:<{account.name}> SIZE=1000")[0] == 250
