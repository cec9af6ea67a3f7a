"""What an identity provider gives to who sends mail (OAuth 2.0): by code, device, secret, key; tokens that rotate, end, and are taken back."""
import base64
import hashlib
import time
import urllib.parse

import jwt

DEVICE, JWT = "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Grants:
    """person: who says yes to codes, and is whose the tokens then are. accept(user, token) is told of each access token, but of those for users that are `closed`; `broken`, if it is there, is said to who
    has a refresh token: (status, body)."""

    def __init__(self, identity):
        self.identity, self.accept = identity, lambda user, token: None
        self.paths = {"/realm/token", "/realm/device", "/realm/authorize", "/realm/revoke"}
        self.clients, self.keys, self.users, self.lifetimes = {"app": None}, {}, {}, {}
        self.refresh, self.owner, self.codes, self.asked, self.revoked, self.given = set(), {}, {}, [], [], []
        self.location, self.pending, self.count, self.person, self.people = None, 0, 0, None, {}
        self.calm()

    def calm(self):
        """Nothing is wrong, from now on; what it has given stays good."""
        self.rotates, self.ends, self.broken, self.closed = True, None, None, set()

    # ---- tokens
    def secret(self, kind):
        self.count += 1
        return f"{kind}-{self.count}-" + base64.urlsafe_b64encode(hashlib.sha256(f"{kind}{self.count}".encode()).digest()).decode().strip("=")

    def everything(self):
        """All that must be in no log."""
        return [*self.refresh, *self.given, *self.revoked, *[s for s in self.clients.values() if s]]

    def give(self, client, refreshable, user=None):
        token, user = self.secret("access"), user or self.users.get(client, "printer@example.org")
        self.given.append(token)
        if user not in self.closed:
            self.accept(user, token)
        said = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetimes.get(client, 3600)}
        if refreshable:
            said["refresh_token"] = self.secret("refresh")
            self.refresh.add(said["refresh_token"])
            self.owner[said["refresh_token"]], self.people[said["refresh_token"]] = client, user
        if self.ends:
            said["refresh_token_expires_in"] = self.ends
        return 200, said

    def is_client(self, form):
        client = form.get("client_id")
        if client not in self.clients:
            return False
        if "client_assertion" in form:
            key, thumbprint = self.keys[client]
            claims = jwt.decode(form["client_assertion"], key, ["PS256"], audience=self.identity.issuer + "/token")
            header = jwt.get_unverified_header(form["client_assertion"])
            return claims["iss"] == claims["sub"] == client and header["x5t#S256"] == thumbprint and claims["exp"] > time.time()
        return self.clients[client] == form.get("client_secret")

    # ---- the service
    def answer(self, path, body):
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body).items()}
        path, _, query = path.partition("?")
        self.asked.append((path.rpartition("/")[2], form))
        if self.broken and path.endswith("/token") and form["grant_type"] == "refresh_token" and form["client_id"] not in self.users:
            status, said = self.broken
            return status, said(form) if callable(said) else said
        return getattr(self, "on_" + path.rpartition("/")[2])(form, {k: v[0] for k, v in urllib.parse.parse_qs(query).items()})

    def on_authorize(self, _form, query):
        code = self.secret("code")
        self.codes[code] = query
        self.location = query["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": query["state"]})
        return 302, {}

    def on_device(self, form, _query):
        if form["client_id"] not in self.clients:
            return 400, {"error": "invalid_client"}
        code = self.secret("device")
        self.codes[code] = form
        return 200, {"device_code": code, "user_code": "WDJB-MJHT", "verification_uri": self.identity.issuer + "/go", "expires_in": 60, "interval": 1}

    def on_revoke(self, form, _query):
        self.revoked.append(form["token"])
        self.refresh.discard(form["token"])
        return 200, {}

    def on_token(self, form, _query):
        kind = form["grant_type"]
        if kind == JWT:
            subject = jwt.decode(form["assertion"], options={"verify_signature": False})["sub"]
            if subject not in self.keys:
                return 401, {"error": "unauthorized_client", "error_description": "Client is unauthorized to retrieve access tokens using this method."}
            claims = jwt.decode(form["assertion"], self.keys[subject], ["RS256"], audience=self.identity.issuer + "/token")
            return self.give(None, False, claims["sub"])
        if not self.is_client(form):
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
        return getattr(self, "with_" + kind.rpartition(":")[2])(form)

    def with_client_credentials(self, form):
        return self.give(form["client_id"], False)

    def with_refresh_token(self, form):
        token = form["refresh_token"]
        if token not in self.refresh:
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        if self.rotates:
            self.refresh.discard(token)
            self.revoked.append(token)
        return self.give(form["client_id"], self.rotates, self.people[token])

    def with_authorization_code(self, form):
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        good = asked and asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().strip("=") and asked["redirect_uri"] == form["redirect_uri"]
        return self.give(form["client_id"], True, self.person) if good else (400, {"error": "invalid_grant"})

    def with_device_code(self, form):
        if self.pending:
            self.pending -= 1
            return 400, {"error": "authorization_pending"}
        return self.give(form["client_id"], True, self.person) if self.codes.pop(form["device_code"], None) else (400, {"error": "expired_token"})
