"""gatepost check against servers set up well, where it must raise nothing, and a wrong one of ours, where it must raise each finding."""
import base64
import concurrent.futures
import json
import os
import pathlib
import socket
import subprocess
import time
import xml.etree.ElementTree

import pytest

import badly
import exim
import opensmtpd
import postfix
from house import GATEPOST, HOSTNAME, relay_to, serving
from sources import Dovecot
from wrong_server import WrongServer

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")}


def check(*words, stdin=None, status=None):
    done = subprocess.run([GATEPOST, "check", *map(str, words)], env=ENVIRONMENT, input=stdin, capture_output=True, text=True, timeout=120, check=False)
    assert status is None or done.returncode == status, f"{done.returncode}\n{done.stdout}{done.stderr}"
    return done


def report(*words, **more):
    done = check(*words, "--json", **more)
    assert done.stdout, f"{words}: {done.returncode} {done.stderr}"
    return json.loads(done.stdout)


def raised(found):
    return {finding["id"] for finding in found["findings"]}


@pytest.fixture(scope="module")
def good(folder, authority):
    with serving(folder / "check-good", authority.issue("check", HOSTNAME, "localhost", days=60)) as made:
        made.owner = made.account()
        yield made


@pytest.mark.parametrize("way", ["--starttls", "--tls"])
def test_nothing_is_raised_on_a_good_gatepost(good, ca, way):
    port = good.port if way == "--starttls" else good.tls_port
    found = report(f"localhost:{port}", way, "--ca-file", ca, "--thorough", status=0)
    assert found["findings"] == []
    found = report(f"localhost:{port}", way, "--ca-file", ca, "--user", good.owner.name, "--password-stdin", stdin=good.owner.password, status=0)
    assert found["findings"] == [] and found["failed_sign_ins"] == 4        # wrong, nobody's, bound wrong, downgraded
    assert set(found["grades"].values()) == {"A"} and found["server"] == "gatepost"


# ---- other servers, set up well: what they do otherwise than the standards say are notes
POSTFIX = """myhostname = mx.example.net
smtpd_banner = $myhostname ESMTP $mail_name
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = {certificate[1]}, {certificate[0]}
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_mandatory_ciphers = medium
smtpd_tls_mandatory_exclude_ciphers = aNULL, kRSA
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {socket}
smtpd_sasl_security_options = noanonymous
smtpd_sender_login_maps = inline:{{{{lena@example.net=lena@example.net}}}}
smtpd_delay_reject = no
smtpd_sender_restrictions = reject_sender_login_mismatch, permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_discard_ehlo_keywords = etrn
smtpd_forbid_bare_newline = normalize
smtpd_forbid_bare_newline_exclusions =
defer_transports = smtp
disable_vrfy_command = yes
line_length_limit = 12288
smtpd_error_sleep_time = 0
"""
LENA, SECRET = "lena@example.net", "a long enough password"
NOTES = {
    "postfix": {"auth-no-plus", "auth-unknown-mechanism", "auth-not-base64", "auth-before-hello", "relay-code", "smuggling-bare-lf", "smuggling-nul"},
    "exim": {"hello-lacks", "auth-no-scram", "auth-without-mechanism", "auth-not-base64", "smuggling-bare-lf", "smuggling-8bit",
             "tls-resumption"},
}
OPENSMTPD_FOUND = {"tls-handshake"}
KNOWN = {"exim": {"auth-out-of-step"}}      # Debian 12's Exim reads the tail of a response of over 16 KiB as commands


@pytest.fixture(scope="module")
def dovecot(folder):
    made = Dovecot(folder / "check-dovecot", {LENA: SECRET}, mechanisms="plain login scram-sha-256")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def others(folder, authority, dovecot):
    """name: a server that runs."""
    if postfix.missing() or exim.missing():
        pytest.skip(postfix.missing() or exim.missing())
    certificate = authority.issue("check-others", "mx.example.net", "localhost", days=60)
    place = folder / "check-postfix"
    made = {"postfix": postfix.Postfix(place, POSTFIX.format(certificate=certificate, socket=dovecot.socket)),
            "exim": exim.Exim(folder / "check-exim", certificate, dovecot.socket, exim.WELL_SET_UP, ("PLAIN", "LOGIN"))}
    yield made
    for one in made.values():
        one.stop()


