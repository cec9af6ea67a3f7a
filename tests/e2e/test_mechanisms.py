"""Which mechanisms whom are offered: by listener, by what the client has shown, and what a bound channel may be bound to."""
import base64
import hashlib
import ssl

import pytest

from house import until
from test_signin import scram
from wire import Wire


def offered(wire):
    _, lines = wire.say("EHLO client.example")
    return next(line for line in lines if line.startswith("AUTH ")).split()[1:]


def with_listeners(gatepost, starttls, implicit):
    gatepost.environment["GATEPOST_SUBMISSION"] += f" {starttls}"
    gatepost.environment["GATEPOST_SUBMISSIONS"] += f" {implicit}"
    return gatepost.start()


@pytest.fixture(scope="module")
def client_certificate(authority):
    return authority.issue("anna", "anna.example.org")


@pytest.fixture
def presenting(ca, client_certificate):
    """A client's context with a certificate."""
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(*client_certificate)
    return context


# ---- by listener -----------------------------------------------------------------------------------------------
def test_each_listener_offers_its_own(new_gatepost, sink, context):
    gatepost = with_listeners(new_gatepost(sink, start=False), "mechanisms=SCRAM-SHA-256,SCRAM-SHA-256-PLUS name=office", "mechanisms=LOGIN,PLAIN")
    account = gatepost.account()
    with Wire(gatepost.port, context) as wire:
        wire.say("EHLO client.example")
        wire.starttls()
        assert offered(wire) == ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]
        assert wire.auth_plain(account)[0] == 504
        assert scram(wire, account, "SCRAM-SHA-256", b"n,,", b"") == 235
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        assert offered(wire) == ["LOGIN", "PLAIN"]
        assert scram(wire, account, "SCRAM-SHA-256", b"n,,", b"") == 504
        # Nothing bound was offered here: a client that could bind is no sign of anybody in between.
        assert wire.auth_plain(account)[0] == 235
    until("the listener in the log", lambda: "listener=office" in gatepost.log())
    assert f'submission 127.0.0.1:{gatepost.port} mechanisms=SCRAM-SHA-256,SCRAM-SHA-256-PLUS name=office' in gatepost.run("config", "show")


def test_what_nobody_could_use_is_not_offered(new_gatepost, sink, context):
    gatepost = new_gatepost(sink)  # of its own: an account with a CRAM-MD5 secret that another test made would be somebody
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        known = offered(wire)
        for name in ("EXTERNAL", "OAUTHBEARER", "XOAUTH2", "CRAM-MD5"):
            assert name not in known and wire.say(f"AUTH {name}")[0] == 504


# ---- client certificates ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_external_is_offered_to_who_presents_a_certificate(version, new_gatepost, sink, context, presenting, ca):
    gatepost = with_listeners(new_gatepost(sink, start=False, GATEPOST_TLS_CLIENT_CA_FILE=str(ca)), "", "client_certificates=ask")
    presenting.maximum_version = version
    account = gatepost.account()
    with Wire(gatepost.tls_port, presenting, implicit=True) as wire:
        assert "EXTERNAL" in offered(wire)
        assert wire.say("AUTH EXTERNAL =")[0] == 535                # it stands for no account
        assert wire.say("AUTH EXTERNAL")[0] == 334 and wire.say("*")[0] == 501
        assert wire.auth_plain(account)[0] == 235                   # and everything else works as ever
    with Wire(gatepost.tls_port, context, implicit=True) as wire:   # nobody has to have one
        assert "EXTERNAL" not in offered(wire)
        assert wire.say("AUTH EXTERNAL =")[0] == 504
        assert wire.auth_plain(account)[0] == 235
    with Wire(gatepost.port, presenting) as wire:                   # nobody asks here
        wire.say("EHLO client.example")
        wire.starttls()
        assert "EXTERNAL" not in offered(wire)
    until("the certificate in the log", lambda: "client_certificate=presented" in gatepost.log())


def test_a_certificate_of_anybody_is_let_in_and_stands_for_nobody(new_gatepost, sink, ca, authority, folder):
    other = type(authority)(folder / "other-ca", "somebody else").issue("eve", "eve.example.org")
    gatepost = with_listeners(new_gatepost(sink, start=False, GATEPOST_TLS_CLIENT_CA_FILE=str(ca)), "", "client_certificates=ask")
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(*other)
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert wire.say("AUTH EXTERNAL =")[0] == 535


# ---- tls-server-end-point ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_may_bind_to_the_servers_certificate(version, gatepost, ca, account):
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = version
    session = None
    for _ in range(2):
        with Wire(gatepost.port, context) as wire:
            wire.say("EHLO client.example")
            assert wire.say("STARTTLS")[0] == 220
            wire.handshake(session=session)
            assert {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS"} <= set(offered(wire))
            bound = hashlib.sha256(wire.socket.getpeercert(binary_form=True)).digest()
            assert wire.socket.session_reused == bool(session)
            assert scram(wire, account, "SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,", bound[::-1]) == 535
            assert scram(wire, account, "SCRAM-SHA-512-PLUS", b"p=tls-server-end-point,,", bound) == 235
            assert scram(wire, account, "SCRAM-SHA-256", b"y,,", b"") == 503   # signed in already
            session = wire.socket.session                          # the second time: a resumed session is bound to the same


def test_a_long_token_is_a_line_like_any_other(gatepost, context):
    token = base64.b64encode(b"n,a=u,\x01auth=Bearer " + b"T" * 6000 + b"\x01\x01").decode()
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert wire.say(f"AUTH OAUTHBEARER {token}")[0] == 504     # nobody checks tokens here
        assert wire.say("NOOP")[0] == 250
