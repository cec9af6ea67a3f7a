"""A dialogue by hand, for what no decent client would send."""
import base64
import re
import socket
import ssl

INCIDENT = re.compile(r" \(incident ([0-9A-HJKMNP-TV-Z]{10})\)$")


class Wire:
    def __init__(self, port, context=None, implicit=False, name="localhost", host="127.0.0.1", room=None, source=None):
        """room: so small is the kernel's buffer for what comes in."""
        self.context, self.name = context, name
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.settimeout(20)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        if implicit:
            self.handshake()
        else:
            self.file = self.socket.makefile("rb")
        self.greeting = self.hear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """The file holds the socket open as long as it is open itself."""
        self.file.close()
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets if isinstance(octets, bytes) else octets.encode())

    def hear(self):
        """The next reply as (code, its lines without the code); (0, []) when the connection is closed. An incident that it names is
        another each time: it goes to `incident`.
        """
        lines, self.incident = [], ""
        while line := self.line():
            named = INCIDENT.search(line)
            self.incident = named[1] if named else ""
            lines.append(INCIDENT.sub("", line)[4:])
            if line[3:4] != "-":
                return int(line[:3]), lines
        return 0, lines

    def line(self):
        try:
            return self.file.readline().decode("utf-8", "replace").rstrip("\r\n")
        except (ConnectionError, ssl.SSLError):
            return ""

    def say(self, text):
        self.send(text + "\r\n")
        return self.hear()

    def handshake(self, **more):
        self.socket = self.context.wrap_socket(self.socket, server_hostname=self.name, **more)
        self.file = self.socket.makefile("rb")

    def starttls(self):
        code, _ = self.say("STARTTLS")
        assert code == 220
        self.handshake()
        return self.say("EHLO client.example")

    def auth_plain(self, account):
        return self.say("AUTH PLAIN " + base64.b64encode(f"\0{account.name}\0{account.password}".encode()).decode())


def signed_in(gatepost, context, account, **more):
    """A session on the TLS port, signed in."""
    wire = Wire(gatepost.tls_port, context, implicit=True, **more)
    assert wire.greeting[0] == 220
    assert wire.say("EHLO client.example")[0] == 250
    assert wire.auth_plain(account)[0] == 235
    return wire


def open_message(wire, account, recipient):
    """As far as 354."""
    assert wire.say(f"MAIL FROM:<{account.name}>")[0] == 250
    assert wire.say(f"RCPT TO:<{recipient}>")[0] == 250
    assert wire.say("DATA")[0] == 354


def submit(wire, sender, recipients, message):
    """One transaction as far as it goes: the reply that ended it. The message is sent as it is, with its final dot."""
    reply = wire.say(f"MAIL FROM:<{sender}>")
    for recipient in recipients:
        if reply[0] == 250:
            reply = wire.say(f"RCPT TO:<{recipient}>")
    if reply[0] == 250:
        reply = wire.say("DATA")
    if reply[0] != 354:
        return reply
    wire.send(message)
    return wire.hear()