@pytest.fixture(scope="module")
def on_opensmtpd(opensmtpd_server, ca):
    return report(f"localhost:{opensmtpd_server.port}", "--starttls", "--ca-file", ca)


@pytest.fixture(scope="module")
def opensmtpd_server(folder, certificates):
    """Without TLS for what it is: Debian 12's 6.8 cannot sign with the OpenSSL 3 that it is built with, and its clients get an alert."""
    if opensmtpd.missing():
        pytest.skip(opensmtpd.missing())
    settings = badly.OPENSMTPD_WELL + "".join(line.format("{ports[" + name + "]}") + "\n" for name, (line, _) in badly.OPENSMTPD.items())
    made = opensmtpd.Opensmtpd(folder / "check-opensmtpd", certificates(["rsa"]), "smtp max-message-size 10M\n" + settings + badly.OPENSMTPD_RULES, LENA, SECRET,
                               ports=badly.OPENSMTPD)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def on_bad_ones(folder, authority, certificates, dovecot, opensmtpd_server, ca):
    """{server: {how it is set up: (what must be found, the report)}}; several at once, since most of it is waiting."""
    if postfix.missing() or exim.missing():
        pytest.skip(postfix.missing() or exim.missing())
    old = Dovecot(folder / "check-dovecot-old", {LENA: SECRET}, mechanisms="plain login cram-md5 anonymous")
    old.start()
    good = authority.issue("check-bad", "mx.example.net", "localhost", days=60)
    settings = POSTFIX.format(certificate=good, socket=dovecot.socket)
    many, ports = badly.bad_postfix(folder / "check-bad-postfix", settings, certificates, {"old": old.socket})
    exims = badly.bad_exim(folder / "check-bad-exim", good, dovecot.socket)
    with_account = ["--user", LENA, "--password-stdin"]

    def look(port, *words):
        return report(f"localhost:{port}", "--starttls", "--ca-file", ca, *words, stdin=SECRET + "\n" if "--user" in words else None)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        rows = {"Postfix and Dovecot": {name: (wanted, pool.submit(look, ports[name], *with_account, *changes.get("words", [])))
                                        for name, (changes, wanted) in badly.POSTFIX.items()},
                "Exim": {name: (wanted, pool.submit(look, exims[name].port, *with_account, *(["--thorough"] if "limits-recipients" in wanted else [])))
                         for name, (_, _, wanted) in badly.EXIM.items()},
                "OpenSMTPD": {name: (wanted, pool.submit(look, opensmtpd_server.ports[name])) for name, (_, wanted) in badly.OPENSMTPD.items()}}
        found = {server: {name: (wanted, row.result()) for name, (wanted, row) in made.items()} for server, made in rows.items()}
    for one in (many, old, *exims.values()):
        one.stop()
    return found


def test_others_that_are_set_up_badly_are_found_out(on_bad_ones):
    missing = {(server, name): wanted - raised(found) for server, made in on_bad_ones.items() for name, (wanted, found) in made.items()}
    assert len(missing) >= 30 and {row: ids for row, ids in missing.items() if ids} == {}


def test_what_opensmtpd_is_found_to_be(on_opensmtpd):
    assert on_opensmtpd["server"] == "OpenSMTPD" and raised(on_opensmtpd) == OPENSMTPD_FOUND


@pytest.fixture(scope="module")
def on_others(others, ca):
    return {name: report(f"localhost:{server.port}", "--starttls", "--ca-file", ca, "--user", LENA, "--password-stdin", stdin=SECRET + "\n")
            for name, server in others.items()}


# What the account's owner has to ask for: messages, wrong sign-ins and as many connections as are taken.
ASKED_FOR = {"auth-time", "relay-spoofed-from", "relay-several-from", "smuggling-end-of-data", "smuggling-takes-bare", "smuggling-nul-text", "limits-text-line", "limits-recipients",
             "limits-errors", "tls-resumption-any-name"}
NOTES_OF_MORE = {"gatepost": set(), **dict.fromkeys(NOTES, {"smuggling-takes-bare", "smuggling-nul-text"})}
KNOWN_OF_MORE = {"postfix": {"relay-spoofed-from", "relay-several-from"}}   # it takes a milter


