"""What containers need of load balancers. Imports the standard library only."""

from __future__ import annotations

from typing import Protocol


class TargetGroups(Protocol):
    """The target groups that tasks register in; `target` is an IP address."""

    def exists(self, arn: str) -> bool:
        """Whether there is such a group."""
        ...

    def register(self, arn: str, target: str, port: int | None = None) -> None: ...

    def deregister(self, arn: str, target: str, port: int | None = None) -> None: ...

    def health(self, arn: str, target: str) -> str | None:
        """The state of a target, such as `healthy`; None where it is not registered."""
        ...


class NoTargetGroups:
    """For a world without load balancers."""

    def exists(self, arn: str) -> bool:  # noqa: ARG002
        return False

    def register(self, arn: str, target: str, port: int | None = None) -> None:
        """Nothing to register in."""

    def deregister(self, arn: str, target: str, port: int | None = None) -> None:
        """Nothing to deregister from."""

    def health(self, arn: str, target: str) -> str | None:  # noqa: ARG002
        return None
