"""What a request to the pipelines is answered with: an execution, or an expected no."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Started:
    """The execution that the request is about."""

    execution_id: str


@dataclass(frozen=True)
class Refused:
    """An expected no; `code` is stable, `path` names the part of the input it concerns."""

    code: str
    message: str
    path: tuple[str, ...] | None = None
