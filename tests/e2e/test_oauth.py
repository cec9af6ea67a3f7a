"""Bearer tokens: the role lookup checks those of an identity provider, which rotates its keys, is slowed, stopped and brought back."""
import base64
import itertools
import json
import os
import smtplib
import time

import jwt
import pytest

from authority import Authority
from house import until
from identity import AUDIENCE, MAKE, Identity
from mailers import MAILERS, TOKENS, Job
from sources import OTHER_USER, Asker, replace
from test_secrets import found_in, may_read_memory

counter = itertools.count(1)
ADA = "ada@example.org"
LEEWAY = 60


@pytest.fixture
def identity(certificate):
    made = Identity(certificate).start()
    yield made
    made.stop()


@pytest.fixture
def asker(folder, identity, ca):
    """asker(KEY=VALUE...): a source of that provider's tokens; its log must know no token and no secret."""
    made = []

    def make(user=None, **item):
        item = {"type": "oauth", "issuer": identity.issuer, "ca_file": str(ca), "audience": AUDIENCE, "scope": "smtp", "timeout": "2s"} | item
        made.append(Asker(folder / f"oauth-{next(counter)}", {k: v for k, v in item.items() if v is not None}, user))
        return made[-1]
    yield make
    try:
        for one in made:
            one.close()
            log = one.log.read_text()
            assert "eyJ" not in log and "ya29" not in log and identity.client[1] not in log, log
    finally:
        for one in made:
            one.kill()


def ask(a, token, user=ADA):
    return a.ask(user, token, kind="token")


def says(a, token, user=ADA):
    answer = ask(a, token, user)
    return answer["status"], answer["why"]


# ---- JWT ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("keys", ["discovery", "keys_uri", "keys_file"])
def test_tokens_are_checked_with_the_issuers_keys(asker, identity, folder, keys):
    identity.rotate("RS256", "PS256", "ES256", "ES384")
    place = folder / f"jwks-{next(counter)}"
    place.mkdir()
    os.chmod(place, 0o755)
    replace(place / "keys.json", json.dumps(identity.jwks()))
    more = {"discovery": {}, "keys_uri": {"keys_uri": identity.issuer + "/keys"}, "keys_file": {"keys_file": str(place / "keys.json")}}[keys]
    a = asker(user=OTHER_USER, **more)
    for algorithm in ("RS256", "PS256", "ES256"):
        answer = ask(a, identity.token(ADA, algorithm))
        assert (answer["status"], answer["known"], answer["user"]) == ("OK", True, ADA), answer
        assert 0 <= time.time() + 600 + LEEWAY - answer["ends"] / 1000 < 60
        assert ask(a, identity.token(ADA, algorithm), "")["user"] == ADA       # whom it is of, the token says
    status, why = says(a, identity.token(ADA, "ES384"))
    assert status == "PERMFAIL" and "'ES384'" in why
    answer = ask(a, identity.token("bob@example.org"))
    assert (answer["status"], answer["known"], answer["user"]) == ("PERMFAIL", True, None) and "bob@example.org" in answer["why"], answer
    assert says(a, identity.token(ADA, exp=int(time.time()) - 200)) == ("PERMFAIL", "it expired 3 min ago")
    assert says(a, identity.token(ADA, aud="imap://x")) == ("PERMFAIL", "its audience 'imap://x' is not ours")
    assert says(a, identity.token(ADA, key=MAKE["RS256"]())) == ("PERMFAIL", "its signature is wrong")
    assert a.says(ADA, "a password") == ("PERMFAIL", False) and a.says(ADA, kind="hash") == ("PERMFAIL", False)
    assert identity.fetches() == (0 if keys == "keys_file" else 1)
    assert identity.fetches("/realm/.well-known/openid-configuration") == (1 if keys == "discovery" else 0)


def test_ed25519_where_it_is_allowed(asker, identity):
    identity.rotate("EdDSA", "ES256")
    a = asker(algorithms="EdDSA")
    assert says(a, identity.token(ADA, "EdDSA"))[0] == "OK"
    assert says(a, identity.token(ADA, "EdDSA", key=MAKE["EdDSA"]())) == ("PERMFAIL", "its signature is wrong")
    assert "'ES256'" in says(a, identity.token(ADA, "ES256"))[1]
    assert "'EdDSA'" in says(asker(), identity.token(ADA, "EdDSA"))[1]