@pytest.fixture(scope="module")
def asked_for_more(folder, authority, sink, ca, others):
    """{name: the report on the same servers, but for a gatepost of its own}"""
    with serving(folder / "check-more", authority.issue("check-more", HOSTNAME, "localhost", days=60), **relay_to(sink, ca)) as ours, \
            concurrent.futures.ThreadPoolExecutor(3) as pool:
        owner = ours.account()
        rows = {"gatepost": (ours.port, owner.name, owner.password), **{name: (server.port, LENA, SECRET) for name, server in others.items()}}
        asked = {name: pool.submit(report, f"localhost:{port}", "--starttls", "--ca-file", ca, "--user", user, "--password-stdin", "--send-to", LENA, "--thorough", "--samples", 10,
                                   stdin=secret + "\n") for name, (port, user, secret) in rows.items()}
        yield {name: row.result() for name, row in asked.items()}


@pytest.mark.parametrize("name", NOTES_OF_MORE)
def test_the_good_ones_raise_no_more_when_they_are_asked_for_more(asked_for_more, name):
    found = asked_for_more[name]
    known = KNOWN.get(name, set()) | KNOWN_OF_MORE.get(name, set())
    assert {f["id"] for f in found["findings"] if f["severity"] != "note"} == known
    assert raised(found) - known == NOTES.get(name, set()) | NOTES_OF_MORE[name]
    assert ASKED_FOR <= {*found["fine"], *raised(found)} and found["complete"] and found["messages"] > 0


@pytest.mark.parametrize("name", NOTES)
def test_others_that_are_set_up_well_raise_nothing_but_notes(on_others, name):
    found = on_others[name]
    assert found["server"].lower() == name
    assert {f["id"] for f in found["findings"] if f["severity"] != "note"} == KNOWN.get(name, set())
    assert raised(found) - KNOWN.get(name, set()) == NOTES[name]


# What must be raised: for which faults of the wrong server, asked in which way.
FINDINGS = {
    "reach-no-greeting": ["silent"], "reach-turned-away": ["crowded"], "hello-greeting": ["greeting"], "hello-version": ["version"], "hello-no-ehlo": ["no-ehlo"], "hello-name": ["name"],
    "hello-lacks": ["lacks"], "hello-pipelining": ["pipelining"], "hello-codes": ["no-codes"], "hello-unknown-command": ["unknown-command"],
    "hello-empty-name": ["empty-name"], "hello-helo": ["no-helo"], "hello-obsolete": ["obsolete"],
    "tls-none": ["no-tls"], "tls-stripped": ["stripped"], "tls-handshake": ["broken-tls"], "tls-old-versions": ["old-versions"], "tls-no-1.3": ["no-1.3"],
    "tls-weak-suites": ["weak-suites"], "tls-no-forward-secrecy": ["no-forward-secrecy", "rsa"], "tls-expired": ["expired"], "tls-expires-soon": ["expires"],
    "tls-name": ["other-name"], "tls-untrusted": ["untrusted"], "tls-short-key": ["short-key"], "tls-weak-signature": ["sha1"],
    "tls-starttls-injection": ["injection"], "tls-starttls-again": ["starttls-again"], "tls-starttls-argument": ["starttls-argument"], "tls-needs-sni": ["needs-sni"],
    "auth-none": ["no-auth"], "auth-in-clear": ["auth-in-clear"], "auth-unadvertised": ["unadvertised"], "auth-no-plain": ["no-plain"], "auth-anonymous": ["anonymous"],
    "auth-obsolete": ["old-mechanisms"], "auth-no-scram": ["no-scram"], "auth-equals": ["auth-equals"], "auth-before-hello": ["before-hello"],
    "auth-without-mechanism": ["no-mechanism"], "auth-unknown-mechanism": ["unknown-mechanism"], "auth-not-base64": ["not-base64"], "auth-cancel": ["cancel"],
    "auth-case": ["case"], "auth-empty-challenge": ["empty-challenge"], "auth-login-prompt": ["login-prompt"], "auth-cram-initial": ["cram-early"],
    "auth-cram-repeats": ["cram-repeats"], "auth-short-lines": ["short-lines"], "auth-out-of-step": ["out-of-step"], "auth-in-transaction": ["auth-in-transaction"],
    "relay-late": ["late"], "relay-code": ["relay-code"], "relay-open": ["open"], "relay-forms": ["forms"], "relay-vrfy": ["vrfy"],
    "smuggling-bare-lf": ["bare-lf"], "smuggling-bare-cr": ["bare-cr"], "smuggling-nul": ["nul"], "limits-long-command": ["long-command"],
    "limits-no-size": ["no-size"],
    "tls-resumption": ["no-resumption"], "auth-clear-code": ["clear-code"], "auth-empty-response": ["empty-response"],
    "limits-short-command": ["short-command"], "limits-idle": ["idle"], "tls-resumption-any-name": ["any-name"],
}
# With an account: what is said then.
WITH_ACCOUNT = {
    "auth-refused": ["refuses-login"], "auth-any-password": ["any-password"], "auth-any-user": ["any-user"], "auth-failure-code": ["failure-code"],
    "auth-tells-users": ["tells"], "auth-time": ["time"], "auth-twice": ["twice"], "auth-parameter": ["auth-parameter"], "auth-scram-downgrade": ["downgrade"],
    "auth-wrong-binding": ["any-binding"], "auth-drops-early": ["drops"], "relay-spoofed-sender": ["spoof"], "relay-spoofed-from": ["spoof-from"],
    "relay-several-from": ["many-from"], "smuggling-end-of-data": ["end-of-data"], "smuggling-takes-bare": ["takes-bare"], "limits-size": ["size"],
    "limits-recipients": ["few-recipients"], "limits-errors": ["errors"], "tls-resumption-signed-in": ["ticket-auth"],
    "hello-signed-in": ["forgets"], "smuggling-8bit": ["8bit"], "smuggling-nul-text": ["nul-text"], "limits-text-line": ["text-line"],
}
OPTIONS = {"auth-time": ["--samples", 10], "limits-recipients": ["--thorough"], "limits-errors": ["--thorough"],
           "limits-idle": ["--idle", 3], "tls-resumption-any-name": ["--thorough"],
           **{name: ["--send-to", "lena@example.org"] for name in ("relay-spoofed-from", "relay-several-from", "smuggling-end-of-data", "smuggling-takes-bare", "smuggling-nul-text", "limits-text-line")}}
