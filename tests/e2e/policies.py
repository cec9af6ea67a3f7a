"""Web servers of mta-sts.DOMAIN on loopback, one for all domains: each host has a certificate and an answer of its own (RFC 8461 3.3)."""
import http.server
import ssl
import threading

PATH = "/.well-known/mta-sts.txt"
ENDLESS = object()      # an answer: a body that does not end


def policy(mode, *hosts, max_age=86400):
    return "".join(f"{line}\r\n" for line in ["version: STSv1", f"mode: {mode}", *[f"mx: {host}" for host in hosts], f"max_age: {max_age}"])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        owner, host = self.server.owner, self.headers["Host"].partition(":")[0]
        owner.asked.append((host, self.path))
        answer = owner.answers.get(host) if self.path == PATH else None
        if answer is ENDLESS:
            return self.flood()
        status, headers, body = answer or (404, {}, "no")
        self.send_response(status)
        for name, value in ({"Content-Type": "text/plain", "Content-Length": len(body)} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        owner = self.server.owner
        owner.posted.append((self.path, self.headers["Content-Type"], body))
        says = owner.says[self.path].pop(0) if owner.says.get(self.path) else 201
        if isinstance(says, threading.Event):
            says.wait(30)
            return
        self.send_response(says)
        self.send_header("Location", f"https://{self.headers['Host']}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def flood(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        while True:
            self.wfile.write(b"mx: another.example\r\n" * 1000)

    def log_message(self, *_words):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass                                    # a client that went away is a result, not an error


class Policies:
    def __init__(self, authority, names, address="127.0.4.1"):
        self.authority, self.names, self.address = authority, names, address
        self.answers, self.contexts, self.asked, self.posted = {}, {}, [], []
        self.says = {}                          # path: statuses of the next answers to a POST there; an event: none, and no sooner
        self.server = Server((address, 0), Handler)
        self.server.owner, self.port = self, self.server.server_address[1]
        context = self.new_context(authority.issue("policies", "policies.example"))
        context.sni_callback = self.choose
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @staticmethod
    def new_context(certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return context

    def choose(self, connection, name, _context):
        if name in self.contexts:
            connection.context = self.contexts[name]

    def serve(self, host, certificate=None):
        """Under that name, with a good certificate unless another one is given."""
        if host not in self.contexts:
            self.names.host(host, self.address)
        self.contexts[host] = self.new_context(certificate or self.authority.issue(host, host))

    def publish(self, domain, text, name="1", status=200, certificate=None, **headers):
        """The record and the file; text: ENDLESS for a flood."""
        self.serve(f"mta-sts.{domain}", certificate)
        self.answers[f"mta-sts.{domain}"] = text if text is ENDLESS else (status, {key.replace("_", "-"): value for key, value in headers.items()}, text)
        self.names.txt(f"_mta-sts.{domain}", f"v=STSv1; id={name};")

    def withdraw(self, domain):
        """Neither is there any more: what an attacker does who would rather have no policy."""
        self.answers.pop(f"mta-sts.{domain}")
        self.names.fails(f"_mta-sts.{domain}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
