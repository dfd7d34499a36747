"""What a rollback does, and in which order: capacity before traffic before removal. Pure.

One rule for all strategies, judged by what the Services select now and are to select again. What gets traffic back
is brought up first; then the traffic moves; only then what it moved away from goes back to what it was, or goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from providers.kubernetes.applying import ours_to_delete
from providers.kubernetes.diff import differences
from providers.kubernetes.live import Live
from providers.kubernetes.objects import (
    SCALABLE,
    STAGE_SERVICE,
    KubeObject,
    Ref,
    annotation,
    containers,
    targets_of_autoscaler,
    template,
    template_labels,
)
from providers.kubernetes.preparation import to_restore
from providers.kubernetes.references import configuration_names
from providers.kubernetes.way import Way
from providers.tree import Tree, drop, number, text, texts

# What leads requests to pods, directly or through another of these.
_TRAFFIC = frozenset({"Service", "Ingress", "HTTPRoute", "GRPCRoute", "VirtualService", "DestinationRule"})
_AUTOSCALER = "HorizontalPodAutoscaler"


@dataclass(frozen=True)
class Undoing:
    """The parts of a rollback in their order; objects are to be applied, refs to be deleted.

    `scalers` would fight for the counts. `capacity` is what is to serve again and all that supports it, in no
    smaller numbers than now; `traffic` is led there, the stage last; `rest` is what served until then (`leaving`
    the workloads in it); `removed` is what only the undone release created; `settled` are counts kept up so far.
    """

    scalers: tuple[Ref, ...]
    capacity: tuple[KubeObject, ...]
    traffic: tuple[tuple[KubeObject, ...], ...]
    rest: tuple[KubeObject, ...]
    settled: tuple[KubeObject, ...]
    removed: tuple[Ref, ...]
    leaving: frozenset[Ref]

    @property
    def changed(self) -> tuple[KubeObject, ...]:
        """All objects that are not as they were."""
        return (*self.capacity, *(item for part in self.traffic for item in part), *self.rest)

    @property
    def is_nothing(self) -> bool:
        return not (self.scalers or self.changed or self.removed)


@dataclass(frozen=True)
class _Moves:
    """The workloads that traffic comes back to, and those that it goes away from."""

    arriving: frozenset[Ref]
    leaving: frozenset[Ref]


def undoing(way: Way, live: Live, release: str) -> Undoing:
    """What brings the live objects back to the states of the way."""
    moves = _moves(way, live)
    late = _late(way, live, moves.leaving)
    changed = [item for item in way.present() if _differs(item, way, live, moves)]
    gone = ours_to_delete(way.absent(), live, release)
    ready = [_restored(item, way, live, moves) for item in changed]
    traffic = [item for item in ready if item.ref.kind in _TRAFFIC]
    stage = tuple(item for item in traffic if _is_stage(item.body))
    kept_up = [item for item in changed if not _autoscaled(way, live, item.ref) and _count(item, way, live, moves)]
    return Undoing(
        scalers=tuple(ref for ref in gone if ref.kind == _AUTOSCALER),
        capacity=tuple(item for item in ready if item not in traffic and item.ref not in late),
        traffic=(tuple(item for item in traffic if item not in stage), stage),
        rest=tuple(item for item in ready if item not in traffic and item.ref in late),
        settled=tuple(to_restore(item, live, autoscaled=False) for item in kept_up),
        removed=tuple(ref for ref in gone if ref.kind != _AUTOSCALER),
        leaving=moves.leaving,
    )


def target_states(way: Way, live: Live) -> list[tuple[Ref, Tree | None, Tree]]:
    """Of each object to have again: the live state and the one to bring back, in the order of their names."""
    moves = _moves(way, live)
    return [
        (item.ref, *_states(item, way, live, moves)) for item in sorted(way.present(), key=lambda one: one.ref)
    ]


def reached(way: Way, live: Live) -> list[tuple[Ref, str, str]]:
    """Of each Service whose selector is to change: the workloads that it reaches now, and then."""
    found: list[tuple[Ref, str, str]] = []
    for ref, current, target in _services(way, live):
        if current is None or target is None or _selector(current) == _selector(target):
            continue
        now, then = _reach(current, live.bodies), _reach(target, _present(way))
        found.append((ref, _named(now, live.bodies), _named(then, _present(way))))
    return found


def serving(bodies: Mapping[Ref, Tree]) -> set[Ref]:
    """The workloads that a Service among `bodies` leads to, other than for looking at a stage."""
    services = (body for ref, body in bodies.items() if ref.kind == "Service" and not _is_stage(body))
    return {ref for service in services for ref in _reach(service, bodies)}


def _states(found: KubeObject, way: Way, live: Live, moves: _Moves) -> tuple[Tree | None, Tree]:
    """The live state of an object and the one to bring back, without a count that is left to an autoscaler."""
    current, target = live.state(found.ref), found.body
    if current is None or not found.ref.is_workload or not _autoscaled(way, live, found.ref):
        return current, target
    if _count(found, way, live, moves) is not None:
        return current, target
    return drop(current, "spec", "replicas"), drop(target, "spec", "replicas")


def _differs(found: KubeObject, way: Way, live: Live, moves: _Moves) -> bool:
    current, target = _states(found, way, live, moves)
    return current is None or bool(differences(current, target))


def _restored(found: KubeObject, way: Way, live: Live, moves: _Moves) -> KubeObject:
    autoscaled = _autoscaled(way, live, found.ref)
    return to_restore(found, live, autoscaled=autoscaled, count=_count(found, way, live, moves))


def _count(found: KubeObject, way: Way, live: Live, moves: _Moves) -> int | None:
    """The count to bring a workload up with, where that is another than usual.

    No copies are taken away before the traffic is where it belongs. An autoscaler's count stands, except that
    it has not counted traffic that is yet to come back, and none at all where there is no copy.
    """
    before = live.bodies.get(found.ref)
    saved, now = number(found.body, "spec", "replicas"), number(before, "spec", "replicas")
    if found.ref.kind not in SCALABLE or saved is None or now is None:
        return None
    if _autoscaled(way, live, found.ref):
        return saved if now < saved and (now == 0 or found.ref in moves.arriving) else None
    return now if now > saved and found.ref not in moves.leaving else None


def _autoscaled(way: Way, live: Live, ref: Ref) -> bool:
    """Whether an autoscaler owns the count once the way is gone: one that the undone release brought does not."""
    gone = {(item.namespace, item.name) for item in way.absent() if item.kind == _AUTOSCALER}
    kept = tuple(item for item in live.autoscalers if _identity(item) not in gone)
    restored = tuple(item.body for item in way.present() if item.ref.kind == _AUTOSCALER)
    return Live({}, kept + restored).autoscaled(ref)


def _identity(body: Tree) -> tuple[str | None, str | None]:
    return text(body, "metadata", "namespace"), text(body, "metadata", "name")


def _moves(way: Way, live: Live) -> _Moves:
    arriving: set[Ref] = set()
    leaving: set[Ref] = set()
    for _, current, target in _services(way, live):
        if _selector(current) == _selector(target):
            continue
        now, then = _reach(current, live.bodies), _reach(target, _present(way))
        arriving |= then - now
        leaving |= now - then
    return _Moves(frozenset(arriving), frozenset(leaving - arriving))


def _services(way: Way, live: Live) -> list[tuple[Ref, Tree | None, Tree | None]]:
    """The Services of the way with their live and their wanted body; those for looking at a stage do not count."""
    found = [(ref, live.bodies.get(ref), body) for ref, body in way.before.items() if ref.kind == "Service"]
    return [item for item in found if not (_is_stage(item[1]) or _is_stage(item[2]))]


def _is_stage(body: Tree | None) -> bool:
    return body is not None and annotation(body, STAGE_SERVICE) == "true"


def _selector(service: Tree | None) -> dict[str, str]:
    return texts(service, "spec", "selector")


def _present(way: Way) -> dict[Ref, Tree]:
    return {item.ref: item.body for item in way.present()}


def _reach(service: Tree | None, bodies: Mapping[Ref, Tree]) -> set[Ref]:
    """The workloads among `bodies` to whose pods a Service leads."""
    wanted = _selector(service).items()
    workloads = [ref for ref in bodies if ref.is_workload]
    return {ref for ref in workloads if wanted and wanted <= template_labels(bodies[ref]).items()}


def _named(refs: Iterable[Ref], bodies: Mapping[Ref, Tree]) -> str:
    named: list[str] = []
    for ref in sorted(refs):
        images = ", ".join(text(item, "image") or "" for item in containers(template(bodies[ref])))
        named.append(f"{ref} ({images})")
    return "; ".join(named) or "nothing"


def _late(way: Way, live: Live, leaving: frozenset[Ref]) -> set[Ref]:
    """The workloads that traffic goes away from, and what only they read or are scaled by."""
    present = _present(way)
    names = {(ref.kind, ref.name) for ref in leaving}
    read = _read(live.bodies.get(ref) for ref in leaving)
    read_by_others = _read(body for ref, body in present.items() if ref not in leaving)
    late = set(leaving)
    for ref, body in present.items():
        scales = ref.kind == _AUTOSCALER and targets_of_autoscaler(body) in names
        if scales or (ref.is_configuration and (ref.kind, ref.name) in read - read_by_others):
            late.add(ref)
    return late


def _read(bodies: Iterable[Tree | None]) -> set[tuple[str, str]]:
    return {name for body in bodies if body is not None for name in configuration_names(template(body))}