OWNER, PASSWORD = "lena@example.org", "a right password"
ALWAYS = {"auth-no-plus"}  # SCRAM bound to TLS is beyond the wrong server


@pytest.fixture(scope="module")
def certificates(authority, folder):
    good = authority.issue("wrong", "localhost", days=60)
    made = {
        "rsa": authority.issue("wrong-rsa", "localhost", days=60, kind=("rsa:2048",)),
        "expires": authority.issue("wrong-expires", "localhost", days=2),
        "expired": authority.issue("wrong-expired", "localhost", days=-1),
        "other-name": authority.issue("wrong-name", "elsewhere.example.net", days=60),
        "short-key": authority.issue("wrong-short", "localhost", days=60, kind=("rsa:1024",)),
        "sha1": authority.issue("wrong-sha1", "localhost", days=60, kind=("rsa:2048", "-sha1"), digest="-sha1"),
        "untrusted": type(authority)(folder / "other-ca").issue("wrong", "localhost", days=60),
    }
    return lambda faults: next((made[fault] for fault in faults if fault in made), good)


@pytest.fixture(scope="module")
def wrong(certificates, ca):
    """The report on the wrong server for each row, and for one without a fault (""); several at once, since most of it is waiting."""
    def look(name, faults, account):
        server = WrongServer(certificates(faults), *faults, account=(OWNER, PASSWORD), second=certificates(["other-name"]))
        words = [*(["--user", OWNER, "--password-stdin"] if account else []), *OPTIONS.get(name, [])]
        try:
            return report(f"localhost:{server.port}", "--starttls", "--ca-file", ca, "--patience", 3, *words, stdin=PASSWORD + "\n" if account else None), server
        finally:
            server.close()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        rows = {"": pool.submit(look, "", [], True), **{name: pool.submit(look, name, faults, False) for name, faults in FINDINGS.items()},
                **{name: pool.submit(look, name, faults, True) for name, faults in WITH_ACCOUNT.items()}}
        return {name: row.result() for name, row in rows.items()}


def test_the_wrong_server_is_not_wrong_by_itself(wrong):
    assert raised(wrong[""][0]) == ALWAYS