def test_attacks_with_a_key_that_everybody_knows(asker, identity):
    a = asker(algorithms="RS256 ES256")
    good = identity.token(ADA)
    assert says(a, good)[0] == "OK"
    before = len(identity.asked)
    claims = jwt.decode(good, options={"verify_signature": False})
    kid = jwt.get_unverified_header(good)["kid"]
    for header in ({"kid": "../../../../../dev/null"}, {"kid": "x", "jku": identity.issuer + "/keys"}, {"kid": "x", "x5u": identity.issuer + "/keys"}):
        assert says(a, identity.token(ADA, key=MAKE["RS256"](), header=header))[0] in ("PERMFAIL", "TEMPFAIL")   # the latter once the look is used up
    assert says(a, jwt.encode(claims, "", "none", headers={"kid": kid}))[0] == "PERMFAIL"
    shared = json.dumps(identity.jwks()["keys"][0])
    assert says(a, jwt.encode(claims, shared, "HS256", headers={"kid": kid})) == ("PERMFAIL", "its algorithm 'HS256' is none of those allowed")
    head, body, signature = good.split(".")
    for forged in (f"{head}.{body}.", f"{head}.{body}", f"{head}.{body}.{signature}A", f"{head}.{body}.{signature}.", f"{head}.{body[:-1]}.{signature}"):
        assert says(a, forged)[0] == "PERMFAIL", forged
    assert len(identity.asked) - before <= 2, "made-up keys were looked for more than once a minute, or elsewhere"


def test_rotation_of_keys(asker, identity):
    """A key that is not known is looked for at once, but once a minute at the most; a burst of new tokens waits for the same look."""
    a = asker(workers=8)
    old = identity.token(ADA)
    assert says(a, old)[0] == "OK" and identity.fetches() == 1
    identity.rotate(keep=True)
    new = identity.token(ADA)
    said = [a.wait(n)["status"] for n in [a.send(ADA, new, kind="token", peer=f"192.0.2.{i}") for i in range(8)]]
    assert "OK" in said and set(said) <= {"OK", "TEMPFAIL"}, said   # half of the workers may wait, others come again
    assert says(a, new)[0] == "OK" and says(a, old)[0] == "OK" and identity.fetches() == 2
    identity.rotate()                                   # the look of this minute is used up: perhaps by a stranger, so nobody can tell
    status, why = says(a, identity.token(ADA))
    assert status == "TEMPFAIL" and "has no key" in why and "once a minute" in why and identity.fetches() == 2


def test_a_key_that_the_issuer_does_not_have_is_no_key(asker, identity):
    a = asker()
    assert says(a, identity.token(ADA))[0] == "OK"
    status, why = says(a, identity.token(ADA, key=MAKE["RS256"](), header={"kid": "x"}))
    assert status == "PERMFAIL" and "has no key 'x'" in why and identity.fetches() == 2, why


@pytest.mark.parametrize("trouble", ["slow", "gone"])
def test_keys_that_are_there_go_on_when_the_issuer_does_not_answer(asker, identity, trouble):
    a = asker(failures=2, pause="1s", pause_most="1s")
    assert says(a, identity.token(ADA))[0] == "OK"
    good = identity.token(ADA)
    if trouble == "slow":
        identity.free.clear()
    else:
        identity.stop()
    identity.rotate(keep=True)
    unknown = a.send(ADA, identity.token(ADA), kind="token")
    answer = ask(a, good)
    assert answer["status"] == "OK" and answer["ms"] < 500, answer
    assert a.wait(unknown)["status"] == "TEMPFAIL"
    for _ in range(4):                                  # strangers' keys never open the breaker
        assert says(a, identity.token(ADA))[0] == "TEMPFAIL"
    assert says(a, good)[0] == "OK"
    if trouble == "gone":
        assert a.log.read_text().count("those at hand go on") == 1


def test_an_issuer_that_comes_late(asker, identity):
    """Without keys nobody can tell: the breaker opens; when the issuer is there, all is well without a restart."""
    identity.stop()
    a = asker(failures=2, pause="1s", pause_most="1s")
    assert {says(a, identity.token(ADA))[0] for _ in range(3)} == {"TEMPFAIL"}
    assert "left alone" in says(a, identity.token(ADA))[1]
    identity.start()
    end = time.monotonic() + 15
    while says(a, identity.token(ADA))[0] != "OK":
        assert time.monotonic() < end, a.log.read_text()
        time.sleep(0.1)
    assert "keys are read again" in a.log.read_text()


