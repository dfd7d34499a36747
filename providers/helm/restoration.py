"""What a rollback would do, decided from what is there: for the rollback itself, the preview and preflight."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from providers.errors import ProviderNotFound
from providers.helm.keepsakes import kept_objects, recall
from providers.helm.releases import Releases, Revision, Status, read_releases
from providers.helm.states import Declared, declared, is_kept, objects_of, without_count
from providers.helm.values import HelmSnapshot
from providers.kubernetes.diff import differences
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.objects import KubeObject, Ref
from providers.tree import Tree


@dataclass(frozen=True)
class Way:
    """The way back: the saved revision, what its objects are now, what was kept of it, and what it does not have.

    `surplus` are the objects of the newest revision that the saved one has not, and Helm would delete.
    """

    releases: Releases
    newest: Revision
    saved: Revision
    found: Declared
    kept: dict[Ref, Tree | None]
    surplus: Live

    @property
    def at_saved(self) -> bool:
        """Whether the release, by Helm's own record, is what it was."""
        return self.newest.came_up and self.newest.same_content(self.saved)

    def differing(self) -> tuple[Ref, ...]:
        """The objects that Helm has to change, by the manifest; not those whose own state was kept."""
        return tuple(ref for ref in self.found.changed() if ref not in self.kept)

    def handmade(self) -> tuple[KubeObject, ...]:
        """The objects that are not as they were kept. One that somebody had deleted is not deleted again."""
        return tuple(item for item in kept_objects(self.kept) if self._differs(item))

    def _differs(self, item: KubeObject) -> bool:
        state = self.found.state(item.ref)
        if state is None:
            return True
        live = self.found.live
        pair = (without_count(body, item.ref, live) for body in (state, item.body))
        return bool(differences(*pair))

    @property
    def by_helm_done(self) -> bool:
        """Whether Helm has nothing left to do."""
        return self.at_saved and not self.differing() and not self.surplus.bodies

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left to do."""
        return self.by_helm_done and not self.handmade()

    def workloads(self) -> list[Ref]:
        return [item.ref for item in self.found.objects if item.ref.is_workload]


async def read_way(site: Site, snapshot: HelmSnapshot) -> Way:
    """The way back to a snapshot that existed. ProviderNotFound, with the reason, where there is none."""
    releases = await read_releases(site)
    newest, saved = releases.newest, releases.find(snapshot.revision)
    if newest is None:
        raise ProviderNotFound(
            f'The release "{site.release}" was uninstalled from namespace {site.namespace}, with its history.'
        )
    if saved is None:
        saved = _same(releases, snapshot)
    if saved is None:
        kept = ", ".join(str(item.number) for item in releases.all)
        raise ProviderNotFound(
            f'Revision {snapshot.revision} of the release "{site.release}" is no longer in its history '
            f"(there are {kept}): it was deleted, or pruned by --history-max."
        )
    objects, kept_states = await asyncio.gather(objects_of(site, saved), recall(site, snapshot.revision))
    found, surplus = await asyncio.gather(declared(site, objects), _surplus(site, newest, objects))
    return Way(releases, newest, saved, found, kept_states, surplus)


def _same(releases: Releases, snapshot: HelmSnapshot) -> Revision | None:
    """Another revision with the very content of the saved one: a rollback to it made before."""
    wanted = (snapshot.chart, snapshot.chart_version, snapshot.manifest_digest, snapshot.values_digest)
    for item in reversed(releases.all):
        content = (item.chart, item.chart_version, item.manifest_digest, item.values_digest)
        if item.status is not Status.UNINSTALLED and content == wanted:
            return item
    return None


async def _surplus(site: Site, newest: Revision, objects: tuple[KubeObject, ...]) -> Live:
    saved = {item.ref.identity for item in objects}
    placed = await objects_of(site, newest)
    return await read_live(
        site, [item.ref for item in placed if item.ref.identity not in saved and not is_kept(item)]
    )
