"""Notices: the owner and the administrator are told by mail, once, by a message that nothing answers."""
import email
import email.policy
import sqlite3
import threading

from house import until
from sources import Service
from wire import signed_in, submit

ADMIN = "admin@example.net"


def read(message):
    return email.message_from_bytes(message.data, policy=email.policy.default)


def told(sink, recipient, word):
    """What was sent to that address with that word in the subject."""
    return [message for message in sink.for_(recipient) if word in read(message)["Subject"]]


def test_who_is_told_what_ends_soon(new_gatepost, sink, context):
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
    with signed_in(gatepost, context, account) as wire:
        assert wire.say(f"MAIL FROM:<{account.name}> HOLDFOR=3600")[0] == 250 and wire.say("RCPT TO:<late@example.net>")[0] == 250
        assert wire.say("DATA")[0] == 354
        wire.send(f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")
        assert wire.hear()[0] == 250
    gatepost.run("queue", "hold", "--all")
    gatepost.stop()
    with sqlite3.connect(gatepost.dir / "queue" / "queue.db") as database:          # as if two days had gone by
        database.execute("UPDATE messages SET held = held - 2 * 86400000 WHERE held <> 0")
    database.close()
    gatepost.run("credential", "add", account.name, "--label", "scanner", "--expires", "2d")
    gatepost.start()
    until("the notice of held mail", lambda: "for more than a day: 1. " in "".join(read(message).get_content() for message in told(sink, ADMIN, "held")))
    until("the next notice", lambda: told(sink, ADMIN, "scanner") and told(sink, account.name, "scanner"))
    assert [len(told(sink, ADMIN, word)) for word in ("printer", "certificate", "laptop")] == [1, 1, 0]
    assert len(told(sink, account.name, "printer")) == 1 and not told(sink, other.name, "laptop")


class Hook(Service):
    """A webhook that answers what it is told to, in turn, and then takes everything. Nobody waits longer than it takes."""
    def __init__(self, certificate, *answers):
        super().__init__(certificate, self.say)
        self.answers, self.patience = list(answers), threading.Event()

    def say(self, asked):
        status = self.answers.pop(0) if self.answers else 204
        if status == "slow":
            self.patience.wait(30)
            status = 500
        return status, b""

    def took(self, word):
        return [asked for _, asked in list(self.asked) if word in asked["subject"]]


def hooked(new_gatepost, ca, tmp_path, hook, sink=None, **more):
    """A server that posts there, and mails nobody."""
    secret = tmp_path / "hook.secret"
    secret.write_text("the hook's own secret\n")
    gatepost = new_gatepost(sink, start=False, GATEPOST_NOTICES_OWNERS="no", GATEPOST_NOTICES_WEBHOOK=f"https://localhost:{hook.port}/notices",
                            GATEPOST_NOTICES_WEBHOOK_SECRET_FILE=str(secret), GATEPOST_NOTICES_WEBHOOK_CA_FILE=str(ca),
                            GATEPOST_NOTICES_WEBHOOK_TIMEOUT="1s", **more)
    gatepost.secrets.append("the hook's own secret")
    return gatepost


def test_a_webhook_has_each_notice_however_it_was_at_first(new_gatepost, certificate, ca, tmp_path):
    hook = Hook(certificate, "slow", 500, 503)
    gatepost = hooked(new_gatepost, ca, tmp_path, hook)
    account = gatepost.account()
    gatepost.run("credential", "add", account.name, "--label", "printer", "--expires", "3d")
    gatepost.start()
    until("a try while nobody is there", lambda: "event=webhook" in gatepost.log())
    gatepost.stop()                                             # what was not taken is kept
    hook.start()
    gatepost.start()
    until("both notices", lambda: hook.took("printer") and hook.took("certificate"), 30)
    until("a quiet vault", lambda: "answers again" in gatepost.log())
    assert "it answers with status 503, not 2xx" in gatepost.log()
    tries, asked = [one for _, one in hook.asked], hook.took("printer")[-1]
    assert len(tries) == 5 and tries[:4] == tries[:1] * 4 and tries[4] != tries[0]     # three that were not taken, and then each once
    assert {said for said, _ in hook.asked} == {"Bearer the hook's own secret"}
    assert set(asked) == {"id", "host", "kind", "account", "time", "subject", "text"}
    assert asked["kind"] == "credential-expiry" and asked["account"] == account.name and "ends on " in asked["text"]
    assert asked["time"].endswith("Z") and asked["host"] == "mail.example.org"
    count = len(hook.asked)
    gatepost.stop()
    gatepost.start()
    gatepost.run("credential", "add", account.name, "--label", "scanner", "--expires", "2d")
    gatepost.stop()
    gatepost.start()
    until("the last one", lambda: hook.took("scanner"))
    assert len(hook.asked) == count + 1                         # and what was taken is not posted again
    hook.patience.set()
    hook.stop()


def test_a_report_that_the_next_hop_refuses_is_told_by_webhook(new_gatepost, certificate, ca, context, tmp_path, sink):
    hook = Hook(certificate).start()
    gatepost = hooked(new_gatepost, ca, tmp_path, hook, sink)
    account = gatepost.account()
    before = len(sink.for_(account.name))
    gatepost.start()
    sink.refusals["nobody@example.net"] = "550 5.1.1 no such user"
    sink.script("MAIL", "250 2.1.0 ok", "550 5.7.60 not allowed to send as this sender")
    with signed_in(gatepost, context, account) as wire:
        submit(wire, account.name, ["nobody@example.net"], f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")
    told = until("its notice", lambda: hook.took("A report could not be delivered"))
    assert [one["kind"] for one in told] == ["report-lost"] and "gatepost explain" in told[0]["text"]
    lost = gatepost.json("status")["reports_lost"]
    assert lost["count"] == 1 and lost["queue_id"] in told[0]["text"] and lost["reason"].startswith("550 5.7.60")
    assert f"1 of ours failed for good, the last {lost['last']} (gatepost explain {lost['queue_id']}): 550" in gatepost.run("status")
    assert 'failed="to deliver a report or notice"' in gatepost.log() and len(sink.for_(account.name)) == before
    hook.stop()


def test_a_notice_that_is_never_taken_keeps_no_other_back(new_gatepost, certificate, ca, tmp_path):
    hook = Hook(certificate, 422).start()
    gatepost = hooked(new_gatepost, ca, tmp_path, hook)
    account = gatepost.account()
    for label in ("printer", "scanner"):
        gatepost.run("credential", "add", account.name, "--label", label, "--expires", "3d")
    gatepost.start()
    until("both, once", lambda: len([asked for _, asked in hook.asked if asked["kind"] == "credential-expiry"]) == 2)
    assert "it is not posted again" in gatepost.log()
    hook.stop()