@pytest.mark.parametrize("name", [*FINDINGS, *WITH_ACCOUNT])
def test_a_finding_is_raised(wrong, name):
    assert name in raised(wrong[name][0]), wrong[name][0]["findings"]


def test_no_password_is_tried_but_the_accounts_and_no_message_sent_unasked(wrong):
    """Two wrong sign-ins, one for the account; without an account none at all."""
    found, server = wrong[""]
    refused = [user for user, right in server.tried if not right]
    assert found["failed_sign_ins"] == len(refused) == 2 and refused.count(OWNER) == 1 and not server.messages
    for name in FINDINGS:
        found, server = wrong[name]
        assert found["failed_sign_ins"] == 0 and not server.tried and not server.messages, name


# ---- the table of docs/check.md
@pytest.fixture(scope="module")
def on_gatepost(good, ca):
    return report(f"localhost:{good.port}", "--starttls", "--ca-file", ca, "--user", good.owner.name, "--password-stdin", stdin=good.owner.password)


def test_an_address_that_is_not_the_accounts_is_no_fault_of_the_server(good, ca):
    name = good.owner.name.partition("@")[0]
    found = report(f"localhost:{good.port}", "--starttls", "--ca-file", ca, "--user", name, "--password-stdin", stdin=good.owner.password)
    assert any("signed in as " + name in fact["what"] for fact in found["facts"]) and "hello-signed-in" not in raised(found)


def test_the_table_in_the_documentation_is_what_was_seen(wrong, on_gatepost, on_others, asked_for_more, on_opensmtpd, on_bad_ones):
    """GATEPOST_WRITE_DOCS=1 writes it."""
    def bad(server, name):
        return any(name in wanted for wanted, _ in on_bad_ones.get(server, {}).values())
    def cell(reports, name):
        return "raised" if any(name in raised(found) for found in reports) else "fine" if any(name in found["fine"] for found in reports) else ""
    servers = {"gatepost": [on_gatepost, asked_for_more["gatepost"]], "Postfix and Dovecot": [on_others["postfix"], asked_for_more["postfix"]],
               "Exim": [on_others["exim"], asked_for_more["exim"]], "OpenSMTPD": [on_opensmtpd]}
    rows = ["| finding | severity | what it is | the wrong server | " + " | ".join(servers) + " |", "| --- " * (4 + len(servers)) + "|"]
    for line in check("--list-findings", status=0).stdout.splitlines():
        name, _, severity, title = line.split(None, 3)
        seen = cell([wrong[name][0]], name) if name in wrong else ""
        rows.append(f"| `{name}` | {severity} | {title} | {seen} | " + " | ".join(cell(found, name) + (" / raised" if bad(server, name) else "")
                                                                                               for server, found in servers.items()) + " |")
    table = "\n".join(rows) + "\n"
    page = pathlib.Path(__file__).resolve().parents[2] / "docs/check.md"
    before, begin, rest = page.read_text().partition("<!-- findings -->\n")
    old, end, after = rest.partition("<!-- end of findings -->")
    if os.environ.get("GATEPOST_WRITE_DOCS"):
        page.write_text(before + begin + table + end + after)
    else:
        assert old == table


# ---- what a hostile server may do to who looks at it
@pytest.mark.parametrize("form", ["", "--json", "--junit", "--html"])
def test_nothing_of_a_server_steers_the_reader(certificates, form):
    server = WrongServer(certificates([]), "escapes")
    said = check(f"localhost:{server.port}", "--starttls", "--patience", 2, *([form] if form else [])).stdout
    server.close()
    assert "\x1b" not in said and "\x07" not in said and "owned" in said
    if form == "--json":
        assert "<script>&" in json.loads(said)["facts"][0]["what"]
    if form == "--junit":
        assert xml.etree.ElementTree.fromstring(said).tag == "testsuites"
    if form == "--html":
        assert "<script>" not in said and "&lt;script&gt;&amp;" in said


@pytest.mark.parametrize("fault", ["endless", "long-reply", "drip", "noise"])
def test_a_server_without_end_is_given_up(certificates, fault):
    server = WrongServer(certificates([]), fault)
    found = report(f"localhost:{server.port}", "--starttls", "--patience", 2)
    server.close()
    assert "hello-no-ehlo" in raised(found) or "reach-no-greeting" in raised(found)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert raised(report(f"localhost:{port}", status=1)) == {"reach-no-connection"}


