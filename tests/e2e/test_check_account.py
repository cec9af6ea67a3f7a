"""gatepost check with an account: how often its password is said, and that nothing of it is shown; and what is asked of who lacks, or limits, something."""
import base64
import concurrent.futures
import json
import shutil

import pytest

from authority import Authority
from house import HOSTNAME
from test_check import OWNER, PASSWORD, check, raised, report
from wrong_server import REFUSALS, WrongServer


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("check-account", "localhost", days=60)


@pytest.fixture(scope="module")
def words(ca):
    return ["--starttls", "--ca-file", ca, "--user", OWNER, "--password-stdin"]


@pytest.mark.parametrize("more", [[], ["--as", "all"], ["--thorough"]])
def test_a_password_is_said_twice_however_it_is_refused(certificate, words, more):
    """Who hangs up, or says later, counts wrong passwords too."""
    servers = {fault: WrongServer(certificate, fault, "old-mechanisms", account=(OWNER, PASSWORD)) for fault in REFUSALS}

    def look(server):
        return report(f"localhost:{server.port}", *words, *more, stdin="mistyped secret\n")
    with concurrent.futures.ThreadPoolExecutor(len(servers)) as pool:
        found = dict(zip(servers, pool.map(look, servers.values())))
    counts = {fault: (found[fault]["failed_sign_ins"], len(server.tried)) for fault, server in servers.items()}
    for server in servers.values():
        server.close()
    assert counts == dict.fromkeys(REFUSALS, (2, 2))


@pytest.mark.parametrize("form", ["", "--json", "--html", "--junit"])
def test_what_a_server_remembers_of_a_password_is_not_shown(certificate, words, form):
    """It was said in one session, and is repeated in another."""
    server = WrongServer(certificate, "remembers", account=(OWNER, PASSWORD))
    said = check(f"localhost:{server.port}", *words, *([form] if form else []), stdin=PASSWORD + "\n").stdout
    server.close()
    assert "(secret)" in said
    forms = [PASSWORD, PASSWORD[:8], *(base64.b64encode(text.encode()).decode()[-12:] for text in (PASSWORD, f"\0{OWNER}\0{PASSWORD}"))]
    assert not [form for form in forms if form in said]


def test_a_password_that_one_mechanism_takes_is_found_by_thorough(certificate, words):
    server = WrongServer(certificate, "any-login", account=(OWNER, PASSWORD))
    usual = report(f"localhost:{server.port}", *words, stdin=PASSWORD + "\n")
    thorough = report(f"localhost:{server.port}", *words, "--thorough", stdin=PASSWORD + "\n")
    server.close()
    assert "auth-any-password" not in raised(usual) and "auth-any-password" in raised(thorough)
    told = [any(fact["what"].startswith("a wrong password was tried by PLAIN alone") for fact in found["facts"]) for found in (usual, thorough)]
    assert told == [True, False]


def test_only_who_offers_it_is_sent_8_bit_text(certificate, words):
    server = WrongServer(certificate, "lacks", account=(OWNER, PASSWORD))
    found = report(f"localhost:{server.port}", *words, "--send-to", OWNER, stdin=PASSWORD + "\n")
    server.close()
    assert "limits-text-line" in found["fine"]


def test_a_client_that_is_turned_away_for_the_number_of_us_is_not_said_to_break(certificate, ca):
    server = WrongServer(certificate, "crowded", "old-versions", "old-mechanisms", "auth-equals")
    found = report(f"localhost:{server.port}", "--starttls", "--ca-file", ca, "--as", "all")
    server.close()
    assert raised(found) == {"reach-turned-away"} and not found["complete"] and len(server.connections) <= 6


@pytest.mark.parametrize("kinds", [("rsa", "ec"), ("ec", "rsa")])
def test_a_set_up_of_its_own_with_certificates_of_two_kinds(new_gatepost, tmp_path, kinds):
    """Signed by nobody who is known: they are trusted for what they are."""
    own = new_gatepost(start=False)
    options = {"rsa": {"kind": ("rsa:2048",)}}
    for name, kind in zip(("cert", "other"), kinds):
        pair = Authority(tmp_path / name).issue("own", HOSTNAME, "localhost", days=60, **options.get(kind, {}))
        (own.dir / f"tls/{name}.pem").write_bytes(pair[0].read_bytes())
        (own.dir / f"tls/{name}.key").write_bytes(pair[1].read_bytes())
        (own.dir / f"tls/{name}.key").chmod(0o600)
    with open(own.dir / "gatepost.yml", "a", encoding="ascii") as config:
        config.write("tls:\n  certificates: [tls/cert.pem tls/cert.key, tls/other.pem tls/other.key]\n")
    owner = own.start().account()
    done = own.command("check", "--json", "--user", owner.name, "--password-stdin", stdin=owner.password)
    found = json.loads(done.stdout)
    assert "own-reload" in found["fine"] and "auth-refused" in found["fine"] and found["failed_sign_ins"] == 4
    (own.dir / "tls/cert.pem").unlink()
    shutil.copy(Authority(tmp_path / "later").issue("own", HOSTNAME, days=60)[0], own.dir / "tls/cert.pem")
    shutil.copy(own.dir / "tls/cert.pem", own.dir / "tls/other.pem")
    assert "own-reload" in raised(json.loads(own.command("check", "--json").stdout))


def test_a_client_that_says_several_commands_at_once(certificate, words, ca):
    good, bad = (WrongServer(certificate, *faults, account=(OWNER, PASSWORD)) for faults in ([], ["pipelining"]))

    def broken(server, client, account=True):
        more = words if account else ["--starttls", "--ca-file", ca]
        found = report(f"localhost:{server.port}", *more, "--as", client, "--patience", 2, stdin=PASSWORD + "\n" if account else None)
        return ["not each is answered" in finding["seen"] for finding in found["findings"]]
    assert [broken(server, client) for server in (good, bad) for client in ("postfix", "swaks")] == [[], [], [True], []]
    assert [broken(server, "postfix", account=False) for server in (good, bad)] == [[], [True]]
    good.close()
    bad.close()
    assert good.said[good.said.index(f"MAIL FROM:<{OWNER}>") + 1] == "RSET"
