"""/_sandbox/machine-images: what becomes of instances, for other processes. Imports images and starlette."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.aws.ec2.images import ImageFate, Images


def machine_image_routes(images: Images) -> list[BaseRoute]:
    """POST {"pattern", "fate": bad, unhealthy, gone or good}; DELETE forgets every rule."""

    async def change(request: Request) -> JSONResponse:
        try:
            wanted: Any = await request.json()
            pattern, fate = str(wanted["pattern"]), ImageFate(wanted.get("fate", "bad"))
            images.rule(pattern, fate)
        except (ValueError, TypeError, KeyError, AttributeError, re.error) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"pattern": pattern, "fate": fate}, status_code=201)

    async def clear(_: Request) -> JSONResponse:
        images.clear()
        return JSONResponse({})

    return [
        Route("/_sandbox/machine-images", change, methods=["POST"]),
        Route("/_sandbox/machine-images", clear, methods=["DELETE"]),
    ]
