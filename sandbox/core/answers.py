"""What a world answered, and what a fault makes of it on its way to the client. Imports core.faults only."""

from dataclasses import dataclass, replace
from enum import Enum, auto

from sandbox.core.faults import FaultMode

NOT_JSON = b'{"kind": "\xff\xfe <!doctype'


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, whole."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def with_body(self, body: bytes) -> "Answer":
        """The same with another body, and its length announced."""
        kept = [(name, value) for name, value in self.headers if name.lower() != b"content-length"]
        return Answer(self.status, [*kept, (b"content-length", str(len(body)).encode())], body)


class Ends(Enum):
    """How the connection goes on after the answer."""

    WHOLE = auto()
    RESET = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Damage:
    """What of an answer is sent, and how it ends."""

    answer: Answer
    ends: Ends = Ends.WHOLE


def damaged(answer: Answer, mode: FaultMode) -> Damage:
    """The answer as the client sees it."""
    half = answer.body[: len(answer.body) // 2]
    match mode:
        case FaultMode.RESET:
            return Damage(replace(answer, body=half), Ends.RESET)
        case FaultMode.SHORT:
            return Damage(replace(answer, body=half), Ends.CLOSED)
        case FaultMode.TRUNCATED:
            return Damage(answer.with_body(half))
        case FaultMode.EMPTY:
            return Damage(answer.with_body(b""))
        case FaultMode.GARBAGE:
            return Damage(answer.with_body(NOT_JSON))
        case _:
            raise ValueError(f"{mode} leaves answers whole")