def test_exit_statuses(certificates, ca):
    server = WrongServer(certificates([]), "no-tls")      # a client that wants TLS is a warning
    for word, status in (("error", 0), ("warn", 1), ("never", 0), ("note", 1), ("later", 2)):
        check(f"localhost:{server.port}", "--ca-file", ca, "--starttls", "--as", "plain-only", "--fail-on", word, status=status)
    server.close()
    check("localhost:0", status=2)
    check("localhost", "--tls", "--starttls", status=2)
    check("localhost", "--user", "lena", status=2)
    check("localhost", "--as", "nobody", status=2)


# ---- clients
def test_who_would_get_in(good, ca, certificates):
    found = report(f"localhost:{good.port}", "--starttls", "--ca-file", ca, "--user", good.owner.name, "--password-stdin", "--as", "all", stdin=good.owner.password)
    broken = {finding["where"].split()[0] for finding in found["findings"]}
    assert broken == {"outlook-express", "printer-tls10", "helo-only", "no-tls", "cram-only"} and found["failed_sign_ins"] == 0
    server = WrongServer(certificates([]), "old-versions", "auth-in-clear", "old-mechanisms", "auth-equals")
    found = report(f"localhost:{server.port}", "--starttls", "--as", "all")
    server.close()
    assert {finding["where"].split()[0] for finding in found["findings"]} == {"helo-only"}
    assert found["failed_sign_ins"] == 0
    listed = check("--list-clients", status=0).stdout
    assert "thunderbird" in listed and "no capture" in listed


# ---- the own set-up
RELOADED = {"tls-resumption"}       # tickets end with the certificates under which they were given, and tests change those


def own(made, *words, ca, status):
    done = made.command("check", "--json", "--ca-file", str(ca), *map(str, words))
    assert done.returncode == status, done.stdout + done.stderr
    return raised(json.loads(done.stdout))


def test_the_own_set_up(good, ca, authority):
    assert own(good, ca=ca, status=0) == set()
    assert own(good, "--files", ca=ca, status=0) == set()
    key, elsewhere = good.dir / "vault/vault.key", good.dir / "tls/key.pem"
    mode = key.stat().st_mode
    key.chmod(0o644)
    assert own(good, "--files", ca=ca, status=1) == {"own-file-modes"}
    key.chmod(mode)
    kept = elsewhere.read_bytes()
    elsewhere.write_bytes(authority.issue("check-other", "localhost")[1].read_bytes())
    assert own(good, "--files", ca=ca, status=1) == {"own-certificate"}
    elsewhere.rename(elsewhere.with_suffix(".away"))
    assert own(good, "--files", ca=ca, status=1) == {"own-file-missing"}
    elsewhere.with_suffix(".away").rename(elsewhere)
    elsewhere.write_bytes(kept)
    configuration, ahead = good.dir / "gatepost.yml", time.time() + 86400
    written = configuration.stat().st_mtime
    os.utime(configuration, (ahead, ahead))
    assert own(good, "--files", ca=ca, status=0) == {"own-clock"}
    os.utime(configuration, (written, written))
    good.environment["GATEPOST_QUEUE_FREE_SPACE"] = "1000G"
    assert own(good, "--files", ca=ca, status=1) == {"own-disk"}
    good.environment["GATEPOST_QUEUE_FREE_SPACE"] = "lots"
    assert "own-config" in own(good, "--files", ca=ca, status=1)
    del good.environment["GATEPOST_QUEUE_FREE_SPACE"]


def test_what_the_running_server_has_not_taken(good, ca, authority):
    """A certificate whose key does not fit, and a configuration that is younger than the server."""
    shown, configuration = good.dir / "tls/cert.pem", good.dir / "gatepost.yml"
    kept, written = shown.read_bytes(), configuration.stat().st_mtime
    later = (good.dir / "run/control.sock").stat().st_mtime + 5
    os.utime(configuration, (later, later))
    try:
        assert own(good, ca=ca, status=0) - {"own-clock"} - RELOADED == {"own-restart"}
    finally:
        os.utime(configuration, (written, written))
    shown.write_bytes(authority.issue("check-unfit", HOSTNAME, "localhost", days=60)[0].read_bytes())
    try:
        assert own(good, ca=ca, status=1) - RELOADED == {"own-certificate", "own-reload"}
    finally:
        shown.write_bytes(kept)


