"""/_sandbox/machine-images: what becomes of instances, for other processes. Imports images and sandbox.core."""

from __future__ import annotations

from starlette.routing import BaseRoute

from sandbox.aws.ec2.images import ImageFate, Images
from sandbox.core.control import rule_routes
from sandbox.core.wire import Object


def machine_image_routes(images: Images) -> list[BaseRoute]:
    """POST {"pattern", "fate": bad, unhealthy, gone or good}; DELETE forgets every rule."""

    def add(wanted: Object) -> Object:
        pattern, fate = str(wanted["pattern"]), ImageFate(wanted.get("fate", "bad"))
        images.rule(pattern, fate)
        return {"pattern": pattern, "fate": fate}

    return rule_routes("/_sandbox/machine-images", add, images.clear)
