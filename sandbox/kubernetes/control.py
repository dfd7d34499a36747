"""/_sandbox/images: how images behave, for other processes. Imports images and sandbox.core."""

from starlette.routing import BaseRoute

from sandbox.core.control import rule_routes
from sandbox.core.wire import Object
from sandbox.kubernetes.images import ImageFate, ImageRule, Images


def image_routes(images: Images) -> list[BaseRoute]:
    """POST {"pattern", "fate", "extra_ticks"} or {"move", "digest"}; DELETE forgets every rule."""

    def add(wanted: Object) -> Object:
        if "move" in wanted:
            return {"digest": images.move(str(wanted["move"]), wanted.get("digest"))}
        rule = ImageRule(
            str(wanted["pattern"]), ImageFate(wanted.get("fate", "bad")), int(wanted.get("extra_ticks", 0))
        )
        images.rule(rule)
        return {"pattern": rule.pattern, "fate": rule.fate}

    return rule_routes("/_sandbox/images", add, images.clear)
