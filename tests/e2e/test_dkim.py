"""DKIM: keys made, published and changed while mail goes out, and verified by programs of others."""
import email
import email.policy
import os
import re
import subprocess
import time

import dkim
import pytest

from house import DOMAIN, relay_to, serving, until
from names import TXT, Names
from wire import signed_in, submit

RECORD = re.compile(r'^(\S+)\.\s+IN TXT \(? ?(".*?") ?\)?$', re.M)


@pytest.fixture(scope="module")
def names():
    made = Names()
    yield made
    made.close()


@pytest.fixture(scope="module")
def signer(folder, certificate, new_sink_once, ca, names):
    with serving(folder / "dkim", certificate, **relay_to(new_sink_once, ca)) as made:
        with open(made.dir / "gatepost.yml", "a", encoding="ascii") as config:
            config.write(f"relay:\n  dns_server: 127.0.0.1@{names.port}\n")
        made.sink = new_sink_once
        made.owner = made.account()
        yield made


@pytest.fixture(scope="module")
def new_sink_once(sink_certificate):
    from sink import Sink
    made = Sink(sink_certificate)
    yield made
    made.close()


def publish(names, text):
    for name, strings in RECORD.findall(text):
        names.txt(name, "".join(re.findall(r'"([^"]*)"', strings)))


def signed(gatepost, context, number, text="Hello,\r\n\r\nspaces  and \ttabs \r\n", sender=None):
    sender = sender or gatepost.owner.name
    to = f"dkim{number}@example.net"
    with signed_in(gatepost, context, gatepost.owner) as wire:
        code, lines = submit(wire, sender, [to], f"From: Ann <{sender}>\r\nTo: <{to}>\r\nSubject: a  b\r\n\r\n{text}.\r\n")
    assert code == 250, lines
    return gatepost.sink.wait(to).data


def selectors(data):
    fields = email.message_from_bytes(data, policy=email.policy.default).get_all("DKIM-Signature") or []
    return sorted(re.search(r"\bs=([^;\s]+)", field).group(1) for field in fields)


def verify_dkimpy(names, data):
    def look_up(name, **_):
        found = names.records.get((name.decode().rstrip("."), TXT))
        record, out = found[0] if found else b"", b""
        while record:
            out, record = out + record[1:1 + record[0]], record[1 + record[0]:]
        return out or None
    return all(dkim.DKIM(data).verify(idx=number, dnsfunc=look_up) for number in range(len(selectors(data))))


PERL = r"""use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use Net::DNS;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $ARGV[0]));
my $v = Mail::DKIM::Verifier->new(); binmode STDIN; while (<STDIN>) { s/\r?\n$//; $v->PRINT("$_\015\012"); } $v->CLOSE;
print join(" ", map { $_->algorithm . "=" . $_->result } $v->signatures), "\n";"""


def verify_perl(names, data):
    """It knows no Ed25519."""
    said = subprocess.run(["perl", "-e", PERL, str(names.port)], input=data, capture_output=True, timeout=30, check=True).stdout.decode()
    return "rsa-sha256=pass" in said


