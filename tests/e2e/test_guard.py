"""Guessers' own programs against the running server: the password is in their list, and they do not find it. The owner gets in all the while
from where he was before. Each program comes from 127.0.0.1; the owner and others from elsewhere in 127.0.0.0/8."""
import base64
import contextlib
import select
import socket
import sqlite3
import ssl
import subprocess
import threading
import time

import pytest

from house import serving, until
from test_signin import scram
from wire import Wire

LIST = [f"guess-{number:02}" for number in range(20)]


@pytest.fixture(scope="module")
def house(folder, certificate):
    """Loopback is not trusted here, and nobody waits: how long answers take is for the unit tests under a virtual clock."""
    with serving(folder / "guard", certificate, GATEPOST_POLICY_GUARD_TRUSTED="192.0.2.0/24", GATEPOST_POLICY_GUARD_SLOWEST="0s",
                 GATEPOST_LIMITS_AUTH_FAILURES_PER_SESSION="50") as made:
        yield made


def sign_in(house, context, account, source):
    """The reply to AUTH PLAIN from that address."""
    raw = socket.create_connection(("127.0.0.1", house.tls_port), timeout=15, source_address=(source, 0))
    with context.wrap_socket(raw, server_hostname="localhost") as tls:
        talk = tls.makefile("rwb")
        talk.readline()
        talk.write(b"EHLO phone.example\r\n")
        talk.flush()
        while talk.readline()[3:4] == b"-":
            pass
        talk.write(b"AUTH PLAIN " + base64.b64encode(f"\0{account.name}\0{account.password}".encode()) + b"\r\n")
        talk.flush()
        return talk.readline().decode()


def kept_guesses(house):
    """Whether all that was counted has been written: of the last guess for that pair as well."""
    with contextlib.closing(sqlite3.connect(house.dir / "vault/accounts.db")) as db:
        return db.execute("SELECT count(*) FROM guesses WHERE kind = 0 AND empty > ?", (time.time() * 1000 + 9 * 3600 * 1000,)).fetchone()[0]


def relayed(client, server):
    """What each says to the other until one ends: by one thread, as a TLS connection is not for two (they closed one in twenty)."""
    other = {client: server, server: client}
    server.settimeout(0)
    while True:
        for source in [server] if server.pending() else select.select([client, server], [], [])[0]:
            try:
                data = source.recv(4096)
            except ssl.SSLWantReadError:                       # a session ticket, and nothing of the server's behind it yet
                continue
            if not data:
                return
            other[source].sendall(data)


class Tunnel:
    """TLS and EHLO for programs that know no TLS of today (medusa), or forget EHLO (nmap): what they say in clear goes on inside."""
    def __init__(self, house, context):
        self.house, self.context, self.listener = house, context, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.carry, args=(self.listener.accept()[0],), daemon=True).start()

    def carry(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.house.tls_port), timeout=30) as raw, \
                self.context.wrap_socket(raw, server_hostname="localhost") as server:
            greeting = server.recv(4096)
            server.sendall(b"EHLO tunnel.example\r\n")
            server.recv(4096)
            client.sendall(greeting)
            relayed(client, server)


@pytest.fixture(scope="module")
def tunnel(house, context):
    made = Tunnel(house, context)
    yield made
    made.listener.close()


def hydra(house, tunnel, user, words):
    return ["hydra", "-I", "-l", user, "-P", words, "-t", "1", "-s", str(house.port), "-m", "TLS:PLAIN", "127.0.0.1", "smtp"]


def medusa(house, tunnel, user, words):
    return ["medusa", "-h", "127.0.0.1", "-n", str(tunnel.port), "-u", user, "-P", words, "-t", "1", "-M", "smtp", "-m", "AUTH:PLAIN"]


def nmap(house, tunnel, user, words):
    users = words.with_suffix(".users")
    users.write_text(user + "\n")
    args = f"userdb={users},passdb={words},smtp-brute.auth=PLAIN,brute.mode=user,brute.start=1,brute.threads=1"
    return ["nmap", "-n", "-Pn", "-p", str(tunnel.port), "--script", "+smtp-brute", "--script-args", args, "127.0.0.1"]


def found(said, account):
    """Does it name the password as one that opens? medusa names each that it tries."""
    return [line for line in said.stdout.splitlines() if account.password in line and "ACCOUNT CHECK:" not in line]


