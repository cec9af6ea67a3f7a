"""A sender asks what became of his own mail, with a plain SMTP client and with `gatepost queue mine`; of others' mail he hears nothing."""
import json
import re
import smtplib

import pytest

from house import until


def client(gatepost, context, account):
    smtp = smtplib.SMTP_SSL("localhost", gatepost.tls_port, context=context)
    smtp.login(account.name, account.password)
    return smtp


def send(smtp, account, recipient, *options):
    assert smtp.mail(account.name, list(options))[0] == 250 and smtp.rcpt(recipient)[0] == 250
    code, text = smtp.data(f"From: <{account.name}>\r\n\r\nx\r\n")
    assert code == 250
    return re.search(rb"queued as (\w+)", text)[1].decode()


def ask(smtp, *words):
    """The code, the lines as objects, and the last line."""
    code, text = smtp.docmd("XMINE", " ".join(words))
    *lines, last = [line.split(b" ", 1)[1].decode("ascii") for line in text.splitlines()]
    return code, [json.loads(line) for line in lines], last


def test_a_program_follows_its_mail_over_smtp(gatepost, context, sink, recipient):
    account = gatepost.account()
    with client(gatepost, context, account) as smtp:
        assert not smtp.has_extn("xmine")                       # what EHLO said to nobody in particular
        smtp.ehlo()
        assert smtp.has_extn("xmine")
        queue_id = send(smtp, account, recipient, "ENVID=order+2B" + recipient.split("@")[0])
        sink.wait(recipient)

        def told():
            code, (message, *fates), last = ask(smtp, "SHOW", queue_id)
            assert code == 250 and last == "end" and message["message"] == queue_id and message["recipients"] == 1
            return fates if fates and fates[0]["state"] == "delivered" else None
        fate = until("its delivery", told)[0]
        assert fate["to"] == recipient and fate["code"] == 250 and fate["tls"].startswith("TLSv1.3") and fate["remote"]
        code, (named,), last = ask(smtp, "ENVID", "order+2B" + recipient.split("@")[0])
        assert code == 250 and named["message"] == queue_id and named["state"] == "done"
        assert ask(smtp, "RECENT")[1][0]["message"] == queue_id and ask(smtp, "LIST")[1] == []
        assert ask(smtp, "SHOW", "../" + queue_id)[0] == 501


def test_another_accounts_mail_is_as_if_it_were_not_there(gatepost, context, recipient):
    anna, ben = gatepost.account(), gatepost.account()
    with client(gatepost, context, anna) as hers, client(gatepost, context, ben) as his:
        hers.ehlo()
        queue_id = send(hers, anna, recipient, "HOLDFOR=3600", "ENVID=secret")
        his.ehlo()
        for verb in ("SHOW", "CANCEL", "SEND"):
            assert his.docmd("XMINE", f"{verb} {queue_id}") == his.docmd("XMINE", f"{verb} abcdefghij") == (550, b"5.0.0 no such message of yours")
        assert ask(his, "ENVID", "secret")[1] == ask(his, "LIST")[1] == ask(his, "RECENT")[1] == []
        assert ask(hers, "LIST")[1][0]["message"] == queue_id
        assert ask(hers, "CANCEL", queue_id) == (250, [], "cancelled")
        assert ask(hers, "CANCEL", queue_id)[0] == 550 and ask(hers, "LIST")[1] == []


def test_a_credential_for_one_sender_sees_what_it_sent_and_is_out_when_revoked(gatepost, context, recipient):
    account = gatepost.account()
    made = gatepost.json("credential", "add", account.name, "--label", "printer", "--senders", account.name)
    printer = type(account)(account.name, made["password"])
    gatepost.secrets.append(made["password"])
    with client(gatepost, context, account) as whole, client(gatepost, context, printer) as narrow:
        whole.ehlo(), narrow.ehlo()
        own, other = send(narrow, account, recipient, "HOLDFOR=3600"), send(whole, account, recipient, "HOLDFOR=3600")
        assert {line["message"] for line in ask(whole, "LIST")[1]} == {own, other}
        assert [line["message"] for line in ask(narrow, "LIST")[1]] == [own]
        assert ask(narrow, "SHOW", other)[0] == 550
        gatepost.run("credential", "revoke", account.name, "printer")
        assert narrow.docmd("XMINE", "LIST")[0] == 421
        for one in (own, other):
            assert ask(whole, "CANCEL", one)[0] == 250


def test_the_command_signs_in_and_tells(gatepost, context, sink, recipient, ca):
    account = gatepost.account()
    own = ("--server", f"localhost:{gatepost.tls_port}", "--tls", "--ca-file", str(ca), "--user", account.name, "--password-stdin")
    with client(gatepost, context, account) as smtp:
        smtp.ehlo()
        held, gone = send(smtp, account, recipient, "HOLDFOR=3600"), send(smtp, account, "not." + recipient, "HOLDFOR=3600")

    def mine(*words):
        return gatepost.run("queue", "mine", *words, *own, stdin=account.password + "\n")
    assert held in mine("--waiting") and gone in mine("--waiting") and "not before" in mine(held)
    assert json.loads(mine(gone, "--cancel", "--json")) == {"state": "cancelled", "changed": [gone]}
    assert mine(held, "--send") == f"{held}: goes now\n"
    sink.wait(recipient)
    until("the delivery", lambda: "delivered" in mine(held))
    shown = json.loads(gatepost.run("queue", "show", "--mine", gone, "--json", *own, stdin=account.password + "\n"))
    assert [fate["state"] for fate in shown[0]["fates"]] == ["deleted"]
    lines = mine("--json").splitlines()
    assert {message["message"] for message in json.loads("".join(lines))} == {held, gone}
    assert lines[0] == "[" and lines[-1] == "]" and {json.loads(line.rstrip(","))["message"] for line in lines[1:-1]} == {held, gone}
    assert mine("--waiting") == "none\n" and mine("--waiting", "--json") == "[]\n"
    no = gatepost.command("queue", "mine", "abcdefghij", *own, stdin=account.password + "\n")
    assert no.returncode == 1 and "no such message of yours" in no.stderr
    no = gatepost.command("queue", "mine", *own, stdin="wrong\n")
    assert no.returncode == 1 and "535" in no.stderr
