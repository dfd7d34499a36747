"""Taking over fields that a server-side apply is to remove, before it is sent. What and how: ownership.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from providers.errors import ProviderConflict
from providers.kubernetes.calls import Effect
from providers.kubernetes.cluster import FIELD_MANAGER, each
from providers.kubernetes.live import Live, Site
from providers.kubernetes.objects import KubeObject, stateless
from providers.kubernetes.ownership import Claims, abandoned, managed_fields, superfluous, with_claims
from providers.kubernetes.preparation import stale_strategy
from providers.tree import Tree, at, text

Wanted = Callable[[KubeObject, Tree], Claims]
_TRIES = 3


async def claim_surplus(site: Site, objects: Iterable[KubeObject], live: Live, effect: Effect) -> None:
    """Before a rollback: what the live objects have and the states to bring back have not."""

    def surplus(found: KubeObject, body: Tree) -> Claims:
        claims = superfluous(managed_fields(body), stateless(body), found.body)
        # Whose it is was decided before (preparation.with_live_replicas); an absent count is not a removal.
        return {path: value for path, value in claims.items() if path != ("f:spec", "f:replicas")}

    await each(objects, lambda found: _claim(site, found, live, surplus, effect))


async def claim_abandoned(site: Site, objects: Iterable[KubeObject], live: Live, effect: Effect) -> None:
    """Before a deployment: what the last one had and this one has not, and what its strategy does not allow."""

    def stale(found: KubeObject, body: Tree) -> Claims:
        claims = abandoned(managed_fields(body), FIELD_MANAGER, stateless(body), found.body)
        surplus = stale_strategy(found.body, body)
        return claims | superfluous(managed_fields(body), surplus, _emptied(surplus))

    await each(objects, lambda found: _claim(site, found, live, stale, effect))


def _emptied(surplus: Tree) -> Tree:
    spec = at(surplus, "spec")
    return {"spec": {key: {} for key in spec}} if isinstance(spec, dict) else {}


async def _claim(site: Site, found: KubeObject, live: Live, wanted: Wanted, effect: Effect) -> None:
    body = live.bodies.get(found.ref)
    for _ in range(_TRIES):
        if body is None or not managed_fields(body):
            return
        managed = with_claims(managed_fields(body), FIELD_MANAGER, found.ref.api_version, wanted(found, body))
        if managed is None:
            return
        version = text(body, "metadata", "resourceVersion") or ""
        try:
            await site.cluster.set_owners(found.ref, version, managed, effect)
        except ProviderConflict:
            # A controller wrote to it meanwhile: what it is now is looked at again.
            body = await site.cluster.get(found.ref)
        else:
            return
