"""Our own sign-in at the next hop: who takes our mail must have proved that it knows the password."""
import base64
import re
import subprocess

import pytest

from house import until
from test_operations import deliver


def only_scram(sink, lie):
    """It offers SCRAM alone, and `lie` is how it gets around its proof."""
    for _ in range(9):
        sink.script("EHLO", "250-sink.example.net\r\n250 STARTTLS", "250-sink.example.net\r\n250 AUTH SCRAM-SHA-256")
        sink.script("AUTH", lie)


@pytest.mark.parametrize("lie", ["235 2.7.0 welcome, whoever you are", "334 dj1BQUFB", "334 ", "334 cj14LHM9QUFBQSxpPTE="],
                         ids=["no proof", "a proof too early", "nothing", "a nonce that is not ours"])
def test_a_next_hop_that_cannot_prove_itself_gets_no_mail(lie, new_gatepost, new_sink, folder, context, recipient):
    sink = new_sink()
    only_scram(sink, lie)
    secret = folder / f"secret-{base64.b32encode(lie.encode()).decode()[:9]}"
    secret.write_text("upstream-secret\n")
    secret.chmod(0o600)
    gatepost = new_gatepost(sink, GATEPOST_RELAY_USER="example-org", GATEPOST_RELAY_PASSWORD_FILE=str(secret))
    gatepost.secrets.append("upstream-secret")
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    until("a first attempt", lambda: "deferred" in gatepost.log())
    assert len(gatepost.queued()) == 1 and not sink.arrived
    assert not [line for line in sink.heard if re.match(rb"MAIL|RCPT|DATA", line)]
    assert "event=upstream" in gatepost.log()


def test_what_a_next_hop_repeats_of_the_password_is_kept_nowhere(new_gatepost, new_sink, folder, context, recipient):
    secret = folder / "secret-repeated"
    secret.write_text("Hunter2SmarthostSecret\n")
    secret.chmod(0o600)
    sink = new_sink(logins={"example-org": "another"})
    sink.repeats = True
    gatepost = new_gatepost(sink, GATEPOST_RELAY_USER="example-org", GATEPOST_RELAY_PASSWORD_FILE=str(secret), GATEPOST_QUEUE_DELAY_NOTICE="1s")
    encoded = base64.b64encode(b"\0example-org\0Hunter2SmarthostSecret").decode()
    gatepost.secrets += ["Hunter2SmarthostSecret", encoded]
    account = gatepost.account()
    assert deliver(gatepost, context, account, recipient)[0] == 250
    until("a notice to the administrator", lambda: "kind=upstream-sign-in" in gatepost.log())
    until("a notice to the sender", lambda: len(gatepost.queued()) >= 2)
    assert "not (secret): (secret)" in gatepost.log()
    gatepost.stop()
    for kept in gatepost.dir.rglob("*"):
        said = kept.read_bytes() if kept.is_file() else b""
        assert b"Hunter2Smarth" not in said and encoded[-20:].encode() not in said, kept


# ---- tokens --------------------------------------------------------------------------------------------------
def keep(path, token):
    """As a program does that keeps a token fresh: another file in the place of the one before."""
    fresh = path.with_suffix(".new")
    fresh.write_text(token + "\n")
    fresh.chmod(0o600)
    fresh.rename(path)


def put_off(gatepost, count):
    until("a refused token in the log", lambda: gatepost.log().count("status=invalid_token") == count)
    until("an attempt without success", lambda: gatepost.log().count("event=deferred") == count)
    return gatepost.queued()[0]["queue_id"]


@pytest.mark.parametrize("mechanism,owns_up", [("OAUTHBEARER", b"AQ==\r\n"), ("XOAUTH2", b"\r\n")])
def test_a_token_signs_in_and_a_fresh_one_takes_its_place(mechanism, owns_up, new_gatepost, new_sink, folder, context, recipient):
    first, second, third = "first.token-0123", "ey" + "2" * 5000, "third.token-4567"
    sink = new_sink(tokens={"example-org": first})
    path = folder / f"token-{mechanism}"
    keep(path, first)
    gatepost = new_gatepost(sink, GATEPOST_RELAY_USER="example-org", GATEPOST_RELAY_TOKEN_FILE=str(path), GATEPOST_RELAY_IDLE_TIMEOUT="0s",
                            **{"GATEPOST_RELAY_MECHANISMS": mechanism} if mechanism == "XOAUTH2" else {})
    gatepost.secrets += [first, second, third]
    account = gatepost.account()
    assert deliver(gatepost, context, account, recipient)[0] == 250
    assert sink.wait(recipient).login == "example-org"
    assert any(line.startswith(b"AUTH " + mechanism.encode()) for line in sink.heard)

    for count, token in enumerate((second, third), 1):      # one too long for the line; then written into the same file
        sink.tokens["example-org"] = token
        assert deliver(gatepost, context, account, f"{count}-{recipient}")[0] == 250
        waits = put_off(gatepost, count)
        assert owns_up in sink.heard and len(gatepost.queued()) == 1
        keep(path, token) if count == 1 else path.write_text(token + "\n")
        until("the new token", lambda: gatepost.log().count(f"event=config reload={path}") == count)
        gatepost.run("queue", "retry", waits)
        assert sink.wait(f"{count}-{recipient}").login == "example-org"
    assert "reload=certificates" not in gatepost.log()      # whose sessions would not be resumed after it


# ---- its name ------------------------------------------------------------------------------------------------
def other_hosts(folder, text):
    """Words to run a command with another /etc/hosts; None where that may not be done."""
    hosts = folder / "hosts"
    hosts.write_text(text)
    words = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
    return words if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0 else None


def test_a_name_of_the_hosts_file_will_do(new_gatepost, new_sink, authority, tmp_path, context, recipient):
    words = other_hosts(tmp_path, "127.0.0.1 localhost\n127.0.0.1\tsmart-host another\n")
    if not words:
        pytest.skip("mounts may not be made here")
    sink = new_sink(authority.issue("smart", "smart-host"))
    gatepost = new_gatepost(start=False, GATEPOST_RELAY=f"smtp://smart-host:{sink.port}?tls=required",
                            GATEPOST_RELAY_CA_FILE=str(authority.ca), GATEPOST_RELAY_DNS_SERVER="127.0.0.1@1")
    gatepost.before = words
    gatepost.start()
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    assert sink.wait(recipient).tls
