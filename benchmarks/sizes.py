"""How big the made-up history is, and what its rows are called. Deterministic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

Row = dict[str, Any]

START = datetime(2026, 1, 1, tzinfo=UTC)


class Kind(IntEnum):
    SERVICE = 1
    ENVIRONMENT = 2
    GROUP = 3
    INFRASTRUCTURE = 4
    PIPELINE = 5
    TARGET = 6
    EXECUTION = 7
    STAGE = 8
    STEP = 9
    INSTANCE = 10


@dataclass(frozen=True)
class Size:
    """Each execution has one stage in each of `stages` environments, taking turns."""

    services: int = 1000
    environments: int = 10
    executions_per_service: int = 20
    stages: int = 2
    instances_per_target: int = 20

    @property
    def executions(self) -> int:
        return self.services * self.executions_per_service


def identifier(kind: Kind, number: int) -> str:
    """Sorts by number within a kind, as identifiers made in this order would."""
    return f"{int(START.timestamp() * 1000) + number:012x}7000{kind:04x}{number:012x}"


def service_id(number: int) -> str:
    return identifier(Kind.SERVICE, number)


def environment_id(number: int) -> str:
    return identifier(Kind.ENVIRONMENT, number)


def execution_id(number: int) -> str:
    return identifier(Kind.EXECUTION, number)


def target_number(size: Size, service: int, environment: int) -> int:
    return service * size.environments + environment


def environment_number(size: Size, run: int, stage: int) -> int:
    return (run * size.stages + stage) % size.environments


def moment(number: int) -> datetime:
    return START + timedelta(seconds=number)