@pytest.mark.parametrize("wrong", ["issuer", "http", "redirect", "error", "garbage", "huge", "authority"])
def test_keys_come_from_the_issuer_itself_or_not_at_all(asker, identity, folder, wrong):
    more = {}
    if wrong == "issuer":
        identity.discovered["issuer"] += "/"
    elif wrong == "http":
        identity.discovered["jwks_uri"] = f"http://localhost:{identity.port}/realm/keys"
    elif wrong in ("redirect", "error"):
        identity.status = 302 if wrong == "redirect" else 500
    elif wrong in ("garbage", "huge"):
        identity.jwks = lambda: b"<html>" if wrong == "garbage" else b'{"keys": [' + b" " * 300_000 + b"]}"
    else:
        more["ca_file"] = str(Authority(folder / f"other-{next(counter)}").ca)
    a = asker(**more)
    status, why = says(a, identity.token(ADA))
    assert status == "TEMPFAIL" and "are not there" in why, why
    assert "/realm/elsewhere" not in identity.asked


def test_a_file_of_keys_is_read_again_when_it_changes(asker, identity, folder):
    place = folder / f"jwks-{next(counter)}"
    place.mkdir()
    os.chmod(place, 0o755)
    file = place / "keys.json"
    replace(file, json.dumps(identity.jwks()))
    a = asker(user=OTHER_USER, keys_file=str(file))
    old = identity.token(ADA)
    assert says(a, old)[0] == "OK"
    file.unlink()
    assert says(a, old)[0] == "OK", "the keys at hand go on"
    identity.rotate()
    replace(file, json.dumps(identity.jwks()))
    assert says(a, identity.token(ADA))[0] == "OK" and says(a, old)[0] == "PERMFAIL"
    replace(file, "{}")
    assert says(a, identity.token(ADA))[0] == "OK"
    log = a.log.read_text()
    assert log.count("those at hand go on") == 2 and log.count("is read again") == 1 and not identity.asked, log


def test_names_scopes_and_further_claims(asker, identity):
    a = asker(user_claim="preferred_username", strip_domain="example.org", require="tid=t1 roles=mail", scope="smtp openid")
    fits = {"preferred_username": ADA, "tid": "t1", "roles": ["x", "mail"]}
    answer = ask(a, identity.token("x", **fits), "ada")
    assert (answer["status"], answer["user"]) == ("OK", "ada"), answer
    answer = ask(a, identity.token("x", **fits), "ada@Example.org")     # as a client that knows its whole address says it
    assert (answer["status"], answer["user"]) == ("OK", "ada"), answer
    for name in ("ada@evil.example", "ada@", "adam@example.org", "ada@example.org.evil.example", "da@example.org"):
        assert says(a, identity.token("x", **fits), name)[0] == "PERMFAIL", name
    for other in ({"tid": "t2"}, {"tid": None}, {"roles": "mailx"}, {"scope": "smtp"}, {"preferred_username": "ada@evil.example"}, {"preferred_username": None}):
        assert says(a, identity.token("x", **fits | other), "ada")[0] == "PERMFAIL", other
    assert says(a, identity.token("x", **fits, scp=["smtp", "openid"], scope=None), "ada")[0] == "OK"


def test_an_address_that_nobody_has_verified(asker, identity):
    a, lenient = asker(), asker(email_verified="optional")
    assert says(a, identity.token(ADA))[0] == says(lenient, identity.token(ADA, email_verified=None))[0] == "OK"
    for said in (None, False):
        assert "verified" in says(a, identity.token(ADA, email_verified=said))[1]
    assert says(lenient, identity.token(ADA, email_verified=False)) == ("PERMFAIL", f"its address '{ADA}' is not verified")


# ---- introspection -----------------------------------------------------------------------------------------------------------------
@pytest.fixture
def introspects(asker, identity, folder):
    secret = folder / f"secret-{next(counter)}"
    secret.write_text(identity.client[1] + "\n")
    os.chmod(secret, 0o600)

    def make(**more):
        return asker(**{"introspection_uri": identity.issuer + "/introspect", "client_id": identity.client[0], "password_file": str(secret)} | more)
    return make


