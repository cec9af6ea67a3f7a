"""Pre-flight: what receivers would find in DNS decides whether mail is sent, held or refused, and no message waits for a look-up."""
import re

import pytest

from house import DOMAIN, HOSTNAME, Gatepost, relay_to, until
from names import A, TXT, Names
from test_delivery import send
from test_dkim import publish
from wire import signed_in, submit

ADDRESS = "198.18.0.1"


@pytest.fixture(scope="module")
def names():
    made = Names()
    yield made
    made.close()


def looked_at(server):
    lines = until("a look at the domain", lambda: [line for line in server.log().splitlines() if "event=preflight" in line and f"domain={DOMAIN}" in line], 15)
    return lines[-1]


def records(names, server):
    names.records.clear()
    publish(names, server.run("dns", "--zone"))
    names.host(HOSTNAME, ADDRESS)
    names.pointer(ADDRESS, HOSTNAME)
    names.mx(DOMAIN, (10, HOSTNAME))


WRONG = {
    "a key that is not there": lambda names: names.forget("gp-rsa._domainkey." + DOMAIN, TXT),
    "an spf with an error": lambda names: names.txt(DOMAIN, "v=spf1 ip4:nowhere -all"),
}


def start(folder, certificate, ca, sink, names, mode, action, change):
    """A server whose relay sees these records from its first look on."""
    place = folder / f"preflight-{mode}-{action}-{len(list(folder.iterdir()))}"
    return serving_with(place, certificate, names, change, **relay_to(sink, ca), GATEPOST_RELAY_DNS_SERVER=f"127.0.0.1@{names.port}",
                        GATEPOST_POLICY_PREFLIGHT_MODE=mode, GATEPOST_POLICY_PREFLIGHT_ACTION=action)


class serving_with:
    """Like house.serving, with DNS filled in between init and serve."""

    def __init__(self, place, certificate, names, change, lines="", **environment):
        place.mkdir()
        self.made = Gatepost(place, certificate, **environment)
        with open(self.made.dir / "gatepost.yml", "a") as file:
            file.write(lines)
        records(names, self.made)
        change(names)

    def __enter__(self):
        return self.made.start()

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.made.stop()
                self.made.check_log()
        finally:
            self.made.kill()


def test_right_records_let_mail_go(folder, certificate, ca, new_sink, names, context):
    sink = new_sink()
    with start(folder, certificate, ca, sink, names, "enforce", "refuse", lambda _: None) as server:
        assert "nothing stands against it" in looked_at(server)
        send(server, context, server.account(), ["right@example.net"])
        assert sink.wait("right@example.net")
        asked = len(names.asked)
        for number in range(5):
            send(server, context, server.account(), [f"right{number}@example.net"])
            sink.wait(f"right{number}@example.net")
        assert len(names.asked) == asked                    # no look-up is made for a message


@pytest.mark.parametrize("wrong", WRONG)
def test_mail_is_held_until_somebody_looks(folder, certificate, ca, new_sink, names, context, wrong):
    sink = new_sink()
    with start(folder, certificate, ca, sink, names, "enforce", "hold", WRONG[wrong]) as server:
        assert "level=warn" in looked_at(server)
        queue_id = send(server, context, server.account(), ["held@example.net"])
        (held,) = server.json("queue", "list", "--held")
        assert held["queue_id"] == queue_id and not sink.for_("held@example.net")
        assert f"receivers may refuse mail from {DOMAIN}: " in server.run("queue", "show", queue_id)
        server.run("queue", "release", queue_id)
        assert sink.wait("held@example.net")


