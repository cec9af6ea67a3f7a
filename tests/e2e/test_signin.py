"""Signing in: what is offered to whom, bound channels, and what the log says about it."""
import base64
import contextlib
import hashlib
import hmac
import ssl
import subprocess
import threading

import pytest

from house import DOMAIN, Account, until
from mailers import MAILERS, letter
from test_clients import job_for
from wire import Wire


def offered(gatepost, context):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        _, lines = wire.say("EHLO client.example")
        return next(line for line in lines if line.startswith("AUTH ")).split()[1:]


# ---- what is offered -----------------------------------------------------------------------------------------
def curl_chooses(gatepost, ca, account, recipient, tmp_path):
    """curl takes what it likes best of what EHLO lists."""
    job = job_for(gatepost, ca, account, None, "tls", recipient, tmp_path)
    (tmp_path / "curl.eml").write_bytes(letter(job).encode())
    (tmp_path / "curl.conf").write_text(f'user = "{account.name}:{account.password}"\n')
    done = subprocess.run(["curl", "--silent", "--show-error", "--config", tmp_path / "curl.conf", "--cacert", ca, "--mail-from", account.name,
                           "--mail-rcpt", recipient, "--upload-file", tmp_path / "curl.eml", f"smtps://localhost:{gatepost.tls_port}"],
                          capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


def test_a_client_that_chooses_itself_signs_in(new_gatepost, ca, sink, recipient, tmp_path):
    gatepost = new_gatepost(sink)
    code, said = curl_chooses(gatepost, ca, gatepost.account(), recipient, tmp_path)
    assert code == 0, said
    assert sink.wait(recipient)


def test_cram_md5_is_offered_while_some_credential_allows_it(new_gatepost, sink, context):
    gatepost = new_gatepost(sink)
    gatepost.account()
    assert "PLAIN" in offered(gatepost, context) and "CRAM-MD5" not in offered(gatepost, context)
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert wire.say("AUTH CRAM-MD5")[0] == 504
    old = gatepost.account("--allow-cram-md5", name=f"printer@{DOMAIN}")
    assert "CRAM-MD5" in offered(gatepost, context)
    gatepost.run("user", "delete", old.name)
    assert "CRAM-MD5" not in offered(gatepost, context)


# ---- bound channels ------------------------------------------------------------------------------------------
def over_tls_1_2(gatepost, ca, session=None):
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    # One context for all: a session belongs to the context it was made in.
    context = session.context if session else context
    wire = Wire(gatepost.port, context)
    wire.say("EHLO client.example")
    assert wire.say("STARTTLS")[0] == 220
    wire.handshake(session=session.socket.session if session else None)
    assert wire.socket.version() == "TLSv1.2" and wire.socket.session_reused == bool(session)
    assert any("SCRAM-SHA-256-PLUS" in line for line in wire.say("EHLO client.example")[1])
    return wire


def scram(wire, account, mechanism, gs2, bound, ends=True):
    """RFC 5802 from its text: the codes that end it. gs2: what the client claims; bound: the binding that it proves."""
    kind = "sha512" if "512" in mechanism else "sha256"
    first = f"n={account.name},r=fyko+d2lbbFgONRv9qkxdawL"
    code, challenge = wire.say(f"AUTH {mechanism} " + base64.b64encode(gs2 + first.encode()).decode())
    if code != 334:
        return code
    server_first = base64.b64decode(challenge[0]).decode()
    said = dict(part.split("=", 1) for part in server_first.split(","))
    salted = hashlib.pbkdf2_hmac(kind, account.password.encode(), base64.b64decode(said["s"]), int(said["i"]))
    without = f"c={base64.b64encode(gs2 + bound).decode()},r={said['r']}"
    signed = f"{first},{server_first},{without}".encode()
    key = hmac.digest(salted, b"Client Key", kind)
    proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.new(kind, key).digest(), signed, kind)))
    code, final = wire.say(base64.b64encode(f"{without},p={base64.b64encode(proof).decode()}".encode()).decode())
    if code != 334:
        return code
    wanted = hmac.digest(hmac.digest(salted, b"Server Key", kind), signed, kind)
    assert base64.b64decode(final[0]) == b"v=" + base64.b64encode(wanted)
    return wire.say("")[0] if ends else code