def test_the_issuer_is_asked_about_tokens_that_only_it_can_read(introspects, identity):
    a = introspects(cache="0s")
    token = identity.opaque_token(ADA)
    answer = ask(a, token)
    assert (answer["status"], answer["known"], answer["user"]) == ("OK", True, ADA), answer
    assert identity.introspected == [{"token": [token], "token_type_hint": ["access_token"]}]
    assert says(a, "made-up") == ("PERMFAIL", "its issuer says that it is not active")
    assert "bob@example.org" in says(a, identity.opaque_token("bob@example.org"))[1]
    assert "audience" in says(a, identity.opaque_token(ADA, aud="imap"))[1]
    assert "scope" in says(a, identity.opaque_token(ADA, scope="imap"))[1]
    assert "expired" in says(a, identity.opaque_token(ADA, exp=1))[1]
    del identity.opaque[token]
    assert says(a, token)[0] == "PERMFAIL", "revoked"


def test_a_yes_is_remembered_for_a_while(introspects, identity):
    a = introspects(cache="1h")
    token, short = identity.opaque_token(ADA), identity.opaque_token(ADA, exp=int(time.time()) + 1)
    ends = {ask(a, token)["ends"] for _ in range(5)}
    assert ends == {(identity.opaque[token]["exp"] + LEEWAY) * 1000}
    assert len(identity.introspected) == 1
    assert says(a, token, "bob@example.org")[0] == "PERMFAIL" and len(identity.introspected) == 1
    assert says(a, short)[0] == "OK"
    asked, end = len(identity.introspected), time.monotonic() + 10
    while len(identity.introspected) == asked:          # until its own end, however long others are remembered
        assert time.monotonic() < end
        says(a, short)
        time.sleep(0.05)
    for _ in range(2):
        assert says(a, "made-up")[0] == "PERMFAIL"
    assert [asked["token"] for asked in identity.introspected].count(["made-up"]) == 2, "a no is never remembered"


def test_an_issuer_that_does_not_answer_leaves_what_is_remembered(introspects, identity):
    a = introspects(failures=2, pause="1s", pause_most="1s")
    token = identity.opaque_token(ADA)
    assert says(a, token)[0] == "OK"
    identity.stop()
    assert says(a, token)[0] == "OK"
    assert says(a, identity.opaque_token(ADA))[0] == "TEMPFAIL"
    identity.start()
    assert says(a, identity.opaque_token(ADA))[0] == "OK"
    for status in (302, 400, 500):
        identity.status = status
        assert says(a, identity.opaque_token(ADA))[0] == "TEMPFAIL"
        identity.status = 200
        assert says(a, identity.opaque_token(ADA))[0] == "OK"


def test_an_issuer_that_cannot_take_a_token_is_not_in_trouble(introspects, identity):
    a = introspects(failures=2, pause="1m", cache="0s")
    for identity.status in (400, 403, 404, 413, 414, 422) * 2:
        assert says(a, "made-up")[0] == "TEMPFAIL"
    identity.status = 200
    assert says(a, identity.opaque_token(ADA))[0] == "OK"
    for identity.status in (401, 429):
        assert says(a, "made-up")[0] == "TEMPFAIL"
    identity.status = 200
    assert "left alone" in says(a, identity.opaque_token(ADA))[1]


def test_a_client_that_the_issuer_does_not_know(introspects, identity, folder):
    place = folder / f"token-{next(counter)}"
    place.write_text("sesame\n")
    assert "client_id" in says(introspects(client_id="stranger"), identity.opaque_token(ADA))[1]
    a = introspects(client_id=None, password_file=None, token_file=str(place))
    assert says(a, identity.opaque_token(ADA))[0] == "OK"


def test_both_ways_beside_each_other(introspects, identity):
    a = introspects(keys_uri=identity.issuer + "/keys")
    assert says(a, identity.token(ADA))[0] == "OK" and not identity.introspected
    assert says(a, identity.opaque_token(ADA))[0] == "OK" and identity.fetches() == 1
    assert says(a, identity.token(ADA, aud="x"))[0] == "PERMFAIL" and len(identity.introspected) == 1


# ---- all together ------------------------------------------------------------------------------------------------------------------
@pytest.fixture
def with_tokens(new_gatepost, identity, sink, ca, context):
    """A server whose accounts sign in with that provider's tokens."""
    gatepost = new_gatepost(sink, start=False)
    with open(gatepost.dir / "gatepost.yml", "a", encoding="ascii") as config:
        config.write(f"mechanisms: OAUTHBEARER XOAUTH2 PLAIN LOGIN\nsources:\n- store\n- name: sso\n  type: oauth\n  issuer: {identity.issuer}\n"
                     f"  audience: {AUDIENCE}\n  scope: smtp\n  ca_file: {ca}\n")
    gatepost.start()
    with smtplib.SMTP_SSL("localhost", gatepost.tls_port, context=context) as client:
        client.ehlo()
        assert "OAUTHBEARER" in client.esmtp_features["auth"]
    return gatepost


