"""The message on its way: what is added and removed, signatures, next hops that fail in every way, reports."""
import base64
import email
import email.policy
import email.utils
import pathlib
import re
import subprocess
import time

import dkim
import pytest

from authority import Authority
from house import DOMAIN, HOSTNAME, Gatepost, relay_to, until
from sink import DROP, GARBAGE, Sink, slow
from wire import signed_in, submit


def send(gatepost, context, account, recipients, extra="", body="x\r\n", sender=None, options=""):
    """Submits; the queue id."""
    with signed_in(gatepost, context, account) as wire:
        if options:
            assert wire.say(f"MAIL FROM:<{account.name}> {options}")[0] == 250
            for recipient in recipients:
                assert wire.say(f"RCPT TO:{recipient}" if recipient.startswith("<") else f"RCPT TO:<{recipient}>")[0] == 250
            assert wire.say("DATA")[0] == 354
            wire.send(f"From: <{account.name}>\r\n{extra}\r\n{body}.\r\n")
            code, lines = wire.hear()
        else:
            code, lines = submit(wire, account.name if sender is None else sender, recipients, f"From: <{account.name}>\r\n{extra}\r\n{body}.\r\n")
    assert code == 250, lines
    return re.search(r"queued as (\w+)", lines[0]).group(1)


def fields(data):
    return email.message_from_bytes(data, policy=email.policy.default)


