"""A mail server that is wrong in whatever way it is told to be: each fault is a word. Without any it is as good as it needs to be for
`gatepost check` to get everywhere. It keeps no mail, and a password only for the account it was made with."""
import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import threading
import time

NAME = "wrong.example.org"
OFFERS = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 1000000", "CHUNKING")


REFUSALS = {"says-554": (554, "5.7.8", "no"), "says-454": (454, "4.7.0", "later"), "says-421": (421, "4.7.0", "go away"), "says-nothing": None}


def encode(octets):
    return base64.b64encode(octets if isinstance(octets, bytes) else octets.encode()).decode()


def tls_context(certificate, faults, second=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ciphers = {"old-versions": "ALL:!aNULL:!eNULL:@SECLEVEL=0", "weak-suites": "ALL:eNULL:aNULL:@SECLEVEL=0", "no-forward-secrecy": "ALL:@SECLEVEL=1"}
    context.set_ciphers(next((ciphers[fault] for fault in faults if fault in ciphers), "ECDHE+AESGCM:@SECLEVEL=0"))
    context.load_cert_chain(*certificate)
    if "old-versions" in faults:
        context.minimum_version = ssl.TLSVersion.TLSv1
    if "no-1.3" in faults:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if "no-resumption" in faults:
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
    if "any-name" in faults:
        other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        other.load_cert_chain(*second)

        def choose(connection, name, _):
            if name != "localhost":
                connection.context = other
        context.sni_callback = choose
    if "needs-sni" in faults:
        def refuse(_, name, __):
            return None if name else ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
        context.sni_callback = refuse
    return context


class WrongServer:
    """listen in a thread; a thread for each connection."""

    def __init__(self, certificate, *faults, account=("lena@example.org", "a right password"), implicit=False, second=None, at=("127.0.0.1", 0)):
        self.faults, self.account, self.implicit = set(faults), account, implicit
        self.context = None if "broken-tls" in self.faults else tls_context(certificate, self.faults, second)
        self.listener = socket.create_server(at)
        self.port = self.listener.getsockname()[1]
        self.tried, self.messages, self.connections, self.secrets = [], [], [], []
        self.said, self.names = [], []       # command lines and names of servers, as clients say them
        self.pipelined = []                  # of each MAIL, if it "waits": whether more came before the answer
        if self.context and self.context.sni_callback is None:
            self.context.sni_callback = lambda _, name, __: self.names.append(name)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(time.monotonic())
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            Session(self, client).run()
        except (OSError, EOFError, ssl.SSLError):
            pass
        finally:
            client.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)     # what waits in accept() would hold it open
        self.listener.close()


