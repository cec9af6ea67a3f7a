"""The lane of old devices: printers' own dialogues over TLS 1.0 and in clear, what is made for them working nowhere else and nothing else
working there, and strangers who look for an open relay. One server with seven listeners."""
import base64
import contextlib
import hashlib
import hmac
import json
import smtplib
import socket
import ssl
import subprocess
import warnings

import pytest

from house import Account, Gatepost, free_port, relay_to, until
from wire import Wire

WAYS_ON = ("victim%evil.example@example.net", "evil.example!victim@example.net", "@example.net:victim@evil.example", '"victim@evil.example"@example.net',
           "victim@example.net@evil.example", "victim@[127.0.0.1]", "victim@evil.example", "victim@sub.example.net")
DEVICES = "networks=127.0.0.0/8 recipients_domains=example.net+example.org"


class House(Gatepost):
    def __init__(self, folder, certificate, **environment):
        super().__init__(folder, certificate, **environment)
        self.old, self.clear, self.implicit, self.strange, self.strange_tls = (free_port() for _ in range(5))
        listeners = (f"submission 127.0.0.1:{self.port}", f"submissions 127.0.0.1:{self.tls_port}",
                     f"legacy 127.0.0.1:{self.old} name=old tls_minimum=1.0 message_size=8K {DEVICES}",
                     f"legacy 127.0.0.1:{self.clear} name=clear tls=none recipients_per_message=2 {DEVICES}",
                     f"legacy 127.0.0.1:{self.implicit} name=implicit tls=implicit tls_minimum=1.1 messages_per_hour=4 {DEVICES}",
                     f"legacy 127.0.0.1:{self.strange} tls=none networks=127.1.0.0/16 recipients_domains=example.net",
                     f"legacy 127.0.0.1:{self.strange_tls} tls=implicit networks=127.1.0.0/16 recipients_domains=example.net")
        self.environment["GATEPOST_LISTEN"] = ", ".join(listeners)
        for name in ("GATEPOST_SUBMISSION", "GATEPOST_SUBMISSIONS"):
            del self.environment[name]

    def device(self, name, label, *more):
        password = self.json("credential", "add", name, "--legacy", "--label", label, *more)["password"]
        self.secrets.append(password)
        return Account(name, password)


@pytest.fixture(scope="module")
def house(folder, certificate, sink, ca):
    """Nobody waits, so that many a wrong password can be said; places are counted, though all come from loopback."""
    place = folder / "lane"
    place.mkdir()
    made = House(place, certificate, GATEPOST_POLICY_GUARD_SLOWEST="0s", GATEPOST_POLICY_GUARD_TRUSTED="192.0.2.0/24",
                 GATEPOST_MECHANISMS="SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN", **relay_to(sink, ca))
    try:
        yield made.start()
        made.stop()
        made.check_log()
    finally:
        made.kill()


@pytest.fixture(scope="module")
def person(house):
    return house.account()


@pytest.fixture(scope="module")
def printer(house, person):
    return house.device(person.name, "printer-2f")


def letter(account, recipient, text="scanned"):
    return f"From: {account.name}\r\nTo: {recipient}\r\nSubject: scan\r\n\r\n{text}\r\n"


def old_context(version=ssl.TLSVersion.TLSv1):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():             # it knows that they are old
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def b64(text):
    return base64.b64encode(text.encode()).decode()


def plain(account):
    return "AUTH PLAIN " + b64(f"\0{account.name}\0{account.password}")


def login(wire, account):
    """As printers do: LOGIN without an initial response."""
    assert wire.say("AUTH LOGIN")[0] == 334
    assert wire.say(b64(account.name))[0] == 334
    return wire.say(b64(account.password))


def cram(wire, account):
    code, said = wire.say("AUTH CRAM-MD5")
    if code != 334:
        return code, said
    digest = hmac.new(account.password.encode(), base64.b64decode(said[0]), hashlib.md5).hexdigest()
    return wire.say(b64(f"{account.name} {digest}"))


def hello(port, **more):
    wire = Wire(port, **more)
    assert wire.say("EHLO printer")[0] == 250
    return wire


def s_client(port, *options):
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-cipher", "DEFAULT:@SECLEVEL=0", *options], input="QUIT\r\n",
                          capture_output=True, text=True, timeout=20, check=False).stdout


def log_of(house, incident):
    return until("line in the log", lambda: [line for line in house.log().splitlines() if incident in line])[0]


