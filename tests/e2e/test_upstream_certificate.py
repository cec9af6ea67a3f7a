"""The certificate that we present to the smarthost: signed in with (EXTERNAL), or enough alone; and what keeps mail here, which never bounces."""
import hashlib
import json
import re
import shutil
import ssl

import pytest

import postfix
from authority import Authority
from house import until
from test_operations import deliver

KINDS = {"rsa": {"kind": ("rsa:2048",)}, "p256": {}, "p384": {"kind": ("ec", "-pkeyopt", "ec_paramgen_curve:P-384")}}
US = "relay.example.org"


@pytest.fixture(scope="module")
def pairs(folder, authority):
    """Pairs by name: of each kind, over, and of a stranger. All but the last two are good."""
    made = {kind: authority.issue(f"upstream-{kind}", US, **how) for kind, how in KINDS.items()}
    made["over"] = authority.issue("upstream-over", US, days=-1)
    made["mixed"] = (made["rsa"][0], made["p256"][1])
    return made


def presenting(pair, **more):
    return {"GATEPOST_RELAY_CERTIFICATE_FILE": str(pair[0]), "GATEPOST_RELAY_KEY_FILE": str(pair[1])} | more


def waits(gatepost, sink, context, recipient, reason):
    """Mail stays with a reason that `queue show` tells, and the next hop was told of no message."""
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    until("an attempt", lambda: "event=deferred" in gatepost.log() or "event=bounced" in gatepost.log())
    [kept] = gatepost.queued()
    assert reason in gatepost.run("queue", "show", kept["queue_id"]) and "event=bounced" not in gatepost.log()
    assert not sink.arrived and not sink.unanswered
    return kept["queue_id"]


# ---- signing in --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_key_signs_in(kind, version, pairs, new_gatepost, new_sink, ca, context, recipient):
    sink = new_sink(client_ca=ca, papers=[US], version=version)
    gatepost = new_gatepost(sink, **presenting(pairs[kind]))
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    arrived = sink.wait(recipient)
    assert (arrived.login, arrived.tls) == (US, version.name.replace("_", "."))
    assert b"AUTH EXTERNAL =\r\n" in sink.heard


@pytest.mark.parametrize("more,login,said", [({"USER": US}, US, b"AUTH EXTERNAL cmVsYXkuZXhhbXBsZS5vcmc=\r\n"),
                                             ({"USER": "example-org", "PASSWORD_FILE": True}, US, b"AUTH EXTERNAL =\r\n"),
                                             ({"USER": "example-org", "PASSWORD_FILE": True, "MECHANISMS": "PLAIN"}, "example-org", b"AUTH PLAIN ")],
                         ids=["whom to be", "before a password", "not wanted"])
def test_what_comes_first(more, login, said, pairs, new_gatepost, new_sink, folder, ca, context, recipient):
    secret = folder / f"secret-{recipient}"
    secret.write_text("upstream-secret\n")
    secret.chmod(0o600)
    settings = {f"GATEPOST_RELAY_{key}": str(secret) if value is True else value for key, value in more.items()}
    sink = new_sink(client_ca=ca, papers=[US], logins={"example-org": "upstream-secret"})
    gatepost = new_gatepost(sink, **presenting(pairs["p256"], **settings))
    gatepost.secrets.append("upstream-secret")
    assert deliver(gatepost, context, gatepost.account(), recipient)[0] == 250
    assert sink.wait(recipient).login == login and any(line.startswith(said) for line in sink.heard)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_the_certificate_alone_will_do_and_a_renewed_pair_counts(tls, pairs, new_gatepost, new_sink, authority, ca, context, tmp_path, recipient):
    """No AUTH is offered; then another certificate and key are put in the place of the files, the certificate first."""
    sink = new_sink(tls=tls, client_ca=ca, relays=[US])
    mine = tmp_path / "own.pem", tmp_path / "own.key"
    for source, target in zip(pairs["rsa"], mine):
        shutil.copy(source, target)
    gatepost = new_gatepost(sink, GATEPOST_RELAY_IDLE_TIMEOUT="0s", **presenting(mine))
    account = gatepost.account()
    assert deliver(gatepost, context, account, recipient)[0] == 250
    arrived = sink.wait(recipient)
    assert (arrived.paper, arrived.login) == (US, None)
    assert not any(line.startswith(b"AUTH") for line in sink.heard)

    sink.relays = ["renewed.example.org"]
    fresh = authority.issue(f"upstream-renewed-{tls}", "renewed.example.org")
    shutil.copy(fresh[0], mine[0])
    until("a pair that does not fit", lambda: "the pair before stays in force" in gatepost.log())
    shutil.copy(fresh[1], mine[1])
    until("the new pair", lambda: "generation=2" in gatepost.log())
    assert deliver(gatepost, context, account, f"2-{recipient}")[0] == 250
    assert sink.wait(f"2-{recipient}").paper == "renewed.example.org"
    assert "reload=certificates" not in gatepost.log()


