"""/_sandbox/versions: how versions behave, and what became of droplets, for other processes."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.cloudfoundry.fates import Fate, Fates
from sandbox.core.wire import is_map


def version_routes(fates: Fates) -> list[BaseRoute]:
    """POST {"pattern", "fate"} makes versions bad; DELETE forgets every rule."""

    async def change(request: Request) -> JSONResponse:
        wanted: Any = await request.json()
        try:
            if not is_map(wanted):
                raise TypeError("expected a JSON object")
            fate = Fate(wanted.get("fate", Fate.CRASHES))
            fates.bad(str(wanted["pattern"]), fate)
        except (ValueError, TypeError, KeyError, re.error) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"pattern": str(wanted["pattern"]), "fate": fate}, status_code=201)

    async def clear(_: Request) -> JSONResponse:
        fates.clear()
        return JSONResponse({})

    return [
        Route("/_sandbox/versions", change, methods=["POST"]),
        Route("/_sandbox/versions", clear, methods=["DELETE"]),
    ]
