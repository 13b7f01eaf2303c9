"""An OpenID Connect provider on 127.0.0.1 that is honest until a test tells it otherwise."""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT = "muniment"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Answer = Callable[["_Call"], None]


@dataclass
class Account:
    subject: str
    email: str | None = None
    email_verified: bool = True
    name: str = "Ada Example"


def public_jwk(kid: str = "rsa") -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}


@dataclass
class IdentityProvider:
    """`claims` changes what a token says, `signed` how it is signed; `answers` takes the place of whole endpoints."""

    issuer: str = ""
    paths: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    discovery: dict[str, Any] = field(default_factory=dict)
    jwks: list[dict[str, Any]] = field(default_factory=lambda: [public_jwk()])
    claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    signed: Callable[[dict[str, Any]], str] | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    codes: dict[str, tuple[Account, dict[str, str]]] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "code_challenge_methods_supported": ["S256"],
            **self.discovery,
        }

    def authorize(self, location: str, account: Account, **other: str | None) -> dict[str, str]:
        """Sign `account` in at the address that a start redirected to; gives the query of the way back."""
        asked = dict(parse_qsl(urlsplit(location).query))
        code = secrets.token_urlsafe(16)
        self.codes[code] = (account, asked)
        back = dict(parse_qsl(urlsplit(asked["redirect_uri"]).query))
        query = {**back, "code": code, "state": asked["state"], "iss": self.issuer, **other}
        return {name: value for name, value in query.items() if value is not None}

    def count(self, path: str) -> int:
        return self.paths.count(path)

    def redeem(self, form: Mapping[str, str]) -> dict[str, Any]:
        account, asked = self.codes.pop(form["code"])
        challenge = base64.urlsafe_b64encode(_sha256(form["code_verifier"])).rstrip(b"=").decode()
        assert challenge == asked["code_challenge"]
        assert form["redirect_uri"] == asked["redirect_uri"]
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": account.subject,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            "name": account.name,
        }
        if account.email is not None:
            claims |= {"email": account.email, "email_verified": account.email_verified}
        claims = self.claims(claims)
        token = self.signed(claims) if self.signed else sign(claims)
        return {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": token}


def sign(claims: dict[str, Any], *, key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa") -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=None if kid is None else {"kid": kid})


def ec_jwk() -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True), "kid": "ec", "use": "sig"}


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: IdentityProvider

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that gave up on a slow answer: that is what the tests are about."""


class _Call(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["content-length"])))

    def _serve(self, body: bytes) -> None:
        provider, path = self.server.provider, urlsplit(self.path).path
        provider.paths.append(path)
        if path in provider.answers:
            provider.answers[path](self)
        elif path == "/.well-known/openid-configuration":
            self.json(provider.metadata())
        elif path == "/jwks":
            self.json({"keys": provider.jwks})
        elif path == "/token":
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            provider.forms.append(form)
            provider.authorizations.append(self.headers.get("authorization"))
            if form["code"] in provider.codes:
                self.json(provider.redeem(form))
            else:
                self.json({"error": "invalid_grant"}, 400)
        else:
            self.json({}, 404)

    def json(self, document: object, status: int = 200) -> None:
        self.raw(json.dumps(document).encode(), status)

    def raw(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def running_provider() -> Iterator[IdentityProvider]:
    server = _Server(("127.0.0.1", 0), _Call)
    server.provider = IdentityProvider(issuer=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
