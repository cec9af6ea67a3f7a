"""Postfix on both sides of gatepost: as a client that signs in with Cyrus SASL, and as the server that mail goes on to."""
import email
import re
import smtplib

import pytest

import postfix
from house import until
from wire import signed_in, submit

SECRET = "upstream-secret"
pytestmark = pytest.mark.skipif(bool(postfix.missing()), reason=str(postfix.missing()))


@pytest.mark.parametrize("mechanism,transport", [("PLAIN", "starttls"), ("LOGIN", "tls"), ("CRAM-MD5", "starttls"),
                                                 ("SCRAM-SHA-256", "tls"), ("SCRAM-SHA-1", "starttls"), ("SCRAM-SHA-512", "starttls"),
                                                 ("", "starttls")])     # left to choose, it takes a SCRAM
def test_postfix_sends_through_gatepost(mechanism, transport, running, gatepost, ca, sink, folder, recipient):
    account = gatepost.account(*(["--allow-cram-md5"] if mechanism == "CRAM-MD5" else []))
    client = postfix.client(folder / f"client-{mechanism}-{transport}", gatepost, account, ca, mechanism, transport)
    running.append(client)
    with smtplib.SMTP("127.0.0.1", client.port, timeout=20) as local:
        local.sendmail(account.name, [recipient], f"From: <{account.name}>\r\nSubject: by Postfix\r\n\r\nx\r\n.y\r\n")
    until("delivery in Postfix's log", lambda: "status=sent" in client.log() or "status=deferred" in client.log())
    assert "status=sent" in client.log(), client.log()
    assert sink.wait(recipient).data.endswith(b"\r\n\r\nx\r\n.y\r\n")
    assert any(account.name in line and f"mechanism={mechanism or 'SCRAM-SHA-'}" in line for line in gatepost.log().splitlines() if "sign-in" in line)


# Postfix waits after a refused sign-in; without TLS it is offered none, goes on without, and takes the 530 to MAIL for final.
@pytest.mark.parametrize("wrong,transport,said,status",
                         [({"password": "wrong"}, "starttls", "535 5.7.8", "deferred"), ({"name": "nobody@example.org"}, "tls", "535 5.7.8", "deferred"),
                          ({}, "clear", "530 5.7.0 Must issue a STARTTLS", "bounced")], ids=["wrong password", "unknown user", "no TLS"])
def test_postfix_is_not_let_in(wrong, transport, said, status, running, gatepost, ca, sink, folder, account, recipient):
    client = postfix.client(folder / f"client-{recipient}", gatepost, account._replace(**wrong), ca, "PLAIN", transport)
    running.append(client)
    with smtplib.SMTP("127.0.0.1", client.port, timeout=20) as local:
        local.sendmail(account.name, [recipient], f"From: <{account.name}>\r\n\r\nx\r\n")
    until("an attempt in Postfix's log", lambda: re.search("status=(sent|deferred|bounced)", client.log()))
    assert f"status={status}" in client.log() and "status=sent" not in client.log() and said in client.log(), client.log()
    assert not sink.for_(recipient)


@pytest.fixture(scope="module")
def server(folder, sink_certificate):
    made = postfix.server(folder / "postfix-server", sink_certificate, "PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256", "relay", SECRET)
    yield made
    made.stop()


@pytest.fixture
def upstream(server, ca, folder):
    """The environment of a gatepost that sends everything through that Postfix."""
    secret = folder / "postfix-secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    return {"GATEPOST_RELAY": f"smtp://127.0.0.1:{server.port}?tls=required", "GATEPOST_RELAY_CA_FILE": str(ca),
            "GATEPOST_RELAY_USER": "relay@mx.example.net", "GATEPOST_RELAY_PASSWORD_FILE": str(secret)}


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_gatepost_sends_through_postfix(mechanism, server, upstream, new_gatepost, context):
    gatepost = new_gatepost(GATEPOST_RELAY_MECHANISMS=mechanism, **upstream)
    gatepost.secrets.append(SECRET)
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        message = f"From: <{account.name}>\r\nSubject: by {mechanism}.\r\n\r\n..x\r\n.\r\n"
        assert submit(wire, account.name, ["lena@example.net"], message)[0] == 250
    assert postfix.kept(server, f"Subject: by {mechanism}.").endswith("\n\n.x\n")
    assert f"sasl_method={mechanism}, sasl_username=relay@mx.example.net" in server.log()