def test_a_route_has_one_of_its_own(pairs, new_gatepost, new_sink, authority, ca, context):
    """Each server sees the certificate that was made for it: one is known by name (EXTERNAL), one by the certificate alone; where a route has none, none is shown."""
    others = "partner.example.org"
    pair = authority.issue("upstream-route", others)
    usual, alone, bare = new_sink(client_ca=ca, papers=[US]), new_sink(client_ca=ca, relays=[others]), new_sink(client_ca=ca)
    named = new_sink(client_ca=ca, papers=[others])
    gatepost = new_gatepost(usual, start=False, **presenting(pairs["p256"]))
    routes = [{"name": name, "to": f"{name}.example", "via": f"smtp://127.0.0.1:{hop.port}"} | ({} if hop is bare else {"certificate_file": str(pair[0]), "key_file": str(pair[1])})
              for name, hop in {"alone": alone, "named": named, "bare": bare}.items()]
    with open(gatepost.dir / "gatepost.yml", "a") as out:
        out.write("routes:\n" + "".join(f"  - {json.dumps(route)}\n" for route in routes))
    gatepost.run("config", "check")
    gatepost.start()
    account = gatepost.account()
    for hop, domain, seen in [(usual, "usual.example", (US, US)), (alone, "alone.example", (others, None)), (named, "named.example", (others, others)),
                              (bare, "bare.example", (None, None))]:
        assert deliver(gatepost, context, account, f"lena@{domain}")[0] == 250
        arrived = hop.wait(f"lena@{domain}")
        assert (arrived.paper, arrived.login) == seen


# ---- what keeps mail here ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("label,hop,settings,reason", [
    ("not asked", {"relays": [US]}, {}, "the next hop did not ask for our certificate"),
    ("not offered", {"relays": [US], "client_ca": True}, {"GATEPOST_RELAY_USER": US}, "the server does not offer AUTH"),
    ("others offered", {"logins": {"a": "b"}, "client_ca": True}, {"GATEPOST_RELAY_USER": US}, "no mechanism that both sides allow on this connection"),
    ("535", {"papers": ["somebody.example.org"], "client_ca": True}, {}, "535"),
    ("not known", {"relays": ["somebody.example.org"], "client_ca": True}, {}, "relay access denied"),
    ("sign in first", {"logins": {"a": "b"}, "client_ca": True}, {}, "sign in first")], ids=lambda value: value if isinstance(value, str) else "")
def test_a_next_hop_that_does_not_let_us_in(label, hop, settings, reason, pairs, new_gatepost, new_sink, ca, context, recipient):
    sink = new_sink(**hop | ({"client_ca": ca} if "client_ca" in hop else {}))
    gatepost = new_gatepost(sink, **presenting(pairs["p256"], **settings))
    waits(gatepost, sink, context, recipient, reason)
    if label not in ("not offered", "sign in first"):
        assert "event=upstream" in gatepost.log()
    if label in ("535", "not offered", "others offered"):
        until("a notice", lambda: "kind=upstream-sign-in" in gatepost.log())


def test_a_certificate_of_somebody_else_is_refused_in_the_handshake(new_gatepost, new_sink, folder, ca, context, recipient):
    sink = new_sink(client_ca=ca, papers=[US])
    stranger = Authority(folder / "upstream-stranger", "a stranger").issue("us", US)
    gatepost = new_gatepost(sink, **presenting(stranger))
    waits(gatepost, sink, context, recipient, "TLS")
    assert not [line for line in sink.heard if line[:4] in (b"MAIL", b"RCPT", b"DATA")]


def test_a_pair_that_is_over_is_presented_to_nobody(pairs, new_gatepost, new_sink, ca, context, recipient):
    sink = new_sink(client_ca=ca, papers=[US])
    gatepost = new_gatepost(sink, start=False, **presenting(pairs["over"]))
    checked = gatepost.command("config", "check")
    assert checked.returncode == 1 and "has expired: mail waits" in checked.stdout + checked.stderr
    gatepost.start()
    queue_id = waits(gatepost, sink, context, recipient, "our certificate has expired")
    assert "our certificate for the smarthost has expired" in gatepost.log() and queue_id
    assert not [line for line in sink.heard if re.match(rb"MAIL|AUTH", line)]


