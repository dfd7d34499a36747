"""The append-only log of what a world was asked, the oracle for effects. Imports core.operations only."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from sandbox.core.operations import Operation

KEPT_HEADERS = frozenset(
    {"accept", "content-type", "content-length", "host", "traceparent", "x-amz-target", "if-match"}
)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request. `body` is decoded JSON, YAML or protobuf, else text; None when there was none."""

    sequence: int
    """1, 2, 3 ... in the order in which answers began."""
    time: float
    """Unix seconds of arrival."""
    method: str
    path: str
    query: str
    user_agent: str
    headers: Mapping[str, str]
    """A subset without credentials; names in lower case."""
    operation: str
    """What it asked for, in the platform's own word."""
    writes: bool
    """Whether it can change the world."""
    status: int
    """What the client saw; 0 when the connection was cut without an answer."""
    effect: int | None
    """What the world itself answered; None when a fault kept the request from it."""
    changed: bool
    """Whether the world was another one after it."""
    fault: str | None
    """Id of the fault that fired."""
    body: Any


class RequestLog(Sequence[RequestRecord]):
    """Records in order. A record is there before its client sees the first byte of the answer."""

    def __init__(self) -> None:
        self._records: list[RequestRecord] = []
        self._lock = threading.Lock()

    def append(  # noqa: PLR0913
        self,
        *,
        arrived: float,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        operation: Operation,
        status: int,
        effect: int | None,
        changed: bool,
        fault: str | None,
        body: Any,
    ) -> RequestRecord:
        """Adds one record and gives it the next sequence number."""
        kept = {name: value for name, value in headers.items() if name in KEPT_HEADERS}
        with self._lock:
            record = RequestRecord(
                sequence=len(self._records) + 1,
                time=arrived or time.time(),
                method=method,
                path=path,
                query=query,
                user_agent=headers.get("user-agent", ""),
                headers=kept,
                operation=operation.name,
                writes=operation.writes,
                status=status,
                effect=effect,
                changed=changed,
                fault=fault,
                body=body,
            )
            self._records.append(record)
        return record

    @property
    def mark(self) -> int:
        """The newest sequence number, to give to `since` later; 0 at first."""
        return len(self._records)

    def since(self, mark: int) -> list[RequestRecord]:
        """The records after `mark`."""
        return self._records[mark:]

    def writes(self, mark: int = 0) -> list[RequestRecord]:
        """The records after `mark` that could change the world."""
        return [record for record in self._records[mark:] if record.writes]

    @overload
    def __getitem__(self, index: int) -> RequestRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[RequestRecord]: ...
    def __getitem__(self, index: int | slice) -> RequestRecord | list[RequestRecord]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(tuple(self._records))
