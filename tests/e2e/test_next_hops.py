"""Mail by way of other people's servers: each takes it, or says no in its own words, and the sender is told which. And a server of ours that
misbehaves in ways that they do not."""
import pwd

import pytest

import dovecot
import exim
import opensmtpd
import postfix
from house import Gatepost, relay_to, until
from identity import Identity
from sink import Sink
from test_acting import MESSAGE
from test_delivery import send
from test_providers import item
from test_routes import write
from wire import signed_in, submit

PROGRAMS = {"postfix": postfix, "exim": exim, "opensmtpd": opensmtpd, "dovecot": dovecot}
PEOPLE = {"ada": "a-secret-of-ada", "bert": "a-secret-of-bert"}
SECRET, TOKEN, LOGIN = "a-secret-for-next-hops", "a-token.for-next-hops", "relay@example.net"   # Dovecot asks about a token without encoding it
POSTFIX = """myhostname = mx.example.net
message_size_limit = 100000
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {certificate[1]}, {certificate[0]}
smtpd_recipient_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = postfix.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:lena/
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
virtual_minimum_uid = 1
"""
EXIM = exim.CONFIGURATION.replace("queue_only = true", "queue_only = false\nmessage_size_limit = 100K\nsmtputf8_advertise_hosts =").replace(
    "acl_smtp_data", "never_users =\nacl_smtp_data").replace("file = /dev/null\n", "file = {folder}/spool/box\n").replace(
    "recipient:\n", "recipient:\n  deny local_parts = nobody\n       message = nobody has that name\n").replace("user = nobody", "user = " + exim.OWNER)
EXIM_PLAIN = """
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{LOGIN}}{eq{$auth3}{SECRET}}}}
  server_set_id = $auth2
""".replace("{LOGIN}", "{" + LOGIN + "}").replace("{SECRET}", "{" + SECRET + "}")
OPENSMTPD = """smtp max-message-size 100K
listen on 127.0.0.1 port {{port}} hostname mx.example.net
action "on" relay host smtp://127.0.0.1:{sink}
match from any for domain "opensmtpd.example" action "on"
"""


@pytest.fixture(scope="module")
def identity(sink_certificate):
    made = Identity(sink_certificate).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def last(sink_certificate):
    """Where OpenSMTPD and Dovecot bring it."""
    made = Sink(sink_certificate, tls="none")
    yield made
    made.close()


class Peers(dict):
    """By program; who asks for one that is not installed is skipped."""

    def __missing__(self, name):
        pytest.skip(PROGRAMS[name].missing())


@pytest.fixture(scope="module")
def peers(folder, sink_certificate, identity, ca, last):
    place = folder / "hop-postfix"
    place.mkdir()
    made, start = Peers(), {
        "postfix": lambda: postfix.Postfix(place, POSTFIX.format(certificate=sink_certificate, folder=place, nobody=pwd.getpwnam("nobody").pw_uid)),
        "exim": lambda: exim.Exim(folder / "hop-exim", sink_certificate, "", EXIM, (), EXIM_PLAIN),
        "opensmtpd": lambda: opensmtpd.Opensmtpd(folder / "hop-opensmtpd", sink_certificate, OPENSMTPD.format(sink=last.port), LOGIN, SECRET),
        "dovecot": lambda: dovecot.Submission(folder / "hop-dovecot", sink_certificate, identity, ca, last.port,
                                              {f"{name}@people.example": secret for name, secret in PEOPLE.items()})}
    try:
        made.update({name: start[name]() for name, program in PROGRAMS.items() if not program.missing()})
        yield made
    finally:
        for peer in made.values():
            peer.stop()


@pytest.fixture(scope="module")
def home(sink_certificate):
    """Where the rest goes, and so our reports to senders."""
    made = Sink(sink_certificate)
    yield made
    made.close()


