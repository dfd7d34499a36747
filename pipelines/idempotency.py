"""Idempotency keys: the same key and input give the same answer; the same key with other input is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import IdempotencyKey
from pipelines.answers import Refused, Started
from providers.telemetry import Tally

_LONGEST_KEY = 255
DUPLICATES = Tally(
    "unship_duplicates_prevented_total",
    "What would have happened twice: a mutation with a key that was answered before; a step that had been done.",
    ("what",),
)


@dataclass(frozen=True)
class Keyed:
    """One request for an operation by a subject; `key` is None where the client gave none."""

    operation: str
    subject: str
    key: str | None
    input: dict[str, JsonValue]

    @property
    def input_hash(self) -> str:
        return hashlib.sha256(json.dumps(self.input, sort_keys=True).encode()).hexdigest()


def refused_key(key: str | None) -> Refused | None:
    """Why there can be no such key: an empty one is a mistake, and would tie all requests together."""
    if key is None or 0 < len(key.strip()) <= _LONGEST_KEY:
        return None
    message = f"An idempotency key has 1 to {_LONGEST_KEY} characters; leave it out where there is none."
    return Refused("INVALID_IDEMPOTENCY_KEY", message, ("idempotencyKey",))


async def answered(session: AsyncSession, keyed: Keyed) -> Started | Refused | None:
    """The answer this key was given before; None where it is new."""
    if keyed.key is None:
        return None
    stored = await session.get(IdempotencyKey, (keyed.operation, keyed.subject, keyed.key))
    if stored is None:
        return None
    if stored.input_hash != keyed.input_hash:
        message = (
            f'The idempotency key "{keyed.key}" was used before with other input. '
            "Repeat the original input, or use a new key."
        )
        return Refused("IDEMPOTENCY_KEY_REUSED", message, ("idempotencyKey",))
    DUPLICATES.add("mutation")
    return Started(stored.execution_id)


async def remember(session: AsyncSession, keyed: Keyed, execution_id: str) -> None:
    """Keep the answer for this key, in the transaction that makes it true."""
    if keyed.key is not None:
        session.add(
            IdempotencyKey(
                operation=keyed.operation,
                subject=keyed.subject,
                key=keyed.key,
                input_hash=keyed.input_hash,
                execution_id=execution_id,
            )
        )
        await session.flush()