def test_what_postfix_refuses_comes_back(server, upstream, new_gatepost, context):
    gatepost = new_gatepost(**upstream)
    lena = gatepost.account("--send-as", "lena@example.net")
    with signed_in(gatepost, context, lena) as wire:
        assert submit(wire, "lena@example.net", ["nobody@example.net"], "From: <lena@example.net>\r\n\r\nx\r\n.\r\n")[0] == 250
    report = postfix.kept(server, "Final-Recipient: rfc822;nobody@example.net")   # lena has a mailbox there
    assert "Action: failed" in report and "multipart/report" in report


def test_postfix_reports_success_in_our_stead(server, upstream, new_gatepost, context, recipient):
    """It is told what the client wanted to hear, and which address it wrote, though the client left that to us."""
    gatepost = new_gatepost(**upstream)
    lena = gatepost.account("--send-as", "lena@example.net")
    with signed_in(gatepost, context, lena) as wire:
        assert wire.say(f"MAIL FROM:<lena@example.net> RET=HDRS ENVID={recipient.partition('@')[0]}+2B7")[0] == 250
        assert wire.say("RCPT TO:<Lena@example.net> NOTIFY=SUCCESS,FAILURE")[0] == 250 and wire.say("DATA")[0] == 354
        wire.send("From: <lena@example.net>\r\n\r\nx\r\n.\r\n")
        assert wire.hear()[0] == 250
    report = email.message_from_string(postfix.kept(server, f"Original-Envelope-Id: {recipient.partition('@')[0]}+7"))
    _, about = report.get_payload(1).get_payload()
    assert about["Action"] == "delivered" and about["Original-Recipient"] == "rfc822;Lena@example.net"
    assert "mx.example.net" in report.get_payload(1).get_payload()[0]["Reporting-MTA"] and "event=bounced" not in gatepost.log()


@pytest.mark.parametrize("user,password", [("nobody@mx.example.net", SECRET), ("relay@mx.example.net", "not " + SECRET)], ids=["wrong user", "wrong password"])
def test_what_postfix_does_not_let_in_stays_with_us(user, password, server, upstream, new_gatepost, folder, context, recipient):
    secret = folder / f"secret-{recipient}"
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    gatepost = new_gatepost(**upstream | {"GATEPOST_RELAY_USER": user, "GATEPOST_RELAY_PASSWORD_FILE": str(secret)})
    gatepost.secrets.append(password)
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        assert submit(wire, account.name, ["lena@example.net"], f"From: <{account.name}>\r\nSubject: {recipient}\r\n\r\nx\r\n.\r\n")[0] == 250
    until("a refused sign-in in the log", lambda: "event=upstream" in gatepost.log())
    until("a deferral", lambda: "event=deferred" in gatepost.log())
    [kept] = gatepost.queued()
    assert "535 5.7.8" in until("its reason", lambda: (said := gatepost.run("queue", "show", queue_id_of(kept))) and " 0 attempts" not in said and said)
    assert all(recipient not in path.read_text(errors="replace") for path in postfix.mailbox(server))


def queue_id_of(entry):
    return entry.get("id") or entry["queue_id"]


def test_a_password_never_goes_to_postfix_in_clear(upstream, server, new_gatepost):
    """The set-up that would send it is refused; without the password, Postfix's 530 keeps the mail here."""
    clear = {"GATEPOST_RELAY": upstream["GATEPOST_RELAY"].replace("required", "none")}
    refused = new_gatepost(start=False, **upstream | clear).command("config", "check")
    assert refused.returncode == 1 and "relay.user needs tls=required" in refused.stdout + refused.stderr


def test_postfix_that_wants_tls_first_bounces_nothing(upstream, server, new_gatepost, context):
    gatepost = new_gatepost(GATEPOST_RELAY=upstream["GATEPOST_RELAY"].replace("required", "none"))
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        assert submit(wire, account.name, ["lena@example.net"], f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")[0] == 250
    until("an attempt", lambda: "event=deferred" in gatepost.log() or "event=failed" in gatepost.log())
    assert "event=failed" not in gatepost.log() and "code=530" in gatepost.log() and len(gatepost.queued()) == 1