@pytest.mark.parametrize("program", [hydra, medusa, nmap])
def test_a_guesser_passes_over_the_password_in_his_list(program, house, tunnel, context, tmp_path):
    account = house.account()
    assert sign_in(house, context, account, "127.0.5.9").startswith("235 ")
    words = tmp_path / "words"
    words.write_text("\n".join([*LIST[:15], account.password, *LIST[15:]]) + "\n")
    command = [str(word) for word in program(house, tunnel, account.name, words)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "Unknown SMTP server response: (null)" in said.stdout + said.stderr:  # medusa's patience ended on a busy machine, before its list did
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not found(said, account), said.stdout
    log = [line for line in house.log().splitlines() if "event=sign-in" in line and f"account={account.name} " in line and "peer=127.0.0.1 " in line]
    assert len(log) > 11 and all("result=refused" in line for line in log), said.stdout + said.stderr + "\n".join(log)
    assert 'reason="wrong password"' in log[0] and 'reason="not looked at: ' in log[-1]
    assert sign_in(house, context, account, "127.0.5.9").startswith("235 ")
    assert sign_in(house, context, account, "127.0.0.1").startswith("535 5.7.8 authentication failed")
    assert sign_in(house, context, account, "127.0.7.7").startswith("235 ")


def test_the_right_list_without_a_guard_is_found(folder, certificate, context, tmp_path):
    """That the programs can: else the test above proves nothing."""
    with serving(folder / "unguarded", certificate, GATEPOST_POLICY_GUARD_MODE="off", GATEPOST_LIMITS_AUTH_FAILURES_PER_SESSION="50") as house:
        account, tunnel, words = house.account(), Tunnel(house, context), tmp_path / "words"
        words.write_text("\n".join([*LIST[:4], account.password]) + "\n")
        for program in (hydra, medusa, nmap):
            said = subprocess.run([str(word) for word in program(house, tunnel, account.name, words)], capture_output=True, text=True, timeout=60, check=False)
            assert found(said, account), said.stdout + said.stderr
        tunnel.listener.close()


def test_an_address_that_tries_many_names_is_banned_until_somebody_takes_it_back(house, context):
    account = house.account()
    nobody = [account._replace(name=f"nobody{number}@example.org") for number in range(22)]
    for one in nobody:
        assert sign_in(house, context, one, "127.0.9.1").startswith("535 ")
    assert sign_in(house, context, account, "127.0.9.1").startswith("535 ")
    listed = until("ban in the list", lambda: [ban for ban in house.json("ban", "list") if ban["address"] == "127.0.9.1"])
    assert listed[0]["by"] == "guard" and "event=ban " in house.log()
    house.run("ban", "remove", "127.0.9.1")
    assert sign_in(house, context, account, "127.0.9.1").startswith("235 ")


def test_a_ban_by_hand_holds_at_once_and_looks_like_a_wrong_password(house, context):
    account = house.account()
    assert sign_in(house, context, account, "127.0.11.1").startswith("235 ")
    house.run("ban", "add", "127.0.11.0/24", "--reason", "spam run")
    assert sign_in(house, context, account, "127.0.11.1").startswith("535 5.7.8 authentication failed")
    assert sign_in(house, context, account, "127.0.12.1").startswith("235 ")
    house.run("ban", "remove", "127.0.11.0/24")
    assert sign_in(house, context, account, "127.0.11.1").startswith("235 ")


def test_an_old_phone_is_noticed_and_shuts_out_nobody(house, context):
    account = house.account()
    for _ in range(40):
        assert sign_in(house, context, account._replace(password="last year's"), "127.0.13.1").startswith("535 ")
    assert sign_in(house, context, account, "127.0.13.1").startswith("235 ")
    until("notice", lambda: house.log().count("event=notice kind=stale-device"))
    until("row of audit", lambda: account.name in house.run("audit", "show", "--event", "stale-device"))
    assert house.log().count("event=notice kind=stale-device") == 1


def sign_in_by_scram(house, context, account, source, client):
    with Wire(house.tls_port, context, implicit=True, source=source) as wire:
        wire.say(f"EHLO {client}")
        return scram(wire, account, "SCRAM-SHA-256", b"n,,", b"")


def test_an_old_phone_with_scram_shuts_nobody_out(house, context):
    """Another proof each time, so it is soon not looked at itself; other devices are, from the same address."""
    account, here = house.account(), "127.0.14.1"
    assert sign_in(house, context, account, here).startswith("235 ")
    for _ in range(22):
        assert sign_in_by_scram(house, context, account._replace(password="last year's"), here, "old-phone") == 535
    assert 'reason="not looked at: ' in [line for line in house.log().splitlines() if "helo=old-phone" in line][-1]
    assert sign_in(house, context, account, here).startswith("235 ")
    assert sign_in_by_scram(house, context, account, here, "laptop") == 235


def test_a_right_guess_that_is_cancelled_is_on_record(house, context):
    """SCRAM's server shows its proof before the client has its yes: who stops there knows."""
    class Stops(Wire):
        def say(self, text):
            return super().say(text or "*")
    account, here = house.account(), "127.0.15.1"
    with Stops(house.tls_port, context, implicit=True, source=here) as wire:
        wire.say("EHLO guesser")
        assert scram(wire, account, "SCRAM-SHA-256", b"n,,", b"") == 501
    line = until("the line of the log", lambda: [line for line in house.log().splitlines() if "helo=guesser" in line])[-1]
    assert f"account={account.name} " in line and 'reason="the password was right; the client cancelled"' in line
    incident = line.split(" incident=")[1].split()[0]
    said = until("the record", lambda: [text for text in [house.run("audit", "show", "--event", "sign-in")] if incident in text])[0]
    assert "the password was right; the client cancelled" in said
    with Wire(house.tls_port, context, implicit=True, source=here) as wire:
        wire.say("EHLO guesser")
        assert scram(wire, account, "SCRAM-SHA-256", b"n,,", b"", ends=False) == 334
    until("the next line", lambda: [line for line in house.log().splitlines() if 'reason="the password was right; the client left"' in line])


def test_who_brings_the_server_down_gains_no_guess(folder, certificate, context):
    """The counts are there again after SIGKILL: not looked at before, not looked at after; elsewhere the account is open."""
    with serving(folder / "guard-killed", certificate, GATEPOST_POLICY_GUARD_TRUSTED="192.0.2.0/24", GATEPOST_POLICY_GUARD_SLOWEST="0s") as house:
        account = house.account()
        for guess in LIST[:12]:
            assert sign_in(house, context, account._replace(password=guess), "127.0.21.1").startswith("535 ")
        assert sign_in(house, context, account, "127.0.21.1").startswith("535 ")
        until("counts in the store", lambda: kept_guesses(house))
        house.kill()
        house.start()
        assert sign_in(house, context, account, "127.0.21.1").startswith("535 ")
        assert "not looked at" in house.log().rsplit("event=sign-in", 1)[1]
        assert sign_in(house, context, account, "127.0.22.1").startswith("235 ")
