"""The UAA: tokens for users and clients (docs.cloudfoundry.org/api/uaa, "Token"), and who may do what."""

from __future__ import annotations

import base64
import re
import secrets
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sandbox.cloudfoundry.errors import invalid_token, not_authenticated, not_authorized
from sandbox.core.wire import Object

SCOPE = "cloud_controller.read cloud_controller.write openid uaa.user"
USER, PASSWORD = "deployer", "swordfish-8431"
CLIENT, CLIENT_SECRET = "unship", "tuna-5518"


class UaaError(Exception):
    """A refusal in OAuth's own form (RFC 6749, 5.2)."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description

    def body(self) -> Object:
        """The body of the answer."""
        return {"error": self.error, "error_description": self.description}


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that was given out, until when (monotonic seconds)."""

    user: str
    expires: float


class Identity:
    """Accounts, tokens and denials. `lifetime` is how long new tokens are accepted, in seconds."""

    def __init__(self) -> None:
        self.lifetime = 600.0
        self.users = {USER: PASSWORD}
        self.clients = {CLIENT: CLIENT_SECRET, "cf": ""}
        self.issued = 0
        self._tokens: dict[str, Grant] = {}
        self._refresh: dict[str, str] = {}
        self._denials: list[tuple[str, re.Pattern[str]]] = []

    def expire_all(self) -> None:
        """Every access token given out so far is refused from now on."""
        self._tokens.clear()

    def forget_refresh_tokens(self) -> None:
        """Every refresh token given out so far is refused from now on."""
        self._refresh.clear()

    def deny(self, method: str, path: str) -> None:
        """Refuses requests of a method (`*`: any) whose path matches, with 403."""
        self._denials.append((method, re.compile(path)))

    def allow_all(self) -> None:
        """Drops every denial."""
        self._denials.clear()

    def allows(self, method: str, path: str) -> bool:
        """Whether no denial covers the request."""
        return not any(verb in {"*", method} and pattern.search(path) for verb, pattern in self._denials)

    def check(self, method: str, path: str, authorization: str) -> None:
        """Raises ApiError 401 or 403."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise not_authenticated()
        grant = self._tokens.get(token)
        if grant is None or grant.expires < time.monotonic():
            raise invalid_token()
        if not self.allows(method, path):
            raise not_authorized()

    def token(self, authorization: str, body: bytes) -> Object:
        """The answer to POST /oauth/token. Raises UaaError."""
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        client = self._client(authorization, form)
        match form.get("grant_type"):
            case "password":
                user = form.get("username", "")
                if self.users.get(user) != form.get("password"):
                    raise UaaError(401, "unauthorized", "Bad credentials")
                return self._issue(user, refreshable=True)
            case "client_credentials":
                return self._issue(client, refreshable=False)
            case "refresh_token":
                user = self._refresh.get(form.get("refresh_token", ""))
                if user is None:
                    raise UaaError(
                        401, "invalid_token", "The token expired, was revoked, or the token ID is incorrect"
                    )
                return self._issue(user, refreshable=True)
            case other:
                raise UaaError(400, "unsupported_grant_type", f"Unsupported grant type: {other}")

    def _client(self, authorization: str, form: dict[str, str]) -> str:
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() == "basic":
            decoded = base64.b64decode(encoded).decode("utf-8", "replace")
            name, _, secret = decoded.partition(":")
        else:
            name, secret = form.get("client_id", ""), form.get("client_secret", "")
        if self.clients.get(name) != secret:
            raise UaaError(401, "invalid_client", "Bad credentials")
        return name

    def _issue(self, user: str, *, refreshable: bool) -> Object:
        self.issued += 1
        token, refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
        self._tokens[token] = Grant(user, time.monotonic() + self.lifetime)
        answer: Object = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": int(self.lifetime),
            "scope": SCOPE,
            "jti": secrets.token_hex(16),
        }
        if refreshable:
            self._refresh[refresh] = user
            answer["refresh_token"] = refresh
        return answer