def verify_opendkim(names, data, folder):
    """opendkim's own test mode, with the records in a file; it knows no Ed25519 either."""
    keys, message, config = folder / "keys", folder / "message", folder / "conf"
    lines = []
    for (name, kind), found in names.records.items():
        record, out = found[0], b""
        while kind == TXT and record:
            out, record = out + record[1:1 + record[0]], record[1 + record[0]:]
        if b"k=rsa" in out:
            lines.append(f"{name} {out.decode()}\n")
    keys.write_text("".join(lines))
    rsa = re.sub(rb"DKIM-Signature: v=1; a=ed25519.*?\r\n(?=\S)", b"", data, flags=re.S)
    message.write_bytes(rsa.replace(b"\r\n", b"\n"))
    config.write_text(f"Mode v\nTestPublicKeys {keys}\nSyslog no\n")
    done = subprocess.run(["opendkim", "-x", config, "-t", message, "-vv"], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode == 0 and "verification (s=" in done.stdout and "succeeded" in done.stdout, done


def test_signatures_are_good_to_others(signer, context, names, tmp_path):
    publish(names, signer.run("dns", "--zone"))
    data = signed(signer, context, 1)
    assert selectors(data) == ["gp-ed", "gp-rsa"]
    assert verify_dkimpy(names, data) and verify_perl(names, data)
    good, done = verify_opendkim(names, data, tmp_path)
    assert good, (done.stdout, done.stderr)
    assert not verify_perl(names, data.replace(b"Hello", b"Hullo"))


def test_what_readers_see_cannot_be_added(signer, context, names):
    data = signed(signer, context, 2)
    for line in (b"Subject: other\r\n", b"From: <other@example.net>\r\n", b"Reply-To: <other@example.net>\r\n", b"Content-Type: text/html\r\n",
                 b"Cc: <other@example.net>\r\n", b"Content-Transfer-Encoding: base64\r\n"):
        assert not verify_perl(names, line + data), line


def test_keys_change_with_an_overlap(signer, context, names):
    publish(names, signer.run("dns", "--zone"))
    signer.run("dkim", "publish-check")
    first = signer.run("dkim", "rotate")                                    # 1: made
    made = sorted(key["selector"] for key in signer.json("dkim", "list") if key["state"] == "next")
    assert len(made) == 2 and all(name in first for name in made)
    assert selectors(signed(signer, context, 3)) == ["gp-ed", "gp-rsa"]      # which changes nothing
    assert signer.command("dkim", "publish-check").returncode == 1
    refused = signer.command("dkim", "rotate")                              # not before DNS has them
    assert refused.returncode == 1 and "not right yet" in refused.stdout
    assert {key["state"] for key in signer.json("dkim", "list")} == {"signs", "next"}

    publish(names, first)
    signer.run("dkim", "publish-check")
    switched = signer.run("dkim", "rotate")                                 # 2: they sign
    assert "signs from now on" in switched and "Leave gp-rsa._domainkey." in switched
    numbers = iter(range(100, 200))
    until("the next keys sign", lambda: selectors(signed(signer, context, next(numbers))) == made, 15)
    data = signed(signer, context, 4)
    assert verify_dkimpy(names, data) and verify_perl(names, data)
    assert {key["state"] for key in signer.json("dkim", "list")} == {"signs", "old"}

    assert "nothing to do until" in signer.run("dkim", "rotate")            # 3: not yet
    for old in (signer.dir / "vault/dkim").glob("*.old"):
        os.utime(old, (time.time() - 15 * 86400,) * 2)
    assert "Take gp-rsa._domainkey." in signer.run("dkim", "rotate")
    assert not list((signer.dir / "vault/dkim").glob("*.old"))
    assert [key["state"] for key in signer.json("dkim", "list")] == ["signs", "signs"]


def test_several_keys_and_another_domain(signer, context, names):
    signer.run("dkim", "new", "other.example", "--selector", "first")
    made = signer.json("dkim", "new", "other.example", "--algorithm", "ed25519")
    assert made["state"] == "next" and made["record"].startswith("v=DKIM1; k=ed25519; p=")
    assert signer.command("dkim", "new", "other.example", "--selector", "first").returncode == 1       # taken
    for wrong in (["--algorithm", "dsa"], ["--selector", "two.parts"], ["--bits", "512"]):
        assert signer.command("dkim", "new", "other.example", *wrong).returncode == 2
    signer.run("dkim", "rotate", "other.example", "--unchecked")
    publish(names, signer.run("dns", "other.example", "--zone"))
    signer.run("identity", "add", signer.owner.name, "ann@other.example")
    want = sorted(["first", made["selector"]])
    numbers = iter(range(200, 300))
    until("the domain's keys sign", lambda: selectors(signed(signer, context, next(numbers), sender="ann@other.example")) == want, 15)
    data = signed(signer, context, 5, sender="ann@other.example")
    assert b"d=other.example" in data and f"d={DOMAIN}".encode() not in data and verify_dkimpy(names, data)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (signer.dir / "vault/dkim").iterdir()}
    owners = {path.stat().st_uid for path in (signer.dir / "vault/dkim").iterdir()}
    assert set(modes.values()) == {0o600} and len(owners) == 1


def test_a_report_to_the_sender_is_signed_and_aligned(signer, context, names):
    publish(names, signer.run("dns", "--zone"))
    sender = signer.account()
    signer.sink.refusals["nobody@example.net"] = "550 5.1.1 no such user"
    with signed_in(signer, context, sender) as wire:
        code, _ = submit(wire, sender.name, ["nobody@example.net"], f"From: <{sender.name}>\r\nSubject: x\r\n\r\nx\r\n.\r\n")
    assert code == 250
    report = signer.sink.wait(sender.name)
    message = email.message_from_bytes(report.data, policy=email.policy.default)
    assert report.sender == "" and message["From"].addresses[0].addr_spec == f"MAILER-DAEMON@{DOMAIN}"
    assert selectors(report.data) and verify_dkimpy(names, report.data)


def test_nothing_is_signed_for_who_may_not_send_as_it(signer, context):
    """From of another: refused at submission, so that no signature says that it is his."""
    with signed_in(signer, context, signer.owner) as wire:
        code, lines = submit(wire, signer.owner.name, ["dkim6@example.net"], f"From: <somebody.else@{DOMAIN}>\r\n\r\nx\r\n.\r\n")
    assert code == 550 and not signer.sink.for_("dkim6@example.net"), lines


@pytest.mark.parametrize("form", ["relaxed", "simple"])
def test_canonical_forms(folder, certificate, new_sink, ca, context, names, form):
    sink = new_sink()
    with serving(folder / f"dkim-{form}", certificate, GATEPOST_DKIM_HEADER=form, GATEPOST_DKIM_BODY=form, **relay_to(sink, ca)) as made:
        made.sink, made.owner = sink, made.account()
        publish(names, made.run("dns", "--zone"))
        data = signed(made, context, 7)
        assert f"c={form}/{form}".encode() in data and verify_dkimpy(names, data) and verify_perl(names, data)
        assert verify_perl(names, data.replace(b"Subject: a  b", b"subject: a b")) == (form == "relaxed")
