"""Routes: mail that goes another way than the rest, by recipient, sender and account; what is said there, and where it waits."""
import json
import pathlib
import re

import pytest

from house import until
from mailstore import MailStore
from names import Names
from sink import Sink
from test_operations import deliver
from wire import signed_in, submit

SECRET, US = "upstream-secret", "relay.example.org"


def write(gatepost, *routes):
    """The routes in the place of those before."""
    path = gatepost.dir / "gatepost.yml"
    lines = path.read_text().split("routes:\n")[0]
    path.write_text(lines + "routes:\n" + "".join(f"  - {json.dumps(route)}\n" for route in routes))


def smtp(sink, **options):
    return {"via": f"smtp://127.0.0.1:{sink.port}?tls=required"} | options


def test_servers_that_the_documentation_names_are_taken(new_gatepost, folder):
    text = (pathlib.Path(__file__).parents[2] / "docs/providers.md").read_text().split("## Providers with passwords")[1].split("\n## ")[0]
    servers = re.findall(r"`(smtps?://[^`]+)`", text)
    assert len(servers) > 15
    secret = folder / "documented-password"
    secret.write_text("secret\n")
    secret.chmod(0o600)
    gatepost = new_gatepost(start=False)
    write(gatepost, *[{"name": f"r{count}", "to": f"r{count}.example", "via": via, "user": "u", "password_file": str(secret)} for count, via in enumerate(servers)])
    checked = gatepost.command("config", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def hops(new_sink, ca):
    """By name: where the rest goes, who signs us in by password or certificate there; and others, who would like to see both."""
    made = {"rest": new_sink(client_ca=ca, logins={"example-org": SECRET}, papers=[US])}
    return made | {name: new_sink(client_ca=ca) for name in ("partner", "shop", "scanner")}


@pytest.fixture
def gatepost(new_gatepost, hops, authority, folder, ca, recipient):
    secret, paper = folder / f"secret-{recipient}", authority.issue("routes-own", US)
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    made = new_gatepost(hops["rest"], start=False, GATEPOST_RELAY_USER="example-org", GATEPOST_RELAY_PASSWORD_FILE=str(secret),
                        GATEPOST_RELAY_CERTIFICATE_FILE=str(paper[0]), GATEPOST_RELAY_KEY_FILE=str(paper[1]))
    made.secrets.append(SECRET)
    return made


def test_the_first_route_that_fits_is_taken_and_sees_nothing_of_ours(gatepost, hops, context, ca):
    write(gatepost, smtp(hops["partner"], name="partner", to="partner.example *.partner.example"),
          smtp(hops["shop"], name="shop", **{"from": "shop@example.org"}), smtp(hops["scanner"], name="scanner", account="scanner@example.org"))
    gatepost.start()
    accounts = {name: gatepost.account(name=f"{name}@example.org") for name in ("anna", "shop", "scanner")}
    ways = [("anna", "a@example.net", "rest"), ("anna", "a@partner.example", "partner"), ("anna", "b@x.PARTNER.example", "partner"),
            ("shop", "b@example.net", "shop"), ("shop", "c@partner.example", "partner"), ("scanner", "c@example.net", "scanner")]
    for account, to, _ in ways:
        assert deliver(gatepost, context, accounts[account], to)[0] == 250
    for account, to, name in ways:
        arrived = hops[name].wait(to)
        assert arrived.sender == f"{account}@example.org" and arrived.tls
        assert (arrived.login, arrived.paper) == ((US, US) if name == "rest" else (None, None))
    assert sum(len(hop.arrived) for hop in hops.values()) == len(ways)
    assert not [line for name in ("partner", "shop", "scanner") for line in hops[name].heard if line.startswith(b"AUTH")]


def test_a_server_that_offers_to_sign_us_in_is_told_no_password(gatepost, hops, new_sink, ca, context):
    curious = new_sink(client_ca=ca, logins={"example-org": SECRET}, papers=[US])
    write(gatepost, smtp(curious, name="curious", to="curious.example"))
    gatepost.start()
    assert deliver(gatepost, context, gatepost.account(), "a@curious.example")[0] == 250
    until("an attempt", lambda: "event=deferred" in gatepost.log() or "event=bounced" in gatepost.log())
    [kept] = gatepost.queued()
    assert "sign in first" in gatepost.run("queue", "show", kept["queue_id"])      # 530: somebody mends that
    assert not [line for line in curious.heard if line.startswith(b"AUTH")]


def test_each_route_signs_in_as_whom_it_names(gatepost, hops, new_sink, context, folder, recipient):
    """By password and by token; each of them offers what the others are signed in with. Then a fresh token comes, while a password's file is gone."""
    everybody = {"logins": {"example-org": SECRET, "ann": "anns-password"}, "tokens": {"bob": "bobs-token"}}
    ann, bob = new_sink(**everybody), new_sink(**everybody)
    files = {name: folder / f"{name}-{recipient}" for name in ("ann", "bob")}
    for name, content in (("ann", "anns-password"), ("bob", "stale-token")):
        files[name].write_text(content + "\n")
        files[name].chmod(0o600)
    gatepost.secrets += ["anns-password", "bobs-token", "stale-token"]
    write(gatepost, smtp(ann, name="ann", to="ann.example", user="ann", password_file=str(files["ann"]), mechanisms="PLAIN"),
          smtp(bob, name="bob", to="bob.example", user="bob", token_file=str(files["bob"])))
    gatepost.start()
    account = gatepost.account()
    for to in ("a@ann.example", "a@bob.example", "a@rest.example"):
        assert deliver(gatepost, context, account, to)[0] == 250
    assert ann.wait("a@ann.example").login == "ann" and hops["rest"].wait("a@rest.example").login == US
    until("a refused token", lambda: "status=invalid_token" in gatepost.log())
    until("the others' outcomes", lambda: len(gatepost.queued()) == 1)
    assert not bob.arrived
    files["ann"].unlink()
    until("the missing file in the log", lambda: f'file={files["ann"]} problem="cannot be opened"' in gatepost.log())
    reloads = gatepost.log().count(f"event=config reload={files['bob']}")
    files["bob"].write_text("bobs-token\n")
    until("the new token", lambda: gatepost.log().count(f"event=config reload={files['bob']}") > reloads)
    assert bob.wait("a@bob.example").login == "bob"     # nobody has to ask for it
    assert not [line for line in bob.heard if line.startswith(b"AUTH PLAIN")]
    assert deliver(gatepost, context, account, "b@ann.example")[0] == 250
    assert ann.wait("b@ann.example").login == "ann"     # the password before stays in force


def test_what_waits_goes_the_new_way_after_a_restart(gatepost, hops, context):
    """The partner is away; then it is no route any more, and what waited goes with the rest. And the other way round."""
    hops["partner"].close()
    write(gatepost, smtp(hops["partner"], name="partner", to="partner.example"))
    gatepost.start()
    account = gatepost.account()
    assert deliver(gatepost, context, account, "a@partner.example")[0] == 250
    until("an attempt", lambda: "event=deferred" in gatepost.log())
    [kept] = gatepost.queued()
    [recipient] = gatepost.json("queue", "show", kept["queue_id"])["recipients"]
    assert (recipient["route"], recipient["destination"]) == ("partner", "via:partner")
    assert ", route partner" in gatepost.run("queue", "show", kept["queue_id"])
    gatepost.stop()
    write(gatepost, smtp(hops["shop"], name="other", to="other.example"))
    gatepost.start()
    assert hops["rest"].wait("a@partner.example").login == US
    assert "routes have changed" in gatepost.log()

    hops["rest"].script("MAIL", *["451 4.3.0 later"] * 50)
    assert deliver(gatepost, context, account, "b@partner.example")[0] == 250
    until("another attempt", lambda: gatepost.log().count("event=deferred") > 1)
    gatepost.stop()
    write(gatepost, smtp(hops["shop"], name="all", account=account.name))
    gatepost.start()
    assert hops["shop"].wait("b@partner.example").login is None


def test_a_route_by_mx(new_gatepost, hops, gatepost, authority, context):
    """Beside a smarthost for the rest: the hosts that the DNS names, with the TLS that the route demands."""
    names = Names()
    host = Sink(authority.issue("mx-host", "mx.direct.example"), address="127.0.2.1")
    try:
        names.host("mx.direct.example", "127.0.2.1")
        names.mx("direct.example", (10, "mx.direct.example"))
        gatepost.environment |= {"GATEPOST_RELAY_DNS_SERVER": f"127.0.0.1@{names.port}", "GATEPOST_RELAY_MX_PORT": str(host.port), "GATEPOST_RELAY_ALLOW_LOOPBACK": "yes"}
        write(gatepost, {"name": "direct", "to": "direct.example", "via": "mx?tls=required"})
        gatepost.start()
        assert deliver(gatepost, context, gatepost.account(), "a@direct.example")[0] == 250
        assert host.wait("a@direct.example").tls
    finally:
        host.close()
        names.close()


def test_what_is_wrong_is_said(gatepost):
    write(gatepost, {"name": "a", "via": "mx"})
    checked = gatepost.command("config", "check")
    assert checked.returncode == 1 and "routes: a: whose mail is it for? Write to, from or account" in checked.stdout + checked.stderr


def test_a_route_that_discards_and_one_that_holds(gatepost, hops, context):
    write(gatepost, {"name": "void", "to": "void.example", "via": "discard"}, {"name": "look-first", "to": "slow.example", "via": "hold"})
    gatepost.start()
    account = gatepost.account()
    with signed_in(gatepost, context, account) as wire:
        assert submit(wire, account.name, ["a@void.example", "b@slow.example"], f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")[0] == 250
    until("the end of one", lambda: "event=discarded" in gatepost.log())
    [kept] = gatepost.queued()
    shown = gatepost.run("queue", "show", kept["queue_id"])
    assert "a@void.example  discarded, 0 attempts, route void: 2.0.0 discarded by the route void" in shown
    assert ": by the route look-first" in shown and "held since" in shown and "b@slow.example  held" in shown
    assert "discarded to a@void.example" in gatepost.run("explain", kept["queue_id"])
    gatepost.run("queue", "release", kept["queue_id"])
    assert hops["rest"].wait("b@slow.example").login == US
    until("an empty queue", lambda: not gatepost.queued())
    assert [[to for to, _ in message.recipients] for message in hops["rest"].arrived] == [["b@slow.example"]]


def test_a_route_leaves_from_its_own_address_and_from_no_other(gatepost, hops, context):
    write(gatepost, smtp(hops["partner"], name="partner", to="partner.example", from_address="127.0.3.7 ::1"),
          smtp(hops["shop"], name="six", to="six.example", from_address="::1"), smtp(hops["scanner"], name="ours-not", to="not.example", from_address="192.0.2.1"))
    gatepost.start()
    account = gatepost.account()
    for to in ("a@partner.example", "a@six.example", "a@not.example", "a@rest.example"):
        assert deliver(gatepost, context, account, to)[0] == 250
    assert hops["partner"].wait("a@partner.example").peer == "127.0.3.7"
    assert hops["rest"].wait("a@rest.example").peer == "127.0.0.1"
    until("two that wait", lambda: gatepost.log().count("event=deferred") == 2)
    shown = "".join(gatepost.run("queue", "show", kept["queue_id"]) for kept in gatepost.queued())
    assert "no address of a kind that the route's from_address has" in shown and "annot assign requested address" in shown
    assert not hops["shop"].arrived + hops["scanner"].arrived


def test_servers_share_and_stand_in_for_each_other(gatepost, hops, context):
    """One of two is away, then both. What a server says of a message is no reason to ask another."""
    pair = " ".join(f"smtp://127.0.0.1:{hops[name].port}?tls=required&weight={weight}" for name, weight in (("partner", 3), ("shop", 1)))
    write(gatepost, {"name": "pool", "to": "*", "via": pair, "fallback": f"smtp://127.0.0.1:{hops['scanner'].port}"})
    gatepost.start()
    account = gatepost.account()
    hops["partner"].close()
    for n in range(4):
        assert deliver(gatepost, context, account, f"a{n}@x.example")[0] == 250
        hops["shop"].wait(f"a{n}@x.example")
    hops["shop"].script("RCPT", "451 4.2.0 later")
    assert deliver(gatepost, context, account, "b@x.example")[0] == 250
    hops["shop"].wait("b@x.example")                       # after a second
    assert not hops["scanner"].arrived
    hops["shop"].script("EHLO", *["421 4.3.2 going"] * 20)
    until("a new connection", lambda: deliver(gatepost, context, account, "c@x.example") and len(hops["scanner"].for_("c@x.example")))
    assert not hops["rest"].arrived


def test_a_mail_store_by_lmtp(gatepost, folder, authority, certificate, recipient, context):
    """Dovecot, on a UNIX socket and over TLS on a port: who is full or unknown there costs nobody else his mail."""
    store = MailStore(folder / f"store-{recipient}", authority.issue("mailstore", "127.0.0.1"), {"anna": 100000, "full": 10, "bob": 100000})
    write(gatepost, {"name": "store", "to": "store.example", "via": f"lmtp:{store.socket}"},
          {"name": "far", "to": "far.example", "via": f"lmtp://127.0.0.1:{store.port}"})
    store.start()
    try:
        gatepost.start()
        account = gatepost.account()
        with signed_in(gatepost, context, account) as wire:
            for domain in ("store.example", "far.example"):
                to = [f"{name}@{domain}" for name in ("anna", "full", "nobody", "bob")]
                assert submit(wire, account.name, to, f"From: <{account.name}>\r\nSubject: by {domain}\r\n\r\n..dot\r\n.\r\n")[0] == 250
        for name in ("anna", "bob"):
            assert all(mail.replace(b"\r\n", b"\n").endswith(b"\n\n.dot\n") for mail in store.wait(name, 2))
        until("the end of all", lambda: not gatepost.queued())
        fates = {(event, to, code) for event, to, code in re.findall(r"event=(delivered|failed) .*?to=(\S+@\S+).*? code=(\d+)", gatepost.log())}
        for domain in ("store.example", "far.example"):
            assert {(event, name) for event, to, _ in fates for name, at in [to.split("@")] if at == domain} == {
                ("delivered", "anna"), ("delivered", "bob"), ("failed", "full"), ("failed", "nobody")}
        assert len(store.mail("anna")) == len(store.mail("bob")) == 2 and not store.mail("full")
        assert "tls=TLSv1.3" in gatepost.log() or 'tls="TLSv1.3' in gatepost.log()
    finally:
        store.stop()


def test_what_is_over_the_pace_of_a_route_waits_and_says_so(gatepost, hops, context):
    write(gatepost, smtp(hops["partner"], name="slow", to="slow.example", messages_per_minute=1, recipients=1))
    gatepost.start()
    account = gatepost.account()
    assert deliver(gatepost, context, account, "a@slow.example")[0] == 250
    hops["partner"].wait("a@slow.example")
    assert deliver(gatepost, context, account, "b@slow.example")[0] == 250
    assert deliver(gatepost, context, account, "c@rest.example")[0] == 250
    hops["rest"].wait("c@rest.example")
    until("the rest is done with", lambda: len(gatepost.queued()) == 1)
    [kept] = gatepost.queued()
    assert "b@slow.example  queued, 0 attempts" in (shown := gatepost.run("queue", "show", kept["queue_id"]))
    assert "waits for its turn: the route sends at most 1 messages a minute" in shown
    assert "by the route slow: smtp://" in gatepost.run("can", account.name, "--to", "d@slow.example")