class Session:
    def __init__(self, server, client):
        self.server, self.faults, self.socket = server, server.faults, client
        self.buffer, self.secure, self.hello, self.user, self.sender = b"", False, False, None, None
        self.wrong = 0

    # ---- octets
    def send(self, text):
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def fill(self):
        got = self.socket.recv(65536)
        if not got:
            raise EOFError
        self.buffer += got

    def hears_more(self):
        """Before it has answered; who waits for an answer says nothing."""
        self.socket.settimeout(1)
        try:
            self.fill()
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(None)
        return True

    def line(self, most=None):
        """As the faults say: what ends a line, and how long one may be."""
        ends = [b"\r\n"] + ([b"\n"] if "bare-lf" in self.faults else []) + ([b"\r"] if "bare-cr" in self.faults else [])
        while True:
            found = [(self.buffer.find(end), -len(end), end) for end in ends if end in self.buffer]
            if most and (min(found)[0] if found else len(self.buffer)) > most:
                cut, self.buffer = self.buffer[:most], self.buffer[most:]
                return cut
            if found:
                at, _, end = min(found)
                line, self.buffer = self.buffer[:at], self.buffer[at + len(end):]
                return line
            self.fill()

    def say(self, code, enhanced, text):
        if enhanced and "no-codes" not in self.faults:
            text = f"{enhanced} {text}"
        self.send(f"{code} {text}\r\n")
        if code >= 500 and "hangs-up" in self.faults:
            raise EOFError

    # ---- the session
    def run(self):
        if "crowded" in self.faults and len(self.server.connections) > 4:
            return self.say(421, "4.7.0", "too many")
        if "drip" in self.faults:
            for octet in "220 " + NAME * 1000:
                self.send(octet)
                time.sleep(0.2)
        if "noise" in self.faults:
            self.send(os.urandom(100000))
        if "idle" in self.faults:
            self.socket.settimeout(1)
        if "silent" in self.faults:
            self.fill()
        if self.server.implicit:
            self.handshake()
        self.send("220 " + ("\x1b]0;owned\x07 <script>&" if "escapes" in self.faults else "ready" if "greeting" in self.faults else
                            NAME + " ESMTP Sendit 1.2.3" if "version" in self.faults else NAME + " ESMTP") + "\r\n")
        if "endless" in self.faults:
            while True:
                self.send("250-" + "x" * 500 + "\r\n")
        if "long-reply" in self.faults:
            self.send("250 " + "x" * 1000000)
        while True:
            line = self.line(1000 if "long-command" in self.faults else None)
            if len(line) > 500 and "short-command" in self.faults:
                self.say(500, "5.5.6", "too long")
                continue
            if b"\0" in line and "nul" in self.faults:
                line = line[:line.index(b"\0")]
            words = line.decode("latin-1")
            self.server.said.append(words)
            verb = words.split(" ")[0].upper()
            if verb == "QUIT":
                return self.say(221, "2.0.0", "bye")
            act = getattr(self, "do_" + verb.lower(), None) if verb.isalpha() else None
            if act:
                act(words)
            else:
                self.say(*((250, "2.0.0", "fine") if "unknown-command" in self.faults else (500, "5.5.2", "what?")))

    def handshake(self):
        if not self.server.context:
            raise EOFError
        self.socket = self.server.context.wrap_socket(self.socket, server_side=True)
        self.secure = True
        if "ticket-auth" in self.faults and self.socket.session_reused:
            self.user = self.server.account[0]

    def do_ehlo(self, line):
        name = line[5:].strip()
        if "forgets" in self.faults:
            self.user = None
        if "no-ehlo" in self.faults:
            return self.say(550, "5.7.1", "no")
        if not name and "empty-name" not in self.faults:
            return self.say(501, "5.5.4", "a name")
        self.hello = True
        offers = [o for o in OFFERS if not ("lacks" in self.faults and o == "8BITMIME") and not ("no-size" in self.faults and o.startswith("SIZE"))]
        if "obsolete" in self.faults:
            offers.append("ETRN")
        if not self.secure and "stripped" in self.faults:
            offers.append("XXXXXXXA")
        elif (not self.secure or "starttls-again" in self.faults) and "no-tls" not in self.faults:
            offers.append("STARTTLS")
        if self.secure or "auth-in-clear" in self.faults:
            if "no-auth" not in self.faults:
                offers.append("AUTH " + self.mechanisms())
            if "auth-equals" in self.faults:
                offers.append("AUTH=LOGIN")
        first = "hello" if "name" in self.faults else NAME
        self.send("".join(f"250-{o}\r\n" for o in [first, *offers[:-1]]) + f"250 {offers[-1]}\r\n")
        return None

    def mechanisms(self):
        if "no-scram" in self.faults:
            return "PLAIN LOGIN"
        names = ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
        if self.faults & {"old-mechanisms", "cram-repeats", "cram-early"}:
            names.append("CRAM-MD5")
        if "anonymous" in self.faults:
            names.append("ANONYMOUS")
        if "bearer" in self.faults:
            names.append("OAUTHBEARER")
        if self.faults & {"plus", "any-binding", "downgrade"}:
            names.insert(0, "SCRAM-SHA-256-PLUS")
        return " ".join(n for n in names if not (n == "PLAIN" and "no-plain" in self.faults))

    def do_helo(self, _):
        if "no-helo" in self.faults:
            return self.say(502, "5.5.1", "EHLO")
        return self.say(250, "", NAME)

    def do_noop(self, _):
        if "pipelining" in self.faults:
            self.buffer = b""
        self.say(250, "2.0.0", "ok")

    def do_rset(self, _):
        self.sender = None
        if "pipelining" in self.faults:
            self.buffer = b""
        self.say(250, "2.0.0", "ok")

    def do_starttls(self, line):
        if line.strip().upper() != "STARTTLS" and "starttls-argument" not in self.faults:
            return self.say(501, "5.5.4", "no argument")
        self.say(220, "2.0.0", "go on")
        if "injection" not in self.faults:
            self.buffer = b""
        self.hello = False
        return self.handshake()

    def do_vrfy(self, line):
        known = "postmaster" in line and "vrfy" in self.faults
        self.say(*((250, "2.1.5", "<postmaster@example.org>") if known else (550, "5.1.1", "no such") if "vrfy" in self.faults else (252, "2.0.0", "try")))

    # ---- mail
    def do_mail(self, line):
        if "waits" in self.faults:
            self.server.pipelined.append(bool(self.buffer) or self.hears_more())
        if "pipelining" in self.faults:
            self.buffer = b""
        if not self.user and not self.faults & {"late", "open", "forms", "auth-in-transaction"}:
            return self.say(*((550, "5.7.1", "no") if "relay-code" in self.faults else (530, "5.7.0", "sign in")))
        size = re.search(r"SIZE=(\d+)", line)
        if size and int(size[1]) > 1000000 and "size" not in self.faults:
            return self.say(552, "5.3.4", "too large")
        if "AUTH=" in line and "auth-parameter" in self.faults:
            return self.say(555, "5.5.4", "AUTH?")
        sender = re.search(r"<(.*?)>", line)[1]
        if "null-mx" in self.faults and "@example." in sender:
            return self.say(556, "5.1.10", "takes no mail")
        if self.user and sender.lower() != self.user and "spoof" not in self.faults:
            return self.say(553, "5.7.1", "not yours")
        self.sender, self.recipients = sender, 0
        return self.say(250, "2.1.0", "ok")

    def do_rcpt(self, line):
        if self.sender is None:
            return self.say(503, "5.5.1", "MAIL")
        if any(ord(c) > 127 for c in line) and "8bit" not in self.faults:
            return self.say(553, "5.6.7", "ASCII")
        self.recipients += 1
        if "few-recipients" in self.faults and self.recipients > 20:
            return self.say(452, "4.5.3", "enough")
        disguised = re.search(r"[%!\"]|<@", line)
        if self.user or "open" in self.faults or ("forms" in self.faults and disguised):
            return self.say(250, "2.1.5", "ok")
        return self.say(*((550, "5.7.1", "no") if "relay-code" in self.faults else (530, "5.7.0", "sign in")))

    def do_data(self, _):
        if not self.sender:
            return self.say(503, "5.5.1", "MAIL")
        self.say(354, "", "go on")
        ends = [b"\r\n.\r\n"] + ([b"\n.\n", b"\n.\r\n", b"\r.\r"] if "end-of-data" in self.faults else [])
        while not any(end in self.buffer for end in ends):
            self.fill()
        at, end = min((self.buffer.find(e), e) for e in ends if e in self.buffer)
        text, self.buffer = self.buffer[:at], self.buffer[at + len(end):]
        self.sender = None
        if b"\0" in text and "nul-text" not in self.faults or b"x" * 900 in text and "text-line" in self.faults:
            return self.say(550, "5.6.0", "no")
        if not text.isascii() and "lacks" in self.faults:
            return self.say(550, "5.6.1", "7 bits")
        headers = text.split(b"\r\n\r\n")[0].decode("latin-1").lower()
        if re.search(rb"(?<!\r)\n|\r(?!\n)", text) and not self.faults & {"takes-bare", "end-of-data"}:
            return self.say(550, "5.6.11", "bare")
        if headers.count("\r\nfrom:") + headers.startswith("from:") > 1 and "many-from" not in self.faults:
            return self.say(550, "5.6.0", "From")
        if self.user not in headers and "spoof-from" not in self.faults:
            return self.say(550, "5.7.1", "From")
        self.server.messages.append(text)
        return self.say(250, "2.0.0", "queued")

    # ---- signing in
    def do_auth(self, line):
        words = line.split()
        if not self.secure and "clear-code" in self.faults:
            return self.say(535, "5.7.8", "no")
        if not self.hello and "before-hello" not in self.faults:
            return self.say(503, "5.5.1", "EHLO")
        if self.user and "twice" not in self.faults:
            return self.say(503, "5.5.1", "you are")
        if self.sender is not None and "auth-in-transaction" not in self.faults:
            return self.say(503, "5.5.1", "not now")
        if len(words) < 2:
            return self.say(*((535, "5.7.8", "what?") if "no-mechanism" in self.faults else (501, "5.5.4", "which?")))
        name = words[1] if "case" in self.faults else words[1].upper()
        offered = (self.mechanisms().split() if self.secure or "auth-in-clear" in self.faults or "unadvertised" in self.faults else [])
        if name not in offered or not hasattr(self, "auth_" + name.lower().replace("-", "_")):
            return self.say(*((535, "5.7.8", "what?") if "unknown-mechanism" in self.faults else (504, "5.5.4", "no such")))
        if "refuses-login" in self.faults and name == "LOGIN":
            return self.say(535, "5.7.8", "no")
        initial = words[2] if len(words) > 2 else None
        if initial == "=" and "empty-response" in self.faults:
            initial = None
        return getattr(self, "auth_" + name.lower().replace("-", "_"))(initial)

    def ask(self, challenge=""):
        """The decoded response, or None when the exchange is over."""
        self.send(f"334 {challenge}\r\n")
        most = 8000 if "out-of-step" in self.faults else None
        line = self.line(most)
        if most and len(line) == most:
            return self.say(500, "5.5.6", "too long")
        if len(line) > (2000 if "short-lines" in self.faults else 16000):
            return self.say(500, "5.5.6", "too long")
        return self.decode(line.decode("latin-1"))

    def decode(self, line):
        if line == "*":
            return self.say(*((535, "5.7.8", "no") if "cancel" in self.faults else (501, "5.7.0", "cancelled")))
        try:
            return base64.b64decode("" if line == "=" else line, validate=True)
        except ValueError:
            return self.say(*((535, "5.7.8", "no") if "not-base64" in self.faults else (501, "5.5.2", "base64")))

    def judge(self, user, right, said=b""):
        self.server.tried.append((user, right))
        known = user == self.server.account[0]
        if "any-user" in self.faults and not known or "any-password" in self.faults and known:
            right = True
        if right:
            self.user = self.server.account[0]
            return self.say(235, "2.7.0", "welcome")
        self.wrong += 1
        for fault in self.faults & REFUSALS.keys():
            if REFUSALS[fault]:
                self.say(*REFUSALS[fault])
            if fault in ("says-421", "says-nothing"):
                raise EOFError
            return None
        if "tells" in self.faults and not known:
            return self.say(535, "5.7.8", "no such user")
        if "echoes" in self.faults:
            return self.say(535, "5.7.8", f"not {encode(said)} = {said.decode().split(chr(0))[-1]}")
        if "remembers" in self.faults and self.server.secrets:
            owner, secret = self.server.account
            plain = encode(chr(0) + owner + chr(0) + secret)
            return self.say(454, "4.7.0", f"{'not that one' * 12} {secret} {plain} {encode(secret)}" if len(self.server.tried) % 2 else f"no: {secret} {plain}")
        if "time" in self.faults and known:
            time.sleep(0.2)
        self.say(*((454, "4.7.0", "later") if "failure-code" in self.faults else (535, "5.7.8", "no")))
        if "drops" in self.faults:
            raise EOFError
        return None

    def auth_plain(self, initial):
        response = self.decode(initial) if initial else self.ask("aGVsbG8=" if "empty-challenge" in self.faults else "")
        if response is None:
            return
        parts = response.split(b"\0")
        if len(parts) != 3:
            self.say(535, "5.7.8", "no")
            return
        user, password = parts[1].decode(), parts[2].decode()
        self.server.secrets.append(password)
        self.judge(user, (user, password) == self.server.account, response)

    def auth_login(self, initial):
        user = self.decode(initial) if initial else self.ask(encode("Who?" if "login-prompt" in self.faults else "Username:"))
        password = user and self.ask(encode("Password:"))
        if password is not None and user is not None:
            self.judge(user.decode(), (user.decode(), password.decode()) == self.server.account or "any-login" in self.faults)

    def auth_cram_md5(self, initial):
        if initial and "cram-early" not in self.faults:
            self.say(501, "5.7.0", "the server speaks first")
            return
        challenge = f"<{'same' if 'cram-repeats' in self.faults else os.urandom(8).hex()}@{NAME}>"
        response = self.ask(encode(challenge))
        if response is None:
            return
        user, _, digest = response.decode().rpartition(" ")
        self.judge(user, digest == hmac.new(self.server.account[1].encode(), challenge.encode(), "md5").hexdigest())

    def auth_oauthbearer(self, initial):
        """RFC 7628: who is refused is told why, and answers with one octet."""
        response = (self.decode(initial) if initial else self.ask())
        if response is None:
            return
        user, token = re.search(rb"a=([^,]*),", response)[1].decode(), re.search(rb"auth=Bearer ([^\x01]*)", response)[1].decode()
        self.server.secrets.append(token)
        right = (user, token) == self.server.account
        if not right and self.ask(encode('{"status":"invalid_token"}')) is None:
            return
        self.judge(user, right, response)

    def auth_scram_sha_256(self, initial):
        self.scram(initial, False)

    def auth_scram_sha_256_plus(self, initial):
        self.scram(initial, True)

    def scram(self, initial, plus):
        """RFC 5802, 7677. The binding can not be had from Python's ssl: with -PLUS any is taken ("any-binding"), or none."""
        first = (self.decode(initial) if initial else self.ask())
        if first is None:
            return
        flag, _, bare = first.decode().partition(",")[0], None, first.decode().split(",", 2)[2]
        user = bare.split(",")[0][2:]
        nonce = bare.split("r=")[1] + os.urandom(9).hex()
        salt, rounds = b"salt of the wrong", 4096
        server_first = f"r={nonce},s={encode(salt)},i={rounds}"
        final = self.ask(encode(server_first))
        if final is None:
            return
        without, _, proof = final.decode().rpartition(",p=")
        salted = hashlib.pbkdf2_hmac("sha256", self.server.account[1].encode(), salt, rounds)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        message = f"{bare},{server_first},{without}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        right = base64.b64decode(proof) == bytes(a ^ b for a, b in zip(client_key, signature)) and user == self.server.account[0]
        if flag == "y" and "SCRAM-SHA-256-PLUS" in self.mechanisms() and "downgrade" not in self.faults:
            right = False
        if plus and "any-binding" not in self.faults:
            right = False
        if right:
            server_key = hmac.digest(salted, b"Server Key", "sha256")
            if self.ask(encode("v=" + encode(hmac.digest(server_key, message, "sha256")))) is None:
                return
        self.judge(user, right)
