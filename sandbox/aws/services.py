"""What a service of the world is: handlers of operations, and a life that goes on with every tick."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sandbox.core.wire import Object

Handler = Callable[[Object], Mapping[str, Any]]
"""Parameters by the names of the model (timestamps are datetimes) -> result by the names of the model.

Raises `AwsError`; runs on the world's loop and does not wait. It must not hand out objects that change later.
"""


class Service(Protocol):
    """One service; `name` is botocore's name of it, such as `elbv2`."""

    @property
    def name(self) -> str: ...

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By operation, such as `DescribeTargetHealth`."""
        ...

    def tick(self, number: int) -> None:
        """One tick of the clock, one second of the platform's own deadlines."""
        ...