@pytest.fixture(scope="module")
def gatepost(folder, certificate, ca, peers, home, identity):
    identity.opaque[TOKEN] = {"active": True, "email": LOGIN}
    identity.grants.accept = lambda user, token: identity.opaque.update({token: {"active": True, "email": user}})
    files = {"password": SECRET, "token": TOKEN}
    for name, secret in files.items():
        (folder / f"hop-{name}").write_text(secret + "\n")
        (folder / f"hop-{name}").chmod(0o600)
    (folder / "hops").mkdir()
    made, bearer = Gatepost(folder / "hops", certificate, GATEPOST_RELAY_IDLE_TIMEOUT="0s", **relay_to(home, ca)), {"user": LOGIN, "token_file": str(folder / "hop-token")}
    made.secrets += [*files.values(), *PEOPLE.values()]
    with open(made.dir / "gatepost.yml", "a") as out:
        out.write("providers:\n" + item(identity, ca))
    try:
        routes = (("postfix", {"name": "postfix", "to": "postfix.example"}),
                  ("exim", {"name": "exim", "to": "exim.example", "user": LOGIN, "password_file": str(folder / "hop-password")}),
                  ("opensmtpd", {"name": "opensmtpd", "to": "opensmtpd.example *.opensmtpd.example"}),
                  ("dovecot", {"name": "bearer", "to": "bearer.example", "mechanisms": "OAUTHBEARER"} | bearer),
                  ("dovecot", {"name": "xoauth2", "to": "xoauth2.example", "mechanisms": "XOAUTH2"} | bearer),
                  ("dovecot", {"name": "own-password", "to": "own-password.example", "login": "account"}),
                  ("dovecot", {"name": "own-token", "to": "own-token.example", "login": "account", "provider": "office", "mechanisms": "OAUTHBEARER"}))
        write(made, *({"via": f"smtp://127.0.0.1:{peers[peer].port}?tls={'none' if peer == 'opensmtpd' else 'required'}"} | keys
                      for peer, keys in routes if peer in peers))
        yield made.start()
        made.stop()
        made.secrets += identity.grants.everything()
        made.check_log()
    finally:
        made.kill()


@pytest.fixture(scope="module")
def people(gatepost, peers, identity):
    """Each has a password of his own at Dovecot, and has said yes at its provider."""
    assert peers["dovecot"]
    made = {name: gatepost.account(name=name) for name in PEOPLE}
    for name, secret in PEOPLE.items():
        who = ("--account", name, "--user", f"{name}@people.example")
        gatepost.run("provider", "login", "--route", "own-password", *who, "--password-stdin", stdin=secret + "\n")
        identity.grants.person = f"{name}@people.example"
        gatepost.run("provider", "login", "office", *who)
    return made


@pytest.fixture(scope="module")
def kept(peers, last):
    """The text of the message with these words, where that peer brought it."""
    def look(name, words, recipient):
        if name == "postfix":
            return postfix.kept(peers[name], words)
        if name == "exim":
            box = peers[name].folder / "spool/box"
            return until("the message in Exim's box", lambda: words in (text := box.read_text() if box.exists() else "") and text)
        return last.wait(recipient).data.decode()
    return look


WAYS = {"postfix": "postfix", "exim": "exim", "opensmtpd": "opensmtpd", "bearer": "dovecot", "xoauth2": "dovecot"}


@pytest.mark.parametrize("name", WAYS)
def test_mail_arrives_whole_by_way_of(name, gatepost, peers, kept, context, recipient):
    assert peers[WAYS[name]]
    to = recipient.replace("example.net", f"{name}.example")
    send(gatepost, context, gatepost.account(), [to], extra=f"Subject: for {to}.\r\n", body="..dots\r\n" + "x" * 900 + "\r\n")
    text = kept(name, f"Subject: for {to}.", to).replace("\r\n", "\n")
    assert "\n\n.dots\n" + "x" * 900 + "\n" in text and "DKIM-Signature:" in text
    until("nothing left to do", gatepost.is_empty)
    if name == "exim":
        assert f"A=plain:{LOGIN}" in peers[name].log() and "X=TLS1.3" in peers[name].log()


@pytest.mark.parametrize("way", ["own-password", "own-token"])
def test_each_account_is_itself_at_dovecot(way, gatepost, people, peers, last, context):
    """By turns and over connections that are kept: in Dovecot's own words each message came in the session of whose it was."""
    before = len(peers["dovecot"].relayed())
    for count, name in [(count, name) for count in range(4) for name in people]:
        with signed_in(gatepost, context, people[name]) as wire:
            assert submit(wire, f"{name}@example.org", [f"{name}-{count}@{way}.example"], MESSAGE.format(sender=f"{name}@example.org"))[0] == 250
    for count, name in [(count, name) for count in range(4) for name in people]:
        assert last.wait(f"{name}-{count}@{way}.example").sender == f"{name}@example.org"
    told = until("all in Dovecot's log", lambda: len(found := peers["dovecot"].relayed()[before:]) == 4 * len(people) and found)
    assert set(told) == {(f"{name}@people.example", f"{name}@example.org") for name in people}
    method = "PLAIN" if way == "own-password" else "OAUTHBEARER"
    assert all(f"Login: user=<{name}@people.example>, method={method}" in peers["dovecot"].log() for name in people)