# ---- what arrives --------------------------------------------------------------------------------------------
def test_what_is_added_and_removed(gatepost, context, sink, account, recipient):
    queue_id = send(gatepost, context, account, [recipient], extra="Bcc: secret@example.com\r\nReturn-Path: <x@y.example>\r\n"
                    f"Authentication-Results: {HOSTNAME}; auth=pass\r\nSubject: as it was\r\n")
    data = sink.wait(recipient).data
    message = fields(data)
    assert message["Bcc"] is None and message["Return-Path"] is None and message["Authentication-Results"] is None
    assert message["Date"].datetime and message["Message-ID"].startswith("<") and message["Subject"] == "as it was"
    received = " ".join(message.get_all("Received")[0].split())
    assert received.startswith("by mail.example.org with ESMTPSA (TLSv1.") and account.name not in received
    assert b"127.0.0.1" not in data and b"client.example" not in data       # where its author is concerns nobody
    assert message["To"].addresses == () and "undisclosed-recipients" in str(message["To"])
    assert f"id {queue_id}" in received and f"for <{recipient}>" in received
    assert all(len(line) < 78 for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n"))


def test_the_client_can_be_shown(new_gatepost, context, sink, recipient):
    gatepost = new_gatepost(sink, GATEPOST_HIDE_CLIENT="no")
    send(gatepost, context, gatepost.account(), [recipient])
    assert " ".join(fields(sink.wait(recipient).data).get_all("Received")[0].split()).startswith("from client.example ([127.0.0.1]) by mail.example.org with ESMTPSA (TLSv1.")


def test_a_large_message_passes_in_little_memory(gatepost, context, sink, account, recipient):
    """Every role's peak, before and after 50 MB: what is held of it is a few pieces."""
    def peaks():
        return {pid: int(re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) for pid in gatepost.pids()}

    line = "0123456789abcde" * 64 + "\r\n"
    send(gatepost, context, account, [f"small-{recipient}"])
    assert sink.wait(f"small-{recipient}")
    before = peaks()
    send(gatepost, context, account, [recipient], body=line * (49_000_000 // len(line)))
    [arrived] = until("it in the sink", lambda: sink.for_(recipient), 60)
    assert len(arrived.data) > 48_000_000
    grown = {pid: peak - before[pid] for pid, peak in peaks().items()}
    assert len(grown) > 4 and max(grown.values()) < 8 * 1024, grown


def test_addresses_are_put_in_place_of_others(new_gatepost, context, sink, recipient):
    """Before anybody is asked whose they are, and before DKIM signs: the table makes nobody somebody else."""
    gatepost = new_gatepost(sink, start=False)
    (gatepost.dir / "gatepost.yml").open("a").write(f"""rewrite:
  - "@old.example @{DOMAIN}"
  - "lost@example.net {recipient} in=recipient"
""")
    gatepost.start()
    anna = gatepost.account("--send-as", f"anna@{DOMAIN}", name=f"anna@{DOMAIN}")
    with signed_in(gatepost, context, anna) as wire:
        letter = "From: Anna <anna@old.example>\r\nTo: lost@example.net, b@old.example\r\n\r\nx\r\n.\r\n"
        assert wire.say("MAIL FROM:<ceo@old.example>")[0] == 550
        assert submit(wire, "anna@old.example", ["lost@example.net"], letter.replace("anna", "ceo"))[0] == 550
        assert submit(wire, "anna@old.example", ["lost@example.net"], letter)[0] == 250
    arrived = sink.wait(recipient)
    message = fields(arrived.data)
    assert arrived.sender == f"anna@{DOMAIN}" and arrived.recipients == [(recipient, "ORCPT=rfc822;lost@example.net")]
    assert str(message["From"]) == f"Anna <anna@{DOMAIN}>" and str(message["To"]) == f"lost@example.net, b@{DOMAIN}"
    assert dkim.verify(arrived.data, dnsfunc=lambda name, **_: public_keys(gatepost).get(name)) and "event=rewritten" in gatepost.log()


@pytest.mark.parametrize("body", ["", "x\r\n", "..\r\n...\r\n\r\n\r\n", "\t trailing \t\r\n", "y" * 990 + "\r\n", "0123456789\r\n" * 100_000],
                         ids=["empty", "line", "dots", "spaces", "long line", "1.2 MB"])
def test_the_body_is_the_same_to_the_octet(body, gatepost, context, sink, account, recipient):
    send(gatepost, context, account, [recipient], body=re.sub(r"(?m)^\.", "..", body))
    assert sink.wait(recipient).data.partition(b"\r\n\r\n")[2].decode() == body


def test_eight_bit_and_utf8(gatepost, context, sink, account, recipient):
    with signed_in(gatepost, context, account) as wire:
        assert wire.say(f"MAIL FROM:<{account.name}> BODY=8BITMIME SMTPUTF8")[0] == 250
        assert wire.say(f"RCPT TO:<gr\u00fc\u00df-{recipient}>")[0] == 250
        assert wire.say("DATA")[0] == 354
        wire.send(f"From: J\u00fcrgen <{account.name}>\r\n\r\nsch\u00f6n\r\n.\r\n")
        assert wire.hear()[0] == 250
    arrived = sink.wait(f"gr\u00fc\u00df-{recipient}")
    assert "SMTPUTF8" in arrived.options and "sch\u00f6n".encode() in arrived.data


def test_a_message_goes_when_its_sender_said(gatepost, context, sink, account, recipient):
    started = time.time()
    send(gatepost, context, account, [recipient], options="HOLDFOR=2")
    arrived = sink.wait(recipient)
    assert time.time() - started >= 2 and "HOLD" not in arrived.options


def test_what_a_sender_holds_back_is_shown_sent_and_cancelled(gatepost, context, sink, account, recipient):
    with signed_in(gatepost, context, account) as wire:
        [offer] = [line for line in wire.say("EHLO client.example")[1] if line.startswith("FUTURERELEASE")]
        word, longest, latest = offer.split()
        assert longest == "2592000" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", latest)
        assert wire.say(f"MAIL FROM:<{account.name}> HOLDFOR=2592001")[0] == 501
    first = send(gatepost, context, account, [f"1-{recipient}"], options=f"HOLDUNTIL={latest}")
    second = send(gatepost, context, account, [f"2-{recipient}"], options="HOLDFOR=3600")
    assert f"waits until {latest}, as its sender asked" in gatepost.run("queue", "show", first)
    assert gatepost.json("queue", "show", first)["release"].startswith(latest.rstrip("Z"))
    assert gatepost.run("queue", "delete", second) == f"{second}: deleted; its sender is told\n"
    assert "took the message out of the queue" in report_for(sink, account)[1][0].get_content()
    assert gatepost.run("queue", "release", first) == f"{first}: released\n"
    assert sink.wait(f"1-{recipient}") and not sink.for_(f"2-{recipient}")
    assert "held back by its sender until" in gatepost.run("explain", first)


def test_a_priority_and_a_deadline_go_along(new_gatepost, new_sink, context, recipient):
    sink = new_sink(offers=("MT-PRIORITY", "DELIVERBY 30"))
    gatepost = new_gatepost(sink, GATEPOST_QUEUE_PRIORITIES="yes", GATEPOST_QUEUE_PRIORITY_MOST="4", GATEPOST_QUEUE_DEADLINE_LEAST="20s")
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        assert "MT-PRIORITY" in wire.say("EHLO client.example")[1]
        for asked, said in (("-3", "2.1.0 sender ok"), ("4", "2.1.0 sender ok"), ("9", "2.3.6 4 is the highest priority here, sender ok")):
            assert wire.say(f"MAIL FROM:<{account.name}> MT-PRIORITY={asked}") == (250, [said])
            assert wire.say(f"RCPT TO:<{asked}{recipient}>")[0] == 250 and wire.say("DATA")[0] == 354
            wire.send(f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")
            assert wire.hear()[0] == 250
    for asked, given in (("-3", "-3"), ("4", "4"), ("9", "4")):
        assert f"MT-PRIORITY={given}" in sink.wait(f"{asked}{recipient}").options
    with signed_in(gatepost, context, account) as wire:
        assert "DELIVERBY 20" in wire.say("EHLO client.example")[1]
        assert wire.say(f"MAIL FROM:<{account.name}> BY=19;R")[0] == 555
    queue_id = send(gatepost, context, account, [recipient], options="BY=2000;RT MT-PRIORITY=2")
    [by] = [word for word in sink.wait(recipient).options.split() if word.startswith("BY=")]
    assert re.fullmatch(r"BY=(19\d\d|2000);RT", by)
    assert "PRIORITY 2;" in " ".join(fields(sink.for_(recipient)[0].data).get_all("Received")[0].split())
    _, _, status = report_for(sink, account)    # each step is told, and this next hop reports nothing itself
    assert status[1]["Action"] == "relayed" and abs(time.time() + 2000 - email.utils.parsedate_to_datetime(status[0]["Deliver-By-Date"]).timestamp()) < 60
    told = gatepost.run("explain", queue_id)
    assert "to be delivered by" in told and "priority 2" in told
    send(gatepost, context, account, [f"soon-{recipient}"], options="BY=25;R")
    until("the message came back", lambda: b"wants more time" in b"".join(m.data for m in sink.for_(account.name)))


def test_what_must_come_back_goes_to_nobody_who_could_be_late(gatepost, context, sink, account, recipient):
    send(gatepost, context, account, [recipient], options="BY=3600;R")
    _, parts, status = report_for(sink, account)
    assert status[1]["Status"] == "5.3.3" and "does not offer DELIVERBY" in parts[0].get_content() and not sink.for_(recipient)
    later = send(gatepost, context, account, [recipient], options="BY=3600;N HOLDFOR=60")
    assert "its sender is told if it is not delivered by" in gatepost.run("queue", "show", later)
    assert gatepost.json("queue", "show", later)["deliver"]["else"] == "notify"
    gatepost.run("queue", "release", later)
    assert "BY=" not in sink.wait(recipient).options


def test_many_recipients_travel_together(gatepost, context, sink, account, recipient):
    recipients = [f"{n}-{recipient}" for n in range(20)]
    send(gatepost, context, account, recipients)
    arrived = sink.wait(recipients[0])
    assert [address for address, _ in arrived.recipients] == recipients and b"for <" not in arrived.data


@pytest.mark.parametrize("header,code", [("", "5.6.0"), ("From: nobody\r\n", "5.6.0"), ("From: \"Board <a@example.org>\":;\r\n", "5.6.0"), ("From: <a@example.org>\r\nFrom: <b@example.org>\r\n", "5.6.0"),
                                         ("Received: x\r\n" * 100 + "From: <a@example.org>\r\n", "5.4.6")])
def test_messages_that_are_refused(header, code, gatepost, context, account, recipient):
    with signed_in(gatepost, context, account) as wire:
        reply = submit(wire, account.name, [recipient], f"{header}Subject: x\r\n\r\nx\r\n.\r\n")
        assert reply[0] == 554 and reply[1][0].startswith(code)
        assert wire.say("NOOP")[0] == 250


@pytest.mark.parametrize("sender", ["its own", ""], ids=["own sender", "null sender"])
@pytest.mark.parametrize("authors,wrong", [("ceo@{0}", "ceo@{0}"), ("me, ceo@{0}", "ceo@{0}"), ("me@other.example", "me@other.example"),
                                           ("ceo@{0} (me)", "ceo@{0}"), ("Board: me, ceo@{0};", "ceo@{0}"), ("me, ALIAS, me", None)])
def test_only_who_an_account_may_send_as_may_be_an_author(authors, wrong, sender, gatepost, context, sink, recipient):
    alias = f"alias-{recipient.split('@')[0]}@{DOMAIN}"
    account = gatepost.account("--send-as", name := f"me-{recipient.split('@')[0]}@{DOMAIN}", "--send-as", alias, name=name)
    authors = authors.format(DOMAIN).replace("me,", f"{name},").replace(", me", f", {name}").replace("ALIAS", alias)
    with signed_in(gatepost, context, account) as wire:
        reply = submit(wire, sender and account.name, [recipient], f"From: {authors}\r\n\r\nx\r\n.\r\n")
        assert reply == ((550, [f"5.7.1 sender address not yours: {wrong.format(DOMAIN)}; yours: {name}, {alias}"]) if wrong else (250, reply[1]))
        assert wire.say("NOOP")[0] == 250
    assert wrong is None or not sink.for_(recipient)
    assert wrong or sink.wait(recipient)


def test_a_message_over_the_limit(new_gatepost, context, sink, recipient):
    gatepost = new_gatepost(sink, GATEPOST_LIMITS_MESSAGE_SIZE="100K")
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        assert wire.say(f"MAIL FROM:<{account.name}> SIZE=200000")[0] == 552
        reply = submit(wire, account.name, [recipient], f"From: <{account.name}>\r\n\r\n" + "0123456789\r\n" * 20_000 + ".\r\n")
        assert reply[0] == 552 and wire.say("NOOP")[0] == 250
    assert gatepost.is_empty() and not sink.for_(recipient)


# ---- signatures ----------------------------------------------------------------------------------------------
def public_keys(gatepost):
    """What DNS would say, made from the private keys by openssl."""
    records = {}
    for pem in (gatepost.dir / "vault/dkim").glob(f"{DOMAIN}.*.pem"):
        selector = pem.name[len(DOMAIN) + 1:-len(".pem")]
        der = subprocess.run(["openssl", "pkey", "-in", pem, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
        kind = b"ed25519" if len(der) < 64 else b"rsa"
        key = der[-32:] if kind == b"ed25519" else der          # RFC 8463 4: the raw key
        records[f"{selector}._domainkey.{DOMAIN}.".encode()] = b"v=DKIM1; k=" + kind + b"; p=" + base64.b64encode(key)
    return records


@pytest.mark.parametrize("body", ["Hello,\r\n\r\nspaces  and\ttabs \r\n\r\n\r\n", "", "gr\u00fc\u00dfe\r\n", "0123456789\r\n" * 20_000],
                         ids=["text", "empty", "8bit", "large"])
def test_both_signatures_verify(body, gatepost, context, sink, account, recipient):
    records = public_keys(gatepost)
    assert len(records) == 2
    send(gatepost, context, account, [recipient], body=body, options="BODY=8BITMIME",
         extra="Subject: folded\r\n  over lines\r\nTo: x@example.net\r\nList-Unsubscribe: <https://x.example/u>\r\n"
               "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    data = sink.wait(recipient).data
    signatures = fields(data).get_all("DKIM-Signature")
    assert len(signatures) == 2 and {re.search(r"a=([\w-]+)", s).group(1) for s in signatures} == {"rsa-sha256", "ed25519-sha256"}
    for number in range(2):
        assert dkim.DKIM(data).verify(idx=number, dnsfunc=lambda name, **_: records.get(name))
        assert not dkim.DKIM(data.replace(b"Subject: folded", b"Subject: forged")).verify(idx=number, dnsfunc=lambda name, **_: records.get(name))
    covered = re.sub(r"\s", "", re.search(r"h=([^;]+)", signatures[0]).group(1)).lower().split(":")
    assert covered.count("from") == 2 and {"list-unsubscribe", "list-unsubscribe-post", "message-id", "date"} <= set(covered)


@pytest.mark.parametrize("options", ["", "BODY=7BIT", "SMTPUTF8", "BODY=8BITMIME"])
def test_text_of_8_bits_is_declared_whatever_the_client_said(options, gatepost, context, sink, account, recipient):
    send(gatepost, context, account, [recipient], body="gr\u00fc\u00dfe\r\n", options=options)
    assert sink.wait(recipient).options.count("BODY=8BITMIME") == 1 and "7BIT" not in sink.wait(recipient).options


def test_mail_without_a_key_goes_out_and_the_log_says_so(gatepost, context, sink, recipient):
    account = gatepost.account("--send-as", f"ada@keyless.example", name=f"keyless-{recipient}")
    with signed_in(gatepost, context, account) as wire:
        queue_id = submit(wire, f"ada@keyless.example", [recipient], f"From: <ada@keyless.example>\r\n\r\nx\r\n.\r\n")[1][0].split()[-1]
    assert b"DKIM-Signature" not in sink.wait(recipient).data
    line = next(line for line in gatepost.log().splitlines() if "event=dkim" in line and queue_id in line)
    assert "level=info" in line and f"domain=keyless.example" in line and "no key for the domain of From: sent unsigned" in line


# ---- next hops that fail -------------------------------------------------------------------------------------
TROUBLES = {
    "4xx to EHLO": [("EHLO", "421 4.3.2 not now")],
    "4xx to MAIL": [("MAIL", "451 4.3.0 not now")],
    "4xx to RCPT": [("RCPT", "450 4.2.1 not now")],
    "4xx to DATA": [("DATA", "451 4.3.0 not now")],
    "4xx to the dot": [("DOT", "452 4.3.1 disk full")],
    "421 as greeting": [("CONNECT", "421 4.3.2 not now")],
    "554 as greeting": [("CONNECT", "554 5.3.2 no mail here today")],
    "drops at connect": [("CONNECT", DROP)],
    "drops at STARTTLS": [("STARTTLS", DROP)],
    "drops at RCPT": [("RCPT", DROP)],
    "drops at DATA": [("DATA", DROP)],
    "drops after the dot": [("DOT", DROP)],
    "speaks no SMTP": [("CONNECT", GARBAGE)],
    "garbage in mid-session": [("MAIL", GARBAGE)],
    "too slow": [("MAIL", slow(4, "250 2.1.0 ok"))],
    "two kinds at once": [("CONNECT", DROP), ("MAIL", "451 4.3.0 not now"), ("DOT", "451 4.3.0 not now")],
}


@pytest.fixture(scope="module")
def slow_and_steady(folder, certificate, ca, sink_certificate):
    """A gatepost with short patience, that keeps no connection for the next message, and a next hop of its own, for all the troubles in turn."""
    sink = Sink(sink_certificate)
    place = folder / "troubled"
    place.mkdir()
    gatepost = Gatepost(place, certificate, GATEPOST_RELAY_COMMAND_TIMEOUT="2s", GATEPOST_RELAY_DATA_TIMEOUT="2s", GATEPOST_RELAY_IDLE_TIMEOUT="0s", **relay_to(sink, ca))
    try:
        yield gatepost.start(), sink
        gatepost.stop()
    finally:
        gatepost.kill()
        sink.close()


@pytest.mark.parametrize("trouble", TROUBLES)
def test_passing_trouble_delays_and_loses_nothing(trouble, slow_and_steady, context, recipient):
    gatepost, sink = slow_and_steady
    until("empty queue", gatepost.is_empty)
    sink.reset()
    for verb, reply in TROUBLES[trouble]:
        sink.script(verb, reply)
    send(gatepost, context, gatepost.account(), [recipient], body="worth keeping\r\n")
    assert sink.wait(recipient).data.endswith(b"\r\n\r\nworth keeping\r\n")
    until("empty queue", gatepost.is_empty)
    assert not any(sink.scripts.values()), "the trouble was never met"
    assert len(sink.for_(recipient)) == 1 and not sink.for_("user1@example.org"), "sent twice, or bounced"


def test_a_next_hop_that_is_down(new_gatepost, new_sink, context, recipient):
    sink = new_sink()
    gatepost = new_gatepost(sink)
    sink.close()
    send(gatepost, context, gatepost.account(), [recipient])
    until("a first attempt", lambda: "deferred" in gatepost.log())
    assert len(gatepost.queued()) == 1
    sink.open()
    assert sink.wait(recipient)


def test_mail_waits_through_a_restart(new_gatepost, new_sink, context, recipient):
    sink = new_sink()
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    sink.close()
    for size in (10, 20_000):                   # a row, and a file
        send(gatepost, context, account, [recipient], body="0123456789\r\n" * size)
    gatepost.stop()
    sink.open()
    gatepost.start()
    assert {len(sink.wait(recipient, n).data) > 100_000 for n in (1, 2)} == {False, True}


# ---- TLS on the way out --------------------------------------------------------------------------------------
def test_a_next_hop_without_tls_hears_nothing(new_gatepost, new_sink, context, recipient):
    sink = new_sink(tls="none")
    gatepost = new_gatepost(sink)
    send(gatepost, context, gatepost.account(), [recipient])
    until("a first attempt", lambda: "deferred" in gatepost.log())
    assert not [line for line in sink.heard if line[:4] in (b"MAIL", b"RCPT", b"DATA")]


def test_a_next_hop_with_a_certificate_of_others_hears_nothing(new_gatepost, new_sink, folder, context, recipient):
    stranger = Authority(folder / "stranger", "a stranger").issue("sink", "127.0.0.1", "localhost")
    sink = new_sink(stranger)
    gatepost = new_gatepost(sink)
    send(gatepost, context, gatepost.account(), [recipient])
    until("a first attempt", lambda: "deferred" in gatepost.log())
    assert not [line for line in sink.heard if line[:4] in (b"MAIL", b"RCPT", b"DATA")]


@pytest.mark.parametrize("tls", ["implicit", "none"])
def test_other_ways_to_the_next_hop(tls, new_gatepost, new_sink, context, recipient):
    sink = new_sink(tls=tls)
    gatepost = new_gatepost(sink, tls="none" if tls == "none" else "required")
    send(gatepost, context, gatepost.account(), [recipient])
    assert bool(sink.wait(recipient).tls) == (tls == "implicit")


# ---- signing in at the provider ------------------------------------------------------------------------------
@pytest.mark.parametrize("right", [True, False])
def test_the_provider_wants_a_sign_in(right, new_gatepost, new_sink, folder, context, recipient):
    sink = new_sink(logins={"example-org": "upstream-secret"})
    secret = folder / f"upstream-{right}"
    secret.write_text("upstream-secret\n" if right else "out of date\n")
    secret.chmod(0o600)
    gatepost = new_gatepost(sink, GATEPOST_RELAY_USER="example-org", GATEPOST_RELAY_PASSWORD_FILE=str(secret))
    gatepost.secrets += ["upstream-secret", "out of date"]
    send(gatepost, context, gatepost.account(), [recipient])
    if right:
        assert sink.wait(recipient).login == "example-org"
    else:                                       # our own mistake: it waits, and never bounces
        until("a first attempt", lambda: "deferred" in gatepost.log())
        assert len(gatepost.queued()) == 1 and not sink.arrived


# ---- reports -------------------------------------------------------------------------------------------------
def report_for(sink, account):
    arrived = sink.wait(account.name)
    assert arrived.sender == ""
    message = fields(arrived.data)
    assert message.get_content_type() == "multipart/report" and message["Auto-Submitted"] == "auto-replied"
    parts = list(message.iter_parts())
    status = [block for block in parts[1].get_payload()]
    return message, parts, status


def test_a_refused_recipient_comes_back(gatepost, context, sink, account, recipient):
    sink.refusals[recipient] = "550 5.1.1 no such user"
    queue_id = send(gatepost, context, account, [recipient, f"good-{recipient}"], options="RET=FULL ENVID=order+2B7", body="came back\r\n")
    assert sink.wait(f"good-{recipient}")
    message, parts, status = report_for(sink, account)
    assert message["From"].addresses[0].username == "MAILER-DAEMON" and message["To"].addresses[0].addr_spec == account.name
    assert [part.get_content_type() for part in parts] == ["text/plain", "message/delivery-status", "message/rfc822"]
    assert recipient in parts[0].get_content() and "no such user" in parts[0].get_content() and queue_id in parts[0].get_content()
    assert status[0]["Reporting-MTA"] == f"dns;{HOSTNAME}" and status[0]["Original-Envelope-Id"] == "order+7"
    assert len(status) == 2 and status[1]["Final-Recipient"] == f"rfc822;{recipient}"
    assert status[1]["Action"] == "failed" and status[1]["Status"] == "5.1.1" and "no such user" in status[1]["Diagnostic-Code"]
    assert "came back" in parts[2].get_content().get_content()


def test_a_refused_message_comes_back_as_its_header(gatepost, context, sink, account, recipient):
    sink.refusals[recipient] = "550 5.7.1 not from you"
    send(gatepost, context, account, [recipient], options="RET=HDRS", extra="Subject: of this\r\n", body="not this\r\n")
    _, parts, _ = report_for(sink, account)
    assert parts[2].get_content_type() == "text/rfc822-headers"
    assert "of this" in parts[2].as_string() and "not this" not in parts[2].as_string()


def test_a_report_in_utf8(gatepost, context, sink, account, recipient):
    """RFC 6533, as Python's parser reads it: what was said in SMTPUTF8 is told in it."""
    wrong = f"gr\u00fc\u00df-{recipient}"
    sink.refusals[wrong] = "550 5.1.1 no such user"
    with signed_in(gatepost, context, account) as wire:
        assert wire.say(f"MAIL FROM:<{account.name}> BODY=8BITMIME SMTPUTF8 RET=HDRS")[0] == 250
        assert wire.say(f"RCPT TO:<{wrong}> ORCPT=utf-8;old\\x{{FC}}@example.net")[0] == 250 and wire.say("DATA")[0] == 354
        wire.send(f"From: J\u00fcrgen <{account.name}>\r\nMessage-ID: <8-{recipient}>\r\n\r\nsch\u00f6n\r\n.\r\n")
        assert wire.hear()[0] == 250
    arrived = sink.wait(account.name)
    message = fields(arrived.data)
    parts = list(message.iter_parts())
    assert "SMTPUTF8" in arrived.options and message.get_param("report-type") == "global-delivery-status" and message["References"] == f"<8-{recipient}>"
    assert [part.get_content_type() for part in parts] == ["text/plain", "message/global-delivery-status", "message/global-headers"]
    assert wrong in parts[0].get_content() and "There is no such mailbox." in parts[0].get_content()
    status = arrived.data.decode().partition("message/global-delivery-status")[2]
    assert f"\r\nFinal-Recipient: utf-8;{wrong}\r\n" in status and "\r\nOriginal-Recipient: utf-8;old\u00fc@example.net\r\n" in status


def test_nobody_hears_of_what_nobody_asked_for(gatepost, context, sink, account, recipient):
    sink.refusals[recipient] = "550 5.1.1 no such user"
    send(gatepost, context, account, [f"<{recipient}> NOTIFY=NEVER"], options="RET=HDRS")
    until("refusal in the log", lambda: recipient in gatepost.log() and "bounced" in gatepost.log())
    until("empty queue", gatepost.is_empty)
    assert not sink.for_(account.name)


def test_a_report_that_cannot_be_delivered_ends(gatepost, context, sink, account, recipient):
    sink.refusals[recipient] = sink.refusals[account.name] = "550 5.1.1 no such user"
    send(gatepost, context, account, [recipient])
    until("empty queue", gatepost.is_empty)
    assert not sink.for_(account.name)


def test_success_is_reported_where_the_next_hop_will_not(new_gatepost, new_sink, context, recipient):
    sink = new_sink(offers=())                  # no DSN: RFC 3461 5.2.2 wants a "relayed" report from us
    gatepost = new_gatepost(sink)
    account = gatepost.account()
    send(gatepost, context, account, [f"<{recipient}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{recipient}"], options="RET=HDRS")
    _, _, status = report_for(sink, account)
    assert status[1]["Action"] == "relayed" and status[1]["Original-Recipient"] == f"rfc822;{recipient}"