def test_tls_unique_binds_full_and_resumed_handshakes(gatepost, ca, account):
    with over_tls_1_2(gatepost, ca) as full:
        first = full.socket.get_channel_binding("tls-unique")
        assert scram(full, account, "SCRAM-SHA-256-PLUS", b"p=tls-unique,,", first) == 235
        with over_tls_1_2(gatepost, ca, full) as resumed:
            second = resumed.socket.get_channel_binding("tls-unique")
            assert first != second
            assert scram(resumed, account, "SCRAM-SHA-256-PLUS", b"p=tls-unique,,", first) == 535, "the binding of another connection"
            assert scram(resumed, account, "SCRAM-SHA-256-PLUS", b"p=tls-unique,,", second) == 235


def refusal(gatepost, since):
    return until("the reason", lambda: [line for line in gatepost.log()[since:].splitlines() if "event=sign-in" in line and "result=refused" in line])[-1]


CLAIMS = [
    ("SCRAM-SHA-256", b"n,,", None),
    ("SCRAM-SHA-256", b"y,,", "the client could bind to the channel and saw no -PLUS mechanism"),
    ("SCRAM-SHA-256-PLUS", b"n,,", "the client does not bind to the channel, with a mechanism that does"),
    ("SCRAM-SHA-256-PLUS", b"p=tls-exporter,,", "the client binds to the channel in a way that cannot be had"),
    ("SCRAM-SHA-256", b"p=tls-unique,,", "the client binds to the channel, with a mechanism that does not"),
    ("SCRAM-SHA-256-PLUS", b"x,,", "the client's message does not begin with n, y or p="),
]


@pytest.mark.parametrize("mechanism,gs2,cause", CLAIMS)
def test_who_claims_what_is_not_so_is_refused_and_the_log_says_what(mechanism, gs2, cause, gatepost, ca, account):
    before = len(gatepost.log())
    with over_tls_1_2(gatepost, ca) as wire:
        bound = wire.socket.get_channel_binding("tls-unique") if gs2.startswith(b"p") else b""
        assert scram(wire, account, mechanism, gs2, bound) == (535 if cause else 235)
    if cause:
        line = refusal(gatepost, before)
        assert f'reason="{cause}' in line and f"account={account.name} " in line


def test_another_channel_and_another_account_are_named_in_the_log(gatepost, ca, account):
    before = len(gatepost.log())
    with over_tls_1_2(gatepost, ca) as wire:
        assert scram(wire, account, "SCRAM-SHA-256-PLUS", b"p=tls-unique,,", b"another one!") == 535
    assert 'reason="the client is bound to another channel' in refusal(gatepost, before)
    before = len(gatepost.log())
    with over_tls_1_2(gatepost, ca) as wire:
        assert scram(wire, account, "SCRAM-SHA-256", f"n,a=boss@{DOMAIN},".encode(), b"") == 535
    line = refusal(gatepost, before)
    assert 'reason="the account may not act for' in line and f"acting_for=boss@{DOMAIN}" in line


