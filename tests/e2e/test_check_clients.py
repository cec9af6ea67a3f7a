"""What gatepost check says of clients, beside what the clients do."""
import json
import subprocess

import pytest

import recorded
from house import GATEPOST

OFFERS = {"all": (["old-mechanisms"], "SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5"), "without PLAIN": (["old-mechanisms", "no-plain"], "SCRAM-SHA-256 LOGIN CRAM-MD5"),
          "the usual": (["no-scram"], "PLAIN LOGIN"), "without the old": (["waits"], "SCRAM-SHA-256 PLAIN LOGIN")}
GAPS = {"curl": ("SCRAM-SHA-256",)}      # what Debian's program lacks, and the row says so


@pytest.fixture(scope="module")
def clients():
    said = subprocess.run([GATEPOST, "check", "--list-clients", "--json"], capture_output=True, text=True, check=True).stdout
    return {client["name"]: client for client in json.loads(said)}


@pytest.fixture(scope="module")
def served(authority):
    return authority.issue("recorded", "localhost", days=60)


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("name", recorded.PROGRAMS)
def test_a_client_does_what_is_said_of_it(clients, served, ca, name, offer):
    if recorded.missing(name):
        pytest.skip(recorded.missing(name))
    client, (faults, offered) = clients[name], OFFERS[offer]
    heard = recorded.record(name, served, ca, *faults)
    known = [mechanism for mechanism in client["mechanisms"].split() if mechanism not in GAPS.get(name, ())]
    assert heard.mechanism == next(mechanism for mechanism in known if mechanism in offered.split())
    if heard.mechanism == "PLAIN":
        assert heard.initial == client["initial_response"]
    assert all(bool(server) == client["server_name"] for server in heard.names) and heard.names
    assert heard.pipelined == ([client["pipelining"]] if "waits" in faults else [])
    assert client["source"].startswith("recorded")


def test_what_is_not_recorded_says_so(clients):
    for name, client in clients.items():
        assert (name in recorded.PROGRAMS) == client["source"].startswith("recorded"), name
        assert name in recorded.PROGRAMS or any(word in client["source"] for word in ("not recorded", "no capture", "made up")), name