@pytest.mark.parametrize("program,mechanism", [(program, mechanism) for program, mechanisms in TOKENS.items() for mechanism in mechanisms])
def test_programs_sign_in_and_send_with_a_token(with_tokens, identity, sink, recipient, ca, tmp_path, program, mechanism):
    def send(token, transport):
        return MAILERS[program].send(Job(with_tokens, ca, ADA, token, mechanism, transport, recipient, f"{program}-{mechanism}", tmp_path))
    for number, transport in enumerate(MAILERS[program].transports, 1):
        ok, said = send(identity.token(ADA), transport)
        assert ok, said
        assert sink.wait(recipient, number).sender == ADA
    assert [(user["user"], user["source"]) for user in with_tokens.json("user", "list")] == [(ADA, "sso")]
    wrong = {"may not act for": identity.token("bob@example.org"), "it expired": identity.token(ADA, exp=1),
             "its signature is wrong": identity.token(ADA, key=MAKE["RS256"]()), "it is no JWT": "made-up"}
    for cause, token in wrong.items():
        ok, said = send(token, "tls")
        assert not ok, said
        refused = until(f"line that says: {cause}", lambda: [line for line in with_tokens.log().splitlines() if "result=refused" in line and cause in line])
        assert len(refused) == 1 and f"mechanism={mechanism} " in refused[0], (cause, said, refused)
    assert not send(identity.token(ADA), "clear")[0]


def test_a_session_ends_with_its_token(with_tokens, identity, sink, recipient, context):
    """At the first MAIL after it; what was begun before is taken."""
    exp = int(time.time()) - LEEWAY + 3
    with smtplib.SMTP_SSL("localhost", with_tokens.tls_port, context=context) as client:
        client.ehlo()
        said = base64.b64encode(f"user={ADA}\x01auth=Bearer {identity.token(ADA, exp=exp)}\x01\x01".encode()).decode()
        assert client.docmd("AUTH", f"XOAUTH2 {said}")[0] == 235
        assert client.mail(ADA)[0] == 250 and client.rcpt(recipient)[0] == 250
        while time.time() <= exp + LEEWAY:
            assert client.noop()[0] == 250
        assert client.data(f"From: {ADA}\r\nTo: {recipient}\r\n\r\nx\r\n")[0] == 250
        code, said = client.docmd("MAIL", f"FROM:<{ADA}>")
        assert code == 421 and said.startswith(b"4.7.0 your sign-in is no longer good, connect and sign in again")
        assert time.time() > exp + LEEWAY
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()
    assert sink.wait(recipient)
    assert 'reason="the token that it signed in with has expired"' in with_tokens.log()


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_a_client_hears_that_a_token_is_no_good_and_the_log_says_why(with_tokens, identity, context, mechanism):
    def say(token):
        head = f"n,a={ADA},\x01" if mechanism == "OAUTHBEARER" else f"user={ADA}\x01"
        return base64.b64encode(f"{head}auth=Bearer {token}\x01\x01".encode()).decode()
    with smtplib.SMTP_SSL("localhost", with_tokens.tls_port, context=context) as client:
        client.ehlo()
        code, challenge = client.docmd("AUTH", f"{mechanism} {say(identity.token(ADA, exp=int(time.time()) - 200))}")
        assert code == 334 and json.loads(base64.b64decode(challenge))["status"] == "invalid_token"
        assert client.docmd("AQ==" if mechanism == "OAUTHBEARER" else "")[0] == 535
        assert client.docmd("AUTH", f"{mechanism} {say(identity.token(ADA))}")[0] == 235
    assert "it expired 3 min ago" in with_tokens.log()
    identity.stop()
    with smtplib.SMTP_SSL("localhost", with_tokens.tls_port, context=context) as client:
        client.ehlo()
        assert client.docmd("AUTH", f"{mechanism} {say(identity.token(ADA))}")[0] == 235, "the keys at hand go on"


MALFORMED = [
    ("OAUTHBEARER", b"n,,\x01auth=Bearer a b\x01\x01", "has characters that none may have"),
    ("OAUTHBEARER", b"n,,\x01auth=Basic x\x01\x01", "auth= is not Bearer and a token"),
    ("OAUTHBEARER", b"auth=Bearer x", "does not begin with n,, or n,a=NAME,"),
    ("OAUTHBEARER", b"\xff" * 40, "does not begin with n,, or n,a=NAME,"),
    ("XOAUTH2", b"auth=Bearer x\x01\x01", "has no user="),
    ("XOAUTH2", b"user=ada\x01auth=Bearer x", "does not end in two ^A"),
    ("XOAUTH2", b"\0" * 40, "does not end in two ^A"),
]


