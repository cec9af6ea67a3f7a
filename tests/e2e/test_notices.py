"""Notices: the owner and the administrator are told by mail, once, by a message that nothing answers."""
import email
import email.policy

from house import until

ADMIN = "admin@example.net"


def read(message):
    return email.message_from_bytes(message.data, policy=email.policy.default)


def told(sink, recipient, word):
    """What was sent to that address with that word in the subject."""
    return [message for message in sink.for_(recipient) if word in read(message)["Subject"]]


def test_who_is_told_what_ends_soon(new_gatepost, sink):
    gatepost = new_gatepost(sink, start=False, GATEPOST_NOTICES_ADMIN=ADMIN)
    account, other = gatepost.account(), gatepost.account()
    gatepost.run("credential", "add", account.name, "--label", "printer", "--expires", "3d")
    gatepost.run("credential", "add", other.name, "--label", "laptop", "--expires", "90d")
    gatepost.start()
    for recipient in (account.name, ADMIN):
        message = until("the notice", lambda: told(sink, recipient, "printer"))[0]
        said = read(message)
        assert message.sender == "" and said["Auto-Submitted"] == "auto-generated" and said["To"] == recipient
        assert said["Date"] and said["Message-ID"] and "postmaster@" in said["From"]
        text = said.get_content()
        assert "credential 'printer' ends on " in text and "What to do" in text and account.name in text
    until("the certificate's notice", lambda: told(sink, ADMIN, "certificate"))    # those of the tests live for days
    gatepost.stop()
    gatepost.run("credential", "add", account.name, "--label", "scanner", "--expires", "2d")
    gatepost.start()
    until("the next notice", lambda: told(sink, ADMIN, "scanner") and told(sink, account.name, "scanner"))
    assert [len(told(sink, ADMIN, word)) for word in ("printer", "certificate", "laptop")] == [1, 1, 0]
    assert len(told(sink, account.name, "printer")) == 1 and not sink.for_(other.name)
