"""Logging in at the UAA: what is sent, and what comes back. Tokens live in memory and appear in no message."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, ValidationError

from providers.connectors import ConnectorsError, resolve_reference
from providers.errors import ProviderRefused
from providers.tas.access import Access

# Renewed before they end, so that no request is sent with a token that ends on the way.
RENEW_EARLY_SECONDS = 30.0


@dataclass(frozen=True)
class Token:
    """A token and until when it is used, in monotonic seconds."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    until: float = 0.0

    @property
    def valid(self) -> bool:
        return bool(self.access) and time.monotonic() < self.until


NO_TOKEN = Token("")


class _TokenAnswer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    access_token: str
    expires_in: float = 0.0
    refresh_token: str | None = None


@dataclass(frozen=True)
class Login:
    """A request for a token: its form, and the client that asks."""

    form: Mapping[str, str] = field(repr=False)
    client: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Basic {base64.b64encode(self.client.encode()).decode()}"}


def logins(access: Access, old: Token) -> tuple[Login, ...]:
    """The ways to a new token, the cheapest first; ProviderRefused where a secret cannot be read."""
    spec = access.spec
    if spec.client_id_ref and spec.client_secret_ref:
        client = f"{_secret(access, spec.client_id_ref)}:{_secret(access, spec.client_secret_ref)}"
        return (Login({"grant_type": "client_credentials"}, client),)
    user, password = _secret(access, spec.username_ref or ""), _secret(access, spec.password_ref or "")
    full = Login({"grant_type": "password", "username": user, "password": password}, "cf:")
    if old.refresh is None:
        return (full,)
    return (Login({"grant_type": "refresh_token", "refresh_token": old.refresh}, "cf:"), full)


def token_of(content: bytes) -> Token | None:
    """The token of an answer; None where it has none."""
    try:
        answer = _TokenAnswer.model_validate_json(content)
    except ValidationError:
        return None
    # A lifetime shorter than twice the margin is used by half.
    lifetime = max(answer.expires_in - RENEW_EARLY_SECONDS, answer.expires_in / 2)
    return Token(answer.access_token, answer.refresh_token, time.monotonic() + lifetime)


def _secret(access: Access, reference: str) -> str:
    try:
        return resolve_reference(reference, access.directory)
    except ConnectorsError as error:
        raise ProviderRefused(f"The credentials of the connector cannot be read: {error}") from error
