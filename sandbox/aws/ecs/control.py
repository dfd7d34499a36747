"""/_sandbox/images: how images behave, for other processes. Imports images and starlette."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.aws.ecs.images import ImageFate, Images
from sandbox.core.wire import is_map


def image_routes(images: Images) -> list[BaseRoute]:
    """POST {"pattern", "fate"} or {"move"}; DELETE forgets every rule."""

    async def change(request: Request) -> JSONResponse:
        try:
            return JSONResponse(_change(images, await request.json()), status_code=201)
        except (ValueError, TypeError, KeyError, re.error) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    async def clear(_: Request) -> JSONResponse:
        images.clear()
        return JSONResponse({})

    return [
        Route("/_sandbox/images", change, methods=["POST"]),
        Route("/_sandbox/images", clear, methods=["DELETE"]),
    ]


def _change(images: Images, wanted: Any) -> dict[str, str]:
    if not is_map(wanted):
        raise TypeError("expected a JSON object")
    if "move" in wanted:
        return {"digest": images.move(str(wanted["move"]))}
    fate = ImageFate(wanted.get("fate", "bad"))
    images.rule(str(wanted["pattern"]), fate)
    return {"pattern": str(wanted["pattern"]), "fate": fate}
