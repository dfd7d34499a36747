"""/_sandbox/versions: how versions behave, and what became of droplets, for other processes."""

from __future__ import annotations

from starlette.routing import BaseRoute

from sandbox.cloudfoundry.fates import Fate, Fates
from sandbox.core.control import rule_routes
from sandbox.core.wire import Object


def version_routes(fates: Fates) -> list[BaseRoute]:
    """POST {"pattern", "fate"} makes versions bad; DELETE forgets every rule."""

    def add(wanted: Object) -> Object:
        pattern, fate = str(wanted["pattern"]), Fate(wanted.get("fate", Fate.CRASHES))
        fates.bad(pattern, fate)
        return {"pattern": pattern, "fate": fate}

    return rule_routes("/_sandbox/versions", add, fates.clear)