def test_the_backup(good, ca, tmp_path):
    def backup(*words, status=1):
        return own(good, "--files", "--backup", tmp_path / "copies", *words, ca=ca, status=status)
    day, copies = 86400, tmp_path / "copies"
    assert backup() == {"own-backup"}                        # no folder
    (copies / "monday").mkdir(parents=True)
    assert backup() == {"own-backup"}                        # nothing in it
    kept = copies / "monday/accounts.db"
    kept.touch(0o600)
    assert backup() == {"own-backup"}                        # empty
    kept.write_text("octets")
    assert backup(status=0) == set()
    kept.chmod(0o644)
    assert backup() == {"own-file-modes"}
    kept.chmod(0o600)
    os.utime(kept, (time.time() - 3 * day, time.time() - 3 * day))
    assert backup() == {"own-backup"} and backup("--backup-age", "4", status=0) == set()
    (copies / "tuesday").write_text("octets")
    (copies / "tuesday").chmod(0o600)
    assert backup(status=0) == set()                         # the newest counts
    check("localhost", "--backup", copies, status=2)
    assert good.command("check", "--files", "--backup-age", "4").returncode == 2


def test_the_usual_ports_of_a_host(certificates, ca):
    """An address of this machine that has one of 465 and 587: the other one is a note."""
    address = f"127.{os.getpid() % 250 + 1}.7.{os.getpid() // 250 % 250 + 1}"
    try:
        server = WrongServer(certificates([]), at=(address, 587))
    except PermissionError:
        pytest.skip("only root may listen on port 587")
    found = report(address, "--ca-file", ca, "--name", "localhost")
    server.close()
    assert raised(found) == {"reach-no-submissions", *ALWAYS}
    server = WrongServer(certificates([]), implicit=True, at=(address, 465))
    found = report(address, "--ca-file", ca, "--name", "localhost")
    server.close()
    assert raised(found) == {"reach-no-submission", *ALWAYS}


def test_a_set_up_that_does_not_run_and_one_that_is_damaged(new_gatepost, ca):
    still = new_gatepost(start=False)
    still.account()
    assert own(still, ca=ca, status=1) == {"own-listener", "reach-no-connection"}
    database = still.dir / "vault/accounts.db"
    octets = bytearray(database.read_bytes())
    octets[8192:12288] = os.urandom(4096)
    database.write_bytes(octets)
    assert "own-store" in own(still, ca=ca, status=1)


# ---- gentleness: what docs/check.md promises
GENTLE, BESIDE_MECHANISMS, HANGS_UP = 8, 4, 14


def test_a_server_sees_a_handful_of_connections(others, good, certificates, ca):
    server = WrongServer(certificates([]))
    ports = [("gatepost", good.port, "--starttls"), ("gatepost, TLS", good.tls_port, "--tls"), ("wrong", server.port, "--starttls"),
             *((name, other.port, "--starttls") for name, other in others.items())]
    with concurrent.futures.ThreadPoolExecutor(len(ports)) as pool:
        rows = {name: pool.submit(report, f"localhost:{port}", way, "--ca-file", ca) for name, port, way in ports}
        counts = {name: row.result()["connections"] for name, row in rows.items()}
    server.close()
    assert counts["wrong"] == len(server.connections)
    assert all(count <= GENTLE for count in counts.values()), counts


def test_an_account_costs_one_more_for_each_mechanism_and_a_few(good, on_gatepost, on_others):
    for found in (on_gatepost, *on_others.values()):
        offered = next(fact["what"] for fact in found["facts"] if fact["what"].startswith("AUTH ")).split()[1:]
        assert found["connections"] <= GENTLE + len(offered) + BESIDE_MECHANISMS, offered


def test_who_hangs_up_at_each_error_is_let_be_after_a_dozen(certificates, ca):
    server = WrongServer(certificates([]), "hangs-up")
    found = report(f"localhost:{server.port}", "--starttls", "--ca-file", ca)
    few = len(server.connections)
    thorough = report(f"localhost:{server.port}", "--starttls", "--ca-file", ca, "--thorough")
    server.close()
    assert few == found["connections"] <= HANGS_UP < thorough["connections"]
    assert any("hangs up at errors" in fact["what"] for fact in found["facts"]) and len(found["fine"]) < len(thorough["fine"])


