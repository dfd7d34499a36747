"""Who may do what: access keys that the world demands, tokens that end, actions that are denied."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.datastructures import Headers

from sandbox.aws.names import Account
from sandbox.aws.protocol import errors, signatures
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.signatures import Signature


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key; `token` belongs to a temporary one."""

    id: str
    secret: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature is made over."""

    method: str
    target: str
    headers: Headers
    body: bytes


class Access:
    """Any key is accepted until one is demanded; nothing is denied until it is."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._keys: dict[str, AccessKey] = {}
        self._over: set[str] = set()
        self._denied: list[str] = []
        self.issued: list[AccessKey] = []
        """The temporary keys that assumed roles were given, oldest first."""

    def demand(self, key: AccessKey) -> None:
        """From now on only demanded keys are accepted, and signatures are checked."""
        self._keys[key.id] = key

    def issue(self, key: AccessKey) -> None:
        """A temporary key, accepted beside those that are demanded."""
        self.issued.append(key)
        if self._keys:
            self._keys[key.id] = key

    def expire(self, key_id: str) -> None:
        """From now on the key's requests are refused as expired."""
        self._over.add(key_id)

    def deny(self, pattern: str) -> None:
        """Denies the actions (`autoscaling:UpdateAutoScalingGroup`) that a regular expression matches in full."""
        re.compile(pattern)
        self._denied.append(pattern)

    def allow_all(self) -> None:
        """Forgets every denial."""
        self._denied.clear()

    def check(self, request: SignedRequest, signature: Signature, protocol: str, action: str) -> None:
        """Raises AwsError where the request is not to be answered."""
        region = self._account.region
        if signature.region != region:
            message = f"Credential should be scoped to a valid region, not '{signature.region}'. "
            raise AwsError("SignatureDoesNotMatch", message, 403)
        if signature.key in self._over:
            raise errors.expired(protocol)
        if self._keys:
            self._check_key(request, signature, protocol)
        if any(re.fullmatch(pattern, action) for pattern in self._denied):
            raise errors.denied(protocol, self._account.user, action)

    def _check_key(self, request: SignedRequest, signature: Signature, protocol: str) -> None:
        key = self._keys.get(signature.key)
        if key is None or request.headers.get("x-amz-security-token") != key.token:
            raise errors.unknown_key(protocol)
        if not signatures.is_of(
            signature, key.secret, request.method, request.target, request.headers, request.body
        ):
            raise errors.wrong_signature(protocol)
