"""What the end-to-end tests share: a certificate authority, a next hop, and gateposts of their own.

    GATEPOST_BIN=build/main/src/app/gatepost /usr/bin/python3 -m pytest tests/e2e
"""
import itertools
import os
import pathlib
import ssl
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from authority import Authority  # noqa: E402
from house import HOSTNAME, Gatepost, relay_to, serving  # noqa: E402
from names import Names  # noqa: E402
from policies import Policies  # noqa: E402
from sink import Sink  # noqa: E402
from world import World  # noqa: E402

sys.dont_write_bytecode = True
counter = itertools.count(1)


@pytest.fixture(scope="session")
def folder():
    """Not pytest's own: gatepost's roles give up root and must be able to walk to their folders."""
    with tempfile.TemporaryDirectory(prefix="gatepost-e2e-") as made:
        os.chmod(made, 0o755)
        yield pathlib.Path(made)


@pytest.fixture(scope="session")
def authority(folder):
    return Authority(folder / "ca")


@pytest.fixture(scope="session")
def ca(authority):
    return authority.ca


@pytest.fixture(scope="session")
def context(ca):
    return ssl.create_default_context(cafile=ca)


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue("gatepost", HOSTNAME, "localhost", "127.0.0.1")


@pytest.fixture(scope="session")
def sink_certificate(authority):
    return authority.issue("sink", "sink.example.net", "localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def world(request):
    """The DNS of a file, and its mail hosts; NAMES there: of another kind."""
    made = World(getattr(request.module, "NAMES", Names))
    yield made
    made.close()


@pytest.fixture(scope="module")
def policies(world, authority):
    """The web servers at which its domains have policies."""
    made = Policies(authority, world.names)
    yield made
    made.close()


@pytest.fixture(scope="module")
def strangers(folder, request):
    """Whom nobody trusts."""
    return Authority(folder / f"{request.module.__name__}-strangers", "nobody's CA")


@pytest.fixture
def new_sink(sink_certificate):
    made = []

    def make(certificate=sink_certificate, **options):
        made.append(Sink(certificate, **options))
        return made[-1]
    yield make
    for sink in made:
        sink.close()


@pytest.fixture
def new_gatepost(folder, certificate, ca):
    """new_gatepost(sink, KEY=VALUE...): one that runs; it must end in order, with nothing left and no password in its log."""
    made = []

    def make(sink=None, tls="required", start=True, own_certificate=True, **environment):
        place = folder / f"gatepost-{next(counter)}"
        place.mkdir()
        settings = (relay_to(sink, ca, tls) if sink else {}) | environment
        made.append(Gatepost(place, certificate if own_certificate else None, **settings))
        return made[-1].start() if start else made[-1]
    yield make
    try:
        for gatepost in made:
            gatepost.stop()
            gatepost.check_log()
    finally:
        for gatepost in made:
            gatepost.kill()


@pytest.fixture(scope="session")
def sink(sink_certificate):
    """The next hop of the shared gatepost: each test looks for recipients of its own."""
    made = Sink(sink_certificate)
    yield made
    made.close()


@pytest.fixture(scope="session")
def gatepost(folder, certificate, sink, ca):
    """One for all tests that change nothing but accounts and mail."""
    with serving(folder / "gatepost", certificate, **relay_to(sink, ca)) as made:
        yield made


@pytest.fixture
def running():
    """What is put in is stopped in the end."""
    made = []
    yield made
    for one in made:
        one.stop()


@pytest.fixture
def account(gatepost):
    return gatepost.account()


@pytest.fixture
def recipient():
    return f"lena{next(counter)}@example.net"