def test_a_key_of_another_certificate_is_found(pairs, new_gatepost, new_sink, ca):
    gatepost = new_gatepost(new_sink(client_ca=ca, papers=[US]), start=False, **presenting(pairs["mixed"]))
    checked = gatepost.command("config", "check")
    assert checked.returncode == 1 and "is not the certificate of that key" in checked.stdout + checked.stderr


def test_it_is_for_nobody_that_is_not_verified(pairs, new_gatepost, new_sink, folder, ca, context, recipient):
    """A server with the certificate of others asks for ours: it gets none, and no mail."""
    false = Authority(folder / "false-smarthost", "a stranger").issue("sink", "127.0.0.1", "localhost")
    sink = new_sink(false, client_ca=ca, papers=[US])
    gatepost = new_gatepost(sink, **presenting(pairs["p256"]))
    waits(gatepost, sink, context, recipient, "certificate")
    for via in (f"smtp://127.0.0.1:{sink.port}?tls=opportunistic", "mx"):
        refused = new_gatepost(start=False, **presenting(pairs["p256"], GATEPOST_RELAY=via)).command("config", "check")
        assert refused.returncode == 1 and "relay.certificate_file" in refused.stdout + refused.stderr


# ---- a second gatepost, where it stands for an account ----------------------------------------------------------------
def test_a_second_gatepost_knows_a_routes_certificate(pairs, new_gatepost, new_sink, folder, ca, context, recipient):
    """By EXTERNAL, with the certificate alone; one that is nobody's there is refused, and the mail waits."""
    last, account = new_sink(), "house@example.org"
    second = new_gatepost(last, start=False, GATEPOST_TLS_CLIENT_CA_FILE=str(ca))
    for key in ("GATEPOST_SUBMISSION", "GATEPOST_SUBMISSIONS"):
        second.environment[key] += " client_certificates=ask"
    second.start()
    second.account("--send-as", "@example.org", name=account)
    second.run("credential", "add", account, "--label", "relay", "--certificate", str(pairs["p384"][0]))
    first = new_gatepost(new_sink(), start=False, GATEPOST_RELAY_CA_FILE=str(ca))
    routes = [{"name": kind, "to": f"{kind}.example", "via": f"smtp://127.0.0.1:{second.port}", "certificate_file": str(pairs[kind][0]), "key_file": str(pairs[kind][1])}
              for kind in ("p384", "p256")]
    with open(first.dir / "gatepost.yml", "a") as out:
        out.write("routes:\n" + "".join(f"  - {json.dumps(route)}\n" for route in routes))
    first.start()
    sender = first.account()
    for kind in ("p384", "p256"):
        assert deliver(first, context, sender, f"lena@{kind}.example")[0] == 250
    assert last.wait("lena@p384.example").sender == sender.name
    assert [line for line in second.log().splitlines() if "mechanism=EXTERNAL" in line and "result=ok" in line and f"account={account}" in line]
    until("a reason", lambda: "535" in first.run("queue", "list"))
    assert [kept["recipients"][0]["address"] for kept in first.queued()] == ["lena@p256.example"] and not last.for_("lena@p256.example")


# ---- Postfix, which knows certificates by their fingerprints ----------------------------------------------------------
def fingerprint(pair):
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pair[0].read_text())).hexdigest().upper()
    return ":".join(digest[at:at + 2] for at in range(0, len(digest), 2))


@pytest.mark.skipif(bool(postfix.missing()), reason=str(postfix.missing()))
def test_postfix_takes_mail_from_who_has_the_certificate(pairs, new_gatepost, sink_certificate, folder, ca, context, running, recipient):
    server = postfix.knowing(folder / "postfix-knowing", sink_certificate, ca, fingerprint(pairs["rsa"]))
    running.append(server)
    via = {"GATEPOST_RELAY": f"smtp://127.0.0.1:{server.port}?tls=required", "GATEPOST_RELAY_CA_FILE": str(ca)}
    gatepost = new_gatepost(**presenting(pairs["rsa"]), **via)
    assert deliver(gatepost, context, gatepost.account(), "lena@example.net")[0] == 250
    assert f'(Client CN "{US}"' in postfix.kept(server, f'Client CN "{US}"')

    stranger = new_gatepost(**presenting(pairs["p256"]), **via)         # not in its list: 554 5.7.1, which is for us alone
    assert deliver(stranger, context, stranger.account(), "lena@example.net")[0] == 250
    until("a deferral", lambda: "event=deferred" in stranger.log() or "event=bounced" in stranger.log())
    [kept] = stranger.queued()
    assert "Access denied" in stranger.run("queue", "show", kept["queue_id"]) and "does it know it?" in stranger.log()
