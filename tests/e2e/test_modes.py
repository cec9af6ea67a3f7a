"""What may be asked of how clients sign in: a least TLS version, and mechanisms that are to go. Enforced and in shadow, by hand and with
real programs; and that a no says nothing about who asked."""
import base64
import json
import ssl
import subprocess

import pytest

from conftest import counter
from house import relay_to, serving, until
from mailers import Job, MAILERS, is_there
from test_dovecot_socket import Asker
from test_mechanisms import offered
from wire import Wire, signed_in

NO_TLS = "5.7.10 TLS 1.3 is needed to sign in: update the mail program, or switch it on there"


def with_modes(folder, certificate, sink, ca, mode):
    return serving(folder / f"modes-{next(counter)}", certificate, **relay_to(sink, ca), GATEPOST_POLICY_TLS_MODE=mode, GATEPOST_POLICY_TLS_MINIMUM="1.3",
                   GATEPOST_POLICY_MECHANISMS_MODE=mode, GATEPOST_POLICY_MECHANISMS_RETIRE="LOGIN CRAM-MD5", GATEPOST_DOVECOT_AUTH=f"{folder}/asked-{mode} mode=0600")


@pytest.fixture(scope="module")
def strict(folder, certificate, sink, ca):
    with with_modes(folder, certificate, sink, ca, "enforce") as made:
        yield made


@pytest.fixture(scope="module")
def shadow(folder, certificate, sink, ca):
    with with_modes(folder, certificate, sink, ca, "shadow") as made:
        yield made


@pytest.fixture(scope="module")
def old(ca):
    """A client that has no TLS 1.3."""
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.fixture(scope="module")
def anna(strict):
    return strict.account()


def plain(name, password):
    return "AUTH PLAIN " + base64.b64encode(f"\0{name}\0{password}".encode()).decode()


def hello(gatepost, context, **more):
    wire = Wire(gatepost.tls_port, context, implicit=True, **more)
    assert wire.say("EHLO client.example")[0] == 250
    return wire


def reported(gatepost, rule, account):
    def row():
        return next((row for row in json.loads(gatepost.run("report", "--json", "--rule", rule)) if row["account"] == account.name), None)
    return until(f"{rule} in the report", row)


# ---- enforced ------------------------------------------------------------------------------------------------
def test_a_client_with_tls_1_2_is_told_why_and_nothing_else(strict, old, context, anna):
    tries = [plain(anna.name, anna.password), plain(anna.name, "wrong"), plain("nobody@example.org", "wrong"),
             "AUTH SCRAM-SHA-256 biwsbj1hLHI9YWJj"]
    for line in tries:  # a session each: three failures end one
        with hello(strict, old) as wire:
            assert "AUTH" in str(wire.say("EHLO client.example"))
            assert wire.say(line) == (523, [NO_TLS])
            assert wire.incident
            assert wire.say("MAIL FROM:<>")[0] == 530
    with signed_in(strict, context, anna):
        pass
    used = json.loads(strict.run("credential", "list", anna.name, "--json"))
    assert all("TLSv1.2" not in str(one) for one in used)


def test_such_an_incident_is_explained(strict, old, anna):
    with hello(strict, old) as wire:
        wire.say(plain(anna.name, anna.password))
        incident = wire.incident
    said = until("the incident on record", lambda: (done := strict.command("explain", incident)).returncode == 0 and done.stdout)
    assert "TLSv1.2 is less than policy.tls.minimum: 1.3" in said and "next " in said


def test_a_retired_mechanism_is_as_if_it_were_not_configured(strict, context, anna):
    with hello(strict, context) as wire:
        assert "LOGIN" not in offered(wire) and "PLAIN" in offered(wire)
        for line in ("AUTH LOGIN", "AUTH login", "AUTH CRAM-MD5"):
            with hello(strict, context) as other:
                assert other.say(line) == (504, ["5.5.4 mechanism not offered"])
        assert wire.auth_plain(anna)[0] == 235
    until("the reason in the log", lambda: "no longer offered: policy.mechanisms.retire has the mechanism" in strict.log())


def test_the_guard_does_not_count_a_retired_mechanism_as_a_stray(strict, context, anna):
    for _ in range(30):
        with hello(strict, context) as wire:
            assert wire.say("AUTH LOGIN")[0] == 504
    with signed_in(strict, context, anna):
        pass