def test_mail_is_refused_with_the_reason(folder, certificate, ca, new_sink, names, context):
    with start(folder, certificate, ca, new_sink(), names, "enforce", "refuse", WRONG["a key that is not there"]) as server:
        looked_at(server)
        account = server.account()
        with signed_in(server, context, account) as wire:
            code, lines = submit(wire, account.name, ["no@example.net"], f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")
        assert code == 550 and re.search(r"receivers may refuse mail from example\.org: dkim: ", lines[0])
        assert server.is_empty()


def test_in_shadow_it_goes_out_and_is_counted(folder, certificate, ca, new_sink, names, context):
    sink = new_sink()
    with start(folder, certificate, ca, sink, names, "shadow", "refuse", WRONG["an spf with an error"]) as server:
        looked_at(server)
        send(server, context, server.account(), ["shadow@example.net"])
        assert sink.wait("shadow@example.net")
        (row,) = until("a row of the report", lambda: [row for row in server.json("report") if row["rule"] == "preflight"])
        assert row["count"] == 1


ADDRESSES = {
    "another's name": (lambda names: (names.pointer(ADDRESS, "pool.example.net"), names.host("pool.example.net", ADDRESS)), "ptr: the server says EHLO as"),
    "no name": (lambda names: names.forget("1.0.18.198.in-addr.arpa", 12), "ptr: the address has no name"),
    "not let by spf": (lambda names: names.txt(DOMAIN, "v=spf1 -all"), f"spf: {ADDRESS}, which mail leaves from, gets 'fail'"),
}


@pytest.mark.parametrize("wrong", ADDRESSES)
def test_the_address_that_mail_leaves_from_is_looked_at(folder, certificate, names, wrong):
    change, words = ADDRESSES[wrong]
    with serving_with(folder / f"preflight-direct-{len(list(folder.iterdir()))}", certificate, names, change, GATEPOST_RELAY="mx?tls=opportunistic",
                      GATEPOST_RELAY_DNS_SERVER=f"127.0.0.1@{names.port}", GATEPOST_POLICY_PREFLIGHT_MODE="enforce") as server:
        assert words in looked_at(server)


def test_behind_a_provider_names_of_this_host_are_nobodys_business(folder, certificate, ca, new_sink, names, context):
    """A printer's server in an office: DNS knows no name of it. With relay.via, and by a route."""
    sink = new_sink()
    with start(folder, certificate, ca, sink, names, "enforce", "refuse", lambda names: names.forget(HOSTNAME, A)) as server:
        assert "nothing stands against it" in looked_at(server)
        send(server, context, server.account(), ["office@example.net"])
        assert sink.wait("office@example.net")


def test_mail_that_a_route_takes_is_judged_by_where_that_leads(folder, certificate, names):
    def change(names):
        names.txt(DOMAIN, "v=spf1 include:provider.example -all")
        names.txt("provider.example", "v=spf1 ip4:198.18.0.9 -all")
        names.host("smtp.provider.example", "198.18.0.9")
    with serving_with(folder / "preflight-route", certificate, names, change,
                      f"routes:\n  - {{name: provider, from: {DOMAIN}, via: 'smtp://smtp.provider.example'}}\n", GATEPOST_RELAY="mx?tls=opportunistic",
                      GATEPOST_RELAY_DNS_SERVER=f"127.0.0.1@{names.port}", GATEPOST_POLICY_PREFLIGHT_MODE="enforce") as server:
        assert "nothing stands against it" in looked_at(server)


def test_the_envelopes_domain_is_judged_by_its_spf(folder, certificate, ca, new_sink, names, context):
    """RFC 7208 2.4. Where a provider signs, the relay finds whom mail is from all the same."""
    sink = new_sink()

    def change(names):
        names.txt("env.example", "v=spf1 ip4:nowhere -all")
        names.txt("from.example", "v=spf1 ip6:nowhere -all")
    with serving_with(folder / "preflight-envelope", certificate, names, change, **relay_to(sink, ca), GATEPOST_DKIM_SIGN="no",
                      GATEPOST_RELAY_DNS_SERVER=f"127.0.0.1@{names.port}", GATEPOST_POLICY_PREFLIGHT_MODE="enforce", GATEPOST_POLICY_PREFLIGHT_ACTION="refuse") as server:
        account = server.account("--send-as", "user1@example.org", "--send-as", "a@env.example", "--send-as", "b@from.example")
        looked_at(server)

        def submitted(sender, author, number):
            with signed_in(server, context, account) as wire:
                return submit(wire, sender, [f"envelope{number}@example.net"], f"From: <{author}>\r\n\r\nx\r\n.\r\n")
        assert submitted("a@env.example", "b@from.example", 1)[0] == 250        # nobody has looked yet
        for domain in "env.example", "from.example":
            until(f"a look at {domain}", lambda: f"event=preflight domain={domain}" in server.log(), 15)
        code, lines = submitted("a@env.example", account.name, 2)
        assert code == 550 and "mail from env.example: spf: " in lines[0]
        code, lines = submitted(account.name, "b@from.example", 3)
        assert code == 550 and "mail from from.example: spf: " in lines[0]
