"""/_sandbox/images: how images behave, for other processes. Imports images and sandbox.core."""

from __future__ import annotations

from starlette.routing import BaseRoute

from sandbox.aws.ecs.images import ImageFate, Images
from sandbox.core.control import rule_routes
from sandbox.core.wire import Object


def image_routes(images: Images) -> list[BaseRoute]:
    """POST {"pattern", "fate"} or {"move"}; DELETE forgets every rule."""

    def add(wanted: Object) -> Object:
        if "move" in wanted:
            return {"digest": images.move(str(wanted["move"]))}
        pattern, fate = str(wanted["pattern"]), ImageFate(wanted.get("fate", "bad"))
        images.rule(pattern, fate)
        return {"pattern": pattern, "fate": fate}

    return rule_routes("/_sandbox/images", add, images.clear)