def test_addresses_of_utf8_go_where_they_can(gatepost, peers, kept, home, context, recipient):
    """Postfix takes them; Exim, as it is set up, does not: the sender is told so, and nothing is sent maimed."""
    assert peers["postfix"] and peers["exim"]
    account = gatepost.account()
    for domain in ("postfix.example", "exim.example"):
        with signed_in(gatepost, context, account) as wire:
            assert wire.say(f"MAIL FROM:<{account.name}> SMTPUTF8")[0] == 250
            assert wire.say(f"RCPT TO:<gr\u00fc\u00df-{recipient.replace('example.net', domain)}>")[0] == 250
            assert wire.say("DATA")[0] == 354
            wire.send(f"From: J\u00fcrgen <{account.name}>\r\nSubject: sch\u00f6n, {recipient}\r\n\r\nx\r\n.\r\n")
            assert wire.hear()[0] == 250
    assert "From: J\u00fcrgen <" in kept("postfix", f"Subject: sch\u00f6n, {recipient}", None)
    report = home.wait(account.name).data.decode()
    assert "5.6.7" in report and "exim.example" in report


@pytest.mark.parametrize("name", ["postfix", "exim", "opensmtpd"])
def test_what_is_too_large_for_it_comes_back(name, gatepost, peers, home, context, recipient):
    assert peers[name]
    account, to = gatepost.account(), recipient.replace("example.net", f"{name}.example")
    send(gatepost, context, account, [to], body=("y" * 70 + "\r\n") * 2000)
    report = home.wait(account.name).data.decode()
    assert f"Final-Recipient: rfc822;{to}" in report and "Status: 5.3.4" in report and "Action: failed" in report


@pytest.mark.parametrize("name,to,said", [("exim", "nobody@exim.example", "nobody has that name"), ("opensmtpd", "x@sub.opensmtpd.example", "Invalid recipient")],
                         ids=["exim", "opensmtpd"])
def test_what_it_refuses_comes_back_with_its_words(name, to, said, gatepost, peers, home, context):
    assert peers[name]
    account = gatepost.account()
    send(gatepost, context, account, [to])
    report = home.wait(account.name).data.decode()
    assert f"Final-Recipient: rfc822;{to}" in report and said in report and "Action: failed" in report


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS"])
def test_a_second_gatepost_as_next_hop_is_bound_to_its_tls(mechanism, new_gatepost, home, ca, folder, context, recipient):
    second = new_gatepost(home)
    account = second.account("--send-as", "@example.org")
    secret = folder / f"hop-{mechanism}"
    secret.write_text(account.password + "\n")
    secret.chmod(0o600)
    first = new_gatepost(GATEPOST_RELAY=f"smtp://127.0.0.1:{second.port}?tls=required", GATEPOST_RELAY_CA_FILE=str(ca), GATEPOST_RELAY_USER=account.name,
                         GATEPOST_RELAY_PASSWORD_FILE=str(secret), GATEPOST_RELAY_MECHANISMS=mechanism)
    first.secrets.append(account.password)
    send(first, context, first.account(), [recipient])
    assert home.wait(recipient).data.endswith(b"\r\n\r\nx\r\n")
    assert f"mechanism={mechanism}" in second.log()


def test_put_off_and_then_refused_is_one_report(gatepost, home, context, recipient):
    account = gatepost.account()
    home.script("RCPT", "450 4.2.1 later", "550 5.1.1 gone for good")
    send(gatepost, context, account, [recipient])
    report = home.wait(account.name).data.decode()
    assert "gone for good" in report and "Status: 5.1.1" in report
    until("nothing left to do", gatepost.is_empty)
    assert not home.for_(recipient) and len(home.for_(account.name)) == 1


def test_a_reply_without_end_costs_nothing_but_time(gatepost, home, context, recipient):
    """Eight megabytes in one line, then in many: the mail waits and then goes; nothing of it is kept."""
    home.script("MAIL", "250 " + "x" * (8 << 20))
    home.script("EHLO", "\r\n".join(["250-" + "y" * 500] * (16 << 10)) + "\r\n250 z")
    send(gatepost, context, gatepost.account(), [recipient])
    assert home.wait(recipient).data.endswith(b"\r\n\r\nx\r\n")
    until("nothing left to do", gatepost.is_empty)
    assert not home.scripts["MAIL"] and not home.scripts["EHLO"] and "xxxxxxxxxx" * 100 not in gatepost.log()
