"""gatepost check against servers set up well, where it must raise nothing, and a wrong one of ours, where it must raise each finding."""
import json
import os
import subprocess

import pytest

from house import GATEPOST, HOSTNAME, serving

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")}


def check(*words, stdin=None, status=None):
    done = subprocess.run([GATEPOST, "check", *map(str, words)], env=ENVIRONMENT, input=stdin, capture_output=True, text=True, timeout=120, check=False)
    assert status is None or done.returncode == status, f"{done.returncode}\n{done.stdout}{done.stderr}"
    return done


def report(*words, **more):
    return json.loads(check(*words, "--json", **more).stdout)


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
    found = report(f"localhost:{port}", way, "--ca-file", ca, status=0)
    assert found["findings"] == []
    assert set(found["grades"].values()) == {"A"} and found["server"] == "gatepost"