@pytest.mark.parametrize("words", [("--tls", "TLSv1.2"), ("--mechanism", "LOGIN"), ()])
def test_can_says_what_the_server_says(words, strict, old, context, anna):
    done = json.loads(strict.command("can", anna.name, "--listener", str(strict.tls_port), "--json", *words).stdout)
    with hello(strict, old if "--tls" in words else context) as wire:
        code, lines = wire.say("AUTH LOGIN" if "LOGIN" in words else plain(anna.name, anna.password))
    reply = done["reply"]
    assert done["can"] == (code == 235)
    assert reply is None or (reply["code"], f"{reply['enhanced']} {reply['text']}") == (code, lines[0])


@pytest.mark.parametrize("version,right", [("tlsv1_2", False), ("tlsv1_3", True)])
def test_swaks(version, right, strict, ca, anna):
    done = subprocess.run(["swaks", "--server", "localhost", "--port", str(strict.port), "-tls", "--tls-protocol", version, "--tls-verify", "--tls-ca-path", ca,
                           "--auth", "PLAIN", "--auth-user", anna.name, "--auth-password", anna.password, "--quit-after", "AUTH", "--timeout", "20"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert ("523 5.7.10 TLS 1.3 is needed" in done.stdout) != right and ("235 2.7.0" in done.stdout) == right, done.stdout + done.stderr


def test_openssl_without_a_name(shadow, ca):
    """s_client -noservername: such a client is in the report, one with a name is not."""
    account = shadow.account()
    commands = f"EHLO client.example\r\n{plain(account.name, account.password)}\r\nQUIT\r\n"
    for words in (["-noservername"], ["-servername", "localhost"]):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{shadow.tls_port}", "-quiet", "-CAfile", ca, *words],
                              input=commands, capture_output=True, text=True, timeout=30, check=False)
        assert "235 2.7.0" in done.stdout, done.stdout + done.stderr
    until("both sign-ins", lambda: json.loads(shadow.run("credential", "list", account.name, "--json"))[0]["use_count"] == 2, 15)
    row = reported(shadow, "tls without SNI", account)
    assert (row["count"], row["kind"]) == (1, "use")


@pytest.mark.parametrize("said,right", [("secured\ttls_protocol=TLSv1.3", True), ("secured\ttls_protocol=TLSv1.2", False), ("secured\tssl_protocol=TLSv1", False),
                                        ("secured", True)], ids=["1.3", "1.2", "1.0", "not told"])
def test_clients_of_another_server(said, right, strict, folder, anna):
    """What the server that asks says of its client's TLS; the client hears that server's own words."""
    with Asker(folder / "asked-enforce") as asker:
        assert not any("LOGIN" in line or "CRAM-MD5" in line for line in asker.greeting)
        response = plain(anna.name, anna.password).split()[2]
        answer = asker.say(f"AUTH\t1\tPLAIN\tservice=smtp\t{said}\trip=127.0.0.1\tresp={response}")
        assert answer.split("\t")[0] == ("OK" if right else "FAIL"), answer
        assert asker.say("AUTH\t2\tLOGIN\tservice=smtp\tsecured").startswith("FAIL")


# ---- in shadow -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tool", [name for name in ("swaks", "gsasl") if is_there(name)])
def test_a_mechanism_in_shadow_goes_through_and_is_noted(tool, shadow, ca, folder):
    account = shadow.account()
    recipient = f"who{next(counter)}@example.net"
    job = Job(shadow, ca, account.name, account.password, "LOGIN", "starttls", recipient, "who", folder)
    ok, said = MAILERS[tool].send(job)
    assert ok, said
    row = reported(shadow, "mechanisms.retire", account)
    assert row["rule"] == "mechanisms.retire LOGIN" and row["kind"] == "shadow" and row["credential"] > 0


def test_an_old_tls_in_shadow_goes_through_and_is_noted(shadow, old):
    account = shadow.account()
    with signed_in(shadow, old, account):
        pass
    row = reported(shadow, "tls.minimum", account)
    assert row["example"] == "TLSv1.2 is less than policy.tls.minimum: 1.3, from 127.0.0.1"
    would = json.loads(shadow.command("can", account.name, "--tls", "TLSv1.2", "--json").stdout)
    assert would["can"] and ("would", "tls") in [(rule["answer"], rule["rule"]) for rule in would["rules"]]
