"""The control API under /_sandbox/ for other processes. Imports sandbox.core and starlette only.

A real platform has no such path, so it cannot collide; these requests are neither recorded nor faulted.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.core.clock import Clock
from sandbox.core.faults import Fault, FaultBook, FaultMode, InjectedFault
from sandbox.core.requests import RequestLog
from sandbox.core.wire import Object, is_map

FIELDS = frozenset(field.name for field in fields(Fault))


def control_routes(log: RequestLog, faults: FaultBook, clock: Clock) -> list[BaseRoute]:
    """Health, requests, faults and clock."""
    control = _Control(log, faults, clock)
    return [
        Route("/_sandbox/health", control.health),
        Route("/_sandbox/requests", control.requests),
        Route("/_sandbox/faults", control.list_faults, methods=["GET"]),
        Route("/_sandbox/faults", control.add_fault, methods=["POST"]),
        Route("/_sandbox/faults", control.clear_faults, methods=["DELETE"]),
        Route("/_sandbox/faults/{id}", control.get_fault, methods=["GET"]),
        Route("/_sandbox/faults/{id}", control.remove_fault, methods=["DELETE"]),
        Route("/_sandbox/clock", control.read_clock, methods=["GET"]),
        Route("/_sandbox/clock", control.set_clock, methods=["POST"]),
    ]


def rule_routes(path: str, add: Callable[[Object], Object], clear: Callable[[], None]) -> list[BaseRoute]:
    """Rules by which a world behaves: POST adds one, DELETE forgets them all.

    `add` gets the JSON object and returns what is answered; what it raises for a wrong one is answered with 400.
    """

    async def post(request: Request) -> JSONResponse:
        try:
            wanted: Any = await request.json()
            if not is_map(wanted):
                raise TypeError("expected a JSON object")
            return JSONResponse(add(wanted), status_code=201)
        except (ValueError, TypeError, KeyError, re.error) as error:
            return _refused(str(error))

    async def delete(_: Request) -> JSONResponse:
        clear()
        return JSONResponse({})

    return [Route(path, post, methods=["POST"]), Route(path, delete, methods=["DELETE"])]


class _Control:
    def __init__(self, log: RequestLog, faults: FaultBook, clock: Clock) -> None:
        self._log = log
        self._faults = faults
        self._clock = clock

    async def health(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "requests": self._log.mark, "ticks": self._clock.ticks})

    async def requests(self, request: Request) -> JSONResponse:
        after = int(request.query_params.get("after", "0"))
        return JSONResponse({"requests": [asdict(record) for record in self._log.since(after)]})

    async def list_faults(self, _: Request) -> JSONResponse:
        return JSONResponse({"faults": [asdict(injected) for injected in self._faults.all()]})

    async def add_fault(self, request: Request) -> JSONResponse:
        try:
            fault = parse_fault(await request.json())
            injected = self._faults.add(fault)
        except (ValueError, TypeError, re.error) as error:
            return _refused(str(error))
        return JSONResponse(asdict(injected), status_code=201)

    async def get_fault(self, request: Request) -> JSONResponse:
        injected = self._find(request)
        return _refused("no such fault", 404) if injected is None else JSONResponse(asdict(injected))

    async def remove_fault(self, request: Request) -> JSONResponse:
        injected = self._find(request)
        if injected is None:
            return _refused("no such fault", 404)
        self._faults.remove(injected.id)
        return JSONResponse(asdict(injected))

    async def clear_faults(self, _: Request) -> JSONResponse:
        self._faults.clear()
        return JSONResponse({"faults": [asdict(injected) for injected in self._faults.all()]})

    async def read_clock(self, _: Request) -> JSONResponse:
        clock = self._clock
        return JSONResponse({"ticks": clock.ticks, "tick": clock.tick, "paused": clock.paused})

    async def set_clock(self, request: Request) -> JSONResponse:
        wanted = await request.json()
        if "paused" in wanted:
            (self._clock.pause if wanted["paused"] else self._clock.resume)()
        self._clock.tick = float(wanted.get("tick", self._clock.tick))
        await self._clock.step(int(wanted.get("advance", 0)))
        return await self.read_clock(request)

    def _find(self, request: Request) -> InjectedFault | None:
        try:
            return self._faults.get(request.path_params["id"])
        except KeyError:
            return None


def parse_fault(document: Any) -> Fault:
    """A fault from its JSON form. Raises ValueError or TypeError for anything else."""
    if not isinstance(document, dict):
        raise TypeError("a fault is a JSON object")
    values: dict[str, Any] = json.loads(json.dumps(document))
    unknown = set(values) - FIELDS
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}; known are {sorted(FIELDS)}")
    mode = FaultMode(values.pop("mode", ""))
    return Fault(mode=mode, **values)


def _refused(message: str, status: int = 400) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)
