"""Passwords stay nowhere: a thousand sign-ins with known ones, and then no line of the log and no octet of any role's memory has them.

Right passwords are remembered by vault as keyed digests only. Reading the memory of others takes root."""
import base64
import hmac
import os
import secrets
import ssl
import subprocess

import pytest

from house import DOMAIN, Account, until
from test_dovecot_socket import Asker, plain
from test_signin import scram
from wire import Wire, submit

ROUNDS = 64                       # by each way, a right and a wrong password: more than a thousand sign-ins
SLOW_ROUNDS = 4                   # of these with chosen passwords and for nobody, which take time
UNREAD_MOST = 2                   # regions of a process's memory that the kernel may keep to itself
PIECE, OVERLAP = 128 * 1024, 1024
ZEROES = bytes(PIECE + OVERLAP)
MESSAGE = f"From: <user1@{DOMAIN}>\r\nSubject: secrets\r\n\r\nA line.\r\n.\r\n"
ROLES = ("supervisor", "smtpd", "vault", "queue", "relay", "lookup")
SMARTHOST = Account("example-org", "upstream-" + secrets.token_hex(12))


# ---- memory ----------------------------------------------------------------------------------------------------
def regions(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps:
        for line in maps:
            words = line.split(maxsplit=5)
            name = words[5].strip() if len(words) > 5 else ""
            if words[1].startswith("rw") and not name.startswith("[v"):     # [vvar] and the like cannot be read
                start, end = (int(n, 16) for n in words[0].split("-"))
                yield start, end, name or "anonymous"


def found_in(pid, wanted):
    """Where the process can be seen to hold any of these octet strings."""
    unread = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, name in regions(pid):
            try:
                memory.seek(start)
                octets = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                octets = b""
            if len(octets) < end - start:
                unread.append(f"{name} {start:x}-{end:x}: {len(octets)} octets")
            for piece in range(0, len(octets), PIECE):          # most have never been touched
                part = octets[piece:piece + PIECE + OVERLAP]
                if part != ZEROES[:len(part)]:
                    yield from (f"{name} {start + piece + part.find(form):x}: {part[max(part.find(form) - 24, 0):][:88]!r}"
                                for form in wanted if form in part)
    assert len(unread) <= UNREAD_MOST, unread


def forms_of(account):
    """What of a password is sure to be seen: itself, as SASLprep's library has it, and the base64 of the lines that carry it."""
    octets = account.password.encode()
    yield octets
    yield account.password.encode("utf-32-le")[-48:]
    yield octets.hex().encode()
    for shift in range(3):                     # however it falls into groups of three
        yield base64.b64encode(b"\0" * shift + octets)[2 * shift:].rstrip(b"=")[:-2]


def all_forms(accounts):
    """Their tails: the allocator writes its own over the first octets of what is freed."""
    return {form[16:] for account in accounts for form in forms_of(account)}


def may_read_memory(pid):
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(next(regions(pid))[0])
            return len(memory.read(16)) == 16
    except OSError:
        return False


# ---- sign-ins --------------------------------------------------------------------------------------------------
def encoded(text):
    return base64.b64encode(text.encode()).decode()


def by_plain(wire, account):
    return wire.auth_plain(account)[0]


def by_plain_in_two_lines(wire, account):
    assert wire.say("AUTH PLAIN")[0] == 334
    return wire.say(encoded(f"\0{account.name}\0{account.password}"))[0]


def by_login(wire, account):
    assert wire.say("AUTH LOGIN")[0] == 334
    assert wire.say(encoded(account.name))[0] == 334
    return wire.say(encoded(account.password))[0]


def by_scram(wire, account):
    return scram(wire, account, "SCRAM-SHA-256", b"n,,", b"")


def by_scram_512(wire, account):
    return scram(wire, account, "SCRAM-SHA-512", b"n,,", b"")


def by_scram_plus(wire, account):
    return scram(wire, account, "SCRAM-SHA-256-PLUS", b"p=tls-unique,,", wire.socket.get_channel_binding("tls-unique"))


def by_socket(wire, account):
    """Another server asks, beside the session."""
    with Asker(wire.gatepost.dir / "asked" / "auth") as asker:
        said = asker.say(f"AUTH\t1\tPLAIN\tservice=smtp\tsecured\trip=127.0.0.1\tresp={plain(account)}")
        return {"OK": 235, "FAIL": 535}[said.split("\t")[0]]


def by_cram_md5(wire, account):
    _, challenge = wire.say("AUTH CRAM-MD5")
    digest = hmac.new(account.password.encode(), base64.b64decode(challenge[0]), "md5").hexdigest()
    return wire.say(encoded(f"{account.name} {digest}"))[0]


WAYS = (by_plain, by_plain_in_two_lines, by_login, by_scram, by_scram_512, by_scram_plus, by_cram_md5, by_socket)


def over_tls_1_2(context):
    """As it is, but with tls-unique, the only binding that Python knows."""
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    other.load_verify_locations(cadata=b"".join(context.get_ca_certs(binary_form=True)))
    other.maximum_version = ssl.TLSVersion.TLSv1_2
    return other


def session(gatepost, context, way=None):
    wire = Wire(gatepost.tls_port, over_tls_1_2(context) if way is by_scram_plus else context, implicit=True)
    wire.gatepost = gatepost
    assert wire.say("EHLO client.example")[0] == 250
    return wire


def sign_in_and_send(gatepost, context, account, way, recipient):
    with session(gatepost, context, way) as wire:
        assert way(wire, account) == 235
        if recipient and way is not by_socket:
            assert submit(wire, account.name, [recipient], MESSAGE)[0] == 250


def fail(gatepost, context, account, way):
    with session(gatepost, context, way) as wire:
        assert way(wire, account) == 535


def pids_of(gatepost):
    """By role, the supervisor too."""
    pids = {role: [] for role in ROLES} | {"supervisor": [gatepost.process.pid]}
    for role in gatepost.roles():
        pids[role["name"]].append(role["pid"])
    assert all(pids.values()), pids
    return pids


def no_role_holds(gatepost, accounts, after=""):
    wanted = all_forms(accounts)
    holding = [f"{role} {where}" for role, pids in pids_of(gatepost).items() for pid in pids for where in found_in(pid, wanted)]
    assert not holding, after + "\n" + "\n".join(sorted(holding)[:40])


@pytest.fixture
def login_sink(new_sink):
    return new_sink(logins={SMARTHOST.name: SMARTHOST.password})


@pytest.fixture
def served(new_gatepost, login_sink, tmp_path):
    """With all that has secrets: a next hop that wants a password, a socket for other servers, a source of accounts. The guard counts, and
    lets hundreds of wrong passwords be looked at."""
    (tmp_path / "upstream").write_text(SMARTHOST.password + "\n")
    gatepost = new_gatepost(login_sink, start=False, GATEPOST_LOG_LEVEL="debug", GATEPOST_PASSWORDS_SCRAM_ITERATIONS="10000",
                            GATEPOST_POLICY_GUARD_MODE="shadow",
                            GATEPOST_RELAY_USER=SMARTHOST.name, GATEPOST_RELAY_PASSWORD_FILE=str(tmp_path / "upstream"))
    gatepost.secrets.append(SMARTHOST.password)
    (gatepost.dir / "asked").mkdir(mode=0o755)
    gatepost.environment["GATEPOST_DOVECOT_AUTH"] = f"{gatepost.dir}/asked/auth mode=0666"
    gatepost.elsewhere = Account("elsewhere", "source-" + secrets.token_hex(12))
    kept = subprocess.run(["openssl", "passwd", "-5", gatepost.elsewhere.password], check=True, capture_output=True, text=True).stdout.strip()
    (gatepost.dir / "asked" / "people").write_text(f"{gatepost.elsewhere.name}:{kept}\n")
    with open(gatepost.dir / "gatepost.yml", "a", encoding="ascii") as config:
        config.write("mechanisms: SCRAM-SHA-512 SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5\n"
                     "sources:\n- store\n- {name: people, type: passwd-file, path: asked/people}\n")
    gatepost.start()
    if os.geteuid() != 0 or not may_read_memory(gatepost.process.pid):
        pytest.skip("reading the memory of other processes takes root with CAP_SYS_PTRACE")
    return gatepost


def no_role_but_vault_holds_the_smarthost_s(gatepost):
    holding = [role for role, pids in pids_of(gatepost).items() for pid in pids if any(found_in(pid, all_forms([SMARTHOST])))]
    assert set(holding) <= {"vault"}, holding


def test_the_search_finds_what_is_there(served):
    """The other test would pass for ever if it could see nothing: what a role must hold is found."""
    for role, pids in pids_of(served).items():
        assert any(list(found_in(pid, [DOMAIN.encode()])) for pid in pids), role


@pytest.mark.parametrize("way", WAYS)
def test_no_password_outlives_its_exchange(way, served, context):
    """Looked for at once, before anything else could write over it: while the session goes on, and when it has ended."""
    made = served.account("--allow-cram-md5")
    chosen = served.account("--allow-cram-md5", name=f"chosen@{DOMAIN}", password="Kq7-lönely-violin-" + secrets.token_hex(4))
    for account in (made, chosen, made):
        wrong = Account(account.name, "wrong-" + secrets.token_hex(12))
        with session(served, context, way) as wire:
            assert way(wire, wrong) == 535
            no_role_holds(served, [wrong])
            assert way(wire, account) == 235
            no_role_holds(served, [account])
        no_role_holds(served, [account, wrong])


def broken_off(wire, account):
    """What is sent of a sign-in that never comes to its end."""
    line = encoded(f"\0{account.name}\0{account.password}")
    yield "a line without an end", lambda: wire.send(f"AUTH PLAIN {line}")
    yield "a response without an end", lambda: (wire.say("AUTH LOGIN"), wire.say(encoded(account.name)), wire.send(encoded(account.password)))
    yield "what is not base64", lambda: wire.say(f"AUTH PLAIN {line}!")
    yield "an argument too many", lambda: wire.say(f"AUTH PLAIN {line} more")
    yield "a mechanism that is not offered", lambda: wire.say(f"AUTH NONSENSE {line}")
    yield "a line that is too long", lambda: wire.say(f"AUTH PLAIN {line}{'A' * 13000}")
    yield "a response that is too long", lambda: (wire.say("AUTH PLAIN"), wire.say(f"{line}{'A' * 13000}"))
    yield "a password where a command is due", lambda: wire.say(account.password)
    yield "lines in one packet, and no patience", lambda: wire.send(f"AUTH LOGIN\r\n{encoded(account.name)}\r\n{encoded(account.password)}\r\n")


def test_no_password_outlives_what_is_broken_off(served, context):
    made = served.account()
    for number in range(len(list(broken_off(None, made)))):
        wrong = Account(made.name, "wrong-" + secrets.token_hex(12))
        assert served.log().count("state=closed") == number
        with session(served, context) as wire:
            what, say = list(broken_off(wire, wrong))[number]
            say()
        until("the end of the session", lambda: served.log().count("state=closed") == number + 1)
        no_role_holds(served, [wrong], what)


def test_no_password_is_left_in_any_memory_or_log(served, context, recipient, login_sink):
    made = served.account("--allow-cram-md5")
    chosen = served.account("--allow-cram-md5", name=f"chosen@{DOMAIN}", password="Kq7-lönely-violin-" + secrets.token_hex(4))
    wrong = [Account(account.name, "wrong-" + secrets.token_hex(12)) for account in (made, chosen, Account(f"nobody@{DOMAIN}", ""))]
    kept = [session(served, context, way) for way in WAYS]
    for wire, way in zip(kept, WAYS):                # sessions that stay open hold none, either
        assert way(wire, wrong[0]) == 535 and way(wire, made) == 235
    for turn in range(ROUNDS):
        slow = turn < SLOW_ROUNDS
        for way in WAYS:
            sign_in_and_send(served, context, (made, chosen)[slow and turn % 2], way, recipient if turn == 0 else None)
            fail(served, context, wrong[turn % 3 if slow else 0], way)
    for way in (by_plain, by_login, by_socket):
        sign_in_and_send(served, context, served.elsewhere, way, None)
        fail(served, context, Account(served.elsewhere.name, wrong[0].password), way)
    login_sink.wait(recipient, len(WAYS) - 1)
    everyone = [made, chosen, served.elsewhere, *wrong]
    no_role_holds(served, everyone)
    no_role_but_vault_holds_the_smarthost_s(served)
    for wire in kept:
        wire.close()
    no_role_holds(served, everyone)
    said = served.log().encode()
    assert said.count(b"event=sign-in") >= max(2 * len(WAYS) * ROUNDS, 1000)
    assert not [form for form in all_forms([*everyone, SMARTHOST]) if form in said]
