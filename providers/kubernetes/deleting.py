"""K8sDelete: remove named objects, or all of a release. What they were is recorded first, for the way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.kubernetes.applying import ours_to_delete, remove
from providers.kubernetes.cluster import each
from providers.kubernetes.history import History
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.naming import find_ref
from providers.kubernetes.objects import NEVER_DELETED, Ref
from providers.kubernetes.plans import outputs
from providers.kubernetes.records import Content, Record, StoredObject, newest, of_token
from providers.kubernetes.values import DeleteSpec, Operation, ResourceNames
from providers.values import Effect, Outcome

# Finds the objects to delete, and no others.
Choose = Callable[[tuple[Record, ...]], Awaitable[Live]]


async def delete(site: Site, spec: DeleteSpec, attempt: Attempt) -> Outcome:
    """K8sDelete: named objects as they are, or all of the release that are our own."""

    async def named(resources: ResourceNames) -> Live:
        refs = await each(resources.spec.resource_names, lambda name: find_ref(site, name))
        _refuse_precious(refs)
        return await read_live(site, refs)

    async def choose(records: tuple[Record, ...]) -> Live:
        if isinstance(spec.resources, ResourceNames):
            return await named(spec.resources)
        live = await read_live(site, {stored.ref for record in records for stored in record.content.applied})
        return Live({ref: live.bodies[ref] for ref in ours_to_delete(live.bodies, live, site.release)})

    return await delete_once(site, Operation.DELETE, choose, attempt)


async def delete_once(site: Site, operation: Operation, choose: Choose, attempt: Attempt) -> Outcome:
    """Record what `choose` finds, delete it and wait until it is gone; SKIPPED if it finds nothing.

    A repetition goes on with what its record names.
    """
    history = History(site)
    records = await history.read()
    record = of_token(records, attempt.token)
    if record is not None and record.finished:
        return _outcome(site, record)
    if record is not None:
        live = await read_live(site, {stored.ref for stored in record.content.before})
    else:
        live = await choose(records)
        if not live.bodies:
            reason = "None of the objects exists."
            return Outcome(
                effect=Effect.SKIPPED, reason=reason, outputs={**outputs(site, newest(records)), "deleted": ""}
            )
        before = tuple(StoredObject.of(ref, live.state(ref)) for ref in sorted(live.bodies))
        content = Content(before=before)
        record = await history.begin(records, operation, attempt.token, content, attempt.before_effect)
    async with history.ending(record, records, attempt.before_effect):
        await remove(site, live.bodies, live, attempt)
    return _outcome(site, record)


def _refuse_precious(refs: Iterable[Ref]) -> None:
    for ref in refs:
        if ref.kind in NEVER_DELETED:
            raise ProviderRefused(
                f"{ref} is not deleted by a pipeline, since no rollback could bring back what it holds: "
                "delete it with kubectl."
            )


def _outcome(site: Site, record: Record) -> Outcome:
    deleted = ",".join(str(stored.ref) for stored in record.content.before)
    return Outcome(effect=Effect.CHANGED, outputs={**outputs(site, record), "deleted": deleted})
