"""Pages of lists with opaque tokens. Imports errors only."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from sandbox.aws.protocol.errors import AwsError

ItemT = TypeVar("ItemT")


class Page(NamedTuple, Generic[ItemT]):
    """Some of a list, and the token of what comes after them; None at the end."""

    items: Sequence[ItemT]
    next_token: str | None


def page(items: Sequence[ItemT], token: str | None, limit: int, error: str = "InvalidNextToken") -> Page[ItemT]:
    """The page that a token stands for. Raises AwsError with the code `error` for a token not of ours."""
    try:
        start = int(base64.urlsafe_b64decode(token).removeprefix(b"after ")) if token else 0
    except (ValueError, binascii.Error) as invalid:
        raise AwsError(error, f"The token '{token}' is invalid.") from invalid
    end = start + limit
    following = base64.urlsafe_b64encode(b"after %d" % end).decode() if end < len(items) else None
    return Page(items[start:end], following)