def test_a_server_elsewhere_gets_a_pause_before_each_connection(certificates):
    """Loopback as a number: nothing says that it is this machine."""
    server = WrongServer(certificates([]), "no-tls")
    found = report(f"2130706433:{server.port}", "--starttls")
    server.close()
    gaps = [later - earlier for earlier, later in zip(server.connections, server.connections[1:])]
    assert len(gaps) == found["connections"] - 1 > 1 and min(gaps) >= 0.25


# ---- a password is for the right server, and not to be guessed with
@pytest.mark.parametrize("fault", ["untrusted", "other-name", "expired"])
@pytest.mark.parametrize("more", [[], ["--as", "all"]])
def test_a_server_that_is_not_trusted_sees_no_password(certificates, ca, fault, more):
    server = WrongServer(certificates([fault]), fault, account=(OWNER, PASSWORD))
    found = report(f"localhost:{server.port}", "--starttls", "--ca-file", ca, "--user", OWNER, "--password-stdin", *more, stdin=PASSWORD + "\n")
    server.close()
    assert not server.tried and not server.secrets and found["failed_sign_ins"] == 0
    assert any(fact["what"].startswith("not signed in: the certificate is not trusted") for fact in found["facts"])


@pytest.mark.parametrize("more", [[], ["--as", "all"], ["--thorough"]])
def test_a_password_that_is_refused_is_tried_twice(good, ca, certificates, more):
    server = WrongServer(certificates([]), "echoes", account=(OWNER, PASSWORD))
    words = ["--ca-file", ca, "--user", OWNER, "--password-stdin", *more]
    found = report(f"localhost:{server.port}", "--starttls", *words, stdin="mistyped secret\n")
    server.close()
    assert found["failed_sign_ins"] == len(server.tried) == 2
    said = json.dumps(found)
    assert "mistyped" not in said and base64.b64encode(f"\0{OWNER}\0mistyped secret".encode()).decode() not in said
    done = good.command("check", "--json", "--ca-file", str(ca), "--user", good.owner.name, "--password-stdin", *more, stdin="mistyped secret\n")
    assert json.loads(done.stdout)["failed_sign_ins"] == 2, "over all listeners"


def test_wrong_sign_ins_are_made_on_one_port_alone(good, ca):
    done = good.command("check", "--json", "--ca-file", str(ca), "--user", good.owner.name, "--password-stdin", stdin=good.owner.password)
    found = json.loads(done.stdout)
    assert found["failed_sign_ins"] == 4 and raised(found) <= RELOADED and found["complete"]


def test_who_is_turned_away_does_not_say_that_all_is_well(wrong):
    found, server = wrong["reach-turned-away"]
    assert raised(found) == {"reach-turned-away", *ALWAYS} and not found["complete"] and len(server.connections) <= 7


def test_an_address_that_is_refused_for_itself_says_nothing_of_relaying(certificates, ca):
    for more, told in (([], False), (["open"], True)):
        server = WrongServer(certificates([]), "null-mx", *more)
        found = report(f"localhost:{server.port}", "--starttls", "--ca-file", ca)
        server.close()
        assert ("relay-open" in raised(found)) == told and "relay-code" not in raised(found)


def test_a_host_is_printable():
    for host in ("\x1b[31mhost", "[::1", "h\udcffst", "m\u00fcller.example"):
        done = check(host, status=2)
        assert "\x1b" not in done.stderr


def test_a_token_in_place_of_a_password(certificates, ca):
    server = WrongServer(certificates([]), "bearer", account=(OWNER, "a.bearer.token"))
    words = [f"localhost:{server.port}", "--starttls", "--ca-file", ca, "--user", OWNER, "--token-stdin"]
    found = report(*words, stdin="a.bearer.token\n")
    assert raised(found) == ALWAYS and found["failed_sign_ins"] == 2
    assert server.tried[0] == (OWNER, True) and {right for _, right in server.tried[1:]} == {False}
    assert server.secrets[0] == "a.bearer.token" and set(server.secrets[1:]).isdisjoint({"a.bearer.token"})
    server.tried.clear()
    found = report(*words, stdin="a.stale.token\n")
    server.close()
    assert raised(found) == {"auth-refused", *ALWAYS} and server.tried == [(OWNER, False)] and "a.stale.token" not in json.dumps(found)
