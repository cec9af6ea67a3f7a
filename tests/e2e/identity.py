"""An identity provider on loopback: tokens, keys, discovery and introspection over HTTPS. It can rotate its keys, be slow and be gone."""
import base64
import contextlib
import http.server
import json
import socket
import ssl
import threading
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from grants import Grants
from house import free_port

AUDIENCE = "smtp://mail.example.org"
MAKE = {"RS256": lambda: rsa.generate_private_key(65537, 2048), "PS256": lambda: rsa.generate_private_key(65537, 2048),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()), "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate}


class Identity:
    """Tokens are for AUDIENCE, scope "openid smtp", ten minutes, unless `claims` says otherwise (None: left out)."""

    def __init__(self, certificate, client=("mail server", "s/cr:t+")):
        self.port, self.certificate, self.client, self.server = free_port(), certificate, client, None
        self.issuer = f"https://localhost:{self.port}/realm"
        self.discovered = {"issuer": self.issuer, "jwks_uri": self.issuer + "/keys"}
        self.keys, self.hidden, self.opaque, self.asked, self.introspected = {}, set(), {}, [], []
        self.grants = Grants(self)              # what it gives to who sends mail
        self.free = threading.Event()           # cleared: nobody gets an answer
        self.free.set()
        self.status, self.count = 200, 0
        self.rotate()

    # ---- tokens
    def rotate(self, *algorithms, keep=False):
        """New keys, one for each algorithm; tokens are signed with them from now on."""
        self.keys = self.keys if keep else {}
        for algorithm in algorithms or ("RS256", "ES256"):
            self.count += 1
            self.keys[f"{algorithm}-{self.count}"] = (algorithm, MAKE[algorithm]())

    def token(self, user, algorithm="RS256", key=None, header=None, **claims):
        now = int(time.time())
        all_claims = {"iss": self.issuer, "sub": user.split("@")[0], "email": user, "email_verified": True, "aud": AUDIENCE, "scope": "openid smtp", "iat": now, "exp": now + 600} | claims
        kid, (_, made) = [(kid, pair) for kid, pair in self.keys.items() if pair[0] == algorithm][-1]
        return jwt.encode({k: v for k, v in all_claims.items() if v is not None}, key or made, algorithm, headers={"kid": kid} | (header or {}))

    def opaque_token(self, user, **claims):
        self.count += 1
        token = f"ya29.{self.count}-~+/=="
        self.opaque[token] = {"active": True, "email": user, "email_verified": True, "aud": AUDIENCE, "scope": "smtp", "exp": int(time.time()) + 600} | claims
        return token

    def jwks(self):
        def public(kid, algorithm, key):
            made = jwt.algorithms.get_default_algorithms()[algorithm]
            return json.loads(made.to_jwk(key.public_key())) | {"kid": kid, "use": "sig", "alg": algorithm}
        return {"keys": [self._ec(kid, *pair) if pair[0].startswith("ES") else public(kid, *pair) for kid, pair in self.keys.items()]}

    @staticmethod
    def _ec(kid, algorithm, key):
        numbers, size = key.public_key().public_numbers(), key.key_size // 8
        x, y = (base64.urlsafe_b64encode(n.to_bytes(size, "big")).rstrip(b"=").decode() for n in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": f"P-{key.key_size}", "x": x, "y": y, "kid": kid, "use": "sig", "alg": algorithm}

    # ---- the service
    def answer(self, path, body, authorization):
        if path == "/realm/.well-known/openid-configuration":
            return self.status, self.discovered
        if path == "/realm/keys":
            return self.status, self.jwks()
        if path == "/realm/introspect":
            want = "Basic " + base64.b64encode(":".join(urllib.parse.quote(word, safe="") for word in self.client).encode()).decode()
            if authorization not in (want, "Bearer sesame"):
                return 401, {"error": "invalid_client"}
            self.introspected.append(urllib.parse.parse_qs(body, strict_parsing=True))
            return self.status, self.opaque.get(self.introspected[-1]["token"][0], {"active": False})
        if path.split("?")[0] in self.grants.paths:
            return self.grants.answer(path, body)
        return 404, {}

    def fetches(self, path="/realm/keys"):
        return self.asked.count(path)

    def start(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner.asked.append(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                owner.free.wait(60)
                status, said = owner.answer(self.path, body, self.headers.get("Authorization"))
                said = said if isinstance(said, bytes) else json.dumps(said).encode()
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    if status == 302:
                        self.send_header("Location", owner.grants.location or owner.issuer + "/elsewhere")
                    self.send_header("Content-Length", str(len(said)))
                    self.end_headers()
                    self.wfile.write(said)
            do_POST = do_GET

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, clients = True, set()

            def finish_request(self, request, client_address):
                self.clients.add(request)
                with contextlib.suppress(OSError):      # of who goes away, or was sent away
                    super().finish_request(request, client_address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        Server.clients = set()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        """Gone, with the connections that were there."""
        self.free.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            for client in list(self.server.clients):
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        self.server = None
