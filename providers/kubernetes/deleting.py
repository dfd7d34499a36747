"""K8sDelete: remove named objects, or all of a release. What they were is recorded first, for the way back."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import JsonValue

from providers.errors import ProviderError, ProviderRefused
from providers.interface import Attempt
from providers.kubernetes.applying import delete_all, ours_to_delete
from providers.kubernetes.cluster import each
from providers.kubernetes.deploying import outputs
from providers.kubernetes.history import History
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.naming import find_ref
from providers.kubernetes.objects import NEVER_DELETED, Ref
from providers.kubernetes.records import Content, Record, StoredObject, of_token
from providers.kubernetes.values import DeleteSpec, Operation, ResourceNames
from providers.kubernetes.waiting import until_gone
from providers.values import Effect, Outcome


async def delete(site: Site, spec: DeleteSpec, attempt: Attempt) -> Outcome:
    """Delete the objects and wait until they are gone; SKIPPED if none exists."""
    history = History(site.cluster, site.namespace, site.release)
    records = await history.read()
    record = of_token(records, attempt.token)
    if record is not None:
        refs: Iterable[Ref] = [stored.ref for stored in record.content.before]
    elif isinstance(spec.resources, ResourceNames):
        refs = await each(spec.resources.spec.resource_names, lambda name: find_ref(site, name))
        _refuse_precious(refs)
    else:
        refs = {stored.ref for item in records for stored in item.content.applied}
    live = await read_live(site, refs)
    if record is None:
        chosen = _chosen(spec, live, site.release)
        if not chosen:
            reason = "None of the objects exists."
            return Outcome(effect=Effect.SKIPPED, reason=reason, outputs=_deleted([]))
        content = Content(before=tuple(StoredObject.of(ref, live.state(ref)) for ref in chosen))
        record = await history.begin(records, Operation.DELETE, attempt.token, content, attempt.before_effect)
    names = [stored.ref for stored in record.content.before]
    try:
        existing = [ref for ref in names if ref in live.bodies]
        await delete_all(site, existing, live, attempt.before_effect)
        await until_gone(site, names, live, attempt)
    except ProviderError:
        await history.fail(record, attempt.before_effect)
        raise
    await history.finish(record, records, attempt.before_effect)
    return _outcome(site, record, names)


def _chosen(spec: DeleteSpec, live: Live, release: str) -> list[Ref]:
    """Of the objects that exist, those to delete: named ones as they are, of a whole release only our own."""
    if isinstance(spec.resources, ResourceNames):
        return sorted(live.bodies)
    return sorted(ours_to_delete(live.bodies, live, release))


def _refuse_precious(refs: Iterable[Ref]) -> None:
    for ref in refs:
        if ref.kind in NEVER_DELETED:
            raise ProviderRefused(
                f"{ref} is not deleted by a pipeline, since no rollback could bring back what it holds: "
                "delete it with kubectl."
            )


def _deleted(names: list[Ref]) -> dict[str, JsonValue]:
    return {"deleted": ",".join(str(ref) for ref in names)}


def _outcome(site: Site, record: Record, names: list[Ref]) -> Outcome:
    return Outcome(effect=Effect.CHANGED, outputs={**outputs(site, record), **_deleted(names)})
