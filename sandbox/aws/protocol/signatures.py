"""Signature Version 4: who signs a request for which service, and whether with the right secret.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. Imports starlette only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers

ALGORITHM = "AWS4-HMAC-SHA256"
HEADER = re.compile(
    rf"^{ALGORITHM} Credential=(?P<key>[^/]+)/(?P<date>\d{{8}})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})$"
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What the Authorization header says."""

    key: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str


def read(headers: Headers) -> Signature | None:
    """The signature of a request; None where there is none of this version."""
    found = HEADER.match(headers.get("authorization", ""))
    if found is None:
        return None
    return Signature(
        found["key"],
        found["date"],
        found["region"],
        found["service"],
        tuple(found["headers"].split(";")),
        found["signature"],
    )


def is_of(signature: Signature, secret: str, method: str, target: str, headers: Headers, body: bytes) -> bool:
    """Whether `secret` made the signature."""
    path, _, query = target.partition("?")
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join(
        (
            method,
            quote(path, safe="/-_.~"),
            "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signature.headers),
            "",
            ";".join(signature.headers),
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
    text = "\n".join(
        (ALGORITHM, headers.get("x-amz-date", ""), scope, hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature.signature)
