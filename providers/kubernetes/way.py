"""The way back, from the history: what each object was before the releases that are undone. Pure.

The state that counts is the one after the last release that was really deployed. A failed one in between is
undone together with what came after it, because its record holds what was there before it too; unless it was a
rollback: what that was to bring back is what was wanted since.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from providers.errors import ProviderNotFound
from providers.kubernetes.live import Live
from providers.kubernetes.objects import KubeObject, Ref
from providers.kubernetes.records import Content, Record
from providers.kubernetes.values import KubernetesSnapshot, ObjectState, Operation
from providers.tree import Tree, digest, text


@dataclass(frozen=True)
class Way:
    """The states to bring back: `before` by object, None for one that did not exist. `undone` are the releases."""

    before: dict[Ref, Tree | None]
    undone: tuple[Record, ...]

    def present(self) -> tuple[KubeObject, ...]:
        """The objects to have again. A Job has run: its template cannot change, and a new one would run again."""
        return tuple(
            KubeObject(ref, body) for ref, body in self.before.items() if body is not None and not _is_job(ref)
        )

    def absent(self) -> tuple[Ref, ...]:
        return tuple(ref for ref, body in self.before.items() if body is None)


def way_back(records: Iterable[Record], base: int, own_token: str | None = None) -> Way:
    """What the releases after `base` changed, as it was before the first of them; the own rollback left out."""
    undone = tuple(record for record in records if record.number > base and record.token != own_token)
    before: dict[Ref, Tree | None] = {}
    for record in undone:
        if record.operation is Operation.ROLL_BACK and not record.finished:
            before.update(_wanted(record.content))
        for stored in record.content.before:
            before.setdefault(stored.ref, stored.body)
    return Way(before, undone)


def _wanted(content: Content) -> dict[Ref, Tree | None]:
    """What a rollback was to bring back, and what it was to remove; Jobs it leaves alone."""
    applied: dict[Ref, Tree | None] = {stored.ref: stored.body for stored in content.applied}
    return {stored.ref: None for stored in content.before if not _is_job(stored.ref)} | applied


def _is_job(ref: Ref) -> bool:
    return (ref.group, ref.kind) == ("batch", "Job")


def ref_of(state: ObjectState) -> Ref:
    return Ref.of(state.api_version, state.kind, state.name, state.namespace)


def fingerprint(ref: Ref, body: Tree, live: Tree | None) -> str:
    """A digest that tells whether an object changed; of a Secret it tells nothing of the content."""
    if ref.kind == "Secret" and not ref.group:
        metadata = (text(live, "metadata", "uid"), text(live, "metadata", "resourceVersion"))
        return digest([*metadata]) if live is not None else ""
    return digest(body)


def without_gaps(snapshot: KubernetesSnapshot, way: Way, records: Iterable[Record], live: Live) -> Way:
    """The way, if the history still tells all of it; an empty one if nothing changed since the snapshot.

    ProviderNotFound otherwise. Records are numbered without gaps, so a missing one was deleted: by hand, with its
    namespace, or because newer ones took its place.
    """
    base = snapshot.release_number
    first = min((record.number for record in way.undone), default=None)
    if first == base + 1 and (base == 0 or any(record.number == base for record in records)):
        return way
    changed = [str(ref_of(state)) for state in snapshot.objects if state.digest != _fingerprint_now(state, live)]
    if not changed:
        return Way({}, ())
    raise ProviderNotFound(
        f"The release history in the cluster does not say what {', '.join(changed[:5])} was before: "
        "its record was deleted, or something other than Unship made the change. Deploy the earlier version."
    )


def _fingerprint_now(state: ObjectState, live: Live) -> str | None:
    ref = ref_of(state)
    body = live.state(ref)
    return fingerprint(ref, body, live.bodies.get(ref)) if body is not None else None