def test_a_malformed_message_is_a_no_and_the_log_says_why(with_tokens, context):
    for mechanism, message, cause in MALFORMED:
        before = len(with_tokens.log())
        with smtplib.SMTP_SSL("localhost", with_tokens.tls_port, context=context) as client:
            client.ehlo()
            code, said = client.docmd("AUTH", f"{mechanism} {base64.b64encode(message).decode()}")
            if code == 334:
                code, said = client.docmd("AQ==" if mechanism == "OAUTHBEARER" else "")
            assert code == 535 and said.startswith(b"5.7.8 authentication failed"), (mechanism, message)
            assert client.docmd("NOOP")[0] == 250
        until(f"line that says: {cause}", lambda at=before, why=cause: why in with_tokens.log()[at:])


def test_a_token_opens_the_account_that_its_subject_is_linked_to(with_tokens, identity, context):
    """Whatever its user is called; and nobody gets an account of the store by its name alone."""
    def says(named, token):
        with smtplib.SMTP_SSL("localhost", with_tokens.tls_port, context=context) as client:
            client.ehlo()
            said = base64.b64encode(f"user={named}\x01auth=Bearer {token}\x01\x01".encode()).decode()
            code, _ = client.docmd("AUTH", f"XOAUTH2 {said}")
            return client.docmd("")[0] if code == 334 else code
    with_tokens.account(name="anna@example.org")
    by_name, linked = identity.token("anna@example.org"), identity.token("a.ng@example.org", sub="4711")
    assert says("anna@example.org", by_name) == 535 and says("anna@example.org", linked) == 535
    assert "the account has no credential for that source" in with_tokens.log()
    with_tokens.run("credential", "add", "anna@example.org", "--oauth", f"{identity.issuer} 4711", "--label", "sso")
    assert says("anna@example.org", linked) == 235 and says("anna", linked) == 235 and says("anna@example.org", by_name) == 535
    assert says(ADA, linked) == 535, "it is not hers"
    assert says(ADA, identity.token(ADA)) == 235 and says("anna@example.org", identity.token(ADA)) == 535
    with_tokens.run("user", "may-act", ADA, "anna@example.org")
    assert says("anna@example.org", identity.token(ADA)) == 235
    with_tokens.run("user", "disable", "anna@example.org")
    assert says("anna@example.org", linked) == 535
    assert says("anna@example.org", identity.token(ADA)) == 535


def forms_of(token):
    """What of a token is sure to be seen: its parts, the line that it came in however that falls into groups of three, and its signature's octets."""
    _, body, signature = token.split(".")
    yield signature.encode()[16:80]
    yield body.encode()[-60:]
    yield base64.urlsafe_b64decode(signature + "==")[16:80]
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + token.encode())[2 * shift:].rstrip(b"=")[-120:-20]


def test_no_token_is_left_in_any_memory_or_log(with_tokens, identity, context):
    if not may_read_memory(with_tokens.process.pid):
        pytest.skip("reading other processes' memory takes root")

    def code(mechanism, token):
        said = f"n,a={ADA},\x01auth=Bearer {token}\x01\x01" if mechanism == "OAUTHBEARER" else f"user={ADA}\x01auth=Bearer {token}\x01\x01"
        with smtplib.SMTP_SSL("localhost", with_tokens.tls_port, context=context) as client:
            client.ehlo()
            code, _ = client.docmd("AUTH", f"{mechanism} {base64.b64encode(said.encode()).decode()}")
            return client.docmd("AQ==")[0] if code == 334 else code
    tokens = []
    for mechanism in ("OAUTHBEARER", "XOAUTH2") * 4:
        good, over, forged = identity.token(ADA), identity.token(ADA, exp=1), identity.token(ADA, key=MAKE["RS256"]())
        assert [code(mechanism, token) for token in (good, over, forged)] == [235, 535, 535]
        tokens += [good, over, forged]
    wanted = {form for token in tokens for form in forms_of(token)}
    holding = [(role["name"], where) for role in with_tokens.roles() for where in found_in(role["pid"], wanted)]
    assert not holding and not list(found_in(with_tokens.process.pid, wanted)), holding[:5]
    assert not [form for form in wanted if form in with_tokens.log().encode()]
