"""Accounts, regions, ARNs and ids as AWS writes them. Imports the standard library only."""

from __future__ import annotations

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """Whose resources they are, and where."""

    id: str = "123456789012"
    region: str = "eu-west-1"

    def arn(self, service: str, resource: str) -> str:
        """arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE."""
        return f"arn:aws:{service}:{self.region}:{self.id}:{resource}"

    @property
    def user(self) -> str:
        """The ARN of the user whose access keys are used."""
        return f"arn:aws:iam::{self.id}:user/sandbox"


def request_id() -> str:
    """A new request id; also the form of an id of an instance refresh, an activity, a policy."""
    return str(uuid.uuid4())


def resource_id(prefix: str) -> str:
    """A new id with 17 hexadecimal digits, such as i-0123456789abcdef0."""
    return f"{prefix}-{uuid.uuid4().hex[:17]}"


def hex_id(digits: int) -> str:
    """A new id of hexadecimal digits alone, at most 32."""
    return uuid.uuid4().hex[:digits]
