"""The next hop: an SMTP server that keeps what arrives and fails on request. It speaks for itself, with no SMTP code of ours."""
import base64
import collections
import json
import socket
import socketserver
import ssl
import threading
import time

from house import until

Arrived = collections.namedtuple("Arrived", "sender options recipients data tls login paper peer", defaults=[None, None])
DROP = object()      # an answer: close the connection instead
GARBAGE = object()   # an answer: what is no SMTP at all


def slow(seconds, reply):
    def answer():
        time.sleep(seconds)
        return reply
    return answer


class Closed(Exception):
    pass


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.sink, self.tls, self.login, self.paper = self.server.sink, None, None, None
        try:
            if self.sink.tls == "implicit":
                self.secure()
            self.forget()
            self.answer("CONNECT", "220 sink.example.net ESMTP")
            while line := self.rfile.readline():
                self.command(line)
        except (OSError, Closed, ssl.SSLError):
            pass

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def answer(self, verb, reply):
        """The reply, or what the script has for this verb. True: it was a yes."""
        reply = self.sink.scripted(verb) or reply
        reply = reply() if callable(reply) else reply
        if reply is DROP:
            raise Closed
        if reply is GARBAGE:
            self.wfile.write(b"\x16\x03\x01 what?\r\n" * 3)
            raise Closed
        self.say(reply)
        return reply[0] in "23"

    def forget(self):
        self.sender, self.options, self.recipients = None, "", []      # None: no transaction

    def secure(self):
        self.connection = self.sink.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.tls = self.connection.version()
        shown = dict(pair for part in (self.connection.getpeercert() or {}).get("subject", ()) for pair in part)
        self.paper = shown.get("commonName")

    def command(self, line):
        verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
        self.sink.heard.append(line)
        getattr(self, "on_" + verb.lower(), self.on_other)(rest)

    def on_other(self, _rest):
        self.say("500 5.5.2 what?")

    def on_ehlo(self, _rest):
        bits = ["8BITMIME", "SMTPUTF8"] if self.sink.eight else []
        offers = ["sink.example.net", "PIPELINING", *bits, "SIZE 100000000", "ENHANCEDSTATUSCODES", *self.sink.offers]
        if self.sink.tls == "starttls" and not self.tls:
            offers.append("STARTTLS")
        elif mechanisms := self.sink.mechanisms(self.paper):
            offers.append("AUTH " + mechanisms)
        self.answer("EHLO", "\r\n".join(f"250{'-' if n + 1 < len(offers) else ' '}{offer}" for n, offer in enumerate(offers)))

    def on_starttls(self, _rest):
        if self.answer("STARTTLS", "220 2.0.0 go ahead"):
            self.secure()

    def on_auth(self, rest):
        mechanism, _, initial = rest.partition(" ")
        if mechanism in ("OAUTHBEARER", "XOAUTH2"):
            return self.on_token(initial)
        if mechanism == "EXTERNAL":             # RFC 4422 A.1: "=" is nobody but who the certificate says
            name = "" if initial == "=" else base64.b64decode(initial).decode()
            good = self.paper in self.sink.papers and name in ("", self.paper)
            self.login = self.paper if good else None
            return self.answer("AUTH", "235 2.7.0 welcome" if good else "535 5.7.8 no")
        name, password = [*base64.b64decode(initial).decode().split("\0"), "", ""][1:3]
        good = self.sink.logins.get(name) == password
        self.login = name if good else None
        return self.answer("AUTH", "235 2.7.0 welcome" if good else "534 5.7.9 not " + (f"{password}: {initial}" if self.sink.repeats else "now"))

    def on_token(self, initial):
        if not initial:                         # it did not fit behind AUTH
            self.say("334 ")
            initial = self.rfile.readline().decode().strip()
        head, *pairs = base64.b64decode(initial).decode().split("\1")
        name = head.removeprefix("user=") if head.startswith("user=") else head.split(",")[1].removeprefix("a=")
        good = f"auth=Bearer {self.sink.tokens.get(name)}" in pairs
        if not good:                            # RFC 7628 3.2.2: what is said to that says nothing
            said = next(pair.removeprefix("auth=Bearer ") for pair in pairs if pair.startswith("auth="))
            status = said[:60] if self.sink.repeats else "invalid_token"
            self.say("334 " + base64.b64encode(json.dumps({"status": status, "scope": "mail"}).encode()).decode())
            self.sink.heard.append(self.rfile.readline())
        self.login = name if good else None
        return self.answer("AUTH", "235 2.7.0 welcome" if good else "535 5.7.8 no" + (f" {said} in {initial}" if self.sink.repeats else ""))

    def on_mail(self, rest):
        if self.sink.mechanisms(self.paper) and not self.login:
            return self.say("530 5.7.0 sign in first")
        address, _, options = rest[len("FROM:<"):].partition(">")
        if self.answer("MAIL", "250 2.1.0 ok"):
            self.sender, self.options = address, options.strip()

    def on_rcpt(self, rest):
        if self.sender is None:
            return self.say("503 5.5.1 MAIL first")
        if self.sink.relays is not None and self.paper not in self.sink.relays:
            return self.say("554 5.7.1 relay access denied")
        address, _, options = rest[len("TO:<"):].partition(">")
        if self.answer("RCPT", self.sink.refusals.get(address, "250 2.1.5 ok")):
            self.recipients.append((address, options.strip()))
        return None

    def on_data(self, _rest):
        if not self.recipients:
            return self.say("554 5.5.1 no recipient")
        if not self.answer("DATA", "354 go on"):
            return None
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise Closed
            lines.append(line[1:] if line.startswith(b".") else line)
        arrived = Arrived(self.sender, self.options, self.recipients, b"".join(lines), self.tls, self.login, self.paper, self.client_address[0])
        if self.sink.scripts["DOT"] and self.sink.scripts["DOT"][0] is DROP:
            self.sink.unanswered.append(arrived)
        if self.answer("DOT", "250 2.0.0 kept"):
            self.sink.arrived.append(arrived)
        return self.forget()

    def on_rset(self, _rest):
        self.forget()
        self.say("250 2.0.0 ok")

    def on_noop(self, _rest):
        self.say("250 2.0.0 ok")

    def on_quit(self, _rest):
        self.say("221 2.0.0 bye")
        raise Closed


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 128

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, request, client_address):
        pass                                    # a handshake that the client gave up is a result, not an error