# ---- storms ----------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def storm(gatepost, context, accounts, clients=95):
    """Wrong passwords from one address, as many as it can; the codes that they got."""
    end, codes = threading.Event(), []

    def guess(number):
        while not end.is_set():
            with contextlib.suppress(OSError, ssl.SSLError), Wire(gatepost.tls_port, context, implicit=True) as wire:
                wire.say("EHLO client.example")
                codes.append(wire.auth_plain(accounts[number % len(accounts)]._replace(password="wrong"))[0])
    threads = [threading.Thread(target=guess, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield codes
    finally:
        end.set()
        for thread in threads:
            thread.join()


def test_a_storm_of_wrong_passwords_puts_off_no_right_one(new_gatepost, sink, context):
    gatepost = new_gatepost(sink, GATEPOST_PASSWORDS_SCRAM_ITERATIONS="100000")
    accounts = [gatepost.account(name=f"ada{number}@{DOMAIN}", password=f"chosen by hand {number}") for number in range(6)]
    with storm(gatepost, context, accounts) as codes:
        until("a full line", lambda: codes.count(454) > 100)
        for account in accounts:                   # each for the first time: none is known from before
            with Wire(gatepost.tls_port, context, implicit=True, source="127.0.0.2") as wire:
                wire.say("EHLO client.example")
                assert wire.auth_plain(account)[0] == 235
    assert set(codes) <= {454, 535, 0, 421}


def peak(pid):
    """The most memory that the process has had, in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def test_a_storm_takes_the_memory_of_as_many_hashes_as_there_are_threads(new_gatepost, context, tmp_path):
    """Argon2 strings of 64 MiB each, forty clients at once, two threads."""
    each, threads, rest = 64 * 1024, 2, 32 * 1024
    gatepost = new_gatepost(GATEPOST_PASSWORDS_HASHING_THREADS=str(threads), GATEPOST_POLICY_GUARD_MODE="shadow")
    accounts = [Account(f"dear{number}@{DOMAIN}", "") for number in range(6)]
    string = f"$argon2id$v=19$m={each},t=1,p=1$c2FsdHNhbHRzYWx0$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs"
    (tmp_path / "dear").write_text("".join(f"{account.name}:{string}\n" for account in accounts))
    gatepost.run("user", "import", str(tmp_path / "dear"), "--format", "htpasswd")
    [vault] = gatepost.pids("vault")
    before = peak(vault)
    with storm(gatepost, context, accounts, clients=40) as codes:
        until("passwords that have been looked at", lambda: codes.count(535) >= 30, patience=60)
    assert each < peak(vault) - before < threads * each + rest


# ---- what the log says ---------------------------------------------------------------------------------------
def last_sign_in(gatepost, said):
    return until(f"{said!r} in the log", lambda: [line for line in gatepost.log().splitlines() if "event=sign-in" in line and said in line])[-1]


def plain(gatepost, context, account):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        return wire.auth_plain(account)


def test_the_client_hears_one_answer_and_the_log_the_true_reason(new_gatepost, sink, context):
    gatepost = new_gatepost(sink)
    known, disabled = gatepost.account(), gatepost.account()
    gatepost.account("--allow-cram-md5")
    gatepost.run("user", "disable", disabled.name)
    wrong = known._replace(password="k7zq3-wrong")
    answers = {str(plain(gatepost, context, account)) for account in (wrong, Account("nobody@example.org", "k7zq3"), disabled)}
    assert len(answers) == 1 and "535" in answers.pop()
    assert f"account={known.name}" in last_sign_in(gatepost, "wrong password")
    assert "account=nobody@example.org" in last_sign_in(gatepost, "no such account")
    assert f"account={disabled.name}" in last_sign_in(gatepost, "the account is disabled")
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        _, challenge = wire.say("AUTH CRAM-MD5")
        digest = hmac.new(known.password.encode(), base64.b64decode(challenge[0]), "md5").hexdigest()
        assert wire.say(base64.b64encode(f"{known.name} {digest}".encode()).decode())[0] == 535
        assert f"account={known.name} " in last_sign_in(gatepost, "CRAM-MD5 is not allowed for the account")
        assert wire.say("AUTH PLAIN =!")[0] == 501
        assert wire.say("AUTH GSSAPI")[0] == 504
        assert wire.say("AUTH LOGIN")[0] == 334 and wire.say("*")[0] == 501
    last_sign_in(gatepost, "not base64")
    last_sign_in(gatepost, "the client cancelled")
    for field in ("peer=127.0.0.1", "mechanism=PLAIN", 'tls="TLSv1.3 ', "helo=client.example", "session="):
        assert field in last_sign_in(gatepost, "wrong password")
    closed = until("the end of the session", lambda: [line for line in gatepost.log().splitlines() if "event=session" in line and "state=closed" in line])
    assert "messages=0" in closed[-1] and "reason=" in closed[-1]


def test_every_sign_in_that_comes_to_nothing_has_its_line(new_gatepost, sink, context):
    gatepost = new_gatepost(sink)
    gatepost.account()
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert wire.say("AUTH GSSAPI")[0] == 504
        assert "result=refused" in last_sign_in(gatepost, "mechanism not offered")
        assert wire.say("AUTH PLAIN " + "A" * 13000)[0] == 500
        assert "result=refused" in last_sign_in(gatepost, "authentication exchange line is too long")
        assert wire.say("AUTH PLAIN")[0] == 334
        assert wire.say("A" * 13000)[0] == 500
        assert "result=refused" in last_sign_in(gatepost, "the client's line is too long") and "cancelled" not in gatepost.log()
        assert wire.say("AUTH LOGIN")[0] == 334
    line = last_sign_in(gatepost, "the client left")
    assert "result=abandoned" in line and "mechanism=LOGIN" in line and "peer=127.0.0.1" in line and "session=" in line


def forms_of(secret):
    """A password as it is, in base64 however it falls into groups of three, and in hex: what of each is sure to be seen."""
    octets = secret.encode()
    yield secret
    yield octets.hex()
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + octets).decode()[2 * shift:].rstrip("=")[:-2]


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_no_password_is_in_any_log_at_debug_level(style, new_gatepost, new_sink, folder, context, ca, recipient, tmp_path):
    sink = new_sink(logins={"example-org": "upstream-secret"})
    secret = folder / f"upstream-{style}"
    secret.write_text("upstream-secret\n")
    secret.chmod(0o600)
    gatepost = new_gatepost(sink, GATEPOST_LOG_LEVEL="debug", GATEPOST_LOG_FORMAT=style, GATEPOST_RELAY_USER="example-org",
                            GATEPOST_RELAY_PASSWORD_FILE=str(secret))
    account, wrong = gatepost.account("--allow-cram-md5"), "a-wrong-password-indeed"
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"):
        job = job_for(gatepost, ca, account, mechanism, "tls", recipient, tmp_path)
        assert MAILERS["smtplib"].send(job)[0]
        assert not MAILERS["smtplib"].send(job._replace(password=wrong))[0]
    with Wire(gatepost.port) as wire:           # what a broken client blurts out in clear, in the wrong place, or broken
        wire.say("EHLO client.example")
        blurted = base64.b64encode(f"\0{account.name}\0{account.password}".encode()).decode()
        assert wire.say(f"AUTH PLAIN {blurted}")[0] in (503, 538, 502, 530)
        wire.say(blurted)
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        wire.say(f"AUTH PLAIN {blurted}!")
        wire.say(f"AUTH PLAIN {blurted} more")
        wire.say(f"AUTH NONSENSE {blurted}")
        swapped = Account(account.password, account.name)      # each in the other's field
        assert wire.auth_plain(swapped)[0] == 535
        assert wire.auth_plain(Account(f"{account.password}@{DOMAIN}", account.name))[0] == 535
        wire.say("AUTH LOGIN")
        wire.say(base64.b64encode(account.name.encode()).decode())
        wire.say(base64.b64encode(account.password.encode()).decode() + "*")
    assert sink.wait(recipient, 4).login == "example-org"
    gatepost.stop()
    said = gatepost.log()
    assert "debug" in said or "sign-in" in said
    assert said.count("(looks like a password)") == 2
    for word in (account.password, wrong, "upstream-secret"):
        assert not [form for form in forms_of(word) if form in said]