# ---- what old devices do -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2))
def test_mail_goes_out_over_old_tls_and_is_recorded_as_a_devices(house, sink, person, printer, recipient, version):
    with smtplib.SMTP("127.0.0.1", house.old, "printer", timeout=20) as client:
        client.starttls(context=old_context(version))
        client.login(*printer)
        client.sendmail(person.name, [recipient], letter(printer, recipient))
    assert sink.wait(recipient)
    rows = [json.loads(line) for line in house.run("audit", "show", "--account", person.name, "--event", "accepted", "--json").splitlines()]
    row = [row for row in rows if recipient in json.dumps(row)][0]
    assert row["data"]["lane"] == "legacy" and row["data"]["tls"].startswith({769: "TLSv1 ", 770: "TLSv1.1 ", 771: "TLSv1.2 "}[version])


def test_openssl_agrees_on_old_tls_there_and_nowhere_else(house):
    assert "Protocol  : TLSv1\n" in s_client(house.old, "-starttls", "smtp", "-tls1")
    assert "Protocol  : TLSv1.1\n" in s_client(house.implicit, "-tls1_1")
    assert "(NONE)" in s_client(house.implicit, "-tls1")
    for port, options in ((house.port, ("-starttls", "smtp")), (house.tls_port, ())):
        for version in ("-tls1", "-tls1_1"):
            assert "(NONE)" in s_client(port, *options, version)
        assert "Cipher is ECDHE" in s_client(port, *options, "-tls1_2")


def test_swaks_signs_in_without_tls_by_each_mechanism(house, sink, person, printer, recipient):
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        done = subprocess.run(["swaks", "--server", f"127.0.0.1:{house.clear}", "--auth", mechanism, "--auth-user", printer.name, "--auth-password",
                               printer.password, "--from", person.name, "--to", recipient, "--helo", "printer", "--suppress-data"], capture_output=True, text=True,
                              timeout=30, check=False)
        assert done.returncode == 0, done.stdout
    assert b"with ESMTPA" in sink.wait(recipient).data
    with Wire(house.clear) as wire:
        code, said = wire.say("EHLO printer")
    offered = "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN"
    assert code == 250 and {f"AUTH {offered}", f"AUTH={offered}", "LIMITS RCPTMAX=2 MAILMAX=1000"} <= set(said) and "STARTTLS" not in said


def test_what_printers_say_is_let_pass_and_elsewhere_is_not(house, sink, person, printer, recipient):
    with Wire(house.clear) as wire:
        assert wire.say("HELO")[0] == 250
        assert login(wire, printer)[0] == 235
        assert wire.say(f"MAIL FROM: {person.name}")[0] == 250
        assert wire.say(f"RCPT TO:{recipient}")[0] == 250
        assert wire.say("DATA")[0] == 354
        assert wire.say(letter(person, recipient) + ".")[0] == 250
        assert wire.say("STARTTLS")[0] == 502
    assert b"\r\nReceived: by mail.example.org with SMTP " in sink.wait(recipient).data     # RFC 3848: no EHLO was said
    with Wire(house.port) as wire:
        assert wire.say("HELO")[0] == 501
        assert wire.say("EHLO printer")[0] == 250
        assert wire.say("AUTH LOGIN")[0] == 530 and wire.say(f"MAIL FROM:<{person.name}>")[0] == 530


def test_a_name_that_no_host_may_have_is_kept_clean(house, printer):
    with Wire(house.clear) as wire:
        assert wire.say("EHLO Büro_Drucker (2.OG)\"")[0] == 250
        assert wire.say(plain(printer))[0] == 235
    assert until("sign-in", lambda: '"B??ro_Drucker' in house.log() or "B??ro_Drucker" in house.log())


# ---- made for devices, and for nothing else ----------------------------------------------------------------------------
WAYS_IN = {"PLAIN": lambda wire, account: wire.say(plain(account)), "LOGIN": login, "CRAM-MD5": cram, "SCRAM-SHA-256": lambda wire, account: scram(wire, account)}


