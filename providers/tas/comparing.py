"""How the live apps differ from those of a snapshot, and what a person is shown of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from providers.tas.values import AppState, HealthCheck, ProcessState, RouteState, TasSnapshot
from providers.tas.wire import Route
from providers.tree import compact
from providers.values import Change

HIDDEN = "(hidden)"


@dataclass(frozen=True)
class AppDifference:
    """One app of the snapshot (`saved`) and what it is now; None where it is gone."""

    saved: AppState
    live: AppState | None
    rolling: bool = False

    @property
    def version(self) -> bool:
        """Whether it runs something else, or is on the way to."""
        live = self.live
        if live is None or self.rolling:
            return True
        if not self.saved.started:
            return live.droplet != self.saved.droplet
        if live.content == self.saved.content:
            return False
        # Where revisions were switched on or off since, the content is described in another way.
        mixed = live.revision is None or self.saved.revision is None
        return not (mixed and (live.droplet, live.variables) == (self.saved.droplet, self.saved.variables))

    @property
    def missing_routes(self) -> tuple[RouteState, ...]:
        now = self.live.routes if self.live is not None else ()
        return tuple(one for one in self.saved.routes if _place(one) not in {_place(route) for route in now})

    @property
    def extra_routes(self) -> tuple[RouteState, ...]:
        now = self.live.routes if self.live is not None else ()
        return tuple(one for one in now if _place(one) not in {_place(route) for route in self.saved.routes})

    @property
    def processes(self) -> tuple[tuple[ProcessState, ProcessState], ...]:
        """The process types that differ, as saved and as they are."""
        live = self.live
        if live is None:
            return ()
        pairs = ((one, live.process(one.type)) for one in self.saved.processes)
        return tuple((one, now) for one, now in pairs if now is not None and one != now)

    @property
    def any(self) -> bool:
        live = self.live
        if live is None:
            return True
        plain = (live.name, live.started) != (self.saved.name, self.saved.started)
        return bool(plain or self.version or self.missing_routes or self.extra_routes or self.processes)


@dataclass(frozen=True)
class Differences:
    """All differences from a snapshot. The undone release made the apps `strangers` and the routes `loose`."""

    snapshot: TasSnapshot
    apps: tuple[AppDifference, ...]
    strangers: tuple[AppState, ...]
    loose: tuple[Route, ...]
    active: AppState | None

    @property
    def any(self) -> bool:
        return bool(self.strangers or self.loose) or any(one.any for one in self.apps)


def changes(found: Differences) -> tuple[Change, ...]:
    """What a rollback would change, in the words of the platform; no value of a variable is shown."""
    return tuple(_changes(found))


def _changes(found: Differences) -> Iterator[Change]:
    wanted, now = found.snapshot.active, found.active
    name = f"app/{found.snapshot.name}"
    if wanted is not None and now is not None and wanted.droplet != now.droplet:
        if _shown(now) != _shown(wanted):
            yield Change(resource=name, field="image", current=_shown(now), target=_shown(wanted))
        else:
            yield Change(resource=name, field="droplet", current=now.droplet, target=wanted.droplet)
    if wanted is not None and now is not None and wanted.version != now.version:
        yield Change(resource=name, field="revision", current=_number(now), target=_number(wanted))
    held = {route.url: _made(stranger) for stranger in found.strangers for route in stranger.routes}
    for one in found.apps:
        yield from _of_app(one, held)
    for stranger in found.strangers:
        yield Change(resource=f"app/{_made(stranger)}", field="app", current=_shown(stranger), target=None)
    for route in found.loose:
        yield Change(resource=f"route/{route.url}", field="route", current="present", target=None)


def _made(stranger: AppState) -> str:
    """An app that the undone release made: it may have the very name that another one is to get back."""
    return f"{stranger.name} (made by the release)"


def _of_app(one: AppDifference, held: Mapping[str, str]) -> Iterator[Change]:
    """An app is named as it is called now; `held` says which new app has a route."""
    saved, live = one.saved, one.live
    if live is None:
        yield Change(resource=f"app/{saved.name} (deleted)", field="app", current=None, target=_shown(saved))
        return
    resource = f"app/{live.name}"
    if live.name != saved.name:
        yield Change(resource=resource, field="name", current=live.name, target=saved.name)
    if live.started != saved.started:
        yield Change(resource=resource, field="state", current=_state(live), target=_state(saved))
    if one.rolling:
        yield Change(resource=resource, field="deployment", current="under way", target=_shown(saved))
    yield from _of_variables(resource, saved, live)
    for process, now in one.processes:
        yield from _of_process(resource, process, now)
    for route in one.missing_routes:
        yield Change(resource=f"route/{route.url}", field="app", current=held.get(route.url), target=saved.name)
    for route in one.extra_routes:
        yield Change(resource=f"route/{route.url}", field="app", current=live.name, target=None)


def _of_variables(resource: str, saved: AppState, live: AppState) -> Iterator[Change]:
    for variable in sorted({*live.variables, *saved.variables}):
        before, after = live.variables.get(variable), saved.variables.get(variable)
        if before != after:
            shown = [None if value is None else HIDDEN for value in (before, after)]
            yield Change(resource=resource, field=f"env {variable}", current=shown[0], target=shown[1])


def _of_process(resource: str, saved: ProcessState, now: ProcessState) -> Iterator[Change]:
    for field in ("instances", "memory_in_mb", "disk_in_mb", "health_check", "readiness_health_check"):
        before, after = getattr(now, field), getattr(saved, field)
        if before != after:
            shown = [_text(before), _text(after)]
            if shown[0] == shown[1]:
                shown = [_in_full(before), _in_full(after)]
            suffix = "" if saved.type == "web" else f" ({saved.type})"
            yield Change(
                resource=resource,
                field=field.removesuffix("_in_mb") + suffix,
                current=shown[0],
                target=shown[1],
            )


def _text(value: object) -> str | None:
    return None if value is None else getattr(value, "type", None) or str(value)


def _in_full(value: object) -> str:
    return compact(value.as_json()) if isinstance(value, HealthCheck) else str(value)


def _shown(state: AppState) -> str:
    return state.image or state.droplet or "nothing"


def _number(state: AppState) -> str | None:
    return str(state.version) if state.version is not None else None


def _state(state: AppState) -> str:
    return "STARTED" if state.started else "STOPPED"


def _place(route: RouteState) -> tuple[str, str, int | None]:
    return route.url, route.process, route.port
