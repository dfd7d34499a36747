"""The live state of a set of objects, read at once: bodies, and what autoscalers own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from providers.kubernetes.cluster import Cluster, by_selector, each
from providers.kubernetes.discovery import AUTOSCALER, DAEMON_SET, DEPLOYMENT, STATEFUL_SET, Kind
from providers.kubernetes.objects import RELEASE_LABEL, Ref, stateless, targets_of_autoscaler
from providers.tree import Tree, text


@dataclass(frozen=True)
class Site:
    """One release name in one namespace of one cluster."""

    cluster: Cluster
    namespace: str
    release: str


@dataclass(frozen=True)
class Live:
    """What was found: only objects that exist, as the API server sends them.

    `autoscalers` are the HorizontalPodAutoscalers of the namespaces that hold workloads.
    """

    bodies: Mapping[Ref, Tree]
    autoscalers: tuple[Tree, ...] = ()

    def state(self, ref: Ref) -> Tree | None:
        """What one would apply to have the object as it is now; None if there is none."""
        body = self.bodies.get(ref)
        return stateless(body) if body is not None else None

    def autoscaled(self, ref: Ref) -> bool:
        return any(
            targets_of_autoscaler(item) == (ref.kind, ref.name)
            for item in self.autoscalers
            if text(item, "metadata", "namespace") == ref.namespace
        )


async def read_live(site: Site, refs: Iterable[Ref]) -> Live:
    """Read the objects of `refs`, several at once, and the autoscalers beside the workloads among them."""
    wanted = sorted(set(refs), key=str)
    namespaces = {ref.namespace for ref in wanted if ref.is_workload and ref.namespace}

    async def autoscalers(namespace: str) -> tuple[Tree, ...]:
        return await site.cluster.list_if_served(AUTOSCALER, namespace)

    found, scalers = await asyncio.gather(each(wanted, site.cluster.get), each(namespaces, autoscalers))
    bodies = {ref: body for ref, body in zip(wanted, found, strict=True) if body is not None}
    return Live(bodies, tuple(item for group in scalers for item in group))


async def labelled_workloads(site: Site, namespaces: Iterable[str]) -> set[Ref]:
    """All workloads that carry the release's label, whatever strategy made them."""
    selector = by_selector({RELEASE_LABEL: site.release})

    async def one(where: tuple[str, Kind]) -> list[Ref]:
        namespace, kind = where
        found = await site.cluster.list_if_served(kind, namespace, selector)
        return [Ref.of_body(body) for body in found]

    kinds = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)
    listed = await each([(namespace, kind) for namespace in sorted(namespaces) for kind in kinds], one)
    return {ref for part in listed for ref in part}
