"""Follows an execution over a real subscription and draws it: one line per stage, moving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.client import Client
from demo.operations import PROGRESS
from demo.screen import Screen

_DONE = ("SUCCEEDED", "SUCCEEDED_WITH_IGNORED_FAILURES", "SKIPPED")
_BAD = ("FAILED", "ABORTED", "ABANDONED", "COMPLETED_WITH_DRIFT")


@dataclass
class _Stage:
    name: str
    status: str = "PENDING"
    reason: str | None = None
    message: str = ""
    ready: int = 0
    desired: int = 0


@dataclass
class Followed:
    """How an execution went: its final status, and the names of its stages in the order in which they finished."""

    status: str = ""
    finished: list[str] = field(default_factory=list[str])


def follow(client: Client, execution_id: str, screen: Screen) -> Followed:
    """Draw the execution until it has ended."""
    stages: dict[str, _Stage] = {}
    followed = Followed()
    for data in client.stream(PROGRESS, {"id": execution_id}):
        batch = data["executionProgress"]
        followed.status = batch["execution"]["status"]
        for stage in batch["execution"]["stages"]:
            stages.setdefault(stage["id"], _Stage(stage["name"]))
        for event in batch["events"]:
            _take(event, stages, followed, screen)
        if screen.is_terminal:
            screen.redraw([_drawn(stage, stage.name.ljust(_width(stages)), screen) for stage in stages.values()])
    return followed


def _take(event: dict[str, Any], stages: dict[str, _Stage], followed: Followed, screen: Screen) -> None:
    said = ""
    stage = stages[event["stage"]["id"]] if "stage" in event else None
    if stage is None:
        return
    match event["__typename"]:
        case "StageStatusChanged":
            stage.status, stage.reason = event["stageStatus"], event["reason"]
            said = f"{stage.status.lower()}{f': {stage.reason}' if stage.reason else ''}"
            if stage.status in _DONE + _BAD:
                followed.finished.append(stage.name)
        case "StepStatusChanged":
            stage.message = f"{event['step']['name']} {event['stepStatus'].lower()}"
            said = stage.message + (f": {event['reason']}" if event["reason"] else "")
        case "StepProgressed":
            stage.message = f"{event['step']['name']}: {event['message']}"
            stage.ready, stage.desired = event["ready"] or 0, event["desired"] or 0
            said = stage.message
        case _:
            pass
    if said and not screen.is_terminal:
        screen.line(f"   {stage.name:<{_width(stages)}}   {said}")


def _width(stages: Mapping[str, _Stage]) -> int:
    return max(len(stage.name) for stage in stages.values())


def _drawn(stage: _Stage, name: str, screen: Screen) -> str:
    name = f"   {name}  "
    if stage.status in _DONE:
        return f"{name} {screen.bar(1, 1)} {screen.mark(True)} {stage.reason or stage.status.lower()}"
    if stage.status in _BAD:
        return f"{name} {screen.bar(0, 1)} {screen.mark(False)} {stage.status.lower()}: {stage.reason or ''}"
    if stage.status == "PENDING":
        return f"{name} {screen.bar(0, 1)} {screen.quiet('waiting')}"
    return f"{name} {screen.bar(stage.ready, stage.desired)} {stage.message or stage.status.lower()}"
