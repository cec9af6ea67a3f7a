"""The mail hosts that the DNS names, and what came of mail to them."""
import itertools

from house import free_port, until
from names import Names
from sink import Sink

counter = itertools.count(1)


class World:
    """A gatepost that asks our DNS, and mail hosts that share a port, each at an address of its own."""

    def __init__(self, names=Names, port=None):
        self.names, self.port = names(), port or free_port()
        self.sinks = []

    def environment(self, tls="opportunistic", **more):
        return {"GATEPOST_RELAY": f"mx?tls={tls}", "GATEPOST_RELAY_MX_PORT": str(self.port), "GATEPOST_RELAY_IDLE_TIMEOUT": "0s",
                "GATEPOST_RELAY_ALLOW_LOOPBACK": "yes",
                "GATEPOST_RELAY_DNS_SERVER": f"127.0.0.1@{self.names.port}"} | more

    @staticmethod
    def address():
        """One that no other host has, in no world."""
        return f"127.0.1.{next(counter)}"

    def sink(self, certificate, name, address=None, **options):
        """A mail host with a name and an address."""
        address = address or self.address()
        made = Sink(certificate, port=self.port, address=address, **options)
        self.names.host(name, address)
        self.sinks.append(made)
        return made

    def close(self):
        for sink in self.sinks:
            sink.close()
        self.names.close()


def shown(gatepost, queue_id):
    """What `gatepost queue show` says once an attempt has failed; the log tells of it a moment before the commit."""
    def recorded():
        said = gatepost.run("queue", "show", queue_id)
        return None if " 0 attempts" in said else said
    until("a failed attempt", lambda: f"event=deferred queue_id={queue_id}" in gatepost.log())
    return until("a failed attempt on disk", recorded)


def was_given_mail(sink):
    return bool([line for line in sink.heard if line[:4] in (b"MAIL", b"RCPT", b"DATA")])