def scram(wire, account, digest="sha256"):
    first = f"n={account.name.replace('=', '=3D').replace(',', '=2C')},r=0123456789abcdef"
    code, said = wire.say(f"AUTH SCRAM-SHA-256 {b64('n,,' + first)}")
    if code != 334:
        return code, said
    challenge = base64.b64decode(said[0]).decode()
    parts = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac(digest, account.password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", digest)).digest()
    last = f"c=biws,r={parts['r']}"
    signature = hmac.digest(stored, f"{first},{challenge},{last}".encode(), digest)
    proof = bytes(a ^ b for a, b in zip(hmac.digest(salted, b"Client Key", digest), signature))
    code, said = wire.say(b64(f"{last},p={base64.b64encode(proof).decode()}"))
    return wire.say("") if code == 334 else (code, said)


@pytest.mark.parametrize("mechanism", WAYS_IN)
def test_a_credential_works_on_its_own_side_alone(house, context, mechanism):
    person = house.account("--allow-cram-md5")
    printer = house.device(person.name, "printer")
    wrong = Account(person.name, "abcdefghijkmnpqrstuv")
    answers = {}
    for place, port, more in (("lane", house.clear, {}), ("door", house.tls_port, {"context": context, "implicit": True})):
        for who, account in (("person", person), ("printer", printer), ("wrong", wrong)):
            with hello(port, **more) as wire:
                answers[place, who] = WAYS_IN[mechanism](wire, account)
                if answers[place, who][0] != 235:
                    told = log_of(house, wire.incident)
                    if who == "printer":
                        assert "was made for old devices, and may not be used at the listener" in told
                    if who == "person":
                        assert "was not made for old devices (--legacy)" in told
                    if who != "wrong":
                        until("explanation", lambda: "old devices" in house.command("explain", wire.incident).stdout)
    assert answers["lane", "printer"][0] == 235 and answers["door", "person"][0] == 235
    assert answers["lane", "person"] == answers["lane", "wrong"] == answers["door", "printer"] == answers["door", "wrong"] == (535, ["5.7.8 authentication failed"])


def test_guesses_in_the_lane_lock_nobody_out_of_the_door_and_those_at_the_door_no_device(house, context, sink):
    person = house.account()
    printer = house.device(person.name, "printer")
    door = (house.tls_port, {"context": context, "implicit": True})
    for (port, more), other, good in (((house.clear, {}), door, person), (door, (house.clear, {}), printer)):
        for number in range(24 if port == house.clear else 12):
            with hello(port, **more) as wire:
                assert wire.say(plain(Account(person.name, f"guess-{number:02}")))[0] == 535
        with hello(other[0], **other[1]) as wire:
            assert wire.say(plain(good))[0] == 235


# ---- caps ------------------------------------------------------------------------------------------------------------------
def test_it_is_no_open_relay(house, person, printer, recipient):
    with hello(house.clear) as wire:
        assert wire.say(f"MAIL FROM:<{person.name}>")[0] == 530 and wire.say(f"RCPT TO:<{recipient}>")[0] == 530
        assert wire.say(plain(Account(printer.name, "wrong")))[0] == 535
        assert wire.say(f"MAIL FROM:<{person.name}>")[0] == 530
        assert wire.say(plain(printer))[0] == 235
        assert wire.say("MAIL FROM:<ceo@elsewhere.example>")[0] == 550
        assert wire.say(f"MAIL FROM:<{person.name}>")[0] == 250
        for way in WAYS_ON:
            code, said = wire.say(f"RCPT TO:<{way}>")
            assert code in (501, 550, 554), way
        assert (code, said) == (550, ["5.7.1 this listener for old devices takes mail to these domains only: example.net, example.org; ask the administrator"])
        assert "the listener takes no mail to victim@sub.example.net" in log_of(house, wire.incident)
        assert wire.say(f"RCPT TO:<@route.example:{recipient}>")[0] == 250 and wire.say("RCPT TO:<postmaster>")[0] == 250
        assert wire.say(f"RCPT TO:<{recipient}>")[0] == 452


def test_size_and_rate_are_told_in_time(house, sink, person, recipient):
    device = house.device(person.name, "scanner")
    with hello(house.old, context=old_context()) as wire:
        wire.starttls()
        assert "SIZE 8192" in wire.say("EHLO scanner")[1]
        assert wire.say(plain(device))[0] == 235
        assert wire.say(f"MAIL FROM:<{person.name}> SIZE=8193") == (552, ["5.3.4 message is larger than the limit"])
        assert wire.say(f"MAIL FROM:<{person.name}>")[0] == 250 and wire.say(f"RCPT TO:<{recipient}>")[0] == 250 and wire.say("DATA")[0] == 354
        assert wire.say(letter(person, recipient, "x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 120) + ".")[0] == 552
    with hello(house.implicit, context=old_context(ssl.TLSVersion.TLSv1_1), implicit=True) as wire:
        assert wire.say(plain(device))[0] == 235
        for _ in range(4):
            assert wire.say(f"MAIL FROM:<{person.name}>")[0] == 250 and wire.say(f"RCPT TO:<{recipient}>")[0] == 250
            assert wire.say("DATA")[0] == 354 and wire.say(letter(person, recipient) + ".")[0] == 250
        assert wire.say(f"MAIL FROM:<{person.name}>") == (451, ["4.7.1 too many messages for this device, try again in 15 minutes"])
        assert "over a limit: messages of the lane: 4/hour" in log_of(house, wire.incident)


def test_who_is_outside_of_the_networks_is_told_so_at_once(house):
    with Wire(house.strange) as wire:
        assert wire.incident
        assert wire.hear()[0] == 0
    assert wire.greeting == (554, ["5.7.1 this port is for old devices in their own networks, and your address is in none"])
    with socket.create_connection(("127.0.0.1", house.strange_tls), timeout=20) as raw:
        assert raw.recv(1) == b""
    with Wire(house.strange, source="127.1.2.3") as wire:
        assert wire.greeting[0] == 220
    assert until("line in the log", lambda: "refused" in house.log() and "your address is in none" in house.log())


def test_who_is_turned_away_is_on_record(house):
    def story():
        """Of a flood of refusals, which came before, not each is on record."""
        with Wire(house.strange, source="127.2.3.4") as wire:
            assert wire.greeting[0] == 554 and wire.incident
        return house.command("explain", "127.2.3.4").stdout

    told = until("the record", lambda: [text for text in [story()] if "your address is in none" in text])[0]
    assert "the `networks` of that listener in gatepost.yml, if a device of yours is at 127.2.3.4" in told


def test_a_start_without_networks_or_for_everybody_is_refused(house):
    for listener, problem in (("recipients_domains=example.net", "has no networks"), ("networks=10.0.0.0/8", "has no recipients_domains"),
                              ("networks=0.0.0.0/0 recipients_domains=example.net", "nearly everybody"), ("networks=::/0 recipients_domains=example.net", "nearly everybody"),
                              ("networks=10.0.0.0/8 recipients_domains=*", "would let devices write to anybody")):
        house_environment = house.environment | {"GATEPOST_LISTEN": f"legacy 127.0.0.1:{free_port()} {listener}"}
        done = subprocess.run([*house.command("config", "check").args], env=house_environment, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode != 0 and problem in done.stdout + done.stderr


def test_a_lane_without_tls_is_warned_of_and_served(house):
    said = house.run("config", "check")
    assert f"legacy 127.0.0.1:{house.clear} has no TLS: whoever is in the same network reads the passwords" in said
    assert f"legacy 127.0.0.1:{house.old} takes TLS older than 1.2" in said and "no problems" in said


# ---- where it is seen --------------------------------------------------------------------------------------------------------
def test_report_list_and_status_show_devices(house, sink, recipient):
    person = house.account()
    used, unused = house.device(person.name, "printer"), house.device(person.name, "spare")
    with hello(house.clear) as wire:
        assert login(wire, used)[0] == 235
        for _ in range(2):
            assert wire.say(f"MAIL FROM:<{person.name}>")[0] == 250 and wire.say(f"RCPT TO:<{recipient}>")[0] == 250
            assert wire.say("DATA")[0] == 354 and wire.say(letter(person, recipient) + ".")[0] == 250

    def rows():
        said = {row["label"]: row for row in house.json("report", "--account", person.name)}
        return said if said["printer"]["count"] == 2 and said["printer"]["last"] else None
    said = until("row of the device", rows)
    assert said["printer"]["kind"] == said["spare"]["kind"] == "lane" and said["spare"]["count"] == 0
    assert said["printer"]["example"] == "from 127.0.0.1, by LOGIN, without TLS, which calls itself printer"
    assert "legacy generated" in house.run("credential", "list", person.name)
    assert {row["label"]: row["legacy"] for row in house.json("credential", "list", person.name)} == {"": False, "printer": True, "spare": True}
    assert [each["kind"] for each in json.loads(house.run("status", "--json"))["listeners"]].count("legacy") == 5
    signed_in = [json.loads(line) for line in house.run("audit", "show", "--account", person.name, "--event", "sign-in", "--json").splitlines()]
    assert signed_in[0]["data"]["lane"] == "legacy" and signed_in[0]["data"]["listener"] == "clear"
    assert unused.password != used.password
