"""The live pods of a release's workloads, with the revision of the release that they run."""

from __future__ import annotations

from providers.helm.releases import Releases, Revision, read_releases
from providers.helm.states import objects_of
from providers.helm.values import HelmPodDetails
from providers.kubernetes.instances import of_workloads
from providers.kubernetes.live import Site
from providers.kubernetes.objects import Ref
from providers.values import LiveInstance, Release


async def instances(site: Site, release: Release) -> tuple[LiveInstance, ...]:
    """The pods that run or are about to, ordered by key; none where there is no release."""
    releases = await read_releases(site)
    newest = releases.newest
    if newest is None:
        return ()
    refs: set[Ref] = set()
    for revision in {newest.number: newest, **_deployed(releases)}.values():
        refs |= {item.ref for item in await objects_of(site, revision)}
    found = await of_workloads(site, refs, release.artifact, by_label=False)
    return tuple(_numbered(item, newest, releases.origin(newest), site.release) for item in found)


def _deployed(releases: Releases) -> dict[int, Revision]:
    base = releases.base
    return {base.number: base} if base is not None else {}


def _numbered(instance: LiveInstance, newest: Revision, origin: int, release: str) -> LiveInstance:
    of_release = {
        "release_name": release,
        "release_revision": newest.number,
        "chart": newest.chart,
        "chart_version": newest.chart_version,
        "app_version": newest.app_version,
    }
    details = HelmPodDetails.model_validate({**instance.details, **of_release})
    artifact = instance.artifact.model_copy(update={"revision": str(origin)})
    return instance.model_copy(update={"artifact": artifact, "details": details.as_json()})
