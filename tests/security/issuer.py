"""An issuer of JWTs with keys of its own: serves its key set on a real socket, and signs whatever it is asked."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NAME, AUDIENCE = "https://issuer.test/realm", "unship"


@cache
def rsa_key(name: str = "own", bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key for each name; making one takes a while."""
    del name
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def okp_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def public_pem() -> bytes:
    return rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def encoded(value: object) -> str:
    """A part of a JWT: bytes as they are, a text as it is spelt, anything else as JSON."""
    raw = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else dumped(value)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def claims(**others: object) -> dict[str, Any]:
    """What the issuer says of alice for a day; None leaves a claim out."""
    moment = int(time.time())
    said = {"iss": NAME, "aud": AUDIENCE, "sub": "alice", "iat": moment, "exp": moment + 86_400, **others}
    return {name: value for name, value in said.items() if value is not None}


def signed(
    said: Mapping[str, Any] | None = None,
    algorithm: str = "RS256",
    key: PrivateKeyTypes | bytes | None = None,
    **header: object,
) -> str:
    """A JWT with these claims, by default one that holds; `header` adds to its header, or takes away with None."""
    head = {"alg": algorithm, "typ": "JWT", "kid": "rsa-1", **header}
    shown = {name: value for name, value in head.items() if value is not None}
    return sealed(encoded(shown), encoded(claims() if said is None else dict(said)), algorithm, key)


def sealed(header: str, payload: str, algorithm: str = "RS256", key: PrivateKeyTypes | bytes | None = None) -> str:
    """These two parts, signed whatever they are."""
    content = f"{header}.{payload}".encode()
    signer: Any = jwt.PyJWS().get_algorithm_by_name(algorithm)
    return f"{header}.{payload}.{encoded(bytes(signer.sign(content, key or rsa_key())))}"


def key_set() -> dict[str, Any]:
    return {
        "keys": [
            json.loads(RSAAlgorithm.to_jwk(rsa_key().public_key()))
            | {"kid": "rsa-1", "alg": "RS256", "use": "sig"},
            json.loads(ECAlgorithm.to_jwk(ec_key().public_key())) | {"kid": "ec-1"},
            json.loads(OKPAlgorithm.to_jwk(okp_key().public_key())) | {"kid": "okp-1"},
            json.loads(RSAAlgorithm.to_jwk(rsa_key("weak", 1024).public_key())) | {"kid": "weak"},
            json.loads(RSAAlgorithm.to_jwk(rsa_key().public_key())) | {"kid": "enc-1", "use": "enc"},
            {"kty": "oct", "kid": "oct-1", "k": encoded(b"s" * 32), "alg": "HS256"},
            {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
            "nothing",
        ]
    }


@dataclass
class Issuer:
    """`answer` is what the address of the keys answers with; `asked` counts how often it was asked."""

    port: int = 0
    answer: bytes = field(default_factory=lambda: dumped(key_set()))
    status: int = 200
    asked: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"


@contextmanager
def issuing() -> Generator[Issuer]:
    issuer = Issuer()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            self.send_response(issuer.status)
            self.send_header("content-length", str(len(issuer.answer)))
            self.send_header("location", f"{issuer.url}/elsewhere")
            self.end_headers()
            self.wfile.write(issuer.answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    issuer.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
