"""How the live objects differ from what a revision's manifest says, told by the API server itself.

A server-side apply that keeps nothing answers with what each object would become, defaults and all, so nothing
differs that only looks different.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from providers.errors import ProviderNotFound, ProviderRefused
from providers.helm.releases import Revision
from providers.kubernetes.applying import place_all
from providers.kubernetes.cluster import each
from providers.kubernetes.diff import differences
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.manifests import parse
from providers.kubernetes.objects import KubeObject, Ref, annotation, stateless
from providers.tree import Tree, drop

# What Helm keeps packed in a Secret of at most 1 MiB.
_MOST_BYTES = 16 << 20
_KEEP = "helm.sh/resource-policy"


@dataclass(frozen=True)
class Declared:
    """What a manifest declares, what is live of it, and what each object would be if it were applied.

    `wanted` leaves out what the API server refuses to tell (the template of a Job cannot change, for example).
    """

    objects: tuple[KubeObject, ...]
    live: Live
    wanted: dict[Ref, Tree]

    def state(self, ref: Ref) -> Tree | None:
        """What one would apply to have the object as it is now."""
        return self.live.state(ref)

    def target(self, ref: Ref) -> Tree | None:
        """What the object would be; without a count that an autoscaler owns."""
        body = self.wanted.get(ref)
        return without_count(stateless(body), ref, self.live) if body is not None else None

    def differs(self, ref: Ref) -> bool:
        state, target = self.state(ref), self.target(ref)
        if target is None:
            return state is None
        return state is None or bool(differences(without_count(state, ref, self.live), target))

    def changed(self) -> tuple[Ref, ...]:
        """The objects that are not as the manifest says."""
        return tuple(item.ref for item in self.objects if self.differs(item.ref))


def without_count(state: Tree, ref: Ref, live: Live) -> Tree:
    return drop(state, "spec", "replicas") if ref.is_workload and live.autoscaled(ref) else state


async def objects_of(site: Site, revision: Revision) -> tuple[KubeObject, ...]:
    """The objects of a revision's manifest, in their namespaces."""
    name = f"{site.release}, revision {revision.number}"
    return await place_all(site, parse(name, revision.manifest, _MOST_BYTES))


async def declared(site: Site, objects: Iterable[KubeObject]) -> Declared:
    """Compare: two requests for each object, several at once."""
    listed = tuple(objects)
    live = await read_live(site, [item.ref for item in listed])

    async def one(found: KubeObject) -> tuple[Ref, Tree | None]:
        if await site.cluster.discovery.find(found.ref.api_version, found.ref.kind) is None:
            return found.ref, None
        try:
            return found.ref, await site.cluster.apply(found, None, dry_run=True)
        except ProviderNotFound:
            return found.ref, None  # its namespace is gone
        except ProviderRefused as error:
            if "permission" in error.message or "credentials" in error.message:
                raise
            return found.ref, None

    wanted = {ref: body for ref, body in await each(listed, one) if body is not None}
    return Declared(listed, live, wanted)


def is_kept(found: KubeObject) -> bool:
    """Whether Helm leaves the object alone where it would delete it."""
    return (annotation(found.body, _KEEP) or "").strip().lower() == "keep"