class Sink:
    """tls: "starttls", "implicit" or "none". logins: name to password, tokens: name to bearer token, papers: names in certificates that
    EXTERNAL lets in; without one there is no AUTH. client_ca: asks for certificates, which are to be its. relays: names that may send
    for their certificate alone; None: all may. eight: takes 8-bit mail (8BITMIME, SMTPUTF8)."""

    def __init__(self, certificate, tls="starttls", logins=None, tokens=None, port=0, offers=("DSN",), address="127.0.0.1", papers=(), client_ca=None,
                 relays=None, version=None, eight=True):
        self.tls, self.logins, self.tokens, self.offers = tls, logins or {}, tokens or {}, offers
        self.papers, self.relays, self.eight = papers, relays, eight
        self.repeats = False                    # the password or token, in what it says of one that it refuses
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        if version:
            self.context.maximum_version = version
        if client_ca:
            self.context.verify_mode = ssl.CERT_OPTIONAL
            self.context.load_verify_locations(client_ca)
        self.address, self.port = address, port
        self.reset()
        self.server = None
        self.open()

    def mechanisms(self, paper=None):
        return " ".join(["PLAIN LOGIN"] * bool(self.logins) + ["XOAUTH2 OAUTHBEARER"] * bool(self.tokens) + ["EXTERNAL"] * bool(self.papers and paper))

    def open(self):
        self.server = Server((self.address, self.port), Session)
        self.server.sink, self.port = self, self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def reset(self):
        self.arrived, self.unanswered, self.heard = [], [], []
        self.scripts, self.refusals = collections.defaultdict(list), {}

    def script(self, verb, *answers):
        """The next answers to a verb (CONNECT, EHLO, ..., DATA, DOT): a reply, DROP, GARBAGE, or a function that makes one."""
        self.scripts[verb].extend(answers)

    def scripted(self, verb):
        return self.scripts[verb].pop(0) if self.scripts[verb] else None

    def for_(self, recipient):
        return [message for message in self.arrived if recipient in [address for address, _ in message.recipients]]

    def wait(self, recipient, count=1):
        return until(f"message for {recipient}", lambda: self.for_(recipient)[count - 1:] and self.for_(recipient))[count - 1]
